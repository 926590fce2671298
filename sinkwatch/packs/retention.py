"""How long copies are kept of what packs were made of: planning lists among them name people."""

from __future__ import annotations

import errno
import logging
import os
import re
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from sinkwatch.errors import DataError, StoreError
from sinkwatch.packs import folders, inputs, manifest
from sinkwatch.packs.inputs import Cellar
from sinkwatch.packs.shelf import Shelf
from sinkwatch.sources import snapshots

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sinkwatch.packs.manifest import Manifest
    from sinkwatch.services import Services

LOG = logging.getLogger(__name__)

NOTED_FOR_YEARS: Final = 3
"""Years for which what a pack was made of is kept if somebody asked for it by the command: planning
appeals and inquiries run on for two years and more (decision of sinkwatch)."""

_NOTED_FOR: Final = timedelta(days=366 * NOTED_FOR_YEARS)

LET_BE_FOR: Final = snapshots.KEPT_FOR
"""How long any copy is kept after it was last used or last named by a pack of the site: as long as
those of the sources themselves."""

KEPT: Final = (
    f"copies are kept where a pack was made: for {NOTED_FOR_YEARS} years if the command evidence "
    f"made it, otherwise until {LET_BE_FOR.days} days after the site last had it"
)
"""The rule in words, for whoever looks for a copy that is gone."""

_COPY: Final = re.compile(r"([0-9a-f]{64})(?:\.[a-z0-9]{1,12})?|\.[0-9a-f]{16}")
"""Names that a cellar gives, those of copies half written included; nothing else is ours."""

_PASSING: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE}
)
"""How a file that is there says that it cannot be read at present."""


def note(services: Services, map_id: str, content: bytes) -> None:
    """
    Note that somebody asked for a pack, so that what it was made of is kept for years.

    Parameters
    ----------
    services
        With the state folder.
    map_id
        Of the pack.
    content
        Its manifest.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    path = _notes(services) / f"{map_id}.json"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with inputs.written(path) as file:
            file.write(content)
    except OSError as error:
        raise StoreError(
            str(path.parent),
            f"no note of the pack can be kept there ({error.strerror})",
            "Free some space, or check the rights of state_folder; no pack was made",
        ) from error


def tidy(services: Services, now: datetime) -> int:
    """
    Remove the copies that no pack rests on any more, and the notes of packs of years ago.

    Where it cannot be told what is in use, nothing is removed.

    Parameters
    ----------
    services
        With the folders of state and maps.
    now
        The present time, UTC.

    Returns
    -------
    n_removed
        Copies.
    """
    cellar = Cellar.of(services)
    try:
        with folders.alone_in(cellar.folder):
            n_removed = _tidied(services, cellar, now)
    except FileNotFoundError:
        return 0  # nothing was ever kept
    except OSError as error:
        LOG.warning("evidence: all copies are kept, since not all is readable (%s)", error)
        return 0
    if n_removed:
        LOG.info("evidence: copies removed on which no pack rests any more: %d", n_removed)
    return n_removed


def _tidied(services: Services, cellar: Cellar, now: datetime) -> int:
    published = _used_by(_published(services))
    noted = _used_by(_noted(_notes(services), now))
    n_removed = 0
    for path in sorted(cellar.folder.iterdir()):
        named = _COPY.fullmatch(path.name)
        if named is None:
            continue
        if named[1] in published:
            _used(path, now)
        elif named[1] not in noted and _was_written(path) < now - LET_BE_FOR:
            n_removed += _removed(path)
    return n_removed


def _published(services: Services) -> Iterator[Manifest]:
    """Give the manifests of the packs of the site, and of those of its releases that are kept."""
    for folder in _within(Shelf.of(services).folder):
        said = _read(folder / manifest.FILE)
        if said is not None:
            yield said


def _noted(notes: Path, now: datetime) -> Iterator[Manifest]:
    """Give the manifests that were noted, and remove those of years ago."""
    for path in _within(notes):
        said = _read(path)
        day = datetime.combine(said.made_on, time(), UTC) if said else _was_written(path)
        if day < now - _NOTED_FOR:
            _removed(path)
        elif said is not None:
            yield said


def _used_by(manifests: Iterator[Manifest]) -> frozenset[str]:
    named: set[str] = set()
    for said in manifests:
        named |= {each.sha256 for each in said.sources} | {each.sha256 for each in said.files}
    return frozenset(named)


def _read(path: Path) -> Manifest | None:
    """Read a manifest; None if there is none there, or none that can be understood."""
    try:
        with manifest.opened(path) as file:
            return manifest.read(file.read(manifest.MOST_BYTES + 1), str(path))
    except DataError as error:
        LOG.warning("evidence: nothing is kept for it: %s", error)
    except OSError as error:
        # What is only out of reach must not cost the copies that it names.
        if error.errno in _PASSING:
            raise
    return None


def _within(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []


def _was_written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.lstat().st_mtime, UTC)


def _used(path: Path, now: datetime) -> None:
    """Let the time for which a copy is let be begin anew."""
    if _was_written(path) < now:
        os.utime(path, (now.timestamp(), now.timestamp()))


def _removed(path: Path) -> bool:
    try:
        path.unlink()
    except OSError as error:
        LOG.warning("%s cannot be removed (%s)", path, error.strerror)
        return False
    return True


def _notes(services: Services) -> Path:
    return services.settings.state_folder / "evidence" / "packs"
