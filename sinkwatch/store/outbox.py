"""The messages that wait to go, queued with what they tell, and what became of each."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, or_, select, update

from sinkwatch.errors import StoreError
from sinkwatch.model import MailKind, Message, MessageId, Outcome, SubscriberId
from sinkwatch.store import tables
from sinkwatch.store.claims import (
    NO_PACE,
    Claimed,
    Pace,
    claim,
    expire,
    mark_failed,
    mark_retry,
    mark_sent,
    mark_unknown,
    message_of,
    park,
)
from sinkwatch.store.tables import messages
from sinkwatch.timetable import LIFETIME, PRIORITY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Row

__all__ = [
    "NO_PACE",
    "Claimed",
    "OutboxRow",
    "Pace",
    "claim",
    "counts",
    "enqueue",
    "expire",
    "get",
    "listing",
    "mark_failed",
    "mark_retry",
    "mark_sent",
    "mark_unknown",
    "park",
    "retry",
]

_RETRYABLE: Final = (Outcome.PARKED, Outcome.PERMANENT_FAILURE, Outcome.TEMPORARY_FAILURE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """
    A message as an operator's list shows it: no address in it.

    Attributes
    ----------
    message_id, kind
        Which, and what it is.
    subject
        Its subject line.
    state
        What became of it.
    created_at, due_at
        When it was queued and when it may go, UTC.
    attempts
        How often it was tried.
    last_problem
        Why the last attempt failed; empty if none did.
    sent_at
        When the relay took it, UTC; None if it has not.
    """

    message_id: MessageId
    kind: MailKind
    subject: str
    state: Outcome
    created_at: datetime
    due_at: datetime
    attempts: int
    last_problem: str
    sent_at: datetime | None


_LISTED: Final = tuple(
    messages.c[name] for name in (*(field.name for field in fields(OutboxRow)), "recipient")
)
"""All but the bytes, of which there may be a gigabyte."""


def enqueue(
    connection: Connection, message: Message, at: datetime, due_at: datetime | None = None
) -> bool:
    """
    Queue a message; what was queued once is not queued again, ever.

    Parameters
    ----------
    connection
        Of the writing transaction that also records what it tells.
    message
        Rendered.
    at
        Time, UTC.
    due_at
        When it is to go, UTC; None for at once.

    Returns
    -------
    is_new
        False if a message of the same dedupe key was queued before.
    """
    kind, due = message.kind, due_at or at
    row = {
        "message_id": message.message_id,
        "kind": kind,
        "subscriber_id": message.subscriber_id,
        "signup_id": message.signup_id or None,
        "dedupe_key": message.dedupe_key,
        "recipient": message.recipient,
        "domain": message.recipient.rpartition("@")[2].lower(),
        "envelope_sender": message.envelope_sender,
        "subject": message.subject,
        "mime": message.mime,
        "priority": PRIORITY[kind],
        "state": Outcome.CREATED,
        "created_at": at,
        "due_at": due,
        "attempts": 0,
        "crashes": 0,
        "may_have_arrived": False,
        "last_problem": "",
        "expires_at": due + LIFETIME[kind],
    }
    return tables.insert_new(connection, messages, row, key=("dedupe_key",))


def listing(connection: Connection, state: str | None) -> tuple[OutboxRow, ...]:
    """
    Return messages for an operator's list.

    Parameters
    ----------
    connection
        Of any transaction.
    state
        Only those in this state; None for all.

    Returns
    -------
    rows
        Oldest first. A transport's words lose the address, which replies often quote.
    """
    chosen = select(*_LISTED).order_by(messages.c.created_at, messages.c.message_id)
    if state is not None:
        chosen = chosen.where(messages.c.state == state)
    return tuple(_outbox_row(row) for row in connection.execute(chosen))


def get(connection: Connection, message_id_prefix: str) -> Message:
    """
    Return one message with its bytes.

    Parameters
    ----------
    connection
        Of any transaction.
    message_id_prefix
        The first characters of its id; the angle bracket may be left out.

    Returns
    -------
    message
        The only one that begins so.

    Raises
    ------
    StoreError
        If none or several begin so.
    """
    prefix = message_id_prefix.removeprefix("<")
    rows = connection.execute(
        select(messages).where(or_(_begins(prefix), _begins(f"<{prefix}")))
    ).all()
    if len(rows) != 1:
        raise StoreError(
            f"message {message_id_prefix}",
            f"{len(rows) or 'no'} messages in the outbox begin so",
            "List them with `sinkwatch outbox list` and give more of the id",
        )
    return message_of(connection, rows[0])


def owner(connection: Connection, message_local: str) -> SubscriberId | None:
    """
    Return who a message went to.

    Parameters
    ----------
    connection
        Of any transaction.
    message_local
        Its Message-ID before the @.

    Returns
    -------
    subscriber_id
        None if there is no such message, or it went to nobody who is subscribed.
    """
    theirs = select(messages.c.subscriber_id).where(_begins(f"{message_local}@")).limit(1)
    found = connection.execute(theirs).scalar_one_or_none()
    return None if found is None else SubscriberId(found)


def recipient(connection: Connection, message_local: str) -> str:
    """
    Return the address that a message went to, which need not be its owner's any more.

    Parameters
    ----------
    connection
        Of any transaction.
    message_local
        Its Message-ID before the @.

    Returns
    -------
    recipient
        Canonical address; empty if there is no such message, or its address is forgotten.
    """
    address = select(messages.c.recipient).where(_begins(f"{message_local}@")).limit(1)
    return str(connection.execute(address).scalar_one_or_none() or "")


def note_bounce(connection: Connection, message_local: str, at: datetime) -> bool:
    """
    Note that a message came back; a mailbox that is read twice tells of it once.

    Parameters
    ----------
    connection
        Of a writing transaction.
    message_local
        Its Message-ID before the @.
    at
        Time, UTC.

    Returns
    -------
    is_first
        False if it came back before, or there is no such message.
    """
    noted = (
        update(messages)
        .where(_begins(f"{message_local}@"), messages.c.bounced_at.is_(None))
        .values(bounced_at=at)
    )
    return connection.execute(noted).rowcount > 0


def retry(connection: Connection, message_ids: Sequence[MessageId] | None, at: datetime) -> int:
    """
    Let messages go again that failed or were set aside.

    Parameters
    ----------
    connection
        Of a writing transaction.
    message_ids
        Which; None for all.
    at
        Time, UTC; they are due at once.

    Returns
    -------
    n_waiting
        How many; those that are past their time are left as they are.
    """
    again = (
        update(messages)
        .where(messages.c.state.in_(_RETRYABLE), messages.c.expires_at > at)
        .values(state=Outcome.CREATED, due_at=at, crashes=0)
    )
    if message_ids is not None:
        again = again.where(messages.c.message_id.in_(message_ids))
    return connection.execute(again).rowcount


def counts(connection: Connection) -> dict[Outcome, int]:
    """
    Count messages by state.

    Parameters
    ----------
    connection
        Of any transaction.

    Returns
    -------
    counts
        Every state, 0 if no message is in it.
    """
    grouped = select(messages.c.state, func.count().label("n")).group_by(messages.c.state)
    by_state = {row.state: row.n for row in connection.execute(grouped)}
    return {outcome: by_state.get(outcome, 0) for outcome in Outcome}


def _begins(start: str) -> ColumnElement[bool]:
    """Return the condition that an id begins so; LIKE would not mind the case on SQLite."""
    return func.substr(messages.c.message_id, 1, len(start)) == start


def _outbox_row(row: Row[Any]) -> OutboxRow:
    """Return a row for the list."""
    # Of an old message the address is gone; an empty one would be found everywhere.
    address = re.compile(re.escape(row.recipient or "\0"), re.IGNORECASE)
    return OutboxRow(
        message_id=MessageId(row.message_id),
        kind=MailKind(row.kind),
        subject=row.subject,
        state=Outcome(row.state),
        created_at=row.created_at,
        due_at=row.due_at,
        attempts=row.attempts,
        last_problem=address.sub("[address]", row.last_problem),
        sent_at=row.sent_at,
    )
