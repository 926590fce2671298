from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from sinkwatch.store import Store, suppressions, tables

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HMAC = "0123456789abcdef" * 4


def rows(store: Store) -> list[tuple[object, ...]]:
    with store.read() as connection:
        return [tuple(row) for row in connection.execute(select(tables.suppressions))]


def test_an_address_never_suppressed_may_be_written_to(store: Store) -> None:
    with store.begin() as connection:
        suppressions.suppress(connection, HMAC, suppressions.BOUNCED, NOW)
        assert suppressions.reason(connection, "f" * 64) == ""


@pytest.mark.parametrize(
    "reason",
    [
        suppressions.UNSUBSCRIBED,
        suppressions.ERASED,
        suppressions.BOUNCED,
        suppressions.COMPLAINED,
        suppressions.BY_OPERATOR,
    ],
)
def test_a_suppression_says_why_and_holds_nothing_but_the_hmac(store: Store, reason: str) -> None:
    with store.begin() as connection:
        suppressions.suppress(connection, HMAC, reason, NOW)
        assert suppressions.reason(connection, HMAC) == reason
    assert rows(store) == [(HMAC, reason, NOW)]


def test_the_newest_reason_is_kept(store: Store) -> None:
    with store.begin() as connection:
        suppressions.suppress(connection, HMAC, suppressions.BOUNCED, NOW)
        suppressions.suppress(connection, HMAC, suppressions.ERASED, NOW + HOUR)
    assert rows(store) == [(HMAC, "erased", NOW + HOUR)]


def test_a_suppression_is_lifted_once(store: Store) -> None:
    with store.begin() as connection:
        suppressions.suppress(connection, HMAC, suppressions.UNSUBSCRIBED, NOW)
        assert suppressions.lift(connection, HMAC)
        assert suppressions.reason(connection, HMAC) == ""
        assert not suppressions.lift(connection, HMAC)


def test_only_what_the_owner_asked_for_ends_with_the_owner_asking_anew() -> None:
    assert {suppressions.UNSUBSCRIBED, suppressions.ERASED} == suppressions.LIFTABLE
