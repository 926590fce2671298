from __future__ import annotations

import itertools
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from sinkwatch import assess, geo, grid, schemas
from sinkwatch.errors import SchemaError
from sinkwatch.model import Band, Evidence, GeologyClass
from tests import world
from tests.reference import Answer, Reference
from tests.world import MIDDLES, A, B, C, a_sinkhole, a_zone, ground, inventory, strips

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from sinkwatch.model import Parameters

Point = tuple[float, float, float]


def hazard_of(*records: dict[str, object], zones: gpd.GeoDataFrame | None = None) -> assess.Hazard:
    ground_frame = strips() if zones is None else zones
    return assess.prepare(ground_frame, inventory(*records), world.parameters())


def arrays(points: list[Point]) -> tuple[NDArray[np.float64], ...]:
    columns = np.array(points, dtype=np.float64).reshape(-1, 3)
    return columns[:, 0], columns[:, 1], columns[:, 2]


def answers(hazard: assess.Hazard, points: list[Point]) -> list[Answer]:
    """What the kernel says, in the words of the reference."""
    easting, northing, uncertainty_m = arrays(points)
    found = assess.points(hazard, easting, northing, uncertainty_m)
    ground_there = assess.ground(hazard, easting, northing)
    return [_answer(hazard, found, ground_there, row) for row in range(len(points))]


def _answer(
    hazard: assess.Hazard, found: assess.Assessed, there: assess.Ground, row: int
) -> Answer:
    zone, sinkhole, ring = (int(a[row]) for a in (there.zone, found.sinkhole, found.ring))
    decides = sinkhole != assess.NONE
    raised = found.scored_as[row] > found.geology[row]
    return Answer(
        band=Band(int(found.band[row])),
        geology=GeologyClass(int(found.geology[row])),
        scored_as=GeologyClass(int(found.scored_as[row])),
        zone_id=None if zone == assess.NONE else hazard.zone_ids[zone],
        boundary_m=float(there.boundary_m[row]) if raised else None,
        boundary_uncertainty_m=float(there.boundary_uncertainty_m[row]) if raised else None,
        ring_m=float(hazard.rings_m[ring]) if decides else None,
        sinkhole_id=hazard.sinkhole_ids[sinkhole] if decides else None,
        distance_m=float(found.distance_m[row]) if decides else None,
        uncertainty_m=float(found.uncertainty_m[row]) if decides else None,
        n_features=int(found.n_features[row]),
        check_record=bool(found.check_record[row]),
    )


def one(hazard: assess.Hazard, easting: float, northing: float, uncertainty_m: float) -> Answer:
    return answers(hazard, [(easting, northing, uncertainty_m)])[0]


# ── The test vectors, as written ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("ground_class", "centre_m", "radius_m", "known_m", "expected"),
    [
        ("C", 40, 7.5, (15, 10), (32.5, 18.0, 50, Band.VERY_HIGH, False)),
        ("C", 120, 7.5, (100, 10), (112.5, 100.5, 250, Band.HIGH, False)),
        ("C", 30, 7.5, (400, 10), (22.5, 400.1, 500, Band.MODERATE, False)),
        ("C", 57.5, 7.5, (10, 10), (50.0, 14.1, 50, Band.VERY_HIGH, False)),
        ("B", 60, 10, (10, 10), (50.0, 14.1, 50, Band.HIGH, False)),
        ("A", 45, 7.5, (10, 10), (37.5, 14.1, 50, Band.MODERATE, True)),
        ("outside", 30, 7.5, (10, 10), (22.5, 14.1, 50, Band.NOT_ASSESSED, False)),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else None,
)
def test_the_test_vectors_come_out_as_written(
    ground_class: str,
    centre_m: float,
    radius_m: float,
    known_m: tuple[float, float],
    expected: tuple[float, float, float, Band, bool],
) -> None:
    easting, northing = MIDDLES[ground_class]
    record_m, address_m = known_m
    record = a_sinkhole(
        easting + centre_m,
        northing,
        length_m=2 * radius_m,
        position_uncertainty_m=record_m,
    )
    found = one(hazard_of(record), easting, northing, address_m)
    assert found.sinkhole_id == "S1"
    assert found.distance_m is not None
    assert found.uncertainty_m is not None
    assert (
        found.distance_m,
        round(found.uncertainty_m, 1),
        found.ring_m,
        found.band,
        found.check_record,
    ) == expected


