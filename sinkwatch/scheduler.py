"""When to run which verb: what is due is read from the database, never from a running clock."""

from __future__ import annotations

import logging
import signal
import threading
import traceback
from dataclasses import replace
from datetime import time, timedelta
from typing import TYPE_CHECKING, Final

import schedule

from sinkwatch import pipeline, safekeeping, timetable
from sinkwatch.errors import SinkwatchError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinkwatch.services import Services

LOG = logging.getLogger(__name__)

TICK_S: Final = 60
"""How often the ticker looks whether a job is due, seconds."""

_BACK_UP_EVERY: Final = timedelta(days=1)


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
    services = replace(services, is_stopping=stopped.is_set)
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
    Run the daily job once if it is due, and do a round of the mailroom.

    Nothing that goes wrong with one run keeps the next from being tried, nor the mail from going.

    Parameters
    ----------
    services
        Clock, store, mailer and area.

    Returns
    -------
    ran
        Whether the daily job was run to its end.
    """
    at = time.fromisoformat(services.settings.run_at)
    try:
        is_due = timetable.is_run_due(_history(services), at, services.clock())
        if is_due and _attempt(services, lambda: pipeline.run(services)):
            return True
    except (SinkwatchError, OSError) as error:
        # The database itself: nothing can be read or noted there, but it may come back.
        LOG.error("%s: %s", timetable.DAILY_RUN, error)  # noqa: TRY400 - one line for the operator, no traceback
        return False
    _problem_of(lambda: _mail(services), "mailroom")
    _problem_of(lambda: _back_up(services), safekeeping.JOB)
    return False


def _mail(services: Services) -> None:
    from sinkwatch import mailroom  # noqa: PLC0415 - with the store

    with services.store() as store:
        mailroom.work(services, store)


def _back_up(services: Services) -> None:
    """Copy the database once a day; a server's is its keeper's to copy."""
    from sinkwatch.store import jobs  # noqa: PLC0415 - with the store

    if not services.settings.database().startswith("sqlite"):
        return
    with services.store() as store, store.read() as connection:
        last = jobs.last_success(connection, safekeeping.JOB)
    now = services.clock()
    if last is None or not last <= now < last + _BACK_UP_EVERY:
        safekeeping.back_up(services)


def _attempt(services: Services, job: Callable[[], object]) -> bool:
    from sinkwatch.store import jobs  # noqa: PLC0415 - with the store

    began = services.clock()
    problem = _problem_of(job, timetable.DAILY_RUN)
    with services.store() as store, store.begin() as connection:
        if problem:
            jobs.note_failure(connection, timetable.DAILY_RUN, began, problem)
        else:
            jobs.note_success(connection, timetable.DAILY_RUN, began)
    return not problem


def _problem_of(job: Callable[[], object], name: str) -> str:
    """Do a job and return what went wrong, one line; empty if nothing did."""
    try:
        job()
    except (SinkwatchError, OSError) as error:
        LOG.error("%s: %s", name, error)  # noqa: TRY400 - one line for the operator, no traceback
        return str(error)
    except Exception as error:  # noqa: BLE001 - a fault of ours today must not cost tomorrow's run
        fault = f"{type(error).__name__}, a fault in sinkwatch; the log says where"
        # Without the error's own words, which may hold an address.
        where = "".join(traceback.format_tb(error.__traceback__))
        LOG.error("%s: %s\n%s", name, fault, where)  # noqa: TRY400 - as said
        return fault
    return ""


def _history(services: Services) -> timetable.JobHistory:
    from sinkwatch.store import jobs  # noqa: PLC0415 - with the store

    with services.store() as store, store.read() as connection:
        row = jobs.get(connection, timetable.DAILY_RUN)
    if row is None:
        return timetable.JobHistory()
    return timetable.JobHistory(
        last_success_at=row.last_success_at,
        last_attempt_at=row.last_attempt_at,
        failures=row.failures,
    )
