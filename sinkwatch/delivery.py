"""From the outbox to the transport: claim, send, and mark only after the reply."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sinkwatch import signup
from sinkwatch.errors import DeliveryError, SinkwatchError
from sinkwatch.notify.replies import RelayError, Stage, Verdict
from sinkwatch.store import claims, subscribers, throttles

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from sinkwatch.model import Message, Subscriber
    from sinkwatch.notify.mail import Mailer
    from sinkwatch.services import Services
    from sinkwatch.store import Store
    from sinkwatch.store.claims import Claimed

LOG = logging.getLogger(__name__)

LEASE: Final = timedelta(minutes=15)
"""How long a claimed message is left to the worker that claimed it; longer than handing one over
can take (`notify.relay.BEFORE_DOT_TIMEOUT_S` and `CONTENT_TIMEOUT_S`)."""

_WAITS: Final = tuple(timedelta(minutes=minutes) for minutes in (5, 10, 20, 40, 60))
"""After the first, second … attempt, and the last for all further (sinkwatch mail rules)."""

_JITTER: Final = 0.2
"""Share by which a wait is longer or shorter, so that what failed together does not come back
together (sinkwatch mail rules)."""

_WAIT_IF_UNKNOWN: Final = timedelta(minutes=15)
"""It may have arrived: time for the relay to settle first (sinkwatch mail rules)."""

_PAUSE_FOR_US: Final = timedelta(minutes=30)
"""Until one message tries whether a fault of ours is mended, unless an operator is quicker."""

_PAUSE_OF_A_DOMAIN: Final = timedelta(minutes=10)
"""What a domain gets that asks for patience (sinkwatch mail rules: at least that)."""

_PAUSE_OUT_OF_REACH: Final = timedelta(minutes=1)
"""Until a relay that was out of reach is called again: the next message would fare no better."""

_MOST_WAIT_S: Final = 5.0
"""How long one round waits for the pace to let the next message go, seconds."""

_BEFORE_THE_RECIPIENT: Final = frozenset({Stage.CONNECT, Stage.LOGIN, Stage.SENDER})
_POLICY: Final = ".7."


def deliver(
    services: Services, store: Store, mailer: Mailer, *, until: datetime | None = None
) -> int:
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
        The transport; closed when nothing is left to send.
    until
        When to begin no further message, UTC, so that other work gets its turn; None to go on
        as long as any is due.

    Returns
    -------
    n_delivered
        Messages handed over.
    """
    try:
        return _deliver(services, store, mailer, until)
    finally:
        mailer.close()


def _deliver(services: Services, store: Store, mailer: Mailer, until: datetime | None) -> int:
    n_delivered = 0
    with store.begin() as connection:
        claims.expire(connection, services.clock())
        claimed = _claim(services, connection, until)
    while claimed is not None or _waited(services, store, until):
        if claimed is None:
            with store.begin() as connection:
                claimed = _claim(services, connection, until)
            continue
        # No transaction is open while the relay is spoken to: it may take minutes to answer.
        error = _sent(mailer, claimed.message)
        if error is not None:
            _note(services, store, claimed, error)
        # One commit both keeps the answer to this message and claims the next.
        with store.begin() as connection:
            if error is None:
                n_delivered += 1
                _mark_sent(services, connection, claimed.message)
            claimed = _claim(services, connection, until)
    return n_delivered


def _claim(services: Services, connection: Connection, until: datetime | None) -> Claimed | None:
    now = services.clock()
    if until is not None and now >= until:
        return None
    return claims.claim(connection, now, LEASE, services.pace())


def _waited(services: Services, store: Store, until: datetime | None) -> bool:
    """Wait for the pace to let the next message go; nothing is waited for that is paused."""
    now = services.clock()
    if until is not None and now >= until:
        return False
    with store.read() as connection:
        wait_s = claims.wait_s(connection, now)
    if wait_s is None or wait_s > _MOST_WAIT_S:
        return False
    services.wait(wait_s)
    return True


def _sent(mailer: Mailer, message: Message) -> SinkwatchError | None:
    """Hand a message over; return what kept it back, whatever is wrong with that one."""
    try:
        mailer.send(message)
    except SinkwatchError as error:
        LOG.warning("deliver: %s", error)
        return error
    return None


