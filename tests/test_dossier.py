"""What a pack says of a place: exact sentences of a small world, both sides, nothing of others."""

from __future__ import annotations

import functools
import itertools
import math
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from sinkwatch import dossier, explain, gazetteer, geo, hazard, survey, wording
from sinkwatch.dossier import words
from sinkwatch.errors import ConfigError, CoverageError, PlaceError, SchemaError, WordingError
from sinkwatch.model import (
    Age,
    Area,
    Band,
    Bounds,
    Dossier,
    Evidence,
    Findings,
    GeologyClass,
    Inputs,
    Place,
    PlaceKind,
    PolicyStanding,
    Snapshot,
    SourceSpec,
    SourceState,
    SourceStatus,
    Surroundings,
)
from tests import dossiers, surroundings, world
from tests.world import A, B, C, a_place, a_sinkhole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import geopandas as gpd

MADE_ON = date(2026, 11, 22)
EVERYWHERE = Bounds(min_easting=0, min_northing=-10_000, max_easting=500_000, max_northing=500_000)


# ── A world to make packs of ─────────────────────────────────────────────────────────────────────


def a_case(number: int, at: tuple[float, float] | None = C, /, **said: object) -> dict[str, object]:
    easting, northing = at or (math.nan, math.nan)
    return {
        "case_id": f"PC{number}",
        "site_id": None,
        "title": "Old Yard",
        "reference": None,
        "step": "six homes refused",
        "outcome": "refused",
        "date_text": "May 2014",
        "ground": "The report names the ground.",
        "doubts": None,
        "position_uncertainty_m": 50.0,
        "position_basis": "published point",
        "source_title": "The Smallworld Gazette",
        "source_url": "https://gazette.example/case",
        "easting": easting,
        "northing": northing,
        **said,
    }


def cases(*rows: dict[str, object]) -> gpd.GeoDataFrame:
    frame = pd.DataFrame(list(rows), columns=list(a_case(0)))
    easting, northing = (frame.pop(name).astype(float) for name in ("easting", "northing"))
    texts = [name for name in frame.columns if name != "position_uncertainty_m"]
    frame = frame.astype({**dict.fromkeys(texts, "str"), "position_uncertainty_m": "float64"})
    return geo.bng_frame({name: frame[name] for name in frame.columns}, easting, northing)


def a_source(kind: str, **changes: Any) -> SourceState:  # noqa: ANN401 - whatever a state takes
    title, edition = changes.pop("title", f"Made-up {kind}"), changes.pop("edition", "2026-11-22")
    spec = SourceSpec(
        name=kind,
        kind=kind,
        title=title,
        path=None,
        licence="Open",
        attribution="© nobody",
        is_restricted=changes.pop("is_restricted", False),
    )
    snapshot = Snapshot(
        source=kind,
        path=Path("held"),
        url="https://data.example/held",
        sha256="ab" * 32,
        n_bytes=1,
        retrieved_at=datetime(2026, 11, 21, 23, 30, tzinfo=UTC),
        checked_at=datetime(2026, 11, 22, 6, 0, tzinfo=UTC),
        edition=edition,
        licence="Open",
        attribution="© nobody",
    )
    state = SourceState(spec=spec, status=SourceStatus.GOOD, snapshot=snapshot, n_rows=1)
    return replace(state, **changes)


STRIPS = world.strips()
NO_POSTCODES = world.postcodes()
NO_PLACES = world.places()
NO_CASES = cases()
NO_APPLICATIONS = survey.touch_sites(world.applications(), NO_PLACES)
EDGES = hazard.edges(STRIPS.iloc[:0])
SOURCES = tuple(a_source(kind) for kind in ("geology", "sinkholes", "cases", "planit"))


def a_world(  # noqa: PLR0913 - each by its name
    *records: dict[str, object],
    zones: gpd.GeoDataFrame | None = None,
    applied: Sequence[dict[str, object]] = (),
    decided: Sequence[dict[str, object]] = (),
    places: Sequence[dict[str, object]] = (),
    sources: tuple[SourceState, ...] = SOURCES,
    around: Surroundings | None = None,
    **area_changes: Any,  # noqa: ANN401 - whatever an area takes
) -> survey.Surveyed:
    area = world.an_area(bounds=EVERYWHERE, **area_changes)
    ground = STRIPS if zones is None else zones
    knowledge = explain.prepare(area, ground, world.inventory(*records))
    watched = world.places(*places) if places else NO_PLACES
    shown = ground.iloc[:0] if any(state.spec.is_restricted for state in sources) else ground
    findings = Findings(
        area=area,
        zones=shown,
        edges=EDGES,  # of which a dossier says nothing
        sinkholes=knowledge.sinkholes,
        places=watched,
        postcodes=NO_POSTCODES,
        cases=cases(*decided) if decided else NO_CASES,
        applications=survey.touch_sites(world.applications(*applied), watched)
        if applied
        else NO_APPLICATIONS,
        sites=(),
        applied=(),
        postcode_bands=pd.DataFrame(),
        flagged=frozenset(),
        sources=sources,
        surroundings=around or Surroundings(),
    )
    return survey.Surveyed(findings=findings, knowledge=knowledge, postcodes=NO_POSTCODES)


@functools.cache
def an_empty_world() -> survey.Surveyed:
    return a_world()


def gather(surveyed: survey.Surveyed, place: Place | None = None, **asked: Any) -> Dossier:  # noqa: ANN401 - as asked
    return dossier.gather(surveyed, place or a_place(*C), made_on=MADE_ON, **asked)


def a_site(west: float, south: float, east: float, north: float) -> Place:
    return a_place(
        (west + east) / 2,
        (south + north) / 2,
        geometry=shapely.box(west, south, east, north),
        position_uncertainty_m=5.0,
        basis="boundary from a file",
    )


def north_of(place: tuple[float, float], by_m: float, **changes: object) -> dict[str, object]:
    """Return a record whose edge lies that far north of a place; it is 15 m across."""
    return a_sinkhole(place[0], place[1] + by_m + 7.5, **changes)


def sentences(gathered: Dossier) -> Iterator[str]:
    """Return every sentence that is ours."""
    for name in ("summary", "geology", "weaknesses", "questions", "unknowns", "method"):
        yield from getattr(gathered, name)
    for record in gathered.records:
        yield from (record.counts_text, record.bearing_text, record.about)
    for step in gathered.history:
        yield step.where
    for line in gathered.policies:
        yield line.why
    for source in gathered.sources:
        yield source.standing
    yield gathered.draft


def only(texts: Sequence[str], start: str) -> str:
    (found,) = [text for text in texts if text.startswith(start)]
    return found


def none_of(texts: Sequence[str], start: str) -> bool:
    return not any(text.startswith(start) for text in texts)


@pytest.fixture(scope="module")
def surveyed(ripon: Area, ripon_inputs: Inputs) -> survey.Surveyed:
    """Return Ripon as it ships."""
    return survey.surveyed(ripon, ripon_inputs)


# ── The place ────────────────────────────────────────────────────────────────────────────────────


