"""What a reader of a sheet must know that its drawing cannot say, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import shapely

from sinkwatch import public, wording
from sinkwatch.publish.evidence import lettering
from sinkwatch.publish.evidence.picture import Picture

if TYPE_CHECKING:
    from sinkwatch.model import Dossier, Sheet
    from sinkwatch.publish.evidence.ground import Ground
    from sinkwatch.publish.evidence.lettering import Written
    from sinkwatch.publish.evidence.scene import Scene


def notes(ground: Ground, dossier: Dossier, sheet: Sheet) -> tuple[str, ...]:
    """
    Say what limits a sheet.

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
    sentences
        What concerns the ground first, then the records, then the drawing.
    """
    picture = Picture.of(ground, dossier, sheet)
    scene, written = picture.scene, picture.written
    return (
        *_of_zones(ground, scene),
        *_of_records(dossier, scene),
        *_of_rings(dossier, scene),
        *_of_drawing(scene, written),
    )


def _of_zones(ground: Ground, scene: Scene) -> Iterator[str]:
    terrain = scene.terrain
    if ground.why_withheld:
        yield ground.why_withheld
        return
    if not terrain.zones:
        yield "No zones of the ground are held for this sheet: it is blank there, not assessed."
        return
    if terrain.uncertainties_m:
        most = wording.plus_minus(terrain.uncertainties_m[-1])
        whole = shapely.area(terrain.strips[0]) >= 0.999 * shapely.area(scene.window.neat)
        part = "The whole sheet lies" if whole else "A part of the sheet lies"
        yield f"{part} within {most} of a drawn zone edge."
    if ground.nominal_scale is not None and ground.nominal_scale > scene.window.scale:
        times = ground.nominal_scale / scene.window.scale
        drawn = f"{ground.nominal_scale:,}".replace(",", " ")
        about = "" if times.is_integer() else "about "
        enlarged = f"enlarged {about}{times:.0f} times here"
        yield f"The zones were drawn at about 1:{drawn} and are {enlarged}."
    covered = sum(shapely.area(zone) for zone in terrain.zones.values())
    if covered < 0.999 * shapely.area(scene.window.neat):
        yield "Ground without a pattern lies outside the zones that are held: it is not assessed."


def _of_records(dossier: Dossier, scene: Scene) -> Iterator[str]:
    if scene.spots:
        yield (
            f"Records are drawn at positions rounded to {public.ROUNDED_TO_M} m: a distance "
            f"measured on this sheet may differ from that in the table by up to "
            f"{public.ROUNDING_ERROR_M:.0f} m."
        )
    if scene.outside:
        many = len(scene.outside) != 1
        within = wording.distance_text(dossier.records_within_m)
        yield (
            f"{wording.count_text(len(scene.outside), 'record')} within {within} "
            f"{'lie' if many else 'lies'} outside this sheet: {_numbers(scene.outside)}."
        )
    if scene.unplaced:
        many = len(scene.unplaced) != 1
        yield (
            f"{wording.count_text(len(scene.unplaced), 'record')} {'have' if many else 'has'} no "
            f"published position and {'are' if many else 'is'} not drawn: "
            f"{_numbers(scene.unplaced)}."
        )
    if any(len(spot.numbers) > 1 for spot in scene.spots):
        yield "Records at one rounded point share a mark: that of the best founded among them."


def _numbers(numbers: tuple[int, ...]) -> str:
    return f"{'no.' if len(numbers) == 1 else 'nos'} {lettering.runs(sorted(numbers))}"


def _of_rings(dossier: Dossier, scene: Scene) -> Iterator[str]:
    drawn = {metres for metres, _ in scene.rings}
    missing = [f"{metres:,.0f} m" for metres in dossier.rings_m if metres not in drawn]
    if missing:
        many = len(missing) != 1
        yield (
            f"The {'rings' if many else 'ring'} at {wording.joined(missing)} "
            f"{'lie' if many else 'lies'} outside this sheet."
        )


def _of_drawing(scene: Scene, written: Written) -> Iterator[str]:
    if scene.backdrop is None:
        yield "No street backdrop is held; grid lines and names serve to find one's way."
    elif not scene.backdrop.drawn:
        yield "The street backdrop that is held shows nothing on this sheet."
    elif scene.backdrop.is_thinned:
        yield "The smallest buildings are left out at this scale."
    if written.n_names_left_out:
        left_out = wording.count_text(written.n_names_left_out, "place name")
        were = "was" if written.n_names_left_out == 1 else "were"
        yield f"{left_out} {were} left out for lack of room."
    if written.without_number:
        texts = "; ".join(written.without_number)
        yield f"For lack of room these numbers stand beside no mark: {texts}."
