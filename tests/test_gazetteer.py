from __future__ import annotations

import doctest
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from sinkwatch import gazetteer, geo
from sinkwatch.errors import CoverageError, PlaceError, SinkwatchError
from sinkwatch.model import Place, PlaceKind
from tests import world

if TYPE_CHECKING:
    from sinkwatch.gazetteer import Gazetteer

# The area's bounds are Ripon's, so that real positions can be given; its names are made up.
MILL = {
    "place_id": "mill-lane",
    "name": "Mill Lane Works",
    "short_name": "Mill Works",
    "easting": 431_579,
    "northing": 471_829,
}
CHAPEL = MILL | {"place_id": "chapel-hill", "name": "Chapel Hill", "short_name": "Chapel"}


def names(
    *,
    places: tuple[dict[str, object], ...] = (MILL, CHAPEL),
    applications: tuple[dict[str, object], ...] = (),
) -> Gazetteer:
    return gazetteer.Gazetteer(
        area=world.an_area(),
        postcodes=world.postcodes(("SM1 1AA", 431_600, 471_740), ("SM1 1AB", 431_700, 471_800)),
        places=world.places(*places),
        applications=world.applications(*applications),
        postcodes_edition="August 2014",
    )


def test_the_examples_in_the_docstrings_hold() -> None:
    outcome = doctest.testmod(gazetteer)
    assert (outcome.failed, outcome.attempted > 0) == (0, True)


# ── Postcodes ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("words", ["SM1 1AA", "sm11aa", "  Sm1   1aA ", "SM1\u00a01AA"])
def test_a_postcode_that_is_held_is_the_centre_of_its_unit(words: str) -> None:
    place = gazetteer.find(names(), words)
    assert place == Place(
        place_id="SM1 1AA",
        label="SM1 1AA",
        kind=PlaceKind.POSTCODE,
        easting=431_600.0,
        northing=471_740.0,
        position_uncertainty_m=100.0,
        basis="centre of the postcode unit, which has several addresses; not a house",
    )


def test_a_postcode_missing_from_the_list_is_refused_with_the_lists_date_and_a_way_out() -> None:
    with pytest.raises(PlaceError) as caught:
        gazetteer.find(names(), "sm1 9zz")
    message = str(caught.value)
    assert message.startswith("SM1 9ZZ: is not in the list of postcodes held (August 2014)")
    assert "try a neighbour's postcode, or give a grid reference" in message


@pytest.mark.parametrize("words", ["YO1 7HH", "SM11 1AA", "w1a 1aa"])
def test_a_postcode_of_elsewhere_is_a_place_without_a_position(words: str) -> None:
    place = gazetteer.find(names(), words)
    assert (place.label, place.kind) == (words.upper(), PlaceKind.POSTCODE)
    assert (place.easting, place.northing) == (None, None)


def test_where_a_position_is_needed_a_postcode_of_elsewhere_is_refused() -> None:
    with pytest.raises(PlaceError, match="YO1 7HH: lies outside Smallworld, the area held"):
        gazetteer.postcode(names(), "yo1 7hh")
    with pytest.raises(PlaceError, match='"mill-lane": has not the form of a postcode'):
        gazetteer.postcode(names(), "mill-lane")
    assert gazetteer.postcode(names(), "sm11ab").easting == 431_700


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (" sm11aa ", "SM1 1AA"),
        ("W1A1AA", "W1A 1AA"),
        ("EC1A 1BB", "EC1A 1BB"),
        ("M1 1AE", "M1 1AE"),
    ],
)
def test_a_postcode_is_written_in_its_usual_form(words: str, expected: str) -> None:
    assert gazetteer.normalised_postcode(words) == expected


@pytest.mark.parametrize(
    "words", ["", "HG4", "1HS", "HG4 1H", "HG4 1HSX", "\u212aG4 1HS", "HG\u0664 1HS"]
)
def test_what_has_not_the_form_of_a_postcode_is_none(words: str) -> None:
    assert gazetteer.normalised_postcode(words) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 Mill Lane, Smalltown SM1 1AA", "SM1 1AA"),
        ("Flat B2 3rd floor, sm11ab, Smallshire", "SM1 1AB"),
        ("Mill Lane, Smalltown", None),
        ("ref XSM1 1AAX", None),
    ],
)
def test_a_postcode_is_found_in_an_address(text: str, expected: str | None) -> None:
    assert gazetteer.postcode_in(text) == expected


