"""Which network a request comes from, behind a proxy or not, as limits count it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

UNKNOWN: Final = "unknown"
"""A peer without an address, such as one on a Unix socket; all of them are one client."""

_HOUSEHOLD_BITS: Final = 64
"""An IPv6 customer has a whole /64 (sinkwatch web rules)."""


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """
    Read the proxies that are trusted.

    Parameters
    ----------
    texts
        Addresses or networks, such as ``10.0.0.0/8``.

    Returns
    -------
    networks
        For `client`.
    """
    return tuple(ipaddress.ip_network(text) for text in texts)


def client(peer: str, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str:
    """
    Return the network that a request comes from.

    Only what a trusted proxy has written is believed: read from its end, the first address in
    ``X-Forwarded-For`` that is not a trusted proxy's own is the client. What stands before it may
    have been written by anybody.

    Parameters
    ----------
    peer
        Address at the other end of the connection.
    forwarded_for
        Values of ``X-Forwarded-For``, in their order.
    trusted
        Proxies that are believed.

    Returns
    -------
    network
        An IPv4 address, or the /64 of an IPv6 one.

    Examples
    --------
    >>> client("2001:db8::1", [], [])
    '2001:db8::/64'
    >>> client("10.0.0.1", ["198.51.100.7, 192.0.2.9"], networks(["10.0.0.0/8"]))
    '192.0.2.9'
    """
    hops = [hop.strip() for value in forwarded_for for hop in value.split(",")]
    here = _address(peer)
    while here is not None and hops and any(here in network for network in trusted):
        before = _address(hops.pop())
        if before is None:
            break
        here = before
    return UNKNOWN if here is None else _network(here)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _network(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((int(address), _HOUSEHOLD_BITS), strict=False))
