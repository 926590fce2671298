"""A boundary file is one area of ground in Great Britain, or a refusal that says why."""

from __future__ import annotations

import json
import os
import subprocess
import warnings
import zipfile
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sinkwatch import geo
from sinkwatch.errors import CoverageError, SchemaError
from sinkwatch.model import PlaceKind
from sinkwatch.sources import boundaries
from tests.programs import program

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sinkwatch.model import Place

WEST: Final = 431_500.0
SOUTH: Final = 471_700.0

# A yard of 200 by 100 m with a pond of 20 by 20 m.
YARD: Final = shapely.Polygon(
    [(WEST, SOUTH), (WEST + 200, SOUTH), (WEST + 200, SOUTH + 100), (WEST, SOUTH + 100)],
    [
        [
            (WEST + 40, SOUTH + 40),
            (WEST + 40, SOUTH + 60),
            (WEST + 60, SOUTH + 60),
            (WEST + 60, SOUTH + 40),
        ]
    ],
)
BOW_TIE: Final = shapely.Polygon(
    [(WEST, SOUTH), (WEST + 100, SOUTH + 100), (WEST + 100, SOUTH), (WEST, SOUTH + 100)]
)
FORMATS: Final = (".geojson", ".gpkg", ".shp", ".zip", ".kml")
SYSTEMS: Final = (geo.BNG, geo.WGS84, "EPSG:3857", "EPSG:32630", "EPSG:25830")


def a_frame(*shapes: shapely.Geometry | None, crs: str | None = geo.BNG) -> gpd.GeoDataFrame:
    """Shapes of the National Grid, put into a CRS through OSTN15 and without another shift."""
    names = {"name": [f"Yard {number}" for number in range(1, len(shapes) + 1)]}
    frame = gpd.GeoDataFrame(names, geometry=list(shapes), crs=geo.BNG)
    if crs is None:
        return frame.set_crs(None, allow_override=True)
    if crs == geo.BNG:
        return frame
    degrees = geo.frame_to_wgs84(frame)
    if crs == "EPSG:25830":  # on ETRS89
        degrees = degrees.set_crs("EPSG:4258", allow_override=True)
    return degrees.to_crs(crs)


def written(path: Path, frame: gpd.GeoDataFrame, **options: Any) -> Path:  # noqa: ANN401 - GDAL's
    if path.suffix == ".zip":
        inner = written(path.with_suffix(".shp"), frame, **options)
        with zipfile.ZipFile(path, "w") as archive:
            for part in sorted(inner.parent.glob(f"{path.stem}.*")):
                if part != path:
                    archive.write(part, f"folder/{part.name}")
        return path
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided")
        driver = {".kml": "KML"}.get(path.suffix)  # LIBKML makes a folder of it
        frame.to_file(path, driver=driver, **options)
    return path


def a_document(geometry: object, **members: object) -> str:
    feature = {"type": "Feature", "properties": {"name": "Yard"}, "geometry": geometry}
    return json.dumps({"type": "FeatureCollection", "features": [feature], **members})


def on_the_grid(*rings: object, kind: str = "Polygon") -> str:
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::27700"}}
    return a_document({"type": kind, "coordinates": list(rings)}, crs=crs)


def ring(*corners: tuple[float, float]) -> list[list[float]]:
    """Corners in metres from the yard's south-west corner."""
    return [[WEST + east, SOUTH + north] for east, north in corners]


SQUARE: Final = ring((0, 0), (100, 0), (100, 100), (0, 100), (0, 0))


@cache
def kml(inside: str = "", before: str = "") -> bytes:
    shape = "<Polygon><outerBoundaryIs><LinearRing><coordinates>-1.52,54.14 -1.51,54.14 -1.51,54.15"
    shape += " -1.52,54.14</coordinates></LinearRing></outerBoundaryIs></Polygon>"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{before}<kml xmlns="http://www.opengis.net/kml/2.2">'
        f"<Document><Placemark><name>Yard</name>{shape}</Placemark>{inside}</Document></kml>"
    ).encode()


