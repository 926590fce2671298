"""BGS GeoSure in 5 km hexagons: the one rating of the hexagon that holds the area's centre."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from sinkwatch import geo, schemas, wording
from sinkwatch.errors import SchemaError
from sinkwatch.sources import frame_files, snapshots
from sinkwatch.sources.archives import ArchiveLimits
from sinkwatch.sources.ordnance_survey import map_layers, os_downloads
from sinkwatch.sources.ordnance_survey.os_downloads import Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sinkwatch.model import Area, Bounds, Snapshot, SourceSpec
    from sinkwatch.sources.errand import Errand
    from sinkwatch.sources.ordnance_survey.map_layers import MapLayer
    from sinkwatch.sources.outside.politeness import HostRule

LOG = logging.getLogger(__name__)

BASE_URL: Final = os_downloads.BASE_URL
"""Where the OS Downloads API answers, unless the area file says otherwise."""

RULE: Final = os_downloads.RULE
"""How it may be asked."""

PRODUCT: Final = "GB-Hex-5km-GeoSure"
"""Its id there: BGS gives it away through OS."""

FORMAT: Final = "GeoPackage"
"""What is asked for; a zip of shapefiles can be read as well."""

ALL_OF_BRITAIN: Final = "GB"
"""The one area in which it is given."""

LIMITS: Final = ArchiveLimits(most_members=100, most_bytes=500_000_000)
"""Six tables of some 4,300 hexagons, with documents beside them."""

MOST_HEXAGONS: Final = 10_000
"""Of one table that touch the area: all Great Britain has 4,295."""

RATINGS: Final = ("Low", "Moderate", "Significant")
"""BGS's words, the least first."""

_NUMBERS: Final = {"1": "Low", "2": "Moderate", "3": "Significant"}
"""Ratings by number (BGS, abstract of the GeoSure data by 5 km hexagon)."""

_LETTERS: Final = {"a": "Low", "b": "Low", "c": "Moderate", "d": "Significant", "e": "Significant"}
"""Ratings by the letter of the licensed GeoSure, as sinkwatch reads its letters for bands; met in
no hexagon so far, and asked only where no word is given."""

_TABLE: Final = re.compile(r"hex5kmgssolublerocks(v\d+)?")
_AREA_M2: Final = (60e6, 70e6)  # BGS: 64.95 km²
_MOST_UNLIKE: Final = 0.05  # share of rows whose geometry may be of no use (sinkwatch data gates)
_KEPT: Final = ("hexagon_id", "rating")
_MOST_SHOWN: Final = 40
_TITLE: Final = "BGS GeoSure, soluble rocks, by 5 km hexagon"
_TOPIC: Final = "regional_rating"
_WAY_OUT: Final = "What is held stays in use; look at what has changed in it"


def host_rules(spec: SourceSpec) -> dict[str, HostRule]:
    """
    Return the servers that a source asks, and how each may be asked.

    Parameters
    ----------
    spec
        The source.

    Returns
    -------
    rules
        By server.
    """
    return os_downloads.host_rules(spec)


def fetch(spec: SourceSpec, errand: Errand) -> Snapshot:
    """
    Ask for the edition, and fetch the hexagons if it is another than the one held.

    Parameters
    ----------
    spec
        The source; its option ``format`` says what is fetched. A zip fetched by hand is its `path`.
    errand
        With the way out, the area and the copy held.

    Returns
    -------
    snapshot
        GeoParquet of the hexagons that touch the area's bounds.

    Raises
    ------
    SourceError
        If it cannot be asked, or the file is not whole.
    SchemaError
        If the file is not as documented, or rates a hexagon in words that are not known.
    """
    held = os_downloads.unchanged(spec, errand, PRODUCT)
    if held is not None:
        return held
    file_format = str(spec.options.get("format", FORMAT))
    found = os_downloads.fetched(
        spec, errand, Wanted(product=PRODUCT, area=ALL_OF_BRITAIN, file_format=file_format)
    )
    name = f"{spec.name} ({found.path.name})"
    with map_layers.unpacked(found.path, spec, errand, limits=LIMITS, wanted=_TABLE) as layers:
        if len(layers) != 1:
            fault = f"it has {len(layers)} tables of soluble rocks, where there should be one"
            raise SchemaError(name, [fault], _WAY_OUT)
        hexagons = _hexagons(next(iter(layers.values())), errand.area.bounds)
    _holding(hexagons, errand.area, name)
    content = frame_files.dumped(hexagons)
    snapshot = snapshots.answered(spec, errand, content, frame_files.ENDING, url=found.url)
    return replace(snapshot, edition=found.edition)


def load(snapshot: Snapshot, spec: SourceSpec, area: Area) -> gpd.GeoDataFrame:
    """
    Read the rating of the hexagon that holds the area's centre.

    A hexagon is larger than a town and is rated by the worst place in it: it can colour no place
    and move no band, so none of its shape leaves here.

    Parameters
    ----------
    snapshot
        What `fetch` returned.
    spec
        The source.
    area
        The area, for its centre.

    Returns
    -------
    context
        Frame of `schemas.CONTEXT` without geometry, ordered by `context_id`: one row, or one for
        each hexagon if the centre lies on the line between them.

    Raises
    ------
    SchemaError
        If it is no file that `fetch` made, or no hexagon holds the centre.
    """
    del spec
    name = snapshots.name_of(snapshot)
    hexagons = frame_files.loaded(snapshot)
    faults = [f"column {column} is missing" for column in _KEPT if column not in hexagons.columns]
    if faults:
        raise SchemaError(name, faults, _WAY_OUT)
    found = _holding(hexagons, area, name).sort_values("hexagon_id", ignore_index=True)
    n_found = len(found)
    context = geo.bng_frame(
        {
            "context_id": "geosure-soluble-rocks-" + found["hexagon_id"],
            "topic": pd.Series([_TOPIC] * n_found, dtype="str"),
            "title": pd.Series([_TITLE] * n_found, dtype="str"),
            "text": pd.Series([_sentence(area, each) for each in found["rating"]], dtype="str"),
            "observed_on": pd.Series([pd.NaT] * n_found, dtype="datetime64[s]"),
        },
        [np.nan] * n_found,
        [np.nan] * n_found,
    )
    return schemas.CONTEXT.check(context)


