"""The inventory: an operator's own records, what they correct, and what may be there twice."""

from __future__ import annotations

import csv
import gzip
import io
import json
import logging
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

import pandas as pd
import pytest
import shapely

from sinkwatch import assess, geo, schemas
from sinkwatch.errors import DataError, SchemaError, SourceError
from sinkwatch.sources import inventory, snapshots, tables
from sinkwatch.sources.inventory.rows import dates_of
from tests.sources.samples import DATA, a_spec, an_errand
from tests.world import an_area, parameters, strips

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd

    from sinkwatch.model import Inputs
    from tests.sources.conftest import Write

CSV: Final = (DATA / "sinkholes.csv").read_bytes()
ROW: Final = {
    "sinkhole_id": "OP1",
    "feature_id": "",
    "name": "Example Terrace hole",
    "kind": "collapse",
    "evidence": "confirmed",
    "evidence_reason": "Seen by the council's engineer.",
    "counts": "true",
    "counts_reason": "A confirmed collapse.",
    "is_drawn": "true",
    "observed": "2020-05-01",
    "date_text": "1 May 2020",
    "easting": "433000",
    "northing": "470000",
    "position_uncertainty_m": "10",
    "length_m": "4",
    "width_m": "",
    "depth_m": "",
    "source_title": "The operator",
    "source_url": "",
}


def a_table(*rows: dict[str, str], without: str = "") -> bytes:
    """A CSV file with a record for each change, S-numbered unless it says otherwise."""
    filled = [{**ROW, "sinkhole_id": f"OP{number}", **row} for number, row in enumerate(rows, 1)]
    names = [
        name for name in dict.fromkeys([*ROW, *(n for row in rows for n in row)]) if name != without
    ]
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(filled)
    return out.getvalue().encode()


def a_feature(geometry: object = None, **properties: object) -> dict[str, object]:
    cells: dict[str, object] = {k: v for k, v in ROW.items() if k not in ("easting", "northing")}
    typed = {"counts": True, "is_drawn": True, "position_uncertainty_m": 10, "length_m": 4.0}
    point = {"type": "Point", "coordinates": [-1.5, 54.13]}
    return {
        "type": "Feature",
        "properties": {**cells, **typed, **properties},
        "geometry": geometry or point,
    }


def a_layer(*features: object, **members: object) -> bytes:
    return json.dumps({"type": "FeatureCollection", **members, "features": list(features)}).encode()


class Reader:
    """Fetches and loads inventories of one small area."""

    def __init__(self, write: Write, folder: Path) -> None:
        self.write, self.folder = write, folder

    def __call__(self, content: bytes, name: str = "") -> gpd.GeoDataFrame:
        ending = "geojson" if content.lstrip()[:1] in (b"{", b"[") else "csv"
        spec = a_spec("sinkholes", self.write(name or f"own.{ending}", content))
        snapshot = inventory.fetch(spec, an_errand(self.folder))
        return inventory.load(snapshot, spec, an_area())

    def bundled(self) -> gpd.GeoDataFrame:
        return self(CSV)


@pytest.fixture
def read(write: Write, folder: Path) -> Reader:
    return Reader(write, folder)


def cells(frame: pd.DataFrame) -> list[list[object]]:
    values: list[list[object]] = frame.to_numpy().tolist()
    return values


# ── Reading ──────────────────────────────────────────────────────────────────────────────────


def test_the_csv_that_ships_is_read_as_it_always_was(write: Write, folder: Path) -> None:
    spec = a_spec("sinkholes", write("sinkholes.csv", CSV))
    snapshot = inventory.fetch(spec, an_errand(folder))
    before = tables.SINKHOLES.load(snapshot, spec, an_area())
    pd.testing.assert_frame_equal(
        inventory.load(snapshot, spec, an_area()), before, check_like=True
    )


def test_geojson_holds_the_same_columns_and_goes_through_ostn15(read: Reader) -> None:
    row = read(a_layer(a_feature(doubts="None", length_m=None))).iloc[0]
    easting, northing = geo.to_bng(-1.5, 54.13)
    assert row["geometry"].distance(shapely.Point(float(easting[0]), float(northing[0]))) < 0.01
    assert (row["sinkhole_id"], row["feature_id"], row["doubts"]) == ("OP1", "OP1", "None")
    assert (bool(row["counts"]), row["position_uncertainty_m"]) == (True, 10.0)
    assert pd.isna(row["length_m"])


