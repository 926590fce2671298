"""How an installation stands, read alike from SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import insert, update

from sinkwatch.model import Outcome, SourceStatus
from sinkwatch.store import jobs, tables, throttles, vitals
from sinkwatch.store.throttles import Throttle

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from sinkwatch.store import Store

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)
TODAY = date(2014, 2, 17)


def a_mail(connection: Connection, number: int, due_at: datetime) -> None:
    row = {
        "message_id": str(number),
        "kind": "alert",
        "dedupe_key": str(number),
        "recipient": "anna@example.org",
        "domain": "example.org",
        "envelope_sender": "bounces@example.org",
        "subject": "1 change",
        "mime": b"\r\n",
        "priority": 20,
        "state": Outcome.CREATED,
        "created_at": due_at,
        "due_at": due_at,
        "attempts": 0,
        "crashes": 0,
        "may_have_arrived": False,
        "last_problem": "",
        "expires_at": due_at + timedelta(days=3),
    }
    connection.execute(insert(tables.messages).values(row))


def a_person(connection: Connection, number: int, paused_until: date | None) -> None:
    row = {
        "subscriber_id": str(number),
        "email": f"{number}@example.org",
        "frequency": "at_once",
        "is_quiet_at_night": False,
        "paused_until": paused_until,
        "confirmed_at": NOW,
        "bounce_score": 0,
        "consent": {},
    }
    connection.execute(insert(tables.subscribers).values(row))


def test_an_empty_database_has_every_count_at_nought(store: Store) -> None:
    with store.read() as connection:
        seen = vitals.take(connection, NOW, TODAY)
    assert seen == vitals.Vitals(
        subscribers={"active": 0, "paused": 0, "unconfirmed": 0},
        messages=dict.fromkeys(Outcome, 0),
        oldest_due_at=None,
        jobs=(),
        sources=dict.fromkeys(SourceStatus, 0),
        runs_waiting=(),
        paused=(),
    )
    assert seen.stop is None


def test_a_pause_ends_on_its_day(store: Store) -> None:
    with store.begin() as connection:
        for number, until in enumerate((None, TODAY, TODAY + timedelta(days=1))):
            a_person(connection, number, until)
        seen = vitals.take(connection, NOW, TODAY)
    assert seen.subscribers == {"active": 2, "paused": 1, "unconfirmed": 0}


def test_a_message_is_overdue_since_it_was_due_or_its_lease_ended(store: Store) -> None:
    with store.begin() as connection:
        for number, hours in enumerate((3, 2, -1)):
            a_mail(connection, number, NOW - timedelta(hours=hours))
        assert vitals.take(connection, NOW, TODAY).oldest_due_at == NOW - timedelta(hours=3)
        leased = update(tables.messages).where(tables.messages.c.message_id == "0")
        connection.execute(leased.values(state="sending", claimed_until=NOW + timedelta(hours=1)))
        assert vitals.take(connection, NOW, TODAY).oldest_due_at == NOW - timedelta(hours=2)


def test_jobs_and_pauses_are_told_in_order(store: Store) -> None:
    later = NOW + timedelta(hours=1)
    with store.begin() as connection:
        for job in ("tidy", "backup"):
            jobs.note_success(connection, job, NOW)
        for domain in ("example.org", throttles.ALL):
            throttles.keep(connection, Throttle(domain=domain, paused_until=later, problem="535"))
        seen = vitals.take(connection, NOW, TODAY)
    assert [row.job for row in seen.jobs] == ["backup", "tidy"]
    assert seen.stop is not None
    assert seen.stop.problem == "535"
