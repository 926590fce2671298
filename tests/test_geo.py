from __future__ import annotations

import doctest
import math

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from sinkwatch import geo
from sinkwatch.errors import CoverageError, PlaceError, SchemaError
from sinkwatch.model import Bounds

# Points of the test file of Ordnance Survey's OSTN15 developer pack: name, latitude, longitude
# (ETRS89, degrees), easting, northing (OSGB36, metres).
OS_TEST_POINTS = [
    ("TP01", 49.92226393730, -6.29977752014, 91_492.146, 11_318.804),
    ("TP02", 49.96006137820, -5.20304609998, 170_370.718, 11_572.405),
    ("TP04", 50.57563665000, -1.29782277240, 449_816.371, 75_335.861),
    ("TP07", 51.37447025550, 1.44454730409, 639_821.835, 169_565.858),
    ("TP09", 51.48936564950, -0.11992557180, 530_624.974, 178_388.464),
    ("TP12", 52.25529381630, -2.15458614387, 389_544.190, 261_912.153),
    ("TP16", 53.34480280190, -2.64049320810, 357_455.843, 383_290.436),
    ("TP20", 53.80021519630, -1.66379168242, 422_242.186, 433_818.701),
    ("TP22", 54.11685144290, -0.07773133187, 525_745.670, 470_703.214),
    ("TP25", 54.97912273660, -1.61657685184, 424_639.355, 565_012.703),
    ("TP27", 55.92478265510, -3.29479219337, 319_188.434, 670_947.534),
    ("TP30", 57.48625000720, -4.21926398555, 267_056.768, 846_176.972),
    ("TP31", 57.81351838410, -8.57854456076, 9_587.909, 899_448.996),
    ("TP38", 59.53470794490, -1.62516966058, 421_300.525, 1_072_147.239),
    ("TP40", 60.13308091660, -2.07382822798, 395_999.668, 1_138_728.951),
]

# Ripon's old auction mart as a register publishes it in both systems, converted by a plain datum
# shift: latitude, longitude, easting, northing.
RIPON = (54.141335, -1.518104, 431_579, 471_829)

RIPON_BOUNDS = Bounds(
    min_easting=424_800, min_northing=464_900, max_easting=438_100, max_northing=477_300
)


def test_the_examples_in_the_docstrings_hold() -> None:
    outcomes = [doctest.testmod(module) for module in (geo.systems, geo.frames, geo.references)]
    assert sum(outcome.failed for outcome in outcomes) == 0
    assert sum(outcome.attempted for outcome in outcomes) > 0


# ── What a file declares ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("crs", "code"),
    [("EPSG:27700", geo.BNG), (geo.bng_projjson(), geo.BNG), ("OGC:CRS84", geo.WGS84)],
)
def test_the_two_systems_that_are_understood_are_known_however_they_are_written(
    crs: object, code: str
) -> None:
    assert geo.known_code("homes.gpkg", crs) == code


@pytest.mark.parametrize(
    ("crs", "message"),
    [
        ("EPSG:3857", "homes.gpkg: its CRS is EPSG:3857. Convert it to EPSG:27700 or EPSG:4326"),
        ("Mars", "homes.gpkg: its CRS cannot be understood"),
    ],
)
def test_any_other_system_is_refused_by_name(crs: str, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        geo.known_code("homes.gpkg", crs)


# ── There and back ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("latitude", "longitude", "easting", "northing"),
    [point[1:] for point in OS_TEST_POINTS],
    ids=[point[0] for point in OS_TEST_POINTS],
)
def test_the_published_test_points_come_out_to_the_millimetre(
    latitude: float, longitude: float, easting: float, northing: float
) -> None:
    assert geo.to_bng(longitude, latitude) == (
        pytest.approx(easting, abs=0.0011),
        pytest.approx(northing, abs=0.0011),
    )
    assert geo.to_wgs84(easting, northing) == (
        pytest.approx(longitude, abs=1e-7),
        pytest.approx(latitude, abs=1e-7),
    )


