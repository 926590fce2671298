"""From a digest to the finished bytes of one e-mail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sinkwatch import wording
from sinkwatch.errors import ConfigError
from sinkwatch.model import MailKind, Message, fingerprint
from sinkwatch.notify import items, letter, mime, subjects
from sinkwatch.notify.letter import Context
from sinkwatch.notify.preview import preview
from sinkwatch.notify.sender import Sender

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sinkwatch.model import Digest, MessageId, Subscription
    from sinkwatch.notify.items import Item
    from sinkwatch.notify.picture import Picture

__all__ = ["Context", "Sender", "maps", "message", "preview"]

_TELLING: Final = frozenset({MailKind.ALERT, MailKind.DIGEST, MailKind.CORRECTION})


def maps(digest: Digest, *, at: datetime) -> tuple[tuple[Subscription, tuple[Item, ...]], ...]:
    """
    Say which maps a mail needs, so that they can be drawn.

    Parameters
    ----------
    digest
        The digest.
    at
        When the mail is written, aware.

    Returns
    -------
    maps
        Each place that has something mapped, with what is to be drawn round it, numbered as in
        the mail.
    """
    return items.maps(digest, wording.london_date(at))


def message(  # noqa: PLR0913 - all that goes into one mail, each by its name
    digest: Digest,
    *,
    sender: Sender,
    context: Context,
    pictures: Sequence[tuple[str, Picture]],
    message_id: MessageId,
    at: datetime,
) -> Message:
    """
    Render a digest; the same arguments give the same bytes.

    Parameters
    ----------
    digest
        What is new for one subscriber, or the month in which nothing was.
    sender
        Who writes.
    context
        The area, its sources and the subscriber's own postcodes.
    pictures
        Postcode and inline map of each of `maps`; may be empty.
    message_id
        What `addresses.message_id` returns, one per recipient.
    at
        When it was written, aware.

    Returns
    -------
    message
        With its final bytes: text, HTML and pictures, CRLF line ends.

    Raises
    ------
    ConfigError
        If there is nothing to tell, a place has no assessment, the time has no zone, or an address
        is not canonical.
    """
    _check(digest, context, at)
    subscriber, today = digest.subscriber, wording.london_date(at)
    token = sender.leave_token(subscriber.subscriber_id, at)
    subject = subjects.subject(digest, today, gaps=letter.gaps(digest, context))
    drawn = tuple(
        (mime.Inline(cid=f"map{number}.{message_id}", png=picture.png), picture.alt)
        for number, (_, picture) in enumerate(pictures, start=1)
    )
    frame = letter.Frame(
        sender_name=sender.from_name,
        contact=sender.contact,
        public_url=sender.public_url,
        unsubscribe_url=sender.leave_url(token),
        manage_url=sender.manage_url(subscriber, at),
        figures=tuple(letter.Figure(cid=inline.cid, alt=alt) for inline, alt in drawn),
    )
    text, html = letter.bodies(digest, context, frame, today)
    parts = mime.Parts(text=text, html=html, inlines=tuple(inline for inline, _ in drawn))
    headers = (
        *mime.standing_headers(sender, subscriber.email),
        *mime.identity_headers(message_id, subject, at),
        *mime.list_headers(sender, context.area.name, token),
        *mime.AUTOMATIC,
    )
    return Message(
        message_id=message_id,
        kind=digest.kind,
        recipient=subscriber.email,
        envelope_sender=sender.signer.bounce_address(message_id, sender.domain),
        subject=subject,
        mime=mime.written(headers, parts, message_id),
        dedupe_key=_dedupe_key(digest),
        event_keys=tuple(alert.event.key for alert in digest.alerts),
        subscriber_id=subscriber.subscriber_id,
    )


def _check(digest: Digest, context: Context, at: datetime) -> None:
    if digest.kind in _TELLING and not digest.alerts:
        raise ConfigError("digest", "has nothing to tell", "Render only digests with alerts")
    if (digest.kind is MailKind.QUIET) != (digest.quiet_month is not None):
        raise ConfigError(
            f"digest of kind {digest.kind}",
            "must name a quiet month or tell news",
            "Do one of both",
        )
    if at.tzinfo is None:
        raise ConfigError(f"time {at}", "has no zone", "Hand down an aware UTC time")
    for place in digest.subscriber.subscriptions:
        if place.postcode not in context.assessments:
            raise ConfigError(
                f"place {place.subscription_id}", "has no assessment", "Hand down one for each"
            )


def _dedupe_key(digest: Digest) -> str:
    """Return the id of what is told to whom: the same telling, whenever rendered, has the same."""
    told = (
        {"events": sorted(alert.event.key for alert in digest.alerts)}
        if digest.quiet_month is None
        else {"month": [digest.quiet_month.isoformat()]}
    )
    return f"{digest.kind}:{digest.subscriber.subscriber_id}:{fingerprint(told)}"
