"""Licensed geology: every product and format, what its classes mean, and what is cut or mended."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pytest
import shapely

from sinkwatch import assess, geo, hazard, survey
from sinkwatch.errors import ConfigError, SchemaError, SourceError
from sinkwatch.sources import geology, snapshots
from sinkwatch.sources.geology import fields as geology_fields
from tests.sources.geology.geology_layers import (
    a_collection,
    a_layer,
    a_zone,
    file_of,
    geosure,
    parts,
    plain,
    square,
    zipped,
)
from tests.sources.samples import a_spec, an_errand
from tests.world import an_area, inventory, parameters

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sources.conftest import Load, Write

GEOSURE = {"product": "geosure-soluble-rocks"}
BEDROCK = {"product": "bgs-50k-bedrock"}
COUNCIL = {"product": "council-areas"}
FORMATS = (".zip", ".gpkg", ".geojson", ".fgb", ".parquet")

Read = Callable[..., gpd.GeoDataFrame]


@pytest.fixture
def read(load: Load) -> Read:
    """Save a layer in a format, fetch it and load it as a product."""

    def make(
        layer: gpd.GeoDataFrame, ending: str = ".geojson", **options: object
    ) -> gpd.GeoDataFrame:
        return load("geology", f"layer{ending}", file_of(layer, ending), **options)

    return make


def classes(zones: gpd.GeoDataFrame) -> list[str]:
    """Our classes from west to east."""
    in_order = zones.assign(west=zones.bounds["minx"]).sort_values("west")
    return in_order["our_class"].tolist()


# ── Formats ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_gives_the_same_geology(load: Load, ending: str) -> None:
    frame = load("geology", f"layer{ending}", plain(ending), **GEOSURE)
    by_class = frame.set_index("source_class")
    assert by_class["our_class"].to_dict() == {"E": "C", "B": "A"}
    assert by_class["title"].to_dict() == dict.fromkeys("EB", "Soluble rocks, in our words")
    assert frame["version"].tolist() == ["8.0", "8.0"]
    assert frame["position_uncertainty_m"].tolist() == [50.0, 50.0]
    assert shapely.equals_exact(by_class.geometry["E"], square(0), normalize=True, tolerance=1e-6)
    assert "drawn_within" not in frame


def test_all_formats_give_zones_the_same_names(load: Load) -> None:
    names = [
        load("geology", f"layer{ending}", plain(ending), **GEOSURE)["zone_id"].tolist()
        for ending in FORMATS
    ]
    assert names == [names[0]] * len(FORMATS)


@pytest.mark.parametrize("given", ["folder", "file"])
def test_a_shapefile_beside_its_parts_becomes_one_copy(
    tmp_path: Path, folder: Path, given: str
) -> None:
    home = tmp_path / "Soluble Rocks"
    home.mkdir()
    for name, content in parts().items():
        (home / f"GB{name.removeprefix('layer').upper()}").write_bytes(content)
    (home / "readme.txt").write_text("not ours")
    spec = a_spec("geology", home if given == "folder" else home / "GB.SHP", options=GEOSURE)
    first = geology.fetch(spec, an_errand(folder))
    assert (first.path.suffix, first.url) == (".zip", spec.path.name if spec.path else "")
    assert geology.load(first, spec, an_area())["our_class"].tolist().count("C") == 1
    again = geology.fetch(spec, an_errand(folder))
    assert (again.sha256, again.path) == (first.sha256, first.path)


def test_a_shapefile_that_is_not_copied_is_read_where_it_lies(tmp_path: Path) -> None:
    for name, content in parts().items():
        (tmp_path / name).write_bytes(content)
    spec = a_spec("geology", tmp_path / "layer.shp", options=GEOSURE)
    snapshot = snapshots.in_place(spec, now=an_errand(tmp_path).now)
    assert len(geology.load(snapshot, spec, an_area())) == 2


def test_a_folder_with_two_shapefiles_asks_which(tmp_path: Path, folder: Path) -> None:
    for stem in ("bedrock", "superficial"):
        for name, content in parts().items():
            (tmp_path / name.replace("layer", stem)).write_bytes(content)
    spec = a_spec("geology", tmp_path, options=GEOSURE)
    with pytest.raises(SchemaError, match=r"2 layers could be meant; it holds bedrock\.cpg"):
        geology.fetch(spec, an_errand(folder))
    named = a_spec("geology", tmp_path, options={**GEOSURE, "layer": "Bedrock"})
    assert geology.fetch(named, an_errand(folder)).n_bytes > 0


def test_a_shapefile_that_is_too_large_is_not_read(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in parts().items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.setattr(snapshots, "MOST_BYTES", 400)
    spec = a_spec("geology", tmp_path / "layer.shp", options=GEOSURE)
    with pytest.raises(SourceError, match="larger than 400 bytes"):
        geology.fetch(spec, an_errand(folder))


def test_one_layer_of_a_geopackage_is_chosen_by_name(
    tmp_path: Path, write: Write, folder: Path
) -> None:
    path = tmp_path / "two.gpkg"
    geosure("E").to_file(path, layer="Soluble")
    geosure("A", "A").to_file(path, layer="Landslides")
    spec = a_spec(
        "geology", write("two.gpkg", path.read_bytes()), options={**GEOSURE, "layer": "soluble"}
    )
    frame = geology.load(geology.fetch(spec, an_errand(folder)), spec, an_area())
    assert frame["source_class"].tolist() == ["E"]


def test_an_archive_may_hold_a_folder_and_what_a_desktop_leaves(load: Load) -> None:
    members = {f"Data/Soluble/{name}": content for name, content in parts().items()}
    litter = ["__MACOSX/Data/._layer.shp", "Data/.DS_Store", "Data/guide.pdf"]
    assert len(load("geology", "layer.zip", zipped(members, litter), **GEOSURE)) == 2


def test_a_country_is_read_only_round_the_area(read: Read) -> None:
    far = a_layer("E", "Q", "Q", Legend="x")
    far.geometry = [square(0), shapely.box(0, 0, 9, 9), shapely.box(600_000, 9, 600_009, 99)]
    frame = read(far, ".gpkg", **GEOSURE)
    assert frame["source_class"].tolist() == ["E"]


# ── Products ─────────────────────────────────────────────────────────────────────────────────


def test_geosure_classes_come_to_ours_as_the_geology_notes_say(read: Read) -> None:
    frame = read(geosure("A", "B", "C", "D", "E"), **GEOSURE)
    assert classes(frame) == ["A", "A", "B", "C", "C"]
    zones = survey.know(
        an_area(sources=(a_spec("geology", None, options=GEOSURE),)), _inputs(frame)
    ).zones
    assert dict(zip(zones["source_class"], zones["geology_class"], strict=True)) == {
        "A": 1, "B": 1, "C": 2, "D": 3, "E": 3,
    }  # fmt: skip


def _inputs(frame: gpd.GeoDataFrame) -> object:
    class Inputs:
        geology = frame
        sinkholes = inventory()
        states = ()

    return Inputs()


def test_the_open_hexagons_are_not_taken_for_the_licensed_layer(read: Read) -> None:
    with pytest.raises(SchemaError, match="class 2, 3 has no meaning here"):
        read(a_layer("2", "3", Legend="Significant"), **GEOSURE)


def test_bedrock_is_told_by_its_lexicon_code(read: Read) -> None:
    frame = read(a_layer("MG", "CDF", "EDT", "BTH", "ROX", "SSG", column="LEX"), **BEDROCK)
    assert classes(frame) == ["A", "A", "C", "C", "C", "B"]
    by_code = frame.set_index("source_class")["position_uncertainty_m"].to_dict()
    assert (by_code["EDT"], by_code["SSG"]) == (50, 750)


def test_bedrock_may_give_code_and_rock_in_one(read: Read) -> None:
    frame = read(a_layer("EDT-CAMDST", "ssg-sdst", column="lex_rcs", lex_d="A unit"), **BEDROCK)
    assert frame["source_class"].tolist().count("EDT") == 1
    assert classes(frame) == ["C", "B"]
    assert set(frame["title"]) == {"A unit"}


def test_the_word_gypsum_decides_nothing(read: Read) -> None:
    layer = a_layer("XYZ", column="LEX", RCS_D="GYPSUM AND ANHYDRITE")
    with pytest.raises(SchemaError, match="class XYZ has no meaning here"):
        read(layer, **BEDROCK)
    assert classes(read(layer, **BEDROCK, classes={"XYZ": "B"})) == ["B"]


def test_sandstone_by_the_gypsum_is_scored_as_gypsum_since_no_line_parts_them(read: Read) -> None:
    frame = read(a_layer("ROX", "SSG", column="LEX"), **BEDROCK)
    zones = hazard.zones(frame, dict(zip(frame["source_class"], frame["our_class"], strict=True)))
    ground = assess.prepare(zones, inventory(), parameters())
    near, far = 431_740.0, 431_760.0  # of the line at 431,000
    found = assess.points(
        ground, np.array([near, far]), np.array([470_500.0] * 2), np.full(2, 10.0)
    )
    assert (found.geology.tolist(), found.scored_as.tolist()) == ([2, 2], [3, 2])


@pytest.mark.parametrize("said", ["C", "c ", "Area C", "ZONE C", "Class c"])
def test_council_areas_are_read_however_they_are_labelled(read: Read, said: str) -> None:
    frame = read(a_layer(said, column="Area"), **COUNCIL)
    assert (classes(frame), frame["position_uncertainty_m"].tolist()) == (["C"], [500.0])
    assert frame["title"].tolist() == ["The council's areas A, B and C"]


def test_an_area_file_has_the_last_word(read: Read) -> None:
    layer = a_layer("E", "9", column="RISK", Precision="5.5", what="words")
    frame = read(
        layer, **GEOSURE,
        columns={"source_class": "risk", "position_uncertainty_m": "PRECISION", "title": "What"},
        classes={"e": "B", "9": "A"},
    )  # fmt: skip
    assert classes(frame) == ["B", "A"]
    assert frame["position_uncertainty_m"].tolist() == [5.5, 5.5]
    assert frame["title"].tolist() == ["words", "words"]


def test_an_area_file_may_say_how_well_lines_are_known(read: Read) -> None:
    frame = read(geosure("E"), **GEOSURE, position_uncertainty_m=80)
    assert frame["position_uncertainty_m"].tolist() == [80.0]


def test_a_file_without_a_product_may_leave_that_to_the_area_file_too(read: Read) -> None:
    layer = a_layer("C", column="class", zone_id="Z", title="Belt")
    frame = read(layer, position_uncertainty_m=120.5)
    assert frame["position_uncertainty_m"].tolist() == [120.5]


@pytest.mark.parametrize("wrong", ["fifty", True, 0, -5, 1e9, float("nan")])
def test_an_impossible_uncertainty_is_the_area_files_fault(read: Read, wrong: object) -> None:
    with pytest.raises(ConfigError, match="is not a number of metres from 1 to 100,000"):
        read(geosure("E"), **GEOSURE, position_uncertainty_m=wrong)


def test_a_product_that_is_not_known_is_the_area_files_fault(read: Read) -> None:
    with pytest.raises(ConfigError, match="Use one of geosure-soluble-rocks, bgs-50k-bedrock"):
        read(geosure("E"), product="geosure")


def test_a_class_of_ours_that_is_none_is_the_area_files_fault(read: Read) -> None:
    with pytest.raises(ConfigError, match="class D: is none of sinkwatch's classes"):
        read(geosure("E"), **GEOSURE, classes={"E": "D"})


def test_every_product_maps_to_our_classes_and_is_known_to_a_distance() -> None:
    for product in geology_fields.products().values():
        assert set(product.classes.values()) <= {"A", "B", "C"}
        assert product.position_uncertainty_m >= 1
        assert set(product.uncertainty_by_class_m) <= set(product.classes)


# ── Names of zones ───────────────────────────────────────────────────────────────────────────


def test_ids_of_the_file_are_used_where_they_tell_zones_apart(read: Read) -> None:
    layer = geosure("E", "B").assign(OBJECTID=[7, 3])
    assert read(layer, ".gpkg", **GEOSURE)["zone_id"].tolist() == ["3", "7"]


def test_ids_that_repeat_give_way_to_ones_that_rest_on_the_shape(read: Read) -> None:
    one, other = geosure("E", "B").assign(ID="x"), geosure("E", "B").iloc[::-1]
    first, second = (read(layer, **GEOSURE)["zone_id"].tolist() for layer in (one, other))
    assert first == second
    assert len(set(first)) == 2


def test_a_zone_that_is_there_twice_counts_once(
    read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    layer = geosure(*"ABCDEE")
    layer.loc[5, "geometry"] = square(4)
    assert len(read(layer, **GEOSURE)) == 5
    assert "1 of 6 zones are there twice" in caplog.text


# ── Shapes ───────────────────────────────────────────────────────────────────────────────────


def test_a_zone_is_cut_two_kilometres_beyond_the_area(read: Read) -> None:
    layer = geosure("E", "B")
    layer.geometry = [square(0), shapely.box(300_000, 400_000, 600_000, 600_000)]
    frame = read(layer, **GEOSURE)
    wide = frame[frame["source_class"] == "B"].geometry.iloc[0]
    assert wide.bounds == (422_800, 462_900, 440_100, 479_300)
    inner = frame[frame["source_class"] == "E"].geometry.iloc[0]
    assert shapely.equals_exact(inner, square(0), normalize=True)


def test_a_line_along_which_a_zone_was_cut_is_no_edge_of_the_ground(read: Read) -> None:
    layer = geosure("E")
    layer.geometry = [shapely.box(300_000, 470_000, 430_000, 600_000)]
    frame = read(layer, **GEOSURE)
    edges = hazard.edges(hazard.zones(frame, {"E": "C"}))
    (line,) = edges.geometry
    # South and east are real; west and north are where the window ends.
    assert line.bounds == (422_800, 470_000, 430_000, 479_300)
    assert line.length == 7_200 + 9_300


def test_degrees_are_cut_in_metres(load: Load) -> None:
    corners = [[-3, 54.12], [0, 54.12], [0, 54.13], [-3, 54.13], [-3, 54.12]]
    zone = a_zone(geometry={"type": "Polygon", "coordinates": [corners]})
    frame = load("geology", "zones.geojson", a_collection(zone))
    west, _, east, _ = frame.total_bounds
    assert (west, east) == (422_800, 440_100)


def test_a_boundary_crossed_by_a_hair_is_mended(read: Read) -> None:
    west, south = 430_000, 470_000
    knot = [(600, 1000), (500, 1001), (500, 1000), (600, 1001)]
    hair = [(0, 0), (1000, 0), (1000, 1000), *knot, (0, 1000)]
    layer = geosure("E")
    layer.geometry = [shapely.Polygon([(west + e, south + n) for e, n in hair])]
    assert not layer.geometry.is_valid.all()
    (mended,) = read(layer, **GEOSURE).geometry
    assert mended.is_valid
    assert mended.area == pytest.approx(1_000_000, rel=0.01)


def test_a_few_shapes_that_cannot_be_used_are_left_out_and_counted(
    read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    letters = "E" * 10 + "B" * 10
    layer = a_layer(*letters, Legend="x")
    shapes = [shapely.box(430_000 + 50 * n, 470_000, 430_050 + 50 * n, 470_050) for n in range(20)]
    layer.geometry = [None, *shapes[1:]]
    with caplog.at_level(logging.WARNING):
        assert len(read(layer, **GEOSURE)) == 19
    assert (
        "1 of 20 zones have a shape that cannot be used (row 0: it has no geometry)" in caplog.text
    )
    layer.geometry = [None, None, *shapes[2:]]
    with pytest.raises(SchemaError, match="2 of 20 zones have a shape that cannot be used"):
        read(layer, **GEOSURE)


def test_a_zone_of_very_many_corners_is_measured_after_the_cut(read: Read) -> None:
    far = shapely.segmentize(shapely.box(300_000, 470_000, 430_000, 470_010), 1)
    layer = geosure("E")
    layer.geometry = [far]
    assert shapely.get_num_coordinates(far) > 100_000
    assert len(read(layer, ".gpkg", **GEOSURE)) == 1


def test_zones_that_overlap_are_kept_and_the_higher_class_decides(read: Read) -> None:
    layer = geosure("E", "A")
    layer.geometry = [square(0), shapely.box(429_000, 469_000, 432_000, 472_000)]
    frame = read(layer, **GEOSURE)
    zones = hazard.zones(frame, {"E": "C", "A": "A"})
    ground = assess.prepare(zones, inventory(), parameters())
    found = assess.points(ground, np.array([430_500.0]), np.array([470_500.0]), np.array([10.0]))
    assert found.geology.tolist() == [3]


def test_a_crs_that_is_not_converted_says_how_it_can_be(read: Read) -> None:
    with pytest.raises(SchemaError, match="ogr2ogr -t_srs EPSG:27700"):
        read(geosure("E").set_crs("EPSG:3857", allow_override=True), ".gpkg", **GEOSURE)


def test_words_of_the_file_are_one_clean_line(read: Read) -> None:
    layer = a_layer("E", Legend="So\u202eluble\nrocks\x07 " + "very " * 100)
    (title,) = read(layer, **GEOSURE)["title"]
    assert title.startswith("Soluble rocks very")
    assert len(title) <= 300


def test_geo_is_the_only_way_from_degrees(load: Load) -> None:
    frame = load("geology", "zones.geojson", a_collection(a_zone()))
    corner = shapely.Point([float(value[0]) for value in geo.to_bng(-1.55, 54.12)])
    assert frame.geometry.distance(corner).max() < 0.01
