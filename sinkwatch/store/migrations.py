"""The ordered steps from an empty database to the newest schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy
from sqlalchemy import (
    TIMESTAMP,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
    insert,
    text,
)
from sqlalchemy.exc import DBAPIError

from sinkwatch.errors import StoreError
from sinkwatch.store import tables
from sinkwatch.store.faults import first_line

if TYPE_CHECKING:
    from sinkwatch.store.backend import Backend

Migration = Callable[[Connection], None]


def make_tables(connection: Connection) -> None:
    """
    Make every table, as it is today, in a database that has none.

    Parameters
    ----------
    connection
        Of a writing transaction.
    """
    tables.metadata.create_all(connection, checkfirst=False)


def add_hosts(connection: Connection) -> None:
    """
    Add the table of servers asked, as schema 2 has it.

    Parameters
    ----------
    connection
        Of a writing transaction.
    """
    # Written out, not taken from `tables`: that one goes on changing, this step must not.
    Table(
        "hosts",
        MetaData(naming_convention=tables.metadata.naming_convention),
        Column("host", Text, primary_key=True),
        Column("last_request_at", tables.UtcDateTime),
        Column("not_before", tables.UtcDateTime),
        sqlite_strict=True,
    ).create(connection)


def add_holds(connection: Connection) -> None:
    """
    Add the table of sources on hold, as schema 3 has it, and let a source be held.

    Parameters
    ----------
    connection
        Of a writing transaction.
    """
    past = MetaData(naming_convention=tables.metadata.naming_convention)
    Table(
        "holds",
        past,
        Column("source", Text, primary_key=True),
        Column("since", tables.UtcDateTime, nullable=False),
        Column("rule", Text, nullable=False),
        Column("candidate", tables.Json, nullable=False),
        sqlite_strict=True,
    ).create(connection)
    # SQLite cannot change the rule of a column: the table is made anew, with its rows.
    kept = connection.execute(text("SELECT * FROM source_states")).mappings().all()
    connection.execute(text("DROP TABLE source_states"))
    Table("snapshots", past, Column("snapshot_id", Integer, primary_key=True))
    made = Table(
        "source_states",
        past,
        Column("source", Text, primary_key=True),
        Column("status", Text, nullable=False),
        Column("problem", Text, nullable=False),
        # As the database itself has it: the rows go back as they came.
        Column("changed_at", _Moment, nullable=False),
        Column("n_rows", Integer, nullable=False),
        Column("snapshot_id", ForeignKey("snapshots.snapshot_id")),
        CheckConstraint(
            "status IN ('good', 'stale', 'held', 'failed', 'not_configured')", name="status_known"
        ),
        CheckConstraint("n_rows >= 0", name="n_rows_not_negative"),
        sqlite_strict=True,
    )
    made.create(connection)
    if kept:
        connection.execute(insert(made), [dict(row) for row in kept])


def part_people_from_places(connection: Connection) -> None:
    """
    Turn subscriptions of an address and a postcode into people with places, as schema 4 has them.

    Who was told what, and which mails wait, is carried over.

    Parameters
    ----------
    connection
        Of a writing transaction.
    """
    before = {name: _emptied(connection, name) for name in ("told", "messages", "subscriptions")}
    # Taken from `tables` since these are new there: whoever changes one of them by a later step
    # writes it out here first, as the steps above do.
    for table in (
        tables.subscribers,
        tables.subscriptions,
        tables.signups,
        tables.tallies,
        tables.events,
        tables.alerts,
        tables.messages,
        tables.throttles,
        tables.brakes,
    ):
        table.create(connection)
    confirmed = [row for row in before["subscriptions"] if row["state"] == "confirmed"]
    # One mailbox may stand there twice, in capitals and without.
    person = {row["email"].lower(): row["subscription_id"] for row in reversed(confirmed)}
    owner = {row["subscription_id"]: person[row["email"].lower()] for row in confirmed}
    places = {(owner[row["subscription_id"]], row["postcode"]): row for row in confirmed}.values()
    _insert(
        connection,
        tables.subscribers,
        [_person(row) for row in confirmed if row["subscription_id"] in person.values()],
    )
    _insert(connection, tables.subscriptions, [_place(row, owner) for row in places])
    mails = {row["message_id"]: row for row in before["messages"]}
    _insert(
        connection,
        tables.messages,
        [_mail(row, owner) for row in mails.values() if row["subscription_id"] in owner],
    )
    told = {
        (owner[row["subscription_id"]], row["event_key"]): row
        for row in before["told"]
        if row["subscription_id"] in owner
    }
    _insert(connection, tables.alerts, [_told(who, row) for (who, _), row in told.items()])


def _emptied(connection: Connection, name: str) -> list[dict[str, Any]]:
    """Return the rows of a table, which is dropped."""
    rows = [dict(row) for row in connection.execute(text(f"SELECT * FROM {name}")).mappings()]  # noqa: S608 - names of our own
    connection.execute(text(f"DROP TABLE {name}"))
    return sorted(rows, key=lambda row: str(row["subscription_id"]))


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _moment(value: Any) -> Any:  # noqa: ANN401 - text on SQLite, a time on PostgreSQL
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _person(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "subscriber_id": row["subscription_id"],
        "email": row["email"],
        "frequency": "at_once",
        "is_quiet_at_night": False,
        "confirmed_at": _moment(row["confirmed_at"]),
        "bounce_score": 0,
        "consent": json.loads(row["consent"]),
    }


def _place(row: Mapping[str, Any], owner: Mapping[str, str]) -> dict[str, Any]:
    kept = ("subscription_id", "postcode", "radius_m", "easting", "northing")
    return {
        **{name: row[name] for name in kept},
        "subscriber_id": owner[row["subscription_id"]],
        "topics": ["flagged", "records", "decisions"],
        "confirmed_at": _moment(row["confirmed_at"]),
        "consent": json.loads(row["consent"]),
    }


def _mail(row: Mapping[str, Any], owner: Mapping[str, str]) -> dict[str, Any]:
    times = ("created_at", "due_at", "claimed_until", "sent_at", "expires_at")
    kept = {name: value for name, value in row.items() if name != "subscription_id"}
    return {
        **kept,
        **{name: _moment(row[name]) for name in times},
        "kind": "alert",
        "subscriber_id": owner[row["subscription_id"]],
        "dedupe_key": row["message_id"],
        "domain": row["recipient"].rpartition("@")[2].lower(),
        # That was not noted then; better told once than twice.
        "may_have_arrived": row["attempts"] > 0,
    }


def _told(who: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "subscriber_id": who,
        "event_key": row["event_key"],
        "subject": row["event_key"].partition(":")[2].rpartition(":")[0],
        "run_id": 0,
        "at": _moment(row["at"]),
        "message_id": row["message_id"],
        "told_at": _moment(row["at"]),
    }


def add_publications(connection: Connection) -> None:
    """
    Add the table of editions of the site, as schema 5 has it.

    Parameters
    ----------
    connection
        Of a writing transaction.
    """
    past = MetaData(naming_convention=tables.metadata.naming_convention)
    Table("runs", past, Column("run_id", Integer, primary_key=True))
    Table(
        "publications",
        past,
        Column("publication_id", Integer, primary_key=True),
        Column("published_at", tables.UtcDateTime, nullable=False),
        Column("seen_at", tables.UtcDateTime, nullable=False),
        Column("built_at", tables.UtcDateTime, nullable=False),
        Column("release", Text, nullable=False),
        Column("run_id", ForeignKey("runs.run_id")),
        Column("program", tables.Json, nullable=False),
        Column("imprint", tables.Json, nullable=False),
        Column("basis", Text, nullable=False),
        Column("copies", tables.Json, nullable=False),
        Column("packs", tables.Json, nullable=False),
        CheckConstraint("length(release) = 64", name="release_whole"),
        CheckConstraint("seen_at >= published_at", name="moments_in_order"),
        sqlite_strict=True,
    ).create(connection)


_Moment: Final = TIMESTAMP(timezone=True).with_variant(Text(), "sqlite")

MIGRATIONS: Final[tuple[Migration, ...]] = (
    make_tables,
    add_hosts,
    add_holds,
    part_people_from_places,
    add_publications,
)
"""Number n is the n-th. The first always makes the newest tables, so a new database needs no
other; each later one turns the schema before it into its own, for databases that exist."""


def migrate(backend: Backend, migrations: Sequence[Migration], *, now: datetime) -> None:
    """
    Bring a database to the newest schema: each step wholly or not at all.

    Parameters
    ----------
    backend
        The database.
    migrations
        All of them in order.
    now
        Time, UTC; a back-up that is made first bears it.

    Raises
    ------
    StoreError
        If the database is newer than the program, belongs to another program, or a step
        fails; it is then as it was before that step.
    """
    with backend.reader.begin() as connection:
        version = backend.schema_version(connection)
    _refuse_newer(backend, version, len(migrations))
    if 0 < version < len(migrations):
        backend.back_up(version, now)
    while version < len(migrations):
        version = _step(backend, migrations)


def _refuse_newer(backend: Backend, version: int, newest: int) -> None:
    """Refuse a database whose tables this program cannot know."""
    if version > newest:
        raise StoreError(
            backend.name,
            f"it has schema {version}, and this sinkwatch knows schemas up to {newest} only",
            "Install the newer sinkwatch that last opened it",
        )


def _step(backend: Backend, migrations: Sequence[Migration]) -> int:
    """Apply the next migration, if another process has not, and return the version reached."""
    with backend.writer.begin() as connection:
        backend.lock_schema(connection)
        # Only now is it certain: another process may have migrated since we looked.
        version = backend.schema_version(connection)
        if version >= len(migrations):
            return version
        if version == 0:
            _refuse_strange(backend, connection)
        reached = version + 1 if version else len(migrations)
        _apply(backend, connection, migrations[version], reached)
    return reached


def _apply(backend: Backend, connection: Connection, migration: Migration, reached: int) -> None:
    """Run one migration and record it, in the transaction of its caller."""
    try:
        migration(connection)
        backend.check_references(connection)
        backend.set_schema_version(connection, reached)
    except DBAPIError as error:
        raise StoreError(
            backend.name,
            f"bringing it to schema {reached} failed: {first_line(error)}",
            "It is as it was before; report this with the line above",
        ) from error


def _refuse_strange(backend: Backend, connection: Connection) -> None:
    """Refuse a database that has tables but none of our records of them."""
    found = sqlalchemy.inspect(connection).get_table_names()
    if found:
        raise StoreError(
            backend.name,
            f"it holds tables that are not sinkwatch's, such as {min(found)}",
            "Give sinkwatch a database of its own",
        )
