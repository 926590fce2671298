"""The folders that copies lie in, and what processes that died have left in them."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sinkwatch.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

STAMP: Final = "%Y%m%dT%H%M%SZ"
"""How a time stands in the name of a file, UTC."""

RESTORING: Final = ".restore-"
"""How the name of a folder begins in which a back-up is made ready."""


def make_folder(folder: Path) -> None:
    """
    Make a folder for its owner alone, if it is not there.

    Parameters
    ----------
    folder
        Which.

    Raises
    ------
    StoreError
        If it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(path: Path, error: OSError) -> StoreError:
    """
    Return the error for a file that cannot be written.

    Parameters
    ----------
    path
        The file.
    error
        What the system said.

    Returns
    -------
    error
        In our words.
    """
    return StoreError(
        str(path), f"cannot be written ({error.strerror})", "Free some space, or name another"
    )


def changed_at(path: Path) -> datetime:
    """
    Return when a file was last written.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    at
        UTC.
    """
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def clear(folder: Path, prefix: str, *, before: datetime | None) -> None:
    """
    Remove what a process that died has left: whole databases, with all their addresses.

    Parameters
    ----------
    folder
        Where.
    prefix
        How the names of its folders begin.
    before
        Younger ones may be in use and stay, UTC; None if none is in use.
    """
    for left in folder.glob(f"{prefix}*"):
        if before is None or changed_at(left) < before:
            shutil.rmtree(left, ignore_errors=True)
