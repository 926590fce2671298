"""
The sender is killed at random instants: nothing is lost, and what comes twice is the same mail.

Thirty kills; `SINKWATCH_KILLS=1000` for the long run. A kill falls at any instant of a life, or in
the very moment in which the relay has taken a mail and has not said so yet.
"""

from __future__ import annotations

import contextlib
import email
import email.policy
import json
import logging
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import pytest
from sqlalchemy import select

from sinkwatch.model import Outcome
from sinkwatch.store import Store, outbox, tables
from tests.peers import certificates, mortal, smtp
from tests.peers.smtp import Step

if TYPE_CHECKING:
    from collections.abc import Iterator

LOG: Final = logging.getLogger(__name__)

N_KILLS: Final = int(os.environ.get("SINKWATCH_KILLS", "30"))
SEED: Final = int(os.environ.get("SINKWATCH_SEED", "1"))
BEGIN: Final = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
BETWEEN_LIVES: Final = timedelta(minutes=40)
"""Longer than a lease and than the wait after an unknown end, so that each life can do it all."""

ROUNDS: Final = 8
LONGEST_LIFE_S: Final = 0.25
SHARE_IN_THE_REPLY: Final = 0.4
ROOT: Final = Path(__file__).parents[1]


@dataclass
class Assassin:
    """Stands behind the relay, and may kill the sender while its reply is under way."""

    after: int = -1
    victim: int = 0
    known: threading.Event = field(default_factory=threading.Event)

    def replies(self) -> Iterator[str]:
        while True:
            self.after -= 1
            if self.after == 0 and self.known.wait(10):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.victim, signal.SIGKILL)
            yield "250 2.0.0 Queued"


@dataclass
class Lives:
    """The mailroom, one life after the other."""

    orders: IO[str]
    answers: IO[str]
    assassin: Assassin
    now: datetime = BEGIN

    def live(self, does: str, n_rounds: int = ROUNDS, kill_after_s: float | None = None) -> int:
        """Begin a life, kill it after a while unless told otherwise, and return how it ended."""
        life = {"does": does, "now": self.now.isoformat(), "n_rounds": n_rounds}
        self.now += BETWEEN_LIVES if does == "live" else timedelta(hours=mortal.N_HOURS + 1)
        self.assassin.known.clear()
        self.orders.write(f"{json.dumps(life)}\n")
        self.orders.flush()
        self.assassin.victim = int(self.answers.readline())
        self.assassin.known.set()
        if kill_after_s is not None:
            time.sleep(kill_after_s)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.assassin.victim, signal.SIGKILL)
        return int(self.answers.readline())


@pytest.fixture
def assassin() -> Assassin:
    return Assassin()


@pytest.fixture
def relay(
    tmp_path_factory: pytest.TempPathFactory, assassin: Assassin
) -> Iterator[tuple[smtp.Relay, Path]]:
    certs = certificates.made_in(tmp_path_factory.mktemp("certificates"))
    made = smtp.Relay(context=certs.good.served())
    made.always_says(Step.DOT, assassin.replies())
    with made.running():
        yield made, certs.authority


