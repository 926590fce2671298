"""Commands that keep copies of the database: backup, restore."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sinkwatch.cli import DONE, TROUBLED, options

if TYPE_CHECKING:
    from sinkwatch.safekeeping import Replayed


@click.command()
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to; without it, backups in the state folder.",
)
@options.config
@options.as_json
def backup(*, folder: Path | None, config_path: Path | None, as_json: bool) -> None:
    """Copy the database while it is in use, check the copy, and drop the oldest ones."""
    from sinkwatch import safekeeping
    from sinkwatch.services import open_services

    made = safekeeping.back_up(open_services(config_path), folder)
    if as_json:
        options.echo_json(
            {"path": str(made.path), "n_bytes": made.n_bytes, "n_removed": made.n_removed}
        )
        return
    click.echo(f"Wrote {made.path}, {made.n_bytes / 1e6:.1f} MB; removed {made.n_removed} older")


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--replay",
    "is_replay",
    is_flag=True,
    help="Clear the database in use: for PostgreSQL that its keeper has restored.",
)
@click.option(
    "--made-at",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%MZ", "%Y-%m-%d"]),
    help="With --replay: when that back-up was made, UTC; messages queued since go on waiting.",
)
@options.config
@options.as_json
def restore(
    *,
    file: Path | None,
    is_replay: bool,
    made_at: datetime | None,
    config_path: Path | None,
    as_json: bool,
) -> int:
    """Put the back-up FILE in place, without those who have left since it was made."""
    from sinkwatch import safekeeping
    from sinkwatch.services import open_services

    if is_replay == (file is not None):
        raise click.UsageError("Give a FILE to restore, or --replay, and not both")
    if made_at is not None and not is_replay:
        raise click.UsageError("--made-at goes with --replay; a FILE says itself when it was made")
    services = open_services(config_path)
    if file is not None:
        done = safekeeping.restore(services, file)
    else:
        done = safekeeping.replay(services, until=made_at and made_at.replace(tzinfo=UTC))
    _tell(done, as_json=as_json)
    return TROUBLED if done.remarks else DONE


def _tell(done: Replayed, *, as_json: bool) -> None:
    if as_json:
        options.echo_json(
            {
                "forgotten": done.n_forgotten,
                "places_removed": done.n_places,
                "expired": done.n_expired,
                "made_at": done.made_at and done.made_at.isoformat(),
                "before": done.before and str(done.before),
                "remarks": done.remarks,
            }
        )
        return
    click.echo(
        f"Erased once more: {done.n_forgotten} addresses, {done.n_places} places. "
        f"Given up: {done.n_expired} messages that may have gone already"
    )
    if done.before is not None:
        click.echo(f"The database in use until now: {done.before}")
    for remark in done.remarks:
        click.echo(f"LOOK  {remark}")
