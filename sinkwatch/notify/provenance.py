"""What a mail says of where its facts come from: how sources stand, their dates, their credits."""

from __future__ import annotations

import calendar
import functools
import re
from datetime import date
from typing import TYPE_CHECKING, Final

from sinkwatch import wording
from sinkwatch.model import CONTEXT_KINDS, PLANNING_KINDS, SourceStatus
from sinkwatch.notify import items

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinkwatch.model import SourceState

_MOST_SENTENCE: Final = 1_000
_MOST_NAME: Final = 200
_ISO_DAY: Final = re.compile(r"\d{4}-\d{2}(?:-\d{2})?")

_IN_MAILS: Final = frozenset({"open-names", "openmap-local", "overpass"})
"""Sources of context that a mail places an application by, names a street by or is drawn on."""


def banners(sources: tuple[SourceState, ...]) -> tuple[str, ...]:
    """
    Say which sources are in trouble, before anything else is told.

    Parameters
    ----------
    sources
        How each source stands.

    Returns
    -------
    banners
        A sentence or three for each; none if all is well.
    """
    return tuple(
        f"{_name(state)}: {wording.source_text(state)}. {_dates(state)} "
        "What is new may be missing here."
        for state in wording.alarming(sources)
    )


def listed(sources: tuple[SourceState, ...]) -> tuple[str, ...]:
    """
    Say how each source stands that the mail speaks of.

    Parameters
    ----------
    sources
        How each source stands.

    Returns
    -------
    sentences
        With the edition and the last good date of each.
    """
    return tuple(_source(state) for state in _used(sources))


def credits(sources: tuple[SourceState, ...]) -> tuple[str, ...]:  # noqa: A001 - what they are called
    """
    Return each credit line once: several sources may come from one publication.

    Parameters
    ----------
    sources
        How each source stands.

    Returns
    -------
    credits
        Attribution and licence.
    """
    held = [state.snapshot for state in _used(sources) if state.snapshot is not None]
    credited = (_credit(one.attribution, one.licence) for one in held)
    return tuple(dict.fromkeys(credit for credit in credited if credit))


@functools.lru_cache(maxsize=256)
def _credit(attribution: str, licence: str) -> str:
    credit = " ".join(f"{part.rstrip('. ')}." for part in (attribution, licence) if part)
    # Our own words: the links that a licence asks for are not masked as a stranger's would be.
    return wording.trimmed(wording.clean(credit), _MOST_SENTENCE)


def gaps(sources: tuple[SourceState, ...], month: date) -> tuple[str, ...]:
    """
    Say what of a month could not be read, so that its silence means nothing.

    Parameters
    ----------
    sources
        How each source stands now.
    month
        Its first day.

    Returns
    -------
    gaps
        A sentence for each source in trouble, for each source of planning applications that last
        answered before the month was over, and if there is no such source. Empty if the whole
        month could be read.
    """
    planning = [
        state
        for state in sources
        if state.spec.kind in PLANNING_KINDS and state.status is not SourceStatus.NOT_CONFIGURED
    ]
    in_trouble = wording.alarming(sources)
    behind = [s for s in planning if s not in in_trouble and _checked_on(s) < _last_day(month)]
    found = [f"{_name(s)}: {wording.source_text(s)}. {_dates(s)}" for s in in_trouble]
    found += [f"{_name(s)}: read only until then. {_dates(s)}" for s in behind]
    if not planning:
        found.append("Planning applications: no source of them is set up here, so none are told.")
    return tuple(found)


def _last_day(month: date) -> date:
    return month.replace(day=calendar.monthrange(month.year, month.month)[1])


def _checked_on(state: SourceState) -> date:
    if state.snapshot is None:
        return date.min
    return wording.london_date(state.snapshot.checked_at)


def _used(sources: tuple[SourceState, ...]) -> Iterator[SourceState]:
    """Leave out what no mail speaks of or draws on: rain, rocks, boreholes and the like."""
    for state in wording.bearing(sources):
        if state.spec.kind not in CONTEXT_KINDS or state.spec.kind in _IN_MAILS:
            yield state


def _source(state: SourceState) -> str:
    if state.status is SourceStatus.NOT_CONFIGURED:
        return f"{_name(state)}: not set up here, so none are told. That is not the same as none."
    return f"{_name(state)}: {wording.source_text(state)}. {_dates(state)}"


def _name(state: SourceState) -> str:
    return items.shown(state.spec.title, _MOST_NAME)


def _dates(state: SourceState) -> str:
    if state.snapshot is None:
        return "Nothing has ever been held."
    retrieved = wording.date_text(wording.london_date(state.snapshot.retrieved_at))
    checked = wording.date_text(_checked_on(state))
    edition = items.shown(_edition(state.snapshot.edition), _MOST_NAME) or retrieved
    return f"Data of {edition}, last checked {checked}."


def _edition(edition: str) -> str:
    """Write an edition that is a day or a month as people do; leave any other as it is."""
    if not _ISO_DAY.fullmatch(edition):
        return edition
    try:
        day = date.fromisoformat(edition if len(edition) > len("2014-08") else f"{edition}-01")
    except ValueError:
        return edition
    return wording.date_text(day) if edition.count("-") > 1 else wording.month_text(day)
