"""From the outbox to the transport: claim, send, and mark only after the reply."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sinkwatch import signup
from sinkwatch.errors import DeliveryError
from sinkwatch.notify.replies import RelayError, Verdict
from sinkwatch.store import claims, suppressions, throttles

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from sinkwatch.model import Message
    from sinkwatch.notify.mail import Mailer
    from sinkwatch.services import Services
    from sinkwatch.store import Store
    from sinkwatch.store.claims import Claimed

LOG = logging.getLogger(__name__)

LEASE: Final = timedelta(minutes=15)
"""How long a claimed message is left to the worker that claimed it."""

_WAITS: Final = tuple(timedelta(minutes=minutes) for minutes in (5, 10, 20, 40, 60))
_WAIT_IF_UNKNOWN: Final = timedelta(minutes=15)  # it may have arrived: let the relay settle first
_PAUSE_FOR_US: Final = timedelta(minutes=30)
_PAUSE_OF_A_DOMAIN: Final = timedelta(minutes=10)
_MOST_WAIT_S: Final = 5.0


def deliver(services: Services, store: Store, mailer: Mailer) -> int:
    """
    Hand every due message to the transport; a message is marked only after the reply.

    A fault of ours stops the whole queue, and a domain that asks for patience gets it: the next
    message would meet the same. Neither ever counts against a recipient.

    Parameters
    ----------
    services
        With the clock and the pace.
    store
        The open store.
    mailer
        The transport.

    Returns
    -------
    n_delivered
        Messages handed over.
    """
    n_delivered, pace = 0, services.pace()
    with store.begin() as connection:
        claims.expire(connection, services.clock())
    while True:
        # No transaction is open while the relay is spoken to: it may take minutes to answer.
        with store.begin() as connection:
            claimed = claims.claim(connection, services.clock(), LEASE, pace)
        if claimed is None:
            if not _waited(services, store):
                return n_delivered
            continue
        n_delivered += _send(services, store, mailer, claimed)


def _waited(services: Services, store: Store) -> bool:
    """Wait for the pace to let the next message go; nothing is waited for that is paused."""
    with store.read() as connection:
        wait_s = claims.wait_s(connection, services.clock())
    if wait_s is None or wait_s > _MOST_WAIT_S:
        return False
    services.wait(wait_s)
    return True


def _send(services: Services, store: Store, mailer: Mailer, claimed: Claimed) -> bool:
    try:
        mailer.send(claimed.message)
    except DeliveryError as error:
        LOG.warning("deliver: %s", error)
        _note(services, store, claimed, error)
        return False
    with store.begin() as connection:
        claims.mark_sent(connection, claimed.message.message_id, services.clock())
        _widen(connection, claimed)
    return True


def _widen(connection: Connection, claimed: Claimed) -> None:
    """Let one message more go at a time to a domain that took one after it asked for patience."""
    domain = claimed.message.recipient.rpartition("@")[2].lower()
    throttle = throttles.get(connection, domain)
    if throttle.width < throttles.MOST_WIDTH:
        throttles.keep(connection, replace(throttle, width=throttle.width + 1, problem=""))


def _verdict(error: DeliveryError) -> Verdict:
    if isinstance(error, RelayError):
        return error.verdict
    return Verdict.REFUSED if error.permanent else Verdict.RETRY


def _note(services: Services, store: Store, claimed: Claimed, error: DeliveryError) -> None:
    verdict, message, now = _verdict(error), claimed.message, services.clock()
    with store.begin() as connection:
        if verdict is Verdict.BAD_MESSAGE:
            claims.park(connection, message.message_id, str(error))
        elif verdict.is_permanent:
            claims.mark_failed(connection, message.message_id, str(error))
        elif verdict is Verdict.UNKNOWN:
            due_at = now + _WAIT_IF_UNKNOWN
            claims.mark_unknown(connection, message.message_id, str(error), due_at)
        else:
            due_at = now + _wait(claimed.attempts)
            claims.mark_retry(connection, message.message_id, str(error), due_at)
        _pause(connection, verdict, message, error, now)
    if verdict is Verdict.NO_SUCH_RECIPIENT and message.subscriber_id is not None:
        signup.leave_by_id(services, store, message.subscriber_id, suppressions.BOUNCED)


def _pause(
    connection: Connection,
    verdict: Verdict,
    message: Message,
    error: DeliveryError,
    now: datetime,
) -> None:
    """Stop the whole queue for a fault of ours, and a domain that asks for patience."""
    if verdict is Verdict.OURS:
        throttle = throttles.get(connection, throttles.ALL)
        until = now + _PAUSE_FOR_US
        throttles.keep(connection, replace(throttle, paused_until=until, problem=str(error)))
    if verdict is Verdict.SLOW_DOWN:
        domain = message.recipient.rpartition("@")[2].lower()
        throttle = throttles.get(connection, domain)
        until = now + _PAUSE_OF_A_DOMAIN
        throttles.keep(
            connection, replace(throttle, paused_until=until, width=1, problem=str(error))
        )


def _wait(attempts: int) -> timedelta:
    return _WAITS[min(attempts, len(_WAITS)) - 1]
