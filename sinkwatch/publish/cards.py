"""Social cards: what a link to a page looks like where somebody shares it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sinkwatch import events, style, wording
from sinkwatch.publish import locations, page, pictures, sources, squares
from sinkwatch.publish.frame import Card
from sinkwatch.publish.overview import Overview
from sinkwatch.publish.painting import Setting

if TYPE_CHECKING:
    from datetime import date

    from sinkwatch.model import BandStyle
    from sinkwatch.publish.publication import Publication
    from sinkwatch.publish.things import Thing

_PPI: Final = 144.0
"""600 by 315 points make `frame.CARD_PX`."""

_FOLDER: Final = "pictures/cards"
_CAVEAT: Final = (
    "Shows what is recorded. It cannot say whether, where or when the ground will move."
)

_MAP_MM: Final = (94.0, 111.125)
"""The right part of the area's card: as high as the card."""

_MOST_TITLE: Final = 160
_MOST_FACT: Final = 280
_MOST_CREDIT: Final = 120
_NOT_ON_THE_MAP: Final = "Not on the map and not assessed: where it lies is not known well enough."
_DRAWN: Final = ("geology", "sinkholes", "places", "backdrop", "applications")
_BAND: Final = "Susceptibility band"
_UNASSESSED: Final = "unassessed"
_STATE_OF: Final = {locations.RECORDS: events.SINKHOLE, locations.SITES: events.SITE}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Face:
    """
    What one card says.

    Attributes
    ----------
    path
        Of the picture, inside the site.
    kind, title, fact, credit
        Its lines.
    day
        Since when its subject says this; None for what has no day of its own.
    mark
        What is drawn beside the words: a grade of evidence, "band" or "map".
    colour, hatch
        Of its band; empty for none.
    """

    path: str
    kind: str
    title: str
    fact: str
    credit: str
    day: date | None = None
    mark: str = ""
    colour: str = ""
    hatch: str = ""

    @property
    def card(self) -> Card:
        """Return what a page says of it."""
        return Card(path=self.path, alt=wording.trimmed(f"{self.title}. {self.fact}", _MOST_FACT))

    @property
    def said(self) -> dict[str, object]:
        """Return what the template sets."""
        return {
            "kind": self.kind,
            "title": wording.trimmed(self.title, _MOST_TITLE),
            "fact": wording.trimmed(self.fact, _MOST_FACT),
            "credit": self.credit,
            "published": f"As published on {wording.date_text(self.day)}" if self.day else "",
            "mark": self.mark,
            "colour": self.colour,
            "hatch": self.hatch,
        }


def pages(publication: Publication) -> dict[str, bytes]:
    """
    Paint a card for the area, each record and watched site, and each band of applications.

    Parameters
    ----------
    publication
        The edition.

    Returns
    -------
    cards
        Path inside the site to PNG, `frame.CARD_PX`. That of a record or a site is the same in
        every edition until what is said of it changes.

    Raises
    ------
    ConfigError
        If the typefaces are not in the installed package.
    DataError
        If they cannot be set; a fault of ours.
    """
    faces = list(_faces(publication))
    overview = Overview.of(publication.findings, publication.things, size_mm=_MAP_MM)
    setting = Setting(
        template="card.typ",
        said={
            "site": wording.clean(publication.findings.area.name),
            "caveat": _CAVEAT,
            "cards": [face.said for face in faces],
            "grades": {str(grade): each for grade, each in style.EVIDENCE_COLOURS.items()},
        },
        art={"map": overview.svg()},
    )
    painted = setting.painted(ppi=_PPI)
    return {face.path: png for face, png in zip(faces, painted, strict=True)}


def of_thing(publication: Publication, thing: Thing) -> Card:
    """
    Return the card of a page about one thing.

    Parameters
    ----------
    publication
        The edition.
    thing
        Record, site or application.

    Returns
    -------
    card
        Its path, and what it shows in words; applications of one band share a card, which names
        none of them.
    """
    return _of_thing(publication, thing).card


