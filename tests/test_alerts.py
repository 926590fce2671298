"""Who hears of what, worked out by hand on a small map and again by two plain loops."""

from __future__ import annotations

import math
import random
from datetime import UTC, date, datetime
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinkwatch import alerts
from sinkwatch.model import (
    Alert,
    Digest,
    Event,
    EventKind,
    MailKind,
    Subscriber,
    SubscriberId,
    Subscription,
    SubscriptionId,
    Subscriptions,
    Topic,
)

HOME: Final = (431_000.0, 471_000.0)
TODAY: Final = date(2026, 11, 22)
EARLIER: Final = date(2026, 11, 3)
EVERYTHING: Final = frozenset(Topic)

NEW, CHANGED = EventKind.APPLICATION_NEW, EventKind.APPLICATION_CHANGED
DECIDED, UNLISTED = EventKind.APPLICATION_DECIDED, EventKind.APPLICATION_UNLISTED
DECISIONS: Final = (
    DECIDED,
    EventKind.APPLICATION_WITHDRAWN,
    EventKind.APPLICATION_APPEALED,
)
RECORDS: Final = (
    EventKind.SINKHOLE_NEW,
    EventKind.SINKHOLE_CORRECTED,
    EventKind.SINKHOLE_REMOVED,
)


def a_place(postcode: str = "HG4 1AA", *, east_m: float = 0.0, **changed: object) -> Subscription:
    """Return a place so far east of home, that wants to hear of everything within 500 m."""
    values: dict[str, object] = {
        "subscription_id": SubscriptionId(f"place-{postcode}"),
        "postcode": postcode,
        "radius_m": 500.0,
        "easting": HOME[0] + east_m,
        "northing": HOME[1],
        "topics": EVERYTHING,
        "confirmed_at": datetime(2026, 1, 1, tzinfo=UTC),
        **changed,
    }
    return Subscription(**values)  # type: ignore[arg-type]


def a_subscriber(name: str = "ann", *places: Subscription) -> Subscriber:
    return Subscriber(
        subscriber_id=SubscriberId(name),
        email=f"{name}@mail.example",
        subscriptions=places or (a_place(),),
        confirmed_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def an_event(
    kind: EventKind = NEW, subject: str = "a1", *, east_m: float = 300.0, **changed: object
) -> Event:
    """Return news of something flagged, so far east of home and well placed."""
    values: dict[str, object] = {
        "kind": kind,
        "subject": subject,
        "version": "v1",
        "title": subject,
        "happened": "It happened.",
        "easting": HOME[0] + east_m,
        "northing": HOME[1],
        "position_uncertainty_m": 0.0,
        "is_flagged": True,
        "is_news": True,
        **changed,
    }
    return Event(**values)  # type: ignore[arg-type]


def unmapped(kind: EventKind = NEW, subject: str = "a1", **changed: object) -> Event:
    return an_event(kind, subject, **{"easting": None, "northing": None, **changed})


def told_of(subject: str, *names: str) -> dict[tuple[SubscriberId, str], date]:
    return {(SubscriberId(name), subject): EARLIER for name in names}


def heard(
    events: Event | list[Event],
    *people: Subscriber,
    told: alerts.Told | None = None,
) -> list[tuple[str, str]]:
    """Return who hears of which subject."""
    all_events = [events] if isinstance(events, Event) else events
    subjects = {event.key: event.subject for event in all_events}
    pairs = alerts.hearers(all_events, alerts.Audience.of(Subscriptions.of(people)), told or {})
    return [(who, subjects[key]) for who, key in pairs]


def names(events: Event, *people: Subscriber, told: alerts.Told | None = None) -> list[str]:
    return [who for who, _ in heard(events, *people, told=told)]


# ── How far ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("away_m", "uncertainty_m", "hears"),
    [
        (0.0, 0.0, True),
        (600.0, 0.0, True),
        (600.1, 0.0, False),
        (760.0, 240.0, True),
        (760.1, 240.0, False),
        (-600.0, 0.0, True),
        (-600.1, 0.0, False),
    ],
    ids=[
        "next door",
        "500 m and the postcode's own 100 m",
        "a hair further",
        "500 m and hypot(240, 100) = 260 m",
        "a hair further than that",
        "as far to the west",
        "a hair further to the west",
    ],
)
def test_doubt_about_both_places_counts_in_favour_of_telling(
    away_m: float, uncertainty_m: float, *, hears: bool
) -> None:
    event = an_event(east_m=away_m, position_uncertainty_m=uncertainty_m)
    assert bool(heard(event, a_subscriber())) is hears


