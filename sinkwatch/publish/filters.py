"""What a reader may ask of the map and its tables: kind, evidence, status, flag and years."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sinkwatch.model import ApplicationStatus, Evidence

if TYPE_CHECKING:
    from sinkwatch.model import Findings
    from sinkwatch.publish.things import Thing, Things

KINDS: Final = {
    "record": "Records",
    "application": "Applications",
    "site": "Sites",
    "case": "Past decisions",
}
"""Every kind of mark, in words that differ from those of the layer switch."""

_YEAR: Final = re.compile(r"[0-9][0-9X]{3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """
    What one thing is chosen by.

    Attributes
    ----------
    kind
        One of `KINDS`.
    evidence
        Grade of a record; empty for all others.
    status
        Where an application stands; empty for all others.
    is_flagged
        Whether it is flagged; None for what never is.
    first_year, last_year
        Years between which it lies; None if they are not known.
    """

    kind: str
    evidence: str = ""
    status: str = ""
    is_flagged: bool | None = None
    first_year: int | None = None
    last_year: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """
    What there is to choose from.

    Attributes
    ----------
    kinds, evidence, statuses
        Value and words of each that occurs, in the order in which they are offered.
    first_year, last_year
        Of all that has a year; None if nothing has.
    """

    kinds: Sequence[tuple[str, str]]
    evidence: Sequence[tuple[str, str]]
    statuses: Sequence[tuple[str, str]]
    first_year: int | None
    last_year: int | None


def gather(findings: Findings, things: Things) -> dict[str, Traits]:
    """
    Say by what each thing is chosen.

    Parameters
    ----------
    findings
        Of one run.
    things
        What `things.gather` returns for them.

    Returns
    -------
    traits
        By the thing's anchor.
    """
    frame = findings.applications
    statuses = dict(zip(frame["application_key"], frame["status"], strict=True))
    listed = (*things.records, *things.sites, *things.applications, *things.cases)
    return {thing.anchor: _traits(thing, str(statuses.get(thing.key, ""))) for thing in listed}


def choices(traits: Mapping[str, Traits]) -> Choices:
    """
    Say what there is to choose from.

    Parameters
    ----------
    traits
        As `gather` returns them.

    Returns
    -------
    choices
        Only what occurs.
    """
    kinds = {each.kind for each in traits.values()}
    evidence = {each.evidence for each in traits.values()}
    statuses = {each.status for each in traits.values()}
    first = [each.first_year for each in traits.values() if each.first_year is not None]
    last = [each.last_year for each in traits.values() if each.last_year is not None]
    return Choices(
        kinds=[(kind, title) for kind, title in KINDS.items() if kind in kinds],
        evidence=[(each.value, _said(each)) for each in Evidence if each in evidence],
        statuses=[(each.value, _said(each)) for each in ApplicationStatus if each in statuses],
        first_year=min(first, default=None),
        last_year=max(last, default=None),
    )


def _said(value: str) -> str:
    return value.replace("_", " ").capitalize()


def _traits(thing: Thing, status: str) -> Traits:
    kind, _, evidence = thing.symbol.partition("-")
    first_year, last_year = _years(thing.when)
    return Traits(
        kind=kind,
        evidence=evidence,
        status=status if kind == "application" else "",
        is_flagged=thing.is_flagged if kind in ("site", "application") else None,
        first_year=first_year,
        last_year=last_year,
    )


def _years(edtf: str) -> tuple[int | None, int | None]:
    """Return the years between which a day lies that may have digits that are not known."""
    years = [found[0] for part in edtf.split("/") if (found := _YEAR.match(part))]
    if not years:
        return None, None
    return (
        min(int(year.replace("X", "0")) for year in years),
        max(int(year.replace("X", "9")) for year in years),
    )