# ── Figures ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "words",
    ["431579,471829", "431579, 471829", "431579 471829", "431579;471829", "431579.0,471829."],
)
def test_easting_and_northing_are_read_however_they_are_parted(words: str) -> None:
    place = gazetteer.find(names(), words)
    assert (place.easting, place.northing) == (431_579, 471_829)
    assert (place.kind, place.position_uncertainty_m) == (PlaceKind.POSITION, geo.POSITION_FLOOR_M)
    assert place.place_id == "SE 31579 71829"
    assert place.basis == "as given"


def test_latitude_and_longitude_are_read_in_that_order() -> None:
    place = gazetteer.find(names(), "54.14134578,-1.51811846")
    assert place.easting is not None
    assert place.northing is not None
    assert math.hypot(place.easting - 431_579, place.northing - 471_829) < 0.01


@settings(max_examples=60)
@given(st.integers(424_800, 438_100), st.integers(464_900, 477_300))
def test_a_point_given_in_either_system_is_the_same_within_a_centimetre(
    easting: int, northing: int
) -> None:
    longitude, latitude = (axis[0] for axis in geo.to_wgs84(easting, northing))
    held = names()
    in_metres = gazetteer.find(held, f"{easting},{northing}")
    in_degrees = gazetteer.find(held, f"{latitude:.8f},{longitude:.8f}")
    apart = (in_metres.easting - in_degrees.easting, in_metres.northing - in_degrees.northing)
    assert math.hypot(*apart) < 0.01
    assert in_metres.position_uncertainty_m == in_degrees.position_uncertainty_m


@pytest.mark.parametrize(
    ("words", "least_m", "most_m"),
    [
        ("54.1413,-1.5181", 10, 10),  # ± 5.6 m north and 3.3 m east: under the floor of 10 m
        ("54.141,-1.518", 64, 65),  # 55.7 m and 32.6 m
        ("54.14,-1.52", 645, 646),
        ("54.1,-1.5", 6_400, 6_500),
        ("54,-2", 64_000, 65_000),
        ("54.14134578,-1.5", 3_200, 3_300),  # as vague as the vaguer of the two
    ],
)
def test_few_decimals_make_a_vague_position(words: str, least_m: float, most_m: float) -> None:
    assert least_m <= gazetteer.find(names(), words).position_uncertainty_m <= most_m


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        ("471829,431579", "431579,471829"),
        ("471829.5,431579.25", "431579.25,471829.5"),
        ("-1.5181,54.1413", "54.1413,-1.5181"),
    ],
)
def test_exchanged_axes_are_refused_and_never_put_right_silently(words: str, instead: str) -> None:
    with pytest.raises(PlaceError, match="the other way round it would lie in the area") as caught:
        gazetteer.find(names(), words)
    assert f"write {instead}" in str(caught.value)
    assert gazetteer.find(names(), instead).easting is not None


@pytest.mark.parametrize("words", ["nan,471829", "431579,NaN", "inf,-inf", f"{'9' * 400},1"])
def test_a_coordinate_that_is_no_finite_number_is_refused(words: str) -> None:
    with pytest.raises(PlaceError, match="a coordinate must be a finite number"):
        gazetteer.find(names(), words)


@pytest.mark.parametrize(
    "words",
    [
        "48.85,2.35",  # Paris
        "54.14,-120.5",
        "90,90",
        "-5,471829",
        "700000,471829",
        "431579,1300000",
        "431579,-471829",
        "5,600000",  # on the grid, but far out at sea where OSTN15 has no value
    ],
)
def test_a_position_outside_great_britain_is_refused(words: str) -> None:
    with pytest.raises(CoverageError, match="lies outside Great Britain"):
        gazetteer.find(names(), words)


def test_a_position_in_great_britain_but_not_in_the_area_is_a_good_answer() -> None:
    assert gazetteer.find(names(), "530000,180000").place_id == "TQ 30000 80000"


