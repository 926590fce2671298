"""British National Grid on a sheet: its lines inside the neat line, their figures round it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import shapely

from sinkwatch import style
from sinkwatch.publish.evidence import typeface
from sinkwatch.publish.evidence.canvas import Lettering, Stroke, one

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinkwatch.publish.evidence.canvas import Canvas
    from sinkwatch.publish.evidence.window import Window

LINE: Final = Stroke(colour="#6f7f86", width_mm=0.13)
NEAT: Final = Stroke(colour=style.INK, width_mm=0.35)

_STEPS_M: Final = (10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
_LEAST_MM: Final = 30.0
"""Between two lines: at each scale they then stand 40 or 50 mm apart."""

_FIGURES: Final = Lettering(colour=style.INK, size_pt=7.0, has_halo=False)
_TICK_MM: Final = 1.2


def step_m(window: Window) -> int:
    """
    Return how far apart the lines are.

    Parameters
    ----------
    window
        The sheet's.

    Returns
    -------
    metres
        A round number.
    """
    wide_enough = (step for step in _STEPS_M if step * window.mm_per_m >= _LEAST_MM)
    return next(wide_enough, _STEPS_M[-1])


def draw(canvas: Canvas, window: Window) -> None:
    """
    Draw the lines.

    Parameters
    ----------
    canvas
        The sheet.
    window
        Its window.
    """
    left, low, right, high = window.neat.bounds
    upright = [((at, low), (at, high)) for _, at in _eastings(window)]
    lying = [((left, at), (right, at)) for _, at in _northings(window)]
    canvas.line(one(shapely.MultiLineString([*upright, *lying])), LINE)


def frame(canvas: Canvas, window: Window) -> None:
    """
    Draw the neat line, and round it ticks and figures in full metres.

    Parameters
    ----------
    canvas
        The sheet, its clip lifted.
    window
        Its window.
    """
    canvas.line(one(window.neat), NEAT)
    left, low, right, high = window.neat.bounds
    middle_mm = window.collar_mm / 2 + _TICK_MM / 2
    ticks = []
    for easting, at in _eastings(window):
        text = f"{easting:,} E".replace(",", "\N{NO-BREAK SPACE}")
        along = _inside(at, text, left, right)
        for edge, side in ((low, -1), (high, 1)):
            canvas.write((along, edge + side * middle_mm), text, _FIGURES)
            ticks.append(((at, edge), (at, edge + side * _TICK_MM)))
    for northing, at in _northings(window):
        text = f"{northing:,} N".replace(",", "\N{NO-BREAK SPACE}")
        along = _inside(at, text, low, high)
        for edge, side in ((left, -1), (right, 1)):
            canvas.write((edge + side * middle_mm, along), text, _FIGURES, turned_deg=90)
            ticks.append(((edge, at), (edge + side * _TICK_MM, at)))
    canvas.line(one(shapely.MultiLineString(ticks)), NEAT)


def _inside(at: float, text: str, first: float, last: float) -> float:
    """Move a figure along its edge until it stands within the neat line's corners."""
    half = typeface.extent_mm(text, _FIGURES.size_pt)[0] / 2
    return min(max(at, first + half), last - half)


def _eastings(window: Window) -> Iterator[tuple[int, float]]:
    for easting in _marks(window.frame.min_easting, window.frame.max_easting, step_m(window)):
        yield easting, window.mm(easting, 0)[0]


def _northings(window: Window) -> Iterator[tuple[int, float]]:
    for northing in _marks(window.frame.min_northing, window.frame.max_northing, step_m(window)):
        yield northing, window.mm(0, northing)[1]


def _marks(first: float, last: float, step: int) -> range:
    return range(math.ceil(first / step) * step, math.floor(last) + 1, step)
