"""
OS Open UPRN, all of Great Britain: time and memory of one pass, beside plain unzip of that file.

Run with `pytest -m benchmark -s tests/benchmarks/bench_open_uprn.py`; the figures are printed.
`UPRN_ROWS=41600000` makes it as large as the product itself: 2.3 GB of text, some minutes to write.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import IO, Final

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import compute as pc

from sinkwatch import geo

N_ROWS: Final = int(os.environ.get("UPRN_ROWS", "2000000"))
MOST_RATIO: Final = 4.0
MOST_BYTES: Final = 1_000_000_000
_ROWS_AT_ONCE: Final = 1_000_000
_ROWS_A_STREET: Final = 100
_HEADER: Final = b"\xef\xbb\xbfUPRN,X_COORDINATE,Y_COORDINATE,LATITUDE,LONGITUDE\r\n"

_OURS: Final = """
import json, resource, sys, time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from sinkwatch.model import Bounds, SourceSpec
from sinkwatch.sources.ordnance_survey import open_uprn
from sinkwatch.sources.errand import Errand
archive, folder = map(Path, sys.argv[1:3])
bounds = Bounds(
    min_easting=424_800, min_northing=464_900, max_easting=438_100, max_northing=477_300
)
area = SimpleNamespace(name="Ripon", bounds=bounds)
errand = Errand(area=area, folder=folder, now=datetime(2026, 11, 22, tzinfo=UTC))
spec = SourceSpec(
    name="open-uprn", kind="open-uprn", title="", path=archive, licence="", attribution=""
)
began = time.perf_counter()
rows = open_uprn.load(open_uprn.fetch(spec, errand), spec, area)
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"seconds": seconds, "bytes": peak, "rows": len(rows)}))
"""


def write_archive(path: Path, n_rows: int) -> None:
    """Write a zip in the documented layout: streets of a hundred points all over the country."""
    random = np.random.default_rng(1)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        archive.writestr("licence.txt", "Made up for a benchmark")
        archive.writestr("versions.txt", "Made up for a benchmark")
        with archive.open("osopenuprn_202608.csv", "w", force_zip64=True) as file:
            file.write(_HEADER)
            for first in range(0, n_rows, _ROWS_AT_ONCE):
                _write_rows(file, first, min(_ROWS_AT_ONCE, n_rows - first), random)


def _write_rows(file: IO[bytes], first: int, n: int, random: np.random.Generator) -> None:
    n_streets = -(-n // _ROWS_A_STREET)
    easting, northing = (
        np.round(np.repeat(random.uniform(*span, n_streets), _ROWS_A_STREET)[:n], 2)
        + np.round(random.uniform(-200, 200, n), 2)
        for span in ((150_000, 600_000), (50_000, 900_000))
    )
    longitude, latitude = geo.to_wgs84(easting, northing)
    uprn = pc.cast(pa.array(100_000_000 + 3 * (first + np.arange(n))), pa.string())
    cells = [uprn, _fixed(easting, 2), _fixed(northing, 2), _fixed(latitude, 7)]
    lines = pc.binary_join_element_wise(*cells, _fixed(longitude, 7), ",")
    lines = pc.binary_join_element_wise(lines, "\r\n", "")
    # All the text of a string array lies in one buffer, row after row.
    file.write(lines.buffers()[2])


def _fixed(values: np.ndarray, decimals: int) -> pa.Array:
    """Write numbers with so many decimals, as C would, a million at a time."""
    scaled = np.abs(np.round(values * 10**decimals)).astype(np.int64)
    whole = pc.cast(pa.array(scaled // 10**decimals), pa.string())
    rest = pc.utf8_lpad(pc.cast(pa.array(scaled % 10**decimals), pa.string()), decimals, "0")
    sign = pa.array(np.where(values < 0, "-", ""))
    return pc.binary_join_element_wise(pc.binary_join_element_wise(sign, whole, ""), rest, ".")


def _unzip_s(path: Path) -> float:
    """Time the plain unpacking of the same file to nowhere."""
    command = shutil.which("unzip")
    began = time.perf_counter()
    if command:
        subprocess.run([command, "-p", path], stdout=subprocess.DEVNULL, check=True)
    else:
        with zipfile.ZipFile(path) as archive, archive.open("osopenuprn_202608.csv") as file:
            while file.read(1_048_576):
                pass
    return time.perf_counter() - began


@pytest.mark.benchmark
def test_one_pass_over_all_of_britain_costs_little_more_than_unzip(tmp_path: Path) -> None:
    path = tmp_path / "osopenuprn_202608_csv.zip"
    write_archive(path, N_ROWS)
    plain_s = _unzip_s(path)
    done = subprocess.run(
        [sys.executable, "-c", _OURS, path, tmp_path / "copies"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    ours = json.loads(done.stdout.splitlines()[-1])
    print(  # noqa: T201 - figures for whoever runs it
        f"\n{N_ROWS:,} rows, {path.stat().st_size / 1e6:,.0f} MB: unzip {plain_s:.1f} s, "
        f"ours {ours['seconds']:.1f} s (ratio {ours['seconds'] / plain_s:.2f}), "
        f"{ours['bytes'] / 1e6:,.0f} MB, {ours['rows']:,} rows kept"
    )
    assert ours["rows"] > 0
    assert ours["bytes"] < MOST_BYTES
    assert ours["seconds"] < MOST_RATIO * plain_s + 2  # imports and conversion, whatever the size
