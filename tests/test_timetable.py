"""When a run, a digest or a quiet month is due: once for each, whatever clocks, gaps, failures."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinkwatch import timetable
from sinkwatch.model import Frequency, MailKind
from sinkwatch.timetable import JobHistory
from tests.zones import living_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONDON = ZoneInfo("Europe/London")
SIX = clock_time(6)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# Both years' clock changes: 29 March and 25 October 2026, 28 March and 31 October 2027.
CHANGES = [date(2026, 3, 29), date(2026, 10, 25), date(2027, 3, 28), date(2027, 10, 31)]
TIMES = [
    clock_time(0),
    clock_time(0, 29),
    clock_time(2, 31),
    SIX,
    clock_time(12),
    clock_time(23, 59),
]


def at(text: str) -> datetime:
    """Return a moment written in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def moment(day: date, of_day: clock_time) -> datetime:
    """Return when that time of day comes in London."""
    return datetime.combine(day, of_day, tzinfo=LONDON).astimezone(UTC)


def due_day(now: datetime, of_day: clock_time) -> date:
    """Return the London date to which a run at this moment belongs."""
    day = now.astimezone(LONDON).date()
    return day if now >= moment(day, of_day) else day - DAY


def runs(ticks: Iterable[datetime], of_day: clock_time, history: JobHistory) -> list[datetime]:
    """Look at each tick whether the job is due, run it if it is, and return when it ran."""
    ran = []
    for now in ticks:
        if timetable.is_run_due(history, of_day, now):
            ran.append(now)
            history = JobHistory(last_success_at=now, last_attempt_at=now)
    return ran


