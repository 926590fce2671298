"""How often anybody may ask: exactly that often, and counted without knowing who."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sinkwatch import limits
from sinkwatch.errors import LimitError
from tests.mailing import Town, a_town

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WHO = "resident@example.org"


@pytest.fixture
def town(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with a_town(tmp_path, tmp_path_factory.getbasetemp()) as opened:
        yield opened


def posts(town: Town, client: str = "192.0.2.1", times: int = 1) -> None:
    with town.store.begin() as connection:
        for _ in range(times):
            limits.count_post(town.services, connection, client, town.clock())


def may(town: Town, email: str = WHO) -> bool:
    with town.store.begin() as connection:
        return limits.may_mail(town.services, connection, email, town.clock())


def refused(town: Town, client: str = "192.0.2.1") -> LimitError:
    with pytest.raises(LimitError) as error:
        posts(town, client)
    return error.value


class TestForms:
    def test_five_in_ten_minutes_and_not_one_more(self, town: Town) -> None:
        posts(town, times=5)
        town.clock.move(minutes=10, seconds=-1)
        error = refused(town)
        assert (error.retry_after_s, error.is_closed) == (600, False)
        assert "192.0.2.1" not in str(error)
        town.clock.move(seconds=1)
        posts(town, times=5)

    def test_twenty_a_day_and_not_one_more(self, town: Town) -> None:
        for _ in range(4):
            posts(town, times=5)
            town.clock.move(minutes=10)
        error = refused(town)
        assert (error.retry_after_s, error.is_closed) == (86_400, False)
        town.clock.move(hours=23, minutes=20, seconds=-1)
        refused(town)
        town.clock.move(seconds=1)
        posts(town)

    def test_what_was_refused_is_not_counted(self, town: Town) -> None:
        posts(town, times=5)
        for _ in range(30):
            refused(town)
        town.clock.move(minutes=10)
        posts(town, times=5)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"),
            ("2001:db8:0:0:1::", "2001:DB8::2"),
            ("192.0.2.1", "::ffff:192.0.2.1"),
            ("a unix socket", "a unix socket"),
        ],
    )
    def test_count_together_if_one_household_sends_them(
        self, town: Town, one: str, other: str
    ) -> None:
        posts(town, one, times=5)
        refused(town, other)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("2001:db8::1", "2001:db8:0:1::1"),
            ("192.0.2.1", "192.0.2.2"),
            ("a unix socket", "another"),
        ],
    )
    def test_count_apart_if_two_do(self, town: Town, one: str, other: str) -> None:
        posts(town, one, times=5)
        posts(town, other)

    def test_the_address_of_a_client_is_kept_nowhere(self, town: Town) -> None:
        posts(town)
        ((bucket,),) = town.rows("tallies", "bucket")
        assert bucket.startswith("post:")
        assert "192.0.2" not in bucket


class TestMails:
    def test_one_in_a_quarter_three_in_a_day_five_in_a_month(self, town: Town) -> None:
        gone = []
        start = town.clock()
        for at in (
            timedelta(0),
            timedelta(minutes=15, seconds=-1),
            timedelta(minutes=15),
            timedelta(minutes=30),
            timedelta(hours=24, seconds=-1),
            timedelta(hours=24),
            timedelta(hours=24, minutes=15),
            timedelta(days=29),
            timedelta(days=30, seconds=-1),
            timedelta(days=30),
        ):
            town.clock.now = start + at
            gone.append(may(town))
        # yes, too soon, yes, yes, fourth of the day, yes (4), yes (5), sixth of the month, …, yes
        assert gone == [True, False, True, True, False, True, True, False, False, True]

    @pytest.mark.parametrize(
        "same",
        ["RESIDENT@example.org", "resi.dent@example.org", "resident+x@example.org", WHO],
    )
    def test_spellings_of_one_mailbox_count_together(self, town: Town, same: str) -> None:
        assert may(town)
        assert not may(town, same)

    def test_two_mailboxes_count_apart(self, town: Town) -> None:
        assert may(town)
        assert may(town, "resident2@example.org")
        assert may(town, "resident@example.com")

    def test_an_address_is_kept_nowhere(self, town: Town) -> None:
        may(town)
        assert not any("resident" in bucket for (bucket,) in town.rows("tallies", "bucket"))

    def test_after_a_hundred_in_an_hour_forms_are_closed_to_all(self, town: Town) -> None:
        for number in range(100):
            with town.store.read() as connection:
                assert not limits.is_closed(connection, town.clock())
            posts(town, f"10.0.0.{number}")
            assert may(town, f"r{number}@example.org")
        assert not may(town, "another@example.org")
        error = refused(town, "198.51.100.1")
        assert (error.retry_after_s, error.is_closed) == (3_600, True)
        with town.store.read() as connection:
            assert limits.is_closed(connection, town.clock())
        town.clock.move(hours=1)
        posts(town, "198.51.100.1")
        assert may(town, "another@example.org")

    def test_what_may_not_go_is_not_counted(self, town: Town) -> None:
        assert may(town)
        for _ in range(10):
            assert not may(town)
        town.clock.move(minutes=15)
        assert may(town)
        assert len(town.rows("tallies", "bucket")) == 4  # two of the address, two of everybody