def of_page(publication: Publication, thing: Thing) -> Card | None:
    """
    Return the card of a page about one thing, if it has one.

    Parameters
    ----------
    publication
        The edition.
    thing
        Record, site or application.

    Returns
    -------
    card
        As `of_thing` returns it; None for one of so many records that none has its own, and whose
        page shows that of the area.
    """
    is_record = thing.folder.startswith(f"{locations.RECORDS}/")
    if is_record and squares.are_counted(publication.things.records):
        return None
    return of_thing(publication, thing)


def carded(publication: Publication) -> tuple[Thing, ...]:
    """
    Return the records and watched sites of which each has a card of its own.

    Parameters
    ----------
    publication
        The edition.

    Returns
    -------
    things
        No record where they are too many to be drawn one by one: to paint 48,000 takes an hour.
    """
    things = publication.things
    records = () if squares.are_counted(things.records) else things.records
    return (*records, *things.sites)


def _faces(publication: Publication) -> Iterator[_Face]:
    yield _of_area(publication)
    entries = publication.history.by_subject()
    for thing in carded(publication):
        kind = _STATE_OF[thing.folder.partition("/")[0]]
        changes = entries.get((kind, thing.key), ())
        day = changes[0].on if changes else publication.history.began_on
        yield replace(_of_thing(publication, thing), day=day)
    yield _of_band(publication, None)
    for each in publication.findings.area.parameters.table.styles.values():
        yield _of_band(publication, each)


def _of_thing(publication: Publication, thing: Thing) -> _Face:
    kind = thing.folder.partition("/")[0]
    if kind == locations.RECORDS:
        return _of_record(publication, thing)
    if kind == locations.SITES:
        return _of_site(publication, thing)
    return _of_band(publication, thing.style)


def _of_area(publication: Publication) -> _Face:
    findings, things = publication.findings, publication.things
    said = [
        wording.count_text(len(things.records), "record"),
        wording.count_text(len(things.sites), "watched site"),
    ]
    return _Face(
        path=locations.AREA_CARD,
        kind="Map and records, with sources",
        title=page.heading(publication),
        fact=f"{wording.joined(said)}; {sources.count_applications(findings)}",
        credit=f"Sources: {pictures.credits_of(publication, _DRAWN)}",
        day=publication.changed_on,
        mark="map",
    )


def _of_record(publication: Publication, thing: Thing) -> _Face:
    evidence = thing.fact("Evidence")
    place = thing.fact("Place").partition(";")[0]
    parts = [thing.fact("Date"), f"evidence {evidence}" if evidence else "", f"place {place}"]
    source = wording.trimmed(thing.url_title, _MOST_CREDIT)
    return _Face(
        path=f"{_FOLDER}/{thing.folder}.png",
        kind=f"Record near {publication.findings.area.name}: {thing.kind}",
        title=thing.name,
        fact=" · ".join(part for part in parts if part),
        credit=f"Source: {source}" if source else "Sources on the page",
        mark=thing.symbol.removeprefix("record-"),
    )


def _of_site(publication: Publication, thing: Thing) -> _Face:
    return _Face(
        path=f"{_FOLDER}/{thing.folder}.png",
        kind=f"Watched site near {publication.findings.area.name}",
        title=thing.name,
        fact=f"{_BAND} {thing.headline}" if thing.style else thing.kind,
        credit="Sources on the page",
        mark="band" if thing.style else "",
        colour=thing.style.colour if thing.style else "",
        hatch=thing.style.hatch if thing.style else "",
    )


def _of_band(publication: Publication, band_style: BandStyle | None) -> _Face:
    """Return the card of all applications of a band; it names none, so that none rewrites it."""
    name = band_style.band.key if band_style else _UNASSESSED
    said = f"{_BAND} {band_style.label}: {band_style.meaning}" if band_style else _NOT_ON_THE_MAP
    return _Face(
        path=f"{_FOLDER}/{locations.APPLICATIONS}/{name}.png",
        kind="Planning application",
        title=f"A planning application near {publication.findings.area.name}",
        fact=said,
        credit="Sources and dates on the page",
        mark="band" if band_style else "",
        colour=band_style.colour if band_style else "",
        hatch=band_style.hatch if band_style else "",
    )
