"""What can matter to a place, by the square of the map that it lies in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import shapely

from sinkwatch import grid
from sinkwatch.assess.layers import SLACK_M, extent
from sinkwatch.assess.measures import dwithin
from sinkwatch.model import GeologyClass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sinkwatch.assess.layers import Hazard

_FEW: Final = 64  # places, for which all that lies near is sooner measured than sorted

_ANYWHERE_M: Final = 1e7

_PAIRS: Final = 100_000  # measured at a time

_Value = TypeVar("_Value", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """
    What can matter to a place, by the square of the map that it lies in.

    Attributes
    ----------
    hazard
        What is indexed.
    squares
        The squares of the map.
    row
        Shape (n_squares + 1,): row of each square in all that follows, 0 where there is nothing.
    ground
        Shape (n_rows,): highest `GeologyClass` of the zones that fill the square.
    known_m
        Shape (n_rows,): greatest uncertainty of the zones that fill the square, metres.
    raised
        Shape (n_rows,): `GeologyClass` that every place on held ground there is scored as at least.
    touched, near, records
        By row: zones to measure whether they hold a place; zones of a higher class, the highest
        first, to measure whether their line is near; records that may count, by feature.
    """

    hazard: Hazard
    squares: grid.Grid
    row: NDArray[np.int32]
    ground: NDArray[np.int8]
    known_m: NDArray[np.float64]
    raised: NDArray[np.int8]
    touched: grid.Lists
    near: grid.Lists
    records: grid.Lists


def index(hazard: Hazard, squares: grid.Grid | None = None) -> Index:
    """
    Find what can matter in each square of the map.

    Parameters
    ----------
    hazard
        What `prepare` returns; its zones are prepared for being asked about points.
    squares
        Squares over the places to ask about and as far round them as a zone is uncertain; over
        all zones and records if not given.

    Returns
    -------
    index
        For `points`; one may be shared between threads.
    """
    make_ready(hazard)
    over = squares_over(hazard) if squares is None else squares
    touched, full = over.cover(hazard.zone_geometry)
    records = _records_by_square(hazard, over)
    listed = grid.distinct([touched[0], full[0], records[0]])
    row = np.zeros(over.n_squares + 1, dtype=np.int32)
    row[listed] = np.arange(1, len(listed) + 1)
    laid = _Laid(
        hazard=hazard, squares=over, row=row, n_rows=len(listed) + 1, touched=touched, full=full
    )
    ground = laid.greatest(hazard.zone_class, full)
    known_m = laid.greatest(hazard.zone_uncertainty_m, full)
    raised, near = _near(laid, ground, known_m)
    # A zone that can neither raise the class nor widen the doubt of such a square is not asked.
    at, zone = row[touched[0]], touched[1]
    matters = hazard.zone_class[zone] > ground[at]
    matters |= hazard.zone_uncertainty_m[zone] > known_m[at]
    return Index(
        hazard=hazard,
        squares=over,
        row=row,
        ground=ground,
        known_m=known_m,
        raised=raised,
        touched=grid.Lists.of(at[matters], zone[matters], laid.n_rows),
        near=near,
        records=grid.Lists.of(row[records[0]], records[1], laid.n_rows),
    )


def squares_over(hazard: Hazard, n_places: int = grid.MOST_SQUARES) -> grid.Grid:
    """
    Lay squares over all that is held.

    Parameters
    ----------
    hazard
        What `prepare` returns.
    n_places
        How many places will be asked about: for few of them, fewer and larger squares are ready
        sooner than the places are answered by small ones.

    Returns
    -------
    squares
        For `index`.
    """
    return grid.Grid.over(extent(hazard), min(grid.MOST_SQUARES, n_places))


def make_ready(hazard: Hazard) -> None:
    """
    Prepare zones for being asked about points, by several threads perhaps.

    A prepared shape sorts its lines when it is first asked, which two threads must not do at once:
    so each is asked once for what it will be asked.

    Parameters
    ----------
    hazard
        What `prepare` returns.
    """
    shapes = hazard.zone_geometry
    shapely.prepare(shapes)
    west, south, east, north = shapely.bounds(shapes).reshape(-1, 4).T
    shapely.intersects_xy(shapes, (west + east) / 2, (south + north) / 2)
    shapely.dwithin(shapes, shapely.points(west - 1, south - 1), _ANYWHERE_M)


def _records_by_square(hazard: Hazard, over: grid.Grid) -> grid.Pairs:
    # A record that is known worse than the last ring counts for no place at all.
    counts = np.flatnonzero(hazard.counts & (hazard.uncertainty_m <= hazard.rings_m[-1] + SLACK_M))
    counts = counts[np.argsort(hazard.feature[counts], kind="stable")]
    square, number = over.reached(
        hazard.easting[counts], hazard.northing[counts], hazard.reach_m[counts]
    )
    return square, counts[number]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Laid:
    """Zones laid over squares: those that touch and that fill each, and the row of each square."""

    hazard: Hazard
    squares: grid.Grid
    row: NDArray[np.int32]
    n_rows: int
    touched: grid.Pairs
    full: grid.Pairs

    def greatest(self, of_zone: NDArray[_Value], *pairs: grid.Pairs) -> NDArray[_Value]:
        """Return by row the greatest value of the zones that it goes with; 0 where with none."""
        found = np.zeros(self.n_rows, dtype=of_zone.dtype)
        for square, zone in pairs:
            np.maximum.at(found, self.row[square], of_zone[zone])
        return found


def _near(
    laid: _Laid, ground: NDArray[np.int8], known_m: NDArray[np.float64]
) -> tuple[NDArray[np.int8], grid.Lists]:
    """Tell where a higher class is near wherever one stands, and where that must be measured."""
    classes, doubt_m = laid.hazard.zone_class, laid.hazard.zone_uncertainty_m
    square, zone = _may_raise(laid, ground)
    at = laid.row[square]
    middles = grid.distinct([square])
    middle = np.asarray(shapely.points(*laid.squares.middles(middles)))
    middle = middle[np.searchsorted(middles, square)]
    shape, half_m = laid.hazard.zone_geometry[zone], laid.squares.half_diagonal_m + SLACK_M
    at_least_m = np.maximum(doubt_m[zone], known_m[at]) - half_m
    always = at_least_m > 0
    always[always] = _all_within(shape[always], middle[always], at_least_m[always])
    raised = laid.greatest(classes, (square[always], zone[always]))
    widest_m = laid.greatest(doubt_m, laid.touched, laid.full)
    at_most_m = np.maximum(doubt_m[zone], widest_m[at]) + half_m
    maybe = classes[zone] > raised[at]
    maybe[maybe] = _all_within(shape[maybe], middle[maybe], at_most_m[maybe])
    zone, at = zone[maybe], at[maybe]
    order = np.argsort(-classes[zone], kind="stable")
    return raised, grid.Lists.of(at[order], zone[order], laid.n_rows)


def _all_within(
    shapes: NDArray[np.object_], at: NDArray[np.object_], by_m: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Tell of many pairs whether they are as near as that."""

    def told(first: int) -> NDArray[np.bool_]:
        part = slice(first, first + _PAIRS)
        return dwithin(shapes[part], at[part], by_m[part])

    found = grid.side_by_side(told, range(0, len(shapes), _PAIRS))
    return np.concatenate([np.zeros(0, dtype=np.bool_), *found])


