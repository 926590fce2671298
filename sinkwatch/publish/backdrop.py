"""What the map is drawn on: streets, buildings, water and woods, round what is to be found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from sinkwatch import wording
from sinkwatch.publish.shapes import Shape

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from sinkwatch.model import Findings
    from sinkwatch.publish.shapes import Style
    from sinkwatch.publish.things import Things

KIND: Final = "openmap-local"
"""Kind of the source that gives it."""

REACHES_M: Final = (1_500.0, 1_000.0, 600.0, 300.0)
"""How far round each site, record and application it is drawn, metres: the first of these that
keeps to `MOST_CORNERS`; if none does, buildings are left out. A whole district would be ten times
the rest of the page."""

MOST_CORNERS: Final = 60_000
"""Corners of all that is drawn: some 1.5 MB as GeoJSON, so that the page stays under 3 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """
    How much is drawn.

    Attributes
    ----------
    radii_m
        How far round each place, metres: the first of these that keeps to `most_corners`; if none
        does, buildings are left out.
    most_corners
        Corners of all that is drawn.
    """

    radii_m: tuple[float, ...]
    most_corners: int


PANES: Final = {"backdrop": 320, "roads": 325, "buildings": 330}
"""Below the zones, by z-index."""

COLOURS: Final = {
    "woodland": "#c6d9b3",
    "water": "#8dbbd2",
    "casing": "#aab2ae",
    "road": "#ffffff",
    "railway": "#7d888d",
    "building": "#a9aba6",
}
"""Quiet under the zones, which are half transparent, and paler than every mark."""

WIDTHS: Final[Mapping[str, Mapping[int, float]]] = {
    "local": {13: 0.7, 14: 1.2, 15: 2.6, 16: 4.5, 17: 8},
    "minor": {13: 1.4, 14: 2, 15: 3.6, 16: 6, 17: 10},
    "main": {13: 2, 14: 3, 15: 4.6, 16: 7.5, 17: 12},
}
"""Pixels of each class of road by zoom; further out than the first it is as there."""

