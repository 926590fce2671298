from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sinkwatch.model import MailKind, Message, MessageId, Outcome, Subscriber, SubscriberId
from sinkwatch.store import Store, alerts, claims, outbox, subscribers, throttles
from sinkwatch.store.outbox import NO_PACE, Claimed, Pace
from sinkwatch.store.throttles import ALL, Throttle

if TYPE_CHECKING:
    from sqlalchemy import Connection

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
LEASE = timedelta(minutes=15)
WIDE = Throttle(domain="example.org", width=99)
DAY = timedelta(days=1)
S1 = SubscriberId("s1")
M1, M2 = MessageId("m1@example.org"), MessageId("m2@example.org")
Add = Callable[..., Subscriber]
Queue = Callable[..., Message]
Hear = Callable[..., tuple[str, ...]]
State = Callable[..., Outcome]


def claim(store: Store, now: datetime = NOW, pace: Pace = NO_PACE) -> Claimed | None:
    with store.begin() as connection:
        return outbox.claim(connection, now, LEASE, pace)


def claimed_id(store: Store, now: datetime = NOW, pace: Pace = NO_PACE) -> str | None:
    claimed = claim(store, now, pace)
    return None if claimed is None else claimed.message.message_id


def note(store: Store, throttle: Throttle) -> None:
    with store.begin() as connection:
        throttles.keep(connection, throttle)


@pytest.fixture
def one(subscribed: Add, queued: Queue) -> Message:
    """One message to one subscriber, due now."""
    subscribed("s1")
    return queued(M1)


def test_an_empty_outbox_has_nothing_to_claim(store: Store) -> None:
    assert claim(store) is None


def test_a_claimed_message_is_the_one_queued_with_its_first_attempt_counted(
    store: Store, one: Message, state: State
) -> None:
    assert claim(store) == Claimed(message=one, attempts=1)
    assert state() is Outcome.SENDING


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
def test_the_third_sender_that_dies_parks_the_message(store: Store, state: State) -> None:
    for n in range(3):
        assert claimed_id(store, NOW + n * LEASE) == M1
    assert claimed_id(store, NOW + 3 * LEASE) is None
    assert state() is Outcome.PARKED


def test_a_parked_message_does_not_hold_up_the_rest(
    store: Store, one: Message, queued: Queue
) -> None:
    for n in range(3):
        assert claimed_id(store, NOW + n * LEASE) == one.message_id
    queued("m2@example.org", "s1")
    assert claimed_id(store, NOW + 3 * LEASE) == "m2@example.org"


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
    note(store, WIDE)
    queued("m1@example.org", at=NOW - MINUTE)
    queued("m2@example.org", at=NOW - 2 * MINUTE)
    queued("m3@example.org", at=NOW)
    assert [claimed_id(store) for _ in range(4)] == [
        "m2@example.org",
        "m1@example.org",
        "m3@example.org",
        None,
    ]


def test_a_more_urgent_message_overtakes_older_ones(
    store: Store, subscribed: Add, queued: Queue
) -> None:
    subscribed("s1")
    note(store, WIDE)
    kinds = list(MailKind)
    for age, kind in enumerate(kinds):
        queued(f"{kind}@x", at=NOW - age * MINUTE, kind=kind)
    assert [claimed_id(store) for _ in kinds] == [f"{kind}@x" for kind in kinds]


def test_a_message_that_is_not_due_waits(store: Store, subscribed: Add, queued: Queue) -> None:
    subscribed("s1")
    queued(at=NOW + MINUTE)
    assert claimed_id(store) is None
    assert claimed_id(store, NOW + MINUTE) == M1


@pytest.mark.usefixtures("one")
def test_a_message_to_someone_who_has_left_is_not_sent(store: Store) -> None:
    with store.begin() as connection:
        subscribers.erase(connection, S1)
    assert claim(store) is None


def test_a_claimed_message_brings_what_it_tells(
    store: Store, subscribed: Add, heard: Hear, queued: Queue
) -> None:
    subscribed("s1")
    keys = heard("A2", "A1")
    message = queued()
    with store.begin() as connection:
        alerts.mark_told(connection, S1, keys, M1, NOW)
    assert claim(store) == Claimed(
        message=replace(message, event_keys=tuple(sorted(keys))), attempts=1
    )


