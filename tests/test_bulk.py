"""Any number of positions: every row kept as it was, with the answer that one row alone gets."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import shapely
from pyarrow import parquet

from sinkwatch import assess, bulk, geo
from sinkwatch.bulk import formats
from sinkwatch.bulk.formats import comma_separated, geoparquet
from sinkwatch.errors import ConfigError, SchemaError
from sinkwatch.model import Band
from tests.reference import Answer, Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sinkwatch.bulk.rows import Laid
    from sinkwatch.model import Area, Findings

ADDED = [
    "band",
    "geology_class",
    "scored_as",
    "sinkhole_id",
    "sinkhole_distance_m",
    "sinkhole_uncertainty_m",
    "n_features",
    "check_record",
]
MART = (431_579.0, 471_829.0)  # the old auction mart
ELSEWHERE = (530_000.0, 180_000.0)  # London
DEFAULT_M = 25.0

Assess: TypeAlias = "Callable[..., bulk.BulkReport]"


@pytest.fixture(scope="module")
def hazard(ripon: Area, ripon_findings: Findings) -> assess.Hazard:
    return assess.prepare(ripon_findings.zones, ripon_findings.sinkholes, ripon.parameters)


@pytest.fixture
def run(hazard: assess.Hazard, ripon: Area) -> Assess:
    def make(
        source: Path,
        target: Path,
        progress: Callable[[int], object] = lambda _: None,
        **asked: Any,  # noqa: ANN401 - what `Request` takes
    ) -> bulk.BulkReport:
        given = {"uncertainty_m": DEFAULT_M, "overwrite": True, **asked}
        return bulk.assess_file(
            bulk.Basis(hazard=hazard, bounds=ripon.bounds),
            bulk.Request(source=source, target=target, **given),
            progress=lambda done, _: progress(done),
        )

    return make


@pytest.fixture
def given(tmp_path: Path) -> Path:
    return tmp_path / "given.csv"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return tmp_path / "made.csv"


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def random_positions(n: int, ripon: Area, seed: int = 7) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    west, south, east, north = ripon.bounds.as_tuple()
    return rng.uniform(west - 500, east + 500, n), rng.uniform(south - 500, north + 500, n)


def a_layer(
    positions: Sequence[tuple[float, float] | None], crs: str | None = geo.BNG, **columns: object
) -> gpd.GeoDataFrame:
    points = np.array([p if p is None else shapely.Point(p) for p in positions], dtype=object)
    return gpd.GeoDataFrame(dict(columns), geometry=gpd.GeoSeries(points, crs=crs), crs=crs)


def nothing_left(folder: Path, *files: Path) -> bool:
    """Tell whether a folder holds these files and nothing half done."""
    beside = {path.with_name(f"{path.name}.manifest.json") for path in files}
    return set(folder.iterdir()) - beside == set(files)


# ── The answers ──────────────────────────────────────────────────────────────────────────────


def as_cells(answer: Answer) -> dict[str, str]:
    return {
        "band": answer.band.key,
        "geology_class": answer.geology.name.replace("OUTSIDE", "outside"),
        "scored_as": answer.scored_as.name.replace("OUTSIDE", "outside"),
        "sinkhole_id": answer.sinkhole_id or "",
        "n_features": str(answer.n_features),
        "check_record": str(answer.check_record).lower(),
    }


def test_10_000_random_rows_have_the_answers_that_the_rules_give_each_alone(
    run: Assess, given: Path, made: Path, ripon: Area, ripon_findings: Findings
) -> None:
    everywhere = zip(*(axis.tolist() for axis in random_positions(5_000, ripon)), strict=True)
    in_town = np.random.default_rng(2).uniform(-1_500, 1_500, (5_000, 2)) + MART
    positions = [*everywhere, *in_town.tolist()]
    known_to = np.random.default_rng(3).choice(["", "10", "100", "0", "350.5"], 10_000)
    lines = [f"{e!r},{n!r},{u}" for (e, n), u in zip(positions, known_to, strict=True)]
    given.write_text("\n".join(["easting,northing,position_uncertainty_m", *lines]))
    report = run(given, made)
    reference = Reference(ripon_findings.zones, ripon_findings.sinkholes, ripon.parameters)
    rows = read(made)
    for (easting, northing), known, row in zip(positions, known_to, rows, strict=True):
        answer = reference.answer(easting, northing, float(known or 0) or DEFAULT_M)
        assert as_cells(answer).items() <= row.items()
        for name, value in (
            ("sinkhole_distance_m", answer.distance_m),
            ("sinkhole_uncertainty_m", answer.uncertainty_m),
        ):
            assert row[name] == "" if value is None else abs(float(row[name]) - value) <= 0.00501
    assert report == bulk.BulkReport(
        n_rows=10_000, n_written=10_000, n_unplaced=0, bands=_counted(row["band"] for row in rows)
    )
    # No record of Ripon is placed well enough for the highest band.
    assert {band for band, n in report.bands.items() if not n} == {Band.VERY_HIGH}


def _counted(keys: Any) -> dict[Band, int]:  # noqa: ANN401 - any iterable of text
    found = Counter(keys)
    return {band: found[band.key] for band in sorted(Band, reverse=True)}


def test_metres_and_degrees_of_one_place_get_one_answer(
    run: Assess, given: Path, made: Path, ripon: Area
) -> None:
    easting, northing = random_positions(500, ripon)
    longitude, latitude = geo.to_wgs84(easting, northing)
    pd.DataFrame({"easting": easting, "northing": northing}).to_csv(given, index=False)
    run(given, made)
    in_metres = read(made)
    pd.DataFrame({"Latitude": latitude, "Longitude": longitude}).to_csv(given, index=False)
    run(given, made)
    for one, other in zip(in_metres, read(made), strict=True):
        same = [name for name in ADDED if not name.startswith("sinkhole_d")]
        assert [one[name] for name in same] == [other[name] for name in same]


@pytest.mark.parametrize(
    "titles",
    [
        "easting,northing",
        "Easting , NORTHING",
        "X_COORDINATE,Y_COORDINATE",
        "easting,northing,lon,lat",
    ],
)
def test_the_usual_names_of_the_axes_are_known(
    run: Assess, given: Path, made: Path, titles: str
) -> None:
    more = ",9,9" if "lon" in titles else ""
    given.write_text(f"{titles}\n{MART[0]},{MART[1]}{more}\n")
    assert run(given, made).bands[Band.HIGH] == 1


# ── Rows are kept ────────────────────────────────────────────────────────────────────────────


def test_a_csv_row_is_kept_to_the_letter_and_in_its_place(
    run: Assess, given: Path, made: Path
) -> None:
    rows = [
        ["id", "easting", "northing", "note", ""],
        ["007", "431579.50", "0471829", 'said "no", then\nleft', ""],
        ["1e5", " 431579 ", "471829", "", "x"],
        ["2026-01-05", "431579", "471829", "NULL", "NaN"],
        ["007", "431579", "471829", "=1+1", "café \u202e"],
    ]
    with given.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    report = run(given, made)
    with made.open(newline="", encoding="utf-8") as file:
        kept = list(csv.reader(file))
    assert [row[:5] for row in kept] == rows
    assert kept[0][5:] == ADDED
    assert {row[5] for row in kept[1:]} == {"high"}
    assert (report.n_rows, report.n_unplaced) == (4, 0)


def test_a_byte_order_mark_crlf_and_blank_lines_make_no_difference(
    run: Assess, given: Path, made: Path
) -> None:
    given.write_bytes(b"\xef\xbb\xbfeasting,northing\r\n\r\n431579,471829\r\n\r\n431000,471000")
    run(given, made)
    assert [row["easting"] for row in read(made)] == ["431579", "431000"]


@pytest.mark.parametrize("cell", ["", "nan", "inf", "-inf", "about 431579", "431,579"])
def test_a_row_without_a_position_is_kept_counted_and_not_assessed(
    run: Assess, given: Path, made: Path, cell: str
) -> None:
    given.write_text(f'easting,northing,id\n"{cell}",471829,a\n431579,471829,b\n')
    report = run(given, made)
    lost, found = read(made)
    assert (lost["easting"], lost["id"], lost["band"]) == (cell, "a", "not_assessed")
    assert (lost["geology_class"], lost["sinkhole_id"], lost["sinkhole_distance_m"]) == (
        "outside",
        "",
        "",
    )
    assert found["band"] == "high"
    assert (report.n_rows, report.n_unplaced) == (2, 1)
    assert report.bands[Band.NOT_ASSESSED] == 1


def test_a_row_far_outside_is_placed_and_not_assessed(run: Assess, given: Path, made: Path) -> None:
    given.write_text(f"easting,northing\n{ELSEWHERE[0]},{ELSEWHERE[1]}\n")
    report = run(given, made)
    assert (report.n_unplaced, report.bands[Band.NOT_ASSESSED]) == (0, 1)


@pytest.mark.parametrize("cell", ["", "0", "-5", "nan", "inf", "some"])
def test_an_uncertainty_that_says_nothing_is_the_default(
    run: Assess, given: Path, made: Path, cell: str
) -> None:
    given.write_text(f"easting,northing\n{MART[0]},{MART[1]}\n")
    run(given, made)
    (plain,) = read(made)
    given.write_text(f"easting,northing,Position_Uncertainty_m\n{MART[0]},{MART[1]},{cell}\n")
    run(given, made)
    (row,) = read(made)
    assert {name: row[name] for name in ADDED} == {name: plain[name] for name in ADDED}


def test_rows_pass_in_pieces_and_none_is_lost_between_them(
    run: Assess, given: Path, made: Path, ripon: Area, monkeypatch: pytest.MonkeyPatch
) -> None:
    easting, northing = random_positions(2_000, ripon)
    frame = pd.DataFrame(
        {
            "id": range(2_000),
            "note": 'two\nlines, "quoted"',
            "easting": easting,
            "northing": northing,
        }
    )
    frame.to_csv(given, index=False)
    run(given, made)
    whole = made.read_bytes()
    monkeypatch.setattr(comma_separated, "BLOCK_BYTES", 5_000)
    done: list[int] = []
    run(given, made, done.append)
    assert made.read_bytes() == whole
    assert len(done) > 20
    assert done == sorted(set(done))
    assert done[-1] == 2_000


def test_a_file_may_be_written_over_itself(run: Assess, given: Path) -> None:
    given.write_text(f"easting,northing\n{MART[0]},{MART[1]}\n")
    run(given, given)
    assert [row["band"] for row in read(given)] == ["high"]


# ── GeoParquet ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def given_parquet(tmp_path: Path) -> Path:
    return tmp_path / "given.parquet"


@pytest.fixture
def made_parquet(tmp_path: Path) -> Path:
    return tmp_path / "made.parquet"


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


def retold(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the GeoParquet metadata of a file."""
    table = parquet.read_table(path)
    metadata = dict(table.schema.metadata)
    told = json.loads(metadata[b"geo"])
    change(told)
    metadata[b"geo"] = json.dumps(told).encode()
    parquet.write_table(table.replace_schema_metadata(metadata), path)


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


