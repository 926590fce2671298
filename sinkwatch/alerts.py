"""Who must hear of what, from where they see it, and how many make a person look first."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from sinkwatch import geo
from sinkwatch.model import (
    Alert,
    Digest,
    Event,
    EventKind,
    MailKind,
    Subscriber,
    SubscriberId,
    Subscription,
    Topic,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

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

_BIT: Final = {topic: 1 << place for place, topic in enumerate(Topic)}


def _points(centres: Sequence[tuple[float, float]]) -> NDArray[np.object_]:
    return np.asarray(shapely.points(np.array(centres, dtype=float).reshape(-1, 2)))


Told = Mapping[tuple[SubscriberId, str], date]
"""When each subscriber was last told of each subject, Europe/London."""


@dataclass(frozen=True, slots=True, eq=False)
class Audience:
    """
    All subscribers, ready to be asked about any number of events.

    Attributes
    ----------
    subscribers
        In their order.
    owner
        Index of the subscriber of each place, shape (n_places,).
    points
        Centre of each place, EPSG:27700, shape (n_places,).
    radius_m
        Radius of each place, metres, shape (n_places,).
    topics
        What is heard of there, a bit for each topic, shape (n_places,).
    """

    subscribers: tuple[Subscriber, ...]
    owner: NDArray[np.int64]
    points: NDArray[np.object_]
    radius_m: NDArray[np.float64]
    topics: NDArray[np.int64]

    @classmethod
    def of(cls, subscribers: Iterable[Subscriber]) -> Audience:
        """
        Put subscribers in order once.

        Parameters
        ----------
        subscribers
            Confirmed ones.

        Returns
        -------
        audience
            For `hearers`.
        """
        people = tuple(subscribers)
        places = [(index, place) for index, one in enumerate(people) for place in one.subscriptions]
        centres = [(place.easting, place.northing) for _, place in places]
        return cls(
            subscribers=people,
            owner=np.array([index for index, _ in places], dtype=np.int64),
            points=_points(centres),
            radius_m=np.array([place.radius_m for _, place in places], dtype=float),
            topics=np.array([_bits(place.topics) for _, place in places], dtype=np.int64),
        )


def hearers(
    events: Sequence[Event], audience: Audience, told: Told
) -> tuple[tuple[SubscriberId, str], ...]:
    """
    Decide who must hear of what.

    A subscriber hears of what may lie within the radius of one of their places: the uncertainty of
    both positions counts in favour of telling. What could not be mapped goes to everyone, since it
    may be next door; what is no news goes to nobody. A correction, and a change of an application,
    goes to those who were told of the subject too; that it is no longer listed to them alone.

    Parameters
    ----------
    events
        What `events.events` returns.
    audience
        Every subscriber.
    told
        When each was last told of each subject.

    Returns
    -------
    pairs
        Subscriber and event key, each pair once, in order.
    """
    news = [event for event in events if event.is_news]
    pairs = {
        *_mapped(news, audience),
        *_unmapped(news, audience),
        *_own_bands(news, audience),
        *_followed(news, told, {one.subscriber_id for one in audience.subscribers}),
    }
    return tuple(sorted(pairs))


_Pairs = Iterable[tuple[SubscriberId, str]]


def _mapped(news: Sequence[Event], audience: Audience) -> _Pairs:
    """Return who has a place near what is mapped; one query of a tree, whatever their number."""
    mapped = [
        event
        for event in news
        if event.easting is not None and event.kind not in {*_ONLY_TO_THE_TOLD, _OWN_BAND}
    ]
    if not mapped or not audience.owner.size:
        return set()
    found = _near(mapped, audience)
    ids = np.array([one.subscriber_id for one in audience.subscribers], dtype=object)
    keys = np.array([event.key for event in mapped], dtype=object)
    each_once = np.unique(np.stack([audience.owner[found[0]], found[1]]), axis=1)
    return zip(ids[each_once[0]], keys[each_once[1]], strict=True)


def _near(mapped: Sequence[Event], audience: Audience) -> NDArray[np.int64]:
    """Return pairs of place and event that may lie within its radius, shape (2, n_pairs)."""
    at = _points([(event.easting or 0.0, event.northing or 0.0) for event in mapped])
    doubt_m = np.array([uncertainty_m(event) for event in mapped])
    asked, needed = (np.array(column) for column in zip(*map(_topics, mapped), strict=True))
    tree = shapely.STRtree(at)
    reach_m = audience.radius_m + doubt_m.max()
    place, event = tree.query(audience.points, predicate="dwithin", distance=reach_m)
    topics = audience.topics[place]
    is_wanted = ((topics & needed[event]) == needed[event]) & ((topics & asked[event]) != 0)
    place, event = place[is_wanted], event[is_wanted]
    distance_m = shapely.distance(audience.points[place], at[event])
    is_near = distance_m - doubt_m[event] <= audience.radius_m[place]
    return np.stack([place[is_near], event[is_near]])


def _unmapped(news: Sequence[Event], audience: Audience) -> _Pairs:
    for event in news:
        if event.easting is None and event.kind not in {*_ONLY_TO_THE_TOLD, _OWN_BAND}:
            asked = _DECIDED if event.kind in _DECISIONS else _ANY_APPLICATION
            for index in np.unique(audience.owner[(audience.topics & asked) != 0]).tolist():
                yield audience.subscribers[index].subscriber_id, event.key


def _own_bands(news: Sequence[Event], audience: Audience) -> _Pairs:
    changed = {event.subject: event.key for event in news if event.kind is _OWN_BAND}
    for subscriber in audience.subscribers if changed else ():
        for place in subscriber.subscriptions:
            if place.postcode in changed:
                yield subscriber.subscriber_id, changed[place.postcode]


def _followed(news: Sequence[Event], told: Told, present: set[SubscriberId]) -> _Pairs:
    kinds = {*_FOLLOW_UPS, *_ONLY_TO_THE_TOLD, *CORRECTIONS}
    keys: dict[str, list[str]] = {}
    for event in news:
        if event.kind in kinds:
            keys.setdefault(event.subject, []).append(event.key)
    for subscriber, subject in told if keys else ():
        if subscriber in present:
            yield from ((subscriber, key) for key in keys.get(subject, ()))


_OWN_BAND: Final = EventKind.BAND_CHANGED


def _bits(topics: Iterable[Topic]) -> int:
    return sum(_BIT[topic] for topic in topics)


_ANY_APPLICATION: Final = _bits({Topic.FLAGGED, Topic.BELT, Topic.DECISIONS})
_DECIDED: Final = _bits({Topic.DECISIONS})


def _topics(event: Event) -> tuple[int, int]:
    """Return the topics of which one must be asked for, and those that must be asked for all."""
    if event.kind in _RECORDS:
        return _BIT[Topic.RECORDS], 0
    asked = _BIT[Topic.FLAGGED] * event.is_flagged | _BIT[Topic.BELT] * event.in_belt
    if event.kind not in _DECISIONS:
        return asked, 0
    # Somebody who asks for decisions alone means those on what is flagged.
    return asked | _DECIDED * event.is_flagged, _DECIDED


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
        their places any more, which may be all of it.
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
        key=lambda alert: (alert.distance_m or 0.0, alert.subscription.postcode),
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


def _concerns(place: Subscription, event: Event) -> bool:
    if event.kind is _OWN_BAND:
        return place.postcode == event.subject
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
