from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sinkwatch.errors import StoreError
from sinkwatch.model import Message, Subscription, SubscriptionId
from sinkwatch.store import Store, outbox, sqlite, subscriptions, tables

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ANN = "ann@example.org"
HMAC = "0123456789abcdef" * 4
Add = Callable[..., Subscription]
Queue = Callable[..., Message]


def suppression(store: Store) -> list[tuple[object, ...]]:
    with store.read() as connection:
        return [tuple(row) for row in connection.execute(tables.suppressions.select())]


def test_a_subscription_comes_back_whole(store: Store, subscribed: Add) -> None:
    added = subscribed(radius_m=750.5, easting=431_600.25)
    with store.read() as connection:
        assert subscriptions.confirmed(connection) == (added,)


def test_subscriptions_come_in_order_of_id(store: Store, subscribed: Add) -> None:
    for subscription_id in ("s2", "s3", "s1"):
        subscribed(subscription_id)
    with store.read() as connection:
        found = subscriptions.confirmed(connection)
    assert [one.subscription_id for one in found] == ["s1", "s2", "s3"]


def unconfirmed(store: Store, subscription_id: str) -> None:
    with store.begin() as connection:
        connection.execute(
            tables.subscriptions.update()
            .where(tables.subscriptions.c.subscription_id == subscription_id)
            .values(state="unconfirmed", confirmed_at=None)
        )


def test_who_has_not_confirmed_hears_nothing(store: Store, subscribed: Add) -> None:
    subscribed("s1")
    subscribed("s2")
    unconfirmed(store, "s2")
    with store.read() as connection:
        assert [one.subscription_id for one in subscriptions.confirmed(connection)] == ["s1"]
        assert subscriptions.all_of(connection, "s2@example.org") == ()


def test_an_address_may_have_several_postcodes(store: Store, subscribed: Add) -> None:
    first = subscribed("s1", email="ann@example.org")
    second = subscribed("s2", email="ann@example.org", postcode="HG4 1AA")
    subscribed("s3", email="bob@example.org")
    with store.read() as connection:
        assert subscriptions.all_of(connection, "ann@example.org") == (first, second)


def test_a_second_subscription_for_one_postcode_is_refused_without_naming_the_address(
    subscribed: Add,
) -> None:
    subscribed("s1", email=ANN)
    with pytest.raises(StoreError) as told:
        subscribed("s2", email=ANN)
    assert str(told.value).startswith("this address: already has a subscription for HG4 1HS.")
    assert ANN not in "".join(traceback.format_exception(told.value))


@pytest.mark.parametrize("values", [{"radius_m": 0.0}, {"easting": float("nan")}])
def test_an_impossible_subscription_is_refused_without_naming_the_address(
    store: Store, subscribed: Add, values: dict[str, float]
) -> None:
    with pytest.raises(StoreError, match="for HG4 1HS: the database refuses it") as told:
        subscribed("s1", email=ANN, **values)
    assert ANN not in "".join(traceback.format_exception(told.value))
    with store.read() as connection:
        assert subscriptions.confirmed(connection) == ()


# ── What is held ─────────────────────────────────────────────────────────────────────────────


def test_an_export_holds_everything_about_the_address_and_nothing_of_others(
    store: Store, subscribed: Add, queued: Queue
) -> None:
    subscribed("s1")
    subscribed("s2")
    queued("<m1@example.org>", "s1", ["event-1", "event-2"])
    queued("<m2@example.org>", "s2", ["event-1"])
    with store.read() as connection:
        found = subscriptions.export(connection, "s1@example.org")
    assert json.loads(json.dumps(found)) == {
        "email": "s1@example.org",
        "subscriptions": [
            {
                "subscription_id": "s1",
                "postcode": "HG4 1HS",
                "radius_m": 500.0,
                "easting": 431_600.0,
                "northing": 471_745.0,
                "state": "confirmed",
                "created_at": "2014-02-17T12:00:00+00:00",
                "confirmed_at": "2014-02-17T12:00:00+00:00",
                "consent": {"wording": "1"},
            }
        ],
        "messages": [
            {
                "message_id": "<m1@example.org>",
                "subscription_id": "s1",
                "subject": "1 change near HG4 1HS",
                "state": "created",
                "created_at": "2014-02-17T12:00:00+00:00",
                "due_at": "2014-02-17T12:00:00+00:00",
                "expires_at": "2014-02-20T12:00:00+00:00",
                "sent_at": None,
                "attempts": 0,
                "last_problem": "",
            }
        ],
        "told": [
            {
                "subscription_id": "s1",
                "event_key": event_key,
                "message_id": "<m1@example.org>",
                "at": "2014-02-17T12:00:00+00:00",
            }
            for event_key in ("event-1", "event-2")
        ],
    }


def test_an_export_tells_of_subscriptions_that_were_never_confirmed(
    store: Store, subscribed: Add
) -> None:
    subscribed("s1")
    unconfirmed(store, "s1")
    with store.read() as connection:
        found = subscriptions.export(connection, "s1@example.org")
    assert [row["state"] for row in found["subscriptions"]] == ["unconfirmed"]


def test_an_export_of_an_unknown_address_is_empty(store: Store) -> None:
    with store.read() as connection:
        assert subscriptions.export(connection, "bob@example.org") == {
            "email": "bob@example.org",
            "subscriptions": [],
            "messages": [],
            "told": [],
        }


# ── Erasure ──────────────────────────────────────────────────────────────────────────────────


