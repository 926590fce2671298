"""What the map of a mail is drawn on: the buildings, roads, water and woods within its view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from sinkwatch.notify.palette import BACKDROP, number

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd
    from numpy.typing import NDArray

    from sinkwatch.notify.raster import Raster

_ROAD_PX: Final = {"main": 3.6, "minor": 2.6, "local": 1.8}
_ROAD_M: Final = {"main": 10.0, "minor": 8.0, "local": 6.0}
_CASING_PX: Final = 1.0
_FULL_WIDTH_TO: Final = 4.5  # metres to a pixel: in a wider view streets are drawn narrower
_LEAST_BUILDING_PX: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Backdrop:
    """
    What may be drawn under the marks, ready to be asked for any square of ground.

    Attributes
    ----------
    tree
        The shapes, EPSG:27700.
    layers, classes
        Of each: its layer, and the class of the road that it is.
    """

    tree: shapely.STRtree
    layers: NDArray[np.object_]
    classes: NDArray[np.object_]

    @classmethod
    def of(cls, frame: gpd.GeoDataFrame) -> Backdrop:
        """
        Make it ready.

        Parameters
        ----------
        frame
            Frame of `schemas.BACKDROP`, EPSG:27700.

        Returns
        -------
        backdrop
            The same whatever the order of the rows.
        """
        rows = frame.sort_values("feature_id")
        local = np.full(len(rows), "local", dtype=object)
        given = rows["road_class"].to_numpy() if "road_class" in rows.columns else local
        return cls(
            tree=shapely.STRtree(rows.geometry.to_numpy()),
            layers=rows["layer"].to_numpy(dtype=object),
            classes=np.asarray(given, dtype=object),
        )

    def draw(self, raster: Raster, px: float) -> None:
        """
        Draw what lies on a square of ground, the lowest first.

        Parameters
        ----------
        raster
            Which holds the ground already.
        px
            Dots to a CSS pixel.
        """
        near = np.sort(self.tree.query(raster.ground))
        shapes, layers = raster.cut(self.tree.geometries[near]), self.layers[near]
        dimensions = shapely.get_dimensions(shapes)
        areas, lines = dimensions == 2, dimensions == 1  # noqa: PLR2004 - of a surface
        # Their edges alone: filled, they would hide what the ground is.
        woods = shapely.boundary(shapes[areas & (layers == "woodland")])
        raster.draw(woods, 1.0 * px, number(BACKDROP["woodland"]))
        water = number(BACKDROP["water"])
        raster.fill(shapes[areas & (layers == "water")], water)
        raster.draw(shapes[lines & (layers == "water")], 1.4 * px, water)
        roads = lines & (layers == "road")
        m_per_px = raster.m_per_dot * px
        for kind, width_px, colour in _roads(m_per_px):
            drawn = shapes[roads & (self.classes[near] == kind)]
            raster.draw(drawn, width_px * px, number(colour))
        railways = shapes[lines & (layers == "railway")]
        raster.draw(railways, 1.2 * px, number(BACKDROP["railway"]))
        buildings = shapes[areas & (layers == "building")]
        # Smaller ones would be specks that look like marks, and cost bytes.
        seen = shapely.area(buildings) >= (_LEAST_BUILDING_PX * m_per_px) ** 2
        raster.fill(buildings[seen], number(BACKDROP["building"]))


def _roads(m_per_px: float) -> Iterator[tuple[str, float, str]]:
    """Name class, width and colour: every casing first, so that none cuts a road at a crossing."""
    smaller = min(1.0, _FULL_WIDTH_TO / m_per_px)
    for colour, more_px in ((BACKDROP["casing"], 2 * _CASING_PX), (BACKDROP["road"], 0.0)):
        for kind, least_px in _ROAD_PX.items():
            width_px = max(least_px * smaller, _ROAD_M[kind] / m_per_px)
            yield kind, width_px + more_px * smaller, colour
