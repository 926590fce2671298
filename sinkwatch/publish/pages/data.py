"""The page of downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinkwatch import public
from sinkwatch.publish import downloads, frame, locations
from sinkwatch.publish.frame import Sheet

if TYPE_CHECKING:
    from sinkwatch.publish.publication import Publication


def pages(publication: Publication) -> dict[str, bytes]:
    """
    Make the page that lists the files.

    Parameters
    ----------
    publication
        The edition.

    Returns
    -------
    pages
        By path inside the site.
    """
    sheet = Sheet(
        folder=locations.DATA,
        template="data.html",
        title="Downloads",
        description=f"The facts published about {publication.findings.area.name}, as files.",
    )
    files = downloads.gather(publication.findings)
    said = {"downloads": files, "rounded_to_m": public.ROUNDED_TO_M}
    return frame.render(publication, sheet, **said)
