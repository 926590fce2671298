"""Layers of boundaries through `sinkwatch assess`: answers as each alone, and nothing lost."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pyarrow import parquet

from sinkwatch import assess, bulk, geo, sites
from sinkwatch.errors import ConfigError, SchemaError
from sinkwatch.model import Band, Bounds
from tests.test_assess import hazard_of
from tests.world import C, a_sinkhole

if TYPE_CHECKING:
    from pathlib import Path

BOUNDS = Bounds(min_easting=0, min_northing=0, max_easting=40_000, max_northing=10_000)
BAND_KEYS = [band.key for band in Band]
ENDINGS = (".parquet", ".gpkg", ".fgb")

DEGREES_EAST_M, DEGREES_NORTH_M = 431_000.0, 471_000.0  # at Ripon


@pytest.fixture(scope="module")
def hazard() -> assess.Hazard:
    return hazard_of(a_sinkhole(*C, length_m=0.0), a_sinkhole(C[0] + 400, C[1], sinkhole_id="S2"))


def a_layer() -> gpd.GeoDataFrame:
    """Sites on ground of every kind, one of two pieces, one crossed, one empty and one missing."""
    bow_tie = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    shapes: list[Any] = [
        shapely.box(9_000, 4_900, 10_100, 5_100),
        shapely.box(C[0], C[1] - 10, C[0] + 1_000, C[1] + 10),
        shapely.union(shapely.box(4_000, 0, 4_100, 100), shapely.box(15_000, 0, 15_100, 100)),
        shapely.box(-300, 4_900, 100, 5_000),
        bow_tie,
        shapely.Polygon(),
        None,
    ]
    return gpd.GeoDataFrame(
        {
            "reference": [f"ZC24/{number}" for number in range(len(shapes))],
            "position_uncertainty_m": [math.nan, 49.9, 5, 5, 5, 5, 5],
        },
        geometry=gpd.GeoSeries(shapes, crs=geo.BNG),
        crs=geo.BNG,
    )


def write(layer: gpd.GeoDataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        layer.to_parquet(path)
    else:
        layer.to_file(path, engine="pyogrio", SPATIAL_INDEX="NO", geometry_type="MultiPolygon")
    return path


def read(path: Path) -> gpd.GeoDataFrame:
    return gpd.read_parquet(path) if path.suffix == ".parquet" else gpd.read_file(path)


def run(hazard: assess.Hazard, source: Path, target: Path, **asked: Any) -> bulk.BulkReport:  # noqa: ANN401 - what `Request` takes
    basis = bulk.Basis(hazard=hazard, bounds=BOUNDS)
    return bulk.assess_file(basis, bulk.Request(source=source, target=target, **asked))


def check_against_each_alone(hazard: assess.Hazard, layer: gpd.GeoDataFrame, made: Any) -> None:  # noqa: ANN401 - a frame
    for row in range(4):
        known_m = layer["position_uncertainty_m"].fillna(5.0)[row]
        alone = sites.assess_polygon(hazard, layer.geometry.iloc[row], known_m)
        told = made.iloc[row]
        assert told["band"] == alone.band.key
        assert told["n_features"] == alone.n_features
        if alone.sinkhole == assess.NONE:
            assert pd.isna(told["sinkhole_id"])
        else:
            assert told["sinkhole_id"] == hazard.sinkhole_ids[alone.sinkhole]
            assert told["sinkhole_distance_m"] == pytest.approx(alone.distance_m, abs=0.005)
        shares = {band: told[f"share_{band.key}"] for band in Band}
        expected = {band: alone.shares.get(band, 0.0) for band in Band}
        assert shares == pytest.approx(expected, abs=0.00005)


@pytest.mark.parametrize("source_ending", ENDINGS)
@pytest.mark.parametrize("target_ending", ENDINGS)
def test_every_kind_of_layer_gets_the_answers_of_each_site_alone(
    hazard: assess.Hazard, tmp_path: Path, source_ending: str, target_ending: str
) -> None:
    layer = a_layer()
    source = write(layer, tmp_path / f"in{source_ending}")
    report = run(hazard, source, tmp_path / f"out{target_ending}")
    made = read(tmp_path / f"out{target_ending}")
    check_against_each_alone(hazard, layer, made)
    assert made["reference"].tolist() == layer["reference"].tolist()
    assert made.crs == geo.BNG
    for before, after in zip(layer.geometry.iloc[:5], made.geometry.iloc[:5], strict=True):
        assert shapely.normalize(_single(before)) == shapely.normalize(_single(after))
    # What bounds no ground is kept and counted, and has neither band nor shares.
    assert (report.n_rows, report.n_unplaced) == (len(layer), len(layer) - 4)
    assert set(made["band"].iloc[4:]) == {Band.NOT_ASSESSED.key}
    shares = made[[f"share_{key}" for key in BAND_KEYS]]
    assert shares.iloc[4:].isna().all(axis=None)
    assert shares.iloc[:4].sum(axis=1).to_numpy() == pytest.approx(1, abs=0.0002)


def _single(shape: shapely.Geometry) -> shapely.Geometry:
    parts = shapely.get_parts(shape)
    return parts[0] if len(parts) == 1 else shape


def test_geoparquet_has_the_extents_of_boundaries_and_their_own_columns(
    hazard: assess.Hazard, tmp_path: Path
) -> None:
    source = write(a_layer(), tmp_path / "in.parquet")
    run(hazard, source, tmp_path / "out.parquet", columns=("reference",))
    made = read(tmp_path / "out.parquet")
    assert "position_uncertainty_m" not in made
    extents = parquet.read_table(tmp_path / "out.parquet")["bbox"].to_pylist()
    assert extents[0] == {"xmin": 9_000, "ymin": 4_900, "xmax": 10_100, "ymax": 5_100}
    assert [extent is None for extent in extents] == [False] * 5 + [True, True]
    check_against_each_alone(hazard, a_layer(), made)


def test_a_folder_of_parts_takes_boundaries_too(hazard: assess.Hazard, tmp_path: Path) -> None:
    source = write(a_layer(), tmp_path / "in.parquet")
    run(hazard, source, tmp_path / "parts")
    check_against_each_alone(hazard, a_layer(), gpd.read_parquet(tmp_path / "parts"))


def test_a_folder_of_boundaries_is_not_brought_up_to_date_but_left_as_it_is(
    hazard: assess.Hazard, tmp_path: Path
) -> None:
    source, kept = write(a_layer(), tmp_path / "in.parquet"), tmp_path / "kept"
    basis = bulk.Basis(hazard=hazard, bounds=BOUNDS)
    target = tmp_path / "parts"
    request = bulk.Request(source=source, target=target)
    bulk.assess_file(basis, request, kept=kept)
    before = {path.name: path.read_bytes() for path in target.iterdir()}
    moved = replace(basis, hazard=hazard_of(a_sinkhole(C[0] + 10, C[1], length_m=0.0)))
    with pytest.raises(ConfigError, match="is of boundaries, which are not brought up to date"):
        bulk.assess_file(moved, replace(request, update=True), kept=kept)
    assert {path.name: path.read_bytes() for path in target.iterdir()} == before


def test_a_boundary_that_says_no_uncertainty_has_that_of_boundaries(
    tmp_path: Path,
) -> None:
    # With 10 m, as for points, a record known to 49 m would no longer count within 50 m.
    record = a_sinkhole(*C, length_m=0.0, position_uncertainty_m=49.0)
    layer = a_layer()[["reference", "geometry"]].iloc[1:2]
    source = write(layer, tmp_path / "in.parquet")
    for asked, band in (
        ({}, Band.VERY_HIGH),
        ({"boundary_uncertainty_m": 10.0}, Band.HIGH),
    ):
        run(hazard_of(record), source, tmp_path / "out.parquet", overwrite=True, **asked)
        assert read(tmp_path / "out.parquet")["band"].tolist() == [band.key]
    told = json.loads((tmp_path / "out.parquet.manifest.json").read_text())
    assert told["boundary_uncertainty_m"] == 10


def test_only_flagged_boundaries_are_written_if_so_asked(
    hazard: assess.Hazard, tmp_path: Path
) -> None:
    source = write(a_layer(), tmp_path / "in.parquet")
    report = run(hazard, source, tmp_path / "out.gpkg", only_flagged=True)
    assert read(tmp_path / "out.gpkg")["reference"].tolist() == ["ZC24/1"]
    assert (report.n_rows, report.n_written) == (7, 1)


def test_boundaries_in_degrees_and_with_heights_go_through_ostn15(tmp_path: Path) -> None:
    record = a_sinkhole(DEGREES_EAST_M, DEGREES_NORTH_M, length_m=0.0)
    east_m = DEGREES_EAST_M + 30
    square = shapely.box(east_m, DEGREES_NORTH_M, east_m + 100, DEGREES_NORTH_M + 100)
    abroad = shapely.box(-100.1, 10.0, -100.0, 10.1)
    degrees = gpd.GeoSeries([square], crs=geo.BNG).to_crs(geo.WGS84).iloc[0]
    layer = gpd.GeoDataFrame(geometry=[shapely.force_3d(degrees, 30.0), abroad], crs=geo.WGS84)
    run(hazard_of(record), write(layer, tmp_path / "in.parquet"), tmp_path / "out.parquet")
    made = read(tmp_path / "out.parquet")
    assert made["sinkhole_distance_m"].iloc[0] == pytest.approx(30, abs=3)
    assert made["band"].tolist() == [Band.NOT_ASSESSED.key] * 2
    assert made["share_not_assessed"].iloc[0] == 1
    assert np.isnan(made["share_not_assessed"].iloc[1])


@pytest.mark.parametrize(
    ("target", "rule"),
    [("out.csv", "it holds boundaries, which CSV cannot"), ("out.parquet", "a column share_high")],
)
def test_boundaries_that_cannot_be_written_are_refused(
    hazard: assess.Hazard, tmp_path: Path, target: str, rule: str
) -> None:
    layer = a_layer().rename(columns={"reference": "share_high" if "parq" in target else "name"})
    with pytest.raises(SchemaError, match=rule):
        run(hazard, write(layer, tmp_path / "in.parquet"), tmp_path / target)
    assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]


def test_a_point_among_declared_boundaries_is_refused(
    hazard: assess.Hazard, tmp_path: Path
) -> None:
    with pytest.raises(SchemaError, match="it holds geometry other than polygons"):
        run(hazard, _declared(tmp_path / "in.parquet", ["Polygon"]), tmp_path / "out.parquet")


def test_geometry_of_several_kinds_is_refused(hazard: assess.Hazard, tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"geometry other than points.*declared as polygons"):
        run(hazard, _declared(tmp_path / "in.parquet", []), tmp_path / "out.parquet")


def _declared(path: Path, kinds: list[str]) -> Path:
    """Write a boundary and a point, whatever they are declared as."""
    shapes = [shapely.box(0, 0, 10, 10), shapely.Point(0, 0)]
    gpd.GeoDataFrame(geometry=shapes, crs=geo.BNG).to_parquet(path)
    table = parquet.read_table(path)
    told = json.loads(table.schema.metadata[b"geo"])
    told["columns"]["geometry"]["geometry_types"] = kinds
    metadata = {**table.schema.metadata, b"geo": json.dumps(told).encode()}
    parquet.write_table(table.replace_schema_metadata(metadata), path)
    return path
