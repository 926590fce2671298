"""Where inside the site everything lies; each folder of a page holds its ``index.html``."""

from __future__ import annotations

import re
from typing import Final

from sinkwatch import dossier

INDEX: Final = "index.html"
ONE_FILE: Final = "offline.html"
NOT_FOUND: Final = "404.html"

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
