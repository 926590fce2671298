"""What is asked of people and operators by mail: whether they still want it, and what stands."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sinkwatch import limits, signup, wording
from sinkwatch.notify import addresses, notices
from sinkwatch.store import brakes, jobs, outbox, subscribers, suppressions, throttles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import Connection

    from sinkwatch.services import Services
    from sinkwatch.store import Store

ASK_AGAIN_AFTER: Final = timedelta(days=730)
"""Age of a consent after which its giver is asked whether it still stands (privacy rules, 24
months)."""

ANSWER_WITHIN: Final = timedelta(days=60)
"""How long an answer is waited for; then the mails end."""

ASKING: Final = "asking-again"
"""Name in the database of the daily look for consents that have grown old."""

_EVERY: Final = timedelta(days=1)


def remind(services: Services, store: Store, now: datetime) -> int:
    """
    Queue what has to be asked or told, each thing once.

    Parameters
    ----------
    services
        Clock and sender.
    store
        The open store.
    now
        Time, UTC.

    Returns
    -------
    n_queued
        Mails queued.
    """
    return _tell_operator(services, store, now) + _ask_again(services, store, now)


def _tell_operator(services: Services, store: Store, now: datetime) -> int:
    """Tell the operator what waits for them; the log has it too, whoever reads it."""
    if not services.settings.operator:
        return 0
    with store.read() as connection:
        told = list(_standing(connection, now))
    if not told:
        return 0
    with store.begin() as connection:
        return sum(
            outbox.enqueue(
                connection,
                notices.operator(
                    addresses.address(services.settings.operator),
                    subject,
                    lines,
                    sender=services.sender(),
                    area=services.area,
                    message_id=services.new_message_id(),
                    dedupe_key=key,
                    at=now,
                ),
                now,
            )
            for key, subject, lines in told
        )


def _standing(connection: Connection, now: datetime) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Say what waits for the operator: under which key it is told once, subject and lines."""
    day = wording.london_date(now).isoformat()
    for brake in brakes.waiting(connection):
        yield (
            f"operator:brake:{brake.run_id}",
            f"Run {brake.run_id} waits for you",
            (
                f"It would mail {brake.n_concerned} subscribers, {brake.rule}.",
                "Look at what it found with `sinkwatch outbox approve`.",
                f"Then `sinkwatch outbox approve {brake.run_id}` lets it go.",
                f"`sinkwatch outbox discard {brake.run_id}` lets nobody hear of it.",
            ),
        )
    if limits.is_closed(connection, now):
        yield (
            f"operator:closed:{day}",
            "Sign-up is closed for now",
            (
                "Within an hour as many mails went out that confirm requests as may be.",
                "Until there are fewer, forms are refused.",
                "It opens again by itself. Somebody may be sending forms in other people's names.",
            ),
        )
    for throttle in throttles.paused(connection, now):
        if throttle.domain == throttles.ALL:
            yield (
                f"operator:stopped:{day}",
                "Mail stands still",
                (throttle.problem, "Mend it, then `sinkwatch outbox retry`."),
            )


def _ask_again(services: Services, store: Store, now: datetime) -> int:
    with store.read() as connection:
        last = jobs.last_success(connection, ASKING)
    if last is not None and last <= now < last + _EVERY:
        return 0
    n_queued = 0
    with store.begin() as connection:
        # Nobody's mails end for want of an answer to a question that expired on its way.
        subscribers.forget_unasked(connection, notices.STILL_THERE)
        for person in subscribers.old_consents(connection, now - ASK_AGAIN_AFTER):
            message = notices.still_there(
                person,
                ends_on=wording.london_date(now + ANSWER_WITHIN),
                sender=services.sender(),
                area=services.area,
                message_id=services.new_message_id(),
                at=now,
            )
            n_queued += outbox.enqueue(connection, message, now)
            subscribers.note_asked(connection, person.subscriber_id, now)
        jobs.note_success(connection, ASKING, now)
        silent = subscribers.unanswered(connection, now - ANSWER_WITHIN)
    for subscriber_id in silent:
        signup.leave_by_id(services, store, subscriber_id, suppressions.UNSUBSCRIBED)
    return n_queued
