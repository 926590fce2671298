"""Why places have their class: asked for the few whose reasons are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from sinkwatch.assess.layers import NONE, SLACK_M
from sinkwatch.assess.measures import DECIMALS
from sinkwatch.model import GeologyClass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sinkwatch.assess.layers import Hazard


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """
    Why n places have their class, as arrays of shape (n,).

    Attributes
    ----------
    geology, scored_as
        As in `Assessed`.
    zone
        Index of the zone that gave `scored_as`; `NONE` outside.
    boundary_m
        Distance to the higher class that it was scored as, metres; NaN if none.
    boundary_uncertainty_m
        How well that line is known: as the less certain of the two zones, metres; NaN if none.
    """

    geology: NDArray[np.int8]
    scored_as: NDArray[np.int8]
    zone: NDArray[np.int64]
    boundary_m: NDArray[np.float64]
    boundary_uncertainty_m: NDArray[np.float64]


def ground(hazard: Hazard, easting: NDArray[np.float64], northing: NDArray[np.float64]) -> Ground:
    """
    Say which zone gave places their class, and how far off its line is.

    Parameters
    ----------
    hazard
        What `prepare` returns.
    easting, northing
        Metres, EPSG:27700, shape (n,).

    Returns
    -------
    ground
        Arrays of shape (n,), in the same order, for the places whose reasons are asked for.
    """
    n = len(easting)
    known = np.isfinite(easting) & np.isfinite(northing)
    shapes = np.full(n, None, dtype=object)
    shapes[known] = shapely.points(easting[known], northing[known])
    tree = shapely.STRtree(shapes)
    zone, place = tree.query(hazard.zone_geometry, "intersects")
    geology = np.zeros(n, dtype=np.int8)
    np.maximum.at(geology, place, hazard.zone_class[zone])
    # A place on a shared line lies in several zones; it is as uncertain as the worst of them.
    own_uncertainty_m = np.zeros(n)
    np.maximum.at(own_uncertainty_m, place, hazard.zone_uncertainty_m[zone])
    own = np.full(n, len(hazard.zone_class), dtype=np.int64)
    deciding = hazard.zone_class[zone] == geology[place]
    np.minimum.at(own, place[deciding], zone[deciding])
    found = Ground(
        geology=geology,
        scored_as=geology.copy(),
        zone=np.where(geology == GeologyClass.OUTSIDE, NONE, own),
        boundary_m=np.full(n, np.nan),
        boundary_uncertainty_m=np.full(n, np.nan),
    )
    _raise_near_boundaries(hazard, tree, shapes, own_uncertainty_m, found)
    return found


def _raise_near_boundaries(
    hazard: Hazard,
    tree: shapely.STRtree,
    shapes: NDArray[np.object_],
    own_uncertainty_m: NDArray[np.float64],
    found: Ground,
) -> None:
    """Score a place as the highest class whose line it may lie beyond; fills in `found`."""
    widest_m = np.max(hazard.zone_uncertainty_m, initial=0.0) + SLACK_M
    zone, place = tree.query(hazard.zone_geometry, "dwithin", widest_m)
    geology = found.geology[place]
    higher = (hazard.zone_class[zone] > geology) & (geology > GeologyClass.OUTSIDE)
    zone, place = zone[higher], place[higher]
    away_m = np.round(shapely.distance(shapes[place], hazard.zone_geometry[zone]), DECIMALS)
    # The line between two zones is known no better than the less certain of the two.
    tolerance_m = np.maximum(hazard.zone_uncertainty_m[zone], own_uncertainty_m[place])
    within = away_m <= tolerance_m
    zone, place, away_m, tolerance_m = (
        zone[within],
        place[within],
        away_m[within],
        tolerance_m[within],
    )
    # Last writer wins below, so the best candidate of each place comes last.
    order = np.lexsort((-zone, -away_m, hazard.zone_class[zone]))
    found.scored_as[place[order]] = hazard.zone_class[zone[order]]
    found.zone[place[order]] = zone[order]
    found.boundary_m[place[order]] = away_m[order]
    found.boundary_uncertainty_m[place[order]] = tolerance_m[order]
