"""Ground and places: classes, bands, positions, and what is said of them."""

from __future__ import annotations

import enum
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NewType

from sinkwatch.errors import ConfigError

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

SinkholeId = NewType("SinkholeId", str)


class GeologyClass(enum.IntEnum):
    """How much gypsum the ground holds; the greatest number is the most susceptible."""

    OUTSIDE = 0
    A = 1
    B = 2
    C = 3


class Band(enum.IntEnum):
    """Level of recorded evidence; `max(bands)` is the highest, and none is a verdict."""

    NOT_ASSESSED = 0
    NONE_IDENTIFIED = 1
    LOW = 2
    MODERATE = 3
    HIGH = 4
    VERY_HIGH = 5

    @property
    def key(self) -> str:
        """Return the name used in files and by programs, such as ``very_high``."""
        return self.name.lower()

    @classmethod
    def from_key(cls, key: str) -> Band:
        """
        Return the band of that key.

        Parameters
        ----------
        key
            Such as ``very_high``.

        Returns
        -------
        band
            The band.

        Raises
        ------
        ConfigError
            If there is no such band.
        """
        try:
            return cls[key.upper()]
        except KeyError:
            known = ", ".join(band.key for band in cls)
            raise ConfigError(key, "is not a band", f"Use one of {known}") from None


class Evidence(enum.StrEnum):
    """How sure it is that a record is a dissolution event."""

    CONFIRMED = "confirmed"
    PROBABLE = "probable"
    POSSIBLE = "possible"
    NOT_AN_EVENT = "not_an_event"


class PlaceKind(enum.StrEnum):
    """What a place is."""

    POSTCODE = "postcode"
    SITE = "site"
    STREET = "street"
    LANDMARK = "landmark"
    VILLAGE = "village"
    APPLICATION = "application"
    POSITION = "position"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """
    A rectangle on British National Grid, its edges included.

    Attributes
    ----------
    min_easting, min_northing, max_easting, max_northing
        Metres, EPSG:27700.
    """

    min_easting: float
    min_northing: float
    max_easting: float
    max_northing: float

    def __post_init__(self) -> None:
        """Refuse a rectangle that is inside out."""
        if not (self.min_easting < self.max_easting and self.min_northing < self.max_northing):
            raise ConfigError(
                f"bounds {self.as_tuple()}",
                "the least easting and northing come first and must be less than the greatest",
                "Write min_easting, min_northing, max_easting, max_northing in metres",
            )

    def holds(self, easting: float, northing: float) -> bool:
        """
        Tell whether a position lies inside or on an edge; a position that is NaN does not.

        Parameters
        ----------
        easting, northing
            Metres, EPSG:27700.

        Returns
        -------
        inside
            True if it does.
        """
        return (
            self.min_easting <= easting <= self.max_easting
            and self.min_northing <= northing <= self.max_northing
        )

    def as_tuple(self) -> tuple[float, float, float, float]:
        """Return min easting, min northing, max easting, max northing."""
        return (self.min_easting, self.min_northing, self.max_easting, self.max_northing)


