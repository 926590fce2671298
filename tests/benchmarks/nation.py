"""
A country to measure with: addresses, zones and records such as Great Britain has, from one seed.

Addresses stand in streets, streets in settlements, settlements in authorities. A register hands
blocks of numbers to one authority after another, so that rows near in the file are mostly near on
the ground, but for streets that were built later. Zones lie in belts, C at the heart and A at the
margin, with outlines of dozens to thousands of vertices; records in clusters along the same belts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from pyarrow import parquet

from sinkwatch import geo
from tests import world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

SEED: Final = 41
N_ZONES: Final = 20_000
N_RECORDS: Final = 50_000
PIECE_ROWS: Final = 1_000_000

_WEST, _SOUTH, _EAST, _NORTH = 150_000.0, 50_000.0, 650_000.0, 1_000_000.0
_N_BELTS: Final = 40
_KNOTS: Final = 200  # points along the axis of a belt
_STEP_M: Final = 1_200.0
_N_SETTLEMENTS: Final = 12_000
_STREET: Final = 40  # addresses in a street, and so rows side by side
_ACROSS: Final = 19  # strips of authorities, and authorities in a strip: about 350
_LATE: Final = 0.03  # of all streets, numbered when their authority had its turn long before

Order = Literal["register", "random"]
"""How a file goes: by authority, as a register does, or from street to street over the country."""
_MOST_VERTICES: Final = 5_000
_UNCERTAINTIES_M: Final = (50.0, 100.0, 250.0, 500.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nation:
    """
    The two layers, and where people live.

    Attributes
    ----------
    zones, sinkholes
        Frames of `schemas.ZONES` and `schemas.SINKHOLES`.
    settlements
        Shape (n, 3): easting and northing of the middle, and how far it spreads, metres.
    authority
        Of each settlement, in the order in which authorities have their turn.
    share
        Of all addresses, in each settlement.
    """

    zones: gpd.GeoDataFrame
    sinkholes: gpd.GeoDataFrame
    settlements: NDArray[np.float64]
    authority: NDArray[np.int64]
    share: NDArray[np.float64]


def nation(n_zones: int = N_ZONES, n_records: int = N_RECORDS) -> Nation:
    """Make the layers and the settlements; the same ones each time."""
    rng = np.random.default_rng(SEED)
    axes = _axes(rng)
    zones = _zones(rng, axes, n_zones)
    sinkholes = _sinkholes(rng, axes, n_records)
    n = _N_SETTLEMENTS
    middles = rng.uniform((_WEST, _SOUTH), (_EAST, _NORTH), (n, 2))
    # One in seven lies on a belt, as Ripon does.
    on_belt = rng.random(n) < 1 / 7
    knots = axes.reshape(-1, 2)[rng.integers(_N_BELTS * _KNOTS, size=on_belt.sum())]
    middles[on_belt] = knots + rng.normal(0, 3_000, knots.shape)
    # By Zipf, a little flattened: the largest holds one address in a hundred.
    size = 1 / (np.arange(n) + 20.0)
    share = rng.permutation(size / size.sum())
    spread_m = 150 + 60_000 * np.sqrt(share)
    return Nation(
        zones=zones,
        sinkholes=sinkholes,
        settlements=np.column_stack([middles, spread_m]),
        authority=_authorities(rng, middles),
        share=share,
    )


def _authorities(rng: np.random.Generator, middles: NDArray[np.float64]) -> NDArray[np.int64]:
    """Part the settlements into areas that hang together, by strips, and number them at random."""
    n = len(middles)
    strip = np.argsort(np.argsort(middles[:, 0])) * _ACROSS // n
    southward = np.lexsort((middles[:, 1], strip))
    block = np.empty(n, dtype=np.int64)
    block[southward] = np.arange(n) * _ACROSS**2 // n
    return np.asarray(rng.permutation(_ACROSS**2)[block])


def _axes(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the axes of the belts, shape (n_belts, knots, 2): walks that hardly turn."""
    start = rng.uniform((_WEST, _SOUTH), (_EAST, _NORTH), (_N_BELTS, 2))
    heading = rng.uniform(0, 2 * np.pi, (_N_BELTS, 1))
    heading = heading + np.cumsum(rng.normal(0, 0.08, (_N_BELTS, _KNOTS)), axis=1)
    steps = _STEP_M * np.stack([np.cos(heading), np.sin(heading)], axis=2)
    return np.asarray(start[:, None] + np.cumsum(steps, axis=1))


def _zones(rng: np.random.Generator, axes: NDArray[np.float64], n: int) -> gpd.GeoDataFrame:
    knots = axes.reshape(-1, 2)[rng.integers(_N_BELTS * _KNOTS, size=n)]
    off_m = np.abs(rng.normal(0, 3_500, n))
    middles = knots + off_m[:, None] * _directions(rng, n)
    radius_m = np.clip(rng.lognormal(6.6, 0.6, n), 100, 6_000)
    n_vertices = np.clip(rng.lognormal(4.9, 0.9, n), 12, _MOST_VERTICES).astype(int)
    classes = np.where(off_m < 1_500, "C", np.where(off_m < 3_500, "B", "A"))
    shapes = [
        _outline(rng, *row) for row in zip(middles, radius_m.tolist(), n_vertices, strict=True)
    ]
    known_m = rng.choice(_UNCERTAINTIES_M, n)
    return world.ground(
        *(
            world.a_zone(f"Z{number:05}", str(name), shape, uncertainty_m=float(to_m))
            for number, (name, shape, to_m) in enumerate(zip(classes, shapes, known_m, strict=True))
        )
    )


