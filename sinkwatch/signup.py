"""The verbs of subscribing: ask, confirm, change, leave; every one bounded, none telling tales."""

from __future__ import annotations

import hashlib
import logging
import secrets
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from sinkwatch import erasures, gazetteer, intake, limits, survey, wording
from sinkwatch.errors import PlaceError, StoreError, TokenError
from sinkwatch.model import (
    Frequency,
    Place,
    Signup,
    SignupPurpose,
    Subscriber,
    SubscriberId,
    Subscription,
    SubscriptionId,
    Topic,
)
from sinkwatch.notify import addresses, notices, scores
from sinkwatch.notify.tokens import Purpose
from sinkwatch.store import jobs, outbox, signups, subscribers, suppressions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from sinkwatch.services import Services
    from sinkwatch.store import Store

LOG = logging.getLogger(__name__)

CONFIRM_WITHIN: Final = timedelta(hours=48)
"""How long a link that confirms is good (sinkwatch mail rules)."""

MANAGE_WITHIN: Final = timedelta(days=90)
"""How long a link to one's own page is good; a new one is mailed for the asking."""

LEAST_RADIUS_M: Final = 250.0
"""Smallest radius: records and postcodes resolve about 100 m each, metres."""

MOST_RADIUS_M: Final = 2_000.0
"""Largest radius; beyond it everything in a town is near, metres."""

MOST_PLACES: Final = 10
"""Places of one person: a resident's, not a landlord's list."""

WIPE: Final = "wipe"
"""Name in the database of the job that leaves no byte of what was erased."""

_ID_BYTES: Final = 16  # 128 bits: a public id that nobody can guess and that says nothing
_HANDLED_AT_ONCE: Final = 50


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
        signup_id=secrets.token_hex(_ID_BYTES),
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


def _keep(services: Services, store: Store, signup: Signup, client: str) -> None:
    consent = consent_record(signup, "web")
    with store.begin() as connection:
        limits.count_post(services, connection, client, signup.created_at)
        signups.add(connection, signups.Request(signup, consent))


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
    return _record([place.postcode for place in signup.wanted], form, signup.created_at)


def _record(postcodes: Sequence[str], form: str, at: datetime) -> dict[str, Any]:
    words = wording.consent_text(postcodes)
    return {
        "for": words,
        "version": wording.CONSENT_VERSION,
        "sha256": hashlib.sha256(words.encode()).hexdigest(),
        "form": form,
        "asked_at": at.isoformat(),
    }


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
    digest = _hmac(services, signup.email)
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
    signup_id = _unsigned(services, Purpose.CONFIRM, token, CONFIRM_WITHIN)
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
    signup_id = _unsigned(services, Purpose.CONFIRM, token, CONFIRM_WITHIN)
    now = services.clock()
    with store.begin() as connection:
        request = signups.take(connection, signup_id)
        if request is None:
            return None
        suppressions.lift(connection, _hmac(services, request.signup.email))
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
            subscriber_id=SubscriberId(secrets.token_hex(_ID_BYTES)),
            email=signup.email,
            subscriptions=wanted,
            confirmed_at=now,
            frequency=signup.frequency,
            is_quiet_at_night=signup.is_quiet_at_night,
            digested_at=now,
        )
        subscribers.add(connection, person, consent)
        return person
    _refuse_too_many(known, wanted)
    for place in wanted:
        subscribers.add_place(connection, known.subscriber_id, place, consent)
    (person,) = subscribers.some(connection, [known.subscriber_id])
    return person


def _refuse_too_many(known: Subscriber, wanted: Iterable[Subscription]) -> None:
    held = {place.postcode for place in known.subscriptions}
    if len(held.union(place.postcode for place in wanted)) > max(MOST_PLACES, len(held)):
        raise PlaceError(
            f"an {MOST_PLACES + 1}th place",
            f"is more than the {MOST_PLACES} of one person",
            "Remove one first",
        )


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
    erasures.note(services, erasures.What.ERASED, _hmac(services, before.email))
    told = notices.address_changed(
        before.email,
        sender=services.sender(),
        area=services.area,
        message_id=services.new_message_id(),
        at=now,
    )
    # Theirs, so that it goes with them if they are erased.
    outbox.enqueue(connection, replace(told, subscriber_id=before.subscriber_id), now)


def leave(services: Services, store: Store, token: str) -> None:
    """
    End all mail to whom a link belongs, before this returns; once more does nothing.

    Parameters
    ----------
    services
        Clock and secret.
    store
        The open store.
    token
        Of the link; of one that is forged, or of someone who has left, nothing comes.
    """
    try:
        subscriber_id = _unsigned(services, Purpose.UNSUBSCRIBE, token, None)
    except TokenError:
        return
    _erase(services, store, SubscriberId(subscriber_id), suppressions.UNSUBSCRIBED)


def leave_by_id(services: Services, store: Store, subscriber_id: SubscriberId, reason: str) -> bool:
    """
    End all mail to a person, such as one who complained or whose address is dead.

    Parameters
    ----------
    services
        Clock and secret.
    store
        The open store.
    subscriber_id
        Who.
    reason
        One of `store.suppressions`.

    Returns
    -------
    was_there
        Whether they were subscribed.
    """
    return _erase(services, store, subscriber_id, reason)


