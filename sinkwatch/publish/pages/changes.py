"""What each run has changed of what is published."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from sinkwatch.publish import feeds, frame, locations
from sinkwatch.publish.frame import Sheet

if TYPE_CHECKING:
    from sinkwatch.publish.publication import Publication


def pages(publication: Publication) -> dict[str, bytes]:
    """
    Make the page of changes.

    Parameters
    ----------
    publication
        The edition.

    Returns
    -------
    pages
        By path inside the site.
    """
    area = publication.findings.area.name
    sheet = Sheet(
        folder=locations.CHANGES,
        template="changes.html",
        title="What changed",
        description=f"Every change of what is published about {area}, the newest first.",
    )
    told = feeds.told(publication)
    days = [(day, list(each)) for day, each in groupby(told, key=lambda each: each.entry.on)]
    return frame.render(publication, sheet, days=days, began_on=publication.history.began_on)
