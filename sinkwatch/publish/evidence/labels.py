"""Room for labels: none lies on another, on a mark or across the neat line."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely
from shapely import affinity

from sinkwatch.publish.evidence import typeface

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from sinkwatch.publish.evidence.canvas import At, Lettering

PADDING_MM: Final = 0.3
"""Round the letters of a label."""

LINE: Final = 1.15
"""Height of a label's box, as a share of its letters' size: capitals with accents, and tails."""

_NEAT_MM: Final = 0.6
_BESIDE: Final = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
_REACHES_MM: Final = (4.0, 6.5, 9.5, 13.0, 18.0, 24.0, 32.0, 42.0)
_TURNS: Final = tuple(
    math.radians(22.5 * step) for step in (1, 7, 9, 15, 3, 5, 11, 13, 0, 8, 4, 12, 2, 6, 10, 14)
)
_SCAN_MM: Final = 3.0
_PATIENCE: Final = 60
"""Free places that are tried for a leader that crosses nothing, before one that does is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """
    Words with their place.

    Attributes
    ----------
    text
        As `typeface.label` returns it.
    at
        Their middle, millimetres.
    how
        Size, weight, colour.
    turned_deg
        Anticlockwise.
    box
        What they cover, millimetres.
    leader
        Line from what they name; None where they stand beside it.
    """

    text: str
    at: At
    how: Lettering
    turned_deg: float
    box: shapely.Polygon
    leader: shapely.LineString | None = None


class Board:
    """
    The paper inside a neat line, with what is taken of it.

    Parameters
    ----------
    neat
        The neat line, millimetres.
    """

    def __init__(self, neat: shapely.Polygon) -> None:
        left, low, right, high = neat.bounds
        inset = _NEAT_MM
        self._inside = (left + inset, low + inset, right - inset, high - inset)
        self._taken: list[BaseGeometry] = []
        self._bounds: NDArray[np.float64] = np.empty((0, 4))

    def take(self, shape: BaseGeometry) -> None:
        """
        Take room.

        Parameters
        ----------
        shape
            Millimetres.
        """
        self._taken.append(shape)
        self._bounds = np.vstack([self._bounds, shape.bounds])

    def is_free(self, shape: BaseGeometry) -> bool:
        """
        Tell whether nothing lies there yet.

        Parameters
        ----------
        shape
            Millimetres.

        Returns
        -------
        is_free
            False as well if it crosses the neat line.
        """
        left, low, right, high = shape.bounds
        west, south, east, north = self._inside
        if left < west or low < south or right > east or high > north:
            return False
        others = self._bounds
        near = (
            (others[:, 0] < right)
            & (others[:, 2] > left)
            & (others[:, 1] < high)
            & (others[:, 3] > low)
        )
        return not any(shape.intersects(self._taken[index]) for index in np.flatnonzero(near))

    def beside(
        self,
        mark: BaseGeometry,
        text: str,
        how: Lettering,
        *,
        clear_of: BaseGeometry | None = None,
    ) -> Label | None:
        """
        Place a label next to a mark.

        Parameters
        ----------
        mark
            What it names, millimetres.
        text
            As `typeface.label` returns it.
        how
            How it is set.
        clear_of
            What it had better not lie on besides, millimetres.

        Returns
        -------
        label
            Its room is taken; None if there is none.
        """
        places = ((at, 0.0) for at in _beside(mark, *_size(text, how)))
        if clear_of is None:
            return self.first(text, how, places)
        found = self.first(text, how, places, clear_of=clear_of)
        return self.beside(mark, text, how) if found is None else found

    def must(self, marks: tuple[BaseGeometry, ...], text: str, how: Lettering) -> Label | None:
        """
        Place a label that has to be on the sheet, further off with a leader if need be.

        Parameters
        ----------
        marks
            What it names, then what stands round that, beside which it may stand too, millimetres;
            the last of them holds all others.
        text
            As `typeface.label` returns it.
        how
            How it is set.

        Returns
        -------
        label
            Its room is taken; None if the whole sheet is full.
        """
        for mark in marks:
            near = self.beside(mark, text, how)
            if near is not None:
                return near
        return self._led(marks[-1], text, how)

    def _led(self, mark: BaseGeometry, text: str, how: Lettering) -> Label | None:
        """Place a label where a line to its mark crosses nothing, or, failing that, anywhere."""
        spare: Label | None = None
        places = itertools.chain(_further(mark, *_size(text, how)), self._anywhere(mark))
        boxes = ((at, box_of(text, how, at)) for at in places)
        free = ((at, box) for at, box in boxes if self.is_free(box))
        start = shapely.buffer(mark, PADDING_MM / 2)
        for at, box in itertools.islice(free, _PATIENCE):
            leader = shapely.shortest_line(start, box)
            found = Label(text=text, at=at, how=how, turned_deg=0.0, box=box, leader=leader)
            if self.is_free(leader):
                return self._kept(found)
            spare = spare or found
        return None if spare is None else self._kept(spare)

    def first(
        self,
        text: str,
        how: Lettering,
        places: Iterator[tuple[At, float]],
        *,
        clear_of: BaseGeometry | None = None,
    ) -> Label | None:
        """
        Place a label at the first of several places that is free.

        Parameters
        ----------
        text
            As `typeface.label` returns it.
        how
            How it is set.
        places
            Middle, and how far it is turned anticlockwise, degrees.
        clear_of
            What it may not lie on besides, millimetres.

        Returns
        -------
        label
            Its room is taken; None if there is none.
        """
        for at, turned_deg in places:
            box = box_of(text, how, at, turned_deg=turned_deg)
            if self.is_free(box) and (clear_of is None or not box.intersects(clear_of)):
                return self._kept(Label(text=text, at=at, how=how, turned_deg=turned_deg, box=box))
        return None

    def _kept(self, label: Label) -> Label:
        self.take(label.box)
        if label.leader is not None:
            self.take(label.leader)
        return label

    def _anywhere(self, mark: BaseGeometry) -> Iterator[At]:
        """Yield places all over the sheet, the nearest first."""
        west, south, east, north = self._inside
        across, up = np.meshgrid(np.arange(west, east, _SCAN_MM), np.arange(south, north, _SCAN_MM))
        middle = mark.centroid
        order = np.argsort(np.hypot(across - middle.x, up - middle.y).ravel(), kind="stable")
        for index in order:
            yield float(across.ravel()[index]), float(up.ravel()[index])


