"""What changed, who wants to hear of what, and the mail that tells them."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NewType

SubscriberId = NewType("SubscriberId", str)
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
    RETRACTED = "retracted"


class Topic(enum.StrEnum):
    """What a subscriber may ask to hear of, place by place."""

    FLAGGED = "flagged"
    BELT = "belt"
    RECORDS = "records"
    DECISIONS = "decisions"


DEFAULT_TOPICS: Final = frozenset({Topic.FLAGGED, Topic.RECORDS, Topic.DECISIONS})
"""What one hears of without choosing: all but the applications that are not flagged."""


class Frequency(enum.StrEnum):
    """How often a subscriber wants mail, if there is anything to tell."""

    AT_ONCE = "at_once"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class SignupPurpose(enum.StrEnum):
    """What a request asks for: once its address has confirmed it, but for a mail with a link."""

    SUBSCRIBE = "subscribe"
    CHANGE_ADDRESS = "change_address"
    OWN_PAGE = "own_page"


class MailKind(enum.StrEnum):
    """What a message is, the most urgent first."""

    CONFIRMATION = "confirmation"
    SERVICE = "service"
    OPERATOR = "operator"
    CORRECTION = "correction"
    ALERT = "alert"
    DIGEST = "digest"
    QUIET = "quiet"


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
    in_belt
        Whether it lies on ground where gypsum is present, by the layers held.
    site
        Name of the watched site that it touches; empty if none.
    deadline
        The council's consultation date if the application is still open; None if it gives none.
    anchor
        Folder of its page on the published site, such as "records/RS001"; empty if it has none.
    silent_since
        Set if it was found after a time in which no planning source could be read: the day on
        which one last could be, Europe/London.
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
    in_belt: bool = False
    site: str = ""
    deadline: date | None = None
    anchor: str = ""
    silent_since: date | None = None

    @property
    def key(self) -> str:
        """Return the id under which it is told once."""
        return f"{self.kind}:{self.subject}:{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """
    A standing request: a place, a radius, and what to hear of there.

    Attributes
    ----------
    subscription_id
        Random public id; says nothing about the person.
    postcode
        Where they want to hear of.
    radius_m
        How far round it, metres.
    easting, northing
        The postcode's centre, metres, EPSG:27700.
    topics
        What to hear of; a change of the postcode's own band is always told.
    confirmed_at
        When consent was confirmed, UTC.
    """

    subscription_id: SubscriptionId
    postcode: str
    radius_m: float
    easting: float
    northing: float
    confirmed_at: datetime
    topics: frozenset[Topic] = DEFAULT_TOPICS


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """
    A person with a confirmed address, and the places they asked about.

    Attributes
    ----------
    subscriber_id
        Random public id; says nothing about the person.
    email
        Canonical address.
    subscriptions
        Their places, by postcode; never none.
    confirmed_at
        When the address was confirmed, UTC.
    frequency
        How often they want mail.
    is_quiet_at_night
        Whether nothing is to go out between 21:00 and 08:00, Europe/London.
    paused_until
        No mail before that day, Europe/London; None if not paused.
    digested_at
        When their waiting alerts were last gathered into a mail, or found to be none, UTC.
    """

    subscriber_id: SubscriberId
    email: str
    subscriptions: tuple[Subscription, ...]
    confirmed_at: datetime
    frequency: Frequency = Frequency.AT_ONCE
    is_quiet_at_night: bool = False
    paused_until: date | None = None
    digested_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subscriptions:
    """
    Many people's subscriptions as columns of one length, for what looks at all of them at once.

    Attributes
    ----------
    owners
        Whose each is; in any order.
    postcodes
        Where they want to hear of.
    radius_m
        How far round each, metres.
    easting, northing
        The postcodes' centres, metres, EPSG:27700.
    topics
        What to hear of at each.
    """

    owners: Sequence[SubscriberId]
    postcodes: Sequence[str]
    radius_m: Sequence[float]
    easting: Sequence[float]
    northing: Sequence[float]
    topics: Sequence[frozenset[Topic]]

    @classmethod
    def of(cls, subscribers: Iterable[Subscriber]) -> Subscriptions:
        """
        Gather those of people.

        Parameters
        ----------
        subscribers
            In any order.

        Returns
        -------
        subscriptions
            All of theirs.
        """
        pairs = [(one.subscriber_id, at) for one in subscribers for at in one.subscriptions]
        return cls(
            owners=[owner for owner, _ in pairs],
            postcodes=[at.postcode for _, at in pairs],
            radius_m=[at.radius_m for _, at in pairs],
            easting=[at.easting for _, at in pairs],
            northing=[at.northing for _, at in pairs],
            topics=[at.topics for _, at in pairs],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """
    One new fact for one subscriber, told once, as seen from one of their places.

    Attributes
    ----------
    event
        What changed.
    subscription
        The place of theirs that it is nearest to.
    distance_m
        From that postcode's centre to what it concerns, metres; None if that is not mapped.
    distance_uncertainty_m
        Its uncertainty, metres; None if not mapped.
    direction
        Compass direction as seen from the postcode; empty if not mapped.
    also_near
        Postcodes of their other places that it concerns too.
    told_on
        When they were last told of the same subject, Europe/London; None if never.
    """

    event: Event
    subscription: Subscription
    distance_m: float | None
    distance_uncertainty_m: float | None
    direction: str
    also_near: tuple[str, ...] = ()
    told_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """
    What one subscriber is told at one time; rendered, it is one message.

    Attributes
    ----------
    subscriber
        For whom.
    kind
        `ALERT`, `DIGEST`, `CORRECTION` or, without any alert, `QUIET`.
    alerts
        What is new: what has a deadline first, then the nearest; what is not mapped last.
    quiet_month
        First day of the month in which there was nothing to tell; None unless it is `QUIET`.
    paused_from
        Whether it was held back because they had paused: the day of the oldest alert; None if not.
    """

    subscriber: Subscriber
    kind: MailKind
    alerts: tuple[Alert, ...]
    quiet_month: date | None = None
    paused_from: date | None = None

    @property
    def silent_since(self) -> date | None:
        """Return since when no planning source could be read that can be now; None if none was."""
        gaps = [alert.event.silent_since for alert in self.alerts]
        return min((gap for gap in gaps if gap is not None), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    One rendered e-mail in the outbox; its bytes never change again.

    Attributes
    ----------
    message_id
        The Message-ID header, one per recipient.
    kind
        What it is.
    recipient
        Canonical address.
    envelope_sender
        Where bounces go.
    subject
        For the operator's list.
    mime
        The finished bytes, CRLF line ends.
    dedupe_key
        What it says and to whom, as an id: the outbox takes each once, ever.
    event_keys
        What it tells.
    subscriber_id
        For whom; None if they are not yet, or no longer, a subscriber.
    signup_id
        The request that it asks to confirm; empty if none.
    """

    message_id: MessageId
    kind: MailKind
    recipient: str
    envelope_sender: str
    subject: str
    mime: bytes
    dedupe_key: str
    event_keys: tuple[str, ...] = ()
    subscriber_id: SubscriberId | None = None
    signup_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signup:
    """
    A request that its address has not confirmed yet.

    Attributes
    ----------
    signup_id
        Random public id; the link that confirms it is signed over this.
    email
        Canonical address that has to confirm.
    purpose
        What confirming does.
    wanted
        The places asked for; empty unless it is `SUBSCRIBE`.
    frequency
        How often they want mail.
    is_quiet_at_night
        Whether nothing is to go out at night.
    created_at
        When it was asked for, UTC.
    subscriber_id
        Who wants another address; None unless it is `CHANGE_ADDRESS`.
    """

    signup_id: str
    email: str
    purpose: SignupPurpose
    created_at: datetime
    wanted: tuple[Subscription, ...] = ()
    frequency: Frequency = Frequency.AT_ONCE
    is_quiet_at_night: bool = False
    subscriber_id: SubscriberId | None = None