@pytest.mark.parametrize("kind", MailKind)
def test_who_has_paused_gets_what_they_ask_for_themselves_and_no_news_until_that_day(
    store: Store, subscribed: Add, queued: Queue, kind: MailKind
) -> None:
    subscribed("s1", paused_until=date(2014, 2, 18))
    queued(kind=kind)
    is_news = kind in {MailKind.CORRECTION, MailKind.ALERT, MailKind.DIGEST, MailKind.QUIET}
    last_moment = datetime(2014, 2, 17, 23, 59, tzinfo=UTC)
    assert claimed_id(store, last_moment) == (None if is_news else M1)
    if is_news:
        assert claimed_id(store, last_moment + MINUTE) == M1


# ── Pace ─────────────────────────────────────────────────────────────────────────────────────

PACE = Pace(domain_gap=10 * SECOND, gap=SECOND)


@pytest.fixture
def three(subscribed: Add, queued: Queue) -> None:
    """Two messages to one domain and then one to another."""
    subscribed("s1")
    for n, domain in ((1, "a.example"), (2, "A.example"), (3, "b.example")):
        queued(f"m{n}", recipient=f"s1@{domain}", at=NOW - MINUTE + n * SECOND)


@pytest.mark.usefixtures("three")
def test_the_next_message_keeps_its_distance_and_to_the_same_domain_a_longer_one(
    store: Store,
) -> None:
    waits = []
    taken = {}
    for second in range(12):
        now = NOW + second * SECOND
        message_id = claimed_id(store, now, PACE)
        if message_id is not None:
            taken[second] = message_id
        with store.read() as connection:
            waits.append(claims.wait_s(connection, now))
    assert taken == {0: "m1", 1: "m3", 10: "m2"}
    # For the gap to anyone first, then for the domain of the message that is left.
    assert waits == [1.0, 1.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, None, None]


@pytest.mark.usefixtures("three")
def test_without_a_pace_nothing_keeps_its_distance(store: Store) -> None:
    assert [claimed_id(store) for _ in range(4)] == ["m1", "m2", "m3", None]
    with store.read() as connection:
        assert claims.wait_s(connection, NOW) is None


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(("width", "taken"), [(1, ["m1", "m3", None]), (2, ["m1", "m2", "m3"])])
def test_no_more_are_on_their_way_to_a_domain_than_it_takes_at_a_time(
    store: Store, width: int, taken: list[str | None]
) -> None:
    note(store, Throttle(domain="a.example", width=width))
    assert [claimed_id(store) for _ in range(3)] == taken


@pytest.mark.usefixtures("three")
def test_what_has_arrived_is_no_longer_on_its_way(store: Store) -> None:
    note(store, Throttle(domain="a.example", width=1))
    assert claimed_id(store) == "m1"
    with store.begin() as connection:
        claims.mark_sent(connection, MessageId("m1"), NOW)
    assert claimed_id(store) == "m2"


@pytest.mark.usefixtures("three")
def test_two_at_a_time_go_to_a_domain_of_which_nothing_is_noted(
    store: Store, queued: Queue
) -> None:
    queued("m0", recipient="s1@a.example", at=NOW - DAY)
    assert [claimed_id(store) for _ in range(3)] == ["m0", "m1", "m3"]


@pytest.mark.usefixtures("three")
def test_a_domain_that_is_paused_is_passed_over_and_not_waited_for(store: Store) -> None:
    note(store, Throttle(domain="a.example", paused_until=NOW + MINUTE))
    assert [claimed_id(store), claimed_id(store)] == ["m3", None]
    with store.read() as connection:
        assert claims.wait_s(connection, NOW) is None
    assert claimed_id(store, NOW + MINUTE) == "m1"


@pytest.mark.usefixtures("three")
def test_while_the_whole_queue_stands_nothing_goes_and_nothing_is_waited_for(store: Store) -> None:
    note(store, Throttle(domain=ALL, paused_until=NOW + MINUTE))
    assert claimed_id(store) is None
    with store.read() as connection:
        assert claims.wait_s(connection, NOW) is None
    assert claimed_id(store, NOW + MINUTE) == "m1"


@pytest.mark.usefixtures("three")
def test_keeping_the_pace_forgets_neither_a_width_nor_why_a_domain_was_paused(store: Store) -> None:
    before = Throttle(domain="a.example", paused_until=NOW, width=1, problem="421 slow")
    note(store, before)
    assert claimed_id(store, NOW, PACE) == "m1"
    with store.read() as connection:
        kept = throttles.get(connection, "a.example")
        assert kept == replace(before, next_at=NOW + 10 * SECOND)
        assert throttles.get(connection, ALL) == Throttle(domain=ALL, next_at=NOW + SECOND)


