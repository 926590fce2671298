"""
Code-Point Open, all of Great Britain: how long and how much memory it takes to import.

Run with `pytest -m benchmark -s tests/benchmarks/bench_code_point.py`; the figures are printed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from sinkwatch.sources.ordnance_survey.code_point_archive import AREAS

N_ROWS: Final = 1_750_000
MOST_S: Final = 20.0
MOST_BYTES: Final = 500_000_000
_INWARD: Final = np.array(list("ABDEFGHJLNPQRSTUWXYZ"))  # letters of the second half

_REPORT: Final = """
import json, resource, sys, time
def report(began, n_rows):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": time.perf_counter() - began, "bytes": peak, "rows": n_rows}))
"""

_OURS: Final = """
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from sinkwatch.model import Bounds, SourceSpec
from sinkwatch.sources.ordnance_survey import code_point
from sinkwatch.sources.errand import Errand
archive, folder = map(Path, sys.argv[1:3])
bounds = Bounds(min_easting=0, min_northing=0, max_easting=700_000, max_northing=1_300_000)
area = SimpleNamespace(name="Great Britain", bounds=bounds, outcodes=("HG4",))
errand = Errand(area=area, folder=folder, now=datetime(2026, 11, 22, tzinfo=UTC))
spec = SourceSpec(
    name="code-point", kind="code-point-open", title="", path=archive, licence="", attribution=""
)
began = time.perf_counter()
snapshot = code_point.fetch(spec, errand)
report(began, 0)
began = time.perf_counter()
again = code_point.fetch(spec, replace(errand, held=replace(snapshot, edition="the one before")))
report(began, 0)
assert again.sha256 == snapshot.sha256
began = time.perf_counter()
report(began, len(code_point.load(snapshot, spec, area)))
"""

_PEER: Final = """
import zipfile
import pandas as pd
began, n_rows = time.perf_counter(), 0
with zipfile.ZipFile(sys.argv[1]) as archive:
    for name in archive.namelist():
        if name.endswith(".csv"):
            with archive.open(name) as file:
                n_rows += len(pd.read_csv(file, header=None))
report(began, n_rows)
"""


def write_archive(path: Path, n_rows: int, *, spaced: bool = True, ending: str = "\n") -> None:
    """Write a zip in the documented layout: 120 files, and their counts in its metadata."""
    random = np.random.default_rng(1)
    areas = sorted(AREAS)
    counts = np.full(len(areas), n_rows // len(areas))
    counts[: n_rows % len(areas)] += 1
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for area, n in zip(areas, counts.tolist(), strict=True):
            archive.writestr(
                f"Data/CSV/{area.lower()}.csv", _rows(area, n, random, ending, spaced=spaced)
            )
        lines = ["ORDNANCE SURVEY", "PRODUCT: OS CODE-POINT_03.02"]
        lines += ["DATASET VERSION NUMBER: 2026.3.0", "COPYRIGHT DATE: 20260801"]
        lines += [f"{area:>8}\t{n}" for area, n in zip(areas, counts.tolist(), strict=True)]
        archive.writestr("Doc/metadata.txt", "\n".join(lines) + "\n")
        archive.writestr("Doc/licence.txt", "© Crown copyright".encode("latin-1"))


def _rows(area: str, n: int, random: np.random.Generator, ending: str, *, spaced: bool) -> str:
    unit = np.arange(n)
    district, rest = 1 + unit // 4_000, unit % 4_000
    first, second = _INWARD[rest // 20 % 20], _INWARD[rest % 20]
    east = random.integers(80_000, 650_000) + random.normal(0, 9_000, n).astype(int)
    north = random.integers(20_000, 1_150_000) + random.normal(0, 9_000, n).astype(int)
    quality = np.where(unit % 500 == 0, 50, 10)
    lines = []
    for i in range(n):
        outward, inward = f"{area}{district[i]}", f"{rest[i] // 400}{first[i]}{second[i]}"
        code = f"{outward} {inward}" if spaced else f"{outward:<4}{inward}"
        lines.append(
            f'"{code}",{quality[i]},{abs(east[i]) + 1},{abs(north[i]) + 1},"E92000001",'
            f'"E40000000","E54000000","","E0{6000001 + unit[i] % 60}","E0500{1000 + unit[i] % 900}"'
        )
    return ending.join(lines) + ending


def _run(code: str, *arguments: Path) -> list[dict[str, float]]:
    """Run in a process of its own, whose memory is nobody else's."""
    done = subprocess.run(
        [sys.executable, "-c", _REPORT + code, *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.benchmark
def test_all_of_great_britain_is_imported_in_time_and_little_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "codepo_gb.zip"
    write_archive(archive, N_ROWS)
    first, second, loaded = _run(_OURS, archive, tmp_path / "copies")
    (peer,) = _run(_PEER, archive)
    lines = [
        f"{N_ROWS:,} rows in a zip of {archive.stat().st_size / 1e6:.0f} MB",
        _line("first edition fetched", first, peer),
        _line("second merged with it", second, peer),
        _line("loaded to a frame", loaded, peer),
        _line("zipfile and pandas alone", peer, peer),
    ]
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert loaded["rows"] == peer["rows"] == N_ROWS
    for run in (first, second):
        assert run["seconds"] <= MOST_S
        assert run["bytes"] <= MOST_BYTES


def _line(words: str, run: dict[str, float], peer: dict[str, float]) -> str:
    ratio = run["seconds"] / peer["seconds"]
    return f"{words:<26}{run['seconds']:5.1f} s ({ratio:.2f}), peak {run['bytes'] / 1e6:5.0f} MB"
