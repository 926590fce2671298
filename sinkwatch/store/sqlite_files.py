"""A database file as a whole: who has it open, whether it is sound, and how it is replaced."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sinkwatch.errors import BusyError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

_BESIDE: Final = ("-journal", "-wal", "-shm")
"""What SQLite may keep beside a file, by the end of its name."""

_FILE_MODE: Final = 0o600


def hold(path: Path) -> int:
    """
    Show that this process has a database open, until the descriptor is closed.

    The kernel lets go if the process dies. The lock is on the folder: to close any descriptor of
    the database itself would end SQLite's locks on it in this process.

    Parameters
    ----------
    path
        The database.

    Returns
    -------
    descriptor
        Close it when the database is closed.

    Raises
    ------
    BusyError
        If the database is being replaced at this moment.
    StoreError
        If the folder cannot be read.
    """
    return _locked(path, fcntl.LOCK_SH, "it is being restored", "Try again when that is done")


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """
    Keep everyone from opening a database while the block replaces it.

    Parameters
    ----------
    path
        The database.

    Raises
    ------
    BusyError
        If another process has it, or another database of that folder, open.
    StoreError
        If the folder cannot be read.
    """
    descriptor = _locked(
        path,
        fcntl.LOCK_EX,
        "another process has it open",
        "Stop `sinkwatch serve` and `sinkwatch watch` first; nothing was changed",
    )
    try:
        yield
    finally:
        os.close(descriptor)


def copy_sound(source: Path, part: Path) -> None:
    """
    Copy a back-up, and refuse it if it is not a whole database of sinkwatch.

    Parameters
    ----------
    source
        The back-up; it is not opened by SQLite, and stays as it is.
    part
        Where to; for its owner alone.

    Raises
    ------
    StoreError
        If it cannot be read, is damaged or unfinished, or is something else.
    """
    unfinished = [beside for beside in _beside(source) if beside.exists()]
    if unfinished:
        raise StoreError(
            str(source),
            f"is a database in use, not a back-up: {unfinished[0].name} lies beside it",
            "Name a file that `sinkwatch backup` has written",
        )
    try:
        part.touch(mode=_FILE_MODE)
        shutil.copyfile(source, part)
    except OSError as error:
        raise StoreError(
            str(source),
            f"the back-up cannot be copied ({error.strerror})",
            "Check its name, its rights and the free space; nothing was changed",
        ) from error
    _refuse_unsound(source, part)


def put_in_place(part: Path, path: Path) -> Path | None:
    """
    Replace a database by another, so that at every moment one of the two is there, whole.

    Parameters
    ----------
    part
        The new one, closed, in a folder of the same disk.
    path
        The old one's name; nobody has it open.

    Returns
    -------
    before
        Where the old one lies now; None if there was none.

    Raises
    ------
    StoreError
        If the disk refuses.
    """
    try:
        flush(part)
        before = _keep_old(part, path) if path.exists() else None
        part.replace(path)
        flush(path.parent)
    except OSError as error:
        raise StoreError(
            str(path),
            f"cannot be replaced ({error.strerror})",
            "The present database is still in use; free some space, or check the folder's rights",
        ) from error
    return before


def move_durably(part: Path, target: Path) -> None:
    """
    Move a finished file into place so that a power cut leaves it whole or absent.

    Parameters
    ----------
    part
        The file.
    target
        Its name, in the same disk.
    """
    flush(part)
    part.replace(target)
    flush(target.parent)


def flush(path: Path) -> None:
    """
    Wait until the disk has a file, or the names in a folder.

    Parameters
    ----------
    path
        Which.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _locked(path: Path, kind: int, rule: str, way_out: str) -> int:
    try:
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _unlockable(path, error) from error
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise BusyError(str(path), rule, way_out) from error
        raise _unlockable(path, error) from error
    return descriptor


def _unlockable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        str(path),
        f"its folder cannot be locked ({error.strerror})",
        "Use a folder on a local disk that you may read",
    )


def _refuse_unsound(source: Path, part: Path) -> None:
    way_out = "Use another back-up; nothing was changed"
    try:
        with contextlib.closing(sqlite3.connect(part)) as copy:
            (answer,) = copy.execute("PRAGMA integrity_check").fetchone()
            (version,) = copy.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        raise StoreError(str(source), f"is no sound database ({error})", way_out) from error
    if answer != "ok":
        raise StoreError(str(source), f"is not sound: {answer}", way_out)
    if version == 0:
        raise StoreError(str(source), "is not a database of sinkwatch", way_out)


def _keep_old(part: Path, path: Path) -> Path:
    """Give the old database a second name; it keeps its first until the new one takes it."""
    _settle(path)
    before = path.with_name(f"{path.name}.before-restore")
    second = part.with_name(before.name)
    os.link(path, second)
    second.replace(before)
    # SQLite would play the journal of the old database into the new one.
    for beside, beside_before in zip(_beside(path), _beside(before), strict=True):
        with contextlib.suppress(FileNotFoundError):
            beside.replace(beside_before)
    flush(path.parent)
    return before


def _settle(path: Path) -> None:
    """Let SQLite finish what a crash left beside a database, so that the file alone is whole."""
    # One too damaged to be opened is why people restore; it is kept as it is.
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as old,
    ):
        old.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _beside(path: Path) -> list[Path]:
    return [path.with_name(path.name + ending) for ending in _BESIDE]
