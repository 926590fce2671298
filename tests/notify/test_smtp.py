"""The relay: a real server on the loopback interface, with certificates made for the occasion."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import shutil
import socket
import ssl
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from sinkwatch.errors import ConfigError
from sinkwatch.notify.mail import SmtpMailer
from sinkwatch.notify.replies import RelayError, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sinkwatch.model import Message

USER, PASSWORD = "sinkwatch", "hunter2-and-more"


class Relay:
    """What a relay has heard, and what it answers if not "250"."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.heard: list[str] = []
        self.answers: dict[str, str] = {}
        self.hangs_up_at = ""
        self.offers_log_in = True

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, session: Session, __: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.heard.append(f"EHLO {hostname}")
        return [line for line in responses if self.offers_log_in or "AUTH" not in line]

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, _: Session, envelope: Envelope, address: str, __: list[str]
    ) -> str:
        self.heard.append(f"MAIL {address}")
        envelope.mail_from = address
        return self._answer(server, "MAIL")

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, _: Session, envelope: Envelope, address: str, __: list[str]
    ) -> str:
        self.heard.append(f"RCPT {address}")
        envelope.rcpt_tos.append(address)
        return self._answer(server, "RCPT")

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, _: Session, envelope: Envelope
    ) -> str:
        self.heard.append("DATA")
        self.envelopes.append(envelope)
        return self._answer(server, "DATA")

    def _answer(self, server: SMTP, command: str) -> str:
        if self.hangs_up_at == command:
            server.transport.abort()
        return self.answers.get(command, "250 OK")


@dataclasses.dataclass(frozen=True)
class Certificates:
    """A private authority, and server certificates good and bad."""

    authority: Path
    good: tuple[Path, Path]
    wrong_name: tuple[Path, Path]
    self_signed: tuple[Path, Path]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    openssl = shutil.which("openssl")
    if openssl is None:
        missing = "openssl is not installed (Debian: openssl)"
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("certificates")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

    def run(*arguments: object) -> None:
        subprocess.run([openssl, *map(str, arguments)], check=True, capture_output=True)

    def self_signed(name: str, *extensions: str) -> tuple[Path, Path]:
        certificate, private = folder / f"{name}.pem", folder / f"{name}.key"
        asked = [part for extension in extensions for part in ("-addext", extension)]
        run(
            "req", "-x509", *key, "-keyout", private, "-out", certificate, "-days", 2,
            "-subj", f"/CN={name}", *asked,
        )  # fmt: skip
        return certificate, private

    authority = self_signed("authority", "keyUsage=critical,keyCertSign,cRLSign")

    def signed(name: str, alternative: str) -> tuple[Path, Path]:
        certificate, private = folder / f"{name}.pem", folder / f"{name}.key"
        request, extensions = folder / f"{name}.csr", folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternative}\nbasicConstraints=CA:FALSE\n")
        run("req", *key, "-keyout", private, "-out", request, "-subj", f"/CN={name}")
        run(
            "x509", "-req", "-in", request, "-CA", authority[0], "-CAkey", authority[1],
            "-CAcreateserial", "-out", certificate, "-days", 2, "-extfile", extensions,
        )  # fmt: skip
        return certificate, private

    return Certificates(
        authority=authority[0],
        good=signed("localhost", "DNS:localhost"),
        wrong_name=signed("relay", "DNS:relay.example.org"),
        self_signed=self_signed("lonely", "subjectAltName=DNS:localhost"),
    )


def a_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def relay() -> Relay:
    return Relay()


@pytest.fixture
def started(relay: Relay) -> Iterator[Callable[..., int]]:
    """Start the relay, return its port, and end it with the test."""
    running: list[Controller] = []

    def start(**settings: Any) -> int:  # noqa: ANN401 - aiosmtpd's own
        port = a_free_port()
        controller = Controller(relay, hostname="127.0.0.1", port=port, **settings)
        controller.start()
        running.append(controller)
        return port

    yield start
    for controller in running:
        controller.stop()


