"""Overpass: one question a month, believed only if it is whole, and kept under its own name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from sinkwatch.errors import ConfigError, SchemaError, SinkwatchError, SourceError
from sinkwatch.sources.addresses import overpass
from tests.peers.hostile import ANSWERS, Hostile, a_downloader, slowly
from tests.peers.overpass import Overpass, an_element, envelope, tagged
from tests.peers.server import Answer, Notes, Peer
from tests.sources.samples import a_spec, an_errand
from tests.world import an_area

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import geopandas as gpd

    from sinkwatch.model import Snapshot, SourceSpec
    from tests.conftest import Clock


class World:
    """The server on loopback, and what runs have held."""

    def __init__(self, peer: Peer, service: Overpass, folder: Path, clock: Clock) -> None:
        self.peer, self.service, self.folder, self.clock = peer, service, folder, clock
        self.notes = Notes()
        self.held: Snapshot | None = None
        self.options: dict[str, object] = {"base_url": peer.url("")}

    def spec(self) -> SourceSpec:
        return a_spec("overpass", None, options=self.options, attribution="© OSM")

    def fetch(self, *, whole_s: float = 5, **step: float) -> Snapshot:
        self.clock.move(**step)
        way_out = a_downloader(self.peer, self.clock, self.notes, whole_s=whole_s)
        errand = an_errand(self.folder, now=self.clock(), downloader=way_out, held=self.held)
        self.held = overpass.fetch(self.spec(), errand)
        return self.held

    def frame(self, **step: float) -> gpd.GeoDataFrame:
        return overpass.load(self.fetch(**step), self.spec(), an_area())

    def questions(self) -> list[str]:
        return [asked.query["data"][0] for asked in self.peer.asked]


@pytest.fixture
def world(tmp_path: Path, clock: Clock) -> Iterator[World]:
    service = Overpass(an_element(1), an_element(7, "way"), an_element(3, "relation"))
    with Peer(service).running() as peer:
        yield World(peer, service, tmp_path / "copies", clock)


# ── The question ─────────────────────────────────────────────────────────────────────────────


def test_one_question_for_every_house_number_in_the_areas_bounds(world: World) -> None:
    world.fetch()
    (question,) = world.questions()
    begin, sides, end = re.split(r"[()]", question)
    assert (begin, end) == ('[out:json][timeout:60];nwr["addr:housenumber"]', ";out center tags;")
    # South, west, north, east of the bounds, as the data gates give them in degrees.
    assert [round(float(side), 2) for side in sides.split(",")] == [54.08, -1.62, 54.19, -1.42]
    assert [asked.path for asked in world.peer.asked] == ["/api/interpreter"]


def test_a_box_of_ones_own_is_south_west_north_east(world: World) -> None:
    world.options["bbox"] = [54.1, -1.58, 54.17, -1.47]
    world.fetch()
    assert "(54.10000,-1.58000,54.17000,-1.47000)" in world.questions()[0]


@pytest.mark.parametrize(
    ("bbox", "reason"),
    [
        ([54.1, -1.58, 54.17], "is not four numbers"),
        (["54.1", -1.58, 54.17, -1.47], "is not four numbers"),
        ([True, -1.58, 54.17, -1.47], "is not four numbers"),
        ("54.1,-1.58,54.17,-1.47", "is not four numbers"),
        ([54.17, -1.58, 54.1, -1.47], "is not one of up to 1,000 km²"),
        ([54.1, -1.47, 54.17, -1.58], "is not one of up to 1,000 km²"),
        ([-1.58, 54.1, -1.47, 54.17], "is not one of up to 1,000 km²"),
        ([53.0, -2.0, 55.0, -1.0], "is not one of up to 1,000 km²"),
        ([48.8, 2.3, 48.9, 2.4], "is not one of up to 1,000 km²"),
        ([54.1, -1.58, 54.1, -1.47], "is not one of up to 1,000 km²"),
    ],
)
def test_a_box_that_is_wrong_or_too_large_is_refused_before_anyone_is_asked(
    world: World, bbox: object, reason: str
) -> None:
    world.options["bbox"] = bbox
    with pytest.raises(ConfigError, match=reason):
        world.fetch()
    assert world.peer.asked == []


def test_it_is_asked_once_a_month(world: World) -> None:
    first = world.fetch()
    assert world.fetch(days=27) is first
    assert len(world.peer.asked) == 1
    assert world.fetch(days=2) is not first
    assert len(world.peer.asked) == 2


def test_another_box_is_asked_for_at_once(world: World) -> None:
    world.fetch()
    world.options["bbox"] = [54.1, -1.58, 54.17, -1.47]
    world.fetch(days=1)
    assert len(world.peer.asked) == 2


def test_the_server_is_the_shared_one_unless_another_is_named(world: World) -> None:
    assert overpass.host_rules(a_spec("overpass", None)) == {"overpass-api.de": overpass.RULE}
    assert overpass.host_rules(world.spec()) == {world.peer.host: overpass.RULE}
    assert overpass.RULE.spacing_s >= 10
    assert overpass.RULE.read_s > overpass.QUERY_S
    assert not overpass.RULE.is_a_peer_of_tests


def test_without_a_way_out_it_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no way out"):
        overpass.fetch(a_spec("overpass", None), an_errand(tmp_path))


# ── The frame ────────────────────────────────────────────────────────────────────────────────


def test_each_type_of_element_becomes_an_address_with_a_point(world: World) -> None:
    frame = world.frame()
    assert frame["address_id"].tolist() == ["osm-node-1", "osm-relation-3", "osm-way-7"]
    assert set(frame["address"]) == {"1 Example Terrace, Ripon"}
    assert set(frame["postcode"]) == {"HG4 9ZZ"}
    assert {(round(p.x), round(p.y)) for p in frame.geometry} == {(431_450, 471_701)}
    assert set(frame["position_uncertainty_m"]) == {25.0}


@pytest.mark.parametrize(
    ("tags", "address"),
    [
        ({"housenumber": "12A"}, "12A Example Terrace, Ripon"),
        ({"housenumber": "1-5"}, "1-5 Example Terrace, Ripon"),
        ({"housenumber": "1;3"}, "1;3 Example Terrace, Ripon"),
        ({"housename": "Rose Cottage"}, "Rose Cottage, 1 Example Terrace, Ripon"),
        ({"street": ""}, "1, Ripon"),
        ({"street": "EX\u202eample\n Terrace"}, "1 EXample Terrace, Ripon"),
        ({"housename": "Ring 01765 123456"}, "Ring [removed], 1 Example Terrace, Ripon"),
    ],
)
def test_its_tags_become_words(world: World, tags: dict[str, str], address: str) -> None:
    world.service.elements = [tagged(**tags)]
    assert world.frame()["address"].tolist() == [address]


@pytest.mark.parametrize("postcode", ["", "HG4", "London", "HG4 9ZZ;HG4 8ZZ"])
def test_a_postcode_that_has_not_the_form_of_one_is_missing(world: World, postcode: str) -> None:
    world.service.elements = [tagged(postcode=postcode)]
    assert world.frame()["postcode"].isna().all()


def test_what_lies_outside_the_area_is_no_row(world: World) -> None:
    world.service.elements.append(an_element(9, longitude=-1.6231, latitude=54.0787))
    assert "osm-node-9" not in world.frame()["address_id"].tolist()


def test_the_snapshot_says_as_of_when_and_keeps_no_more_than_is_needed(world: World) -> None:
    snapshot = world.fetch()
    assert snapshot.edition == "OpenStreetMap as of 1 November 2026"
    assert snapshot.attribution == "© OSM"
    (first, *_) = json.loads(snapshot.path.read_text())["elements"]
    assert "building" not in str(first)
    assert len(first) == 9


def test_the_order_of_an_answer_never_matters_and_an_unchanged_one_is_not_sent_again(
    world: World,
) -> None:
    first = world.fetch()
    again = world.fetch(days=30)
    assert (again.sha256, again.path) == (first.sha256, first.path)
    assert world.peer.asked[1].headers["If-None-Match"] is not None
    world.service.elements.reverse()
    assert world.fetch(days=30).sha256 == first.sha256


@pytest.mark.parametrize("content", ["[]", '{"elements": [1]}', '{"elements": [{"a": 1}]}', "{}"])
def test_a_file_that_sinkwatch_did_not_write_is_refused(world: World, content: str) -> None:
    snapshot = world.fetch()
    snapshot.path.write_text(content)
    with pytest.raises(SchemaError, match="nothing that sinkwatch wrote"):
        overpass.load(snapshot, world.spec(), an_area())
    snapshot.path.unlink()
    with pytest.raises(SchemaError, match="cannot be read"):
        overpass.load(snapshot, world.spec(), an_area())


# ── Hostile answers: each with its reason, and the copy held untouched ───────────────────────


def said(document: object) -> Callable[[], Answer]:
    return lambda: Answer(body=json.dumps(document).encode())


def page(*elements: object, **changes: object) -> Callable[[], Answer]:
    return said(envelope(*elements, **changes))


def without(name: str) -> dict[str, Any]:
    element = an_element(5)
    del element[name]
    return element


def many(n: int, **changes: object) -> list[dict[str, Any]]:
    return [an_element(100 + i, **changes) for i in range(n)]


OWN: Final = (
    Hostile("a list", said([an_element()]), "it: "),
    Hostile("no elements", said({"osm3s": envelope()["osm3s"]}), "elements: Field required"),
    Hostile("no state", said({"elements": [an_element()]}), "osm3s: Field required"),
    Hostile("state a word", page(an_element(), osm3s="now"), "osm3s: "),
    Hostile("no time", page(an_element(), osm3s={}), "osm3s.timestamp_osm_base: "),
    Hostile(
        "time a day", page(an_element(), osm3s={"timestamp_osm_base": "2026-11-01"}),
        "is not a time like",
    ),
    Hostile(
        "time ahead", page(an_element(), osm3s={"timestamp_osm_base": "2036-11-01T00:00:00Z"}),
        "lies in the future",
    ),
    Hostile("nothing", page(), "holds no house number"),
    Hostile("elements an object", page(elements={"1": an_element()}), "elements: "),
    Hostile("elements null", page(elements=None), "elements: "),
    Hostile("an element a list", page([1]), "elements.0: "),
    Hostile(
        "given up", page(an_element(), remark="runtime error: Query timed out"), "Query timed out",
    ),
    Hostile("given up at once", page(remark="runtime error: out of memory"), "out of memory"),
    Hostile("remark empty", page(an_element(), remark=""), "given up part of the way"),
    Hostile("remark an object", page(an_element(), remark={"a": 1}), "given up part of the way"),
    Hostile("no type", page(without("type")), "type: Field required"),
    Hostile("no id", page(without("id")), "id: Field required"),
    Hostile("no tags", page(without("tags")), "tags: Field required"),
    Hostile("no latitude", page(without("lat")), "element 1: lat: "),
    Hostile("no longitude", page(without("lon")), "element 1: lon: "),
    Hostile("type unknown", page(an_element(kind="area")), "type: "),
    Hostile("type a count", page(an_element(type="count")), "type: "),
    Hostile("id a text", page(an_element(id="1")), "id: "),
    Hostile("id zero", page(an_element(id=0)), "id: "),
    Hostile("id true", page(an_element(id=True)), "id: "),
    Hostile("way without center", page({**an_element(5, "way"), "center": None}), "no center"),
    Hostile("way with a point", page({**an_element(5), "type": "way"}), "it has no center"),
    Hostile("center a list", page(an_element(5, "way", center=[54.1, -1.5])), "center: "),
    Hostile("center half", page(an_element(5, "way", center={"lat": 54.1})), "center.lon: "),
    Hostile("latitude a text", page(an_element(latitude="54.14")), "lat: "),
    Hostile("latitude true", page(an_element(latitude=True)), "lat: "),
    Hostile("nowhere on earth", page(an_element(longitude=500.0)), "lon: "),
    Hostile("exchanged", page(an_element(longitude=54.1402, latitude=-1.5201)), "look exchanged"),
    Hostile(
        "one of many exchanged", page(*many(99), an_element(longitude=54.14, latitude=-1.52)),
        "look exchanged",
    ),
    Hostile("null island", page(an_element(longitude=0, latitude=0)), "1 of 1 elements lie out"),
    Hostile("York", page(*many(9), an_element(longitude=-1.08)), "1 of 10 elements lie outside"),
    Hostile("sign lost", page(an_element(longitude=1.5201)), "outside the box asked for"),
    Hostile("tags a list", page(an_element(tags=[])), "tags: "),
    Hostile("no number", page(an_element(tags={"highway": "residential"})), "Field required"),
    Hostile("number a number", page(tagged(housenumber=1)), "tags.addr:housenumber: "),
    Hostile("number empty", page(tagged(housenumber="")), "tags.addr:housenumber: "),
    Hostile("number endless", page(tagged(housenumber="1" * 256)), "tags.addr:housenumber: "),
    Hostile("street a list", page(tagged(street=["A", "B"])), "tags.addr:street: "),
    Hostile("street endless", page(tagged(street="x" * 300)), "tags.addr:street: "),
    Hostile("postcode null", page(tagged(postcode=None)), "tags.addr:postcode: "),
    Hostile("garbled", page(tagged(street="Caf\u00c3\u00a9")), "1 of 1 elements is garbled"),
    Hostile("replaced", page(tagged(city="Rip\ufffdn")), "1 of 1 elements is garbled"),
    Hostile("half twice", page(*many(9), *many(9)), "9 of 18 elements are there twice"),
    Hostile("two in a hundred", page(*many(98), {}, {}), "element 99: type: Field required"),
    Hostile("an error in html", lambda: Answer(body=b"<html>runtime error"), "so it is no JSON"),
)  # fmt: skip
HOSTILE: Final = (*ANSWERS, *OWN)


def test_there_are_at_least_sixty_hostile_answers() -> None:
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_a_hostile_answer_is_named_and_leaves_the_copy_held(world: World, hostile: Hostile) -> None:
    copy = world.fetch()
    content = copy.path.read_bytes()
    world.peer.answers = lambda _: hostile.answer()
    with pytest.raises(SinkwatchError) as refused:
        world.fetch(days=30)
    assert isinstance(refused.value, SourceError | SchemaError)
    assert hostile.reason in str(refused.value)
    assert (world.held, copy.path.read_bytes()) == (copy, content)


@pytest.mark.parametrize("first_byte", [True, False])
def test_a_slow_answer_is_given_up(world: World, *, first_byte: bool) -> None:
    world.peer.answers = slowly(world.peer, first_byte=first_byte)
    with pytest.raises(SourceError, match=r"had not answered whole after 0\.1 s"):
        world.fetch(whole_s=0.1)


def test_one_bad_element_of_many_is_left_out_and_counted(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.peer.answers = lambda _: page(*many(199), {"type": "node"})()
    assert len(world.frame()) == 199
    assert "left out 1 of 200 elements: element 200: id: Field required" in caplog.text


def test_a_few_outside_the_box_are_left_out_and_counted(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.peer.answers = lambda _: page(*many(99), an_element(longitude=-1.08))()
    assert len(world.frame()) == 99
    assert "left out 1 elements outside the box" in caplog.text
