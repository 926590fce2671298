"""What was applied for and decided on a place and near it, in the council's own words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from sinkwatch import gazetteer, geo, public, wording
from sinkwatch.dossier import words
from sinkwatch.model import PLANNING_KINDS, PlaceKind, PlanningStep, SourceStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    import geopandas as gpd

    from sinkwatch.dossier.matter import Matter
    from sinkwatch.model import SourceState
    from sinkwatch.public import Row

_NOT_MENTIONED: Final = "Not mentioned in the sources found"
"""How the lists of past decisions write that nothing is known of what was said of the ground."""

_OUTCOMES: Final = {"other": "as told in its title"}
"""Outcomes that say nothing by themselves."""

_NOT_NONE: Final = "which is not the same as none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    One step of the planning history, with what it is put in order by.

    Attributes
    ----------
    step
        As the pack lists it.
    is_application
        Whether it is an application and no past decision.
    is_on_site
        Whether it is about the place itself, as far as that is known.
    day
        Latest day that it names.
    """

    step: PlanningStep
    is_application: bool
    is_on_site: bool
    day: words.Day


def entries(matter: Matter) -> tuple[Entry, ...]:
    """
    List the applications and past decisions on a place and near it.

    Parameters
    ----------
    matter
        The place.

    Returns
    -------
    entries
        Those on the place first, each newest first; the application that the pack is about is
        left out.
    """
    found = [*_applications(matter), *_cases(matter)]
    return tuple(
        sorted(
            found,
            key=lambda entry: (
                not entry.is_on_site,
                tuple(-part for part in entry.day),
                entry.step.key,
            ),
        )
    )


def may_be_next_to_it(entries: Sequence[Entry]) -> bool:
    """
    Return whether a step that is listed as the place's own may only be next to it.

    Parameters
    ----------
    entries
        Of the planning history.

    Returns
    -------
    may_be
        True if an application is among them: one that touches the place need not be on it.
    """
    return any(entry.is_application and entry.is_on_site for entry in entries)


def subject(matter: Matter) -> Row:
    """
    Return the row of the application that a pack is about.

    Parameters
    ----------
    matter
        The place.

    Returns
    -------
    row
        Empty for a site, and for an application that is no longer held.
    """
    if matter.place.kind is not PlaceKind.APPLICATION:
        return {}
    frame = matter.findings.applications
    found = public.rows(frame[frame["application_key"] == matter.place.place_id])
    return found[0] if found else {}


def standing(matter: Matter) -> tuple[str, ...]:
    """
    Say where the application stands that a pack is about.

    Parameters
    ----------
    matter
        The place.

    Returns
    -------
    sentences
        One; none for a site, and for an application that is no longer held.
    """
    row = subject(matter)
    if not row:
        return ()
    outcome = _outcome(public.text(row, "status"), public.text(row, "status_text"))
    days = (f", {word} {wording.date_text(day)}" for word, day in reversed(_dates(row)))
    return (f"The application as it was listed then: {outcome}{''.join(days)}.",)


# ── Applications ─────────────────────────────────────────────────────────────────────────────


def _applications(matter: Matter) -> Iterator[Entry]:
    frame = _perhaps_near(matter)
    points = public.points(frame)
    for row, point, (_, whole) in zip(public.rows(frame), points, frame.iterrows(), strict=True):
        if row["application_key"] == matter.place.place_id:
            continue
        ground = gazetteer.boundary_of(whole) or point
        reach_m = gazetteer.extent_uncertainty_m(whole)
        distance_m = float(shapely.distance(ground, matter.shape))
        # The rule by which an application touches a watched site (survey.touch_sites).
        is_on_site = distance_m <= reach_m + matter.place.position_uncertainty_m
        if is_on_site or distance_m <= matter.rings_m[-1]:
            about = _about(matter, distance_m, reach_m)
            where = f"on the site or next to it: {about} apart" if is_on_site else f"{about} away"
            yield Entry(
                step=_application(row, where, point, reach_m),
                is_application=True,
                is_on_site=is_on_site,
                day=_day_of(row),
            )


def _perhaps_near(matter: Matter) -> gpd.GeoDataFrame:
    """Leave out what is surely far: rows are read one by one, and a council has thousands."""
    frame = matter.findings.applications
    drawn = frame.get("boundary", frame.geometry)
    grounds = [
        shape if isinstance(shape, BaseGeometry) else point
        for shape, point in zip(drawn, frame.geometry, strict=True)
    ]
    own_m = geo.BOUNDARY_UNCERTAINTY_M + matter.place.position_uncertainty_m
    reach_m = frame["position_uncertainty_m"].fillna(0.0).to_numpy() + own_m
    distance_m = shapely.distance(np.array(grounds, dtype=object), matter.shape)
    return frame[distance_m <= np.maximum(reach_m, matter.rings_m[-1])]


def _application(row: Row, where: str, point: shapely.Point | None, reach_m: float) -> PlanningStep:
    status, said = public.text(row, "status"), public.text(row, "status_text")
    basis = words.quoted(public.text(row, "position_basis"))
    return PlanningStep(
        key=str(row["application_key"]),
        date_text=_date_text(row),
        title=public.description(row),
        reference=words.fit(public.text(row, "reference")),
        outcome=_outcome(status, said),
        where=where,
        ground="",
        doubts=f"Placed by {basis} ({wording.plus_minus(reach_m)}).",
        position=point,
        source_title="The council's record",
        source_url=public.web_link(str(row.get("url") or "")),
    )


def _outcome(status: str, said: str) -> str:
    """Say where an application stands; the council's words, unless they say the same."""
    if not said or said.casefold() == status.casefold():
        return status
    quoted = f"in the council's words: {words.quoted(said)}"
    return quoted if status in _OUTCOMES else f"{status} ({quoted})"


