"""From a digest to the finished bytes of one e-mail."""

from __future__ import annotations

from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from typing import TYPE_CHECKING, Final

from sinkwatch import wording
from sinkwatch.errors import ConfigError
from sinkwatch.model import Message
from sinkwatch.notify import addresses, items, letter
from sinkwatch.notify.letter import Context
from sinkwatch.notify.preview import preview
from sinkwatch.notify.tokens import Purpose, Signer

if TYPE_CHECKING:
    from datetime import datetime

    from sinkwatch.model import Area, Digest, MessageId
    from sinkwatch.notify.picture import Picture

__all__ = ["Context", "Sender", "message", "preview"]

_UNFOLDED: Final = frozenset({"list-unsubscribe", "list-unsubscribe-post", "message-id"})
"""Headers that programs read, kept in one piece."""


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
        Signs unsubscribe links and bounce addresses.
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


def message(  # noqa: PLR0913 - all that goes into one mail, each by its name
    digest: Digest,
    *,
    sender: Sender,
    context: Context,
    picture: Picture | None,
    message_id: MessageId,
    at: datetime,
) -> Message:
    """
    Render a digest; the same arguments give the same bytes.

    Parameters
    ----------
    digest
        What is new for one subscriber; never empty.
    sender
        Who writes.
    context
        The area, its sources and the subscriber's own postcode.
    picture
        The inline map; None for a mail without.
    message_id
        What `addresses.message_id` returns, one per recipient.
    at
        When it was written, aware.

    Returns
    -------
    message
        With its final bytes: text, HTML and picture, CRLF line ends.

    Raises
    ------
    ConfigError
        If there is nothing to tell, the time has no zone, or an address is not canonical.
    """
    subscription = digest.subscription
    _check(digest, at)
    token = sender.signer.sign(Purpose.UNSUBSCRIBE, subscription.subscription_id, at=at)
    mail = _addressed(digest, sender, message_id=message_id, at=at)
    _add_list_headers(mail, sender, context.area.name, token)
    frame = letter.Frame(
        sender_name=sender.from_name,
        contact=sender.contact,
        map_url=f"{sender.public_url}/",
        unsubscribe_url=_unsubscribe_url(sender, token),
        picture_cid=f"map.{message_id}" if picture else "",
        picture_alt=picture.alt if picture else "",
    )
    text, html = letter.bodies(digest, context, frame)
    _fill(mail, text, html, boundary=addresses.local_part(message_id))
    if picture is not None:
        _add_picture(mail, picture, frame.picture_cid, boundary=addresses.local_part(message_id))
    return Message(
        message_id=message_id,
        subscription_id=subscription.subscription_id,
        recipient=subscription.email,
        envelope_sender=sender.signer.bounce_address(message_id, sender.domain),
        subject=letter.subject(digest),
        mime=mail.as_bytes(policy=_POLICY),
        event_keys=tuple(alert.event.key for alert in digest.alerts),
    )


def _check(digest: Digest, at: datetime) -> None:
    if not digest.alerts:
        raise ConfigError("digest", "has nothing to tell", "Render only digests with alerts")
    if at.tzinfo is None:
        raise ConfigError(f"time {at}", "has no zone", "Hand down an aware UTC time")
    if addresses.address(digest.subscription.email) != digest.subscription.email:
        raise ConfigError(
            "the subscriber's address",
            "is not in its canonical form",
            "Store it as addresses.address gives it",
        )


def _addressed(
    digest: Digest, sender: Sender, *, message_id: MessageId, at: datetime
) -> EmailMessage:
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = Address(sender.from_name, addr_spec=sender.from_address)
    mail["To"] = Address(addr_spec=digest.subscription.email)
    mail["Date"] = at
    mail["Message-ID"] = f"<{message_id}>"
    mail["Subject"] = letter.subject(digest)
    return mail


def _add_list_headers(mail: EmailMessage, sender: Sender, area_name: str, token: str) -> None:
    domain = sender.domain
    leave = f"<{_unsubscribe_url(sender, token)}>, <mailto:unsubscribe@{domain}?subject={token}>"
    mail["List-Id"] = f"{wording.clean(area_name)} sinkhole alerts <alerts.{domain}>"
    mail["List-Unsubscribe"] = leave
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail["Auto-Submitted"] = "auto-generated"
    mail["Precedence"] = "bulk"
    mail["X-Auto-Response-Suppress"] = "OOF, AutoReply"


def _unsubscribe_url(sender: Sender, token: str) -> str:
    return f"{sender.public_url}/u/{token}"


def _fill(mail: EmailMessage, text: str, html: str, *, boundary: str) -> None:
    # Quoted-printable keeps every line short and plain ASCII, whatever a relay thinks of 8 bits.
    mail.set_content(text, cte="quoted-printable")
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    mail.set_boundary(f"=_a.{boundary}")


def _add_picture(mail: EmailMessage, picture: Picture, cid: str, *, boundary: str) -> None:
    _, page = mail.iter_parts()
    page.add_related(picture.png, "image", "png", cid=f"<{cid}>", disposition="inline")
    page.set_param("type", "text/html")
    # A random boundary, the library's own way, would make every retry a different mail.
    page.set_boundary(f"=_r.{boundary}")


class _HeaderPolicy(EmailPolicy):
    """The SMTP policy, but for headers that programs read: it would encode a long link as words."""

    def fold(self, name: str, value: str) -> str:
        if name.lower() not in _UNFOLDED:
            return str(super().fold(name, value))
        return f"{name}: {value.replace(', ', ',' + self.linesep + ' ')}{self.linesep}"

    def fold_binary(self, name: str, value: str) -> bytes:
        return self.fold(name, value).encode("ascii")


_POLICY: Final = _HeaderPolicy(linesep=SMTP.linesep)
