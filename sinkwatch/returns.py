"""What comes back by mail, and what is done about it: bounces, complaints, requests to leave."""

from __future__ import annotations

import collections
import logging
from typing import TYPE_CHECKING

from sinkwatch import signup
from sinkwatch.model import SubscriberId
from sinkwatch.notify import returned
from sinkwatch.notify.replies import Verdict
from sinkwatch.store import outbox, suppressions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sinkwatch.services import Services
    from sinkwatch.store import Store

LOG = logging.getLogger(__name__)


def receive(
    services: Services, store: Store, mails: Iterable[bytes], *, recipient: str = ""
) -> dict[str, int]:
    """
    Read returned mails and act on those that are provably about mail of ours.

    One that cannot be read, or is forged, does nothing and stops nothing.

    Parameters
    ----------
    services
        Clock and secret.
    store
        The open store.
    mails
        Their bytes.
    recipient
        Address that they were sent to, as the relay's envelope had it; empty if not known.

    Returns
    -------
    n_by_outcome
        How many mails ended in what, in words.
    """
    signer, domain = services.sender().signer, services.settings.sender_domain
    outcomes: collections.Counter[str] = collections.Counter()
    for content in mails:
        found = returned.read(
            content, recipient=recipient, signer=signer, domain=domain, now=services.clock()
        )
        outcomes[_act(services, store, found)] += 1
    LOG.info("returns: %s", dict(outcomes))
    return dict(sorted(outcomes.items()))


def _act(services: Services, store: Store, found: returned.Returned) -> str:
    if isinstance(found, returned.Ignored):
        return f"ignored: {found.reason}"
    if isinstance(found, returned.Leaving):
        return _left(services, store, found.subscriber_id, suppressions.UNSUBSCRIBED)
    if isinstance(found, returned.Complaint):
        who = found.subscriber_id or _owner(store, found.message_local)
        return _left(services, store, who, suppressions.COMPLAINED)
    return _bounced(services, store, found)


def _bounced(services: Services, store: Store, bounce: returned.Bounce) -> str:
    who = _owner(store, bounce.message_local)
    with store.begin() as connection:
        is_first = outbox.note_bounce(connection, bounce.message_local, services.clock())
    if who is None:
        return "about somebody who has left"
    if not is_first:
        return "read before"
    if bounce.verdict is Verdict.NO_SUCH_RECIPIENT:
        return _left(services, store, who, suppressions.BOUNCED)
    if not bounce.is_soft:
        # Told and no more: anybody could forge a report on a mail of their own that names a fault
        # of ours, and one such mail must not stop the queue.
        LOG.warning("returns: a mail came back with %s, which is about us", bounce.status)
        return "bounced for a reason that is not the recipient's"
    is_end = signup.soft_bounce(services, store, SubscriberId(who))
    return suppressions.BOUNCED if is_end else "bounced for now"


def _left(services: Services, store: Store, who: str | None, reason: str) -> str:
    if who is None or not signup.leave_by_id(services, store, SubscriberId(who), reason):
        return "about somebody who has left"
    return reason


def _owner(store: Store, message_local: str | None) -> str | None:
    """Return who a message went to, by the part of its id before the @."""
    if not message_local:
        return None
    with store.read() as connection:
        return outbox.owner(connection, message_local)
