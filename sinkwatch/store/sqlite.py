"""SQLite as sinkwatch wants it: durable, strict about references, one writer at a time."""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import sleep
from typing import Final

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event

from sinkwatch.errors import StoreError
from sinkwatch.store import sqlite_files

LIBRARY: Final = sqlite3.sqlite_version_info
"""Version of the SQLite that Python was built with."""

COPYING: Final = ".backup-"
"""How the name of a folder begins in which a copy is being written."""

_OLDEST: Final = (3, 37, 0)  # the first with STRICT tables

_WAIT_S: Final = 10.0
"""How long a writer waits for another, seconds, unless the URL says ``?timeout=`` (sinkwatch
storage rules)."""

_SYNCHRONOUS: Final = {"wal": "full", "delete": "extra"}
"""Of the pairs tried in simulated power cuts these two lost no commit (sinkwatch storage rules)."""

_PAUSES_S: Final = (0.02, 0.04, 0.08, 0.16, 0.32)
"""Between attempts to change the journal, seconds: longer than two processes take that start at
once on a new database."""

_BEGIN: Final = "sinkwatch_begin"  # name of the execution option that holds the statements below
_READING: Final = ("PRAGMA query_only = ON", "BEGIN")
# A deferred transaction that reads first and writes later fails at once, whatever the timeout,
# when another has written in between: take the right to write at the beginning.
_WRITING: Final = ("PRAGMA query_only = OFF", "BEGIN IMMEDIATE")
_OUTSIDE: Final = ("PRAGMA query_only = OFF",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """
    How SQLite keeps a commit through a power cut.

    Attributes
    ----------
    mode
        Journal mode.
    reason
        Why this one, for the operator.
    """

    mode: str
    reason: str

    @property
    def synchronous(self) -> str:
        """Return the setting that makes a pair with the mode."""
        return _SYNCHRONOUS[self.mode]


def journal_for(version: tuple[int, int, int]) -> Journal:
    """
    Choose the journal for a build of SQLite.

    SQLite 3.7.0 to 3.51.2 can damage a database in WAL mode when two connections write and
    checkpoint together; 3.51.3, 3.50.7 and 3.44.6 have the correction.

    Parameters
    ----------
    version
        As in `sqlite3.sqlite_version_info`.

    Returns
    -------
    journal
        WAL for a corrected build, otherwise DELETE.
    """
    number = ".".join(map(str, version))
    if _is_corrected(version):
        return Journal(
            mode="wal",
            reason=f"SQLite {number} has the correction of the WAL fault, so WAL can be used",
        )
    return Journal(
        mode="delete",
        reason=f"SQLite {number} is older than the correction of a fault that can damage "
        "databases in WAL mode (3.51.3, 3.50.7, 3.44.6), so WAL is not used",
    )


class SqliteBackend:
    """
    A database file.

    Parameters
    ----------
    url
        ``sqlite:///path``, with ``?timeout=`` in seconds if writers should wait other than 10 s.

    Attributes
    ----------
    name
        The file.
    writer, reader
        Engines, as `Backend` says.

    Raises
    ------
    StoreError
        If the file or its folder cannot be made, or this SQLite is too old.
    """

    def __init__(self, url: URL) -> None:
        _check_library(LIBRARY)
        self._path = file_of(url)
        self._journal = journal_for(LIBRARY)
        self._wait_s = _seconds(url)
        self.name = str(self._path)
        _make_private(self._path)
        self._held: int | None = sqlite_files.hold(self._path)
        self._engine = create_engine(
            "sqlite://", creator=self._connect, poolclass=QueuePool, hide_parameters=True
        )
        event.listen(self._engine, "begin", _begin)
        self.writer: Engine = self._engine.execution_options(**{_BEGIN: _WRITING})
        self.reader: Engine = self._engine.execution_options(**{_BEGIN: _READING})

    def lock_schema(self, connection: Connection) -> None:
        """Do nothing: a writing transaction is alone from its beginning."""

    def schema_version(self, connection: Connection) -> int:
        """Return the number of the last migration applied; 0 if none was."""
        return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())

    def set_schema_version(self, connection: Connection, version: int) -> None:
        """Record the number of the last migration applied, in its own transaction."""
        connection.exec_driver_sql(f"PRAGMA user_version = {version:d}")

    def check_references(self, connection: Connection) -> None:
        """Raise StoreError if a row refers to one that does not exist."""
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            raise StoreError(
                self.name,
                f"{len(broken)} rows of {broken[0][0]} refer to rows that do not exist",
                "Nothing was changed; put the last back-up in its place",
            )

    def back_up(self, version: int, now: datetime) -> None:
        """
        Write a whole, checked copy beside the file: all of it or none of it.

        Parameters
        ----------
        version
            Schema version that the copy has; part of its name.
        now
            Time, UTC; part of its name.

        Raises
        ------
        StoreError
            If the copy is not sound, or cannot be written.
        """
        stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        self.copy_to(self._path.with_name(f"{self._path.stem}.schema-{version}.{stamp}.backup"))

    def copy_to(self, target: Path) -> None:
        """Write a whole, checked copy, for its owner alone: all of it or none of it."""
        try:
            with tempfile.TemporaryDirectory(dir=target.parent, prefix=COPYING) as folder:
                part = Path(folder) / target.name
                self._copy_to(part)
                sqlite_files.move_durably(part, target)
        except OSError as error:
            raise StoreError(
                str(target),
                f"the back-up cannot be written ({error.strerror})",
                "Nothing was changed; free some space, or check who owns the folder",
            ) from error

    def describe(self) -> dict[str, str]:
        """Return what an operator may want to know, by name."""
        with self.reader.begin() as connection:
            synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
            return {
                "engine": "SQLite",
                "version": ".".join(map(str, LIBRARY)),
                "database": self.name,
                "journal_mode": connection.exec_driver_sql("PRAGMA journal_mode").scalar_one(),
                "synchronous": ("off", "normal", "full", "extra")[synchronous],
                "schema_version": str(self.schema_version(connection)),
                "reason": self._journal.reason,
            }

    def checkpoint(self) -> None:
        """
        Write the file anew with what it holds now, so that erased bytes are nowhere.

        Raises
        ------
        StoreError
            If someone went on reading or writing for longer than a writer waits.
        """
        with self._engine.connect() as connection:
            # `secure_delete` overwrites a row where it lies, not the copy that an index left
            # in the slack of a page when its cells were last moved: a test finds one.
            connection.exec_driver_sql("VACUUM")
            busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
        if busy:
            raise StoreError(
                self.name,
                "another process kept reading it, so old pages may still lie beside it",
                "Wait until that is done, then run the command again",
            )

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _connect(self) -> sqlite3.Connection:
        """Open a connection with every setting that SQLite forgets when it is closed."""
        connection = sqlite3.connect(
            self._path, timeout=self._wait_s, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
            # Not of the mode asked for: a disk that cannot share memory keeps another.
            mode = _keep_journal(connection, self._journal.mode)
            connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS.get(mode, 'extra')}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _copy_to(self, part: Path) -> None:
        """Write a copy, and refuse it if SQLite itself does not call it sound."""
        part.touch(mode=0o600)
        # Never a copy of the file itself: half of the newest commit may lie beside it.
        with self._engine.connect() as connection:
            connection.exec_driver_sql("VACUUM INTO ?", (str(part),))
        with closing(sqlite3.connect(part)) as copy:
            (answer,) = copy.execute("PRAGMA integrity_check").fetchone()
        if answer != "ok":
            raise StoreError(
                self.name,
                f"its back-up is not sound: {answer}",
                "Nothing was changed; put the last back-up in its place",
            )


