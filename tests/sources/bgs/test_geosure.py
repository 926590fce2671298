"""GeoSure by 5 km hexagon: a sentence about the area, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import pytest
import shapely

from sinkwatch import geo, schemas, survey
from sinkwatch.errors import DataError, SchemaError, SourceError
from sinkwatch.model import Snapshot, Surroundings
from sinkwatch.sources import snapshots
from sinkwatch.sources.bgs import geosure
from sinkwatch.sources.ordnance_survey import os_downloads
from tests.conftest import NOW, Clock
from tests.peers import hostile
from tests.peers.map_zips import a_layer, a_link, geopackage, shapefile, zip_of, zipped
from tests.peers.os_downloads import BASE_PATH, OsDownloads, Release, ReleasedFile
from tests.peers.server import Answer, Notes, Peer
from tests.sources.bgs.geosure_zips import (
    ACROSS_M,
    EAST,
    MIDDLE,
    NORTH,
    TABLE,
    WEST,
    a_hexagon,
    a_table,
    as_gpkg,
)
from tests.sources.samples import a_spec, an_errand
from tests.world import BANNED_WORDS, an_area

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import geopandas as gpd

    from sinkwatch.model import Area, Inputs, SourceSpec
    from sinkwatch.sources.errand import Errand
    from tests.peers.server import Asked

AREA: Final = an_area()


def as_shapes(table: gpd.GeoDataFrame) -> bytes:
    return zipped(shapefile(TABLE, table), folder="GeoSureHexGrids/Data/")


@cache
def good() -> bytes:
    return as_gpkg(a_table())


@cache
def good_shapes() -> dict[str, bytes]:
    return shapefile(TABLE, a_table())


class World:
    """A folder, and a zip in it that was given by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.area = AREA
        self.held: Snapshot | None = None
        self.options: dict[str, object] = {}
        self.zip: Path | None = folder / "given.zip"

    def spec(self) -> SourceSpec:
        return a_spec("geosure-hex", self.zip, options=self.options, attribution="© UKRI 2026")

    def errand(self, **changes: Any) -> Errand:  # noqa: ANN401 - any field
        known = {"area": self.area, "held": self.held, "now": NOW}
        return an_errand(self.folder / "copies", **known | changes)

    def fetch(self, content: bytes | None = None, **changes: Any) -> Snapshot:  # noqa: ANN401
        if content is not None and self.zip is not None:
            self.zip.write_bytes(content)
        self.held = geosure.fetch(self.spec(), self.errand(**changes))
        return self.held

    def frame(self, content: bytes) -> gpd.GeoDataFrame:
        return geosure.load(self.fetch(content), self.spec(), self.area)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# ── The sentence ─────────────────────────────────────────────────────────────────────────────


def test_the_hexagon_that_holds_the_centre_becomes_one_sentence(world: World) -> None:
    (row,) = world.frame(good()).to_dict("records")
    assert (row["context_id"], row["topic"]) == (
        "geosure-soluble-rocks-SE3171", "regional_rating",
    )  # fmt: skip
    assert row["text"] == (
        'BGS rates the 5 km hexagon that holds Smallworld\'s centre as "Significant" for soluble '
        "rocks: the highest rating found anywhere in it, not of any one place."
    )
    assert not any(word in row["text"].lower() for word in BANNED_WORDS)


def test_it_has_no_shape_and_can_neither_be_drawn_nor_measured_from(world: World) -> None:
    frame = world.frame(good())
    assert schemas.CONTEXT.check(frame) is frame
    assert frame.geometry.isna().all()
    assert frame.crs == geo.BNG
    assert frame["observed_on"].isna().all()


def test_no_band_changes_with_it(world: World, ripon: Area, ripon_inputs: Inputs) -> None:
    with_it = survey.findings(
        ripon, replace(ripon_inputs, surroundings=Surroundings(context=world.frame(good())))
    )
    without_it = survey.findings(ripon, ripon_inputs)
    assert with_it.sites == without_it.sites
    assert with_it.postcode_bands.equals(without_it.postcode_bands)
    assert with_it.flagged == without_it.flagged


