"""What the map of a mail is drawn on: the buildings, roads, water and woods within its view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import shapely
from matplotlib.collections import LineCollection
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from sinkwatch.notify import marks

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd
    from matplotlib.artist import Artist
    from numpy.typing import NDArray

    from sinkwatch.notify.scene import Scene, View

COLOURS: Final = {
    "woodland": "#a3b48f",
    "water": "#b7cdd6",
    "road": "#ffffff",
    "casing": "#c2c8c4",
    "railway": "#8d979b",
    "building": "#b3b5b0",
}
"""Paler than every mark, so that none is lost on it."""

_ROAD_PX: Final = {"main": 3.6, "minor": 2.6, "local": 1.8}
_ROAD_M: Final = {"main": 10.0, "minor": 8.0, "local": 6.0}
_CASING_PX: Final = 1.0
_FULL_WIDTH_TO: Final = 4.5  # metres to a pixel: in a wider view streets are drawn narrower
_LEAST_BUILDING_PX: Final = 2.0
_BELOW: Final = 1  # with the ground: matplotlib would draw lines over every patch


def palette() -> list[int]:
    """
    Return the colours that a picture with a backdrop is made of as well.

    Returns
    -------
    channels
        Red, green and blue of each colour in turn, as Pillow wants them.
    """
    return [channel for colour in COLOURS.values() for channel in bytes.fromhex(colour[1:])]


def artists(scene: Scene, view: View) -> Iterator[Artist]:
    """
    Make what lies within a view, the lowest first.

    Parameters
    ----------
    scene
        The scene.
    view
        What `view_of` returns for it.

    Yields
    ------
    artist
        In CSS pixels, to be added to axes.
    """
    if scene.backdrop is None:
        return
    ground = view.ground()
    near = scene.backdrop.iloc[np.sort(scene.backdrop.sindex.query(ground))]
    shapes = shapely.clip_by_rect(near.geometry.to_numpy(), *ground.bounds)
    layers = near["layer"].to_numpy()
    dimensions = shapely.get_dimensions(shapes)
    areas, lines = dimensions == 2, dimensions == 1  # noqa: PLR2004 - of a surface
    # Their edges alone: filled, they would hide what the ground is.
    woods = shapely.boundary(shapes[areas & (layers == "woodland")])
    yield _drawn(woods, view, COLOURS["woodland"], 1.0)
    yield _area(_moved(shapes[areas & (layers == "water")], view), COLOURS["water"])
    yield _drawn(shapes[lines & (layers == "water")], view, COLOURS["water"], 1.4)
    yield from _roads(shapes[lines & (layers == "road")], near[lines & (layers == "road")], view)
    yield _drawn(shapes[lines & (layers == "railway")], view, COLOURS["railway"], 1.2)
    buildings = shapes[areas & (layers == "building")]
    # Smaller ones would be specks that look like marks, and cost bytes.
    seen = shapely.area(buildings) >= (_LEAST_BUILDING_PX * view.m_per_px) ** 2
    yield _area(_moved(buildings[seen], view), COLOURS["building"])


def _roads(shapes: NDArray[np.object_], frame: gpd.GeoDataFrame, view: View) -> Iterator[Artist]:
    """Make every casing before every road, so that none cuts another at a crossing."""
    given = frame["road_class"] if "road_class" in frame.columns else None
    classes = np.full(len(frame), "local", dtype=object) if given is None else given.to_numpy()
    smaller = min(1.0, _FULL_WIDTH_TO / view.m_per_px)
    for colour, more_px in ((COLOURS["casing"], 2 * _CASING_PX), (COLOURS["road"], 0.0)):
        for kind, least_px in _ROAD_PX.items():
            width_px = max(least_px * smaller, _ROAD_M[kind] / view.m_per_px)
            yield _drawn(shapes[classes == kind], view, colour, width_px + more_px * smaller)


def _area(shapes: NDArray[np.object_], colour: str) -> PathPatch:
    """Fill areas, less their holes: those run the other way round."""
    rings = shapely.get_rings(shapely.orient_polygons(shapes))
    corners, owner = shapely.get_coordinates(rings, return_index=True)
    codes = np.full(len(corners), Path.LINETO, dtype=Path.code_type)
    first = np.diff(owner, prepend=-1) != 0
    codes[first] = Path.MOVETO
    codes[np.diff(owner, append=-1) != 0] = Path.CLOSEPOLY
    path = Path(corners, codes)
    return PathPatch(path, facecolor=colour, linewidth=0, antialiased=False, zorder=_BELOW)


def _drawn(shapes: NDArray[np.object_], view: View, colour: str, width_px: float) -> LineCollection:
    parts = shapely.get_parts(_moved(shapes, view))
    lines = [shapely.get_coordinates(part) for part in parts]
    # Hard-edged, as all that is not a mark: soft lines across a pattern double the bytes.
    return LineCollection(
        lines,
        colors=colour,
        linewidths=width_px * marks.POINT,
        capstyle="round",
        antialiaseds=False,
        zorder=_BELOW,
    )


def _moved(shapes: NDArray[np.object_], view: View) -> NDArray[np.object_]:
    origin = np.array(view.px(0.0, 0.0))
    return shapely.transform(shapes, lambda at: at / view.m_per_px + origin)
