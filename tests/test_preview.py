"""What somebody would have been told in the last twelve months, and what is not known of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from shapely import Point

from sinkwatch import preview, survey
from sinkwatch.errors import PlaceError
from sinkwatch.model import EventKind, SourceStatus, Topic
from sinkwatch.store import brakes
from tests.conftest import NOW, Clock, an_installation
from tests.mailing import HOME, Town, a_town, a_wish, near, one_gazetteer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sinkwatch.preview import Would
    from sinkwatch.survey import Surveyed

# All but the last two lie 50 m from HG4 1HS; the fourth is 2.4 km away and the fifth nowhere.
PLANNING = """\
reference,description,status,received_on,decided_on,easting,northing,url
26/1,Twenty dwellings with piled foundations,Awaiting decision,2026-11-02,,431530,471750,
26/2,A conservatory,Approved,2026-03-02,2026-05-02,431480,471800,
25/3,A loft,Awaiting decision,2025-10-02,,431480,471700,
25/6,A garage,Refused,2025-09-02,2026-01-05,431480,471700,
26/4,A barn,Awaiting decision,2026-10-02,,433900,471750,
26/5,A shed,Awaiting decision,2026-10-02,,,,
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Surveyed:
    folder = tmp_path_factory.mktemp("planning")
    (folder / "applications.csv").write_text(PLANNING, encoding="utf-8")
    services = an_installation(folder, Clock(NOW), planning=[folder / "applications.csv"])
    return survey.surveyed(services.area, preview.intake.recall(services))


@pytest.fixture
def town(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Town]:
    one_gazetteer(monkeypatch)
    with a_town(tmp_path, tmp_path_factory.getbasetemp()) as opened:
        yield opened


def would(town: Town, found: Surveyed, *topics: Topic, radius_m: float = 500.0) -> Would:
    wish = a_wish(HOME, radius_m, *topics)
    return preview.would_have(town.services, town.store, found, wish)


def told(answer: Would) -> list[tuple[str, str]]:
    return sorted(
        (alert.event.subject.rpartition("Yorkshire/")[2], str(alert.event.kind))
        for alert in answer.alerts
    )


NEW, DECIDED = "application_new", "application_decided"


class TestOfTheTimeBefore:
    @pytest.mark.parametrize(
        ("topics", "expected"),
        [
            (
                (),
                [("25/6", DECIDED), ("26/1", NEW), ("26/2", DECIDED), ("26/2", NEW), ("26/5", NEW)],
            ),
            ((Topic.FLAGGED,), [("26/1", NEW), ("26/2", NEW), ("26/5", NEW)]),
            ((Topic.DECISIONS,), [("25/6", DECIDED), ("26/2", DECIDED), ("26/5", NEW)]),
            ((Topic.RECORDS,), []),
        ],
        ids=lambda value: "+".join(value) if isinstance(value, tuple) else "",
    )
    def test_a_year_of_applications_is_told_by_topic(
        self,
        town: Town,
        found: Surveyed,
        topics: tuple[Topic, ...],
        expected: list[tuple[str, str]],
    ) -> None:
        assert told(would(town, found, *topics)) == expected

    def test_a_wider_circle_takes_in_what_lies_further_off(
        self, town: Town, found: Surveyed
    ) -> None:
        assert ("26/4", NEW) not in told(would(town, found, Topic.FLAGGED, Topic.BELT))
        wide = told(would(town, found, Topic.FLAGGED, Topic.BELT, radius_m=2_000.0))
        assert ("26/1", NEW) in wide

    def test_a_record_of_the_year_is_told(self, town: Town, found: Surveyed) -> None:
        holes = found.findings.sinkholes.copy()
        close = holes.index[holes["is_drawn"]][0]
        holes.loc[close, "observed"] = "2026-02-17"
        holes.loc[close, "geometry"] = Point(431_480, 471_760)
        later = replace(found, findings=replace(found.findings, sinkholes=holes))
        answer = would(town, later, Topic.RECORDS)
        assert told(answer) == [(holes.loc[close, "sinkhole_id"], "sinkhole_new")]
        assert answer.alerts[0].event.happened == "A record has been added to the inventory."

    def test_what_the_ground_is_comes_with_it(self, town: Town, found: Surveyed) -> None:
        answer = would(town, found)
        assert answer.assessment.place.label == HOME
        assert answer.subscriber.email == preview.NOBODY
        assert [place.radius_m for place in answer.subscriber.subscriptions] == [500.0]


