"""
Squares on the map: which shapes touch, fill or come near each, so that few pairs need measuring.

Nothing is decided by a square that a measurement would decide otherwise: every list is at least
as long as it must be, and a square is full of a shape only if no line of it comes near.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import numpy as np
import shapely

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

SQUARE_M: Final = 250.0
"""Side of a square, metres: lists stay short, and a country has few enough squares to hold."""

MOST_SQUARES: Final = 2**24
"""Beyond this the squares grow instead: at four bytes each they take 64 MiB."""

PAD_M: Final = 0.01
"""Squares reach this much beyond their sides, metres: more than any rounding moves a place."""

_BLOCK: Final = 1_000  # shapes laid out at a time, which bounds the memory

Pairs: TypeAlias = "tuple[NDArray[np.int64], NDArray[np.int64]]"
"""Numbers of squares, and of the shapes (or records) that each goes with."""

Rows: TypeAlias = "NDArray[np.int32] | NDArray[np.int64]"
"""Numbers of rows of `Lists`."""

_MOST_THREADS: Final = 4  # each holds a block, and more would wait for one another

_Made = TypeVar("_Made")

_Corners: TypeAlias = "tuple[float, float, float, float]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """
    Squares in rows from the south and columns from the west.

    Attributes
    ----------
    west, south
        Of the first square, metres, EPSG:27700.
    square_m
        Side of a square, metres.
    n_columns, n_rows
        How many there are; square number ``row * n_columns + column``.
    """

    west: float
    south: float
    square_m: float
    n_columns: int
    n_rows: int

    @classmethod
    def over(cls, corners: _Corners, most: int = MOST_SQUARES) -> Grid:
        """
        Lay squares over an extent.

        Parameters
        ----------
        corners
            West, south, east and north, metres, EPSG:27700.
        most
            About how many squares there may be.

        Returns
        -------
        grid
            With squares of `SQUARE_M`, or larger ones where there would be too many.
        """
        west, south, east, north = corners
        width, height = east - west, north - south
        square_m = max(SQUARE_M, float(np.sqrt(width * height / most)), max(width, height) / most)
        return cls(
            west=west,
            south=south,
            square_m=square_m,
            n_columns=int(width // square_m) + 1,
            n_rows=int(height // square_m) + 1,
        )

    @property
    def n_squares(self) -> int:
        """Return how many squares there are."""
        return self.n_columns * self.n_rows

    @property
    def half_diagonal_m(self) -> float:
        """Return how far from its middle a place in a square can be, metres."""
        return float(self.square_m * np.sqrt(0.5)) + PAD_M

    def of(self, easting: NDArray[np.float64], northing: NDArray[np.float64]) -> NDArray[np.int64]:
        """
        Tell in which square each place lies.

        Parameters
        ----------
        easting, northing
            Metres, EPSG:27700, shape (n,).

        Returns
        -------
        squares
            Shape (n,); `n_squares` where a place lies in none, or is no number.
        """
        column = (easting - self.west) / self.square_m
        row = (northing - self.south) / self.square_m
        within = (column >= 0) & (column < self.n_columns) & (row >= 0) & (row < self.n_rows)
        # What is no number must not be cast to one; within the grid the cast rounds down.
        column, row = np.where(within, column, 0.0), np.where(within, row, 0.0)
        number = row.astype(np.int64) * self.n_columns + column.astype(np.int64)
        return np.where(within, number, self.n_squares)

    def middles(self, squares: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
        """
        Return the middle of each square.

        Parameters
        ----------
        squares
            Numbers of squares, shape (n,).

        Returns
        -------
        easting, northing
            Metres, EPSG:27700, shape (n,).
        """
        row, column = np.divmod(squares, self.n_columns)
        return (
            self.west + (column + 0.5) * self.square_m,
            self.south + (row + 0.5) * self.square_m,
        )

    def cover(self, shapes: NDArray[np.object_]) -> tuple[Pairs, Pairs]:
        """
        Find the squares that the lines of polygons touch, and those that lie wholly inside.

        Parameters
        ----------
        shapes
            Polygons or multipolygons, EPSG:27700, shape (n,); faster if prepared.

        Returns
        -------
        touched
            Pairs of square and shape: at least all squares within `PAD_M` of its lines.
        full
            Pairs of square and shape: all others of which the shape holds every point.
        """

        def laid(first: int) -> tuple[Pairs, Pairs]:
            block = shapes[first : first + _BLOCK]
            squares, numbers = self._touched(block)
            in_full, of = self._full(block, squares, numbers)
            return (squares, numbers + first), (in_full, of + first)

        found = [(_NO_PAIRS, _NO_PAIRS), *side_by_side(laid, range(0, len(shapes), _BLOCK))]
        return _joined([touched for touched, _ in found]), _joined([full for _, full in found])

    def _touched(self, shapes: NDArray[np.object_]) -> Pairs:
        ends, owner = _segments(shapes)
        held = self._boxes(*ends)
        here = held.meets(self.n_columns, self.n_rows)
        is_short = here & (held.width <= 1) & (held.height <= 1)
        is_long = here & ~is_short
        pieces, of_piece = _cut([end[is_long] for end in ends], owner[is_long], self.square_m / 2)
        boxes = [(held.only(is_short), owner[is_short]), (self._boxes(*pieces), of_piece)]
        keys = [numbers * self.n_squares + squares for squares, numbers in map(self._in, boxes)]
        number, square = np.divmod(distinct(keys), self.n_squares)
        return square, number

    def _boxes(
        self,
        start_e: NDArray[np.float64],
        start_n: NDArray[np.float64],
        stop_e: NDArray[np.float64],
        stop_n: NDArray[np.float64],
    ) -> _Boxes:
        """Return the columns and rows that segments come within `PAD_M` of."""
        west = self._column(np.minimum(start_e, stop_e) - PAD_M)
        south = self._row(np.minimum(start_n, stop_n) - PAD_M)
        return _Boxes(
            west=west,
            south=south,
            width=self._column(np.maximum(start_e, stop_e) + PAD_M) - west,
            height=self._row(np.maximum(start_n, stop_n) + PAD_M) - south,
        )

    def _column(self, easting: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.floor((easting - self.west) / self.square_m).astype(np.int64)

    def _row(self, northing: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.floor((northing - self.south) / self.square_m).astype(np.int64)

    def _in(self, given: tuple[_Boxes, NDArray[np.int64]]) -> Pairs:
        """Return the squares on the grid that each box of two by two at most takes in."""
        boxes, owner = given
        # Along a line neighbours mostly touch the same squares.
        differs = np.ones(len(owner), dtype=np.bool_)
        for one in (owner, boxes.west, boxes.south, boxes.width, boxes.height):
            differs[1:] &= one[1:] == one[:-1]
        differs[1:] = ~differs[1:]
        boxes, owner = boxes.only(differs), owner[differs]
        found = [_NO_PAIRS]
        for east, north in np.ndindex(2, 2):
            column, row = boxes.west + east, boxes.south + north
            held = (boxes.width >= east) & (column >= 0) & (column < self.n_columns)
            held &= (boxes.height >= north) & (row >= 0) & (row < self.n_rows)
            found.append((row[held] * self.n_columns + column[held], owner[held]))
        return _joined(found)

    def _full(
        self, shapes: NDArray[np.object_], squares: NDArray[np.int64], owner: NDArray[np.int64]
    ) -> Pairs:
        """Between the squares that its lines touch, a row is in a shape or out of it as one."""
        box = self._boxes(*shapely.bounds(shapes).T)
        west, south = np.maximum(box.west, 0), np.maximum(box.south, 0)
        east = np.minimum(box.west + box.width, self.n_columns - 1)
        north = np.minimum(box.south + box.height, self.n_rows - 1)
        n_rows = np.where(east < west, 0, np.maximum(north - south + 1, 0))
        shape = np.repeat(np.arange(len(shapes)), n_rows)
        row = _counted(n_rows) + south[shape]
        # A row of a shape runs from the column before its extent to the one after it.
        stride = self.n_columns + 2
        line = (shape * self.n_rows + row) * stride
        touched = (owner * self.n_rows + squares // self.n_columns) * stride
        touched += squares % self.n_columns + 1
        stops = distinct([touched, line + west[shape], line + east[shape] + 2])
        gap = np.diff(stops) - 1
        run = (gap > 0) & (stops[:-1] // stride == stops[1:] // stride)
        first, length = stops[:-1][run] + 1, gap[run]
        line, column = np.divmod(first, stride)
        shape, row = np.divmod(line, self.n_rows)
        square = row * self.n_columns + column - 1
        inside = shapely.intersects_xy(shapes[shape], *self.middles(square))
        length = length[inside]
        return (
            np.repeat(square[inside], length) + _counted(length),
            np.repeat(shape[inside], length),
        )

    def spread(self, pairs: Pairs, by_m: float) -> Pairs:
        """
        Add to the squares of each shape those that come within some distance of them.

        Parameters
        ----------
        pairs
            Squares and shapes.
        by_m
            Distance, metres.

        Returns
        -------
        pairs
            At least all squares with a point as near as that to a square given for the shape.
        """
        squares, owner = pairs
        reach = int((by_m + PAD_M) // self.square_m) + 1
        row, column = np.divmod(squares, self.n_columns)
        # Rows of a shape and its reach are laid end to end with room between: runs on one line.
        stride = self.n_columns + 2 * reach + 1
        height = self.n_rows + 2 * reach
        line = np.sort((owner * height + row + reach) * stride + column)
        start, stop = _merged(line, line + 2 * reach)
        up = np.arange(-reach, reach + 1)[:, None] * stride
        start = np.sort((start + up).ravel())
        stop = np.sort((stop + up).ravel())
        start, stop = _merged(start, stop)
        length = stop - start + 1
        line, column = np.divmod(np.repeat(start, length) + _counted(length), stride)
        owner, row = np.divmod(line, height)
        row, column = row - reach, column - reach
        held = (row >= 0) & (row < self.n_rows) & (column >= 0) & (column < self.n_columns)
        return row[held] * self.n_columns + column[held], owner[held]

    def reached(
        self,
        easting: NDArray[np.float64],
        northing: NDArray[np.float64],
        reach_m: NDArray[np.float64],
    ) -> Pairs:
        """
        Find the squares that come within reach of each place.

        Parameters
        ----------
        easting, northing
            Metres, EPSG:27700, shape (n,).
        reach_m
            Metres, shape (n,).

        Returns
        -------
        pairs
            Squares and numbers of places, by place.
        """
        west = np.maximum(self._column(easting - reach_m - PAD_M), 0)
        south = np.maximum(self._row(northing - reach_m - PAD_M), 0)
        east = np.minimum(self._column(easting + reach_m + PAD_M), self.n_columns - 1)
        north = np.minimum(self._row(northing + reach_m + PAD_M), self.n_rows - 1)
        width, height = np.maximum(east - west + 1, 0), np.maximum(north - south + 1, 0)
        place = np.repeat(np.arange(len(easting)), width * height)
        row, column = np.divmod(_counted(width * height), width[place])
        square = (row + south[place]) * self.n_columns + column + west[place]
        middle_e, middle_n = self.middles(square)
        off_e = np.maximum(np.abs(middle_e - easting[place]) - self.square_m / 2, 0.0)
        off_n = np.maximum(np.abs(middle_n - northing[place]) - self.square_m / 2, 0.0)
        near = np.hypot(off_e, off_n) <= reach_m[place] + PAD_M
        return square[near], place[near]


def side_by_side(work: Callable[[int], _Made], parts: Sequence[int]) -> list[_Made]:
    """
    Do one thing with several parts of arrays, on as many processors as there are.

    Parameters
    ----------
    work
        What is done with each, mostly outside the interpreter.
    parts
        Where each begins.

    Returns
    -------
    made
        In the order of the parts.
    """
    if len(parts) <= 1:  # a thread would cost more than it gains
        return [work(part) for part in parts]
    with ThreadPoolExecutor(_MOST_THREADS) as pool:
        return list(pool.map(work, parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Boxes:
    """Columns and rows from the west and south; width and height are 0 for a single square."""

    west: NDArray[np.int64]
    south: NDArray[np.int64]
    width: NDArray[np.int64]
    height: NDArray[np.int64]

    def only(self, chosen: NDArray[np.bool_]) -> _Boxes:
        return _Boxes(
            west=self.west[chosen],
            south=self.south[chosen],
            width=self.width[chosen],
            height=self.height[chosen],
        )

    def meets(self, n_columns: int, n_rows: int) -> NDArray[np.bool_]:
        """Tell which lie on a grid of so many squares, in part at least."""
        across = (self.west < n_columns) & (self.west + self.width >= 0)
        return across & (self.south < n_rows) & (self.south + self.height >= 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """
    A list of numbers for each row, end to end.

    Attributes
    ----------
    start
        Shape (n_rows + 1,): where each row's list begins, and where the last ends.
    item
        All lists, in order.
    """

    start: NDArray[np.int64]
    item: NDArray[np.int64]

    @classmethod
    def of(cls, row: Rows, item: NDArray[np.int64], n_rows: int) -> Lists:
        """
        Gather the items of each row, which stay in the order given.

        Parameters
        ----------
        row, item
            Shape (n,).
        n_rows
            How many rows there are.

        Returns
        -------
        lists
            One for each row, many of them empty perhaps.
        """
        start = np.zeros(n_rows + 1, dtype=np.int64)
        np.cumsum(np.bincount(row, minlength=n_rows), out=start[1:])
        return cls(start=start, item=item[np.argsort(row, kind="stable")])

    def turns(self, row: Rows) -> Iterator[Pairs]:
        """
        Go through the lists of many rows at once.

        Parameters
        ----------
        row
            Numbers of rows, shape (n,).

        Yields
        ------
        asked, item
            The first item of every list, then the second, and so on: indices into `row`, each
            there once at most, and the items.
        """
        asked = np.flatnonzero(self.start[row + 1] > self.start[row])
        at, end = self.start[row[asked]], self.start[row[asked] + 1]
        while len(asked):
            yield asked, self.item[at]
            at = at + 1
            left = at < end
            asked, at, end = asked[left], at[left], end[left]


def distinct(numbers: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """
    Sort several lists of numbers into one.

    Parameters
    ----------
    numbers
        Lists of any length.

    Returns
    -------
    distinct
        Ascending, each once. `numpy.unique` hashes them instead, which takes ten times as long
        where they are almost in order.
    """
    ordered = np.sort(np.concatenate(numbers), kind="stable")
    return ordered[np.diff(ordered, prepend=ordered[:1] - 1) > 0]


_NO_PAIRS: Final[Pairs] = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


def _joined(pairs: list[Pairs]) -> Pairs:
    squares, numbers = zip(*pairs, strict=True)
    return np.concatenate(squares), np.concatenate(numbers)


def _counted(length: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0, 1, … for each length, end to end."""
    return np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)


