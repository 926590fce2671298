"""
The assessment of one site as a plain reading of the rules: all of its ground, all that is held.

Every zone is grown, every record is drawn as circles, and the site is cut along all of them. The
kernel, which asks each site only of what lies near it, must agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from sinkwatch import assess, geo
from sinkwatch.model import Band, GeologyClass
from sinkwatch.sites import AssessedSite

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Where ground must be cut out (sites only), a circle becomes a polygon of so many sides per
# quarter, drawn round it: at 1,000 m its corners stand 8 cm out. So a site is never put lower
# than a point on it, and points never meet such a polygon.
_QUADRANT_SEGMENTS: Final = 64
_CIRCUMSCRIBED: Final = 1 / np.cos(np.pi / (4 * _QUADRANT_SEGMENTS))

_NAN: Final = float("nan")
_LEAST_SHARE: Final = 1e-9
"""Less than this share of a site is what arithmetic leaves over, not ground."""


def assess_polygon(
    hazard: assess.Hazard,
    geometry: shapely.Geometry,
    uncertainty_m: float = geo.BOUNDARY_UNCERTAINTY_M,
) -> AssessedSite:
    """Assess a site that is known as a valid polygon."""
    pair_uncertainty_m = assess.combined_uncertainty_m(hazard.uncertainty_m, uncertainty_m)
    parts = [
        _part(hazard, ground, shape, pair_uncertainty_m)
        for ground, shape in _scored_ground(hazard, geometry).items()
    ]
    worst = max(parts, key=lambda part: (part.band, -part.ring, -part.distance_m, part.ground))
    geology, own_uncertainty_m = _touched(hazard, geometry)
    zone = _zone_of_class(hazard, worst)
    raised = worst.ground > geology > GeologyClass.OUTSIDE
    from_edge_m = _distance_to_records(hazard, geometry)
    decides = worst.sinkhole != assess.NONE
    return AssessedSite(
        band=worst.band,
        geology=geology,
        scored_as=worst.ground,
        zone=zone,
        boundary_m=float(shapely.distance(geometry, hazard.zone_geometry[zone]))
        if raised
        else _NAN,
        boundary_uncertainty_m=max(own_uncertainty_m, float(hazard.zone_uncertainty_m[zone]))
        if raised
        else _NAN,
        sinkhole=worst.sinkhole,
        distance_m=float(from_edge_m[worst.sinkhole]) if decides else _NAN,
        uncertainty_m=float(pair_uncertainty_m[worst.sinkhole]) if decides else _NAN,
        n_features=_n_features_round(hazard, from_edge_m, pair_uncertainty_m),
        check_record=bool(hazard.check_record[worst.ground, worst.ring]),
        shares=_shares(hazard, parts, pair_uncertainty_m),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Ground of a site that is scored as one class, and the record that decides it."""

    ground: GeologyClass
    shape: shapely.Geometry
    band: Band
    ring: int
    sinkhole: int
    distance_m: float


def _part(
    hazard: assess.Hazard,
    ground: GeologyClass,
    shape: shapely.Geometry,
    pair_uncertainty_m: NDArray[np.float64],
) -> _Part:
    distance_m = _distance_to_records(hazard, shape)
    sinkholes = np.arange(len(distance_m))
    ring = assess.ring_of(hazard, distance_m, pair_uncertainty_m, sinkholes)
    order = np.lexsort((sinkholes, distance_m, ring))
    counted = order[ring[order] < hazard.n_rings]
    nearest = int(counted[0]) if len(counted) else assess.NONE
    reached = int(ring[nearest]) if len(counted) else hazard.n_rings
    return _Part(
        ground=ground,
        shape=shape,
        band=Band(int(hazard.bands[ground, reached])),
        ring=reached,
        sinkhole=nearest,
        distance_m=float(distance_m[nearest]) if len(counted) else np.inf,
    )


def _distance_to_records(hazard: assess.Hazard, geometry: shapely.Geometry) -> NDArray[np.float64]:
    centre_m = np.asarray(shapely.distance(geometry, hazard.centres), dtype=np.float64)
    return assess.edge_distance_m(centre_m, hazard.radius_m)


def _n_features_round(
    hazard: assess.Hazard, distance_m: NDArray[np.float64], uncertainty_m: NDArray[np.float64]
) -> int:
    within = assess.nominal_ring(hazard, distance_m, uncertainty_m) < hazard.n_rings
    return len(np.unique(hazard.feature[hazard.counts & within]))


def _touched(hazard: assess.Hazard, geometry: shapely.Geometry) -> tuple[GeologyClass, float]:
    """Return the highest class that the site has ground in, and how badly its zones are known."""
    ground_m2 = shapely.area(shapely.intersection(hazard.zone_geometry, geometry))
    touched = ground_m2 > _LEAST_SHARE * shapely.area(geometry)
    return (
        GeologyClass(int(np.max(hazard.zone_class[touched], initial=0))),
        float(np.max(hazard.zone_uncertainty_m[touched], initial=0.0)),
    )


