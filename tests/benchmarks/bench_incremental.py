"""
A country's answers brought up to date after one record has moved, against assessing all anew.

    python -m tests.benchmarks.bench_incremental --rows 10000000 --write incremental.md

Records are moved by 300 m, one after another: some drawn from all that count, and some from those
with most addresses around them. Each time the folder is brought up to date in this process, with
both layers in memory; in the end it is compared, byte for byte, with a full run into a new folder.
What a command pays beside that, once, is measured apart: layers mapped from the disk and summed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
import shapely

from sinkwatch import assess, bulk
from sinkwatch.bulk import parts, prepared, updating
from sinkwatch.model import Bounds
from tests import world
from tests.benchmarks import nation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MOST_SHARE: Final = 0.01
"""Of a full run's processor time, for the record in the middle of all."""

_BY_M: Final = 300.0
_N_DRAWN, _N_IN_TOWN = 30, 15
_COUNTRY: Final = Bounds(min_easting=0, min_northing=0, max_easting=700_000, max_northing=1_300_000)


@dataclass(kw_only=True)
class Took:
    """Seconds, and what an update says of itself."""

    cpu_s: float = 0.0
    wall_s: float = 0.0
    did: bulk.Updated | None = None


@contextmanager
def timed() -> Iterator[Took]:
    """Measure what is done within."""
    took, cpu_s, wall_s = Took(), time.process_time(), time.perf_counter()
    yield took
    took.cpu_s, took.wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s


@dataclass(frozen=True, kw_only=True)
class Country:
    """Addresses in a file, and a folder for what becomes of them."""

    source: Path
    folder: Path

    def full(self, hazard: assess.Hazard, name: str) -> Took:
        """Assess all of it into a new folder."""
        basis = bulk.Basis(hazard=hazard, bounds=_COUNTRY)
        request = bulk.Request(source=self.source, target=self.folder / name)
        with timed() as took:
            bulk.assess_file(basis, request)
        return took

    def update(self, before: assess.Hazard, now: assess.Hazard) -> Took:
        """Bring the folder up to date."""
        basis = bulk.Basis(hazard=now, bounds=_COUNTRY)
        request = bulk.Request(source=self.source, target=self.folder / "made", update=True)
        with timed() as took:
            took.did = updating.update(
                basis, request, kept=None, progress=lambda _done, _of: None, layers=before
            ).updated
        return took

    def differ(self) -> list[str]:
        """Name the files that differ between the folder brought up to date and the full one."""
        made, anew = self.folder / "made", self.folder / "anew"
        names = {path.name for folder in (made, anew) for path in folder.iterdir()}
        return [
            name
            for name in sorted(names - {parts.CHANGED})
            if not ((made / name).is_file() and (anew / name).is_file())
            or (made / name).read_bytes() != (anew / name).read_bytes()
        ]


def moved(hazard: assess.Hazard, record: int, direction: float) -> assess.Hazard:
    """Return the layers with one record elsewhere."""
    easting, northing = hazard.easting.copy(), hazard.northing.copy()
    easting[record] += _BY_M * np.cos(direction)
    northing[record] += _BY_M * np.sin(direction)
    return replace(hazard, easting=easting, northing=northing)


