"""Feeds of what changed: Atom and GeoJSON for all, and Atom for each watched site."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from itertools import groupby
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from sinkwatch import events, wording
from sinkwatch.publish import frame, geojson, locations, nearby
from sinkwatch.publish.frame import Sheet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from shapely.geometry.base import BaseGeometry

    from sinkwatch.model import Entry
    from sinkwatch.publish.publication import Publication
    from sinkwatch.publish.things import Thing

ALL_ATOM: Final = f"{locations.FEEDS}/all.atom"
ALL_GEOJSON: Final = f"{locations.FEEDS}/all.geojson"

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
    """

    uid: str
    entry: Entry
    folder: str
    geometry: BaseGeometry | None


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
    area = publication.findings.area.name
    made = {
        ALL_ATOM: _atom(publication, ALL_ATOM, f"{area} Sinkwatch: every change", every),
        ALL_GEOJSON: geojson.dump(_feature(publication, each) for each in every[:_NEWEST]),
    }
    listed = []
    for site, thing in zip(publication.findings.sites, publication.things.sites, strict=True):
        place = site.place
        path = f"{locations.FEEDS}/{locations.of_site(place.place_id)}.atom"
        shape = place.geometry if place.geometry is not None else thing.geometry
        near = [each for each in every if _concerns(each, place.place_id, shape)]
        made[path] = _atom(publication, path, f"{area} Sinkwatch: near {thing.name}", near)
        listed.append((thing.name, path))
    sheet = Sheet(
        folder=locations.FEEDS,
        template="feeds.html",
        title="Feeds",
        description=f"Follow what changes around {area} in a feed reader.",
    )
    said = {"sites": sorted(listed), "near_m": f"{nearby.WITHIN_M:g}", "newest": _NEWEST}
    return {**made, **frame.render(publication, sheet, **said)}


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
    return tuple(_told(area, each, shown) for each in _combined(publication.history.entries))


def _combined(entries: Iterable[Entry]) -> list[Entry]:
    combined = []
    for (_, kind), group in groupby(entries, key=lambda each: (each.at, each.kind)):
        found = list(group)
        combined += [_of_postcodes(found)] if kind == events.POSTCODE else found
    return combined


def _of_postcodes(entries: list[Entry]) -> Entry:
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


def _link(publication: Publication, path: str, folder: str) -> str:
    """Return the link from a feed to a page; relative while the site has no address."""
    climb = "../" * path.count("/")
    return publication.address(folder) or f"{climb}{locations.page_in(folder)}"


def _atom(publication: Publication, path: str, title: str, changes: Iterable[Told]) -> bytes:
    newest = list(changes)[:_NEWEST]
    area = publication.findings.area.name
    root = ET.Element("feed", {"xmlns": "http://www.w3.org/2005/Atom", "xml:lang": "en-GB"})
    _add(root, "id", _urn(area, "feed", path))
    _add(root, "title", title)
    _add(root, "subtitle", wording.DISCLAIMER)
    _add(root, "updated", _moment(newest[0].entry.at if newest else _fixed(publication)))
    _add(ET.SubElement(root, "author"), "name", f"{area} Sinkwatch")
    link = _link(publication, path, locations.CHANGES)
    ET.SubElement(root, "link", {"rel": "alternate", "type": "text/html", "href": link})
    if site := publication.imprint.public_url:
        kind = "application/atom+xml"
        ET.SubElement(root, "link", {"rel": "self", "type": kind, "href": f"{site}/{path}"})
    for each in newest:
        _add_entry(root, each, _link(publication, path, each.folder or locations.CHANGES))
    ET.indent(root, "")
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()


def _add_entry(root: ET.Element, each: Told, link: str) -> None:
    entry = ET.SubElement(root, "entry")
    _add(entry, "id", each.uid)
    _add(entry, "title", each.entry.title)
    _add(entry, "updated", _moment(each.entry.at))
    ET.SubElement(entry, "link", {"rel": "alternate", "type": "text/html", "href": link})
    _add(entry, "content", each.entry.happened)


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = _FORBIDDEN.sub("", text)


def _fixed(publication: Publication) -> datetime:
    # The first day stays the same, so that a feed without entries does too.
    day = publication.history.began_on or publication.checked_on
    return datetime.combine(day, time(), tzinfo=UTC) if day else _EPOCH


def _feature(publication: Publication, each: Told) -> geojson.Feature:
    entry = each.entry
    properties = {
        "kind": entry.kind,
        "subject": wording.clean(entry.subject),
        "title": entry.title,
        "happened": entry.happened,
        "on": entry.on.isoformat(),
        "link": _link(publication, ALL_GEOJSON, each.folder or locations.CHANGES),
    }
    return geojson.feature(each.uid, each.geometry, properties)