@pytest.mark.parametrize(
    ("words", "easting", "northing", "uncertainty_m"),
    [
        ("SE 3 7", 435_000, 475_000, 7_100),
        ("SE 31 72", 431_500, 472_500, 710),
        ("se318726", 431_850, 472_650, 71),
        ("SE 3187 7262", 431_875, 472_625, 10),
        ("SE 31879 72621", 431_879.5, 472_621.5, 10),
    ],
)
def test_a_grid_reference_is_as_vague_as_its_figures_are_few(
    words: str, easting: float, northing: float, uncertainty_m: float
) -> None:
    place = gazetteer.find(names(), words)
    assert (place.easting, place.northing) == (easting, northing)
    assert place.position_uncertainty_m == uncertainty_m
    assert place.label == words.upper()


def test_a_grid_reference_with_a_figure_missing_is_refused() -> None:
    with pytest.raises(PlaceError, match="as many figures east as north"):
        gazetteer.find(names(), "SE 318 72")


# ── Names ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "words", ["mill-lane", "MILL-LANE", "Mill Lane Works", "mill works", "  mill   works "]
)
def test_a_site_is_found_by_its_id_its_name_and_its_short_name(words: str) -> None:
    place = gazetteer.find(names(), words)
    assert (place.place_id, place.label, place.kind) == (
        "mill-lane",
        "Mill Lane Works",
        PlaceKind.SITE,
    )
    assert (place.easting, place.position_uncertainty_m) == (431_579, 80)
    assert place.basis == "published point"


def test_a_name_that_two_places_bear_is_refused_with_their_ids() -> None:
    twin = CHAPEL | {"place_id": "chapel-street", "name": "Chapel Street"}
    with pytest.raises(PlaceError, match='"chapel": more than one goes by that') as caught:
        gazetteer.find(names(places=(CHAPEL, twin)), "chapel")
    assert "chapel-hill, chapel-street. Give one of those." in str(caught.value)


def test_an_unknown_site_is_refused_with_those_that_are_close() -> None:
    with pytest.raises(PlaceError) as caught:
        gazetteer.find(names(), "Mill Lan")
    message = str(caught.value)
    assert message.startswith('"Mill Lan": names no place that is held; close to it are mill-lane.')
    assert 'a grid reference such as "SE 318 726"' in message


def test_an_unknown_site_that_is_like_nothing_offers_nothing() -> None:
    with pytest.raises(PlaceError, match='"xyzzy": names no place that is held\\. Write'):
        gazetteer.find(names(), "xyzzy")


@pytest.mark.parametrize("words", ["", "   ", "\n\t"])
def test_no_words_name_no_place(words: str) -> None:
    with pytest.raises(PlaceError, match="an empty place: a place must be named"):
        gazetteer.find(names(), words)


MAPPED = {"reference": "26/00001/FUL", "easting": 431_600, "northing": 471_700}
UNMAPPED = {
    "reference": "26/00002/FUL",
    "position_uncertainty_m": math.nan,
    "position_basis": "no position is given and the address holds no postcode",
}


@pytest.mark.parametrize("words", ["26/00001/FUL", "26/00001/ful", "small council/26/00001/FUL"])
def test_an_application_is_found_by_its_reference_or_its_key(words: str) -> None:
    place = gazetteer.find(names(applications=(MAPPED, UNMAPPED)), words)
    assert (place.place_id, place.label, place.kind) == (
        "Small Council/26/00001/FUL",
        "application 26/00001/FUL",
        PlaceKind.APPLICATION,
    )
    assert (place.easting, place.northing, place.position_uncertainty_m) == (431_600, 471_700, 5)


def test_an_application_that_nobody_mapped_has_no_position_and_says_why() -> None:
    place = gazetteer.find(names(applications=(MAPPED, UNMAPPED)), "26/00002/FUL")
    assert (place.easting, place.northing) == (None, None)
    assert place.basis == "no position is given and the address holds no postcode"


def test_a_point_that_is_not_known_how_well_is_not_used() -> None:
    vague = MAPPED | {"position_uncertainty_m": math.nan}
    assert gazetteer.find(names(applications=(vague,)), "26/00001/FUL").easting is None


def test_a_reference_that_two_authorities_use_is_refused_with_both_keys() -> None:
    other = MAPPED | {"authority": "Big Council"}
    with pytest.raises(PlaceError) as caught:
        gazetteer.find(names(applications=(MAPPED, other)), "26/00001/FUL")
    assert "Big Council/26/00001/FUL, Small Council/26/00001/FUL" in str(caught.value)


