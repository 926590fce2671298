"""What a run knows, made ready once so that every map of a mail is soon found its scene."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from sinkwatch import survey, wording
from sinkwatch.model import Evidence, GeologyClass
from sinkwatch.notify.scene import MAP_PX, STRENGTH, WIDTH_PX, Pin, Record, Scene, View

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from sinkwatch.model import Findings, Subscription
    from sinkwatch.notify.items import Item

_PUBLIC_STEP_M: Final = 50.0
"""Records may lie in private gardens: no picture shows them finer than this, metres."""

_LEAST_HALF_HEIGHT_M: Final = 300.0
"""The records resolve about 50 m: a closer view would promise what they do not hold."""

_MOST_RADII: Final = 2.5
"""A pin further out than this many radii is left to the words."""

_STEPS: Final = (1.0, 1.4, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0)
"""How far a view may reach, times a power of ten, metres: few enough that ground drawn for one
mail serves many others, and each hardly half as far again as the one before."""

_MARGIN_PX: Final = 24
_MARK_PX: Final = 8
_MOST_PLACES: Final = 60
_MOST_PLACE: Final = 30
_WHOLE: Final = 0.99  # slivers between zones are no blank ground
_MOST_LABEL: Final = 40
_MOST_CREDIT: Final = 90
_BACKDROP_KIND: Final = "openmap-local"
_MOST_CLASS_NAME: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chart:
    """
    What one run knows and pictures show, ready to be asked for any view.

    Attributes
    ----------
    zones, classes, names
        The zones, EPSG:27700, the class of each, and what each class is called.
    edges, uncertainties_m
        The ground where each edge may be, EPSG:27700, and how well it is known, metres.
    records, record_at
        What is drawn, the weakest evidence first, and where, EPSG:27700.
    places, labels, ranks
        Where the names belong, EPSG:27700, in the order of their ids; the names; how well known.
    credit, is_ground_withheld
        As of `Scene`.
    """

    zones: shapely.STRtree
    classes: NDArray[np.int_]
    names: dict[GeologyClass, str]
    edges: shapely.STRtree
    uncertainties_m: NDArray[np.float64]
    records: tuple[Record, ...]
    record_at: NDArray[np.float64]
    places: NDArray[np.float64]
    labels: tuple[str, ...]
    ranks: NDArray[np.int_]
    credit: str
    is_ground_withheld: bool

    @classmethod
    def of(cls, findings: Findings) -> Chart:
        """
        Make what a run knows ready.

        Parameters
        ----------
        findings
            The run's frames.

        Returns
        -------
        chart
            The same whatever the order of their rows.
        """
        uncertainties_m = findings.edges["uncertainty_m"].to_numpy(dtype=float)
        doubtful = shapely.buffer(findings.edges.geometry.to_numpy(), uncertainties_m)
        places = findings.places.sort_values("place_id")
        notes = findings.area.class_notes
        records = _records(findings.sinkholes)
        return cls(
            zones=shapely.STRtree(findings.zones.geometry.to_numpy()),
            classes=findings.zones["geology_class"].to_numpy(dtype=int),
            names={kind: _short(note) for kind, note in notes.items()},
            edges=shapely.STRtree(doubtful),
            uncertainties_m=uncertainties_m,
            records=records,
            record_at=np.array([record.at for record in records]).reshape(-1, 2),
            places=shapely.get_coordinates(places.geometry.to_numpy()),
            labels=tuple(wording.trimmed(name, _MOST_PLACE) for name in places["short_name"]),
            ranks=places["label_rank"].to_numpy(dtype=int),
            credit=_credit_of_backdrop(findings),
            is_ground_withheld=survey.withholds_outlines(findings),
        )

    def scene(self, home: Subscription, items: Sequence[Item]) -> Scene:
        """
        Gather what one picture shows.

        Parameters
        ----------
        home
            The place it is for, which becomes its middle.
        items
            What the mail tells of it; those that are mapped become pins.

        Returns
        -------
        scene
            Nothing of it is beyond its view.
        """
        pins = [_pin(item, *item.pin_at) for item in items if item.pin_at is not None]
        view = _view(home, pins)
        ground = view.ground()
        zones = np.sort(self.zones.query(ground, predicate="intersects"))
        kinds = sorted({GeologyClass(int(code)) for code in self.classes[zones]}, reverse=True)
        return Scene(
            view=view,
            label=home.postcode,
            radius_m=home.radius_m,
            kinds=tuple((kind, self.names[kind]) for kind in kinds),
            edge_m=self._edge_m(ground),
            is_partly_blank=not _cover(self.zones.geometries[zones], ground),
            is_ground_withheld=self.is_ground_withheld,
            records=tuple(self.records[at] for at in _inside(view, self.record_at, _MARK_PX)),
            pins=tuple(pin for pin in pins if view.holds(pin.easting, pin.northing)),
            places=tuple(self._places_in(view)),
            credit=self.credit,
        )

    def _edge_m(self, ground: shapely.Polygon) -> tuple[float, float] | None:
        near = self.uncertainties_m[self.edges.query(ground, predicate="intersects")]
        return (float(near.min()), float(near.max())) if len(near) else None

    def _places_in(self, view: View) -> Iterator[tuple[tuple[float, float], str]]:
        near = _inside(view, self.places, 0)
        away = np.hypot(*(self.places[near] - (view.easting, view.northing)).T)
        for index in near[np.lexsort((away, self.ranks[near]))][:_MOST_PLACES]:
            easting, northing = self.places[index]
            yield (float(easting), float(northing)), self.labels[index]


def _inside(view: View, at: NDArray[np.float64], margin_px: float) -> NDArray[np.int_]:
    """Return which positions a view shows."""
    off_px = np.abs(at - (view.easting, view.northing)) / view.m_per_px
    most_px = WIDTH_PX / 2 - margin_px, MAP_PX / 2 - margin_px
    return np.flatnonzero((off_px <= most_px).all(axis=1))


def _view(home: Subscription, pins: Iterable[Pin]) -> View:
    """Choose the ground to show: the reader's circle, and every pin not far beyond it."""
    most_m = home.radius_m * _MOST_RADII
    # As high as wide: the map is broader than high, so that this holds what is east or west too.
    reach_m = max(home.radius_m, _LEAST_HALF_HEIGHT_M)
    aspect = (MAP_PX / 2 - _MARGIN_PX) / (WIDTH_PX / 2 - _MARGIN_PX)
    for pin in pins:
        east_m, north_m = abs(pin.easting - home.easting), abs(pin.northing - home.northing)
        if max(east_m, north_m) <= most_m:
            reach_m = max(reach_m, east_m * aspect, north_m)
    m_per_px = _step(reach_m) / (MAP_PX / 2 - _MARGIN_PX)
    return View(easting=home.easting, northing=home.northing, m_per_px=m_per_px)


