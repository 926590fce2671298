"""The assessment of places: the class of the ground, and the record that decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import shapely

from sinkwatch.assess.layers import NONE
from sinkwatch.assess.measures import (
    combined_uncertainty_m,
    edge_distance_m,
    is_within,
    nominal_ring,
)
from sinkwatch.assess.squares import index_of
from sinkwatch.model import Band, GeologyClass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sinkwatch.assess.layers import Hazard
    from sinkwatch.assess.squares import Index

_Value = TypeVar("_Value", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """
    The assessment of n places, as arrays of shape (n,); `ground` tells why they have their class.

    Attributes
    ----------
    band
        `Band` codes.
    geology
        Class of the ground at the place itself.
    scored_as
        Class it was scored as.
    ring
        Index of the ring; `n_rings` if no record counts.
    sinkhole
        Index of the record that decides the ring; `NONE` if none does.
    distance_m, uncertainty_m
        Distance to that record's edge and its uncertainty, metres; NaN if none.
    n_features
        Distinct recorded features within the last ring, possible ones included.
    check_record
        Whether ground and record disagree.
    """

    band: NDArray[np.int8]
    geology: NDArray[np.int8]
    scored_as: NDArray[np.int8]
    ring: NDArray[np.int64]
    sinkhole: NDArray[np.int64]
    distance_m: NDArray[np.float64]
    uncertainty_m: NDArray[np.float64]
    n_features: NDArray[np.int64]
    check_record: NDArray[np.bool_]


def points(
    hazard: Hazard,
    easting: NDArray[np.float64],
    northing: NDArray[np.float64],
    uncertainty_m: NDArray[np.float64],
    indexed: Index | None = None,
) -> Assessed:
    """
    Assess places that are known as points.

    A place whose position or uncertainty is not a finite number is not assessed; neither is
    one outside the zones. Nothing is rounded or rasterised.

    Parameters
    ----------
    hazard
        What `prepare` returns.
    easting, northing
        Metres, EPSG:27700, shape (n,).
    uncertainty_m
        Radius about 95 % sure to hold the true place, metres, shape (n,).
    indexed
        What `index` returns for the hazard, if there is much to ask; otherwise made for these
        places alone.

    Returns
    -------
    assessed
        Arrays of shape (n,), in the same order.
    """
    known = np.isfinite(easting) & np.isfinite(northing) & np.isfinite(uncertainty_m)
    if indexed is None:
        indexed = index_of(hazard, easting[known], northing[known])
    row = indexed.row[indexed.squares.of(easting, northing)]
    asked = np.flatnonzero((row > 0) & known)
    places = _Places(
        row=row[asked],
        easting=easting[asked],
        northing=northing[asked],
        uncertainty_m=uncertainty_m[asked],
    )
    geology, scored_as = _classes(indexed, places)
    return _laid_out(hazard, len(easting), asked, (geology, scored_as), _nearest(indexed, places))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    row: NDArray[np.int32]
    easting: NDArray[np.float64]
    northing: NDArray[np.float64]
    uncertainty_m: NDArray[np.float64]


def _classes(indexed: Index, places: _Places) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Return the class of the ground, and the class it is scored as."""
    hazard = indexed.hazard
    geology = indexed.ground[places.row]
    # A place on a shared line lies in several zones; it is as uncertain as the worst of them.
    known_m = indexed.known_m[places.row]
    for place, zone in indexed.touched.turns(places.row):
        inside = shapely.intersects_xy(
            hazard.zone_geometry[zone], places.easting[place], places.northing[place]
        )
        place, zone = place[inside], zone[inside]  # noqa: PLW2901 - those that the zone holds
        geology[place] = np.maximum(geology[place], hazard.zone_class[zone])
        known_m[place] = np.maximum(known_m[place], hazard.zone_uncertainty_m[zone])
    is_held = geology > GeologyClass.OUTSIDE
    scored_as = np.where(is_held, np.maximum(geology, indexed.raised[places.row]), geology)
    for place, zone in indexed.near.turns(places.row):
        higher = is_held[place] & (hazard.zone_class[zone] > scored_as[place])
        place, zone = place[higher], zone[higher]  # noqa: PLW2901 - those it would raise
        at = np.asarray(shapely.points(places.easting[place], places.northing[place]))
        # The line between two zones is known no better than the less certain of the two.
        tolerance_m = np.maximum(hazard.zone_uncertainty_m[zone], known_m[place])
        near = is_within(hazard.zone_geometry[zone], at, tolerance_m)
        scored_as[place[near]] = hazard.zone_class[zone[near]]
    return geology, scored_as


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nearest:
    ring: NDArray[np.int64]
    sinkhole: NDArray[np.int64]
    distance_m: NDArray[np.float64]
    uncertainty_m: NDArray[np.float64]
    n_features: NDArray[np.int64]


