"""The OS Downloads API as its own description has it, on loopback: paths, queries and refusals."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from tests.peers.server import Answer

if TYPE_CHECKING:
    from tests.peers.server import Asked

BASE_PATH: Final = "/downloads/v1"
STORAGE_PATH: Final = "/storage/"


@dataclass(kw_only=True)
class ReleasedFile:
    """One file of a release, and what is said of it; `said` overrides any key of that."""

    body: bytes
    file_name: str = "codepo_gb.zip"
    area: str = "GB"
    file_format: str = "CSV"
    subformat: str = ""
    said: dict[str, Any] = field(default_factory=dict)

    def described(self, product: str, base_url: str) -> dict[str, Any]:
        """Return its entry in the list of downloads."""
        subformat = {"subformat": self.subformat} if self.subformat else {}
        query = f"area={self.area}&format={quote(self.file_format)}"
        query += f"&subformat={quote(self.subformat)}" if self.subformat else ""
        url = f"{base_url}/products/{product}/downloads?{query}&redirect"
        return {
            "md5": hashlib.md5(self.body, usedforsecurity=False).hexdigest(),
            "size": len(self.body),
            "url": url,
            "format": self.file_format,
            **subformat,
            "area": self.area,
            "fileName": self.file_name,
            **self.said,
        }

    def fits(self, query: dict[str, str]) -> bool:
        mine = {
            "area": self.area,
            "format": self.file_format,
            "subformat": self.subformat,
            "fileName": self.file_name,
        }
        return all(mine[name] == query[name] for name in mine if name in query)


@dataclass(kw_only=True)
class Release:
    """The newest release of one product; `said` overrides what is said of it."""

    version: str
    files: list[ReleasedFile]
    said: dict[str, Any] = field(default_factory=dict)

    def described(self, product: str, base_url: str) -> dict[str, Any]:
        """Return the product's description."""
        url = f"{base_url}/products/{product}"
        return {
            "id": product,
            "name": f"OS {product}",
            "description": "Made up for tests",
            "version": self.version,
            "url": url,
            "documentationUrl": f"https://docs.example/{product}",
            "areas": sorted({file.area for file in self.files}),
            "formats": [{"format": name} for name in sorted({f.file_format for f in self.files})],
            "dataStructures": ["Vector"],
            "category": "Gazetteers",
            "downloadsUrl": f"{url}/downloads",
            "imageCount": 0,
            "images": [],
            **self.said,
        }


class OsDownloads:
    """
    The service.

    `releases` is what it gives away, by product id. `storage` is the server (with its port) to
    which it sends those who want a file; empty for itself.
    """

    def __init__(self, **releases: Release) -> None:
        self.releases = releases
        self.storage = ""
        self.has_etags = True
        self.redirect_status = 307

    def __call__(self, asked: Asked) -> Answer:
        if asked.path.startswith(STORAGE_PATH):
            return self._stored(asked)
        if not asked.path.startswith(f"{BASE_PATH}/products"):
            return _message("Not Found", status=404)
        base_url = f"http://{asked.headers['Host']}{BASE_PATH}"
        return self._answered(asked, asked.path.split("/")[4:], base_url)

    def product_paths(self, product: str) -> list[str]:
        """Return the paths that are asked for one file: product, its downloads, the file."""
        path = f"{BASE_PATH}/products/{product}"
        return [path, f"{path}/downloads", f"{path}/downloads"]

    def _answered(self, asked: Asked, parts: list[str], base_url: str) -> Answer:
        if not parts:
            every = [release.described(name, base_url) for name, release in self.releases.items()]
            return self._fresh_or_not(asked, _as_json(every))
        release = self.releases.get(parts[0])
        if release is None:
            return _message(f"Product {parts[0]} does not exist", status=404)
        if parts[1:] == ["downloads"]:
            return self._downloads(asked, parts[0], release, base_url)
        if parts[1:]:
            return _message("Not Found", status=404)
        return self._fresh_or_not(asked, _as_json(release.described(parts[0], base_url)))

    def _downloads(self, asked: Asked, product: str, release: Release, base_url: str) -> Answer:
        query = {name: values[-1] for name, values in asked.query.items()}
        found = [file for file in release.files if file.fits(query)]
        if not found:
            return _message("No downloads match the query", status=404)
        if "redirect" in query and len(found) == 1:
            where = self.storage or asked.headers["Host"]
            name = f"{product}/{found[0].file_name}"
            location = f"http://{where}{STORAGE_PATH}{name}"
            return Answer(status=self.redirect_status, headers={"Location": location})
        described = [file.described(product, base_url) for file in found]
        return self._fresh_or_not(asked, _as_json(described))

    def _stored(self, asked: Asked) -> Answer:
        product, _, name = asked.path.removeprefix(STORAGE_PATH).partition("/")
        release = self.releases.get(product)
        for file in release.files if release else []:
            if file.file_name == name:
                headers = {"Content-Type": "application/zip"}
                return self._fresh_or_not(asked, Answer(headers=headers, body=file.body))
        return Answer(status=404, body=b"<Error><Code>NoSuchKey</Code></Error>")

    def _fresh_or_not(self, asked: Asked, answer: Answer) -> Answer:
        if not self.has_etags:
            return answer
        assert isinstance(answer.body, bytes)
        etag = f'"{hashlib.sha256(answer.body).hexdigest()[:16]}"'
        if asked.headers["If-None-Match"] == etag:
            return Answer(status=304)
        return Answer(headers={**answer.headers, "ETag": etag}, body=answer.body)


def _as_json(value: object, *, status: int = 200) -> Answer:
    body = json.dumps(value).encode()
    return Answer(status=status, headers={"Content-Type": "application/json"}, body=body)


def _message(text: str, *, status: int) -> Answer:
    return _as_json({"message": text}, status=status)
