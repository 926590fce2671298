from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from sinkwatch import explain
from sinkwatch.errors import SchemaError
from sinkwatch.model import Assessment, Band, Evidence, GeologyClass, PlaceKind, Reason
from tests import world
from tests.world import BANNED_WORDS, MIDDLES, A, B, C, a_place, a_sinkhole, inventory, strips

if TYPE_CHECKING:
    from sinkwatch.explain import Knowledge
    from sinkwatch.model import Place

EDITIONS = ("Indicative gypsum zones: edition 1.0.", "Recorded sinkholes: edition 2026-11-22.")


def knowledge_of(*records: dict[str, object]) -> Knowledge:
    return explain.prepare(world.an_area(), strips(), inventory(*records), EDITIONS)


def ask(place: Place, *records: dict[str, object]) -> Assessment:
    return explain.place(knowledge_of(*records), place)


def reasons(assessment: Assessment, code: str) -> list[Reason]:
    return [reason for reason in assessment.reasons if reason.code == code]


def only(assessment: Assessment, code: str) -> Reason:
    (reason,) = reasons(assessment, code)
    return reason


def codes(assessment: Assessment) -> list[str]:
    return [reason.code for reason in assessment.reasons]


def a_site(west: float, south: float, east: float, north: float) -> Place:
    return a_place(
        (west + east) / 2,
        (south + north) / 2,
        geometry=shapely.box(west, south, east, north),
        position_uncertainty_m=5.0,
        basis="site boundary",
    )


# ── Ground ───────────────────────────────────────────────────────────────────────────────────────


def test_the_ground_is_named_with_how_well_its_edge_is_known() -> None:
    ground = only(ask(a_place(*C)), "ground")
    assert ground.text == "Class C, the gypsum belt (edge drawn to ± 500 m)."
    assert ground.facts == {
        "class": "C",
        "zone_id": "C-strip",
        "title": "Zone C-strip",
        "position_uncertainty_m": 500.0,
    }


def test_a_place_beyond_the_layer_is_said_to_be_so_either_way() -> None:
    found = ask(a_place(*MIDDLES["outside"]))
    assert found.band is Band.NOT_ASSESSED
    assert only(found, "ground").text == (
        "Outside the geology that sinkwatch holds for Smallworld, "
        "so nothing can be said either way."
    )
    assert codes(found) == ["ground", "no_record", "density", "position", "edition", "edition"]


def test_near_a_line_the_reason_names_it_with_distance_and_the_worse_uncertainty() -> None:
    found = ask(a_place(20_600, 5_000))
    assert (found.geology, found.scored_as) == (GeologyClass.B, GeologyClass.C)
    boundary = only(found, "boundary")
    assert boundary.text == (
        "B/C boundary: the place lies on class B ground, but the line is about 600 m (± 750 m) "
        "away, closer than it is known; scored as class C."
    )
    assert boundary.facts == {"distance_m": 600.0, "uncertainty_m": 750.0}
    assert only(found, "ground").text.startswith("Scored as class C, the gypsum belt (edge")


def test_far_from_any_line_there_is_no_boundary_to_speak_of() -> None:
    assert not reasons(ask(a_place(*A)), "boundary")


def test_a_site_lists_the_share_of_its_ground_in_each_band() -> None:
    found = ask(a_site(9_000, 4_900, 10_100, 5_100))
    shares = only(found, "shares")
    assert shares.text == (
        "A site has the highest band that any of its ground has. "
        "Share in each: 55% moderate, 45% none identified."
    )
    assert shares.facts == {
        "moderate": pytest.approx(0.5455, abs=1e-3),
        "none_identified": pytest.approx(0.4545, abs=1e-3),
    }
    assert found.shares.keys() == {Band.MODERATE, Band.NONE_IDENTIFIED}
    assert not reasons(found, "boundary")


def test_a_sliver_of_a_site_is_under_one_per_cent_and_not_nothing() -> None:
    found = ask(a_site(5_000, 4_900, 9_501, 5_000))
    assert found.band is Band.MODERATE
    assert "under 1% moderate, 100% none identified" in only(found, "shares").text


