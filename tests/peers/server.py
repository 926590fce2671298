"""A server on this machine's loopback that answers as a test tells it, and keeps what was asked."""

from __future__ import annotations

import functools
import gzip
import itertools
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from email.message import Message


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request."""

    path: str
    query: Mapping[str, list[str]]
    headers: Message


@dataclass(frozen=True, kw_only=True)
class Answer:
    """
    One answer; a length is said unless the body comes in pieces.

    `raw` stands for everything, head included.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] = b""
    raw: bytes = b""


Answers = Callable[[Asked], Answer]


class Peer:
    """The server while it runs."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.asked: list[Asked] = []
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.peer = self
        self.port: int = self._server.server_address[1]
        self.host = f"127.0.0.1:{self.port}"

    def url(self, path: str = "/") -> str:
        return f"http://{self.host}{path}"

    @contextmanager
    def running(self) -> Iterator[Peer]:
        thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.002}
        )
        thread.start()
        try:
            yield self
        finally:
            self.closing.set()
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def drip(self, byte: bytes = b" ") -> Iterator[bytes]:
        """Say one byte now and then, for ever: until the client has had enough."""
        while not self.closing.wait(0.01):
            yield byte


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # joined at the end, so that nothing runs on into another test
    peer: Peer

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that hangs up is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 5

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query, keep_blank_values=True)
        asked = Asked(path=parts.path, query=query, headers=self.headers)
        self.server.peer.asked.append(asked)
        self._say(self.server.peer.answers(asked))
        self.close_connection = True

    def _say(self, answer: Answer) -> None:
        if answer.raw:
            self.wfile.write(answer.raw)
            return
        self.send_response_only(answer.status)
        if "Date" not in answer.headers:
            self.send_header("Date", self.date_time_string())
        for name, value in answer.headers.items():
            self.send_header(name, value)
        pieces = [answer.body] if isinstance(answer.body, bytes) else answer.body
        if isinstance(answer.body, bytes) and "Content-Length" not in answer.headers:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        for piece in pieces:
            self.wfile.write(piece)

    def log_message(self, format: str, *given: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


def one_after_another(*answers: Answer) -> Answers:
    """Give each answer once, and the last one from then on."""
    coming = itertools.chain(answers, itertools.repeat(answers[-1]))
    return lambda _: next(coming)


class File:
    """
    A file as a web server with byte ranges serves it (RFC 9110, 13.1.5 and 14).

    Its first answers break off after so many bytes each, and say all the same how long they are.
    """

    def __init__(
        self, body: bytes, *, headers: Mapping[str, str], breaks: Iterable[int] = ()
    ) -> None:
        self.body = body
        self.headers = headers
        self._breaks = iter(breaks)

    def __call__(self, asked: Asked) -> Answer:
        first, said = asked.headers["Range"], asked.headers["If-Range"]
        is_same = said in (self.headers.get("ETag"), self.headers.get("Last-Modified"))
        if first is None or not is_same:
            return self._sent(200, self.body, {})
        n_had = int(first.removeprefix("bytes=").removesuffix("-"))
        n_bytes = len(self.body)
        if n_had >= n_bytes:
            return Answer(status=416, headers={"Content-Range": f"bytes */{n_bytes}"})
        which = {"Content-Range": f"bytes {n_had}-{n_bytes - 1}/{n_bytes}"}
        return self._sent(206, self.body[n_had:], which)

    def _sent(self, status: int, body: bytes, headers: Mapping[str, str]) -> Answer:
        said = {**self.headers, **headers, "Content-Length": str(len(body))}
        return Answer(status=status, headers=said, body=body[: next(self._breaks, len(body))])


@functools.cache
def gzip_bomb(n_bytes: int) -> bytes:
    """Return few bytes that unpack to many spaces."""
    return gzip.compress(b" " * n_bytes)


def gibibyte_bomb() -> bytes:
    """Return about a megabyte that unpacks to a gibibyte, made at once."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    # Flushed like this, a piece stands for itself and may be repeated.
    piece = packer.compress(bytes(2**24)) + packer.flush(zlib.Z_FULL_FLUSH)
    head, end = gzip.compress(b"")[:10], packer.flush()
    return head + piece * 64 + end + bytes(8)  # with a sum that nobody gets as far as


class Notes:
    """What is remembered of servers, in memory."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, datetime]] = []
        self.holds: dict[str, datetime] = {}

    def last_request_at(self, host: str) -> datetime | None:
        return max((at for name, at in self.requests if name == host), default=None)

    def not_before(self, host: str) -> datetime | None:
        return self.holds.get(host)

    def note_request(self, host: str, at: datetime) -> None:
        self.requests.append((host, at))

    def note_not_before(self, host: str, until: datetime) -> None:
        self.holds[host] = until
