"""The page of downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sinkwatch.publish.publication import Publication


def pages(publication: Publication) -> dict[str, bytes]:
    """
    Make them.

    Parameters
    ----------
    publication
        The edition.

    Returns
    -------
    pages
        By path inside the site.
    """
    del publication
    return {}