def test_a_place_in_a_300_m_from_c_is_scored_as_c_and_says_which_line() -> None:
    found = one(hazard_of(), 9_700, 5_000, 10)
    assert (found.geology, found.scored_as, found.band) == (
        GeologyClass.A,
        GeologyClass.C,
        Band.MODERATE,
    )
    assert (found.boundary_m, found.boundary_uncertainty_m) == (300, 500)
    assert found.zone_id == "C-strip"


# ── The hand-drawn world ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("easting", "geology", "scored_as", "boundary_m"),
    [
        (9_499.99, "A", "A", None),  # 500.01 m from C: beyond the line's ± 500 m
        (9_500, "A", "C", 500),  # the edge of the tolerance counts as inside
        (9_999, "A", "C", 1),
        (10_000, "C", "C", None),  # on the shared line: the higher class holds it
        (20_000, "C", "C", None),
        (20_000.01, "B", "C", 0.01),
        (20_600, "B", "C", 600),  # 600 m: C is drawn to ± 500 m, but B only to ± 750 m
        (20_750, "B", "C", 750),
        (20_750.01, "B", "B", None),
        (-0.01, "OUTSIDE", "OUTSIDE", None),  # outside is never raised, however near a line
        (30_000.01, "OUTSIDE", "OUTSIDE", None),
    ],
)
def test_each_stretch_of_the_hand_drawn_world(
    easting: float, geology: str, scored_as: str, boundary_m: float | None
) -> None:
    found = one(hazard_of(), easting, 5_000, 10)
    assert (found.geology.name, found.scored_as.name, found.boundary_m) == (
        geology,
        scored_as,
        boundary_m,
    )


@pytest.mark.parametrize(
    ("ground_class", "bands"),
    [
        ("C", (Band.VERY_HIGH, Band.HIGH, Band.MODERATE, Band.MODERATE)),
        ("B", (Band.HIGH, Band.MODERATE, Band.LOW, Band.LOW)),
        ("A", (Band.MODERATE, Band.LOW, Band.NONE_IDENTIFIED, Band.NONE_IDENTIFIED)),
        ("outside", (Band.NOT_ASSESSED,) * 4),
    ],
)
def test_the_band_table_by_class_and_ring(ground_class: str, bands: tuple[Band, ...]) -> None:
    easting, northing = MIDDLES[ground_class]
    record = hazard_of(a_sinkhole(easting, northing, length_m=0.0))
    away_m = (50.0, 250.0, 500.0, 500.01)
    found = answers(record, [(easting + d, northing, 10.0) for d in away_m])
    assert tuple(answer.band for answer in found) == bands
    assert [answer.ring_m for answer in found] == [50, 250, 500, None]


@pytest.mark.parametrize(
    ("uncertainty_m", "ring_m"), [(48, 50), (49.9, 250), (249, 250), (250, 500), (500, None)]
)
def test_a_record_counts_for_a_ring_only_if_it_is_known_that_well(
    uncertainty_m: float, ring_m: float | None
) -> None:
    record = a_sinkhole(*C, position_uncertainty_m=uncertainty_m)
    assert one(hazard_of(record), *C, 10).ring_m == ring_m


def test_a_possible_record_scores_one_ring_further_out_and_is_still_a_feature() -> None:
    near, middle, far = (
        one(hazard_of(a_sinkhole(C[0] + d, C[1], length_m=0.0, evidence="possible")), *C, 10)
        for d in (50, 250, 500)
    )
    assert [(found.ring_m, found.band) for found in (near, middle, far)] == [
        (250, Band.HIGH),
        (500, Band.MODERATE),
        (None, Band.MODERATE),
    ]
    assert (far.sinkhole_id, far.n_features) == (None, 1)


def test_a_record_that_does_not_count_and_one_that_is_no_event_are_left_aside() -> None:
    hazard = hazard_of(
        a_sinkhole(*C, sinkhole_id="S1", counts=False),
        a_sinkhole(*C, sinkhole_id="S2", evidence="not_an_event"),
    )
    found = one(hazard, *C, 10)
    assert (found.sinkhole_id, found.n_features, found.band) == (None, 0, Band.MODERATE)


