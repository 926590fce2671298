"""The verbs of the scheduled job: run, dry run, publish."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shapely import Point

from sinkwatch import (
    __version__,
    alerts,
    assess,
    explain,
    geocode,
    history,
    intake,
    sources,
    survey,
    timetable,
    wording,
)
from sinkwatch import events as changes_of
from sinkwatch.errors import SourceError
from sinkwatch.model import (
    FRAME_OF_KIND,
    PLANNING_KINDS,
    Event,
    Findings,
    GeologyClass,
    History,
    Outcome,
    Place,
    SourceState,
    SourceStatus,
)
from sinkwatch.publish import locations

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    from sqlalchemy import Connection

    from sinkwatch.packs import publishing
    from sinkwatch.packs.edition import Published
    from sinkwatch.packs.publishing import Counting
    from sinkwatch.publish.site import Written
    from sinkwatch.services import Services
    from sinkwatch.store import Store

LOG = logging.getLogger(__name__)

_WAITING: Final = (Outcome.CREATED, Outcome.SENDING, Outcome.TEMPORARY_FAILURE)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """
    What one run did.

    Attributes
    ----------
    at
        When it began, UTC.
    findings
        What it found.
    events
        What changed and is news.
    n_queued, n_delivered, n_waiting
        Messages queued, handed over, and still waiting to be.
    published
        Where the site lies, and whether it changed.
    packs
        What became of the evidence packs; None if none are made.
    waits_for_approval
        Why nobody is told of it until a person has looked; empty if they are.
    """

    at: datetime
    findings: Findings
    events: tuple[Event, ...]
    n_queued: int
    n_delivered: int
    n_waiting: int
    published: Written
    packs: publishing.Report | None = None
    waits_for_approval: str = ""

    @property
    def troubled(self) -> tuple[SourceState, ...]:
        """Return the sources that are stale, on hold or failed."""
        return tuple(state for state in self.findings.sources if intake.is_troubled(state))


def run(
    services: Services,
    *,
    offline: bool = False,
    must_read: frozenset[str] = frozenset(),
    counting: Counting | None = None,
) -> RunReport:
    """
    Bring the record up to date, queue what subscribers must hear, deliver it and publish.

    Evidence packs take minutes when there are many, and no mail waits for them: the site is
    published with those that lie ready, then the mail goes, then the others are made and added.

    Parameters
    ----------
    services
        Clock, store, mailer and area.
    offline
        Whether to use what is held and ask no source.
    must_read
        Names of sources without which nothing is to be done, such as a file named by hand.
    counting
        Shows a person how many packs are made; None where nobody looks on.

    Returns
    -------
    report
        What was done.

    Raises
    ------
    BusyError
        If another run is at work.
    SourceError
        If the assessment cannot be made at all.
    StoreError
        If database or folders cannot be written; nothing is half done then.
    """
    from sinkwatch import mailroom  # noqa: PLC0415 - `check` does without store and mail
    from sinkwatch.packs import noting  # noqa: PLC0415 - folium is only needed there
    from sinkwatch.packs.edition import Edition  # noqa: PLC0415 - as above

    now = services.clock()
    with services.lock(), services.store() as store:
        found = _found(services, store, now, offline=offline, must_read=must_read)
        findings = found.findings
        recorded = _record(services, store, found, now)
        n_before = _n_messages(store)
        try:
            edition = Edition.of(services, findings, _history(store, findings))
            published = edition.publish()
            noting.note(services, store, findings, published)
        finally:
            # A full disk for maps must keep no alert from anyone.
            n_delivered = mailroom.work(services, store, surveyed=lambda: found)
        n_queued = _n_messages(store) - n_before
        n_waiting = _n_waiting(store)
        intake.tidy(services, store, now)
        if not offline:
            _note_run(store, now)
        published = edition.complete(published, counting)
        noting.note(services, store, findings, published)
    LOG.info(
        "run: %d events, %d queued, %d delivered, %s",
        len(recorded.events),
        n_queued,
        n_delivered,
        "site changed" if published.written.changed else "site unchanged",
    )
    return RunReport(
        at=now,
        findings=findings,
        events=recorded.events,
        n_queued=n_queued,
        n_delivered=n_delivered,
        n_waiting=n_waiting,
        published=published.written,
        packs=published.packs,
        waits_for_approval=recorded.waits_for_approval,
    )


def _note_run(store: Store, now: datetime) -> None:
    """Note that the run of the day is done: who lets cron start it has a healthy service too."""
    from sinkwatch.store import jobs  # noqa: PLC0415 - with the store

    with store.begin() as connection:
        jobs.note_success(connection, timetable.DAILY_RUN, now)


def _found(
    services: Services,
    store: Store,
    now: datetime,
    *,
    offline: bool,
    must_read: frozenset[str],
) -> survey.Surveyed:
    memory, folder = intake.recollect(services, store), services.snapshots()
    if offline:
        inputs = memory.recall(services.area, folder, now=now)
    else:
        inputs = sources.gather(
            services.area,
            folder,
            memory.held.get,
            now=now,
            downloader=services.downloader(store),
            wish=sources.Wish(holds=memory.holds),
        )
    for state in inputs.states:
        if state.spec.name in must_read and state.status is SourceStatus.FAILED:
            raise SourceError(
                state.spec.name,
                state.problem.rstrip("."),
                "Nothing was recorded, sent or published",
            )
    return survey.surveyed(services.area, inputs)


def dry_run(
    services: Services,
    folder: Path,
    *,
    offline: bool = False,
    must_read: frozenset[str] = frozenset(),
    counting: Counting | None = None,
) -> RunReport:
    """
    Do everything that `run` does, but write mails and maps to a folder and record nothing.

    Parameters
    ----------
    services
        Clock, store and area.
    folder
        Where mails and maps go.
    offline
        Whether to use what is held and ask no source.
    must_read
        Names of sources without which nothing is to be done.
    counting
        Shows a person how many packs are made; None where nobody looks on.

    Returns
    -------
    report
        What would have been done.
    """
    from sinkwatch import compose  # noqa: PLC0415 - only where mail is written
    from sinkwatch.notify import mail  # noqa: PLC0415 - as above
    from sinkwatch.packs.edition import Edition  # noqa: PLC0415 - folium is only needed there

    now = services.clock()
    with services.lock(), services.store() as store:
        found = _found(services, store, now, offline=offline, must_read=must_read)
        findings = found.findings
        with store.begin() as connection, connection.begin_nested() as nothing_kept:
            recorded = _plan(services, connection, found, now)
            before = _told(connection, findings)
            digests = compose.digests(connection, services.digest_at(), now)
            nothing_kept.rollback()
    letters = compose.Letters.of(services, found)
    mailer = mail.FolderMailer(folder / "mail")
    for digest in digests:
        mailer.send(letters.render(digest, now))
    settings = services.settings.model_copy(update={"maps_folder": folder / "maps"})
    trial = replace(services, settings=settings)
    edition = Edition.of(trial, findings, before, kept_in=folder / "inputs")
    published = edition.at_once(counting)
    return RunReport(
        at=now,
        findings=findings,
        events=recorded.events,
        n_queued=len(digests),
        n_delivered=0,
        n_waiting=0,
        published=published.written,
        packs=published.packs,
        waits_for_approval=recorded.waits_for_approval,
    )


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What one transaction has recorded: the news, and why it waits for a person if it does."""

    events: tuple[Event, ...]
    waits_for_approval: str


