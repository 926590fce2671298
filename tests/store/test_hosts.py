from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sinkwatch.store import Store, hosts
from sinkwatch.store.hosts import HostRow, StoredNotes

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOST = "www.example.org"


def test_a_server_never_asked_has_no_times(store: Store) -> None:
    with store.read() as connection:
        assert hosts.get(connection, HOST) == HostRow(host=HOST)


def test_the_last_request_moves_and_the_wish_to_be_left_alone_stays(store: Store) -> None:
    with store.begin() as connection:
        hosts.note_not_before(connection, HOST, NOW + HOUR)
        hosts.note_request(connection, HOST, NOW)
        hosts.note_request(connection, HOST, NOW + 2 * HOUR)
        assert hosts.get(connection, HOST) == HostRow(
            host=HOST, last_request_at=NOW + 2 * HOUR, not_before=NOW + HOUR
        )


def test_the_wish_moves_and_the_last_request_stays(store: Store) -> None:
    with store.begin() as connection:
        hosts.note_request(connection, HOST, NOW)
        hosts.note_not_before(connection, HOST, NOW + HOUR)
        hosts.note_not_before(connection, HOST, NOW + 3 * HOUR)
        assert hosts.get(connection, HOST) == HostRow(
            host=HOST, last_request_at=NOW, not_before=NOW + 3 * HOUR
        )


def test_servers_do_not_mix(store: Store) -> None:
    with store.begin() as connection:
        hosts.note_request(connection, HOST, NOW)
        hosts.note_request(connection, f"{HOST}:8443", NOW + HOUR)
        assert hosts.get(connection, HOST).last_request_at == NOW


def test_a_downloaders_notes_are_kept_at_once(store: Store) -> None:
    notes = StoredNotes(store)
    assert (notes.last_request_at(HOST), notes.not_before(HOST)) == (None, None)
    notes.note_request(HOST, NOW)
    notes.note_not_before(HOST, NOW + HOUR)
    another = StoredNotes(store)
    assert another.last_request_at(HOST) == NOW
    assert another.not_before(HOST) == NOW + HOUR
