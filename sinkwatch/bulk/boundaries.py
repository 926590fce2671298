"""Boundaries in place of points: sites, assessed by their ground, with the share of each band."""

from __future__ import annotations

from dataclasses import fields
from threading import Lock
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import shapely

from sinkwatch import assess, geo, sites
from sinkwatch.bulk.rows import WAY_OUT, Axes
from sinkwatch.errors import SchemaError
from sinkwatch.model import Band

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

SHARES: Final = tuple(
    pa.field(f"share_{band.key}", pa.float64()) for band in sorted(Band, reverse=True)
)
"""Columns that are written for boundaries beside those for points: shares of the ground, 0 to 1."""

_DECIMALS: Final = 4
_KINDS: Final = frozenset({"Polygon", "MultiPolygon"})
_POLYGONS: Final = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)

# Zones are prepared for what they are asked, which two threads must not do at once.
_ONE_AT_A_TIME: Final = Lock()


def are_kept(kinds: Iterable[str]) -> bool:
    """
    Tell whether a layer is one of boundaries.

    Parameters
    ----------
    kinds
        Types of geometry that it declares, such as "Polygon" or "MultiPolygon Z".

    Returns
    -------
    are_kept
        False if it declares none, or any that is no polygon.
    """
    plain = {kind.removeprefix("2.5D ").split(" ")[0] for kind in kinds}
    return bool(plain) and plain <= _KINDS


def extents(name: str, column: pa.Array) -> tuple[NDArray[np.float64], ...]:
    """
    Return how far boundaries extend.

    Parameters
    ----------
    name
        Of the file, for messages.
    column
        WKB, n cells.

    Returns
    -------
    west, south, east, north
        As the file has them, shape (n,); NaN for a row without a boundary.

    Raises
    ------
    SchemaError
        If there is geometry that is no polygon.
    """
    return tuple(shapely.bounds(_shapes(name, column)).T)


def axes(name: str, column: pa.Array) -> Axes:
    """
    Tell about where boundaries lie: in the middle of their extents.

    Parameters
    ----------
    name, column
        As for `extents`.

    Returns
    -------
    first, second
        As the file has them, shape (n,), to notice exchanged axes by; nothing is assessed there.
    """
    west, south, east, north = extents(name, column)
    return (west + east) / 2, (south + north) / 2


def _shapes(name: str, column: pa.Array) -> NDArray[np.object_]:
    shapes = shapely.from_wkb(column.to_numpy(zero_copy_only=False))
    is_polygon = np.isin(shapely.get_type_id(shapes), _POLYGONS)
    if (~is_polygon & ~shapely.is_missing(shapes)).any():
        raise SchemaError(name, ["it holds geometry other than polygons"], WAY_OUT)
    return np.asarray(shapely.force_2d(shapes), dtype=object)


def on_grid(name: str, column: pa.Array, *, is_degrees: bool) -> NDArray[np.object_]:
    """
    Return boundaries on the British National Grid.

    Parameters
    ----------
    name, column
        As for `extents`.
    is_degrees
        Whether they are longitude and latitude.

    Returns
    -------
    shapes
        Polygons, EPSG:27700, shape (n,); None for what bounds no ground there: nothing, lines that
        cross one another, or corners outside Great Britain.
    """
    shapes = _shapes(name, column)
    if is_degrees:
        corners, of_shape = shapely.get_coordinates(shapes, return_index=True)
        placed = np.column_stack(geo.to_bng(*corners.T))
        shapes[of_shape[~np.isfinite(placed).all(axis=1)]] = None
        shapes = shapely.set_coordinates(shapes, placed[~shapely.is_missing(shapes)[of_shape]])
    shapes[~sites.is_boundary(shapes)] = None
    return np.asarray(shapes, dtype=object)


def assessed(
    hazard: assess.Hazard, shapes: NDArray[np.object_], uncertainty_m: NDArray[np.float64]
) -> tuple[assess.Assessed, list[pa.Array]]:
    """
    Assess boundaries; what bounds no ground is not assessed.

    Parameters
    ----------
    hazard
        What `assess.prepare` returns.
    shapes
        What `on_grid` returns, shape (n,).
    uncertainty_m
        How well their edges are known, metres, shape (n,).

    Returns
    -------
    assessed, shares
        The answers as for n points, and the columns of `SHARES`, null for what bounds no ground.
    """
    known = np.flatnonzero(~shapely.is_missing(shapes))
    with _ONE_AT_A_TIME:
        layers = sites.Layers.of(hazard)
        found = sites.polygons(layers, shapes[known], uncertainty_m[known])
    nowhere = np.full(len(shapes), np.nan)
    everywhere = assess.points(hazard, nowhere, nowhere, nowhere)
    for field in fields(everywhere):
        getattr(everywhere, field.name)[known] = getattr(found, field.name)
    shares = np.full((len(shapes), len(Band)), np.nan)
    shares[known] = found.shares.round(_DECIMALS)
    by_band = [shares[:, band] for band in sorted(Band, reverse=True)]
    return everywhere, [pa.array(share, from_pandas=True) for share in by_band]
