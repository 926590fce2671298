"""The key under the map of a mail: only what this picture shows."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

import numpy as np

from sinkwatch import style, wording
from sinkwatch.model import Evidence, GeologyClass
from sinkwatch.notify import ground, marks, palette, rings
from sinkwatch.notify.scene import KEY_PX, STRENGTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from sinkwatch.notify.scene import Scene
    from sinkwatch.notify.sheet import Sheet

    Dots = NDArray[np.uint8]
    Entry = tuple[Dots, str]

_COLUMNS: Final = ((24, 41), (234, 244), (360, 372))
"""Of each column: the middle of its marks, and where its words begin, CSS pixels."""

_MOST_STEP_PX: Final = 17.0
_SWATCH_PX: Final = (24.0, 11.0)
_MOST_LABEL: Final = 20
_GRADES: Final = {
    Evidence.CONFIRMED: "record, confirmed",
    Evidence.PROBABLE: "record, probable",
    Evidence.POSSIBLE: "record, possible",
    Evidence.NOT_AN_EVENT: "not an event",
}


def draw(sheet: Sheet, scene: Scene) -> None:
    """
    Draw the key.

    Parameters
    ----------
    sheet
        Whose map is drawn already.
    scene
        The scene.
    """
    scale = sheet.scale
    columns = (
        list(_ground_entries(scene, scale)),
        list(_record_entries(scene, scale)),
        list(_own_entries(scene, scale)),
    )
    step = min(_MOST_STEP_PX, (KEY_PX - 6) / max(len(column) for column in columns))
    for (middle, left), column in zip(_COLUMNS, columns, strict=True):
        for row, (mark, words) in enumerate(column):
            up = -5 - (row + 0.5) * step
            sheet.paste((middle, up), mark)
            written = marks.text(words, marks.KEY, scale)
            sheet.paste((left + written.shape[1] / scale / 2, up), written)


def _ground_entries(scene: Scene, scale: float) -> Iterator[Entry]:
    if scene.is_ground_withheld:
        yield _swatch((), scale), "ground: not shown here"
        return
    for kind, name in scene.kinds:
        yield _swatch(((kind, 0),), scale), name
    if scene.edge_m is not None:
        least, most = (f"{metres:,.0f}" for metres in scene.edge_m)
        span = least if least == most else f"{least} to {most}"
        fading = tuple((GeologyClass.C, level) for level in range(len(palette.FADING)))
        yield _swatch(fading, scale), f"fading: edge, ± {span} m"
    if scene.is_partly_blank:
        yield _swatch((), scale), "blank: not assessed"


def _record_entries(scene: Scene, scale: float) -> Iterator[Entry]:
    grades = {record.evidence for record in scene.records}
    for grade in sorted(grades, key=STRENGTH.index, reverse=True):
        yield marks.record(grade, scale), _GRADES[grade]


def _own_entries(scene: Scene, scale: float) -> Iterator[Entry]:
    label = wording.trimmed(scene.label, _MOST_LABEL)
    yield marks.centre(scale), f"{label} ({wording.plus_minus(scene.uncertainty_m)})"
    yield rings.sample(rings.RADIUS, scale), f"within {wording.distance_text(scene.radius_m)}"
    if scene.records or scene.pins:
        yield rings.sample(rings.doubt(style.INK), scale), "where a record may truly lie"
    if scene.pins:
        yield marks.spot(scale), "number in this e-mail"


@functools.cache
def _swatch(parts: tuple[tuple[GeologyClass, int], ...], scale: float) -> Dots:
    """Return a sample of ground, its parts from west to east; paper if there are none."""
    width, height = (round(side * scale) for side in _SWATCH_PX)
    dots = np.full((height, width), palette.number(style.PAPER), dtype=np.uint8)
    for index, (kind, level) in enumerate(parts):
        part = slice(round(index * width / len(parts)), width)
        dots[:, part] = ground.sample(kind, level, scale)[:height, part]
    rim = max(1, round(0.8 * scale))
    for edge in (dots[:rim], dots[-rim:], dots[:, :rim], dots[:, -rim:]):
        edge[:] = palette.number(style.MUTED)
    return dots
