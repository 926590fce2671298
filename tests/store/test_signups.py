from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from sinkwatch.model import (
    Frequency,
    Signup,
    SignupPurpose,
    Subscriber,
    SubscriberId,
    Subscription,
    Topic,
)
from sinkwatch.store import Store, signups, subscribers
from sinkwatch.store.signups import Request

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CONSENT = {"version": 1, "form": "the page"}
Build = Callable[..., Signup]


def ask(store: Store, *found: Signup) -> None:
    with store.begin() as connection:
        for signup in found:
            signups.add(connection, Request(signup, CONSENT))


def test_a_request_comes_back_whole(
    store: Store, a_signup: Build, a_place: Callable[..., Subscription]
) -> None:
    asked = a_signup(
        "r1",
        wanted=(
            a_place("home", topics=frozenset(Topic), radius_m=250.5),
            a_place("mother", postcode="HG4 1AA", topics=frozenset()),
        ),
        frequency=Frequency.MONTHLY,
        is_quiet_at_night=True,
    )
    ask(store, asked)
    with store.read() as connection:
        assert signups.get(connection, "r1") == Request(asked, CONSENT)
        assert signups.get(connection, "r2") is None


def test_a_change_of_address_wants_no_place_and_goes_with_the_person(
    store: Store, subscribed: Callable[..., Subscriber], a_signup: Build
) -> None:
    subscribed("s1")
    change = SignupPurpose.CHANGE_ADDRESS
    asked = a_signup("r1", purpose=change, wanted=(), subscriber_id=SubscriberId("s1"))
    ask(store, asked)
    with store.begin() as connection:
        assert signups.get(connection, "r1") == Request(asked, CONSENT)
        subscribers.erase(connection, SubscriberId("s1"))
        assert signups.get(connection, "r1") is None


def test_only_the_first_of_two_at_once_takes_a_request(store: Store, a_signup: Build) -> None:
    asked = a_signup()
    ask(store, asked)
    with store.begin() as connection:
        assert signups.take(connection, "r1") == Request(asked, CONSENT)
        assert signups.take(connection, "r1") is None


def test_what_was_taken_in_vain_can_be_taken_again(store: Store, a_signup: Build) -> None:
    ask(store, a_signup())

    def fail_after_taking() -> None:
        with store.begin() as connection:
            signups.take(connection, "r1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_taking()
    with store.begin() as connection:
        assert signups.take(connection, "r1") is not None


def test_requests_are_handled_oldest_first_some_at_a_time_and_each_once(
    store: Store, a_signup: Build
) -> None:
    ask(
        store,
        a_signup("r3", created_at=NOW),
        a_signup("r1", created_at=NOW + MINUTE),
        a_signup("r2", created_at=NOW),
    )
    with store.begin() as connection:
        found = signups.unhandled(connection, 2)
        assert [request.signup.signup_id for request in found] == ["r2", "r3"]
        assert signups.note_handled(connection, "r2", NOW)
        assert not signups.note_handled(connection, "r2", NOW)
        assert not signups.note_handled(connection, "gone", NOW)
        found = signups.unhandled(connection, 9)
        assert [request.signup.signup_id for request in found] == ["r3", "r1"]


def test_a_request_whose_mail_is_to_go_again_waits_as_if_it_came_now(
    store: Store, a_signup: Build
) -> None:
    ask(store, a_signup("r1"), a_signup("r2"))
    with store.begin() as connection:
        for signup_id in ("r1", "r2"):
            signups.note_handled(connection, signup_id, NOW)
        signups.ask_again(connection, "r1", NOW + MINUTE)
        assert signups.unhandled(connection, 9) == (
            Request(a_signup("r1", created_at=NOW + MINUTE), CONSENT),
        )


def test_the_latest_request_of_an_address_is_found_whatever_its_case(
    store: Store, a_signup: Build
) -> None:
    older = a_signup("r1", email="Ann@example.org")
    newer = a_signup("r2", email="ann@example.org", created_at=NOW + MINUTE)
    ask(store, newer, older, a_signup("r3", created_at=NOW + 2 * MINUTE))
    with store.read() as connection:
        assert signups.latest(connection, "ANN@example.org") == Request(newer, CONSENT)
        assert signups.latest(connection, "bob@example.org") is None


def test_things_are_counted_by_bucket_since_a_moment_that_is_excluded(store: Store) -> None:
    with store.begin() as connection:
        for minute in (0, 1, 2):
            signups.tally(connection, "post:f00", NOW + minute * MINUTE)
        signups.tally(connection, "post:bad", NOW + MINUTE)
        signups.tally(connection, "post:f00", NOW + MINUTE)
        counted = [signups.tallied(connection, "post:f00", NOW + n * MINUTE) for n in (-1, 0, 1, 2)]
        assert counted == [4, 3, 1, 0]
        assert signups.tallied(connection, "post:", NOW - MINUTE) == 0
