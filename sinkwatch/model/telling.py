"""What changed, who wants to hear of what, and the mail that tells them."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NewType

SubscriptionId = NewType("SubscriptionId", str)

MessageId = NewType("MessageId", str)


class EventKind(enum.StrEnum):
    """What a subscriber may hear of."""

    APPLICATION_NEW = "application_new"
    APPLICATION_CHANGED = "application_changed"
    APPLICATION_DECIDED = "application_decided"
    APPLICATION_WITHDRAWN = "application_withdrawn"
    APPLICATION_UNLISTED = "application_unlisted"
    APPLICATION_APPEALED = "application_appealed"
    SINKHOLE_NEW = "sinkhole_new"
    SINKHOLE_CORRECTED = "sinkhole_corrected"
    SINKHOLE_REMOVED = "sinkhole_removed"
    BAND_CHANGED = "band_changed"


class Outcome(enum.StrEnum):
    """What became of a message, in the words of GOV.UK Notify."""

    CREATED = "created"
    SENDING = "sending"
    SENT = "sent"
    TEMPORARY_FAILURE = "temporary-failure"
    PERMANENT_FAILURE = "permanent-failure"
    PARKED = "parked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """
    One subject whose recorded facts differ from the run before.

    Attributes
    ----------
    kind
        What sort of subject it is, such as ``application``; the store knows no list of them.
    subject
        Its id within that kind.
    version
        Fingerprint of the facts it has now; of its last ones if it is gone.
    before
        Facts until now; None if the subject is new.
    after
        Facts from now on; None if it is gone.
    is_baseline
        Whether this run is the first that ever recorded that kind, so that nothing is news.
    """

    kind: str
    subject: str
    version: str
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None
    is_baseline: bool


FINGERPRINT_LENGTH: Final = 16
"""Hexadecimal digits of a fingerprint: 64 bits, ample for the versions of one subject."""


def fingerprint(facts: Mapping[str, object]) -> str:
    """
    Return a short hash of facts; equal facts give an equal one, in whatever order.

    Parameters
    ----------
    facts
        What may change, as JSON-able values or values with a plain text form.

    Returns
    -------
    version
        Sixteen hexadecimal digits.

    Examples
    --------
    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    True
    """
    text = json.dumps(facts, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:FINGERPRINT_LENGTH]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """
    One thing that changed between two runs.

    Attributes
    ----------
    kind
        What happened.
    subject
        What it happened to: an application's key, a sinkhole's id, a postcode.
    version
        Fingerprint of the state it changed to; with kind and subject it makes the event unique.
    title
        What it concerns, a few words.
    happened
        What changed, one sentence.
    easting, northing
        Where, metres, EPSG:27700; None if not mapped.
    position_uncertainty_m
        How well that is known, metres.
    is_flagged
        Whether it is flagged: band High or above, near a counted record, or on a watched site.
    is_news
        Whether it is recent enough to tell anyone.
    lines
        Further facts, each a sentence: why it is flagged, dates, source.
    url
        Public record of it; empty if there is none.
    """

    kind: EventKind
    subject: str
    version: str
    title: str
    happened: str
    easting: float | None
    northing: float | None
    position_uncertainty_m: float
    is_flagged: bool
    is_news: bool
    lines: tuple[str, ...] = ()
    url: str = ""

    @property
    def key(self) -> str:
        """Return the id under which it is told once."""
        return f"{self.kind}:{self.subject}:{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """
    A standing request: a confirmed address, a postcode, a radius.

    Attributes
    ----------
    subscription_id
        Random public id; says nothing about the person.
    email
        Canonical address.
    postcode
        Where they want to hear of.
    radius_m
        How far round it, metres.
    easting, northing
        The postcode's centre, metres, EPSG:27700.
    confirmed_at
        When consent was confirmed, UTC.
    """

    subscription_id: SubscriptionId
    email: str
    postcode: str
    radius_m: float
    easting: float
    northing: float
    confirmed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """
    One new fact for one subscription, told once.

    Attributes
    ----------
    event
        What changed.
    distance_m
        From the postcode's centre to what it concerns, metres; None if that is not mapped.
    distance_uncertainty_m
        Its uncertainty, metres; None if not mapped.
    direction
        Compass direction as seen from the postcode; empty if not mapped.
    """

    event: Event
    distance_m: float | None
    distance_uncertainty_m: float | None
    direction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """
    The alerts of one subscriber in one run; rendered, it is one message.

    Attributes
    ----------
    subscription
        For whom.
    alerts
        What is new, nearest first; what is not mapped last.
    silent_since
        Set if it makes up for a time in which a planning source could not be read: the day on
        which that last could be, Europe/London.
    """

    subscription: Subscription
    alerts: tuple[Alert, ...]
    silent_since: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    One rendered e-mail in the outbox; its bytes never change again.

    Attributes
    ----------
    message_id
        The Message-ID header, one per recipient.
    subscription_id
        For whom.
    recipient
        Canonical address.
    envelope_sender
        Where bounces go.
    subject
        For the operator's list.
    mime
        The finished bytes, CRLF line ends.
    event_keys
        What it tells.
    """

    message_id: MessageId
    subscription_id: SubscriptionId
    recipient: str
    envelope_sender: str
    subject: str
    mime: bytes
    event_keys: tuple[str, ...]
