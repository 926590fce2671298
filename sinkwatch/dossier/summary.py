"""A pack on one page, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sinkwatch import geo, wording
from sinkwatch.dossier import words
from sinkwatch.dossier.history import may_be_next_to_it, standing
from sinkwatch.model import PlaceKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sinkwatch.dossier.history import Entry
    from sinkwatch.dossier.matter import Matter

_NOT_SAID: Final = (
    "It does not say whether, where or when the ground will move, what set off any event, or what "
    "anyone did or left undone. No distance in it is put forward as far enough."
)
_WHOM_TO_ASK: Final = (
    "Whom to ask: a chartered engineer or geologist about the ground, the council about its own "
    "map and what it asks of an applicant. If the ground is moving or a hole opens, keep away, "
    "call 999 if anyone is at risk, then tell the council."
)


def grid_reference(matter: Matter) -> str:
    """
    Write where the middle of a place is, no finer than that is known.

    Parameters
    ----------
    matter
        The place.

    Returns
    -------
    reference
        Of six figures, or of eight where it is known to 10 m.

    Raises
    ------
    CoverageError
        If it lies outside the National Grid.
    """
    place = matter.place
    figures = 8 if place.position_uncertainty_m <= geo.POSITION_FLOOR_M else 6
    return geo.format_grid_reference(place.easting or 0.0, place.northing or 0.0, figures=figures)


def paragraphs(
    matter: Matter,
    headline: str,
    *,
    history: Sequence[Entry],
    about_history: str,
    weaknesses: Sequence[str],
) -> tuple[str, ...]:
    """
    Put the pack on one page.

    Parameters
    ----------
    matter
        The place.
    headline
        Band and what decided it, one sentence.
    history
        Applications and past decisions.
    about_history
        What the list of applications rests on.
    weaknesses
        What weakens the evidence, the weightiest first.

    Returns
    -------
    paragraphs
        What it is, where an application stands, finding, site, records, ground, planning, main
        weakness, what it is not.
    """
    return (
        (
            f"This pack sets out what public records tell of the ground at {matter.site} (grid "
            f"reference {grid_reference(matter)}), and what speaks against relying on them. It was "
            f"made on {wording.date_text(matter.made_on)}."
        ),
        *standing(matter),
        f"In one sentence, the same as on every page and in every mail: {_whole(headline)}",
        # The headline names the class that was scored; the map may show another.
        " ".join((_site(matter), *(reason.text for reason in matter.reasons("boundary")))),
        _records(matter),
        f"What “{matter.style.label}” stands for: “{matter.style.meaning}”",
        f"{_history(matter, history)} {about_history}",
        f"The main weakness: {weaknesses[0][0].lower()}{weaknesses[0][1:]}",
        _NOT_SAID,
        _WHOM_TO_ASK,
    )


def _whole(headline: str) -> str:
    return words.quoted(headline, len(headline))


def _site(matter: Matter) -> str:
    known = wording.plus_minus(matter.place.position_uncertainty_m)
    if matter.has_boundary:
        return f"The site is known by its boundary, to {known}; distances are from its edge."
    return (
        f"The site is known by a point only, to {known}; distances are from that point, not from "
        "the site's edge."
    )


def _records(matter: Matter) -> str:
    n_listed = len(matter.listed)
    if not n_listed:
        return f"Within {matter.within} there are {wording.NO_RECORDS}."
    listed = f"{wording.count_text(n_listed, 'record')} {words.verb(n_listed, 'lies', 'lie')}"
    placed = f"As placed, {listed} within {matter.within}."
    if not matter.is_assessed:
        return f"{placed} Nothing is scored here."
    counted = matter.counted
    if not counted:
        return f"{placed} None of them counts in the assessment; the table says why."
    return (
        f"{placed} {words.started(words.out_of(len(counted), n_listed, 'record'))} "
        f"{words.verb(len(counted), 'counts', 'count')} in the assessment: "
        f"{matter.numbered(counted)}."
    )


def _history(matter: Matter, history: Sequence[Entry]) -> str:
    if not history:
        return "No application or past decision on the site or near it is listed."
    n_applied = sum(entry.is_application for entry in history)
    n_here = sum(entry.is_on_site for entry in history)
    is_other = matter.place.kind is PlaceKind.APPLICATION
    applied = _counted(n_applied, "other application" if is_other else "application")
    decided = _counted(len(history) - n_applied, "past step")
    where = "on the site or next to it" if may_be_next_to_it(history) else "about the site itself"
    of_them = {0: "none", len(history): "all"}.get(n_here, str(n_here))
    return (
        f"Listed on the site and near it are {applied} and {decided} of planning history, "
        f"{of_them} of them {where}."
    )


def _counted(n: int, one: str) -> str:
    return wording.count_text(n, one) if n else f"no {one}s"
