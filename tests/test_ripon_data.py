"""What the bundled Ripon data promise: columns, dates, places, doubts, words, and the checksums."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import itertools
import json
import re
import tomllib
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from shapely.geometry import Polygon

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).parents[1] / "data" / "ripon"
EDITION = "2026-11-22"
Row = dict[str, str]

COLUMNS = {
    "sinkholes.csv": [
        "sinkhole_id",
        "feature_id",
        "name",
        "kind",
        "evidence",
        "evidence_reason",
        "counts",
        "counts_reason",
        "is_drawn",
        "observed",
        "date_precision",
        "date_text",
        "easting",
        "northing",
        "position_uncertainty_m",
        "position_basis",
        "length_m",
        "width_m",
        "depth_m",
        "size_text",
        "cause",
        "consequence",
        "doubts",
        "source_title",
        "source_url",
    ],
    "places.csv": [
        "place_id",
        "name",
        "short_name",
        "kind",
        "easting",
        "northing",
        "position_uncertainty_m",
        "position_basis",
        "source_url",
        "is_watched",
        "label_rank",
    ],
    "postcodes.csv": ["postcode", "easting", "northing", "position_uncertainty_m", "quality"],
    "planning_cases.csv": [
        "case_id",
        "site_id",
        "title",
        "reference",
        "authority",
        "step",
        "outcome",
        "decided",
        "date_precision",
        "date_text",
        "homes",
        "easting",
        "northing",
        "position_uncertainty_m",
        "position_basis",
        "ground",
        "doubts",
        "source_title",
        "source_url",
    ],
}
N_ROWS = {"sinkholes.csv": 19, "places.csv": 46, "postcodes.csv": 328, "planning_cases.csv": 31}
KEYS = {
    "sinkholes.csv": "sinkhole_id",
    "places.csv": "place_id",
    "postcodes.csv": "postcode",
    "planning_cases.csv": "case_id",
}
# What an empty cell may mean "unknown" for; every other cell must be filled.
MAY_BE_EMPTY = {
    "sinkholes.csv": {"observed", "length_m", "width_m", "depth_m"},
    "places.csv": set[str](),
    "postcodes.csv": set[str](),
    "planning_cases.csv": {
        "site_id",
        "reference",
        "authority",
        "decided",
        "homes",
        "easting",
        "northing",
        "position_uncertainty_m",
        "source_url",
    },
}
ENUMS = {
    ("sinkholes.csv", "kind"): {
        "collapse",
        "building_subsidence",
        "void",
        "mapped_hollow",
        "filled_hollow",
        "riverbank_collapse",
    },
    ("sinkholes.csv", "evidence"): {"confirmed", "probable", "possible", "not_an_event"},
    ("sinkholes.csv", "counts"): {"true", "false"},
    ("sinkholes.csv", "is_drawn"): {"true", "false"},
    ("sinkholes.csv", "date_precision"): {"day", "month", "year", "decade", "unknown"},
    ("places.csv", "kind"): {"site", "street", "landmark", "village"},
    ("places.csv", "is_watched"): {"true", "false"},
    ("places.csv", "label_rank"): {"1", "2", "3"},
    ("postcodes.csv", "position_uncertainty_m"): {"100"},
    ("planning_cases.csv", "date_precision"): {"day", "month", "year", "decade", "unknown"},
    ("planning_cases.csv", "authority"): {
        "",
        "Harrogate Borough Council",
        "North Yorkshire Council",
    },
    ("planning_cases.csv", "outcome"): {
        "refused",
        "approved",
        "withdrawn",
        "proposed",
        "closed",
        "listed",
        "called_in",
        "demolition_agreed",
        "other",
    },
}
BANNED = re.compile(
    r"\b(?:un)?safe(?:ly|r|st)?\b|\bworth\b|no risk|will collapse|danger zone|uninsurable"
    r"|guarantee|caused by",
    re.IGNORECASE,
)
CONTACT = re.compile(r"\S@\S|(?:\+44|\b0)(?:[ -]?\d){8,}")
# A form of address in front of a name: residents and clergy are left out, whoever printed them.
PERSON = re.compile(
    r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Rev|Reverend|Canon|Cllr|Coun|Councillor)\b\.? [A-Z]"
)
URL = re.compile(r"https?://[a-z0-9.-]+\.[a-z]+(?:/[^\s<>\"']*)?")
SLUG = re.compile(r"[a-z0-9-]{1,64}")
BASIS = re.compile(
    r"(?:described location|street geocode|published (?:point|grid reference)): \S.*"
    r"|not located in the sources found"
)


def read(name: str) -> list[Row]:
    """Read a table of the folder, keeping every cell as text."""
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


TABLES = {name: read(name) for name in COLUMNS}
SINKHOLES = {row["sinkhole_id"]: row for row in TABLES["sinkholes.csv"]}
PLACES = {row["place_id"]: row for row in TABLES["places.csv"]}
PACKAGE: dict[str, Any] = json.loads((FOLDER / "datapackage.json").read_text(encoding="utf-8"))
RESOURCES: dict[str, dict[str, Any]] = {item["path"]: item for item in PACKAGE["resources"]}
ZONES: dict[str, Any] = json.loads((FOLDER / "gypsum_zones.geojson").read_text(encoding="utf-8"))
FEATURES: dict[str, dict[str, Any]] = {item["id"]: item for item in ZONES["features"]}
POLYGONS = {key: Polygon(*item["geometry"]["coordinates"]) for key, item in FEATURES.items()}

POLICIES: list[dict[str, Any]] = tomllib.loads(
    (FOLDER / "policies.toml").read_text(encoding="utf-8")
)["policy"]

every_policy = pytest.mark.parametrize(
    "policy", POLICIES, ids=[policy["id"] for policy in POLICIES]
)
every_table = pytest.mark.parametrize("name", list(COLUMNS))
every_file = pytest.mark.parametrize(
    "name", [*COLUMNS, "gypsum_zones.geojson", "policies.toml", "datapackage.json"]
)
every_sinkhole = pytest.mark.parametrize("row", SINKHOLES.values(), ids=list(SINKHOLES))
every_place = pytest.mark.parametrize("row", PLACES.values(), ids=list(PLACES))
every_case = pytest.mark.parametrize(
    "row",
    TABLES["planning_cases.csv"],
    ids=[row["case_id"] for row in TABLES["planning_cases.csv"]],
)
every_zone = pytest.mark.parametrize("zone_id", list(FEATURES))
# (file, date column) for each row that carries a date; postcodes are checked file by file.
every_dated_row = pytest.mark.parametrize(
    ("edtf", "precision", "text"),
    [
        pytest.param(row[column], row["date_precision"], row["date_text"], id=row[KEYS[name]])
        for name, column in (("sinkholes.csv", "observed"), ("planning_cases.csv", "decided"))
        for row in TABLES[name]
    ],
)
every_worded_row = pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=row[KEYS[name]])
        for name in ("sinkholes.csv", "places.csv", "planning_cases.csv")
        for row in TABLES[name]
    ],
)


def texts(row: Row) -> dict[str, str]:
    """Leave out the links: their words are not ours."""
    return {column: cell for column, cell in row.items() if not column.endswith("_url")}


def is_in_the_box(row: Row) -> bool:
    return 424_800 <= int(row["easting"]) <= 438_100 and 464_900 <= int(row["northing"]) <= 477_300


# --- The files as files ---------------------------------------------------------------------


@every_table
def test_header_names_exactly_the_documented_columns(name: str) -> None:
    header = (FOLDER / name).read_text(encoding="utf-8").split("\n", 1)[0]
    assert header.split(",") == COLUMNS[name]


@every_table
def test_every_row_has_every_column_and_nothing_beyond(name: str) -> None:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        widths = {len(cells) for cells in csv.reader(file)}
    assert widths == {len(COLUMNS[name])}


@every_table
def test_table_holds_the_expected_number_of_rows(name: str) -> None:
    assert len(TABLES[name]) == N_ROWS[name]


@every_table
def test_keys_are_unique_so_that_a_row_can_be_cited(name: str) -> None:
    keys = [row[KEYS[name]] for row in TABLES[name]]
    assert len(set(keys)) == len(keys)


@every_table
def test_rewriting_a_table_gives_the_same_bytes(name: str) -> None:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS[name], lineterminator="\n")
    writer.writeheader()
    writer.writerows(TABLES[name])
    assert out.getvalue().encode() == (FOLDER / name).read_bytes()


@every_file
def test_file_is_plain_utf8_with_unix_line_ends(name: str) -> None:
    content = (FOLDER / name).read_bytes()
    assert not content.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in content
    assert content.endswith(b"\n")
    assert not content.endswith(b"\n\n")


@every_file
def test_text_is_composed_and_holds_no_control_or_bidi_characters(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert unicodedata.is_normalized("NFC", text)
    odd = {char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Co", "Cn"}}
    assert odd <= {"\n"}
    assert "\N{REPLACEMENT CHARACTER}" not in text


@every_table
def test_no_cell_is_padded_or_broken_over_lines(name: str) -> None:
    faults = [
        (row[KEYS[name]], column)
        for row in TABLES[name]
        for column, cell in row.items()
        if cell != " ".join(cell.split())
    ]
    assert faults == []


@every_table
def test_no_cell_starts_like_a_spreadsheet_formula(name: str) -> None:
    faults = [
        (row[KEYS[name]], column)
        for row in TABLES[name]
        for column, cell in row.items()
        if cell.startswith(("=", "+", "-", "@"))
    ]
    assert faults == []


@every_table
def test_only_columns_that_can_be_unknown_are_ever_empty(name: str) -> None:
    empty = {column for row in TABLES[name] for column, cell in row.items() if not cell}
    assert empty <= MAY_BE_EMPTY[name]


@pytest.mark.parametrize(("name", "column"), list(ENUMS))
def test_closed_lists_hold_known_values_only(name: str, column: str) -> None:
    assert {row[column] for row in TABLES[name]} <= ENUMS[name, column]


# --- Words ----------------------------------------------------------------------------------


@every_worded_row
def test_words_that_promise_or_frighten_are_left_out(row: Row) -> None:
    found = {column: cell for column, cell in texts(row).items() if BANNED.search(cell)}
    assert found == {}


@every_worded_row
def test_no_person_can_be_reached_or_named(row: Row) -> None:
    found = {
        column: cell
        for column, cell in texts(row).items()
        if CONTACT.search(cell) or PERSON.search(cell)
    }
    assert found == {}


@every_worded_row
def test_link_is_absolute_or_left_empty(row: Row) -> None:
    link = row["source_url"]
    assert link == "" or URL.fullmatch(link)


@every_worded_row
def test_position_says_how_it_was_found(row: Row) -> None:
    assert BASIS.fullmatch(row["position_basis"])


@pytest.mark.parametrize("name", ["gypsum_zones.geojson", "policies.toml", "datapackage.json"])
def test_descriptions_keep_to_the_same_words(name: str) -> None:
    text = re.sub(r"https?://[^\s\"]+", "", (FOLDER / name).read_text(encoding="utf-8"))
    assert BANNED.search(text) is None
    assert CONTACT.search(text) is None


@pytest.mark.parametrize(
    "text",
    ["Safe to build", "unsafe property", "caused by rain", "a guaranteed result", "worth less"],
)
def test_the_word_check_itself_catches_a_banned_word(text: str) -> None:
    assert BANNED.search(text)


@pytest.mark.parametrize("text", ["Hemsworth Walk", "as safeguarded land", "no hole reported"])
def test_the_word_check_leaves_innocent_words_alone(text: str) -> None:
    assert BANNED.search(text) is None


@pytest.mark.parametrize("text", ["ask a.b@example.org", "ring 01765 000000", "+44 1765 000000"])
def test_the_contact_check_itself_catches_an_address_or_a_number(text: str) -> None:
    assert CONTACT.search(text)


# --- Dates ----------------------------------------------------------------------------------


def precision_of(edtf: str) -> str:
    """Read the precision off the form of an EDTF date, refusing any other form."""
    forms = {
        r"": "unknown",
        r"\d{3}X": "decade",
        r"\d{4}": "year",
        r"\d{4}-\d\d": "month",
        r"\d{4}-\d\d-\d\d": "day",
    }
    return next(name for form, name in forms.items() if re.fullmatch(form, edtf))


def first_day_of(edtf: str) -> dt.date:
    """Give the first day that a known EDTF date can mean."""
    parts = edtf.replace("X", "0").split("-")
    return dt.date.fromisoformat("-".join([*parts, "01", "01"][:3]))


def text_of(edtf: str) -> str:
    """Spell a date as readers see it."""
    day = first_day_of(edtf) if edtf else None
    spelled: dict[str, Callable[[dt.date], str]] = {
        "decade": lambda date: f"{date.year}s",
        "year": lambda date: f"{date.year}",
        "month": lambda date: f"{date:%B %Y}",
        "day": lambda date: f"{date.day} {date:%B %Y}",
    }
    return spelled[precision_of(edtf)](day) if day else "date not recorded"


@every_dated_row
def test_date_has_the_form_of_its_stated_precision(edtf: str, precision: str, text: str) -> None:
    assert precision_of(edtf) == precision, text


@every_dated_row
def test_date_for_readers_says_the_same_as_the_date(edtf: str, precision: str, text: str) -> None:
    if precision == "decade" and not text.startswith(text_of(edtf)):
        # The source gives two years or a latest day: all of them must lie in the decade.
        years = re.findall(r"\b\d{4}\b", text)
        assert years
        assert {year[:3] + "X" for year in years} == {edtf}
        return
    head, _, rest = text.partition(" (")
    assert head == text_of(edtf)
    assert rest == "" or rest.endswith(")")


@every_dated_row
def test_date_lies_between_1800_and_the_edition(edtf: str, precision: str, text: str) -> None:
    if precision == "unknown":
        assert text == "date not recorded"
        return
    assert dt.date(1800, 1, 1) <= first_day_of(edtf) <= dt.date.fromisoformat(EDITION)


# --- Sinkholes ------------------------------------------------------------------------------


def test_records_are_numbered_without_a_gap() -> None:
    assert list(SINKHOLES) == [f"RS{number:03d}" for number in range(1, 20)]


@every_sinkhole
def test_record_lies_in_the_ripon_box_with_a_real_uncertainty(row: Row) -> None:
    assert is_in_the_box(row)
    assert int(row["position_uncertainty_m"]) > 0


@every_sinkhole
def test_record_gives_the_reason_for_its_grade_and_keeps_its_doubts(row: Row) -> None:
    assert row["evidence_reason"].endswith(".")
    assert row["doubts"].endswith(".")
    assert row["evidence_reason"] != row["doubts"]


@every_sinkhole
def test_record_says_in_one_sentence_whether_it_counts(row: Row) -> None:
    assert row["counts_reason"][0].isupper()
    assert row["counts_reason"].endswith(".")
    assert row["counts_reason"].count(".") == 1


@every_sinkhole
def test_feature_is_a_slug(row: Row) -> None:
    assert SLUG.fullmatch(row["feature_id"])


@every_sinkhole
def test_sizes_are_positive_and_length_is_the_longer_side(row: Row) -> None:
    given = {side: float(row[f"{side}_m"] or "nan") for side in ("length", "width", "depth")}
    assert not any(size <= 0 for size in given.values())
    assert not given["length"] < given["width"]
    assert bool(row["length_m"]) == bool(row["width_m"])


@every_sinkhole
def test_a_size_in_numbers_is_also_told_in_words(row: Row) -> None:
    told = re.findall(r"\d+(?:\.\d+)?", row["size_text"])
    assert {row[column] for column in ("length_m", "width_m", "depth_m")} - {""} <= set(told)


@every_sinkhole
def test_only_well_supported_records_name_dissolution_without_saying_who_says_so(row: Row) -> None:
    attributed = (
        "Not established",
        "Mixed, as reported",
        "Put down to",
        "Related to gypsum by",
        "Described as",
    )
    assert row["evidence"] == "confirmed" or row["cause"].startswith(attributed)


def test_a_confirmed_record_is_a_collapse_with_a_known_day() -> None:
    confirmed = [row for row in SINKHOLES.values() if row["evidence"] == "confirmed"]
    assert {(row["kind"], row["date_precision"]) for row in confirmed} == {("collapse", "day")}


def test_grades_are_those_that_were_agreed() -> None:
    grades: dict[str, set[str]] = {}
    for sinkhole_id, row in SINKHOLES.items():
        grades.setdefault(row["evidence"], set()).add(sinkhole_id[-2:])
    assert grades == {
        "confirmed": {"01", "05", "09", "10"},
        "probable": {"02", "11", "12", "14", "15", "16", "19"},
        "possible": {"03", "04", "06", "07", "08", "13", "17"},
        "not_an_event": {"18"},
    }


def test_only_the_record_without_a_place_and_the_one_without_an_event_do_not_count() -> None:
    left_out = {key for key, row in SINKHOLES.items() if row["counts"] == "false"}
    assert left_out == {"RS012", "RS018"}


def test_the_record_known_only_to_five_kilometres_is_never_drawn_nor_counted() -> None:
    hidden = {key for key, row in SINKHOLES.items() if row["is_drawn"] == "false"}
    assert hidden == {"RS012"}
    assert SINKHOLES["RS012"]["counts"] == "false"
    assert SINKHOLES["RS012"]["position_uncertainty_m"] == "5000"


def test_records_of_one_feature_share_its_id_and_unproved_ones_stand_alone() -> None:
    records: dict[str, list[str]] = {}
    for sinkhole_id, row in SINKHOLES.items():
        records.setdefault(row["feature_id"], []).append(sinkhole_id)
    shared = {feature: ids for feature, ids in records.items() if len(ids) > 1}
    assert shared == {
        "ure-bank-terrace-hollow": ["RS002", "RS005"],
        "leisure-centre-entrance": ["RS011", "RS014"],
    }


def test_records_of_one_feature_stand_on_one_point() -> None:
    points = {(row["feature_id"], row["easting"], row["northing"]) for row in SINKHOLES.values()}
    assert len(points) == len({row["feature_id"] for row in SINKHOLES.values()})


@pytest.mark.parametrize(
    ("sinkhole_id", "doubt"),
    [
        ("RS001", "disagree"),
        ("RS002", "date of the map, not of a collapse"),
        ("RS003", "confused memory"),
        ("RS004", "not given"),
        ("RS005", "number of garages differs"),
        ("RS006", "Unconfirmed"),
        ("RS007", "planning consent (June 2009)"),
        ("RS008", "planning consent (August 2010)"),
        ("RS009", "400 yards"),
        ("RS010", "Tuesday 8 to Thursday 10 November 2016"),
        ("RS011", "'February 2017' is a slip"),
        ("RS012", "only the city centre"),
        ("RS013", "hearsay"),
        ("RS014", "not a collapse at the surface"),
        ("RS015", "rather than an open hole"),
        ("RS016", "at or before"),
        ("RS017", "no open hole"),
        ("RS018", "not an event"),
        ("RS019", "undated"),
    ],
)
def test_the_main_doubt_of_each_record_is_kept(sinkhole_id: str, doubt: str) -> None:
    assert doubt in SINKHOLES[sinkhole_id]["doubts"]


@pytest.mark.parametrize(
    ("sinkhole_id", "figures"),
    [
        ("RS001", ["11 to 13 m", "20 yards", "24 yards"]),
        ("RS005", ["5.5 m", "6 m"]),
        ("RS009", ["15 m", "11 m", "7.6 m"]),
        ("RS010", ["20 m by 10 m", "15 m by 15 m", "9 m", "10 to 15 m", "5 to 6 m"]),
    ],
)
def test_conflicting_sizes_stand_side_by_side(sinkhole_id: str, figures: list[str]) -> None:
    assert [figure for figure in figures if figure not in SINKHOLES[sinkhole_id]["size_text"]] == []


# --- Places and postcodes -------------------------------------------------------------------


@every_place
def test_place_lies_in_the_ripon_box_with_a_real_uncertainty(row: Row) -> None:
    assert is_in_the_box(row)
    assert int(row["position_uncertainty_m"]) > 0


@every_place
def test_place_has_a_slug_and_a_label_that_fits(row: Row) -> None:
    assert SLUG.fullmatch(row["place_id"])
    assert 1 <= len(row["short_name"]) <= 28


@every_place
def test_exactly_the_sites_are_watched(row: Row) -> None:
    assert row["is_watched"] == {"site": "true"}.get(row["kind"], "false")


def test_two_places_never_share_a_label() -> None:
    labels = [row["short_name"] for row in PLACES.values()]
    assert len(set(labels)) == len(labels)


def test_the_villages_are_villages() -> None:
    villages = {key for key, row in PLACES.items() if row["kind"] == "village"}
    assert villages == {"sharow", "hutton-conyers", "nunwick"}


@pytest.mark.parametrize(
    "place_id",
    ["auction-mart", "leisure-centre", "cathedral", "market-place", "north-bridge", "racecourse"],
)
def test_the_landmarks_that_orient_a_reader_are_labelled_at_every_zoom(place_id: str) -> None:
    assert PLACES[place_id]["label_rank"] == "1"


def test_the_auction_mart_stands_on_its_register_point() -> None:
    mart = PLACES["auction-mart"]
    assert (mart["easting"], mart["northing"], mart["is_watched"]) == ("431579", "471829", "true")


def test_postcodes_are_normalised_and_sorted() -> None:
    postcodes = [row["postcode"] for row in TABLES["postcodes.csv"]]
    assert [code for code in postcodes if not re.fullmatch(r"HG4 \d[A-Z]{2}", code)] == []
    assert postcodes == sorted(postcodes)


def test_postcodes_are_rounded_to_ten_metres_inside_the_box() -> None:
    faults = [
        row["postcode"]
        for row in TABLES["postcodes.csv"]
        if int(row["easting"]) % 10 or int(row["northing"]) % 10 or not is_in_the_box(row)
    ]
    assert faults == []


def test_a_known_postcode_is_rounded_from_its_published_centre() -> None:
    # Code-Point Open of August 2014 gives HG4 1HS at 431479, 471746 with quality 10.
    (row,) = [row for row in TABLES["postcodes.csv"] if row["postcode"] == "HG4 1HS"]
    assert list(row.values()) == ["HG4 1HS", "431480", "471750", "100", "10"]


# --- Planning cases -------------------------------------------------------------------------


@every_case
def test_case_is_located_wholly_or_not_at_all(row: Row) -> None:
    point = [row["easting"], row["northing"], row["position_uncertainty_m"]]
    if row["position_basis"] == "not located in the sources found":
        assert point == ["", "", ""]
        return
    assert is_in_the_box(row)
    assert int(row["position_uncertainty_m"]) > 0


@every_case
def test_case_names_a_place_that_is_in_the_list_or_none(row: Row) -> None:
    assert row["site_id"] in {"", *PLACES}


@every_case
def test_case_lies_at_its_place_within_their_uncertainties(row: Row) -> None:
    if not row["site_id"]:
        assert row["title"] in {
            "Springfield Close",
            "Skellbank garage",
            "Old Lecture Block, College Road",
        }
        return
    place = PLACES[row["site_id"]]
    offset = complex(
        int(row["easting"]) - int(place["easting"]), int(row["northing"]) - int(place["northing"])
    )
    assert abs(offset) <= int(row["position_uncertainty_m"])


@every_case
def test_case_says_what_is_known_of_the_ground_or_that_nothing_is(row: Row) -> None:
    assert row["ground"] == "Not mentioned in the sources found" or row["ground"].endswith(".")


@every_case
def test_case_without_a_reference_says_what_was_not_found(row: Row) -> None:
    assert row["doubts"].endswith(".")
    if not row["reference"] and row["outcome"] != "other":
        assert re.search(r"\b(?:was|were) not found\b", row["doubts"])


@every_case
def test_case_belongs_to_the_council_of_its_time(row: Row) -> None:
    # Harrogate Borough Council ended on 1 April 2023.
    if not (row["authority"] and row["decided"]):
        assert row["case_id"] in {"PC001", "PC026"}
        return
    is_later = first_day_of(row["decided"]) >= dt.date(2023, 4, 1)
    assert (row["authority"] == "North Yorkshire Council") == is_later


def test_the_story_of_the_auction_mart_is_told_step_by_step() -> None:
    steps = [
        (row["decided"], row["outcome"], row["homes"])
        for row in TABLES["planning_cases.csv"]
        if row["site_id"] == "auction-mart"
    ]
    assert steps == [
        ("2001", "closed", ""),
        ("201X", "proposed", "96"),
        ("201X", "withdrawn", "96"),
        ("2013", "proposed", "75"),
        ("2013-11", "refused", "75"),
        ("2014-05", "refused", "75"),
        ("201X", "approved", "32"),
        ("2019-06-20", "listed", ""),
    ]


@pytest.mark.parametrize(
    ("case_id", "doubt"),
    [
        ("PC002", "the year is inferred"),
        ("PC003", "the year is inferred"),
        ("PC005", "had just been refused"),
        ("PC006", "whether the council or an inspector"),
        ("PC007", "on or before 13 November 2017"),
        ("PC011", "which way the casting vote went"),
        ("PC012", "The year is inferred"),
        ("PC022", "what the committee decided was not found"),
        ("PC024", "'ten years ago'"),
        ("PC030", "the outcome were not found"),
    ],
)
def test_what_is_inferred_or_missing_in_a_case_is_said(case_id: str, doubt: str) -> None:
    (row,) = [row for row in TABLES["planning_cases.csv"] if row["case_id"] == case_id]
    assert doubt in row["doubts"]


# --- Zones ----------------------------------------------------------------------------------


def test_zones_are_a_geojson_collection_without_a_crs_member() -> None:
    assert ZONES["type"] == "FeatureCollection"
    assert "crs" not in ZONES
    assert list(FEATURES) == ["C-ripon", "B-ripon", "A-ripon", "C-north"]


def test_zones_stand_one_to_a_line_so_that_a_change_can_be_read() -> None:
    lines = (FOLDER / "gypsum_zones.geojson").read_text(encoding="utf-8").splitlines()
    ids = [json.loads(line.rstrip(","))["id"] for line in lines[1:-1]]
    assert ids == list(FEATURES)


def test_box_of_the_zones_is_that_of_their_corners() -> None:
    west, south, east, north = zip(*(polygon.bounds for polygon in POLYGONS.values()), strict=True)
    assert ZONES["bbox"] == [min(west), min(south), max(east), max(north)]


@every_zone
def test_zone_is_a_valid_closed_anticlockwise_polygon(zone_id: str) -> None:
    polygon = POLYGONS[zone_id]
    assert FEATURES[zone_id]["geometry"]["type"] == "Polygon"
    assert polygon.is_valid
    assert polygon.exterior.is_ccw
    assert not list(polygon.interiors)


@every_zone
def test_zone_corners_are_longitude_latitude_with_at_most_six_decimals(zone_id: str) -> None:
    (ring,) = FEATURES[zone_id]["geometry"]["coordinates"]
    assert ring[0] == ring[-1]
    assert all(
        -1.62 < longitude < -1.41 and 54.07 < latitude < 54.30 for longitude, latitude in ring
    )
    assert [corner for corner in ring if [round(value, 6) for value in corner] != corner] == []


@every_zone
def test_zone_carries_its_limits_and_never_poses_as_official(zone_id: str) -> None:
    properties = FEATURES[zone_id]["properties"]
    assert list(properties) == [
        "zone_id",
        "class",
        "title",
        "description",
        "position_uncertainty_m",
        "boundary_uncertainty_m",
        "artificial_edges",
        "confidence",
        "within_ripon_planning_guidance_study_area",
        "is_official_planning_area",
        "nominal_scale",
        "version",
        "sources",
        "attribution",
        "disclaimer",
    ]
    assert properties["zone_id"] == zone_id
    assert properties["class"] == zone_id[0]
    assert properties["is_official_planning_area"] is False
    assert properties["confidence"] in {"low", "medium"}
    assert "not a BGS product" in properties["disclaimer"]
    assert all(URL.fullmatch(link) for link in properties["sources"])


@every_zone
def test_zone_gives_an_uncertainty_for_each_edge_but_the_artificial_ones(zone_id: str) -> None:
    properties = FEATURES[zone_id]["properties"]
    edges = properties["boundary_uncertainty_m"]
    assert list(edges) == ["west", "east", "north", "south"]
    without = {edge for edge, metres in edges.items() if metres is None}
    assert without == set(properties["artificial_edges"])
    given = [metres for metres in edges.values() if metres is not None]
    assert min(given) <= properties["position_uncertainty_m"] <= max(given)


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(FEATURES, 2)))
def test_zones_never_overlap_so_that_a_point_has_one_class(one: str, other: str) -> None:
    assert POLYGONS[one].intersection(POLYGONS[other]).area == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("one", "other"), [("A-ripon", "C-ripon"), ("C-ripon", "B-ripon"), ("C-ripon", "C-north")]
)
def test_neighbouring_zones_share_their_line_without_a_gap(one: str, other: str) -> None:
    assert POLYGONS[one].intersection(POLYGONS[other]).length > 0.01


# --- Planning documents ---------------------------------------------------------------------


def test_only_what_was_read_and_whose_days_are_known_can_be_cited() -> None:
    # Facts: the Neighbourhood Plan was made on 10 April 2019; no other day was found.
    dated = {policy["id"] for policy in POLICIES if "valid_from" in policy}
    assert dated == {"ripon-neighbourhood-plan"}
    assert {policy["id"] for policy in POLICIES if policy.get("superseded")} == {"local-plan-2001"}


def test_what_is_known_at_second_hand_only_is_not_confirmed() -> None:
    assert {policy["id"] for policy in POLICIES if not policy["confirmed"]} == {
        "gypsum-areas-and-declaration",
        "local-plan-ne9",
        "nppf",
        "ppg-land-stability",
    }


@every_policy
def test_a_document_that_cannot_be_cited_says_what_to_look_at(policy: dict[str, Any]) -> None:
    assert policy["note"]
    assert policy["checked_on"] == dt.date.fromisoformat(EDITION)


@every_policy
def test_a_document_that_was_read_says_where(policy: dict[str, Any]) -> None:
    assert bool(policy.get("source_url")) == policy["confirmed"]
    assert URL.fullmatch(policy.get("source_url", "https://example.org/"))


# --- The data package -----------------------------------------------------------------------


def test_package_lists_every_table_and_the_zones() -> None:
    assert set(RESOURCES) == {*COLUMNS, "gypsum_zones.geojson", "policies.toml"}
    assert PACKAGE["version"] == EDITION
    assert "contributors" not in PACKAGE


@pytest.mark.parametrize("path", list(RESOURCES))
def test_package_checksum_and_size_are_those_of_the_file(path: str) -> None:
    content = (FOLDER / path).read_bytes()
    assert RESOURCES[path]["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert RESOURCES[path]["bytes"] == len(content)


@pytest.mark.parametrize("path", list(RESOURCES))
def test_package_gives_licence_sources_attribution_and_dates(path: str) -> None:
    resource = RESOURCES[path]
    assert resource["retrieved"] == EDITION
    assert resource["edition"] == {"postcodes.csv": "2014-08"}.get(path, EDITION)
    assert [licence["name"] for licence in resource["licenses"]] == [
        {"postcodes.csv": "OGL-UK-3.0"}.get(path, "CC-BY-4.0")
    ]
    assert resource["attribution"]
    assert resource["sources"]
    links = [source["path"] for source in resource["sources"] if "path" in source]
    assert [link for link in links if not URL.fullmatch(link)] == []


@pytest.mark.parametrize(
    "path", ["postcodes.csv", "sinkholes.csv", "places.csv", "planning_cases.csv"]
)
@pytest.mark.parametrize("owner", ["Ordnance Survey", "Royal Mail", "National Statistics"])
def test_attribution_names_each_owner_of_the_postcode_points(path: str, owner: str) -> None:
    assert f"Contains {owner} data © " in RESOURCES[path]["attribution"]
    assert "2014" in RESOURCES[path]["attribution"]


def test_attribution_of_the_zones_names_the_survey() -> None:
    attribution = RESOURCES["gypsum_zones.geojson"]["attribution"]
    assert "Contains British Geological Survey materials © UKRI 2021" in attribution


def is_a(kind: str, cell: str) -> bool:
    """Say whether a cell can be read as a Frictionless type."""
    forms = {
        "string": r".+",
        "integer": r"-?\d+",
        "number": r"-?\d+(?:\.\d+)?",
        "boolean": r"true|false",
    }
    return re.fullmatch(forms[kind], cell) is not None


# Constraint name -> whether a filled cell keeps it. "unique" and "required" are seen to apart.
KEEPS: dict[str, Callable[[str, Any], bool]] = {
    "enum": lambda cell, allowed: cell in {str(value) for value in allowed},
    "pattern": lambda cell, pattern: re.fullmatch(pattern, cell) is not None,
    "minimum": lambda cell, bound: float(cell) >= bound,
    "maximum": lambda cell, bound: float(cell) <= bound,
    "maxLength": lambda cell, bound: len(cell) <= bound,
    "unique": lambda _cell, _flag: True,
    "required": lambda _cell, _flag: True,
}


@every_table
def test_schema_describes_each_column_in_order(name: str) -> None:
    fields = RESOURCES[name]["schema"]["fields"]
    assert [field["name"] for field in fields] == COLUMNS[name]
    assert all(field["description"].endswith(".") for field in fields)
    assert RESOURCES[name]["schema"]["primaryKey"] == KEYS[name]


@pytest.mark.parametrize(
    ("name", "column"), [(name, column) for name, columns in COLUMNS.items() for column in columns]
)
def test_every_cell_keeps_the_constraints_of_its_column(name: str, column: str) -> None:
    fields = {field["name"]: field for field in RESOURCES[name]["schema"]["fields"]}
    constraints = fields[column].get("constraints", {})
    cells = [row[column] for row in TABLES[name]]
    filled = [cell for cell in cells if cell]
    assert not constraints.get("required") or filled == cells
    assert not constraints.get("unique") or len(set(cells)) == len(cells)
    faults = [
        (cell, rule)
        for cell in filled
        for rule, bound in constraints.items()
        if not KEEPS[rule](cell, bound)
    ]
    assert faults == []
    assert [cell for cell in filled if not is_a(fields[column]["type"], cell)] == []


@pytest.mark.parametrize(("name", "column"), list(ENUMS))
def test_schema_and_tests_agree_on_the_closed_lists(name: str, column: str) -> None:
    fields = {field["name"]: field for field in RESOURCES[name]["schema"]["fields"]}
    if fields[column]["type"] == "boolean":
        assert ENUMS[name, column] == {"true", "false"}
        return
    listed = {str(value) for value in fields[column]["constraints"]["enum"]}
    assert listed == ENUMS[name, column] - {""}
