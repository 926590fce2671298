"""The area's map as one drawing, for paper and for screens without scripts, and its key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import shapely

from sinkwatch import public, style, wording
from sinkwatch.model import Bounds, Evidence
from sinkwatch.publish import layers, squares
from sinkwatch.publish.evidence import key, marks, patterns, typeface, wayfinding
from sinkwatch.publish.evidence.backdrop import Backdrop
from sinkwatch.publish.evidence.canvas import Canvas, Stroke, one
from sinkwatch.publish.evidence.ground import Ground, Streets
from sinkwatch.publish.evidence.key import KeyEntry
from sinkwatch.publish.evidence.labels import Board, Label
from sinkwatch.publish.evidence.terrain import Terrain
from sinkwatch.publish.evidence.window import Window

if TYPE_CHECKING:
    from sinkwatch.model import Area, BandStyle, Findings
    from sinkwatch.publish.evidence.canvas import At, Shapes
    from sinkwatch.publish.evidence.ground import Name
    from sinkwatch.publish.things import Thing, Things

MOST_MARKS: Final = 60
"""Applications in view that each get a mark and a circle; of more only dots are drawn, which leave
the ground and the records to be seen."""

_MARGIN: Final = 0.16
"""Ground left free round what is recorded, as a share of it."""

_LEAST_M: Final = 2_400.0
"""Ground across which the picture shows at least."""

_SCALE_STEP: Final = 500
_DETAILS_MM: Final = (0.15, 0.3, 0.6, 1.2)
_MOST_CORNERS: Final = 5_000
"""Corners of the backdrop, some 90 kB of SVG: detail goes first, then the shortest shapes."""

_WIDE_RANK: Final = 2
_MOST_NAME: Final = 32
_BAR_MM: Final = 36.0
_BAR_ROOM_MM: Final = (50.0, 15.0)
"""Lower left, where scale bar and north stand: no name is written there."""

_BARS_M: Final = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)

_WHITE: Final = "#ffffff"
_RIM: Final = Stroke(colour=style.INK, width_mm=0.28)
_CLEAR: Final = Stroke(colour=_WHITE, width_mm=0.9)
_DOUBT: Final = Stroke(colour=style.ACCENT, width_mm=0.25, dash_mm=(1.2, 0.9))
_QUIET: Final = Stroke(colour=patterns.mixed(style.ACCENT, 0.55), width_mm=0.75, is_round=True)
_RECORD: Final = Stroke(
    colour=style.EVIDENCE_COLOURS[Evidence.CONFIRMED], width_mm=0.5, is_round=True
)
_MARK_MM: Final = 1.35
_SMALL_MM: Final = 0.75
_SQUARE: Final = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))
_TRIANGLE: Final = ((-1.15, -0.9), (1.15, -0.9), (0.0, 1.15))
_POLE: Final = ((0.55, 0.1), (0.55, 2.6))
_PENNANT: Final = ((0.55, 2.6), (2.1, 1.95), (0.55, 1.3))

_GRADES: Final = {
    Evidence.CONFIRMED: "Record, confirmed",
    Evidence.PROBABLE: "Record, probable",
    Evidence.POSSIBLE: "Record, possible",
    Evidence.NOT_AN_EVENT: "Record that is not an event",
}


_LAYERS: Final = {
    "road": "Main road",
    "railway": "Railway",
    "water": "Water",
    "woodland": "Woodland",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Overview:
    """
    The map of an area, as its first view has it, millimetres of picture.

    Attributes
    ----------
    area
        The area.
    window
        The ground that is seen.
    terrain, backdrop
        What lies below; no backdrop if none is held.
    things
        Those in view, only.
    labels
        Names that found room.
    edge_span
        How well the zones' edges are known; empty if none is.
    """

    area: Area
    window: Window
    terrain: Terrain
    backdrop: Backdrop | None
    things: Things
    labels: tuple[tuple[At, Label], ...]
    edge_span: str

    @classmethod
    def of(cls, findings: Findings, things: Things, *, size_mm: tuple[float, float]) -> Self:
        """
        Work out what the picture shows.

        Parameters
        ----------
        findings
            Of one run.
        things
            What is drawn.
        size_mm
            Width and height.

        Returns
        -------
        overview
            The same for the same three.
        """
        ground = Ground.of(findings)
        window = _window(findings.area, things, size_mm)
        seen = _in_view(window, things)
        terrain = Terrain.of(ground, window)
        streets = None if ground.streets is None else _through_roads(ground.streets, window)
        return cls(
            area=findings.area,
            window=window,
            terrain=terrain,
            backdrop=None if streets is None else Backdrop.of(streets, window),
            things=seen,
            labels=tuple(_labels(ground, window, terrain, seen)),
            edge_span=layers.edge_span(findings),
        )

    @property
    def is_crowded(self) -> bool:
        """Return whether applications are drawn as dots."""
        return len(self.things.applications) > MOST_MARKS

    @property
    def bar(self) -> tuple[int, float]:
        """Return the length of the scale bar: metres of ground, millimetres of picture."""
        fitting = [metres for metres in _BARS_M if metres * self.window.mm_per_m <= _BAR_MM]
        metres = fitting[-1] if fitting else _BARS_M[0]
        return metres, metres * self.window.mm_per_m

    def svg(self) -> bytes:
        """Return the drawing, without key or title."""
        canvas = Canvas(*self.window.size_mm)
        canvas.clip(self.window.neat)
        self._draw_ground(canvas)
        self._draw_applications(canvas)
        self._draw_records(canvas)
        for at, label in self.labels:
            canvas.circle(at, wayfinding.DOT_MM, fill=style.INK)
            canvas.write(label.at, label.text, label.how)
        return canvas.svg()

    def key(self) -> tuple[KeyEntry, ...]:
        """Return a sample and words for everything that is drawn, and nothing else."""
        entries = (
            *self._record_key(),
            *self._place_key(),
            *self._ground_key(),
            *self._backdrop_key(),
        )
        return tuple(KeyEntry(svg=svg, text=text) for svg, text in entries)

    def band_styles(self) -> tuple[BandStyle, ...]:
        """Return the bands whose colours are on the picture, the highest first."""
        marked = (*self.things.sites, *(() if self.is_crowded else self.things.applications))
        styles = {thing.style.band: thing.style for thing in marked if thing.style is not None}
        return tuple(styles[band] for band in sorted(styles, reverse=True))

    def _draw_ground(self, canvas: Canvas) -> None:
        self.terrain.draw_colours(canvas)
        if self.backdrop is not None:
            self.backdrop.draw_woods(canvas)
        self.terrain.draw_patterns(canvas)
        if self.backdrop is not None:
            self.backdrop.draw(canvas, self.window)
        self.terrain.draw_lines(canvas)

    def _draw_applications(self, canvas: Canvas) -> None:
        drawn = sorted(self.things.applications, key=lambda thing: (thing.is_flagged, thing.key))
        if not self.is_crowded:
            self._draw_doubts(canvas, drawn, _DOUBT)
            for thing in drawn:
                _mark(canvas, _at(self.window, thing), thing, _TRIANGLE)
            return
        quiet = {_at(self.window, thing) for thing in drawn if not thing.is_flagged}
        canvas.line(_dots(sorted(quiet)), _QUIET)
        flagged = {_at(self.window, thing) for thing in drawn if thing.is_flagged}
        triangles = [_polygon(at, _TRIANGLE, _SMALL_MM) for at in sorted(flagged)]
        canvas.fill(one(shapely.MultiPolygon(triangles)), style.ACCENT)

    def _draw_records(self, canvas: Canvas) -> None:
        is_counted = squares.are_counted(self.things.records)
        if is_counted:
            at = {_at(self.window, thing) for thing in self.things.records}
            canvas.line(_dots(sorted(at)), _RECORD)
        else:
            self._draw_doubts(canvas, self.things.records, marks.DOUBT)
        for thing in reversed(self.things.sites):
            _mark(canvas, _at(self.window, thing), thing, _SQUARE)
        for thing in () if is_counted else sorted(self.things.records, key=_weakest_first):
            marks.record(canvas, _at(self.window, thing), _grade(thing))

    def _draw_doubts(self, canvas: Canvas, things: Sequence[Thing], stroke: Stroke) -> None:
        circles = {(_at(self.window, each), each.uncertainty_m or 0.0) for each in things}
        for at, known_m in sorted(circles):
            canvas.circle(at, known_m * self.window.mm_per_m, stroke=stroke)

    def _ground_key(self) -> Iterator[tuple[bytes, str]]:
        zones = self.terrain.zones
        for kind in reversed(zones):
            note = wording.clean(self.area.class_notes.get(kind, ""))
            said = f"Class {kind.name}: {note}" if note else f"Class {kind.name}"
            yield key.swatch(f"zone {kind.name}"), said
        if zones and self.terrain.uncertainties_m:
            said = f"Fading: the edge may lie anywhere in this ({self.edge_span})"
            yield key.swatch(f"fade {max(zones).name}"), said
        if self.terrain.edges:
            yield key.swatch("edge"), "Edge of a zone as drawn"
        if shapely.length(self.terrain.limits) > 0:
            yield key.swatch("limit"), "Where drawing stopped; says nothing of the ground"

    def _record_key(self) -> Iterator[tuple[bytes, str]]:
        if squares.are_counted(self.things.records):
            yield _sample(_record_sample), "A recorded event"
            return
        grades = {_grade(thing) for thing in self.things.records}
        for grade in marks.STRENGTH:
            if grade in grades:
                yield key.swatch(f"record {grade}"), _GRADES[grade]
        if grades:
            said = f"Within which it may truly lie; places rounded to {public.ROUNDED_TO_M} m"
            yield key.swatch("doubt"), said

    def _backdrop_key(self) -> Iterator[tuple[bytes, str]]:
        for layer in self.backdrop.drawn if self.backdrop is not None else ():
            yield key.swatch(f"backdrop {layer}"), _LAYERS[layer]

    def _place_key(self) -> Iterator[tuple[bytes, str]]:
        things = self.things
        if things.sites:
            yield _sample(partial(_plain_mark, corners=_SQUARE)), "Watched site"
        kinds = {thing.is_flagged for thing in things.applications}
        if self.is_crowded:
            if False in kinds:
                yield _sample(_quiet_sample), "Planning application"
            if True in kinds:
                yield _sample(_small_sample), "Planning application on the list of flagged places"
        elif kinds:
            yield _sample(partial(_plain_mark, corners=_TRIANGLE)), "Planning application"
            yield _sample(_doubt_sample), "Within which an application may truly lie"
        flagged = (*things.sites, *(() if self.is_crowded else things.applications))
        if any(thing.is_flagged for thing in flagged):
            yield _sample(_flag_sample), "With a flag: on the list of flagged places"


# ── What is in view ──────────────────────────────────────────────────────────────────────────


def _window(area: Area, things: Things, size_mm: tuple[float, float]) -> Window:
    drawn = [thing.geometry for thing in things.records if thing.geometry is not None]
    west, south, east, north = (
        shapely.total_bounds(drawn).tolist() if drawn else (*area.map_centre, *area.map_centre)
    )
    wide_m = max((east - west) * (1 + 2 * _MARGIN), _LEAST_M)
    high_m = max((north - south) * (1 + 2 * _MARGIN), _LEAST_M)
    needed = 1_000 * max(wide_m / size_mm[0], high_m / size_mm[1])
    scale = -int(-needed // _SCALE_STEP) * _SCALE_STEP
    half = [scale * side / 2_000 for side in size_mm]
    middle = ((west + east) / 2, (south + north) / 2)
    frame = Bounds(
        min_easting=middle[0] - half[0],
        min_northing=middle[1] - half[1],
        max_easting=middle[0] + half[0],
        max_northing=middle[1] + half[1],
    )
    return Window(frame=frame, scale=scale, collar_mm=0.0)


def _through_roads(streets: Streets, window: Window) -> Streets:
    """Leave out buildings, lanes and detail that no screen shows: a town would be 1 MB."""
    seen = np.sort(streets.tree.query(window.ground, predicate="intersects"))
    is_lane = (streets.layers == "road") & (streets.classes == "local")
    kept = seen[((streets.layers != "building") & ~is_lane)[seen]]
    shapes = _lightened(streets.tree.geometries[kept], window)
    longest = np.argsort(-shapely.length(shapes), kind="stable")
    n_corners = np.cumsum(shapely.get_num_coordinates(shapes[longest]))
    drawn = np.sort(longest[n_corners <= _MOST_CORNERS])
    return Streets(
        tree=shapely.STRtree(shapes[drawn]),
        layers=streets.layers[kept][drawn],
        classes=streets.classes[kept][drawn],
        names=streets.names[kept][drawn],
    )


def _lightened(shapes: Shapes, window: Window) -> Shapes:
    """Leave out as much detail as it takes to keep to `_MOST_CORNERS`, or as much as one may."""
    for detail_mm in _DETAILS_MM:
        lighter = shapely.simplify(shapes, detail_mm / window.mm_per_m)
        if shapely.get_num_coordinates(lighter).sum() <= _MOST_CORNERS:
            break
    return np.asarray(lighter, dtype=object)


def _in_view(window: Window, things: Things) -> Things:
    def seen(listed: Sequence[Thing]) -> tuple[Thing, ...]:
        return tuple(
            thing
            for thing in listed
            if thing.geometry is not None and window.frame.holds(thing.geometry.x, thing.geometry.y)
        )

    return type(things)(
        records=seen(things.records),
        sites=seen(things.sites),
        applications=seen(things.applications),
        cases=(),
    )


def _labels(
    ground: Ground, window: Window, terrain: Terrain, things: Things
) -> Iterator[tuple[At, Label]]:
    board = Board(window.neat)
    board.take(shapely.box(0, 0, *_BAR_ROOM_MM))
    room = _MARK_MM + 0.5
    records = () if squares.are_counted(things.records) else things.records
    marked = {_at(window, thing) for thing in (*records, *things.sites)}
    for right, up in sorted(marked):
        board.take(shapely.box(right - room, up - room, right + room, up + room))
    wanted: dict[str, tuple[Name, At, str]] = {}
    for name in ground.names:
        is_wide = name.is_settlement or name.rank <= _WIDE_RANK
        if is_wide and not name.is_street and window.frame.holds(*name.at):
            text = typeface.label(wording.trimmed(name.text, _MOST_NAME))
            wanted.setdefault(text, (name, window.mm(*name.at), text))
    lines = shapely.union_all([edge for _, edge in terrain.edges])
    for _, at, label in wayfinding.places(board, list(wanted.values()), lines):
        yield at, label


def _at(window: Window, thing: Thing) -> At:
    point = thing.geometry or shapely.Point()
    return window.mm(point.x, point.y)


def _grade(thing: Thing) -> Evidence:
    return Evidence(thing.symbol.removeprefix("record-"))


def _weakest_first(thing: Thing) -> tuple[int, str]:
    return -marks.STRENGTH.index(_grade(thing)), thing.key


# ── Marks ────────────────────────────────────────────────────────────────────────────────────


def _mark(canvas: Canvas, at: At, thing: Thing, corners: Sequence[tuple[float, float]]) -> None:
    """Draw a site or an application in the colour of its band, with its flag if it has one."""
    shape = one(_polygon(at, corners, _MARK_MM))
    canvas.line(shape, _CLEAR)
    canvas.fill(shape, thing.style.colour if thing.style else _WHITE, rim=_RIM)
    if thing.is_flagged:
        _flag(canvas, at)


def _flag(canvas: Canvas, at: At) -> None:
    pole, pennant = _moved(at, _POLE), _polygon(at, _PENNANT, _MARK_MM)
    canvas.line(one(shapely.LineString(pole)), _CLEAR)
    canvas.line(one(pennant), _CLEAR)
    canvas.line(one(shapely.LineString(pole)), _RIM)
    canvas.fill(one(pennant), style.INK, rim=_RIM)


def _polygon(at: At, corners: Sequence[tuple[float, float]], size_mm: float) -> shapely.Polygon:
    return shapely.Polygon(_moved(at, corners, size_mm))


def _moved(
    at: At, corners: Sequence[tuple[float, float]], size_mm: float = _MARK_MM
) -> list[tuple[float, float]]:
    return [(at[0] + right * size_mm, at[1] + up * size_mm) for right, up in corners]


def _dots(points: Sequence[At]) -> Shapes:
    """Return strokes too short to see, whose round ends are dots: one outline for them all."""
    return one(shapely.MultiLineString([((x, y), (x + 0.02, y)) for x, y in points]))


# ── Samples of the key ───────────────────────────────────────────────────────────────────────

_MIDDLE: Final = (key.WIDTH_MM / 2, key.HEIGHT_MM / 2)


def _sample(draw: Callable[[Canvas], None]) -> bytes:
    canvas = Canvas(key.WIDTH_MM, key.HEIGHT_MM)
    draw(canvas)
    return canvas.svg()


def _plain_mark(canvas: Canvas, corners: Sequence[tuple[float, float]]) -> None:
    canvas.fill(one(_polygon(_MIDDLE, corners, _MARK_MM)), _WHITE, rim=_RIM)


def _quiet_sample(canvas: Canvas) -> None:
    canvas.line(_dots([_MIDDLE]), _QUIET)


def _record_sample(canvas: Canvas) -> None:
    canvas.line(_dots([_MIDDLE]), _RECORD)


def _small_sample(canvas: Canvas) -> None:
    canvas.fill(one(_polygon(_MIDDLE, _TRIANGLE, _SMALL_MM)), style.ACCENT)


def _doubt_sample(canvas: Canvas) -> None:
    canvas.circle(_MIDDLE, 1.9, stroke=_DOUBT)


def _flag_sample(canvas: Canvas) -> None:
    _flag(canvas, (_MIDDLE[0] - 1.4, _MIDDLE[1] - 1.8))
