"""A drawing measured in millimetres of paper, as SVG: the same bytes for the same strokes."""

from __future__ import annotations

import io
import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
import numpy as np
import shapely
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Patch, PathPatch, Rectangle
from matplotlib.path import Path

from sinkwatch.publish.evidence import typeface
from sinkwatch.publish.evidence.typeface import Weight

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    At = tuple[float, float]
    Shapes = NDArray[np.object_]

PT_PER_MM: Final = 72 / 25.4

BASELINE: Final = 0.33
"""How far below a label's middle its letters stand, as a share of their size: half a capital."""

_SETTINGS: Final[Any] = {
    "svg.hashsalt": "sinkwatch",
    "svg.fonttype": "path",
    "path.simplify": False,
    "savefig.bbox": None,
    "savefig.transparent": False,
    "lines.scale_dashes": True,
    "text.usetex": False,
}
"""Named here, since a matplotlibrc of the machine could say otherwise."""

_HALO: Final = "#fefefe"
"""A white that nothing else is drawn in: matplotlib cannot stroke letters, so the finished SVG is
told to, wherever this colour stands."""

_HALO_STYLE: Final = b"fill: #ffffff; stroke: #ffffff; stroke-width: 1600; stroke-opacity: 0.9"
"""6,400 units of an outline are the letters' size."""

_OUTLINE: Final = re.compile(rb'(?<= d=")[^"]+')
_LONG_NUMBER: Final = re.compile(rb"-?\d+\.\d{3,}")
_BLANK: Final = re.compile(rb"\s*([MLQCz])\s*")
_COMMENT: Final = re.compile(rb"<!--.*?-->\n? *", re.DOTALL)
"""matplotlib notes each text beside its outlines, which nobody asked it to."""

_NOTHING: Final = re.compile(rb"<path (?![^>]*\bd=)[^>]*/>\n? *")
"""What lies wholly outside becomes an element without an outline."""

_BEYOND_MM: Final = 2.0
"""How far beyond the limits a rim that is cut off is drawn, so that its ends do not show."""

_QUADRANT_SEGMENTS: Final = 128
"""Sides to a quarter of such a rim: at a radius of 1 m on paper it strays by 0.02 mm."""

_HAIR_MM: Final = 0.01
"""What lies no further outside is hidden by the neat line, and no finer than SVG is written in."""

