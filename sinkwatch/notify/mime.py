"""How the finished bytes of a mail are put together: headers, text, HTML, maps, an attachment."""

from __future__ import annotations

import binascii
import functools
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

from sinkwatch import wording
from sinkwatch.errors import ConfigError
from sinkwatch.notify import addresses
from sinkwatch.notify.ours import LEAVE_LOCAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sinkwatch.model import MessageId
    from sinkwatch.notify.sender import Sender

_EOL: Final = "\r\n"

_UNFOLDED: Final = frozenset(
    {"to", "date", "message-id", "list-unsubscribe", "list-unsubscribe-post"}
)
"""Headers of plain words that programs read, kept in one piece."""

_LINES_REMEMBERED: Final = 256
"""Headers whose form is kept: most are the same in every mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inline:
    """
    A picture that the HTML shows.

    Attributes
    ----------
    cid
        Its Content-ID, without angle brackets.
    png
        Its bytes.
    """

    cid: str
    png: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """
    A file that goes with a mail.

    Attributes
    ----------
    name
        What it is called; plain letters, digits, hyphens and dots.
    content_type
        Such as ``application/json``.
    content
        Its bytes.
    """

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """
    What a mail is made of.

    Attributes
    ----------
    text, html
        The two forms that say the same.
    inlines
        Pictures that the HTML shows.
    attachment
        A file that goes with it; None for nearly all.
    """

    text: str
    html: str
    inlines: Sequence[Inline] = ()
    attachment: Attachment | None = None


def written(headers: Iterable[tuple[str, str]], parts: Parts, message_id: MessageId) -> bytes:
    """
    Write a mail; the same arguments give the same bytes.

    The standard library takes ten times as long over the body of a mail, and draws its boundaries
    at random, which would make every retry a different mail.

    Parameters
    ----------
    headers
        Names and values, each name once.
    parts
        What it is made of.
    message_id
        Gives the boundaries.

    Returns
    -------
    mime
        ASCII, CRLF line ends, no line of the body longer than 78 characters.
    """
    mark = addresses.local_part(message_id)
    page = _related(parts, mark) if parts.inlines else _leaf(parts.html, "html")
    body = _multipart("alternative", f"=_a.{mark}", [_leaf(parts.text, "plain"), page])
    if parts.attachment is not None:
        body = _multipart("mixed", f"=_m.{mark}", [body, _attached(parts.attachment)])
    head = b"".join(_line(name, value) for name, value in headers)
    return head + b"MIME-Version: 1.0\r\n" + body


def standing_headers(sender: Sender, recipient: str) -> Iterator[tuple[str, str]]:
    """
    Yield who writes to whom.

    Parameters
    ----------
    sender
        Who writes.
    recipient
        Canonical address.

    Yields
    ------
    header
        Name and value.

    Raises
    ------
    ConfigError
        If the address is not canonical; it is not repeated.
    """
    if addresses.address(recipient) != recipient:
        raise ConfigError(
            "the recipient's address",
            "is not in its canonical form",
            "Store it as addresses.address gives it",
        )
    yield "From", str(Address(sender.from_name, addr_spec=sender.from_address))
    yield "To", recipient


def identity_headers(
    message_id: MessageId, subject: str, at: datetime
) -> Iterator[tuple[str, str]]:
    """
    Yield when which mail was written, and on what.

    Parameters
    ----------
    message_id
        One per recipient.
    subject
        One line.
    at
        When, aware.

    Yields
    ------
    header
        Name and value.

    Raises
    ------
    ConfigError
        If the time has no zone.
    """
    if at.tzinfo is None:
        raise ConfigError(f"time {at}", "has no zone", "Hand down an aware UTC time")
    yield "Date", format_datetime(at)
    yield "Message-ID", f"<{message_id}>"
    yield "Subject", subject


def list_headers(sender: Sender, area_name: str, token: str) -> Iterator[tuple[str, str]]:
    """
    Yield what makes it a list that one leaves in one click.

    Parameters
    ----------
    sender
        Who writes.
    area_name
        Of the list.
    token
        Of the subscriber, to leave with.

    Yields
    ------
    header
        Name and value.
    """
    domain = sender.domain
    leave = f"<{sender.leave_url(token)}>, <mailto:{LEAVE_LOCAL}@{domain}?subject={token}>"
    yield "List-Id", f"{wording.clean(area_name)} sinkhole alerts <alerts.{domain}>"
    yield "List-Unsubscribe", leave
    yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"


AUTOMATIC: Final = (
    ("Auto-Submitted", "auto-generated"),
    ("Precedence", "bulk"),
    ("X-Auto-Response-Suppress", "OOF, AutoReply"),
)
"""Headers that keep an absent reader's program from answering us."""


def _line(name: str, value: str) -> bytes:
    if name.lower() in _UNFOLDED:
        return f"{name}: {value.replace('>, <', f'>,{_EOL} <')}{_EOL}".encode("ascii")
    return _folded(name, value)


@functools.lru_cache(maxsize=_LINES_REMEMBERED)
def _folded(name: str, value: str) -> bytes:
    mail = EmailMessage(policy=_POLICY)
    mail[name] = value
    return mail.as_bytes().removesuffix(_EOL.encode())


_POLICY: Final = EmailPolicy(linesep=SMTP.linesep)


def _leaf(content: str, subtype: str) -> bytes:
    # Quoted-printable keeps every line short and plain ASCII, whatever a relay thinks of 8 bits.
    lines = content.rstrip("\n").replace("\n", _EOL) + _EOL
    head = (
        f'Content-Type: text/{subtype}; charset="utf-8"{_EOL}'
        f"Content-Transfer-Encoding: quoted-printable{_EOL}{_EOL}"
    )
    return head.encode("ascii") + binascii.b2a_qp(lines.encode())


def _related(parts: Parts, mark: str) -> bytes:
    pictures = [_picture(inline) for inline in parts.inlines]
    leaves = [_leaf(parts.html, "html"), *pictures]
    return _multipart("related", f"=_r.{mark}", leaves, f';{_EOL} type="text/html"')


def _picture(inline: Inline) -> bytes:
    head = (
        f"Content-Type: image/png{_EOL}Content-Transfer-Encoding: base64{_EOL}"
        f"Content-Disposition: inline{_EOL}Content-ID: <{inline.cid}>{_EOL}{_EOL}"
    )
    return head.encode("ascii") + _base64(inline.png)


def _attached(attachment: Attachment) -> bytes:
    head = (
        f"Content-Type: {attachment.content_type}{_EOL}Content-Transfer-Encoding: base64{_EOL}"
        f'Content-Disposition: attachment; filename="{attachment.name}"{_EOL}{_EOL}'
    )
    return head.encode("ascii") + _base64(attachment.content)


_BYTES_A_LINE: Final = 57
"""76 characters of base64 (RFC 2045, 6.8)."""


def _base64(content: bytes) -> bytes:
    pieces = (content[n : n + _BYTES_A_LINE] for n in range(0, len(content), _BYTES_A_LINE))
    return b"".join(binascii.b2a_base64(piece, newline=False) + b"\r\n" for piece in pieces)


def _multipart(subtype: str, boundary: str, leaves: Sequence[bytes], more: str = "") -> bytes:
    head = f'Content-Type: multipart/{subtype};{_EOL} boundary="{boundary}"{more}{_EOL}{_EOL}'
    opened = f"--{boundary}{_EOL}".encode("ascii")
    closed = f"--{boundary}--{_EOL}".encode("ascii")
    return head.encode("ascii") + b"".join(opened + leaf + b"\r\n" for leaf in leaves) + closed
