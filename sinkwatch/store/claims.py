"""Sending a message: claimed by one sender, marked once the answer is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, bindparam, case, exists, func, literal, or_, select, update

from sinkwatch.model import MailKind, Message, MessageId, Outcome, SubscriberId
from sinkwatch.store import alerts, tables, throttles
from sinkwatch.store.tables import alerts as told
from sinkwatch.store.tables import is_on_the_way, messages, subscribers, waits_to_go
from sinkwatch.store.tables import throttles as throttle_rows
from sinkwatch.wording import london_date

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Row

CRASHES_UNTIL_PARKED: Final = 3
"""A message on whose way the sender died this often is set aside, so that the rest goes on
(sinkwatch mail rules)."""


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
    taken = {"now": now, "today": london_date(now), "until": now + lease}
    row = connection.execute(_TAKE, taken).one_or_none()
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
    paused = select(throttle_rows.c.domain).where(throttle_rows.c.paused_until > now)
    due = and_(
        waits_to_go(messages),
        messages.c.due_at <= now,
        messages.c.expires_at > now,
        messages.c.domain.not_in(paused),
    )
    if not connection.execute(select(exists().where(due))).scalar_one():
        return None
    if all_of_it.next_at is not None and all_of_it.next_at > now:
        return (all_of_it.next_at - now).total_seconds()
    # Nobody else's message is waited for, and neither is one that is held back for longer.
    soonest = select(func.min(throttle_rows.c.next_at)).where(
        throttle_rows.c.next_at > now,
        exists().where(due, messages.c.domain == throttle_rows.c.domain),
    )
    at: datetime | None = connection.execute(soonest).scalar_one()
    return None if at is None else (at - now).total_seconds()


_HELD_BY_A_PAUSE: Final = (MailKind.CORRECTION, MailKind.ALERT, MailKind.DIGEST, MailKind.QUIET)


# Made once and not for each message, which takes longer than the database does.

_NOW: Final = bindparam("now", type_=tables.UtcDateTime())
_TODAY: Final = bindparam("today", type_=tables.Day())

# Neither of these two looks at the message, so that each is worked out once for all that wait.
_STANDING: Final = select(throttle_rows.c.domain).where(
    or_(throttle_rows.c.paused_until > _NOW, throttle_rows.c.next_at > _NOW)
)
"""Query for the domains that are paused, or written to too lately."""

_on_the_way: Final = messages.alias("on_the_way")
_BUSY: Final = (
    select(_on_the_way.c.domain)
    .outerjoin(throttle_rows, throttle_rows.c.domain == _on_the_way.c.domain)
    .where(is_on_the_way(_on_the_way))
    .group_by(_on_the_way.c.domain)
    .having(
        func.count()
        >= func.coalesce(func.min(throttle_rows.c.width), literal(throttles.MOST_WIDTH))
    )
)
"""Query for the domains to which as many messages are on their way as may be."""

_candidate: Final = messages.alias("candidate")
_NEXT: Final = (
    select(_candidate.c.message_id)
    .outerjoin(subscribers, subscribers.c.subscriber_id == _candidate.c.subscriber_id)
    .where(
        waits_to_go(_candidate),
        _candidate.c.due_at <= _NOW,
        _candidate.c.expires_at > _NOW,
        or_(
            subscribers.c.paused_until.is_(None),
            subscribers.c.paused_until <= _TODAY,
            _candidate.c.kind.not_in(_HELD_BY_A_PAUSE),
        ),
        _candidate.c.domain.not_in(_STANDING),
        _candidate.c.domain.not_in(_BUSY),
    )
    .order_by(
        _candidate.c.priority,
        _candidate.c.due_at,
        _candidate.c.created_at,
        _candidate.c.message_id,
    )
    .limit(1)
    # SQLite has one writer and leaves this out. On PostgreSQL one that is just being erased would
    # otherwise be waited for.
    .with_for_update(of=_candidate, skip_locked=True)
)
"""Query for the message to send next; the index of the queue gives the order."""

_TAKE: Final = (
    update(messages)
    .where(messages.c.message_id == _NEXT.scalar_subquery())
    .values(
        state=Outcome.SENDING,
        attempts=messages.c.attempts + 1,
        claimed_until=bindparam("until", type_=tables.UtcDateTime()),
    )
    .returning(messages)
)

_left_behind: Final = messages.alias("left_behind")
_CRASHES: Final = messages.c.crashes + 1
_FREE: Final = (
    update(messages)
    .where(
        messages.c.message_id.in_(
            select(_left_behind.c.message_id)
            .where(is_on_the_way(_left_behind), _left_behind.c.claimed_until <= _NOW)
            # One whose sender is marking it in this moment did come back.
            .with_for_update(skip_locked=True)
        )
    )
    .values(
        state=case(
            (_CRASHES >= CRASHES_UNTIL_PARKED, Outcome.PARKED.value),
            else_=Outcome.TEMPORARY_FAILURE.value,
        ),
        crashes=_CRASHES,
        claimed_until=None,
        may_have_arrived=True,
        last_problem="the sender stopped before it had an answer",
    )
)


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
    return _give_up(connection, and_(waits_to_go(messages), messages.c.expires_at <= now))


def withdraw(connection: Connection, subscriber_id: SubscriberId) -> int:
    """
    Give up what waits to go to a person, whose address is about to change.

    Parameters
    ----------
    connection
        Of a writing transaction.
    subscriber_id
        Who; what it was to tell waits to be told again, unless it may have arrived.

    Returns
    -------
    n_withdrawn
        How many.
    """
    theirs = and_(waits_to_go(messages), messages.c.subscriber_id == subscriber_id)
    return _give_up(connection, theirs)


def _give_up(connection: Connection, condition: ColumnElement[bool]) -> int:
    """Let messages go no more; what no relay ever took is told with the next mail."""
    expired = (
        update(messages)
        .where(condition)
        .values(state=Outcome.EXPIRED)
        .returning(messages.c.message_id, messages.c.may_have_arrived)
    )
    rows = connection.execute(expired).all()
    # What may have arrived is not told twice.
    _tell_anew(connection, [row.message_id for row in rows if not row.may_have_arrived])
    return len(rows)


def _tell_anew(connection: Connection, message_ids: Sequence[str]) -> None:
    """Let what messages were to tell wait again, and be queued again in the very same words."""
    for start in range(0, len(message_ids), _PART):
        part = message_ids[start : start + _PART]
        tells = exists().where(told.c.message_id == messages.c.message_id)
        # Otherwise the same events to the same person would be refused as queued already.
        anew = (
            update(messages)
            .where(messages.c.message_id.in_(part), tells)
            .values(dedupe_key=messages.c.message_id)
        )
        connection.execute(anew)
    alerts.release(connection, message_ids)


_PART: Final = 500  # a statement has so many variables


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
    connection.execute(_FREE, {"now": now})


def _mark(
    connection: Connection, message_id: MessageId, outcome: Outcome, **values: object
) -> None:
    """Record how an attempt ended, unless someone else already knows better."""
    connection.execute(
        update(messages)
        .where(messages.c.message_id == message_id, messages.c.state == Outcome.SENDING)
        .values(state=outcome, claimed_until=None, **values)
    )
