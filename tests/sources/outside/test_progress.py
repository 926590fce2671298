"""What is shown while a file comes, and for which files nothing is."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sinkwatch.sources.outside.politeness import HostRule
from sinkwatch.sources.outside.progress import FROM_BYTES, QUIET
from tests.peers.server import Answer, File, gibibyte_bomb, gzip_bomb
from tests.sources.outside.outside import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Clock

N = FROM_BYTES + 1
PIECES = [b"x" * 1_000_000] * 5 + [b"x"]


class Board:
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, int | None]] = []
        self.counts: list[int] = []
        self.is_open = False

    @contextmanager
    def showing(self, title: str, n_bytes: int | None) -> Iterator[Callable[[int], None]]:
        self.shown.append((title, n_bytes))
        self.is_open = True
        try:
            yield self.counts.append
        finally:
            self.is_open = False


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def world(clock: Clock, tmp_path: Path, board: Board) -> Iterator[World]:
    rule = HostRule(spacing_s=0, most_bytes=20_000_000, is_a_peer_of_tests=True)
    with World(clock, tmp_path, rule).open() as opened:
        opened.progress = board
        yield opened


def test_a_large_file_is_shown_from_its_first_byte_to_its_last(world: World, board: Board) -> None:
    peer = world.serve(lambda _: Answer(body=b"x" * N))
    world.get(peer.url())
    assert board.shown == [("planit: page.json", N)]
    assert sum(board.counts) == N
    assert board.counts[0] < FROM_BYTES
    assert not board.is_open


def test_a_file_of_unsaid_length_is_shown_once_it_has_grown_large(
    world: World, board: Board
) -> None:
    peer = world.serve(lambda _: Answer(body=PIECES))
    world.get(peer.url())
    assert board.shown == [("planit: page.json", None)]
    assert board.counts[0] > FROM_BYTES
    assert sum(board.counts) == N


@pytest.mark.parametrize("body", [b"x" * (N - 1), PIECES[:-1]], ids=["said", "unsaid"])
def test_a_small_file_is_not_shown(world: World, board: Board, body: bytes | list[bytes]) -> None:
    peer = world.serve(lambda _: Answer(body=body))
    world.get(peer.url())
    assert board.shown == []


def test_a_packed_answer_says_nothing_of_the_size_of_the_file(world: World, board: Board) -> None:
    packed = {"Content-Encoding": "gzip"}
    peer = world.serve(lambda _: Answer(body=gzip_bomb(6_000_000), headers=packed))
    world.get(peer.url())
    assert board.shown == [("planit: page.json", None)]
    assert sum(board.counts) == 6_000_000


def test_a_file_that_is_gone_on_with_is_shown_from_where_it_stood(
    world: World, board: Board
) -> None:
    peer = world.serve(File(b"x" * N, headers={"ETag": '"1"'}, breaks=[4_000_000]))
    world.get(peer.url())
    assert board.shown == [("planit: page.json", N)] * 2
    at_once = board.counts.index(4_000_000)
    assert sum(board.counts[:at_once]) == 4_000_000
    assert sum(board.counts[at_once:]) == N


def test_nothing_is_shown_any_more_of_a_file_that_is_given_up(world: World, board: Board) -> None:
    peer = world.serve(lambda _: Answer(body=PIECES * 5))
    world.rules[peer.host] = replace(world.rule, most_bytes=10_000_000)
    world.refused(peer.url())
    assert len(board.shown) == 1
    assert not board.is_open


def test_no_more_of_a_gibibyte_bomb_is_unpacked_than_the_rule_allows(
    world: World, board: Board
) -> None:
    packed = {"Content-Encoding": "gzip"}
    bomb = gibibyte_bomb()
    peer = world.serve(lambda _: Answer(body=bomb, headers=packed))
    assert "its answer is larger than 20,000,000 bytes" in world.refused(peer.url()).rule
    assert len(bomb) < 1_100_000
    assert 19_900_000 < sum(board.counts) <= 20_000_000
    assert world.left() == []


def test_where_nobody_looks_on_a_large_file_comes_all_the_same(world: World) -> None:
    world.progress = QUIET
    peer = world.serve(lambda _: Answer(body=PIECES))
    assert world.get(peer.url()).n_bytes == N
