"""What goes from a restored database, on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, select

from sinkwatch.model import Outcome
from sinkwatch.store import restoring, tables

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from sinkwatch.store import Store

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)
BEFORE, AFTER = NOW - timedelta(hours=1), NOW + timedelta(hours=1)


def a_person(connection: Connection, email: str, at: datetime, n_places: int = 1) -> None:
    person = {
        "subscriber_id": email,
        "email": email,
        "frequency": "at_once",
        "is_quiet_at_night": False,
        "confirmed_at": at,
        "bounce_score": 0,
        "consent": {},
    }
    connection.execute(insert(tables.subscribers).values(person))
    for number in range(n_places):
        place = {
            "subscription_id": f"{email}-{number}",
            "subscriber_id": email,
            "postcode": f"HG4 {number}HS",
            "radius_m": 500.0,
            "easting": 431_600.0,
            "northing": 471_745.0,
            "topics": [],
            "confirmed_at": at,
            "consent": {},
        }
        connection.execute(insert(tables.subscriptions).values(place))


def a_request(connection: Connection, email: str, at: datetime) -> None:
    row = {"signup_id": email, "purpose": "subscribe", "wanted": [], "consent": {}}
    connection.execute(insert(tables.signups).values(email=email, created_at=at, **row))


def a_mail(
    connection: Connection, email: str, at: datetime, state: Outcome = Outcome.CREATED
) -> None:
    row = {
        "message_id": f"{email}-{state}-{at.isoformat()}",
        "kind": "alert",
        "dedupe_key": f"{email}-{state}-{at.isoformat()}",
        "recipient": email,
        "domain": "example.org",
        "envelope_sender": "bounces@example.org",
        "subject": "1 change",
        "mime": b"\r\n",
        "priority": 20,
        "state": state,
        "created_at": at,
        "due_at": at,
        "claimed_until": at if state is Outcome.SENDING else None,
        "attempts": 0,
        "crashes": 0,
        "may_have_arrived": False,
        "last_problem": "",
        "sent_at": at if state is Outcome.SENT else None,
        "expires_at": at + timedelta(days=3),
    }
    connection.execute(insert(tables.messages).values(row))


def test_an_address_is_found_wherever_it_stands(store: Store) -> None:
    with store.begin() as connection:
        a_person(connection, "anna@example.org", NOW)
        a_request(connection, "Anna@example.org", NOW)
        a_request(connection, "bob@example.org", NOW)
        a_mail(connection, "bob@example.org", NOW)
        assert restoring.addresses(connection) == (
            "Anna@example.org",
            "anna@example.org",
            "bob@example.org",
        )


def test_everything_of_an_address_goes_and_nothing_of_another(store: Store) -> None:
    with store.begin() as connection:
        for email in ("Anna@example.org", "bob@example.org"):
            a_person(connection, email, NOW)
            a_request(connection, email, NOW)
            a_mail(connection, email, NOW)
        assert restoring.forget(connection, "anna@EXAMPLE.org", None)
        assert restoring.addresses(connection) == ("bob@example.org",)
        assert not restoring.forget(connection, "anna@example.org", None)


@pytest.mark.parametrize(("at", "stays"), [(BEFORE, False), (NOW, False), (AFTER, True)])
def test_what_was_asked_for_afresh_stays(
    store: Store,
    at: datetime,
    stays: bool,  # noqa: FBT001 - a column of the table above
) -> None:
    with store.begin() as connection:
        a_person(connection, "anna@example.org", at)
        a_request(connection, "anna@example.org", at)
        assert restoring.forget(connection, "anna@example.org", NOW) is not stays
        assert bool(restoring.addresses(connection)) is stays


@pytest.mark.parametrize(("n_places", "n_people"), [(1, 0), (2, 1)])
def test_a_person_goes_with_the_last_place(store: Store, n_places: int, n_people: int) -> None:
    with store.begin() as connection:
        a_person(connection, "anna@example.org", NOW, n_places)
        assert not restoring.remove_place(connection, "anna@example.org-0", BEFORE)
        assert restoring.remove_place(connection, "anna@example.org-0", None)
        assert not restoring.remove_place(connection, "anna@example.org-0", None)
        assert len(connection.execute(select(tables.subscribers)).all()) == n_people


@pytest.mark.parametrize(("until", "n_expired"), [(None, 6), (NOW, 3)])
def test_what_waits_is_given_up_and_nothing_else(
    store: Store, until: datetime | None, n_expired: int
) -> None:
    with store.begin() as connection:
        for outcome in Outcome:
            a_mail(connection, "anna@example.org", NOW, outcome)
            a_mail(connection, "anna@example.org", AFTER, outcome)
        assert restoring.expire_waiting(connection, until) == n_expired
        rows = connection.execute(select(tables.messages.c.state, tables.messages.c.last_problem))
        expired = [problem for state, problem in rows if state == Outcome.EXPIRED]
        assert len(expired) == n_expired + 2
        assert sum(problem.startswith("it is older than the back-up") for problem in expired) == (
            n_expired
        )
