"""One site, and why its ground has its class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from sinkwatch import assess, geo
from sinkwatch.model import Band, GeologyClass
from sinkwatch.sites.answers import Layers, check_boundaries, in_parts
from sinkwatch.sites.cutting import surroundings, widest_m

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NAN = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessedSite:
    """
    The assessment of one polygon: the highest band that its ground touches.

    Attributes
    ----------
    band
        That band.
    geology, scored_as
        Highest class touched, and the class that the ground which gave the band was scored as.
    zone
        Index of the zone that gave `scored_as`; `NONE` outside.
    boundary_m
        Distance from the site to that zone if it does not touch it, metres; NaN if it does.
    boundary_uncertainty_m
        How well that line is known: as the least certain of the zones, metres; NaN if touched.
    sinkhole
        Index of the record that decides; `NONE` if none does.
    distance_m, uncertainty_m
        From the site's edge to that record's edge, and its uncertainty, metres; NaN if none.
    n_features
        Distinct recorded features within the last ring of the site, possible ones included.
    check_record
        Whether ground and record disagree.
    shares
        Share of the site's ground in each band, summing to 1.
    """

    band: Band
    geology: GeologyClass
    scored_as: GeologyClass
    zone: int
    boundary_m: float
    boundary_uncertainty_m: float
    sinkhole: int
    distance_m: float
    uncertainty_m: float
    n_features: int
    check_record: bool
    shares: dict[Band, float]


def assess_polygon(
    hazard: assess.Hazard,
    geometry: shapely.Geometry,
    uncertainty_m: float = geo.BOUNDARY_UNCERTAINTY_M,
) -> AssessedSite:
    """
    Assess a site that is known as a polygon, measured from its edge and never its centroid.

    Parameters
    ----------
    hazard
        What `assess.prepare` returns.
    geometry
        Valid polygon, EPSG:27700.
    uncertainty_m
        How well its edge is known, metres.

    Returns
    -------
    assessed
        As `polygons` answers for many, and the zone that gave the ground its class.

    Raises
    ------
    SchemaError
        If the boundary is no polygon, has no area or crosses itself.
    """
    shapes = np.array([geometry], dtype=object)
    check_boundaries(shapes)
    layers = Layers.of(hazard)
    found, ground, deciding = in_parts(layers, shapes, np.array([uncertainty_m]))
    scored_as, geology = GeologyClass(int(found.scored_as[0])), GeologyClass(int(found.geology[0]))
    zone = _zone_of_class(layers, scored_as, geometry, ground.shape[deciding[0]])
    raised = scored_as > geology > GeologyClass.OUTSIDE
    known_m = (
        max(float(ground.known_m[0]), float(hazard.zone_uncertainty_m[zone])) if raised else _NAN
    )
    return AssessedSite(
        band=Band(int(found.band[0])),
        geology=geology,
        scored_as=scored_as,
        zone=zone,
        boundary_m=float(shapely.distance(geometry, hazard.zone_geometry[zone]))
        if raised
        else _NAN,
        boundary_uncertainty_m=known_m,
        sinkhole=int(found.sinkhole[0]),
        distance_m=float(found.distance_m[0]),
        uncertainty_m=float(found.uncertainty_m[0]),
        n_features=int(found.n_features[0]),
        check_record=bool(found.check_record[0]),
        shares=_named(found.shares[0]),
    )


def _zone_of_class(
    layers: Layers, scored_as: GeologyClass, site: shapely.Geometry, part: shapely.Geometry
) -> int:
    """Return the zone of that class nearest to the part; ground of a class lies near such a one."""
    hazard = layers.hazard
    near = np.sort(layers.zones.query(surroundings(np.array([site]), 2 * widest_m(hazard))[0]))
    candidates = near[hazard.zone_class[near] == scored_as]
    if not len(candidates):
        return assess.NONE
    away_m = shapely.distance(hazard.zone_geometry[candidates], part)
    return int(candidates[np.argmin(away_m)])


def _named(shares: NDArray[np.float64]) -> dict[Band, float]:
    return {band: float(shares[band]) for band in sorted(Band, reverse=True) if shares[band] > 0}
