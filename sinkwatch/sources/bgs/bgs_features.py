"""Regional geology and the borehole index of the British Geological Survey, from its own server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

import geopandas as gpd
import numpy as np
import shapely

from sinkwatch import geo, schemas
from sinkwatch.errors import ConfigError
from sinkwatch.sources import snapshots
from sinkwatch.sources.bgs import bgs_records, ogc_features
from sinkwatch.sources.bgs.bgs_records import Record
from sinkwatch.sources.bgs.ogc_box import Box, box_round, wider
from sinkwatch.sources.bgs.ogc_page import Fault, Feature, Question, refuse_too_many

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from sinkwatch.model import Area, Snapshot, SourceSpec
    from sinkwatch.sources.errand import Errand
    from sinkwatch.sources.outside.politeness import HostRule

BASE_URL: Final = "https://ogcapi.bgs.ac.uk"
"""Where BGS answers, unless the area file says otherwise."""

RULE: Final = ogc_features.RULE
"""How it may be asked."""

_GATHERED: Final = (shapely.multipoints, shapely.multilinestrings, shapely.multipolygons)
"""How parts become one shape, by their dimension."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """
    One collection, and how a feature of it is read.

    Attributes
    ----------
    collection
        Its id, unless the area file says otherwise.
    shape
        Point, LineString or Polygon.
    read
        Turns layer, feature and day into a record, or says what is wrong.
    may_be_empty
        Whether an area may have none of it.
    """

    collection: str
    shape: str
    read: Callable[[str, Feature, date], Record | Fault]
    may_be_empty: bool = True

    @property
    def shapes(self) -> frozenset[str]:
        """Return the types of geometry that it may hold."""
        several = set() if self.shape == "Point" else {f"Multi{self.shape}"}
        return frozenset({self.shape, *several})


@dataclass(frozen=True, slots=True, kw_only=True)
class BgsFeatures:
    """
    A kind of source: collections of BGS's server, all in one frame.

    Attributes
    ----------
    schema
        Contract of the frame.
    layers
        By our name for it; all are asked unless the option ``collections`` names some.
    """

    schema: schemas.FrameSchema
    layers: Mapping[str, Layer] = field(default_factory=dict)

    def host_rules(self, spec: SourceSpec) -> dict[str, HostRule]:
        """
        Return the servers that a source asks, and how each may be asked.

        Parameters
        ----------
        spec
            The source; its option ``base_url`` may name another than BGS's own.

        Returns
        -------
        rules
            By server.
        """
        return ogc_features.host_rules(ogc_features.base_url(spec, BASE_URL))

    def fetch(self, spec: SourceSpec, errand: Errand) -> Snapshot:
        """
        Ask for all there is in the area and a kilometre round it.

        Parameters
        ----------
        spec
            The source; its option ``collections`` maps our names of layers to BGS's ids.
        errand
            With the way out.

        Returns
        -------
        snapshot
            GeoJSON, cut to what was asked for; as old as its oldest page.

        Raises
        ------
        SourceError
            If it cannot be asked, or an answer is not whole.
        SchemaError
            If an answer is not as documented, or too much of it is wrong.
        ConfigError
            If an option is wrong.
        """
        collections = self._collections(spec)
        base_url = ogc_features.base_url(spec, BASE_URL)
        service = ogc_features.service(spec, errand, base_url)
        box = box_round(errand.area.bounds)
        records: list[Record] = []
        asked_at = errand.now
        with service.trusted():
            for layer, wanted in collections.items():
                shapes = self.layers[layer].shapes
                collection = service.collection(wanted)
                question = Question(collection=collection, box=box, shapes=shapes)
                found, oldest = self._records(layer, question, service)
                records += found
                asked_at = min(asked_at, oldest)
        content = bgs_records.dumped(records)
        snapshot = snapshots.answered(spec, errand, content, ".geojson", url=base_url)
        return replace(
            snapshot,
            retrieved_at=asked_at,
            checked_at=asked_at,
            edition=_edition(records) or spec.edition,
        )

    def load(self, snapshot: Snapshot, spec: SourceSpec, area: Area) -> gpd.GeoDataFrame:
        """
        Read the copy.

        Parameters
        ----------
        snapshot
            What `fetch` returned.
        spec
            The source.
        area
            The area: what lies further than a kilometre outside its bounds is cut off.

        Returns
        -------
        frame
            Frame of the schema, EPSG:27700, ordered by its key.

        Raises
        ------
        SchemaError
            If it is no such file, or not as promised.
        """
        del spec
        name = snapshots.name_of(snapshot)
        found = bgs_records.loaded(snapshots.content(snapshot), self.schema, name=name)
        frame = _cut(self._on_grid(found, name), area)
        ordered = frame.sort_values(self.schema.key, ignore_index=True)
        return self.schema.check(ordered[[*self.schema.columns, "geometry"]])

    def _on_grid(self, frame: gpd.GeoDataFrame, name: str) -> gpd.GeoDataFrame:
        """Return the frame in EPSG:27700; points lie where their easting and northing say."""
        if self.schema.geometry != schemas.POINT:
            return geo.frame_to_bng(frame, name=name)
        columns = {column: frame[column] for column in self.schema.columns}
        return geo.bng_frame(columns, frame["easting"], frame["northing"])

    def _collections(self, spec: SourceSpec) -> dict[str, str]:
        given = spec.options.get(
            "collections", {name: layer.collection for name, layer in self.layers.items()}
        )
        known = ", ".join(self.layers)
        if not isinstance(given, dict) or not given or not set(given) <= set(self.layers):
            raise ConfigError(
                f"source {spec.name}",
                f"its collections {given} are not named {known}",
                f'Write collections = {{ {next(iter(self.layers))} = "…" }} in the area file',
            )
        return {str(name): str(given[name]) for name in self.layers if name in given}

    def _records(
        self, layer: str, question: Question, service: ogc_features.Service
    ) -> tuple[list[Record], datetime]:
        """Return what can be used of a collection, and when its oldest page was asked for."""
        name = f"{service.source} ({question.collection})"
        records: list[Record] = []
        faults: list[Fault] = []
        n_rows, oldest = 0, service.now
        for page in service.pages(question):
            read = [self.layers[layer].read(layer, f, service.now.date()) for f in page.features]
            records += [
                part
                for one in read
                if isinstance(one, Record) and (part := _part(one, question.box)) is not None
            ]
            faults += [*page.faults, *(one for one in read if isinstance(one, Fault))]
            n_rows += page.n_rows
            oldest = min(oldest, page.asked_at)
        refuse_too_many(faults, n_rows=n_rows, name=name)
        if not records and not self.layers[layer].may_be_empty:
            raise service.refusal(
                f"that {question.collection} has nothing at all here is hardly to be believed"
            )
        return records, oldest


def _edition(records: list[Record]) -> str:
    editions = {record.edition for record in records}
    return editions.pop() if len(editions) == 1 else ""


def _part(record: Record, box: Box) -> Record | None:
    """Return the part of it inside the box: one polygon may reach from coast to coast."""
    geometry = _inside(record.geometry, box.shape())
    return None if geometry is None else replace(record, geometry=geometry)


def _inside(geometry: BaseGeometry, window: BaseGeometry) -> BaseGeometry | None:
    """Return what two shapes share, of the first one's dimension; None if that is nothing."""
    shared = shapely.intersection(geometry, window)
    parts = shapely.get_parts(shapely.get_parts(shared))
    is_alike = shapely.get_dimensions(parts) == shapely.get_dimensions(geometry)
    alike = parts[is_alike & ~shapely.is_empty(parts)]
    if not len(alike):
        return None
    whole: BaseGeometry = alike[0]
    return whole if len(alike) == 1 else _GATHERED[shapely.get_dimensions(whole)](alike)


