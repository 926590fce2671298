"""OS OpenMap Local: buildings, roads, railways, water and woods to draw a map on."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Final

import geopandas as gpd
import pandas as pd

from sinkwatch import geo, schemas, wording
from sinkwatch.errors import ConfigError, SchemaError, SourceError
from sinkwatch.sources import frame_files, snapshots
from sinkwatch.sources.archives import ArchiveLimits
from sinkwatch.sources.ordnance_survey import map_layers, os_downloads
from sinkwatch.sources.ordnance_survey.openmap_shapes import Drawn, Theme, drawn
from sinkwatch.sources.ordnance_survey.os_downloads import Wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sinkwatch.model import Area, Bounds, Snapshot, SourceSpec
    from sinkwatch.sources.errand import Errand
    from sinkwatch.sources.ordnance_survey.os_downloads import Fetched
    from sinkwatch.sources.outside.politeness import HostRule

LOG = logging.getLogger(__name__)

BASE_URL: Final = os_downloads.BASE_URL
"""Where the OS Downloads API answers, unless the area file says otherwise."""

RULE: Final = os_downloads.RULE
"""How it may be asked."""

PRODUCT: Final = "OpenMapLocal"
"""Its id there."""

FORMAT: Final = "ESRI® Shapefile"
"""What is asked for: one zip for each 100 km square. The GeoPackage is one file of all Great
Britain, 2.4 GB (Ordnance Survey, "OS OpenMap Local overview"), and is used if the area file says
``format = "GeoPackage"``."""

ALL_OF_BRITAIN: Final = "GB"
"""Name of the area where a product is not cut into squares."""

LIMITS: Final = ArchiveLimits(most_members=250, most_bytes=12_000_000_000)
"""A square has up to 20 layers of five files or more, and unpacks to less than 2 GB; the
GeoPackage of all Great Britain unpacks to 7 GB and has grown."""

MOST_FEATURES: Final = 200_000
"""Of one layer in the area (sinkwatch data gates)."""

THEMES: Final = {
    "building": Theme(layer="building", dimensions=2, detail_m=0.5),
    "importantbuilding": Theme(layer="building", dimensions=2, detail_m=0.5),
    "road": Theme(layer="road", dimensions=1, detail_m=1.0),
    "railwaytrack": Theme(layer="railway", dimensions=1, detail_m=1.0),
    "surfacewaterarea": Theme(layer="water", dimensions=2, detail_m=1.0),
    "surfacewaterline": Theme(layer="water", dimensions=1, detail_m=1.0),
    "tidalwater": Theme(layer="water", dimensions=2, detail_m=1.0),
    "woodland": Theme(layer="woodland", dimensions=2, detail_m=1.0),
}
"""What each layer becomes, by its name in small letters, without the square's and underscores;
every other one (stations, pylons, names) is left alone."""

_WANTED: Final = re.compile("|".join(THEMES))
_REQUIRED: Final = ("building", "road")
_GEOPACKAGE: Final = "geopackage"
_SQUARE_M: Final = 100_000
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
    Ask for the edition, and fetch the area's squares if it is another than the one held.

    Parameters
    ----------
    spec
        The source; its options ``format`` and ``squares`` (such as ["SE"]) say what is fetched.
        A zip fetched by hand is its `path`.
    errand
        With the way out, the area and the copy held.

    Returns
    -------
    snapshot
        GeoParquet of what lies within the area's bounds.

    Raises
    ------
    SourceError
        If it cannot be asked, or a file is not whole.
    SchemaError
        If a file is not as documented.
    ConfigError
        If an option is wrong.
    """
    wanted = _wanted(spec, errand.area)
    held = os_downloads.unchanged(spec, errand, PRODUCT)
    if held is not None:
        return held
    found = [
        os_downloads.fetched(spec, errand, each) for each in wanted[: 1 if spec.path else None]
    ]
    editions = sorted({each.edition for each in found})
    if len(editions) > 1:
        raise SourceError(
            spec.name,
            f"its squares are of two editions, {' and '.join(editions)}",
            "What is held stays in use; the next run asks again",
            url=found[0].url,
            retryable=True,
        )
    content = frame_files.dumped(_backdrop(spec, errand, found))
    snapshot = snapshots.answered(spec, errand, content, frame_files.ENDING, url=found[0].url)
    return replace(snapshot, edition=editions[0])


