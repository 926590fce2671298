"""Addresses that volunteers have put on OpenStreetMap, from an Overpass server: once a month."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import pandas as pd

from sinkwatch import geo, schemas
from sinkwatch.errors import ConfigError
from sinkwatch.sources import snapshots
from sinkwatch.sources.addresses.overpass_elements import (
    Box,
    addresses,
    dumped,
    loaded,
    read_answer,
)
from sinkwatch.sources.outside.politeness import HostRule

if TYPE_CHECKING:
    import geopandas as gpd

    from sinkwatch.model import Area, Snapshot, SourceSpec
    from sinkwatch.sources.errand import Errand

LOG = logging.getLogger(__name__)

BASE_URL: Final = "https://overpass-api.de"
"""Where Overpass answers, unless the area file says otherwise: a server shared by all mappers."""

RULE: Final = HostRule(spacing_s=10, most_bytes=50_000_000, read_s=120, whole_s=240)
"""Ten seconds between two requests; an answer may take as long as the query allows itself."""

GOOD_FOR: Final = timedelta(days=28)
"""How long an answer is used before it is asked for again: once a month is what is fair."""

QUERY_S: Final = 60
"""How long the server may work on the question, seconds."""

MOST_KM2: Final = 1_000.0
"""Largest box that is asked for, km²: one town's area is 340."""

UNCERTAINTY_M: Final = 25.0
"""How well a mapped address stands for its building, metres: a node may be drawn anywhere in it,
and the middle of a building is as good (sinkwatch decision)."""

_SIDES: Final = ("south", "west", "north", "east")


def host_rules(spec: SourceSpec) -> dict[str, HostRule]:
    """
    Return the servers that a source asks, and how each may be asked.

    Parameters
    ----------
    spec
        The source; its option ``base_url`` may name another server than the shared one.

    Returns
    -------
    rules
        By server, such as "overpass-api.de".
    """
    return {urlsplit(spec.address(BASE_URL)).netloc: RULE}


def fetch(spec: SourceSpec, errand: Errand) -> Snapshot:
    """
    Ask for every house number in a box, unless the answer held is less than 28 days old.

    Parameters
    ----------
    spec
        The source; its option ``bbox`` is south, west, north, east, degrees, WGS84; without it
        the area's bounds.
    errand
        With the way out, and the answer held.

    Returns
    -------
    snapshot
        Elements as JSON, by type and id, with OpenStreetMap's own time as edition.

    Raises
    ------
    SourceError
        If it cannot be asked.
    SchemaError
        If the answer is not whole, not as documented, or not from the box asked for.
    ConfigError
        If the option is wrong.
    """
    box = _box(spec, errand.area)
    url = f"{spec.address(BASE_URL)}/api/interpreter?data={quote(_query(box), safe='')}"
    held = errand.held
    is_fresh = held is not None and timedelta(0) <= errand.now - held.checked_at < GOOD_FOR
    if held is not None and is_fresh and held.url == url:
        return held
    target = errand.folder / spec.name / "answer" / "elements.json"
    download = errand.way_out(spec).get(spec.name, url, target)
    answer = read_answer(download.path.read_bytes(), box, now=errand.now, name=spec.name)
    LOG.info("%s: %d elements of %s", spec.name, len(answer.elements), answer.edition)
    snapshot = snapshots.answered(spec, errand, dumped(answer.elements), ".json", url=url)
    return replace(snapshot, edition=answer.edition)


def load(snapshot: Snapshot, spec: SourceSpec, area: Area) -> gpd.GeoDataFrame:
    """
    Read the addresses.

    What is made of OpenStreetMap stays under its own licence (ODbL): this frame is not to be
    merged into a table that is published.

    Parameters
    ----------
    snapshot
        What `fetch` returned.
    spec
        The source.
    area
        The area; what lies outside it is left out.

    Returns
    -------
    addresses
        Frame of `schemas.ADDRESSES`, EPSG:27700, ordered by `address_id`, such as "osm-way-1".

    Raises
    ------
    SchemaError
        If it is nothing that sinkwatch wrote.
    """
    del spec
    elements = loaded(snapshots.content(snapshot), name=snapshots.name_of(snapshot))
    rows = pd.DataFrame(
        addresses(elements),
        columns=["address_id", "address", "postcode", "longitude", "latitude"],
    )
    easting, northing = geo.to_bng(
        rows.pop("longitude").astype("float64"), rows.pop("latitude").astype("float64")
    )
    columns = {column: rows[column].astype("str") for column in rows.columns}
    uncertainty_m = pd.Series(UNCERTAINTY_M, index=rows.index, dtype="float64")
    frame = geo.bng_frame({**columns, "position_uncertainty_m": uncertainty_m}, easting, northing)
    is_inside = [
        area.bounds.holds(east, north) for east, north in zip(easting, northing, strict=True)
    ]
    inside = frame.loc[is_inside].sort_values("address_id", ignore_index=True)
    return schemas.ADDRESSES.check(inside)


def _query(box: Box) -> str:
    sides = ",".join(f"{side:.5f}" for side in (box.south, box.west, box.north, box.east))
    return f'[out:json][timeout:{QUERY_S}];nwr["addr:housenumber"]({sides});out center tags;'


def _box(spec: SourceSpec, area: Area) -> Box:
    """Return the box to ask for; refuse one that would burden a shared server."""
    given: Any = spec.options.get("bbox")
    box = _of_area(area) if given is None else _given(spec, given)
    low, high = (geo.to_bng([box.west, box.east], [side, side]) for side in (box.south, box.north))
    width_m, height_m = high[0][1] - high[0][0], high[1][0] - low[1][0]
    km2 = float(width_m * height_m) / 1e6
    if not math.isfinite(km2) or not 0 < km2 <= MOST_KM2:
        raise ConfigError(
            f"source {spec.name}",
            f"its box south {box.south:g}, west {box.west:g}, north {box.north:g}, "
            f"east {box.east:g} is not one of up to {MOST_KM2:,.0f} km² in Great Britain",
            "Set bbox in the area file: south, west, north, east in degrees",
        )
    return box


def _of_area(area: Area) -> Box:
    west, south, east, north = geo.degrees_round(area.bounds)
    return Box(south=south, west=west, north=north, east=east)


def _given(spec: SourceSpec, given: Any) -> Box:  # noqa: ANN401 - whatever the area file says
    is_four = isinstance(given, list | tuple) and len(given) == len(_SIDES)
    if not is_four or any(isinstance(v, bool) or not isinstance(v, int | float) for v in given):
        raise ConfigError(
            f"source {spec.name}",
            f"its bbox {given} is not four numbers",
            "Write south, west, north, east in degrees in the area file",
        )
    return Box(**dict(zip(_SIDES, map(float, given), strict=True)))