def _nearest(indexed: Index, places: _Places) -> _Nearest:
    """Find the record that decides for each place: nearest ring, then distance, then id."""
    hazard, n = indexed.hazard, len(places.row)
    reach_m = hazard.reach_m
    found = _Nearest(
        ring=np.full(n, hazard.n_rings, dtype=np.int64),
        sinkhole=np.full(n, NONE, dtype=np.int64),
        distance_m=np.full(n, np.nan),
        uncertainty_m=np.full(n, np.nan),
        n_features=np.zeros(n, dtype=np.int64),
    )
    counted_last = np.full(n, NONE, dtype=np.int64)
    for place, sinkhole in indexed.records.turns(places.row):
        east_m = places.easting[place] - hazard.easting[sinkhole]
        north_m = places.northing[place] - hazard.northing[sinkhole]
        centre_m = np.sqrt(east_m * east_m + north_m * north_m)
        near = centre_m <= reach_m[sinkhole]
        place, sinkhole = place[near], sinkhole[near]  # noqa: PLW2901 - those within reach
        distance_m = edge_distance_m(centre_m[near], hazard.radius_m[sinkhole])
        doubt_m = combined_uncertainty_m(
            hazard.uncertainty_m[sinkhole], places.uncertainty_m[place]
        )
        ring = nominal_ring(hazard, distance_m, doubt_m)
        counts = ring < hazard.n_rings
        # The records of one feature stand together in a list: it is counted with the first.
        feature = hazard.feature[sinkhole]
        found.n_features[place] += counts & (feature != counted_last[place])
        counted_last[place[counts]] = feature[counts]
        ring += hazard.ring_shift[sinkhole]
        better = (ring < hazard.n_rings) & _comes_before(
            (ring, found.ring[place]),
            (distance_m, found.distance_m[place]),
            (sinkhole, found.sinkhole[place]),
        )
        place = place[better]  # noqa: PLW2901 - those it decides for, so far
        found.ring[place] = ring[better]
        found.sinkhole[place] = sinkhole[better]
        found.distance_m[place] = distance_m[better]
        found.uncertainty_m[place] = doubt_m[better]
    return found


def _comes_before(*keys: tuple[NDArray[np.generic], NDArray[np.generic]]) -> NDArray[np.bool_]:
    """Compare by the first of the pairs, among equals by the next."""
    before = np.zeros(len(keys[0][0]), dtype=np.bool_)
    for one, other in reversed(keys):
        before = (one < other) | ((one == other) & before)
    return before


def _laid_out(
    hazard: Hazard,
    n: int,
    asked: NDArray[np.int64],
    classes: tuple[NDArray[np.int8], NDArray[np.int8]],
    nearest: _Nearest,
) -> Assessed:
    """Put what was found where it was asked; of all other places nothing is held."""

    def among_all(found: NDArray[_Value], blank: float) -> NDArray[_Value]:
        everywhere = np.full(n, blank, dtype=found.dtype)
        everywhere[asked] = found
        return everywhere

    geology, scored_as = classes
    cell = scored_as, nearest.ring
    return Assessed(
        band=among_all(hazard.bands[cell], Band.NOT_ASSESSED),
        geology=among_all(geology, GeologyClass.OUTSIDE),
        scored_as=among_all(scored_as, GeologyClass.OUTSIDE),
        ring=among_all(nearest.ring, hazard.n_rings),
        sinkhole=among_all(nearest.sinkhole, NONE),
        distance_m=among_all(nearest.distance_m, np.nan),
        uncertainty_m=among_all(nearest.uncertainty_m, np.nan),
        n_features=among_all(nearest.n_features, 0),
        check_record=among_all(hazard.check_record[cell], blank=False),
    )