def test_distance_is_measured_in_a_straight_line_and_not_along_the_axes() -> None:
    # 480² + 360² = 600²; half a metre more on either side is further.
    near = an_event(east_m=480.0, northing=HOME[1] + 360.0)
    far = an_event(east_m=480.5, northing=HOME[1] + 360.5)
    assert names(near, a_subscriber()) == ["ann"]
    assert names(far, a_subscriber()) == []


def test_one_that_is_badly_placed_widens_the_search_for_itself_alone() -> None:
    vague = an_event(subject="vague", east_m=5_000.0, position_uncertainty_m=10_000.0)
    sharp = an_event(subject="sharp", east_m=5_000.0)
    assert heard([vague, sharp], a_subscriber()) == [("ann", "vague")]


def test_doubt_is_of_both_positions_together() -> None:
    assert alerts.uncertainty_m(an_event(position_uncertainty_m=240.0)) == 260.0
    assert alerts.uncertainty_m(an_event()) == alerts.POSTCODE_UNCERTAINTY_M


@pytest.mark.parametrize("kind", list(EventKind))
def test_what_is_no_news_goes_to_nobody(kind: EventKind) -> None:
    event = an_event(kind, "HG4 1AA", is_news=False)
    assert heard(event, a_subscriber(), told=told_of("HG4 1AA", "ann")) == []


def test_nobody_and_nothing_are_no_pairs() -> None:
    assert heard([], a_subscriber()) == []
    assert heard(an_event()) == []
    assert heard([]) == []


# ── What is asked for ────────────────────────────────────────────────────────────────────────

F, B, R, D = Topic.FLAGGED, Topic.BELT, Topic.RECORDS, Topic.DECISIONS


@pytest.mark.parametrize(
    ("topics", "hears_of"),
    [
        # Which applications, by whether they are flagged and whether they lie in the belt.
        ({F}, {"flagged", "both"}),
        ({B}, {"in belt", "both"}),
        ({R}, set()),
        ({D}, set()),
        ({F, B}, {"flagged", "in belt", "both"}),
        ({F, D}, {"flagged", "both"}),
        (set(), set()),
    ],
    ids=["flagged", "belt", "records", "decisions", "flagged, belt", "flagged, decisions", "none"],
)
@pytest.mark.parametrize("kind", [NEW, CHANGED])
def test_of_applications_one_hears_what_one_asked_for(
    kind: EventKind, topics: set[Topic], hears_of: set[str]
) -> None:
    events = [
        an_event(kind, "neither", is_flagged=False),
        an_event(kind, "flagged"),
        an_event(kind, "in belt", is_flagged=False, in_belt=True),
        an_event(kind, "both", in_belt=True),
    ]
    someone = a_subscriber("ann", a_place(topics=frozenset(topics)))
    assert {subject for _, subject in heard(events, someone)} == hears_of


@pytest.mark.parametrize(
    ("topics", "hears_of"),
    [
        ({F}, set()),
        ({B}, set()),
        ({F, B, R}, set()),
        ({D}, {"flagged", "both"}),
        ({F, D}, {"flagged", "both"}),
        ({B, D}, {"flagged", "in belt", "both"}),
        ({R, D}, {"flagged", "both"}),
        (set(), set()),
    ],
    ids=[
        "flagged alone",
        "belt alone",
        "all but decisions",
        "decisions alone",
        "decisions, flagged",
        "decisions, belt",
        "decisions, records",
        "none",
    ],
)
@pytest.mark.parametrize("kind", DECISIONS)
def test_of_decisions_one_hears_only_if_one_asked_and_then_of_those_one_asked_about(
    kind: EventKind, topics: set[Topic], hears_of: set[str]
) -> None:
    events = [
        an_event(kind, "neither", is_flagged=False),
        an_event(kind, "flagged"),
        an_event(kind, "in belt", is_flagged=False, in_belt=True),
        an_event(kind, "both", in_belt=True),
    ]
    someone = a_subscriber("ann", a_place(topics=frozenset(topics)))
    assert {subject for _, subject in heard(events, someone)} == hears_of