def test_a_site_wholly_within_a_lines_uncertainty_says_so() -> None:
    found = ask(a_site(20_600, 4_900, 20_700, 5_000))
    assert only(found, "boundary").facts == {"distance_m": 600.0, "uncertainty_m": 750.0}


def test_a_site_whose_boundary_crosses_itself_is_refused() -> None:
    bow_tie = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    with pytest.raises(SchemaError, match="site boundary"):
        ask(a_place(5, 5, geometry=bow_tie))


# ── Records that count ───────────────────────────────────────────────────────────────────────────


def test_a_record_that_counts_is_told_with_date_source_distance_and_ring() -> None:
    found = ask(a_place(*C), a_sinkhole(C[0], C[1] + 200, position_uncertainty_m=20.0))
    sinkhole = only(found, "sinkhole")
    assert sinkhole.text == (
        "Mill Lane hole, 17 February 2014 (confirmed): about 190 m (± 25 m) to the north; "
        "counts in the 250 m ring. Source: The Smallworld Gazette."
    )
    assert sinkhole.facts == {
        "sinkhole_id": "S1",
        "name": "Mill Lane hole",
        "date": "17 February 2014",
        "evidence": "confirmed",
        "distance_m": 192.5,
        "uncertainty_m": 22.36,
        "about": "about 190 m (± 25 m)",
        "source_title": "The Smallworld Gazette",
        "source_url": "https://gazette.example/hole",
        "ring_m": 250.0,
        "decides": True,
    }
    assert (found.sinkhole_id, found.distance_m) == ("S1", 192.5)
    assert found.distance_uncertainty_m == pytest.approx(22.361)


def test_if_the_uncertainty_reaches_into_other_rings_the_reason_says_so() -> None:
    near = ask(a_place(*C), a_sinkhole(C[0] + 60, C[1], position_uncertainty_m=40.0))
    assert ", though it may have been within 50 m or as far as 250 m. Source" in (
        only(near, "sinkhole").text
    )
    far = ask(a_place(*C), a_sinkhole(C[0] + 490, C[1], position_uncertainty_m=300.0))
    assert ", though it may have been within 250 m or more than 500 m away. Source" in (
        only(far, "sinkhole").text
    )


def test_nearer_than_its_uncertainty_a_record_has_no_direction() -> None:
    close = ask(a_place(*C), a_sinkhole(C[0] + 100, C[1], position_uncertainty_m=150.0))
    assert "about 90 m (± 160 m); counts" in only(close, "sinkhole").text
    clear = ask(a_place(*C), a_sinkhole(C[0] + 200, C[1], position_uncertainty_m=150.0))
    assert "about 190 m (± 160 m) to the east; counts" in only(clear, "sinkhole").text


def test_from_a_site_a_record_has_no_direction() -> None:
    found = ask(a_site(14_900, 4_900, 15_000, 5_000), a_sinkhole(15_200, 5_000))
    assert "about 190 m (± 15 m); counts in the 250 m ring" in only(found, "sinkhole").text


def test_the_records_come_nearest_ring_first_and_one_decides() -> None:
    found = ask(
        a_place(*C),
        a_sinkhole(C[0] + 20, C[1], sinkhole_id="vague", position_uncertainty_m=300.0),
        a_sinkhole(C[0] + 240, C[1], sinkhole_id="exact"),
        a_sinkhole(C[0] + 240, C[1], sinkhole_id="exact-too"),
    )
    told = reasons(found, "sinkhole")
    assert [reason.facts["sinkhole_id"] for reason in told] == ["exact", "exact-too", "vague"]
    assert [reason.facts["decides"] for reason in told] == [True, False, False]


def test_a_record_without_a_link_has_an_empty_one() -> None:
    found = ask(a_place(*C), a_sinkhole(*C, source_url=None))
    assert only(found, "sinkhole").facts["source_url"] == ""


def test_outside_the_layer_a_near_record_is_listed_and_not_scored() -> None:
    outside = MIDDLES["outside"]
    found = ask(a_place(*outside), a_sinkhole(outside[0] + 30, outside[1]))
    assert found.band is Band.NOT_ASSESSED
    assert "listed, not scored, in the 50 m ring" in only(found, "sinkhole").text
    assert (found.sinkhole_id, found.distance_m) == ("S1", 22.5)


