"""What is drawn and listed: everything once, in the words of the core."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from sinkwatch import explain
from sinkwatch.model import Band
from sinkwatch.publish import things
from tests.publish.builders import FAR, UNMAPPED, with_nothing

if TYPE_CHECKING:
    from sinkwatch.model import Findings
    from sinkwatch.publish.things import Thing, Things


@pytest.fixture(scope="module")
def gathered(findings: Findings) -> Things:
    return things.gather(findings)


def _named(listed: tuple[Thing, ...], name: str) -> Thing:
    return next(thing for thing in listed if thing.name.startswith(name))


def test_every_record_is_listed_and_the_one_without_a_place_is_not_drawn(
    gathered: Things,
) -> None:
    assert [thing.fact("Record") for thing in gathered.records] == [
        f"RS{i:03d}" for i in range(1, 20)
    ]
    assert [thing.fact("Record") for thing in gathered.records if thing.geometry is None] == [
        "RS012"
    ]


def test_a_record_keeps_its_doubts_its_grade_and_how_well_its_place_is_known(
    gathered: Things,
) -> None:
    record = _named(gathered.records, "Magdalen's Close")
    assert record.symbol == "record-confirmed"
    assert record.fact("Date") == "17 February 2014"
    assert record.fact("Place") == "known to ± 150 m; shown rounded to 50 m"
    assert "sizes differ" in record.fact("Doubts")
    assert record.uncertainty_m == pytest.approx(154.3, abs=0.05)
    assert record.url.startswith("https://www.bgs.ac.uk/")


def test_a_site_says_the_very_sentence_that_mail_and_table_say(
    findings: Findings, gathered: Things
) -> None:
    styles = findings.area.parameters.table.styles
    for assessment, site in zip(findings.sites, gathered.sites, strict=True):
        assert site.headline == explain.headline(assessment, styles)
        assert [r.text for r in site.reasons] == [r.text for r in assessment.reasons]
        assert site.style == styles[assessment.band]


def test_what_is_flagged_is_what_the_run_flagged(findings: Findings, gathered: Things) -> None:
    assert len(gathered.flagged()) == len(findings.flagged)
    assert len(gathered.flagged()) + len(gathered.unflagged()) == len(gathered.sites) + 4
    assert not {thing.anchor for thing in gathered.flagged()} & {
        thing.anchor for thing in gathered.unflagged()
    }


def test_an_application_that_is_not_mapped_is_listed_with_the_reason(gathered: Things) -> None:
    application = gathered.applications[-1]
    assert application.name == UNMAPPED
    assert application.geometry is None
    assert application.style is None
    assert application.headline == "Not on the map and not assessed: no address was given."
    assert application.fact("For") == "Change of use. Agent: [removed], [removed], [removed]"


def test_an_application_names_the_watched_site_it_touches(gathered: Things) -> None:
    application = _named(gathered.applications, "24/00001")
    assert application.fact("Touches") == "Old Ripon Auction Mart, North Road"
    assert application.is_flagged
    assert _named(gathered.applications, FAR).fact("Touches") == ""


def test_only_web_links_survive(gathered: Things) -> None:
    assert [bool(thing.url) for thing in gathered.applications].count(True) == 1


def test_an_assessment_without_its_application_is_not_shown(findings: Findings) -> None:
    fewer = replace(findings, applications=findings.applications.iloc[:1])
    assert len(things.gather(fewer).applications) == 1


def test_a_site_outside_what_is_held_is_listed_and_not_drawn(findings: Findings) -> None:
    first = findings.sites[0]
    outside = replace(
        first, band=Band.NOT_ASSESSED, place=replace(first.place, easting=None, northing=None)
    )
    (site,) = things.gather(replace(findings, sites=(outside,))).sites
    assert site.geometry is None
    assert site.uncertainty_m is None


def test_nothing_held_gives_nothing_shown(findings: Findings) -> None:
    gathered = things.gather(with_nothing(findings))
    assert (gathered.records, gathered.sites, gathered.applications, gathered.cases) == (
        (),
        (),
        (),
        (),
    )


# ── Evidence packs ───────────────────────────────────────────────────────────────────────────

MART = things.Offer(
    pdf="sites/auction-mart/evidence.pdf",
    picture="sites/auction-mart/map.png",
    made_on=date(2026, 11, 22),
)


def test_without_packs_nothing_is_said_of_any(gathered: Things) -> None:
    assert {(thing.offer, thing.no_offer) for thing in gathered.sites} == {(None, "")}


def test_a_flagged_place_offers_its_pack_or_says_why_it_has_none(findings: Findings) -> None:
    offers = {"sites/auction-mart": MART, "sites/leisure-centre": None}
    gathered = things.gather(findings, offers)
    said = {thing.anchor: (thing.offer, thing.no_offer) for thing in gathered.sites}
    assert said["site-auction-mart"] == (MART, "")
    assert said["site-leisure-centre"] == (None, things.NOT_MADE)
    assert said["site-hutton-bank"] == (None, things.NO_POSITION)


def test_a_place_that_is_not_flagged_is_offered_none(findings: Findings) -> None:
    gathered = things.gather(findings, {"sites/highfield-house": MART})
    (house,) = (thing for thing in gathered.sites if thing.anchor == "site-highfield-house")
    assert (house.offer, house.no_offer) == (None, "")