def test_the_nearest_ring_decides_before_the_nearest_record() -> None:
    hazard = hazard_of(
        a_sinkhole(C[0] + 20, C[1], sinkhole_id="S1", position_uncertainty_m=300.0),
        a_sinkhole(C[0] + 200, C[1], sinkhole_id="S2"),
    )
    found = one(hazard, *C, 10)
    assert (found.sinkhole_id, found.ring_m) == ("S2", 250)


def test_equally_near_records_are_told_apart_by_their_id() -> None:
    rows = [a_sinkhole(C[0] + d, C[1], sinkhole_id=i) for d, i in ((100, "S2"), (-100, "S1"))]
    assert one(hazard_of(*rows), *C, 10).sinkhole_id == "S1"
    assert one(hazard_of(*reversed(rows)), *C, 10).sinkhole_id == "S1"


def test_records_of_one_feature_are_counted_once() -> None:
    hazard = hazard_of(
        a_sinkhole(*C, sinkhole_id="S1", feature_id="ure-bank"),
        a_sinkhole(*C, sinkhole_id="S2", feature_id="ure-bank"),
        a_sinkhole(C[0] + 300, C[1], sinkhole_id="S3", feature_id="mill-lane"),
        a_sinkhole(C[0] + 600, C[1], sinkhole_id="S4", feature_id="too-far"),
    )
    assert one(hazard, *C, 10).n_features == 2


def test_half_the_longer_side_is_the_radius_and_an_unknown_size_is_a_15_m_hole() -> None:
    frame = inventory(
        a_sinkhole(0, 0, sinkhole_id="S1", length_m=20.0, width_m=10.0),
        a_sinkhole(0, 0, sinkhole_id="S2", length_m=10.0, width_m=20.0),
        a_sinkhole(0, 0, sinkhole_id="S3", width_m=6.0),
        a_sinkhole(0, 0, sinkhole_id="S4"),
    )
    assert assess.radius_m(frame, 7.5).tolist() == [10, 10, 3, 7.5]


def test_inside_a_recorded_hole_the_distance_is_nothing() -> None:
    assert one(hazard_of(a_sinkhole(C[0] + 3, C[1])), *C, 10).distance_m == 0


def test_decimals_in_a_position_do_not_push_a_record_off_the_edge_of_a_ring() -> None:
    # In binary this record is 50.000000000001 m away, a hair outside the ring.
    assert 15_056.35 - 15_000.3 - 6.05 > 50
    record = a_sinkhole(15_056.35, 5_000, length_m=12.1)
    found = one(hazard_of(record), 15_000.3, 5_000, 10)
    assert (found.distance_m, found.ring_m) == (50, 50)


def test_overlapping_zones_give_the_higher_class_and_the_worse_line() -> None:
    # Two drawings of B overlap; the worse known decides how far the C line may be off.
    zones = ground(
        a_zone("B1-rough", "B", shapely.box(0, 0, 1_000, 1_000), uncertainty_m=700),
        a_zone("B2-fine", "B", shapely.box(0, 0, 1_000, 1_000), uncertainty_m=100),
        a_zone("C", "C", shapely.box(1_600, 0, 2_000, 1_000), uncertainty_m=50),
    )
    for frame in (zones, zones.iloc[::-1]):
        found = one(hazard_of(zones=frame), 1_000, 500, 10)
        assert (found.scored_as, found.boundary_m, found.boundary_uncertainty_m) == (
            GeologyClass.C,
            600,
            700,
        )
        assert one(hazard_of(zones=frame), 100, 500, 10).zone_id == "B1-rough"


def test_between_two_higher_classes_the_highest_wins_though_it_is_further() -> None:
    zones = ground(
        a_zone("A", "A", shapely.box(0, 0, 1_000, 1_000)),
        a_zone("B", "B", shapely.box(1_000, 0, 1_100, 1_000)),
        a_zone("C", "C", shapely.box(1_100, 0, 2_000, 1_000)),
    )
    found = one(hazard_of(zones=zones), 900, 500, 10)
    assert (found.scored_as, found.boundary_m, found.zone_id) == (GeologyClass.C, 200, "C")


def test_without_zones_nothing_is_assessed_and_records_are_still_found() -> None:
    found = one(hazard_of(a_sinkhole(*C), zones=ground()), *C, 10)
    assert (found.band, found.scored_as, found.sinkhole_id) == (
        Band.NOT_ASSESSED,
        GeologyClass.OUTSIDE,
        "S1",
    )