def _record(services: Services, store: Store, found: survey.Surveyed, now: datetime) -> _Recorded:
    # One transaction: what is recorded as changed and who is to hear of it stand or fall together,
    # so a crash can neither lose an alert nor tell it twice. The mails are rendered afterwards.
    with store.begin() as connection:
        return _plan(services, connection, found, now)


def _plan(
    services: Services, connection: Connection, surveyed: survey.Surveyed, now: datetime
) -> _Recorded:
    from sinkwatch.store import runs, states  # noqa: PLC0415 - with the store

    del services
    run_id = runs.start(connection, now)
    findings = surveyed.findings
    silent_since = _silent_since(connection, findings)
    complete = {changes_of.APPLICATION: _all_answered(connection, findings, now)}
    lost = _lost(connection, findings)
    intake.note_sources(connection, findings.sources, now)
    changes = [
        change
        for kind, facts in _facts(surveyed, lost).items()
        for change in states.record(
            connection, run_id, kind, facts, is_complete=complete.get(kind, True)
        )
    ]
    found = changes_of.events(
        changes, notes(findings), findings.area.parameters, today=wording.london_date(now)
    )
    news = [replace(event, silent_since=silent_since) for event in found if event.is_news]
    n_concerned, rule = _tell(connection, run_id, news, surveyed.postcodes, now)
    summary = {
        "events": len(news),
        "concerned": n_concerned,
        "version": __version__,
        "checked": _checked(findings),
    }
    runs.finish(connection, run_id, now, "done", summary)
    return _Recorded(tuple(news), rule)


