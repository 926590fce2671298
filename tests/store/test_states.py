from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from sinkwatch.errors import StoreError
from sinkwatch.model import ApplicationStatus, Change, fingerprint
from sinkwatch.store import Store, runs, states

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)
KIND = "application"
Facts = Mapping[str, Mapping[str, object]]

NEW = {"status": "undecided"}
DECIDED = {"status": "refused"}


def record(
    store: Store, current: Facts, kind: str = KIND, *, is_complete: bool = True
) -> tuple[Change, ...]:
    """Make one run that found this."""
    with store.begin() as connection:
        run_id = runs.start(connection, NOW)
        changes = runs.record(connection, run_id, kind, current, is_complete=is_complete)
        runs.finish(connection, run_id, NOW, "done", {})
    return changes


def standing(store: Store) -> dict[str, dict[str, object]]:
    with store.read() as connection:
        return runs.current(connection, KIND)


def told(changes: tuple[Change, ...]) -> list[tuple[str, object, object]]:
    return [(change.subject, change.before, change.after) for change in changes]


def test_everything_is_new_to_the_first_run_and_marked_as_its_baseline(store: Store) -> None:
    assert record(store, {"b": NEW, "a": DECIDED}) == (
        Change(
            kind=KIND,
            subject="a",
            version=fingerprint(DECIDED),
            before=None,
            after=DECIDED,
            is_baseline=True,
        ),
        Change(
            kind=KIND,
            subject="b",
            version=fingerprint(NEW),
            before=None,
            after=NEW,
            is_baseline=True,
        ),
    )
    assert standing(store) == {"a": DECIDED, "b": NEW}


def test_a_second_run_that_finds_the_same_changes_nothing(store: Store) -> None:
    record(store, {"a": NEW})
    assert record(store, {"a": NEW}) == ()
    assert standing(store) == {"a": NEW}


def test_a_subject_that_comes_later_is_news(store: Store) -> None:
    record(store, {"a": NEW})
    (change,) = record(store, {"a": NEW, "b": NEW})
    assert (change.subject, change.before, change.after) == ("b", None, NEW)
    assert not change.is_baseline


def test_changed_facts_are_told_with_those_before(store: Store) -> None:
    record(store, {"a": NEW})
    (change,) = record(store, {"a": DECIDED})
    assert (change.before, change.after, change.version) == (NEW, DECIDED, fingerprint(DECIDED))
    assert standing(store) == {"a": DECIDED}


def test_a_subject_missed_once_or_twice_still_stands_and_is_gone_the_third_time(
    store: Store,
) -> None:
    record(store, {"a": NEW, "b": NEW})
    assert record(store, {"b": NEW}) == ()
    assert record(store, {"b": NEW}) == ()
    assert standing(store) == {"a": NEW, "b": NEW}
    (change,) = record(store, {"b": NEW})
    assert (change.subject, change.before, change.after) == ("a", NEW, None)
    assert change.version == fingerprint(NEW)
    assert standing(store) == {"b": NEW}


def test_a_subject_that_is_gone_is_told_once(store: Store) -> None:
    record(store, {"a": NEW})
    gone = [record(store, {}) for _ in range(6)]
    assert [len(changes) for changes in gone] == [0, 0, 1, 0, 0, 0]


def test_runs_that_missed_a_subject_count_only_if_they_follow_one_another(store: Store) -> None:
    record(store, {"a": NEW})
    for _ in range(3):
        assert record(store, {}) == ()
        assert record(store, {}) == ()
        assert record(store, {"a": NEW}) == ()
    assert standing(store) == {"a": NEW}


def test_nothing_is_absent_from_a_run_in_which_a_source_did_not_answer(store: Store) -> None:
    record(store, {"a": NEW})
    for _ in range(5):
        assert record(store, {}, is_complete=False) == ()
    assert record(store, {}) == ()
    assert record(store, {}, is_complete=False) == ()
    assert record(store, {}) == ()
    assert told(record(store, {})) == [("a", NEW, None)]


