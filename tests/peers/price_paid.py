"""HM Land Registry's lists of sales as it documents them: rows, and a server that has them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tests.peers.server import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.peers.server import Asked

COLUMNS = (
    "guid", "price", "date", "postcode", "kind", "is_new", "tenure", "paon", "saon", "street",
    "locality", "town", "district", "county", "category", "status",
)  # fmt: skip


def a_sale(**changes: str) -> str:
    """One row in the documented form, with its line break; name only what matters."""
    cells = {
        "guid": "{00000000-0000-0000-0000-000000000000}",
        "price": "987654",
        "date": "2026-01-01 00:00",
        "postcode": "SM1 9ZZ",
        "kind": "T",
        "is_new": "N",
        "tenure": "F",
        "paon": "1",
        "saon": "",
        "street": "EXAMPLE TERRACE",
        "locality": "",
        "town": "SMALLWORLD",
        "district": "NORTH YORKSHIRE",
        "county": "NORTH YORKSHIRE",
        "category": "A",
        "status": "A",
        **changes,
    }
    return ",".join('"{}"'.format(cells[name].replace('"', '""')) for name in COLUMNS) + "\n"


class Lists:
    """A server with the lists; by name."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = dict(files)

    def __call__(self, asked: Asked) -> Answer:
        content = self.files.get(asked.path.removeprefix("/"))
        if content is None:
            return Answer(status=404, body=b"<html>Not found</html>")
        body = content.encode()
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if asked.headers["If-None-Match"] == etag:
            return Answer(status=304)
        return Answer(headers={"Content-Type": "text/csv", "ETag": etag}, body=body)