@pytest.fixture
def said(tmp_path: Path) -> Callable[..., Place]:
    """What is read from a file of that content."""

    def read(content: str | bytes, name: str = "yard.geojson") -> Place:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return boundaries.read(path)

    return read


# ── What is read ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_gives_the_same_ground(tmp_path: Path, ending: str) -> None:
    crs = geo.WGS84 if ending == ".kml" else geo.BNG
    place = boundaries.read(written(tmp_path / f"old_yard{ending}", a_frame(YARD, crs=crs)))
    assert place.geometry is not None
    assert shapely.hausdorff_distance(place.geometry, YARD) < 0.02
    assert place.geometry.area == pytest.approx(YARD.area, abs=1)
    assert (place.kind, place.place_id, place.label) == (PlaceKind.SITE, "old-yard", "Yard 1")
    assert (place.easting, place.northing) == pytest.approx((WEST + 101.02, SOUTH + 50), abs=0.02)
    assert place.position_uncertainty_m == geo.BOUNDARY_UNCERTAINTY_M
    assert place.basis.startswith(f"boundary from “old_yard{ending}” (sha256 ")
    assert place.basis.endswith(f"), {crs}")


@pytest.mark.parametrize("crs", SYSTEMS)
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    middle=st.tuples(st.floats(250_000, 600_000), st.floats(150_000, 900_000)),
    reaches=st.lists(st.floats(20, 900), min_size=3, max_size=12),
)
def test_any_simple_polygon_is_the_same_ground_in_every_crs(
    tmp_path: Path, crs: str, middle: tuple[float, float], reaches: list[float]
) -> None:
    turns = np.linspace(0, 2 * np.pi, len(reaches), endpoint=False)
    shape = shapely.Polygon(
        np.column_stack([middle[0] + reaches * np.cos(turns), middle[1] + reaches * np.sin(turns)])
    )
    place = boundaries.read(written(tmp_path / "site.gpkg", a_frame(shape, crs=crs)))
    assert place.geometry is not None
    assert shapely.hausdorff_distance(place.geometry, shape) < 0.05
    assert shapely.Point(place.easting, place.northing).within(place.geometry)


def test_the_doubt_of_another_datum_adds_to_that_of_a_boundary(tmp_path: Path) -> None:
    path = written(tmp_path / "site.gpkg", a_frame(YARD, crs="EPSG:23030"))
    place = boundaries.read(path)
    assert place.position_uncertainty_m == pytest.approx(26**0.5)
    assert place.basis.endswith(", EPSG:23030, converted from there to ± 5 m")


def test_a_boundary_of_several_parts_says_so(said: Callable[..., Place]) -> None:
    far = ring((300, 0), (400, 0), (400, 100), (300, 100), (300, 0))
    place = said(on_the_grid([SQUARE], [far], kind="MultiPolygon"))
    assert place.geometry is not None
    assert place.geometry.geom_type == "MultiPolygon"
    assert place.basis.endswith(", EPSG:27700, 2 parts")
    # Its middle lies between them: a position is on the site.
    assert shapely.Point(place.easting, place.northing).within(place.geometry)


