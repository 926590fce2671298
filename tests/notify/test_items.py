from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinkwatch.model import EventKind
from sinkwatch.notify import items
from tests.notify.builders import (
    a_digest,
    a_subscriber,
    a_subscription,
    an_alert,
    an_event,
    another_subscription,
)

TODAY = date(2026, 11, 22)
TOMORROW = date(2026, 11, 23)
MART = "Old Ripon Auction Mart"


def one_item(*told: object, **changed: object) -> items.Item:
    (item,) = items.of(a_digest(*told, **changed), TODAY)  # type: ignore[arg-type]
    return item


# ── One item a subject ───────────────────────────────────────────────────────────────────────


def test_alerts_of_one_subject_are_one_item_and_keep_the_digests_order() -> None:
    found = items.of(
        a_digest(
            an_event(subject="near"),
            an_event(subject="far"),
            an_event(subject="near", kind=EventKind.APPLICATION_DECIDED, version="2"),
        ),
        TODAY,
    )
    assert [(item.number, item.first.event.subject) for item in found] == [(1, "near"), (2, "far")]
    assert found[0].kinds == ("New planning application", "Planning application decided")


def test_what_happened_is_told_as_it_went_whatever_the_order_of_the_digest() -> None:
    item = one_item(
        an_event(kind=EventKind.APPLICATION_DECIDED, version="2", happened="Refused."),
        an_event(happened="Submitted."),
    )
    assert item.happened == ("Submitted.", "Refused.")
    assert item.kinds == ("New planning application", "Planning application decided")


def test_a_sentence_that_two_alerts_share_is_told_once() -> None:
    item = one_item(
        an_event(happened="Submitted.", lines=("Source: the register.",)),
        an_event(happened="Decided.", lines=("Source: the register.", "Approved.")),
        an_event(happened="", lines=()),
    )
    assert item.happened == ("Submitted.", "Decided.")
    assert item.lines == ("Source: the register.", "Approved.")


@pytest.mark.parametrize(
    "event",
    [
        an_event(easting=None, northing=None),
        an_event(kind=EventKind.BAND_CHANGED, subject="HG4 1HS"),
    ],
    ids=["not mapped", "the reader's own place"],
)
def test_what_has_no_place_of_its_own_has_no_pin(event: object) -> None:
    assert one_item(event).pin_at is None


@pytest.mark.parametrize(
    ("anchor", "shown"),
    [
        ("application-26-00001", "application-26-00001"),
        ("records/RS020", "records/RS020"),
        ("records/../RS020", ""),
        ("//elsewhere.example", ""),
        ("", ""),
        ('x" onclick="alert(1)', ""),
        ("a b", ""),
        ("a" * 201, ""),
    ],
)
def test_only_a_plain_anchor_is_linked(anchor: str, shown: str) -> None:
    assert one_item(an_event(anchor=anchor)).anchor == shown


# ── What puts right what was told ────────────────────────────────────────────────────────────


def test_a_correction_says_what_was_told_and_when() -> None:
    fixed = an_event(
        kind=EventKind.SINKHOLE_CORRECTED,
        title="Ure Bank collapse",
        happened="The record has been corrected: its date.",
    )
    item = one_item(an_alert(fixed, told_on=date(2026, 5, 3)))
    assert item.happened == (
        "On 3 May 2026 we told you of Ure Bank collapse. That has been corrected: its date.",
    )
    assert item.is_correction


def test_a_record_taken_out_reads_as_one_sentence() -> None:
    gone = an_event(
        kind=EventKind.SINKHOLE_REMOVED,
        title="Ure Bank collapse",
        happened="The record has been taken out of the inventory.",
    )
    assert one_item(an_alert(gone, told_on=date(2026, 5, 3))).happened == (
        (
            "On 3 May 2026 we told you of Ure Bank collapse. That has been corrected: the record "
            "has been taken out of the inventory."
        ),
    )


def test_what_was_wrong_is_said_to_have_been_wrong() -> None:
    wrong = an_event(kind=EventKind.RETRACTED, happened="It lies in Thirsk.")
    item = one_item(an_alert(wrong, told_on=date(2026, 5, 3)))
    assert item.happened == ("We told you of this on 3 May 2026. It was wrong: It lies in Thirsk.",)
    assert item.is_correction


