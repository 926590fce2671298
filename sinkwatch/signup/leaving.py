"""How all mail to somebody ends, by whoever's wish, and leaves no byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sinkwatch import erasures, wording
from sinkwatch.errors import TokenError
from sinkwatch.model import (
    Subscriber,
    SubscriberId,
)
from sinkwatch.notify import addresses, scores
from sinkwatch.notify.tokens import Purpose
from sinkwatch.signup.identity import hmac_of, unsigned
from sinkwatch.store import jobs, subscribers, suppressions

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from sinkwatch.services import Services
    from sinkwatch.store import Store

WIPE: Final = "wipe"
"""Name in the database of the job that leaves no byte of what was erased."""


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
        subscriber_id = unsigned(services, Purpose.UNSUBSCRIBE, token, None)
    except TokenError:
        return
    leave_by_id(services, store, SubscriberId(subscriber_id), suppressions.UNSUBSCRIBED)


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
    return leave_by_id(services, store, subscriber_id, suppressions.BOUNCED)


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
    now = services.clock()
    with store.begin() as connection:
        email = subscribers.erase(connection, subscriber_id)
        if email is None:
            return False
        digest = hmac_of(services, email)
        suppressions.suppress(connection, digest, reason, now)
        # Before the commit: a back-up restored later must never bring back who is gone.
        erasures.note(services, _logged(reason), digest, subscriber_id=subscriber_id)
        want_wiped(connection, now)
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
        return leave_by_id(services, store, person.subscriber_id, suppressions.BOUNCED)
    digest, now = hmac_of(services, email), services.clock()
    with store.begin() as connection:
        suppressions.suppress(connection, digest, suppressions.BOUNCED, now)
        erasures.note(services, erasures.What.BOUNCED, digest)
        if subscribers.forget_signups(connection, email):
            want_wiped(connection, now)
    return False


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
    leave_by_id(services, store, subscriber.subscriber_id, suppressions.ERASED)


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
    digest = hmac_of(services, address)
    with store.begin() as connection:
        person = subscribers.of_address(connection, address)
        if person is not None:
            subscribers.erase(connection, person.subscriber_id)
        subscribers.forget_signups(connection, address)
        subscribers.forget_mails(connection, address)
        suppressions.suppress(connection, digest, reason, now)
        erasures.note(services, _logged(reason), digest)
        want_wiped(connection, now)  # by the mailroom, should it fail here
    store.checkpoint()
    return int(person is not None)


def _logged(reason: str) -> erasures.What:
    """Return how the log, which knows but five words, calls a reason."""
    return erasures.What(reason) if reason in set(erasures.What) else erasures.What.ERASED


def want_wiped(connection: Connection, now: datetime) -> None:
    """
    Note that bytes of what was erased may still stand in the file; `mailroom` wipes them.

    Parameters
    ----------
    connection
        Of the writing transaction that erases.
    now
        Time, UTC.
    """
    jobs.note_failure(connection, WIPE, now, "erased rows may still have bytes in the file")