class TestPlace:
    def test_a_site_is_named_by_its_label_and_its_grid_reference(self) -> None:
        gathered = gather(an_empty_world(), a_place(*C, position_uncertainty_m=80.0))
        assert (gathered.title, gathered.slug) == ("Mill Lane", "mill-lane")
        assert gathered.grid_reference == "SV 150 050"
        assert (gathered.area_name, gathered.ground) == ("Smallworld", "gypsum belt")
        assert (gathered.reference, gathered.authority, gathered.address) == ("", "", "")
        assert (gathered.description, gathered.made_on) == ("", MADE_ON)
        assert gathered.limits == wording.LIMITS
        assert gathered.disclaimer == wording.disclaimer("gypsum")

    def test_the_rock_is_called_what_the_area_calls_it(self) -> None:
        gathered = gather(a_world(rock="chalk"))
        assert gathered.disclaimer == wording.disclaimer("chalk")
        assert only(gathered.weaknesses, "The zones are general ones").startswith(
            "The zones are general ones: they tell where chalk is thought to lie, not what is "
            "beneath any one site. "
        )

    def test_eight_figures_only_where_it_is_known_to_ten_metres(self) -> None:
        assert gather(an_empty_world(), a_place(*C)).grid_reference == "SV 1500 0500"

    def test_the_users_own_title_stands_with_personal_data_masked(self) -> None:
        gathered = gather(an_empty_world(), title="Our lane, call Mr A Smith on 01765 123456")
        assert gathered.title == "Our lane, call [removed] on [removed]"

    def test_an_application_has_what_the_council_publishes_of_it(self) -> None:
        row = {
            "reference": "24/1",
            "easting": C[0],
            "northing": C[1],
            "address": "Mill Lane",
            "description": "Six homes. Agent: Mr A Smith, 01765 123456",
        }
        surveyed = a_world(applied=[row])
        place = gazetteer.of_application(surveyed.findings.applications.iloc[0])
        gathered = gather(surveyed, place)
        assert gathered.title == "application 24/1"
        assert (gathered.reference, gathered.authority) == ("24/1", "Small Council")
        assert gathered.address == "Mill Lane"
        assert gathered.description == "Six homes. Agent: [removed], [removed]"
        assert gathered.history == ()  # it is what the pack is about
        assert "the site of “application 24/1”" in gathered.summary[0]
        assert gathered.summary[1] == (
            "The application as it was listed then: undecided (in the council's words: “Awaiting "
            "decision”), received 2 November 2026."
        )
        assert "at the site of “application 24/1”." in gathered.draft

    def test_an_application_no_longer_held_has_nothing_of_it(self) -> None:
        gathered = gather(an_empty_world(), a_place(*C, kind=PlaceKind.APPLICATION))
        assert gathered.reference == ""

    def test_a_place_without_a_position_is_refused(self) -> None:
        with pytest.raises(PlaceError, match="has no position"):
            gather(an_empty_world(), a_place(None, None, basis="no address was given"))

    def test_a_place_outside_the_national_grid_is_refused(self) -> None:
        with pytest.raises(CoverageError, match="outside the National Grid"):
            gather(an_empty_world(), a_place(-5_000.0, 5_000.0))

    def test_a_boundary_without_an_area_is_refused(self) -> None:
        line = shapely.LineString([C, B])
        with pytest.raises(SchemaError, match="must be a polygon"):
            gather(an_empty_world(), a_place(*C, geometry=line))

    @pytest.mark.parametrize(
        ("place_id", "slug"),
        [
            ("auction-mart", "auction-mart"),
            ("North Yorkshire/24/1/FUL", "north-yorkshire-24-1-ful-"),
            ("../../etc/passwd", "etc-passwd-"),
            ("x" * 61, "x" * 60 + "-"),
            ("Ä/€", ""),
        ],
    )
    def test_a_slug_is_a_plain_name_and_only_its_own(self, place_id: str, slug: str) -> None:
        made = dossier.slug_of(place_id)
        assert made.startswith(slug)
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", made)
        assert len(made) <= 80
        assert made != dossier.slug_of(place_id + "/")


# ── Records ──────────────────────────────────────────────────────────────────────────────────────


class TestRecords:
    def test_one_is_listed_with_all_that_is_published_of_it(self) -> None:
        (record,) = gather(a_world(north_of(C, 79.0, length_m=11.0, width_m=15.0))).records
        assert (record.number, record.sinkhole_id) == (1, "S1")
        assert (record.name, record.kind) == ("Mill Lane hole", "collapse")
        assert record.evidence is Evidence.CONFIRMED
        assert record.evidence_note == wording.EVIDENCE_NOTES[Evidence.CONFIRMED]
        assert record.date_text == "17 February 2014"
        assert (record.distance_m, record.uncertainty_m) == (79.0, 15.0)
        assert record.about == "about 80 m (± 15 m)"
        assert record.bearing_text == "north, about 0° (± 10°)"
        assert record.position == shapely.Point(15_000, 5_100)
        assert record.grid_reference == "SV 150 051"
        assert record.shown_uncertainty_m == 38.0  # 10 m and 36 m of rounding
        assert record.radius_m == 7.5
        assert record.source_title == "The Smallworld Gazette"
        assert record.source_url == "https://gazette.example/hole"

    def test_they_are_numbered_nearest_first_and_equals_by_id(self) -> None:
        rows = [
            north_of(C, 90.0, sinkhole_id="S3"),
            north_of(C, 60.0, sinkhole_id="S2"),
            a_sinkhole(C[0] + 97.5, C[1], sinkhole_id="S1"),
        ]
        found = gather(a_world(*rows)).records
        assert [(r.number, r.sinkhole_id) for r in found] == [(1, "S2"), (2, "S1"), (3, "S3")]

    def test_all_within_a_kilometre_of_the_sites_edge_are_listed_and_no_others(self) -> None:
        rows = [
            north_of(C, 1_000.0, sinkhole_id="S1"),
            north_of(C, 1_000.1, sinkhole_id="S2"),
            north_of(C, 5_000.0, sinkhole_id="S3"),
        ]
        gathered = gather(a_world(*rows))
        assert [r.sinkhole_id for r in gathered.records] == ["S1"]
        assert gathered.records_within_m == 1_000.0
        assert only(gathered.weaknesses, "Not listed") == (
            "Not listed, being placed beyond 1 km, though so loosely that they may lie within it: "
            "“Mill Lane hole, 17 February 2014” (about 1,000 m (± 15 m))."
        )
        assert only(gathered.weaknesses, "The only record listed may") == (
            "The only record listed may lie beyond 1 km: no. 1."
        )

    def test_of_many_that_may_lie_within_the_first_are_named(self) -> None:
        rows = [
            north_of(C, 1_000.0 + n, sinkhole_id=f"S{n}", position_uncertainty_m=50.0)
            for n in range(1, 8)
        ]
        said = only(gather(a_world(*rows)).weaknesses, "Not listed")
        assert said.count("Mill Lane hole") == 5
        assert said.endswith("and 2 more.")

    def test_wider_rings_widen_the_list(self) -> None:
        table = world.band_table()
        wide = replace(table, rings_m=(50.0, 250.0, 1_500.0))
        surveyed = a_world(north_of(C, 1_400.0), parameters=world.parameters(table=wide))
        gathered = gather(surveyed)
        assert gathered.records_within_m == 1_500.0
        assert "within 1.5 km" in gathered.summary[3]
        assert len(gathered.records) == 1

    def test_a_record_that_may_not_be_drawn_has_no_position(self) -> None:
        rows = [north_of(C, 79.0, is_drawn=False, counts=False, counts_reason="Too doubtful.")]
        (record,) = gather(a_world(*rows)).records
        assert (record.position, record.grid_reference) == (None, "")
        assert record.shown_uncertainty_m is None
        assert record.counts_text == "Does not count: “Too doubtful”."

    def test_what_is_no_event_says_so(self) -> None:
        rows = [north_of(C, 79.0, evidence="not_an_event", evidence_reason="Peat.")]
        (record,) = gather(a_world(*rows)).records
        assert record.counts_text == "Does not count: “Peat”."

    @pytest.mark.parametrize(
        ("away_m", "changes", "said"),
        [
            (
                79.0,
                {},
                (
                    "Counts in the 250 m ring, and decides the band. It may lie from about 65 m to "
                    "95 m away."
                ),
            ),
            (
                10.0,
                {},
                (
                    "Counts in the 50 m ring, and decides the band. It may lie on the site itself, "
                    "or as far as 25 m away."
                ),
            ),
            (
                79.0,
                {"evidence": "possible"},
                (
                    "Counts in the 500 m ring (one further out than its place: only a possible "
                    "record), and decides the band. It may lie from about 65 m to 95 m away."
                ),
            ),
            (
                300.0,
                {"evidence": "possible"},
                "Does not count: a possible record counts one ring further out, here beyond 500 m.",
            ),
            (
                600.0,
                {"position_uncertainty_m": 600.0},
                "Does not count: its distance is known only to ± 650 m, wider than the 500 m ring.",
            ),
            (600.0, {}, "Does not count: it is placed beyond the 500 m ring."),
            (
                600.0,
                {"position_uncertainty_m": 150.0},
                "Does not count: it is placed beyond the 500 m ring, though it may lie within it.",
            ),
        ],
        ids=["in a ring", "on it", "possible", "possible, too far", "loose", "far", "far, loose"],
    )
    def test_each_says_whether_it_counts_and_why(
        self, away_m: float, changes: dict[str, object], said: str
    ) -> None:
        (record,) = gather(a_world(north_of(C, away_m, **changes))).records
        assert record.counts_text == said

    def test_outside_the_zones_none_is_scored(self) -> None:
        place = a_place(35_000.0, 5_000.0)
        (record,) = gather(a_world(north_of((35_000.0, 5_000.0), 79.0)), place).records
        assert record.counts_text == "Listed, not scored: the ground at the site is not assessed."

    @pytest.mark.parametrize(
        ("east_m", "north_m", "said"),
        [
            (0.0, 200.0, "north, about 0° (± 5°)"),
            (-2.0, 200.0, "north, about 0° (± 5°)"),
            (200.0, 200.0, "north-east, about 45° (± 5°)"),
            (-200.0, 0.0, "west, about 270° (± 5°)"),
            (0.0, -14.2, "south, about 180° (± 85°)"),
            (0.0, -14.1, "direction not known"),
        ],
    )
    def test_a_direction_is_given_no_finer_than_it_is_known(
        self, east_m: float, north_m: float, said: str
    ) -> None:
        (record,) = gather(a_world(a_sinkhole(C[0] + east_m, C[1] + north_m))).records
        assert record.bearing_text == said

    def test_one_inside_the_boundary_has_no_direction(self) -> None:
        site = a_site(14_500, 4_500, 15_500, 5_500)
        inside, beyond = gather(
            a_world(
                a_sinkhole(15_400, 5_000, sinkhole_id="S1"),
                a_sinkhole(15_600, 5_000, sinkhole_id="S2"),
            ),
            site,
        ).records
        assert inside.bearing_text == "inside the site's boundary, as placed"
        assert (inside.distance_m, beyond.distance_m) == (0.0, 92.0)  # from the edge, whole metres
        assert beyond.bearing_text == "east, about 90° (± 5°)"

    def test_a_link_that_is_none_is_left_out(self) -> None:
        (record,) = gather(a_world(north_of(C, 79.0, source_url="javascript:alert(1)"))).records
        assert record.source_url == ""

    def test_they_agree_with_the_assessments_reasons(self, surveyed: survey.Surveyed) -> None:
        for assessment in surveyed.findings.sites[:4]:
            gathered = gather(surveyed, assessment.place)
            counted = {
                reason.facts["sinkhole_id"]: reason.facts["ring_m"]
                for reason in gathered.assessment.reasons
                if reason.code == "sinkhole"
            }
            said = {
                record.sinkhole_id: float(record.counts_text.split()[3])
                for record in gathered.records
                if record.counts_text.startswith("Counts")
            }
            assert said == counted


