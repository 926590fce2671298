from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from sinkwatch.model import Message, MessageId, Outcome, Subscription, SubscriptionId
from sinkwatch.store import Store, outbox, subscriptions, tables
from sinkwatch.store.outbox import Claimed

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LEASE = timedelta(minutes=15)
DAY = timedelta(days=1)
M1 = MessageId("<m1@example.org>")
Add = Callable[..., Subscription]
Queue = Callable[..., Message]


def claim(store: Store, now: datetime = NOW) -> Claimed | None:
    with store.begin() as connection:
        return outbox.claim(connection, now, LEASE)


def claimed_id(store: Store, now: datetime = NOW) -> str | None:
    claimed = claim(store, now)
    return None if claimed is None else claimed.message.message_id


def state(store: Store) -> Outcome:
    """Return the state of the one message there is."""
    with store.read() as connection:
        (row,) = outbox.listing(connection, None)
    return row.state


@pytest.fixture
def one(subscribed: Add, queued: Queue) -> Message:
    """One message to one confirmed subscriber, due now."""
    subscribed("s1")
    return queued("<m1@example.org>", "s1", ["a", "b"])


def test_an_empty_outbox_has_nothing_to_claim(store: Store) -> None:
    assert claim(store) is None


def test_a_claimed_message_is_the_one_queued_with_its_first_attempt_counted(
    store: Store, one: Message
) -> None:
    assert claim(store) == Claimed(message=one, attempts=1)
    assert state(store) is Outcome.SENDING


@pytest.mark.usefixtures("one")
def test_a_claimed_message_is_nobody_elses_until_the_lease_ends(store: Store) -> None:
    assert claimed_id(store) == M1
    assert claimed_id(store) is None
    assert claimed_id(store, NOW + LEASE - MINUTE) is None


def test_a_message_whose_sender_died_goes_again_with_the_same_bytes(
    store: Store, one: Message
) -> None:
    claim(store)
    assert claim(store, NOW + LEASE) == Claimed(message=one, attempts=2)


@pytest.mark.usefixtures("one")
def test_the_third_sender_that_dies_parks_the_message(store: Store) -> None:
    for n in range(3):
        assert claimed_id(store, NOW + n * LEASE) == M1
    assert claimed_id(store, NOW + 3 * LEASE) is None
    assert state(store) is Outcome.PARKED


def test_a_parked_message_does_not_hold_up_the_rest(
    store: Store, one: Message, queued: Queue
) -> None:
    for n in range(3):
        assert claimed_id(store, NOW + n * LEASE) == one.message_id
    queued("<m2@example.org>", "s1")
    assert claimed_id(store, NOW + 3 * LEASE) == "<m2@example.org>"


@pytest.mark.usefixtures("one")
def test_a_parked_message_that_an_operator_retries_has_three_more_lives(store: Store) -> None:
    for n in range(3):
        claim(store, NOW + n * LEASE)
    claim(store, NOW + 3 * LEASE)
    with store.begin() as connection:
        assert outbox.retry(connection, [M1], NOW + 3 * LEASE) == 1
    assert [claimed_id(store, NOW + n * LEASE) for n in (3, 4, 5, 6)] == [M1, M1, M1, None]


def test_the_message_longest_due_goes_first(store: Store, subscribed: Add, queued: Queue) -> None:
    subscribed("s1")
    queued("<m1@example.org>", at=NOW - MINUTE)
    queued("<m2@example.org>", at=NOW - 2 * MINUTE)
    queued("<m3@example.org>", at=NOW)
    assert [claimed_id(store) for _ in range(4)] == [
        "<m2@example.org>",
        "<m1@example.org>",
        "<m3@example.org>",
        None,
    ]


def test_a_more_urgent_message_overtakes_older_ones(
    store: Store, subscribed: Add, queued: Queue
) -> None:
    subscribed("s1")
    queued("<m1@example.org>", at=NOW - MINUTE)
    queued("<m2@example.org>")
    with store.begin() as connection:
        connection.execute(
            tables.messages.update()
            .where(tables.messages.c.message_id == "<m2@example.org>")
            .values(priority=0)
        )
    assert claimed_id(store) == "<m2@example.org>"


def test_a_message_that_is_not_due_waits(store: Store, subscribed: Add, queued: Queue) -> None:
    subscribed("s1")
    queued(at=NOW + MINUTE)
    assert claimed_id(store) is None
    assert claimed_id(store, NOW + MINUTE) == M1


@pytest.mark.usefixtures("one")
def test_a_message_to_someone_who_unsubscribed_is_not_sent(store: Store) -> None:
    with store.begin() as connection:
        subscriptions.unsubscribe(connection, SubscriptionId("s1"), "f" * 64, NOW)
    assert claim(store) is None


@pytest.mark.usefixtures("one")
def test_a_message_to_someone_who_is_no_longer_confirmed_is_not_sent(store: Store) -> None:
    with store.begin() as connection:
        connection.execute(
            tables.subscriptions.update().values(state="unconfirmed", confirmed_at=None)
        )
    assert claim(store) is None


# ── Afterwards ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("one")
def test_a_sent_message_is_never_claimed_again(store: Store) -> None:
    claim(store)
    with store.begin() as connection:
        outbox.mark_sent(connection, M1, NOW)
    assert state(store) is Outcome.SENT
    assert claimed_id(store, NOW + LEASE) is None


