"""What one map of a mail shows: its view, and the pins, records and names on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import shapely

from sinkwatch.model import Evidence, GeologyClass

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

_HOME_UNCERTAINTY_M: Final = 100.0
"""How well the centre of a postcode says where a home is, metres."""


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
        """Return what it shows, EPSG:27700 metres."""
        half_width_m, half_height_m = self.width_m / 2, MAP_PX / 2 * self.m_per_px
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """
    All that one picture shows.

    Attributes
    ----------
    view
        The ground; the reader's own place is its middle.
    label
        Name of that place.
    radius_m
        How far round it the reader asked, metres.
    uncertainty_m
        How well it is known, metres.
    kinds
        Name of each class of ground in view, the most susceptible first.
    edge_m
        How well the edges in view are known, the best and the worst, metres; None if there is none.
    is_partly_blank
        Whether some ground in view is of no class that we hold.
    is_ground_withheld
        Whether there are zones that their licence keeps from pictures.
    records
        The weakest evidence first, so that the strongest is drawn on top.
    pins
        What the mail tells and can be shown, in its order.
    places
        Names that help to find one's way, with where they belong: the best known first, then the
        nearest.
    credit
        Who must be named for the backdrop; empty if there is none.
    """

    view: View
    label: str
    radius_m: float
    uncertainty_m: float = _HOME_UNCERTAINTY_M
    kinds: tuple[tuple[GeologyClass, str], ...] = ()
    edge_m: tuple[float, float] | None = None
    is_partly_blank: bool = True
    is_ground_withheld: bool = False
    records: tuple[Record, ...] = ()
    pins: tuple[Pin, ...] = ()
    places: tuple[tuple[tuple[float, float], str], ...] = ()
    credit: str = ""
