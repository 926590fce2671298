from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinkwatch.errors import ConfigError, TokenError
from sinkwatch.notify import addresses
from sinkwatch.notify.tokens import Purpose, Signer

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SIGNER = Signer(bytes(range(32)))
MESSAGE_ID = addresses.message_id("0123456789abcdef" * 2, "example.org")


@pytest.mark.parametrize("purpose", Purpose)
def test_a_token_gives_its_id_back_for_its_own_purpose_alone(purpose: Purpose) -> None:
    token = SIGNER.sign(purpose, "abc-123_X", at=AT)
    assert SIGNER.unsign(purpose, token, now=AT) == "abc-123_X"
    for other in set(Purpose) - {purpose}:
        with pytest.raises(TokenError, match="damaged or not ours"):
            SIGNER.unsign(other, token, now=AT)


def test_a_token_stands_in_a_url_as_it_is() -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]+", SIGNER.sign(Purpose.CONFIRM, "a" * 64, at=AT))


def test_the_same_moment_signs_the_same_token_and_another_key_another() -> None:
    token = SIGNER.sign(Purpose.CONFIRM, "abc", at=AT)
    assert SIGNER.sign(Purpose.CONFIRM, "abc", at=AT) == token
    assert Signer(bytes(32)).sign(Purpose.CONFIRM, "abc", at=AT) != token


def test_a_token_lasts_as_long_as_it_is_allowed_to() -> None:
    token = SIGNER.sign(Purpose.CONFIRM, "abc", at=AT)
    two_days = timedelta(hours=48)
    assert SIGNER.unsign(Purpose.CONFIRM, token, now=AT + two_days, max_age=two_days) == "abc"
    with pytest.raises(TokenError, match="has expired"):
        SIGNER.unsign(
            Purpose.CONFIRM, token, now=AT + two_days + timedelta(seconds=1), max_age=two_days
        )


def test_a_link_to_leave_works_for_ever() -> None:
    token = SIGNER.sign(Purpose.UNSUBSCRIBE, "abc", at=AT)
    assert SIGNER.unsign(Purpose.UNSUBSCRIBE, token, now=AT + timedelta(days=10_000)) == "abc"


@given(st.text(max_size=60))
def test_no_other_text_is_taken_for_a_token(text: str) -> None:
    with pytest.raises(TokenError, match="damaged or not ours"):
        SIGNER.unsign(Purpose.CONFIRM, text, now=AT)


@given(st.data())
def test_a_token_with_one_character_changed_is_refused(data: st.DataObject) -> None:
    token = SIGNER.sign(Purpose.CONFIRM, "abc", at=AT)
    # The last character of unpadded base64 carries two bits that mean nothing.
    place = data.draw(st.integers(0, len(token) - 2))
    other = data.draw(st.sampled_from("abcXYZ019-_.").filter(lambda new: new != token[place]))
    with pytest.raises(TokenError):
        SIGNER.unsign(Purpose.CONFIRM, token[:place] + other + token[place + 1 :], now=AT)


def test_a_refusal_does_not_repeat_the_token() -> None:
    token = SIGNER.sign(Purpose.CONFIRM, "abc", at=AT)
    with pytest.raises(TokenError) as caught:
        SIGNER.unsign(Purpose.UNSUBSCRIBE, token, now=AT)
    assert token not in str(caught.value)


@pytest.mark.parametrize("public_id", ["", "name@example.org", "a b", "a/b", "é", "a" * 65])
def test_only_an_opaque_id_is_signed(public_id: str) -> None:
    with pytest.raises(ConfigError, match="public id"):
        SIGNER.sign(Purpose.CONFIRM, public_id, at=AT)


def test_a_short_key_is_refused_and_a_key_is_never_shown() -> None:
    with pytest.raises(ConfigError, match="31 bytes"):
        Signer(bytes(31))
    assert repr(SIGNER) == "Signer()"


def test_a_bounce_address_leads_back_to_its_message() -> None:
    address = SIGNER.bounce_address(MESSAGE_ID, "example.org")
    assert re.fullmatch(r"bounces\+[0-9a-f]{32}\.[a-z2-7]{16}@example\.org", address)
    assert len(address.partition("@")[0]) <= 64
    assert addresses.address(address) == address
    assert SIGNER.bounced(address) == addresses.local_part(MESSAGE_ID)
    assert SIGNER.bounced(address.upper()) == addresses.local_part(MESSAGE_ID)


@pytest.mark.parametrize(
    "forged",
    [
        "bounces@example.org",
        "bounces+0123456789abcdef0123456789abcdef@example.org",
        "bounces+0123456789abcdef0123456789abcdef.aaaaaaaaaaaaaaaa@example.org",
        "bounces+../etc/passwd.aaaaaaaaaaaaaaaa@example.org",
        "",
    ],
)
def test_a_forged_bounce_does_nothing(forged: str) -> None:
    with pytest.raises(TokenError, match="bounce"):
        SIGNER.bounced(forged)
