"""What people change on a page of their own, and what is held about them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from sinkwatch import erasures, limits, wording
from sinkwatch.errors import TokenError
from sinkwatch.model import (
    Frequency,
    Subscriber,
    SubscriberId,
    SubscriptionId,
)
from sinkwatch.notify import addresses, notices
from sinkwatch.notify.tokens import Purpose
from sinkwatch.signup.identity import MANAGE_WITHIN, hmac_of, unsigned
from sinkwatch.signup.leaving import leave_by_id, want_wiped
from sinkwatch.signup.wishes import Wish, consent_for, refuse_too_many, subscription
from sinkwatch.store import outbox, subscribers, suppressions

if TYPE_CHECKING:
    from sinkwatch.services import Services
    from sinkwatch.store import Store


def subscriber_of(services: Services, store: Store, token: str) -> Subscriber:
    """
    Return whose page a link opens.

    Parameters
    ----------
    services
        Clock and secret.
    store
        The open store.
    token
        Of the link.

    Returns
    -------
    subscriber
        As they stand now.

    Raises
    ------
    TokenError
        If the link is forged, damaged or too old, or they have left that address.
    """
    own = unsigned(services, Purpose.MANAGE, token, MANAGE_WITHIN)
    with store.read() as connection:
        found = subscribers.some(connection, [SubscriberId(own.rpartition("-")[0])])
    if not found or services.sender().own_page_id(found[0]) != own:
        raise TokenError("this link", "belongs to no subscription any more", "Subscribe anew")
    return found[0]


def manage_token(services: Services, subscriber: Subscriber) -> str:
    """
    Return the token of the link to a person's own page.

    Parameters
    ----------
    services
        Clock and secret.
    subscriber
        Whose.

    Returns
    -------
    token
        Good for `MANAGE_WITHIN`, and as long as they have that address.
    """
    return services.sender().manage_token(subscriber, services.clock())


def set_place(services: Services, store: Store, subscriber: Subscriber, wish: Wish) -> None:
    """
    Add a place to a person, or change the one of the same postcode.

    Parameters
    ----------
    services
        Clock and area.
    store
        The open store.
    subscriber
        Who.
    wish
        The place.

    Raises
    ------
    PlaceError
        If the postcode is not held, the radius is not offered, or there are too many places.
    """
    now = services.clock()
    place = subscription(services, wish, now)
    refuse_too_many(subscriber, (place,))
    record = consent_for([place.postcode], "own page", now)
    consent = {**record, "confirmed_at": now.isoformat()}
    with store.begin() as connection:
        subscribers.add_place(connection, subscriber.subscriber_id, place, consent)


def remove_place(
    services: Services, store: Store, subscriber: Subscriber, subscription_id: SubscriptionId
) -> bool:
    """
    Remove a place of a person; with the last one they leave.

    Parameters
    ----------
    services
        Clock and secret.
    store
        The open store.
    subscriber
        Who.
    subscription_id
        Which; one of somebody else's is left alone.

    Returns
    -------
    has_left
        Whether it was the last.
    """
    theirs = {place.subscription_id for place in subscriber.subscriptions}
    if subscription_id not in theirs:
        return False
    if len(theirs) == 1:
        return leave_by_id(services, store, subscriber.subscriber_id, suppressions.UNSUBSCRIBED)
    digest = hmac_of(services, subscriber.email)
    with store.begin() as connection:
        subscribers.remove_place(connection, subscription_id)
        erasures.note(
            services, erasures.What.PLACE_REMOVED, digest, subscription_id=subscription_id
        )
        want_wiped(connection, services.clock())
    return False


def choose(
    store: Store,
    subscriber: Subscriber,
    *,
    frequency: Frequency,
    is_quiet_at_night: bool,
    paused_until: date | None,
) -> None:
    """
    Keep how often, when and from when on a person wants mail.

    Parameters
    ----------
    store
        The open store.
    subscriber
        Who.
    frequency
        How often.
    is_quiet_at_night
        Whether nothing is to go out at night.
    paused_until
        No mail before that day; None for no pause.
    """
    chosen = replace(
        subscriber,
        frequency=frequency,
        is_quiet_at_night=is_quiet_at_night,
        paused_until=paused_until,
    )
    with store.begin() as connection:
        subscribers.choose(connection, chosen)


def resume(services: Services, store: Store, subscriber: Subscriber) -> None:
    """
    End a pause today; the next mail then says that it was held back, and since when.

    Parameters
    ----------
    services
        With the clock.
    store
        The open store.
    subscriber
        Who.
    """
    today = wording.london_date(services.clock())
    if subscriber.paused_until is not None and subscriber.paused_until > today:
        with store.begin() as connection:
            subscribers.choose(connection, replace(subscriber, paused_until=today))


def renew(services: Services, store: Store, subscriber: Subscriber) -> None:
    """
    Note that a person still wants mail, for another two years.

    Parameters
    ----------
    services
        With the clock.
    store
        The open store.
    subscriber
        Who.
    """
    with store.begin() as connection:
        subscribers.renew(connection, subscriber.subscriber_id, services.clock())


def send_export(services: Services, store: Store, subscriber: Subscriber) -> bool:
    """
    Mail everything that is held about a person to their own address, as JSON.

    Parameters
    ----------
    services
        Clock and sender.
    store
        The open store.
    subscriber
        Whose.

    Returns
    -------
    is_queued
        False if one was mailed within the last quarter of an hour, or three within a day.
    """
    now = services.clock()
    with store.begin() as connection:
        if not limits.may_mail(services, connection, subscriber.email, now):
            return False
        message = notices.export(
            subscriber.email,
            subscribers.export(connection, subscriber.email),
            sender=services.sender(),
            area=services.area,
            message_id=services.new_message_id(),
            at=now,
        )
        return outbox.enqueue(
            connection, replace(message, subscriber_id=subscriber.subscriber_id), now
        )


def listing(store: Store) -> tuple[Subscriber, ...]:
    """
    Return everyone who is subscribed.

    Parameters
    ----------
    store
        The open store.

    Returns
    -------
    subscribers
        Ordered by id.
    """
    with store.read() as connection:
        return subscribers.all_of(connection)


def export(store: Store, email: str) -> dict[str, Any]:
    """
    Return everything that is held about an address.

    Parameters
    ----------
    store
        The open store.
    email
        The address.

    Returns
    -------
    held
        Plain values.
    """
    address = addresses.address(email)
    with store.read() as connection:
        return subscribers.export(connection, address)
