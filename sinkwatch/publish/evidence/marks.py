"""The marks of a sheet: records by their grade, decisions, the site, and the circles of doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from sinkwatch import style
from sinkwatch.model import Evidence
from sinkwatch.publish.evidence import patterns
from sinkwatch.publish.evidence.canvas import Stroke, one

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from sinkwatch.publish.evidence.canvas import At, Canvas, Shapes

RECORD_MM: Final = 1.6
"""Radius of a record's mark."""

SQUARE_MM: Final = 1.4
"""Half the side of a decision's square."""

AROUND_MM: Final = 2.2
"""Half the side of one at the same point as a record, whose mark stands inside it."""

CROSS_MM: Final = 2.2
"""Reach of the arms of the cross at a site's point."""

STRENGTH: Final = (
    Evidence.CONFIRMED,
    Evidence.PROBABLE,
    Evidence.POSSIBLE,
    Evidence.NOT_AN_EVENT,
)
"""The grades, the best founded first."""

_RIM: Final = Stroke(colour=style.EVIDENCE_COLOURS[Evidence.CONFIRMED], width_mm=0.35)
_OTHER_RIM: Final = Stroke(colour=style.INK, width_mm=0.35)
_WHITE: Final = "#ffffff"

DOUBT: Final = Stroke(
    colour=style.EVIDENCE_COLOURS[Evidence.PROBABLE],
    width_mm=0.35,
    dash_mm=(0.01, 1.0),
    is_round=True,
)
SIZE: Final = Stroke(colour=style.EVIDENCE_COLOURS[Evidence.CONFIRMED], width_mm=0.25)
RING: Final = Stroke(colour=style.ACCENT, width_mm=0.3)
BOUNDARY: Final = Stroke(colour=style.ACCENT, width_mm=0.8)
SITE_DOUBT: Final = Stroke(colour=style.ACCENT, width_mm=0.6, dash_mm=(2.4, 1.2))

_BAND_MM: Final = 1.6
_BAND: Final = patterns.mixed(style.ACCENT, 0.3)
_CLEAR_MM: Final = 0.35
"""White on either side of a line of the site's, so that it stands out from what it crosses."""


def record(canvas: Canvas, at: At, grade: Evidence) -> None:
    """
    Draw a record: full, half or hollow as its evidence is, a diamond for what is no event.

    Parameters
    ----------
    canvas
        The sheet.
    at
        Millimetres.
    grade
        Of its evidence.
    """
    if grade is Evidence.NOT_AN_EVENT:
        diamond = _polygon(at, [(0, 1.25), (1.25, 0), (0, -1.25), (-1.25, 0)], RECORD_MM)
        canvas.fill(diamond, _WHITE, rim=_OTHER_RIM)
        return
    canvas.circle(at, RECORD_MM + _CLEAR_MM, fill=_WHITE)
    is_full = grade is Evidence.CONFIRMED
    colour = style.EVIDENCE_COLOURS[Evidence.CONFIRMED]
    canvas.circle(at, RECORD_MM, stroke=_RIM, fill=colour if is_full else _WHITE)
    if grade is Evidence.PROBABLE:
        turns = np.linspace(np.pi / 2, 3 * np.pi / 2, 25)
        half = [(float(np.cos(turn)), float(np.sin(turn))) for turn in turns]
        canvas.fill(_polygon(at, half, RECORD_MM), colour)


def decision(canvas: Canvas, at: At, half_mm: float = SQUARE_MM) -> None:
    """
    Draw the square of an application or a past decision.

    Parameters
    ----------
    canvas
        The sheet.
    at
        Millimetres.
    half_mm
        Half its side.
    """
    corners = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]
    canvas.fill(_polygon(at, corners, half_mm), _WHITE, rim=_OTHER_RIM)


def site_point(canvas: Canvas, at: At) -> None:
    """
    Draw the cross at the point that is known of a site.

    Parameters
    ----------
    canvas
        The sheet.
    at
        Millimetres.
    """
    arms = shapely.MultiLineString(
        [
            ((at[0] - CROSS_MM, at[1]), (at[0] + CROSS_MM, at[1])),
            ((at[0], at[1] - CROSS_MM), (at[0], at[1] + CROSS_MM)),
        ]
    )
    clear(canvas, arms, BOUNDARY)


def boundary(canvas: Canvas, shape: BaseGeometry) -> None:
    """
    Draw a site's boundary, with a pale band on the side where the site is.

    Parameters
    ----------
    canvas
        The sheet.
    shape
        The site, millimetres.
    """
    canvas.fill(one(shapely.difference(shape, shapely.buffer(shape, -_BAND_MM))), _BAND)
    clear(canvas, shape, BOUNDARY)


def clear(canvas: Canvas, shape: BaseGeometry, stroke: Stroke) -> None:
    """
    Draw a line with white on either side of it.

    Parameters
    ----------
    canvas
        The sheet.
    shape
        Line, or surface of which the outline is drawn, millimetres.
    stroke
        Of the line itself.
    """
    canvas.line(one(shape), Stroke(colour=_WHITE, width_mm=stroke.width_mm + 2 * _CLEAR_MM))
    canvas.line(one(shape), stroke)


def _polygon(at: At, corners: list[tuple[float, float]], size_mm: float) -> Shapes:
    moved = [(at[0] + right * size_mm, at[1] + up * size_mm) for right, up in corners]
    return one(shapely.Polygon(moved))
