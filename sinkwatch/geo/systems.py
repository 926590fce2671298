"""Coordinate reference systems: which there are, what a file declares, one into another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyproj
from convertbng import cutil

from sinkwatch.errors import SchemaError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

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

_STEPS: Final = 9  # points along each side of a rectangle, so that its bend is followed

# The datum of the grid lies 70 to 130 m from ETRS89 in Great Britain; at 61 degrees north a
# degree of longitude has 54 km.
_DATUM_DEGREES: Final = 0.003


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
    return cutil.convert_to_osgb36(*arrays(longitude, latitude))


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
    return cutil.convert_osgb36_to_ll(*arrays(easting, northing))


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
    longitude, latitude = degrees.transform(*arrays(easting, northing))
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


def bng_projjson() -> dict[str, object]:
    """
    Describe British National Grid as GeoParquet has it.

    Returns
    -------
    described
        PROJJSON.
    """
    return dict(pyproj.CRS(BNG).to_json_dict())


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


def arrays(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Return coordinates as arrays of one shape.

    Parameters
    ----------
    first, second
        Numbers or arrays of them.

    Returns
    -------
    first, second
        Shape (n,), however many there are.
    """
    return (
        np.atleast_1d(np.asarray(first, dtype=np.float64)),
        np.atleast_1d(np.asarray(second, dtype=np.float64)),
    )
