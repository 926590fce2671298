"""People with a confirmed address, their places, and what is held about them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    Text,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.exc import IntegrityError

from sinkwatch.errors import StoreError
from sinkwatch.model import (
    Frequency,
    Outcome,
    Subscriber,
    SubscriberId,
    Subscription,
    SubscriptionId,
    Subscriptions,
    Topic,
)
from sinkwatch.store import claims, tables
from sinkwatch.store.tables import alerts, messages, signups, subscribers, subscriptions

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy import Column, ColumnElement, Connection, Row, Select

_MESSAGE_COLUMNS = tuple(
    column
    for column in messages.c
    if column.name not in {"mime", "recipient", "envelope_sender", "domain", "dedupe_key"}
)
"""What is known of a message but for its bytes and the address."""

_CHOICES = ("frequency", "is_quiet_at_night", "paused_until")


def add(connection: Connection, subscriber: Subscriber, consent: Mapping[str, object]) -> None:
    """
    Add a person who has confirmed their address, with their places.

    Parameters
    ----------
    connection
        Of a writing transaction.
    subscriber
        The person.
    consent
        Record of the consent: wording, its version, how it was given; JSON-able values.

    Raises
    ------
    StoreError
        If the address is subscribed already, or a value is impossible.
    """
    row = {
        "subscriber_id": subscriber.subscriber_id,
        "email": subscriber.email,
        "frequency": subscriber.frequency,
        "is_quiet_at_night": subscriber.is_quiet_at_night,
        "paused_until": subscriber.paused_until,
        "digested_at": subscriber.digested_at,
        "confirmed_at": subscriber.confirmed_at,
        "bounce_score": 0,
        "consent": dict(consent),
    }
    try:
        connection.execute(insert(subscribers).values(row))
        for place in subscriber.subscriptions:
            add_place(connection, subscriber.subscriber_id, place, consent)
    except IntegrityError:
        # Without its cause: PostgreSQL quotes the whole row, address and all.
        raise StoreError(
            "this address",
            "is subscribed already, or a radius or position is impossible",
            "Add a place to the one who is there; give a radius of 1 m to 100 km",
        ) from None


def add_place(
    connection: Connection,
    subscriber_id: SubscriberId,
    place: Subscription,
    consent: Mapping[str, object],
) -> None:
    """
    Add a place to a person, or let the one of the same postcode take new choices.

    Parameters
    ----------
    connection
        Of a writing transaction.
    subscriber_id
        Who.
    place
        The place; of one that is there already, radius and topics change.
    consent
        Record of the consent.

    Raises
    ------
    StoreError
        If there is no such person, or radius or position is impossible.
    """
    row = {
        "subscription_id": place.subscription_id,
        "subscriber_id": subscriber_id,
        "postcode": place.postcode,
        "radius_m": place.radius_m,
        "easting": place.easting,
        "northing": place.northing,
        "topics": sorted(place.topics),
        "confirmed_at": place.confirmed_at,
        "consent": dict(consent),
    }
    moves = ("radius_m", "easting", "northing", "topics", "confirmed_at", "consent")
    try:
        tables.upsert(
            connection, subscriptions, row, key=("subscriber_id", "postcode"), moves=moves
        )
    except IntegrityError:
        raise StoreError(
            "this place",
            "its radius or position is impossible, or its subscriber is gone",
            "Give a radius of 1 m to 100 km and a postcode in Great Britain",
        ) from None


def move(connection: Connection, centres: Mapping[str, tuple[float, float]]) -> int:
    """
    Put places where the list of today has their postcode, like the map and the band.

    Parameters
    ----------
    connection
        Of a writing transaction.
    centres
        Easting and northing of each postcode, metres, EPSG:27700.

    Returns
    -------
    n_moved
        Places that lie elsewhere now.
    """
    held = select(
        subscriptions.c.postcode, subscriptions.c.easting, subscriptions.c.northing
    ).distinct()
    moved = [
        {"held": row.postcode, "easting": at[0], "northing": at[1]}
        for row in connection.execute(held)
        if (at := centres.get(row.postcode)) is not None and at != (row.easting, row.northing)
    ]
    if moved:
        there = update(subscriptions).where(subscriptions.c.postcode == bindparam("held"))
        connection.execute(there, moved)
    return len(moved)


def remove_place(connection: Connection, subscription_id: SubscriptionId) -> bool:
    """
    Remove one place; the person stays, and should be erased if it was the last.

    Parameters
    ----------
    connection
        Of a writing transaction.
    subscription_id
        Which.

    Returns
    -------
    was_there
        Whether there was such a place.
    """
    ended = delete(subscriptions).where(subscriptions.c.subscription_id == subscription_id)
    return connection.execute(ended).rowcount > 0


def choose(connection: Connection, subscriber: Subscriber) -> None:
    """
    Keep how often, when and from when on a person wants mail.

    Parameters
    ----------
    connection
        Of a writing transaction.
    subscriber
        With the new choices; the places are left as they are.
    """
    connection.execute(
        update(subscribers)
        .where(subscribers.c.subscriber_id == subscriber.subscriber_id)
        .values({name: getattr(subscriber, name) for name in _CHOICES})
    )


def change_address(
    connection: Connection, subscriber_id: SubscriberId, email: str, at: datetime
) -> bool:
    """
    Let mail go to another address, which has confirmed it.

    What waits to go to the old one is given up: what it tells goes to the new one instead.

    Parameters
    ----------
    connection
        Of a writing transaction.
    subscriber_id
        Who.
    email
        Canonical address.
    at
        Time of the confirmation, UTC.

    Returns
    -------
    changed
        False if there is no such person any more.

    Raises
    ------
    StoreError
        If that address is subscribed itself.
    """
    moved = (
        update(subscribers)
        .where(subscribers.c.subscriber_id == subscriber_id)
        .values(email=email, confirmed_at=at, bounce_score=0, bounced_on=None)
    )
    try:
        is_moved = connection.execute(moved).rowcount > 0
    except IntegrityError:
        raise StoreError(
            "the new address", "is subscribed itself", "Erase one of the two first"
        ) from None
    # Only now that the row is ours: what another worker queues for them is seen once we have it.
    claims.withdraw(connection, subscriber_id)
    return is_moved


def all_of(connection: Connection) -> tuple[Subscriber, ...]:
    """
    Return everyone with a place, paused or not.

    Parameters
    ----------
    connection
        Of any transaction.

    Returns
    -------
    subscribers
        By id, their places by postcode.
    """
    return _people(connection, subscribers.c.subscriber_id.is_not(None))


def places(connection: Connection) -> Subscriptions:
    """
    Return every place of everyone as columns: a country's in the time of a town's people.

    Parameters
    ----------
    connection
        Of any transaction.

    Returns
    -------
    subscriptions
        Those of `all_of`, in any order.
    """
    column = subscriptions.c
    rows = connection.execute(
        select(
            column.subscriber_id,
            column.postcode,
            column.radius_m,
            column.easting,
            column.northing,
            type_coerce(column.topics, Text),
        )
    )
    columns: tuple[list[Any], ...] = ([], [], [], [], [], [])
    for some_rows in rows.partitions(_ROWS_AT_ONCE):
        for whole, values in zip(columns, zip(*some_rows, strict=True), strict=True):
            whole.extend(values)
    owners, postcodes, radius_m, easting, northing, written = columns
    # So many places ask for so few sets of topics: each is read once.
    topics = {text: frozenset(map(Topic, json.loads(text))) for text in set(written)}
    return Subscriptions(
        owners=owners,
        postcodes=postcodes,
        radius_m=radius_m,
        easting=easting,
        northing=northing,
        topics=[topics[text] for text in written],
    )


def some(connection: Connection, ids: Collection[SubscriberId]) -> tuple[Subscriber, ...]:
    """
    Return people by id.

    Parameters
    ----------
    connection
        Of any transaction.
    ids
        Whom; those who are gone are left out.

    Returns
    -------
    subscribers
        By id, their places by postcode.
    """
    ordered = sorted(ids)
    return tuple(
        person
        for start in range(0, len(ordered), _PART)
        for person in _people(
            connection, subscribers.c.subscriber_id.in_(ordered[start : start + _PART])
        )
    )


_PART: Final = 500  # a statement has so many variables
_ROWS_AT_ONCE: Final = 10_000


def of_address(connection: Connection, email: str) -> Subscriber | None:
    """
    Return the person with an address, whatever its case.

    Parameters
    ----------
    connection
        Of any transaction.
    email
        Canonical address.

    Returns
    -------
    subscriber
        None if nobody has it.
    """
    found = _people(connection, _is_address(subscribers.c.email, email))
    return found[0] if found else None


def count(connection: Connection) -> int:
    """
    Count the people.

    Parameters
    ----------
    connection
        Of any transaction.

    Returns
    -------
    n_subscribers
        Paused ones included.
    """
    return int(connection.execute(select(func.count()).select_from(subscribers)).scalar_one())


def note_period(
    connection: Connection, frequency: Frequency, start: datetime, at: datetime
) -> None:
    """
    Note that what waited for those of a frequency was gathered, or found to be nothing.

    Parameters
    ----------
    connection
        Of a writing transaction.
    frequency
        How often they want mail.
    start
        When the present day, week or month began; who was looked at since is left alone, UTC.
    at
        Time, UTC.
    """
    chosen = (
        subscribers.c.frequency == frequency,
        or_(subscribers.c.digested_at.is_(None), subscribers.c.digested_at < start),
    )
    connection.execute(update(subscribers).where(*chosen).values(digested_at=at))


def is_at(connection: Connection, subscriber_id: SubscriberId, email: str) -> bool:
    """
    Tell whether a person still has an address, and keep them from leaving or moving meanwhile.

    Parameters
    ----------
    connection
        Of the writing transaction that queues something for them.
    subscriber_id
        Who.
    email
        Canonical address that it is written to.

    Returns
    -------
    is_at
        False once they have left, or have another address.
    """
    # SQLite has one writer and leaves the lock out. On PostgreSQL one who left in between would
    # make the message that follows refer to nobody, and one who moved would never get it.
    theirs = (
        select(subscribers.c.email)
        .where(subscribers.c.subscriber_id == subscriber_id)
        .with_for_update(key_share=True)
    )
    return connection.execute(theirs).scalar_one_or_none() == email


def unheard(connection: Connection, begins: datetime, ends: datetime) -> tuple[Subscriber, ...]:
    """
    Return those who were told nothing in a stretch of time, and for whom nothing waits.

    Parameters
    ----------
    connection
        Of any transaction.
    begins, ends
        The stretch, UTC, its end excluded; who was confirmed within it is left out.

    Returns
    -------
    subscribers
        By id.
    """
    something = exists().where(
        alerts.c.subscriber_id == subscribers.c.subscriber_id,
        or_(
            alerts.c.told_at.is_(None),
            and_(alerts.c.told_at >= begins, alerts.c.told_at < ends),
        ),
    )
    return _people(connection, and_(subscribers.c.confirmed_at < begins, ~something))


def old_consents(connection: Connection, before: datetime) -> tuple[Subscriber, ...]:
    """
    Return those whose consent has grown old and who were not asked about it yet.

    Parameters
    ----------
    connection
        Of any transaction.
    before
        Consents confirmed before that are old, UTC.

    Returns
    -------
    subscribers
        By id.
    """
    return _people(
        connection,
        and_(subscribers.c.confirmed_at < before, subscribers.c.asked_again_at.is_(None)),
    )


def forget_unasked(connection: Connection, mails: str) -> int:
    """
    Let those be asked again whether they still want mail whom the question never reached.

    Parameters
    ----------
    connection
        Of a writing transaction.
    mails
        How the dedupe keys of the mails begin that ask.

    Returns
    -------
    n_forgotten
        How many.
    """
    reaches = exists().where(
        messages.c.subscriber_id == subscribers.c.subscriber_id,
        messages.c.created_at >= subscribers.c.asked_again_at,
        messages.c.dedupe_key.startswith(mails, autoescape=True),
        messages.c.state.not_in((Outcome.EXPIRED, Outcome.PERMANENT_FAILURE)),
    )
    unasked = (
        update(subscribers)
        .where(subscribers.c.asked_again_at.is_not(None), ~reaches)
        .values(asked_again_at=None)
    )
    return connection.execute(unasked).rowcount


def note_asked(connection: Connection, subscriber_id: SubscriberId, at: datetime) -> None:
    """
    Note that a person was asked whether they still want mail.

    Parameters
    ----------
    connection
        Of a writing transaction.
    subscriber_id
        Who.
    at
        Time, UTC.
    """
    theirs = subscribers.c.subscriber_id == subscriber_id
    connection.execute(update(subscribers).where(theirs).values(asked_again_at=at))


def unanswered(connection: Connection, before: datetime) -> tuple[SubscriberId, ...]:
    """
    Return those who did not answer whether they still want mail.

    Parameters
    ----------
    connection
        Of any transaction.
    before
        Asked before that, UTC.

    Returns
    -------
    ids
        In order.
    """
    rows = select(subscribers.c.subscriber_id).where(subscribers.c.asked_again_at < before)
    found = connection.execute(rows.order_by(subscribers.c.subscriber_id)).scalars()
    return tuple(SubscriberId(who) for who in found)


def renew(connection: Connection, subscriber_id: SubscriberId, at: datetime) -> None:
    """
    Note that a person still wants mail.

    Parameters
    ----------
    connection
        Of a writing transaction.
    subscriber_id
        Who.
    at
        Time, UTC.
    """
    connection.execute(
        update(subscribers)
        .where(subscribers.c.subscriber_id == subscriber_id)
        .values(confirmed_at=at, asked_again_at=None)
    )


def erase(connection: Connection, subscriber_id: SubscriberId) -> str | None:
    """
    Forget a person: places, messages, requests and what they were told.

    Follow it with `Store.checkpoint` once the transaction has ended, so that no byte is left.

    Parameters
    ----------
    connection
        Of a writing transaction.
    subscriber_id
        Whom.

    Returns
    -------
    email
        The address they had; None if there was no such person.
    """
    gone = delete(subscribers).where(subscribers.c.subscriber_id == subscriber_id)
    found = connection.execute(gone.returning(subscribers.c.email)).scalar_one_or_none()
    if found is None:
        return None
    forget_signups(connection, str(found))
    # Such as a confirmation of long ago, which was to nobody who was subscribed then.
    forget_mails(connection, str(found))
    return str(found)


def forget_mails(connection: Connection, email: str) -> int:
    """
    Forget every mail that went to an address or was to go there, whoever it was for.

    Parameters
    ----------
    connection
        Of a writing transaction.
    email
        Canonical address; its case is folded.

    Returns
    -------
    n_forgotten
        How many.
    """
    theirs = delete(messages).where(_is_address(messages.c.recipient, email))
    return connection.execute(theirs).rowcount


def forget_signups(connection: Connection, email: str) -> int:
    """
    Forget every request of an address that it has not confirmed, with the mails about it.

    Parameters
    ----------
    connection
        Of a writing transaction.
    email
        Canonical address; its case is folded.

    Returns
    -------
    n_forgotten
        How many.
    """
    theirs = delete(signups).where(_is_address(signups.c.email, email))
    return connection.execute(theirs).rowcount


def score_bounce(connection: Connection, subscriber_id: SubscriberId, score: int, on: date) -> None:
    """
    Keep how often a person's address could not take mail lately.

    Parameters
    ----------
    connection
        Of a writing transaction.
    subscriber_id
        Who.
    score
        The new score.
    on
        The day, Europe/London.
    """
    connection.execute(
        update(subscribers)
        .where(subscribers.c.subscriber_id == subscriber_id)
        .values(bounce_score=score, bounced_on=on)
    )


def bounce_score(connection: Connection, subscriber_id: SubscriberId) -> tuple[int, date | None]:
    """
    Return how often a person's address could not take mail lately.

    Parameters
    ----------
    connection
        Of any transaction.
    subscriber_id
        Who.

    Returns
    -------
    score, bounced_on
        0 and None if it never could not, or there is no such person.
    """
    row = connection.execute(
        select(subscribers.c.bounce_score, subscribers.c.bounced_on).where(
            subscribers.c.subscriber_id == subscriber_id
        )
    ).one_or_none()
    return (0, None) if row is None else (row.bounce_score, row.bounced_on)


def export(connection: Connection, email: str) -> dict[str, Any]:
    """
    Return everything held about an address, as its owner may ask for.

    Parameters
    ----------
    connection
        Of any transaction.
    email
        Canonical address; its case is folded.

    Returns
    -------
    held
        ``email``, ``subscriber`` (None if not subscribed), ``places``, ``requests``,
        ``messages`` and ``alerts``, as values that JSON can hold; times as ISO 8601, UTC.
    """
    is_theirs = _is_address(subscribers.c.email, email)
    theirs = select(subscribers.c.subscriber_id).where(is_theirs)
    person = select(*(c for c in subscribers.c if c.name != "email")).where(is_theirs)
    found = _plain_rows(connection, person)
    return {
        "email": email,
        "subscriber": found[0] if found else None,
        "places": _plain_rows(
            connection,
            select(subscriptions)
            .where(subscriptions.c.subscriber_id.in_(theirs))
            .order_by(subscriptions.c.postcode),
        ),
        "requests": _plain_rows(
            connection,
            select(*(c for c in signups.c if c.name != "email"))
            .where(_is_address(signups.c.email, email))
            .order_by(signups.c.created_at, signups.c.signup_id),
        ),
        "messages": _plain_rows(
            connection,
            select(*_MESSAGE_COLUMNS)
            .where(
                or_(
                    _is_address(messages.c.recipient, email),
                    messages.c.subscriber_id.in_(theirs),
                )
            )
            .order_by(messages.c.created_at, messages.c.message_id),
        ),
        "alerts": _plain_rows(
            connection,
            select(alerts)
            .where(alerts.c.subscriber_id.in_(theirs))
            .order_by(alerts.c.at, alerts.c.event_key),
        ),
    }


def _is_address(column: Column[Any], email: str) -> ColumnElement[bool]:
    """Return the condition that an address is this one, in the words of the indexes."""
    return func.lower(column) == email.lower()


def _people(connection: Connection, condition: ColumnElement[bool]) -> tuple[Subscriber, ...]:
    """Return the people of a condition who have a place, by id, in two queries."""
    chosen = select(subscribers.c.subscriber_id).where(condition)
    by_owner: dict[str, list[Subscription]] = {}
    for row in connection.execute(
        select(subscriptions)
        .where(subscriptions.c.subscriber_id.in_(chosen))
        .order_by(subscriptions.c.postcode)
    ):
        by_owner.setdefault(row.subscriber_id, []).append(_place(row))
    rows = connection.execute(
        select(subscribers).where(condition).order_by(subscribers.c.subscriber_id)
    )
    return tuple(
        _person(row, by_owner[row.subscriber_id]) for row in rows if row.subscriber_id in by_owner
    )


def _person(row: Row[Any], places: list[Subscription]) -> Subscriber:
    return Subscriber(
        subscriber_id=SubscriberId(row.subscriber_id),
        email=row.email,
        subscriptions=tuple(places),
        confirmed_at=row.confirmed_at,
        frequency=Frequency(row.frequency),
        is_quiet_at_night=row.is_quiet_at_night,
        paused_until=row.paused_until,
        digested_at=row.digested_at,
    )


def _place(row: Row[Any]) -> Subscription:
    return Subscription(
        subscription_id=SubscriptionId(row.subscription_id),
        postcode=row.postcode,
        radius_m=row.radius_m,
        easting=row.easting,
        northing=row.northing,
        topics=frozenset(Topic(topic) for topic in row.topics),
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
