"""Sites known by their boundary, cut up by hand and held against points on them."""

from __future__ import annotations

import functools
import math
from dataclasses import astuple, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sinkwatch import assess, geo, sites
from sinkwatch.errors import SchemaError
from sinkwatch.model import Band, GeologyClass
from sinkwatch.sites import answers as kernel
from tests import plain_sites
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

if TYPE_CHECKING:
    from numpy.typing import NDArray


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


def test_lines_that_cutting_leaves_over_are_no_ground(monkeypatch: pytest.MonkeyPatch) -> None:
    # As GEOS does now and then; it goes no further with ground and lines in one collection.
    whole = sites.assess_polygon(hazard_of(), shapely.box(29_000, 4_900, 30_100, 5_000))
    difference, line = shapely.difference, shapely.LineString([(29_000, 4_900), (29_001, 4_900)])
    monkeypatch.setattr(
        shapely, "difference", lambda a, b: shapely.GeometryCollection([difference(a, b), line])
    )
    found = sites.assess_polygon(hazard_of(), shapely.box(29_000, 4_900, 30_100, 5_000))
    assert (_told(found), found.shares) == (_told(whole), whole.shares)
    assert len(whole.shares) == 2


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


def test_of_many_boundaries_those_that_are_none_are_named_by_their_number() -> None:
    shapes = np.array([shapely.box(0, 0, 1, 1), None, shapely.Point(0, 0)], dtype=object)
    assert sites.is_boundary(shapes).tolist() == [True, False, False]
    with pytest.raises(SchemaError, match=r"number 2 must be a polygon.*number 3 must be") as told:
        sites.polygons(sites.Layers.of(hazard_of()), shapes, np.full(3, 5.0))
    assert "number 1" not in str(told.value)


def test_no_sites_have_no_answers() -> None:
    found = sites.polygons(sites.Layers.of(hazard_of()), np.array([], dtype=object), np.array([]))
    assert (len(found.band), found.shares.shape) == (0, (0, len(Band)))


@st.composite
def boundaries(draw: st.DrawFn) -> shapely.Geometry:
    west, south = draw(st.integers(-5, 40)) * 100, draw(st.integers(-5, 30)) * 100
    width, height = draw(st.integers(1, 20)) * 50, draw(st.integers(1, 20)) * 50
    return shapely.box(west, south, west + width, south + height)


@functools.cache
def random_worlds() -> list[tuple[assess.Hazard, NDArray[np.object_]]]:
    """Blobs of every class, clusters of records, and sites of every size among them."""
    blank = hazard_of()
    return [_world(blank, np.random.default_rng([27, number])) for number in range(200)]


def _world(
    blank: assess.Hazard, rng: np.random.Generator
) -> tuple[assess.Hazard, NDArray[np.object_]]:
    n_zones, n_records = int(rng.integers(1, 7)), int(rng.integers(0, 9))
    at = np.round(rng.uniform(0, 3_000, (n_records, 2)), 1)
    zones = np.array([_blob(rng, float(rng.uniform(200, 1_200))) for _ in range(n_zones)])
    shapes = np.array([_blob(rng, float(rng.lognormal(4.2, 1))) for _ in range(4)])
    # Arrays at once: frames would take longer than all that is asked of them.
    hazard = replace(
        blank,
        zone_geometry=zones,
        zone_class=rng.integers(1, 4, n_zones).astype(np.int8),
        zone_uncertainty_m=rng.choice([50.0, 100.0, 250.0, 500.0], n_zones),
        zone_ids=np.arange(n_zones).astype(object),
        easting=at[:, 0],
        northing=at[:, 1],
        radius_m=rng.choice([0.0, 7.5, 20.0], n_records),
        uncertainty_m=rng.choice([10.0, 30.0, 100.0, 400.0], n_records),
        ring_shift=(rng.random(n_records) < 0.2).astype(np.int64),
        counts=rng.random(n_records) < 0.9,
        feature=np.arange(n_records) // 2,
        sinkhole_ids=np.arange(n_records).astype(object),
    )
    return hazard, shapes


