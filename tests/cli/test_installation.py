"""`init`, `doctor`, `health`, `backup` and `restore`: words in; exit code and lines out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.resolver
import pytest

from sinkwatch.cli.installation import doctor

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Sinkwatch


class TestInit:
    def test_settings_and_papers_are_written_once(
        self, sinkwatch: Sinkwatch, tmp_path: Path
    ) -> None:
        answer = sinkwatch("init")
        assert answer.code == 0
        assert answer.out.count("Wrote ") == 6
        assert (tmp_path / "papers" / "breach.md").is_file()
        assert sinkwatch("health").code == 1  # the settings are read, and say nothing wrong
        again = sinkwatch("init")
        assert again.code == 2
        assert again.err.count("\n") == 1
        assert sinkwatch("init", "other").code == 0


class TestHealth:
    def test_an_installation_that_never_ran_is_not_well(self, sinkwatch: Sinkwatch) -> None:
        answer = sinkwatch("health")
        assert answer.code == 1
        assert answer.out == "LOOK  database: has not been made yet: make a first run\n"

    def test_each_check_is_a_value_for_programs(self, sinkwatch: Sinkwatch) -> None:
        sinkwatch("subscribers", "list")  # makes the database
        answer = sinkwatch("health", "--json")
        assert answer.code == 1
        by_check = {one["check"]: one["ok"] for one in answer.json}
        assert by_check == {"job daily-run": False, "outbox": True, "queue": True, "runs": True}


class TestBackup:
    def test_a_copy_is_made_and_put_back(self, sinkwatch: Sinkwatch, tmp_path: Path) -> None:
        sinkwatch("subscribers", "add", "a@example.org", "HG4 1HS", "--topic", "flagged")
        made = sinkwatch("backup", "--json")
        assert made.code == 0
        sinkwatch("subscribers", "erase", "a@example.org")
        restored = sinkwatch("restore", made.json["path"])
        assert restored.code == 0, restored
        assert restored.out.startswith("Erased once more: 1 addresses, 0 places. Given up: ")
        assert sinkwatch("subscribers", "list", "--json").json == []
        assert (tmp_path / "var" / "sinkwatch.db.before-restore").is_file()

    def test_a_restore_without_an_erasure_log_is_troubled(self, sinkwatch: Sinkwatch) -> None:
        sinkwatch("subscribers", "list")
        made = sinkwatch("backup", "--to", "usb")
        assert made.out.startswith("Wrote usb/sinkwatch-")
        answer = sinkwatch("restore", *(made.out.split(",")[0].removeprefix("Wrote "),), "--json")
        assert answer.code == 3
        assert answer.json["forgotten"] == 0
        assert "There is no erasure log here" in answer.json["remarks"][0]

    def test_a_server_is_cleared_in_place(self, sinkwatch: Sinkwatch) -> None:
        sinkwatch("subscribers", "list")
        answer = sinkwatch("restore", "--replay", "--made-at", "2026-11-22T09:30Z")
        assert answer.code == 3
        assert "LOOK  There is no erasure log here" in answer.out

    @pytest.mark.parametrize(
        "words",
        [
            ("restore",),
            ("restore", "file.db", "--replay"),
            ("restore", "file.db", "--made-at", "2026-11-22"),
            ("restore", "--replay", "--made-at", "yesterday"),
        ],
    )
    def test_what_is_not_clear_is_refused(
        self, sinkwatch: Sinkwatch, words: tuple[str, ...]
    ) -> None:
        assert sinkwatch(*words).code == 2

    @pytest.mark.parametrize("words", [("backup",), ("restore", "gone.db")])
    def test_what_is_not_there_is_one_line(
        self, sinkwatch: Sinkwatch, words: tuple[str, ...]
    ) -> None:
        answer = sinkwatch(*words)
        assert answer.code == 1
        assert answer.err.count("\n") == 1


class TestDoctor:
    def test_a_new_installation_is_well(self, sinkwatch: Sinkwatch) -> None:
        answer = sinkwatch("doctor")
        assert answer.code == 0, answer.out
        assert "OSTN15 test point TP31 is met to" in answer.out

    def test_one_with_a_database_tells_its_journal_mode(self, sinkwatch: Sinkwatch) -> None:
        sinkwatch("subscribers", "list")
        found = {one["check"]: one for one in sinkwatch("doctor", "--json").json}
        assert all(one["ok"] for one in found.values())
        assert "journal" in found["database"]["says"]

    def test_a_database_that_others_can_read_is_pointed_out(
        self, sinkwatch: Sinkwatch, tmp_path: Path
    ) -> None:
        sinkwatch("subscribers", "list")
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

    def test_a_relay_out_of_reach_is_described_without_its_password(
        self, sinkwatch: Sinkwatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unset(*_: object) -> None:
            raise dns.resolver.NoResolverConfiguration

        monkeypatch.setattr("dns.resolver.Resolver.read_resolv_conf", unset)
        (tmp_path / "sinkwatch.toml").write_text(
            'mail_transport = "smtp"\nsmtp_host = "127.0.0.1"\nsmtp_port = 9\n'
            'smtp_password = "hush"\nsender_domain = "ripon.org"\n'
            'public_url = "https://ripon.org"\ncontact = "a@ripon.org"\nonline = false\n'
        )
        answer = sinkwatch("doctor")
        assert answer.code == 1
        assert "127.0.0.1:9, starttls, verified" in answer.out
        assert "LOOK  relay: " in answer.out
        assert "?     SPF: could not be looked up (no resolver configuration)" in answer.out
        assert "hush" not in answer.out

    def test_help_says_what_is_looked_at(self) -> None:
        assert "its relay and its domain" in str(doctor.help)
