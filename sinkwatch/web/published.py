"""The published site, as the link `current` has it at the moment of each request."""

from __future__ import annotations

import functools
import html
import re
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from sinkwatch.web import gate

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

CURRENT: Final = "current"
INDEX: Final = "index.html"

_PART: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
"""What a file of the site may be called; no other name is even looked for."""

_DEEPEST: Final = 12
"""Parts of a path at most: the disk is not asked for longer ones, which it may refuse."""

_META: Final = re.compile(
    rb'<meta http-equiv="Content-Security-Policy" content="([^"]{1,4000})">', re.ASCII
)
_HEAD_BYTES: Final = 8_000
_NOTHING: Final = "default-src 'none'; frame-ancestors 'none'"

_TYPES: Final = {
    ".atom": "application/atom+xml",
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".geojson": "application/geo+json",
    ".gpkg": "application/geopackage+sqlite3",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".pdf": "application/pdf",
    ".pmtiles": "application/vnd.pmtiles",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".xml": "application/xml",
}


class Published:
    """
    An ASGI application that serves one folder of releases.

    Parameters
    ----------
    folder
        Where the releases and the link to the present one lie.
    """

    def __init__(self, folder: Path) -> None:
        self._current = folder / CURRENT

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a file of the present release."""
        if scope["type"] != "http":
            raise HTTPException(HTTPStatus.NOT_FOUND)
        if scope["method"] not in {"GET", "HEAD"}:
            raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "GET, HEAD"})
        if not self._current.is_dir():
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": "3600"})
        parts = _parts(scope["path"])
        file = self._file(parts)
        scope[gate.SHOWN] = scope["path"]  # the name of a public file: it holds no token
        if file.name != parts[-1]:
            # The last part alone, seen from the folder it stands in: no host can be read from it,
            # and it is right behind a proxy that serves the site below a path of its own.
            await Response(None, HTTPStatus.PERMANENT_REDIRECT, _moved(parts[-1]))(
                scope, receive, send
            )
            return
        # Starlette's own answer, since it knows of `If-None-Match` and of parts of a file.
        response = StaticFiles(directory=file.parent).file_response(file, file.stat(), scope)
        response.headers["Content-Security-Policy"] = _policy(file)
        response.headers["Cache-Control"] = "no-cache"
        if response.status_code == HTTPStatus.OK:
            response.headers["Content-Type"] = _TYPES.get(file.suffix, "application/octet-stream")
        await response(scope, receive, send)

    def _file(self, parts: list[str]) -> Path:
        """
        Return the file of a path, which leaves the release neither by dots nor by a link.

        A folder that has a page of its own stands for that page.
        """
        # Resolved once, so that a switch to a newer release meanwhile mixes nothing.
        release = self._current.resolve()
        asked = release.joinpath(PurePosixPath(*parts))
        file = (asked / INDEX if asked.is_dir() else asked).resolve()
        if not file.is_relative_to(release) or not file.is_file():
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return file


def _parts(path: str) -> list[str]:
    """Return the parts of a path; one that ends in a slash means the page of that folder."""
    parts = path.removeprefix("/").split("/")
    if not parts[-1]:
        parts[-1] = INDEX
    if len(parts) > _DEEPEST or not all(map(_PART.fullmatch, parts)):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return parts


def _moved(name: str) -> dict[str, str]:
    return {
        "Location": f"{name}/",
        "Content-Security-Policy": _NOTHING,
        "Cache-Control": "no-cache",
    }


def _policy(file: Path) -> str:
    """Return what a file may load: a page what its own rule says, anything else nothing."""
    if file.suffix != ".html":
        return _NOTHING
    return _policy_of_page(file, file.stat().st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _policy_of_page(file: Path, changed_ns: int) -> str:
    del changed_ns  # a file that is written anew is read anew
    with file.open("rb") as page:
        found = _META.search(page.read(_HEAD_BYTES))
    if found is None:
        return _NOTHING
    return f"{html.unescape(found[1].decode('ascii'))}; frame-ancestors 'none'"
