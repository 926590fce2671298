"""GeoJSON as RFC 7946 wants it."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from sinkwatch import geo
from sinkwatch.publish import geojson

SQUARE = shapely.box(431000, 471000, 432000, 472000)


def _ring_area(ring: list[list[float]]) -> float:
    return sum((b[0] - a[0]) * (b[1] + a[1]) for a, b in pairwise(ring)) / -2


@pytest.mark.parametrize("polygon", [SQUARE, SQUARE.reverse()])
def test_exterior_rings_run_anticlockwise_and_holes_the_other_way(
    polygon: shapely.Polygon,
) -> None:
    hole = shapely.box(431400, 471400, 431600, 471600).exterior.coords
    holed = shapely.Polygon(polygon.exterior.coords, [hole])
    shape = geojson.feature("a", holed, {})["geometry"]
    assert isinstance(shape, dict)
    outer, inner = shape["coordinates"]
    assert _ring_area(outer) > 0
    assert _ring_area(inner) < 0
    assert outer[0] == outer[-1]


def test_positions_are_longitude_then_latitude_with_six_decimals() -> None:
    shape = geojson.feature("a", shapely.Point(431579, 471829), {})["geometry"]
    (longitude,), (latitude,) = geo.to_wgs84(431579, 471829)
    assert shape == {
        "type": "Point",
        "coordinates": [round(float(longitude), 6), round(float(latitude), 6)],
    }
    assert longitude < 0 < latitude


def test_what_is_listed_and_not_drawn_has_a_null_geometry() -> None:
    assert geojson.feature("a", None, {"x": 1})["geometry"] is None
    assert geojson.feature("a", shapely.Point(), {})["geometry"] is None


def test_a_file_has_one_feature_a_line_and_an_empty_one_is_valid_too() -> None:
    features = [geojson.feature("é", SQUARE, {"x": "</script>"}), geojson.feature("b", None, {})]
    dumped = geojson.dump(features)
    assert json.loads(dumped) == {"type": "FeatureCollection", "features": features}
    assert len(dumped.splitlines()) == 4
    assert json.loads(geojson.dump([])) == {"type": "FeatureCollection", "features": []}


def test_a_number_that_json_has_no_word_for_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        geojson.dump([geojson.feature("a", None, {"x": float("nan")})])


@given(
    easting=st.floats(min_value=425_000, max_value=438_000),
    northing=st.floats(min_value=464_000, max_value=489_000),
)
@settings(max_examples=40)
def test_six_decimals_keep_a_position_to_a_tenth_of_a_metre(
    easting: float, northing: float
) -> None:
    shape = geojson.feature("a", shapely.Point(easting, northing), {})["geometry"]
    assert isinstance(shape, dict)
    (east,), (north,) = geo.to_bng(*shape["coordinates"])
    assert shapely.Point(east, north).distance(shapely.Point(easting, northing)) < 0.1
