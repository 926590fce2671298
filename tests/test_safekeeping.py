"""Backing up and restoring: no half database, nobody mailed twice, nobody who left comes back."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from sinkwatch import erasures, safekeeping
from sinkwatch.erasures import What
from sinkwatch.errors import BusyError, ConfigError, StoreError
from sinkwatch.model import (
    MailKind,
    Message,
    MessageId,
    Outcome,
    SignupPurpose,
    Subscriber,
    SubscriberId,
    Subscription,
    SubscriptionId,
)
from sinkwatch.notify import addresses
from sinkwatch.packs import keepsakes
from sinkwatch.safekeeping import restoring
from sinkwatch.store import Store, jobs, outbox, sqlite, subscribers, suppressions, tables
from tests.conftest import NOW, Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinkwatch.services import Services

ANNA, BOB, CARA = "anna@example.org", "bob@example.org", "cara@example.org"


# ── A small world ────────────────────────────────────────────────────────────────────────────


def a_place(owner: str, number: int, at: datetime) -> Subscription:
    return Subscription(
        subscription_id=SubscriptionId(f"{owner}-{number}"),
        postcode=f"HG4 {number}HS",
        radius_m=500.0,
        easting=431_600.0,
        northing=471_745.0,
        confirmed_at=at,
    )


def a_message(to: str, number: int = 1) -> Message:
    return Message(
        message_id=MessageId(f"{to.partition('@')[0]}{number:012}@sinkwatch.example"),
        kind=MailKind.ALERT,
        recipient=to,
        envelope_sender="bounces@sinkwatch.example",
        subject="1 change near HG4 1HS",
        mime=f"To: {to}\r\n\r\nText\r\n".encode(),
        dedupe_key=f"{to}-{number}",
        subscriber_id=SubscriberId(to),
    )


@dataclass
class Installation:
    """What a case does to an installation and asks of it."""

    services: Services

    @property
    def database(self) -> Path:
        return self.services.database_file()

    def subscribe(self, email: str, n_places: int = 1) -> None:
        at = self.services.clock()
        person = Subscriber(
            subscriber_id=SubscriberId(email),
            email=email,
            subscriptions=tuple(a_place(email, n + 1, at) for n in range(n_places)),
            confirmed_at=at,
        )
        with self.services.store() as store, store.begin() as connection:
            subscribers.add(connection, person, {"wording": "1"})

    def queue(self, *messages: Message) -> None:
        with self.services.store() as store, store.begin() as connection:
            for message in messages:
                outbox.enqueue(connection, message, self.services.clock())

    def hmac(self, email: str) -> str:
        return addresses.address_hmac(self.services.secret(), email)

    def leave(self, email: str, what: What = What.ERASED) -> None:
        erasures.note(self.services, what, self.hmac(email))
        with self.services.store() as store:
            with store.begin() as connection:
                subscribers.erase(connection, SubscriberId(email))
            store.checkpoint()

    def emails(self) -> list[str]:
        with self.services.store() as store, store.read() as connection:
            return sorted(connection.execute(select(tables.subscribers.c.email)).scalars())

    def places(self) -> list[str]:
        column = tables.subscriptions.c.subscription_id
        with self.services.store() as store, store.read() as connection:
            return sorted(connection.execute(select(column)).scalars())

    def reason(self, email: str) -> str:
        with self.services.store() as store, store.read() as connection:
            return suppressions.reason(connection, self.hmac(email))

    def outcomes(self) -> dict[str, Outcome]:
        with self.services.store() as store, store.read() as connection:
            return {row.message_id: row.state for row in outbox.listing(connection, None)}

    def job(self) -> jobs.JobRow | None:
        with self.services.store() as store, store.read() as connection:
            return jobs.get(connection, safekeeping.JOB)

    def bytes_of(self, email: str) -> list[str]:
        """Return the files of the state folder, back-ups apart, in which an address stands."""
        return [
            path.name
            for path in self.database.parent.rglob("*")
            if path.is_file()
            and "backups" not in path.parts
            and email.encode() in path.read_bytes()
        ]


@pytest.fixture
def home(services: Services) -> Installation:
    return Installation(services)


def whole(path: Path) -> list[str]:
    """Return who is in a database file, which must be sound."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [email for (email,) in connection.execute("SELECT email FROM subscribers")]


# ── Backing up ───────────────────────────────────────────────────────────────────────────────


