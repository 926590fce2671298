"""The folder of a pack: always one whole pack, and never in the place of what is none."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sinkwatch.errors import ConfigError, DataError, StoreError
from sinkwatch.packs import manifest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FRESH: Final = ".sinkwatch-new-"
_ASIDE: Final = ".sinkwatch-old-"
_FILE_MODE: Final = 0o644
_FOLDER_MODE: Final = 0o755


def check_free(folder: Path) -> None:
    """
    Refuse to write a pack where something else lies.

    Parameters
    ----------
    folder
        Where it is to lie.

    Raises
    ------
    ConfigError
        If there is something that is no pack, or more than a pack.
    """
    if not folder.exists() and not folder.is_symlink():
        return
    if not folder.is_dir():
        raise ConfigError(str(folder), "is no folder", "Name another with --output")
    held = {found.name for found in folder.iterdir()}
    if not held:
        return
    try:
        listed = manifest.in_folder(folder)
    except DataError as error:
        raise ConfigError(
            str(folder),
            "holds something, and it is no evidence pack",
            "Name another folder with --output; nothing was replaced",
        ) from error
    foreign = sorted(held - {manifest.FILE} - {each.file for each in listed.outputs})
    if foreign:
        raise ConfigError(
            str(folder),
            f"holds {', '.join(foreign[:3])}, which is no part of the pack there",
            "Move it away, or name another folder with --output; nothing was replaced",
        )


def write(files: Mapping[str, bytes], folder: Path) -> None:
    """
    Put a whole pack where none is, or in the place of an earlier one.

    Parameters
    ----------
    files
        Name to bytes, the manifest among them.
    folder
        Where it is to lie.

    Raises
    ------
    ConfigError
        If something else lies there.
    StoreError
        If it cannot be written; what was there is there still.
    """
    folder = folder.absolute()
    if folder.is_symlink():
        folder = folder.resolve()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with alone_in(folder.parent):
            _recover(folder.parent)
            check_free(folder)
            _replace(files, folder)
    except OSError as error:
        raise StoreError(
            str(folder),
            f"the pack cannot be written there ({error.strerror or error})",
            "Check its rights and the space left, or name another folder with --output; "
            "what was there before stays as it is",
        ) from error


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """
    Let one process at a time put things into a folder; the kernel lets go if it dies.

    Parameters
    ----------
    folder
        Which must be there.

    Yields
    ------
    none
        While no other process is at work there.

    Raises
    ------
    OSError
        If it is not there, or cannot be locked.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _recover(parent: Path) -> None:
    """Clear up after a process that was killed; nobody else is at work here."""
    for aside in parent.glob(f"{_ASIDE}*"):
        target = parent / aside.name.removeprefix(_ASIDE)
        if target.exists():
            shutil.rmtree(aside)
        else:  # it was killed between the two renames
            aside.rename(target)
    for left in parent.glob(f"{_FRESH}*"):
        shutil.rmtree(left)


def _replace(files: Mapping[str, bytes], folder: Path) -> None:
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=_FRESH))
    try:
        for name, content in files.items():
            _put(fresh / name, content)
        fresh.chmod(_FOLDER_MODE)
        _sync(fresh)
        _switch(fresh, folder)
        _sync(folder.parent)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _put(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), _FILE_MODE)
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _switch(fresh: Path, folder: Path) -> None:
    """Put the new pack where the old one is, which goes only when the new one is in place."""
    if not folder.exists() or not any(folder.iterdir()):
        fresh.rename(folder)
        return
    aside = folder.with_name(f"{_ASIDE}{folder.name}")
    folder.rename(aside)
    try:
        fresh.rename(folder)
    except OSError:
        aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)
