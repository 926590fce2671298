"""Records that may tell of one and the same event: found by place and date, never merged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import shapely

from sinkwatch import wording
from sinkwatch.sources.inventory.rows import dates_of

if TYPE_CHECKING:
    import geopandas as gpd

COLUMNS: Final = ("sinkhole_id", "other_id", "apart_m", "why")
"""Of what `duplicates` returns."""


def duplicates(frame: gpd.GeoDataFrame) -> pd.DataFrame:
    """
    Propose pairs of records that may tell of one event.

    Two may do so if they lie no further apart than their uncertainties added and their dates may
    be the same day. A record without a date may be of any, so nothing can be said of it. Records
    of one feature that happened at different times are no duplicates.

    Parameters
    ----------
    frame
        Frame of `schemas.SINKHOLES`, EPSG:27700; a record that says ``duplicate_of`` is
        confirmed and proposed no more.

    Returns
    -------
    proposals
        Columns `sinkhole_id`, `other_id` (the one that comes first in the frame), `apart_m`
        (metres) and `why`, a sentence without its full stop; ordered by both ids.
    """
    order = np.arange(len(frame))
    points = frame.geometry.to_numpy()
    uncertainty_m = frame["position_uncertainty_m"].to_numpy(dtype=np.float64)
    reach_m = uncertainty_m + np.max(uncertainty_m, initial=0.0)
    later, earlier = shapely.STRtree(points).query(points, "dwithin", reach_m)
    later, earlier = later[order[earlier] < later], earlier[order[earlier] < later]
    apart_m = shapely.distance(points[later], points[earlier])
    is_near = apart_m <= uncertainty_m[later] + uncertainty_m[earlier]
    rows = frame.to_dict("records")
    days = [dates_of(row["observed"]) for row in rows]
    found = [
        (rows[one]["sinkhole_id"], rows[other]["sinkhole_id"], float(metres), why)
        for one, other, metres in zip(
            later[is_near].tolist(), earlier[is_near].tolist(), apart_m[is_near], strict=True
        )
        if not _is_confirmed(rows[one], rows[other]) and _overlap(days[one], days[other])
        for why in [_why(rows[one], rows[other], float(metres))]
    ]
    pairs = pd.DataFrame(found, columns=list(COLUMNS)).astype(
        {"sinkhole_id": "str", "other_id": "str", "apart_m": "float64", "why": "str"}
    )
    return pairs.sort_values(["sinkhole_id", "other_id"], ignore_index=True)


def _is_confirmed(one: dict[str, object], other: dict[str, object]) -> bool:
    ids = {one["sinkhole_id"], other["sinkhole_id"]}
    said = {one.get("duplicate_of"), other.get("duplicate_of")}
    return bool(ids & said)


def _overlap(one: object, other: object) -> bool:
    if not isinstance(one, tuple) or not isinstance(other, tuple):
        return False
    return bool(one[0] <= other[1] and other[0] <= one[1])


def _why(one: dict[str, object], other: dict[str, object], apart_m: float) -> str:
    feature = " of the same feature" if one["feature_id"] == other["feature_id"] else ""
    together = float(str(one["position_uncertainty_m"])) + float(
        str(other["position_uncertainty_m"])
    )
    return (
        f"records{feature} {wording.distance_text(apart_m)} apart, known to "
        f"{wording.plus_minus(together)} together, of {one['date_text']} and {other['date_text']}"
    )
