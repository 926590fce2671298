from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, inspect, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from sinkwatch.store import Store, jobs, runs, tables

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
    literals = ", ".join(
        "NULL" if value is None else f"'{value}'" if isinstance(value, str) else str(value)
        for value in values.values()
    )
    connection.exec_driver_sql(f"INSERT INTO {name} ({columns}) VALUES ({literals})")  # noqa: S608


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
SUBSCRIPTION = {
    "subscription_id": "s1",
    "email": "ann@example.org",
    "postcode": "HG4 1HS",
    "radius_m": 500,
    "easting": 431_600,
    "northing": 471_745,
    "state": "confirmed",
    "created_at": TIME,
    "confirmed_at": TIME,
    "consent": "{}",
}


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("jobs", JOB),
        ("runs", RUN),
        ("snapshots", SNAPSHOT),
        ("source_states", STATE),
        ("subscriptions", SUBSCRIPTION),
    ],
)
def test_a_sound_row_is_kept(
    store: Store, n_rows: Callable[[str], int], name: str, row: dict[str, object]
) -> None:
    with store.begin() as connection:
        insert(connection, name, **row)
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
        ("subscriptions", SUBSCRIPTION | {"radius_m": 0}),
        ("subscriptions", SUBSCRIPTION | {"radius_m": "near"}),
        ("subscriptions", SUBSCRIPTION | {"easting": -1}),
        ("subscriptions", SUBSCRIPTION | {"easting": 4_000_000}),
        ("subscriptions", SUBSCRIPTION | {"northing": None}),
        ("subscriptions", SUBSCRIPTION | {"state": "keen"}),
        ("subscriptions", SUBSCRIPTION | {"state": "unconfirmed"}),
        ("subscriptions", SUBSCRIPTION | {"confirmed_at": None}),
    ],
)
def test_the_database_itself_refuses_an_impossible_row(
    store: Store, n_rows: Callable[[str], int], name: str, row: dict[str, object]
) -> None:
    with pytest.raises(DBAPIError), store.begin() as connection:
        insert(connection, name, **row)
    assert n_rows(name) == 0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("column", ["radius_m", "easting", "northing"])
def test_a_place_that_is_no_number_is_refused(store: Store, column: str, value: float) -> None:
    row = SUBSCRIPTION | {"created_at": NOW, "confirmed_at": NOW, column: value}
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