def test_no_record_is_an_absence_of_records_and_never_of_hazard() -> None:
    found = ask(a_place(*B))
    assert only(found, "no_record").text == (
        "Within 500 m: no records in the data we hold that count here."
    )
    assert (found.sinkhole_id, found.distance_m, found.distance_uncertainty_m) == (None, None, None)


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (0, "0 distinct recorded features within 500 m. "),
        (1, "1 distinct recorded feature within 500 m. "),
        (2, "2 distinct recorded features within 500 m. "),
    ],
)
def test_the_number_of_features_is_given_and_said_not_to_be_scored(n: int, expected: str) -> None:
    found = ask(a_place(*C), *(a_sinkhole(*C, sinkhole_id=f"S{i}") for i in range(n)))
    density = only(found, "density")
    assert density.text == (
        f"{expected}The number is not scored: records follow where people look."
    )
    assert density.facts == {"n_features": n}


# ── Records left out, and why ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("away_m", "changes", "why"),
    [
        (
            30,
            {"counts": False, "counts_reason": "Not counted: it describes the ground."},
            "Not counted: it describes the ground",
        ),
        (
            30,
            {"evidence": "not_an_event", "evidence_reason": "Peat, and no collapse."},
            "Peat, and no collapse",
        ),
        (
            607.5,
            {"position_uncertainty_m": 900.0},
            "somewhere within about 1,500 m, known only to ± 950 m, wider than the 500 m ring",
        ),
        (
            407.5,
            {"evidence": "possible"},
            (
                "about 400 m (± 15 m), but only a possible record, which counts one ring further "
                "out, beyond 500 m"
            ),
        ),
        (
            607.5,
            {"position_uncertainty_m": 150.0},
            "about 600 m (± 160 m), beyond the 500 m ring",
        ),
        (
            607.5,
            {"position_uncertainty_m": 150.0, "evidence": "possible"},
            "about 600 m (± 160 m), beyond the 500 m ring",
        ),
    ],
    ids=["not counted", "no event", "too vague", "possible", "beyond", "possible beyond"],
)
def test_a_record_left_out_is_told_with_the_reason(
    away_m: float, changes: dict[str, object], why: str
) -> None:
    found = ask(a_place(*C), a_sinkhole(C[0] + away_m, C[1], **changes))
    left_out = only(found, "left_out")
    assert left_out.text == (
        f"Left out: Mill Lane hole, 17 February 2014. {why[0].upper()}{why[1:]}. "
        "Source: The Smallworld Gazette."
    )
    assert left_out.facts["why"] == why
    assert left_out.facts["distance_m"] == away_m - 7.5
    assert found.sinkhole_id is None
    assert not reasons(found, "sinkhole")


def test_a_record_known_only_to_5_km_is_listed_wherever_it_may_be_near() -> None:
    somewhere = {"position_uncertainty_m": 5_000.0, "counts": False}
    assert reasons(ask(a_place(*C), a_sinkhole(C[0] + 4_000, C[1], **somewhere)), "left_out")
    assert not reasons(ask(a_place(*C), a_sinkhole(C[0] + 6_000, C[1], **somewhere)), "left_out")


def test_a_record_that_cannot_be_near_is_not_listed_at_all() -> None:
    found = ask(a_place(*C), a_sinkhole(C[0] + 600, C[1]))
    assert not reasons(found, "left_out")


def test_the_records_left_out_come_nearest_first() -> None:
    found = ask(
        a_place(*C),
        a_sinkhole(C[0] + 300, C[1], sinkhole_id="S1", counts=False),
        a_sinkhole(C[0] + 100, C[1], sinkhole_id="S2", counts=False),
    )
    assert [r.facts["sinkhole_id"] for r in reasons(found, "left_out")] == ["S2", "S1"]


# ── Disagreement, position, editions ─────────────────────────────────────────────────────────────


