"""What was published before: each recorded change as a reader is told of it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from sinkwatch import events, history
from sinkwatch.model import Change, History, Transition

if TYPE_CHECKING:
    from sinkwatch.model import Area, Findings, Parameters

pytestmark = pytest.mark.core

FIRST, SECOND = datetime(2026, 11, 1, 23, 30, tzinfo=UTC), datetime(2026, 11, 2, 6, tzinfo=UTC)

Facts = "Mapping[str, object] | None"

RECORD = {
    "name": "Chasm",
    "date_text": "1834",
    "evidence": "confirmed",
    "source_title": "A paper",
    "source_url": "",
    "easting": 1,
    "northing": 2,
    "position_uncertainty_m": 3,
}
APPLICATION = {
    "reference": "A/1",
    "authority": "North Yorkshire",
    "address": "North Road\u202e, 01765 123456",
    "description": "Homes",
    "status": "undecided",
    "status_text": "Pending",
    "received_on": None,
    "decided_on": None,
    "consulted_on": None,
    "easting": None,
    "northing": None,
    "position_uncertainty_m": None,
    "boundary": "",
    "url": "",
}
SITE = {"name": "Auction mart", "band": 5, "scored_as": 3, "sinkhole_id": "RS001"}
POSTCODE = {"band": 5, "scored_as": 3, "sinkhole_id": "RS001", "easting": 1, "northing": 2}


@pytest.fixture(scope="module")
def parameters(ripon: Area) -> Parameters:
    return ripon.parameters


def a_transition(
    kind: str,
    before: Facts,
    after: Facts,
    *,
    at: datetime = SECOND,
    is_baseline: bool = False,
) -> Transition:
    change = Change(
        kind=kind,
        subject="S1",
        version="0" * 16,
        before=before,
        after=after,
        is_baseline=is_baseline,
    )
    return Transition(run_id=1, at=at, change=change)


def told(parameters: Parameters, *transitions: Transition) -> list[tuple[str, str]]:
    entries = history.gather(transitions, parameters).entries
    return [(entry.title, entry.happened) for entry in entries]


def test_the_first_inventory_and_the_first_sites_say_that_they_were_first_published(
    parameters: Parameters,
) -> None:
    record = a_transition(events.SINKHOLE, None, RECORD, is_baseline=True)
    site = a_transition(events.SITE, None, SITE, is_baseline=True)
    entries = history.gather([record, site], parameters).entries
    assert [(e.title, e.happened, e.is_first) for e in entries] == [
        ("Chasm, 1834", "The record was first published.", True),
        ("Auction mart", "The site was first published.", True),
    ]


def test_the_first_list_of_postcodes_is_no_change(parameters: Parameters) -> None:
    first = a_transition(events.POSTCODE, None, POSTCODE, is_baseline=True)
    assert told(parameters, first) == []


@pytest.mark.parametrize(
    ("before", "after", "happened"),
    [
        (None, RECORD, "A record has been added to the inventory."),
        (RECORD, None, "The record has been taken out of the inventory."),
        (RECORD, RECORD | {"name": "Shaft"}, "The record has been corrected: its name."),
    ],
)
def test_a_record_is_told_as_in_the_alerts(
    parameters: Parameters, before: Facts, after: Facts, happened: str
) -> None:
    ((_, said),) = told(parameters, a_transition(events.SINKHOLE, before, after))
    assert said == happened


def test_an_application_is_told_as_in_the_alerts_and_cleaned(parameters: Parameters) -> None:
    new = a_transition(events.APPLICATION, None, APPLICATION)
    assert told(parameters, new) == [
        (
            "A/1, North Road, [removed]",
            'A planning application has been submitted. Its status is "Pending".',
        )
    ]


def test_what_is_no_news_to_a_subscriber_is_none_here(parameters: Parameters) -> None:
    moved = APPLICATION | {"description": "homes."}
    assert told(parameters, a_transition(events.APPLICATION, APPLICATION, moved)) == []


def test_a_decided_application_that_drops_off_the_register_says_so(
    parameters: Parameters,
) -> None:
    decided = APPLICATION | {"status": "refused"}
    ((_, said),) = told(parameters, a_transition(events.APPLICATION, decided, None))
    assert said.startswith("It is no longer listed by the council's register as we read it")


@pytest.mark.parametrize(
    ("before", "after", "happened"),
    [
        (None, SITE, "The site is watched from now on."),
        (SITE, None, "The site is no longer watched."),
    ],
)
def test_a_site_comes_and_goes(
    parameters: Parameters, before: Facts, after: Facts, happened: str
) -> None:
    site = a_transition(events.SITE, before, after)
    assert told(parameters, site) == [("Auction mart", happened)]


def test_another_band_of_a_site_says_why_and_the_same_band_nothing(
    parameters: Parameters,
) -> None:
    other = SITE | {"band": 4, "sinkhole_id": "RS002"}
    ((title, said),) = told(parameters, a_transition(events.SITE, SITE, other))
    assert title == "Auction mart"
    assert said.startswith('Its band was "')
    assert said.endswith("because one was added, corrected or taken out.")
    same = SITE | {"sinkhole_id": "RS002"}
    assert told(parameters, a_transition(events.SITE, SITE, same)) == []


def test_the_newest_comes_first_and_days_are_those_of_london(parameters: Parameters) -> None:
    site = a_transition(events.SITE, None, SITE, at=FIRST, is_baseline=True)
    record = a_transition(events.SINKHOLE, None, RECORD, at=SECOND)
    found = history.gather([site, record], parameters)
    assert [(entry.kind, entry.on) for entry in found.entries] == [
        (events.SINKHOLE, date(2026, 11, 2)),
        (events.SITE, date(2026, 11, 1)),
    ]
    assert (found.began_on, found.changed_on) == (date(2026, 11, 1), date(2026, 11, 2))
    assert found.by_subject() == {
        (events.SINKHOLE, "S1"): found.entries[:1],
        (events.SITE, "S1"): found.entries[1:],
    }


def test_nothing_recorded_has_no_day(parameters: Parameters) -> None:
    assert history.gather([], parameters) == History()
    assert History().changed_on is None


def test_of_each_watched_site_the_band_and_what_decided_it_are_recorded(
    ripon_findings: Findings,
) -> None:
    facts = events.site_facts(ripon_findings.sites)
    mart = next(s for s in ripon_findings.sites if s.place.place_id == "auction-mart")
    assert facts["auction-mart"] == {
        "name": mart.place.label,
        "band": int(mart.band),
        "scored_as": int(mart.scored_as),
        "sinkhole_id": mart.sinkhole_id or "",
    }


def test_nobody_is_alerted_of_a_site_itself(parameters: Parameters) -> None:
    change = a_transition(events.SITE, SITE, SITE | {"band": 4}).change
    assert events.events([change], {}, parameters, today=date(2026, 11, 2)) == ()
