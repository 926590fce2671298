"""GeoJSON as RFC 7946 wants it."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

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


def test_a_file_says_what_it_is_before_its_features() -> None:
    about = {"caveats": ["</script> é"], "licences": []}
    read = json.loads(geojson.dump([geojson.feature("a", None, {})], about))
    assert list(read) == ["type", "caveats", "licences", "features"]
    assert read["caveats"] == ["</script> é"]


# ── Every file of the site, by the rules of RFC 7946 ─────────────────────────────────────────

DEPTHS = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}
"""Of arrays round the positions, by the type of a geometry (section 3.1)."""

ONLY_ELSEWHERE = {"coordinates", "geometries", "geometry", "properties"}
"""Members that a collection must not have (section 7.1)."""


def faults(collection: dict[str, Any]) -> list[str]:
    """What in a file is not as RFC 7946 has it."""
    found = [] if collection.get("type") == "FeatureCollection" else ["no feature collection"]
    found += [f"member {name}" for name in ({"crs"} | ONLY_ELSEWHERE) & set(collection)]
    ids = [feature.get("id") for feature in collection["features"]]
    found += [] if len(set(ids)) == len(ids) else ["ids are repeated"]
    for feature in collection["features"]:
        found += [f"{feature.get('id')}: {fault}" for fault in _faults_of(feature)]
    return found


def _faults_of(feature: dict[str, Any]) -> list[str]:
    found = []
    if set(feature) != {"type", "id", "geometry", "properties"} or feature["type"] != "Feature":
        found.append("not a feature")
    if not isinstance(feature["id"], str) or not isinstance(feature["properties"], dict):
        found.append("id or properties")
    return found + (_faults_of_shape(feature["geometry"]) if feature["geometry"] else [])


def _faults_of_shape(geometry: dict[str, Any]) -> list[str]:
    if set(geometry) != {"type", "coordinates"} or geometry["type"] not in DEPTHS:
        return ["not a geometry"]
    parts = [geometry["coordinates"]]
    levels = [parts]
    for _ in range(DEPTHS[geometry["type"]]):
        levels.append([inner for outer in levels[-1] for inner in outer])
    found = [f"position {each}" for each in levels[-1] if not _is_position(each)]
    if geometry["type"].endswith("Polygon"):
        found += [fault for polygon in levels[-3] for fault in _faults_of_rings(polygon)]
    return found


def _is_position(position: list[float]) -> bool:
    if len(position) != 2 or not all(isinstance(each, int | float) for each in position):
        return False
    is_round = all(each == round(each, 7) for each in position)
    return is_round and -180 <= position[0] <= 180 and -90 <= position[1] <= 90


def _faults_of_rings(polygon: list[list[list[float]]]) -> list[str]:
    found = []
    for number, ring in enumerate(polygon):
        if len(ring) < 4 or ring[0] != ring[-1]:
            found.append("an open ring")
        if (_ring_area(ring) > 0) != (number == 0):
            found.append("a ring that runs the wrong way")
    return found


def test_every_file_of_the_site_is_valid(pages: dict[str, bytes]) -> None:
    files = {path: json.loads(page) for path, page in pages.items() if path.endswith(".geojson")}
    assert {"data/sinkholes.geojson", "data/zones.geojson", "feeds/all.geojson"} <= set(files)
    assert {path: found for path, file in files.items() if (found := faults(file))} == {}


@pytest.mark.parametrize(
    "geometry",
    [
        {"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [1, 1], [0, 0]]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 1]]]},
        {"type": "Point", "coordinates": [54.123456789, -1.5]},
        {"type": "Point", "coordinates": [54, 181]},
        {"type": "Circle", "coordinates": [54, 1]},
    ],
)
def test_the_checker_finds_what_is_wrong(geometry: dict[str, Any]) -> None:
    feature = {"type": "Feature", "id": "a", "geometry": geometry, "properties": {}}
    right = {"type": "FeatureCollection", "features": []}
    assert faults({**right, "features": [feature]})
    assert faults({**right, "crs": {}})
    twice = {**feature, "geometry": None}
    assert faults({**right, "features": [twice, twice]}) == ["ids are repeated"]
