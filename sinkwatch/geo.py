"""The only module that names a coordinate reference system or turns one into another."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

import geopandas as gpd
import numpy as np
import pyproj
import shapely
from convertbng import cutil
from pyproj.network import set_network_enabled  # type: ignore[attr-defined]  # documented there
from pyproj.transformer import TransformerGroup

from sinkwatch.errors import CoverageError, PlaceError, SchemaError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from pyproj import Transformer

    from sinkwatch.model import Bounds

    _Axes = tuple[NDArray[np.float64], NDArray[np.float64]]

BNG: Final = "EPSG:27700"
"""British National Grid (OSGB36), metres: the one CRS inside sinkwatch."""

BNG_EPSG: Final = 27_700
"""Its number among the EPSG codes."""

WGS84: Final = "EPSG:4326"
"""Longitude and latitude in degrees, taken as ETRS89: what the web sends and is sent."""

POSITION_FLOOR_M: Final = 10.0
"""Least uncertainty of any position, metres: address points and 8-figure grid references
(sinkwatch position rules, table of defaults)."""

BOUNDARY_UNCERTAINTY_M: Final = 5.0
"""Uncertainty of a planning site's boundary, metres (sinkwatch position rules)."""

_OSGB36: Final = "EPSG:4277"
"""Longitude and latitude on the datum of the National Grid."""

_ETRS89: Final = "EPSG:4258"
"""Longitude and latitude that OSTN15 is defined for."""

# What a file may be turned into before sinkwatch itself takes over, and the last step to the grid:
# degrees go through OSTN15, what is on the datum of the grid already needs no other step.
_BY_WAY_OF: Final = (BNG, WGS84, _ETRS89)
_FULL_TURN_DEGREES: Final = 360.0
_STEPS: Final = 9  # points along each side of a rectangle, so that its bend is followed
# The datum of the grid lies 70 to 130 m from ETRS89 in Great Britain; at 61 degrees north a
# degree of longitude has 54 km.
_DATUM_DEGREES: Final = 0.003

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


