from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, inspect, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from sinkwatch.model import MessageId, SubscriberId
from sinkwatch.store import (
    Store,
    alerts,
    claims,
    jobs,
    outbox,
    retention,
    runs,
    signups,
    subscribers,
    tables,
)

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)
moments = st.datetimes(
    min_value=datetime(1800, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2999, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=1)), timezone(timedelta(hours=-5))]),
)


def test_every_sqlite_table_is_strict(sqlite_store: Store) -> None:
    with sqlite_store.read() as connection:
        rows = connection.exec_driver_sql("PRAGMA table_list").mappings().all()
    ours = {row["name"]: row["strict"] for row in rows if row["name"] in tables.metadata.tables}
    assert ours == dict.fromkeys(tables.metadata.tables, 1)


def test_both_databases_have_the_columns_that_the_program_names(store: Store) -> None:
    with store.read() as connection:
        inspector = inspect(connection)
        for name, table in tables.metadata.tables.items():
            found = {row["name"]: row["nullable"] for row in inspector.get_columns(name)}
            assert found == {column.name: column.nullable for column in table.columns}


def insert(connection: Connection, name: str, **values: object) -> None:
    """Insert as a careless program would: past our types, straight to the database."""
    columns = ", ".join(values)
    of = connection.dialect.name
    literals = ", ".join(_literal(value, of) for value in values.values())
    connection.exec_driver_sql(f"INSERT INTO {name} ({columns}) VALUES ({literals})")  # noqa: S608


def _literal(value: object, dialect: str) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'" if dialect == "sqlite" else f"'\\x{value.hex()}'"
    if isinstance(value, bool) and dialect == "sqlite":
        return str(int(value))
    return f"'{value}'" if isinstance(value, str) else str(value)


TIME = "2014-02-17T12:00:00.000000Z"
JOB = {"job": "run", "failures": 0, "last_problem": ""}
RUN = {"started_at": TIME, "outcome": "running", "summary": "{}"}
SNAPSHOT = {
    "source": "geology",
    "sha256": "a" * 64,
    "path": "p",
    "url": "u",
    "n_bytes": 1,
    "retrieved_at": TIME,
    "checked_at": TIME,
    "edition": "",
    "licence": "",
    "attribution": "",
}
STATE = {
    "source": "geology",
    "status": "good",
    "problem": "",
    "changed_at": TIME,
    "n_rows": 1,
}
PERSON = {
    "subscriber_id": "s1",
    "email": "ann@example.org",
    "frequency": "weekly",
    "is_quiet_at_night": False,
    "confirmed_at": TIME,
    "bounce_score": 0,
    "consent": "{}",
}
PLACE = {
    "subscription_id": "p1",
    "subscriber_id": "s1",
    "postcode": "HG4 1HS",
    "radius_m": 500,
    "easting": 431_600,
    "northing": 471_745,
    "topics": "[]",
    "confirmed_at": TIME,
    "consent": "{}",
}
SIGNUP = {
    "signup_id": "r1",
    "email": "bob@example.org",
    "purpose": "subscribe",
    "wanted": "{}",
    "consent": "{}",
    "created_at": TIME,
}
ALERT = {"subscriber_id": "s1", "event_key": "a", "subject": "A1", "run_id": 1, "at": TIME}
MESSAGE = {
    "message_id": "m1@example.org",
    "kind": "digest",
    "subscriber_id": "s1",
    "dedupe_key": "words",
    "recipient": "ann@example.org",
    "domain": "example.org",
    "envelope_sender": "bounces@example.org",
    "subject": "1 change",
    "mime": b"\r\n",
    "priority": 30,
    "state": "created",
    "created_at": TIME,
    "due_at": TIME,
    "attempts": 0,
    "crashes": 0,
    "may_have_arrived": False,
    "last_problem": "",
    "expires_at": TIME,
}
THROTTLE = {"domain": "example.org", "width": 2, "problem": ""}
BRAKE = {"run_id": 1, "since": TIME, "n_concerned": 21, "rule": "too many"}
"""Rows that are sound once there are a run 1 and a person s1."""


