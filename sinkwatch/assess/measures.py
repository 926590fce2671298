"""Distances, doubts and rings, to the millimetre."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from sinkwatch.assess.layers import SLACK_M

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sinkwatch.assess.layers import Hazard

DECIMALS: Final = 3
"""Distances are taken to the millimetre: no position is known as well as that."""


def edge_distance_m(
    centre_distance_m: NDArray[np.float64], radius_m: NDArray[np.float64]
) -> NDArray[np.float64]:
    """
    Return the distance to the edge of a recorded feature; 0 inside it.

    Parameters
    ----------
    centre_distance_m
        To its centre, metres.
    radius_m
        Its radius, metres.

    Returns
    -------
    distance_m
        Metres, same shape.
    """
    return np.maximum(0.0, centre_distance_m - radius_m).round(DECIMALS)


def combined_uncertainty_m(
    record_m: NDArray[np.float64], place_m: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """
    Return the uncertainty of a distance between two independently placed things.

    Parameters
    ----------
    record_m
        Position uncertainty of the record, metres.
    place_m
        Position uncertainty of the place, metres.

    Returns
    -------
    uncertainty_m
        Metres: the root of the sum of squares.
    """
    return np.hypot(record_m, place_m).round(DECIMALS)


def ring_of(
    hazard: Hazard,
    distance_m: NDArray[np.float64],
    uncertainty_m: NDArray[np.float64],
    sinkhole: NDArray[np.int64],
) -> NDArray[np.int64]:
    """
    Return the ring in which each record counts for each place.

    A record counts for a ring only if both its distance and the combined uncertainty are
    within the ring's radius; a possible record counts one ring further out.

    Parameters
    ----------
    hazard
        What `prepare` returns.
    distance_m
        To the record's edge, metres, shape (n,).
    uncertainty_m
        Combined uncertainty of record and place, metres, shape (n,).
    sinkhole
        Index of the record, shape (n,).

    Returns
    -------
    ring
        Shape (n,): index into `hazard.rings_m`; `hazard.n_rings` where it does not count.
    """
    ring = nominal_ring(hazard, distance_m, uncertainty_m) + hazard.ring_shift[sinkhole]
    return np.where(hazard.counts[sinkhole], np.minimum(ring, hazard.n_rings), hazard.n_rings)


def nominal_ring(
    hazard: Hazard, distance_m: NDArray[np.float64], uncertainty_m: NDArray[np.float64]
) -> NDArray[np.int64]:
    """
    Return the ring that distance and uncertainty both keep within, whatever the evidence.

    Parameters
    ----------
    hazard
        What `prepare` returns.
    distance_m
        To the record's edge, metres, shape (n,).
    uncertainty_m
        Combined uncertainty of record and place, metres, shape (n,).

    Returns
    -------
    ring
        Shape (n,): index into `hazard.rings_m`; `hazard.n_rings` beyond the last.
    """
    by_distance = np.searchsorted(hazard.rings_m, distance_m, side="left")
    by_uncertainty = np.searchsorted(hazard.rings_m, uncertainty_m, side="left")
    return np.maximum(by_distance, by_uncertainty)


def is_within(
    shapes: NDArray[np.object_], at: NDArray[np.object_], tolerance_m: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """
    Tell whether a distance to the millimetre is within tolerance, measuring only close calls.

    Parameters
    ----------
    shapes, at
        Pairs of shapes, the first prepared, EPSG:27700, shape (n,).
    tolerance_m
        Metres, shape (n,).

    Returns
    -------
    is_within
        Shape (n,); the tolerance itself counts as within.
    """
    within = dwithin(shapes, at, tolerance_m + SLACK_M)
    close = np.flatnonzero(within)
    close = close[~dwithin(shapes[close], at[close], tolerance_m[close] - SLACK_M)]
    away_m = np.round(shapely.distance(shapes[close], at[close]), DECIMALS)
    within[close] = away_m <= tolerance_m[close]
    return within


def dwithin(
    shapes: NDArray[np.object_], at: NDArray[np.object_], by_m: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """
    Tell whether shapes are as near as some distance, unrounded.

    Parameters
    ----------
    shapes, at
        Pairs of shapes, the first prepared, EPSG:27700, shape (n,).
    by_m
        Metres, shape (n,).

    Returns
    -------
    is_near
        Shape (n,).
    """
    # Shapely takes a distance for each pair, though its types know of a single one only.
    return np.asarray(shapely.dwithin(shapes, at, by_m), dtype=np.bool_)  # type: ignore[call-overload]