def load(snapshot: Snapshot, spec: SourceSpec, area: Area) -> gpd.GeoDataFrame:
    """
    Read the backdrop.

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
    backdrop
        Frame of `schemas.BACKDROP`, EPSG:27700, ordered by `feature_id`, with `road_class`: main,
        minor or local, null for what is no road.

    Raises
    ------
    SchemaError
        If it is no file that `fetch` made.
    """
    del spec, area
    frame = frame_files.loaded(snapshot)
    return schemas.BACKDROP.check(frame).sort_values("feature_id", ignore_index=True)


def squares(bounds: Bounds) -> tuple[str, ...]:
    """
    Name the 100 km squares of the National Grid that a rectangle reaches into.

    Parameters
    ----------
    bounds
        EPSG:27700 metres.

    Returns
    -------
    squares
        Such as ("SE",), in the order of the alphabet.

    Raises
    ------
    CoverageError
        If it reaches out of the National Grid.
    """
    west, south, east, north = bounds.as_tuple()
    corners = product(_steps(west, east), _steps(south, north))
    return tuple(sorted(geo.format_grid_reference(*corner, figures=2)[:2] for corner in corners))


def _steps(least_m: float, most_m: float) -> range:
    # An area that ends just where a square begins has nothing in it.
    first = int(least_m // _SQUARE_M) * _SQUARE_M
    return range(first, max(-int(-most_m // _SQUARE_M) * _SQUARE_M, first + 1), _SQUARE_M)


def _wanted(spec: SourceSpec, area: Area) -> list[Wanted]:
    file_format = str(spec.options.get("format", FORMAT))
    if file_format.casefold() == _GEOPACKAGE:
        areas: Sequence[str] = (ALL_OF_BRITAIN,)
    else:
        areas = _named_squares(spec) or squares(area.bounds)
    return [Wanted(product=PRODUCT, area=each, file_format=file_format) for each in areas]


def _named_squares(spec: SourceSpec) -> list[str]:
    given = spec.options.get("squares", [])
    if isinstance(given, list) and all(isinstance(each, str) for each in given):
        return sorted(each.upper() for each in given)
    raise ConfigError(
        f"source {spec.name}",
        f"its squares {given} are no list of names",
        'Write squares = ["SE"] in the area file',
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Square:
    """What one zip gave; if nothing, whether its axes may have been exchanged."""

    parts: Sequence[Drawn]
    looks_exchanged: bool


def _backdrop(spec: SourceSpec, errand: Errand, found: Sequence[Fetched]) -> gpd.GeoDataFrame:
    read = [_square(spec, errand, each) for each in found]
    parts = [part for square in read for part in square.parts]
    merged = pd.concat([part.frame for part in parts], ignore_index=True)
    if merged.empty:
        fault = "nothing in it lies within the area's bounds"
        if any(square.looks_exchanged for square in read):
            fault = "its easting and northing look exchanged"
        raise SchemaError(f"{spec.name} ({found[0].path.name})", [fault], _WAY_OUT)
    # A shape that crosses from one square into another is whole in both.
    backdrop = merged.drop_duplicates("feature_id").sort_values("feature_id", ignore_index=True)
    _report(spec, backdrop, parts)
    return schemas.BACKDROP.check(gpd.GeoDataFrame(backdrop, crs=geo.BNG))


def _square(spec: SourceSpec, errand: Errand, found: Fetched) -> _Square:
    """Read one zip; the layers that no map can do without must be there."""
    bounds = errand.area.bounds
    with map_layers.unpacked(found.path, spec, errand, limits=LIMITS, wanted=_WANTED) as layers:
        missing = [f"it has no layer {name}" for name in _REQUIRED if name not in layers]
        if missing:
            raise SchemaError(f"{spec.name} ({found.path.name})", missing, _WAY_OUT)
        parts = [
            drawn(layer.read(bounds, most=MOST_FEATURES), THEMES[name], bounds, name=layer.name)
            for name, layer in sorted(layers.items())
        ]
        is_empty = all(part.frame.empty for part in parts)
        looks_exchanged = is_empty and layers["building"].looks_exchanged(bounds)
    return _Square(parts=parts, looks_exchanged=looks_exchanged)


def _report(spec: SourceSpec, backdrop: gpd.GeoDataFrame, parts: Sequence[Drawn]) -> None:
    counts = backdrop["layer"].value_counts().sort_index()
    said = ", ".join(f"{name} {n:,}" for name, n in counts.items())
    LOG.info("%s: %s", spec.name, said)
    n_rejected = sum(part.n_rejected for part in parts)
    n_repeated = sum(part.n_repeated for part in parts)
    if n_rejected or n_repeated:
        LOG.warning(
            "%s: left out %s whose shape is of no use, and %s there twice",
            spec.name,
            wording.count_text(n_rejected, "row"),
            wording.count_text(n_repeated, "row"),
        )