def test_a_copy_is_whole_private_and_named_for_its_time(home: Installation) -> None:
    home.subscribe(ANNA)
    made = safekeeping.back_up(home.services)
    assert made.path == home.database.parent / "backups" / "sinkwatch-20261122T093000Z.db"
    assert made.n_bytes == made.path.stat().st_size
    assert whole(made.path) == [ANNA]
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.path.parent.stat().st_mode) == 0o700


def test_nothing_but_the_key_goes_along(home: Installation, tmp_path: Path) -> None:
    home.leave(ANNA)
    safekeeping.back_up(home.services, tmp_path / "usb")
    found = sorted(path.name for path in (tmp_path / "usb").iterdir())
    assert found == ["secret", "sinkwatch-20261122T093000Z.db"]
    copied = tmp_path / "usb" / "secret"
    assert copied.read_bytes() == home.services.secret()
    assert stat.S_IMODE(copied.stat().st_mode) == 0o600


def test_dated_copies_of_the_map_go_along_and_come_back(home: Installation) -> None:
    home.subscribe(ANNA)
    day, folder = date(2026, 11, 20), keepsakes.folder_of(home.services)
    keepsakes.keep(folder, {"embed/as-at/2026-11-20/map.png": b"as it was"})
    made = safekeeping.back_up(home.services)
    shutil.rmtree(folder)
    safekeeping.restore(home.services, made.path)
    (copy,) = keepsakes.upto(folder, day).values()
    assert [ready.path.read_bytes() for ready in copy.values()] == [b"as it was"]


def test_a_copy_says_itself_when_it_was_made(home: Installation, clock: Clock) -> None:
    home.subscribe(ANNA)
    made = safekeeping.back_up(home.services)
    row = home.job()
    assert row is not None
    assert (row.last_success_at, row.failures, row.last_problem) == (NOW, 0, "")
    moved = made.path.rename(made.path.with_name("monday.db"))
    clock.move(days=3)
    assert safekeeping.restore(home.services, moved).made_at == NOW
    restored = home.job()
    assert restored is not None
    assert (restored.last_success_at, restored.failures) == (NOW, 0)


def test_another_key_does_not_take_the_place_of_the_one_that_older_copies_need(
    home: Installation, tmp_path: Path
) -> None:
    home.subscribe(ANNA)
    (tmp_path / "usb").mkdir()
    (tmp_path / "usb" / "secret").write_bytes(b"k" * 32)
    safekeeping.back_up(home.services, tmp_path / "usb")
    assert (tmp_path / "usb" / "secret").read_bytes() == home.services.secret()
    assert (tmp_path / "usb" / "secret.until-20261122T093000Z").read_bytes() == b"k" * 32


def test_there_is_nothing_to_copy_before_the_first_run(home: Installation) -> None:
    with pytest.raises(StoreError, match="has not been made yet"):
        safekeeping.back_up(home.services)
    assert not home.database.exists()


def test_a_server_is_left_to_its_own_tools(installation: Callable[..., Services]) -> None:
    services = installation(database_url="postgresql+psycopg://nobody@/sinkwatch")
    with pytest.raises(StoreError, match="pg_dump"):
        safekeeping.back_up(services)
    with pytest.raises(StoreError, match="pg_restore"):
        safekeeping.restore(services, Path("dump"))


def test_a_copy_that_is_not_sound_counts_as_a_failure(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.subscribe(ANNA)

    def refuse(*_: object) -> None:
        raise StoreError("its back-up", "is not sound", "Nothing was changed")

    monkeypatch.setattr(Store, "copy_to", refuse)
    with pytest.raises(StoreError, match="not sound"):
        safekeeping.back_up(home.services)
    row = home.job()
    assert row is not None
    assert row.last_success_at is None
    assert "not sound" in row.last_problem


@pytest.mark.parametrize("effect", ["fsync", "replace"])
def test_a_copy_that_cannot_be_written_leaves_the_others(
    home: Installation, clock: Clock, monkeypatch: pytest.MonkeyPatch, effect: str
) -> None:
    home.subscribe(ANNA)
    first = safekeeping.back_up(home.services)
    clock.move(days=1)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os if effect == "fsync" else Path, effect, fail)
        with pytest.raises(StoreError, match="No space left"):
            safekeeping.back_up(home.services)
    assert [path.name for path in first.path.parent.glob("*.db")] == [first.path.name]
    assert not list(first.path.parent.glob(".backup-*"))


