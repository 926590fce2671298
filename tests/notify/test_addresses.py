from __future__ import annotations

import hashlib
import hmac
import smtplib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinkwatch.errors import ConfigError
from sinkwatch.model import MessageId
from sinkwatch.notify import addresses

LONGEST_DOMAIN = ".".join(["d" * 61] * 3)  # 185 characters: with 64 + @ that makes 250


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("name@example.org", "name@example.org"),
        ("Name.Surname+tag@Example.ORG", "Name.Surname+tag@example.org"),
        ("  name@example.org ", "name@example.org"),
        ("o'brien@example.ie", "o'brien@example.ie"),
        ("name@bücher.example", "name@xn--bcher-kva.example"),
        ("name@BÜCHER.example", "name@xn--bcher-kva.example"),
        ("name@xn--bcher-kva.example", "name@xn--bcher-kva.example"),
        ("name@sub-domain.example.co.uk", "name@sub-domain.example.co.uk"),
        (f"{'n' * 64}@{LONGEST_DOMAIN}.uk", f"{'n' * 64}@{LONGEST_DOMAIN}.uk"),
    ],
)
def test_an_address_keeps_its_name_and_lowers_its_domain(typed: str, canonical: str) -> None:
    assert addresses.address(typed) == canonical


@pytest.mark.parametrize(
    ("typed", "rule"),
    [
        ("", "one @"),
        ("name", "one @"),
        ("name@one@example.org", "one @"),
        ("@example.org", "not a plain name"),
        (".name@example.org", "not a plain name"),
        ("na..me@example.org", "not a plain name"),
        ("user@exa mple.com", "a space"),
        ("a@example.org, b@example.org", "a comma"),
        ("a@example.org;b@example.org", "a semicolon"),
        ("Name <a@example.org>", "a space"),
        ("<a@example.org>", "an angle bracket"),
        ('"a b"@example.org', "a quotation mark"),
        ("a(comment)@example.org", "a bracket"),
        ("a\\b@example.org", "a backslash"),
        ("a@example.org\r\nBcc: b@example.org", "cannot be seen"),
        ("a@example.org\n", "cannot be seen"),
        ("a\x00@example.org", "cannot be seen"),
        ("a\u202e@example.org", "cannot be seen"),
        ("naïve@example.org", "plain mail cannot carry"),
        ("a@localhost", "not a domain name"),
        ("a@127.0.0.1", "not a domain name"),
        ("a@[127.0.0.1]", "not a domain name"),
        ("a@-example.org", "not a domain name"),
        ("a@example-.org", "not a domain name"),
        ("a@under_score.org", "not a domain name"),
        ("a@example.org.", "not a domain name"),
        ("a@example..org", "no exact form"),
        ("a@straße.example", "no exact form"),
        (f"{'n' * 65}@example.org", "64 characters"),
        (f"{'n' * 64}@{LONGEST_DOMAIN}.example", "254 characters"),
    ],
)
def test_an_address_that_would_not_survive_is_refused(typed: str, rule: str) -> None:
    with pytest.raises(ConfigError, match=rule):
        addresses.address(typed)


def test_a_refusal_does_not_repeat_the_address_because_errors_are_logged() -> None:
    with pytest.raises(ConfigError) as caught:
        addresses.address("jane.doe@exa mple.org")
    assert "jane" not in str(caught.value)


@given(st.text(max_size=40))
def test_whatever_is_accepted_is_canonical_and_parsed_by_smtplib_as_itself(text: str) -> None:
    for typed in (text, f"{text}@example.org", f"name@{text}.org"):
        try:
            canonical = addresses.address(typed)
        except ConfigError:
            continue
        assert canonical.isascii()
        assert addresses.address(canonical) == canonical
        assert smtplib.quoteaddr(canonical) == f"<{canonical}>"


def test_an_address_leaves_the_same_hash_however_it_was_written() -> None:
    expected = hmac.new(b"key", b"name@example.org", hashlib.sha256).hexdigest()
    assert addresses.address_hmac(b"key", "Name@example.org") == expected
    assert addresses.address_hmac(b"another", "name@example.org") != expected


def test_a_message_id_is_random_part_and_domain() -> None:
    composed = addresses.message_id("ab" * 16, "Example.org")
    assert composed == f"{'ab' * 16}@example.org"
    assert addresses.local_part(composed) == "ab" * 16


@pytest.mark.parametrize(
    "message_id",
    [
        "",
        "short@example.org",
        f"{'ab' * 16}",
        f"<{'ab' * 16}@example.org>",
        f"../../{'ab' * 16}@example.org",
        f"{'AB' * 16}@example.org",
        f"{'ab' * 16}@example.org\r\nBcc: a@example.org",
        f"{'ab' * 32}@example.org",
    ],
)
def test_a_message_id_that_could_not_be_a_file_name_or_header_is_refused(message_id: str) -> None:
    with pytest.raises(ConfigError, match="Message-ID"):
        addresses.local_part(MessageId(message_id))
