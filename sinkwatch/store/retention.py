"""What is not kept for ever: each thing goes when its time is over."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, or_, update

from sinkwatch.model import Outcome
from sinkwatch.store.tables import messages, signups, tallies

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

UNCONFIRMED: Final = timedelta(days=7)
"""How long a request that nobody confirmed is kept (sinkwatch privacy rules)."""

BODIES: Final = timedelta(days=30)
"""How long the words and the address of a mail are kept once it is dealt with (privacy rules)."""

OUTCOMES: Final = timedelta(days=365)
"""How long it is kept what became of a mail, without its address (privacy rules)."""

TALLIES: Final = timedelta(days=30)
"""How long it is kept that someone asked, as an HMAC (privacy rules)."""

_ENDED: Final = (Outcome.SENT, Outcome.PERMANENT_FAILURE, Outcome.EXPIRED, Outcome.PARKED)


def tidy(connection: Connection, now: datetime) -> int:
    """
    Delete what is past its time.

    Parameters
    ----------
    connection
        Of a writing transaction.
    now
        Time, UTC.

    Returns
    -------
    n_tidied
        Rows deleted or emptied.
    """
    emptied = (
        update(messages)
        .where(
            messages.c.state.in_(_ENDED),
            messages.c.created_at < now - BODIES,
            or_(messages.c.recipient != "", messages.c.subject != ""),
        )
        # What a relay said goes too: it often quotes the address.
        .values(recipient="", domain="", envelope_sender="", subject="", mime=b"", last_problem="")
    )
    steps = (
        delete(signups).where(signups.c.created_at < now - UNCONFIRMED),
        delete(tallies).where(tallies.c.at < now - TALLIES),
        delete(messages).where(
            messages.c.state.in_(_ENDED), messages.c.created_at < now - OUTCOMES
        ),
        emptied,
    )
    return sum(connection.execute(step).rowcount for step in steps)