def _begin(connection: Connection) -> None:
    """Start a transaction in the way of the engine that the connection came from."""
    for statement in connection.get_execution_options().get(_BEGIN, _OUTSIDE):
        connection.exec_driver_sql(statement)


def _keep_journal(connection: sqlite3.Connection, wanted: str) -> str:
    """Change the journal mode if it is another one, and return the mode that is in use."""
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode == wanted:
        return str(mode)
    for pause_s in _PAUSES_S:
        try:
            return _change_journal(connection, wanted)
        except sqlite3.OperationalError:  # a reader is there, and here SQLite does not wait
            sleep(pause_s)
    return _change_journal(connection, wanted)


def _change_journal(connection: sqlite3.Connection, wanted: str) -> str:
    """Change the journal mode of the file, for everyone and for good."""
    (mode,) = connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()
    return str(mode)


def _is_corrected(version: tuple[int, int, int]) -> bool:
    """Tell whether a build has the correction of the WAL fault."""
    return (
        version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    )


def _check_library(version: tuple[int, int, int]) -> None:
    """Refuse a SQLite without STRICT tables."""
    if version < _OLDEST:
        raise StoreError(
            "SQLite " + ".".join(map(str, version)),
            "is older than 3.37, which sinkwatch needs for strict tables",
            "Use a newer Python or system, or PostgreSQL",
        )


def file_of(url: URL) -> Path:
    """
    Return the file that a URL names; a database in memory would forget who was told what.

    Parameters
    ----------
    url
        ``sqlite:///path``.

    Returns
    -------
    path
        It need not be there yet.

    Raises
    ------
    StoreError
        If it names none.
    """
    if not url.database or url.database.startswith((":memory:", "file:")):
        raise StoreError(
            str(url),
            "names no file",
            "Write sqlite:///folder/sinkwatch.db, four slashes if absolute",
        )
    return Path(url.database)


def _seconds(url: URL) -> float:
    """Return how long writers wait for one another, seconds."""
    text = url.query.get("timeout", str(_WAIT_S))
    try:
        return float(str(text))
    except ValueError:
        raise StoreError(
            str(url), f"timeout {text} is not a number of seconds", "Write such as ?timeout=10"
        ) from None


def _make_private(path: Path) -> None:
    """Make folder and file for their owner alone, before SQLite makes them for everyone."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not path.exists():
            _make_empty(path)
    except OSError as error:
        raise StoreError(
            str(path),
            f"the database cannot be opened or made there ({error.strerror})",
            "Name a file in a folder that you may write to",
        ) from error


def _make_empty(path: Path) -> None:
    """
    Make an empty file, unless another process is faster.

    It gets its name when it is closed already: to close a file that SQLite has open anywhere
    in this process would end SQLite's locks on it, and two writers could then damage it.
    """
    handle, unnamed = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    os.close(handle)
    try:
        with suppress(FileExistsError):
            os.link(unnamed, path)
    finally:
        Path(unnamed).unlink()