# ── Ground ───────────────────────────────────────────────────────────────────────────────────────


class TestGround:
    def test_of_a_point_no_share_is_given(self) -> None:
        gathered = gather(an_empty_world())
        assert gathered.shares == ()
        assert gathered.geology == (
            "Class C, the gypsum belt (edge drawn to ± 500 m).",
            (
                "Only a point is known of the site, so no share of its ground can be given for any "
                "band."
            ),
            (
                "The nearest ground of another class, class A (no gypsum known beneath), is about "
                "5,000 m (± 550 m) away, further than it is uncertain."
            ),
            "The zones are those of “Made-up geology”, edition 22 November 2026.",
            (
                "These zones are not the areas of the council's own policies map and not a BGS "
                "product; the council's map is the one to check for what it asks of an applicant."
            ),
        )

    def test_features_are_counted_among_the_records_that_count(self) -> None:
        rows = [
            north_of(C, 79.0, sinkhole_id="S1"),
            north_of(C, 120.0, sinkhole_id="S2", counts=False),
            north_of(C, 300.0, sinkhole_id="S3"),
        ]
        only(
            gather(a_world(*rows)).geology,
            "The records that count tell of 2 distinct features within 500 m. The number is not",
        )

    def test_of_a_boundary_the_share_in_each_band_is_given(self) -> None:
        site = a_site(19_000, 4_000, 21_000, 6_000)
        gathered = gather(a_world(a_sinkhole(20_000, 5_000)), site)
        assert sum(share.share for share in gathered.shares) == pytest.approx(1)
        assert [share.style.band for share in gathered.shares] == sorted(
            gathered.assessment.shares, reverse=True
        )
        assert [share.text for share in gathered.shares][:1] == ["under 1%"]
        assert none_of(gathered.geology, "Only a point")
        assert only(gathered.geology, "A site has the highest band")
        assert none_of(gathered.geology, "The nearest ground")  # it has both
        assert only(gathered.weaknesses, "The site lies partly") == (
            "The site lies partly on class B ground, and the line across it is known only to "
            "± 800 m."
        )
        assert "Part of the ground is put in class C" in gathered.draft

    def test_a_line_nearer_than_it_is_known_weakens_the_evidence(self) -> None:
        gathered = gather(an_empty_world(), a_place(10_300.0, 5_000.0))
        assert "nearer than it is known, so the site may lie beyond it" in only(
            gathered.geology, "The nearest ground of another class"
        )
        assert only(gathered.weaknesses, "The site may lie on class A") == (
            "The site may lie on class A ground: the nearest is about 300 m (± 550 m) away."
        )

    def test_ground_raised_to_the_class_of_a_line_close_by_says_so(self) -> None:
        gathered = gather(an_empty_world(), a_place(9_700.0, 5_000.0))
        raised = (
            "A/C boundary: the place lies on class A ground, but the line is about 300 m "
            "(± 500 m) away, closer than it is known; scored as class C."
        )
        assert raised in gathered.geology
        assert raised in gathered.weaknesses
        assert raised in gathered.summary[2], "for the headline names class C"
        assert "(it is drawn as class A, nearer to the line than that is known)" in gathered.draft
        assert (
            "On which side of the line between classes A and C does the site lie, and by what was "
            "that established?"
        ) in gathered.questions

    def test_a_record_that_does_not_fit_the_ground_is_said_to(self) -> None:
        gathered = gather(a_world(north_of(A, 20.0)), a_place(*A))
        conflict = only(gathered.geology, "Check the record")
        assert conflict in gathered.weaknesses

    def test_with_one_class_held_there_is_no_other(self) -> None:
        zones = world.ground(world.a_zone("C", "C", shapely.box(0, 0, 30_000, 10_000)))
        assert none_of(gather(a_world(zones=zones)).geology, "The nearest ground")

    def test_the_scale_of_a_source_that_names_one_is_explained(self) -> None:
        sources = (a_source("geology", title="Zones at 1:50 000"), *SOURCES[1:])
        gathered = gather(a_world(sources=sources))
        assert only(gathered.geology, "They were drawn") == (
            "They were drawn at about 1:50 000, at which 1 mm on paper is 50 m on the ground: "
            "enlarging them adds no detail."
        )

    def test_withheld_outlines_are_said_to_be(self) -> None:
        sources = (a_source("geology", is_restricted=True), *SOURCES[1:])
        gathered = gather(a_world(sources=sources))
        assert survey.OUTLINES_WITHHELD in gathered.geology
        assert none_of(gathered.unknowns, "How licensed maps")

    def test_rock_and_boreholes_are_context_in_quotation_marks(self) -> None:
        around = Surroundings(
            rocks=surroundings.rocks(surroundings.a_rock()), boreholes=surroundings.boreholes()
        )
        place = a_place(surroundings.EAST, surroundings.NORTH)
        gathered = gather(a_world(around=around), place)
        assert [text for text in gathered.geology if text.startswith("As context")] == [
            (
                "As context, which decides no band: “BGS's map at 1:625 000 shows here: Zechstein "
                "Group, dolomitised limestone and dolomite (bedrock). At that scale it cannot "
                "locate gypsum.”"
            ),
            "As context, which decides no band: “BGS's index lists no borehole within 250 m.”",
        ]
        assert none_of(gathered.unknowns, "Where boreholes")

    def test_outside_the_bounds_nothing_was_asked_for_and_nothing_is_said(self) -> None:
        around = Surroundings(boreholes=surroundings.boreholes())
        surveyed = a_world(around=around)
        small = replace(EVERYWHERE, min_easting=100_000)
        area = replace(surveyed.findings.area, bounds=small)
        elsewhere = replace(surveyed, findings=replace(surveyed.findings, area=area))
        assert none_of(gather(elsewhere).geology, "As context")

    def test_outside_the_zones_records_are_listed_and_nothing_is_said_of_the_ground(self) -> None:
        place = a_place(35_000.0, 5_000.0)
        gathered = gather(a_world(north_of((35_000.0, 5_000.0), 79.0)), place)
        assert gathered.assessment.band is Band.NOT_ASSESSED
        assert gathered.weaknesses[0] == (
            "The site lies outside the ground that is assessed: its records are listed, and "
            "nothing is said of its ground either way."
        )
        assert gathered.summary[3] == (
            "As placed, 1 record lies within 1 km. Nothing is scored here."
        )
        assert "so nothing is said of it either way" in gathered.draft
        assert (
            "Within 1 km we hold 1 record, “Mill Lane hole, 17 February 2014”, about 80 m (± 15 m) "
            "away; it is not scored here."
        ) in gathered.draft
        two = (north_of((35_000.0, 5_000.0), 79.0 + n, sinkhole_id=f"S{n}") for n in range(2))
        assert (
            "Within 1 km we hold 2 records, the nearest of them “Mill Lane hole, 17 February "
            "2014”, about 80 m (± 15 m) away; none is scored here."
        ) in gather(a_world(*two), place).draft
        nowhere = gather(an_empty_world(), place)
        assert "Within 500 m there are no records in the data we hold" in nowhere.draft
        assert "We ask that its stability be considered before" in gathered.draft


