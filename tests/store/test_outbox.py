from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from sinkwatch.errors import StoreError
from sinkwatch.model import MailKind, Message, MessageId, Outcome, Signup, Subscriber, SubscriberId
from sinkwatch.store import Store, alerts, outbox, signups, tables
from sinkwatch.store.outbox import NO_PACE, OutboxRow

if TYPE_CHECKING:
    from sqlalchemy import Connection

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
S1 = SubscriberId("s1")
M1 = MessageId("m1@example.org")
M2 = MessageId("m2@example.org")
Add = Callable[..., Subscriber]
Queue = Callable[..., Message]
Hear = Callable[..., tuple[str, ...]]


# ── Queueing ─────────────────────────────────────────────────────────────────────────────────


def test_a_queued_message_comes_back_whole_with_what_it_tells(
    store: Store, subscribed: Add, a_message: Queue, heard: Hear
) -> None:
    subscribed("s1")
    keys = heard("A2", "A1")
    message = a_message(event_keys=tuple(sorted(keys)))
    with store.begin() as connection:
        assert outbox.enqueue(connection, message, NOW)
        alerts.mark_told(connection, S1, keys, message.message_id, NOW)
        assert outbox.get(connection, message.message_id) == message


def test_a_message_about_a_request_goes_with_the_request(
    store: Store, a_message: Queue, a_signup: Callable[..., Signup]
) -> None:
    asked = a_message(to=None, kind=MailKind.CONFIRMATION, signup_id="r1")
    with store.begin() as connection:
        signups.add(connection, signups.Request(a_signup("r1"), {}))
        assert outbox.enqueue(connection, asked, NOW)
        assert outbox.get(connection, M1) == asked
        signups.take(connection, "r1")
        assert outbox.listing(connection, None) == ()


def test_what_was_said_once_is_not_queued_again_even_once_it_is_sent(
    store: Store, subscribed: Add, a_message: Queue
) -> None:
    subscribed("s1")
    with store.begin() as connection:
        assert outbox.enqueue(connection, a_message(dedupe_key="words"), NOW)
        again = a_message(M2, dedupe_key="words", subject="Others")
        assert not outbox.enqueue(connection, again, NOW)
    send(store)
    with store.begin() as connection:
        assert not outbox.enqueue(connection, again, NOW + DAY)
        assert [row.message_id for row in outbox.listing(connection, None)] == [M1]


@pytest.mark.parametrize(
    ("kind", "priority", "lifetime"),
    [
        (MailKind.CONFIRMATION, 0, DAY),
        (MailKind.SERVICE, 5, DAY),
        (MailKind.OPERATOR, 10, 3 * DAY),
        (MailKind.CORRECTION, 15, 5 * DAY),
        (MailKind.ALERT, 20, 3 * DAY),
        (MailKind.DIGEST, 30, 5 * DAY),
        (MailKind.QUIET, 40, 5 * DAY),
    ],
)
def test_how_urgent_a_mail_is_and_how_long_it_is_good_for_depends_on_what_it_is(
    store: Store, a_message: Queue, kind: MailKind, priority: int, lifetime: timedelta
) -> None:
    message = a_message(to=None, kind=kind, recipient="Ann@Sub.Example.ORG")
    with store.begin() as connection:
        outbox.enqueue(connection, message, NOW, NOW + HOUR)
        row = connection.execute(select(tables.messages)).one()
    assert (row.priority, row.created_at, row.due_at) == (priority, NOW, NOW + HOUR)
    assert row.expires_at == NOW + HOUR + lifetime
    assert (row.recipient, row.domain) == ("Ann@Sub.Example.ORG", "sub.example.org")


def test_a_message_to_somebody_who_is_gone_is_refused(queued: Queue) -> None:
    with pytest.raises(IntegrityError):
        queued(to="nobody")


