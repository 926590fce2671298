"""The same facts as files, which parse back and calculate nothing."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest
import shapely

from sinkwatch import geo, wording
from sinkwatch.publish import columns, downloads
from tests.publish.builders import FORMULA, UNMAPPED, with_nothing

if TYPE_CHECKING:
    from sinkwatch.model import Findings

TABLES = [name for name in columns.FILES if name.endswith(".csv")]


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
    assert set(collection) == {"type", "features"}
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
    assert set(rows[0]) == {"postcode", "band", "band_label"}
    assert {"postcode": "HG4 1HS", "band": "high", "band_label": "High"} in rows


def test_licences_name_every_source_its_licence_and_its_credit(
    pages: dict[str, bytes], findings: Findings
) -> None:
    text = pages["data/LICENCES.txt"].decode()
    for state in wording.bearing(findings.sources):
        assert state.spec.title in text
        if state.snapshot:
            assert state.snapshot.attribution in text
            assert state.snapshot.licence in text


def test_an_area_with_nothing_in_it_gives_headers_alone(findings: Findings) -> None:
    empty = {download.name: download for download in downloads.gather(with_nothing(findings))}
    for name in ("sinkholes.csv", "sites.csv", "applications.csv", "flagged.csv", "cases.csv"):
        assert empty[name].content.decode().splitlines() == [",".join(columns.FILES[name])]
    assert json.loads(empty["sinkholes.geojson"].content)["features"] == []
