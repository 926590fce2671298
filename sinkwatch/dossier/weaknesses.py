"""What weakens a pack's evidence, and what nobody here knows: found in the data, never left out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from sinkwatch import public, wording
from sinkwatch.dossier import ground, history, provenance, words
from sinkwatch.dossier import matter as matters
from sinkwatch.model import Band, Evidence, SourceStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from sinkwatch.dossier.matter import Matter

_MOST_NAMED: Final = 5

_NO_RATE: Final = (
    "This pack gives no rate and no frequency: published rates for an area differ, because they "
    "count different things over different years."
)
_BENEATH: Final = (
    "What lies beneath this site: no report of a ground investigation, no borehole log and no "
    "survey of it is held."
)
_SET_OFF: Final = (
    "What set off the recorded events, except where a source says so; the level and the flow of "
    "the groundwater."
)


def found(matter: Matter) -> tuple[str, ...]:
    """
    Say what weakens the evidence of a pack.

    Parameters
    ----------
    matter
        The place.

    Returns
    -------
    sentences
        The weightiest first; never none.
    """
    return (
        *_of_assessment(matter),
        *_of_deciding(matter),
        *_of_place(matter),
        *_of_rings(matter),
        *_of_grades(matter),
        *_of_ground(matter),
        *_of_inventory(matter),
        *provenance.in_trouble(matter),
        _NO_RATE,
    )


def _of_assessment(matter: Matter) -> Iterator[str]:
    if not matter.is_assessed:
        yield (
            "The site lies outside the ground that is assessed: its records are listed, and "
            "nothing is said of its ground either way."
        )
    elif matter.place.position_uncertainty_m > matter.rings_m[-1]:
        known = wording.plus_minus(matter.place.position_uncertainty_m)
        yield (
            f"The site is known only to {known}, wider than the {matter.last_ring} ring, so that "
            "no record can count: the band rests on the class of the ground alone."
        )
    elif matter.deciding is None:
        yield (
            f"No record counts within {matter.last_ring}: the band rests on the class of the "
            "ground alone."
        )


def _of_deciding(matter: Matter) -> Iterator[str]:
    index = matter.deciding
    if index is None:
        return
    own = wording.plus_minus(float(matter.hazard.uncertainty_m[index]))
    yield (
        f"The record that decides the band, {matter.numbered([index])}, {matter.record(index)}, is "
        f"placed to {own} and the site to {wording.plus_minus(matter.place.position_uncertainty_m)}"
        f", so the distance between them is {matter.about(index)}. It is {matter.grade(index)}."
    )
    nearer = [
        other
        for other in matter.counted
        if matter.number(other) < matter.number(index) and matter.ring[other] > matter.ring[index]
    ]
    if nearer:
        n = len(nearer)
        yield (
            f"{words.started(matter.numbered(nearer))} {words.verb(n, 'is', 'are')} placed no "
            f"further off and {words.verb(n, 'counts', 'count')} as well, but in a ring further "
            "out, being known less well or graded lower."
        )
    if not matter.has_boundary:  # a boundary's ground is scored part by part, not as one
        others = matter.ring[[other for other in matter.counted if other != index]]
        without = _band(matter, others)
        still = "still " if without == matter.style.label else ""
        yield f"Without that record the band would {still}be {without}."


def _of_place(matter: Matter) -> Iterator[str]:
    basis = words.quoted(matter.place.basis)
    known = wording.plus_minus(matter.place.position_uncertainty_m)
    if matter.has_boundary:
        yield f"The site's edge is taken as given, to {known} (how it was found: {basis})."
        return
    yield (
        f"The site's boundary is not held. Only a point is, to {known} (how it was found: "
        f"{basis}), and every distance is from that point: from the true edge of the site a "
        "record may be nearer or further."
    )


def _of_rings(matter: Matter) -> Iterator[str]:
    """Say which records might count in another ring, and what that would do to the band."""
    rings_m = np.array(matter.rings_m)
    spans = {index: matters.span_m(matter, index) for index in matter.counted}
    unsure = [i for i, span in spans.items() if len(set(np.searchsorted(rings_m, span))) > 1]
    yield from _left_out(matter)
    if not unsure:
        return
    one_of = words.started(words.out_of(len(unsure), len(spans), "record"))
    yield (
        f"{one_of} that {words.verb(len(spans), 'counts', 'count')} may lie in a nearer or a "
        f"further ring than as placed: {matter.numbered(unsure)}."
    )
    if not matter.has_boundary:
        near, far_off = (
            _band(matter, _rings_at(matter, ends)) for ends in zip(*spans.values(), strict=True)
        )
        yield (
            f"Were every record that counts as near as its doubt allows, the band would be {near}; "
            f"were every one as far, {far_off}. As placed it is {matter.style.label}."
        )


def _left_out(matter: Matter) -> Iterator[str]:
    """Name the records that do not count for their place alone and may yet lie in a ring."""
    last_m = matter.rings_m[-1]
    may_be = [
        index
        for index in matter.listed
        if matter.is_assessed
        and matter.hazard.counts[index]
        and matter.ring[index] == len(matter.rings_m)
        and matters.span_m(matter, index)[0] <= last_m
    ]
    if may_be:
        yield (
            f"{words.started(words.out_of(len(may_be), len(matter.listed), 'record'))} listed "
            f"{words.verb(len(may_be), 'does', 'do')} not count for where, or how loosely, "
            f"{words.verb(len(may_be), 'it is', 'they are')} placed, and may yet lie within "
            f"{matter.last_ring}: {matter.numbered(may_be)}."
        )


def _rings_at(matter: Matter, distance_m: Sequence[float]) -> NDArray[np.int64]:
    """Return the rings in which the records that count would count if they lay that far off."""
    own = np.searchsorted(matter.hazard.rings_m, distance_m)
    return own + matter.hazard.ring_shift[list(matter.counted)]


def _band(matter: Matter, rings: NDArray[np.int64]) -> str:
    """Return the label of the band if records counted in those rings and no others."""
    hazard = matter.hazard
    ring = int(np.min(rings, initial=hazard.n_rings))
    band = Band(int(hazard.bands[matter.assessment.scored_as, ring]))
    return matter.area.parameters.table.styles[band].label


def _of_grades(matter: Matter) -> Iterator[str]:
    counted, n_listed = matter.counted, len(matter.listed)
    if counted:
        grades = Counter(public.text(matter.rows[index], "evidence") for index in counted)
        by_grade = wording.joined(
            [f"{grades[grade]} {grade}" for grade in Evidence if grades[grade]]
        )
        yield (
            f"Of the {wording.count_text(len(counted), 'record')} that "
            f"{words.verb(len(counted), 'counts', 'count')}, by grade: {by_grade}."
        )
    if n_listed > len(counted):
        yield (
            f"{words.started(words.out_of(n_listed - len(counted), n_listed, 'record'))} listed "
            f"{words.verb(n_listed - len(counted), 'does', 'do')} not count; the table gives the "
            "reason for each."
        )
    n_features = len({int(matter.hazard.feature[index]) for index in matter.listed})
    if n_features < n_listed:
        yield (
            f"The {n_listed} records listed tell of {wording.count_text(n_features, 'feature')}: "
            "some tell of the same one."
        )


def _of_ground(matter: Matter) -> Iterator[str]:
    yield from (reason.text for reason in matter.reasons("boundary", "conflict"))
    line = ground.nearest_line(matter)
    if line is not None and line.is_doubtful:
        yield (
            f"The site may lie on class {line.geology.name} ground: the nearest is "
            f"{wording.about(line.distance_m, line.uncertainty_m)} away."
            if line.distance_m
            else f"The site lies partly on class {line.geology.name} ground, and the line across "
            f"it is known only to {wording.plus_minus(line.uncertainty_m)}."
        )
    yield (
        f"The zones are general ones: they tell where {matter.area.rock} is thought to lie, not "
        f"what is beneath any one site. {ground.NOT_OFFICIAL}"
    )


def _of_inventory(matter: Matter) -> Iterator[str]:
    yield (
        "Records follow where people look and what is reported: built-up ground has more of them, "
        "and a place without any may only be one that nobody reported on. Their number is not "
        "scored."
    )
    dated = {i: words.latest_day(public.text(matter.rows[i], "date_text")) for i in matter.listed}
    latest = max(dated, key=lambda index: (dated[index], -index), default=None)
    if latest is not None and dated[latest] != words.UNDATED:
        yield (
            f"The latest record listed is {matter.numbered([latest])}, {matter.record(latest)}; "
            "what has happened since and was not published is not here."
        )
    undated = [index for index, day in dated.items() if day == words.UNDATED]
    if undated:
        yield f"No date is known of {matter.numbered(undated)}."
    yield from _may_be_beyond(matter)
    yield from _may_be_nearer(matter)


def _may_be_beyond(matter: Matter) -> Iterator[str]:
    loose = [i for i in matter.listed if matters.span_m(matter, i)[1] > matter.within_m]
    if loose:
        yield (
            f"{words.started(words.out_of(len(loose), len(matter.listed), 'record'))} listed may "
            f"lie beyond {matter.within}: {matter.numbered(loose)}."
        )


def _may_be_nearer(matter: Matter) -> Iterator[str]:
    nearest_m = matter.distance_m - matter.uncertainty_m
    beyond = np.flatnonzero((matter.distance_m > matter.within_m) & (nearest_m <= matter.within_m))
    if not len(beyond):
        return
    order = sorted(beyond.tolist(), key=lambda index: (matter.distance_m[index], index))
    named = [f"{matter.record(index)} ({matter.about(index)})" for index in order[:_MOST_NAMED]]
    more = len(order) - len(named)
    others = [f"{more} more"] if more else []
    yield (
        f"Not listed, being placed beyond {matter.within}, though so loosely that they may lie "
        f"within it: {wording.joined([*named, *others])}."
    )


def unknowns(matter: Matter) -> tuple[str, ...]:
    """
    Say what is not known here.

    Parameters
    ----------
    matter
        The place.

    Returns
    -------
    sentences
        The weightiest first.
    """
    return (
        *_unknown_place(matter),
        _BENEATH,
        *_boreholes(matter),
        "Whether a ground stability report came with any application here, and what it says.",
        "In which area of the council's own policies map the site lies: its lines are not held.",
        *_rated(matter),
        _SET_OFF,
        "Whether measures were taken in the ground at or near the site after any of them.",
        *history.about(matter),
    )


def _unknown_place(matter: Matter) -> Iterator[str]:
    if not matter.has_boundary:
        yield "The boundary of the site."


def _boreholes(matter: Matter) -> Iterator[str]:
    if matter.findings.surroundings.boreholes is None:
        yield "Where boreholes have been drilled: BGS's index of them is not held here."


def _rated(matter: Matter) -> Iterator[str]:
    """Say that licensed geology is not held, unless it is."""
    held = [state for state in matter.states("geology") if state.status is not SourceStatus.FAILED]
    if not any(state.spec.is_restricted for state in held):
        yield (
            "How licensed maps, such as BGS GeoSure or BGS Geology at 1:50 000, rate or draw this "
            "ground: they are not held."
        )