@pytest.mark.parametrize(
    "content",
    [
        on_the_grid(SQUARE[:-1]),
        on_the_grid([SQUARE[0], *SQUARE]),
        on_the_grid(SQUARE[::-1]),
        on_the_grid([[*corner, 31.5] for corner in SQUARE]),
        on_the_grid(SQUARE, ring((40, 40), (40, 60), (40, 40))),
        on_the_grid(SQUARE, ring((40, 40), (40, 60), (40, 50), (40, 40))),
        on_the_grid([SQUARE, ring((4, 4), (4, 6), (4, 4))], kind="MultiPolygon"),
        on_the_grid(ring((0, 0), (100, 0), (100, 100), (150, 100), (0, 100), (0, 0))),
        on_the_grid(
            [ring((0, 0), (50, 0), (50, 100), (0, 100), (0, 0))],
            [ring((50, 0), (100, 0), (100, 100), (50, 100), (50, 0))],
            kind="MultiPolygon",
        ),
        "\ufeff" + on_the_grid(SQUARE),
    ],
    ids=[
        "unclosed",
        "a corner twice",
        "clockwise",
        "with heights",
        "a hole of two corners",
        "a hole that is a line",
        "such a hole of a part",
        "a spike",
        "parts that share a side",
        "a byte-order mark",
    ],
)
def test_what_changes_no_ground_is_cleaned(said: Callable[..., Place], content: str) -> None:
    place = said(content)
    assert isinstance(place.geometry, shapely.Polygon)
    assert place.geometry.equals(shapely.Polygon(SQUARE))
    assert len(place.geometry.exterior.coords) <= 7
    assert place.geometry.exterior.is_ccw
    assert place.geometry.is_valid
    assert not place.geometry.has_z


def test_a_bare_feature_and_a_bare_geometry_are_geojson_too(said: Callable[..., Place]) -> None:
    crs = {"type": "name", "properties": {"name": "EPSG:27700"}}
    bare = {"type": "Polygon", "coordinates": [SQUARE]}
    feature = {"type": "Feature", "geometry": bare, "properties": None, "crs": crs}
    collection = {"type": "GeometryCollection", "geometries": [bare], "crs": crs}
    places = [said(json.dumps(each)) for each in (bare | {"crs": crs}, feature, collection)]
    assert [place.geometry for place in places] == [shapely.Polygon(SQUARE)] * 3


