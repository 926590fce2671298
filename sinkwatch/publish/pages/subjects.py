"""A page for every record, watched site and application, and the lists that lead to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sinkwatch import events, geo, public, wording
from sinkwatch.publish import assets, cards, frame, locations, nearby, sources
from sinkwatch.publish.frame import Sheet

if TYPE_CHECKING:
    from datetime import date

    from sinkwatch.model import Entry
    from sinkwatch.publish.assets import Asset
    from sinkwatch.publish.nearby import Neighbour
    from sinkwatch.publish.publication import Publication
    from sinkwatch.publish.things import Thing

PER_PAGE: Final = 200
"""Rows of one page of a list: more would be slow to read aloud and to load on a phone."""

_STATE_OF: Final = {
    locations.RECORDS: events.SINKHOLE,
    locations.SITES: events.SITE,
    locations.APPLICATIONS: events.APPLICATION,
}
"""Kind of state under which what lies in a folder is recorded."""

_DEGREES: Final = 5
"""Decimals of a degree: about a metre, finer than anything published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _List:
    """One list of subjects: its folder, title, what it is, and the things in it."""

    folder: str
    title: str
    description: str
    things: Sequence[Thing]


def pages(publication: Publication) -> dict[str, bytes]:
    """
    Make a page for everything that has one, and the lists.

    Parameters
    ----------
    publication
        The edition.

    Returns
    -------
    pages
        By path inside the site.
    """
    things = publication.things
    nearby_of = nearby.gather(things.with_pages())
    history = publication.history.by_subject()
    made: dict[str, bytes] = {_sorting().path: _sorting().text.encode()}
    for thing in things.with_pages():
        kind = _STATE_OF[thing.folder.partition("/")[0]]
        entries = history.get((kind, thing.key), ())
        made |= _page(publication, thing, nearby_of.get(thing.folder, ()), entries)
    for each in _lists(publication):
        for sheet, said in _sheets(publication, each):
            made |= frame.render(publication, sheet, **said)
    return made


def _sorting() -> Asset:
    """Return what lets a reader put a list in another order."""
    return assets.own("table.js", stem="table")


def _page(
    publication: Publication,
    thing: Thing,
    neighbours: Sequence[Neighbour],
    entries: Sequence[Entry],
) -> dict[str, bytes]:
    area = publication.findings.area.name
    changed_on = entries[0].on if entries else None
    sheet = Sheet(
        folder=thing.folder,
        template="subject.html",
        title=_title(thing),
        description=f"{_capital(thing.kind)} near {area}: what is recorded, with its sources.",
        changed_on=changed_on or _first_day(publication),
        section=thing.folder.partition("/")[0],
        structured=_structured(publication, thing, changed_on),
        picture=cards.of_page(publication, thing),
    )
    return frame.render(
        publication,
        sheet,
        thing=thing,
        neighbours=neighbours[: nearby.MOST],
        n_more=max(0, len(neighbours) - nearby.MOST),
        within_m=f"{nearby.WITHIN_M:g}",
        steps=_steps(publication, thing),
        entries=entries,
        rounded_to_m=public.ROUNDED_TO_M,
    )


def _first_day(publication: Publication) -> date | None:
    """Return a day that does not move from run to run for what was never recorded as changed."""
    return publication.history.began_on


def _title(thing: Thing) -> str:
    if thing.kind != "planning application":
        return thing.name
    address = thing.fact("Address")
    return f"{thing.name}: {wording.trimmed(address, 80)}" if address else thing.name


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _steps(publication: Publication, thing: Thing) -> list[Thing]:
    """Return the past decisions that concern a site, or the site that an application touches."""
    if not thing.site_id:
        return []
    cases = publication.things.cases
    return sorted((case for case in cases if case.site_id == thing.site_id), key=_by_day)


def _by_day(thing: Thing) -> tuple[str, str]:
    return thing.when, thing.key


def _structured(
    publication: Publication, thing: Thing, changed_on: date | None
) -> list[dict[str, object]]:
    """Return what programs are told: a place, where one is drawn."""
    if thing.geometry is None:
        return []
    (longitude,), (latitude,) = geo.to_wgs84(thing.geometry.x, thing.geometry.y)
    place: dict[str, object] = {
        "@context": "https://schema.org",
        "@type": "Place",
        "name": _title(thing),
        "description": thing.headline or thing.fact("Grade") or thing.kind,
        "geo": {
            "@type": "GeoCoordinates",
            "latitude": round(float(latitude), _DEGREES),
            "longitude": round(float(longitude), _DEGREES),
        },
    }
    if publication.address(thing.folder):
        place["url"] = publication.address(thing.folder)
        if publication.imprint.pictures:
            card = cards.of_thing(publication, thing)
            place["image"] = f"{publication.imprint.public_url}/{card.path}"
    if changed_on:
        place["subjectOf"] = {"@type": "WebPage", "dateModified": changed_on.isoformat()}
    return [place]


def _lists(publication: Publication) -> Iterator[_List]:
    things, area = publication.things, publication.findings.area.name
    yield _List(
        folder=locations.RECORDS,
        title="Recorded events",
        description=f"Every record of ground collapse held for {area}, with its source and doubt.",
        things=things.records,
    )
    yield _List(
        folder=locations.SITES,
        title="Watched sites",
        description=f"Sites watched around {area}: what is recorded about their ground.",
        things=things.sites,
    )
    yield _List(
        folder=locations.APPLICATIONS,
        title="Planning applications",
        description=f"Planning applications around {area}, with what is recorded about the ground.",
        things=things.applications,
    )


def _sheets(publication: Publication, listed: _List) -> Iterator[tuple[Sheet, dict[str, object]]]:
    """Return each page of a list, and what it says."""
    n_pages = max(1, -(-len(listed.things) // PER_PAGE))
    folders = [listed.folder, *(f"{listed.folder}/page-{n}" for n in range(2, n_pages + 1))]
    for number, folder in enumerate(folders, start=1):
        title = listed.title if number == 1 else f"{listed.title}, page {number}"
        sheet = Sheet(
            folder=folder,
            template="subjects.html",
            title=title,
            description=listed.description,
            section=listed.folder,
            scripts=(_sorting(),),
        )
        first = (number - 1) * PER_PAGE
        yield (
            sheet,
            {
                "listed": listed,
                "rows": listed.things[first : first + PER_PAGE],
                "folder_of_page": folders,
                "about_applications": sources.about_applications(publication.findings),
            },
        )
