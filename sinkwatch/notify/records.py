"""What the DNS must say of our domain, so that mail is let in and bounces come back."""

from __future__ import annotations

import base64
import binascii
import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import dns.exception
import dns.name
import dns.resolver
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TXT import TXT
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA

from sinkwatch.notify import spf

if TYPE_CHECKING:
    from collections.abc import Callable

LIFETIME_S: Final = 5.0
"""How long one question may take, seconds: a resolver that is there answers in one."""

LEAST_RSA_BITS: Final = 2048
"""Of a DKIM key (sinkwatch mail rules; RFC 8301 asks signers for it)."""

_Record = TypeVar("_Record")
_UNSHOWN: Final = re.compile("[^ -~]")
_ED25519_BYTES: Final = 32  # RFC 8463
_LEAST_LABELS: Final = 2  # nobody publishes for us at a top-level domain
_POLICIES: Final = ("none", "quarantine", "reject")
_DER_INTEGER, _DER_BIT_STRING, _DER_SEQUENCE = 0x02, 0x03, 0x30


class Standing(enum.StrEnum):
    """How something stands."""

    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """
    What is to be said of one kind of record.

    Attributes
    ----------
    check
        What was looked at.
    standing
        Right, wrong, or not known since it could not be looked up.
    says
        What was seen, and what to do if it is not right.
    """

    check: str
    standing: Standing
    says: str


@dataclass(frozen=True, slots=True)
class Names:
    """
    The DNS as we ask it.

    Attributes
    ----------
    resolver
        Which servers are asked.
    """

    resolver: dns.resolver.Resolver

    def texts(self, name: str) -> tuple[str, ...]:
        """
        Return the TXT records of a name, each in one piece.

        Parameters
        ----------
        name
            The name.

        Returns
        -------
        texts
            Empty if the name has none, or does not exist.

        Raises
        ------
        DNSException
            If nobody could be asked, or the answer is of no use.
        """
        found = (b"".join(record.strings) for record in self.records(name, TXT))
        # Whoever publishes them, a terminal must not obey them.
        return tuple(_UNSHOWN.sub("?", text.decode("ascii", "replace")) for text in found)

    def records(self, name: str, kind: type[_Record]) -> list[_Record]:
        """
        Return the records of a name.

        Parameters
        ----------
        name
            The name.
        kind
            Such as `MX`.

        Returns
        -------
        records
            Empty if the name has none, or does not exist.

        Raises
        ------
        DNSException
            As for `texts`.
        """
        try:
            answer = self.resolver.resolve(
                dns.name.from_text(name), kind.__name__, search=False, lifetime=LIFETIME_S
            )
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        return [record for record in answer if isinstance(record, kind)]


def system_resolver() -> dns.resolver.Resolver:
    """
    Return the resolver that this machine is set up with.

    Returns
    -------
    resolver
        Asking nobody yet.

    Raises
    ------
    DNSException
        If the machine has none.
    """
    resolver = dns.resolver.Resolver()
    # A DKIM key does not fit into the 512 bytes of plain DNS; 1,232 pass through any network.
    resolver.use_edns(0, 0, 1232)
    return resolver


def examine(
    resolver: Callable[[], dns.resolver.Resolver], domain: str, *, dkim_selector: str = ""
) -> tuple[Remark, ...]:
    """
    Look at all that receivers of our mail will look up.

    Parameters
    ----------
    resolver
        Returns whom to ask, such as `system_resolver`.
    domain
        Domain of From and of the envelope sender.
    dkim_selector
        Name of the key that the relay signs with; empty if it is not known.

    Returns
    -------
    remarks
        On SPF, DMARC, DKIM and MX, whatever becomes of one of them.
    """
    return (
        _looked("SPF", lambda: _spf(Names(resolver()), domain)),
        _looked("DMARC", lambda: _dmarc(Names(resolver()), domain)),
        _looked("DKIM", lambda: _dkim(Names(resolver()), domain, dkim_selector)),
        _looked("MX", lambda: _mx(Names(resolver()), domain)),
    )


