"""Commands that look at an installation, or begin one: init, health, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from sinkwatch.cli import DONE, FAILED, options

_MARKS: Final = {True: "ok  ", False: "LOOK", None: "?   "}


@click.command()
@click.argument(
    "folder", default=".", type=click.Path(path_type=Path, file_okay=False), required=False
)
@options.config
def init(*, folder: Path, config_path: Path | None) -> None:
    """Write settings to fill in, and the operator's papers, into FOLDER (this one if not given)."""
    from sinkwatch import starter

    for path in starter.begin(folder, config_path):
        click.echo(f"Wrote {path}")


@click.command()
@options.config
@options.as_json
def health(*, config_path: Path | None, as_json: bool) -> int:
    """Tell whether jobs, outbox and queue do their work; exit code 1 if one does not."""
    from sinkwatch import health as checks
    from sinkwatch.services import open_services

    beats = checks.examine(open_services(config_path))
    if as_json:
        options.echo_json([{"check": b.check, "ok": b.is_ok, "says": b.says} for b in beats])
    else:
        for beat in beats:
            click.echo(f"{_MARKS[beat.is_ok]}  {beat.check}: {beat.says}")
    return DONE if all(beat.is_ok for beat in beats) else FAILED


@click.command()
@options.config
@options.as_json
def doctor(*, config_path: Path | None, as_json: bool) -> int:
    """Check this installation, its relay and its domain, and say what is wrong."""
    from sinkwatch import doctor as checks
    from sinkwatch.services import open_services

    findings = checks.examine(open_services(config_path))
    if as_json:
        options.echo_json([{"check": f.check, "ok": f.is_ok, "says": f.says} for f in findings])
    else:
        for found in findings:
            click.echo(f"{_MARKS[found.is_ok]}  {found.check}: {found.says}")
    # What could not be looked up (None) is neither right nor wrong.
    return FAILED if any(found.is_ok is False for found in findings) else DONE
