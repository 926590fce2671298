"""The home page: the map of the area, and every fact on it as a table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sinkwatch.publish import (
    assets,
    dataset,
    frame,
    locations,
    page,
    pictures,
    tiles,
    webmap,
)
from sinkwatch.publish.frame import Sheet

if TYPE_CHECKING:
    from sinkwatch.publish.publication import Publication
    from sinkwatch.publish.things import Things
    from sinkwatch.publish.webmap import Sketch

MOST_APPLICATIONS: Final = 100
"""Applications in the page's own table, the highest bands first; their list has them all. With
2,000 the page would weigh 6 MB."""


def pages(publication: Publication, sketch: Sketch) -> dict[str, bytes]:
    """
    Make the page with the map, and what it links.

    Parameters
    ----------
    publication
        The edition.
    sketch
        What its map shows.

    Returns
    -------
    pages
        By path inside the site.
    """
    drawing = webmap.draw(sketch, tiles=webmap.OPENSTREETMAP, root="")
    scripts = (*page.scripts(drawing), page.sorting())
    sheet = Sheet(
        folder="",
        template="home.html",
        title=page.heading(publication),
        description=page.description(publication),
        scripts=scripts,
        styles=(assets.leaflet_styles(),),
        policy=webmap.policy(publication.findings),
        structured=(dataset.described(publication, locations.HOME),),
    )
    listed, n_left_out = _listed(publication.things)
    said = {
        **page.tables(publication),
        "drawing": drawing,
        "is_linked": True,
        "map_picture": pictures.shown(publication) if publication.imprint.pictures else None,
        "listed": listed,
        "n_left_out": n_left_out,
    }
    return {
        **frame.render(publication, sheet, **said),
        **tiles.pages(tiles.archives(publication.findings, sketch.layers)),
        **{each.path: each.text.encode() for each in (*scripts, *sheet.styles)},
        assets.LEAFLET_LICENCE: assets.leaflet_licence(),
        assets.SUPERCLUSTER_LICENCE: assets.supercluster_licence(),
    }


def _listed(things: Things) -> tuple[Things, int]:
    """Return what the page lists, the highest bands, and how many applications it leaves out."""
    kept = things.applications[:MOST_APPLICATIONS]
    return replace(things, applications=kept), len(things.applications) - len(kept)
