"""GeoParquet: columns, types and metadata kept, extents added, faults told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from sinkwatch import geo
from sinkwatch.bulk.formats import geoparquet
from sinkwatch.model import Band
from tests.bulk.files import (
    ADDED,
    ELSEWHERE,
    MART,
    Assess,
    a_layer,
    random_positions,
    refused,
    retold,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinkwatch.model import Area


def test_geoparquet_keeps_rows_types_and_metadata(
    run: Assess, given_parquet: Path, made_parquet: Path
) -> None:
    layer = a_layer(
        [MART, None, ELSEWHERE],
        count=np.array([3, 1, 2], dtype="int8"),
        when=pd.DatetimeIndex(["2026-01-05", "NaT", "2026-01-06"]),
        name=["b", None, "a"],
        tags=[["x"], [], None],
    ).rename_geometry("where")
    layer.to_parquet(given_parquet, write_covering_bbox=True)
    report = run(given_parquet, made_parquet)
    before, after = (parquet.read_table(path) for path in (given_parquet, made_parquet))
    assert after.select(before.column_names).equals(before)
    assert after.column_names == [*before.column_names, *ADDED]
    assert after.schema.metadata == before.schema.metadata
    back = gpd.read_parquet(made_parquet)
    assert back.crs == geo.BNG
    assert back.geometry.name == "where"
    assert back["band"].tolist() == ["high", "not_assessed", "not_assessed"]
    assert back["n_features"].dtype == np.int64
    assert (report.n_rows, report.n_unplaced) == (3, 1)


def test_geoparquet_gets_the_answers_of_csv(
    run: Assess, given: Path, given_parquet: Path, ripon: Area
) -> None:
    made, made_parquet = given.with_name("made.csv"), given.with_name("made.parquet")
    easting, northing = random_positions(1_000, ripon)
    known = np.random.default_rng(5).choice([10.0, 150.0, np.nan], 1_000)
    columns = {"easting": easting, "northing": northing, "position_uncertainty_m": known}
    pd.DataFrame(columns).to_csv(given, index=False)
    layer = a_layer(list(zip(easting, northing, strict=True)), position_uncertainty_m=known)
    layer.to_parquet(given_parquet)
    assert run(given, made) == run(given_parquet, made_parquet)
    from_csv = pd.read_csv(made, keep_default_na=False)[ADDED].astype("str")
    from_parquet = pd.read_parquet(made_parquet)[ADDED]
    assert from_csv["band"].tolist() == from_parquet["band"].tolist()
    assert from_csv["sinkhole_id"].tolist() == from_parquet["sinkhole_id"].fillna("").tolist()


@pytest.mark.parametrize("crs", [geo.WGS84, "OGC:CRS84"])
def test_geoparquet_in_degrees_goes_through_ostn15(
    run: Assess, given_parquet: Path, made_parquet: Path, crs: str
) -> None:
    longitude, latitude = (float(value[0]) for value in geo.to_wgs84(*MART))
    a_layer([(longitude, latitude)], crs).to_parquet(given_parquet)
    assert run(given_parquet, made_parquet).bands[Band.HIGH] == 1


def test_geoparquet_that_names_no_crs_is_longitude_and_latitude(
    run: Assess, given_parquet: Path, made_parquet: Path
) -> None:
    longitude, latitude = (float(value[0]) for value in geo.to_wgs84(*MART))
    a_layer([(longitude, latitude)], geo.WGS84).to_parquet(given_parquet)
    retold(given_parquet, lambda told: told["columns"]["geometry"].pop("crs"))
    assert run(given_parquet, made_parquet).bands[Band.HIGH] == 1


def test_points_get_a_column_of_their_extents(
    run: Assess, given_parquet: Path, made_parquet: Path
) -> None:
    # 0.1 has no end in binary: single precision must be rounded away from the point.
    places = [MART, (431_579.1, 471_829.1), None, ELSEWHERE]
    a_layer(places).to_parquet(given_parquet)
    run(given_parquet, made_parquet)
    told = json.loads(parquet.read_schema(made_parquet).metadata[b"geo"])
    assert told["version"] == "1.1.0"
    assert told["columns"]["geometry"]["covering"]["bbox"]["ymax"] == ["bbox", "ymax"]
    extents = pd.read_parquet(made_parquet)["bbox"]
    assert extents[2] is None
    for place, extent in zip(places, extents, strict=True):
        if place is not None:
            west, south = place
            assert extent["xmin"] <= west <= extent["xmax"] < west + 0.1
            assert extent["ymin"] <= south <= extent["ymax"] < south + 0.1
    back = gpd.read_parquet(made_parquet, bbox=(431_579.05, 471_829.05, 431_580, 471_830))
    assert back.geometry.x.tolist() == [431_579.1]


def test_a_column_that_is_called_like_the_extents_is_kept_as_it_is(
    run: Assess, given_parquet: Path, made_parquet: Path
) -> None:
    a_layer([MART], bbox=["mine"]).to_parquet(given_parquet)
    run(given_parquet, made_parquet)
    assert parquet.read_table(made_parquet)["bbox"].to_pylist() == ["mine"]
    assert "covering" not in gpd.read_parquet(made_parquet).attrs


def test_words_are_written_as_numbers_and_a_piece_is_a_row_group(
    run: Assess,
    given_parquet: Path,
    made_parquet: Path,
    ripon: Area,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(geoparquet, "CHUNK_ROWS", 400)
    a_layer(list(zip(*random_positions(1_000, ripon), strict=True))).to_parquet(given_parquet)
    run(given_parquet, made_parquet)
    file = parquet.ParquetFile(made_parquet)
    assert [file.metadata.row_group(n).num_rows for n in range(3)] == [400, 400, 200]
    assert file.schema_arrow.field("band").type == pa.dictionary(pa.int8(), pa.string())
    assert set(file.read()["band"].to_pylist()) <= {band.key for band in Band}


@pytest.mark.parametrize("encoding", ["height", "big-endian", "wide", "sliced", "empty"])
def test_points_in_every_form_of_wkb_are_read(
    run: Assess, given_parquet: Path, made_parquet: Path, encoding: str
) -> None:
    positions = [MART, (MART[0] + 1, MART[1]), ELSEWHERE]
    a_layer(positions).to_parquet(given_parquet)
    table = parquet.read_table(given_parquet)
    points = shapely.points(positions)
    if encoding == "height":
        points = shapely.force_3d(points, 30.0)
    if encoding == "empty":
        points[0] = shapely.Point()
    kind = pa.large_binary() if encoding == "wide" else pa.binary()
    order = 0 if encoding == "big-endian" else 1
    held = pa.array(shapely.to_wkb(points, byte_order=order, output_dimension=3), kind)
    table = table.set_column(table.column_names.index("geometry"), "geometry", held)
    if encoding == "sliced":
        table = pa.concat_tables([table.slice(1, 1), table.slice(0, 1), table.slice(2)])
    parquet.write_table(table, given_parquet)
    bands = run(given_parquet, made_parquet).bands
    n_placed = 1 if encoding == "empty" else 2
    assert (bands[Band.HIGH], bands[Band.NOT_ASSESSED]) == (n_placed, 3 - n_placed)


def test_geoparquet_passes_in_pieces_as_well(
    run: Assess,
    given_parquet: Path,
    made_parquet: Path,
    ripon: Area,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer = a_layer(list(zip(*random_positions(1_000, ripon), strict=True)), id=range(1_000))
    layer.to_parquet(given_parquet)
    run(given_parquet, made_parquet)
    whole = pd.read_parquet(made_parquet)
    monkeypatch.setattr(geoparquet, "CHUNK_ROWS", 64)
    done: list[int] = []
    run(given_parquet, made_parquet, done.append)
    assert done == [*range(64, 1_000, 64), 1_000]
    pd.testing.assert_frame_equal(pd.read_parquet(made_parquet), whole)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda told: told["columns"]["geometry"].update(crs=None), "its CRS is declared unknown"),
        (lambda told: told["columns"]["geometry"].update(crs="EPSG:3857"), "its CRS is EPSG:3857"),
        (lambda told: told["columns"]["geometry"].update(crs="Mars"), "its CRS cannot be underst"),
        (lambda told: told["columns"]["geometry"].update(encoding="point"), "geometry in point, n"),
        (lambda told: told.update(primary_column="gone"), "its GeoParquet metadata is damaged"),
        (lambda told: told["columns"].update(gone={"encoding": "WKB"}), None),
    ],
)
def test_geoparquet_that_cannot_be_placed_is_refused(
    run: Assess,
    given_parquet: Path,
    made_parquet: Path,
    change: Callable[[dict[str, Any]], object],
    rule: str | None,
) -> None:
    a_layer([MART]).to_parquet(given_parquet)
    retold(given_parquet, change)
    if rule is None:  # a further geometry is no concern of ours
        assert run(given_parquet, made_parquet).n_rows == 1
    else:
        assert rule in refused(run, given_parquet, made_parquet)


def test_web_mercator_is_refused(run: Assess, given_parquet: Path, made_parquet: Path) -> None:
    a_layer([(0, 0)], "EPSG:3857").to_parquet(given_parquet)
    message = refused(run, given_parquet, made_parquet)
    assert "its CRS is EPSG:3857. Convert it to EPSG:27700 or EPSG:4326" in message


def test_parquet_without_geometry_is_refused(
    run: Assess, given_parquet: Path, made_parquet: Path
) -> None:
    pd.DataFrame({"easting": [1.0], "northing": [2.0]}).to_parquet(given_parquet)
    assert "Parquet without GeoParquet metadata" in refused(run, given_parquet, made_parquet)


def test_polygons_in_a_later_piece_are_refused_too(
    run: Assess, given_parquet: Path, made_parquet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(geoparquet, "CHUNK_ROWS", 10)
    layer = a_layer([MART] * 100)
    layer.loc[95, "geometry"] = layer.geometry.iloc[95].buffer(5)
    layer.to_parquet(given_parquet)
    assert "geometry other than points" in refused(run, given_parquet, made_parquet)


def test_geometry_that_is_no_wkb_is_refused(
    run: Assess, given_parquet: Path, made_parquet: Path
) -> None:
    a_layer([MART]).to_parquet(given_parquet)
    table = parquet.read_table(given_parquet)
    broken = table.set_column(0, "geometry", pa.array([b"\x01\x01"]))
    parquet.write_table(broken.replace_schema_metadata(table.schema.metadata), given_parquet)
    assert "it cannot be read to its end" in refused(run, given_parquet, made_parquet)


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_truncated_parquet_is_refused_wherever_it_ends(
    run: Assess, given_parquet: Path, made_parquet: Path, share: float
) -> None:
    a_layer([MART] * 500).to_parquet(given_parquet)
    content = given_parquet.read_bytes()
    given_parquet.write_bytes(content[: int(share * len(content))])
    assert "it cannot be read to its end" in refused(run, given_parquet, made_parquet)


def test_damage_in_the_middle_of_parquet_is_refused(
    run: Assess, given_parquet: Path, made_parquet: Path, ripon: Area
) -> None:
    positions = list(zip(*random_positions(5_000, ripon), strict=True))
    a_layer(positions).to_parquet(given_parquet, compression="zstd")
    content = bytearray(given_parquet.read_bytes())
    content[20:2_000] = bytes(1_980)
    given_parquet.write_bytes(content)
    assert "it cannot be read to its end" in refused(run, given_parquet, made_parquet)


@given(
    st.lists(
        st.floats(allow_nan=True, allow_infinity=True, width=64)
        | st.floats(min_value=-1e-40, max_value=1e-40),
        min_size=1,
        max_size=50,
    )
)
def test_single_precision_is_rounded_outwards_as_nextafter_does(numbers: list[float]) -> None:
    axis = np.array([*numbers, 0.0, -0.0, 0.1, -0.1, 1e300, -1e300, 431_579.1])
    least, greatest = geoparquet._singles_round(axis)  # noqa: SLF001 - a law of its own
    with np.errstate(over="ignore"):
        nearest = axis.astype(np.float32)
        below = np.where(nearest > axis, np.nextafter(nearest, np.float32(-np.inf)), nearest)
        above = np.where(nearest < axis, np.nextafter(nearest, np.float32(np.inf)), nearest)
    np.testing.assert_array_equal(least, below)
    np.testing.assert_array_equal(greatest, above)
