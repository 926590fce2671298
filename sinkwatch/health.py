"""Whether an installation does its work at present: for a dead man's switch, not for a person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sinkwatch import timetable, wording
from sinkwatch.errors import SinkwatchError

if TYPE_CHECKING:
    from sinkwatch.services import Services
    from sinkwatch.store import Store
    from sinkwatch.store.jobs import JobRow
    from sinkwatch.store.vitals import Vitals

EVERY_DAY: Final = frozenset({timetable.DAILY_RUN, "asking-again", "backup", "tidy"})
"""Jobs that come to their end once a day; the others when there is something to do."""

LONGEST_SILENCE: Final = timedelta(hours=26)
"""How long a daily job may be silent: a day, an hour for the change of clocks, an hour to run
(sinkwatch job rules)."""

LONGEST_FAILURE: Final = timedelta(hours=1)
"""How long a job that is done when needed may stay undone: its longest pause between attempts."""

LONGEST_WAIT: Final = timedelta(hours=2)
"""How long a due message may wait: twice the longest pause between attempts."""

_CLOCK_MISTAKE: Final = timedelta(hours=2)  # a success further ahead was noted by a wrong clock
_ADDRESS: Final = re.compile(r"\S+@\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """
    One check.

    Attributes
    ----------
    check
        What was looked at.
    is_ok
        Whether it works.
    says
        What was seen; no personal data.
    """

    check: str
    is_ok: bool
    says: str


def examine(services: Services) -> tuple[Beat, ...]:
    """
    Look whether everything works, without changing anything.

    Parameters
    ----------
    services
        Clock and store.

    Returns
    -------
    beats
        One for each job, the outbox, the queue and runs that wait; the database alone if it
        cannot be read.
    """
    if not services.has_store():
        says = "has not been made yet: make a first run"
        return (Beat(check="database", is_ok=False, says=says),)
    try:
        with services.store() as store:
            return beats(services, store)
    except SinkwatchError as error:
        return (Beat(check="database", is_ok=False, says=str(error)),)


def beats(services: Services, store: Store) -> tuple[Beat, ...]:
    """
    Look whether everything works, in a store that is open.

    Parameters
    ----------
    services
        With the clock.
    store
        Open.

    Returns
    -------
    beats
        As `examine` returns them.

    Raises
    ------
    StoreError
        If the database cannot be read.
    """
    from sinkwatch.store import vitals  # noqa: PLC0415 - with the store

    now = services.clock()
    with store.read() as connection:
        seen = vitals.take(connection, now, wording.london_date(now))
    return (*_jobs(seen, now), _outbox(seen, now), _queue(seen), _runs(seen))


def _jobs(seen: Vitals, now: datetime) -> Iterator[Beat]:
    if timetable.DAILY_RUN not in {row.job for row in seen.jobs}:
        says = "was never tried: start `sinkwatch watch`"
        yield Beat(check=f"job {timetable.DAILY_RUN}", is_ok=False, says=says)
    for row in seen.jobs:
        yield _job(row, now)


def _job(row: JobRow, now: datetime) -> Beat:
    at = row.last_success_at
    if row.job not in EVERY_DAY:
        return _job_on_demand(row, now)
    problem = f"; since then: {_masked(row.last_problem)}" if row.failures else ""
    if at is None:
        is_ok, says = False, f"has never come to its end{problem}"
    elif at - now > _CLOCK_MISTAKE:
        is_ok, says = False, f"last ended {_when(at)}, which is still to come{problem}"
    else:
        is_ok = now - at <= LONGEST_SILENCE
        says = f"last ended {_when(at)}{problem}"
    return Beat(check=f"job {row.job}", is_ok=is_ok, says=says)


def _job_on_demand(row: JobRow, now: datetime) -> Beat:
    check, tried_at = f"job {row.job}", row.last_attempt_at
    if not row.failures or tried_at is None:
        return Beat(check=check, is_ok=True, says="nothing is left to do")
    says = f"not done since {_when(tried_at)}: {_masked(row.last_problem)}"
    return Beat(check=check, is_ok=now - tried_at <= LONGEST_FAILURE, says=says)


def _outbox(seen: Vitals, now: datetime) -> Beat:
    oldest = seen.oldest_due_at
    if oldest is None:
        return Beat(check="outbox", is_ok=True, says="nothing is due")
    minutes = int((now - oldest).total_seconds() // 60)
    says = f"the oldest due message waits for {minutes} min"
    return Beat(check="outbox", is_ok=now - oldest <= LONGEST_WAIT, says=says)


def _queue(seen: Vitals) -> Beat:
    if seen.stop is not None:
        says = f"stopped: {_masked(seen.stop.problem)}"
        return Beat(check="queue", is_ok=False, says=says)
    n_paused = len(seen.paused)
    says = f"open; {wording.count_text(n_paused, 'recipient domain')} paused"
    return Beat(check="queue", is_ok=True, says=says)


def _runs(seen: Vitals) -> Beat:
    waiting = [
        f"run {brake.run_id} since {_when(brake.since)} ({_masked(brake.rule)})"
        for brake in seen.runs_waiting
    ]
    says = (
        f"{'; '.join(waiting)}: look at them, then `sinkwatch outbox approve`"
        if waiting
        else "none waits for approval"
    )
    return Beat(check="runs", is_ok=not waiting, says=says)


def _masked(text: str) -> str:
    """Return words of a relay or a fault without the addresses that they often quote."""
    return _ADDRESS.sub("[address]", text)


def _when(at: datetime) -> str:
    local = at.astimezone(wording.LONDON)
    return f"{wording.date_text(local.date())} at {local:%H:%M}"