def _blob(rng: np.random.Generator, radius_m: float) -> shapely.Geometry:
    """Return an outline that each direction from its middle meets once, as wide as it likes."""
    angle = np.arange(24) * (2 * np.pi / 24)
    away_m = radius_m * np.exp(rng.normal(0, 0.2, len(angle)))
    at = rng.uniform(0, 3_000, 2) + away_m[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return shapely.Polygon(at)


def _told(site: sites.AssessedSite) -> tuple[Any, ...]:
    """All but the shares, which are areas and rounded at the end; no number equals no number."""
    return tuple(
        None if isinstance(value, float) and math.isnan(value) else value
        for value in astuple(site)[:-1]
    )


def test_the_kernel_says_what_the_plain_way_says_in_two_hundred_worlds() -> None:
    met: set[Band] = set()
    n_cut = 0
    for hazard, shapes in random_worlds():
        found = sites.assess_polygon(hazard, shapes[0])
        expected = plain_sites.assess_polygon(hazard, shapes[0])
        assert _told(found) == _told(expected)
        assert found.shares == pytest.approx(expected.shares, abs=1e-9)
        met |= set(found.shares)
        n_cut += len(found.shares) > 1
    # The sample is worth comparing only if it meets every band, and many sites are cut.
    assert met == set(Band)
    assert n_cut >= 40


def test_many_sites_at_once_have_the_answers_of_each_alone_in_any_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernel, "_BLOCK", 3)  # so that there are several blocks
    rng = np.random.default_rng(28)
    for hazard, shapes in random_worlds()[:20]:
        layers, known_m = sites.Layers.of(hazard), rng.choice([5.0, 30.0, 300.0], len(shapes))
        order = rng.permutation(len(shapes))
        found = sites.polygons(layers, shapes[order], known_m[order])
        for row, number in enumerate(order):
            alone = sites.assess_polygon(hazard, shapes[number], known_m[number])
            assert found.band[row] == alone.band
            assert found.geology[row] == alone.geology
            assert found.scored_as[row] == alone.scored_as
            assert found.sinkhole[row] == alone.sinkhole
            assert found.n_features[row] == alone.n_features
            assert found.check_record[row] == alone.check_record
            assert found.distance_m[row] == pytest.approx(alone.distance_m, nan_ok=True)
            assert found.uncertainty_m[row] == pytest.approx(alone.uncertainty_m, nan_ok=True)
            assert {Band(b): v for b, v in enumerate(found.shares[row]) if v} == alone.shares


def test_the_shares_sum_to_one_and_no_point_inside_has_a_higher_band() -> None:
    rng = np.random.default_rng(29)
    n_raised = 0
    for hazard, shapes in random_worlds():
        found = sites.polygons(sites.Layers.of(hazard), shapes, np.full(len(shapes), 5.0))
        assert found.shares.sum(axis=1) == pytest.approx(1, abs=1e-9)
        corners = np.asarray(shapely.bounds(shapes)).T[:, :, None]
        west, south, east, north = corners
        shape = (len(shapes), 40)
        easting, northing = rng.uniform(west, east, shape), rng.uniform(south, north, shape)
        inside = shapely.contains_xy(shapes[:, None], easting, northing)
        known_m = np.full(easting.size, 5.0)
        points = assess.points(hazard, easting.ravel(), northing.ravel(), known_m)
        bands = np.where(inside, points.band.reshape(shape), Band.NOT_ASSESSED)
        assert (bands <= found.band[:, None]).all()
        held = np.take_along_axis(found.shares, bands.astype(np.intp), axis=1)
        assert (held[inside] > 0).all()  # where there is a point, there is a share
        n_raised += int((found.scored_as > found.geology).sum())
    assert n_raised >= 50


def test_sites_on_the_way_to_a_line_are_whole_then_cut_then_whole_again() -> None:
    # 1,000 m, 90 m and 30 m from a line that is known to 100 m, and beyond it.
    zones = ground(
        a_zone("B", "B", shapely.box(0, 0, 2_000, 2_000), uncertainty_m=100.0),
        a_zone("C", "C", shapely.box(2_000, 0, 3_000, 2_000), uncertainty_m=100.0),
    )
    west_of_line = [shapely.box(w, 900, w + 20, 920) for w in (1_000, 1_890, 1_950, 2_100)]
    found = sites.polygons(
        sites.Layers.of(hazard_of(zones=zones)), np.array(west_of_line), np.full(4, 5.0)
    )
    assert found.scored_as.tolist() == [2, 3, 3, 3]
    assert found.geology.tolist() == [2, 2, 2, 3]
    assert found.shares[:, Band.MODERATE] == pytest.approx([0, 0.5, 1, 1], abs=1e-3)


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
