"""Options that several commands share, and how values are printed for programs."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import click

config = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings file; without it, sinkwatch.toml in this folder if there is one.",
)

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")

offline = click.option("--offline", is_flag=True, help="Use what is held and ask no source.")


def log_steps() -> None:
    """Write one line for each step to standard error, as long jobs do."""
    logging.getLogger("sinkwatch").setLevel(logging.INFO)


def echo_json(value: object) -> None:
    """
    Print a value as JSON.

    Parameters
    ----------
    value
        Plain values; anything else is printed as its text.
    """
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
