"""Where an application lies: the best of what is said of it, step by step down to nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from sinkwatch import geo, geocode, schemas
from sinkwatch.geocode import Geocoder
from sinkwatch.model import Surroundings
from sinkwatch.sources.planning import applications as planning

if TYPE_CHECKING:
    from sinkwatch.model import Inputs

GIVEN = (431_579.0, 471_829.0)


def an_application(number: int = 1, **said: Any) -> dict[str, Any]:  # noqa: ANN401 - any column
    return {
        "application_key": f"Small Council/R{number}",
        "reference": f"R{number}",
        "authority": "Small Council",
        "address": "",
        "description": "A house",
        "status": "undecided",
        "status_text": "Pending",
        "received_on": pd.NaT,
        "decided_on": pd.NaT,
        "position_uncertainty_m": np.nan,
        "position_basis": "no point given; not mapped",
        "postcode": None,
        "url": None,
        "geometry": None,
        **said,
    }


def at(easting: float, northing: float) -> dict[str, Any]:
    return {
        "geometry": shapely.Point(easting, northing),
        "position_uncertainty_m": 10.0,
        "position_basis": "point given with the application",
    }


def applications(*rows: dict[str, Any]) -> gpd.GeoDataFrame:
    frame = gpd.GeoDataFrame(list(rows), geometry="geometry", crs=geo.BNG)
    typed = frame.astype({"received_on": "datetime64[s]", "decided_on": "datetime64[s]"})
    return schemas.APPLICATIONS.check(typed)


def postcodes(*rows: tuple[str, float, float, str]) -> gpd.GeoDataFrame:
    """Each a postcode, its centre and its district."""
    columns = {
        "postcode": [row[0] for row in rows],
        "district_code": [row[3] for row in rows],
        "position_uncertainty_m": [100.0] * len(rows),
    }
    return geo.bng_frame(columns, [row[1] for row in rows], [row[2] for row in rows])


def names(*rows: tuple[str, str | None, str | None, float, float, float]) -> gpd.GeoDataFrame:
    """Each a street: its name, its place, its postcode district, its point and its reach."""
    columns = {
        "name_id": [f"osgb{number}" for number in range(len(rows))],
        "name": [row[0] for row in rows],
        "local_type": ["Named Road"] * len(rows),
        "populated_place": pd.Series([row[1] for row in rows], dtype="str"),
        "postcode_district": pd.Series([row[2] for row in rows], dtype="str"),
        "position_uncertainty_m": [row[5] for row in rows],
    }
    frame = geo.bng_frame(columns, [row[3] for row in rows], [row[4] for row in rows])
    return schemas.NAMES.check(frame)


def addresses(*rows: tuple[str | None, float, float]) -> gpd.GeoDataFrame:
    columns = {
        "address_id": [f"osm/node/{number}" for number in range(len(rows))],
        "address": pd.Series([row[0] for row in rows], dtype="str"),
        "postcode": pd.Series([None] * len(rows), dtype="str"),
        "position_uncertainty_m": [20.0] * len(rows),
    }
    frame = geo.bng_frame(columns, [row[1] for row in rows], [row[2] for row in rows])
    return schemas.ADDRESSES.check(frame)


POSTCODES = postcodes(
    ("SM1 1AA", 431_500, 471_500, "E1"),
    ("SM1 1AB", 431_700, 471_700, "E1"),
    ("BG1 1AA", 435_000, 471_500, "E2"),
)
NAMES = names(
    ("Station Lane", "Smallworld", "SM1", 431_400, 471_400, 120.0),
    ("High Street", "Smallworld", "SM1", 431_450, 471_300, 80.0),
    ("High Street", "Far Ash", "SM2", 437_000, 476_000, 60.0),
)


def a_geocoder(**changes: Any) -> Geocoder:  # noqa: ANN401 - any field
    made = {
        "postcodes": POSTCODES,
        "addresses": geocode._by_text(addresses(("1 Station Lane", 431_390, 471_410))),  # noqa: SLF001 - what `of` does with a frame
        "streets": geocode._by_name(NAMES),  # noqa: SLF001 - as above
        "districts": {},
    }
    return Geocoder(**{**made, **changes})


def placed(
    geocoder: Geocoder | None = None,
    **said: Any,  # noqa: ANN401 - any column
) -> tuple[tuple[float, float] | None, float, str]:
    """Return where one application is put, how well that is known, and how it was found."""
    frame = geocode.applications(applications(an_application(**said)), geocoder or a_geocoder())
    (row,) = schemas.APPLICATIONS.check(frame).to_dict("records")
    point = row["geometry"]
    where = None if point is None else (point.x, point.y)
    return where, row["position_uncertainty_m"], row["position_basis"]


def test_a_point_that_is_given_goes_before_all_else() -> None:
    assert placed(**at(*GIVEN), postcode="SM1 1AA", address="1 Station Lane") == (
        GIVEN,
        10.0,
        "point given with the application",
    )


@pytest.mark.parametrize(
    "said",
    [
        {"postcode": "sm11aa"},
        {"address": "1 Nowhere Row, SM1 1AA"},
        {"postcode": "SM1 1AA", "address": "near SM1 1AB"},
        {"postcode": "SM9 9ZZ", "address": "1 Station Lane, SM1 1AA"},
    ],
    ids=["its postcode", "one in its address", "its own first", "one in the address if not held"],
)
def test_without_a_point_the_centre_of_a_postcode_stands_for_it(said: dict[str, Any]) -> None:
    assert placed(**said) == ((431_500, 471_500), 100.0, "centre of the postcode SM1 1AA")


def test_without_a_postcode_an_address_that_is_listed_with_a_point_is_found() -> None:
    where, uncertainty_m, basis = placed(address="1 Station La, Smallworld")
    assert (where, uncertainty_m) == ((431_390, 471_410), 20.0)
    assert basis == "the address, as a list of addresses has it"


def test_an_address_that_is_listed_twice_is_not_guessed_at() -> None:
    twice = geocode._by_text(addresses(("1 The Row", 431_000, 471_000), ("1 the row", 1.0, 2.0)))  # noqa: SLF001 - what `of` does
    assert placed(a_geocoder(addresses=twice), address="1 The Row")[0] is None


@pytest.mark.parametrize(
    ("address", "postcode", "where"),
    [
        ("Land off Station Lane, Smallworld", None, (431_400, 471_400)),
        ("7 STATION LN", None, (431_400, 471_400)),
        ("3 High Street, Smallworld", None, (431_450, 471_300)),
        ("3 High Street, Far Ash", None, (437_000, 476_000)),
        ("3 High Street", "SM2 9ZZ", (437_000, 476_000)),
        ("3 High Street", None, None),
        ("Great Station Lane End", None, None),
        ("5 Upper Station Lane", None, None),
        ("12 Station Lane, Knaresborough", None, None),
        ("12 Station Lane, Boroughbridge, YO51 9AW", None, None),
        ("12 Station Lane", "HG5 0EQ", None),
        ("Land adj. to 12a Station Lane", None, (431_400, 471_400)),
        ("Home Farm, Station Lane, Smallworld", None, (431_400, 471_400)),
        ("", None, None),
    ],
    ids=[
        "a street and its town",
        "a street alone, shortened, that there is once",
        "one of two by its town",
        "the other by its town",
        "one of two by its postcode district",
        "one of two, nobody knows which",
        "a name that only holds a street's",
        "another street, whose name ends like one that is held",
        "a street of that name in a town that is not held",
        "the same, with a postcode that is not held",
        "a postcode of another district",
        "what leads the number",
        "a farm and its street",
        "no address",
    ],
)
def test_the_street_in_the_address_stands_for_it_unless_several_may_be_meant(
    address: str, postcode: str | None, where: tuple[float, float] | None
) -> None:
    found, uncertainty_m, basis = placed(address=address, postcode=postcode)
    assert found == where
    if where is None:
        assert np.isnan(uncertainty_m)
        assert basis == "no point given; not mapped"
    else:
        assert uncertainty_m in (120.0, 80.0, 60.0)
        assert basis.startswith("the middle of ")


def test_what_cannot_be_placed_is_kept_among_what_can() -> None:
    frame = applications(an_application(1), an_application(2, **at(*GIVEN)))
    located = geocode.applications(frame, a_geocoder())
    assert list(located["reference"]) == ["R1", "R2"]
    assert list(located.geometry.isna()) == [True, False]
    assert frame.geometry.isna().tolist() == [True, False]


def test_no_applications_are_none() -> None:
    assert geocode.applications(planning.empty(), a_geocoder()).empty


class TestAuthority:
    """District E1 is Small Council's; its nearest postcode is 3.3 km from that of E2."""

    def place(self, easting: float, **said: Any) -> tuple[Any, float, str]:  # noqa: ANN401 - a point or None
        own = a_geocoder(districts={"Small Council": ("E1",)})
        return placed(own, **at(easting, 471_500), **said)

    def test_a_point_nearest_to_a_postcode_of_its_own_authority_stays(self) -> None:
        assert self.place(431_600)[0] == (431_600, 471_500)

    def test_a_point_in_another_authority_gives_way_to_the_postcode(self) -> None:
        where, _, basis = self.place(434_900, postcode="SM1 1AA")
        assert where == (431_500, 471_500)
        assert basis == (
            "the point given lies in another authority; centre of the postcode SM1 1AA"
        )

    def test_a_point_in_another_authority_and_nothing_else_is_not_mapped_and_says_so(self) -> None:
        where, uncertainty_m, basis = self.place(434_900)
        assert where is None
        assert np.isnan(uncertainty_m)
        assert basis == "the point given lies in another authority; not mapped"

    # 433_355 is 1,655 m (and 200 m north) from SM1 1AB, so 1,667 m; 1,645 m from BG1 1AA.
    @pytest.mark.parametrize(("easting", "stays"), [(433_355, True), (433_700, False)])
    def test_a_point_by_the_border_is_believed(self, easting: float, *, stays: bool) -> None:
        assert (self.place(easting)[0] is not None) is stays

    def test_a_point_of_an_authority_whose_districts_are_not_known_is_believed(self) -> None:
        assert self.place(434_900, authority="Big Council")[0] == (434_900, 471_500)

    def test_without_districts_in_the_postcode_list_every_point_is_believed(self) -> None:
        bare = POSTCODES.drop(columns="district_code")
        own = a_geocoder(postcodes=bare, districts={"Small Council": ("E1",)})
        assert placed(own, **at(434_900, 471_500))[0] == (434_900, 471_500)

    def test_postcodes_whose_district_is_not_known_speak_for_nobody(self) -> None:
        bare = POSTCODES.assign(district_code=pd.Series(["E1", None, None], dtype="str"))
        own = a_geocoder(postcodes=bare, districts={"Small Council": ("E1",)})
        assert placed(own, **at(434_900, 471_500))[0] == (434_900, 471_500)
        nobody = a_geocoder(
            postcodes=POSTCODES.assign(district_code=pd.Series([None] * 3, dtype="str")),
            districts={"Small Council": ("E1",)},
        )
        assert placed(nobody, **at(434_900, 471_500))[0] == (434_900, 471_500)

    def test_an_authority_none_of_whose_postcodes_is_held_cannot_be_gainsaid(self) -> None:
        own = a_geocoder(districts={"Small Council": ("E9",)})
        assert placed(own, **at(434_900, 471_500))[0] == (434_900, 471_500)