@dataclass(frozen=True, slots=True, kw_only=True)
class BandStyle:
    """
    How one band is named, explained and drawn, wherever it appears.

    Attributes
    ----------
    band
        The band.
    label
        Its name for people, such as "Very high".
    meaning
        What it says, one sentence.
    advice
        What a reader may do, one sentence.
    colour
        ``#rrggbb``; never the only mark of a band.
    hatch
        Pattern for print and grey screens: none, dots, lines, cross, dense.
    """

    band: Band
    label: str
    meaning: str
    advice: str
    colour: str
    hatch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BandTable:
    """
    The assessment as data: rings, bands by class and ring, and what each band means.

    Attributes
    ----------
    rings_m
        Search rings round a record, metres, ascending, edges included.
    bands
        For each class of ground, one band per ring and one for "none within the last ring".
    check_record
        For each class, whether the record should be checked, in the same places.
    styles
        One entry for every band.
    """

    rings_m: tuple[float, ...]
    bands: Mapping[GeologyClass, tuple[Band, ...]]
    check_record: Mapping[GeologyClass, tuple[bool, ...]]
    styles: Mapping[Band, BandStyle]

    def __post_init__(self) -> None:
        """
        Refuse a table with a hole or a step the wrong way.

        A missing cell would read as "nothing found"; and the assessment looks for the nearest
        ring and the most susceptible ground, which is right only if neither lowers a band.
        """
        holes = [*self._faults_of_rings(), *self._faults_of_rows(), *self._faults_of_styles()]
        faults = holes or self._faults_of_order()
        if faults:
            raise ConfigError(
                "band table",
                "; ".join(faults),
                "Give one band per class and ring, plus one for 'none within the last ring', "
                "none higher further out or on less susceptible ground",
            )

    def _faults_of_rings(self) -> list[str]:
        if not self.rings_m or list(self.rings_m) != sorted(set(self.rings_m)):
            return [f"rings {list(self.rings_m)} must be ascending distances in metres"]
        if self.rings_m[0] <= 0 or not all(math.isfinite(ring) for ring in self.rings_m):
            return [f"rings {list(self.rings_m)} must be positive, finite distances in metres"]
        return []

    def _faults_of_rows(self) -> list[str]:
        faults: list[str] = []
        wanted = len(self.rings_m) + 1
        for row in (GeologyClass.A, GeologyClass.B, GeologyClass.C):
            for title, table in (("bands", self.bands), ("check_record", self.check_record)):
                found = len(table.get(row, ()))
                if found != wanted:
                    faults.append(
                        f"class {row.name} has {found} {title} for {len(self.rings_m)} rings"
                    )
        return faults

    def _faults_of_order(self) -> list[str]:
        rows = (GeologyClass.A, GeologyClass.B, GeologyClass.C)
        faults = [
            f"class {row.name} has a higher band in a ring further out"
            for row in rows
            if list(self.bands[row]) != sorted(self.bands[row], reverse=True)
        ]
        for lower, higher in itertools.pairwise(rows):
            pairs = zip(self.bands[lower], self.bands[higher], strict=True)
            if any(below > above for below, above in pairs):
                faults.append(f"class {lower.name} has a higher band than class {higher.name}")
        return faults

    def _faults_of_styles(self) -> list[str]:
        return [f"band {band.key} has no label" for band in Band if band not in self.styles]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """
    Numbers of the assessment and the alerts that an area may set.

    Attributes
    ----------
    table
        The band table.
    default_radius_m
        Radius of a record whose size is unknown, metres; 7.5 m is a 15 m hole, the middle
        of the 10-30 m that is common at Ripon.
    flag_within_m
        A place this close to a counted record is flagged whatever its band, metres.
    recent_days
        A decided application is news this long after its latest date.
    stale_after_days
        Days after which a source is shown as stale, by source name.
    red_after_days
        Days after which it is shown as long out of date, by source name.
    """

    table: BandTable
    default_radius_m: float = 7.5
    flag_within_m: float = 250.0
    recent_days: int = 90
    stale_after_days: Mapping[str, int] = field(default_factory=dict)
    red_after_days: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    Words turned into a position, with how well it is known.

    Attributes
    ----------
    place_id
        Stable id: a slug, a postcode, a reference or a grid reference.
    label
        Name for people.
    kind
        What it is.
    easting, northing
        Metres, EPSG:27700; None if the place lies outside what is held.
    position_uncertainty_m
        Radius about 95 % sure to hold the true place, metres.
    basis
        How the position was found.
    geometry
        Boundary, EPSG:27700, if more than a point is known.
    """

    place_id: str
    label: str
    kind: PlaceKind
    easting: float | None
    northing: float | None
    position_uncertainty_m: float
    basis: str
    geometry: BaseGeometry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """
    One reason of an assessment.

    Attributes
    ----------
    code
        For programs: ground, boundary, shares, sinkhole, no_record, density, left_out, conflict,
        position, edition.
    text
        The sentence for people, the same in mail, map, table and PDF.
    facts
        The numbers and names in it.
    """

    code: str
    text: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """
    What is recorded about the ground at one place, at one run, and why it is put so.

    Attributes
    ----------
    place
        The place.
    band
        Level of recorded evidence.
    geology
        Class of the ground at the place itself.
    scored_as
        Class it was scored as: higher if a boundary is within its uncertainty.
    sinkhole_id
        The record that decides the ring; None if no record counts within the last ring. A place
        that is not assessed has one as well: its records are listed, not scored.
    distance_m
        Distance to that record's edge, metres; None without one.
    distance_uncertainty_m
        Its uncertainty, metres; None without one.
    n_features
        Distinct recorded features within the last ring, possible ones included; not scored.
    check_record
        Whether ground and record disagree, so that the record should be checked.
    shares
        Share of a site's ground in each band, summing to 1; empty for a point.
    reasons
        Why.
    """

    place: Place
    band: Band
    geology: GeologyClass
    scored_as: GeologyClass
    sinkhole_id: SinkholeId | None
    distance_m: float | None
    distance_uncertainty_m: float | None
    n_features: int
    check_record: bool
    shares: Mapping[Band, float] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()
