"""How fast each recipient domain may be written to now, and whether the whole queue stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, select, text

from sinkwatch.store.tables import throttles, upsert

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

ALL: Final = "*"
"""Stands for the whole queue, which our own faults stop."""

MOST_WIDTH: Final = 2
"""Messages on their way to one domain at a time (sinkwatch mail rules)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """
    How a recipient domain is to be treated.

    Attributes
    ----------
    domain
        The domain, or `ALL`.
    next_at
        Before that nothing is sent there, to keep to the pace, UTC; None if at once.
    paused_until
        Before that nothing is sent there, since we were asked to wait or fail ourselves, UTC.
    width
        Messages that may be on their way there at a time.
    problem
        Why it is paused; for the operator.
    """

    domain: str
    next_at: datetime | None = None
    paused_until: datetime | None = None
    width: int = MOST_WIDTH
    problem: str = ""

    def stands(self, now: datetime) -> bool:
        """
        Tell whether nothing may go there now.

        Parameters
        ----------
        now
            Time, UTC.

        Returns
        -------
        stands
            True if it is paused, or the pace forbids it yet.
        """
        return any(at is not None and at > now for at in (self.next_at, self.paused_until))


def get(connection: Connection, domain: str) -> Throttle:
    """
    Return how a domain is to be treated.

    Parameters
    ----------
    connection
        Of any transaction.
    domain
        The domain, or `ALL`.

    Returns
    -------
    throttle
        Without any limit but the width if nothing was noted.
    """
    row = (
        connection.execute(select(throttles).where(throttles.c.domain == domain))
        .mappings()
        .one_or_none()
    )
    return Throttle(domain=domain) if row is None else Throttle(**row)


def locked(connection: Connection, domain: str) -> Throttle:
    """
    Return how a domain is to be treated, and let no other sender claim until we are done.

    Parameters
    ----------
    connection
        Of a writing transaction.
    domain
        The domain, or `ALL`.

    Returns
    -------
    throttle
        As `get` returns it.
    """
    _be_alone(connection)
    return get(connection, domain)


def keep(connection: Connection, throttle: Throttle) -> None:
    """
    Note how a domain is to be treated from now on.

    Parameters
    ----------
    connection
        Of a writing transaction.
    throttle
        All of it.
    """
    _be_alone(connection)
    row: dict[str, Any] = {
        name: getattr(throttle, name)
        for name in ("domain", "next_at", "paused_until", "width", "problem")
    }
    moves = ("next_at", "paused_until", "width", "problem")
    upsert(connection, throttles, row, key=("domain",), moves=moves)


def paused(connection: Connection, now: datetime) -> tuple[Throttle, ...]:
    """
    Return what is not written to at present.

    Parameters
    ----------
    connection
        Of any transaction.
    now
        Time, UTC.

    Returns
    -------
    throttles
        By domain; `ALL` first if the whole queue stands.
    """
    rows = connection.execute(
        select(throttles).where(throttles.c.paused_until > now).order_by(throttles.c.domain)
    )
    return tuple(Throttle(**row) for row in rows.mappings())


def lift(connection: Connection) -> int:
    """
    Forget every pause, as an operator does who has mended what was wrong.

    Parameters
    ----------
    connection
        Of a writing transaction.

    Returns
    -------
    n_lifted
        Notes forgotten.
    """
    return connection.execute(delete(throttles)).rowcount


def _be_alone(connection: Connection) -> None:
    """
    Let nobody else claim or change a note until the transaction ends.

    One lock for all: two senders that took the notes of two domains each in their own order would
    wait for one another for ever, and a row that is not there yet cannot be locked.
    """
    if connection.dialect.name != "sqlite":  # there every writer is alone already
        connection.execute(_LOCK)


_LOCK: Final = text("SELECT pg_advisory_xact_lock(7361942119)")
"""Any number that no other program of the same server takes for its own advisory lock."""
