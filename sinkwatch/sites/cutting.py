"""The ground of sites, cut into what is scored as each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import shapely

from sinkwatch import assess
from sinkwatch.assess.measures import dwithin
from sinkwatch.model import GeologyClass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

QUADRANT_SEGMENTS: Final = 64
"""
Where ground must be cut out (sites only), a circle becomes a polygon of so many sides per quarter,
drawn round it: at 1,000 m its corners stand 8 cm out. So a site is never put lower than a point on
it, and points never meet such a polygon.
"""

CIRCUMSCRIBED: Final = float(1 / np.cos(np.pi / (4 * QUADRANT_SEGMENTS)))

LEAST_SHARE: Final = 1e-9
"""Less than this share of a site is what arithmetic leaves over, not ground."""

POLYGONS: Final = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
"""Types of shape that have an area."""

_ROOM_M: Final = 1.0  # left round what is cut off before it is grown, metres
_SEVERAL: Final = -1  # classes, that is

_Value = TypeVar("_Value", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """
    The ground of n sites in m parts, each scored as one class; parts of a site stand together.

    Attributes
    ----------
    geology
        Shape (n,): highest `GeologyClass` that the site has ground in.
    known_m
        Shape (n,): greatest uncertainty of the zones that the site has ground in, metres.
    site
        Shape (m,), ascending: the site that a part belongs to.
    scored_as
        Shape (m,): the class, the highest first for each site.
    shape
        Shape (m,): polygons, EPSG:27700.
    """

    geology: NDArray[np.int8]
    known_m: NDArray[np.float64]
    site: NDArray[np.int64]
    scored_as: NDArray[np.int8]
    shape: NDArray[np.object_]


def cut(hazard: assess.Hazard, tree: shapely.STRtree, shapes: NDArray[np.object_]) -> Cut:
    """
    Cut sites along the lines of zones, and of the ground where a higher class may lie.

    Most sites lie on ground of one kind, which is told without cutting.

    Parameters
    ----------
    hazard
        What `assess.prepare` returns.
    tree
        Of its zones.
    shapes
        Valid polygons, EPSG:27700, shape (n,).

    Returns
    -------
    cut
        Parts of more than `LEAST_SHARE`, at least one for each site.
    """
    beside = _beside(hazard, tree, shapes)
    held, fills = _held(hazard, shapes, beside)
    geology = _greatest(hazard.zone_class, held, len(shapes))
    known_m = _greatest(hazard.zone_uncertainty_m, held, len(shapes))
    near = _near(hazard, shapes, beside, (held, known_m))
    whole = _whole(hazard, shapes, (held, fills), near)
    parts = [
        (site, ground, part)
        for site, shape in enumerate(shapes)
        for ground, part in (
            {int(whole[site]): shape}
            if whole[site] != _SEVERAL
            else _parts(hazard, shape, held.of(site), near.of(site).zone)
        ).items()
    ]
    return Cut(
        geology=geology,
        known_m=known_m,
        site=np.array([site for site, _, _ in parts], dtype=np.int64),
        scored_as=np.array([ground for _, ground, _ in parts], dtype=np.int8),
        shape=np.array([part for _, _, part in parts], dtype=object),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    """Sites, ascending, the zones that each goes with, and the ground of the site meant by it."""

    site: NDArray[np.int64]
    zone: NDArray[np.int64]
    ground: NDArray[np.object_]

    def of(self, site: int) -> _Pairs:
        first, end = np.searchsorted(self.site, (site, site + 1))
        return self.only(slice(first, end))

    def only(self, chosen: NDArray[np.bool_] | slice) -> _Pairs:
        return _Pairs(site=self.site[chosen], zone=self.zone[chosen], ground=self.ground[chosen])


def _beside(hazard: assess.Hazard, tree: shapely.STRtree, shapes: NDArray[np.object_]) -> _Pairs:
    """Return zones whose extents come as near to a site's as any line is uncertain."""
    site, zone = tree.query(surroundings(shapes, widest_m(hazard)))
    order = np.lexsort((zone, site))
    site, zone = site[order], zone[order]
    shapely.prepare(hazard.zone_geometry[np.unique(zone)])
    return _Pairs(site=site, zone=zone, ground=shapes[site])


