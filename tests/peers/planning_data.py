"""planning.data.gov.uk as its pages document it, on loopback: filters, paging, links and errors."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import shapely

from tests.peers.planit import as_json
from tests.peers.server import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.peers.server import Asked

KNOWN: Final = (
    "planning-application", "conservation-area", "listed-building", "article-4-direction-area",
)  # fmt: skip
HTML: Final = b"<!DOCTYPE html><html><h1>There is a problem</h1></html>"
MART: Final = "POINT (-1.51811846 54.14134578)"
SQUARE: Final = (
    "POLYGON ((-1.519 54.141, -1.517 54.141, -1.517 54.142, -1.519 54.142, -1.519 54.141))"
)


def an_entity(number: int = 7_099_999_901, **changes: object) -> dict[str, Any]:
    """One application in the documented form, on the Old Auction Mart; name only what matters."""
    return {
        "entity": number,
        "dataset": "planning-application",
        "typology": "legal-instrument",
        "prefix": "planning-application",
        "reference": f"ZC26/{number % 100_000:05}/FUL",
        "name": "",
        "organisation-entity": "999",
        "entry-date": "2026-11-05",
        "start-date": "2026-11-02",
        "end-date": "",
        "description": "Erection of 20 dwellings",
        "address-text": "Old Auction Mart, North Road, Ripon",
        "decision-date": "",
        "planning-decision": "",
        "geometry": "",
        "point": MART,
        "quality": "some",
        **changes,
    }


def a_designation(number: int = 44_000_001, **changes: object) -> dict[str, Any]:
    """One conservation area."""
    given = {
        "entity": number, "dataset": "conservation-area", "typology": "geography",
        "prefix": "conservation-area", "reference": f"CA{number % 1000}", "name": "Example Green",
        "organisation-entity": 999, "entry-date": "2024-01-01", "start-date": "1974-05-01",
        "end-date": "", "geometry": SQUARE, "point": MART, "quality": "authoritative",
    }  # fmt: skip
    return {**given, **changes}


class PlanningData:
    """The platform; `entities` is what it knows."""

    def __init__(self, *entities: Mapping[str, Any]) -> None:
        self.entities = [dict(entity) for entity in entities]
        self.page_is_cut_at: int | None = None

    def __call__(self, asked: Asked) -> Answer:
        endings: dict[str, Callable[[Asked], dict[str, Any]]] = {
            "/entity.json": self.listing, "/entity.geojson": self.shapes,
        }  # fmt: skip
        if asked.path not in endings:
            return Answer(status=404, headers={"Content-Type": "text/html"}, body=HTML)
        fault = _fault(asked.query)
        if fault:
            detail = [{"loc": ["query", fault], "msg": "not valid", "type": "value_error"}]
            return as_json({"detail": detail}, status=422)
        answer = as_json(endings[asked.path](asked))
        assert isinstance(answer.body, bytes)
        etag = f'"{hashlib.sha256(answer.body).hexdigest()[:16]}"'
        if asked.headers["If-None-Match"] == etag:
            return Answer(status=304)
        return Answer(headers={**answer.headers, "ETag": etag}, body=answer.body)

    def listing(self, asked: Asked) -> dict[str, Any]:
        found, page = self._found(asked), self._page(asked)
        hidden = {name for text in asked.query.get("exclude_field", []) for name in text.split(",")}
        rows = [{k: v for k, v in e.items() if k not in hidden} for e in page]
        return {"entities": rows, "links": _links(asked, len(found)), "count": len(found)}

    def shapes(self, asked: Asked) -> dict[str, Any]:
        features = [
            {
                "type": "Feature",
                "properties": {k: v for k, v in e.items() if k not in ("geometry", "point")},
                "geometry": json.loads(shapely.to_geojson(_shape(e))),
            }
            for e in self._page(asked)
        ]
        links = _links(asked, len(self._found(asked)))
        return {"type": "FeatureCollection", "features": features, "links": links}

    def _found(self, asked: Asked) -> list[dict[str, Any]]:
        wanted = asked.query.get("dataset", list(KNOWN))
        # Its own default, within, leaves out what reaches across the edge.
        relation = asked.query.get("geometry_relation", ["within"])[0]
        box = shapely.from_wkt(asked.query["geometry"][0]) if "geometry" in asked.query else None
        period = asked.query.get("period", ["all"])[0]
        return [
            e
            for e in sorted(self.entities, key=lambda e: e["entity"])
            if e["dataset"] in wanted
            and (period == "all" or not e["end-date"])
            and (box is None or getattr(shapely, relation)(_shape(e), box))
        ]

    def _page(self, asked: Asked) -> list[dict[str, Any]]:
        offset, limit = _span(asked.query)
        return self._found(asked)[offset : offset + limit][: self.page_is_cut_at]


def _fault(query: Mapping[str, list[str]]) -> str:
    offset, limit = _span(query)
    if not 1 <= limit <= 500:
        return "limit"
    if offset < 0:
        return "offset"
    return "" if set(query.get("dataset", [])) <= set(KNOWN) else "dataset"


def _span(query: Mapping[str, list[str]]) -> tuple[int, int]:
    return int(query.get("offset", ["0"])[0]), int(query.get("limit", ["10"])[0])


def _shape(entity: Mapping[str, Any]) -> shapely.Geometry:
    return shapely.from_wkt(entity["geometry"] or entity["point"])


def _links(asked: Asked, count: int) -> dict[str, str]:
    offset, limit = _span(asked.query)
    if count <= limit:
        return {}

    def link(to: int) -> str:
        query = {**asked.query, "offset": [str(to)]}
        return f"http://{asked.headers['Host']}{asked.path}?{urlencode(query, doseq=True)}"

    links = {"first": link(0), "last": link((count - 1) // limit * limit)}
    if offset + limit < count:
        links["next"] = link(offset + limit)
    if offset:
        links["prev"] = link(max(0, offset - limit))
    return links
