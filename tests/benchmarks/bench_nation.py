"""
The assessment of a whole country, beside what one would use instead, on the same files.

    python -m tests.benchmarks.bench_nation --rows 1000000 --write nation.md

Every program reads the same GeoParquet, applies all rules (zones and the doubt about their lines,
rings, uncertainties, features) and writes the same rows with the answers beside them; then the
answers are compared row by row. A peer that is not installed is named as missing. Programs run in
processes of their own, one after another; processor time is what a busy machine changes least.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import shapely
from pyarrow import parquet

from sinkwatch import assess, schemas
from sinkwatch.model import Band, GeologyClass
from tests import world
from tests.benchmarks import nation
from tests.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable

_TIMED: Final = """
import json, sys, time
from pathlib import Path

folder, answers = Path(sys.argv[1]), Path(sys.argv[2])


def report(began, **more):
    wall, cpu = (now - then for now, then in zip(clocks(), began))
    # Its own: what the operating system reports of a child may be the peak of who started it.
    peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
    print(json.dumps({"wall_s": wall, "cpu_s": cpu, "bytes": int(peak) * 1024, **more}))


def clocks():
    return time.perf_counter(), time.process_time()

"""

_DECODE: Final = """
from pyarrow import parquet
began = clocks()
for _ in parquet.ParquetFile(folder / "places.parquet").iter_batches(batch_size=250_000):
    pass
report(began)
"""

_OURS: Final = """
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
)
report(began)
"""

_ARRAYS: Final = """
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

_SQL: Final = """
from pyarrow import parquet
reach_m = 500.01 + parquet.read_table(folder / "records.parquet")["radius_m"].to_numpy().max()
TABLES = {name: str(folder / f"{name}.parquet") for name in ("places", "records", "bands")}
TABLES["zones"] = str(folder / "plain_zones.parquet")
STEPS = {
    "own": "SELECT p.uprn, max(z.class) AS geology, max(z.known_m) AS known_m FROM places p"
    " JOIN zones z ON ST_Intersects(z.geometry, p.geometry) GROUP BY p.uprn",
    "held": "SELECT p.uprn, p.geometry, o.geology, o.known_m FROM own o"
    " JOIN places p ON p.uprn = o.uprn WHERE o.geology < 3",
    "higher": "SELECT * FROM zones WHERE class > 1",
    "beside": "SELECT h.uprn, h.geology, z.class, greatest(z.known_m, h.known_m) AS most_m,"
    " round(ST_Distance(z.geometry, h.geometry), 3) AS away_m"
    " FROM held h JOIN higher z ON ST_DWithin(z.geometry, h.geometry, 500.01)",
    "raised": "SELECT uprn, max(class) AS scored_as FROM beside"
    " WHERE class > geology AND away_m <= most_m GROUP BY uprn",
    "pairs": "SELECT p.uprn, r.number, r.feature, r.shift,"
    " round(greatest(0.0, ST_Distance(r.geometry, p.geometry) - r.radius_m), 3) AS away_m,"
    " round(sqrt(r.known_m * r.known_m"
    " + p.position_uncertainty_m * p.position_uncertainty_m), 3) AS doubt_m"
    f" FROM places p JOIN records r ON ST_DWithin(r.geometry, p.geometry, {reach_m})",
    "counted": "SELECT uprn, number, feature, away_m, shift + CASE"
    " WHEN away_m <= 50 AND doubt_m <= 50 THEN 0"
    " WHEN away_m <= 250 AND doubt_m <= 250 THEN 1 ELSE 2 END AS ring"
    " FROM pairs WHERE away_m <= 500 AND doubt_m <= 500",
    "nearest": "SELECT uprn, count(DISTINCT feature) AS n_features, min(CASE WHEN ring < 3"
    " THEN CAST(ring AS BIGINT) * 1000000000000"
    " + CAST(round(away_m * 1000) AS BIGINT) * 1000000 + number END) AS best"
    " FROM counted GROUP BY uprn",
}
# The few on the left: SedonaDB holds that side of a join in memory.
ONE = (
    "SELECT p.uprn, p.position_uncertainty_m, p.geometry, coalesce(o.geology, 0) AS geology"
    " FROM own o RIGHT JOIN places p ON p.uprn = o.uprn"
)
TWO = (
    "SELECT p.*, coalesce(u.scored_as, p.geology) AS scored_as"
    f" FROM raised u RIGHT JOIN ({ONE}) p ON p.uprn = u.uprn"
)
THREE = (
    "SELECT p.*, coalesce(n.n_features, 0) AS n_features, n.best AS best,"
    " CASE WHEN n.best < 1000000000000 THEN 0 WHEN n.best < 2000000000000 THEN 1"
    " WHEN n.best < 3000000000000 THEN 2 ELSE 3 END AS ring"
    f" FROM nearest n RIGHT JOIN ({TWO}) p ON p.uprn = n.uprn"
)
LAST = (
    "SELECT j.uprn, j.position_uncertainty_m, j.geometry, b.band, j.geology, j.scored_as,"
    f" j.n_features, j.best FROM bands b JOIN ({THREE}) j"
    " ON b.scored_as = j.scored_as AND b.ring = j.ring"
)
"""

