"""Requests that wait for their address to confirm them, and what is counted to bound them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, insert, select, text, update

from sinkwatch.model import (
    Frequency,
    Signup,
    SignupPurpose,
    SubscriberId,
    Subscription,
    SubscriptionId,
    Topic,
)
from sinkwatch.store.tables import signups, tallies

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row


@dataclass(frozen=True, slots=True)
class Request:
    """
    A request with the record of the consent that it gives once it is confirmed.

    Attributes
    ----------
    signup
        What is asked for.
    consent
        Wording, its version and hash, and the form that it was given on.
    """

    signup: Signup
    consent: Mapping[str, Any]


def add(connection: Connection, request: Request) -> None:
    """
    Keep a request; no mail about it is queued yet.

    Parameters
    ----------
    connection
        Of a writing transaction.
    request
        What is asked for.
    """
    signup = request.signup
    connection.execute(
        insert(signups).values(
            signup_id=signup.signup_id,
            email=signup.email,
            purpose=signup.purpose,
            subscriber_id=signup.subscriber_id,
            wanted=_as_json(signup),
            consent=dict(request.consent),
            created_at=signup.created_at,
        )
    )


def get(connection: Connection, signup_id: str) -> Request | None:
    """
    Return a request.

    Parameters
    ----------
    connection
        Of any transaction.
    signup_id
        Which.

    Returns
    -------
    request
        None if it was confirmed already, has been forgotten, or never was.
    """
    row = connection.execute(select(signups).where(signups.c.signup_id == signup_id)).one_or_none()
    return None if row is None else _request(row)


def take(connection: Connection, signup_id: str) -> Request | None:
    """
    Remove a request and return it, so that only one of several at once acts on it.

    Parameters
    ----------
    connection
        Of a writing transaction.
    signup_id
        Which.

    Returns
    -------
    request
        None if it is not there any more.
    """
    taken = delete(signups).where(signups.c.signup_id == signup_id).returning(signups)
    row = connection.execute(taken).one_or_none()
    return None if row is None else _request(row)


def unhandled(connection: Connection, most: int) -> tuple[Request, ...]:
    """
    Return requests about which no mail was queued yet.

    Parameters
    ----------
    connection
        Of any transaction.
    most
        How many at most.

    Returns
    -------
    requests
        The oldest first.
    """
    rows = connection.execute(
        select(signups)
        .where(signups.c.handled_at.is_(None))
        .order_by(signups.c.created_at, signups.c.signup_id)
        .limit(most)
    )
    return tuple(_request(row) for row in rows)


def note_handled(connection: Connection, signup_id: str, at: datetime) -> bool:
    """
    Note that the mail about a request is queued, or that none will be.

    Parameters
    ----------
    connection
        Of the writing transaction that queues it.
    signup_id
        Which.
    at
        Time, UTC.

    Returns
    -------
    is_ours
        False if another worker was first.
    """
    noted = (
        update(signups)
        .where(signups.c.signup_id == signup_id, signups.c.handled_at.is_(None))
        .values(handled_at=at)
    )
    return connection.execute(noted).rowcount > 0


def ask_again(connection: Connection, signup_id: str, at: datetime) -> None:
    """
    Let the mail about a request be queued once more; the earlier one and its link stay.

    Parameters
    ----------
    connection
        Of a writing transaction.
    signup_id
        Which.
    at
        Time, UTC; the request is kept as long as if it came now.
    """
    again = update(signups).where(signups.c.signup_id == signup_id)
    connection.execute(again.values(handled_at=None, created_at=at))


def latest(connection: Connection, email: str) -> Request | None:
    """
    Return the newest request of an address that waits for it to confirm.

    Parameters
    ----------
    connection
        Of any transaction.
    email
        Canonical address; its case is folded.

    Returns
    -------
    request
        None if there is none.
    """
    row = connection.execute(
        select(signups)
        .where(
            func.lower(signups.c.email) == email.lower(),
            signups.c.purpose != SignupPurpose.OWN_PAGE,
        )
        .order_by(signups.c.created_at.desc(), signups.c.signup_id)
        .limit(1)
    ).one_or_none()
    return None if row is None else _request(row)


def count_alone(connection: Connection) -> None:
    """
    Let nobody else count until the transaction ends: two at once would both find room for one.

    Parameters
    ----------
    connection
        Of a writing transaction; call it before anything in it is changed.
    """
    if connection.dialect.name != "sqlite":  # there every writer is alone already
        connection.execute(_LOCK)


_LOCK: Final = text("SELECT pg_advisory_xact_lock(7361942120)")
"""Any number that no other program of the same server takes for its own advisory lock."""


def tally(connection: Connection, bucket: str, at: datetime) -> None:
    """
    Count one thing.

    Parameters
    ----------
    connection
        Of a writing transaction.
    bucket
        What is counted, and for whom as an HMAC.
    at
        Time, UTC.
    """
    connection.execute(insert(tallies).values(bucket=bucket, at=at))


def tallied(connection: Connection, bucket: str, since: datetime) -> int:
    """
    Return how often something was counted lately.

    Parameters
    ----------
    connection
        Of any transaction.
    bucket
        What is counted.
    since
        From when on, UTC; that moment excluded.

    Returns
    -------
    n_counted
        How often.
    """
    counted = select(func.count()).where(tallies.c.bucket == bucket, tallies.c.at > since)
    return int(connection.execute(counted).scalar_one())


def _as_json(signup: Signup) -> dict[str, Any]:
    return {
        "frequency": signup.frequency,
        "is_quiet_at_night": signup.is_quiet_at_night,
        "places": [
            {
                "subscription_id": place.subscription_id,
                "postcode": place.postcode,
                "radius_m": place.radius_m,
                "easting": place.easting,
                "northing": place.northing,
                "topics": sorted(place.topics),
                "confirmed_at": place.confirmed_at.isoformat(),
            }
            for place in signup.wanted
        ],
    }


def _request(row: Row[Any]) -> Request:
    wanted = row.wanted
    signup = Signup(
        signup_id=row.signup_id,
        email=row.email,
        purpose=SignupPurpose(row.purpose),
        created_at=row.created_at,
        wanted=tuple(_place(place) for place in wanted["places"]),
        frequency=Frequency(wanted["frequency"]),
        is_quiet_at_night=wanted["is_quiet_at_night"],
        subscriber_id=None if row.subscriber_id is None else SubscriberId(row.subscriber_id),
    )
    return Request(signup, row.consent)


def _place(place: Mapping[str, Any]) -> Subscription:
    return Subscription(
        subscription_id=SubscriptionId(place["subscription_id"]),
        postcode=place["postcode"],
        radius_m=place["radius_m"],
        easting=place["easting"],
        northing=place["northing"],
        topics=frozenset(Topic(topic) for topic in place["topics"]),
        confirmed_at=datetime.fromisoformat(place["confirmed_at"]),
    )
