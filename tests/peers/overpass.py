"""An Overpass server as its documentation has it, on loopback: one kind of question."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

from tests.peers.server import Answer

if TYPE_CHECKING:
    from tests.peers.server import Asked

_QUESTION: Final = re.compile(
    r'\[out:json\]\[timeout:\d+\];nwr\["addr:housenumber"\]'
    r"\(([\d.-]+),([\d.-]+),([\d.-]+),([\d.-]+)\);out center tags;"
)


def an_element(number: int = 1, kind: str = "node", **changes: object) -> dict[str, Any]:
    """One element in the documented form; name only what matters."""
    longitude, latitude = changes.pop("longitude", -1.5201), changes.pop("latitude", 54.1402)
    place = {"lat": latitude, "lon": longitude}
    return {
        "type": kind,
        "id": number,
        **(place if kind == "node" else {"center": place}),
        "tags": {
            "addr:housenumber": "1",
            "addr:street": "Example Terrace",
            "addr:city": "Ripon",
            "addr:postcode": "HG4 9ZZ",
            "building": "yes",
        },
        **changes,
    }


def tagged(number: int = 1, **tags: object) -> dict[str, Any]:
    """One element with these tags of an address besides its own."""
    element = an_element(number)
    element["tags"] |= {f"addr:{name}": value for name, value in tags.items()}
    return element


def envelope(*elements: object, **changes: object) -> dict[str, Any]:
    return {
        "version": 0.6,
        "generator": "Overpass API 0.7.62",
        "osm3s": {
            "timestamp_osm_base": "2026-11-01T00:00:00Z",
            "copyright": "The data included in this document is from www.openstreetmap.org. "
            "The data is made available under ODbL.",
        },
        "elements": list(elements),
        **changes,
    }


class Overpass:
    """The server; its elements may be changed between two questions."""

    def __init__(self, *elements: dict[str, Any]) -> None:
        self.elements = list(elements)

    def __call__(self, asked: Asked) -> Answer:
        question = _QUESTION.fullmatch(asked.query.get("data", [""])[0])
        if asked.path != "/api/interpreter" or question is None:
            return Answer(status=400, body=b"<html>parse error</html>")
        south, west, north, east = (float(side) for side in question.groups())
        found = []
        for element in self.elements:
            place = element.get("center", element)
            if south <= place["lat"] <= north and west <= place["lon"] <= east:
                found.append(element)
        body = json.dumps(envelope(*found)).encode()
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if asked.headers["If-None-Match"] == etag:
            return Answer(status=304)
        return Answer(headers={"Content-Type": "application/json", "ETag": etag}, body=body)
