"""
Sites of a whole country: 10,000 boundaries, beside GeoPandas' overlay as one would write it.

Run with `pytest -m benchmark -s tests/benchmarks/bench_sites.py`; the figures are printed. The peer
is spared every zone and record that lies near no site. Processor time is compared, which a busy
machine changes least.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final, TypeVar

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from sinkwatch import assess, geo, sites
from sinkwatch.model import Band
from sinkwatch.sites.cutting import CIRCUMSCRIBED, QUADRANT_SEGMENTS
from tests import world
from tests.benchmarks import nation

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

N_SITES: Final = 10_000
LEAST_RATIO: Final = 5.0
MOST_APART: Final = 1e-4
"""Of shares: GEOS leaves out corners of what it grows, others where it is cut off round a site."""

MOST_GROWTH: Final = 1.5
"""Of the time for each site, from a tenth of them to all."""

_Answer = TypeVar("_Answer")

KNOWN_M: Final = geo.BOUNDARY_UNCERTAINTY_M
_MOST_AWAY_M: Final = 1_000.0


def boundaries(made: nation.Nation, n: int) -> NDArray[np.object_]:
    """Make boundaries such as applications have: 0.1 to 20 ha, and one in a hundred of 500 ha."""
    rng = np.random.default_rng(nation.SEED)
    place = made.settlements[rng.choice(len(made.share), n, p=made.share)]
    middle = place[:, :2] + rng.normal(0, 1, (n, 2)) * place[:, 2:]
    hectares = np.where(rng.random(n) < 0.01, 500.0, np.clip(rng.lognormal(0, 1.3, n), 0.1, 20))
    outlines = zip(middle, np.sqrt(hectares * 10_000 / np.pi), strict=True)
    return np.array([_outline(rng, *outline) for outline in outlines], dtype=object)


def _outline(
    rng: np.random.Generator, middle: NDArray[np.float64], radius_m: float
) -> shapely.Geometry:
    angle = np.linspace(0, 2 * np.pi, int(rng.integers(4, 40)), endpoint=False)
    away_m = radius_m * np.exp(rng.normal(0, 0.15, len(angle)))
    return shapely.Polygon(
        middle + away_m[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    )


@pytest.mark.benchmark
def test_ten_thousand_boundaries_beside_an_overlay() -> None:
    made = nation.nation()
    hazard = assess.prepare(made.zones, made.sinkholes, world.parameters())
    shapes = boundaries(made, N_SITES)
    tenth_s, _ = _timed(lambda: _ours(hazard, shapes[: N_SITES // 10]))
    ours_s, ours = _timed(lambda: _ours(hazard, shapes))
    theirs_s, theirs = _timed(lambda: _overlaid(hazard, shapes))
    sys.stdout.write(
        f"\n{N_SITES} sites {ours_s:.2f} s, a tenth of them {tenth_s:.2f} s, by overlay "
        f"{theirs_s:.1f} s: ratio {theirs_s / ours_s:.0f}; sites in each band "
        f"{np.bincount(ours.band).tolist()}\n"
    )
    assert np.abs(ours.shares - theirs).max() < MOST_APART
    assert theirs_s / ours_s > LEAST_RATIO
    assert ours_s < 10 * tenth_s * MOST_GROWTH


def _timed(ask: Callable[[], _Answer]) -> tuple[float, _Answer]:
    began = time.process_time()
    answer = ask()
    return time.process_time() - began, answer


def _ours(hazard: assess.Hazard, shapes: NDArray[np.object_]) -> sites.AssessedSites:
    return sites.polygons(sites.Layers.of(hazard), shapes, np.full(len(shapes), KNOWN_M))


def _overlaid(hazard: assess.Hazard, shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return the share of each site in each band, by overlays of frames."""
    asked = gpd.GeoDataFrame({"site": np.arange(len(shapes))}, geometry=shapes, crs=geo.BNG)
    near = asked.assign(geometry=asked.buffer(_MOST_AWAY_M))[["geometry"]]
    zones = gpd.GeoDataFrame(
        {"ground": hazard.zone_class, "known_m": hazard.zone_uncertainty_m},
        geometry=hazard.zone_geometry,
        crs=geo.BNG,
    )
    zones = zones.loc[zones.sjoin(near).index.unique()]
    on_zones = gpd.overlay(asked, zones, how="intersection")
    scored = {ground: _scored(on_zones, zones, ground) for ground in (1, 2, 3)}
    rings = _rings(hazard, near)
    total_m2 = asked.area.to_numpy()
    least = {Band.NOT_ASSESSED: total_m2}
    for band in sorted(Band)[1:]:
        pieces = [
            scored[ground] if ring == hazard.n_rings else _cut(scored[ground], rings[ring])
            for ground, ring in zip(*np.nonzero(hazard.bands >= band), strict=True)
        ]
        together = pd.concat([asked.iloc[:0], *pieces]).dissolve("site")
        least[band] = together.area.reindex(asked["site"], fill_value=0.0).to_numpy()
    at_least = np.column_stack([*least.values(), np.zeros(len(shapes))])
    return (at_least[:, :-1] - at_least[:, 1:]) / total_m2[:, None]


def _scored(on_zones: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, ground: int) -> gpd.GeoDataFrame:
    """Return ground that is scored as a class at least: its own, and all that may lie beyond."""
    pieces = [on_zones[on_zones["ground"] >= ground][["site", "geometry"]]]
    lower, above = on_zones[on_zones["ground"] < ground], zones[zones["ground"] >= ground]
    for by_m in np.unique(zones["known_m"]):
        pairs = (
            (lower["known_m"] <= by_m, above["known_m"] == by_m),
            (lower["known_m"] == by_m, above["known_m"] < by_m),
        )
        for below, over in pairs:
            grown = above[over].assign(geometry=_grown(above[over], by_m))[["geometry"]]
            pieces.append(_cut(lower[below][["site", "geometry"]], grown))
    return pd.concat(pieces).dissolve("site").reset_index()


def _rings(hazard: assess.Hazard, near: gpd.GeoDataFrame) -> list[gpd.GeoDataFrame]:
    """Return the ground on which some record counts for each ring or a nearer one."""
    records = gpd.GeoDataFrame(
        {
            "radius_m": hazard.radius_m,
            "known_m": np.hypot(hazard.uncertainty_m, KNOWN_M),
            "shift": hazard.ring_shift,
        },
        geometry=hazard.centres,
        crs=geo.BNG,
    )[hazard.counts]
    records = records.loc[records.sjoin(near).index.unique()]
    found = []
    for ring in range(hazard.n_rings):
        ring_m = hazard.rings_m[np.maximum(ring - records["shift"], 0)]
        counted = (records["shift"] <= ring) & (records["known_m"] <= ring_m)
        reach_m = (ring_m + records["radius_m"])[counted]
        found.append(gpd.GeoDataFrame(geometry=_grown(records[counted], reach_m)))
    return found


def _grown(frame: gpd.GeoDataFrame, by_m: float | pd.Series) -> gpd.GeoSeries:
    return frame.buffer(by_m * CIRCUMSCRIBED, quad_segs=QUADRANT_SEGMENTS)


def _cut(frame: gpd.GeoDataFrame, by: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    if frame.empty or by.empty:
        return frame.iloc[:0]
    return gpd.overlay(frame, by, how="intersection")
