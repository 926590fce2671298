"""One round of the mailroom: each part is done, and none keeps the others from theirs."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch import compose, mailroom, reminders, signup
from sinkwatch.errors import DataError, StoreError
from sinkwatch.model import Outcome
from sinkwatch.store import Store, jobs, retention
from tests.mailing import Town, a_town, near, plain_maps, surveyed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection

    from sinkwatch.model import Message

WHO = "resident@example.org"


@pytest.fixture(autouse=True)
def _plain_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    plain_maps(monkeypatch)


@pytest.fixture
def town(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with a_town(tmp_path, tmp_path_factory.getbasetemp()) as opened:
        yield opened


@pytest.fixture
def works(town: Town) -> Callable[[], int]:
    return lambda: mailroom.work(town.services, town.store, surveyed=surveyed)


def held(town: Town, words: str = WHO) -> bool:
    """Tell whether words stand in any file of the database."""
    return any(
        words.encode() in path.read_bytes()
        for path in town.services.settings.state_folder.glob("sinkwatch.db*")
    )


def fails(error: Exception) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def test_what_is_due_is_written_and_goes_in_one_round(town: Town, works: Callable[[], int]) -> None:
    town.resident(WHO)
    town.happens()
    assert works() == 1
    assert works() == 0
    assert len(list(town.services.settings.mails().glob("*.eml"))) == 1


def test_without_findings_at_hand_the_copies_held_are_read_but_once(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, found = [], surveyed()
    monkeypatch.setattr(mailroom.intake, "recall", lambda _: asked.append(1))
    monkeypatch.setattr(mailroom.survey, "surveyed", lambda *_: found)
    assert mailroom.work(town.services, town.store) == 0
    assert asked == []  # nothing is due, so nothing is read
    town.resident(WHO)
    town.happens()
    assert mailroom.work(town.services, town.store) == 1
    assert asked == [1]


def test_no_message_is_begun_after_twenty_seconds(
    town: Town, works: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        town.resident(f"r{number}@example.org")
    town.happens()

    class Slow(type(town.mailer)):  # type: ignore[misc]
        def send(self, message: Message) -> None:
            super().send(message)
            town.clock.move(seconds=8)

    slow = Slow()
    monkeypatch.setattr(type(town.services), "mailer", lambda _: slow)
    assert works() == 3
    assert works() == 1


class TestOneFault:
    @pytest.mark.parametrize(
        ("error", "says"),
        [
            (DataError("the inventory", "cannot be read", "Restore it"), "cannot be read"),
            (RuntimeError(f"about {WHO}"), "RuntimeError, a fault in sinkwatch"),
        ],
    )
    @pytest.mark.parametrize("part", [(compose, "compose"), (reminders, "remind")])
    def test_costs_neither_what_is_written_already_nor_the_wiping(  # noqa: PLR0913, PLR0917 - fixtures and cases
        self,
        town: Town,
        works: Callable[[], int],
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        part: tuple[Any, str],
        error: Exception,
        says: str,
    ) -> None:
        gone = town.resident("gone@example.org")
        town.resident(WHO)
        town.happens()
        town.composes()
        signup.erase(town.services, town.store, gone)
        monkeypatch.setattr(*part, fails(error))
        with caplog.at_level(logging.ERROR):
            assert works() == 1
        assert says in caplog.text
        assert WHO not in caplog.text
        assert not held(town, "gone@example.org")

    def test_of_the_database_ends_the_round(
        self, town: Town, works: Callable[[], int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        town.resident(WHO)
        monkeypatch.setattr(compose, "compose", fails(StoreError("it", "is full", "Free some")))
        with pytest.raises(StoreError):
            works()


class TestWiping:
    def test_nothing_is_left_within_a_minute_however_many_leave(
        self, town: Town, works: Callable[[], int]
    ) -> None:
        for number in range(6):
            person = town.resident(f"r{number}@example.org")
            signup.erase(town.services, town.store, person)
            works()
            town.clock.move(seconds=12)
        works()
        assert not any(held(town, f"r{number}@example.org") for number in range(6))

    def test_the_file_is_not_written_anew_for_each_who_leaves(
        self, town: Town, works: Callable[[], int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wiped = []
        real = Store.checkpoint
        monkeypatch.setattr(Store, "checkpoint", lambda store: wiped.append(real(store)))
        for number in range(10):
            person = town.resident(f"r{number}@example.org")
            signup.erase(town.services, town.store, person)
            works()
            town.clock.move(seconds=5)
        assert len(wiped) == 2
        town.clock.move(seconds=30)
        works()
        works()
        assert len(wiped) == 3

    def test_who_leaves_while_it_is_done_is_wiped_by_the_next(
        self, town: Town, works: Callable[[], int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = town.resident("first@example.org"), town.resident("second@example.org")
        signup.erase(town.services, town.store, first)
        real = Store.checkpoint

        def checkpoint(store: Store) -> None:
            real(store)
            monkeypatch.setattr(Store, "checkpoint", real)
            signup.erase(town.services, town.store, second)

        monkeypatch.setattr(Store, "checkpoint", checkpoint)
        works()
        town.clock.move(seconds=31)
        works()
        assert not held(town, "first@example.org")
        assert not held(town, "second@example.org")
        with town.store.read() as connection:
            row = jobs.get(connection, signup.WIPE)
        assert row is not None
        assert row.failures == 0

    def test_if_it_cannot_be_done_the_mail_goes_and_the_next_round_tries_again(
        self, town: Town, works: Callable[[], int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gone = town.resident("gone@example.org")
        town.resident(WHO)
        town.happens()
        signup.erase(town.services, town.store, gone)
        with monkeypatch.context() as patched:
            patched.setattr(Store, "checkpoint", fails(StoreError("it", "is busy", "Wait")))
            assert works() == 1
        town.clock.move(seconds=1)
        works()
        assert not held(town, "gone@example.org")

    def test_a_clock_that_was_set_back_delays_nothing(
        self, town: Town, works: Callable[[], int]
    ) -> None:
        signup.erase(town.services, town.store, town.resident("first@example.org"))
        works()
        town.clock.move(days=-3)
        signup.erase(town.services, town.store, town.resident("second@example.org"))
        works()
        assert not held(town, "second@example.org")


class TestTidying:
    def test_happens_once_a_day(
        self, town: Town, works: Callable[[], int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tidied = []
        real = retention.tidy

        def tidy(connection: Connection, now: datetime) -> int:
            tidied.append(now)
            return real(connection, now)

        monkeypatch.setattr(retention, "tidy", tidy)
        start = town.clock()
        for hours in (0, 1, 23, 24, 25, 10):
            town.clock.now = start + timedelta(hours=hours)
            works()
        # Ten o'clock, shown again by a clock that was set back, is another day's beginning.
        assert [at - start for at in tidied] == [timedelta(hours=h) for h in (0, 24, 10)]

    def test_leaves_no_byte_of_what_it_deletes(self, town: Town, works: Callable[[], int]) -> None:
        town.resident(WHO)
        town.happens(near(title="A title that stands in the mail alone"))
        works()
        assert held(town, "Content-Transfer-Encoding")
        town.clock.move(days=31)
        works()
        assert town.rows("messages", "state", "mime")[0] == (Outcome.SENT, b"")
        assert not held(town, "Content-Transfer-Encoding")