def test_a_curve_is_followed_by_short_lines(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    # A circle of 100 m.
    table.write_text(
        'WKT,name\n"CURVEPOLYGON(CIRCULARSTRING(431000 471000, 431100 471100, 431200 471000, '
        '431100 470900, 431000 471000))",Pond\n',
        encoding="utf-8",
    )
    path = tmp_path / "curve.gpkg"
    asked = ["-a_srs", geo.BNG, "-nlt", "CURVEPOLYGON", str(path), str(table)]
    made = [program("ogr2ogr", "gdal-bin"), *asked]
    subprocess.run(made, check=True, capture_output=True)
    place = boundaries.read(path)
    assert place.geometry is not None
    assert place.geometry.area == pytest.approx(np.pi * 100**2, rel=1e-3)


def test_the_one_layer_of_areas_is_the_boundary(tmp_path: Path) -> None:
    path = written(tmp_path / "site.gpkg", a_frame(shapely.Point(WEST, SOUTH)), layer="gates")
    written(path, a_frame(YARD), layer="outline", mode="a")
    assert boundaries.read(path).geometry == shapely.orient_polygons(YARD)


def test_a_name_from_outside_is_cleaned_masked_and_trimmed(said: Callable[..., Place]) -> None:
    document = json.loads(on_the_grid(SQUARE))
    document["features"][0]["properties"] = {
        "Name": f"Mr A Smith\u202e <b>{{{{7*7}}}}</b> a@b.example {'x' * 200}"
    }
    place = said(json.dumps(document), "Yard “2” of a@b.example.json")
    assert place.label == "[removed] <b>{{7*7}}</b> [removed]…"
    assert place.place_id == "yard-2-of-removed"
    assert place.basis.startswith("boundary from “Yard '2' of [removed]” (sha256 ")


def test_a_boundary_without_a_name_is_called_after_its_file_or_as_one_wants(
    tmp_path: Path,
) -> None:
    path = written(tmp_path / "Ure_Bank.gpkg", a_frame(YARD).drop(columns="name"))
    assert boundaries.read(path).label == "Ure Bank"
    assert boundaries.read(path, label="The  bank").label == "The bank"
    odd = path.rename(tmp_path / "井.gpkg")
    assert (boundaries.read(odd).place_id, boundaries.read(odd).label) == ("boundary", "井")


# ── What is refused ──────────────────────────────────────────────────────────────────────────


def refusal(read: Callable[[], object], error: type[Exception] = SchemaError) -> str:
    with pytest.raises(error) as caught:
        read()
    line = str(caught.value)
    assert "\n" not in line
    assert "sinkwatch-" not in line
    return line


GERMAN: Final = [[10, 50], [10.1, 50], [10.1, 50.1], [10, 50]]
LAT_LON: Final = [[54.14, -1.52], [54.14, -1.51], [54.15, -1.51], [54.14, -1.52]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (a_document({"type": "Polygon", "coordinates": [SQUARE]}), "metres, not degrees"),
        (a_document({"type": "Polygon", "coordinates": [GERMAN]}), "outside Great Britain"),
        (a_document({"type": "Polygon", "coordinates": [LAT_LON]}), "look exchanged"),
    ],
    ids=["metres", "Germany", "latitude first"],
)
def test_ground_outside_great_britain_is_refused(
    said: Callable[..., Place], content: str, reason: str
) -> None:
    assert reason in refusal(lambda: said(content), CoverageError)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it is empty"),
        ("<html></html>", "so it is no JSON"),
        ("{", "it is not whole JSON"),
        ('{"type": "Topology"}', "it is JSON, but no GeoJSON"),
        ('{"type": "FeatureCollection", "features": []}', "it holds no feature"),
        ('{"type": "FeatureCollection", "features": [1]}', "its feature has no geometry"),
        ('{"type":"FeatureCollection","features":[{},{},{}]}', "it holds 3 features. Keep the one"),
        (a_document(None), "its feature has no geometry"),
        (a_document({"type": "Polygon", "coordinates": []}), "its feature has no geometry"),
        (a_document({"type": "Torus", "coordinates": [1]}), "it cannot be read as a map"),
        (a_document({"type": "Polygon", "coordinates": [[1, 2]]}), "it cannot be read as a map"),
        (a_document({"type": "Polygon", "coordinates": "x"}), "it cannot be read as a map"),
        (on_the_grid(SQUARE).replace("431500.0", "NaN"), "NaN"),
        (on_the_grid(SQUARE).replace("431500.0", "1e999"), "1e999"),
        (on_the_grid(SQUARE[0], kind="MultiPoint"), "it is a MultiPoint, not an area"),
        (on_the_grid(*SQUARE, kind="LineString"), "it is a LineString, not an area"),
        (
            on_the_grid(ring((0, 0), (50, 50), (99, 99), (0, 0))),
            "it encloses no ground: less than 1 m²",
        ),
        (on_the_grid(ring((0, 0), (0, 0), (0, 0), (0, 0))), "it encloses no ground"),
        (
            on_the_grid(ring((0, 0), (8_000, 0), (8_000, 8_000), (0, 8_000), (0, 0))),
            "it encloses 64.0 km², more than 50 km²",
        ),
        (
            on_the_grid([list(each) for each in BOW_TIE.exterior.coords]),
            "self-intersection at SE 31550 71750 (easting 431,550.0, northing 471,750.0)",
        ),
        (
            on_the_grid(
                [SQUARE],
                [ring((50, 50), (150, 50), (150, 150), (50, 150), (50, 50))],
                kind="MultiPolygon",
            ),
            "its boundary crosses itself, or its parts overlap",
        ),
        (
            on_the_grid(SQUARE, ring((500, 500), (600, 500), (600, 600), (500, 500))),
            "hole lies outside shell",
        ),
        (
            a_document({"type": "Polygon", "coordinates": [SQUARE]}, crs=None),
            "no CRS is declared",
        ),
        (
            a_document({"type": "Polygon", "coordinates": [SQUARE]}, crs={"type": "link"}),
            "the CRS that it declares is not known",
        ),
        (on_the_grid(SQUARE).replace("27700", "2062"), "its CRS is EPSG:2062"),
        (
            on_the_grid([[WEST + turn, SOUTH + turn**2] for turn in np.linspace(0, 9, 100_001)]),
            "it has 100,002 corners, more than 100,000",
        ),
    ],
)
def test_geojson_that_is_no_one_area_of_ground_is_refused(
    said: Callable[..., Place], content: str, reason: str
) -> None:
    line = refusal(lambda: said(content))
    assert line.startswith("yard.geojson: ")
    assert reason in line