class TestOfWhatWasRecorded:
    def test_is_told_as_it_was_and_takes_the_place_of_the_present_list(
        self, town: Town, found: Surveyed
    ) -> None:
        changed = near(
            "North Yorkshire/26/2", kind=EventKind.APPLICATION_CHANGED, happened="It has moved."
        )
        town.happens(changed)
        subjects = [one for one in told(would(town, found)) if one[0] == "26/2"]
        assert subjects == [("26/2", "application_changed")]

    def test_older_than_a_year_is_left_out(self, town: Town, found: Surveyed) -> None:
        town.happens(near("99/1"))
        assert ("99/1", NEW) in told(would(town, found))
        town.clock.move(days=366)
        assert ("99/1", NEW) not in told(would(town, found))

    @pytest.mark.parametrize("ending", ["", "discarded"])
    def test_what_nobody_was_told_is_not_told_here(
        self, town: Town, found: Surveyed, ending: str
    ) -> None:
        run_id = town.happens(near("99/1"), brake=True)
        if ending:
            with town.store.begin() as connection:
                brakes.end(connection, run_id, ending, town.clock())
        assert ("99/1", NEW) not in told(would(town, found))

    def test_what_was_let_go_is_told(self, town: Town, found: Surveyed) -> None:
        run_id = town.happens(near("99/1"), brake=True)
        with town.store.begin() as connection:
            brakes.end(connection, run_id, "approved", town.clock())
        assert ("99/1", NEW) in told(would(town, found))

    def test_what_was_taken_back_is_not_and_what_came_after_is(
        self, town: Town, found: Surveyed
    ) -> None:
        town.happens(near("99/1"))
        town.clock.move(hours=1)
        town.happens(near("99/1", kind=EventKind.RETRACTED, version="2"))
        assert ("99/1", NEW) not in told(would(town, found))
        town.clock.move(hours=1)
        town.happens(near("99/1", kind=EventKind.APPLICATION_CHANGED, version="3"))
        assert [one for one in told(would(town, found)) if one[0] == "99/1"] == [
            ("99/1", "application_changed")
        ]


class TestWhatIsNotKnown:
    def test_nothing_is_said_if_all_is_well(self, town: Town, found: Surveyed) -> None:
        assert would(town, found).says == ()

    def test_that_no_planning_source_is_held_is_no_quiet_place(
        self, town: Town, found: Surveyed
    ) -> None:
        states = tuple(replace(state, snapshot=None) for state in found.findings.sources)
        without = replace(found.findings, sources=states)
        said = would(town, replace(found, findings=without)).says
        assert said[0] == (
            "No planning applications are held here yet, so none can be shown. That is not the "
            "same as none."
        )

    def test_a_source_in_trouble_is_named(self, town: Town, found: Surveyed) -> None:
        states = tuple(
            replace(state, status=SourceStatus.FAILED, problem="gone")
            if state.spec.kind == "applications"
            else state
            for state in found.findings.sources
        )
        troubled = replace(found.findings, sources=states)
        (said,) = would(town, replace(found, findings=troubled)).says
        assert "could not be read" in said
        assert said.endswith("Something may be missing here.")

    @pytest.mark.parametrize("postcode", ["YO1 7HH", "HG4 9ZZ", "auction-mart"])
    def test_a_place_that_is_not_held_is_refused(
        self, town: Town, found: Surveyed, postcode: str
    ) -> None:
        with pytest.raises(PlaceError):
            preview.would_have(town.services, town.store, found, a_wish(postcode))


class TestAPostcode:
    def test_is_the_first_held(self, town: Town) -> None:
        assert preview.a_postcode(town.services) == "HG4 1AD"

    def test_without_any_is_refused(self, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
        held = preview.intake.recall(town.services)
        none = replace(held, postcodes=held.postcodes.iloc[:0])
        monkeypatch.setattr(preview.intake, "recall", lambda _: none)
        with pytest.raises(PlaceError, match="is in no list held"):
            preview.a_postcode(town.services)
