"""Sending a message: claimed by one sender, marked once the answer is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import case, select, update

from sinkwatch.model import Message, MessageId, Outcome, SubscriptionId
from sinkwatch.store.tables import messages, subscriptions, told

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from sqlalchemy import Connection, Row

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


def claim(connection: Connection, now: datetime, lease: timedelta) -> Claimed | None:
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

    Returns
    -------
    claimed
        The most urgent, then the one longest due, whose subscription is confirmed; None if
        nothing is due.
    """
    _free(connection, now)
    candidate = messages.alias("candidate")
    # SQLite has one writer and leaves the locking clause out; on PostgreSQL two senders at
    # once would otherwise wait for one another, and then both take the same row.
    next_one = (
        select(candidate.c.message_id)
        .join(subscriptions, subscriptions.c.subscription_id == candidate.c.subscription_id)
        .where(
            candidate.c.state.in_(_WAITING),
            candidate.c.due_at <= now,
            candidate.c.expires_at > now,
            subscriptions.c.state == "confirmed",
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
    return Claimed(message=message_of(connection, row), attempts=row.attempts)


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
    )
    return connection.execute(expired).rowcount


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
        subscription_id=SubscriptionId(row.subscription_id),
        recipient=row.recipient,
        envelope_sender=row.envelope_sender,
        subject=row.subject,
        mime=bytes(row.mime),
        event_keys=tuple(keys.scalars()),
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
