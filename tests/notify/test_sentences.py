from __future__ import annotations

from datetime import date

import pytest

from sinkwatch.model import Alert, EventKind, Subscriber, Topic
from sinkwatch.notify import items, sentences
from tests.notify.builders import (
    NORTHING,
    a_digest,
    a_subscriber,
    a_subscription,
    an_alert,
    an_event,
    another_subscription,
)

TODAY = date(2026, 11, 22)
ALONE = a_subscriber()
UNMAPPED = an_event(easting=None, northing=None)
OWN_BAND = an_event(kind=EventKind.BAND_CHANGED, subject="HG4 1HS")


def with_two(**changed: object) -> Subscriber:
    return a_subscriber(a_subscription(), another_subscription(**changed))


def where(alert: Alert, subscriber: Subscriber = ALONE) -> str:
    (item,) = items.of(a_digest(alert, subscriber=subscriber), TODAY)
    return sentences.where(item, subscriber)


def why(alert: Alert, subscriber: Subscriber = ALONE) -> str:
    (item,) = items.of(a_digest(alert, subscriber=subscriber), TODAY)
    return sentences.why(item, subscriber)


# ── Where ────────────────────────────────────────────────────────────────────────────────────


def test_an_item_says_how_far_and_which_way_it_is() -> None:
    assert where(an_alert(an_event())) == "About 130 m (± 130 m) to the north-east of HG4 1HS."


def test_an_item_at_the_place_itself_has_no_direction() -> None:
    alert = an_alert(an_event(), distance_m=0.0, direction="")
    assert where(alert) == "Under 5 m (± 130 m) from HG4 1HS."


def test_an_item_near_another_place_says_so() -> None:
    # 799 m to the north of the other postcode, of whose 1,000 m it lies within.
    alert = an_alert(an_event(), also_near=("HG4 2AB",))
    assert where(alert, with_two()) == (
        "About 130 m (± 130 m) to the north-east of HG4 1HS; also within your radius of HG4 2AB."
    )


def test_an_item_that_may_be_near_another_place_claims_no_more() -> None:
    alert = an_alert(an_event(), also_near=("HG4 2AB",))
    assert where(alert, with_two(northing=NORTHING - 1_000)) == (
        "About 130 m (± 130 m) to the north-east of HG4 1HS; it may be within your radius of "
        "HG4 2AB too."
    )


def test_an_item_that_is_not_mapped_says_so_of_every_place() -> None:
    assert where(an_alert(UNMAPPED), with_two()) == (
        "Not mapped: its place is not known well enough, so nobody can say from here how far it is "
        "from HG4 1HS or HG4 2AB."
    )


def test_a_changed_band_is_about_the_readers_own_postcode() -> None:
    assert where(an_alert(OWN_BAND)) == "At HG4 1HS, your own postcode."


# ── Why ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("distance_m", "reason"),
    [
        (500.0, "it is within 500 m of HG4 1HS, as you asked"),
        (500.1, "it may be within 500 m of HG4 1HS: its place is not known exactly"),
        (628.0, "it may be within 500 m of HG4 1HS: its place is not known exactly"),
        (628.1, "we told you of it before"),
    ],
)
def test_the_reason_does_not_claim_more_than_the_position_allows(
    distance_m: float, reason: str
) -> None:
    alert = an_alert(an_event(is_flagged=False), distance_m=distance_m)
    assert why(alert) == f"You hear of it because {reason}."


def test_the_reason_for_what_is_not_mapped_names_every_place() -> None:
    assert why(an_alert(UNMAPPED), with_two()).startswith(
        "You hear of it because you asked about 500 m of HG4 1HS or 1,000 m of HG4 2AB, and it may "
        "be there."
    )


def test_the_reason_for_ones_own_band_is_the_postcode() -> None:
    assert why(an_alert(OWN_BAND)).startswith(
        "You hear of it because it is about the postcode you gave."
    )


def test_the_reason_for_a_correction_is_what_was_told() -> None:
    fixed = an_alert(an_event(kind=EventKind.SINKHOLE_CORRECTED), told_on=date(2026, 5, 3))
    assert why(fixed).startswith("You hear of it because we told you of it before.")


@pytest.mark.parametrize(
    ("changed", "is_said"),
    [
        ({}, True),
        ({"lines": ()}, False),
        ({"is_flagged": False}, False),
        ({"kind": EventKind.RETRACTED}, False),
    ],
    ids=["flagged, with reasons", "no reasons to point to", "not flagged", "was wrong"],
)
def test_a_flagged_item_points_to_its_reasons(changed: dict[str, object], is_said: bool) -> None:  # noqa: FBT001 - a parameter of the table
    said = why(an_alert(an_event(**changed)))
    assert said.endswith("It is flagged, for the reasons above.") is is_said


# ── What was asked for ───────────────────────────────────────────────────────────────────────


def test_places_with_the_same_topics_are_named_in_one_breath() -> None:
    records = frozenset({Topic.RECORDS})
    places = (
        a_subscription(topics=records),
        another_subscription(topics=frozenset(Topic)),
        a_subscription(postcode="HG4 3CD", topics=records),
    )
    assert sentences.asked(places, "gypsum") == (
        "within 500 m of HG4 1HS and within 500 m of HG4 3CD: records of ground collapse and any "
        "change of the postcode's band; and within 1,000 m of HG4 2AB: flagged planning "
        "applications, every planning application where gypsum is present, records of ground "
        "collapse, what becomes of planning applications and any change of the postcode's band"
    )


# ── By when ──────────────────────────────────────────────────────────────────────────────────


def test_a_consultation_date_is_not_taken_for_a_deadline() -> None:
    assert sentences.deadline(date(2026, 12, 5)) == (
        "Consultation date 5 December 2026; the council's record says until when comments are "
        "taken."
    )
