"""The erasure log: what was asked is on the disk before it is done, and outlives any restore."""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sinkwatch import erasures
from sinkwatch.erasures import Erasure, What
from sinkwatch.errors import StoreError
from tests.conftest import NOW, Clock

if TYPE_CHECKING:
    from pathlib import Path

    from sinkwatch.services import Services

HMAC = "a1" * 32


@pytest.fixture
def log(services: Services) -> Path:
    return erasures.log_file(services)


def test_a_line_comes_back_as_it_was_noted(services: Services, log: Path) -> None:
    erasures.note(services, What.ERASED, HMAC)
    erasures.note(services, What.PLACE_REMOVED, HMAC, subscriber_id="s1", subscription_id="p2")
    reading = erasures.since(log)
    assert reading.n_unreadable == 0
    assert reading.erasures == (
        Erasure(at=NOW, what=What.ERASED, address_hmac=HMAC),
        Erasure(
            at=NOW,
            what=What.PLACE_REMOVED,
            address_hmac=HMAC,
            subscriber_id="s1",
            subscription_id="p2",
        ),
    )


def test_each_event_is_one_line_of_json_without_an_address(services: Services, log: Path) -> None:
    erasures.note(services, What.BOUNCED, HMAC)
    (line,) = log.read_text().splitlines()
    assert json.loads(line) == {
        "at": "2026-11-22T09:30:00+00:00",
        "what": "bounced",
        "address_hmac": HMAC,
    }
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


@pytest.mark.parametrize("value", ["resident@example.org", "", HMAC[:-1], HMAC.upper()])
def test_what_is_no_hash_is_refused_unsaid(services: Services, log: Path, value: str) -> None:
    with pytest.raises(StoreError, match="64 hexadecimal digits") as refused:
        erasures.note(services, What.ERASED, value)
    assert "resident" not in str(refused.value)
    assert not log.exists()


def test_no_log_is_not_an_empty_log(log: Path) -> None:
    assert erasures.since(log) == erasures.Reading(is_there=False, erasures=(), n_unreadable=0)
    log.parent.mkdir()
    log.touch()
    assert erasures.since(log).is_there


def test_older_lines_are_left_out_and_the_moment_itself_is_not(
    services: Services, log: Path, clock: Clock
) -> None:
    for what in (What.ERASED, What.UNSUBSCRIBED, What.COMPLAINED):
        erasures.note(services, what, HMAC)
        clock.move(hours=1)
    found = erasures.since(log, NOW + timedelta(hours=1)).erasures
    assert [one.what for one in found] == [What.UNSUBSCRIBED, What.COMPLAINED]


@pytest.mark.parametrize("n_lost", range(1, 12))
def test_a_torn_last_line_is_passed_over_and_does_not_spoil_the_next(
    services: Services, log: Path, n_lost: int
) -> None:
    erasures.note(services, What.ERASED, HMAC)
    erasures.note(services, What.BOUNCED, HMAC)
    log.write_bytes(log.read_bytes()[: -(n_lost + 1)])
    torn = erasures.since(log)
    assert ([one.what for one in torn.erasures], torn.n_unreadable) == ([What.ERASED], 1)
    erasures.note(services, What.COMPLAINED, HMAC)
    after = erasures.since(log)
    assert [one.what for one in after.erasures] == [What.ERASED, What.COMPLAINED]
    assert after.n_unreadable == 1


def test_a_last_line_that_lost_only_its_end_still_counts(services: Services, log: Path) -> None:
    erasures.note(services, What.ERASED, HMAC)
    log.write_bytes(log.read_bytes().rstrip(b"\n"))
    erasures.note(services, What.BOUNCED, HMAC)
    assert [one.what for one in erasures.since(log).erasures] == [What.ERASED, What.BOUNCED]


@pytest.mark.parametrize(
    "line",
    [
        b"\x00" * 80,
        b"\xff\xfe not text",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        b'{"at": "yesterday", "what": "erased", "address_hmac": "%s"}' % HMAC.encode(),
        b'{"at": 5, "what": "erased", "address_hmac": "%s"}' % HMAC.encode(),
        b'{"at": "2026-11-22T09:30:00Z", "what": "forgiven", "address_hmac": "%s"}' % HMAC.encode(),
        b'{"at": "2026-11-22T09:30:00Z", "what": "erased", "address_hmac": 7}',
        b'{"at": "2026-11-22T09:30:00Z", "what": "erased", "address_hmac": "ab"}',
        b'{"at": "2026-11-22T09:30:00Z", "what": "erased"}',
        b'{"at": "2026-11-22T09:30:00Z", "what": "erased", "address_hmac": "%s", "x": 1}'
        % HMAC.encode(),
    ],
)
def test_a_damaged_line_costs_no_other(services: Services, log: Path, line: bytes) -> None:
    erasures.note(services, What.ERASED, HMAC)
    with log.open("ab") as file:
        file.write(line + b"\n")
    erasures.note(services, What.BOUNCED, HMAC)
    reading = erasures.since(log)
    assert [one.what for one in reading.erasures] == [What.ERASED, What.BOUNCED]
    assert reading.n_unreadable == 1


def test_lines_go_after_sixty_days_and_not_before(
    services: Services, log: Path, clock: Clock
) -> None:
    erasures.note(services, What.ERASED, HMAC)
    clock.move(days=60)
    erasures.note(services, What.BOUNCED, HMAC)
    before = log.read_bytes()
    assert erasures.trim(services) == 0
    assert log.read_bytes() == before
    clock.move(seconds=1)
    with log.open("ab") as file:
        file.write(b'{"torn')
    assert erasures.trim(services) == 2
    assert [one.what for one in erasures.since(log).erasures] == [What.BOUNCED]
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_there_is_nothing_to_trim_where_there_is_no_log(services: Services, log: Path) -> None:
    assert erasures.trim(services) == 0
    assert not log.exists()


@pytest.mark.parametrize("effect", ["write", "fsync"])
def test_a_line_that_is_not_on_the_disk_is_said(
    services: Services, monkeypatch: pytest.MonkeyPatch, effect: str
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, effect, full)
    with pytest.raises(StoreError, match="No space left"):
        erasures.note(services, What.ERASED, HMAC)


def test_a_disk_that_takes_half_a_line_is_asked_to_take_the_rest(
    services: Services, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:7]))
    erasures.note(services, What.ERASED, HMAC)
    assert [one.what for one in erasures.since(log).erasures] == [What.ERASED]


def test_a_trim_that_fails_leaves_the_log_as_it_was(
    services: Services, log: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    erasures.note(services, What.ERASED, HMAC)
    clock.move(days=61)
    before = log.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(StoreError):
            erasures.trim(services)
    assert log.read_bytes() == before
    assert erasures.trim(services) == 1


def test_a_log_that_cannot_be_read_is_not_taken_for_none(log: Path) -> None:
    log.mkdir(parents=True)
    with pytest.raises(StoreError, match="cannot be read"):
        erasures.since(log)


def test_no_line_is_lost_to_a_trim_at_the_same_time(
    services: Services, log: Path, clock: Clock
) -> None:
    for _ in range(20):
        erasures.note(services, What.BOUNCED, HMAC)
    clock.move(days=61)

    def note() -> None:
        for _ in range(20):
            erasures.note(services, What.ERASED, HMAC)

    threads = [threading.Thread(target=note) for _ in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        erasures.trim(services)
    erasures.trim(services)
    assert [one.what for one in erasures.since(log).erasures] == [What.ERASED] * 40
