from __future__ import annotations

import doctest
import re
import unicodedata
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinkwatch import wording
from sinkwatch.model import (
    ANY_ROCK,
    Age,
    EventKind,
    Evidence,
    Frequency,
    SourceSpec,
    SourceState,
    SourceStatus,
    Topic,
)
from tests.world import BANNED_WORDS, band_table

if TYPE_CHECKING:
    from sinkwatch.model import Inputs


def test_the_examples_in_the_docstrings_hold() -> None:
    outcome = doctest.testmod(wording)
    assert (outcome.failed, outcome.attempted > 0) == (0, True)


# ── Distances, dates, numbers ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("distance_m", "expected"),
    [
        (0, "under 5 m"),
        (2.5, "under 5 m"),
        (2.6, "5 m"),
        (32.5, "30 m"),
        (97.4, "95 m"),
        (99, "100 m"),
        (112.5, "110 m"),
        (247, "250 m"),
        (250, "250 m"),
        (260, "250 m"),
        (312, "300 m"),
        (1_474, "1,450 m"),
    ],
)
def test_a_distance_is_rounded_to_5_10_and_50_m(distance_m: float, expected: str) -> None:
    assert wording.distance_text(distance_m) == expected


@pytest.mark.parametrize(
    ("uncertainty_m", "expected"),
    [
        (5, "± 5 m"),
        (14.1, "± 15 m"),
        (100, "± 100 m"),
        (100.5, "± 110 m"),
        (500, "± 500 m"),
        (500.0000001, "± 500 m"),
        (500.1, "± 550 m"),
        (5_001, "± 5,050 m"),
    ],
)
def test_an_uncertainty_is_rounded_up(uncertainty_m: float, expected: str) -> None:
    assert wording.plus_minus(uncertainty_m) == expected


@given(st.floats(0, 100_000), st.floats(0, 100_000))
def test_a_greater_distance_never_reads_as_a_smaller_one(first: float, second: float) -> None:
    nearer, further = sorted((first, second))
    assert _metres(wording.distance_text(nearer)) <= _metres(wording.distance_text(further))
    assert _metres(wording.plus_minus(nearer)) <= _metres(wording.plus_minus(further))


def _metres(text: str) -> int:
    return 0 if text.startswith("under") else int(re.sub(r"\D", "", text))


@given(st.floats(0.5, 100_000))
def test_an_uncertainty_never_reads_as_less_than_it_is(uncertainty_m: float) -> None:
    assert _metres(wording.plus_minus(uncertainty_m)) >= uncertainty_m - 0.001


@pytest.mark.parametrize(
    ("distance_m", "uncertainty_m", "expected"),
    [
        (79.1, 166.2, "about 80 m (± 170 m)"),
        (0, 12, "under 5 m (± 15 m)"),
        (310, 499, "about 300 m (± 500 m)"),
    ],
)
def test_a_distance_goes_with_its_uncertainty(
    distance_m: float, uncertainty_m: float, expected: str
) -> None:
    assert wording.about(distance_m, uncertainty_m) == expected


def test_dates_are_written_out_without_a_leading_nought() -> None:
    assert wording.date_text(date(2014, 2, 17)) == "17 February 2014"
    assert wording.date_text(date(1834, 6, 1)) == "1 June 1834"


def test_a_consent_names_the_places_and_that_it_can_be_ended() -> None:
    assert wording.consent_text(["HG4 1HS", "HG4 2AB"]) == (
        "I agree to be sent e-mails about ground stability near HG4 1HS and HG4 2AB, until I stop "
        "them."
    )


def test_a_month_is_written_with_its_year() -> None:
    assert wording.month_text(date(2026, 10, 1)) == "October 2026"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_texts_are_joined_as_people_list_them(texts: list[str], expected: str) -> None:
    assert wording.joined(texts) == expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 7, 1, 23, 30, tzinfo=UTC), date(2026, 7, 2)),
        (datetime(2026, 12, 1, 23, 30, tzinfo=UTC), date(2026, 12, 1)),
    ],
    ids=["summer time", "winter time"],
)
def test_a_date_is_that_of_a_reader_in_london(moment: datetime, expected: date) -> None:
    assert wording.london_date(moment) == expected