def every(step: timedelta, start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += step


# ── A run: once for each date ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("of_day", TIMES, ids=str)
def test_two_years_have_one_run_for_each_london_date(of_day: clock_time) -> None:
    start, end = moment(date(2026, 1, 1), of_day), moment(date(2028, 1, 1), of_day)
    before = JobHistory(last_success_at=start - DAY, last_attempt_at=start - DAY)
    ran = runs(every(HOUR, start, end), of_day, before)
    assert [due_day(now, of_day) for now in ran] == [
        date(2026, 1, 1) + n * DAY for n in range(365 + 365)
    ]


@pytest.mark.parametrize("of_day", TIMES, ids=str)
@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_round_a_clock_change_each_date_has_one_run_to_the_minute(
    change: date, of_day: clock_time
) -> None:
    start, end = (moment(change + n * DAY, clock_time(0)) for n in (-1, 3))
    yesterday = moment(change - 2 * DAY, of_day)
    ran = runs(every(MINUTE, start, end), of_day, JobHistory(last_success_at=yesterday))
    # What was due on the day before these minutes is caught up at once, unless it ran.
    expected = [moment(change + n * DAY, of_day) for n in (-1, 0, 1, 2)]
    assert ran == expected


moments = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware by `timezones`
gaps = st.lists(st.integers(min_value=1, max_value=6_000), min_size=1, max_size=60)


@given(start=moments, gaps=gaps, of_day=st.sampled_from(TIMES))
def test_whenever_it_is_asked_no_date_runs_twice_and_what_is_missed_is_caught_up_once(
    start: datetime, gaps: list[int], of_day: clock_time
) -> None:
    ticks = [start]
    for gap in gaps:
        ticks.append(ticks[-1] + gap * MINUTE)
    ran = [due_day(now, of_day) for now in runs(ticks, of_day, JobHistory())]
    assert ran == sorted({due_day(now, of_day) for now in ticks})


@pytest.mark.parametrize(
    ("last_success", "now", "due"),
    [
        # 06:00 in London is 06:00 UTC in winter and 05:00 UTC in summer.
        ("2026-01-14 06:00", "2026-01-15 05:59", False),
        ("2026-01-14 06:00", "2026-01-15 06:00", True),
        ("2026-07-14 05:00", "2026-07-15 04:59", False),
        ("2026-07-14 05:00", "2026-07-15 05:00", True),
        # The days on which the clocks change.
        ("2026-03-28 06:00", "2026-03-29 04:59", False),
        ("2026-03-28 06:00", "2026-03-29 05:00", True),
        ("2026-10-24 05:00", "2026-10-25 05:59", False),
        ("2026-10-24 05:00", "2026-10-25 06:00", True),
        # Already run, a minute or nearly a day ago.
        ("2026-01-15 06:00", "2026-01-15 06:01", False),
        ("2026-01-15 06:00", "2026-01-16 05:59", False),
        # A run by hand in the night does not stand for that morning's.
        ("2026-01-15 03:00", "2026-01-15 06:00", True),
    ],
)
def test_six_o_clock_is_that_of_london(last_success: str, now: str, *, due: bool) -> None:
    assert timetable.is_run_due(JobHistory(last_success_at=at(last_success)), SIX, at(now)) is due


def test_a_new_installation_runs_at_once_and_then_at_its_hour() -> None:
    start = at("2026-01-15 03:00")
    ran = runs(every(MINUTE, start, start + DAY), SIX, JobHistory())
    assert ran == [start, at("2026-01-15 06:00")]


def test_a_week_missed_is_one_catch_up() -> None:
    history = JobHistory(last_success_at=at("2026-05-01 05:00"))
    start = at("2026-05-08 17:23")
    ran = runs(every(MINUTE, start, start + 2 * DAY), SIX, history)
    assert ran == [start, at("2026-05-09 05:00"), at("2026-05-10 05:00")]


# ── Clocks that were wrong ───────────────────────────────────────────────────────────────────


def test_a_clock_set_back_across_the_hour_does_not_run_twice() -> None:
    success = at("2026-01-15 06:00")
    history = JobHistory(last_success_at=success, last_attempt_at=success)
    start = at("2026-01-15 05:00")
    ran = runs(every(MINUTE, start, start + DAY + 2 * HOUR), SIX, history)
    assert ran == [at("2026-01-16 06:00")]


def test_a_success_noted_by_a_clock_a_year_fast_does_not_silence_the_job_for_a_year() -> None:
    success = at("2027-01-15 06:00")
    history = JobHistory(last_success_at=success, last_attempt_at=success)
    start = at("2026-01-15 09:00")
    ran = runs(every(MINUTE, start, start + DAY), SIX, history)
    assert ran == [start, at("2026-01-16 06:00")]


def test_a_failure_noted_in_the_future_does_not_delay_the_next_try() -> None:
    ahead = JobHistory(last_attempt_at=at("2027-01-15 06:00"), failures=3)
    assert timetable.is_run_due(ahead, SIX, at("2026-01-15 09:00"))


@pytest.mark.parametrize("name", ["UTC", "Europe/London", "America/New_York", "Pacific/Kiritimati"])
def test_the_time_zone_of_the_machine_does_not_matter(name: str) -> None:
    start, end = at("2026-03-27 00:00"), at("2026-04-01 00:00")
    history = JobHistory(last_success_at=at("2026-03-26 06:00"))
    with living_in(name):
        ran = runs(every(timedelta(minutes=10), start, end), SIX, history)
    assert ran == [
        at("2026-03-27 06:00"),
        at("2026-03-28 06:00"),
        at("2026-03-29 05:00"),
        at("2026-03-30 05:00"),
        at("2026-03-31 05:00"),
    ]


# ── Failures ─────────────────────────────────────────────────────────────────────────────────


def test_tries_after_a_failure_wait_longer_each_time_up_to_an_hour() -> None:
    now, tries = at("2026-01-15 06:00"), []
    history = JobHistory(last_success_at=now - DAY)
    for _ in range(12 * 60):
        if timetable.is_run_due(history, SIX, now):
            tries.append(now)
            history = replace(history, last_attempt_at=now, failures=history.failures + 1)
        now += MINUTE
    waits = [round((later - one) / MINUTE) for one, later in itertools.pairwise(tries)]
    assert waits[:9] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert set(waits[9:]) == {60}


def test_a_success_ends_the_waiting() -> None:
    success = at("2026-01-15 06:40")
    history = JobHistory(last_success_at=success, last_attempt_at=success, failures=0)
    assert not timetable.is_run_due(history, SIX, at("2026-01-15 06:41"))
    assert timetable.is_run_due(history, SIX, at("2026-01-16 06:00"))


@given(
    failures=st.integers(min_value=1, max_value=10_000),
    waited=st.integers(min_value=0, max_value=10_000),
)
def test_more_failures_never_shorten_the_wait_and_an_hour_is_always_enough(
    failures: int, waited: int
) -> None:
    failed = at("2026-01-15 06:00")

    def due_after(n: int) -> bool:
        history = JobHistory(last_attempt_at=failed, failures=n)
        return timetable.is_run_due(history, SIX, failed + waited * MINUTE)

    assert due_after(failures) >= due_after(failures + 1)
    assert due_after(failures) or waited < 60


# ── A decade of minutes, in three time zones of the machine ──────────────────────────────────

IS_LONG: Final = os.environ.get("SINKWATCH_LONG") == "1"
"""`SINKWATCH_LONG=1 pytest -n 0 -s -k decade tests/test_timetable.py` takes a minute or two."""

DECADE: Final = [date(2026, 1, 1) + n * DAY for n in range(3_652)]

HOSTS: Final = {
    "UTC": ("UTC", "UTC"),
    "Europe/London": ("GMT", "BST"),
    "Pacific/Auckland": ("NZST", "NZDT"),
}
"""What the clocks of a machine are called there, in winter and in summer."""

MINUTE_BY_MINUTE: Final = """
import json, sys, time
from datetime import UTC, datetime, time as clock_time, timedelta
from sinkwatch.timetable import JobHistory, is_run_due

at, ran, n_asked = clock_time(6), [], 0
for start, end, success in json.load(sys.stdin):
    history = JobHistory(last_success_at=datetime.fromtimestamp(success, UTC))
    for second in range(start, end, 60):
        # By way of what the clock on this machine's wall shows.
        now = datetime.fromtimestamp(second).astimezone(UTC)
        n_asked += 1
        if is_run_due(history, at, now):
            ran.append(second)
            history = JobHistory(last_success_at=now, last_attempt_at=now)
json.dump({"zone": time.tzname, "ran": ran, "asked": n_asked}, sys.stdout)
"""


def run_minute_by_minute(host: str, spans: list[tuple[datetime, datetime]]) -> dict[str, object]:
    """Ask at each minute of some spans, each after a run on the day before, whether one is due."""
    asked = [
        (start.timestamp(), end.timestamp(), moment(due_day(start, SIX), SIX).timestamp())
        for start, end in spans
    ]
    done = subprocess.run(
        [sys.executable, "-c", MINUTE_BY_MINUTE],
        input=json.dumps([[round(second) for second in span] for span in asked]),
        env={**os.environ, "TZ": host},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    told: dict[str, object] = json.loads(done.stdout)
    return told


def is_remarkable(day: date) -> bool:
    """Tell whether a day is New Year's, a leap day, or one of a clock change here or there."""
    offsets = [
        {(datetime.combine(day, clock_time(12), tzinfo=zone) - n * DAY).utcoffset() for n in (0, 1)}
        for zone in map(ZoneInfo, HOSTS)
    ]
    return (day.month, day.day) in {(1, 1), (2, 29)} or max(len(of_zone) for of_zone in offsets) > 1


def stretches() -> list[tuple[date, date]]:
    """Return from noon of which day until noon of which to look at every minute."""
    if IS_LONG:
        return [(DECADE[0] - DAY, DECADE[-1])]
    return [(day - DAY, day + DAY) for day in DECADE if is_remarkable(day)]


@pytest.mark.parametrize("host", HOSTS)
def test_in_each_minute_of_a_decade_there_is_one_run_for_each_date(host: str) -> None:
    """By default in those round each clock change here or there, New Year and leap day."""
    noon = clock_time(12)
    spans = [(moment(first, noon), moment(last, noon)) for first, last in stretches()]
    told = run_minute_by_minute(host, spans)
    expected = [
        moment(first + n * DAY, SIX).timestamp()
        for first, last in stretches()
        for n in range(1, (last - first).days + 1)
    ]
    if IS_LONG:
        sys.stdout.write(f"\n{host}: {told['asked']} minutes, {len(expected)} runs\n")
    assert told["zone"] == list(HOSTS[host])
    assert told["asked"] == sum((end - start) // MINUTE for start, end in spans)
    assert told["ran"] == expected
    assert len(expected) == (3_652 if IS_LONG else 2 * (20 + 20 + 10 + 2))


# ── Digests ──────────────────────────────────────────────────────────────────────────────────

SEVEN: Final = clock_time(7)
RARELY: Final = (Frequency.DAILY, Frequency.WEEKLY, Frequency.MONTHLY)


def mails(
    looks: Iterable[datetime], frequency: Frequency, last_at: datetime | None
) -> list[datetime]:
    """Look at each of these moments whether a digest is due, tell it, and return when."""
    told = []
    for now in looks:
        if timetable.is_digest_due(frequency, last_at, SEVEN, now):
            told.append(now)
            last_at = now
    return told


def first_days(frequency: Frequency, days: Iterable[date]) -> list[date]:
    """Return the days on which a day, a week or a month begins."""
    begins = {
        Frequency.DAILY: lambda _: True,
        Frequency.WEEKLY: lambda day: day.isoweekday() == 1,
        Frequency.MONTHLY: lambda day: day.day == 1,
    }[frequency]
    return [day for day in days if begins(day)]


@pytest.mark.parametrize("frequency", RARELY)
def test_two_years_have_one_digest_for_each_day_monday_or_first_of_the_month(
    frequency: Frequency,
) -> None:
    days = [date(2026, 1, 1) + n * DAY for n in range(2 * 365)]
    looks = every(HOUR, moment(days[0], clock_time(0)), moment(days[-1] + DAY, clock_time(0)))
    told = mails(looks, frequency, moment(date(2025, 12, 31), SEVEN))
    assert told == [moment(day, SEVEN) for day in first_days(frequency, days)]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_round_a_clock_change_each_day_has_one_digest_to_the_minute(change: date) -> None:
    start, end = (moment(change + n * DAY, clock_time(0)) for n in (-1, 3))
    told = mails(every(MINUTE, start, end), Frequency.DAILY, moment(change - 2 * DAY, SEVEN))
    assert told == [moment(change + n * DAY, SEVEN) for n in (-1, 0, 1, 2)]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_clock_change_on_a_sunday_moves_no_monday(change: date) -> None:
    start, end = (moment(change + n * DAY, clock_time(0)) for n in (-6, 9))
    told = mails(every(HOUR, start, end), Frequency.WEEKLY, moment(change - 7 * DAY, SEVEN))
    assert told == [moment(change + n * DAY, SEVEN) for n in (-6, 1, 8)]


@pytest.mark.parametrize("of_day", [SIX, SEVEN, clock_time(8)], ids=str)
def test_one_look_a_day_mails_every_day_even_before_the_hour_of_digests(
    of_day: clock_time,
) -> None:
    """Some run sinkwatch by cron alone, an hour before the mails of a day begin."""
    looks = [moment(date(2026, 1, 1) + n * DAY, of_day) for n in range(365)]
    assert mails(looks, Frequency.DAILY, looks[0] - DAY) == looks


@pytest.mark.parametrize(
    ("frequency", "n_expected"), [(Frequency.WEEKLY, 52), (Frequency.MONTHLY, 12)]
)
def test_one_look_a_day_before_the_hour_of_digests_misses_no_week_and_no_month(
    frequency: Frequency, n_expected: int
) -> None:
    looks = [moment(date(2026, 1, 1) + n * DAY, SIX) for n in range(365)]
    told = mails(looks, frequency, moment(date(2025, 12, 31), SIX))
    # A day late, for at six on that Monday or first the week or month has not begun.
    days = [now.astimezone(LONDON).date() for now in looks]
    assert told == [moment(day + DAY, SIX) for day in first_days(frequency, days)]
    assert len(told) == n_expected


@given(start=moments, gaps=gaps, frequency=st.sampled_from(RARELY))
def test_whenever_one_looks_no_period_is_told_twice_and_none_that_was_looked_at_is_missed(
    start: datetime, gaps: list[int], frequency: Frequency
) -> None:
    looks = list(itertools.accumulate(gaps, lambda now, gap: now + gap * MINUTE, initial=start))
    told = [timetable.period_start(frequency, SEVEN, now) for now in mails(looks, frequency, None)]
    assert told == sorted({timetable.period_start(frequency, SEVEN, now) for now in looks})


@pytest.mark.parametrize("last_at", [None, at("2026-01-15 09:00"), at("2026-01-15 09:01")])
def test_at_once_is_always_due(last_at: datetime | None) -> None:
    now = at("2026-01-15 09:00")
    assert timetable.is_digest_due(Frequency.AT_ONCE, last_at, SEVEN, now)
    assert timetable.period_start(Frequency.AT_ONCE, SEVEN, now) == now


@pytest.mark.parametrize("frequency", RARELY)
def test_what_was_never_looked_at_is_due(frequency: Frequency) -> None:
    assert timetable.is_digest_due(frequency, None, SEVEN, at("2026-01-15 03:00"))


def test_a_clock_set_back_across_the_hour_tells_nobody_twice_and_silences_nobody() -> None:
    told_at = at("2026-01-15 07:00")
    looks = every(MINUTE, told_at - 2 * HOUR, told_at + DAY + HOUR)
    assert mails(looks, Frequency.DAILY, told_at) == [told_at + DAY]


def test_a_clock_that_was_20_hours_fast_costs_a_day_and_no_more() -> None:
    looks = every(HOUR, at("2026-01-15 06:00"), at("2026-01-18 00:00"))
    assert mails(looks, Frequency.DAILY, at("2026-01-16 03:00")) == [
        at("2026-01-16 07:00"),
        at("2026-01-17 07:00"),
    ]


@pytest.mark.parametrize("frequency", RARELY)
@pytest.mark.parametrize(("ahead", "due"), [(DAY, False), (DAY + MINUTE, True), (365 * DAY, True)])
def test_what_a_clock_noted_more_than_a_day_ahead_says_nothing(
    frequency: Frequency, ahead: timedelta, *, due: bool
) -> None:
    now = at("2026-01-15 09:00")
    assert timetable.is_digest_due(frequency, now + ahead, SEVEN, now) is due


@pytest.mark.parametrize(
    ("frequency", "now", "start"),
    [
        (Frequency.DAILY, "2026-01-15 06:59", "2026-01-14 07:00"),
        (Frequency.DAILY, "2026-01-15 07:00", "2026-01-15 07:00"),
        (Frequency.DAILY, "2026-07-15 05:59", "2026-07-14 06:00"),
        (Frequency.DAILY, "2026-07-15 06:00", "2026-07-15 06:00"),
        (Frequency.DAILY, "2026-03-29 05:59", "2026-03-28 07:00"),
        (Frequency.DAILY, "2026-03-29 06:00", "2026-03-29 06:00"),
        (Frequency.DAILY, "2026-10-25 06:59", "2026-10-24 06:00"),
        (Frequency.DAILY, "2026-10-25 07:00", "2026-10-25 07:00"),
        # 30 March and 26 October 2026 are the Mondays after the clock changes.
        (Frequency.WEEKLY, "2026-03-30 05:59", "2026-03-23 07:00"),
        (Frequency.WEEKLY, "2026-03-30 06:00", "2026-03-30 06:00"),
        (Frequency.WEEKLY, "2026-10-26 06:59", "2026-10-19 06:00"),
        (Frequency.WEEKLY, "2026-11-01 23:00", "2026-10-26 07:00"),
        (Frequency.MONTHLY, "2026-04-01 05:59", "2026-03-01 07:00"),
        (Frequency.MONTHLY, "2026-04-01 06:00", "2026-04-01 06:00"),
        (Frequency.MONTHLY, "2026-11-01 06:59", "2026-10-01 06:00"),
        (Frequency.MONTHLY, "2027-01-01 06:59", "2026-12-01 07:00"),
    ],
)
def test_a_day_a_week_and_a_month_of_mails_begin_at_seven_in_london(
    frequency: Frequency, now: str, start: str
) -> None:
    assert timetable.period_start(frequency, SEVEN, at(now)) == at(start)


@given(now=moments, of_day=st.sampled_from(TIMES), frequency=st.sampled_from(RARELY))
def test_a_period_begins_not_after_now_at_its_hour_and_not_too_long_ago(
    now: datetime, of_day: clock_time, frequency: Frequency
) -> None:
    start = timetable.period_start(frequency, of_day, now)
    most = {Frequency.DAILY: DAY, Frequency.WEEKLY: 7 * DAY, Frequency.MONTHLY: 31 * DAY}
    assert start <= now < start + most[frequency] + HOUR
    shown = start.astimezone(LONDON)
    assert shown.time() == of_day
    assert first_days(frequency, [shown.date()]) == [shown.date()]


# ── Quiet months ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("now", "month"),
    [
        ("2026-12-01 06:59", date(2026, 10, 1)),
        ("2026-12-01 07:00", date(2026, 11, 1)),
        ("2026-12-31 23:59", date(2026, 11, 1)),
        ("2027-01-01 07:00", date(2026, 12, 1)),
        ("2028-03-01 07:00", date(2028, 2, 1)),
        ("2026-04-01 05:59", date(2026, 2, 1)),
        ("2026-04-01 06:00", date(2026, 3, 1)),
    ],
)
def test_a_quiet_month_is_the_last_that_has_ended_by_the_hour_of_mails(
    now: str, month: date
) -> None:
    assert timetable.quiet_month(SEVEN, at(now)) == month


@pytest.mark.parametrize(
    ("month", "start"),
    [
        (date(2026, 11, 1), "2026-11-01 07:00"),
        (date(2026, 11, 30), "2026-11-01 07:00"),
        (date(2026, 10, 31), "2026-10-01 06:00"),
        (date(2026, 4, 1), "2026-04-01 06:00"),
        (date(2028, 2, 29), "2028-02-01 07:00"),
    ],
)
def test_a_month_begins_at_the_hour_of_mails_on_its_first_day(month: date, start: str) -> None:
    assert timetable.month_start(month, SEVEN) == at(start)


@given(now=moments, of_day=st.sampled_from(TIMES))
def test_a_quiet_month_ends_where_the_present_one_begins(now: datetime, of_day: clock_time) -> None:
    month = timetable.quiet_month(of_day, now)
    next_month = (month + 31 * DAY).replace(day=1)
    begins = timetable.month_start(month, of_day)
    ends = timetable.period_start(Frequency.MONTHLY, of_day, now)
    assert timetable.month_start(next_month, of_day) == ends
    assert begins < ends <= now


# ── Nights ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("2026-01-15 20:59", "2026-01-15 20:59"),
        ("2026-01-15 21:00", "2026-01-16 08:00"),
        ("2026-01-15 23:59", "2026-01-16 08:00"),
        ("2026-01-16 00:00", "2026-01-16 08:00"),
        ("2026-01-16 07:59", "2026-01-16 08:00"),
        ("2026-01-16 08:00", "2026-01-16 08:00"),
        ("2026-12-31 22:00", "2027-01-01 08:00"),
        ("2026-07-15 19:59", "2026-07-15 19:59"),
        ("2026-07-15 20:00", "2026-07-16 07:00"),
        ("2026-07-15 23:30", "2026-07-16 07:00"),  # already the 16th in London
        ("2026-07-16 06:59", "2026-07-16 07:00"),
        ("2026-07-16 07:00", "2026-07-16 07:00"),
        # The short night, and the long one in which half past one comes twice.
        ("2026-03-28 21:00", "2026-03-29 07:00"),
        ("2026-03-29 00:59", "2026-03-29 07:00"),
        ("2026-03-29 01:00", "2026-03-29 07:00"),
        ("2026-03-29 07:00", "2026-03-29 07:00"),
        ("2026-10-24 19:59", "2026-10-24 19:59"),
        ("2026-10-24 20:00", "2026-10-25 08:00"),
        ("2026-10-25 00:30", "2026-10-25 08:00"),
        ("2026-10-25 01:30", "2026-10-25 08:00"),
        ("2026-10-25 07:59", "2026-10-25 08:00"),
    ],
)
def test_what_is_not_to_go_at_night_goes_at_eight_in_london(now: str, then: str) -> None:
    assert timetable.after_night(at(now)) == at(then)


