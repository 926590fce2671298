"""The records round a place: where each lies, how well that is known, and whether it counts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sinkwatch import geo, public, wording
from sinkwatch.dossier import matter as matters
from sinkwatch.dossier import words
from sinkwatch.model import Evidence, NearbyRecord

if TYPE_CHECKING:
    from sinkwatch.dossier.matter import Matter

_STEP_DEGREES = 5


def listed(matter: Matter) -> tuple[NearbyRecord, ...]:
    """
    List every record whose edge, as placed, lies near the place's edge.

    Parameters
    ----------
    matter
        The place.

    Returns
    -------
    records
        Nearest first, ties by id; positions as published.
    """
    return tuple(_record(matter, index) for index in matter.listed)


def _record(matter: Matter, index: int) -> NearbyRecord:
    row, position = matter.rows[index], matter.points[index]
    evidence = Evidence(public.text(row, "evidence"))
    known_m = float(matter.hazard.uncertainty_m[index])
    return NearbyRecord(
        number=matter.number(index),
        sinkhole_id=public.text(row, "sinkhole_id"),
        name=words.fit(public.text(row, "name")),
        kind=public.text(row, "kind").replace("_", " "),
        evidence=evidence,
        evidence_note=wording.EVIDENCE_NOTES[evidence],
        date_text=public.text(row, "date_text"),
        size_text=words.fit(public.text(row, "size_text")),
        # Whole metres: finer than any of them is known, and from many sites' distances taken to
        # the millimetre the garden could be worked out that rounding its position hides.
        distance_m=float(round(matter.distance_m[index])),
        uncertainty_m=float(math.ceil(matter.uncertainty_m[index])),
        about=matter.about(index),
        bearing_text=bearing_text(matter, index),
        position=position,
        grid_reference=geo.format_grid_reference(position.x, position.y) if position else "",
        shown_uncertainty_m=_shown_m(known_m) if position else None,
        radius_m=float(matter.hazard.radius_m[index]),
        counts_text=counts_text(matter, index),
        doubts=words.fit(public.text(row, "doubts")),
        source_title=words.fit(public.text(row, "source_title")),
        source_url=public.web_link(str(row.get("source_url") or "")),
    )


def _shown_m(known_m: float) -> float:
    return float(math.ceil(public.shown_uncertainty_m(known_m)))


def bearing_text(matter: Matter, index: int) -> str:
    """
    Say in which direction a record lies, and how well that is known.

    Parameters
    ----------
    matter
        The place.
    index
        Of the record.

    Returns
    -------
    text
        Such as "north-east, about 40° (± 25°)", by grid north from the middle of the place.
    """
    if _is_inside(matter, index):
        return "inside the site's boundary, as placed"
    found = _bearing_degrees(matter, index)
    if found is None:
        return "direction not known"
    bearing, doubt = found
    towards = geo.compass_point(
        0, 0, math.sin(math.radians(bearing)), math.cos(math.radians(bearing))
    )
    nearest = round(bearing / _STEP_DEGREES) * _STEP_DEGREES % 360
    at_most = math.ceil(doubt / _STEP_DEGREES) * _STEP_DEGREES
    return f"{towards}, about {nearest}° (± {at_most}°)"


def _is_inside(matter: Matter, index: int) -> bool:
    return matter.has_boundary and bool(matter.shape.intersects(matter.hazard.centres[index]))


def _bearing_degrees(matter: Matter, index: int) -> tuple[float, float] | None:
    """Return a record's bearing and its doubt; None where it may lie on any side."""
    centre = matter.hazard.centres[index]
    east_m = centre.x - (matter.place.easting or 0.0)
    north_m = centre.y - (matter.place.northing or 0.0)
    away_m, uncertainty_m = math.hypot(east_m, north_m), float(matter.uncertainty_m[index])
    if away_m <= uncertainty_m:
        return None
    doubt = math.degrees(math.asin(uncertainty_m / away_m))
    return math.degrees(math.atan2(east_m, north_m)) % 360, doubt


def counts_text(matter: Matter, index: int) -> str:
    """
    Say whether a record counts, and why.

    Parameters
    ----------
    matter
        The place.
    index
        Of the record.

    Returns
    -------
    text
        One or two sentences.
    """
    row = matter.rows[index]
    if not matter.hazard.counts[index]:
        why = public.text(row, "evidence_reason" if row["counts"] else "counts_reason")
        return f"Does not count: {words.quoted(why.rstrip('.'))}."
    if not matter.is_assessed:
        return "Listed, not scored: the ground at the site is not assessed."
    if index not in matter.counted:
        return f"Does not count: {_why_beyond(matter, index)}."
    ring = words.far(matter.rings_m[matter.ring[index]])
    further = " (one further out than its place: only a possible record)"
    shifted = further if matter.hazard.ring_shift[index] else ""
    decides = ", and decides the band" if index == matter.deciding else ""
    return f"Counts in the {ring} ring{shifted}{decides}. {_span_text(matter, index)}."


def _why_beyond(matter: Matter, index: int) -> str:
    last_m, ring = matter.rings_m[-1], matter.last_ring
    if matter.uncertainty_m[index] > last_m:
        known = wording.plus_minus(float(matter.uncertainty_m[index]))
        return f"its distance is known only to {known}, wider than the {ring} ring"
    if matter.distance_m[index] <= last_m:
        return f"a possible record counts one ring further out, here beyond {ring}"
    nearest_m, _ = matters.span_m(matter, index)
    may_be = ", though it may lie within it" if nearest_m <= last_m else ""
    return f"it is placed beyond the {ring} ring{may_be}"


def _span_text(matter: Matter, index: int) -> str:
    nearest_m, furthest_m = matters.span_m(matter, index)
    furthest = wording.plus_minus(furthest_m).removeprefix("± ")  # rounded up, as a doubt is
    if not nearest_m:
        return f"It may lie on the site itself, or as far as {furthest} away"
    return f"It may lie from about {wording.distance_text(nearest_m)} to {furthest} away"
