"""Who must hear of what, from where they see it, and how many make a person look first."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from sinkwatch import geo, grid
from sinkwatch.model import (
    Alert,
    Digest,
    Event,
    EventKind,
    MailKind,
    Subscriber,
    SubscriberId,
    Subscription,
    Subscriptions,
    Topic,
)

POSTCODE_UNCERTAINTY_M: Final = 100.0
"""How well a postcode's centre stands for an address in it, metres (sinkwatch position rules)."""

CORRECTIONS: Final = frozenset(
    {EventKind.SINKHOLE_CORRECTED, EventKind.SINKHOLE_REMOVED, EventKind.RETRACTED}
)
"""What puts right something that was told: it goes at once to exactly those who were told."""

BRAKE_LEAST: Final = 20
"""A run that concerns no more subscribers than this never waits (sinkwatch mail rules)."""

BRAKE_SHARE: Final = 0.1
"""Share of all subscribers beyond which a run waits for a person (sinkwatch mail rules)."""

BRAKE_TIMES: Final = 5
"""Times the median of the runs of the last 30 days beyond which a run waits."""

_FOLLOW_UPS: Final = frozenset({EventKind.APPLICATION_CHANGED})
"""What those who were told of the subject hear wherever it lies now: it may just have moved."""

_ONLY_TO_THE_TOLD: Final = frozenset({EventKind.APPLICATION_UNLISTED, EventKind.RETRACTED})

_TO_THE_TOLD: Final = _FOLLOW_UPS | _ONLY_TO_THE_TOLD | CORRECTIONS

_OWN_BAND: Final = EventKind.BAND_CHANGED

_DECISIONS: Final = frozenset(
    {
        EventKind.APPLICATION_DECIDED,
        EventKind.APPLICATION_WITHDRAWN,
        EventKind.APPLICATION_APPEALED,
    }
)
_RECORDS: Final = frozenset(
    {EventKind.SINKHOLE_NEW, EventKind.SINKHOLE_CORRECTED, EventKind.SINKHOLE_REMOVED}
)

_PEOPLE_AT_ONCE: Final = 2_000
"""Subscribers matched together: in a town, each may be near thousands of applications."""

_PAIRS_AT_ONCE: Final = 2_000_000
"""So few subscribers are matched together that those who ask of all that is not mapped fit in."""

_BIT: Final = {topic: 1 << place for place, topic in enumerate(Topic)}

_Integers = NDArray[np.int64]