def test_without_records_the_ground_alone_decides() -> None:
    found = answers(hazard_of(), [(*A, 10), (*B, 10), (*C, 10)])
    assert [a.band for a in found] == [Band.NONE_IDENTIFIED, Band.LOW, Band.MODERATE]
    assert {a.n_features for a in found} == {0}


def test_no_points_give_no_answers() -> None:
    found = assess.points(hazard_of(a_sinkhole(*C)), *arrays([]))
    assert {len(getattr(found, field.name)) for field in fields(found)} == {0}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("column", [0, 1, 2])
def test_a_row_that_is_no_number_is_not_assessed_and_disturbs_no_other(
    bad: float, column: int
) -> None:
    hazard = hazard_of(a_sinkhole(*C))
    row = [*C, 10.0]
    row[column] = bad
    alone = one(hazard, *C, 10)
    assert one(hazard, row[0], row[1], row[2]).band is Band.NOT_ASSESSED
    broken, beside = answers(hazard, [(row[0], row[1], row[2]), (*C, 10)])
    assert (broken.band, broken.sinkhole_id, broken.n_features) == (Band.NOT_ASSESSED, None, 0)
    assert beside == alone


# ── Laws ─────────────────────────────────────────────────────────────────────────────────────────

# Positions on a grid of a quarter metre: exact in binary, so that edges are hit exactly.
quarters = st.integers(-2_000, 18_000).map(lambda n: n / 4)
uncertainties = st.sampled_from([1.0, 10.0, 30.0, 40.0, 50.0, 100.0, 250.0, 300.0, 400.0, 500.0])
MOST_POINTS = 8
# Each example compares some ten points with some six records: a few are many.
LAW = settings(max_examples=15)


@st.composite
def zone_frames(draw: st.DrawFn) -> gpd.GeoDataFrame:
    """Strips that touch, and a few loose boxes and triangles that may overlap them."""
    cuts = sorted(draw(st.lists(st.integers(0, 40), min_size=2, max_size=4, unique=True)))
    shapes = [
        shapely.box(west * 100, 0, east * 100, 3_000) for west, east in itertools.pairwise(cuts)
    ]
    shapes += draw(st.lists(loose_shapes(), max_size=2))
    rows = [
        a_zone(
            f"Z{number}",
            draw(st.sampled_from("ABC")),
            shape,
            uncertainty_m=draw(st.sampled_from([50, 100, 300, 500])),
        )
        for number, shape in enumerate(shapes)
    ]
    return ground(*draw(st.permutations(rows)))


@st.composite
def loose_shapes(draw: st.DrawFn) -> shapely.Geometry:
    west, south = draw(st.integers(-5, 40)) * 100, draw(st.integers(-5, 25)) * 100
    width, height = draw(st.integers(1, 20)) * 100, draw(st.integers(1, 20)) * 100
    box = shapely.box(west, south, west + width, south + height)
    corners = [(west, south), (west + width, south), (west, south + height)]
    return draw(st.sampled_from([box, shapely.Polygon(corners)]))


@st.composite
def record_rows(draw: st.DrawFn, n: int = 0) -> dict[str, object]:
    return a_sinkhole(
        draw(quarters),
        draw(quarters),
        sinkhole_id=f"S{n}",
        feature_id=draw(st.sampled_from(["f1", "f2", "f3"])),
        evidence=draw(st.sampled_from(list(Evidence))).value,
        counts=draw(st.sampled_from([True, True, True, False])),
        position_uncertainty_m=draw(uncertainties),
        length_m=draw(st.sampled_from([math.nan, 0.0, 10.0, 15.0, 31.0])),
        width_m=draw(st.sampled_from([math.nan, 20.0])),
    )


record_lists = st.integers(0, 6).flatmap(
    lambda n: st.tuples(*(record_rows(number) for number in range(n))).map(list)
)


@st.composite
def points_of(draw: st.DrawFn, records: list[dict[str, object]]) -> list[Point]:
    """Points anywhere, on the corners of zones, and on the very edges of rings."""
    found = draw(st.lists(st.tuples(quarters, quarters, uncertainties), max_size=MOST_POINTS))
    for record in records:
        sides = [record["length_m"], record["width_m"]]
        longest = max((side for side in sides if not math.isnan(side)), default=15.0)
        edge_m = draw(st.sampled_from([50.0, 250.0, 500.0])) + longest / 2
        east, north = draw(st.sampled_from([(1, 0), (0, 1), (-1, 0), (0.6, 0.8)]))
        found.append(
            (
                record["easting"] + edge_m * east,
                record["northing"] + edge_m * north,
                draw(uncertainties),
            )
        )
    found.append((draw(st.integers(0, 40)) * 100.0, draw(st.integers(0, 30)) * 100.0, 10.0))
    return found


