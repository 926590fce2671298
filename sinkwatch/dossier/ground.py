"""What is held about the ground beneath a place: its class, the lines near it, the rock around."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from sinkwatch import context, survey, wording
from sinkwatch.dossier import words
from sinkwatch.model import GeologyClass, Share, Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinkwatch.dossier.matter import Matter

_SCALE: Final = re.compile(r"1:(\d{1,3}(?:[ ,]?\d{3})*)")
_MILLIMETRES_PER_METRE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """
    The nearest ground of another class.

    Attributes
    ----------
    geology
        Its class.
    distance_m, uncertainty_m
        From the place's edge, metres; the worse-known zone and the place both add their doubt.
    """

    geology: GeologyClass
    distance_m: float
    uncertainty_m: float

    @property
    def is_doubtful(self) -> bool:
        """Return whether the place may lie beyond that line."""
        return self.distance_m <= self.uncertainty_m


def nearest_line(matter: Matter) -> Line | None:
    """
    Find the nearest ground of another class than a place was scored as.

    Parameters
    ----------
    matter
        The place.

    Returns
    -------
    line
        None if the place is not assessed, or was raised to the class of a line close by (its
        reasons say so), or no other class is held.
    """
    hazard, scored_as = matter.hazard, matter.assessment.scored_as
    others = np.flatnonzero(hazard.zone_class != scored_as)
    if not matter.is_assessed or matter.assessment.geology != scored_as or not len(others):
        return None
    (own,) = matter.reasons("ground")
    away_m = shapely.distance(hazard.zone_geometry[others], matter.shape)
    nearest = int(np.argmin(away_m))
    known_m = float(hazard.zone_uncertainty_m[others[nearest]])
    line_m = max(known_m, float(str(own.facts["position_uncertainty_m"])))
    return Line(
        geology=GeologyClass(int(hazard.zone_class[others[nearest]])),
        distance_m=float(away_m[nearest]),
        uncertainty_m=math.hypot(line_m, matter.place.position_uncertainty_m),
    )


def shares(matter: Matter) -> tuple[Share, ...]:
    """
    Give the share of a site in each band.

    Parameters
    ----------
    matter
        The place.

    Returns
    -------
    shares
        Highest band first; none where only a point is known.
    """
    styles = matter.area.parameters.table.styles
    return tuple(
        Share(style=styles[band], share=share, text=wording.share_text(share))
        for band, share in sorted(matter.assessment.shares.items(), reverse=True)
    )


def sentences(matter: Matter) -> tuple[str, ...]:
    """
    Say what is held about the ground, and what that is not.

    Parameters
    ----------
    matter
        The place.

    Returns
    -------
    sentences
        Class, lines, shares, sources, and what decides nothing.
    """
    reasons = matter.reasons("ground", "boundary", "conflict", "shares")
    return (
        *(reason.text for reason in reasons),
        *_no_shares(matter),
        *_line_text(matter),
        *_sources(matter),
        NOT_OFFICIAL,
        *_withheld(matter),
        *_features(matter),
        *_surroundings(matter),
    )


NOT_OFFICIAL: Final = (
    "These zones are not the areas of the council's own policies map and not a BGS product; "
    "the council's map is the one to check for what it asks of an applicant."
)
"""What no reader may take the zones for, whichever source they come from."""


def _no_shares(matter: Matter) -> Iterator[str]:
    if not matter.has_boundary:
        yield (
            "Only a point is known of the site, so no share of its ground can be given for any "
            "band."
        )


def _line_text(matter: Matter) -> Iterator[str]:
    line = nearest_line(matter)
    if line is None or not line.distance_m:
        return
    known = (
        "nearer than it is known, so the site may lie beyond it"
        if line.is_doubtful
        else "further than it is uncertain"
    )
    yield (
        f"The nearest ground of another class, class {line.geology.name} "
        f"({matter.area.class_notes[line.geology]}), is "
        f"{wording.about(line.distance_m, line.uncertainty_m)} away, {known}."
    )


def _features(matter: Matter) -> Iterator[str]:
    """Count features among the records that count, for the table lists others as well."""
    n_features = len({int(matter.hazard.feature[index]) for index in matter.counted})
    if n_features:
        told = wording.count_text(n_features, "distinct feature")
        yield (
            f"The records that count tell of {told} within {matter.last_ring}. The number is not "
            "scored: records follow where people look."
        )


def _sources(matter: Matter) -> Iterator[str]:
    for state in matter.states("geology"):
        yield f"The zones are those of {words.edition(state)}."
        found = _SCALE.search(state.spec.title)
        if found:
            metres = int(re.sub(r"\D", "", found[1])) / _MILLIMETRES_PER_METRE
            yield (
                f"They were drawn at about {found[0]}, at which 1 mm on paper is {metres:g} m on "
                "the ground: enlarging them adds no detail."
            )


def _withheld(matter: Matter) -> Iterator[str]:
    if why := survey.why_withheld(matter.findings):
        yield why


def _surroundings(matter: Matter) -> Iterator[str]:
    """Repeat what lies round the place of rock and boreholes: in “ ”, for names stand in it."""
    place, held = matter.place, matter.findings.surroundings
    is_inside = matter.area.bounds.holds(place.easting or 0.0, place.northing or 0.0)
    if not is_inside:  # elsewhere nothing was asked for, and nothing found is no finding
        return
    beneath = Surroundings(rocks=held.rocks, boreholes=held.boreholes)
    for remark in context.of_place(place, beneath, matter.area.rock):
        yield f"As context, which decides no band: {words.quoted(remark, _REMARK_LENGTH)}"


_REMARK_LENGTH: Final = 600
