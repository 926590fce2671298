"""The map's backdrop and postcodes as vector tiles: whole, in place, the same bytes every time."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tempfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from sinkwatch import geo, wording
from sinkwatch.errors import StoreError
from sinkwatch.publish import assets, backdrop, page, site, things, tiles, webmap
from sinkwatch.publish.kept import Kept
from sinkwatch.publish.pages import home
from sinkwatch.publish.publication import Publication
from tests.publish.builders import HOSTILE, with_nothing
from tests.publish.test_backdrop import CREDIT, EAST, NORTH, a_backdrop, on, plain

if TYPE_CHECKING:
    from pathlib import Path

    from sinkwatch.model import Findings

EARTH_M: Final = 6_378_137.0  # radius, in Web Mercator


@pytest.fixture(autouse=True)
def _everything_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "_KEPT", Kept(most=0))


def with_postcodes(findings: Findings, *names: str) -> Findings:
    """Return the findings with these postcodes alone, 400 m apart to the south of the middle."""
    n = len(names)
    places = gpd.points_from_xy(EAST + 400.0 * np.arange(n), [NORTH - 1_500.0] * n, crs=geo.BNG)
    postcodes = pd.concat([findings.postcodes.iloc[[0]]] * n, ignore_index=True)
    bands = pd.concat([findings.postcode_bands.iloc[[0]]] * n, ignore_index=True)
    return replace(
        findings,
        postcodes=postcodes.assign(postcode=pd.Series(names, dtype="str")).set_geometry(places),
        postcode_bands=bands.assign(place_id=pd.Series(names, dtype="str")),
    )


def sketched(findings: Findings) -> webmap.Sketch:
    return webmap.Sketch.of(findings, things.gather(findings))


def made(findings: Findings) -> dict[str, tiles.Archive]:
    return {each.name: each for each in tiles.archives(findings, sketched(findings).layers)}


def read(content: bytes) -> gpd.GeoDataFrame:
    found: gpd.GeoDataFrame = pyogrio.read_dataframe(io.BytesIO(content))
    return found


def described(content: bytes) -> dict[str, Any]:
    """Return what a file says of itself, as the format's own document has it."""
    assert content[:8] == b"PMTiles\x03"
    start, length = struct.unpack_from("<QQ", content, 24)
    said: dict[str, Any] = json.loads(gzip.decompress(content[start : start + length]))
    return said


def linked(findings: Findings) -> dict[str, bytes]:
    publication = Publication(
        findings=findings,
        things=things.gather(findings),
        imprint=site.Imprint(version="0.1.0"),
    )
    return home.pages(publication, sketched(findings))


@pytest.fixture(scope="module")
def archives(findings: Findings) -> dict[str, tiles.Archive]:
    return made(on(findings, plain()))


def test_each_file_holds_what_is_drawn_at_its_zooms(archives: dict[str, tiles.Archive]) -> None:
    zooms = {name: (each.path, each.first_zoom) for name, each in archives.items()}
    assert zooms == {
        "backdrop": ("tiles/backdrop.pmtiles", 9),
        "streets": ("tiles/streets.pmtiles", 11),
        "buildings": ("tiles/buildings.pmtiles", 14),
        "postcodes": ("tiles/postcodes.pmtiles", 9),
    }
    for each in archives.values():
        content = tiles.written(each)
        assert (content[100], content[101]) == (each.first_zoom, tiles.LAST_ZOOM)
        assert [layer["id"] for layer in described(content)["vector_layers"]] == [each.name]


def test_all_of_the_backdrop_is_in_them(archives: dict[str, tiles.Archive]) -> None:
    found = {name: read(tiles.written(archives[name])) for name in ("backdrop", "streets")}
    kinds = set(zip(found["backdrop"]["layer"], found["backdrop"].geom_type, strict=True))
    assert {(layer, kind.removeprefix("Multi")) for layer, kind in kinds} == {
        ("water", "Polygon"), ("water", "LineString"), ("woodland", "Polygon"),
        ("railway", "LineString"), ("road", "LineString"),
    }  # fmt: skip
    assert set(found["backdrop"]["road_class"].dropna()) >= {"main", "minor"}
    assert set(found["streets"]["road_class"]) == {"local"}
    assert len(read(tiles.written(archives["buildings"]))) == 2


def test_it_lies_where_the_ground_does(archives: dict[str, tiles.Archive]) -> None:
    found = read(tiles.written(archives["buildings"]))
    west, south, east, north = found.total_bounds
    (longitude,), (latitude,) = geo.to_wgs84([EAST], [NORTH])
    assert geo.code_of(found.crs) == "EPSG:3857"
    assert west == pytest.approx(EARTH_M * np.radians(longitude), abs=1.2)
    assert south == pytest.approx(EARTH_M * np.arctanh(np.sin(np.radians(latitude))), abs=1.2)
    assert (east - west, north - south) == pytest.approx((30 / 0.5865, 10 / 0.5865), abs=2.0)


def test_what_is_far_from_everything_is_in_it_too(findings: Findings) -> None:
    far = ("building", shapely.box(9_000, 9_000, 9_010, 9_010), None)
    near = ("building", shapely.box(0, 0, 10, 10), None)
    assert len(made(on(findings, a_backdrop(near, far)))["buildings"].rows) == 2


