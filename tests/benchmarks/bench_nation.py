"""
The assessment of a whole country, beside what one would use instead, on the same files.

    python -m tests.benchmarks.bench_nation --rows 1000000 --keep nation.jsonl --write nation.md

Every program reads the same GeoParquet, applies all rules (zones and the doubt about their lines,
rings, uncertainties, features) and writes the same rows with the answers beside them; then the
answers are compared row by row. A peer that is not installed is named as missing. Programs run in
processes of their own, one after another; processor time is what a busy machine changes least.

With `--keep` each result is kept as soon as it is there, and what a file of results has is not
measured again: a run that was ended goes on where it was, and a table holds all that was kept.
Measurements of another edition of this package belong into another file.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

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
from tests.benchmarks import nation, peers, queries, tables
from tests.benchmarks.peers import PEERS
from tests.benchmarks.tables import Measured
from tests.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

_COMPARED: Final = ("band", "geology", "scored_as", "n_features", "sinkhole", "away_mm")


def prepare(folder: Path, n_rows: int, order: nation.Order) -> nation.Nation:
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
    nation.write(made, n_rows, folder / "places.parquet", order)
    return made


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


# ── Against PostGIS, distance by distance ────────────────────────────────────────────────────

_HALF_MM: Final = 0.0005 + 1e-9


def by_postgis(made: nation.Nation, n_rows: int) -> dict[str, tuple[int, int]]:
    """Say of how many places each plain answer tells something, and of how many PostGIS differs."""
    from tests.benchmarks import postgis  # noqa: PLC0415 - it needs a package that may be missing

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        prepare(folder, n_rows, "register")
        asked = queries.asked_of(folder)
        with postgis.cluster() as cluster:
            theirs = postgis.plain(cluster, asked.tables, queries.reach_m(folder))
    mine = _plain(made, n_rows)
    # Beyond the last ring we give no distance.
    away_m = np.where(
        np.round(theirs["away_m"], 3) <= queries.LAST_RING_M, theirs["away_m"], np.inf
    )
    higher = theirs["higher"]
    differ = {
        "in a class of ground": (mine["classes"] > 0, mine["classes"] != theirs["classes"]),
        "within 500 m of a higher one": (higher > 0, higher != mine["higher"]),
        "by their distance to it": (higher > 0, _is_apart(mine["line_m"], theirs["line_m"])),
        "within 500 m of a record": (away_m < np.inf, _is_apart(mine["away_m"], away_m)),
    }
    return {name: (int(told.sum()), int(other.sum())) for name, (told, other) in differ.items()}


def _is_apart(one_m: NDArray[np.float64], other_m: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell where rounding to a millimetre is not all that two distances differ by."""
    return ~np.isclose(one_m, other_m, rtol=0, atol=_HALF_MM)


def _plain(made: nation.Nation, n_rows: int) -> dict[str, NDArray[Any]]:
    """Ask the kernel for what `postgis.plain` asks for, to the millimetre."""
    hazard = assess.prepare(made.zones, made.sinkholes, world.parameters())
    at = np.concatenate([at for _, at, _ in nation.addresses(made, n_rows)])

    def asked(changed: assess.Hazard) -> assess.Assessed:
        return assess.points(changed, *at.T, np.zeros(n_rows), assess.index(changed))

    classes = np.zeros(n_rows, dtype=np.int64)
    for code in np.unique(hazard.zone_class).tolist():
        of_class = hazard.zone_class == code
        alone = replace(hazard, **{name: getattr(hazard, name)[of_class] for name in _OF_ZONES})
        classes |= np.where(asked(alone).geology == code, 1 << code, 0)
    # As if each line might be as far off as any is, and each record were sure.
    loose = replace(hazard, zone_uncertainty_m=np.full_like(hazard.zone_uncertainty_m, 500.0))
    sure = replace(
        hazard,
        ring_shift=np.zeros_like(hazard.ring_shift),
        uncertainty_m=np.zeros_like(hazard.uncertainty_m),
    )
    raised = asked(loose)
    line_m, away_m = assess.ground(loose, *at.T).boundary_m, asked(sure).distance_m
    return {
        "classes": classes,
        "higher": np.where(raised.scored_as > raised.geology, raised.scored_as, 0),
        "line_m": np.where(np.isnan(line_m), np.inf, line_m),
        "away_m": np.where(np.isnan(away_m), np.inf, away_m),
    }


_OF_ZONES: Final = ("zone_geometry", "zone_class", "zone_uncertainty_m", "zone_ids")


# ── The measurements ─────────────────────────────────────────────────────────────────────────

