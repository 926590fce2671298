"""What comes back by mail, and what is done about it: bounces, complaints, requests to leave."""

from __future__ import annotations

import collections
import logging
from typing import TYPE_CHECKING, Final

from sinkwatch import signup
from sinkwatch.model import SubscriberId
from sinkwatch.notify import returned
from sinkwatch.notify.replies import Verdict
from sinkwatch.store import outbox, subscribers, suppressions

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
        return _complained(services, store, found)
    return _bounced(services, store, found)


def _bounced(services: Services, store: Store, bounce: returned.Bounce) -> str:
    with store.begin() as connection:
        address = outbox.recipient(connection, bounce.message_local)
        is_first = outbox.note_bounce(connection, bounce.message_local, services.clock())
    if not address:
        return _GONE
    if not is_first:
        return "read before"
    if bounce.verdict is Verdict.NO_SUCH_RECIPIENT:
        signup.give_up(services, store, address)
        return suppressions.BOUNCED
    if not bounce.is_soft:
        # Told and no more: anybody could forge a report on a mail of their own that names a fault
        # of ours, and one such mail must not stop the queue.
        LOG.warning("returns: a mail came back with %s, which is about us", bounce.status)
        return "bounced for a reason that is not the recipient's"
    return _bounced_for_now(services, store, address)


def _bounced_for_now(services: Services, store: Store, address: str) -> str:
    """Count a bounce against whoever has the address now, who need not be who had it then."""
    with store.read() as connection:
        person = subscribers.of_address(connection, address)
    if person is None:
        return _GONE
    is_end = signup.soft_bounce(services, store, person.subscriber_id)
    return suppressions.BOUNCED if is_end else "bounced for now"


def _complained(services: Services, store: Store, complaint: returned.Complaint) -> str:
    """Write no more to where the mail was: a confirmation may have come unasked for, too."""
    with store.read() as connection:
        address = outbox.recipient(connection, complaint.message_local or "")
    if not address:
        return _left(services, store, complaint.subscriber_id, suppressions.COMPLAINED)
    signup.suppress(services, store, address, suppressions.COMPLAINED)
    return suppressions.COMPLAINED


def _left(services: Services, store: Store, who: str | None, reason: str) -> str:
    if who is None or not signup.leave_by_id(services, store, SubscriberId(who), reason):
        return _GONE
    return reason


_GONE: Final = "about somebody who has left"