@given(now=moments)
def test_after_the_night_it_is_day_and_no_day_is_waited_for_longer_than_a_night(
    now: datetime,
) -> None:
    then = timetable.after_night(now)
    assert now <= then <= now + 12 * HOUR
    assert clock_time(8) <= then.astimezone(LONDON).time() < clock_time(21)
    assert timetable.after_night(then) == then


# ── What goes first, and how long it is tried ────────────────────────────────────────────────


def test_every_kind_of_mail_has_a_place_in_the_queue_and_the_most_urgent_goes_first() -> None:
    assert sorted(MailKind, key=timetable.PRIORITY.__getitem__) == list(MailKind)
    assert len(set(timetable.PRIORITY.values())) == len(MailKind)


def test_every_kind_of_mail_is_given_up_at_its_age() -> None:
    hours = {kind: timetable.LIFETIME[kind] / HOUR for kind in MailKind}
    assert hours == {
        MailKind.CONFIRMATION: 24,
        MailKind.SERVICE: 24,
        MailKind.OPERATOR: 72,
        MailKind.CORRECTION: 5 * 24,
        MailKind.ALERT: 72,
        MailKind.DIGEST: 5 * 24,
        MailKind.QUIET: 5 * 24,
    }
    assert len(timetable.LIFETIME) == len(timetable.PRIORITY) == len(MailKind)
