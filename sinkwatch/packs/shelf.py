"""Packs of the published site that lie ready on disk, each whole or not at all."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sinkwatch.errors import DataError
from sinkwatch.packs import folders, manifest
from sinkwatch.publish import release

if TYPE_CHECKING:
    from datetime import date

    from sinkwatch.publish.release import Ready
    from sinkwatch.services import Services

_NAME_LENGTH: Final = 16
"""Hexadecimal digits of each half of a folder's name: of the fingerprint of the pack, and of the
SHA-256 of its manifest, so that what the manifest says can be believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """
    A pack that lies ready.

    Attributes
    ----------
    folder
        Its name on the shelf.
    made_on
        The day on which it was made, in London.
    files
        By name, its manifest among them.
    """

    folder: str
    made_on: date
    files: Mapping[str, Ready]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """
    The folder in which they lie; one process at a time tidies it, any number add to it.

    Attributes
    ----------
    folder
        May not be there yet.
    """

    folder: Path

    @classmethod
    def of(cls, services: Services) -> Shelf:
        """
        Return that of an installation.

        Parameters
        ----------
        services
            With the folder of maps.

        Returns
        -------
        shelf
            Its folder may not be there yet.
        """
        return cls(folder=services.settings.maps_folder / "packs")

    def find(self, fingerprint: str) -> Kept | None:
        """
        Look for a pack; every byte of it is looked at, none is held.

        Parameters
        ----------
        fingerprint
            Of the pack.

        Returns
        -------
        kept
            None if there is none, or it is damaged.
        """
        for folder in self._with(fingerprint):
            kept = _whole(folder)
            if kept is not None:
                return kept
        return None

    def put(self, fingerprint: str, content: bytes, outputs: Mapping[str, bytes]) -> None:
        """
        Add a pack, in place of any of the same fingerprint.

        Parameters
        ----------
        fingerprint
            Of the pack.
        content
            Its manifest.
        outputs
            The files that it lists.

        Raises
        ------
        StoreError
            If it cannot be written; nothing is half done then.
        """
        name = f"{fingerprint[:_NAME_LENGTH]}-{_sha256(content)[:_NAME_LENGTH]}"
        for damaged in self._with(fingerprint):
            shutil.rmtree(damaged, ignore_errors=True)
        folders.write({**outputs, manifest.FILE: content}, self.folder / name)

    def prune(self, wanted: Collection[str]) -> int:
        """
        Remove the packs that are of no more use.

        Parameters
        ----------
        wanted
            Names of folders in use.

        Returns
        -------
        n_removed
            Packs; one of which a release still has the files stays, so that going back to that
            release finds it.
        """
        old = [
            each
            for each in self.folder.glob(f"{'?' * _NAME_LENGTH}-{'?' * _NAME_LENGTH}")
            if each.name not in wanted and not _is_linked(each)
        ]
        for each in old:
            shutil.rmtree(each, ignore_errors=True)
        return len(old)

    def _with(self, fingerprint: str) -> Iterable[Path]:
        return sorted(self.folder.glob(f"{fingerprint[:_NAME_LENGTH]}-*"))


def _whole(folder: Path) -> Kept | None:
    try:
        content = (folder / manifest.FILE).read_bytes()
        said = manifest.read(content, folder.name)
        sums = {each.file: each.sha256 for each in said.outputs} | {manifest.FILE: _sha256(content)}
        found = {name: release.sha256_of(folder / name) for name in sums}
    except (OSError, DataError):
        return None
    if found != sums or not folder.name.endswith(sums[manifest.FILE][:_NAME_LENGTH]):
        return None
    files = {
        name: release.Ready(path=folder / name, sha256=sha256) for name, sha256 in sums.items()
    }
    return Kept(folder=folder.name, made_on=said.made_on, files=files)


def _is_linked(folder: Path) -> bool:
    """Tell whether a release has this pack's files too: they have a second name there."""
    try:
        return (folder / manifest.FILE).stat().st_nlink > 1
    except OSError:
        return False


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