BUILDINGS_FROM: Final = 15
"""Zoom from which buildings can be told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """
    Shapes that are drawn alike.

    Attributes
    ----------
    name
        Of plain characters: it stands in a script.
    pane
        One of `PANES`.
    shapes
        One, of everything.
    """

    name: str
    pane: str
    shapes: list[Shape]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """Which rows become one part, and how that is drawn."""

    pane: str
    layer: str
    dimensions: int
    style: Style
    road_class: str = ""


def _filled(name: str) -> Style:
    return {
        "stroke": False,
        "fill": True,
        "fillColor": COLOURS[name],
        "fillOpacity": 1,
        "interactive": False,
    }


def _lined(name: str, width_px: float) -> Style:
    return {
        "color": COLOURS[name],
        "weight": width_px,
        "opacity": 1,
        "fill": False,
        "interactive": False,
    }


_LOOKS: Final[Mapping[str, _Look]] = {
    "woods": _Look(pane="backdrop", layer="woodland", dimensions=2, style=_filled("woodland")),
    "water": _Look(pane="backdrop", layer="water", dimensions=2, style=_filled("water")),
    "streams": _Look(pane="backdrop", layer="water", dimensions=1, style=_lined("water", 1.5)),
    "local_roads": _Look(
        pane="roads", layer="road", dimensions=1, style=_lined("road", 1), road_class="local"
    ),
    "minor_roads": _Look(
        pane="roads", layer="road", dimensions=1, style=_lined("road", 2), road_class="minor"
    ),
    "main_roads": _Look(
        pane="roads", layer="road", dimensions=1, style=_lined("road", 3), road_class="main"
    ),
    "railways": _Look(
        pane="roads", layer="railway", dimensions=1, style=_lined("railway", 1.5)
    ),
    "buildings": _Look(
        pane="buildings", layer="building", dimensions=2, style=_filled("building")
    ),
}  # fmt: skip
"""The lowest first."""

ROADS: Final = {name: look.road_class for name, look in _LOOKS.items() if look.road_class}
"""Parts whose width goes with the scale, each with its class."""


def parts(findings: Findings, things: Things, reach: Reach | None = None) -> list[Part]:
    """
    Return what is drawn, the lowest first.

    Parameters
    ----------
    findings
        Of one run.
    things
        What `things.gather` returns for them: it is drawn round these.
    reach
        How much is drawn; None for as much as the page of an area can bear.

    Returns
    -------
    parts
        None if there is no backdrop, or nothing to draw it round.
    """
    backdrop = findings.surroundings.backdrop
    if backdrop is None:
        return []
    marked = chain(things.records, things.sites, things.applications)
    places = [thing.geometry for thing in marked if thing.geometry is not None]
    bearable = reach or Reach(radii_m=REACHES_M, most_corners=MOST_CORNERS)
    rows, shapes = _near(backdrop, np.asarray(places, dtype=object), bearable)
    layers, dimensions = rows["layer"].to_numpy(), shapely.get_dimensions(shapes)
    classes = road_classes(rows)
    found = []
    for name, look in _LOOKS.items():
        chosen = (layers == look.layer) & (dimensions == look.dimensions)
        if look.road_class:
            chosen &= classes == look.road_class
        if chosen.any():
            whole = _one(shapes[chosen], look.dimensions)
            shape = Shape(shape_id=f"backdrop-{name}", geometry=whole, style=look.style)
            found.append(Part(name=name, pane=look.pane, shapes=[shape]))
    return found


def credit(findings: Findings) -> str:
    """
    Return who must be named beside the map.

    Parameters
    ----------
    findings
        Of one run.

    Returns
    -------
    text
        Plain text.
    """
    given = (state for state in findings.sources if state.spec.kind == KIND)
    lines = [state.snapshot.attribution for state in given if state.snapshot is not None]
    return wording.clean(" ".join(lines))


def _near(
    backdrop: gpd.GeoDataFrame, places: NDArray[np.object_], reach: Reach
) -> tuple[gpd.GeoDataFrame, NDArray[np.object_]]:
    """Return the rows round places, and what of each lies there; no more than a page can bear."""
    for radius_m in reach.radii_m:
        within = shapely.union_all(shapely.buffer(places, radius_m, quad_segs=4))
        rows = backdrop.iloc[np.sort(backdrop.sindex.query(within, predicate="intersects"))]
        shapes = _cut(rows.geometry.to_numpy(), within)
        if shapely.get_num_coordinates(shapes).sum() <= reach.most_corners:
            return rows, shapes
    is_kept = (rows["layer"] != "building").to_numpy()
    return rows[is_kept], shapes[is_kept]


def _cut(shapes: NDArray[np.object_], within: BaseGeometry) -> NDArray[np.object_]:
    shapely.prepare(within)
    cut = np.asarray(shapes, dtype=object).copy()
    across = ~shapely.contains_properly(within, cut)
    cut[across] = shapely.intersection(cut[across], within)
    return cut


def road_classes(rows: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """
    Return the class of each road.

    Parameters
    ----------
    rows
        Of a backdrop.

    Returns
    -------
    classes
        Keys of `WIDTHS`, shape (n,); local where none is known.
    """
    if "road_class" in rows.columns:
        return rows["road_class"].fillna("local").to_numpy(dtype=object)
    return np.full(len(rows), "local", dtype=object)


def _one(shapes: NDArray[np.object_], dimensions: int) -> BaseGeometry:
    """Join shapes that are drawn alike: a browser draws one large path sooner than many small."""
    pieces = shapely.get_parts(shapely.get_parts(shapes))
    joined = shapely.multipolygons if dimensions == 2 else shapely.multilinestrings  # noqa: PLR2004
    whole: BaseGeometry = joined(pieces[shapely.get_dimensions(pieces) == dimensions])
    return whole
