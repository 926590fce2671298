from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from sinkwatch.model import Event, EventKind, MessageId, Subscriber, SubscriberId
from sinkwatch.store import Store, alerts, brakes, runs, tables

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
S1, S2 = SubscriberId("s1"), SubscriberId("s2")
M1, M2 = MessageId("m1@x"), MessageId("m2@x")
Add = Callable[..., Subscriber]
Make = Callable[..., Event]
Hear = Callable[..., tuple[str, ...]]


@pytest.fixture
def run_id(store: Store) -> int:
    with store.begin() as connection:
        return runs.start(connection, NOW)


def waiting(store: Store) -> dict[str, list[str]]:
    """Return the subjects that wait, by subscriber."""
    with store.read() as connection:
        found = alerts.waiting(connection)
    return {who: [event.subject for event in events] for who, events in found.items()}


# ── What happened ────────────────────────────────────────────────────────────────────────────


def test_an_event_comes_back_whole(store: Store, run_id: int, an_event: Make) -> None:
    full = an_event(
        kind=EventKind.APPLICATION_CHANGED,
        lines=("Ground: gypsum.", "Near North Road."),
        url="https://council.example/1",
        in_belt=True,
        site="Old Auction Mart",
        deadline=date(2014, 3, 1),
        anchor="application-A1",
        silent_since=date(2014, 2, 1),
    )
    bare = an_event("A2", easting=None, northing=None)
    with store.begin() as connection:
        assert alerts.record(connection, run_id, [full, bare], NOW) == (full, bare)
        assert alerts.get(connection, full.key) == full
        assert alerts.get(connection, bare.key) == bare
        assert alerts.get(connection, "none") is None
        assert alerts.of_run(connection, run_id) == (full, bare)
        assert alerts.of_run(connection, run_id + 1) == ()


def test_what_a_later_program_has_added_to_an_event_is_passed_over(
    store: Store, run_id: int, an_event: Make
) -> None:
    event = an_event()
    with store.begin() as connection:
        alerts.record(connection, run_id, [event], NOW)
        content = connection.execute(select(tables.events.c.content)).scalar_one()
        later = content | {"colour": "red"}
        connection.execute(tables.events.update().values(content=later))
        assert alerts.get(connection, event.key) == event


def test_an_event_is_new_once_whatever_the_run(store: Store, run_id: int, an_event: Make) -> None:
    first, second = an_event("A1"), an_event("A2")
    told_otherwise = replace(first, title="Other words")
    with store.begin() as connection:
        assert alerts.record(connection, run_id, [first, told_otherwise], NOW) == (told_otherwise,)
        later = runs.start(connection, NOW)
        assert alerts.record(connection, later, [first, second], NOW) == (second,)
        assert alerts.record(connection, later, [], NOW) == ()
        assert alerts.get(connection, first.key) == told_otherwise
        assert alerts.of_run(connection, later) == (second,)


def test_more_events_are_known_than_a_statement_has_variables(
    store: Store, run_id: int, an_event: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "_PART", 2)
    found = [an_event(f"A{n}") for n in range(5)]
    with store.begin() as connection:
        assert len(alerts.record(connection, run_id, found, NOW)) == 5
        assert alerts.record(connection, run_id, found, NOW) == ()


def test_what_changed_lately_comes_newest_first(store: Store, run_id: int, an_event: Make) -> None:
    old, new, newest = an_event("A1"), an_event("A3"), an_event("A2")
    with store.begin() as connection:
        alerts.record(connection, run_id, [old], NOW - DAY)
        alerts.record(connection, run_id, [new], NOW)
        alerts.record(connection, run_id, [newest], NOW + HOUR)
        assert alerts.since(connection, NOW) == (newest, new)


# ── Who hears of it ──────────────────────────────────────────────────────────────────────────


def test_what_waits_is_there_by_subscriber_the_oldest_first(
    store: Store, subscribed: Add, heard: Hear
) -> None:
    subscribed("s1")
    subscribed("s2")
    heard("A2", "A1", at=NOW)
    heard("A0", at=NOW + HOUR)
    heard("A1", who="s2", at=NOW + HOUR)
    assert waiting(store) == {"s1": ["A1", "A2", "A0"], "s2": ["A1"]}
    with store.read() as connection:
        assert alerts.oldest_waiting(connection) == {"s1": NOW, "s2": NOW + HOUR}


def test_a_run_says_how_many_it_concerns(
    store: Store, subscribed: Add, run_id: int, n_rows: Callable[[str], int]
) -> None:
    subscribed("s1")
    subscribed("s2")
    pairs = [(S1, "a"), (S1, "b"), (S2, "a")]
    with store.begin() as connection:
        assert alerts.queue(connection, run_id, [], {}, NOW) == 0
        assert alerts.queue(connection, run_id, pairs, {"a": "A1", "b": "B1"}, NOW) == 2
    assert n_rows("alerts") == 3


