"""Commands on the sources: list, show, refresh, accept, hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sinkwatch.cli import DONE, TROUBLED, options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sinkwatch.model import Hold, Snapshot, SourceState


@click.group()
def sources() -> None:
    """How each source stands, with its provenance; ask one anew, accept or hold it."""


@sources.command("list")
@options.config
@options.as_json
def list_sources(*, config_path: Path | None, as_json: bool) -> int:
    """List the sources: status, age, edition, rows, gate, when next due, licence."""
    from sinkwatch import intake
    from sinkwatch.services import open_services

    states = intake.recall(open_services(config_path)).states
    _print_all(states, as_json=as_json)
    return _exit_code(states)


@sources.command("show")
@click.argument("name")
@options.config
@options.as_json
def show_source(*, name: str, config_path: Path | None, as_json: bool) -> int:
    """Show everything that is known of the source NAME."""
    from sinkwatch import upkeep
    from sinkwatch.services import open_services

    services = open_services(config_path)
    state, remarks = upkeep.state(services, name), upkeep.remarks(services, name)
    if as_json:
        options.echo_json({**_facts(state), "remarks": list(remarks)})
        return _exit_code([state])
    _print(state)
    click.echo(f"  {state.snapshot.attribution if state.snapshot else state.spec.attribution}")
    for option, value in sorted(state.spec.options.items()):
        click.echo(f"  {option} = {value}")
    for remark in remarks:
        click.echo(f"  {remark}")
    return _exit_code([state])


@sources.command("refresh")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@options.config
@options.as_json
def refresh_sources(*, names: tuple[str, ...], config_path: Path | None, as_json: bool) -> int:
    """Ask the sources now, all or those named; what is news in them is told by the next run."""
    from sinkwatch import upkeep
    from sinkwatch.cli import progress
    from sinkwatch.services import open_services

    options.log_steps()
    states = upkeep.refresh(progress.shown(open_services(config_path)), names)
    _print_all(states, as_json=as_json)
    return _exit_code(states)


@sources.command("accept")
@click.argument("name")
@options.config
def accept_source(*, name: str, config_path: Path | None) -> None:
    """Use what waits of the source NAME from the next run on, and take it off hold."""
    from sinkwatch import upkeep
    from sinkwatch.services import open_services

    accepted = upkeep.accept(open_services(config_path), name)
    if accepted is None:
        click.echo(f"{name} is off hold; it is asked again at the next run")
    else:
        click.echo(f"{name}: accepted {accepted.edition or accepted.url}, {accepted.sha256[:12]}…")


@sources.command("hold")
@click.argument("name")
@options.config
def hold_source(*, name: str, config_path: Path | None) -> None:
    """Take nothing new from the source NAME until it is accepted; the last good copy stays."""
    from sinkwatch import upkeep
    from sinkwatch.services import open_services

    upkeep.hold(open_services(config_path), name)
    click.echo(f"{name} is on hold; `sinkwatch sources accept {name}` lifts it")


def _exit_code(states: Iterable[SourceState]) -> int:
    from sinkwatch import intake

    return TROUBLED if any(intake.is_troubled(state) for state in states) else DONE


def _print_all(states: Iterable[SourceState], *, as_json: bool) -> None:
    if as_json:
        options.echo_json([_facts(state) for state in states])
        return
    for state in states:
        _print(state)


def _facts(state: SourceState) -> dict[str, object]:
    spec = state.spec
    return {
        "name": spec.name,
        "kind": spec.kind,
        "title": spec.title,
        "status": state.status,
        "age": state.age.name.lower(),
        "problem": state.problem,
        "rows": state.n_rows,
        "gate": _gate(state),
        "next_due_at": _next_due(state),
        **_provenance(state.snapshot),
        "licence": state.snapshot.licence if state.snapshot else spec.licence,
        "attribution": state.snapshot.attribution if state.snapshot else spec.attribution,
        "is_restricted": spec.is_restricted,
        "hold": _hold(state.hold),
    }


def _provenance(held: Snapshot | None) -> dict[str, object]:
    return {
        "edition": held.edition if held else None,
        "retrieved_at": held.retrieved_at.isoformat() if held else None,
        "checked_at": held.checked_at.isoformat() if held else None,
        "url": held.url if held else None,
        "sha256": held.sha256 if held else None,
        "bytes": held.n_bytes if held else None,
    }


def _hold(hold: Hold | None) -> dict[str, object] | None:
    if hold is None:
        return None
    waiting = _provenance(hold.candidate) if hold.candidate else None
    return {"since": hold.since.isoformat(), "rule": hold.rule, "candidate": waiting}


def _gate(state: SourceState) -> str:
    """Say what the gates made of what the source answered with last."""
    from sinkwatch.model import SourceStatus

    if state.status is SourceStatus.FAILED:
        return "refused"
    if state.hold is not None:
        return "held"
    return "passed" if state.snapshot is not None else "not asked"


def _next_due(state: SourceState) -> str | None:
    """Return when it is asked next; None for the next run, or never if it is not asked at all."""
    from datetime import timedelta

    if state.snapshot is None or not state.spec.every_days:
        return None
    return (state.snapshot.checked_at + timedelta(days=state.spec.every_days)).isoformat()


def _print(state: SourceState) -> None:
    from sinkwatch import survey, wording

    click.echo(f"{state.spec.name}: {wording.source_text(state)}")
    click.echo(f"  {state.spec.title}")
    if state.problem:
        click.echo(f"  {state.problem}")
    if state.hold is not None and state.hold.candidate is not None:
        waiting = state.hold.candidate
        click.echo(f"  Waiting: {waiting.edition or waiting.url}, SHA-256 {waiting.sha256}")
        click.echo(f"  Use it with `sinkwatch sources accept {state.spec.name}`")
    if state.snapshot is None:
        return
    checked = wording.date_text(wording.london_date(state.snapshot.checked_at))
    rows = wording.count_text(state.n_rows, "row")
    click.echo(f"  {survey.edition_text(state)}, {rows}, last checked {checked}{_due_text(state)}")
    click.echo(f"  {state.snapshot.url}, SHA-256 {state.snapshot.sha256}")
    click.echo(f"  {state.snapshot.licence}")


def _due_text(state: SourceState) -> str:
    from datetime import datetime

    from sinkwatch import wording

    due = _next_due(state)
    if due is None:
        return ""
    return f", next due {wording.date_text(wording.london_date(datetime.fromisoformat(due)))}"