@pytest.mark.parametrize("at", [NOW + SECOND, NOW - 3 * DAY])
def test_for_what_is_not_due_or_past_its_time_nobody_waits(
    store: Store, subscribed: Add, queued: Queue, at: datetime
) -> None:
    subscribed("s1")
    queued(at=at)
    note(store, Throttle(domain="example.org", next_at=NOW + SECOND))
    with store.read() as connection:
        assert claims.wait_s(connection, NOW) is None


# ── Afterwards ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("one")
def test_a_sent_message_is_never_claimed_again(store: Store, state: State) -> None:
    claim(store)
    with store.begin() as connection:
        outbox.mark_sent(connection, M1, NOW)
    assert state() is Outcome.SENT
    assert claimed_id(store, NOW + LEASE) is None


@pytest.mark.usefixtures("one")
def test_a_message_that_failed_for_now_waits_for_its_time(store: Store, state: State) -> None:
    claim(store)
    with store.begin() as connection:
        outbox.mark_retry(connection, M1, "450 4.2.1 busy", NOW + 5 * MINUTE)
    assert state() is Outcome.TEMPORARY_FAILURE
    assert claimed_id(store, NOW + 4 * MINUTE) is None
    again = claim(store, NOW + 5 * MINUTE)
    assert again is not None
    assert again.attempts == 2


@pytest.mark.usefixtures("one")
def test_answers_that_say_later_are_no_crashes(store: Store, state: State) -> None:
    for n in range(6):
        assert claimed_id(store, NOW + n * MINUTE) == M1
        with store.begin() as connection:
            outbox.mark_retry(connection, M1, "450", NOW + n * MINUTE)
    assert state() is Outcome.TEMPORARY_FAILURE


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
    state: State,
    is_late: bool,  # noqa: FBT001 - a case of the table
) -> None:
    claim(store)
    with store.begin() as connection:
        if is_late:
            outbox.mark_sent(connection, M1, NOW)
        outbox.mark_retry(connection, M1, "timed out", NOW)
    assert state() is (Outcome.SENT if is_late else Outcome.TEMPORARY_FAILURE)


@pytest.mark.usefixtures("one")
def test_a_message_sent_after_its_lease_ended_is_sent_all_the_same(
    store: Store, state: State
) -> None:
    claim(store)
    with store.begin() as connection:
        assert outbox.expire(connection, NOW + 3 * DAY) == 1
        outbox.mark_sent(connection, M1, NOW)
    assert state() is Outcome.SENT


@pytest.mark.usefixtures("one")
def test_marking_a_message_whose_subscriber_was_erased_meanwhile_does_nothing(
    store: Store,
) -> None:
    claim(store)
    with store.begin() as connection:
        subscribers.erase(connection, S1)
        outbox.mark_sent(connection, M1, NOW)
        outbox.mark_failed(connection, M1, "550")
        assert outbox.listing(connection, None) == ()


def test_a_message_past_its_time_is_not_claimed_and_expires(
    store: Store, subscribed: Add, queued: Queue, state: State
) -> None:
    subscribed("s1")
    queued(at=NOW + MINUTE - 3 * DAY)
    assert claimed_id(store, NOW + MINUTE) is None
    with store.begin() as connection:
        assert outbox.expire(connection, NOW + MINUTE - timedelta(seconds=1)) == 0
        assert outbox.expire(connection, NOW + MINUTE) == 1
    assert state() is Outcome.EXPIRED


@pytest.mark.usefixtures("one")
def test_a_message_being_sent_does_not_expire_before_its_lease_ends(
    store: Store, state: State
) -> None:
    late = NOW + 3 * DAY - MINUTE
    claim(store, late)
    with store.begin() as connection:
        assert outbox.expire(connection, late + 2 * MINUTE) == 0
        assert outbox.expire(connection, late + LEASE) == 1
    assert state() is Outcome.EXPIRED


@pytest.fixture
def telling(store: Store, subscribed: Add, heard: Hear, queued: Queue) -> Message:
    """A message that tells something, and one that does not, of the same age."""
    subscribed("s1")
    keys = heard("A1")
    message = queued(M1)
    queued(M2, kind=MailKind.QUIET)
    with store.begin() as connection:
        alerts.mark_told(connection, S1, keys, M1, NOW)
    return message


