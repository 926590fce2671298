"""Where an item lies as seen from the reader's places, why they hear of it, and by when."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sinkwatch import wording
from sinkwatch.model import EventKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from sinkwatch.model import Alert, Subscriber, Subscription
    from sinkwatch.notify.items import Item


def where(item: Item, subscriber: Subscriber) -> str:
    """
    Say where an item is, as seen from the subscriber's nearest place.

    Parameters
    ----------
    item
        The item.
    subscriber
        Whose places.

    Returns
    -------
    sentence
        Such as "About 80 m (± 180 m) to the north-east of HG4 1HS; also within your radius of
        HG4 2AB."; an item that is not mapped is said to be so.
    """
    alert, postcode = item.first, item.first.subscription.postcode
    if item.is_own_band:
        return f"At {postcode}, your own postcode."
    if alert.distance_m is None or alert.distance_uncertainty_m is None:
        homes = _any_of([place.postcode for place in subscriber.subscriptions])
        return (
            "Not mapped: its place is not known well enough, so nobody can say from here how far "
            f"it is from {homes}."
        )
    distance = wording.about(alert.distance_m, alert.distance_uncertainty_m)
    direction = f" to the {alert.direction} of" if alert.direction else " from"
    also = "".join(_also(alert, subscriber))
    return f"{distance[0].upper()}{distance[1:]}{direction} {postcode}{also}."


def _also(alert: Alert, subscriber: Subscriber) -> Iterator[str]:
    """Name the other places that it concerns, as surely as its position allows."""
    others = [place for place in subscriber.subscriptions if place.postcode in alert.also_near]
    within = [place.postcode for place in others if _is_within(alert, place)]
    perhaps = [place.postcode for place in others if not _is_within(alert, place)]
    if within:
        yield f"; also within your radius of {wording.joined(within)}"
    if perhaps:
        yield f"; it may be within your radius of {wording.joined(perhaps)} too"


def _is_within(alert: Alert, place: Subscription) -> bool:
    east = (alert.event.easting or 0.0) - place.easting
    north = (alert.event.northing or 0.0) - place.northing
    return math.hypot(east, north) <= place.radius_m


def _any_of(postcodes: list[str]) -> str:
    return wording.joined(postcodes).replace(" and ", " or ")


def why(item: Item, subscriber: Subscriber) -> str:
    """
    Say why a subscriber hears of an item.

    Parameters
    ----------
    item
        The item.
    subscriber
        Who asked for what.

    Returns
    -------
    sentence
        Names the radius asked for, and whether the item is flagged.
    """
    flagged = ". It is flagged, for the reasons above" if item.is_flagged and item.lines else ""
    is_wrong = item.first.event.kind is EventKind.RETRACTED
    return f"You hear of it because {_reason(item, subscriber)}{'' if is_wrong else flagged}."


def _reason(item: Item, subscriber: Subscriber) -> str:
    alert = item.first
    place, distance_m = alert.subscription, alert.distance_m
    if item.is_own_band:
        return "it is about the postcode you gave"
    if item.is_correction:
        return "we told you of it before"
    if distance_m is None:
        asked = _any_of([_asked(place) for place in subscriber.subscriptions])
        return f"you asked about {asked}, and it may be there"
    if distance_m <= place.radius_m:
        return f"it is within {_asked(place)}, as you asked"
    if distance_m - (alert.distance_uncertainty_m or 0.0) <= place.radius_m:
        return f"it may be within {_asked(place)}: its place is not known exactly"
    return "we told you of it before"


def _asked(place: Subscription) -> str:
    return f"{wording.distance_text(place.radius_m)} of {place.postcode}"


def within(place: Subscription) -> str:
    """
    Name a place with its radius.

    Parameters
    ----------
    place
        The place.

    Returns
    -------
    words
        Such as "within 500 m of HG4 1HS".
    """
    return f"within {_asked(place)}"


def asked(places: Sequence[Subscription], rock: str) -> str:
    """
    Say where one hears of what; places with the same topics in one breath.

    Parameters
    ----------
    places
        The places.
    rock
        What the area calls its rock, such as "gypsum".

    Returns
    -------
    words
        To follow "what lies".
    """
    by_topics: dict[str, list[str]] = {}
    topics = wording.topics(rock)
    for place in places:
        wanted = [words for topic, words in topics.items() if topic in place.topics]
        told = wording.joined([*wanted, "any change of the postcode's band"])
        by_topics.setdefault(told, []).append(within(place))
    return "; and ".join(f"{wording.joined(where)}: {told}" for told, where in by_topics.items())


def deadline(day: date) -> str:
    """
    Say which date to keep in mind.

    Councils give one consultation date, on which it begins with some and ends with others.

    Parameters
    ----------
    day
        The date.

    Returns
    -------
    sentence
        Claims no more than that.
    """
    return (
        f"Consultation date {wording.date_text(day)}; the council's record says until when "
        "comments are taken."
    )
