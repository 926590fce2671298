"""The values that sinkwatch speaks of: frozen, compared by content, free of effects."""

from __future__ import annotations

import enum
import hashlib
import itertools
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NewType
from urllib.parse import urlsplit

from sinkwatch.errors import ConfigError

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from shapely.geometry.base import BaseGeometry

SinkholeId = NewType("SinkholeId", str)
SubscriptionId = NewType("SubscriptionId", str)
MessageId = NewType("MessageId", str)


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


class ApplicationStatus(enum.StrEnum):
    """Where an application stands; councils' own words are kept beside it."""

    UNDECIDED = "undecided"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    APPEALED = "appealed"
    OTHER = "other"


class EventKind(enum.StrEnum):
    """What a subscriber may hear of."""

    APPLICATION_NEW = "application_new"
    APPLICATION_CHANGED = "application_changed"
    APPLICATION_DECIDED = "application_decided"
    APPLICATION_WITHDRAWN = "application_withdrawn"
    APPLICATION_UNLISTED = "application_unlisted"
    APPLICATION_APPEALED = "application_appealed"
    SINKHOLE_NEW = "sinkhole_new"
    SINKHOLE_CORRECTED = "sinkhole_corrected"
    SINKHOLE_REMOVED = "sinkhole_removed"
    BAND_CHANGED = "band_changed"


class SourceStatus(enum.StrEnum):
    """How a source stands after a run: absence, failure and emptiness are three things."""

    GOOD = "good"
    STALE = "stale"
    HELD = "held"
    FAILED = "failed"
    NOT_CONFIGURED = "not_configured"


class Age(enum.IntEnum):
    """How old the good data of a source is, in the steps at which readers are told."""

    FRESH = 0
    AMBER = 1
    RED = 2


class Outcome(enum.StrEnum):
    """What became of a message, in the words of GOV.UK Notify."""

    CREATED = "created"
    SENDING = "sending"
    SENT = "sent"
    TEMPORARY_FAILURE = "temporary-failure"
    PERMANENT_FAILURE = "permanent-failure"
    PARKED = "parked"
    EXPIRED = "expired"


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


ONLINE_KINDS: Final = frozenset(
    {
        "planit",
        "planning-data",
        "idox",
        "code-point-open",
        "open-names",
        "open-uprn",
        "openmap-local",
        "geosure-hex",
        "geology-features",
        "bgs-features",
        "bgs-boreholes",
        "planning-designations",
        "postcodes-io",
        "price-paid",
        "overpass",
        "environment-agency",
    }
)
"""Kinds of source that ask a service on the internet, if the operator has switched that on."""


CONTEXT_KINDS: Final = frozenset(
    {
        "planning-designations",
        "open-names",
        "open-uprn",
        "openmap-local",
        "geosure-hex",
        "bgs-features",
        "bgs-boreholes",
        "postcodes-io",
        "price-paid",
        "overpass",
        "environment-agency",
    }
)
"""Kinds of source without which nothing that a resident is told would be missing."""

FRAME_OF_KIND: Final[Mapping[str, str]] = {
    "geology": "geology",
    "geology-features": "geology",
    "sinkholes": "sinkholes",
    "places": "places",
    "postcodes": "postcodes",
    "code-point-open": "postcodes",
    "postcodes-io": "looked_up",
    "cases": "cases",
    "applications": "applications",
    "planit": "applications",
    "planning-data": "applications",
    "idox": "applications",
    "open-names": "names",
    "open-uprn": "addresses",
    "price-paid": "addresses",
    "overpass": "addresses",
    "openmap-local": "backdrop",
    "bgs-features": "rocks",
    "bgs-boreholes": "boreholes",
    "planning-designations": "designations",
    "geosure-hex": "context",
    "environment-agency": "context",
}
"""Which frame each kind of source fills."""


def _kinds_of(frame: str) -> frozenset[str]:
    return frozenset(kind for kind, filled in FRAME_OF_KIND.items() if filled == frame)


GEOLOGY_KINDS: Final = _kinds_of("geology")
"""Kinds of source that give the ground's zones."""

POSTCODE_KINDS: Final = _kinds_of("postcodes")
"""Kinds of source that give postcodes."""

PLANNING_KINDS: Final = _kinds_of("applications")
"""Kinds of source that give planning applications."""


SWITCHED_OFF: Final = "Not asked: set contact to your own, and leave online unset or true."
"""Why a source on the internet is not asked on an installation that nobody answers for; what it
gave before stays in use."""