_OFTEN: Final = 1_000_000  # rows up to which each program runs three times


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A file to ask the programs about, and where results are kept."""

    folder: Path
    rows: int
    order: nation.Order
    kept: tables.Kept
    keep: Path | None

    def note(self, program: str, figures: dict[str, Any] | None, **more: Any) -> Measured:  # noqa: ANN401 - the fields of `Measured`
        """Keep what a program took, or that it did not finish."""
        took = {"why": "did not finish"}
        if figures is not None:
            took = {name: figures[name] for name in ("wall_s", "cpu_s")}
            took["n_bytes"] = figures["bytes"]
            if "version" in figures:
                took["version"] = figures["version"]
        found = Measured(rows=self.rows, order=self.order, program=program, **(more | took))
        tables.keep(found, self.keep)
        self.kept[found.key] = found
        return found

    def run(self, program: str, answers: str) -> dict[str, Any] | None:
        """Run a program, the middle of three times where it is quick; None if it ends ill."""
        times = 3 if self.rows <= _OFTEN else 1
        found: list[dict[str, Any]] = []
        for _ in range(times):
            (self.folder / answers).unlink(missing_ok=True)
            figures = peers.run(program, self.folder, self.folder / answers)
            if figures is None:
                return None
            found.append(figures)
        return sorted(found, key=lambda figures: figures["cpu_s"])[times // 2]


def measure(session: Session, asked: Iterable[str]) -> None:
    """Measure ourselves, and beside us those that are not among the results yet."""
    for_now = [name for name in asked if _is_wanted(session, name)]
    if not for_now and (session.rows, session.order, tables.OURS) in session.kept:
        return
    prepare(session.folder, session.rows, session.order)
    decode = session.run(peers.DECODE, "none")
    arrays = session.run(peers.ARRAYS, "none")
    own = session.run(f"KEPT = False\n{peers.OURS}", "ours.parquet")
    assert own is not None
    session.run(f"KEPT = True\n{peers.OURS}", "none.parquet")  # which keeps the layers
    again = session.run(f"KEPT = True\n{peers.OURS}", "none.parquet")
    assert arrays is not None
    took = {"own_wall_s": own["wall_s"], "own_cpu_s": own["cpu_s"]}
    session.note(tables.DECODING, decode, **took)
    stages = {said: arrays[name] for name, said in _STAGES.items()}
    session.note(tables.ARRAYS, arrays, **took, stages=stages)
    session.note(tables.OURS, own, **took)
    session.note(tables.KEPT, again, **took)
    answers = ours(session.folder / "ours.parquet")
    for name in for_now:
        figures = session.run("".join(PEERS[name].parts), "theirs.parquet")
        wrong = None
        if figures is not None:
            wrong = differing(answers, theirs(session.folder / "theirs.parquet"))
        session.note(name, figures, **took, version=PEERS[name].version(), n_differ=wrong)


_STAGES: Final = {
    "index_s": "index",
    "squares_s": "squares looked up",
    "points_s": "all of `assess.points`",
}


def _is_wanted(session: Session, name: str) -> bool:
    """Tell whether to ask a peer; say in the table why not, but where it is in there already."""
    key = (session.rows, session.order, name)
    if key in session.kept and not session.kept[key].why.startswith("not "):
        return False
    peer = PEERS[name]
    why = peer.missing()
    if why is None and peer.most_rows is not None and session.rows > peer.most_rows:
        why = f"not asked beyond {peer.most_rows:,} rows"
    if why is not None:
        session.kept[key] = Measured(rows=key[0], order=key[1], program=name, why=why)
    return why is None


def measure_all(given: argparse.Namespace, kept: tables.Kept) -> None:
    """Measure each size that is asked for."""
    for n_rows in given.rows:
        with tempfile.TemporaryDirectory() as folder:
            session = Session(
                folder=Path(folder), rows=n_rows, order=given.order, kept=kept, keep=given.keep
            )
            measure(session, given.peers)


@pytest.mark.benchmark
def test_every_program_that_is_exact_has_our_answers(tmp_path: Path) -> None:
    kept: tables.Kept = {}
    measure(Session(folder=tmp_path, rows=10_000, order="register", kept=kept, keep=None), PEERS)
    sys.stdout.write(f"\n{tables.markdown(kept, 'now')}")
    wrong = {found.program: found.n_differ for found in kept.values() if found.n_differ}
    assert {name: n for name, n in wrong.items() if PEERS[name].is_exact} == {}


@pytest.mark.benchmark
def test_every_row_is_what_the_rules_say_of_it() -> None:
    assert wrong_by_the_rules(nation.nation(), 20_000) == 0


@pytest.mark.benchmark
def test_every_plain_distance_is_that_of_postgis() -> None:
    why = PEERS["PostGIS"].missing()
    if why is not None:
        pytest.skip(f"PostGIS: {why}")
    found = by_postgis(nation.nation(), 20_000)
    assert {name: differ for name, (_, differ) in found.items() if differ} == {}
    assert min(told for told, _ in found.values()) > 300


def main() -> None:
    """Measure as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[10_000, 1_000_000])
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--order", choices=get_args(nation.Order), default="register")
    parser.add_argument(
        "--keep", type=Path, help="file of results, to add to and to make tables of"
    )
    parser.add_argument("--write", type=Path, help="file for the tables")
    parser.add_argument("--date", default="on a day not named", help="to say in the tables")
    parser.add_argument("--rules", action="store_true", help="only compare each row with the rules")
    parser.add_argument("--distances", action="store_true", help="only compare with PostGIS")
    given = parser.parse_args()
    if given.rules or given.distances:
        sys.stdout.write("".join(compared(given)))
        return
    kept = tables.read(given.keep)
    measure_all(given, kept)
    shown = tables.markdown(kept, given.date)
    sys.stdout.write(shown)
    if given.write is not None:
        given.write.write_text(shown, encoding="utf-8")


def compared(given: argparse.Namespace) -> Iterator[str]:
    """Say how many rows are not what the rules, or PostGIS, say of them."""
    made = nation.nation()
    for n_rows in given.rows:
        if given.rules:
            n_wrong = wrong_by_the_rules(made, n_rows)
            yield f"{n_rows:,} rows asked of the rules one by one: {n_wrong:,} differ\n"
        if given.distances:
            found = by_postgis(made, n_rows).items()
            told = "; ".join(f"{n:,} {name}, {differ:,} differ" for name, (n, differ) in found)
            yield f"{n_rows:,} rows asked of PostGIS: {told}\n"


if __name__ == "__main__":
    main()