def _sentence(area: Area, rating: str) -> str:
    return (
        f'BGS rates the 5 km hexagon that holds {area.name}\'s centre as "{rating}" for soluble '
        "rocks: the highest rating found anywhere in it, not of any one place."
    )


def _holding(hexagons: gpd.GeoDataFrame, area: Area, name: str) -> gpd.GeoDataFrame:
    """Return the hexagons that hold the area's centre."""
    found = hexagons[hexagons.intersects(shapely.Point(area.map_centre))]
    if found.empty:
        fault = f"none of its hexagons holds {area.name}'s centre"
        raise SchemaError(name, [fault], _WAY_OUT)
    return found


def _hexagons(layer: MapLayer, bounds: Bounds) -> gpd.GeoDataFrame:
    frame = layer.read(bounds, most=MOST_HEXAGONS)
    if frame.empty:
        exchanged = layer.looks_exchanged(bounds)
        fault = (
            "its easting and northing look exchanged"
            if exchanged
            else "nothing in it lies within the area's bounds"
        )
        raise SchemaError(layer.name, [fault], _WAY_OUT)
    like = _are_hexagons(frame)
    n_unlike = int((~like).sum())
    if n_unlike > _MOST_UNLIKE * len(frame):
        fault = f"{n_unlike:,} of its {len(frame):,} shapes here are no hexagons of 5 km a side"
        raise SchemaError(layer.name, [fault], _WAY_OUT)
    hexagons = gpd.GeoDataFrame(
        {"hexagon_id": _ids(frame[like]), "rating": _ratings(frame, layer.name)[like]},
        geometry=frame.geometry[like],
        crs=geo.BNG,
    )
    return _once_each(hexagons, layer.name).sort_values("hexagon_id", ignore_index=True)


def _are_hexagons(frame: gpd.GeoDataFrame) -> pd.Series[bool]:
    shapes = frame.geometry.to_numpy()
    least_m2, most_m2 = _AREA_M2
    areas_m2 = shapely.area(shapes)
    is_like = (
        (shapely.get_dimensions(shapes) == 2)  # noqa: PLR2004 - an area
        & shapely.is_valid(shapes)
        & (least_m2 <= areas_m2)
        & (areas_m2 <= most_m2)
    )
    return pd.Series(is_like, index=frame.index)


def _ids(frame: gpd.GeoDataFrame) -> list[str]:
    """Name each hexagon by the kilometre square of its middle."""
    middles = frame.geometry.centroid
    return [
        geo.format_grid_reference(easting, northing, figures=4).replace(" ", "")
        for easting, northing in zip(middles.x, middles.y, strict=True)
    ]


def _once_each(hexagons: gpd.GeoDataFrame, name: str) -> gpd.GeoDataFrame:
    """Leave out what is there twice; two ratings of one hexagon are one too many."""
    once = hexagons.drop_duplicates(["hexagon_id", "rating"])
    repeated = once["hexagon_id"][once["hexagon_id"].duplicated()].tolist()
    if repeated:
        raise SchemaError(name, [f"hexagon {repeated[0]} is there with two ratings"], _WAY_OUT)
    if len(hexagons) > len(once):
        LOG.warning("%s: %d hexagons are there twice", name, len(hexagons) - len(once))
    return once


def _ratings(frame: gpd.GeoDataFrame, name: str) -> pd.Series[Any]:
    """Read every rating; one that is not known is never taken for none."""
    words = {word.casefold(): word for word in RATINGS}
    by_class = words | _NUMBERS
    if "legend" not in frame.columns:
        if "class" not in frame.columns:
            raise SchemaError(name, ["it has neither a column CLASS nor Legend"], _WAY_OUT)
        return _known(frame["class"], by_class | _LETTERS, name)
    ratings = _known(frame["legend"], words, name)
    if "class" in frame.columns:
        classes = _known(frame["class"], by_class | dict.fromkeys(_LETTERS, ""), name)
        differing = (classes != "") & (classes != ratings)
        if differing.any():
            fault = (
                f"a hexagon is {ratings[differing].iloc[0]} by its legend and "
                f"{classes[differing].iloc[0]} by its class"
            )
            raise SchemaError(name, [fault], _WAY_OUT)
    return ratings


def _known(values: pd.Series[Any], table: Mapping[str, str], name: str) -> pd.Series[Any]:
    if pd.api.types.is_float_dtype(values):
        texts = values.map("{:g}".format)
    else:
        texts = values.astype("str").str.strip().str.casefold()
    known = texts.map(table)
    unknown = values[known.isna()]
    if len(unknown):
        shown = wording.trimmed(wording.clean(str(unknown.iloc[0])), _MOST_SHOWN)
        fault = f'its {values.name} "{shown}" is none of {", ".join(RATINGS)}'
        raise SchemaError(name, [fault], _WAY_OUT)
    return known.astype("str")