@pytest.mark.parametrize("topic", list(Topic))
@pytest.mark.parametrize("kind", RECORDS)
def test_of_records_only_those_hear_who_asked_for_records(kind: EventKind, topic: Topic) -> None:
    someone = a_subscriber("ann", a_place(topics=frozenset({topic})))
    assert bool(heard(an_event(kind, in_belt=True), someone)) is (topic is Topic.RECORDS)
    assert bool(heard(unmapped(kind, in_belt=True), someone)) is (topic is Topic.RECORDS)


@pytest.mark.parametrize(
    ("kind", "topic", "hears"),
    [
        (NEW, Topic.FLAGGED, True),
        (NEW, Topic.BELT, True),
        (NEW, Topic.DECISIONS, True),
        (NEW, Topic.RECORDS, False),
        (CHANGED, Topic.BELT, True),
        (CHANGED, Topic.RECORDS, False),
        (DECIDED, Topic.DECISIONS, True),
        (DECIDED, Topic.FLAGGED, False),
        (DECIDED, Topic.BELT, False),
        (DECIDED, Topic.RECORDS, False),
    ],
)
def test_an_application_that_is_not_mapped_may_be_next_door_to_anyone_who_asks_of_any(
    kind: EventKind, topic: Topic, *, hears: bool
) -> None:
    far = a_place("HG4 9ZZ", east_m=9_000.0, topics=frozenset({topic}))
    event = unmapped(kind, is_flagged=False)
    assert bool(heard(event, a_subscriber("ann", far))) is hears


def test_topics_are_those_of_the_place_that_is_near() -> None:
    records_here = a_place("HG4 1AA", topics=frozenset({Topic.RECORDS}))
    flagged_far = a_place("HG4 9ZZ", east_m=9_000.0, topics=frozenset({Topic.FLAGGED}))
    someone = a_subscriber("ann", records_here, flagged_far)
    assert heard(an_event(), someone) == []
    assert names(an_event(EventKind.SINKHOLE_NEW), someone) == ["ann"]
    assert names(an_event(east_m=9_000.0), someone) == ["ann"]


# ── Several places ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("event", [an_event(), unmapped()], ids=["mapped", "not mapped"])
def test_one_of_several_places_is_enough_and_all_of_them_are_one_pair(event: Event) -> None:
    someone = a_subscriber("ann", a_place(), a_place("HG4 1AB"), a_place("HG4 9ZZ", east_m=9_000.0))
    assert heard(event, someone) == [("ann", "a1")]


def test_everyone_near_hears_of_everything_near_in_order() -> None:
    people = [a_subscriber(name) for name in ("cat", "ann", "bob")]
    events = [an_event(subject="b"), an_event(subject="a"), an_event(subject="far", east_m=9_000.0)]
    assert heard(events, *people) == [
        *[("ann", "a"), ("ann", "b")],
        *[("bob", "a"), ("bob", "b")],
        *[("cat", "a"), ("cat", "b")],
    ]


def test_more_people_than_are_matched_at_once_are_all_matched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(alerts, "_PEOPLE_AT_ONCE", 2)
    people = [
        a_subscriber(f"{number}", a_place(), a_place("HG4 1AB"), a_place("HG4 9ZZ", east_m=9_000.0))
        for number in range(5)
    ]
    events = [an_event(), unmapped(subject="a2"), an_event(UNLISTED, "a3")]
    assert heard(events, *people, told=told_of("a3", "1", "2", "4")) == [
        *[("0", "a1"), ("0", "a2")],
        *[("1", "a1"), ("1", "a2"), ("1", "a3")],
        *[("2", "a1"), ("2", "a2"), ("2", "a3")],
        *[("3", "a1"), ("3", "a2")],
        *[("4", "a1"), ("4", "a2"), ("4", "a3")],
    ]


def test_so_much_that_is_not_mapped_is_matched_with_a_few_people_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(alerts, "_PAIRS_AT_ONCE", 4)
    people = Subscriptions.of([a_subscriber(name) for name in "abcde"])
    news = alerts.News.of([unmapped(subject="a1"), unmapped(subject="a2"), an_event(UNLISTED)])
    found = list(alerts.matches(news, alerts.Audience.of(people), {}))
    assert [len(who) for who, _ in found] == [4, 4, 2]


