"""What is asked of people and operators by mail: each thing once, and an answer is heeded."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sinkwatch import limits, reminders, signup
from sinkwatch.model import MailKind
from sinkwatch.notify import addresses
from sinkwatch.store import brakes, subscribers, suppressions, throttles
from sinkwatch.store.throttles import Throttle
from tests.mailing import HOME, Town, a_town, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection

    from sinkwatch.model import Message, Subscriber

OPERATOR = "operator@example.net"
WHO = "resident@example.org"


@pytest.fixture
def town(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with a_town(tmp_path, tmp_path_factory.getbasetemp(), operator=OPERATOR) as opened:
        yield opened


def reminds(town: Town) -> list[Message]:
    reminders.remind(town.services, town.store, town.clock())
    return town.delivers()


class TestTheOperator:
    def test_is_told_once_of_a_run_that_waits(self, town: Town) -> None:
        town.resident(WHO)
        run_id = town.happens(brake=True)
        (mail,) = reminds(town)
        assert (mail.kind, mail.recipient) == (MailKind.OPERATOR, OPERATOR)
        assert mail.subject.endswith(f"Run {run_id} waits for you")
        text = text_of(mail)
        assert "It would mail 1 subscribers, more than 10 %." in text
        assert f"`sinkwatch outbox approve {run_id}` lets it go" in text
        assert WHO not in text
        town.clock.move(days=3)
        assert reminds(town) == []
        with town.store.begin() as connection:
            brakes.end(connection, run_id, "approved", town.clock())
        assert reminds(town) == []

    def test_is_told_once_a_day_that_mail_stands_still(self, town: Town) -> None:
        stands = Throttle(
            domain=throttles.ALL,
            paused_until=town.clock() + timedelta(days=2),
            problem="535 5.7.8 the password is wrong",
        )
        other = Throttle(domain="example.org", paused_until=town.clock() + timedelta(days=2))
        with town.store.begin() as connection:
            throttles.keep(connection, stands)
            throttles.keep(connection, other)
        assert reminders.remind(town.services, town.store, town.clock()) == 1
        assert reminders.remind(town.services, town.store, town.clock()) == 0
        with town.store.begin() as connection:
            throttles.lift(connection)
        (mail,) = town.delivers()
        assert "the password is wrong" in text_of(mail)

    def test_is_told_once_a_day_that_sign_up_is_closed(self, town: Town) -> None:
        with town.store.begin() as connection:
            for number in range(100):
                who = f"r{number}@example.org"
                assert limits.may_mail(town.services, connection, who, town.clock())
        (mail,) = reminds(town)
        assert mail.subject.endswith("Sign-up is closed for now")
        assert reminds(town) == []

    def test_who_named_no_address_is_not_written_to(
        self, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        with a_town(tmp_path, tmp_path_factory.getbasetemp()) as town:
            town.resident(WHO)
            town.happens(brake=True)
            assert reminds(town) == []


class TestOldConsents:
    def test_are_asked_about_once_after_two_years(self, town: Town) -> None:
        town.resident(WHO, days=730)
        assert reminds(town) == []  # not a second too early
        town.clock.move(days=1)
        (mail,) = reminds(town)
        assert mail.recipient == WHO
        text = text_of(mail)
        assert "On 22 November 2024 you agreed to e-mails about ground stability near" in text
        assert HOME in text
        assert "the e-mails end on 22 January 2027" in text
        town.clock.move(days=1)
        assert reminds(town) == []

    def test_end_sixty_days_later_without_an_answer(self, town: Town) -> None:
        town.resident(WHO, days=731)
        town.resident("young@example.org", days=700)
        assert len(reminds(town)) == 1
        town.clock.move(days=60)
        assert [mail.recipient for mail in reminds(town)] == ["young@example.org"]
        assert len(town.people()) == 2
        town.clock.move(days=1)
        assert reminds(town) == []
        assert [one.email for one in town.people()] == ["young@example.org"]
        digest = addresses.address_hmac(town.services.secret(), WHO)
        with town.store.read() as connection:
            assert suppressions.reason(connection, digest) == suppressions.UNSUBSCRIBED

    def test_go_on_for_two_more_years_with_one(self, town: Town) -> None:
        person = town.resident(WHO, days=731)
        assert len(reminds(town)) == 1
        town.clock.move(days=59)
        signup.renew(town.services, town.store, person)
        town.clock.move(days=100)
        assert reminds(town) == []
        assert len(town.people()) == 1
        town.clock.move(days=631)
        assert len(reminds(town)) == 1

    def test_do_not_end_for_want_of_an_answer_to_a_mail_that_never_went(self, town: Town) -> None:
        town.resident(WHO, days=731)
        reminders.remind(town.services, town.store, town.clock())
        town.clock.move(days=2)  # the relay is out of reach until the mail expires
        assert town.delivers() == []
        assert len(reminds(town)) == 1  # asked anew
        town.clock.move(days=59)
        reminds(town)
        assert len(town.people()) == 1

    def test_are_looked_at_once_a_day(self, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
        looked = []
        real = subscribers.old_consents

        def look(connection: Connection, before: datetime) -> tuple[Subscriber, ...]:
            looked.append(before)
            return real(connection, before)

        monkeypatch.setattr(subscribers, "old_consents", look)
        for _ in range(3):
            reminds(town)
        town.clock.move(days=1)
        reminds(town)
        town.clock.move(days=-2)  # set back
        reminds(town)
        assert len(looked) == 3

    def test_cut_off_in_the_middle_nobody_is_asked_twice_or_noted_without_a_mail(
        self, town: Town, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        town.resident(WHO, days=731)

        def cut(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(subscribers, "note_asked", cut)
            with pytest.raises(KeyboardInterrupt):
                reminds(town)
        assert town.rows("messages", "message_id") == []
        assert len(reminds(town)) == 1