def test_nobody_is_to_hear_of_the_same_twice(
    subscribed: Add, heard: Hear, n_rows: Callable[[str], int]
) -> None:
    subscribed("s1")
    heard("A1")
    with pytest.raises(IntegrityError):
        heard("A1", "A2")
    assert n_rows("alerts") == 1


def test_nobody_who_has_left_is_to_hear_of_anything(
    heard: Hear, n_rows: Callable[[str], int]
) -> None:
    heard("A1")
    assert n_rows("alerts") == 0


# ── Told ─────────────────────────────────────────────────────────────────────────────────────


def test_what_is_told_waits_no_longer_and_only_the_first_worker_tells_it(
    store: Store, subscribed: Add, heard: Hear
) -> None:
    subscribed("s1")
    subscribed("s2")
    keys = heard("A1", "A2")
    heard("A1", who="s2")
    with store.begin() as connection:
        assert alerts.mark_told(connection, S1, keys, M1, NOW)
        assert not alerts.mark_told(connection, S1, keys, M2, NOW + HOUR)
        rows = connection.execute(select(tables.alerts).order_by(tables.alerts.c.subscriber_id))
        assert [(row.subscriber_id, row.message_id, row.told_at) for row in rows] == [
            ("s1", M1, NOW),
            ("s1", M1, NOW),
            ("s2", None, None),
        ]
    assert waiting(store) == {"s2": ["A1"]}


@pytest.mark.parametrize("other", ["told by another", "gone"])
def test_a_mail_of_which_a_part_is_told_or_gone_is_not_ours_to_send(
    store: Store, subscribed: Add, heard: Hear, other: str
) -> None:
    subscribed("s1")
    first, second = heard("A1", "A2")
    with store.begin() as connection:
        if other == "gone":
            alerts.drop(connection, S1, [first])
        else:
            alerts.mark_told(connection, S1, [first], M1, NOW)
        assert not alerts.mark_told(connection, S1, [first, second], M2, NOW)


def test_what_concerns_no_place_any_more_is_dropped_but_what_was_told_stays_told(
    store: Store, subscribed: Add, heard: Hear, n_rows: Callable[[str], int]
) -> None:
    subscribed("s1")
    subscribed("s2")
    first, second, third = heard("A1", "A2", "A3")
    heard("A1", "A2", who="s2")
    with store.begin() as connection:
        alerts.mark_told(connection, S1, [first], M1, NOW)
        alerts.drop(connection, S1, [first, second])
        alerts.drop(connection, S1, [])
    assert waiting(store) == {"s1": ["A3"], "s2": ["A1", "A2"]}
    assert third.startswith("application_new:A3")
    assert n_rows("alerts") == 4


def test_what_cannot_have_arrived_waits_again(
    store: Store, subscribed: Add, heard: Hear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "_PART", 1)
    subscribed("s1")
    first, second, third = heard("A1", "A2", "A3")
    with store.begin() as connection:
        alerts.mark_told(connection, S1, [first], M1, NOW)
        alerts.mark_told(connection, S1, [second], M2, NOW)
        alerts.mark_told(connection, S1, [third], MessageId("m3@x"), NOW)
        assert alerts.release(connection, []) == 0
        assert alerts.release(connection, [M1, M2, "none@x"]) == 2
        assert alerts.told(connection) == {("s1", "A3"): date(2014, 2, 17)}
    assert waiting(store) == {"s1": ["A1", "A2"]}


def test_when_somebody_was_last_told_of_a_subject_is_a_day_in_london(
    store: Store, subscribed: Add, heard: Hear, an_event: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "_PART", 1)
    subscribed("s1")
    (first,) = heard("A1")
    (other,) = heard("B1")
    heard("C1")
    changed = an_event("A1", "v2")
    midnight_in_summer = datetime(2014, 7, 1, 23, 30, tzinfo=UTC)
    with store.begin() as connection:
        run_id = runs.start(connection, NOW)
        alerts.record(connection, run_id, [changed], NOW)
        alerts.queue(connection, run_id, [(S1, changed.key)], {changed.key: "A1"}, NOW)
        alerts.mark_told(connection, S1, [first, other], M1, NOW)
        alerts.mark_told(connection, S1, [changed.key], M2, midnight_in_summer)
        both = {("s1", "A1"): date(2014, 7, 2), ("s1", "B1"): date(2014, 2, 17)}
        assert alerts.told(connection) == both
        assert alerts.told(connection, {"A1", "B1", "C1"}) == both
        assert alerts.told(connection, {"C1"}) == {}
        assert alerts.told(connection, ()) == {}
        assert alerts.told_of_event(connection, first) == {("s1", "A1"): date(2014, 2, 17)}
        assert alerts.told_of_event(connection, changed.key) == {("s1", "A1"): date(2014, 7, 2)}
        assert alerts.told_of_event(connection, "none") == {}