# ── Refused, and nothing left behind ─────────────────────────────────────────────────────────


def refused(run: Assess, source: Path, target: Path, kind: type[Exception] = SchemaError) -> str:
    """Return the message, having seen that the folder holds the source alone."""
    before = target.read_bytes() if target.exists() else None
    with pytest.raises(kind) as error:
        run(source, target)
    assert (target.read_bytes() if target.exists() else None) == before
    kept = [path for path in (source, target) if path.exists()]
    assert nothing_left(source.parent, *kept)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "it has neither easting and northing nor longitude and latitude once, but nothing"),
        (b"easting,northing\n", "it holds no rows"),
        (b"e,n\n1,2\n", "but e, n. Name the two columns so"),
        (b"easting;northing\n1;2\n", "but easting;northing"),
        (b"easting,northing,Easting\n1,2,3\n", "but easting, northing, Easting"),
        (b"easting,northing,band,check_record\n1,2,,\n", "has a column band, check_record, which"),
        (b"easting,northing,id\n431579,471829,1\n431579,471", "Expected 3 columns, got 2"),
        (b'easting,northing,id\n431579,471829,1\n431579,471829,"a', "unexpected end of data"),
        (b'easting,northing,id\n431579,471829,"a\n431579,471829,b\n', "unexpected end of data"),
        (b"easting,northing,id\n431579,471829,\xff\n", "it cannot be read to its end"),
        ("easting,northing\n1,2\n".encode("utf-16"), "it cannot be read to its end"),
    ],
)
def test_a_csv_file_with_a_fault_is_refused(
    run: Assess, given: Path, made: Path, content: bytes, rule: str
) -> None:
    given.write_bytes(content)
    assert rule in refused(run, given, made)


