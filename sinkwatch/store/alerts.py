"""What changed, who hears of it, and what they have been told: each pair once, ever."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, distinct, func, insert, or_, select, update

from sinkwatch.model import Event, EventKind, SubscriberId
from sinkwatch.store.tables import alerts, brakes, events, subscribers
from sinkwatch.wording import london_date

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import Connection, Row, Select

    from sinkwatch.model import MessageId

_DAYS: Final = ("deadline", "silent_since")
_KNOWN: Final = frozenset(field.name for field in fields(Event))


def record(
    connection: Connection, run_id: int, found: Sequence[Event], at: datetime
) -> tuple[Event, ...]:
    """
    Record the events of a run.

    Parameters
    ----------
    connection
        Of the writing transaction that records what changed.
    run_id
        The run.
    found
        Its events.
    at
        Time, UTC.

    Returns
    -------
    new
        Those that were never recorded before, each once.
    """
    by_key = {event.key: event for event in found}
    known = _known(connection, by_key)
    new = {key: event for key, event in by_key.items() if key not in known}
    rows = [
        {
            "event_key": key,
            "run_id": run_id,
            "subject": event.subject,
            "at": at,
            "content": _content(event),
        }
        for key, event in new.items()
    ]
    if rows:
        connection.execute(insert(events), rows)
    return tuple(new.values())


def queue(
    connection: Connection,
    run_id: int,
    pairs: Iterable[tuple[SubscriberId, str]],
    subjects: Mapping[str, str],
    at: datetime,
) -> int:
    """
    Record who is to hear of what; a second time is refused by the primary key.

    Parameters
    ----------
    connection
        Of the writing transaction that records the events.
    run_id
        The run.
    pairs
        Subscriber and event key.
    subjects
        What each event happened to, by event key.
    at
        Time, UTC.

    Returns
    -------
    n_concerned
        How many subscribers hear of anything.
    """
    people: set[SubscriberId] = set()
    left = iter(pairs)
    while some := list(itertools.islice(left, _ROWS_AT_ONCE)):
        there = _still_there(connection, {who for who, _ in some})
        rows = [
            {
                "subscriber_id": who,
                "event_key": key,
                "subject": subjects[key],
                "run_id": run_id,
                "at": at,
            }
            for who, key in some
            if who in there
        ]
        if rows:
            connection.execute(insert(alerts), rows)
        people |= there
    return len(people)


def _still_there(
    connection: Connection, people: Collection[SubscriberId]
) -> frozenset[SubscriberId]:
    """Return those who have not left meanwhile, and keep them from it until we are done."""
    # SQLite has one writer and leaves the lock out. On PostgreSQL one who left since they were
    # read would cost everybody else the whole run.
    found: set[SubscriberId] = set()
    for part in _parts(people):
        theirs = (
            select(subscribers.c.subscriber_id)
            .where(subscribers.c.subscriber_id.in_(part))
            .order_by(subscribers.c.subscriber_id)
            .with_for_update(read=True, key_share=True)
        )
        found.update(SubscriberId(who) for who in connection.execute(theirs).scalars())
    return frozenset(found)


def waiting(connection: Connection) -> dict[SubscriberId, tuple[Event, ...]]:
    """
    Return what waits to be told, but for runs that wait for a person.

    Parameters
    ----------
    connection
        Of any transaction.

    Returns
    -------
    waiting
        Events by subscriber, the oldest first.
    """
    rows = connection.execute(
        _waiting().order_by(alerts.c.subscriber_id, alerts.c.at, alerts.c.event_key)
    )
    # One event concerns many: it is read once, however many hear of it.
    made: dict[str, Event] = {}
    found: dict[SubscriberId, list[Event]] = {}
    pairs = [(SubscriberId(row.subscriber_id), row.event_key) for row in rows]
    keys = _waiting().with_only_columns(alerts.c.event_key)
    for row in connection.execute(select(events).where(events.c.event_key.in_(keys))):
        made[row.event_key] = _event(row)
    for who, key in pairs:
        found.setdefault(who, []).append(made[key])
    return {who: tuple(theirs) for who, theirs in found.items()}


def oldest_waiting(connection: Connection) -> dict[SubscriberId, datetime]:
    """
    Return since when something waits to be told to each subscriber, as `waiting` has it.

    Parameters
    ----------
    connection
        Of any transaction.

    Returns
    -------
    since
        UTC, by subscriber; those for whom nothing waits are not there.
    """
    waiting = _waiting().with_only_columns(alerts.c.subscriber_id, func.min(alerts.c.at))
    oldest = waiting.group_by(alerts.c.subscriber_id)
    return {SubscriberId(who): at for who, at in connection.execute(oldest)}


def mark_told(
    connection: Connection,
    subscriber_id: SubscriberId,
    keys: Collection[str],
    message_id: MessageId,
    at: datetime,
) -> bool:
    """
    Point what waited for a subscriber at the message that tells it.

    Parameters
    ----------
    connection
        Of the writing transaction that queues the message.
    subscriber_id
        Who.
    keys
        What it tells.
    message_id
        The message.
    at
        Time, UTC.

    Returns
    -------
    is_ours
        False if any of it was told meanwhile by another worker, or is gone: roll back then.
    """
    told = (
        update(alerts)
        .where(
            alerts.c.subscriber_id == subscriber_id,
            alerts.c.event_key.in_(sorted(keys)),
            alerts.c.message_id.is_(None),
        )
        .values(message_id=message_id, told_at=at)
    )
    return connection.execute(told).rowcount == len(set(keys))


def drop(connection: Connection, subscriber_id: SubscriberId, keys: Collection[str]) -> None:
    """
    Forget what waited for a subscriber and concerns none of their places any more.

    Parameters
    ----------
    connection
        Of a writing transaction.
    subscriber_id
        Who.
    keys
        What.
    """
    if keys:
        connection.execute(
            delete(alerts).where(
                alerts.c.subscriber_id == subscriber_id,
                alerts.c.event_key.in_(sorted(keys)),
                alerts.c.message_id.is_(None),
            )
        )


def release(connection: Connection, message_ids: Collection[str]) -> int:
    """
    Let what messages were to tell wait again: they cannot have arrived.

    Parameters
    ----------
    connection
        Of a writing transaction.
    message_ids
        Messages that were given up and that no relay can have taken.

    Returns
    -------
    n_released
        Alerts that wait again.
    """
    return sum(
        connection.execute(
            update(alerts)
            # What was told before events were kept cannot be told anew.
            .where(
                alerts.c.message_id.in_(part), alerts.c.event_key.in_(select(events.c.event_key))
            )
            .values(message_id=None, told_at=None)
        ).rowcount
        for part in _parts(message_ids)
    )


def told(
    connection: Connection, subjects: Collection[str] | None = None
) -> dict[tuple[SubscriberId, str], date]:
    """
    Return when everyone was last told of each subject.

    Parameters
    ----------
    connection
        Of any transaction.
    subjects
        Of which; None for all.

    Returns
    -------
    told
        Day, Europe/London, by subscriber and subject.
    """
    latest = (
        select(alerts.c.subscriber_id, alerts.c.subject, func.max(alerts.c.told_at).label("at"))
        .where(alerts.c.told_at.is_not(None))
        .group_by(alerts.c.subscriber_id, alerts.c.subject)
    )
    asked = (
        [latest]
        if subjects is None
        else [latest.where(alerts.c.subject.in_(part)) for part in _parts(subjects)]
    )
    return {
        (SubscriberId(row.subscriber_id), row.subject): london_date(row.at)
        for query in asked
        for row in connection.execute(query)
    }


def heard(
    connection: Connection, subjects: Collection[str]
) -> dict[tuple[SubscriberId, str], date]:
    """
    Return who was told of each subject, or will be by what waits.

    Parameters
    ----------
    connection
        Of any transaction.
    subjects
        Of which.

    Returns
    -------
    heard
        Day on which it was found for them, Europe/London, by subscriber and subject.
    """
    found = select(
        alerts.c.subscriber_id, alerts.c.subject, func.max(alerts.c.at).label("at")
    ).group_by(alerts.c.subscriber_id, alerts.c.subject)
    return {
        (SubscriberId(row.subscriber_id), row.subject): london_date(row.at)
        for part in _parts(subjects)
        for row in connection.execute(found.where(alerts.c.subject.in_(part)))
    }


def forget_waiting(connection: Connection, event_key: str) -> int:
    """
    Let nobody hear of an event who was not told yet.

    Parameters
    ----------
    connection
        Of a writing transaction.
    event_key
        Its key.

    Returns
    -------
    n_forgotten
        Alerts that will not be told.
    """
    gone = delete(alerts).where(alerts.c.event_key == event_key, alerts.c.message_id.is_(None))
    return connection.execute(gone).rowcount


def told_of_event(connection: Connection, event_key: str) -> dict[tuple[SubscriberId, str], date]:
    """
    Return who was told one event.

    Parameters
    ----------
    connection
        Of any transaction.
    event_key
        Its key.

    Returns
    -------
    told
        Day, Europe/London, by subscriber and subject.
    """
    rows = select(alerts.c.subscriber_id, alerts.c.subject, alerts.c.told_at).where(
        alerts.c.event_key == event_key, alerts.c.told_at.is_not(None)
    )
    return {
        (SubscriberId(row.subscriber_id), row.subject): london_date(row.told_at)
        for row in connection.execute(rows)
    }


def of_run(connection: Connection, run_id: int) -> tuple[Event, ...]:
    """
    Return what a run found.

    Parameters
    ----------
    connection
        Of any transaction.
    run_id
        The run.

    Returns
    -------
    events
        By key.
    """
    rows = select(events).where(events.c.run_id == run_id).order_by(events.c.event_key)
    return tuple(_event(row) for row in connection.execute(rows))


def get(connection: Connection, event_key: str) -> Event | None:
    """
    Return an event.

    Parameters
    ----------
    connection
        Of any transaction.
    event_key
        Its key.

    Returns
    -------
    event
        None if there is none.
    """
    row = connection.execute(select(events).where(events.c.event_key == event_key)).one_or_none()
    return None if row is None else _event(row)


def since(connection: Connection, at: datetime) -> tuple[Event, ...]:
    """
    Return what changed since a time, but for runs that wait for a person or were discarded.

    Parameters
    ----------
    connection
        Of any transaction.
    at
        From when on, UTC.

    Returns
    -------
    events
        The newest first.
    """
    untold = select(brakes.c.run_id).where(
        or_(brakes.c.ended_at.is_(None), brakes.c.ending == "discarded")
    )
    rows = (
        select(events)
        .where(events.c.at >= at, events.c.run_id.not_in(untold))
        .order_by(events.c.at.desc(), events.c.event_key)
    )
    return tuple(_event(row) for row in connection.execute(rows))


def concerned_by_run(connection: Connection, since: datetime) -> tuple[int, ...]:
    """
    Return how many subscribers each run concerned lately.

    Parameters
    ----------
    connection
        Of any transaction.
    since
        From when on, UTC.

    Returns
    -------
    n_concerned
        One for each run that concerned anyone and was not discarded, the oldest first.
    """
    discarded = select(brakes.c.run_id).where(brakes.c.ending == "discarded")
    rows = connection.execute(
        select(func.count(distinct(alerts.c.subscriber_id)))
        .where(alerts.c.at >= since, alerts.c.run_id.not_in(discarded))
        .group_by(alerts.c.run_id)
        .order_by(alerts.c.run_id)
    )
    return tuple(int(n) for n in rows.scalars())


def discard(connection: Connection, run_id: int) -> int:
    """
    Forget what a run found for subscribers before anyone was told.

    Parameters
    ----------
    connection
        Of a writing transaction.
    run_id
        The run.

    Returns
    -------
    n_discarded
        Alerts that will not be told.
    """
    gone = delete(alerts).where(alerts.c.run_id == run_id, alerts.c.message_id.is_(None))
    return connection.execute(gone).rowcount


def _waiting() -> Select[Any]:
    held = select(brakes.c.run_id).where(brakes.c.ended_at.is_(None))
    return select(alerts.c.subscriber_id, alerts.c.event_key).where(
        alerts.c.message_id.is_(None), alerts.c.run_id.not_in(held)
    )


def _known(connection: Connection, keys: Collection[str]) -> set[str]:
    """Return which keys are recorded."""
    known: set[str] = set()
    for part in _parts(keys):
        found = select(events.c.event_key).where(events.c.event_key.in_(part))
        known.update(connection.execute(found).scalars())
    return known


def _parts(values: Collection[str]) -> Iterator[list[str]]:
    """Part what a query asks for, in order, since a statement has so many variables."""
    ordered = sorted(values)
    for start in range(0, len(ordered), _PART):
        yield ordered[start : start + _PART]


_PART: Final = 500
_ROWS_AT_ONCE: Final = 10_000


def _content(event: Event) -> dict[str, Any]:
    content = asdict(event)
    for name in _DAYS:
        content[name] = content[name] and content[name].isoformat()
    return content


def _event(row: Row[Any]) -> Event:
    """Return an event; what a later program has added to it is passed over."""
    content = {name: value for name, value in row.content.items() if name in _KNOWN}
    for name in _DAYS:
        if content.get(name) is not None:
            content[name] = date.fromisoformat(content[name])
    content["kind"] = EventKind(content["kind"])
    content["lines"] = tuple(content["lines"])
    return Event(**content)
