"""The whole site from one run's findings: pages, map, assets, feeds and downloads, as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sinkwatch.model import History
from sinkwatch.publish import (
    cards,
    directory,
    embed,
    feeds,
    frame,
    locations,
    page,
    pictures,
    things,
    webmap,
)
from sinkwatch.publish.pages import (
    changes,
    data,
    home,
    lookup,
    notices,
    reading,
    standing,
    subjects,
    timeline,
)
from sinkwatch.publish.publication import Imprint, Publication
from sinkwatch.publish.release import Ready, Written, write

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import date

    from sinkwatch.model import Findings
    from sinkwatch.publish.things import Offers

__all__ = ["Imprint", "Ready", "Written", "build", "write"]

_MAKERS: Final[tuple[Callable[[Publication], dict[str, bytes]], ...]] = (
    lookup.pages,
    subjects.pages,
    timeline.pages,
    changes.pages,
    reading.pages,
    standing.pages,
    notices.pages,
    data.pages,
    feeds.pages,
)


def build(
    findings: Findings,
    imprint: Imprint,
    *,
    offers: Offers | None = None,
    history: History | None = None,
    copies: Collection[date] = (),
) -> dict[str, bytes]:
    """
    Build the site; the same findings give the same bytes.

    Parameters
    ----------
    findings
        Of one run.
    imprint
        Who publishes, and where.
    offers
        Evidence packs that lie in the site; None if the installation makes none.
    history
        What was published before; None if nothing was.
    copies
        Days of which a dated copy of the map is kept.

    Returns
    -------
    pages
        Path inside the site to bytes, by path.
    """
    publication = Publication(
        findings=findings,
        things=things.gather(findings, offers),
        imprint=imprint,
        history=history or History(),
    )
    sketch = webmap.Sketch.of(findings, publication.things)
    pages = {
        **home.pages(publication, sketch),
        locations.ONE_FILE: page.single(publication, webmap.draw(sketch, tiles=None)),
        **{each.path: each.text.encode() for each in frame.shared()},
    }
    for make in _MAKERS:
        pages |= make(publication)
    if imprint.pictures:
        drawn = pictures.pages(publication)
        pages |= drawn | cards.pages(publication)
        pages |= embed.pages(publication, sketch, drawn, copies)
    pages |= directory.pages(publication, pages)
    return dict(sorted(pages.items()))
