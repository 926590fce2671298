"""Who has a database open, and what is moved into its place."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sinkwatch.errors import BusyError, StoreError
from sinkwatch.store import sqlite_files


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "sinkwatch.db"
    with closing(sqlite3.connect(made)) as connection:
        connection.execute("CREATE TABLE sheep (name TEXT)")
    return made


def test_any_number_may_have_it_open_and_then_nobody_may_replace_it(path: Path) -> None:
    first, second = sqlite_files.hold(path), sqlite_files.hold(path)
    os.close(first)
    with pytest.raises(BusyError, match="another process has it open"), sqlite_files.alone(path):
        pass
    os.close(second)
    with sqlite_files.alone(path), pytest.raises(BusyError, match="it is being restored"):
        sqlite_files.hold(path)
    os.close(sqlite_files.hold(path))


def test_a_process_that_dies_lets_go(path: Path) -> None:
    child = os.fork()
    if not child:
        sqlite_files.hold(path)
        os._exit(9)
    os.waitpid(child, 0)
    with sqlite_files.alone(path):
        pass


def test_nothing_is_left_beside_the_database_by_having_it_open(path: Path) -> None:
    os.close(sqlite_files.hold(path))
    assert [found.name for found in path.parent.iterdir()] == ["sinkwatch.db"]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="its folder cannot be locked"):
        sqlite_files.hold(tmp_path / "gone" / "sinkwatch.db")


def test_a_disk_that_knows_no_locks_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", fail)
    with pytest.raises(StoreError, match="Operation not supported"):
        sqlite_files.hold(path)


def test_the_first_database_has_none_before_it(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "sinkwatch.db"
    target.parent.mkdir()
    assert sqlite_files.put_in_place(path, target) is None
    assert not path.exists()
    assert target.is_file()
