"""Planning applications."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date


class ApplicationStatus(enum.StrEnum):
    """Where an application stands; councils' own words are kept beside it."""

    UNDECIDED = "undecided"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    APPEALED = "appealed"
    OTHER = "other"


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
