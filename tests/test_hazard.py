from __future__ import annotations

import numpy as np
import pytest
import shapely

from sinkwatch import geo, hazard, schemas
from sinkwatch.errors import ConfigError, SchemaError
from sinkwatch.model import Bounds, GeologyClass
from tests.world import a_zone, ground

OURS = {"A": "A", "B": "B", "C": "C"}
GEOSURE = {"E": "C", "D": "C", "C": "B", "B": "A", "A": "A"}
LEFT = shapely.box(0, 0, 100, 100)
RIGHT = shapely.box(100, 0, 200, 100)


def lines(frame: object) -> dict[str, shapely.Geometry]:
    return dict(zip(frame["edge_id"], frame.geometry, strict=True))  # type: ignore[index, attr-defined]


# ── Zones ────────────────────────────────────────────────────────────────────────────────────────


def test_zones_are_ordered_by_id_and_keep_the_sources_columns() -> None:
    geology = ground(a_zone("west", "C", LEFT), a_zone("east", "A", RIGHT)).drop(
        columns="geology_class"
    )
    zones = hazard.zones(geology, OURS)
    assert zones["zone_id"].tolist() == ["east", "west"]
    assert zones["geology_class"].tolist() == [GeologyClass.A, GeologyClass.C]
    assert zones["title"].tolist() == ["Zone east", "Zone west"]
    assert zones.index.tolist() == [0, 1]
    assert "geology_class" not in geology.columns


@pytest.mark.parametrize(("theirs", "ours"), GEOSURE.items())
def test_the_classes_of_a_licensed_layer_are_ours_by_the_area_file(theirs: str, ours: str) -> None:
    geology = ground(a_zone("Z", "A", LEFT)).assign(source_class=theirs)
    zones = hazard.zones(geology, GEOSURE)
    assert GeologyClass(zones["geology_class"].iloc[0]).name == ours


def test_an_unknown_class_is_an_error_and_never_no_hazard() -> None:
    geology = ground(a_zone("Z", "A", LEFT)).assign(source_class="F")
    with pytest.raises(SchemaError, match="class F has no meaning here") as caught:
        hazard.zones(geology, GEOSURE)
    assert "known are A, B, C, D, E" in str(caught.value)


@pytest.mark.parametrize("wrong", ["Z", "OUTSIDE", "c"])
def test_a_class_of_ours_that_there_is_not_is_a_fault_of_the_area_file(wrong: str) -> None:
    with pytest.raises(ConfigError, match=f"class {wrong}: is none of sinkwatch's classes"):
        hazard.zones(ground(a_zone("Z", "A", LEFT)), OURS | {"A": wrong})


def test_geology_that_breaks_its_contract_is_refused() -> None:
    bow_tie = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    with pytest.raises(SchemaError, match="a boundary that crosses itself: Z"):
        hazard.zones(ground(a_zone("Z", "A", bow_tie)), OURS)


def test_no_geology_gives_no_zones() -> None:
    zones = hazard.zones(ground(), OURS)
    assert schemas.ZONES.check(zones).empty
    assert hazard.edges(zones).empty


# ── Edges ────────────────────────────────────────────────────────────────────────────────────────


def test_only_the_sides_with_an_uncertainty_are_lines_in_the_ground() -> None:
    edges = hazard.edges(ground(a_zone("Z", "A", LEFT, sides_m={"east": 500, "north": 250})))
    assert schemas.EDGES.check(edges) is edges
    assert edges.crs == geo.BNG
    found = lines(edges)
    assert set(found) == {"Z-500", "Z-250"}
    assert found["Z-500"].equals(shapely.LineString([(100, 0), (100, 100)]))
    assert found["Z-250"].equals(shapely.LineString([(0, 100), (100, 100)]))


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        ("north", [(0, 100), (100, 100)]),
        ("east", [(100, 0), (100, 100)]),
        ("south", [(0, 0), (100, 0)]),
        ("west", [(0, 0), (0, 100)]),
    ],
)
@pytest.mark.parametrize("turned", [False, True], ids=["clockwise", "counter-clockwise"])
def test_a_side_is_where_it_looks_out_to_however_the_ring_runs(
    side: str,
    expected: list[tuple[float, float]],
    turned: bool,  # noqa: FBT001 - two cases
) -> None:
    shape = shapely.box(0, 0, 100, 100, ccw=turned)
    (line,) = lines(hazard.edges(ground(a_zone("Z", "A", shape, sides_m={side: 500})))).values()
    assert line.equals(shapely.LineString(expected))


