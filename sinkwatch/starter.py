"""What an operator begins with: settings to fill in, and the papers that the law asks for."""

from __future__ import annotations

import importlib.resources
import json
import string
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from sinkwatch import config, erasures, reminders, safekeeping
from sinkwatch.config import SETTINGS_FILE, Settings
from sinkwatch.errors import ConfigError
from sinkwatch.store import retention

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PAPERS: Final = "papers"
"""Folder of the operator's papers, in the package and where they are written."""

_WIDTH: Final = 96
_MONTHS_A_YEAR, _DAYS_A_YEAR = 12, 365
_HEADING: Final = (
    "Settings of sinkwatch. Each stands here with its default: take away the # to set another. "
    "SINKWATCH_… in the environment goes before this file, as in SINKWATCH_CONTACT."
)


def begin(folder: Path, config_path: Path | None = None) -> tuple[Path, ...]:
    """
    Write settings to fill in and the operator's papers; nothing that is there is overwritten.

    Parameters
    ----------
    folder
        Where to; it is made if need be.
    config_path
        Settings whose names stand in the papers; None for ``sinkwatch.toml`` here, if there is one.

    Returns
    -------
    paths
        What was written.

    Raises
    ------
    ConfigError
        If one of them is there already, or the folder cannot be written; nothing is, then.
    """
    files = {folder / SETTINGS_FILE: settings_text()}
    facts = _facts(config.load_settings(config_path))
    for paper in _papers():
        text = string.Template(paper.read_text(encoding="utf-8")).substitute(facts)
        files[folder / PAPERS / paper.name] = text
    there = [path for path in files if path.exists()]
    if there:
        raise ConfigError(str(there[0]), "is there already", "Name an empty folder")
    try:
        (folder / PAPERS).mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise ConfigError(
            str(folder), f"cannot be written ({error.strerror})", "Name another folder"
        ) from error
    return tuple(files)


def settings_text() -> str:
    """
    Write a settings file in which every setting stands with its meaning and its default.

    Returns
    -------
    text
        TOML, every setting in a comment, so that it changes nothing as it is.
    """
    return "\n".join([*_commented(_HEADING), "", *_settings_lines()])


def _settings_lines() -> Iterator[str]:
    for names, meaning in _documented():
        yield from _commented(meaning)
        for name in names:
            yield f"# {name} {_default(name)}"
        yield ""


def _default(name: str) -> str:
    """Write a default as TOML, or that there is none."""
    value: Any = Settings.model_fields[name].default
    if value is None:
        return "is unset"
    if isinstance(value, SecretStr | Path):
        value = "" if isinstance(value, SecretStr) else str(value)
    # Of text, numbers, lists and yes or no, TOML writes the same as JSON.
    return f"= {json.dumps(value, ensure_ascii=False)}"


def _documented() -> Iterator[tuple[list[str], str]]:
    """Return what the settings' own docstring says of each, so that this cannot go out of date."""
    section = (Settings.__doc__ or "").partition("Attributes\n")[2]
    names: list[str] = []
    meaning: list[str] = []
    for line in textwrap.dedent(section.partition("\n")[2]).splitlines():
        if line and not line.startswith(" "):
            if names:
                yield names, " ".join(meaning)
            names, meaning = [name.strip() for name in line.split(",")], []
        else:
            meaning.append(line.strip().replace("``", '"'))
    yield names, " ".join(meaning).strip()


def _commented(text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )


def _papers() -> list[Path]:
    folder = Path(str(importlib.resources.files("sinkwatch"))) / PAPERS
    return sorted(folder.glob("*.md"))


def _facts(settings: Settings) -> Mapping[str, str]:
    """Return what stands in the papers, taken from where the program itself takes it."""
    return {
        "area": config.area_of(settings).name,
        "contact": settings.contact,
        "public_url": settings.public_url,
        "sender_domain": settings.sender_domain,
        "unconfirmed_days": str(retention.UNCONFIRMED.days),
        "body_days": str(retention.BODIES.days),
        "outcome_days": str(retention.OUTCOMES.days),
        "tally_days": str(retention.TALLIES.days),
        "ask_again_months": str(reminders.ASK_AGAIN_AFTER.days * _MONTHS_A_YEAR // _DAYS_A_YEAR),
        "answer_days": str(reminders.ANSWER_WITHIN.days),
        "log_days": str(erasures.KEPT.days),
        "backup_days": str(safekeeping.KEPT.days),
        "n_daily": str(safekeeping.N_DAILY),
        "n_weekly": str(safekeeping.N_WEEKLY),
    }
