"""A fresh store on SQLite and on PostgreSQL, and builders that name only what matters to a case."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import select

from sinkwatch.model import (
    Event,
    EventKind,
    MailKind,
    Message,
    MessageId,
    Outcome,
    Signup,
    SignupPurpose,
    Snapshot,
    SourceSpec,
    SourceState,
    SourceStatus,
    Subscriber,
    SubscriberId,
    Subscription,
    SubscriptionId,
)
from sinkwatch.store import Store, alerts, outbox, runs, subscribers, tables
from sinkwatch.store.tables import metadata
from tests.programs import program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)
BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


# ── Databases ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def sqlite_path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "sinkwatch.db"


@pytest.fixture
def sqlite_url(sqlite_path: Path) -> str:
    return f"sqlite:///{sqlite_path}"


@pytest.fixture
def sqlite_store(sqlite_url: str) -> Iterator[Store]:
    store = Store.open(sqlite_url, now=NOW)
    yield store
    store.close()


@pytest.fixture
def postgres_url(postgres_cluster: str) -> str:
    """An empty database: everything of the test before is dropped."""
    with _administer(postgres_cluster) as connection:
        connection.execute("SET client_min_messages = error")
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return postgres_cluster


@pytest.fixture(scope="session")
def kept_postgres(postgres_cluster: str) -> Iterator[Store]:
    """A second database, migrated once: making the tables takes longer than most tests."""
    with _administer(postgres_cluster) as connection:
        connection.execute("CREATE DATABASE kept")
    store = Store.open(postgres_cluster.replace("/postgres?", "/kept?"), now=NOW)
    yield store
    store.close()


@pytest.fixture
def postgres_store(kept_postgres: Store) -> Store:
    """A store without a row; only the numbers of rows go on from the test before."""
    with kept_postgres.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    return kept_postgres


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=BOTH)
def store(request: pytest.FixtureRequest) -> Store:
    found: Store = request.getfixturevalue(f"{request.param}_store")
    return found


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[str]:
    """A server of our own, on a socket in a folder that only it uses."""
    programs = _postgres_programs()
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path has room for 107 bytes
    try:
        with _server(programs, folder):
            yield f"postgresql+psycopg://sinkwatch@/postgres?host={folder}"
    finally:
        shutil.rmtree(folder)


def _administer(cluster: str) -> psycopg.Connection:
    return psycopg.connect(cluster.replace("+psycopg", ""), autocommit=True)


def _postgres_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    return Path(program("initdb", "postgresql")).parent


@contextmanager
def _server(programs: Path, folder: Path) -> Iterator[None]:
    data = folder / "data"
    prefix: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        prefix = ["runuser", "-u", "postgres", "--"]

    def run(program: str, *arguments: str) -> None:
        command = [*prefix, str(programs / program), "-D", str(data), *arguments]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)

    run("initdb", "--auth=trust", "--username=sinkwatch", "--encoding=UTF8", "--no-sync")
    options = f"-c fsync=off -c listen_addresses='' -c unix_socket_directories={folder}"
    run("pg_ctl", "start", "--wait", "--log", str(folder / "log"), "-o", options)
    try:
        yield
    finally:
        run("pg_ctl", "stop", "--mode=fast")


# ── Builders ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def a_snapshot() -> Callable[..., Snapshot]:
    def build(source: str = "sinkholes", sha256: str = "a" * 64, **values: object) -> Snapshot:
        fields: dict[str, object] = {
            "path": Path("var/snapshots/sinkholes/aaaa.csv"),
            "url": "sinkholes.csv",
            "n_bytes": 1234,
            "retrieved_at": NOW,
            "checked_at": NOW,
            "edition": "February 2014",
            "licence": "OGL-UK-3.0",
            "attribution": "Made up for this test",
        }
        return Snapshot(source=source, sha256=sha256, **(fields | values))

    return build


@pytest.fixture
def a_state() -> Callable[..., SourceState]:
    def build(name: str = "sinkholes", **values: object) -> SourceState:
        spec = SourceSpec(name=name, kind="csv", title=name, path=None, licence="", attribution="")
        fields: dict[str, object] = {"status": SourceStatus.GOOD, "snapshot": None}
        return SourceState(spec=spec, **(fields | values))

    return build


@pytest.fixture
def a_place() -> Callable[..., Subscription]:
    def build(subscription_id: str = "s1-home", **values: object) -> Subscription:
        fields: dict[str, object] = {
            "postcode": "HG4 1HS",
            "radius_m": 500.0,
            "easting": 431_600.0,
            "northing": 471_745.0,
            "confirmed_at": NOW,
        }
        return Subscription(subscription_id=SubscriptionId(subscription_id), **(fields | values))

    return build


@pytest.fixture
def a_subscriber(a_place: Callable[..., Subscription]) -> Callable[..., Subscriber]:
    """A person with one place, at HG4 1HS, unless other places are given."""

    def build(subscriber_id: str = "s1", **values: object) -> Subscriber:
        fields: dict[str, object] = {
            "email": f"{subscriber_id}@example.org",
            "subscriptions": (a_place(f"{subscriber_id}-home"),),
            "confirmed_at": NOW,
        }
        return Subscriber(subscriber_id=SubscriberId(subscriber_id), **(fields | values))

    return build


@pytest.fixture
def a_signup(a_place: Callable[..., Subscription]) -> Callable[..., Signup]:
    def build(signup_id: str = "r1", **values: object) -> Signup:
        fields: dict[str, object] = {
            "email": f"{signup_id}@example.org",
            "purpose": SignupPurpose.SUBSCRIBE,
            "created_at": NOW,
            "wanted": (a_place(f"{signup_id}-home"),),
        }
        return Signup(signup_id=signup_id, **(fields | values))

    return build


@pytest.fixture
def a_message() -> Callable[..., Message]:
    def build(
        message_id: str = "m1@example.org", to: str | None = "s1", **values: object
    ) -> Message:
        fields: dict[str, object] = {
            "kind": MailKind.ALERT,
            "recipient": f"{to}@example.org",
            "envelope_sender": "bounces@example.org",
            "subject": "1 change near HG4 1HS",
            "mime": b"Subject: 1 change near HG4 1HS\r\n\r\nText\r\n",
            "dedupe_key": f"words of {message_id}",
            "subscriber_id": to,
        }
        return Message(message_id=MessageId(message_id), **(fields | values))

    return build


@pytest.fixture
def an_event() -> Callable[..., Event]:
    def build(subject: str = "A1", version: str = "v1", **values: object) -> Event:
        fields: dict[str, object] = {
            "kind": EventKind.APPLICATION_NEW,
            "title": "Twenty dwellings",
            "happened": "A planning application has been submitted.",
            "easting": 431_579.0,
            "northing": 471_829.0,
            "position_uncertainty_m": 5.0,
            "is_flagged": True,
            "is_news": True,
        }
        return Event(subject=subject, version=version, **(fields | values))

    return build


@pytest.fixture
def subscribed(store: Store, a_subscriber: Callable[..., Subscriber]) -> Callable[..., Subscriber]:
    """Add a person to the store."""

    def add(subscriber_id: str = "s1", **values: object) -> Subscriber:
        subscriber = a_subscriber(subscriber_id, **values)
        with store.begin() as connection:
            subscribers.add(connection, subscriber, {"wording": "1"})
        return subscriber

    return add


@pytest.fixture
def queued(store: Store, a_message: Callable[..., Message]) -> Callable[..., Message]:
    """Queue one message, due at once."""

    def queue(
        message_id: str = "m1@example.org",
        to: str | None = "s1",
        at: datetime = NOW,
        **values: object,
    ) -> Message:
        message = a_message(message_id, to, **values)
        with store.begin() as connection:
            outbox.enqueue(connection, message, at)
        return message

    return queue


@pytest.fixture
def heard(store: Store, an_event: Callable[..., Event]) -> Callable[..., tuple[str, ...]]:
    """Record events of a run, one for each subject, and let somebody hear of them all."""

    def record(*subjects: str, who: str = "s1", at: datetime = NOW) -> tuple[str, ...]:
        with store.begin() as connection:
            run_id = runs.start(connection, at)
            found = [an_event(subject) for subject in subjects]
            alerts.record(connection, run_id, found, at)
            keys = {event.key: event.subject for event in found}
            pairs = [(SubscriberId(who), key) for key in keys]
            alerts.queue(connection, run_id, pairs, keys, at)
        return tuple(keys)

    return record


@pytest.fixture
def state(store: Store) -> Callable[..., Outcome]:
    """Tell what became of a message."""

    def look(message_id: str = "m1@example.org") -> Outcome:
        with store.read() as connection:
            found = connection.execute(
                select(tables.messages.c.state).where(tables.messages.c.message_id == message_id)
            )
            return Outcome(found.scalar_one())

    return look


@pytest.fixture
def n_rows(store: Store) -> Callable[[str], int]:
    """Count the rows of a table."""

    def count(table: str) -> int:
        with store.read() as connection:
            return _count(connection, table)

    return count


def _count(connection: Connection, table: str) -> int:
    return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())  # noqa: S608 - names of our own tables
