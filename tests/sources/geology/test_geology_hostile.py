"""Files that are no geology, or not whole: the named reason for each, and the last good copy."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pandas as pd
import pytest
import shapely

from sinkwatch import geo
from sinkwatch.errors import DataError, SourceError
from sinkwatch.sources import geology, snapshots
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
from tests.world import an_area

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sources.conftest import Write

GEOSURE: Final = {"product": "geosure-soluble-rocks"}
UNREADABLE: Final = "it cannot be read as a map layer"
UNUSABLE: Final = "1 of 1 zones have a shape that cannot be used"
BEYOND: Final = "no zone of it lies in the area"
DISGUISED: Final = "but does not begin as such a file does"
RECIPE: Final = (
    b'<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>/etc/passwd</SrcDataSource>'
    b"</OGRVRTLayer></OGRVRTDataSource>"
)


class Hostile(NamedTuple):
    """A file that must not be believed, and words of the reason."""

    name: str
    ending: str
    content: Callable[[], bytes]
    reason: str
    options: Mapping[str, object] = MappingProxyType({})


def _sure(content: bytes) -> Callable[[], bytes]:
    return lambda: content


def _json(name: str, content: bytes, reason: str) -> Hostile:
    return Hostile(name, ".geojson", _sure(content), reason)


def _zone(name: str, reason: str, **changes: Any) -> Hostile:  # noqa: ANN401 - any member
    return Hostile(name, ".geojson", lambda: a_collection(a_zone(**changes)), reason)


def _shape(name: str, kind: str, coordinates: object, reason: str) -> Hostile:
    return _zone(name, reason, geometry={"type": kind, "coordinates": coordinates})


def _layer(name: str, ending: str, content: Callable[[], bytes], reason: str) -> Hostile:
    return Hostile(name, ending, content, reason, GEOSURE)


def _cut(ending: str, share: float) -> Callable[[], bytes]:
    return lambda: plain(ending)[: int(len(plain(ending)) * share)]


def _repacked(**changes: bytes | None) -> Callable[[], bytes]:
    """An archive of a shapefile with the parts of those endings changed, or left out."""

    def content() -> bytes:
        kept = dict(parts())
        for ending, part in changes.items():
            kept.pop(f"layer.{ending}")
            if part is not None:
                kept[f"layer.{ending}"] = part
        return zipped(kept)

    return content


def _with(name: str) -> Callable[[], bytes]:
    return lambda: zipped(parts(), [name])


def _link() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        member = zipfile.ZipInfo("layer.shp")
        member.external_attr = 0o120777 << 16
        archive.writestr(member, "/etc/passwd")
    return target.getvalue()


def _directory(at: int, field: str, value: int) -> Callable[[], bytes]:
    """An archive in whose directory one member's field says something else."""

    def content() -> bytes:
        packed = bytearray(zipped(parts()))
        entry = packed.index(b"PK\x01\x02")
        struct.pack_into(field, packed, entry + at, value)
        return bytes(packed)

    return content


def _spoilt() -> bytes:
    packed = bytearray(zipped(parts()))
    packed[packed.index(parts()["layer.dbf"]) + 5] ^= 0xFF
    return bytes(packed)


def _torn_dbf() -> bytes:
    kept = dict(parts())
    return zipped({**kept, "layer.dbf": kept["layer.dbf"][:-40]})


def _one_row_less() -> bytes:
    kept = dict(parts())
    table = bytearray(kept["layer.dbf"])
    struct.pack_into("<I", table, 4, 1)
    return zipped({**kept, "layer.dbf": bytes(table)})


def _torn(ending: str) -> Callable[[], bytes]:
    def content() -> bytes:
        kept = dict(parts())
        return zipped({**kept, f"layer.{ending}": kept[f"layer.{ending}"][:-8]})

    return content


@cache
def _two_layers() -> bytes:
    return zipped(
        {f"{stem}.{name.split('.')[1]}": part for stem in "ab" for name, part in parts().items()}
    )


def _table() -> bytes:
    target = io.BytesIO()
    pd.DataFrame({"CLASS": ["E"]}).to_parquet(target)
    return target.getvalue()


def _many_corners() -> bytes:
    circle = shapely.segmentize(square(0), 0.02)
    layer = geosure("E")
    layer.geometry = [circle]
    return file_of(layer, ".gpkg")


def _replaced(old: bytes, new: bytes) -> bytes:
    return a_collection(a_zone()).replace(old, new)


