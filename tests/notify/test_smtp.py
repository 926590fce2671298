"""Messages handed to a relay: their very bytes, one recipient each, over a session that is kept."""

from __future__ import annotations

import dataclasses
from itertools import repeat
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from sinkwatch.errors import ConfigError
from sinkwatch.notify import mail
from sinkwatch.notify.mail import SmtpMailer
from sinkwatch.notify.relay import Relay
from sinkwatch.notify.replies import RelayError, Verdict
from tests.notify.messages import DOMAIN, a_message
from tests.peers import certificates, smtp
from tests.peers.smtp import Fault, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sinkwatch.model import Message

USER, PASSWORD = "sinkwatch", "hunter2-and-more"
TRANSACTION = [Step.MAIL, Step.RCPT, Step.DATA, Step.DOT]


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificates:
    return certificates.made_in(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def relay(certs: certificates.Certificates) -> Iterator[smtp.Relay]:
    with smtp.Relay(context=certs.good.served()).running() as running:
        yield running


@pytest.fixture
def mailer(relay: smtp.Relay, certs: certificates.Certificates) -> Iterator[SmtpMailer]:
    """Return a mailer for the scripted relay, closed before that ends."""
    made = SmtpMailer(reached(relay.port, certs))
    yield made
    made.close()


def reached(port: int, certs: certificates.Certificates, **changed: object) -> Relay:
    values: dict[str, object] = {
        "host": "localhost",
        "port": port,
        "our_name": DOMAIN,
        "ca_file": certs.authority,
    }
    return Relay(**{**values, **changed})  # type: ignore[arg-type]


def refused(mailer: SmtpMailer, message: Message) -> RelayError:
    with pytest.raises(RelayError) as caught:
        mailer.send(message)
    assert message.recipient not in str(caught.value)
    return caught.value


# ── The very bytes, taken by a server that is not ours ───────────────────────────────────────


class Handler:
    """What aiosmtpd has taken."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, __: Session, envelope: Envelope
    ) -> str:
        self.envelopes.append(envelope)
        return "250 OK"


@pytest.fixture
def handler() -> Handler:
    return Handler()


@pytest.fixture
def started(handler: Handler) -> Iterator[Callable[..., int]]:
    """Start aiosmtpd, return its port, and end it with the test."""
    running: list[Controller] = []

    def start(**settings: Any) -> int:  # noqa: ANN401 - aiosmtpd's own
        port = smtp.free_port()
        controller = Controller(handler, hostname="127.0.0.1", port=port, **settings)
        controller.start()
        running.append(controller)
        return port

    yield start
    for controller in running:
        controller.stop()


HOSTILE = b"".join(
    [
        b"Subject: x\r\n\r\n.\r\n..\r\n.a\r\nb.\r\n\r\n.\r\n",
        b"RCPT TO:<b@example.org>\r\n",
        b"y" * 998 + b"\r\n",
        "Größe: 80 m (± 170 m)\r\n".encode(),
        b".\r\n",
    ]
)


def test_another_server_gets_the_very_bytes_for_one_recipient_each(
    started: Callable[..., int], certs: certificates.Certificates, handler: Handler
) -> None:
    port = started(tls_context=certs.good.served(), require_starttls=True)
    mailer = SmtpMailer(reached(port, certs))
    sent = [
        a_message(1),
        a_message(2, mime=HOSTILE),
        a_message(3, recipient="O'Brien+x=y/{z}@xn--bcher-kva.example"),
    ]
    for message in sent:
        mailer.send(message)
    mailer.close()
    assert [envelope.original_content for envelope in handler.envelopes] == [
        message.mime for message in sent
    ]
    assert [envelope.rcpt_tos for envelope in handler.envelopes] == [
        [message.recipient] for message in sent
    ]
    assert [envelope.mail_from for envelope in handler.envelopes] == [
        message.envelope_sender for message in sent
    ]


def test_the_log_in_follows_tls_from_the_first_byte(
    started: Callable[..., int], certs: certificates.Certificates, handler: Handler
) -> None:
    seen: list[tuple[bytes, bytes, bool]] = []

    def check(_: SMTP, session: Session, *rest: Any) -> AuthResult:  # noqa: ANN401 - aiosmtpd's own
        given = rest[-1]
        seen.append((given.login, given.password, session.ssl is not None))
        return AuthResult(success=True)

    port = started(ssl_context=certs.good.served(), authenticator=check, auth_require_tls=False)
    where = reached(port, certs, security="tls", user=USER, password=PASSWORD)
    mailer = SmtpMailer(where)
    mailer.send(a_message())
    mailer.close()
    assert [given[:2] for given in seen] == [(USER.encode(), PASSWORD.encode())]
    assert len(handler.envelopes) == 1


# ── One session for many messages ────────────────────────────────────────────────────────────


def test_messages_follow_one_another_on_one_session(relay: smtp.Relay, mailer: SmtpMailer) -> None:
    for number in (1, 2, 3):
        mailer.send(a_message(number))
    assert relay.n_connections == 1
    assert relay.steps() == TRANSACTION * 3
    assert [taken.recipient for taken in relay.mails] == [
        f"resident{number}@example.org" for number in (1, 2, 3)
    ]


def test_a_recipient_that_is_refused_leaves_the_session_and_the_next_message_as_they_were(
    relay: smtp.Relay, mailer: SmtpMailer
) -> None:
    relay.says(Step.RCPT, "550 5.1.1 Unknown", "452 4.2.2 Full")
    assert refused(mailer, a_message(1)).verdict is Verdict.NO_SUCH_RECIPIENT
    assert refused(mailer, a_message(2)).verdict is Verdict.RETRY
    mailer.send(a_message(3))
    assert relay.n_connections == 1
    refusal = [Step.MAIL, Step.RCPT, Step.RSET]
    assert relay.steps() == [*refusal, *refusal, *TRANSACTION]
    assert [taken.recipient for taken in relay.mails] == ["resident3@example.org"]


def test_a_message_that_is_refused_as_a_whole_needs_no_reset(
    relay: smtp.Relay, mailer: SmtpMailer
) -> None:
    relay.says(Step.DOT, "554 5.6.0 Malformed")
    relay.says(Step.MAIL, "250 OK", "552 5.3.4 Too big")
    assert refused(mailer, a_message(1)).verdict is Verdict.BAD_MESSAGE
    assert refused(mailer, a_message(2)).verdict is Verdict.BAD_MESSAGE
    mailer.send(a_message(3))
    assert relay.n_connections == 1
    assert relay.steps() == [*TRANSACTION, Step.MAIL, *TRANSACTION]


@pytest.mark.parametrize("answer", ["550 5.7.26 Unauthenticated", "450 4.7.28 Too much"])
def test_a_relay_that_refuses_us_is_left(
    relay: smtp.Relay, mailer: SmtpMailer, answer: str
) -> None:
    relay.says(Step.RCPT, answer)
    refused(mailer, a_message(1))
    mailer.send(a_message(2))
    assert relay.n_connections == 2


def test_a_session_ends_after_its_hundredth_message(relay: smtp.Relay, mailer: SmtpMailer) -> None:
    assert mail.MOST_MESSAGES == 100
    for number in range(101):
        mailer.send(a_message(number))
    assert relay.n_connections == 2
    quits = [place for place, (step, _) in enumerate(relay.heard) if step is Step.QUIT]
    assert len(quits) == 1
    assert len([step for step, _ in relay.heard[: quits[0]] if step is Step.DOT]) == 100
    assert len(relay.mails) == 101


def test_a_session_that_was_closed_is_opened_again(relay: smtp.Relay, mailer: SmtpMailer) -> None:
    mailer.send(a_message(1))
    mailer.close()
    mailer.close()
    mailer.send(a_message(2))
    assert relay.n_connections == 2
    assert [step for step, _ in relay.heard].count(Step.QUIT) == 1


# ── A relay that leaves between two messages ─────────────────────────────────────────────────


def test_a_relay_that_hung_up_while_we_were_idle_is_called_again(
    relay: smtp.Relay, mailer: SmtpMailer
) -> None:
    mailer.send(a_message(1))
    relay.hang_up()
    mailer.send(a_message(2))
    assert relay.n_connections == 2
    assert [taken.recipient for taken in relay.mails] == [
        "resident1@example.org",
        "resident2@example.org",
    ]


@pytest.mark.parametrize(
    "left", ["421 4.4.2 Timeout exceeded", "421 Bye", Fault.CLOSE, Fault.RESET]
)
def test_a_relay_that_leaves_at_the_next_message_is_called_again(
    relay: smtp.Relay, mailer: SmtpMailer, left: str | Fault
) -> None:
    relay.says(Step.MAIL, "250 OK", left)
    mailer.send(a_message(1))
    mailer.send(a_message(2))
    assert relay.n_connections == 2
    assert len(relay.mails) == 2


@pytest.mark.parametrize("left", ["421 4.4.2 Timeout exceeded", Fault.CLOSE])
def test_a_relay_that_leaves_at_the_reset_is_called_again(
    relay: smtp.Relay, mailer: SmtpMailer, left: str | Fault
) -> None:
    relay.says(Step.RCPT, "450 4.2.0 Greylisted")
    relay.says(Step.RSET, left)
    refused(mailer, a_message(1))
    mailer.send(a_message(2))
    assert relay.n_connections == 2
    assert [taken.recipient for taken in relay.mails] == ["resident2@example.org"]


@pytest.mark.parametrize("left", ["421 4.4.2 Timeout exceeded", Fault.CLOSE])
def test_it_is_called_again_once_only(
    relay: smtp.Relay, mailer: SmtpMailer, left: str | Fault
) -> None:
    mailer.send(a_message(1))
    relay.always_says(Step.MAIL, repeat(left))
    assert refused(mailer, a_message(2)).verdict is Verdict.RETRY
    assert relay.n_connections == 2
    assert len(relay.mails) == 1


@pytest.mark.parametrize(
    ("step", "fault", "verdict"),
    [
        (Step.MAIL, "421 4.7.28 Too much", Verdict.SLOW_DOWN),
        (Step.MAIL, "550 5.7.1 Not you", Verdict.OURS),
        (Step.RCPT, Fault.CLOSE, Verdict.RETRY),
        (Step.DATA, "421 4.3.2 Shutting down", Verdict.RETRY),
        (Step.DOT, Fault.CLOSE, Verdict.UNKNOWN),
    ],
)
def test_any_other_fault_on_a_session_kept_counts(
    relay: smtp.Relay, mailer: SmtpMailer, step: Step, fault: str | Fault, verdict: Verdict
) -> None:
    relay.says(step, smtp.OK[step], fault)
    mailer.send(a_message(1))
    assert refused(mailer, a_message(2)).verdict is verdict
    assert relay.n_connections == 1
    mailer.send(a_message(3))
    assert relay.n_connections == 2


def test_a_silent_relay_is_not_called_again_at_once(
    relay: smtp.Relay, certs: certificates.Certificates
) -> None:
    mailer = SmtpMailer(reached(relay.port, certs, command_timeout_s=0.3))
    relay.says(Step.MAIL, "250 OK", Fault.SILENCE)
    mailer.send(a_message(1))
    assert refused(mailer, a_message(2)).verdict is Verdict.RETRY
    assert relay.n_connections == 1


def test_whenever_it_connects_the_relay_proves_again_who_it_is(
    relay: smtp.Relay, mailer: SmtpMailer, certs: certificates.Certificates
) -> None:
    mailer.send(a_message(1))
    relay.hang_up()
    relay.context = certs.expired.served()
    error = refused(mailer, a_message(2))
    assert error.verdict is Verdict.OURS
    assert "expired" in str(error)
    assert len(relay.mails) == 1


def test_a_relay_that_is_gone_for_good_is_tried_again_later(
    certs: certificates.Certificates,
) -> None:
    with smtp.Relay(context=certs.good.served()).running() as relay:
        mailer = SmtpMailer(reached(relay.port, certs))
        mailer.send(a_message(1))
        relay.hang_up()
    assert refused(mailer, a_message(2)).verdict is Verdict.RETRY


# ── What a relay offers ──────────────────────────────────────────────────────────────────────


def said(relay: smtp.Relay, step: Step) -> list[str]:
    return [words for heard, words in relay.heard if heard is step]


def test_a_relay_is_told_beforehand_how_much_is_coming_and_of_what_kind(
    relay: smtp.Relay, mailer: SmtpMailer
) -> None:
    plain, eight_bit = a_message(1), a_message(2, mime=HOSTILE)
    mailer.send(plain)
    mailer.send(eight_bit)
    assert said(relay, Step.MAIL) == [
        f"mail FROM:<{plain.envelope_sender}> SIZE={len(plain.mime)}",
        f"mail FROM:<{eight_bit.envelope_sender}> SIZE={len(HOSTILE)} BODY=8BITMIME",
    ]
    assert [taken.content for taken in relay.mails] == [plain.mime, HOSTILE]


def test_a_relay_of_few_gifts_gets_plain_text_only(relay: smtp.Relay, mailer: SmtpMailer) -> None:
    relay.says(Step.EHLO_IN_TLS, "250 relay.example")
    error = refused(mailer, a_message(1, mime=HOSTILE))
    assert error.verdict is Verdict.BAD_MESSAGE
    mailer.send(a_message(2))
    assert said(relay, Step.MAIL) == [f"mail FROM:<{a_message(2).envelope_sender}>"]
    assert relay.n_connections == 1


# ── What is not even tried ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "changed",
    [
        {"recipient": "a@example.org, b@example.org"},
        {"recipient": "a@exa mple.org"},
        {"recipient": "A@EXAMPLE.org"},
        {"recipient": "a@example.org\r\nRCPT TO:<b@example.org>"},
        {"envelope_sender": "<>"},
        {"mime": b"Subject: x\n\nbare line feeds\n"},
        {"mime": b"Subject: x\r\n\r\nsmuggled\n.\r\nMAIL FROM:<x@example.org>\r\n"},
        {"mime": b"Subject: x\r\n\r\nsmuggled\r.\r\nMAIL FROM:<x@example.org>\r\n"},
        {"mime": b"Subject: x\r\n\r\nno end"},
        {"mime": b""},
    ],
)
def test_a_message_that_a_library_would_read_differently_is_not_sent(
    relay: smtp.Relay, mailer: SmtpMailer, changed: dict[str, Any]
) -> None:
    with pytest.raises((RelayError, ConfigError)) as caught:
        mailer.send(dataclasses.replace(a_message(), **changed))
    assert getattr(caught.value, "verdict", Verdict.BAD_MESSAGE) is Verdict.BAD_MESSAGE
    assert relay.n_connections == 0
