"""The verbs of the scheduled job: run, dry run, publish."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from shapely import Point

from sinkwatch import (
    __version__,
    alerts,
    assess,
    explain,
    gazetteer,
    geocode,
    intake,
    sources,
    survey,
    wording,
)
from sinkwatch.errors import SourceError
from sinkwatch.model import (
    FRAME_OF_KIND,
    PLANNING_KINDS,
    Digest,
    Event,
    Findings,
    Message,
    Outcome,
    Place,
    SourceState,
    SourceStatus,
    Subscription,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    from sqlalchemy import Connection

    from sinkwatch.publish.site import Written
    from sinkwatch.services import Services
    from sinkwatch.store import Store

LOG = logging.getLogger(__name__)

ALERTS_EXPIRE: Final = timedelta(hours=72)
"""Age at which an alert that could not be delivered is given up."""

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
    """

    at: datetime
    findings: Findings
    events: tuple[Event, ...]
    n_queued: int
    n_delivered: int
    n_waiting: int
    published: Written

    @property
    def troubled(self) -> tuple[SourceState, ...]:
        """Return the sources that are stale, on hold or failed."""
        return tuple(state for state in self.findings.sources if intake.is_troubled(state))


def run(
    services: Services, *, offline: bool = False, must_read: frozenset[str] = frozenset()
) -> RunReport:
    """
    Bring the record up to date, queue what subscribers must hear, deliver it and publish.

    Parameters
    ----------
    services
        Clock, store, mailer and area.
    offline
        Whether to use what is held and ask no source.
    must_read
        Names of sources without which nothing is to be done, such as a file named by hand.

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
    from sinkwatch import delivery  # noqa: PLC0415 - `check` does without store and mail

    now = services.clock()
    with services.lock(), services.store() as store:
        found = _found(services, store, now, offline=offline, must_read=must_read)
        findings = found.findings
        events, messages = _record(services, store, found, now)
        n_delivered = delivery.deliver(services, store, services.mailer())
        published = publish(services, findings)
        n_waiting = _n_waiting(store)
        intake.tidy(services, store, now)
    LOG.info(
        "run: %d events, %d queued, %d delivered, %s",
        len(events),
        len(messages),
        n_delivered,
        "site changed" if published.changed else "site unchanged",
    )
    return RunReport(
        at=now,
        findings=findings,
        events=events,
        n_queued=len(messages),
        n_delivered=n_delivered,
        n_waiting=n_waiting,
        published=published,
    )


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

    Returns
    -------
    report
        What would have been done.
    """
    from sinkwatch.notify import mail  # noqa: PLC0415 - only where mail is written

    now = services.clock()
    with services.lock(), services.store() as store:
        found = _found(services, store, now, offline=offline, must_read=must_read)
        findings = found.findings
        with store.begin() as connection, connection.begin_nested() as nothing_kept:
            events, messages = _plan(services, connection, found, now)
            nothing_kept.rollback()
    mailer = mail.FolderMailer(folder / "mail")
    for message in messages:
        mailer.send(message)
    settings = services.settings.model_copy(update={"maps_folder": folder / "maps"})
    published = publish(replace(services, settings=settings), findings)
    return RunReport(
        at=now,
        findings=findings,
        events=events,
        n_queued=len(messages),
        n_delivered=0,
        n_waiting=0,
        published=published,
    )


def _record(
    services: Services, store: Store, found: survey.Surveyed, now: datetime
) -> tuple[tuple[Event, ...], tuple[Message, ...]]:
    from sinkwatch.store import outbox  # noqa: PLC0415 - with the store

    # One transaction: what is recorded as changed and what is queued because of it stand or fall
    # together, so a crash between the two can neither lose a mail nor send it twice.
    with store.begin() as connection:
        events, messages = _plan(services, connection, found, now)
        outbox.enqueue(connection, messages, now, now + ALERTS_EXPIRE)
    return events, messages


def _plan(
    services: Services, connection: Connection, surveyed: survey.Surveyed, now: datetime
) -> tuple[tuple[Event, ...], tuple[Message, ...]]:
    from sinkwatch.store import outbox, runs, states, subscriptions  # noqa: PLC0415 - with the store

    run_id = runs.start(connection, now)
    findings = surveyed.findings
    silent_since = _silent_since(connection, findings)
    complete = {alerts.APPLICATION: _all_answered(connection, findings, now)}
    lost = _lost(connection, findings)
    intake.note_sources(connection, findings.sources, now)
    changes = [
        change
        for kind, facts in _facts(surveyed, lost).items()
        for change in states.record(
            connection, run_id, kind, facts, is_complete=complete.get(kind, True)
        )
    ]
    found = alerts.events(
        changes, notes(findings), findings.area.parameters, today=wording.london_date(now)
    )
    homes = _at_home(subscriptions.confirmed(connection), surveyed.postcodes)
    digests = alerts.plan(found, homes, outbox.told(connection))
    letters = Letters.of(services, surveyed)
    messages = tuple(
        letters.render(replace(digest, silent_since=silent_since), now) for digest in digests
    )
    news = tuple(event for event in found if event.is_news)
    summary = {
        "events": len(news),
        "queued": len(messages),
        "version": __version__,
        "checked": _checked(findings),
    }
    runs.finish(connection, run_id, now, "done", summary)
    return news, messages


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