def test_a_town_of_many_buildings_loses_none(findings: Findings) -> None:
    angles = np.linspace(0, 6, 13)
    ring = np.column_stack([np.cos(angles), np.sin(angles)])
    spread = np.random.default_rng(6).uniform(2, 5, (8_100, 1, 1))
    corners = np.stack(np.meshgrid(np.arange(90), np.arange(90)), axis=-1).reshape(-1, 1, 2)
    shapes = [shapely.Polygon(each) for each in ring * spread + corners * 11.0]
    street = ("road", shapely.LineString([(0, 0), (900, 0)]), "local")
    frame = a_backdrop(street, *(("building", shape, None) for shape in shapes))
    written = tiles.written(made(on(findings, frame))["buildings"])
    said = described(written)["tilestats"]["layers"]
    assert said[0]["count"] == 8_100
    assert len(read(written)) >= 8_100


def test_the_same_rows_are_the_same_bytes_in_any_order_and_by_any_threads(
    findings: Findings, archives: dict[str, tiles.Archive]
) -> None:
    once = {name: tiles.written(each) for name, each in archives.items()}
    turned = made(on(findings, plain().iloc[::-1]))
    pyogrio.set_gdal_config_options({"GDAL_NUM_THREADS": "ALL_CPUS"})
    try:
        again = {name: tiles.written(each) for name, each in turned.items()}
    finally:
        pyogrio.set_gdal_config_options({"GDAL_NUM_THREADS": None})
    assert again == once


def test_a_postcode_has_its_text_and_its_band(findings: Findings) -> None:
    small = with_postcodes(findings, "HG4 1AA", HOSTILE)
    found = read(tiles.written(made(small)["postcodes"]))
    assert set(found["title"]) == {"HG4 1AA", wording.clean(HOSTILE)}
    assert set(found["kind"]) == {"postcode"}
    assert set(found["band"]) <= {band.key for band in small.area.parameters.table.styles}


def test_names_are_plain_text_and_only_of_roads_and_water(
    archives: dict[str, tiles.Archive],
) -> None:
    named = archives["backdrop"].rows
    assert set(named.loc[named["name"].notna(), "layer"]) == {"road", "water"}
    assert set(named["name"].dropna()) == {wording.clean(HOSTILE)}
    assert archives["buildings"].rows["name"].isna().all()


def test_a_shape_where_degrees_are_not_defined_is_left_out(findings: Findings) -> None:
    near = ("building", shapely.box(0, 0, 10, 10), None)
    lost = ("building", shapely.box(-1e6, 0, -1e6 + 10, 10), None)
    written = tiles.written(made(on(findings, a_backdrop(near, lost)))["buildings"])
    assert len(read(written)) == 1


def test_without_anything_to_draw_there_is_no_file_and_no_script(findings: Findings) -> None:
    bare = with_nothing(findings)
    found = linked(bare)
    assert made(on(bare, plain())) == {}
    assert not any("tiles/" in path or "protomaps" in path for path in found)
    assert not any(b"drawTiles" in content for content in found.values())


def test_the_page_links_no_library_before_it_is_needed(findings: Findings) -> None:
    found = linked(findings)
    library = assets.protomaps_script()
    assert found[library.path] == library.text.encode()
    assert b"Protomaps LLC" in found[assets.PROTOMAPS_LICENCE]
    assert library.path.encode() not in found["index.html"]
    assert "tiles/postcodes.pmtiles" in found
    assert "tiles/backdrop.pmtiles" not in found
    assert b"connect-src &#39;self&#39;" in found["index.html"]


def test_the_page_weighs_the_same_for_any_number_of_postcodes(findings: Findings) -> None:
    few = webmap.draw(sketched(with_postcodes(findings, "HG4 1AA")), tiles=None, root="")
    names = [f"HG4 {number:03}" for number in range(300)]
    many = webmap.draw(sketched(with_postcodes(findings, *names)), tiles=None, root="")
    assert many == few
    assert "HG4 1AA" not in few.script + few.words


def test_the_page_holds_nothing_of_the_backdrop_itself(findings: Findings) -> None:
    drawing = webmap.draw(sketched(on(findings, plain())), tiles=None, root="")
    assert '"Streets, buildings, water and woods" : feature_group_backdrop' in drawing.script
    assert "geo_json_buildings" not in drawing.script
    assert "drawBackdrop" not in drawing.script
    assert CREDIT in drawing.script


def test_a_page_that_is_one_file_keeps_its_shapes(findings: Findings) -> None:
    drawing = webmap.draw(sketched(on(findings, plain())), tiles=None)
    assert "geo_json_buildings" in drawing.script
    assert "geo_json_cells" in drawing.script
    assert "drawTiles" not in drawing.script
    assert not any("protomaps" in each.text for each in page.scripts(drawing))


def test_nothing_said_in_the_script_can_end_it(findings: Findings) -> None:
    script = webmap.draw(sketched(on(findings, plain(), HOSTILE)), tiles=None, root="").script
    call = script.rpartition("drawTiles(map_area")[2].splitlines()[0]
    assert not set(call) & set("<>&'")
    said, _ = json.JSONDecoder().raw_decode(call[call.index("},{") + 2 :])
    assert said["credit"] == wording.clean(HOSTILE)
    assert said["archives"]["backdrop"].keys() == {"backdrop", "streets", "buildings"}
    assert said["widths"].keys() == set(backdrop.ROADS.values())


def test_where_nothing_can_be_written_it_is_said(
    archives: dict[str, tiles.Archive], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(StoreError, match="backdrop cannot be written there as tiles"):
        tiles.written(archives["backdrop"])
