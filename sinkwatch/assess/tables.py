"""Assessments as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely

from sinkwatch import schemas
from sinkwatch.assess.answers import points
from sinkwatch.assess.layers import NONE

if TYPE_CHECKING:
    import geopandas as gpd

    from sinkwatch.assess.answers import Assessed
    from sinkwatch.assess.layers import Hazard


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