@pytest.mark.parametrize("ending", [".gpkg", ".shp", ".zip", ".kml"])
@pytest.mark.parametrize(
    ("shapes", "reason"),
    [
        ((YARD, YARD, YARD), "it holds 3 features"),
        ((shapely.LineString([(WEST, SOUTH), (WEST + 9, SOUTH)]),), "it is a LineString"),
        ((BOW_TIE,), "crosses itself"),
    ],
    ids=["three", "line", "bow-tie"],
)
def test_every_format_is_refused_for_the_same_reasons(
    tmp_path: Path, ending: str, shapes: tuple[shapely.Geometry, ...], reason: str
) -> None:
    crs = geo.WGS84 if ending == ".kml" else geo.BNG
    path = written(tmp_path / f"yard{ending}", a_frame(*shapes, crs=crs))
    assert reason in refusal(lambda: boundaries.read(path))


@pytest.mark.parametrize("ending", [".gpkg", ".shp", ".zip"])
def test_a_file_without_a_crs_is_refused(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path / f"yard{ending}", a_frame(YARD, crs=None))
    assert "no CRS is declared" in refusal(lambda: boundaries.read(path))


def test_a_shapefile_without_its_other_files_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "yard.shp", a_frame(YARD))
    path.with_suffix(".prj").unlink()
    assert "no CRS is declared" in refusal(lambda: boundaries.read(path))
    path.with_suffix(".dbf").unlink()
    assert "its .dbf file is missing" in refusal(lambda: boundaries.read(path))
    path.with_suffix(".shx").unlink()
    assert "its .shx and .dbf files are missing" in refusal(lambda: boundaries.read(path))


def test_a_shapefile_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "yard.shp", a_frame(YARD))
    path.write_bytes(path.read_bytes()[:-40])
    assert "its feature has no geometry" in refusal(lambda: boundaries.read(path))


def test_a_geopackage_of_two_sites_names_its_layers(tmp_path: Path) -> None:
    path = written(tmp_path / "site.gpkg", a_frame(YARD), layer="north")
    written(path, a_frame(YARD), layer="south", mode="a")
    line = refusal(lambda: boundaries.read(path))
    assert "it holds features in 2 layers (“north”, “south”)" in line


def test_a_corner_that_lies_nowhere_is_refused(tmp_path: Path) -> None:
    nowhere = shapely.transform(YARD, lambda at: np.where(at == WEST + 200, np.nan, at))
    path = written(tmp_path / "site.gpkg", a_frame(nowhere))
    assert "it has coordinates that are NaN or infinite" in refusal(lambda: boundaries.read(path))


def test_a_part_without_a_corner_is_left_out(tmp_path: Path) -> None:
    shape = shapely.MultiPolygon([YARD, shapely.Polygon()])
    path = written(tmp_path / "site.gpkg", a_frame(shape))
    assert boundaries.read(path).geometry == shapely.orient_polygons(YARD)


def test_a_geopackage_with_nothing_in_it_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "site.gpkg", a_frame(YARD).iloc[:0])
    assert "it holds no feature" in refusal(lambda: boundaries.read(path))


