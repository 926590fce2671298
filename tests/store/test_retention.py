from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from sinkwatch.model import Message, Outcome, Signup, Subscriber
from sinkwatch.store import Store, outbox, retention, signups, tables

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
ENDED = [Outcome.SENT, Outcome.PERMANENT_FAILURE, Outcome.EXPIRED, Outcome.PARKED]
STILL_TO_GO = [Outcome.CREATED, Outcome.SENDING, Outcome.TEMPORARY_FAILURE]
Queue = Callable[..., Message]


def tidy(store: Store) -> int:
    with store.begin() as connection:
        return retention.tidy(connection, NOW)


def end(store: Store, outcome: Outcome) -> None:
    """Let every message have come to this."""
    times = {"claimed_until": NOW} if outcome is Outcome.SENDING else {}
    times |= {"sent_at": NOW} if outcome is Outcome.SENT else {}
    problem = "550 <S1@example.org>: no"
    with store.begin() as connection:
        changed = tables.messages.update().values(state=outcome, last_problem=problem, **times)
        connection.execute(changed)


def test_nothing_to_tidy_is_nothing(store: Store) -> None:
    assert tidy(store) == 0


def test_a_request_that_nobody_confirmed_goes_after_seven_days_with_its_mail(
    store: Store,
    a_signup: Callable[..., Signup],
    queued: Queue,
    n_rows: Callable[[str], int],
) -> None:
    ages = {"old": retention.UNCONFIRMED + TICK, "new": retention.UNCONFIRMED}
    for name, age in ages.items():
        with store.begin() as connection:
            signups.add(connection, signups.Request(a_signup(name, created_at=NOW - age), {}))
        queued(f"{name}@x", None, NOW - age, signup_id=name)
    assert tidy(store) == 1
    with store.read() as connection:
        assert signups.get(connection, "old") is None
        assert signups.get(connection, "new") is not None
    assert n_rows("messages") == 1


def test_what_was_counted_goes_after_thirty_days(store: Store) -> None:
    with store.begin() as connection:
        for age in (retention.TALLIES + TICK, retention.TALLIES):
            signups.tally(connection, "post:f00", NOW - age)
    assert tidy(store) == 1
    with store.read() as connection:
        assert signups.tallied(connection, "post:f00", NOW - retention.TALLIES - TICK) == 1


@pytest.mark.parametrize("outcome", ENDED)
def test_words_and_address_of_a_mail_dealt_with_go_after_thirty_days_once(
    store: Store, subscribed: Callable[..., Subscriber], queued: Queue, outcome: Outcome
) -> None:
    subscribed("s1")
    queued("old@x", at=NOW - retention.BODIES - TICK)
    queued("new@x", at=NOW - retention.BODIES)
    end(store, outcome)
    assert tidy(store) == 1
    assert tidy(store) == 0
    with store.read() as connection:
        rows = connection.execute(select(tables.messages)).mappings()
        by_id = {row["message_id"]: row for row in rows}
    emptied = ("recipient", "domain", "envelope_sender", "subject", "mime", "last_problem")
    assert [by_id["old@x"][name] for name in emptied] == ["", "", "", "", b"", ""]
    assert all(by_id["new@x"][name] for name in emptied)
    kept = [name for name in by_id["old@x"] if name not in emptied]
    assert by_id["old@x"]["state"] == outcome
    assert {name for name in kept if by_id["old@x"][name] != by_id["new@x"][name]} == {
        "message_id",
        "dedupe_key",
        "created_at",
        "due_at",
        "expires_at",
    }


@pytest.mark.parametrize("outcome", STILL_TO_GO)
def test_a_mail_that_is_still_to_go_keeps_its_words_however_old(
    store: Store, subscribed: Callable[..., Subscriber], queued: Queue, outcome: Outcome
) -> None:
    subscribed("s1")
    message = queued(at=NOW - retention.OUTCOMES - TICK)
    end(store, outcome)
    assert tidy(store) == 0
    with store.read() as connection:
        assert outbox.get(connection, message.message_id) == message


def test_what_became_of_a_mail_goes_after_a_year(
    store: Store, subscribed: Callable[..., Subscriber], queued: Queue, n_rows: Callable[[str], int]
) -> None:
    subscribed("s1")
    queued("old@x", at=NOW - retention.OUTCOMES - TICK)
    queued("new@x", at=NOW - retention.OUTCOMES)
    end(store, Outcome.SENT)
    assert tidy(store) == 2  # one deleted, one emptied
    assert n_rows("messages") == 1


def test_the_list_shows_an_emptied_mail_as_plainly_as_any(
    store: Store, subscribed: Callable[..., Subscriber], queued: Queue
) -> None:
    subscribed("s1")
    queued(at=NOW - retention.BODIES - TICK)
    end(store, Outcome.SENT)
    tidy(store)
    with store.begin() as connection:
        connection.execute(tables.messages.update().values(last_problem="it came back"))
        (row,) = outbox.listing(connection, None)
    assert (row.subject, row.last_problem) == ("", "it came back")