def test_erasure_leaves_the_hmac_of_the_address_and_nothing_else(
    store: Store, subscribed: Add, queued: Queue, n_rows: Callable[[str], int]
) -> None:
    subscribed("s1", email="ann@example.org")
    subscribed("s2", email="ann@example.org", postcode="HG4 1AA")
    queued(to="s1")
    with store.begin() as connection:
        assert subscriptions.erase(connection, "ann@example.org", HMAC, "erased", NOW) == 2
    assert [n_rows(name) for name in ("subscriptions", "messages", "told")] == [0, 0, 0]
    assert suppression(store) == [(HMAC, "erased", NOW)]


def test_erasure_leaves_others_alone(
    store: Store, subscribed: Add, queued: Queue, n_rows: Callable[[str], int]
) -> None:
    subscribed("s1")
    other = subscribed("s2")
    queued("<m1@example.org>", "s1")
    queued("<m2@example.org>", "s2")
    with store.begin() as connection:
        subscriptions.erase(connection, "s1@example.org", HMAC, "erased", NOW)
        assert subscriptions.confirmed(connection) == (other,)
    assert [n_rows(name) for name in ("messages", "told")] == [1, 1]


def test_an_address_without_a_subscription_is_suppressed_all_the_same(store: Store) -> None:
    with store.begin() as connection:
        assert subscriptions.erase(connection, "bob@example.org", HMAC, "bounced", NOW) == 0
        assert subscriptions.is_suppressed(connection, HMAC)


def test_erasing_twice_keeps_the_newest_reason(store: Store) -> None:
    with store.begin() as connection:
        subscriptions.erase(connection, "bob@example.org", HMAC, "bounced", NOW)
        subscriptions.erase(connection, "bob@example.org", HMAC, "erased", NOW + HOUR)
    assert suppression(store) == [(HMAC, "erased", NOW + HOUR)]


@pytest.fixture(params=[(3, 40, 1), (3, 51, 3)], ids=["delete", "wal"])
def store_of_either_journal(
    request: pytest.FixtureRequest, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    monkeypatch.setattr(sqlite, "LIBRARY", request.param)
    store = Store.open(sqlite_url, now=NOW)
    yield store
    store.close()


def test_no_byte_of_an_erased_address_stays_in_the_files(
    store_of_either_journal: Store, sqlite_path: Path, a_subscription: Add, a_message: Queue
) -> None:
    store = store_of_either_journal
    # Enough rows that pages split and merge, which moves cells about.
    names = [f"{'ann' if n % 2 else 'bob'}.{n:04}" for n in range(600)]
    with store.begin() as connection:
        for name in names:
            subscriptions.add(connection, a_subscription(name), {"wording": "1"}, NOW)
        mails = [a_message(f"<{name}@example.org>", name) for name in names]
        outbox.enqueue(connection, mails, NOW, NOW + HOUR)
    store.checkpoint()
    assert b"ann.0001@example.org" in held_bytes(sqlite_path)
    for name in names:
        if name.startswith("ann"):
            with store.begin() as connection:
                subscriptions.erase(connection, f"{name}@example.org", name[-4:], "erased", NOW)
    store.checkpoint()
    assert b"ann." not in held_bytes(sqlite_path)
    assert held_bytes(sqlite_path).count(b"bob.0002@example.org") >= 2


def held_bytes(path: Path) -> bytes:
    """Return the bytes of every file of the database: itself, its WAL, its journal."""
    return b"".join(file.read_bytes() for file in sorted(path.parent.iterdir()))


# ── Unsubscribing and suppression ────────────────────────────────────────────────────────────


def test_unsubscribing_ends_the_subscription_and_its_waiting_messages(
    store: Store, subscribed: Add, queued: Queue, n_rows: Callable[[str], int]
) -> None:
    subscribed("s1")
    queued(to="s1")
    with store.begin() as connection:
        assert subscriptions.unsubscribe(connection, SubscriptionId("s1"), HMAC, NOW)
        assert outbox.claim(connection, NOW, HOUR) is None
    assert [n_rows(name) for name in ("subscriptions", "messages", "told")] == [0, 0, 0]
    assert suppression(store) == [(HMAC, "unsubscribed", NOW)]


def test_unsubscribing_once_more_does_nothing(store: Store, subscribed: Add) -> None:
    subscribed("s1")
    with store.begin() as connection:
        assert subscriptions.unsubscribe(connection, SubscriptionId("s1"), HMAC, NOW)
        assert not subscriptions.unsubscribe(connection, SubscriptionId("s1"), HMAC, NOW + HOUR)
    assert suppression(store) == [(HMAC, "unsubscribed", NOW)]


def test_who_ends_one_of_two_postcodes_still_hears_of_the_other(
    store: Store, subscribed: Add
) -> None:
    subscribed("s1", email="ann@example.org")
    other = subscribed("s2", email="ann@example.org", postcode="HG4 1AA")
    with store.begin() as connection:
        assert subscriptions.unsubscribe(connection, SubscriptionId("s1"), HMAC, NOW)
        assert subscriptions.confirmed(connection) == (other,)
        assert not subscriptions.is_suppressed(connection, HMAC)
        assert subscriptions.unsubscribe(connection, SubscriptionId("s2"), HMAC, NOW)
        assert subscriptions.is_suppressed(connection, HMAC)


def test_a_suppression_is_lifted_by_the_owner_asking_anew(store: Store) -> None:
    with store.begin() as connection:
        subscriptions.erase(connection, "bob@example.org", HMAC, "unsubscribed", NOW)
        assert subscriptions.lift(connection, HMAC)
        assert not subscriptions.is_suppressed(connection, HMAC)
        assert not subscriptions.lift(connection, HMAC)


def test_an_address_never_suppressed_is_not(store: Store) -> None:
    with store.begin() as connection:
        subscriptions.erase(connection, "bob@example.org", HMAC, "erased", NOW)
        assert not subscriptions.is_suppressed(connection, "f" * 64)
