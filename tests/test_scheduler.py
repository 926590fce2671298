"""When a run is due: once for each London date, whatever the clocks, gaps and failures."""

from __future__ import annotations

import itertools
import logging
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinkwatch import config, pipeline, scheduler
from sinkwatch.scheduler import DAILY, JobHistory, is_due
from sinkwatch.store import jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from sinkwatch.services import Services
    from tests.conftest import Clock

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
        if is_due(history, of_day, now):
            ran.append(now)
            history = JobHistory(last_success_at=now, last_attempt_at=now)
    return ran


def every(step: timedelta, start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += step


# ── Once for each date ───────────────────────────────────────────────────────────────────────


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
    assert is_due(JobHistory(last_success_at=at(last_success)), SIX, at(now)) is due


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
    assert is_due(ahead, SIX, at("2026-01-15 09:00"))


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Set the time zone of this machine, as a process sees it."""

    def live_in(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield live_in
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("name", ["UTC", "Europe/London", "America/New_York", "Pacific/Kiritimati"])
def test_the_time_zone_of_the_machine_does_not_matter(
    name: str, zone: Callable[[str], None]
) -> None:
    start, end = at("2026-03-27 00:00"), at("2026-04-01 00:00")
    history = JobHistory(last_success_at=at("2026-03-26 06:00"))
    zone(name)
    assert runs(every(timedelta(minutes=10), start, end), SIX, history) == [
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
        if is_due(history, SIX, now):
            tries.append(now)
            history = replace(history, last_attempt_at=now, failures=history.failures + 1)
        now += MINUTE
    waits = [round((later - one) / MINUTE) for one, later in itertools.pairwise(tries)]
    assert waits[:9] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert set(waits[9:]) == {60}


def test_a_success_ends_the_waiting() -> None:
    success = at("2026-01-15 06:40")
    history = JobHistory(last_success_at=success, last_attempt_at=success, failures=0)
    assert not is_due(history, SIX, at("2026-01-15 06:41"))
    assert is_due(history, SIX, at("2026-01-16 06:00"))


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
        return is_due(history, SIX, failed + waited * MINUTE)

    assert due_after(failures) >= due_after(failures + 1)
    assert due_after(failures) or waited < 60


# ── The job itself ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """Put a job in place of the run that only notes when it was done."""
    done: list[datetime] = []
    monkeypatch.setattr(pipeline, "run", lambda services: done.append(services.clock()))
    return done


@pytest.fixture
def broken(installation: Callable[..., Services], tmp_path: Path) -> Services:
    """An installation whose area names a file that is not there."""
    shutil.copytree(config.data_folder(), tmp_path / "data")
    (tmp_path / "data" / "ripon" / "gypsum_zones.geojson").unlink()
    return installation(area=str(tmp_path / "data" / "ripon" / "area.toml"))


def noted(services: Services) -> jobs.JobRow | None:
    with services.store() as store, store.read() as connection:
        return jobs.get(connection, DAILY)


def test_a_tick_runs_what_is_due_once_and_then_not_again(
    services: Services, clock: Clock, job: list[datetime]
) -> None:
    began = clock.now
    assert scheduler.tick(services)
    assert not scheduler.tick(services)
    assert job == [began]
    row = noted(services)
    assert row == jobs.JobRow(
        job=DAILY, last_success_at=began, last_attempt_at=began, failures=0, last_problem=""
    )
    clock.move(days=1)
    assert scheduler.tick(services)
    assert len(job) == 2


def test_the_hour_is_the_one_that_the_settings_name(
    installation: Callable[..., Services], clock: Clock, job: list[datetime]
) -> None:
    services = installation(run_at="09:45")
    assert scheduler.tick(services)
    clock.move(minutes=14)
    assert not scheduler.tick(services)
    clock.move(minutes=1)
    assert scheduler.tick(services)
    assert job[-1].astimezone(LONDON).time() == clock_time(9, 45)


def test_a_restart_does_not_forget_what_was_run(
    installation: Callable[..., Services], job: list[datetime]
) -> None:
    assert scheduler.tick(installation())
    assert not scheduler.tick(installation())
    assert len(job) == 1


def test_a_run_that_fails_is_noted_and_tried_again_after_its_wait(
    broken: Services, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    began = clock.now
    assert not scheduler.tick(broken)
    row = noted(broken)
    assert row is not None
    assert (row.last_success_at, row.last_attempt_at, row.failures) == (None, began, 1)
    assert "gypsum_zones.geojson cannot be read" in row.last_problem
    assert caplog.messages[-1] == f"{DAILY}: {row.last_problem}"
    assert not scheduler.tick(broken)
    assert noted(broken) == row
    clock.move(minutes=1)
    assert not scheduler.tick(broken)
    again = noted(broken)
    assert again is not None
    assert again.failures == 2


def test_a_run_that_fails_leaves_the_lock_free(broken: Services) -> None:
    assert not scheduler.tick(broken)
    with broken.lock():
        pass


def test_another_run_at_work_is_waited_for(
    services: Services, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(services: Services) -> None:
        with services.lock():
            pass

    monkeypatch.setattr(pipeline, "run", run)
    with services.lock():
        assert not scheduler.tick(services)
    row = noted(services)
    assert row is not None
    assert "another run is at work" in row.last_problem
    clock.move(minutes=1)
    assert scheduler.tick(services)


def test_a_fault_of_our_own_is_noted_without_the_words_that_may_hold_an_address(
    services: Services,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def run(_: Services) -> None:
        message = "parameters: ('ann@mail.example',)"
        raise ZeroDivisionError(message)

    monkeypatch.setattr(pipeline, "run", run)
    assert not scheduler.tick(services)
    row = noted(services)
    assert row is not None
    assert row.last_problem == "ZeroDivisionError, a fault in sinkwatch; the log says where"
    assert "in run" in caplog.text
    assert "ann@mail.example" not in f"{caplog.text}{row}"
    clock.move(minutes=1)
    monkeypatch.setattr(pipeline, "run", lambda _: None)
    assert scheduler.tick(services)


def test_a_database_out_of_reach_is_told_and_tried_again(
    services: Services, job: list[datetime], caplog: pytest.LogCaptureFixture
) -> None:
    services.settings.state_folder.write_text("in the way")
    assert not scheduler.tick(services)
    assert "the state folder cannot be made" in caplog.messages[-1]
    services.settings.state_folder.unlink()
    assert scheduler.tick(services)
    assert len(job) == 1


# ── Watching ─────────────────────────────────────────────────────────────────────────────────

LONG = 60  # seconds after which a thread or process that should have ended has failed the test


def watch_in_a_thread(services: Services, stop: threading.Event) -> threading.Thread:
    watching = threading.Thread(
        target=scheduler.watch, args=(services,), kwargs={"stop": stop}, daemon=True
    )
    watching.start()
    return watching


def test_watching_runs_at_once_and_ends_when_told_without_waiting_for_the_next_tick(
    services: Services, job: list[datetime], caplog: pytest.LogCaptureFixture
) -> None:
    stop = threading.Event()
    stop.set()
    with caplog.at_level(logging.INFO, logger="sinkwatch"):
        watching = watch_in_a_thread(services, stop)
        watching.join(timeout=scheduler.TICK_S / 2)
    assert not watching.is_alive()
    assert len(job) == 1
    assert caplog.messages[-1] == "watch: stopped"


def test_watching_goes_on_after_a_failure(
    broken: Services, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "TICK_S", 0.01)
    stop, times = threading.Event(), []

    def tell_time() -> datetime:
        times.append(clock.now)
        clock.move(minutes=1)
        if len(times) > 30:
            stop.set()
        return clock.now

    watching = watch_in_a_thread(replace(broken, clock=tell_time), stop)
    watching.join(timeout=LONG)
    stop.set()
    assert not watching.is_alive()
    row = noted(broken)
    assert row is not None
    assert row.failures >= 3


@pytest.mark.parametrize("name", ["FAR5", "Europe/London"])
def test_watching_goes_on_when_the_clock_is_set_back(
    services: Services,
    job: list[datetime],
    monkeypatch: pytest.MonkeyPatch,
    zone: Callable[[str], None],
    name: str,
) -> None:
    zone("NEAR-6")  # six hours ahead of UTC
    monkeypatch.setattr(scheduler, "TICK_S", 0.01)
    asked: list[int] = []

    class Stop(threading.Event):
        """Sets the clock on the wall back by hours in the middle of the third wait."""

        waits = 0

        def wait(self, timeout: float | None = None) -> bool:
            self.waits += 1
            if self.waits == 3:
                zone(name)
                asked.clear()
            return super().wait(timeout)

    stop = Stop()

    def tell_time() -> datetime:
        asked.append(1)
        if stop.waits > 3 and len(asked) > 20:
            stop.set()
        return datetime(2026, 11, 22, 9, tzinfo=UTC)

    watching = watch_in_a_thread(replace(services, clock=tell_time), stop)
    watching.join(timeout=LONG)
    stop.set()
    assert not watching.is_alive()
    assert len(asked) > 20
    assert len(job) == 1


WATCH = """
import logging, sys
from datetime import UTC, datetime
from pathlib import Path
from sinkwatch import config, pipeline, scheduler
from sinkwatch.services import Services

logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
scheduler.watch(
    Services(
        settings=config.Settings(state_folder=Path(sys.argv[1])),
        area=config.load_area(sys.argv[2]),
        clock=lambda: datetime(2026, 11, 22, 9, tzinfo=UTC),
    )
)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_watching_in_good_order(
    broken: Services, tmp_path: Path, number: signal.Signals
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WATCH, str(tmp_path / "var"), broken.settings.area],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert any(line.startswith(f"{DAILY}: geology") for line in process.stdout)
        process.send_signal(number)
        rest, _ = process.communicate(timeout=LONG)
    finally:
        process.kill()
        process.wait()
    assert rest == "watch: stopped\n"
    assert process.returncode == 0
