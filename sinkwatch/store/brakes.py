"""Runs that concern so many subscribers that a person must look before anyone is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from sinkwatch.errors import StoreError
from sinkwatch.store.tables import brakes

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Brake:
    """
    A run that waits for a person.

    Attributes
    ----------
    run_id
        The run.
    since
        When it was made, UTC.
    n_concerned
        Subscribers who would be mailed.
    rule
        The limit that it exceeds, in words.
    """

    run_id: int
    since: datetime
    n_concerned: int
    rule: str


def pull(connection: Connection, brake: Brake) -> None:
    """
    Let a run wait.

    Parameters
    ----------
    connection
        Of the writing transaction that records the run.
    brake
        Which, and why.
    """
    connection.execute(
        insert(brakes).values(
            run_id=brake.run_id,
            since=brake.since,
            n_concerned=brake.n_concerned,
            rule=brake.rule,
        )
    )


def waiting(connection: Connection) -> tuple[Brake, ...]:
    """
    Return the runs that wait.

    Parameters
    ----------
    connection
        Of any transaction.

    Returns
    -------
    brakes
        The oldest first.
    """
    rows = connection.execute(
        select(brakes).where(brakes.c.ended_at.is_(None)).order_by(brakes.c.run_id)
    )
    return tuple(
        Brake(run_id=row.run_id, since=row.since, n_concerned=row.n_concerned, rule=row.rule)
        for row in rows
    )


def end(connection: Connection, run_id: int, ending: str, at: datetime) -> None:
    """
    Let a run wait no longer.

    Parameters
    ----------
    connection
        Of a writing transaction.
    run_id
        The run.
    ending
        ``approved`` or ``discarded``.
    at
        Time, UTC.

    Raises
    ------
    StoreError
        If no such run waits.
    """
    ended = (
        update(brakes)
        .where(brakes.c.run_id == run_id, brakes.c.ended_at.is_(None))
        .values(ended_at=at, ending=ending)
    )
    if not connection.execute(ended).rowcount:
        raise StoreError(
            f"run {run_id}",
            "does not wait for approval",
            "List those that do with `sinkwatch outbox approve`",
        )