def test_a_folder_that_cannot_be_made_is_said(home: Installation, tmp_path: Path) -> None:
    home.subscribe(ANNA)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        safekeeping.back_up(home.services, tmp_path / "file" / "usb")


# ── What is kept ─────────────────────────────────────────────────────────────────────────────


def a_day(number: int, hour: int = 3) -> datetime:
    return datetime(2026, 1, 1, hour, tzinfo=UTC) + timedelta(days=number)


def test_a_year_of_daily_copies_leaves_seven_days_and_four_weeks() -> None:
    held: set[datetime] = set()
    for day in range(365):
        held.add(a_day(day))
        held = set(safekeeping.kept(held, a_day(day)))
        assert max(a_day(day) - stamp for stamp in held) <= timedelta(days=35)
    # 31 December 2026 is a Thursday: the last seven days, and the three Sundays before them.
    assert sorted((a_day(364) - stamp).days for stamp in held) == [0, 1, 2, 3, 4, 5, 6, 11, 18]


def test_of_one_day_the_newest_stays() -> None:
    stamps = [a_day(0, hour) for hour in (3, 9, 15)]
    assert safekeeping.kept(stamps, a_day(0, 16)) == {a_day(0, 15)}


def test_what_is_older_than_35_days_goes_unless_it_is_all_there_is() -> None:
    assert safekeeping.kept([a_day(0), a_day(1)], a_day(60)) == {a_day(1)}
    assert safekeeping.kept([a_day(0), a_day(59)], a_day(60)) == {a_day(59)}
    assert safekeeping.kept([], a_day(60)) == frozenset()


def test_old_copies_of_every_kind_go_and_strange_files_stay(
    home: Installation, clock: Clock
) -> None:
    home.subscribe(ANNA)
    first = safekeeping.back_up(home.services)
    var = home.database.parent
    for name in ("sinkwatch.schema-3.20261001T000000Z.backup", "sinkwatch.db.before-restore"):
        (var / name).write_text(ANNA)
        os.utime(var / name, (NOW.timestamp(), NOW.timestamp()))
    for folder in (var / ".restore-x", first.path.parent / ".backup-x"):
        folder.mkdir()
        (folder / "part").write_text(ANNA)
        os.utime(folder, (NOW.timestamp(), NOW.timestamp()))
    strange = first.path.with_name("notes.db")
    strange.write_text("mine")
    clock.move(days=36)
    made = safekeeping.back_up(home.services)
    assert made.n_removed == 3
    assert sorted(path.name for path in made.path.parent.iterdir()) == [
        "notes.db",
        "secret",
        made.path.name,
    ]
    assert not list(var.glob("*.backup"))
    assert not list(var.glob("*.before-restore"))
    assert not (var / ".restore-x").exists()


