"""The shapes of a geology: which can be trusted, mended by a hair, and cut to the area."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

MOST_VERTICES: Final = 100_000
"""Most corners of one zone (sinkwatch data gates)."""

MOST_CHANGE: Final = 0.01
"""Mending a crossed boundary may change a zone's area by this share (sinkwatch data gates)."""

_POLYGONS: Final = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """
    Shapes that went through the gate.

    Attributes
    ----------
    shapes
        Polygons, shape (n,); None where one was rejected or lies wholly outside.
    faults
        Why a shape was rejected, shape (n,); empty where it was not.
    is_cut
        Whether a shape was cut at the window, shape (n,).
    """

    shapes: NDArray[np.object_]
    faults: NDArray[np.object_]
    is_cut: NDArray[np.bool_]


def gated(shapes: NDArray[np.object_], bounds: Iterable[float]) -> Gated:
    """
    Let through what is a polygon, mend what all but is one, and cut at a window.

    A zone inside the window that has no fault is left as it is, corner by corner, so that
    neighbours go on sharing their line.

    Parameters
    ----------
    shapes
        In any CRS, shape (n,).
    bounds
        The window: west, south, east, north in the same CRS.

    Returns
    -------
    gated
        In the same order.
    """
    west, south, east, north = bounds
    flat = np.asarray(shapely.force_2d(shapes), dtype=object)
    faults = _faults(flat)
    flat[faults != ""] = None
    flat, changed = _mended(flat)
    faults[changed > MOST_CHANGE] = "its boundary crosses itself, and mending it changes its area"
    flat[faults != ""] = None
    box = shapely.box(west, south, east, north)
    is_cut = ~shapely.is_missing(flat) & ~shapely.covered_by(flat, box)
    flat[is_cut] = _polygons(shapely.intersection(flat[is_cut], box))
    many = shapely.get_num_coordinates(flat) > MOST_VERTICES
    faults[many] = f"it has more than {MOST_VERTICES:,} corners"
    flat[many | shapely.is_empty(flat)] = None
    return Gated(shapes=flat, faults=faults, is_cut=is_cut)


def _faults(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    coordinates, owner = shapely.get_coordinates(shapes, return_index=True)
    is_finite = np.ones(len(shapes), dtype=np.bool_)
    is_finite[owner[~np.isfinite(coordinates).all(axis=1)]] = False
    faults = np.full(len(shapes), "", dtype=object)
    faults[~is_finite] = "it has coordinates that are NaN or infinite"
    faults[~np.isin(shapely.get_type_id(shapes), _POLYGONS)] = "it is no polygon"
    faults[shapely.is_missing(shapes) | shapely.is_empty(shapes)] = "it has no geometry"
    return faults


def _mended(shapes: NDArray[np.object_]) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """Make crossed boundaries valid; also return the share of its area by which each changed."""
    crossed = ~shapely.is_missing(shapes) & ~shapely.is_valid(shapes)
    changed = np.zeros(len(shapes))
    if not crossed.any():
        return shapes, changed
    mended = shapes.copy()
    mended[crossed] = _polygons(shapely.make_valid(shapes[crossed]))
    before, after = shapely.area(shapes[crossed]), shapely.area(mended[crossed])
    # A bow-tie's lobes cancel out: what it encloses is nothing until it is mended.
    changed[crossed] = np.divide(
        np.abs(after - before), before, out=np.full(len(before), np.inf), where=before > 0
    )
    return mended, changed


def _polygons(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Drop the points and lines that cutting and mending leave over."""
    return np.array([_polygon(shape) for shape in shapes], dtype=object)


def _polygon(shape: shapely.Geometry) -> shapely.Geometry:
    if isinstance(shape, shapely.Polygon | shapely.MultiPolygon):
        return shape
    parts = [part for part in shapely.get_parts(shape) if shapely.get_dimensions(part) == 2]  # noqa: PLR2004 - a surface
    return shapely.union_all(parts) if parts else shapely.Polygon()
