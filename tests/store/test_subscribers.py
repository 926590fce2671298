from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from sinkwatch.errors import StoreError
from sinkwatch.model import (
    Frequency,
    MailKind,
    Message,
    Outcome,
    Signup,
    Subscriber,
    SubscriberId,
    Subscription,
    SubscriptionId,
    Subscriptions,
    Topic,
)
from sinkwatch.store import Store, alerts, claims, outbox, signups, sqlite, subscribers, tables

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ANN = "ann@example.org"
S1, S2 = SubscriberId("s1"), SubscriberId("s2")
Add = Callable[..., Subscriber]
Place = Callable[..., Subscription]
Queue = Callable[..., Message]
Hear = Callable[..., tuple[str, ...]]


def everyone(store: Store) -> tuple[Subscriber, ...]:
    with store.read() as connection:
        return subscribers.all_of(connection)


def whole_traceback(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def as_rows(columns: Subscriptions) -> list[tuple[object, ...]]:
    values = zip(*(getattr(columns, field.name) for field in fields(columns)), strict=True)
    return sorted(values, key=lambda row: row[:2])


# ── People and their places ──────────────────────────────────────────────────────────────────


def test_a_person_comes_back_whole_with_their_places_by_postcode(
    store: Store, subscribed: Add, a_place: Place
) -> None:
    home = a_place("home", radius_m=750.5, easting=431_600.25, topics=frozenset(Topic))
    mother = a_place("mother", postcode="HG4 1AA", topics=frozenset(), confirmed_at=NOW - HOUR)
    added = subscribed(
        "s1",
        email="Ann@example.org",
        subscriptions=(mother, home),
        confirmed_at=NOW - DAY,
        frequency=Frequency.WEEKLY,
        is_quiet_at_night=True,
        paused_until=date(2014, 3, 1),
        digested_at=NOW - HOUR,
    )
    assert everyone(store) == (added,)


def test_people_come_in_order_of_id(store: Store, subscribed: Add) -> None:
    for subscriber_id in ("s2", "s3", "s1"):
        subscribed(subscriber_id)
    assert [one.subscriber_id for one in everyone(store)] == ["s1", "s2", "s3"]


def test_every_place_is_had_as_columns_too(store: Store, subscribed: Add, a_place: Place) -> None:
    home = a_place("home", radius_m=750.5, easting=431_600.25, topics=frozenset(Topic))
    mother = a_place("mother", postcode="HG4 1AA", topics=frozenset())
    people = [subscribed("s2", subscriptions=(mother, home)), subscribed("s1")]
    with store.read() as connection:
        columns = subscribers.places(connection)
    assert as_rows(columns) == as_rows(Subscriptions.of(people))
    assert len(columns.owners) == 3


def test_where_nobody_is_subscribed_the_columns_are_empty(store: Store) -> None:
    with store.read() as connection:
        assert as_rows(subscribers.places(connection)) == []


def test_some_are_found_by_id_and_who_is_gone_is_left_out(store: Store, subscribed: Add) -> None:
    first, _, third = subscribed("s1"), subscribed("s2"), subscribed("s3")
    with store.read() as connection:
        assert subscribers.some(connection, {"s3", "gone", "s1"}) == (first, third)
        assert subscribers.some(connection, ()) == ()


def test_more_are_found_than_a_statement_has_variables(
    store: Store, subscribed: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscribers, "_PART", 2)
    people = tuple(subscribed(f"s{n}") for n in range(5))
    with store.read() as connection:
        assert subscribers.some(connection, {one.subscriber_id for one in people}) == people


def test_a_person_is_found_by_their_address_whatever_its_case(
    store: Store, subscribed: Add
) -> None:
    ann = subscribed("s1", email="Ann@example.org")
    subscribed("s2")
    with store.read() as connection:
        assert subscribers.of_address(connection, "aNN@example.org") == ann
        assert subscribers.of_address(connection, "an@example.org") is None
        assert subscribers.of_address(connection, "%@example.org") is None


def test_people_are_counted_paused_or_not(store: Store, subscribed: Add) -> None:
    with store.read() as connection:
        assert subscribers.count(connection) == 0
    subscribed("s1")
    subscribed("s2", paused_until=date(2099, 1, 1))
    with store.read() as connection:
        assert subscribers.count(connection) == 2


def test_a_second_person_of_one_address_is_refused_without_naming_it(
    store: Store, subscribed: Add
) -> None:
    first = subscribed("s1", email=ANN)
    with pytest.raises(StoreError, match="this address: is subscribed already") as told:
        subscribed("s2", email=ANN.upper())
    assert ANN not in whole_traceback(told.value).lower()
    assert everyone(store) == (first,)


@pytest.mark.parametrize("values", [{"radius_m": 0.0}, {"easting": float("nan")}])
def test_an_impossible_place_is_refused_and_neither_it_nor_the_person_kept_or_named(
    store: Store, subscribed: Add, a_place: Place, values: dict[str, float]
) -> None:
    with pytest.raises(StoreError, match="this place: its radius or position") as told:
        subscribed("s1", email=ANN, subscriptions=(a_place(**values),))
    assert ANN not in whole_traceback(told.value)
    assert "HG4" not in str(told.value)
    with store.read() as connection:
        assert subscribers.count(connection) == 0


def test_a_place_is_added_and_one_of_the_same_postcode_takes_the_new_choices(
    store: Store, subscribed: Add, a_place: Place
) -> None:
    subscribed("s1")
    other = a_place("other", postcode="HG4 1AA")
    anew = a_place("anew", radius_m=250.0, topics=frozenset({Topic.BELT}), confirmed_at=NOW + HOUR)
    with store.begin() as connection:
        subscribers.add_place(connection, S1, other, {"wording": "2"})
        subscribers.add_place(connection, S1, anew, {"wording": "3"})
        consents = connection.execute(
            select(tables.subscriptions.c.subscription_id, tables.subscriptions.c.consent)
        )
        assert {row.subscription_id: row.consent for row in consents} == {
            "other": {"wording": "2"},
            "s1-home": {"wording": "3"},
        }
    (person,) = everyone(store)
    kept_its_id = a_place(
        "s1-home", radius_m=250.0, topics=frozenset({Topic.BELT}), confirmed_at=NOW + HOUR
    )
    assert person.subscriptions == (other, kept_its_id)


def test_a_place_of_nobody_is_refused(store: Store, a_place: Place) -> None:
    with pytest.raises(StoreError, match="its subscriber is gone"), store.begin() as connection:
        subscribers.add_place(connection, S1, a_place(), {})


def test_two_people_may_have_the_same_postcode(store: Store, subscribed: Add) -> None:
    both = subscribed("s1"), subscribed("s2")
    assert everyone(store) == both


def test_places_move_to_where_the_list_of_today_has_their_postcode(
    store: Store, subscribed: Add, a_place: Place
) -> None:
    home, other = a_place("a"), a_place("b", postcode="HG4 1AA")
    subscribed("s1", subscriptions=(other, home))
    subscribed("s2")
    centres = {"HG4 1HS": (431_601.0, 471_745.0), "HG4 9ZZ": (1.0, 1.0)}
    with store.begin() as connection:
        assert subscribers.move(connection, centres) == 1
        assert subscribers.move(connection, centres) == 0
    moved = [
        (place.postcode, place.easting) for one in everyone(store) for place in one.subscriptions
    ]
    assert moved == [("HG4 1AA", 431_600.0), ("HG4 1HS", 431_601.0), ("HG4 1HS", 431_601.0)]


def test_a_place_is_removed_once_and_who_has_none_left_is_nobody_to_write_to(
    store: Store, subscribed: Add
) -> None:
    subscribed("s1")
    with store.begin() as connection:
        assert subscribers.remove_place(connection, SubscriptionId("s1-home"))
        assert not subscribers.remove_place(connection, SubscriptionId("s1-home"))
        assert subscribers.count(connection) == 1
    assert everyone(store) == ()


def test_choices_change_and_nothing_else(store: Store, subscribed: Add, a_subscriber: Add) -> None:
    subscribed("s1")
    other = subscribed("s2")
    chosen = {
        "frequency": Frequency.MONTHLY,
        "is_quiet_at_night": True,
        "paused_until": date(2014, 3, 1),
    }
    careless = a_subscriber("s1", email="not@example.org", digested_at=NOW, **chosen)
    with store.begin() as connection:
        subscribers.choose(connection, careless)
    assert everyone(store) == (a_subscriber("s1", **chosen), other)


def test_a_person_is_at_their_own_address_alone(store: Store, subscribed: Add) -> None:
    subscribed("s1")
    with store.begin() as connection:
        assert subscribers.is_at(connection, S1, "s1@example.org")
        assert not subscribers.is_at(connection, S1, "s2@example.org")
        assert not subscribers.is_at(connection, S2, "s2@example.org")


def leave_without_waiting(store: Store) -> None:
    with store.begin() as connection:
        connection.exec_driver_sql("SET LOCAL lock_timeout = '1ms'")
        subscribers.erase(connection, S1)


@pytest.mark.postgres
def test_nobody_leaves_between_the_question_and_the_message_that_follows(
    postgres_store: Store, a_subscriber: Add, a_message: Queue
) -> None:
    with postgres_store.begin() as connection:
        subscribers.add(connection, a_subscriber("s1"), {})
    with postgres_store.begin() as composing:
        assert subscribers.is_at(composing, S1, "s1@example.org")
        with pytest.raises(StoreError, match="another process is using it"):
            leave_without_waiting(postgres_store)
        assert outbox.enqueue(composing, a_message(), NOW)


# ── Another address ──────────────────────────────────────────────────────────────────────────


def test_another_address_begins_afresh(store: Store, subscribed: Add, a_subscriber: Add) -> None:
    subscribed("s1")
    with store.begin() as connection:
        subscribers.score_bounce(connection, S1, 3, date(2014, 2, 1))
        assert subscribers.change_address(connection, S1, ANN, NOW + HOUR)
        assert subscribers.bounce_score(connection, S1) == (0, None)
    assert everyone(store) == (a_subscriber("s1", email=ANN, confirmed_at=NOW + HOUR),)


def test_who_has_left_gets_no_other_address(store: Store) -> None:
    with store.begin() as connection:
        assert not subscribers.change_address(connection, S1, ANN, NOW)


def test_an_address_that_is_subscribed_itself_is_refused_and_not_named(
    store: Store, subscribed: Add
) -> None:
    before = subscribed("s1"), subscribed("s2", email=ANN)
    with (
        pytest.raises(StoreError, match="the new address: is subscribed itself") as told,
        store.begin() as connection,
    ):
        subscribers.change_address(connection, S1, ANN.upper(), NOW)
    assert ANN not in whole_traceback(told.value).lower()
    assert everyone(store) == before


def test_what_waits_for_the_old_address_is_told_at_the_new_one_in_the_same_words(
    store: Store, subscribed: Add, queued: Queue, heard: Hear, state: Callable[..., Outcome]
) -> None:
    subscribed("s1")
    (key,) = heard("A1")
    old = queued("m1@x")
    queued("m2@x", kind=MailKind.SERVICE)
    with store.begin() as connection:
        alerts.mark_told(connection, S1, [key], old.message_id, NOW)
        assert subscribers.change_address(connection, S1, ANN, NOW)
        assert claims.claim(connection, NOW, HOUR, claims.NO_PACE) is None
        assert list(alerts.waiting(connection)) == ["s1"]
    assert [state(name) for name in ("m1@x", "m2@x")] == [Outcome.EXPIRED, Outcome.EXPIRED]
    again = queued("m3@x", recipient=ANN, dedupe_key=old.dedupe_key)
    with store.begin() as connection:
        assert alerts.mark_told(connection, S1, [key], again.message_id, NOW)
        claimed = claims.claim(connection, NOW, HOUR, claims.NO_PACE)
    assert claimed is not None
    assert claimed.message.recipient == ANN


# ── When they were looked at and asked ───────────────────────────────────────────────────────


def test_a_period_is_noted_for_those_who_want_it_and_were_not_looked_at_since(
    store: Store, subscribed: Add
) -> None:
    subscribed("s1", frequency=Frequency.DAILY)
    subscribed("s2", frequency=Frequency.DAILY, digested_at=NOW - HOUR)
    subscribed("s3", frequency=Frequency.DAILY, digested_at=NOW + timedelta(minutes=1))
    subscribed("s4", frequency=Frequency.WEEKLY)
    with store.begin() as connection:
        subscribers.note_period(connection, Frequency.DAILY, NOW, NOW + HOUR)
    assert [one.digested_at for one in everyone(store)] == [
        NOW + HOUR,
        NOW + HOUR,
        NOW + timedelta(minutes=1),
        None,
    ]


BEGINS, ENDS = NOW, NOW + 28 * DAY


@pytest.mark.parametrize(
    ("told_at", "is_unheard"),
    [
        (BEGINS - timedelta(microseconds=1), True),
        (BEGINS, False),
        (ENDS - timedelta(microseconds=1), False),
        (ENDS, True),
        (None, False),
    ],
)
def test_the_unheard_were_told_nothing_in_that_time_and_nothing_waits_for_them(
    store: Store,
    subscribed: Add,
    heard: Hear,
    told_at: datetime | None,
    is_unheard: bool,  # noqa: FBT001 - a column of the table above
) -> None:
    person = subscribed("s1", confirmed_at=BEGINS - DAY)
    (key,) = heard("A1")
    with store.begin() as connection:
        if told_at is not None:
            alerts.mark_told(connection, S1, [key], "m1@x", told_at)
        found = subscribers.unheard(connection, BEGINS, ENDS)
    assert found == ((person,) if is_unheard else ())


def test_who_came_in_the_midst_of_that_time_is_not_unheard(store: Store, subscribed: Add) -> None:
    before = subscribed("s1", confirmed_at=BEGINS - timedelta(microseconds=1))
    subscribed("s2", confirmed_at=BEGINS)
    with store.read() as connection:
        assert subscribers.unheard(connection, BEGINS, ENDS) == (before,)


def test_old_consents_are_asked_about_once_and_end_unless_renewed(
    store: Store, subscribed: Add
) -> None:
    old = subscribed("s1", confirmed_at=NOW - timedelta(microseconds=1))
    silent = subscribed("s2", confirmed_at=NOW - DAY)
    subscribed("s3", confirmed_at=NOW)
    with store.begin() as connection:
        assert subscribers.old_consents(connection, NOW) == (old, silent)
        for one in (old, silent):
            subscribers.note_asked(connection, one.subscriber_id, NOW)
        assert subscribers.old_consents(connection, NOW) == ()
        assert subscribers.unanswered(connection, NOW) == ()
        assert subscribers.unanswered(connection, NOW + HOUR) == ("s1", "s2")
        subscribers.renew(connection, S1, NOW + HOUR)
        assert subscribers.unanswered(connection, NOW + HOUR) == ("s2",)
        (renewed,) = subscribers.some(connection, [S1])
        assert renewed.confirmed_at == NOW + HOUR


@pytest.mark.parametrize(
    ("end", "at", "is_asked_again"),
    [
        ("none", NOW, True),
        ("waits", NOW, False),
        ("refused", NOW, True),
        ("waits", NOW - DAY, True),
    ],
)
def test_whom_the_question_never_reached_is_asked_again(  # noqa: PLR0913 - its table
    store: Store, subscribed: Add, queued: Queue, end: str, at: datetime, *, is_asked_again: bool
) -> None:
    person = subscribed("s1", confirmed_at=NOW - DAY)
    with store.begin() as connection:
        subscribers.note_asked(connection, S1, NOW)
    if end != "none":
        queued(at=at, dedupe_key="still-there:s1:2014", kind=MailKind.SERVICE)
    if end == "refused":
        with store.begin() as connection:
            claims.claim(connection, NOW, HOUR, claims.NO_PACE)
            claims.mark_failed(connection, "m1@example.org", "550")
    with store.begin() as connection:
        assert subscribers.forget_unasked(connection, "still-there:s1") == is_asked_again
        found = subscribers.old_consents(connection, NOW)
    assert found == ((person,) if is_asked_again else ())


def test_a_bounce_score_is_kept_with_its_day(store: Store, subscribed: Add) -> None:
    subscribed("s1")
    with store.begin() as connection:
        assert subscribers.bounce_score(connection, S1) == (0, None)
        assert subscribers.bounce_score(connection, S2) == (0, None)
        subscribers.score_bounce(connection, S1, 2, date(2014, 2, 17))
        assert subscribers.bounce_score(connection, S1) == (2, date(2014, 2, 17))


# ── What is held ─────────────────────────────────────────────────────────────────────────────


def test_an_export_holds_everything_about_the_address_and_nothing_of_others(
    store: Store, subscribed: Add, queued: Queue, heard: Hear, a_signup: Callable[..., Signup]
) -> None:
    subscribed("s1", email="Ann@example.org")
    subscribed("s2")
    (key,) = heard("A1")
    heard("A2", who="s2")
    queued("m1@x", recipient="old@example.org")
    queued("m2@x", "s2")
    with store.begin() as connection:
        alerts.mark_told(connection, S1, [key], "m1@x", NOW)
        signups.add(connection, signups.Request(a_signup("r1", email=ANN), {"wording": "2"}))
        signups.add(connection, signups.Request(a_signup("r2"), {}))
        found = subscribers.export(connection, ANN)
    noon = "2014-02-17T12:00:00+00:00"
    place = {
        "postcode": "HG4 1HS",
        "radius_m": 500.0,
        "easting": 431_600.0,
        "northing": 471_745.0,
        "topics": ["decisions", "flagged", "records"],
        "confirmed_at": noon,
    }
    assert json.loads(json.dumps(found)) == {
        "email": ANN,
        "subscriber": {
            "subscriber_id": "s1",
            "frequency": "at_once",
            "is_quiet_at_night": False,
            "paused_until": None,
            "digested_at": None,
            "confirmed_at": noon,
            "asked_again_at": None,
            "bounce_score": 0,
            "bounced_on": None,
            "consent": {"wording": "1"},
        },
        "places": [
            {"subscription_id": "s1-home", "subscriber_id": "s1", **place}
            | {"consent": {"wording": "1"}}
        ],
        "requests": [
            {
                "signup_id": "r1",
                "purpose": "subscribe",
                "subscriber_id": None,
                "wanted": {
                    "frequency": "at_once",
                    "is_quiet_at_night": False,
                    "places": [{"subscription_id": "r1-home", **place}],
                },
                "consent": {"wording": "2"},
                "created_at": noon,
                "handled_at": None,
            }
        ],
        "messages": [
            {
                "message_id": "m1@x",
                "kind": "alert",
                "subscriber_id": "s1",
                "signup_id": None,
                "subject": "1 change near HG4 1HS",
                "priority": 20,
                "state": "created",
                "created_at": noon,
                "due_at": noon,
                "claimed_until": None,
                "attempts": 0,
                "crashes": 0,
                "may_have_arrived": False,
                "last_problem": "",
                "sent_at": None,
                "bounced_at": None,
                "expires_at": "2014-02-20T12:00:00+00:00",
            }
        ],
        "alerts": [
            {
                "subscriber_id": "s1",
                "event_key": key,
                "subject": "A1",
                "run_id": found["alerts"][0]["run_id"],
                "at": noon,
                "message_id": "m1@x",
                "told_at": noon,
            }
        ],
    }


def test_an_export_of_an_unknown_address_is_empty(store: Store) -> None:
    with store.read() as connection:
        assert subscribers.export(connection, "bob@example.org") == {
            "email": "bob@example.org",
            "subscriber": None,
            "places": [],
            "requests": [],
            "messages": [],
            "alerts": [],
        }


# ── Erasure ──────────────────────────────────────────────────────────────────────────────────

PERSONAL = ("subscribers", "subscriptions", "signups", "messages", "alerts")


@pytest.fixture
def ann(
    store: Store,
    subscribed: Add,
    queued: Queue,
    heard: Hear,
    a_signup: Callable[..., Signup],
) -> Subscriber:
    """Ann with a place, something told, something waiting, requests, and mails of every sort."""
    person = subscribed("s1", email=ANN)
    told, _ = heard("A1", "A2")
    with store.begin() as connection:
        for request in (
            a_signup("r1", email="ANN@example.org"),
            a_signup("r2", email="new@example.org", subscriber_id=S1),
        ):
            signups.add(connection, signups.Request(request, {}))
    queued("m1@x")
    queued("m2@x", None, recipient="new@example.org", signup_id="r2")
    queued("m3@x", None, recipient="Ann@example.org", kind=MailKind.SERVICE)
    queued("m4@x", recipient="old@example.org")
    with store.begin() as connection:
        alerts.mark_told(connection, S1, [told], "m1@x", NOW)
    return person


@pytest.fixture
def bob(subscribed: Add, queued: Queue, heard: Hear) -> Subscriber:
    """Somebody else, whose address ends like hers."""
    queued_to = f"x{ANN}"
    person = subscribed("s2", email=queued_to)
    queued("m5@x", "s2", recipient=queued_to)
    heard("A3", who="s2")
    return person


def test_erasure_leaves_nothing_and_says_which_address_it_was(
    store: Store, ann: Subscriber, n_rows: Callable[[str], int]
) -> None:
    assert [n_rows(name) for name in PERSONAL] == [1, 1, 2, 4, 2]
    with store.begin() as connection:
        assert subscribers.erase(connection, ann.subscriber_id) == ANN
        assert subscribers.erase(connection, ann.subscriber_id) is None
    assert [n_rows(name) for name in PERSONAL] == [0, 0, 0, 0, 0]
    assert n_rows("events") == 2


def test_erasure_leaves_others_alone(
    store: Store, ann: Subscriber, bob: Subscriber, n_rows: Callable[[str], int]
) -> None:
    with store.begin() as connection:
        subscribers.erase(connection, ann.subscriber_id)
        assert subscribers.all_of(connection) == (bob,)
    assert [n_rows(name) for name in PERSONAL] == [1, 1, 0, 1, 1]


def test_an_erasure_that_is_rolled_back_has_erased_nothing(
    store: Store, ann: Subscriber, n_rows: Callable[[str], int]
) -> None:
    def fail_after_erasing() -> None:
        with store.begin() as connection:
            subscribers.erase(connection, ann.subscriber_id)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_erasing()
    assert [n_rows(name) for name in PERSONAL] == [1, 1, 2, 4, 2]


def test_requests_of_an_address_are_forgotten_with_their_mails(
    store: Store,
    queued: Queue,
    a_signup: Callable[..., Signup],
    n_rows: Callable[[str], int],
) -> None:
    with store.begin() as connection:
        for name in ("r1", "r2"):
            signups.add(connection, signups.Request(a_signup(name), {}))
    for n in (1, 2):
        queued(f"m{n}@x", None, recipient=f"r{n}@example.org", signup_id=f"r{n}")
    with store.begin() as connection:
        assert subscribers.forget_signups(connection, "R1@example.org") == 1
        assert subscribers.forget_signups(connection, "R1@example.org") == 0
        assert signups.get(connection, "r2") is not None
    assert [n_rows(name) for name in ("signups", "messages")] == [1, 1]


@pytest.fixture(params=[(3, 40, 1), (3, 51, 3)], ids=["delete", "wal"])
def store_of_either_journal(
    request: pytest.FixtureRequest, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    monkeypatch.setattr(sqlite, "LIBRARY", request.param)
    store = Store.open(sqlite_url, now=NOW)
    yield store
    store.close()


@pytest.fixture
def recorded(
    a_subscriber: Add,
    a_place: Place,
    a_message: Queue,
    a_signup: Callable[..., Signup],
) -> Callable[[Connection, str], None]:
    """Add a person whose name stands in everything that is held about them."""

    def record(connection: Connection, name: str) -> None:
        home = a_place(f"place of {name}", postcode=f"of {name}")
        consent = {"for": f"e-mails to {name}"}
        request = signups.Request(a_signup(f"wish of {name}", email=f"{name}@x.org"), consent)
        mail = a_message(f"{name}@x", name, mime=f"To: {name}@example.org\r\n".encode() * 50)
        subjects = {f"event of {name}": f"seen by {name}"}
        subscribers.add(connection, a_subscriber(name, subscriptions=(home,)), consent)
        signups.add(connection, request)
        outbox.enqueue(connection, mail, NOW)
        alerts.queue(connection, 1, [(SubscriberId(name), *subjects)], subjects, NOW)

    return record


def test_no_byte_of_an_erased_person_stays_in_the_files(
    store_of_either_journal: Store, sqlite_path: Path, recorded: Callable[[Connection, str], None]
) -> None:
    store = store_of_either_journal
    # Enough rows that pages split and merge, which moves cells about.
    names = [f"{'ann' if n % 2 else 'bob'}.{n:04}" for n in range(300)]
    with store.begin() as connection:
        for name in names:
            recorded(connection, name)
    store.checkpoint()
    assert b"ann.0001@example.org" in held_bytes(sqlite_path)
    # Ten at a time: each commit gives pages back.
    anns = [name for name in names if name.startswith("ann")]
    for start in range(0, len(anns), 10):
        with store.begin() as connection:
            for name in anns[start : start + 10]:
                assert subscribers.erase(connection, SubscriberId(name)) is not None
                subscribers.forget_signups(connection, f"{name}@x.org")
    store.checkpoint()
    assert b"ann." not in held_bytes(sqlite_path)
    assert held_bytes(sqlite_path).count(b"bob.0002@example.org") >= 50


def held_bytes(path: Path) -> bytes:
    """Return the bytes of every file of the database: itself, its WAL, its journal."""
    return b"".join(file.read_bytes() for file in sorted(path.parent.iterdir()))