def _looked(check: str, look: Callable[[], Remark]) -> Remark:
    try:
        return look()
    except dns.exception.DNSException as error:
        says = (
            f"could not be looked up ({_why(error)}), so nothing is known of it; "
            "run this again where the DNS can be asked"
        )
        return Remark(check=check, standing=Standing.UNKNOWN, says=says)


def _why(error: dns.exception.DNSException) -> str:
    if isinstance(error, dns.exception.Timeout):
        return "no answer in time"
    return re.sub(r"(?<!^)(?=[A-Z])", " ", type(error).__name__).lower()


def _right(check: str, says: str) -> Remark:
    return Remark(check=check, standing=Standing.RIGHT, says=says)


def _wrong(check: str, says: str) -> Remark:
    return Remark(check=check, standing=Standing.WRONG, says=says)


# ── SPF ──────────────────────────────────────────────────────────────────────────────────────


def _spf(names: Names, domain: str) -> Remark:
    try:
        policy = spf.policy(names.texts, domain)
    except spf.SpfError as error:
        return _wrong("SPF", str(error).rstrip("."))
    return _right(
        "SPF",
        f"{domain} publishes one policy, which ends in {policy.ending} after "
        f"{policy.n_lookups} of {spf.MOST_LOOKUPS} look-ups; see that it names your relay",
    )


# ── DMARC ────────────────────────────────────────────────────────────────────────────────────


def _dmarc(names: Names, domain: str) -> Remark:
    for holder in _tree(domain):
        found = [text for text in names.texts(f"_dmarc.{holder}") if _is_dmarc(text)]
        if len(found) > 1:
            says = f"_dmarc.{holder} has {len(found)} policies, so none counts; leave one"
            return _wrong("DMARC", says)
        if found:
            return _policy(holder, found[0], is_own=holder == domain)
    return _wrong(
        "DMARC",
        f"_dmarc.{domain} has no policy, and large mailbox providers ask for one; "
        f"publish TXT v=DMARC1; p=none; rua=mailto:… at first",
    )


def _tree(domain: str) -> list[str]:
    """Return the domain and those above it, as RFC 9989 climbs where RFC 7489 had a list."""
    labels = domain.split(".")
    return [".".join(labels[at:]) for at in range(len(labels) - _LEAST_LABELS + 1)]


def _is_dmarc(text: str) -> bool:
    return re.match(r"v\s*=\s*DMARC1\s*(;|$)", text) is not None


def _policy(holder: str, text: str, *, is_own: bool) -> Remark:
    tags = _tags(text)
    policy = tags.get("p", "").lower()
    if not is_own:
        policy = tags.get("sp", policy).lower()
    if policy not in _POLICIES:
        rule = f'says p="{policy}"' if policy else "has no p="
        says = f"_dmarc.{holder} {rule}; write p=none, p=quarantine or p=reject"
        return _wrong("DMARC", says)
    advice = (
        ", which only watches; go on to p=quarantine once reports show that all is signed"
        if policy == "none"
        else ""
    )
    return _right("DMARC", f"_dmarc.{holder} says p={policy}{advice}")


