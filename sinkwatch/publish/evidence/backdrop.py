"""Streets, buildings, water and woods of a sheet: pale, and no more than it can bear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from sinkwatch.publish.evidence.canvas import Stroke

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from sinkwatch.publish.evidence.canvas import Canvas
    from sinkwatch.publish.evidence.ground import Streets
    from sinkwatch.publish.evidence.window import Window

    Shapes = NDArray[np.object_]

COLOURS: Final = {
    "woodland": "#dde4d3",
    "wood edge": "#a9b79c",
    "water": "#c3d6de",
    "shore": "#8fadba",
    "road": "#ffffff",
    "casing": "#a9b0ac",
    "railway": "#737d82",
    "building": "#c9c9c4",
    "wall": "#a3a49f",
}
"""Paler than every mark, and told apart by shape in grey print."""

LAYERS: Final = ("building", "road", "railway", "water", "woodland")
"""In the order of the key."""

MOST_CORNERS: Final = 14_000
"""Corners on a sheet: some 240 kB of SVG."""

_TOLERANCES_MM: Final = (0.04, 0.08, 0.15, 0.25)
"""Detail left out of shapes, the first that keeps to `MOST_CORNERS`; 0.1 mm nobody sees."""

_ROAD_M: Final = {"local": 6.0, "minor": 8.0, "main": 10.0}
_ROAD_MM: Final = {"local": 0.3, "minor": 0.5, "main": 0.9}
"""Widths of streets on the ground, and on paper at least: whichever is more."""

_CASING_MM: Final = 0.12
_LEAST_BUILDING_MM: Final = 0.4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Backdrop:
    """
    What is drawn under the marks of one sheet, millimetres of paper.

    Attributes
    ----------
    shapes, layers, classes, names
        Each shape inside the neat line, with its layer, class and name.
    is_thinned
        Whether the smallest buildings were left out, since there are too many for this scale.
    """

    shapes: Shapes
    layers: Shapes
    classes: Shapes
    names: Shapes
    is_thinned: bool

    @classmethod
    def of(cls, streets: Streets, window: Window) -> Backdrop:
        """
        Cut out what a sheet shows.

        Parameters
        ----------
        streets
            Of the run.
        window
            The sheet's.

        Returns
        -------
        backdrop
            Nothing of it outside the neat line.
        """
        near = np.sort(streets.tree.query(window.ground, predicate="intersects"))
        shapes = _cut(streets.tree.geometries[near], window)
        layers = streets.layers[near]
        is_building = layers == "building"
        seen = ~shapely.is_empty(shapes)
        seen &= ~is_building | (shapely.area(shapes) >= _LEAST_BUILDING_MM**2)
        fine = _thinned(shapes[seen])
        kept = _bearable(fine, is_building[seen])
        return cls(
            shapes=fine[kept],
            layers=layers[seen][kept],
            classes=streets.classes[near][seen][kept],
            names=streets.names[near][seen][kept],
            is_thinned=not kept.all(),
        )

    @property
    def drawn(self) -> tuple[str, ...]:
        """Return the layers that are on the sheet, in the order of the key."""
        return tuple(layer for layer in LAYERS if (self.layers == layer).any())

    def draw_woods(self, canvas: Canvas) -> None:
        """
        Draw the woods, which lie under the patterns of the ground: they hide no zone.

        Parameters
        ----------
        canvas
            The sheet.
        """
        surfaces = shapely.get_dimensions(self.shapes) == 2  # noqa: PLR2004 - of a surface
        woods = self.shapes[surfaces & (self.layers == "woodland")]
        canvas.fill(woods, COLOURS["woodland"], rim=WOODLAND)

    def draw(self, canvas: Canvas, window: Window) -> None:
        """
        Draw all else, the lowest first.

        Parameters
        ----------
        canvas
            The sheet.
        window
            Its window, for the streets' widths.
        """
        surfaces = shapely.get_dimensions(self.shapes) == 2  # noqa: PLR2004 - of a surface
        water = self.layers == "water"
        canvas.fill(self.shapes[surfaces & water], COLOURS["water"], rim=SHORE)
        canvas.line(self.shapes[~surfaces & water], STREAM)
        for kind, stroke in _roads(window.mm_per_m):
            road = (self.layers == "road") & (self.classes == kind)
            canvas.line(self.shapes[road], stroke)
        railways = self.shapes[self.layers == "railway"]
        for stroke in RAILWAY:
            canvas.line(railways, stroke)
        buildings = self.shapes[surfaces & (self.layers == "building")]
        canvas.fill(buildings, COLOURS["building"], rim=WALL)


WOODLAND: Final = Stroke(colour=COLOURS["wood edge"], width_mm=0.15)
SHORE: Final = Stroke(colour=COLOURS["shore"], width_mm=0.15)
STREAM: Final = Stroke(colour=COLOURS["shore"], width_mm=0.4)
WALL: Final = Stroke(colour=COLOURS["wall"], width_mm=0.1)
RAILWAY: Final = (
    Stroke(colour=COLOURS["railway"], width_mm=0.9),
    Stroke(colour="#ffffff", width_mm=0.55, dash_mm=(2.0, 2.0)),
)


def road_strokes(kind: str, mm_per_m: float) -> tuple[Stroke, Stroke]:
    """
    Return how a class of street is drawn.

    Parameters
    ----------
    kind
        Local, minor or main.
    mm_per_m
        Scale.

    Returns
    -------
    casing, road
        The wider, then the one on it.
    """
    width_mm = max(_ROAD_MM[kind], _ROAD_M[kind] * mm_per_m)
    casing = Stroke(colour=COLOURS["casing"], width_mm=width_mm + 2 * _CASING_MM, is_round=True)
    return casing, Stroke(colour=COLOURS["road"], width_mm=width_mm, is_round=True)


def _roads(mm_per_m: float) -> Iterator[tuple[str, Stroke]]:
    """Name each class and its stroke: casings first, so that none cuts a road at a crossing."""
    strokes = {kind: road_strokes(kind, mm_per_m) for kind in _ROAD_MM}
    for layer in (0, 1):
        for kind, pair in strokes.items():
            yield kind, pair[layer]


def _cut(shapes: Shapes, window: Window) -> Shapes:
    frame = window.ground
    shapely.prepare(frame)
    cut = np.asarray(shapes, dtype=object).copy()
    across = ~shapely.contains_properly(frame, cut)
    cut[across] = shapely.intersection(cut[across], frame)
    return window.all_on_paper(cut)


def _bearable(shapes: Shapes, is_building: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell what to draw: the smallest buildings go first if all is too much."""
    corners = shapely.get_num_coordinates(shapes)
    kept = np.ones(len(shapes), dtype=bool)
    smallest = np.flatnonzero(is_building)
    smallest = smallest[np.argsort(shapely.area(shapes[smallest]), kind="stable")]
    too_many = corners.sum() - MOST_CORNERS
    kept[smallest[np.cumsum(corners[smallest]) - corners[smallest] < too_many]] = False
    return kept


def _thinned(shapes: Shapes) -> Shapes:
    for tolerance_mm in _TOLERANCES_MM:
        thinned = np.asarray(shapely.simplify(shapes, tolerance_mm), dtype=object)
        if shapely.get_num_coordinates(thinned).sum() <= MOST_CORNERS:
            break
    return thinned
