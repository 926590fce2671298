"""postcodes.io: only what is wanted is asked, each answer is checked, and no log tells which."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from sinkwatch import geo
from sinkwatch.errors import SchemaError, SinkwatchError, SourceError
from sinkwatch.sources.addresses import postcodes_io
from tests.peers.hostile import ANSWERS, Hostile, a_downloader, slowly
from tests.peers.postcodes_io import PostcodesIo, a_postcode, a_terminated, said
from tests.peers.server import Answer, Asked, Notes, Peer
from tests.sources.samples import a_spec, an_errand
from tests.world import an_area

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import geopandas as gpd

    from sinkwatch.model import Snapshot, SourceSpec
    from tests.conftest import Clock

KNOWN: Final = "HG4 9ZZ"
RETIRED: Final = "HG4 8ZZ"
UNKNOWN: Final = "HG4 7ZZ"


class World:
    """The service on loopback, and what runs have held."""

    def __init__(self, peer: Peer, service: PostcodesIo, folder: Path, clock: Clock) -> None:
        self.peer, self.service, self.folder, self.clock = peer, service, folder, clock
        self.notes = Notes()
        self.held: Snapshot | None = None

    def spec(self) -> SourceSpec:
        return a_spec("postcodes-io", None, options={"base_url": self.peer.url("")})

    def fetch(self, *wanted: str, whole_s: float = 5, **step: float) -> Snapshot:
        self.clock.move(**step)
        way_out = a_downloader(self.peer, self.clock, self.notes, whole_s=whole_s)
        errand = an_errand(
            self.folder, now=self.clock(), downloader=way_out, held=self.held, wanted=wanted
        )
        self.held = postcodes_io.fetch(self.spec(), errand)
        return self.held

    def frame(self, *wanted: str, **step: float) -> gpd.GeoDataFrame:
        return postcodes_io.load(self.fetch(*wanted, **step), self.spec(), an_area())

    def asked(self) -> list[str]:
        return [asked.path for asked in self.peer.asked]


@pytest.fixture
def world(tmp_path: Path, clock: Clock) -> Iterator[World]:
    service = PostcodesIo()
    with Peer(service).running() as peer:
        yield World(peer, service, tmp_path / "copies", clock)


# ── What is asked ────────────────────────────────────────────────────────────────────────────


def test_only_what_is_wanted_is_asked_each_once(world: World) -> None:
    world.fetch("hg49zz", " HG4 9ZZ ", "not a postcode", "")
    assert world.asked() == ["/postcodes/HG4%209ZZ"]
    world.fetch(KNOWN, days=89)
    assert len(world.asked()) == 1


def test_nothing_wanted_asks_nobody_and_says_that_nothing_is_known(world: World) -> None:
    frame = world.frame()
    assert (len(frame), world.asked()) == (0, [])
    assert list(frame.columns) == [
        "postcode", "position_uncertainty_m", "quality", "district_code", "is_retired", "geometry",
    ]  # fmt: skip


def test_an_answer_is_kept_when_it_is_wanted_no_more_and_does_not_age(world: World) -> None:
    first = world.fetch(KNOWN)
    assert world.fetch(days=200) == replace(first, checked_at=world.clock())
    assert len(world.asked()) == 1


def test_after_a_quarter_it_is_asked_again(world: World) -> None:
    world.fetch(KNOWN)
    world.service.live[KNOWN] = a_postcode(eastings=431_460)
    assert world.frame(KNOWN, days=91).geometry[0].x == 431_460


def test_what_is_not_known_is_asked_again_after_a_month_and_is_no_row(world: World) -> None:
    assert world.frame(UNKNOWN).empty
    assert world.asked() == [
        "/postcodes/HG4%207ZZ", "/postcodes/HG4%207ZZ/validate",
        "/terminated_postcodes/HG4%207ZZ",
    ]  # fmt: skip
    world.fetch(UNKNOWN, days=29)
    assert len(world.asked()) == 3
    world.service.live[UNKNOWN] = a_postcode(UNKNOWN)
    assert world.frame(UNKNOWN, days=2)["postcode"].tolist() == [UNKNOWN]


def test_a_hundred_a_run_and_the_others_in_the_next(world: World) -> None:
    wanted = [f"HG4 {n}{a}{b}" for n in range(1, 8) for a in "AB" for b in "ABDEFGHJ"]
    world.service.live = {postcode: a_postcode(postcode) for postcode in wanted}
    assert len(wanted) == 112
    assert len(world.frame(*wanted)) == 100
    assert len(world.frame(*wanted, days=1)) == 112
    assert len(set(world.asked())) == len(world.asked()) == 112


def test_requests_are_kept_apart(world: World) -> None:
    assert postcodes_io.RULE.spacing_s >= 0.2
    assert not postcodes_io.RULE.is_a_peer_of_tests
    spec = a_spec("postcodes-io", None)
    assert postcodes_io.host_rules(spec) == {"api.postcodes.io": postcodes_io.RULE}
    assert postcodes_io.host_rules(world.spec()) == {world.peer.host: postcodes_io.RULE}


def test_the_same_answers_give_the_same_bytes(world: World, tmp_path: Path) -> None:
    first = world.fetch(KNOWN, RETIRED, UNKNOWN)
    world.held, world.folder = None, tmp_path / "again"
    world.clock.now = first.checked_at
    second = world.fetch(UNKNOWN, RETIRED, KNOWN)
    assert second.sha256 == first.sha256
    third = world.fetch(KNOWN, RETIRED, UNKNOWN, days=1)
    assert third == replace(second, checked_at=world.clock())


def test_no_message_of_ours_tells_which_postcode(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="sinkwatch.sources.addresses.postcodes_io"):
        world.fetch(KNOWN, UNKNOWN)
        own = [r.getMessage() for r in caplog.records if r.name.endswith("postcodes_io")]
        assert own == ["postcodes-io: 1 of 2 postcodes asked for are known there"]
        world.service.live[RETIRED] = a_postcode("HG4 1AA")
        with pytest.raises(SchemaError, match=r"\(postcode 1 of 1\)") as refused:
            world.fetch(RETIRED, days=1)
    assert "ZZ" not in str(refused.value)


def test_a_list_that_was_spoilt_is_begun_anew(world: World) -> None:
    world.fetch(KNOWN).path.write_text("[1]")
    assert len(world.frame(KNOWN, days=1)) == 1


# ── The frame ────────────────────────────────────────────────────────────────────────────────


def test_an_answer_becomes_a_row(world: World) -> None:
    (row,) = world.frame(KNOWN).to_dict("records")
    assert (row["geometry"].x, row["geometry"].y) == (431_450, 471_702)
    del row["geometry"]
    assert row == {
        "postcode": KNOWN, "position_uncertainty_m": 100.0, "quality": 10,
        "district_code": "E06000065", "is_retired": False,
    }  # fmt: skip


def test_a_terminated_one_is_retired_and_not_lost(world: World) -> None:
    (row,) = world.frame(RETIRED).to_dict("records")
    assert (row["is_retired"], row["quality"], row["position_uncertainty_m"]) == (True, 80, 500)
    assert (row["geometry"].x, row["geometry"].y) == (431_450, 471_701)  # as its degrees say
    assert row["district_code"] != row["district_code"]  # missing


@pytest.mark.parametrize(
    ("quality", "uncertainty_m"),
    [(1, 100), (2, 100), (3, 100), (4, 100), (5, 500), (6, 2_000), (8, 500)],
)
def test_its_quality_tells_how_well_it_is_placed(
    world: World, quality: int, uncertainty_m: float
) -> None:
    world.service.live[KNOWN] = a_postcode(quality=quality)
    (row,) = world.frame(KNOWN).to_dict("records")
    assert (row["position_uncertainty_m"], row["quality"]) == (uncertainty_m, quality * 10)
    assert row["is_retired"] is (quality == 8)


@pytest.mark.parametrize(
    "changes",
    [
        {"quality": 9},
        {"eastings": None, "northings": None},
        {"country": "Northern Ireland"},
        {"country": "Isle of Man"},
        {"country": "Channel Islands", "eastings": None},
    ],
    ids=str,
)
def test_one_without_a_place_in_great_britain_is_remembered_and_no_row(
    world: World, changes: dict[str, object]
) -> None:
    world.service.live[KNOWN] = a_postcode(**changes)
    assert world.frame(KNOWN).empty
    world.fetch(KNOWN, days=1)
    assert len(world.asked()) == 1


def test_one_outside_the_area_is_no_row(world: World) -> None:
    longitude, latitude = (float(axis[0]) for axis in geo.to_wgs84(460_000, 452_000))
    world.service.live["YO1 1AA"] = a_postcode(
        "YO1 1AA", eastings=460_000, northings=452_000, longitude=longitude, latitude=latitude
    )
    assert world.frame("YO1 1AA", KNOWN)["postcode"].tolist() == [KNOWN]


@pytest.mark.parametrize("codes", [{}, {"admin_district": None}, {"admin_district": 7}], ids=str)
def test_a_district_that_is_not_said_is_missing(world: World, codes: dict[str, object]) -> None:
    world.service.live[KNOWN] = a_postcode(codes=codes)
    assert world.frame(KNOWN)["district_code"].isna().all()


@pytest.mark.parametrize("content", ["{}", "[1]", "<html>", ""])
def test_a_file_that_sinkwatch_did_not_write_is_refused(world: World, content: str) -> None:
    snapshot = world.fetch(KNOWN)
    snapshot.path.write_text(content)
    with pytest.raises(SchemaError, match="nothing that sinkwatch wrote"):
        postcodes_io.load(snapshot, world.spec(), an_area())
    snapshot.path.unlink()
    with pytest.raises(SchemaError, match="cannot be read"):
        postcodes_io.load(snapshot, world.spec(), an_area())


def test_without_a_way_out_it_is_a_failure_only_if_something_is_wanted(tmp_path: Path) -> None:
    spec = a_spec("postcodes-io", None)
    postcodes_io.fetch(spec, an_errand(tmp_path))
    with pytest.raises(SourceError, match="no way out"):
        postcodes_io.fetch(spec, an_errand(tmp_path, wanted=(KNOWN,)))


# ── Hostile answers: each with its reason, and the list held untouched ───────────────────────


def live(**changes: object) -> Callable[[], Answer]:
    return lambda: said({"status": 200, "result": a_postcode(**changes)})


def without(name: str) -> Callable[[], Answer]:
    result = a_postcode()
    del result[name]
    return lambda: said({"status": 200, "result": result})


def told(document: object) -> Callable[[], Answer]:
    return lambda: said(document)


OWN: Final = (
    Hostile("a list", told([a_postcode()]), "it holds no result"),
    Hostile("no result", told({"status": 200}), "it holds no result"),
    Hostile("an error with 200", told({"status": 400, "error": "Invalid"}), "it holds no result"),
    Hostile("another status", told({"status": 500, "result": a_postcode()}), "status 500, not"),
    Hostile("status a text", told({"status": "ok", "result": a_postcode()}), "status ok, not"),
    Hostile("no status", told({"result": a_postcode()}), "status None, not 200"),
    Hostile("result null", told({"status": 200, "result": None}), "result: "),
    Hostile("result a list", told({"status": 200, "result": [a_postcode()]}), "result: "),
    Hostile("result a word", told({"status": 200, "result": "HG4"}), "result: "),
    Hostile("result true", told({"status": 200, "result": True}), "result: "),
    *(
        Hostile(f"no {name}", without(name), f"result.{name}: Field required")
        for name in (
            "postcode", "quality", "eastings", "northings", "longitude", "latitude", "country",
        )
    ),
    Hostile("postcode a number", live(postcode=7), "result.postcode: "),
    Hostile("another postcode", live(postcode="HG4 1AA"), "tells of another postcode"),
    Hostile("no postcode at all", live(postcode="London"), "tells of another postcode"),
    Hostile("quality a text", live(quality="1"), "result.quality: "),
    Hostile("quality true", live(quality=True), "result.quality: "),
    Hostile("quality unknown", live(quality=7), "quality 7 is not known"),
    Hostile("quality negative", live(quality=-1), "quality -1 is not known"),
    Hostile("eastings a text", live(eastings="431450"), "result.eastings: "),
    Hostile("eastings a part", live(eastings=431_450.5), "result.eastings: "),
    Hostile("codes a list", live(codes=[]), "result.codes: "),
    Hostile("country unknown", live(country="Atlantis"), 'country "Atlantis" is not known'),
    Hostile("country empty", live(country=""), "is not known"),
    Hostile("country null", live(country=None), "result.country: "),
    Hostile(
        "grid exchanged", live(eastings=471_702, northings=431_450), "northings look exchanged"
    ),
    Hostile(
        "degrees exchanged", live(longitude=54.1402, latitude=-1.5201), "latitude look exchanged"
    ),
    Hostile("two places", live(eastings=432_450), "is not where its longitude and latitude are"),
    Hostile("null island", live(longitude=0.0, latitude=0.0), "lies outside Great Britain"),
    Hostile("zero grid", live(eastings=0, northings=0), "is not where its longitude"),
    Hostile("half a place", live(longitude=None), "and no longitude or latitude"),
    Hostile("sign lost", live(longitude=1.5201), "is not where its longitude"),
    Hostile("nowhere on earth", live(longitude=500.0), "lies outside Great Britain"),
)  # fmt: skip
# What the other two questions may bring, for a postcode that is not there.
DOUBTED: Final = (
    Hostile("valid all the same", told({"status": 200, "result": True}), "it contradicts itself"),
    Hostile("not found either", lambda: Answer(status=404), "it contradicts itself"),
    Hostile("neither", told({"status": 200, "result": "no"}), "neither true nor false"),
    Hostile("html", lambda: Answer(body=b"<html>"), "so it is no JSON"),
    Hostile("busy", lambda: Answer(status=429), "left alone"),
    Hostile("broken", lambda: Answer(status=500), "status 500"),
)


def ended(**changes: object) -> Callable[[], Answer]:
    return lambda: said({"status": 200, "result": a_terminated(UNKNOWN, **changes)})


TERMINATED: Final = (
    Hostile("another postcode", ended(postcode=KNOWN), "tells of another postcode"),
    Hostile("year a text", ended(year_terminated="2014"), "result.year_terminated: "),
    Hostile("in the future", ended(year_terminated=2030), "2030-9 cannot be right"),
    Hostile("before postcodes", ended(year_terminated=1066), "1066-9 cannot be right"),
    Hostile("a thirteenth month", ended(month_terminated=13), "2014-13 cannot be right"),
    Hostile("no month", ended(month_terminated=0), "2014-0 cannot be right"),
    Hostile("exchanged", ended(longitude=54.1402, latitude=-1.5201), "look exchanged"),
    Hostile("elsewhere", ended(longitude=2.35, latitude=48.85), "lies outside Great Britain"),
    Hostile("broken", lambda: Answer(status=502), "status 502"),
    Hostile("truncated", lambda: Answer(body=b'{"status": 200, "res'), "not whole JSON"),
)

# That there is no such postcode is an answer, and no fault, if the service says so twice.
HOSTILE: Final = [
    *(("", h) for h in (*ANSWERS, *OWN) if h.name != "404"),
    *(("/validate", h) for h in DOUBTED),
    *(("/terminated_postcodes", h) for h in TERMINATED),
]


def test_there_are_at_least_sixty_hostile_answers() -> None:
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize(("part", "hostile"), HOSTILE, ids=[f"{p}-{h.name}" for p, h in HOSTILE])
def test_a_hostile_answer_is_named_and_leaves_the_list_held(
    world: World, part: str, hostile: Hostile
) -> None:
    copy = world.fetch(KNOWN)
    content = copy.path.read_bytes()

    def answer(asked: Asked) -> Answer:
        is_it = part in asked.path if part else True
        return hostile.answer() if is_it else world.service(asked)

    world.peer.answers = answer
    with pytest.raises(SinkwatchError) as refused:
        world.fetch(UNKNOWN if part else KNOWN, days=100)
    assert isinstance(refused.value, SourceError | SchemaError)
    assert hostile.reason in str(refused.value)
    assert "ZZ" not in str(refused.value)
    assert world.held is copy
    assert copy.path.read_bytes() == content


def test_one_that_fails_leaves_the_others_for_the_next_run(world: World) -> None:
    world.service.live["HG4 6ZZ"] = a_postcode("HG4 6ZZ")
    world.peer.answers = lambda asked: (
        Answer(status=503) if "9ZZ" in asked.path else world.service(asked)
    )
    with pytest.raises(SourceError, match="status 503"):
        world.fetch(KNOWN, "HG4 6ZZ")
    assert world.held is None
    world.peer.answers = world.service
    assert len(world.frame(KNOWN, "HG4 6ZZ", days=1)) == 2


@pytest.mark.parametrize("first_byte", [True, False])
def test_a_slow_answer_is_given_up(world: World, *, first_byte: bool) -> None:
    world.peer.answers = slowly(world.peer, first_byte=first_byte)
    with pytest.raises(SourceError, match=r"had not answered whole after 0\.1 s"):
        world.fetch(KNOWN, whole_s=0.1)


def test_a_terminated_one_without_a_place_is_no_row(world: World) -> None:
    world.service.terminated[RETIRED] = a_terminated(longitude=None, latitude=None)
    assert world.frame(RETIRED).empty


def test_a_clock_set_back_asks_again(world: World) -> None:
    world.fetch(KNOWN)
    world.clock.now -= timedelta(days=3)
    world.fetch(KNOWN)
    assert len(world.asked()) == 2


def test_the_list_on_disk_holds_no_more_than_is_needed(world: World) -> None:
    (row,) = json.loads(world.fetch(KNOWN).path.read_text())
    assert set(row) == {
        "postcode", "asked_at", "easting", "northing", "uncertainty_m", "quality",
        "district_code", "is_retired",
    }  # fmt: skip
