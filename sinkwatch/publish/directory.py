"""What leads programs through the site: site map, robots, plain index, page not found."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sinkwatch.publish.publication import Publication


def pages(publication: Publication, pages: Mapping[str, bytes]) -> dict[str, bytes]:
    """
    Make them.

    Parameters
    ----------
    publication
        The edition.
    pages
        All that it has besides, by path.

    Returns
    -------
    pages
        By path inside the site.
    """
    del publication, pages
    return {}