def test_a_quotation_mark_within_a_cell_is_only_a_mark(
    run: Assess, given: Path, made: Path
) -> None:
    given.write_text('easting,northing,note\n431579,471829,a 5" pipe\n')
    run(given, made)
    assert [row["note"] for row in read(made)] == ['a 5" pipe']


def test_what_was_there_before_stays_when_a_later_piece_is_damaged(
    run: Assess, given: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comma_separated, "BLOCK_BYTES", 200)
    made.write_text("made before")
    given.write_text("easting,northing\n" + "431579,471829\n" * 100 + "431579\n")
    done: list[int] = []
    with pytest.raises(SchemaError, match="Expected 2 columns, got 1"):
        run(given, made, done.append)
    assert done
    assert made.read_text() == "made before"
    assert nothing_left(made.parent, given, made)


def test_nothing_is_there_under_the_name_until_all_of_it_is(
    run: Assess, given: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comma_separated, "BLOCK_BYTES", 200)
    given.write_text("easting,northing\n" + "431579,471829\n" * 100)
    seen: list[bool] = []
    run(given, made, lambda _: seen.append(made.exists()))
    assert len(seen) > 2
    assert not any(seen)
    assert nothing_left(made.parent, given, made)


def test_an_interruption_leaves_nothing_behind(run: Assess, given: Path, made: Path) -> None:
    given.write_text(f"easting,northing\n{MART[0]},{MART[1]}\n")

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(given, made, interrupt)
    assert nothing_left(made.parent, given)


