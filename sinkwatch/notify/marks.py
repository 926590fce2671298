"""The marks, letters and colours of which map and key are made, sized in CSS pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
import numpy as np
import shapely
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, PathPatch
from matplotlib.path import Path

from sinkwatch import style
from sinkwatch.model import Evidence, GeologyClass

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

POINT: Final = 0.75
"""A CSS pixel in points, the unit of matplotlib's lines and letters."""

FADING: Final = (1.0, 0.78, 0.56, 0.36, 0.18)
"""Strength of colour and pattern, from well inside a zone to the line where it may end."""

HATCH_COLOURS: Final = {
    GeologyClass.C: "#8a6526",
    GeologyClass.B: "#948355",
    GeologyClass.A: "#8a9a94",
}
"""Pattern of each class of ground: its fill from style.py, darkened until grey print shows it."""

_FONTS: Final = FilePath(mpl.get_data_path()) / "fonts" / "ttf"
_REGULAR: Final = _FONTS / "DejaVuSans.ttf"
_BOLD: Final = _FONTS / "DejaVuSans-Bold.ttf"
_GLYPHS: Final = frozenset(FT2Font(str(_REGULAR)).get_charmap())
"""What the bundled font can draw; anything else would be a box and a warning."""

_ZONE_SHARE: Final = 0.45
_HATCH_PX: Final = 0.8
_HATCH_SHARE: Final = 0.75
_DOUBT_SHARE: Final = 0.7
_BLENDS: Final = (0.7, 0.35)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lettering:
    """
    How words are set.

    Attributes
    ----------
    size_px
        Height of the letters, CSS pixels.
    colour
        Their colour.
    font
        File of the typeface, the one that matplotlib carries.
    """

    size_px: float
    colour: str = style.INK
    font: FilePath = _REGULAR


PLACE: Final = Lettering(size_px=10.5)
"""Names of streets and landmarks."""

CENTRE: Final = Lettering(size_px=12.5, colour=style.ACCENT, font=_BOLD)
"""Name of the reader's own place."""

NUMBER: Final = Lettering(size_px=13, colour=style.PAPER, font=_BOLD)
"""Number on a pin."""

COUNT: Final = Lettering(size_px=9, colour=style.EVIDENCE_COLOURS[Evidence.CONFIRMED], font=_BOLD)
"""How many records one mark stands for."""

KEY: Final = Lettering(size_px=10)
"""Words of the key and of the scale bar."""

NORTH: Final = Lettering(size_px=9.5, font=_BOLD)
"""Letter of the north arrow."""


def text(
    axes: Axes, at: tuple[float, float], words: str, lettering: Lettering, *, align: str = "center"
) -> Text:
    """
    Set words; what the typeface cannot draw is left out, and nothing is read as mathematics.

    Parameters
    ----------
    axes
        In CSS pixels.
    at
        Their middle, or the middle of their left edge.
    words
        Outside text, perhaps.
    lettering
        How they are set.
    align
        ``center`` or ``left``.

    Returns
    -------
    text
        As added to the axes.
    """
    set_words = axes.text(
        *at,
        "".join(character for character in words if ord(character) in _GLYPHS),
        font=FontProperties(fname=str(lettering.font), size=lettering.size_px * POINT),
        color=lettering.colour,
        ha=align,
        va="center",
        clip_on=True,
    )
    set_words.set_parse_math(False)
    return set_words


def record(right: float, up: float, evidence: Evidence) -> Line2D:
    """
    Make the mark of a record: full, half or hollow with the evidence, a diamond if no event.

    Parameters
    ----------
    right, up
        Its middle, CSS pixels.
    evidence
        The grade.

    Returns
    -------
    mark
        To be added to axes.
    """
    colour = style.EVIDENCE_COLOURS[evidence]
    is_event = evidence is not Evidence.NOT_AN_EVENT
    is_filled = evidence in (Evidence.CONFIRMED, Evidence.PROBABLE)
    return Line2D(
        [right],
        [up],
        marker="o" if is_event else "D",
        markersize=(11 if is_event else 8.5) * POINT,
        fillstyle="left" if evidence is Evidence.PROBABLE else "full",
        markerfacecolor=colour if is_filled else style.PAPER,
        markerfacecoloralt=style.PAPER,
        markeredgecolor=colour,
        markeredgewidth=1.8 * POINT,
        linestyle="none",
    )


