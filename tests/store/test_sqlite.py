from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from sinkwatch.errors import StoreError
from sinkwatch.store import Store, jobs, sqlite
from sinkwatch.store.migrations import MIGRATIONS
from sinkwatch.store.sqlite import SqliteBackend, journal_for

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)
NOBODY = 65_534
OPEN_FILES = Path("/proc/self/fd")


# ── Settings ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "version",
    [
        (3, 7, 0),
        (3, 37, 0),
        (3, 40, 1),
        (3, 44, 5),
        (3, 45, 0),
        (3, 46, 1),
        (3, 50, 6),
        (3, 51, 0),
        (3, 51, 2),
    ],
)
def test_a_build_with_the_wal_fault_does_not_use_wal(version: tuple[int, int, int]) -> None:
    journal = journal_for(version)
    assert (journal.mode, journal.synchronous) == ("delete", "extra")


@pytest.mark.parametrize(
    "version",
    [(3, 44, 6), (3, 44, 9), (3, 50, 7), (3, 50, 12), (3, 51, 3), (3, 52, 0), (4, 0, 0)],
)
def test_a_corrected_build_uses_wal(version: tuple[int, int, int]) -> None:
    journal = journal_for(version)
    assert (journal.mode, journal.synchronous) == ("wal", "full")


@given(st.tuples(st.just(3), st.integers(37, 60), st.integers(0, 20)))
def test_a_later_correction_of_a_branch_never_loses_wal(version: tuple[int, int, int]) -> None:
    major, minor, patch = version
    if journal_for(version).mode == "wal":
        assert journal_for((major, minor, patch + 1)).mode == "wal"


def test_the_reason_names_the_build() -> None:
    assert "3.40.1" in journal_for((3, 40, 1)).reason
    assert "3.51.3" in journal_for((3, 51, 3)).reason


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("foreign_keys", 1), ("secure_delete", 1), ("trusted_schema", 0), ("busy_timeout", 10_000)],
)
def test_every_connection_has_the_setting(sqlite_store: Store, pragma: str, value: int) -> None:
    with sqlite_store.read() as first, sqlite_store.read() as second:
        assert first.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value
        assert second.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value


def test_the_journal_in_use_is_the_one_for_this_build(sqlite_store: Store) -> None:
    journal = journal_for(sqlite3.sqlite_version_info)
    found = sqlite_store.describe()
    assert found["engine"] == "SQLite"
    assert found["version"] == sqlite3.sqlite_version
    assert (found["journal_mode"], found["synchronous"]) == (journal.mode, journal.synchronous)
    assert found["reason"] == journal.reason


