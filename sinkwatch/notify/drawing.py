"""How the map of a mail is drawn: every line and word placed in CSS pixels, none over another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from sinkwatch import style, wording
from sinkwatch.notify import key, marks, palette, rings
from sinkwatch.notify.scene import HEIGHT_PX, MAP_PX, WIDTH_PX
from sinkwatch.notify.sheet import Sheet, box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sinkwatch.notify.ground import Ground
    from sinkwatch.notify.scene import Pin, Scene, View
    from sinkwatch.notify.sheet import At

_MOST_LABELS: Final = 7
_MOST_CENTRE: Final = 30
_MOST_SCALE_BAR_PX: Final = 130
_SCALE_BARS_M: Final = (50, 100, 200, 250, 500, 1_000, 2_000, 5_000, 10_000)

_MIDDLE: Final = (WIDTH_PX / 2, MAP_PX / 2)
_BESIDE: Final = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
_ROUND: Final = ((0, -1), (-1, 0), (1, 0), (0, 1), (-1, -1), (1, -1), (-1, 1), (1, 1))
_AT_CORNER: Final = ((1, 0.4), (1, -0.4), (-1, 0.4), (-1, -0.4))
_HEADS: Final = tuple(
    (reach * math.sin(turn), reach * math.cos(turn))
    for reach in (24, 40, 58, 80, 104)
    for turn in map(math.radians, (0, 40, -40, 80, -80, 120, -120, 180))
)


def drawn(scene: Scene, ground: Ground, scale: float) -> NDArray[np.uint8]:
    """
    Draw a scene, from the ground up; whatever must be seen takes its place before the names do.

    Parameters
    ----------
    scene
        The scene.
    ground
        On which it lies.
    scale
        Dots to a CSS pixel.

    Returns
    -------
    dots
        Numbers of the palette, 560 by 420 CSS pixels.
    """
    size = round(HEIGHT_PX * scale), round(WIDTH_PX * scale)
    dots = np.full(size, palette.number(style.PAPER), dtype=np.uint8)
    dots[: round(MAP_PX * scale)] = ground.cut(scene.view, scale)
    sheet = Sheet(dots, scale)
    _draw_doubts(sheet, scene)
    _draw_circles(sheet, scene)
    _draw_records(sheet, scene)
    sheet.take(box(_px(scene, pin), 4, 4) for pin in scene.pins)
    _draw_scale_bar(sheet, scene.view)
    _draw_north(sheet)
    _write_credit(sheet, scene.credit)
    _draw_centre(sheet, scene)
    _draw_pins(sheet, scene)
    _write_counts(sheet, scene)
    _write_places(sheet, scene)
    sheet.frame(style.LINE)
    key.draw(sheet, scene)
    return dots


def _px(scene: Scene, pin: Pin) -> At:
    return scene.view.px(pin.easting, pin.northing)


def _draw_doubts(sheet: Sheet, scene: Scene) -> None:
    """Draw the rings within which records and what the mail tells may truly be."""
    view = scene.view
    for record in scene.records:
        line = rings.doubt(style.EVIDENCE_COLOURS[record.evidence])
        for radius_m in record.uncertainties_m:
            sheet.ring(view.px(*record.at), radius_m / view.m_per_px, line)
    for pin in scene.pins:
        sheet.ring(_px(scene, pin), pin.uncertainty_m / view.m_per_px, rings.doubt(style.INK))


def _draw_circles(sheet: Sheet, scene: Scene) -> None:
    sheet.ring(_MIDDLE, scene.radius_m / scene.view.m_per_px, rings.RADIUS)
    sheet.ring(_MIDDLE, scene.uncertainty_m / scene.view.m_per_px, rings.HOME)


def _draw_records(sheet: Sheet, scene: Scene) -> None:
    for record in scene.records:
        at = scene.view.px(*record.at)
        sheet.paste(at, marks.record(record.evidence, sheet.scale))
        sheet.take([box(at, 7, 7)])


def _draw_centre(sheet: Sheet, scene: Scene) -> None:
    sheet.paste(_MIDDLE, marks.centre(sheet.scale))
    sheet.take([box(_MIDDLE, 7, 7)])
    around = [(reach * east, reach * north) for reach in (1, 1.6, 2.4, 4) for east, north in _ROUND]
    sheet.write(_MIDDLE, wording.trimmed(scene.label, _MOST_CENTRE), marks.CENTRE, around)


def _draw_pins(sheet: Sheet, scene: Scene) -> None:
    """Draw numbered heads on stems, each away from what stands there already."""
    for pin in scene.pins:
        at = _px(scene, pin)
        free = (off for off in _HEADS if sheet.is_free(box(_moved(at, off), 12, 12)))
        right, up = next(free, _HEADS[0])
        sheet.paste(at, marks.stem(right, up, sheet.scale))
        sheet.paste(at, marks.foot(sheet.scale))
        head = _moved(at, (right, up))
        sheet.paste(head, marks.head(pin.number, sheet.scale))
        sheet.take([box(head, 12, 12)])


def _moved(at: At, off: At) -> At:
    return at[0] + off[0], at[1] + off[1]


def _draw_scale_bar(sheet: Sheet, view: View) -> None:
    metres = max(m for m in _SCALE_BARS_M if m / view.m_per_px <= _MOST_SCALE_BAR_PX)
    length = metres / view.m_per_px
    width, height = max(length + 14, 50), 27
    left, bottom = sheet.corner(width, height, ("sw", "se", "nw", "ne"))
    sheet.block((left, bottom, left + width, bottom + height), style.PAPER)
    start, end = left + (width - length) / 2, left + (width + length) / 2
    sheet.block((start, bottom + 5.5, end, bottom + 10.5), style.INK)
    sheet.block((left + width / 2, bottom + 6.5, end - 1, bottom + 9.5), style.PAPER)
    words = marks.text(f"{metres:,} m", marks.KEY, sheet.scale)
    sheet.paste((left + width / 2, bottom + 19), words)
    sheet.take([(left, bottom, left + width, bottom + height)])


def _draw_north(sheet: Sheet) -> None:
    left, bottom = sheet.corner(36, 36, ("ne", "nw", "se", "sw"))
    sheet.paste((left + 18, bottom + 18), marks.north(sheet.scale))
    sheet.take([(left, bottom, left + 36, bottom + 36)])


def _write_credit(sheet: Sheet, credit: str) -> None:
    """Name who made the backdrop, small, in a corner."""
    if not credit:
        return
    words = marks.text(credit, marks.CREDIT, sheet.scale)
    height, width = (side / sheet.scale for side in words.shape)
    left, bottom = sheet.corner(width, height, ("se", "sw", "nw", "ne"))
    sheet.paste((left + width / 2, bottom + height / 2), words)
    sheet.take([(left, bottom, left + width, bottom + height)])


def _write_counts(sheet: Sheet, scene: Scene) -> None:
    for record in scene.records:
        if record.n_records > 1:
            at = scene.view.px(*record.at)
            sheet.write(at, f"×{record.n_records}", marks.COUNT, _AT_CORNER)


def _write_places(sheet: Sheet, scene: Scene) -> None:
    """Write the names that help to find one's way, as many as have room."""
    n_written = 0
    for at, label in scene.places:
        if n_written < _MOST_LABELS:
            n_written += sheet.write(scene.view.px(*at), label, marks.PLACE, _BESIDE)
