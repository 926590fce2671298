"""Sites known by their boundary, cut up by hand and held against points on them."""

from __future__ import annotations

import math

import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sinkwatch import assess, geo, sites
from sinkwatch.errors import SchemaError
from sinkwatch.model import Band, GeologyClass
from tests.test_assess import (
    LAW,
    MOST_POINTS,
    World,
    answers,
    arrays,
    hazard_of,
    one,
    uncertainties,
    worlds,
)
from tests.world import A, C, a_sinkhole, a_zone, ground


def test_a_site_across_the_line_has_the_highest_band_and_its_shares_by_area() -> None:
    # From west to east: 500 m of class A ground, 500 m of it scored as C, and 100 m of C.
    site = sites.assess_polygon(hazard_of(), shapely.box(9_000, 4_900, 10_100, 5_100))
    assert (site.band, site.geology, site.scored_as) == (
        Band.MODERATE,
        GeologyClass.C,
        GeologyClass.C,
    )
    assert site.shares == {
        Band.MODERATE: pytest.approx(600 / 1_100, abs=1e-4),
        Band.NONE_IDENTIFIED: pytest.approx(500 / 1_100, abs=1e-4),
    }
    assert math.isnan(site.boundary_m)


def test_a_site_near_a_line_is_raised_and_says_how_far_and_how_well_known() -> None:
    site = sites.assess_polygon(hazard_of(), shapely.box(20_600, 4_900, 20_700, 5_000))
    assert (site.geology, site.scored_as) == (GeologyClass.B, GeologyClass.C)
    assert (site.boundary_m, site.boundary_uncertainty_m) == (600, 750)
    assert site.shares == {Band.MODERATE: pytest.approx(1)}


def test_a_site_is_measured_from_its_edge_never_its_middle() -> None:
    east_of = hazard_of(a_sinkhole(C[0] + 507.5, C[1], length_m=15.0))
    site = sites.assess_polygon(east_of, shapely.box(C[0] - 450, C[1] - 10, C[0] + 450, C[1] + 10))
    assert (site.band, site.distance_m, site.sinkhole) == (Band.VERY_HIGH, 50, 0)
    assert site.uncertainty_m == pytest.approx(math.hypot(10, geo.BOUNDARY_UNCERTAINTY_M), abs=1e-3)


def test_the_shares_of_rings_add_up_by_hand() -> None:
    # A site of 1,000 by 20 m; the record lies at its west end, a point: 50 m, 200 m, 750 m of it.
    record = a_sinkhole(C[0], C[1], length_m=0.0)
    site = sites.assess_polygon(
        hazard_of(record), shapely.box(C[0], C[1] - 10, C[0] + 1_000, C[1] + 10)
    )
    assert site.shares == {
        Band.VERY_HIGH: pytest.approx(0.05, abs=1e-3),
        Band.HIGH: pytest.approx(0.2, abs=1e-3),
        Band.MODERATE: pytest.approx(0.75, abs=1e-3),
    }


def test_a_possible_record_gives_its_shares_one_ring_further_out() -> None:
    record = a_sinkhole(C[0], C[1], length_m=0.0, evidence="possible")
    site = sites.assess_polygon(
        hazard_of(record), shapely.box(C[0], C[1] - 10, C[0] + 1_000, C[1] + 10)
    )
    assert (site.band, site.n_features) == (Band.HIGH, 1)
    assert site.shares == {
        Band.HIGH: pytest.approx(0.05, abs=1e-3),
        Band.MODERATE: pytest.approx(0.95, abs=1e-3),
    }


def test_a_centimetre_beyond_a_ring_no_ground_is_in_it() -> None:
    # The circle is cut as a polygon drawn round it, whose corner stands 1.9 cm out at 250 m.
    record = a_sinkhole(C[0], C[1], length_m=0.0)
    west = C[0] + 250.01
    site = sites.assess_polygon(hazard_of(record), shapely.box(west, C[1] - 5, west + 10, C[1] + 5))
    assert site.band is Band.MODERATE
    assert site.shares == {Band.MODERATE: 1}


