"""The daily job and the mailroom: what is due is done, and no failure stops the watch."""

from __future__ import annotations

import logging
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from sinkwatch import config, mailroom, pipeline, scheduler
from sinkwatch.errors import StoreError
from sinkwatch.model import MailKind
from sinkwatch.store import jobs, outbox
from sinkwatch.timetable import DAILY_RUN
from tests.notify.messages import a_message
from tests.zones import living_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sinkwatch.model import Message
    from sinkwatch.services import Services
    from tests.conftest import Clock

LONDON = ZoneInfo("Europe/London")


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
        return jobs.get(connection, DAILY_RUN)


def test_a_tick_runs_what_is_due_once_and_then_not_again(
    services: Services, clock: Clock, job: list[datetime]
) -> None:
    began = clock.now
    assert scheduler.tick(services)
    assert not scheduler.tick(services)
    assert job == [began]
    row = noted(services)
    assert row == jobs.JobRow(
        job=DAILY_RUN, last_success_at=began, last_attempt_at=began, failures=0, last_problem=""
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
    assert caplog.messages[-1] == f"{DAILY_RUN}: {row.last_problem}"
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


# ── The mailroom ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def queued(services: Services, clock: Clock) -> Message:
    """Queue a message that concerns no subscriber, due at once."""
    message = a_message(subscriber_id=None, kind=MailKind.OPERATOR)
    with services.store() as store, store.begin() as connection:
        assert outbox.enqueue(connection, message, clock())
    return message


def mails(services: Services) -> list[bytes]:
    """Return what was handed over to the folder that takes the relay's place."""
    return [path.read_bytes() for path in services.settings.mails().glob("*.eml")]


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> list[datetime]:
    """Put a round of the mailroom in place of the real one that only notes when it was done."""
    done: list[datetime] = []
    monkeypatch.setattr(mailroom, "work", lambda *_: done.append(clock.now))
    return done


def test_what_waits_in_the_outbox_goes_though_no_run_is_due(
    services: Services, clock: Clock, queued: Message
) -> None:
    with services.store() as store, store.begin() as connection:
        jobs.note_success(connection, DAILY_RUN, clock.now)
    assert not scheduler.tick(services)
    assert mails(services) == [queued.mime]
    assert not scheduler.tick(services)
    assert mails(services) == [queued.mime]


def test_what_waits_in_the_outbox_goes_though_the_run_fails(
    broken: Services, queued: Message
) -> None:
    assert not scheduler.tick(broken)
    assert mails(broken) == [queued.mime]
    row = noted(broken)
    assert row is not None
    assert row.failures == 1


@pytest.mark.usefixtures("job")
def test_every_tick_that_ends_no_run_does_one_round(
    services: Services, clock: Clock, rounds: list[datetime]
) -> None:
    assert scheduler.tick(services)  # a run delivers by itself
    began = clock.now
    for _ in range(3):
        clock.move(minutes=1)
        assert not scheduler.tick(services)
    assert rounds == [began + timedelta(minutes=n) for n in (1, 2, 3)]


@pytest.fixture
def failing(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> list[datetime]:
    """Put a round of the mailroom in place of the real one that notes when it was tried."""
    tried: list[datetime] = []

    def work(*_: object) -> None:
        tried.append(clock.now)
        raise request.param

    monkeypatch.setattr(mailroom, "work", work)
    return tried


@pytest.mark.parametrize(
    ("failing", "words"),
    [
        (StoreError("the outbox", "is locked", "Try again"), "the outbox: is locked. Try again."),
        (OSError("No space left on device"), "No space left on device"),
        (
            ZeroDivisionError("parameters: ('ann@mail.example',)"),
            "ZeroDivisionError, a fault in sinkwatch; the log says where",
        ),
    ],
    ids=["the database", "the disk", "a fault of ours"],
    indirect=["failing"],
)
@pytest.mark.usefixtures("job")
def test_a_round_that_fails_is_told_without_an_address_and_tried_again(
    services: Services,
    clock: Clock,
    failing: list[datetime],
    caplog: pytest.LogCaptureFixture,
    words: str,
) -> None:
    assert scheduler.tick(services)
    for _ in range(2):
        clock.move(minutes=1)
        assert not scheduler.tick(services)
    assert len(failing) == 2
    assert caplog.messages[-1].splitlines()[0] == f"mailroom: {words}"
    assert "ann@mail.example" not in caplog.text


@pytest.mark.parametrize("failing", [StoreError("a", "b", "c")], indirect=True)
@pytest.mark.usefixtures("failing")
def test_a_round_that_fails_is_no_failure_of_the_run_nor_in_the_way_of_the_next(
    services: Services, clock: Clock, job: list[datetime]
) -> None:
    assert scheduler.tick(services)
    clock.move(minutes=1)
    assert not scheduler.tick(services)
    row = noted(services)
    assert row is not None
    assert (row.failures, row.last_problem) == (0, "")
    clock.move(days=1)
    assert scheduler.tick(services)
    assert len(job) == 2


def test_no_round_is_tried_while_the_database_is_out_of_reach(
    services: Services, rounds: list[datetime], job: list[datetime]
) -> None:
    services.settings.state_folder.write_text("in the way")
    assert not scheduler.tick(services)
    assert (rounds, job) == ([], [])


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
        if len(times) > 100:
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
    name: str,
) -> None:
    monkeypatch.setattr(scheduler, "TICK_S", 0.01)
    asked: list[int] = []

    class Stop(threading.Event):
        """Sets the clock on the wall back by hours in the middle of the third wait."""

        waits = 0

        def wait(self, timeout: float | None = None) -> bool:
            self.waits += 1
            if self.waits == 3:
                move(name)
                asked.clear()
            return super().wait(timeout)

    stop = Stop()

    def tell_time() -> datetime:
        asked.append(1)
        if stop.waits > 3 and len(asked) > 20:
            stop.set()
        return datetime(2026, 11, 22, 9, tzinfo=UTC)

    with living_in("NEAR-6") as move:  # six hours ahead of UTC
        watching = watch_in_a_thread(replace(services, clock=tell_time), stop)
        watching.join(timeout=LONG)
        stop.set()
    assert not watching.is_alive()
    assert len(asked) > 20
    assert len(job) == 1


WATCH = """
import logging, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sinkwatch import config, mailroom, pipeline, scheduler
from sinkwatch.errors import StoreError
from sinkwatch.model import MailKind
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
        assert any(line.startswith(f"{DAILY_RUN}: geology") for line in process.stdout)
        process.send_signal(number)
        rest, _ = process.communicate(timeout=LONG)
    finally:
        process.kill()
        process.wait()
    assert rest == "watch: stopped\n"
    assert process.returncode == 0
