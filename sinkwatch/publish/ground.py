"""The shapes under the marks: zones that fade at their edges, and postcodes as cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

FADE_STEPS: Final = 11
"""Steps in which a zone fades over twice its edge's uncertainty: each about 100 m at ± 500 m,
so that the eye sees a slope and not a line."""

_TOUCHING_M: Final = 1.0
"""Lines this close are one and the same; zones share their vertices exactly."""

_SIMPLIFIED_M: Final = 15.0
"""Detail left out of a fading edge, metres: a small part of the least uncertainty drawn."""

_FAR_M: Final = 100_000.0
"""Distance of the helper points that give every postcode a bounded cell, metres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fade:
    """
    One step of a zone's fade.

    Attributes
    ----------
    geometry
        What it covers, EPSG:27700.
    opacity
        Its own opacity; laid over one another, the steps add up evenly to 1.
    """

    geometry: BaseGeometry
    opacity: float


def fades(zone: BaseGeometry, edges: gpd.GeoDataFrame, coverage: BaseGeometry) -> tuple[Fade, ...]:
    """
    Draw a zone so that it fades across each of its edges by that edge's uncertainty.

    A side that is only the limit of drawing does not fade: it says nothing about the ground.

    Parameters
    ----------
    zone
        The zone, EPSG:27700.
    edges
        Frame of `schemas.EDGES`, EPSG:27700.
    coverage
        All zones together, EPSG:27700.

    Returns
    -------
    steps
        Widest first.
    """
    lines = _edges_along(shapely.boundary(zone), edges)
    # Past the coverage only an edge that bounds it may fade; another would stick out at its ends.
    outer = _bands(_edges_along(shapely.boundary(coverage), edges), 1)
    allowed = shapely.union(coverage, outer)
    return tuple(
        Fade(
            geometry=shapely.intersection(_moved(zone, lines, share), allowed),
            opacity=1 / (FADE_STEPS - step),
        )
        for step, share in enumerate(np.linspace(1, -1, FADE_STEPS))
    )


def limits(zones: gpd.GeoDataFrame, edges: gpd.GeoDataFrame) -> BaseGeometry:
    """
    Find where drawing stopped: the outline of all zones less what means something in the ground.

    Parameters
    ----------
    zones
        Frame of `schemas.ZONES`, EPSG:27700.
    edges
        Frame of `schemas.EDGES`, EPSG:27700.

    Returns
    -------
    lines
        EPSG:27700; empty if there are none.
    """
    if zones.empty:  # licensed ones are not handed on
        return shapely.MultiLineString()
    outline = shapely.boundary(shapely.union_all(zones.geometry.to_numpy()))
    known = shapely.buffer(shapely.union_all(edges.geometry.to_numpy()), _TOUCHING_M)
    return shapely.line_merge(shapely.difference(outline, known))


def cells(points: NDArray[np.object_], radii_m: NDArray[np.float64]) -> NDArray[np.object_]:
    """
    Give each point the ground that is nearer to it than to any other, within its own radius.

    Parameters
    ----------
    points
        Distinct points, EPSG:27700, shape (n,).
    radii_m
        Metres, shape (n,).

    Returns
    -------
    cells
        Polygons, EPSG:27700, shape (n,), in the order of the points.
    """
    if not len(points):
        return points
    west, south, east, north = shapely.total_bounds(points)
    corners = [
        shapely.Point(easting, northing)
        for easting in (west - _FAR_M, east + _FAR_M)
        for northing in (south - _FAR_M, north + _FAR_M)
    ]
    everywhere = shapely.multipoints([*points, *corners])
    nearest = shapely.get_parts(shapely.voronoi_polygons(everywhere, ordered=True))[: len(points)]
    return np.asarray(shapely.intersection(nearest, shapely.buffer(points, radii_m, quad_segs=4)))


def _edges_along(
    outline: BaseGeometry, edges: gpd.GeoDataFrame
) -> list[tuple[BaseGeometry, float]]:
    """Return the parts of the edges that lie on an outline, each with its uncertainty in metres."""
    shared = shapely.intersection(edges.geometry.to_numpy(), shapely.buffer(outline, _TOUCHING_M))
    return [
        (line, float(uncertainty_m))
        for line, uncertainty_m in zip(shared, edges["uncertainty_m"], strict=True)
        if shapely.length(line) > 2 * _TOUCHING_M
    ]


def _bands(lines: list[tuple[BaseGeometry, float]], share: float) -> BaseGeometry:
    return shapely.union_all(
        [
            shapely.buffer(line, share * uncertainty_m, cap_style="flat", quad_segs=4)
            for line, uncertainty_m in lines
        ]
    )


def _moved(
    zone: BaseGeometry, lines: list[tuple[BaseGeometry, float]], share: float
) -> BaseGeometry:
    if not lines or share == 0:
        return zone
    change = shapely.union if share > 0 else shapely.difference
    return shapely.simplify(change(zone, _bands(lines, abs(share))), _SIMPLIFIED_M)
