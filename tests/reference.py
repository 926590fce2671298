"""
The assessment of points as a plain reading of the rules, one row at a time.

No array, no index of the plane and nothing of `sinkwatch.assess`: it is slow, and so short that
one can hold it against the rules. The kernel must agree with it on every row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import shapely

from sinkwatch.model import Band, GeologyClass

if TYPE_CHECKING:
    import geopandas as gpd

    from sinkwatch.model import Parameters


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the rules say of one point; None where there is nothing to say."""

    band: Band
    geology: GeologyClass
    scored_as: GeologyClass
    zone_id: str | None
    boundary_m: float | None
    boundary_uncertainty_m: float | None
    ring_m: float | None
    sinkhole_id: str | None
    distance_m: float | None
    uncertainty_m: float | None
    n_features: int
    check_record: bool


@dataclass(frozen=True, kw_only=True)
class _Counted:
    ring: int
    distance_m: float
    sinkhole_id: str
    uncertainty_m: float


class Reference:
    """The rules, asked about one point after another."""

    def __init__(
        self, zones: gpd.GeoDataFrame, sinkholes: gpd.GeoDataFrame, parameters: Parameters
    ) -> None:
        self.zones = sorted(zones.to_dict("records"), key=lambda zone: zone["zone_id"])
        self.records = sinkholes.to_dict("records")
        self.parameters = parameters

    def answer(self, easting: float, northing: float, uncertainty_m: float) -> Answer:
        """Assess one point; a number that is not finite makes it "not assessed"."""
        if not all(math.isfinite(value) for value in (easting, northing, uncertainty_m)):
            return self._banded(self._ground(None), [], set())
        counted: list[_Counted] = []
        features: set[str] = set()
        for record in self.records:
            found = self._counted(record, easting, northing, uncertainty_m)
            if found is None:
                continue
            features.add(record["feature_id"])
            # A possible record scores one ring further out.
            ring = found.ring + (1 if record["evidence"] == "possible" else 0)
            if ring < len(self.parameters.table.rings_m):
                counted.append(
                    _Counted(
                        ring=ring,
                        distance_m=found.distance_m,
                        sinkhole_id=found.sinkhole_id,
                        uncertainty_m=found.uncertainty_m,
                    )
                )
        return self._banded(self._ground(shapely.Point(easting, northing)), counted, features)

    def _counted(
        self, record: dict[Any, Any], easting: float, northing: float, uncertainty_m: float
    ) -> _Counted | None:
        """Return the ring in which a record lies, whatever its evidence; None if in none."""
        if not record["counts"] or record["evidence"] == "not_an_event":
            return None
        sizes = [size for size in (record["length_m"], record["width_m"]) if not math.isnan(size)]
        radius_m = max(sizes) / 2 if sizes else self.parameters.default_radius_m
        centre = record["geometry"]
        centre_m = math.sqrt((easting - centre.x) ** 2 + (northing - centre.y) ** 2)
        distance_m = round(max(0.0, centre_m - radius_m), 3)
        together_m = round(math.sqrt(record["position_uncertainty_m"] ** 2 + uncertainty_m**2), 3)
        # It may count for a ring only if distance and uncertainty are both within the ring.
        for ring, ring_m in enumerate(self.parameters.table.rings_m):
            if distance_m <= ring_m and together_m <= ring_m:
                return _Counted(
                    ring=ring,
                    distance_m=distance_m,
                    sinkhole_id=record["sinkhole_id"],
                    uncertainty_m=together_m,
                )
        return None

    def _ground(self, point: shapely.Point | None) -> dict[Any, Any]:
        ground: dict[Any, Any] = {
            "geology": GeologyClass.OUTSIDE,
            "scored_as": GeologyClass.OUTSIDE,
            "zone_id": None,
            "boundary_m": None,
            "boundary_uncertainty_m": None,
        }
        own = [] if point is None else [z for z in self.zones if z["geometry"].intersects(point)]
        if not own:
            return ground
        geology = max(zone["geology_class"] for zone in own)
        highest = next(zone for zone in own if zone["geology_class"] == geology)
        ground |= {
            "geology": GeologyClass(geology),
            "scored_as": GeologyClass(geology),
            "zone_id": highest["zone_id"],
        }
        own_uncertainty_m = max(zone["position_uncertainty_m"] for zone in own)
        best: tuple[float, float] | None = None
        for zone in self.zones:
            away_m = round(zone["geometry"].distance(point), 3)
            tolerance_m = max(zone["position_uncertainty_m"], own_uncertainty_m)
            if zone["geology_class"] <= geology or away_m > tolerance_m:
                continue
            rank = (-zone["geology_class"], away_m)
            if best is None or rank < best:
                best = rank
                ground |= {
                    "scored_as": GeologyClass(zone["geology_class"]),
                    "zone_id": zone["zone_id"],
                    "boundary_m": away_m,
                    "boundary_uncertainty_m": tolerance_m,
                }
        return ground

    def _banded(
        self, ground: dict[Any, Any], counted: list[_Counted], features: set[str]
    ) -> Answer:
        table = self.parameters.table
        nearest = min(counted, key=lambda c: (c.ring, c.distance_m, c.sinkhole_id), default=None)
        column = len(table.rings_m) if nearest is None else nearest.ring
        scored_as = ground["scored_as"]
        is_outside = scored_as == GeologyClass.OUTSIDE
        return Answer(
            **ground,
            band=Band.NOT_ASSESSED if is_outside else table.bands[scored_as][column],
            check_record=not is_outside and table.check_record[scored_as][column],
            ring_m=None if nearest is None else table.rings_m[nearest.ring],
            sinkhole_id=None if nearest is None else nearest.sinkhole_id,
            distance_m=None if nearest is None else nearest.distance_m,
            uncertainty_m=None if nearest is None else nearest.uncertainty_m,
            n_features=len(features),
        )
