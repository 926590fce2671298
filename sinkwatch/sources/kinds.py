"""Every kind of source that an area file may name, and which frame each fills."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, Protocol

import geopandas as gpd
import pandas as pd

from sinkwatch import schemas
from sinkwatch.model import FRAME_OF_KIND, Surroundings
from sinkwatch.sources import tables

if TYPE_CHECKING:
    from sinkwatch.model import Area, Snapshot, SourceSpec
    from sinkwatch.sources.errand import Errand
    from sinkwatch.sources.outside.politeness import HostRule


class Source(Protocol):
    """A kind of source: a module or an object with these two functions."""

    def fetch(self, spec: SourceSpec, errand: Errand) -> Snapshot:
        """
        Take a copy of what the source gives now.

        Parameters
        ----------
        spec
            The source.
        errand
            Where copies are kept, the time of the run, the way out, and the copy held.
        """

    def load(self, snapshot: Snapshot, spec: SourceSpec, area: Area) -> gpd.GeoDataFrame:
        """
        Turn a copy into a checked frame, EPSG:27700.

        Parameters
        ----------
        snapshot
            The copy.
        spec
            The source.
        area
            The area.
        """


class OnlineSource(Source, Protocol):
    """A kind of source that asks servers outside."""

    def host_rules(self, spec: SourceSpec) -> Mapping[str, HostRule]:
        """
        Return the servers that a source asks, and how each may be asked.

        Parameters
        ----------
        spec
            The source.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class _InModule:
    """A source in a module that is imported when it is first used: a question waits for none."""

    module: str
    name: str = ""

    def _source(self) -> OnlineSource:
        module = importlib.import_module(f"sinkwatch.sources.{self.module}")
        found: OnlineSource = getattr(module, self.name) if self.name else module
        return found

    def fetch(self, spec: SourceSpec, errand: Errand) -> Snapshot:
        return self._source().fetch(spec, errand)

    def load(self, snapshot: Snapshot, spec: SourceSpec, area: Area) -> gpd.GeoDataFrame:
        return self._source().load(snapshot, spec, area)

    def host_rules(self, spec: SourceSpec) -> Mapping[str, HostRule]:
        return self._source().host_rules(spec)

    def joined(self, first: gpd.GeoDataFrame, second: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        """Let the module say how two frames of its kind become one."""
        module = importlib.import_module(f"sinkwatch.sources.{self.module}")
        both: gpd.GeoDataFrame = module.joined(first, second)
        return both


_APPLICATIONS: Final = _InModule(module="planning.applications")
_CODE_POINT: Final = _InModule(module="ordnance_survey.code_point")
_INVENTORY: Final = _InModule(module="inventory")

ONLINE: Final[Mapping[str, OnlineSource]] = {
    "planit": _InModule(module="planning.planit"),
    "planning-data": _InModule(module="planning.planning_data"),
    "planning-designations": _InModule(module="planning.designations"),
    "idox": _InModule(module="planning.idox"),
    "code-point-open": _CODE_POINT,
    "open-names": _InModule(module="ordnance_survey.open_names"),
    "open-uprn": _InModule(module="ordnance_survey.open_uprn"),
    "openmap-local": _InModule(module="ordnance_survey.openmap_local"),
    "geology-features": _InModule(module="bgs.geology_features"),
    "bgs-features": _InModule(module="bgs.bgs_features", name="ROCKS"),
    "bgs-boreholes": _InModule(module="bgs.bgs_features", name="BOREHOLES"),
    "geosure-hex": _InModule(module="bgs.geosure"),
    "environment-agency": _InModule(module="environment_agency"),
    "postcodes-io": _InModule(module="addresses.postcodes_io"),
    "price-paid": _InModule(module="addresses.price_paid"),
    "overpass": _InModule(module="addresses.overpass"),
}
"""Kinds of source that ask a service on the internet."""

KINDS: Final[Mapping[str, Source]] = {
    **ONLINE,
    "geology": _InModule(module="geology"),
    "sinkholes": _INVENTORY,
    "places": tables.PLACES,
    "postcodes": tables.POSTCODES,
    "cases": tables.CASES,
    "applications": _APPLICATIONS,
}
"""Kinds of source that an area file may name."""

REQUIRED: Final = frozenset({"geology", "sinkholes", "places", "postcodes"})
"""Frames that the assessment cannot do without."""

_OS: Final = frozenset({"base_url", "download_hosts"})
_GEOLOGY: Final = frozenset({"product", "layer", "classes", "columns", "position_uncertainty_m"})

OPTIONS: Final[Mapping[str, frozenset[str]]] = {
    "geology": _GEOLOGY,
    "geology-features": _GEOLOGY | {"base_url", "collection"},
    "applications": frozenset({"idox"}),
    "planit": frozenset({"base_url", "latitude", "longitude", "radius_km", "idox"}),
    "planning-data": frozenset({"base_url", "organisations", "idox"}),
    "planning-designations": frozenset({"base_url", "datasets"}),
    "idox": frozenset({"base_url", "retired_hosts"}),
    "code-point-open": _OS,
    "open-names": _OS | {"empty_squares"},
    "open-uprn": _OS,
    "openmap-local": _OS | {"format", "squares"},
    "geosure-hex": _OS | {"format"},
    "bgs-features": frozenset({"base_url", "collections"}),
    "bgs-boreholes": frozenset({"base_url", "collections"}),
    "postcodes-io": frozenset({"base_url"}),
    "price-paid": frozenset({"base_url", "files"}),
    "overpass": frozenset({"base_url", "bbox"}),
    "environment-agency": frozenset(
        {
            "base_url",
            "hydrology_url",
            "latitude",
            "longitude",
            "distance_km",
            "rainfall_station",
            "archive_station",
            "groundwater_station",
            "river_stations",
        }
    ),
}
"""What an area file may say of a source beyond what all have; a kind not here takes nothing."""

LOOK_UPS: Final = frozenset({"postcodes-io"})
"""Kinds that look up single postcodes which no list held has."""

SCHEMAS: Final[Mapping[str, schemas.FrameSchema]] = {
    "geology": schemas.GEOLOGY,
    "sinkholes": schemas.SINKHOLES,
    "places": schemas.PLACES,
    "postcodes": schemas.POSTCODES,
    "cases": schemas.CASES,
    "applications": schemas.APPLICATIONS,
    "names": schemas.NAMES,
    "addresses": schemas.ADDRESSES,
    "backdrop": schemas.BACKDROP,
    "rocks": schemas.ROCKS,
    "boreholes": schemas.BOREHOLES,
    "designations": schemas.DESIGNATIONS,
    "context": schemas.CONTEXT,
    "looked_up": schemas.POSTCODES,
}
"""The contract of each frame."""


def _no_applications() -> gpd.GeoDataFrame:
    from sinkwatch.sources.planning import applications  # noqa: PLC0415 - as all that is in a module

    return applications.empty()


EMPTY: Final[Mapping[str, Callable[[], gpd.GeoDataFrame]]] = {
    "cases": tables.CASES.empty,
    "applications": _no_applications,
}
"""What stands for a frame that no source gave and that others read all the same."""

_Join = Callable[[gpd.GeoDataFrame, gpd.GeoDataFrame], gpd.GeoDataFrame]


def _stacked(first: gpd.GeoDataFrame, second: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Put two frames of one schema under one another, whose keys never meet."""
    return gpd.GeoDataFrame(pd.concat([first, second], ignore_index=True), crs=first.crs)


JOINED: Final[Mapping[str, _Join]] = {
    "sinkholes": _INVENTORY.joined,
    "applications": _APPLICATIONS.joined,
    "postcodes": _CODE_POINT.joined,
    "addresses": _stacked,
    "context": _stacked,
}
"""Frames that several sources may fill, and how two become one; the later wins."""

COMES_AND_GOES: Final = frozenset({"context", "looked_up"})
"""Frames of a few rows, of which each may come or go on any day: no gate compares them."""

AROUND: Final = tuple(found.name for found in fields(Surroundings))
"""Frames that decide no band."""


def frame_of(kind: str) -> str:
    """
    Return the name of the frame that a kind of source fills.

    Parameters
    ----------
    kind
        One of `KINDS`.

    Returns
    -------
    name
        One of `SCHEMAS`.
    """
    return FRAME_OF_KIND[kind]
