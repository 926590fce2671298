"""Restoring: as if nobody who has left since had ever been in the back-up, and nobody twice."""

from __future__ import annotations

import contextlib
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sinkwatch import erasures
from sinkwatch.erasures import Erasure, What
from sinkwatch.notify import addresses
from sinkwatch.safekeeping import folders, key
from sinkwatch.safekeeping.copies import JOB

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from sinkwatch.services import Services
    from sinkwatch.store import Store

_NO_LOG: Final = (
    "There is no erasure log here, so whoever left after the back-up is in the database again: "
    "put erasures.jsonl into the state folder, then run `sinkwatch restore --replay` before any "
    "mail goes."
)
_TORN_LOG: Final = (
    "Lines of the erasure log that cannot be read and were passed over: {n}; a power cut tears "
    "the last one."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """
    What was done to a database that a back-up had brought back.

    Attributes
    ----------
    n_forgotten
        Addresses erased once more.
    n_places
        Places removed once more.
    n_expired
        Messages given up that may have gone already.
    made_at
        When the back-up was made, UTC; None if it does not say.
    before
        Where the database lies that was in use until now; None if there was none.
    remarks
        What a person should know, each a sentence.
    """

    n_forgotten: int
    n_places: int
    n_expired: int
    made_at: datetime | None = None
    before: Path | None = None
    remarks: tuple[str, ...] = ()


def restore(services: Services, file: Path) -> Replayed:
    """
    Put a back-up in the place of the database, as if nobody who has left had ever been in it.

    The copy is checked, migrated and cleared of them first; then one move puts it in place. A
    power cut before leaves the old database, one after it the new.

    Parameters
    ----------
    services
        Clock and state folder.
    file
        The back-up; it stays as it is.

    Returns
    -------
    replayed
        What was done.

    Raises
    ------
    BusyError
        If a run is at work, or any process has the database open.
    StoreError
        If the back-up is damaged, newer than this program or none, or the disk refuses.
    """
    from sinkwatch import store as stores  # noqa: PLC0415 - only here
    from sinkwatch.packs import keepsakes  # noqa: PLC0415 - as above
    from sinkwatch.store import sqlite_files  # noqa: PLC0415 - as above

    path = stores.file_of(services.settings.database())
    folders.make_folder(path.parent)
    with services.lock(), sqlite_files.alone(path):
        folders.clear(path.parent, folders.RESTORING, before=None)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=folders.RESTORING) as folder:
            part = Path(folder) / path.name
            sqlite_files.copy_sound(file, part)
            remarks = key.bring_back(services, file)
            keepsakes.copy_all(file.with_name(keepsakes.FOLDER), keepsakes.folder_of(services))
            with contextlib.closing(
                stores.Store.open(f"sqlite:///{part}", now=services.clock())
            ) as store:
                replayed = _cleared(services, store)
            before = sqlite_files.put_in_place(part, path)
    return replace(replayed, before=before, remarks=(*remarks, *replayed.remarks))


def replay(services: Services, *, until: datetime | None = None) -> Replayed:
    """
    Do to the database in use what `restore` does to a copy, as after the restore of a server.

    Parameters
    ----------
    services
        Clock, store and state folder.
    until
        When the back-up was made, UTC: messages queued since go on waiting; None to give up all.

    Returns
    -------
    replayed
        What was done.

    Raises
    ------
    BusyError
        If a run is at work.
    """
    with services.lock(), services.store() as store:
        replayed = _replayed(services, store, made_at=None, until=until)
        store.checkpoint()
    return replayed


@dataclass(slots=True)
class _Tally:
    """What was done so far."""

    forgotten: set[str] = field(default_factory=set)
    n_places: int = 0


def _cleared(services: Services, store: Store) -> Replayed:
    """Clear a restored copy of everyone who has left since, byte for byte."""
    from sinkwatch.store import jobs  # noqa: PLC0415 - with the store

    with store.begin() as connection:
        row = jobs.get(connection, JOB)
        made_at = None if row is None else row.last_attempt_at
        if made_at is not None:  # the copy was made before it was known to be good
            jobs.note_success(connection, JOB, made_at)
    replayed = _replayed(services, store, made_at=made_at, until=None)
    store.checkpoint()
    return replayed


def _replayed(
    services: Services, store: Store, *, made_at: datetime | None, until: datetime | None
) -> Replayed:
    from sinkwatch.store import restoring  # noqa: PLC0415 - with the store

    reading = erasures.since(erasures.log_file(services))
    tally = _Tally()
    with store.begin() as connection:
        known = _by_hmac(services, restoring.addresses(connection))
        for one in sorted(reading.erasures, key=lambda one: one.at):
            _undo(connection, one, known.get(one.address_hmac, []), made_at, tally)
        n_expired = restoring.expire_waiting(connection, until)
    return Replayed(
        n_forgotten=len(tally.forgotten),
        n_places=tally.n_places,
        n_expired=n_expired,
        made_at=made_at,
        remarks=_remarks(reading),
    )


def _by_hmac(services: Services, found: Sequence[str]) -> dict[str, list[str]]:
    """Return the addresses by what the log has of them; spellings of one differ in case only."""
    secret = services.secret()
    known: defaultdict[str, list[str]] = defaultdict(list)
    for address in found:
        known[addresses.address_hmac(secret, address)].append(address)
    return known


def _undo(
    connection: Connection,
    one: Erasure,
    spellings: Sequence[str],
    made_at: datetime | None,
    tally: _Tally,
) -> None:
    """Take out of a restored database what one line of the log took out of the one in use."""
    from sinkwatch.store import restoring, suppressions  # noqa: PLC0415 - with the store

    # A back-up that was made between the line and its transaction has the address still, hence
    # the second rule: whatever is older than the line goes, whenever the back-up was made.
    is_later = made_at is not None and one.at >= made_at
    until = None if is_later else one.at
    if one.what is What.PLACE_REMOVED:
        tally.n_places += restoring.remove_place(connection, one.subscription_id, until)
        return
    gone = [address for address in spellings if restoring.forget(connection, address, until)]
    tally.forgotten.update(address.lower() for address in gone)
    if gone or is_later or (made_at is None and not spellings):
        suppressions.suppress(connection, one.address_hmac, str(one.what), one.at)


def _remarks(reading: erasures.Reading) -> tuple[str, ...]:
    if not reading.is_there:
        return (_NO_LOG,)
    if reading.n_unreadable:
        return (_TORN_LOG.format(n=reading.n_unreadable),)
    return ()
