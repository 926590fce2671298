"""When a new copy of a whole set must wait for a person: by its size, and by what it has lost."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinkwatch.sources import gates


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
