from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Connection, inspect, make_url, select, text
from sqlalchemy.exc import IntegrityError

from sinkwatch.errors import StoreError
from sinkwatch.model import (
    MailKind,
    Message,
    MessageId,
    SourceState,
    SourceStatus,
    Subscriber,
    SubscriberId,
    Subscription,
    SubscriptionId,
)
from sinkwatch.store import Store, alerts, hosts, jobs, outbox, runs, subscribers, tables
from sinkwatch.store.migrations import MIGRATIONS, make_tables, migrate
from sinkwatch.store.postgresql import PostgresBackend
from sinkwatch.store.sqlite import SqliteBackend
from sinkwatch.store.tables import metadata
from tests.sources.samples import a_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sinkwatch.store.backend import Backend

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)


@pytest.fixture
def backend(url: str) -> Iterator[Backend]:
    """A database that nothing has been done to."""
    kind = SqliteBackend if url.startswith("sqlite") else PostgresBackend
    backend: Backend = kind(make_url(url))
    yield backend
    backend.close()


def version(backend: Backend) -> int:
    with backend.reader.begin() as connection:
        return backend.schema_version(connection)


def names(backend: Backend) -> set[str]:
    with backend.reader.begin() as connection:
        return set(inspect(connection).get_table_names()) - {"schema_version"}


