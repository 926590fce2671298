"""Ids, hashes and signed links, by which people are known here."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sinkwatch.notify import addresses

if TYPE_CHECKING:
    from sinkwatch.notify.tokens import Purpose
    from sinkwatch.services import Services

CONFIRM_WITHIN: Final = timedelta(hours=48)
"""How long a link that confirms is good (sinkwatch mail rules)."""

MANAGE_WITHIN: Final = timedelta(days=90)
"""How long a link to one's own page is good; a new one is mailed for the asking."""

ID_BYTES: Final = 16  # 128 bits: a public id that nobody can guess and that says nothing


def hmac_of(services: Services, email: str) -> str:
    """
    Return what is kept of an address that is gone.

    Parameters
    ----------
    services
        With the secret.
    email
        Canonical address.

    Returns
    -------
    digest
        HMAC-SHA256, hexadecimal.
    """
    return addresses.address_hmac(services.secret(), email)


def unsigned(services: Services, purpose: Purpose, token: str, max_age: timedelta | None) -> str:
    """
    Return the id that a link was signed over.

    Parameters
    ----------
    services
        Clock and secret.
    purpose
        What it must have been signed for.
    token
        As it came back.
    max_age
        How long it lasts; None for ever.

    Returns
    -------
    public_id
        The id.

    Raises
    ------
    TokenError
        If it is forged, damaged, for another purpose or expired.
    """
    signer = services.sender().signer
    return signer.unsign(purpose, token, now=services.clock(), max_age=max_age)
