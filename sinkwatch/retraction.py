"""Taking back what was told by mistake: to exactly those who were told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sinkwatch import alerts, wording
from sinkwatch.errors import StoreError
from sinkwatch.model import EventKind, Subscriptions, fingerprint
from sinkwatch.store import alerts as stored
from sinkwatch.store import runs, subscribers

if TYPE_CHECKING:
    from sinkwatch.services import Services


def retract(services: Services, event_key: str, because: str) -> int:
    """
    Let everyone who was told an event be told that it was wrong, and nobody else hear of it.

    Parameters
    ----------
    services
        Clock and store.
    event_key
        Key of the event, as `sinkwatch outbox show` prints it.
    because
        What was wrong, in a sentence that stands in the mail.

    Returns
    -------
    n_told
        Subscribers who will be told, at once, however rarely they want mail; nobody is told the
        same words twice.

    Raises
    ------
    StoreError
        If there is no such event, or there are no words for it.
    """
    words = wording.trimmed(wording.clean(because), 600)
    now = services.clock()
    with services.store() as store, store.begin() as connection:
        event = stored.get(connection, event_key)
        if event is None or not words:
            raise StoreError(
                f"event {event_key}",
                "is not known, or nothing is said of what was wrong with it",
                "Take the key from `sinkwatch outbox show`, and say why in one sentence",
            )
        retracted = replace(
            event,
            kind=EventKind.RETRACTED,
            version=fingerprint({"event": event_key, "because": words}),
            happened=words,
            lines=(),
            deadline=None,
        )
        stored.forget_waiting(connection, event_key)
        told = stored.told_of_event(connection, event_key)
        people = subscribers.some(connection, {who for who, _ in told})
        audience = alerts.Audience.of(Subscriptions.of(people))
        run_id = runs.start(connection, now)
        new = stored.record(connection, run_id, [retracted], now)
        pairs = alerts.hearers(new, audience, told)
        n_told = stored.queue(connection, run_id, pairs, {retracted.key: retracted.subject}, now)
        runs.finish(connection, run_id, now, "done", {"events": len(new), "concerned": n_told})
    return n_told