@st.composite
def worlds(draw: st.DrawFn) -> tuple[gpd.GeoDataFrame, list[dict[str, object]], list[Point]]:
    records = draw(record_lists)
    return draw(zone_frames()), records, draw(points_of(records))


World = tuple[Any, list[dict[str, object]], list[Point]]


def bands_of(zones: gpd.GeoDataFrame, records: list[dict[str, object]], points: list[Point]) -> Any:  # noqa: ANN401 - an array to compare
    return assess.points(hazard_of(*records, zones=zones), *arrays(points)).band


@settings(LAW, max_examples=60)
@given(worlds())
def test_the_kernel_says_what_the_rules_say_row_by_row(world_drawn: World) -> None:
    zones, records, points = world_drawn
    reference = Reference(zones, inventory(*records), world.parameters())
    expected = [reference.answer(*point) for point in points]
    assert answers(hazard_of(*records, zones=zones), points) == expected


def test_the_kernel_says_what_the_rules_say_of_two_thousand_points() -> None:
    rng = np.random.default_rng(2014)
    records = [
        a_sinkhole(
            rng.uniform(0, 30_000),
            rng.uniform(0, 10_000),
            sinkhole_id=f"S{n:03d}",
            feature_id=f"f{rng.integers(40)}",
            evidence=rng.choice([e.value for e in Evidence]),
            counts=bool(rng.random() < 0.9),
            position_uncertainty_m=float(rng.choice([10, 30, 100, 300, 600])),
            length_m=rng.choice([math.nan, 5.0, 12.0, 40.0]),
        )
        for n in range(150)
    ]
    points = [
        (rng.uniform(-1_000, 31_000), rng.uniform(-1_000, 11_000), rng.choice([5.0, 30.0, 300.0]))
        for _ in range(2_000)
    ]
    reference = Reference(strips(), inventory(*records), world.parameters())
    found = answers(hazard_of(*records), points)
    assert found == [reference.answer(*point) for point in points]
    # The sample is worth comparing only if it meets every band and every ring.
    assert {answer.band for answer in found} == set(Band)
    assert {answer.ring_m for answer in found} == {50, 250, 500, None}


# Squares whose sides fall on positions that points have, and squares larger than the world.
sides_m = st.sampled_from([100.0, 130.0, 250.0, 1_000.0, 40_000.0])


@settings(LAW, max_examples=60)
@given(worlds(), sides_m)
def test_the_squares_that_the_map_is_cut_in_never_matter(
    world_drawn: World, square_m: float
) -> None:
    zones, records, points = world_drawn
    n = int(12_000 / square_m) + 1
    squares = grid.Grid(west=-3_000, south=-3_000, square_m=square_m, n_columns=n, n_rows=n)
    hazard = hazard_of(*records, zones=zones)
    indexed = assess.index(hazard, squares)
    found = assess.points(hazard, *arrays(points), indexed)
    alone = assess.points(hazard, *arrays(points))
    for field in fields(found):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(alone, field.name))


def test_an_index_of_all_that_is_held_answers_anywhere() -> None:
    hazard = hazard_of(a_sinkhole(*C), a_sinkhole(-40_000, 5_000, sinkhole_id="S2", length_m=100.0))
    places = [(*C, 10.0), (*A, 10.0), (-40_549.0, 5_000.0, 10.0), (-40_551.0, 5_000.0, 10.0)]
    places += [(9_700.0, 5_000.0, 10.0), (1e9, -1e9, 10.0), (math.nan, 0.0, 10.0)]
    few, many = assess.squares_over(hazard, 20), assess.squares_over(hazard)
    assert few.square_m > many.square_m == grid.SQUARE_M
    found = assess.points(hazard, *arrays(places), assess.index(hazard))
    coarser = assess.points(hazard, *arrays(places), assess.index(hazard, few))
    assert coarser.band.tolist() == found.band.tolist()
    reference = Reference(strips(), inventory(), world.parameters())
    bands = [reference.answer(*place).band for place in places]
    assert [Band(int(band)) for band in found.band] == [Band.VERY_HIGH, *bands[1:]]
    assert found.n_features.tolist() == [1, 0, 1, 0, 0, 0, 0]
    assert found.scored_as.tolist() == [3, 1, 0, 0, 3, 0, 0]