def test_a_published_point_of_ripon_is_as_far_off_as_a_plain_datum_shift_leaves_it() -> None:
    latitude, longitude, easting, northing = RIPON
    found_easting, found_northing = geo.to_bng(longitude, latitude)
    off_m = math.hypot(found_easting[0] - easting, found_northing[0] - northing)
    assert 1 < off_m < 2


@settings(max_examples=200)
@given(st.floats(80_000, 600_000), st.floats(20_000, 1_210_000))
def test_there_and_back_is_within_a_centimetre_all_over_great_britain(
    easting: float, northing: float
) -> None:
    back_easting, back_northing = geo.to_bng(*geo.to_wgs84(easting, northing))
    assert math.hypot(back_easting[0] - easting, back_northing[0] - northing) < 0.01


@pytest.mark.parametrize(
    ("longitude", "latitude"),
    [(54.14, -1.52), (-1.52, 200), (10, 50), (math.nan, 54), (-1.5, math.inf)],
    ids=["swapped", "no latitude", "Germany", "nan", "inf"],
)
def test_where_ostn15_has_no_value_there_is_none(longitude: float, latitude: float) -> None:
    easting, northing = geo.to_bng([-1.52, longitude], [54.14, latitude])
    assert np.isfinite(easting).tolist() == [True, False]
    assert np.isfinite(northing).tolist() == [True, False]


def test_nothing_converts_to_nothing() -> None:
    assert [axis.tolist() for axis in geo.to_bng([], [])] == [[], []]
    assert [axis.tolist() for axis in geo.to_wgs84([], [])] == [[], []]


# ── Frames ───────────────────────────────────────────────────────────────────────────────────────


def a_frame(*shapes: shapely.Geometry | None, crs: str | None) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"n": range(len(shapes))}, geometry=list(shapes), crs=crs)


def test_a_frame_in_degrees_is_moved_through_ostn15() -> None:
    latitude, longitude, easting, northing = OS_TEST_POINTS[7][1:]
    square = shapely.box(longitude, latitude, longitude + 0.01, latitude + 0.01)
    frame = a_frame(shapely.Point(longitude, latitude, 12.0), square, None, crs=geo.WGS84)
    moved = geo.frame_to_bng(frame, name="places")
    assert moved.crs == geo.BNG
    assert moved["n"].tolist() == [0, 1, 2]
    assert shapely.distance(moved.geometry.iloc[0], shapely.Point(easting, northing)) < 0.01
    assert not moved.geometry.iloc[0].has_z
    assert moved.geometry.iloc[1].geom_type == "Polygon"
    assert moved.geometry.iloc[2] is None
    assert frame.crs == geo.WGS84


def test_a_frame_with_longitude_declared_first_is_the_same_system() -> None:
    latitude, longitude, easting, _ = OS_TEST_POINTS[7][1:]
    frame = a_frame(shapely.Point(longitude, latitude), crs="OGC:CRS84")
    assert geo.frame_to_bng(frame, name="places").geometry.x.iloc[0] == pytest.approx(
        easting, abs=0.01
    )


def test_a_frame_on_the_national_grid_stays_and_is_a_copy() -> None:
    frame = a_frame(shapely.Point(431_579, 471_829), crs=geo.BNG)
    copy = geo.frame_to_bng(frame, name="places")
    assert copy is not frame
    assert copy.geometry.iloc[0].equals(frame.geometry.iloc[0])


def test_a_frame_without_a_crs_is_an_error_and_never_a_guess() -> None:
    with pytest.raises(SchemaError, match="places: no CRS is declared"):
        geo.frame_to_bng(a_frame(shapely.Point(0, 0), crs=None), name="places")


def test_a_frame_in_another_system_is_refused_by_name() -> None:
    with pytest.raises(SchemaError, match="its CRS is EPSG:3857"):
        geo.frame_to_bng(a_frame(shapely.Point(0, 0), crs="EPSG:3857"), name="places")


