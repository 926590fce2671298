"""
The programs that `bench_nation` runs, each in a process of its own, and how to ask for one.

All take the folder that holds the layers and the places, and the file for the answers, and print
what they took: from their first look at a file to the last answer written, without their imports.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

TIMED: Final = """
import json, sys, time
from pathlib import Path

folder, answers = Path(sys.argv[1]), Path(sys.argv[2])


def report(began, beside_bytes=0, **more):
    wall, cpu = (now - then for now, then in zip(clocks(), began))
    # Its own: what the operating system reports of a child may be the peak of who started it.
    peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
    found = {"wall_s": wall, "cpu_s": cpu, "bytes": int(peak) * 1024 + beside_bytes}
    print(json.dumps(found | more))


def clocks():
    return time.perf_counter(), time.process_time()

"""

DECODE: Final = """
from pyarrow import parquet
began = clocks()
for _ in parquet.ParquetFile(folder / "places.parquet").iter_batches(batch_size=250_000):
    pass
report(began)
"""

OURS: Final = """
import geopandas as gpd
from sinkwatch import assess, bulk
from sinkwatch.model import Bounds
from tests import world
country = Bounds(min_easting=0, min_northing=0, max_easting=700_000, max_northing=1_300_000)
began = clocks()
layers = (gpd.read_parquet(folder / name) for name in ("zones.parquet", "sinkholes.parquet"))
hazard = assess.prepare(*layers, world.parameters())
bulk.assess_file(
    bulk.Basis(hazard=hazard, bounds=country),
    bulk.Request(source=folder / "places.parquet", target=answers, overwrite=True),
    kept=folder / "kept" if KEPT else None,
)
report(began)
"""

ARRAYS: Final = """
import geopandas as gpd, numpy as np, pyarrow as pa
from pyarrow import parquet
from sinkwatch import assess
from sinkwatch.bulk.rows import point_axes
from tests import world
layers = (gpd.read_parquet(folder / name) for name in ("zones.parquet", "sinkholes.parquet"))
hazard = assess.prepare(*layers, world.parameters())
began = clocks()
indexed = assess.index(hazard)
index_s = clocks()[1] - began[1]
squares_s = points_s = 0.0
began = clocks()
for batch in parquet.ParquetFile(folder / "places.parquet").iter_batches(batch_size=250_000):
    easting, northing = point_axes("", batch.column("geometry"))
    known_m = batch.column("position_uncertainty_m").to_numpy()
    before = time.process_time()
    indexed.row[indexed.squares.of(easting, northing)]
    squares_s += time.process_time() - before
    before = time.process_time()
    assess.points(hazard, easting, northing, known_m, indexed)
    points_s += time.process_time() - before
report(began, index_s=index_s, squares_s=squares_s, points_s=points_s)
"""

# ── Those that one would use instead ─────────────────────────────────────────────────────────

_SEDONADB: Final = """
import sedonadb
from tests.benchmarks import queries
asked = queries.asked_of(folder)
session = sedonadb.connect()
session.options.memory_limit = "10gb"  # beyond it, to the disk: a machine has no more to give
session.options.memory_pool_type = "fair"
session.options.temp_dir = str(folder)
began = clocks()
for name, path in asked.tables.items():
    session.read_parquet(path).to_view(name)
# Each step by way of a file: in one query it holds whole joins in memory, more than there is.
for name, query in asked.steps.items():
    session.sql(query).to_parquet(str(folder / f"step_{name}.parquet"))
    session.read_parquet(str(folder / f"step_{name}.parquet")).to_view(name)
session.sql(asked.last).to_parquet(str(answers))
report(began)
"""

_DUCKDB: Final = """
import duckdb
from tests.benchmarks import queries
asked = queries.asked_of(folder)
session = duckdb.connect()
try:
    session.load_extension("spatial")
except duckdb.Error:
    import duckdb_extension_spatial  # the same from a package index
    held = Path(duckdb_extension_spatial.__file__).parent
    session.load_extension(str(next(held.rglob("spatial.duckdb_extension"))))
session.execute("SET threads = 2; SET memory_limit = '10GB'")
session.execute(f"SET temp_directory = '{folder / 'spilled'}'")
began = clocks()
for name, path in asked.tables.items():
    session.execute(f"CREATE {'VIEW' if name == 'places' else 'TABLE'} {name} AS FROM '{path}'")
# Each step made in full: left to itself it joins by class first, and compares all with all.
for name, query in asked.steps.items():
    session.execute(f"CREATE TABLE {name} AS {query}")
