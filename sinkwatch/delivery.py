"""From the outbox to the transport: claim, send, and mark only after the reply."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sinkwatch.errors import DeliveryError
from sinkwatch.notify import addresses
from sinkwatch.notify.replies import RelayError, Verdict
from sinkwatch.store import claims, subscriptions

if TYPE_CHECKING:
    from sinkwatch.notify.mail import Mailer
    from sinkwatch.services import Services
    from sinkwatch.store import Store
    from sinkwatch.store.claims import Claimed

LOG = logging.getLogger(__name__)

LEASE: Final = timedelta(minutes=15)
"""How long a claimed message is left to the worker that claimed it."""

_WAITS: Final = tuple(timedelta(minutes=minutes) for minutes in (5, 10, 20, 40, 60))
_WAIT_IF_UNKNOWN: Final = timedelta(minutes=15)  # it may have arrived: let the relay settle first
_STOPS_THE_QUEUE: Final = frozenset({Verdict.OURS, Verdict.SLOW_DOWN})


def deliver(services: Services, store: Store, mailer: Mailer) -> int:
    """
    Hand every due message to the transport; a message is marked only after the reply.

    A fault of ours, or a relay that asks for patience, stops the queue: the next message would
    meet the same. It never counts against a recipient.

    Parameters
    ----------
    services
        With the clock.
    store
        The open store.
    mailer
        The transport.

    Returns
    -------
    n_delivered
        Messages handed over.
    """
    n_delivered = 0
    with store.begin() as connection:
        claims.expire(connection, services.clock())
    while True:
        # No transaction is open while the relay is spoken to: it may take minutes to answer.
        with store.begin() as connection:
            claimed = claims.claim(connection, services.clock(), LEASE)
        if claimed is None:
            return n_delivered
        try:
            mailer.send(claimed.message)
        except DeliveryError as error:
            LOG.warning("deliver: %s", error)
            _note(services, store, claimed, error)
            if _verdict(error) in _STOPS_THE_QUEUE:
                return n_delivered
            continue
        with store.begin() as connection:
            claims.mark_sent(connection, claimed.message.message_id, services.clock())
        n_delivered += 1


def _verdict(error: DeliveryError) -> Verdict:
    if isinstance(error, RelayError):
        return error.verdict
    return Verdict.REFUSED if error.permanent else Verdict.RETRY


def _note(services: Services, store: Store, claimed: Claimed, error: DeliveryError) -> None:
    verdict, message, now = _verdict(error), claimed.message, services.clock()
    with store.begin() as connection:
        if verdict is Verdict.NO_SUCH_RECIPIENT:
            digest = addresses.address_hmac(services.secret(), message.recipient)
            subscriptions.erase(connection, message.recipient, digest, "bounced", now)
        elif verdict is Verdict.BAD_MESSAGE:
            claims.park(connection, message.message_id, str(error))
        elif verdict.is_permanent:
            claims.mark_failed(connection, message.message_id, str(error))
        else:
            due_at = now + _wait(verdict, claimed.attempts)
            claims.mark_retry(connection, message.message_id, str(error), due_at)


def _wait(verdict: Verdict, attempts: int) -> timedelta:
    if verdict is Verdict.UNKNOWN:
        return _WAIT_IF_UNKNOWN
    return _WAITS[min(attempts, len(_WAITS)) - 1]