def test_a_frame_beyond_great_britain_is_refused() -> None:
    with pytest.raises(CoverageError, match="coordinates outside Great Britain"):
        geo.frame_to_bng(a_frame(shapely.Point(10, 50), crs=geo.WGS84), name="places")


def test_a_frame_goes_out_in_degrees_and_comes_back_the_same() -> None:
    square = shapely.box(431_000, 471_000, 432_000, 472_000)
    frame = a_frame(square, None, crs=geo.BNG)
    out = geo.frame_to_wgs84(frame)
    assert out.crs == geo.WGS84
    back = geo.frame_to_bng(out, name="zones")
    assert shapely.hausdorff_distance(back.geometry.iloc[0], square) < 0.01
    assert back.geometry.iloc[1] is None


def test_points_are_made_where_both_coordinates_are_known() -> None:
    frame = geo.bng_frame({"n": [1, 2, 3]}, [1.0, np.nan, 3.0], [4.0, 5.0, np.inf])
    assert frame.crs == geo.BNG
    assert frame.geometry.isna().tolist() == [False, True, True]
    assert (frame.geometry.iloc[0].x, frame.geometry.iloc[0].y) == (1, 4)


# ── Shapes in any declared CRS ───────────────────────────────────────────────────────────────────

# A field at Ripon, on the National Grid.
FIELD = shapely.Polygon([(431_000, 471_000), (431_200, 471_000), (431_150, 471_120)])

ESRI_BNG = (
    'PROJCS["British_National_Grid",GEOGCS["GCS_OSGB_1936",DATUM["D_OSGB_1936",'
    'SPHEROID["Airy_1830",6377563.396,299.3249646]],PRIMEM["Greenwich",0.0],'
    'UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],'
    'PARAMETER["False_Easting",400000.0],PARAMETER["False_Northing",-100000.0],'
    'PARAMETER["Central_Meridian",-2.0],PARAMETER["Scale_Factor",0.9996012717],'
    'PARAMETER["Latitude_Of_Origin",49.0],UNIT["Meter",1.0]]'
)
HELMERT_BNG = (
    'PROJCS["OSGB 1936 / British National Grid",GEOGCS["OSGB 1936",DATUM["OSGB_1936",'
    'SPHEROID["Airy 1830",6377563.396,299.3249646],'
    "TOWGS84[446.448,-125.157,542.06,0.15,0.247,0.842,-20.489]],"
    'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],'
    'PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",49],'
    'PARAMETER["central_meridian",-2],PARAMETER["scale_factor",0.9996012717],'
    'PARAMETER["false_easting",400000],PARAMETER["false_northing",-100000],UNIT["metre",1]]'
)


def moved_to(crs: str, shape: shapely.Geometry, *, by_way_of: str) -> np.ndarray:
    """Put a shape of the National Grid into a CRS: OSTN15 to degrees, then without a shift."""
    last = pyproj.Transformer.from_crs(by_way_of, crs, always_xy=True)

    def there(at: np.ndarray) -> np.ndarray:
        axes = (at[:, 0], at[:, 1]) if by_way_of == geo.BNG else geo.to_wgs84(at[:, 0], at[:, 1])
        return np.column_stack(last.transform(*axes))

    return np.array([shapely.transform(shape, there)], dtype=object)


@pytest.mark.parametrize("crs", [geo.BNG, "EPSG:7405", ESRI_BNG, HELMERT_BNG])
def test_shapes_on_the_national_grid_stay_where_they_are(crs: str) -> None:
    solid = np.array([shapely.force_3d(FIELD, 30.0)], dtype=object)
    (shape,), accuracy_m = geo.shapes_to_bng(solid, crs, name="x")
    assert (shape, accuracy_m) == (FIELD, 0)