def _may_raise(laid: _Laid, ground: NDArray[np.int8]) -> grid.Pairs:
    """Return squares with ground of a lower class, and the zones that come about as near as any."""
    classes, doubt_m = laid.hazard.zone_class, laid.hazard.zone_uncertainty_m
    square, zone = laid.touched
    not_lowest = classes[zone] > np.min(classes, initial=max(GeologyClass))
    square, zone = laid.squares.spread(
        (square[not_lowest], zone[not_lowest]), np.max(doubt_m, initial=0.0) + SLACK_M
    )
    # How far below the highest of all classes the ground of a square goes; not at all where bare.
    depth = laid.greatest(max(GeologyClass) - classes, laid.touched, laid.full)
    at = laid.row[square]
    higher = (classes[zone] > max(GeologyClass) - depth[at]) & (classes[zone] > ground[at])
    return square[higher], zone[higher]


def index_of(hazard: Hazard, easting: NDArray[np.float64], northing: NDArray[np.float64]) -> Index:
    """
    Index what can matter to these places alone; for a few of them squares would not pay.

    Parameters
    ----------
    hazard
        What `prepare` returns.
    easting, northing
        Metres, EPSG:27700, shape (n,), all finite.

    Returns
    -------
    index
        For these places and no others.
    """
    if not len(easting):
        return _index_of_few(hazard, (0.0, 0.0, 0.0, 0.0))
    round_m = np.max(hazard.zone_uncertainty_m, initial=0.0) + SLACK_M
    around = (
        float(easting.min() - round_m),
        float(northing.min() - round_m),
        float(easting.max() + round_m),
        float(northing.max() + round_m),
    )
    if len(easting) < _FEW:
        return _index_of_few(hazard, around)
    held = extent(hazard)
    limits = (held[:2] * 2, held[2:] * 2)
    west, south, east, north = np.clip(around, *limits).tolist()
    most = min(grid.MOST_SQUARES, len(easting))
    return index(hazard, grid.Grid.over((west, south, east, north), most))


def _index_of_few(hazard: Hazard, around: tuple[float, float, float, float]) -> Index:
    """List what lies near a few places as if it mattered to each of them."""
    west, south, east, north = around
    bounds = shapely.bounds(hazard.zone_geometry).reshape(-1, 4)
    beside = (bounds[:, 2:] >= (west, south)) & (bounds[:, :2] <= (east, north))
    zones = np.flatnonzero(beside.all(axis=1))
    by_class = zones[np.argsort(-hazard.zone_class[zones], kind="stable")]
    reach_m = hazard.reach_m
    beside_e = (hazard.easting >= west - reach_m) & (hazard.easting <= east + reach_m)
    beside_n = (hazard.northing >= south - reach_m) & (hazard.northing <= north + reach_m)
    records = np.flatnonzero(beside_e & beside_n & hazard.counts)
    by_feature = records[np.argsort(hazard.feature[records], kind="stable")]
    size_m = max(east - west, north - south) + 1.0
    squares = grid.Grid(west=west, south=south, square_m=size_m, n_columns=1, n_rows=1)
    nothing = np.zeros(2, dtype=np.int8)
    return Index(
        hazard=hazard,
        squares=squares,
        row=np.array([1, 0], dtype=np.int32),
        ground=nothing,
        known_m=np.zeros(2),
        raised=nothing,
        touched=_all_in_row_1(zones),
        near=_all_in_row_1(by_class),
        records=_all_in_row_1(by_feature),
    )


def _all_in_row_1(items: NDArray[np.int64]) -> grid.Lists:
    return grid.Lists(start=np.array([0, 0, len(items)]), item=items)