def test_a_centimetre_within_a_ring_some_ground_is_in_it() -> None:
    # 149.995 m east and 199.995 m north is 249.993 m away, between two corners of that polygon.
    record = a_sinkhole(C[0], C[1], length_m=0.0)
    west, south = C[0] + 149.995, C[1] + 199.995
    site = sites.assess_polygon(hazard_of(record), shapely.box(west, south, west + 10, south + 10))
    assert site.band is Band.HIGH
    assert 0 < site.shares[Band.HIGH] < 1e-4


def test_a_centimetre_within_a_lines_uncertainty_a_site_is_raised_as_its_corner_is() -> None:
    # The two zones meet at a corner; 299.99 m west and 399.99 m south of it is 499.986 m away.
    zones = ground(
        a_zone("A", "A", shapely.box(0, 0, 1_000, 1_000)),
        a_zone("C", "C", shapely.box(1_000, 1_000, 2_000, 2_000)),
    )
    hazard = hazard_of(zones=zones)
    site = sites.assess_polygon(hazard, shapely.box(690, 590, 700.01, 600.01))
    assert one(hazard, 700.01, 600.01, 5).scored_as is GeologyClass.C
    assert site.scored_as is GeologyClass.C


def test_a_hole_on_less_susceptible_ground_may_decide_a_site() -> None:
    # Mostly C with nothing near, and a strip of B beyond the line's tolerance with a hole in it.
    record = a_sinkhole(20_900, 5_000)
    site = sites.assess_polygon(hazard_of(record), shapely.box(20_300, 4_990, 20_900, 5_010))
    assert (site.band, site.scored_as, site.sinkhole) == (Band.HIGH, GeologyClass.B, 0)
    assert {Band.HIGH, Band.MODERATE} <= set(site.shares)


def test_a_site_partly_outside_keeps_that_share_as_not_assessed() -> None:
    site = sites.assess_polygon(hazard_of(), shapely.box(-300, 4_900, 100, 5_000))
    assert site.shares == {
        Band.NONE_IDENTIFIED: pytest.approx(0.25),
        Band.NOT_ASSESSED: pytest.approx(0.75),
    }


def test_a_site_outside_is_not_assessed_but_its_records_are_given() -> None:
    record = a_sinkhole(-5_000, 5_000)
    site = sites.assess_polygon(hazard_of(record), shapely.box(-5_100, 4_900, -4_900, 5_100))
    assert (site.band, site.zone, site.sinkhole, site.n_features) == (
        Band.NOT_ASSESSED,
        assess.NONE,
        0,
        1,
    )
    assert site.shares == {Band.NOT_ASSESSED: 1}
    assert site.check_record is False


def test_a_site_that_only_touches_a_zone_has_no_ground_in_it() -> None:
    site = sites.assess_polygon(hazard_of(), shapely.box(30_000, 4_000, 30_100, 4_100))
    assert (site.geology, site.band) == (GeologyClass.OUTSIDE, Band.NOT_ASSESSED)


def test_a_site_without_records_or_zones_has_neither() -> None:
    site = sites.assess_polygon(hazard_of(zones=ground()), shapely.box(0, 0, 10, 10))
    assert (site.band, site.zone, site.sinkhole, site.n_features) == (
        Band.NOT_ASSESSED,
        assess.NONE,
        assess.NONE,
        0,
    )
    assert math.isnan(site.distance_m)
    assert math.isnan(site.uncertainty_m)


def test_ground_and_record_that_disagree_are_marked_on_a_site_too() -> None:
    site = sites.assess_polygon(hazard_of(a_sinkhole(*A)), shapely.box(4_900, 4_900, 5_100, 5_100))
    assert (site.band, site.check_record) == (Band.MODERATE, True)


def test_a_site_of_several_pieces_is_one_site() -> None:
    pieces = shapely.union(shapely.box(4_000, 0, 4_100, 100), shapely.box(15_000, 0, 15_100, 100))
    site = sites.assess_polygon(hazard_of(), pieces)
    assert site.shares == {
        Band.MODERATE: pytest.approx(0.5),
        Band.NONE_IDENTIFIED: pytest.approx(0.5),
    }


