"""The zones on paper: their patterns, how they fade towards an edge, and where drawing stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from sinkwatch import style
from sinkwatch.publish.evidence import patterns
from sinkwatch.publish.evidence.canvas import Stroke, one
from sinkwatch.publish.evidence.ground import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapely.geometry.base import BaseGeometry

    from sinkwatch.model import GeologyClass
    from sinkwatch.publish.evidence.canvas import Canvas
    from sinkwatch.publish.evidence.ground import Ground
    from sinkwatch.publish.evidence.window import Window

STEPS: Final = 8
"""In which colour and pattern fade towards the drawn line: some 60 m each at ± 500 m, so that the
eye sees a slope and no line that is not there."""

FAINTEST: Final = 0.2
"""Strength of colour and pattern at the drawn line."""

EDGE: Final = Stroke(colour=style.INK, width_mm=0.3, dash_mm=(3.0, 1.4))
LIMIT: Final = Stroke(colour=style.MUTED, width_mm=0.4, dash_mm=(0.01, 1.4), is_round=True)

_LEAST_MM2: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Terrain:
    """
    The zones of one sheet, millimetres of paper.

    Attributes
    ----------
    zones
        What each class covers, those that are there.
    strips
        Ground within ± uncertainty of an edge, from the whole of it to the least share.
    edges
        Drawn edges, each with its uncertainty in metres, the best known first.
    limits
        Lines where drawing stopped.
    uncertainties_m
        Of the edges whose strips are on the sheet, ascending.
    """

    zones: dict[GeologyClass, BaseGeometry]
    strips: tuple[BaseGeometry, ...]
    edges: tuple[tuple[float, BaseGeometry], ...]
    limits: BaseGeometry
    uncertainties_m: tuple[float, ...]

    @classmethod
    def of(cls, ground: Ground, window: Window) -> Terrain:
        """
        Cut out what a sheet shows.

        Parameters
        ----------
        ground
            The ground.
        window
            The sheet's.

        Returns
        -------
        terrain
            Nothing of it outside the neat line.
        """
        seen = window.ground
        shares = 1 - np.arange(STEPS) / STEPS
        near = [
            (line, float(uncertainty_m))
            for line, uncertainty_m in zip(ground.edges, ground.uncertainties_m, strict=True)
            if shapely.dwithin(line, seen, uncertainty_m)
        ]
        local = [
            (shapely.intersection(line, window.around(metres)), metres) for line, metres in near
        ]
        return cls(
            zones=_zones(ground, window),
            strips=tuple(window.on_paper(_strip(local, share, seen)) for share in shares),
            edges=tuple(_edges(ground, window)),
            limits=window.on_paper(shapely.intersection(ground.limits, seen)),
            uncertainties_m=tuple(sorted({metres for _, metres in near})),
        )

    def draw_colours(self, canvas: Canvas) -> None:
        """
        Draw the colour of each zone.

        Parameters
        ----------
        canvas
            The sheet.
        """
        for kind, zone in self.zones.items():
            canvas.fill(one(zone), patterns.fill_of(kind, 1))
            for strip, strength in zip(self.strips, strengths(), strict=True):
                # Each step lies on the one before it: side by side, a pale seam would show.
                faded = shapely.intersection(zone, strip)
                canvas.fill(one(faded), patterns.fill_of(kind, strength))

    def draw_patterns(self, canvas: Canvas) -> None:
        """
        Draw the pattern of each zone.

        Parameters
        ----------
        canvas
            The sheet.
        """
        for kind, zone in self.zones.items():
            for cell, strength in self._cells(zone):
                patterns.draw(canvas, kind, cell, strength)

    def draw_lines(self, canvas: Canvas) -> None:
        """
        Draw the lines between the zones, above the streets.

        Parameters
        ----------
        canvas
            The sheet.
        """
        canvas.line(one(self.limits), LIMIT)
        for _, edge in self.edges:
            canvas.line(one(edge), EDGE)

    def _cells(self, zone: BaseGeometry) -> Iterator[tuple[BaseGeometry, float]]:
        """Yield the parts of a zone that are drawn alike, none twice."""
        rest = zone
        for strip, strength in zip(
            (*self.strips, shapely.Polygon()), (1.0, *strengths()), strict=True
        ):
            yield shapely.difference(rest, strip), strength
            rest = shapely.intersection(rest, strip)


def strengths() -> tuple[float, ...]:
    """
    Return how strong colour and pattern are in each strip.

    Returns
    -------
    strengths
        From the edge of its doubt to the drawn line.
    """
    return tuple(float(part) for part in np.linspace(0.92, FAINTEST, STEPS))


def _zones(ground: Ground, window: Window) -> dict[GeologyClass, BaseGeometry]:
    """Return what each class covers, without what a more susceptible one covers as well."""
    found: dict[GeologyClass, BaseGeometry] = {}
    taken: BaseGeometry = shapely.Polygon()
    for kind, tree in zip(reversed(KINDS), reversed(ground.zones), strict=True):
        near = tree.geometries[np.sort(tree.query(window.ground))]
        whole = shapely.union_all(shapely.intersection(near, window.ground))
        cover = window.on_paper(shapely.difference(whole, taken))
        taken = shapely.union(taken, whole)
        if shapely.area(cover) > _LEAST_MM2:
            found[kind] = cover
    return dict(sorted(found.items()))


def _edges(ground: Ground, window: Window) -> Iterator[tuple[float, BaseGeometry]]:
    for metres in np.unique(ground.uncertainties_m):
        lines = shapely.union_all(ground.edges[ground.uncertainties_m == metres])
        seen = window.on_paper(shapely.intersection(lines, window.ground))
        if shapely.length(seen) > 0:
            yield float(metres), shapely.line_merge(seen)


def _strip(
    lines: list[tuple[BaseGeometry, float]], share: float, seen: shapely.Polygon
) -> BaseGeometry:
    widths = [shapely.buffer(line, share * metres, quad_segs=12) for line, metres in lines]
    strip: BaseGeometry = shapely.intersection(shapely.union_all(widths), seen)
    return strip
