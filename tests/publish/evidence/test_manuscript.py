"""What a pack's pages are set from: every word of the dossier, none of it made up on the way."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch.model import Band, Evidence, PolicyLine, PolicyStanding, Share
from sinkwatch.publish.evidence import manuscript, paper, passages, scene
from sinkwatch.publish.evidence.paper import Format
from tests import world
from tests.dossiers import a_dossier, a_policy, a_record, a_site, a_source, a_step
from tests.publish.evidence.leaves import COLOPHON, a_drawn_sheet

if TYPE_CHECKING:
    from sinkwatch.model import Dossier
    from sinkwatch.publish.evidence.manuscript import Colophon


def written(dossier: Dossier, colophon: Colophon = COLOPHON, **changes: object) -> dict[str, Any]:
    sheets = paper.plan(a_site(), Format(scale=2_500), reach_m=1_000, ring_m=50)
    drawn = [a_drawn_sheet(sheet, **changes) for sheet in sheets]
    read: dict[str, Any] = json.loads(manuscript.of(dossier, drawn, colophon).data)
    return read


@pytest.mark.parametrize(
    ("scale", "labels"),
    [
        (1_250, ["0", "25", "50", "75", "100 m"]),
        (2_500, ["0", "50", "100", "150", "200 m"]),
        (12_500, ["0", "250", "500", "750", "1,000 m"]),
        (25_000, ["0", "500", "1,000", "1,500", "2,000 m"]),
    ],
)
def test_parts_of_the_scale_bar_are_round_at_every_scale(scale: int, labels: list[str]) -> None:
    sheet = paper.plan(a_site(), Format(scale=2_500), reach_m=1_000, ring_m=50)[0]
    drawn = [a_drawn_sheet(replace(sheet, scale=scale))]
    data = json.loads(manuscript.of(a_dossier(), drawn, COLOPHON).data)
    assert data["sheets"][0]["bar"] == labels


def test_every_sheet_has_its_drawings_by_name() -> None:
    sheets = paper.plan(a_site(), Format(scale=2_500), reach_m=1_000, ring_m=50)
    art = manuscript.of(a_dossier(), [a_drawn_sheet(sheet) for sheet in sheets], COLOPHON).art
    assert set(art) == {f"{name}-{number}" for number in (1, 2) for name in ("map", "locator")} | {
        f"key-{number}-{entry}" for number in (1, 2) for entry in (0, 1)
    }


def test_sources_that_share_a_credit_name_it_once_on_a_sheet() -> None:
    sheet = written(a_dossier())["sheets"][0]
    [credit] = sheet["credits"]
    assert credit == (
        "Made-up geology; Made-up sinkholes: Contains made-up data © nobody 2026. "
        "Open Government Licence v3.0."
    )


def test_a_source_without_a_credit_is_named_with_its_licence() -> None:
    dossier = a_dossier(sources=(a_source("geology", credit=""),))
    assert written(dossier)["sheets"][0]["credits"] == [
        "Made-up geology: Open Government Licence v3.0."
    ]


def test_a_source_that_is_not_drawn_is_not_credited_on_the_sheet() -> None:
    data = written(a_dossier(), frames=frozenset({"geology"}))
    assert "sinkholes" not in data["sheets"][0]["credits"][0]
    assert [row["name"] for row in data["sources"]] == ["geology", "sinkholes"]


def test_the_headline_stands_once_on_the_page_that_begins_with_it() -> None:
    dossier = a_dossier(summary=("First.", f"In one sentence: “{a_dossier().headline}”", "Last."))
    assert written(dossier)["summary"] == ["First.", "Last."]


def test_a_title_of_ones_own_leaves_the_name_of_the_place() -> None:
    assert written(a_dossier())["subject"] == "grid reference SE 315 718"
    own = a_dossier(title="Against the yard", reference="24/1", address="North Road")
    assert written(own)["subject"] == (
        "Old Yard, North Road · 24/1 · North Road · grid reference SE 315 718"
    )


def test_corrections_go_to_the_contact_or_say_that_there_is_none() -> None:
    assert written(a_dossier())["closing"][-1] == (
        "Corrections: maps@example.org. Name the map id SW-3F9A21C0."
    )
    nobody = replace(COLOPHON, contact="")
    assert "No contact is named here." in written(a_dossier(), nobody)["closing"][-1]


def test_a_reach_that_is_no_whole_kilometre_is_said_in_metres() -> None:
    assert written(a_dossier())["within"] == "1 km"
    assert written(a_dossier(records_within_m=750.0))["within"] == "750 m"


def test_records_say_what_is_not_known_of_them() -> None:
    bare = a_record(date_text="", size_text="", doubts="", grid_reference="", position=None)
    [row] = written(a_dossier(records=(bare,)))["records"]
    assert (row["date"], row["size"], row["where"]) == (
        "date not known",
        "Size not known.",
        "Not drawn",
    )
    assert row["is_long"] is False


def test_sources_of_records_are_lettered_each_once_past_z() -> None:
    records = tuple(a_record(n, source_title=f"Report {n // 2}") for n in range(60))
    data = written(a_dossier(records=records))
    letters = [source["letter"] for source in data["record_sources"]]
    assert letters[:2] == ["a", "b"]
    assert letters[25:28] == ["z", "aa", "ab"]
    assert len(letters) == 30


def test_grades_that_occur_are_explained_once_the_surest_first() -> None:
    records = tuple(
        a_record(n, evidence=grade, evidence_note=f"note of {grade}")
        for n, grade in enumerate((Evidence.POSSIBLE, Evidence.CONFIRMED, Evidence.POSSIBLE))
    )
    grades = written(a_dossier(records=records))["grades"]
    assert [(grade["name"], grade["symbol"]) for grade in grades] == [
        ("confirmed", "●"),
        ("possible", "○"),
    ]


def test_a_link_that_leads_to_no_web_page_is_plain_text() -> None:
    assert passages.step(a_step(source_url="javascript:alert(1)"))["url"] == ""
    assert passages.step(a_step(ground=""))["ground"] == "Nothing known."


def test_a_shared_credit_is_written_out_with_the_first_source_only() -> None:
    missing, first, second = passages.sources(
        (a_source("planit", sha256=""), a_source("geology"), a_source("sinkholes"))
    )
    assert first["credit"] == "Contains made-up data © nobody 2026."
    assert second["credit"] == "Credit as for Made-up geology."
    assert (first["sha256"], missing["sha256"]) == ("0" * 12, "none held")
    assert (missing["credit"], missing["licence"]) == ("", "")


def test_a_share_fills_no_more_than_its_bar() -> None:
    style = world.band_table().styles[Band.LOW]
    row = passages.share(Share(style=style, share=1.0000001, text="100%"))
    assert row["share"] == 1.0


def test_a_planning_document_is_named_with_how_it_stands() -> None:
    [cited, check] = written(a_dossier())["policies"]
    assert (cited["standing"], check["standing"]) == ("may be cited", "check before citing")
    assert cited["rows"][0]["source"] == a_policy().source_title


def test_planning_documents_that_stand_alike_are_listed_under_one_line() -> None:
    def line(title: str, why: str, standing: PolicyStanding) -> PolicyLine:
        return PolicyLine(policy=a_policy(title=title), why=why, standing=standing)

    lines = (
        line("a", "Not read.", PolicyStanding.CHECK),
        line("b", "No dates.", PolicyStanding.CHECK),
        line("c", "Not read.", PolicyStanding.CHECK),
        line("d", "In force.", PolicyStanding.CITED),
    )
    groups = written(a_dossier(policies=lines))["policies"]
    assert [(group["why"], [row["title"] for row in group["rows"]]) for group in groups] == [
        ("In force.", ["d"]),
        ("Not read.", ["a", "c"]),
        ("No dates.", ["b"]),
    ]


def test_the_history_bears_the_letters_of_the_sheets() -> None:
    steps = (a_step(key="x"), a_step(key="y", position=None), a_step(key="z"))
    dossier = a_dossier(history=steps)
    rows = written(dossier)["history"]
    assert [row["letter"] for row in rows] == ["A", "none", "B"]
    assert scene.letters(steps) == {"x": "A", "z": "B"}
