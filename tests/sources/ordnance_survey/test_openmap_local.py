"""OS OpenMap Local: what a map is drawn on, and the named reason wherever it is not believed."""

from __future__ import annotations

import logging
import math
import resource
import struct
import zipfile
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import pytest
import shapely

from sinkwatch import geo, schemas
from sinkwatch.errors import ConfigError, DataError, SchemaError, SourceError
from sinkwatch.model import Bounds
from sinkwatch.sources import snapshots
from sinkwatch.sources.ordnance_survey import openmap_local, openmap_shapes, os_downloads
from tests.conftest import NOW, Clock
from tests.peers import hostile
from tests.peers.map_zips import a_layer, a_link, geopackage, shapefile, zip_of, zipped
from tests.peers.os_downloads import BASE_PATH, OsDownloads, Release, ReleasedFile
from tests.peers.server import Answer, Notes, Peer
from tests.sources.samples import a_spec, an_errand
from tests.world import an_area

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import geopandas as gpd

    from sinkwatch.model import Snapshot, SourceSpec
    from sinkwatch.sources.errand import Errand
    from tests.peers.server import Asked

EAST, NORTH = 431_500.0, 471_500.0
AREA: Final = an_area()
WEST_EDGE: Final = AREA.bounds.min_easting
CREDIT: Final = "Contains OS data © Crown copyright and database right 2026"


def a_box(east: float = 0, north: float = 0, size: float = 10) -> shapely.Polygon:
    """A square, metres from the middle of the area."""
    return shapely.box(EAST + east, NORTH + north, EAST + east + size, NORTH + north + size)


def a_line(*at: tuple[float, float]) -> shapely.LineString:
    return shapely.LineString([(EAST + east, NORTH + north) for east, north in at])


def buildings(n: int = 5, **columns: Any) -> gpd.GeoDataFrame:  # noqa: ANN401 - any column
    shapes = [a_box(20 * i) for i in range(n)]
    return a_layer(shapes, **{"ID": [f"B{i}" for i in range(n)], "FEATCODE": [25014] * n} | columns)


def roads(**columns: Any) -> gpd.GeoDataFrame:  # noqa: ANN401 - any column
    given = {
        "ID": ["R0", "R1", "R2"],
        "DISTNAME": ["Example\tTerrace", None, ""],
        "CLASSIFICA": ["A Road, Collapsed Dual Carriageway", "Minor Road", "Local Street"],
    }
    shapes = [a_line((0, 50 * i), (300, 50 * i)) for i in range(3)]
    return a_layer(shapes, **given | columns)


@cache
def plain() -> Mapping[str, bytes]:
    """Files of a square with one layer of everything."""
    layers = {
        "SE_Building": buildings(),
        "SE_ImportantBuilding": a_layer([a_box(0, 40)], ID=["I0"], DISTNAME=["Example Hall"]),
        "SE_Road": roads(),
        "SE_RailwayTrack": a_layer([a_line((0, -50), (300, -50))], ID=["T0"]),
        "SE_SurfaceWater_Area": a_layer([a_box(0, 200, 50)], ID=["W0"]),
        "SE_SurfaceWater_Line": a_layer([a_line((0, 300), (300, 300))], ID=["W1"]),
        "SE_TidalWater": a_layer([a_box(100, 200, 50)], ID=["W2"]),
        "SE_Woodland": a_layer([a_box(200, 200, 50)], ID=["F0"]),
        "SE_NamedPlace": a_layer([shapely.Point(EAST, NORTH)], ID=["P0"]),
    }
    return {
        "readme.txt": b"Made up",
        **{
            name: at
            for stem, layer in layers.items()
            for name, at in shapefile(stem, layer).items()
        },
    }


@cache
def small() -> Mapping[str, bytes]:
    """Files of a square with nothing but the layers that must be there."""
    kept = ("readme", "SE_Building", "SE_Road")
    return {name: at for name, at in plain().items() if name.startswith(kept)}


def with_layer(stem: str, layer: gpd.GeoDataFrame) -> bytes:
    return zipped({**small(), **shapefile(stem, layer)})


def without(*names: str) -> bytes:
    return zipped({name: at for name, at in small().items() if not name.startswith(names)})


def with_file(name: str, content: bytes) -> bytes:
    return zipped({**small(), name: content})


