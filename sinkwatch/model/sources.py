"""Where data comes from, and how each source stands."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final


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
