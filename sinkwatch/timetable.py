"""When something is due: pure functions of what the database holds and of the present time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from sinkwatch import wording
from sinkwatch.model import Frequency, MailKind

DAILY_RUN: Final = "daily-run"
"""Name of the daily run in the database, whoever starts it."""

CLOCK_MISTAKE: Final = timedelta(days=1)
"""A success further ahead than this says nothing: no clock change explains it."""

_BACK_OFF: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 16, 32, 60))

NIGHT: Final = (time(21), time(8))
"""From when until when nothing goes to those who want quiet nights, Europe/London."""

PRIORITY: Final[Mapping[MailKind, int]] = {
    MailKind.CONFIRMATION: 0,
    MailKind.SERVICE: 5,
    MailKind.OPERATOR: 10,
    MailKind.CORRECTION: 15,
    MailKind.ALERT: 20,
    MailKind.DIGEST: 30,
    MailKind.QUIET: 40,
}
"""Lower goes first (sinkwatch mail rules: confirmations, alerts, digests)."""

LIFETIME: Final[Mapping[MailKind, timedelta]] = {
    MailKind.CONFIRMATION: timedelta(hours=24),
    MailKind.SERVICE: timedelta(hours=24),
    MailKind.OPERATOR: timedelta(hours=72),
    MailKind.CORRECTION: timedelta(days=5),
    MailKind.ALERT: timedelta(hours=72),
    MailKind.DIGEST: timedelta(days=5),
    MailKind.QUIET: timedelta(days=5),
}
"""Age at which a message that could not be delivered is given up (sinkwatch mail rules: alerts 72
hours, confirmations 24 hours, digests 5 days)."""


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


def is_run_due(history: JobHistory, at: time, now: datetime) -> bool:
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
    done = _last_success(history, now)
    if done is not None and done >= _last_moment(now, at):
        return False
    return now >= _not_before(history, now)


def is_digest_due(frequency: Frequency, last_at: datetime | None, at: time, now: datetime) -> bool:
    """
    Tell whether what waits for a subscriber is to be told now.

    Parameters
    ----------
    frequency
        How often they want mail.
    last_at
        When that was last looked at, UTC; None if never.
    at
        Time of day at which a day, a Monday or a month begins for mails, Europe/London.
    now
        The present time, UTC.

    Returns
    -------
    due
        True if a day, a week or a month has begun since then; at once, always.
    """
    if frequency is Frequency.AT_ONCE or last_at is None:
        return True
    # A clock set back must not silence anyone: what was noted in the future counts as long ago.
    return last_at < period_start(frequency, at, now) or last_at - now > CLOCK_MISTAKE


def period_start(frequency: Frequency, at: time, now: datetime) -> datetime:
    """
    Return when the present day, week or month of mails began.

    Parameters
    ----------
    frequency
        `DAILY`, `WEEKLY` (Mondays) or `MONTHLY` (the 1st); at once is now.
    at
        Time of day at which it begins, Europe/London.
    now
        The present time, UTC.

    Returns
    -------
    start
        UTC, not after `now`.
    """
    if frequency is Frequency.AT_ONCE:
        return now
    day = _last_date(now, at)
    if frequency is Frequency.WEEKLY:
        day -= timedelta(days=day.weekday())
    if frequency is Frequency.MONTHLY:
        day = day.replace(day=1)
    return _moment(day, at)


def quiet_month(at: time, now: datetime) -> date:
    """
    Return the month that has just ended, of which a quiet one may be told.

    Parameters
    ----------
    at
        Time of day at which a month begins for mails, Europe/London.
    now
        The present time, UTC.

    Returns
    -------
    month
        Its first day.
    """
    first = _last_date(now, at).replace(day=1)
    return (first - timedelta(days=1)).replace(day=1)


def month_start(month: date, at: time) -> datetime:
    """
    Return when a month of mails begins.

    Parameters
    ----------
    month
        Any day of it.
    at
        Time of day, Europe/London.

    Returns
    -------
    start
        UTC.
    """
    return _moment(month.replace(day=1), at)


def after_night(now: datetime) -> datetime:
    """
    Return the first moment from now on that is not in the night.

    Parameters
    ----------
    now
        The present time, UTC.

    Returns
    -------
    at
        Now by day; else the end of the night, UTC.
    """
    begins, ends = NIGHT
    london = now.astimezone(wording.LONDON)
    if ends <= london.time() < begins:
        return now
    day = london.date() + timedelta(days=int(london.time() >= begins))
    return _moment(day, ends)


def _last_success(history: JobHistory, now: datetime) -> datetime | None:
    """Return the last success; a little ahead, since the clock was set back, it counts as now."""
    success = history.last_success_at
    # Noted by a clock that was a year fast, it would silence the job for a year.
    is_mistaken = success is not None and success - now > CLOCK_MISTAKE
    return None if is_mistaken else success


def _last_moment(now: datetime, at: time) -> datetime:
    """Return when the clocks of London last showed a time of day."""
    return _moment(_last_date(now, at), at)


def _last_date(now: datetime, at: time) -> date:
    today = wording.london_date(now)
    return today - timedelta(days=int(now < _moment(today, at)))


def _moment(day: date, at: time) -> datetime:
    return datetime.combine(day, at, tzinfo=wording.LONDON).astimezone(UTC)


def _not_before(history: JobHistory, now: datetime) -> datetime:
    attempt = history.last_attempt_at
    if not history.failures or attempt is None or attempt > now:
        return now
    return attempt + _BACK_OFF[min(history.failures, len(_BACK_OFF)) - 1]
