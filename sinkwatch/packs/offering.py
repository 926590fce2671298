"""How the packs at hand appear in the site: what its page offers, and where their files lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from sinkwatch.packs.shelf import Kept
from sinkwatch.publish.things import Offer

if TYPE_CHECKING:
    from sinkwatch.publish.release import Ready

PDF: Final = "evidence.pdf"
PICTURES: Final = ("map.png", "map-1.png")
"""What the picture of the first sheet is called: alone, or one of several."""

_OTHERS: Final = {
    "map.pdf": "map alone (PDF)",
    "offline.html": "interactive map",
    "evidence.csv": "CSV",
    "evidence.geojson": "GeoJSON",
    "evidence.gpkg": "GeoPackage",
    "manifest.json": "manifest",
}
"""What a reader may want besides, and what that is called."""

Packs: TypeAlias = Mapping[str, Kept | None]
"""By the folder in the site of each flagged place that can have one; None where none is at hand."""


def offers(packs: Packs) -> dict[str, Offer | None]:
    """
    Return what the page offers.

    Parameters
    ----------
    packs
        What is at hand.

    Returns
    -------
    offers
        By folder.
    """
    return {folder: _offer(folder, kept) if kept else None for folder, kept in packs.items()}


def _offer(folder: str, kept: Kept) -> Offer:
    picture = next((name for name in PICTURES if name in kept.files), PDF)
    return Offer(
        pdf=f"{folder}/{PDF}",
        picture=f"{folder}/{picture}",
        made_on=kept.made_on,
        others=tuple(
            (title, f"{folder}/{name}") for name, title in _OTHERS.items() if name in kept.files
        ),
    )


def files(packs: Packs) -> dict[str, Ready]:
    """
    Return the files of the packs, as the site has them.

    Parameters
    ----------
    packs
        What is at hand.

    Returns
    -------
    files
        By path inside the site.
    """
    return {
        f"{folder}/{name}": ready
        for folder, kept in packs.items()
        if kept is not None
        for name, ready in kept.files.items()
    }
