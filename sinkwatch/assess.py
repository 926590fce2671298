"""
Places, zones and inventory into bands: the one assessment behind every command.

Arrays go in and arrays come out; a frame is only a coat round them. Distances are planar on the
British National Grid and taken to the millimetre, and the edges of rings and tolerances count as
inside: 50.00000000001 m, as a subtraction leaves it, is 50 m.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import shapely

from sinkwatch import schemas
from sinkwatch.model import Band, Evidence, GeologyClass

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from sinkwatch.model import BandTable, Parameters

NONE: Final = -1
"""No zone or no sinkhole, in the arrays of indices."""

_DECIMALS: Final = 3
"""Distances are taken to the millimetre: no position is known as well as that."""

SLACK_M: Final = 0.01
"""Search this much too wide, metres; what is found is then measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard:
    """
    Zones and records as arrays, ready to be asked about many places.

    Attributes
    ----------
    zone_geometry, zone_class, zone_uncertainty_m
        Shape (n_zones,): polygons EPSG:27700, `GeologyClass` codes, metres.
    zone_ids
        Shape (n_zones,).
    easting, northing
        Record centres, metres, EPSG:27700, shape (n_sinkholes,).
    radius_m, uncertainty_m
        Radius of the recorded feature and uncertainty of its centre, metres.
    ring_shift
        Rings further out at which a record scores: 1 for possible records, else 0.
    counts
        Whether the record enters the assessment.
    feature
        Number of the feature that a record belongs to.
    sinkhole_ids
        Shape (n_sinkholes,).
    rings_m
        Shape (n_rings,), ascending.
    bands, check_record
        Shape (4, n_rings + 1): by class (outside first) and ring (none last).
    """

    zone_geometry: NDArray[np.object_]
    zone_class: NDArray[np.int8]
    zone_uncertainty_m: NDArray[np.float64]
    zone_ids: NDArray[np.object_]
    easting: NDArray[np.float64]
    northing: NDArray[np.float64]
    radius_m: NDArray[np.float64]
    uncertainty_m: NDArray[np.float64]
    ring_shift: NDArray[np.int64]
    counts: NDArray[np.bool_]
    feature: NDArray[np.int64]
    sinkhole_ids: NDArray[np.object_]
    rings_m: NDArray[np.float64]
    bands: NDArray[np.int8]
    check_record: NDArray[np.bool_]

    @property
    def n_rings(self) -> int:
        """Return the number of rings; as a ring index it means "none within the last ring"."""
        return len(self.rings_m)

    @property
    def centres(self) -> NDArray[np.object_]:
        """Return the records as points, EPSG:27700."""
        return np.asarray(shapely.points(self.easting, self.northing), dtype=object)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """
    The assessment of n places, as arrays of shape (n,).

    Attributes
    ----------
    band
        `Band` codes.
    geology
        Class of the ground at the place itself.
    scored_as
        Class it was scored as.
    zone
        Index of the zone that gave `scored_as`; `NONE` outside.
    boundary_m
        Distance to the higher class that it was scored as, metres; NaN if none.
    boundary_uncertainty_m
        How well that line is known: as the less certain of the two zones, metres; NaN if none.
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
    zone: NDArray[np.int64]
    boundary_m: NDArray[np.float64]
    boundary_uncertainty_m: NDArray[np.float64]
    ring: NDArray[np.int64]
    sinkhole: NDArray[np.int64]
    distance_m: NDArray[np.float64]
    uncertainty_m: NDArray[np.float64]
    n_features: NDArray[np.int64]
    check_record: NDArray[np.bool_]


def prepare(zones: gpd.GeoDataFrame, sinkholes: gpd.GeoDataFrame, parameters: Parameters) -> Hazard:
    """
    Turn the frames into the arrays that the assessment works on.

    Parameters
    ----------
    zones
        Frame of `schemas.ZONES`, EPSG:27700.
    sinkholes
        Frame of `schemas.SINKHOLES`, EPSG:27700. May be empty.
    parameters
        Rings, bands and the radius of a record whose size is unknown.

    Returns
    -------
    hazard
        Arrays; zones and records ordered by id, so that no answer depends on the order of a file.

    Raises
    ------
    SchemaError
        If a frame breaks its contract.
    """
    ground = schemas.ZONES.check(zones).sort_values("zone_id")
    inventory = schemas.SINKHOLES.check(sinkholes).sort_values("sinkhole_id")
    centres = inventory.geometry.to_numpy()
    bands, check_record = _tables(parameters.table)
    return Hazard(
        zone_geometry=ground.geometry.to_numpy(),
        zone_class=ground["geology_class"].to_numpy(dtype=np.int8),
        zone_uncertainty_m=ground["position_uncertainty_m"].to_numpy(dtype=np.float64),
        zone_ids=ground["zone_id"].to_numpy(dtype=object),
        easting=np.asarray(shapely.get_x(centres), dtype=np.float64),
        northing=np.asarray(shapely.get_y(centres), dtype=np.float64),
        radius_m=radius_m(inventory, parameters.default_radius_m),
        uncertainty_m=inventory["position_uncertainty_m"].to_numpy(dtype=np.float64),
        ring_shift=(inventory["evidence"] == Evidence.POSSIBLE).to_numpy().astype(np.int64),
        counts=_countable(inventory),
        feature=pd.factorize(inventory["feature_id"], sort=True)[0].astype(np.int64),
        sinkhole_ids=inventory["sinkhole_id"].to_numpy(dtype=object),
        rings_m=np.array(parameters.table.rings_m, dtype=np.float64),
        bands=bands,
        check_record=check_record,
    )


def _tables(table: BandTable) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    width = len(table.rings_m) + 1
    classes = (GeologyClass.A, GeologyClass.B, GeologyClass.C)
    bands = [[Band.NOT_ASSESSED] * width, *(table.bands[row] for row in classes)]
    checks = [[False] * width, *(table.check_record[row] for row in classes)]
    return np.array(bands, dtype=np.int8), np.array(checks, dtype=np.bool_)


def radius_m(sinkholes: pd.DataFrame, default_radius_m: float) -> NDArray[np.float64]:
    """
    Return the radius of each recorded feature: half its longer side, or the default.

    Parameters
    ----------
    sinkholes
        Frame of `schemas.SINKHOLES`.
    default_radius_m
        For a record without a size, metres.

    Returns
    -------
    radius_m
        Metres, shape (n,).
    """
    longest = sinkholes[["length_m", "width_m"]].max(axis="columns")
    return (longest / 2).fillna(default_radius_m).to_numpy(dtype=np.float64)


def _countable(sinkholes: pd.DataFrame) -> NDArray[np.bool_]:
    is_event = (sinkholes["evidence"] != Evidence.NOT_AN_EVENT).to_numpy(dtype=np.bool_)
    return sinkholes["counts"].to_numpy(dtype=np.bool_) & is_event


def points(
    hazard: Hazard,
    easting: NDArray[np.float64],
    northing: NDArray[np.float64],
    uncertainty_m: NDArray[np.float64],
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

    Returns
    -------
    assessed
        Arrays of shape (n,), in the same order.
    """
    known = np.isfinite(easting) & np.isfinite(northing) & np.isfinite(uncertainty_m)
    shapes = np.full(len(easting), None, dtype=object)
    shapes[known] = shapely.points(easting[known], northing[known])
    tree = shapely.STRtree(shapes)
    ground = _ground_at(hazard, tree, shapes)
    pairs = _pairs(hazard, tree, easting, northing, uncertainty_m)
    decided = _decide(hazard, len(shapes), pairs)
    return Assessed(
        band=hazard.bands[ground.scored_as, decided.ring],
        geology=ground.geology,
        scored_as=ground.scored_as,
        zone=ground.zone,
        boundary_m=ground.boundary_m,
        boundary_uncertainty_m=ground.boundary_uncertainty_m,
        ring=decided.ring,
        sinkhole=decided.sinkhole,
        distance_m=decided.distance_m,
        uncertainty_m=decided.uncertainty_m,
        n_features=decided.n_features,
        check_record=hazard.check_record[ground.scored_as, decided.ring],
    )


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
    return np.maximum(0.0, centre_distance_m - radius_m).round(_DECIMALS)


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
    return np.hypot(record_m, place_m).round(_DECIMALS)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    geology: NDArray[np.int8]
    scored_as: NDArray[np.int8]
    zone: NDArray[np.int64]
    boundary_m: NDArray[np.float64]
    boundary_uncertainty_m: NDArray[np.float64]


