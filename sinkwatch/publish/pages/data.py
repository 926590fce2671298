"""The page of downloads, and the files that it offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sinkwatch import public
from sinkwatch.publish import dataset, downloads, frame, locations, terms
from sinkwatch.publish.frame import Sheet

if TYPE_CHECKING:
    from sinkwatch.publish.publication import Publication

_FORMATS: Final = (
    ("CSV", "a plain table. Any spreadsheet opens it: begin here if you want to sort and count."),
    ("GeoJSON", "shapes and facts for web maps. Positions are longitude and latitude."),
    (
        "GeoPackage",
        "every layer in one file, for mapping programs such as QGIS. Positions are in metres.",
    ),
)
"""What a reporter is told of each format."""


def pages(publication: Publication) -> dict[str, bytes]:
    """
    Make the files and the page that lists them.

    Parameters
    ----------
    publication
        The edition.

    Returns
    -------
    pages
        By path inside the site.

    Raises
    ------
    StoreError
        If the folder for temporary files cannot be written to.
    """
    files = downloads.gather(publication.findings)
    sheet = Sheet(
        folder=locations.DATA,
        template="data.html",
        title="Downloads",
        description=f"The facts published about {publication.findings.area.name}, as files.",
        structured=(dataset.described(publication, locations.DATA, files),),
    )
    said = {
        "downloads": files,
        "formats": _FORMATS,
        "caveats": terms.narrow(publication.findings, (file.name for file in files)),
        "rounded_to_m": public.ROUNDED_TO_M,
    }
    return {
        **{file.path: file.content for file in files},
        **frame.render(publication, sheet, **said),
    }