def test_ground_and_record_that_disagree_are_said_to_want_checking() -> None:
    found = ask(a_place(*A), a_sinkhole(*A))
    assert found.check_record
    assert only(found, "conflict").text == (
        "Check the record: it does not fit this ground (no gypsum known beneath). The line, the "
        "record's place or what it is put down to may be wrong."
    )
    assert not reasons(ask(a_place(*C), a_sinkhole(*C)), "conflict")


def test_how_the_position_is_known_is_part_of_the_answer() -> None:
    position = only(ask(a_place(*C, position_uncertainty_m=71.0)), "position")
    assert position.text == "Position of Mill Lane: published grid reference (± 75 m)."
    assert position.facts == {"position_uncertainty_m": 71.0}


def test_every_edition_used_is_named_last() -> None:
    found = ask(a_place(*C))
    assert tuple(reason.text for reason in found.reasons[-2:]) == EDITIONS


def test_without_editions_none_is_named() -> None:
    knowledge = explain.prepare(world.an_area(), strips(), inventory())
    assert not reasons(explain.place(knowledge, a_place(*C)), "edition")


def test_a_place_outside_what_is_held_is_not_assessed() -> None:
    place = a_place(None, None, kind=PlaceKind.POSTCODE, label="YO1 7HH")
    found = ask(place, a_sinkhole(*C))
    assert (found.band, found.geology, found.n_features) == (
        Band.NOT_ASSESSED,
        GeologyClass.OUTSIDE,
        0,
    )
    assert only(found, "ground").text == (
        "YO1 7HH lies outside the ground that sinkwatch holds for Smallworld, "
        "so nothing can be said either way."
    )
    assert codes(found) == ["ground", "edition", "edition"]


def test_an_application_that_nobody_mapped_is_not_said_to_lie_elsewhere() -> None:
    place = a_place(
        None,
        None,
        kind=PlaceKind.APPLICATION,
        label="application 26/00002/FUL",
        basis="no position is given",
    )
    assert only(ask(place), "ground").text == (
        "The position of application 26/00002/FUL is not known (no position is given), "
        "so nothing can be said either way."
    )


# ── Flags and headlines ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("place", "away_m", "flagged"),
    [
        (C, 57.5, True),  # Very High
        (C, 257.5, True),  # High
        (C, 267.5, False),  # Moderate, and 260 m away
        (A, 257.5, True),  # Low, but 250 m from a counted record
        (A, 267.5, False),
        (MIDDLES["outside"], 257.5, True),  # not assessed, but near a counted record
    ],
)
def test_a_place_is_flagged_by_its_band_or_by_a_near_record(
    place: tuple[float, float],
    away_m: float,
    flagged: bool,  # noqa: FBT001 - the expected value
) -> None:
    found = ask(a_place(*place), a_sinkhole(place[0] + away_m, place[1]))
    assert explain.is_flagged(found, world.parameters()) is flagged


def test_a_place_is_flagged_by_its_band_alone() -> None:
    high = replace(ask(a_place(*C)), band=Band.HIGH)
    assert explain.is_flagged(high, world.parameters())
    assert not explain.is_flagged(ask(a_place(*C)), world.parameters())


@pytest.mark.parametrize(
    ("place", "away_m", "expected"),
    [
        (
            C,
            87.5,
            (
                "High: Class C, the gypsum belt (edge drawn to ± 500 m). Nearest record that "
                "counts: Mill Lane hole (17 February 2014), about 80 m (± 15 m)."
            ),
        ),
        (C, 5_000, "Moderate: Class C, the gypsum belt (edge drawn to ± 500 m)."),
        (
            MIDDLES["outside"],
            27.5,
            (
                "Not assessed: Outside the geology that sinkwatch holds for Smallworld, so nothing "
                "can be said either way. Nearest record: Mill Lane hole (17 February 2014), about "
                "20 m (± 15 m)."
            ),
        ),
    ],
    ids=["with a record", "without", "outside"],
)
def test_the_headline_says_band_ground_and_nearest_record(
    place: tuple[float, float], away_m: float, expected: str
) -> None:
    found = ask(a_place(*place), a_sinkhole(place[0] + away_m, place[1]))
    assert explain.headline(found, world.band_table().styles) == expected


