"""
A gibibyte in a megabyte, by gzip on the way and by zip on disk: how soon, at what cost it ends.

Run with `pytest -m benchmark -s tests/benchmarks/bench_bombs.py`; the figures are printed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Final

import pytest

from tests.peers.server import Answer, Peer, gibibyte_bomb

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.benchmark

MOST_S: Final = 5.0
MOST_BYTES: Final = 300_000_000

_REPORT: Final = """
import json, resource, sys, time
from pathlib import Path
from sinkwatch.errors import SourceError
def report(began, error):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": time.perf_counter() - began, "bytes": peak, "rule": error.rule}))
"""

_GZIP: Final = """
import time
from datetime import UTC, datetime
from sinkwatch.sources.outside.download import Downloader
from sinkwatch.sources.outside.politeness import HostRule
class Notes:
    last_request_at = not_before = lambda self, host: None
    note_request = note_not_before = lambda self, host, at: None
host, folder = sys.argv[1], Path(sys.argv[2])
rule = HostRule(is_a_peer_of_tests=True, most_bytes=int(sys.argv[3]))
way_out = Downloader(
    rules={host: rule},
    notes=Notes(),
    agent="x",
    clock=lambda: datetime(2026, 11, 22, tzinfo=UTC),
    wait=time.sleep,
)
began = time.perf_counter()
try:
    way_out.get("bomb", f"http://{host}/", folder / "bomb")
except SourceError as error:
    report(began, error)
"""

_ZIP: Final = """
from sinkwatch.sources.archives import ArchiveLimits, opened
limits = ArchiveLimits(most_bytes=int(sys.argv[2]), most_ratio=2_000)
began = time.perf_counter()
try:
    with opened(Path(sys.argv[1]), source="bomb", limits=limits) as archive:
        with archive.reading(archive.only("*")) as file:
            while file.read(1_000_000):
                pass
except SourceError as error:
    report(began, error)
"""


def measured(program: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _REPORT + program, *map(str, arguments)],
        capture_output=True,
        check=True,
        text=True,
    )
    figures = json.loads(done.stdout)
    print(f"{figures['seconds']:.2f} s, {figures['bytes'] / 1e6:.0f} MB: {figures['rule']}")  # noqa: T201 - what a benchmark is for
    assert figures["seconds"] <= MOST_S
    assert figures["bytes"] <= MOST_BYTES
    return str(figures["rule"])


@pytest.mark.parametrize("most_bytes", [50_000_000, 200_000_000])
def test_a_gzip_bomb_on_the_way(tmp_path: Path, most_bytes: int) -> None:
    bomb = gibibyte_bomb()
    answer = Answer(body=bomb, headers={"Content-Encoding": "gzip"})
    with Peer(lambda _: answer).running() as peer:
        rule = measured(_GZIP, peer.host, tmp_path, most_bytes)
    assert rule == f"its answer is larger than {most_bytes:,} bytes"


def a_zip(path: Path) -> bytes:
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("zeros.csv", "w") as member,
    ):
        for _ in range(64):
            member.write(bytes(2**24))
    return path.read_bytes()


def test_a_zip_bomb_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    content = a_zip(path)
    rule = measured(_ZIP, path, 500_000_000)
    assert "unpacks to 1,073,741,824 bytes, more than 500,000,000" in rule
    # One that lies, as far as it may: its size stands in the list, 24 bytes in.
    at = content.index(b"PK\x01\x02") + 24
    path.write_bytes(content[:at] + (400_000_000).to_bytes(4, "little") + content[at + 4 :])
    rule = measured(_ZIP, path, 500_000_000)
    assert 'holds more bytes of "zeros.csv" than the 400,000,000 it states' in rule