def box_of(text: str, how: Lettering, at: At, *, turned_deg: float = 0.0) -> shapely.Polygon:
    """
    Return what a label covers.

    Parameters
    ----------
    text
        As `typeface.label` returns it.
    how
        How it is set.
    at
        Its middle, millimetres.
    turned_deg
        Anticlockwise.

    Returns
    -------
    box
        Millimetres.
    """
    width, height = _size(text, how)
    box = shapely.box(at[0] - width / 2, at[1] - height / 2, at[0] + width / 2, at[1] + height / 2)
    return affinity.rotate(box, turned_deg) if turned_deg else box


def _size(text: str, how: Lettering) -> tuple[float, float]:
    width, height = typeface.extent_mm(text, how.size_pt, how.weight)
    return width + 2 * PADDING_MM, height * LINE


def _beside(mark: BaseGeometry, width: float, height: float) -> Iterator[At]:
    left, low, right, high = mark.bounds
    middle = ((left + right) / 2, (low + high) / 2)
    reach = ((right - left + width) / 2 + 0.1, (high - low + height) / 2 + 0.1)
    for across, up in _BESIDE:
        yield middle[0] + across * reach[0], middle[1] + up * reach[1]


def _further(mark: BaseGeometry, width: float, height: float) -> Iterator[At]:
    middle = mark.centroid
    for reach in _REACHES_MM:
        for turn in _TURNS:
            right, up = math.cos(turn), math.sin(turn)
            yield (
                middle.x + right * (reach + width / 2),
                middle.y + up * (reach + height / 2),
            )