def _zone_of_class(hazard: assess.Hazard, part: _Part) -> int:
    candidates = np.flatnonzero(hazard.zone_class == part.ground)
    if not len(candidates):
        return assess.NONE
    away_m = shapely.distance(hazard.zone_geometry[candidates], part.shape)
    return int(candidates[np.argmin(away_m)])


def _scored_ground(
    hazard: assess.Hazard, geometry: shapely.Geometry
) -> dict[GeologyClass, shapely.Geometry]:
    """Cut the site into the ground that is scored as each class, most susceptible first."""
    left: shapely.Geometry = geometry
    least_m2 = _LEAST_SHARE * shapely.area(geometry)
    parts: dict[GeologyClass, shapely.Geometry] = {}
    for ground in (GeologyClass.C, GeologyClass.B, GeologyClass.A):
        shape = _overlap(left, _ground_scored_as(hazard, geometry, ground))
        if shapely.area(shape) > least_m2:
            parts[ground] = shape
            left = shapely.difference(left, shape)
    if shapely.area(left) > least_m2:
        parts[GeologyClass.OUTSIDE] = left
    return parts


def _ground_scored_as(
    hazard: assess.Hazard, geometry: shapely.Geometry, ground: GeologyClass
) -> shapely.Geometry:
    widest_m = np.max(hazard.zone_uncertainty_m, initial=0.0) + assess.SLACK_M
    near = np.asarray(shapely.dwithin(hazard.zone_geometry, geometry, widest_m), dtype=np.bool_)
    same = np.flatnonzero(near & (hazard.zone_class == ground))
    lower = np.flatnonzero(near & (hazard.zone_class < ground))
    raised = [
        _overlap(
            hazard.zone_geometry[below],
            _grown(
                hazard.zone_geometry[above],
                max(hazard.zone_uncertainty_m[above], hazard.zone_uncertainty_m[below]),
            ),
        )
        for above in same
        for below in lower
    ]
    return shapely.union_all([*hazard.zone_geometry[same], *raised])


def _overlap(first: shapely.Geometry, second: shapely.Geometry) -> shapely.Geometry:
    """Return the ground that two shapes share, without the lines and points where they touch."""
    shared = shapely.get_parts(shapely.intersection(first, second))
    ground: shapely.Geometry = shapely.multipolygons(
        shared[shapely.get_type_id(shared) == shapely.GeometryType.POLYGON]
    )
    return ground


def _grown(geometry: shapely.Geometry, by_m: float) -> shapely.Geometry:
    grown: shapely.Geometry = shapely.buffer(
        geometry, by_m * _CIRCUMSCRIBED, quad_segs=_QUADRANT_SEGMENTS
    )
    return grown


def _shares(
    hazard: assess.Hazard, parts: list[_Part], pair_uncertainty_m: NDArray[np.float64]
) -> dict[Band, float]:
    reached = [_reached_ground(hazard, ring, pair_uncertainty_m) for ring in range(hazard.n_rings)]
    areas_m2 = np.zeros(len(Band))
    for part in parts:
        # Ground reached by a ring holds that of the rings before it; none is reached by a ring
        # nearer than the part's own, but for the width of a circle's corners.
        within_m2 = np.array([shapely.area(shapely.intersection(part.shape, g)) for g in reached])
        within_m2[: part.ring] = 0.0
        by_ring_m2 = np.diff(within_m2, prepend=0.0, append=shapely.area(part.shape))
        np.add.at(areas_m2, hazard.bands[part.ground], np.maximum(by_ring_m2, 0.0))
    shares = areas_m2 / areas_m2.sum()
    return {
        band: float(shares[band])
        for band in sorted(Band, reverse=True)
        if shares[band] > _LEAST_SHARE
    }


def _reached_ground(
    hazard: assess.Hazard, ring: int, pair_uncertainty_m: NDArray[np.float64]
) -> shapely.Geometry:
    """Return the ground on which some record counts for this ring or a nearer one."""
    own_ring = ring - hazard.ring_shift
    by_uncertainty = np.searchsorted(hazard.rings_m, pair_uncertainty_m, side="left")
    eligible = hazard.counts & (own_ring >= by_uncertainty)
    reach_m = hazard.rings_m[own_ring[eligible]] + hazard.radius_m[eligible]
    return shapely.union_all(
        shapely.buffer(
            hazard.centres[eligible], reach_m * _CIRCUMSCRIBED, quad_segs=_QUADRANT_SEGMENTS
        )
    )
