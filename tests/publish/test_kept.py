"""Files that are kept: the same rows give the file of before, any other a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from sinkwatch import geo
from sinkwatch.publish.kept import Kept

if TYPE_CHECKING:
    import geopandas as gpd


class Maker:
    """Counts what it makes."""

    def __init__(self) -> None:
        self.n_made = 0

    def __call__(self) -> bytes:
        self.n_made += 1
        return f"{self.n_made}".encode()


def rows(name: str = "a", easting: float = 431_300) -> gpd.GeoDataFrame:
    return geo.bng_frame({"name": pd.Series([name], dtype="str")}, [easting], [471_300])


def test_the_same_is_made_once() -> None:
    kept, make = Kept(most=2), Maker()
    assert [kept.of([rows(), pd.DataFrame({"n": [1]})], "x", make) for _ in range(3)] == [b"1"] * 3


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (rows("b"), "x"),
        (rows(easting=431_301), "x"),
        (rows().rename(columns={"name": "n"}), "x"),
        (rows().iloc[:0], "x"),
        (pd.DataFrame({"name": ["a"]}), "x"),
        (rows(), "y"),
    ],
)
def test_whatever_differs_is_made_anew(other: pd.DataFrame, said: str) -> None:
    kept, make = Kept(most=2), Maker()
    assert kept.of([rows()], "x", make) == b"1"
    assert kept.of([other], said, make) == b"2"


def test_the_longest_unused_is_forgotten_first() -> None:
    kept, make = Kept(most=2), Maker()
    for name in ("a", "b", "a", "c"):
        kept.of([], name, make)
    assert make.n_made == 3
    assert kept.of([], "a", make) == b"1"
    assert kept.of([], "b", make) == b"4"


def test_what_could_not_be_made_is_tried_again() -> None:
    kept, make = Kept(most=2), Maker()

    def fail() -> bytes:
        raise OSError(28, "no space left")

    with pytest.raises(OSError, match="no space left"):
        kept.of([], "x", fail)
    assert kept.of([], "x", make) == b"1"
