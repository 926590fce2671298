"""What comes back by mail: what is done about it, and to whom; anything forged does nothing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch import erasures, returns
from sinkwatch.notify import addresses
from sinkwatch.store import retention, subscribers, suppressions
from tests.mailing import Town, a_town, asks, near, one_gazetteer, plain_maps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sinkwatch.model import Message

WHO = "resident@example.org"
DOMAIN = "sinkwatch.example"
LEFT = "about somebody who has left"
BEFORE = "read before"
FOR_NOW = "bounced for now"


@pytest.fixture(autouse=True)
def _plain_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    plain_maps(monkeypatch)


@pytest.fixture
def town(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with a_town(tmp_path, tmp_path_factory.getbasetemp()) as opened:
        yield opened


def told(town: Town, subject: str = "26/1") -> Message:
    """Let everybody be told of something; return the first mail."""
    town.happens(near(subject))
    return town.posts()[0]


def a_bounce(message: Message, status: str = "5.1.1", said: str = "550 no such user") -> bytes:
    return _report(
        message.envelope_sender,
        "delivery-status",
        "Reporting-MTA: dns; relay.example.org\n\n"
        f"Final-Recipient: rfc822; {message.recipient}\nAction: failed\nStatus: {status}\n"
        f"Diagnostic-Code: smtp; {said}\n",
        f"To: {message.recipient}\n",
    )


def a_complaint(*fields: str) -> bytes:
    return _report(
        f"complaints@{DOMAIN}",
        "feedback-report",
        "Feedback-Type: abuse\nVersion: 1\n",
        "".join(f"{line}\n" for line in fields),
    )


def _report(to: str, kind: str, machine: str, original: str) -> bytes:
    return (
        f"To: {to}\nContent-Type: multipart/report; report-type={kind}; boundary=b\n\n"
        "--b\nContent-Type: text/plain\n\nReturned.\n"
        f"--b\nContent-Type: message/{kind}\n\n{machine}\n"
        f"--b\nContent-Type: message/rfc822\n\n{original}\nWords.\n--b--\n"
    ).encode()


def receive(town: Town, *mails: bytes) -> dict[str, int]:
    return returns.receive(town.services, town.store, mails)


def reason(town: Town, email: str = WHO) -> str:
    digest = addresses.address_hmac(town.services.secret(), email)
    with town.store.read() as connection:
        return suppressions.reason(connection, digest)


def moves(town: Town, to: str = "new@example.org") -> None:
    with town.store.begin() as connection:
        who = town.person().subscriber_id
        subscribers.change_address(connection, who, to, town.clock())


class TestHardBounces:
    def test_end_it_and_are_logged(self, town: Town) -> None:
        town.resident(WHO)
        mail = told(town)
        assert receive(town, a_bounce(mail)) == {"bounced": 1}
        assert town.people() == ()
        assert reason(town) == suppressions.BOUNCED
        (line,) = erasures.since(erasures.log_file(town.services)).erasures
        assert line.what is erasures.What.BOUNCED
        assert receive(town, a_bounce(mail)) == {LEFT: 1}

    def test_of_a_confirmation_end_the_request(
        self, town: Town, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one_gazetteer(monkeypatch)
        asks(town, WHO)
        (mail,) = town.posts()
        assert receive(town, a_bounce(mail)) == {"bounced": 1}
        assert reason(town) == suppressions.BOUNCED
        assert town.rows("signups", "signup_id") == []
        town.clock.move(days=1)
        asks(town, WHO)
        assert town.posts() == []

    def test_of_an_address_that_was_left_hurt_nobody(self, town: Town) -> None:
        town.resident(WHO)
        mail = told(town)
        moves(town)
        assert receive(town, a_bounce(mail)) == {"bounced": 1}
        assert town.person().email == "new@example.org"
        assert reason(town) == suppressions.BOUNCED
        assert reason(town, "new@example.org") == ""
        assert receive(town, a_bounce(mail)) == {BEFORE: 1}

    def test_of_a_mail_whose_address_is_forgotten_do_nothing(self, town: Town) -> None:
        town.resident(WHO)
        mail = told(town)
        town.clock.move(days=31)
        with town.store.begin() as connection:
            retention.tidy(connection, town.clock())
        assert receive(town, a_bounce(mail)) == {LEFT: 1}
        assert len(town.people()) == 1


class TestSoftBounces:
    FULL = ("5.2.2", "552 mailbox full")

    def test_on_five_days_end_it(self, town: Town) -> None:
        town.resident(WHO)
        outcomes = []
        for number in range(5):
            outcomes.append(receive(town, a_bounce(told(town, f"26/{number}"), *self.FULL)))
            town.clock.move(days=1)
        assert outcomes == [{FOR_NOW: 1}] * 4 + [{"bounced": 1}]
        assert town.people() == ()
        assert reason(town) == suppressions.BOUNCED

    def test_the_same_report_read_on_five_days_counts_once(self, town: Town) -> None:
        town.resident(WHO)
        report = a_bounce(told(town), *self.FULL)
        outcomes = []
        for _ in range(6):
            outcomes.append(receive(town, report))
            town.clock.move(days=1)
        assert outcomes == [{FOR_NOW: 1}] + [{BEFORE: 1}] * 5
        assert town.rows("subscribers", "bounce_score") == [(1,)]

    def test_of_an_address_that_was_left_count_against_nobody(self, town: Town) -> None:
        town.resident(WHO)
        mail = told(town)
        moves(town)
        assert receive(town, a_bounce(mail, *self.FULL)) == {LEFT: 1}
        assert town.rows("subscribers", "bounce_score") == [(0,)]

    @pytest.mark.parametrize(
        ("status", "said"), [("5.7.1", "550 5.7.1 policy"), ("5.4.5", "550 5.4.5 limit")]
    )
    def test_for_a_reason_of_ours_count_against_nobody(
        self, town: Town, caplog: pytest.LogCaptureFixture, status: str, said: str
    ) -> None:
        town.resident(WHO)
        with caplog.at_level(logging.INFO, "sinkwatch"):
            outcome = receive(town, a_bounce(told(town), status, said))
        assert outcome == {"bounced for a reason that is not the recipient's": 1}
        assert town.rows("subscribers", "bounce_score") == [(0,)]
        assert status in caplog.text
        assert WHO not in caplog.text


class TestComplaints:
    def test_end_it_by_the_message_that_they_are_about(self, town: Town) -> None:
        town.resident(WHO)
        mail = told(town)
        about = a_complaint(f"Return-Path: <{mail.envelope_sender}>")
        assert receive(town, about) == {"complained": 1}
        assert town.people() == ()
        assert reason(town) == suppressions.COMPLAINED
        assert receive(town, about) == {LEFT: 1}

    def test_end_it_by_the_link_to_leave_alone(self, town: Town) -> None:
        person = town.resident(WHO)
        token = town.services.sender().leave_token(person.subscriber_id, town.clock())
        link = f"List-Unsubscribe: <mailto:unsubscribe@{DOMAIN}?subject={token}>"
        assert receive(town, a_complaint(link)) == {"complained": 1}
        assert town.people() == ()
        assert reason(town) == suppressions.COMPLAINED

    def test_about_a_confirmation_that_nobody_asked_for_end_those_too(
        self, town: Town, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one_gazetteer(monkeypatch)
        asks(town, WHO)
        (mail,) = town.posts()
        about = a_complaint(f"Return-Path: <{mail.envelope_sender}>")
        assert receive(town, about) == {"complained": 1}
        assert reason(town) == suppressions.COMPLAINED
        assert town.rows("signups", "signup_id") == []

    def test_at_an_address_that_was_left_leave_the_new_one_alone(self, town: Town) -> None:
        town.resident(WHO)
        mail = told(town)
        moves(town)
        about = a_complaint(f"Return-Path: <{mail.envelope_sender}>")
        assert receive(town, about) == {"complained": 1}
        assert town.person().email == "new@example.org"
        assert reason(town) == suppressions.COMPLAINED


class TestLeavingByMail:
    def request(self, token: str) -> bytes:
        return f"From: {WHO}\nTo: unsubscribe@{DOMAIN}\nSubject: {token}\n\n\n".encode()

    def test_ends_it_and_a_second_time_does_nothing(self, town: Town) -> None:
        person = town.resident(WHO)
        token = town.services.sender().leave_token(person.subscriber_id, town.clock())
        assert receive(town, self.request(token)) == {"unsubscribed": 1}
        assert reason(town) == suppressions.UNSUBSCRIBED
        assert receive(town, self.request(token)) == {LEFT: 1}


class TestForgeries:
    def test_do_nothing_and_stop_nothing(self, town: Town) -> None:
        person = town.resident(WHO)
        mail = told(town)
        local = addresses.local_part(mail.message_id)
        forged = f"bounces+{local}.aaaaaaaaaaaaaaaa@{DOMAIN}"
        bad = a_bounce(mail).replace(mail.envelope_sender.encode(), forged.encode())
        token = f"{person.subscriber_id}.abc.def"
        outcomes = receive(
            town,
            b"",
            b"\xff\xfe\x00 not a mail",
            bad,
            a_complaint(f"Message-ID: <{mail.message_id}>"),
            a_complaint(f"List-Unsubscribe: <https://{DOMAIN}/u/{token}>"),
            f"To: unsubscribe@{DOMAIN}\nSubject: {token}\n\n".encode(),
        )
        assert sum(outcomes.values()) == 6
        assert all(outcome.startswith("ignored: ") for outcome in outcomes)
        assert town.person() == person
        assert receive(town, bad, a_bounce(mail))["bounced"] == 1

    def test_one_about_a_message_that_we_never_sent_does_nothing(self, town: Town) -> None:
        town.resident(WHO)
        message_id = town.services.new_message_id()
        signer = town.services.sender().signer
        mail: Any = told(town)
        ours = a_bounce(mail).replace(
            mail.envelope_sender.encode(), signer.bounce_address(message_id, DOMAIN).encode()
        )
        assert receive(town, ours) == {LEFT: 1}
        assert len(town.people()) == 1

    def test_the_address_that_the_relay_names_counts(self, town: Town) -> None:
        town.resident(WHO)
        mail = told(town)
        report = a_bounce(mail).replace(mail.envelope_sender.encode(), b"someone@example.net")
        assert receive(town, report) == {
            "ignored: names no message of ours by an address that we signed": 1
        }
        found = returns.receive(town.services, town.store, [report], recipient=mail.envelope_sender)
        assert found == {"bounced": 1}
