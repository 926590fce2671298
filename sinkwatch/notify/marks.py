"""The marks and words of a map and its key, drawn once in each size and pasted ever after."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont

from sinkwatch import style
from sinkwatch.model import Evidence
from sinkwatch.notify import palette

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Dots = NDArray[np.uint8]
    Outline = NDArray[np.float64]

_FONTS: Final = Path(mpl.get_data_path()) / "fonts" / "ttf"
_REGULAR: Final = _FONTS / "DejaVuSans.ttf"
_BOLD: Final = _FONTS / "DejaVuSans-Bold.ttf"
_GLYPHS: Final = frozenset(FT2Font(str(_REGULAR)).get_charmap())
"""What the bundled font can draw; anything else would be a box."""

_KEPT: Final = 1_024
"""Marks and words kept, a few kilobytes each: a town's names, and the newest postcodes."""

_FINER: Final = 8
"""Dots drawn for each one kept, along each side, before they are counted."""

_PAD_PX: Final = 2.0
_LINE_HEIGHT: Final = 1.4


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
    font: Path = _REGULAR


PLACE: Final = Lettering(size_px=10.5)
"""Names of streets and landmarks."""

CENTRE: Final = Lettering(size_px=12.5, colour=style.ACCENT, font=_BOLD)
"""Name of the reader's own place."""

NUMBER: Final = Lettering(size_px=13, font=_BOLD)
"""Number on a pin."""

COUNT: Final = Lettering(size_px=9, colour=style.EVIDENCE_COLOURS[Evidence.CONFIRMED], font=_BOLD)
"""How many records one mark stands for."""

KEY: Final = Lettering(size_px=10)
"""Words of the key and of the scale bar."""

NORTH: Final = Lettering(size_px=9.5, font=_BOLD)
"""Letter of the north arrow."""

CREDIT: Final = Lettering(size_px=8, colour=style.MUTED)
"""Who made the backdrop."""


@functools.lru_cache(maxsize=_KEPT)
def text(words: str, lettering: Lettering, scale: float) -> Dots:
    """
    Set words on paper; what the typeface cannot draw is left out.

    A plain box under words, not a halo: legible over any pattern, and fewer bytes.

    Parameters
    ----------
    words
        Outside text, perhaps.
    lettering
        How they are set.
    scale
        Dots to a CSS pixel.

    Returns
    -------
    dots
        Numbers of the palette, a line high.
    """
    shown = "".join(c for c in words if ord(c) in _GLYPHS and c.isprintable())
    font = _font(lettering.font, lettering.size_px * scale)
    pad = _PAD_PX * scale
    size = (
        math.ceil(font.getlength(shown) + 2 * pad),
        round(lettering.size_px * _LINE_HEIGHT * scale),
    )
    covered = Image.new("L", size)
    ImageDraw.Draw(covered).text((pad, size[1] / 2), shown, fill=255, font=font, anchor="lm")
    letters = palette.shades(lettering.colour)[np.asarray(covered)]
    return np.where(letters == palette.NOTHING, np.uint8(palette.number(style.PAPER)), letters)


@functools.cache
def record(evidence: Evidence, scale: float) -> Dots:
    """
    Make the mark of a record: full, half or hollow with the evidence, a diamond if no event.

    Parameters
    ----------
    evidence
        The grade.
    scale
        Dots to a CSS pixel.

    Returns
    -------
    dots
        Numbers of the palette, `palette.NOTHING` round about it.
    """
    is_event = evidence is not Evidence.NOT_AN_EVENT
    outer, inner = (_disc(6.4), _disc(4.6)) if is_event else (_diamond(7.2), _diamond(4.7))
    blank = {Evidence.CONFIRMED: (), Evidence.PROBABLE: (np.maximum(inner, (0, -9)),)}
    mark = _Mark(15, scale)
    mark.ink(style.PAPER, outer)
    mark.ink(style.EVIDENCE_COLOURS[evidence], outer, less=blank.get(evidence, (inner,)))
    return mark.dots


@functools.cache
def centre(scale: float) -> Dots:
    """
    Make the mark of the reader's own place.

    Parameters
    ----------
    scale
        Dots to a CSS pixel.

    Returns
    -------
    dots
        As of `record`.
    """
    mark = _Mark(15, scale)
    for colour, half, thick in ((style.PAPER, 6.5, 2.5), (style.ACCENT, 5.6, 1.6)):
        mark.ink(colour, _box(half, thick), _box(thick, half))
    return mark.dots


