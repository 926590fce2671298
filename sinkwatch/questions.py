"""A single question: what is known at a place, from what is held."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sinkwatch import context, explain, gazetteer, intake, sources, survey
from sinkwatch.errors import PlaceError, SourceError
from sinkwatch.model import FRAME_OF_KIND, PLANNING_KINDS
from sinkwatch.sources import snapshots

if TYPE_CHECKING:
    from sinkwatch.model import Area, Assessment, Inputs, Place, SourceSpec
    from sinkwatch.services import Services

_ONLY_SHOWN: Final = frozenset({"backdrop", "context"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What is known at one place, and round it.

    Attributes
    ----------
    assessment
        With its reasons.
    context
        What surrounds the place and decides no band, each one or more sentences; empty where
        nothing of it is held.
    """

    assessment: Assessment
    context: tuple[str, ...] = ()


def check(services: Services, words: str) -> Answer:
    """
    Say what is known at a place.

    Parameters
    ----------
    services
        With the area.
    words
        A postcode, position, grid reference, site id or application reference.

    Returns
    -------
    answer
        The assessment with its reasons, and what surrounds the place.

    Raises
    ------
    PlaceError
        If the words name no place.
    CoverageError
        If the place lies outside Great Britain.
    """
    area = services.area
    if services.has_store() and any(_may_be_held(services, spec) for spec in area.sources):
        return _answered_from_store(services, words)
    grounds = tuple(spec for spec in area.sources if spec.kind not in PLANNING_KINDS)
    try:
        inputs = sources.recall(
            replace(area, sources=grounds), None, lambda _: None, now=services.clock()
        )
        return _answered(area, inputs, words)
    except (PlaceError, SourceError):
        # Only an application's reference and what an operator has taken in need the database;
        # no other question waits for it to be opened.
        return _answered(area, intake.recall(services), words)


def _may_be_held(services: Services, spec: SourceSpec) -> bool:
    """Tell whether a run may have let in, or kept back, something of what decides an answer."""
    if spec.kind in PLANNING_KINDS:
        return False
    if spec.path is not None:
        return not snapshots.ships(spec)
    return (services.snapshots() / spec.name).is_dir()


def _answered_from_store(services: Services, words: str) -> Answer:
    """Answer from what earlier runs have let in; look a postcode up that no list has."""
    told = _without_what_is_only_shown(services)
    try:
        return _answered(told.area, intake.recall(told), words)
    except PlaceError:
        if not intake.look_up(services, words):
            raise
    return _answered(told.area, intake.recall(told), words)


def _without_what_is_only_shown(services: Services) -> Services:
    """Leave out the frames that no answer speaks of: one of them, the backdrop, is large."""
    told = (spec for spec in services.area.sources if FRAME_OF_KIND[spec.kind] not in _ONLY_SHOWN)
    return replace(services, area=replace(services.area, sources=tuple(told)))


def _answered(area: Area, inputs: Inputs, words: str) -> Answer:
    place = gazetteer.find(survey.names(area, inputs), words)
    assessment = explain.place(survey.know(area, inputs), place)
    return Answer(assessment=assessment, context=_context(area, inputs, place))


def _context(area: Area, inputs: Inputs, place: Place) -> tuple[str, ...]:
    """Say what surrounds a place; nothing of one outside, where nobody was asked what there is."""
    if place.easting is None or place.northing is None:
        return ()
    is_inside = area.bounds.holds(place.easting, place.northing)
    return context.of_place(place, inputs.surroundings, area.rock) if is_inside else ()
