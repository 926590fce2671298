"""When each job last succeeded, and how it has failed since: what is due comes from here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from sinkwatch.store.tables import jobs, upsert

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """
    One job.

    Attributes
    ----------
    job
        Its name.
    last_success_at, last_attempt_at
        UTC; None if never.
    failures
        How often it failed since it last succeeded.
    last_problem
        Why it failed last; empty if it succeeded since.
    """

    job: str
    last_success_at: datetime | None
    last_attempt_at: datetime | None
    failures: int
    last_problem: str


def get(connection: Connection, job: str) -> JobRow | None:
    """
    Return what is known of a job.

    Parameters
    ----------
    connection
        Of any transaction.
    job
        Its name.

    Returns
    -------
    row
        None if it was never tried.
    """
    row = connection.execute(select(jobs).where(jobs.c.job == job)).mappings().one_or_none()
    return None if row is None else JobRow(**row)


def last_success(connection: Connection, job: str) -> datetime | None:
    """
    Return when a job last succeeded.

    Parameters
    ----------
    connection
        Of any transaction.
    job
        Its name.

    Returns
    -------
    at
        UTC; None if it never has.
    """
    row = get(connection, job)
    return None if row is None else row.last_success_at


def note_success(connection: Connection, job: str, at: datetime) -> None:
    """
    Record that a job succeeded: earlier failures no longer count.

    Parameters
    ----------
    connection
        Of a writing transaction.
    job
        Its name.
    at
        Time, UTC.
    """
    _note(
        connection,
        JobRow(job=job, last_success_at=at, last_attempt_at=at, failures=0, last_problem=""),
    )


def note_failure(connection: Connection, job: str, at: datetime, problem: str) -> None:
    """
    Record that a job failed.

    Parameters
    ----------
    connection
        Of a writing transaction.
    job
        Its name.
    at
        Time, UTC.
    problem
        Why, one line.
    """
    before = get(connection, job)
    _note(
        connection,
        JobRow(
            job=job,
            last_success_at=before.last_success_at if before else None,
            last_attempt_at=at,
            failures=before.failures + 1 if before else 1,
            last_problem=problem,
        ),
    )


def _note(connection: Connection, row: JobRow) -> None:
    """Insert or replace a job's row."""
    upsert(
        connection,
        jobs,
        asdict(row),
        key=("job",),
        moves=("last_success_at", "last_attempt_at", "failures", "last_problem"),
    )
