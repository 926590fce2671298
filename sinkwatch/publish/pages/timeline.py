"""Events, applications and decisions in the order of their days."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from sinkwatch.publish import frame, locations, squares
from sinkwatch.publish.frame import Sheet

if TYPE_CHECKING:
    from sinkwatch.publish.publication import Publication
    from sinkwatch.publish.things import Thing

MOST_APPLICATIONS: Final = 300
"""Applications in the timeline, the newest; their own list has them all."""

_NO_DAY: Final = "Day not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """What is listed under one heading, such as a decade or a year."""

    title: str
    things: tuple[Thing, ...]


def pages(publication: Publication) -> dict[str, bytes]:
    """
    Make the timeline.

    Parameters
    ----------
    publication
        The edition.

    Returns
    -------
    pages
        By path inside the site.
    """
    area = publication.findings.area.name
    sheet = Sheet(
        folder=locations.TIMELINE,
        template="timeline.html",
        title="Timeline",
        description=f"Recorded events and planning steps around {area}, in order of time.",
    )
    shown, n_left_out = _shown(publication)
    records = publication.things.records
    return frame.render(
        publication,
        sheet,
        spans=_spans(shown),
        n_left_out=n_left_out,
        n_records_left_out=len(records) - len(squares.shown(records)),
    )


def _shown(publication: Publication) -> tuple[list[Thing], int]:
    """Return what is listed, the newest first, and how many applications are left out."""
    things = publication.things
    applications = sorted(things.applications, key=_order, reverse=True)
    kept = applications[:MOST_APPLICATIONS]
    listed = sorted(
        (*squares.shown(things.records), *things.cases, *kept), key=_order, reverse=True
    )
    return listed, len(applications) - len(kept)


def _order(thing: Thing) -> tuple[str, str]:
    # In EDTF an X stands for a digit that is not known: as text it sorts after every digit.
    return thing.when, thing.key


def _spans(things: list[Thing]) -> list[_Span]:
    return [
        _Span(title=title, things=tuple(group)) for title, group in groupby(things, key=_heading)
    ]


def _heading(thing: Thing) -> str:
    """Return the decade, or the year from 2000 on."""
    year = thing.when[:4]
    if not year:
        return _NO_DAY
    if year.isdigit() and year >= "2000":
        return year
    return f"{year[:3]}0s" if year[:3].isdigit() else year
