from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinkwatch.model import Digest, EventKind
from sinkwatch.notify import items
from tests.notify.builders import a_digest, a_subscription, an_alert, an_event


def test_alerts_of_one_subject_are_one_item_and_keep_the_digests_order() -> None:
    found = items.of(
        a_digest(
            an_event(subject="near"),
            an_event(subject="far"),
            an_event(subject="near", kind=EventKind.APPLICATION_DECIDED, version="2"),
        )
    )
    assert [(item.number, item.first.event.subject) for item in found] == [(1, "near"), (2, "far")]
    assert found[0].kinds == ("New planning application", "Planning application decided")


def test_a_sentence_that_two_alerts_share_is_told_once() -> None:
    (item,) = items.of(
        a_digest(
            an_event(happened="Submitted.", lines=("Source: the register.",)),
            an_event(happened="Decided.", lines=("Source: the register.", "Approved.")),
        )
    )
    assert item.happened == ("Submitted.", "Decided.")
    assert item.lines == ("Source: the register.", "Approved.")


def test_an_item_says_how_far_and_which_way_it_is() -> None:
    (item,) = items.of(a_digest())
    said = items.where(item, a_subscription())
    assert said == "About 130 m (± 130 m) to the north-east of HG4 1HS."


def test_an_item_at_the_place_itself_has_no_direction() -> None:
    alert = an_alert(an_event(), distance_m=0.0, direction="")
    (item,) = items.of(Digest(subscription=a_subscription(), alerts=(alert,)))
    assert items.where(item, a_subscription()) == "Under 5 m (± 130 m) from HG4 1HS."


def test_an_item_that_is_not_mapped_says_so_and_has_no_pin() -> None:
    (item,) = items.of(a_digest(an_event(easting=None, northing=None)))
    assert items.where(item, a_subscription()).startswith("Not mapped: ")
    assert "it may be there" in items.why(item, a_subscription())
    assert item.pin_at is None


def test_a_changed_band_is_about_the_readers_own_postcode_and_has_no_pin() -> None:
    (item,) = items.of(a_digest(an_event(kind=EventKind.BAND_CHANGED, subject="HG4 1HS")))
    assert items.where(item, a_subscription()) == "At HG4 1HS, your own postcode."
    assert items.why(item, a_subscription()).startswith(
        "You hear of it because it is about the postcode you gave."
    )
    assert item.pin_at is None


@pytest.mark.parametrize(
    ("distance_m", "reason"),
    [
        (500.0, "it is within 500 m of HG4 1HS, as you asked"),
        (500.1, "it may be within 500 m of HG4 1HS: its place is not known exactly"),
    ],
)
def test_the_reason_does_not_claim_more_than_the_position_allows(
    distance_m: float, reason: str
) -> None:
    alert = an_alert(an_event(is_flagged=False), distance_m=distance_m)
    (item,) = items.of(Digest(subscription=a_subscription(), alerts=(alert,)))
    assert items.why(item, a_subscription()) == f"You hear of it because {reason}."


def test_a_flagged_item_points_to_its_reasons() -> None:
    (item,) = items.of(a_digest(an_event(is_flagged=True)))
    assert items.why(item, a_subscription()).endswith("It is flagged, for the reasons above.")
    (bare,) = items.of(a_digest(an_event(is_flagged=True, lines=())))
    assert "flagged" not in items.why(bare, a_subscription())


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
    (item,) = items.of(a_digest(*events))
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
    (item,) = items.of(a_digest(event))
    assert len(item.title) <= items.MOST_TITLE
    assert item.title.endswith("…")
    assert item.lines == tuple(f"Fact {n}." for n in range(12))
