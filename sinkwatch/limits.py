"""How often anybody may ask for mail: bounds that protect a third party's inbox and our name."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sinkwatch.errors import LimitError
from sinkwatch.notify import addresses
from sinkwatch.store import signups

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from sinkwatch.services import Services

_Bounds = tuple[tuple[int, timedelta], ...]

POSTS_OF_A_CLIENT: Final[_Bounds] = ((5, timedelta(minutes=10)), (20, timedelta(days=1)))
"""Forms from one IPv4 address or IPv6 /64 (sinkwatch web rules)."""

MAILS_TO_AN_ADDRESS: Final[_Bounds] = (
    (1, timedelta(minutes=15)),
    (3, timedelta(hours=24)),
    (5, timedelta(days=30)),
)
"""Confirmations and the like to one address (sinkwatch web rules)."""

MAILS_IN_ALL: Final[_Bounds] = ((100, timedelta(hours=1)),)
"""Confirmations and the like to anybody; then sign-up is closed (sinkwatch web rules)."""

_ALL: Final = "mails"


def count_post(services: Services, connection: Connection, client: str, now: datetime) -> None:
    """
    Count a form, or refuse it.

    Parameters
    ----------
    services
        With the secret.
    connection
        Of the writing transaction that keeps what the form asks for.
    client
        Network address that it came from.
    now
        Time, UTC.

    Raises
    ------
    LimitError
        If there were too many from there, or too many mails went to anybody.
    """
    signups.count_alone(connection)
    for most, within in MAILS_IN_ALL:
        if signups.tallied(connection, _ALL, now - within) >= most:
            raise _refusal(within, is_closed=True)
    bucket = f"post:{addresses.address_hmac(services.secret(), _network(client))}"
    for most, within in POSTS_OF_A_CLIENT:
        if signups.tallied(connection, bucket, now - within) >= most:
            raise _refusal(within, is_closed=False)
    signups.tally(connection, bucket, now)


def may_mail(services: Services, connection: Connection, email: str, now: datetime) -> bool:
    """
    Count a mail that somebody's form asks for, if it may go.

    Parameters
    ----------
    services
        With the secret.
    connection
        Of the writing transaction that queues it.
    email
        Canonical address.
    now
        Time, UTC.

    Returns
    -------
    may
        False if the address, or everybody together, has had its share.
    """
    signups.count_alone(connection)
    bucket = f"mail:{addresses.address_hmac(services.secret(), _folded(email))}"
    bounds = ((bucket, MAILS_TO_AN_ADDRESS), (_ALL, MAILS_IN_ALL))
    for name, limits in bounds:
        if any(signups.tallied(connection, name, now - within) >= most for most, within in limits):
            return False
    for name, _ in bounds:
        signups.tally(connection, name, now)
    return True


def is_closed(connection: Connection, now: datetime) -> bool:
    """
    Tell whether so many mails went to anybody that forms are refused for now.

    Parameters
    ----------
    connection
        Of any transaction.
    now
        Time, UTC.

    Returns
    -------
    is_closed
        True until enough of them lie far enough back.
    """
    return any(
        signups.tallied(connection, _ALL, now - within) >= most for most, within in MAILS_IN_ALL
    )


def _refusal(within: timedelta, *, is_closed: bool) -> LimitError:
    who = "all requests together" if is_closed else "requests from here"
    return LimitError(
        "this request",
        f"{who} are as many as may be for now",
        "Try again later",
        retry_after_s=int(within.total_seconds()),
        is_closed=is_closed,
    )


def _network(client: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 that a household has."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        if mapped is None:
            return str(ipaddress.ip_network((address, 64), strict=False))
        return str(mapped)
    return str(address)


def _folded(email: str) -> str:
    """Return an address as it is counted: Gmail's dots and everyone's +tags are one mailbox."""
    local, _, domain = email.lower().partition("@")
    return f"{local.partition('+')[0].replace('.', '')}@{domain}"
