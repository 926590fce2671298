"""`watch` as a process of its own: it runs what is due once, and stops when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from sinkwatch import safekeeping, timetable
from sinkwatch.store import Store, jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

PATIENCE_S = 60


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "sinkwatch", "watch"]
        # Packs and pictures take longest.
        quickly = {"SINKWATCH_EVIDENCE_PACKS": "false", "SINKWATCH_PICTURES": "false"}
        known = {**os.environ, **quickly}
        started.append(subprocess.Popen(words, cwd=tmp_path, env=known, stderr=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


def last_success(folder: Path, now: datetime, job: str) -> datetime | None:
    path = folder / "var" / "sinkwatch.db"
    if not path.is_file():
        return None
    store = Store.open(f"sqlite:///{path}", now=now)
    try:
        with store.read() as connection:
            return jobs.last_success(connection, job)
    finally:
        store.close()


def wait_until(met: Callable[[], object]) -> None:
    for _ in range(PATIENCE_S * 5):
        if met():
            return
        time.sleep(0.2)
    pytest.fail(f"not met within {PATIENCE_S} s")


def test_runs_once_stops_on_sigterm_and_does_not_run_again_the_same_day(
    watch: Callable[[], subprocess.Popen[bytes]],
    tmp_path: Path,
    clock: Callable[[], datetime],
) -> None:
    first = watch()
    wait_until(lambda: last_success(tmp_path, clock(), timetable.DAILY_RUN))
    assert (tmp_path / "maps" / "current" / "index.html").is_file()
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=PATIENCE_S) == 0
    assert b"watch: stopped" in first.communicate()[1]
    done = last_success(tmp_path, clock(), timetable.DAILY_RUN)
    assert last_success(tmp_path, clock(), safekeeping.JOB) is None

    second = watch()
    # It copies the database once it has looked what is due, unless it has run that.
    wait_until(lambda: last_success(tmp_path, clock(), safekeeping.JOB))
    second.send_signal(signal.SIGTERM)
    assert second.wait(timeout=PATIENCE_S) == 0
    assert b"run:" not in second.communicate()[1]
    assert last_success(tmp_path, clock(), timetable.DAILY_RUN) == done
