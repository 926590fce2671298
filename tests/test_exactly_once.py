"""
Changes, people, time and crashes in any order: each is told what concerns them exactly once.

Hypothesis makes the stories; `SINKWATCH_LONG=10000` for the long run. Real are what finds the
events, who hears of them, the books, the composer and the sender; the words of a mail are short.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import pandas as pd
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import Connection, select

from sinkwatch import alerts, compose, delivery, events, signup, wording
from sinkwatch.model import (
    Digest,
    Frequency,
    Message,
    Outcome,
    Subscriber,
    SubscriberId,
    Subscription,
    SubscriptionId,
    Topic,
)
from sinkwatch.notify import render
from sinkwatch.notify.replies import RelayError, Stage, Verdict
from sinkwatch.store import Store, brakes, outbox, runs, states, subscribers, suppressions, tables
from sinkwatch.store import alerts as stored
from tests import world
from tests.conftest import NOW, Clock, an_installation

if TYPE_CHECKING:
    import pytest

    from sinkwatch.services import Services

N_STORIES: Final = int(os.environ.get("SINKWATCH_LONG", "40"))
N_STEPS: Final = 16
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it

PARAMETERS: Final = world.parameters()
HERE: Final = (431_600.0, 471_745.0)
NOWHERE_NEAR_M: Final = 1.0
NEAR_M: Final = 500.0
KINDS: Final = (events.APPLICATION, events.SINKHOLE)


# ── What may change ──────────────────────────────────────────────────────────────────────────


def _versions_of_an_application(number: int) -> tuple[dict[str, object], ...]:
    at: dict[str, object] = {"easting": HERE[0], "northing": HERE[1]} if number else {}
    row = {"reference": f"A{number}", "received_on": pd.Timestamp("2026-11-02"), **at}
    rows = (
        row,
        {**row, "description": "Sixty homes and a shop"},
        {**row, "status": "refused", "decided_on": pd.Timestamp("2026-11-20")},
    )
    facts = (events.application_facts(world.applications(each)) for each in rows)
    return tuple(next(iter(each.values())) for each in facts)


def _versions_of_a_record(number: int) -> tuple[dict[str, object], ...]:
    rows = (
        world.a_sinkhole(*HERE, sinkhole_id=f"S{number}"),
        world.a_sinkhole(*HERE, sinkhole_id=f"S{number}", name="North Road hole"),
        world.a_sinkhole(HERE[0] + 60, HERE[1], sinkhole_id=f"S{number}"),
    )
    facts = (events.sinkhole_facts(world.inventory(each)) for each in rows)
    return tuple(next(iter(each.values())) for each in facts)


SUBJECTS: Final = {
    **{(events.APPLICATION, f"Small Council/A{n}"): _versions_of_an_application(n) for n in (0, 1)},
    **{(events.SINKHOLE, f"S{n}"): _versions_of_a_record(n) for n in (0, 1)},
}
"""Every version that a subject may have; the first application is on no map."""

NOTES: Final = {
    subject: events.Note(is_flagged=True, in_belt=True)
    for kind, subject in SUBJECTS
    if kind == events.APPLICATION
}


# ── What may go wrong ────────────────────────────────────────────────────────────────────────


class Crash(BaseException):
    """The process is gone; nobody catches that."""


@dataclass
class Fuse:
    """Lets the process crash after some steps; a step is a look, a write, a commit or a send."""

    n_steps: int | None = None

    def burn(self) -> None:
        if self.n_steps is None:
            return
        self.n_steps -= 1
        if self.n_steps < 0:
            self.n_steps = None
            raise Crash


@dataclass
class Frail:
    """A store whose user may crash before, within and after each transaction."""

    store: Store
    fuse: Fuse

    @contextlib.contextmanager
    def begin(self) -> Iterator[Connection]:
        self.fuse.burn()
        with self.store.begin() as connection:
            yield connection
            self.fuse.burn()
        self.fuse.burn()

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        with self.store.read() as connection:
            yield connection


REPLIES: Final = ("taken", "busy", "taken but no word", "lost and no word")


@dataclass
class Wire:
    """The relay: takes what it is given, or not, and says so, or not."""

    fuse: Fuse
    taken: list[Message] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    replies: Iterator[str] = field(default_factory=lambda: iter(()))

    def send(self, message: Message) -> None:
        assert message.subscriber_id not in self.gone
        self.fuse.burn()
        reply = next(self.replies, "taken")
        if reply.startswith("taken"):
            self.taken.append(message)
        self.fuse.burn()
        if reply == "busy":
            raise RelayError("m", Verdict.RETRY, "450", stage=Stage.RECIPIENT)
        if reply.endswith("no word"):
            raise RelayError("m", Verdict.UNKNOWN, "closed", stage=Stage.CONTENT)

    def close(self) -> None:
        """Do nothing: nothing is open."""


@dataclass(frozen=True)
class ShortLetters:
    """Letters that say what they tell in one line of JSON."""

    services: Services

    @classmethod
    def of(cls, services: Services, _: object) -> Self:
        return cls(services)

    def render(self, digest: Digest, _: datetime) -> Message:
        keys = [alert.event.key for alert in digest.alerts]
        return Message(
            message_id=self.services.new_message_id(),
            kind=digest.kind,
            recipient=digest.subscriber.email,
            envelope_sender="bounces@example.org",
            subject="News",
            mime=json.dumps(keys).encode(),
            dedupe_key=render._dedupe_key(digest),  # noqa: SLF001 - what is told twice is its word
            event_keys=tuple(keys),
            subscriber_id=digest.subscriber.subscriber_id,
        )


# ── The stories ──────────────────────────────────────────────────────────────────────────────

CHANGES = st.dictionaries(
    st.sampled_from(sorted(SUBJECTS)), st.integers(0, 2), min_size=1, max_size=2
)
WISHES = ("near", "near", "nowhere", "pause", "choose", "choose", "address", "leave")
FUSES = st.one_of(st.none(), st.integers(0, 14))
PEOPLE = st.sampled_from(("ann", "bob", "cat"))
FREQUENCIES = st.sampled_from((Frequency.AT_ONCE, Frequency.DAILY, Frequency.WEEKLY))
STEPS = st.sampled_from(
    (timedelta(minutes=1), timedelta(minutes=20), timedelta(days=1), timedelta(days=8))
)


class Story(RuleBasedStateMachine):
    """One installation and what befalls it."""

    def __init__(self, installation: Services, store: Store) -> None:
        super().__init__()
        self.clock = Clock(NOW)
        self.services = replace(
            installation, clock=self.clock, wait=lambda s: self.clock.move(seconds=s)
        )
        self.store = store
        with store.begin() as connection:
            for table in reversed(tables.metadata.sorted_tables):
                connection.execute(table.delete())
            # One run before all, so that what comes next is news.
            _found(connection, {}, NOW)
        self.fuse = Fuse()
        self.frail: Any = Frail(self.store, self.fuse)
        self.wire = Wire(self.fuse)
        self.current: dict[tuple[str, str], int] = {}
        self.ids: dict[str, SubscriberId] = {}
        self.moved: set[str] = set()
        self.pending: set[tuple[str, str]] = set()
        self.expected: set[tuple[str, str]] = set()
        self.numbers = itertools.count()

    # Changes.

    @initialize(changes=CHANGES, frequency=FREQUENCIES, fuse=FUSES)
    def begin(
        self, changes: dict[tuple[str, str], int], frequency: Frequency, fuse: int | None
    ) -> None:
        """Without somebody to tell and something to tell there is no story."""
        self.join("ann", Frequency.AT_ONCE)
        self.join("bob", frequency)
        self.find(changes, None)
        self.mail(fuse, [])

    @rule(changes=CHANGES, fuse=FUSES)
    def find(self, changes: dict[tuple[str, str], int], fuse: int | None) -> None:
        """Let something change, and a run find it."""
        self.current |= changes
        self.fuse.n_steps = fuse
        with contextlib.suppress(Crash), self.frail.begin() as connection:
            pairs = _found(connection, self.current, self.clock())
            self.fuse.burn()
            # A crash at the commit is too late to undo it, and one before it undoes it all.
            self.pending = set(pairs)
        self.fuse.n_steps = None
        self._note_what_stands()

    def _note_what_stands(self) -> None:
        """Expect what the last run found if its transaction stands."""
        with self.store.read() as connection:
            subjects = {key for _, key in self.pending}
            rows = connection.execute(
                select(tables.events.c.event_key).where(tables.events.c.event_key.in_(subjects))
            )
            stands = set(rows.scalars())
        assert stands in (set(), subjects)
        self.expected |= self.pending if stands else set()
        self.pending = set()

    @rule()
    def brake(self) -> None:
        """Let a person look at the last run before anybody is told."""
        with self.store.begin() as connection:
            last = connection.execute(
                select(tables.runs.c.run_id)
                .where(tables.runs.c.run_id.not_in(select(tables.brakes.c.run_id)))
                .order_by(tables.runs.c.run_id.desc())
            ).scalars()
            for run_id in itertools.islice(last, 1):
                at = self.clock()
                brake = brakes.Brake(run_id=run_id, since=at, n_concerned=1, rule="many")
                brakes.pull(connection, brake)

    # People.

    @rule(who=PEOPLE, what=st.sampled_from(WISHES), frequency=FREQUENCIES)
    def wish(self, who: str, what: str, frequency: Frequency) -> None:
        if who not in self.ids:
            self.join(who, frequency)
        elif what == "leave":
            self.leave(who)
        elif what in {"pause", "choose"}:
            self.choose(who, frequency, 2 if what == "pause" else None)
        elif what == "address":
            self.take_another_address(who)
        else:
            self.move(who, NEAR_M if what == "near" else NOWHERE_NEAR_M)

    def join(self, who: str, frequency: Frequency) -> None:
        self.ids[who] = SubscriberId(f"{who}-{next(self.numbers)}")
        person = Subscriber(
            subscriber_id=self.ids[who],
            email=f"{who}@example.org",
            subscriptions=(self._place(NEAR_M),),
            confirmed_at=self.clock(),
            frequency=frequency,
            digested_at=self.clock(),
        )
        with self.store.begin() as connection:
            subscribers.add(connection, person, {})

    def choose(self, who: str, frequency: Frequency, n_days: int | None) -> None:
        today = wording.london_date(self.clock())
        until = None if n_days is None else today + timedelta(days=n_days)
        with self.store.begin() as connection:
            (person,) = subscribers.some(connection, [self.ids[who]])
            chosen = replace(person, frequency=frequency, paused_until=until)
            subscribers.choose(connection, chosen)

    def move(self, who: str, radius_m: float) -> None:
        self.moved.add(self.ids[who])
        with self.store.begin() as connection:
            subscribers.add_place(connection, self.ids[who], self._place(radius_m), {})

    def take_another_address(self, who: str) -> None:
        email = f"{who}.{next(self.numbers)}@example.org"
        with self.store.begin() as connection:
            subscribers.change_address(connection, self.ids[who], email, self.clock())

    def leave(self, who: str) -> None:
        left = self.ids.pop(who)
        signup.leave_by_id(self.services, self.store, left, suppressions.UNSUBSCRIBED)
        self.wire.gone.add(left)
        self.expected = {pair for pair in self.expected if pair[0] != left}

    def _place(self, radius_m: float) -> Subscription:
        return Subscription(
            subscription_id=SubscriptionId(f"place-{next(self.numbers)}"),
            postcode="HG4 1HS",
            radius_m=radius_m,
            easting=HERE[0] + 200,
            northing=HERE[1],
            topics=frozenset(Topic),
            confirmed_at=self.clock(),
        )

    # Mail.

    @rule(fuse=FUSES, replies=st.lists(st.sampled_from(REPLIES), max_size=4))
    def mail(self, fuse: int | None, replies: list[str]) -> None:
        self.fuse.n_steps = fuse
        self.wire.replies = iter(replies)
        with contextlib.suppress(Crash):
            compose.compose(self.services, self.frail, _nothing, self.clock())
            delivery.deliver(self.services, self.frail, self.wire)
        self.fuse.n_steps = None
        assert max(map(len, self._told().values()), default=0) <= 1

    @rule(fuse=st.integers(0, 14))
    def mail_and_crash(self, fuse: int) -> None:
        self.mail(fuse, [])

    @rule(step=STEPS)
    def wait(self, step: timedelta) -> None:
        self.clock.now += step

    # The end.

    def teardown(self) -> None:
        self._finish()
        self._check()

    def _finish(self) -> None:
        """Let things go on in peace for longer than anything is held back or waits."""
        self.fuse.n_steps = None
        self.wire.replies = iter(())
        with self.store.begin() as connection:
            for brake in brakes.waiting(connection):
                brakes.end(connection, brake.run_id, "approved", self.clock())
        for step in (timedelta(0), *[timedelta(minutes=20)] * 2, *[timedelta(days=1)] * 9):
            self.clock.now += step
            with self.store.begin() as connection:
                outbox.retry(connection, None, self.clock())
            compose.compose(self.services, self.frail, _nothing, self.clock())
            delivery.deliver(self.services, self.frail, self.wire)
            if self._is_over():
                return

    def _is_over(self) -> bool:
        with self.store.read() as connection:
            by_state = outbox.counts(connection)
            to_go = (Outcome.CREATED, Outcome.SENDING, Outcome.TEMPORARY_FAILURE, Outcome.PARKED)
            return not stored.waiting(connection) and not any(by_state[state] for state in to_go)

    def _told(self) -> dict[tuple[str, str], set[str]]:
        told: dict[tuple[str, str], set[str]] = defaultdict(set)
        for message in self.wire.taken:
            for key in json.loads(message.mime):
                told[str(message.subscriber_id), key].add(message.message_id)
        return told

    def _check(self) -> None:
        told = self._told()
        copies: dict[str, set[bytes]] = defaultdict(set)
        for message in self.wire.taken:
            copies[message.message_id].add(message.mime)
        assert max(map(len, copies.values()), default=1) == 1
        assert {pair: ids for pair, ids in told.items() if len(ids) > 1} == {}
        missing = self.expected - set(told)
        assert missing <= self._excused(missing)

    def _excused(self, missing: set[tuple[str, str]]) -> set[tuple[str, str]]:
        """
        Return which of those never told could not be.

        What concerned no place any more once it was due; and what one mail was to tell that may
        have arrived, was tried for as long as it was good for, and cannot be told a second time.
        """
        given_up = (Outcome.EXPIRED, Outcome.PARKED)
        with self.store.read() as connection:
            rows = connection.execute(
                select(tables.alerts, tables.messages.c.state, tables.messages.c.may_have_arrived)
                .select_from(tables.alerts)
                .outerjoin(
                    tables.messages, tables.messages.c.message_id == tables.alerts.c.message_id
                )
            ).all()
        by_pair = {(row.subscriber_id, row.event_key): row for row in rows}
        return {
            pair
            for pair in missing
            if (pair not in by_pair and pair[0] in self.moved)
            or (
                pair in by_pair
                and by_pair[pair].state in given_up
                and by_pair[pair].may_have_arrived
            )
        }


def _found(
    connection: Connection, current: Mapping[tuple[str, str], int], now: datetime
) -> tuple[tuple[SubscriberId, str], ...]:
    """Do what a run does in its one transaction; return who is to hear of what."""
    run_id = runs.start(connection, now)
    facts: dict[str, dict[str, dict[str, object]]] = {kind: {} for kind in KINDS}
    for (kind, subject), version in current.items():
        facts[kind][subject] = SUBJECTS[kind, subject][version]
    changes = [
        change
        for kind in KINDS
        for change in states.record(connection, run_id, kind, facts[kind], is_complete=True)
    ]
    today = wording.london_date(now)
    found = [one for one in events.events(changes, NOTES, PARAMETERS, today=today) if one.is_news]
    new = stored.record(connection, run_id, found, now)
    audience = alerts.Audience.of(subscribers.places(connection))
    told = stored.told(connection, {event.subject for event in new})
    pairs = tuple(alerts.hearers(new, audience, told))
    stored.queue(connection, run_id, pairs, {event.key: event.subject for event in new}, now)
    runs.finish(connection, run_id, now, "done", {})
    return pairs


def _nothing() -> Any:  # noqa: ANN401 - short letters look at nothing
    return None


def test_whatever_happens_each_is_told_what_concerns_them_exactly_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compose, "Letters", ShortLetters)
    installation = an_installation(tmp_path, Clock(NOW))
    # One for all stories, emptied for each: to make one takes longer than a story. No power is cut
    # here, so that memory will do for a disk.
    disk = MEMORY if MEMORY.is_dir() else tmp_path
    with (
        tempfile.TemporaryDirectory(dir=disk) as folder,
        contextlib.closing(Store.open(f"sqlite:///{folder}/story.db", now=NOW)) as store,
    ):
        run_state_machine_as_test(
            lambda: Story(installation, store),
            settings=settings(
                max_examples=N_STORIES,
                stateful_step_count=N_STEPS,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
