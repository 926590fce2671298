"""What changes are news, and how each is told: worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, ClassVar

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from sinkwatch import events, geo
from sinkwatch.model import (
    Area,
    Band,
    Change,
    Event,
    EventKind,
    Findings,
)

if TYPE_CHECKING:
    import geopandas as gpd

TODAY = date(2026, 11, 22)
SQUARE, MOVED_24_M, MOVED_25_M = (
    shapely.to_wkt(shapely.box(east, 0, east + 100, 100), rounding_precision=0)
    for east in (0, 24, 25)
)


def an_application(**changed: object) -> dict[str, object]:
    return {
        "reference": "ZC26/00001/FUL",
        "authority": "North Yorkshire",
        "address": "Auction Mart, North Road, Ripon",
        "description": "Erection of 20 dwellings",
        "status": "undecided",
        "status_text": "Awaiting decision",
        "received_on": "2026-11-02",
        "decided_on": None,
        "consulted_on": None,
        "easting": 431_579,
        "northing": 471_829,
        "position_uncertainty_m": 100,
        "boundary": "",
        "url": "https://council.example/1",
        **changed,
    }


def _one_application(boundary: shapely.Geometry | None) -> gpd.GeoDataFrame:
    row = {
        "application_key": "A/1",
        "received_on": None,
        "decided_on": None,
        "position_uncertainty_m": 10.0,
        **dict.fromkeys(("reference", "authority", "address", "description"), "text"),
        **dict.fromkeys(("status", "status_text", "url"), "text"),
    }
    frame = geo.bng_frame({name: [value] for name, value in row.items()}, [50.0], [50.0])
    return frame.assign(boundary=[boundary])


def a_record(**changed: object) -> dict[str, object]:
    return {
        "name": "A hole",
        "kind": "collapse",
        "evidence": "confirmed",
        "date_text": "1 May 2026",
        "size_text": "",
        "cause": "",
        "source_title": "A newspaper",
        "source_url": "https://news.example/1",
        "counts": True,
        "easting": 431_600,
        "northing": 471_745,
        "position_uncertainty_m": 150,
        **changed,
    }


def a_change(
    kind: str,
    before: dict[str, object] | None,
    after: dict[str, object] | None,
    *,
    is_baseline: bool = False,
) -> Change:
    return Change(
        kind=kind,
        subject="subject-1",
        version="v1",
        before=before,
        after=after,
        is_baseline=is_baseline,
    )


def the_event(area: Area, change: Change, **note: object) -> Event | None:
    notes = {"subject-1": events.Note(**note)} if note else {}  # type: ignore[arg-type]
    found = events.events([change], notes, area.parameters, today=TODAY)
    return found[0] if found else None


class TestEventsOfApplications:
    def test_a_new_application_is_told_with_its_status_and_its_place(self, ripon: Area) -> None:
        change = a_change(events.APPLICATION, None, an_application())
        event = the_event(ripon, change, is_flagged=True, lines=("Ground: High.",))
        assert event is not None
        assert event.kind is EventKind.APPLICATION_NEW
        assert event.title == "ZC26/00001/FUL, Auction Mart, North Road, Ripon"
        assert 'Its status is "Awaiting decision".' in event.happened
        assert (event.easting, event.northing) == (431_579.0, 471_829.0)
        assert event.lines == (
            "Proposal, as published: Erection of 20 dwellings",
            "Received 2 November 2026.",
            "Authority: North Yorkshire.",
            "Ground: High.",
        )
        assert event.is_flagged
        assert event.is_news

    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            ("approved", EventKind.APPLICATION_DECIDED),
            ("refused", EventKind.APPLICATION_DECIDED),
            ("withdrawn", EventKind.APPLICATION_WITHDRAWN),
            ("appealed", EventKind.APPLICATION_APPEALED),
            ("other", EventKind.APPLICATION_CHANGED),
            ("undecided", EventKind.APPLICATION_CHANGED),
        ],
    )
    def test_a_changed_status_names_both(self, ripon: Area, status: str, kind: EventKind) -> None:
        before = an_application(status="other" if status == "undecided" else "undecided")
        if status == "other":
            before = an_application(status="undecided")
        after = an_application(status=status, status_text="The new words")
        event = the_event(ripon, a_change(events.APPLICATION, before, after))
        assert event is not None
        assert event.kind is kind
        assert 'was "Awaiting decision" and is now "The new words"' in event.happened

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("url", "https://new.council.example/1"),
            ("authority", "Another Council"),
            ("reference", "zc26-1"),
        ],
    )
    def test_where_it_is_listed_is_nothing_of_its_own(
        self, ripon: Area, name: str, value: str
    ) -> None:
        after = an_application(**{name: value})
        assert the_event(ripon, a_change(events.APPLICATION, an_application(), after)) is None

    @pytest.mark.parametrize(
        ("before", "after", "words"),
        [
            ({}, {"description": "Other words"}, "its description"),
            ({"description": ""}, {"description": "Words at last"}, "its description"),
            ({}, {"address": "Elsewhere"}, "its address"),
            ({}, {"easting": 431_604}, "its position"),
            ({}, {"easting": 431_597, "northing": 471_847}, "its position"),
            ({}, {"easting": 431_679, "position_uncertainty_m": 50}, "its position"),
            ({"boundary": SQUARE}, {"boundary": MOVED_25_M}, "its boundary"),
            ({"decided_on": "2026-11-01"}, {"decided_on": "2026-11-02"}, "its decision date"),
            (
                {"status": "other", "status_text": "Referred"},
                {"status": "other", "status_text": "Called in"},
                "the council's words for its status",
            ),
            (
                {"boundary": SQUARE},
                {"boundary": MOVED_25_M, "address": "x", "description": "y", "easting": 1},
                "its description, its address, its position, its boundary",
            ),
        ],
    )
    def test_what_else_changed_is_named(
        self, ripon: Area, before: dict[str, object], after: dict[str, object], words: str
    ) -> None:
        change = a_change(
            events.APPLICATION, an_application(**before), an_application(**{**before, **after})
        )
        event = the_event(ripon, change)
        assert event is not None
        assert event.kind is EventKind.APPLICATION_CHANGED
        assert event.happened == f"The application has changed: {words}."

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ({}, {"description": " ERECTION of  20 dwellings."}),
            ({}, {"address": "Auction Mart\nNorth Road\nRIPON"}),
            ({}, {"description": ""}),
            ({}, {"address": ""}),
            ({}, {"easting": 431_603}),
            ({}, {"easting": 431_678, "position_uncertainty_m": 50}),
            ({}, {"position_uncertainty_m": 10}),
            ({}, {"easting": None, "northing": None, "position_uncertainty_m": None}),
            ({"easting": None, "northing": None, "position_uncertainty_m": None}, {}),
            ({"boundary": SQUARE}, {"boundary": MOVED_24_M}),
            ({"boundary": SQUARE}, {"boundary": ""}),
            ({"boundary": ""}, {"boundary": SQUARE}),
            ({}, {"received_on": "2026-11-03"}),
            ({}, {"decided_on": "2026-11-03"}),
            ({"decided_on": "2026-11-03"}, {"decided_on": None}),
            ({}, {"status_text": "Pending consideration"}),
            ({}, {"status": "other", "status_text": ""}),
            ({"status": "other", "status_text": ""}, {}),
            (
                {"status": "other", "status_text": ""},
                {"status": "other", "status_text": "Referred"},
            ),
            (
                {"status": "other", "status_text": "Referred"},
                {"status": "other", "status_text": "REFERRED"},
            ),
            ({}, {"consulted_on": "2026-11-10"}),
            ({"consulted_on": "2026-11-10"}, {"consulted_on": None}),
            ({"consulted_on": "2026-11-10"}, {"consulted_on": "2026-11-09"}),
            (
                {"consulted_on": "2026-11-10", "status": "approved"},
                {"consulted_on": "2026-11-11", "status": "approved"},
            ),
        ],
        ids=[
            "capitals, spaces and a full stop", "commas", "no description any more",
            "no address any more", "24 m", "placed otherwise, within both doubts",
            "placed better", "not mapped any more", "mapped at last", "outline redrawn",
            "no outline any more", "outline at last", "received", "decision date at last",
            "no decision date any more", "words for the same status", "no status any more",
            "a status at last", "words at last", "words in capitals", "consulted at first",
            "no consultation any more", "consultation corrected", "decided and consulted",
        ],
    )  # fmt: skip
    def test_what_nobody_would_call_a_change_is_no_event(
        self, ripon: Area, before: dict[str, object], after: dict[str, object]
    ) -> None:
        was = an_application(**before)
        is_now = an_application() | after if after else an_application()
        assert the_event(ripon, a_change(events.APPLICATION, was, is_now)) is None

    def test_a_fact_that_was_not_recorded_before_is_no_change(self, ripon: Area) -> None:
        facts = an_application(consulted_on="2026-11-10", boundary=SQUARE, decided_on="2026-11-01")
        for absent in ({"consulted_on"}, {"consulted_on", "boundary", "decided_on", "description"}):
            earlier = {name: value for name, value in facts.items() if name not in absent}
            assert the_event(ripon, a_change(events.APPLICATION, earlier, facts)) is None

    def test_a_second_consultation_is_told_with_both_dates(self, ripon: Area) -> None:
        before = an_application(consulted_on="2025-11-10")
        after = an_application(consulted_on="2026-03-03")
        event = the_event(ripon, a_change(events.APPLICATION, before, after))
        assert event is not None
        assert event.kind is EventKind.APPLICATION_CHANGED
        assert event.happened == (
            "It is out for consultation again: the consultation date was 10 November 2025 and is "
            "now 3 March 2026."
        )
        assert "Consultation date 3 March 2026." in event.lines

    def test_everything_at_once_is_one_event_of_the_gravest_kind(self, ripon: Area) -> None:
        before = an_application(consulted_on="2026-11-10")
        after = an_application(
            status="appealed", status_text="", description="Shops", consulted_on="2026-11-20"
        )
        event = the_event(ripon, a_change(events.APPLICATION, before, after))
        assert event is not None
        assert event.kind is EventKind.APPLICATION_APPEALED
        assert event.happened == (
            'The application\'s status was "Awaiting decision" and is now "appealed". It has '
            "changed besides: its description. It is out for consultation again: the consultation "
            "date was 10 November 2026 and is now 20 November 2026."
        )

    def test_a_status_that_is_not_given_is_said_to_be_none(self, ripon: Area) -> None:
        bare = an_application(status="other", status_text="")
        event = the_event(ripon, a_change(events.APPLICATION, None, bare))
        assert event is not None
        assert event.happened.endswith("Its status is not given.")
        event = the_event(
            ripon, a_change(events.APPLICATION, bare, an_application(status="approved"))
        )
        assert event is not None
        assert "status was not given and is now" in event.happened

    @pytest.mark.parametrize("status", ["undecided", "appealed", "other"])
    def test_an_open_one_that_is_no_longer_listed_is_told_carefully(
        self, ripon: Area, status: str
    ) -> None:
        gone = an_application(status=status)
        event = the_event(ripon, a_change(events.APPLICATION, gone, None))
        assert event is not None
        assert event.kind is EventKind.APPLICATION_UNLISTED
        assert event.is_flagged
        assert event.title == "ZC26/00001/FUL, Auction Mart, North Road, Ripon"
        assert event.happened == (
            "It is no longer listed by the council's register as we read it: it may have been "
            'withdrawn there, or taken down. Its status was last "Awaiting decision".'
        )

    @pytest.mark.parametrize("status", ["approved", "refused", "withdrawn"])
    def test_a_decided_one_drops_off_lists_without_a_word(self, ripon: Area, status: str) -> None:
        gone = a_change(events.APPLICATION, an_application(status=status), None)
        assert the_event(ripon, gone) is None

    def test_nothing_before_and_nothing_after_is_nothing(self, ripon: Area) -> None:
        assert the_event(ripon, a_change(events.APPLICATION, None, None)) is None

    @given(st.lists(st.sampled_from(sorted(an_application())), unique=True))
    def test_facts_that_come_or_go_are_never_an_amendment(
        self, ripon: Area, names: list[str]
    ) -> None:
        kept = {"status", "status_text", "easting", "northing", "position_uncertainty_m", "url",
                "reference", "authority", "address", "description"}  # fmt: skip
        whole = an_application(consulted_on="2026-11-10", decided_on="2026-11-01", boundary=SQUARE)
        less = {name: v for name, v in whole.items() if name in kept or name not in names}
        assert the_event(ripon, a_change(events.APPLICATION, less, whole)) is None

    def test_one_without_an_address_says_so(self, ripon: Area) -> None:
        event = the_event(ripon, a_change(events.APPLICATION, None, an_application(address="")))
        assert event is not None
        assert event.title == "ZC26/00001/FUL, address not given"

    @pytest.mark.parametrize(
        ("facts", "is_news"),
        [
            ({"status": "undecided", "received_on": "2019-01-01"}, True),
            ({"status": "appealed", "received_on": "2019-01-01"}, True),
            ({"status": "approved", "received_on": None, "decided_on": "2026-08-24"}, True),
            ({"status": "approved", "received_on": None, "decided_on": "2026-08-23"}, False),
            ({"status": "refused", "received_on": "2026-11-01"}, True),
            ({"status": "refused", "received_on": None}, True),
        ],
        ids=[
            "undecided is always news",
            "an appeal is always news",
            "decided 90 days ago",
            "decided 91 days ago",
            "received lately",
            "without any date",
        ],
    )
    def test_what_is_long_decided_is_no_news(
        self, ripon: Area, facts: dict[str, object], *, is_news: bool
    ) -> None:
        event = the_event(ripon, a_change(events.APPLICATION, None, an_application(**facts)))
        assert event is not None
        assert event.is_news is is_news

    def test_what_is_known_of_its_place_goes_with_it(self, ripon: Area) -> None:
        change = a_change(events.APPLICATION, None, an_application(consulted_on="2026-12-05"))
        event = the_event(
            ripon,
            change,
            is_flagged=False,
            in_belt=True,
            site="Auction Mart",
            anchor="application-1",
        )
        assert event is not None
        assert (event.is_flagged, event.in_belt) == (False, True)
        assert (event.site, event.anchor) == ("Auction Mart", "application-1")
        assert event.deadline == date(2026, 12, 5)

    def test_without_a_note_nothing_is_claimed_of_its_place(self, ripon: Area) -> None:
        event = the_event(ripon, a_change(events.APPLICATION, None, an_application()))
        assert event is not None
        assert (event.is_flagged, event.in_belt) == (False, False)
        assert (event.site, event.anchor, event.deadline) == ("", "", None)
        assert event.silent_since is None

    @pytest.mark.parametrize(
        ("status", "deadline"),
        [
            ("undecided", date(2026, 12, 5)),
            ("appealed", date(2026, 12, 5)),
            ("other", date(2026, 12, 5)),
            ("approved", None),
            ("refused", None),
            ("withdrawn", None),
        ],
    )
    def test_only_what_can_still_be_commented_on_has_a_deadline(
        self, ripon: Area, status: str, deadline: date | None
    ) -> None:
        facts = an_application(status=status, status_text="", consulted_on="2026-12-05")
        event = the_event(ripon, a_change(events.APPLICATION, None, facts))
        assert event is not None
        assert event.deadline == deadline

    def test_what_is_no_longer_listed_has_no_deadline(self, ripon: Area) -> None:
        gone = an_application(consulted_on="2026-12-05")
        event = the_event(ripon, a_change(events.APPLICATION, gone, None))
        assert event is not None
        assert event.deadline is None
        assert "Consultation date 5 December 2026." in event.lines

    def test_a_second_consultation_moves_the_deadline(self, ripon: Area) -> None:
        before = an_application(consulted_on="2026-11-10")
        after = an_application(consulted_on="2026-12-05")
        event = the_event(ripon, a_change(events.APPLICATION, before, after))
        assert event is not None
        assert event.deadline == date(2026, 12, 5)

    def test_one_without_a_position_has_none(self, ripon: Area) -> None:
        facts = an_application(easting=None, northing=None, position_uncertainty_m=None)
        event = the_event(ripon, a_change(events.APPLICATION, None, facts))
        assert event is not None
        assert (event.easting, event.northing) == (None, None)


class TestEventsOfRecords:
    def test_the_first_inventory_is_no_news(self, ripon: Area) -> None:
        change = a_change(events.SINKHOLE, None, a_record(), is_baseline=True)
        assert the_event(ripon, change) is None

    def test_a_new_record_names_its_evidence_and_source(self, ripon: Area) -> None:
        event = the_event(ripon, a_change(events.SINKHOLE, None, a_record()))
        assert event is not None
        assert event.kind is EventKind.SINKHOLE_NEW
        assert event.title == "A hole, 1 May 2026"
        assert event.lines[0].startswith("Evidence: confirmed, that is ")
        assert event.lines[1] == "Source: A newspaper."
        assert event.url == "https://news.example/1"
        assert (event.is_flagged, event.is_news, event.deadline) == (True, True, None)

    def test_a_record_leads_to_its_place_on_the_page(self, ripon: Area) -> None:
        change = a_change(events.SINKHOLE, None, a_record())
        event = the_event(ripon, change, is_flagged=False, lines=("Near it.",), anchor="sinkhole-1")
        assert event is not None
        assert (event.is_flagged, event.anchor, event.lines[-1]) == (True, "sinkhole-1", "Near it.")

    def test_a_correction_of_nothing_that_has_words_is_one_of_its_details(
        self, ripon: Area
    ) -> None:
        change = a_change(events.SINKHOLE, a_record(), a_record(source_title="A survey"))
        event = the_event(ripon, change)
        assert event is not None
        assert event.happened == "The record has been corrected: its details."

    def test_a_correction_names_what_was_corrected(self, ripon: Area) -> None:
        change = a_change(events.SINKHOLE, a_record(), a_record(evidence="probable", easting=1))
        event = the_event(ripon, change)
        assert event is not None
        assert event.kind is EventKind.SINKHOLE_CORRECTED
        assert event.happened == (
            "The record has been corrected: its grade of evidence, its position."
        )

    def test_a_removed_record_is_told_as_it_was(self, ripon: Area) -> None:
        event = the_event(ripon, a_change(events.SINKHOLE, a_record(), None))
        assert event is not None
        assert event.kind is EventKind.SINKHOLE_REMOVED
        assert event.title == "A hole, 1 May 2026"


class TestEventsOfPostcodes:
    MODERATE: ClassVar = {"band": 3, "scored_as": 3, "sinkhole_id": ""}
    PLACED: ClassVar = {**MODERATE, "easting": 5, "northing": 5}

    @pytest.mark.parametrize(
        ("after", "why"),
        [
            ({"band": 4, "scored_as": 3, "sinkhole_id": "RS1"}, "Another record now decides it"),
            ({"band": 1, "scored_as": 1, "sinkhole_id": ""}, "edition of the geology"),
            ({"band": 4, "scored_as": 3, "sinkhole_id": ""}, "has been corrected"),
            (
                {"band": 4, "scored_as": 3, "sinkhole_id": "", "easting": 5, "northing": 5},
                "has been corrected",
            ),
            (
                {"band": 4, "scored_as": 3, "sinkhole_id": "", "easting": 9, "northing": 5},
                "Its centre lies elsewhere in the list of postcodes",
            ),
        ],
    )
    def test_a_changed_band_says_why(self, ripon: Area, after: dict[str, object], why: str) -> None:
        before = self.PLACED if "easting" in after else self.MODERATE
        event = the_event(ripon, a_change(events.POSTCODE, before, after))
        assert event is not None
        assert event.kind is EventKind.BAND_CHANGED
        label = ripon.parameters.table.styles[Band(int(str(after["band"])))].label
        assert f'was "Moderate" and is now "{label}"' in event.happened
        assert why in event.happened

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (None, MODERATE),
            (MODERATE, None),
            (MODERATE, {"band": 3, "scored_as": 3, "sinkhole_id": "RS2"}),
        ],
        ids=["new to the list", "gone from the list", "same band for another reason"],
    )
    def test_anything_else_is_no_event(
        self, ripon: Area, before: dict[str, object] | None, after: dict[str, object] | None
    ) -> None:
        assert the_event(ripon, a_change(events.POSTCODE, before, after)) is None


class TestEvents:
    def test_stand_in_the_order_of_the_changes_without_what_is_none(self, ripon: Area) -> None:
        changes = [
            replace(a_change(events.SINKHOLE, None, a_record()), subject="z"),
            replace(a_change(events.APPLICATION, None, None), subject="none"),
            replace(a_change(events.APPLICATION, None, an_application()), subject="a"),
        ]
        notes = {"a": events.Note(is_flagged=True, in_belt=True)}
        found = events.events(changes, notes, ripon.parameters, today=TODAY)
        assert [(event.subject, event.in_belt) for event in found] == [("z", False), ("a", True)]


class TestFacts:
    def test_of_the_inventory_are_plain_values_by_id(self, ripon_findings: Findings) -> None:
        facts = events.sinkhole_facts(ripon_findings.sinkholes)
        assert facts["RS009"]["name"] == "Magdalen's Close house collapse"
        assert facts["RS009"]["easting"] == 431_600
        assert facts["RS012"]["counts"] is False

    def test_of_postcodes_name_what_decides(self, ripon_findings: Findings) -> None:
        facts = events.postcode_facts(ripon_findings.postcode_bands, ripon_findings.postcodes)
        assert facts["HG4 1HS"] == {
            "band": Band.HIGH,
            "scored_as": 3,
            "sinkhole_id": "RS009",
            "easting": 431_480,
            "northing": 471_750,
        }

    def test_an_unmapped_application_has_no_position(self, ripon_findings: Findings) -> None:
        row = {
            "application_key": "A/1",
            "reference": "1",
            "authority": "A",
            "geometry": None,
            "received_on": None,
            "decided_on": datetime(2026, 11, 22, tzinfo=UTC),
        }
        empty = ripon_findings.applications
        frame = empty.reindex([0]).assign(**{k: [v] for k, v in row.items() if k != "geometry"})
        (facts,) = events.application_facts(frame).values()
        assert facts["easting"] is None
        assert facts["decided_on"] == "2026-11-22"
        assert facts["address"] == ""

    def test_a_boundary_is_recorded_to_the_metre_whatever_corner_it_begins_at(self) -> None:
        square = shapely.box(0, 0, 100.2, 100)
        turned = shapely.Polygon(square.exterior.coords[2:-1] + square.exterior.coords[:2])
        facts = [
            events.application_facts(_one_application(boundary))["A/1"]["boundary"]
            for boundary in (square, turned, shapely.box(0, 0, 102, 100), None)
        ]
        assert facts[0] == facts[1]
        assert facts[0] != facts[2]
        assert facts[3] == ""