_SEDONADB: Final = """
import sedonadb
session = sedonadb.connect()
session.options.memory_limit = "10gb"  # beyond it, to the disk: a machine has no more to give
session.options.memory_pool_type = "fair"
session.options.temp_dir = str(folder)
began = clocks()
for name, path in TABLES.items():
    session.read_parquet(path).to_view(name)
# Each step by way of a file: in one query it holds whole joins in memory, more than there is.
for name, query in STEPS.items():
    session.sql(query).to_parquet(str(folder / f"step_{name}.parquet"))
    session.read_parquet(str(folder / f"step_{name}.parquet")).to_view(name)
session.sql(LAST).to_parquet(str(answers))
report(began)
"""

_DUCKDB: Final = """
import duckdb
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
for name, path in TABLES.items():
    session.execute(f"CREATE {'VIEW' if name == 'places' else 'TABLE'} {name} AS FROM '{path}'")
# Each step made in full: left to itself it joins by class first, and compares all with all.
for name, query in STEPS.items():
    session.execute(f"CREATE TABLE {name} AS {query}")
session.execute(f"COPY ({LAST}) TO '{answers}' (FORMAT parquet)")
report(began)
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

PEERS: Final = {
    "SedonaDB": ("sedonadb", [_SQL, _SEDONADB]),
    "DuckDB spatial": ("duckdb", [_SQL, _DUCKDB]),
    "geopandas, tuned": ("geopandas", ["TUNED = True", _FRAMES]),
    "geopandas, as usual": ("geopandas", ["TUNED = False", _FRAMES]),
}
"""The package that each needs, and the parts of its program."""

MOST_ROWS: Final = {"geopandas, tuned": 1_000_000, "geopandas, as usual": 1_000_000}
"""Rows beyond which a program is not asked: it would take hours, or more memory than there is."""

_COMPARED: Final = ("band", "geology", "scored_as", "n_features", "sinkhole", "away_mm")


def prepare(folder: Path, n_rows: int) -> nation.Nation:
    """Write all that the programs read."""
    made = nation.nation()
    made.zones.to_parquet(folder / "zones.parquet")
    made.sinkholes.to_parquet(folder / "sinkholes.parquet")
    hazard = assess.prepare(made.zones, made.sinkholes, world.parameters())
    gpd.GeoDataFrame(
        {"class": hazard.zone_class.astype("int64"), "known_m": hazard.zone_uncertainty_m},
        geometry=hazard.zone_geometry,
        crs=made.zones.crs,
    ).to_parquet(folder / "plain_zones.parquet")
    records = gpd.GeoDataFrame(
        {
            "number": np.arange(len(hazard.easting)),
            "feature": hazard.feature,
            "shift": hazard.ring_shift,
            "radius_m": hazard.radius_m,
            "known_m": hazard.uncertainty_m,
        },
        geometry=hazard.centres,
        crs=made.zones.crs,
    )
    records[hazard.counts].to_parquet(folder / "records.parquet", index=False)
    classes, rings = np.indices(hazard.bands.shape)
    columns = {"scored_as": classes, "ring": rings, "band": hazard.bands.astype("int64")}
    bands = pd.DataFrame({name: values.ravel() for name, values in columns.items()})
    bands.to_parquet(folder / "bands.parquet", index=False)
    nation.write(made, n_rows, folder / "places.parquet")
    return made


def run(program: str, folder: Path, answers: Path) -> dict[str, float] | None:
    """Run a program in a process of its own, whose memory is nobody else's; None if it ends ill."""
    done = subprocess.run(
        [sys.executable, "-c", _TIMED + program, str(folder), str(answers)],
        check=False,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    if done.returncode:
        return None
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def ours(path: Path) -> dict[str, Any]:
    """Read our answers in the terms in which they are compared, by UPRN."""
    table = parquet.read_table(path).drop_columns(["geometry", "bbox"])
    bands, classes = (
        [b.key for b in Band],
        [c.name.replace("OUTSIDE", "outside") for c in GeologyClass],
    )
    numbers = table["sinkhole_id"].to_pandas().str[1:].astype("float64").fillna(-1)
    return _ordered(
        table["uprn"],
        band=_codes(table["band"], bands),
        geology=_codes(table["geology_class"], classes),
        scored_as=_codes(table["scored_as"], classes),
        n_features=table["n_features"].to_numpy(),
        sinkhole=numbers.to_numpy().astype("int64"),
        # Written to the centimetre, which a millimetre may fall either side of.
        away_mm=np.nan_to_num(table["sinkhole_distance_m"].to_numpy() * 1000, nan=-1.0),
    )


def _codes(column: pa.ChunkedArray, words: list[str]) -> Any:  # noqa: ANN401 - an array
    return pd.Categorical(column.to_pandas(), categories=words).codes


def theirs(path: Path) -> dict[str, Any]:
    """Read a peer's answers in the same terms."""
    names = ["uprn", "band", "geology", "scored_as", "n_features", "best"]
    table = parquet.read_table(path, columns=names)
    best = table["best"].to_pandas().fillna(-1).to_numpy().astype("int64")
    within = np.where(best < 0, -1, best % 1_000_000_000_000)
    return _ordered(
        table["uprn"],
        **{name: table[name].to_numpy() for name in ("band", "geology", "scored_as", "n_features")},
        sinkhole=np.where(best < 0, -1, within % 1_000_000),
        away_mm=np.where(best < 0, -1, within // 1_000_000).astype("float64"),
    )


def _ordered(uprn: pa.ChunkedArray, **columns: Any) -> dict[str, Any]:  # noqa: ANN401 - arrays
    order = np.argsort(uprn.to_numpy(), kind="stable")
    return {"uprn": uprn.to_numpy()[order]} | {name: a[order] for name, a in columns.items()}


def differing(one: dict[str, Any], other: dict[str, Any]) -> int:
    """Count the rows that differ in any answer."""
    assert np.array_equal(one["uprn"], other["uprn"])
    differs = np.zeros(len(one["uprn"]), dtype=bool)
    for name in _COMPARED:
        slack = 5.001 if name == "away_mm" else 0
        differs |= np.abs(one[name].astype("float64") - other[name].astype("float64")) > slack
    return int(differs.sum())


# ── Against the rules, row by row ────────────────────────────────────────────────────────────

_TILE_M: Final = 5_000.0
_ROUND_M: Final = 1_500.0  # beyond the last ring and the widest doubt: no rule looks further


def wrong_by_the_rules(made: nation.Nation, n_rows: int) -> int:
    """Ask the plain reading of the rules about every row, with what lies round each tile."""
    hazard = assess.prepare(made.zones, made.sinkholes, world.parameters())
    indexed = assess.index(hazard)
    zones = schemas.ZONES.check(made.zones).sort_values("zone_id", ignore_index=True)
    sinkholes = made.sinkholes.sort_values("sinkhole_id", ignore_index=True)
    n_wrong = 0
    for _, at, known_m in nation.addresses(made, n_rows):
        found = assess.points(hazard, at[:, 0], at[:, 1], known_m, indexed)
        tiles = pd.DataFrame(np.floor(at / _TILE_M)).groupby([0, 1]).indices
        for (column, row), places in tiles.items():
            west, south = column * _TILE_M - _ROUND_M, row * _TILE_M - _ROUND_M
            size_m = _TILE_M + 2 * _ROUND_M
            there = (west, south, west + size_m, south + size_m)
            window = [layer.iloc[layer.sindex.query(_box(there))] for layer in (zones, sinkholes)]
            reference = Reference(window[0], window[1], world.parameters())
            for place in places.tolist():
                answer = reference.answer(*at[place].tolist(), float(known_m[place]))
                sinkhole = int(found.sinkhole[place])
                said = (
                    int(found.band[place]),
                    int(found.geology[place]),
                    int(found.scored_as[place]),
                    int(found.n_features[place]),
                    None if sinkhole == assess.NONE else hazard.sinkhole_ids[sinkhole],
                    None if sinkhole == assess.NONE else float(found.distance_m[place]),
                    None if sinkhole == assess.NONE else float(found.uncertainty_m[place]),
                    bool(found.check_record[place]),
                )
                n_wrong += said != (
                    answer.band,
                    answer.geology,
                    answer.scored_as,
                    answer.n_features,
                    answer.sinkhole_id,
                    answer.distance_m,
                    answer.uncertainty_m,
                    answer.check_record,
                )
    return n_wrong


def _box(corners: tuple[float, float, float, float]) -> Any:  # noqa: ANN401 - a geometry
    return shapely.box(*corners)


# ── The table ────────────────────────────────────────────────────────────────────────────────


def table(n_rows: int, asked: Iterable[str]) -> tuple[str, dict[str, int]]:
    """Measure, compare, and return the table and how many rows each peer has otherwise."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        prepare(folder, n_rows)
        decode = run(_DECODE, folder, folder / "none")
        arrays = run(_ARRAYS, folder, folder / "none")
        own = run(_OURS, folder, folder / "ours.parquet")
        assert decode
        assert arrays
        assert own
        rows = [_row("decoding the input alone", decode, own, ""), _row("sinkwatch", own, own, "")]
        wrong: dict[str, int] = {}
        for name in asked:
            package, parts = PEERS[name]
            if importlib.util.find_spec(package) is None:
                rows.append(f"| {name} | not installed | | | | |")
            elif n_rows > MOST_ROWS.get(name, n_rows):
                rows.append(f"| {name} | not asked | | | | |")
            elif (figures := run("".join(parts), folder, folder / "theirs.parquet")) is None:
                rows.append(f"| {name} | did not finish | | | | |")
            else:
                answers = ours(folder / "ours.parquet")
                wrong[name] = differing(answers, theirs(folder / "theirs.parquet"))
                rows.append(_row(name, figures, own, f"{wrong[name]:,}"))
    stages = ", ".join(
        f"{name} {arrays[key]:.2f} s"
        for name, key in (
            ("index", "index_s"),
            ("squares looked up", "squares_s"),
            ("all of `assess.points`", "points_s"),
        )
    )
    lines = [
        f"{n_rows:,} rows, Parquet to Parquet: {n_rows / own['wall_s']:,.0f} rows/s",
        "",
        "| program | wall s | cpu s | cpu × | peak MB | rows that differ |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
        f"Of the arrays alone, on one thread, cpu: {stages}.",
    ]
    return "\n".join(lines) + "\n", wrong


def _row(name: str, figures: dict[str, float], own: dict[str, float], differ: str) -> str:
    ratio = figures["cpu_s"] / own["cpu_s"]
    wall, cpu, peak = figures["wall_s"], figures["cpu_s"], figures["bytes"] / 1e6
    return f"| {name} | {wall:.2f} | {cpu:.2f} | {ratio:.2f} | {peak:,.0f} | {differ} |"


@pytest.mark.benchmark
def test_every_program_that_is_exact_has_our_answers() -> None:
    shown, wrong = table(10_000, PEERS)
    sys.stdout.write(f"\n{shown}")
    # A buffer is a polygon within the circle that it stands for.
    assert {name: n for name, n in wrong.items() if n and name != "geopandas, as usual"} == {}


@pytest.mark.benchmark
def test_every_row_is_what_the_rules_say_of_it() -> None:
    assert wrong_by_the_rules(nation.nation(), 20_000) == 0


def main() -> None:
    """Measure as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--write", type=Path, help="file for the tables")
    parser.add_argument("--rules", action="store_true", help="compare each row with the rules")
    given = parser.parse_args()
    shown = [table(n_rows, given.peers)[0] for n_rows in given.rows]
    if given.rules:
        made = nation.nation()
        shown += [
            f"{n_rows:,} rows asked of the rules one by one: "
            f"{wrong_by_the_rules(made, n_rows):,} differ\n"
            for n_rows in given.rows
        ]
    sys.stdout.write("\n".join(shown))
    if given.write is not None:
        given.write.write_text("\n".join(shown), encoding="utf-8")


if __name__ == "__main__":
    main()