def test_one_index_serves_several_threads() -> None:
    rng = np.random.default_rng(41)
    curved = [shapely.Point(*rng.uniform(0, 9_000, 2)).buffer(2_000, 200) for _ in range(30)]
    zones = ground(*(a_zone(f"Z{n:02d}", "ABC"[n % 3], shape) for n, shape in enumerate(curved)))
    hazard = hazard_of(zones=zones)
    indexed = assess.index(hazard)
    at = rng.uniform(-1_000, 10_000, (20, 2, 500))
    known_m = np.full(500, 10.0)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda one: assess.points(hazard, *one, known_m, indexed), at))
    for one, places in zip(found, at, strict=True):
        alone = assess.points(hazard_of(zones=zones), *places, known_m)
        np.testing.assert_array_equal(one.scored_as, alone.scored_as)
    assert set(found[0].scored_as.tolist()) == {0, 1, 2, 3}


def test_an_index_of_nothing_answers_too() -> None:
    hazard = hazard_of(zones=ground())
    found = assess.points(hazard, *arrays([(*C, 10.0)]), assess.index(hazard))
    assert found.band.tolist() == [Band.NOT_ASSESSED]


@settings(LAW)
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_rows_never_matters(world_drawn: World, random: Any) -> None:  # noqa: ANN401 - random.Random
    zones, records, points = world_drawn
    before = answers(hazard_of(*records, zones=zones), points)
    order = random.sample(range(len(points)), len(points))
    shuffled = hazard_of(
        *random.sample(records, len(records)),
        zones=zones.iloc[random.sample(range(len(zones)), len(zones))],
    )
    after = answers(shuffled, [points[i] for i in order])
    assert after == [before[i] for i in order]


@settings(LAW)
@given(worlds(), st.integers(0, MOST_POINTS))
def test_cutting_the_input_in_chunks_never_matters(world_drawn: World, cut: int) -> None:
    zones, records, points = world_drawn
    hazard = hazard_of(*records, zones=zones)
    in_chunks = answers(hazard, points[:cut]) + answers(hazard, points[cut:])
    assert in_chunks == answers(hazard, points)


@settings(LAW)
@given(
    worlds(),
    st.tuples(
        st.integers(-400_000, 400_000),
        st.integers(-400_000, 400_000),
    ),
)
def test_moving_everything_by_whole_metres_changes_nothing(
    world_drawn: World, by: tuple[int, int]
) -> None:
    zones, records, points = world_drawn
    moved_zones = zones.set_geometry(zones.geometry.translate(*by))
    moved_records = [
        record | {"easting": record["easting"] + by[0], "northing": record["northing"] + by[1]}
        for record in records
    ]
    moved_points = [(e + by[0], n + by[1], u) for e, n, u in points]
    before = answers(hazard_of(*records, zones=zones), points)
    after = answers(hazard_of(*moved_records, zones=moved_zones), moved_points)
    # A slanting line is measured to the last bit only where it stands.
    assert [_settled(answer) for answer in after] == [_settled(answer) for answer in before]


def _settled(answer: Answer) -> dict[str, object]:
    return {
        name: round(value, 2) if isinstance(value, float) else value
        for name, value in asdict(answer).items()
    }


@settings(LAW)
@given(worlds(), st.integers(0, 2), st.floats(0, 100))
def test_a_wider_ring_never_lowers_a_band(world_drawn: World, ring: int, more_m: float) -> None:
    zones, records, points = world_drawn
    rings = list(world.band_table().rings_m)
    rings[ring] += more_m
    wider = world.parameters(table=replace(world.band_table(), rings_m=tuple(rings)))
    hazard = assess.prepare(zones, inventory(*records), wider)
    assert (assess.points(hazard, *arrays(points)).band >= bands_of(zones, records, points)).all()


def _bigger(record: dict[str, object]) -> dict[str, object]:
    return record | {"width_m": 60.0}


def _surer(record: dict[str, object]) -> dict[str, object]:
    return record | {"evidence": "confirmed"}


