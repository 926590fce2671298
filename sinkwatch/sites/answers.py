"""The assessment of sites: the highest band that their ground touches, and the share of each."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from sinkwatch import assess
from sinkwatch.errors import SchemaError
from sinkwatch.sites.cutting import CIRCUMSCRIBED, POLYGONS, cut
from sinkwatch.sites.reach import Counted, shares

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sinkwatch.sites.cutting import Cut

_BLOCK: Final = 1_000  # sites at a time, which bounds the memory
_MOST_NAMED: Final = 5  # boundaries that a refusal names


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessedSites:
    """
    The assessment of n sites, as arrays of shape (n,), measured from their edges.

    Attributes
    ----------
    band
        `Band` codes: the highest that the site's ground touches.
    geology
        Highest class that the site has ground in.
    scored_as
        Class that the ground which gave the band was scored as.
    ring
        Index of the ring of that ground; `n_rings` if no record counts.
    sinkhole
        Index of the record that decides; `NONE` if none does.
    distance_m, uncertainty_m
        From the site's edge to that record's edge, and its uncertainty, metres; NaN if none.
    n_features
        Distinct recorded features within the last ring of the site, possible ones included.
    check_record
        Whether ground and record disagree.
    shares
        Shape (n, 6): share of the site's ground in each band, by `Band` code; a row sums to 1.
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
    shares: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """
    Zones and records in trees, so that each site is asked only of what lies near it.

    Attributes
    ----------
    hazard
        What `assess.prepare` returns.
    centres
        Shape (n_sinkholes,): the records as points.
    zones, records
        Trees of all zones, and of the records that count.
    counted
        Shape (n_counted,): index of each record in its tree.
    """

    hazard: assess.Hazard
    centres: NDArray[np.object_]
    zones: shapely.STRtree
    records: shapely.STRtree
    counted: NDArray[np.int64]

    @classmethod
    def of(cls, hazard: assess.Hazard) -> Layers:
        """
        Put zones and records in trees.

        Parameters
        ----------
        hazard
            What `assess.prepare` returns.

        Returns
        -------
        layers
            For `polygons`.
        """
        counted, centres = np.flatnonzero(hazard.counts), hazard.centres
        return cls(
            hazard=hazard,
            centres=centres,
            zones=shapely.STRtree(hazard.zone_geometry),
            records=shapely.STRtree(centres[counted]),
            counted=counted,
        )


def polygons(
    layers: Layers, shapes: NDArray[np.object_], uncertainty_m: NDArray[np.float64]
) -> AssessedSites:
    """
    Assess sites that are known as polygons, measured from their edges and never their centroids.

    Parameters
    ----------
    layers
        What `Layers.of` returns.
    shapes
        Valid polygons, EPSG:27700, shape (n,).
    uncertainty_m
        How well their edges are known, metres, shape (n,).

    Returns
    -------
    assessed
        Arrays of shape (n,), in the same order, whatever it is.

    Raises
    ------
    SchemaError
        If a boundary is no polygon, has no area or crosses itself.
    """
    check_boundaries(shapes)
    blocks = [
        in_parts(layers, shapes[first : first + _BLOCK], uncertainty_m[first : first + _BLOCK])[0]
        for first in range(0, max(len(shapes), 1), _BLOCK)
    ]
    return AssessedSites(
        **{
            field.name: np.concatenate([getattr(block, field.name) for block in blocks])
            for field in fields(AssessedSites)
        }
    )


def check_boundaries(shapes: NDArray[np.object_]) -> None:
    """
    Refuse what is no boundary of a site.

    Parameters
    ----------
    shapes
        Shape (n,).

    Raises
    ------
    SchemaError
        If one is no polygon, has no area or crosses itself; the first few are named.
    """
    wrong = np.flatnonzero(~is_boundary(shapes))
    if not len(wrong):
        return
    reasons = shapely.is_valid_reason(shapes)
    problems = [
        f"{f'number {row + 1}' if len(shapes) > 1 else 'it'} must be a polygon with an area; "
        f"{reasons[row]}"
        for row in wrong[:_MOST_NAMED]
    ]
    raise SchemaError(
        "site boundary",
        problems,
        "Mend the boundary, or give the site as a point",
    )


def is_boundary(shapes: NDArray[np.object_]) -> NDArray[np.bool_]:
    """
    Tell which shapes may bound sites: polygons with an area that do not cross themselves.

    Parameters
    ----------
    shapes
        Shape (n,); None is no boundary.

    Returns
    -------
    is_boundary
        Shape (n,).
    """
    polygonal = np.isin(shapely.get_type_id(shapes), POLYGONS)
    return np.asarray(
        polygonal & shapely.is_valid(shapes) & (shapely.area(shapes) > 0), dtype=np.bool_
    )