def _mark_sent(services: Services, connection: Connection, message: Message) -> None:
    claims.mark_sent(connection, message.message_id, services.clock())
    domain = _domain(message)
    if throttles.get(connection, domain).width >= throttles.MOST_WIDTH:
        return
    # Read anew now that nobody else can change it: another worker may just have paused it.
    throttle = throttles.locked(connection, domain)
    if throttle.paused_until is None or throttle.paused_until <= services.clock():
        # One more at a time for each that was taken, since the domain asked for patience.
        width = min(throttle.width + 1, throttles.MOST_WIDTH)
        throttles.keep(connection, replace(throttle, width=width, problem=""))


def _note(services: Services, store: Store, claimed: Claimed, error: SinkwatchError) -> None:
    """Keep what became of a message that was not taken, and act on whose problem it is."""
    verdict, message, now = _verdict(error), claimed.message, services.clock()
    with store.begin() as connection:
        _mark(connection, verdict, claimed, str(error), now)
        _pause(connection, error, message, now)
    if verdict is Verdict.NO_SUCH_RECIPIENT:
        signup.give_up(services, store, message.recipient)
    elif verdict is Verdict.REFUSED:
        _count_soft_bounce(services, store, message.recipient, error)


def _verdict(error: SinkwatchError) -> Verdict:
    if isinstance(error, RelayError):
        return error.verdict
    if isinstance(error, DeliveryError):
        return Verdict.REFUSED if error.permanent else Verdict.RETRY
    return Verdict.BAD_MESSAGE


def _mark(
    connection: Connection, verdict: Verdict, claimed: Claimed, problem: str, now: datetime
) -> None:
    message_id = claimed.message.message_id
    if verdict is Verdict.BAD_MESSAGE:
        claims.park(connection, message_id, problem)
    elif verdict.is_permanent:
        claims.mark_failed(connection, message_id, problem)
    elif verdict is Verdict.UNKNOWN:
        claims.mark_unknown(connection, message_id, problem, now + _WAIT_IF_UNKNOWN)
    else:
        claims.mark_retry(connection, message_id, problem, now + _wait(claimed))


def _wait(claimed: Claimed) -> timedelta:
    """Return how long to wait after an attempt: jitter out of the message's own random id."""
    drawn = hashlib.sha256(f"{claimed.message.message_id} {claimed.attempts}".encode()).digest()
    share = int.from_bytes(drawn[:4]) / 2**32
    wait = _WAITS[min(claimed.attempts, len(_WAITS)) - 1]
    return wait * (1 - _JITTER + 2 * _JITTER * share)


def _pause(connection: Connection, error: SinkwatchError, message: Message, now: datetime) -> None:
    """Stop the whole queue or one domain, if the next message would meet the same."""
    if not isinstance(error, RelayError):
        return
    paused = _paused(error, _domain(message))
    if paused is None:
        return
    domain, pause, width = paused
    throttle = throttles.locked(connection, domain)
    # What another worker has found out meanwhile, and that lasts longer, stands.
    until = max(filter(None, (throttle.paused_until, now + pause)))
    changed = replace(throttle, paused_until=until, width=width, problem=str(error))
    throttles.keep(connection, changed)
    if domain == throttles.ALL:
        LOG.error("deliver: the whole queue stands until %s: %s", f"{until:%H:%M} UTC", error)


def _paused(error: RelayError, domain: str) -> tuple[str, timedelta, int] | None:
    """Return what is paused, for how long, and how many may go at a time thereafter."""
    if error.verdict is Verdict.OURS:
        return throttles.ALL, _PAUSE_FOR_US, throttles.MOST_WIDTH
    if error.verdict is Verdict.SLOW_DOWN and error.stage in _BEFORE_THE_RECIPIENT:
        return throttles.ALL, _PAUSE_OF_A_DOMAIN, throttles.MOST_WIDTH
    if error.verdict is Verdict.SLOW_DOWN:
        return domain, _PAUSE_OF_A_DOMAIN, 1
    if error.verdict is Verdict.RETRY and error.stage in {Stage.CONNECT, Stage.LOGIN}:
        return throttles.ALL, _PAUSE_OUT_OF_REACH, throttles.MOST_WIDTH
    return None


def _domain(message: Message) -> str:
    return message.recipient.rpartition("@")[2].lower()


def _count_soft_bounce(
    services: Services, store: Store, address: str, error: SinkwatchError
) -> None:
    """Count what an address could not take; a refusal by policy (x.7.x) says nothing of it."""
    if isinstance(error, RelayError) and _POLICY in error.status:
        return
    person = _person(store, address)
    if person is not None:
        signup.soft_bounce(services, store, person.subscriber_id)


def _person(store: Store, address: str) -> Subscriber | None:
    with store.read() as connection:
        return subscribers.of_address(connection, address)
