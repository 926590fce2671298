"""What is recorded of each subject, since which run and until which."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, insert, or_, select, true, update

from sinkwatch.errors import StoreError
from sinkwatch.model import Change, Transition, fingerprint
from sinkwatch.store.tables import kinds, runs, states

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from sqlalchemy import Connection, Row

RUNS_UNTIL_GONE: Final = 3
"""A subject is gone at the third run in a row that misses it: a feed may drop a row for a day
(sinkwatch data gates, "withdrawn only after 3 good fetches")."""

_Facts = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """Facts of one subject: an open row of the store or, without a number, as just found."""

    subject: str
    version: str
    facts: _Facts
    state_id: int = 0
    absent_runs: int = 0


def record(
    connection: Connection,
    run_id: int,
    kind: str,
    current: Mapping[str, Mapping[str, object]],
    *,
    is_complete: bool = True,
) -> tuple[Change, ...]:
    """
    Record what a run found of one kind of subject, and return what is different.

    Call it once a run for each kind. A subject that is missing counts as absent, and is gone the
    third time in a row; but only of runs that are complete.

    Parameters
    ----------
    connection
        Of a writing transaction.
    run_id
        The run.
    kind
        What sort of subjects they are, such as ``application``.
    current
        Facts by subject, as JSON-able values or values with a plain text form.
    is_complete
        Whether every source of that kind answered in this run: if one did not, nothing can be
        told from what is missing.

    Returns
    -------
    changes
        New, changed and gone subjects, by subject; facts as they come back from JSON.

    Raises
    ------
    StoreError
        If a fact is NaN or infinite.
    """
    found = {subject: _found(subject, facts) for subject, facts in current.items()}
    is_baseline = _first_run(connection, kind, run_id) == run_id
    before = _open_states(connection, kind)
    missing = [state for state in before.values() if is_complete and state.subject not in found]
    gone = {state.subject: state for state in missing if state.absent_runs + 1 >= RUNS_UNTIL_GONE}
    new = {state.subject: state for state in found.values() if _is_news(state, before)}

    _mark_absent(connection, missing)
    _mark_present(connection, [before[subject] for subject in found.keys() - new.keys()])
    _close(connection, run_id, [before[subject] for subject in before if subject in gone | new])
    _open(connection, run_id, kind, new.values())
    return tuple(
        Change(
            kind=kind,
            subject=subject,
            version=state.version,
            before=before[subject].facts if subject in before else None,
            after=None if subject in gone else state.facts,
            is_baseline=is_baseline,
        )
        for subject, state in sorted((gone | new).items())
    )


def current(connection: Connection, kind: str) -> dict[str, dict[str, Any]]:
    """
    Return the facts that stand.

    Parameters
    ----------
    connection
        Of any transaction.
    kind
        What sort of subjects they are.

    Returns
    -------
    facts
        By subject, in order of subject; one that was missed but once or twice still stands.
    """
    return {state.subject: state.facts for state in _open_states(connection, kind).values()}


def as_of(connection: Connection, kind: str, run_id: int) -> dict[str, dict[str, Any]]:
    """
    Return the facts that stood after a run.

    Parameters
    ----------
    connection
        Of any transaction.
    kind
        What sort of subjects they are.
    run_id
        The run.

    Returns
    -------
    facts
        By subject, in order of subject.
    """
    then = (
        select(states.c.subject, states.c.facts)
        .where(
            states.c.kind == kind,
            states.c.since_run <= run_id,
            or_(states.c.until_run.is_(None), states.c.until_run > run_id),
        )
        .order_by(states.c.subject)
    )
    return {row.subject: row.facts for row in connection.execute(then)}


def transitions(connection: Connection, *, until_run: int | None = None) -> tuple[Transition, ...]:
    """
    Return every change ever recorded.

    Parameters
    ----------
    connection
        Of any transaction.
    until_run
        The last run that is looked at; None for all.

    Returns
    -------
    transitions
        By kind and subject, the oldest first.
    """
    rows = connection.execute(
        select(states, runs.c.started_at, kinds.c.first_run)
        .join(runs, states.c.since_run == runs.c.run_id)
        .join(kinds, states.c.kind == kinds.c.kind)
        .where(true() if until_run is None else states.c.since_run <= until_run)
        .order_by(states.c.kind, states.c.subject, states.c.state_id)
    ).all()
    begun = connection.execute(select(runs.c.run_id, runs.c.started_at))
    moments = {run.run_id: run.started_at for run in begun}
    last = until_run if until_run is not None else max(moments, default=0)
    found: list[Transition] = []
    for before, row, after in zip((None, *rows), rows, (*rows[1:], None), strict=False):
        found.append(_transition(row, before))
        if row.until_run is not None and row.until_run <= last and not _follows(after, row):
            found.append(_end(row, moments[row.until_run]))
    return tuple(found)


def _follows(row: Row[Any] | None, before: Row[Any] | None) -> bool:
    """Tell whether facts took the place of others in the very run that ended these."""
    if row is None or before is None:
        return False
    is_same = (row.kind, row.subject) == (before.kind, before.subject)
    return is_same and bool(row.since_run == before.until_run)


def _transition(row: Row[Any], before: Row[Any] | None) -> Transition:
    change = Change(
        kind=row.kind,
        subject=row.subject,
        version=row.version,
        before=before.facts if before is not None and _follows(row, before) else None,
        after=row.facts,
        is_baseline=row.since_run == row.first_run,
    )
    return Transition(run_id=row.since_run, at=row.started_at, change=change)


def _end(row: Row[Any], at: datetime) -> Transition:
    change = Change(
        kind=row.kind,
        subject=row.subject,
        version=row.version,
        before=row.facts,
        after=None,
        is_baseline=False,
    )
    return Transition(run_id=row.until_run, at=at, change=change)


def _found(subject: str, facts: Mapping[str, object]) -> _State:
    """Return facts as they will come back from the store, so that before and after compare."""
    try:
        text = json.dumps(dict(facts), allow_nan=False, default=str)
    except ValueError as error:
        raise StoreError(
            f"facts of {subject}",
            "a number is NaN or infinite, or the facts hold themselves",
            "This is a fault of sinkwatch: nothing was recorded; report it with this line",
        ) from error
    plain = json.loads(text)
    return _State(subject=subject, version=fingerprint(plain), facts=plain)


def _first_run(connection: Connection, kind: str, run_id: int) -> int:
    """Return the first run that recorded a kind: this one, if none has."""
    known = select(kinds.c.first_run).where(kinds.c.kind == kind)
    first = connection.execute(known).scalar_one_or_none()
    if first is not None:
        return int(first)
    connection.execute(insert(kinds).values(kind=kind, first_run=run_id))
    return run_id


def _open_states(connection: Connection, kind: str) -> dict[str, _State]:
    """Return what stands, by subject."""
    standing = (
        select(
            states.c.subject,
            states.c.version,
            states.c.facts,
            states.c.state_id,
            states.c.absent_runs,
        )
        .where(states.c.kind == kind, states.c.until_run.is_(None))
        .order_by(states.c.subject)
    )
    rows = connection.execute(standing).mappings()
    return {row["subject"]: _State(**row) for row in rows}


def _is_news(state: _State, before: Mapping[str, _State]) -> bool:
    """Tell whether a subject is new or has other facts than before."""
    return state.subject not in before or before[state.subject].version != state.version


def _mark_absent(connection: Connection, missing: Collection[_State]) -> None:
    """Count one more run that missed them."""
    _change(connection, [{"absent_runs": state.absent_runs + 1} | _id(state) for state in missing])


def _mark_present(connection: Connection, present: Collection[_State]) -> None:
    """Forget the runs that missed them."""
    _change(connection, [{"absent_runs": 0} | _id(state) for state in present if state.absent_runs])


def _close(connection: Connection, run_id: int, closed: Collection[_State]) -> None:
    """Let facts stand until this run, no longer."""
    _change(connection, [{"until_run": run_id} | _id(state) for state in closed])


def _open(connection: Connection, run_id: int, kind: str, opened: Collection[_State]) -> None:
    """Let facts stand from this run on."""
    rows = [
        {
            "kind": kind,
            "subject": state.subject,
            "version": state.version,
            "facts": state.facts,
            "since_run": run_id,
            "absent_runs": 0,
        }
        for state in opened
    ]
    if rows:
        connection.execute(insert(states), rows)


def _id(state: _State) -> dict[str, int]:
    """Return what tells the driver which row is meant."""
    return {"row": state.state_id}


def _change(connection: Connection, rows: list[dict[str, int]]) -> None:
    """Change many rows in one call of the driver."""
    if rows:
        connection.execute(update(states).where(states.c.state_id == bindparam("row")), rows)