def _step(reach_m: float) -> float:
    """Return the least step that is as far."""
    power = 10.0 ** math.floor(math.log10(reach_m))
    return next(step * power for step in _STEPS if step * power >= reach_m)


def _cover(zones: NDArray[np.object_], ground: shapely.Polygon) -> bool:
    held = shapely.union_all(shapely.clip_by_rect(zones, *ground.bounds))
    return bool(held.area >= ground.area * _WHOLE)


def _short(note: str) -> str:
    """Name a class of ground in few words, such as "the gypsum belt"."""
    return wording.trimmed(note.partition(",")[0], _MOST_CLASS_NAME)


def _records(sinkholes: gpd.GeoDataFrame) -> tuple[Record, ...]:
    """Put together what is drawn at one place, and leave out what is not to be drawn."""
    drawn = sinkholes[sinkholes["is_drawn"]]
    found: dict[tuple[float, float], list[tuple[Evidence, float]]] = {}
    for easting, northing, evidence, uncertainty_m in zip(
        drawn.geometry.x,
        drawn.geometry.y,
        drawn["evidence"],
        drawn["position_uncertainty_m"],
        strict=True,
    ):
        at = _coarse(easting), _coarse(northing)
        found.setdefault(at, []).append((Evidence(evidence), float(uncertainty_m)))
    records = [_record(at, entries) for at, entries in found.items()]
    return tuple(sorted(records, key=lambda r: (STRENGTH.index(r.evidence), r.at)))


def _record(at: tuple[float, float], entries: Iterable[tuple[Evidence, float]]) -> Record:
    grades, uncertainties_m = zip(*entries, strict=True)
    return Record(
        at=at,
        evidence=max(grades, key=STRENGTH.index),
        n_records=len(grades),
        uncertainties_m=tuple(sorted(set(uncertainties_m))),
    )


def _credit_of_backdrop(findings: Findings) -> str:
    """Return who must be named; nobody if nothing is drawn."""
    if findings.surroundings.backdrop is None:
        return ""
    given = (state for state in findings.sources if state.spec.kind == _BACKDROP_KIND)
    lines = [state.snapshot.attribution for state in given if state.snapshot is not None]
    return wording.trimmed(wording.clean(" ".join(lines)), _MOST_CREDIT)


def _pin(item: Item, easting: float, northing: float) -> Pin:
    event = item.first.event
    if not item.is_application:
        # A record, also one that is taken back: told no finer than it is drawn.
        easting, northing = _coarse(easting), _coarse(northing)
    return Pin(
        number=item.number,
        easting=easting,
        northing=northing,
        uncertainty_m=event.position_uncertainty_m,
        label=wording.trimmed(item.title, _MOST_LABEL),
    )


def _coarse(metres: float) -> float:
    return math.floor(metres / _PUBLIC_STEP_M + 0.5) * _PUBLIC_STEP_M
