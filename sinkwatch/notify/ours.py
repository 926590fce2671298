"""What we wrote into our own mail and signed, found again in what somebody else sends us."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sinkwatch.errors import TokenError
from sinkwatch.notify.tokens import Purpose, Signer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

LEAVE_LOCAL: Final = "unsubscribe"
"""Before the @ of the address that the List-Unsubscribe header of every mail names."""

_NOT_BEFORE: Final = r"(?<![a-z0-9._+-])"
_NOT_AFTER: Final = r"(?![a-z0-9-]|\.[a-z0-9])"
_FLAGS: Final = re.ASCII | re.IGNORECASE


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """
    Finds our own signed addresses and tokens in text from outside, and no forged ones.

    Attributes
    ----------
    signer
        Signed them.
    domain
        Our domain.
    now
        The time, aware.
    """

    signer: Signer
    domain: str
    now: datetime

    def message_named(self, texts: Iterable[str]) -> str | None:
        """
        Return the first message that a bounce address in the texts names.

        Parameters
        ----------
        texts
            Values of header fields, the most trusted first.

        Returns
        -------
        message_local
            Of the Message-ID, before the @; None if there is no address that we signed.
        """
        for address in self._bounce_addresses(texts):
            with contextlib.suppress(TokenError):
                return self.signer.bounced(address)
        return None

    def has_bounce_address(self, texts: Iterable[str]) -> bool:
        """
        Say whether the texts hold anything that looks like a bounce address of ours.

        Parameters
        ----------
        texts
            Values of header fields.

        Returns
        -------
        has_bounce_address
            Whether they do, signed or forged.
        """
        return bool(self._bounce_addresses(texts))

    def subscriber_named(self, texts: Iterable[str]) -> str | None:
        """
        Return the subscriber that a List-Unsubscribe header names.

        Parameters
        ----------
        texts
            Values of such headers.

        Returns
        -------
        subscriber_id
            None if there is no token that we signed.
        """
        form = re.compile(
            rf"mailto:{LEAVE_LOCAL}@{re.escape(self.domain)}\?subject=([a-z0-9_.-]+)", _FLAGS
        )
        return self.subscriber_of(token for text in texts for token in form.findall(text))

    def subscriber_of(self, tokens: Iterable[str]) -> str | None:
        """
        Return the subscriber of the first token that we signed for leaving.

        Parameters
        ----------
        tokens
            Anything that may be one.

        Returns
        -------
        subscriber_id
            None if there is none.
        """
        for token in tokens:
            with contextlib.suppress(TokenError):
                return self.signer.unsign(Purpose.UNSUBSCRIBE, token, now=self.now)
        return None

    def is_left_at(self, texts: Iterable[str]) -> bool:
        """
        Say whether a mail went to the address for leaving.

        Parameters
        ----------
        texts
            Where it went, as its header says.

        Returns
        -------
        is_left_at
            Whether that address is among them.
        """
        form = f"{_NOT_BEFORE}{LEAVE_LOCAL}@{re.escape(self.domain)}{_NOT_AFTER}"
        return any(re.search(form, text, _FLAGS) for text in texts)

    def _bounce_addresses(self, texts: Iterable[str]) -> tuple[str, ...]:
        form = re.compile(
            rf"{_NOT_BEFORE}bounces\+[a-z0-9_-]{{1,64}}\.[a-z2-7]{{1,64}}"
            rf"@{re.escape(self.domain)}{_NOT_AFTER}",
            _FLAGS,
        )
        return tuple(dict.fromkeys(found for text in texts for found in form.findall(text)))
