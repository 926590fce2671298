"""The sender: each fault of a relay ends as the table says, and nobody pays for one of ours."""

from __future__ import annotations

import dataclasses
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from sinkwatch import delivery
from sinkwatch.errors import ConfigError, DeliveryError
from sinkwatch.model import (
    MailKind,
    Outcome,
    Signup,
    SignupPurpose,
    Subscriber,
    SubscriberId,
    Subscription,
    SubscriptionId,
)
from sinkwatch.notify import addresses
from sinkwatch.notify.mail import MemoryMailer, SmtpMailer
from sinkwatch.notify.replies import RelayError, Stage, Verdict
from sinkwatch.store import (
    Store,
    claims,
    outbox,
    signups,
    subscribers,
    suppressions,
    tables,
    throttles,
)
from tests.notify.faults import MATRIX, settings, waits
from tests.notify.messages import a_message
from tests.peers import certificates, smtp
from tests.peers.smtp import Fault, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sinkwatch.model import Message
    from sinkwatch.services import Services
    from tests.conftest import Clock

START = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
DOMAIN = "example.org"
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificates:
    return certificates.made_in(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def kept_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Open one store for all tests: making the tables takes longer than most of them."""
    opened = Store.open(f"sqlite:///{tmp_path_factory.mktemp('var') / 'sinkwatch.db'}", now=START)
    yield opened
    opened.close()


@pytest.fixture
def store(kept_store: Store) -> Store:
    """Return the store without a row."""
    with kept_store.begin() as connection:
        for table in reversed(tables.metadata.sorted_tables):
            connection.execute(table.delete())
    return kept_store


@pytest.fixture
def queued(store: Store, clock: Clock) -> Callable[..., Message]:
    """Queue the message of a number for somebody who has it, due at once."""

    def queue(number: int = 1, **changed: Any) -> Message:  # noqa: ANN401 - a message's fields
        message = a_message(number, **changed)
        with store.begin() as connection:
            if message.subscriber_id is not None:
                _subscribe(connection, message.subscriber_id, message.recipient)
            assert outbox.enqueue(connection, message, clock())
        return message

    return queue


def _subscribe(connection: Any, subscriber_id: SubscriberId, email: str) -> None:  # noqa: ANN401 - SQLAlchemy's
    if subscribers.of_address(connection, email) is not None:
        return
    place = Subscription(
        subscription_id=SubscriptionId(f"place of {subscriber_id}"),
        postcode="HG4 1HS",
        radius_m=500.0,
        easting=431_600.0,
        northing=471_745.0,
        confirmed_at=START,
    )
    person = Subscriber(
        subscriber_id=subscriber_id, email=email, subscriptions=(place,), confirmed_at=START
    )
    subscribers.add(connection, person, {"wording": "1"})


@pytest.fixture
def row(store: Store) -> Callable[[Message], Any]:
    """Look at a message's row in the outbox."""

    def look(message: Message) -> Any:  # noqa: ANN401 - SQLAlchemy's
        with store.read() as connection:
            chosen = tables.messages.c.message_id == message.message_id
            return connection.execute(select(tables.messages).where(chosen)).one_or_none()

    return look


def throttle(store: Store, domain: str) -> throttles.Throttle:
    with store.read() as connection:
        return throttles.get(connection, domain)


def suppressed(services: Services, store: Store, address: str) -> str:
    with store.read() as connection:
        digest = addresses.address_hmac(services.secret(), address)
        return suppressions.reason(connection, digest)


def an_error(verdict: Verdict, stage: Stage = Stage.RECIPIENT, status: str = "") -> RelayError:
    return RelayError("message 1", verdict, status or "broke off", stage=stage, status=status)


def tries(services: Services, store: Store, *errors: RelayError) -> MemoryMailer:
    """Deliver what is due by a transport that refuses as many messages as there are errors."""
    mailer = MemoryMailer()
    mailer.fail_next(*errors)
    delivery.deliver(services, store, mailer)
    return mailer


# ── Every fault at every stage ───────────────────────────────────────────────────────────────

OUTCOMES = {
    Verdict.BAD_MESSAGE: Outcome.PARKED,
    Verdict.REFUSED: Outcome.PERMANENT_FAILURE,
}
TO_A_SESSION = frozenset(Step) - {Step.MAIL, Step.RCPT, Step.DATA, Step.DOT}


def expected_pause(step: Step, verdict: Verdict) -> tuple[str, timedelta] | None:
    """Return what stands for how long: all, if the next message to anyone would fare no better."""
    if verdict is Verdict.OURS:
        return throttles.ALL, 30 * MINUTE
    if verdict is Verdict.SLOW_DOWN:
        heard_of_nobody = step in {*TO_A_SESSION, Step.MAIL}
        return throttles.ALL if heard_of_nobody else DOMAIN, 10 * MINUTE
    if verdict is Verdict.RETRY and step in TO_A_SESSION:
        return throttles.ALL, MINUTE
    return None


@pytest.mark.parametrize(("step", "fault", "verdict"), MATRIX)
def test_each_fault_at_each_stage_ends_as_the_retry_table_says(  # noqa: PLR0913, PLR0917 - fixtures
    certs: certificates.Certificates,
    services: Services,
    store: Store,
    queued: Callable[..., Message],
    row: Callable[[Message], Any],
    step: Step,
    fault: str | Fault,
    verdict: Verdict,
) -> None:
    message = queued()
    security = "tls" if step is Step.CONNECT else "starttls"
    relay = smtp.Relay(context=certs.good.served(), is_tls_at_once=security == "tls")
    with relay.running():
        relay.says(step, fault)
        where = settings(relay.port, certs.authority, security=security, **waits(step, fault))
        assert delivery.deliver(services, store, SmtpMailer(where)) == 0
    assert relay.n_connections == 1
    found = row(message)
    is_dead = verdict is Verdict.NO_SUCH_RECIPIENT
    assert suppressed(services, store, message.recipient) == ("bounced" if is_dead else "")
    if is_dead:
        assert found is None
    else:
        assert found.state == OUTCOMES.get(verdict, Outcome.TEMPORARY_FAILURE)
        assert found.may_have_arrived is (verdict is Verdict.UNKNOWN)
    if not verdict.is_permanent:
        least, most = (15, 15) if verdict is Verdict.UNKNOWN else (4, 6)
        assert least * MINUTE <= found.due_at - START <= most * MINUTE
    with store.read() as connection:
        paused = throttles.paused(connection, START)
    pause = expected_pause(step, verdict)
    assert [(one.domain, one.paused_until) for one in paused] == (
        [(pause[0], START + pause[1])] if pause else []
    )
    assert throttle(store, DOMAIN).width == (1 if pause and pause[0] == DOMAIN else 2)


# ── When to try again ────────────────────────────────────────────────────────────────────────


def test_the_waits_grow_as_the_table_says_and_no_two_messages_come_back_together(
    services: Services,
    store: Store,
    queued: Callable[..., Message],
    row: Callable[[Message], Any],
    clock: Clock,
) -> None:
    first, second = queued(1), queued(2)
    shares = []
    for minutes in (5, 10, 20, 40, 60, 60):
        tries(services, store, *[an_error(Verdict.RETRY)] * 2)
        due = [row(message).due_at for message in (first, second)]
        shares += [(at - clock()) / (minutes * MINUTE) for at in due]
        assert 0.8 <= min(shares[-2:]) < max(shares[-2:]) <= 1.2
        clock.now = max(due)
    assert len(set(shares)) == 12
    assert row(first).attempts == 6


def test_a_message_that_waited_too_long_is_given_up(
    services: Services,
    store: Store,
    queued: Callable[..., Message],
    row: Callable[[Message], Any],
    clock: Clock,
) -> None:
    message = queued()
    tries(services, store, an_error(Verdict.RETRY))
    clock.move(hours=72)
    assert tries(services, store).sent == []
    assert row(message).state == Outcome.EXPIRED


def test_what_may_have_arrived_is_sent_again_byte_for_byte(
    services: Services, store: Store, queued: Callable[..., Message], clock: Clock
) -> None:
    message = queued()
    tries(services, store, an_error(Verdict.UNKNOWN, Stage.CONTENT))
    clock.move(minutes=14, seconds=59)
    assert tries(services, store).sent == []
    clock.move(seconds=1)
    (again,) = tries(services, store).sent
    assert (again.message_id, again.mime) == (message.message_id, message.mime)


class Dies(MemoryMailer):
    """Takes a message over, and then the power goes."""

    def send(self, message: Message) -> None:
        super().send(message)
        raise KeyboardInterrupt


def test_a_crash_after_the_reply_costs_one_more_copy_of_the_same_bytes_once_the_lease_has_ended(
    services: Services,
    store: Store,
    queued: Callable[..., Message],
    row: Callable[[Message], Any],
    clock: Clock,
) -> None:
    message, dying = queued(), Dies()
    with pytest.raises(KeyboardInterrupt):
        delivery.deliver(services, store, dying)
    assert row(message).state == Outcome.SENDING
    clock.move(minutes=14, seconds=59)
    assert tries(services, store).sent == []
    clock.move(seconds=1)
    assert tries(services, store).sent == dying.sent
    assert row(message).state == Outcome.SENT


# ── Whose problem it is ──────────────────────────────────────────────────────────────────────


def test_a_fault_of_ours_stops_the_whole_queue_until_one_message_tries_again(
    services: Services,
    store: Store,
    queued: Callable[..., Message],
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    queued(1), queued(2, recipient="resident2@example.com")
    assert tries(services, store, an_error(Verdict.OURS, Stage.LOGIN, "5.7.8")).sent == []
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
    assert "resident" not in caplog.text
    clock.move(minutes=29)
    assert tries(services, store).sent == []
    clock.move(minutes=1)
    assert tries(services, store, an_error(Verdict.OURS, Stage.LOGIN, "5.7.8")).sent == []
    clock.move(minutes=30)
    assert len(tries(services, store).sent) == 2


def test_a_relay_out_of_reach_is_called_once_a_minute_and_not_for_each_message(
    services: Services,
    store: Store,
    queued: Callable[..., Message],
    row: Callable[[Message], Any],
    clock: Clock,
) -> None:
    messages = [queued(number) for number in range(4)]
    tries(services, store, *[an_error(Verdict.RETRY, Stage.CONNECT)] * 4)
    assert sorted(row(message).attempts for message in messages) == [0, 0, 0, 1]
    clock.move(minutes=1)
    assert len(tries(services, store).sent) == 3


def test_a_longer_pause_stands(
    services: Services, store: Store, queued: Callable[..., Message], clock: Clock
) -> None:
    queued()
    until = START + timedelta(hours=1)

    class Meanwhile(MemoryMailer):
        def send(self, message: Message) -> None:
            with store.begin() as connection:
                stop = throttles.Throttle(domain=throttles.ALL, paused_until=until)
                throttles.keep(connection, stop)
            super().send(message)

    mailer = Meanwhile()
    mailer.fail_next(an_error(Verdict.RETRY, Stage.CONNECT))
    delivery.deliver(services, store, mailer)
    assert throttle(store, throttles.ALL).paused_until == until
    assert clock() == START


def test_a_domain_that_asks_for_patience_gets_it_and_then_one_message_at_a_time(
    services: Services, store: Store, queued: Callable[..., Message], clock: Clock
) -> None:
    slow = [queued(number) for number in (1, 2, 3)]
    other = queued(4, recipient="resident4@example.com")
    assert tries(services, store, an_error(Verdict.SLOW_DOWN, status="4.7.28")).sent == [other]
    clock.move(minutes=9, seconds=59)
    assert tries(services, store).sent == []
    clock.move(seconds=1)
    with store.begin() as connection:
        assert claims.claim(connection, clock(), delivery.LEASE, claims.NO_PACE) is not None
        assert claims.claim(connection, clock(), delivery.LEASE, claims.NO_PACE) is None
    clock.move(minutes=15)
    assert len(tries(services, store).sent) == len(slow)
    assert throttle(store, DOMAIN).width == 2


def test_each_success_lets_one_message_more_go_at_a_time(
    services: Services, store: Store, queued: Callable[..., Message], clock: Clock
) -> None:
    queued()
    tries(services, store, an_error(Verdict.SLOW_DOWN, status="4.7.28"))
    assert throttle(store, DOMAIN).width == 1
    clock.move(minutes=10)
    assert len(tries(services, store).sent) == 1
    assert (throttle(store, DOMAIN).width, throttle(store, DOMAIN).problem) == (2, "")


def test_a_dead_address_is_erased_and_never_written_to_again(
    services: Services, store: Store, queued: Callable[..., Message]
) -> None:
    first = queued(1)
    with store.begin() as connection:
        outbox.enqueue(
            connection,
            dataclasses.replace(
                a_message(2), recipient=first.recipient, subscriber_id=first.subscriber_id
            ),
            START,
        )
    mailer = tries(services, store, an_error(Verdict.NO_SUCH_RECIPIENT, status="5.1.1"))
    assert mailer.sent == []
    assert suppressed(services, store, first.recipient) == suppressions.BOUNCED
    with store.read() as connection:
        assert subscribers.of_address(connection, first.recipient) is None


def test_the_dead_address_of_a_request_is_not_written_to_again_either(
    services: Services, store: Store, clock: Clock
) -> None:
    signup = Signup(
        signup_id="s" * 32,
        email="typo@example.org",
        purpose=SignupPurpose.SUBSCRIBE,
        created_at=clock(),
    )
    mail = dataclasses.replace(
        a_message(),
        kind=MailKind.CONFIRMATION,
        recipient=signup.email,
        subscriber_id=None,
        signup_id=signup.signup_id,
    )
    with store.begin() as connection:
        signups.add(connection, signups.Request(signup, {"wording": "1"}))
        outbox.enqueue(connection, mail, clock())
    tries(services, store, an_error(Verdict.NO_SUCH_RECIPIENT, status="5.1.1"))
    assert suppressed(services, store, signup.email) == suppressions.BOUNCED
    with store.read() as connection:
        assert signups.get(connection, signup.signup_id) is None
        assert outbox.counts(connection)[Outcome.CREATED] == 0


@pytest.mark.parametrize("verdict", [Verdict.NO_SUCH_RECIPIENT, Verdict.REFUSED])
def test_who_has_moved_to_another_address_does_not_pay_for_the_old_one(
    services: Services, store: Store, queued: Callable[..., Message], verdict: Verdict
) -> None:
    message = queued()
    assert message.subscriber_id is not None
    with store.begin() as connection:
        moved = tables.subscribers.update().values(email="new@example.org")
        connection.execute(moved)
    tries(services, store, an_error(verdict, status="5.1.1"))
    with store.read() as connection:
        assert subscribers.of_address(connection, "new@example.org") is not None
        assert subscribers.bounce_score(connection, message.subscriber_id) == (0, None)
    assert suppressed(services, store, "new@example.org") == ""


def score(store: Store, message: Message) -> int:
    assert message.subscriber_id is not None
    with store.read() as connection:
        return subscribers.bounce_score(connection, message.subscriber_id)[0]


def test_an_address_that_is_full_for_days_on_end_is_given_up_on_the_fifth(
    services: Services, store: Store, queued: Callable[..., Message], clock: Clock
) -> None:
    message = a_message()
    for number in range(5):
        assert suppressed(services, store, message.recipient) == ""
        for twice in range(2 if number < 4 else 1):
            mine = {"recipient": message.recipient, "subscriber_id": message.subscriber_id}
            queued(10 * number + twice, **mine)
            tries(services, store, an_error(Verdict.REFUSED, status="5.2.2"))
        assert score(store, message) == (number + 1 if number < 4 else 0)
        clock.move(days=1)
    assert suppressed(services, store, message.recipient) == suppressions.BOUNCED


def test_a_refusal_by_policy_says_nothing_of_the_address(
    services: Services,
    store: Store,
    queued: Callable[..., Message],
    row: Callable[[Message], Any],
) -> None:
    message = queued()
    tries(services, store, an_error(Verdict.REFUSED, status="5.7.511"))
    assert row(message).state == Outcome.PERMANENT_FAILURE
    assert score(store, message) == 0


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ConfigError("the Message-ID", "is none", "Make it anew"), Outcome.PARKED),
        (DeliveryError("message 1", "no", "Stop", permanent=True), Outcome.PERMANENT_FAILURE),
        (DeliveryError("message 1", "full", "Wait", permanent=False), Outcome.TEMPORARY_FAILURE),
    ],
)
def test_whatever_is_wrong_with_one_message_the_rest_goes_on(  # noqa: PLR0913, PLR0917 - fixtures
    services: Services,
    store: Store,
    queued: Callable[..., Message],
    row: Callable[[Message], Any],
    error: Any,  # noqa: ANN401 - a table's column
    state: Outcome,
) -> None:
    messages = {message.message_id: message for message in (queued(1), queued(2))}
    mailer = MemoryMailer()
    mailer.fail_next(error)
    assert delivery.deliver(services, store, mailer) == 1
    kept_back = messages.keys() - {message.message_id for message in mailer.sent}
    assert [row(messages[name]).state for name in kept_back] == [state]


