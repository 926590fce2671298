"""Commands of the scheduled job: run, watch, publish, rollback."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sinkwatch.cli import DONE, TROUBLED, options
from sinkwatch.model import SWITCHED_OFF

if TYPE_CHECKING:
    from sinkwatch.model import SourceState
    from sinkwatch.packs.publishing import Report
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
        report = pipeline.dry_run(
            services, folder, offline=offline, must_read=wanted, counting=progress.counting
        )
        mails = folder / "mail"
    else:
        report = pipeline.run(
            services, offline=offline, must_read=wanted, counting=progress.counting
        )
        mails = services.settings.mails()
    facts = _facts(report, mails, services.settings.mail_transport)
    if as_json:
        options.echo_json(facts)
    else:
        _print(report, facts)
    has_failed = report.packs is not None and report.packs.failed
    return TROUBLED if report.troubled or report.waits_for_approval or has_failed else DONE


def _facts(report: RunReport, mails: Path, transport: str) -> dict[str, object]:
    site = report.published.path
    return {
        "at": report.at.isoformat(),
        "area": report.findings.area.area_id,
        "map": str(site / "index.html"),
        "map_in_one_file": str(site / "offline.html"),
        "flagged_table": str(site / "data" / "flagged.csv"),
        "site_changed": report.published.changed,
        "evidence_packs": _packs(report.packs, site),
        "n_flagged": len(report.findings.flagged),
        "events": [{"kind": event.kind, "subject": event.subject} for event in report.events],
        "n_queued": report.n_queued,
        "n_delivered": report.n_delivered,
        "n_waiting": report.n_waiting,
        "waits_for_approval": report.waits_for_approval,
        "mails": str(mails) if transport == "folder" else transport,
        "sources": [_source(state) for state in report.findings.sources],
    }


def _packs(packs: Report | None, site: Path) -> dict[str, object] | None:
    """Return what programs are told of the evidence packs; None if none are made."""
    if packs is None:
        return None
    return {
        "pdfs": [str(site / pdf) for pdf in packs.pdfs],
        "n_made": packs.n_made,
        "n_kept": packs.n_kept,
        "failed": [{"place": place_id, "problem": problem} for place_id, problem in packs.failed],
    }


def _print_packs(packs: Report | None, site: Path) -> None:
    if packs is None:
        return
    counts = f"{packs.n_made} made, {packs.n_kept} kept"
    if packs.failed:
        counts += f", {len(packs.failed)} failed"
    first = f"{site / packs.pdfs[0]}" if packs.pdfs else "none"
    more = f" and {len(packs.pdfs) - 1} more" if len(packs.pdfs) > 1 else ""
    click.echo(f"Evidence packs: {first}{more} ({counts})")
    for place_id, problem in packs.failed:
        click.echo(f"No evidence pack of {place_id}: {problem}")


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
    _print_packs(report.packs, report.published.path)
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
    from sinkwatch.cli import progress
    from sinkwatch.services import open_services

    services = open_services(config_path)
    findings = survey.findings(services.area, intake.recall(services))
    with services.lock():
        published = pipeline.publish(services, findings, counting=progress.counting)
    site, packs = published.written.path, published.packs
    if as_json:
        facts = {"map": str(site / "index.html"), "changed": published.written.changed}
        options.echo_json({**facts, "evidence_packs": _packs(packs, site)})
    else:
        click.echo(f"Map: {site / 'index.html'}")
        _print_packs(packs, site)
    has_trouble = any(intake.is_troubled(state) for state in findings.sources)
    return TROUBLED if has_trouble or (packs and packs.failed) else DONE


@click.command()
@options.config
@options.as_json
def rollback(*, config_path: Path | None, as_json: bool) -> None:
    """Switch the published site back to the release before the present one."""
    from sinkwatch.publish import release
    from sinkwatch.services import open_services

    services = open_services(config_path)
    with services.lock():
        back = release.rollback(services.settings.maps_folder)
    page = back.path / "index.html"
    if as_json:
        options.echo_json({"release": back.release, "map": str(page), "n_files": back.n_kept})
        return
    click.echo(f"Release {back.release} is published again: {page}")
    click.echo("The next run or `sinkwatch publish` makes a new one from what is held then")
