from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime

import pytest

from sinkwatch.model import SourceStatus
from sinkwatch.notify import provenance
from tests.notify.builders import a_source

OCTOBER = date(2026, 10, 1)


def planning(day: int, month: int = 11, status: SourceStatus = SourceStatus.GOOD) -> object:
    checked_at = datetime(2026, month, day, 9, tzinfo=UTC)
    return a_source(status, title="Planning", kind="planit", checked_at=checked_at)


def gaps(*sources: object) -> tuple[str, ...]:
    return provenance.gaps(tuple(sources), OCTOBER)  # type: ignore[arg-type]


# ── How sources stand ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("edition", "words"),
    [
        ("2026-11-22", "Data of 22 November 2026,"),
        ("2014-08", "Data of August 2014,"),
        ("v1.0 of spring", "Data of v1.0 of spring,"),
        ("2026-13-01", "Data of 2026-13-01,"),
        ("", "Data of 1 November 2026,"),
    ],
)
def test_an_edition_is_written_as_people_write_dates(edition: str, words: str) -> None:
    (said,) = provenance.listed((a_source(edition=edition),))
    assert words in said


def test_a_source_that_is_not_set_up_is_not_the_same_as_none() -> None:
    absent = a_source(SourceStatus.NOT_CONFIGURED, title="Planning applications")
    assert provenance.listed((absent,)) == (
        "Planning applications: not set up here, so none are told. That is not the same as none.",
    )


def test_a_source_that_failed_and_was_never_held_says_so() -> None:
    never = dataclasses.replace(a_source(SourceStatus.FAILED), snapshot=None)
    (said,) = provenance.listed((never,))
    assert said.endswith("Nothing has ever been held.")


def test_a_source_of_which_no_mail_speaks_is_left_out() -> None:
    rain = a_source(kind="environment-agency")
    drawn_on = a_source(kind="openmap-local", title="Streets")
    assert len(provenance.listed((rain, drawn_on))) == 1
    assert provenance.credits((rain,)) == ()


def test_a_credit_that_two_sources_share_is_given_once() -> None:
    assert provenance.credits((a_source(title="One"), a_source(title="Two"))) == (
        "The compilers. CC BY 4.0.",
    )


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (SourceStatus.STALE, "out of date."),
        (SourceStatus.FAILED, "could not be read; the last good copy is in use."),
        (SourceStatus.HELD, "on hold; the last good copy is in use."),
    ],
)
def test_a_source_in_trouble_is_announced_with_its_dates(status: SourceStatus, words: str) -> None:
    assert provenance.banners((a_source(status), a_source())) == (
        (
            f"Recorded sinkholes: {words} Data of 1 November 2026, last checked 20 November 2026. "
            "What is new may be missing here."
        ),
    )


# ── What of a month could not be read ────────────────────────────────────────────────────────


@pytest.mark.parametrize(("day", "month"), [(31, 10), (1, 11)])
def test_a_month_read_to_its_end_has_no_gaps(day: int, month: int) -> None:
    assert gaps(planning(day, month), a_source()) == ()


def test_a_source_that_last_answered_within_the_month_leaves_a_gap() -> None:
    assert gaps(planning(30, 10)) == (
        "Planning: read only until then. Data of 1 November 2026, last checked 30 October 2026.",
    )


def test_a_source_in_trouble_leaves_a_gap_and_is_named_once() -> None:
    assert gaps(planning(19, 10, SourceStatus.FAILED)) == (
        (
            "Planning: could not be read; the last good copy is in use. Data of 1 November 2026, "
            "last checked 19 October 2026."
        ),
    )


def test_records_that_could_not_be_read_leave_a_gap_too() -> None:
    (gap,) = gaps(planning(1), a_source(SourceStatus.STALE))
    assert gap.startswith("Recorded sinkholes: out of date.")


@pytest.mark.parametrize(
    "sources",
    [(), (planning(1, 11, SourceStatus.NOT_CONFIGURED),)],
    ids=["none at all", "not set up"],
)
def test_without_a_source_of_applications_no_month_is_quiet(sources: tuple[object, ...]) -> None:
    assert gaps(*sources) == (
        "Planning applications: no source of them is set up here, so none are told.",
    )


def test_a_planning_source_that_never_answered_leaves_a_gap() -> None:
    never = dataclasses.replace(planning(1), snapshot=None)  # type: ignore[type-var]
    assert gaps(never) == ("Planning: read only until then. Nothing has ever been held.",)