def test_a_subject_that_comes_back_with_other_facts_is_changed_and_counted_afresh(
    store: Store,
) -> None:
    record(store, {"a": NEW})
    record(store, {})
    record(store, {})
    assert told(record(store, {"a": DECIDED})) == [("a", NEW, DECIDED)]
    assert record(store, {}) == ()
    assert record(store, {}) == ()
    assert told(record(store, {})) == [("a", DECIDED, None)]


def test_a_subject_that_comes_back_after_it_was_gone_is_new_with_its_old_version(
    store: Store,
) -> None:
    (first,) = record(store, {"a": NEW})
    for _ in range(3):
        record(store, {})
    (back,) = record(store, {"a": NEW})
    assert (back.before, back.after) == (None, NEW)
    assert back.version == first.version  # so that it is not told a second time


def test_the_first_subject_of_a_kind_that_was_empty_at_first_is_news(store: Store) -> None:
    assert record(store, {}) == ()
    (change,) = record(store, {"a": NEW})
    assert not change.is_baseline


def test_a_kind_recorded_for_the_first_time_is_a_baseline_whatever_else_was_before(
    store: Store,
) -> None:
    record(store, {"a": NEW})
    (change,) = record(store, {"HG4 1HS": {"band": 4}}, kind="postcode")
    assert change.is_baseline


def test_kinds_do_not_mix(store: Store) -> None:
    record(store, {"a": NEW})
    record(store, {"a": {"band": 4}}, kind="site")
    assert record(store, {"a": NEW}) == ()
    assert record(store, {"a": {"band": 4}}, kind="site") == ()
    assert standing(store) == {"a": NEW}


def test_a_run_that_is_rolled_back_leaves_the_next_one_the_baseline(store: Store) -> None:
    def fail_after_recording() -> None:
        with store.begin() as connection:
            runs.record(connection, runs.start(connection, NOW), KIND, {"a": NEW})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_recording()
    (change,) = record(store, {"a": NEW})
    assert change.is_baseline


def test_the_order_of_facts_is_no_change(store: Store) -> None:
    record(store, {"a": {"x": 1, "y": [1, 2]}})
    assert record(store, {"a": {"y": [1, 2], "x": 1}}) == ()


def test_dates_and_words_of_ours_are_told_as_they_come_back(store: Store) -> None:
    facts = {"decided_on": date(2014, 2, 10), "status": ApplicationStatus.REFUSED, "rings": (1, 2)}
    plain = {"decided_on": "2014-02-10", "status": "refused", "rings": [1, 2]}
    (first,) = record(store, {"a": facts})
    assert first.after == plain
    assert record(store, {"a": facts}) == ()
    (change,) = record(store, {"a": facts | {"rings": ()}})
    assert change.before == plain


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_fact_that_is_no_number_is_refused_and_nothing_recorded(
    store: Store, value: float
) -> None:
    record(store, {"a": NEW})
    with pytest.raises(StoreError, match=r"facts of b: a number is NaN or infinite"):
        record(store, {"a": DECIDED, "b": {"distance_m": value}})
    assert standing(store) == {"a": NEW}


def test_what_stood_after_an_earlier_run_can_still_be_asked(store: Store) -> None:
    history: list[Facts] = [{"a": NEW}, {"a": DECIDED, "b": NEW}, {"b": NEW}, {"b": NEW}, {}]
    with store.begin() as connection:
        run_ids = [runs.start(connection, NOW) for _ in range(6)]
        for run_id, current in zip(run_ids[1:], history, strict=True):
            runs.record(connection, run_id, KIND, current)
        found = [runs.as_of(connection, KIND, run_id) for run_id in run_ids]
    assert found == [
        {},
        {"a": NEW},
        {"a": DECIDED, "b": NEW},
        {"a": DECIDED, "b": NEW},
        {"a": DECIDED, "b": NEW},
        {"b": NEW},
    ]


