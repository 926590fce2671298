"""What each run had to go on: the runs, the snapshots, and how the sources stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from sqlalchemy import Row, insert, select, update

from sinkwatch.model import Snapshot, SourceState, SourceStatus
from sinkwatch.store.states import as_of, current, record
from sinkwatch.store.tables import runs, snapshots, source_states, upsert

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sqlalchemy import Connection

__all__ = [
    "RunRow",
    "SourceNote",
    "as_of",
    "checked",
    "current",
    "finish",
    "held",
    "hold",
    "last",
    "note_source",
    "record",
    "source_notes",
    "start",
]

_SNAPSHOT_COLUMNS: Final = tuple(
    column.name for column in snapshots.columns if column.name != "snapshot_id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """
    One run.

    Attributes
    ----------
    run_id
        Ascending number.
    started_at, finished_at
        UTC; the latter None while it runs, and for ever if it was killed.
    outcome
        ``running``, ``done`` or ``failed``.
    summary
        What the run said of itself.
    """

    run_id: int
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    summary: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceNote:
    """
    How a source stood after the last run that asked it.

    Attributes
    ----------
    source
        Its name.
    status
        Good, stale, failed or not configured.
    problem
        Why it is not good; empty if it is.
    changed_at
        Since when it has had that status, UTC.
    n_rows
        Rows in use.
    snapshot
        What is in use; None if nothing was ever held.
    """

    source: str
    status: SourceStatus
    problem: str
    changed_at: datetime
    n_rows: int
    snapshot: Snapshot | None


def start(connection: Connection, at: datetime) -> int:
    """
    Begin a run.

    Parameters
    ----------
    connection
        Of a writing transaction.
    at
        Time of the run, UTC.

    Returns
    -------
    run_id
        Its number, greater than any before.
    """
    begun = insert(runs).values(started_at=at, outcome="running", summary={})
    return int(connection.execute(begun.returning(runs.c.run_id)).scalar_one())


def finish(
    connection: Connection,
    run_id: int,
    at: datetime,
    outcome: Literal["done", "failed"],
    summary: Mapping[str, object],
) -> None:
    """
    End a run.

    Parameters
    ----------
    connection
        Of a writing transaction.
    run_id
        Its number.
    at
        Time, UTC.
    outcome
        ``done`` or ``failed``.
    summary
        What it has to say of itself, as JSON-able values.
    """
    connection.execute(
        update(runs)
        .where(runs.c.run_id == run_id)
        .values(finished_at=at, outcome=outcome, summary=dict(summary))
    )


def last(connection: Connection) -> RunRow | None:
    """
    Return the newest run that came to a good end.

    Parameters
    ----------
    connection
        Of any transaction.

    Returns
    -------
    run
        None if there is none yet.
    """
    newest = select(runs).where(runs.c.outcome == "done").order_by(runs.c.run_id.desc()).limit(1)
    row = connection.execute(newest).mappings().one_or_none()
    return None if row is None else RunRow(**row)


def checked(connection: Connection) -> dict[str, datetime]:
    """
    Return when each planning source had last answered well by the time of a run.

    Parameters
    ----------
    connection
        Of any transaction.

    Returns
    -------
    checked
        UTC, by name of the source, as the newest run has it in which it was good.
    """
    done = select(runs.c.summary).where(runs.c.outcome == "done").order_by(runs.c.run_id.desc())
    found: dict[str, datetime] = {}
    for (summary,) in connection.execute(done.limit(_RUNS_LOOKED_AT)):
        for name, moment in summary.get("checked", {}).items():
            found.setdefault(name, datetime.fromisoformat(moment))
    return found


_RUNS_LOOKED_AT: Final = 400
"""A year of daily runs: a source that was silent for longer is as good as new."""


def hold(connection: Connection, snapshot: Snapshot) -> int:
    """
    Keep the provenance of a snapshot; the same bytes again move all but when they were first had.

    Parameters
    ----------
    connection
        Of a writing transaction.
    snapshot
        What a source answered with.

    Returns
    -------
    snapshot_id
        Its number, the same for the same bytes.
    """
    row = {name: getattr(snapshot, name) for name in _SNAPSHOT_COLUMNS}
    upsert(
        connection,
        snapshots,
        row | {"path": str(snapshot.path)},
        key=("source", "sha256"),
        moves=("checked_at", "path", "url", "edition", "licence", "attribution"),
    )
    found = select(snapshots.c.snapshot_id).where(
        snapshots.c.source == snapshot.source, snapshots.c.sha256 == snapshot.sha256
    )
    return int(connection.execute(found).scalar_one())


def held(connection: Connection, source: str) -> Snapshot | None:
    """
    Return what a source last answered with.

    Parameters
    ----------
    connection
        Of any transaction.
    source
        Its name.

    Returns
    -------
    snapshot
        The one checked last, then retrieved last: a source that takes an edition back
        answers with bytes that were retrieved before. None if nothing was ever held.
    """
    newest = (
        select(snapshots)
        .where(snapshots.c.source == source)
        .order_by(
            snapshots.c.checked_at.desc(),
            snapshots.c.retrieved_at.desc(),
            snapshots.c.snapshot_id.desc(),
        )
        .limit(1)
    )
    row = connection.execute(newest).one_or_none()
    return None if row is None else _snapshot(row)


def note_source(connection: Connection, state: SourceState, at: datetime) -> None:
    """
    Keep how a source stands after a run, and hold the snapshot it stands on.

    Parameters
    ----------
    connection
        Of a writing transaction.
    state
        How it stands.
    at
        Time of the run, UTC.
    """
    source = state.spec.name
    before = connection.execute(
        select(source_states.c.status, source_states.c.changed_at).where(
            source_states.c.source == source
        )
    ).one_or_none()
    is_same = before is not None and before.status == state.status
    upsert(
        connection,
        source_states,
        {
            "source": source,
            "status": state.status,
            "problem": state.problem,
            "changed_at": before.changed_at if before is not None and is_same else at,
            "n_rows": state.n_rows,
            "snapshot_id": None if state.snapshot is None else hold(connection, state.snapshot),
        },
        key=("source",),
        moves=("status", "problem", "changed_at", "n_rows", "snapshot_id"),
    )


def source_notes(connection: Connection) -> tuple[SourceNote, ...]:
    """
    Return how every source stood that was ever asked.

    Parameters
    ----------
    connection
        Of any transaction.

    Returns
    -------
    notes
        By name.
    """
    both = source_states.outerjoin(
        snapshots, source_states.c.snapshot_id == snapshots.c.snapshot_id
    )
    notes = connection.execute(
        select(
            source_states.c.source.label("name"),
            source_states.c.status,
            source_states.c.problem,
            source_states.c.changed_at,
            source_states.c.n_rows,
            *snapshots.c,
        )
        .select_from(both)
        .order_by(source_states.c.source)
    )
    return tuple(
        SourceNote(
            source=row.name,
            status=SourceStatus(row.status),
            problem=row.problem,
            changed_at=row.changed_at,
            n_rows=row.n_rows,
            snapshot=None if row.snapshot_id is None else _snapshot(row),
        )
        for row in notes
    )


def _snapshot(row: Row[Any]) -> Snapshot:
    """Return the snapshot in a row."""
    values = {name: getattr(row, name) for name in _SNAPSHOT_COLUMNS}
    return Snapshot(**values | {"path": Path(row.path)})