def test_a_centre_on_the_line_between_two_has_both(world: World) -> None:
    touching = [a_hexagon(ACROSS_M / 2), a_hexagon(-ACROSS_M / 2)]
    frame = world.frame(as_gpkg(a_table(touching)))
    assert frame["context_id"].tolist() == sorted(frame["context_id"])
    assert [text.split('"')[1] for text in frame["text"]] == ["Low", "Significant"]


def test_another_centre_is_answered_from_the_same_copy(world: World) -> None:
    snapshot = world.fetch(good())
    moved = replace(AREA, map_centre=(EAST - ACROSS_M, NORTH))
    (row,) = geosure.load(snapshot, world.spec(), moved).to_dict("records")
    assert '"Low"' in row["text"]
    far = replace(AREA, map_centre=(EAST + 50_000, NORTH))
    with pytest.raises(SchemaError, match="none of its hexagons holds Smallworld's centre"):
        geosure.load(snapshot, world.spec(), far)


@pytest.mark.parametrize(
    ("columns", "rating"),
    [
        ({"Legend": ["Low", "Low"]}, "Low"),
        ({"LEGEND": [" moderate ", "low"]}, "Moderate"),
        ({"legend": ["SIGNIFICANT", "low"]}, "Significant"),
        ({"CLASS": [1, 2]}, "Low"),
        ({"Class": [2.0, 1.0]}, "Moderate"),
        ({"class": ["3", "1"]}, "Significant"),
        ({"CLASS": ["A", "B"]}, "Low"),
        ({"CLASS": ["c", "B"]}, "Moderate"),
        ({"CLASS": ["D", "E"]}, "Significant"),
        ({"CLASS": ["Significant", "Low"]}, "Significant"),
        ({"CLASS": ["C", "A"], "Legend": ["Low", "Low"]}, "Low"),
        ({"CLASS": ["2", "1"], "Legend": ["Moderate", "Low"], "Other": ["x", "y"]}, "Moderate"),
    ],
    ids=str,
)
def test_ratings_are_read_as_words_numbers_or_letters_without_regard_to_case(
    world: World, columns: dict[str, list[object]], rating: str
) -> None:
    for content in (as_gpkg(a_table(**columns)), as_shapes(a_table(**columns))):
        (row,) = world.frame(content).to_dict("records")
        assert f'"{rating}"' in row["text"]


def test_only_the_table_of_soluble_rocks_is_read(world: World) -> None:
    landslides = a_table(CLASS=[1, 1], Legend=["Low", "Low"])
    tables = {"GB_Hex_5km_GS_Landslides_v8": landslides, TABLE.lower(): a_table()}
    (row,) = world.frame(zipped({"x.gpkg": geopackage(**tables)})).to_dict("records")
    assert '"Significant"' in row["text"]


def test_a_hexagon_that_is_there_twice_is_there_once(world: World) -> None:
    table = a_table([MIDDLE, MIDDLE], CLASS=[3, 3])
    assert len(world.frame(as_gpkg(table))) == 1


def test_the_same_zip_gives_the_same_bytes_and_is_not_fetched_again(world: World) -> None:
    first = world.fetch(good())
    assert world.fetch(good()) == first
    world.held = None
    assert world.fetch(as_gpkg(a_table().iloc[::-1])).sha256 == first.sha256
    assert {path.name for path in first.path.parent.iterdir()} == {first.path.name, "answer"}


@pytest.mark.parametrize("content", [b"", b"PAR1", b"<html>"], ids=str)
def test_a_copy_that_sinkwatch_did_not_write_is_refused(world: World, content: bytes) -> None:
    snapshot = world.fetch(good())
    snapshot.path.write_bytes(content)
    with pytest.raises(SchemaError, match="no file that sinkwatch wrote"):
        geosure.load(snapshot, world.spec(), AREA)


