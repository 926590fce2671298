"""The home page: the map of the area, and every fact on it as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinkwatch.publish import assets, frame, overlay, page, webmap
from sinkwatch.publish.frame import Sheet

if TYPE_CHECKING:
    from sinkwatch.publish.publication import Publication
    from sinkwatch.publish.webmap import Sketch


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
    drawing = webmap.draw(sketch, tiles=webmap.OPENSTREETMAP)
    scripts = page.scripts(drawing)
    sheet = Sheet(
        folder="",
        template="home.html",
        title=page.heading(publication),
        description=page.description(publication),
        scripts=scripts,
        styles=(assets.leaflet_styles(),),
        policy=_policy(publication),
    )
    said = {**page.tables(publication), "drawing": drawing, "is_linked": True}
    return {
        **frame.render(publication, sheet, **said),
        **{each.path: each.text.encode() for each in (*scripts, *sheet.styles)},
        assets.LEAFLET_LICENCE: assets.leaflet_licence(),
    }


def _policy(publication: Publication) -> dict[str, tuple[str, ...]]:
    origins = overlay.origins(publication.findings.area.overlays)
    return {"img-src": ("'self'", "data:", webmap.OPENSTREETMAP.origin, *origins)}
