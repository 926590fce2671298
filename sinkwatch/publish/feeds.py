"""Feeds of what changed, as Atom and GeoJSON: of all, by watched site, by postcode sector."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from itertools import groupby
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

import numpy as np
import shapely

from sinkwatch import dossier, events, wording
from sinkwatch.publish import frame, geojson, locations, nearby, terms
from sinkwatch.publish.frame import Sheet

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from sinkwatch.model import Entry
    from sinkwatch.publish.publication import Publication
    from sinkwatch.publish.things import Thing

ALL_ATOM: Final = f"{locations.FEEDS}/all.atom"
ALL_GEOJSON: Final = f"{locations.FEEDS}/all.geojson"

PLACES: Final = f"{locations.FEEDS}/places"
"""Folder of the feeds of postcode sectors."""

_NEWEST: Final = 100
_FOLDER_OF: Final = {
    events.SINKHOLE: locations.of_record,
    events.SITE: locations.of_site,
    events.APPLICATION: locations.of_application,
}
"""Where the page of a subject lies, by the kind of state under which it is recorded."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FORBIDDEN: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


_INWARD: Final = 2
"""Letters at a postcode's end that the name of its sector leaves out: "HG4 1HS" is in "HG4 1"."""

_PLAIN_SECTOR: Final = re.compile(r"[A-Z]{1,2}[0-9][0-9A-Z]? [0-9]")

_FACTS: Final = ("sinkholes", "applications", "postcodes")
"""The sorts of data that a feed tells of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """
    One change as feeds and pages tell it.

    Attributes
    ----------
    uid
        Its permanent id, a URN.
    entry
        What changed; one entry stands for all postcodes of a run.
    folder
        Folder of its page; empty if its subject has none.
    geometry
        Where its subject is shown, EPSG:27700; None if it is not.
    of_postcodes
        The changes for which it stands, if they are of postcodes.
    """

    uid: str
    entry: Entry
    folder: str
    geometry: BaseGeometry | None
    of_postcodes: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Feed:
    """One feed: where it lies but for its ending, what it is called, and all that it tells."""

    stem: str
    name: str
    title: str
    changes: Sequence[Told]

    @property
    def newest(self) -> Sequence[Told]:
        """Return what it holds, the newest first."""
        return self.changes[:_NEWEST]


@dataclass(frozen=True, slots=True)
class _Writer:
    """What writes feeds; a change that stands in many of them is written once."""

    publication: Publication
    entries: dict[tuple[str, str], str] = field(default_factory=dict)
    features: dict[tuple[str, str], str] = field(default_factory=dict)

    def written(self, feed: _Feed) -> dict[str, bytes]:
        """Return a feed in both forms, by path inside the site."""
        paths = (f"{feed.stem}.atom", f"{feed.stem}.geojson")
        return dict(zip(paths, (self._atom(feed), self._geojson(feed)), strict=True))

    def _atom(self, feed: _Feed) -> bytes:
        head = _head(self.publication, feed)
        entries = "\n".join(self._entry(each, feed) for each in feed.newest)
        text = f"{head.removesuffix('</feed>')}{entries}\n</feed>" if entries else head
        return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()

    def _geojson(self, feed: _Feed) -> bytes:
        about = {
            "title": feed.title,
            "updated": _updated(self.publication, feed),
            "caveats": [wording.disclaimer(self.publication.findings.area.rock), wording.LIMITS],
            "attribution": terms.credit(self.publication.findings, _FACTS),
        }
        return geojson.written((self._feature(each, feed) for each in feed.newest), about)

    def _entry(self, each: Told, feed: _Feed) -> str:
        link = _link(self.publication, feed.stem, each.folder or locations.CHANGES)
        if (each.uid, link) not in self.entries:
            self.entries[each.uid, link] = _entry(each, link)
        return self.entries[each.uid, link]

    def _feature(self, each: Told, feed: _Feed) -> str:
        link = _link(self.publication, feed.stem, each.folder or locations.CHANGES)
        if (each.uid, link) not in self.features:
            self.features[each.uid, link] = geojson.line(_feature(each, link))
        return self.features[each.uid, link]


def pages(publication: Publication) -> dict[str, bytes]:
    """
    Make the feeds and the page that lists them.

    Parameters
    ----------
    publication
        The edition.

    Returns
    -------
    pages
        By path inside the site.
    """
    every = told(publication)
    title = f"{_maker(publication)}: every change"
    whole = _Feed(stem=f"{locations.FEEDS}/all", name="all", title=title, changes=every)
    sites = sorted(_of_sites(publication, every), key=lambda feed: (feed.name, feed.stem))
    places = list(_of_places(publication, every))
    writer = _Writer(publication)
    made: dict[str, bytes] = {}
    for feed in (whole, *sites, *places):
        made |= writer.written(feed)
    sheet = Sheet(
        folder=locations.FEEDS,
        template="feeds.html",
        title="Feeds",
        description=f"Follow what changes around {publication.findings.area.name} in a feed "
        "reader.",
    )
    said = {
        "whole": whole,
        "sites": sites,
        "outcodes": [
            (outcode, list(group))
            for outcode, group in groupby(places, key=lambda feed: feed.name.partition(" ")[0])
        ],
        "near_m": f"{nearby.WITHIN_M:g}",
        "newest": _NEWEST,
    }
    return {**made, **frame.render(publication, sheet, **said)}


def _maker(publication: Publication) -> str:
    return f"{publication.findings.area.name} Sinkwatch"


# ── What each feed tells ─────────────────────────────────────────────────────────────────────


def _of_sites(publication: Publication, every: Sequence[Told]) -> Iterator[_Feed]:
    for site, thing in zip(publication.findings.sites, publication.things.sites, strict=True):
        place = site.place
        shape = place.geometry if place.geometry is not None else thing.geometry
        yield _Feed(
            stem=f"{locations.FEEDS}/{locations.of_site(place.place_id)}",
            name=thing.name,
            title=f"{_maker(publication)}: near {thing.name}",
            changes=[each for each in every if _concerns(each, place.place_id, shape)],
        )


def _of_places(publication: Publication, every: Sequence[Told]) -> Iterator[_Feed]:
    """Return a feed of every sector, also of one of which nothing was told: it may be followed."""
    near = _sectors_near(publication, every)
    found: dict[str, list[Told]] = {sector: [] for sector in _sectors(publication).tolist()}
    for each in every:
        for sector in near.get(each.folder, ()):
            found[sector].append(each)
        for sector, part in _by_sector(publication, each):
            if sector in found:  # a postcode may have been in use then, and none there now
                found[sector].append(part)
    for sector, changes in sorted(found.items()):
        name = wording.clean(sector)
        yield _Feed(
            stem=f"{PLACES}/{_slug(sector)}",
            name=name,
            title=f"{_maker(publication)}: near postcodes {name}",
            changes=changes,
        )


def _sector(postcode: str) -> str:
    return postcode[:-_INWARD].rstrip()


def _slug(sector: str) -> str:
    """Return the name of a sector's files, such as "hg4-1"."""
    if _PLAIN_SECTOR.fullmatch(sector):
        return sector.lower().replace(" ", "-")
    return dossier.slug_of(sector)


