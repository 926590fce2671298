"""The same facts as files, which parse back and calculate nothing."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import shapely

from sinkwatch import geo, survey, wording
from sinkwatch.model import Surroundings
from sinkwatch.publish import columns, downloads, terms
from tests.publish.builders import FORMULA, UNMAPPED, as_read, with_nothing
from tests.surroundings import a_borehole, a_rock, boreholes, near, rocks, square

if TYPE_CHECKING:
    from sinkwatch.model import Area, Findings, Inputs

AROUND = ("boreholes.csv", "regional-geology.geojson")
TABLES = [name for name in columns.FILES if name.endswith(".csv") and name not in AROUND]


def _rows(pages: dict[str, bytes], name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(pages[f"data/{name}"].decode(), newline="")))


@pytest.mark.parametrize("name", TABLES)
def test_a_table_parses_back_with_the_columns_that_the_dictionary_explains(
    pages: dict[str, bytes], name: str
) -> None:
    rows = _rows(pages, name)
    assert rows
    assert all(set(row) == set(columns.FILES[name]) for row in rows)
    explained = [row for row in _rows(pages, "dictionary.csv") if row["file"] == name]
    assert [row["column"] for row in explained] == list(columns.FILES[name])
    assert all(row["meaning"] for row in explained)


@pytest.mark.parametrize("name", TABLES)
def test_no_cell_is_a_formula(pages: dict[str, bytes], name: str) -> None:
    cells = [cell for row in _rows(pages, name) for cell in row.values()]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []


def test_a_formula_from_outside_is_kept_as_text(pages: dict[str, bytes]) -> None:
    hostile = next(
        row for row in _rows(pages, "applications.csv") if row["reference"].startswith("24/00002")
    )
    assert hostile["address"].startswith(f"'{FORMULA}")
    assert hostile["url"] == ""
    assert "a@b.example" not in hostile["description"]
    assert "\u202e" not in "".join(hostile.values())


def test_every_record_is_in_the_table_and_the_undrawn_one_without_a_position(
    pages: dict[str, bytes],
) -> None:
    rows = {row["sinkhole_id"]: row for row in _rows(pages, "sinkholes.csv")}
    assert len(rows) == 19
    assert (rows["RS012"]["easting"], rows["RS012"]["northing"]) == ("", "")
    assert (rows["RS009"]["easting"], rows["RS009"]["northing"]) == ("431600", "471750")
    assert rows["RS009"]["position_uncertainty_m"] == "150"
    assert rows["RS009"]["counts"] == "true"
    assert rows["RS009"]["length_m"] == "15"
    assert rows["RS002"]["length_m"] == ""


def test_geojson_and_table_say_the_same(pages: dict[str, bytes]) -> None:
    rows = {row["sinkhole_id"]: row for row in _rows(pages, "sinkholes.csv")}
    for feature in json.loads(pages["data/sinkholes.geojson"])["features"]:
        row, properties = rows[feature["id"]], feature["properties"]
        assert list(properties) == list(columns.SINKHOLES)
        assert row["name"] == properties["name"]
        assert row["easting"] == (
            "" if properties["easting"] is None else f"{properties['easting']:g}"
        )


def test_records_in_geojson_lie_on_the_50_m_grid_and_the_undrawn_one_nowhere(
    pages: dict[str, bytes],
) -> None:
    features = json.loads(pages["data/sinkholes.geojson"])["features"]
    assert [f["id"] for f in features if f["geometry"] is None] == ["RS012"]
    for feature in features:
        if feature["geometry"]:
            (easting,), (northing,) = geo.to_bng(*feature["geometry"]["coordinates"])
            for metres in (easting, northing):
                assert abs(metres - 50 * round(metres / 50)) < 0.1


def test_zones_are_valid_rfc_7946(pages: dict[str, bytes], findings: Findings) -> None:
    collection = json.loads(pages["data/zones.geojson"])
    assert [f["properties"]["class"] for f in collection["features"]] == ["A", "B", "C", "C"]
    for feature in collection["features"]:
        assert set(feature["properties"]) <= set(columns.ZONES)
        polygon = shapely.geometry.shape(feature["geometry"])
        assert polygon.is_valid
        assert polygon.exterior.is_ccw
        for longitude, latitude in polygon.exterior.coords:
            assert longitude == round(longitude, 6)
            assert latitude == round(latitude, 6)
            assert -1.7 < longitude < -1.3
            assert 54 < latitude < 54.4
    assert len(collection["features"]) == len(findings.zones)


def test_flagged_places_are_in_one_list(pages: dict[str, bytes], findings: Findings) -> None:
    rows = _rows(pages, "flagged.csv")
    assert len(rows) == len(findings.flagged)
    assert {row["is_flagged"] for row in rows} == {"true"}
    mart = next(row for row in rows if row["key"] == "auction-mart")
    assert mart["kind"] == "site"
    assert mart["band"] == "high"
    assert mart["nearest_sinkhole_id"] == "RS009"
    assert mart["nearest_text"] == "about 80 m (± 170 m)"
    assert "Magdalen's Road back gardens" in mart["reasons"]


def test_an_application_that_is_not_mapped_has_no_band_and_says_why(
    pages: dict[str, bytes],
) -> None:
    row = next(r for r in _rows(pages, "applications.csv") if r["reference"] == UNMAPPED)
    assert (row["band"], row["easting"], row["is_flagged"]) == ("", "", "false")
    assert row["position_basis"] == "no address was given"
    assert row["decided_on"] == "2026-11-10"


def test_a_place_with_no_counted_record_near_leaves_the_nearest_empty(
    pages: dict[str, bytes],
) -> None:
    row = next(r for r in _rows(pages, "sites.csv") if r["site_id"] == "clotherholme-deverell")
    assert (row["nearest_sinkhole_id"], row["nearest_text"]) == ("", "")


def test_postcodes_are_published_as_bands_and_nothing_else(
    pages: dict[str, bytes], findings: Findings
) -> None:
    rows = _rows(pages, "postcodes.csv")
    assert [row["postcode"] for row in rows] == sorted(findings.postcodes["postcode"])
    assert set(rows[0]) == {"postcode", "band", "band_label", *columns.TERMS}
    bands = {row["postcode"]: (row["band"], row["band_label"]) for row in rows}
    assert bands["HG4 1HS"] == ("high", "High")


def test_an_area_with_nothing_in_it_gives_headers_alone(findings: Findings) -> None:
    empty = {download.name: download for download in downloads.gather(with_nothing(findings))}
    for name in ("sinkholes.csv", "sites.csv", "applications.csv", "flagged.csv", "cases.csv"):
        assert empty[name].content.decode().splitlines() == [",".join(columns.FILES[name])]
    assert json.loads(empty["sinkholes.geojson"].content)["features"] == []


# ── What lies round the area ─────────────────────────────────────────────────────────────────


HOSTILE = {"reference": "=SE37SW2", "name": "@SUM(A1)\u202e", "url": "javascript:alert(1)"}
NOTHING = {"name": None, "url": None}
UNKNOWN = dict.fromkeys(("length_m", "year", "position_uncertainty_m"), np.nan)


def around(findings: Findings, **frames: Any) -> dict[str, bytes]:  # noqa: ANN401 - frames
    """The files of a run whose sources gave those frames this morning."""
    states = tuple(
        as_read(state, 1) if state.spec.kind in ("bgs-features", "bgs-boreholes") else state
        for state in findings.sources
    )
    surrounded = replace(findings, sources=states, surroundings=Surroundings(**frames))
    return {download.path: download.content for download in downloads.gather(surrounded)}


def test_boreholes_are_listed_with_their_licence_and_no_formula(findings: Findings) -> None:
    frame = boreholes(a_borehole(3, **NOTHING, **UNKNOWN), a_borehole(2, **HOSTILE), a_borehole(1))
    hostile, known, unknown = _rows(around(findings, boreholes=frame), "boreholes.csv")
    assert known == {
        "reference": "SE37SW1",
        "name": "EXAMPLE LANE",
        "easting": "431040",
        "northing": "471000",
        "position_uncertainty_m": "10",
        "length_m": "30",
        "year": "1985",
        "url": "https://api.bgs.ac.uk/items/1",
        "licence": "Open Government Licence v3.0",
        "attribution": "Contains British Geological Survey materials © UKRI 2026.",
        "caveat": "It says that a borehole was drilled, not what it found.",
    }
    assert (hostile["reference"], hostile["name"], hostile["url"]) == (
        "'=SE37SW2",
        "'@SUM(A1)",
        "",
    )
    assert {unknown[name] for name in (*NOTHING, *UNKNOWN)} == {""}


def test_regional_geology_is_in_degrees_and_says_what_it_cannot_do(findings: Findings) -> None:
    line = shapely.LineString([near(-900), near(900)])
    fault = {"rock_id": "fault/1", "layer": "fault", "name": "Fault", "rock": None, "period": None}
    pages = around(findings, rocks=rocks(a_rock(geometry=line, **fault), a_rock(2)))
    bedrock, crack = json.loads(pages["data/regional-geology.geojson"])["features"]
    assert (bedrock["id"], bedrock["geometry"]["type"]) == ("bedrock/2", "Polygon")
    assert (crack["id"], crack["geometry"]["type"]) == ("fault/1", "LineString")
    assert bedrock["properties"] == {
        "layer": "bedrock",
        "name": "ZECHSTEIN GROUP",
        "rock": "DOLOMITISED LIMESTONE AND DOLOMITE",
        "period": "PERMIAN",
        "licence": "Open Government Licence v3.0",
        "attribution": "Contains British Geological Survey materials © UKRI 2026.",
        "disclaimer": "Drawn at 1:625 000: it cannot locate gypsum, and no band rests on it.",
    }
    assert (crack["properties"]["rock"], crack["properties"]["period"]) == (None, None)
    for longitude, latitude in shapely.geometry.shape(bedrock["geometry"]).exterior.coords:
        assert -1.7 < longitude < -1.4
        assert 54 < latitude < 54.3


def test_regional_geology_is_drawn_no_finer_than_its_scale(findings: Findings) -> None:
    smooth = shapely.segmentize(square(5_000), 20)
    rough = shapely.Polygon(
        [(e + 20 * (i % 2), n) for i, (e, n) in enumerate(smooth.exterior.coords[:-1])]
    )
    pages = around(findings, rocks=rocks(a_rock(geometry=rough)))
    (feature,) = json.loads(pages["data/regional-geology.geojson"])["features"]
    drawn = shapely.geometry.shape(feature["geometry"])
    assert drawn.is_valid
    assert len(drawn.exterior.coords) < 10 < len(rough.exterior.coords)
    easting, northing = geo.to_bng(*np.array(drawn.exterior.coords).T)
    moved = shapely.Polygon(np.column_stack([easting, northing]))
    assert shapely.hausdorff_distance(moved, rough) <= downloads.ROCKS_SIMPLIFIED_M + 1


@pytest.mark.parametrize("name", AROUND)
def test_a_file_that_no_source_gave_is_neither_offered_nor_explained(
    pages: dict[str, bytes], findings: Findings, name: str
) -> None:
    assert f"data/{name}" not in pages
    assert name.encode() not in pages["data/dictionary.csv"]
    full = around(findings, rocks=rocks(a_rock()), boreholes=boreholes(a_borehole()))
    assert full[f"data/{name}"]
    explained = [row["column"] for row in _rows(full, "dictionary.csv") if row["file"] == name]
    assert explained == list(columns.FILES[name])


@pytest.mark.parametrize(
    ("kind", "withheld", "offered"),
    [("bgs-boreholes", *AROUND), ("bgs-features", *reversed(AROUND))],
)
def test_what_is_restricted_reaches_no_file(
    ripon: Area, ripon_inputs: Inputs, kind: str, withheld: str, offered: str
) -> None:
    shut = tuple(
        replace(spec, is_restricted=spec.is_restricted or spec.kind == kind)
        for spec in ripon.sources
    )
    held = Surroundings(rocks=rocks(a_rock()), boreholes=boreholes(a_borehole()))
    found = survey.findings(replace(ripon, sources=shut), replace(ripon_inputs, surroundings=held))
    names = {download.name for download in downloads.gather(found)}
    assert (withheld in names, offered in names) == (False, True)


# ── What each file says of itself ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", [name for name in TABLES if name != "dictionary.csv"])
def test_each_row_keeps_its_licence_its_credit_and_what_it_cannot_say(
    pages: dict[str, bytes], name: str
) -> None:
    read = pd.read_csv(io.BytesIO(pages[f"data/{name}"]))
    assert list(read.columns)[-3:] == ["licence", "attribution", "caveat"]
    assert set(read["caveat"]) == {terms.CAVEATS[name]}
    assert read["licence"].nunique() == read["attribution"].nunique() == 1
    assert not read[["licence", "attribution"]].isna().any(axis=None)


def test_what_is_of_the_council_is_credited_to_it_and_its_band_to_us(
    pages: dict[str, bytes],
) -> None:
    row = _rows(pages, "applications.csv")[0]
    assert row["licence"] == "Facts from the statutory planning register"
    assert row["attribution"] == (
        "Planning applications: original records © the local planning authority. "
        "Bands: Ripon Sinkwatch; what they rest on: LICENCES.txt."
    )


@pytest.mark.parametrize("name", ["sinkholes.geojson", "zones.geojson"])
def test_geojson_says_at_its_top_whose_it_is_and_what_it_cannot_say(
    pages: dict[str, bytes], name: str
) -> None:
    collection = json.loads(pages[f"data/{name}"])
    assert collection["caveats"][0] == terms.CAVEATS[name]
    assert {wording.disclaimer("gypsum"), wording.LIMITS} <= set(collection["caveats"])
    assert collection["licences"] == [
        {
            "title": "Creative Commons Attribution 4.0 International",
            "url": "https://creativecommons.org/licenses/by/4.0/",
        }
    ]
    assert collection["edition"] == "2026-11-22"
    assert "sinkwatch" in collection["attribution"]


def test_each_file_knows_its_size_its_rows_and_its_checksum(findings: Findings) -> None:
    files = {each.name: each for each in downloads.gather(findings)}
    assert tuple(files) == downloads.offered(findings)
    table = files["sinkholes.csv"]
    assert (table.n_rows, files["sinkholes.geojson"].n_rows) == (19, 19)
    assert table.sha256 == hashlib.sha256(table.content).hexdigest()
    assert files["sinkwatch.gpkg"].media_type == "application/geopackage+sqlite3"
    sizes = {n: replace(table, content=b"x" * n).size_text for n in (400, 999_600, 1_250_000)}
    assert sizes == {400: "0 kB", 999_600: "1000 kB", 1_250_000: "1.2 MB"}
