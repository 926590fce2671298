"""What the map of a mail shows: its frames and pins, the ground in view and the records on it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from sinkwatch import survey, wording
from sinkwatch.model import EventKind, Evidence, GeologyClass
from sinkwatch.notify import items

if TYPE_CHECKING:
    from collections.abc import Iterable

    import geopandas as gpd

    from sinkwatch.model import Area, Digest, Findings

WIDTH_PX: Final = 560
"""Width of the picture in a mail, CSS pixels."""

HEIGHT_PX: Final = 420
"""Height of the picture in a mail, CSS pixels, the key included."""

KEY_PX: Final = 76
"""Height of the key, CSS pixels."""

MAP_PX: Final = HEIGHT_PX - KEY_PX
"""Height of the map, CSS pixels."""

STRENGTH: Final = (
    Evidence.NOT_AN_EVENT,
    Evidence.POSSIBLE,
    Evidence.PROBABLE,
    Evidence.CONFIRMED,
)
"""Grades of evidence, the weakest first."""

_PUBLIC_STEP_M: Final = 50.0
"""Records may lie in private gardens: no picture shows them finer than this, metres."""

_LEAST_HALF_HEIGHT_M: Final = 300.0
"""The records resolve about 50 m: a closer view would promise what they do not hold."""

_MOST_RADII: Final = 2.5
"""A pin further out than this many radii is left to the words."""

_MARGIN_PX: Final = 24
_MARK_PX: Final = 8
_MOST_LABEL: Final = 40
_MOST_CREDIT: Final = 90
_BACKDROP_KIND: Final = "openmap-local"
_MOST_CLASS_NAME: Final = 30
_RECORD_EVENTS: Final = frozenset(
    {EventKind.SINKHOLE_NEW, EventKind.SINKHOLE_CORRECTED, EventKind.SINKHOLE_REMOVED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """
    One numbered place of a digest.

    Attributes
    ----------
    number
        As in the mail's text.
    easting, northing
        Metres, EPSG:27700.
    uncertainty_m
        How well that is known, metres.
    label
        What is there.
    """

    number: int
    easting: float
    northing: float
    uncertainty_m: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """
    All that a picture shows.

    Attributes
    ----------
    area
        The area: what its classes of ground are called.
    zones, edges, sinkholes, places
        Frames of the schemas of those names, EPSG:27700.
    easting, northing
        The centre: a postcode's, metres, EPSG:27700.
    radius_m
        How far round it the subscriber asked, metres.
    label
        Name of the centre.
    pins
        What the digest tells and can be mapped.
    uncertainty_m
        How well the centre is known, metres; 100 m for a postcode unit.
    backdrop
        Frame of `schemas.BACKDROP` to draw it on, EPSG:27700; None if there is none.
    credit
        Who must be named for that.
    is_ground_withheld
        Whether there are zones that their licence keeps from pictures.
    """

    area: Area
    zones: gpd.GeoDataFrame
    edges: gpd.GeoDataFrame
    sinkholes: gpd.GeoDataFrame
    places: gpd.GeoDataFrame
    easting: float
    northing: float
    radius_m: float
    label: str
    pins: tuple[Pin, ...] = ()
    uncertainty_m: float = 100.0
    backdrop: gpd.GeoDataFrame | None = None
    credit: str = ""
    is_ground_withheld: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """
    The ground that a picture shows, and where on it a position falls.

    Attributes
    ----------
    easting, northing
        Its middle, metres, EPSG:27700.
    m_per_px
        Metres to a CSS pixel.
    """

    easting: float
    northing: float
    m_per_px: float

    @property
    def width_m(self) -> float:
        """Return how far it reaches from west to east, metres."""
        return WIDTH_PX * self.m_per_px

    def px(self, easting: float, northing: float) -> tuple[float, float]:
        """
        Return where a position falls.

        Parameters
        ----------
        easting, northing
            Metres, EPSG:27700.

        Returns
        -------
        right, up
            CSS pixels from the map's lower left corner.
        """
        return (
            WIDTH_PX / 2 + (easting - self.easting) / self.m_per_px,
            MAP_PX / 2 + (northing - self.northing) / self.m_per_px,
        )

    def moved(self, geometry: shapely.Geometry) -> shapely.Geometry:
        """
        Return a geometry in CSS pixels.

        Parameters
        ----------
        geometry
            EPSG:27700 metres.

        Returns
        -------
        geometry
            CSS pixels from the map's lower left corner.
        """
        origin = np.array(self.px(0.0, 0.0))
        return shapely.transform(geometry, lambda at: at / self.m_per_px + origin)

    def holds(self, easting: float, northing: float, *, margin_px: float = 0.0) -> bool:
        """
        Tell whether a position is inside the picture.

        Parameters
        ----------
        easting, northing
            Metres, EPSG:27700.
        margin_px
            How far from its edges at least, CSS pixels.

        Returns
        -------
        inside
            True if it is.
        """
        right, up = self.px(easting, northing)
        return margin_px <= right <= WIDTH_PX - margin_px and margin_px <= up <= MAP_PX - margin_px

    def ground(self) -> shapely.Polygon:
        """Return what it shows and a little more, EPSG:27700 metres."""
        half_width_m = (WIDTH_PX / 2 + _MARGIN_PX) * self.m_per_px
        half_height_m = (MAP_PX / 2 + _MARGIN_PX) * self.m_per_px
        return shapely.box(
            self.easting - half_width_m,
            self.northing - half_height_m,
            self.easting + half_width_m,
            self.northing + half_height_m,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """
    All records drawn at one place; the best evidence gives the mark.

    Attributes
    ----------
    at
        Easting and northing to the nearest 50 m, EPSG:27700.
    evidence
        The best of them.
    n_records
        How many there are.
    uncertainties_m
        How well their positions are known, metres, each once.
    """

    at: tuple[float, float]
    evidence: Evidence
    n_records: int
    uncertainties_m: tuple[float, ...]


def scene_of(digest: Digest, findings: Findings) -> Scene:
    """
    Gather what the picture of a digest shows.

    Parameters
    ----------
    digest
        Whose items become pins; those that are not mapped have none.
    findings
        The run's frames.

    Returns
    -------
    scene
        Centred on the subscriber's postcode.
    """
    subscription = digest.subscription
    return Scene(
        area=findings.area,
        zones=findings.zones,
        edges=findings.edges,
        sinkholes=findings.sinkholes,
        places=findings.places,
        easting=subscription.easting,
        northing=subscription.northing,
        radius_m=subscription.radius_m,
        label=subscription.postcode,
        is_ground_withheld=survey.withholds_outlines(findings),
        pins=tuple(
            _pin(item, *item.pin_at) for item in items.of(digest) if item.pin_at is not None
        ),
        backdrop=findings.surroundings.backdrop,
        credit=_credit_of_backdrop(findings),
    )


def _credit_of_backdrop(findings: Findings) -> str:
    """Return who must be named; nobody if nothing is drawn."""
    if findings.surroundings.backdrop is None:
        return ""
    given = (state for state in findings.sources if state.spec.kind == _BACKDROP_KIND)
    lines = [state.snapshot.attribution for state in given if state.snapshot is not None]
    return wording.trimmed(wording.clean(" ".join(lines)), _MOST_CREDIT)


def _pin(item: items.Item, easting: float, northing: float) -> Pin:
    event = item.first.event
    is_record = event.kind in _RECORD_EVENTS
    return Pin(
        number=item.number,
        easting=_coarse(easting) if is_record else easting,
        northing=_coarse(northing) if is_record else northing,
        uncertainty_m=event.position_uncertainty_m,
        label=wording.trimmed(item.title, _MOST_LABEL),
    )


def _coarse(metres: float) -> float:
    return math.floor(metres / _PUBLIC_STEP_M + 0.5) * _PUBLIC_STEP_M


def view_of(scene: Scene) -> View:
    """
    Choose the ground to show: the subscriber's circle, and every pin not far beyond it.

    Parameters
    ----------
    scene
        The scene.

    Returns
    -------
    view
        Centred on the postcode.
    """
    most_m = scene.radius_m * _MOST_RADII
    east_m, north_m = [scene.radius_m], [scene.radius_m, _LEAST_HALF_HEIGHT_M]
    for pin in scene.pins:
        away_m = abs(pin.easting - scene.easting), abs(pin.northing - scene.northing)
        if max(away_m) <= most_m:
            east_m.append(away_m[0])
            north_m.append(away_m[1])
    m_per_px = max(
        max(east_m) / (WIDTH_PX / 2 - _MARGIN_PX), max(north_m) / (MAP_PX / 2 - _MARGIN_PX)
    )
    return View(easting=scene.easting, northing=scene.northing, m_per_px=m_per_px)


def records_in(scene: Scene, view: View) -> list[Record]:
    """
    Find the records that a picture shows.

    Parameters
    ----------
    scene
        The scene.
    view
        What `view_of` returns for it.

    Returns
    -------
    records
        One a place, the weakest evidence first, so that the strongest is drawn on top.
    """
    drawn = scene.sinkholes[scene.sinkholes["is_drawn"]]
    found: dict[tuple[float, float], list[tuple[Evidence, float]]] = {}
    for easting, northing, evidence, uncertainty_m in zip(
        drawn.geometry.x,
        drawn.geometry.y,
        drawn["evidence"],
        drawn["position_uncertainty_m"],
        strict=True,
    ):
        at = _coarse(easting), _coarse(northing)
        if view.holds(*at, margin_px=_MARK_PX):
            found.setdefault(at, []).append((Evidence(evidence), float(uncertainty_m)))
    records = [_record(at, entries) for at, entries in found.items()]
    return sorted(records, key=lambda record: (STRENGTH.index(record.evidence), record.at))


def _record(at: tuple[float, float], entries: Iterable[tuple[Evidence, float]]) -> Record:
    grades, uncertainties_m = zip(*entries, strict=True)
    return Record(
        at=at,
        evidence=max(grades, key=STRENGTH.index),
        n_records=len(grades),
        uncertainties_m=tuple(sorted(set(uncertainties_m))),
    )


def pins_in(scene: Scene, view: View) -> list[Pin]:
    """
    Find the pins that a picture shows.

    Parameters
    ----------
    scene
        The scene.
    view
        What `view_of` returns for it.

    Returns
    -------
    pins
        Those inside it, in the order of the digest.
    """
    return [pin for pin in scene.pins if view.holds(pin.easting, pin.northing)]


def classes_in(scene: Scene, view: View) -> list[GeologyClass]:
    """
    Find the classes of ground that a picture shows.

    Parameters
    ----------
    scene
        The scene.
    view
        What `view_of` returns for it.

    Returns
    -------
    kinds
        The most susceptible first.
    """
    seen = scene.zones[scene.zones.intersects(view.ground())]
    return [GeologyClass(int(code)) for code in sorted(set(seen["geology_class"]), reverse=True)]


def class_name(area: Area, kind: GeologyClass) -> str:
    """
    Name a class of ground in few words.

    Parameters
    ----------
    area
        The area.
    kind
        The class.

    Returns
    -------
    name
        Such as "the gypsum belt".
    """
    return wording.trimmed(area.class_notes[kind].split(",")[0], _MOST_CLASS_NAME)
