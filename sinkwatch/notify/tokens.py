"""Signed links: one salt per purpose, so that a link to one thing never opens another."""

from __future__ import annotations

import base64
import enum
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import itsdangerous

from sinkwatch.errors import ConfigError, TokenError
from sinkwatch.notify import addresses

if TYPE_CHECKING:
    from sinkwatch.model import MessageId

_LEAST_SECRET_BYTES: Final = 32
"""As many as SHA-256 gives out; fewer could be guessed from one mail."""

_BOUNCE_MAC_BYTES: Final = 10
"""80 bits: the local part of an address holds 64 characters, and 32 go to the message's id."""

_PUBLIC_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9_.-]{1,256}")
_BOUNCE: Final = re.compile(r"bounces\+([a-z0-9_-]{16,48})\.([a-z2-7]{16})@.+")


class Purpose(enum.StrEnum):
    """What a token is for."""

    UNSUBSCRIBE = "unsubscribe"
    CONFIRM = "confirm"
    MANAGE = "manage"
    BOUNCE = "bounce"
    FORM = "form"


@dataclass(frozen=True, slots=True)
class Signer:
    """
    Signs public ids and checks what comes back.

    Attributes
    ----------
    secret
        Key of this installation, 32 bytes or more; not shown in its repr.
    """

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse a key that is too short to keep anything."""
        if len(self.secret) < _LEAST_SECRET_BYTES:
            raise ConfigError(
                f"secret of {len(self.secret)} bytes",
                f"must have {_LEAST_SECRET_BYTES} or more",
                "Let sinkwatch make its own",
            )

    def sign(self, purpose: Purpose, public_id: str, *, at: datetime) -> str:
        """
        Return a token that says nothing but the id, its purpose and when it was made.

        Parameters
        ----------
        purpose
            The one thing it is good for.
        public_id
            Random id, letters and digits; an address is refused.
        at
            When, aware; whole seconds count.

        Returns
        -------
        token
            Fit for a URL as it stands.

        Raises
        ------
        ConfigError
            If the id could not stand in a URL.
        """
        if not _PUBLIC_ID.fullmatch(public_id):
            raise ConfigError(
                "public id of a token",
                "must be 1 to 64 letters, digits, hyphens or underscores",
                "Sign a random id, never an address",
            )
        return _SignerAt(self.secret, purpose, at).sign(public_id).decode("ascii")

    def unsign(
        self, purpose: Purpose, token: str, *, now: datetime, max_age: timedelta | None = None
    ) -> str:
        """
        Return the id in a token.

        Parameters
        ----------
        purpose
            What it must have been signed for.
        token
            As it came back.
        now
            The time, aware.
        max_age
            How long it lasts; None for ever.

        Returns
        -------
        public_id
            The id that was signed.

        Raises
        ------
        TokenError
            If it is forged, damaged, for another purpose or expired; the token is not repeated.
        """
        damaged = TokenError(
            f"this {purpose} link", "is damaged or not ours", "Copy it whole from the e-mail"
        )
        if not _TOKEN.fullmatch(token):
            raise damaged
        max_age_s = None if max_age is None else int(max_age.total_seconds())
        try:
            public_id = _SignerAt(self.secret, purpose, now).unsign(token, max_age=max_age_s)
        except itsdangerous.SignatureExpired as error:
            raise TokenError(f"this {purpose} link", "has expired", "Ask for a new one") from error
        except itsdangerous.BadData as error:
            raise damaged from error
        return public_id.decode("ascii")

    def bounce_address(self, message_id: MessageId, domain: str) -> str:
        """
        Return the envelope sender of a message: a bounce to it names the message, and only ours do.

        Parameters
        ----------
        message_id
            The message.
        domain
            Our domain.

        Returns
        -------
        address
            ``bounces+ID.MAC@domain``, lower case: bouncing relays do not keep case.
        """
        local = addresses.local_part(message_id)
        return f"bounces+{local}.{self._bounce_mac(local)}@{domain}"

    def bounced(self, address: str) -> str:
        """
        Return which message a bounce is about.

        Parameters
        ----------
        address
            Where the bounce was sent.

        Returns
        -------
        local_part
            Of the Message-ID, before the @.

        Raises
        ------
        TokenError
            If the address was not made by `bounce_address`.
        """
        found = _BOUNCE.fullmatch(address.lower())
        if found is None or not hmac.compare_digest(self._bounce_mac(found[1]), found[2]):
            raise TokenError(
                "this bounce address", "is damaged or not ours", "Take no notice of the bounce"
            )
        return found[1]

    def _bounce_mac(self, local: str) -> str:
        signer = itsdangerous.Signer(
            self.secret,
            salt=_salt(Purpose.BOUNCE),
            key_derivation="hmac",
            digest_method=hashlib.sha256,
        )
        mac = hmac.digest(signer.derive_key(), local.encode("ascii"), hashlib.sha256)[
            :_BOUNCE_MAC_BYTES
        ]
        return base64.b32encode(mac).decode("ascii").lower()


class _SignerAt(itsdangerous.TimestampSigner):
    """Signs at a moment that it is told, where its parent would read the clock."""

    def __init__(self, secret: bytes, purpose: Purpose, at: datetime) -> None:
        super().__init__(
            secret,
            salt=_salt(purpose),
            key_derivation="hmac",
            digest_method=hashlib.sha256,
        )
        self._at = at

    def get_timestamp(self) -> int:
        return int(self._at.timestamp())


def _salt(purpose: Purpose) -> bytes:
    return f"sinkwatch.{purpose}".encode()