# ── Planning ─────────────────────────────────────────────────────────────────────────────────────


def an_application(
    reference: str, north_m: float | None = 0.0, **said: object
) -> dict[str, object]:
    """Return an application so far north of the middle of C, or one that could not be placed."""
    where = {} if north_m is None else {"easting": C[0], "northing": C[1] + north_m}
    return {"reference": reference, **where, **said}


class TestHistory:
    def test_an_application_is_quoted_in_the_councils_words(self) -> None:
        (step,) = gather(a_world(applied=[an_application("24/1", 300.0)])).history
        assert (step.key, step.reference) == ("Small Council/24/1", "24/1")
        assert step.date_text == "received 2 November 2026"
        assert step.title == "Six homes"
        assert step.outcome == "undecided (in the council's words: “Awaiting decision”)"
        assert step.where == "about 300 m (± 15 m) away"
        assert step.ground == ""
        assert step.doubts == "Placed by “the point that the council gives” (± 5 m)."
        assert step.position == shapely.Point(15_000, 5_300)
        assert step.source_title == "The council's record"
        assert step.source_url == "https://council.example/application"

    @pytest.mark.parametrize(
        ("status", "said", "outcome"),
        [
            ("approved", "APPROVED", "approved"),
            ("refused", "Refused, 3 to 2", "refused (in the council's words: “Refused, 3 to 2”)"),
            ("other", "Called in", "in the council's words: “Called in”"),
        ],
    )
    def test_the_councils_words_are_told_where_they_say_more(
        self, status: str, said: str, outcome: str
    ) -> None:
        row = an_application("24/1", 300.0, status=status, status_text=said)
        (step,) = gather(a_world(applied=[row])).history
        assert step.outcome == outcome

    def test_one_without_words_of_the_council_has_none(self) -> None:
        row = an_application(
            "24/1",
            status="approved",
            status_text=None,
            received_on=pd.NaT,
            decided_on=pd.NaT,
            url=None,
        )
        (step,) = gather(a_world(applied=[row])).history
        assert (step.outcome, step.date_text, step.source_url) == ("approved", "", "")

    def test_a_decision_is_later_than_what_it_decides(self) -> None:
        row = an_application("24/1", decided_on=pd.Timestamp("2026-11-10"))
        (step,) = gather(a_world(applied=[row])).history
        assert step.date_text == "decided 10 November 2026"

    @pytest.mark.parametrize(
        ("north_m", "where"),
        [
            (15.0, "on the site or next to it: about 15 m (± 15 m) apart"),
            (15.1, "about 15 m (± 15 m) away"),
            (500.0, "about 500 m (± 15 m) away"),
            (500.1, None),
        ],
        ids=["may be the same ground", "a hair further", "in the last ring", "beyond it"],
    )
    def test_what_lies_on_the_site_or_in_its_rings_is_listed(
        self, north_m: float, where: str | None
    ) -> None:
        found = gather(a_world(applied=[an_application("24/1", north_m)])).history
        assert [step.where for step in found] == ([where] if where else [])

    @pytest.mark.parametrize(("north_m", "n_listed"), [(610.0, 1), (610.1, 0), (616.0, 0)])
    def test_one_that_is_hardly_located_may_be_on_the_site_from_further_off(
        self, north_m: float, n_listed: int
    ) -> None:
        row = an_application("24/1", north_m, position_uncertainty_m=600.0)
        assert len(gather(a_world(applied=[row])).history) == n_listed

    def test_one_of_which_only_the_boundary_is_known_is_listed_without_a_point(self) -> None:
        surveyed = a_world(applied=[an_application("24/1", None)])
        boundary = shapely.box(C[0] + 100, C[1], C[0] + 200, C[1] + 100)
        frame = surveyed.findings.applications.assign(boundary=pd.Series([boundary], dtype=object))
        drawn = replace(surveyed, findings=replace(surveyed.findings, applications=frame))
        (step,) = gather(drawn).history
        assert (step.where, step.position) == ("about 100 m (± 15 m) away", None)

    def test_distances_run_from_edge_to_edge(self) -> None:
        surveyed = a_world(applied=[an_application("24/1", 2_000.0)])
        boundary = shapely.box(C[0] - 10, C[1] + 400, C[0] + 10, C[1] + 3_000)
        frame = surveyed.findings.applications.assign(boundary=pd.Series([boundary], dtype=object))
        surveyed = replace(surveyed, findings=replace(surveyed.findings, applications=frame))
        (step,) = gather(surveyed, a_site(14_900, 4_900, 15_100, 5_100)).history
        assert step.where == "about 300 m (± 10 m) away"

    def test_a_past_decision_is_told_as_published(self) -> None:
        (step,) = gather(a_world(decided=[a_case(1, (15_020.0, 5_330.0))])).history
        assert (step.key, step.date_text) == ("PC1", "May 2014")
        assert step.title == "Old Yard: six homes refused"
        assert (step.outcome, step.where) == ("refused", "about 350 m (± 55 m) away")
        assert step.ground == "The report names the ground."
        assert (step.reference, step.doubts) == ("", "")
        assert step.position == shapely.Point(15_000, 5_350)  # rounded, the distance is not
        assert step.source_title == "The Smallworld Gazette"
        assert step.source_url == "https://gazette.example/case"

    def test_that_of_the_site_itself_is_listed_wherever_it_was_placed(self) -> None:
        rows = [
            a_case(1, None, site_id="mill-lane", position_uncertainty_m=math.nan),
            a_case(2, B, site_id="mill-lane"),
            a_case(3, None, position_uncertainty_m=math.nan),
            a_case(4, B),
        ]
        found = gather(a_world(decided=rows)).history
        assert [(step.key, step.where) for step in found] == [
            ("PC1", "the site itself"),
            ("PC2", "the site itself"),
        ]

    def test_an_application_has_the_history_of_the_site_that_it_touches(self) -> None:
        surveyed = a_world(
            applied=[an_application("24/1")],
            decided=[a_case(1, B, site_id="old-yard")],
            places=[{"place_id": "old-yard", "easting": C[0], "northing": C[1]}],
        )
        place = gazetteer.of_application(surveyed.findings.applications.iloc[0])
        assert [step.key for step in gather(surveyed, place).history] == ["PC1"]

    def test_a_boundary_has_the_history_of_the_sites_whose_points_it_holds(self) -> None:
        surveyed = a_world(
            decided=[
                a_case(1, site_id="old-yard"),
                a_case(2, site_id="far-yard"),
                a_case(3, B, site_id="unwatched"),
            ],
            places=[
                {"place_id": "old-yard", "easting": C[0], "northing": C[1]},
                {"place_id": "far-yard", "easting": C[0] + 300, "northing": C[1]},
                {"place_id": "unwatched", "easting": C[0], "northing": C[1], "is_watched": False},
            ],
        )
        found = gather(surveyed, a_site(14_900, 4_900, 15_100, 5_100)).history
        assert [(step.key, step.where) for step in found] == [
            ("PC1", "on the site, as placed"),
            ("PC2", "under 5 m (± 55 m) away"),
        ]

    def test_one_whose_place_is_not_rated_says_so(self) -> None:
        rows = [a_case(1, (15_000.0, 5_330.0), position_uncertainty_m=math.nan)]
        (step,) = gather(a_world(decided=rows)).history
        assert step.where == "about 350 m away; how well is not said"

    def test_an_outcome_that_says_nothing_points_to_the_title(self) -> None:
        rows = [
            a_case(1, outcome="other"),
            a_case(2, outcome="demolition_agreed", ground="Not mentioned in the sources found"),
        ]
        one, two = gather(a_world(decided=rows)).history
        assert (one.outcome, two.outcome) == ("as told in its title", "demolition agreed")
        assert two.ground == ""

    def test_those_of_the_site_come_first_and_each_newest_first(self) -> None:
        near = (15_000.0, 5_330.0)
        rows = [
            a_case(1, near, date_text="2020"),
            a_case(2, near, date_text="date not recorded"),
            a_case(3, site_id="mill-lane", date_text="November 2011 or November 2010 (inferred)"),
            a_case(4, site_id="mill-lane", date_text="by 13 November 2017"),
            a_case(5, site_id="mill-lane", date_text="2017"),
        ]
        applied = [an_application("24/1", 300.0), an_application("24/2", 0.0)]
        found = gather(a_world(decided=rows, applied=applied)).history
        assert [step.key for step in found] == [
            "Small Council/24/2",
            "PC4",
            "PC5",
            "PC3",
            "Small Council/24/1",
            "PC1",
            "PC2",
        ]

    @pytest.mark.parametrize(
        ("states", "n_applied", "said"),
        [
            ((), 0, "No source of planning applications is set up on this installation, so no"),
            (
                (a_source("planit", status=SourceStatus.NOT_CONFIGURED, snapshot=None),),
                0,
                "No source of planning applications is set up on this installation, so no",
            ),
            (
                (a_source("planit", status=SourceStatus.FAILED, snapshot=None),),
                0,
                "No source of planning applications could be read and no earlier copy is held",
            ),
            (
                (a_source("planit", status=SourceStatus.STALE),),
                1,
                "The planning sources hold 1 application for Smallworld, from a copy that may be",
            ),
            ((a_source("planit"),), 1, "The planning sources in use hold 1 application for"),
            ((a_source("planit"),), 0, "The planning sources in use hold 0 applications for"),
        ],
        ids=["none", "not set up", "failed", "stale", "good", "empty"],
    )
    def test_absence_failure_and_emptiness_are_three_things(
        self, states: tuple[SourceState, ...], n_applied: int, said: str
    ) -> None:
        applied = [an_application("24/1", 5_000.0)][:n_applied]
        gathered = gather(a_world(applied=applied, sources=(*SOURCES[:3], *states)))
        only(gathered.unknowns, said)
        assert said in gathered.summary[5]

    def test_those_that_could_not_be_placed_are_counted(self) -> None:
        rows = [an_application("24/1", None), an_application("24/2", 5_000.0)]
        assert (
            "1 of 2 applications could not be placed; any of them may concern this site."
            in gather(a_world(applied=rows)).unknowns
        )

    def test_what_the_list_of_past_decisions_is_stands_beside_it(self) -> None:
        rows = [a_case(1), a_case(2, B, position_uncertainty_m=900.0)]
        listed = "The list of past decisions was compiled from public reports"
        assert only(gather(a_world(decided=rows)).unknowns, listed).endswith(
            "2 entries in all; 1 of them is not located, or only to more than 500 m."
        )
        assert only(gather(a_world(decided=rows[:1])).unknowns, listed).endswith("1 entry in all.")
        assert (
            "No list of past decisions is held, which is not the same as none."
            in gather(a_world(sources=SOURCES[:2])).unknowns
        )


