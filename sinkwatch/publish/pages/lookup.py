"""The look-up: what is known at a postcode, in a street or in a square, found in the browser."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sinkwatch.publish import assets, frame, locations, nearby, shards
from sinkwatch.publish.frame import Sheet

if TYPE_CHECKING:
    from sinkwatch.publish.publication import Publication


def pages(publication: Publication) -> dict[str, bytes]:
    """
    Make the page, and the files that it answers from.

    Parameters
    ----------
    publication
        The edition.

    Returns
    -------
    pages
        By path inside the site.
    """
    script = assets.own("lookup.js", stem="lookup")
    files = shards.by_outcode(publication)
    sheet = Sheet(
        folder=locations.LOOK_UP,
        template="lookup.html",
        title="Look up a postcode, a street or a grid reference",
        description=(
            f"What the public records we hold say about a place around "
            f"{publication.findings.area.name}, found in your own browser."
        ),
        # Its words are the same in every edition; what changes is in the files that it reads.
        changed_on=publication.history.began_on,
        scripts=(script,),
    )
    outcodes = [PurePosixPath(path).stem for path in files]
    are_many = len(outcodes) > shards.FEW
    return {
        **frame.render(
            publication, sheet, outcodes=outcodes, are_many=are_many, near_m=f"{nearby.WITHIN_M:g}"
        ),
        script.path: script.text.encode(),
        **({shards.EXTENTS: shards.extents(publication)} if are_many else {}),
        shards.STREETS: shards.streets(publication.findings),
        **files,
    }
