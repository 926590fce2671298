"""What an operator begins with says what the program does, and overwrites nothing."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from sinkwatch import config, safekeeping, starter
from sinkwatch.errors import ConfigError
from sinkwatch.store import retention

if TYPE_CHECKING:
    from pathlib import Path

PAPERS = ("breach.md", "deployment.md", "dpia.md", "ico-fee.md", "record-of-processing.md")
BANNED = ("safe ", "no risk", "will collapse", "danger zone", "guarantee", "caused by", "urgent")


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def uncommented(text: str) -> dict[str, object]:
    lines = [line.removeprefix("# ") for line in text.splitlines()]
    return tomllib.loads("\n".join(line for line in lines if re.match(r"[a-z_]+ = ", line)))


def test_the_settings_change_nothing_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "sinkwatch.toml").write_text(starter.settings_text())
    assert tomllib.loads(starter.settings_text()) == {}
    assert config.load_settings().model_dump() == config.Settings().model_dump()


def test_every_setting_stands_there_with_its_default(tmp_path: Path) -> None:
    text = starter.settings_text()
    for name in config.Settings.model_fields:
        assert len(re.findall(rf"^# {name} (= .*|is unset)$", text, re.MULTILINE)) == 1, name
    assert uncommented(text)["run_at"] == "06:00"
    lines = [f"{line}\n" for line in text.splitlines()]
    set_all = "".join(re.sub(r"^# ([a-z_]+ = )", r"\1", line) for line in lines)
    (tmp_path / "all.toml").write_text(set_all)
    loaded = config.load_settings(tmp_path / "all.toml")
    assert loaded.model_dump() == config.Settings().model_dump()


def test_every_setting_is_explained_in_lines_that_fit_a_terminal() -> None:
    text = starter.settings_text()
    assert max(map(len, text.splitlines())) <= 100
    for paragraph in text.split("\n\n")[1:]:
        first, *_ = paragraph.splitlines()
        assert not re.match(r"# [a-z_]+ (=|is unset)", first), first


def test_the_papers_hold_the_facts_of_the_program_and_of_the_settings(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('contact = "me@ripon.org"\nsender_domain = "alerts.ripon.org"\n')
    written = starter.begin(tmp_path / "new", own)
    assert [path.name for path in written] == ["sinkwatch.toml", *PAPERS]
    papers = {name: (tmp_path / "new" / "papers" / name).read_text() for name in PAPERS}
    for text in papers.values():
        assert "$" not in text
    record = papers["record-of-processing.md"]
    assert f"| {retention.UNCONFIRMED.days} days |" in record
    assert f"at most {safekeeping.KEPT.days} days" in record
    assert "after 24 months they are asked" in record
    assert "me@ripon.org" in record
    assert "72 hours" in papers["breach.md"]
    assert "`bounces+…@alerts.ripon.org`" in papers["deployment.md"]
    assert "`List-Unsubscribe` and `List-Unsubscribe-Post`" in papers["deployment.md"]


def test_the_papers_use_no_word_that_mails_may_not_use(tmp_path: Path) -> None:
    for path in starter.begin(tmp_path / "new"):
        text = path.read_text().lower()
        assert not [word for word in BANNED if word in text], path.name


@pytest.mark.parametrize("name", ["sinkwatch.toml", "papers/dpia.md"])
def test_nothing_that_is_there_is_overwritten_and_then_nothing_is_written(
    tmp_path: Path, name: str
) -> None:
    mine = tmp_path / "new" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("# mine\n")
    with pytest.raises(ConfigError, match="is there already"):
        starter.begin(tmp_path / "new")
    assert mine.read_text() == "# mine\n"
    assert [path for path in (tmp_path / "new").rglob("*") if path.is_file()] == [mine]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        starter.begin(tmp_path / "file" / "new")
