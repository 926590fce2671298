"""Two workers at once on PostgreSQL, whose transactions see what others commit meanwhile."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import pytest

from sinkwatch import delivery, limits
from sinkwatch.model import SubscriberId
from sinkwatch.store import alerts, outbox, subscribers, tables, throttles
from tests.store.conftest import NOW

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sinkwatch.model import Event, Message, Subscriber
    from sinkwatch.services import Services
    from sinkwatch.store import Store

pytestmark = pytest.mark.postgres

PERSON = SubscriberId("s1")
PAUSED_UNTIL = NOW + timedelta(minutes=10)


@dataclass(frozen=True)
class _Services:
    """What limits and delivery want of the services."""

    def clock(self) -> datetime:
        return NOW

    def secret(self) -> bytes:
        return b"s" * 32


SERVICES = cast("Services", _Services())


def _meanwhile(act: Callable[[], None]) -> threading.Thread:
    """Begin what another worker does, and give it the time to reach what it has to wait for."""
    other = threading.Thread(target=act)
    other.start()
    other.join(0.2)
    return other


def test_who_moves_while_a_mail_is_queued_gets_nothing_at_the_old_address(
    postgres_store: Store,
    a_subscriber: Callable[..., Subscriber],
    a_message: Callable[..., Message],
) -> None:
    store = postgres_store

    def move() -> None:
        with store.begin() as connection:
            subscribers.change_address(connection, PERSON, "new@example.org", NOW)

    with store.begin() as connection:
        subscribers.add(connection, a_subscriber("s1"), {})
    with store.begin() as connection:
        assert subscribers.is_at(connection, PERSON, "s1@example.org")
        outbox.enqueue(connection, a_message(), NOW)
        other = _meanwhile(move)
    other.join()
    with store.read() as connection:
        (row,) = outbox.listing(connection, None)
    assert row.state == "expired"


def test_who_leaves_while_a_run_is_recorded_does_not_cost_the_others_their_news(
    postgres_store: Store, a_subscriber: Callable[..., Subscriber], an_event: Callable[..., Event]
) -> None:
    store, event = postgres_store, an_event()
    with store.begin() as connection:
        for who in ("s1", "s2"):
            subscribers.add(connection, a_subscriber(who), {})
    with store.begin() as connection:
        concerned = [person.subscriber_id for person in subscribers.all_of(connection)]
        with store.begin() as elsewhere:
            subscribers.erase(elsewhere, PERSON)
        pairs = [(who, "e1") for who in concerned]
        assert alerts.queue(connection, 1, pairs, {"e1": event.subject}, NOW) == 1
    with store.read() as connection:
        left = connection.execute(tables.alerts.select()).all()
    assert [row.subscriber_id for row in left] == ["s2"]


def test_two_who_count_at_once_do_not_both_find_room_for_the_last_mail(
    postgres_store: Store,
) -> None:
    store, found = postgres_store, []

    def ask() -> None:
        with store.begin() as connection:
            found.append(limits.may_mail(SERVICES, connection, "s1@example.org", NOW))

    with store.begin() as connection:
        assert limits.may_mail(SERVICES, connection, "s1@example.org", NOW)
        other = _meanwhile(ask)
    other.join()
    assert found == [False]


def test_what_was_sent_does_not_end_the_pause_that_another_worker_has_just_noted(
    postgres_store: Store, a_message: Callable[..., Message]
) -> None:
    store = postgres_store

    def mark() -> None:
        with store.begin() as connection:
            delivery._mark_sent(SERVICES, connection, a_message(to=None))  # noqa: SLF001 - one step

    with store.begin() as connection:
        throttles.keep(connection, throttles.Throttle(domain="example.org", width=1))
    asked = throttles.Throttle(
        domain="example.org", paused_until=PAUSED_UNTIL, width=1, problem="asks for patience"
    )
    with store.begin() as connection:
        throttles.keep(connection, asked)
        other = _meanwhile(mark)
    other.join()
    with store.read() as connection:
        assert throttles.get(connection, "example.org") == asked