_GLYPHS: Final = re.compile(rb"(<defs>.*?</defs>)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stroke:
    """
    How a line is drawn.

    Attributes
    ----------
    colour
        ``#rrggbb``.
    width_mm
        Of the line.
    dash_mm
        Lengths drawn and left out in turn, millimetres; empty for a solid line.
    is_round
        Whether its ends are; a dash of no length is a dot then.
    """

    colour: str
    width_mm: float
    dash_mm: tuple[float, ...] = ()
    is_round: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lettering:
    """
    How words are set.

    Attributes
    ----------
    colour
        ``#rrggbb``.
    size_pt
        Points, 7 or more.
    weight
        How heavy.
    has_halo
        Whether white stands round the letters, so that what lies below does not run into them.
    """

    colour: str
    size_pt: float = typeface.LEAST_PT
    weight: Weight = Weight.REGULAR
    has_halo: bool = True


class Canvas:
    """
    A sheet to draw on; what is drawn later lies above.

    Parameters
    ----------
    width_mm, height_mm
        Of the drawing.
    """

    def __init__(self, width_mm: float, height_mm: float) -> None:
        self._figure = Figure(figsize=(width_mm / 25.4, height_mm / 25.4))
        self._figure.patch.set_visible(False)
        self._axes = self._figure.add_axes((0, 0, 1, 1))
        self._axes.set_axis_off()
        self._axes.set_xlim(0, width_mm)
        self._axes.set_ylim(0, height_mm)
        self._order = itertools.count(1)
        self._clip: Rectangle | None = None

    def clip(self, shape: shapely.Polygon | None) -> None:
        """
        Let nothing be drawn outside a rectangle from now on.

        Parameters
        ----------
        shape
            The rectangle, millimetres; None for no limit.
        """
        if shape is None:
            self._clip = None
            return
        left, low, right, high = shape.bounds
        self._clip = Rectangle(
            (left, low), right - left, high - low, transform=self._axes.transData
        )

    def fill(self, shapes: Shapes, colour: str, *, rim: Stroke | None = None) -> None:
        """
        Fill surfaces.

        Parameters
        ----------
        shapes
            Polygons, millimetres; others are passed over.
        colour
            ``#rrggbb``.
        rim
            A line round them; None for none.
        """
        path = _path(_parts(shapes, dimensions=2))
        if path is not None:
            self._add(PathPatch(path, facecolor=colour, **_edge(rim)))

    def line(self, shapes: Shapes, stroke: Stroke) -> None:
        """
        Draw lines, or the outlines of surfaces.

        Parameters
        ----------
        shapes
            Lines or polygons, millimetres; points are passed over.
        stroke
            How.
        """
        path = _path(_parts(shapes, dimensions=1))
        if path is not None:
            self._add(PathPatch(path, facecolor="none", **_edge(stroke)))

    def circle(
        self, at: At, radius_mm: float, *, stroke: Stroke | None = None, fill: str = "none"
    ) -> None:
        """
        Draw a circle.

        Parameters
        ----------
        at
            Its middle, millimetres.
        radius_mm
            Its radius.
        stroke
            Of its rim; None for none.
        fill
            ``#rrggbb``, or none.
        """
        patch = Circle(at, radius_mm, facecolor=fill, **_edge(stroke))
        is_cut = self._clip is not None and _is_beyond(patch, self._clip)
        if self._clip is None or stroke is None or fill != "none" or not is_cut:
            self._add(patch)
            return
        # Of a rim that is cut off only what is seen: a renderer makes room for all the rest.
        rim = shapely.Point(at).buffer(radius_mm, quad_segs=_QUADRANT_SEGMENTS).exterior
        seen = shapely.box(*self._clip.get_bbox().extents).buffer(_BEYOND_MM)
        self.line(one(shapely.line_merge(shapely.intersection(rim, seen))), stroke)

    def write(self, at: At, text: str, how: Lettering, *, turned_deg: float = 0.0) -> None:
        """
        Write words, their middle at a place.

        Parameters
        ----------
        at
            Millimetres.
        text
            As `typeface.label` returns it.
        how
            Size, weight, colour.
        turned_deg
            Anticlockwise.
        """
        turn = np.radians(turned_deg)
        down = BASELINE * how.size_pt / PT_PER_MM
        low = (at[0] + down * np.sin(turn), at[1] - down * np.cos(turn))
        for colour in (_HALO, how.colour) if how.has_halo else (how.colour,):
            self._axes.text(
                *low,
                text,
                color=colour,
                fontproperties=typeface.face(text, how.weight),
                fontsize=how.size_pt,
                ha="center",
                va="baseline",
                rotation=turned_deg,
                rotation_mode="anchor",
                parse_math=False,
                zorder=next(self._order),
            )

    def svg(self) -> bytes:
        """Return the drawing, without the day or the program that it was made on."""
        out = io.BytesIO()
        with mpl.rc_context(_SETTINGS):
            nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
            self._figure.savefig(out, format="svg", metadata=nothing)
        drawn = _NOTHING.sub(b"", _COMMENT.sub(b"", out.getvalue()))
        shorter = _GLYPHS.split(drawn)
        # Letters are defined in units of their own, that have no digits to spare.
        shorter[::2] = [_OUTLINE.sub(_rounded, part) for part in shorter[::2]]
        return b"".join(shorter).replace(f"fill: {_HALO}".encode(), _HALO_STYLE)

    def _add(self, patch: Patch) -> None:
        patch.set_zorder(next(self._order))
        self._axes.add_artist(patch)
        if self._clip is not None and _is_beyond(patch, self._clip):
            patch.set_clip_path(self._clip)
        else:  # whatever renders the drawing pays dearly for each part that is clipped
            patch.set_clip_on(False)


def _is_beyond(patch: Patch, limits: Rectangle) -> bool:
    """Return whether ink of a patch may lie outside a rectangle."""
    drawn = patch.get_path().get_extents(patch.get_patch_transform())
    inked = drawn.padded(patch.get_linewidth() / PT_PER_MM / 2)
    kept = limits.get_bbox()
    return bool(
        inked.x0 < kept.x0 - _HAIR_MM
        or inked.y0 < kept.y0 - _HAIR_MM
        or inked.x1 > kept.x1 + _HAIR_MM
        or inked.y1 > kept.y1 + _HAIR_MM
    )


def one(shape: BaseGeometry) -> Shapes:
    """
    Return an array of one shape.

    Parameters
    ----------
    shape
        Whatever it is.

    Returns
    -------
    shapes
        Of length 1.
    """
    alone = np.empty(1, dtype=object)
    alone[0] = shape
    return alone


def _rounded(outline: re.Match[bytes]) -> bytes:
    """Leave out what is finer than a hundredth of a point, and blanks that part nothing."""
    finer = _LONG_NUMBER.sub(
        lambda number: f"{float(number.group()):.2f}".encode(), outline.group()
    )
    return _BLANK.sub(rb"\1", finer)


def _edge(stroke: Stroke | None) -> dict[str, object]:
    if stroke is None:
        return {"edgecolor": "none", "linewidth": 0}
    # matplotlib counts dashes in widths of the line.
    dashes = tuple(length / stroke.width_mm for length in stroke.dash_mm)
    return {
        "edgecolor": stroke.colour,
        "linewidth": stroke.width_mm * PT_PER_MM,
        "linestyle": (0, dashes) if dashes else "solid",
        "capstyle": "round" if stroke.is_round else "butt",
        "joinstyle": "round",
    }


def _parts(shapes: Shapes, *, dimensions: int) -> Shapes:
    """Return the rings of all surfaces, and the lines too if that is what is asked for."""
    parts = shapely.get_parts(shapely.get_parts(shapes))
    has = shapely.get_dimensions(parts)
    surfaces = shapely.orient_polygons(parts[(has == 2) & ~shapely.is_empty(parts)])  # noqa: PLR2004
    rings = shapely.get_rings(surfaces)
    if dimensions != 1:
        return rings
    lines = parts[(has == 1) & ~shapely.is_empty(parts)]
    return np.concatenate([rings, lines])


def _path(parts: Shapes) -> Path | None:
    """Join lines and rings into one path: one element of the SVG."""
    if not len(parts):
        return None
    corners, owner = shapely.get_coordinates(parts, return_index=True)
    codes = np.full(len(corners), Path.LINETO, dtype=Path.code_type)
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    codes[starts] = Path.MOVETO
    ends = np.append(starts[1:], len(corners)) - 1
    codes[ends[shapely.is_closed(parts)]] = Path.CLOSEPOLY
    return Path(corners, codes)
