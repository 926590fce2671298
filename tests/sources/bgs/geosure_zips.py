"""GeoSure by 5 km hexagon, made small: two hexagons, of which one holds the middle of an area."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely

from tests.peers.map_zips import a_layer, geopackage, zipped

if TYPE_CHECKING:
    import geopandas as gpd

EAST: Final = 431_500.0
NORTH: Final = 471_500.0
TABLE: Final = "GB_Hex_5km_GS_SolubleRocks_v8"
SIDE_M: Final = 5_000.0
ACROSS_M: Final = SIDE_M * math.sqrt(3)


def a_hexagon(east: float = 0, north: float = 0, side_m: float = SIDE_M) -> shapely.Polygon:
    """A hexagon that stands on a corner, its middle so far from the area's centre, metres."""
    turns = np.radians(np.arange(30, 390, 60))
    ring = np.column_stack([np.cos(turns), np.sin(turns)]) * side_m
    return shapely.Polygon(ring + (EAST + east, NORTH + north))  # noqa: RUF005 - adds, not appends


MIDDLE: Final = a_hexagon()
WEST: Final = a_hexagon(-ACROSS_M)


def a_table(
    shapes: list[shapely.Geometry] | None = None,
    **columns: Any,  # noqa: ANN401 - any column
) -> gpd.GeoDataFrame:
    given = columns or {"CLASS": [3, 1], "Legend": ["Significant", "Low"]}
    return a_layer([MIDDLE, WEST] if shapes is None else shapes, **given)


def as_gpkg(table: gpd.GeoDataFrame, name: str = TABLE) -> bytes:
    return zipped({"GeoSure.gpkg": geopackage(**{name: table})})
