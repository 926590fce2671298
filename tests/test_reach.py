"""Beyond the reach of a change no answer differs; within it, what is near is enough to ask."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from sinkwatch import assess
from sinkwatch.assess import reach as of_reach
from tests.test_assess import (
    LAW,
    Point,
    arrays,
    hazard_of,
    loose_shapes,
    points_of,
    record_rows,
    worlds,
)
from tests.world import A, C, a_sinkhole, a_zone, ground, strips

if TYPE_CHECKING:
    import geopandas as gpd

Record = dict[str, Any]


def told(hazard: assess.Hazard, found: assess.Assessed) -> list[tuple[object, ...]]:
    """Answers row by row, with records by their ids: their numbers are each hazard's own."""
    ids = np.array([*hazard.sinkhole_ids, ""])[found.sinkhole]
    columns = [getattr(found, field.name) for field in fields(found) if field.name != "sinkhole"]
    numbers = [np.nan_to_num(column, nan=-1.0).tolist() for column in columns]
    return list(zip(*numbers, ids.tolist(), strict=True))


def asked(hazard: assess.Hazard, points: list[Point]) -> list[tuple[object, ...]]:
    easting, northing, known_m = arrays(points)
    return told(hazard, assess.points(hazard, easting, northing, known_m))


def held(reach: assess.Reach, points: list[Point]) -> list[bool]:
    easting, northing, _ = arrays(points)
    return [bool(is_held) for is_held in reach.holds(easting, northing)]


def a_change(of: str = "S1", **attributes: object) -> assess.Reach:
    """What one record reaches that has changed, in the hand-drawn world."""
    record = a_sinkhole(*C, sinkhole_id=of, length_m=20.0)
    return assess.difference(hazard_of(record), hazard_of(record | attributes))


# ── Laws ─────────────────────────────────────────────────────────────────────────────────────


