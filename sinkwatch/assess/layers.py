"""Zones and records as arrays: what every question is asked of."""

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
    def reach_m(self) -> NDArray[np.float64]:
        """Return how far from its centre each record may count, metres, shape (n_sinkholes,)."""
        return np.asarray(self.rings_m[-1] + self.radius_m + SLACK_M, dtype=np.float64)

    @property
    def centres(self) -> NDArray[np.object_]:
        """Return the records as points, EPSG:27700."""
        return np.asarray(shapely.points(self.easting, self.northing), dtype=object)


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


def extent(hazard: Hazard) -> tuple[float, float, float, float]:
    """
    Return the extent of all zones and of the reach of all records.

    Parameters
    ----------
    hazard
        What `prepare` returns.

    Returns
    -------
    corners
        West, south, east and north, metres, EPSG:27700; all 0 if nothing is held.
    """
    extents = [shapely.bounds(hazard.zone_geometry).reshape(-1, 4)]
    at, reach_m = np.column_stack([hazard.easting, hazard.northing]), hazard.reach_m[:, None]
    extents.append(np.column_stack([at - reach_m, at + reach_m]))
    all_of_them = np.concatenate(extents)
    if not len(all_of_them):
        return 0.0, 0.0, 0.0, 0.0
    west, south = (all_of_them[:, :2].min(axis=0) - SLACK_M).tolist()
    east, north = (all_of_them[:, 2:].max(axis=0) + SLACK_M).tolist()
    return west, south, east, north