@functools.lru_cache(maxsize=_KEPT)
def head(number: int, scale: float) -> Dots:
    """
    Make the head of a pin.

    Parameters
    ----------
    number
        That of its item.
    scale
        Dots to a CSS pixel.

    Returns
    -------
    dots
        As of `record`.
    """
    mark = _Mark(25, scale)
    mark.ink(style.PAPER, _disc(11.7))
    mark.ink(style.INK, _disc(10.4), less=(_Words(str(number), NUMBER),))
    return mark.dots


@functools.cache
def foot(scale: float) -> Dots:
    """
    Make the foot of a pin, where its place is.

    Parameters
    ----------
    scale
        Dots to a CSS pixel.

    Returns
    -------
    dots
        As of `record`.
    """
    mark = _Mark(9, scale)
    mark.ink(style.PAPER, _disc(3.7))
    mark.ink(style.INK, _disc(2.5))
    return mark.dots


@functools.lru_cache(maxsize=_KEPT)
def stem(right: float, up: float, scale: float) -> Dots:
    """
    Make the line from a pin's foot to its head.

    Parameters
    ----------
    right, up
        Where the head is, as seen from the foot, CSS pixels.
    scale
        Dots to a CSS pixel.

    Returns
    -------
    dots
        As of `record`, with the foot in its middle.
    """
    away = math.hypot(right, up)
    across = np.array([-up, right]) / away * 0.9
    middle, end = np.zeros(2), np.array([right, up])
    mark = _Mark(2 * math.ceil(away) + 3, scale)
    mark.ink(style.INK, np.array([middle - across, end - across, end + across, middle + across]))
    return mark.dots


@functools.cache
def north(scale: float) -> Dots:
    """
    Make the arrow that points to grid north.

    Parameters
    ----------
    scale
        Dots to a CSS pixel.

    Returns
    -------
    dots
        As of `record`.
    """
    mark = _Mark(36, scale)
    mark.ink(style.PAPER, _disc(18))
    arrow = np.array([(0, 5), (-5, -11), (0, -7), (5, -11)])
    mark.ink(style.INK, arrow, _Words("N", NORTH, up=11))
    return mark.dots


@functools.cache
def spot(scale: float) -> Dots:
    """
    Make a pin's head as it stands in the key, without a number.

    Parameters
    ----------
    scale
        Dots to a CSS pixel.

    Returns
    -------
    dots
        As of `record`.
    """
    mark = _Mark(15, scale)
    mark.ink(style.INK, _disc(6))
    return mark.dots


class _Words(NamedTuple):
    words: str
    lettering: Lettering
    up: float = 0.0


class _Mark:
    """A mark in the making: square, its middle the origin, right and up in CSS pixels."""

    def __init__(self, side_px: float, scale: float) -> None:
        side = round(side_px * scale)
        self.dots = np.full((side, side), palette.NOTHING, dtype=np.uint8)
        self._dots_per_px = scale * _FINER

    def ink(
        self, colour: str, *shapes: Outline | _Words, less: Iterable[Outline | _Words] = ()
    ) -> None:
        """Cover with a colour what the shapes cover, less what others do."""
        side = len(self.dots) * _FINER
        image = Image.new("L", (side, side))
        for shape in shapes:
            self._draw(image, shape, 255)
        for shape in less:
            self._draw(image, shape, 0)
        numbers = palette.shades(colour)[np.asarray(image.reduce(_FINER))]
        np.copyto(self.dots, numbers, where=numbers != palette.NOTHING)

    def _draw(self, image: Image.Image, shape: Outline | _Words, covered: int) -> None:
        pen, middle = ImageDraw.Draw(image), image.width / 2
        if isinstance(shape, _Words):
            font = _font(shape.lettering.font, shape.lettering.size_px * self._dots_per_px)
            at = middle, middle - shape.up * self._dots_per_px
            pen.text(at, shape.words, fill=covered, font=font, anchor="mm")
        else:
            corners = middle + shape * (self._dots_per_px, -self._dots_per_px) - 0.5
            pen.polygon(corners.ravel().tolist(), fill=covered)


@functools.cache
def _font(path: Path, size: float) -> ImageFont.FreeTypeFont:
    # The plain layout: the same wherever Pillow is, with or without what shapes other scripts.
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


def _disc(radius: float) -> Outline:
    turns = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    return radius * np.stack([np.sin(turns), np.cos(turns)], axis=1)


def _diamond(half: float) -> Outline:
    return half * np.array([(0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (-1.0, 0.0)])


def _box(half_width: float, half_height: float) -> Outline:
    corners = np.array([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)])
    return corners * (half_width, half_height)
