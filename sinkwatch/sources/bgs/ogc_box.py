"""The rectangle of degrees that holds an area: what a service is asked for, and may give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from sinkwatch import geo
from sinkwatch.errors import CoverageError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from sinkwatch.model import Bounds

MARGIN_M: Final = 1_000.0
"""How far round the area is asked for, metres, so that lines do not end at its very edge."""

_STEPS: Final = 16  # points a side: a straight line of the National Grid is none of longitude
_GRAIN_DEGREES: Final = 1e-4  # about 10 m; to the outside


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """
    The rectangle asked for, its edges included.

    Attributes
    ----------
    west, south, east, north
        Degrees, EPSG:4326.
    """

    west: float
    south: float
    east: float
    north: float

    def query(self) -> str:
        """Return it as ``bbox`` wants it: least longitude, least latitude, then the greatest."""
        return f"{self.west:.4f},{self.south:.4f},{self.east:.4f},{self.north:.4f}"

    def meets(self, bounds: NDArray[np.float64]) -> NDArray[np.bool_]:
        """
        Tell which rectangles have ground in common with this one.

        A server compares rectangles, not shapes: more is not promised of what it finds.

        Parameters
        ----------
        bounds
            West, south, east, north, degrees, shape (n, 4); NaN meets nothing.

        Returns
        -------
        meets
            Shape (n,).
        """
        west, south, east, north = bounds.T
        return np.asarray(
            (west <= self.east)
            & (east >= self.west)
            & (south <= self.north)
            & (north >= self.south),
            dtype=np.bool_,
        )

    def shape(self) -> BaseGeometry:
        """Return it as a polygon, EPSG:4326."""
        return shapely.box(self.west, self.south, self.east, self.north)


def box_round(bounds: Bounds, margin_m: float = MARGIN_M) -> Box:
    """
    Return the rectangle of degrees that holds an area and some ground round it.

    Parameters
    ----------
    bounds
        Of the area, EPSG:27700.
    margin_m
        How far round it, metres.

    Returns
    -------
    box
        Rounded to the outside.

    Raises
    ------
    CoverageError
        If the area reaches where the National Grid is not defined.
    """
    steps = np.linspace(0, 1, _STEPS)
    west, south, east, north = wider(bounds, margin_m)
    along, up = west + steps * (east - west), south + steps * (north - south)
    eastings = np.concatenate(
        [along, along, np.full_like(up, along[0]), np.full_like(up, along[-1])]
    )
    northings = np.concatenate([np.full_like(along, up[0]), np.full_like(along, up[-1]), up, up])
    longitude, latitude = geo.to_wgs84(eastings, northings)
    if not (np.isfinite(longitude).all() and np.isfinite(latitude).all()):
        raise CoverageError(
            f"bounds {bounds.as_tuple()}",
            "reach where the National Grid is not defined",
            "Mend the bounds in the area file",
        )
    return Box(
        west=_outwards(longitude.min(), np.floor),
        south=_outwards(latitude.min(), np.floor),
        east=_outwards(longitude.max(), np.ceil),
        north=_outwards(latitude.max(), np.ceil),
    )


def wider(bounds: Bounds, margin_m: float = MARGIN_M) -> tuple[float, float, float, float]:
    """
    Return an area's bounds with some ground round them.

    Parameters
    ----------
    bounds
        Of the area, EPSG:27700.
    margin_m
        How far round it, metres.

    Returns
    -------
    west, south, east, north
        Metres, EPSG:27700.
    """
    west, south, east, north = bounds.as_tuple()
    return west - margin_m, south - margin_m, east + margin_m, north + margin_m


def _outwards(degrees: float, rounded: Callable[[float], float]) -> float:
    return round(float(rounded(degrees / _GRAIN_DEGREES)) * _GRAIN_DEGREES, 4)
