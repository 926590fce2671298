"""The mail that a subscriber at a place would get, for a newcomer who has no subscriber yet."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sinkwatch import alerts, gazetteer, intake, pipeline, survey, wording
from sinkwatch.model import (
    Change,
    Digest,
    Event,
    EventKind,
    Evidence,
    Findings,
    Message,
    Subscription,
    SubscriptionId,
    fingerprint,
)

if TYPE_CHECKING:
    from datetime import datetime

    from sinkwatch.services import Services

DEFAULT_RADIUS_M: Final = 500.0
"""Radius of a subscription unless another is asked for: the last search ring, metres."""

_MOST_SHOWN: Final = 4


def message(services: Services, words: str) -> Message:
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

    Returns
    -------
    message
        To a made-up address, from the present findings.

    Raises
    ------
    PlaceError
        If the words name no postcode that is held.
    """
    inputs = intake.recall(services)
    surveyed = survey.surveyed(services.area, inputs)
    findings = surveyed.findings
    place = gazetteer.postcode(survey.names(services.area, inputs), words)
    now = services.clock()
    home = Subscription(
        subscription_id=SubscriptionId("preview"),
        email="someone@example.org",
        postcode=place.label,
        radius_m=DEFAULT_RADIUS_M,
        easting=float(place.easting or 0.0),
        northing=float(place.northing or 0.0),
        confirmed_at=now,
    )
    shown = [*_applications_now(findings, now), *_examples(findings, home)]
    digests = alerts.plan(shown, (home,), frozenset())
    nearby = digests[0].alerts if digests else ()
    latest = sorted(nearby, key=lambda alert: shown.index(alert.event))[:_MOST_SHOWN]
    digest = Digest(subscription=home, alerts=tuple(a for a in nearby if a in latest))
    return pipeline.Letters.of(services, surveyed).render(digest, now)


def _applications_now(findings: Findings, now: datetime) -> list[Event]:
    changes = [
        Change(
            kind=alerts.APPLICATION,
            subject=key,
            version=fingerprint(facts),
            before=None,
            after=facts,
            is_baseline=False,
        )
        for key, facts in alerts.application_facts(findings.applications).items()
    ]
    today = wording.london_date(now)
    found = alerts.events(changes, pipeline.notes(findings), findings.area.parameters, today=today)
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