def _tags(text: str) -> dict[str, str]:
    """Return the tags of a record; what stands in no tag is passed over, as RFC 6376 says."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip() for name, equals, value in pairs if equals}


# ── DKIM ─────────────────────────────────────────────────────────────────────────────────────


def _dkim(names: Names, domain: str, selector: str) -> Remark:
    if not selector:
        says = "not checked: set dkim_selector to the name of your relay's key"
        return Remark(check="DKIM", standing=Standing.UNKNOWN, says=says)
    name = f"{selector}._domainkey.{domain}"
    found = names.texts(name)
    if len(found) != 1:
        says = (
            f"{name} has {len(found)} keys, so none counts; leave one"
            if found
            else f"{name} has no key; publish the one that your relay names, or mend dkim_selector"
        )
        return _wrong("DKIM", says)
    fault, seen = _key(_tags(found[0]))
    return _wrong("DKIM", f"{name} {fault}") if fault else _right("DKIM", f"{name} {seen}")


def _key(tags: dict[str, str]) -> tuple[str, str]:
    """Return what is wrong with a key, or what it is."""
    packed = "".join(tags.get("p", "").split())
    if not packed:
        return "has been revoked (p= is empty); name the selector of a key in use", ""
    if "sha256" not in tags.get("h", "sha256").split(":"):
        return "does not allow sha256; leave h= out", ""
    try:
        key = base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        return "has a key that is not base64; publish it anew as your relay writes it", ""
    kind = tags.get("k", "rsa").lower()
    fault, seen = _KINDS[kind](key) if kind in _KINDS else (f"has a key of kind {kind}", "")
    testing = "; t=y tells receivers to pass it over, so leave that out once all is set up"
    return fault, seen + (testing if "y" in tags.get("t", "").split(":") else "")


def _rsa(key: bytes) -> tuple[str, str]:
    try:
        bits = _modulus(key).bit_length()
    except ValueError:
        return "has a key that is cut short; publish it anew as your relay writes it", ""
    if bits < LEAST_RSA_BITS:
        return f"has an RSA key of {bits} bits; make one of {LEAST_RSA_BITS}", ""
    return "", f"has an RSA key of {bits} bits"


def _ed25519(key: bytes) -> tuple[str, str]:
    if len(key) != _ED25519_BYTES:
        return f"has an Ed25519 key of {len(key)} bytes, not {_ED25519_BYTES}; publish it anew", ""
    return "", "has an Ed25519 key; sign with RSA too, since some receivers know no other"


_KINDS: Final = {"rsa": _rsa, "ed25519": _ed25519}


def _modulus(key: bytes) -> int:
    """Return the modulus of a key, bare (RFC 8017) or wrapped up with its kind (RFC 5280)."""
    content = _value(key, _DER_SEQUENCE)
    if content[:1] == bytes([_DER_SEQUENCE]):
        kind = _value(content, _DER_SEQUENCE)
        wrapped = _value(content[_span(content, kind) :], _DER_BIT_STRING)
        content = _value(wrapped[1:], _DER_SEQUENCE)  # past the count of unused bits
    return int.from_bytes(_value(content, _DER_INTEGER), "big")


def _span(content: bytes, first: bytes) -> int:
    """Return how many bytes the first value takes, its tag and length included."""
    return content.index(first) + len(first) if first else 2


def _value(content: bytes, tag: int) -> bytes:
    """Return the first value in DER, which must have that tag and be whole."""
    if len(content) < 2 or content[0] != tag:  # noqa: PLR2004 - a tag and a length
        raise ValueError("another tag")
    start, length = 2, content[1]
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(content[2:start], "big")
    if len(content) < start + length:
        raise ValueError("cut short")
    return content[start : start + length]


# ── MX ───────────────────────────────────────────────────────────────────────────────────────


def _mx(names: Names, domain: str) -> Remark:
    where = f"bounces+…@{domain}"
    hosts = [str(record.exchange).rstrip(".") for record in names.records(domain, MX)]
    if not hosts:
        if not _has_address(names, domain):
            says = f"{domain} has no MX record, so {where} receives nothing; publish one"
            return _wrong("MX", says)
        says = f"{domain} has no MX record, so {where} goes to the machine of that name itself"
        return _right("MX", says)
    if hosts == [""]:
        says = f"{domain} says that it takes no mail at all (null MX), so {where} is lost; give it"
        return _wrong("MX", f"{says} an MX record")
    lost = [host for host in hosts if not _has_address(names, host)]
    if lost:
        says = f"{', '.join(lost)}, named by the MX record of {domain}, has no address; mend it"
        return _wrong("MX", says)
    return _right("MX", f"{where} is received by {', '.join(sorted(hosts))}")


def _has_address(names: Names, host: str) -> bool:
    return bool(names.records(host, A) or names.records(host, AAAA))