def centre(right: float, up: float) -> Line2D:
    """
    Make the mark of the reader's own place.

    Parameters
    ----------
    right, up
        Its middle, CSS pixels.

    Returns
    -------
    mark
        To be added to axes.
    """
    return Line2D(
        [right],
        [up],
        marker="P",
        markersize=12 * POINT,
        color=style.ACCENT,
        markeredgecolor=style.PAPER,
        markeredgewidth=1 * POINT,
        linestyle="none",
    )


def ring(at: tuple[float, float], radius_px: float, colour: str, width_px: float) -> Circle:
    """
    Make a circle that is not filled.

    Parameters
    ----------
    at
        Its middle, CSS pixels.
    radius_px
        CSS pixels.
    colour
        Of the line.
    width_px
        Of the line, CSS pixels.

    Returns
    -------
    circle
        To be added to axes.
    """
    return Circle(at, radius_px, fill=False, edgecolor=colour, linewidth=width_px * POINT)


def zone(shape: shapely.Geometry, kind: GeologyClass, strength: float) -> PathPatch:
    """
    Make the fill and pattern of a zone.

    Parameters
    ----------
    shape
        In CSS pixels.
    kind
        Its class.
    strength
        One of `FADING`.

    Returns
    -------
    patch
        To be added to axes.
    """
    patch = PathPatch(
        _path(shape),
        facecolor=_zone_colour(kind, strength),
        edgecolor=_hatch_colour(kind, strength),
        hatch=style.MATPLOTLIB_HATCHES[style.ZONE_PATTERNS[kind]],
        linewidth=0,
    )
    patch.set_hatch_linewidth(_HATCH_PX * POINT)
    return patch


def doubt_colour(colour: str) -> str:
    """
    Return the paler colour of a line round the ground where a position may truly be.

    Parameters
    ----------
    colour
        Of the mark.

    Returns
    -------
    colour
        One of the palette.
    """
    return _mixed(colour, style.PAPER, _DOUBT_SHARE)


def palette() -> list[int]:
    """
    Return the colours that a picture is made of, so that reducing it to them alters none.

    Returns
    -------
    channels
        Red, green and blue of each colour in turn, as Pillow wants them.
    """
    zones = [
        colour(kind, strength)
        for kind in HATCH_COLOURS
        for strength in FADING
        for colour in (_zone_colour, _hatch_colour)
    ]
    inks = [style.INK, style.ACCENT, style.MUTED, *style.EVIDENCE_COLOURS.values()]
    blends = [_mixed(ink, style.PAPER, share) for ink in inks for share in _BLENDS]
    colours = dict.fromkeys([style.PAPER, style.LINE, *zones, *inks, *blends])
    return [channel for colour in colours for channel in _channels(colour)]


def _zone_colour(kind: GeologyClass, strength: float) -> str:
    return _mixed(style.ZONE_COLOURS[kind], style.PAPER, _ZONE_SHARE * strength)


def _hatch_colour(kind: GeologyClass, strength: float) -> str:
    return _mixed(HATCH_COLOURS[kind], style.PAPER, _HATCH_SHARE * strength)


def _mixed(colour: str, other: str, share: float) -> str:
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in pairs)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _path(geometry: shapely.Geometry) -> Path:
    """Return the polygons of a geometry as one path; holes run the other way round."""
    parts = [part for part in shapely.get_parts(geometry) if isinstance(part, shapely.Polygon)]
    rings = [
        shapely.get_coordinates(ring)
        for polygon in (shapely.orient_polygons(part) for part in parts)
        for ring in (polygon.exterior, *polygon.interiors)
    ]
    if not rings:
        return Path(np.empty((0, 2)))
    return Path.make_compound_path(*(Path(ring, closed=True) for ring in rings))
