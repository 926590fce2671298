"""How a mail of fixed words is made: one heading, some paragraphs, at most one link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sinkwatch import wording
from sinkwatch.model import MailKind, Message
from sinkwatch.notify import mime
from sinkwatch.notify.stationery import templates

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sinkwatch.model import Area, MessageId, SubscriberId
    from sinkwatch.notify.sender import Sender

MOST_SUBJECT: Final = 78
"""Characters of a subject: one header line."""

_CORRECTIONS: Final = "A question? Answers come within 5 working days:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """
    What a notice says.

    Attributes
    ----------
    subject
        One line; the heading too.
    before, after
        Paragraphs above and below its link.
    why
        Why the reader gets it.
    link
        Its words and where it leads; None if it has none.
    attachment
        A file that goes with it; None for nearly all.
    """

    subject: str
    before: tuple[str, ...]
    why: str
    link: tuple[str, str] | None = None
    after: tuple[str, ...] = ()
    attachment: mime.Attachment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """
    In whose name and when a notice is written.

    Attributes
    ----------
    sender
        Who writes.
    area
        The area.
    message_id
        One per recipient.
    at
        When, aware.
    """

    sender: Sender
    area: Area
    message_id: MessageId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """
    Who gets a notice, and as what.

    Attributes
    ----------
    email
        Canonical address.
    dedupe_key
        What is said to whom, as an id.
    kind
        What the message is.
    subscriber_id
        For whom; None if they are not, or no longer, a subscriber.
    signup_id
        The request that it asks to confirm; empty if none.
    leave_token
        With which they leave in one click; empty where there is nothing to leave.
    """

    email: str
    dedupe_key: str
    kind: MailKind = MailKind.SERVICE
    subscriber_id: SubscriberId | None = None
    signup_id: str = ""
    leave_token: str = ""


def message(notice: Notice, post: Post, to: Addressee) -> Message:
    """
    Write a notice; the same arguments give the same bytes.

    Parameters
    ----------
    notice
        What it says.
    post
        In whose name and when.
    to
        Who gets it.

    Returns
    -------
    message
        With its final bytes.

    Raises
    ------
    ConfigError
        If the time has no zone or the address is not canonical.
    """
    sender = post.sender
    subject = wording.trimmed(notice.subject, MOST_SUBJECT)
    words = {"notice": notice, "subject": subject, "sender": sender, "corrections": _CORRECTIONS}
    words["leave_url"] = sender.leave_url(to.leave_token) if to.leave_token else ""
    parts = mime.Parts(
        text=templates().get_template("notice.txt").render(words),
        html=templates().get_template("notice.html").render(words),
        attachment=notice.attachment,
    )
    return Message(
        message_id=post.message_id,
        kind=to.kind,
        recipient=to.email,
        envelope_sender=sender.signer.bounce_address(post.message_id, sender.domain),
        subject=subject,
        mime=mime.written(tuple(_headers(subject, post, to)), parts, post.message_id),
        dedupe_key=to.dedupe_key,
        subscriber_id=to.subscriber_id,
        signup_id=to.signup_id,
    )


def _headers(subject: str, post: Post, to: Addressee) -> Iterator[tuple[str, str]]:
    yield from mime.standing_headers(post.sender, to.email)
    yield from mime.identity_headers(post.message_id, subject, post.at)
    if to.leave_token:
        yield from mime.list_headers(post.sender, post.area.name, to.leave_token)
    yield from mime.AUTOMATIC
