"""Geology from any vector file: which columns, which sides, and what is refused."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import shapely

from sinkwatch import geo, hazard
from sinkwatch.errors import SchemaError
from tests.sources.samples import DATA

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sources.conftest import Load

SIDES = [f"{side}_uncertainty_m" for side in ("west", "east", "north", "south")]
NOT_ALL_FOUR = "does not give all four of west, east, north, south"
SQUARE = shapely.box(430_000, 470_000, 431_000, 471_000)
OFF = (430_000, 470_000)
UNUSABLE = "zones have a shape that cannot be used"
GEOSURE = {
    "zone_id": "Id",
    "source_class": "CLASS",
    "title": "legend",
    "position_uncertainty_m": "accuracy",
}


def a_layer(
    *changes: dict[str, object], crs: str | None = geo.BNG, **columns: object
) -> gpd.GeoDataFrame:
    """Geology under our own names, a square for each change; `columns` go before."""
    rows = [
        {
            "zone_id": f"Z{number}",
            "class": "C",
            "title": "Gypsum belt",
            "position_uncertainty_m": 500,
            "geometry": SQUARE,
            **columns,
            **change,
        }
        for number, change in enumerate(changes or ({},), 1)
    ]
    return gpd.GeoDataFrame(rows, geometry="geometry", crs=crs)


def saved(layer: gpd.GeoDataFrame, path: Path) -> bytes:
    with warnings.catch_warnings():
        # That it has no CRS is what one of the tests is about.
        warnings.filterwarnings("ignore", "'crs' was not provided")
        layer.to_file(path)
    return path.read_bytes()


@pytest.fixture
def read(load: Load, tmp_path: Path) -> Load:
    """Save a layer as a GeoPackage, fetch it and load it."""

    def make(layer: gpd.GeoDataFrame, **options: object) -> gpd.GeoDataFrame:
        content = saved(layer, tmp_path / "made.gpkg")
        return load("geology", "layer.gpkg", content, **options)

    return make


def faults(read: Load, layer: gpd.GeoDataFrame, **options: object) -> tuple[str, ...]:
    with pytest.raises(SchemaError) as refused:
        read(layer, **options)
    return refused.value.faults


# ── What is read ─────────────────────────────────────────────────────────────────────────────


def test_geojson_gives_each_side_its_own_uncertainty(load: Load) -> None:
    frame = load("geology", "zones.geojson", (DATA / "zones.geojson").read_bytes())
    belt = frame[frame["zone_id"] == "C-small"]
    texts = ["source_class", "title", "version"]
    assert belt[texts].to_numpy().tolist() == [["C", "Gypsum belt", "1.0"]]
    assert list(belt["position_uncertainty_m"]) == [500]
    np.testing.assert_array_equal(belt[SIDES].to_numpy(), [[500, 750, np.nan, np.nan]])


def test_a_side_of_which_nothing_is_said_is_as_the_whole(load: Load) -> None:
    frame = load("geology", "zones.geojson", (DATA / "zones.geojson").read_bytes())
    assert frame[frame["zone_id"] == "A-small"][SIDES].to_numpy().tolist() == [[1000] * 4]


def test_geojson_goes_through_ostn15(load: Load) -> None:
    frame = load("geology", "zones.geojson", (DATA / "zones.geojson").read_bytes())
    corner = shapely.Point([float(value[0]) for value in geo.to_bng(-1.56, 54.1)])
    assert frame.geometry.distance(corner).max() < 0.01


def test_a_geopackage_with_other_names_is_read_whatever_their_case(read: Load) -> None:
    layer = gpd.GeoDataFrame(
        {
            "ID": [7, 3],
            "Class": ["E", "B"],
            "LEGEND": ["Significant", "Very low"],
            "Accuracy": [50.5, 50.5],
            "title": ["sheet 52", "sheet 52"],  # ours, but for something else
        },
        geometry=[SQUARE, shapely.transform(SQUARE, lambda at: at + 1000)],
        crs=geo.BNG,
    )
    frame = read(layer, columns=GEOSURE)
    assert frame["zone_id"].tolist() == ["3", "7"]
    assert frame["source_class"].tolist() == ["B", "E"]
    assert frame["title"].tolist() == ["Very low", "Significant"]
    assert frame[SIDES].to_numpy().tolist() == [[50.5] * 4] * 2
    assert shapely.equals_exact(frame.geometry.iloc[1], SQUARE, normalize=True)
    zones = hazard.zones(frame, {"E": "C", "D": "C", "C": "B", "B": "A", "A": "A"})
    assert zones["geology_class"].tolist() == [1, 3]


def test_a_geopackage_may_give_the_sides_as_json(read: Load) -> None:
    sides = {"west": 100, "east": 200.5, "north": None, "south": 400}
    frame = read(a_layer(boundary_uncertainty_m=json.dumps(sides)))
    np.testing.assert_array_equal(frame[SIDES].to_numpy(), [[100, 200.5, np.nan, 400]])


def test_multipolygons_and_heights_are_taken(read: Load) -> None:
    other = shapely.box(432_000, 470_000, 432_009, 470_009)
    shape = shapely.force_3d(shapely.MultiPolygon([SQUARE, other]), 12)
    (geometry,) = read(a_layer(geometry=shape)).geometry
    assert (geometry.geom_type, geometry.has_z, geometry.area) == ("MultiPolygon", False, 1_000_081)


# ── What is refused ──────────────────────────────────────────────────────────────────────────


def test_a_layer_without_a_crs_is_refused(read: Load) -> None:
    (fault,) = faults(read, a_layer(crs=None))
    assert fault == "no CRS is declared, so its coordinates cannot be placed"


def test_web_mercator_is_refused(read: Load) -> None:
    assert faults(read, a_layer(crs="EPSG:3857")) == ("its CRS is EPSG:3857",)


def test_a_bow_tie_is_refused(read: Load) -> None:
    tie = shapely.transform(shapely.Polygon([(0, 0), (9, 9), (9, 0), (0, 9)]), lambda at: at + OFF)
    assert faults(read, a_layer({}, {"geometry": tie})) == (
        f"1 of 2 {UNUSABLE} (Z2: its boundary crosses itself, and mending it changes its area)",
    )


def test_points_are_refused(read: Load) -> None:
    assert faults(read, a_layer(geometry=SQUARE.centroid)) == (
        f"1 of 1 {UNUSABLE} (Z1: it is no polygon)",
    )


def test_a_zone_without_geometry_is_refused(read: Load) -> None:
    assert faults(read, a_layer({}, {"geometry": None})) == (
        f"1 of 2 {UNUSABLE} (Z2: it has no geometry)",
    )


def test_a_table_without_geometry_is_refused(load: Load) -> None:
    with pytest.raises(SchemaError, match=r"it ends in .csv, which is none of .gpkg, .geojson"):
        load("geology", "layer.csv", "zone_id,class,title,position_uncertainty_m\nZ,C,Belt,500\n")


@pytest.mark.parametrize(
    ("shape", "crs"),
    [
        (shapely.box(54.1, -1.6, 54.2, -1.5), geo.WGS84),
        (shapely.box(470_000, 430_000, 471_000, 431_000), geo.BNG),
    ],
)
def test_exchanged_coordinates_are_refused_and_never_put_right(
    read: Load, shape: shapely.Polygon, crs: str
) -> None:
    layer = a_layer(geometry=shape, crs=crs)
    assert faults(read, layer) == ("its two coordinates look exchanged",)


def test_zones_of_one_name_are_refused(read: Load) -> None:
    assert faults(read, a_layer({}, {"zone_id": "Z1"})) == ("zone_id is repeated: Z1",)


def test_a_zone_without_a_class_is_refused_and_never_read_as_none(read: Load) -> None:
    layer = a_layer({}, {"class": None})
    assert faults(read, layer) == ("column source_class is empty in 1 of 2 rows",)


def test_columns_that_are_missing_are_named_as_the_area_file_names_them(read: Load) -> None:
    layer = a_layer().drop(columns=["title"])
    assert faults(read, layer, columns={"source_class": "RISK"}) == (
        "column RISK is missing",
        "column title is missing",
    )


def test_a_name_of_ours_that_is_none_is_refused(read: Load) -> None:
    (fault,) = faults(read, a_layer(), columns={"klass": "class"})
    assert fault.startswith("'columns' names klass, which is none of zone_id, source_class")


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        (
            {"position_uncertainty_m": "about 500"},
            'zone Z1: position_uncertainty_m "about 500" is not a number of metres',
        ),
        (
            {"position_uncertainty_m": 0.0},
            "column position_uncertainty_m holds 0.0, outside 1 to 100000",
        ),
        (
            {"position_uncertainty_m": np.nan},
            "column position_uncertainty_m is empty in 1 of 1 rows",
        ),
        (
            {"boundary_uncertainty_m": '{"west": 50, "east": 50}'},
            f'zone Z1: boundary_uncertainty_m "{{"west": 50, "east": 50}}" {NOT_ALL_FOUR}',
        ),
        (
            {"boundary_uncertainty_m": "500 m"},
            f'zone Z1: boundary_uncertainty_m "500 m" {NOT_ALL_FOUR}',
        ),
        (
            {"boundary_uncertainty_m": '{"west": "far", "east": 1, "north": 1, "south": 1}'},
            'zone Z1: west "far" is not a number of metres',
        ),
    ],
)
def test_an_uncertainty_that_cannot_be_used_is_refused(
    read: Load, columns: dict[str, Any], fault: str
) -> None:
    assert fault in faults(read, a_layer(**columns))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("file", ["zones.geojson", "layer.gpkg"])
def test_a_truncated_layer_is_refused_wherever_it_ends(
    load: Load, tmp_path: Path, file: str, share: float
) -> None:
    whole = DATA / file
    content = whole.read_bytes() if whole.exists() else saved(a_layer(), tmp_path / "made.gpkg")
    with pytest.raises(SchemaError, match=r"cannot be read as a map layer|it is not whole JSON"):
        load("geology", file, content[: int(len(content) * share)])
