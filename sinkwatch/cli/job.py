"""Commands of the scheduled job: run, watch, publish, rollback."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sinkwatch.cli import DONE, FAILED, TROUBLED, options
from sinkwatch.errors import SinkwatchError
from sinkwatch.model import SWITCHED_OFF

if TYPE_CHECKING:
    from datetime import date, datetime

    from sinkwatch.as_of import Rebuilt
    from sinkwatch.model import SourceState
    from sinkwatch.packs.publishing import Report
    from sinkwatch.pipeline import RunReport
    from sinkwatch.services import Services

LOG = logging.getLogger(__name__)

_HOSTS = ("nginx", "caddy", "netlify", "github-pages")
"""As `publish.hosting.Host`, which takes longer to load than `--help` may take."""

_MOST_NAMED = 20
"""Files that differ, by name; programs are given all of them."""


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
@click.option(
    "--for-host",
    type=click.Choice(_HOSTS),
    help="Print what such a host needs to serve the site, and publish nothing.",
)
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="Build the site of a past day again, compare it byte for byte, and publish nothing.",
)
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the site of a past day goes; without it, as-of/DATE in the folder of maps.",
)
def publish(
    *,
    config_path: Path | None,
    as_json: bool,
    for_host: str | None,
    as_of: datetime | None,
    into: Path | None,
) -> int:
    """Build the published site alone, from what is held."""
    if for_host is not None and as_of is not None:
        raise click.UsageError("--for-host and --as-of ask for two things: give one of them")
    if for_host is not None:
        click.echo(_configuration(config_path, for_host), nl=False)
        return DONE
    if as_of is not None:
        return _rebuild(config_path, as_of.date(), into, as_json=as_json)
    if into is not None:
        raise click.UsageError("--into goes with --as-of: the site itself lies in maps_folder")
    from sinkwatch import intake, pipeline, survey
    from sinkwatch.cli import progress
    from sinkwatch.services import open_services

    services = open_services(config_path)
    # What a site was made of is kept where there is a database to note it in.
    copies = services.snapshots() if services.has_store() else None
    findings = survey.findings(services.area, intake.recall(services, copies=copies))
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


def _rebuild(config_path: Path | None, day: date, into: Path | None, *, as_json: bool) -> int:
    from sinkwatch import as_of
    from sinkwatch.services import open_services

    rebuilt = as_of.rebuild(open_services(config_path), day, into)
    if as_json:
        options.echo_json(_rebuilt_facts(rebuilt))
    else:
        _print_rebuilt(rebuilt)
    return DONE if rebuilt.is_same else FAILED


def _rebuilt_facts(rebuilt: Rebuilt) -> dict[str, object]:
    return {
        "same": rebuilt.is_same,
        "published_at": rebuilt.published_at.isoformat(),
        "release": rebuilt.release,
        "release_now": rebuilt.now or None,
        "folder": rebuilt.folder and str(rebuilt.folder),
        "reasons": list(rebuilt.reasons),
        "differing": None if rebuilt.differing is None else list(rebuilt.differing),
    }


def _print_rebuilt(rebuilt: Rebuilt) -> None:
    from sinkwatch import wording
    from sinkwatch.publish import release

    at = rebuilt.published_at
    day = wording.date_text(wording.london_date(at))
    when = f"{day} at {at.astimezone(wording.LONDON):%H:%M}"
    name = rebuilt.release[: release.NAME_LENGTH]
    if rebuilt.is_same:
        click.echo(f"The same, byte for byte, as published on {when}, release {name}")
        click.echo(f"Map: {rebuilt.folder}/index.html")
        return
    click.echo(f"Not the same as published on {when}, release {name}; nothing was written")
    for reason in rebuilt.reasons:
        click.echo(f"  {reason[:1].upper()}{reason[1:]}")
    if rebuilt.now and rebuilt.differing is None:
        click.echo("  That release is not kept any more, so the files that differ cannot be named")
    for path in (rebuilt.differing or ())[:_MOST_NAMED]:
        click.echo(f"  Differs: {path}")
    n_more = len(rebuilt.differing or ()) - _MOST_NAMED
    if n_more > 0:
        click.echo(f"  {n_more} more differ; --json names them all")


def _configuration(config_path: Path | None, for_host: str) -> str:
    from sinkwatch import config
    from sinkwatch.publish import hosting

    settings = config.load_settings(config_path)
    if not settings.site_url():
        click.echo("public_url is nobody's own yet: set it, and print this anew", err=True)
    return hosting.configuration(
        hosting.Host(for_host), public_url=settings.public_url, maps_folder=settings.maps_folder
    )


def _note_return(services: Services, release: str) -> None:
    """Note what readers see again; going back must not fail for want of a database."""
    if not services.has_store():
        return
    from sinkwatch.store import publications

    try:
        with services.store() as store, store.begin() as connection:
            is_noted = publications.note_return(connection, release, services.clock())
    except SinkwatchError as error:
        LOG.warning("the return cannot be noted, so --as-of will not know of it: %s", error)
        return
    if not is_noted:
        LOG.warning("release %s is not in the database: --as-of will not know of it", release)


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
        _note_return(services, back.release)
    page = back.path / "index.html"
    if as_json:
        options.echo_json({"release": back.release, "map": str(page), "n_files": back.n_kept})
        return
    click.echo(f"Release {back.release} is published again: {page}")
    click.echo("The next run or `sinkwatch publish` makes a new one from what is held then")