Told = Mapping[tuple[SubscriberId, str], date]
"""When each subscriber was last told of each subject, Europe/London."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Audience:
    """
    All subscribers, ready to be asked about any number of events.

    Attributes
    ----------
    ids
        Of each subscriber, ascending, shape (n_subscribers,).
    owner
        Index of the subscriber of each place, ascending, shape (n_places,).
    postcodes
        Of each place, shape (n_places,).
    centres
        Easting and northing of each place, metres, EPSG:27700, shape (n_places, 2).
    radius_m
        Radius of each place, metres, shape (n_places,).
    topics
        What is heard of there, a bit for each topic, shape (n_places,).
    """

    ids: NDArray[np.object_]
    owner: _Integers
    postcodes: NDArray[np.object_]
    centres: NDArray[np.float64]
    radius_m: NDArray[np.float64]
    topics: _Integers

    @classmethod
    def of(cls, subscriptions: Subscriptions) -> Audience:
        """
        Put subscribers in order once.

        Parameters
        ----------
        subscriptions
            Confirmed ones, in any order.

        Returns
        -------
        audience
            For `hearers`.
        """
        ids = sorted(set(subscriptions.owners))
        index = {one: number for number, one in enumerate(ids)}
        owner = np.array([index[one] for one in subscriptions.owners], dtype=np.int64)
        by_owner = np.argsort(owner, kind="stable")
        # So many places ask for so few sets of topics.
        bits = {topics: _bits(topics) for topics in set(subscriptions.topics)}
        topics = np.array([bits[topics] for topics in subscriptions.topics], dtype=np.int64)
        centres = np.array([subscriptions.easting, subscriptions.northing], dtype=float)
        return cls(
            ids=np.array(ids, dtype=object),
            owner=owner[by_owner],
            postcodes=np.array(subscriptions.postcodes, dtype=object)[by_owner],
            centres=centres.T[by_owner],
            radius_m=np.array(subscriptions.radius_m, dtype=float)[by_owner],
            topics=topics[by_owner],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class News:
    """
    What is to be told, ready for any number of subscribers.

    Attributes
    ----------
    keys
        Of the events that are news, ascending, shape (n_news,).
    kinds, subjects
        Of each, shape (n_news,).
    centres
        Easting and northing, metres, EPSG:27700; NaN if not mapped; shape (n_news, 2).
    doubt_m
        How well the distance from a postcode is known, metres, shape (n_news,).
    topics
        As bits: those of which one must be asked for (if none, nobody hears of it by place), and
        those that must be asked for all; shape (n_news, 2).
    """

    keys: NDArray[np.object_]
    kinds: Sequence[EventKind]
    subjects: Sequence[str]
    centres: NDArray[np.float64]
    doubt_m: NDArray[np.float64]
    topics: _Integers

    @classmethod
    def of(cls, events: Iterable[Event]) -> News:
        """
        Put what is news in order once.

        Parameters
        ----------
        events
            What `events.events` returns.

        Returns
        -------
        news
            For `matches`.
        """
        by_key = {event.key: event for event in events if event.is_news}
        keys = sorted(by_key)
        news = [by_key[key] for key in keys]
        # None becomes NaN.
        centres = np.array([(one.easting, one.northing) for one in news], dtype=float)
        doubt_m = np.array([one.position_uncertainty_m for one in news], dtype=float)
        return cls(
            keys=np.array(keys, dtype=object),
            kinds=[one.kind for one in news],
            subjects=[one.subject for one in news],
            centres=centres.reshape(-1, 2),
            doubt_m=np.hypot(doubt_m, POSTCODE_UNCERTAINTY_M),
            topics=np.array([_topics(one) for one in news], dtype=np.int64).reshape(-1, 2),
        )

    def by_subject(self, kinds: AbstractSet[EventKind]) -> dict[str, list[int]]:
        """
        Find the news of some kinds.

        Parameters
        ----------
        kinds
            Which.

        Returns
        -------
        numbers
            Indices by subject.
        """
        found: dict[str, list[int]] = {}
        for number, kind in enumerate(self.kinds):
            if kind in kinds:
                found.setdefault(self.subjects[number], []).append(number)
        return found


def hearers(
    events: Iterable[Event], audience: Audience, told: Told
) -> Iterator[tuple[SubscriberId, str]]:
    """
    Decide who must hear of what.

    A subscriber hears of what may lie within the radius of one of their places: the uncertainty of
    both positions counts in favour of telling. An application that could not be mapped goes to
    everyone who asks about any, since it may be next door; what is no news goes to nobody. A
    correction, and a change of an application, goes to those who were told of the subject too; that
    it is no longer listed, or was told by mistake, to them alone.

    Parameters
    ----------
    events
        What `events.events` returns.
    audience
        Every subscriber.
    told
        When each was last told of each subject; needed for those of `follow_ups` only.

    Returns
    -------
    pairs
        Subscriber and event key, each pair once, in order; to be gone through once, since in a
        town there may be millions.
    """
    news = News.of(events)
    named = (
        zip(audience.ids[who].tolist(), news.keys[what].tolist(), strict=True)
        for who, what in matches(news, audience, told)
    )
    return itertools.chain.from_iterable(named)


def matches(news: News, audience: Audience, told: Told) -> Iterator[tuple[_Integers, _Integers]]:
    """
    Decide who must hear of what, as `hearers` does, by number.

    Parameters
    ----------
    news
        What there is.
    audience
        Every subscriber.
    told
        As in `hearers`.

    Yields
    ------
    who, what
        Indices of subscribers and of news, shape (n,): each pair once, in order, for some
        subscribers at a time.
    """
    n_news = len(news.keys)
    if not n_news:
        return
    nearby, nowhere = _Mapped.of(news), _Unmapped.of(news)
    wherever = np.sort(
        np.concatenate([_own_bands(news, audience), _followed(news, told, audience)])
    )
    step = max(1, min(_PEOPLE_AT_ONCE, _PAIRS_AT_ONCE // max(1, len(nowhere.number))))
    for start in range(0, len(audience.ids), step):
        people = np.array([start, start + step])
        some = slice(*np.searchsorted(audience.owner, people).tolist())
        rest = slice(*np.searchsorted(wherever, people * n_news).tolist())
        found = [
            who * n_news + what
            for who, what in (nearby.pairs(audience, some), nowhere.pairs(audience, some))
        ]
        yield np.divmod(grid.distinct([*found, wherever[rest]]), n_news)


def follow_ups(events: Iterable[Event]) -> frozenset[str]:
    """
    Return of what it matters who was told before.

    Parameters
    ----------
    events
        Any.

    Returns
    -------
    subjects
        Of the events that go to those who were told, wherever they live.
    """
    return frozenset(event.subject for event in events if event.kind in _TO_THE_TOLD)


@dataclass(frozen=True, slots=True, eq=False)
class _Mapped:
    """What is heard of by those near it: its number in the news, and where it may lie."""

    number: _Integers
    centres: NDArray[np.float64]
    doubt_m: NDArray[np.float64]
    topics: _Integers
    tree: shapely.STRtree

    @classmethod
    def of(cls, news: News) -> _Mapped:
        number = np.flatnonzero(~np.isnan(news.centres[:, 0]) & (news.topics[:, 0] != 0))
        centres, doubt_m = news.centres[number], news.doubt_m[number]
        tree = shapely.STRtree(_boxes(centres, doubt_m))
        return cls(number, centres, doubt_m, news.topics[number], tree)

    def pairs(self, audience: Audience, some: slice) -> tuple[_Integers, _Integers]:
        """Return who has one of some places near what; perhaps more than once."""
        centres, radius_m = audience.centres[some], audience.radius_m[some]
        place, event = self.tree.query(_boxes(centres, radius_m))
        east, north = (
            at[place] - of[event] for at, of in zip(centres.T, self.centres.T, strict=True)
        )
        is_heard = np.hypot(east, north) - self.doubt_m[event] <= radius_m[place]
        asked, needed = (bits[event] for bits in self.topics.T)
        is_heard &= _is_wanted(audience.topics[some][place], asked, needed)
        return audience.owner[some][place[is_heard]], self.number[event[is_heard]]


def _boxes(centres: NDArray[np.float64], reach_m: NDArray[np.float64]) -> NDArray[np.object_]:
    """Return boxes that hold circles, with a metre to spare: rounding must leave nobody out."""
    least, most = centres - reach_m[:, None] - 1, centres + reach_m[:, None] + 1
    return np.asarray(shapely.box(least[:, 0], least[:, 1], most[:, 0], most[:, 1]))


@dataclass(frozen=True, slots=True, eq=False)
class _Unmapped:
    """What is heard of by all who ask for such things: its number in the news."""

    number: _Integers
    topics: _Integers

    @classmethod
    def of(cls, news: News) -> _Unmapped:
        number = np.flatnonzero(np.isnan(news.centres[:, 0]) & (news.topics[:, 0] != 0))
        return cls(number, news.topics[number])

    def pairs(self, audience: Audience, some: slice) -> tuple[_Integers, _Integers]:
        """Return who asks for what at one of some places; perhaps more than once."""
        asked, needed = self.topics.T
        place, event = np.nonzero(_is_wanted(audience.topics[some][:, None], asked, needed))
        return audience.owner[some][place], self.number[event]


def _own_bands(news: News, audience: Audience) -> _Integers:
    """Return who lives where the band has changed: pairs of subscriber and news as one number."""
    changed = news.by_subject({_OWN_BAND})
    found = [
        int(audience.owner[place]) * len(news.keys) + what
        for place, postcode in enumerate(audience.postcodes if changed else ())
        for what in changed.get(postcode, ())
    ]
    return np.array(found, dtype=np.int64)


def _followed(news: News, told: Told, audience: Audience) -> _Integers:
    """Return who was told of what has changed or was wrong, as `_own_bands` does."""
    followed = news.by_subject(_TO_THE_TOLD)
    pairs = [(who, what) for who, subject in told for what in followed.get(subject, ())]
    present = {who: number for number, who in enumerate(audience.ids)} if pairs else {}
    found = [present[who] * len(news.keys) + what for who, what in pairs if who in present]
    return np.array(found, dtype=np.int64)


def _bits(topics: Iterable[Topic]) -> int:
    return sum(_BIT[topic] for topic in topics)


_ANY_APPLICATION: Final = _bits({Topic.FLAGGED, Topic.BELT, Topic.DECISIONS})
_DECIDED: Final = _BIT[Topic.DECISIONS]


def _topics(event: Event) -> tuple[int, int]:
    """Return the topics of which one must be asked for, and those that must be asked for all."""
    if event.kind in _ONLY_TO_THE_TOLD or event.kind is _OWN_BAND:
        return 0, 0
    if event.kind in _RECORDS:
        return _BIT[Topic.RECORDS], 0
    is_decision = event.kind in _DECISIONS
    if event.easting is None:
        return (_DECIDED if is_decision else _ANY_APPLICATION), 0
    asked = _BIT[Topic.FLAGGED] * event.is_flagged | _BIT[Topic.BELT] * event.in_belt
    if not is_decision:
        return asked, 0
    # Somebody who asks for decisions alone means those on what is flagged.
    return asked | _DECIDED * event.is_flagged, _DECIDED


def _is_wanted(
    topics: _Integers, asked: _Integers | int, needed: _Integers | int
) -> NDArray[np.bool_]:
    is_wanted: NDArray[np.bool_] = ((topics & needed) == needed) & ((topics & asked) != 0)
    return is_wanted


def uncertainty_m(event: Event) -> float:
    """
    Return how well the distance from a postcode to an event is known.

    Parameters
    ----------
    event
        With its position's uncertainty.

    Returns
    -------
    uncertainty_m
        Of both positions together, metres.
    """
    return float(np.hypot(event.position_uncertainty_m, POSTCODE_UNCERTAINTY_M))


def digest(
    subscriber: Subscriber, kind: MailKind, events: Iterable[Event], told: Told, *, today: date
) -> Digest:
    """
    Put what waits for a subscriber in the order in which a mail tells it.

    Parameters
    ----------
    subscriber
        For whom; seen from their places of today.
    kind
        What the mail will be.
    events
        What waits.
    told
        When they were last told of each subject.
    today
        Date of the mail, Europe/London.

    Returns
    -------
    digest
        Deadlines that are still to come first, then the nearest; without what concerns none of
        their places any more, or is not asked for there any more, which may be all of it.
    """
    placed = (_placed(subscriber, event, told) for event in events)
    alerts = [alert for alert in placed if alert is not None]
    return Digest(
        subscriber=subscriber,
        kind=kind,
        alerts=tuple(sorted(alerts, key=lambda alert: _order(alert, today))),
    )


def _placed(subscriber: Subscriber, event: Event, told: Told) -> Alert | None:
    """See an event from the nearest place that it concerns; None if it concerns none."""
    told_on = told.get((subscriber.subscriber_id, event.subject))
    places = [place for place in subscriber.subscriptions if _concerns(place, event)]
    if not places and told_on is None:
        return None
    seen = sorted(
        (_seen(place, event) for place in places or subscriber.subscriptions),
        key=lambda alert: _place_order(alert, event),
    )
    also = tuple(alert.subscription.postcode for alert in seen[1:]) if places else ()
    nearest = seen[0]
    return Alert(
        event=event,
        subscription=nearest.subscription,
        distance_m=nearest.distance_m,
        distance_uncertainty_m=nearest.distance_uncertainty_m,
        direction=nearest.direction,
        also_near=also if event.easting is not None else (),
        told_on=told_on,
    )


def _place_order(seen: Alert, event: Event) -> tuple[bool, float, str]:
    # What is said of a postcode itself has no position, and is seen from there.
    postcode = seen.subscription.postcode
    return postcode != event.subject, seen.distance_m or 0.0, postcode


def _concerns(place: Subscription, event: Event) -> bool:
    """Tell whether an event is one to hear of at a place, as `hearers` would."""
    if event.kind is _OWN_BAND:
        return place.postcode == event.subject
    is_wanted = _is_wanted(np.array(_bits(place.topics)), *_topics(event))
    if event.kind not in _ONLY_TO_THE_TOLD and not is_wanted:
        return False
    if event.easting is None or event.northing is None:
        return True
    away_m = float(np.hypot(place.easting - event.easting, place.northing - event.northing))
    return away_m - uncertainty_m(event) <= place.radius_m


def _seen(place: Subscription, event: Event) -> Alert:
    if event.easting is None or event.northing is None:
        return Alert(
            event=event,
            subscription=place,
            distance_m=None,
            distance_uncertainty_m=None,
            direction="",
        )
    away = event.easting - place.easting, event.northing - place.northing
    return Alert(
        event=event,
        subscription=place,
        distance_m=float(np.hypot(*away)),
        distance_uncertainty_m=uncertainty_m(event),
        direction=geo.compass_point(place.easting, place.northing, event.easting, event.northing),
    )


def _order(alert: Alert, today: date) -> tuple[bool, date, bool, float, str]:
    deadline = alert.event.deadline
    is_ahead = deadline is not None and deadline >= today
    return (
        not is_ahead,
        deadline if is_ahead and deadline is not None else date.max,
        alert.distance_m is None,
        alert.distance_m or 0.0,
        alert.event.key,
    )


def brake(n_concerned: int, n_subscribers: int, before: Sequence[int]) -> str:
    """
    Say why a run must wait for a person before anyone is told of what it found.

    Parameters
    ----------
    n_concerned
        How many subscribers it concerns.
    n_subscribers
        How many there are.
    before
        The same number for each run of the last 30 days that concerned anyone.

    Returns
    -------
    rule
        The limit that it exceeds, in words; empty if it need not wait.
    """
    if n_concerned <= BRAKE_LEAST:
        return ""
    share = BRAKE_SHARE * n_subscribers
    if n_concerned > max(BRAKE_LEAST, share):
        return f"more than {BRAKE_SHARE:.0%} of {n_subscribers} subscribers"
    usual = statistics.median(before) if before else 0
    if usual and n_concerned > BRAKE_TIMES * usual:
        return f"more than {BRAKE_TIMES} times the {usual:g} of a usual run"
    return ""