def _directions(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    angle = rng.uniform(0, 2 * np.pi, n)
    return np.column_stack([np.cos(angle), np.sin(angle)])


def _outline(
    rng: np.random.Generator, middle: NDArray[np.float64], radius_m: float, n_vertices: int
) -> shapely.Polygon:
    """Return a coast of its own: seen from its middle each direction meets it once."""
    angle = np.sort(rng.uniform(0, 2 * np.pi, n_vertices))
    waves = np.arange(2, max(4, min(80, n_vertices // 6)))
    swing = rng.normal(0, 0.35, len(waves)) / waves**1.1
    phase = rng.uniform(0, 2 * np.pi, len(waves))
    away = np.exp(np.sin(np.outer(angle, waves) + phase) @ swing) * radius_m
    ring = middle + away[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return shapely.Polygon(np.round(ring, 2))


def _sinkholes(rng: np.random.Generator, axes: NDArray[np.float64], n: int) -> gpd.GeoDataFrame:
    n_clusters = max(1, n // 6)
    knots = axes.reshape(-1, 2)[rng.integers(_N_BELTS * _KNOTS, size=n_clusters)]
    clusters = knots + rng.normal(0, 2_000, knots.shape)
    of_cluster = rng.integers(n_clusters, size=n)
    at = np.round(clusters[of_cluster] + rng.normal(0, 400, (n, 2)), 1)
    evidence = rng.choice(["confirmed", "probable", "possible", "not_an_event"], n, p=_EVIDENCE)
    size_m = np.where(rng.random(n) < 0.5, np.nan, np.round(rng.lognormal(2.5, 0.6, n), 1))
    blank = world.inventory(world.a_sinkhole(0, 0))
    frame = pd.DataFrame(blank.drop(columns="geometry")).loc[[0] * n].reset_index(drop=True)
    numbers = np.arange(n)
    frame = frame.assign(
        sinkhole_id=pd.Series([f"S{number:05}" for number in numbers], dtype="str"),
        feature_id=pd.Series([f"F{number:05}" for number in numbers // 2], dtype="str"),
        evidence=pd.Series(evidence, dtype="str"),
        counts=rng.random(n) < 0.95,
        position_uncertainty_m=rng.choice([10.0, 30.0, 71.0, 100.0, 400.0, 710.0], n),
        length_m=size_m,
    )
    return geo.bng_frame(
        {name: frame[name] for name in frame.columns}, pd.Series(at[:, 0]), pd.Series(at[:, 1])
    )


_EVIDENCE: Final = (0.4, 0.3, 0.2, 0.1)


def addresses(
    made: Nation, n: int, order: Order = "register"
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]]:
    """
    Give UPRN and position (centimetres, shape (m, 2)) and how well it is known, in pieces.

    Each piece goes through all authorities in turn, as blocks of numbers were handed out again and
    again: so a small file has the same country in it as a large one. Either order has the same
    streets.
    """
    for first in range(0, n, PIECE_ROWS):
        rows = min(PIECE_ROWS, n - first)
        rng = np.random.default_rng([SEED, first])
        n_streets = -(-rows // _STREET)
        settlement = rng.choice(len(made.share), n_streets, p=made.share)
        place = made.settlements[settlement]
        middle = place[:, :2] + rng.normal(0, 1, (n_streets, 2)) * place[:, 2:]
        along = _directions(rng, n_streets) * 8.0
        turn = np.arange(n_streets)
        if order == "register":
            turn = _by_authority(made.authority[settlement], first)
        street = np.repeat(turn, _STREET)[:rows]
        house = np.arange(rows) % _STREET
        at = middle[street] + along[street] * house[:, None] + rng.normal(0, 6, (rows, 2))
        known_m = rng.choice([10.0, 10.0, 10.0, 25.0, 100.0], rows)
        yield np.arange(first, first + rows) + 10_000_000_000, np.round(at, 2), known_m


def _by_authority(authority: NDArray[np.int64], first: int) -> NDArray[np.int64]:
    """Return the streets by authority, but for those built later, which stay where they are."""
    rng = np.random.default_rng([SEED, first, _ACROSS])
    turn = np.arange(len(authority))
    early = turn[rng.random(len(authority)) >= _LATE]
    turn[early] = early[np.argsort(authority[early], kind="stable")]
    return turn


def write(made: Nation, n: int, path: Path, order: Order = "register") -> None:
    """Write the addresses as GeoParquet, in pieces."""
    template = gpd.GeoDataFrame(
        {"uprn": np.zeros(1, np.int64), "position_uncertainty_m": np.zeros(1)},
        geometry=gpd.points_from_xy([0.0], [0.0], crs=geo.BNG),
        crs=geo.BNG,
    )
    template.to_parquet(path, index=False)
    described = parquet.read_schema(path)
    with parquet.ParquetWriter(path, described, compression="snappy") as writer:
        for uprn, at, known_m in addresses(made, n, order):
            columns = [pa.array(uprn), pa.array(known_m), wkb(at)]
            writer.write_table(pa.Table.from_arrays(columns, schema=described), PIECE_ROWS // 4)


def wkb(at: NDArray[np.float64]) -> pa.Array:
    """Return points as WKB, without an object for each."""
    n = len(at)
    rows = np.zeros((n, 21), dtype=np.uint8)
    rows[:, 0] = rows[:, 1] = 1  # little-endian; a point
    rows[:, 5:] = np.ascontiguousarray(at, dtype="<f8").view(np.uint8).reshape(n, 16)
    ends = np.arange(0, 21 * (n + 1), 21, dtype=np.int32)
    return pa.Array.from_buffers(pa.binary(), n, [None, pa.py_buffer(ends), pa.py_buffer(rows)])