def test_a_name_goes_before_a_grid_reference() -> None:
    held = names(places=(MILL | {"name": "SE 31 72"},))
    assert gazetteer.find(held, "SE 31 72").place_id == "mill-lane"


HELD = names(applications=(MAPPED, UNMAPPED))


@settings(max_examples=200)
@given(
    st.one_of(
        st.text(),
        st.text("0123456789.,-+ eSEHG/", max_size=20),
        st.from_regex(r"[A-Za-z]{1,2}\d{1,12}( \d{1,6})?", fullmatch=True),
    )
)
def test_any_words_name_a_place_or_are_refused_in_one_line(words: str) -> None:
    try:
        place = gazetteer.find(HELD, words)
    except SinkwatchError as error:
        assert str(error).isprintable()  # noqa: PT017 - either outcome is good, nothing else is
    else:
        assert place.position_uncertainty_m >= 5


def test_an_application_with_a_boundary_is_known_to_its_edge() -> None:
    ground = shapely.box(0, 0, 100, 100)
    row = pd.Series(
        {
            "application_key": "A/1",
            "reference": "1",
            "geometry": shapely.Point(50, 50),
            "position_uncertainty_m": 71.0,
            "position_basis": "given",
            "boundary": ground,
        }
    )
    place = gazetteer.of_application(row)
    assert place.geometry == ground
    assert place.position_uncertainty_m == geo.BOUNDARY_UNCERTAINTY_M
    assert gazetteer.of_application(row.drop("boundary")).position_uncertainty_m == 71.0


# ── Streets and addressable locations ────────────────────────────────────────────────────────


def with_lists() -> gazetteer.Gazetteer:
    """One that also knows two High Streets, a village and two addressable locations."""
    streets = geo.bng_frame(
        {
            "name_id": ["osgb1", "osgb2", "osgb3", "osgb4"],
            "name": ["High Street", "High Street", "Mill Lane", "Nether Ash"],
            "local_type": ["Named Road", "Named Road", "Named Road", "Village"],
            "postcode_district": pd.Series(["SM1", "SM2", "SM1", None], dtype="str"),
            "populated_place": pd.Series(["Far Ash", "Nether Ash", None, None], dtype="str"),
            "position_uncertainty_m": [80.0, 60.0, 40.0, 900.0],
        },
        [431_000.0, 432_000.0, 433_000.0, 432_100.0],
        [471_000.0, 472_000.0, 473_000.0, 472_100.0],
    )
    addresses = geo.bng_frame(
        {
            "address_id": ["uprn/100", "osm/node/7", "prices/1"],
            "address": pd.Series([None, "1 Mill Lane", "2 Mill Lane"], dtype="str"),
            "postcode": pd.Series([None] * 3, dtype="str"),
            "position_uncertainty_m": [10.0, 25.0, np.nan],
        },
        [431_100.0, 431_200.0, np.nan],
        [471_100.0, 471_200.0, np.nan],
    )
    return replace(names(), names=streets, addresses=addresses)


@pytest.mark.parametrize(
    ("words", "label", "kind", "easting"),
    [
        ("mill lane", "Mill Lane", PlaceKind.STREET, 433_000),
        ("High Street, far ash", "High Street, Far Ash", PlaceKind.STREET, 431_000),
        ("Nether Ash", "Nether Ash", PlaceKind.VILLAGE, 432_100),
        ("UPRN/100", "uprn/100", PlaceKind.POSITION, 431_100),
        ("osm/node/7", "1 Mill Lane", PlaceKind.POSITION, 431_200),
    ],
)
def test_a_street_a_village_and_an_addressable_location_are_found(
    words: str, label: str, kind: PlaceKind, easting: float
) -> None:
    place = gazetteer.find(with_lists(), words)
    assert (place.label, place.kind, place.easting) == (label, kind, easting)
    assert "not a house" in place.basis or "addressable location" in place.basis


def test_of_two_streets_of_one_name_neither_is_picked() -> None:
    with pytest.raises(PlaceError, match="High Street, Far Ash; High Street, Nether Ash"):
        gazetteer.find(with_lists(), "High Street")


@pytest.mark.parametrize("words", ["prices/1", "uprn/999", "Low Street", "High Street, Nowhere"])
def test_what_the_lists_do_not_place_is_refused(words: str) -> None:
    with pytest.raises(PlaceError, match="names no place that is held"):
        gazetteer.find(with_lists(), words)
