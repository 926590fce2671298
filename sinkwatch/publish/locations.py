"""Where inside the site everything lies; each folder of a page holds its ``index.html``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sinkwatch import dossier

if TYPE_CHECKING:
    from datetime import date

INDEX: Final = "index.html"
ONE_FILE: Final = "offline.html"
NOT_FOUND: Final = "404.html"
HEADERS: Final = "_headers"

HOME: Final = ""
LOOK_UP: Final = "check"
RECORDS: Final = "records"
SITES: Final = "sites"
APPLICATIONS: Final = "applications"
TIMELINE: Final = "timeline"
CHANGES: Final = "changes"
METHOD: Final = "method"
READING: Final = "reading"
STATUS: Final = "status"
CORRECTIONS: Final = "corrections"
PRIVACY: Final = "privacy"
ACCESSIBILITY: Final = "accessibility"
DATA: Final = "data"
FEEDS: Final = "feeds"
EMBED: Final = "embed"
EMBEDDED_MAP: Final = "embed/map"
AS_AT: Final = "embed/as-at"
OEMBED: Final = "embed/oembed"

AREA_CARD: Final = "pictures/cards/area.png"
AREA_PICTURE: Final = "pictures/map.png"
AREA_DRAWING: Final = "pictures/map.svg"

_PLAIN: Final = re.compile(r"[A-Za-z0-9-]{1,64}")


def page_in(folder: str) -> str:
    """
    Return the path of the page in a folder.

    Parameters
    ----------
    folder
        Such as "records/rs009"; empty for the site itself.

    Returns
    -------
    path
        Such as "records/rs009/index.html".
    """
    return f"{folder}/{INDEX}" if folder else INDEX


def of_record(sinkhole_id: str) -> str:
    """
    Return the folder of a record.

    Parameters
    ----------
    sinkhole_id
        Its id.

    Returns
    -------
    folder
        Such as "records/RS009": the id itself where it is plain.
    """
    name = sinkhole_id if _PLAIN.fullmatch(sinkhole_id) else dossier.slug_of(sinkhole_id)
    return f"{RECORDS}/{name}"


def of_site(place_id: str) -> str:
    """
    Return the folder of a watched site.

    Parameters
    ----------
    place_id
        Its id.

    Returns
    -------
    folder
        Such as "sites/auction-mart".
    """
    return f"{SITES}/{dossier.slug_of(place_id)}"


def of_application(key: str) -> str:
    """
    Return the folder of a planning application.

    Parameters
    ----------
    key
        Authority and reference.

    Returns
    -------
    folder
        Such as "applications/north-yorkshire-zc26-01234-ful-4e454027".
    """
    return f"{APPLICATIONS}/{dossier.slug_of(key)}"


def embedded(folder: str) -> str:
    """
    Return the folder of the card of a page, which other sites may frame.

    Parameters
    ----------
    folder
        Of a record or a watched site.

    Returns
    -------
    folder
        Such as "embed/records/RS001".
    """
    return f"{EMBED}/{folder}"


def as_at(day: date) -> str:
    """
    Return the folder of the map as it was on a day.

    Parameters
    ----------
    day
        On which it came to say what it says.

    Returns
    -------
    folder
        Such as "embed/as-at/2026-11-20".
    """
    return f"{AS_AT}/{day.isoformat()}"


def oembed_of(folder: str) -> str:
    """
    Return where programs read how to embed what a page shows.

    Parameters
    ----------
    folder
        Of a page of the site.

    Returns
    -------
    path
        Of a file inside the site; empty for a page with nothing to embed.
    """
    if folder == HOME:
        return f"{OEMBED}/map.json"
    return f"{OEMBED}/{folder}.json" if folder.startswith((f"{RECORDS}/", f"{SITES}/")) else ""