def served(pair: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    return context


@pytest.fixture
def mailer(started: Callable[..., int], certificates: Certificates) -> Callable[..., SmtpMailer]:
    """Return a mailer for a relay that offers STARTTLS with a good certificate."""

    def make(**changed: object) -> SmtpMailer:
        port = started(tls_context=served(certificates.good), require_starttls=True)
        values = {"host": "localhost", "port": port, "ca_file": certificates.authority}
        return SmtpMailer(**{**values, **changed})  # type: ignore[arg-type]

    return make


# ── Delivery ─────────────────────────────────────────────────────────────────────────────────


def test_the_relay_gets_the_very_bytes_for_one_recipient(
    mailer: Callable[..., SmtpMailer], relay: Relay, message: Message
) -> None:
    mailer().send(message)
    (envelope,) = relay.envelopes
    assert envelope.original_content == message.mime
    assert envelope.mail_from == message.envelope_sender
    assert envelope.rcpt_tos == [message.recipient]


def test_lines_that_begin_with_a_dot_arrive_as_they_were(
    mailer: Callable[..., SmtpMailer], relay: Relay, message: Message
) -> None:
    dotted = dataclasses.replace(message, mime=b"Subject: x\r\n\r\n.\r\n..\r\n.a\r\nb.\r\n")
    mailer().send(dotted)
    assert relay.envelopes[0].original_content == dotted.mime


def test_the_recipient_arrives_byte_for_byte(
    mailer: Callable[..., SmtpMailer], relay: Relay, message: Message
) -> None:
    odd = dataclasses.replace(message, recipient="O'Brien+x=y/{z}@xn--bcher-kva.example")
    mailer().send(odd)
    assert relay.envelopes[0].rcpt_tos == [odd.recipient]


def test_tls_from_the_first_byte_works_as_well(
    started: Callable[..., int], certificates: Certificates, relay: Relay, message: Message
) -> None:
    port = started(ssl_context=served(certificates.good))
    mailer = SmtpMailer(host="localhost", port=port, security="tls", ca_file=certificates.authority)
    mailer.send(message)
    assert relay.envelopes[0].original_content == message.mime


def test_the_log_in_follows_tls(
    started: Callable[..., int], certificates: Certificates, relay: Relay, message: Message
) -> None:
    seen: list[tuple[bytes, bytes, bool]] = []

    def check(_: SMTP, session: Session, *rest: Any) -> AuthResult:  # noqa: ANN401 - aiosmtpd's own
        given = rest[-1]
        seen.append((given.login, given.password, session.ssl is not None))
        return AuthResult(success=True)

    port = started(tls_context=served(certificates.good), authenticator=check, auth_required=True)
    SmtpMailer(
        host="localhost", port=port, user=USER, password=PASSWORD, ca_file=certificates.authority
    ).send(message)
    assert seen == [(USER.encode(), PASSWORD.encode(), True)]
    assert len(relay.envelopes) == 1


# ── Nothing without TLS that can be trusted ──────────────────────────────────────────────────


def refused(mailer: SmtpMailer, message: Message) -> RelayError:
    with pytest.raises(RelayError) as caught:
        mailer.send(message)
    shown = f"{caught.value} {caught.value!r}"
    assert message.recipient not in shown
    assert PASSWORD not in shown
    assert "resident" not in shown
    return caught.value


def test_a_relay_without_starttls_hears_neither_log_in_nor_mail(
    started: Callable[..., int], certificates: Certificates, relay: Relay, message: Message
) -> None:
    mailer = SmtpMailer(
        host="localhost",
        port=started(),
        user=USER,
        password=PASSWORD,
        ca_file=certificates.authority,
    )
    error = refused(mailer, message)
    assert error.verdict is Verdict.OURS
    assert "STARTTLS" in str(error)
    assert all(heard.startswith("EHLO") for heard in relay.heard)


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("fault", ["self_signed", "wrong_name", "unknown_authority"])
def test_a_certificate_that_proves_nothing_stops_the_mail(  # noqa: PLR0913, PLR0917 - fixtures
    started: Callable[..., int],
    certificates: Certificates,
    relay: Relay,
    message: Message,
    security: str,
    fault: str,
) -> None:
    pair = certificates.good if fault == "unknown_authority" else getattr(certificates, fault)
    offered = {"starttls": "tls_context", "tls": "ssl_context"}[security]
    # aiosmtpd's own first connection, made to see that it runs, wants no certificate checked.
    port = started(**{offered: served(pair)})
    trusted = None if fault == "unknown_authority" else certificates.authority
    error = refused(
        SmtpMailer(host="localhost", port=port, security=security, ca_file=trusted), message
    )
    assert error.verdict is Verdict.OURS
    assert not error.permanent, "the recipient has done nothing wrong"
    assert not [heard for heard in relay.heard if not heard.startswith("EHLO")]


def test_old_tls_is_no_tls(
    started: Callable[..., int], certificates: Certificates, relay: Relay, message: Message
) -> None:
    context = served(certificates.good)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    port = started(tls_context=context)
    error = refused(
        SmtpMailer(host="localhost", port=port, ca_file=certificates.authority), message
    )
    assert not error.permanent
    assert relay.heard == ["EHLO alerts.example.org"]


def test_a_file_without_certificates_stops_the_mail(tmp_path: Path, message: Message) -> None:
    empty = tmp_path / "ca.pem"
    for make in (lambda: None, lambda: empty.write_text("no certificate")):
        make()
        error = refused(SmtpMailer(host="localhost", port=9, ca_file=empty), message)
        assert error.verdict is Verdict.OURS
        assert "smtp_ca_file" in str(error)


# ── Replies ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("command", "answer", "verdict"),
    [
        ("MAIL", "451 4.3.0 Try later", Verdict.RETRY),
        ("MAIL", "550 5.7.1 <resident@example.org> sender refused", Verdict.OURS),
        ("RCPT", "450 4.2.0 <resident@example.org>: greylisted", Verdict.RETRY),
        ("RCPT", "550 5.1.1 <resident@example.org>: unknown", Verdict.NO_SUCH_RECIPIENT),
        ("RCPT", "552 5.2.2 <resident@example.org>: full", Verdict.REFUSED),
        ("DATA", "421 4.7.28 Too much", Verdict.SLOW_DOWN),
        ("DATA", "451 4.3.0 Try later", Verdict.RETRY),
        ("DATA", "550 5.7.26 Unauthenticated", Verdict.OURS),
        ("DATA", "554 5.6.0 Malformed", Verdict.BAD_MESSAGE),
    ],
)
def test_a_refusal_at_each_step_is_looked_up_in_the_table(  # noqa: PLR0913, PLR0917 - a table's columns
    mailer: Callable[..., SmtpMailer],
    relay: Relay,
    message: Message,
    command: str,
    answer: str,
    verdict: Verdict,
) -> None:
    relay.answers[command] = answer
    error = refused(mailer(), message)
    assert error.verdict is verdict
    assert error.permanent is verdict.is_permanent
    assert answer[:9].strip() in str(error)