class World:
    """A folder, and a zip in it that was given by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held: Snapshot | None = None
        self.options: dict[str, object] = {}
        self.area = AREA
        self.zip: Path | None = folder / "given.zip"

    def spec(self) -> SourceSpec:
        return a_spec(
            "openmap-local", self.zip, options=self.options, licence="OGL", attribution=CREDIT
        )

    def errand(self, **changes: Any) -> Errand:  # noqa: ANN401 - any field
        known = {"area": self.area, "held": self.held, "now": NOW}
        return an_errand(self.folder / "copies", **known | changes)

    def fetch(self, content: bytes | None = None) -> Snapshot:
        if content is not None and self.zip is not None:
            self.zip.write_bytes(content)
        self.held = openmap_local.fetch(self.spec(), self.errand())
        return self.held

    def frame(self, content: bytes) -> gpd.GeoDataFrame:
        return openmap_local.load(self.fetch(content), self.spec(), self.area)

    def rows(self, content: bytes) -> dict[str, dict[str, Any]]:
        return {row["feature_id"]: row for row in self.frame(content).to_dict("records")}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# ── What becomes of the layers ───────────────────────────────────────────────────────────────


def test_every_layer_becomes_one_of_ours_and_the_rest_is_left_alone(world: World) -> None:
    frame = world.frame(zipped(plain()))
    assert schemas.BACKDROP.check(frame) is frame
    assert dict(zip(frame["feature_id"], frame["layer"], strict=True)) == {
        **{f"B{i}": "building" for i in range(5)},
        "I0": "building", "R0": "road", "R1": "road", "R2": "road", "T0": "railway",
        "W0": "water", "W1": "water", "W2": "water", "F0": "woodland",
    }  # fmt: skip
    assert frame["feature_id"].tolist() == sorted(frame["feature_id"])
    assert frame.index.tolist() == list(range(14))


def test_names_are_cleaned_and_roads_have_a_class(world: World) -> None:
    rows = world.rows(zipped(plain()))
    assert rows["R0"]["name"] == "Example Terrace"
    assert rows["I0"]["name"] == "Example Hall"
    assert pd.isna([rows[key]["name"] for key in ("R1", "R2", "B0")]).all()
    assert [rows[key]["road_class"] for key in ("R0", "R1", "R2")] == ["main", "minor", "local"]
    assert pd.isna(rows["B0"]["road_class"])


@pytest.mark.parametrize(
    "stems",
    [
        ("Building", "Road", "SurfaceWater_Area"),
        ("building", "road", "surface_water_area"),
        ("SE_building", "se_ROAD", "SE_SURFACEWATER_AREA"),
        ("opmplc_gb_building", "OPMPLC_Road", "GB_Surface_Water_Area"),
    ],
)
def test_layers_are_known_by_their_names_in_either_spelling_and_format(
    world: World, stems: tuple[str, str, str]
) -> None:
    layers = (buildings(), roads(), a_layer([a_box(0, 200, 50)], ID=["W0"]))
    named = dict(zip(stems, layers, strict=True))
    files = {name: at for stem, each in named.items() for name, at in shapefile(stem, each).items()}
    as_shapes = world.frame(zipped(files))
    as_table = world.frame(zipped({"Data/OPMPLC.GPKG": geopackage(**named)}))
    assert as_shapes["layer"].value_counts().to_dict() == {"building": 5, "road": 3, "water": 1}
    assert as_table.equals(as_shapes)


def test_what_reaches_out_of_the_area_is_cut_off_and_what_lies_outside_is_left_out(
    world: World,
) -> None:
    across = shapely.box(WEST_EDGE - 30, NORTH, WEST_EDGE + 20, NORTH + 10)
    outside = shapely.box(WEST_EDGE - 30, NORTH, WEST_EDGE - 20, NORTH + 10)
    out_and_in = shapely.LineString(
        [(WEST_EDGE + 10, NORTH), (WEST_EDGE - 9, NORTH + 9), (WEST_EDGE + 10, NORTH + 18)]
    )
    given = {
        **plain(),
        **shapefile("SE_Building", a_layer([across, outside], ID=["across", "outside"])),
        **shapefile("SE_Road", a_layer([out_and_in], ID=["twice"])),
    }
    rows = world.rows(zipped(given))
    assert rows["across"]["geometry"].bounds == (WEST_EDGE, NORTH, WEST_EDGE + 20, NORTH + 10)
    assert "outside" not in rows
    assert rows["twice"]["geometry"].geom_type == "MultiLineString"


def test_detail_that_no_map_shows_is_left_out(world: World) -> None:
    bent = a_line((0, 0), (50, 0.3), (100, 0))
    rough = shapely.Polygon([(EAST + 0.123456, NORTH), (EAST + 10, NORTH), (EAST + 10, NORTH + 9)])
    given = {
        **plain(),
        **shapefile("SE_Road", a_layer([bent], ID=["bent"])),
        **shapefile("SE_Building", a_layer([rough], ID=["rough"])),
    }
    rows = world.rows(zipped(given))
    assert shapely.get_num_coordinates(rows["bent"]["geometry"]) == 2
    assert rows["rough"]["geometry"].bounds[0] == EAST + 0.1


def test_a_shape_that_two_squares_share_is_there_once(world: World) -> None:
    shared = shapely.box(399_990, 471_000, 400_010, 471_010)
    west = a_layer([shared, a_box(-32_000)], ID=["shared", "west"])
    east = a_layer([shared, a_box()], ID=["shared", "east"])
    world.area = replace(
        AREA,
        bounds=Bounds(
            min_easting=390_000, min_northing=465_000, max_easting=438_100, max_northing=477_300
        ),
    )
    service, peer = a_service(
        SD=zipped(only("SD_Building", west)),
        SE=zipped({**plain(), **shapefile("SE_Building", east)}),
    )
    with peer.running():
        online(world, peer)
        world.held = openmap_local.fetch(world.spec(), world.errand(downloader=way_out(peer)))
        frame = openmap_local.load(world.held, world.spec(), world.area)
    assert {"shared", "west", "east"} <= set(frame["feature_id"])
    assert frame["feature_id"].is_unique
    assert service.releases["OpenMapLocal"].version == world.held.edition


def only(stem: str, layer: gpd.GeoDataFrame) -> dict[str, bytes]:
    """Return the files of a square that calls its one layer of buildings so."""
    kept = {n.replace("SE_", "SD_"): at for n, at in plain().items() if "SE_Building" not in n}
    return kept | shapefile(stem, layer)


def test_a_shape_without_an_id_is_known_by_what_it_is(world: World) -> None:
    shapes = [a_box(), a_box(20)]
    first = world.frame(with_layer("SE_Building", a_layer(shapes, FEATCODE=[1, 1])))
    second = world.frame(with_layer("SE_Building", a_layer(shapes[::-1], ID=["", "no id \n<b>"])))
    ids = first["feature_id"][first["feature_id"].str.startswith("building-")]
    assert len(ids) == 2
    assert first["feature_id"].tolist() == second["feature_id"].tolist()


def test_a_bad_row_in_twenty_is_left_out_and_counted(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    shapes = [a_box(20 * i) for i in range(39)]
    bow_tie = shapely.Polygon(
        [(EAST, NORTH), (EAST + 9, NORTH + 9), (EAST + 9, NORTH), (EAST, NORTH + 9)]
    )
    layer = a_layer([*shapes, bow_tie], ID=[f"B{i:02}" for i in range(38)] + ["B37", "bad"])
    with caplog.at_level(logging.WARNING):
        frame = world.frame(with_layer("SE_Building", layer))
    assert (frame["layer"] == "building").sum() == 38
    assert "left out 1 row whose shape is of no use, and 1 row there twice" in caplog.text


def test_a_shape_that_a_repair_hardly_changes_is_repaired(world: World) -> None:
    spike = [
        (0, 0),
        (100, 0),
        (100, 100),
        (50, 100),
        (50, 100.4),
        (50.2, 100.2),
        (49.9, 100),
        (0, 100),
    ]
    shape = shapely.Polygon([(EAST + east, NORTH + north) for east, north in spike])
    assert not shape.is_valid
    rows = world.rows(with_layer("SE_Building", a_layer([shape], ID=["mended"])))
    assert rows["mended"]["geometry"].is_valid
    assert math.isclose(rows["mended"]["geometry"].area, 10_000, rel_tol=0.01)


def test_a_spur_is_cut_off_a_building_and_the_rest_is_kept(world: World) -> None:
    spur = [(0, 0), (20, 0), (20, 20), (10, 20), (10, 40), (10, 20), (0, 20)]
    shape = shapely.Polygon([(EAST + east, NORTH + north) for east, north in spur])
    assert not shape.is_valid
    rows = world.rows(with_layer("SE_Building", a_layer([shape], ID=["mended"])))
    assert rows["mended"]["geometry"].equals(a_box(size=20))


def test_a_folder_that_cannot_be_written_is_named(world: World) -> None:
    (world.folder / "copies").mkdir()
    (world.folder / "copies" / "openmap-local").write_text("no folder")
    with pytest.raises(SourceError, match="openmap-local cannot be written"):
        world.fetch(zipped(small()))


def test_a_disk_that_is_full_is_named_and_left_clean(world: World) -> None:
    copy = world.fetch(zipped(small()))
    # Stands for a full disk: no file of this process may grow beyond that for now.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    assert world.zip is not None
    world.zip.write_bytes(with_layer("SE_Building", many_corners()))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(SourceError, match=r"cannot be written .*the room left"):
            world.fetch()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert snapshots.is_whole(copy)
    assert list(copy.path.parent.glob(".unpacked*")) == []


@pytest.mark.parametrize(
    ("bounds", "squares"),
    [
        ((424_800, 464_900, 438_100, 477_300), ("SE",)),
        ((390_000, 464_900, 410_000, 477_300), ("SD", "SE")),
        ((390_000, 490_000, 410_000, 510_000), ("NY", "NZ", "SD", "SE")),
        ((400_000, 400_000, 500_000, 500_000), ("SE",)),
        ((400_000, 400_000, 500_001, 500_000), ("SE", "TA")),
        ((399_999, 400_000, 500_000, 500_000), ("SD", "SE")),
    ],
)
def test_the_squares_are_those_that_the_area_reaches_into(
    bounds: tuple[float, ...], squares: tuple[str, ...]
) -> None:
    names = ("min_easting", "min_northing", "max_easting", "max_northing")
    assert openmap_local.squares(Bounds(**dict(zip(names, bounds, strict=True)))) == squares


# ── The same again ───────────────────────────────────────────────────────────────────────────


def test_the_same_zip_gives_the_same_bytes_whatever_its_order_and_folders(world: World) -> None:
    first = world.fetch(zipped(plain()))
    turned = zipped(dict(reversed(plain().items())), folder="")
    world.held = None
    assert world.fetch(turned).sha256 == first.sha256


def test_nothing_is_left_of_what_was_unpacked(world: World) -> None:
    snapshot = world.fetch(zipped(plain()))
    names = {path.name for path in snapshot.path.parent.iterdir()}
    assert names == {snapshot.path.name, "answer"}


def test_the_snapshot_says_where_it_came_from(world: World) -> None:
    snapshot = world.fetch(zipped(plain()))
    assert (snapshot.url, snapshot.licence, snapshot.attribution) == ("given.zip", "OGL", CREDIT)
    assert snapshot.edition.startswith("sha256:")
    assert snapshot.path.suffix == ".parquet"
    assert snapshots.is_whole(snapshot)


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"<html>", b"PAR1" + b"\0" * 99 + b"PAR1"], ids=str
)
def test_a_copy_that_sinkwatch_did_not_write_is_refused(world: World, content: bytes) -> None:
    snapshot = world.fetch(zipped(plain()))
    snapshot.path.write_bytes(content)
    with pytest.raises(SchemaError, match=r"it is no file that sinkwatch wrote|cannot be read"):
        openmap_local.load(snapshot, world.spec(), AREA)


def test_a_copy_that_is_gone_is_an_error_and_not_an_empty_frame(world: World) -> None:
    snapshot = world.fetch(zipped(plain()))
    snapshot.path.unlink()
    with pytest.raises(SchemaError, match="cannot be read"):
        openmap_local.load(snapshot, world.spec(), AREA)


@pytest.mark.parametrize("squares", ["SE", [4], {"SE": 1}])
def test_squares_that_are_no_list_of_names_are_refused(world: World, squares: object) -> None:
    world.options = {"squares": squares}
    with pytest.raises(ConfigError, match="are no list of names"):
        world.fetch(zipped(plain()))


def test_more_than_a_map_can_show_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openmap_local, "MOST_FEATURES", 4)
    with pytest.raises(SchemaError, match="more than 4 of its rows touch the area"):
        world.fetch(zipped(plain()))


# ── Asked over the network ───────────────────────────────────────────────────────────────────


def a_service(**squares: bytes) -> tuple[OsDownloads, Peer]:
    files = [
        ReleasedFile(
            body=body,
            file_name=f"opmplc_essh_{square.lower()}.zip",
            area=square,
            file_format="ESRI® Shapefile",
        )
        for square, body in (squares or {"SE": zipped(small())}).items()
    ]
    service = OsDownloads(OpenMapLocal=Release(version="2026-10", files=files))
    peer = Peer(service)
    for file in files:
        # As the service writes it: no address holds a registered trade mark as it is.
        query = urlencode({"area": file.area, "format": file.file_format}) + "&redirect"
        path = f"{BASE_PATH}/products/OpenMapLocal/downloads?{query}"
        file.said["url"] = peer.url(path)
    return service, peer


def online(world: World, peer: Peer) -> None:
    world.zip = None
    world.options = {"base_url": peer.url(BASE_PATH)}


def way_out(peer: Peer) -> Any:  # noqa: ANN401 - a Downloader
    return hostile.a_downloader(peer, Clock(NOW), Notes())


@pytest.fixture
def asked(world: World) -> Iterator[tuple[World, OsDownloads, Peer]]:
    service, peer = a_service()
    with peer.running():
        online(world, peer)
        yield world, service, peer


def fetched(world: World, peer: Peer) -> Snapshot:
    world.held = openmap_local.fetch(world.spec(), world.errand(downloader=way_out(peer)))
    return world.held


def test_the_square_of_the_area_is_asked_for(asked: tuple[World, OsDownloads, Peer]) -> None:
    world, service, peer = asked
    snapshot = fetched(world, peer)
    assert [each.path for each in peer.asked[:3]] == service.product_paths("OpenMapLocal")
    assert peer.asked[1].query == {"area": ["SE"], "format": ["ESRI® Shapefile"]}
    assert snapshot.edition == "2026-10"
    assert len(openmap_local.load(snapshot, world.spec(), AREA)) == 8


def test_an_edition_that_is_held_is_not_fetched_again(
    asked: tuple[World, OsDownloads, Peer],
) -> None:
    world, _, peer = asked
    first = fetched(world, peer)
    n_asked = len(peer.asked)
    errand = world.errand(downloader=way_out(peer), now=NOW + timedelta(days=1))
    again = openmap_local.fetch(world.spec(), errand)
    assert again == replace(first, checked_at=NOW + timedelta(days=1))
    assert len(peer.asked) == n_asked + 1


def test_a_new_edition_is_fetched(asked: tuple[World, OsDownloads, Peer]) -> None:
    world, service, peer = asked
    first = fetched(world, peer)
    release = service.releases["OpenMapLocal"]
    release.version = "2026-11"
    release.files[0].body = with_layer("SE_Building", buildings(6))
    second = fetched(world, peer)
    assert (second.edition, second.sha256 != first.sha256) == ("2026-11", True)
    assert len(openmap_local.load(second, world.spec(), AREA)) == 9


def test_the_geopackage_is_one_file_of_all_britain(world: World) -> None:
    body = zipped({"Data/opmplc_gb.gpkg": geopackage(building=buildings(), road=roads())})
    file = ReleasedFile(body=body, file_name="opmplc_gpkg_gb.zip", file_format="GeoPackage")
    peer = Peer(OsDownloads(OpenMapLocal=Release(version="2026-10", files=[file])))
    with peer.running():
        online(world, peer)
        world.options["format"] = "GeoPackage"
        fetched(world, peer)
    assert peer.asked[1].query == {"area": ["GB"], "format": ["GeoPackage"]}


def test_the_squares_may_be_named(world: World) -> None:
    service, peer = a_service()
    world.area = replace(
        AREA,
        bounds=Bounds(
            min_easting=390_000, min_northing=465_000, max_easting=438_100, max_northing=477_300
        ),
    )
    with peer.running():
        online(world, peer)
        world.options["squares"] = ["se"]
        assert fetched(world, peer).edition == service.releases["OpenMapLocal"].version


def test_its_server_is_that_of_os_unless_another_is_named() -> None:
    rules = openmap_local.host_rules(a_spec("openmap-local", None))
    assert rules == {"api.os.uk": os_downloads.RULE}


# ── Hostile zips: each with its reason, and the last good copy untouched ─────────────────────


def bow_ties() -> gpd.GeoDataFrame:
    corners = [(0, 0), (9, 9), (9, 0), (0, 9)]
    shapes = [
        shapely.Polygon([(EAST + 20 * i + east, NORTH + north) for east, north in corners])
        for i in range(5)
    ]
    return a_layer(shapes, ID=list("abcde"))


def moved(east: float, north: float) -> bytes:
    """Return the square with every shape moved."""
    return _all_moved(lambda at: at + np.array([east, north]))


def _all_moved(how: Callable[[Any], Any]) -> bytes:
    files = dict(small())
    for stem, layer in (("SE_Building", buildings()), ("SE_Road", roads())):
        turned = [shapely.transform(shape, how) for shape in layer.geometry]
        files |= shapefile(stem, layer.set_geometry(turned, crs=geo.BNG))
    return zipped(files)


def patched(name: str, at: int, value: bytes) -> bytes:
    content = bytearray(small()[name])
    content[at : at + len(value)] = value
    return with_file(name, bytes(content))


def cut(name: str, n_bytes: int) -> bytes:
    return with_file(name, small()[name][:-n_bytes])


def with_nan() -> bytes:
    """Return the square with every coordinate of its buildings NaN, and their boxes as well."""
    content = bytearray(small()["SE_Building.shp"])
    at = 100
    while at < len(content):
        (words,) = struct.unpack(">i", content[at + 4 : at + 8])
        for offset in (*range(at + 12, at + 44, 8), *range(at + 56, at + 8 + 2 * words, 8)):
            content[offset : offset + 8] = struct.pack("<d", math.nan)
        at += 8 + 2 * words
    return with_file("SE_Building.shp", bytes(content))


def many_corners() -> gpd.GeoDataFrame:
    turns = np.linspace(0, 2 * math.pi, 100_002)
    ring = np.column_stack([EAST + 500 * np.cos(turns), NORTH + 500 * np.sin(turns)])
    return a_layer([shapely.Polygon(ring)], ID=["round"])


def flagged(flag: int) -> bytes:
    """Return the square with a flag set on its first member, here and in the list of members."""
    content = bytearray(zipped(small()))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.index(mark) + offset
        content[at] |= flag
    return bytes(content)


def damaged() -> bytes:
    stored = zip_of(*((zipfile.ZipInfo(name), at) for name, at in small().items()))
    at = (
        stored.index(small()["SE_Building.shp"][:60]) if False else stored.index(b"SE_Building.shp")
    )
    content = bytearray(stored)
    content[at + 60] ^= 0xFF
    return bytes(content)


def gpkg(**tables: gpd.GeoDataFrame) -> bytes:
    return zipped({"Data/opmplc_gb.gpkg": geopackage(**tables)})


def with_other_srs(srs: str) -> bytes:
    moved_to = a_layer([shapely.box(-1.52, 54.14, -1.51, 54.15)], ID=["B0"])
    return gpkg(building=moved_to.set_crs(srs, allow_override=True), road=roads())


VRT: Final = b'<OGRVRTDataSource><OGRVRTLayer name="SE_Building"><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>'  # noqa: E501 - as one file has it
WGS84: Final = b'GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,298.257223563]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]]'  # noqa: E501 - as one file has it
UTM: Final = WGS84.replace(b'GEOGCS["GCS', b'PROJCS["WGS_1984_UTM_Zone_30N",GEOGCS["GCS') + (
    b',PROJECTION["Transverse_Mercator"],PARAMETER["False_Easting",500000.0],PARAMETER['
    b'"False_Northing",0.0],PARAMETER["Central_Meridian",-3.0],PARAMETER["Scale_Factor",0.9996],'
    b'PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)

HOSTILE: Final[dict[str, tuple[Callable[[], bytes], str]]] = {
    # No zip, or none to unpack
    "nothing": (lambda: b"", "is empty"),
    "html": (lambda: b"<!DOCTYPE html><h1>Sign in</h1>", "is no zip archive: it begins with"),
    "gzip": (lambda: b"\x1f\x8b\x08" + bytes(99), "is no zip archive"),
    "a shapefile": (lambda: small()["SE_Road.shp"], "is no zip archive"),
    "cut short": (lambda: zipped(small())[:-400], "is no whole zip archive"),
    "first half": (lambda: zipped(small())[:1_500], "is no whole zip archive"),
    "no member": (zip_of, "without a file in it"),
    "folders only": (lambda: zip_of(("data/", b"")), "without a file in it"),
    "too many": (
        lambda: zipped({**small(), **{f"{i}.txt": b"" for i in range(250)}}), "more than 250",
    ),
    "bomb": (lambda: with_file("SE_Foreshore.shp", bytes(30_000_000)), "times its size"),
    "up and out": (lambda: with_file("../../SE_Road.shp", b"x"), "leads out of its folder"),
    "root": (lambda: with_file("/etc/cron.d/SE_Road.shp", b"x"), "begins at the root of a disk"),
    "drive": (lambda: with_file("C:/SE_Road.shp", b"x"), "begins at the root of a disk"),
    "backslash": (lambda: with_file("..\\SE_Road.shp", b"x"), "has a backslash in its name"),
    "link": (
        lambda: zip_of((a_link("data/SE_Road.shp"), b"/etc/passwd")), "is a link or a device",
    ),
    "twice": (lambda: with_file("any folder/DATA/SE_Road.shp", b"x"), "twice"),
    "encrypted": (lambda: flagged(1), "encrypted"),
    "damaged": (damaged, "is damaged at"),
    # Not the layers
    "documents only": (lambda: zipped({"readme.txt": b"x"}), "it has no layer building"),
    "no buildings": (lambda: without("SE_Building"), "it has no layer building"),
    "no roads": (lambda: without("SE_Road"), "it has no layer road"),
    "one name twice": (
        lambda: zipped({**small(), **shapefile("Building", buildings())}), "two layers of one name",
    ),
    "another product": (
        lambda: zipped(shapefile("SE_RoadLink", roads())), "it has no layer building",
    ),
    "no index": (lambda: without("SE_Building.shx"), ".shx is missing beside it"),
    "no table": (lambda: without("SE_Building.dbf"), ".dbf is missing beside it"),
    # Not what their names say
    "html in it": (lambda: with_file("SE_Building.shp", b"<html>"), "it is no file of that ending"),
    "virtual": (lambda: with_file("SE_Building.shp", VRT), "it is no file of that ending"),
    "empty shapes": (lambda: with_file("SE_Road.shp", b""), "it is no file of that ending"),
    "json": (
        lambda: with_file("SE_Building.shp", b'{"type": "FeatureCollection", "features": []}'),
        "it is no file of that ending",
    ),
    "virtual table": (lambda: zipped({"x.gpkg": VRT}), "it is no file of that ending"),
    "no database": (
        lambda: zipped({"x.gpkg": b"SQLite format 3\0" + bytes(84)}), "it cannot be read as a",
    ),
    "half a database": (
        lambda: zipped({"x.gpkg": geopackage(building=buildings(), road=roads())[:20_000]}),
        "cannot be read",
    ),
    # Not whole
    "shapes cut": (lambda: cut("SE_Building.shp", 300), "bytes long and states"),
    "index cut": (lambda: cut("SE_Building.shx", 8), "bytes long and states"),
    "table cut": (lambda: cut("SE_Building.dbf", 30), "no row of the table for each"),
    "head only": (lambda: with_file("SE_Road.shp", small()["SE_Road.shp"][:60]), "and states"),
    "rows unsaid": (
        lambda: patched("SE_Building.dbf", 4, struct.pack("<I", 3)), "no row of the table for each",
    ),
    "endless rows": (
        lambda: patched("SE_Building.dbf", 4, struct.pack("<I", 2**31)),
        "no row of the table for each",
    ),
    "length of nothing": (
        lambda: patched("SE_Building.shp", 24, struct.pack(">i", -1)), "bytes long and states",
    ),
    # Not on the National Grid
    "no crs": (lambda: without("SE_Building.prj"), "its CRS is none, not EPSG:27700"),
    "degrees": (lambda: with_file("SE_Building.prj", WGS84), "its CRS is EPSG:4326, not EPSG:2"),
    "another grid": (lambda: with_file("SE_Road.prj", UTM), "not EPSG:27700"),
    "garbled crs": (lambda: with_file("SE_Building.prj", b"\xff\xfe?"), "its CRS is none, not"),
    "empty crs": (lambda: with_file("SE_Building.prj", b""), "its CRS is none, not EPSG:27700"),
    "degrees in a table": (lambda: with_other_srs("EPSG:4326"), "its CRS is EPSG:4326"),
    "web mercator": (lambda: with_other_srs("EPSG:3857"), "its CRS is EPSG:3857"),
    # Not here
    "axes exchanged": (
        lambda: _all_moved(lambda at: at[:, ::-1]), "easting and northing look exchanged",
    ),
    "York": (lambda: moved(30_000, -20_000), "nothing in it lies within the area's bounds"),
    "the origin": (lambda: moved(-EAST, -NORTH), "nothing in it lies within the area's bounds"),
    "kilometres": (
        lambda: _all_moved(lambda at: at / 1_000), "nothing in it lies within the area's bounds",
    ),
    "no rows": (
        lambda: gpkg(building=buildings()[:0], road=roads()[:0]), "nothing in it lies within",
    ),
    # Not such shapes
    "points": (
        lambda: with_layer("SE_Building", a_layer([shapely.Point(EAST, NORTH)], ID=["B0"])),
        "1 of its 1 shapes are missing, of another kind",
    ),
    "outlines": (
        lambda: with_layer("SE_Building", a_layer([a_line((0, 0), (9, 9))], ID=["B0"])),
        "of another kind",
    ),
    "roads as areas": (
        lambda: with_layer("SE_Road", a_layer([a_box()], ID=["R0"])), "of another kind",
    ),
    "bow ties": (
        lambda: with_layer("SE_Building", bow_ties()), "5 of its 5 shapes are missing, of another",
    ),
    "nan": (with_nan, "cannot be read as a map layer"),
    "too many corners": (
        lambda: with_layer("SE_Building", many_corners()), "1 of its 1 shapes are missing",
    ),
    "one in ten": (
        lambda: with_layer("SE_Building", a_layer(
            [*(a_box(20 * i) for i in range(9)), bow_ties().geometry[0]],
            ID=[f"B{i}" for i in range(10)],
        )),
        "1 of its 10 shapes are missing",
    ),
    "no geometry": (
        lambda: gpkg(building=buildings(), road=roads().drop(columns="geometry")),
        "no geometry field present",
    ),
    "one id": (
        lambda: with_layer("SE_Building", buildings(ID=["B0"] * 5)), "4 of its 5 rows are there",
    ),
    "a third twice": (
        lambda: with_layer("SE_Building", buildings(6, ID=list("abcdab"), FEATCODE=[1] * 6)),
        "2 of its 6 rows are there twice",
    ),
    "one column twice": (
        lambda: gpkg(
            building=buildings().rename(columns={"FEATCODE": "id_"}).assign(Ä=1, ä=2),
            road=roads(),
        ),
        "two of its columns have one name",
    ),
}  # fmt: skip


def test_there_are_at_least_sixty_hostile_zips() -> None:
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_zip_is_named_and_leaves_the_last_good_copy_in_use(
    world: World, name: str
) -> None:
    content, reason = HOSTILE[name]
    copy = world.fetch(zipped(small()))
    before = {path: path.read_bytes() for path in copy.path.parent.glob("*.parquet")}
    with pytest.raises((SourceError, DataError)) as refused:
        world.fetch(content())
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)
    assert {p: p.read_bytes() for p in copy.path.parent.glob("*.parquet")} == before
    assert [path.name for path in copy.path.parent.glob(".unpacked*")] == []


def offered(**said: object) -> Callable[[OsDownloads], None]:
    return lambda service: service.releases["OpenMapLocal"].files[0].said.update(said)


def described(**said: object) -> Callable[[OsDownloads], None]:
    return lambda service: service.releases["OpenMapLocal"].said.update(said)


def only_in(**changes: object) -> Callable[[OsDownloads], None]:
    def change(service: OsDownloads) -> None:
        release = service.releases["OpenMapLocal"]
        release.files = [replace(release.files[0], **changes)]  # type: ignore[arg-type]

    return change


def released(change: Callable[[OsDownloads], None]) -> Callable[[OsDownloads], None]:
    """Give away another edition, with something wrong about it."""

    def changed(service: OsDownloads) -> None:
        service.releases["OpenMapLocal"].version = "2026-11"
        service.releases["OpenMapLocal"].files[0].body = with_layer("SE_Building", buildings(6))
        change(service)

    return changed


SERVICE: Final[dict[str, tuple[Callable[[OsDownloads], None], str]]] = {
    "gone": (lambda service: service.releases.clear(), "status 404"),
    "another product": (described(id="OpenZoomstack"), 'it describes "OpenZoomstack"'),
    "next year": (described(version="2027-11"), "lies in the future"),
    "no version": (described(version=None), "version"),
    "another square": (released(only_in(area="SD")), "status 404"),
    "another format": (released(only_in(file_format="GML")), "status 404"),
    "wrong md5": (released(offered(md5="0" * 32)), "MD5"),
    "said shorter": (released(offered(size=10)), "10"),
    "said longer": (released(offered(size=10_000_000)), "10,000,000"),
    "elsewhere": (released(offered(url="https://evil.example/x.zip")), "no server on the list"),
    "name with a path": (released(offered(fileName="../../x.zip")), "fileName"),
}


@pytest.mark.parametrize("name", SERVICE)
def test_a_service_that_is_not_as_documented_is_named(
    asked: tuple[World, OsDownloads, Peer], name: str
) -> None:
    world, service, peer = asked
    change, reason = SERVICE[name]
    copy = fetched(world, peer)
    change(service)
    with pytest.raises((SourceError, DataError)) as refused:
        openmap_local.fetch(world.spec(), world.errand(downloader=way_out(peer)))
    assert reason in str(refused.value)
    assert snapshots.is_whole(copy)


@pytest.mark.parametrize("bad", hostile.ANSWERS, ids=hostile.ids(hostile.ANSWERS))
def test_a_hostile_answer_is_named(
    asked: tuple[World, OsDownloads, Peer], bad: hostile.Hostile
) -> None:
    world, _, peer = asked
    copy = fetched(world, peer)

    def answer(_: Asked) -> Answer:
        return bad.answer()

    peer.answers = answer
    with pytest.raises((SourceError, DataError)) as refused:
        openmap_local.fetch(world.spec(), world.errand(downloader=way_out(peer)))
    assert bad.reason in str(refused.value)
    assert snapshots.is_whole(copy)


def test_squares_of_two_editions_are_not_mixed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.zip = None
    world.options = {"squares": ["SD", "SE"]}
    editions = iter(["2026-04", "2026-10"])
    given = world.folder / "x.zip"
    monkeypatch.setattr(os_downloads, "unchanged", lambda *_: None)
    monkeypatch.setattr(
        os_downloads,
        "fetched",
        lambda *_: os_downloads.Fetched(path=given, edition=next(editions), url="u", sha256="0"),
    )
    with pytest.raises(SourceError, match="two editions, 2026-04 and 2026-10") as refused:
        openmap_local.fetch(world.spec(), world.errand())
    assert refused.value.retryable


def test_a_theme_keeps_what_is_left_of_a_shape_after_a_cut() -> None:
    theme = openmap_shapes.Theme(layer="woodland", dimensions=2, detail_m=1.0)
    bounds = Bounds(min_easting=0, min_northing=0, max_easting=10, max_northing=10)
    touching = shapely.Polygon([(-5, 0), (5, 5), (-5, 10)])
    sliver = shapely.box(3, 3, 3.01, 9)
    frame = a_layer([touching, sliver], id=["kept", "gone"])
    found = openmap_shapes.drawn(frame, theme, bounds, name="x").frame
    assert found["feature_id"].tolist() == ["kept"]
    assert found.geometry.bounds.iloc[0].tolist() == [0, 2.5, 5, 7.5]
