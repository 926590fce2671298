"""The colours of a mail's map, each with its number: a picture holds numbers, and none is mixed."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

import numpy as np

from sinkwatch import style
from sinkwatch.model import GeologyClass

if TYPE_CHECKING:
    from numpy.typing import NDArray

FADING: Final = (1.0, 0.78, 0.56, 0.36, 0.18)
"""Strength of colour and pattern, from well inside a zone to the line where it may end."""

KINDS: Final = (GeologyClass.C, GeologyClass.B, GeologyClass.A)
"""The classes of ground that are drawn, the most susceptible first."""

HATCHES: Final = {
    GeologyClass.C: "#8a6526",
    GeologyClass.B: "#948355",
    GeologyClass.A: "#8a9a94",
}
"""Pattern of each class of ground: its fill from style.py, darkened until grey print shows it."""

BACKDROP: Final = {
    "woodland": "#a3b48f",
    "water": "#b7cdd6",
    "road": "#ffffff",
    "casing": "#c2c8c4",
    "railway": "#8d979b",
    "building": "#b3b5b0",
}
"""Colours of what lies under the marks: paler than every one of them, so that none is lost."""

NOTHING: Final = 255
"""The number that stands for no colour: what lies below is left as it is."""

_ZONE_SHARE: Final = 0.45
_HATCH_SHARE: Final = 0.75
_DOUBT_SHARE: Final = 0.7
_BLENDS: Final = (0.7, 0.35)
_HALF_COVERED: Final = 0.5
_LEAST_COVERED: Final = (0.85, 0.5, 0.18)
"""Of a dot: from where on it has a mark's colour, and each of its two paler blends."""

_INKS: Final = (style.INK, style.ACCENT, style.MUTED, *style.EVIDENCE_COLOURS.values())


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
    return _mixed(colour, _DOUBT_SHARE)


def number(colour: str) -> int:
    """
    Return the number of a colour.

    Parameters
    ----------
    colour
        One of the palette.

    Returns
    -------
    number
        Of its entry.
    """
    return _NUMBERS[colour]


def channels() -> bytes:
    """Return red, green and blue of each colour in turn, as Pillow wants them."""
    return b"".join(bytes.fromhex(colour[1:]) for colour in _NUMBERS)


@functools.cache
def of_zone(kind: GeologyClass) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """
    Return the numbers of a zone's colours.

    Parameters
    ----------
    kind
        Its class.

    Returns
    -------
    fills, hatches
        Ground and pattern, one number for each step of `FADING`.
    """
    fills = [number(_mixed(style.ZONE_COLOURS[kind], _ZONE_SHARE * each)) for each in FADING]
    hatches = [number(_mixed(HATCHES[kind], _HATCH_SHARE * each)) for each in FADING]
    return np.array(fills, dtype=np.uint8), np.array(hatches, dtype=np.uint8)


@functools.cache
def shades(colour: str) -> NDArray[np.uint8]:
    """
    Return what a dot becomes where a mark covers so much of it.

    Parameters
    ----------
    colour
        Of the mark: paper, or one that has blends in the palette.

    Returns
    -------
    numbers
        One for each coverage from 0 to 255; `NOTHING` where there is too little.
    """
    numbers = np.full(256, NOTHING, dtype=np.uint8)
    if colour == style.PAPER:  # paler than itself it cannot be
        numbers[round(255 * _HALF_COVERED) :] = number(colour)
        return numbers
    blends = (colour, *(_mixed(colour, share) for share in _BLENDS))
    for least, blend in reversed(list(zip(_LEAST_COVERED, blends, strict=True))):
        numbers[round(255 * least) :] = number(blend)
    return numbers


def _mixed(colour: str, share: float) -> str:
    """Return so much of a colour on paper."""
    pairs = zip(bytes.fromhex(colour[1:]), bytes.fromhex(style.PAPER[1:]), strict=True)
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in pairs)


def _numbered() -> dict[str, int]:
    zones = [
        _mixed(colour, share * strength)
        for colours, share in ((style.ZONE_COLOURS, _ZONE_SHARE), (HATCHES, _HATCH_SHARE))
        for colour in (colours[kind] for kind in KINDS)
        for strength in FADING
    ]
    blends = [_mixed(ink, share) for ink in _INKS for share in _BLENDS]
    colours = dict.fromkeys([style.PAPER, style.LINE, *_INKS, *blends, *zones, *BACKDROP.values()])
    return {colour: index for index, colour in enumerate(colours)}


_NUMBERS: Final = _numbered()
