"""Planning applications: what is read of a council's rows, and what is refused."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import shapely

from sinkwatch import geo, schemas
from sinkwatch.errors import SchemaError
from sinkwatch.model import ApplicationStatus
from sinkwatch.sources.planning import applications
from tests.sources.samples import DATA

if TYPE_CHECKING:
    import geopandas as gpd

    from tests.sources.conftest import Load

HEAD = "reference,description,status"
PLACED = f"{HEAD},easting,northing"
POINT = {"type": "Point", "coordinates": [-1.51811846, 54.14134578]}  # 431,579 471,829


def a_feature(geometry: object = None, **properties: object) -> dict[str, object]:
    given = {"reference": "26/1", "description": "Homes", "status": "pending", **properties}
    return {"type": "Feature", "properties": given, "geometry": geometry}


def a_layer(*features: object, **members: object) -> str:
    return json.dumps({"type": "FeatureCollection", **members, "features": list(features)})


def rows(frame: gpd.GeoDataFrame) -> dict[str, dict[str, Any]]:
    names = [str(name) for name in frame.columns]
    cells = [dict(zip(names, row, strict=True)) for row in frame.itertuples(index=False)]
    return {str(row["reference"]): row for row in cells}


@pytest.fixture
def read(load: Load) -> Load:
    """Read a CSV file, or a GeoJSON one if it looks like that."""

    def make(content: bytes | str, name: str = "", **options: Any) -> gpd.GeoDataFrame:  # noqa: ANN401 - as `load`
        ending = "geojson" if content[:1] in (b"{", "{") else "csv"
        return load("applications", name or f"planning.{ending}", content, **options)

    return make


def faults(read: Load, content: bytes | str, name: str = "") -> tuple[str, ...]:
    with pytest.raises(SchemaError) as refused:
        read(content, name)
    return refused.value.faults


# ── What is read ─────────────────────────────────────────────────────────────────────────────


def test_every_documented_column_of_a_csv_file_is_read(read: Load) -> None:
    row = rows(read((DATA / "applications.csv").read_bytes()))["26/00311/FUL"]
    assert pd.isna(row.pop("consulted_on"))
    assert pd.isna(row.pop("as_of"))
    assert row == {
        "application_key": "Small Council/26/00311/FUL",
        "reference": "26/00311/FUL",
        "authority": "Small Council",
        "address": "Field off Mill Lane, Smallworld",
        "description": "Four homes, with a garage each",
        "status": "refused",
        "status_text": "Refused",
        "received_on": pd.Timestamp("2026-03-02"),
        "decided_on": pd.Timestamp("2026-05-28"),
        "position_uncertainty_m": 20.0,
        "position_basis": "point given with the application",
        "postcode": "SM1 1AA",
        "url": "https://council.example/26/00311",
        "geometry": shapely.Point(431579, 471829),
        "boundary": None,
    }


def test_the_same_application_is_the_same_in_geojson(read: Load) -> None:
    from_csv = rows(read((DATA / "applications.csv").read_bytes()))
    from_json = rows(read((DATA / "applications.geojson").read_bytes()))
    assert from_csv.keys() == from_json.keys()
    one, other = from_csv["26/00311/FUL"], from_json["26/00311/FUL"]
    same = ["application_key", "description", "status", "received_on", "decided_on", "url"]
    assert [one[name] for name in same] == [other[name] for name in same]
    assert one["geometry"].distance(other["geometry"]) < 0.01


def test_longitude_and_latitude_go_through_ostn15(read: Load) -> None:
    row = rows(read((DATA / "applications.csv").read_bytes()))["26/00102/FUL"]
    # Worked out with `geo.to_bng`, whose own tests hold it to the Ordnance Survey's points.
    assert row["geometry"].distance(shapely.Point(431230.389, 471814.202)) < 0.01
    assert row["position_uncertainty_m"] == 100


def test_metres_go_before_degrees(read: Load) -> None:
    frame = read(f"{PLACED},longitude,latitude\n1,,pending,431000,471000,-1.5,54.14\n")
    assert list(frame.geometry) == [shapely.Point(431000, 471000)]


@pytest.mark.parametrize("name", ["applications.csv", "applications.geojson"])
def test_a_row_without_a_position_is_kept_with_its_postcode(read: Load, name: str) -> None:
    row = rows(read((DATA / name).read_bytes(), name))["26/00415/OUT"]
    assert row["geometry"] is None
    assert row["position_basis"] == "no point given; not mapped"
    assert row["postcode"] == "SM1 2BB"
    assert math.isnan(row["position_uncertainty_m"])
    assert row["description"].startswith("Outline: 40 homes and a road")


def test_the_authority_of_the_area_stands_in_where_a_row_names_none(read: Load) -> None:
    frame = read(f"{HEAD},authority\n1,,pending,\n2,,pending,Big Council\n")
    assert list(frame["application_key"]) == ["Big Council/2", "Small Council/1"]


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("Undecided", ApplicationStatus.UNDECIDED),
        (" AWAITING  decision ", ApplicationStatus.UNDECIDED),
        ("Granted with conditions", ApplicationStatus.APPROVED),
        ("Permitted", ApplicationStatus.APPROVED),
        ("REFUSED", ApplicationStatus.REFUSED),
        ("withdrawn", ApplicationStatus.WITHDRAWN),
        ("Appeal lodged", ApplicationStatus.APPEALED),
        ("Prior approval not required", ApplicationStatus.OTHER),
        ("", ApplicationStatus.OTHER),
    ],
)
def test_a_council_word_becomes_one_of_ours_and_is_kept(
    read: Load, words: str, status: ApplicationStatus
) -> None:
    frame = read(f'{HEAD}\n1,Homes,"{words}"\n')
    assert list(frame["status"]) == [status]
    assert list(frame["status_text"]) == [" ".join(words.split())]


def test_no_word_means_two_things() -> None:
    words = [word for known in applications.STATUSES.values() for word in known]
    assert len(words) == len(set(words))
    assert words == [word.casefold().strip() for word in words]


def test_personal_data_is_masked_in_description_and_address(read: Load) -> None:
    frame = read(
        f"{HEAD},address\n1,Homes for Mr A Smith (a.smith@mail.example),pending,"
        '"Mrs J Doe, Mill Lane, 01765 123456"\n'
    )
    assert list(frame["description"]) == ["Homes for [removed] ([removed])"]
    assert list(frame["address"]) == ["[removed], Mill Lane, [removed]"]


def test_hostile_text_is_cleaned_of_what_a_screen_would_obey_but_not_reworded(read: Load) -> None:
    hostile = "<script>alert(1)</script>\u202e\x1b[2J\x00 =cmd|'/C calc'!A0"
    from_csv = read(f'{HEAD}\n1,"{hostile}",pending\n')
    from_json = read(a_layer(a_feature(description=hostile)))
    assert (
        list(from_csv["description"])
        == list(from_json["description"])
        == ["<script>alert(1)</script>[2J =cmd|'/C calc'!A0"]
    )


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://council.example/1?a=b#c", True),
        ("HTTP://council.example/1", True),
        ("javascript:alert(1)", False),
        ("data:text/html;x", False),
        ("//council.example/1", False),
        ("see https://council.example/1", False),
        ("https://council.example/1 onclick=x", False),
        ("https://", False),
    ],
)
def test_only_a_web_address_is_kept_as_one(read: Load, url: str, *, kept: bool) -> None:
    frame = read(f"{HEAD},url\n1,,pending,{url}\n")
    assert frame["url"].tolist() == [url] if kept else frame["url"].isna().all()


def test_a_byte_order_mark_crlf_and_blank_lines_make_no_difference(read: Load) -> None:
    plain = read((DATA / "applications.csv").read_bytes())
    content = (DATA / "applications.csv").read_bytes().replace(b"\n", b"\r\n")
    windows = read(b"\xef\xbb\xbf\r\n" + content + b"\r\n\r\n")
    pd.testing.assert_frame_equal(pd.DataFrame(plain), pd.DataFrame(windows))


@pytest.mark.parametrize("content", [f"{HEAD}\n", a_layer()], ids=["a csv header", "no features"])
def test_no_rows_are_a_good_empty_frame(read: Load, content: str) -> None:
    frame = read(content)
    assert len(schemas.APPLICATIONS.check(frame)) == 0
    assert frame.crs == geo.BNG
    assert set(frame.columns) == set(applications.empty().columns)


def test_a_reference_that_looks_like_a_date_or_a_number_stays_as_it_is(read: Load) -> None:
    layer = a_layer(*(a_feature(reference=name) for name in ("2026/01/05", "007", 7, "1e5")))
    assert set(read(layer)["reference"]) == {"2026/01/05", "007", "7", "1e5"}
    assert set(read(f"{HEAD}\n007,,pending\n1e5,,pending\n")["reference"]) == {"007", "1e5"}


@pytest.mark.parametrize(
    ("given", "day"),
    [
        ("2026-06-05", "2026-06-05"),
        ("2026-06-05T23:30:00", "2026-06-05"),
        ("2026-06-04T23:00:00Z", "2026-06-05"),  # midnight in London, as programs write it
        ("2026-01-04T23:00:00Z", "2026-01-04"),
    ],
)
def test_a_geojson_time_is_the_day_it_was_in_london(read: Load, given: str, day: str) -> None:
    frame = read(a_layer(a_feature(received_on=given)))
    assert list(frame["received_on"]) == [pd.Timestamp(day)]


def test_a_polygon_stands_at_its_middle_and_reaches_to_its_corners(read: Load) -> None:
    # 0.01° either way at 54.145° N is about 652 m by 1,113 m: 645 m from middle to corner.
    frame = read((DATA / "applications.geojson").read_bytes())
    row = rows(frame)["26/00102/FUL"]
    longitude, latitude = (
        float(value[0]) for value in geo.to_wgs84(row["geometry"].x, row["geometry"].y)
    )
    assert (round(longitude, 6), round(latitude, 6)) == (-1.495, 54.145)
    assert 643 <= row["position_uncertainty_m"] <= 647


def test_a_small_polygon_is_known_no_better_than_a_council_point(read: Load) -> None:
    west, south = -1.51811846, 54.14134578
    ring = [[west, south], [west + 1e-4, south], [west, south + 1e-4], [west, south]]
    frame = read(a_layer(a_feature({"type": "Polygon", "coordinates": [ring]})))
    assert list(frame["position_uncertainty_m"]) == [100]


def test_geojson_properties_may_place_a_feature_without_geometry(read: Load) -> None:
    features = (
        a_feature(reference="1", easting=431000, northing=471000.5),
        a_feature(reference="2", longitude=-1.51811846, latitude=54.14134578),
    )
    one, other = read(a_layer(*features)).geometry
    assert one == shapely.Point(431000, 471000.5)
    assert other.distance(shapely.Point(431579, 471829)) < 0.01


def test_a_few_points_outside_the_area_are_kept_but_not_mapped(read: Load) -> None:
    inside = "".join(f"{n},,pending,431000,471000\n" for n in range(39))
    frame = rows(read(f"{PLACED}\n{inside}a,,pending,531000,181000\nb,,pending,1,1\n"))
    for name in ("a", "b"):
        assert frame[name]["geometry"] is None
        assert frame[name]["position_basis"] == "the point given lies outside the area; not mapped"
        assert math.isnan(frame[name]["position_uncertainty_m"])


def test_degrees_outside_great_britain_are_given_and_not_missing(read: Load) -> None:
    frame = read(f"{HEAD},longitude,latitude\n1,,pending,2.35,48.86\n")
    assert list(frame["position_basis"]) == ["the point given lies outside the area; not mapped"]


# ── What is refused ──────────────────────────────────────────────────────────────────────────


def test_a_row_without_a_reference_is_refused_with_its_line(read: Load) -> None:
    content = f'{HEAD}\n1,"two\nlines",pending\n\n ,Homes,pending\n'
    assert faults(read, content) == ("line 5: reference is empty",)
    layer = a_layer(a_feature(), a_feature(reference=None))
    assert faults(read, layer) == ("feature 2: reference is empty",)


def in_one_file(*lines: str) -> str:
    """Nine applications and these lines."""
    more = "".join(f"9/{n},Homes,pending,,\n" for n in range(9))
    return f"{HEAD},received_on,decided_on\n{more}" + "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        (("26/1,Old,pending,2026-05-01,", "26/1,New,refused,2026-05-01,2026-06-01"), "New"),
        (("26/1,New,refused,2026-05-01,2026-06-01", "26/1,Old,pending,2026-05-01,"), "New"),
        (("26/1,New,pending,2026-05-02,", "26/1,Old,pending,2026-05-01,"), "New"),
        (("26/1,Old,pending,2026-05-01,", "26/1,New,pending,2026-05-01,"), "New"),
        (("26/1,Old,pending,,", "26/1,New,pending,,"), "New"),
        (("26/1,New,pending,2026-05-01,", "26/1,Old,pending,,"), "New"),
    ],
    ids=["decided later", "decided first", "received later", "last", "last undated", "dated"],
)
def test_of_an_application_that_is_there_twice_the_newest_is_kept_and_the_rest_counted(
    read: Load, caplog: pytest.LogCaptureFixture, lines: tuple[str, ...], kept: str
) -> None:
    frame = read(in_one_file(*lines))
    assert len(frame) == 10
    assert rows(frame)["26/1"]["description"] == kept
    (told,) = caplog.messages
    assert "1 of 11 rows are of an application that is there twice: Small Council/26/1" in told


def test_a_file_of_which_more_than_a_fifth_is_there_twice_is_refused(read: Load) -> None:
    twice = [f"26/{n},Homes,pending,," for n in range(2)] * 2
    assert len(read(in_one_file(*twice))) == 11
    (fault,) = faults(read, in_one_file(*twice, twice[0], twice[0]))
    assert fault == (
        "4 of 15 rows are of an application that is there twice: "
        "Small Council/26/0, Small Council/26/1"
    )


def test_a_date_of_consultation_is_read(read: Load) -> None:
    frame = read(f"{HEAD},consulted_on\n1,,pending,2026-06-05\n")
    assert list(frame["consulted_on"]) == [pd.Timestamp("2026-06-05")]


def test_a_link_to_a_host_that_the_register_has_left_is_made_anew(read: Load) -> None:
    frame = read(
        f"{HEAD},url\n1,,pending,https://old.example/a/applicationDetails.do?keyVal=ABCDEFGHIJK00\n",
        idox={"base_url": "https://new.example/b/", "retired_hosts": ["old.example"]},
    )
    assert frame["url"].tolist() == [
        "https://new.example/b/applicationDetails.do?activeTab=summary&keyVal=ABCDEFGHIJK00"
    ]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (f"{HEAD}\n1,Homes,pending\n2,Homes", "line 3 has 2 of 3 values"),
        (f'{HEAD}\n1,Homes,pending\n2,"Ho', "unexpected end of data"),
        (f"{HEAD}\n1,Homes,pending,more\n", "line 2 has 4 of 3 values"),
    ],
)
def test_a_truncated_csv_file_is_refused_with_its_line(read: Load, content: str, line: str) -> None:
    assert line in faults(read, content)[0]


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
def test_a_truncated_geojson_file_is_refused_wherever_it_ends(read: Load, share: float) -> None:
    content = (DATA / "applications.geojson").read_bytes()
    assert "cannot be read as GeoJSON" in faults(read, content[: int(len(content) * share)])[0]


@pytest.mark.parametrize("cell", ["nan", "inf", "-inf", "1e999", "431,579", "SE 315 718"])
def test_a_coordinate_that_is_no_finite_number_is_refused(read: Load, cell: str) -> None:
    content = f'{PLACED}\n1,,pending,431579,471829\n2,,pending,"{cell}",471829\n'
    assert faults(read, content) == (f'line 3: easting "{cell}" is not a finite number',)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_geojson_number_that_is_not_finite_is_refused(read: Load, number: str) -> None:
    layer = a_layer(a_feature(POINT)).replace("-1.51811846", number)
    assert faults(read, layer) == (
        f"it cannot be read as GeoJSON ({number} is not a finite number)",
    )


def test_exchanged_eastings_and_northings_are_refused(read: Load) -> None:
    content = f"{PLACED}\n1,,pending,431579,471829\n2,,pending,471829,431579\n"
    assert faults(read, content) == ("line 3: its two coordinates look exchanged",)


def test_exchanged_longitudes_and_latitudes_are_refused(read: Load) -> None:
    content = f"{HEAD},longitude,latitude\n1,,pending,54.14134578,-1.51811846\n"
    assert faults(read, content) == ("line 2: its two coordinates look exchanged",)
    layer = a_layer(a_feature({"type": "Point", "coordinates": [54.14134578, -1.51811846]}))
    assert faults(read, layer) == ("feature 1: its two coordinates look exchanged",)


def test_more_than_5_percent_outside_the_area_are_refused(read: Load) -> None:
    inside = "".join(f"{n},,pending,431000,471000\n" for n in range(37))
    outside = "".join(f"x{n},,pending,531000,181000\n" for n in range(2))
    assert faults(read, f"{PLACED}\n{inside}{outside}") == (
        "2 of 39 positions lie outside Smallworld: is it for this area, and in its CRS?",
    )


@pytest.mark.parametrize("cell", ["05/06/2026", "2026-13-01", "soon", "0216-06-05"])
def test_a_date_that_is_none_is_refused_with_its_line(read: Load, cell: str) -> None:
    rule = f'received_on "{cell}" is not a date like 2026-11-22, from 1800 on'
    assert faults(read, f"{HEAD},received_on\n1,,pending,{cell}\n") == (f"line 2: {rule}",)
    assert faults(read, a_layer(a_feature(received_on=cell))) == (f"feature 1: {rule}",)


def test_an_uncertainty_must_be_a_sensible_number_of_metres(read: Load) -> None:
    (fault,) = faults(read, f"{PLACED},position_uncertainty_m\n1,,pending,431000,471000,0\n")
    assert fault == "column position_uncertainty_m holds 0.0, outside 1 to 100000"


def test_geojson_in_another_crs_is_refused(read: Load) -> None:
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::27700"}}
    (fault,) = faults(read, a_layer(a_feature(POINT), crs=crs))
    assert "EPSG::27700; GeoJSON holds longitude and latitude, EPSG:4326" in fault
    known = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    assert len(read(a_layer(a_feature(POINT), crs=known))) == 1
    unheard = {"type": "name", "properties": {"name": "Mars"}}
    assert "its CRS is Mars" in faults(read, a_layer(a_feature(POINT), crs=unheard))[0]


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ('{"type": "Topology"}', "no FeatureCollection"),
        ('{"type": "FeatureCollection"}', "no FeatureCollection"),
        ("[" * 100_000, "cannot be read as GeoJSON"),
        ("<html>503</html>", "cannot be read as GeoJSON"),
        (a_layer("not a feature"), "column reference is missing"),
        (a_layer(a_feature({"type": "Point"})), "feature 1: its geometry cannot be read"),
        (a_layer(a_feature("Mill Lane")), "feature 1: its geometry cannot be read"),
    ],
)
def test_json_that_is_no_layer_of_applications_is_refused(
    read: Load, content: str, rule: str
) -> None:
    assert rule in faults(read, content, "planning.geojson")[0]


def test_another_kind_of_file_is_refused_by_its_ending(read: Load) -> None:
    assert faults(read, b"PK\x03\x04", "planning.xlsx") == (
        "it ends in .xlsx, so it is neither CSV nor GeoJSON",
    )


# ── Several files ────────────────────────────────────────────────────────────────────────────


def test_the_later_of_two_files_wins_where_both_have_an_application(read: Load) -> None:
    first = read(f"{HEAD}\n1,Homes,pending\n3,Barn,pending\n", "a.csv")
    second = read(f"{PLACED}\n2,Shop,pending,,\n1,Homes,refused,431000,471000\n", "b.csv")
    both = applications.joined(first, second)
    assert both[["reference", "status"]].to_numpy().tolist() == [
        ["1", "refused"],
        ["2", "undecided"],
        ["3", "undecided"],
    ]
    assert list(both.index) == [0, 1, 2]
    assert both.crs == geo.BNG
    assert both.geometry.notna().tolist() == [True, False, False]


def test_of_two_services_the_later_wins_unless_it_says_that_it_is_older(read: Load) -> None:
    content = f"{HEAD}\n1,Homes,pending\n"
    first, second = read(content, "a.csv"), read(content.replace("Homes", "Barn"), "b.csv")

    def told(first_day: str | None, second_day: str | None) -> str:
        days = [pd.to_datetime([day], utc=True) for day in (first_day, second_day)]
        both = applications.joined(first.assign(as_of=days[0]), second.assign(as_of=days[1]))
        return str(both["description"][0])

    assert told(None, None) == "Barn"
    assert told("2026-11-02", None) == "Barn"
    assert told(None, "2026-11-01") == "Barn"
    assert told("2026-11-01", "2026-11-01") == "Barn"
    assert told("2026-11-01", "2026-11-02") == "Barn"
    assert told("2026-11-02", "2026-11-01") == "Homes"


# ── Boundaries ───────────────────────────────────────────────────────────────────────────────

# A square of 100 m round the auction mart's point, in longitude and latitude.
EAST, NORTH = 431_579.0, 471_829.0
CORNERS = geo.to_wgs84(
    [EAST - 50, EAST + 50, EAST + 50, EAST - 50], [NORTH - 50, NORTH - 50, NORTH + 50, NORTH + 50]
)
SQUARE = shapely.Polygon(zip(*CORNERS, strict=True))
BOW_TIE = shapely.Polygon([SQUARE.exterior.coords[i] for i in (0, 2, 1, 3)])


def with_boundary(boundary: str) -> str:
    return f'{PLACED},boundary\n26/1,Homes,pending,{EAST},{NORTH},"{boundary}"\n'


def test_a_boundary_written_as_wkt_is_laid_on_the_national_grid(read: Load) -> None:
    (boundary,) = read(with_boundary(SQUARE.wkt))["boundary"]
    assert boundary.area == pytest.approx(10_000, abs=1)
    assert boundary.centroid.distance(shapely.Point(EAST, NORTH)) < 0.01


def test_the_polygon_of_a_feature_is_its_boundary_and_its_middle_its_point(read: Load) -> None:
    frame = read(a_layer(a_feature(json.loads(shapely.to_geojson(SQUARE)))))
    assert frame["boundary"][0].area == pytest.approx(10_000, abs=1)
    assert frame.geometry[0].distance(shapely.Point(EAST, NORTH)) < 0.1


@pytest.mark.parametrize("boundary", [BOW_TIE.wkt, "POINT (-1.5 54.1)", "POLYGON ((nonsense"])
def test_a_boundary_that_would_hide_a_hazard_is_refused_by_its_line(
    read: Load, boundary: str
) -> None:
    assert faults(read, with_boundary(boundary)) == (
        "line 2: its boundary is no polygon, or crosses itself",
    )


def test_the_boundary_of_a_site_that_is_not_mapped_is_left_out(read: Load) -> None:
    frame = read(f'{HEAD},boundary\n26/1,Homes,pending,"{SQUARE.wkt}"\n')
    assert frame["boundary"].tolist() == [None]
