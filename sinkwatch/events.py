"""What changes are news, and how each is told: recorded facts into events."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import shapely
from shapely.geometry.base import BaseGeometry

from sinkwatch import wording
from sinkwatch.model import (
    ApplicationStatus,
    Assessment,
    Band,
    Change,
    Event,
    EventKind,
    Parameters,
)

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

APPLICATION: Final = "application"
"""Kind of state under which an application is recorded."""

SINKHOLE: Final = "sinkhole"
"""Kind of state under which a record of the inventory is recorded."""

POSTCODE: Final = "postcode"
"""Kind of state under which the band of a postcode is recorded."""

SITE: Final = "site"
"""Kind of state under which the band of a watched site is recorded; nobody is mailed about it."""

SAME_PLACE_M: Final = 25.0
"""A point or an outline that moves by less is the same one drawn again, metres (sinkwatch change
rules: well below the 100 m to which a council's point stands for its site)."""

_OPEN: Final = frozenset({ApplicationStatus.UNDECIDED, ApplicationStatus.APPEALED})
_CLOSED: Final = frozenset(
    {ApplicationStatus.APPROVED, ApplicationStatus.REFUSED, ApplicationStatus.WITHDRAWN}
)
_NO_WORD: Final = re.compile(r"[\W_]+")

_KIND_OF_STATUS: Final = {
    ApplicationStatus.APPROVED: EventKind.APPLICATION_DECIDED,
    ApplicationStatus.REFUSED: EventKind.APPLICATION_DECIDED,
    ApplicationStatus.WITHDRAWN: EventKind.APPLICATION_WITHDRAWN,
    ApplicationStatus.APPEALED: EventKind.APPLICATION_APPEALED,
}

_CORRECTED_WORDS: Final = {
    "easting": "its position",
    "northing": "its position",
    "position_uncertainty_m": "how well its position is known",
    "name": "its name",
    "kind": "what it is",
    "evidence": "its grade of evidence",
    "counts": "whether it counts",
    "date_text": "its date",
    "size_text": "its size",
    "cause": "what it is put down to",
}

_DAYS: Final = ("received_on", "decided_on", "consulted_on")


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """
    What this run knows of one subject beyond what is recorded of it.

    Attributes
    ----------
    is_flagged
        Whether it is flagged.
    lines
        Sentences that go with it: why it is flagged, its source.
    in_belt
        Whether it lies on ground where gypsum is present.
    site
        Name of the watched site that it touches; empty if none.
    anchor
        Folder of its page on the published site; empty if it has none.
    """

    is_flagged: bool
    lines: tuple[str, ...] = ()
    in_belt: bool = False
    site: str = ""
    anchor: str = ""


def application_facts(applications: gpd.GeoDataFrame) -> dict[str, dict[str, object]]:
    """
    Return what is recorded of each application; `events` says which change of it is news.

    Parameters
    ----------
    applications
        Frame of `schemas.APPLICATIONS`, EPSG:27700.

    Returns
    -------
    facts
        By application key; plain JSON values, positions to the metre.
    """
    texts = ("reference", "authority", "address", "description", "status", "status_text", "url")
    return {
        row["application_key"]: {
            **{name: _text(row[name]) for name in texts},
            **{name: _day(row.get(name)) for name in _DAYS},
            **_position(row),
            "boundary": _outline(row.get("boundary")),
        }
        for row in applications.to_dict("records")
    }


def sinkhole_facts(sinkholes: gpd.GeoDataFrame) -> dict[str, dict[str, object]]:
    """
    Return what a correction of a record would change.

    Parameters
    ----------
    sinkholes
        Frame of `schemas.SINKHOLES`, EPSG:27700.

    Returns
    -------
    facts
        By sinkhole id; plain JSON values.
    """
    texts = ("name", "kind", "evidence", "date_text", "size_text", "cause")
    sources = ("source_title", "source_url")
    return {
        row["sinkhole_id"]: {
            **{name: _text(row.get(name)) for name in (*texts, *sources)},
            "counts": bool(row["counts"]),
            **_position(row),
        }
        for row in sinkholes.to_dict("records")
    }


def postcode_facts(
    assessments: pd.DataFrame, postcodes: gpd.GeoDataFrame
) -> dict[str, dict[str, object]]:
    """
    Return the band of each postcode and what decided it.

    Parameters
    ----------
    assessments
        Frame of `schemas.ASSESSMENTS`, one row per postcode.
    postcodes
        Frame of `schemas.POSTCODES`, EPSG:27700, the same rows in the same order.

    Returns
    -------
    facts
        By postcode; plain JSON values.
    """
    columns = zip(
        assessments["place_id"],
        assessments["band"],
        assessments["scored_as"],
        assessments["sinkhole_id"],
        postcodes.geometry.x.round(),
        postcodes.geometry.y.round(),
        strict=True,
    )
    return {
        postcode: {
            "band": int(band),
            "scored_as": int(scored_as),
            "sinkhole_id": _text(sinkhole),
            "easting": int(easting),
            "northing": int(northing),
        }
        for postcode, band, scored_as, sinkhole, easting, northing in columns
    }


def site_facts(assessments: Iterable[Assessment]) -> dict[str, dict[str, object]]:
    """
    Return the band of each watched site and what decided it.

    Parameters
    ----------
    assessments
        Of the watched sites.

    Returns
    -------
    facts
        By place id; plain JSON values.
    """
    return {
        each.place.place_id: {
            "name": each.place.label,
            "band": int(each.band),
            "scored_as": int(each.scored_as),
            "sinkhole_id": each.sinkhole_id or "",
        }
        for each in assessments
    }


def _text(value: Any) -> str:  # noqa: ANN401 - a cell: text, or missing in one of pandas' ways
    return value if isinstance(value, str) else ""


def _day(value: Any) -> str | None:  # noqa: ANN401 - a cell: Timestamp or NaT
    return None if value is None or value != value else value.date().isoformat()  # noqa: PLR0124 - NaT is not itself


def _outline(boundary: object) -> str:
    """Return a boundary as text, to the metre; empty if there is none."""
    if not isinstance(boundary, BaseGeometry):
        return ""
    return str(shapely.to_wkt(shapely.normalize(boundary), rounding_precision=0))


def _position(row: Mapping[Any, Any]) -> dict[str, object]:
    point = row["geometry"]
    if point is None:
        return {"easting": None, "northing": None, "position_uncertainty_m": None}
    return {
        "easting": round(point.x),
        "northing": round(point.y),
        "position_uncertainty_m": round(row["position_uncertainty_m"]),
    }


def events(
    changes: Iterable[Change], notes: Mapping[str, Note], parameters: Parameters, *, today: date
) -> tuple[Event, ...]:
    """
    Turn changes into the events that a subscriber may hear of.

    Parameters
    ----------
    changes
        What `store.runs.record` found.
    notes
        By subject: whether it is flagged, and why.
    parameters
        With the days that a decided application is news, and the bands.
    today
        Date of the run, Europe/London.

    Returns
    -------
    events
        In the order of the changes. The first inventory and the first bands are no news; an
        application that is not yet decided always is.
    """
    found = (_MAKERS[change.kind](change, notes, parameters, today) for change in changes)
    return tuple(event for event in found if event is not None)


def _application_event(
    change: Change, notes: Mapping[str, Note], parameters: Parameters, today: date
) -> Event | None:
    told = _what_happened(change.before, change.after)
    facts = change.after or change.before
    if told is None or facts is None:
        return None
    kind, happened = told
    note = notes.get(change.subject, Note(is_flagged=change.after is None))
    return Event(
        kind=kind,
        subject=change.subject,
        version=change.version,
        title=application_title(facts),
        happened=happened,
        **_where(facts),
        is_flagged=note.is_flagged,
        is_news=_is_news(facts, parameters, today),
        lines=(*_application_lines(facts), *note.lines),
        url=str(facts["url"]),
        in_belt=note.in_belt,
        site=note.site,
        deadline=_deadline(change.after),
        anchor=note.anchor,
    )


def _deadline(after: Mapping[str, object] | None) -> date | None:
    """Return the consultation date of an application that can still be commented on."""
    if after is None or ApplicationStatus(str(after["status"])) in _CLOSED:
        return None
    day = after.get("consulted_on")
    return None if day is None else date.fromisoformat(str(day))


def application_title(facts: Mapping[str, object]) -> str:
    """
    Name an application by its reference and address.

    Parameters
    ----------
    facts
        What is recorded of it.

    Returns
    -------
    title
        One line.
    """
    address = str(facts["address"]) or "address not given"
    return f"{facts['reference']}, {wording.trimmed(address, 120)}"


def _application_lines(facts: Mapping[str, object]) -> tuple[str, ...]:
    lines = [f"Proposal, as published: {wording.trimmed(str(facts['description']), 400)}"]
    for name, words in zip(_DAYS, ("Received", "Decided", "Consultation date"), strict=True):
        if facts.get(name) is not None:
            lines.append(f"{words} {_date_text(facts[name])}.")
    lines.append(f"Authority: {facts['authority']}.")
    return tuple(lines)


_Told = tuple[EventKind, str]


def _what_happened(
    before: Mapping[str, object] | None, after: Mapping[str, object] | None
) -> _Told | None:
    """Say what a resident would call a change; None if nothing but its listing has moved."""
    if before is None or after is None:
        return _first_listed(after) if after is not None else _no_longer_listed(before)
    kind, sentences = EventKind.APPLICATION_CHANGED, []
    if _has_other_status(before, after):
        kind = _KIND_OF_STATUS.get(ApplicationStatus(str(after["status"])), kind)
        sentences.append(
            f"The application's status was {_status_words(before)} "
            f"and is now {_status_words(after)}."
        )
    changed = ", ".join(words for words, differs in _AMENDMENTS if differs(before, after))
    if changed:
        opening = "It has changed besides" if sentences else "The application has changed"
        sentences.append(f"{opening}: {changed}.")
    if _is_consulted_again(before, after):
        sentences.append(_consultation(before, after))
    return (kind, " ".join(sentences)) if sentences else None


def _first_listed(after: Mapping[str, object]) -> _Told:
    words = f"Its status is {_status_words(after)}."
    return EventKind.APPLICATION_NEW, f"A planning application has been submitted. {words}"


def _no_longer_listed(before: Mapping[str, object] | None) -> _Told | None:
    """Tell of one that was still open; a decided one drops off lists as it ages."""
    if before is None or ApplicationStatus(str(before["status"])) in _CLOSED:
        return None
    happened = (
        "It is no longer listed by the council's register as we read it: it may have been "
        f"withdrawn there, or taken down. Its status was last {_status_words(before)}."
    )
    return EventKind.APPLICATION_UNLISTED, happened


def _consultation(before: Mapping[str, object], after: Mapping[str, object]) -> str:
    # Councils give the day on which a consultation begins, or the one on which it ends.
    return (
        "It is out for consultation again: the consultation date was "
        f"{_date_text(before['consulted_on'])} and is now {_date_text(after['consulted_on'])}."
    )


def _date_text(day: object) -> str:
    return wording.date_text(date.fromisoformat(str(day)))


def _status_words(facts: Mapping[str, object]) -> str:
    return "not given" if _is_unsaid(facts) else f'"{facts["status_text"] or facts["status"]}"'


def _is_unsaid(facts: Mapping[str, object]) -> bool:
    """Tell whether the source says nothing of the status."""
    return facts["status"] == ApplicationStatus.OTHER and not facts["status_text"]


def _has_other_status(before: Mapping[str, object], after: Mapping[str, object]) -> bool:
    """Tell whether it stands otherwise; an answer that says less than before says nothing new."""
    if before["status"] == after["status"] or _is_unsaid(after):
        return False
    return not (_is_unsaid(before) and after["status"] == ApplicationStatus.UNDECIDED)


def _has_other_words(before: Mapping[str, object], after: Mapping[str, object]) -> bool:
    """Tell whether a status that is none of ours has changed; of ours, two words mean one thing."""
    if not before["status"] == after["status"] == ApplicationStatus.OTHER:
        return False
    return bool(before["status_text"]) and _reads_otherwise("status_text", before, after)


def _reads_otherwise(name: str, before: Mapping[str, object], after: Mapping[str, object]) -> bool:
    """Tell whether a text has other words: capitals, spaces and commas are none."""
    if name not in before:
        return False
    was, is_now = (_NO_WORD.sub(" ", str(f[name])).strip().casefold() for f in (before, after))
    return bool(is_now) and was != is_now


def _is_decided_anew(before: Mapping[str, object], after: Mapping[str, object]) -> bool:
    days = before.get("decided_on"), after["decided_on"]
    return None not in days and days[0] != days[1]


def _is_consulted_again(before: Mapping[str, object], after: Mapping[str, object]) -> bool:
    """Tell whether people are asked a second time; the first time comes with the application."""
    days = before.get("consulted_on"), after.get("consulted_on")
    is_open = ApplicationStatus(str(after["status"])) not in _CLOSED
    return is_open and None not in days and str(days[0]) < str(days[1])


def _has_moved(before: Mapping[str, object], after: Mapping[str, object]) -> bool:
    """Tell whether its point lies elsewhere, and not only where it has been found better."""
    points = [_point(facts) for facts in (before, after)]
    if None in points:
        return False
    doubts_m = [float(str(facts["position_uncertainty_m"])) for facts in (before, after)]
    # Another uncertainty tells of another way to place it, which moves no site within both.
    least_m = SAME_PLACE_M if doubts_m[0] == doubts_m[1] else max(SAME_PLACE_M, *doubts_m)
    return bool(shapely.distance(*points) >= least_m)


def _point(facts: Mapping[str, object]) -> shapely.Point | None:
    if facts.get("easting") is None:
        return None
    return shapely.Point(float(str(facts["easting"])), float(str(facts["northing"])))


def _has_other_outline(before: Mapping[str, object], after: Mapping[str, object]) -> bool:
    outlines = [str(facts.get("boundary", "")) for facts in (before, after)]
    if not all(outlines) or outlines[0] == outlines[1]:
        return False
    return bool(shapely.hausdorff_distance(*shapely.from_wkt(outlines)) >= SAME_PLACE_M)


_Differs = Callable[[Mapping[str, object], Mapping[str, object]], bool]

_AMENDMENTS: Final[tuple[tuple[str, _Differs], ...]] = (
    ("the council's words for its status", _has_other_words),
    ("its description", partial(_reads_otherwise, "description")),
    ("its address", partial(_reads_otherwise, "address")),
    ("its position", _has_moved),
    ("its boundary", _has_other_outline),
    ("its decision date", _is_decided_anew),
)
"""What a resident would recognise as an amendment, in the order in which it is told."""


def _is_news(facts: Mapping[str, object], parameters: Parameters, today: date) -> bool:
    if ApplicationStatus(str(facts["status"])) in _OPEN:
        return True
    days = [date.fromisoformat(str(facts[name])) for name in _DAYS if facts.get(name)]
    return not days or today - max(days) <= timedelta(days=parameters.recent_days)


def _sinkhole_event(
    change: Change, notes: Mapping[str, Note], parameters: Parameters, today: date
) -> Event | None:
    del parameters, today
    if change.is_baseline:
        return None
    facts = change.after or change.before or {}
    kind, happened = _what_happened_to_record(change)
    note = notes.get(change.subject, Note(is_flagged=True))
    return Event(
        kind=kind,
        subject=change.subject,
        version=change.version,
        title=sinkhole_title(facts),
        happened=happened,
        **_where(facts),
        is_flagged=True,
        is_news=True,
        lines=(
            f"Evidence: {facts['evidence']}, that is {_evidence_note(facts)}.",
            f"Source: {facts['source_title']}.",
            *note.lines,
        ),
        url=str(facts["source_url"]),
        anchor=note.anchor,
    )


def sinkhole_title(facts: Mapping[str, object]) -> str:
    """
    Name a record by its name and date.

    Parameters
    ----------
    facts
        What is recorded of it.

    Returns
    -------
    title
        One line.
    """
    return f"{facts['name']}, {facts['date_text']}"


def _evidence_note(facts: Mapping[str, object]) -> str:
    return wording.EVIDENCE_NOTES[str(facts["evidence"])]


def _what_happened_to_record(change: Change) -> tuple[EventKind, str]:
    if change.before is None:
        return EventKind.SINKHOLE_NEW, "A record has been added to the inventory."
    if change.after is None:
        return EventKind.SINKHOLE_REMOVED, "The record has been taken out of the inventory."
    return (
        EventKind.SINKHOLE_CORRECTED,
        f"The record has been corrected: {_corrected_words(change.before, change.after)}.",
    )


def _corrected_words(before: Mapping[str, object], after: Mapping[str, object]) -> str:
    names = [name for name in after if before.get(name) != after[name]]
    words = dict.fromkeys(_CORRECTED_WORDS.get(name, "its details") for name in names)
    return ", ".join(words) or "its details"


def _postcode_event(
    change: Change, notes: Mapping[str, Note], parameters: Parameters, today: date
) -> Event | None:
    del today
    before, after = change.before, change.after
    if before is None or after is None or before["band"] == after["band"]:
        return None
    styles = parameters.table.styles
    was, is_now = (styles[Band(int(str(facts["band"])))].label for facts in (before, after))
    why = why_band_changed(before, after)
    note = notes.get(change.subject, Note(is_flagged=True))
    return Event(
        kind=EventKind.BAND_CHANGED,
        subject=change.subject,
        version=change.version,
        title=change.subject,
        happened=f'The band of {change.subject} was "{was}" and is now "{is_now}". {why}',
        easting=None,
        northing=None,
        position_uncertainty_m=0.0,
        is_flagged=True,
        is_news=True,
        lines=note.lines,
    )


def why_band_changed(before: Mapping[str, object], after: Mapping[str, object]) -> str:
    """
    Say why a place has another band than before.

    Parameters
    ----------
    before, after
        What was recorded of it, and what is now.

    Returns
    -------
    sentence
        One.
    """
    centres = [(facts.get("easting"), facts.get("northing")) for facts in (before, after)]
    if centres[0] != centres[1] and None not in centres[0]:
        return "Its centre lies elsewhere in the list of postcodes now in use."
    if before["scored_as"] != after["scored_as"]:
        return "The class of the ground differs in the edition of the geology now in use."
    if before["sinkhole_id"] != after["sinkhole_id"]:
        return "Another record now decides it, because one was added, corrected or taken out."
    return "The record that decides it has been corrected."


def _no_event(
    change: Change, notes: Mapping[str, Note], parameters: Parameters, today: date
) -> Event | None:
    """Keep silent: the history of the published site tells of it."""
    del change, notes, parameters, today
    return None


_Maker = Callable[[Change, Mapping[str, Note], Parameters, date], Event | None]

_MAKERS: Final[Mapping[str, _Maker]] = {
    APPLICATION: _application_event,
    SINKHOLE: _sinkhole_event,
    POSTCODE: _postcode_event,
    SITE: _no_event,
}


def _where(facts: Mapping[str, object]) -> dict[str, Any]:
    if facts["easting"] is None:
        return {"easting": None, "northing": None, "position_uncertainty_m": 0.0}
    return {
        "easting": float(str(facts["easting"])),
        "northing": float(str(facts["northing"])),
        "position_uncertainty_m": float(str(facts["position_uncertainty_m"])),
    }
