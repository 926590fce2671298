"""The made-up country that is measured with: in the order of a register, or in none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.benchmarks import nation

if TYPE_CHECKING:
    from numpy.typing import NDArray

STREET = 40  # addresses


@pytest.fixture(scope="module")
def country() -> nation.Nation:
    return nation.nation(n_zones=1, n_records=1)


def streets(country: nation.Nation, order: nation.Order) -> NDArray[np.float64]:
    (piece,) = nation.addresses(country, 100_000, order)
    return piece[1].reshape(-1, STREET, 2).mean(axis=1)


def apart_m(middles: NDArray[np.float64]) -> float:
    return float(np.median(np.hypot(*np.diff(middles, axis=0).T)))


def test_a_register_has_neighbours_side_by_side(country: nation.Nation) -> None:
    assert apart_m(streets(country, "register")) < 40_000
    assert apart_m(streets(country, "random")) > 200_000


def test_some_streets_were_built_later(country: nation.Nation) -> None:
    middles = streets(country, "register")
    before, it, after = middles[:-2], middles[1:-1], middles[2:]
    away_m = [np.hypot(*(one - other).T) for one, other in ((before, it), (it, after))]
    alone = (np.minimum(*away_m) > 100_000) & (np.hypot(*(before - after).T) < 60_000)
    assert 0.01 < alone.mean() < 0.03  # of the 0.03 most are that far from their neighbours


def test_either_order_has_the_same_streets(country: nation.Nation) -> None:
    one, other = (np.sort(streets(country, order), axis=0) for order in ("register", "random"))
    # Houses lie six metres off the line of their street, at random in either order.
    assert np.abs(one - other).max() < 10


def test_the_same_file_is_made_each_time(country: nation.Nation) -> None:
    assert np.array_equal(streets(country, "register"), streets(country, "register"))


def test_authorities_hang_together(country: nation.Nation) -> None:
    middles = country.settlements[:, :2]
    spread_m = [np.ptp(middles[country.authority == n], axis=0) for n in range(361)]
    assert len(np.unique(country.authority)) == 361
    assert np.median(spread_m) < 60_000
