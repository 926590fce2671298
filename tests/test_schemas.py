from __future__ import annotations

import math
import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from sinkwatch import geo, schemas
from sinkwatch.errors import SchemaError
from sinkwatch.schemas import Column, FrameSchema
from tests.world import a_sinkhole, applications, ground, inventory, places, postcodes, strips

FORMS = FrameSchema(
    name="things",
    key="thing_id",
    columns={
        "thing_id": Column(kind="text"),
        "note": Column(kind="text", is_optional=True),
        "colour": Column(kind="text", allowed=frozenset({"red", "green"})),
        "depth_m": Column(kind="number", is_optional=True, minimum=0, maximum=100),
        "rank": Column(kind="integer", minimum=1, maximum=9),
        "is_open": Column(kind="boolean"),
        "seen_on": Column(kind="date", is_optional=True),
    },
    geometry=schemas.POLYGON,
)
BOW_TIE = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])


def things(n: int = 2, **changes: object) -> gpd.GeoDataFrame:
    columns: dict[str, object] = {
        "thing_id": pd.Series([f"T{i}" for i in range(n)], dtype="str"),
        "note": pd.Series([None] * n, dtype="str"),
        "colour": pd.Series(["red"] * n, dtype="str"),
        "depth_m": np.full(n, np.nan),
        "rank": np.ones(n, dtype="int64"),
        "is_open": np.zeros(n, dtype=bool),
        "seen_on": pd.Series([pd.NaT] * n, dtype="datetime64[ns]"),
    }
    shapes = changes.pop("geometry", [shapely.box(i, 0, i + 1, 1) for i in range(n)])
    crs = changes.pop("crs", geo.BNG)
    return gpd.GeoDataFrame(columns | changes, geometry=shapes, crs=crs)


def faults_of(frame: pd.DataFrame, schema: FrameSchema = FORMS) -> tuple[str, ...]:
    with pytest.raises(SchemaError) as caught:
        schema.check(frame)
    assert caught.value.value == schema.name
    return caught.value.faults


def test_a_frame_that_keeps_its_promise_comes_back_as_the_same_object() -> None:
    frame = things()
    assert FORMS.check(frame) is frame


def test_further_columns_are_allowed() -> None:
    frame = things(extra=[1, 2])
    assert FORMS.check(frame) is frame


def test_every_fault_is_listed_at_once() -> None:
    frame = things(
        3,
        thing_id=pd.Series(["T1", "T1", None], dtype="str"),
        colour=pd.Series(["blue", "red", "pink"], dtype="str"),
        depth_m=[-1.0, 5.0, 101.0],
        rank=["one", "two", "three"],
        geometry=[BOW_TIE, None, shapely.Point(0, 0)],
        crs=None,
    ).drop(columns="is_open")
    assert faults_of(frame) == (
        "column thing_id is empty in 1 of 3 rows",
        "column colour holds blue, pink, which is none of green, red",
        "column depth_m holds -1.0, 101.0, outside 0 to 100",
        "column rank holds str, not integer",
        "column is_open is missing",
        "thing_id is repeated: T1",
        "no CRS is declared",
        "1 of 3 without geometry: T1",
        "1 of 3 not MultiPolygon or Polygon: nan",
        "1 of 3 with a boundary that crosses itself: T1",
    )


def test_a_frame_in_another_system_says_which_one_and_its_other_faults() -> None:
    assert faults_of(things(1, geometry=[BOW_TIE], crs="EPSG:4326")) == (
        "its CRS is EPSG:4326, not EPSG:27700",
        "1 of 1 with a boundary that crosses itself: T0",
    )


@pytest.mark.parametrize(
    ("column", "values", "found"),
    [
        ("thing_id", [1, 2], "int64, not text"),
        ("thing_id", pd.Series([1, "T"], dtype=object), "object, not text"),
        ("note", [np.nan, np.nan], "float64, not text"),
        ("depth_m", [1, 2], "int64, not number"),
        ("rank", [1.0, 2.0], "float64, not integer"),
        ("is_open", [0, 1], "int64, not boolean"),
        ("seen_on", ["2014-02-17", None], "str, not date"),
    ],
)
def test_a_column_of_another_kind_is_a_fault(column: str, values: object, found: str) -> None:
    assert faults_of(things(**{column: values})) == (f"column {column} holds {found}",)


def test_text_may_come_as_objects_if_all_of_them_are_text() -> None:
    FORMS.check(things(note=pd.Series(["a", None], dtype=object)))