@pytest.mark.parametrize(
    ("crs", "by_way_of"),
    [
        ("EPSG:4326", "EPSG:4326"),
        ("OGC:CRS84", "EPSG:4326"),
        ("EPSG:4979", "EPSG:4326"),
        ("EPSG:3857", "EPSG:4326"),
        ("EPSG:32630", "EPSG:4326"),
        ("EPSG:4258", "EPSG:4258"),
        ("EPSG:25830", "EPSG:4258"),
        ("EPSG:3035", "EPSG:4258"),
        ("EPSG:4277", geo.BNG),
    ],
)
def test_shapes_on_a_datum_that_is_known_exactly_agree_with_ostn15(
    crs: str, by_way_of: str
) -> None:
    (shape,), accuracy_m = geo.shapes_to_bng(
        moved_to(crs, FIELD, by_way_of=by_way_of), crs, name="x"
    )
    assert shapely.hausdorff_distance(shape, FIELD) < 0.02
    assert accuracy_m == 0


def test_shapes_on_another_datum_are_as_good_as_its_transformation_states() -> None:
    there = moved_to("EPSG:23030", FIELD, by_way_of="EPSG:4326")
    (shape,), accuracy_m = geo.shapes_to_bng(there, "EPSG:23030", name="x")
    assert accuracy_m == 1
    assert 0 < shapely.hausdorff_distance(shape, FIELD) < 2


@pytest.mark.parametrize(
    ("crs", "reason"),
    [
        (None, "no CRS is declared"),
        ("EPSG:999999", "the CRS that it declares is not known"),
        ("EPSG:2062", "its CRS is EPSG:2062, which cannot be placed with a known accuracy"),
        ("EPSG:4978", "its CRS is EPSG:4978, which cannot be placed"),
        ("EPSG:5701", "its CRS is EPSG:5701, which cannot be placed"),
        (
            "+proj=tmerc +lat_0=49 +lon_0=-2 +k=0.9996 +x_0=400000 +y_0=-100000 +ellps=airy",
            "its CRS is unknown, which cannot be placed",
        ),
    ],
)
def test_shapes_whose_crs_says_not_where_they_are_are_refused(crs: str | None, reason: str) -> None:
    with pytest.raises(SchemaError, match=reason):
        geo.shapes_to_bng(np.array([FIELD], dtype=object), crs, name="x")


@pytest.mark.parametrize(
    ("crs", "by_way_of"), [("EPSG:4326", "EPSG:4326"), ("EPSG:25830", "EPSG:4258")]
)
def test_exchanged_coordinates_are_called_so_if_that_would_help(crs: str, by_way_of: str) -> None:
    there = shapely.transform(moved_to(crs, FIELD, by_way_of=by_way_of), lambda at: at[:, ::-1])
    with pytest.raises(CoverageError, match="its two coordinates look exchanged"):
        geo.shapes_to_bng(there, crs, name="x")


@pytest.mark.parametrize(
    ("crs", "shape", "reason"),
    [
        ("EPSG:4326", shapely.Point(10, 50), "where the National Grid is not defined. Check"),
        ("EPSG:4326", FIELD, "look like metres, not degrees"),
        (geo.BNG, shapely.Point(-1.5, 54.1), "lies outside Great Britain"),
        (geo.BNG, shapely.Point(6_000_000, 50), "lies outside Great Britain"),
        ("EPSG:29902", shapely.Point(900_000, 470_000), "in EPSG:29902 as declared it lies"),
    ],
    ids=["Germany", "metres", "degrees", "far", "Ripon on the Irish grid"],
)
def test_shapes_outside_great_britain_are_refused(
    crs: str, shape: shapely.Geometry, reason: str
) -> None:
    with pytest.raises(CoverageError, match=reason):
        geo.shapes_to_bng(np.array([shape], dtype=object), crs, name="x")


def test_a_better_transformation_is_not_used_where_it_was_not_made_for() -> None:
    # RGF93 to ETRS89 holds in France and the English Channel, to 0.1 m.
    jersey_way = geo.to_wgs84(500_000, 90_000)
    point = np.array([shapely.Point(*(axis[0] for axis in jersey_way))], dtype=object)
    assert geo.shapes_to_bng(point, "EPSG:4171", name="x")[1] == pytest.approx(0.1)
    ripon = np.array([shapely.Point(-1.52, 54.14)], dtype=object)
    with pytest.raises(CoverageError, match="outside Great Britain"):
        geo.shapes_to_bng(ripon, "EPSG:4171", name="x")


