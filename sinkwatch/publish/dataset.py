"""The data as schema.org describes a data set, for search engines of data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from sinkwatch import geo, public, wording
from sinkwatch.publish import downloads, locations, sources, terms

if TYPE_CHECKING:
    from sinkwatch.publish.downloads import Download
    from sinkwatch.publish.publication import Publication

_DEGREES: Final = 5
"""Decimals of a corner of the area: about a metre."""

_YEAR: Final = re.compile(r"\d{2,3}[\dX]X?")
_KEYWORDS: Final = (
    "ground collapse",
    "sinkholes",
    "subsidence",
    "dissolution",
    "planning applications",
    "susceptibility",
)


def described(
    publication: Publication, folder: str, files: Sequence[Download] | None = None
) -> dict[str, object]:
    """
    Describe all that is offered as one data set.

    Parameters
    ----------
    publication
        The edition.
    folder
        Of the page that describes it, at most one below the top of the site.
    files
        The files, to give the size and checksum of each; None to name them only.

    Returns
    -------
    dataset
        A JSON-LD object of schema.org's ``Dataset``; its links are absolute where the site has
        an address, and otherwise relative to the page.
    """
    area = publication.findings.area
    name = f"{area.name} Sinkwatch: recorded ground collapse and the {area.ground}"
    maker: dict[str, object] = {"@type": "Organization", "name": f"{area.name} Sinkwatch"}
    said: dict[str, object] = {
        "@context": "https://schema.org",
        "@type": "Dataset",
        "name": name,
        "description": f"Records of ground collapse around {area.name} with their sources and "
        "doubts, indicative zones, watched sites, planning applications and past decisions. "
        f"{wording.disclaimer(area.rock)}",
        "inLanguage": "en-GB",
        "isAccessibleForFree": True,
        "keywords": [*_KEYWORDS, area.name],
        "license": _licences(publication),
        "creator": maker,
        "spatialCoverage": _coverage(publication),
        "isBasedOn": _sources(publication),
        "distribution": _distribution(publication, folder, files),
    }
    if address := publication.address(locations.DATA):
        maker["url"] = publication.address(locations.HOME)
        said |= {"@id": f"{address}#dataset", "url": address}
    if first := _first_year(publication):
        said["temporalCoverage"] = f"{first}/.."
    if publication.changed_on:
        said["dateModified"] = publication.changed_on.isoformat()
    if publication.history.began_on:
        said["datePublished"] = publication.history.began_on.isoformat()
    return said


def _licences(publication: Publication) -> list[dict[str, object]]:
    held = {source.licence for source in sources.gather(publication.findings) if source.retrieved}
    return [_licence(name) for name in sorted(filter(None, held))]


def _licence(name: str) -> dict[str, object]:
    url = terms.LICENCE_URLS.get(name)
    return {"@type": "CreativeWork", "name": name, **({"url": url} if url else {})}


def _coverage(publication: Publication) -> dict[str, object]:
    area = publication.findings.area
    west, south, east, north = geo.degrees_round(area.bounds)
    box = " ".join(f"{degrees:.{_DEGREES}f}" for degrees in (south, west, north, east))
    return {
        "@type": "Place",
        "name": area.name,
        "geo": {"@type": "GeoShape", "box": box},
    }


def _sources(publication: Publication) -> list[dict[str, object]]:
    return [
        {
            "@type": "CreativeWork",
            "name": source.title,
            **({"url": source.url} if source.url else {}),
            **({"license": _licence(source.licence)} if source.licence else {}),
            **({"creditText": source.credit} if source.credit else {}),
        }
        for source in sources.gather(publication.findings)
        if source.retrieved
    ]


def _distribution(
    publication: Publication, folder: str, files: Sequence[Download] | None
) -> list[dict[str, object]]:
    known = {file.name: file for file in files or ()}
    base = publication.imprint.public_url or (".." if folder else ".")
    return [
        {
            "@type": "DataDownload",
            "name": name,
            "encodingFormat": downloads.media_type_of(name),
            "contentUrl": f"{base}/{downloads.path_of(name)}",
            **(_of_bytes(known[name]) if name in known else {}),
        }
        for name in downloads.offered(publication.findings)
    ]


def _of_bytes(file: Download) -> dict[str, object]:
    return {
        "description": file.title,
        "contentSize": f"{len(file.content)} B",
        "sha256": file.sha256,
    }


def _first_year(publication: Publication) -> str:
    """Return the year of the oldest record; the first of a decade or century that is not known."""
    dates = (public.text(row, "observed") for row in public.rows(publication.findings.sinkholes))
    years = [found[0].replace("X", "0") for text in dates if (found := _YEAR.match(text))]
    return min((year for year in years if len(year) == len("1850")), default="")
