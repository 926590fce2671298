"""In whose name mail is written, and the signed links that lead back to us."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sinkwatch import wording
from sinkwatch.errors import ConfigError
from sinkwatch.notify import addresses, items
from sinkwatch.notify.tokens import Purpose, Signer

if TYPE_CHECKING:
    from datetime import datetime

    from sinkwatch.model import Area, Subscriber, SubscriberId

_ADDRESS_DIGITS: Final = 16  # 64 bits: the id beside it is signed, nobody gets to try


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """
    Who writes.

    Attributes
    ----------
    from_name
        Constant name shown as the sender, such as "Ripon Sinkwatch".
    from_address
        Constant address of the sender.
    domain
        Domain of Message-IDs, bounces and the List-Id.
    public_url
        Where the published map and the unsubscribe links answer; https, without a last slash.
    contact
        Address for corrections.
    signer
        Signs links and bounce addresses.
    """

    from_name: str
    from_address: str
    domain: str
    public_url: str
    contact: str
    signer: Signer

    def __post_init__(self) -> None:
        """Refuse what could not stand in a header or a link."""
        for address in (self.from_address, self.contact, f"alerts@{self.domain}"):
            if addresses.address(address) != address:
                raise ConfigError(address, "is not in its canonical form", "Write it in lower case")
        if not self.from_name or wording.clean(self.from_name) != self.from_name:
            raise ConfigError(
                f"sender's name {self.from_name!r}", "must be one plain line", "Shorten it"
            )
        is_link = self.public_url.startswith("https://") and items.safe_url(self.public_url)
        if not is_link or self.public_url.endswith("/"):
            raise ConfigError(
                f"public_url {self.public_url!r}",
                "must be an https link without a slash at its end",
                "Write it like https://alerts.example.org",
            )

    @classmethod
    def of(
        cls, area: Area, signer: Signer, *, domain: str, public_url: str, contact: str
    ) -> Sender:
        """
        Return the sender of an area's mails.

        Parameters
        ----------
        area
            Gives the sender's name.
        signer
            Signs links and bounce addresses.
        domain, public_url, contact
            As in the attributes.

        Returns
        -------
        sender
            Writing from ``alerts@domain``.
        """
        return cls(
            from_name=f"{area.name} Sinkwatch",
            from_address=f"alerts@{domain}",
            domain=domain,
            public_url=public_url,
            contact=contact,
            signer=signer,
        )

    def leave_token(self, subscriber_id: SubscriberId, at: datetime) -> str:
        """
        Sign the way out for a subscriber.

        Parameters
        ----------
        subscriber_id
            Who leaves with it.
        at
            When, aware.

        Returns
        -------
        token
            For `leave_url` and for the mail by which one leaves.
        """
        return self.signer.sign(Purpose.UNSUBSCRIBE, subscriber_id, at=at)

    def leave_url(self, token: str) -> str:
        """
        Return the page on which one leaves.

        Parameters
        ----------
        token
            Of `leave_token`.

        Returns
        -------
        url
            With one button.
        """
        return f"{self.public_url}/u/{token}"

    def own_page_id(self, subscriber: Subscriber) -> str:
        """
        Return what the link to a person's own page names: them, at the address they have now.

        Who has the mails of an address that they have left must not change anything any more.

        Parameters
        ----------
        subscriber
            Whose page.

        Returns
        -------
        public_id
            Their id, a hyphen and the beginning of a keyed hash of the address.
        """
        digest = addresses.address_hmac(self.signer.secret, subscriber.email)
        return f"{subscriber.subscriber_id}-{digest[:_ADDRESS_DIGITS]}"

    def manage_token(self, subscriber: Subscriber, at: datetime) -> str:
        """
        Sign the way to a person's own page.

        Parameters
        ----------
        subscriber
            Whose.
        at
            When, aware.

        Returns
        -------
        token
            Of no use once they have another address.
        """
        return self.signer.sign(Purpose.MANAGE, self.own_page_id(subscriber), at=at)

    def manage_url(self, subscriber: Subscriber, at: datetime) -> str:
        """
        Return the page on which one changes what one hears of.

        Parameters
        ----------
        subscriber
            Whose.
        at
            When it is signed, aware.

        Returns
        -------
        url
            Signed for that person at that address.
        """
        return f"{self.public_url}/m/{self.manage_token(subscriber, at)}"

    def confirm_url(self, signup_id: str, at: datetime) -> str:
        """
        Return the page on which a request is confirmed.

        Parameters
        ----------
        signup_id
            The request.
        at
            When it is signed, aware.

        Returns
        -------
        url
            With one button.
        """
        return f"{self.public_url}/confirm/{self.signer.sign(Purpose.CONFIRM, signup_id, at=at)}"