# ── Exchanged axes ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("easting", "northing", "swapped"),
    [
        (471_829, 431_579, True),
        (431_579, 471_829, False),
        (100_000, 100_000, False),
        (math.nan, 431_579, False),
    ],
)
def test_exchanged_axes_are_known_by_the_areas_own_bounds(
    easting: float,
    northing: float,
    swapped: bool,  # noqa: FBT001 - the expected value
) -> None:
    assert geo.swapped_into(RIPON_BOUNDS, easting, northing) is swapped


# ── Grid references ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SE 3 7", (435_000, 475_000, 7_100)),
        ("SE37", (435_000, 475_000, 7_100)),
        ("SE 31 72", (431_500, 472_500, 710)),
        ("SE 318 726", (431_850, 472_650, 71)),
        ("se318726", (431_850, 472_650, 71)),
        (" SE 3187 7262 ", (431_875, 472_625, 10)),
        ("SE 31879 72621", (431_879.5, 472_621.5, 10)),
        ("SE3187972621", (431_879.5, 472_621.5, 10)),
        ("SV 0 0", (5_000, 5_000, 7_100)),
        ("HP 6 1", (465_000, 1_215_000, 7_100)),
        ("TG 5 1", (655_000, 315_000, 7_100)),
    ],
)
def test_a_grid_reference_is_the_middle_of_the_square_it_names(
    text: str, expected: tuple[float, float, float]
) -> None:
    assert geo.parse_grid_reference(text) == expected


@pytest.mark.parametrize(
    "text",
    ["HG4 1HS", "auction-mart", "", "SE", "SE 3", "SI 318 726", "SE 318 726 1", "431600,471745"],
)
def test_what_has_not_the_form_of_a_grid_reference_is_none(text: str) -> None:
    assert geo.parse_grid_reference(text) is None


@pytest.mark.parametrize("text", ["\u212aE 318 726", "SE \u0663\u0661 72", "\xdf 318 726"])
def test_letters_and_digits_of_other_alphabets_are_not_read_as_ours(text: str) -> None:
    assert geo.parse_grid_reference(text) is None


@pytest.mark.parametrize("text", ["SE 318 72", "SE 31872", "SE 318796 726211", "SE 1 234567"])
def test_figures_that_are_not_paired_are_refused(text: str) -> None:
    with pytest.raises(PlaceError, match="as many figures east as north, five each at most"):
        geo.parse_grid_reference(text)


@pytest.mark.parametrize("text", ["AA 318 726", "ZZ 11", "XA 5 5", "HA 1 1"])
def test_letters_that_name_no_square_of_the_grid_are_refused(text: str) -> None:
    with pytest.raises(PlaceError, match="name no 100 km square of Great Britain"):
        geo.parse_grid_reference(text)


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        (2, "SE 3 7"),
        (4, "SE 31 71"),
        (6, "SE 315 718"),
        (8, "SE 3157 7182"),
        (10, "SE 31579 71829"),
    ],
)
def test_a_position_is_written_with_the_figures_asked_for(figures: int, expected: str) -> None:
    assert geo.format_grid_reference(431_579.4, 471_829.9, figures=figures) == expected


