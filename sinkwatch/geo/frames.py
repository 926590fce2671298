"""Frames and shapes from one coordinate reference system into another."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

import geopandas as gpd
import numpy as np
import pyproj
import shapely
from pyproj.network import set_network_enabled  # type: ignore[attr-defined]  # documented there
from pyproj.transformer import TransformerGroup

from sinkwatch.errors import CoverageError, SchemaError
from sinkwatch.geo.systems import BNG, WGS84, arrays, to_bng, to_wgs84

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from pyproj import Transformer

    _Axes = tuple[NDArray[np.float64], NDArray[np.float64]]

_ETRS89: Final = "EPSG:4258"
"""Longitude and latitude that OSTN15 is defined for."""

# What a file may be turned into before sinkwatch itself takes over, and the last step to the grid:
# degrees go through OSTN15, what is on the datum of the grid already needs no other step.
_BY_WAY_OF: Final = (BNG, WGS84, _ETRS89)
_FULL_TURN_DEGREES: Final = 360.0


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
    easting, northing = arrays(easting, northing)
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
