"""How an installation stands, in counts and times that concern no single person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from sinkwatch.model import Outcome, SourceStatus
from sinkwatch.store import brakes, outbox, throttles
from sinkwatch.store.jobs import JobRow
from sinkwatch.store.restoring import WAITING
from sinkwatch.store.tables import jobs, messages, signups, source_states, subscribers

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy import Column, Connection

    from sinkwatch.store.brakes import Brake
    from sinkwatch.store.throttles import Throttle

ACTIVE, PAUSED, UNCONFIRMED = "active", "paused", "unconfirmed"
"""States of subscribers: mailed, wishing for none at present, and not confirmed yet."""

_COUNTED: Final = (ACTIVE, PAUSED, UNCONFIRMED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """
    How an installation stands at one moment.

    Attributes
    ----------
    subscribers
        How many by state: active, paused, unconfirmed.
    messages
        How many by what became of them; every outcome.
    oldest_due_at
        Since when the message that is overdue longest should have gone, UTC; None if none is due.
    jobs
        Every job ever tried, by name.
    sources
        How many by status; every status.
    runs_waiting
        Runs that wait for a person.
    paused
        Recipient domains that are not written to now; `throttles.ALL` first if it is all of them.
    """

    subscribers: Mapping[str, int]
    messages: Mapping[Outcome, int]
    oldest_due_at: datetime | None
    jobs: tuple[JobRow, ...]
    sources: Mapping[SourceStatus, int]
    runs_waiting: tuple[Brake, ...]
    paused: tuple[Throttle, ...]

    @property
    def stop(self) -> Throttle | None:
        """Return why the whole queue stands; None if it does not."""
        return next((one for one in self.paused if one.domain == throttles.ALL), None)


def take(connection: Connection, now: datetime, today: date) -> Vitals:
    """
    Look at an installation.

    Parameters
    ----------
    connection
        Of any transaction.
    now
        The present time, UTC.
    today
        The day, Europe/London.

    Returns
    -------
    vitals
        All of one moment.
    """
    by_status = _by(connection, source_states.c.status)
    return Vitals(
        subscribers=dict(zip(_COUNTED, _people(connection, today), strict=True)),
        messages=outbox.counts(connection),
        oldest_due_at=_oldest_due(connection, now),
        jobs=tuple(
            JobRow(**row)
            for row in connection.execute(select(jobs).order_by(jobs.c.job)).mappings()
        ),
        sources={status: by_status.get(status, 0) for status in SourceStatus},
        runs_waiting=brakes.waiting(connection),
        paused=throttles.paused(connection, now),
    )


def _people(connection: Connection, today: date) -> tuple[int, int, int]:
    """Count who is mailed, who has paused, and who has not confirmed yet."""
    everyone = select(func.count()).select_from(subscribers)
    n_all = connection.execute(everyone).scalar_one()
    n_paused = connection.execute(everyone.where(subscribers.c.paused_until > today)).scalar_one()
    n_asking = connection.execute(select(func.count()).select_from(signups)).scalar_one()
    return n_all - n_paused, n_paused, n_asking


def _oldest_due(connection: Connection, now: datetime) -> datetime | None:
    """Return since when the message should have gone that is overdue longest."""
    due_at = func.coalesce(
        messages.c.claimed_until, messages.c.due_at, type_=messages.c.due_at.type
    )
    oldest = select(func.min(due_at, type_=messages.c.due_at.type)).where(
        messages.c.state.in_(WAITING), due_at <= now
    )
    found: datetime | None = connection.execute(oldest).scalar_one()
    return found


def _by(connection: Connection, column: Column[str]) -> dict[str, int]:
    grouped = select(column, func.count()).group_by(column)
    return {str(value): int(n) for value, n in connection.execute(grouped)}
