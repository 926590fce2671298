"""Who is told what and when: one mail for each person who is due, whatever is cut off between."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from sinkwatch import compose, signup
from sinkwatch.errors import ConfigError, DataError
from sinkwatch.model import EventKind, Frequency, MailKind, Outcome, SourceStatus
from sinkwatch.store import Store, brakes, jobs, outbox, subscribers
from sinkwatch.store import alerts as stored
from tests.mailing import (
    AWAY,
    HOME,
    Town,
    a_place,
    a_town,
    near,
    parsed,
    plain_maps,
    surveyed,
    text_of,
)
from tests.notify.builders import a_source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sqlalchemy import Connection

    from sinkwatch.model import Digest, Message
    from sinkwatch.survey import Surveyed

MONDAY = datetime(2026, 11, 23, 7, tzinfo=UTC)
"""Seven o'clock in London on the day after the clock of the tests."""

MINUTE = timedelta(minutes=1)


class Cut(BaseException):
    """Stands for a power cut: nothing catches it."""


@pytest.fixture(autouse=True)
def _plain_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    plain_maps(monkeypatch)


@pytest.fixture
def town(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with a_town(tmp_path, tmp_path_factory.getbasetemp()) as opened:
        yield opened


def told(messages: list[Message]) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return who was sent what kind of mail, and the subjects that it tells."""
    return sorted(
        (one.recipient.partition("@")[0], str(one.kind), tuple(map(_subject, one.event_keys)))
        for one in messages
    )


def _subject(key: str) -> str:
    return key.split(":")[1]


def at(town: Town, moment: datetime) -> list[Message]:
    """Return what goes when the clock shows a moment."""
    town.clock.now = moment
    return town.posts()


class TestFrequencies:
    @pytest.mark.parametrize(
        ("frequency", "first_at"),
        [
            (Frequency.AT_ONCE, datetime(2026, 11, 22, 9, 30, tzinfo=UTC)),
            (Frequency.DAILY, MONDAY),
            (Frequency.WEEKLY, MONDAY),
            (Frequency.MONTHLY, datetime(2026, 12, 1, 7, tzinfo=UTC)),
        ],
    )
    def test_what_waits_goes_when_its_time_has_come_and_not_a_minute_earlier(
        self, town: Town, frequency: Frequency, first_at: datetime
    ) -> None:
        town.resident("r@example.org", frequency=frequency)
        town.happens()
        if frequency is not Frequency.AT_ONCE:
            assert at(town, first_at - MINUTE) == []
        kind = "alert" if frequency is Frequency.AT_ONCE else "digest"
        assert told(at(town, first_at)) == [("r", kind, ("26/1",))]
        assert at(town, first_at + timedelta(days=7)) == []

    def test_a_week_begins_at_seven_in_london_in_summer_too(self, town: Town) -> None:
        town.clock.now = datetime(2026, 7, 5, 9, tzinfo=UTC)
        town.resident("r@example.org", frequency=Frequency.WEEKLY)
        town.happens()
        six_utc = datetime(2026, 7, 6, 6, tzinfo=UTC)
        assert at(town, six_utc - MINUTE) == []
        assert told(at(town, six_utc)) == [("r", "digest", ("26/1",))]

    def test_what_comes_after_monday_morning_waits_for_the_next(self, town: Town) -> None:
        town.resident("r@example.org", frequency=Frequency.WEEKLY)
        assert at(town, MONDAY) == []
        town.happens()
        assert at(town, MONDAY + timedelta(days=6, hours=23)) == []
        assert told(at(town, MONDAY + timedelta(days=7))) == [("r", "digest", ("26/1",))]

    def test_a_run_at_six_by_cron_alone_leaves_nobody_waiting_for_a_monday_too_many(
        self, town: Town
    ) -> None:
        town.resident("daily@example.org", frequency=Frequency.DAILY)
        town.resident("weekly@example.org", frequency=Frequency.WEEKLY)
        sent = {}
        for day in range(23, 33):
            town.clock.now = datetime(2026, 11, 1, 6, tzinfo=UTC) + timedelta(days=day - 1)
            if day in {23, 26}:
                town.happens(near(f"26/{day}"))
            sent[day] = told(town.posts())
        # The 24th and the 31st are Tuesdays: the first look after Monday at seven.
        assert {day: mails for day, mails in sent.items() if mails} == {
            24: [("daily", "digest", ("26/23",)), ("weekly", "digest", ("26/23",))],
            26: [("daily", "digest", ("26/26",))],
            31: [("weekly", "digest", ("26/26",))],
        }

    def test_a_newcomer_hears_from_the_first_day_or_monday_on(self, town: Town) -> None:
        town.resident("r@example.org", days=0, frequency=Frequency.WEEKLY)
        town.happens()
        assert told(at(town, MONDAY)) == [("r", "digest", ("26/1",))]

    def test_someone_who_was_never_looked_at_is_due(self, town: Town) -> None:
        town.resident("r@example.org", frequency=Frequency.MONTHLY, digested_at=None)
        town.happens()
        assert told(town.posts()) == [("r", "digest", ("26/1",))]

    def test_a_clock_that_was_a_year_fast_silences_nobody(self, town: Town) -> None:
        town.resident("r@example.org", frequency=Frequency.WEEKLY)
        town.clock.move(days=365)
        town.composes()
        town.clock.move(days=-365)
        town.happens()
        assert told(at(town, MONDAY)) == [("r", "digest", ("26/1",))]
        with town.store.read() as connection:
            assert jobs.last_success(connection, compose.LOOKED) == MONDAY

    def test_what_was_held_back_on_their_monday_does_not_wait_for_the_next(
        self, town: Town
    ) -> None:
        town.resident("r@example.org", frequency=Frequency.WEEKLY)
        town.clock.now = MONDAY - MINUTE
        run_id = town.happens(brake=True)
        assert at(town, MONDAY) == []
        town.clock.move(days=1)
        with town.store.begin() as connection:
            brakes.end(connection, run_id, "approved", town.clock())
        assert told(town.posts()) == [("r", "digest", ("26/1",))]

    def test_nor_does_what_a_pause_held_back(self, town: Town) -> None:
        until = date(2026, 11, 25)
        town.resident("r@example.org", frequency=Frequency.WEEKLY, paused_until=until)
        town.happens()
        assert at(town, MONDAY) == []
        assert told(at(town, MONDAY + timedelta(days=2))) == [("r", "digest", ("26/1",))]


class TestPlaces:
    def test_several_places_are_told_in_one_mail_and_each_event_once(self, town: Town) -> None:
        place = a_place(AWAY, radius_m=2_000.0)
        town.resident("r@example.org", a_place(HOME, radius_m=2_000.0), place)
        town.happens(near("26/1"), near("26/2", AWAY))
        (mail,) = town.posts()
        assert told([mail]) == [("r", "alert", ("26/1", "26/2"))]
        assert text_of(mail).count("26/1: a site") == 1
        assert HOME in parsed(mail)["Subject"]
        assert AWAY in parsed(mail)["Subject"]

    def test_what_was_near_a_place_that_is_gone_is_dropped(self, town: Town) -> None:
        away = a_place(AWAY)
        person = town.resident("r@example.org", HOME, away, frequency=Frequency.WEEKLY)
        town.happens(near("26/1"), near("26/2", AWAY))
        assert not signup.remove_place(town.services, town.store, person, away.subscription_id)
        assert told(at(town, MONDAY)) == [("r", "digest", ("26/1",))]
        assert town.rows("alerts", "subject") == [("26/1",)]

    def test_nobody_is_mailed_of_nothing(self, town: Town) -> None:
        away = a_place(AWAY)
        person = town.resident("r@example.org", HOME, away, frequency=Frequency.WEEKLY)
        town.happens(near("26/2", AWAY))
        signup.remove_place(town.services, town.store, person, away.subscription_id)
        assert at(town, MONDAY) == []
        assert town.rows("alerts", "subject") == []
        assert town.rows("messages", "message_id") == []

    def test_what_lies_outside_a_radius_that_shrank_is_dropped(self, town: Town) -> None:
        person = town.resident("r@example.org", frequency=Frequency.WEEKLY)
        far = near("26/9", easting=431_480.0 + 600)  # ± 128 m: within 500 m, perhaps
        town.happens(near("26/1"), far)
        with town.store.begin() as connection:
            place = replace(person.subscriptions[0], radius_m=250.0)
            subscribers.add_place(connection, person.subscriber_id, place, {})
        assert told(at(town, MONDAY)) == [("r", "digest", ("26/1",))]

    def test_somebody_who_left_while_their_mail_was_written_gets_none(self, town: Town) -> None:
        person = town.resident()
        town.happens()

        def leave() -> Surveyed:
            signup.erase(town.services, town.store, person)
            return surveyed()

        assert town.composes(leave) == 0
        assert town.rows("messages", "message_id") == []

    def test_a_mail_to_an_address_that_was_left_meanwhile_goes_to_the_new_one(
        self, town: Town
    ) -> None:
        person = town.resident("old@example.org")
        town.happens()

        def move() -> Surveyed:
            with town.store.begin() as connection:
                subscribers.change_address(
                    connection, person.subscriber_id, "new@example.org", town.clock()
                )
            return surveyed()

        assert town.composes(move) == 0
        assert told(town.posts()) == [("new", "alert", ("26/1",))]


class TestCorrections:
    CORRECTED = near(
        "RS009",
        kind=EventKind.SINKHOLE_CORRECTED,
        version="2",
        happened="Its position was put right.",
    )

    def test_who_was_told_hears_at_once_though_they_want_mail_weekly(self, town: Town) -> None:
        town.resident("r@example.org", frequency=Frequency.WEEKLY)
        town.happens(near("RS009", kind=EventKind.SINKHOLE_NEW))
        assert told(at(town, MONDAY)) == [("r", "digest", ("RS009",))]
        town.clock.move(hours=1)
        town.happens(self.CORRECTED, near("26/2"))
        (mail,) = town.posts()
        assert told([mail]) == [("r", "correction", ("RS009",))]
        assert "correction" in parsed(mail)["Subject"]
        assert "has been put right" in text_of(mail)
        # What is new beside it waits for its own time.
        assert told(at(town, MONDAY + timedelta(days=7))) == [("r", "digest", ("26/2",))]

    def test_who_was_never_told_hears_the_ordinary_item_at_their_time(self, town: Town) -> None:
        town.resident("r@example.org", frequency=Frequency.WEEKLY)
        town.happens(self.CORRECTED)
        assert town.posts() == []
        (mail,) = at(town, MONDAY)
        assert told([mail]) == [("r", "digest", ("RS009",))]
        assert "has been put right" not in text_of(mail)

    def test_who_was_told_and_moved_away_hears_too(self, town: Town) -> None:
        person = town.resident("r@example.org")
        town.happens(near("RS009", kind=EventKind.SINKHOLE_NEW))
        town.posts()
        with town.store.begin() as connection:
            subscribers.add_place(connection, person.subscriber_id, a_place(AWAY), {})
            subscribers.remove_place(connection, person.subscriptions[0].subscription_id)
        town.happens(self.CORRECTED)
        assert told(town.posts()) == [("r", "correction", ("RS009",))]


class TestPause:
    def test_what_came_meanwhile_is_told_in_one_mail_that_says_so(self, town: Town) -> None:
        town.resident("r@example.org", paused_until=date(2026, 11, 25))
        town.happens(near("26/1"))
        assert town.posts() == []
        town.clock.move(days=1)
        town.happens(near("26/2"))
        assert at(town, datetime(2026, 11, 24, 23, 59, tzinfo=UTC)) == []
        (mail,) = at(town, datetime(2026, 11, 25, 0, 0, tzinfo=UTC))
        assert told([mail]) == [("r", "alert", ("26/1", "26/2"))]
        assert "this tells what has come since 22 November 2026" in text_of(mail)
        assert town.person().paused_until is None
        town.happens(near("26/3"))
        (after,) = town.posts()
        assert "had paused" not in text_of(after)

    def test_who_goes_on_early_is_told_so_too(self, town: Town) -> None:
        person = town.resident("r@example.org", paused_until=date(9999, 12, 31))
        town.happens()
        town.clock.move(days=2)
        signup.resume(town.services, town.store, person)
        assert town.person().paused_until == date(2026, 11, 24)
        (mail,) = town.posts()
        assert "this tells what has come since 22 November 2026" in text_of(mail)

    def test_a_pause_in_which_nothing_came_is_not_mentioned_months_later(self, town: Town) -> None:
        town.resident("r@example.org", paused_until=date(2026, 11, 25))
        town.composes()
        town.clock.move(days=90)
        town.happens()
        alerts = [mail for mail in town.posts() if mail.kind is MailKind.ALERT]
        assert [("had paused" in text_of(mail)) for mail in alerts] == [False]

    def test_choices_made_while_the_mail_was_written_stand(self, town: Town) -> None:
        person = town.resident("r@example.org", paused_until=date(2026, 11, 22))
        town.happens()

        def change() -> Surveyed:
            signup.choose(
                town.store,
                person,
                frequency=Frequency.MONTHLY,
                is_quiet_at_night=True,
                paused_until=date(2027, 1, 1),
            )
            return surveyed()

        assert town.composes(change) == 1
        now = town.person()
        assert (now.frequency, now.is_quiet_at_night) == (Frequency.MONTHLY, True)
        assert now.paused_until == date(2027, 1, 1)
        assert town.delivers() == []  # the new pause holds for what is queued already


class TestQuietNights:
    @pytest.mark.parametrize(
        ("found_at", "goes_at"),
        [
            (datetime(2026, 11, 22, 21, 0, tzinfo=UTC), datetime(2026, 11, 23, 8, tzinfo=UTC)),
            (datetime(2026, 11, 23, 7, 59, tzinfo=UTC), datetime(2026, 11, 23, 8, tzinfo=UTC)),
            (datetime(2026, 11, 22, 20, 59, tzinfo=UTC), None),
            (datetime(2026, 11, 23, 8, 0, tzinfo=UTC), None),
        ],
    )
    def test_what_is_found_at_night_goes_in_the_morning(
        self, town: Town, found_at: datetime, goes_at: datetime | None
    ) -> None:
        town.resident("quiet@example.org", is_quiet_at_night=True)
        town.resident("owl@example.org")
        town.clock.now = found_at
        town.happens()
        town.composes()
        due = dict(town.rows("messages", "recipient", "due_at"))
        assert due["owl@example.org"] == found_at
        assert due["quiet@example.org"] == (goes_at or found_at)
        assert len(town.delivers()) == (1 if goes_at else 2)


FIRST = datetime(2026, 12, 1, 7, tzinfo=UTC)
"""When November is over, for mails."""


class TestQuietMonth:
    @pytest.fixture(autouse=True)
    def _looked(self, town: Town) -> None:
        """The mailroom is at work since before the month was over."""
        town.composes()

    def test_goes_once_to_those_who_heard_nothing(self, town: Town) -> None:
        town.resident("silent@example.org", AWAY)
        town.resident("told@example.org", HOME)
        town.resident("newcomer@example.org", AWAY, days=10)
        town.resident("paused@example.org", AWAY, paused_until=date(2026, 12, 24))
        town.happens()
        assert told(town.posts()) == [("told", "alert", ("26/1",))]
        assert at(town, FIRST - MINUTE) == []
        (mail,) = at(town, FIRST)
        assert told([mail]) == [("silent", "quiet", ())]
        assert "November 2026" in parsed(mail)["Subject"]
        assert at(town, FIRST + timedelta(hours=1)) == []
        assert at(town, FIRST + timedelta(days=20)) == []

    def test_nobody_for_whom_something_waits_hears_that_nothing_was(self, town: Town) -> None:
        town.resident("monthly@example.org", frequency=Frequency.MONTHLY)
        town.happens()
        assert told(at(town, FIRST)) == [("monthly", "digest", ("26/1",))]

    def test_nor_one_whose_news_a_person_has_to_approve_first(self, town: Town) -> None:
        town.resident("r@example.org")
        town.happens(brake=True)
        assert at(town, FIRST) == []

    def test_a_crash_before_it_is_noted_does_not_double_it(
        self, town: Town, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        town.resident("r@example.org")
        town.clock.now = FIRST
        with monkeypatch.context() as patched:
            patched.setattr(compose, "_note_looked", _cut)
            with pytest.raises(Cut):
                town.composes()
        assert len(town.delivers()) == 1
        assert town.posts() == []

    @pytest.mark.parametrize(
        ("status", "subject"),
        [
            (SourceStatus.GOOD, "nothing to tell for November 2026"),
            (SourceStatus.FAILED, "what could not be read in November 2026"),
        ],
    )
    def test_is_called_quiet_only_if_all_could_be_read(
        self, town: Town, status: SourceStatus, subject: str
    ) -> None:
        town.resident("r@example.org")
        town.clock.now = FIRST
        assert town.composes(lambda: _with_planning(surveyed(), status)) == 1
        (mail,) = town.delivers()
        assert subject in parsed(mail)["Subject"]


def _with_planning(found: Surveyed, status: SourceStatus) -> Surveyed:
    """Return what was found with a planning source that last answered when November was over."""
    states = tuple(
        replace(state, snapshot=a_source(checked_at=FIRST).snapshot, status=status)
        if state.spec.name == "planning"
        else state
        for state in found.findings.sources
    )
    return replace(found, findings=replace(found.findings, sources=states))


class TestBrake:
    def test_nothing_goes_until_a_person_lets_it_and_then_all_of_it(self, town: Town) -> None:
        town.resident("r@example.org")
        run_id = town.happens(brake=True)
        assert town.posts() == []
        with town.store.begin() as connection:
            brakes.end(connection, run_id, "approved", town.clock())
        assert told(town.posts()) == [("r", "alert", ("26/1",))]

    def test_what_is_discarded_is_told_to_nobody_and_later_events_still_come(
        self, town: Town
    ) -> None:
        town.resident("r@example.org")
        run_id = town.happens(brake=True)
        with town.store.begin() as connection:
            brakes.end(connection, run_id, "discarded", town.clock())
            assert stored.discard(connection, run_id) == 1
        town.happens(near("26/1"), near("26/2"))  # the first is known: it is no news again
        assert told(town.posts()) == [("r", "alert", ("26/2",))]


def test_that_an_outage_lies_behind_it_is_said_however_late_the_mail_goes(town: Town) -> None:
    town.resident("r@example.org", frequency=Frequency.WEEKLY)
    town.clock.now = MONDAY + timedelta(hours=1)
    town.composes()
    town.happens(near(silent_since=date(2026, 11, 10)))
    (mail,) = at(town, MONDAY + timedelta(days=7))
    assert "catch-up" in parsed(mail)["Subject"]
    assert "could last be read on 10 November 2026" in text_of(mail)


class TestExpiry:
    def test_what_could_not_be_delivered_comes_with_the_next_mail(self, town: Town) -> None:
        town.resident("r@example.org")
        town.happens(near("26/1"))
        town.composes()
        town.clock.move(hours=73)
        assert town.delivers() == []
        town.happens(near("26/2"))
        assert told(town.posts()) == [("r", "alert", ("26/1", "26/2"))]
        assert [state for (state,) in town.rows("messages", "state")] == [
            Outcome.EXPIRED,
            Outcome.SENT,
        ]

    def test_the_same_words_may_be_queued_again(self, town: Town) -> None:
        town.resident("r@example.org")
        town.happens()
        town.composes()
        town.clock.move(hours=73)
        assert town.delivers() == []
        assert told(town.posts()) == [("r", "alert", ("26/1",))]

    def test_what_may_have_arrived_is_not_told_twice(self, town: Town) -> None:
        town.resident("r@example.org")
        town.happens()
        town.composes()
        with town.store.begin() as connection:
            claimed = outbox.claim(connection, town.clock(), timedelta(minutes=15), outbox.NO_PACE)
            assert claimed is not None
            outbox.mark_unknown(
                connection, claimed.message.message_id, "no reply", town.clock() + 100 * MINUTE
            )
        town.clock.move(hours=73)
        assert town.posts() == []
        assert town.rows("messages", "state") == [(Outcome.EXPIRED,)]


def _cut(*_: object, **__: object) -> NoReturn:
    raise Cut


class TestCutOff:
    """Between any two steps: nothing is lost, and nothing is told twice."""

    @pytest.mark.parametrize(
        "step",
        [
            (compose.Letters, "of"),
            (compose.Letters, "render"),
            (stored, "drop"),
            (subscribers, "is_at"),
            (outbox, "enqueue"),
            (stored, "mark_told"),
            (compose, "_end_pause"),
            (compose, "_note_looked"),
            (jobs, "note_success"),
        ],
        ids=lambda step: step[1],
    )
    def test_a_power_cut_loses_and_doubles_nothing(
        self, town: Town, monkeypatch: pytest.MonkeyPatch, step: tuple[Any, str]
    ) -> None:
        town.resident("a@example.org", paused_until=date(2026, 11, 22))
        town.resident("b@example.org", frequency=Frequency.DAILY)
        town.happens(near("26/1"), near("26/2"))
        town.clock.now = MONDAY
        with monkeypatch.context() as patched:
            patched.setattr(*step, _cut)
            with pytest.raises(Cut):
                town.composes()
        assert told(town.posts()) == [
            ("a", "alert", ("26/1", "26/2")),
            ("b", "digest", ("26/1", "26/2")),
        ]
        assert town.posts() == []

    def test_a_power_cut_at_the_commit_queues_and_marks_neither(
        self, town: Town, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        town.resident("r@example.org")
        town.happens()
        with monkeypatch.context() as patched:
            real = compose._queue_all  # noqa: SLF001 - the last step within the transaction

            def cut_after(*given: Any) -> NoReturn:  # noqa: ANN401 - as it was called
                real(*given)
                raise Cut

            patched.setattr(compose, "_queue_all", cut_after)
            with pytest.raises(Cut):
                town.composes()
        assert town.rows("messages", "message_id") == []
        assert town.rows("alerts", "message_id") == [(None,)]
        assert len(town.posts()) == 1

    def test_a_second_composer_between_render_and_queue_tells_it_alone(self, town: Town) -> None:
        town.resident("a@example.org")
        town.resident("b@example.org", frequency=Frequency.DAILY)
        town.happens()
        town.clock.now = MONDAY
        done = []

        def meanwhile() -> Surveyed:
            done.append(town.composes())
            return surveyed()

        assert town.composes(meanwhile) == 0
        assert done == [2]
        assert told(town.delivers()) == [("a", "alert", ("26/1",)), ("b", "digest", ("26/1",))]

    def test_a_second_composer_with_more_to_tell_leaves_nothing_behind(self, town: Town) -> None:
        town.resident("r@example.org")
        town.happens(near("26/1"))

        def meanwhile() -> Surveyed:
            town.happens(near("26/2"))
            assert town.composes() == 1
            return surveyed()

        assert town.composes(meanwhile) == 0
        assert told(town.delivers()) == [("r", "alert", ("26/1", "26/2"))]


class TestFaults:
    @pytest.mark.parametrize(
        ("fault", "says"),
        [
            (ConfigError("an assessment", "is missing", "Run again"), "is missing"),
            (ValueError("bad@example.org"), "ValueError, a fault in sinkwatch"),
        ],
    )
    def test_one_mail_that_cannot_be_written_costs_no_other(
        self,
        town: Town,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        fault: Exception,
        says: str,
    ) -> None:
        bad = town.resident("bad@example.org")
        town.resident("good@example.org")
        town.happens()
        real = compose.Letters.render

        def render(self: compose.Letters, digest: Digest, now: datetime) -> Message:
            if digest.subscriber.subscriber_id == bad.subscriber_id:
                raise fault
            return real(self, digest, now)

        with monkeypatch.context() as patched, caplog.at_level(logging.ERROR):
            patched.setattr(compose.Letters, "render", render)
            assert told(town.posts()) == [("good", "alert", ("26/1",))]
        assert says in caplog.text
        assert bad.subscriber_id in caplog.text
        assert "bad@" not in caplog.text
        assert told(town.posts()) == [("bad", "alert", ("26/1",))]

    def test_the_data_are_not_asked_for_if_nobody_is_due(self, town: Town) -> None:
        town.resident("r@example.org", frequency=Frequency.WEEKLY)
        town.happens()
        assert town.composes(_cut) == 0

    def test_without_the_data_all_of_it_waits(self, town: Town) -> None:
        town.resident("r@example.org", frequency=Frequency.DAILY)
        town.happens()
        town.clock.now = MONDAY

        def gone() -> Surveyed:
            raise DataError("the inventory", "cannot be read", "Restore it")

        with pytest.raises(DataError):
            town.composes(gone)
        assert told(town.posts()) == [("r", "digest", ("26/1",))]

    def test_many_are_queued_some_at_a_time(
        self, town: Town, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(compose, "_BATCH", 2)
        for number in range(5):
            town.resident(f"r{number}@example.org")
        town.happens()
        commits = []
        real = Store.begin

        def begin(store: Store) -> AbstractContextManager[Connection]:
            commits.append(1)
            return real(store)

        monkeypatch.setattr(Store, "begin", begin)
        assert town.composes() == 5
        assert len(commits) == 3 + 1  # three batches, and the note of the look


def test_what_would_be_told_can_be_asked_for_without_telling(town: Town) -> None:
    town.resident("r@example.org")
    town.happens()
    with town.store.read() as connection:
        (digest,) = compose.digests(connection, town.services.digest_at(), town.clock())
    assert [alert.event.subject for alert in digest.alerts] == ["26/1"]
    assert town.rows("messages", "message_id") == []


def test_a_mail_shows_a_map_of_each_place_and_its_ground(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    town.resident("r@example.org", HOME, AWAY)
    town.happens(near("26/1"), near("26/2", AWAY))
    (mail,) = town.posts()
    images = [part for part in parsed(mail).walk() if part.get_content_type() == "image/png"]
    assert len(images) == 2
    assert f"{HOME}: " in text_of(mail)
    assert f"{AWAY}: " in text_of(mail)
