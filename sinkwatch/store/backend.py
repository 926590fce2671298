"""What the store asks of a database, whichever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection, Engine


class Backend(Protocol):
    """
    One database, with what differs between SQLite and PostgreSQL behind one face.

    Attributes
    ----------
    name
        What people call it: its file, or its address without a password.
    writer
        Engine whose transactions may write, and take the right to at their beginning.
    reader
        Engine whose transactions see one moment and cannot write.
    """

    name: str
    writer: Engine
    reader: Engine

    def lock_schema(self, connection: Connection) -> None:
        """
        Keep every other process from migrating until the transaction ends.

        Parameters
        ----------
        connection
            Of a writing transaction.
        """

    def schema_version(self, connection: Connection) -> int:
        """
        Return the number of the last migration applied; 0 if none was.

        Parameters
        ----------
        connection
            Of any transaction.
        """

    def set_schema_version(self, connection: Connection, version: int) -> None:
        """
        Record the number of the last migration applied, in its own transaction.

        Parameters
        ----------
        connection
            Of the migration's transaction.
        version
            The number.
        """

    def check_references(self, connection: Connection) -> None:
        """
        Raise StoreError if a row refers to one that does not exist.

        Parameters
        ----------
        connection
            Of the migration's transaction.
        """

    def back_up(self, version: int, now: datetime) -> None:
        """
        Keep a whole copy of a database that is about to leave that schema version.

        Parameters
        ----------
        version
            The version it leaves.
        now
            Time, UTC, for the name of the copy.
        """

    def copy_to(self, target: Path) -> None:
        """
        Write a whole, checked copy, for its owner alone: all of it or none of it.

        Parameters
        ----------
        target
            The file; its folder is there.

        Raises
        ------
        StoreError
            If it cannot be written, or copies are made by other means.
        """

    def describe(self) -> dict[str, str]:
        """Return what an operator may want to know, by name."""

    def checkpoint(self) -> None:
        """Leave no byte of what was erased, in the database file or beside it."""

    def close(self) -> None:
        """Close every connection."""
