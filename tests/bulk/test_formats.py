"""Every kind of file into every other: the same rows, in their order, with the same answers."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import pytest
import shapely
from pyarrow import parquet

from sinkwatch import geo
from sinkwatch.bulk.formats import vector
from sinkwatch.errors import ConfigError, SchemaError, SourceError
from sinkwatch.model import Band
from tests.bulk.files import (
    ADDED,
    ELSEWHERE,
    MART,
    Assess,
    a_file,
    a_layer,
    answers,
    nothing_left,
    read_back,
    refused,
)

if TYPE_CHECKING:
    from pathlib import Path

SOURCES = [".csv", ".parquet", ".gpkg", ".fgb", ".zip"]
TARGETS = [".csv", ".parquet", ".gpkg", ".fgb", ""]
LAYERS = [".gpkg", ".fgb"]

PLACES = [MART, None, ELSEWHERE, (MART[0] + 40, MART[1] - 3_000.5)]
IN_DEGREES = [
    None if at is None else tuple(float(axis[0]) for axis in geo.to_wgs84(*at)) for at in PLACES
]
BANDS = ["high", "not_assessed", "not_assessed"]

PAIRS = [
    (source, target, crs)
    for source, target, crs in product(SOURCES, TARGETS, [geo.BNG, geo.WGS84])
    if source != ".zip" or crs == geo.BNG
]


@pytest.fixture(scope="module")
def expected(run: Assess, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[object, ...]]:
    """Answer the places as a CSV in metres, which has its own tests."""
    folder = tmp_path_factory.mktemp("expected")
    run(a_file(folder / "given.csv", PLACES), folder / "made.csv")
    return answers(folder / "made.csv")


@pytest.mark.parametrize(("source", "target", "crs"), PAIRS)
def test_rows_order_values_and_answers_are_the_same_whatever_the_kinds(  # noqa: PLR0913, PLR0917 - each is a kind or a fixture
    run: Assess,
    tmp_path: Path,
    expected: list[tuple[object, ...]],
    source: str,
    target: str,
    crs: str,
) -> None:
    is_grid = crs == geo.BNG
    places = PLACES if is_grid else IN_DEGREES
    columns = {"id": [7, 3, 9, 1], "name": ["b", None, "a, ü", "007"], "size": [1.5, 2, None, 4]}
    given = a_file(tmp_path / f"given{source}", places, crs, **columns)
    made = tmp_path / f"made{target}"
    report = run(given, made)
    assert (report.n_rows, report.n_written, report.n_unplaced) == (4, 4, 1)
    found = answers(made)
    assert [row[:3] for row in found[:3]] == [row[:3] for row in expected[:3]]
    assert [row[0] for row in found[:3]] == BANDS
    if is_grid:
        assert found == expected
    back = read_back(made)
    if source == ".zip":
        assert back["UPRN"].astype(int).tolist() == [100, 101, 102, 103]
    else:
        assert back["id"].astype(int).tolist() == columns["id"]
        names = back["name"].astype(object)
        # In a CSV, where every cell is text, an empty one and none are the same.
        assert names.where(names.notna() & (names != ""), None).tolist() == columns["name"]
        sizes = pd.to_numeric(back["size"]).tolist()
        np.testing.assert_array_equal(sizes, [1.5, 2, np.nan, 4])
    if target != ".csv":
        assert geo.code_of(back.crs) == crs
        assert [at is None or at.is_empty for at in back.geometry] == [False, True, False, False]
        placed = [at for at in places if at is not None]
        assert list(zip(back.geometry.dropna().x, back.geometry.dropna().y, strict=True)) == placed


@pytest.mark.parametrize("source", SOURCES)
def test_geoparquet_from_any_kind_is_valid(run: Assess, tmp_path: Path, source: str) -> None:
    crs = geo.BNG if source == ".zip" else geo.WGS84
    given = a_file(tmp_path / f"given{source}", PLACES if source == ".zip" else IN_DEGREES, crs)
    made = tmp_path / "made.parquet"
    run(given, made)
    schema = parquet.read_schema(made)
    told = json.loads(schema.metadata[b"geo"])
    (name,) = told["columns"]
    column = told["columns"][name]
    assert told["primary_column"] == name
    assert told["version"].startswith("1.1")
    assert column["encoding"] == "WKB"
    sides = column["covering"]["bbox"]
    assert sides == {side: ["bbox", side] for side in ("xmin", "ymin", "xmax", "ymax")}
    if source == ".zip":
        assert column["crs"]["id"] == {"authority": "EPSG", "code": 27700}
    assert column["geometry_types"] in ([], ["Point"])


@pytest.mark.parametrize(("source", "target"), [*product(SOURCES, TARGETS)])
def test_only_the_columns_that_are_named_are_written(
    run: Assess, tmp_path: Path, source: str, target: str
) -> None:
    given = a_file(
        tmp_path / f"given{source}",
        PLACES,
        id=[7, 3, 9, 1],
        position_uncertainty_m=[300.0, 1, 1, 1],
        name=list("abcd"),
    )
    made, whole = tmp_path / f"made{target}", tmp_path / f"whole{target}"
    wanted = "UPRN" if source == ".zip" else "id"
    run(given, made, columns=(wanted,))
    run(given, whole)
    assert answers(made) == answers(whole)  # by the uncertainty too, though it is not written
    back = read_back(made)
    own = [name for name in back.columns if name not in {*ADDED, "bbox", "geom", "wkb_geometry"}]
    expected = {
        ".csv": [wanted] if source in {".csv", ".zip"} else [wanted, "easting", "northing"]
    }.get(target, [wanted, "geometry"])
    assert sorted({*own, *(["geometry"] if target != ".csv" else [])}) == sorted(expected)
    if target != ".csv":
        assert back.crs == geo.BNG
        assert back.geometry.notna().tolist() == [True, False, True, True]


@pytest.mark.parametrize("source", SOURCES)
def test_a_column_that_is_not_there_is_refused(run: Assess, tmp_path: Path, source: str) -> None:
    given = a_file(tmp_path / f"given{source}", PLACES, id=[7, 3, 9, 1])
    message = refused(run, given, tmp_path / "made.csv", columns=("UPRN", "id", "gone"))
    assert "it has no column" in message
    assert "gone, but " in message
    assert "Name columns that it has; nothing was written" in message


@pytest.mark.parametrize("target", TARGETS)
def test_only_flagged_rows_are_written_and_all_are_counted(
    run: Assess, tmp_path: Path, target: str
) -> None:
    given, made = (
        a_file(tmp_path / "given.csv", PLACES, id=list("abcd")),
        tmp_path / f"made{target}",
    )
    report = run(given, made, only_flagged=True)
    assert (report.n_rows, report.n_written) == (4, 1)
    assert report.bands[Band.NOT_ASSESSED] == 2
    assert read_back(made)["id"].tolist() == ["a"]
    assert read_back(made)["band"].tolist() == ["high"]


@pytest.mark.parametrize("target", TARGETS)
def test_where_no_row_is_flagged_the_file_is_whole_and_empty(
    run: Assess, tmp_path: Path, target: str
) -> None:
    given, made = a_file(tmp_path / "given.csv", [ELSEWHERE], id=["a"]), tmp_path / f"made{target}"
    report = run(given, made, only_flagged=True)
    assert (report.n_rows, report.n_written) == (1, 0)
    back = read_back(made)
    assert len(back) == 0
    assert {"id", *ADDED} <= set(back.columns)
    if target != ".csv":
        assert back.crs == geo.BNG


# ── What a layer can hold ────────────────────────────────────────────────────────────────────


def with_column(path: Path, values: pa.Array, name: str = "value") -> Path:
    """Write GeoParquet with a column of a type that pandas has not."""
    a_layer([MART] * len(values)).to_parquet(path)
    table = parquet.read_table(path)
    parquet.write_table(table.append_column(name, values), path)
    return path


NOON = datetime(2026, 7, 5, 12, tzinfo=UTC)
WHOLE: dict[str, tuple[pa.Array, object]] = {
    "small": (pa.array([200, None], pa.uint8()), 200),
    "large": (pa.array([2**32 - 1, None], pa.uint32()), 2**32 - 1),
    "huge": (pa.array([2**53 + 1, 0], pa.uint64()), 2**53 + 1),
    "half": (pa.array([np.float16(1.5), None], pa.float16()), 1.5),
    "text": (pa.array(["ü", None], pa.large_string()), "ü"),
    "view": (pa.array(["ü", None], pa.string_view()), "ü"),
    "words": (pa.array(["a", None]).dictionary_encode(), "a"),
    "bytes": (pa.array([b"\xff", None], pa.large_binary()), b"\xff"),
    "json": (pa.array(["{}", None], pa.json_()), "{}"),
    "price": (pa.array([Decimal("12.50"), None]), 12.5),
    "digits": (pa.array([Decimal("12345678901234567890.10"), None]), "12345678901234567890.10"),
    "nothing": (pa.nulls(2), None),
    "true": (pa.array([True, None]), True),
    "hour": (pa.array([time(1, 2, 3, 4), None]), "01:02:03.000004"),
    "day": (pa.array([date(2026, 1, 5), None]), pd.Timestamp(2026, 1, 5)),
    "when": (
        pa.array([datetime(2026, 1, 5, 1, 2, 3, 4000), None], pa.timestamp("ns")),  # noqa: DTZ001
        pd.Timestamp("2026-01-05 01:02:03.004"),
    ),
}


@pytest.mark.parametrize(("target", "name"), [*product(LAYERS, WHOLE)])
def test_a_layer_holds_every_value_whole(
    run: Assess, tmp_path: Path, target: str, name: str
) -> None:
    values, expected = WHOLE[name]
    made = tmp_path / f"made{target}"
    run(with_column(tmp_path / "given.parquet", values), made)
    found, none = read_back(made)["value"].astype(object).tolist()
    if isinstance(expected, pd.Timestamp):
        found = pd.Timestamp(found).tz_localize(None)
    assert found == expected or (found is None and expected is None)
    assert pd.isna(none) == (values.null_count > 0)


def test_a_time_zone_stays_a_moment(run: Assess, tmp_path: Path) -> None:
    values = pa.array([NOON], pa.timestamp("us", "Europe/London"))
    given = with_column(tmp_path / "given.parquet", values)
    for target in LAYERS:
        run(given, tmp_path / f"made{target}")
        held = pyogrio.read_arrow(tmp_path / f"made{target}")[1]["value"]
        assert pd.Timestamp(held[0].as_py()).tz_convert("UTC") == NOON


@pytest.mark.parametrize(
    ("target", "values", "rule"),
    [
        (".csv", pa.array([[1]]), "CSV cannot hold its column value (list<"),
        (".csv", pa.array([b"\xff"]), "CSV cannot hold its column value (binary)"),
        (".gpkg", pa.array([{"a": 1}]), "GeoPackage cannot hold its column value (struct<"),
        (".fgb", pa.array([timedelta(1)]), "FlatGeobuf cannot hold its column value (duration"),
        (".gpkg", pa.array([2**63], pa.uint64()), "its column value cannot be held as int64"),
        (".fgb", pa.array([1_001], pa.timestamp("us")), "cannot be held as timestamp[ms]"),
    ],
)
def test_what_a_kind_cannot_hold_is_refused_and_not_rounded(
    run: Assess, tmp_path: Path, target: str, values: pa.Array, rule: str
) -> None:
    given = with_column(tmp_path / "given.parquet", values)
    message = refused(run, given, tmp_path / f"made{target}")
    assert rule in message
    assert "Leave it out with --columns, or write GeoParquet; nothing was written" in message
    run(given, tmp_path / f"made{target}", columns=())


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "name", ["fid", "FID", "ogc_fid", "geometry", "geom", "bbox", "x" * 300, 'a "b" c']
)
def test_a_column_may_be_called_anything(
    run: Assess, tmp_path: Path, target: str, name: str
) -> None:
    given = tmp_path / "given.csv"
    values = {name: list("abcd"), "easting": [MART[0]] * 4, "northing": [MART[1]] * 4}
    pd.DataFrame(values).to_csv(given, index=False)
    made = tmp_path / f"made{target}"
    run(given, made)
    # Not by geopandas, to which every layer's points are `geometry`.
    back = pyogrio.read_arrow(made)[1] if target in LAYERS else read_back(made)
    assert list(back[name].to_numpy()) == list("abcd")


@pytest.mark.parametrize(
    ("target", "titles", "is_held"),
    [
        (".csv", "note,note", True),
        (".parquet", "note,note", False),
        ("", "note,note", False),
        (".gpkg", "note,note", False),
        (".gpkg", "note,Note", False),
        (".gpkg", "Band,note", False),
        (".fgb", "note,note", False),
        (".fgb", "note,Note", True),
        (".parquet", "Band,Note", True),
    ],
)
def test_columns_that_a_kind_cannot_tell_apart_are_refused(
    run: Assess, tmp_path: Path, target: str, titles: str, *, is_held: bool
) -> None:
    given, made = tmp_path / "given.csv", tmp_path / f"made{target}"
    given.write_text(f"{titles},easting,northing\na,b,{MART[0]},{MART[1]}\n")
    if is_held:
        run(given, made)
        if target == ".csv":
            assert made.read_text().splitlines()[1].startswith('"a","b",')
    else:
        assert "several of its columns are called" in refused(run, given, made)


# ── Layers ───────────────────────────────────────────────────────────────────────────────────


def test_of_several_layers_one_must_be_named(run: Assess, tmp_path: Path) -> None:
    given, made = tmp_path / "given.gpkg", tmp_path / "made.csv"
    pyogrio.write_dataframe(a_layer([MART]), given, layer="metres")
    pyogrio.write_dataframe(a_layer([IN_DEGREES[0]], geo.WGS84), given, layer="degrees")
    pyogrio.write_dataframe(pd.DataFrame({"a": [1]}), given, layer="plain")
    message = refused(run, given, made)
    assert "it has 2 layers with geometry: metres, degrees. Name one with --layer" in message
    for layer in ("metres", "degrees"):
        assert run(given, made, layer=layer).bands[Band.HIGH] == 1
    message = refused(run, given, made, layer="plain")
    assert "it has no layer plain with geometry, but metres, degrees" in message


@pytest.mark.parametrize("source", [".csv", ".parquet", ".zip"])
def test_a_layer_of_what_has_none_is_refused(run: Assess, tmp_path: Path, source: str) -> None:
    given = a_file(tmp_path / f"given{source}", PLACES)
    message = refused(run, given, tmp_path / "made.csv", ConfigError, layer="x")
    assert message.startswith("--layer x: cannot be chosen, since ")


@pytest.mark.parametrize("source", LAYERS)
@pytest.mark.parametrize(
    ("layer", "rule"),
    [
        (a_layer([MART], None), "its CRS is not declared"),
        (a_layer([MART], "EPSG:3857"), "its CRS is EPSG:3857"),
        (
            a_layer([MART]).buffer(1).boundary.to_frame("geometry"),
            "it holds geometry other than points",
        ),
        (a_layer([MART]).buffer(1).to_frame("geometry"), "it holds boundaries, which CSV cannot"),
    ],
)
@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_a_layer_that_cannot_be_placed_is_refused(
    run: Assess, tmp_path: Path, source: str, layer: gpd.GeoDataFrame, rule: str
) -> None:
    given = tmp_path / f"given{source}"
    pyogrio.write_dataframe(layer, given)
    assert rule in refused(run, given, tmp_path / "made.csv")


@pytest.mark.parametrize("source", LAYERS)
def test_a_layer_passes_in_pieces_as_well(
    run: Assess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    places = [(MART[0] + metres, MART[1]) for metres in range(300)]
    places[100] = None
    given = a_file(tmp_path / f"given{source}", places, id=range(300))
    made = tmp_path / f"made{source}"
    run(given, made)
    whole = read_back(made)
    monkeypatch.setattr(vector, "BATCH_ROWS", 64)
    done: list[int] = []
    run(given, made, done.append)
    assert done == [64, 128, 192, 256, 300]
    assert read_back(made).equals(whole)


@pytest.mark.parametrize("target", TARGETS)
def test_the_same_input_gives_the_same_bytes(run: Assess, tmp_path: Path, target: str) -> None:
    given = a_file(tmp_path / "given.gpkg", PLACES, id=[7, 3, 9, 1])
    made = tmp_path / f"made{target}"
    seen = []
    for _ in range(2):
        run(given, made)
        files = sorted(made.iterdir()) if made.is_dir() else [made]
        beside = [] if made.is_dir() else [made.with_name(f"{made.name}.manifest.json")]
        seen.append([path.read_bytes() for path in (*files, *beside)])
    assert seen[0] == seen[1]


# ── Damaged ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("source", SOURCES)
def test_a_file_without_rows_is_refused(run: Assess, tmp_path: Path, source: str) -> None:
    given = a_file(tmp_path / f"given{source}", [], id=[])
    for target in TARGETS:
        assert "it holds no rows" in refused(run, given, tmp_path / f"made{target}")


@pytest.mark.parametrize(("source", "share"), [*product(SOURCES[1:], [0, 0.01, 0.3, 0.6, 0.999])])
def test_a_file_that_is_cut_off_is_refused_wherever_it_ends(
    run: Assess, tmp_path: Path, source: str, share: float
) -> None:
    places = [(MART[0] + metres, MART[1]) for metres in range(2_000)]
    given = a_file(tmp_path / f"given{source}", places)
    given.write_bytes(given.read_bytes()[: int(share * given.stat().st_size)])
    with pytest.raises(
        (SchemaError, SourceError), match=r"cannot be read|no layer|archive|is empty"
    ) as error:
        run(given, tmp_path / "made.csv")
    assert "\n" not in str(error.value)
    assert nothing_left(tmp_path, given)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", [".parquet", ".fgb"])
def test_what_is_cut_off_late_leaves_what_was_there_before(
    run: Assess, tmp_path: Path, source: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector, "BATCH_ROWS", 100)
    given = a_file(tmp_path / f"given{source}", [MART] * 2_000)
    content = bytearray(given.read_bytes())
    if source == ".fgb":
        del content[-500:]
    else:
        content[100:300] = bytes(200)
    given.write_bytes(content)
    made = tmp_path / f"made{target}"
    if target:
        made.write_text("made before")
    with pytest.raises(SchemaError, match="cannot be read to its end"):
        run(given, made)
    assert nothing_left(tmp_path, given, *([made] if target else []))
    if target:
        assert made.read_text() == "made before"


def test_points_with_heights_keep_them(run: Assess, tmp_path: Path) -> None:
    layer = a_layer([MART]).set_geometry([shapely.Point(*MART, 30.0)], crs=geo.BNG)
    given, made = tmp_path / "given.gpkg", tmp_path / "made.parquet"
    pyogrio.write_dataframe(layer, given)
    assert run(given, made).bands[Band.HIGH] == 1
    assert gpd.read_parquet(made).geometry.iloc[0].z == 30.0


def test_flatgeobuf_that_is_short_of_rows_is_told(
    run: Assess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = pyogrio.write_arrow

    def fewer(rows: pa.RecordBatchReader, *words: object, **named: object) -> None:
        write(rows.read_all().slice(1), *words, **named)

    monkeypatch.setattr(pyogrio, "write_arrow", fewer)
    given = a_file(tmp_path / "given.csv", PLACES)
    message = refused(run, given, tmp_path / "made.fgb", ConfigError)
    assert "made.fgb: cannot be written (3 of 4 rows are there)" in message


def test_flatgeobuf_that_ends_within_a_row_is_told(
    run: Assess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = pyogrio.write_arrow

    def less(rows: pa.RecordBatchReader, path: Path, **named: object) -> None:
        write(rows, path, **named)
        os.truncate(path, path.stat().st_size - 10)

    monkeypatch.setattr(pyogrio, "write_arrow", less)
    given = a_file(tmp_path / "given.csv", PLACES)
    message = refused(run, given, tmp_path / "made.fgb", ConfigError)
    assert "made.fgb: cannot be written (" in message


def test_a_fault_of_our_own_while_gdal_writes_is_not_called_one_of_the_disk(
    run: Assess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(pyogrio, "write_arrow", broken)
    given = a_file(tmp_path / "given.csv", PLACES)
    with pytest.raises(ZeroDivisionError):
        run(given, tmp_path / "made.gpkg")
    assert nothing_left(tmp_path, given)


def test_extents_that_a_file_has_are_kept_and_told_where_columns_are_left_out(
    run: Assess, tmp_path: Path
) -> None:
    given, made = tmp_path / "given.parquet", tmp_path / "made.parquet"
    a_layer([MART], a=[1], b=[2]).to_parquet(given, write_covering_bbox=True)
    run(given, made, columns=("a", "bbox"))
    assert parquet.read_schema(made).names == ["a", "bbox", "geometry", *ADDED]
    back = gpd.read_parquet(made, bbox=(MART[0] - 1, MART[1] - 1, MART[0] + 1, MART[1] + 1))
    assert len(back) == 1
    run(given, made, columns=("a",))
    assert parquet.read_schema(made).names == ["a", "geometry", "bbox", *ADDED]
    assert len(gpd.read_parquet(made)) == 1


@pytest.mark.parametrize("crs", [geo.BNG, geo.WGS84])
def test_columns_that_hold_the_positions_already_are_not_written_twice(
    run: Assess, tmp_path: Path, crs: str
) -> None:
    places = PLACES if crs == geo.BNG else IN_DEGREES
    given, between, made = (tmp_path / name for name in ("given.csv", "b.parquet", "made.csv"))
    a_file(given, places, crs, id=[7, 3, 9, 1])
    run(given, between)
    wanted = tuple(given.read_text().splitlines()[0].split(","))
    run(between, made, columns=wanted)
    again = tmp_path / "again.csv"
    run(given, again)
    assert made.read_bytes() == again.read_bytes()


def test_columns_that_pass_for_the_positions_and_are_not_are_refused(
    run: Assess, tmp_path: Path
) -> None:
    given = tmp_path / "given.parquet"
    a_layer([MART], Easting=[MART[0] - 2], northing=["471829"]).to_parquet(given)
    message = refused(run, given, tmp_path / "made.csv")
    assert "its columns easting and northing are not where its points are" in message
    a_layer([MART], Northing=["471829"]).to_parquet(given)
    assert "it already has a column northing" in refused(run, given, tmp_path / "made.csv")


def test_geometry_that_is_left_out_is_not_told_of(run: Assess, tmp_path: Path) -> None:
    given, made = tmp_path / "given.parquet", tmp_path / "made.parquet"
    layer = a_layer([MART], a=[1])
    layer["other"] = layer.geometry.buffer(5)
    layer.to_parquet(given)
    for columns, geometries in ((("a",), {"geometry"}), (("other",), {"geometry", "other"})):
        run(given, made, columns=columns)
        metadata = parquet.read_schema(made).metadata
        assert set(json.loads(metadata[b"geo"])["columns"]) == geometries
        assert b"pandas" not in metadata
        assert gpd.read_parquet(made).geometry.name == "geometry"
    run(given, made)
    assert b"pandas" in parquet.read_schema(made).metadata
