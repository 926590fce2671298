"""The way out as tests have it: a clock that waiting moves, and servers on loopback."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from sinkwatch.errors import SourceError
from sinkwatch.sources.outside.download import Download, Downloader, Expected
from sinkwatch.sources.outside.politeness import HostRule
from sinkwatch.sources.outside.progress import QUIET, Progress
from tests.peers.server import Answers, Notes, Peer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Clock

AGENT = "sinkwatch/1.0 (+https://holes.example; me@holes.example)"
RULE = HostRule(spacing_s=10, most_bytes=1_000, whole_s=20, is_a_peer_of_tests=True)


class World:
    """A downloader whose waiting moves the clock, and the servers that it may ask."""

    def __init__(self, clock: Clock, folder: Path, rule: HostRule = RULE) -> None:
        self.clock = clock
        self.target = folder / "copies" / "page.json"
        self.rule = rule
        self.notes = Notes()
        self.waits: list[float] = []
        self.rules: dict[str, HostRule] = {}
        self.progress: Progress = QUIET
        self._peers = ExitStack()

    @contextmanager
    def open(self) -> Iterator[World]:
        with self._peers:
            yield self

    def serve(self, answers: Answers) -> Peer:
        """Start a server and put it on the list."""
        peer = self._peers.enter_context(Peer(answers).running())
        self.rules[peer.host] = self.rule
        return peer

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock.move(seconds=seconds)

    def get(self, url: str, expected: Expected | None = None) -> Download:
        downloader = Downloader(
            rules=self.rules,
            notes=self.notes,
            agent=AGENT,
            clock=self.clock,
            wait=self.wait,
            progress=self.progress,
        )
        return downloader.get("planit", url, self.target, expected=expected)

    def refused(self, url: str, expected: Expected | None = None) -> SourceError:
        with pytest.raises(SourceError) as refused:
            self.get(url, expected)
        assert refused.value.source == "planit"
        assert refused.value.url
        return refused.value

    def left(self) -> list[str]:
        """Names of everything in the folder of copies."""
        return sorted(path.name for path in self.target.parent.glob("*"))
