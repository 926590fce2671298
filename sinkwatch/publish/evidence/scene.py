"""What one sheet shows of a dossier: its site, rings, and the marks inside the frame."""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import shapely

from sinkwatch.errors import PlaceError
from sinkwatch.publish.evidence import marks
from sinkwatch.publish.evidence.backdrop import Backdrop
from sinkwatch.publish.evidence.terrain import Terrain
from sinkwatch.publish.evidence.window import Window

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from sinkwatch.model import Dossier, Evidence, NearbyRecord, Place, PlanningStep, Sheet
    from sinkwatch.publish.evidence.ground import Ground

    At = tuple[float, float]

_ROUNDNESS: Final = 64
"""Corners of a quarter of a ring: its sides stay within 0.01 mm of a circle of 100 mm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """
    The records at one published point.

    Attributes
    ----------
    at
        Millimetres.
    numbers
        Of the records.
    grade
        The best founded of theirs.
    doubts_mm
        Radii within which they may truly be.
    sizes_mm
        Radii of what is recorded, those that show beside the mark.
    """

    at: At
    numbers: tuple[int, ...]
    grade: Evidence
    doubts_mm: tuple[float, ...]
    sizes_mm: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """
    The applications and decisions at one published point.

    Attributes
    ----------
    at
        Millimetres.
    letters
        Of each of them.
    keys
        Application keys and case ids.
    half_mm
        Half the side of their square: wider round the mark of a record at the same point.
    """

    at: At
    half_mm: float
    letters: tuple[str, ...]
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """
    What one sheet shows, millimetres of paper.

    Attributes
    ----------
    window
        Its window.
    terrain, backdrop
        What lies below; no backdrop if none is held.
    boundary
        Of the site, or the circle of its uncertainty.
    site_at
        The point that is known of it; None where its boundary is.
    rings
        Distance in metres and line of each ring of which a part is on the sheet.
    spots, decisions
        Marks inside the frame.
    outside, unplaced
        Numbers of the records outside the frame, and of those without a published position.
    """

    window: Window
    terrain: Terrain
    backdrop: Backdrop | None
    boundary: BaseGeometry
    site_at: At | None
    rings: tuple[tuple[float, BaseGeometry], ...]
    spots: tuple[Spot, ...]
    decisions: tuple[Decisions, ...]
    outside: tuple[int, ...]
    unplaced: tuple[int, ...]

    @classmethod
    def of(cls, ground: Ground, dossier: Dossier, sheet: Sheet) -> Scene:
        """
        Work out what a sheet shows.

        Parameters
        ----------
        ground
            Of the run.
        dossier
            What is to be shown.
        sheet
            The sheet.

        Returns
        -------
        scene
            The same for the same three.
        """
        window = Window.of(sheet)
        core, place = _core(dossier), dossier.place
        placed = [record for record in dossier.records if record.position is not None]
        inside = [record for record in placed if _is_inside(window, record.position)]
        return cls(
            window=window,
            terrain=Terrain.of(ground, window),
            backdrop=None if ground.streets is None else Backdrop.of(ground.streets, window),
            boundary=window.on_paper(_edge_of(core, place)),
            site_at=window.mm(core.x, core.y) if isinstance(core, shapely.Point) else None,
            rings=tuple(_rings(window, core, dossier.rings_m)),
            spots=tuple(_spots(window, inside)),
            decisions=tuple(_decisions(window, dossier.history, inside)),
            outside=tuple(record.number for record in placed if record not in inside),
            unplaced=tuple(r.number for r in dossier.records if r.position is None),
        )


def letters(history: Iterable[PlanningStep]) -> Mapping[str, str]:
    """
    Give a letter to each application and decision that has a position.

    Parameters
    ----------
    history
        Of a dossier.

    Returns
    -------
    letters
        From key to A, B … Z, AA, AB …, in the order given.
    """
    placed = [step.key for step in history if step.position is not None]
    names = itertools.chain.from_iterable(
        map("".join, itertools.product(string.ascii_uppercase, repeat=n)) for n in (1, 2, 3)
    )
    return dict(zip(placed, names, strict=False))


def _core(dossier: Dossier) -> BaseGeometry:
    """Return what rings are measured from."""
    place = dossier.place
    if place.geometry is not None:
        return place.geometry
    if place.easting is None or place.northing is None:
        raise PlaceError(
            place.label, f"has no position ({place.basis})", "Give its boundary as a file"
        )
    return shapely.Point(place.easting, place.northing)


def _edge_of(core: BaseGeometry, place: Place) -> BaseGeometry:
    if isinstance(core, shapely.Point):
        return core.buffer(place.position_uncertainty_m, quad_segs=_ROUNDNESS)
    return core


def _is_inside(window: Window, point: shapely.Point | None) -> bool:
    return point is not None and window.frame.holds(point.x, point.y)


def _rings(
    window: Window, core: BaseGeometry, rings_m: tuple[float, ...]
) -> Iterable[tuple[float, BaseGeometry]]:
    for metres in rings_m:
        edge = shapely.boundary(shapely.buffer(core, metres, quad_segs=_ROUNDNESS))
        seen = shapely.intersection(edge, window.ground)
        if shapely.length(seen) * window.mm_per_m > 1:
            yield metres, window.on_paper(shapely.line_merge(seen))


def _spots(window: Window, records: list[NearbyRecord]) -> Iterable[Spot]:
    by_point: dict[At, list[NearbyRecord]] = {}
    for record in records:
        if record.position is not None:
            by_point.setdefault((record.position.x, record.position.y), []).append(record)
    for point, sharing in by_point.items():
        doubts = {r.shown_uncertainty_m for r in sharing if r.shown_uncertainty_m is not None}
        sizes = {record.radius_m * window.mm_per_m for record in sharing}
        yield Spot(
            at=window.mm(*point),
            numbers=tuple(sorted(record.number for record in sharing)),
            grade=min((record.evidence for record in sharing), key=marks.STRENGTH.index),
            doubts_mm=tuple(sorted(metres * window.mm_per_m for metres in doubts)),
            sizes_mm=tuple(sorted(size for size in sizes if size > marks.RECORD_MM)),
        )


def _decisions(
    window: Window, history: tuple[PlanningStep, ...], records: list[NearbyRecord]
) -> Iterable[Decisions]:
    named = letters(history)
    by_point: dict[At, list[str]] = {}
    for step in history:
        if step.position is not None and _is_inside(window, step.position):
            by_point.setdefault((step.position.x, step.position.y), []).append(step.key)
    marked = {(r.position.x, r.position.y) for r in records if r.position is not None}
    for point, keys in by_point.items():
        yield Decisions(
            at=window.mm(*point),
            half_mm=marks.AROUND_MM if point in marked else marks.SQUARE_MM,
            letters=tuple(named[key] for key in keys),
            keys=tuple(keys),
        )
