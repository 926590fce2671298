"""Where ground falls on a sheet: metres of the National Grid into millimetres of paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from sinkwatch.publish.evidence.paper import LAYOUTS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from sinkwatch.model import Bounds, Sheet

    Shapes = NDArray[np.object_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """
    A piece of ground as it lies on paper.

    Attributes
    ----------
    frame
        The ground that is seen, EPSG:27700 metres.
    scale
        Such as 2500, for 1:2500.
    collar_mm
        Paper all round it, for the grid's figures.
    """

    frame: Bounds
    scale: int
    collar_mm: float

    @classmethod
    def of(cls, sheet: Sheet) -> Window:
        """
        Return the window of a sheet.

        Parameters
        ----------
        sheet
            The sheet.

        Returns
        -------
        window
            With the collar of its paper.
        """
        return cls(frame=sheet.frame, scale=sheet.scale, collar_mm=LAYOUTS[sheet.paper].collar_mm)

    @property
    def mm_per_m(self) -> float:
        """Return how many millimetres a metre of ground takes."""
        return 1_000 / self.scale

    @property
    def size_mm(self) -> tuple[float, float]:
        """Return width and height with the collar."""
        wide_m = self.frame.max_easting - self.frame.min_easting
        high_m = self.frame.max_northing - self.frame.min_northing
        around = 2 * self.collar_mm
        return wide_m * self.mm_per_m + around, high_m * self.mm_per_m + around

    @property
    def neat(self) -> shapely.Polygon:
        """Return the neat line, millimetres from the lower left corner of the collar."""
        width, height = self.size_mm
        collar = self.collar_mm
        return shapely.box(collar, collar, width - collar, height - collar)

    @property
    def ground(self) -> shapely.Polygon:
        """Return the ground that is seen, EPSG:27700."""
        return shapely.box(*self.frame.as_tuple())

    def around(self, by_m: float) -> shapely.Polygon:
        """
        Return the ground that is seen and some more on every side.

        Parameters
        ----------
        by_m
            How much more, metres.

        Returns
        -------
        ground
            EPSG:27700.
        """
        west, south, east, north = self.frame.as_tuple()
        return shapely.box(west - by_m, south - by_m, east + by_m, north + by_m)

    def mm(self, easting: float, northing: float) -> tuple[float, float]:
        """
        Return where a position falls, millimetres right of and above the collar's corner.

        Parameters
        ----------
        easting, northing
            EPSG:27700.

        Returns
        -------
        at_mm
            Outside the sheet for what lies outside the frame.
        """
        right = (easting - self.frame.min_easting) * self.mm_per_m + self.collar_mm
        up = (northing - self.frame.min_northing) * self.mm_per_m + self.collar_mm
        return right, up

    def on_paper(self, shape: BaseGeometry) -> BaseGeometry:
        """
        Move one shape from the ground to the paper.

        Parameters
        ----------
        shape
            EPSG:27700.

        Returns
        -------
        shape
            Millimetres.
        """
        moved: BaseGeometry = shapely.transform(shape, self._moved)
        return moved

    def all_on_paper(self, shapes: Shapes) -> Shapes:
        """
        Move shapes from the ground to the paper.

        Parameters
        ----------
        shapes
            EPSG:27700.

        Returns
        -------
        shapes
            Millimetres, in the same order.
        """
        return np.asarray(shapely.transform(shapes, self._moved), dtype=object)

    def _moved(self, metres: NDArray[np.float64]) -> NDArray[np.float64]:
        corner = np.array([self.frame.min_easting, self.frame.min_northing])
        return np.asarray((metres - corner) * self.mm_per_m + self.collar_mm)