def test_who_hears_of_what_is_had_by_number_too() -> None:
    people = [a_subscriber("bob"), a_subscriber("ann", a_place("HG4 9ZZ", east_m=9_000.0))]
    news = alerts.News.of([an_event(subject="b"), an_event(subject="a", is_news=False), unmapped()])
    audience = alerts.Audience.of(Subscriptions.of(people))
    assert audience.ids.tolist() == ["ann", "bob"]
    assert news.keys.tolist() == ["application_new:a1:v1", "application_new:b:v1"]
    (found,) = alerts.matches(news, audience, {})
    assert [column.tolist() for column in found] == [[0, 1, 1], [0, 0, 1]]


# ── One's own band ───────────────────────────────────────────────────────────────────────────


def test_a_changed_band_goes_to_that_postcode_alone_whatever_it_asks_for() -> None:
    event = unmapped(EventKind.BAND_CHANGED, "HG4 1AA")
    people = [
        a_subscriber("ann", a_place("HG4 9ZZ"), a_place("HG4 1AA", topics=frozenset())),
        a_subscriber("bob", a_place("HG4 9ZZ")),
    ]
    assert names(event, *people) == ["ann"]


def test_two_changes_of_one_band_are_both_heard() -> None:
    events = [
        unmapped(EventKind.BAND_CHANGED, "HG4 1AA", version=version) for version in ("v1", "v2")
    ]
    found = alerts.hearers(events, alerts.Audience.of(Subscriptions.of([a_subscriber()])), {})
    assert [key for _, key in found] == ["band_changed:HG4 1AA:v1", "band_changed:HG4 1AA:v2"]


def test_a_band_that_is_placed_on_the_map_is_still_nobody_elses() -> None:
    event = an_event(EventKind.BAND_CHANGED, "HG4 9ZZ", in_belt=True)
    assert heard(event, a_subscriber()) == []


# ── Who was told before ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", [UNLISTED, EventKind.RETRACTED])
@pytest.mark.parametrize("east_m", [0.0, 9_000.0, None])
def test_some_things_concern_only_those_who_were_told(
    kind: EventKind, east_m: float | None
) -> None:
    event = unmapped(kind) if east_m is None else an_event(kind, east_m=east_m)
    people = [a_subscriber("ann"), a_subscriber("bob")]
    assert names(event, *people) == []
    assert names(event, *people, told=told_of("a1", "bob")) == ["bob"]
    assert names(event, *people, told=told_of("another", "bob")) == []


@pytest.mark.parametrize(
    "kind", [CHANGED, EventKind.SINKHOLE_CORRECTED, EventKind.SINKHOLE_REMOVED]
)
def test_what_changes_or_corrects_follows_those_who_were_told_wherever_it_lies_now(
    kind: EventKind,
) -> None:
    people = [
        a_subscriber("ann"),
        a_subscriber("bob", a_place("HG4 9ZZ", east_m=9_000.0)),
        a_subscriber("cat", a_place("HG4 9ZY", east_m=9_000.0, topics=frozenset())),
    ]
    assert names(an_event(kind), *people) == ["ann"]
    assert names(an_event(kind), *people, told=told_of("a1", "bob", "cat")) == ["ann", "bob", "cat"]
    assert names(an_event(kind), *people, told=told_of("a1", "ann")) == ["ann"]


def test_only_of_what_follows_people_need_one_know_who_was_told() -> None:
    events = [an_event(kind, f"{kind}") for kind in EventKind]
    follow = {CHANGED, UNLISTED, *alerts.CORRECTIONS}
    assert alerts.follow_ups(events) == follow
    everyone = told_of("a1", "ann")
    for kind in EventKind:
        far = an_event(kind, east_m=9_000.0)
        assert bool(heard(far, a_subscriber(), told=everyone)) is (kind in follow)


@pytest.mark.parametrize("kind", [NEW, *DECISIONS, EventKind.SINKHOLE_NEW])
def test_all_else_goes_by_place_whoever_was_told(kind: EventKind) -> None:
    event = an_event(kind, east_m=9_000.0)
    assert heard(event, a_subscriber(), told=told_of("a1", "ann")) == []


@pytest.mark.parametrize("kind", [CHANGED, UNLISTED, *sorted(alerts.CORRECTIONS)])
def test_who_has_left_hears_nothing_even_of_what_they_were_told(kind: EventKind) -> None:
    people = [a_subscriber("ann", a_place("HG4 9ZZ", east_m=9_000.0))]
    assert heard(an_event(kind), *people, told=told_of("a1", "gone")) == []