# ── Pace, turns and commits ──────────────────────────────────────────────────────────────────


@pytest.fixture
def paced(installation: Callable[..., Services]) -> Services:
    return installation(
        mail_transport="smtp",
        smtp_host="relay.ripon.test",
        sender_domain="alerts.ripon.test",
        public_url="https://ripon.test",
        contact="corrections@ripon.test",
    )


@pytest.mark.parametrize(
    ("domains", "seconds"),
    [("aaa", 2.0), ("abc", 0.2), ("aab", 1.0)],
)
def test_one_message_a_second_goes_to_a_domain_and_ten_to_all(  # noqa: PLR0913, PLR0917 - fixtures
    paced: Services,
    store: Store,
    queued: Callable[..., Message],
    clock: Clock,
    domains: str,
    seconds: float,
) -> None:
    for number, domain in enumerate(domains):
        queued(number, recipient=f"resident{number}@{domain}.example")
    assert delivery.deliver(paced, store, MemoryMailer()) == 3
    assert clock() - START == timedelta(seconds=seconds)


def test_a_round_that_is_over_leaves_the_rest_to_the_next(
    paced: Services, store: Store, queued: Callable[..., Message], clock: Clock
) -> None:
    for number in range(5):
        queued(number)
    until = clock() + timedelta(seconds=2)
    assert delivery.deliver(paced, store, MemoryMailer(), until=until) == 2
    assert delivery.deliver(paced, store, MemoryMailer(), until=until) == 0
    assert delivery.deliver(paced, store, MemoryMailer()) == 3


