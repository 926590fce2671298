"""The squares of the map: every list as long as it must be, and full means full."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from sinkwatch import grid

if TYPE_CHECKING:
    import pytest

SMALL = grid.Grid(west=0.0, south=0.0, square_m=10.0, n_columns=8, n_rows=6)


def pairs_of(found: grid.Pairs) -> set[tuple[int, int]]:
    pairs = list(zip(found[0].tolist(), found[1].tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)  # each once
    return set(pairs)


def boxes(squares: grid.Grid) -> list[shapely.Polygon]:
    west, south = (a - squares.square_m / 2 for a in squares.middles(np.arange(squares.n_squares)))
    ends = west + squares.square_m, south + squares.square_m
    return list(shapely.box(west, south, *ends))


def shapes(*of: shapely.Geometry) -> np.ndarray:
    return np.array(of, dtype=object)


# ── Laying out ───────────────────────────────────────────────────────────────────────────────


def test_squares_grow_rather_than_become_too_many() -> None:
    wide = grid.Grid.over((0, 0, 10_000, 20_000))
    assert (wide.square_m, wide.n_columns, wide.n_rows) == (250, 41, 81)
    few = grid.Grid.over((0, 0, 10_000, 20_000), 50)
    assert (few.square_m, few.n_columns, few.n_rows) == (2_000, 6, 11)
    line = grid.Grid.over((0, 0, 0, 1e9), 50)
    assert line.n_squares == 51


def test_an_extent_of_one_point_is_one_square_that_holds_it() -> None:
    one = grid.Grid.over((5.0, 5.0, 5.0, 5.0))
    assert one.n_squares == 1
    assert one.of(np.array([5.0]), np.array([5.0])).tolist() == [0]


def test_a_place_is_in_the_square_to_its_south_west_or_in_none() -> None:
    easting = np.array([0.0, 9.99, 10.0, 79.9, 80.0, -0.01, 5.0, math.nan, math.inf, 5.0])
    northing = np.array([0.0, 0.0, 0.0, 59.9, 0.0, 0.0, 60.0, 0.0, 0.0, -math.inf])
    assert SMALL.of(easting, northing).tolist() == [0, 0, 1, 47, 48, 48, 48, 48, 48, 48]


# ── Polygons ─────────────────────────────────────────────────────────────────────────────────


def test_a_box_touches_the_squares_along_it_and_fills_those_within() -> None:
    touched, full = SMALL.cover(shapes(shapely.box(5, 5, 45, 35)))
    inner = {(row * 8 + column, 0) for row in (1, 2) for column in (1, 2, 3)}
    outer = {(row * 8 + column, 0) for row in range(4) for column in range(5)}
    assert pairs_of(full) == inner
    assert pairs_of(touched) == outer - inner


def test_a_line_between_two_squares_touches_both() -> None:
    touched, full = SMALL.cover(shapes(shapely.box(10, 10, 20, 20)))
    around = {(row * 8 + column, 0) for row in range(3) for column in range(3)}
    assert pairs_of(touched) == around
    assert not pairs_of(full)


def test_a_hole_is_not_filled_and_neither_is_what_lies_between_two_parts() -> None:
    holed = shapely.box(-5, -5, 85, 65) - shapely.box(25, 15, 65, 45)
    parts = shapely.MultiPolygon([shapely.box(1, 1, 9, 59), shapely.box(61, 1, 69, 59)])
    touched, full = SMALL.cover(shapes(holed, parts))
    assert (3 * 8 + 4, 0) not in pairs_of(full) | pairs_of(touched)
    assert (0, 0) in pairs_of(full)
    assert {square % 8 for square, shape in pairs_of(touched) if shape == 1} == {0, 6}
    assert not [square for square, shape in pairs_of(full) if shape == 1]


def test_a_shape_far_larger_than_the_map_fills_it_and_one_beyond_it_is_nowhere() -> None:
    around, beyond = shapely.box(-1e6, -1e6, 1e6, 1e6), shapely.box(200, 0, 300, 50)
    touched, full = SMALL.cover(shapes(around, beyond, shapely.box(-30, 0, -20, 5)))
    assert not pairs_of(touched)
    assert pairs_of(full) == {(square, 0) for square in range(48)}


def test_nothing_covers_nothing() -> None:
    touched, full = SMALL.cover(shapes())
    assert (pairs_of(touched), pairs_of(full)) == (set(), set())


def test_shapes_in_blocks_are_the_same_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    many = shapes(*(shapely.box(3 * n, 2 * n, 3 * n + 33, 2 * n + 27) for n in range(10)))
    whole = [pairs_of(pairs) for pairs in SMALL.cover(many)]
    monkeypatch.setattr(grid, "_BLOCK", 3)
    assert [pairs_of(pairs) for pairs in SMALL.cover(many)] == whole


corners = st.tuples(st.integers(-40, 120), st.integers(-40, 100))


@st.composite
def outlines(draw: st.DrawFn) -> shapely.Geometry:
    ring = draw(st.lists(corners, min_size=3, max_size=9, unique=True))
    return shapely.make_valid(shapely.Polygon(ring)).buffer(0)


@settings(max_examples=60)
@given(st.lists(outlines(), max_size=4))
def test_touched_and_full_are_what_geometry_says(drawn: list[shapely.Geometry]) -> None:
    polygons = shapes(*(shape for shape in drawn if not shape.is_empty))
    touched, full = (pairs_of(pairs) for pairs in SMALL.cover(polygons))
    assert not touched & full
    for number, shape in enumerate(polygons):
        for square, box in enumerate(boxes(SMALL)):
            if shape.boundary.intersects(box):
                assert (square, number) in touched
            elif (square, number) not in touched:
                assert ((square, number) in full) == shape.contains(box)


# ── Nearness ─────────────────────────────────────────────────────────────────────────────────

some_squares = st.lists(st.tuples(st.integers(0, 47), st.integers(0, 3)), unique=True, max_size=12)


@settings(max_examples=60)
@given(some_squares, st.sampled_from([0.0, 5.0, 10.0, 25.0]))
def test_spreading_takes_in_every_square_within_the_distance(
    given_pairs: list[tuple[int, int]], by_m: float
) -> None:
    columns = np.array(given_pairs, dtype=np.int64).reshape(-1, 2)
    found = pairs_of(SMALL.spread((columns[:, 0], columns[:, 1]), by_m))
    box = boxes(SMALL)
    for shape in range(4):
        of_it = [square for square, number in given_pairs if number == shape]
        for square in range(48):
            away_m = min((box[square].distance(box[one]) for one in of_it), default=math.inf)
            if away_m <= by_m:
                assert (square, shape) in found
            if away_m > by_m + 2 * SMALL.square_m:
                assert (square, shape) not in found


@settings(max_examples=60)
@given(st.lists(corners, max_size=5), st.sampled_from([0.0, 7.5, 10.0, 500.0]))
def test_a_place_reaches_the_squares_within_its_reach(
    places: list[tuple[int, int]], reach_m: float
) -> None:
    at = np.array(places, dtype=np.float64).reshape(-1, 2)
    found = pairs_of(SMALL.reached(at[:, 0], at[:, 1], np.full(len(at), reach_m)))
    expected = {
        (square, number)
        for number, place in enumerate(places)
        for square, box in enumerate(boxes(SMALL))
        if box.distance(shapely.Point(place)) <= reach_m
    }
    assert expected <= found
    for square, number in found - expected:
        assert boxes(SMALL)[square].distance(shapely.Point(places[number])) <= reach_m + 0.02


# ── Lists ────────────────────────────────────────────────────────────────────────────────────


def test_lists_are_gone_through_item_by_item() -> None:
    lists = grid.Lists.of(np.array([2, 0, 2, 2]), np.array([7, 5, 8, 6]), 4)
    turns = [(a.tolist(), b.tolist()) for a, b in lists.turns(np.array([2, 1, 0, 2, 3]))]
    assert turns == [([0, 2, 3], [7, 5, 7]), ([0, 3], [8, 8]), ([0, 3], [6, 6])]


def test_numbers_of_several_lists_come_in_order_and_once() -> None:
    lists = [np.array([3, 1, 3]), np.array([], dtype=np.int64), np.array([2, 1])]
    assert grid.distinct(lists).tolist() == [1, 2, 3]
    assert grid.distinct([np.array([], dtype=np.int64)]).tolist() == []
