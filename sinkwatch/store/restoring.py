"""What has to go from a database that a back-up has brought back, before anyone is mailed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, delete, exists, func, select, true, union, update

from sinkwatch.model import Outcome
from sinkwatch.store.tables import messages, signups, subscribers, subscriptions

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Column, ColumnElement, Connection

WAITING: Final = (Outcome.CREATED, Outcome.SENDING, Outcome.TEMPORARY_FAILURE)
"""States of a message that would still go by itself."""

_OLDER: Final = "it is older than the back-up that was restored, so it may have gone already"

_BEARERS: Final = (
    (subscribers.c.email, subscribers.c.confirmed_at),
    (signups.c.email, signups.c.created_at),
    (messages.c.recipient, messages.c.created_at),
)
"""Where an address stands, and since when."""


def addresses(connection: Connection) -> tuple[str, ...]:
    """
    Return every address that stands anywhere in the database.

    Parameters
    ----------
    connection
        Of any transaction.

    Returns
    -------
    addresses
        In order, each spelling once.
    """
    found = union(*(select(address.label("address")) for address, _ in _BEARERS))
    return tuple(sorted(connection.execute(found).scalars()))


def forget(connection: Connection, address: str, until: datetime | None) -> bool:
    """
    Forget an address: the person, requests and messages.

    Parameters
    ----------
    connection
        Of a writing transaction.
    address
        Canonical address; its case is folded.
    until
        What is newer stays, UTC: it was asked for afresh; None if nothing is to stay.

    Returns
    -------
    was_there
        Whether anything was forgotten.
    """
    n_forgotten = 0
    for column, since in _BEARERS:
        is_theirs = func.lower(column) == address.lower()
        gone = delete(column.table).where(is_theirs, _up_to(since, until))
        n_forgotten += connection.execute(gone).rowcount
    return n_forgotten > 0


def remove_place(connection: Connection, subscription_id: str, until: datetime | None) -> bool:
    """
    Remove a place, and the person with it if they have no other.

    Parameters
    ----------
    connection
        Of a writing transaction.
    subscription_id
        Which.
    until
        If it was confirmed later it stays, UTC; None if it goes in any case.

    Returns
    -------
    was_there
        Whether it was removed.
    """
    place = and_(
        subscriptions.c.subscription_id == subscription_id,
        _up_to(subscriptions.c.confirmed_at, until),
    )
    removed = delete(subscriptions).where(place).returning(subscriptions.c.subscriber_id)
    owner = connection.execute(removed).scalar_one_or_none()
    if owner is None:
        return False
    has_other = exists().where(subscriptions.c.subscriber_id == owner)
    connection.execute(delete(subscribers).where(subscribers.c.subscriber_id == owner, ~has_other))
    return True


def expire_waiting(connection: Connection, until: datetime | None) -> int:
    """
    Give up every message that waits; what it tells counts as told.

    Parameters
    ----------
    connection
        Of a writing transaction.
    until
        Messages queued later go on waiting, UTC; None if none does.

    Returns
    -------
    n_expired
        How many.
    """
    given_up = (
        update(messages)
        .where(messages.c.state.in_(WAITING), _up_to(messages.c.created_at, until))
        .values(state=Outcome.EXPIRED, claimed_until=None, last_problem=_OLDER)
    )
    return connection.execute(given_up).rowcount


def _up_to(column: Column[datetime], until: datetime | None) -> ColumnElement[bool]:
    return true() if until is None else column <= until
