"""Zones that fade by what is not known of their edges, and cells that no two postcodes share."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from sinkwatch import geo
from sinkwatch.publish import ground

# Two zones side by side, 4 km square each; the line between them is known to 500 m, the rest is
# only where drawing stopped.
WEST = shapely.box(430_000, 470_000, 434_000, 474_000)
EAST = shapely.box(434_000, 470_000, 438_000, 474_000)
BOTH = shapely.union(WEST, EAST)


def _edges(*lines: tuple[list[tuple[float, float]], float]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {
            "edge_id": [f"e{i}" for i in range(len(lines))],
            "zone_id": ["west"] * len(lines),
            "uncertainty_m": np.array([uncertainty for _, uncertainty in lines], dtype=float),
        },
        geometry=[shapely.LineString(line) for line, _ in lines],
        crs=geo.BNG,
    )


SHARED = _edges(([(434_000, 470_000), (434_000, 474_000)], 500.0))


def _opacity_at(steps: tuple[ground.Fade, ...], easting: float) -> float:
    point = shapely.Point(easting, 472_000)
    return reduce(
        lambda under, step: under + (1 - under) * step.opacity * step.geometry.covers(point),
        steps,
        0.0,
    )


def test_a_zone_is_half_there_at_its_line_and_wholly_there_and_gone_at_its_uncertainty() -> None:
    steps = ground.fades(WEST, SHARED, BOTH)
    assert len(steps) == ground.FADE_STEPS
    assert _opacity_at(steps, 433_400) == pytest.approx(1)
    assert _opacity_at(steps, 433_990) == pytest.approx(0.5, abs=0.06)
    assert _opacity_at(steps, 434_600) == 0


def test_the_fade_is_even_so_that_no_step_looks_like_a_line() -> None:
    steps = ground.fades(WEST, SHARED, BOTH)
    levels = [_opacity_at(steps, easting) for easting in np.arange(433_450, 434_600, 100)]
    drops = [before - after for before, after in pairwise(levels)]
    assert max(drops) <= 1 / ground.FADE_STEPS + 1e-9
    assert min(drops) >= -1e-9


def test_two_neighbours_fade_into_one_another() -> None:
    west, east = (ground.fades(zone, SHARED, BOTH) for zone in (WEST, EAST))
    for easting in (433_600, 434_010, 434_350):
        total = _opacity_at(west, easting) + _opacity_at(east, easting)
        assert total == pytest.approx(1, abs=0.1)


def test_a_side_where_only_drawing_stopped_does_not_fade() -> None:
    steps = ground.fades(WEST, SHARED, BOTH)
    assert _opacity_at(steps, 430_010) == 1
    assert all(BOTH.buffer(1).covers(step.geometry) for step in steps)


def test_an_edge_that_bounds_the_coverage_fades_past_it() -> None:
    outer = _edges(([(430_000, 470_000), (430_000, 474_000)], 1_000.0))
    steps = ground.fades(WEST, outer, WEST)
    assert 0 < _opacity_at(steps, 429_700) < 0.5


def test_a_zone_without_a_known_edge_is_drawn_as_it_is() -> None:
    nothing = SHARED.iloc[:0]
    assert {step.geometry.equals(WEST) for step in ground.fades(WEST, nothing, WEST)} == {True}


def test_the_limit_of_drawing_is_the_outline_without_the_lines_that_mean_something() -> None:
    outer = _edges(([(430_000, 470_000), (430_000, 474_000)], 1_000.0))
    zones = gpd.GeoDataFrame(geometry=[WEST, EAST], crs=geo.BNG)
    limit = ground.limits(zones, outer)
    assert limit.length == pytest.approx(20_000, abs=5)
    assert limit.distance(shapely.Point(430_000, 472_000)) > 1_000


positions = st.lists(
    st.tuples(st.integers(431_000, 432_000), st.integers(471_000, 472_000)),
    min_size=1,
    max_size=25,
    unique=True,
)


@given(positions)
@settings(max_examples=40)
def test_each_cell_holds_its_own_point_stays_within_reach_and_overlaps_no_other(
    at: list[tuple[int, int]],
) -> None:
    points = np.asarray(shapely.points(at))
    cells = ground.cells(points, np.full(len(at), 100.0))
    assert shapely.distance(cells, points).max() < 1e-6
    assert shapely.hausdorff_distance(cells, points).max() <= 100.001
    assert shapely.union_all(cells).area == pytest.approx(shapely.area(cells).sum(), rel=1e-9)


def test_no_points_give_no_cells() -> None:
    assert len(ground.cells(np.array([], dtype=object), np.array([]))) == 0
