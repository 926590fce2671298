"""Commands of the scheduled job: run, watch, publish."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sinkwatch.cli import DONE, TROUBLED, options
from sinkwatch.model import SWITCHED_OFF

if TYPE_CHECKING:
    from sinkwatch.model import SourceState
    from sinkwatch.pipeline import RunReport


@click.command()
@options.config
@options.offline
@options.as_json
@click.option("--dry-run", is_flag=True, help="Write mails and maps to a folder; send nothing.")
@click.option(
    "--planning",
    "planning_files",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="CSV or GeoJSON file of planning applications; may be given more than once.",
)
def run(
    *,
    config_path: Path | None,
    offline: bool,
    as_json: bool,
    dry_run: bool,
    planning_files: tuple[Path, ...],
) -> int:
    """One whole run: fetch, assess, record, queue, deliver and publish."""
    from sinkwatch import pipeline
    from sinkwatch.cli import progress
    from sinkwatch.services import open_services

    options.log_steps()
    services = progress.shown(open_services(config_path, planning_files))
    wanted = frozenset(spec.name for spec in services.area.sources if planning_files and spec.path)
    folder = services.settings.state_folder / "dry-run"
    if dry_run:
        report = pipeline.dry_run(services, folder, offline=offline, must_read=wanted)
        mails = folder / "mail"
    else:
        report = pipeline.run(services, offline=offline, must_read=wanted)
        mails = services.settings.mails()
    facts = _facts(report, mails, services.settings.mail_transport)
    if as_json:
        options.echo_json(facts)
    else:
        _print(report, facts)
    return TROUBLED if report.troubled or report.waits_for_approval else DONE


def _facts(report: RunReport, mails: Path, transport: str) -> dict[str, object]:
    site = report.published.path
    return {
        "at": report.at.isoformat(),
        "area": report.findings.area.area_id,
        "map": str(site / "index.html"),
        "map_in_one_file": str(site / "offline.html"),
        "flagged_table": str(site / "data" / "flagged.csv"),
        "site_changed": report.published.changed,
        "n_flagged": len(report.findings.flagged),
        "events": [{"kind": event.kind, "subject": event.subject} for event in report.events],
        "n_queued": report.n_queued,
        "n_delivered": report.n_delivered,
        "n_waiting": report.n_waiting,
        "waits_for_approval": report.waits_for_approval,
        "mails": str(mails) if transport == "folder" else transport,
        "sources": [_source(state) for state in report.findings.sources],
    }


def _source(state: SourceState) -> dict[str, object]:
    return {"name": state.spec.name, "status": state.status, "problem": state.problem}


def _print(report: RunReport, facts: dict[str, object]) -> None:
    from sinkwatch import wording

    styles = report.findings.area.parameters.table.styles
    flagged = [
        assessment
        for assessment in (*report.findings.sites, *report.findings.applied)
        if assessment.place.place_id in report.findings.flagged
    ]
    click.echo(f"{report.findings.area.name}: {wording.count_text(len(flagged), 'place')} flagged")
    for assessment in flagged:
        label = styles[assessment.band].label
        click.echo(f"  {label:<15} {assessment.place.place_id:<24} {assessment.place.label}")
    changes = wording.count_text(len(report.events), "change")
    queued = wording.count_text(report.n_queued, "message")
    click.echo(f"{changes}; {queued} queued, {report.n_delivered} delivered")
    if report.waits_for_approval:
        click.echo(f"Nobody is told yet: it concerns {report.waits_for_approval}")
        click.echo("Look at it with `sinkwatch outbox approve`")
    for state in wording.bearing(report.findings.sources):
        if state.problem:
            status = wording.source_text(state)
            click.echo(f"Source {state.spec.name}: {status}. {state.problem}")
    n_silent = sum(state.spec.switched_off == SWITCHED_OFF for state in report.findings.sources)
    if n_silent:
        click.echo(f"{n_silent} sources on the internet were not asked: set `contact` to your own")
    click.echo(f"Map:            {facts['map']}")
    click.echo(f"Map, one file:  {facts['map_in_one_file']}")
    click.echo(f"Flagged places: {facts['flagged_table']}")
    click.echo(f"Mails:          {facts['mails']}")


@click.command()
@options.config
def watch(config_path: Path | None) -> None:
    """Run once a day until stopped; what is due is read from the database."""
    from sinkwatch import scheduler
    from sinkwatch.services import open_services

    options.log_steps()
    scheduler.watch(open_services(config_path))


@click.command()
@options.config
@options.as_json
def publish(*, config_path: Path | None, as_json: bool) -> int:
    """Build the published site alone, from what is held."""
    from sinkwatch import intake, pipeline, survey
    from sinkwatch.services import open_services

    services = open_services(config_path)
    findings = survey.findings(services.area, intake.recall(services))
    with services.lock():
        written = pipeline.publish(services, findings)
    if as_json:
        options.echo_json({"map": str(written.path / "index.html"), "changed": written.changed})
    else:
        click.echo(f"Map: {written.path / 'index.html'}")
    return TROUBLED if any(intake.is_troubled(state) for state in findings.sources) else DONE
