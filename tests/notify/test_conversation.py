"""Every fault at every stage, from a relay that keeps to a script: what it is taken for."""

from __future__ import annotations

import dataclasses
import smtplib
import socket

import pytest

from sinkwatch.notify import conversation
from sinkwatch.notify.conversation import Conversation
from sinkwatch.notify.mail import SmtpMailer
from sinkwatch.notify.relay import Relay
from sinkwatch.notify.replies import RelayError, Verdict
from tests.notify.faults import MATRIX, RETRY, SHORT_S, SILENCE, UNKNOWN, settings, waits
from tests.notify.messages import DOMAIN, a_message
from tests.peers import certificates, smtp
from tests.peers.smtp import Fault, Step


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificates:
    return certificates.made_in(tmp_path_factory.mktemp("certificates"))


def refused(mailer: SmtpMailer) -> RelayError:
    """Return why a message was not taken, in words that do not tell who it was for."""
    with pytest.raises(RelayError) as caught:
        mailer.send(a_message())
    for secret in ("resident1", "hunter2", "bounces"):
        assert secret not in str(caught.value)
    return caught.value


def test_there_are_ten_stages_with_six_faults_each() -> None:
    assert len(MATRIX) == len({(step, fault) for step, fault, _ in MATRIX}) == 60


@pytest.mark.parametrize(("step", "fault", "verdict"), MATRIX)
def test_each_fault_at_each_stage_is_taken_for_what_it_is_and_the_next_message_goes(
    certs: certificates.Certificates, step: Step, fault: str | Fault, verdict: Verdict
) -> None:
    security = "tls" if step is Step.CONNECT else "starttls"
    relay = smtp.Relay(context=certs.good.served(), is_tls_at_once=security == "tls")
    with relay.running():
        relay.says(step, fault)
        where = settings(relay.port, certs.authority, security=security)
        mailer = SmtpMailer(dataclasses.replace(where, **waits(step, fault)))
        error = refused(mailer)
        assert error.verdict is verdict
        assert error.permanent is verdict.is_permanent
        assert not relay.mails
        # One that waits for the short time only could meet another silence on a slow machine.
        mailer = SmtpMailer(where) if fault is SILENCE else mailer
        mailer.send(a_message(2))
        mailer.close()
    assert [mail.recipient for mail in relay.mails] == ["resident2@example.org"]


def test_a_port_where_nobody_listens_is_tried_again(certs: certificates.Certificates) -> None:
    assert refused(SmtpMailer(settings(smtp.free_port(), certs.authority))).verdict is RETRY


def test_a_port_that_never_takes_a_connection_is_tried_again(
    certs: certificates.Certificates,
) -> None:
    with smtp.mute_port() as port:
        mailer = SmtpMailer(settings(port, certs.authority, connect_timeout_s=SHORT_S))
        error = refused(mailer)
    assert error.verdict is RETRY
    assert "timed out" in str(error)


# ── Talk without bounds ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("step", "said", "verdict"),
    [
        (Step.GREETING, "220-\r\n" * 101 + "220 x", RETRY),
        (Step.GREETING, "220 " + "x" * 9_000, RETRY),
        (Step.GREETING, "HTTP/1.1 400 Bad Request", RETRY),
        (Step.EHLO, "250-\r\n" * 101 + "250 STARTTLS", RETRY),
        (Step.MAIL, "25", RETRY),
        (Step.RCPT, "²50 \xff", RETRY),
        (Step.RCPT, "354 Go ahead", RETRY),
        (Step.RCPT, "250 OK\r\n250 OK", RETRY),  # the second would pass for the answer to DATA
        (Step.DATA, "250 OK", RETRY),
        (Step.DOT, "250-\r\n" * 101 + "250 x", UNKNOWN),
        (Step.DOT, "250 " + "x" * 9_000, UNKNOWN),
        (Step.DOT, "354 Go on", UNKNOWN),
        (Step.DOT, "\r\n", UNKNOWN),
    ],
)
def test_a_relay_that_talks_nonsense_is_left_and_never_decides_on_a_message(
    certs: certificates.Certificates, step: Step, said: str, verdict: Verdict
) -> None:
    with smtp.Relay(context=certs.good.served()).running() as relay:
        relay.says(step, said)
        mailer = SmtpMailer(settings(relay.port, certs.authority))
        assert refused(mailer).verdict is verdict
        mailer.send(a_message(2))
        mailer.close()
    assert relay.n_connections == 2
    assert "resident2@example.org" in [mail.recipient for mail in relay.mails]


def test_what_is_said_in_the_clear_after_starttls_is_not_believed(
    certs: certificates.Certificates,
) -> None:
    with smtp.Relay(context=certs.good.served()).running() as relay:
        relay.says(Step.STARTTLS, "220 Ready\r\n250-forged\r\n250 AUTH PLAIN")
        relay.says(Step.EHLO_IN_TLS, "550 5.7.1 The true answer")
        error = refused(SmtpMailer(settings(relay.port, certs.authority)))
    assert error.verdict in {RETRY, Verdict.OURS}  # as the forged words come with 220, or after it
    assert Step.AUTH not in relay.steps()


def test_all_steps_together_may_not_outlast_the_lease(certs: certificates.Certificates) -> None:
    with smtp.Relay(context=certs.good.served()).running() as relay:
        relay.says(Step.RCPT, SILENCE)
        mailer = SmtpMailer(settings(relay.port, certs.authority, before_dot_timeout_s=SHORT_S))
        error = refused(mailer)
        assert error.verdict is RETRY
        assert "timed out" in str(error)
        assert not relay.mails


def test_time_that_ran_out_between_two_steps_is_silence_as_well() -> None:
    end, peer = socket.socketpair()
    with end, peer:
        talk = Conversation(until=0.0)
        talk.sock = end
        with pytest.raises(smtplib.SMTPServerDisconnected) as caught:
            talk.docmd("NOOP")
    assert conversation.is_silence(caught.value)
    with pytest.raises(smtplib.SMTPServerDisconnected) as caught:
        talk.docmd("NOOP")
    assert not conversation.is_silence(caught.value)


def test_the_waits_are_those_of_the_standard_and_end_before_the_lease() -> None:
    where = Relay(host="h", port=25, our_name=DOMAIN)
    steps = where.connect_timeout_s, where.command_timeout_s, where.content_timeout_s
    assert steps == (30, 300, 600)
    assert where.before_dot_timeout_s + where.content_timeout_s < 15 * 60
