"""What surrounds a place, in frames as the connectors make them: name only what matters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import pandas as pd
import shapely

from sinkwatch import geo, schemas

if TYPE_CHECKING:
    from sinkwatch.schemas import FrameSchema

Row = Mapping[str, object]

EAST: Final = 431_000.0
NORTH: Final = 471_000.0
"""The place that all of these are round."""


def square(half_m: float, east_m: float = 0.0) -> shapely.Polygon:
    """A square round the place, or so far east of it."""
    middle = EAST + east_m
    return shapely.box(middle - half_m, NORTH - half_m, middle + half_m, NORTH + half_m)


def near(east_m: float = 0.0, north_m: float = 0.0) -> shapely.Point:
    return shapely.Point(EAST + east_m, NORTH + north_m)


def a_rock(number: int = 1, **said: object) -> Row:
    return {
        "rock_id": f"bedrock/{number}",
        "layer": "bedrock",
        "name": "ZECHSTEIN GROUP",
        "rock": "DOLOMITISED LIMESTONE AND DOLOMITE",
        "period": "PERMIAN",
        "geometry": square(5_000),
        **said,
    }


def a_borehole(number: int = 1, **said: object) -> Row:
    return {
        "borehole_id": f"borehole/{number}",
        "reference": f"SE37SW{number}",
        "name": "EXAMPLE LANE",
        "length_m": 30.0,
        "year": 1985.0,
        "position_uncertainty_m": 10.0,
        "url": f"https://api.bgs.ac.uk/items/{number}",
        "geometry": near(40),
        **said,
    }


def a_designation(number: int = 1, **said: object) -> Row:
    return {
        "designation_id": str(number),
        "dataset": "conservation-area",
        "reference": f"CA{number}",
        "name": "Smallworld",
        "url": f"https://www.planning.data.gov.uk/entity/{number}",
        "geometry": square(1_000),
        **said,
    }


def a_street(name: str = "Example Lane", **said: object) -> Row:
    return {
        "name_id": f"osgb{name}",
        "name": name,
        "local_type": "Named Road",
        "postcode_district": "HG4",
        "populated_place": "Smallworld",
        "position_uncertainty_m": 60.0,
        "geometry": near(),
        **said,
    }


def rocks(*rows: Row) -> gpd.GeoDataFrame:
    return _frame(schemas.ROCKS, rows)


def boreholes(*rows: Row) -> gpd.GeoDataFrame:
    return _frame(schemas.BOREHOLES, rows)


def designations(*rows: Row) -> gpd.GeoDataFrame:
    return _frame(schemas.DESIGNATIONS, rows)


def names(*rows: Row) -> gpd.GeoDataFrame:
    return _frame(schemas.NAMES, rows)


def _frame(schema: FrameSchema, rows: tuple[Row, ...]) -> gpd.GeoDataFrame:
    table: Any = pd.DataFrame([dict(row) for row in rows], columns=[*schema.columns, "geometry"])
    kinds = {
        name: "float64" if column.kind == "number" else "str"
        for name, column in schema.columns.items()
    }
    shapes = gpd.GeoSeries(list(table.pop("geometry")), crs=geo.BNG)
    return schema.check(gpd.GeoDataFrame(table.astype(kinds), geometry=shapes))
