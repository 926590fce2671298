"""Requests: kept at once and alike for every address, answered by mail under the limits."""

from __future__ import annotations

import logging
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sinkwatch import limits
from sinkwatch.errors import StoreError
from sinkwatch.model import (
    Frequency,
    Signup,
    SignupPurpose,
    Subscriber,
)
from sinkwatch.notify import addresses, notices
from sinkwatch.signup.identity import ID_BYTES, hmac_of
from sinkwatch.signup.wishes import Wish, consent_record, subscription
from sinkwatch.store import outbox, signups, subscribers, suppressions

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from sinkwatch.services import Services
    from sinkwatch.store import Store

LOG = logging.getLogger(__name__)

_HANDLED_AT_ONCE: Final = 50


def ask(  # noqa: PLR0913 - the fields of the form
    services: Services,
    store: Store,
    *,
    email: str,
    wish: Wish,
    frequency: Frequency,
    is_quiet_at_night: bool,
    client: str,
) -> None:
    """
    Keep a request to subscribe; its address gets a mail to confirm it, under the limits.

    Whatever is known of the address, the same is done here in the same time; what the mail says,
    and whether there is one, is decided when it is written.

    Parameters
    ----------
    services
        Clock, secret and area.
    store
        The open store.
    email
        As typed.
    wish
        The place.
    frequency
        How often they want mail.
    is_quiet_at_night
        Whether nothing is to go out at night.
    client
        Network address that the request came from; only its HMAC is kept.

    Raises
    ------
    ConfigError
        If the address is not one mailbox.
    PlaceError
        If the postcode is not held, or lies outside the area, or the radius is not offered.
    LimitError
        If this client, or everyone together, has asked too often.
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
        is_quiet_at_night=is_quiet_at_night,
    )
    _keep(services, store, signup, client)


def resend(services: Services, store: Store, *, email: str, client: str) -> None:
    """
    Ask for the mail that confirms the newest request of an address once more.

    The link of the earlier mail stays as good as it was: whichever of them is pressed first acts.

    Parameters
    ----------
    services
        Clock and secret.
    store
        The open store.
    email
        As typed.
    client
        Network address that the request came from.

    Raises
    ------
    ConfigError
        If the address is not one mailbox.
    LimitError
        If this client, or everyone together, has asked too often.
    """
    address, now = addresses.address(email), services.clock()
    with store.begin() as connection:
        limits.count_post(services, connection, client, now)
        waiting = signups.latest(connection, address)
        if waiting is not None:
            signups.ask_again(connection, waiting.signup.signup_id, now)


def ask_address(
    services: Services, store: Store, subscriber: Subscriber, email: str, *, client: str
) -> None:
    """
    Ask that a person's mail go to another address, which has to confirm it.

    Parameters
    ----------
    services
        Clock and secret.
    store
        The open store.
    subscriber
        Who.
    email
        The new address, as typed.
    client
        Network address that the request came from.

    Raises
    ------
    ConfigError
        If the address is not one mailbox.
    LimitError
        If this client, or everyone together, has asked too often.
    """
    signup = Signup(
        signup_id=secrets.token_hex(ID_BYTES),
        email=addresses.address(email),
        purpose=SignupPurpose.CHANGE_ADDRESS,
        created_at=services.clock(),
        subscriber_id=subscriber.subscriber_id,
    )
    _keep(services, store, signup, client)


def send_manage_link(services: Services, store: Store, *, email: str, client: str) -> None:
    """
    Mail the link to their own page to an address, if it is subscribed.

    Whether it is, is looked up when the mail is written: here the same takes the same time.

    Parameters
    ----------
    services
        Clock and secret.
    store
        The open store.
    email
        As typed.
    client
        Network address that the request came from.

    Raises
    ------
    ConfigError
        If the address is not one mailbox.
    LimitError
        If this client, or everyone together, has asked too often.
    """
    signup = Signup(
        signup_id=secrets.token_hex(ID_BYTES),
        email=addresses.address(email),
        purpose=SignupPurpose.OWN_PAGE,
        created_at=services.clock(),
    )
    _keep(services, store, signup, client)


def _keep(services: Services, store: Store, signup: Signup, client: str) -> None:
    consent = consent_record(signup, "web")
    with store.begin() as connection:
        limits.count_post(services, connection, client, signup.created_at)
        signups.add(connection, signups.Request(signup, consent))


def handle(services: Services, store: Store) -> int:
    """
    Queue the mails that confirm requests, each once, under the limits of its address.

    Parameters
    ----------
    services
        Clock, secret and sender.
    store
        The open store.

    Returns
    -------
    n_queued
        Mails queued. An address that bounced or complained gets none, and neither does one that
        has had its share: the page that was shown is the same.
    """
    now = services.clock()
    with store.read() as connection:
        waiting = signups.unhandled(connection, _HANDLED_AT_ONCE)
    return sum(_handled(services, store, request.signup, now) for request in waiting)


def _handled(services: Services, store: Store, signup: Signup, now: datetime) -> bool:
    """Queue the mail about one request; one that we fail at must not cost the others theirs."""
    try:
        with store.begin() as connection:
            return _handle(services, connection, signup, now)
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        # Without the error's own words, which may hold the address.
        problem = f"{type(error).__name__}, a fault in sinkwatch"
        LOG.error("signup: request %s gets no mail: %s", signup.signup_id, problem)  # noqa: TRY400
    with store.begin() as connection:
        signups.note_handled(connection, signup.signup_id, now)
    return False


def _handle(services: Services, connection: Connection, signup: Signup, now: datetime) -> bool:
    # First of all, as whoever asks for the mail again does: neither waits for the other's row.
    signups.count_alone(connection)
    if signup.purpose is SignupPurpose.OWN_PAGE:
        return _link_to_own_page(services, connection, signup, now)
    if not signups.note_handled(connection, signup.signup_id, now):
        return False
    digest = hmac_of(services, signup.email)
    reason = suppressions.reason(connection, digest)
    if reason and reason not in suppressions.LIFTABLE:
        return False
    if not limits.may_mail(services, connection, signup.email, now):
        return False
    known = subscribers.of_address(connection, signup.email) is not None
    message_id = services.new_message_id()
    message = notices.confirmation(
        signup,
        sender=services.sender(),
        area=services.area,
        is_known=known,
        message_id=message_id,
        at=now,
    )
    # That it is queued once for each asking, `note_handled` sees to; one that was asked for again
    # says the same and must not be refused for it.
    asked_again = replace(message, dedupe_key=f"{message.dedupe_key}:{message_id}")
    return outbox.enqueue(connection, asked_again, now)


def _link_to_own_page(
    services: Services, connection: Connection, signup: Signup, now: datetime
) -> bool:
    """Queue the link for whoever has the address; who asked, and for which, is forgotten."""
    if signups.take(connection, signup.signup_id) is None:
        return False
    person = subscribers.of_address(connection, signup.email)
    if person is None or not limits.may_mail(services, connection, signup.email, now):
        return False
    message = notices.manage_link(
        person,
        sender=services.sender(),
        area=services.area,
        message_id=services.new_message_id(),
        at=now,
    )
    return outbox.enqueue(connection, message, now)