@pytest.fixture
def stage(store: Store) -> Callable[..., None]:
    """Insert a row past our types, with the run and the person that it may refer to."""

    def write(name: str, row: dict[str, object]) -> None:
        with store.begin() as connection:
            if name != "runs":
                insert(connection, "runs", run_id=1, **RUN)
            if name != "subscribers":
                insert(connection, "subscribers", **PERSON)
        with store.begin() as connection:
            insert(connection, name, **row)

    return write


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("jobs", JOB),
        ("runs", RUN),
        ("snapshots", SNAPSHOT),
        ("source_states", STATE),
        ("subscribers", PERSON),
        ("subscriptions", PLACE),
        ("signups", SIGNUP),
        ("alerts", ALERT),
        ("alerts", ALERT | {"message_id": "m1@example.org", "told_at": TIME}),
        ("messages", MESSAGE),
        ("messages", MESSAGE | {"subscriber_id": None}),
        ("messages", MESSAGE | {"state": "sending", "claimed_until": TIME}),
        ("messages", MESSAGE | {"state": "sent", "sent_at": TIME}),
        ("throttles", THROTTLE),
        ("brakes", BRAKE),
        ("brakes", BRAKE | {"ended_at": TIME, "ending": "approved"}),
    ],
)
def test_a_sound_row_is_kept(
    stage: Callable[..., None], n_rows: Callable[[str], int], name: str, row: dict[str, object]
) -> None:
    stage(name, row)
    assert n_rows(name) == 1


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("jobs", JOB | {"failures": -1}),
        ("jobs", JOB | {"failures": "often"}),
        ("jobs", JOB | {"last_problem": None}),
        ("runs", RUN | {"outcome": "finished"}),
        ("runs", RUN | {"outcome": "done"}),
        ("runs", RUN | {"finished_at": TIME}),
        ("snapshots", SNAPSHOT | {"sha256": "abc"}),
        ("snapshots", SNAPSHOT | {"n_bytes": -1}),
        ("snapshots", SNAPSHOT | {"n_bytes": "many"}),
        ("source_states", STATE | {"status": "fine"}),
        ("source_states", STATE | {"n_rows": -1}),
        ("source_states", STATE | {"snapshot_id": 7}),
        ("subscribers", PERSON | {"frequency": "hourly"}),
        ("subscribers", PERSON | {"bounce_score": -1}),
        ("subscribers", PERSON | {"confirmed_at": None}),
        ("subscriptions", PLACE | {"subscriber_id": "nobody"}),
        ("subscriptions", PLACE | {"radius_m": 0}),
        ("subscriptions", PLACE | {"radius_m": "near"}),
        ("subscriptions", PLACE | {"easting": -1}),
        ("subscriptions", PLACE | {"easting": 4_000_000}),
        ("subscriptions", PLACE | {"northing": None}),
        ("subscriptions", PLACE | {"confirmed_at": None}),
        ("signups", SIGNUP | {"purpose": "win"}),
        ("signups", SIGNUP | {"subscriber_id": "nobody"}),
        ("alerts", ALERT | {"subscriber_id": "nobody"}),
        ("alerts", ALERT | {"message_id": "m1@example.org"}),
        ("alerts", ALERT | {"told_at": TIME}),
        ("messages", MESSAGE | {"kind": "advertisement"}),
        ("messages", MESSAGE | {"subscriber_id": "nobody"}),
        ("messages", MESSAGE | {"signup_id": "none"}),
        ("messages", MESSAGE | {"state": "lost"}),
        ("messages", MESSAGE | {"state": "sending"}),
        ("messages", MESSAGE | {"state": "sent"}),
        ("messages", MESSAGE | {"claimed_until": TIME}),
        ("messages", MESSAGE | {"sent_at": TIME}),
        ("messages", MESSAGE | {"attempts": -1}),
        ("messages", MESSAGE | {"crashes": -1}),
        ("messages", MESSAGE | {"dedupe_key": None}),
        ("throttles", THROTTLE | {"width": 0}),
        ("brakes", BRAKE | {"run_id": 7}),
        ("brakes", BRAKE | {"ended_at": TIME}),
        ("brakes", BRAKE | {"ending": "approved"}),
        ("brakes", BRAKE | {"ended_at": TIME, "ending": "forgotten"}),
    ],
)
def test_the_database_itself_refuses_an_impossible_row(
    stage: Callable[..., None], n_rows: Callable[[str], int], name: str, row: dict[str, object]
) -> None:
    with pytest.raises(DBAPIError):
        stage(name, row)
    assert n_rows(name) == 0


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("subscribers", PERSON | {"subscriber_id": "s2", "email": "Ann@Example.ORG"}),
        ("subscriptions", PLACE | {"subscription_id": "p2"}),
        ("alerts", ALERT | {"subject": "A2", "run_id": 2}),
        ("messages", MESSAGE | {"message_id": "m2@example.org"}),
        ("messages", MESSAGE | {"dedupe_key": "others"}),
    ],
)
def test_the_database_itself_refuses_a_second_one_of_what_there_can_be_but_one(
    stage: Callable[..., None], store: Store, name: str, second: dict[str, object]
) -> None:
    first = {"subscribers": PERSON, "subscriptions": PLACE, "alerts": ALERT, "messages": MESSAGE}
    stage(name, first[name])
    with pytest.raises(IntegrityError), store.begin() as connection:
        insert(connection, name, **second)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("column", ["radius_m", "easting", "northing"])
