"""What changed, and who hears of it: worked out by hand on a small map."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, ClassVar

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from sinkwatch import alerts, geo
from sinkwatch.model import (
    Area,
    Band,
    Change,
    Event,
    EventKind,
    Findings,
    Subscription,
    SubscriptionId,
)

if TYPE_CHECKING:
    import geopandas as gpd

TODAY = date(2026, 11, 22)
SQUARE, MOVED_24_M, MOVED_25_M = (
    shapely.to_wkt(shapely.box(east, 0, east + 100, 100), rounding_precision=0)
    for east in (0, 24, 25)
)
HOME = (431_480.0, 471_750.0)


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


def a_subscription(**changed: object) -> Subscription:
    values: dict[str, object] = {
        "subscription_id": SubscriptionId("s1"),
        "email": "a@example.org",
        "postcode": "HG4 1HS",
        "radius_m": 500.0,
        "easting": HOME[0],
        "northing": HOME[1],
        "confirmed_at": datetime(2026, 1, 1, tzinfo=UTC),
        **changed,
    }
    return Subscription(**values)  # type: ignore[arg-type]


def an_event(**changed: object) -> Event:
    values: dict[str, object] = {
        "kind": EventKind.APPLICATION_NEW,
        "subject": "a1",
        "version": "v1",
        "title": "A1",
        "happened": "Submitted.",
        "easting": HOME[0] + 300.0,
        "northing": HOME[1],
        "position_uncertainty_m": 0.0,
        "is_flagged": True,
        "is_news": True,
        **changed,
    }
    return Event(**values)  # type: ignore[arg-type]


def the_event(area: Area, change: Change, **note: object) -> Event | None:
    notes = {"subject-1": alerts.Note(**note)} if note else {}  # type: ignore[arg-type]
    found = alerts.events([change], notes, area.parameters, today=TODAY)
    return found[0] if found else None


class TestEventsOfApplications:
    def test_a_new_application_is_told_with_its_status_and_its_place(self, ripon: Area) -> None:
        change = a_change(alerts.APPLICATION, None, an_application())
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
        event = the_event(ripon, a_change(alerts.APPLICATION, before, after))
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
        assert the_event(ripon, a_change(alerts.APPLICATION, an_application(), after)) is None

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
            alerts.APPLICATION, an_application(**before), an_application(**{**before, **after})
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
        assert the_event(ripon, a_change(alerts.APPLICATION, was, is_now)) is None

    def test_a_fact_that_was_not_recorded_before_is_no_change(self, ripon: Area) -> None:
        facts = an_application(consulted_on="2026-11-10", boundary=SQUARE, decided_on="2026-11-01")
        for absent in ({"consulted_on"}, {"consulted_on", "boundary", "decided_on", "description"}):
            earlier = {name: value for name, value in facts.items() if name not in absent}
            assert the_event(ripon, a_change(alerts.APPLICATION, earlier, facts)) is None

    def test_a_second_consultation_is_told_with_both_dates(self, ripon: Area) -> None:
        before = an_application(consulted_on="2025-11-10")
        after = an_application(consulted_on="2026-03-03")
        event = the_event(ripon, a_change(alerts.APPLICATION, before, after))
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
        event = the_event(ripon, a_change(alerts.APPLICATION, before, after))
        assert event is not None
        assert event.kind is EventKind.APPLICATION_APPEALED
        assert event.happened == (
            'The application\'s status was "Awaiting decision" and is now "appealed". It has '
            "changed besides: its description. It is out for consultation again: the consultation "
            "date was 10 November 2026 and is now 20 November 2026."
        )

    def test_a_status_that_is_not_given_is_said_to_be_none(self, ripon: Area) -> None:
        bare = an_application(status="other", status_text="")
        event = the_event(ripon, a_change(alerts.APPLICATION, None, bare))
        assert event is not None
        assert event.happened.endswith("Its status is not given.")
        event = the_event(
            ripon, a_change(alerts.APPLICATION, bare, an_application(status="approved"))
        )
        assert event is not None
        assert "status was not given and is now" in event.happened

    @pytest.mark.parametrize("status", ["undecided", "appealed", "other"])
    def test_an_open_one_that_is_no_longer_listed_is_told_carefully(
        self, ripon: Area, status: str
    ) -> None:
        gone = an_application(status=status)
        event = the_event(ripon, a_change(alerts.APPLICATION, gone, None))
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
        gone = a_change(alerts.APPLICATION, an_application(status=status), None)
        assert the_event(ripon, gone) is None

    def test_nothing_before_and_nothing_after_is_nothing(self, ripon: Area) -> None:
        assert the_event(ripon, a_change(alerts.APPLICATION, None, None)) is None

    @given(st.lists(st.sampled_from(sorted(an_application())), unique=True))
    def test_facts_that_come_or_go_are_never_an_amendment(
        self, ripon: Area, names: list[str]
    ) -> None:
        kept = {"status", "status_text", "easting", "northing", "position_uncertainty_m", "url",
                "reference", "authority", "address", "description"}  # fmt: skip
        whole = an_application(consulted_on="2026-11-10", decided_on="2026-11-01", boundary=SQUARE)
        less = {name: v for name, v in whole.items() if name in kept or name not in names}
        assert the_event(ripon, a_change(alerts.APPLICATION, less, whole)) is None

    def test_one_without_an_address_says_so(self, ripon: Area) -> None:
        event = the_event(ripon, a_change(alerts.APPLICATION, None, an_application(address="")))
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
        event = the_event(ripon, a_change(alerts.APPLICATION, None, an_application(**facts)))
        assert event is not None
        assert event.is_news is is_news

    def test_one_without_a_position_has_none(self, ripon: Area) -> None:
        facts = an_application(easting=None, northing=None, position_uncertainty_m=None)
        event = the_event(ripon, a_change(alerts.APPLICATION, None, facts))
        assert event is not None
        assert (event.easting, event.northing) == (None, None)


class TestEventsOfRecords:
    def test_the_first_inventory_is_no_news(self, ripon: Area) -> None:
        change = a_change(alerts.SINKHOLE, None, a_record(), is_baseline=True)
        assert the_event(ripon, change) is None

    def test_a_new_record_names_its_evidence_and_source(self, ripon: Area) -> None:
        event = the_event(ripon, a_change(alerts.SINKHOLE, None, a_record()))
        assert event is not None
        assert event.kind is EventKind.SINKHOLE_NEW
        assert event.title == "A hole, 1 May 2026"
        assert event.lines[0].startswith("Evidence: confirmed, that is ")
        assert event.lines[1] == "Source: A newspaper."

    def test_a_correction_names_what_was_corrected(self, ripon: Area) -> None:
        change = a_change(alerts.SINKHOLE, a_record(), a_record(evidence="probable", easting=1))
        event = the_event(ripon, change)
        assert event is not None
        assert event.kind is EventKind.SINKHOLE_CORRECTED
        assert event.happened == (
            "The record has been corrected: its grade of evidence, its position."
        )

    def test_a_removed_record_is_told_as_it_was(self, ripon: Area) -> None:
        event = the_event(ripon, a_change(alerts.SINKHOLE, a_record(), None))
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
        event = the_event(ripon, a_change(alerts.POSTCODE, before, after))
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
        assert the_event(ripon, a_change(alerts.POSTCODE, before, after)) is None


class TestPlan:
    def test_an_alert_carries_distance_doubt_and_direction(self) -> None:
        (digest,) = alerts.plan([an_event()], [a_subscription()], frozenset())
        (alert,) = digest.alerts
        assert alert.distance_m == 300.0
        assert alert.distance_uncertainty_m == 100.0  # the postcode's own
        assert alert.direction == "east"

    @pytest.mark.parametrize(
        ("away_m", "uncertainty_m", "hears"),
        [(600.0, 0.0, True), (600.1, 0.0, False), (740.0, 240.0, True), (860.0, 240.0, False)],
        ids=["500 + 100 m", "a hair further", "U = hypot(240, 100) = 260 m", "beyond 760 m"],
    )
    def test_doubt_about_a_place_counts_in_favour_of_telling(
        self, away_m: float, uncertainty_m: float, *, hears: bool
    ) -> None:
        event = an_event(easting=HOME[0] + away_m, position_uncertainty_m=uncertainty_m)
        assert bool(alerts.plan([event], [a_subscription()], frozenset())) is hears

    @pytest.mark.parametrize("changed", [{"is_flagged": False}, {"is_news": False}])
    def test_what_is_not_flagged_or_not_news_goes_to_nobody(
        self, changed: dict[str, object]
    ) -> None:
        assert alerts.plan([an_event(**changed)], [a_subscription()], frozenset()) == ()

    def test_what_could_not_be_mapped_goes_to_everyone_flagged_or_not(self) -> None:
        event = an_event(easting=None, northing=None, is_flagged=False)
        people = [
            a_subscription(),
            a_subscription(subscription_id=SubscriptionId("s2"), easting=0.0),
        ]
        digests = alerts.plan([event], people, frozenset())
        assert [digest.subscription.subscription_id for digest in digests] == ["s1", "s2"]
        assert digests[0].alerts[0].distance_m is None

    def test_a_changed_band_goes_to_that_postcode_alone(self) -> None:
        event = an_event(
            kind=EventKind.BAND_CHANGED, subject="HG4 1HS", easting=None, northing=None
        )
        people = [
            a_subscription(),
            a_subscription(subscription_id=SubscriptionId("s2"), postcode="HG4 1AA"),
        ]
        (digest,) = alerts.plan([event], people, frozenset())
        assert digest.subscription.subscription_id == "s1"

    def test_that_one_is_no_longer_listed_goes_only_to_those_who_were_told_of_it(self) -> None:
        event = an_event(kind=EventKind.APPLICATION_UNLISTED, subject="North: Yorkshire/1")
        people = [a_subscription(), a_subscription(subscription_id=SubscriptionId("s2"))]
        told = frozenset({(SubscriptionId("s2"), "application_new:North: Yorkshire/1:v0")})
        (digest,) = alerts.plan([event], people, told)
        assert digest.subscription.subscription_id == "s2"
        again = told | {(SubscriptionId("s2"), event.key)}
        assert alerts.plan([event], people, again) == ()

    def test_what_was_told_is_not_told_again(self) -> None:
        event = an_event()
        told = frozenset({(SubscriptionId("s1"), event.key)})
        assert alerts.plan([event], [a_subscription()], told) == ()

    def test_another_version_of_what_was_told_is_told(self) -> None:
        told = frozenset({(SubscriptionId("s1"), an_event().key)})
        assert len(alerts.plan([an_event(version="v2")], [a_subscription()], told)) == 1

    def test_a_digest_holds_everything_nearest_first_and_unmapped_last(self) -> None:
        events = [
            an_event(subject="unmapped", easting=None, northing=None),
            an_event(subject="far"),
            an_event(subject="near", easting=HOME[0] + 10),
        ]
        (digest,) = alerts.plan(events, [a_subscription()], frozenset())
        assert [alert.event.subject for alert in digest.alerts] == ["near", "far", "unmapped"]

    def test_nobody_subscribed_means_nothing_to_send(self) -> None:
        assert alerts.plan([an_event()], [], frozenset()) == ()

    @given(
        away=st.lists(st.floats(0, 3_000), min_size=1, max_size=6),
        radius_m=st.floats(250, 2_000),
        wider_m=st.floats(0, 2_000),
    )
    def test_a_wider_radius_never_hears_less(
        self, away: list[float], radius_m: float, wider_m: float
    ) -> None:
        events = [
            an_event(subject=str(number), easting=HOME[0] + distance)
            for number, distance in enumerate(away)
        ]

        def heard(radius: float) -> set[str]:
            digests = alerts.plan(events, [a_subscription(radius_m=radius)], frozenset())
            return {alert.event.subject for digest in digests for alert in digest.alerts}

        assert heard(radius_m) <= heard(radius_m + wider_m)

    @given(st.permutations(range(5)))
    def test_the_order_of_subscriptions_never_changes_what_one_hears(
        self, order: list[int]
    ) -> None:
        people = [
            a_subscription(
                subscription_id=SubscriptionId(f"s{number}"), easting=HOME[0] + 200.0 * number
            )
            for number in range(5)
        ]
        events = [an_event(), an_event(subject="b", easting=HOME[0] + 900.0)]
        straight = {
            d.subscription.subscription_id: d.alerts
            for d in alerts.plan(events, people, frozenset())
        }
        shuffled = alerts.plan(events, [people[i] for i in order], frozenset())
        assert {d.subscription.subscription_id: d.alerts for d in shuffled} == straight

    @given(st.sets(st.integers(0, 4)))
    def test_telling_the_rest_later_tells_everything_once(self, first: set[int]) -> None:
        events = [an_event(subject=str(number)) for number in range(5)]
        people = [a_subscription()]
        before = alerts.plan([events[i] for i in sorted(first)], people, frozenset())
        told = frozenset(
            (digest.subscription.subscription_id, alert.event.key)
            for digest in before
            for alert in digest.alerts
        )
        after = alerts.plan(events, people, told)
        subjects = [a.event.subject for d in (*before, *after) for a in d.alerts]
        assert sorted(subjects) == ["0", "1", "2", "3", "4"]


class TestFacts:
    def test_of_the_inventory_are_plain_values_by_id(self, ripon_findings: Findings) -> None:
        facts = alerts.sinkhole_facts(ripon_findings.sinkholes)
        assert facts["RS009"]["name"] == "Magdalen's Close house collapse"
        assert facts["RS009"]["easting"] == 431_600
        assert facts["RS012"]["counts"] is False

    def test_of_postcodes_name_what_decides(self, ripon_findings: Findings) -> None:
        facts = alerts.postcode_facts(ripon_findings.postcode_bands, ripon_findings.postcodes)
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
        (facts,) = alerts.application_facts(frame).values()
        assert facts["easting"] is None
        assert facts["decided_on"] == "2026-11-22"
        assert facts["address"] == ""

    def test_a_boundary_is_recorded_to_the_metre_whatever_corner_it_begins_at(self) -> None:
        square = shapely.box(0, 0, 100.2, 100)
        turned = shapely.Polygon(square.exterior.coords[2:-1] + square.exterior.coords[:2])
        facts = [
            alerts.application_facts(_one_application(boundary))["A/1"]["boundary"]
            for boundary in (square, turned, shapely.box(0, 0, 102, 100), None)
        ]
        assert facts[0] == facts[1]
        assert facts[0] != facts[2]
        assert facts[3] == ""

    def test_events_have_keys_that_differ_by_version(self) -> None:
        event = an_event()
        assert event.key == "application_new:a1:v1"
        assert replace(event, version="v2").key != event.key