@pytest.mark.parametrize(
    "shape",
    [
        shapely.Point(0, 0),
        shapely.Polygon(),
        shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)]),
        shapely.LineString([(0, 0), (10, 0)]),
    ],
    ids=["point", "empty", "bow-tie", "line"],
)
def test_a_boundary_that_is_no_polygon_is_refused(shape: shapely.Geometry) -> None:
    with pytest.raises(SchemaError, match="site boundary: it must be a polygon with an area"):
        sites.assess_polygon(hazard_of(), shape)


@st.composite
def boundaries(draw: st.DrawFn) -> shapely.Geometry:
    west, south = draw(st.integers(-5, 40)) * 100, draw(st.integers(-5, 30)) * 100
    width, height = draw(st.integers(1, 20)) * 50, draw(st.integers(1, 20)) * 50
    return shapely.box(west, south, west + width, south + height)


@settings(LAW)
@given(worlds(), boundaries(), uncertainties)
def test_the_shares_of_a_site_sum_to_one_and_none_is_above_its_band(
    world_drawn: World, site: shapely.Geometry, uncertainty_m: float
) -> None:
    zones, records, _ = world_drawn
    found = sites.assess_polygon(hazard_of(*records, zones=zones), site, uncertainty_m)
    assert math.fsum(found.shares.values()) == pytest.approx(1, abs=1e-6)
    assert max(found.shares) <= found.band
    assert list(found.shares) == sorted(found.shares, reverse=True)


@settings(LAW)
@given(worlds(), boundaries(), uncertainties)
def test_the_band_of_a_site_is_that_of_some_of_its_ground(
    world_drawn: World, site: shapely.Geometry, uncertainty_m: float
) -> None:
    # It may touch a ring or a tolerance at a mere point; grown by a metre it has ground in it.
    zones, records, _ = world_drawn
    hazard = hazard_of(*records, zones=zones)
    band = sites.assess_polygon(hazard, site, uncertainty_m).band
    grown = sites.assess_polygon(hazard, shapely.buffer(site, 1, join_style="mitre"), uncertainty_m)
    assert max(grown.shares) >= band


@settings(LAW)
@given(worlds(), boundaries(), uncertainties, st.data())
def test_a_site_is_never_put_lower_than_a_point_inside_it(
    world_drawn: World, site: shapely.Geometry, uncertainty_m: float, data: st.DataObject
) -> None:
    zones, records, _ = world_drawn
    hazard = hazard_of(*records, zones=zones)
    west, south, east, north = site.bounds
    inside = st.tuples(
        st.integers(int(west) * 4 + 2, int(east) * 4 - 2).map(lambda n: n / 4),
        st.integers(int(south) * 4 + 2, int(north) * 4 - 2).map(lambda n: n / 4),
        st.just(uncertainty_m),
    )
    points = data.draw(st.lists(inside, min_size=1, max_size=MOST_POINTS))
    site_band = sites.assess_polygon(hazard, site, uncertainty_m).band
    assert site_band >= assess.points(hazard, *arrays(points)).band.max()


@settings(LAW)
@given(worlds(), uncertainties)
def test_a_tiny_site_is_a_point(world_drawn: World, uncertainty_m: float) -> None:
    zones, records, points = world_drawn
    hazard = hazard_of(*records, zones=zones)
    easting, northing, _ = points[-1]
    # A square of 2 cm may lie across an edge: compare where all round the point agrees.
    around = [
        (easting + de, northing + dn, uncertainty_m) for de in (-1, 0, 1) for dn in (-1, 0, 1)
    ]
    found = answers(hazard, around)
    middle = found[4]
    assume(len({(a.band, a.scored_as, a.ring_m, a.sinkhole_id) for a in found}) == 1)
    square = shapely.box(easting - 0.01, northing - 0.01, easting + 0.01, northing + 0.01)
    site = sites.assess_polygon(hazard, square, uncertainty_m)
    assert (site.band, site.scored_as) == (middle.band, middle.scored_as)
    assert site.shares == {middle.band: pytest.approx(1)}
    sinkhole_id = None if site.sinkhole == assess.NONE else hazard.sinkhole_ids[site.sinkhole]
    assert sinkhole_id == middle.sinkhole_id
    if middle.distance_m is not None:
        assert site.distance_m == pytest.approx(middle.distance_m, abs=0.02)
