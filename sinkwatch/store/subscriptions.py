"""Who wants to hear of what, with their consent, and the addresses that must not be written to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, exists, insert, select
from sqlalchemy.exc import IntegrityError

from sinkwatch.errors import StoreError
from sinkwatch.model import Subscription, SubscriptionId
from sinkwatch.store.tables import messages, subscriptions, suppressions, told, upsert

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Row, Select

_MESSAGE_COLUMNS = (
    messages.c.message_id,
    messages.c.subscription_id,
    messages.c.subject,
    messages.c.state,
    messages.c.created_at,
    messages.c.due_at,
    messages.c.expires_at,
    messages.c.sent_at,
    messages.c.attempts,
    messages.c.last_problem,
)
"""What is known of a message but for its bytes."""


def add(
    connection: Connection, subscription: Subscription, consent: Mapping[str, object], at: datetime
) -> None:
    """
    Add a confirmed subscription, as an operator does who holds the consent.

    Parameters
    ----------
    connection
        Of a writing transaction.
    subscription
        The subscription.
    consent
        Record of the consent: wording, its version, how it was given; JSON-able values.
    at
        Time, UTC.

    Raises
    ------
    StoreError
        If the address already has one for that postcode, or a value is impossible.
    """
    row = {
        "subscription_id": subscription.subscription_id,
        "email": subscription.email,
        "postcode": subscription.postcode,
        "radius_m": subscription.radius_m,
        "easting": subscription.easting,
        "northing": subscription.northing,
        "state": "confirmed",
        "created_at": at,
        "confirmed_at": subscription.confirmed_at,
        "consent": dict(consent),
    }
    _refuse_second(connection, subscription)
    try:
        connection.execute(insert(subscriptions).values(row))
    except IntegrityError:
        # Without its cause: PostgreSQL quotes the whole row, address and all.
        raise StoreError(
            f"the subscription for {subscription.postcode}",
            "the database refuses it: its id is taken, or radius or position is impossible",
            "Give a radius of 1 m to 100 km and a postcode in Great Britain",
        ) from None


def confirmed(connection: Connection) -> tuple[Subscription, ...]:
    """
    Return everyone who wants to hear.

    Parameters
    ----------
    connection
        Of any transaction.

    Returns
    -------
    subscriptions
        Confirmed ones, by id.
    """
    return _select(connection, subscriptions.c.state == "confirmed")


def all_of(connection: Connection, email: str) -> tuple[Subscription, ...]:
    """
    Return the subscriptions of one address.

    Parameters
    ----------
    connection
        Of any transaction.
    email
        Canonical address.

    Returns
    -------
    subscriptions
        Confirmed ones, by id; `export` tells of the others too.
    """
    return _select(
        connection, (subscriptions.c.state == "confirmed") & (subscriptions.c.email == email)
    )


def export(connection: Connection, email: str) -> dict[str, Any]:
    """
    Return everything held about an address, as its owner may ask for.

    Parameters
    ----------
    connection
        Of any transaction.
    email
        Canonical address.

    Returns
    -------
    held
        ``email``, ``subscriptions``, ``messages`` and ``told``, as values that JSON can hold;
        times as ISO 8601, UTC.
    """
    theirs = select(subscriptions.c.subscription_id).where(subscriptions.c.email == email)
    everything = select(*(column for column in subscriptions.c if column.name != "email"))
    return {
        "email": email,
        "subscriptions": _plain_rows(
            connection,
            everything.where(subscriptions.c.email == email).order_by(
                subscriptions.c.subscription_id
            ),
        ),
        "messages": _plain_rows(
            connection,
            select(*_MESSAGE_COLUMNS)
            .where(messages.c.subscription_id.in_(theirs))
            .order_by(messages.c.created_at, messages.c.message_id),
        ),
        "told": _plain_rows(
            connection,
            select(told)
            .where(told.c.subscription_id.in_(theirs))
            .order_by(told.c.at, told.c.subscription_id, told.c.event_key),
        ),
    }


def erase(connection: Connection, email: str, address_hmac: str, reason: str, at: datetime) -> int:
    """
    Forget an address: subscriptions, messages and what they were told.

    Only the HMAC stays, so that nobody adds the address again by accident. Follow it with
    `Store.checkpoint` once the transaction has ended, so that no byte of it is left.

    Parameters
    ----------
    connection
        Of a writing transaction.
    email
        Canonical address.
    address_hmac
        HMAC-SHA256 of it, hexadecimal.
    reason
        Why, such as ``erased``.
    at
        Time, UTC.

    Returns
    -------
    n_subscriptions
        How many there were.
    """
    gone = connection.execute(delete(subscriptions).where(subscriptions.c.email == email))
    _suppress(connection, address_hmac, reason, at)
    return gone.rowcount


def unsubscribe(
    connection: Connection, subscription_id: SubscriptionId, address_hmac: str, at: datetime
) -> bool:
    """
    End one subscription, with its waiting messages; once more does nothing.

    The address is suppressed with its last subscription: someone who hears of two postcodes
    and ends one still wants the other.

    Parameters
    ----------
    connection
        Of a writing transaction.
    subscription_id
        Which.
    address_hmac
        HMAC-SHA256 of its address, hexadecimal.
    at
        Time, UTC.

    Returns
    -------
    was_there
        Whether there was such a subscription.
    """
    ended = delete(subscriptions).where(subscriptions.c.subscription_id == subscription_id)
    email = connection.execute(ended.returning(subscriptions.c.email)).scalar_one_or_none()
    if email is None:
        return False
    others = select(exists().where(subscriptions.c.email == email))
    if not connection.execute(others).scalar_one():
        _suppress(connection, address_hmac, "unsubscribed", at)
    return True


def is_suppressed(connection: Connection, address_hmac: str) -> bool:
    """
    Tell whether an address must not be written to.

    Parameters
    ----------
    connection
        Of any transaction.
    address_hmac
        HMAC-SHA256 of it, hexadecimal.

    Returns
    -------
    suppressed
        True if it must not.
    """
    found = select(exists().where(suppressions.c.address_hmac == address_hmac))
    return bool(connection.execute(found).scalar_one())


def lift(connection: Connection, address_hmac: str) -> bool:
    """
    Let an address be written to again: its owner has asked for it.

    Parameters
    ----------
    connection
        Of a writing transaction.
    address_hmac
        HMAC-SHA256 of it, hexadecimal.

    Returns
    -------
    was_suppressed
        Whether it was suppressed.
    """
    lifted = delete(suppressions).where(suppressions.c.address_hmac == address_hmac)
    return connection.execute(lifted).rowcount > 0


def _refuse_second(connection: Connection, subscription: Subscription) -> None:
    """Refuse a second subscription of an address for one postcode, without naming the address."""
    same = exists().where(
        subscriptions.c.email == subscription.email,
        subscriptions.c.postcode == subscription.postcode,
    )
    if connection.execute(select(same)).scalar_one():
        raise StoreError(
            "this address",
            f"already has a subscription for {subscription.postcode}",
            "Erase that one first if its radius should change",
        )


def _suppress(connection: Connection, address_hmac: str, reason: str, at: datetime) -> None:
    """Keep that an address must not be written to, with the newest reason."""
    upsert(
        connection,
        suppressions,
        {"address_hmac": address_hmac, "reason": reason, "at": at},
        key=("address_hmac",),
        moves=("reason", "at"),
    )


def _select(connection: Connection, condition: ColumnElement[bool]) -> tuple[Subscription, ...]:
    """Return the subscriptions of a condition, by id."""
    rows = connection.execute(
        select(subscriptions).where(condition).order_by(subscriptions.c.subscription_id)
    )
    return tuple(_subscription(row) for row in rows)


def _subscription(row: Row[Any]) -> Subscription:
    """Return the subscription in a row."""
    return Subscription(
        subscription_id=SubscriptionId(row.subscription_id),
        email=row.email,
        postcode=row.postcode,
        radius_m=row.radius_m,
        easting=row.easting,
        northing=row.northing,
        confirmed_at=row.confirmed_at,
    )


def _plain_rows(connection: Connection, rows: Select[Any]) -> list[dict[str, Any]]:
    """Return rows as values that JSON can hold."""
    return [
        {name: _plain(value) for name, value in row.items()}
        for row in connection.execute(rows).mappings()
    ]


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a column holds
    """Return a time as text, and anything else as it is."""
    return value.isoformat() if hasattr(value, "isoformat") else value