def test_the_most_urgent_goes_first(
    services: Services, store: Store, queued: Callable[..., Message], clock: Clock
) -> None:
    kinds = [MailKind.DIGEST, MailKind.ALERT, MailKind.SERVICE]
    for number, kind in enumerate(kinds):
        queued(number, kind=kind)
        clock.move(seconds=1)
    sent = tries(services, store).sent
    assert [message.kind for message in sent] == kinds[::-1]


def test_one_commit_keeps_an_answer_and_claims_the_next_message(
    services: Services,
    store: Store,
    queued: Callable[..., Message],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(5):
        queued(number)
    begun: list[None] = []
    begin = store.begin

    def counted() -> Any:  # noqa: ANN401 - a context manager
        begun.append(None)
        return begin()

    monkeypatch.setattr(store, "begin", counted)
    assert delivery.deliver(services, store, MemoryMailer()) == 5
    assert len(begun) == 6


class Closing(MemoryMailer):
    """Remembers that it was closed."""

    is_closed = False

    def close(self) -> None:
        self.is_closed = True


def test_the_session_is_closed_at_the_end_whatever_happens(
    services: Services,
    store: Store,
    queued: Callable[..., Message],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL)
    idle, broken = Closing(), Closing()
    delivery.deliver(services, store, idle)
    queued()
    broken.fail_next(KeyboardInterrupt())  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        delivery.deliver(services, store, broken)
    assert idle.is_closed
    assert broken.is_closed