def add_notes(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE notes (note TEXT NOT NULL)")


def add_labels(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE labels (label TEXT NOT NULL)")


def fail_half_way(connection: Connection) -> None:
    add_notes(connection)
    connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")


def test_an_empty_database_has_version_nought(backend: Backend) -> None:
    assert version(backend) == 0


def test_a_new_database_gets_every_table_and_the_newest_version(backend: Backend) -> None:
    migrate(backend, MIGRATIONS, now=NOW)
    assert names(backend) == set(metadata.tables)
    assert version(backend) == len(MIGRATIONS)


def test_a_new_database_needs_the_first_migration_only_which_makes_the_newest_tables(
    backend: Backend,
) -> None:
    migrate(backend, (make_tables, fail_half_way), now=NOW)
    assert version(backend) == 2
    assert names(backend) == set(metadata.tables)


def test_a_current_database_is_left_alone(backend: Backend) -> None:
    migrate(backend, (make_tables,), now=NOW)
    migrate(backend, (fail_half_way,), now=NOW)
    assert version(backend) == 1


def test_an_older_database_gets_each_later_migration_once_and_in_order(backend: Backend) -> None:
    migrate(backend, (make_tables,), now=NOW)
    migrate(backend, (make_tables, add_notes), now=NOW)
    migrate(backend, (make_tables, add_notes, add_labels), now=NOW)
    assert version(backend) == 3
    assert names(backend) == {*metadata.tables, "notes", "labels"}


def test_a_database_two_migrations_behind_catches_up(backend: Backend) -> None:
    migrate(backend, (make_tables,), now=NOW)
    migrate(backend, (make_tables, add_notes, add_labels), now=NOW)
    assert version(backend) == 3
    assert names(backend) == {*metadata.tables, "notes", "labels"}


def test_a_newer_database_is_refused_and_says_what_to_install(backend: Backend) -> None:
    migrate(backend, (make_tables, add_notes), now=NOW)
    with pytest.raises(
        StoreError, match="it has schema 2, and this sinkwatch knows schemas up to 1"
    ):
        migrate(backend, (make_tables,), now=NOW)
    assert version(backend) == 2


def test_a_migration_that_fails_leaves_neither_half_its_work_nor_its_number(
    backend: Backend,
) -> None:
    migrate(backend, (make_tables,), now=NOW)
    with pytest.raises(StoreError, match=r"bringing it to schema 2 failed: .*nowhere"):
        migrate(backend, (make_tables, fail_half_way), now=NOW)
    assert version(backend) == 1
    assert names(backend) == set(metadata.tables)


def test_what_came_before_a_migration_that_fails_is_kept(backend: Backend) -> None:
    migrate(backend, (make_tables,), now=NOW)

    def fail(connection: Connection) -> None:
        connection.exec_driver_sql("DROP TABLE nowhere")

    with pytest.raises(StoreError, match="bringing it to schema 3 failed"):
        migrate(backend, (make_tables, add_notes, fail), now=NOW)
    assert version(backend) == 2
    assert names(backend) == {*metadata.tables, "notes"}


def test_a_new_database_that_cannot_be_made_stays_empty(backend: Backend) -> None:
    with pytest.raises(StoreError, match="bringing it to schema 1 failed"):
        migrate(backend, (fail_half_way,), now=NOW)
    assert version(backend) == 0
    assert names(backend) == set()


def test_a_migration_done_by_another_process_meanwhile_is_not_done_again(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(backend, (make_tables,), now=NOW)
    migrations = (make_tables, add_notes)

    def as_another_process_migrates(at_version: int, now: datetime) -> None:
        monkeypatch.undo()
        migrate(backend, migrations, now=now)
        assert version(backend) == at_version + 1

    monkeypatch.setattr(backend, "back_up", as_another_process_migrates)
    migrate(backend, migrations, now=NOW)
    assert version(backend) == 2


def test_a_back_up_of_the_older_schema_is_made_first(sqlite_url: str, sqlite_path: Path) -> None:
    store = Store.open(sqlite_url, now=NOW)
    with store.begin() as connection:
        jobs.note_success(connection, "run", NOW)
    store.close()
    backend = SqliteBackend(make_url(sqlite_url))
    with pytest.raises(StoreError):
        migrate(backend, (*MIGRATIONS, fail_half_way), now=NOW)
    backend.close()
    newest = len(MIGRATIONS)
    copy = sqlite_path.with_name(f"sinkwatch.schema-{newest}.20140217T120000Z.backup")
    with closing(sqlite3.connect(copy)) as kept:
        assert kept.execute("PRAGMA user_version").fetchone() == (newest,)
        assert kept.execute("SELECT job FROM jobs").fetchone() == ("run",)


@pytest.mark.parametrize("migrations", [(make_tables,), (make_tables, add_notes)])
def test_no_back_up_is_made_of_nothing(
    sqlite_url: str, sqlite_path: Path, migrations: tuple[Callable[[Connection], None], ...]
) -> None:
    backend = SqliteBackend(make_url(sqlite_url))
    migrate(backend, migrations, now=NOW)
    backend.close()
    assert [path.name for path in sqlite_path.parent.iterdir()] == ["sinkwatch.db"]


# As databases of schema 3 have them, but for the ranges of numbers and the list of states.
SCHEMA_3 = (
    """
CREATE TABLE subscriptions (
    subscription_id TEXT NOT NULL,
    email TEXT NOT NULL,
    postcode TEXT NOT NULL,
    radius_m {number} NOT NULL,
    easting {number} NOT NULL,
    northing {number} NOT NULL,
    state TEXT NOT NULL,
    created_at {moment} NOT NULL,
    confirmed_at {moment},
    consent TEXT NOT NULL,
    CONSTRAINT pk_subscriptions PRIMARY KEY (subscription_id),
    CONSTRAINT uq_subscriptions_email_postcode UNIQUE (email, postcode),
    CONSTRAINT ck_subscriptions_state_known CHECK (state IN ('unconfirmed', 'confirmed')),
    CONSTRAINT ck_subscriptions_confirmed
        CHECK ((state = 'confirmed') = (confirmed_at IS NOT NULL))
){strict}
""",
    """
CREATE TABLE messages (
    message_id TEXT NOT NULL,
    subscription_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    envelope_sender TEXT NOT NULL,
    subject TEXT NOT NULL,
    mime {binary} NOT NULL,
    priority INTEGER NOT NULL,
    state TEXT NOT NULL,
    created_at {moment} NOT NULL,
    due_at {moment} NOT NULL,
    claimed_until {moment},
    attempts INTEGER NOT NULL,
    crashes INTEGER NOT NULL,
    last_problem TEXT NOT NULL,
    sent_at {moment},
    expires_at {moment} NOT NULL,
    CONSTRAINT pk_messages PRIMARY KEY (message_id),
    CONSTRAINT ck_messages_claimed CHECK ((state = 'sending') = (claimed_until IS NOT NULL)),
    CONSTRAINT ck_messages_sent CHECK ((state = 'sent') = (sent_at IS NOT NULL)),
    CONSTRAINT fk_messages_subscription_id FOREIGN KEY (subscription_id)
        REFERENCES subscriptions (subscription_id) ON DELETE CASCADE
){strict}
""",
    "CREATE INDEX ix_messages_state_due_at ON messages (state, due_at)",
    "CREATE INDEX ix_messages_subscription_id ON messages (subscription_id)",
    """
CREATE TABLE told (
    subscription_id TEXT NOT NULL,
    event_key TEXT NOT NULL,
    message_id TEXT NOT NULL,
    at {moment} NOT NULL,
    CONSTRAINT pk_told PRIMARY KEY (subscription_id, event_key),
    CONSTRAINT fk_told_subscription_id FOREIGN KEY (subscription_id)
        REFERENCES subscriptions (subscription_id) ON DELETE CASCADE
){strict}
""",
    "CREATE INDEX ix_told_message_id ON told (message_id)",
)
TYPES = {
    "sqlite": {"number": "REAL", "moment": "TEXT", "binary": "BLOB", "strict": " STRICT"},
    "postgresql": {
        "number": "DOUBLE PRECISION",
        "moment": "TIMESTAMP WITH TIME ZONE",
        "binary": "BYTEA",
        "strict": "",
    },
}
SINCE_SCHEMA_4 = (
    "publications",  # of schema 5
    "brakes",
    "throttles",
    "messages",
    "alerts",
    "events",
    "tallies",
    "signups",
    "subscriptions",
    "subscribers",
)


def make_tables_of_schema_3(connection: Connection) -> None:
    """Put those that schema 4 has changed back as they were; everything in them goes."""
    for name in SINCE_SCHEMA_4:
        connection.exec_driver_sql(f"DROP TABLE {name}")
    for statement in SCHEMA_3:
        connection.exec_driver_sql(statement.format(**TYPES[connection.dialect.name]))


@pytest.fixture
def schema_3(backend: Backend) -> Backend:
    """A database of schema 3, to be filled by `put`."""
    migrate(backend, MIGRATIONS, now=NOW)
    with backend.writer.begin() as connection:
        make_tables_of_schema_3(connection)
        backend.set_schema_version(connection, 3)
    return backend


MOMENT = "2014-02-17T12:00:00.000000Z"
LATER = "2014-02-17T13:00:00.000000Z"


def put(connection: Connection, name: str, **row: object) -> None:
    columns = ", ".join(row)
    places = ", ".join(f":{column}" for column in row)
    connection.execute(text(f"INSERT INTO {name} ({columns}) VALUES ({places})"), row)  # noqa: S608


def put_subscription(connection: Connection, subscription_id: str, **values: object) -> None:
    row: dict[str, object] = {
        "email": "ann@example.org",
        "postcode": "HG4 1HS",
        "radius_m": 500.5,
        "easting": 431_600.25,
        "northing": 471_745.0,
        "state": "confirmed",
        "created_at": MOMENT,
        "confirmed_at": LATER,
        "consent": '{"wording": "1"}',
    }
    put(connection, "subscriptions", subscription_id=subscription_id, **(row | values))


def put_message(connection: Connection, message_id: str, to: str, **values: object) -> None:
    row: dict[str, object] = {
        "recipient": "Ann@Example.org",
        "envelope_sender": "bounces@example.org",
        "subject": "1 change near HG4 1HS",
        "mime": b"\x00Text\r\n",
        "priority": 20,
        "state": "created",
        "created_at": MOMENT,
        "due_at": MOMENT,
        "claimed_until": None,
        "attempts": 0,
        "crashes": 0,
        "last_problem": "",
        "sent_at": None,
        "expires_at": "2014-02-20T12:00:00.000000Z",
    }
    put(connection, "messages", message_id=message_id, subscription_id=to, **(row | values))


def put_told(connection: Connection, who: str, event_key: str, message_id: str) -> None:
    row = {"event_key": event_key, "message_id": message_id, "at": LATER}
    put(connection, "told", subscription_id=who, **row)


HOUR = timedelta(hours=1)


def test_subscriptions_of_schema_3_become_people_with_places(schema_3: Backend) -> None:
    with schema_3.writer.begin() as connection:
        put_subscription(connection, "b", postcode="HG4 1AA", consent='{"wording": "2"}')
        put_subscription(connection, "a")
        put_subscription(connection, "c", email="bob@example.org")
        put_subscription(
            connection, "d", email="eve@example.org", state="unconfirmed", confirmed_at=None
        )
    migrate(schema_3, MIGRATIONS, now=NOW)

    def a_place(subscription_id: str, postcode: str) -> Subscription:
        return Subscription(
            subscription_id=SubscriptionId(subscription_id),
            postcode=postcode,
            radius_m=500.5,
            easting=431_600.25,
            northing=471_745.0,
            confirmed_at=NOW + HOUR,
        )

    with schema_3.reader.begin() as connection:
        assert subscribers.all_of(connection) == (
            Subscriber(
                subscriber_id=SubscriberId("a"),
                email="ann@example.org",
                subscriptions=(a_place("b", "HG4 1AA"), a_place("a", "HG4 1HS")),
                confirmed_at=NOW + HOUR,
            ),
            Subscriber(
                subscriber_id=SubscriberId("c"),
                email="bob@example.org",
                subscriptions=(a_place("c", "HG4 1HS"),),
                confirmed_at=NOW + HOUR,
            ),
        )
        held = subscribers.export(connection, "ann@example.org")
        assert held["subscriber"]["consent"] == {"wording": "1"}
        assert [place["consent"] for place in held["places"]] == [
            {"wording": "2"},
            {"wording": "1"},
        ]
        # Who never confirmed has no row that anything could be sent to.
        assert subscribers.export(connection, "eve@example.org")["subscriber"] is None


def test_one_mailbox_that_stood_there_in_capitals_too_becomes_one_person(
    schema_3: Backend,
) -> None:
    with schema_3.writer.begin() as connection:
        put_subscription(connection, "a", email="Ann@example.org", radius_m=250)
        put_subscription(connection, "b", email="ann@example.org", radius_m=750)
        put_told(connection, "a", "k:A1:v", "m1@x")
        put_told(connection, "b", "k:A1:v", "m2@x")
    migrate(schema_3, MIGRATIONS, now=NOW)
    with schema_3.reader.begin() as connection:
        (person,) = subscribers.all_of(connection)
        assert (person.subscriber_id, person.email) == ("a", "Ann@example.org")
        assert [(one.postcode, one.radius_m) for one in person.subscriptions] == [("HG4 1HS", 750)]
        assert alerts.told(connection) == {("a", "A1"): NOW.date()}


def test_mails_of_schema_3_go_on_as_they_stood(schema_3: Backend) -> None:
    with schema_3.writer.begin() as connection:
        put_subscription(connection, "a")
        put_subscription(connection, "b", postcode="HG4 1AA")
        put_message(connection, "waiting@x", "b")
        put_message(connection, "sent@x", "a", state="sent", sent_at=LATER, attempts=1)
        put_message(connection, "tried@x", "a", state="temporary-failure", attempts=2, crashes=1)
        put_message(connection, "sending@x", "a", state="sending", claimed_until=LATER, attempts=1)
        put_told(connection, "b", "application_new:Council/A:1:v1", "waiting@x")
    migrate(schema_3, MIGRATIONS, now=NOW)
    with schema_3.writer.begin() as connection:
        assert outbox.get(connection, "waiting@x") == Message(
            message_id=MessageId("waiting@x"),
            kind=MailKind.ALERT,
            recipient="Ann@Example.org",
            envelope_sender="bounces@example.org",
            subject="1 change near HG4 1HS",
            mime=b"\x00Text\r\n",
            dedupe_key="waiting@x",
            event_keys=("application_new:Council/A:1:v1",),
            subscriber_id=SubscriberId("a"),
        )
        rows = connection.execute(select(tables.messages)).mappings()
        found = {row["message_id"]: dict(row) for row in rows}
        assert {row["domain"] for row in found.values()} == {"example.org"}
        assert {row["created_at"] for row in found.values()} == {NOW}
        assert {row["expires_at"] for row in found.values()} == {NOW + timedelta(days=3)}
        assert {
            name: (row["state"], row["attempts"], row["crashes"], row["may_have_arrived"])
            for name, row in found.items()
        } == {
            "waiting@x": ("created", 0, 0, False),
            "sent@x": ("sent", 1, 0, True),
            "tried@x": ("temporary-failure", 2, 1, True),
            "sending@x": ("sending", 1, 0, True),
        }
        assert found["sent@x"]["sent_at"] == found["sending@x"]["claimed_until"] == NOW + HOUR
        claimed = outbox.claim(connection, NOW, HOUR, outbox.NO_PACE)
        assert claimed is not None
        assert claimed.message.message_id == "tried@x"


def test_what_was_told_under_schema_3_is_never_told_again(schema_3: Backend) -> None:
    key = "application_new:Council/A:1:v1"
    with schema_3.writer.begin() as connection:
        put_subscription(connection, "a")
        put_subscription(connection, "b", postcode="HG4 1AA")
        for who in ("a", "b"):
            put_told(connection, who, key, f"{who}@x")
    migrate(schema_3, MIGRATIONS, now=NOW)
    with schema_3.writer.begin() as connection:
        assert alerts.told(connection) == {("a", "Council/A:1"): NOW.date()}
        assert alerts.told_of_event(connection, key) == alerts.told(connection)
        assert alerts.waiting(connection) == {}
    with pytest.raises(IntegrityError), schema_3.writer.begin() as connection:
        alerts.queue(connection, 1, [(SubscriberId("a"), key)], {key: "Council/A:1"}, NOW)


def test_a_database_of_schema_3_without_a_row_becomes_one_of_today(schema_3: Backend) -> None:
    migrate(schema_3, MIGRATIONS, now=NOW)
    assert version(schema_3) == len(MIGRATIONS)
    with schema_3.reader.begin() as connection:
        assert subscribers.all_of(connection) == ()


def indexes(backend: Backend) -> set[str]:
    with backend.reader.begin() as connection:
        named = {
            "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index'",
            "postgresql": "SELECT indexname FROM pg_indexes WHERE schemaname = 'public'",
        }
        found = connection.exec_driver_sql(named[connection.dialect.name])
        return set(found.scalars())


def shape(backend: Backend) -> dict[str, list[tuple[str, str, bool]]]:
    """Say of every table which columns it has, of which type, and whether they may be empty."""
    with backend.reader.begin() as connection:
        looked = inspect(connection)
        return {
            table: [
                (column["name"], repr(column["type"]), column["nullable"])
                for column in looked.get_columns(table)
            ]
            for table in looked.get_table_names()
        }


def test_a_database_of_schema_1_ends_with_the_very_tables_of_a_new_one(backend: Backend) -> None:
    migrate(backend, MIGRATIONS, now=NOW)
    new, found = shape(backend), indexes(backend)
    with backend.writer.begin() as connection:
        connection.exec_driver_sql("DROP TABLE hosts")
        connection.exec_driver_sql("DROP TABLE holds")
        make_tables_of_schema_3(connection)
        backend.set_schema_version(connection, 1)
    migrate(backend, MIGRATIONS, now=NOW)
    assert version(backend) == len(MIGRATIONS)
    assert shape(backend) == new
    assert indexes(backend) == found
    with backend.writer.begin() as connection:
        hosts.note_request(connection, "www.example.org", NOW)
        assert hosts.get(connection, "www.example.org").last_request_at == NOW


def test_how_the_sources_stood_outlives_the_schema_in_which_none_could_be_held(
    backend: Backend,
) -> None:
    migrate(backend, MIGRATIONS, now=NOW)
    moment = "TEXT" if backend.name.startswith("/") else "TIMESTAMPTZ"
    strict = " STRICT" if moment == "TEXT" else ""
    state = SourceState(
        spec=a_spec("geology", None), status=SourceStatus.FAILED, snapshot=None, problem="gone"
    )
    with backend.writer.begin() as connection:
        connection.exec_driver_sql("DROP TABLE holds")
        connection.exec_driver_sql("DROP TABLE source_states")
        connection.exec_driver_sql(
            "CREATE TABLE source_states (source TEXT PRIMARY KEY, status TEXT NOT NULL "
            "CHECK (status IN ('good', 'stale', 'failed', 'not_configured')), "
            f"problem TEXT NOT NULL, changed_at {moment} NOT NULL, n_rows INTEGER NOT NULL, "
            f"snapshot_id INTEGER REFERENCES snapshots){strict}"
        )
        runs.note_source(connection, state, NOW)
        before = runs.source_notes(connection)
        make_tables_of_schema_3(connection)
        backend.set_schema_version(connection, 2)
    migrate(backend, MIGRATIONS, now=NOW)
    with backend.writer.begin() as connection:
        assert runs.source_notes(connection) == before
        assert before[0].changed_at == NOW
        runs.note_source(connection, replace(state, status=SourceStatus.HELD), NOW)
        assert [note.status for note in runs.source_notes(connection)] == [SourceStatus.HELD]


def test_a_migration_that_breaks_a_reference_is_undone(sqlite_url: str) -> None:
    backend = SqliteBackend(make_url(sqlite_url))
    migrate(backend, (make_tables,), now=NOW)
    with closing(sqlite3.connect(make_url(sqlite_url).database or "")) as careless, careless:
        # This connection does not check references, as a table that is rebuilt does not.
        careless.execute("INSERT INTO kinds (kind, first_run) VALUES ('application', 7)")
    with pytest.raises(StoreError, match="1 rows of kinds refer to rows that do not exist"):
        migrate(backend, (make_tables, add_notes), now=NOW)
    assert version(backend) == 1
    assert "notes" not in names(backend)
    backend.close()