@st.composite
def changed_zones(draw: st.DrawFn, zones: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Zones of which a few came, went, moved, or are another class or known otherwise."""
    rows: list[Record] = [dict(row) for row in zones.to_dict("records")]
    for change in draw(
        st.lists(st.sampled_from(["go", "move", "redraw", "class", "doubt", "come"]), max_size=2)
    ):
        row = draw(st.sampled_from(rows)) if rows else {}
        rows = [other for other in rows if other is not row]
        name, shape = row.get("zone_id", "Z9"), row.get("geometry", shapely.box(0, 0, 900, 900))
        geology, doubt_m = draw(st.sampled_from("ABC")), row.get("position_uncertainty_m", 100)
        if change == "come":
            rows += [row] if row else []
            name, shape = "Z00", draw(loose_shapes())
            rows = [other for other in rows if other["zone_id"] != name]
        if change == "move":
            shape = shapely.transform(shape, lambda at: at + draw(st.sampled_from([0.5, 100.0])))
        if change == "redraw":
            shape = draw(st.sampled_from([shapely.segmentize(shape, 170.0), draw(loose_shapes())]))
        if change == "doubt":
            doubt_m = draw(st.sampled_from([50, 300, 500]))
        if change != "class":
            geology = row.get("source_class", geology)
        if change != "go":
            rows.append(a_zone(name, geology, shape, uncertainty_m=doubt_m))
    return ground(
        *({name: row[name] for name in a_zone("X", "A", shapely.box(0, 0, 1, 1))} for row in rows)
    )


@st.composite
def changed_records(draw: st.DrawFn, records: list[dict[str, object]]) -> list[Record]:
    """Records of which a few came, went, or have another place, size or standing."""
    rows: list[Record] = list(records)
    for change in draw(st.lists(st.sampled_from(["go", "move", "come", "anything"]), max_size=3)):
        row = draw(st.sampled_from(rows)) if rows else draw(record_rows(9))
        rows = [other for other in rows if other is not row]
        if change == "come":
            another = draw(record_rows(9)) | {
                "sinkhole_id": draw(st.sampled_from(["S", "S31", "T"]))
            }
            rows = [
                other for other in [*rows, row] if other["sinkhole_id"] != another["sinkhole_id"]
            ]
            rows.append(another)
        if change == "move":
            by_m = draw(st.sampled_from([0.25, 40.0, 3_000.0]))
            rows.append(row | {"easting": row["easting"] + by_m})
        if change == "anything":
            rows.append(draw(record_rows(9)) | {"sinkhole_id": row["sinkhole_id"]})
    return rows


@st.composite
def changes(draw: st.DrawFn) -> tuple[assess.Hazard, assess.Hazard, list[Point]]:
    zones, records, points = draw(worlds())
    after = draw(changed_records(records))
    before = hazard_of(*records, zones=zones)
    now = hazard_of(*after, zones=draw(changed_zones(zones)))
    return before, now, [*points, *draw(points_of(after))]


@settings(LAW, max_examples=40)
@given(changes())
def test_beyond_reach_no_answer_differs_and_within_it_what_is_near_says_all(
    drawn: tuple[assess.Hazard, assess.Hazard, list[Point]],
) -> None:
    before, now, points = drawn
    reach = assess.difference(before, now)
    within = np.array(held(reach, points))
    easting, northing, known_m = (axis[within] for axis in arrays(points))
    assert set(assess.squares_of(easting, northing)) <= set(reach.squares)
    near = assess.index_within(now, reach)
    anew = told(near.hazard, assess.points(near.hazard, easting, northing, known_m, near))
    updated = asked(before, points)
    for row, answer in zip(np.flatnonzero(within), anew, strict=True):
        updated[row] = answer
    assert updated == asked(now, points)


# ── Records ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "attributes",
    [
        {"length_m": 10.0},
        {"position_uncertainty_m": 200.0},
        {"evidence": "possible"},
        {"counts": False},
        {"evidence": "not_an_event"},
    ],
)
def test_a_record_that_differs_matters_as_far_as_it_reaches(attributes: Record) -> None:
    reach = a_change(**attributes)
    # To the last ring, from the edge of a hole of 20 m; a little more than that is asked again.
    assert held(reach, [(C[0] + 510, C[1], 10), (C[0], C[1] - 510.03, 10)]) == [True, False]


def test_a_record_that_moved_matters_where_it_was_and_where_it_is() -> None:
    places = [(*C, 10.0), (C[0] + 2_000, C[1], 10.0), (C[0] + 1_000, C[1], 10.0)]
    assert held(a_change(easting=C[0] + 2_000), places) == [True, True, False]


def test_a_record_that_came_or_went_matters() -> None:
    with_it, without = hazard_of(a_sinkhole(*C)), hazard_of()
    for before, now in ((with_it, without), (without, with_it)):
        assert held(assess.difference(before, now), [(*C, 10), (*A, 10)]) == [True, False]


def test_what_does_not_decide_or_does_not_count_is_no_difference() -> None:
    for same in ({"name": "Another"}, {"depth_m": 3.0}, {"width_m": 12.0}):
        assert not len(a_change(**same).shapes)
    uncounted = hazard_of(a_sinkhole(*C, counts=False))
    assert not len(assess.difference(uncounted, hazard_of(a_sinkhole(*A, counts=False))).shapes)


def test_numbers_of_records_and_features_may_change_without_a_difference() -> None:
    rows = [
        a_sinkhole(C[0] + 100 * n, C[1], sinkhole_id=f"S{n}", feature_id=f"f{n // 2}")
        for n in range(4)
    ]
    another = a_sinkhole(*A, sinkhole_id="S0a", feature_id="a")  # which is before all others
    reach = assess.difference(hazard_of(*rows), hazard_of(*rows, another))
    assert held(reach, [(*A, 10), (*C, 10)]) == [True, False]


def test_records_that_are_no_longer_one_feature_matter() -> None:
    near, far = a_sinkhole(*C, feature_id="f"), a_sinkhole(*A, sinkhole_id="S2", feature_id="f")
    reach = assess.difference(hazard_of(near, far), hazard_of(near, far | {"feature_id": "g"}))
    assert held(reach, [(*A, 10), (*C, 10)]) == [True, False]


# ── Zones ────────────────────────────────────────────────────────────────────────────────────


def redrawn(**shapes: shapely.Geometry) -> assess.Reach:
    """What it reaches if strips of the hand-drawn world get other outlines."""
    held = strips()
    outlines = zip(held["zone_id"], held.geometry, strict=True)
    now = held.set_geometry([shapes.get(name[0], shape) for name, shape in outlines], crs=held.crs)
    return assess.difference(hazard_of(), hazard_of(zones=now))


def test_an_outline_matters_where_it_differs_and_as_far_as_any_line_is_uncertain() -> None:
    reach = redrawn(A=shapely.box(-1_000, 0, 10_000, 10_000))
    places = [(east, 5_000.0, 10.0) for east in (-1_750.0, -1_750.5, 750.0, 750.5)]
    assert held(reach, places) == [True, False, True, False]


def test_many_outlines_that_differ_matter_as_wholes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_reach, "_MOST_REDRAWN", 0)
    reach = redrawn(A=shapely.box(-1_000, 0, 10_000, 10_000))
    assert held(reach, [(*A, 10), (*C, 10)]) == [True, False]


def test_the_same_ground_by_other_lines_is_asked_again_only_beside_them() -> None:
    reach = redrawn(A=shapely.Polygon([(0, 0), (0, 10_000), (10_000, 10_000), (10_000, 0), (3, 0)]))
    assert held(reach, [(5_000, 100, 10), (*A, 10)]) == [True, False]


def test_the_same_outline_read_again_is_no_difference() -> None:
    assert not len(assess.difference(hazard_of(), hazard_of(zones=strips())).shapes)


@pytest.mark.parametrize("change", [{"geology_class": 2}, {"position_uncertainty_m": 400.0}])
def test_a_zone_of_another_class_or_doubt_matters_as_a_whole(change: Record) -> None:
    now = strips()
    for name, value in change.items():
        now.loc[now["zone_id"] == "A-strip", name] = value
    reach = assess.difference(hazard_of(), hazard_of(zones=now))
    assert held(reach, [(*A, 10), (10_750, 5_000, 10), (*C, 10)]) == [True, True, False]


def test_a_zone_that_came_or_went_matters_as_a_whole() -> None:
    fewer = hazard_of(zones=strips().iloc[1:])
    for before, now in ((hazard_of(), fewer), (fewer, hazard_of())):
        assert held(assess.difference(before, now), [(*A, 10), (*C, 10)]) == [True, False]


# ── All else ─────────────────────────────────────────────────────────────────────────────────


def test_another_table_or_rings_matter_everywhere() -> None:
    before = hazard_of(a_sinkhole(*C))
    places = [(*A, 10.0), (1e7, -1e7, 10.0), (np.nan, 0.0, 10.0)]
    for change in (
        {"rings_m": before.rings_m + 1},
        {"bands": before.bands[::-1]},
        {"check_record": ~before.check_record},
    ):
        now = replace(before, **change)
        reach = assess.difference(before, now)
        assert held(reach, places) == [True, True, False]
        assert assess.index_within(now, reach).hazard is now


def test_ids_that_stand_for_several_matter_everywhere() -> None:
    before = hazard_of(a_sinkhole(*C), a_sinkhole(*C, sinkhole_id="S2"))
    twice = replace(before, sinkhole_ids=np.array(["S1", "S1"], dtype=object))
    assert assess.difference(before, twice).everywhere


def test_what_is_the_same_array_is_not_looked_at() -> None:
    hazard = hazard_of(a_sinkhole(*C))
    reach = assess.difference(hazard, hazard)
    assert held(reach, [(*C, 10), (np.nan, 0, 10)]) == [False, False]
    assert not len(assess.index_within(hazard, reach).hazard.counts)


def test_many_changes_are_asked_of_all_that_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    before, now = hazard_of(a_sinkhole(*C)), hazard_of(a_sinkhole(*A))
    reach = assess.difference(before, now)
    assert assess.index_within(now, reach).hazard is not now
    monkeypatch.setattr(of_reach, "_MOST_CUT", 1)
    assert assess.index_within(now, reach).hazard is now


def test_squares_are_numbered_from_the_south_west_and_end_far_beyond_the_map() -> None:
    easting = np.array([0.0, 999.9, 1_000.0, -0.1, np.nan, 1e12, 0.0])
    northing = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1_000.0])
    origin = (2**15 << 16) + 2**15
    expected = [origin - 1, origin, origin + 1, (2**15 << 16) + 2**16 - 1, origin + 2**16]
    assert assess.squares_of(easting, northing).tolist() == expected