def soft_bounce(services: Services, store: Store, subscriber_id: SubscriberId) -> bool:
    """
    Count that a person's address could not take a mail; too often is the end.

    Parameters
    ----------
    services
        Clock and secret.
    store
        The open store.
    subscriber_id
        Who.

    Returns
    -------
    is_end
        Whether the address is not written to any more.
    """
    today = wording.london_date(services.clock())
    with store.begin() as connection:
        before, on = subscribers.bounce_score(connection, subscriber_id)
        score = scores.score_after(before, on, today)
        if not scores.is_spent(score):
            # Never an earlier day than is noted: with a clock that was set back, each of the days
            # that come twice would count twice.
            last = today if on is None else max(on, today)
            subscribers.score_bounce(connection, subscriber_id, score, last)
            return False
    return _erase(services, store, subscriber_id, suppressions.BOUNCED)


def _erase(services: Services, store: Store, subscriber_id: SubscriberId, reason: str) -> bool:
    """Forget a person; their bytes are wiped by the next `mailroom.work`, well within a minute."""
    now = services.clock()
    with store.begin() as connection:
        email = subscribers.erase(connection, subscriber_id)
        if email is None:
            return False
        digest = _hmac(services, email)
        suppressions.suppress(connection, digest, reason, now)
        # Before the commit: a back-up restored later must never bring back who is gone.
        erasures.note(services, _logged(reason), digest, subscriber_id=subscriber_id)
        _want_wiped(connection, now)
    return True


def give_up(services: Services, store: Store, email: str) -> bool:
    """
    Never write again to a dead address; who has moved to another since is left in peace.

    Parameters
    ----------
    services
        Clock and secret.
    store
        The open store.
    email
        Canonical address.

    Returns
    -------
    was_subscribed
        Whether it was somebody's.
    """
    with store.read() as connection:
        person = subscribers.of_address(connection, email)
    if person is not None:
        return _erase(services, store, person.subscriber_id, suppressions.BOUNCED)
    digest, now = _hmac(services, email), services.clock()
    with store.begin() as connection:
        suppressions.suppress(connection, digest, suppressions.BOUNCED, now)
        erasures.note(services, erasures.What.BOUNCED, digest)
        if subscribers.forget_signups(connection, email):
            _want_wiped(connection, now)
    return False


def _logged(reason: str) -> erasures.What:
    """Return how the log, which knows but five words, calls a reason."""
    return erasures.What(reason) if reason in set(erasures.What) else erasures.What.ERASED


def _want_wiped(connection: Connection, now: datetime) -> None:
    """Note that bytes of what was erased may still stand in the file; `mailroom` wipes them."""
    jobs.note_failure(connection, WIPE, now, "erased rows may still have bytes in the file")


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
    own = _unsigned(services, Purpose.MANAGE, token, MANAGE_WITHIN)
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
        signup_id=secrets.token_hex(_ID_BYTES),
        email=addresses.address(email),
        purpose=SignupPurpose.OWN_PAGE,
        created_at=services.clock(),
    )
    _keep(services, store, signup, client)


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
    _refuse_too_many(subscriber, (place,))
    record = _record([place.postcode], "own page", now)
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
        return _erase(services, store, subscriber.subscriber_id, suppressions.UNSUBSCRIBED)
    digest = _hmac(services, subscriber.email)
    with store.begin() as connection:
        subscribers.remove_place(connection, subscription_id)
        erasures.note(
            services, erasures.What.PLACE_REMOVED, digest, subscription_id=subscription_id
        )
        _want_wiped(connection, services.clock())
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
        signup_id=secrets.token_hex(_ID_BYTES),
        email=addresses.address(email),
        purpose=SignupPurpose.CHANGE_ADDRESS,
        created_at=services.clock(),
        subscriber_id=subscriber.subscriber_id,
    )
    _keep(services, store, signup, client)


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


def erase(services: Services, store: Store, subscriber: Subscriber) -> None:
    """
    Erase everything that is held about a person; only a keyed hash of the address stays.

    Parameters
    ----------
    services
        Clock and secret.
    store
        The open store.
    subscriber
        Whom.
    """
    _erase(services, store, subscriber.subscriber_id, suppressions.ERASED)


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
        signup_id=secrets.token_hex(_ID_BYTES),
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
        suppressions.lift(connection, _hmac(services, address))
        return _settle(connection, signup, record, now)


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


def suppress(services: Services, store: Store, email: str, reason: str) -> int:
    """
    Erase everything that is held about an address, at once and to the last byte.

    What stays is a keyed hash with the date, so that nobody adds the address again by accident.

    Parameters
    ----------
    services
        Clock and secret.
    store
        The open store.
    email
        The address.
    reason
        One of `store.suppressions`.

    Returns
    -------
    n_erased
        People erased: one or none.
    """
    address, now = addresses.address(email), services.clock()
    digest = _hmac(services, address)
    with store.begin() as connection:
        person = subscribers.of_address(connection, address)
        if person is not None:
            subscribers.erase(connection, person.subscriber_id)
        subscribers.forget_signups(connection, address)
        subscribers.forget_mails(connection, address)
        suppressions.suppress(connection, digest, reason, now)
        erasures.note(services, _logged(reason), digest)
        _want_wiped(connection, now)  # by the mailroom, should it fail here
    store.checkpoint()
    return int(person is not None)


def _hmac(services: Services, email: str) -> str:
    return addresses.address_hmac(services.secret(), email)


def _unsigned(services: Services, purpose: Purpose, token: str, max_age: timedelta | None) -> str:
    signer = services.sender().signer
    return signer.unsign(purpose, token, now=services.clock(), max_age=max_age)


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
        subscription_id=SubscriptionId(secrets.token_hex(_ID_BYTES)),
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
