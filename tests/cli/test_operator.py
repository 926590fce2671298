"""`subscribers`, `outbox` and `doctor`: the operator's commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Sinkwatch = Callable[..., Any]


class TestSubscribers:
    def test_are_added_listed_exported_and_erased(self, sinkwatch: Sinkwatch) -> None:
        assert sinkwatch("subscribers", "add", "Resident@EXAMPLE.org", "hg41hs").code == 0
        (held,) = sinkwatch("subscribers", "list", "--json").json
        assert held["email"] == "Resident@example.org"
        assert held["postcode"] == "HG4 1HS"
        assert "1 in all" in sinkwatch("subscribers", "list").out
        exported = json.dumps(sinkwatch("subscribers", "export", "Resident@example.org").json)
        assert "asked the operator to be added" in exported
        assert sinkwatch("subscribers", "erase", "Resident@example.org").out == (
            "Erased 1 subscription\n"
        )
        assert sinkwatch("subscribers", "list", "--json").json == []
        assert sinkwatch("subscribers", "erase", "Resident@example.org").out == (
            "Erased 0 subscriptions\n"
        )

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


class TestDoctor:
    def test_a_new_installation_is_well(self, sinkwatch: Sinkwatch) -> None:
        answer = sinkwatch("doctor")
        assert answer.code == 0, answer.out
        assert "OSTN15 test point TP31 is met to" in answer.out

    def test_one_that_has_run_tells_its_journal_mode(self, sinkwatch: Sinkwatch) -> None:
        sinkwatch("run")
        found = {one["check"]: one for one in sinkwatch("doctor", "--json").json}
        assert all(one["ok"] for one in found.values())
        assert "journal" in found["database"]["says"]

    def test_a_database_that_others_can_read_is_pointed_out(
        self, sinkwatch: Sinkwatch, tmp_path: Path
    ) -> None:
        sinkwatch("run")
        (tmp_path / "var" / "sinkwatch.db").chmod(0o644)
        answer = sinkwatch("doctor")
        assert answer.code == 1
        assert "others on this machine can read it" in answer.out

    def test_a_database_that_is_none_is_pointed_out(
        self, sinkwatch: Sinkwatch, tmp_path: Path
    ) -> None:
        (tmp_path / "var").mkdir(mode=0o700)
        (tmp_path / "var" / "sinkwatch.db").write_bytes(b"not a database" * 100)
        (tmp_path / "var" / "sinkwatch.db").chmod(0o600)
        answer = sinkwatch("doctor", "--json")
        assert answer.code == 1
        assert not next(one for one in answer.json if one["check"] == "database")["ok"]

    def test_a_relay_is_described_without_its_password(
        self, sinkwatch: Sinkwatch, tmp_path: Path
    ) -> None:
        (tmp_path / "sinkwatch.toml").write_text(
            'mail_transport = "smtp"\nsmtp_host = "relay.ripon.org"\nsmtp_password = "hush"\n'
            'sender_domain = "ripon.org"\npublic_url = "https://ripon.org"\n'
            'contact = "a@ripon.org"\n'
        )
        answer = sinkwatch("doctor")
        assert "relay.ripon.org:587, starttls, verified" in answer.out
        assert "hush" not in answer.out