def _counted(record: dict[str, object]) -> dict[str, object]:
    return record | {"counts": True}


def _better_placed(record: dict[str, object]) -> dict[str, object]:
    return record | {"position_uncertainty_m": 1.0}


@settings(LAW, max_examples=12)
@given(worlds())
@pytest.mark.parametrize("change", [_bigger, _surer, _counted, _better_placed])
def test_a_bigger_surer_counted_or_better_placed_record_never_lowers_a_band(
    change: Any,  # noqa: ANN401 - one of the functions above
    world_drawn: World,
) -> None:
    zones, records, points = world_drawn
    changed = [change(record) for record in records]
    assert (bands_of(zones, changed, points) >= bands_of(zones, records, points)).all()


@settings(LAW)
@given(worlds(), record_rows(99))
def test_another_record_never_lowers_a_band(world_drawn: World, another: dict[str, object]) -> None:
    zones, records, points = world_drawn
    more = bands_of(zones, [*records, another], points)
    assert (more >= bands_of(zones, records, points)).all()


@settings(LAW)
@given(worlds(), st.floats(0, 1_000))
def test_a_greater_uncertainty_never_gives_a_nearer_ring(world_drawn: World, more_m: float) -> None:
    zones, records, points = world_drawn
    hazard = hazard_of(*records, zones=zones)
    rings = assess.points(hazard, *arrays(points)).ring
    vaguer = assess.points(hazard, *arrays([(e, n, u + more_m) for e, n, u in points])).ring
    assert (vaguer >= rings).all()


@settings(LAW)
@given(worlds(), st.integers(0, MOST_POINTS), st.sampled_from([math.nan, math.inf]))
def test_broken_rows_anywhere_leave_the_others_as_they_were(
    world_drawn: World, at: int, bad: float
) -> None:
    zones, records, points = world_drawn
    hazard = hazard_of(*records, zones=zones)
    where = min(at, len(points))
    mixed = [*points[:where], (bad, 0.0, 10.0), *points[where:]]
    found = answers(hazard, mixed)
    assert found[:where] + found[where + 1 :] == answers(hazard, points)


# ── Frames ───────────────────────────────────────────────────────────────────────────────────────


def test_a_frame_of_places_keeps_its_rows_and_their_order() -> None:
    places = world.places(
        {"place_id": "far", "easting": A[0], "northing": A[1]},
        {"place_id": "lost", "easting": math.nan, "northing": math.nan},
        {"place_id": "near", "easting": C[0], "northing": C[1]},
    )
    frame = assess.score(hazard_of(a_sinkhole(C[0] + 100, C[1])), places, key="place_id")
    assert schemas.ASSESSMENTS.check(frame) is frame
    assert frame["place_id"].tolist() == ["far", "lost", "near"]
    assert frame["band"].tolist() == [Band.NONE_IDENTIFIED, Band.NOT_ASSESSED, Band.HIGH]
    assert frame["sinkhole_id"].isna().tolist() == [True, True, False]
    assert frame["sinkhole_distance_m"].iloc[2] == 92.5
    assert frame["sinkhole_uncertainty_m"].iloc[2] == pytest.approx(math.hypot(80, 10), abs=1e-3)
    assert frame["n_features"].tolist() == [0, 0, 1]


def test_a_frame_in_degrees_is_refused_and_not_read_as_metres() -> None:
    places = world.places({"place_id": "near", "easting": C[0], "northing": C[1]})
    degrees = places.set_crs(geo.WGS84, allow_override=True)
    with pytest.raises(SchemaError, match="its CRS is EPSG:4326"):
        assess.score(hazard_of(), degrees, key="place_id")


def test_broken_zones_and_broken_records_are_refused() -> None:
    with pytest.raises(SchemaError, match="zones: column title is missing"):
        assess.prepare(strips().drop(columns="title"), inventory(), world.parameters())
    with pytest.raises(SchemaError, match="sinkholes: column counts is missing"):
        assess.prepare(strips(), inventory().drop(columns="counts"), world.parameters())


def test_the_parameters_say_how_big_an_unknown_record_is() -> None:
    small: Parameters = world.parameters(default_radius_m=1.0)
    hazard = assess.prepare(strips(), inventory(a_sinkhole(C[0] + 55, C[1])), small)
    assert one(hazard, *C, 10).distance_m == 54