def test_a_place_that_is_no_number_is_refused(store: Store, column: str, value: float) -> None:
    row = PLACE | {"topics": [], "consent": {}, "confirmed_at": NOW, column: value}
    with store.begin() as connection:
        insert(connection, "subscribers", **PERSON)
    with pytest.raises(IntegrityError), store.begin() as connection:
        connection.execute(tables.subscriptions.insert().values(row))


def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(StatementError, match="has no time zone"), store.begin() as connection:
        jobs.note_success(connection, "run", naive)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moment=moments)
def test_a_time_comes_back_as_the_same_moment_in_utc(store: Store, moment: datetime) -> None:
    with store.begin() as connection:
        jobs.note_success(connection, "run", moment)
        found = jobs.last_success(connection, "run")
    assert found == moment
    assert found is not None
    assert found.tzinfo is UTC


@settings(max_examples=50)
@given(st.lists(moments, min_size=2))
def test_the_order_of_times_as_text_is_their_order(several: list[datetime]) -> None:
    as_text = tables.UtcDateTime().process_bind_param
    dialect = sqlite.dialect()
    assert sorted(several, key=lambda moment: as_text(moment, dialect)) == sorted(several)
    assert {len(as_text(moment, dialect)) for moment in several} == {27}


def test_a_time_reads_as_utc_in_the_file(sqlite_store: Store) -> None:
    summer = datetime(2014, 7, 1, 13, tzinfo=timezone(timedelta(hours=1)))
    with sqlite_store.begin() as connection:
        jobs.note_success(connection, "run", summer)
        text = connection.exec_driver_sql("SELECT last_success_at FROM jobs").scalar_one()
    assert text == "2014-07-01T12:00:00.000000Z"


def test_json_comes_back_equal_and_is_the_same_text_whatever_its_order(store: Store) -> None:
    first = {"b": [1, 2.5, None, True], "a": {"d": "Ure – the ’95 hole", "c": ""}}
    second = {"a": {"c": "", "d": "Ure – the ’95 hole"}, "b": [1, 2.5, None, True]}
    with store.begin() as connection:
        for summary in (first, second):
            runs.finish(connection, runs.start(connection, NOW), NOW, "done", summary)
        texts = connection.exec_driver_sql("SELECT summary FROM runs").scalars().all()
        values = connection.execute(select(tables.runs.c.summary)).scalars().all()
    assert values == [first, first]
    assert texts[0] == texts[1]
    assert "Ure – the ’95 hole" in texts[0]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_json_refuses_what_is_no_number(store: Store, value: float) -> None:
    with pytest.raises(StatementError), store.begin() as connection:
        runs.finish(connection, runs.start(connection, NOW), NOW, "done", {"share": value})


def test_a_reference_to_nothing_is_refused(store: Store) -> None:
    with pytest.raises(IntegrityError), store.begin() as connection:
        connection.execute(tables.kinds.insert().values(kind="application", first_run=7))


def test_only_one_state_of_a_subject_stands_at_a_time(store: Store) -> None:
    row = {"kind": "application", "subject": "a", "version": "1", "facts": {}, "absent_runs": 0}
    with store.begin() as connection:
        run_id = runs.start(connection, NOW)
        connection.execute(tables.kinds.insert().values(kind="application", first_run=run_id))
        closed = row | {"since_run": run_id, "until_run": run_id}
        connection.execute(tables.states.insert(), [closed, closed])
        connection.execute(tables.states.insert().values(row | {"since_run": run_id}))
    with pytest.raises(IntegrityError), store.begin() as connection:
        connection.execute(tables.states.insert().values(row | {"since_run": run_id}))


