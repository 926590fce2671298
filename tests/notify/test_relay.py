"""Who a relay is, before it hears a password or a mail; and what it shows when it is asked."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from sinkwatch.errors import ConfigError
from sinkwatch.notify.mail import SmtpMailer
from sinkwatch.notify.relay import Probe, Relay
from sinkwatch.notify.replies import RelayError, Verdict
from tests.notify.messages import DOMAIN, a_message
from tests.peers import certificates, smtp
from tests.peers.smtp import Step

if TYPE_CHECKING:
    from pathlib import Path

USER, PASSWORD = "sinkwatch", "hunter2-and-more"


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificates:
    return certificates.made_in(tmp_path_factory.mktemp("certificates"))


def settings(port: int, authority: Path | None, **changed: object) -> Relay:
    values: dict[str, object] = {
        "host": "localhost",
        "port": port,
        "our_name": DOMAIN,
        "user": USER,
        "password": PASSWORD,
        "ca_file": authority,
    }
    return Relay(**{**values, **changed})  # type: ignore[arg-type]


def refused(where: Relay) -> RelayError:
    """Return why neither mail nor probe gets through; a relay may hang up before it says why."""
    mailer = SmtpMailer(where)
    with pytest.raises(RelayError) as of_mail:
        mailer.send(a_message())
    with pytest.raises(RelayError) as of_probe:
        mailer.probe()
    assert of_probe.value.permanent is of_mail.value.permanent
    assert PASSWORD not in f"{of_mail.value}{of_probe.value}"
    return of_mail.value


# ── Nothing without TLS that can be trusted ──────────────────────────────────────────────────


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("fault", ["self_signed", "expired", "wrong_name", "unknown_authority"])
def test_a_certificate_that_proves_nothing_gets_neither_password_nor_mail(
    certs: certificates.Certificates, security: str, fault: str
) -> None:
    pair = certs.good if fault == "unknown_authority" else getattr(certs, fault)
    trusted = None if fault == "unknown_authority" else certs.authority
    relay = smtp.Relay(context=pair.served(), is_tls_at_once=security == "tls")
    with relay.running():
        error = refused(settings(relay.port, trusted, security=security))
    assert error.verdict is Verdict.OURS
    assert not error.permanent, "the recipient has done nothing wrong"
    assert relay.n_connections == 2
    assert relay.steps() == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_relay_in_plain_text_gets_neither_password_nor_mail(
    certs: certificates.Certificates, security: str
) -> None:
    with smtp.Relay(context=certs.good.served()).running() as relay:
        relay.always_says(Step.EHLO, ["250-relay.example\r\n250 AUTH PLAIN LOGIN"] * 2)
        error = refused(settings(relay.port, certs.authority, security=security))
    assert error.verdict is Verdict.OURS
    assert relay.steps() == []
    if security == "starttls":
        assert "does not offer STARTTLS" in str(error)


def test_old_tls_is_no_tls(certs: certificates.Certificates) -> None:
    context = certs.good.served()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with smtp.Relay(context=context).running() as relay:
        error = refused(settings(relay.port, certs.authority))
    assert not error.permanent
    assert relay.steps() == []


def test_a_file_without_certificates_stops_the_mail(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    for make in (lambda: None, lambda: empty.write_text("no certificate")):
        make()
        error = refused(settings(9, empty))
        assert error.verdict is Verdict.OURS
        assert "smtp_ca_file" in str(error)


# ── The log-in ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mechanisms", ["PLAIN", "LOGIN PLAIN CRAM-MD5", "plain", "XOAUTH2 PLAIN"])
def test_the_log_in_is_tried_once_and_by_the_plainest_way(
    certs: certificates.Certificates, mechanisms: str
) -> None:
    with smtp.Relay(context=certs.good.served()).running() as relay:
        relay.says(Step.EHLO_IN_TLS, f"250-relay.example\r\n250 AUTH {mechanisms}")
        relay.says(Step.AUTH, "535 5.7.8 Wrong")
        with pytest.raises(RelayError) as caught:
            SmtpMailer(settings(relay.port, certs.authority)).send(a_message())
    assert caught.value.verdict is Verdict.OURS
    assert caught.value.__suppress_context__, "what a relay says of a log-in may repeat it"
    said = [said for step, said in relay.heard if step is Step.AUTH]
    assert len(said) == 1
    assert said[0].startswith("AUTH PLAIN ")


@pytest.mark.parametrize(
    ("offered", "answer"),
    [
        ("250 relay.example", ""),
        ("250-relay.example\r\n250 AUTH XOAUTH2 GSSAPI", ""),
        ("250-relay.example\r\n250 AUTH CRAM-MD5", "334 A"),
    ],
)
def test_a_log_in_that_we_do_not_know_is_our_fault(
    certs: certificates.Certificates, offered: str, answer: str
) -> None:
    with smtp.Relay(context=certs.good.served()).running() as relay:
        relay.always_says(Step.EHLO_IN_TLS, [offered] * 2)
        relay.always_says(Step.AUTH, [answer] * 2)
        error = refused(settings(relay.port, certs.authority))
    assert error.verdict is Verdict.OURS
    assert "log-in" in str(error)
    assert Step.MAIL not in relay.steps()


# ── Asked, and given no mail ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_probe_tells_what_the_relay_showed_and_sends_nothing(
    certs: certificates.Certificates, security: str
) -> None:
    relay = smtp.Relay(context=certs.good.served(), is_tls_at_once=security == "tls")
    with relay.running():
        seen = SmtpMailer(settings(relay.port, certs.authority, security=security)).probe()
    assert relay.steps() == [Step.AUTH]
    assert relay.heard[-1][0] is Step.QUIT
    assert (seen.tls_version, seen.subject, seen.issuer) == ("TLSv1.3", "localhost", "authority")
    assert seen.offers == ("SIZE", "8BITMIME")
    assert seen.is_logged_in
    assert seen.expires_at.tzinfo is UTC


def test_a_probe_says_it_in_a_sentence() -> None:
    seen = Probe(
        tls_version="TLSv1.3",
        cipher="TLS_AES_256_GCM_SHA384",
        subject="smtp.example.org",
        issuer="An authority",
        expires_at=datetime(2027, 2, 17, tzinfo=UTC),
        offers=(),
        is_logged_in=False,
    )
    assert seen.says == (
        "TLSv1.3 (TLS_AES_256_GCM_SHA384); certificate of smtp.example.org by An authority, good "
        "until 17 February 2027; no log-in asked for; offers no extension that we use"
    )


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"security": "none"}, "never sent without TLS"),
        ({"security": ""}, "starttls, tls"),
        ({"user": "sinkwätch"}, "plain ASCII"),
        ({"password": "pässword"}, "plain ASCII"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(changed: dict[str, str], rule: str) -> None:
    with pytest.raises(ConfigError, match=rule) as caught:
        settings(25, None, **changed)
    assert "pässword" not in str(caught.value)


def test_the_password_is_never_shown() -> None:
    where = settings(25, None)
    assert PASSWORD not in f"{where!r} {SmtpMailer(where)!r}"