NOT_OPTED_IN: Final = "Not asked unless its name stands under opt_in in the settings."
"""Why a source is neither asked nor used that each operator has to decide on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """
    One source of an area, as its area file names it.

    Attributes
    ----------
    name
        Short name used on the command line and in the store.
    kind
        Which connector reads it.
    title
        Its name for people.
    path
        File to read; None if the operator has yet to name one.
    licence, attribution
        Licence and the credit line that must be shown.
    edition
        Date or version of the data as its maker gives it; empty if the file says it.
    options
        What else the connector of that kind needs.
    switched_off
        Why it is not asked on this installation; empty if it is.
    every_days
        A good answer is good for this long; 0 to ask at every run.
    is_restricted
        Whether its licence forbids publishing its geometry: no shape of it may then reach a
        public file or a mail.
    """

    name: str
    kind: str
    title: str
    path: Path | None
    licence: str
    attribution: str
    edition: str = ""
    options: Mapping[str, object] = field(default_factory=dict)
    switched_off: str = ""
    every_days: float = 0.0
    is_restricted: bool = False

    def address(self, default: str) -> str:
        """
        Return where its service answers.

        Parameters
        ----------
        default
            The service's own address; the option ``base_url`` may name another.

        Returns
        -------
        address
            Without a last slash.
        """
        return str(self.options.get("base_url", default)).rstrip("/")


_WMS_URL: Final = re.compile(r"https://[a-z0-9.-]+(?:/[A-Za-z0-9._~/-]*)?", re.ASCII)
_WMS_LAYER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*", re.ASCII)
_UNSPEAKABLE: Final = re.compile(r"[<>{}\\]|[^ -\uffff]")
"""What Leaflet would read as HTML, or folium as a template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """
    A map of someone else's that the reader may lay over ours.

    Attributes
    ----------
    title
        Its name in the layer switch.
    url
        Address of the WMS, https, without a question mark.
    layers
        Names of its layers, drawn in this order.
    credit, credit_url
        Who must be named, and where that leads.
    """

    title: str
    url: str
    layers: tuple[str, ...]
    credit: str
    credit_url: str

    def __post_init__(self) -> None:
        """Refuse what the map's script or the page's policy could not bear."""
        for name in ("title", "credit"):
            said = getattr(self, name)
            if not said.strip() or _UNSPEAKABLE.search(said):
                raise _overlay_refusal(f"{name} {said!r}", "it is empty or holds one of < > { } \\")
        for name in ("url", "credit_url"):
            if not _WMS_URL.fullmatch(getattr(self, name)):
                raise _overlay_refusal(
                    f"{name} {getattr(self, name)!r}", "it is no plain https address"
                )
        if not self.layers or not all(map(_WMS_LAYER.fullmatch, self.layers)):
            raise _overlay_refusal(
                f"layers {list(self.layers)}", "none is named, or one is no layer's name"
            )

    @property
    def host(self) -> str:
        """The server that is asked."""
        return urlsplit(self.url).netloc

    @property
    def origin(self) -> str:
        """Scheme and host, for the page's policy."""
        return f"https://{self.host}"


