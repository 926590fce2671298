"""What an edition of the site was made of, noted so that it can be made again byte for byte."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from sinkwatch.packs import inputs, manifest, recipe
from sinkwatch.packs.basis import Basis
from sinkwatch.packs.inputs import Cellar
from sinkwatch.publish import release
from sinkwatch.store import publications

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinkwatch.model import Findings
    from sinkwatch.packs.edition import Published
    from sinkwatch.packs.inputs import InputFile
    from sinkwatch.packs.offering import Packs
    from sinkwatch.packs.shelf import Kept
    from sinkwatch.services import Services
    from sinkwatch.store import Store

MANIFEST: Final = "manifest"
"""What the manifest of a pack is called among the copies that are kept."""

FOLDER: Final = "folder"
SHA256: Final = "sha256"
"""Entries of what is noted of a pack: its folder on the shelf, and the SHA-256 of its manifest."""


def note(services: Services, store: Store, findings: Findings, published: Published) -> None:
    """
    Note what was published, and keep the manifests of its packs.

    The area is noted with it as it was set up, and each source as it stood: neither an edit of
    the area file nor another answer of a source can stand in the way of making it again.

    Parameters
    ----------
    services
        With clock and folders.
    store
        Open.
    findings
        What the site shows.
    published
        What became of it.

    Raises
    ------
    StoreError
        If it cannot be noted; what was published stays so.
    """
    packs = published.offered
    kept = list(_manifests(packs or {}))
    if kept:
        Cellar.of(services).keep(kept)
    # As it stands, not to the day as packs have it: the site says when each source was asked.
    basis = Basis(area=findings.area, states=findings.sources)
    edition = publications.Edition(
        release=release.sha256_of(published.written.path / release.MANIFEST),
        built_at=published.at,
        program=program(),
        imprint=asdict(published.imprint),
        basis=basis.content().decode(),
        copies={
            state.spec.name: state.snapshot.sha256
            for state in findings.sources
            if state.snapshot is not None
        },
        packs=None if packs is None else {folder: _noted(one) for folder, one in packs.items()},
    )
    with store.begin() as connection:
        publications.note(connection, edition, published.at)


def program() -> dict[str, str]:
    """
    Return what makes sites here.

    Returns
    -------
    program
        Versions by name: of sinkwatch, of Python, and of the libraries that decide bytes.
    """
    here = recipe.program()
    return {"sinkwatch": here.version, "python": here.python, **here.tools}


def _manifests(packs: Packs) -> Iterator[InputFile]:
    """Give the manifest of each pack: with it and the copies that it names it can be made again."""
    for kept in packs.values():
        if kept is not None:
            yield inputs.described(MANIFEST, kept.files[manifest.FILE].path)


def _noted(kept: Kept | None) -> dict[str, str] | None:
    if kept is None:
        return None
    return {FOLDER: kept.folder, SHA256: kept.files[manifest.FILE].sha256}
