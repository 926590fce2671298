from __future__ import annotations

from datetime import date

import pytest

from sinkwatch.model import Digest, EventKind, MailKind
from sinkwatch.notify import subjects
from tests.notify.builders import (
    HOSTILE,
    a_digest,
    a_subscriber,
    a_subscription,
    an_alert,
    an_event,
    another_subscription,
)

TODAY = date(2026, 11, 22)
UNMAPPED: dict[str, object] = {"easting": None, "northing": None}


def places(n: int) -> list[str]:
    return ["HG4 1HS", "HG4 2AB", "HG4 3CD", "HG4 4EF", "HG4 5GH"][:n]


def a_digest_of(n_places: int, *events: object, **changed: object) -> Digest:
    homes = [a_subscription(postcode=postcode) for postcode in places(n_places)]
    alerts = tuple(
        an_alert(event, also_near=tuple(places(n_places)[1:]))  # type: ignore[arg-type]
        for event in events or (an_event(),)
    )
    return a_digest(*alerts, subscriber=a_subscriber(*homes), **changed)


# ── Counts ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([{}], "1 planning application near you"),
        (
            [{"kind": EventKind.APPLICATION_DECIDED}, {"kind": EventKind.APPLICATION_APPEALED}],
            "2 planning applications near you",
        ),
        (
            [{}, {"kind": EventKind.SINKHOLE_NEW}, {"kind": EventKind.SINKHOLE_CORRECTED}],
            "1 planning application and 2 ground records near you",
        ),
        ([{"kind": EventKind.BAND_CHANGED}], "your postcode's band changed"),
        (
            [{"kind": EventKind.BAND_CHANGED}, {"kind": EventKind.BAND_CHANGED}],
            "bands of 2 of your postcodes changed",
        ),
        ([UNMAPPED], "1 change not mapped"),
        ([{"kind": EventKind.RETRACTED}], "1 correction near you"),
        ([{}, UNMAPPED, {"kind": EventKind.BAND_CHANGED}], "3 changes"),
    ],
)
def test_the_subject_counts_and_names_nothing_finer_than_the_postcode(
    events: list[dict[str, object]], expected: str
) -> None:
    digest = a_digest(*(an_event(subject=str(n), **event) for n, event in enumerate(events)))
    assert subjects.subject(digest, TODAY) == f"HG4 1HS: {expected}"


def test_two_alerts_of_one_application_are_one_application_in_the_subject() -> None:
    digest = a_digest(an_event(), an_event(version="2", kind=EventKind.APPLICATION_DECIDED))
    assert subjects.subject(digest, TODAY) == "HG4 1HS: 1 planning application near you"


def test_a_catch_up_says_that_it_is_one() -> None:
    digest = a_digest(an_event(silent_since=date(2026, 11, 10)))
    assert subjects.subject(digest, TODAY) == "HG4 1HS: catch-up, 1 planning application near you"


@pytest.mark.parametrize("postcode", HOSTILE)
def test_a_subject_is_one_line_of_78_characters_at_most(postcode: str) -> None:
    home = a_subscription(postcode=postcode)
    digest = a_digest(an_alert(an_event(), subscription=home), subscriber=a_subscriber(home))
    subject = subjects.subject(digest, TODAY)
    assert len(subject) <= 78
    assert subject.isprintable()


# ── Places ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("n_places", "expected"),
    [
        (1, "HG4 1HS"),
        (2, "HG4 1HS and HG4 2AB"),
        (3, "HG4 1HS, HG4 2AB and HG4 3CD"),
        (4, "HG4 1HS and 3 more places"),
        (5, "HG4 1HS and 4 more places"),
    ],
)
def test_the_heading_names_the_places_that_it_concerns(n_places: int, expected: str) -> None:
    assert subjects.heading(a_digest_of(n_places), TODAY) == f"What is new near {expected}"


def test_a_place_that_nothing_concerns_is_not_named() -> None:
    both = a_subscriber(a_subscription(), another_subscription())
    assert subjects.heading(a_digest(subscriber=both), TODAY) == "What is new near HG4 1HS"
    unmapped = a_digest(an_event(**UNMAPPED), subscriber=both)
    assert subjects.heading(unmapped, TODAY) == "What is new near HG4 1HS and HG4 2AB"


def test_where_names_would_make_it_too_long_places_are_counted() -> None:
    events = [an_event(subject="a"), an_event(subject="b", kind=EventKind.SINKHOLE_NEW)]
    assert subjects.subject(a_digest_of(3, *events), TODAY) == (
        "HG4 1HS and 2 more places: 1 planning application and 1 ground record near you"
    )


# ── Corrections and quiet months ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("n", "words"),
    [(1, "a correction to what we told you"), (2, "corrections to what we told you")],
)
def test_a_correction_says_so_and_nothing_else(n: int, words: str) -> None:
    kind = EventKind.SINKHOLE_CORRECTED
    events = [an_event(subject=str(number), kind=kind) for number in range(n)]
    digest = a_digest(*events, kind=MailKind.CORRECTION)
    assert subjects.subject(digest, TODAY) == f"HG4 1HS: {words}"
    assert subjects.heading(digest, TODAY) == words.capitalize()


@pytest.mark.parametrize(
    ("gaps", "words"),
    [
        ((), "nothing to tell for October 2026"),
        (("PlanIt: could not be read.",), "what could not be read in October 2026"),
    ],
)
def test_a_quiet_month_is_called_quiet_only_if_it_could_be_read(
    gaps: tuple[str, ...], words: str
) -> None:
    digest = a_digest(kind=MailKind.QUIET, alerts=(), quiet_month=date(2026, 10, 1))
    assert subjects.subject(digest, TODAY, gaps=gaps) == f"HG4 1HS: {words}"
    assert subjects.heading(digest, TODAY, gaps=gaps) == words[0].upper() + words[1:]