def test_an_old_copy_that_cannot_be_removed_is_said(
    home: Installation, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.subscribe(ANNA)
    safekeeping.back_up(home.services)
    clock.move(days=36)

    def fail(*_: object, **__: object) -> None:
        raise OSError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", fail)
        with pytest.raises(StoreError, match="older copies cannot be removed"):
            safekeeping.back_up(home.services)


def test_a_back_up_trims_the_erasure_log(home: Installation, clock: Clock) -> None:
    home.leave(ANNA)
    clock.move(days=61)
    safekeeping.back_up(home.services)
    assert erasures.since(erasures.log_file(home.services)).erasures == ()


# ── Restoring ────────────────────────────────────────────────────────────────────────────────


def test_what_was_backed_up_comes_back_and_what_was_there_is_kept(
    home: Installation, clock: Clock
) -> None:
    home.subscribe(ANNA)
    made = safekeeping.back_up(home.services)
    content = made.path.read_bytes()
    clock.move(hours=1)
    home.subscribe(BOB)
    done = safekeeping.restore(home.services, made.path)
    assert home.emails() == [ANNA]
    assert done.before == home.database.with_name("sinkwatch.db.before-restore")
    assert whole(done.before) == [ANNA, BOB]
    assert made.path.read_bytes() == content
    assert stat.S_IMODE(home.database.stat().st_mode) == 0o600
    assert not list(home.database.parent.glob(".restore-*"))


@pytest.mark.parametrize("what", [what for what in What if what is not What.PLACE_REMOVED])
def test_who_left_after_the_back_up_never_returns_not_even_as_bytes(
    home: Installation, clock: Clock, what: What
) -> None:
    for email in (ANNA, BOB):
        home.subscribe(email, n_places=2)
        home.queue(*(a_message(email, number) for number in range(20)))
    made = safekeeping.back_up(home.services)
    assert ANNA.encode() in made.path.read_bytes()
    clock.move(hours=1)
    home.leave(ANNA, what)
    assert home.bytes_of(ANNA) == []
    done = safekeeping.restore(home.services, made.path)
    assert (done.n_forgotten, done.remarks) == (1, ())
    assert home.emails() == [BOB]
    assert home.reason(ANNA) == str(what)
    assert home.reason(BOB) == ""
    assert home.bytes_of(ANNA) == []
    assert home.bytes_of(BOB) != []


def test_an_address_is_known_whatever_its_case_and_wherever_it_stands(
    home: Installation, clock: Clock
) -> None:
    home.subscribe(BOB)
    asked = {
        "signup_id": "q1",
        "email": "Anna@example.org",
        "purpose": SignupPurpose.SUBSCRIBE,
        "wanted": [],
        "consent": {},
        "created_at": clock(),
    }
    mail = a_message("ANNA@example.org")
    with home.services.store() as store, store.begin() as connection:
        connection.execute(tables.signups.insert().values(asked))
        loose = {name: getattr(mail, name) for name in ("kind", "subject", "mime", "dedupe_key")}
        outbox.enqueue(
            connection,
            Message(
                message_id=mail.message_id,
                recipient=mail.recipient,
                envelope_sender=mail.envelope_sender,
                **loose,
            ),
            clock(),
        )
    made = safekeeping.back_up(home.services)
    clock.move(hours=1)
    erasures.note(home.services, What.ERASED, home.hmac(ANNA))
    assert safekeeping.restore(home.services, made.path).n_forgotten == 1
    assert home.outcomes() == {}
    for spelling in ("Anna@example.org", "ANNA@example.org"):
        assert spelling.encode() not in home.database.read_bytes()


def test_who_left_before_the_back_up_and_came_back_stays(home: Installation, clock: Clock) -> None:
    home.subscribe(ANNA)
    home.leave(ANNA, What.UNSUBSCRIBED)
    clock.move(hours=1)
    home.subscribe(ANNA)
    made = safekeeping.back_up(home.services)
    safekeeping.restore(home.services, made.path)
    assert home.emails() == [ANNA]
    assert home.reason(ANNA) == ""


def test_an_erasure_under_way_while_the_copy_was_made_is_not_undone(
    home: Installation, clock: Clock
) -> None:
    home.subscribe(ANNA)
    clock.move(hours=1)
    erasures.note(home.services, What.ERASED, home.hmac(ANNA))
    clock.move(seconds=1)
    made = safekeeping.back_up(home.services)  # before the transaction that erases
    home.subscribe(BOB)
    safekeeping.restore(home.services, made.path)
    assert home.emails() == []
    assert home.reason(ANNA) == "erased"


def test_one_who_came_after_the_back_up_and_complained_is_still_not_written_to(
    home: Installation, clock: Clock
) -> None:
    home.subscribe(BOB)
    made = safekeeping.back_up(home.services)
    clock.move(hours=1)
    home.subscribe(ANNA)
    home.leave(ANNA, What.COMPLAINED)
    safekeeping.restore(home.services, made.path)
    assert home.reason(ANNA) == "complained"


def test_the_last_reason_counts(home: Installation, clock: Clock) -> None:
    home.subscribe(ANNA)
    made = safekeeping.back_up(home.services)
    clock.move(hours=1)
    home.leave(ANNA, What.UNSUBSCRIBED)
    clock.move(hours=1)
    home.leave(ANNA, What.BOUNCED)
    safekeeping.restore(home.services, made.path)
    assert home.reason(ANNA) == "bounced"


def test_a_place_that_was_removed_stays_removed_and_the_person_stays(
    home: Installation, clock: Clock
) -> None:
    home.subscribe(ANNA, n_places=2)
    home.subscribe(BOB)
    made = safekeeping.back_up(home.services)
    clock.move(hours=1)
    for email in (ANNA, BOB):
        erasures.note(
            home.services,
            What.PLACE_REMOVED,
            home.hmac(email),
            subscriber_id=email,
            subscription_id=f"{email}-1",
        )
    done = safekeeping.restore(home.services, made.path)
    assert (done.n_places, done.n_forgotten) == (2, 0)
    assert home.places() == [f"{ANNA}-2"]
    assert home.emails() == [ANNA]  # of Bob's only place nothing is left to hear of
    assert home.reason(ANNA) == ""


def test_what_waits_in_a_back_up_is_given_up_since_it_may_have_gone(
    home: Installation, clock: Clock
) -> None:
    home.subscribe(ANNA)
    states = {outcome: a_message(ANNA, number) for number, outcome in enumerate(Outcome)}
    home.queue(*states.values())
    with home.services.store() as store, store.begin() as connection:
        for outcome, message in states.items():
            connection.execute(
                tables.messages.update()
                .where(tables.messages.c.message_id == message.message_id)
                .values(
                    state=outcome,
                    claimed_until=NOW if outcome is Outcome.SENDING else None,
                    sent_at=NOW if outcome is Outcome.SENT else None,
                )
            )
    made = safekeeping.back_up(home.services)
    clock.move(hours=1)
    assert safekeeping.restore(home.services, made.path).n_expired == 3
    after = {outcome: home.outcomes()[message.message_id] for outcome, message in states.items()}
    waiting = {Outcome.CREATED, Outcome.SENDING, Outcome.TEMPORARY_FAILURE}
    assert after == {
        outcome: Outcome.EXPIRED if outcome in waiting else outcome for outcome in Outcome
    }


def test_a_restore_without_a_log_says_who_may_have_come_back(home: Installation) -> None:
    home.subscribe(ANNA)
    made = safekeeping.back_up(home.services)
    (remark,) = safekeeping.restore(home.services, made.path).remarks
    assert "There is no erasure log here" in remark


def test_a_torn_log_is_said_and_the_rest_of_it_replayed(home: Installation, clock: Clock) -> None:
    home.subscribe(ANNA)
    made = safekeeping.back_up(home.services)
    clock.move(hours=1)
    home.leave(ANNA)
    with erasures.log_file(home.services).open("a") as log:
        log.write('{"at": "2026')
    done = safekeeping.restore(home.services, made.path)
    assert done.n_forgotten == 1
    assert "cannot be read and were passed over: 1" in done.remarks[0]


# ── The key ──────────────────────────────────────────────────────────────────────────────────


def test_a_new_machine_gets_the_key_that_lies_beside_the_back_up(
    home: Installation, tmp_path: Path, installation: Callable[..., Services]
) -> None:
    home.subscribe(ANNA)
    made = safekeeping.back_up(home.services)
    other = Installation(installation(state_folder=tmp_path / "new"))
    done = safekeeping.restore(other.services, made.path)
    assert done.before is None
    assert other.emails() == [ANNA]
    assert other.services.secret() == home.services.secret()
    assert stat.S_IMODE((tmp_path / "new" / "secret").stat().st_mode) == 0o600


def test_a_back_up_of_another_installation_is_refused(home: Installation) -> None:
    home.subscribe(ANNA)
    made = safekeeping.back_up(home.services)
    made.path.with_name("secret").write_bytes(b"k" * 32)
    with pytest.raises(ConfigError, match="is not the key in"):
        safekeeping.restore(home.services, made.path)
    assert home.emails() == [ANNA]


def test_a_key_that_is_nowhere_is_said(
    home: Installation, tmp_path: Path, installation: Callable[..., Services]
) -> None:
    home.subscribe(ANNA)
    made = safekeeping.back_up(home.services)
    made.path.with_name("secret").unlink()
    other = installation(state_folder=tmp_path / "new")
    assert "There is no key here" in safekeeping.restore(other, made.path).remarks[0]


def test_a_key_that_cannot_be_copied_is_said_and_no_copy_counts(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.subscribe(ANNA)
    home.services.secret()

    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fail)
        with pytest.raises(StoreError, match="No space left"):
            safekeeping.back_up(home.services)
    row = home.job()
    assert row is not None
    assert row.failures > 0


@pytest.mark.parametrize("effect", ["read_bytes", "write_bytes"])
def test_a_key_that_cannot_be_brought_back_is_said(
    home: Installation,
    tmp_path: Path,
    installation: Callable[..., Services],
    monkeypatch: pytest.MonkeyPatch,
    effect: str,
) -> None:
    home.subscribe(ANNA)
    made = safekeeping.back_up(home.services)
    other = installation(state_folder=tmp_path / "new")

    def fail(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Path, effect, fail)
        with pytest.raises(StoreError, match="Input/output error"):
            safekeeping.restore(other, made.path)
    assert not other.database_file().exists()
    assert safekeeping.restore(other, made.path).n_expired == 0


# ── What is refused ──────────────────────────────────────────────────────────────────────────


def test_nothing_is_restored_while_a_run_is_at_work(home: Installation) -> None:
    home.subscribe(ANNA)
    made = safekeeping.back_up(home.services)
    with home.services.lock(), pytest.raises(BusyError, match="another run is at work"):
        safekeeping.restore(home.services, made.path)


def test_nothing_is_restored_while_anyone_has_the_database_open(home: Installation) -> None:
    home.subscribe(ANNA)
    made = safekeeping.back_up(home.services)
    with home.services.store(), pytest.raises(BusyError, match="another process has it open"):
        safekeeping.restore(home.services, made.path)
    safekeeping.restore(home.services, made.path)


def test_nobody_opens_the_database_while_it_is_restored(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.subscribe(ANNA)
    made = safekeeping.back_up(home.services)
    refused: list[str] = []

    def look(services: Services, store: Store) -> safekeeping.Replayed:
        with pytest.raises(BusyError, match="it is being restored") as busy, services.store():
            pass
        refused.append(str(busy.value))
        return restoring._replayed(services, store, made_at=None, until=None)  # noqa: SLF001 - looked at while at work

    monkeypatch.setattr(restoring, "_cleared", look)
    safekeeping.restore(home.services, made.path)
    assert len(refused) == 1


def a_strange_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE sheep (name TEXT)")


def a_newer_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE sheep (name TEXT)")
        connection.execute("PRAGMA user_version = 999")


def an_unsound_database(path: Path) -> None:
    a_newer_database(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO sheep VALUES (NULL)")
        connection.commit()
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET sql = replace(sql, 'TEXT', 'TEXT NOT NULL')")
        connection.commit()


def a_database_in_use(path: Path) -> None:
    a_strange_database(path)
    path.with_name(f"{path.name}-wal").write_bytes(b"newest commits")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda _: None, "cannot be copied"),
        (lambda path: path.mkdir(), "cannot be copied"),
        (lambda path: path.write_bytes(b""), "is not a database of sinkwatch"),
        (lambda path: path.write_bytes(b"no database" * 500), "is no sound database"),
        (a_strange_database, "is not a database of sinkwatch"),
        (a_newer_database, "it has schema 999"),
        (an_unsound_database, "is not sound: NULL value"),
        (a_database_in_use, "is a database in use"),
    ],
)
def test_what_is_no_back_up_changes_nothing(
    home: Installation, tmp_path: Path, make: Callable[[Path], None], says: str
) -> None:
    home.subscribe(ANNA)
    before = home.database.read_bytes()
    make(tmp_path / "file.db")
    with pytest.raises(StoreError, match=says):
        safekeeping.restore(home.services, tmp_path / "file.db")
    assert home.database.read_bytes() == before
    assert not list(home.database.parent.glob(".restore-*"))
    assert not list(home.database.parent.glob("*.before-restore"))


