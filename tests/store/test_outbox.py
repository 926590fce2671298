from __future__ import annotations

import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from sinkwatch.errors import StoreError
from sinkwatch.model import Message, MessageId, Outcome, Subscription
from sinkwatch.store import Store, outbox
from sinkwatch.store.outbox import OutboxRow

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
M1 = MessageId("<m1@example.org>")
M2 = MessageId("<m2@example.org>")
Add = Callable[..., Subscription]
Queue = Callable[..., Message]


# ── Queueing ─────────────────────────────────────────────────────────────────────────────────


def test_queueing_writes_the_messages_and_what_they_tell(
    store: Store, subscribed: Add, a_message: Queue
) -> None:
    subscribed("s1")
    subscribed("s2")
    both = [a_message("<m1@example.org>", "s1", ["a", "b"]), a_message("<m2@example.org>", "s2")]
    with store.begin() as connection:
        assert outbox.enqueue(connection, both, NOW, NOW + DAY) == 2
        assert outbox.told(connection) == {("s1", "a"), ("s1", "b"), ("s2", "event-1")}
        assert [outbox.get(connection, one.message_id) for one in both] == both


def test_queueing_nothing_is_nothing(store: Store) -> None:
    with store.begin() as connection:
        assert outbox.enqueue(connection, [], NOW, NOW + DAY) == 0
        assert outbox.told(connection) == frozenset()


def test_telling_something_twice_is_refused_and_neither_row_kept(
    subscribed: Add, queued: Queue, n_rows: Callable[[str], int]
) -> None:
    subscribed("s1")
    queued("<m1@example.org>", "s1", ["a"])
    with pytest.raises(StoreError, match="something a second time") as told:
        queued("<m2@example.org>", "s1", ["b", "a"])
    assert "s1@example.org" not in "".join(traceback.format_exception(told.value))
    assert [n_rows(name) for name in ("messages", "told")] == [1, 1]


def test_two_subscribers_may_be_told_the_same(store: Store, subscribed: Add, queued: Queue) -> None:
    subscribed("s1")
    subscribed("s2")
    queued("<m1@example.org>", "s1", ["a"])
    queued("<m2@example.org>", "s2", ["a"])
    with store.read() as connection:
        assert outbox.told(connection) == {("s1", "a"), ("s2", "a")}


def test_a_message_to_a_subscription_that_is_gone_is_refused(queued: Queue) -> None:
    with pytest.raises(StoreError, match="its subscription is gone"):
        queued(to="nobody")


def test_a_caller_that_fails_after_queueing_has_queued_nothing(
    store: Store, subscribed: Add, a_message: Queue, n_rows: Callable[[str], int]
) -> None:
    subscribed("s1")

    def fail_after_queueing() -> None:
        with store.begin() as connection:
            outbox.enqueue(connection, [a_message()], NOW, NOW + DAY)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_queueing()
    assert [n_rows(name) for name in ("messages", "told")] == [0, 0]


# ── The operator's view ──────────────────────────────────────────────────────────────────────


def send(store: Store, problem: str | None = None) -> None:
    """Claim the next message and let the relay take it, or refuse it for good."""
    with store.begin() as connection:
        claimed = outbox.claim(connection, NOW, HOUR)
        assert claimed is not None
        if problem is None:
            outbox.mark_sent(connection, claimed.message.message_id, NOW + HOUR)
        else:
            outbox.mark_failed(connection, claimed.message.message_id, problem)


def test_the_list_shows_what_became_of_each_oldest_first(
    store: Store, subscribed: Add, queued: Queue
) -> None:
    subscribed("s1")
    queued("<m2@example.org>", at=NOW)
    queued("<m1@example.org>", at=NOW + HOUR)
    send(store)
    with store.read() as connection:
        assert outbox.listing(connection, None) == (
            OutboxRow(
                message_id=M2,
                subscription_id="s1",
                subject="1 change near HG4 1HS",
                state=Outcome.SENT,
                created_at=NOW,
                due_at=NOW,
                attempts=1,
                last_problem="",
                sent_at=NOW + HOUR,
            ),
            OutboxRow(
                message_id=M1,
                subscription_id="s1",
                subject="1 change near HG4 1HS",
                state=Outcome.CREATED,
                created_at=NOW + HOUR,
                due_at=NOW + HOUR,
                attempts=0,
                last_problem="",
                sent_at=None,
            ),
        )


