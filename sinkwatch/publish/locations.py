"""Where inside the site the files of one place lie."""

from __future__ import annotations

from typing import Final

from sinkwatch import dossier

SITES: Final = "sites"
APPLICATIONS: Final = "applications"


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