# ── What weakens it ──────────────────────────────────────────────────────────────────────────────


class TestWeaknesses:
    def test_the_record_that_decides_comes_first(self) -> None:
        rows = [
            north_of(C, 79.0, sinkhole_id="S1", position_uncertainty_m=150.0),
            north_of(C, 180.0, sinkhole_id="S2", position_uncertainty_m=20.0, evidence="probable"),
        ]
        place = a_place(*C, position_uncertainty_m=80.0)
        found = gather(a_world(*rows), place).weaknesses
        assert found[:6] == (
            (
                "The record that decides the band, no. 1, “Mill Lane hole, 17 February 2014”, is "
                "placed to ± 150 m and the site to ± 80 m, so the distance between them is about "
                "80 m (± 170 m). It is graded confirmed (a collapse with a known date, reported by "
                "a survey)."
            ),
            "Without that record the band would still be High.",
            (
                "The site's boundary is not held. Only a point is, to ± 80 m (how it was found: "
                "“published grid reference”), and every distance is from that point: from the true "
                "edge of the site a record may be nearer or further."
            ),
            (
                "Both records that count may lie in a nearer or a further ring than as placed: "
                "nos 1 and 2."
            ),
            (
                "Were every record that counts as near as its doubt allows, the band would be Very "
                "high; were every one as far, High. As placed it is High."
            ),
            "Of the 2 records that count, by grade: 1 confirmed and 1 probable.",
        )

    def test_one_that_is_nearer_and_does_not_decide_is_named(self) -> None:
        rows = [
            north_of(C, 79.0, sinkhole_id="S1", evidence="possible"),
            north_of(C, 180.0, sinkhole_id="S2"),
        ]
        assert gather(a_world(*rows)).weaknesses[1] == (
            "No. 1 is placed no further off and counts as well, but in a ring further out, being "
            "known less well or graded lower."
        )

    def test_a_band_that_one_record_makes_is_said_to_hang_on_it(self) -> None:
        found = gather(a_world(north_of(C, 79.0))).weaknesses
        assert found[1] == "Without that record the band would be Moderate."
        assert none_of(found, "Were every")
        assert none_of(found, "The only record that counts may")

    def test_the_only_record_may_lie_in_another_ring(self) -> None:
        found = gather(a_world(north_of(C, 245.0))).weaknesses
        only(found, "The only record that counts may lie in a nearer or a further ring than as")
        assert only(found, "Were every").endswith(
            "the band would be High; were every one as far, Moderate. As placed it is High."
        )

    def test_of_a_boundary_no_what_if_is_told(self) -> None:
        place = a_site(14_900, 4_900, 15_100, 5_100)
        found = gather(a_world(a_sinkhole(15_000, 5_355)), place).weaknesses
        assert none_of(found, "Without that record")
        assert none_of(found, "Were every")
        only(found, "The only record that counts may lie")
        assert only(found, "The site's edge") == (
            "The site's edge is taken as given, to ± 5 m (how it was found: “boundary from a "
            "file”)."
        )

    def test_a_site_known_too_loosely_can_have_no_record_that_counts(self) -> None:
        place = a_place(*C, position_uncertainty_m=900.0)
        assert gather(a_world(north_of(C, 20.0)), place).weaknesses[0] == (
            "The site is known only to ± 900 m, wider than the 500 m ring, so that no record can "
            "count: the band rests on the class of the ground alone."
        )

    def test_what_is_left_out_and_may_lie_near_is_named(self) -> None:
        rows = [
            north_of(C, 79.0, sinkhole_id="S1"),
            north_of(C, 520.0, sinkhole_id="S2", position_uncertainty_m=50.0),
            north_of(C, 530.0, sinkhole_id="S3", position_uncertainty_m=50.0, counts=False),
            north_of(C, 800.0, sinkhole_id="S4", position_uncertainty_m=50.0),
        ]
        only(
            gather(a_world(*rows)).weaknesses,
            "1 of the 4 records listed does not count for where, or how loosely, it is placed, and "
            "may yet lie within 500 m: no. 2.",
        )

    def test_a_band_without_a_record_rests_on_the_ground_alone(self) -> None:
        found = gather(an_empty_world()).weaknesses
        assert found[0] == (
            "No record counts within 500 m: the band rests on the class of the ground alone."
        )
        assert none_of(found, "Of the")
        assert none_of(found, "The latest record")

    def test_what_does_not_count_what_is_told_twice_and_what_has_no_date_is_counted(self) -> None:
        rows = [
            north_of(C, 79.0, sinkhole_id="S1", feature_id="one", date_text="2016"),
            north_of(C, 90.0, sinkhole_id="S2", feature_id="one", date_text="date not recorded"),
            north_of(C, 800.0, sinkhole_id="S3", feature_id="two", date_text="1834"),
        ]
        found = gather(a_world(*rows)).weaknesses
        only(found, "1 of the 3 records listed does not count; the table gives the reason")
        only(found, "The 3 records listed tell of 2 features: some tell of the same one.")
        only(found, "The latest record listed is no. 1, “Mill Lane hole, 2016”; what has happened")
        only(found, "No date is known of no. 2.")

    def test_undated_records_have_no_latest(self) -> None:
        found = gather(a_world(north_of(C, 79.0, date_text="date not recorded"))).weaknesses
        assert none_of(found, "The latest record")

    @pytest.mark.parametrize(
        ("state", "said"),
        [
            (
                a_source("sinkholes", status=SourceStatus.STALE, age=Age.AMBER),
                "is not as it should be: out of date.",
            ),
            (a_source("sinkholes", age=Age.RED), "is not as it should be: up to date, and long "),
            (
                a_source("sinkholes", status=SourceStatus.HELD, problem="5 of 40 rows are gone."),
                "is not as it should be: on hold; the last good copy is in use.",
            ),
            (
                a_source("sinkholes", status=SourceStatus.FAILED, snapshot=None),
                "is not as it should be: could not be read, and no earlier copy is held.",
            ),
            (
                a_source("sinkholes", status=SourceStatus.NOT_CONFIGURED, snapshot=None),
                "is not set up on this installation, so nothing of it is here.",
            ),
        ],
    )
    def test_a_source_in_trouble_weakens_it(self, state: SourceState, said: str) -> None:
        found = gather(a_world(sources=(SOURCES[0], state))).weaknesses
        assert only(found, "The source “Made-up sinkholes”").startswith(
            f"The source “Made-up sinkholes” {said}"
        )

    def test_a_list_of_postcodes_in_trouble_does_not(self) -> None:
        postcodes = a_source("postcodes", status=SourceStatus.STALE)
        gathered = gather(a_world(sources=(*SOURCES, postcodes)))
        assert none_of(gathered.weaknesses, "The source")
        assert [source.name for source in gathered.sources][-1] == "postcodes"

    def test_good_sources_do_not(self) -> None:
        assert none_of(gather(an_empty_world()).weaknesses, "The source")