def test_the_headline_nests_no_brackets() -> None:
    record = a_sinkhole(C[0] + 87.5, C[1], date_text="1856 (date of the map)")
    said = explain.headline(ask(a_place(*C), record), world.band_table().styles)
    assert "Mill Lane hole (1856, date of the map), about 80 m" in said


def test_the_headline_calls_no_record_the_nearest_that_a_merely_possible_one_lies_nearer_than() -> (
    None
):
    sure = a_sinkhole(C[0] + 87.5, C[1], sinkhole_id="S1", feature_id="F1")
    nearer = a_sinkhole(
        C[0] + 67.5, C[1], sinkhole_id="S2", feature_id="F2", evidence=Evidence.POSSIBLE
    )
    said = explain.headline(ask(a_place(*C), sure, nearer), world.band_table().styles)
    assert "Record that decides: Mill Lane hole (17 February 2014), about 80 m" in said


# ── Laws ─────────────────────────────────────────────────────────────────────────────────────────


@st.composite
def any_records(draw: st.DrawFn) -> list[dict[str, object]]:
    return [
        a_sinkhole(
            draw(st.integers(-1_000, 31_000)),
            draw(st.integers(-1_000, 11_000)),
            sinkhole_id=f"S{number}",
            evidence=draw(st.sampled_from(list(Evidence))).value,
            counts=draw(st.booleans()),
            position_uncertainty_m=draw(st.sampled_from([10.0, 150.0, 400.0, 900.0, 5_000.0])),
            length_m=draw(st.sampled_from([math.nan, 20.0])),
            source_url=draw(st.sampled_from([None, "https://gazette.example/"])),
        )
        for number in range(draw(st.integers(0, 5)))
    ]


@st.composite
def any_place(draw: st.DrawFn, records: list[dict[str, object]]) -> Place:
    """Half the places lie near a record, since most of the plane is empty."""
    centres = [(r["easting"], r["northing"]) for r in records] + list(MIDDLES.values())
    easting, northing = draw(st.sampled_from(centres))
    easting += draw(st.integers(-700, 700))
    place = a_place(easting, northing, position_uncertainty_m=draw(st.sampled_from([10.0, 100.0])))
    if draw(st.booleans()):
        return place
    width_m = draw(st.integers(10, 1_000))
    square = shapely.box(easting, northing, easting + width_m, northing + width_m)
    return replace(place, geometry=square)


@settings(max_examples=40)
@given(st.data())
def test_whatever_is_found_the_reasons_are_whole_plain_and_claim_nothing(
    data: st.DataObject,
) -> None:
    records = data.draw(any_records())
    place = data.draw(any_place(records))
    found = ask(place, *records)
    styles = world.band_table().styles
    for text in [reason.text for reason in found.reasons] + [explain.headline(found, styles)]:
        assert text.endswith(".")
        assert not [word for word in BANNED_WORDS if word in text.lower()]
        assert not re.search(r"\bnan|None(?! identified)|\binf\b|\.\.|  ", text)
    assert json.loads(json.dumps([dict(reason.facts) for reason in found.reasons]))
    assert codes(found).count("ground") == 1
    # Every record is told at most once, and the one that decides is told as such.
    told = [
        reason.facts["sinkhole_id"] for reason in found.reasons if "sinkhole_id" in reason.facts
    ]
    assert len(told) == len(set(told))
    deciding = [reason for reason in found.reasons if reason.facts.get("decides")]
    assert [reason.facts["sinkhole_id"] for reason in deciding] == (
        [] if found.sinkhole_id is None else [found.sinkhole_id]
    )
    assert bool(reasons(found, "no_record")) == (found.sinkhole_id is None)
    assert all("±" in str(reason.facts["about"]) for reason in reasons(found, "sinkhole"))


@settings(max_examples=20)
@given(st.data())
def test_the_order_of_zones_and_records_changes_no_word(data: st.DataObject) -> None:
    records = data.draw(any_records())
    place = data.draw(any_place(records))
    shuffled = inventory(*data.draw(st.permutations(records)))
    backwards = strips().iloc[::-1]
    again = explain.place(explain.prepare(world.an_area(), backwards, shuffled, EDITIONS), place)
    assert again == ask(place, *records)
