"""Privacy and accessibility: what the site does with its readers, and for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinkwatch.publish import frame, locations
from sinkwatch.publish.frame import Sheet

if TYPE_CHECKING:
    from sinkwatch.publish.publication import Publication


def pages(publication: Publication) -> dict[str, bytes]:
    """
    Make the two notices.

    Parameters
    ----------
    publication
        The edition.

    Returns
    -------
    pages
        By path inside the site.
    """
    privacy = Sheet(
        folder=locations.PRIVACY,
        template="privacy.html",
        title="Privacy",
        description="What this site learns of the people who read it: next to nothing.",
    )
    accessibility = Sheet(
        folder=locations.ACCESSIBILITY,
        template="accessibility.html",
        title="Accessibility",
        description="What was done so that everybody can read this site, and what is missing.",
    )
    return {
        **frame.render(publication, privacy),
        **frame.render(publication, accessibility),
    }
