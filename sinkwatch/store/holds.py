"""Sources of which nothing new is used until a person has looked."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from sinkwatch.model import Hold, Snapshot
from sinkwatch.store.tables import holds, upsert

if TYPE_CHECKING:
    from sqlalchemy import Connection


def standing(connection: Connection) -> dict[str, Hold]:
    """
    Return every hold.

    Parameters
    ----------
    connection
        Of any transaction.

    Returns
    -------
    holds
        By name of the source.
    """
    rows = connection.execute(select(holds).order_by(holds.c.source))
    return {
        row.source: Hold(since=row.since, rule=row.rule, candidate=_snapshot(row.candidate))
        for row in rows
    }


def keep(connection: Connection, source: str, hold: Hold) -> None:
    """
    Put a source on hold, or say anew why it is; since when stays as it was.

    Parameters
    ----------
    connection
        Of a writing transaction.
    source
        Its name.
    hold
        Since when and why.
    """
    row = {
        "source": source,
        "since": hold.since,
        "rule": hold.rule,
        "candidate": _facts(hold.candidate),
    }
    upsert(connection, holds, row, key=("source",), moves=("rule", "candidate"))


def lift(connection: Connection, source: str) -> None:
    """
    Take a source off hold.

    Parameters
    ----------
    connection
        Of a writing transaction.
    source
        Its name; one that is on none stays so.
    """
    connection.execute(delete(holds).where(holds.c.source == source))


def _facts(snapshot: Snapshot | None) -> dict[str, Any] | None:
    if snapshot is None:
        return None
    values = {each.name: getattr(snapshot, each.name) for each in fields(snapshot)}
    return values | {
        "path": str(snapshot.path),
        "retrieved_at": snapshot.retrieved_at.isoformat(),
        "checked_at": snapshot.checked_at.isoformat(),
    }


def _snapshot(facts: dict[str, Any] | None) -> Snapshot | None:
    if facts is None:
        return None
    return Snapshot(
        **facts
        | {
            "path": Path(facts["path"]),
            "retrieved_at": datetime.fromisoformat(facts["retrieved_at"]),
            "checked_at": datetime.fromisoformat(facts["checked_at"]),
        }
    )