def test_a_damaged_back_up_changes_nothing(home: Installation) -> None:
    home.subscribe(ANNA)
    home.queue(*(a_message(ANNA, number) for number in range(30)))
    made = safekeeping.back_up(home.services)
    content = bytearray(made.path.read_bytes())
    content[8192:40_000] = b"\x00" * (40_000 - 8192)
    made.path.write_bytes(content)
    with pytest.raises(StoreError, match="sound"):
        safekeeping.restore(home.services, made.path)
    assert home.emails() == [ANNA]


# ── At every step ────────────────────────────────────────────────────────────────────────────

EFFECTS = (
    (os, "fsync"),
    (os, "link"),
    (Path, "replace"),
    (Path, "touch"),
    (Store, "begin"),
    (Store, "checkpoint"),
)


def count_down(patch: pytest.MonkeyPatch, n_left: list[int], stop: Callable[[], None]) -> None:
    """Let that many effects pass, and stop at the next."""
    for owner, name in EFFECTS:
        real = getattr(owner, name)

        def effect(*words: object, _real: object = real, **named: object) -> object:
            n_left[0] -= 1
            if n_left[0] < 0:
                stop()
            return _real(*words, **named)  # type: ignore[operator]

        patch.setattr(owner, name, effect)


def fail() -> None:
    raise OSError(5, "Input/output error")


