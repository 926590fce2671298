"""Where everything lies on a sheet, and which sheets a place needs: scales, papers, frames."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import shapely

from sinkwatch.errors import ConfigError, PlaceError
from sinkwatch.model import Bounds, Paper, Place, Sheet, SheetKind

SCALES: Final = (1_250, 2_500, 5_000, 10_000, 25_000)
"""Scales of British planning drawings, finest first (1:1250 and 1:2500 are those of location plans,
national list of planning application requirements)."""

_WIDE_SCALES: Final = (1_250, 2_500, 5_000, 10_000, 12_500, 15_000, 20_000, 25_000)
"""Those of a sheet of the surroundings, which nobody chooses: closer together, so that a kilometre
round a site fills the paper and not a third of it."""

MOST_SHEETS: Final = 40
"""Sheets of one pack at most: more is no evidence but a roll of wallpaper, and over 5 MB."""

MARGIN_MM: Final = 8.0
"""Least paper between a site and the neat line, so that its edge is seen to be one."""

_MOST_TILES: Final = 10_000
"""Places for sheets that are looked at: a boundary as large as a county is a mistake."""

_OVERLAP_MM: Final = 10.0
"""What neighbouring sheets share, so that they can be laid side by side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """
    Where things lie on one size of paper, millimetres from its upper left corner.

    Attributes
    ----------
    width_mm, height_mm
        Of the paper.
    map_left_mm, map_top_mm, map_width_mm, map_height_mm
        Of the neat line, inside which the map is.
    collar_mm
        Room for the grid's figures all round the neat line.
    panel_left_mm, panel_top_mm, panel_width_mm, panel_height_mm
        Of what is said beside the map.
    """

    width_mm: float
    height_mm: float
    map_left_mm: float
    map_top_mm: float
    map_width_mm: float
    map_height_mm: float
    collar_mm: float
    panel_left_mm: float
    panel_top_mm: float
    panel_width_mm: float
    panel_height_mm: float