def chosen(
    hazard: assess.Hazard, made: nation.Nation, rng: np.random.Generator
) -> dict[str, NDArray[np.int64]]:
    """Return records drawn from all that count, and from those where most people live."""
    counted = np.flatnonzero(hazard.counts)
    middles, spread_m = made.settlements[:, :2], made.settlements[:, 2]
    tree = shapely.STRtree(shapely.points(middles))
    largest = np.zeros(len(counted))
    record, town = tree.query(hazard.centres[counted], "dwithin", spread_m.max())
    is_in = np.hypot(*(middles[town] - shapely.get_coordinates(hazard.centres[counted[record]])).T)
    record, town = record[is_in <= spread_m[town]], town[is_in <= spread_m[town]]
    # People per area: what is near a record in the heart of a town.
    np.maximum.at(largest, record, made.share[town] / spread_m[town] ** 2)
    in_town = counted[np.argsort(-largest)[: len(counted) // 50]]
    return {
        "drawn from all": rng.choice(counted, _N_DRAWN, replace=False),
        "where most people live": rng.choice(in_town, _N_IN_TOWN, replace=False),
    }


def table(n_rows: int) -> tuple[str, float, list[str]]:
    """Return the figures, the share of the record in the middle, and files that differ."""
    made = nation.nation()
    hazard = assess.prepare(made.zones, made.sinkholes, world.parameters())
    rng = np.random.default_rng(nation.SEED)
    with tempfile.TemporaryDirectory() as folder:
        country = Country(source=Path(folder) / "places.parquet", folder=Path(folder))
        nation.write(made, n_rows, country.source)
        fulls = [country.full(hazard, "made")]
        taken: dict[str, list[Took]] = {}
        for name, records in chosen(hazard, made, rng).items():
            taken[name] = []
            for record in records.tolist():
                now = moved(hazard, record, rng.uniform(0, 2 * np.pi))
                taken[name].append(country.update(hazard, now))
                hazard = now
        fulls.append(country.full(hazard, "anew"))
        differ = country.differ()
    full = Took(cpu_s=min(f.cpu_s for f in fulls), wall_s=min(f.wall_s for f in fulls))
    shown = _shown(n_rows, full, taken) + _beside(made, hazard) + _compared(differ)
    drawn = np.median([took.cpu_s for took in taken["drawn from all"]])
    return shown, float(drawn / full.cpu_s), differ


def _shown(n_rows: int, full: Took, taken: dict[str, list[Took]]) -> str:
    heading = (
        f"{n_rows:,} rows in parts of {parts.PART_ROWS:,}; a full run takes {full.cpu_s:.2f} s of"
        f" processor time ({full.wall_s:.2f} s by the clock)"
    )
    columns = (
        "| one record moved by 300 m | cpu ms | of a full run | wall ms | of a full run |"
        " rows looked at | with another answer | parts written |"
    )
    lines = [heading, "", columns, "|---|---|---|---|---|---|---|---|"]
    for name, took in taken.items():
        for label, share in (("median", 50), ("9 in 10", 90), ("most", 100)):
            of_all = [
                (t.cpu_s, t.wall_s, t.did.n_looked_at, t.did.n_changed, t.did.n_parts)
                for t in took
                if t.did is not None
            ]
            cpu_s, wall_s, *counts = np.percentile(of_all, share, axis=0, method="higher").tolist()
            lines.append(
                f"| {name}: {label} | {cpu_s * 1e3:.1f} | {cpu_s / full.cpu_s:.2%}"
                f" | {wall_s * 1e3:.1f} | {wall_s / full.wall_s:.2%} | "
                + " | ".join(f"{count:,.0f}" for count in counts)
                + " |"
            )
    return "\n".join(lines) + "\n\n"


def _beside(made: nation.Nation, hazard: assess.Hazard) -> str:
    """Tell what a command pays beside, which begins with nothing in memory."""
    with tempfile.TemporaryDirectory() as folder:
        with timed() as preparing:
            anew = assess.prepare(made.zones, made.sinkholes, world.parameters())
        with timed() as summing:
            prepared.digest(anew)
        prepared.keep(hazard, Path(folder))
        with timed() as mapping:
            before = prepared.layers(Path(folder), prepared.digest(hazard))
        assert before is not None
        with timed() as comparing:
            assess.difference(before, anew)
        with timed() as keeping:
            prepared.keep(anew, Path(folder))
    steps = {
        "frames into arrays": preparing,
        "their digest": summing,
        "layers before, from the disk": mapping,
        "compared by content": comparing,
        "layers kept for the next time": keeping,
    }
    told = ", ".join(f"{name} {took.cpu_s:.2f} s" for name, took in steps.items())
    return f"A command pays besides, whatever has changed (processor time): {told}.\n"


def _compared(differ: list[str]) -> str:
    found = ", ".join(differ) if differ else "none"
    return f"Files that differ from those of a full run into a new folder: {found}.\n"


@pytest.mark.benchmark
def test_an_update_after_one_record_costs_a_hundredth_of_a_full_run() -> None:
    shown, share, differ = table(10_000_000)
    sys.stdout.write(f"\n{shown}")
    assert not differ
    assert share <= MOST_SHARE


def main() -> None:
    """Measure as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--write", type=Path, help="file for the table")
    given = parser.parse_args()
    shown, _, _ = table(given.rows)
    sys.stdout.write(shown)
    if given.write is not None:
        given.write.write_text(shown, encoding="utf-8")


if __name__ == "__main__":
    main()
