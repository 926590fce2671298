from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Connection, inspect, make_url

from sinkwatch.errors import StoreError
from sinkwatch.model import SourceState, SourceStatus
from sinkwatch.store import Store, hosts, jobs, runs
from sinkwatch.store.migrations import MIGRATIONS, make_tables, migrate
from sinkwatch.store.postgresql import PostgresBackend
from sinkwatch.store.sqlite import SqliteBackend
from sinkwatch.store.tables import metadata
from tests.sources.samples import a_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sinkwatch.store.backend import Backend

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)


@pytest.fixture
def backend(url: str) -> Iterator[Backend]:
    """A database that nothing has been done to."""
    kind = SqliteBackend if url.startswith("sqlite") else PostgresBackend
    backend: Backend = kind(make_url(url))
    yield backend
    backend.close()


def version(backend: Backend) -> int:
    with backend.reader.begin() as connection:
        return backend.schema_version(connection)


def names(backend: Backend) -> set[str]:
    with backend.reader.begin() as connection:
        return set(inspect(connection).get_table_names()) - {"schema_version"}


def add_notes(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE notes (note TEXT NOT NULL)")


def add_labels(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE labels (label TEXT NOT NULL)")


def fail_half_way(connection: Connection) -> None:
    add_notes(connection)
    connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")


def test_an_empty_database_has_version_nought(backend: Backend) -> None:
    assert version(backend) == 0


def test_a_new_database_gets_every_table_and_the_newest_version(backend: Backend) -> None:
    migrate(backend, MIGRATIONS, now=NOW)
    assert names(backend) == set(metadata.tables)
    assert version(backend) == len(MIGRATIONS)


def test_a_new_database_needs_the_first_migration_only_which_makes_the_newest_tables(
    backend: Backend,
) -> None:
    migrate(backend, (make_tables, fail_half_way), now=NOW)
    assert version(backend) == 2
    assert names(backend) == set(metadata.tables)


def test_a_current_database_is_left_alone(backend: Backend) -> None:
    migrate(backend, (make_tables,), now=NOW)
    migrate(backend, (fail_half_way,), now=NOW)
    assert version(backend) == 1


def test_an_older_database_gets_each_later_migration_once_and_in_order(backend: Backend) -> None:
    migrate(backend, (make_tables,), now=NOW)
    migrate(backend, (make_tables, add_notes), now=NOW)
    migrate(backend, (make_tables, add_notes, add_labels), now=NOW)
    assert version(backend) == 3
    assert names(backend) == {*metadata.tables, "notes", "labels"}


def test_a_database_two_migrations_behind_catches_up(backend: Backend) -> None:
    migrate(backend, (make_tables,), now=NOW)
    migrate(backend, (make_tables, add_notes, add_labels), now=NOW)
    assert version(backend) == 3
    assert names(backend) == {*metadata.tables, "notes", "labels"}


def test_a_newer_database_is_refused_and_says_what_to_install(backend: Backend) -> None:
    migrate(backend, (make_tables, add_notes), now=NOW)
    with pytest.raises(
        StoreError, match="it has schema 2, and this sinkwatch knows schemas up to 1"
    ):
        migrate(backend, (make_tables,), now=NOW)
    assert version(backend) == 2


def test_a_migration_that_fails_leaves_neither_half_its_work_nor_its_number(
    backend: Backend,
) -> None:
    migrate(backend, (make_tables,), now=NOW)
    with pytest.raises(StoreError, match=r"bringing it to schema 2 failed: .*nowhere"):
        migrate(backend, (make_tables, fail_half_way), now=NOW)
    assert version(backend) == 1
    assert names(backend) == set(metadata.tables)


def test_what_came_before_a_migration_that_fails_is_kept(backend: Backend) -> None:
    migrate(backend, (make_tables,), now=NOW)

    def fail(connection: Connection) -> None:
        connection.exec_driver_sql("DROP TABLE nowhere")

    with pytest.raises(StoreError, match="bringing it to schema 3 failed"):
        migrate(backend, (make_tables, add_notes, fail), now=NOW)
    assert version(backend) == 2
    assert names(backend) == {*metadata.tables, "notes"}


def test_a_new_database_that_cannot_be_made_stays_empty(backend: Backend) -> None:
    with pytest.raises(StoreError, match="bringing it to schema 1 failed"):
        migrate(backend, (fail_half_way,), now=NOW)
    assert version(backend) == 0
    assert names(backend) == set()


def test_a_migration_done_by_another_process_meanwhile_is_not_done_again(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(backend, (make_tables,), now=NOW)
    migrations = (make_tables, add_notes)

    def as_another_process_migrates(at_version: int, now: datetime) -> None:
        monkeypatch.undo()
        migrate(backend, migrations, now=now)
        assert version(backend) == at_version + 1

    monkeypatch.setattr(backend, "back_up", as_another_process_migrates)
    migrate(backend, migrations, now=NOW)
    assert version(backend) == 2


def test_a_back_up_of_the_older_schema_is_made_first(sqlite_url: str, sqlite_path: Path) -> None:
    store = Store.open(sqlite_url, now=NOW)
    with store.begin() as connection:
        jobs.note_success(connection, "run", NOW)
    store.close()
    backend = SqliteBackend(make_url(sqlite_url))
    with pytest.raises(StoreError):
        migrate(backend, (*MIGRATIONS, fail_half_way), now=NOW)
    backend.close()
    newest = len(MIGRATIONS)
    copy = sqlite_path.with_name(f"sinkwatch.schema-{newest}.20140217T120000Z.backup")
    with closing(sqlite3.connect(copy)) as kept:
        assert kept.execute("PRAGMA user_version").fetchone() == (newest,)
        assert kept.execute("SELECT job FROM jobs").fetchone() == ("run",)


@pytest.mark.parametrize("migrations", [(make_tables,), (make_tables, add_notes)])
def test_no_back_up_is_made_of_nothing(
    sqlite_url: str, sqlite_path: Path, migrations: tuple[Callable[[Connection], None], ...]
) -> None:
    backend = SqliteBackend(make_url(sqlite_url))
    migrate(backend, migrations, now=NOW)
    backend.close()
    assert [path.name for path in sqlite_path.parent.iterdir()] == ["sinkwatch.db"]


def shape(backend: Backend) -> dict[str, list[tuple[str, str, bool]]]:
    """Say of every table which columns it has, of which type, and whether they may be empty."""
    with backend.reader.begin() as connection:
        looked = inspect(connection)
        return {
            table: [
                (column["name"], repr(column["type"]), column["nullable"])
                for column in looked.get_columns(table)
            ]
            for table in looked.get_table_names()
        }


def test_a_database_of_schema_1_ends_with_the_very_tables_of_a_new_one(backend: Backend) -> None:
    migrate(backend, MIGRATIONS, now=NOW)
    new = shape(backend)
    with backend.writer.begin() as connection:
        connection.exec_driver_sql("DROP TABLE hosts")
        connection.exec_driver_sql("DROP TABLE holds")
        backend.set_schema_version(connection, 1)
    migrate(backend, MIGRATIONS, now=NOW)
    assert version(backend) == len(MIGRATIONS)
    assert shape(backend) == new
    with backend.writer.begin() as connection:
        hosts.note_request(connection, "www.example.org", NOW)
        assert hosts.get(connection, "www.example.org").last_request_at == NOW


def test_how_the_sources_stood_outlives_the_schema_in_which_none_could_be_held(
    backend: Backend,
) -> None:
    migrate(backend, MIGRATIONS, now=NOW)
    moment = "TEXT" if backend.name.startswith("/") else "TIMESTAMPTZ"
    strict = " STRICT" if moment == "TEXT" else ""
    state = SourceState(
        spec=a_spec("geology", None), status=SourceStatus.FAILED, snapshot=None, problem="gone"
    )
    with backend.writer.begin() as connection:
        connection.exec_driver_sql("DROP TABLE holds")
        connection.exec_driver_sql("DROP TABLE source_states")
        connection.exec_driver_sql(
            "CREATE TABLE source_states (source TEXT PRIMARY KEY, status TEXT NOT NULL "
            "CHECK (status IN ('good', 'stale', 'failed', 'not_configured')), "
            f"problem TEXT NOT NULL, changed_at {moment} NOT NULL, n_rows INTEGER NOT NULL, "
            f"snapshot_id INTEGER REFERENCES snapshots){strict}"
        )
        runs.note_source(connection, state, NOW)
        before = runs.source_notes(connection)
        backend.set_schema_version(connection, 2)
    migrate(backend, MIGRATIONS, now=NOW)
    with backend.writer.begin() as connection:
        assert runs.source_notes(connection) == before
        assert before[0].changed_at == NOW
        runs.note_source(connection, replace(state, status=SourceStatus.HELD), NOW)
        assert [note.status for note in runs.source_notes(connection)] == [SourceStatus.HELD]


def test_a_migration_that_breaks_a_reference_is_undone(sqlite_url: str) -> None:
    backend = SqliteBackend(make_url(sqlite_url))
    migrate(backend, (make_tables,), now=NOW)
    with closing(sqlite3.connect(make_url(sqlite_url).database or "")) as careless, careless:
        # This connection does not check references, as a table that is rebuilt does not.
        careless.execute("INSERT INTO kinds (kind, first_run) VALUES ('application', 7)")
    with pytest.raises(StoreError, match="1 rows of kinds refer to rows that do not exist"):
        migrate(backend, (make_tables, add_notes), now=NOW)
    assert version(backend) == 1
    assert "notes" not in names(backend)
    backend.close()