def _dates(row: Row) -> tuple[tuple[str, date], ...]:
    named = (("decided", "decided_on"), ("received", "received_on"))
    days = ((word, public.day(row, column)) for word, column in named)
    return tuple((word, day) for word, day in days if day)


def _date_text(row: Row) -> str:
    return next((f"{word} {wording.date_text(day)}" for word, day in _dates(row)), "")


def _day_of(row: Row) -> words.Day:
    return next(((day.year, day.month, day.day) for _, day in _dates(row)), words.UNDATED)


def _about(matter: Matter, distance_m: float, reach_m: float) -> str:
    return wording.about(distance_m, math.hypot(reach_m, matter.place.position_uncertainty_m))


# ── Past decisions ───────────────────────────────────────────────────────────────────────────


def _cases(matter: Matter) -> Iterator[Entry]:
    # Distances are taken to where each was, and only then is its position rounded.
    held = matter.findings.cases.sort_values("case_id", ignore_index=True)
    if held.empty:
        return
    published = public.points(public.cases(held))
    own = {public.text(subject(matter), "site_id") or matter.place.place_id}
    on_it = own | _sites_within(matter)
    for row, point, shown in zip(public.rows(held), public.points(held), published, strict=True):
        is_on_site = row["site_id"] in on_it
        distance_m = math.inf if point is None else float(shapely.distance(point, matter.shape))
        if is_on_site or distance_m <= matter.rings_m[-1]:
            where = (
                ("the site itself" if row["site_id"] in own else "on the site, as placed")
                if is_on_site
                else _away(matter, row, distance_m)
            )
            yield Entry(
                step=_case(row, where, shown),
                is_application=False,
                is_on_site=is_on_site,
                day=words.latest_day(public.text(row, "date_text")),
            )


def _sites_within(matter: Matter) -> set[str]:
    """Return the watched sites of which a boundary holds the point: their history is its own."""
    if not matter.has_boundary:
        return set()
    places = matter.findings.places
    away_m = shapely.distance(places.geometry.to_numpy(), matter.shape)
    held = places["is_watched"] & (away_m <= matter.place.position_uncertainty_m)
    return set(places.loc[held, "place_id"])


def _away(matter: Matter, row: Row, distance_m: float) -> str:
    reach_m = public.number(row, "position_uncertainty_m")
    if reach_m is None:
        return f"about {wording.distance_text(distance_m)} away; how well is not said"
    return f"{_about(matter, distance_m, reach_m)} away"


def _case(row: Row, where: str, shown: shapely.Point | None) -> PlanningStep:
    ground, outcome = (words.fit(public.text(row, name)) for name in ("ground", "outcome"))
    steps = (words.fit(public.text(row, name)) for name in ("title", "step"))
    return PlanningStep(
        key=public.text(row, "case_id"),
        date_text=public.text(row, "date_text"),
        title=": ".join(text for text in steps if text),
        reference=words.fit(public.text(row, "reference")),
        outcome=_OUTCOMES.get(outcome, outcome.replace("_", " ")),
        where=where,
        ground="" if ground.startswith(_NOT_MENTIONED) else ground,
        doubts=words.fit(public.text(row, "doubts")),
        position=shown,
        source_title=words.fit(public.text(row, "source_title")),
        source_url=public.web_link(str(row.get("source_url") or "")),
    )


# ── What the list rests on ───────────────────────────────────────────────────────────────────


def about(matter: Matter) -> tuple[str, ...]:
    """
    Say what the planning history rests on: absence, failure and emptiness are three things.

    Parameters
    ----------
    matter
        The place.

    Returns
    -------
    sentences
        Of applications, then of past decisions.
    """
    return (_about_applications(matter), *_unmapped(matter), *_about_cases(matter))


def _about_applications(matter: Matter) -> str:
    states = [
        state
        for state in matter.findings.sources
        if state.spec.kind in PLANNING_KINDS and state.status is not SourceStatus.NOT_CONFIGURED
    ]
    n_held = len(matter.findings.applications)
    held = wording.count_text(n_held, "application")
    if not states and not n_held:
        return (
            "No source of planning applications is set up on this installation, so no application "
            f"is listed, {_NOT_NONE}."
        )
    if all(state.status is SourceStatus.GOOD for state in states):
        return f"The planning sources in use hold {held} for {matter.area.name}."
    if n_held:
        return (
            f"The planning sources hold {held} for {matter.area.name}, from a copy that may be "
            "out of date; newer ones may be missing."
        )
    return (
        "No source of planning applications could be read and no earlier copy is held, so no "
        f"application is listed, {_NOT_NONE}."
    )


def _unmapped(matter: Matter) -> Iterator[str]:
    frame = matter.findings.applications
    n_unmapped = int(frame.geometry.isna().sum())
    if n_unmapped:
        yield (
            f"{n_unmapped} of {wording.count_text(len(frame), 'application')} could not be "
            "placed; any of them may concern this site."
        )


def _about_cases(matter: Matter) -> Iterator[str]:
    if not _is_held(matter.states("cases")):
        yield f"No list of past decisions is held, {_NOT_NONE}."
        return
    frame = matter.findings.cases
    n_held = len(frame)
    n_loose = int((~(frame["position_uncertainty_m"] <= matter.rings_m[-1])).sum())
    loose = (
        f"; {n_loose} of them {words.verb(n_loose, 'is', 'are')} not located, or only to more than "
        f"{matter.last_ring}"
        if n_loose
        else ""
    )
    yield (
        f"The list of past decisions was compiled from public reports and not from the council's "
        f"register: {wording.count_text(n_held, 'entry', 'entries')} in all{loose}."
    )


def _is_held(states: tuple[SourceState, ...]) -> bool:
    return any(state.snapshot is not None for state in states)