session.execute(f"COPY ({asked.last}) TO '{answers}' (FORMAT parquet)")
report(began)
"""

_POSTGIS: Final = """
from tests.benchmarks import postgis, queries
asked = queries.asked_of(folder)
with postgis.cluster() as cluster, postgis.Watch(of=cluster) as watch:
    version = cluster.session.execute("SELECT postgis_lib_version()").fetchone()[0]
    before_s = cluster.cpu_s()
    began = clocks()
    postgis.answer(cluster, asked, answers)
    took_s = clocks()[1] - began[1] + cluster.cpu_s() - before_s
    report(began, beside_bytes=watch.peak, cpu_s=took_s, version=version)
"""

_FRAMES: Final = """
import geopandas as gpd, numpy as np, pandas as pd


def joined(places, layer, reach_m):
    if TUNED:
        return gpd.sjoin(places, layer, predicate="dwithin", distance=reach_m)
    round_it = layer.set_geometry(layer.buffer(reach_m))
    return gpd.sjoin(places, round_it, predicate="intersects")


def away_m(pairs, layer):
    return pairs.geometry.distance(layer.geometry.loc[pairs["index_right"]], align=False)


began = clocks()
places = gpd.read_parquet(folder / "places.parquet")
zones = gpd.read_parquet(folder / "plain_zones.parquet")
records = gpd.read_parquet(folder / "records.parquet")
bands = pd.read_parquet(folder / "bands.parquet")
own = gpd.sjoin(places[["geometry"]], zones, predicate="intersects")
own = own.groupby(level=0)[["class", "known_m"]].max()
held = places.loc[own.index, ["geometry"]].assign(geology=own["class"], own_m=own["known_m"])
near = joined(held[held["geology"] < 3], zones[zones["class"] > 1], 500.01)
near = near[near["class"] > near["geology"]]
tolerance_m = near[["known_m", "own_m"]].max(axis=1)
raised = near.loc[away_m(near, zones).round(3) <= tolerance_m].groupby(level=0)["class"].max()
reach_m = records["radius_m"].max() + 500.01
pairs = joined(places[["position_uncertainty_m", "geometry"]], records, reach_m)
edge_m = (away_m(pairs, records) - pairs["radius_m"]).clip(lower=0).round(3)
doubt_m = np.hypot(pairs["known_m"], pairs["position_uncertainty_m"]).round(3)
rings = [(edge_m <= ring) & (doubt_m <= ring) for ring in (50, 250, 500)]
pairs["ring"] = np.select(rings, [0, 1, 2], 3)
pairs["best"] = edge_m.mul(1000).round().astype("int64") * 1_000_000 + pairs["number"]
pairs = pairs[pairs["ring"] < 3]
n_features = pairs.groupby(level=0)["feature"].nunique()
pairs["ring"] += pairs["shift"]
pairs["best"] += pairs["ring"] * 1_000_000_000_000
best = pairs[pairs["ring"] < 3].groupby(level=0)["best"].min()
places["geology"] = own["class"].reindex(places.index, fill_value=0)
places["scored_as"] = raised.reindex(places.index).fillna(places["geology"]).astype("int64")
places["n_features"] = n_features.reindex(places.index, fill_value=0)
places["best"] = best.reindex(places.index)
places["ring"] = (places["best"] // 1_000_000_000_000).fillna(3).astype("int64")
places.merge(bands, on=["scored_as", "ring"]).drop(columns="ring").to_parquet(answers)
report(began)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The package that a program needs, its parts, and the rows beyond which it is not asked."""

    package: str
    parts: tuple[str, ...]
    most_rows: int | None = None
    is_exact: bool = True

    def missing(self) -> str | None:
        """Return what has to be installed, None if nothing."""
        if importlib.util.find_spec(self.package) is None:
            return "not installed"
        if self.package != "psycopg":
            return None
        from tests.benchmarks import postgis  # noqa: PLC0415 - it needs the package

        return postgis.missing()

    def version(self) -> str:
        """Return the edition of its package."""
        return metadata.version(self.package)


# Beyond: hours, or more memory than there is.
PEERS: Final = {
    "SedonaDB": Peer(package="sedonadb", parts=(_SEDONADB,)),
    "DuckDB spatial": Peer(package="duckdb", parts=(_DUCKDB,)),
    "PostGIS": Peer(package="psycopg", parts=(_POSTGIS,), most_rows=10_000_000),
    "geopandas, tuned": Peer(
        package="geopandas", parts=("TUNED = True", _FRAMES), most_rows=1_000_000
    ),
    # A buffer is a polygon within the circle that it stands for.
    "geopandas, as usual": Peer(
        package="geopandas",
        parts=("TUNED = False", _FRAMES),
        most_rows=1_000_000,
        is_exact=False,
    ),
}


def run(program: str, folder: Path, answers: Path) -> dict[str, Any] | None:
    """Run a program in a process of its own, whose memory is nobody else's; None if it ends ill."""
    done = subprocess.run(
        [sys.executable, "-c", TIMED + program, str(folder), str(answers)],
        check=False,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    if done.returncode:
        return None
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures
