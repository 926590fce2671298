"""PlanIt: what is asked, what is believed of the answer, and the named reason for the rest."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinkwatch import events, sources
from sinkwatch.errors import SchemaError
from sinkwatch.model import Area, Inputs, Snapshot, SourceSpec, SourceState, SourceStatus
from sinkwatch.sources.outside.download import Downloader
from sinkwatch.sources.outside.politeness import HostRule
from sinkwatch.sources.planning import planit
from sinkwatch.sources.planning.planit_records import Record, dumped, loaded, merged, shown
from tests.conftest import NOW, Clock
from tests.peers.planit import PlanIt, a_case, as_json, envelope
from tests.peers.server import Answer, Notes, Peer, gzip_bomb, one_after_another
from tests.sources.samples import DATA, SAMPLES, a_spec, an_errand
from tests.world import an_area, parameters

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import geopandas as gpd

LONDON_DAY: Final = NOW.date()
FILES: Final = {s.kind: DATA / s.file for s in SAMPLES if s.kind != "applications"}


class World:
    """An area with PlanIt on loopback, a clock that waiting moves, and what runs have held."""

    def __init__(self, peer: Peer, service: PlanIt, folder: Path, clock: Clock) -> None:
        self.peer, self.service, self.folder, self.clock = peer, service, folder, clock
        self.notes = Notes()
        self.waits: list[float] = []
        self.held: dict[str, Snapshot] = {}
        self.options: dict[str, object] = {
            "base_url": peer.url(""), "latitude": 54.138, "longitude": -1.524, "radius_km": 4,
        }  # fmt: skip

    def spec(self) -> SourceSpec:
        return a_spec("planit", None, options=self.options, attribution="PlanIt", licence="none")

    def area(self) -> Area:
        specs = [a_spec(kind, path) for kind, path in FILES.items()]
        ages = parameters(stale_after_days={"planit": 2})
        return an_area(sources=(*specs, self.spec()), parameters=ages)

    def downloader(self) -> Downloader:
        def wait(seconds: float) -> None:
            self.waits.append(seconds)
            self.clock.move(seconds=seconds)

        rule = HostRule(spacing_s=60, most_bytes=50_000_000, whole_s=5, is_a_peer_of_tests=True)
        return Downloader(
            rules={self.peer.host: rule}, notes=self.notes, agent="x", clock=self.clock, wait=wait
        )

    def run(self, **step: float) -> Inputs:
        """Gather some time later, and hold what is good, as a run does."""
        self.clock.move(**step)
        inputs = sources.gather(
            self.area(), self.folder, self.held.get,
            now=self.clock(), downloader=self.downloader(),
        )  # fmt: skip
        state = self.state(inputs)
        if state.snapshot is not None and state.status is SourceStatus.GOOD:
            self.held["planit"] = state.snapshot
        return inputs

    def state(self, inputs: Inputs) -> SourceState:
        (state,) = (state for state in inputs.states if state.spec.kind == "planit")
        return state

    def frame(self, **step: float) -> gpd.GeoDataFrame:
        inputs = self.run(**step)
        assert self.state(inputs).problem == ""
        return inputs.applications

    def queries(self) -> list[dict[str, str]]:
        return [{name: v[0] for name, v in asked.query.items()} for asked in self.peer.asked]


@pytest.fixture
def world(tmp_path: Path, clock: Clock) -> Iterator[World]:
    service = PlanIt(LONDON_DAY, a_case(), a_case("ZC26/00002/FUL", location_x=-1.53))
    with Peer(service).running() as peer:
        yield World(peer, service, tmp_path / "copies", clock)


def keys(frame: gpd.GeoDataFrame) -> list[str]:
    return frame["application_key"].tolist()


# ── The question ─────────────────────────────────────────────────────────────────────────────


def test_the_first_question_reads_the_window_and_the_next_what_has_changed(world: World) -> None:
    world.run()
    world.run(days=1)
    common = {
        "lat": "54.138", "lng": "-1.524", "krad": "4",
        "sort": "last_different", "pg_sz": "100", "index": "0",
    }  # fmt: skip
    assert world.queries() == [
        {**common, "recent": "45"},
        {**common, "different_start": "2026-11-20"},
    ]
    assert {asked.path for asked in world.peer.asked} == {"/api/applics/json"}


def test_after_an_outage_the_question_reaches_back_to_the_last_good_answer(world: World) -> None:
    world.run()
    world.peer.answers = lambda _: Answer(status=403)
    for _ in range(9):
        world.run(days=1)
    world.peer.answers = world.service
    world.run(days=1)
    assert world.queries()[-1]["different_start"] == "2026-11-20"


def test_pages_are_asked_for_by_row_a_minute_apart(world: World) -> None:
    world.service.cases = [a_case(f"ZC26/{n:05}/FUL") for n in range(230)]
    assert len(world.frame()) == 230
    assert [query["index"] for query in world.queries()] == ["0", "100", "200"]
    assert world.waits == [60.0, 60.0]


def test_short_pages_are_no_end(world: World) -> None:
    world.service.cases = [a_case(f"ZC26/{n:05}/FUL") for n in range(230)]
    world.service.page_is_cut_at = 90
    assert len(world.frame()) == 230
    assert [query["index"] for query in world.queries()] == ["0", "90", "180"]


@pytest.mark.parametrize("total", [None, 3])
def test_without_a_right_total_the_end_is_an_empty_page(world: World, total: int | None) -> None:
    cases = [a_case(f"ZC26/{n}/FUL") for n in range(5)]
    world.peer.answers = one_after_another(
        as_json(envelope(*cases, total=total)),
        as_json(envelope(**{"from": None, "to": None, "total": total})),
    )
    assert len(world.frame()) == 5
    assert [query["index"] for query in world.queries()] == ["0", "5"]


@pytest.mark.parametrize("option", ["latitude", "longitude", "radius_km"])
@pytest.mark.parametrize("value", [None, "54", True])
def test_an_option_that_is_no_number_is_named_and_nobody_is_asked(
    world: World, option: str, value: object
) -> None:
    world.options[option] = value
    state = world.state(world.run())
    assert state.status is SourceStatus.FAILED
    assert f"its {option} {value} is not a number" in state.problem
    assert world.peer.asked == []


def test_the_server_is_planit_itself_unless_another_is_named(world: World) -> None:
    assert planit.host_rules(a_spec("planit", None)) == {"www.planit.org.uk": planit.RULE}
    assert sources.host_rules(world.area()) == {world.peer.host: planit.RULE}
    assert planit.RULE.spacing_s >= 60
    assert not planit.RULE.is_a_peer_of_tests


# ── The frame ────────────────────────────────────────────────────────────────────────────────


def test_a_record_becomes_an_application_like_that_of_a_file(world: World) -> None:
    world.service.cases = [a_case(decided_date="2026-11-20", app_state="Conditions")]
    (row,) = world.frame().to_dict("records")
    assert row["application_key"] == "North Yorkshire/ZC26/01234/FUL"
    assert (row["reference"], row["authority"]) == ("ZC26/01234/FUL", "North Yorkshire")
    assert (row["status"], row["status_text"]) == ("approved", "Permitted with conditions")
    assert (round(row["geometry"].x), round(row["geometry"].y)) == (431_579, 471_829)
    assert row["position_uncertainty_m"] == 100
    assert row["received_on"].date().isoformat() == "2026-11-02"
    assert row["as_of"].isoformat() == "2026-11-21T03:11:09.447100+00:00"
    assert row["decided_on"].date().isoformat() == "2026-11-20"
    assert row["url"] == "https://council.example/applicationDetails.do?keyVal=ZC26/01234/FUL"


@pytest.mark.parametrize(
    ("state", "status", "words"),
    [
        ("Undecided", "undecided", "Undecided"),
        ("Permitted", "approved", "Permitted"),
        ("Conditions", "approved", "Permitted with conditions"),
        ("Rejected", "refused", "Refused"),
        ("Refused", "refused", "Refused"),
        ("Withdrawn", "withdrawn", "Withdrawn"),
        ("Referred", "other", "Referred"),
        ("Unresolved", "other", "Unresolved"),
        ("Other", "other", "Other"),
        ("Called in", "other", "Called in"),
        (None, "other", ""),
    ],
)
def test_its_words_for_the_state_become_ours_by_table(
    world: World, state: str | None, status: str, words: str
) -> None:
    world.service.cases = [a_case(app_state=state)]
    (row,) = world.frame().to_dict("records")
    assert (row["status"], row["status_text"]) == (status, words)


def test_personal_data_and_what_only_points_to_the_source_are_not_shown(world: World) -> None:
    world.service.cases = [
        a_case(
            description="See source",
            address="c/o Mr A Smith, North Road, Ripon",
            url="See source",
        ),
        a_case("2", description="Ring 01765 123456 or a@b.uk" + " more" * 400),
    ]
    first, second = world.frame().sort_values("reference").to_dict("records")[::-1]
    assert first["description"] == ""
    assert "Smith" not in first["address"]
    assert not isinstance(first["url"], str)
    assert second["description"].startswith("Ring [removed] or [removed] more")
    assert second["description"].endswith("more…")
    assert len(second["description"]) <= 1_000


@pytest.mark.parametrize("day", [None, "2026-11-20", "2027-02-01", "2030-01-01"])
def test_a_consultation_may_have_begun_or_yet_have_to_end(world: World, day: str | None) -> None:
    world.service.cases = [a_case(consulted_date=day)]
    (found,) = world.frame()["consulted_on"]
    assert (None if pd.isna(found) else found.date().isoformat()) == day


def test_a_link_to_a_host_that_the_register_has_left_is_made_anew(world: World) -> None:
    world.options["idox"] = {"base_url": "https://new.example/b/", "retired_hosts": ["old.example"]}
    old = "https://old.example/a/applicationDetails.do?keyVal=ABCDEFGHIJK00&activeTab=map"
    world.service.cases = [a_case(url=old)]
    assert world.frame()["url"].tolist() == [
        "https://new.example/b/applicationDetails.do?activeTab=summary&keyVal=ABCDEFGHIJK00"
    ]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "ftp://x/y", "/local"])
def test_a_link_that_is_no_web_address_is_left_out(world: World, url: str) -> None:
    world.service.cases = [a_case(url=url)]
    assert world.frame()["url"].isna().all()


def test_a_record_without_a_place_is_kept_with_its_postcode(world: World) -> None:
    world.service.cases = [a_case(location_x=None, location_y=None, postcode="HG4 1HS")]
    (row,) = world.frame().to_dict("records")
    assert (row["geometry"], row["postcode"]) == (None, "HG4 1HS")


def test_what_is_known_stays_known_when_the_answer_holds_only_what_changed(world: World) -> None:
    assert len(world.frame()) == 2
    world.service.cases = [a_case("ZC26/00003/FUL", last_different="2026-11-23T04:00:00")]
    assert len(world.frame(days=1)) == 3
    world.service.cases = []
    assert len(world.frame(days=1)) == 3


def test_the_snapshot_says_where_it_came_from(world: World) -> None:
    snapshot = world.state(world.run()).snapshot
    assert snapshot is not None
    assert snapshot.url == (
        f"http://{world.peer.host}/api/applics/json?"
        "lat=54.138&lng=-1.524&krad=4&recent=45&sort=last_different&pg_sz=100&index=0"
    )
    assert snapshot.path.parent == world.folder / "planit"
    assert (snapshot.retrieved_at, snapshot.checked_at) == (NOW, NOW)
    assert (snapshot.licence, snapshot.attribution) == ("none", "PlanIt")


def test_only_what_is_needed_is_kept_on_disk(world: World) -> None:
    snapshot = world.state(world.run()).snapshot
    assert snapshot is not None
    assert "case_officer" not in snapshot.path.read_text()
    (record, _) = json.loads(snapshot.path.read_text())["records"]
    assert set(record) == set(Record.__dataclass_fields__)


def test_an_answer_that_has_not_changed_is_not_sent_again(world: World) -> None:
    first = world.state(world.run(hours=1)).snapshot
    world.run(minutes=5)
    third = world.state(world.run(minutes=5)).snapshot
    assert world.peer.asked[1].headers["If-None-Match"] is None  # another question
    assert world.peer.asked[2].headers["If-None-Match"] is not None
    assert first is not None
    assert third is not None
    assert (third.sha256, third.retrieved_at) == (first.sha256, first.retrieved_at)
    assert third.checked_at > first.checked_at


# ── To be left alone ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("said", ["7200", "Sun, 22 Nov 2026 11:30:00 GMT"])
def test_a_429_is_stored_and_nothing_is_asked_before_its_time(world: World, said: str) -> None:
    before = world.run().applications
    world.peer.answers = lambda _: Answer(status=429, headers={"Retry-After": said})
    inputs = world.run(minutes=10)
    assert "wants to be left alone" in world.state(inputs).problem
    assert len(world.peer.asked) == 2
    world.peer.answers = world.service
    inputs = world.run(minutes=30)
    assert "wants to be left alone until" in world.state(inputs).problem
    assert inputs.applications.equals(before)
    assert len(world.peer.asked) == 2
    assert world.state(world.run(hours=2)).status is SourceStatus.GOOD


def test_a_page_that_fails_leaves_the_whole_answer_unused(world: World) -> None:
    cases = [a_case(f"ZC26/{n}/FUL") for n in range(3)]
    world.run()
    world.peer.answers = one_after_another(
        as_json(envelope(*cases, total=9)), Answer(status=429, headers={"Retry-After": "60"})
    )
    inputs = world.run(days=1)
    assert world.state(inputs).status is SourceStatus.FAILED
    assert len(inputs.applications) == 2


def test_days_that_it_ignores_are_noticed_and_the_next_run_asks_otherwise(world: World) -> None:
    world.service.ignores = frozenset({"different_start"})
    world.service.cases.append(a_case("ZC26/00003/FUL", last_different="2026-11-01T00:00:00"))
    assert len(world.frame()) == 3
    failed = world.state(world.run(days=1))
    assert "last changed on 2026-11-01, and changes since 2026-11-20 were asked" in failed.problem
    assert len(world.peer.asked) == 2  # one search a run
    assert len(world.frame(days=1)) == 3
    assert world.queries()[-1]["recent"] == "45"
    assert len(world.frame(days=1)) == 3


def test_a_list_held_that_was_spoilt_is_begun_anew(world: World) -> None:
    world.run()
    world.held["planit"].path.write_text("{}")
    assert len(world.frame(days=1)) == 2
    assert world.queries()[-1]["recent"] == "45"


# ── Switched off, and recalled ───────────────────────────────────────────────────────────────


def test_without_a_way_out_it_is_a_failure_and_not_nothing(world: World) -> None:
    inputs = sources.gather(world.area(), world.folder, world.held.get, now=NOW)
    assert world.state(inputs).status is SourceStatus.FAILED
    assert "online = true" in world.state(inputs).problem


def test_recalled_it_is_what_was_held_and_nobody_is_asked(world: World) -> None:
    def recalled(days: float) -> SourceState:
        now = NOW + timedelta(days=days)
        return world.state(sources.recall(world.area(), None, world.held.get, now=now))

    assert recalled(0).status is SourceStatus.NOT_CONFIGURED
    assert recalled(0).problem == "It has not been asked yet."
    world.run()
    assert (recalled(1).status, recalled(1).n_rows) == (SourceStatus.GOOD, 2)
    assert recalled(3).status is SourceStatus.STALE
    world.held["planit"].path.unlink()
    assert recalled(1).status is SourceStatus.FAILED
    assert len(world.peer.asked) == 1


def test_files_win_over_planit(world: World, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        "reference,description,status,authority\n"
        "ZC26/01234/FUL,As the council says,Refused,North Yorkshire\n9,Shop,pending,\n"
    )
    area = world.area()
    files = a_spec("applications", path)
    area = an_area(sources=(files, *area.sources), parameters=area.parameters)
    inputs = sources.gather(
        area, world.folder, world.held.get, now=NOW, downloader=world.downloader()
    )
    told = dict(zip(keys(inputs.applications), inputs.applications["description"], strict=True))
    assert told == {
        "North Yorkshire/ZC26/00002/FUL": "Erection of 20 dwellings with piled foundations",
        "North Yorkshire/ZC26/01234/FUL": "As the council says",
        "Small Council/9": "Shop",
    }


# ── Two authorities, one application ─────────────────────────────────────────────────────────


def a_record(name: str = "North Yorkshire/1", **changes: Any) -> Record:  # noqa: ANN401 - any field
    authority, _, reference = name.partition("/")
    given = {
        "name": name, "known_as": name, "authority": authority, "reference": reference,
        "address": "North Road", "postcode": None, "description": "Homes", "state": "Undecided",
        "received_on": "2026-11-02", "decided_on": None, "longitude": -1.52, "latitude": 54.14,
        "url": None, "last_different": "2026-11-20T00:00:00.000000+00:00",
    }  # fmt: skip
    return Record(**{**given, **changes})


LATEST: Final = "2026-11-22T00:00:00.000000+00:00"
LATER: Final = "2026-11-21T00:00:00.000000+00:00"


def test_the_one_that_changed_last_tells_under_the_name_first_known() -> None:
    old = a_record("Harrogate/zc26-1", postcode="HG4 1HS")
    new = a_record("North Yorkshire/ZC26/1", state="Permitted", last_different=LATER)
    (one,) = shown(merged([old], [new]))
    assert (one.known_as, one.authority, one.state, one.postcode) == (
        "Harrogate/zc26-1", "North Yorkshire", "Permitted", "HG4 1HS",
    )  # fmt: skip
    assert shown(merged([], [old, new])) == shown(merged([], [new, old])) == (one,)


def test_two_lists_that_differ_on_the_consultation_do_not_consult_by_turns() -> None:
    old = a_record("Harrogate/1", consulted_on="2026-11-10")
    new = a_record("North Yorkshire/1", consulted_on="2026-11-12")
    for changed in (old, new):
        latest = replace(changed, last_different=LATEST, description="More homes")
        (one,) = shown(merged(merged([old], [new]), [latest]))
        assert one.consulted_on == "2026-11-12"


def test_a_list_written_before_consultations_were_kept_is_read_on() -> None:
    written = json.loads(dumped([a_record()]))
    del written["records"][0]["consulted_on"]
    assert loaded(json.dumps(written).encode(), name="x") == (a_record(),)


def test_indexing_one_list_anew_does_not_let_it_speak_for_the_other() -> None:
    old = a_record("Harrogate/1", address="North Rd")
    new = a_record("North Yorkshire/1", last_different=LATER)
    known = merged([old], [new])
    assert merged(known, [replace(old, last_different=LATEST)]) == known
    amended = replace(old, last_different=LATEST, description="More homes")
    (one,) = shown(merged(known, [amended]))
    assert (one.known_as, one.description) == ("Harrogate/1", "More homes")


def test_an_older_answer_takes_nothing_back() -> None:
    new = a_record(state="Permitted", last_different=LATER)
    assert merged([new], [a_record()]) == (new,)


@pytest.mark.parametrize(
    "other",
    [
        a_record("Harrogate/2"),
        a_record("Harrogate/1", received_on="2026-11-03"),
        a_record("Harrogate/1", received_on=None),
        a_record("Harrogate/1", longitude=-1.54),
        a_record("North Yorkshire/1 "),
    ],
    ids=["reference", "day", "no day", "elsewhere", "same authority"],
)
def test_what_may_be_two_applications_stays_two(other: Record) -> None:
    assert len(shown(merged([a_record()], [other]))) == 2


def test_an_answer_that_says_less_takes_nothing_away() -> None:
    less = a_record(
        state=None, description=None, longitude=None, latitude=None, last_different=LATER
    )
    (one,) = merged([a_record()], [less])
    assert (one.state, one.description, one.longitude) == ("Undecided", "Homes", -1.52)
    assert one.last_different == a_record().last_different


RECORDS: Final = st.builds(
    lambda area, number, state, day: a_record(
        f"{area}/{number}", state=state, last_different=f"2026-11-{day:02}T00:00:00.000000+00:00"
    ),
    st.sampled_from(["Harrogate", "North Yorkshire", "York"]),
    st.integers(1, 3),
    st.sampled_from(["Undecided", "Permitted", None]),
    st.integers(1, 28),
)


@given(st.lists(RECORDS, unique_by=lambda r: (r.name, r.last_different)))
def test_the_order_of_an_answer_never_matters_and_twice_is_once(found: list[Record]) -> None:
    once = merged([], found)
    assert [record.name for record in once] == sorted({record.name for record in found})
    assert merged([], found[::-1]) == once
    assert merged(once, []) == once
    assert {r.known_as for r in shown(merged(once, found))} == {r.known_as for r in once}
    assert loaded(dumped(once), name="x") == once


def test_a_copy_that_is_gone_cannot_be_loaded_and_one_that_is_spoilt_is_not_built_on(
    world: World,
) -> None:
    world.run()
    copy = world.held["planit"]
    copy.path.write_text("{}")
    errand = an_errand(world.folder, now=NOW, downloader=world.downloader(), held=copy)
    assert planit.fetch(world.spec(), errand).n_bytes > 2
    copy.path.unlink()
    with pytest.raises(SchemaError, match="it cannot be read"):
        planit.load(copy, world.spec(), world.area())


@pytest.mark.parametrize("content", [b"[]", b'{"records": [1]}', b'{"records": [{"a": 1}]}'])
def test_a_list_that_sinkwatch_did_not_write_is_refused(content: bytes) -> None:
    with pytest.raises(SchemaError, match="it is no list that sinkwatch wrote"):
        loaded(content, name="x")


# ── Hostile answers: each with its reason, and the last good copy untouched ──────────────────


def page(*records: object, **changes: object) -> Answer:
    return as_json(envelope(*records, **changes))


def record(**changes: object) -> Answer:
    return page(a_case(**{"last_different": "2026-11-22T04:00:00", **changes}))


def without(name: str) -> Answer:
    case = a_case()
    del case[name]
    return page(case)


def text(content: str) -> Answer:
    return Answer(body=content.encode())


def edited(old: str, new: str) -> Answer:
    whole = json.dumps(envelope(a_case()))
    assert old in whole
    return text(whole.replace(old, new, 1))


def many(n: int, **changes: object) -> list[dict[str, Any]]:
    return [a_case(f"ZC26/{i}/FUL", **changes) for i in range(n)]


WHOLE = json.dumps(envelope(a_case()))

HOSTILE: Final[dict[str, tuple[Answer, str]]] = {
    # No answer at all
    "400": (as_json({"error": "42703: no such column"}, status=400), "status 400"),
    "401": (Answer(status=401), "status 401"),
    "403": (Answer(status=403, body=b"blocked"), "status 403"),
    "404": (Answer(status=404), "status 404"),
    "408": (Answer(status=408), "status 408"),
    "410": (Answer(status=410), "status 410"),
    "429 seconds": (Answer(status=429, headers={"Retry-After": "60"}), "left alone"),
    "429 date": (
        Answer(status=429, headers={"Retry-After": "Tue, 24 Nov 2026 08:00:00 GMT"}),
        "left alone",
    ),
    "429 bare": (Answer(status=429), "left alone"),
    "500": (Answer(status=500), "status 500"),
    "502": (Answer(status=502, body=b"<html>Bad gateway</html>"), "status 502"),
    "503": (Answer(status=503), "status 503"),
    "503 later": (Answer(status=503, headers={"Retry-After": "60"}), "left alone"),
    "504": (Answer(status=504), "status 504"),
    "204": (Answer(status=204), "status 204"),
    "206": (Answer(status=206, body=b"{}"), "status 206"),
    "no http": (Answer(raw=b"SSH-2.0-OpenSSH\r\n"), "the connection failed"),
    # Elsewhere
    "loopback": (Answer(status=302, headers={"Location": "http://127.0.0.1:9/"}), "no server on"),
    "private": (Answer(status=302, headers={"Location": "http://10.0.0.1/"}), "no server on"),
    "metadata": (
        Answer(status=301, headers={"Location": "http://169.254.169.254/latest/"}),
        "no server on",
    ),
    "other host": (
        Answer(status=302, headers={"Location": "https://planit.evil.example/"}),
        "no server on",
    ),
    "file": (Answer(status=302, headers={"Location": "file:///etc/passwd"}), "no server on"),
    "nowhere": (Answer(status=302), "does not say where"),
    "in circles": (Answer(status=302, headers={"Location": "/api/applics/json"}), "more than 3"),
    # No file
    "empty": (Answer(), "its answer is empty"),
    "bomb": (
        Answer(body=gzip_bomb(60_000_000), headers={"Content-Encoding": "gzip"}),
        "larger than 50,000,000 bytes",
    ),
    "said too large": (Answer(headers={"Content-Length": "60000000"}), "larger than 50,000,000"),
    "cut body": (Answer(body=b"{", headers={"Content-Length": "900"}), "breaks off"),
    "cut gzip": (
        Answer(body=gzip.compress(WHOLE.encode())[:-20], headers={"Content-Encoding": "gzip"}),
        "breaks off",
    ),
    "no gzip": (
        Answer(body=WHOLE.encode(), headers={"Content-Encoding": "gzip"}), "gzip is damaged",
    ),
    "brotli": (Answer(body=b"x", headers={"Content-Encoding": "br"}), '"br" was not asked for'),
    # No JSON, or not one meaning
    "html with 200": (text("<!DOCTYPE html><h1>Service unavailable</h1>"), "so it is no JSON"),
    "jsonp": (text(f"callback({WHOLE})"), "so it is no JSON"),
    "csv": (text("name,uid\n1,2\n"), "so it is no JSON"),
    "truncated": (text(WHOLE[:-30]), "not whole JSON"),
    "twice": (text(WHOLE + WHOLE), "not whole JSON"),
    "latin-1": (Answer(body=WHOLE.replace("Old", "£").encode("latin-1")), "is not UTF-8"),
    "utf-16": (Answer(body=WHOLE.encode("utf-16")), "so it is no JSON"),
    "nan": (edited("-1.51811846", "NaN"), "NaN is not a finite number"),
    "infinity": (edited("-1.51811846", "-Infinity"), "-Infinity is not a finite number"),
    "1e999": (edited("-1.51811846", "1e999"), "1e999 is not a finite number"),
    "duplicate key": (edited('"uid":', '"name": "x", "uid":'), 'key "name" is there twice'),
    "deep": (text('{"records": ' + "[" * 99 + "]" * 99 + "}"), "nested deeper than 64"),
    "very deep": (text("[" * 200_000), "nested deeper than 64"),
    "long text": (record(description="x" * 10_001), "a text of 10,001 characters"),
    "half a character": (edited("Old Auction", "\\ud83d"), "half of a character"),
    # Not the documented envelope
    "a list": (as_json([a_case()]), "it: "),
    "a word": (as_json("records"), "so it is no JSON"),
    "no records": (as_json({"total": 1}), "it holds no records"),
    "error with 200": (as_json({"error": "too many requests"}), 'it says "too many requests"'),
    "records a dict": (as_json({"records": {"0": a_case()}, "total": 1}), "records: "),
    "records null": (as_json({"records": None, "total": 0}), "records: "),
    "a record a list": (page([1, 2]), "records.0: "),
    "total a word": (page(a_case(), total="1"), "total: "),
    "total negative": (page(a_case(), total=-1), "total: "),
    "total a boolean": (page(a_case(), total=True), "total: "),
    "another row": (page(a_case(), **{"from": 100}), "begins with row 100, and row 0 was"),
    # Not whole
    "nothing, unproven": (page(total=None), "does not say that there is none"),
    "nothing of many": (page(total=7), "it ends after 0 of 7 rows"),
    "the same for ever": (
        page(a_case(), total=None, **{"from": None}), "brings nothing that was not had",
    ),
    "first page for ever": (
        page(*many(9), total=99, **{"from": None}), "brings nothing that was not had",
    ),
    "rows not counted on": (page(*many(9), total=99), "begins with row 0, and row 9 was asked"),
    # Not a record
    "no name": (without("name"), "name: Field required"),
    "no uid": (without("uid"), "uid: Field required"),
    "no authority": (without("area_name"), "area_name: Field required"),
    "no description": (without("description"), "description: Field required"),
    "no start": (without("start_date"), "start_date: Field required"),
    "no longitude": (without("location_x"), "location_x: Field required"),
    "no last change": (without("last_different"), "last_different: Field required"),
    "name a number": (record(name=7), "name: "),
    "name empty": (record(name=""), "name: "),
    "name endless": (record(name="x" * 400), "name: "),
    "address a list": (record(address=["North Road"]), "address: "),
    "day a number": (record(start_date=20261102), "is not a date like"),
    "day British": (record(start_date="02/11/2026"), "is not a date like"),
    "day impossible": (record(start_date="2026-02-30"), "start_date: "),
    "day ancient": (record(start_date="1066-10-14"), "lies before 1800 or in the future"),
    "day in future": (record(start_date="2027-01-01"), "lies before 1800 or in the future"),
    "decided in future": (record(decided_date="2027-01-01"), "decided_date 2027-01-01 lies"),
    "consulted ancient": (record(consulted_date="1066-10-14"), "consulted_date 1066-10-14 lies"),
    "consulted in years": (record(consulted_date="2036-11-22"), "consulted_date 2036-11-22 lies"),
    "consulted in words": (record(consulted_date="soon"), "consulted_date: is not a date like"),
    "changed in future": (record(last_different="2036-11-22T00:00:00"), "lies in the future"),
    "time with words": (record(last_different="yesterday"), "is not a time like"),
    "time with zone": (record(last_different="2026-11-22T04:00:00+09:00"), "is not a time like"),
    "coordinate a text": (record(location_x="-1.518"), "location_x: "),
    "coordinate a boolean": (record(location_x=True), "location_x: "),
    "one coordinate": (record(location_y=None), "it has one coordinate of two"),
    # Not what was asked for
    "axes exchanged": (
        record(location_x=54.14134578, location_y=-1.51811846), "coordinates look exchanged",
    ),
    "nowhere on earth": (record(location_x=500.0), "lies outside the 4 km asked for"),
    "null island": (record(location_x=0.0, location_y=0.0), "lies outside the 4 km asked for"),
    "York": (record(location_x=-1.08, location_y=53.96), "lies outside the 4 km asked for"),
    "sign lost": (record(location_x=1.51811846), "lies outside the 4 km asked for"),
    "one of many in York": (
        page(*many(40), a_case("y", location_x=-1.08)), "lies outside the 4 km asked for",
    ),
    "changed long ago": (record(last_different="2019-01-01T00:00:00"), "were asked for"),
    # Too much of it wrong
    "half twice": (page(*many(5), *many(5)), "5 of 10 records are there twice"),
    "two in a hundred": (
        page(*many(98), *(a_case(f"z{i}", start_date="soon") for i in range(2))),
        'record 99 "North Yorkshire/z0": start_date: is not a date like',
    ),
    "garbled": (record(description="Caf\u00c3\u00a9 \u00e2\u20ac\u2122"), "garbled"),
    "replaced": (record(address="North R\ufffdad"), "garbled"),
}  # fmt: skip


def test_there_are_at_least_sixty_hostile_answers() -> None:
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_is_named_and_leaves_the_last_good_copy_in_use(
    world: World, name: str
) -> None:
    answer, reason = HOSTILE[name]
    before = world.run().applications
    copy = world.held["planit"]
    world.peer.answers = lambda _: answer
    inputs = world.run(days=1)
    state = world.state(inputs)
    assert state.status is SourceStatus.FAILED
    assert reason in state.problem
    assert state.snapshot == copy
    assert copy.path.read_bytes().count(b"\n") == 4
    # The same facts as before: nothing is new to anyone, so there is nothing to mail.
    assert events.application_facts(inputs.applications) == events.application_facts(before)
    assert len(world.peer.asked) <= 1 + 4


@pytest.mark.parametrize("where", ["body", "silence"])
def test_a_slow_answer_is_given_up(world: World, where: str) -> None:
    world.run()

    def slow(_: object) -> Answer:
        if where == "silence":
            world.peer.closing.wait(3)
        return Answer(body=world.peer.drip())

    world.peer.answers = slow
    downloader = world.downloader()
    rule = HostRule(spacing_s=0, whole_s=0.2, is_a_peer_of_tests=True)
    quick = Downloader(
        rules={world.peer.host: rule}, notes=world.notes, agent="x",
        clock=world.clock, wait=downloader.wait,
    )  # fmt: skip
    inputs = sources.gather(
        world.area(), world.folder, world.held.get, now=world.clock(), downloader=quick
    )
    assert "had not answered whole after 0.2 s" in world.state(inputs).problem
    assert len(inputs.applications) == 2


def test_an_answer_beyond_the_rows_that_planit_gives_is_not_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planit, "MOST_ROWS", 300)
    world.run()
    world.service.cases = many(400, last_different="2026-11-23T00:00:00")
    state = world.state(world.run(days=1))
    assert "goes on beyond 300 rows" in state.problem
    assert len(world.peer.asked) == 1 + 3


def test_a_first_answer_without_any_application_is_not_believed(world: World) -> None:
    world.service.cases = []
    inputs = world.run()
    assert "no application in 45 days is hardly to be believed" in world.state(inputs).problem
    assert world.state(inputs).snapshot is None


def test_a_first_answer_older_than_its_window_is_not_what_was_asked_for(world: World) -> None:
    world.service.ignores = frozenset({"recent"})
    world.service.cases.append(a_case("old", start_date="2026-01-02"))
    problem = world.state(world.run()).problem
    assert "starts on 2026-01-02, and the last 45 days were asked for" in problem


def test_one_record_in_a_hundred_may_be_unreadable(world: World) -> None:
    world.service.cases = [*many(99), a_case("bad", start_date="soon")]
    world.service.ignores = frozenset({"recent"})
    assert len(world.frame()) == 99
