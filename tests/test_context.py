"""What is said of a place's surroundings, sentence by sentence, and where nothing is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from sinkwatch import context
from sinkwatch.model import Surroundings
from tests import surroundings
from tests.surroundings import (
    EAST,
    NORTH,
    a_borehole,
    a_designation,
    a_rock,
    a_street,
    near,
    square,
)
from tests.world import BANNED_WORDS, a_place

if TYPE_CHECKING:
    from sinkwatch.model import Place

MILL_LANE = a_place(EAST, NORTH)


def remark(place: Place = MILL_LANE, **frames: Any) -> str:  # noqa: ANN401 - frames
    """The one remark on a place; empty if there is none."""
    found = context.of_place(place, Surroundings(**frames), "gypsum")
    assert len(found) < 2
    return "".join(found)


def of_rocks(*rows: Any) -> str:  # noqa: ANN401 - rows
    return remark(rocks=surroundings.rocks(*rows))


def of_boreholes(*rows: Any, place: Place = MILL_LANE) -> str:  # noqa: ANN401 - rows
    return remark(place, boreholes=surroundings.boreholes(*rows))


def of_designations(*rows: Any, place: Place = MILL_LANE) -> str:  # noqa: ANN401 - rows
    return remark(place, designations=surroundings.designations(*rows))


FULL = Surroundings(
    names=surroundings.names(a_street()),
    rocks=surroundings.rocks(a_rock()),
    boreholes=surroundings.boreholes(a_borehole()),
    designations=surroundings.designations(a_designation()),
)


# ── All of it ────────────────────────────────────────────────────────────────────────────────


def test_everything_is_said_from_the_street_down_to_designations() -> None:
    assert "\n".join(context.of_place(MILL_LANE, FULL, "gypsum")) == (
        "Near Example Lane (OS Open Names).\n"
        "BGS's map at 1:625 000 shows here: Zechstein Group, dolomitised limestone and dolomite "
        "(bedrock). At that scale it cannot locate gypsum.\n"
        "BGS's index lists 1 borehole within 250 m; it is about 40 m (± 15 m) away (SE37SW1, 30 m "
        "deep, 1985). That one was drilled is recorded, not what it found.\n"
        "The place lies in the Smallworld conservation area (planning.data.gov.uk). "
        "Designations say nothing of the ground."
    )


def test_what_no_source_gave_is_not_spoken_of() -> None:
    assert context.of_place(MILL_LANE, Surroundings(), "gypsum") == ()


@pytest.mark.parametrize(("easting", "northing"), [(None, None), (None, NORTH), (EAST, None)])
def test_a_place_without_a_position_has_no_surroundings(
    easting: float | None, northing: float | None
) -> None:
    assert context.of_place(a_place(easting, northing), FULL, "gypsum") == ()


def test_of_frames_that_hold_nothing_only_the_index_says_so() -> None:
    empty = Surroundings(
        names=surroundings.names(),
        rocks=surroundings.rocks(),
        boreholes=surroundings.boreholes(),
        designations=surroundings.designations(),
    )
    assert context.of_place(MILL_LANE, empty, "gypsum") == (
        "BGS's index lists no borehole within 250 m.",
    )


@given(east_m=st.floats(-9_000, 9_000), north_m=st.floats(-9_000, 9_000))
def test_no_place_is_told_a_banned_word(east_m: float, north_m: float) -> None:
    place = a_place(EAST + east_m, NORTH + north_m)
    said = " ".join(context.of_place(place, FULL, "gypsum")).casefold()
    assert not [word for word in BANNED_WORDS if word in said]


# ── Street ───────────────────────────────────────────────────────────────────────────────────


def test_a_street_that_reaches_no_nearer_than_100_m_is_not_named() -> None:
    assert remark(names=surroundings.names(a_street(geometry=near(161)))) == ""


@pytest.mark.parametrize("label", ["Example Lane", "Example Lane, Smallworld"])
def test_a_street_is_not_said_to_be_near_itself(label: str) -> None:
    assert remark(a_place(EAST, NORTH, label=label), names=FULL.names) == ""


# ── Rock ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("rock", "says"),
    [
        ({}, "Zechstein Group, dolomitised limestone and dolomite (bedrock)"),
        ({"rock": None}, "Zechstein Group (bedrock)"),
        ({"name": "MUDSTONE", "rock": "Mudstone"}, "Mudstone (bedrock)"),
        (
            {"name": "PERMIAN ROCKS (UNDIFFERENTIATED)", "rock": "MUDSTONE"},
            "Permian Rocks (undifferentiated), mudstone (bedrock)",
        ),
        ({"name": "Example Group", "rock": "Coal"}, "Example Group, Coal (bedrock)"),
        ({"layer": "superficial", "name": "TILL", "rock": None}, "till (superficial)"),
        (
            {"layer": "dyke", "name": "EXAMPLE DYKE", "rock": "BASALT"},
            "Example Dyke, basalt (dyke)",
        ),
    ],
)
def test_a_rock_is_written_as_in_a_sentence(rock: dict[str, object], says: str) -> None:
    assert of_rocks(a_rock(**rock)) == (
        f"BGS's map at 1:625 000 shows here: {says}. At that scale it cannot locate gypsum."
    )


def test_the_rock_that_it_cannot_locate_is_called_what_the_area_calls_it() -> None:
    found = context.of_place(MILL_LANE, Surroundings(rocks=surroundings.rocks(a_rock())), "chalk")
    assert found[0].endswith(". At that scale it cannot locate chalk.")


def test_bedrock_comes_before_what_lies_on_it_and_nothing_twice() -> None:
    till = {"layer": "superficial", "name": "TILL", "rock": None}
    said = of_rocks(
        a_rock(4, **till), a_rock(3, **till), a_rock(2, rock=None), a_rock(1, name="COAL")
    )
    listed = said.removeprefix("BGS's map at 1:625 000 shows here: ").partition(". ")[0]
    assert listed == (
        "Coal, dolomitised limestone and dolomite (bedrock); Zechstein Group (bedrock); "
        "till (superficial)"
    )


@pytest.mark.parametrize(
    ("changed", "is_said"),
    [
        ({"geometry": square(1_000, east_m=999)}, True),
        ({"geometry": square(1_000, east_m=1_001)}, False),
        ({"layer": "fault", "geometry": shapely.LineString([near(-9), near(9)])}, False),
    ],
    ids=["it reaches the place", "it ends 1 m short", "a line covers nothing"],
)
def test_only_what_covers_the_place_is_named(changed: dict[str, object], is_said: bool) -> None:  # noqa: FBT001
    assert bool(of_rocks(a_rock(**changed))) is is_said


# ── Boreholes ────────────────────────────────────────────────────────────────────────────────


def test_boreholes_are_counted_to_250_m_and_the_nearest_is_told() -> None:
    said = of_boreholes(
        a_borehole(1, geometry=near(250)),
        a_borehole(2, geometry=near(0, -79)),
        a_borehole(3, geometry=near(250.1)),
        a_borehole(4, geometry=near(-180)),
    )
    assert said == (
        "BGS's index lists 3 boreholes within 250 m; the nearest is about 80 m (± 15 m) away "
        "(SE37SW2, 30 m deep, 1985). That one was drilled is recorded, not what it found."
    )


def test_of_two_equally_near_the_first_by_key_is_told_whatever_their_order() -> None:
    assert "(SE37SW1, " in of_boreholes(a_borehole(2), a_borehole(1))
    assert "(SE37SW1, " in of_boreholes(a_borehole(1), a_borehole(2))


def test_none_within_the_radius_is_said_where_the_index_is_held() -> None:
    said = of_boreholes(a_borehole(geometry=near(250.1)))
    assert said == "BGS's index lists no borehole within 250 m."


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"length_m": np.nan}, "(SE37SW1, 1985)"),
        ({"length_m": 0.0}, "(SE37SW1, 1985)"),
        ({"length_m": 1_250.4}, "(SE37SW1, 1,250 m deep, 1985)"),
        ({"year": np.nan}, "(SE37SW1, 30 m deep)"),
        ({"year": np.nan, "length_m": np.nan}, "(SE37SW1)"),
        ({"position_uncertainty_m": np.nan}, "it is about 40 m away ("),
        ({"position_uncertainty_m": np.nan, "geometry": near(1)}, "it is under 5 m away ("),
        ({"position_uncertainty_m": 100.0}, "it is about 40 m (± 110 m) away ("),
        ({"geometry": near(2)}, "it is under 5 m (± 15 m) away ("),
    ],
)
def test_only_what_the_index_knows_of_a_borehole_is_told(
    changed: dict[str, object], says: str
) -> None:
    assert says in of_boreholes(a_borehole(**changed))


def test_a_place_with_a_boundary_is_measured_from_its_edge() -> None:
    site = a_place(EAST, NORTH, geometry=square(200))
    assert of_boreholes(a_borehole(geometry=near(320)), place=site).startswith(
        "BGS's index lists 1 borehole within 250 m; it is about 120 m (± 15 m) away"
    )


# ── Designations ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({}, "the Smallworld conservation area"),
        ({"name": "Smallworld Conservation Area"}, "the Smallworld Conservation Area"),
        ({"name": None}, "a conservation area"),
        ({"name": None, "dataset": "article-4-direction-area"}, "an article 4 direction area"),
        (
            {"name": "Article 4 Direction: shopfronts", "dataset": "article-4-direction-area"},
            "the Article 4 Direction: shopfronts",
        ),
    ],
)
def test_a_designation_is_named_once_by_name_and_kind(
    changed: dict[str, object], says: str
) -> None:
    assert of_designations(a_designation(**changed)) == (
        f"The place lies in {says} (planning.data.gov.uk). Designations say nothing of the ground."
    )


def test_a_name_without_end_is_cut() -> None:
    assert "word word…" in of_designations(a_designation(name="word " * 100))


@pytest.mark.parametrize(
    ("shape", "uncertainty_m", "says"),
    [
        (square(1_000, east_m=989), 10.0, "lies in the"),
        (square(1_000, east_m=991), 10.0, "lies in or at the edge of the"),
        (square(1_000, east_m=999), 100.0, "lies in or at the edge of the"),
        (square(1_000, east_m=1_001), 100.0, ""),
    ],
    ids=["well inside", "nearer the edge than is known", "a postcode's centre", "outside"],
)
def test_a_place_near_an_edge_is_not_said_to_lie_inside_for_certain(
    shape: shapely.Polygon, uncertainty_m: float, says: str
) -> None:
    place = a_place(EAST, NORTH, position_uncertainty_m=uncertainty_m)
    said = of_designations(a_designation(geometry=shape), place=place)
    assert says in said
    assert bool(says) is bool(said)


def test_a_site_that_is_partly_inside_lies_at_the_edge() -> None:
    site = a_place(EAST, NORTH, geometry=square(200))
    said = of_designations(a_designation(geometry=square(500, east_m=600)), place=site)
    assert said.startswith("The place lies in or at the edge of the Smallworld conservation area")


def test_every_designation_is_named_and_the_ground_spoken_of_once() -> None:
    said = of_designations(a_designation(2, name="Old Town"), a_designation(1))
    assert said == (
        "The place lies in the Smallworld conservation area (planning.data.gov.uk). "
        "The place lies in the Old Town conservation area (planning.data.gov.uk). "
        "Designations say nothing of the ground."
    )


@pytest.mark.parametrize(
    ("distances_m", "says"),
    [
        ([50.0], "1 listed building lies within 50 m"),
        ([0.0, 49.0, 51.0], "2 listed buildings lie within 50 m"),
    ],
)
def test_listed_buildings_are_counted_to_50_m(distances_m: list[float], says: str) -> None:
    listed = [
        a_designation(number, dataset="listed-building", geometry=near(distance_m))
        for number, distance_m in enumerate(distances_m)
    ]
    assert of_designations(*listed) == (
        f"{says} (planning.data.gov.uk). Designations say nothing of the ground."
    )


@pytest.mark.parametrize(
    "changed",
    [{"dataset": "listed-building", "geometry": near(51)}, {"geometry": near()}],
    ids=["a listed building further off", "an area known as a point only"],
)
def test_no_designation_here_is_not_spoken_of(changed: dict[str, object]) -> None:
    assert of_designations(a_designation(**changed)) == ""