def in_parts(
    layers: Layers, shapes: NDArray[np.object_], uncertainty_m: NDArray[np.float64]
) -> tuple[AssessedSites, Cut, NDArray[np.int64]]:
    """
    Assess a few sites and keep the parts that they were cut into.

    Parameters
    ----------
    layers, shapes, uncertainty_m
        As for `polygons`; boundaries are not checked again.

    Returns
    -------
    assessed, ground, deciding
        The answers, the parts, and the part that decides each site, shape (n,).
    """
    hazard = layers.hazard
    ground = cut(hazard, layers.zones, shapes)
    records = _records(layers, shapes, uncertainty_m)
    counted = _by_part(layers, ground, records)
    ring, away_m, nearest = _nearest(hazard, counted, len(ground.site))
    band = hazard.bands[ground.scored_as, ring]
    # The worst of a site's parts comes last.
    order = np.lexsort((ground.scored_as, -away_m, -ring, band, ground.site))
    deciding = order[np.flatnonzero(np.diff(ground.site, append=len(shapes)))]
    by = nearest[deciding]
    decides = by != assess.NONE
    scored_as, at = ground.scored_as[deciding], ring[deciding]
    assessed = AssessedSites(
        band=band[deciding],
        geology=ground.geology,
        scored_as=scored_as,
        ring=at,
        sinkhole=np.where(decides, np.append(records.sinkhole, assess.NONE)[by], assess.NONE),
        distance_m=np.append(records.distance_m, np.nan)[by],
        uncertainty_m=np.append(records.uncertainty_m, np.nan)[by],
        n_features=_n_features(hazard, records, len(shapes)),
        check_record=hazard.check_record[scored_as, at],
        shares=shares(hazard, ground, counted, ring),
    )
    return assessed, ground, deciding


@dataclass(frozen=True, slots=True, kw_only=True)
class _Records:
    """Pairs of a site and a record near enough, or all but, and known well enough to count."""

    site: NDArray[np.int64]
    sinkhole: NDArray[np.int64]
    distance_m: NDArray[np.float64]
    uncertainty_m: NDArray[np.float64]


def _records(
    layers: Layers, shapes: NDArray[np.object_], uncertainty_m: NDArray[np.float64]
) -> _Records:
    hazard = layers.hazard
    reach_m = np.max(hazard.reach_m, initial=0.0) * CIRCUMSCRIBED
    site, number = layers.records.query(shapes, "dwithin", reach_m)
    order = np.lexsort((number, site))
    site, sinkhole = site[order], layers.counted[number[order]]
    centre_m = np.asarray(shapely.distance(shapes[site], layers.centres[sinkhole]))
    distance_m = assess.edge_distance_m(centre_m, hazard.radius_m[sinkhole])
    doubt_m = assess.combined_uncertainty_m(hazard.uncertainty_m[sinkhole], uncertainty_m[site])
    within = doubt_m <= hazard.rings_m[-1]
    within &= centre_m <= hazard.reach_m[sinkhole] * CIRCUMSCRIBED
    return _Records(
        site=site[within],
        sinkhole=sinkhole[within],
        distance_m=distance_m[within],
        uncertainty_m=doubt_m[within],
    )


def _n_features(hazard: assess.Hazard, records: _Records, n: int) -> NDArray[np.int64]:
    within = records.distance_m <= hazard.rings_m[-1]
    pairs = np.column_stack([records.site, hazard.feature[records.sinkhole]])[within]
    return np.bincount(np.unique(pairs, axis=0)[:, 0], minlength=n)


def _by_part(layers: Layers, ground: Cut, records: _Records) -> Counted:
    """Pair every part of a site with the records of the site, and measure from the part."""
    first, end = (np.searchsorted(ground.site, records.site, side) for side in ("left", "right"))
    pair = np.repeat(np.arange(len(first)), end - first)
    part = np.arange(len(pair)) - np.searchsorted(pair, pair) + first[pair]
    sinkhole, distance_m = records.sinkhole[pair], records.distance_m[pair]
    several = (end - first)[pair] > 1
    centre_m = shapely.distance(ground.shape[part[several]], layers.centres[sinkhole[several]])
    distance_m[several] = assess.edge_distance_m(
        np.asarray(centre_m), layers.hazard.radius_m[sinkhole[several]]
    )
    return Counted(
        part=part,
        pair=pair,
        sinkhole=sinkhole,
        distance_m=distance_m,
        uncertainty_m=records.uncertainty_m[pair],
    )


def _nearest(
    hazard: assess.Hazard, counted: Counted, n_parts: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return ring, distance and pair of the record that decides each part."""
    ring = assess.ring_of(hazard, counted.distance_m, counted.uncertainty_m, counted.sinkhole)
    order = np.lexsort((counted.sinkhole, counted.distance_m, ring, counted.part))
    order = order[ring[order] < hazard.n_rings]
    part, first = np.unique(counted.part[order], return_index=True)
    best = order[first]
    reached = np.full(n_parts, hazard.n_rings, dtype=np.int64)
    away_m = np.full(n_parts, np.inf)
    nearest = np.full(n_parts, assess.NONE, dtype=np.int64)
    reached[part], away_m[part], nearest[part] = (
        ring[best],
        counted.distance_m[best],
        counted.pair[best],
    )
    return reached, away_m, nearest