# ── Sources ──────────────────────────────────────────────────────────────────────────────────────


class TestSources:
    def test_each_is_listed_with_its_edition_date_and_checksum(self) -> None:
        line = gather(an_empty_world()).sources[0]
        assert (line.name, line.frame) == ("geology", "geology")
        assert (line.title, line.edition) == ("Made-up geology", "22 November 2026")
        assert (line.licence, line.credit) == ("Open", "© nobody")
        assert line.retrieved_text == "21 November 2026"
        assert (line.standing, line.sha256) == ("up to date", "ab" * 32)
        assert line.url == "https://data.example/held"

    def test_one_that_is_not_set_up_tells_no_reader_how_to_set_it_up(self) -> None:
        state = a_source(
            "planit", status=SourceStatus.NOT_CONFIGURED, snapshot=None, problem="Not asked."
        )
        line = gather(a_world(sources=(*SOURCES[:3], state))).sources[-1]
        assert (line.retrieved_text, line.sha256, line.url) == ("", "", "")
        assert (line.edition, line.licence, line.credit) == ("", "Open", "© nobody")
        assert line.standing == "not set up"

    def test_a_list_of_postcodes_is_named_only_if_one_is_held(self) -> None:
        missing = a_source("code-point-open", status=SourceStatus.NOT_CONFIGURED, snapshot=None)
        held = a_source("postcodes")
        lines = gather(a_world(sources=(*SOURCES[:3], missing, held))).sources
        assert "Made-up code-point-open" not in {line.title for line in lines}
        assert "Made-up postcodes" in {line.title for line in lines}

    def test_why_one_failed_is_for_its_operator(self) -> None:
        state = a_source("planit", status=SourceStatus.FAILED, problem="/home/me is full")
        line = gather(a_world(sources=(*SOURCES[:3], state))).sources[-1]
        assert line.standing == "could not be read; the last good copy is in use"

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"edition": "v1.0"}, "“Made-up geology”, edition “v1.0”."),
            ({"edition": ""}, "“Made-up geology”, retrieved 21 November 2026."),
            (
                {"status": SourceStatus.FAILED, "snapshot": None},
                "“Made-up geology” (could not be read, and no earlier copy is held).",
            ),
        ],
    )
    def test_the_method_names_the_editions(self, changes: dict[str, object], said: str) -> None:
        sources = (a_source("geology", **changes), *SOURCES[1:])
        method = gather(a_world(sources=sources)).method
        assert f"The zones are those of {said}" in method
        assert "The records are those of “Made-up sinkholes”, edition 22 November 2026." in method

    def test_without_sources_no_edition_is_named(self) -> None:
        gathered = gather(a_world(sources=()))
        assert none_of(gathered.method, "The zones are those")
        assert none_of(gathered.geology, "The zones are those")
        assert "Zones and records are those of" not in gathered.draft
        assert gathered.sources == ()


# ── Planning documents ───────────────────────────────────────────────────────────────────────────

CITED_UP_TO_2030 = (
    "In force since 10 April 2019, and cited here up to 31 December 2030 at the latest."
)
"""A plan "to 2030" names no last day, so that none may be said to be its own."""


class TestPolicies:
    @pytest.mark.parametrize(
        ("changes", "standing", "why"),
        [
            ({}, PolicyStanding.CITED, CITED_UP_TO_2030),
            (
                {"valid_until": MADE_ON},
                PolicyStanding.CITED,
                "In force since 10 April 2019, and cited here up to 22 Nov",
            ),
            ({"valid_from": MADE_ON}, PolicyStanding.CITED, "In force since 22 November 2026, and"),
            (
                {"valid_until": None, "is_open_ended": True},
                PolicyStanding.CITED,
                "In force since 10 April 2019, until something replaces it.",
            ),
            (
                {"valid_until": date(2026, 11, 21)},
                PolicyStanding.PAST,
                "It was in force up to 21 November 2026, before the day of this pack.",
            ),
            (
                {"valid_until": date(2020, 1, 1), "is_confirmed": False},
                PolicyStanding.PAST,
                "It was in force up to 1 January 2020",
            ),
            ({"is_superseded": True}, PolicyStanding.PAST, "Something has replaced it."),
            (
                {"is_confirmed": False},
                PolicyStanding.CHECK,
                "Not cited here: its text was not read at its source. Looked at on 1 November 2026",
            ),
            (
                {"valid_from": None},
                PolicyStanding.CHECK,
                "Not cited here: the day from which it is in force is not known.",
            ),
            (
                {"valid_from": date(2026, 11, 23)},
                PolicyStanding.CHECK,
                "Not cited here: it is not in force before 23 November 2026.",
            ),
            (
                {"valid_until": None},
                PolicyStanding.CHECK,
                "Not cited here: how long it stays in force is not known.",
            ),
            (
                {"valid_from": None, "valid_until": None},
                PolicyStanding.CHECK,
                "Not cited here: no dates are known between which it holds.",
            ),
        ],
    )
    def test_only_what_is_confirmed_and_in_force_is_cited(
        self, changes: dict[str, object], standing: PolicyStanding, why: str
    ) -> None:
        policy = dossiers.a_policy(**changes)
        gathered = gather(a_world(policies=(policy,)))
        (line,) = gathered.policies
        assert (line.policy, line.standing) == (policy, standing)
        assert line.why.startswith(why)
        is_cited = "“Smallworld Neighbourhood Plan to 2030”" in gathered.draft
        assert is_cited == (standing is PolicyStanding.CITED)

    def test_those_that_may_be_cited_come_first_then_by_title(self) -> None:
        policies = [
            dossiers.a_policy(policy_id="e", title="A", is_superseded=True),
            dossiers.a_policy(policy_id="d", title="A", is_confirmed=False),
            dossiers.a_policy(policy_id="c", title="B"),
            dossiers.a_policy(policy_id="b", title="A"),
            dossiers.a_policy(policy_id="a", title="A"),
        ]
        for order in itertools.permutations(policies, 5):
            lines = dossier.policies.table(order, MADE_ON)
            assert [line.policy.policy_id for line in lines] == ["a", "b", "c", "d", "e"]


# ── Summary, questions, draft ────────────────────────────────────────────────────────────────────


class TestSummary:
    def test_it_says_what_is_known_and_what_is_not_on_one_page(self) -> None:
        rows = [north_of(C, 79.0, sinkhole_id="S1"), north_of(C, 800.0, sinkhole_id="S2")]
        surveyed = a_world(*rows, decided=[a_case(1, site_id="mill-lane")])
        gathered = gather(surveyed)
        assert gathered.headline == (
            "High: Class C, the gypsum belt (edge drawn to ± 500 m). Nearest record that counts: "
            "Mill Lane hole (17 February 2014), about 80 m (± 15 m)."
        )
        assert gathered.summary == (
            (
                "This pack sets out what public records tell of the ground at “Mill Lane” (grid "
                "reference SV 1500 0500), and what speaks against relying on them. It was made on "
                "22 November 2026."
            ),
            f"In one sentence, the same as on every page and in every mail: “{gathered.headline}”",
            (
                "The site is known by a point only, to ± 10 m; distances are from that point, not "
                "from the site's edge."
            ),
            (
                "As placed, 2 records lie within 1 km. 1 of the 2 records counts in the "
                "assessment: no. 1."
            ),
            f"What “High” stands for: “{gathered.style.meaning}”",
            (
                "Listed on the site and near it are no applications and 1 past step of planning "
                "history, all of them about the site itself. The planning sources in use hold 0 "
                "applications for Smallworld."
            ),
            (
                "The main weakness: the record that decides the band, no. 1, “Mill Lane hole, 17 "
                "February 2014”, is placed to ± 10 m and the site to ± 10 m, so the distance "
                "between them is about 80 m (± 15 m). It is graded confirmed (a collapse with a "
                "known date, reported by a survey)."
            ),
            (
                "It does not say whether, where or when the ground will move, what set off any "
                "event, or what anyone did or left undone. No distance in it is put forward as far "
                "enough."
            ),
            (
                "Whom to ask: a chartered engineer or geologist about the ground, the council "
                "about its own map and what it asks of an applicant. If the ground is moving or a "
                "hole opens, keep away, call 999 if anyone is at risk, then tell the council."
            ),
        )

    def test_nothing_found_is_said_of_records_never_of_the_ground(self) -> None:
        summary = gather(an_empty_world()).summary
        assert summary[3] == "Within 1 km there are no records in the data we hold."
        assert summary[5].startswith(
            "No application or past decision on the site or near it is listed."
        )

    def test_records_that_do_not_count_are_told_of(self) -> None:
        summary = gather(a_world(north_of(C, 800.0))).summary
        assert summary[3] == (
            "As placed, 1 record lies within 1 km. None of them counts in the assessment; the "
            "table says why."
        )

    def test_all_and_only_are_said_as_one_says_them(self) -> None:
        summary = gather(a_world(north_of(C, 79.0)), a_site(14_990, 4_990, 15_010, 5_010)).summary
        assert summary[2] == (
            "The site is known by its boundary, to ± 5 m; distances are from its edge."
        )
        assert summary[3].endswith("The only record counts in the assessment: no. 1.")

    def test_history_near_the_site_is_told_apart_from_its_own(self) -> None:
        rows = [a_case(n, (15_000.0, 5_330.0)) for n in (1, 2)]
        own = a_case(3, site_id="mill-lane")
        assert "none of them about the site" in gather(a_world(decided=rows)).summary[5]
        assert "1 of them about the site" in gather(a_world(decided=[*rows, own])).summary[5]

    def test_what_is_only_next_to_the_site_is_not_called_its_own(self) -> None:
        near = an_application("24/1", 0.0, position_uncertainty_m=100.0)
        gathered = gather(a_world(applied=[near], decided=[a_case(1, site_id="mill-lane")]))
        assert "all of them on the site or next to it." in gathered.summary[5]
        assert "From the planning history on the site or next to it: “Old Yard" in gathered.draft