# ── Laws ─────────────────────────────────────────────────────────────────────────────────────

# A small chequerboard, so that places, radii and events meet often, at their edges too.
steps = st.integers(-8, 8).map(lambda step: step * 100.0)
postcodes = st.sampled_from(["HG4 1AA", "HG4 1AB", "HG4 1AC", "HG4 1AD"])
subjects = st.sampled_from(["a1", "a2", "a3", "HG4 1AA", "HG4 1AB"])

some_places = st.builds(
    a_place,
    postcodes,
    east_m=steps,
    northing=steps.map(lambda step: HOME[1] + step),
    radius_m=st.sampled_from([250.0, 500.0, 1_000.0]),
    topics=st.frozensets(st.sampled_from(Topic)),
)
people_lists = st.lists(
    st.tuples(
        st.sampled_from("abcdefg"),
        st.lists(some_places, min_size=1, max_size=3, unique_by=lambda place: place.postcode),
    ),
    max_size=5,
    unique_by=lambda person: person[0],
).map(lambda people: [a_subscriber(name, *places) for name, places in people])

placed = st.builds(
    an_event,
    st.sampled_from(EventKind),
    subjects,
    east_m=steps,
    northing=steps.map(lambda step: HOME[1] + step),
    position_uncertainty_m=st.sampled_from([0.0, 10.0, 240.0, 1_000.0]),
    is_flagged=st.booleans(),
    in_belt=st.booleans(),
    is_news=st.sampled_from([True, True, True, False]),
    version=st.sampled_from(["v1", "v2"]),
)
nowhere = st.builds(
    unmapped, st.sampled_from(EventKind), subjects, is_flagged=st.booleans(), in_belt=st.booleans()
)
event_lists = st.lists(
    st.one_of(placed, placed, placed, nowhere), max_size=8, unique_by=lambda event: event.key
)
tellings = st.dictionaries(
    st.tuples(st.sampled_from("abcdefgz").map(SubscriberId), subjects), st.just(EARLIER), max_size=6
)


def is_asked_for(place: Subscription, event: Event) -> bool:
    """Say in plain words which topics let a place hear of an event."""
    topics = place.topics
    if event.kind in RECORDS:
        return Topic.RECORDS in topics
    is_decision = event.kind in DECISIONS
    if is_decision and Topic.DECISIONS not in topics:
        return False
    if event.easting is None:
        return is_decision or bool(topics & {Topic.FLAGGED, Topic.BELT, Topic.DECISIONS})
    if event.in_belt and Topic.BELT in topics:
        return True
    return event.is_flagged and (Topic.FLAGGED in topics or is_decision)


def is_near(place: Subscription, event: Event) -> bool:
    if event.easting is None or event.northing is None:
        return True
    away_m = math.hypot(place.easting - event.easting, place.northing - event.northing)
    return away_m - math.hypot(event.position_uncertainty_m, 100.0) <= place.radius_m


def hears(person: Subscriber, event: Event, told: alerts.Told) -> bool:
    was_told = (person.subscriber_id, event.subject) in told
    if event.kind in (UNLISTED, EventKind.RETRACTED):
        return was_told
    if event.kind is EventKind.BAND_CHANGED:
        return any(place.postcode == event.subject for place in person.subscriptions)
    if was_told and event.kind in (CHANGED, *alerts.CORRECTIONS):
        return True
    return any(is_asked_for(at, event) and is_near(at, event) for at in person.subscriptions)


def by_two_loops(
    events: list[Event], people: list[Subscriber], told: alerts.Told
) -> list[tuple[SubscriberId, str]]:
    return sorted(
        (person.subscriber_id, event.key)
        for person in people
        for event in events
        if event.is_news and hears(person, event, told)
    )


def matched(
    events: list[Event], people: list[Subscriber], told: alerts.Told
) -> list[tuple[SubscriberId, str]]:
    return list(alerts.hearers(events, alerts.Audience.of(Subscriptions.of(people)), told))


@given(event_lists, people_lists, tellings)
def test_the_tree_finds_what_two_plain_loops_find(
    events: list[Event], people: list[Subscriber], told: alerts.Told
) -> None:
    assert matched(events, people, told) == by_two_loops(events, people, told)


