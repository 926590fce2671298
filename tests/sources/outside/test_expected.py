"""A file of which its publisher states size and MD5: it is that one, or none."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from sinkwatch.sources.outside.download import Download, DownloadStatus, Expected
from sinkwatch.sources.outside.politeness import HostRule
from tests.peers.server import Answer, File, one_after_another
from tests.sources.outside.outside import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Clock

BODY = bytes(range(256)) * 8_000
N = 2_048_000
ETAG = {"ETag": '"edition-1"'}
GZIP = {"Content-Encoding": "gzip"}
OLD = b"the edition before"
WHOLE = ["page.json", "page.json.said.json"]


@pytest.fixture
def world(clock: Clock, tmp_path: Path) -> Iterator[World]:
    rule = HostRule(spacing_s=0, most_bytes=3_000_000, is_a_peer_of_tests=True)
    with World(clock, tmp_path, rule).open() as opened:
        yield opened


def stated(body: bytes = BODY) -> Expected:
    return Expected(n_bytes=len(body), md5=hashlib.md5(body, usedforsecurity=False).hexdigest())


# ── The one that is meant ────────────────────────────────────────────────────────────────────


def test_a_file_that_is_the_one_published_is_taken(world: World) -> None:
    peer = world.serve(lambda _: Answer(body=BODY))
    shouted = replace(stated(), md5=stated().md5.upper())
    download = world.get(peer.url(), shouted)
    assert (download.status, download.n_bytes) == (DownloadStatus.NEW, N)


def test_size_and_sum_are_those_of_the_unpacked_bytes(world: World) -> None:
    peer = world.serve(lambda _: Answer(body=gzip.compress(BODY), headers=GZIP))
    assert world.get(peer.url(), stated()).n_bytes == N


def test_a_file_in_parts_is_vouched_for_as_a_whole(world: World) -> None:
    peer = world.serve(File(BODY, headers=ETAG, breaks=[1_500_000]))
    world.get(peer.url(), stated())
    assert [asked.headers["Range"] for asked in peer.asked] == [None, "bytes=1500000-"]
    assert world.target.read_bytes() == BODY


def test_parts_of_two_files_are_told_from_a_whole_one(world: World) -> None:
    """A server that gives two contents one ETag cannot fool the sum."""
    peer = world.serve(File(BODY, headers=ETAG, breaks=[1_500_000, 0, 0]))
    world.refused(peer.url(), stated())
    peer.answers = File(BODY[::-1], headers=ETAG)
    assert "its answer has MD5" in world.refused(peer.url(), stated()).rule
    assert world.left() == []


# ── Another ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(body=BODY[:-1] + b"x"), f"MD5 [0-9a-f]+, not the {stated().md5} that its pub"),
        (Answer(body=[BODY[:-1] + b"x"]), "its answer has MD5"),
        (Answer(body=BODY[:-1]), "has 2,047,999 bytes, not the 2,048,000 that its publ"),
        (Answer(body=[BODY[:-1]]), "has 2,047,999 bytes, not the 2,048,000"),
        (Answer(body=BODY + b"x"), "has 2,048,001 bytes, not the 2,048,000"),
        (Answer(body=[BODY + b"x"]), "longer than the 2,048,000 bytes that its publisher states"),
        (Answer(body=b"<html>Log in to this hotel</html>"), "has 33 bytes, not the 2,048,000"),
        (Answer(body=gzip.compress(BODY + b"x"), headers=GZIP), "longer than the 2,048,000"),
        (Answer(body=gzip.compress(BODY[1:]), headers=GZIP), "has 2,047,999 bytes"),
    ],
    ids=["byte", "byte in pieces", "shorter", "shorter in pieces", "longer", "longer in pieces",
         "page", "longer packed", "shorter packed"],
)  # fmt: skip
def test_another_file_is_refused_at_once_and_what_is_held_stays(
    world: World, answer: Answer, reason: str
) -> None:
    named = replace(answer, headers={**ETAG, **answer.headers})
    peer = world.serve(one_after_another(Answer(body=OLD), named))
    world.get(peer.url(), stated(OLD))
    error = world.refused(peer.url(), stated())
    assert re.search(reason, error.rule)
    assert len(peer.asked) == 2
    assert error.retryable
    assert world.target.read_bytes() == OLD
    assert world.left() == WHOLE


def test_it_hangs_up_as_soon_as_a_file_is_longer_than_stated(world: World) -> None:
    n_sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal n_sent
        while not peer.closing.is_set():
            n_sent += 65_536
            yield b"x" * 65_536

    peer = world.serve(lambda _: Answer(body=endless()))
    world.rules[peer.host] = replace(world.rule, most_bytes=10**12)
    assert "longer than the 2,048,000" in world.refused(peer.url(), stated()).rule
    assert n_sent < 50_000_000  # what is sent ahead waits in buffers of the system


def test_the_limit_of_the_server_holds_whatever_a_publisher_states(world: World) -> None:
    peer = world.serve(lambda _: Answer(body=BODY))
    world.rules[peer.host] = replace(world.rule, most_bytes=N - 1)
    assert "larger than 2,047,999 bytes" in world.refused(peer.url(), stated()).rule


# ── Held already ─────────────────────────────────────────────────────────────────────────────


def test_nobody_is_asked_for_what_is_held(world: World) -> None:
    peer = world.serve(lambda _: Answer(body=BODY, headers=ETAG))
    first = world.get(peer.url(), stated())
    world.clock.move(days=90)
    again = world.get(peer.url("/signed?another=address"), stated())
    assert again == replace(
        first, status=DownloadStatus.UNCHANGED, url=peer.url("/signed?another=address")
    )
    assert len(peer.asked) == 1


def test_a_file_put_there_by_hand_is_held_too(world: World) -> None:
    world.target.parent.mkdir()
    world.target.write_bytes(BODY)
    os.utime(world.target, (1_790_000_000, 1_790_000_000))
    assert world.get("https://nobody.example/a", stated()) == Download(
        status=DownloadStatus.UNCHANGED,
        path=world.target,
        url="https://nobody.example/a",
        sha256=hashlib.sha256(BODY).hexdigest(),
        n_bytes=N,
        etag="",
        last_modified="",
        content_type="",
        retrieved_at=datetime.fromtimestamp(1_790_000_000, UTC),
    )


def test_a_note_about_other_bytes_is_not_believed(world: World) -> None:
    peer = world.serve(lambda _: Answer(body=OLD, headers=ETAG))
    world.get(peer.url())
    world.target.write_bytes(BODY)
    assert world.get(peer.url(), stated()).etag == ""


@pytest.mark.parametrize("held", [OLD, BODY[::-1]], ids=["another size", "the same size"])
def test_what_is_held_and_another_is_asked_for_without_conditions(
    world: World, held: bytes
) -> None:
    """A server that says "not modified" of the edition before has nothing to say here."""
    peer = world.serve(lambda _: Answer(body=held, headers=ETAG))
    world.get(peer.url())
    peer.answers = lambda asked: (
        Answer(status=304) if asked.headers["If-None-Match"] else Answer(body=BODY)
    )
    assert world.get(peer.url(), stated()).status is DownloadStatus.NEW
    assert world.target.read_bytes() == BODY