def _at_home(
    subscriptions: Sequence[Subscription], postcodes: gpd.GeoDataFrame
) -> list[Subscription]:
    """Put each subscriber where the list of today has their postcode, like the map and the band."""
    wanted = {home.postcode for home in subscriptions}
    listed = postcodes[postcodes["postcode"].isin(wanted)]
    eastings = dict(zip(listed["postcode"], listed.geometry.x, strict=True))
    northings = dict(zip(listed["postcode"], listed.geometry.y, strict=True))
    return [
        replace(
            home,
            easting=float(eastings.get(home.postcode, home.easting)),
            northing=float(northings.get(home.postcode, home.northing)),
        )
        for home in subscriptions
    ]


_GROUND: Final = frozenset({"geology", "sinkholes", "postcodes"})
"""Frames that decide the band of a postcode."""


def _facts(
    surveyed: survey.Surveyed, lost: frozenset[str]
) -> dict[str, dict[str, dict[str, object]]]:
    """Return what is recorded, by kind; what cannot be told in this run is left as it was."""
    findings = surveyed.findings
    facts: dict[str, dict[str, dict[str, object]]] = {}
    if "sinkholes" not in lost:
        facts[alerts.SINKHOLE] = alerts.sinkhole_facts(findings.sinkholes)
    if not _GROUND & lost:
        bands = assess.score(surveyed.knowledge.hazard, surveyed.postcodes, key="postcode")
        facts[alerts.POSTCODE] = alerts.postcode_facts(bands, surveyed.postcodes)
    planning = [state for state in findings.sources if state.spec.kind in PLANNING_KINDS]
    if any(state.snapshot is not None for state in planning):
        facts[alerts.APPLICATION] = alerts.application_facts(findings.applications)
    return facts


def notes(findings: Findings) -> dict[str, alerts.Note]:
    """
    Return what goes with the news of each application: its ground, and its watched site.

    Parameters
    ----------
    findings
        What the run found.

    Returns
    -------
    notes
        By application key.
    """
    styles = findings.area.parameters.table.styles
    names = dict(zip(findings.places["place_id"], findings.places["name"], strict=True))
    sites = dict(
        zip(findings.applications["application_key"], findings.applications["site_id"], strict=True)
    )
    notes: dict[str, alerts.Note] = {}
    for assessment in findings.applied:
        key = assessment.place.place_id
        lines = [f"Ground: {explain.headline(assessment, styles)}"]
        street = _street_of(assessment.place, findings)
        if street:
            lines.append(f"Near {street}.")
        if sites.get(key):
            lines.append(f"On or near the watched site {names[sites[key]]}.")
        notes[key] = alerts.Note(is_flagged=key in findings.flagged, lines=tuple(lines))
    return notes


def _street_of(place: Place, findings: Findings) -> str:
    if place.easting is None or place.northing is None:
        return ""
    point = Point(place.easting, place.northing)
    return geocode.nearest_street(point, findings.surroundings.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """
    Renders digests against the findings of one run.

    Attributes
    ----------
    services
        With the sender.
    findings
        What the run found.
    knowledge
        The same, ready to be asked about each subscriber's postcode.
    """

    services: Services
    findings: Findings
    knowledge: explain.Knowledge

    @classmethod
    def of(cls, services: Services, surveyed: survey.Surveyed) -> Self:
        """
        Put the findings in order once, for any number of digests.

        Parameters
        ----------
        services
            With the sender.
        surveyed
            What the run found, and what each postcode is asked against.

        Returns
        -------
        letters
            For `render`.
        """
        return cls(services=services, findings=surveyed.findings, knowledge=surveyed.knowledge)

    def render(self, digest: Digest, now: datetime) -> Message:
        """
        Render a digest, with its map and what is recorded about the ground at its postcode.

        Parameters
        ----------
        digest
            What to tell, and whom.
        now
            Date of the mail, UTC.

        Returns
        -------
        message
            With a new Message-ID.
        """
        from sinkwatch.notify import picture, render  # noqa: PLC0415 - only where mail is written

        home = digest.subscription
        place = gazetteer.of_postcode(
            home.postcode, home.easting, home.northing, alerts.POSTCODE_UNCERTAINTY_M
        )
        return render.message(
            digest,
            sender=self.services.sender(),
            context=render.Context(
                area=self.findings.area,
                sources=self.findings.sources,
                assessment=explain.place(self.knowledge, place),
                editions=self.knowledge.editions,
            ),
            picture=picture.draw(picture.scene_of(digest, self.findings)),
            message_id=self.services.new_message_id(),
            at=now,
        )


def _n_waiting(store: Store) -> int:
    from sinkwatch.store import outbox  # noqa: PLC0415 - with the store

    with store.read() as connection:
        counts = outbox.counts(connection)
    return sum(counts[state] for state in _WAITING)


def publish(services: Services, findings: Findings) -> Written:
    """
    Build the site and switch to it.

    Parameters
    ----------
    services
        With the folder of the maps.
    findings
        What to publish.

    Returns
    -------
    written
        Where it lies, and whether anything changed.
    """
    from sinkwatch.publish import site  # noqa: PLC0415 - folium is only needed here

    pages = site.build(findings, version=__version__, contact=services.settings.contact)
    return site.write(pages, services.settings.maps_folder)
