"""postcodes.io as its source documents it, on loopback: one postcode at a time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tests.peers.server import Answer

if TYPE_CHECKING:
    from tests.peers.server import Asked


def a_postcode(name: str = "HG4 9ZZ", **changes: object) -> dict[str, Any]:
    """One result in the documented form; name only what matters."""
    outcode, _, incode = name.partition(" ")
    return {
        "postcode": name,
        "quality": 1,
        "eastings": 431_450,
        "northings": 471_702,
        "country": "England",
        "nhs_ha": "Example",
        "longitude": -1.5201,
        "latitude": 54.1402,
        "region": "Yorkshire and The Humber",
        "admin_district": "North Yorkshire",
        "admin_county": None,
        "admin_ward": "Example",
        "parish": "Ripon",
        "outcode": outcode,
        "incode": incode,
        "date_of_introduction": "198001",
        "codes": {"admin_district": "E06000065", "admin_county": "E99999999"},
        "a_key_of_next_year": [],
        **changes,
    }


def a_terminated(name: str = "HG4 8ZZ", **changes: object) -> dict[str, Any]:
    return {
        "postcode": name,
        "year_terminated": 2014,
        "month_terminated": 9,
        "longitude": -1.5201,
        "latitude": 54.1402,
        **changes,
    }


class PostcodesIo:
    """The service; what it knows may be changed between two questions."""

    def __init__(self) -> None:
        self.live = {"HG4 9ZZ": a_postcode()}
        self.terminated = {"HG4 8ZZ": a_terminated()}

    def __call__(self, asked: Asked) -> Answer:
        kind, _, rest = unquote(asked.path).removeprefix("/").partition("/")
        postcode, _, verb = rest.partition("/")
        if kind == "postcodes" and verb == "validate":
            return said({"status": 200, "result": postcode in self.live})
        known = {"postcodes": self.live, "terminated_postcodes": self.terminated}.get(kind, {})
        if postcode in known:
            return said({"status": 200, "result": known[postcode]})
        error = {"status": 404, "error": "Postcode not found"}
        if postcode in self.terminated:
            error["terminated"] = self.terminated[postcode]
        return said(error, status=404)


def said(document: object, *, status: int = 200) -> Answer:
    body = json.dumps(document).encode()
    return Answer(status=status, headers={"Content-Type": "application/json"}, body=body)