def _cut(frame: gpd.GeoDataFrame, area: Area) -> gpd.GeoDataFrame:
    window = shapely.box(*wider(area.bounds))
    inside = [_inside(geometry, window) for geometry in frame.geometry]
    is_in = np.array([geometry is not None for geometry in inside], dtype=np.bool_)
    parts = [geometry for geometry in inside if geometry is not None]
    return frame[is_in].set_geometry(gpd.GeoSeries(parts, index=frame.index[is_in], crs=geo.BNG))


ROCKS: Final = BgsFeatures(
    schema=schemas.ROCKS,
    layers={
        "bedrock": Layer(
            collection="bgsgeology625kbedrock",
            shape="Polygon",
            read=bgs_records.rock,
            may_be_empty=False,
        ),
        "superficial": Layer(
            collection="bgsgeology625ksuperficial", shape="Polygon", read=bgs_records.rock
        ),
        "fault": Layer(
            collection="bgsgeology625kfaults", shape="LineString", read=bgs_records.fault
        ),
        "dyke": Layer(collection="bgsgeology625kdykes", shape="Polygon", read=bgs_records.rock),
    },
)
"""Regional geology, 1:625 000: it cannot locate gypsum and decides nothing."""

BOREHOLES: Final = BgsFeatures(
    schema=schemas.BOREHOLES,
    layers={
        "borehole": Layer(
            collection="onshoreboreholeindex",
            shape="Point",
            read=bgs_records.borehole,
            may_be_empty=False,
        )
    },
)
"""That a borehole was drilled, not what it found."""
