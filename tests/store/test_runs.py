from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sinkwatch.model import Snapshot, SourceState, SourceStatus
from sinkwatch.store import Store, runs
from sinkwatch.store.runs import RunRow, SourceNote

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def test_runs_are_numbered_in_order(store: Store) -> None:
    with store.begin() as connection:
        first, second = (runs.start(connection, NOW) for _ in range(2))
    assert first < second


def test_a_finished_run_tells_what_it_was(store: Store) -> None:
    with store.begin() as connection:
        run_id = runs.start(connection, NOW)
        runs.finish(connection, run_id, NOW + HOUR, "done", {"n_sites": 3})
    with store.read() as connection:
        assert runs.last(connection) == RunRow(
            run_id=run_id,
            started_at=NOW,
            finished_at=NOW + HOUR,
            outcome="done",
            summary={"n_sites": 3},
        )


def test_there_is_no_last_run_before_the_first(store: Store) -> None:
    with store.read() as connection:
        assert runs.last(connection) is None


def test_a_run_that_failed_or_never_ended_is_not_the_last_good_one(store: Store) -> None:
    with store.begin() as connection:
        good = runs.start(connection, NOW)
        runs.finish(connection, good, NOW, "done", {})
        runs.finish(connection, runs.start(connection, NOW), NOW, "failed", {})
        runs.start(connection, NOW)
        found = runs.last(connection)
    assert found is not None
    assert found.run_id == good


def test_a_held_snapshot_comes_back_whole(
    store: Store, a_snapshot: Callable[..., Snapshot]
) -> None:
    snapshot = a_snapshot(path=Path("/srv/snapshots/it's here.csv"), n_bytes=3_000_000_000)
    with store.begin() as connection:
        runs.hold(connection, snapshot)
    with store.read() as connection:
        assert runs.held(connection, "sinkholes") == snapshot


def test_when_each_source_was_last_good_is_told_by_the_newest_run_in_which_it_was(
    store: Store,
) -> None:
    with store.begin() as connection:
        assert runs.checked(connection) == {}
        for hours, checked in enumerate(({"planit": NOW, "file": NOW}, {"file": NOW + HOUR}, {})):
            run_id = runs.start(connection, NOW + hours * HOUR)
            said = {name: moment.isoformat() for name, moment in checked.items()}
            runs.finish(connection, run_id, NOW, "done", {"checked": said} if said else {})
        assert runs.checked(connection) == {"planit": NOW, "file": NOW + HOUR}


def test_a_source_never_fetched_holds_nothing(
    store: Store, a_snapshot: Callable[..., Snapshot]
) -> None:
    with store.begin() as connection:
        runs.hold(connection, a_snapshot("geology"))
        assert runs.held(connection, "sinkholes") is None


def test_the_same_bytes_again_are_the_same_snapshot_first_had_when_they_were(
    store: Store, a_snapshot: Callable[..., Snapshot], n_rows: Callable[[str], int]
) -> None:
    first = a_snapshot()
    again = a_snapshot(retrieved_at=NOW + DAY, checked_at=NOW + DAY, edition="other")
    with store.begin() as connection:
        assert runs.hold(connection, first) == runs.hold(connection, again)
        assert runs.held(connection, "sinkholes") == replace(again, retrieved_at=first.retrieved_at)
    assert n_rows("snapshots") == 1


def test_the_same_bytes_from_two_sources_are_two_snapshots(
    store: Store, a_snapshot: Callable[..., Snapshot], n_rows: Callable[[str], int]
) -> None:
    with store.begin() as connection:
        runs.hold(connection, a_snapshot("sinkholes"))
        runs.hold(connection, a_snapshot("places"))
    assert n_rows("snapshots") == 2


def test_the_newest_bytes_are_held_and_the_older_ones_kept(
    store: Store, a_snapshot: Callable[..., Snapshot], n_rows: Callable[[str], int]
) -> None:
    newer = a_snapshot(sha256="b" * 64, retrieved_at=NOW + DAY, checked_at=NOW + DAY)
    with store.begin() as connection:
        runs.hold(connection, newer)
        runs.hold(connection, a_snapshot())
        assert runs.held(connection, "sinkholes") == newer
    assert n_rows("snapshots") == 2


def test_a_source_that_takes_an_edition_back_holds_the_older_bytes_again(
    store: Store, a_snapshot: Callable[..., Snapshot]
) -> None:
    back = replace(a_snapshot(), checked_at=NOW + 2 * DAY)
    with store.begin() as connection:
        runs.hold(connection, a_snapshot())
        runs.hold(
            connection, a_snapshot(sha256="b" * 64, retrieved_at=NOW + DAY, checked_at=NOW + DAY)
        )
        runs.hold(connection, back)
        assert runs.held(connection, "sinkholes") == back


def test_a_note_of_a_source_comes_back_with_its_snapshot(
    store: Store, a_snapshot: Callable[..., Snapshot], a_state: Callable[..., SourceState]
) -> None:
    snapshot = a_snapshot()
    with store.begin() as connection:
        runs.note_source(connection, a_state(snapshot=snapshot, n_rows=12), NOW)
        assert runs.held(connection, "sinkholes") == snapshot
    with store.read() as connection:
        assert runs.source_notes(connection) == (
            SourceNote(
                source="sinkholes",
                status=SourceStatus.GOOD,
                problem="",
                changed_at=NOW,
                n_rows=12,
                snapshot=snapshot,
            ),
        )


def test_absence_failure_and_emptiness_stay_three_things(
    store: Store, a_snapshot: Callable[..., Snapshot], a_state: Callable[..., SourceState]
) -> None:
    with store.begin() as connection:
        runs.note_source(connection, a_state("a", status=SourceStatus.NOT_CONFIGURED), NOW)
        runs.note_source(connection, a_state("b", status=SourceStatus.FAILED, problem="404"), NOW)
        runs.note_source(connection, a_state("c", snapshot=a_snapshot("c"), n_rows=0), NOW)
        notes = runs.source_notes(connection)
    assert [(note.source, note.status, note.problem, note.snapshot is None) for note in notes] == [
        ("a", SourceStatus.NOT_CONFIGURED, "", True),
        ("b", SourceStatus.FAILED, "404", True),
        ("c", SourceStatus.GOOD, "", False),
    ]


def test_a_note_says_since_when_the_source_has_stood_so(
    store: Store, a_state: Callable[..., SourceState]
) -> None:
    changed = []
    with store.begin() as connection:
        for days, status in enumerate([SourceStatus.GOOD, *[SourceStatus.FAILED] * 3]):
            state = a_state(status=status, problem=f"day {days}")
            runs.note_source(connection, state, NOW + days * DAY)
            (note,) = runs.source_notes(connection)
            changed.append((note.problem, note.changed_at))
    assert changed == [
        ("day 0", NOW),
        ("day 1", NOW + DAY),
        ("day 2", NOW + DAY),
        ("day 3", NOW + DAY),
    ]


def test_a_source_that_failed_is_noted_with_the_snapshot_that_it_stands_on(
    store: Store, a_snapshot: Callable[..., Snapshot], a_state: Callable[..., SourceState]
) -> None:
    with store.begin() as connection:
        runs.note_source(connection, a_state(snapshot=a_snapshot()), NOW)
        failed = a_state(status=SourceStatus.FAILED, problem="gone", snapshot=a_snapshot())
        runs.note_source(connection, failed, NOW + DAY)
        (note,) = runs.source_notes(connection)
    assert note.status is SourceStatus.FAILED
    assert note.snapshot == a_snapshot()
