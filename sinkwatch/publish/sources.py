"""How the page speaks of its sources: date, age, licence, and what a missing one means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sinkwatch import public, wording
from sinkwatch.model import FRAME_OF_KIND, GEOLOGY_KINDS, PLANNING_KINDS, Age, SourceStatus

if TYPE_CHECKING:
    from datetime import datetime

    from sinkwatch.model import Findings, SourceState

_SCALE: Final = re.compile(r"1:\d{1,3}(?:[ ,]?\d{3})*")
_NOT_NONE: Final = "this is not the same as none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """
    One date, for people and for programs.

    Attributes
    ----------
    iso, text
        Such as "2026-11-22" and "22 November 2026".
    """

    iso: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """
    One source, as the page shows it.

    Attributes
    ----------
    title, edition, licence, credit
        Plain text.
    retrieved, checked
        When its bytes were first had and when it last answered with them, in London; None if
        nothing was ever held.
    status
        Good, stale, failed or not configured.
    is_long_out_of_date
        Whether its good data is so old that this comes before all else.
    status_text
        The same in words, with what went wrong.
    n_rows
        Rows in use.
    stale_after_days
        Days after which it counts as out of date.
    url
        Where it came from, if that is on the web; otherwise empty.
    """

    title: str
    edition: str
    licence: str
    credit: str
    retrieved: Day | None
    checked: Day | None
    status: SourceStatus
    is_long_out_of_date: bool
    status_text: str
    n_rows: int
    stale_after_days: int | None
    url: str


def gather(findings: Findings) -> tuple[Source, ...]:
    """
    Return every source, in the area's order.

    Parameters
    ----------
    findings
        Of one run.

    Returns
    -------
    sources
        Good ones and others alike; not those of which a reader would miss nothing.
    """
    return tuple(_source(findings, state) for state in wording.bearing(findings.sources))


def warnings(findings: Findings) -> tuple[Source, ...]:
    """
    Return the sources of whose trouble a reader must hear before anything else.

    Parameters
    ----------
    findings
        Of one run.

    Returns
    -------
    sources
        In the area's order.
    """
    return tuple(_source(findings, state) for state in wording.alarming(findings.sources))


def about_applications(findings: Findings) -> str:
    """
    Say what the list of planning applications rests on.

    Absence, failure and emptiness are three things, and a reader must see which it is.

    Parameters
    ----------
    findings
        Of one run.

    Returns
    -------
    sentence
        For the head of that list.
    """
    configured = _planning(findings)
    if not configured:
        return (
            "No planning source is set up on this installation: applications are not shown; "
            f"{_NOT_NONE}."
        )
    listed = wording.count_text(len(findings.applications), "application")
    failed = [s for s in configured if s.status is not SourceStatus.GOOD]
    if not failed:
        return f"{listed} in the planning {'source' if len(configured) == 1 else 'sources'} read."
    if len(findings.applications):
        return (
            f"{listed} shown, from a copy that may be out of date; newer ones may be missing. "
            "See the sources below."
        )
    return (
        "The planning source could not be read and no earlier copy is held: applications are not "
        f"shown; {_NOT_NONE}."
    )


def count_applications(findings: Findings) -> str:
    """
    Count the applications shown, without taking those that could not be had for none.

    Parameters
    ----------
    findings
        Of one run.

    Returns
    -------
    text
        Such as "4 planning applications" or "planning applications not shown".
    """
    n_shown = len(findings.applications)
    read = [state for state in _planning(findings) if state.snapshot is not None]
    if not read and not n_shown:
        return "planning applications not shown"
    return wording.count_text(n_shown, "planning application")


def credit(findings: Findings, frame: str) -> str:
    """
    Return who must be named for one sort of data, whichever sources it came from.

    Parameters
    ----------
    findings
        Of one run.
    frame
        Such as "geology".

    Returns
    -------
    text
        Empty if nobody asks for it.
    """
    named = (
        _source(findings, state).credit
        for state in findings.sources
        if FRAME_OF_KIND[state.spec.kind] == frame and state.snapshot is not None
    )
    return " ".join(dict.fromkeys(text for text in named if text))


def nominal_scale(findings: Findings) -> str:
    """
    Return the scale at which the zones were drawn, if they or their source's title name one.

    Parameters
    ----------
    findings
        Of one run.

    Returns
    -------
    scale
        Such as "1:100 000"; empty if none is named, or more than one.
    """
    named = {public.text(row, "nominal_scale") for row in public.rows(findings.zones)} - {""}
    titles = (state.spec.title for state in findings.sources if state.spec.kind in GEOLOGY_KINDS)
    scales = named or {scale for title in titles for scale in _SCALE.findall(title)}
    return scales.pop() if len(scales) == 1 else ""


def _planning(findings: Findings) -> list[SourceState]:
    return [
        state
        for state in findings.sources
        if state.spec.kind in PLANNING_KINDS and state.status is not SourceStatus.NOT_CONFIGURED
    ]


def _source(findings: Findings, state: SourceState) -> Source:
    spec, snapshot = state.spec, state.snapshot
    # Why a source could not be read is for its operator: it may name folders of their machine.
    is_failed = state.status is SourceStatus.FAILED
    problem = "" if is_failed else wording.clean(state.problem)
    said = wording.source_text(state)
    return Source(
        title=wording.clean(spec.title),
        edition=public.edition_text(snapshot.edition if snapshot else spec.edition),
        licence=wording.clean(snapshot.licence if snapshot else spec.licence),
        credit=wording.clean(snapshot.attribution if snapshot else spec.attribution),
        retrieved=_day(snapshot.retrieved_at) if snapshot else None,
        checked=_day(snapshot.checked_at) if snapshot else None,
        status=state.status,
        is_long_out_of_date=state.age is Age.RED,
        status_text=f"{said}: {problem}" if problem else said,
        n_rows=state.n_rows,
        stale_after_days=findings.area.parameters.stale_after_days.get(spec.name),
        url=public.web_link(snapshot.url) if snapshot else "",
    )


def _day(moment: datetime) -> Day:
    day = wording.london_date(moment)
    return Day(iso=day.isoformat(), text=wording.date_text(day))
