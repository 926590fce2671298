"""Sending a message: claimed by one sender, marked once the answer is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import case, exists, func, literal, or_, select, update

from sinkwatch.model import MailKind, Message, MessageId, Outcome, SubscriberId
from sinkwatch.store import alerts, throttles
from sinkwatch.store.tables import alerts as told
from sinkwatch.store.tables import messages, subscribers
from sinkwatch.store.tables import throttles as throttle_rows
from sinkwatch.wording import london_date

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, FromClause, Row

CRASHES_UNTIL_PARKED: Final = 3
"""A message on whose way the sender died this often is set aside, so that the rest goes on
(sinkwatch mail rules)."""

_WAITING: Final = (Outcome.CREATED, Outcome.TEMPORARY_FAILURE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """
    A message that is ours to send, until the lease ends.

    Attributes
    ----------
    message
        The message; its bytes are the same at every attempt.
    attempts
        This attempt's number, from 1.
    """

    message: Message
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """
    How far apart messages are handed to a relay.

    Attributes
    ----------
    domain_gap
        To one recipient domain; 1 s (sinkwatch mail rules).
    gap
        To anyone; 0.1 s (sinkwatch mail rules).
    """

    domain_gap: timedelta = timedelta(seconds=1)
    gap: timedelta = timedelta(seconds=0.1)


NO_PACE: Final = Pace(domain_gap=timedelta(0), gap=timedelta(0))
"""For a transport that is nobody's relay, such as a folder."""


def claim(connection: Connection, now: datetime, lease: timedelta, pace: Pace) -> Claimed | None:
    """
    Take the next message to send, so that no other sender gets it until the lease ends.

    First the messages of senders that died are freed. The attempt is counted before it is
    made; commit before talking to the relay.

    Parameters
    ----------
    connection
        Of a writing transaction of its own.
    now
        Time, UTC.
    lease
        How long it is ours.
    pace
        How far apart messages go.

    Returns
    -------
    claimed
        The most urgent, then the one longest due, to someone who has not paused and whose domain
        may be written to now; None if there is none.
    """
    _free(connection, now)
    if throttles.locked(connection, throttles.ALL).stands(now):
        return None
    candidate = messages.alias("candidate")
    # SQLite has one writer and leaves the locking clause out; on PostgreSQL two senders at
    # once would otherwise wait for one another, and then both take the same row.
    next_one = (
        select(candidate.c.message_id)
        .outerjoin(subscribers, subscribers.c.subscriber_id == candidate.c.subscriber_id)
        .where(
            candidate.c.state.in_(_WAITING),
            candidate.c.due_at <= now,
            candidate.c.expires_at > now,
            or_(
                subscribers.c.paused_until.is_(None),
                subscribers.c.paused_until <= london_date(now),
                candidate.c.kind.not_in(_HELD_BY_A_PAUSE),
            ),
            *_may_be_written_to(candidate, now),
        )
        .order_by(
            candidate.c.priority, candidate.c.due_at, candidate.c.created_at, candidate.c.message_id
        )
        .limit(1)
        .with_for_update(of=candidate, skip_locked=True)
        .scalar_subquery()
    )
    taken = (
        update(messages)
        .where(messages.c.message_id == next_one)
        .values(
            state=Outcome.SENDING,
            attempts=messages.c.attempts + 1,
            claimed_until=now + lease,
        )
        .returning(messages)
    )
    row = connection.execute(taken).one_or_none()
    if row is None:
        return None
    _keep_pace(connection, row.domain, now, pace)
    return Claimed(message=message_of(connection, row), attempts=row.attempts)


def wait_s(connection: Connection, now: datetime) -> float | None:
    """
    Return how long the pace alone keeps the next message back.

    Parameters
    ----------
    connection
        Of any transaction.
    now
        Time, UTC.

    Returns
    -------
    wait_s
        Seconds; None if nothing is due, or all of it is paused or on its way.
    """
    all_of_it = throttles.get(connection, throttles.ALL)
    if all_of_it.paused_until is not None and all_of_it.paused_until > now:
        return None
    domains = (
        select(messages.c.domain)
        .where(
            messages.c.state.in_(_WAITING), messages.c.due_at <= now, messages.c.expires_at > now
        )
        .distinct()
    )
    found = [throttles.get(connection, name) for name in connection.execute(domains).scalars()]
    ready = [
        max((at for at in (one.next_at, all_of_it.next_at) if at is not None), default=now)
        for one in found
        if one.paused_until is None or one.paused_until <= now
    ]
    # Not at all: nobody else's message is waited for, and one that is held back comes later.
    waits = [(at - now).total_seconds() for at in ready if at > now]
    return min(waits, default=None)


_HELD_BY_A_PAUSE: Final = (MailKind.CORRECTION, MailKind.ALERT, MailKind.DIGEST, MailKind.QUIET)


