"""The map of a sheet as SVG, and what goes with it: key, locator, notes, what it is drawn from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sinkwatch import style, wording
from sinkwatch.model import PlaceKind, SheetKind
from sinkwatch.publish.evidence import grid, marks
from sinkwatch.publish.evidence.canvas import Canvas, Stroke, one
from sinkwatch.publish.evidence.ground import Ground
from sinkwatch.publish.evidence.key import KeyEntry, key
from sinkwatch.publish.evidence.locator import LOCATOR_MM, LOCATOR_SCALE, locator_svg
from sinkwatch.publish.evidence.notes import notes
from sinkwatch.publish.evidence.picture import Picture
from sinkwatch.publish.evidence.scene import letters
from sinkwatch.publish.evidence.wayfinding import DOT_MM

if TYPE_CHECKING:
    from sinkwatch.model import Dossier, Sheet
    from sinkwatch.publish.evidence.lettering import Written
    from sinkwatch.publish.evidence.scene import Scene

__all__ = [
    "LOCATOR_MM",
    "LOCATOR_SCALE",
    "Ground",
    "KeyEntry",
    "alt",
    "frames_drawn",
    "key",
    "letters",
    "locator_svg",
    "map_svg",
    "notes",
]

MOST_ALT: Final = 400
"""Characters of a figure's alternative text: a screen reader reads it in one go."""

_MOST_TITLE: Final = 90
_LEADER: Final = Stroke(colour=style.INK, width_mm=0.2)


def map_svg(ground: Ground, dossier: Dossier, sheet: Sheet) -> bytes:
    """
    Draw the map of a sheet: what is inside the neat line, and the grid's figures round it.

    Parameters
    ----------
    ground
        Of the run.
    dossier
        What is shown.
    sheet
        Its scale, paper and frame.

    Returns
    -------
    svg
        As large as the map and its collar; one metre of ground is 1000 / scale millimetres. Letters
        are outlines, so that it needs no font. The same bytes for the same three.
    """
    picture = Picture.of(ground, dossier, sheet)
    scene, written = picture.scene, picture.written
    canvas = Canvas(*scene.window.size_mm)
    canvas.clip(scene.window.neat)
    _draw_ground(canvas, scene)
    _draw_circles(canvas, scene)
    _draw_marks(canvas, scene, written)
    canvas.clip(None)
    for label in written.labels:
        canvas.write(label.at, label.text, label.how, turned_deg=label.turned_deg)
    grid.frame(canvas, scene.window)
    return canvas.svg()


def frames_drawn(ground: Ground, dossier: Dossier, sheet: Sheet) -> frozenset[str]:
    """
    Name the frames of which something is drawn on a sheet, whose sources it has to credit.

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
    frames
        As in `SourceLine.frame`.
    """
    picture = Picture.of(ground, dossier, sheet)
    scene, written = picture.scene, picture.written
    keys = {each for group in scene.decisions for each in group.keys}
    is_application = dossier.place.kind is PlaceKind.APPLICATION
    drawn = {
        "geology": bool(scene.terrain.zones or scene.terrain.edges),
        "sinkholes": bool(scene.spots),
        "backdrop": scene.backdrop is not None and bool(scene.backdrop.drawn),
        "names": any(name.frame == "names" for name, _ in written.names),
        "places": any(name.frame == "places" for name, _ in written.names)
        or dossier.place.place_id in ground.place_ids,
        "cases": bool(keys & ground.case_ids),
        "applications": is_application or bool(keys - ground.case_ids),
    }
    return frozenset(frame for frame, is_drawn in drawn.items() if is_drawn)


def alt(dossier: Dossier, sheet: Sheet) -> str:
    """
    Say what a sheet's map shows, for those who hear it.

    Parameters
    ----------
    dossier
        What is shown.
    sheet
        The sheet.

    Returns
    -------
    text
        400 characters at most.
    """
    plain = wording.mask_personal_data(wording.clean(dossier.title))
    title = wording.trimmed(plain, _MOST_TITLE)
    quoted = title.replace("“", "'").replace("”", "'")
    what = "the site" if sheet.kind is SheetKind.SITE else "the site and its surroundings"
    placed = [record.position for record in dossier.records if record.position is not None]
    n_inside = sum(sheet.frame.holds(point.x, point.y) for point in placed)
    known = wording.plus_minus(dossier.place.position_uncertainty_m)
    edge = "its boundary" if dossier.place.geometry is not None else f"a point known to {known}"
    rings = wording.joined([f"{metres:,.0f} m" for metres in dossier.rings_m])
    return wording.trimmed(
        f"Map of {what}, “{quoted}”, at {sheet.ratio}: {edge}, rings at {rings}, "
        f"{wording.count_text(n_inside, 'record')} with number and uncertainty, zones of the "
        f"ground, British National Grid. The records are listed in the table of this pack.",
        MOST_ALT,
    )


def _draw_ground(canvas: Canvas, scene: Scene) -> None:
    scene.terrain.draw_colours(canvas)
    if scene.backdrop is not None:
        scene.backdrop.draw_woods(canvas)
    scene.terrain.draw_patterns(canvas)
    if scene.backdrop is not None:
        scene.backdrop.draw(canvas, scene.window)
    grid.draw(canvas, scene.window)
    scene.terrain.draw_lines(canvas)


def _draw_circles(canvas: Canvas, scene: Scene) -> None:
    if scene.site_at is None:
        marks.boundary(canvas, scene.boundary)
    else:
        marks.clear(canvas, scene.boundary, marks.SITE_DOUBT)
    for spot in scene.spots:
        for radius_mm in spot.doubts_mm:
            canvas.circle(spot.at, radius_mm, stroke=marks.DOUBT)
        for radius_mm in spot.sizes_mm:
            canvas.circle(spot.at, radius_mm, stroke=marks.SIZE)
    for _, ring in scene.rings:
        marks.clear(canvas, ring, marks.RING)


def _draw_marks(canvas: Canvas, scene: Scene, written: Written) -> None:
    for _, at in written.names:
        canvas.circle(at, DOT_MM, fill=style.INK)
    for label in written.labels:
        if label.leader is not None:
            canvas.line(one(label.leader), _LEADER)
    for group in scene.decisions:
        marks.decision(canvas, group.at, group.half_mm)
    if scene.site_at is not None:
        marks.site_point(canvas, scene.site_at)
    for spot in scene.spots:
        marks.record(canvas, spot.at, spot.grade)
