"""What `doctor` says of relay and domain, before a mail goes to anyone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sinkwatch import doctor, erasures
from tests.peers import certificates
from tests.peers.dns import NameServer, name_server
from tests.peers.smtp import Relay, Step, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dns.resolver import Resolver

    from sinkwatch.doctor import Finding
    from sinkwatch.services import Services
    from tests.peers.certificates import Certificates

DOMAIN = "alerts.ripon.org"


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates.made_in(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def relay(certified: Certificates) -> Iterator[Relay]:
    with Relay(context=certified.good.served()).running() as running:
        yield running


@pytest.fixture
def names() -> Iterator[NameServer]:
    with name_server() as peer:
        peer.text(DOMAIN, "v=spf1 mx -all")
        peer.text(f"_dmarc.{DOMAIN}", "v=DMARC1; p=none")
        peer.zone[DOMAIN, "MX"] = [f"10 {DOMAIN}."]
        peer.zone[DOMAIN, "A"] = ["192.0.2.1"]
        yield peer


@pytest.fixture
def sending(
    installation: Callable[..., Services], certified: Certificates
) -> Callable[..., Services]:
    """Make an installation that sends by SMTP."""

    def make(port: int, **changed: object) -> Services:
        settings = {
            "mail_transport": "smtp",
            "smtp_host": "localhost",
            "smtp_port": port,
            "smtp_user": "ripon",
            "smtp_password": "hush",
            "smtp_ca_file": certified.authority,
            "sender_domain": DOMAIN,
            "public_url": "https://ripon.org",
            "contact": "me@ripon.org",
            "online": False,
        }
        return installation(**(settings | changed))

    return make


def looked(services: Services, resolver: Callable[[], Resolver]) -> dict[str, Finding]:
    return {found.check: found for found in doctor.examine(services, resolver)}


def never() -> Resolver:
    raise AssertionError


def test_a_relay_and_a_domain_that_are_set_up_are_described_and_no_mail_goes(
    sending: Callable[..., Services], relay: Relay, names: NameServer
) -> None:
    found = looked(sending(relay.port), names.resolver)
    assert found["relay"].is_ok
    assert "certificate of localhost" in found["relay"].says
    assert "log-in taken" in found["relay"].says
    assert [found[check].is_ok for check in ("SPF", "DMARC", "DKIM", "MX")] == [
        True,
        True,
        None,
        True,
    ]
    assert not {Step.MAIL, Step.RCPT, Step.DATA} & set(relay.steps())
    assert "hush" not in str(found)


def test_a_relay_that_is_not_there_is_wrong_and_the_domain_is_still_looked_at(
    sending: Callable[..., Services], names: NameServer
) -> None:
    found = looked(sending(free_port()), names.resolver)
    assert found["relay"].is_ok is False
    assert found["SPF"].is_ok


def test_a_relay_with_a_strange_certificate_is_wrong_and_hears_no_password(
    sending: Callable[..., Services], certified: Certificates, names: NameServer
) -> None:
    with Relay(context=certified.self_signed.served()).running() as stranger:
        found = looked(sending(stranger.port), names.resolver)
    assert found["relay"].is_ok is False
    assert Step.AUTH not in stranger.steps()


def test_a_domain_that_is_not_set_up_is_wrong_in_each_point(
    sending: Callable[..., Services], relay: Relay, names: NameServer
) -> None:
    names.zone.clear()
    found = looked(sending(relay.port, dkim_selector="s1"), names.resolver)
    assert {found[check].is_ok for check in ("SPF", "DMARC", "DKIM", "MX")} == {False}


def test_nobody_outside_is_asked_where_mails_are_written_to_a_folder(services: Services) -> None:
    found = looked(services, never)
    assert "relay" not in found
    assert "SPF" not in found
    assert found["mail"].is_ok


def test_an_erasure_log_that_others_can_read_is_pointed_out(services: Services) -> None:
    erasures.note(services, erasures.What.ERASED, "a1" * 32)
    services.settings.state_folder.chmod(0o700)
    assert looked(services, never)["state folder"].is_ok
    erasures.log_file(services).chmod(0o644)
    found = looked(services, never)["state folder"]
    assert found.is_ok is False
    assert "erasures.jsonl" in found.says