@pytest.fixture
def corrected_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take this SQLite for a corrected one: with one process writing, WAL is sound on all."""
    monkeypatch.setattr(sqlite, "LIBRARY", (3, 51, 3))


@pytest.mark.usefixtures("corrected_build")
def test_a_corrected_build_writes_through_a_wal_with_full_synchronous(sqlite_store: Store) -> None:
    found = sqlite_store.describe()
    assert (found["journal_mode"], found["synchronous"]) == ("wal", "full")


@pytest.mark.usefixtures("corrected_build")
def test_a_checkpoint_empties_the_wal(sqlite_store: Store, sqlite_path: Path) -> None:
    wal = sqlite_path.with_name("sinkwatch.db-wal")
    with sqlite_store.begin() as connection:
        jobs.note_success(connection, "run", NOW)
    assert wal.stat().st_size > 0
    sqlite_store.checkpoint()
    assert wal.stat().st_size == 0


@pytest.mark.usefixtures("corrected_build")
def test_a_checkpoint_that_a_reader_keeps_from_its_end_says_so(sqlite_url: str) -> None:
    store = Store.open(f"{sqlite_url}?timeout=0.05", now=NOW)
    with store.begin() as connection:
        jobs.note_success(connection, "run", NOW)
    with store.read() as reading:
        jobs.get(reading, "run")
        with store.begin() as connection:
            jobs.note_success(connection, "run", NOW)
        with pytest.raises(StoreError, match="kept reading"):
            store.checkpoint()
    store.checkpoint()
    store.close()


def test_a_database_left_in_wal_mode_is_taken_out_of_it_by_a_faulty_build(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for library, mode in [((3, 51, 3), "wal"), ((3, 40, 1), "delete")]:
        monkeypatch.setattr(sqlite, "LIBRARY", library)
        store = Store.open(sqlite_url, now=NOW)
        assert store.describe()["journal_mode"] == mode
        store.close()


@pytest.fixture
def reader(sqlite_url: str, sqlite_path: Path) -> Iterator[sqlite3.Connection]:
    """Another program in the middle of reading a database that is not in WAL mode."""
    SqliteBackend(make_url(sqlite_url)).close()
    with closing(sqlite3.connect(sqlite_path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = delete")
        connection.execute("CREATE TABLE pages (page TEXT)")
        connection.execute("DROP TABLE pages")
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM sqlite_schema")
        yield connection


@pytest.mark.usefixtures("corrected_build")
def test_the_journal_is_changed_as_soon_as_readers_have_gone(
    sqlite_url: str, reader: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "sleep", lambda _pause_s: reader.execute("ROLLBACK"))
    store = Store.open(f"{sqlite_url}?timeout=0.05", now=NOW)
    assert store.describe()["journal_mode"] == "wal"
    store.close()


@pytest.mark.usefixtures("corrected_build", "reader")
def test_a_journal_that_a_reader_keeps_from_changing_says_so(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(sqlite, "sleep", pauses.append)
    with pytest.raises(StoreError, match="another process is using it"):
        Store.open(f"{sqlite_url}?timeout=0.05", now=NOW)
    assert len(pauses) == 5


def test_a_sqlite_without_strict_tables_is_refused(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "LIBRARY", (3, 36, 0))
    with pytest.raises(StoreError, match=r"SQLite 3\.36\.0: is older than 3\.37"):
        Store.open(sqlite_url, now=NOW)


# ── Files ────────────────────────────────────────────────────────────────────────────────────


def test_folder_and_file_are_for_their_owner_alone(sqlite_store: Store, sqlite_path: Path) -> None:
    assert sqlite_store.describe()["database"] == str(sqlite_path)
    assert stat.S_IMODE(sqlite_path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(sqlite_path.stat().st_mode) == 0o600


def test_a_relative_path_lies_in_the_folder_where_the_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Store.open("sqlite:///var/sinkwatch.db", now=NOW).close()
    assert (tmp_path / "var" / "sinkwatch.db").is_file()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?uri=true"])
def test_a_database_without_a_file_is_refused_for_it_would_forget(url: str) -> None:
    with pytest.raises(StoreError, match="names no file"):
        Store.open(url, now=NOW)


def test_a_timeout_that_is_no_number_is_refused(sqlite_url: str) -> None:
    with pytest.raises(StoreError, match="timeout soon is not a number of seconds"):
        Store.open(f"{sqlite_url}?timeout=soon", now=NOW)


def test_a_path_below_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(
        StoreError, match=r"notes\.txt/sinkwatch\.db: the database cannot be"
    ) as told:
        Store.open(f"sqlite:///{tmp_path}/notes.txt/sinkwatch.db", now=NOW)
    assert "\n" not in str(told.value)
    assert "a folder that you may write to" in str(told.value)


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="Is a directory"):
        Store.open(f"sqlite:///{tmp_path}", now=NOW)


def test_a_file_of_another_kind_is_refused_and_left_as_it_was(sqlite_path: Path) -> None:
    sqlite_path.parent.mkdir()
    content = b"easting,northing\n431600,471745\n" * 100
    sqlite_path.write_bytes(content)
    with pytest.raises(StoreError, match="the file is not a database"):
        Store.open(f"sqlite:///{sqlite_path}", now=NOW)
    assert sqlite_path.read_bytes() == content


def test_a_truncated_database_is_refused(sqlite_url: str, sqlite_path: Path) -> None:
    Store.open(sqlite_url, now=NOW).close()
    sqlite_path.write_bytes(sqlite_path.read_bytes()[:5_000])
    with pytest.raises(
        StoreError, match=r"the file is damaged\. Put the last back-up in its place"
    ):
        Store.open(sqlite_url, now=NOW)


@pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="this system does not list open files")
def test_a_refused_database_is_not_kept_open(sqlite_url: str, sqlite_path: Path) -> None:
    Store.open(sqlite_url, now=NOW).close()
    with closing(sqlite3.connect(sqlite_path)) as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="it has schema 99"):
        Store.open(sqlite_url, now=NOW)
    assert sqlite_path not in [
        link.readlink() for link in OPEN_FILES.iterdir() if link.is_symlink()
    ]


def test_a_database_of_another_program_is_refused(sqlite_url: str, sqlite_path: Path) -> None:
    sqlite_path.parent.mkdir()
    with closing(sqlite3.connect(sqlite_path)) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
    with pytest.raises(StoreError, match="not sinkwatch's, such as bookmarks"):
        Store.open(sqlite_url, now=NOW)


@contextmanager
def _unprivileged() -> Iterator[None]:
    """Be bound by permission bits, which root is not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that a process without rights can reach."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def test_a_folder_that_may_not_be_written_to_is_refused_in_one_line(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    with _unprivileged(), pytest.raises(StoreError, match="Permission denied") as told:
        Store.open(f"sqlite:///{open_folder}/sinkwatch.db", now=NOW)
    assert "\n" not in str(told.value)


def test_a_file_whose_folder_has_become_read_only_says_so_and_keeps_what_it_had(
    open_folder: Path,
) -> None:
    path = open_folder / "sinkwatch.db"
    store = Store.open(f"sqlite:///{path}", now=NOW)
    with store.begin() as connection:
        jobs.note_success(connection, "run", NOW)
    store.close()
    path.chmod(0o666)
    open_folder.chmod(0o555)
    with _unprivileged():
        again = Store.open(f"sqlite:///{path}", now=NOW)
        with pytest.raises(StoreError, match="it cannot be written to"):
            _note_failure(again)
        with again.read() as connection:
            assert jobs.last_success(connection, "run") == NOW
        again.close()