class TestNearestStreet:
    @pytest.mark.parametrize(
        ("point", "name"),
        [
            ((431_400, 471_400), "Station Lane"),
            ((431_400, 471_619), "Station Lane"),
            ((431_400, 471_621), ""),
            ((437_050, 476_000), "High Street"),
        ],
        ids=["on it", "99 m beyond its reach", "101 m beyond", "on another"],
    )
    def test_a_street_is_named_that_reaches_the_point_or_nearly(
        self, point: tuple[float, float], name: str
    ) -> None:
        assert geocode.nearest_street(shapely.Point(point), NAMES) == name

    def test_of_two_that_reach_it_the_smaller_says_more(self) -> None:
        both = names(
            ("Long Road", None, None, 431_400, 471_400, 900.0),
            ("Short Close", None, None, 431_430, 471_400, 40.0),
        )
        assert geocode.nearest_street(shapely.Point(431_400, 471_400), both) == "Short Close"

    @pytest.mark.parametrize("nothing", [None, NAMES.iloc[:0]], ids=["no list", "an empty list"])
    def test_without_names_none_is_given(self, nothing: gpd.GeoDataFrame | None) -> None:
        assert geocode.nearest_street(shapely.Point(431_400, 471_400), nothing) == ""


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("Magdalen's Close", "magdalens close"),
        ("MAGDALEN’S  CL.", "magdalens close"),
        ("St Mary's St", "st marys street"),
        ("  ", ""),
    ],
)
def test_two_spellings_of_a_street_are_one(written: str, form: str) -> None:
    assert geocode.normalised(written) == form


@given(st.text(max_size=40))
def test_a_name_in_its_normal_form_stays_as_it_is(text: str) -> None:
    once = geocode.normalised(text)
    assert geocode.normalised(once) == once


def test_the_sources_are_put_in_order_to_be_looked_up(ripon_inputs: Inputs) -> None:
    bare = Geocoder.of(ripon_inputs, {})
    assert (bare.addresses, bare.streets) == ({}, {})
    around = Surroundings(names=NAMES, addresses=addresses(("1 Station Lane", 1.0, 2.0)))
    full = Geocoder.of(replace(ripon_inputs, surroundings=around), {"Small Council": ("E1",)})
    assert set(full.streets) == {"station lane", "high street"}
    assert set(full.addresses) == {"1 station lane"}
    assert full.districts == {"Small Council": ("E1",)}
