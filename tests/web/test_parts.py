"""The small parts: whose address counts, how often one may look, and what a stamp says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sinkwatch.notify.tokens import Signer
from sinkwatch.web import clients, stamp, turnstile
from tests.conftest import Clock

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SIGNER = Signer(b"x" * 32)


@pytest.mark.parametrize(
    ("peer", "forwarded", "network"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.1"], "192.0.2.1"),  # not from a proxy of ours
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.2.3.4, 198.51.100.1"], "198.51.100.1"),  # the first may be invented
        ("10.0.0.1", ["1.2.3.4", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("2001:db8:1:2:3::4", [], "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", [], "192.0.2.1"),
        ("::ffff:10.0.0.1", ["2001:db8::9"], "2001:db8::/64"),
        ("", [], clients.UNKNOWN),
        ("/run/socket", ["192.0.2.1"], clients.UNKNOWN),
    ],
)
def test_the_client_is_the_last_hop_that_nobody_of_ours_vouches_for(
    peer: str, forwarded: list[str], network: str
) -> None:
    trusted = clients.networks(("10.0.0.0/8",))
    assert clients.client(peer, forwarded, trusted) == network


def test_a_turnstile_lets_so_many_through_and_says_how_long_to_wait() -> None:
    clock = Clock(NOW)
    gate = turnstile.Turnstile(2, timedelta(minutes=10), clock)
    assert [gate.wait_s("a"), gate.wait_s("a"), gate.wait_s("b")] == [0, 0, 0]
    clock.move(seconds=60)
    assert gate.wait_s("a") == 540
    clock.move(seconds=540)
    assert gate.wait_s("a") == 0


def test_a_turnstile_forgets_the_oldest_clients_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turnstile, "_MOST_CLIENTS", 3)
    clock = Clock(NOW)
    gate = turnstile.Turnstile(1, timedelta(minutes=10), clock)
    for name in ("a", "b", "c", "d"):
        assert gate.wait_s(name) == 0
        clock.move(seconds=1)
    assert [gate.wait_s(name) > 0 for name in ("d", "c", "a")] == [True, True, False]


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [
        (-1, stamp.Verdict.TOO_LATE),  # of a time to come: not ours
        (0, stamp.Verdict.TOO_SOON),
        (2, stamp.Verdict.TOO_SOON),
        (3, stamp.Verdict.GOOD),
        (86_400, stamp.Verdict.GOOD),
        (86_401, stamp.Verdict.TOO_LATE),
    ],
)
def test_a_stamp_says_how_long_a_form_was_out(seconds: int, verdict: stamp.Verdict) -> None:
    made = stamp.made(SIGNER, NOW)
    assert stamp.judge(SIGNER, made, NOW + timedelta(seconds=seconds)) is verdict


@pytest.mark.parametrize("given", ["", "x", "0.0.0"])
def test_a_stamp_of_others_says_nothing(given: str) -> None:
    assert stamp.judge(SIGNER, given, NOW) is stamp.Verdict.TOO_LATE
    other = stamp.made(Signer(b"y" * 32), NOW)
    assert stamp.judge(SIGNER, other, NOW) is stamp.Verdict.TOO_LATE
