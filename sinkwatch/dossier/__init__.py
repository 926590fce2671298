"""What an evidence pack says of one place: both sides, each figure with its source and doubt."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from sinkwatch import explain, lint, public, wording
from sinkwatch.dossier import (
    draft,
    ground,
    history,
    method,
    policies,
    provenance,
    questions,
    records,
    summary,
    weaknesses,
    words,
)
from sinkwatch.dossier.matter import RECORDS_WITHIN_M, Matter
from sinkwatch.model import Dossier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from sinkwatch.model import Place
    from sinkwatch.survey import Surveyed

__all__ = ["RECORDS_WITHIN_M", "gather", "slug_of"]

DRAFT_LIMIT: Final = 2_000
"""Characters of a draft unless others are asked for: what many a council's comment form takes."""

_SLUG: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SLUG_LENGTH: Final = 60
_HASH_LENGTH: Final = 8


def gather(
    surveyed: Surveyed,
    place: Place,
    *,
    made_on: date,
    title: str = "",
    draft_limit: int = DRAFT_LIMIT,
) -> Dossier:
    """
    Gather all that an evidence pack says of one place.

    Parameters
    ----------
    surveyed
        All that one run knows.
    place
        With a position, EPSG:27700 metres; with its boundary if that is known.
    made_on
        Day of the pack, in London.
    title
        Of the pack; the place's own name if it is empty.
    draft_limit
        Characters of the text to begin a representation with, at most.

    Returns
    -------
    dossier
        Plain text and published positions only; the same for the same data on the same day.

    Raises
    ------
    PlaceError
        If the place has no position.
    CoverageError
        If it lies outside the National Grid.
    SchemaError
        If its boundary is no polygon with an area.
    ConfigError
        If the draft is to be shorter than it can be.
    WordingError
        If a sentence of ours says what none may say.
    """
    matter = Matter.of(surveyed, place, made_on)
    about = history.subject(matter)
    entries = history.entries(matter)
    lines = policies.table(matter.area.policies, made_on)
    doubts = weaknesses.found(matter)
    headline = wording.clean(
        explain.headline(matter.assessment, matter.area.parameters.table.styles)
    )
    gathered = Dossier(
        place=matter.place,
        slug=slug_of(place.place_id),
        title=words.fit(title) or matter.place.label,
        reference=words.fit(public.text(about, "reference")),
        authority=words.fit(public.text(about, "authority")),
        address=words.fit(public.text(about, "address")),
        description=public.description(about),
        grid_reference=summary.grid_reference(matter),
        area_name=matter.area.name,
        ground=matter.area.ground,
        made_on=made_on,
        assessment=matter.assessment,
        style=matter.style,
        headline=headline,
        summary=summary.paragraphs(
            matter,
            headline,
            history=entries,
            about_history=history.about(matter)[0],
            weaknesses=doubts,
        ),
        shares=ground.shares(matter),
        rings_m=matter.rings_m,
        records=records.listed(matter),
        records_within_m=matter.within_m,
        geology=ground.sentences(matter),
        history=tuple(entry.step for entry in entries),
        weaknesses=doubts,
        questions=questions.asked(matter),
        unknowns=weaknesses.unknowns(matter),
        method=method.sentences(matter),
        sources=provenance.lines(matter),
        policies=lines,
        draft=draft.text(matter, draft_limit, history=entries, lines=lines),
        draft_limit=draft_limit,
        limits=wording.LIMITS,
        disclaimer=wording.disclaimer(matter.area.rock),
    )
    lint.check(_ours(gathered), what=f"the pack of {matter.place.place_id}")
    return gathered


def slug_of(place_id: str) -> str:
    """
    Name the folder of a place's pack.

    Parameters
    ----------
    place_id
        Of the place, such as a planning reference with its authority.

    Returns
    -------
    slug
        The id itself if it is one already; otherwise with a hash of it, so that no two places
        that read alike share a folder.

    Examples
    --------
    >>> slug_of("auction-mart"), slug_of("Harrogate/24/1")
    ('auction-mart', 'harrogate-24-1-1a9c1f5c')
    """
    if _SLUG.fullmatch(place_id) and len(place_id) <= _SLUG_LENGTH:
        return place_id
    plain = "-".join(re.findall(r"[a-z0-9]+", place_id.casefold()))[:_SLUG_LENGTH].strip("-")
    digest = hashlib.sha256(place_id.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{plain}-{digest}" if plain else digest


def _ours(dossier: Dossier) -> Iterator[str]:
    """Return every sentence that is ours; what others wrote stands in “ ” in them."""
    yield from dossier.summary
    yield from dossier.geology
    yield from dossier.weaknesses
    yield from dossier.questions
    yield from dossier.unknowns
    yield from dossier.method
    for record in dossier.records:
        yield from (record.counts_text, record.bearing_text)
    for step in dossier.history:
        yield step.where
    yield from (source.standing for source in dossier.sources)
    yield from (line.why for line in dossier.policies)
    yield dossier.draft