def die() -> None:
    os._exit(9)


def prepared(home: Installation, clock: Clock) -> Path:
    """Back up Anna and Bob; then Anna leaves and Cara comes."""
    home.subscribe(ANNA)
    home.subscribe(BOB)
    made = safekeeping.back_up(home.services)
    clock.move(hours=1)
    home.leave(ANNA)
    home.subscribe(CARA)
    return made.path


def assert_old_or_new(home: Installation) -> list[str]:
    found = whole(home.database)
    assert sorted(found) in ([BOB, CARA], [BOB])
    return found


def test_whatever_fails_the_old_or_the_new_database_is_there(
    home: Installation, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = prepared(home, clock)
    for n_effects in range(100):
        with monkeypatch.context() as patch:
            count_down(patch, [n_effects], fail)
            try:
                safekeeping.restore(home.services, file)
            except (StoreError, OSError):
                assert_old_or_new(home)
                continue
        break
    assert n_effects >= 12
    assert assert_old_or_new(home) == [BOB]
    assert home.bytes_of(ANNA) == []


def test_wherever_it_is_killed_the_old_or_the_new_database_is_there(
    home: Installation, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = prepared(home, clock)
    for n_effects in range(100):
        child = os.fork()
        if not child:  # pragma: no branch - the child ends below
            with monkeypatch.context() as patch:
                count_down(patch, [n_effects], die)
                safekeeping.restore(home.services, file)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert_old_or_new(home)
        if os.waitstatus_to_exitcode(status) == 0:
            break
    assert n_effects >= 12
    assert assert_old_or_new(home) == [BOB]
    # The restore that came through has cleared away what the killed ones left.
    assert home.bytes_of(ANNA) == []


def test_the_journal_of_the_old_database_is_not_played_into_the_new_one(
    home: Installation, clock: Clock
) -> None:
    file = prepared(home, clock)
    journal = home.database.with_name("sinkwatch.db-journal")
    home.database.write_bytes(b"damaged" * 2000)
    journal.write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + b"\x00" * 504)
    done = safekeeping.restore(home.services, file)
    assert whole(home.database) == [BOB]
    assert not journal.exists()
    assert done.before is not None
    assert done.before.read_bytes() == b"damaged" * 2000


def test_a_database_in_wal_mode_is_restored_over_and_kept_whole(
    home: Installation, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "LIBRARY", (3, 51, 3))
    file = prepared(home, clock)
    done = safekeeping.restore(home.services, file)
    assert done.before is not None
    assert sorted(whole(done.before)) == [BOB, CARA]
    assert home.emails() == [BOB]


# ── Replaying alone ──────────────────────────────────────────────────────────────────────────


def test_a_server_restored_by_its_keeper_is_cleared_in_place(
    home: Installation, clock: Clock
) -> None:
    home.subscribe(ANNA, n_places=2)
    home.subscribe(BOB)
    home.queue(a_message(ANNA), a_message(BOB))
    clock.move(hours=1)
    erasures.note(home.services, What.ERASED, home.hmac(ANNA))
    made_at = clock()
    clock.move(hours=1)
    home.queue(a_message(BOB, 2))
    done = safekeeping.replay(home.services, until=made_at)
    assert (done.n_forgotten, done.n_expired, done.before) == (1, 1, None)
    assert home.emails() == [BOB]
    assert home.outcomes() == {
        a_message(BOB).message_id: Outcome.EXPIRED,
        a_message(BOB, 2).message_id: Outcome.CREATED,
    }
    assert home.bytes_of(ANNA) == []
    assert safekeeping.replay(home.services).n_expired == 1
    assert safekeeping.replay(home.services) == safekeeping.Replayed(
        n_forgotten=0, n_places=0, n_expired=0
    )


def test_who_is_not_in_the_restored_database_is_still_not_written_to(
    home: Installation, clock: Clock
) -> None:
    home.subscribe(BOB)
    erasures.note(home.services, What.COMPLAINED, home.hmac(ANNA))
    clock.move(hours=1)
    safekeeping.replay(home.services)
    assert home.reason(ANNA) == "complained"


def test_who_came_back_after_leaving_stays_through_a_replay(
    home: Installation, clock: Clock
) -> None:
    erasures.note(home.services, What.UNSUBSCRIBED, home.hmac(ANNA))
    clock.move(hours=1)
    home.subscribe(ANNA)
    safekeeping.replay(home.services)
    assert home.emails() == [ANNA]
    assert home.reason(ANNA) == ""