@pytest.fixture
def lives(tmp_path: Path, relay: tuple[smtp.Relay, Path], assassin: Assassin) -> Iterator[Lives]:
    where = {
        "smtp_host": "localhost",
        "smtp_port": relay[0].port,
        "smtp_ca_file": str(relay[1]),
    }
    command = (sys.executable, "-m", "tests.peers.mortal", tmp_path, json.dumps(where))
    with subprocess.Popen(
        [*map(str, command), BEGIN.isoformat()],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield Lives(orders=process.stdin, answers=process.stdout, assassin=assassin)
        process.stdin.close()


def texts(mail: smtp.Mail) -> str:
    message = email.message_from_bytes(mail.content, policy=email.policy.default)
    body = message.get_body(preferencelist=("plain",))
    assert body is not None
    return str(body.get_content())


def message_id(mail: smtp.Mail) -> str:
    return str(email.message_from_bytes(mail.content)["Message-ID"])


@dataclass(frozen=True)
class Heard:
    """What the relay has taken in all."""

    n_mails: int
    n_distinct: int
    n_extra: int
    told: dict[tuple[str, int], set[str]]

    @property
    def summary(self) -> str:
        """Return the counts in words."""
        return (
            f"{self.n_mails} mails, {self.n_distinct} distinct, {self.n_extra} extra copies, "
            f"{len(self.told)} pairs of subscriber and event told"
        )


def heard(mails: list[smtp.Mail]) -> Heard:
    """Look at every mail; two of one Message-ID must be one, byte for byte."""
    copies: dict[str, set[tuple[str, str, bytes]]] = defaultdict(set)
    told: dict[tuple[str, int], set[str]] = defaultdict(set)
    for mail in mails:
        which = message_id(mail)
        copies[which].add((mail.sender, mail.recipient, mail.content))
        for number in re.findall(r"Change (\d+) of this test", texts(mail)):
            told[mail.recipient, int(number)].add(which)
    assert {len(same) for same in copies.values()} <= {1}
    return Heard(
        n_mails=len(mails),
        n_distinct=len(copies),
        n_extra=len(mails) - len(copies),
        told=dict(told),
    )


def expected(folder: Path) -> set[tuple[str, int]]:
    """Return who was to hear of what, from the books; nothing may be waiting any more."""
    store = Store.open(f"sqlite:///{folder / 'var' / 'sinkwatch.db'}", now=BEGIN)
    with contextlib.closing(store) as opened, opened.read() as connection:
        states = {state for state, n in outbox.counts(connection).items() if n}
        assert states == {Outcome.SENT}
        people, pairs = tables.subscribers, tables.alerts
        rows = connection.execute(
            select(people.c.email, pairs.c.subject, pairs.c.told_at).join_from(pairs, people)
        ).all()
        assert all(row.told_at is not None for row in rows)
        n_events = len(connection.execute(select(tables.events.c.event_key)).all())
    numbers = {int(row.subject.partition("/")[2]) for row in rows}
    assert numbers == set(range(1, n_events + 1))
    return {(row.email, int(row.subject.partition("/")[2])) for row in rows}


def test_whoever_kills_the_sender_nothing_is_lost_and_a_second_copy_is_the_same_mail(
    lives: Lives, relay: tuple[smtp.Relay, Path], tmp_path: Path
) -> None:
    chance = random.Random(SEED)  # noqa: S311 - instants, not secrets
    ends: Counter[int] = Counter()
    began_s = time.monotonic()
    for number in range(N_KILLS):
        in_the_reply = chance.random() < SHARE_IN_THE_REPLY
        lives.assassin.after = chance.randint(1, 4) if in_the_reply else -1
        kill_after_s = None if in_the_reply else chance.uniform(0, LONGEST_LIFE_S)
        ends[lives.live("live", kill_after_s=kill_after_s)] += 1
        if number % 15 == 14:  # the operator looks in
            lives.assassin.after = -1
            assert lives.live("finish") == 0
    lives.assassin.after = -1
    assert lives.live("finish") == 0
    took_s = time.monotonic() - began_s
    found = heard(relay[0].mails)
    n_kills = ends[-signal.SIGKILL]
    LOG.info(
        "%d kills in %.0f s, %d lives to their end: %s", n_kills, took_s, ends[0], found.summary
    )
    assert set(ends) <= {0, -signal.SIGKILL}
    assert n_kills >= N_KILLS * 0.8
    assert set(found.told) == expected(tmp_path)
    assert {len(ids) for ids in found.told.values()} == {1}
    assert found.n_extra <= n_kills


def test_without_a_kill_no_mail_comes_twice(
    lives: Lives, relay: tuple[smtp.Relay, Path], tmp_path: Path
) -> None:
    for _ in range(3):
        assert lives.live("live", n_rounds=4) == 0
    assert lives.live("finish") == 0
    found = heard(relay[0].mails)
    assert found.n_extra == 0
    assert set(found.told) == expected(tmp_path)
    assert {len(ids) for ids in found.told.values()} == {1}
    assert len(found.told) >= 30