LAYOUTS: Final[Mapping[Paper, Layout]] = {
    Paper.A4: Layout(
        width_mm=210,
        height_mm=297,
        map_left_mm=16,
        map_top_mm=16,
        map_width_mm=178,
        map_height_mm=168,
        collar_mm=6,
        panel_left_mm=10,
        panel_top_mm=193,
        panel_width_mm=190,
        panel_height_mm=94,
    ),
    Paper.A3: Layout(
        width_mm=420,
        height_mm=297,
        map_left_mm=16,
        map_top_mm=16,
        map_width_mm=278,
        map_height_mm=265,
        collar_mm=6,
        panel_left_mm=304,
        panel_top_mm=10,
        panel_width_mm=106,
        panel_height_mm=277,
    ),
}
"""A4 upright with its panel below the map, A3 lying with it on the right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """
    How a site is to be drawn.

    Attributes
    ----------
    scale
        One of `SCALES`; None for the finest at which the site and its first ring fit.
    paper
        What the sheets are true to scale on.
    is_tiled
        Whether a site that is too large for one sheet may take several.
    """

    scale: int | None = None
    paper: Paper = Paper.A4
    is_tiled: bool = False


def plan(place: Place, wanted: Format, *, reach_m: float, ring_m: float) -> tuple[Sheet, ...]:
    """
    Decide which sheets show a place: the site at a scale of its own, then all that lies round it.

    Parameters
    ----------
    place
        With a position; its boundary, or the circle of its uncertainty, is to be seen whole.
    wanted
        Scale and paper.
    reach_m
        How far round the place records are listed, metres.
    ring_m
        Radius of the first search ring, metres.

    Returns
    -------
    sheets
        Numbered from 1; the last one shows the surroundings, unless the first does already.

    Raises
    ------
    PlaceError
        If the place has no position.
    ConfigError
        If there is no such scale, or the site does not fit.
    """
    ground, paper = _ground(place), wanted.paper
    if wanted.scale is not None and wanted.scale not in SCALES:
        known = ", ".join(f"{each}" for each in SCALES)
        raise ConfigError(
            f"scale {wanted.scale}", "is none that sheets are drawn at", f"Use {known}"
        )
    finest = _finest(_grown(ground, ring_m), paper) or _finest(ground, paper) or SCALES[-1]
    at = wanted.scale or finest
    frames = _frames(place, ground, at, paper, is_tiled=wanted.is_tiled)
    sheets = [_sheet(SheetKind.SITE, at, paper, frame) for frame in frames]
    around = _grown(ground, reach_m)
    if not (len(frames) == 1 and _holds(frames[0], around)):
        wide = _finest(around, paper, _WIDE_SCALES) or SCALES[-1]
        sheets.append(
            _sheet(SheetKind.SURROUNDINGS, wide, paper, _centred(around, wide, LAYOUTS[paper]))
        )
    return tuple(
        replace(sheet, number=number, n_sheets=len(sheets))
        for number, sheet in enumerate(sheets, start=1)
    )


def _sheet(kind: SheetKind, scale: int, paper: Paper, frame: Bounds) -> Sheet:
    return Sheet(kind=kind, number=1, n_sheets=1, scale=scale, paper=paper, frame=frame)


def _ground(place: Place) -> Bounds:
    if place.easting is None or place.northing is None:
        raise PlaceError(
            place.label, f"has no position ({place.basis})", "Give its boundary as a file"
        )
    if place.geometry is None:
        reach_m = place.position_uncertainty_m
        return Bounds(
            min_easting=place.easting - reach_m,
            min_northing=place.northing - reach_m,
            max_easting=place.easting + reach_m,
            max_northing=place.northing + reach_m,
        )
    west, south, east, north = (float(side) for side in place.geometry.bounds)
    return Bounds(min_easting=west, min_northing=south, max_easting=east, max_northing=north)


def _grown(ground: Bounds, by_m: float) -> Bounds:
    return Bounds(
        min_easting=ground.min_easting - by_m,
        min_northing=ground.min_northing - by_m,
        max_easting=ground.max_easting + by_m,
        max_northing=ground.max_northing + by_m,
    )


def _holds(frame: Bounds, ground: Bounds) -> bool:
    return frame.holds(ground.min_easting, ground.min_northing) and frame.holds(
        ground.max_easting, ground.max_northing
    )


def _fits(ground: Bounds, scale: int, layout: Layout) -> bool:
    wide_m = ground.max_easting - ground.min_easting
    high_m = ground.max_northing - ground.min_northing
    return (
        wide_m <= (layout.map_width_mm - 2 * MARGIN_MM) * scale / 1000
        and high_m <= (layout.map_height_mm - 2 * MARGIN_MM) * scale / 1000
    )


def _finest(ground: Bounds, paper: Paper, scales: tuple[int, ...] = SCALES) -> int | None:
    return next((scale for scale in scales if _fits(ground, scale, LAYOUTS[paper])), None)


def _centred(ground: Bounds, scale: int, layout: Layout) -> Bounds:
    """Return the frame round the middle of a ground; whole metres, which its figures can name."""
    middle = (
        round((ground.min_easting + ground.max_easting) / 2),
        round((ground.min_northing + ground.max_northing) / 2),
    )
    return _frame(middle[0], middle[1], scale, layout)


def _frame(easting: float, northing: float, scale: int, layout: Layout) -> Bounds:
    half_east = layout.map_width_mm * scale / 2000
    half_north = layout.map_height_mm * scale / 2000
    return Bounds(
        min_easting=easting - half_east,
        min_northing=northing - half_north,
        max_easting=easting + half_east,
        max_northing=northing + half_north,
    )


def _frames(
    place: Place, ground: Bounds, scale: int, paper: Paper, *, is_tiled: bool
) -> tuple[Bounds, ...]:
    layout = LAYOUTS[paper]
    if _fits(ground, scale, layout):
        return (_centred(ground, scale, layout),)
    if not is_tiled:
        raise _too_large(place, ground, scale, paper)
    margin_m = MARGIN_MM * scale / 1000
    whole = _grown(ground, margin_m)
    eastings = _middles(whole.min_easting, whole.max_easting, layout.map_width_mm, scale)
    northings = _middles(whole.min_northing, whole.max_northing, layout.map_height_mm, scale)
    if len(eastings) * len(northings) > _MOST_TILES:
        raise _too_many(place, scale, paper, f"over {_MOST_TILES:,}")
    tiles = (
        _frame(easting, northing, scale, layout)
        for northing, easting in itertools.product(reversed(northings), eastings)
    )
    needed = tuple(tile for tile in tiles if _shows(tile, place))
    if len(needed) >= MOST_SHEETS:
        raise _too_many(place, scale, paper, f"{len(needed) + 1}")
    return needed


def _shows(tile: Bounds, place: Place) -> bool:
    """Tell whether a tile shows any of a site: of a site in parts, most tiles may be empty."""
    return place.geometry is None or place.geometry.intersects(shapely.box(*tile.as_tuple()))


def _too_many(place: Place, scale: int, paper: Paper, n_sheets: str) -> ConfigError:
    return ConfigError(
        f"{place.label} at 1:{scale}, {paper.upper()}",
        f"takes {n_sheets} sheets, more than the {MOST_SHEETS} of a pack",
        "Choose a coarser scale or a larger paper",
    )


def _too_large(place: Place, ground: Bounds, scale: int, paper: Paper) -> ConfigError:
    fitting = [
        f"1:{finest} at {each.upper()}"
        for each in Paper
        if (finest := _finest(ground, each)) is not None
    ]
    way_out = f"It fits {' or '.join(fitting)}; or add" if fitting else "Add"
    return ConfigError(
        f"{place.label} at 1:{scale}, {paper.upper()}",
        f"is too large for one sheet: {ground.max_easting - ground.min_easting:,.0f} m by "
        f"{ground.max_northing - ground.min_northing:,.0f} m with its uncertainty",
        f"{way_out} --sheets for several numbered sheets",
    )


def _middles(low: float, high: float, side_mm: float, scale: int) -> list[int]:
    """Return the middles of sheets that cover a stretch, and overlap."""
    side_m, step_m = side_mm * scale / 1000, (side_mm - _OVERLAP_MM) * scale / 1000
    n = max(1, math.ceil((high - low - side_m) / step_m) + 1)
    first = (low + high) / 2 - (n - 1) * step_m / 2
    return [round(first + index * step_m) for index in range(n)]
