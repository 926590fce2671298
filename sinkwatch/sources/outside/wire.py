"""One request on one connection: to a public address, for so long, for so many bytes."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, IncompleteRead, ReadTimeoutError

if TYPE_CHECKING:
    from types import TracebackType

    from sinkwatch.sources.outside.politeness import HostRule

    Connected = Callable[[socket.socket], None]

_CHUNK: Final = 65_536
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are IPv4
_GZIP: Final = 31  # zlib's number for "with the head and the sum of gzip"


class WireError(Exception):
    """
    A request came to nothing.

    Parameters
    ----------
    rule
        What went wrong.
    may_pass
        Whether the same request may succeed a moment later.
    reached
        Whether there was a connection: if not, the server knows nothing of the request.
    status
        HTTP status that it answered with; 0 if none is to blame.

    Attributes
    ----------
    rule, may_pass, reached, status
        As given.
    """

    def __init__(self, rule: str, *, may_pass: bool, reached: bool = True, status: int = 0) -> None:
        super().__init__(rule)
        self.rule = rule
        self.may_pass = may_pass
        self.reached = reached
        self.status = status


class Line:
    """
    One connection, closed at the end of the block whatever happens.

    No proxy of the environment is used: the address checked must be that of the server itself.

    Parameters
    ----------
    rule
        How long the server may take, and whether it may lie in a private network.
    """

    def __init__(self, rule: HostRule) -> None:
        self._rule = rule
        self._session = requests.Session()
        self._response: requests.Response | None = None
        self._wire: socket.socket | None = None
        self._n_bytes = 0
        self._began_s = time.monotonic()
        self._was_cut = False
        # A server that says one byte a minute is never silent for long enough to time out.
        self._is_over = threading.Event()
        self._watch = threading.Thread(target=self._cut_in_time, daemon=True)

    def __enter__(self) -> Self:
        """Begin to count the time."""
        self._watch.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close everything."""
        self._is_over.set()
        self._watch.join()
        if self._response is not None:
            self._response.close()
        self._session.close()
        if self._wire is not None:
            self._wire.close()

    def ask(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        """
        Send a GET request and read the head of the answer.

        Parameters
        ----------
        url
            Address, checked.
        headers
            To send.

        Returns
        -------
        response
            Its body not read yet; redirects are not followed.

        Raises
        ------
        WireError
            If there is no answer, or it would come from a private network.
        """
        parts = urlsplit(url)
        self._session.trust_env = False
        self._session.adapters.clear()
        self._session.mount(f"{parts.scheme}://{parts.netloc}/", _Adapter(self._connected))
        with self._told_plainly():
            self._response = self._session.get(
                url,
                headers=dict(headers),
                stream=True,
                timeout=(self._rule.connect_s, self._rule.read_s),
                allow_redirects=False,
            )
        return self._response

    def content(self, response: requests.Response, *, n_before: int = 0) -> Iterator[bytes]:
        """
        Read the body, decoded.

        Parameters
        ----------
        response
            What `ask` returned.
        n_before
            Bytes of the same file that an earlier answer brought.

        Yields
        ------
        chunk
            A few bytes more, never more of the file in all than the rule allows.

        Raises
        ------
        WireError
            If it is empty, too large, broken off, too slow, or in an encoding not asked for.
        """
        most = self._rule.most_bytes
        said = response.headers.get("Content-Length", "")
        if said.isdecimal() and n_before + int(said) > most:
            raise _too_large(most)
        n_bytes = n_before
        for chunk in _decoded(response.headers, self._raw(response)):
            n_bytes += len(chunk)
            if n_bytes > most:
                raise _too_large(most)
            yield chunk
        if n_bytes == n_before:
            raise WireError("its answer is empty", may_pass=False)

    def _raw(self, response: requests.Response) -> Iterator[bytes]:
        while chunk := self._next(response):
            self._n_bytes += len(chunk)
            if self._n_bytes > self._rule.most_bytes:  # what decodes to nothing counts as well
                raise _too_large(self._rule.most_bytes)
            yield chunk

    def _next(self, response: requests.Response) -> bytes:
        with self._told_plainly():
            # What is there now: a whole chunk of a slow server would be waited for too long.
            chunk: bytes = response.raw.read1(_CHUNK, decode_content=False) or b""
        if self._was_cut:  # a body without a length ends like this one
            raise self._too_slow()
        return chunk

    @contextlib.contextmanager
    def _told_plainly(self) -> Iterator[None]:
        try:
            yield
        except (requests.RequestException, HTTPError, OSError) as error:
            if self._was_cut:
                raise self._too_slow() from error
            raise _in_plain_words(error, reached=self._wire is not None) from error

    def _too_slow(self) -> WireError:
        return WireError(
            f"it had not answered whole after {round(self._allowed_s(), 1):g} s",
            may_pass=True,
            reached=self._wire is not None,
        )

    def _allowed_s(self) -> float:
        return self._rule.whole_s + self._n_bytes / self._rule.least_bytes_per_s

    def _connected(self, wire: socket.socket) -> None:
        """Look at who has answered, before a byte is sent: a name may lead anywhere by now."""
        address = wire.getpeername()[0]
        if not self._rule.is_a_peer_of_tests and not is_public(address):
            raise WireError(f"it lies at {address}, which is no public address", may_pass=False)
        self._wire = wire.dup()
        if self._was_cut:  # while there was nothing yet to cut
            raise self._too_slow()

    def _cut_in_time(self) -> None:
        while (left_s := self._began_s + self._allowed_s() - time.monotonic()) > 0:
            if self._is_over.wait(left_s):
                return
        self._was_cut = True
        if self._wire is not None:
            with contextlib.suppress(OSError):
                self._wire.shutdown(socket.SHUT_RDWR)


def is_public(address: str) -> bool:
    """
    Tell whether an address is one of the public internet.

    Parameters
    ----------
    address
        IPv4 or IPv6, perhaps with a zone.

    Returns
    -------
    public
        False for private, loopback, link-local, shared, multicast and reserved ones, and for
        IPv6 that stands for such an IPv4.
    """
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        within = parsed.ipv4_mapped or parsed.sixtofour
        if parsed in _NAT64:
            within = ipaddress.IPv4Address(int(parsed) & 0xFFFF_FFFF)
        if within is not None:
            return is_public(str(within))
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


class _Adapter(HTTPAdapter):
    """Connects through `connected`, which may refuse."""

    def __init__(self, connected: Connected) -> None:
        self._connected = connected
        super().__init__(max_retries=0)

    def init_poolmanager(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 - as requests has it
        super().init_poolmanager(*given, **named)
        self.poolmanager.pool_classes_by_scheme = _pools(self._connected)


def _pools(connected: Connected) -> dict[str, type[HTTPConnectionPool]]:
    """Return the kinds of pool whose connections are looked at before anything is sent."""

    def looked_at(wire: socket.socket) -> socket.socket:
        try:
            connected(wire)
        except BaseException:
            wire.close()
            raise
        return wire

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return looked_at(super()._new_conn())

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return looked_at(super()._new_conn())

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _decoded(headers: Mapping[str, str], chunks: Iterator[bytes]) -> Iterator[bytes]:
    encoding = headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return chunks
    if encoding == "gzip":
        return _gunzipped(chunks)
    raise WireError(f'its encoding "{encoding[:40]}" was not asked for', may_pass=False)


def _gunzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack a little at a time: what a bomb holds is never in memory."""
    unpacker = zlib.decompressobj(wbits=_GZIP)
    try:
        for chunk in chunks:
            yield from _unpacked(unpacker, chunk)
    except zlib.error as error:
        raise WireError(f"its gzip is damaged ({error})", may_pass=False) from error
    if not unpacker.eof:
        raise WireError("its gzip breaks off", may_pass=True)


def _unpacked(unpacker: Any, chunk: bytes) -> Iterator[bytes]:  # noqa: ANN401 - zlib's type has no name
    left = chunk
    while True:
        piece = unpacker.decompress(left, _CHUNK)
        left = unpacker.unconsumed_tail
        if unpacker.unused_data:
            raise WireError("there is more after the end of its gzip", may_pass=False)
        if piece:
            yield piece
        if len(piece) < _CHUNK and not left:
            return


def _too_large(most: int) -> WireError:
    return WireError(f"its answer is larger than {most:,} bytes", may_pass=False)


_WORDS: Final[tuple[tuple[type[Exception], str, bool], ...]] = (
    (requests.exceptions.SSLError, "its certificate or its encryption cannot be trusted", False),
    (requests.exceptions.ConnectTimeout, "it could not be reached in time", True),
    (requests.exceptions.ReadTimeout, "it fell silent", True),
    (ReadTimeoutError, "it fell silent", True),
    (IncompleteRead, "its answer breaks off", True),
    (requests.exceptions.ConnectionError, "the connection failed", True),
    (HTTPError, "its answer breaks off", True),
    (OSError, "its answer cannot be understood", False),
)
"""The first that fits; `requests` errors are OSErrors too."""


def _in_plain_words(error: Exception, *, reached: bool) -> WireError:
    words, may_pass = next((w, p) for kind, w, p in _WORDS if isinstance(error, kind))
    return WireError(f"{words} ({type(error).__name__})", may_pass=may_pass, reached=reached)