def _segments(shapes: NDArray[np.object_]) -> tuple[list[NDArray[np.float64]], NDArray[np.int64]]:
    """Return easting and northing of both ends of each segment, and the shape it belongs to."""
    parts, shape = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    at, ring = shapely.get_coordinates(rings, return_index=True)
    same = ring[1:] == ring[:-1]
    easting, northing = np.ascontiguousarray(at.T)
    ends = [easting[:-1], northing[:-1], easting[1:], northing[1:]]
    return [end[same] for end in ends], shape[part[ring[:-1][same]]]


def _cut(
    ends: list[NDArray[np.float64]], owner: NDArray[np.int64], most_m: float
) -> tuple[list[NDArray[np.float64]], NDArray[np.int64]]:
    """Cut segments so that none is longer along an axis."""
    start_e, start_n, stop_e, stop_n = ends
    long_m = np.maximum(np.abs(stop_e - start_e), np.abs(stop_n - start_n))
    n = np.ceil(long_m / most_m).astype(np.int64)
    at = _counted(n)
    whole = np.repeat(np.arange(len(n)), n)
    step_e, step_n = ((stop_e - start_e) / n)[whole], ((stop_n - start_n) / n)[whole]
    start_e, start_n = start_e[whole] + at * step_e, start_n[whole] + at * step_n
    return [start_e, start_n, start_e + step_e, start_n + step_n], owner[whole]


def _merged(start: NDArray[np.int64], stop: NDArray[np.int64]) -> Pairs:
    """Merge runs that meet or overlap; both ends are sorted, which for a union is as good."""
    apart = np.ones(len(start), dtype=np.bool_)
    apart[1:] = start[1:] > stop[:-1] + 1
    last = np.ones(len(start), dtype=np.bool_)
    last[:-1] = apart[1:]
    return start[apart], stop[last]