def test_a_shared_line_is_given_once_with_the_greater_uncertainty() -> None:
    zones = ground(
        a_zone("A", "A", LEFT, uncertainty_m=500, sides_m={"east": 500}),
        a_zone("B", "B", RIGHT, uncertainty_m=750, sides_m={"west": 750, "east": 750}),
    )
    found = lines(hazard.edges(zones))
    assert set(found) == {"B-750"}
    shared_and_far = shapely.MultiLineString([[(100, 0), (100, 100)], [(200, 0), (200, 100)]])
    assert found["B-750"].equals(shared_and_far)


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_a_shared_line_known_equally_well_goes_to_the_first_by_id(order: list[int]) -> None:
    zones = ground(
        a_zone("A", "A", LEFT, sides_m={"east": 500}),
        a_zone("B", "B", RIGHT, sides_m={"west": 500}),
    )
    assert set(lines(hazard.edges(zones.iloc[order]))) == {"A-500"}


def test_a_line_that_one_of_two_zones_only_stopped_at_is_still_a_line() -> None:
    zones = ground(
        a_zone("A", "A", LEFT, sides_m={"east": np.nan}),
        a_zone("B", "B", RIGHT, sides_m={"west": 750}),
    )
    assert set(lines(hazard.edges(zones))) == {"B-750"}


def test_sides_that_are_all_artificial_leave_no_line() -> None:
    assert hazard.edges(ground(a_zone("Z", "A", LEFT))).empty


def test_the_stretches_of_one_side_are_joined_to_one_line() -> None:
    bent = shapely.Polygon([(0, 0), (100, 0), (110, 50), (100, 100), (0, 100)])
    (line,) = lines(hazard.edges(ground(a_zone("Z", "A", bent, sides_m={"east": 500})))).values()
    assert line.equals(shapely.LineString([(100, 0), (110, 50), (100, 100)]))
    assert line.geom_type == "LineString"


def test_every_piece_of_a_zone_has_its_sides() -> None:
    pieces = shapely.MultiPolygon([shapely.box(0, 0, 10, 10), shapely.box(50, 0, 60, 10)])
    (line,) = lines(hazard.edges(ground(a_zone("Z", "A", pieces, sides_m={"east": 500})))).values()
    assert line.equals(shapely.MultiLineString([[(10, 0), (10, 10)], [(60, 0), (60, 10)]]))


def test_the_edge_of_a_hole_looks_out_into_the_hole() -> None:
    hole = shapely.box(0, 0, 100, 100).difference(shapely.box(40, 40, 60, 60))
    (line,) = lines(hazard.edges(ground(a_zone("Z", "A", hole, sides_m={"east": 500})))).values()
    # Outwards to the east lie the far right side, and the left side of the hole.
    assert line.equals(shapely.MultiLineString([[(100, 0), (100, 100)], [(40, 40), (40, 60)]]))


def test_where_a_zone_was_cut_to_fit_there_is_no_edge() -> None:
    window = Bounds(min_easting=0, min_northing=0, max_easting=100, max_northing=300)
    tall = shapely.box(0, 100, 60, 200)
    sides = dict.fromkeys(("north", "east", "south", "west"), 50.0)
    whole = ground(a_zone("Z", "C", tall, sides_m=sides)).assign(geology_class=3)
    cut = whole.assign(drawn_within=[window])
    west = shapely.LineString([(0, 100), (0, 200)])
    drawn = shapely.union_all(hazard.edges(cut).geometry.to_numpy())
    assert shapely.union_all(hazard.edges(whole).geometry.to_numpy()).covers(west)
    assert not drawn.intersects(shapely.LineString([(0, 110), (0, 190)]))
    assert drawn.covers(shapely.LineString([(60, 100), (60, 200)]))
