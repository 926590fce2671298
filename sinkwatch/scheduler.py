"""When to run which verb: what is due is read from the database, never from a running clock."""

from __future__ import annotations

import logging
import signal
import threading
import traceback
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

import schedule

from sinkwatch import pipeline, wording
from sinkwatch.errors import SinkwatchError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinkwatch.services import Services

LOG = logging.getLogger(__name__)

DAILY: Final = "daily-run"
"""Name of the daily job in the database."""

TICK_S: Final = 60
"""How often the ticker looks whether a job is due, seconds."""

_CLOCK_MISTAKE: Final = timedelta(days=1)
"""A success further ahead than this says nothing: no clock change explains it."""

_BACK_OFF: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 16, 32, 60))


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHistory:
    """
    What the database knows of a job.

    Attributes
    ----------
    last_success_at, last_attempt_at
        UTC; None if there was none.
    failures
        Failures since the last success.
    """

    last_success_at: datetime | None = None
    last_attempt_at: datetime | None = None
    failures: int = 0


def is_due(history: JobHistory, at: time, now: datetime) -> bool:
    """
    Tell whether a daily job is due.

    A pure function of what the database holds and the present time, so that a restart, a day
    missed, a clock set back or the two clock changes a year can neither skip nor double a run:
    once for each London date, one catch-up after any gap, and growing waits after a failure.

    Parameters
    ----------
    history
        What the database knows.
    at
        Time of day in Europe/London.
    now
        The present time, UTC.

    Returns
    -------
    due
        True if it is.
    """
    today = wording.london_date(now)
    if now < _moment(today, at):
        today -= timedelta(days=1)
    done = _last_success(history, now)
    if done is not None and done >= _moment(today, at):
        return False
    return now >= _not_before(history, now)


def _last_success(history: JobHistory, now: datetime) -> datetime | None:
    """Return the last success; a little ahead, since the clock was set back, it counts as now."""
    success = history.last_success_at
    # Noted by a clock that was a year fast, it would silence the job for a year.
    is_mistaken = success is not None and success - now > _CLOCK_MISTAKE
    return None if is_mistaken else success


def _moment(day: date, at: time) -> datetime:
    return datetime.combine(day, at, tzinfo=wording.LONDON).astimezone(UTC)


def _not_before(history: JobHistory, now: datetime) -> datetime:
    attempt = history.last_attempt_at
    if not history.failures or attempt is None or attempt > now:
        return now
    return attempt + _BACK_OFF[min(history.failures, len(_BACK_OFF)) - 1]


def watch(services: Services, *, stop: threading.Event | None = None) -> None:
    """
    Run the daily job whenever it is due, until told to stop.

    Parameters
    ----------
    services
        Clock, store, mailer and area.
    stop
        Set it to end; SIGTERM and SIGINT do the same when it is not given.
    """
    stopped = stop or _stop_on_signals()
    ticker = _ticker(services)
    tick(services)
    while not stopped.wait(timeout=min(_idle_s(ticker), TICK_S)):
        # The ticker goes by the wall clock: set back, it would sleep until the old time returns.
        if _idle_s(ticker) > TICK_S:
            ticker = _ticker(services)
        ticker.run_pending()
    LOG.info("watch: stopped")


def _ticker(services: Services) -> schedule.Scheduler:
    ticker = schedule.Scheduler()
    ticker.every(TICK_S).seconds.do(tick, services)
    return ticker


def _idle_s(ticker: schedule.Scheduler) -> float:
    return max(0.0, ticker.idle_seconds or 0.0)


def _stop_on_signals() -> threading.Event:
    stopped = threading.Event()

    def stop(number: int, frame: object) -> None:
        del number, frame
        stopped.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, stop)
    return stopped


def tick(services: Services) -> bool:
    """
    Run the daily job once if it is due; a failure is noted and tried again later.

    Nothing that goes wrong with one run keeps the next from being tried.

    Parameters
    ----------
    services
        Clock, store, mailer and area.

    Returns
    -------
    ran
        Whether the job was run to its end.
    """
    hour, minute = services.settings.run_at.split(":")
    try:
        if not is_due(_history(services), time(int(hour), int(minute)), services.clock()):
            return False
        return _attempt(services, lambda: pipeline.run(services))
    except (SinkwatchError, OSError) as error:
        # The database itself: nothing can be read or noted there, but it may come back.
        LOG.error("%s: %s", DAILY, error)  # noqa: TRY400 - one line for the operator, no traceback
        return False


def _attempt(services: Services, job: Callable[[], object]) -> bool:
    from sinkwatch.store import jobs  # noqa: PLC0415 - with the store

    began = services.clock()
    problem = _problem_of(job)
    with services.store() as store, store.begin() as connection:
        if problem:
            jobs.note_failure(connection, DAILY, began, problem)
        else:
            jobs.note_success(connection, DAILY, began)
    return not problem


def _problem_of(job: Callable[[], object]) -> str:
    """Do the job and return what went wrong, one line; empty if nothing did."""
    try:
        job()
    except (SinkwatchError, OSError) as error:
        LOG.error("%s: %s", DAILY, error)  # noqa: TRY400 - one line for the operator, no traceback
        return str(error)
    except Exception as error:  # noqa: BLE001 - a fault of ours today must not cost tomorrow's run
        fault = f"{type(error).__name__}, a fault in sinkwatch; the log says where"
        # Without the error's own words, which may hold an address.
        where = "".join(traceback.format_tb(error.__traceback__))
        LOG.error("%s: %s\n%s", DAILY, fault, where)  # noqa: TRY400 - as said
        return fault
    return ""


def _history(services: Services) -> JobHistory:
    from sinkwatch.store import jobs  # noqa: PLC0415 - with the store

    with services.store() as store, store.read() as connection:
        row = jobs.get(connection, DAILY)
    if row is None:
        return JobHistory()
    return JobHistory(
        last_success_at=row.last_success_at,
        last_attempt_at=row.last_attempt_at,
        failures=row.failures,
    )
