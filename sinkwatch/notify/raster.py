"""A square of ground as dots of numbers: where a position falls on it, how shapes fill it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Shapes = NDArray[np.object_]

SIDE: Final = 720
"""Dots along each side: whole repeats of every pattern at every scale."""

_HALF: Final = 0.5  # of a dot: Pillow counts from the middle of the first
_MARGIN: Final = 16
"""Dots beyond the edge within which shapes are cut, so that no cut edge shows as a line."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Raster:
    """
    A square of ground to draw on.

    Attributes
    ----------
    west, north
        Its upper left corner, metres, EPSG:27700.
    m_per_dot
        Metres to a dot.
    image
        One number a dot; 0 at first.
    """

    west: float
    north: float
    m_per_dot: float
    image: Image.Image = field(default_factory=lambda: Image.new("L", (SIDE, SIDE)))

    @property
    def ground(self) -> shapely.Polygon:
        """Return what it shows and a little more, EPSG:27700."""
        near, far = -_MARGIN * self.m_per_dot, (SIDE + _MARGIN) * self.m_per_dot
        return shapely.box(self.west + near, self.north - far, self.west + far, self.north - near)

    @property
    def dots(self) -> NDArray[np.uint8]:
        """Return the numbers, one row from west to east after another."""
        return np.asarray(self.image)

    def cut(self, shapes: Shapes) -> Shapes:
        """
        Cut shapes down to what may show.

        Parameters
        ----------
        shapes
            EPSG:27700.

        Returns
        -------
        shapes
            As many, some of them empty perhaps.
        """
        return np.asarray(shapely.clip_by_rect(shapes, *self.ground.bounds))

    def fill(self, shapes: Shapes, number: int) -> None:
        """
        Fill areas, less their holes; what is no area is passed over.

        Parameters
        ----------
        shapes
            EPSG:27700, cut already.
        number
            What becomes of their dots.
        """
        parts = shapely.get_parts(shapes)
        is_area = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
        areas = parts[is_area & ~shapely.is_empty(parts)]
        rings = shapely.get_exterior_ring(areas)
        # The larger first: what stands in a court is drawn after the court is cut out.
        in_order = np.argsort(-shapely.area(shapely.polygons(rings)), kind="stable")
        covered = Image.new("1", self.image.size)
        pen = ImageDraw.Draw(covered)
        for area in areas[in_order]:
            for index, ring in enumerate(shapely.get_rings(area)):
                pen.polygon(self._at(ring), fill=int(index == 0))
        self.image.paste(number, mask=covered)

    def draw(self, lines: Shapes, width: float, number: int) -> None:
        """
        Draw lines with round ends; what is no line is passed over.

        Parameters
        ----------
        lines
            EPSG:27700, cut already.
        width
            Dots.
        number
            What becomes of their dots.
        """
        pen, whole = ImageDraw.Draw(self.image), max(1, round(width))
        for line in _lines(shapely.get_parts(lines)):
            at = self._at(line)
            pen.line(at, fill=number, width=whole, joint="curve")
            if whole > 2:  # noqa: PLR2004 - below that no end shows
                for right, down in (at[:2], at[-2:]):
                    pen.circle((right, down), (whole - 1) / 2, fill=number)

    def _at(self, line: shapely.Geometry) -> list[float]:
        """Return where its corners fall: right, down, right, down."""
        corners = shapely.get_coordinates(line)
        dots = (corners - (self.west, self.north)) / (self.m_per_dot, -self.m_per_dot)
        return [float(place) for place in (dots - _HALF).ravel()]


def _lines(parts: Shapes) -> Iterable[shapely.Geometry]:
    kinds = shapely.get_type_id(parts)
    wanted = (kinds == shapely.GeometryType.LINESTRING) | (kinds == shapely.GeometryType.LINEARRING)
    return list(parts[wanted & ~shapely.is_empty(parts)])
