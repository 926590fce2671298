"""The sources that a pack rests on, good ones and others alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sinkwatch import public, wording
from sinkwatch.dossier import words
from sinkwatch.model import FRAME_OF_KIND, POSTCODE_KINDS, SourceLine, SourceStatus

if TYPE_CHECKING:
    from sinkwatch.dossier.matter import Matter
    from sinkwatch.model import SourceState


_FOR_THE_OPERATOR: Final = (SourceStatus.FAILED, SourceStatus.NOT_CONFIGURED)


def lines(matter: Matter) -> tuple[SourceLine, ...]:
    """
    List the sources of which a reader would miss something.

    Parameters
    ----------
    matter
        The place.

    Returns
    -------
    lines
        In the area's order.
    """
    return tuple(
        _line(state)
        for state in wording.bearing(matter.findings.sources)
        # Postcodes only place what gives no point of its own: of a list not held nobody misses any.
        if state.snapshot is not None or state.spec.kind not in POSTCODE_KINDS
    )


def in_trouble(matter: Matter) -> tuple[str, ...]:
    """
    Say which of those sources are not as they should be.

    Parameters
    ----------
    matter
        The place.

    Returns
    -------
    sentences
        One for each, in the area's order.
    """
    return tuple(
        _trouble(state)
        for state in wording.bearing(matter.findings.sources)
        if (state.status is not SourceStatus.GOOD or state.age)
        # From no list of postcodes is anything measured here.
        and state.spec.kind not in POSTCODE_KINDS
    )


def _trouble(state: SourceState) -> str:
    title = words.quoted(state.spec.title)
    if state.status is SourceStatus.NOT_CONFIGURED:
        return f"The source {title} is not set up on this installation, so nothing of it is here."
    return f"The source {title} is not as it should be: {wording.source_text(state)}."


def _line(state: SourceState) -> SourceLine:
    spec, snapshot = state.spec, state.snapshot
    retrieved_on = wording.london_date(snapshot.retrieved_at) if snapshot else None
    return SourceLine(
        name=spec.name,
        frame=FRAME_OF_KIND[spec.kind],
        title=wording.clean(spec.title),
        edition=public.edition_text(snapshot.edition if snapshot else spec.edition),
        licence=wording.clean(snapshot.licence if snapshot else spec.licence),
        credit=wording.clean(snapshot.attribution if snapshot else spec.attribution),
        retrieved_text=wording.date_text(retrieved_on) if retrieved_on else "",
        standing=_standing(state),
        sha256=snapshot.sha256 if snapshot else "",
        url=public.web_link(snapshot.url) if snapshot else "",
    )


def _standing(state: SourceState) -> str:
    said = wording.source_text(state)
    # Why a source could not be read is for its operator: it may name folders of their machine.
    # Why one is not set up tells them how to, which is nothing to a reader of the pack.
    if state.status in _FOR_THE_OPERATOR or not state.problem:
        return said
    return f"{said}: {words.quoted(state.problem.rstrip('.'))}"