def test_an_upsert_inserts_then_moves_only_what_it_may(store: Store) -> None:
    with store.begin() as connection:
        for reason in ("bounced", "unsubscribed"):
            tables.upsert(
                connection,
                tables.suppressions,
                {"address_hmac": "f00", "reason": reason, "at": NOW},
                key=("address_hmac",),
                moves=("at",),
            )
        rows = connection.execute(select(tables.suppressions)).all()
    assert [tuple(row) for row in rows] == [("f00", "bounced", NOW)]


def test_a_row_is_inserted_once_and_says_so(store: Store) -> None:
    with store.begin() as connection:
        for reason, is_new in (("bounced", True), ("erased", False)):
            row = {"address_hmac": "f00", "reason": reason, "at": NOW}
            key = ("address_hmac",)
            assert tables.insert_new(connection, tables.suppressions, row, key=key) is is_new
        rows = connection.execute(select(tables.suppressions)).all()
    assert [tuple(row) for row in rows] == [("f00", "bounced", NOW)]


# ── The way to the rows that are wanted ──────────────────────────────────────────────────────


def plans(store: Store, ask: Callable[[Connection], object]) -> list[str]:
    """Return how SQLite goes about each statement of a call."""
    asked: list[tuple[str, Any]] = []

    def note(*call: Any) -> None:  # noqa: ANN401 - as SQLAlchemy calls it
        asked.append((call[2], call[3]))

    with store.begin() as connection:
        event.listen(connection, "before_cursor_execute", note)
        ask(connection)
        event.remove(connection, "before_cursor_execute", note)
        return [
            str(row[-1])
            for statement, values in asked
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        ]


MINUTE = timedelta(minutes=1)
A_QUERY = {
    "claim": lambda on: claims.claim(on, NOW, MINUTE, claims.Pace()),
    "wait_s": lambda on: claims.wait_s(on, NOW),
    "mark_sent": lambda on: claims.mark_sent(on, MessageId("m"), NOW),
    "mark_retry": lambda on: claims.mark_retry(on, MessageId("m"), "", NOW),
    "expire": lambda on: claims.expire(on, NOW),
    "withdraw": lambda on: claims.withdraw(on, SubscriberId("s")),
    "waiting": alerts.waiting,
    "oldest_waiting": alerts.oldest_waiting,
    "mark_told": lambda on: alerts.mark_told(on, SubscriberId("s"), ["e"], MessageId("m"), NOW),
    "drop": lambda on: alerts.drop(on, SubscriberId("s"), ["e"]),
    "release": lambda on: alerts.release(on, ["m"]),
    "told": lambda on: alerts.told(on, ["s"]),
    "discard": lambda on: alerts.discard(on, 1),
    "some": lambda on: subscribers.some(on, [SubscriberId("s")]),
    "of_address": lambda on: subscribers.of_address(on, "a"),
    "erase": lambda on: subscribers.erase(on, SubscriberId("s")),
    "export": lambda on: subscribers.export(on, "a"),
    "counts": outbox.counts,
    "tallied": lambda on: signups.tallied(on, "b", NOW),
    "tidy": lambda on: retention.tidy(on, NOW),
}
SMALL = {"brakes", "throttles"}
"""Tables of a row for each domain or each run that waited: looked through."""


@pytest.mark.parametrize("name", A_QUERY)
def test_no_row_is_looked_at_in_vain_however_many_there_are(sqlite_store: Store, name: str) -> None:
    ask = cast("Callable[[Connection], object]", A_QUERY[name])
    looked = [plan.split() for plan in plans(sqlite_store, ask)]
    scanned = {words[1] for words in looked if words[0] == "SCAN" and "INDEX" not in words}
    assert scanned <= {*SMALL, "CONSTANT"}


def test_the_next_message_is_found_in_order_and_not_by_sorting_all_that_wait(
    sqlite_store: Store,
) -> None:
    found = plans(sqlite_store, lambda on: claims.claim(on, NOW, MINUTE, claims.Pace()))
    assert "SCAN candidate USING INDEX ix_messages_queue" in found
    assert not [plan for plan in found if "ORDER BY" in plan]


def test_who_heard_nothing_is_looked_up_and_not_searched_for(sqlite_store: Store) -> None:
    found = plans(sqlite_store, lambda on: subscribers.unheard(on, NOW, NOW))
    assert [plan for plan in found if plan.startswith("SEARCH alerts USING INDEX")]
    assert not [plan for plan in found if plan.startswith("SCAN alerts")]
