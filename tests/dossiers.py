"""A dossier as a pack's makers are handed it: made up, complete, small."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from shapely import Point

from sinkwatch import wording
from sinkwatch.model import (
    Assessment,
    Band,
    Dossier,
    Evidence,
    GeologyClass,
    NearbyRecord,
    Place,
    PlaceKind,
    PlanningStep,
    Policy,
    PolicyLine,
    PolicyStanding,
    Reason,
    SinkholeId,
    SourceLine,
)
from tests import world

MADE_ON = date(2026, 11, 22)


def a_site(**changes: Any) -> Place:  # noqa: ANN401 - whatever `Place` takes
    place = Place(
        place_id="old-yard",
        label="Old Yard, North Road",
        kind=PlaceKind.SITE,
        easting=431_579.0,
        northing=471_829.0,
        position_uncertainty_m=80.0,
        basis="published point: entry X1 of a register",
    )
    return replace(place, **changes)


def a_record(number: int = 1, **changes: Any) -> NearbyRecord:  # noqa: ANN401 - as above
    record = NearbyRecord(
        number=number,
        sinkhole_id=f"S{number}",
        name=f"Collapse at House {number}",
        kind="collapse",
        evidence=Evidence.CONFIRMED,
        evidence_note=wording.EVIDENCE_NOTES[Evidence.CONFIRMED],
        date_text="17 February 2014",
        size_text="about 11 by 15 m across, 0.7 m deep",
        distance_m=80.0,
        uncertainty_m=170.0,
        about="about 80 m (± 170 m)",
        bearing_text="direction not known: it may be nearer than it is certain",
        position=Point(431_600 + 150 * (number - 1), 471_750),
        grid_reference="SE 316 717",
        shown_uncertainty_m=155.0,
        radius_m=7.5,
        counts_text="It counts in the 250 m ring.",
        doubts="The house was not surveyed.",
        source_title="A survey's page",
        source_url="https://example.org/survey",
    )
    return replace(record, **changes)


def a_step(**changes: Any) -> PlanningStep:  # noqa: ANN401 - as above
    step = PlanningStep(
        key="PC001",
        date_text="November 2013",
        title="75 homes",
        reference="",
        outcome="refused",
        where="on the site",
        ground="Officers would have refused for want of a ground report.",
        doubts="The reference was not found.",
        position=Point(431_600, 471_850),
        source_title="A newspaper",
        source_url="https://example.org/paper",
    )
    return replace(step, **changes)


def a_policy(**changes: Any) -> Policy:  # noqa: ANN401 - as above
    policy = Policy(
        policy_id="neighbourhood-plan",
        title="Smallworld Neighbourhood Plan to 2030",
        says="Part of the development plan.",
        is_confirmed=True,
        valid_from=date(2019, 4, 10),
        valid_until=date(2030, 12, 31),
        is_open_ended=False,
        checked_on=date(2026, 11, 1),
        note="",
        source_title="The plan",
        source_url="https://example.org/plan",
    )
    return replace(policy, **changes)


def a_source(name: str = "geology", **changes: Any) -> SourceLine:  # noqa: ANN401 - as above
    source = SourceLine(
        name=name,
        frame=name,
        title=f"Made-up {name}",
        edition="2026-11-22",
        licence="Open Government Licence v3.0",
        credit="Contains made-up data © nobody 2026.",
        retrieved_text="22 November 2026",
        standing="up to date",
        sha256="0" * 64,
        url="https://example.org/data",
    )
    return replace(source, **changes)


def a_dossier(**changes: Any) -> Dossier:  # noqa: ANN401 - as above
    table = world.band_table()
    place = changes.get("place", a_site())
    headline = (
        "High: Class C, the gypsum belt (edge drawn to ± 500 m). Nearest record that counts: "
        "Collapse at House 1 (17 February 2014), about 80 m (± 170 m)."
    )
    assessment = Assessment(
        place=place,
        band=Band.HIGH,
        geology=GeologyClass.C,
        scored_as=GeologyClass.C,
        sinkhole_id=SinkholeId("S1"),
        distance_m=80.0,
        distance_uncertainty_m=170.0,
        n_features=2,
        check_record=False,
        reasons=(Reason(code="ground", text="Class C, the gypsum belt (edge drawn to ± 500 m)."),),
    )
    dossier = Dossier(
        place=place,
        slug="old-yard",
        title="Old Yard, North Road",
        reference="",
        authority="Small Council",
        address="",
        description="",
        grid_reference="SE 315 718",
        area_name="Smallworld",
        ground="gypsum belt",
        made_on=MADE_ON,
        assessment=assessment,
        style=table.styles[Band.HIGH],
        headline=headline,
        summary=("The rock here can dissolve.", "Two records lie within 1 km of the site."),
        shares=(),
        rings_m=table.rings_m,
        records=(a_record(1), a_record(2, evidence=Evidence.POSSIBLE, uncertainty_m=400.0)),
        records_within_m=1_000.0,
        geology=("Class C, the gypsum belt (edge drawn to ± 500 m).",),
        history=(a_step(),),
        weaknesses=("Only a point is known of the site, to ± 80 m.",),
        questions=("What has been found beneath the site, and how deep?",),
        unknowns=("The site's boundary is not known.",),
        method=("Distances are measured on the British National Grid.",),
        sources=(a_source("geology"), a_source("sinkholes")),
        policies=(
            PolicyLine(
                policy=a_policy(), standing=PolicyStanding.CITED, why="In force on this day."
            ),
            PolicyLine(
                policy=a_policy(policy_id="ne9", title="Local Plan NE9", is_confirmed=False),
                standing=PolicyStanding.CHECK,
                why="Its wording was not read at its source.",
            ),
        ),
        draft="We ask that the ground be investigated before this is decided.",
        draft_limit=2_000,
        limits=wording.LIMITS,
        disclaimer=wording.disclaimer("gypsum"),
    )
    return replace(dossier, **changes)