def _sectors(publication: Publication) -> NDArray[np.object_]:
    """Return the sector of each postcode, in the frame's order."""
    postcodes = publication.findings.postcodes["postcode"]
    return np.asarray([_sector(str(each)) for each in postcodes], dtype=object)


def _sectors_near(publication: Publication, every: Sequence[Told]) -> Mapping[str, Sequence[str]]:
    """Return the sectors of which a postcode lies near each subject, by the folder of its page."""
    shapes = {each.folder: each.geometry for each in every if each.geometry is not None}
    names, owner = np.unique(_sectors(publication).astype(str), return_inverse=True)
    points = publication.findings.postcodes.geometry.to_numpy()
    subjects = np.asarray([*shapes.values()], dtype=object)
    near, found = shapely.STRtree(points).query(
        subjects, predicate="dwithin", distance=nearby.WITHIN_M
    )
    folders = [*shapes]
    by_folder: dict[str, list[str]] = {}
    for subject, sector in np.unique(np.column_stack([near, owner[found]]), axis=0).tolist():
        by_folder.setdefault(folders[subject], []).append(str(names[sector]))
    return by_folder


def _by_sector(publication: Publication, each: Told) -> Iterator[tuple[str, Told]]:
    """Return what a change of many postcodes is to each sector of them."""
    area = publication.findings.area.name
    parts: dict[str, list[Entry]] = {}
    for entry in each.of_postcodes:
        parts.setdefault(_sector(entry.subject), []).append(entry)
    for sector, entries in sorted(parts.items()):
        yield sector, _told(area, _of_postcodes(entries), {})