def test_a_geopackage_that_another_program_has_not_saved_yet_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "site.gpkg", a_frame(YARD))
    (tmp_path / "site.gpkg-wal").write_bytes(b"x")
    assert "it is open in another program" in refusal(lambda: boundaries.read(path))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not xml", "it cannot be read as a map"),
        (b"<html/>", "it begins with “html”"),
        (b"<a>" * 100, "it begins with “a”"),
        (b"<kml>" * 100, "it is nested deeper than 64"),
        (kml(before="<!DOCTYPE kml>"), "it declares a document type"),
        (
            kml(before='<!DOCTYPE kml [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'),
            "it declares a document type",
        ),
        (
            kml(before='<!DOCTYPE kml SYSTEM "http://127.0.0.1:9/kml.dtd">')
            .decode()
            .encode("utf-16"),
            "it cannot be read as a map",
        ),
        (
            kml("<NetworkLink><Link><href>http://127.0.0.1:9/</href></Link></NetworkLink>"),
            "it names another file (NetworkLink), which is not fetched",
        ),
        (kml("<Placemark><Point/></Placemark>"), "it holds 2 features"),
    ],
)
def test_kml_that_leads_elsewhere_or_is_none_is_refused(
    said: Callable[..., Place], content: bytes, reason: str
) -> None:
    assert reason in refusal(lambda: said(content, "yard.kml"))


RECIPE: Final = (
    b'<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>/etc/passwd</SrcDataSource>'
    b"</OGRVRTLayer></OGRVRTDataSource>"
)


@pytest.mark.parametrize("ending", [".gpkg", ".shp", ".kml"])
def test_a_recipe_for_gdal_is_never_followed(said: Callable[..., Place], ending: str) -> None:
    refusal(lambda: said(RECIPE, f"yard{ending}"))


def test_an_archive_must_hold_one_map(tmp_path: Path) -> None:
    path = tmp_path / "yard.zip"
    for members, reason in (
        ({"readme.txt": "x"}, "the archive holds 0 map files (“readme.txt”)"),
        ({"a.geojson": "{}", "b.kml": ""}, "holds 2 map files (“a.geojson”, “b.kml”)"),
        ({"../a.geojson": "{}"}, "it holds a member"),
    ):
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        assert reason in refusal(lambda: boundaries.read(path))
    path.write_bytes(b"no archive")
    assert "it is no zip archive" in refusal(lambda: boundaries.read(path))


def test_an_archive_may_hold_litter_of_a_desktop_beside_its_map(tmp_path: Path) -> None:
    path = tmp_path / "yard.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("site/yard.geojson", on_the_grid(SQUARE))
        archive.writestr("__MACOSX/site/._yard.geojson", "x")
        archive.writestr("site/readme.txt", "x")
    assert boundaries.read(path).geometry == shapely.Polygon(SQUARE)


def test_what_is_no_file_of_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "site.gdb").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "none").write_text("x")
    os.mkfifo(tmp_path / "pipe.kml")
    reasons = {
        "gone.geojson": "there is no such file. Give a file on this machine",
        "site.gdb": "it is a folder",
        "notes.txt": "it ends in .txt",
        "none": "it ends in nothing",
        "pipe.kml": "there is no such file",
        "vsicurl/http:/127.0.0.1:9/a.geojson": "there is no such file",
    }
    for name, reason in reasons.items():
        assert reason in refusal(lambda path=tmp_path / name: boundaries.read(path))


def test_a_file_that_is_too_large_or_not_ours_to_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "yard.gpkg", a_frame(YARD))
    with path.open("r+b") as file:
        file.truncate(boundaries.MOST_BYTES + 1)
    assert "more than 20,000,000" in refusal(lambda: boundaries.read(path))

    def denied(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    path.write_bytes(b"x")
    monkeypatch.setattr("pathlib.Path.read_bytes", denied)
    assert "it cannot be read (Permission denied)" in refusal(lambda: boundaries.read(path))


def test_nothing_is_left_behind_where_the_file_lies(tmp_path: Path) -> None:
    path = written(tmp_path / "yard.gpkg", a_frame(YARD))
    before = path.read_bytes()
    boundaries.read(path)
    assert [each.name for each in tmp_path.iterdir()] == ["yard.gpkg"]
    assert path.read_bytes() == before
