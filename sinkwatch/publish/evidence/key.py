"""The key of a sheet: a swatch and words for everything that is drawn on it, and nothing else."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from sinkwatch import wording
from sinkwatch.model import Evidence, GeologyClass
from sinkwatch.publish.evidence import backdrop, grid, marks, patterns, terrain
from sinkwatch.publish.evidence.canvas import Canvas, one
from sinkwatch.publish.evidence.picture import Picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sinkwatch.model import Dossier, Sheet
    from sinkwatch.publish.evidence.ground import Ground
    from sinkwatch.publish.evidence.scene import Scene

WIDTH_MM: Final = 9.0
HEIGHT_MM: Final = 4.5
"""Of a swatch."""

_MIDDLE: Final = (WIDTH_MM / 2, HEIGHT_MM / 2)
_EDGE_MM: Final = 0.2
_GRADES: Final = {
    Evidence.CONFIRMED: "Record, confirmed",
    Evidence.PROBABLE: "Record, probable",
    Evidence.POSSIBLE: "Record, possible",
    Evidence.NOT_AN_EVENT: "Record that is not an event",
}
_LAYERS: Final = {
    "building": "Building",
    "road": "Street",
    "railway": "Railway",
    "water": "Water",
    "woodland": "Woodland",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEntry:
    """
    One line of a key.

    Attributes
    ----------
    svg
        Sample, 9 by 4.5 mm.
    text
        What it means.
    """

    svg: bytes
    text: str


def key(ground: Ground, dossier: Dossier, sheet: Sheet) -> tuple[KeyEntry, ...]:
    """
    Explain what is drawn on a sheet.

    Parameters
    ----------
    ground
        Of the run.
    dossier
        What is shown.
    sheet
        The sheet.

    Returns
    -------
    entries
        The site first, the grid last.
    """
    scene = Picture.of(ground, dossier, sheet).scene
    entries = (
        *_of_site(scene, dossier),
        *_of_records(scene),
        *_of_ground(scene, ground),
        *_of_backdrop(scene),
        ("grid", f"British National Grid, lines every {grid.step_m(scene.window):,} m"),
    )
    return tuple(KeyEntry(svg=swatch(name), text=text) for name, text in entries)


@functools.cache
def swatch(name: str) -> bytes:
    """
    Draw one sample.

    Parameters
    ----------
    name
        What of.

    Returns
    -------
    svg
        9 by 4.5 mm.
    """
    canvas = Canvas(WIDTH_MM, HEIGHT_MM)
    canvas.clip(shapely.box(0, 0, WIDTH_MM, HEIGHT_MM))
    what, _, which = name.partition(" ")
    _SAMPLES[what](canvas, which)
    return canvas.svg()


def _of_site(scene: Scene, dossier: Dossier) -> Iterator[tuple[str, str]]:
    if scene.site_at is None:
        yield "boundary", "Site boundary"
        measured = "from the boundary"
    else:
        known = wording.plus_minus(dossier.place.position_uncertainty_m)
        yield "point", f"Point known of the site, with its uncertainty, {known}"
        measured = "from that point"
    if scene.rings:
        said = wording.joined([f"{metres:,.0f} m" for metres, _ in scene.rings])
        yield "ring", f"{said} {measured}"


def _of_records(scene: Scene) -> Iterator[tuple[str, str]]:
    grades = {spot.grade for spot in scene.spots}
    for grade in marks.STRENGTH:
        if grade in grades:
            yield f"record {grade}", f"{_GRADES[grade]}, with its number"
    if any(spot.doubts_mm for spot in scene.spots):
        yield "doubt", "Within which a record may truly lie"
    if any(spot.sizes_mm for spot in scene.spots):
        yield "size", "Size recorded, or taken where none is, to scale"
    if scene.decisions:
        yield "decision", "Application or past decision, with its letter"


def _of_ground(scene: Scene, ground: Ground) -> Iterator[tuple[str, str]]:
    shown = scene.terrain
    for kind in reversed(shown.zones):
        note = wording.clean(ground.area.class_notes.get(kind, ""))
        yield f"zone {kind.name}", f"Class {kind.name}: {note}" if note else f"Class {kind.name}"
    if shown.uncertainties_m and shown.zones:
        span = wording.plus_minus(shown.uncertainties_m[-1])
        if len(shown.uncertainties_m) > 1:
            least = wording.plus_minus(shown.uncertainties_m[0]).removesuffix(" m")
            span = f"{least} to {span.removeprefix('± ')}"
        most = max(shown.zones)
        yield f"fade {most.name}", f"Fading: the edge may lie anywhere in this, {span}"
    if shown.edges:
        yield "edge", "Edge of a zone as drawn"
    if shapely.length(shown.limits) > 0:
        yield "limit", "Where drawing stopped; says nothing of the ground"


def _of_backdrop(scene: Scene) -> Iterator[tuple[str, str]]:
    if scene.backdrop is not None:
        for layer in scene.backdrop.drawn:
            yield f"backdrop {layer}", _LAYERS[layer]


def _boundary(canvas: Canvas, _: str) -> None:
    marks.boundary(canvas, shapely.box(0.8, 0.8, WIDTH_MM + 4, HEIGHT_MM + 4))


def _point(canvas: Canvas, _: str) -> None:
    canvas.circle((1.2, -1.4), 5.2, stroke=marks.SITE_DOUBT)
    canvas.line(
        one(shapely.MultiLineString([((0.4, 1.5), (3.4, 1.5)), ((1.9, 0.2), (1.9, 3.0))])),
        marks.BOUNDARY,
    )


def _ring(canvas: Canvas, _: str) -> None:
    canvas.circle((_MIDDLE[0], -5.5), 8.6, stroke=marks.RING)


def _record(canvas: Canvas, which: str) -> None:
    marks.record(canvas, _MIDDLE, Evidence(which))


def _doubt(canvas: Canvas, _: str) -> None:
    canvas.circle((_MIDDLE[0], -5.5), 8.6, stroke=marks.DOUBT)


def _size(canvas: Canvas, _: str) -> None:
    canvas.circle(_MIDDLE, 1.9, stroke=marks.SIZE)


def _decision(canvas: Canvas, _: str) -> None:
    marks.decision(canvas, _MIDDLE)


def _zone(canvas: Canvas, which: str) -> None:
    _ground(canvas, GeologyClass[which], np.array([1.0]))


def _fade(canvas: Canvas, which: str) -> None:
    _ground(canvas, GeologyClass[which], np.array(terrain.strengths()))


def _ground(canvas: Canvas, kind: GeologyClass, strengths: NDArray[np.float64]) -> None:
    step = WIDTH_MM / len(strengths)
    for index, strength in enumerate(strengths):
        cell = shapely.box(index * step, 0, WIDTH_MM, HEIGHT_MM)
        canvas.fill(one(cell), patterns.fill_of(kind, float(strength)))
    for index, strength in enumerate(strengths):
        cell = shapely.box(index * step, 0, (index + 1) * step, HEIGHT_MM)
        patterns.draw(canvas, kind, cell, float(strength))
    canvas.line(one(shapely.box(0.1, 0.1, WIDTH_MM - 0.1, HEIGHT_MM - 0.1)), grid.LINE)


def _edge(canvas: Canvas, _: str) -> None:
    canvas.line(_level(), terrain.EDGE)


def _limit(canvas: Canvas, _: str) -> None:
    canvas.line(_level(), terrain.LIMIT)


def _grid(canvas: Canvas, _: str) -> None:
    cross = [((0, _MIDDLE[1]), (WIDTH_MM, _MIDDLE[1])), ((_MIDDLE[0], 0), (_MIDDLE[0], HEIGHT_MM))]
    canvas.line(one(shapely.MultiLineString(cross)), grid.LINE)


def _layer(canvas: Canvas, which: str) -> None:
    inner = one(shapely.box(1.2, 0.6, WIDTH_MM - 1.2, HEIGHT_MM - 0.6))
    if which == "building":
        canvas.fill(inner, backdrop.COLOURS["building"], rim=backdrop.WALL)
    elif which == "water":
        canvas.fill(inner, backdrop.COLOURS["water"], rim=backdrop.SHORE)
    elif which == "woodland":
        canvas.fill(inner, backdrop.COLOURS["woodland"], rim=backdrop.WOODLAND)
    else:
        strokes = backdrop.RAILWAY if which == "railway" else backdrop.road_strokes("minor", 0.1)
        for stroke in strokes:
            canvas.line(_level(), stroke)


def _level() -> NDArray[np.object_]:
    return one(shapely.LineString([(0.4, _MIDDLE[1]), (WIDTH_MM - 0.4, _MIDDLE[1])]))


_SAMPLES: Final[dict[str, Callable[[Canvas, str], None]]] = {
    "boundary": _boundary,
    "point": _point,
    "ring": _ring,
    "record": _record,
    "doubt": _doubt,
    "size": _size,
    "decision": _decision,
    "zone": _zone,
    "fade": _fade,
    "edge": _edge,
    "limit": _limit,
    "backdrop": _layer,
    "grid": _grid,
}