def osgb36_degrees(
    easting: ArrayLike, northing: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Convert British National Grid to longitude and latitude on its own datum, which is exact.

    For what states the datum beside the degrees, such as a georeferenced PDF; a map on the web
    wants `to_wgs84`, some 100 m from these.

    Parameters
    ----------
    easting
        Metres, EPSG:27700, shape (n,) or scalar.
    northing
        Metres, EPSG:27700, same shape.

    Returns
    -------
    longitude, latitude
        Degrees, EPSG:4277 (OSGB36), shape (n,).
    """
    degrees = pyproj.Transformer.from_crs(BNG, _OSGB36, always_xy=True)
    longitude, latitude = degrees.transform(*_arrays(easting, northing))
    return longitude, latitude


def degrees_round(bounds: Bounds) -> tuple[float, float, float, float]:
    """
    Return the box in degrees that holds a rectangle of the National Grid.

    The grid is turned and bent against north, so the sides are followed, not the corners alone.
    OSTN15 has no value at the rim of the grid and beyond, where the bounds of the whole country
    reach; there the datum's own degrees stand in, some 150 m from the others, and the box is that
    much wider than it need be.

    Parameters
    ----------
    bounds
        The rectangle, EPSG:27700.

    Returns
    -------
    west, south, east, north
        Degrees, EPSG:4326; finite for any rectangle.
    """
    west, south, east, north = bounds.as_tuple()
    along, up = np.linspace(west, east, _STEPS), np.linspace(south, north, _STEPS)
    edges = (np.full(_STEPS, edge) for edge in (south, north, west, east))
    below, above, left, right = edges
    eastings = np.concatenate([along, along, left, right])
    northings = np.concatenate([below, above, up, up])
    longitude, latitude = to_wgs84(eastings, northings)
    lost = ~(np.isfinite(longitude) & np.isfinite(latitude))
    near = osgb36_degrees(eastings[lost], northings[lost])
    longitudes = (longitude[~lost], near[0] - _DATUM_DEGREES, near[0] + _DATUM_DEGREES)
    latitudes = (latitude[~lost], near[1] - _DATUM_DEGREES, near[1] + _DATUM_DEGREES)
    x, y = np.concatenate(longitudes), np.concatenate(latitudes)
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def bng_wkt() -> str:
    """
    Describe British National Grid as GIS software reads it in a PDF.

    Returns
    -------
    wkt
        Well-known text in Esri's dialect.
    """
    return pyproj.CRS(BNG).to_wkt("WKT1_ESRI")


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


def shapes_to_bng(
    shapes: NDArray[np.object_], crs: object, *, name: str
) -> tuple[NDArray[np.object_], float]:
    """
    Move shapes to British National Grid from any declared CRS whose relation to it is known.

    What is on the National Grid stays as it is; what shares its datum is projected; what is on
    WGS 84 or ETRS89, in degrees or projected, goes through OSTN15. From other datums the most
    accurate published transformation that holds there is used, if its accuracy is stated.

    Parameters
    ----------
    shapes
        Any geometry, in that CRS with its first axis east, shape (n,).
    crs
        What the file declares: PROJJSON, WKT, a code or a CRS; None if it declares none.
    name
        What the shapes are, for the message if they cannot be used.

    Returns
    -------
    shapes
        EPSG:27700, flat, shape (n,).
    accuracy_m
        Stated accuracy of the transformation, metres; 0 where sinkwatch's own rules hold.

    Raises
    ------
    SchemaError
        If no CRS is declared, or one that cannot be placed with a known accuracy.
    CoverageError
        If a vertex lies where OSTN15 has no value, outside Great Britain; says so where its
        two coordinates look exchanged.
    """
    declared = _declared(crs, name)
    flat = np.asarray(shapely.force_2d(shapes), dtype=object)
    corners = shapely.get_coordinates(flat)
    ways = sorted(_ways(declared), key=lambda way: way[0])
    if not ways:
        raise SchemaError(
            name,
            [f"its CRS is {name_of(declared)}, which cannot be placed with a known accuracy"],
            f"Save it in {BNG} or {WGS84}",
        )
    for accuracy_m, convert in ways:
        if np.isfinite(convert(corners[:, 0], corners[:, 1])).all():
            return _moved(flat, convert), accuracy_m
    raise _beyond(name, declared, corners, [convert for _, convert in ways])


def name_of(crs: object) -> str:
    """
    Name a CRS in a few words.

    Parameters
    ----------
    crs
        PROJJSON, WKT, a code or a CRS.

    Returns
    -------
    name
        Its code if it has one, otherwise what it calls itself.

    Examples
    --------
    >>> name_of("EPSG:27700"), name_of("+proj=utm +zone=30 +ellps=clrk66")
    ('EPSG:27700', 'unknown')
    """
    declared = pyproj.CRS.from_user_input(crs)
    authority = declared.to_authority()
    return ":".join(authority) if authority else declared.name


def _declared(crs: object, name: str) -> pyproj.CRS:
    """Return the flat part of a CRS, without the shift to WGS 84 that some files add to it."""
    if crs is None:
        raise SchemaError(
            name,
            ["no CRS is declared, so its coordinates cannot be placed"],
            f"Save it with {BNG} or {WGS84} declared; sinkwatch never guesses",
        )
    try:
        declared = pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.CRSError as error:
        raise SchemaError(
            name, ["the CRS that it declares is not known"], f"Save it in {BNG} or {WGS84}"
        ) from error
    if declared.is_bound and declared.source_crs is not None:
        declared = declared.source_crs
    return declared.to_2d()


def _ways(declared: pyproj.CRS) -> Iterator[tuple[float, Callable[..., _Axes]]]:
    """Yield each way to the National Grid whose accuracy is stated, with it in metres."""
    if declared.equals(BNG):
        yield 0.0, _as_it_is
        return
    if not (declared.is_projected or declared.is_geographic):
        return
    # Two machines must get the same ground from the same file, whatever one of them may fetch.
    set_network_enabled(active=False)
    for target in _BY_WAY_OF:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a better one needs a grid that is not here
            group = TransformerGroup(
                declared,
                target,
                always_xy=True,
                allow_ballpark=False,
            )
        last = _as_it_is if target == BNG else to_bng
        for transformer in group.transformers:
            if transformer.accuracy >= 0 and (target != BNG or transformer.accuracy == 0):
                yield float(transformer.accuracy), _way(transformer, last)


def _way(transformer: Transformer, last: Callable[..., _Axes]) -> Callable[..., _Axes]:
    def convert(first: NDArray[np.float64], second: NDArray[np.float64]) -> _Axes:
        easting, northing = last(*transformer.transform(first, second))
        longitude, latitude = to_wgs84(easting, northing)
        # A transformation is as accurate as it states only where it was made for.
        use = transformer.area_of_use
        holds = (
            (use.west <= longitude)
            & (longitude <= use.east)
            & (use.south <= latitude)
            & (latitude <= use.north)
        )
        return np.where(holds, easting, np.nan), np.where(holds, northing, np.nan)

    return convert


def _as_it_is(easting: NDArray[np.float64], northing: NDArray[np.float64]) -> _Axes:
    is_held = np.isfinite(to_wgs84(easting, northing)).all(axis=0)
    return np.where(is_held, easting, np.nan), np.where(is_held, northing, np.nan)


def _beyond(
    name: str,
    declared: pyproj.CRS,
    corners: NDArray[np.float64],
    ways: list[Callable[..., _Axes]],
) -> CoverageError:
    code = name_of(declared)
    if any(np.isfinite(convert(corners[:, 1], corners[:, 0])).all() for convert in ways):
        return CoverageError(
            name,
            f"its two coordinates look exchanged: in {code} as declared it lies outside Great "
            "Britain, the other way round inside",
            "Save it with longitude, or easting, first",
        )
    is_metric = declared.is_geographic and bool((np.abs(corners) > _FULL_TURN_DEGREES).any())
    looks = "; its coordinates look like metres, not degrees" if is_metric else ""
    return CoverageError(
        name,
        f"in {code} as declared it lies outside Great Britain, where the National Grid is not "
        f"defined{looks}",
        "Check that the CRS it declares is the one it is in, and that it is the site meant",
    )


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


def known_code(name: str, crs: object) -> str:
    """
    Return the CRS that a file declares, if positions in it are understood.

    Parameters
    ----------
    name
        Of the file, for messages.
    crs
        PROJJSON, WKT or a code, as the file has it.

    Returns
    -------
    code
        `BNG` or `WGS84`.

    Raises
    ------
    SchemaError
        If it is another, or none that is known.
    """
    try:
        code = code_of(crs)
    except RuntimeError as error:  # PROJ's
        rule = f"its CRS cannot be understood ({error})"
        raise SchemaError(
            name, [rule], "Declare one that PROJ knows; nothing was written"
        ) from error
    if code not in (BNG, WGS84):
        raise SchemaError(
            name, [f"its CRS is {code}"], f"Convert it to {BNG} or {WGS84}; nothing was written"
        )
    return code


def bng_projjson() -> dict[str, object]:
    """
    Describe British National Grid as GeoParquet has it.

    Returns
    -------
    described
        PROJJSON.
    """
    return dict(pyproj.CRS(BNG).to_json_dict())


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