def told(publication: Publication) -> tuple[Told, ...]:
    """
    Tell every change, those of postcodes as one a run.

    Parameters
    ----------
    publication
        With its history.

    Returns
    -------
    told
        The newest first.
    """
    shown = _shown(publication)
    area = publication.findings.area.name
    made: list[Told] = []
    groups = groupby(publication.history.entries, key=lambda each: (each.at, each.kind))
    for (_, kind), group in groups:
        found = tuple(group)
        if kind == events.POSTCODE:
            combined = _told(area, _of_postcodes(found), shown)
            made.append(replace(combined, of_postcodes=found))
        else:
            made += [_told(area, each, shown) for each in found]
    return tuple(made)


def _of_postcodes(entries: Sequence[Entry]) -> Entry:
    names = sorted({wording.clean(each.subject) for each in entries})
    title = f"The band of {wording.count_text(len(names), 'postcode')} changed"
    return replace(
        entries[0],
        subject=" ".join(names),
        version="",
        title=title,
        happened=f"{title}: {wording.joined(names)}.",
    )


def _shown(publication: Publication) -> dict[str, Thing]:
    return {thing.folder: thing for thing in publication.things.with_pages()}


def _told(area: str, entry: Entry, shown: Mapping[str, Thing]) -> Told:
    folder_of = _FOLDER_OF.get(entry.kind)
    folder = folder_of(entry.subject) if folder_of else ""
    thing = shown.get(folder)
    parts = (area, entry.kind, entry.subject, entry.version, _moment(entry.at))
    return Told(
        uid=_urn(*parts),
        entry=entry,
        folder=thing.folder if thing else "",
        geometry=thing.geometry if thing else None,
    )


def _concerns(told_of: Told, site_id: str, shape: BaseGeometry | None) -> bool:
    if told_of.entry.kind == events.SITE:
        return told_of.entry.subject == site_id
    if shape is None or told_of.geometry is None:
        return False
    return bool(shape.distance(told_of.geometry) <= nearby.WITHIN_M)


def _urn(*parts: str) -> str:
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(parts))}"


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


# ── Their forms ──────────────────────────────────────────────────────────────────────────────


def _link(publication: Publication, path: str, folder: str) -> str:
    """Return the link from a feed to a page; relative while the site has no address."""
    climb = "../" * path.count("/")
    return publication.address(folder) or f"{climb}{locations.page_in(folder)}"


def _head(publication: Publication, feed: _Feed) -> str:
    """Return a feed without its entries."""
    path = f"{feed.stem}.atom"
    site = publication.imprint.public_url
    root = ET.Element("feed", {"xmlns": "http://www.w3.org/2005/Atom", "xml:lang": "en-GB"})
    _add(root, "id", _urn(publication.findings.area.name, "feed", path))
    _add(root, "title", feed.title)
    _add(root, "subtitle", wording.disclaimer(publication.findings.area.rock))
    _add(root, "updated", _updated(publication, feed))
    _add(ET.SubElement(root, "author"), "name", _maker(publication))
    if rights := terms.credit(publication.findings, _FACTS):
        _add(root, "rights", rights)
    own = f"{site}/{path}" if site else path.rpartition("/")[2]
    _add_link(root, "self", "application/atom+xml", own)
    _add_link(root, "alternate", "text/html", _link(publication, path, locations.CHANGES))
    ET.indent(root, "")
    return ET.tostring(root, encoding="unicode")


def _entry(each: Told, link: str) -> str:
    entry = ET.Element("entry")
    _add(entry, "id", each.uid)
    _add(entry, "title", each.entry.title)
    _add(entry, "updated", _moment(each.entry.at))
    ET.SubElement(entry, "category", {"term": each.entry.kind})
    _add_link(entry, "alternate", "text/html", link)
    _add(entry, "content", each.entry.happened)
    ET.indent(entry, "")
    return ET.tostring(entry, encoding="unicode")


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = _FORBIDDEN.sub("", text)


def _add_link(parent: ET.Element, relation: str, kind: str, address: str) -> None:
    ET.SubElement(parent, "link", {"rel": relation, "type": kind, "href": address})


def _updated(publication: Publication, feed: _Feed) -> str:
    return _moment(feed.changes[0].entry.at if feed.changes else _fixed(publication))


def _fixed(publication: Publication) -> datetime:
    # The first day stays the same, so that a feed without entries does too.
    day = publication.history.began_on or publication.checked_on
    return datetime.combine(day, time(), tzinfo=UTC) if day else _EPOCH


def _feature(each: Told, link: str) -> geojson.Feature:
    entry = each.entry
    properties = {
        "kind": entry.kind,
        "subject": wording.clean(entry.subject),
        "title": entry.title,
        "happened": entry.happened,
        "on": entry.on.isoformat(),
        "link": link,
    }
    return geojson.feature(each.uid, each.geometry, properties)