def test_thousands_of_subjects_take_a_handful_of_statements(store: Store) -> None:
    many = {f"HG4 {n}": {"band": n % 5, "label": "x" * 50} for n in range(5_000)}
    calls: list[bool] = []
    assert len(record(store, many)) == 5_000
    changed = {subject: facts | {"band": 9} for subject, facts in list(many.items())[100:]}
    with store.begin() as connection:
        event.listen(connection, "after_cursor_execute", lambda *found: calls.append(found[-1]))
        changes = runs.record(connection, runs.start(connection, NOW), KIND, changed)
    assert len(changes) == 4_900
    assert len(calls) < 10
    assert len(standing(store)) == 5_000


# ── Against a model of it ────────────────────────────────────────────────────────────────────


class Ledger:
    """The same rules on a dict, one subject after the other."""

    def __init__(self) -> None:
        self.facts: dict[str, Mapping[str, object]] = {}
        self.missed: dict[str, int] = {}

    def record(self, current: Facts) -> list[tuple[str, object, object]]:
        changes: list[tuple[str, object, object]] = []
        for subject in sorted(self.facts.keys() | current.keys()):
            before, after = self.facts.get(subject), current.get(subject)
            self.missed[subject] = 0 if after is not None else self.missed.get(subject, 0) + 1
            if after is None and self.missed[subject] < 3:
                continue
            if after is None:
                del self.facts[subject]
            else:
                self.facts[subject] = after
            if before != after:
                changes.append((subject, before, after))
        return changes


FOUND = st.dictionaries(st.sampled_from("abc"), st.sampled_from([NEW, DECIDED, {"status": ""}]))
_kinds = count()


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(FOUND, max_size=12))
def test_any_history_is_recorded_as_a_ledger_kept_by_hand_would_be(
    sqlite_store: Store, history: list[Facts]
) -> None:
    kind = f"kind-{next(_kinds)}"
    ledger = Ledger()
    then: list[dict[str, Mapping[str, object]]] = []
    with sqlite_store.begin() as connection:
        run_ids = [runs.start(connection, NOW) for _ in history]
        for run_id, current in zip(run_ids, history, strict=True):
            assert told(runs.record(connection, run_id, kind, current)) == ledger.record(current)
            assert runs.current(connection, kind) == ledger.facts
            then.append(dict(ledger.facts))
        assert [runs.as_of(connection, kind, run_id) for run_id in run_ids] == then


def _transitions(store: Store, until_run: int | None = None) -> list[tuple[object, ...]]:
    with store.read() as connection:
        found = states.transitions(connection, until_run=until_run)
    first = found[0].run_id  # PostgreSQL goes on counting where another test has ended
    return [
        (
            each.run_id - first + 1,
            each.change.before,
            each.change.after,
            each.change.is_baseline,
        )
        for each in found
    ]


def test_every_change_ever_recorded_is_told_with_what_was_before(store: Store) -> None:
    record(store, {"a": NEW})
    record(store, {"a": DECIDED})
    for _ in range(states.RUNS_UNTIL_GONE):
        record(store, {})
    record(store, {"a": NEW})
    all_of_them = [
        (1, None, NEW, True),
        (2, NEW, DECIDED, False),
        (5, DECIDED, None, False),
        (6, None, NEW, False),
    ]
    assert _transitions(store) == all_of_them
    with store.read() as connection:
        first = states.transitions(connection)[0].run_id
    assert _transitions(store, until_run=first + 3) == all_of_them[:2]


def test_what_stands_beside_another_subject_or_kind_is_not_what_was_before(store: Store) -> None:
    record(store, {"a": NEW})
    record(store, {"b": DECIDED})
    record(store, {"b": DECIDED}, kind="other")
    assert _transitions(store)[0][1:] == (None, NEW, True)
    assert all(before is None for _, before, _, _ in _transitions(store))