@given(
    st.sampled_from([(3, 4, 5), (-5, 12, 13), (8, -15, 17), (-1, 0, 1), (0, 1, 1)]),
    st.integers(75, 300),
    st.sampled_from([(0.0, 100.0), (240.0, 260.0)]),
)
def test_the_edge_is_within_and_a_hair_beyond_it_is_not(
    triple: tuple[int, int, int], metres: int, doubt_m: tuple[float, float]
) -> None:
    # Whole numbers, so that each distance is exact: east² + north² = away².
    east_m, north_m, away_m = (side * metres * 5 for side in triple)
    own_m, both_m = doubt_m
    radius_m = away_m - both_m
    event = an_event(east_m=east_m, northing=HOME[1] + north_m, position_uncertainty_m=own_m)
    people = [
        a_subscriber(name, a_place(radius_m=radius))
        for name, radius in (("at", radius_m), ("beyond", math.nextafter(radius_m, 0.0)))
    ]
    assert matched([event], people, {}) == by_two_loops([event], people, {})
    assert names(event, *people) == ["at"]


@given(event_lists, people_lists, tellings, st.randoms(use_true_random=False))
def test_neither_the_order_of_events_nor_that_of_people_matters(
    events: list[Event], people: list[Subscriber], told: alerts.Told, rng: random.Random
) -> None:
    straight = matched(events, people, told)
    rng.shuffle(events)
    rng.shuffle(people)
    assert matched(events, people, told) == straight


@given(event_lists, people_lists, tellings, st.sampled_from([0.0, 50.0, 500.0]))
def test_a_wider_radius_never_hears_less(
    events: list[Event], people: list[Subscriber], told: alerts.Told, wider_m: float
) -> None:
    wide = [
        a_subscriber(
            one.subscriber_id,
            *(
                a_place(
                    at.postcode,
                    easting=at.easting,
                    northing=at.northing,
                    topics=at.topics,
                    radius_m=at.radius_m + wider_m,
                )
                for at in one.subscriptions
            ),
        )
        for one in people
    ]
    assert set(matched(events, people, told)) <= set(matched(events, wide, told))


@given(event_lists, people_lists, tellings, st.integers(0, 5), st.integers(0, 8))
def test_halves_of_the_people_and_of_the_events_hear_together_what_all_hear(
    events: list[Event], people: list[Subscriber], told: alerts.Told, person: int, event: int
) -> None:
    parts = [
        pair
        for some_people in (people[:person], people[person:])
        for some_events in (events[:event], events[event:])
        for pair in matched(some_events, some_people, told)
    ]
    assert sorted(parts) == matched(events, people, told)


@given(event_lists, people_lists, tellings)
def test_a_digest_holds_all_that_its_reader_is_to_hear(
    events: list[Event], people: list[Subscriber], told: alerts.Told
) -> None:
    pairs = matched(events, people, told)
    for person in people:
        waiting = [event for event in events if (person.subscriber_id, event.key) in pairs]
        digest = alerts.digest(person, MailKind.DIGEST, waiting, told, today=TODAY)
        assert {alert.event.key for alert in digest.alerts} == {event.key for event in waiting}


# ── Digests ──────────────────────────────────────────────────────────────────────────────────


def a_digest(
    *events: Event, to: Subscriber | None = None, told: alerts.Told | None = None
) -> Digest:
    someone = to or a_subscriber()
    return alerts.digest(someone, MailKind.DIGEST, events, told or {}, today=TODAY)


def the_alert(
    event: Event, *, to: Subscriber | None = None, told: alerts.Told | None = None
) -> Alert:
    (alert,) = a_digest(event, to=to, told=told).alerts
    return alert


def order(digest: Digest) -> list[str]:
    return [alert.event.subject for alert in digest.alerts]


def test_a_digest_is_for_whom_and_of_the_kind_that_was_asked_for() -> None:
    someone = a_subscriber()
    digest = alerts.digest(someone, MailKind.ALERT, [], {}, today=TODAY)
    assert digest == Digest(subscriber=someone, kind=MailKind.ALERT, alerts=())


def test_an_alert_carries_distance_doubt_and_direction() -> None:
    event = an_event(position_uncertainty_m=240.0)
    assert the_alert(event) == Alert(
        event=event,
        subscription=a_place(),
        distance_m=300.0,
        distance_uncertainty_m=260.0,
        direction="east",
    )


