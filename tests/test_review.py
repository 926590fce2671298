"""Stories that a hostile reader found: someone who is due hears nothing, or too much is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Self

import pytest

from sinkwatch import compose, mailroom, reminders, signup
from sinkwatch.errors import StoreError, TokenError
from sinkwatch.model import (
    DEFAULT_TOPICS,
    Event,
    EventKind,
    Frequency,
    MailKind,
    Message,
    Outcome,
    Subscriber,
)
from sinkwatch.notify import notices
from sinkwatch.store import Store, alerts, brakes, claims, jobs, outbox, runs, subscribers, tables
from tests.conftest import subscribe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from sinkwatch.model import Digest
    from sinkwatch.services import Services
    from tests.conftest import Clock

ANN = "ann@example.org"
WISH = signup.Wish(postcode="HG4 1HS", radius_m=500.0, topics=DEFAULT_TOPICS)


@dataclass(frozen=True)
class _ShortLetters:
    """Letters that say what they tell and draw nothing."""

    services: Services

    @classmethod
    def of(cls, services: Services, _: object) -> Self:
        return cls(services)

    def render(self, digest: Digest, _: datetime) -> Message:
        message_id = self.services.new_message_id()
        return Message(
            message_id=message_id,
            kind=digest.kind,
            recipient=digest.subscriber.email,
            envelope_sender="bounces@example.org",
            subject=f"paused from {digest.paused_from}",
            mime=b"News",
            dedupe_key=message_id,
            event_keys=tuple(alert.event.key for alert in digest.alerts),
            subscriber_id=digest.subscriber.subscriber_id,
        )


@pytest.fixture
def store(services: Services) -> Iterator[Store]:
    with services.store() as store:
        yield store


@pytest.fixture
def composed(
    services: Services, store: Store, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], list[Outcome]]:
    """Write what is due and return what became of each mail so far, the oldest first."""
    monkeypatch.setattr(compose, "Letters", _ShortLetters)

    def write() -> list[Outcome]:
        compose.compose(services, store, _nothing, services.clock())  # type: ignore[arg-type]
        return [row.state for row in _mails(store)]

    return write


def _nothing() -> None:
    """Stand for the findings, at which short letters do not look."""


def _mails(store: Store) -> tuple[outbox.OutboxRow, ...]:
    with store.read() as connection:
        return outbox.listing(connection, None)


def _happens(store: Store, who: Subscriber, at: datetime) -> int:
    """Let a run find one event beside where somebody lives; return the run."""
    event = Event(
        kind=EventKind.APPLICATION_NEW,
        subject="Council/A:1",
        version="1",
        title="Twenty dwellings",
        happened="A planning application has been submitted.",
        easting=431_579.0,
        northing=471_829.0,
        position_uncertainty_m=5.0,
        is_flagged=True,
        is_news=True,
    )
    with store.begin() as connection:
        run_id = runs.start(connection, at)
        alerts.record(connection, run_id, [event], at)
        pairs, subjects = [(who.subscriber_id, event.key)], {event.key: event.subject}
        alerts.queue(connection, run_id, pairs, subjects, at)
    return run_id


# ── Wrong silence ────────────────────────────────────────────────────────────────────────────


def test_what_waited_for_approval_when_their_day_came_does_not_wait_a_month_more(
    services: Services, store: Store, clock: Clock, composed: Callable[[], list[Outcome]]
) -> None:
    ann = subscribe(services, ANN, frequency=Frequency.MONTHLY)
    clock.move(days=8, hours=20)  # the 1st, before the mails of the month
    run_id = _happens(store, ann, clock())
    with store.begin() as connection:
        held = brakes.Brake(run_id=run_id, since=clock(), n_concerned=21, rule="more than 20")
        brakes.pull(connection, held)
    clock.move(hours=2)
    assert composed() == []
    with store.begin() as connection:
        brakes.end(connection, run_id, "approved", clock())
    assert composed() == [Outcome.CREATED]


def test_what_came_after_their_day_waits_for_the_next(
    services: Services, store: Store, clock: Clock, composed: Callable[[], list[Outcome]]
) -> None:
    ann = subscribe(services, ANN, frequency=Frequency.MONTHLY)
    clock.move(days=8, hours=22)
    assert composed() == []
    clock.move(hours=1)
    _happens(store, ann, clock())
    assert composed() == []


def test_a_mail_that_could_not_be_written_on_their_day_goes_once_it_can(
    services: Services,
    store: Store,
    clock: Clock,
    composed: Callable[[], list[Outcome]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ann = subscribe(services, ANN, frequency=Frequency.WEEKLY)
    _happens(store, ann, clock())
    clock.move(days=1)  # Monday
    with monkeypatch.context() as broken:
        broken.setattr(_ShortLetters, "render", _fail)
        assert composed() == []
    clock.move(hours=1)
    assert composed() == [Outcome.CREATED]


def _fail(*_: object, **__: object) -> Message:
    raise ValueError(ANN)


def test_whoever_ends_a_pause_is_told_since_when_the_mail_was_held_back(
    services: Services, store: Store, clock: Clock, composed: Callable[[], list[Outcome]]
) -> None:
    ann = subscribe(services, ANN)
    paused = replace(ann, paused_until=date(2027, 2, 22))
    with store.begin() as connection:
        subscribers.choose(connection, paused)
    clock.move(days=1)
    _happens(store, ann, clock())
    clock.move(days=3)
    assert composed() == []
    signup.resume(services, store, paused)
    assert composed() == [Outcome.CREATED]
    assert _mails(store)[0].subject == "paused from 2026-11-23"


def test_nobodys_mails_end_for_want_of_an_answer_to_a_question_that_never_reached_them(
    services: Services, store: Store, clock: Clock
) -> None:
    subscribe(services, ANN)
    clock.move(days=731)
    assert reminders.remind(services, store, clock()) == 1
    assert reminders.remind(services, store, clock()) == 0
    clock.move(days=2)  # the relay was out of reach
    with store.begin() as connection:
        assert claims.expire(connection, clock()) == 1
    assert reminders.remind(services, store, clock()) == 1
    _deliver_all(store, clock)
    clock.move(days=59)
    assert reminders.remind(services, store, clock()) == 0
    assert len(signup.listing(store)) == 1
    clock.move(days=2)
    reminders.remind(services, store, clock())
    assert signup.listing(store) == ()


def _deliver_all(store: Store, clock: Clock) -> None:
    with store.begin() as connection:
        claimed = claims.claim(connection, clock(), timedelta(minutes=15), claims.NO_PACE)
        assert claimed is not None
        claims.mark_sent(connection, claimed.message.message_id, clock())


def test_a_mail_of_an_older_program_that_expires_silences_nobody(
    services: Services, store: Store, clock: Clock, composed: Callable[[], list[Outcome]]
) -> None:
    ann = subscribe(services, ANN)
    with store.begin() as connection:  # as a migration carries it over: the event was not kept
        alerts.queue(connection, 0, [(ann.subscriber_id, "old:1:1")], {"old:1:1": "1"}, clock())
        message = Message(
            message_id=services.new_message_id(),
            kind=MailKind.ALERT,
            recipient=ANN,
            envelope_sender="bounces@example.org",
            subject="Old news",
            mime=b"News",
            dedupe_key="old",
            subscriber_id=ann.subscriber_id,
        )
        outbox.enqueue(connection, message, clock())
        alerts.mark_told(connection, ann.subscriber_id, ["old:1:1"], message.message_id, clock())
    clock.move(days=4)
    with store.begin() as connection:
        assert claims.expire(connection, clock()) == 1
    _happens(store, ann, clock())
    assert composed() == [Outcome.EXPIRED, Outcome.CREATED]


# ── One bad item ─────────────────────────────────────────────────────────────────────────────


def _ask(services: Services, store: Store, who: str) -> None:
    signup.ask(
        services,
        store,
        email=who,
        wish=WISH,
        frequency=Frequency.DAILY,
        is_quiet_at_night=False,
        client="192.0.2.1",
    )


def test_a_request_whose_mail_cannot_be_written_costs_no_other_its_confirmation(
    services: Services,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    write = notices.confirmation

    def fail_for_ann(asked: object, **rest: object) -> Message:
        if asked.email == ANN:  # type: ignore[attr-defined]
            raise ValueError(ANN)
        return write(asked, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(notices, "confirmation", fail_for_ann)
    _ask(services, store, ANN)
    _ask(services, store, "bob@example.org")
    assert signup.handle(services, store) == 1
    assert signup.handle(services, store) == 0
    assert "ValueError, a fault in sinkwatch" in caplog.text
    assert ANN not in caplog.text


@pytest.mark.parametrize("part", ["remind", "compose"])
def test_a_round_that_fails_at_one_part_delivers_all_the_same(
    services: Services,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    part: str,
) -> None:
    module = {"remind": reminders, "compose": compose}[part]
    _ask(services, store, ANN)
    monkeypatch.setattr(module, part, _fail)
    assert mailroom.work(services, store, surveyed=_nothing) == 1  # type: ignore[arg-type]
    assert "ValueError, a fault in sinkwatch" in caplog.text
    assert ANN not in caplog.text


def test_bytes_that_cannot_be_wiped_now_are_wiped_later_and_the_mail_goes_meanwhile(
    services: Services, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    signup.erase(services, store, subscribe(services, ANN))
    _ask(services, store, "bob@example.org")

    def busy(_: Store) -> None:
        raise StoreError("database", "another process is using it", "Wait")

    with monkeypatch.context() as somebody_reads:
        somebody_reads.setattr(Store, "checkpoint", busy)
        assert mailroom.work(services, store, surveyed=_nothing) == 1  # type: ignore[arg-type]
    assert _wipes(store) == 1
    clock.move(seconds=2)
    mailroom.work(services, store, surveyed=_nothing)  # type: ignore[arg-type]
    assert _wipes(store) == 0


def _wipes(store: Store) -> int:
    with store.read() as connection:
        row = jobs.get(connection, signup.WIPE)
    return 0 if row is None else row.failures


# ── What is kept ─────────────────────────────────────────────────────────────────────────────


def _moved(services: Services, store: Store, who: Subscriber, email: str) -> Subscriber:
    signup.ask_address(services, store, who, email, client="192.0.2.1")
    with store.read() as connection:
        (asked,) = connection.execute(tables.signups.select())
    token = services.sender().confirm_url(asked.signup_id, services.clock()).rpartition("/")[2]
    moved = signup.confirm(services, store, token)
    assert moved is not None
    return moved


def test_whoever_moved_to_another_address_and_is_erased_leaves_no_word_to_the_old_one(
    services: Services, store: Store
) -> None:
    moved = _moved(services, store, subscribe(services, ANN), "new@example.org")
    assert [row.kind for row in _mails(store)] == [MailKind.SERVICE]
    signup.erase(services, store, moved)
    assert _mails(store) == ()


def test_the_mails_of_an_address_that_was_left_open_nobodys_page(
    services: Services, store: Store
) -> None:
    ann = subscribe(services, ANN)
    before = signup.manage_token(services, ann)
    assert signup.subscriber_of(services, store, before) == ann
    moved = _moved(services, store, ann, "new@example.org")
    with pytest.raises(TokenError, match="belongs to no subscription any more"):
        signup.subscriber_of(services, store, before)
    own = signup.manage_token(services, moved)
    assert signup.subscriber_of(services, store, own) == moved


# ── Telling tales ────────────────────────────────────────────────────────────────────────────


def test_a_link_asked_for_does_the_same_work_whether_the_address_is_known_or_not(
    services: Services, store: Store
) -> None:
    subscribe(services, ANN)
    for who in (ANN, "bob@example.org"):
        signup.send_manage_link(services, store, email=who, client="192.0.2.1")
    assert _mails(store) == ()  # a mail written in the request would take its time
    with store.read() as connection:
        assert len(connection.execute(tables.signups.select()).all()) == 2
    assert signup.handle(services, store) == 1
    with store.read() as connection:
        assert connection.execute(tables.signups.select()).all() == []
