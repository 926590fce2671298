from __future__ import annotations

import doctest
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinkwatch.notify import scores

DAY = date(2026, 11, 22)


def score_of(days: list[int]) -> int:
    score, last = 0, None
    for day in days:
        on = DAY + timedelta(days=day)
        before = score
        score = scores.score_after(score, last, on)
        last = on if last is None or on > last or score != before else last
    return score


@pytest.mark.parametrize(
    ("days", "score"),
    [
        ([0], 1),
        ([0, 0, 0], 1),
        ([0, 1, 2, 3], 4),
        ([0, 1, 2, 3, 4], 5),
        ([0, 7, 14, 21, 28], 5),  # a weekly digest to a mailbox that is always full
        ([0, 1, 9], 1),
        ([0, 1, 8], 3),
        ([0, 30, 60, 90, 120], 1),  # a monthly one never adds up
        ([5, 4], 1),  # a clock that was set back
        ([5, 4, 6], 2),
    ],
)
def test_the_score_counts_days_with_a_bounce_that_hang_together(
    days: list[int], score: int
) -> None:
    assert score_of(days) == score


@pytest.mark.parametrize(("score", "is_spent"), [(0, False), (4, False), (5, True), (6, True)])
def test_five_bounces_are_enough(score: int, *, is_spent: bool) -> None:
    assert scores.is_spent(score) is is_spent


@given(st.lists(st.integers(0, 60), min_size=1, max_size=40))
def test_the_score_never_exceeds_the_days_that_bounced(days: list[int]) -> None:
    assert 1 <= score_of(sorted(days)) <= len(set(days))


def test_the_examples_are_right() -> None:
    outcome = doctest.testmod(scores)
    assert outcome.attempted == 3
    assert not outcome.failed