MERCATOR: Final = {"type": "name", "properties": {"name": "EPSG:3857"}}
NOWHERE: Final = {"type": "name", "properties": {"name": "EPSG:nowhere"}}
TIE: Final = [[[-1.55, 54.12], [-1.53, 54.13], [-1.53, 54.12], [-1.55, 54.13], [-1.55, 54.12]]]
SWAPPED: Final = [[[54.12, -1.55], [54.12, -1.53], [54.13, -1.53], [54.13, -1.55], [54.12, -1.55]]]
ZEROS: Final = [[[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]]

FILES: Final = (
    # No JSON, or more than JSON
    _json("empty", b"", "is empty"),
    _json("blank", b" \r\n\t", "is empty"),
    _json("a page", b"<!DOCTYPE html><h1>Sign in</h1>", 'it begins with "<!DOCTYPE html>'),
    _json("truncated", a_collection(a_zone())[:-30], "it is not whole JSON"),
    _json("half a number", a_collection(a_zone())[:150], "it is not whole JSON"),
    _json("NaN", _replaced(b"54.13", b"NaN"), "NaN is not a finite number"),
    _json("infinite", _replaced(b"54.13", b"-Infinity"), "-Infinity is not a finite number"),
    _json("1e999", _replaced(b"54.13", b"1e999"), "1e999 is not a finite number"),
    _json("a huge integer", _replaced(b"500", b"9" * 400), "is not a finite number"),
    _json("a key twice", _replaced(b'"class": "C"', b'"class": "A", "class": "C"'), "there twice"),
    _json("deep", b"[" * 70 + b"]" * 70, "nested deeper than 64"),
    _json("very deep", b"[" * 100_000, "nested deeper than 64"),
    _json("a long text", _replaced(b'"Belt"', b'"' + b"x" * 10_001 + b'"'), "longer than 10,000"),
    _json("Latin-1", _replaced(b"Belt", "Bélt".encode("latin-1")), "is not UTF-8"),
    _json("UTF-16", a_collection(a_zone()).decode().encode("utf-16"), "so it is no JSON"),
    _json("a byte order mark", b"\xef\xbb\xbf" + a_collection(a_zone()), "so it is no JSON"),
    _json("half a character", _replaced(b"Belt", b"\\ud800"), "half of a character"),
    _json("gzip", gzip.compress(a_collection(a_zone()), mtime=0), "so it is no JSON"),
    _json("a list", json.dumps([a_zone()]).encode(), "no FeatureCollection"),
    _json("one feature", json.dumps(a_zone()).encode(), "no FeatureCollection"),
    _json("an error", b'{"error": {"code": 400}}', "no FeatureCollection"),
    _json("no list", b'{"type": "FeatureCollection", "features": {}}', "no FeatureCollection"),
    _json("no zones", a_collection(), BEYOND),
    _json("no zone is one", a_collection(None, 7, "x"), "column class is missing"),
    _json("Mercator", a_collection(a_zone(), crs=MERCATOR), "its CRS is EPSG:3857"),
    _json("no such CRS", a_collection(a_zone(), crs=NOWHERE), UNREADABLE),
    # Shapes
    _shape("axes exchanged", "Polygon", SWAPPED, "its two coordinates look exchanged"),
    _shape("zeros", "Polygon", ZEROS, BEYOND),
    _shape("a bow-tie", "Polygon", TIE, f"{UNUSABLE} (Z1: its boundary crosses itself"),
    _shape("a point", "Point", [-1.55, 54.12], f"{UNUSABLE} (Z1: it is no polygon)"),
    _shape("a line", "LineString", TIE[0], f"{UNUSABLE} (Z1: it is no polygon)"),
    _shape("nothing in it", "Polygon", [], f"{UNUSABLE} (Z1: it has no geometry)"),
    _shape("an open ring", "Polygon", [TIE[0][:2]], "feature 1: its geometry cannot be read"),
    _shape("words", "Polygon", "54.12 -1.55", "feature 1: its geometry cannot be read"),
    _shape("text for numbers", "Polygon", [[["a", "b"]] * 4], "feature 1: its geometry cannot"),
    _shape("a circle", "Circle", [-1.55, 54.12], "feature 1: its geometry cannot be read"),
    _zone("no shape", f"{UNUSABLE} (Z1: it has no geometry)", geometry=None),
    _layer("many corners", ".gpkg", _many_corners, "it has more than 100,000 corners"),
    # What is said of a zone
    _zone("no columns", "column class is missing", properties={}),
    _zone("columns as a list", "column class is missing", properties=["C"]),
    _zone("no class", "column source_class is empty in 1 of 1 rows", **{"class": None}),
    _zone("a blank class", "column source_class is empty in 1 of 1 rows", **{"class": " \t"}),
    _zone("no id", "column zone_id is empty", zone_id=None),
    _zone("no title", "column title is empty", title=""),
    _zone("about", '"about" is not a number of metres', position_uncertainty_m="about"),
    _zone("zero", "outside 1 to 100000", position_uncertainty_m=0),
    _zone("negative", "outside 1 to 100000", position_uncertainty_m=-500),
    _zone("too vague", "outside 1 to 100000", position_uncertainty_m=1e9),
    _zone("unsaid", "column position_uncertainty_m is empty", position_uncertainty_m=None),
    _zone("two sides", "does not give all four", boundary_uncertainty_m={"west": 1, "east": 2}),
    _zone("sides in a list", "does not give all four", boundary_uncertainty_m=[1, 2, 3, 4]),
    _zone("deep sides", "does not give all four", boundary_uncertainty_m="[" * 9_999),
    _zone("one name in two cases", "differ in nothing but their case", CLASS="A"),
    _json("an id twice", a_collection(a_zone(), a_zone()), "zone_id is repeated: Z1"),
    _layer("an unknown class", ".gpkg", lambda: file_of(geosure("F"), ".gpkg"), "class F has no"),
    _layer("hexagons", ".fgb", lambda: file_of(a_layer("1", "3"), ".fgb"), "class 1, 3 has no"),
    _layer("no hazard", ".fgb", lambda: file_of(a_layer("none"), ".fgb"), "class none has no"),
    _layer("an empty class", ".gpkg", lambda: file_of(a_layer(""), ".gpkg"),
           "source_class is empty"),
    _layer("no class at all", ".gpkg", lambda: file_of(a_layer("E", column="RISK"), ".gpkg"),
           "column CLASS is missing"),
    _layer("many zones twice", ".fgb", lambda: file_of(_twins(), ".fgb"), "1 of 2 zones are there"),
    # Other formats
    _layer("a recipe", ".gpkg", _sure(RECIPE), DISGUISED),
    _layer("a recipe in a zip", ".zip", lambda: zipped({"a.gpkg": RECIPE}), DISGUISED),
    _layer("a page", ".gpkg", _sure(b"<html>403</html>"), DISGUISED),
    _layer("GeoPackage cut", ".gpkg", _cut(".gpkg", 0.7), UNREADABLE),
    _layer("GeoPackage's head", ".gpkg", _sure(b"SQLite format 3\x00"), UNREADABLE),
    _layer("no CRS", ".gpkg", lambda: file_of(a_layer("E", crs=None), ".gpkg"),
           "no CRS is declared"),
    _layer("degrees of 1936", ".gpkg", lambda: file_of(a_layer("E", crs="EPSG:4277"), ".gpkg"),
           "its CRS is EPSG:4277"),
    Hostile("a layer it has not", ".gpkg", lambda: plain(".gpkg"), "no layers named Soluble could",
            {**GEOSURE, "layer": "Soluble"}),
    _layer("FlatGeobuf cut", ".fgb", _cut(".fgb", 0.6), "it holds nothing"),
    _layer("FlatGeobuf cut late", ".fgb", _cut(".fgb", 0.98), UNREADABLE),
    _layer("FlatGeobuf of old", ".fgb", lambda: b"fgb\x02" + plain(".fgb")[4:], DISGUISED),
    _layer("Parquet cut", ".parquet", _cut(".parquet", 0.9), UNREADABLE),
    _layer("Parquet of a table", ".parquet", _table, "it holds no geometry"),
    _layer("Parquet, no CRS", ".parquet", lambda: file_of(a_layer("E", crs=None), ".parquet"),
           "no CRS is declared"),
    _layer("a drawing", ".kml", _sure(b"<kml/>"), "it ends in .kml, which is none of .gpkg"),
    _layer("no ending", "", _sure(b"x"), "it ends in nothing, which is none of"),
    # Shapefiles
    _layer("no table", ".zip", _repacked(dbf=None), "its .dbf file is missing"),
    _layer("no index", ".zip", _repacked(shx=None), "its .shx file is missing"),
    _layer("no projection", ".zip", _repacked(prj=None), "no CRS is declared"),
    _layer("odd projection", ".zip", _repacked(prj=b"here"), "no CRS is declared"),
    _layer("shapes cut", ".zip", _torn("shp"), "its .shp file says it has"),
    _layer("index cut", ".zip", _torn("shx"), "its .shx file says it has"),
    _layer("table cut", ".zip", _torn_dbf, "its .dbf file is too short for its 2 rows"),
    _layer("table gone", ".zip", _repacked(dbf=b"\x03"), UNREADABLE),
    _layer("a row less", ".zip", _one_row_less, "it has 2 shapes and 1 rows"),
    _layer("shapes that are none", ".zip", _repacked(shp=b"<html>"), DISGUISED),
    # Archives
    _layer("no archive", ".zip", _sure(b"PK but not really"), "the archive cannot be unpacked"),
    _layer("archive cut", ".zip", _cut(".zip", 0.8), "the archive cannot be unpacked"),
    _layer("a climber", ".zip", _with("../../etc/cron.d/x.shp"), "of the archive leads out of it"),
    _layer("from the root", ".zip", _with("/etc/passwd"), "of the archive leads out of it"),
    _layer("a drive", ".zip", _with("C:/x.shp"), "of the archive leads out of it"),
    _layer("backslashes", ".zip", _with("..\\x.shp"), "of the archive leads out of it"),
    _layer("a link", ".zip", _link, "of the archive is a link"),
    _layer("51 files", ".zip", lambda: zipped({}, [f"{n}.txt" for n in range(51)]),
           "51 files, more than 50"),
    _layer("a bomb", ".zip", _directory(24, "<I", 600_000_000), "more than 500,000,000"),
    _layer("a bomb that lies", ".zip", _directory(24, "<I", 1), "the archive cannot be unpacked"),
    _layer("encrypted", ".zip", _directory(8, "<H", 1), "of the archive is encrypted"),
    _layer("an odd packing", ".zip", _directory(10, "<H", 99), "the archive cannot be unpacked"),
    _layer("a spoilt byte", ".zip", _spoilt, "the archive cannot be unpacked (Bad CRC-32"),
    _layer("a name twice", ".zip", _with("LAYER.DBF"), "'layer.dbf' is there twice"),
    _layer("an archive in it", ".zip", lambda: zipped({"a.zip": plain(".zip")}), "no layers could"),
    _layer("nothing in it", ".zip", lambda: zipped({}), "it holds nothing"),
    _layer("two layers", ".zip", _two_layers, "2 layers could be meant; it holds a.cpg"),
)  # fmt: skip


def _twins() -> Any:  # noqa: ANN401 - a layer
    layer = geosure("E", "E")
    layer.geometry = [square(0), square(0)]
    return layer


@pytest.mark.parametrize("given", FILES, ids=[f"{f.name} {f.ending}" for f in FILES])
def test_a_file_that_cannot_be_believed_is_refused_by_name_and_the_last_good_copy_stays(
    given: Hostile, write: Write, folder: Path
) -> None:
    good = a_spec("geology", write("good.geojson", a_collection(a_zone())))
    held = geology.fetch(good, an_errand(folder))
    spec = a_spec("geology", write(f"layer{given.ending}", given.content()), options=given.options)
    with pytest.raises((DataError, SourceError)) as refused:
        geology.load(geology.fetch(spec, an_errand(folder)), spec, an_area())
    assert given.reason in str(refused.value)
    assert "\n" not in str(refused.value)
    assert snapshots.is_whole(held)
    assert geology.load(held, good, an_area())["zone_id"].tolist() == ["Z1"]


def test_every_hostile_file_has_a_name_of_its_own_and_there_are_enough() -> None:
    names = [f"{given.name} {given.ending}" for given in FILES]
    assert len(set(names)) == len(names) >= 60


def test_a_geojson_that_would_fill_memory_is_not_parsed(
    write: Write, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sinkwatch.sources.geology.files.MOST_JSON", 100)
    spec = a_spec("geology", write("zones.geojson", a_collection(a_zone())))
    with pytest.raises(DataError, match="GeoJSON of more than 100 bytes is not read"):
        geology.load(geology.fetch(spec, an_errand(folder)), spec, an_area())


def test_a_layer_of_very_many_zones_is_read_through_a_window_and_still_bounded(
    write: Write, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sinkwatch.sources.geology.files.MOST_ROWS", 2)
    spec = a_spec(
        "geology", write("layer.gpkg", file_of(geosure(*"ABC"), ".gpkg")), options=GEOSURE
    )
    with pytest.raises(DataError, match="it has more than 2 zones in the area"):
        geology.load(geology.fetch(spec, an_errand(folder)), spec, an_area())
    far = geosure(*"ABCE")
    far.geometry = [*(shapely.box(n, 0, n + 1, 1) for n in range(3)), square(0)]
    spec = a_spec("geology", write("far.gpkg", file_of(far, ".gpkg")), options=GEOSURE)
    frame = geology.load(geology.fetch(spec, an_errand(folder)), spec, an_area())
    assert frame["source_class"].tolist() == ["E"]


def test_parquet_that_unpacks_to_too_much_is_not_read(
    write: Write, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sinkwatch.sources.geology.files.MOST_UNPACKED", 100)
    spec = a_spec("geology", write("layer.parquet", plain(".parquet")), options=GEOSURE)
    with pytest.raises(DataError, match=r"it unpacks to [0-9,]+ bytes, more than 100"):
        geology.load(geology.fetch(spec, an_errand(folder)), spec, an_area())


def test_the_way_out_of_a_missing_crs_names_the_two_that_may_be_declared() -> None:
    assert (geo.BNG, geo.WGS84) == ("EPSG:27700", "EPSG:4326")
