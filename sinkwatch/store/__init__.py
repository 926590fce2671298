"""Everything that outlives a run: the one place of SQL, on SQLite or PostgreSQL."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

from sqlalchemy import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError

from sinkwatch.errors import StoreError
from sinkwatch.store import sqlite
from sinkwatch.store.faults import told_plainly
from sinkwatch.store.migrations import MIGRATIONS, migrate
from sinkwatch.store.postgresql import PostgresBackend
from sinkwatch.store.sqlite import SqliteBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from sinkwatch.store.backend import Backend

_BACKENDS: Final[dict[str, Callable[[URL], Backend]]] = {
    "sqlite": SqliteBackend,
    "postgresql": PostgresBackend,
    "postgresql+psycopg": PostgresBackend,
}


class Store:
    """
    An open database of the newest schema.

    Parameters
    ----------
    backend
        The database; `Store.open` makes it from a URL.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @classmethod
    def open(cls, url: str, *, now: datetime) -> Self:
        """
        Open a database, making or migrating it as needed.

        Parameters
        ----------
        url
            ``sqlite:///folder/sinkwatch.db`` or ``postgresql+psycopg://user@host/database``.
        now
            Time, UTC; a back-up that a migration makes first bears it.

        Returns
        -------
        store
            Ready for use; close it at the end.

        Raises
        ------
        StoreError
            If the database cannot be used: out of reach, read-only, damaged, somebody
            else's, or newer than this program.
        """
        backend = _backend_of(url)
        try:
            with told_plainly(backend.name):
                migrate(backend, MIGRATIONS, now=now)
        except BaseException:
            backend.close()
            raise
        return cls(backend)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """
        Write: all of the block is kept, or nothing if it raises.

        On SQLite it waits for other writers first. Never talk to a mail or web server inside.

        Yields
        ------
        connection
            Of the transaction; good within the block only.

        Raises
        ------
        StoreError
            If the database is busy, full, read-only, damaged or out of reach.
        """
        with told_plainly(self._backend.name), self._backend.writer.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """
        Read one moment of the database, whatever others write meanwhile.

        Yields
        ------
        connection
            It cannot write; good within the block only.

        Raises
        ------
        StoreError
            If the database is damaged or out of reach, or something tries to write.
        """
        with told_plainly(self._backend.name), self._backend.reader.begin() as connection:
            yield connection

    def describe(self) -> dict[str, str]:
        """
        Return what an operator may want to know.

        Returns
        -------
        facts
            Engine, version, database, journal_mode, synchronous, schema_version, reason.
        """
        with told_plainly(self._backend.name):
            return self._backend.describe()

    def copy_to(self, target: Path) -> None:
        """
        Write a whole, checked copy, for its owner alone: all of it or none of it.

        Others may go on reading and writing; the copy is of one moment.

        Parameters
        ----------
        target
            The file; its folder is there.

        Raises
        ------
        StoreError
            If the copy is not sound or cannot be written, or the database is PostgreSQL.
        """
        with told_plainly(self._backend.name):
            self._backend.copy_to(target)

    def checkpoint(self) -> None:
        """
        Leave no byte of what was erased, in the database file or beside it.

        On SQLite this writes the whole file anew: call it after an erasure, not after a run.

        Raises
        ------
        StoreError
            If someone kept reading or writing for longer than a writer waits.
        """
        with told_plainly(self._backend.name):
            self._backend.checkpoint()

    def close(self) -> None:
        """Close every connection; the store is of no use afterwards."""
        self._backend.close()


def file_of(url: str) -> Path:
    """
    Return the file that a database lies in.

    Parameters
    ----------
    url
        As for `Store.open`.

    Returns
    -------
    path
        It need not be there yet.

    Raises
    ------
    StoreError
        If the URL cannot be read, or the database is not a file.
    """
    parsed = _parsed(url)
    if parsed.drivername != "sqlite":
        raise StoreError(
            "the database",
            "is PostgreSQL, whose copies are made by its own means",
            "Use pg_dump and keep the file `secret` with it; after pg_restore run "
            "`sinkwatch restore --replay`",
        )
    return sqlite.file_of(parsed)


def _backend_of(url: str) -> Backend:
    """Return the database that a URL names, not yet looked into."""
    parsed = _parsed(url)
    return _BACKENDS[parsed.drivername](parsed)


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise _no_database() from None
    if parsed.drivername not in _BACKENDS:
        raise _no_database()
    return parsed


def _no_database() -> StoreError:
    # Not the URL itself: one that cannot be read may hold a password anywhere.
    return StoreError(
        "database URL",
        "is neither sqlite:///… nor postgresql+psycopg://…",
        "Write such as sqlite:///var/sinkwatch.db",
    )