def test_what_follows_on_something_told_says_when_that_was() -> None:
    decided = an_event(kind=EventKind.APPLICATION_DECIDED, happened="Refused.")
    item = one_item(an_alert(decided, told_on=date(2026, 5, 3)))
    assert item.happened == ("Refused. We last told you of it on 3 May 2026.",)
    assert not item.is_correction


def test_a_corrected_record_that_the_reader_never_heard_of_is_plain_news() -> None:
    fixed = an_event(kind=EventKind.SINKHOLE_CORRECTED, happened="The record has been corrected.")
    item = one_item(fixed)
    assert item.happened == ("The record has been corrected.",)
    assert not item.is_correction


# ── Groups ───────────────────────────────────────────────────────────────────────────────────


def grouped(*events: object) -> list[tuple[str, list[tuple[int, str]]]]:
    found = items.groups(a_digest(*events), TODAY)  # type: ignore[arg-type]
    return [
        (group.heading, [(item.number, item.first.event.subject) for item in group.items])
        for group in found
    ]


def test_news_with_nothing_to_set_apart_has_no_heading() -> None:
    assert grouped(an_event(subject="a"), an_event(subject="b")) == [("", [(1, "a"), (2, "b")])]


def test_dates_come_first_sites_stand_together_and_numbers_run_through() -> None:
    assert grouped(
        an_event(subject="plain 1"),
        an_event(subject="site 1", site=MART),
        an_event(subject="plain 2"),
        an_event(subject="dated", site=MART, deadline=TOMORROW),
        an_event(subject="site 2", site=MART),
        an_event(subject="elsewhere", site="Another site"),
    ) == [
        ("With a date to keep in mind", [(1, "dated")]),
        ("Other news", [(2, "plain 1"), (3, "plain 2")]),
        (f"At {MART}, a watched site", [(4, "site 1"), (5, "site 2")]),
        ("At Another site, a watched site", [(6, "elsewhere")]),
    ]


@pytest.mark.parametrize(
    ("deadline", "expected"),
    [(TODAY, TODAY), (TOMORROW, TOMORROW), (date(2026, 11, 21), None), (None, None)],
    ids=["today", "to come", "past", "none given"],
)
def test_a_date_is_kept_in_mind_until_it_has_passed(
    deadline: date | None, expected: date | None
) -> None:
    assert one_item(an_event(deadline=deadline)).deadline(TODAY) == expected


def test_of_two_consultations_the_later_one_counts() -> None:
    again = an_event(kind=EventKind.APPLICATION_CHANGED, version="2", deadline=date(2026, 12, 5))
    assert one_item(an_event(deadline=TOMORROW), again).deadline(TODAY) == date(2026, 12, 5)


@pytest.mark.parametrize(
    "kind",
    [
        EventKind.APPLICATION_DECIDED,
        EventKind.APPLICATION_WITHDRAWN,
        EventKind.APPLICATION_UNLISTED,
        EventKind.RETRACTED,
    ],
)
def test_what_nobody_can_comment_on_any_more_has_no_date(kind: EventKind) -> None:
    item = one_item(an_event(deadline=TOMORROW), an_event(kind=kind, version="2"))
    assert item.deadline(TODAY) is None


# ── Maps ─────────────────────────────────────────────────────────────────────────────────────

HOME, OTHER = a_subscription(), another_subscription()
BOTH = a_subscriber(HOME, OTHER)


def test_there_is_a_map_for_each_place_from_which_something_mapped_is_seen() -> None:
    near_both = an_alert(an_event(subject="both"), also_near=("HG4 2AB",))
    near_other = an_alert(an_event(subject="other"), subscription=OTHER)
    unmapped = an_alert(an_event(subject="unmapped", easting=None, northing=None))
    found = items.maps(a_digest(near_both, near_other, unmapped, subscriber=BOTH), TODAY)
    assert [(home.postcode, [item.number for item in told]) for home, told in found] == [
        ("HG4 1HS", [1]),
        ("HG4 2AB", [1, 2]),
    ]


