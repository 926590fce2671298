"""`subscribers` and `outbox`: the operator's commands."""

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
