"""Copies of the database: how they are made while it is in use, and which of them stay."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from sinkwatch import erasures
from sinkwatch.errors import SinkwatchError, StoreError
from sinkwatch.safekeeping import folders, key

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sinkwatch.services import Services
    from sinkwatch.store import Store

JOB: Final = "backup"
"""Name of the job in the database."""

N_DAILY: Final = 7
N_WEEKLY: Final = 4
"""Days and weeks of which the newest copy is kept (sinkwatch storage rules)."""

KEPT: Final = timedelta(days=35)
"""Longest that a copy is kept: by then what was erased is gone everywhere (sinkwatch privacy
rules). The newest copy stays, however old."""

_NAME: Final = re.compile(r"sinkwatch-(\d{8}T\d{6}Z)\.db")
_LEFT_BEHIND: Final = timedelta(days=1)  # nobody copies for as long as that


@dataclass(frozen=True, slots=True, kw_only=True)
class BackUp:
    """
    A copy that was made.

    Attributes
    ----------
    path
        Where it lies.
    n_bytes
        How large it is.
    n_removed
        Older copies that went.
    """

    path: Path
    n_bytes: int
    n_removed: int


def back_up(services: Services, folder: Path | None = None) -> BackUp:
    """
    Copy the database while it is in use, check the copy, and drop the oldest ones.

    The key of the installation goes along: without it no link in a mail already sent would work,
    and no hash of an address that must not be written to could be recognised. So do the dated
    copies of the map: they are public, and nothing could make them again. Nothing else does.

    Parameters
    ----------
    services
        Clock, store and state folder.
    folder
        Where to; None for ``backups`` in the state folder.

    Returns
    -------
    made
        The copy.

    Raises
    ------
    StoreError
        If there is no database yet, it is PostgreSQL, or the copy is not sound or cannot be
        written; the copies that are there stay.
    """
    from sinkwatch import store as stores  # noqa: PLC0415 - only here
    from sinkwatch.packs import keepsakes  # noqa: PLC0415 - as above

    database = stores.file_of(services.settings.database())
    if not services.has_store():
        raise StoreError(str(database), "has not been made yet", "Make a run first")
    now = services.clock()
    into = folder or services.settings.state_folder / "backups"
    target = into / f"sinkwatch-{now.astimezone(UTC).strftime(folders.STAMP)}.db"
    with services.store() as store:
        _note(store, now, "it did not come to its end")
        try:
            folders.make_folder(into)
            store.copy_to(target)
            key.copy_into(services, into)
            keepsakes.copy_all(keepsakes.folder_of(services), into / keepsakes.FOLDER)
        except SinkwatchError as error:
            _note(store, now, str(error))
            raise
        _note(store, now, "")
    erasures.trim(services)
    try:
        n_removed = _prune(now, into, database)
    except OSError as error:
        raise StoreError(
            str(target),
            f"is made, but older copies cannot be removed ({error.strerror})",
            "Remove those older than 35 days by hand: they hold what was erased since",
        ) from error
    return BackUp(path=target, n_bytes=target.stat().st_size, n_removed=n_removed)


def kept(stamps: Iterable[datetime], now: datetime) -> frozenset[datetime]:
    """
    Choose which copies stay.

    Parameters
    ----------
    stamps
        When each was made, UTC.
    now
        The present time, UTC.

    Returns
    -------
    kept
        The newest of each of the last seven days and four weeks that have one, none older than
        35 days, but the newest of all in any case.
    """
    newest_first = sorted(stamps, reverse=True)
    by_day = {stamp.date(): stamp for stamp in reversed(newest_first)}
    by_week = {stamp.isocalendar()[:2]: stamp for stamp in reversed(newest_first)}
    chosen = {
        *sorted(by_day.values(), reverse=True)[:N_DAILY],
        *sorted(by_week.values(), reverse=True)[:N_WEEKLY],
    }
    young = {stamp for stamp in chosen if now - stamp <= KEPT}
    return frozenset(young | set(newest_first[:1]))


def _note(store: Store, now: datetime, problem: str) -> None:
    """
    Note how the job stands.

    It counts as failed until it is done, and the copy holds that very row: its time says when
    the copy was made, whatever its file is called by then.
    """
    from sinkwatch.store import jobs  # noqa: PLC0415 - with the store

    with store.begin() as connection:
        if problem:
            jobs.note_failure(connection, JOB, now, problem)
        else:
            jobs.note_success(connection, JOB, now)


def _prune(now: datetime, folder: Path, database: Path) -> int:
    """Remove the copies that are too many or too old, wherever sinkwatch has made some."""
    from sinkwatch.store import sqlite  # noqa: PLC0415 - with the store

    made = {path: _made_at(path) for path in folder.iterdir() if _NAME.fullmatch(path.name)}
    stay = kept(made.values(), now)
    others = [
        path
        for pattern in (f"{database.stem}.schema-*.backup", f"{database.name}.before-restore*")
        for path in database.parent.glob(pattern)
        if now - folders.changed_at(path) > KEPT
    ]
    gone = [*(path for path, stamp in made.items() if stamp not in stay), *others]
    for path in gone:
        path.unlink(missing_ok=True)
    for place, prefix in (
        (folder, sqlite.COPYING),
        (database.parent, sqlite.COPYING),
        (database.parent, folders.RESTORING),
    ):
        folders.clear(place, prefix, before=now - _LEFT_BEHIND)
    return len(gone)


def _made_at(path: Path) -> datetime:
    stamp = path.stem.partition("-")[2]
    return datetime.strptime(stamp, folders.STAMP).replace(tzinfo=UTC)
