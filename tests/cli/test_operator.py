"""`subscribers` and `outbox`: the operator's commands."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch.errors import DeliveryError
from sinkwatch.services import open_services
from tests.mailing import Town, plain_maps, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Sinkwatch = Callable[..., Any]


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """The installation that the commands find, with its store open beside them."""
    plain_maps(monkeypatch)
    monkeypatch.chdir(tmp_path)
    services = open_services()
    with services.store() as store:
        yield Town(services, store, services.clock)  # type: ignore[arg-type] - the machine's own


class TestSubscribers:
    def test_are_added_listed_exported_and_erased(self, sinkwatch: Sinkwatch) -> None:
        added = sinkwatch("subscribers", "add", "Resident@EXAMPLE.org", "hg41hs")
        assert added.code == 0
        assert added.out.endswith("for HG4 1HS, 500 m round it\n")
        (held,) = sinkwatch("subscribers", "list", "--json").json
        assert held["email"] == "Resident@example.org"
        assert (held["frequency"], held["paused_until"]) == ("at_once", None)
        assert held["places"] == [
            {
                "postcode": "HG4 1HS",
                "radius_m": 500.0,
                "topics": ["decisions", "flagged", "records"],
            }
        ]
        assert "1 in all" in sinkwatch("subscribers", "list").out
        exported = json.dumps(sinkwatch("subscribers", "export", "Resident@example.org").json)
        assert "asked the operator to be added" in exported
        assert sinkwatch("subscribers", "erase", "Resident@example.org").out == (
            "Erased 1 subscriber\n"
        )
        assert sinkwatch("subscribers", "list", "--json").json == []
        assert sinkwatch("subscribers", "erase", "Resident@example.org").out == (
            "Erased 0 subscribers\n"
        )

    def test_are_added_with_what_they_want_and_how_they_agreed(self, sinkwatch: Sinkwatch) -> None:
        wish = ("--radius-m", "1500", "--topic", "belt", "--topic", "records")
        words = ("--frequency", "weekly", "--consent", "letter of 3 May")
        assert sinkwatch("subscribers", "add", "a@example.org", "HG4 1HS", *wish, *words).code == 0
        (held,) = sinkwatch("subscribers", "list", "--json").json
        assert held["frequency"] == "weekly"
        assert held["places"][0]["topics"] == ["belt", "records"]
        assert held["places"][0]["radius_m"] == 1500.0
        exported = sinkwatch("subscribers", "export", "a@example.org").json
        assert exported["subscriber"]["consent"]["how"] == "letter of 3 May"

    @pytest.mark.parametrize(
        "words", [("--topic", "gossip"), ("--frequency", "hourly"), ("--radius-m", "249")]
    )
    def test_are_not_added_with_what_is_not_offered(
        self, sinkwatch: Sinkwatch, words: tuple[str, ...]
    ) -> None:
        assert sinkwatch("subscribers", "add", "a@example.org", "HG4 1HS", *words).code == 2
        assert sinkwatch("subscribers", "list", "--json").json == []

    def test_are_suppressed_until_an_operator_adds_them_again(
        self, sinkwatch: Sinkwatch, town: Town
    ) -> None:
        town.resident("a@example.org")
        assert sinkwatch("subscribers", "suppress", "A@example.org").out == "Erased 1 subscriber\n"
        assert [reason for (reason,) in town.rows("suppressions", "reason")] == ["operator"]
        assert sinkwatch("subscribers", "add", "a@example.org", "HG4 1HS").code == 0
        assert town.rows("suppressions", "reason") == []

    @pytest.mark.parametrize(
        ("email", "postcode", "code"),
        [
            ("not an address", "HG4 1HS", 2),
            ("a@example.org\nBcc: b@example.org", "HG4 1HS", 2),
            ("a@example.org", "YO1 7HH", 2),
            ("a@example.org", "HG4 9ZZ", 2),
            ("a@example.org", "auction-mart", 2),
        ],
    )
    def test_what_cannot_be_served_is_refused_in_one_line(
        self, sinkwatch: Sinkwatch, email: str, postcode: str, code: int
    ) -> None:
        answer = sinkwatch("subscribers", "add", email, postcode)
        assert answer.code == code
        assert answer.err.count("\n") == 1
        assert sinkwatch("subscribers", "list", "--json").json == []

    def test_nobody_is_subscribed_twice_for_one_place(self, sinkwatch: Sinkwatch) -> None:
        sinkwatch("subscribers", "add", "a@example.org", "HG4 1HS")
        answer = sinkwatch("subscribers", "add", "a@example.org", "HG4 1HS")
        assert answer.code == 1
        assert "a@example.org" not in answer.err


class TestOutbox:
    def test_a_preview_needs_no_subscriber(self, sinkwatch: Sinkwatch, tmp_path: Path) -> None:
        answer = sinkwatch("outbox", "preview", "--place", "HG4 1HS", "--json")
        assert answer.code == 0
        assert (tmp_path / answer.json["eml"]).read_bytes().startswith(b"From: ")
        page = (tmp_path / answer.json["html"]).read_text()
        assert "HG4 1HS" in page
        assert "<script" not in page
        assert not (tmp_path / "var" / "sinkwatch.db").exists()

    def test_a_preview_tells_people_where_it_lies(self, sinkwatch: Sinkwatch) -> None:
        lines = sinkwatch("outbox", "preview", "--place", "hg4 1hs", "--output", "seen").out
        assert "seen/HG4-1HS.html" in lines

    def test_a_preview_that_cannot_be_written_is_one_line(
        self, sinkwatch: Sinkwatch, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("")
        answer = sinkwatch("outbox", "preview", "--place", "HG4 1HS", "--output", "file/seen")
        assert answer.code == 2
        assert "cannot be written" in answer.err

    def test_an_empty_outbox_is_listed_as_that(self, sinkwatch: Sinkwatch) -> None:
        assert sinkwatch("outbox", "list").out == "0 in all\n"
        assert sinkwatch("outbox", "retry").out.startswith("0 back in the queue")

    def test_a_message_that_is_not_there_is_said(self, sinkwatch: Sinkwatch) -> None:
        assert sinkwatch("outbox", "show", "abc").code == 1


class TestApproval:
    def test_a_run_that_waits_is_shown_and_let_go(self, sinkwatch: Sinkwatch, town: Town) -> None:
        assert sinkwatch("outbox", "approve").out == "0 waiting\n"
        town.resident("a@example.org")
        run_id = town.happens(brake=True)
        lines = sinkwatch("outbox", "approve").out.splitlines()
        assert lines[0].startswith(f"Run {run_id} of ")
        assert lines[0].endswith("1 subscribers, more than 10 %")
        assert lines[1] == "    26/1: a site: An application has been submitted: 75 homes."
        assert lines[2] == "1 waiting"
        assert town.posts() == []
        assert sinkwatch("outbox", "approve", str(run_id)).out.startswith(f"Run {run_id} approved")
        assert len(town.posts()) == 1
        again = sinkwatch("outbox", "approve", str(run_id))
        assert again.code == 1
        assert "does not wait for approval" in again.err

    def test_a_run_that_is_discarded_is_told_to_nobody(
        self, sinkwatch: Sinkwatch, town: Town
    ) -> None:
        town.resident("a@example.org")
        run_id = town.happens(brake=True)
        assert sinkwatch("outbox", "discard", str(run_id)).out == (
            f"Run {run_id} discarded; 1 alerts will not be told\n"
        )
        assert town.posts() == []
        assert sinkwatch("outbox", "discard", str(run_id)).code == 1


class TestRetracting:
    def test_who_was_told_will_be_told(self, sinkwatch: Sinkwatch, town: Town) -> None:
        town.resident("a@example.org")
        town.happens()
        (mail,) = town.posts()
        shown = sinkwatch("outbox", "show", mail.message_id[:12]).out
        key = shown.partition("Tells: ")[2].strip()
        answer = sinkwatch("outbox", "retract", key, "It is another site.")
        assert answer.out.startswith("1 subscribers will be told")
        (correction,) = town.posts()
        assert "It is another site." in text_of(correction)

    def test_an_unknown_event_is_one_line(self, sinkwatch: Sinkwatch) -> None:
        answer = sinkwatch("outbox", "retract", "application_new:x:1", "Why not.")
        assert answer.code == 1
        assert answer.err.count("\n") == 1
        assert "is not known" in answer.err


class TestReceiving:
    @pytest.fixture
    def returned(self, town: Town) -> bytes:
        """A mail by which a subscriber asks to leave."""
        person = town.resident("a@example.org")
        token = town.services.sender().leave_token(person.subscriber_id, town.clock())
        domain = town.services.settings.sender_domain
        return f"To: unsubscribe@{domain}\nSubject: {token}\n\n\n".encode()

    def test_a_file_is_acted_on(
        self, sinkwatch: Sinkwatch, town: Town, tmp_path: Path, returned: bytes
    ) -> None:
        (tmp_path / "returned.eml").write_bytes(returned)
        answer = sinkwatch("outbox", "receive", "returned.eml", "--json")
        assert answer.json == {"unsubscribed": 1}
        assert town.people() == ()
        assert sinkwatch("outbox", "receive", "returned.eml").out == (
            "     1  about somebody who has left\n"
        )

    def test_one_mail_is_read_from_standard_input(
        self,
        sinkwatch: Sinkwatch,
        town: Town,
        returned: bytes,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(returned)))
        assert sinkwatch("outbox", "receive", "-").out == "     1  unsubscribed\n"
        assert town.people() == ()

    def test_a_mailbox_that_is_not_there_is_refused(self, sinkwatch: Sinkwatch) -> None:
        assert sinkwatch("outbox", "receive", "gone").code == 2


class TestTestMail:
    def test_goes_at_once_and_is_kept_nowhere(self, sinkwatch: Sinkwatch, town: Town) -> None:
        answer = sinkwatch("outbox", "test", "Me@EXAMPLE.org")
        assert answer.code == 0
        assert answer.out.startswith("Handed over: ")
        assert "HG4 1AD" in answer.out
        (path,) = town.services.settings.mails().glob("*.eml")
        assert b"To: Me@example.org" in path.read_bytes()
        assert town.rows("messages", "message_id") == []

    def test_is_about_the_place_that_is_named(self, sinkwatch: Sinkwatch) -> None:
        assert "HG4 1HS" in sinkwatch("outbox", "test", "me@example.org", "--place", "HG4 1HS").out

    @pytest.mark.parametrize(
        "words", [("no address",), ("a@b.example, c@d.example",), ("me@x.example", "--place", "?")]
    )
    def test_is_refused_in_one_line(self, sinkwatch: Sinkwatch, words: tuple[str, ...]) -> None:
        answer = sinkwatch("outbox", "test", *words)
        assert answer.code == 2
        assert answer.err.count("\n") == 1


class TestListing:
    def test_what_waits_and_what_went_wrong_is_shown_without_an_address(
        self, sinkwatch: Sinkwatch, town: Town
    ) -> None:
        town.resident("a@example.org")
        town.happens()
        town.composes()
        town.mailer.fail_next(
            DeliveryError("it", "550 <a@example.org> is full", "Wait", permanent=True)
        )
        town.delivers()
        out = sinkwatch("outbox", "list").out
        assert "permanent-failure" in out
        assert "550 <[address]> is full" in out
        (row,) = sinkwatch("outbox", "list", "--state", "permanent-failure", "--json").json
        assert (row["kind"], row["attempts"], row["sent_at"]) == ("alert", 1, None)
        assert sinkwatch("outbox", "list", "--state", "sent", "--json").json == []
        assert sinkwatch("outbox", "retry", row["message_id"][:12]).out.startswith("1 back")
        assert len(town.delivers()) == 1
        assert sinkwatch("outbox", "list", "--json").json[0]["sent_at"] is not None

    def test_a_preview_is_opened_if_asked_to(
        self, sinkwatch: Sinkwatch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened: list[str] = []
        monkeypatch.setattr("click.launch", opened.append)
        assert sinkwatch("outbox", "preview", "--place", "HG4 1HS", "--open").code == 0
        assert [Path(path).name for path in opened] == ["HG4-1HS.html"]
