"""SPF, DMARC, DKIM and MX as a real name server publishes them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import dns.resolver
import pytest

from sinkwatch.notify import records
from sinkwatch.notify.records import Standing
from tests.peers.dns import NameServer, name_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinkwatch.notify.records import Remark

DOMAIN = "alerts.ripon.org"
KEY = f"s1._domainkey.{DOMAIN}"


@pytest.fixture(scope="module")
def running() -> Iterator[NameServer]:
    with name_server() as peer:
        yield peer


@pytest.fixture
def names(running: NameServer, monkeypatch: pytest.MonkeyPatch) -> NameServer:
    """A domain at which all is well; what a case is about is changed in it."""
    monkeypatch.setattr(records, "LIFETIME_S", 0.15)
    running.zone.clear()
    running.silent.clear()
    running.failing.clear()
    running.asked.clear()
    running.text(DOMAIN, "google-site-verification=x", "v=spf1 include:relay.net -all")
    running.text("relay.net", "v=spf1 ip4:192.0.2.0/24 ~all")
    running.text(f"_dmarc.{DOMAIN}", "v=DMARC1; p=quarantine; rua=mailto:a@ripon.org")
    running.text(KEY, f"v=DKIM1; k=rsa; p={rsa(2048)}")
    running.zone[DOMAIN, "MX"] = ["10 mx.ripon.org."]
    running.zone["mx.ripon.org", "A"] = ["192.0.2.1"]
    return running


def looked(names: NameServer, selector: str = "s1") -> dict[str, Remark]:
    found = records.examine(names.resolver, DOMAIN, dkim_selector=selector)
    return {remark.check: remark for remark in found}


# ── Keys, as ASN.1 has them ──────────────────────────────────────────────────────────────────


def der(tag: int, content: bytes) -> bytes:
    n = len(content)
    length = bytes([n]) if n < 128 else b"\x82" + n.to_bytes(2, "big")
    return bytes([tag]) + length + content


def bare_rsa(bits: int) -> bytes:
    modulus = b"\x00" + ((1 << bits) - 1).to_bytes(bits // 8, "big")
    return der(0x30, der(0x02, modulus) + der(0x02, b"\x01\x00\x01"))


def rsa(bits: int) -> str:
    kind = der(0x30, bytes.fromhex("06092a864886f70d010101") + b"\x05\x00")
    wrapped = der(0x30, kind + der(0x03, b"\x00" + bare_rsa(bits)))
    return base64.b64encode(wrapped).decode()


# ── A domain at which all is well ────────────────────────────────────────────────────────────


def test_a_domain_that_is_set_up_is_right_in_every_point(names: NameServer) -> None:
    found = looked(names)
    assert [(one.check, one.standing) for one in found.values()] == [
        (check, Standing.RIGHT) for check in ("SPF", "DMARC", "DKIM", "MX")
    ]
    assert "ends in -all after 1 of 10 look-ups" in found["SPF"].says
    assert found["DKIM"].says == f"{KEY} has an RSA key of 2048 bits"
    assert found["MX"].says == f"bounces+…@{DOMAIN} is received by mx.ripon.org"


def test_a_domain_that_is_not_there_is_wrong_in_every_point(names: NameServer) -> None:
    names.zone.clear()
    assert {one.standing for one in looked(names).values()} == {Standing.WRONG}


# ── SPF ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("policies", "says"),
    [
        (["other"], "has no policy of senders. Publish TXT v=spf1"),
        (["v=spf10 -all"], "has no policy of senders"),
        (["v=spf1 -all", "v=spf1 mx -all"], "has 2 policies, so none counts"),
        (["v=spf1 mx"], "has no end. End it in -all or ~all"),
        (["v=spf1"], "has no end"),
        (["v=spf1 mx ?all"], "ends in ?all, which lets everyone in"),
        (["v=spf1 mx +all"], "ends in +all"),
        (["v=spf1 mx all"], "ends in +all"),
        (["v=spf1 ipv4:192.0.2.1 -all"], 'has "ipv4:192.0.2.1", which SPF does not know'),
        (["v=spf1 \x1b[31m -all"], 'has "?[31m"'),
        (["v=spf1 =mx -all"], 'has "=mx"'),
        (["v=spf1 include: -all"], "has include without a domain"),
        (["v=spf1 include:nowhere.net -all"], "nowhere.net: has no policy of senders"),
        (["v=spf1 include:alerts.ripon.org -all"], "needs more than 10 look-ups"),
        (["v=spf1 a mx ptr a:b.org mx:b.org exists:c.org a a a a a -all"], "more than 10"),
        (["v=spf1 redirect=alerts.ripon.org"], "needs more than 10 look-ups"),
        (["v=spf1 redirect=%{d}.net"], "has no end"),
        (["v=spf1 redirect=nowhere.net"], "nowhere.net: has no policy"),
    ],
)
def test_a_policy_that_does_not_count_is_said_with_the_way_out(
    names: NameServer, policies: list[str], says: str
) -> None:
    names.text(DOMAIN, *policies)
    found = looked(names)["SPF"]
    assert found.standing is Standing.WRONG
    assert says in found.says


@pytest.mark.parametrize(
    ("text", "ending", "n_lookups"),
    [
        ("V=SPF1 MX ~ALL", "~all", 1),
        ("v=spf1 a mx ptr a:b.org mx:b.org exists:c.org a a a a -all", "-all", 10),
        ("v=spf1 redirect=relay.net", "~all", 1),
        ("v=spf1 redirect=relay.net -all", "-all", 0),
        ("v=spf1 -all include:relay.net", "-all", 0),
        ("v=spf1 ip6:2001:db8::/32 a/24 exp=why.net x=y -all", "-all", 1),
        ("v=spf1 include:%{i}.relay.net -all", "-all", 1),
    ],
)
def test_a_policy_is_read_as_a_receiver_reads_it(
    names: NameServer, text: str, ending: str, n_lookups: int
) -> None:
    names.text(DOMAIN, text)
    assert f"ends in {ending} after {n_lookups} of 10 look-ups" in looked(names)["SPF"].says


# ── DMARC ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("holder", "texts", "standing", "says"),
    [
        (DOMAIN, ["v=DMARC1; p=reject"], Standing.RIGHT, "says p=reject"),
        (DOMAIN, ["v=DMARC1;p=NONE;"], Standing.RIGHT, "which only watches"),
        (DOMAIN, ["v=DMARC1"], Standing.WRONG, "has no p="),
        (DOMAIN, ["v=DMARC1; p=maybe"], Standing.WRONG, 'says p="maybe"'),
        (DOMAIN, ["v=DMARC1; p=none", "v=DMARC1; p=reject"], Standing.WRONG, "has 2 policies"),
        (DOMAIN, ["v=DMARC2; p=none"], Standing.WRONG, "has no policy"),
        ("ripon.org", ["v=DMARC1; p=none; sp=reject"], Standing.RIGHT, "ripon.org says p=reject"),
        ("ripon.org", ["v=DMARC1; p=reject"], Standing.RIGHT, "_dmarc.ripon.org says p=reject"),
        ("org", ["v=DMARC1; p=reject"], Standing.WRONG, "has no policy"),
    ],
)
def test_a_policy_is_found_at_the_domain_or_above_it(
    names: NameServer, holder: str, texts: list[str], standing: Standing, says: str
) -> None:
    del names.zone[f"_dmarc.{DOMAIN}", "TXT"]
    names.text(f"_dmarc.{holder}", *texts)
    found = looked(names)["DMARC"]
    assert found.standing is standing
    assert says in found.says


# ── DKIM ─────────────────────────────────────────────────────────────────────────────────────


def test_without_a_selector_the_key_is_neither_right_nor_wrong(names: NameServer) -> None:
    found = looked(names, selector="")["DKIM"]
    assert found.standing is Standing.UNKNOWN
    assert "dkim_selector" in found.says
    assert not any("_domainkey" in name for name, _ in names.asked)


@pytest.mark.parametrize(
    ("key", "standing", "says"),
    [
        (f"p={rsa(2048)}", Standing.RIGHT, "RSA key of 2048 bits"),
        (f"p={rsa(4096)}", Standing.RIGHT, "RSA key of 4096 bits"),
        (f"p={base64.b64encode(bare_rsa(2048)).decode()}", Standing.RIGHT, "2048 bits"),
        (f"p={rsa(2048)[:40]} {rsa(2048)[40:]}", Standing.RIGHT, "2048 bits"),
        (f"t=y:s; p={rsa(2048)}", Standing.RIGHT, "t=y tells receivers to pass it over"),
        (f"k=ed25519; p={base64.b64encode(bytes(32)).decode()}", Standing.RIGHT, "Ed25519"),
        (f"p={rsa(1024)}", Standing.WRONG, "RSA key of 1024 bits; make one of 2048"),
        (f"k=ed25519; p={base64.b64encode(bytes(31)).decode()}", Standing.WRONG, "31 bytes"),
        ("p=", Standing.WRONG, "has been revoked"),
        ("v=DKIM1", Standing.WRONG, "has been revoked"),
        ("p=?!", Standing.WRONG, "is not base64"),
        (f"p={rsa(2048)[:-40]}", Standing.WRONG, "is cut short"),
        ("p=MAA=", Standing.WRONG, "is cut short"),
        ("p=MAIwAA==", Standing.WRONG, "is cut short"),
        ("p=AAAA", Standing.WRONG, "is cut short"),
        (f"k=dsa; p={rsa(2048)}", Standing.WRONG, "kind dsa"),
        (f"h=sha1; p={rsa(2048)}", Standing.WRONG, "does not allow sha256"),
    ],
)
def test_a_key_is_measured(names: NameServer, key: str, standing: Standing, says: str) -> None:
    names.text(KEY, key)
    found = looked(names)["DKIM"]
    assert found.standing is standing
    assert says in found.says


def test_two_keys_are_none(names: NameServer) -> None:
    names.text(KEY, f"p={rsa(2048)}", f"p={rsa(4096)}")
    assert "has 2 keys" in looked(names)["DKIM"].says


def test_a_missing_key_is_wrong(names: NameServer) -> None:
    assert looked(names, selector="other")["DKIM"].standing is Standing.WRONG


# ── MX ───────────────────────────────────────────────────────────────────────────────────────


def test_a_machine_without_mx_receives_by_its_own_name(names: NameServer) -> None:
    del names.zone[DOMAIN, "MX"]
    names.zone[DOMAIN, "AAAA"] = ["2001:db8::1"]
    found = looked(names)["MX"]
    assert found.standing is Standing.RIGHT
    assert "the machine of that name itself" in found.says


@pytest.mark.parametrize(
    ("hosts", "says"),
    [
        ([], "has no MX record"),
        (["0 ."], "takes no mail at all"),
        (["10 gone.ripon.org.", "20 mx.ripon.org."], "gone.ripon.org, named by the MX record"),
    ],
)
def test_bounces_that_nobody_receives_are_said(
    names: NameServer, hosts: list[str], says: str
) -> None:
    del names.zone[DOMAIN, "MX"]
    if hosts:
        names.zone[DOMAIN, "MX"] = hosts
    found = looked(names)["MX"]
    assert found.standing is Standing.WRONG
    assert says in found.says


# ── A DNS that does not answer ───────────────────────────────────────────────────────────────


def test_what_cannot_be_looked_up_is_neither_right_nor_wrong(names: NameServer) -> None:
    names.silent.update({DOMAIN, "mx.ripon.org"})
    names.failing.add(f"_dmarc.{DOMAIN}")
    found = looked(names)
    assert {check: one.standing for check, one in found.items()} == {
        "SPF": Standing.UNKNOWN,
        "DMARC": Standing.UNKNOWN,
        "DKIM": Standing.RIGHT,
        "MX": Standing.UNKNOWN,
    }
    assert "no answer in time" in found["SPF"].says
    assert "no nameservers" in found["DMARC"].says


def test_a_policy_that_includes_one_out_of_reach_is_not_called_wrong(names: NameServer) -> None:
    names.failing.add("relay.net")
    assert looked(names)["SPF"].standing is Standing.UNKNOWN


def test_an_answer_that_does_not_fit_into_udp_is_fetched_by_tcp(names: NameServer) -> None:
    names.text(KEY, f"p={rsa(4096)}")
    assert "4096 bits" in looked(names)["DKIM"].says
    assert names.asked.count((KEY, "TXT")) == 2


def test_the_machines_own_resolver_asks_for_answers_that_hold_a_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configured: list[bool] = []

    def read(*_: object) -> None:
        configured.append(True)

    monkeypatch.setattr("dns.resolver.Resolver.read_resolv_conf", read)
    assert records.system_resolver().payload == 1232
    assert configured


def test_a_machine_without_a_resolver_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr("dns.resolver.Resolver.read_resolv_conf", fail)
    found = records.examine(records.system_resolver, DOMAIN, dkim_selector="s1")
    assert {one.standing for one in found} == {Standing.UNKNOWN}
    assert "no resolver configuration" in found[0].says