def _may_be_written_to(candidate: FromClause, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a domain is not paused, not too soon, and not busy enough."""
    stands = exists().where(
        throttle_rows.c.domain == candidate.c.domain,
        or_(throttle_rows.c.paused_until > now, throttle_rows.c.next_at > now),
    )
    on_the_way = messages.alias("on_the_way")
    n_on_the_way = (
        select(func.count())
        .where(on_the_way.c.state == Outcome.SENDING, on_the_way.c.domain == candidate.c.domain)
        .scalar_subquery()
    )
    width = (
        select(throttle_rows.c.width)
        .where(throttle_rows.c.domain == candidate.c.domain)
        .scalar_subquery()
    )
    return ~stands, n_on_the_way < func.coalesce(width, literal(throttles.MOST_WIDTH))


def _keep_pace(connection: Connection, domain: str, now: datetime, pace: Pace) -> None:
    """Note when the next message may go to that domain, and to anyone."""
    for name, gap in ((domain, pace.domain_gap), (throttles.ALL, pace.gap)):
        if gap:
            throttle = throttles.get(connection, name)
            throttles.keep(connection, replace(throttle, next_at=now + gap))


def mark_sent(connection: Connection, message_id: MessageId, at: datetime) -> None:
    """
    Record that the relay took a message; whatever it was thought to be, it is sent.

    Parameters
    ----------
    connection
        Of a writing transaction.
    message_id
        Which; nothing happens if its subscription was erased meanwhile.
    at
        Time, UTC.
    """
    connection.execute(
        update(messages)
        .where(messages.c.message_id == message_id)
        .values(state=Outcome.SENT, sent_at=at, claimed_until=None, last_problem="")
    )


def mark_retry(
    connection: Connection, message_id: MessageId, problem: str, due_at: datetime
) -> None:
    """
    Record that an attempt failed for now.

    Parameters
    ----------
    connection
        Of a writing transaction.
    message_id
        Which; nothing happens unless it is being sent.
    problem
        What the transport said.
    due_at
        When to try again, UTC.
    """
    _mark(connection, message_id, Outcome.TEMPORARY_FAILURE, last_problem=problem, due_at=due_at)


def mark_unknown(
    connection: Connection, message_id: MessageId, problem: str, due_at: datetime
) -> None:
    """
    Record that a message was handed over whole and no answer came: it may have arrived.

    Parameters
    ----------
    connection
        Of a writing transaction.
    message_id
        Which; nothing happens unless it is being sent.
    problem
        What the transport said.
    due_at
        When to send the same bytes again, UTC.
    """
    _mark(
        connection,
        message_id,
        Outcome.TEMPORARY_FAILURE,
        last_problem=problem,
        due_at=due_at,
        may_have_arrived=True,
    )


def mark_failed(connection: Connection, message_id: MessageId, problem: str) -> None:
    """
    Record that an attempt failed for good.

    Parameters
    ----------
    connection
        Of a writing transaction.
    message_id
        Which; nothing happens unless it is being sent.
    problem
        What the transport said.
    """
    _mark(connection, message_id, Outcome.PERMANENT_FAILURE, last_problem=problem)


def park(connection: Connection, message_id: MessageId, problem: str) -> None:
    """
    Set a message aside until an operator has looked at it.

    Parameters
    ----------
    connection
        Of a writing transaction.
    message_id
        Which; nothing happens unless it is being sent.
    problem
        What is wrong with it.
    """
    _mark(connection, message_id, Outcome.PARKED, last_problem=problem)


def expire(connection: Connection, now: datetime) -> int:
    """
    Give up messages that waited too long; a sender that died no longer keeps one from it.

    Parameters
    ----------
    connection
        Of a writing transaction.
    now
        Time, UTC.

    Returns
    -------
    n_expired
        How many.
    """
    _free(connection, now)
    expired = (
        update(messages)
        .where(messages.c.state.in_(_WAITING), messages.c.expires_at <= now)
        .values(state=Outcome.EXPIRED)
        .returning(messages.c.message_id, messages.c.may_have_arrived)
    )
    rows = connection.execute(expired).all()
    # What no relay ever took is told with the next mail; what may have arrived is not told twice.
    alerts.release(connection, [row.message_id for row in rows if not row.may_have_arrived])
    return len(rows)


def message_of(connection: Connection, row: Row[Any]) -> Message:
    """
    Return the message in a row of the outbox.

    Parameters
    ----------
    connection
        Of any transaction.
    row
        All its columns.

    Returns
    -------
    message
        What it tells is in order of key.
    """
    keys = connection.execute(
        select(told.c.event_key)
        .where(told.c.message_id == row.message_id)
        .order_by(told.c.event_key)
    )
    return Message(
        message_id=MessageId(row.message_id),
        kind=MailKind(row.kind),
        recipient=row.recipient,
        envelope_sender=row.envelope_sender,
        subject=row.subject,
        mime=bytes(row.mime),
        dedupe_key=row.dedupe_key,
        event_keys=tuple(keys.scalars()),
        subscriber_id=None if row.subscriber_id is None else SubscriberId(row.subscriber_id),
        signup_id=row.signup_id or "",
    )


def _free(connection: Connection, now: datetime) -> None:
    """Count a crash for every message whose sender did not come back, and let it wait or park."""
    crashes = messages.c.crashes + 1
    connection.execute(
        update(messages)
        .where(messages.c.state == Outcome.SENDING, messages.c.claimed_until <= now)
        .values(
            state=case(
                (crashes >= CRASHES_UNTIL_PARKED, Outcome.PARKED.value),
                else_=Outcome.TEMPORARY_FAILURE.value,
            ),
            crashes=crashes,
            claimed_until=None,
            may_have_arrived=True,
            last_problem="the sender stopped before it had an answer",
        )
    )


def _mark(
    connection: Connection, message_id: MessageId, outcome: Outcome, **values: object
) -> None:
    """Record how an attempt ended, unless someone else already knows better."""
    connection.execute(
        update(messages)
        .where(messages.c.message_id == message_id, messages.c.state == Outcome.SENDING)
        .values(state=outcome, claimed_until=None, **values)
    )
