"""Every label of a sheet and where it stands: numbers first, then lines, then names."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from sinkwatch import style, wording
from sinkwatch.publish.evidence import marks, typeface, wayfinding
from sinkwatch.publish.evidence.canvas import Lettering
from sinkwatch.publish.evidence.labels import Board, Label
from sinkwatch.publish.evidence.typeface import Weight
from sinkwatch.publish.evidence.wayfinding import along

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from sinkwatch.model import Dossier
    from sinkwatch.publish.evidence.canvas import At
    from sinkwatch.publish.evidence.ground import Ground, Name
    from sinkwatch.publish.evidence.scene import Scene, Spot

NUMBER: Final = Lettering(colour=style.INK, size_pt=9.0, weight=Weight.BOLD)
LETTER: Final = Lettering(colour=style.INK, size_pt=8.0, weight=Weight.SEMIBOLD)
RING: Final = Lettering(colour=style.ACCENT, size_pt=7.5, weight=Weight.SEMIBOLD)
SITE: Final = Lettering(colour=style.ACCENT, size_pt=8.5, weight=Weight.BOLD)
EDGE: Final = Lettering(colour=style.INK, size_pt=7.0)

_LINE_MM: Final = 0.3
_MOST_CIRCLE_MM: Final = 12.0
"""Radius of the largest circle of a recorded size beside which its number is written."""

_AROUND: Final = 72
_TOWARDS: Final = math.radians(65)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Written:
    """
    The labels of a sheet.

    Attributes
    ----------
    labels
        In the order in which they found room.
    names
        The names among them that stand at a point, for their dots and their sources.
    has_water_names, has_street_names
        Whether a label names what the backdrop holds.
    n_names_left_out
        Names inside the frame for which there was no room.
    without_number
        Numbers of records that could not be written: the sheet is full.
    """

    labels: tuple[Label, ...]
    names: tuple[tuple[Name, At], ...]
    n_names_left_out: int
    without_number: tuple[str, ...]


def write(ground: Ground, dossier: Dossier, scene: Scene) -> Written:
    """
    Find room for every label that has it.

    Parameters
    ----------
    ground
        For names of places and streets.
    dossier
        What is shown.
    scene
        What the sheet shows of it.

    Returns
    -------
    written
        None of its labels lies on another, on a mark or outside the neat line.
    """
    board = Board(scene.window.neat)
    must = [(text, board.must(around, text, how)) for around, text, how in _marks(board, scene)]
    labels = [label for _, label in must if label is not None]
    labels += _of_site(board, scene, dossier)
    labels += _of_rings(board, scene)
    labels += _of_edges(board, scene)
    candidates = list(wayfinding.candidates(ground, dossier, scene))
    lines = _lines(scene)
    named = list(wayfinding.places(board, candidates, lines))
    streets = list(wayfinding.streets(board, scene, {name.text for name, _, _ in named}, lines))
    return Written(
        labels=(*labels, *(label for _, _, label in named), *streets),
        names=tuple((name, at) for name, at, _ in named),
        n_names_left_out=len(candidates) - len(named),
        without_number=tuple(text for text, label in must if label is None),
    )


def _marks(board: Board, scene: Scene) -> list[tuple[tuple[shapely.Polygon, ...], str, Lettering]]:
    """Take the room of every mark, and name what has to be written beside each."""
    boxes = {group.at: _square(group.at, group.half_mm) for group in scene.decisions}
    spots = [
        ((_disc(spot.at), *_around(spot, boxes.get(spot.at))), runs(spot.numbers), NUMBER)
        for spot in scene.spots
    ]
    squares = [
        ((boxes[group.at],), letter_runs(group.letters), LETTER) for group in scene.decisions
    ]
    for (mark, *around), _, _ in (*spots, *squares):
        board.take(mark)
        for shape in around:
            # A circle's line is taken, not the room inside it.
            board.take(shape.difference(shapely.buffer(shape, -2 * _LINE_MM)))
    if scene.site_at is not None:
        board.take(_square(scene.site_at, marks.CROSS_MM))
    return [*spots, *squares]


def _around(spot: Spot, square: shapely.Polygon | None) -> list[shapely.Polygon]:
    """Return the square and the circles round a mark beside which its number may stand."""
    circles = [
        shapely.Point(spot.at).buffer(size_mm + _LINE_MM, quad_segs=8)
        for size_mm in spot.sizes_mm
        if size_mm <= _MOST_CIRCLE_MM
    ]
    shapes = circles if square is None else [square, *circles]
    return sorted(shapes, key=lambda shape: shape.area)


def letter_runs(names: tuple[str, ...]) -> str:
    """
    Write letters briefly.

    Parameters
    ----------
    names
        Such as A, B and C.

    Returns
    -------
    text
        Such as "A–C"; those of two letters are all written out.

    Examples
    --------
    >>> letter_runs(("A", "B", "C", "F"))
    'A–C, F'
    """
    if any(len(name) > 1 for name in names):
        return ", ".join(names)
    codes = itertools.groupby(enumerate(map(ord, names)), key=lambda pair: pair[1] - pair[0])
    return ", ".join(_run([chr(code) for _, code in pairs]) for _, pairs in codes)


def runs(numbers: Iterable[int]) -> str:
    """
    Write numbers briefly.

    Parameters
    ----------
    numbers
        Ascending.

    Returns
    -------
    text
        Such as "2, 5–8".

    Examples
    --------
    >>> runs((1, 2, 5, 6, 7, 9))
    '1, 2, 5–7, 9'
    """
    groups = itertools.groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])
    return ", ".join(_run([str(number) for _, number in pairs]) for _, pairs in groups)


def _run(run: list[str]) -> str:
    return f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(run)  # noqa: PLR2004 - as it is read


def _lines(scene: Scene) -> BaseGeometry:
    """Return the lines that a name had better not cross."""
    edges = (edge for _, edge in scene.terrain.edges)
    rings = (ring for _, ring in scene.rings)
    lines: BaseGeometry = shapely.union_all([shapely.boundary(scene.boundary), *rings, *edges])
    return lines


def _disc(at: At) -> shapely.Polygon:
    return shapely.Point(at).buffer(marks.RECORD_MM + 0.2, quad_segs=4)


def _square(at: At, half_mm: float) -> shapely.Polygon:
    side = half_mm + 0.3
    return shapely.box(at[0] - side, at[1] - side, at[0] + side, at[1] + side)


def _of_site(board: Board, scene: Scene, dossier: Dossier) -> list[Label]:
    known = wording.plus_minus(dossier.place.position_uncertainty_m)
    text = "Site" if scene.site_at is None else f"Site: known to {known}"
    outline = shapely.intersection(shapely.boundary(scene.boundary), scene.window.neat)
    places = ((at, 0.0) for at in _round_about(outline, off_mm=(2.4, 3.6, 5.0, 7.0), text=text))
    found = board.first(text, SITE, places, clear_of=outline)
    return [found] if found is not None else []


def _of_rings(board: Board, scene: Scene) -> list[Label]:
    found: list[Label] = []
    for metres, line in scene.rings:
        text = f"{metres:,.0f} m"
        places = ((at, 0.0) for at in _round_about(line, off_mm=(0.0,), text=text))
        label = board.first(text, RING, places)
        if label is not None:
            found.append(label)
    return found


def _round_about(line: BaseGeometry, *, off_mm: tuple[float, ...], text: str) -> Iterator[At]:
    """Yield places along a line, those up and to the right of its middle first."""
    if shapely.is_empty(line):
        return
    middle = shapely.Point(
        (line.bounds[0] + line.bounds[2]) / 2, (line.bounds[1] + line.bounds[3]) / 2
    )
    shares = (np.arange(_AROUND) + 0.5) / _AROUND
    points = shapely.get_coordinates(
        shapely.line_interpolate_point(_longest(line), shares, normalized=True)
    )
    turns = np.arctan2(points[:, 1] - middle.y, points[:, 0] - middle.x)
    away = np.abs(np.angle(np.exp(1j * (turns - _TOWARDS))))
    width = typeface.extent_mm(typeface.label(text), SITE.size_pt, SITE.weight)[0]
    for off in off_mm:
        for index in np.argsort(away, kind="stable"):
            right, up = math.cos(turns[index]), math.sin(turns[index])
            aside = right * (off + width / 2) if off else 0.0
            yield float(points[index, 0] + aside), float(points[index, 1] + up * off)


def _longest(line: BaseGeometry) -> shapely.LineString:
    parts = shapely.get_parts(shapely.line_merge(line))
    longest: shapely.LineString = parts[int(np.argmax(shapely.length(parts)))]
    return longest


def _of_edges(board: Board, scene: Scene) -> Iterator[Label]:
    for uncertainty_m, edge in scene.terrain.edges:
        text = f"zone edge as drawn, known to {wording.plus_minus(uncertainty_m)}"
        label = board.first(text, EDGE, along(edge, text, EDGE, off_mm=1.9))
        if label is not None:
            yield label
