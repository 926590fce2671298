"""What is known of the sources, and what is taken in from them: recall, ask, keep, tidy up."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sinkwatch import gazetteer, sources
from sinkwatch.errors import BusyError
from sinkwatch.model import ONLINE_KINDS, SourceStatus
from sinkwatch.sources import snapshots

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection

    from sinkwatch.model import Area, Hold, Inputs, Snapshot, SourceState
    from sinkwatch.services import Services
    from sinkwatch.store import Store
    from sinkwatch.store.runs import SourceNote

LOG = logging.getLogger(__name__)


def is_troubled(state: SourceState) -> bool:
    """
    Tell whether the operator has to look after a source.

    Parameters
    ----------
    state
        The source.

    Returns
    -------
    troubled
        True if it is stale, on hold or could not be read; not if it was never set up.
    """
    return state.status in (SourceStatus.FAILED, SourceStatus.HELD, SourceStatus.STALE)


def recall(services: Services, *, copies: Path | None = None) -> Inputs:
    """
    Return what is held, without asking anybody.

    Parameters
    ----------
    services
        With area and state folder; no database is made if there is none.
    copies
        Where copies are kept of what was never taken in; None to read it in place and write
        nothing at all.

    Returns
    -------
    inputs
        What ships with sinkwatch and what earlier runs have kept.
    """
    if not services.has_store():
        return sources.recall(services.area, copies, lambda _: None, now=services.clock())
    with services.store() as store:
        memory = recollect(services, store)
    return memory.recall(services.area, copies, now=services.clock())


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """
    What the database knows of the sources.

    Attributes
    ----------
    held
        The last good snapshot of each, by name.
    holds
        Those of which nothing new is used, by name.
    notes
        How each stood after the last run that asked it, by name.
    """

    held: Mapping[str, Snapshot]
    holds: Mapping[str, Hold]
    notes: Mapping[str, SourceNote]

    def recall(self, area: Area, folder: Path | None, *, now: datetime) -> Inputs:
        """
        Return what is held, and what went wrong when it was last asked for.

        Parameters
        ----------
        area
            The area.
        folder
            Where copies are kept of what was never taken in; None to write nothing at all.
        now
            The present time, UTC.

        Returns
        -------
        inputs
            A service that failed at the last asking has failed still: nothing was asked since.
        """
        inputs = sources.recall(area, folder, self.held.get, now=now, holds=self.holds)
        return replace(inputs, states=tuple(self._as_last_asked(state) for state in inputs.states))

    def _as_last_asked(self, state: SourceState) -> SourceState:
        note = self.notes.get(state.spec.name)
        is_told = state.spec.kind in ONLINE_KINDS and not state.spec.switched_off
        if note is None or not is_told or note.status is not SourceStatus.FAILED:
            return state
        if state.hold is not None:
            return state
        return replace(state, status=SourceStatus.FAILED, problem=note.problem)


def recollect(services: Services, store: Store) -> Memory:
    """
    Read what the database knows of the sources.

    Parameters
    ----------
    services
        With the area.
    store
        Open.

    Returns
    -------
    memory
        As it stands now.
    """
    from sinkwatch.store import holds, runs  # noqa: PLC0415 - `check` without a database skips SQLAlchemy

    with store.read() as connection:
        found = {spec.name: runs.held(connection, spec.name) for spec in services.area.sources}
        return Memory(
            held={name: snapshot for name, snapshot in found.items() if snapshot is not None},
            holds=holds.standing(connection),
            notes={note.source: note for note in runs.source_notes(connection)},
        )


def look_up(services: Services, words: str) -> bool:
    """
    Ask for a postcode that no list held has, if the operator has opted into such a service.

    Parameters
    ----------
    services
        Clock, store, area and the way out.
    words
        Perhaps a postcode.

    Returns
    -------
    asked
        False if it is no postcode of the area, or there is nobody to ask.
    """
    postcode = gazetteer.normalised_postcode(words)
    names = [
        spec.name
        for spec in services.area.sources
        if spec.kind in sources.LOOK_UPS and not spec.switched_off
    ]
    if postcode is None or not services.area.speaks_for(postcode) or not names:
        return False
    try:
        refresh(services, names, wanted=(postcode,))
    except BusyError:
        LOG.warning("a run is at work: a postcode is not looked up now")
        return False
    return True


def refresh(
    services: Services, names: Collection[str], *, wanted: tuple[str, ...] = ()
) -> tuple[SourceState, ...]:
    """
    Ask sources now, and keep what passes the gates; nothing is alerted or published.

    Parameters
    ----------
    services
        Clock, store, area and the way out.
    names
        Of the sources.
    wanted
        Postcodes to look up that no list held has.

    Returns
    -------
    states
        How the sources that were asked stand now.

    Raises
    ------
    BusyError
        If a run is at work.
    """
    now = services.clock()
    with services.lock(), services.store() as store:
        memory = recollect(services, store)
        inputs = sources.gather(
            services.area,
            services.snapshots(),
            memory.held.get,
            now=now,
            downloader=services.downloader(store),
            wish=sources.Wish(holds=memory.holds, ask_now=names, wanted=wanted),
        )
        asked = tuple(found for found in inputs.states if found.spec.name in names)
        with store.begin() as connection:
            note_sources(connection, asked, now)
    return asked


def note_sources(connection: Connection, states: Iterable[SourceState], now: datetime) -> None:
    """
    Keep how the sources stand, what is in use of them, and what waits for a person.

    Parameters
    ----------
    connection
        Of a writing transaction.
    states
        How each stands after it was asked.
    now
        Time of asking, UTC.
    """
    from sinkwatch.store import holds, runs  # noqa: PLC0415 - with the store

    for state in states:
        runs.note_source(connection, state, now)
        if state.hold is not None:
            holds.keep(connection, state.spec.name, state.hold)
        elif state.status is SourceStatus.GOOD:
            holds.lift(connection, state.spec.name)


def tidy(services: Services, store: Store, now: datetime) -> None:
    """
    Remove copies of sources that have been out of use for long, and forget what rested on them.

    An edition of the site is noted for as long, and keeps the copies that it was made of.

    Parameters
    ----------
    services
        With the folder of snapshots.
    store
        Open; knows what is in use.
    now
        The present time, UTC.
    """
    from sinkwatch.store import publications  # noqa: PLC0415 - with the store

    with store.begin() as connection:
        publications.tidy(connection, now - snapshots.KEPT_FOR)
        published = publications.copies(connection)
    memory = recollect(services, store)
    waiting = [hold.candidate for hold in memory.holds.values() if hold.candidate is not None]
    kept = {snapshot.path for snapshot in (*memory.held.values(), *waiting)}
    kept |= set(snapshots.copies_of(services.snapshots(), published))
    n_removed = snapshots.prune(services.snapshots(), kept, now=now)
    if n_removed:
        LOG.info("snapshots: %d files out of use removed", n_removed)
