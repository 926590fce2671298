"""How much of a site's ground each ring of each record reaches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from sinkwatch import assess
from sinkwatch.model import Band
from sinkwatch.sites.cutting import CIRCUMSCRIBED, LEAST_SHARE, grown, overlap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sinkwatch.sites.cutting import Cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """
    Parts of sites and the records that may count for them, as arrays of shape (n,).

    Attributes
    ----------
    part, sinkhole
        Indices of the part and of the record.
    pair
        Index of the pair of site and record that it comes from.
    distance_m
        From the part's edge to the record's, metres.
    uncertainty_m
        Combined uncertainty of site and record, metres.
    """

    part: NDArray[np.int64]
    sinkhole: NDArray[np.int64]
    pair: NDArray[np.int64]
    distance_m: NDArray[np.float64]
    uncertainty_m: NDArray[np.float64]


def shares(
    hazard: assess.Hazard, ground: Cut, counted: Counted, part_ring: NDArray[np.int64]
) -> NDArray[np.float64]:
    """
    Return the share of each site's ground in each band.

    Parameters
    ----------
    hazard
        What `assess.prepare` returns.
    ground
        The parts of n sites.
    counted
        What may count for them.
    part_ring
        Index of the ring that decides each part.

    Returns
    -------
    shares
        Shape (n, 6), by `Band` code; a row sums to 1.
    """
    n_parts, n_sites = len(ground.site), len(ground.geology)
    area_m2 = np.asarray(shapely.area(ground.shape), dtype=np.float64)
    bands = hazard.bands[ground.scored_as]
    before_m2 = np.zeros(n_parts)
    banded_m2 = np.zeros((n_sites, len(Band)))
    for ring in range(hazard.n_rings):
        # Ground reached by a ring holds that of the rings before it; none is reached by a ring
        # nearer than the part's own, but for the width of a circle's corners. Where the next
        # ring has the same band, how far this one reaches is all the same.
        matters = (part_ring <= ring) & (bands[:, ring] != bands[:, ring + 1])
        reached_m2 = _reached_m2(hazard, ground, counted, (ring, matters))
        within_m2 = np.where(matters, reached_m2, before_m2)
        gained_m2 = np.maximum(within_m2 - before_m2, 0.0)
        np.add.at(banded_m2, (ground.site, bands[:, ring]), gained_m2)
        before_m2 = within_m2
    np.add.at(banded_m2, (ground.site, bands[:, -1]), np.maximum(area_m2 - before_m2, 0.0))
    banded_m2[banded_m2 <= LEAST_SHARE * banded_m2.sum(axis=1, keepdims=True)] = 0.0
    return np.asarray(banded_m2 / banded_m2.sum(axis=1, keepdims=True))


def _reached_m2(
    hazard: assess.Hazard,
    ground: Cut,
    counted: Counted,
    asked: tuple[int, NDArray[np.bool_]],
) -> NDArray[np.float64]:
    """Return how much ground of the parts asked for some record counts on, for this ring."""
    ring, matters = asked
    own_ring = ring - hazard.ring_shift[counted.sinkhole]
    by_uncertainty = np.searchsorted(hazard.rings_m, counted.uncertainty_m, side="left")
    eligible = np.flatnonzero(matters[counted.part] & (own_ring >= by_uncertainty))
    ring_m = hazard.rings_m[own_ring[eligible]]
    reach_m = ring_m + hazard.radius_m[counted.sinkhole[eligible]]
    # A corner of the circle may reach where the circle does not.
    near = counted.distance_m[eligible] <= ring_m + reach_m * (CIRCUMSCRIBED - 1) + assess.SLACK_M
    pairs, reach_m = eligible[near], reach_m[near]
    part, sinkhole = counted.part[pairs], counted.sinkhole[pairs]
    reached_m2 = np.zeros(len(ground.site))
    fills = _farthest_m(hazard, ground.shape[part], sinkhole) <= reach_m
    filled = np.zeros(len(ground.site), dtype=np.bool_)
    filled[part[fills]] = True
    reached_m2[filled] = shapely.area(ground.shape[filled])
    cuts = ~filled[part]
    part, sinkhole, reach_m = part[cuts], sinkhole[cuts], reach_m[cuts]
    centres = np.asarray(shapely.points(hazard.easting[sinkhole], hazard.northing[sinkhole]))
    pieces = overlap(ground.shape[part], grown(centres, reach_m))
    order = np.argsort(part, kind="stable")
    parts, first = np.unique(part[order], return_index=True)
    for of_part, together in zip(parts, np.split(pieces[order], first[1:]), strict=False):
        reached_m2[of_part] = shapely.area(shapely.union_all(together))
    return reached_m2


def _farthest_m(
    hazard: assess.Hazard, shapes: NDArray[np.object_], sinkhole: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return how far off no point of a shape is from a record's centre: its box's far corner."""
    west, south, east, north = shapely.bounds(shapes).reshape(-1, 4).T
    easting, northing = hazard.easting[sinkhole], hazard.northing[sinkhole]
    off_e = np.maximum(np.abs(west - easting), np.abs(east - easting))
    off_n = np.maximum(np.abs(south - northing), np.abs(north - northing))
    return np.hypot(off_e, off_n)
