"""What a button that confirms does, and what an operator adds who holds the consent."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from sinkwatch import erasures
from sinkwatch.errors import PlaceError, StoreError, TokenError
from sinkwatch.model import (
    Frequency,
    Signup,
    SignupPurpose,
    Subscriber,
    SubscriberId,
)
from sinkwatch.notify import addresses, notices
from sinkwatch.notify.tokens import Purpose
from sinkwatch.signup.identity import CONFIRM_WITHIN, ID_BYTES, hmac_of, unsigned
from sinkwatch.signup.wishes import Wish, consent_record, refuse_too_many, subscription
from sinkwatch.store import outbox, signups, subscribers, suppressions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection

    from sinkwatch.services import Services
    from sinkwatch.store import Store


def pending(services: Services, store: Store, token: str) -> Signup | None:
    """
    Return the request that a link would confirm; nothing changes.

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
    signup
        None if it was confirmed already, or is forgotten.

    Raises
    ------
    TokenError
        If the link is forged, damaged or too old.
    """
    signup_id = unsigned(services, Purpose.CONFIRM, token, CONFIRM_WITHIN)
    with store.read() as connection:
        request = signups.get(connection, signup_id)
    return None if request is None else request.signup


def confirm(services: Services, store: Store, token: str) -> Subscriber | None:
    """
    Do what a confirmed request asks for; a second time does nothing.

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
        As they stand now; None if the request was confirmed already, or is forgotten.

    Raises
    ------
    TokenError
        If the link is forged, damaged or too old, or what it asks for cannot be done as things
        stand: the new address is subscribed itself, or there are too many places. Nothing is lost
        then, and it may be pressed again.
    """
    signup_id = unsigned(services, Purpose.CONFIRM, token, CONFIRM_WITHIN)
    now = services.clock()
    with store.begin() as connection:
        request = signups.take(connection, signup_id)
        if request is None:
            return None
        suppressions.lift(connection, hmac_of(services, request.signup.email))
        consent = {**request.consent, "confirmed_at": now.isoformat()}
        if request.signup.purpose is SignupPurpose.CHANGE_ADDRESS:
            return _move(services, connection, request.signup, now)
        try:
            return _settle(connection, request.signup, consent, now)
        except PlaceError as error:
            raise TokenError(
                "this link",
                f"would add {error.value}, which {error.rule}",
                "Remove a place on your own page, then open the link again",
            ) from error


def _settle(
    connection: Connection, signup: Signup, consent: Mapping[str, object], now: datetime
) -> Subscriber:
    """Add a person, or the places asked for to the one who is there already."""
    wanted = tuple(replace(place, confirmed_at=now) for place in signup.wanted)
    known = subscribers.of_address(connection, signup.email)
    if known is None:
        person = Subscriber(
            subscriber_id=SubscriberId(secrets.token_hex(ID_BYTES)),
            email=signup.email,
            subscriptions=wanted,
            confirmed_at=now,
            frequency=signup.frequency,
            is_quiet_at_night=signup.is_quiet_at_night,
            digested_at=now,
        )
        subscribers.add(connection, person, consent)
        return person
    refuse_too_many(known, wanted)
    for place in wanted:
        subscribers.add_place(connection, known.subscriber_id, place, consent)
    (person,) = subscribers.some(connection, [known.subscriber_id])
    return person


def _move(
    services: Services, connection: Connection, signup: Signup, now: datetime
) -> Subscriber | None:
    """Let a person's mail go to the address that has just confirmed it, and tell the old one."""
    found = subscribers.some(connection, [SubscriberId(str(signup.subscriber_id))])
    if not found:
        return None
    before = found[0]
    holder = subscribers.of_address(connection, signup.email)
    if holder is not None and holder.subscriber_id != before.subscriber_id:
        raise TokenError(
            "this link",
            "leads to an address that has a subscription of its own",
            "Stop the mails to one of the two addresses, then open the link again",
        )
    subscribers.change_address(connection, before.subscriber_id, signup.email, now)
    # Whoever was being asked whether they still want mail has just said so.
    subscribers.renew(connection, before.subscriber_id, now)
    if holder is None:  # else it is the same mailbox, written in another case
        _leave_address(services, connection, before, now)
    return replace(before, email=signup.email, confirmed_at=now)


def _leave_address(
    services: Services, connection: Connection, before: Subscriber, now: datetime
) -> None:
    """Tell an address that was left that mail goes elsewhere now, and write there no more."""
    # A back-up restored later must not write to it.
    erasures.note(services, erasures.What.ERASED, hmac_of(services, before.email))
    told = notices.address_changed(
        before.email,
        sender=services.sender(),
        area=services.area,
        message_id=services.new_message_id(),
        at=now,
    )
    # Theirs, so that it goes with them if they are erased.
    outbox.enqueue(connection, replace(told, subscriber_id=before.subscriber_id), now)


def add(  # noqa: PLR0913 - the options of the command
    services: Services,
    store: Store,
    email: str,
    wish: Wish,
    *,
    frequency: Frequency,
    consent: str,
) -> Subscriber:
    """
    Add a person who has agreed, as an operator does who holds their consent.

    Parameters
    ----------
    services
        Clock and area.
    store
        The open store.
    email
        Their address.
    wish
        The place.
    frequency
        How often they want mail.
    consent
        How and when they agreed; kept as the record of it.

    Returns
    -------
    subscriber
        Confirmed; with the place added if they were there already.

    Raises
    ------
    ConfigError
        If the address is not one mailbox.
    PlaceError
        If the postcode is not held or lies outside the area, or there are too many places.
    StoreError
        If the address is subscribed there already.
    """
    address, now = addresses.address(email), services.clock()
    place = subscription(services, wish, now)
    signup = Signup(
        signup_id=secrets.token_hex(ID_BYTES),
        email=address,
        purpose=SignupPurpose.SUBSCRIBE,
        created_at=now,
        wanted=(place,),
        frequency=frequency,
    )
    record = {**consent_record(signup, "operator"), "how": consent, "confirmed_at": now.isoformat()}
    with store.begin() as connection:
        known = subscribers.of_address(connection, address)
        if known and any(held.postcode == place.postcode for held in known.subscriptions):
            raise StoreError(
                "this address",
                f"has a subscription for {place.postcode} already",
                "Erase it first if its radius should change",
            )
        suppressions.lift(connection, hmac_of(services, address))
        return _settle(connection, signup, record, now)