def test_geojson_may_declare_the_national_grid(read: Reader) -> None:
    point = {"type": "Point", "coordinates": [433000, 470000]}
    bng = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::27700"}}
    frame = read(a_layer(a_feature(point), crs=bng))
    assert list(frame.geometry) == [shapely.Point(433000, 470000)]


def test_a_record_without_a_feature_is_one_of_its_own(read: Reader) -> None:
    assert read(a_table({}, {"feature_id": "mill-lane"}))["feature_id"].tolist() == [
        "OP1",
        "mill-lane",
    ]
    assert read(a_table({}, without="feature_id"))["feature_id"].tolist() == ["OP1"]


def test_the_second_copy_of_the_same_bytes_is_the_first(write: Write, folder: Path) -> None:
    spec = a_spec("sinkholes", write("own.csv", a_table({})))
    first, second = (inventory.fetch(spec, an_errand(folder)) for _ in range(2))
    assert (first.path, first.sha256) == (second.path, second.sha256)


def test_words_about_people_are_masked(read: Reader) -> None:
    frame = read(a_table({"doubts": "Ask Mr J Bloggs on 01765 123456", "name": "a@b.example"}))
    assert frame[["doubts", "name"]].to_numpy().tolist() == [
        ["Ask [removed] on [removed]", "[removed]"]
    ]


