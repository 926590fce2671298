"""
The rules as SQL, for engines that speak it, over the files that `bench_nation` writes.

It imports little: the memory of a process that uses it is that of the engine.
"""

# ruff: noqa: S608 - all of the SQL stands in this file

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyarrow import parquet

if TYPE_CHECKING:
    from pathlib import Path

LAST_RING_M: Final = 500.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Queries:
    """Tables by name, as Parquet files; queries that make more of them, in turn; and the last."""

    tables: dict[str, str]
    steps: dict[str, str]
    last: str


def asked_of(folder: Path) -> Queries:
    """Return what to ask of the files in a folder."""
    tables = {name: str(folder / f"{name}.parquet") for name in ("places", "records", "bands")}
    tables["zones"] = str(folder / "plain_zones.parquet")
    far = f"{reach_m(folder)}"
    steps = {name: query.replace("{reach_m}", far) for name, query in _STEPS.items()}
    return Queries(tables=tables, steps=steps, last=_LAST)


def reach_m(folder: Path) -> float:
    """Return how far from a record's centre a place may be that it counts for, and a little."""
    widest_m = parquet.read_table(folder / "records.parquet")["radius_m"].to_numpy().max()
    return LAST_RING_M + 0.01 + float(widest_m)


_STEPS: Final = {
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
    " FROM places p JOIN records r ON ST_DWithin(r.geometry, p.geometry, {reach_m})",
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
_ONE: Final = (
    "SELECT p.uprn, p.position_uncertainty_m, p.geometry, coalesce(o.geology, 0) AS geology"
    " FROM own o RIGHT JOIN places p ON p.uprn = o.uprn"
)
_TWO: Final = (
    "SELECT p.*, coalesce(u.scored_as, p.geology) AS scored_as"
    f" FROM raised u RIGHT JOIN ({_ONE}) p ON p.uprn = u.uprn"
)
_THREE: Final = (
    "SELECT p.*, coalesce(n.n_features, 0) AS n_features, n.best AS best,"
    " CASE WHEN n.best < 1000000000000 THEN 0 WHEN n.best < 2000000000000 THEN 1"
    " WHEN n.best < 3000000000000 THEN 2 ELSE 3 END AS ring"
    f" FROM nearest n RIGHT JOIN ({_TWO}) p ON p.uprn = n.uprn"
)
_LAST: Final = (
    "SELECT j.uprn, j.position_uncertainty_m, j.geometry, b.band, j.geology, j.scored_as,"
    f" j.n_features, j.best FROM bands b JOIN ({_THREE}) j"
    " ON b.scored_as = j.scored_as AND b.ring = j.ring"
)