class TestQuestions:
    def test_they_name_the_records_that_there_are(self) -> None:
        few = gather(a_world(north_of(C, 79.0))).questions
        many = gather(
            a_world(*(north_of(C, 79.0 + n, sinkhole_id=f"S{n}") for n in range(3)))
        ).questions
        only(few, "How does the report deal with record no. 1 of this pack")
        only(many, "How does the report deal with each of records nos 1 to 3 of this pack")
        only(gather(an_empty_world()).questions, "Which records of subsidence near the site")

    def test_every_one_is_a_question(self) -> None:
        site = a_site(9_000, 4_000, 11_000, 6_000)
        for place in (a_place(*C), a_place(9_700.0, 5_000.0), site):
            questions = gather(an_empty_world(), place).questions
            assert 8 <= len(questions) <= 10
            assert all("?" in question for question in questions)


class TestDraft:
    def test_it_says_both_sides_and_ends_with_its_sources(self) -> None:
        surveyed = a_world(
            north_of(C, 79.0),
            decided=[
                a_case(1, site_id="mill-lane"),
                a_case(
                    2, site_id="mill-lane", step="six homes approved", date_text="2019", ground=""
                ),
            ],
            policies=(dossiers.a_policy(),),
        )
        assert gather(surveyed).draft.split("\n\n") == [
            (
                "These comments are about the ground at “Mill Lane”, SV 1500 0500. We ask that its "
                "stability be investigated and reported on before a decision is made."
            ),
            (
                "Recorded nearby is “Mill Lane hole, 17 February 2014”, graded confirmed (a "
                "collapse with a known date, reported by a survey), about 80 m (± 15 m) from the "
                "point held for the site (source: “The Smallworld Gazette”). The ground is put in "
                "class C, the gypsum belt; the zones' edges are drawn to ± 500 m, and they are "
                "neither the council's own map nor BGS's. Positions are approximate, records "
                "follow where people look, and none of this says whether, where or when the ground "
                "will move. From the planning history of the site: “Old Yard: six homes refused, "
                "May 2014”; on the ground, “The report names the ground” (source: “The Smallworld "
                "Gazette”). The latest step held is “Old Yard: six homes approved, 2019”."
            ),
            (
                "We ask for a desk study, a site appraisal and an intrusive investigation fit for "
                "foundation design, signed by a competent person who states their qualifications. "
                "We ask that the proposal be weighed against what “Smallworld Neighbourhood Plan "
                "to 2030”, in force since 10 April 2019, holds for this site. We ask that the "
                "report deal with the record listed within 1 km, which counts in the assessment. "
                "We ask that drainage, soakaways and groundwater be part of what is considered, "
                "for the site and for its neighbours. We ask that any monitoring, and what follows "
                "if movement is seen, be set out before work begins."
            ),
            (
                "This is general information from public records, not a survey; the pack of 22 "
                "November 2026 names each source. Zones and records are those of “Made-up "
                "geology”, edition 22 November 2026 and “Made-up sinkholes”, edition 22 November "
                "2026."
            ),
        ]

    def test_the_latest_step_of_a_history_is_not_told_twice(self) -> None:
        draft = gather(a_world(decided=[a_case(1, site_id="mill-lane")])).draft
        assert "“Old Yard: six homes refused, May 2014”" in draft
        assert "The latest step held" not in draft

    def test_where_little_is_recorded_it_asks_for_little(self) -> None:
        place = a_place(*A)
        draft = gather(a_world(north_of(A, 800.0)), place).draft
        assert "We ask that its stability be considered before a decision is made." in draft
        assert "Within 500 m there are no records in the data we hold that count here." in draft
        assert "intrusive investigation" not in draft
        assert "deal with the record listed within 1 km, which does not count in" in draft
        rows = (north_of(A, 800.0 + n, sinkhole_id=f"S{n}") for n in range(2))
        assert "2 records listed within 1 km, none of which counts in the assessment." in (
            gather(a_world(*rows), place).draft
        )

    def test_a_record_close_by_is_enough_to_ask(self) -> None:
        table = world.band_table()
        low = replace(table, bands={**table.bands, GeologyClass.A: (Band.LOW,) * 4})
        surveyed = a_world(north_of(A, 20.0), parameters=world.parameters(table=low))
        assert "investigated and reported on" in gather(surveyed, a_place(*A)).draft

    def test_from_a_boundary_distances_are_from_its_edge(self) -> None:
        place = a_site(14_990, 4_990, 15_010, 5_010)
        assert "from the site's edge (source:" in gather(a_world(north_of(C, 79.0)), place).draft

    @pytest.mark.parametrize("limit", [299, 0, -1])
    def test_a_limit_too_small_is_refused_by_name(self, limit: int) -> None:
        with pytest.raises(ConfigError, match=f"a draft of {limit} characters: is shorter than"):
            gather(an_empty_world(), draft_limit=limit)

    def test_the_longest_name_fits_the_least_limit(self) -> None:
        for kind in (PlaceKind.SITE, PlaceKind.APPLICATION):
            place = a_place(*C, label="W" * 500, kind=kind, position_uncertainty_m=10.0)
            draft = dossier.gather(
                a_world(), place, made_on=date(2026, 9, 30), draft_limit=300
            ).draft
            assert len(draft) <= 300
            assert draft.endswith("the pack of 30 September 2026 names each source.")

    @settings(max_examples=12)
    @given(st.integers(600, 2_600))
    def test_it_is_never_longer_and_no_sentence_is_cut(self, limit: int) -> None:
        whole = _parted(gather(a_full_world(), draft_limit=100_000).draft)
        draft = gather(a_full_world(), draft_limit=limit).draft
        assert len(draft) <= limit
        assert _parted(draft) <= whole
        assert draft.startswith("These comments are about the ground at")
        assert "We ask that" in draft
        assert "general information from public records" in draft


@functools.cache
def a_full_world() -> survey.Surveyed:
    return a_world(
        *(north_of(C, 79.0 + n, sinkhole_id=f"S{n}") for n in range(3)),
        decided=[a_case(1, site_id="mill-lane")],
        policies=(dossiers.a_policy(),),
    )


def _parted(draft: str) -> set[str]:
    return set(re.split(r"(?<=[.?]) |\n\n", draft))


# ── Other people's words ─────────────────────────────────────────────────────────────────────────

EVIL = "ZQX” will collapse, guaranteed “<b>\u202e #panic() "
"""What no sentence of ours may say, with what would end a quotation before and after it."""


def a_hostile_world() -> survey.Surveyed:
    texts = ("name", "kind", "evidence_reason", "counts_reason", "date_text", "source_title")
    rows = [
        north_of(C, 79.0, sinkhole_id="S1", **dict.fromkeys(texts, EVIL)),
        north_of(C, 90.0, sinkhole_id="S2", counts=False, **dict.fromkeys(texts, EVIL)),
        north_of(C, 95.0, sinkhole_id="S3", **{**dict.fromkeys(texts, EVIL), "date_text": "2016"}),
        north_of(C, 1_001.0, sinkhole_id="S4", **dict.fromkeys(texts, EVIL)),
    ]
    said = ("title", "step", "outcome", "ground", "doubts", "reference", "source_title")
    told = ("address", "description", "status_text", "position_basis", "authority", "reference")
    evil = dict.fromkeys(told, EVIL)
    applied = [
        {"easting": C[0], "northing": C[1] + 9, **evil},
        {"easting": C[0], "northing": C[1] + 99, **evil, "reference": f"2{EVIL}"},
    ]
    trouble = {"title": EVIL, "edition": EVIL, "problem": EVIL, "status": SourceStatus.HELD}
    return a_world(
        *rows,
        zones=world.strips().assign(title=EVIL),
        applied=applied,
        decided=[a_case(1, site_id="mill-lane", **dict.fromkeys(said, EVIL))],
        sources=tuple(a_source(state.spec.kind, **trouble) for state in SOURCES),
        around=Surroundings(
            rocks=surroundings.rocks(
                surroundings.a_rock(name=EVIL, rock=EVIL, geometry=shapely.box(0, 0, 3e4, 1e4))
            ),
            boreholes=surroundings.boreholes(
                surroundings.a_borehole(reference=EVIL, geometry=shapely.Point(C))
            ),
        ),
        policies=(dossiers.a_policy(title=EVIL),),
    )


