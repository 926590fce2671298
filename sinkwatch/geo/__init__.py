"""The only package that names a coordinate reference system or turns one into another."""

from __future__ import annotations

from sinkwatch.geo.frames import bng_frame, frame_to_bng, frame_to_wgs84, name_of, shapes_to_bng
from sinkwatch.geo.references import (
    compass_point,
    format_grid_reference,
    on_grid,
    parse_grid_reference,
    swapped_into,
)
from sinkwatch.geo.systems import (
    BNG,
    BNG_EPSG,
    BOUNDARY_UNCERTAINTY_M,
    POSITION_FLOOR_M,
    WGS84,
    bng_projjson,
    bng_wkt,
    code_of,
    degrees_round,
    known_code,
    osgb36_degrees,
    to_bng,
    to_wgs84,
)

__all__ = [
    "BNG",
    "BNG_EPSG",
    "BOUNDARY_UNCERTAINTY_M",
    "POSITION_FLOOR_M",
    "WGS84",
    "bng_frame",
    "bng_projjson",
    "bng_wkt",
    "code_of",
    "compass_point",
    "degrees_round",
    "format_grid_reference",
    "frame_to_bng",
    "frame_to_wgs84",
    "known_code",
    "name_of",
    "on_grid",
    "osgb36_degrees",
    "parse_grid_reference",
    "shapes_to_bng",
    "swapped_into",
    "to_bng",
    "to_wgs84",
]
