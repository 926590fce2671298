from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError, ProgrammingError

from sinkwatch.errors import StoreError
from sinkwatch.store import Store, faults, jobs

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("database is locked", "another process is using it"),
        ("canceling statement due to lock timeout", "another process is using it"),
        ("attempt to write a readonly database", "it cannot be written to"),
        ("database or disk is full", "the disk is full, and nothing was changed"),
        ("could not extend file: No space left on device", "the disk is full"),
        ("file is not a database", "the file is not a database"),
        ("database disk image is malformed", "the file is damaged"),
        ("unable to open database file", "the file cannot be opened"),
        ("connection refused\nIs the server running?", "answered: connection refused. Check"),
    ],
)
def test_each_failure_of_a_database_is_one_line_with_a_way_out(words: str, rule: str) -> None:
    with pytest.raises(StoreError) as told, faults.told_plainly("var/sinkwatch.db"):
        raise OperationalError("SELECT 1", {}, sqlite3.OperationalError(words))
    assert str(told.value).startswith("var/sinkwatch.db: ")
    assert rule in str(told.value)
    assert "\n" not in str(told.value)
    assert told.value.way_out


def test_damage_is_a_bare_database_error() -> None:
    with pytest.raises(StoreError, match="damaged"), faults.told_plainly("x"):
        raise DatabaseError("SELECT 1", {}, sqlite3.DatabaseError("disk image is malformed"))


@pytest.mark.parametrize("kind", [IntegrityError, ProgrammingError])
def test_a_fault_of_the_program_passes_through(kind: type[DatabaseError]) -> None:
    with pytest.raises(kind), faults.told_plainly("x"):
        raise kind("SELECT 1", {}, sqlite3.DatabaseError("no such column"))


def test_only_the_first_line_is_repeated_for_the_second_may_quote_the_row() -> None:
    error = IntegrityError(
        "INSERT", {}, sqlite3.IntegrityError("unique violation.\nDETAIL: (ann@example.org)")
    )
    assert faults.first_line(error) == "unique violation"


def test_an_answer_without_words_is_named_by_its_kind() -> None:
    error = OperationalError("SELECT 1", {}, sqlite3.OperationalError(""))
    assert faults.first_line(error) == "OperationalError"


@pytest.mark.postgres
def test_a_row_that_another_writer_keeps_locked_says_so(postgres_store: Store) -> None:
    with postgres_store.begin() as connection:
        jobs.note_success(connection, "run", NOW)
    with postgres_store.begin() as first:
        jobs.note_success(first, "run", NOW)
        with pytest.raises(StoreError, match="another process is using it"):
            _note_impatiently(postgres_store)


def _note_impatiently(store: Store) -> None:
    """Write as every writer does, but give up after 50 ms instead of 10 s."""
    with store.begin() as connection:
        connection.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
        jobs.note_failure(connection, "run", NOW, "")