def test_what_is_not_mapped_has_no_distance_and_is_near_no_other_place() -> None:
    event = unmapped()
    someone = a_subscriber("ann", a_place("HG4 1AB"), a_place("HG4 1AA"))
    assert the_alert(event, to=someone) == Alert(
        event=event,
        subscription=a_place("HG4 1AA"),
        distance_m=None,
        distance_uncertainty_m=None,
        direction="",
    )


def test_it_is_seen_from_the_nearest_place_and_the_others_that_it_concerns_are_named() -> None:
    someone = a_subscriber(
        "ann",
        a_place("HG4 1AA"),
        a_place("HG4 1AB", east_m=700.0),
        a_place("HG4 1AC", east_m=400.0),
        a_place("HG4 9ZZ", east_m=9_000.0),
    )
    alert = the_alert(an_event(east_m=310.0), to=someone)
    assert (alert.subscription.postcode, alert.distance_m) == ("HG4 1AC", 90.0)
    assert alert.direction == "west"
    assert alert.also_near == ("HG4 1AA", "HG4 1AB")


def test_of_two_places_as_near_the_first_by_postcode_leads() -> None:
    someone = a_subscriber("ann", a_place("HG4 1AB", east_m=600.0), a_place("HG4 1AA"))
    alert = the_alert(an_event(east_m=300.0), to=someone)
    assert (alert.subscription.postcode, alert.also_near) == ("HG4 1AA", ("HG4 1AB",))


def test_it_is_seen_from_the_place_that_asked_though_another_be_nearer() -> None:
    nearer = a_place("HG4 1AA", topics=frozenset({Topic.RECORDS}))
    asked = a_place("HG4 1AB", east_m=700.0, topics=frozenset({Topic.FLAGGED}))
    alert = the_alert(an_event(east_m=300.0), to=a_subscriber("ann", nearer, asked))
    assert (alert.subscription.postcode, alert.also_near) == ("HG4 1AB", ())


def test_ones_own_band_is_seen_from_that_postcode() -> None:
    someone = a_subscriber("ann", a_place("HG4 1AA"), a_place("HG4 1AB"))
    alert = the_alert(unmapped(EventKind.BAND_CHANGED, "HG4 1AB"), to=someone)
    assert (alert.subscription.postcode, alert.also_near) == ("HG4 1AB", ())


def test_a_band_that_was_told_by_mistake_is_taken_back_as_seen_from_that_postcode() -> None:
    someone = a_subscriber("ann", a_place("HG4 1AA"), a_place("HG4 1AB"))
    event = unmapped(EventKind.RETRACTED, "HG4 1AB")
    alert = the_alert(event, to=someone, told=told_of("HG4 1AB", "ann"))
    assert (alert.subscription.postcode, alert.told_on) == ("HG4 1AB", EARLIER)