def _held(
    hazard: assess.Hazard, shapes: NDArray[np.object_], beside: _Pairs
) -> tuple[_Pairs, NDArray[np.bool_]]:
    """Return zones that sites have ground in, that ground, and whether it is all of the site."""
    found = beside.only(shapely.intersects(hazard.zone_geometry[beside.zone], beside.ground))
    zones = hazard.zone_geometry[found.zone]
    fills = np.asarray(shapely.covers(zones, found.ground), dtype=np.bool_)
    found.ground[~fills] = overlap(found.ground[~fills], zones[~fills])
    least_m2 = LEAST_SHARE * shapely.area(shapes)
    is_ground = shapely.area(found.ground) > least_m2[found.site]
    return found.only(is_ground), fills[is_ground]


def _greatest(of_zone: NDArray[_Value], pairs: _Pairs, n: int) -> NDArray[_Value]:
    """Return by site the greatest value of the zones that it goes with; 0 where with none."""
    found = np.zeros(n, dtype=of_zone.dtype)
    np.maximum.at(found, pairs.site, of_zone[pairs.zone])
    return found


def _near(
    hazard: assess.Hazard,
    shapes: NDArray[np.object_],
    beside: _Pairs,
    known: tuple[_Pairs, NDArray[np.float64]],
) -> _Pairs:
    """Return the zones of a higher class than some ground of a site that may lie beneath it."""
    held, known_m = known
    lowest = np.full(len(shapes), max(GeologyClass), dtype=np.int8)
    np.minimum.at(lowest, held.site, hazard.zone_class[held.zone])
    higher = beside.only(hazard.zone_class[beside.zone] > lowest[beside.site])
    # The line between two zones is known no better than the less certain of the two.
    tolerance_m = np.maximum(hazard.zone_uncertainty_m[higher.zone], known_m[higher.site])
    by_m = np.minimum(tolerance_m * CIRCUMSCRIBED + assess.SLACK_M, widest_m(hazard))
    return higher.only(dwithin(hazard.zone_geometry[higher.zone], higher.ground, by_m))


def _whole(
    hazard: assess.Hazard,
    shapes: NDArray[np.object_],
    holds: tuple[_Pairs, NDArray[np.bool_]],
    near: _Pairs,
) -> NDArray[np.int8]:
    """Return the class that all of a site is scored as; `_SEVERAL` where it must be cut."""
    n, (held, fills) = len(shapes), holds
    filling = held.only(fills)
    own = _greatest(hazard.zone_class, filling, n)
    known_m = _greatest(hazard.zone_uncertainty_m, filling, n)
    highest = np.maximum(own, _greatest(hazard.zone_class, near, n))
    # A zone that comes near enough to the middle comes near enough to every point round it.
    top = near.only((hazard.zone_class[near.zone] == highest[near.site]) & (own[near.site] > 0))
    west, south, east, north = shapely.bounds(shapes).T
    middle = shapely.points((west + east) / 2, (south + north) / 2)[top.site]
    tolerance_m = np.maximum(hazard.zone_uncertainty_m[top.zone], known_m[top.site])
    within_m = tolerance_m - np.hypot(east - west, north - south)[top.site] / 2 - assess.SLACK_M
    raises = within_m > 0
    raises[raises] = dwithin(
        hazard.zone_geometry[top.zone[raises]], middle[raises], within_m[raises]
    )
    whole = np.where((own == highest) & (own > 0), own, _SEVERAL).astype(np.int8)
    whole[top.site[raises]] = highest[top.site[raises]]
    whole[np.setdiff1d(np.arange(n), held.site)] = GeologyClass.OUTSIDE
    return whole


