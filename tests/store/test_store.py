from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import IntegrityError

from sinkwatch.errors import StoreError
from sinkwatch.store import Store, jobs, tables
from sinkwatch.store.migrations import MIGRATIONS

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)
NEWEST = str(len(MIGRATIONS))


def test_what_a_block_wrote_is_there_for_the_next_one(store: Store) -> None:
    with store.begin() as connection:
        jobs.note_success(connection, "run", NOW)
    with store.read() as connection:
        assert jobs.last_success(connection, "run") == NOW


def test_a_block_that_raises_leaves_nothing_behind(store: Store) -> None:
    def fail_after_writing() -> None:
        with store.begin() as connection:
            jobs.note_success(connection, "run", NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_writing()
    with store.read() as connection:
        assert jobs.get(connection, "run") is None


def test_what_was_written_is_there_after_closing_and_opening_again(url: str) -> None:
    store = Store.open(url, now=NOW)
    with store.begin() as connection:
        jobs.note_success(connection, "run", NOW)
    store.close()
    again = Store.open(url, now=NOW)
    with again.read() as connection:
        assert jobs.last_success(connection, "run") == NOW
    again.close()


def test_a_reading_block_cannot_write(store: Store) -> None:
    with (
        pytest.raises(StoreError, match="cannot be written to"),
        store.read() as connection,
    ):
        jobs.note_success(connection, "run", NOW)


def test_a_writing_block_can_write_after_a_reading_one_used_the_same_connection(
    store: Store,
) -> None:
    with store.read() as connection:
        assert jobs.get(connection, "run") is None
    with store.begin() as connection:
        jobs.note_success(connection, "run", NOW)
        assert jobs.last_success(connection, "run") == NOW


@pytest.mark.postgres
def test_a_reader_sees_one_moment_whatever_is_written_meanwhile(postgres_store: Store) -> None:
    with postgres_store.read() as reading:
        assert jobs.get(reading, "run") is None
        with postgres_store.begin() as writing:
            jobs.note_success(writing, "run", NOW)
        assert jobs.get(reading, "run") is None


def test_stores_that_open_one_new_database_at_once_all_find_it_whole(url: str) -> None:
    opened: list[dict[str, str]] = []
    start = threading.Barrier(4)

    def open_it() -> None:
        start.wait()
        store = Store.open(url, now=NOW)
        opened.append(store.describe())
        store.close()

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found["schema_version"] for found in opened] == [NEWEST] * 4


def test_the_description_says_which_engine_how_durable_and_why(store: Store) -> None:
    found = store.describe()
    assert list(found) == [
        "engine",
        "version",
        "database",
        "journal_mode",
        "synchronous",
        "schema_version",
        "reason",
    ]
    assert found["schema_version"] == NEWEST
    assert all(found.values())


def test_a_checkpoint_of_a_quiet_database_changes_no_answer(store: Store) -> None:
    with store.begin() as connection:
        jobs.note_success(connection, "run", NOW)
    store.checkpoint()
    with store.read() as connection:
        assert jobs.last_success(connection, "run") == NOW


@pytest.mark.parametrize(
    "url", ["", "var/sinkwatch.db", "mysql://host/db", "postgresql+asyncpg://h/d", "http://h:x/"]
)
def test_a_url_of_no_database_we_know_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(StoreError, match="is neither sqlite") as told:
        Store.open(url, now=NOW)
    assert "\n" not in str(told.value)


def test_an_unreadable_url_is_not_repeated_since_it_may_hold_a_password() -> None:
    with pytest.raises(StoreError) as caught:
        Store.open("postgres//user:hunter2@host", now=NOW)
    assert "hunter2" not in str(caught.value)
    assert "sqlite:///" in str(caught.value)


def test_an_error_of_the_program_itself_passes_through(store: Store) -> None:
    with pytest.raises(IntegrityError), store.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO jobs (job, failures, last_problem) VALUES ('run', -1, '')"
        )


def test_an_error_of_the_program_never_quotes_the_values_it_was_given(
    store: Store,
) -> None:
    row = {"subscriber_id": "s1", "email": "ann@example.org", "frequency": None}
    with pytest.raises(IntegrityError) as caught, store.begin() as connection:
        connection.execute(tables.subscribers.insert().values(row))
    assert "SQL parameters hidden" in str(caught.value)
