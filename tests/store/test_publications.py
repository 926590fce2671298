from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import IntegrityError

from sinkwatch.store import publications, runs
from sinkwatch.store.publications import Edition

if TYPE_CHECKING:
    from sinkwatch.store import Store

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST = Edition(
    release="a" * 64,
    built_at=NOW - timedelta(minutes=1),
    program={"sinkwatch": "0.1.0"},
    imprint={"version": "0.1.0", "contact": "me@example.org", "public_url": ""},
    # Neither its order nor its letters may change on the way: b stands before a.
    basis='{"b": 1, "a": "Bächle\\u2028 <script>"}\n',
    copies={"geology": "1" * 64, "sinkholes": "2" * 64},
    packs={"sites/mart": {"folder": "x-y", "sha256": "3" * 64}, "sites/other": None},
)
SECOND = replace(FIRST, release="b" * 64, copies={"geology": "4" * 64}, packs=None)


def noted(store: Store, *editions: tuple[Edition, datetime]) -> None:
    for edition, at in editions:
        with store.begin() as connection:
            publications.note(connection, edition, at)


def releases(store: Store) -> list[tuple[str, datetime, datetime]]:
    with store.read() as connection:
        found = publications.listing(connection)
    return [(each.edition.release[0], each.published_at, each.seen_at) for each in found]


def release_upto(store: Store, end: datetime) -> str:
    with store.read() as connection:
        found = publications.upto(connection, end)
    return "" if found is None else found.edition.release[0]


def test_nothing_is_noted_at_first(store: Store) -> None:
    with store.read() as connection:
        assert publications.listing(connection) == ()
        assert publications.upto(connection, NOW) is None
        assert publications.copies(connection) == frozenset()


def test_an_edition_is_read_as_it_was_noted_with_the_last_run(store: Store) -> None:
    with store.begin() as connection:
        runs.start(connection, NOW)
        last = runs.start(connection, NOW)
    noted(store, (FIRST, NOW))
    with store.read() as connection:
        (found,) = publications.listing(connection)
    assert found.edition == FIRST
    assert found.edition.basis == FIRST.basis
    assert (found.published_at, found.seen_at, found.run_id) == (NOW, NOW, last)


def test_one_that_makes_no_packs_and_follows_no_run_is_none_that_has_none(store: Store) -> None:
    noted(store, (SECOND, NOW), (replace(FIRST, packs={}), NOW))
    with store.read() as connection:
        found = publications.listing(connection)
    assert [each.edition.packs for each in found] == [None, {}]
    assert [each.run_id for each in found] == [None, None]


def test_the_same_again_is_only_seen_later_and_never_earlier(store: Store) -> None:
    noted(store, (FIRST, NOW), (replace(FIRST, basis="other"), NOW + DAY), (FIRST, NOW - DAY))
    assert releases(store) == [("a", NOW, NOW + DAY)]
    with store.read() as connection:
        assert publications.listing(connection)[0].edition == FIRST


def test_one_that_comes_back_is_another_row(store: Store) -> None:
    noted(store, (FIRST, NOW), (SECOND, NOW + DAY), (FIRST, NOW + 2 * DAY))
    assert [name for name, *_ in releases(store)] == ["a", "b", "a"]


def test_of_two_on_one_day_the_later_counts_and_the_end_does_not(store: Store) -> None:
    noted(store, (FIRST, NOW), (SECOND, NOW + timedelta(hours=1)))
    assert release_upto(store, NOW) == ""
    assert release_upto(store, NOW + timedelta(microseconds=1)) == "a"
    assert release_upto(store, NOW + timedelta(hours=1)) == "a"
    assert release_upto(store, NOW + DAY) == "b"


def test_a_return_is_noted_with_all_that_the_edition_was_made_of(store: Store) -> None:
    noted(store, (FIRST, NOW), (SECOND, NOW + DAY))
    with store.begin() as connection:
        assert publications.note_return(connection, "a" * 12, NOW + 2 * DAY)
    assert [name for name, *_ in releases(store)] == ["a", "b", "a"]
    with store.read() as connection:
        found = publications.listing(connection)
    assert found[2].edition == FIRST
    assert (found[2].published_at, found[2].run_id) == (NOW + 2 * DAY, found[0].run_id)


def test_a_return_to_what_is_newest_is_seen_and_to_the_unknown_is_not_noted(store: Store) -> None:
    noted(store, (FIRST, NOW))
    with store.begin() as connection:
        assert publications.note_return(connection, "a" * 12, NOW + DAY)
        assert not publications.note_return(connection, "%", NOW + DAY)
        assert not publications.note_return(connection, "f" * 12, NOW + DAY)
    assert releases(store) == [("a", NOW, NOW + DAY)]


def test_copies_of_all_that_is_noted_are_named(store: Store) -> None:
    noted(store, (FIRST, NOW), (SECOND, NOW))
    with store.read() as connection:
        assert publications.copies(connection) == {"1" * 64, "2" * 64, "4" * 64}


def test_what_was_last_seen_long_ago_is_forgotten_but_never_the_newest(store: Store) -> None:
    third = replace(FIRST, release="c" * 64)
    noted(store, (FIRST, NOW), (SECOND, NOW), (SECOND, NOW + DAY), (third, NOW))
    with store.begin() as connection:
        assert publications.tidy(connection, NOW) == 0
        assert publications.tidy(connection, NOW + DAY) == 1
    assert [name for name, *_ in releases(store)] == ["b", "c"]
    with store.begin() as connection:
        assert publications.tidy(connection, NOW + 9 * DAY) == 1
    assert [name for name, *_ in releases(store)] == ["c"]


def test_half_a_sum_is_refused_and_nothing_is_noted(store: Store) -> None:
    with pytest.raises(IntegrityError), store.begin() as connection:
        publications.note(connection, replace(FIRST, release="a" * 12), NOW)
    assert releases(store) == []