def _parts(
    hazard: assess.Hazard, shape: shapely.Geometry, held: _Pairs, near: NDArray[np.int64]
) -> dict[int, shapely.Geometry]:
    """Cut one site into the ground that is scored as each class, most susceptible first."""
    left = shape
    least_m2 = LEAST_SHARE * shapely.area(shape)
    parts: dict[int, shapely.Geometry] = {}
    for ground in (GeologyClass.C, GeologyClass.B, GeologyClass.A):
        own = held.ground[hazard.zone_class[held.zone] == ground]
        above = near[hazard.zone_class[near] == ground]
        lower = held.only(hazard.zone_class[held.zone] < ground)
        raised = [piece for zone in above for piece in _raised(hazard, shape, lower, zone)]
        part = overlap_of(left, shapely.union_all([*own, *raised]))
        if shapely.area(part) > least_m2:
            parts[int(ground)] = part
            left = _only_ground(np.array([shapely.difference(left, part)]))[0]
    if shapely.area(left) > least_m2:
        parts[int(GeologyClass.OUTSIDE)] = left
    return parts


def _raised(
    hazard: assess.Hazard, shape: shapely.Geometry, lower: _Pairs, zone: int
) -> Iterator[shapely.Geometry]:
    """Yield the lower ground of a site beneath which a zone may lie."""
    known_m = np.maximum(hazard.zone_uncertainty_m[zone], hazard.zone_uncertainty_m[lower.zone])
    for by_m in np.unique(known_m):
        below = shapely.union_all(lower.ground[known_m == by_m])
        # Of the zone nothing matters that is too far off to reach the site when grown.
        room_m = by_m * CIRCUMSCRIBED + _ROOM_M
        close = overlap_of(hazard.zone_geometry[zone], surroundings(np.array([shape]), room_m)[0])
        yield overlap_of(below, grown(np.array([close]), np.array([by_m]))[0])


def widest_m(hazard: assess.Hazard) -> float:
    """
    Return how badly the worst of all lines is known, and a little more.

    Parameters
    ----------
    hazard
        What `assess.prepare` returns.

    Returns
    -------
    widest_m
        Metres.
    """
    return float(np.max(hazard.zone_uncertainty_m, initial=0.0)) + assess.SLACK_M


def surroundings(shapes: NDArray[np.object_], by_m: float) -> NDArray[np.object_]:
    """
    Return the extent of shapes and of the ground round them.

    Parameters
    ----------
    shapes
        Polygons, EPSG:27700, shape (n,).
    by_m
        How far round them, metres.

    Returns
    -------
    surroundings
        Rectangles, shape (n,).
    """
    west, south, east, north = shapely.bounds(shapes).T
    return np.asarray(shapely.box(west - by_m, south - by_m, east + by_m, north + by_m))


def overlap(first: NDArray[np.object_], second: NDArray[np.object_]) -> NDArray[np.object_]:
    """
    Return the ground that shapes share, without the lines and points where they merely touch.

    Parameters
    ----------
    first, second
        Pairs of polygons, shape (n,).

    Returns
    -------
    ground
        Polygons, empty ones perhaps, shape (n,).
    """
    return _only_ground(np.asarray(shapely.intersection(first, second), dtype=object))


def _only_ground(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Leave out lines and points, on which GEOS goes no further."""
    for odd in np.flatnonzero(~np.isin(shapely.get_type_id(shapes), POLYGONS)):
        parts = shapely.get_parts(shapes[odd])
        is_ground = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
        shapes[odd] = shapely.multipolygons(parts[is_ground])
    return shapes


def overlap_of(first: shapely.Geometry, second: shapely.Geometry) -> shapely.Geometry:
    """
    Return the ground that two shapes share, as `overlap` does for many.

    Parameters
    ----------
    first, second
        Polygons.

    Returns
    -------
    ground
        Polygons, none perhaps.
    """
    ground: shapely.Geometry = overlap(np.array([first]), np.array([second]))[0]
    return ground


def grown(shapes: NDArray[np.object_], by_m: NDArray[np.float64]) -> NDArray[np.object_]:
    """
    Grow shapes to all sides, by no less than is asked.

    Parameters
    ----------
    shapes
        EPSG:27700, shape (n,).
    by_m
        Metres, shape (n,).

    Returns
    -------
    grown
        Polygons, shape (n,); round corners stand out a little.
    """
    return np.asarray(
        shapely.buffer(shapes, by_m * CIRCUMSCRIBED, quad_segs=QUADRANT_SEGMENTS), dtype=object
    )
