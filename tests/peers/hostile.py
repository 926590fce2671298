"""What may come back from any server at all instead of what was asked for, and the reason named."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from sinkwatch.sources.outside.download import Downloader
from sinkwatch.sources.outside.politeness import HostRule
from tests.peers.server import Answer, Asked, Notes, Peer, gzip_bomb

if TYPE_CHECKING:
    from tests.conftest import Clock

MOST_BYTES: Final = 2_000_000
"""Largest answer that `a_downloader` takes: a bomb need not be larger than this to be one."""


class Hostile(NamedTuple):
    """One answer that must not be believed."""

    name: str
    answer: Callable[[], Answer]
    reason: str
    """Words that the error must hold."""


def _sure(**given: object) -> Callable[[], Answer]:
    return lambda: Answer(**given)  # type: ignore[arg-type]


def _moved(location: str, status: int = 302) -> Callable[[], Answer]:
    return _sure(status=status, headers={"Location": location})


def _text(content: str | bytes) -> Callable[[], Answer]:
    return _sure(body=content.encode() if isinstance(content, str) else content)


@cache
def _bomb() -> Answer:
    return Answer(body=gzip_bomb(2 * MOST_BYTES), headers={"Content-Encoding": "gzip"})


def _gzip(body: bytes) -> Callable[[], Answer]:
    return _sure(body=body, headers={"Content-Encoding": "gzip"})


_LATER: Final = "Tue, 24 Nov 2026 08:00:00 GMT"
_PAGE: Final = "<!DOCTYPE html><html><h1>Service unavailable</h1></html>"

TRANSPORT: Final = (
    # No answer at all
    Hostile("204", _sure(status=204), "status 204"),
    Hostile("206", _sure(status=206, body=b"{}"), "status 206"),
    Hostile("400", _sure(status=400, body=b'{"error": "no"}'), "status 400"),
    Hostile("401", _sure(status=401), "status 401"),
    Hostile("403", _sure(status=403, body=b"blocked"), "status 403"),
    Hostile("404", _sure(status=404, body=b"<html>Not found</html>"), "status 404"),
    Hostile("408", _sure(status=408), "status 408"),
    Hostile("410", _sure(status=410), "status 410"),
    Hostile("429 seconds", _sure(status=429, headers={"Retry-After": "60"}), "left alone"),
    Hostile("429 date", _sure(status=429, headers={"Retry-After": _LATER}), "left alone"),
    Hostile("429 bare", _sure(status=429), "left alone"),
    Hostile("500", _sure(status=500), "status 500"),
    Hostile("502", _sure(status=502, body=b"<html>Bad gateway</html>"), "status 502"),
    Hostile("503", _sure(status=503), "status 503"),
    Hostile("503 later", _sure(status=503, headers={"Retry-After": "60"}), "left alone"),
    Hostile("504", _sure(status=504), "status 504"),
    Hostile("no http", _sure(raw=b"SSH-2.0-OpenSSH\r\n"), "the connection failed"),
    # Elsewhere
    Hostile("loopback", _moved("http://127.0.0.1:9/"), "no server on the list"),
    Hostile("private", _moved("http://10.0.0.1/"), "no server on the list"),
    Hostile("metadata", _moved("http://169.254.169.254/latest/", 301), "no server on the list"),
    Hostile("other host", _moved("https://evil.example/", 307), "no server on the list"),
    Hostile("file", _moved("file:///etc/passwd"), "no server on the list"),
    Hostile("nowhere", _sure(status=302), "does not say where"),
    Hostile("in circles", _moved("/again", 308), "more than 3 times"),
    # No file
    Hostile("empty", _sure(), "its answer is empty"),
    Hostile("bomb", _bomb, "its answer is larger than"),
    Hostile("said too large", _sure(headers={"Content-Length": "90000000000"}), "is larger than"),
    Hostile("cut body", _sure(body=b"{", headers={"Content-Length": "900"}), "breaks off"),
    Hostile("cut gzip", _gzip(gzip.compress(b'{"a": 1}' * 99)[:-9]), "breaks off"),
    Hostile("no gzip", _gzip(b'{"a": 1}'), "gzip is damaged"),
    Hostile("gzip and more", _gzip(gzip.compress(b"{}") + b"more"), "after the end of its gzip"),
    Hostile(
        "brotli", _sure(body=b"x", headers={"Content-Encoding": "br"}), '"br" was not asked for'
    ),
)
"""For any connector: no answer, an answer from elsewhere, or no whole file."""

JSON: Final = (
    # No JSON
    Hostile("spaces", _text(" \n \n"), "so it is no JSON"),
    Hostile("html with 200", _text(_PAGE), "so it is no JSON"),
    Hostile("xml", _text('<?xml version="1.0"?><a/>'), "so it is no JSON"),
    Hostile("jsonp", _text('callback({"a": 1})'), "so it is no JSON"),
    Hostile("csv", _text("name,uid\n1,2\n"), "so it is no JSON"),
    Hostile("a word", _text('"nothing"'), "so it is no JSON"),
    Hostile("null", _text("null"), "so it is no JSON"),
    Hostile("byte order mark", _text(b'\xef\xbb\xbf{"a": 1}'), "so it is no JSON"),
    Hostile("utf-16", _text('{"a": 1}'.encode("utf-16")), "so it is no JSON"),
    # Not one meaning
    Hostile("truncated", _text('{"a": [{"b": 1}, {"b": '), "not whole JSON"),
    Hostile("twice", _text('{"a": 1}{"a": 1}'), "not whole JSON"),
    Hostile("single quotes", _text("{'a': 1}"), "not whole JSON"),
    Hostile("latin-1", _text('{"a": "£"}'.encode("latin-1")), "is not UTF-8"),
    Hostile("nan", _text('{"a": NaN}'), "NaN is not a finite number"),
    Hostile("infinity", _text('{"a": -Infinity}'), "-Infinity is not a finite number"),
    Hostile("1e999", _text('{"a": 1e999}'), "1e999 is not a finite number"),
    Hostile("duplicate key", _text('{"a": 1, "a": 2}'), 'key "a" is there twice'),
    Hostile("deep", _text('{"a": ' + "[" * 99 + "]" * 99 + "}"), "nested deeper than 64"),
    Hostile("very deep", _text("[" * 200_000), "nested deeper than 64"),
    Hostile("long text", _text('{"a": "' + "x" * 10_001 + '"}'), "a text of 10,001 characters"),
    Hostile("half a character", _text('{"a": "\\ud83d"}'), "half of a character"),
)
"""For a connector that reads JSON: bytes that are none, or could mean two things."""

ANSWERS: Final = (*TRANSPORT, *JSON)
"""What every connector that reads JSON must refuse, each with its reason."""


def ids(found: Iterable[Hostile]) -> list[str]:
    """Return their names, for `pytest.mark.parametrize`."""
    return [hostile.name for hostile in found]


def a_downloader(peer: Peer, clock: Clock, notes: Notes, *, whole_s: float = 5.0) -> Downloader:
    """The way out to a peer, where waiting moves the clock and takes no time."""

    def wait(seconds: float) -> None:
        clock.move(seconds=seconds)

    rule = HostRule(spacing_s=1, most_bytes=MOST_BYTES, whole_s=whole_s, is_a_peer_of_tests=True)
    return Downloader(rules={peer.host: rule}, notes=notes, agent="x", clock=clock, wait=wait)


def slowly(peer: Peer, *, first_byte: bool) -> Callable[[Asked], Answer]:
    """Answer a byte now and then for ever, or say nothing at all until the peer closes."""

    def answer(_: Asked) -> Answer:
        if not first_byte:
            peer.closing.wait(3)
        return Answer(body=peer.drip())

    return answer