class TestOthersWords:
    @pytest.mark.parametrize("kind", [PlaceKind.SITE, PlaceKind.APPLICATION])
    def test_none_stands_outside_quotation_marks_in_a_sentence_of_ours(
        self, kind: PlaceKind
    ) -> None:
        place = a_place(*C, label=EVIL, basis=EVIL, kind=kind)
        gathered = gather(a_hostile_world(), place, title=EVIL)
        said = list(sentences(gathered))
        assert sum("ZQX" in text for text in said) > 20
        for text in said:
            ours = re.sub("“[^“”]*”", "“…”", text)
            assert "ZQX" not in ours, text
            assert ours.count("“") == ours.count("”"), text

    def test_none_of_it_holds_what_is_not_shown(self) -> None:
        place = a_place(*C, label=EVIL, basis=EVIL)
        gathered = gather(a_hostile_world(), place, title=EVIL)
        told = [gathered.title, gathered.place.label, gathered.headline, *sentences(gathered)]
        for record in gathered.records:
            told += [record.name, record.kind, record.date_text, record.source_title]
        for step in gathered.history:
            told += [step.title, step.reference, step.ground, step.doubts, step.source_title]
        for source in gathered.sources:
            told += [source.title, source.edition, source.licence, source.credit]
        told += [reason.text for reason in gathered.assessment.reasons]
        assert not any("\u202e" in text for text in told)

    def test_a_sentence_of_ours_that_says_what_none_may_is_refused(self) -> None:
        notes = {GeologyClass.C: "a danger zone", GeologyClass.A: "a", GeologyClass.B: "b"}
        with pytest.raises(WordingError, match="danger zone"):
            gather(a_world(class_notes=notes))

    def test_personal_data_is_masked_wherever_it_is_repeated(self) -> None:
        who = "Mr A Smith 01765 123456 a@b.example"
        texts = dict.fromkeys(("name", "source_title"), who)
        said = dict.fromkeys(("title", "step", "ground", "doubts"), who)
        surveyed = a_world(north_of(C, 79.0, **texts), decided=[a_case(1, **said)])
        gathered = gather(surveyed, a_place(*C, label=who, basis=who), title=who)
        (record,), (step,) = gathered.records, gathered.history
        told = (
            gathered.title,
            gathered.place.label,
            gathered.place.basis,
            record.name,
            record.source_title,
            step.title,
            step.ground,
            step.doubts,
            *sentences(gathered),
        )
        assert not any("Smith" in text or "123456" in text or "a@b" in text for text in told)


# ── The same for the same ────────────────────────────────────────────────────────────────────────


class TestTheSame:
    @settings(max_examples=5)
    @given(st.randoms(use_true_random=False))
    def test_the_order_of_rows_changes_nothing(self, random: Any) -> None:  # noqa: ANN401 - hypothesis' own
        records = [
            north_of(C, away_m, sinkhole_id=f"S{n}", evidence=grade)
            for n, (away_m, grade) in enumerate(
                itertools.product((79.0, 79.0, 300.0), ("confirmed", "possible"))
            )
        ]
        applied = [an_application(f"24/{n}", 100.0) for n in range(3)]
        decided = [a_case(n, (15_000.0, 5_330.0)) for n in range(3)]
        expected = gather(a_world(*records, applied=applied, decided=decided))
        for rows in (records, applied, decided):
            random.shuffle(rows)
        assert gather(a_world(*records, applied=applied, decided=decided)) == expected

    @settings(max_examples=8)
    @given(st.lists(st.tuples(st.floats(-2e3, 2e3), st.floats(-2e3, 2e3)), max_size=6))
    def test_records_are_sorted_and_each_lies_within_its_distance(
        self, offsets: list[tuple[float, float]]
    ) -> None:
        rows = [
            a_sinkhole(C[0] + east_m, C[1] + north_m, sinkhole_id=f"S{n}")
            for n, (east_m, north_m) in enumerate(offsets)
        ]
        found = gather(a_world(*rows)).records
        within = [math.hypot(*offset) - 7.5 <= 1_000.0005 for offset in offsets]
        assert len(found) == sum(within)
        assert [r.distance_m for r in found] == sorted(r.distance_m for r in found)
        assert [r.number for r in found] == list(range(1, len(found) + 1))
        for record in found:
            assert record.position is not None
            assert record.position.x % 50 == record.position.y % 50 == 0


# ── Words ────────────────────────────────────────────────────────────────────────────────────────


class TestWords:
    def test_a_quotation_cannot_end_itself(self) -> None:
        assert words.quoted("a ”b“ c") == "“a 'b' c”"
        assert len(words.quoted("word " * 100)) <= words.QUOTED_LENGTH + 2

    def test_days_are_found_in_the_words_of_others(self) -> None:
        cases = {
            "17 February 2014": (2014, 2, 17),
            "1856 (date of the map)": (1856, 0, 0),
            "early 2012 or 2011 (inferred)": (2012, 0, 0),
            "24 October 2017 (start of the inquiry)": (2017, 10, 24),
            "2,014 t of grout, 20145": (0, 0, 0),
            "date not recorded": (0, 0, 0),
        }
        assert {text: words.latest_day(text) for text in cases} == cases

    @pytest.mark.parametrize(
        ("n", "total", "said"),
        [
            (1, 1, "the only record"),
            (1, 2, "1 of the 2 records"),
            (2, 2, "both records"),
            (3, 3, "all 3 records"),
        ],
    )
    def test_a_number_is_never_without_its_base(self, n: int, total: int, said: str) -> None:
        assert words.out_of(n, total, "record") == said


# ── Ripon ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def auction_mart(surveyed: survey.Surveyed) -> Dossier:
    sites = (assessment.place for assessment in surveyed.findings.sites)
    return gather(surveyed, next(site for site in sites if site.place_id == "auction-mart"))


class TestRipon:
    def test_the_auction_mart_reads_as_it_should(self, auction_mart: Dossier) -> None:
        assert auction_mart.title == "Old Ripon Auction Mart, North Road"
        assert auction_mart.grid_reference == "SE 315 718"
        assert auction_mart.headline == (
            "High: Class C, the gypsum belt, where gypsum is present and can dissolve (edge drawn "
            "to ± 500 m). Nearest record that counts: Magdalen's Close house collapse "
            "(17 February 2014), about 80 m (± 170 m)."
        )
        assert [record.sinkhole_id for record in auction_mart.records[:3]] == [
            "RS018",
            "RS009",
            "RS010",
        ]
        assert auction_mart.records[1].counts_text.startswith(
            "Counts in the 250 m ring, and decides the band."
        )
        assert auction_mart.weaknesses[0].startswith(
            "The record that decides the band, no. 2, “Magdalen's Close house collapse, "
            "17 February 2014”, is placed to ± 150 m and the site to ± 80 m"
        )
        assert [step.key for step in auction_mart.history][:3] == ["PC008", "PC007", "PC006"]

    def test_its_draft_tells_what_came_after_a_refusal(self, auction_mart: Dossier) -> None:
        assert "“The article gives gypsum as the ground for refusal”" in auction_mart.draft
        assert "The latest step held is “Old Ripon Auction Mart" in auction_mart.draft
        assert len(auction_mart.draft) <= auction_mart.draft_limit == 2_000

    def test_no_position_is_finer_than_the_published_ones(self, auction_mart: Dossier) -> None:
        for record in auction_mart.records:
            if record.position is not None:
                at = np.array([record.position.x, record.position.y])
                assert not (at % 50).any()

    def test_every_watched_site_can_have_a_pack(
        self, ripon: Area, surveyed: survey.Surveyed
    ) -> None:
        for assessment in surveyed.findings.sites:
            gathered = gather(surveyed, assessment.place)
            assert gathered.headline == explain.headline(assessment, ripon.parameters.table.styles)
            assert gathered.weaknesses
