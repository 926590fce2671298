"""What may leave the house: rounded positions, cleaned texts, plain links, plain ids."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from sinkwatch import geo, public

if TYPE_CHECKING:
    from sinkwatch.model import Findings

metres = st.floats(min_value=0, max_value=1_000_000, allow_nan=False)


def _records(easting: float, northing: float, *, is_drawn: bool = True) -> object:
    columns = {"sinkhole_id": ["S1"], "is_drawn": [is_drawn]}
    return public.sinkholes(geo.bng_frame(columns, [easting], [northing])).geometry.iloc[0]


@given(easting=metres, northing=metres)
@settings(max_examples=60)
def test_a_record_is_moved_to_a_50_m_grid_and_never_further_than_is_said(
    easting: float, northing: float
) -> None:
    shown = _records(easting, northing)
    assert isinstance(shown, shapely.Point)
    assert shown.x % 50 == 0
    assert shown.y % 50 == 0
    assert shown.distance(shapely.Point(easting, northing)) <= public.ROUNDING_ERROR_M


def test_a_record_that_may_not_be_drawn_has_no_position_at_all() -> None:
    assert _records(431500, 471500, is_drawn=False) is None


def test_rounding_leaves_the_inventory_itself_alone(ripon_findings: Findings) -> None:
    before = ripon_findings.sinkholes.copy(deep=True)
    public.sinkholes(ripon_findings.sinkholes)
    pd.testing.assert_frame_equal(pd.DataFrame(before), pd.DataFrame(ripon_findings.sinkholes))


def test_past_decisions_are_rounded_too_since_many_stand_on_a_record(
    ripon_findings: Findings,
) -> None:
    shown = public.cases(ripon_findings.cases)
    placed = shown.geometry.dropna()
    assert len(placed) == int(ripon_findings.cases.geometry.notna().sum()) > 20
    assert (placed.x % 50 == 0).all()
    assert (placed.y % 50 == 0).all()


def test_rounding_adds_to_the_uncertainty_as_one_more_independent_error() -> None:
    assert public.shown_uncertainty_m(150) == pytest.approx(154.3, abs=0.05)
    assert public.shown_uncertainty_m(0) == public.ROUNDING_ERROR_M


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,<script>",
        "vbscript:x",
        "file:///etc/passwd",
        "//no.scheme.example",
        "https://",
        "https:///path",
        "https://user:secret@host.example/",
        "https://host.example/a b",
        "https://host.example/\u202egnp.exe",
        " https://host.example/",
        "https://host.example/\n",
        "http://[::1",
        "",
    ],
)
def test_a_link_that_is_no_plain_web_page_is_left_out(url: str) -> None:
    assert public.web_link(url) == ""


@pytest.mark.parametrize(
    "url", ["https://host.example/a?b=c&d=%20e#f", "http://nora.nerc.ac.uk/id/eprint/500175/"]
)
def test_a_plain_web_link_is_kept_as_it_is(url: str) -> None:
    assert public.web_link(url) == url


def test_a_plain_key_is_its_own_id_and_any_other_is_hashed() -> None:
    assert public.anchor("record", "RS009") == "record-RS009"
    hashed = public.anchor("application", "North/24 <script>")
    assert hashed.startswith("application-")
    assert hashed.replace("-", "").isalnum()
    assert hashed != public.anchor("application", "North/24 <script >")


@pytest.mark.parametrize(
    ("edition", "shown"),
    [
        ("2026-11-22", "22 November 2026"),
        ("2014-08", "August 2014"),
        ("2026-13-40", "2026-13-40"),
        ("v5.17", "v5.17"),
        ("", ""),
    ],
)
def test_an_edition_that_is_a_date_is_written_in_words(edition: str, shown: str) -> None:
    assert public.edition_text(edition) == shown


def test_rows_are_plain_values_and_what_is_missing_is_none() -> None:
    frame = pd.DataFrame(
        {
            "name": pd.Series(["a", None], dtype="str"),
            "size_m": [1.5, np.nan],
            "seen_on": pd.to_datetime(["2014-02-17", None]),
            "counts": [True, False],
        }
    )
    first, second = public.rows(frame)
    assert first == {
        "name": "a",
        "size_m": 1.5,
        "seen_on": datetime(2014, 2, 17),  # noqa: DTZ001 - a date, as pandas holds it
        "counts": True,
    }
    assert second == {"name": None, "size_m": None, "seen_on": None, "counts": False}


def test_a_cell_reads_as_text_number_or_date_and_an_absent_column_as_an_empty_one() -> None:
    row = {"name": "a\u202eb\n c", "size_m": 3, "far_m": float("inf"), "seen_on": pd.Timestamp(0)}
    assert public.text(row, "name") == "ab c"
    assert public.text(row, "absent") == ""
    assert public.number(row, "size_m") == 3
    assert public.number(row, "far_m") is None
    assert public.number(row, "name") is None
    assert public.day_text(row, "seen_on") == "1 January 1970"
    assert public.day_text(row, "absent") == ""


def test_a_description_loses_personal_data_and_is_no_longer_than_needed() -> None:
    shown = public.description({"description": "Call Mr A Smith on 01765 123456. " + "word " * 400})
    assert shown.startswith("Call [removed] on [removed]. word")
    assert len(shown) <= public.DESCRIPTION_LENGTH
    assert public.description({"description": None}) == ""


def test_a_record_that_may_not_be_drawn_is_listed_without_a_place() -> None:
    frame = public.sinkholes(
        geo.bng_frame({"sinkhole_id": ["S1", "S2"], "is_drawn": [True, False]}, [10, 60], [10, 60])
    )
    assert public.points(frame) == [shapely.Point(0, 0), None]
