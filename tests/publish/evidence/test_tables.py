"""A pack's facts as files: exact, the same twice, published positions only, and never a formula."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import threading
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pyogrio
import pytest
import shapely

from sinkwatch import geo, survey
from sinkwatch.errors import PlaceError, StoreError
from sinkwatch.publish import geopackage
from sinkwatch.publish.evidence import columns, tables
from sinkwatch.publish.kept import Kept
from tests.dossiers import a_dossier, a_record, a_site, a_source, a_step
from tests.programs import program
from tests.publish.builders import HOSTILE, HOSTILE_SHOWN

if TYPE_CHECKING:
    from pathlib import Path

    from sinkwatch.model import Dossier, Findings

MAP_ID = "SW-3F9A21C0"

# A yard of 200 by 100 m, with a pond of 20 by 20 m.
YARD = shapely.Polygon(
    [(431_500, 471_700), (431_700, 471_700), (431_700, 471_800), (431_500, 471_800)],
    [[(431_540, 471_740), (431_540, 471_760), (431_560, 471_760), (431_560, 471_740)]],
)


@pytest.fixture(autouse=True)
def _everything_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geopackage, "_KEPT", Kept(most=0))


@pytest.fixture(scope="session")
def built(ripon_findings: Findings) -> dict[str, bytes]:
    return build(ripon_findings, a_dossier())


def build(findings: Findings, dossier: Dossier) -> dict[str, bytes]:
    return tables.build(findings, dossier, map_id=MAP_ID, version="0.1.0")


def rows(files: dict[str, bytes]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files[tables.TABLE].decode(), newline="")))


def document(files: dict[str, bytes]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files[tables.GEOJSON])
    return found


def of_layer(files: dict[str, bytes], name: str) -> list[dict[str, Any]]:
    return [each for each in document(files)["features"] if each["properties"]["layer"] == name]


def opened(files: dict[str, bytes], folder: Path) -> Path:
    path = folder / tables.GEOPACKAGE
    path.write_bytes(files[tables.GEOPACKAGE])
    return path


# ── The table ────────────────────────────────────────────────────────────────────────────────


def test_the_table_holds_every_record_and_what_is_published_of_it(
    built: dict[str, bytes],
) -> None:
    first, second = rows(built)
    assert first == {
        "number": "1",
        "sinkhole_id": "S1",
        "name": "Collapse at House 1",
        "kind": "collapse",
        "evidence": "confirmed",
        "evidence_note": "a collapse with a known date, reported by a survey",
        "date_text": "17 February 2014",
        "size_text": "about 11 by 15 m across, 0.7 m deep",
        "distance_text": "about 80 m (± 170 m)",
        "distance_m": "80",
        "uncertainty_m": "170",
        "bearing_text": "direction not known: it may be nearer than it is certain",
        "counts_text": "It counts in the 250 m ring.",
        "doubts": "The house was not surveyed.",
        "easting": "431600",
        "northing": "471750",
        "grid_reference": "SE 316 717",
        "shown_uncertainty_m": "155",
        "radius_m": "7.5",
        "source_title": "A survey's page",
        "source_url": "https://example.org/survey",
        "licence": "Open Government Licence v3.0",
        "attribution": "Contains made-up data © nobody 2026.",
        "map_id": MAP_ID,
        "made_on": "2026-11-22",
    }
    assert (second["number"], second["evidence"]) == ("2", "possible")
    assert not built[tables.TABLE].startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize(
    ("distance_m", "uncertainty_m", "expected"),
    [(79.1, 166.2, ("80", "170")), (0.7, 3.0, ("0", "5")), (1_312.4, 501, ("1300", "550"))],
)
def test_a_distance_is_no_finer_as_a_number_than_in_words(
    ripon_findings: Findings, distance_m: float, uncertainty_m: float, expected: tuple[str, str]
) -> None:
    record = a_record(distance_m=distance_m, uncertainty_m=uncertainty_m)
    (row,) = rows(build(ripon_findings, a_dossier(records=(record,))))
    assert (row["distance_m"], row["uncertainty_m"]) == expected


def test_a_record_that_may_not_be_drawn_is_listed_and_has_no_place(
    ripon_findings: Findings, tmp_path: Path
) -> None:
    record = a_record(position=None, grid_reference="", shown_uncertainty_m=None)
    files = build(ripon_findings, a_dossier(records=(record,)))
    (row,) = rows(files)
    assert {row[name] for name in ("easting", "northing", "shown_uncertainty_m")} == {""}
    (feature,) = of_layer(files, "record")
    assert feature["geometry"] is None
    assert of_layer(files, "record_uncertainty") == []
    assert gpd.read_file(opened(files, tmp_path), layer="records").geometry.tolist() == [None]


def test_hostile_text_stays_text_in_every_file(ripon_findings: Findings, tmp_path: Path) -> None:
    texts = ("name", "kind", "date_text", "size_text", "doubts", "source_title", "counts_text")
    record = a_record(**dict.fromkeys(texts, HOSTILE), source_url="javascript:alert(1)")
    steps = ("title", "reference", "outcome", "where", "ground", "doubts", "source_title")
    step = a_step(**dict.fromkeys(steps, HOSTILE), source_url="https://a:b@example.org/")
    source = a_source("sinkholes", credit=HOSTILE, licence=HOSTILE, title=HOSTILE, url=HOSTILE)
    place = a_site(label=HOSTILE, basis=HOSTILE)
    files = build(
        ripon_findings,
        a_dossier(
            place=place, title=HOSTILE, records=(record,), history=(step,), sources=(source,)
        ),
    )
    shown = {name: rows(files)[0][name] for name in (*texts, "attribution", "licence")}
    assert {cell[: len(HOSTILE_SHOWN) + 1] for cell in shown.values()} == {f"'{HOSTILE_SHOWN}"}
    assert rows(files)[0]["source_url"] == ""
    properties = of_layer(files, "history")[0]["properties"]
    assert {properties[name][: len(HOSTILE_SHOWN)] for name in ("title", "where_text")} == {
        HOSTILE_SHOWN
    }
    assert properties["source_url"] == ""
    about = document(files)["about"]
    assert about["title"].startswith(HOSTILE_SHOWN)
    assert about["sources"][0]["url"] == ""
    read = gpd.read_file(opened(files, tmp_path), layer="records")
    assert read["name"][0].startswith(HOSTILE_SHOWN)
    text = files[tables.GEOJSON].decode() + files[tables.TABLE].decode()
    assert not {"\u202e", "\u2066", "\u200b", "\x00", "\x07"} & set(text)


# ── Maps ─────────────────────────────────────────────────────────────────────────────────────


def test_geojson_holds_every_layer_and_says_what_it_is(built: dict[str, bytes]) -> None:
    found = document(built)
    assert set(found) == {"type", "about", "features"}
    assert found["about"]["layers"] == {
        "zone": 2,
        "ring": 3,
        "site_uncertainty": 1,
        "record_uncertainty": 2,
        "site": 1,
        "history": 1,
        "record": 2,
    }
    assert found["about"]["map_id"] == MAP_ID
    assert found["about"]["program"] == "sinkwatch 0.1.0"
    assert found["about"]["crs"] == "EPSG:4326 (longitude and latitude, degrees)"
    assert found["about"]["sources"][1]["licence"] == "Open Government Licence v3.0"
    for name in ("disclaimer", "limits", "positions", "purpose"):
        assert found["about"][name]
    ids = [each["id"] for each in found["features"]]
    assert len(set(ids)) == len(ids)


def test_geojson_is_valid_rfc_7946(built: dict[str, bytes]) -> None:
    for feature in document(built)["features"]:
        shape = shapely.geometry.shape(feature["geometry"])
        assert shape.is_valid
        assert (shapely.get_coordinates(shape).round(6) == shapely.get_coordinates(shape)).all()
        for part in shapely.get_parts(shape):
            if isinstance(part, shapely.Polygon):
                assert part.exterior.is_ccw


def test_every_property_is_explained_and_none_is_missing(
    built: dict[str, bytes], tmp_path: Path
) -> None:
    path = opened(built, tmp_path)
    dictionary = document(built)["about"]["dictionary"]
    about = gpd.read_file(path, layer="about")
    explained = set(about[about["topic"] == "column"]["item"])
    for name, meanings in columns.LAYERS.items():
        one = columns.SINGULAR.get(name, name)
        for feature in of_layer(built, one):
            assert set(feature["properties"]) == {"layer", *meanings} == {"layer", *dictionary[one]}
        held = {str(field) for field in pyogrio.read_info(path, layer=name)["fields"]}
        assert held == set(meanings)
        assert {f"{name}.{column}" for column in held} <= explained


def test_records_lie_where_they_are_published(built: dict[str, bytes], tmp_path: Path) -> None:
    for feature, record in zip(of_layer(built, "record"), a_dossier().records, strict=True):
        easting, northing = geo.to_bng(*feature["geometry"]["coordinates"])
        assert record.position is not None
        assert (easting[0], northing[0]) == pytest.approx(
            (record.position.x, record.position.y), abs=0.1
        )
    read = gpd.read_file(opened(built, tmp_path), layer="records")
    assert read.geometry.tolist() == [record.position for record in a_dossier().records]
    assert read["number"].tolist() == [1, 2]
    assert read["distance_m"].tolist() == [80, 80]


def test_circles_and_rings_have_the_size_they_state(
    built: dict[str, bytes], tmp_path: Path
) -> None:
    path = opened(built, tmp_path)
    for layer, column in (
        ("rings", "radius_m"),
        ("record_uncertainty", "shown_uncertainty_m"),
        ("site_uncertainty", "position_uncertainty_m"),
    ):
        read = gpd.read_file(path, layer=layer)
        halves = (read.geometry.bounds["maxx"] - read.geometry.bounds["minx"]) / 2
        assert halves.tolist() == pytest.approx(read[column].tolist(), abs=0.01)
    assert gpd.read_file(path, layer="rings")["radius_m"].tolist() == [500, 250, 50]


def test_a_site_with_a_hole_keeps_it_and_rings_are_measured_from_its_edge(
    ripon_findings: Findings, tmp_path: Path
) -> None:
    place = a_site(geometry=YARD, position_uncertainty_m=5.0)
    path = opened(build(ripon_findings, a_dossier(place=place)), tmp_path)
    (site,) = gpd.read_file(path, layer="site").geometry
    assert site.equals(YARD)
    assert len(site.interiors) == 1
    ring = gpd.read_file(path, layer="rings").geometry.iloc[-1]
    assert ring.bounds == pytest.approx((431_450, 471_650, 431_750, 471_850), abs=0.01)
    (around,) = gpd.read_file(path, layer="site_uncertainty").geometry
    assert around.contains(YARD)


def test_zones_end_where_the_pack_has_no_more_to_say(
    built: dict[str, bytes], ripon_findings: Findings, tmp_path: Path
) -> None:
    zones = gpd.read_file(opened(built, tmp_path), layer="zones")
    # 1 km round the site, and the farthest ring round that.
    assert zones.total_bounds == pytest.approx((430_079, 470_329, 433_079, 473_329), abs=0.01)
    assert set(zones["class"]) == {"A", "C"}
    assert zones["is_cut"].tolist() == [True, True]
    assert set(zones["attribution"]) == {"Contains made-up data © nobody 2026."}
    assert set(zones["disclaimer"]) == {a_dossier().disclaimer}
    whole = shapely.union_all(ripon_findings.zones.geometry.to_numpy())
    assert shapely.union_all(zones.geometry.to_numpy()).within(whole.buffer(0.01))


def test_zones_that_are_withheld_are_in_no_file_and_that_is_said(
    ripon_findings: Findings, tmp_path: Path
) -> None:
    states = tuple(
        replace(state, spec=replace(state.spec, is_restricted=True))
        if state.spec.kind == "geology"
        else state
        for state in ripon_findings.sources
    )
    nothing = ripon_findings.zones.iloc[:0], ripon_findings.edges.iloc[:0]
    findings = replace(ripon_findings, sources=states, zones=nothing[0], edges=nothing[1])
    files = build(findings, a_dossier())
    assert of_layer(files, "zone") == []
    assert "zone" not in document(files)["about"]["layers"]
    assert document(files)["about"]["zones"] == survey.OUTLINES_WITHHELD
    path = opened(files, tmp_path)
    assert "zones" not in pyogrio.list_layers(path)[:, 0]
    assert survey.OUTLINES_WITHHELD in set(gpd.read_file(path, layer="about")["said"])


def test_a_layer_with_nothing_in_it_is_there_and_empty(
    ripon_findings: Findings, tmp_path: Path
) -> None:
    findings = replace(
        ripon_findings, zones=ripon_findings.zones.iloc[:0], edges=ripon_findings.edges.iloc[:0]
    )
    files = build(findings, a_dossier(records=(), history=()))
    assert rows(files) == []
    path = opened(files, tmp_path)
    for layer in ("zones", "records", "record_uncertainty", "history"):
        read = gpd.read_file(path, layer=layer)
        assert (len(read), read.crs) == (0, geo.BNG)
        assert set(columns.LAYERS[layer]) < set(read.columns)
    assert document(files)["about"]["layers"]["record"] == 0


def test_a_place_without_a_position_is_refused(ripon_findings: Findings) -> None:
    dossier = a_dossier(place=a_site(easting=None, northing=None))
    with pytest.raises(PlaceError, match="has no position"):
        build(ripon_findings, dossier)


# ── Bytes ────────────────────────────────────────────────────────────────────────────────────


def test_the_same_pack_gives_the_same_bytes(
    built: dict[str, bytes], ripon_findings: Findings
) -> None:
    assert list(built) == ["evidence.csv", "evidence.geojson", "evidence.gpkg"]
    assert build(ripon_findings, a_dossier()) == built


def test_the_day_of_the_pack_is_that_of_its_files(ripon_findings: Findings, tmp_path: Path) -> None:
    files = build(ripon_findings, a_dossier(made_on=date(2020, 2, 29)))
    contents = pyogrio.read_dataframe(
        opened(files, tmp_path), sql="SELECT DISTINCT last_change FROM gpkg_contents"
    )
    assert [f"{day:%Y-%m-%d}" for day in contents["last_change"]] == ["2020-02-29"]


def test_packs_made_at_once_do_not_disturb_one_another(ripon_findings: Findings) -> None:
    days = [date(2026, 11, day) for day in (1, 2, 3)]
    alone = [build(ripon_findings, a_dossier(made_on=day)) for day in days]
    together: dict[date, dict[str, bytes]] = {}

    def make(day: date) -> None:
        together[day] = build(ripon_findings, a_dossier(made_on=day))

    threads = [threading.Thread(target=make, args=(day,)) for day in days]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[day] for day in days] == alone


def test_gdals_options_are_put_back_even_if_writing_fails(
    ripon_findings: Findings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "1999-01-01T00:00:00Z"})
    try:

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(pyogrio, "write_dataframe", full)
        with pytest.raises(StoreError, match="a GeoPackage cannot be written there"):
            build(ripon_findings, a_dossier())
        assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") == "1999-01-01T00:00:00Z"
        assert pyogrio.get_gdal_config_option("OGR_SQLITE_SYNCHRONOUS") is None
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def test_other_programs_open_it_without_a_warning(built: dict[str, bytes], tmp_path: Path) -> None:
    path = opened(built, tmp_path)
    asked = [program("ogrinfo", "gdal-bin"), "-ro", "-al", "-so", str(path)]
    said = subprocess.run(asked, check=True, capture_output=True, text=True)
    assert said.stderr == ""
    for layer in (*columns.LAYERS, "about"):
        assert f"Layer name: {layer}\n" in said.stdout
    assert said.stdout.count('ID["EPSG",27700]') == len(columns.LAYERS)