def test_a_copy_of_something_else_is_refused(world: World) -> None:
    snapshot = world.fetch(good())
    a_layer([MIDDLE], other=["x"]).to_parquet(snapshot.path)
    with pytest.raises(SchemaError, match="column hexagon_id is missing"):
        geosure.load(snapshot, world.spec(), AREA)


# ── Asked over the network ───────────────────────────────────────────────────────────────────


@pytest.fixture
def asked(world: World) -> Iterator[tuple[World, OsDownloads, Peer]]:
    file = ReleasedFile(body=good(), file_name="gb-hex-5km-geosure.zip", file_format="GeoPackage")
    service = OsDownloads(**{geosure.PRODUCT: Release(version="2026-10", files=[file])})
    with Peer(service).running() as peer:
        world.zip = None
        world.options = {"base_url": peer.url(BASE_PATH)}
        yield world, service, peer


def way_out(peer: Peer) -> Any:  # noqa: ANN401 - a Downloader
    return hostile.a_downloader(peer, Clock(NOW), Notes())


def test_it_is_asked_for_once_an_edition(asked: tuple[World, OsDownloads, Peer]) -> None:
    world, service, peer = asked
    first = world.fetch(downloader=way_out(peer))
    assert [each.path for each in peer.asked[:3]] == service.product_paths(geosure.PRODUCT)
    assert peer.asked[1].query == {"area": ["GB"], "format": ["GeoPackage"]}
    n_asked = len(peer.asked)
    assert world.fetch(downloader=way_out(peer)) == first
    assert len(peer.asked) == n_asked + 1
    assert first.edition == "2026-10"


def test_its_server_is_that_of_os_unless_another_is_named() -> None:
    assert geosure.host_rules(a_spec("geosure-hex", None)) == {"api.os.uk": os_downloads.RULE}


# ── Hostile zips: each with its reason, and the last good copy untouched ─────────────────────


def rated(value: object) -> Callable[[], bytes]:
    return lambda: as_gpkg(a_table(Legend=[value, "Low"]))


def classed(value: object, other: object = 1) -> Callable[[], bytes]:
    return lambda: as_gpkg(a_table(CLASS=[value, other]))


def shaped(*shapes: shapely.Geometry | None) -> Callable[[], bytes]:
    return lambda: as_gpkg(a_table(list(shapes), CLASS=[1] * len(shapes)))


def without(ending: str) -> Callable[[], bytes]:
    return lambda: zipped({n: at for n, at in good_shapes().items() if not n.endswith(ending)})


def with_file(ending: str, content: bytes) -> Callable[[], bytes]:
    return lambda: zipped({**good_shapes(), TABLE + ending: content})


def cut(ending: str, n_bytes: int) -> Callable[[], bytes]:
    return lambda: zipped(
        {**good_shapes(), TABLE + ending: good_shapes()[TABLE + ending][:-n_bytes]}
    )


def turned(how: Callable[[Any], Any]) -> Callable[[], bytes]:
    return shaped(*(shapely.transform(shape, how) for shape in (MIDDLE, WEST)))


def in_crs(code: str) -> Callable[[], bytes]:
    return lambda: as_gpkg(a_table().set_crs(code, allow_override=True))


def bow_tie() -> shapely.Polygon:
    half = 8_050
    corners = [(-half, -half), (half, half), (half, -half), (-half, half)]
    return shapely.Polygon([(EAST + east, NORTH + north) for east, north in corners])


KNOWN: Final = "is none of Low, Moderate, Significant"
UNLIKE: Final = "shapes here are no hexagons of 5 km a side"
VRT: Final = b"<OGRVRTDataSource></OGRVRTDataSource>"