def test_many_broken_rows_are_counted_and_three_are_shown() -> None:
    frame = things(5, geometry=[None] * 5)
    assert faults_of(frame) == ("5 of 5 without geometry: T0, T1, T2 and 2 more",)


def test_a_very_long_value_is_cut_short_in_the_message() -> None:
    (fault,) = faults_of(things(colour=pd.Series(["x" * 500, "red"], dtype="str")))
    assert fault == f"column colour holds {'x' * 80}, which is none of green, red"


def test_an_empty_geometry_is_a_missing_one() -> None:
    assert faults_of(things(1, geometry=[shapely.Polygon()])) == ("1 of 1 without geometry: T0",)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_coordinates_that_are_no_numbers_are_a_fault_of_their_own(bad: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # shapely's, while we build the bad shape
        shape = shapely.Polygon([(0, 0), (1, 0), (1, bad)])
    assert faults_of(things(1, geometry=[shape])) == (
        "1 of 1 with coordinates that are NaN or infinite: T0",
    )


def test_a_plain_table_is_no_map() -> None:
    table = pd.DataFrame(things().drop(columns="geometry"))
    assert faults_of(table) == ("there is no geometry",)
    assert faults_of(gpd.GeoDataFrame(table)) == ("there is no geometry",)


def test_rows_without_a_key_column_are_named_by_their_place_in_the_frame() -> None:
    frame = things(2, geometry=[shapely.box(0, 0, 1, 1), None]).drop(columns="thing_id")
    assert faults_of(frame) == (
        "column thing_id is missing",
        "1 of 2 without geometry: 1",
    )


ALL_SCHEMAS = [
    schemas.GEOLOGY,
    schemas.ZONES,
    schemas.EDGES,
    schemas.SINKHOLES,
    schemas.PLACES,
    schemas.POSTCODES,
    schemas.CASES,
    schemas.APPLICATIONS,
    schemas.ASSESSMENTS,
]


@pytest.mark.parametrize("schema", ALL_SCHEMAS, ids=lambda schema: schema.name)
@pytest.mark.parametrize("dtype", ["str", "float64", object])
def test_an_empty_frame_passes_whatever_its_columns_were_read_as(
    schema: FrameSchema, dtype: object
) -> None:
    empty = pd.DataFrame({name: pd.Series([], dtype=dtype) for name in schema.columns})
    frame = gpd.GeoDataFrame(empty, geometry=[], crs=geo.BNG) if schema.geometry else empty
    assert schema.check(frame) is frame


@pytest.mark.parametrize("schema", ALL_SCHEMAS, ids=lambda schema: schema.name)
def test_the_key_of_every_schema_is_one_of_its_columns(schema: FrameSchema) -> None:
    assert schema.columns[schema.key] == Column(kind="text")


def test_the_builders_of_the_tests_keep_the_contracts() -> None:
    schemas.ZONES.check(strips())
    schemas.GEOLOGY.check(strips())
    schemas.ZONES.check(ground())
    schemas.SINKHOLES.check(inventory(a_sinkhole(0, 0)))
    schemas.SINKHOLES.check(inventory())
    schemas.PLACES.check(places({"place_id": "a", "easting": 0, "northing": 0}))
    schemas.POSTCODES.check(postcodes(("SM1 1AA", 0, 0)))
    schemas.APPLICATIONS.check(applications({"reference": "26/1"}))


def test_an_uncertainty_is_never_nothing() -> None:
    frame = inventory(a_sinkhole(0, 0, position_uncertainty_m=0.0))
    assert faults_of(frame, schemas.SINKHOLES) == (
        "column position_uncertainty_m holds 0.0, outside 1 to 100000",
    )


def test_a_record_without_a_position_is_a_fault_and_an_unmapped_application_is_not() -> None:
    lost = inventory(a_sinkhole(math.nan, 0))
    assert faults_of(lost, schemas.SINKHOLES) == ("1 of 1 without geometry: S1",)
    schemas.APPLICATIONS.check(
        applications({"reference": "26/1", "position_uncertainty_m": np.nan})
    )


def test_points_to_assess_need_a_key_and_a_place_on_the_national_grid() -> None:
    frame = postcodes(("SM1 1AA", 0, 0), ("SM1 1AB", math.nan, 0))
    assert schemas.points("postcode").check(frame) is frame
    assert faults_of(frame, schemas.points("uprn")) == ("column uprn is missing",)