def test_who_heard_of_a_subject_was_told_of_it_or_will_be(
    store: Store, subscribed: Add, heard: Hear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "_PART", 1)
    subscribed("s1")
    subscribed("s2")
    (key,) = heard("A1", at=NOW - DAY)
    heard("B1", who="s2")
    heard("C1")
    with store.begin() as connection:
        alerts.mark_told(connection, S1, [key], M1, NOW)
        assert alerts.heard(connection, {"A1", "B1", "none"}) == {
            ("s1", "A1"): date(2014, 2, 16),
            ("s2", "B1"): date(2014, 2, 17),
        }
        assert alerts.heard(connection, ()) == {}


def test_who_was_not_told_of_an_event_yet_need_never_hear_of_it(
    store: Store, subscribed: Add, heard: Hear
) -> None:
    subscribed("s1")
    subscribed("s2")
    (key,) = heard("A1")
    heard("A2")
    with store.begin() as connection:
        alerts.queue(connection, 1, [(S2, key)], {key: "A1"}, NOW)
        alerts.mark_told(connection, S2, [key], M1, NOW)
        assert alerts.forget_waiting(connection, key) == 1
        assert alerts.forget_waiting(connection, key) == 0
        assert alerts.told(connection) == {("s2", "A1"): date(2014, 2, 17)}
    assert waiting(store) == {"s1": ["A2"]}


# ── Runs that wait for a person ──────────────────────────────────────────────────────────────


@pytest.fixture
def braked(store: Store, subscribed: Add, heard: Hear) -> int:
    """A run that waits; an earlier one, which does not, found something for the same person."""
    subscribed("s1")
    heard("A1", at=NOW)
    heard("B1", at=NOW - DAY)
    with store.begin() as connection:
        held = select(tables.events.c.run_id).where(tables.events.c.subject == "B1")
        run_id = int(connection.execute(held).scalar_one())
        brake = brakes.Brake(run_id=run_id, since=NOW, n_concerned=1, rule="too many")
        brakes.pull(connection, brake)
    return run_id


def test_what_a_run_found_that_waits_for_a_person_is_told_once_it_is_approved(
    store: Store, braked: int
) -> None:
    assert waiting(store) == {"s1": ["A1"]}
    with store.begin() as connection:
        assert alerts.oldest_waiting(connection) == {"s1": NOW}
        brakes.end(connection, braked, "approved", NOW)
        assert alerts.oldest_waiting(connection) == {"s1": NOW - DAY}
    assert waiting(store) == {"s1": ["B1", "A1"]}


def test_what_a_run_found_that_was_discarded_is_told_to_nobody_and_counts_for_no_brake(
    store: Store, braked: int
) -> None:
    with store.begin() as connection:
        assert alerts.concerned_by_run(connection, NOW - DAY) == (1, 1)
        assert alerts.discard(connection, braked) == 1
        brakes.end(connection, braked, "discarded", NOW)
        assert alerts.discard(connection, braked) == 0
        assert alerts.concerned_by_run(connection, NOW - DAY) == (1,)
    assert waiting(store) == {"s1": ["A1"]}


def test_what_was_told_already_of_a_run_is_not_discarded(store: Store, braked: int) -> None:
    with store.begin() as connection:
        (key,) = (event.key for event in alerts.of_run(connection, braked))
        alerts.mark_told(connection, S1, [key], M1, NOW)
        assert alerts.discard(connection, braked) == 0
        assert alerts.told(connection, ["B1"]) == {("s1", "B1"): date(2014, 2, 17)}


def test_how_many_each_run_concerned_lately_the_oldest_first(
    store: Store, subscribed: Add, heard: Hear
) -> None:
    for who in ("s1", "s2", "s3"):
        subscribed(who)
    heard("A1", who="s1", at=NOW - 31 * DAY)
    with store.begin() as connection:
        run_id = runs.start(connection, NOW)
        pairs = [(SubscriberId(who), f"key{n}") for who in ("s1", "s2", "s3") for n in (1, 2)]
        alerts.queue(connection, run_id, pairs, {"key1": "A", "key2": "B"}, NOW - 30 * DAY)
    heard("A2", who="s2")
    with store.read() as connection:
        assert alerts.concerned_by_run(connection, NOW - 30 * DAY) == (3, 1)


def test_the_content_of_an_event_is_plain_json_in_the_database(
    store: Store, run_id: int, an_event: Make
) -> None:
    event = an_event(deadline=date(2014, 3, 1))
    with store.begin() as connection:
        alerts.record(connection, run_id, [event], NOW)
        text = connection.exec_driver_sql("SELECT content FROM events").scalar_one()
    content = json.loads(text)
    assert (content["kind"], content["deadline"], content["lines"]) == (
        "application_new",
        "2014-03-01",
        [],
    )
