"""Addresses that must not be written to, of which only an HMAC is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, select

from sinkwatch.store.tables import suppressions, upsert

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

UNSUBSCRIBED: Final = "unsubscribed"
ERASED: Final = "erased"
BOUNCED: Final = "bounced"
COMPLAINED: Final = "complained"
BY_OPERATOR: Final = "operator"

LIFTABLE: Final = frozenset({UNSUBSCRIBED, ERASED})
"""Reasons that end when the owner of the address asks for mail again and confirms it; an address
that bounced or complained is not written to until the operator says so."""


def suppress(connection: Connection, address_hmac: str, reason: str, at: datetime) -> None:
    """
    Keep that an address must not be written to, with the newest reason.

    Parameters
    ----------
    connection
        Of a writing transaction.
    address_hmac
        HMAC-SHA256 of it, hexadecimal.
    reason
        Why, such as `UNSUBSCRIBED`.
    at
        Time, UTC.
    """
    upsert(
        connection,
        suppressions,
        {"address_hmac": address_hmac, "reason": reason, "at": at},
        key=("address_hmac",),
        moves=("reason", "at"),
    )


def reason(connection: Connection, address_hmac: str) -> str:
    """
    Return why an address must not be written to.

    Parameters
    ----------
    connection
        Of any transaction.
    address_hmac
        HMAC-SHA256 of it, hexadecimal.

    Returns
    -------
    reason
        Empty if it may be.
    """
    found = select(suppressions.c.reason).where(suppressions.c.address_hmac == address_hmac)
    return str(connection.execute(found).scalar_one_or_none() or "")


def lift(connection: Connection, address_hmac: str) -> bool:
    """
    Let an address be written to again: its owner has asked for it.

    Parameters
    ----------
    connection
        Of a writing transaction.
    address_hmac
        HMAC-SHA256 of it, hexadecimal.

    Returns
    -------
    was_suppressed
        Whether it was suppressed.
    """
    lifted = delete(suppressions).where(suppressions.c.address_hmac == address_hmac)
    return connection.execute(lifted).rowcount > 0
