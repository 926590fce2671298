"""The whole site from one run's findings: pages, map, assets and downloads, as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinkwatch.publish import assets, downloads, page, things, webmap
from sinkwatch.publish.page import Frame
from sinkwatch.publish.release import Ready, Written, write

if TYPE_CHECKING:
    from sinkwatch.model import Findings
    from sinkwatch.publish.things import Offers

__all__ = ["Ready", "Written", "build", "write"]


def build(
    findings: Findings,
    *,
    version: str,
    contact: str = "",
    signup_url: str = "",
    offers: Offers | None = None,
) -> dict[str, bytes]:
    """
    Build the site; the same findings give the same bytes.

    Parameters
    ----------
    findings
        Of one run.
    version
        Of sinkwatch.
    contact
        Where corrections go; empty if the installation names none.
    signup_url
        Where a reader subscribes to e-mails; empty if nobody can.
    offers
        Evidence packs that lie in the site; None if the installation makes none.

    Returns
    -------
    pages
        Path inside the site to bytes, by path.
    """
    gathered = things.gather(findings, offers)
    frame = Frame(
        findings=findings,
        things=gathered,
        version=version,
        contact=contact,
        signup_url=signup_url,
    )
    sketch = webmap.Sketch.of(findings, gathered)
    online = webmap.draw(sketch, tiles=webmap.OPENSTREETMAP)
    offline = webmap.draw(sketch, tiles=None)
    files = downloads.gather(findings)
    pages = {
        "index.html": page.linked(frame, online, files),
        "offline.html": page.single(frame, offline),
        "data/LICENCES.txt": downloads.licences(findings),
        assets.LEAFLET_LICENCE: assets.leaflet_licence(),
        **{asset.path: asset.text.encode() for asset in page.styles()},
        **{asset.path: asset.text.encode() for asset in page.scripts(online)},
        **{download.path: download.content for download in files},
    }
    return dict(sorted(pages.items()))
