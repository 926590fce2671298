"""PostgreSQL as sinkwatch wants it: same tables, same statements, commits that are on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy
from sqlalchemy import URL, Connection, Engine, create_engine, event, text

from sinkwatch.errors import StoreError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

_SETTINGS: Final = (
    "SET synchronous_commit = on",  # a server may have it off, and lose the last commits
    "SET lock_timeout = '10s'",  # as long as a SQLite writer waits
    "SET timezone = 'UTC'",
)

_SCHEMA_LOCK: Final = 7_361_942_118
"""Any number that no other program of the same server takes for its own advisory lock."""


class PostgresBackend:
    """
    A database on a server.

    Parameters
    ----------
    url
        ``postgresql+psycopg://user@host/database``.

    Attributes
    ----------
    name
        The address without password and options.
    writer, reader
        Engines, as `Backend` says.

    Raises
    ------
    StoreError
        If the driver is not installed.
    """

    def __init__(self, url: URL) -> None:
        self.name = url.set(password=None, query={}).render_as_string()
        self.writer: Engine = self._engine(url.set(drivername="postgresql+psycopg"))
        self.reader: Engine = self.writer.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )

    def lock_schema(self, connection: Connection) -> None:
        """Keep every other process from migrating until the transaction ends."""
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SCHEMA_LOCK})

    def schema_version(self, connection: Connection) -> int:
        """Return the number of the last migration applied; 0 if none was."""
        if not sqlalchemy.inspect(connection).has_table("schema_version"):
            return 0
        return int(connection.execute(text("SELECT version FROM schema_version")).scalar_one())

    def set_schema_version(self, connection: Connection, version: int) -> None:
        """Record the number of the last migration applied, in its own transaction."""
        connection.execute(
            text(
                "CREATE TABLE IF NOT EXISTS schema_version"
                " (one integer PRIMARY KEY CHECK (one = 1), version integer NOT NULL)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO schema_version (one, version) VALUES (1, :version)"
                " ON CONFLICT (one) DO UPDATE SET version = excluded.version"
            ),
            {"version": version},
        )

    def check_references(self, connection: Connection) -> None:
        """Do nothing: the server checks every reference itself."""

    def back_up(self, version: int, now: datetime) -> None:
        """Do nothing: copies of a server are its keeper's, and a migration is all or nothing."""

    def copy_to(self, target: Path) -> None:
        """Refuse: a server has its own way of being copied."""
        raise StoreError(
            self.name,
            f"is PostgreSQL, which sinkwatch does not copy to {target}",
            "Use pg_dump or your server's own back-ups, and keep the file `secret` with them",
        )

    def describe(self) -> dict[str, str]:
        """Return what an operator may want to know, by name."""
        with self.reader.begin() as connection:
            return {
                "engine": "PostgreSQL",
                "version": connection.execute(text("SHOW server_version")).scalar_one(),
                "database": self.name,
                "journal_mode": "write-ahead log of the server",
                "synchronous": connection.execute(text("SHOW synchronous_commit")).scalar_one(),
                "schema_version": str(self.schema_version(connection)),
                "reason": "a commit is answered when the server has it on disk",
            }

    def checkpoint(self) -> None:
        """Do nothing: what a server keeps beside its tables is its keeper's."""

    def close(self) -> None:
        """Close every connection."""
        self.writer.dispose()

    def _engine(self, url: URL) -> Engine:
        """Return an engine whose connections have our settings; nothing connects yet."""
        try:
            engine = create_engine(url, hide_parameters=True, pool_pre_ping=True)
        except ModuleNotFoundError as error:
            raise StoreError(
                self.name,
                f"the driver {error.name} is not installed",
                "Install sinkwatch[postgres], or use SQLite",
            ) from error
        event.listen(engine, "connect", _set_up)
        return engine


def _set_up(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """Give a new connection our settings, for good: outside a transaction that may roll back."""
    cursor = connection.cursor()
    for setting in _SETTINGS:
        cursor.execute(setting)
    cursor.close()
    connection.commit()
