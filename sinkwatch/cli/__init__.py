"""The command line: parse, call one verb, print. Each command is imported when it is called."""

from __future__ import annotations

import importlib
import logging
import sys
from typing import TYPE_CHECKING, Final

import click

from sinkwatch import __version__
from sinkwatch.errors import ConfigError, DataError, PlaceError, SchemaError, SinkwatchError

if TYPE_CHECKING:
    from collections.abc import Callable

DONE: Final = 0
FAILED: Final = 1
WRONG_USE: Final = 2
TROUBLED: Final = 3
"""Exit codes: done; the job failed; wrong use; done, but a source is stale or could not be read."""

_WRONG_USE: Final = (ConfigError, DataError, PlaceError, SchemaError)

COMMANDS: Final = {
    "run": ("sinkwatch.cli.job", "One whole run: fetch, assess, record, queue, deliver, publish."),
    "watch": ("sinkwatch.cli.job", "The scheduled job: one run a day, until stopped."),
    "serve": ("sinkwatch.cli.serve", "The sign-up service and the post, until stopped."),
    "publish": ("sinkwatch.cli.job", "Build the published site alone, from what is held."),
    "rollback": ("sinkwatch.cli.job", "Switch the published site back to the release before."),
    "check": ("sinkwatch.cli.places", "What is known at a place, and why."),
    "assess": ("sinkwatch.cli.places", "Assess every row of a file of positions."),
    "evidence": (
        "sinkwatch.cli.evidence",
        "An evidence pack for a site or application: maps to scale, records, doubts.",
    ),
    "verify": ("sinkwatch.cli.evidence", "Make an evidence pack again and say what differs."),
    "sources": ("sinkwatch.cli.sources", "How each source stands; ask, accept or hold one."),
    "subscribers": ("sinkwatch.cli.operator", "Add, list, export and erase subscribers."),
    "outbox": ("sinkwatch.cli.outbox", "List, show, preview and retry messages."),
    "init": ("sinkwatch.cli.installation", "Write settings to fill in, and the operator's papers."),
    "doctor": (
        "sinkwatch.cli.installation",
        "Check this installation, its relay and its domain, and say what is wrong.",
    ),
    "health": (
        "sinkwatch.cli.installation",
        "Tell whether jobs, outbox and queue do their work.",
    ),
    "backup": ("sinkwatch.cli.safekeeping", "Copy the database, check the copy, drop the oldest."),
    "restore": ("sinkwatch.cli.safekeeping", "Put a back-up in place without those who have left."),
}
"""Each command: its module and its line in ``--help``."""


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of a working day."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing one of them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sinkwatch")
def sinkwatch() -> None:
    """Watch gypsum ground, recorded sinkholes and planning applications, and tell residents."""


def main() -> None:
    """Run the command line; an error that a person can mend is one line, never a traceback."""
    _log_to_stderr()
    sys.exit(_guarded(lambda: sinkwatch.main(standalone_mode=False)))


def _guarded(call: Callable[[], object]) -> int:
    try:
        result = call()
    except SinkwatchError as error:
        click.echo(f"sinkwatch: {error}", err=True)
        return WRONG_USE if isinstance(error, _WRONG_USE) else FAILED
    except click.ClickException as error:
        error.show()
        return WRONG_USE
    except (click.Abort, KeyboardInterrupt):
        click.echo("sinkwatch: stopped", err=True)
        return FAILED
    return result if isinstance(result, int) else DONE


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("%(message)s"))
    logger = logging.getLogger("sinkwatch")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.WARNING)


class _OneLine(logging.Formatter):
    """Keeps a record on one line, so that text from outside can forge no second one."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\r", "\\r").replace("\n", "\\n")