@pytest.mark.parametrize("titles", ["northing,easting", "latitude,longitude"])
def test_exchanged_axes_are_refused(run: Assess, given: Path, made: Path, titles: str) -> None:
    first, second = MART if "easting" in titles else (-1.51811846, 54.14134578)
    rows = f"{first},{second}\n" * 3
    given.write_text(f"{titles}\n{rows}")
    message = refused(run, given, made)
    assert "3 of 3 rows would lie in the area with their two axes exchanged" in message
    assert "Exchange the two columns" in message


def test_one_exchanged_row_among_many_is_kept_and_not_assessed(
    run: Assess, given: Path, made: Path
) -> None:
    rows = "431579,471829\n" * 19 + "471829,431579\n"
    given.write_text(f"easting,northing\n{rows}")
    assert run(given, made).bands[Band.NOT_ASSESSED] == 1
    given.write_text(f"easting,northing\n{rows}471829,431579\n")
    assert "2 of 21 rows" in refused(run, given, made)


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


def test_polygons_are_refused(run: Assess, given_parquet: Path, made_parquet: Path) -> None:
    layer = a_layer([MART])
    layer.set_geometry(layer.buffer(5)).to_parquet(given_parquet)
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


# ── Files ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("source", "target", "rule"),
    [
        ("a.xlsx", "b.csv", "a.xlsx: its ending names no kind of file that is read. Use one of"),
        ("a", "b.csv", "a: its ending names no kind of file that is read. Use one of .csv (CSV)"),
        ("a.csv", "b.zip", "b.zip: its ending names no kind of file that is written. Use one of"),
    ],
)
def test_other_endings_are_refused(
    run: Assess, tmp_path: Path, source: str, target: str, rule: str
) -> None:
    (tmp_path / source).write_text("easting,northing\n1,2\n")
    assert refused(run, tmp_path / source, tmp_path / target, ConfigError).startswith(rule)


def test_endings_may_be_in_capitals(run: Assess, tmp_path: Path) -> None:
    source = tmp_path / "GIVEN.CSV"
    source.write_text(f"easting,northing\n{MART[0]},{MART[1]}\n")
    assert run(source, tmp_path / "made.csv").n_rows == 1


def test_a_file_that_is_not_there_is_named(run: Assess, given: Path, made: Path) -> None:
    message = refused(run, given, made, ConfigError)
    assert message.startswith(f"{given}: there is no such file")


def test_a_folder_that_is_not_there_is_named(run: Assess, given: Path, tmp_path: Path) -> None:
    given.write_text(f"easting,northing\n{MART[0]},{MART[1]}\n")
    target = tmp_path / "none" / "made.csv"
    assert f"{target.parent}" in refused(run, given, target, ConfigError)


def test_a_file_in_place_of_a_folder_is_named(run: Assess, given: Path) -> None:
    given.write_text(f"easting,northing\n{MART[0]},{MART[1]}\n")
    assert "cannot be used" in refused(run, given, given / "made.csv", ConfigError)


def test_a_folder_in_place_of_the_output_is_named(run: Assess, given: Path, made: Path) -> None:
    given.write_text(f"easting,northing\n{MART[0]},{MART[1]}\n")
    made.mkdir()
    (made / "mine").touch()
    with pytest.raises(ConfigError, match=r"holds what sinkwatch has not written: mine"):
        run(given, made)
    assert [path.name for path in made.iterdir()] == ["mine"]


def test_a_full_disk_is_told_and_nothing_is_left(
    run: Assess, given: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given.write_text("easting,northing\n" + "431579,471829\n" * 10_000)
    full = dataclasses.replace(formats.TARGETS[".csv"], write=writes_to_a_full_disk)
    monkeypatch.setitem(formats.TARGETS, ".csv", full)
    message = refused(run, given, made, ConfigError)
    assert "No space left on device" in message


def writes_to_a_full_disk(path: Path, laid: Laid, batches: Iterable[pa.RecordBatch]) -> None:
    path.symlink_to("/dev/full")
    comma_separated.write(path, laid, batches)