def _overlay_refusal(value: str, rule: str) -> ConfigError:
    return ConfigError(f"overlay: {value}", rule, "Mend its [[overlay]] in the area file")


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """
    A stretch of country that one installation watches; the code knows none by name.

    Attributes
    ----------
    area_id
        Slug, such as ``ripon``.
    name
        Name for people.
    ground
        What the susceptible ground is called there, such as "gypsum belt".
    authority
        Present local planning authority.
    outcodes
        First halves of the postcodes that the held list covers.
    bounds
        Where positions may lie.
    map_centre
        Easting and northing of the first view, metres, EPSG:27700.
    parameters
        Numbers of the assessment.
    sources
        Sources in the order in which they are shown.
    class_notes
        What each class of ground is called, in a sentence.
    districts
        By authority, the codes of its districts in a postcode list: a point of one of its
        applications must lie there. Empty to believe every point.
    overlays
        Maps of others that a reader may lay over ours.
    """

    area_id: str
    name: str
    ground: str
    authority: str
    outcodes: tuple[str, ...]
    bounds: Bounds
    map_centre: tuple[float, float]
    parameters: Parameters
    sources: tuple[SourceSpec, ...]
    class_notes: Mapping[GeologyClass, str]
    districts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    overlays: tuple[Overlay, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """
    One source as retrieved at one time, with its provenance.

    Attributes
    ----------
    source
        Name of the source.
    path
        The file as held.
    url
        Where it came from: a file name for what ships with sinkwatch or an operator's file.
    sha256
        Of the file's bytes, hexadecimal.
    n_bytes
        Its size.
    retrieved_at
        When these bytes were first had, UTC.
    checked_at
        When the source last answered with them, UTC.
    edition
        Date or version of the data as its maker gives it.
    licence, attribution
        Licence and credit line.
    """

    source: str
    path: Path
    url: str
    sha256: str
    n_bytes: int
    retrieved_at: datetime
    checked_at: datetime
    edition: str
    licence: str
    attribution: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """
    A source of which nothing new is used until a person has looked.

    Attributes
    ----------
    since
        When that began, UTC.
    rule
        Why, one sentence without its full stop.
    candidate
        What it answered with; None if a person told sinkwatch to take nothing new.
    """

    since: datetime
    rule: str
    candidate: Snapshot | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """
    How one source stands after a run.

    Attributes
    ----------
    spec
        The source.
    status
        Good, stale, failed or not configured.
    snapshot
        What is in use; None if nothing was ever held.
    problem
        Why it is not good, one line; empty if it is.
    n_rows
        Rows in use.
    hold
        Why nothing new of it is used; None if it is.
    age
        How old the good data is.
    """

    spec: SourceSpec
    status: SourceStatus
    snapshot: Snapshot | None
    problem: str = ""
    n_rows: int = 0
    hold: Hold | None = None
    age: Age = Age.FRESH


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """
    A planning application; `reference` and `authority` identify it.

    Attributes
    ----------
    reference, authority
        As the council writes them.
    address, description
        As published; the description has personal data masked.
    status
        Where it stands, in one of our words.
    status_text
        The council's own words.
    received_on, decided_on
        Dates; None if not known.
    easting, northing
        Metres, EPSG:27700; None if it could not be mapped.
    position_uncertainty_m
        Metres; None if it could not be mapped.
    position_basis
        How the position was found, or why there is none.
    url
        The council's record; empty if not known.
    site_id
        Watched site that it touches; empty if none.
    """

    reference: str
    authority: str
    address: str
    description: str
    status: ApplicationStatus
    status_text: str
    received_on: date | None
    decided_on: date | None
    easting: float | None
    northing: float | None
    position_uncertainty_m: float | None
    position_basis: str
    url: str
    site_id: str = ""

    @property
    def key(self) -> str:
        """Return the id that is unique over all authorities."""
        return f"{self.authority}/{self.reference}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """
    One thing that changed between two runs.

    Attributes
    ----------
    kind
        What happened.
    subject
        What it happened to: an application's key, a sinkhole's id, a postcode.
    version
        Fingerprint of the state it changed to; with kind and subject it makes the event unique.
    title
        What it concerns, a few words.
    happened
        What changed, one sentence.
    easting, northing
        Where, metres, EPSG:27700; None if not mapped.
    position_uncertainty_m
        How well that is known, metres.
    is_flagged
        Whether it is flagged: band High or above, near a counted record, or on a watched site.
    is_news
        Whether it is recent enough to tell anyone.
    lines
        Further facts, each a sentence: why it is flagged, dates, source.
    url
        Public record of it; empty if there is none.
    """

    kind: EventKind
    subject: str
    version: str
    title: str
    happened: str
    easting: float | None
    northing: float | None
    position_uncertainty_m: float
    is_flagged: bool
    is_news: bool
    lines: tuple[str, ...] = ()
    url: str = ""

    @property
    def key(self) -> str:
        """Return the id under which it is told once."""
        return f"{self.kind}:{self.subject}:{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """
    A standing request: a confirmed address, a postcode, a radius.

    Attributes
    ----------
    subscription_id
        Random public id; says nothing about the person.
    email
        Canonical address.
    postcode
        Where they want to hear of.
    radius_m
        How far round it, metres.
    easting, northing
        The postcode's centre, metres, EPSG:27700.
    confirmed_at
        When consent was confirmed, UTC.
    """

    subscription_id: SubscriptionId
    email: str
    postcode: str
    radius_m: float
    easting: float
    northing: float
    confirmed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """
    One new fact for one subscription, told once.

    Attributes
    ----------
    event
        What changed.
    distance_m
        From the postcode's centre to what it concerns, metres; None if that is not mapped.
    distance_uncertainty_m
        Its uncertainty, metres; None if not mapped.
    direction
        Compass direction as seen from the postcode; empty if not mapped.
    """

    event: Event
    distance_m: float | None
    distance_uncertainty_m: float | None
    direction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """
    The alerts of one subscriber in one run; rendered, it is one message.

    Attributes
    ----------
    subscription
        For whom.
    alerts
        What is new, nearest first; what is not mapped last.
    silent_since
        Set if it makes up for a time in which a planning source could not be read: the day on
        which that last could be, Europe/London.
    """

    subscription: Subscription
    alerts: tuple[Alert, ...]
    silent_since: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    One rendered e-mail in the outbox; its bytes never change again.

    Attributes
    ----------
    message_id
        The Message-ID header, one per recipient.
    subscription_id
        For whom.
    recipient
        Canonical address.
    envelope_sender
        Where bounces go.
    subject
        For the operator's list.
    mime
        The finished bytes, CRLF line ends.
    event_keys
        What it tells.
    """

    message_id: MessageId
    subscription_id: SubscriptionId
    recipient: str
    envelope_sender: str
    subject: str
    mime: bytes
    event_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """
    What helps to find and show places, and decides no band; None where no source gave it.

    Attributes
    ----------
    names, addresses, backdrop, rocks, boreholes, designations, context
        Frames of the schemas of those names, EPSG:27700.
    looked_up
        Frame of `schemas.POSTCODES`, EPSG:27700: postcodes that somebody wanted and no list has.
        They tell where people are, so they are never published.
    """

    names: gpd.GeoDataFrame | None = None
    addresses: gpd.GeoDataFrame | None = None
    backdrop: gpd.GeoDataFrame | None = None
    rocks: gpd.GeoDataFrame | None = None
    boreholes: gpd.GeoDataFrame | None = None
    designations: gpd.GeoDataFrame | None = None
    context: gpd.GeoDataFrame | None = None
    looked_up: gpd.GeoDataFrame | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """
    What the sources of an area gave, each a checked frame in EPSG:27700.

    Attributes
    ----------
    geology, sinkholes, places, postcodes, cases, applications
        Frames of the schemas of those names.
    states
        How each source stands, in the area's order.
    surroundings
        What decides no band.
    """

    geology: gpd.GeoDataFrame
    sinkholes: gpd.GeoDataFrame
    places: gpd.GeoDataFrame
    postcodes: gpd.GeoDataFrame
    cases: gpd.GeoDataFrame
    applications: gpd.GeoDataFrame
    states: tuple[SourceState, ...]
    surroundings: Surroundings = field(default_factory=Surroundings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """
    Everything one run holds and found, ready to be published, mailed or asked.

    Attributes
    ----------
    area
        The area.
    zones, edges, sinkholes, places, postcodes, cases, applications
        Frames of the schemas of those names, EPSG:27700.
    sites
        Assessments of the watched sites, with reasons, highest band and nearest record first.
    applied
        Assessments of the applications that are mapped, with reasons, in the same order.
    postcode_bands
        Frame of `schemas.ASSESSMENTS`, one row per postcode.
    flagged
        Ids of the places that are flagged.
    sources
        How each source stands.
    surroundings
        What helps to find and show places, and decides no band.
    """

    area: Area
    zones: gpd.GeoDataFrame
    edges: gpd.GeoDataFrame
    sinkholes: gpd.GeoDataFrame
    places: gpd.GeoDataFrame
    postcodes: gpd.GeoDataFrame
    cases: gpd.GeoDataFrame
    applications: gpd.GeoDataFrame
    sites: tuple[Assessment, ...]
    applied: tuple[Assessment, ...]
    postcode_bands: pd.DataFrame
    flagged: frozenset[str]
    sources: tuple[SourceState, ...]
    surroundings: Surroundings = field(default_factory=Surroundings)

    def __post_init__(self) -> None:
        """Refuse outlines that their licence keeps here: whatever is published is made of this."""
        grounds = [s for s in self.sources if s.spec.is_restricted and s.spec.kind in GEOLOGY_KINDS]
        if grounds and (len(self.zones) or len(self.edges)):
            raise ConfigError(
                f"source {grounds[0].spec.name}",
                "is restricted, so findings must not hold its outlines",
                "Make findings with survey.surveyed, which keeps them apart",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """
    One subject whose recorded facts differ from the run before.

    Attributes
    ----------
    kind
        What sort of subject it is, such as ``application``; the store knows no list of them.
    subject
        Its id within that kind.
    version
        Fingerprint of the facts it has now; of its last ones if it is gone.
    before
        Facts until now; None if the subject is new.
    after
        Facts from now on; None if it is gone.
    is_baseline
        Whether this run is the first that ever recorded that kind, so that nothing is news.
    """

    kind: str
    subject: str
    version: str
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None
    is_baseline: bool


FINGERPRINT_LENGTH: Final = 16
"""Hexadecimal digits of a fingerprint: 64 bits, ample for the versions of one subject."""


def fingerprint(facts: Mapping[str, object]) -> str:
    """
    Return a short hash of facts; equal facts give an equal one, in whatever order.

    Parameters
    ----------
    facts
        What may change, as JSON-able values or values with a plain text form.

    Returns
    -------
    version
        Sixteen hexadecimal digits.

    Examples
    --------
    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    True
    """
    text = json.dumps(facts, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:FINGERPRINT_LENGTH]
