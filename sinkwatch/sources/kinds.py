"""Every kind of source that an area file may name, and which frame each fills."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Final, Protocol

import geopandas as gpd
import pandas as pd

from sinkwatch import schemas
from sinkwatch.model import FRAME_OF_KIND, Surroundings
from sinkwatch.sources import (
    applications,
    bgs_features,
    code_point,
    designations,
    environment_agency,
    geology,
    geology_features,
    geosure,
    idox,
    inventory,
    open_names,
    open_uprn,
    openmap_local,
    overpass,
    planit,
    planning_data,
    postcodes_io,
    price_paid,
    tables,
)

if TYPE_CHECKING:
    from sinkwatch.model import Area, Snapshot, SourceSpec
    from sinkwatch.sources.errand import Errand
    from sinkwatch.sources.politeness import HostRule


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


ONLINE: Final[Mapping[str, OnlineSource]] = {
    "planit": planit,
    "planning-data": planning_data,
    "planning-designations": designations,
    "idox": idox,
    "code-point-open": code_point,
    "geology-features": geology_features,
    "bgs-features": bgs_features.ROCKS,
    "bgs-boreholes": bgs_features.BOREHOLES,
    "open-names": open_names,
    "open-uprn": open_uprn,
    "openmap-local": openmap_local,
    "geosure-hex": geosure,
    "postcodes-io": postcodes_io,
    "price-paid": price_paid,
    "overpass": overpass,
    "environment-agency": environment_agency,
}
"""Kinds of source that ask a service on the internet."""

KINDS: Final[Mapping[str, Source]] = {
    **ONLINE,
    "geology": geology,
    "sinkholes": inventory,
    "places": tables.PLACES,
    "postcodes": tables.POSTCODES,
    "cases": tables.CASES,
    "applications": applications,
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

EMPTY: Final[Mapping[str, Callable[[], gpd.GeoDataFrame]]] = {
    "cases": tables.CASES.empty,
    "applications": applications.empty,
}
"""What stands for a frame that no source gave and that others read all the same."""

_Join = Callable[[gpd.GeoDataFrame, gpd.GeoDataFrame], gpd.GeoDataFrame]


def _stacked(first: gpd.GeoDataFrame, second: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Put two frames of one schema under one another, whose keys never meet."""
    return gpd.GeoDataFrame(pd.concat([first, second], ignore_index=True), crs=first.crs)


JOINED: Final[Mapping[str, _Join]] = {
    "sinkholes": inventory.joined,
    "applications": applications.joined,
    "postcodes": code_point.joined,
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