def test_a_place_that_is_only_near_as_well_has_no_map_of_its_own() -> None:
    near_both = an_alert(an_event(), also_near=("HG4 2AB",))
    ((home, _),) = items.maps(a_digest(near_both, subscriber=BOTH), TODAY)
    assert home == HOME


def test_nothing_mapped_needs_no_map() -> None:
    assert items.maps(a_digest(an_event(easting=None, northing=None)), TODAY) == ()


def test_maps_are_numbered_as_the_mail_is() -> None:
    later = an_event(subject="dated", deadline=TOMORROW)
    ((_, told),) = items.maps(a_digest(an_event(), later), TODAY)
    assert [(item.number, item.first.event.subject) for item in told] == [
        (1, "dated"),
        (2, "North Yorkshire/26/00001"),
    ]


@pytest.mark.parametrize(
    ("alert", "concerned"),
    [
        (an_alert(an_event()), ["HG4 1HS"]),
        (an_alert(an_event(), also_near=("HG4 2AB",)), ["HG4 1HS", "HG4 2AB"]),
        (an_alert(an_event(easting=None, northing=None)), ["HG4 1HS", "HG4 2AB"]),
        (
            replace(
                an_alert(an_event(kind=EventKind.BAND_CHANGED, easting=None, northing=None)),
                subscription=OTHER,
            ),
            ["HG4 2AB"],
        ),
    ],
    ids=["near one", "near both", "not mapped", "one's own band"],
)
def test_an_item_concerns_the_places_that_it_is_near(alert: object, concerned: list[str]) -> None:
    item = one_item(alert, subscriber=BOTH)
    assert [place for place in ("HG4 1HS", "HG4 2AB") if item.concerns(place)] == concerned


# ── Links and outside text ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "url",
    [
        "https://planning.example.gov.uk/applications/26%2F00001?tab=a&b=c#top",
        "http://planning.example.gov.uk:8080/x",
        "https://example.org/it's",
    ],
)
def test_a_plain_web_link_is_kept_as_it_is(url: str) -> None:
    assert items.safe_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "file:///etc/passwd",
        "ftp://example.org/",
        "//example.org/",
        "/applications/1",
        "https:///no-host",
        "https://user:password@example.org/",
        "https://example.org/ onmouseover=alert(1)",
        'https://example.org/"onmouseover="alert(1)',
        "https://example.org/\r\nBcc: a@example.org",
        "https://example.org/<b>",
        "https://[::1",
        "https://example.org/" + "a" * 500,
    ],
)
def test_any_other_link_is_left_out(url: str) -> None:
    assert items.safe_url(url) == ""


def test_the_first_link_that_can_be_shown_is_shown() -> None:
    events = [an_event(url="javascript:alert(1)"), an_event(url="https://example.org/2")]
    item = one_item(*events)
    assert item.url == "https://example.org/2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Pay at https://evil.example/x now", "Pay at [link removed] now"),
        ("See www.evil.example", "See [link removed]"),
        ("javascript://evil.example", "[link removed]"),
        ("ZC24/03097/FUL and 3/4 of it", "ZC24/03097/FUL and 3/4 of it"),
        ("one\r\ntwo\ttabs\u202egnp", "one two tabsgnp"),
    ],
)
def test_a_link_in_outside_text_is_not_relayed_under_our_name(text: str, expected: str) -> None:
    assert items.shown(text, 100) == expected


@given(st.text(), st.integers(min_value=20, max_value=200))
def test_shown_text_is_one_line_of_limited_length(text: str, most: int) -> None:
    said = items.shown(text, most)
    assert len(said) <= most
    assert len(said.splitlines()) <= 1


def test_long_text_and_many_lines_are_cut() -> None:
    event = an_event(title="word " * 200, lines=tuple(f"Fact {n}." for n in range(50)))
    item = one_item(event)
    assert len(item.title) <= items.MOST_TITLE
    assert item.title.endswith("…")
    assert item.lines == tuple(f"Fact {n}." for n in range(12))
