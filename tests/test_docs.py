"""The README keeps up with the program: every command, setting, column and exit code is in it."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import click
import pytest

from sinkwatch import cli, config
from sinkwatch.sources.planning import applications

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"`sinkwatch {name}" in README


@pytest.mark.parametrize("name", config.Settings.model_fields)
def test_every_setting_is_in_the_readme(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize("name", [*applications.REQUIRED, *applications.OPTIONAL])
def test_every_column_of_a_planning_file_is_in_the_readme(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize("setting", config.Settings.model_fields)
def test_the_readme_names_no_default_that_is_not_so(setting: str) -> None:
    field = config.Settings.model_fields[setting]
    row = next(
        line
        for line in README.splitlines()
        if line.startswith("| `") and f"`{setting}`" in line.split("|")[1]
    )
    if isinstance(field.default, str) and field.default:
        assert f"`{field.default}`" in row


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_line_in_help_agrees_with_the_command(name: str) -> None:
    module, line = cli.COMMANDS[name]
    command = getattr(importlib.import_module(module), name)
    assert isinstance(command, click.Command)
    assert line.endswith(".")


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_takes_a_settings_file(name: str) -> None:
    command = getattr(importlib.import_module(cli.COMMANDS[name][0]), name)
    found = [command] if not isinstance(command, click.Group) else list(command.commands.values())
    for one in found:
        assert any(parameter.name == "config_path" for parameter in one.params), one.name


def test_the_pictures_and_files_that_the_readme_names_are_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    for link in links:
        assert (ROOT / link).is_file(), link


def test_the_exit_codes_in_the_readme_are_those_of_the_program() -> None:
    line = next(line for line in README.splitlines() if line.startswith("Exit codes:"))
    assert re.findall(r"\b\d\b", line) == [
        str(code) for code in (cli.DONE, cli.FAILED, cli.WRONG_USE, cli.TROUBLED)
    ]
