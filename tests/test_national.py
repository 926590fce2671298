"""An area as wide as the country on a licensed layer, beside Ripon in one installation."""

from __future__ import annotations

import csv
import json
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from sinkwatch import cli, config, geo, intake, pipeline, questions, survey
from sinkwatch.errors import ConfigError, CoverageError, PlaceError
from sinkwatch.publish import shards, squares, things
from tests.benchmarks import nation
from tests.conftest import NOW, Clock, an_installation
from tests.test_licence_gate import traces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sinkwatch.model import Assessment, Findings
    from sinkwatch.services import Services

AREA_FILE: Final = Path(__file__).parent / "data" / "great_britain.toml"
"""The area that the README shows."""

MARKER: Final = (448_234.567, 1_143_765.432)
"""A corner of the licensed zone at Lerwick."""

PLACES: Final = {
    "lerwick": ("Lerwick", 447_500, 1_141_500, "E", "ZE1 0AA"),
    "truro": ("Truro", 182_500, 44_800, "C", "TR1 2AA"),
    "ure-bank": ("Ure Bank", 431_600, 472_400, "D", "HG4 1JB"),
    "grays": ("Grays", 561_500, 177_900, "B", "RM17 6AA"),
}
"""Site, position, the layer's class and a postcode, from Shetland to Cornwall and the Thames."""

OURS: Final = {"E": "C", "D": "C", "C": "B", "B": "A", "A": "A"}
N_ZONES: Final = 200
N_RECORDS: Final = 120


def geosure() -> gpd.GeoDataFrame:
    """Zones from Scilly to Shetland in the columns of GeoSure, some lying over one another."""
    made = nation.nation(N_ZONES, 6).zones
    held = [shapely.Point(easting, northing) for _, easting, northing, *_ in PLACES.values()]
    away = made[shapely.distance(made.geometry.to_numpy()[:, None], held).min(axis=1) > 5_000]
    letters = away["source_class"].map({"A": "A", "B": "C", "C": "E"})
    boxes = [shapely.box(p.x - 2e3, p.y - 2e3, p.x + 2e3, p.y + 2e3) for p in held]
    west, south, east, north = boxes[0].bounds
    lerwick = shapely.Polygon([(west, south), (east, south), (east, north), MARKER, (west, north)])
    # One zone in two pieces, as a map has it on both banks of a river.
    grays = shapely.MultiPolygon([boxes[3], shapely.box(570_000, 178_000, 571_000, 179_000)])
    classes = [*letters, *(each[3] for each in PLACES.values())]
    shapes = gpd.GeoSeries([*away.geometry, lerwick, *boxes[1:3], grays], crs=geo.BNG)
    return gpd.GeoDataFrame(
        {"CLASS": classes, "LEGEND": "Soluble rocks", "VERSION": "8"}, geometry=shapes
    )


def records() -> pd.DataFrame:
    """A record 40 m east of each place, and many more all over the country."""
    rng = np.random.default_rng(7)
    known = [(easting + 47.5, northing) for _, easting, northing, *_ in PLACES.values()]
    others = rng.uniform((150_000, 50_000), (640_000, 900_000), (N_RECORDS, 2)).round()
    at = np.array([*known, *others])
    ids = [f"GB{number:04}" for number in range(len(at))]
    years = [str(1900 + number) for number in range(len(at))]
    return pd.DataFrame({"sinkhole_id": ids, "feature_id": ids, "observed": years}).assign(
        name=[f"Record {each}" for each in ids],
        kind="collapse",
        evidence="confirmed",
        evidence_reason="As the register says.",
        counts="true",
        counts_reason="As the register says.",
        is_drawn="true",
        date_text=years,
        easting=at[:, 0],
        northing=at[:, 1],
        position_uncertainty_m=10,
        length_m="",
        width_m="",
        depth_m="",
        source_title="National register",
        source_url="https://register.example/",
        doubts="",
    )


def write_area(folder: Path) -> Path:
    """Write the area of the README, with files in the forms that it names."""
    folder.mkdir()
    shutil.copy(AREA_FILE, folder / "area.toml")
    geosure().to_file(folder / "geosure.gpkg", layer="SolubleRocks")
    records().to_csv(folder / "sinkholes.csv", index=False)
    rows = [(key, *each) for key, each in PLACES.items()]
    places = pd.DataFrame(
        [(key, name, name, easting, northing) for key, name, easting, northing, *_ in rows],
        columns=["place_id", "name", "short_name", "easting", "northing"],
    )
    places.assign(
        kind="site", position_uncertainty_m=10, position_basis="surveyed", is_watched="true",
        label_rank=1,
    ).to_csv(folder / "places.csv", index=False)  # fmt: skip
    postcodes = pd.DataFrame(
        [(code, easting, northing) for _, _, easting, northing, _, code in rows],
        columns=["postcode", "easting", "northing"],
    )
    postcodes.assign(position_uncertainty_m=100).to_csv(folder / "postcodes.csv", index=False)
    return folder / "area.toml"