@pytest.mark.usefixtures("one")
def test_a_message_that_failed_for_now_waits_for_its_time(store: Store) -> None:
    claim(store)
    with store.begin() as connection:
        outbox.mark_retry(connection, M1, "450 4.2.1 busy", NOW + 5 * MINUTE)
    assert state(store) is Outcome.TEMPORARY_FAILURE
    assert claimed_id(store, NOW + 4 * MINUTE) is None
    again = claim(store, NOW + 5 * MINUTE)
    assert again is not None
    assert again.attempts == 2


@pytest.mark.usefixtures("one")
def test_answers_that_say_later_are_no_crashes(store: Store) -> None:
    for n in range(6):
        assert claimed_id(store, NOW + n * MINUTE) == M1
        with store.begin() as connection:
            outbox.mark_retry(connection, M1, "450", NOW + n * MINUTE)
    assert state(store) is Outcome.TEMPORARY_FAILURE


@pytest.mark.usefixtures("one")
@pytest.mark.parametrize(
    ("mark", "outcome"),
    [(outbox.mark_failed, Outcome.PERMANENT_FAILURE), (outbox.park, Outcome.PARKED)],
)
def test_a_message_given_up_is_not_claimed_and_says_why(
    store: Store, mark: Callable[..., None], outcome: Outcome
) -> None:
    claim(store)
    with store.begin() as connection:
        mark(connection, M1, "550 5.1.1 no such mailbox")
        (row,) = outbox.listing(connection, None)
    assert (row.state, row.last_problem) == (outcome, "550 5.1.1 no such mailbox")
    assert claimed_id(store, NOW + DAY) is None


@pytest.mark.usefixtures("one")
@pytest.mark.parametrize("is_late", [False, True])
def test_a_failure_reported_late_does_not_undo_that_it_was_sent(
    store: Store,
    is_late: bool,  # noqa: FBT001 - a case of the table
) -> None:
    claim(store)
    with store.begin() as connection:
        if is_late:
            outbox.mark_sent(connection, M1, NOW)
        outbox.mark_retry(connection, M1, "timed out", NOW)
    assert state(store) is (Outcome.SENT if is_late else Outcome.TEMPORARY_FAILURE)


@pytest.mark.usefixtures("one")
def test_a_message_sent_after_its_lease_ended_is_sent_all_the_same(store: Store) -> None:
    claim(store)
    with store.begin() as connection:
        assert outbox.expire(connection, NOW + 3 * DAY) == 1
        outbox.mark_sent(connection, M1, NOW)
    assert state(store) is Outcome.SENT


@pytest.mark.usefixtures("one")
def test_marking_a_message_whose_subscriber_was_erased_meanwhile_does_nothing(
    store: Store,
) -> None:
    claim(store)
    with store.begin() as connection:
        subscriptions.erase(connection, "s1@example.org", "f" * 64, "erased", NOW)
        outbox.mark_sent(connection, M1, NOW)
        outbox.mark_failed(connection, M1, "550")
        assert outbox.listing(connection, None) == ()


def test_a_message_past_its_time_is_not_claimed_and_expires(
    store: Store, subscribed: Add, queued: Queue
) -> None:
    subscribed("s1")
    queued(expires_at=NOW + MINUTE)
    assert claimed_id(store, NOW + MINUTE) is None
    with store.begin() as connection:
        assert outbox.expire(connection, NOW + MINUTE - timedelta(seconds=1)) == 0
        assert outbox.expire(connection, NOW + MINUTE) == 1
    assert state(store) is Outcome.EXPIRED


@pytest.mark.usefixtures("one")
def test_a_message_being_sent_does_not_expire_before_its_lease_ends(store: Store) -> None:
    late = NOW + 3 * DAY - MINUTE
    claim(store, late)
    with store.begin() as connection:
        assert outbox.expire(connection, late + 2 * MINUTE) == 0
        assert outbox.expire(connection, late + LEASE) == 1
    assert state(store) is Outcome.EXPIRED


def test_an_expired_message_still_counts_as_told(store: Store, one: Message) -> None:
    with store.begin() as connection:
        outbox.expire(connection, NOW + 3 * DAY)
        assert outbox.told(connection) == {("s1", key) for key in one.event_keys}


# ── Several senders ──────────────────────────────────────────────────────────────────────────


def test_senders_at_once_never_get_the_same_message(
    store: Store, subscribed: Add, queued: Queue
) -> None:
    subscribed("s1")
    wanted = [f"<m{n:02}@example.org>" for n in range(20)]
    for message_id in wanted:
        queued(message_id)
    taken: list[str] = []
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        while (message_id := claimed_id(store)) is not None:
            taken.append(message_id)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == wanted


@pytest.mark.postgres
def test_a_sender_does_not_wait_for_another_that_is_just_claiming(
    postgres_store: Store, a_subscription: Add, a_message: Queue
) -> None:
    with postgres_store.begin() as connection:
        subscriptions.add(connection, a_subscription(), {}, NOW)
        both = [a_message(f"<m{n}@example.org>", tells=[f"event-{n}"]) for n in (1, 2)]
        outbox.enqueue(connection, both, NOW, NOW + DAY)
    with postgres_store.begin() as first, postgres_store.begin() as second:
        one, two, none = (outbox.claim(who, NOW, LEASE) for who in (first, second, second))
    assert one is not None
    assert two is not None
    assert [one.message, two.message] == both
    assert none is None
