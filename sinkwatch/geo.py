"""The only module that names a coordinate reference system or turns one into another."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import geopandas as gpd
import numpy as np
import pyproj
import shapely
from convertbng import cutil

from sinkwatch.errors import CoverageError, PlaceError, SchemaError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from sinkwatch.model import Bounds

BNG: Final = "EPSG:27700"
"""British National Grid (OSGB36), metres: the one CRS inside sinkwatch."""

WGS84: Final = "EPSG:4326"
"""Longitude and latitude in degrees, taken as ETRS89: what the web sends and is sent."""

POSITION_FLOOR_M: Final = 10.0
"""Least uncertainty of any position, metres: address points and 8-figure grid references
(sinkwatch position rules, table of defaults)."""

BOUNDARY_UNCERTAINTY_M: Final = 5.0
"""Uncertainty of a planning site's boundary, metres (sinkwatch position rules)."""

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


def to_bng(
    longitude: ArrayLike, latitude: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Convert longitude and latitude to British National Grid through OSTN15.

    Good to about 0.01 m wherever OSTN15 is defined. A plain datum shift is 1.6 m
    wrong at Ripon, hence no other path in the product.

    Parameters
    ----------
    longitude
        Degrees east, EPSG:4326, shape (n,) or scalar.
    latitude
        Degrees north, EPSG:4326, same shape.

    Returns
    -------
    easting, northing
        Metres, EPSG:27700, shape (n,); NaN where OSTN15 has no value.

    References
    ----------
    .. [1] Ordnance Survey, "Transformations and OSGM15 user guide".
    """
    return cutil.convert_to_osgb36(*_arrays(longitude, latitude))


def to_wgs84(
    easting: ArrayLike, northing: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Convert British National Grid to longitude and latitude through OSTN15.

    Parameters
    ----------
    easting
        Metres, EPSG:27700, shape (n,) or scalar.
    northing
        Metres, EPSG:27700, same shape.

    Returns
    -------
    longitude, latitude
        Degrees, EPSG:4326, shape (n,); NaN where OSTN15 has no value.

    References
    ----------
    .. [1] Ordnance Survey, "Transformations and OSGM15 user guide".
    """
    return cutil.convert_osgb36_to_ll(*_arrays(easting, northing))


def _arrays(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return (
        np.atleast_1d(np.asarray(first, dtype=np.float64)),
        np.atleast_1d(np.asarray(second, dtype=np.float64)),
    )


def frame_to_bng(frame: gpd.GeoDataFrame, *, name: str) -> gpd.GeoDataFrame:
    """
    Return the frame on British National Grid, whichever of the two systems it is in.

    Parameters
    ----------
    frame
        Any frame with geometry and a declared CRS, EPSG:27700 or EPSG:4326 (or CRS84).
    name
        What the frame holds, for the message if it cannot be used.

    Returns
    -------
    frame
        New frame, same rows, EPSG:27700.

    Raises
    ------
    SchemaError
        If no CRS is declared, or one that sinkwatch does not convert exactly.
    CoverageError
        If a vertex lies where OSTN15 has no value, outside Great Britain.
    """
    if frame.crs is None:
        raise SchemaError(
            name,
            ["no CRS is declared, so its coordinates cannot be placed"],
            f"Save it with {BNG} or {WGS84} declared; sinkwatch never guesses",
        )
    if frame.crs.equals(BNG):
        return frame.copy()
    if not frame.crs.equals(WGS84, ignore_axis_order=True):
        raise SchemaError(
            name,
            [f"its CRS is {frame.crs.to_string()}"],
            f"Convert it to {BNG} or {WGS84} first; sinkwatch converts only between those two, "
            "through OSTN15",
        )
    shapes = frame.geometry.to_numpy()
    corners = shapely.get_coordinates(shapes)
    # Asked before any shape is moved: no ring can be made of corners that lie nowhere.
    if not np.isfinite(to_bng(corners[:, 0], corners[:, 1])).all():
        raise CoverageError(
            name,
            "it has coordinates outside Great Britain, where the National Grid is not defined",
            "Check the order (longitude, latitude) and remove what lies outside",
        )
    geometry = _moved(shapes, to_bng)
    return frame.set_geometry(gpd.GeoSeries(geometry, index=frame.index, crs=BNG))


def frame_to_wgs84(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """
    Return the frame in longitude and latitude, for a file or page that leaves sinkwatch.

    Parameters
    ----------
    frame
        Any frame in EPSG:27700.

    Returns
    -------
    frame
        New frame, same rows, EPSG:4326; NaN coordinates where OSTN15 has no value.
    """
    geometry = _moved(frame.geometry.to_numpy(), to_wgs84)
    return frame.set_geometry(gpd.GeoSeries(geometry, index=frame.index, crs=WGS84))


def code_of(crs: object) -> str:
    """
    Name the CRS that a file declares.

    Parameters
    ----------
    crs
        PROJJSON, WKT or a code, as the file has it.

    Returns
    -------
    code
        `BNG`, `WGS84`, or the name that it gives itself.

    Examples
    --------
    >>> code_of("OGC:CRS84"), code_of("EPSG:27700"), code_of("EPSG:3857")
    ('EPSG:4326', 'EPSG:27700', 'EPSG:3857')
    """
    declared = pyproj.CRS.from_user_input(crs)
    if declared.equals(BNG):
        return BNG
    return WGS84 if declared.equals(WGS84, ignore_axis_order=True) else declared.to_string()


def bng_frame(
    columns: Mapping[str, object], easting: ArrayLike, northing: ArrayLike
) -> gpd.GeoDataFrame:
    """
    Make a frame of points on British National Grid; a row without a position has none.

    Parameters
    ----------
    columns
        Column name to values, each of length n.
    easting, northing
        Metres, EPSG:27700, shape (n,); NaN where the position is unknown.

    Returns
    -------
    frame
        With n rows, point geometry or None, EPSG:27700.
    """
    easting, northing = _arrays(easting, northing)
    points = np.full(easting.shape, None, dtype=object)
    known = np.isfinite(easting) & np.isfinite(northing)
    points[known] = shapely.points(easting[known], northing[known])
    return gpd.GeoDataFrame(dict(columns), geometry=gpd.GeoSeries(points, crs=BNG), crs=BNG)


def _moved(
    geometry: NDArray[np.object_], convert: Callable[..., tuple[NDArray[np.float64], ...]]
) -> NDArray[np.object_]:
    def move(coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(convert(coordinates[:, 0], coordinates[:, 1]))

    return np.asarray(shapely.transform(shapely.force_2d(geometry), move), dtype=object)


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
