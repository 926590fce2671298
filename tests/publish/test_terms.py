"""What files say of themselves: every column explained, every source named, nothing made up."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sinkwatch import lint, wording
from sinkwatch.publish import downloads, terms
from tests.publish.builders import CHECKED, HOSTILE, HOSTILE_SHOWN, as_read, with_source
from tests.surroundings import a_borehole, boreholes

if TYPE_CHECKING:
    from sinkwatch.model import Findings

CC_BY = "Creative Commons Attribution 4.0 International"
TABLES = ("sinkholes", "sites", "applications", "flagged", "cases", "postcodes")


def _rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


@pytest.fixture(scope="module")
def explained(pages: dict[str, bytes]) -> dict[tuple[str, str], dict[str, str]]:
    rows = _rows(pages["data/dictionary.csv"])
    return {(row["file"], row["column"]): row for row in rows}


def test_a_column_names_the_licence_of_the_data_it_comes_from(
    explained: dict[tuple[str, str], dict[str, str]],
) -> None:
    name = explained["sinkholes.csv", "name"]
    assert (name["licence"], name["worked_out_by_us"]) == (CC_BY, "false")
    assert name["source"] == "Recorded sinkholes and subsidence round Ripon"
    postcode = explained["postcodes.csv", "postcode"]
    assert postcode["licence"] == "Open Government Licence v3.0"
    assert "Ordnance Survey" in postcode["attribution"]


def test_a_band_names_the_licences_of_all_that_it_is_worked_out_from(
    explained: dict[tuple[str, str], dict[str, str]],
) -> None:
    band = explained["applications.csv", "band"]
    assert band["worked_out_by_us"] == "true"
    assert band["licence"] == f"{CC_BY}; Facts from the statutory planning register"
    assert "gypsum" in band["attribution"]
    assert "local planning authority" in band["attribution"]
    assert band["allowed"].startswith("very_high, high, moderate")


@pytest.mark.parametrize(
    ("column", "kind", "unit"),
    [
        ("easting", "number", "metres, EPSG:27700"),
        ("length_m", "number", "metres"),
        ("is_drawn", "boolean", ""),
        ("name", "text", ""),
    ],
)
def test_a_column_names_its_type_and_its_unit(
    explained: dict[tuple[str, str], dict[str, str]], column: str, kind: str, unit: str
) -> None:
    row = explained["sinkholes.csv", column]
    assert (row["type"], row["unit"]) == (kind, unit)


def test_an_empty_cell_is_explained_and_one_of_a_closed_list_is_on_it(
    pages: dict[str, bytes], explained: dict[tuple[str, str], dict[str, str]]
) -> None:
    n_checked = 0
    for name in TABLES:
        for row in _rows(pages[f"data/{name}.csv"]):
            for column, cell in row.items():
                said = explained[f"{name}.csv", column]
                allowed = said["allowed"].split(", ") if said["allowed"] else [cell]
                assert said["empty"] if not cell else cell in allowed, (name, column, cell)
                n_checked += 1
    assert n_checked > 1_000


def test_the_dictionary_explains_its_own_empty_cells(
    explained: dict[tuple[str, str], dict[str, str]],
) -> None:
    empty = {column for row in explained.values() for column, cell in row.items() if not cell}
    assert empty
    assert {column for column in empty if not explained["dictionary.csv", column]["empty"]} == set()


def test_every_table_is_described_for_programs_as_it_is(pages: dict[str, bytes]) -> None:
    described = json.loads(pages["data/csv-metadata.json"])
    assert described["@context"][0] == "http://www.w3.org/ns/csvw"
    urls = [table["url"] for table in described["tables"]]
    assert urls == [f"{name}.csv" for name in (*TABLES, "dictionary")]
    for table in described["tables"]:
        rows = _rows(pages[f"data/{table['url']}"])
        names = [column["name"] for column in table["tableSchema"]["columns"]]
        assert names == list(rows[0])
        key = table["tableSchema"].get("primaryKey", "")
        assert not key or len({row[key] for row in rows}) == len(rows)
        assert {column["datatype"] for column in table["tableSchema"]["columns"]} <= {
            *("string", "number", "integer", "boolean", "date")
        }


def test_no_sentence_of_ours_says_what_it_must_not() -> None:
    assert [fault for text in terms.CAVEATS.values() for fault in lint.faults(text)] == []


def test_hostile_licences_and_credits_are_plain_text_and_are_not_repeated_without_end(
    findings: Findings,
) -> None:
    state = next(each for each in findings.sources if each.spec.kind == "applications")
    assert state.snapshot is not None
    said = replace(state.snapshot, licence=HOSTILE, attribution=HOSTILE * 100, edition=HOSTILE)
    lied_to = with_source(findings, state.spec.name, snapshot=said)
    row = terms.of_rows(lied_to, "applications.csv")
    assert row["licence"] == HOSTILE_SHOWN + row["licence"][len(HOSTILE_SHOWN) :]
    assert "\u202e" not in "".join(row.values())
    ours = " Bands: Ripon Sinkwatch; what they rest on: LICENCES.txt."
    assert row["attribution"].endswith(ours)
    assert len(row["attribution"]) <= terms.LONGEST_TERM + len(ours)
    assert len(HOSTILE) * 100 > terms.LONGEST_TERM
    (table,) = [each for each in downloads.gather(lied_to) if each.name == "applications.csv"]
    assert {row["licence"][:2] for row in _rows(table.content)} == {"'="}


def test_licences_name_every_source_its_licence_and_its_credit(
    pages: dict[str, bytes], findings: Findings
) -> None:
    text = pages["data/LICENCES.txt"].decode()
    for state in wording.bearing(findings.sources):
        assert state.spec.title in text
        if state.snapshot:
            assert state.snapshot.attribution in text
            assert state.snapshot.licence in text


def test_what_surrounds_is_credited_in_the_licences(findings: Findings) -> None:
    state = next(each for each in findings.sources if each.spec.kind == "bgs-boreholes")
    held = replace(findings.surroundings, boreholes=boreholes(a_borehole(1)))
    read = replace(findings, sources=(as_read(state, 1),), surroundings=held)
    text = terms.licences(read).decode()
    assert state.spec.title in text
    assert f"Credit: {state.spec.attribution}" in text
    assert wording.date_text(CHECKED.date()) in text
    assert terms.about(read, "boreholes.csv")["attribution"] == state.spec.attribution


def test_what_no_source_holds_has_no_licence(findings: Findings) -> None:
    nothing = replace(findings, sources=())
    assert terms.about(nothing, "zones.geojson")["licences"] == []
    assert terms.of_rows(nothing, "sinkholes.csv")["attribution"] == ""