def test_it_says_when_its_reader_and_no_one_else_was_told_of_the_subject() -> None:
    told = told_of("a1", "ann") | told_of("a2", "bob")
    digest = a_digest(an_event(subject="a1"), an_event(subject="a2"), told=told)
    assert [alert.told_on for alert in digest.alerts] == [EARLIER, None]


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (an_event(east_m=600.1), "they moved, or chose a smaller radius"),
        (an_event(EventKind.SINKHOLE_NEW), "they asked for records no more"),
        (an_event(DECIDED), "they asked for decisions no more"),
        (unmapped(EventKind.BAND_CHANGED, "HG4 9ZZ"), "they left that postcode"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_concerns_no_place_of_today_is_dropped_unless_it_was_told(
    event: Event, why: str
) -> None:
    del why
    someone = a_subscriber("ann", a_place(topics=frozenset({Topic.FLAGGED})))
    assert a_digest(event, to=someone).alerts == ()
    told = told_of(event.subject, "ann")
    alert = the_alert(event, to=someone, told=told)
    assert (alert.subscription, alert.also_near) == (someone.subscriptions[0], ())


def test_what_was_told_and_concerns_no_place_is_seen_from_the_nearest_of_all() -> None:
    far, farther = a_place("HG4 1AB", east_m=-700.0), a_place("HG4 1AA", east_m=-800.0)
    someone = a_subscriber("ann", farther, far)
    alert = the_alert(an_event(CHANGED, east_m=0.0), to=someone, told=told_of("a1", "ann"))
    assert (alert.subscription.postcode, alert.distance_m, alert.also_near) == (
        "HG4 1AB", 700.0, (),
    )  # fmt: skip


@pytest.mark.parametrize("kind", [UNLISTED, EventKind.RETRACTED])
def test_what_only_those_told_hear_names_all_their_places_near_whatever_these_ask_for(
    kind: EventKind,
) -> None:
    someone = a_subscriber(
        "ann",
        a_place("HG4 1AA", topics=frozenset()),
        a_place("HG4 1AB", topics=frozenset({Topic.RECORDS})),
        a_place("HG4 9ZZ", east_m=9_000.0),
    )
    alert = the_alert(an_event(kind), to=someone, told=told_of("a1", "ann"))
    assert (alert.subscription.postcode, alert.also_near) == ("HG4 1AA", ("HG4 1AB",))


def test_coming_deadlines_lead_then_the_nearest_and_what_is_not_mapped_ends() -> None:
    digest = a_digest(
        unmapped(subject="not mapped"),
        an_event(subject="far", east_m=400.0),
        an_event(subject="near", east_m=10.0),
        an_event(subject="past", east_m=200.0, deadline=date(2026, 11, 21)),
        an_event(subject="later", east_m=10.0, deadline=date(2026, 12, 5)),
        unmapped(subject="sooner, not mapped", deadline=date(2026, 11, 30)),
        an_event(subject="sooner", east_m=500.0, deadline=date(2026, 11, 30)),
        an_event(subject="today", east_m=500.0, deadline=TODAY),
    )
    assert order(digest) == [
        "today",
        "sooner",
        "sooner, not mapped",
        "later",
        "near",
        "past",
        "far",
        "not mapped",
    ]


@given(st.permutations(["a", "b", "c", "d"]))
def test_what_is_alike_in_all_else_stands_by_its_key(subjects_so: list[str]) -> None:
    digest = a_digest(*(an_event(subject=subject) for subject in subjects_so))
    assert order(digest) == ["a", "b", "c", "d"]


# ── The brake ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("n_concerned", "n_subscribers", "before", "rule"),
    [
        (0, 0, [], ""),
        (20, 20, [], ""),
        (20, 21, [1], ""),
        (21, 210, [], ""),
        (21, 209, [], "more than 10% of 209 subscribers"),
        (21, 21, [], "more than 10% of 21 subscribers"),
        (100, 1_000, [], ""),
        (101, 1_000, [], "more than 10% of 1000 subscribers"),
        (50, 1_000, [10], ""),
        (51, 1_000, [10], "more than 5 times the 10 of a usual run"),
        (21, 1_000, [4], "more than 5 times the 4 of a usual run"),
        (50, 1_000, [1, 10, 500], ""),
        (51, 1_000, [500, 10, 1], "more than 5 times the 10 of a usual run"),
        (52, 1_000, [10, 11], ""),
        (53, 1_000, [10, 11], "more than 5 times the 10.5 of a usual run"),
        (100, 1_000, [0, 0], ""),
        (101, 1_000, [10], "more than 10% of 1000 subscribers"),
    ],
    ids=[
        "nobody",
        "20 never wait, though they be all",
        "20 never wait, though one is usual",
        "10 % exactly",
        "a little more than 10 %",
        "21 of 21",
        "10 % of a thousand",
        "one more",
        "5 times what is usual",
        "one more than that",
        "21 are enough",
        "the median is not misled by one large run",
        "nor by one small run",
        "5 times 10.5 is 52.5",
        "53 is more",
        "no usual number",
        "both, of which the share is said",
    ],
)
def test_a_run_that_concerns_unusually_many_waits_for_a_person(
    n_concerned: int, n_subscribers: int, before: list[int], rule: str
) -> None:
    assert alerts.brake(n_concerned, n_subscribers, before) == rule


@given(
    st.integers(0, 3_000),
    st.integers(0, 3_000),
    st.lists(st.integers(1, 3_000), max_size=5),
)
def test_one_more_concerned_never_releases_the_brake(
    n_concerned: int, n_subscribers: int, before: list[int]
) -> None:
    if alerts.brake(n_concerned, n_subscribers, before):
        assert alerts.brake(n_concerned + 1, n_subscribers, before)
