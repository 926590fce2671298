"""All sources of an area together: absence, failure and emptiness stay three things."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sinkwatch import sources, wording
from sinkwatch.errors import ConfigError, SourceError
from sinkwatch.model import (
    NOT_OPTED_IN,
    SWITCHED_OFF,
    Age,
    Area,
    Hold,
    Inputs,
    Snapshot,
    SourceSpec,
    SourceStatus,
)
from tests.sources.samples import DATA, NOW, SAMPLES, a_spec
from tests.world import an_area, parameters

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = {sample.kind: sample.file for sample in reversed(SAMPLES)}
PLANNING = "applications"
TITLES = "reference,description,status\n"


class World:
    """An area whose every file lies in a folder of its own, and what earlier runs have held."""

    def __init__(self, tmp_path: Path) -> None:
        self.given = tmp_path / "given"
        self.given.mkdir()
        for file in FILES.values():
            shutil.copy(DATA / file, self.given)
        self.folder = tmp_path / "snapshots"
        self.held: dict[str, Snapshot] = {}
        self.holds: dict[str, Hold] = {}
        self.specs = {kind: a_spec(kind, self.given / file) for kind, file in FILES.items()}

    def area(self, *more: SourceSpec) -> Area:
        ages = parameters(
            stale_after_days=dict.fromkeys(self.specs, 30),
            red_after_days=dict.fromkeys(self.specs, 60),
        )
        return an_area(sources=(*self.specs.values(), *more), parameters=ages)

    def run(self, *more: SourceSpec, days: float = 0, ask_now: tuple[str, ...] = ()) -> Inputs:
        """Gather, and hold what is good, as a run does."""
        now = NOW + timedelta(days=days)
        wish = sources.Wish(holds=self.holds, ask_now=ask_now)
        inputs = sources.gather(self.area(*more), self.folder, self.held.get, now=now, wish=wish)
        for state in inputs.states:
            if state.snapshot is not None and state.status is SourceStatus.GOOD:
                self.held[state.spec.name] = state.snapshot
            if state.hold is not None:
                self.holds[state.spec.name] = state.hold
            elif state.status is SourceStatus.GOOD:
                self.holds.pop(state.spec.name, None)
        return inputs

    def recall(self, *more: SourceSpec, days: float = 0, keep: bool = False) -> Inputs:
        folder = self.folder if keep else None
        now = NOW + timedelta(days=days)
        return sources.recall(self.area(*more), folder, self.held.get, now=now, holds=self.holds)

    def path(self, kind: str) -> Path:
        return self.given / FILES[kind]

    def touched(self) -> dict[Path, int]:
        """When each file and folder last changed: a folder does so with every file made in it."""
        root = self.given.parent
        return {path: path.stat().st_mtime_ns for path in (root, *root.rglob("*"))}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def told(inputs: Inputs, name: str = PLANNING) -> tuple[SourceStatus, str, int]:
    """Return how a source stands, why, and with how many rows."""
    state = next(state for state in inputs.states if state.spec.name == name)
    return state.status, state.problem, state.n_rows


# ── What is good ─────────────────────────────────────────────────────────────────────────────


def test_every_source_comes_as_its_frame_with_its_state_in_the_order_of_the_area(
    world: World,
) -> None:
    inputs = world.run()
    assert [state.spec for state in inputs.states] == list(world.specs.values())
    frames = {kind: getattr(inputs, kind) for kind in FILES}
    assert {name: len(frame) for name, frame in frames.items()} == {
        "geology": 2,
        "sinkholes": 3,
        "places": 3,
        "postcodes": 3,
        "cases": 2,
        "applications": 3,
    }
    for state in inputs.states:
        assert (state.status, state.problem) == (SourceStatus.GOOD, "")
        assert state.n_rows == len(frames[state.spec.kind])
        assert state.snapshot is not None
        assert state.snapshot.path.is_relative_to(world.folder / state.spec.name)


def test_the_same_bytes_keep_the_time_at_which_they_were_first_had(world: World) -> None:
    world.run()
    (state,) = (s for s in world.run(days=2).states if s.spec.kind == PLANNING)
    assert state.snapshot is not None
    assert state.snapshot.retrieved_at == NOW
    assert state.snapshot.checked_at == NOW + timedelta(days=2)


def test_changed_bytes_are_had_anew(world: World) -> None:
    world.run()
    world.path(PLANNING).write_text(f"{TITLES}26/1,Homes,pending\n")
    inputs = world.run(days=2)
    assert told(inputs) == (SourceStatus.GOOD, "", 1)
    assert world.held[PLANNING].retrieved_at == NOW + timedelta(days=2)


# ── Absence ──────────────────────────────────────────────────────────────────────────────────


def test_a_source_that_nobody_set_up_is_absent_and_nothing_worse(world: World) -> None:
    world.specs[PLANNING] = a_spec(PLANNING, None)
    inputs = world.run()
    problem = "No file or service is named for it on this installation."
    assert told(inputs) == (SourceStatus.NOT_CONFIGURED, problem, 0)
    assert len(inputs.applications) == 0
    assert "postcode" in inputs.applications.columns


@pytest.mark.parametrize("kind", ["cases", PLANNING])
def test_a_kind_that_the_area_does_not_name_at_all_may_be_missing(world: World, kind: str) -> None:
    del world.specs[kind]
    inputs = world.run()
    assert len(getattr(inputs, kind)) == 0
    assert kind not in {state.spec.kind for state in inputs.states}


def test_what_is_held_of_a_source_no_longer_named_stays_in_use_and_grows_old(world: World) -> None:
    world.run()
    world.specs[PLANNING] = a_spec(PLANNING, None)
    assert told(world.run(days=29)) == (SourceStatus.GOOD, "", 3)
    problem = "Last checked more than 30 days ago."
    assert told(world.run(days=31)) == (SourceStatus.STALE, problem, 3)


# ── Failure ──────────────────────────────────────────────────────────────────────────────────


def remove(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def retitle(path: Path) -> None:
    path.write_text(path.read_text().replace("status", "state", 1))


@pytest.mark.parametrize(
    ("harm", "rule"),
    [
        (remove, "No such file"),
        (cut, "as a truncated file has"),
        (empty, "is empty"),
        (retitle, "column status is missing"),
    ],
)
def test_a_failure_keeps_the_last_good_copy_in_use_and_says_why(
    world: World, harm: Callable[[Path], None], rule: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = world.run().applications
    harm(world.path(PLANNING))
    inputs = world.run(days=1)
    status, problem, n_rows = told(inputs)
    assert (status, n_rows) == (SourceStatus.FAILED, 3)
    assert rule in problem
    assert problem in caplog.text
    assert inputs.applications.equals(before)
    (state,) = (s for s in inputs.states if s.spec.kind == PLANNING)
    assert state.snapshot == world.held[PLANNING]


def test_a_failure_with_nothing_held_is_told_and_is_no_empty_source(world: World) -> None:
    world.path(PLANNING).unlink()
    inputs = world.run()
    status, problem, n_rows = told(inputs)
    assert (status, n_rows) == (SourceStatus.FAILED, 0)
    assert problem.startswith(f"applications: {world.path(PLANNING)} cannot be read")
    assert all(state.snapshot is None for state in inputs.states if state.spec.kind == PLANNING)


@pytest.mark.parametrize("kind", ["geology", "sinkholes", "places", "postcodes"])
def test_the_assessment_cannot_do_without_these_unless_a_copy_is_held(
    world: World, kind: str
) -> None:
    kept = world.path(kind).read_bytes()
    world.path(kind).write_bytes(b"")
    with pytest.raises(SourceError) as refused:
        world.run()
    assert refused.value.source == kind
    assert f"{world.path(kind)} is empty" in refused.value.rule
    assert refused.value.way_out == "No earlier copy is held, so nothing was done"
    assert str(refused.value).count(f"{kind}:") == 1
    world.path(kind).write_bytes(kept)
    world.run()
    world.path(kind).unlink()
    inputs = world.run()
    assert told(inputs, kind)[0] is SourceStatus.FAILED
    assert len(getattr(inputs, kind)) > 0


def test_one_source_that_fails_does_not_stop_the_others(world: World) -> None:
    world.run()
    world.path("sinkholes").unlink()
    world.path("cases").write_text(world.path("cases").read_text() + "C3,,Shop,,,,,,,,,,\n")
    states = {state.spec.kind: state.status for state in world.run().states}
    assert states["sinkholes"] is states["cases"] is SourceStatus.FAILED
    assert {states[kind] for kind in ("geology", "places", "postcodes", PLANNING)} == {
        SourceStatus.GOOD
    }


def test_a_held_copy_that_has_changed_is_not_what_was_held(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.run()
    copy = world.held[PLANNING].path
    copy.write_bytes(copy.read_bytes().replace(b"Refused", b"Granted"))
    world.path(PLANNING).unlink()
    status, _, n_rows = told(world.run())
    assert (status, n_rows) == (SourceStatus.FAILED, 0)
    assert "is gone or has changed" in caplog.text


def test_a_held_copy_that_no_longer_passes_the_rules_is_put_aside(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.run()
    moved = replace(an_area().bounds, max_northing=471_780)
    area = replace(world.area(), bounds=moved)  # where it was good, 2 of 2 points lie outside now
    world.path(PLANNING).unlink()
    inputs = sources.gather(area, world.folder, world.held.get, now=NOW)
    assert told(inputs)[::2] == (SourceStatus.FAILED, 0)
    assert "the copy held cannot be used" in caplog.text


# ── Emptiness ────────────────────────────────────────────────────────────────────────────────


def test_a_source_that_is_empty_from_the_first_is_good(world: World) -> None:
    world.path(PLANNING).write_text(TITLES)
    assert told(world.run()) == (SourceStatus.GOOD, "", 0)
    assert told(world.run(days=1)) == (SourceStatus.GOOD, "", 0)


def test_a_source_that_loses_every_row_at_once_is_held(world: World) -> None:
    before = world.run().applications
    world.path(PLANNING).write_text(TITLES)
    inputs = world.run(days=1)
    assert told(inputs) == (
        SourceStatus.HELD,
        "On hold since 2 July 2026: it holds 0 rows where the last good copy holds 3.",
        3,
    )
    assert inputs.applications.equals(before)


def test_what_is_held_waits_with_its_provenance_and_is_held_since_the_first_time(
    world: World,
) -> None:
    world.run()
    world.path(PLANNING).write_text(TITLES)
    world.run(days=1)
    (state,) = (s for s in world.run(days=2).states if s.spec.kind == PLANNING)
    assert state.hold is not None
    assert state.hold.since == NOW + timedelta(days=1)
    assert state.hold.candidate is not None
    assert state.hold.candidate.path.read_text() == TITLES
    assert state.snapshot == world.held[PLANNING]


def test_a_source_that_answers_well_again_is_off_hold_by_itself(world: World) -> None:
    world.run()
    good = world.path(PLANNING).read_text()
    world.path(PLANNING).write_text(TITLES)
    world.run(days=1)
    world.path(PLANNING).write_text(good)
    assert told(world.run(days=2)) == (SourceStatus.GOOD, "", 3)


def test_what_the_operator_takes_back_to_nothing_ships_unquestioned_in_an_upgrade(
    world: World,
) -> None:
    world.run()
    world.path(PLANNING).write_text(TITLES)
    digest = hashlib.sha256(TITLES.encode()).hexdigest()
    described = {"path": FILES[PLANNING], "hash": f"sha256:{digest}"}
    (world.given / "datapackage.json").write_text(json.dumps({"resources": [described]}))
    assert told(world.run(days=1)) == (SourceStatus.GOOD, "", 0)


def test_a_postcode_list_whose_points_have_moved_is_held_although_none_is_missing(
    world: World,
) -> None:
    def listed(easting: int) -> str:
        rows = (f"SM1 {n % 10}A{chr(65 + n // 10)},100,{easting},471000\n" for n in range(40))
        return "postcode,position_uncertainty_m,easting,northing\n" + "".join(rows)

    world.path("postcodes").write_text(listed(431_000))
    world.run()
    world.path("postcodes").write_text(listed(431_101))
    status, problem, n_rows = told(world.run(days=1), "postcodes")
    assert (status, n_rows) == (SourceStatus.HELD, 40)
    assert "40 of 40 points lie more than 100 m from where they were" in problem


def test_what_waits_stays_on_hold_while_the_source_need_not_be_asked(world: World) -> None:
    world.run()
    world.specs[PLANNING] = replace(world.specs[PLANNING], every_days=7)
    world.path(PLANNING).write_text(TITLES)
    assert told(world.run(days=1, ask_now=(PLANNING,)))[0] is SourceStatus.HELD
    assert told(world.run(days=2))[0] is SourceStatus.HELD
    assert world.holds[PLANNING].candidate is not None


@pytest.mark.parametrize("why", [SWITCHED_OFF, NOT_OPTED_IN])
def test_what_a_service_gave_stays_in_use_while_nobody_is_asked_but_not_without_consent(
    world: World, why: str
) -> None:
    world.run()
    world.specs[PLANNING] = replace(world.specs[PLANNING], switched_off=why)
    for inputs in (world.run(days=1), world.recall(days=1)):
        status, _, n_rows = told(inputs)
        is_used = why == SWITCHED_OFF
        assert status is (SourceStatus.GOOD if is_used else SourceStatus.NOT_CONFIGURED)
        assert (n_rows, len(inputs.applications)) == ((3, 3) if is_used else (0, 0))


def test_a_word_that_no_source_of_its_kind_takes_is_refused(world: World) -> None:
    world.specs["geology"] = replace(world.specs["geology"], options={"restriced": True})
    with pytest.raises(ConfigError, match="source geology: restriced is nothing that a source of"):
        world.run()


# ── On hold by hand, and when a source is due ────────────────────────────────────────────────


def test_of_a_source_on_hold_by_hand_nothing_new_is_taken(world: World) -> None:
    world.run()
    world.holds[PLANNING] = Hold(since=NOW, rule=sources.BY_HAND)
    world.path(PLANNING).write_text(f"{TITLES}26/9,Shop,pending\n")
    for inputs in (world.run(days=1), world.recall(days=1)):
        assert told(inputs) == (
            SourceStatus.HELD,
            "On hold since 1 July 2026: put on hold by hand.",
            3,
        )


def test_one_on_hold_of_which_nothing_is_held_gives_nothing(world: World) -> None:
    world.holds[PLANNING] = Hold(since=NOW, rule=sources.BY_HAND)
    inputs = world.run()
    assert told(inputs)[::2] == (SourceStatus.HELD, 0)
    assert inputs.applications.empty


def test_one_on_hold_that_nothing_can_be_done_without_says_how_to_lift_it(world: World) -> None:
    world.holds["geology"] = Hold(since=NOW, rule=sources.BY_HAND)
    with pytest.raises(SourceError, match="sinkwatch sources accept geology"):
        world.run()


def test_a_source_is_not_asked_while_its_last_answer_is_good(world: World) -> None:
    world.run()
    world.specs[PLANNING] = replace(world.specs[PLANNING], every_days=7)
    world.path(PLANNING).write_text(f"{TITLES}26/9,Shop,pending\n")
    for days in (0, 6.999):
        inputs = world.run(days=days)
        assert told(inputs) == (SourceStatus.GOOD, "", 3)
        (state,) = (s for s in inputs.states if s.spec.kind == PLANNING)
        assert state.snapshot is not None
        assert state.snapshot.checked_at == NOW
    assert told(world.run(days=7))[2] == 1


def test_a_source_whose_answer_comes_from_the_future_is_asked(world: World) -> None:
    world.run(days=400)
    world.specs[PLANNING] = replace(world.specs[PLANNING], every_days=7)
    world.path(PLANNING).write_text(f"{TITLES}26/9,Shop,pending\n")
    assert told(world.run())[2] == 1


def test_a_source_is_asked_early_if_its_copy_is_gone(world: World) -> None:
    world.run()
    world.specs[PLANNING] = replace(world.specs[PLANNING], every_days=7)
    world.held[PLANNING].path.unlink()
    world.path(PLANNING).write_text(f"{TITLES}26/9,Shop,pending\n")
    assert told(world.run(days=1))[2] == 1


def test_a_source_that_is_asked_for_by_name_is_asked_early_and_no_other(world: World) -> None:
    world.run()
    world.specs[PLANNING] = replace(world.specs[PLANNING], every_days=7)
    for kind in (PLANNING, "cases"):
        world.path(kind).write_text(world.path(kind).read_text().rstrip() + "\n\n")
    inputs = world.run(days=1, ask_now=(PLANNING,))
    checked = {
        state.spec.name: state.snapshot.checked_at
        for state in inputs.states
        if state.snapshot is not None
    }
    assert checked[PLANNING] == NOW + timedelta(days=1)
    assert {at for name, at in checked.items() if name != PLANNING} == {NOW}


def test_an_emptiness_is_believed_once_the_copy_is_removed_as_the_message_says(
    world: World,
) -> None:
    world.run()
    world.path(PLANNING).write_text(TITLES)
    world.held[PLANNING].path.unlink()
    assert told(world.run(days=1)) == (SourceStatus.GOOD, "", 0)


# ── Age ──────────────────────────────────────────────────────────────────────────────────────


def test_what_was_last_checked_too_long_ago_is_stale_and_still_in_use(world: World) -> None:
    world.run()
    assert told(world.recall(days=30)) == (SourceStatus.GOOD, "", 3)
    late = world.recall(days=30.001)
    assert told(late) == (SourceStatus.STALE, "Last checked more than 30 days ago.", 3)
    assert {state.age for state in late.states} == {Age.AMBER}
    later = world.recall(days=60.001)
    assert {state.age for state in later.states} == {Age.RED}
    assert wording.source_text(later.states[0]) == "long out of date"
    assert told(world.run(days=31)) == (SourceStatus.GOOD, "", 3)


def test_a_source_that_keeps_failing_says_how_old_its_last_good_copy_is(world: World) -> None:
    world.run()
    world.path(PLANNING).unlink()
    said = []
    for days in (30, 31, 61):
        (state,) = (s for s in world.run(days=days).states if s.spec.kind == PLANNING)
        said.append(wording.source_text(state))
    failed = "could not be read; the last good copy is in use"
    assert said == [failed, f"{failed}, and out of date", f"{failed}, and long out of date"]


def test_a_source_without_an_age_limit_never_grows_stale(world: World) -> None:
    world.run()
    area = replace(world.area(), parameters=parameters())
    inputs = sources.recall(area, None, world.held.get, now=NOW + timedelta(days=9_999))
    assert {state.status for state in inputs.states} == {SourceStatus.GOOD}


# ── Several of a kind, and kinds unknown ─────────────────────────────────────────────────────


def test_several_planning_files_are_joined_and_the_later_wins(world: World) -> None:
    later = world.given / "later.csv"
    later.write_text(f"{TITLES}26/00311/FUL,Five homes,Withdrawn\n26/9,Shop,pending\n")
    inputs = world.run(a_spec(PLANNING, later, name="planning-2"))
    statuses = dict(
        zip(inputs.applications["reference"], inputs.applications["status"], strict=True)
    )
    assert statuses == {
        "26/00415/OUT": "undecided",
        "26/00102/FUL": "undecided",
        "26/00311/FUL": "withdrawn",
        "26/9": "undecided",
    }
    assert (told(inputs)[2], told(inputs, "planning-2")[2]) == (3, 2)


@pytest.mark.parametrize("first", [True, False])
def test_an_empty_planning_file_takes_nothing_from_another(world: World, *, first: bool) -> None:
    empty_file = world.given / "empty.csv"
    empty_file.write_text(TITLES)
    if first:
        world.specs = {"empty": a_spec(PLANNING, empty_file, name="empty"), **world.specs}
        assert len(world.run().applications) == 3
    else:
        assert len(world.run(a_spec(PLANNING, empty_file, name="empty")).applications) == 3


def test_two_sources_of_another_kind_are_refused_before_anything_is_asked(world: World) -> None:
    titles_alone = world.given / "none.csv"
    titles_alone.write_text(world.path("cases").read_text().splitlines()[0] + "\n")
    second = a_spec("cases", titles_alone, name="cases-2")
    world.specs = {"second": second, **world.specs}
    with pytest.raises(ConfigError, match="source kind cases: two sources of this kind"):
        world.run()
    assert not world.folder.exists()


def test_a_kind_that_is_unknown_is_refused_with_those_that_are_known(world: World) -> None:
    with pytest.raises(ConfigError) as refused:
        world.run(a_spec("carrier-pigeon", None, name="live"))
    assert refused.value.value == "source live"
    assert refused.value.rule == "its kind carrier-pigeon is not known"
    assert "Use one of applications, bgs-boreholes, " in refused.value.way_out


def test_an_area_without_geology_is_refused(world: World) -> None:
    del world.specs["geology"]
    with pytest.raises(SourceError, match="geology: no source of this kind is named"):
        world.run()


def test_a_required_source_without_a_file_is_refused(world: World) -> None:
    world.specs["places"] = a_spec("places", None)
    with pytest.raises(SourceError, match="places: no file is named"):
        world.run()


# ── Recall ───────────────────────────────────────────────────────────────────────────────────


def test_recall_uses_what_is_held_and_looks_at_no_file(world: World) -> None:
    before = world.run()
    for kind in FILES:
        world.path(kind).write_text("changed since")
    after = world.recall(days=1)
    assert {state.status for state in after.states} == {SourceStatus.GOOD}
    assert [state.snapshot for state in after.states] == [s.snapshot for s in before.states]
    assert after.sinkholes.equals(before.sinkholes)


def test_recall_reads_in_place_what_was_never_taken_in(world: World) -> None:
    inputs = world.recall()
    assert told(inputs) == (SourceStatus.GOOD, "", 3)
    paths = {state.snapshot.path for state in inputs.states if state.snapshot is not None}
    assert paths == {world.path(kind) for kind in FILES}


def test_recall_with_a_folder_takes_a_copy_of_what_was_never_taken_in(world: World) -> None:
    (state, *_) = world.recall(keep=True).states
    assert state.snapshot is not None
    assert state.snapshot.path.is_relative_to(world.folder)
    assert told(world.recall(keep=True))[0] is SourceStatus.GOOD


def test_recall_writes_nothing_at_all(world: World) -> None:
    world.run()
    world.held.pop("geology")
    before = world.touched()
    world.recall()
    assert world.touched() == before


def test_recall_reads_afresh_what_ships_since_an_upgrade_may_have_renewed_it(
    world: World, ripon: Area
) -> None:
    held = sources.gather(ripon, world.folder, lambda _: None, now=NOW)
    snapshots = {s.spec.name: s.snapshot for s in held.states if s.snapshot is not None}
    old = {name: replace(snapshot, edition="old") for name, snapshot in snapshots.items()}
    again = sources.recall(ripon, None, old.get, now=NOW)
    editions = {s.spec.name: s.snapshot.edition for s in again.states if s.snapshot is not None}
    assert "old" not in editions.values()


def test_recall_falls_back_on_the_file_when_the_copy_is_gone(world: World) -> None:
    world.run()
    world.held[PLANNING].path.unlink()
    (state,) = (s for s in world.recall().states if s.spec.kind == PLANNING)
    assert state.status is SourceStatus.GOOD
    assert state.snapshot is not None
    assert state.snapshot.path == world.path(PLANNING)


def test_recall_without_a_copy_or_a_file_fails_and_is_not_empty(world: World) -> None:
    world.path(PLANNING).unlink()
    assert told(world.recall())[0] is SourceStatus.FAILED
    world.path("sinkholes").unlink()
    with pytest.raises(SourceError, match="No earlier copy is held"):
        world.recall()


def test_recall_goes_on_with_a_copy_when_the_package_beside_the_file_is_damaged(
    world: World,
) -> None:
    world.run()
    (world.given / "datapackage.json").write_text("{")
    assert {state.status for state in world.recall().states} == {SourceStatus.GOOD}
    statuses = {state.status for state in world.run(days=1).states}
    assert statuses == {SourceStatus.FAILED}


# ── Ripon as it ships ────────────────────────────────────────────────────────────────────────


def test_everything_that_ships_for_ripon_is_good_and_planning_not_set_up(
    ripon_inputs: Inputs,
) -> None:
    states = {state.spec.name: state for state in ripon_inputs.states}
    for name in [name for name, state in states.items() if state.spec.path is None]:
        assert states.pop(name).status is SourceStatus.NOT_CONFIGURED
    assert set(states) == {"geology", "sinkholes", "places", "postcodes", "cases"}
    for state in states.values():
        assert (state.status, state.problem) == (SourceStatus.GOOD, "")
        assert state.snapshot is not None
        assert state.snapshot.licence
        assert state.snapshot.attribution
        assert state.snapshot.edition


def test_a_step_is_one_line_with_its_count(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="sinkwatch"):
        world.run()
    assert "sinkholes: 3 rows of sinkholes.csv" in caplog.messages
