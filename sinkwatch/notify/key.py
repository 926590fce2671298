"""The key under the map of a mail: only what this picture shows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import shapely
from matplotlib.patches import Circle, Rectangle

from sinkwatch import style, wording
from sinkwatch.model import Evidence, GeologyClass
from sinkwatch.notify import marks
from sinkwatch.notify.scene import KEY_PX, STRENGTH, class_name, classes_in, pins_in, records_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from matplotlib.axes import Axes

    from sinkwatch.notify.scene import Scene, View

    Entry = tuple[Callable[[Axes, float, float], None], str]

_COLUMNS: Final = ((12, 32), (228, 18), (352, 23))
"""Left edge of each column, and how far in its words begin, CSS pixels."""

_MOST_STEP_PX: Final = 17.0
_SWATCH_PX: Final = 24.0
_WHOLE: Final = 0.99  # slivers between zones are no blank ground
_MOST_LABEL: Final = 20
_GRADES: Final = {
    Evidence.CONFIRMED: "record, confirmed",
    Evidence.PROBABLE: "record, probable",
    Evidence.POSSIBLE: "record, possible",
    Evidence.NOT_AN_EVENT: "not an event",
}


def draw(axes: Axes, scene: Scene, view: View) -> None:
    """
    Draw the key.

    Parameters
    ----------
    axes
        In CSS pixels, `KEY_PX` high.
    scene
        The scene.
    view
        The ground that the map shows.
    """
    columns = (
        list(_ground_entries(scene, view)),
        list(_record_entries(scene, view)),
        list(_own_entries(scene, view)),
    )
    step = min(_MOST_STEP_PX, (KEY_PX - 6) / max(len(column) for column in columns))
    for (left, indent), column in zip(_COLUMNS, columns, strict=True):
        for row, (draw_mark, words) in enumerate(column):
            up = KEY_PX - 5 - (row + 0.5) * step
            draw_mark(axes, left, up)
            marks.text(axes, (left + indent, up), words, marks.KEY, align="left")


def _ground_entries(scene: Scene, view: View) -> Iterator[Entry]:
    if scene.is_ground_withheld:
        yield partial(_draw_swatch, fading=[]), "ground: licensed, not shown"
        return
    for kind in classes_in(scene, view):
        yield partial(_draw_swatch, fading=[(kind, 1.0)]), class_name(scene.area, kind)
    ground = view.ground()
    near = scene.edges[scene.edges.distance(ground) < scene.edges["uncertainty_m"]]
    if len(near):
        least, most = near["uncertainty_m"].min(), near["uncertainty_m"].max()
        span = f"{least:,.0f}" if least == most else f"{least:,.0f} to {most:,.0f}"
        fading = [(GeologyClass.C, strength) for strength in marks.FADING]
        yield partial(_draw_swatch, fading=fading), f"fading: edge, ± {span} m"
    held = shapely.intersection(shapely.union_all(scene.zones.geometry.to_numpy()), ground)
    if held.area < ground.area * _WHOLE:
        yield partial(_draw_swatch, fading=[]), "blank: not assessed"


def _record_entries(scene: Scene, view: View) -> Iterator[Entry]:
    grades = {record.evidence for record in records_in(scene, view)}
    for grade in sorted(grades, key=STRENGTH.index, reverse=True):
        yield partial(_draw_grade, evidence=grade), _GRADES[grade]


def _own_entries(scene: Scene, view: View) -> Iterator[Entry]:
    label = wording.trimmed(scene.label, _MOST_LABEL)
    yield _draw_cross, f"{label} ({wording.plus_minus(scene.uncertainty_m)})"
    circle = partial(_draw_ring, colour=style.ACCENT, width_px=1.6)
    yield circle, f"within {wording.distance_text(scene.radius_m)}"
    doubt = partial(_draw_ring, colour=style.MUTED, width_px=0.8)
    yield doubt, "where a record may truly lie"
    if pins_in(scene, view):
        yield _draw_dot, "number in this e-mail"


def _draw_swatch(
    axes: Axes, left: float, up: float, *, fading: Sequence[tuple[GeologyClass, float]]
) -> None:
    bottom, height = up - 5.5, 11
    for index, (kind, strength) in enumerate(fading):
        start = left + index * _SWATCH_PX / len(fading)
        part = shapely.box(start, bottom, left + _SWATCH_PX, bottom + height)
        axes.add_patch(marks.zone(part, kind, strength))
    frame = Rectangle((left, bottom), _SWATCH_PX, height, fill=False, edgecolor=style.MUTED)
    frame.set_linewidth(0.8 * marks.POINT)
    axes.add_patch(frame)


def _draw_grade(axes: Axes, left: float, up: float, *, evidence: Evidence) -> None:
    axes.add_line(marks.record(left + 6, up, evidence))


def _draw_cross(axes: Axes, left: float, up: float) -> None:
    axes.add_line(marks.centre(left + 8, up))


def _draw_ring(axes: Axes, left: float, up: float, *, colour: str, width_px: float) -> None:
    axes.add_patch(marks.ring((left + 8, up), 6, colour, width_px))


def _draw_dot(axes: Axes, left: float, up: float) -> None:
    axes.add_patch(Circle((left + 8, up), 6, facecolor=style.INK, linewidth=0))
