"""OGC API Features as BGS's server speaks it, on loopback: paging, clamping, silences, errors."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from sinkwatch.sources.bgs import ogc_features
from sinkwatch.sources.errand import Errand
from sinkwatch.sources.outside.download import Downloader
from tests.peers.server import Answer, Notes
from tests.sources.samples import a_spec
from tests.world import an_area

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd

    from sinkwatch.model import Snapshot, SourceSpec
    from sinkwatch.sources import OnlineSource
    from tests.conftest import Clock
    from tests.peers.server import Asked, Peer

    Found = dict[str, Any]

JSON: Final = {"Content-Type": "application/json"}


def a_polygon(west: float, south: float, east: float, north: float) -> Found:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


HERE: Final = a_polygon(-1.53, 54.12, -1.5, 54.15)
"""A rectangle in the middle of Smallworld, 2 km by 3."""


def a_rock(number: float = 644.0, geometry: Found | None = HERE, **said: object) -> Found:
    """One polygon of bedrock as documented; name only what matters."""
    properties: Found = {
        "lex": "XXX",
        "lex_d": "EXAMPLE GROUP",
        "rcs": "MDST",
        "rcs_d": "MUDSTONE",
        "max_period": "PERMIAN",
        "version": "5.18",
        "released": "23-04-2008",
        "nom_scale": "625000",
        **said,
    }
    return {"type": "Feature", "id": number, "geometry": geometry, "properties": properties}


def a_borehole(number: float = 1063247.0, **said: object) -> Found:
    """One entry of the borehole index as documented, on the Old Auction Mart."""
    properties: Found = {
        "reference": f"SE37SW{number:.0f}",
        "name": "NORTH ROAD RIPON 2",
        "grid_ref": "SE 31579 71829",
        "easting": 431_579.0,
        "northing": 471_829.0,
        "precision": "± 10 METRES",
        "length": 32.5,
        "year_known": "1972",
        "held_at": "KW",
        "bgs_id": number,
        "scan_url": f"https://api.bgs.ac.uk/sobi-scans/v1/borehole/scans/items/{number:.0f}",
        "ags_log_url": None,
        "water_well_ref": "N/A",
        "scan_quality": "not Entered",
        **said,
    }
    point = {"type": "Point", "coordinates": [-1.518123, 54.141346]}
    return {"type": "Feature", "id": number, "geometry": point, "properties": properties}


class OgcApi:
    """
    The service.

    It gives at most `most` features at a time without a word, compares rectangles instead of
    shapes, and ignores every parameter that it does not know.
    """

    def __init__(self, **collections: Sequence[Found]) -> None:
        self.collections: dict[str, list[Found]] = {
            name: list(found) for name, found in collections.items()
        }
        self.most = 100
        self.has_etags = False

    def __call__(self, asked: Asked) -> Answer:
        query = {name: values[0] for name, values in asked.query.items()}
        if query.get("f") != "json":
            return Answer(body=b"<!DOCTYPE html><title>BGS OGC API</title>")
        if asked.path == "/collections":
            listed = [{"id": name, "itemType": "feature"} for name in self.collections]
            return as_json({"collections": listed, "links": []})
        name = unquote(asked.path).removeprefix("/collections/").removesuffix("/items")
        if name not in self.collections:
            return an_error("NotFound", "Collection not found", status=404)
        return self._fresh_or_not(asked, self._page(self.collections[name], query))

    def _page(self, features: Sequence[Found], query: Mapping[str, str]) -> Found:
        box = [float(side) for side in query["bbox"].split(",")]
        found = [feature for feature in features if _meets(feature["geometry"], box)]
        first, most = int(query.get("offset", 0)), min(int(query.get("limit", 10)), self.most)
        return collection(*found[first : first + most], matched=len(found))

    def _fresh_or_not(self, asked: Asked, page: Found) -> Answer:
        answer = as_json(page)
        if not self.has_etags:
            return answer
        assert isinstance(answer.body, bytes)
        etag = f'"{hashlib.sha256(answer.body).hexdigest()[:16]}"'
        if asked.headers["If-None-Match"] == etag:
            return Answer(status=304)
        return Answer(headers={**answer.headers, "ETag": etag}, body=answer.body)


def as_json(value: object, *, status: int = 200) -> Answer:
    return Answer(status=status, headers=JSON, body=json.dumps(value).encode())


def an_error(code: str, description: str, *, status: int = 400) -> Answer:
    body = {"code": code, "type": code, "description": description}
    return as_json(body, status=status)


def collection(*features: object, matched: int | None = None, **changes: object) -> Found:
    """A page that holds these features and is the only one."""
    return {
        "type": "FeatureCollection",
        "features": list(features),
        "numberMatched": len(features) if matched is None else matched,
        "numberReturned": len(features),
        "timeStamp": "2026-11-01T00:00:00.000000Z",
        "links": [{"rel": "next", "type": "application/geo+json", "href": "/elsewhere"}],
        **changes,
    }


def _meets(geometry: Found | None, box: Sequence[float]) -> bool:
    if geometry is None:
        return True
    pairs = list(_pairs(geometry["coordinates"]))
    longitudes, latitudes = [p[0] for p in pairs], [p[1] for p in pairs]
    return (
        min(longitudes) <= box[2]
        and max(longitudes) >= box[0]
        and min(latitudes) <= box[3]
        and max(latitudes) >= box[1]
    )


def _pairs(held: Sequence[Any]) -> list[Sequence[float]]:
    if not isinstance(held[0], list):
        return [held]
    return [pair for part in held for pair in _pairs(part)]


class World:
    """An area with the service on loopback, a clock that waiting moves, and the last good copy."""

    def __init__(self, peer: Peer, service: OgcApi, folder: Path, clock: Clock) -> None:
        self.peer, self.service, self.folder, self.clock = peer, service, folder, clock
        self.notes = Notes()
        self.waits: list[float] = []
        self.options: dict[str, object] = {"base_url": peer.url("")}
        self.rule = replace(ogc_features.RULE, is_a_peer_of_tests=True, whole_s=5)

    def spec(self, kind: str = "bgs-features") -> SourceSpec:
        return a_spec(kind, None, options=self.options, attribution="UKRI", licence="OGL")

    def downloader(self) -> Downloader:
        def wait(seconds: float) -> None:
            self.waits.append(seconds)
            self.clock.move(seconds=seconds)

        return Downloader(
            rules={self.peer.host: self.rule},
            notes=self.notes,
            agent="sinkwatch/test",
            clock=self.clock,
            wait=wait,
        )

    def errand(self, **step: float) -> Errand:
        self.clock.move(**step)
        return Errand(
            area=an_area(), folder=self.folder, now=self.clock(), downloader=self.downloader()
        )

    def fetch(self, source: OnlineSource, **step: float) -> Snapshot:
        """Ask some time later."""
        return source.fetch(self.spec(), self.errand(**step))

    def frame(self, source: OnlineSource, **step: float) -> gpd.GeoDataFrame:
        """Ask some time later, and read the answer."""
        return source.load(self.fetch(source, **step), self.spec(), an_area())

    def offsets(self) -> list[str]:
        return [asked.query["offset"][0] for asked in self.peer.asked if "offset" in asked.query]
