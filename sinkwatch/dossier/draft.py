"""A text to begin a representation with: planning matters only, whole sentences, both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sinkwatch import public, wording
from sinkwatch.dossier import ground, policies, summary, words
from sinkwatch.dossier.history import may_be_next_to_it
from sinkwatch.errors import ConfigError
from sinkwatch.model import PlaceKind, PolicyStanding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sinkwatch.dossier.history import Entry
    from sinkwatch.dossier.matter import Matter
    from sinkwatch.model import PlanningStep, PolicyLine

LEAST_CHARACTERS: Final = 300
"""What the sentences take that no draft may be without: subject, request, and what it rests on."""

_NAME_LENGTH: Final = 40
_LONG_NAME_LENGTH: Final = 120
_ROOMY: Final = 600
_PARAGRAPHS: Final = range(4)
_BETWEEN: Final = "\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """One sentence, and the paragraph in which it stands."""

    paragraph: int
    text: str


def text(
    matter: Matter,
    limit: int,
    *,
    history: Sequence[Entry],
    lines: Sequence[PolicyLine],
) -> str:
    """
    Write a text to begin a representation with.

    Parameters
    ----------
    matter
        The place.
    limit
        Characters at most.
    history
        Applications and past decisions.
    lines
        Planning documents; only those that may be cited are.

    Returns
    -------
    text
        Paragraphs with an empty line between them: of its sentences as many as fit, the most
        telling ones kept and none cut.

    Raises
    ------
    ConfigError
        If the limit is too small for what no such text may be without.
    """
    if limit < LEAST_CHARACTERS:
        raise ConfigError(
            f"a draft of {limit} characters",
            f"is shorter than the {LEAST_CHARACTERS} that its subject, request and sources take",
            f"Allow {LEAST_CHARACTERS} or more",
        )
    kept = [*_needed(matter, _NAME_LENGTH if limit < _ROOMY else _LONG_NAME_LENGTH)]
    for piece in (*_wanted(matter, history), *_also_wanted(matter, lines)):
        if len(_written([*kept, piece])) > limit:
            break
        kept.append(piece)
    return _written(kept)


def _written(pieces: Sequence[_Piece]) -> str:
    paragraphs = (
        " ".join(piece.text for piece in pieces if piece.paragraph == paragraph)
        for paragraph in _PARAGRAPHS
    )
    return _BETWEEN.join(paragraph for paragraph in paragraphs if paragraph)


def _needed(matter: Matter, name_length: int) -> Iterator[_Piece]:
    is_application = matter.place.kind is PlaceKind.APPLICATION
    name = words.quoted(matter.place.label, name_length)
    at = f"the site of {name}" if is_application else f"{name}, {summary.grid_reference(matter)}"
    what = "investigated and reported on" if matter.is_telling else "considered"
    yield _Piece(paragraph=0, text=f"These comments are about the ground at {at}.")
    yield _Piece(
        paragraph=0, text=f"We ask that its stability be {what} before a decision is made."
    )
    yield _Piece(
        paragraph=3,
        text="This is general information from public records, not a survey; the pack of "
        f"{wording.date_text(matter.made_on)} names each source.",
    )


def _wanted(matter: Matter, history: Sequence[Entry]) -> Iterator[_Piece]:
    """Give the facts, most telling first, with what weakens them."""
    yield _Piece(paragraph=1, text=_record(matter))
    yield _Piece(paragraph=1, text=_ground(matter))
    yield _Piece(
        paragraph=1,
        text="Positions are approximate, records follow where people look, and none of this says "
        "whether, where or when the ground will move.",
    )
    if matter.is_telling:
        yield _Piece(
            paragraph=2,
            text="We ask for a desk study, a site appraisal and an intrusive investigation fit for "
            "foundation design, signed by a competent person who states their "
            "qualifications.",
        )
    yield from _decisions(history)
    yield from _sources(matter)


def _also_wanted(matter: Matter, lines: Sequence[PolicyLine]) -> Iterator[_Piece]:
    cited = [line.policy for line in lines if line.standing is PolicyStanding.CITED]
    for policy in cited:
        yield _Piece(
            paragraph=2,
            text="We ask that the proposal be weighed against what "
            f"{words.quoted(policy.title)}, {policies.in_force(policy)}, holds for this site.",
        )
    if matter.listed:
        yield _Piece(paragraph=2, text=_dealt_with(matter))
    yield _Piece(
        paragraph=2,
        text="We ask that drainage, soakaways and groundwater be part of what is considered, for "
        "the site and for its neighbours.",
    )
    yield _Piece(
        paragraph=2,
        text="We ask that any monitoring, and what follows if movement is seen, be set out before "
        "work begins.",
    )


def _record(matter: Matter) -> str:
    index = matter.deciding
    if not matter.is_assessed and matter.listed:
        nearest = matter.listed[0]
        listed = wording.count_text(len(matter.listed), "record")
        is_only = len(matter.listed) == 1
        return (
            f"Within {matter.within} we hold {listed}, {'' if is_only else 'the nearest of them '}"
            f"{matter.record(nearest)}, {matter.about(nearest)} away; "
            f"{'it is not' if is_only else 'none is'} scored here."
        )
    if index is None:
        return f"Within {matter.last_ring} there are {wording.NO_RECORDS} that count here."
    source = words.quoted(public.text(matter.rows[index], "source_title"))
    return (
        f"Recorded nearby is {matter.record(index)}, {matter.grade(index)}, {matter.about(index)} "
        f"from {_edge(matter)} (source: {source})."
    )


def _edge(matter: Matter) -> str:
    return "the site's edge" if matter.has_boundary else "the point held for the site"


def _ground(matter: Matter) -> str:
    scored_as = matter.assessment.scored_as
    if not matter.is_assessed:
        return "The ground here lies outside the zones held, so nothing is said of it either way."
    (own,) = matter.reasons("ground")
    known = wording.plus_minus(float(str(own.facts["position_uncertainty_m"])))
    line = ground.nearest_line(matter)
    what = "Part of the ground" if line and not line.distance_m else "The ground"
    raised = (
        f" (it is drawn as class {matter.assessment.geology.name}, nearer to the line than that "
        "is known)"
        if matter.reasons("boundary")
        else ""
    )
    return (
        f"{what} is put in class {scored_as.name}, {matter.area.class_notes[scored_as]}{raised}; "
        f"the zones' edges are drawn to {known}, and they are neither the council's own map nor "
        "BGS's."
    )


def _dealt_with(matter: Matter) -> str:
    n_listed, n_counted = len(matter.listed), len(matter.counted)
    listed = "the record" if n_listed == 1 else f"each of the {n_listed} records"
    counted = {0: "none of which counts"}.get(
        n_counted, f"of which {n_counted} {words.verb(n_counted, 'counts', 'count')}"
    )
    if n_listed == 1:
        counted = "which counts" if n_counted else "which does not count"
    return (
        f"We ask that the report deal with {listed} listed within {matter.within}, {counted} in "
        "the assessment."
    )


def _decisions(history: Sequence[Entry]) -> Iterator[_Piece]:
    """Quote the latest decision on the site itself of which it is known what was said."""
    own = [entry.step for entry in history if entry.is_on_site]
    of_site = "on the site or next to it" if may_be_next_to_it(history) else "of the site"
    spoken = [step for step in own if step.ground]
    for step in spoken[:1]:
        # Whoever quotes one step of a history owes the reader what came of it.
        later = f" The latest step held is {_named(own[0])}." if own[0] != step else ""
        yield _Piece(
            paragraph=1,
            text=f"From the planning history {of_site}: {_named(step)}; on the ground, "
            f"{words.quoted(step.ground.rstrip('.'))} (source: {words.quoted(step.source_title)})."
            f"{later}",
        )


def _named(step: PlanningStep) -> str:
    return words.quoted(", ".join(text for text in (step.title, step.date_text) if text))


def _sources(matter: Matter) -> Iterator[_Piece]:
    named = [
        words.edition(state)
        for frame in ("geology", "sinkholes")
        for state in matter.states(frame)
        if state.snapshot is not None
    ]
    if named:
        yield _Piece(paragraph=3, text=f"Zones and records are those of {wording.joined(named)}.")