def test_one_record_outside_the_area_is_left_out_and_told(
    read: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    far = {"easting": "500000", "northing": "180000"}
    assert read(a_table({}, far))["sinkhole_id"].tolist() == ["OP1"]
    assert "1 of 2 positions lie outside Smallworld and are left out" in caplog.text


@pytest.mark.parametrize(
    ("observed", "days"),
    [
        ("2014-02-17", (date(2014, 2, 17), date(2014, 2, 17))),
        ("2016-02", (date(2016, 2, 1), date(2016, 2, 29))),
        ("2014-12", (date(2014, 12, 1), date(2014, 12, 31))),
        ("1999", (date(1999, 1, 1), date(1999, 12, 31))),
        ("185X", (date(1850, 1, 1), date(1859, 12, 31))),
        ("1850/1860", (date(1850, 1, 1), date(1860, 12, 31))),
        ("2014~", (date(2014, 1, 1), date(2014, 12, 31))),
        ("1860/1850", None),
        ("2014-02-30", None),
        ("2014-13", None),
        ("0000", None),
        ("9999-12", None),
        ("spring 2014", None),
        (float("nan"), None),
    ],
)
def test_dates_in_edtf_span_the_days_that_they_may_mean(observed: object, days: object) -> None:
    assert dates_of(observed) == days


# ── Corrections and additions ────────────────────────────────────────────────────────────────


def test_new_records_are_added_and_none_that_was_there_goes(read: Reader) -> None:
    whole = inventory.joined(read.bundled(), read(a_table({}, {"sinkhole_id": "A0"})))
    assert whole["sinkhole_id"].tolist() == ["A0", "OP1", "S1", "S2", "S3"]
    assert whole.index.tolist() == list(range(5))
    schemas.SINKHOLES.check(whole)


def test_an_empty_file_takes_nothing_away(read: Reader) -> None:
    bundled = read.bundled()
    whole = inventory.joined(bundled, read(a_table()))
    pd.testing.assert_frame_equal(whole, bundled)


def test_a_record_of_the_same_id_corrects_and_is_told_column_by_column(
    read: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    bundled = read.bundled()
    own = a_table({
        "sinkhole_id": "S1", "feature_id": "mill-lane", "name": "Earlier Mill Lane hole",
        "kind": "collapse", "evidence": "confirmed", "evidence_reason": "Well reported.",
        "counts_reason": "A probable record.", "observed": "1997-04", "date_text": "April 1997",
        "easting": "431610.5", "northing": "471750", "position_uncertainty_m": "40",
        "length_m": "", "depth_m": "20", "source_title": "Parish magazine",
    })  # fmt: skip
    changes = inventory.compared(bundled, read(own)).corrections
    assert cells(changes) == [
        ["S1", "evidence", "probable", "confirmed"],
        ["S1", "position_uncertainty_m", "150", "40"],
        ["S1", "position", "431610.5, 471740", "431610.5, 471750"],
    ]
    with caplog.at_level(logging.WARNING):
        whole = inventory.joined(bundled, read(own)).set_index("sinkhole_id")
    assert (
        "S1 is corrected by the operator: evidence, position_uncertainty_m, position" in caplog.text
    )
    assert whole.loc["S1", ["evidence", "position_uncertainty_m"]].tolist() == ["confirmed", 40.0]
    assert whole.loc["S1", "geometry"] == shapely.Point(431610.5, 471750)


def test_a_column_that_the_operators_file_has_not_is_left_as_it_was(read: Reader) -> None:
    whole = inventory.joined(read.bundled(), read(a_table({"sinkhole_id": "S2"})))
    by_id = whole.set_index("sinkhole_id")
    assert by_id.loc["S2", "doubts"] == "The Gazette says 9 m, the survey 8 m."
    assert by_id.loc["S2", "name"] == "Example Terrace hole"


def test_a_column_of_the_operators_own_is_kept(read: Reader) -> None:
    whole = inventory.joined(
        read.bundled(), read(a_table({"survey": "borehole 7"}, {"sinkhole_id": "S3"}))
    )
    assert whole.set_index("sinkhole_id")["survey"].dropna().to_dict() == {"OP1": "borehole 7"}


def test_the_same_record_again_changes_nothing(read: Reader) -> None:
    bundled = read.bundled()
    found = inventory.compared(bundled, bundled)
    assert (found.added, len(found.corrections), len(found.confirmed)) == ((), 0, 0)
    pd.testing.assert_frame_equal(inventory.joined(bundled, bundled), bundled)


def test_joining_writes_into_neither(read: Reader) -> None:
    first, second = read.bundled(), read(a_table({"sinkhole_id": "S1"}, {"duplicate_of": "S2"}))
    copies = first.copy(), second.copy()
    inventory.joined(first, second)
    pd.testing.assert_frame_equal(first, copies[0])
    pd.testing.assert_frame_equal(second, copies[1])


# ── Duplicates ───────────────────────────────────────────────────────────────────────────────


def pairs(frame: gpd.GeoDataFrame) -> list[tuple[str, str]]:
    found = inventory.duplicates(frame)
    return list(zip(found["sinkhole_id"], found["other_id"], strict=True))


NEAR: Final = {"easting": "433060"}
"""60 m from the first record."""


@pytest.mark.parametrize(
    ("first", "second", "are_proposed"),
    [
        ({"position_uncertainty_m": "30"}, {**NEAR, "position_uncertainty_m": "30"}, True),
        ({"position_uncertainty_m": "29"}, {**NEAR, "position_uncertainty_m": "30"}, False),
        ({"observed": "2020"}, {"observed": "2020-05"}, True),
        ({"observed": "2020-05-01"}, {"observed": "2020-05-02"}, False),
        ({"observed": "185X"}, {"observed": "1856"}, True),
        ({"observed": ""}, {"observed": "2020"}, False),
        ({"observed": ""}, {"observed": ""}, False),
        ({"feature_id": "f", "observed": "1997"}, {"feature_id": "f", "observed": "2014"}, False),
        ({"feature_id": "f", "observed": "1997"}, {"feature_id": "f", "observed": "1997"}, True),
        ({}, {"duplicate_of": "OP1"}, False),
    ],
)
def test_records_of_one_place_and_time_are_proposed_and_no_others(
    read: Reader, first: dict[str, str], second: dict[str, str], *, are_proposed: bool
) -> None:
    assert pairs(read(a_table(first, second))) == [("OP2", "OP1")] * are_proposed


def test_a_proposal_says_why(read: Reader) -> None:
    rough = {"position_uncertainty_m": "100"}
    (row,) = inventory.duplicates(
        read(a_table(rough, {**rough, **NEAR, "observed": "2020-05"}))
    ).to_dict("records")
    assert row == {
        "sinkhole_id": "OP2",
        "other_id": "OP1",
        "apart_m": 60.0,
        "why": "records 60 m apart, known to ± 200 m together, of 1 May 2020 and 1 May 2020",
    }


def test_proposed_records_both_stay_and_are_told_with_the_operators_first(
    read: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    twin = {
        "sinkhole_id": "A1",
        "easting": "431600",
        "northing": "471745",
        "observed": "2014-02-17",
    }
    with caplog.at_level(logging.WARNING):
        whole = inventory.joined(read.bundled(), read(a_table(twin)))
    assert whole["sinkhole_id"].tolist() == ["A1", "S1", "S2", "S3"]
    assert whole.set_index("sinkhole_id").loc["A1", "feature_id"] == "A1"
    assert "A1 may repeat S2" in caplog.text


def test_pairs_of_what_ships_are_not_told_to_every_operator(read: Reader) -> None:
    bundled = read(a_table({}, {}))
    assert (
        len(
            inventory.compared(
                bundled, read(a_table({"sinkhole_id": "X", "easting": "425000"}))
            ).proposals
        )
        == 0
    )


def test_a_record_that_says_which_it_repeats_joins_that_feature_and_counts_once(
    read: Reader,
) -> None:
    twin = {
        "easting": "431600",
        "northing": "471745",
        "duplicate_of": "S2",
        "observed": "2014-02-17",
    }
    found = inventory.compared(read.bundled(), read(a_table(twin)))
    assert cells(found.confirmed) == [["OP1", "S2", "mill-lane"]]
    assert found.proposals.empty
    whole = inventory.joined(read.bundled(), read(a_table(twin)))
    one = whole.set_index("sinkhole_id").loc["OP1"]
    assert (one["feature_id"], one["source_title"]) == ("mill-lane", "The operator")
    zones = strips()
    alone, both = (
        assess.prepare(zones, frame, parameters()).feature.max()
        for frame in (read.bundled(), whole)
    )
    assert alone == both


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([{"duplicate_of": "S9"}], "OP1: duplicate_of S9 is no record that is held"),
        ([{"duplicate_of": "OP1"}], "OP1: duplicate_of OP1 is the record itself"),
        ([{"duplicate_of": "S1"}, {"duplicate_of": "OP1"}], "itself said to repeat another"),
        ([{"duplicate_of": "OP2"}, {"duplicate_of": "OP1"}], "itself said to repeat another"),
    ],
)
def test_a_record_that_repeats_nothing_is_refused(
    read: Reader, rows: list[dict[str, str]], reason: str
) -> None:
    with pytest.raises(SchemaError, match=reason):
        inventory.joined(read.bundled(), read(a_table(*rows)))


def test_of_what_ships_for_ripon_only_the_vague_is_proposed(ripon_inputs: Inputs) -> None:
    # RS003's own notes say that it may be RS002; RS012 is known to 5 km only.
    assert pairs(ripon_inputs.sinkholes) == [
        ("RS003", "RS002"),
        ("RS012", "RS011"),
        ("RS013", "RS012"),
    ]


# ── Hostile files ────────────────────────────────────────────────────────────────────────────


class Hostile(NamedTuple):
    """A file that must not be believed, and words of the reason."""

    name: str
    content: bytes
    reason: str
    file: str = ""


def _cell(name: str, reason: str, /, **cells: str) -> Hostile:
    return Hostile(name, a_table(cells), reason)


def _feature(name: str, reason: str, geometry: object = None, /, **properties: object) -> Hostile:
    return Hostile(name, a_layer(a_feature(geometry, **properties)), reason)


def _point(name: str, reason: str, *coordinates: object) -> Hostile:
    return _feature(name, reason, {"type": "Point", "coordinates": list(coordinates)})


def _spoilt(old: bytes, new: bytes) -> bytes:
    return a_layer(a_feature()).replace(old, new)


MERCATOR: Final = {"type": "name", "properties": {"name": "EPSG:3857"}}
NOWHERE: Final = {"type": "name", "properties": {"name": "somewhere"}}
LINE: Final = {"type": "LineString", "coordinates": [[-1.5, 54.1], [-1.6, 54.1]]}

FILES: Final = (
    # CSV as a whole
    Hostile("empty", b"", "is empty"),
    Hostile("blank lines", b"\n\n \n", "is empty"),
    Hostile("a page", b"<!DOCTYPE html>\n<h1>Sign in</h1>\n", "column sinkhole_id is missing"),
    Hostile("Latin-1", a_table({"name": "Caf\u00e9"}).decode().encode("latin-1"), "as UTF-8 CSV"),
    Hostile("UTF-16", a_table({}).decode().encode("utf-16"), "as UTF-8 CSV"),
    Hostile("gzip", gzip.compress(a_table({}), mtime=0), "as UTF-8 CSV"),
    Hostile("truncated", a_table({}, {})[:-40], "as a truncated file has"),
    Hostile("an open quote", a_table({}) + b'"OP9,x\n', "as UTF-8 CSV"),
    Hostile("a cell too many", a_table({}).rstrip() + b",x\n", "has 20 of 19 values"),
    Hostile("semicolons", a_table({}).replace(b",", b";"), "column sinkhole_id is missing"),
    Hostile("a column twice", a_table({}).replace(b"width_m", b"depth_m"), "is there twice"),
    Hostile("no position", a_table({}, without="northing"), "column northing is missing"),
    Hostile("no evidence", a_table({}, without="evidence"), "column evidence is missing"),
    Hostile("a huge cell", a_table({"name": "x" * 200_000}), "as UTF-8 CSV"),
    Hostile("an id twice", a_table({}, {"sinkhole_id": "OP1"}), "sinkhole_id is repeated: OP1"),
    Hostile("a picture", b"\x89PNG\r\n\x1a\n\x00\xff\xfe", "as UTF-8 CSV"),
    Hostile("a workbook", a_table({}), "neither CSV nor GeoJSON", "own.xlsx"),
    Hostile("no ending", a_table({}), "neither CSV nor GeoJSON", "own"),
    # CSV cells
    _cell("no id", "line 2: sinkhole_id is empty", sinkhole_id=" "),
    _cell("no name", "line 2: name is empty", name=""),
    _cell("only control characters", "line 2: name is empty", name="\x07\u202e"),
    _cell("a stranger's grade", "column evidence holds certain", evidence="certain"),
    _cell("no grade", "line 2: evidence is empty", evidence=""),
    _cell("yes", 'line 2: counts "yes" is not true or false', counts="yes"),
    _cell("one", 'line 2: is_drawn "1" is not true or false', is_drawn="1"),
    _cell("NaN", 'line 2: easting "NaN" is not a finite number', easting="NaN"),
    _cell("infinite", 'easting "inf" is not a finite number', easting="inf"),
    _cell("1e999", 'northing "1e999" is not a finite number', northing="1e999"),
    _cell("a word", 'easting "SE 318" is not a finite number', easting="SE 318"),
    _cell("nowhere", "line 2: its position is empty", easting=""),
    _cell("half a position", "line 2: its position is empty", northing=""),
    _cell("exchanged", "easting and northing look exchanged", easting="470000", northing="433000"),
    _cell("zeros", "1 of 1 positions lie outside Smallworld", easting="0", northing="0"),
    _cell("degrees", "1 of 1 positions lie outside Smallworld", easting="-1.5", northing="54.1"),
    _cell("elsewhere", "is it for this area", easting="500000", northing="180000"),
    _cell("no doubt given", "position_uncertainty_m is empty", position_uncertainty_m=""),
    _cell("no doubt at all", "outside 1 to 100000", position_uncertainty_m="0"),
    _cell("doubt below nothing", "outside 1 to 100000", position_uncertainty_m="-10"),
    _cell("doubt without end", "outside 1 to 100000", position_uncertainty_m="1000001"),
    _cell("a hole below nothing", "column depth_m holds -3", depth_m="-3"),
    _cell("a hole of a mile", "column length_m holds 1609", length_m="1609"),
    _cell("a size in words", 'width_m "about 9" is not a finite number', width_m="about 9"),
    _cell("next year", 'observed "2027" lies in the future', observed="2027"),
    _cell("tomorrow but one", 'observed "2026-07-03" lies in the future', observed="2026-07-03"),
    _cell("long ago", 'observed "1788" lies before 1800', observed="1788"),
    _cell("a British date", 'observed "17/02/2014" is no date', observed="17/02/2014"),
    _cell("no such day", 'observed "2014-02-30" is no date', observed="2014-02-30"),
    _cell("a time", 'observed "2014-02-17T09:00" is no date', observed="2014-02-17T09:00"),
    _cell("Arabic figures", "is no date", observed="\u0662\u0660\u0661\u0664"),
    Hostile("two far of three", a_table({}, {"easting": "1"}, {"easting": "2"}), "2 of 3"),
    # GeoJSON as a whole
    Hostile("a page for JSON", b"<html></html>", 'it begins with "<html>', "own.geojson"),
    Hostile("half a file", a_layer(a_feature())[:-20], "it is not whole JSON"),
    Hostile("NaN in JSON", _spoilt(b"54.13", b"NaN"), "NaN is not a finite number"),
    Hostile("1e999 in JSON", _spoilt(b"54.13", b"1e999"), "1e999 is not a finite number"),
    Hostile("a key twice in JSON", _spoilt(b'"kind"', b'"name": "x", "name"'), "is there twice"),
    Hostile("deep", b"[" * 99 + b"]" * 99, "nested deeper than 64"),
    Hostile("a long text", a_layer(a_feature(doubts="x" * 10_001)), "longer than 10,000"),
    Hostile("not UTF-8", _spoilt(b"hole", b"h\xf6le"), "is not UTF-8"),
    Hostile("half a character", _spoilt(b"hole", b"\\udc00"), "half of a character"),
    Hostile("a list", b"[]", "no FeatureCollection of GeoJSON"),
    Hostile("an error", b'{"error": {"code": 400}}', "no FeatureCollection of GeoJSON"),
    Hostile("one feature", json.dumps(a_feature()).encode(), "no FeatureCollection"),
    Hostile("Mercator", a_layer(a_feature(), crs=MERCATOR), "its CRS is EPSG:3857"),
    Hostile("no CRS", a_layer(a_feature(), crs=NOWHERE), "its CRS is somewhere"),
    Hostile("no properties", a_layer({"type": "Feature"}), "column sinkhole_id is missing"),
    Hostile("no features", a_layer(None, 3), "column sinkhole_id is missing"),
    # GeoJSON cells
    Hostile("no geometry", a_layer({**a_feature(), "geometry": None}), "1: its geometry cannot"),
    _feature("a line", "feature 1: its geometry is no point", LINE),
    _feature("a circle", "feature 1: its geometry cannot be read", {"type": "Circle"}),
    _point("nothing in it", "feature 1: its geometry"),
    _point("words for numbers", "feature 1: its geometry cannot be read", "a", "b"),
    _point("exchanged degrees", "feature 1: its two coordinates look exchanged", 54.13, -1.5),
    _point("abroad", "feature 1: it lies outside Great Britain", 13.4, 52.5),
    _point("metres for degrees", "feature 1: it lies outside Great Britain", 433000, 470000),
    _point("London", "1 of 1 positions lie outside Smallworld", -0.1, 51.5),
    _feature("a grade in a list", "column evidence holds", evidence=["confirmed"]),
    _feature("counts as a number", 'feature 1: counts "1" is not true or false', counts=1),
    _feature("no doubt", "feature 1: position_uncertainty_m is empty", position_uncertainty_m=None),
    _feature("an id in a list", "sinkhole_id is empty", sinkhole_id=None),
)  # fmt: skip


@pytest.mark.parametrize("given", FILES, ids=[given.name for given in FILES])
def test_a_file_that_cannot_be_believed_is_refused_by_name_and_the_last_good_copy_stays(
    given: Hostile, write: Write, folder: Path
) -> None:
    good = a_spec("sinkholes", write("good.csv", CSV))
    held = inventory.fetch(good, an_errand(folder))
    ending = "geojson" if given.content[:1] in (b"{", b"[") else "csv"
    spec = a_spec("sinkholes", write(given.file or f"own.{ending}", given.content))
    with pytest.raises((DataError, SourceError)) as refused:
        inventory.load(inventory.fetch(spec, an_errand(folder)), spec, an_area())
    assert given.reason in str(refused.value)
    assert "\n" not in str(refused.value)
    assert snapshots.is_whole(held)
    assert len(inventory.load(held, good, an_area())) == 3


def test_there_are_enough_hostile_files_and_each_has_a_name() -> None:
    assert len({given.name for given in FILES}) == len(FILES) >= 60
