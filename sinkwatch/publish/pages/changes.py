"""What each run has changed of what is published."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from sinkwatch.publish import feeds, frame, locations
from sinkwatch.publish.frame import Sheet

if TYPE_CHECKING:
    from sinkwatch.publish.publication import Publication


MOST_CHANGES: Final = 2_000
"""Changes on the page, the newest; each has its own page or file besides. The first edition of a
country, of 48,000 records, would make it 5 MB."""


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
    shown = groupby(told[:MOST_CHANGES], key=lambda each: each.entry.on)
    said = {
        "days": [(day, list(each)) for day, each in shown],
        "n_left_out": max(0, len(told) - MOST_CHANGES),
        "began_on": publication.history.began_on,
    }
    return frame.render(publication, sheet, **said)