def test_a_wrong_password_is_our_fault_and_not_the_recipients(
    started: Callable[..., int],
    certificates: Certificates,
    relay: Relay,
    message: Message,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, "mail.log")

    def check(*_: Any) -> AuthResult:  # noqa: ANN401 - aiosmtpd's own
        return AuthResult(success=False, handled=False)

    port = started(tls_context=served(certificates.good), authenticator=check)
    mailer = SmtpMailer(
        host="localhost", port=port, user=USER, password=PASSWORD, ca_file=certificates.authority
    )
    error = refused(mailer, message)
    assert error.verdict is Verdict.OURS
    assert not error.permanent
    assert error.__suppress_context__, "what a relay says of a log-in may repeat it"
    assert not relay.envelopes


def test_a_relay_that_knows_no_log_in_is_our_fault(
    mailer: Callable[..., SmtpMailer], message: Message, relay: Relay
) -> None:
    relay.offers_log_in = False
    error = refused(mailer(user=USER, password=PASSWORD), message)
    assert error.verdict is Verdict.OURS
    assert "no log-in that we know" in str(error)
    assert not relay.envelopes


def test_a_relay_that_hangs_up_during_the_log_in_is_tried_again(
    started: Callable[..., int], certificates: Certificates, message: Message
) -> None:
    def hang_up(server: SMTP, *_: Any) -> AuthResult:  # noqa: ANN401 - aiosmtpd's own
        server.transport.abort()
        return AuthResult(success=False)

    port = started(tls_context=served(certificates.good), authenticator=hang_up)
    mailer = SmtpMailer(
        host="localhost", port=port, user=USER, password=PASSWORD, ca_file=certificates.authority
    )
    assert refused(mailer, message).verdict is Verdict.RETRY


