"""Colours and patterns of the ground on paper: lines and dots that lie alike on every sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from sinkwatch import style
from sinkwatch.publish.evidence.canvas import Stroke, one

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from sinkwatch.model import GeologyClass
    from sinkwatch.publish.evidence.canvas import Canvas

    Shapes = NDArray[np.object_]

PAPER: Final = "#ffffff"
"""What printers print on; the page's own tint would cost ink."""

_FILL_SHARE: Final = 0.34
_INK_SHARE: Final = 0.9
_DARKER: Final = 0.78
"""Of a class's colour, for its pattern: dark enough for grey print, paler than every mark."""

_LINE_STEP_MM: Final = 3.2
_CROSS_STEP_MM: Final = 5.0
_DOT_STEP_MM: Final = 3.6
_LINE_MM: Final = 0.18
_DOT_MM: Final = 0.6


def fill_of(kind: GeologyClass, strength: float) -> str:
    """
    Return the colour of a class of ground.

    Parameters
    ----------
    kind
        The class.
    strength
        From 0, paper, to 1, well inside a zone.

    Returns
    -------
    colour
        ``#rrggbb``, opaque: overlaid tints would print differently on each machine.
    """
    return mixed(style.ZONE_COLOURS[kind], _FILL_SHARE * strength)


def draw(canvas: Canvas, kind: GeologyClass, shape: BaseGeometry, strength: float) -> None:
    """
    Draw the pattern of a class of ground.

    Parameters
    ----------
    canvas
        What it is drawn on.
    kind
        The class.
    shape
        Surface, millimetres of paper.
    strength
        From 0 to 1.
    """
    if shapely.is_empty(shape):
        return
    colour = mixed(_darker(style.ZONE_COLOURS[kind]), _INK_SHARE * strength)
    name = style.ZONE_PATTERNS[kind]
    if name == "dots":
        dot = Stroke(colour=colour, width_mm=_DOT_MM, is_round=True)
        canvas.line(_dots(shape), dot)
        return
    lines = _PATTERNS[name](shape)
    canvas.line(lines, Stroke(colour=colour, width_mm=_LINE_MM))


def mixed(colour: str, share: float) -> str:
    """
    Return so much of a colour on white.

    Parameters
    ----------
    colour
        ``#rrggbb``.
    share
        From 0 to 1.

    Returns
    -------
    colour
        ``#rrggbb``.
    """
    return "#" + "".join(
        f"{round(part * share + 255 * (1 - share)):02x}" for part in bytes.fromhex(colour[1:])
    )


def _darker(colour: str) -> str:
    return "#" + "".join(f"{round(part * _DARKER):02x}" for part in bytes.fromhex(colour[1:]))


def _rising(shape: BaseGeometry, step_mm: float) -> Shapes:
    """Return slanted lines inside a surface, each at a whole number of steps from the corner."""
    left, low, right, high = shape.bounds
    across_mm = step_mm * np.sqrt(2)
    first, last = np.floor((low - right) / across_mm), np.ceil((high - left) / across_mm)
    shifts = np.arange(first, last + 1) * across_mm
    ends = np.stack(
        [
            np.stack([np.full_like(shifts, left), left + shifts], axis=-1),
            np.stack([np.full_like(shifts, right), right + shifts], axis=-1),
        ],
        axis=1,
    )
    return np.asarray(shapely.intersection(shapely.linestrings(ends), shape), dtype=object)


def _falling(shape: BaseGeometry, step_mm: float) -> Shapes:
    mirrored = shapely.transform(shape, _mirror)
    return np.asarray(shapely.transform(_rising(mirrored, step_mm), _mirror), dtype=object)


def _mirror(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(corners * np.array([-1.0, 1.0]))


def _lines(shape: BaseGeometry) -> Shapes:
    return _rising(shape, _LINE_STEP_MM)


def _cross(shape: BaseGeometry) -> Shapes:
    return np.concatenate([_rising(shape, _CROSS_STEP_MM), _falling(shape, _CROSS_STEP_MM)])


_PATTERNS: Final[dict[str, Callable[[BaseGeometry], Shapes]]] = {"lines": _lines, "cross": _cross}


def _dots(shape: BaseGeometry) -> Shapes:
    """Return strokes too short to see, whose round ends are dots."""
    left, low, right, high = shape.bounds
    step = _DOT_STEP_MM
    columns = np.arange(np.floor(left / step), np.ceil(right / step) + 1)
    rows = np.arange(np.floor(low / step), np.ceil(high / step) + 1)
    across, up = (part.ravel() for part in np.meshgrid(columns, rows))
    shifted = (up % 2) / 2  # every other row stands between the dots of its neighbours
    right_mm, up_mm = (across + shifted) * step, up * step
    shapely.prepare(shape)
    inside = shapely.contains_xy(shape, right_mm, up_mm)
    starts = np.stack([right_mm[inside], up_mm[inside]], axis=-1)
    if not len(starts):
        return np.empty(0, dtype=object)
    ends = starts + np.array([0.02, 0.0])
    return one(shapely.MultiLineString(list(np.stack([starts, ends], axis=1))))