HOSTILE: Final[dict[str, tuple[Callable[[], bytes], str]]] = {
    # No zip, or none to unpack
    "nothing": (lambda: b"", "is empty"),
    "html": (lambda: b"<!DOCTYPE html><h1>Sign in</h1>", "is no zip archive"),
    "cut short": (lambda: good()[:-300], "is no whole zip archive"),
    "first half": (lambda: good()[:2_000], "is no whole zip archive"),
    "no member": (zip_of, "without a file in it"),
    "too many": (lambda: zipped({f"{i}.txt": b"" for i in range(101)}), "more than 100"),
    "bomb": (lambda: zipped({"x.gpkg": bytes(30_000_000)}), "times its size"),
    "up and out": (lambda: zipped({"../x.gpkg": b"x"}), "leads out of its folder"),
    "root": (lambda: zipped({"/tmp/x.gpkg": b"x"}), "begins at the root"),  # noqa: S108 - not used
    "drive": (lambda: zipped({"C:/x.gpkg": b"x"}), "begins at the root"),
    "backslash": (lambda: zipped({"..\\x.gpkg": b"x"}), "has a backslash"),
    "link": (lambda: zip_of((a_link("x.gpkg"), b"/etc/passwd")), "is a link or a device"),
    # Not the table
    "documents only": (lambda: zipped({"readme.txt": b"x"}), "it has 0 tables of soluble rocks"),
    "another table": (
        lambda: as_gpkg(a_table(), "GB_Hex_5km_GS_Landslides_v8"), "it has 0 tables of soluble",
    ),
    "another grid": (
        lambda: as_gpkg(a_table(), "GB_Hex_1km_GS_SolubleRocks_v8"), "it has 0 tables of soluble",
    ),
    "two editions": (
        lambda: zipped({"x.gpkg": geopackage(**{TABLE: a_table(), TABLE[:-1] + "9": a_table()})}),
        "it has 2 tables of soluble rocks",
    ),
    "one name twice": (
        lambda: zipped({f"{i}.gpkg": geopackage(**{TABLE: a_table()}) for i in (1, 2)}),
        "two layers of one name",
    ),
    # Not what their names say
    "html in it": (lambda: zipped({"x.gpkg": b"<html>"}), "it is no file of that ending"),
    "virtual": (lambda: zipped({"x.gpkg": VRT}), "it is no file of that ending"),
    "virtual shapes": (with_file(".shp", VRT), "it is no file of that ending"),
    "json": (lambda: zipped({"x.gpkg": b'{"type": "x"}'}), "it is no file of that ending"),
    "no database": (
        lambda: zipped({"x.gpkg": b"SQLite format 3\0" + bytes(84)}), "cannot be read as a",
    ),
    "half a database": (
        lambda: zipped({"x.gpkg": geopackage(**{TABLE: a_table()})[:20_000]}), "cannot be read",
    ),
    # Not whole
    "no index": (without(".shx"), ".shx is missing beside it"),
    "no attributes": (without(".dbf"), ".dbf is missing beside it"),
    "shapes cut": (cut(".shp", 100), "bytes long and states"),
    "index cut": (cut(".shx", 8), "bytes long and states"),
    "attributes cut": (cut(".dbf", 40), "no row of the table for each"),
    # Not on the National Grid
    "no crs": (without(".prj"), "its CRS is none"),
    "degrees": (in_crs("EPSG:4326"), "its CRS is EPSG:4326"),
    "web mercator": (in_crs("EPSG:3857"), "its CRS is EPSG:3857"),
    "irish grid": (in_crs("EPSG:29903"), "not EPSG:27700"),
    # Not here
    "axes exchanged": (
        turned(lambda at: at[:, ::-1]), "easting and northing look exchanged",
    ),
    "far away": (turned(lambda at: at + 90_000), "nothing in it lies within"),
    "kilometres": (turned(lambda at: at / 1_000), "nothing in it lies within"),
    "no row": (lambda: as_gpkg(a_table()[:0]), "nothing in it lies within"),
    "beside it": (shaped(WEST), "none of its hexagons holds Smallworld's centre"),
    # Not hexagons
    "points": (shaped(shapely.Point(EAST, NORTH)), UNLIKE),
    "outlines": (shaped(shapely.LineString(MIDDLE.exterior.coords)), UNLIKE),
    "of 1 km": (shaped(a_hexagon(side_m=1_000)), UNLIKE),
    "of 50 km": (shaped(a_hexagon(side_m=50_000)), UNLIKE),
    "bow tie": (shaped(bow_tie()), UNLIKE),
    "all Britain": (shaped(shapely.box(0, 0, 700_000, 1_300_000)), UNLIKE),
    "one in two": (shaped(MIDDLE, a_hexagon(side_m=4_000)), "1 of its 2 shapes here are no hex"),
    "no geometry": (
        lambda: as_gpkg(a_table().drop(columns="geometry")), "no geometry field present",
    ),
    "two ratings": (
        lambda: as_gpkg(a_table([MIDDLE, MIDDLE], CLASS=[1, 3])), "is there with two ratings",
    ),
    # Not a rating that is known: never taken for none
    "no columns": (
        lambda: as_gpkg(a_table(Rating=["Low", "Low"])), "neither a column CLASS nor Legend",
    ),
    "none": (rated("None"), KNOWN),
    "very high": (rated("Very high"), 'its legend "Very high" is none of'),
    "not assessed": (rated("Not assessed"), KNOWN),
    "empty": (rated(""), KNOWN),
    "null": (rated(None), KNOWN),
    "markup": (rated("<b>Low</b>\n"), 'its legend "<b>Low</b>" is none of'),
    "endless": (rated("Low " * 999), KNOWN),
    "number for a word": (rated("3"), 'its legend "3" is none of'),
    "nought": (classed(0), 'its class "0" is none of'),
    "four": (classed(4), 'its class "4" is none of'),
    "negative": (classed(-1), KNOWN),
    "a half": (classed(1.5, 1.0), 'its class "1.5" is none of'),
    "NaN": (classed(math.nan, 1.0), KNOWN),
    "infinity": (classed(math.inf, 1.0), KNOWN),
    "1e300": (classed(1e300, 1.0), KNOWN),
    "letter F": (classed("F", "A"), 'its class "F" is none of'),
    "true": (lambda: as_gpkg(a_table(CLASS=[True, False])), KNOWN),
    "words disagree": (
        lambda: as_gpkg(a_table(CLASS=[3, 1], Legend=["Low", "Low"])),
        "a hexagon is Low by its legend and Significant by its class",
    ),
    "class unknown": (
        lambda: as_gpkg(a_table(CLASS=[9, 1], Legend=["Low", "Low"])), 'its class "9" is none of',
    ),
    "one column twice": (
        lambda: as_gpkg(a_table(CLASS=[1, 1], Legend=["Low", "Low"]).assign(Ä=1, ä=2)),
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
    copy = world.fetch(good())
    before = {path: path.read_bytes() for path in copy.path.parent.glob("*.parquet")}
    with pytest.raises((SourceError, DataError)) as refused:
        world.fetch(content())
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)
    assert {p: p.read_bytes() for p in copy.path.parent.glob("*.parquet")} == before
    assert [path.name for path in copy.path.parent.glob(".unpacked*")] == []


@pytest.mark.parametrize("bad", hostile.ANSWERS, ids=hostile.ids(hostile.ANSWERS))
def test_a_hostile_answer_is_named(
    asked: tuple[World, OsDownloads, Peer], bad: hostile.Hostile
) -> None:
    world, _, peer = asked
    copy = world.fetch(downloader=way_out(peer))

    def answer(_: Asked) -> Answer:
        return bad.answer()

    peer.answers = answer
    with pytest.raises((SourceError, DataError)) as refused:
        geosure.fetch(world.spec(), world.errand(downloader=way_out(peer)))
    assert bad.reason in str(refused.value)
    assert snapshots.is_whole(copy)
