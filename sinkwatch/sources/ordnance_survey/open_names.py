"""OS Open Names: the streets and settlements of an area, each once and with how far it reaches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pandas as pd

from sinkwatch import geo, schemas
from sinkwatch.errors import ConfigError, SchemaError
from sinkwatch.sources import archives, frame_files, snapshots
from sinkwatch.sources.archives import ArchiveLimits
from sinkwatch.sources.ordnance_survey import os_downloads
from sinkwatch.sources.ordnance_survey.csv_stream import WAY_OUT
from sinkwatch.sources.ordnance_survey.open_names_rows import COLUMNS, HEADER, Square, grouped, read
from sinkwatch.sources.ordnance_survey.os_downloads import Wanted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import geopandas as gpd

    from sinkwatch.model import Area, Bounds, Snapshot, SourceSpec
    from sinkwatch.sources.archives import Archive, Member
    from sinkwatch.sources.errand import Errand
    from sinkwatch.sources.outside.politeness import HostRule

BASE_URL: Final = os_downloads.BASE_URL
"""Where the OS Downloads API answers, unless the area file says otherwise."""

RULE: Final = os_downloads.RULE
"""How it may be asked."""

PRODUCT: Final = "OpenNames"
"""Its id there."""

LIMITS: Final = ArchiveLimits(most_members=1_500, most_bytes=6_000_000_000)
"""The edition 2026-07 has 819 tables and a few documents, 1.8 GB unpacked."""

SQUARE_M: Final = 20_000
"""Side of the square of the National Grid that a table covers, metres."""

EDGE_M: Final = 1_000
"""How far a table may stray from its square, metres: OS does not cut it sharply."""


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
    Ask for the edition, and fetch it if it is another than the one held.

    Parameters
    ----------
    spec
        The source; its option ``empty_squares`` names those of the area's squares that have no
        table because there is nothing but sea, such as ["TA48"]. A zip fetched by hand is its
        `path`.
    errand
        With the way out, the area and the copy held.

    Returns
    -------
    snapshot
        GeoParquet of the names within the area's bounds.

    Raises
    ------
    SourceError
        If it cannot be asked, or the file is not whole.
    SchemaError
        If the file is not as documented, lacks a square, or holds no name within the bounds.
    ConfigError
        If an option is wrong.
    """
    empty = _empty_squares(spec)
    held = os_downloads.unchanged(spec, errand, PRODUCT)
    if held is not None:
        return held
    wanted = Wanted(product=PRODUCT, area="GB", file_format="CSV")
    found = os_downloads.fetched(spec, errand, wanted)
    name = f"{spec.name} ({found.path.name})"
    with archives.opened(found.path, source=spec.name, limits=LIMITS) as archive:
        _refuse_other_columns(archive, name)
        members = _members(archive, errand.area.bounds, empty, name)
        rows = [_rows(archive, square, member, name) for square, member in members.items()]
    frame = grouped(pd.concat(rows, ignore_index=True), errand.area.bounds, name=name)
    if frame.empty:
        raise SchemaError(name, ["no name in it lies within the area's bounds"], WAY_OUT)
    snapshot = snapshots.answered(
        spec, errand, frame_files.dumped(frame), frame_files.ENDING, url=found.url
    )
    return replace(snapshot, edition=found.edition)


def load(snapshot: Snapshot, spec: SourceSpec, area: Area) -> gpd.GeoDataFrame:
    """
    Read the names.

    Parameters
    ----------
    snapshot
        What `fetch` returned.
    spec
        The source.
    area
        The area.

    Returns
    -------
    names
        Frame of `schemas.NAMES`, EPSG:27700, ordered by `name_id`; the whole of a street or
        settlement lies within `position_uncertainty_m` of its point.

    Raises
    ------
    SchemaError
        If it is no file that `fetch` made.
    """
    del spec, area
    frame = frame_files.loaded(snapshot)
    return schemas.NAMES.check(frame).sort_values("name_id", ignore_index=True)


def squares(bounds: Bounds, *, edge_m: float = 0.0) -> dict[str, Square]:
    """
    Name the 20 km squares of the National Grid that a rectangle reaches into.

    Parameters
    ----------
    bounds
        EPSG:27700 metres.
    edge_m
        How far beyond the bounds to look, metres.

    Returns
    -------
    squares
        By name, such as "SE26", in the order of the alphabet.
    """
    west, south, east, north = bounds.as_tuple()
    found = {}
    for easting in _steps(west - edge_m, east + edge_m):
        for northing in _steps(south - edge_m, north + edge_m):
            if geo.on_grid(easting, northing):
                name = geo.format_grid_reference(easting, northing, figures=2).replace(" ", "")
                found[name] = Square(name=name, easting=easting, northing=northing, side_m=SQUARE_M)
    return dict(sorted(found.items()))


def _steps(least_m: float, most_m: float) -> range:
    return range(int(least_m // SQUARE_M) * SQUARE_M, -int(-most_m // 1), SQUARE_M)


def _empty_squares(spec: SourceSpec) -> frozenset[str]:
    given = spec.options.get("empty_squares", [])
    if isinstance(given, list) and all(isinstance(each, str) for each in given):
        return frozenset(each.upper() for each in given)
    raise ConfigError(
        f"source {spec.name}",
        f"its empty_squares {given} are no list of names",
        'Write empty_squares = ["TA48"] in the area file',
    )


def _refuse_other_columns(archive: Archive, name: str) -> None:
    """Compare the columns with those that the product itself documents: tables do not name them."""
    for member in archive.members(HEADER):
        with archive.reading(member) as file:
            stated = file.read(10_000).decode("utf-8-sig", "replace").strip()
        if stated != ",".join(COLUMNS):
            fault = f"its columns are no longer the {len(COLUMNS)} documented: {stated[:80]}"
            raise SchemaError(name, [fault], WAY_OUT)


def _members(
    archive: Archive, bounds: Bounds, empty: Collection[str], name: str
) -> Mapping[Square, Member]:
    """Find the tables of the area; all that it reaches into must be there."""
    around = squares(bounds, edge_m=EDGE_M)
    tables = {square: archive.members(f"Data/{square.name}.csv") for square in around.values()}
    wanted = [square for square in squares(bounds) if square not in empty]
    missing = [square for square in wanted if not tables[around[square]]]
    if missing or not wanted:
        raise SchemaError(
            name,
            [f"it has no table of {', '.join(missing) or 'any square of the area'}"],
            "Fetch it again; if there is nothing but sea, name it under empty_squares in the area "
            "file",
        )
    return {
        square: archive.only(f"Data/{square.name}.csv") for square, found in tables.items() if found
    }


def _rows(archive: Archive, square: Square, member: Member, name: str) -> pd.DataFrame:
    with archive.reading(member) as file:
        return read(file, square, name=f"{name}: {square.name}")