@pytest.mark.parametrize(
    ("n", "nouns", "expected"),
    [
        (0, ("record",), "0 records"),
        (1, ("record",), "1 record"),
        (12_000, ("record",), "12,000 records"),
        (2, ("survey", "surveys"), "2 surveys"),
        (2, ("inquiry", "inquiries"), "2 inquiries"),
    ],
)
def test_a_number_goes_with_its_noun(n: int, nouns: tuple[str, ...], expected: str) -> None:
    assert wording.count_text(n, *nouns) == expected


# ── Outside text ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  two\r\nlines\tand\x0bmore ", "two lines and more"),
        ("\ufeffbom", "bom"),
        ("evil\u202eeman", "evileman"),
        ("isolate\u2066d\u2069", "isolated"),
        ("soft\u00adhyphen", "softhyphen"),
        ("nul\x00 bell\x07 escape\x1b[2J", "nul bell escape[2J"),
        ("private\ue000use", "privateuse"),
        ("cafe\u0301", "caf\u00e9"),
        ("cafe\u200b\u0301", "caf\u00e9"),
        ("para\u2029graph", "para graph"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    ],
)
def test_outside_text_is_made_fit_to_show(text: str, expected: str) -> None:
    assert wording.clean(text) == expected


@given(st.text())
def test_clean_text_is_on_one_line_composed_and_stays_as_it_is(text: str) -> None:
    cleaned = wording.clean(text)
    assert wording.clean(cleaned) == cleaned
    assert unicodedata.is_normalized("NFC", cleaned)
    assert not {unicodedata.category(c) for c in cleaned} & {"Cc", "Cf", "Zl", "Zp"}
    assert cleaned == " ".join(cleaned.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to jo.bloggs+plans@example.co.uk today", "write to [removed] today"),
        ("a@b.uk, c@d.uk", "[removed], [removed]"),
        ("ring 01765 123456.", "ring [removed]."),
        ("ring 01765-123-456", "ring [removed]"),
        ("ring (01765) 123456", "ring [removed]"),
        ("ring 020 7946 0018", "ring [removed]"),
        ("ring 07700900123", "ring [removed]"),
        ("ring +44 1765 123456", "ring [removed]"),
        ("ring +44 (0)1765 123456", "ring [removed]"),
        ("ring 0044 1765 123456", "ring [removed]"),
        ("Tel:01765123456", "Tel:[removed]"),
        ("for Mr Smith", "for [removed]"),
        ("for Mr. J. Smith, Ripon", "for [removed], Ripon"),
        ("for Mr P.Q. Jones.", "for [removed]."),
        ("for MR SMITH", "for [removed]"),
        ("for Mrs O'Brien-Smith and others", "for [removed] and others"),
        ("Mr and Mrs Smith object", "[removed] object"),
        ("Mr & Mrs J. & K. Smith object", "[removed] object"),
        ("Ms van der Berg", "[removed]"),
        ("Dr Évans of Mill Lane", "[removed] of Mill Lane"),
        ("Rev. Jones, Prof Plum", "[removed], [removed]"),
        ("Mr Smith ZC24/03097/FUL", "[removed] ZC24/03097/FUL"),
        ("Dr Smith, 12 Mill Dr Ripon", "[removed], 12 Mill Dr Ripon"),
    ],
)
def test_personal_data_is_masked(text: str, expected: str) -> None:
    assert wording.mask_personal_data(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "ZC24/03097/FUL",
        "application 6.31.1234.A.OUT and APP/E2734/W/14/2221234",
        "24/00123/FULMAJ, 06/01234/FUL",
        "SE 318 726",
        "SE 03180 07261",
        "easting 431579, northing 471829",
        "12 Springfield Drive",
        "Springfield Drive, Dr",
        "12 Springfield Dr Ripon",
        "9A Long Mill Dr, Ripon HG4 1HS",
        "1-7 Princess Close and 14 Mill Lane",
        "75 homes on 2.5 hectares, 0.75 m deep",
        "from 24 01 2014 to 05-03-2016 10:30",
        "UPRN 010012345678",
        "Missouri Road, Drake House, Msida",
        "Mr, Mrs",
        "12 noon @ the site",
    ],
)
def test_what_is_no_personal_data_is_left_alone(text: str) -> None:
    assert wording.mask_personal_data(text) == text