def _tell(
    connection: Connection,
    run_id: int,
    news: Sequence[Event],
    postcodes: gpd.GeoDataFrame,
    now: datetime,
) -> tuple[int, str]:
    """Record who is to hear of the news of a run, and whether a person must look first."""
    from sinkwatch.store import alerts as stored  # noqa: PLC0415 - with the store
    from sinkwatch.store import brakes, subscribers  # noqa: PLC0415 - as above

    new = stored.record(connection, run_id, news, now)
    subscribers.move(connection, _centres(postcodes))
    if not new:  # as on most days: nobody need be read
        return 0, ""
    audience = alerts.Audience.of(subscribers.places(connection))
    told = stored.heard(connection, alerts.follow_ups(new))
    before = stored.concerned_by_run(connection, now - _BRAKE_LOOKS_BACK)
    pairs = alerts.hearers(new, audience, told)
    subjects = {event.key: event.subject for event in new}
    n_concerned = stored.queue(connection, run_id, pairs, subjects, now)
    rule = alerts.brake(n_concerned, len(audience.ids), before)
    if rule:
        LOG.warning("run %d waits for approval: it concerns %d, %s", run_id, n_concerned, rule)
        brakes.pull(
            connection,
            brakes.Brake(run_id=run_id, since=now, n_concerned=n_concerned, rule=rule),
        )
    return n_concerned, rule


_BRAKE_LOOKS_BACK: Final = timedelta(days=30)


def _centres(postcodes: gpd.GeoDataFrame) -> dict[str, tuple[float, float]]:
    """Return where the list of today has each postcode, like the map and the band."""
    at = zip(postcodes.geometry.x.tolist(), postcodes.geometry.y.tolist(), strict=True)
    return dict(zip(postcodes["postcode"], at, strict=True))


def _all_answered(connection: Connection, findings: Findings, now: datetime) -> bool:
    """
    Tell whether every planning source that ever gave anything was asked in this run and answered.

    An application is no longer listed only after three such runs: one that is missing because its
    source was not asked, failed or was switched off has not been taken off anything.
    """
    from sinkwatch.store import runs  # noqa: PLC0415 - with the store

    answered = {
        state.spec.name
        for state in findings.sources
        if state.status is SourceStatus.GOOD
        and state.snapshot is not None
        and state.snapshot.checked_at == now
    }
    planning = {state.spec.name for state in findings.sources if state.spec.kind in PLANNING_KINDS}
    gave = {note.source for note in runs.source_notes(connection) if note.snapshot is not None}
    return (gave & planning) <= answered


def _silent_since(connection: Connection, findings: Findings) -> date | None:
    """Return since when no planning source could be read that can be now; None if none was lost."""
    from sinkwatch.store import runs  # noqa: PLC0415 - with the store

    before = runs.checked(connection)
    days = findings.area.parameters.stale_after_days
    gaps = [
        last
        for name, now in _checked(findings).items()
        if (last := before.get(name)) is not None
        and name in days
        and datetime.fromisoformat(now) - last > timedelta(days=days[name])
    ]
    return wording.london_date(min(gaps)) if gaps else None


def _checked(findings: Findings) -> dict[str, str]:
    """Return when each planning source that is good was last asked, as text, by name."""
    return {
        state.spec.name: state.snapshot.checked_at.isoformat()
        for state in findings.sources
        if state.spec.kind in PLANNING_KINDS
        and state.status is SourceStatus.GOOD
        and state.snapshot is not None
    }


def _lost(connection: Connection, findings: Findings) -> frozenset[str]:
    """
    Return the frames of which a source that gave something before gives nothing now.

    What was recorded of these is left as it was: a band that differs because a list is missing, or
    a record that is gone with its file, is no news about the ground.
    """
    from sinkwatch.store import runs  # noqa: PLC0415 - with the store

    gave = {note.source for note in runs.source_notes(connection) if note.snapshot is not None}
    return frozenset(
        FRAME_OF_KIND[state.spec.kind]
        for state in findings.sources
        if state.snapshot is None
        and (state.spec.name in gave or state.status in (SourceStatus.FAILED, SourceStatus.HELD))
    )


_GROUND: Final = frozenset({"geology", "sinkholes", "postcodes"})
"""Frames that decide the band of a postcode."""

