"""Circles round a place, as the few dots of a picture that they alter."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from sinkwatch import style
from sinkwatch.notify import palette

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Places = NDArray[np.int_]

_KEPT: Final = 256
"""Circles kept, some 30 kB each: they come in a few sizes a view."""

_SAMPLE_PX: Final = 6.0
_LEAST_DOTS: Final = 1.0
"""Width of the thinnest line that has no gaps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """
    How a circle is drawn.

    Attributes
    ----------
    colour
        One of the palette.
    width_px
        CSS pixels. Its edges are hard: soft lines across a pattern double a picture's bytes.
    dash_px
        Length of a dash and of the gap after it, CSS pixels; a gap of 0 for a whole line.
    """

    colour: str
    width_px: float
    dash_px: tuple[float, float] = (1.0, 0.0)


RADIUS: Final = Line(colour=style.ACCENT, width_px=1.6)
"""How far round the reader asked."""

HOME: Final = Line(colour=style.ACCENT, width_px=1.2, dash_px=(3.0, 2.5))
"""Where the reader's own place may truly be."""


def doubt(colour: str) -> Line:
    """
    Return the line round the ground where something may truly be.

    It is dotted: a whole one would break every line of the pattern that it crosses, at a third of
    the picture's bytes.

    Parameters
    ----------
    colour
        Of its mark.

    Returns
    -------
    line
        Paler than the mark.
    """
    return Line(colour=palette.doubt_colour(colour), width_px=1.5, dash_px=(1.5, 3.5))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ring:
    """
    The dots of a circle.

    Attributes
    ----------
    down, right
        Of each: how far from the middle, dots.
    number
        Their colour.
    """

    down: NDArray[np.int16]
    right: NDArray[np.int16]
    number: int

    def trace(self, dots: NDArray[np.uint8], down: int, right: int) -> None:
        """
        Draw it; what would fall outside is left out.

        Parameters
        ----------
        dots
            Which to alter.
        down, right
            Where its middle is.
        """
        rows, columns = self.down + down, self.right + right
        inside = (rows >= 0) & (rows < dots.shape[0]) & (columns >= 0) & (columns < dots.shape[1])
        dots[rows[inside], columns[inside]] = self.number


@functools.lru_cache(maxsize=_KEPT)
def ring(radius_px: float, line: Line, scale: float) -> Ring:
    """
    Make a circle.

    Parameters
    ----------
    radius_px
        CSS pixels, a picture's diagonal at most.
    line
        How it is drawn.
    scale
        Dots to a CSS pixel.

    Returns
    -------
    ring
        The same for the same arguments.
    """
    radius, half = radius_px * scale, max(_LEAST_DOTS, line.width_px * scale) / 2
    down, right, off = _near(radius, half)
    drawn = (off <= half) & _dashed(down, right, radius_px, line.dash_px)
    return Ring(
        down=down[drawn].astype(np.int16),
        right=right[drawn].astype(np.int16),
        number=palette.number(line.colour),
    )


@functools.cache
def sample(line: Line, scale: float) -> NDArray[np.uint8]:
    """
    Make a small circle, for the key.

    Parameters
    ----------
    line
        How it is drawn.
    scale
        Dots to a CSS pixel.

    Returns
    -------
    dots
        Numbers of the palette, `palette.NOTHING` where the line is not.
    """
    side = round(15 * scale)
    dots = np.full((side, side), palette.NOTHING, dtype=np.uint8)
    ring(_SAMPLE_PX, line, scale).trace(dots, side // 2, side // 2)
    return dots


def _dashed(
    down: Places, right: Places, radius_px: float, dash_px: tuple[float, float]
) -> NDArray[np.bool_]:
    """Tell which dots lie in a dash, so many whole dashes round the circle."""
    n_dashes = max(1, round(2 * math.pi * radius_px / sum(dash_px)))
    turns = np.arctan2(down, right) / (2 * math.pi) * n_dashes
    return np.asarray(turns % 1 <= dash_px[0] / sum(dash_px))


def _near(radius: float, reach: float) -> tuple[Places, Places, NDArray[np.float64]]:
    """Find the dots round a circle by going along it, and how far off it each is."""
    turns = np.linspace(0, 2 * math.pi, math.ceil(8 * (radius + reach)) + 8)
    radii = np.arange(max(0.0, radius - reach), radius + reach, 0.5)[:, None]
    across, along = np.rint(radii * np.cos(turns)), np.rint(radii * np.sin(turns))
    span = 2 * math.ceil(radius + reach) + 1
    dots = np.unique(along.astype(int).ravel() * span + across.astype(int).ravel() + span // 2)
    down, right = np.divmod(dots, span)
    right -= span // 2
    return down, right, np.abs(np.hypot(down, right) - radius)