_MAIL = st.from_regex(r"[a-z0-9.+_-]{1,8}@[a-z0-9-]{1,8}(\.[a-z]{2,5}){1,2}", fullmatch=True)


@given(st.lists(st.one_of(_MAIL, st.text(max_size=8)), max_size=6), st.sampled_from(["", " ", ","]))
def test_masked_text_holds_no_address_and_stays_as_it_is(parts: list[str], between: str) -> None:
    masked = wording.mask_personal_data(between.join(parts))
    assert not re.search(r"[\w.+-]+@[\w-]+\.\w", masked)
    assert wording.mask_personal_data(masked) == masked


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (15, "hello world foo"),
        (14, "hello world…"),
        (12, "hello world…"),
        (11, "hello…"),
        (6, "hello…"),
        (5, "hell…"),
        (1, "…"),
    ],
)
def test_a_long_text_is_cut_at_a_words_end(most: int, expected: str) -> None:
    assert wording.trimmed("hello world foo", most) == expected


def test_a_cut_leaves_no_comma_behind() -> None:
    assert wording.trimmed("one, two, three", 10) == "one, two…"


@given(st.text(), st.integers(1, 50))
def test_a_trimmed_text_is_never_too_long(text: str, most: int) -> None:
    assert len(wording.trimmed(text, most)) <= most


@pytest.mark.parametrize(
    "start",
    ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\u00a0@", "\uff1d", "\uff0b", "\uff0d", "\uff20"],
)
def test_a_cell_that_a_spreadsheet_would_calculate_gets_an_apostrophe(start: str) -> None:
    assert wording.spreadsheet_cell(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize("text", ["", "1+1", "'=1", "HG4 1HS"])
def test_any_other_cell_is_left_alone(text: str) -> None:
    assert wording.spreadsheet_cell(text) == text


# ── Standing words ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("table", "members"),
    [
        (wording.EVENT_TITLES, EventKind),
        (wording.SOURCE_STATUSES, SourceStatus),
        (wording.EVIDENCE_NOTES, Evidence),
        (wording.topics("gypsum"), Topic),
        (wording.FREQUENCIES, Frequency),
    ],
    ids=["events", "sources", "evidence", "topics", "frequencies"],
)
def test_there_are_words_for_every_case(table: dict[str, str], members: type) -> None:
    assert set(table) == set(members)
    assert all(table.values())


def _standing_words() -> list[str]:
    styles = band_table().styles.values()
    return [
        wording.disclaimer("gypsum"),
        wording.LIMITS,
        wording.NO_RECORDS,
        *wording.EVENT_TITLES.values(),
        *wording.SOURCE_STATUSES.values(),
        *wording.EVIDENCE_NOTES.values(),
        *wording.topics("gypsum").values(),
        *wording.FREQUENCIES.values(),
        *(text for style in styles for text in (style.label, style.meaning, style.advice)),
    ]


@pytest.mark.parametrize("text", _standing_words())
def test_no_standing_sentence_says_what_may_never_be_said(text: str) -> None:
    assert not [word for word in BANNED_WORDS if word in text.lower()]


def test_the_limits_say_whom_to_call() -> None:
    assert "call 999" in wording.LIMITS
    assert "chartered engineer" in wording.disclaimer("gypsum")


@pytest.mark.parametrize("rock", ["gypsum", "chalk and limestone", ANY_ROCK])
def test_the_rock_is_called_what_the_area_calls_it(rock: str) -> None:
    assert wording.disclaimer(rock) == (
        f"This map shows where {rock} is thought to lie and where ground collapses have been "
        "recorded. It cannot say whether, where or when the ground will move. Positions are "
        "approximate. It is not a survey, a council map or a BGS product. For a decision about a "
        "property or a planning application, ask a chartered engineer or geologist and check the "
        "council's own map."
    )
    assert wording.topics(rock)[Topic.BELT] == f"every planning application where {rock} is present"


