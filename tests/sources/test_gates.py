"""When a new copy of a whole set must wait for a person: by its size, and by what it has lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinkwatch import geo
from sinkwatch.sources import gates

if TYPE_CHECKING:
    import geopandas as gpd


def rows(first: int, after_last: int, *, n_retired: int = 0) -> pd.DataFrame:
    """Return a set of rows, numbered; the last few may be marked as retired."""
    keys = [f"row {number}" for number in range(first, after_last)]
    retired = [False] * (len(keys) - n_retired) + [True] * n_retired
    return pd.DataFrame({"key": keys, "is_retired": retired})


def faults(before: pd.DataFrame, after: pd.DataFrame) -> tuple[str, ...]:
    return gates.compared(before, after, "key")


@pytest.mark.parametrize(
    ("n_before", "first", "after_last"),
    [(0, 0, 500), (4, 0, 13), (4, 3, 5), (100, 0, 300), (100, 10, 110), (1000, 50, 1050)],
    ids=[
        "the first set ever",
        "three times a few",
        "three of four gone",
        "300 % of a hundred",
        "ten of a hundred gone",
        "5 % of a thousand gone",
    ],
)
def test_what_may_be_believed_passes(n_before: int, first: int, after_last: int) -> None:
    assert faults(rows(0, n_before), rows(first, after_last)) == ()


def test_a_set_without_rows_waits_however_few_there_were() -> None:
    assert faults(rows(0, 1), rows(0, 0)) == ("it holds 0 rows where the last good copy holds 1",)


def test_a_set_that_shrinks_below_four_fifths_waits() -> None:
    assert faults(rows(0, 1000), rows(0, 799)) == (
        "it holds 799 rows, fewer than 80% of the last good 1,000",
        "201 of the last good 1,000 rows are missing from it",
    )


def test_a_set_that_grows_beyond_three_times_waits() -> None:
    assert faults(rows(0, 100), rows(0, 301)) == (
        "it holds 301 rows, more than 300% of the last good 100",
    )


@pytest.mark.parametrize(("n", "lost"), [(100, 11), (1000, 51)])
def test_rows_that_give_way_to_others_wait_although_the_size_is_the_same(n: int, lost: int) -> None:
    assert faults(rows(0, n), rows(lost, n + lost)) == (
        f"{lost} of the last good {n:,} rows are missing from it",
    )


def test_rows_marked_as_retired_are_as_good_as_gone() -> None:
    assert faults(rows(0, 100), rows(0, 100, n_retired=10)) == ()
    assert faults(rows(0, 100), rows(0, 100, n_retired=11)) == (
        "11 of the last good 100 rows are missing from it",
    )
    assert faults(rows(0, 100, n_retired=60), rows(0, 40)) == ()


@given(st.integers(0, 400))
def test_the_same_set_again_never_waits(n: int) -> None:
    assert faults(rows(0, n), rows(0, n)) == ()


@given(st.integers(1, 300), st.integers(0, 300))
def test_the_order_of_rows_never_matters(n_before: int, n_after: int) -> None:
    before, after = rows(0, n_before), rows(0, n_after)
    assert faults(before, after) == faults(before[::-1], after[::-1])


def points(*eastings: float) -> gpd.GeoDataFrame:
    columns = {"key": [f"row {number}" for number in range(len(eastings))]}
    return geo.bng_frame(columns, eastings, [471_000.0] * len(eastings))


HERE = [431_000.0] * 200


@pytest.mark.parametrize(
    ("n_moved", "metres", "is_held"),
    [(200, 100.0, False), (10, 5_000.0, False), (11, 101.0, True), (200, 101.0, True)],
    ids=["all a little", "ten a long way", "5.5 % a little further", "all a little further"],
)
def test_a_list_whose_points_lie_elsewhere_waits(
    n_moved: int, metres: float, *, is_held: bool
) -> None:
    after = points(*(east + metres * (n < n_moved) for n, east in enumerate(HERE)))
    faults = gates.moved(points(*HERE), after, "key")
    expected = f"{n_moved} of 200 points lie more than 100 m from where they were"
    assert faults == ((expected,) if is_held else ())


def test_two_lists_with_nothing_in_common_have_not_moved() -> None:
    other = points(*HERE).assign(key=[f"other {number}" for number in range(200)])
    assert gates.moved(points(*HERE), other, "key") == ()