@given(
    st.floats(0, 700_000, exclude_max=True),
    st.floats(0, 1_300_000, exclude_max=True),
    st.sampled_from([2, 4, 6, 8, 10]),
)
def test_a_written_reference_is_read_as_the_square_that_holds_the_position(
    easting: float, northing: float, figures: int
) -> None:
    read = geo.parse_grid_reference(geo.format_grid_reference(easting, northing, figures=figures))
    assert read is not None
    half_m = 10 ** (5 - figures // 2) / 2
    assert abs(read[0] - easting) <= half_m
    assert abs(read[1] - northing) <= half_m
    assert read[2] >= math.floor(half_m * math.sqrt(2))


@pytest.mark.parametrize(
    ("easting", "northing"),
    [(-1, 5), (700_000, 5), (5, -1), (5, 1_300_000), (math.nan, 5), (5, math.inf)],
)
def test_a_position_off_the_grid_has_no_reference(easting: float, northing: float) -> None:
    assert not geo.on_grid(easting, northing)
    with pytest.raises(CoverageError, match="lies outside the National Grid"):
        geo.format_grid_reference(easting, northing)


# ── Directions ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("east_m", "north_m", "expected"),
    [
        (0, 10, "north"),
        (10, 10, "north-east"),
        (10, 0, "east"),
        (10, -10, "south-east"),
        (0, -10, "south"),
        (-10, -10, "south-west"),
        (-10, 0, "west"),
        (-10, 10, "north-west"),
        (4, 10, "north"),  # 21.8 degrees: the nearest of eight points
        (5, 10, "north-east"),  # 26.6 degrees
    ],
)
def test_a_direction_is_the_nearest_of_eight(east_m: float, north_m: float, expected: str) -> None:
    assert geo.compass_point(431_579, 471_829, 431_579 + east_m, 471_829 + north_m) == expected


def test_a_polygon_outside_great_britain_is_refused_like_a_point() -> None:
    ring = shapely.Polygon([(10.0, 50.0), (11.0, 50.0), (11.0, 51.0)])
    frame = gpd.GeoDataFrame({"a": ["b"]}, geometry=[ring], crs=geo.WGS84)
    with pytest.raises(CoverageError, match="outside Great Britain"):
        geo.frame_to_bng(frame, name="zones")


def test_degrees_on_the_datum_of_the_grid_are_those_of_its_definition() -> None:
    """Ordnance Survey's worked example: Caister Water Tower, to a hundredth of a second."""
    longitude, latitude = geo.osgb36_degrees(651_409.903, 313_177.270)
    assert latitude[0] == pytest.approx(52 + 39 / 60 + 27.2531 / 3600, abs=0.01 / 3600)
    assert longitude[0] == pytest.approx(1 + 43 / 60 + 4.5177 / 3600, abs=0.01 / 3600)


def test_the_grid_is_described_for_gis_software() -> None:
    assert geo.bng_wkt().startswith('PROJCS["British_National_Grid"')
    assert geo.code_of(f"EPSG:{geo.BNG_EPSG}") == geo.BNG


# ── A rectangle in degrees ───────────────────────────────────────────────────────────────────


def test_the_box_in_degrees_of_a_town_is_that_of_its_corners() -> None:
    west, south, east, north = RIPON_BOUNDS.as_tuple()
    longitude, latitude = geo.to_wgs84([west, west, east, east], [south, north, south, north])
    corners = (longitude.min(), latitude.min(), longitude.max(), latitude.max())
    assert geo.degrees_round(RIPON_BOUNDS) == pytest.approx(corners, abs=1e-9)


def test_the_box_in_degrees_of_the_whole_grid_has_four_numbers_and_holds_it() -> None:
    grid = Bounds(min_easting=0, min_northing=0, max_easting=700_000, max_northing=1_300_000)
    west, south, east, north = geo.degrees_round(grid)
    assert (west < -9.0, south < 49.8, east > 3.6, north > 61.5) == (True,) * 4
    for _, latitude, longitude, *_ in OS_TEST_POINTS:
        assert west < longitude < east
        assert south < latitude < north


def test_the_sides_are_followed_and_not_the_corners_alone() -> None:
    across = Bounds(
        min_easting=200_000, min_northing=300_000, max_easting=600_000, max_northing=500_000
    )
    _, south, _, _ = geo.degrees_round(across)
    (_,), (at_meridian,) = geo.to_wgs84(400_000, 300_000)
    (_,), (at_corner,) = geo.to_wgs84(200_000, 300_000)
    assert south == pytest.approx(min(at_meridian, at_corner), abs=1e-6)