@pytest.mark.parametrize(
    ("rock", "ground"),
    [
        ("gypsum", "gypsum ground"),
        ("chalk and limestone", "chalk and limestone ground"),
        (ANY_ROCK, "ground that can dissolve"),
    ],
)
def test_the_ground_is_named_by_its_rock(rock: str, ground: str) -> None:
    assert wording.ground_of(rock) == ground


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "{Rock} only at depth, or {rock} nearby.",
            "Rock salt only at depth, or rock salt nearby.",
        ),
        ("{ROCK} {} {0} {rock.area} %s {{", "{ROCK} {} {0} {rock.area} %s {{"),
        ("", ""),
    ],
)
def test_only_the_rock_is_put_into_a_text(text: str, said: str) -> None:
    assert wording.of_rock(text, "rock salt") == said


def test_an_earlier_copy_is_spoken_of_only_where_there_is_one(ripon_inputs: Inputs) -> None:
    held = replace(ripon_inputs.states[0], status=SourceStatus.FAILED)
    assert wording.source_text(held) == "could not be read; the last good copy is in use"
    assert wording.source_text(replace(held, snapshot=None)) == wording.NOTHING_HELD
    assert wording.source_text(ripon_inputs.states[0]) == "up to date"


# ── Which sources a reader hears of ──────────────────────────────────────────────────────────


def standing(*kinds: tuple[str, SourceStatus]) -> tuple[SourceState, ...]:
    """Return how some sources stand, each named by its kind."""
    return tuple(
        SourceState(
            spec=SourceSpec(
                name=kind, kind=kind, title=kind, path=None, licence="", attribution=""
            ),
            status=status,
            snapshot=None,
        )
        for kind, status in kinds
    )


OFF, GOOD = SourceStatus.NOT_CONFIGURED, SourceStatus.GOOD


@pytest.mark.parametrize(
    ("kinds", "heard_of"),
    [
        ([("planit", OFF), ("applications", OFF), ("open-uprn", OFF)], ["planit"]),
        ([("planit", OFF), ("applications", GOOD), ("open-uprn", GOOD)],
         ["applications", "open-uprn"]),
        ([("planit", SourceStatus.FAILED), ("applications", OFF)], ["planit"]),
        ([("geology", GOOD), ("cases", OFF)], ["geology", "cases"]),
    ],
    ids=[
        "that no planning source is set up is said once",
        "one that stands in for another is enough",
        "one that fails is no less set up",
        "what nothing stands in for is said to be missing",
    ],
)  # fmt: skip
def test_a_reader_hears_of_what_is_in_use_and_of_what_is_missing(
    kinds: list[tuple[str, SourceStatus]], heard_of: list[str]
) -> None:
    assert [state.spec.kind for state in wording.bearing(standing(*kinds))] == heard_of


@pytest.mark.parametrize("status", SourceStatus)
def test_trouble_with_what_residents_are_told_of_comes_before_all_else(
    status: SourceStatus,
) -> None:
    states = standing(("planit", status), ("environment-agency", status))
    is_trouble = status not in (GOOD, OFF)
    assert wording.alarming(states) == (states[:1] if is_trouble else ())


@pytest.mark.parametrize(
    ("status", "age", "expected"),
    [
        (SourceStatus.STALE, Age.AMBER, "out of date"),
        (SourceStatus.STALE, Age.RED, "long out of date"),
        (SourceStatus.STALE, Age.FRESH, "out of date"),
        (SourceStatus.HELD, Age.FRESH, "on hold; the last good copy is in use"),
        (SourceStatus.HELD, Age.RED, "on hold; the last good copy is in use, and long out of date"),
    ],
)
def test_how_old_the_good_data_is_is_said(
    ripon_inputs: Inputs, status: SourceStatus, age: Age, expected: str
) -> None:
    assert wording.source_text(replace(ripon_inputs.states[0], status=status, age=age)) == expected
