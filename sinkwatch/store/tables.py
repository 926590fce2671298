"""The one schema: what is kept, and what the database itself refuses to keep."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy
from sqlalchemy import (
    REAL,
    TIMESTAMP,
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Date,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    and_,
    bindparam,
    func,
)
from sqlalchemy.dialects import postgresql, sqlite

from sinkwatch.model import Frequency, MailKind, Outcome, SignupPurpose, SourceStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from enum import StrEnum

    from sqlalchemy import BindParameter, ColumnElement, FromClause
    from sqlalchemy.schema import SchemaItem
    from sqlalchemy.types import TypeEngine


class UtcDateTime(TypeDecorator[datetime]):
    """
    A moment: ``timestamptz``, and on SQLite text whose order is the order of time.

    Always UTC with six decimals and a ``Z``; a time without a zone is refused, since it
    would be read as another hour half of the year.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type that the database itself has for it."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(TIMESTAMP(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ANN401 - text or time, as the dialect has it
        """Return the value as it is stored."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone; hand down aware times, UTC")
        moment = value.astimezone(UTC)
        return _as_text(moment) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ANN401, ARG002 - as above
        """Return the stored value as an aware time, UTC."""
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC)


class Day(TypeDecorator[date]):
    """A calendar day: ``date``, and on SQLite text in ISO 8601, which STRICT tables can hold."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type that the database itself has for it."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Date())

    def process_bind_param(self, value: date | None, dialect: Dialect) -> Any:  # noqa: ANN401 - text or date, as the dialect has it
        """Return the value as it is stored."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.isoformat()

    def process_result_value(self, value: Any, dialect: Dialect) -> date | None:  # noqa: ANN401, ARG002 - as above
        """Return the stored value as a day."""
        return date.fromisoformat(value) if isinstance(value, str) else value


class Boolean(TypeDecorator[bool]):
    """Yes or no: ``boolean``, and on SQLite 0 or 1, since STRICT knows no such type."""

    impl = Integer
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type that the database itself has for it."""
        kind = Integer() if dialect.name == "sqlite" else sqlalchemy.Boolean()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: bool | None, dialect: Dialect) -> Any:  # noqa: ANN401, FBT001 - as above
        """Return the value as it is stored."""
        return int(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> bool | None:  # noqa: ANN401, ARG002 - as above
        """Return the stored value."""
        return None if value is None else bool(value)


class Json(TypeDecorator[Any]):
    """
    JSON as text with sorted keys, so that equal values are equal bytes on both databases.

    NaN and infinity are refused: they are no JSON, and half of all programs cannot read them.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:  # noqa: ANN401, ARG002 - any JSON
        """Return the value as it is stored."""
        return json.dumps(value, sort_keys=True, allow_nan=False, ensure_ascii=False)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ANN401, ARG002 - any JSON
        """Return the stored value."""
        return json.loads(value)


def _as_text(moment: datetime) -> str:
    """Write a UTC time with a fixed number of digits."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _one_of(column: str, values: Iterable[StrEnum | str]) -> CheckConstraint:
    """Refuse any word but these."""
    words = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({words})", name=f"{column}_known")


def _within(column: str, least: float, greatest: float) -> CheckConstraint:
    """Refuse numbers outside these; NaN and infinity too, which PostgreSQL would keep."""
    return CheckConstraint(f"{column} BETWEEN {least} AND {greatest}", name=f"{column}_within")


def _not_negative(column: str) -> CheckConstraint:
    """Refuse a count below nought."""
    return CheckConstraint(f"{column} >= 0", name=f"{column}_not_negative")


def _table(name: str, *items: SchemaItem) -> Table:
    """Return a table that is STRICT on SQLite, which otherwise keeps text in a number's place."""
    return Table(name, metadata, *items, sqlite_strict=True)


def _subscriber_column(
    *, primary_key: bool = False, index: bool = False, nullable: bool = False
) -> Column[Any]:
    """Return the reference to a subscriber; what hangs on one goes when they go."""
    return Column(
        "subscriber_id",
        ForeignKey("subscribers.subscriber_id", ondelete="CASCADE"),
        nullable=nullable,
        primary_key=primary_key,
        index=index,
    )


WAITING_TO_GO: Final = (Outcome.CREATED, Outcome.TEMPORARY_FAILURE)
"""States of a message that is to go by itself and is with no sender."""

# STRICT knows five types by name; PostgreSQL's REAL has four bytes only, hence not the same word.
_NUMBER: Final[TypeEngine[float]] = Double().with_variant(REAL(), "sqlite")
_LARGE_COUNT: Final = BigInteger().with_variant(Integer(), "sqlite")

# British National Grid, metres: Great Britain lies within 700 km by 1,300 km of its origin.
_GREATEST_EASTING: Final = 700_000
_GREATEST_NORTHING: Final = 1_300_000

metadata: Final = MetaData(
    naming_convention={
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

runs: Final = _table(
    "runs",
    Column("run_id", Integer, primary_key=True),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("outcome", Text, nullable=False),
    Column("summary", Json, nullable=False),
    _one_of("outcome", ("running", "done", "failed")),
    CheckConstraint("(outcome = 'running') = (finished_at IS NULL)", name="finished"),
)

snapshots: Final = _table(
    "snapshots",
    Column("snapshot_id", Integer, primary_key=True),
    Column("source", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("n_bytes", _LARGE_COUNT, nullable=False),
    Column("retrieved_at", UtcDateTime, nullable=False),
    Column("checked_at", UtcDateTime, nullable=False),
    Column("edition", Text, nullable=False),
    Column("licence", Text, nullable=False),
    Column("attribution", Text, nullable=False),
    UniqueConstraint("source", "sha256"),
    CheckConstraint("length(sha256) = 64", name="sha256_whole"),
    _not_negative("n_bytes"),
)

source_states: Final = _table(
    "source_states",
    Column("source", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("problem", Text, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("n_rows", Integer, nullable=False),
    Column("snapshot_id", ForeignKey("snapshots.snapshot_id")),
    _one_of("status", SourceStatus),
    _not_negative("n_rows"),
)

kinds: Final = _table(
    "kinds",
    Column("kind", Text, primary_key=True),
    Column("first_run", ForeignKey("runs.run_id"), nullable=False),
)
"""Kinds ever recorded: one that was empty then is no baseline when its first subject comes."""

states: Final = _table(
    "states",
    Column("state_id", Integer, primary_key=True),
    Column("kind", ForeignKey("kinds.kind"), nullable=False),
    Column("subject", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("facts", Json, nullable=False),
    Column("since_run", ForeignKey("runs.run_id"), nullable=False),
    Column("until_run", ForeignKey("runs.run_id")),
    Column("absent_runs", Integer, nullable=False),
    CheckConstraint("until_run >= since_run", name="runs_in_order"),
    _not_negative("absent_runs"),
)
Index(
    "uq_states_open",
    states.c.kind,
    states.c.subject,
    unique=True,
    sqlite_where=states.c.until_run.is_(None),
    postgresql_where=states.c.until_run.is_(None),
)

subscribers: Final = _table(
    "subscribers",
    Column("subscriber_id", Text, primary_key=True),
    Column("email", Text, nullable=False),
    Column("frequency", Text, nullable=False),
    Column("is_quiet_at_night", Boolean, nullable=False),
    Column("paused_until", Day),
    Column("digested_at", UtcDateTime),
    Column("confirmed_at", UtcDateTime, nullable=False),
    Column("asked_again_at", UtcDateTime),
    Column("bounce_score", Integer, nullable=False),
    Column("bounced_on", Day),
    Column("consent", Json, nullable=False),
    _one_of("frequency", Frequency),
    _not_negative("bounce_score"),
)
"""People with a confirmed address."""
Index("uq_subscribers_email", func.lower(subscribers.c.email), unique=True)

subscriptions: Final = _table(
    "subscriptions",
    Column("subscription_id", Text, primary_key=True),
    _subscriber_column(index=True),
    Column("postcode", Text, nullable=False, index=True),
    Column("radius_m", _NUMBER, nullable=False),
    Column("easting", _NUMBER, nullable=False),
    Column("northing", _NUMBER, nullable=False),
    Column("topics", Json, nullable=False),
    Column("confirmed_at", UtcDateTime, nullable=False),
    Column("consent", Json, nullable=False),
    UniqueConstraint("subscriber_id", "postcode"),
    _within("radius_m", 1, 100_000),
    _within("easting", 0, _GREATEST_EASTING),
    _within("northing", 0, _GREATEST_NORTHING),
)
"""Their places."""

signups: Final = _table(
    "signups",
    Column("signup_id", Text, primary_key=True),
    Column("email", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    _subscriber_column(nullable=True, index=True),
    Column("wanted", Json, nullable=False),
    Column("consent", Json, nullable=False),
    Column("created_at", UtcDateTime, nullable=False, index=True),
    Column("handled_at", UtcDateTime),
    _one_of("purpose", SignupPurpose),
)
Index("ix_signups_email", func.lower(signups.c.email))
"""Requests that their address has not confirmed yet; unhandled until a mail about one is queued."""

tallies: Final = _table(
    "tallies",
    Column("tally_id", Integer, primary_key=True),
    Column("bucket", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    Index(None, "bucket", "at"),
)
"""What is counted for limits: posts by client and confirmations by address, both as HMAC."""

suppressions: Final = _table(
    "suppressions",
    Column("address_hmac", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

events: Final = _table(
    "events",
    Column("event_key", Text, primary_key=True),
    Column("run_id", ForeignKey("runs.run_id"), nullable=False, index=True),
    Column("subject", Text, nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("content", Json, nullable=False),
)
"""What changed, each under the key under which it is told once."""

alerts: Final = _table(
    "alerts",
    _subscriber_column(primary_key=True),
    Column("event_key", Text, primary_key=True),  # outlives the event: no reference
    Column("subject", Text, nullable=False, index=True),
    Column("run_id", Integer, nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("message_id", Text, index=True),  # outlives the message: no reference
    Column("told_at", UtcDateTime),
    CheckConstraint("(message_id IS NULL) = (told_at IS NULL)", name="told"),
)
"""Who hears of what: waiting while there is no message, told once there is one."""

messages: Final = _table(
    "messages",
    Column("message_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    _subscriber_column(nullable=True, index=True),
    Column(
        "signup_id", ForeignKey("signups.signup_id", ondelete="CASCADE"), nullable=True, index=True
    ),
    Column("dedupe_key", Text, nullable=False, unique=True),
    Column("recipient", Text, nullable=False),
    Column("domain", Text, nullable=False),
    Column("envelope_sender", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("mime", LargeBinary, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("claimed_until", UtcDateTime),
    Column("attempts", Integer, nullable=False),
    Column("crashes", Integer, nullable=False),
    Column("may_have_arrived", Boolean, nullable=False),
    Column("last_problem", Text, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("bounced_at", UtcDateTime),
    Column("expires_at", UtcDateTime, nullable=False),
    _one_of("state", Outcome),
    _one_of("kind", MailKind),
    CheckConstraint("(state = 'sending') = (claimed_until IS NOT NULL)", name="claimed"),
    CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent"),
    _not_negative("attempts"),
    _not_negative("crashes"),
    Index(None, "created_at", "state"),
)
"""The outbox. No index begins with the state: SQLite would take it to be the way to the few that
wait, and then sort them all for each one that is claimed."""
Index("ix_messages_recipient", func.lower(messages.c.recipient))


def is_on_the_way(outbox: FromClause) -> ColumnElement[bool]:
    """
    Return the condition that a sender has a message, in the words of the index below.

    Parameters
    ----------
    outbox
        `messages`, or an alias of it.

    Returns
    -------
    condition
        As `waits_to_go` gives it.
    """
    word: BindParameter[str] = bindparam(None, Outcome.SENDING, literal_execute=True)
    return and_(outbox.c.state == word)


def waits_to_go(outbox: FromClause) -> ColumnElement[bool]:
    """
    Return the condition that a message is to go by itself, in the words of the index below.

    Parameters
    ----------
    outbox
        `messages`, or an alias of it.

    Returns
    -------
    condition
        With its states written out: to a parameter neither database could fit the index.
    """
    words: BindParameter[tuple[str, ...]] = bindparam(
        None, WAITING_TO_GO, expanding=True, literal_execute=True
    )
    return and_(outbox.c.state.in_(words))


_IS_WAITING: Final = messages.c.state.in_(WAITING_TO_GO)
_IS_ON_THE_WAY: Final = messages.c.state == Outcome.SENDING

Index(
    "ix_messages_queue",
    *(messages.c[name] for name in ("priority", "due_at", "created_at", "message_id")),
    *(messages.c[name] for name in ("domain", "expires_at")),  # looked at on the way
    sqlite_where=_IS_WAITING,
    postgresql_where=_IS_WAITING,
)
Index(
    "ix_messages_on_the_way",
    *(messages.c[name] for name in ("domain", "claimed_until")),
    sqlite_where=_IS_ON_THE_WAY,
    postgresql_where=_IS_ON_THE_WAY,
)

throttles: Final = _table(
    "throttles",
    Column("domain", Text, primary_key=True),
    Column("next_at", UtcDateTime),
    Column("paused_until", UtcDateTime),
    Column("width", Integer, nullable=False),
    Column("problem", Text, nullable=False),
    CheckConstraint("width >= 1", name="width_one_or_more"),
)
"""How each recipient domain is to be treated now; `*` stands for the whole queue."""

brakes: Final = _table(
    "brakes",
    Column("run_id", ForeignKey("runs.run_id"), primary_key=True),
    Column("since", UtcDateTime, nullable=False),
    Column("n_concerned", Integer, nullable=False),
    Column("rule", Text, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("ending", Text),
    CheckConstraint("(ended_at IS NULL) = (ending IS NULL)", name="ended"),
    CheckConstraint("ending IN ('approved', 'discarded')", name="ending_known"),
)
"""Runs that concern so many that a person must look before anyone is told."""

jobs: Final = _table(
    "jobs",
    Column("job", Text, primary_key=True),
    Column("last_success_at", UtcDateTime),
    Column("last_attempt_at", UtcDateTime),
    Column("failures", Integer, nullable=False),
    Column("last_problem", Text, nullable=False),
    _not_negative("failures"),
)

hosts: Final = _table(
    "hosts",
    Column("host", Text, primary_key=True),
    Column("last_request_at", UtcDateTime),
    Column("not_before", UtcDateTime),
)
"""Servers asked: when last, and until when they want to be left alone."""

holds: Final = _table(
    "holds",
    Column("source", Text, primary_key=True),
    Column("since", UtcDateTime, nullable=False),
    Column("rule", Text, nullable=False),
    Column("candidate", Json, nullable=False),
)
"""Sources of which nothing new is used until a person has looked. The candidate stands here and
not among the snapshots, so that nothing can take it for one that is in use."""

publications: Final = _table(
    "publications",
    Column("publication_id", Integer, primary_key=True),
    Column("published_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("built_at", UtcDateTime, nullable=False),
    Column("release", Text, nullable=False),
    Column("run_id", ForeignKey("runs.run_id")),
    Column("program", Json, nullable=False),
    Column("imprint", Json, nullable=False),
    Column("basis", Text, nullable=False),
    Column("copies", Json, nullable=False),
    Column("packs", Json, nullable=False),
    CheckConstraint("length(release) = 64", name="release_whole"),
    CheckConstraint("seen_at >= published_at", name="moments_in_order"),
)
"""Editions of the site, and all that each was made of. What it rests on is text, not `Json`: the
order of its keys is that in which the site lists things."""

_INSERTS: Final[Mapping[str, Callable[[Table], Any]]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


def upsert(
    connection: Connection,
    table: Table,
    row: Mapping[str, object],
    *,
    key: Sequence[str],
    moves: Sequence[str],
) -> None:
    """
    Insert a row, or let the one of the same key take some of its values.

    One statement, so that two processes at once both succeed.

    Parameters
    ----------
    connection
        Of a writing transaction.
    table
        Where to.
    row
        The whole row by column.
    key
        Columns of a primary or unique key.
    moves
        Columns that an existing row takes over; the others stay as they are.
    """
    insert = _INSERTS[connection.dialect.name](table).values(**row)
    taken = {column: insert.excluded[column] for column in moves}
    connection.execute(insert.on_conflict_do_update(index_elements=key, set_=taken))


def insert_new(
    connection: Connection, table: Table, row: Mapping[str, object], *, key: Sequence[str]
) -> bool:
    """
    Insert a row unless there is one of the same key.

    Parameters
    ----------
    connection
        Of a writing transaction.
    table
        Where to.
    row
        The whole row by column.
    key
        Columns of a primary or unique key.

    Returns
    -------
    is_new
        Whether it was inserted.
    """
    insert = _INSERTS[connection.dialect.name](table).values(**row)
    # Not the row count: psycopg's is -1 after an INSERT, which is true.
    new = insert.on_conflict_do_nothing(index_elements=key).returning(table.c[key[0]])
    return connection.execute(new).first() is not None