def waiting_subjects(store: Store) -> list[str]:
    with store.read() as connection:
        return [event.subject for events in alerts.waiting(connection).values() for event in events]


def test_what_an_expired_message_never_told_is_told_with_the_next_mail_in_the_same_words(
    store: Store, telling: Message, queued: Queue, state: State
) -> None:
    with store.begin() as connection:
        assert outbox.expire(connection, NOW + 6 * DAY) == 2
    assert waiting_subjects(store) == ["A1"]
    assert state(M1) is Outcome.EXPIRED
    later = NOW + 6 * DAY
    queued("m3", at=later, dedupe_key=telling.dedupe_key)
    queued("m4", at=later, dedupe_key=f"words of {M2}")
    assert [claimed_id(store, later) for _ in range(2)] == ["m3", None]


def fail_for_now(connection: Connection) -> None:
    claims.mark_retry(connection, M1, "450", NOW)


def fail_unknown(connection: Connection) -> None:
    claims.mark_unknown(connection, M1, "closed after the dot", NOW)


def leave_behind(_: Connection) -> None:
    """Die while the message is on its way."""


def fail_unknown_then_for_now(connection: Connection) -> None:
    fail_unknown(connection)
    claims.claim(connection, NOW, LEASE, NO_PACE)
    fail_for_now(connection)


@pytest.mark.usefixtures("telling")
@pytest.mark.parametrize(
    ("end", "subjects"),
    [
        (fail_for_now, ["A1"]),
        (fail_unknown, []),
        (leave_behind, []),
        (fail_unknown_then_for_now, []),
    ],
)
def test_what_may_have_arrived_is_not_told_twice(
    store: Store, end: Callable[[Connection], None], subjects: list[str]
) -> None:
    with store.begin() as connection:
        claimed = claims.claim(connection, NOW, LEASE, NO_PACE)
        assert claimed is not None
        assert claimed.message.message_id == M1
        end(connection)
    with store.begin() as connection:
        claims.expire(connection, NOW + 6 * DAY)
    assert waiting_subjects(store) == subjects


@pytest.mark.usefixtures("telling")
def test_what_was_given_up_in_a_transaction_that_fails_goes_on_waiting_to_go(
    store: Store, state: State
) -> None:
    def fail_after_giving_up() -> None:
        with store.begin() as connection:
            assert claims.expire(connection, NOW + 6 * DAY) == 2
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_giving_up()
    assert state(M1) is Outcome.CREATED
    assert waiting_subjects(store) == []


@pytest.mark.usefixtures("telling")
def test_what_waits_for_a_person_is_withdrawn_but_nobody_elses_and_nothing_on_its_way(
    store: Store, subscribed: Add, queued: Queue, state: State
) -> None:
    subscribed("s2")
    queued("m3", "s2")
    assert claimed_id(store) == M1
    with store.begin() as connection:
        assert claims.withdraw(connection, S1) == 1
    assert [state(which) for which in (M1, M2, "m3")] == [
        Outcome.SENDING,
        Outcome.EXPIRED,
        Outcome.CREATED,
    ]
    assert waiting_subjects(store) == []