def _ground_at(hazard: Hazard, tree: shapely.STRtree, shapes: NDArray[np.object_]) -> _Ground:
    n = len(shapes)
    zone, place = tree.query(hazard.zone_geometry, "intersects")
    geology = np.zeros(n, dtype=np.int8)
    np.maximum.at(geology, place, hazard.zone_class[zone])
    # A place on a shared line lies in several zones; it is as uncertain as the worst of them.
    own_uncertainty_m = np.zeros(n)
    np.maximum.at(own_uncertainty_m, place, hazard.zone_uncertainty_m[zone])
    own = np.full(n, len(hazard.zone_class), dtype=np.int64)
    deciding = hazard.zone_class[zone] == geology[place]
    np.minimum.at(own, place[deciding], zone[deciding])
    ground = _Ground(
        geology=geology,
        scored_as=geology.copy(),
        zone=np.where(geology == GeologyClass.OUTSIDE, NONE, own),
        boundary_m=np.full(n, np.nan),
        boundary_uncertainty_m=np.full(n, np.nan),
    )
    _raise_near_boundaries(hazard, tree, shapes, own_uncertainty_m, ground)
    return ground


def _raise_near_boundaries(
    hazard: Hazard,
    tree: shapely.STRtree,
    shapes: NDArray[np.object_],
    own_uncertainty_m: NDArray[np.float64],
    ground: _Ground,
) -> None:
    """Score a place as the highest class whose line it may lie beyond; fills in `ground`."""
    widest_m = np.max(hazard.zone_uncertainty_m, initial=0.0) + SLACK_M
    zone, place = tree.query(hazard.zone_geometry, "dwithin", widest_m)
    geology = ground.geology[place]
    higher = (hazard.zone_class[zone] > geology) & (geology > GeologyClass.OUTSIDE)
    zone, place = zone[higher], place[higher]
    away_m = np.round(shapely.distance(shapes[place], hazard.zone_geometry[zone]), _DECIMALS)
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
    ground.scored_as[place[order]] = hazard.zone_class[zone[order]]
    ground.zone[place[order]] = zone[order]
    ground.boundary_m[place[order]] = away_m[order]
    ground.boundary_uncertainty_m[place[order]] = tolerance_m[order]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    place: NDArray[np.int64]
    sinkhole: NDArray[np.int64]
    distance_m: NDArray[np.float64]
    uncertainty_m: NDArray[np.float64]

    def only(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> _Pairs:
        return _Pairs(
            place=self.place[chosen],
            sinkhole=self.sinkhole[chosen],
            distance_m=self.distance_m[chosen],
            uncertainty_m=self.uncertainty_m[chosen],
        )


def _pairs(
    hazard: Hazard,
    tree: shapely.STRtree,
    easting: NDArray[np.float64],
    northing: NDArray[np.float64],
    uncertainty_m: NDArray[np.float64],
) -> _Pairs:
    """Pair each place with the records that count and lie within the last ring of it."""
    reach_m = hazard.rings_m[-1] + hazard.radius_m + SLACK_M
    sinkhole, place = tree.query(hazard.centres, "dwithin", reach_m)
    centre_m = np.hypot(
        easting[place] - hazard.easting[sinkhole], northing[place] - hazard.northing[sinkhole]
    )
    pairs = _Pairs(
        place=place,
        sinkhole=sinkhole,
        distance_m=edge_distance_m(centre_m, hazard.radius_m[sinkhole]),
        uncertainty_m=combined_uncertainty_m(hazard.uncertainty_m[sinkhole], uncertainty_m[place]),
    )
    nominal = nominal_ring(hazard, pairs.distance_m, pairs.uncertainty_m)
    return pairs.only(hazard.counts[sinkhole] & (nominal < hazard.n_rings))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    ring: NDArray[np.int64]
    sinkhole: NDArray[np.int64]
    distance_m: NDArray[np.float64]
    uncertainty_m: NDArray[np.float64]
    n_features: NDArray[np.int64]


def _decide(hazard: Hazard, n: int, pairs: _Pairs) -> _Decided:
    ring = ring_of(hazard, pairs.distance_m, pairs.uncertainty_m, pairs.sinkhole)
    # Worst last, since the last one written stays: the nearest ring, then distance, then id.
    order = np.lexsort((-pairs.sinkhole, -pairs.distance_m, -ring))
    order = order[ring[order] < hazard.n_rings]
    best, ring = pairs.only(order), ring[order]
    decided = _Decided(
        ring=np.full(n, hazard.n_rings, dtype=np.int64),
        sinkhole=np.full(n, NONE, dtype=np.int64),
        distance_m=np.full(n, np.nan),
        uncertainty_m=np.full(n, np.nan),
        n_features=_n_features(hazard, n, pairs),
    )
    decided.ring[best.place] = ring
    decided.sinkhole[best.place] = best.sinkhole
    decided.distance_m[best.place] = best.distance_m
    decided.uncertainty_m[best.place] = best.uncertainty_m
    return decided


def _n_features(hazard: Hazard, n: int, pairs: _Pairs) -> NDArray[np.int64]:
    n_features = int(np.max(hazard.feature, initial=0)) + 1
    distinct = np.unique(pairs.place * n_features + hazard.feature[pairs.sinkhole])
    return np.bincount(distinct // n_features, minlength=n).astype(np.int64)


def score(hazard: Hazard, places: gpd.GeoDataFrame, *, key: str) -> pd.DataFrame:
    """
    Assess every row of a frame of points.

    Parameters
    ----------
    hazard
        What `prepare` returns.
    places
        Points, EPSG:27700, with `position_uncertainty_m`; a row without a position is kept.
    key
        Column that identifies a row.

    Returns
    -------
    assessments
        Frame of `schemas.ASSESSMENTS`, same rows in the same order.

    Raises
    ------
    SchemaError
        If the frame is not on British National Grid, or is no frame of points with that key.
    """
    shapes = schemas.points(key).check(places).geometry.to_numpy()
    assessed = points(
        hazard,
        np.asarray(shapely.get_x(shapes), dtype=np.float64),
        np.asarray(shapely.get_y(shapes), dtype=np.float64),
        places["position_uncertainty_m"].to_numpy(dtype=np.float64),
    )
    return schemas.ASSESSMENTS.check(columns(hazard, assessed, places[key].to_list()))


def columns(hazard: Hazard, assessed: Assessed, place_ids: list[str]) -> pd.DataFrame:
    """
    Lay the arrays of an assessment out as a table.

    Parameters
    ----------
    hazard
        What was asked.
    assessed
        What it answered, n places.
    place_ids
        Their ids, n of them.

    Returns
    -------
    assessments
        Columns of `schemas.ASSESSMENTS`, n rows.
    """
    decides = assessed.sinkhole != NONE
    sinkhole_ids = np.full(len(decides), None, dtype=object)
    sinkhole_ids[decides] = hazard.sinkhole_ids[assessed.sinkhole[decides]]
    return pd.DataFrame(
        {
            "place_id": pd.Series(place_ids, dtype="str"),
            "band": assessed.band,
            "geology_class": assessed.geology,
            "scored_as": assessed.scored_as,
            "sinkhole_id": pd.Series(sinkhole_ids, dtype="str"),
            "sinkhole_distance_m": assessed.distance_m,
            "sinkhole_uncertainty_m": assessed.uncertainty_m,
            "n_features": assessed.n_features,
            "check_record": assessed.check_record,
        }
    )
