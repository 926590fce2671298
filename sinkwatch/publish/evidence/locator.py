"""The inset that shows where a sheet lies in its area."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import shapely

from sinkwatch import style, wording
from sinkwatch.model import Bounds
from sinkwatch.publish.evidence import grid, patterns, typeface
from sinkwatch.publish.evidence.canvas import Canvas, Lettering, Stroke, one
from sinkwatch.publish.evidence.labels import Board
from sinkwatch.publish.evidence.marks import clear
from sinkwatch.publish.evidence.terrain import Terrain
from sinkwatch.publish.evidence.typeface import Weight
from sinkwatch.publish.evidence.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinkwatch.model import Dossier, Sheet
    from sinkwatch.publish.evidence.ground import Ground

LOCATOR_MM: Final = 44.0
"""Side of the inset."""

LOCATOR_SCALE: Final = 250_000
"""Of the inset: 11 km are on it, a town with the villages round it."""

_BOX: Final = Stroke(colour=style.ACCENT, width_mm=0.6)
_NAME: Final = Lettering(colour=style.INK, size_pt=7.0)
_AREA: Final = Lettering(colour=style.INK, size_pt=8.5, weight=Weight.BOLD)
_LEAST_BOX_MM: Final = 3.0
_AROUND_BOX_MM: Final = 2.6
_DOT_MM: Final = 0.4
_CHARACTERS: Final = 24


def locator_svg(ground: Ground, dossier: Dossier, sheet: Sheet) -> bytes:  # noqa: ARG001 - as every part of a sheet is asked for
    """
    Draw where a sheet lies.

    Parameters
    ----------
    ground
        Of the run.
    dossier
        What the sheet shows.
    sheet
        The sheet.

    Returns
    -------
    svg
        44 by 44 mm, at `LOCATOR_SCALE`, the sheet in its middle.
    """
    window = _window(sheet)
    canvas = Canvas(LOCATOR_MM, LOCATOR_MM)
    canvas.clip(window.neat)
    terrain = Terrain.of(ground, window)
    for kind, zone in terrain.zones.items():
        canvas.fill(one(zone), patterns.fill_of(kind, 0.8))
        patterns.draw(canvas, kind, zone, 0.5)
    box = _box(window, sheet)
    clear(canvas, box, _BOX)
    if box.bounds[2] - box.bounds[0] < _LEAST_BOX_MM:
        canvas.circle((LOCATOR_MM / 2, LOCATOR_MM / 2), _AROUND_BOX_MM, stroke=_BOX)
    _write_names(canvas, ground, window, box)
    canvas.clip(None)
    canvas.line(one(shapely.box(0.2, 0.2, LOCATOR_MM - 0.2, LOCATOR_MM - 0.2)), grid.NEAT)
    return canvas.svg()


def _window(sheet: Sheet) -> Window:
    west, south, east, north = sheet.frame.as_tuple()
    easting, northing = (west + east) / 2, (south + north) / 2
    half_m = LOCATOR_MM * LOCATOR_SCALE / 2_000
    seen = Bounds(
        min_easting=easting - half_m,
        min_northing=northing - half_m,
        max_easting=easting + half_m,
        max_northing=northing + half_m,
    )
    return Window(frame=seen, scale=LOCATOR_SCALE, collar_mm=0.0)


def _box(window: Window, sheet: Sheet) -> shapely.Polygon:
    west, south, east, north = sheet.frame.as_tuple()
    return shapely.box(*window.mm(west, south), *window.mm(east, north))


def _write_names(canvas: Canvas, ground: Ground, window: Window, box: shapely.Polygon) -> None:
    board = Board(window.neat)
    is_small = box.bounds[2] - box.bounds[0] < _LEAST_BOX_MM
    # A large box is a frame, in which there is room for names.
    board.take(box.buffer(_AROUND_BOX_MM) if is_small else box.exterior.buffer(0.7))
    for at, text, how in _names(ground, window):
        dot = shapely.Point(at).buffer(_DOT_MM, quad_segs=2)
        # The area's own name stands for a town, not for a point.
        label = board.must((dot,), text, how) if how is _AREA else board.beside(dot, text, how)
        if label is None:
            continue
        if how is not _AREA:
            board.take(dot)
            canvas.circle(at, _DOT_MM, fill=style.INK)
        canvas.write(label.at, label.text, label.how)


def _names(ground: Ground, window: Window) -> Iterator[tuple[tuple[float, float], str, Lettering]]:
    """Yield the area's own name, then those of the places in it that are more than a street."""
    own = typeface.label(wording.trimmed(wording.clean(ground.area.name), _CHARACTERS))
    if window.frame.holds(*ground.area.map_centre):
        yield window.mm(*ground.area.map_centre), own, _AREA
    seen = {own.casefold()}
    for name in ground.names:
        text = typeface.label(wording.trimmed(name.text, _CHARACTERS))
        if name.is_settlement and window.frame.holds(*name.at) and text.casefold() not in seen:
            seen.add(text.casefold())
            yield window.mm(*name.at), text, _NAME
