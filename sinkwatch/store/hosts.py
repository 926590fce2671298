"""When each server was last asked, and until when it wants to be left alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from sinkwatch.store.tables import hosts, upsert

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from sinkwatch.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRow:
    """
    One server.

    Attributes
    ----------
    host
        Its name, with the port if that is not the usual one.
    last_request_at
        When it was last asked, UTC; None if never.
    not_before
        Until when it wants to be left alone, UTC; None if it never said so.
    """

    host: str
    last_request_at: datetime | None = None
    not_before: datetime | None = None


def get(connection: Connection, host: str) -> HostRow:
    """
    Return what is known of a server.

    Parameters
    ----------
    connection
        Of any transaction.
    host
        Its name.

    Returns
    -------
    row
        Without times if it was never asked.
    """
    row = connection.execute(select(hosts).where(hosts.c.host == host)).mappings().one_or_none()
    return HostRow(host=host) if row is None else HostRow(**row)


def note_request(connection: Connection, host: str, at: datetime) -> None:
    """
    Record that a server is being asked.

    Parameters
    ----------
    connection
        Of a writing transaction.
    host
        Its name.
    at
        Time, UTC.
    """
    row = {"host": host, "last_request_at": at}
    upsert(connection, hosts, row, key=("host",), moves=("last_request_at",))


def note_not_before(connection: Connection, host: str, until: datetime) -> None:
    """
    Record that a server wants to be left alone.

    Parameters
    ----------
    connection
        Of a writing transaction.
    host
        Its name.
    until
        Time, UTC, before which it is not asked again.
    """
    row = {"host": host, "not_before": until}
    upsert(connection, hosts, row, key=("host",), moves=("not_before",))


class StoredNotes:
    """
    The same for a downloader, each note kept at once and for good.

    A request is noted before it goes out, so that a crash cannot make the next run impolite.

    Parameters
    ----------
    store
        Open while the downloader is in use; no transaction may be open meanwhile.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def last_request_at(self, host: str) -> datetime | None:
        """
        Return when a server was last asked.

        Parameters
        ----------
        host
            Its name.

        Returns
        -------
        at
            UTC; None if never.
        """
        with self._store.read() as connection:
            return get(connection, host).last_request_at

    def not_before(self, host: str) -> datetime | None:
        """
        Return until when a server wants to be left alone.

        Parameters
        ----------
        host
            Its name.

        Returns
        -------
        until
            UTC; None if it never said so.
        """
        with self._store.read() as connection:
            return get(connection, host).not_before

    def note_request(self, host: str, at: datetime) -> None:
        """
        Keep that a server is being asked.

        Parameters
        ----------
        host
            Its name.
        at
            Time, UTC.
        """
        with self._store.begin() as connection:
            note_request(connection, host, at)

    def note_not_before(self, host: str, until: datetime) -> None:
        """
        Keep that a server wants to be left alone.

        Parameters
        ----------
        host
            Its name.
        until
            Time, UTC.
        """
        with self._store.begin() as connection:
            note_not_before(connection, host, until)
