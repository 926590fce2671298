"""What is drawn and listed, gathered once: the same words on the map and in the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Final, TypeAlias

import shapely

from sinkwatch import explain, public, wording
from sinkwatch.model import Evidence
from sinkwatch.publish import locations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinkwatch.model import Assessment, BandStyle, Findings
    from sinkwatch.public import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """
    One labelled fact.

    Attributes
    ----------
    label, text
        What it is and what it says, both plain text.
    """

    label: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """
    One reason of an assessment, as the page shows it.

    Attributes
    ----------
    text
        The sentence.
    url
        Its source, if that is on the web; otherwise empty.
    """

    text: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """
    The evidence pack of one place, as the page offers it.

    Attributes
    ----------
    pdf, picture
        Paths inside the site: the pack, and its map as a picture.
    made_on
        The day on which it was made, in London.
    others
        What else is in it: what that is called, and its path inside the site.
    """

    pdf: str
    picture: str
    made_on: date
    others: tuple[tuple[str, str], ...] = ()


Offers: TypeAlias = Mapping[str, Offer | None]
"""Packs by the folder of their place; None for a place whose pack could not be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """
    One record, site, application or past decision.

    Attributes
    ----------
    anchor
        Its id on the page.
    name
        What it is called.
    kind
        What it is, in words.
    symbol
        Name of its mark.
    geometry
        Where it is drawn, EPSG:27700; None if it is only listed.
    uncertainty_m
        How well that is known, metres; None if it is only listed.
    facts
        What is known of it, in the order of reading; empty ones left out.
    url, url_title
        Its public source and what that is called; empty if there is none.
    style
        Its band; None for what has none.
    is_flagged
        Whether it is flagged.
    headline
        The band and what decided it, one sentence; empty for what has none.
    reasons
        Why it has its band.
    offer
        Its evidence pack; None if there is none.
    no_offer
        Why a flagged place has no evidence pack; empty if it has one, or if none are made.
    number
        What stands beside its mark; empty for none.
    key
        What the store knows it by: sinkhole id, place id, application key or case id.
    folder
        Of its own page inside the site; empty for what has none.
    when
        The day that its place in a timeline rests on, in EDTF (ISO 8601-2); empty if not known.
    site_id
        Watched site that it touches or concerns; empty for none.
    """

    anchor: str
    name: str
    kind: str
    symbol: str
    geometry: shapely.Point | None
    uncertainty_m: float | None
    facts: tuple[Fact, ...]
    url: str
    url_title: str
    style: BandStyle | None = None
    is_flagged: bool = False
    headline: str = ""
    reasons: tuple[Reason, ...] = ()
    offer: Offer | None = None
    no_offer: str = ""
    number: str = ""
    key: str = ""
    folder: str = ""
    when: str = ""
    site_id: str = ""

    def fact(self, label: str) -> str:
        """
        Return what one fact says.

        Parameters
        ----------
        label
            Of the fact.

        Returns
        -------
        text
            Empty if it is not known.
        """
        return next((fact.text for fact in self.facts if fact.label == label), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Things:
    """
    Everything drawn and listed.

    Attributes
    ----------
    records
        The inventory, by id, those not drawn included.
    sites
        Watched sites, highest band first.
    applications
        Planning applications, highest band first, those not mapped last.
    cases
        Past decisions, by id.
    """

    records: tuple[Thing, ...]
    sites: tuple[Thing, ...]
    applications: tuple[Thing, ...]
    cases: tuple[Thing, ...]

    def flagged(self) -> tuple[Thing, ...]:
        """Return flagged applications, then flagged sites."""
        return tuple(thing for thing in (*self.applications, *self.sites) if thing.is_flagged)

    def unflagged(self) -> tuple[Thing, ...]:
        """Return the other applications, then the other sites."""
        return tuple(thing for thing in (*self.applications, *self.sites) if not thing.is_flagged)

    def with_pages(self) -> tuple[Thing, ...]:
        """Return records, sites and applications: each has a page of its own."""
        return (*self.records, *self.sites, *self.applications)


NO_POSITION: Final = "No evidence pack: where it lies is not known well enough to draw it."
NOT_MADE: Final = "No evidence pack: it could not be made for this edition yet."


def gather(findings: Findings, offers: Offers | None = None) -> Things:
    """
    Turn findings into what the page shows.

    Parameters
    ----------
    findings
        Of one run.
    offers
        Evidence packs; None if the installation makes none.

    Returns
    -------
    things
        Outside text cleaned, record positions rounded, links checked.
    """
    return Things(
        records=tuple(_records(findings)),
        sites=tuple(
            _offered(
                _site(findings, assessment), offers, locations.of_site(assessment.place.place_id)
            )
            for assessment in findings.sites
        ),
        applications=tuple(
            _offered(thing, offers, locations.of_application(key))
            for key, thing in _applications(findings)
        ),
        cases=tuple(_cases(findings)),
    )


def _offered(thing: Thing, offers: Offers | None, folder: str) -> Thing:
    """Add the evidence pack of a flagged place, or why it has none."""
    if offers is None or not thing.is_flagged:
        return thing
    if folder not in offers:
        return replace(thing, no_offer=NO_POSITION)
    offer = offers[folder]
    return replace(thing, offer=offer, no_offer="" if offer else NOT_MADE)


def _facts(pairs: dict[str, str]) -> tuple[Fact, ...]:
    return tuple(Fact(label=label, text=text) for label, text in pairs.items() if text)


def _records(findings: Findings) -> Iterator[Thing]:
    inventory = public.sinkholes(findings.sinkholes)
    for row, geometry in zip(public.rows(inventory), public.points(inventory), strict=True):
        evidence = Evidence(public.text(row, "evidence"))
        known_m = public.number(row, "position_uncertainty_m") or 0.0
        yield Thing(
            anchor=public.anchor("record", public.text(row, "sinkhole_id")),
            name=public.text(row, "name"),
            kind=public.text(row, "kind").replace("_", " "),
            symbol=f"record-{evidence}",
            geometry=geometry,
            uncertainty_m=public.shown_uncertainty_m(known_m) if geometry else None,
            facts=_facts(_record_facts(row, evidence, known_m)),
            url=public.web_link(str(row.get("source_url") or "")),
            url_title=public.text(row, "source_title"),
            key=public.text(row, "sinkhole_id"),
            folder=locations.of_record(public.text(row, "sinkhole_id")),
            when=public.text(row, "observed"),
        )


def _record_facts(row: Row, evidence: Evidence, known_m: float) -> dict[str, str]:
    shown = (
        f"shown rounded to {public.ROUNDED_TO_M} m"
        if row.get("is_drawn")
        else "listed here and not drawn"
    )
    return {
        "Record": public.text(row, "sinkhole_id"),
        "Date": public.text(row, "date_text"),
        "Kind": public.text(row, "kind").replace("_", " "),
        "Evidence": evidence.replace("_", " "),
        "Grade": wording.EVIDENCE_NOTES[evidence],
        "Why this grade": public.text(row, "evidence_reason"),
        "Size": public.text(row, "size_text"),
        "Cause": public.text(row, "cause"),
        "What followed": public.text(row, "consequence"),
        "Place": f"known to {wording.plus_minus(known_m)}; {shown}",
        "How placed": public.text(row, "position_basis"),
        "In the assessment": public.text(row, "counts_reason"),
        "Doubts": public.text(row, "doubts"),
    }


def _site(findings: Findings, assessment: Assessment) -> Thing:
    place = assessment.place
    listed = Thing(
        anchor=public.anchor("site", place.place_id),
        name=wording.clean(place.label),
        kind="watched site",
        symbol="site",
        geometry=None,
        uncertainty_m=None,
        facts=_facts({"Place": f"known to {wording.plus_minus(place.position_uncertainty_m)}"}),
        url="",
        url_title="",
        is_flagged=place.place_id in findings.flagged,
        key=place.place_id,
        folder=locations.of_site(place.place_id),
        site_id=place.place_id,
    )
    return _assessed(findings, listed, assessment)


def _applications(findings: Findings) -> Iterator[tuple[str, Thing]]:
    ordered = findings.applications.sort_values("application_key")
    listed = {str(row["application_key"]): row for row in public.rows(ordered)}
    mapped = {assessment.place.place_id: assessment for assessment in findings.applied}
    for key, assessment in mapped.items():
        if key in listed:
            yield key, _assessed(findings, _application(findings, listed[key]), assessment)
    for key, row in listed.items():
        if key not in mapped:
            basis = public.text(row, "position_basis")
            headline = f"Not on the map and not assessed: {basis}."
            yield key, replace(_application(findings, row), headline=headline)


def _application(findings: Findings, row: Row) -> Thing:
    key = str(row["application_key"])
    return Thing(
        anchor=public.anchor("application", key),
        name=public.text(row, "reference"),
        kind="planning application",
        symbol="application",
        geometry=None,
        uncertainty_m=None,
        facts=_facts(_application_facts(findings, row)),
        url=public.web_link(str(row.get("url") or "")),
        url_title="The council's record",
        is_flagged=key in findings.flagged,
        key=key,
        folder=locations.of_application(key),
        when=_iso(row, "received_on") or _iso(row, "decided_on"),
        site_id=public.text(row, "site_id"),
    )


def _iso(row: Row, column: str) -> str:
    day = public.day(row, column)
    return day.isoformat() if day else ""


def _application_facts(findings: Findings, row: Row) -> dict[str, str]:
    places = zip(findings.places["place_id"], findings.places["name"], strict=True)
    touched = dict(places).get(public.text(row, "site_id"), "")
    status = public.text(row, "status")
    said = public.text(row, "status_text")
    return {
        "Authority": public.text(row, "authority"),
        "Address": public.text(row, "address"),
        "For": public.description(row),
        "Status": f"{status} (in the council's words: {said})" if said else status,
        "Received": public.day_text(row, "received_on"),
        "Decided": public.day_text(row, "decided_on"),
        "Touches": wording.clean(touched),
        "Place": public.text(row, "position_basis"),
    }


def _assessed(findings: Findings, thing: Thing, assessment: Assessment) -> Thing:
    place = assessment.place
    styles = findings.area.parameters.table.styles
    at = None
    if place.easting is not None and place.northing is not None:
        at = shapely.Point(place.easting, place.northing)
    return replace(
        thing,
        geometry=at,
        uncertainty_m=place.position_uncertainty_m if at else None,
        style=styles[assessment.band],
        headline=wording.clean(explain.headline(assessment, styles)),
        reasons=tuple(
            Reason(
                text=wording.clean(reason.text),
                url=public.web_link(str(reason.facts.get("source_url") or "")),
            )
            for reason in assessment.reasons
        ),
    )


def _cases(findings: Findings) -> Iterator[Thing]:
    ordered = public.cases(findings.cases)
    for row, geometry in zip(public.rows(ordered), public.points(ordered), strict=True):
        yield Thing(
            anchor=public.anchor("case", public.text(row, "case_id")),
            name=public.text(row, "title"),
            kind="past planning decision",
            symbol="case",
            geometry=geometry,
            uncertainty_m=public.number(row, "position_uncertainty_m") if geometry else None,
            facts=_facts(_case_facts(row)),
            url=public.web_link(str(row.get("source_url") or "")),
            url_title=public.text(row, "source_title"),
            key=public.text(row, "case_id"),
            when=public.text(row, "decided"),
            site_id=public.text(row, "site_id"),
        )


def _case_facts(row: Row) -> dict[str, str]:
    return {
        "Date": public.text(row, "date_text"),
        "Step": public.text(row, "step"),
        "Outcome": public.text(row, "outcome").replace("_", " "),
        "Reference": public.text(row, "reference"),
        "Authority": public.text(row, "authority"),
        "Ground": public.text(row, "ground"),
        "Place": public.text(row, "position_basis"),
        "Doubts": public.text(row, "doubts"),
    }
