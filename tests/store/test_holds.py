from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sinkwatch.model import Hold, Snapshot
from sinkwatch.store import holds

if TYPE_CHECKING:
    from sinkwatch.store import Store

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
CANDIDATE = Snapshot(
    source="postcodes",
    path=Path("/var/lib/holes/postcodes/abc.csv"),
    url="https://holes.example/postcodes.zip",
    sha256="ab" * 32,
    n_bytes=3_000_000_000,
    retrieved_at=NOW,
    checked_at=NOW,
    edition="2026-11",
    licence="OGL",
    attribution="© somebody",
)
HELD = Hold(since=NOW, rule="it holds 3 rows, fewer than 80 % of 900", candidate=CANDIDATE)


def test_nothing_is_on_hold_at_first(store: Store) -> None:
    with store.read() as connection:
        assert holds.standing(connection) == {}


def test_a_hold_is_read_as_it_was_kept_with_what_waits(store: Store) -> None:
    by_hand = Hold(since=NOW, rule="on hold by hand")
    with store.begin() as connection:
        holds.keep(connection, "postcodes", HELD)
        holds.keep(connection, "planit", by_hand)
    with store.read() as connection:
        assert holds.standing(connection) == {"planit": by_hand, "postcodes": HELD}


def test_a_newer_candidate_takes_the_place_of_the_one_before_but_the_hold_is_as_old(
    store: Store,
) -> None:
    newer = replace(CANDIDATE, sha256="cd" * 32)
    later = Hold(since=NOW + timedelta(days=1), rule="it holds 4 rows", candidate=newer)
    with store.begin() as connection:
        holds.keep(connection, "postcodes", HELD)
        holds.keep(connection, "postcodes", later)
        assert holds.standing(connection) == {"postcodes": replace(later, since=NOW)}


def test_what_is_lifted_is_gone_and_lifting_twice_is_no_error(store: Store) -> None:
    with store.begin() as connection:
        holds.keep(connection, "postcodes", HELD)
        holds.lift(connection, "postcodes")
        holds.lift(connection, "postcodes")
        assert holds.standing(connection) == {}