def _note_failure(store: Store) -> None:
    with store.begin() as connection:
        jobs.note_failure(connection, "run", NOW, "no network")


def _fill_up(store: Store) -> None:
    """Write more than fits: SQLite is told that the disk ends where the file ends now."""
    with store.begin() as connection:
        n_pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {n_pages}")
        jobs.note_failure(connection, "run", NOW, "x" * 100_000)


def test_a_full_disk_says_so_and_keeps_what_was_there(sqlite_store: Store) -> None:
    with sqlite_store.begin() as connection:
        jobs.note_success(connection, "run", NOW)
    with pytest.raises(StoreError, match="the disk is full, and nothing was changed"):
        _fill_up(sqlite_store)
    with sqlite_store.read() as connection:
        assert jobs.last_success(connection, "run") == NOW


# ── One writer at a time ─────────────────────────────────────────────────────────────────────


def test_a_second_writer_waits_for_the_first_and_sees_what_it_wrote(sqlite_store: Store) -> None:
    seen: list[datetime | None] = []
    about_to_begin = threading.Event()

    def second() -> None:
        about_to_begin.set()
        with sqlite_store.begin() as connection:
            seen.append(jobs.last_success(connection, "run"))

    thread = threading.Thread(target=second)
    with sqlite_store.begin() as connection:
        thread.start()
        about_to_begin.wait()
        assert seen == []
        jobs.note_success(connection, "run", NOW)
    thread.join()
    assert seen == [NOW]


def test_a_writing_block_takes_the_right_to_write_before_its_first_statement(
    sqlite_url: str,
) -> None:
    store = Store.open(f"{sqlite_url}?timeout=0.05", now=NOW)
    with (
        store.begin(),
        pytest.raises(StoreError, match="another process is using it"),
        store.begin(),
    ):
        pass
    store.close()


def test_opening_a_database_once_more_does_not_end_the_lock_of_its_writer(
    sqlite_url: str, sqlite_path: Path
) -> None:
    store = Store.open(sqlite_url, now=NOW)
    with store.begin() as connection:
        jobs.note_success(connection, "run", NOW)
        Store.open(sqlite_url, now=NOW).close()
        # In a process of its own: within one, SQLite does not rely on the locks of the system.
        program = (
            "import sqlite3, sys; sqlite3.connect(sys.argv[1], 0.1).execute('BEGIN IMMEDIATE')"
        )
        other = subprocess.run(
            [sys.executable, "-c", program, sqlite_path], check=False, capture_output=True
        )
        assert b"database is locked" in other.stderr
    store.close()


def test_a_reader_does_not_wait_for_a_writer(sqlite_url: str) -> None:
    store = Store.open(f"{sqlite_url}?timeout=0.05", now=NOW)
    with store.begin() as writing:
        jobs.note_success(writing, "run", NOW)
        with store.read() as reading:
            assert jobs.get(reading, "run") is None
    store.close()


# ── Back-ups ─────────────────────────────────────────────────────────────────────────────────


def test_a_back_up_is_a_whole_private_copy_named_for_its_schema_and_time(
    sqlite_url: str, sqlite_path: Path
) -> None:
    store = Store.open(sqlite_url, now=NOW)
    with store.begin() as connection:
        jobs.note_success(connection, "run", NOW)
    store.close()
    backend = SqliteBackend(make_url(sqlite_url))
    backend.back_up(1, NOW)
    backend.close()
    copy = sqlite_path.with_name("sinkwatch.schema-1.20140217T120000Z.backup")
    assert sorted(path.name for path in sqlite_path.parent.iterdir()) == [
        "sinkwatch.db",
        copy.name,
    ]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as kept:
        assert kept.execute("SELECT job FROM jobs").fetchall() == [("run",)]
        assert kept.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


def test_a_back_up_that_cannot_be_written_says_so(open_folder: Path) -> None:
    path = open_folder / "sinkwatch.db"
    Store.open(f"sqlite:///{path}", now=NOW).close()
    path.chmod(0o666)
    open_folder.chmod(0o555)
    with _unprivileged():
        backend = SqliteBackend(make_url(f"sqlite:///{path}"))
        with pytest.raises(StoreError, match="the back-up cannot be written"):
            backend.back_up(1, NOW)
        backend.close()


def test_a_copy_that_sqlite_does_not_call_sound_is_refused_and_removed(
    sqlite_url: str, sqlite_path: Path
) -> None:
    Store.open(sqlite_url, now=NOW).close()
    with closing(sqlite3.connect(sqlite_path)) as connection, connection:
        connection.execute("INSERT INTO jobs (job, failures, last_problem) VALUES ('run', 1, '')")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE jobs SET failures = -1")
    backend = SqliteBackend(make_url(sqlite_url))
    with pytest.raises(StoreError, match="back-up is not sound"):
        backend.back_up(1, NOW)
    backend.close()
    assert [path.name for path in sqlite_path.parent.iterdir()] == ["sinkwatch.db"]