def test_more_is_given_up_than_a_statement_has_variables(
    store: Store, subscribed: Add, heard: Hear, queued: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_PART", 2)
    subscribed("s1")
    keys = heard(*"ABCDE")
    for key in keys:
        message = queued(f"tells {key}")
        with store.begin() as connection:
            alerts.mark_told(connection, S1, [key], message.message_id, NOW)
    with store.begin() as connection:
        assert claims.expire(connection, NOW + 3 * DAY) == 5
    assert sorted(waiting_subjects(store)) == list("ABCDE")
    for key in keys:
        assert queued(f"again {key}", dedupe_key=f"words of tells {key}")
    with store.read() as connection:
        assert outbox.counts(connection)[Outcome.CREATED] == 5


# ── Several senders ──────────────────────────────────────────────────────────────────────────


class _Wire:
    """What several senders have on their way at once, as a relay would see it."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.most: Counter[str] = Counter()
        self._now: Counter[str] = Counter()
        self._lock = threading.Lock()

    def begin(self, message: Message) -> None:
        domain = message.recipient.rpartition("@")[2]
        with self._lock:
            self.taken.append(message.message_id)
            self._now[domain] += 1
            self.most[domain] = max(self.most[domain], self._now[domain])

    def end(self, message: Message) -> None:
        with self._lock:
            self._now[message.recipient.rpartition("@")[2]] -= 1


def at_once(work: Callable[[], None], n_workers: int = 4) -> None:
    """Let several do the same at the same time, and fail if one of them does."""
    start = threading.Barrier(n_workers)
    faults: list[BaseException] = []

    def one() -> None:
        start.wait()
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - a thread has nobody else to tell
            faults.append(error)

    threads = [threading.Thread(target=one) for _ in range(n_workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_senders_at_once_send_each_message_once_and_keep_the_width_of_each_domain(
    store: Store, subscribed: Add, a_message: Queue
) -> None:
    n_messages = 200 if store.describe()["engine"] == "PostgreSQL" else 40
    subscribed("s1")
    domains = ["a.example", "b.example", "c.example"]
    wanted = [f"m{n:03}" for n in range(n_messages)]
    with store.begin() as connection:
        throttles.keep(connection, Throttle(domain="a.example", width=1))
        for n, message_id in enumerate(wanted):
            mail = a_message(message_id, recipient=f"s1@{domains[n % 3]}")
            outbox.enqueue(connection, mail, NOW)
    wire = _Wire()

    def work() -> None:
        while len(wire.taken) < n_messages:
            with store.begin() as connection:
                claimed = outbox.claim(connection, NOW, LEASE, NO_PACE)
            if claimed is not None:
                wire.begin(claimed.message)
                # Off the wire first: another may take the next as soon as this one is marked.
                wire.end(claimed.message)
                with store.begin() as connection:
                    outbox.mark_sent(connection, claimed.message.message_id, NOW)

    at_once(work)
    assert sorted(wire.taken) == wanted
    assert wire.most["a.example"] == 1
    assert wire.most["b.example"] <= throttles.MOST_WIDTH
    assert wire.most["c.example"] <= throttles.MOST_WIDTH


def test_senders_at_once_keep_the_pace_together(
    store: Store, subscribed: Add, queued: Queue
) -> None:
    """One that looks at the same moment as another must not go at the same moment too."""
    subscribed("s1")
    for n in range(6):
        queued(f"m{n}", recipient=f"s1@{'abc'[n % 3]}.example")
    taken: list[list[str | None]] = []
    for second in range(3):
        now = NOW + second * SECOND
        found: list[str | None] = []
        at_once(lambda now=now, found=found: found.append(claimed_id(store, now, PACE)))  # type: ignore[misc]
        taken.append([one for one in found if one is not None])
    assert taken == [["m0"], ["m1"], ["m2"]]


@pytest.mark.postgres
def test_a_sender_does_not_wait_for_a_message_that_is_just_being_erased(
    postgres_store: Store, a_subscriber: Add, a_message: Queue
) -> None:
    with postgres_store.begin() as connection:
        for n in (1, 2):
            subscribers.add(connection, a_subscriber(f"s{n}"), {})
            outbox.enqueue(connection, a_message(f"m{n}", f"s{n}"), NOW)
    with postgres_store.begin() as leaving:
        subscribers.erase(leaving, S1)
        with postgres_store.begin() as sending:
            sending.exec_driver_sql("SET LOCAL lock_timeout = '1ms'")
            claimed = outbox.claim(sending, NOW, LEASE, NO_PACE)
    assert claimed is not None
    assert claimed.message.message_id == "m2"


@pytest.mark.postgres
def test_a_message_that_is_just_being_marked_is_not_taken_for_left_behind(
    postgres_store: Store, a_subscriber: Add, a_message: Queue
) -> None:
    with postgres_store.begin() as connection:
        subscribers.add(connection, a_subscriber("s1"), {})
        outbox.enqueue(connection, a_message(M1), NOW)
        outbox.claim(connection, NOW, LEASE, NO_PACE)
    with postgres_store.begin() as late:
        outbox.mark_sent(late, M1, NOW + LEASE)
        with postgres_store.begin() as other:
            other.exec_driver_sql("SET LOCAL lock_timeout = '1ms'")
            assert outbox.claim(other, NOW + LEASE, LEASE, NO_PACE) is None
    with postgres_store.read() as connection:
        assert outbox.counts(connection)[Outcome.SENT] == 1
