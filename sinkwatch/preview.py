"""The mail that a subscriber at a place would get, for a newcomer who has no subscriber yet."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sinkwatch import (
    alerts,
    compose,
    explain,
    gazetteer,
    intake,
    pipeline,
    signup,
    survey,
    wording,
)
from sinkwatch import events as changes_of
from sinkwatch.errors import PlaceError
from sinkwatch.model import (
    DEFAULT_TOPICS,
    PLANNING_KINDS,
    Alert,
    ApplicationStatus,
    Assessment,
    Change,
    Digest,
    Event,
    EventKind,
    Evidence,
    Findings,
    MailKind,
    Message,
    Place,
    Subscriber,
    SubscriberId,
    Subscription,
    SubscriptionId,
    Subscriptions,
    Topic,
    fingerprint,
)
from sinkwatch.notify import addresses
from sinkwatch.store import alerts as stored

if TYPE_CHECKING:
    from datetime import date, datetime

    from sinkwatch.services import Services
    from sinkwatch.signup import Wish
    from sinkwatch.store import Store

DEFAULT_RADIUS_M: Final = 500.0
"""Radius of a subscription unless another is asked for: the last search ring, metres."""

NOBODY: Final = "someone@example.org"
"""To whom a preview goes."""

_MOST_SHOWN: Final = 4


def message(services: Services, words: str, email: str = NOBODY) -> Message:
    """
    Render the mail that a subscriber at a postcode would get, without one in the database.

    It tells of the flagged applications there now. Where fewer are held than a mail shows, past
    decisions and records stand in as examples and say so.

    Parameters
    ----------
    services
        With the area.
    words
        A postcode.
    email
        To whom.

    Returns
    -------
    message
        From the present findings.

    Raises
    ------
    ConfigError
        If the address is not one mailbox.
    PlaceError
        If the words name no postcode that is held.
    """
    inputs = intake.recall(services)
    surveyed = survey.surveyed(services.area, inputs)
    place = gazetteer.postcode(survey.names(services.area, inputs), words)
    now = services.clock()
    someone = _someone(place, DEFAULT_RADIUS_M, DEFAULT_TOPICS, now)
    someone = replace(someone, email=addresses.address(email))
    findings = surveyed.findings
    shown = [*_applications_now(findings, now), *_examples(findings, someone.subscriptions[0])]
    nearby = _told(someone, shown, now).alerts
    # The nearest and the newest by turns: a mail that shows each kind of thing once.
    latest = sorted(nearby, key=lambda alert: shown.index(alert.event))[:_MOST_SHOWN]
    digest = Digest(
        subscriber=someone,
        kind=MailKind.ALERT,
        alerts=tuple(alert for alert in nearby if alert in latest),
    )
    return compose.Letters.of(services, surveyed).render(digest, now)


def a_postcode(services: Services) -> str:
    """
    Return a postcode to try things with.

    Parameters
    ----------
    services
        With the area.

    Returns
    -------
    postcode
        The first in the list held.

    Raises
    ------
    PlaceError
        If no list is held.
    """
    postcodes = intake.recall(services).postcodes
    if postcodes.empty:
        raise PlaceError("a postcode", "is in no list held", "Name one with --place")
    return str(postcodes["postcode"].iloc[0])


def _someone(place: Place, radius_m: float, topics: frozenset[Topic], now: datetime) -> Subscriber:
    """Return a made-up subscriber at a place."""
    home = Subscription(
        subscription_id=SubscriptionId("preview"),
        postcode=place.label,
        radius_m=radius_m,
        easting=float(place.easting or 0.0),
        northing=float(place.northing or 0.0),
        topics=topics,
        confirmed_at=now,
    )
    return Subscriber(
        subscriber_id=SubscriberId("preview"),
        email=NOBODY,
        subscriptions=(home,),
        confirmed_at=now,
    )


def _told(someone: Subscriber, shown: Sequence[Event], now: datetime) -> Digest:
    """Return what of some events a subscriber would be told."""
    pairs = alerts.hearers(shown, alerts.Audience.of(Subscriptions.of((someone,))), {})
    keys = {key for _, key in pairs}
    told = [event for event in shown if event.key in keys]
    return alerts.digest(someone, MailKind.ALERT, told, {}, today=wording.london_date(now))


@dataclass(frozen=True, slots=True, kw_only=True)
class Would:
    """
    What somebody would have been told, had they subscribed a year ago.

    Attributes
    ----------
    subscriber
        Made up, with the place asked about.
    alerts
        What they would have been told, in the order of a mail.
    assessment
        What is recorded about the ground at the place.
    says
        Sentences on what is not known, such as that no planning source is set up.
    """

    subscriber: Subscriber
    alerts: tuple[Alert, ...]
    assessment: Assessment
    says: tuple[str, ...]


def would_have(services: Services, store: Store, surveyed: survey.Surveyed, wish: Wish) -> Would:
    """
    Say what somebody would have been told in the last twelve months.

    Parameters
    ----------
    services
        Clock and area.
    store
        The open store: what has changed since it was made.
    surveyed
        What the last run found: the applications and records of the time before.
    wish
        The place, the radius and what they want to hear of.

    Returns
    -------
    would
        For the form.

    Raises
    ------
    PlaceError
        If the postcode is not held or lies outside the area, or the radius is not offered.
    """
    now = services.clock()
    asked = signup.subscription(services, wish, now)
    place = gazetteer.of_postcode(
        asked.postcode, asked.easting, asked.northing, alerts.POSTCODE_UNCERTAINTY_M
    )
    someone = _someone(place, wish.radius_m, wish.topics, now)
    with store.read() as connection:
        recorded = tuple(_standing(stored.since(connection, now - _YEAR)))
    known = {event.subject for event in recorded}
    before = [
        event
        for event in (
            *_applications_since(surveyed.findings, now, wording.london_date(now) - _YEAR),
            *_records_of(surveyed.findings, wording.london_date(now) - _YEAR),
        )
        if event.subject not in known
    ]
    return Would(
        subscriber=someone,
        alerts=_told(someone, [*recorded, *before], now).alerts,
        assessment=explain.place(surveyed.knowledge, place),
        says=tuple(_unknown(surveyed.findings)),
    )


_YEAR: Final = timedelta(days=365)


def _standing(recorded: Sequence[Event]) -> Iterator[Event]:
    """Leave out what was taken back later, of events the newest first."""
    retracted: set[str] = set()
    for event in recorded:
        if event.kind is EventKind.RETRACTED:
            retracted.add(event.subject)
        elif event.subject not in retracted:
            yield event


def _unknown(findings: Findings) -> Iterator[str]:
    """Say what cannot be told, so that a short list is not taken for a quiet place."""
    planning = [state for state in findings.sources if state.spec.kind in PLANNING_KINDS]
    if all(state.snapshot is None for state in planning):
        yield (
            "No planning applications are held here yet, so none can be shown. That is not the "
            "same as none."
        )
    for state in wording.alarming(findings.sources):
        yield f"{state.spec.title}: {wording.source_text(state)}. Something may be missing here."


def _records_of(findings: Findings, since: date) -> list[Event]:
    """Return the records of events that were observed since a day."""
    sinkholes = findings.sinkholes
    recent = sinkholes[sinkholes["is_drawn"] & (sinkholes["observed"] >= since.isoformat())]
    return [
        replace(_record_example(row), happened="A record has been added to the inventory.")
        for row in recent.to_dict("records")
    ]


def _applications_since(findings: Findings, now: datetime, since: date) -> Iterator[Event]:
    """Return what came in, and what was decided, since a day; what has no date is told too."""
    facts = changes_of.application_facts(findings.applications)
    for event in _applications_now(findings, now, within=_YEAR):
        known = facts[event.subject]
        received_on, decided_on = (str(known[name] or "") for name in ("received_on", "decided_on"))
        if received_on >= since.isoformat() or not (received_on or decided_on):
            yield event
        if decided_on >= since.isoformat() and known["status"] in _DECIDED:
            yield replace(
                event,
                kind=EventKind.APPLICATION_DECIDED,
                happened=f'It was decided: "{known["status_text"] or known["status"]}".',
            )


_DECIDED: Final = frozenset({ApplicationStatus.APPROVED, ApplicationStatus.REFUSED})


def _applications_now(
    findings: Findings, now: datetime, within: timedelta | None = None
) -> list[Event]:
    """Return the applications that are news today, or were within a time before."""
    changes = [
        Change(
            kind=changes_of.APPLICATION,
            subject=key,
            version=fingerprint(facts),
            before=None,
            after=facts,
            is_baseline=False,
        )
        for key, facts in changes_of.application_facts(findings.applications).items()
    ]
    today = wording.london_date(now)
    parameters = findings.area.parameters
    if within is not None:
        parameters = replace(parameters, recent_days=within.days)
    found = changes_of.events(changes, pipeline.notes(findings), parameters, today=today)
    return [event for event in found if event.is_news]


def _examples(findings: Findings, home: Subscription) -> list[Event]:
    """Return the nearest records and the latest decisions in turn, as examples of a mail."""
    sinkholes, cases = findings.sinkholes, findings.cases
    is_plain = sinkholes["evidence"].isin([Evidence.CONFIRMED, Evidence.PROBABLE])
    told = sinkholes[is_plain & sinkholes["is_drawn"] & sinkholes["observed"].notna()]
    nearest = np.argsort(
        np.hypot(told.geometry.x - home.easting, told.geometry.y - home.northing), kind="stable"
    )
    mapped = cases[cases.geometry.notna() & cases["decided"].notna()]
    records = told.iloc[nearest].to_dict("records")
    decisions = mapped.sort_values("decided", ascending=False).to_dict("records")
    pairs = itertools.zip_longest(map(_record_example, records), map(_case_example, decisions))
    return [event for pair in pairs for event in pair if event is not None]


def _record_example(row: Mapping[Hashable, Any]) -> Event:
    return Event(
        kind=EventKind.SINKHOLE_NEW,
        subject=row["sinkhole_id"],
        version="example",
        title=f"{row['name']}, {row['date_text']}",
        happened="An example: this record is held already; a real mail tells of what is new.",
        easting=row["geometry"].x,
        northing=row["geometry"].y,
        position_uncertainty_m=row["position_uncertainty_m"],
        is_flagged=True,
        is_news=True,
        lines=(f"Evidence: {row['evidence']}.", f"Source: {row['source_title']}."),
        url=row["source_url"] if isinstance(row["source_url"], str) else "",
    )


def _case_example(row: Mapping[Hashable, Any]) -> Event:
    return Event(
        kind=EventKind.APPLICATION_DECIDED,
        subject=row["case_id"],
        version="example",
        title=f"{row['title']}, {row['date_text']}",
        happened=f"An example, a past decision held already: {row['step']}.",
        easting=row["geometry"].x,
        northing=row["geometry"].y,
        position_uncertainty_m=row["position_uncertainty_m"],
        is_flagged=True,
        is_news=True,
        lines=(f"Ground: {row['ground']}", f"Source: {row['source_title']}."),
        url=row["source_url"] if isinstance(row["source_url"], str) else "",
    )