_SITES: Final = frozenset({"geology", "sinkholes", "places"})
"""Frames that decide the band of a watched site."""


def _facts(
    surveyed: survey.Surveyed, lost: frozenset[str]
) -> dict[str, dict[str, dict[str, object]]]:
    """Return what is recorded, by kind; what cannot be told in this run is left as it was."""
    findings = surveyed.findings
    facts: dict[str, dict[str, dict[str, object]]] = {}
    if "sinkholes" not in lost:
        facts[changes_of.SINKHOLE] = changes_of.sinkhole_facts(findings.sinkholes)
    if not _GROUND & lost:
        bands = assess.score(surveyed.knowledge.hazard, surveyed.postcodes, key="postcode")
        facts[changes_of.POSTCODE] = changes_of.postcode_facts(bands, surveyed.postcodes)
    if not _SITES & lost:
        facts[changes_of.SITE] = changes_of.site_facts(findings.sites)
    planning = [state for state in findings.sources if state.spec.kind in PLANNING_KINDS]
    if any(state.snapshot is not None for state in planning):
        facts[changes_of.APPLICATION] = changes_of.application_facts(findings.applications)
    return facts


def notes(findings: Findings) -> dict[str, changes_of.Note]:
    """
    Return what goes with the news of each record and application: ground, watched site, page.

    Parameters
    ----------
    findings
        What the run found.

    Returns
    -------
    notes
        By application key and sinkhole id.
    """
    styles = findings.area.parameters.table.styles
    names = dict(zip(findings.places["place_id"], findings.places["name"], strict=True))
    sites = dict(
        zip(findings.applications["application_key"], findings.applications["site_id"], strict=True)
    )
    notes = {
        key: changes_of.Note(is_flagged=True, anchor=locations.of_record(key))
        for key in findings.sinkholes["sinkhole_id"]
    }
    for assessment in findings.applied:
        key = assessment.place.place_id
        lines = [f"Ground: {explain.headline(assessment, styles)}"]
        street = _street_of(assessment.place, findings)
        if street:
            lines.append(f"Near {street}.")
        site = names[sites[key]] if sites.get(key) else ""
        if site:
            lines.append(f"On or near the watched site {site}.")
        notes[key] = changes_of.Note(
            is_flagged=key in findings.flagged,
            lines=tuple(lines),
            in_belt=assessment.scored_as is GeologyClass.C,
            site=site,
            anchor=locations.of_application(key),
        )
    return notes


def _street_of(place: Place, findings: Findings) -> str:
    if place.easting is None or place.northing is None:
        return ""
    point = Point(place.easting, place.northing)
    return geocode.nearest_street(point, findings.surroundings.names)


def _n_messages(store: Store) -> int:
    from sinkwatch.store import outbox  # noqa: PLC0415 - with the store

    with store.read() as connection:
        return sum(outbox.counts(connection).values())


def _n_waiting(store: Store) -> int:
    from sinkwatch.store import outbox  # noqa: PLC0415 - with the store

    with store.read() as connection:
        counts = outbox.counts(connection)
    return sum(counts[state] for state in _WAITING)


def publish(
    services: Services, findings: Findings, *, counting: Counting | None = None
) -> Published:
    """
    Make the evidence packs that have changed, build the site with all of them and switch to it.

    Parameters
    ----------
    services
        With the folder of the maps.
    findings
        What to publish.
    counting
        Shows a person how many packs are made; None where nobody looks on.

    Returns
    -------
    published
        Site and packs.

    Raises
    ------
    StoreError
        If the folder of the maps cannot be written; what was published before stays.
    """
    from sinkwatch.packs import noting  # noqa: PLC0415 - folium is only needed here
    from sinkwatch.packs.edition import Edition  # noqa: PLC0415 - as above

    if not services.has_store():
        return Edition.of(services, findings, History()).at_once(counting)
    with services.store() as store:
        edition = Edition.of(services, findings, _history(store, findings))
        published = edition.at_once(counting)
        noting.note(services, store, findings, published)
    return published


def _history(store: Store, findings: Findings) -> History:
    with store.read() as connection:
        return _told(connection, findings)


def _told(connection: Connection, findings: Findings) -> History:
    """Return what was published before, as the transaction at hand has it."""
    from sinkwatch.store import states  # noqa: PLC0415 - with the store

    return history.gather(states.transitions(connection), findings.area.parameters)
