"""What was published before: recorded changes, each told as a reader is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sinkwatch import events, wording
from sinkwatch.model import Band, Entry, History

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sinkwatch.model import Change, Parameters, Transition

_FIRST: Final = {
    events.SINKHOLE: "The record was first published.",
    events.SITE: "The site was first published.",
}
_CLOSED_AND_GONE: Final = (
    "It is no longer listed by the council's register as we read it; it had been decided before."
)


def gather(transitions: Iterable[Transition], parameters: Parameters) -> History:
    """
    Tell every recorded change as a reader is told of it.

    What a change of an application means is decided where alerts are: what is no news to a
    subscriber, such as another spelling of its status, is none here either.

    Parameters
    ----------
    transitions
        As the store has them, in any order.
    parameters
        With the bands.

    Returns
    -------
    history
        The newest first; the first list of postcodes is no change.
    """
    found = list(transitions)
    told = [entry for each in found if (entry := _entry(each, parameters)) is not None]
    told.sort(key=lambda entry: (entry.kind, entry.subject))
    told.sort(key=lambda entry: entry.at, reverse=True)
    began = min((each.at for each in found), default=None)
    return History(
        entries=tuple(told), began_on=None if began is None else wording.london_date(began)
    )


def _entry(transition: Transition, parameters: Parameters) -> Entry | None:
    change, day = transition.change, wording.london_date(transition.at)
    told = _told(change, transition, parameters)
    if told is None:
        return None
    title, happened = told
    return Entry(
        at=transition.at,
        on=day,
        kind=change.kind,
        subject=change.subject,
        version=change.version,
        title=_public(title),
        happened=_public(happened),
        is_first=change.before is None and change.kind in _FIRST and change.is_baseline,
    )


def _public(text: str) -> str:
    """Clean what councils wrote, and mask what tells of people."""
    return wording.mask_personal_data(wording.clean(text))


def _told(change: Change, transition: Transition, parameters: Parameters) -> tuple[str, str] | None:
    """Return title and sentences of a change; None if there is nothing to tell."""
    if change.kind == events.SITE:
        return _told_of_site(change, parameters)
    today = wording.london_date(transition.at)
    for event in events.events((change,), {}, parameters, today=today):
        return event.title, event.happened
    facts = change.after or change.before or {}
    if change.kind == events.SINKHOLE:
        return events.sinkhole_title(facts), _FIRST[events.SINKHOLE]
    if change.kind == events.APPLICATION and change.after is None:
        return events.application_title(facts), _CLOSED_AND_GONE
    return None


def _told_of_site(change: Change, parameters: Parameters) -> tuple[str, str] | None:
    before, after = change.before, change.after
    if after is None:
        return str((before or {})["name"]), "The site is no longer watched."
    name = str(after["name"])
    if before is None:
        return name, _FIRST[
            events.SITE
        ] if change.is_baseline else "The site is watched from now on."
    if before["band"] == after["band"]:
        return None
    styles = parameters.table.styles
    was, is_now = (styles[Band(int(str(facts["band"])))].label for facts in (before, after))
    why = events.why_band_changed(before, after)
    return name, f'Its band was "{was}" and is now "{is_now}". {why}'
