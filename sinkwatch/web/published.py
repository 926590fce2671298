"""The published site, as the link `current` has it at the moment of each request."""

from __future__ import annotations

import functools
import html
import re
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from sinkwatch.publish import hosting, release
from sinkwatch.publish.locations import INDEX
from sinkwatch.web import gate

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_PART: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
"""What a file of the site may be called; no other name is even looked for."""

_DEEPEST: Final = 12
"""Parts of a path at most: the disk is not asked for longer ones, which it may refuse."""

_META: Final = re.compile(
    rb'<meta http-equiv="Content-Security-Policy" content="([^"]{1,4000})">', re.ASCII
)
_HEAD_BYTES: Final = 8_000
_NOTHING: Final = "default-src 'none'"
_OF_KIND: Final = {
    # A drawing that is opened by itself has its colours in it; it needs nothing else.
    ".svg": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:",
}
"""What a file that is no page may load, where that is not nothing."""

_UNWANTED: Final = re.compile(r"q=0(?:\.0{0,3})?")
_EFFORT: Final = 6
"""Of gzip: beyond it, time doubles for a hundredth of the size."""


class Published:
    """
    An ASGI application that serves one folder of releases.

    Parameters
    ----------
    folder
        Where the releases and the link to the present one lie.
    """

    def __init__(self, folder: Path) -> None:
        self._current = folder / release.CURRENT

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a file of the present release."""
        if scope["type"] != "http":
            raise HTTPException(HTTPStatus.NOT_FOUND)
        if scope["method"] not in {"GET", "HEAD"}:
            raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "GET, HEAD"})
        if not self._current.is_dir():
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": "3600"})
        parts = _parts(scope["path"])
        # Resolved once, so that a switch to a newer release meanwhile mixes nothing.
        top = self._current.resolve()
        file = _file(top, parts)
        scope[gate.SHOWN] = scope["path"]  # the name of a public file: it holds no token
        if file.name == parts[-1]:
            answer = _answer(file, file.relative_to(top).as_posix(), scope)
        else:
            answer = Response(None, HTTPStatus.PERMANENT_REDIRECT, _moved(parts))
        await answer(scope, receive, send)


def _file(top: Path, parts: list[str]) -> Path:
    """
    Return the file of a path, which leaves the release neither by dots nor by a link.

    A folder that has a page of its own stands for that page.
    """
    asked = top.joinpath(PurePosixPath(*parts))
    file = (asked / INDEX if asked.is_dir() else asked).resolve()
    if not file.is_relative_to(top) or not file.is_file():
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return file


def _answer(file: Path, path: str, scope: Scope) -> ASGIApp:
    """Return what answers with a file, in as few bytes as the client can read."""
    state = file.stat()
    # Starlette's own answer, since it knows of `If-None-Match` and of parts of a file.
    response = StaticFiles(directory=file.parent).file_response(file, state, scope)
    headers = response.headers
    for name, value in hosting.headers_of(path).items():
        headers[name] = value
    headers[hosting.POLICY] = f"{_policy(file)}; {headers[hosting.POLICY]}"
    if response.status_code != HTTPStatus.NOT_MODIFIED:
        headers["Content-Type"] = hosting.KINDS.get(file.suffix, hosting.ANY_KIND)
    if file.suffix not in hosting.COMPRESSED or state.st_size < hosting.LEAST_COMPRESSED:
        return response
    if _takes_gzip(Headers(scope=scope)):
        # The same content in other bytes: good enough to keep a copy by, not to join parts by.
        headers["ETag"] = f"W/{headers['ETag']}"
        if response.status_code != HTTPStatus.NOT_MODIFIED:
            # Whoever guesses at a secret from the length of what is compressed finds none in these
            # files: they are the same for everyone. The pages of the service, which hold what is
            # one reader's own beside what a stranger may have typed, are never compressed.
            return GZipMiddleware(response, minimum_size=0, compresslevel=_EFFORT)
    headers["Vary"] = "Accept-Encoding"
    return response


def _takes_gzip(headers: Headers) -> bool:
    """Tell whether a client reads gzip; who asks for a part is given one of the file itself."""
    if "range" in headers:
        return False
    named = (each.partition(";") for each in headers.get("accept-encoding", "").split(","))
    return any(
        name.strip() == "gzip" and not _UNWANTED.fullmatch(weight.replace(" ", ""))
        for name, _, weight in named
    )


def _parts(path: str) -> list[str]:
    """Return the parts of a path; one that ends in a slash means the page of that folder."""
    parts = path.removeprefix("/").split("/")
    if not parts[-1]:
        parts[-1] = INDEX
    if len(parts) > _DEEPEST or not all(map(_PART.fullmatch, parts)):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return parts


def _moved(parts: list[str]) -> dict[str, str]:
    # The last part alone, seen from the folder it stands in: no host can be read from it, and it
    # is right behind a proxy that serves the site below a path of its own.
    headers = hosting.headers_of("/".join([*parts, ""]))
    policy = f"{_NOTHING}; {headers[hosting.POLICY]}"
    return {**headers, hosting.POLICY: policy, "Location": f"{parts[-1]}/"}


def _policy(file: Path) -> str:
    """Return what a file may load: a page what its own rule says, others next to nothing."""
    if file.suffix != ".html":
        return _OF_KIND.get(file.suffix, _NOTHING)
    return _policy_of_page(file, file.stat().st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _policy_of_page(file: Path, changed_ns: int) -> str:
    del changed_ns  # a file that is written anew is read anew
    with file.open("rb") as page:
        found = _META.search(page.read(_HEAD_BYTES))
    return _NOTHING if found is None else html.unescape(found[1].decode("ascii"))