@dataclass(frozen=True, kw_only=True)
class Installation:
    """One machine with two areas, each with a state and a site of its own."""

    country: Services
    town: Services

    def site(self, services: Services) -> dict[str, bytes]:
        current = services.settings.maps_folder / "current"
        return {
            str(path.relative_to(current)): path.read_bytes()
            for path in sorted(current.rglob("*"))
            if path.is_file()
        }


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Great Britain and Ripon, a run of each done; more than a hundred records are many here."""
    folder = tmp_path_factory.mktemp("installation")
    area = write_area(folder / "great-britain")
    made = Installation(
        country=an_installation(folder / "gb", Clock(NOW), area=str(area)),
        town=an_installation(folder / "town", Clock(NOW)),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(squares, "MOST_RECORDS", 100)
        patch.setattr(squares, "NEWEST", 10)
        patch.setattr(shards, "FEW", 3)
        for services in (made.country, made.town):
            pipeline.run(services)
    return made


@pytest.fixture(scope="module")
def pages(both: Installation) -> dict[str, bytes]:
    return both.site(both.country)


def asked(services: Services, words: str) -> Assessment:
    return questions.check(services, words).assessment


# ── One place ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("place_id", PLACES)
def test_a_place_is_answered_alike_however_it_is_named(both: Installation, place_id: str) -> None:
    _, easting, northing, letter, postcode = PLACES[place_id]
    (longitude,), (latitude,) = geo.to_wgs84(easting, northing)
    reference = geo.format_grid_reference(easting, northing, figures=10)
    names = (f"{easting},{northing}", reference, f"{latitude:.6f},{longitude:.6f}", place_id)
    found = [asked(both.country, words) for words in names]
    assert {each.geology.name for each in found} == {OURS[letter]}
    assert len({each.band for each in found}) == 1
    assert found[0].distance_m == pytest.approx(40)
    # Known to 100 m only, the same record cannot put the postcode in the ring of 50 m.
    whole = asked(both.country, postcode)
    assert (whole.geology.name, whole.band < found[0].band) == (OURS[letter], True)


def test_no_postcode_lies_outside_an_area_that_names_no_outcodes(both: Installation) -> None:
    with pytest.raises(PlaceError, match="is not in the list of postcodes held"):
        questions.check(both.country, "AB10 1AA")
    assert asked(both.town, "AB10 1AA").place.easting is None


@pytest.mark.parametrize("words", ["48.0,-5.0", "0,0", "10,1290000"])
def test_where_the_grid_has_no_value_nothing_is_said(both: Installation, words: str) -> None:
    with pytest.raises(CoverageError, match="outside Great Britain"):
        questions.check(both.country, words)


def test_the_sea_is_not_assessed_and_is_no_error(both: Installation) -> None:
    assert asked(both.country, "690000,150000").band.key == "not_assessed"


def test_a_file_of_places_gets_the_same_bands(
    both: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    rows = [f"{key},{easting},{northing}" for key, (_, easting, northing, *_) in PLACES.items()]
    source.write_text("\n".join(["place,easting,northing", *rows]) + "\n")
    settings = both.country.settings
    (tmp_path / "sinkwatch.toml").write_text(
        f'area = "{settings.area}"\nstate_folder = "{settings.state_folder}"\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["sinkwatch", "assess", str(source), str(target)])
    with pytest.raises(SystemExit, match="0"):
        cli.main()
    with target.open(newline="") as file:
        bands = {row["place"]: row["band"] for row in csv.DictReader(file)}
    assert bands == {key: asked(both.country, key).band.key for key in PLACES}


# ── Two areas ────────────────────────────────────────────────────────────────────────────────


def test_nothing_of_one_area_shows_in_the_site_of_the_other(
    both: Installation, pages: dict[str, bytes]
) -> None:
    told = (b"Ripon", b"ripon", b"Harrogate", b"gypsum belt", b"North Yorkshire", b"HG4 1HS")
    shown = {path: word for path, page in pages.items() for word in told if word in page}
    assert not shown
    strangers = (b"GB0001", b"Lerwick", b"GeoSure Soluble Rocks (1:50 000)")
    town = both.site(both.town)
    assert not {path: word for path, page in town.items() for word in strangers if word in page}
    assert not [path for path in (*pages, *town) if "ripon" in path.lower()]


def test_each_site_names_the_rock_of_its_own_area(
    both: Installation, pages: dict[str, bytes]
) -> None:
    town, country = b"\n".join(both.site(both.town).values()), b"\n".join(pages.values())
    for said in (b"This map shows where %s is thought to lie", b"No %s is known beneath"):
        assert said % b"gypsum" in town
        assert said % b"soluble rock" in country
    assert b"soluble rock is" not in town
    assert b"cannot locate gypsum" in town
    assert b"cannot locate soluble rock" in country
    assert b"gypsum" not in country


def test_an_area_does_not_take_the_place_of_another(both: Installation, tmp_path: Path) -> None:
    settings = both.town.settings
    other = settings.model_copy(update={"area": both.country.settings.area})
    services = replace(both.town, settings=other, area=both.country.area)
    with pytest.raises(ConfigError, match="is that of area ripon, not of great-britain"):
        pipeline.run(services)
    elsewhere = other.model_copy(update={"state_folder": tmp_path / "var"})
    with pytest.raises(ConfigError, match="maps_folder"):
        pipeline.run(replace(services, settings=elsewhere))
    assert "Ripon" in (settings.maps_folder / "current" / "index.html").read_text()


# ── What leaves the house ────────────────────────────────────────────────────────────────────


def test_no_outline_of_the_licensed_layer_is_anywhere(pages: dict[str, bytes]) -> None:
    assert not {path: found for path, page in pages.items() if (found := traces(page, MARKER))}
    assert "data/zones.geojson" not in pages
    assert survey.OUTLINES_WITHHELD.replace("'", "&#39;") in pages["index.html"].decode()


def test_the_map_opens_on_the_whole_country(pages: dict[str, bytes]) -> None:
    (drawn,) = (page.decode() for path, page in pages.items() if path.startswith("assets/map-"))
    assert "NaN" not in drawn
    south, west, north, east = map(
        float, re.findall(r"-?[\d.]+", drawn.partition('"maxBounds":')[2][:80])[:4]
    )
    assert south < 49.9
    assert north > 60.9
    assert west < -8.7
    assert east > 1.8
    assert '"minZoom": 5' in drawn
    assert "nan" not in re.findall(r'"box":"([^"]*)"', pages["index.html"].decode())[0]


def test_the_map_of_a_town_goes_back_no_further_than_it_did(both: Installation) -> None:
    town = both.site(both.town)
    (drawn,) = (page.decode() for path, page in town.items() if path.startswith("assets/map-"))
    assert '"minZoom": 10' in drawn


def test_a_country_of_records_is_counted_and_not_drawn_one_by_one(pages: dict[str, bytes]) -> None:
    home, alone = pages["index.html"].decode(), pages["offline.html"].decode()
    listed = re.findall(r'<tr id="record-([^"]+)"', home)
    newest = [f"GB{number:04}" for number in range(N_RECORDS + 3, N_RECORDS - 7, -1)]
    assert listed == re.findall(r'<tr id="record-([^"]+)"', alone) == newest
    assert "114 more records" in home
    (said,) = (page.decode() for path, page in pages.items() if path.startswith("assets/words-"))
    squares_ = [each for key, each in _shapes(said).items() if key.startswith("square-")]
    counts = [int(each["card"]["kind"].split()[0]) for each in squares_]
    assert sum(counts) == N_RECORDS + len(PLACES)
    assert "Square HU44" in {each["card"]["title"] for each in squares_}
    assert "114 older records" in pages["timeline/index.html"].decode()
    # Nothing is lost: a page for each, and a row in the table to download.
    assert len([path for path in pages if re.fullmatch(r"records/GB\d+/index.html", path)]) == 124
    assert pages["data/sinkholes.csv"].count(b"\nGB") == 124


def _shapes(said: str) -> dict[str, dict[str, dict[str, str]]]:
    handed = said.removeprefix("sinkwatch.say(").rstrip().removesuffix(");")
    shapes: dict[str, dict[str, dict[str, str]]] = json.loads(handed)["shapes"]
    return shapes


def test_a_grid_reference_is_looked_up_in_the_files_round_it(pages: dict[str, bytes]) -> None:
    extents = json.loads(pages["check/extents.json"])["extents"]
    assert extents["ZE1"] == [447_500, 1_141_500, 447_500, 1_141_500]
    assert {f"check/{outcode}.json" for outcode in extents} <= pages.keys()
    assert b'data-extents="extents"' in pages["check/index.html"]


# ── Other layers ─────────────────────────────────────────────────────────────────────────────


def test_an_open_layer_of_millions_of_corners_is_left_out_and_said_to_be(
    both: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    area = both.country.area
    opened = replace(
        area, sources=tuple(replace(each, is_restricted=False) for each in area.sources)
    )
    inputs = intake.recall(both.country)
    states = tuple(
        replace(each, spec=replace(each.spec, is_restricted=False)) for each in inputs.states
    )
    inputs = replace(inputs, states=states)
    monkeypatch.setattr(survey, "MOST_CORNERS", 100)
    found = survey.surveyed(opened, inputs)
    assert found.findings.zones.empty
    assert survey.why_withheld(found.findings) == survey.OUTLINES_TOO_MANY
    assert len(found.knowledge.zones) > N_ZONES / 2
    assert [each.band for each in found.findings.sites] == [
        asked(both.country, each.place.place_id).band for each in found.findings.sites
    ]


def test_a_layer_in_degrees_keeps_what_lies_at_the_edge_of_the_grid(tmp_path: Path) -> None:
    path = write_area(tmp_path / "degrees")
    layer = geo.frame_to_wgs84(geosure().tail(len(PLACES)))
    (tmp_path / "degrees" / "geosure.gpkg").unlink()
    layer.to_file(tmp_path / "degrees" / "geosure.gpkg", layer="SolubleRocks")
    services = an_installation(tmp_path, Clock(NOW), area=str(path))
    assert asked(services, "HU 475 415").geology.name == "C"
    assert asked(services, "truro").geology.name == "B"


def test_the_open_hexagons_are_no_layer_of_classes(tmp_path: Path) -> None:
    path = write_area(tmp_path / "hexagons")
    layer = geosure().assign(CLASS=3)
    (tmp_path / "hexagons" / "geosure.gpkg").unlink()
    layer.to_file(tmp_path / "hexagons" / "geosure.gpkg", layer="SolubleRocks")
    services = an_installation(tmp_path, Clock(NOW), area=str(path))
    with pytest.raises(Exception, match="class 3 has no meaning here"):
        questions.check(services, "truro")


def test_as_many_records_as_a_page_can_draw_are_all_listed(ripon_findings: Findings) -> None:
    held = things.gather(ripon_findings).records
    assert squares.shown(held) == held
    assert not squares.are_counted(held)
    afloat = replace(held[0], geometry=shapely.Point(-5.0, 10.0))
    (square,) = squares.outlines([afloat])
    card = cast("Mapping[str, object]", square.words["card"])
    assert card["title"] == "Beyond the National Grid"


def test_the_area_of_the_readme_uses_the_bands_that_ship(tmp_path: Path) -> None:
    area = config.load_area(str(write_area(tmp_path / "gb")))
    assert area.parameters.table == config.load_bands(
        config.data_folder() / "bands.toml", rock="soluble rock"
    )


def test_an_open_map_of_units_is_read_by_a_table_of_them(tmp_path: Path) -> None:
    path = write_area(tmp_path / "units")
    units = {"E": "ZG", "C": "WHCK", "D": "ZG", "B": "LC"}
    known = geosure().tail(len(PLACES))
    layer = known.assign(LEX=known["CLASS"].map(units), LEX_D="a unit", MSLINK=range(len(known)))
    (tmp_path / "units" / "geosure.gpkg").unlink()
    layer.drop(columns="CLASS").to_file(tmp_path / "units" / "geosure.gpkg")
    given = (
        'columns = { zone_id = "MSLINK", source_class = "LEX", title = "LEX_D" }\n'
        'classes = { ZG = "C", WHCK = "B", LC = "A" }\nposition_uncertainty_m = 1000\n'
    )
    text = path.read_text(encoding="utf-8")
    named = text.replace('product = "geosure-soluble-rocks"\nrestricted = true ', given + "# ")
    assert named != text
    path.write_text(named, encoding="utf-8")
    services = an_installation(tmp_path, Clock(NOW), area=str(path))
    assert {key: asked(services, key).geology.name for key in PLACES} == {
        key: OURS[letter] for key, (_, _, _, letter, _) in PLACES.items()
    }


def test_the_readme_shows_this_very_area() -> None:
    readme = AREA_FILE.parents[2] / "README.md"
    shown = readme.read_text(encoding="utf-8").partition("```toml\n[[source]]\n")[2]
    ours = AREA_FILE.read_text(encoding="utf-8")
    lines = [line.partition("#")[0].strip() for line in shown.partition("```")[0].splitlines()]
    assert lines
    assert all(f"\n{line}" in ours for line in lines)
