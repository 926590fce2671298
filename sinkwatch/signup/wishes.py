"""What somebody may wish for, found in the lists held, and the consent that goes with it."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sinkwatch import gazetteer, intake, survey, wording
from sinkwatch.errors import PlaceError
from sinkwatch.model import (
    Place,
    Signup,
    Subscriber,
    Subscription,
    SubscriptionId,
    Topic,
)
from sinkwatch.signup.identity import ID_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sinkwatch.services import Services

LEAST_RADIUS_M: Final = 250.0
"""Smallest radius: records and postcodes resolve about 100 m each, metres."""

MOST_RADIUS_M: Final = 2_000.0
"""Largest radius; beyond it everything in a town is near, metres."""

MOST_PLACES: Final = 10
"""Places of one person: a resident's, not a landlord's list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """
    A place that somebody wants to hear of, as they typed it.

    Attributes
    ----------
    postcode
        Their words.
    radius_m
        How far round it, metres.
    topics
        What to hear of there.
    """

    postcode: str
    radius_m: float
    topics: frozenset[Topic]


def subscription(services: Services, wish: Wish, now: datetime) -> Subscription:
    """
    Return the place that somebody wants to hear of, found in the lists held.

    Parameters
    ----------
    services
        With the area.
    wish
        As typed.
    now
        Time, UTC.

    Returns
    -------
    subscription
        Not kept yet.

    Raises
    ------
    PlaceError
        If the postcode is not held or lies outside the area, the radius is not offered, or there
        is nothing to hear of.
    """
    if not LEAST_RADIUS_M <= wish.radius_m <= MOST_RADIUS_M:
        raise PlaceError(
            f"a radius of {wish.radius_m:g} m",
            f"is not between {LEAST_RADIUS_M:g} m and {MOST_RADIUS_M:g} m",
            "Choose one of those offered",
        )
    if not wish.topics:
        raise PlaceError("nothing to hear of", "is no subscription", "Choose at least one")
    place = _place(services, wish.postcode)
    return Subscription(
        subscription_id=SubscriptionId(secrets.token_hex(ID_BYTES)),
        postcode=place.label,
        radius_m=wish.radius_m,
        easting=float(place.easting or 0.0),
        northing=float(place.northing or 0.0),
        topics=wish.topics,
        confirmed_at=now,
    )


def _place(services: Services, postcode: str) -> Place:
    """Find a postcode in the lists held; one that is in none is looked up if that is opted into."""
    try:
        return gazetteer.postcode(_names(services), postcode)
    except PlaceError:
        if not intake.look_up(services, postcode):
            raise
    return gazetteer.postcode(_names(services), postcode)


def _names(services: Services) -> gazetteer.Gazetteer:
    return survey.names(services.area, intake.recall(services))


def consent_record(signup: Signup, form: str) -> dict[str, Any]:
    """
    Return the record of a consent: what was agreed to, word for word by its hash, and how.

    Parameters
    ----------
    signup
        What was asked for.
    form
        Where it was given, such as ``web``.

    Returns
    -------
    consent
        JSON-able values; the time of the confirmation is added when it comes.
    """
    return consent_for([place.postcode for place in signup.wanted], form, signup.created_at)


def consent_for(postcodes: Sequence[str], form: str, at: datetime) -> dict[str, Any]:
    """
    Return the record of a consent to hear of some postcodes.

    Parameters
    ----------
    postcodes
        Theirs.
    form
        Where it was given, such as ``own page``.
    at
        When it was asked for, UTC.

    Returns
    -------
    consent
        JSON-able values.
    """
    words = wording.consent_text(postcodes)
    return {
        "for": words,
        "version": wording.CONSENT_VERSION,
        "sha256": hashlib.sha256(words.encode()).hexdigest(),
        "form": form,
        "asked_at": at.isoformat(),
    }


def refuse_too_many(known: Subscriber, wanted: Iterable[Subscription]) -> None:
    """
    Refuse more places than one person may have.

    Parameters
    ----------
    known
        The person.
    wanted
        Places to add; one of the same postcode as another is no further place.

    Raises
    ------
    PlaceError
        If there would be more than `MOST_PLACES`, and more than there are.
    """
    held = {place.postcode for place in known.subscriptions}
    if len(held.union(place.postcode for place in wanted)) > max(MOST_PLACES, len(held)):
        raise PlaceError(
            f"an {MOST_PLACES + 1}th place",
            f"is more than the {MOST_PLACES} of one person",
            "Remove one first",
        )