def test_a_caller_that_fails_after_queueing_has_queued_nothing(
    store: Store, subscribed: Add, a_message: Queue, n_rows: Callable[[str], int]
) -> None:
    subscribed("s1")

    def fail_after_queueing() -> None:
        with store.begin() as connection:
            outbox.enqueue(connection, a_message(), NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_queueing()
    assert n_rows("messages") == 0


# ── The operator's view ──────────────────────────────────────────────────────────────────────


def send(store: Store, problem: str | None = None) -> None:
    """Claim the next message and let the relay take it, or refuse it for good."""
    with store.begin() as connection:
        claimed = outbox.claim(connection, NOW, HOUR, NO_PACE)
        assert claimed is not None
        if problem is None:
            outbox.mark_sent(connection, claimed.message.message_id, NOW + HOUR)
        else:
            outbox.mark_failed(connection, claimed.message.message_id, problem)


def test_the_list_shows_what_became_of_each_oldest_first(
    store: Store, subscribed: Add, queued: Queue
) -> None:
    subscribed("s1")
    queued(M2, at=NOW)
    queued(M1, at=NOW + HOUR, kind=MailKind.DIGEST)
    send(store)
    with store.read() as connection:
        assert outbox.listing(connection, None) == (
            OutboxRow(
                message_id=M2,
                kind=MailKind.ALERT,
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
                kind=MailKind.DIGEST,
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
    queued(M1)
    queued(M2)
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


@pytest.mark.parametrize("prefix", ["m1@example.org", "m1", "<m1@example.org"])
def test_a_message_is_found_by_the_beginning_of_its_id(
    store: Store, subscribed: Add, queued: Queue, prefix: str
) -> None:
    subscribed("s1")
    first = queued(M1)
    queued(M2)
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
    queued(M1)
    queued(M2)
    with store.read() as connection, pytest.raises(StoreError, match=f": {found} .*begin so"):
        outbox.get(connection, prefix)


def test_messages_are_counted_by_state_and_no_state_is_left_out(
    store: Store, subscribed: Add, queued: Queue
) -> None:
    with store.read() as connection:
        assert outbox.counts(connection) == dict.fromkeys(Outcome, 0)
    subscribed("s1")
    for n in range(3):
        queued(f"m{n}@example.org")
    send(store)
    with store.read() as connection:
        assert outbox.counts(connection) == dict.fromkeys(Outcome, 0) | {
            Outcome.SENT: 1,
            Outcome.CREATED: 2,
        }


# ── Trying again ─────────────────────────────────────────────────────────────────────────────


def fail_all(store: Store) -> None:
    """One message failed for good, one for now, one parked, one sent."""
    ends: dict[str, Callable[[Connection, MessageId], None]] = {
        "m0@example.org": lambda on, which: outbox.mark_failed(on, which, "550"),
        "m1@example.org": lambda on, which: outbox.mark_retry(on, which, "450", NOW + DAY),
        "m2@example.org": lambda on, which: outbox.park(on, which, "554"),
        "m3@example.org": lambda on, which: outbox.mark_sent(on, which, NOW),
    }
    with store.begin() as connection:
        for message_id, end in ends.items():
            claimed = outbox.claim(connection, NOW, HOUR, NO_PACE)
            assert claimed is not None
            assert claimed.message.message_id == message_id
            end(connection, claimed.message.message_id)


@pytest.fixture
def failed(store: Store, subscribed: Add, queued: Queue) -> None:
    subscribed("s1")
    for n in range(4):
        queued(f"m{n}@example.org")
    fail_all(store)


@pytest.mark.usefixtures("failed")
def test_all_that_failed_goes_again_at_once_but_what_was_sent_does_not(store: Store) -> None:
    with store.begin() as connection:
        assert outbox.retry(connection, None, NOW + HOUR) == 3
        assert outbox.counts(connection)[Outcome.CREATED] == 3
        assert outbox.counts(connection)[Outcome.SENT] == 1
        again = outbox.claim(connection, NOW + HOUR, HOUR, NO_PACE)
    assert again is not None
    assert again.attempts == 2


@pytest.mark.usefixtures("failed")
def test_only_the_messages_named_go_again(store: Store) -> None:
    with store.begin() as connection:
        sent = MessageId("m3@example.org")
        assert outbox.retry(connection, [M2, sent, MessageId("none@example.org")], NOW + HOUR) == 1
        assert [row.message_id for row in outbox.listing(connection, "created")] == [M2]


@pytest.mark.usefixtures("failed")
def test_naming_no_message_lets_none_go_again(store: Store) -> None:
    with store.begin() as connection:
        assert outbox.retry(connection, [], NOW + HOUR) == 0


@pytest.mark.usefixtures("failed")
def test_what_is_past_its_time_is_left_as_it_is(store: Store) -> None:
    with store.begin() as connection:
        assert outbox.retry(connection, None, NOW + 3 * DAY) == 0


# ── What came back ───────────────────────────────────────────────────────────────────────────


def test_a_message_that_came_back_is_known_by_its_id_and_noted_once(
    store: Store, subscribed: Add, queued: Queue
) -> None:
    subscribed("s1")
    queued("m1@example.org")
    queued("m11@example.org", None)
    with store.begin() as connection:
        assert outbox.owner(connection, "m1") == "s1"
        assert outbox.owner(connection, "m11") is None
        assert outbox.owner(connection, "m") is None
        assert outbox.recipient(connection, "m1") == "s1@example.org"
        assert outbox.recipient(connection, "m") == ""
        assert outbox.note_bounce(connection, "m1", NOW)
        assert not outbox.note_bounce(connection, "m1", NOW + HOUR)
        assert not outbox.note_bounce(connection, "m", NOW)
        rows = connection.execute(
            select(tables.messages.c.message_id, tables.messages.c.bounced_at)
        )
        assert dict(rows.all()) == {"m1@example.org": NOW, "m11@example.org": None}