def test_the_list_can_show_one_state_only(store: Store, subscribed: Add, queued: Queue) -> None:
    subscribed("s1")
    queued("<m1@example.org>")
    queued("<m2@example.org>")
    send(store)
    with store.read() as connection:
        assert [row.message_id for row in outbox.listing(connection, "sent")] == [M1]
        assert [row.message_id for row in outbox.listing(connection, Outcome.CREATED)] == [M2]
        assert outbox.listing(connection, "parked") == ()


def test_the_list_shows_no_address_even_if_the_relay_quoted_it(
    store: Store, subscribed: Add, queued: Queue
) -> None:
    subscribed("s1")
    queued(to="s1")
    send(store, "550 5.1.1 <S1@Example.org>: Recipient address rejected")
    with store.read() as connection:
        (row,) = outbox.listing(connection, None)
    assert row.last_problem == "550 5.1.1 <[address]>: Recipient address rejected"
    assert "s1@example.org" not in repr(row).lower()


@pytest.mark.parametrize("prefix", ["<m1@example.org>", "<m1", "m1", "m1@example.org>"])
def test_a_message_is_found_by_the_beginning_of_its_id(
    store: Store, subscribed: Add, queued: Queue, prefix: str
) -> None:
    subscribed("s1")
    first = queued("<m1@example.org>")
    queued("<m2@example.org>")
    with store.read() as connection:
        assert outbox.get(connection, prefix) == first


@pytest.mark.parametrize(
    ("prefix", "found"),
    [("m", "2 messages"), ("", "2 messages"), ("x", "no"), ("M1", "no"), ("%", "no")],
)
def test_a_beginning_that_fits_none_or_several_is_refused(
    store: Store, subscribed: Add, queued: Queue, prefix: str, found: str
) -> None:
    subscribed("s1")
    queued("<m1@example.org>")
    queued("<m2@example.org>")
    with store.read() as connection, pytest.raises(StoreError, match=f": {found} .*begin so"):
        outbox.get(connection, prefix)


def test_messages_are_counted_by_state_and_no_state_is_left_out(
    store: Store, subscribed: Add, queued: Queue
) -> None:
    with store.read() as connection:
        assert outbox.counts(connection) == dict.fromkeys(Outcome, 0)
    subscribed("s1")
    for n in range(3):
        queued(f"<m{n}@example.org>")
    send(store)
    with store.read() as connection:
        assert outbox.counts(connection) == dict.fromkeys(Outcome, 0) | {
            Outcome.SENT: 1,
            Outcome.CREATED: 2,
        }


# ── Trying again ─────────────────────────────────────────────────────────────────────────────


def fail_all(store: Store) -> None:
    """One message failed for good, one for now, one parked, one sent."""
    with store.begin() as connection:
        for _ in range(4):
            claimed = outbox.claim(connection, NOW, HOUR)
            assert claimed is not None
        outbox.mark_failed(connection, MessageId("<m0@example.org>"), "550")
        outbox.mark_retry(connection, M1, "450", NOW + DAY)
        outbox.park(connection, M2, "554")
        outbox.mark_sent(connection, MessageId("<m3@example.org>"), NOW)


@pytest.fixture
def failed(store: Store, subscribed: Add, queued: Queue) -> None:
    subscribed("s1")
    for n in range(4):
        queued(f"<m{n}@example.org>")
    fail_all(store)


@pytest.mark.usefixtures("failed")
def test_all_that_failed_goes_again_at_once_but_what_was_sent_does_not(store: Store) -> None:
    with store.begin() as connection:
        assert outbox.retry(connection, None, NOW + HOUR) == 3
        assert outbox.counts(connection)[Outcome.CREATED] == 3
        assert outbox.counts(connection)[Outcome.SENT] == 1
        again = outbox.claim(connection, NOW + HOUR, HOUR)
    assert again is not None
    assert again.attempts == 2


@pytest.mark.usefixtures("failed")
def test_only_the_messages_named_go_again(store: Store) -> None:
    with store.begin() as connection:
        sent = MessageId("<m3@example.org>")
        assert outbox.retry(connection, [M2, sent, MessageId("<none>")], NOW + HOUR) == 1
        assert [row.message_id for row in outbox.listing(connection, "created")] == [M2]


@pytest.mark.usefixtures("failed")
def test_naming_no_message_lets_none_go_again(store: Store) -> None:
    with store.begin() as connection:
        assert outbox.retry(connection, [], NOW + HOUR) == 0


@pytest.mark.usefixtures("failed")
def test_what_is_past_its_time_is_left_as_it_is(store: Store) -> None:
    with store.begin() as connection:
        assert outbox.retry(connection, None, NOW + 3 * DAY) == 0
