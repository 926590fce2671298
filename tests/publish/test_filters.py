"""What a row and a mark are chosen by: only what occurs is offered, and days may be half known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sinkwatch.publish import filters, things
from tests.publish.builders import AUCTION_MART, UNMAPPED, with_nothing

if TYPE_CHECKING:
    from sinkwatch.model import Findings
    from sinkwatch.publish.things import Things
    from tests.publish.builders import Page


@pytest.fixture(scope="module")
def gathered(findings: Findings) -> Things:
    return things.gather(findings)


def test_a_record_is_chosen_by_its_evidence_and_year(findings: Findings, gathered: Things) -> None:
    record = filters.gather(findings, gathered)["record-RS009"]
    assert record == filters.Traits(
        kind="record", evidence="confirmed", first_year=2014, last_year=2014
    )


def test_an_application_is_chosen_by_status_flag_and_year(
    findings: Findings, gathered: Things
) -> None:
    traits = filters.gather(findings, gathered)
    by_name = {thing.name: traits[thing.anchor] for thing in gathered.applications}
    assert by_name[AUCTION_MART] == filters.Traits(
        kind="application", status="undecided", is_flagged=True, first_year=2026, last_year=2026
    )
    assert by_name[UNMAPPED].status == "refused"


@pytest.mark.parametrize(
    ("when", "years"),
    [
        ("", (None, None)),
        ("2014-02-17", (2014, 2014)),
        ("198X", (1980, 1989)),
        ("18XX", (1800, 1899)),
        ("1796/1834-04", (1796, 1834)),
        ("../1900", (1900, 1900)),
        ("1997?", (1997, 1997)),
        ("<script>", (None, None)),
    ],
)
def test_a_day_that_is_half_known_lies_between_years(
    findings: Findings, gathered: Things, when: str, years: tuple[int | None, int | None]
) -> None:
    record = replace(gathered.records[0], when=when)
    traits = filters.gather(findings, replace(gathered, records=(record,)))[record.anchor]
    assert (traits.first_year, traits.last_year) == years


def test_only_what_occurs_is_offered(findings: Findings, gathered: Things) -> None:
    offered = filters.choices(filters.gather(findings, gathered))
    assert [kind for kind, _ in offered.kinds] == ["record", "application", "site", "case"]
    assert [value for value, _ in offered.statuses] == ["undecided", "approved", "refused", "other"]
    assert offered.evidence[0] == ("confirmed", "Confirmed")
    assert (offered.first_year, offered.last_year) == (1834, 2026)


def test_where_nothing_is_held_nothing_is_offered(findings: Findings) -> None:
    empty = with_nothing(findings)
    offered = filters.choices(filters.gather(empty, things.gather(empty)))
    assert offered == filters.Choices(
        kinds=[], evidence=[], statuses=[], first_year=None, last_year=None
    )


def test_every_row_says_what_it_is_chosen_by_and_the_form_waits_for_its_script(
    index: Page, gathered: Things
) -> None:
    rows = {
        tag.attributes["id"]: tag.attributes for tag in index.all("tr") if "id" in tag.attributes
    }
    for thing in (*gathered.records, *gathered.sites, *gathered.applications, *gathered.cases):
        assert rows[thing.anchor]["data-kind"] == thing.symbol.partition("-")[0]
    (form,) = [tag for tag in index.tags if tag.attributes.get("id") == "filters"]
    assert "hidden" in form.attributes
    boxes = [tag.attributes for tag in index.all("input") if tag.attributes["type"] == "checkbox"]
    assert {box["name"] for box in boxes} == {"kind", "evidence", "status", "flagged"}
