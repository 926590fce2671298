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

from sinkwatch.model import (
    Message,
    MessageId,
    Snapshot,
    SourceSpec,
    SourceState,
    SourceStatus,
    Subscription,
    SubscriptionId,
)
from sinkwatch.store import Store, outbox, subscriptions
from sinkwatch.store.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).parent
    missing = "PostgreSQL's initdb is not installed (Debian: postgresql)"
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(missing)
    pytest.skip(missing)


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
def a_subscription() -> Callable[..., Subscription]:
    def build(subscription_id: str = "s1", **values: object) -> Subscription:
        fields: dict[str, object] = {
            "email": f"{subscription_id}@example.org",
            "postcode": "HG4 1HS",
            "radius_m": 500.0,
            "easting": 431_600.0,
            "northing": 471_745.0,
            "confirmed_at": NOW,
        }
        return Subscription(subscription_id=SubscriptionId(subscription_id), **(fields | values))

    return build


@pytest.fixture
def a_message() -> Callable[..., Message]:
    def build(
        message_id: str = "<m1@example.org>", to: str = "s1", tells: Sequence[str] = ("event-1",)
    ) -> Message:
        return Message(
            message_id=MessageId(message_id),
            subscription_id=SubscriptionId(to),
            recipient=f"{to}@example.org",
            envelope_sender="bounces@example.org",
            subject="1 change near HG4 1HS",
            mime=b"Subject: 1 change near HG4 1HS\r\n\r\nText\r\n",
            event_keys=tuple(tells),
        )

    return build


@pytest.fixture
def subscribed(
    store: Store, a_subscription: Callable[..., Subscription]
) -> Callable[..., Subscription]:
    """Add a confirmed subscription to the store."""

    def add(subscription_id: str = "s1", **values: object) -> Subscription:
        subscription = a_subscription(subscription_id, **values)
        with store.begin() as connection:
            subscriptions.add(connection, subscription, {"wording": "1"}, NOW)
        return subscription

    return add


@pytest.fixture
def queued(store: Store, a_message: Callable[..., Message]) -> Callable[..., Message]:
    """Queue one message, due at once and good for three days unless said otherwise."""

    def queue(
        message_id: str = "<m1@example.org>",
        to: str = "s1",
        tells: Sequence[str] | None = None,
        at: datetime = NOW,
        expires_at: datetime = datetime(2014, 2, 20, 12, tzinfo=UTC),
    ) -> Message:
        message = a_message(message_id, to, (f"told by {message_id}",) if tells is None else tells)
        with store.begin() as connection:
            outbox.enqueue(connection, [message], at, expires_at)
        return message

    return queue


@pytest.fixture
def n_rows(store: Store) -> Callable[[str], int]:
    """Count the rows of a table."""

    def count(table: str) -> int:
        with store.read() as connection:
            return _count(connection, table)

    return count


def _count(connection: Connection, table: str) -> int:
    return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())  # noqa: S608 - names of our own tables
