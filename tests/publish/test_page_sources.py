"""How the page speaks of its sources: absence, failure and emptiness are three things."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sinkwatch.model import SourceStatus
from sinkwatch.publish import sources
from tests.publish.builders import with_source, without_applications

if TYPE_CHECKING:
    from sinkwatch.model import Findings


def _of(findings: Findings, name: str) -> sources.Source:
    names = [state.spec.name for state in findings.sources]
    return sources.gather(findings)[names.index(name)]


def test_a_source_shows_edition_dates_licence_credit_and_rows(findings: Findings) -> None:
    source = _of(findings, "postcodes")
    assert source.edition == "August 2014"
    assert source.checked == sources.Day(iso="2026-11-22", text="22 November 2026")
    assert source.licence == "Open Government Licence v3.0"
    assert "Crown copyright" in source.credit
    assert source.n_rows == 328
    assert source.status_text == "up to date"
    assert source.stale_after_days == 5000


def test_a_stale_source_says_so_and_why(findings: Findings) -> None:
    stale = with_source(
        findings, "sinkholes", status=SourceStatus.STALE, problem="checked\u202e 90 days ago"
    )
    assert _of(stale, "sinkholes").status_text == "out of date: checked 90 days ago"


def test_a_failed_source_with_a_copy_and_one_without_are_told_apart(findings: Findings) -> None:
    private = "/home/someone/sinkholes.csv cannot be read"
    failed = with_source(findings, "sinkholes", status=SourceStatus.FAILED, problem=private)
    assert _of(failed, "sinkholes").status_text == (
        "could not be read; the last good copy is in use"
    )
    bare = with_source(failed, "sinkholes", snapshot=None)
    assert _of(bare, "sinkholes").status_text == "could not be read, and no earlier copy is held"
    assert _of(bare, "sinkholes").checked is None


def test_the_day_is_the_readers_in_london_and_not_utcs(findings: Findings) -> None:
    state = next(s for s in findings.sources if s.spec.name == "sinkholes")
    assert state.snapshot is not None
    late = state.snapshot.checked_at.replace(year=2026, month=7, day=1, hour=23, minute=30)
    changed = with_source(findings, "sinkholes", snapshot=replace(state.snapshot, checked_at=late))
    checked = _of(changed, "sinkholes").checked
    assert checked is not None
    assert checked.text == "2 July 2026"


def test_applications_that_were_read_are_counted(findings: Findings) -> None:
    said = sources.about_applications(findings)
    assert said == "4 applications in the planning source read."


def test_an_installation_without_a_planning_source_says_that_this_is_not_none(
    findings: Findings,
) -> None:
    bare = with_source(
        without_applications(findings),
        "planning",
        status=SourceStatus.NOT_CONFIGURED,
        snapshot=None,
    )
    assert sources.about_applications(bare) == (
        "No planning source is set up on this installation: applications are not shown; "
        "this is not the same as none."
    )


def test_an_area_that_names_no_planning_source_says_the_same(findings: Findings) -> None:
    states = tuple(state for state in findings.sources if state.spec.kind != "applications")
    said = sources.about_applications(replace(findings, sources=states))
    assert said.startswith("No planning source is set up")


def test_an_empty_list_that_was_read_is_an_answer(findings: Findings) -> None:
    said = sources.about_applications(without_applications(findings))
    assert said == "0 applications in the planning source read."


def test_a_failed_source_without_a_copy_is_not_an_empty_list(findings: Findings) -> None:
    failed = with_source(
        without_applications(findings), "planning", status=SourceStatus.FAILED, snapshot=None
    )
    said = sources.about_applications(failed)
    assert said.startswith("The planning source could not be read")
    assert said.endswith("this is not the same as none.")


@pytest.mark.parametrize("status", [SourceStatus.FAILED, SourceStatus.STALE])
def test_an_old_copy_is_shown_with_a_warning(findings: Findings, status: SourceStatus) -> None:
    said = sources.about_applications(with_source(findings, "planning", status=status))
    assert said.startswith("4 applications shown, from a copy that may be out of date")


def test_two_planning_sources_are_two(findings: Findings) -> None:
    planning = next(state for state in findings.sources if state.spec.kind == "applications")
    both = replace(findings, sources=(*findings.sources, planning))
    assert sources.about_applications(both) == "4 applications in the planning sources read."


def test_applications_that_could_not_be_had_are_not_counted_as_none(findings: Findings) -> None:
    assert sources.count_applications(findings) == "4 planning applications"
    none = without_applications(findings)
    assert sources.count_applications(none) == "0 planning applications"
    for status in (SourceStatus.NOT_CONFIGURED, SourceStatus.FAILED):
        bare = with_source(none, "planning", status=status, snapshot=None)
        assert sources.count_applications(bare) == "planning applications not shown"
