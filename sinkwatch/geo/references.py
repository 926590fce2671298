"""Squares and references of the National Grid, and directions on it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from sinkwatch.errors import CoverageError, PlaceError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sinkwatch.model import Bounds

    _Axes = tuple[NDArray[np.float64], NDArray[np.float64]]

_GRID_LETTERS: Final = "ABCDEFGHJKLMNOPQRSTUVWXYZ"  # the National Grid has no I
# ASCII only: to Python the Kelvin sign is a letter K and an Arabic digit is a digit.
_GRID_REFERENCE: Final = re.compile(
    r"([A-HJ-Z]{2})\s*(?:(\d+)\s+(\d+)|(\d{2,}))", re.ASCII | re.IGNORECASE
)
_MOST_FIGURES: Final = 5  # each way: five name a square of 1 m

# The National Grid is 7 by 13 squares of 100 km (Ordnance Survey, "A guide to coordinate systems
# in Great Britain").
_SQUARE_M: Final = 100_000
_COLUMNS: Final = 7
_ROWS: Final = 13

# Half the diagonal of the square that a reference names, rounded up, never under POSITION_FLOOR_M.
_UNCERTAINTY_OF_SQUARE_M: Final = {10_000: 7_100.0, 1_000: 710.0, 100: 71.0, 10: 10.0, 1: 10.0}

_COMPASS: Final = (
    "north",
    "north-east",
    "east",
    "south-east",
    "south",
    "south-west",
    "west",
    "north-west",
)


def swapped_into(bounds: Bounds, easting: float, northing: float) -> bool:
    """
    Tell whether a position outside the bounds would lie inside with its axes exchanged.

    Ripon with easting and northing exchanged lands in the East Riding, inside any
    box drawn round England, so only the area's own bounds can tell.

    Parameters
    ----------
    bounds
        The area's bounds, EPSG:27700 metres.
    easting, northing
        Metres, EPSG:27700.

    Returns
    -------
    swapped
        True if exchanging the two would help.
    """
    return not bounds.holds(easting, northing) and bounds.holds(northing, easting)


def on_grid(easting: float, northing: float) -> bool:
    """
    Tell whether a position lies in one of the lettered squares of the National Grid.

    Parameters
    ----------
    easting, northing
        Metres, EPSG:27700; NaN lies nowhere.

    Returns
    -------
    inside
        True if it does.
    """
    return 0 <= easting < _COLUMNS * _SQUARE_M and 0 <= northing < _ROWS * _SQUARE_M


def parse_grid_reference(text: str) -> tuple[float, float, float] | None:
    """
    Read an Ordnance Survey grid reference of 2 to 10 figures.

    A reference names the south-west corner of a square; the answer is the middle of
    that square, and its uncertainty reaches the square's corners.

    Parameters
    ----------
    text
        Such as "SE 318 726" or "SE318726".

    Returns
    -------
    position
        Easting, northing and position uncertainty, metres, EPSG:27700; None if the text has not
        the form of a grid reference.

    Raises
    ------
    PlaceError
        If it has the form, but its letters name no 100 km square of Great Britain, or its
        figures are not paired or more than ten.

    Examples
    --------
    >>> parse_grid_reference("SE 318 726")
    (431850.0, 472650.0, 71.0)
    >>> parse_grid_reference("HG4 1HS") is None
    True
    """
    match = _GRID_REFERENCE.fullmatch(text.strip())
    if match is None:
        return None
    letters, east, north, run = match.groups(default="")
    if run:
        east, north = run[: len(run) // 2], run[len(run) // 2 :]
    if len(east) != len(north) or len(east) > _MOST_FIGURES:
        raise PlaceError(
            text,
            "a grid reference has as many figures east as north, five each at most",
            "Write it like SE 318 726",
        )
    square_m = 10 ** (_MOST_FIGURES - len(east))
    corner_easting, corner_northing = _corner_of_square(letters.upper(), text)
    return (
        corner_easting + int(east) * square_m + square_m / 2,
        corner_northing + int(north) * square_m + square_m / 2,
        _UNCERTAINTY_OF_SQUARE_M[square_m],
    )


def _corner_of_square(letters: str, text: str) -> tuple[float, float]:
    first, second = (_GRID_LETTERS.index(letter) for letter in letters)
    # Lettered 500 km squares run A..Z from the north-west, five a row; S is the origin's square.
    column = (first % 5 - 2) * 5 + second % 5
    row = (3 - first // 5) * 5 + 4 - second // 5
    if not (0 <= column < _COLUMNS and 0 <= row < _ROWS):
        raise PlaceError(
            text,
            f"the letters {letters} name no 100 km square of Great Britain",
            "Write it like SE 318 726",
        )
    return float(column * _SQUARE_M), float(row * _SQUARE_M)


def format_grid_reference(easting: float, northing: float, *, figures: int = 6) -> str:
    """
    Write a position as an Ordnance Survey grid reference.

    Parameters
    ----------
    easting, northing
        Metres, EPSG:27700, within Great Britain.
    figures
        Number of figures in all: 2, 4, 6, 8 or 10.

    Returns
    -------
    reference
        Such as "SE 315 718": it names the south-west corner of the square that holds the position.

    Raises
    ------
    CoverageError
        If the position lies outside the National Grid.

    Examples
    --------
    >>> format_grid_reference(431579, 471829)
    'SE 315 718'
    """
    if not on_grid(easting, northing):
        raise CoverageError(
            f"easting {easting:g}, northing {northing:g}",
            "lies outside the National Grid",
            "Give eastings from 0 to 700,000 and northings from 0 to 1,300,000, in metres",
        )
    column, row = int(easting // _SQUARE_M), int(northing // _SQUARE_M)
    first = (3 - row // 5) * 5 + column // 5 + 2
    second = (4 - row % 5) * 5 + column % 5
    digits = figures // 2
    square_m = 10 ** (_MOST_FIGURES - digits)
    east = int(easting % _SQUARE_M // square_m)
    north = int(northing % _SQUARE_M // square_m)
    letters = _GRID_LETTERS[first] + _GRID_LETTERS[second]
    return f"{letters} {east:0{digits}d} {north:0{digits}d}"


def compass_point(
    from_easting: float, from_northing: float, to_easting: float, to_northing: float
) -> str:
    """
    Name the direction from one position to another, to the nearest of eight points.

    Parameters
    ----------
    from_easting, from_northing, to_easting, to_northing
        Metres, EPSG:27700.

    Returns
    -------
    direction
        Such as "north-east", by grid north.

    Examples
    --------
    >>> compass_point(0, 0, 10, 10)
    'north-east'
    """
    degrees = np.degrees(np.arctan2(to_easting - from_easting, to_northing - from_northing))
    return _COMPASS[round(degrees / 45) % 8]