@pytest.mark.parametrize(
    ("command", "verdict"),
    [("MAIL", Verdict.RETRY), ("RCPT", Verdict.RETRY), ("DATA", Verdict.UNKNOWN)],
)
def test_a_relay_that_hangs_up_is_tried_again_and_after_the_dot_nobody_can_know(
    mailer: Callable[..., SmtpMailer],
    relay: Relay,
    message: Message,
    command: str,
    verdict: Verdict,
) -> None:
    relay.hangs_up_at = command
    error = refused(mailer(), message)
    assert error.verdict is verdict
    assert not error.permanent


def test_a_relay_that_is_not_there_is_tried_again(message: Message) -> None:
    error = refused(SmtpMailer(host="localhost", port=a_free_port()), message)
    assert error.verdict is Verdict.RETRY


def test_a_relay_that_never_greets_is_tried_again(message: Message) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        mailer = SmtpMailer(host="localhost", port=port, connect_timeout_s=0.2)
        assert refused(mailer, message).verdict is Verdict.RETRY


def test_a_relay_that_greets_with_a_refusal_does_not_want_us(message: Message) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"554 5.7.1 resident@example.org is not served here\r\n")
        await writer.drain()
        writer.close()

    async def story() -> RelayError:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            mailer = SmtpMailer(host="localhost", port=server.sockets[0].getsockname()[1])
            return await asyncio.to_thread(refused, mailer, message)

    assert asyncio.run(story()).verdict is Verdict.OURS


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
        {"mime": b"Subject: x\r\n\r\nno end"},
    ],
)
def test_a_message_that_a_library_would_read_differently_is_not_sent(
    message: Message, changed: dict[str, Any]
) -> None:
    mailer = SmtpMailer(host="localhost", port=a_free_port())
    with pytest.raises((RelayError, ConfigError)) as caught:
        mailer.send(dataclasses.replace(message, **changed))
    assert getattr(caught.value, "verdict", Verdict.BAD_MESSAGE) is Verdict.BAD_MESSAGE


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"security": "none"}, "never sent without TLS"),
        ({"security": ""}, "starttls, tls"),
        ({"password": "pässword"}, "plain ASCII"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(changed: dict[str, str], rule: str) -> None:
    with pytest.raises(ConfigError, match=rule) as caught:
        SmtpMailer(host="localhost", port=25, **changed)  # type: ignore[arg-type]
    assert "pässword" not in str(caught.value)


def test_the_password_is_never_shown() -> None:
    assert PASSWORD not in repr(SmtpMailer(host="h", port=25, user=USER, password=PASSWORD))


def test_waiting_times_are_those_of_the_standard() -> None:
    mailer = SmtpMailer(host="h", port=25)
    waits = mailer.connect_timeout_s, mailer.command_timeout_s, mailer.content_timeout_s
    assert waits == (30, 300, 600)
