"""What the mail says, in both its forms."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from sinkwatch import wording
from sinkwatch.model import (
    Alert,
    Band,
    Digest,
    EventKind,
    Frequency,
    MailKind,
    Message,
    SourceStatus,
    Topic,
)
from tests.notify.builders import (
    HOSTILE,
    a_digest,
    a_source,
    a_subscriber,
    a_subscription,
    an_alert,
    an_assessment,
    an_event,
    another_subscription,
)
from tests.notify.reading import BANNED, Parsed, html_of, normal, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinkwatch.notify import render

    Rendered = Callable[..., Message]


def a_rich_digest() -> Digest:
    """Return one of each thing that a mail can tell, for a person with two places."""
    own = an_event(
        kind=EventKind.BAND_CHANGED,
        subject="HG4 1HS",
        title="HG4 1HS",
        happened="From Moderate to High, because of a new record.",
        url="",
    )
    unmapped = an_event(subject="unmapped", title="26/00002: Land off", easting=None, northing=None)
    record = an_event(
        kind=EventKind.SINKHOLE_NEW,
        subject="RS020",
        title="A new hole",
        happened="A record was added.",
        url="javascript:alert(1)",
        anchor="records/RS020",
    )
    dated = an_event(
        subject="dated",
        title="26/00003: Auction Mart",
        site="Old Ripon Auction Mart",
        deadline=date(2026, 12, 5),
        lines=("Consultation date 5 December 2026.", "Authority: North Yorkshire."),
    )
    at_site = an_event(subject="site", title="26/00004: Mart", site="Old Ripon Auction Mart")
    alerts = [an_alert(event) for event in (own, an_event(), record, unmapped, dated, at_site)]
    told = an_event(kind=EventKind.RETRACTED, subject="wrong", happened="It lies in Thirsk.")
    alerts.append(an_alert(told, told_on=date(2026, 6, 9), also_near=("HG4 2AB",)))
    both = a_subscriber(a_subscription(), another_subscription())
    return a_digest(*alerts, subscriber=both, paused_from=date(2026, 5, 3))


def a_quiet_month(**changed: object) -> Digest:
    values = {"kind": MailKind.QUIET, "alerts": (), "quiet_month": date(2026, 10, 1)}
    return a_digest(**{**values, **changed})


def a_planning_source(day: int = 20, month: int = 11) -> object:
    checked_at = datetime(2026, month, day, 9, tzinfo=UTC)
    return a_source(kind="planit", title="Planning applications", checked_at=checked_at)


# ── The same facts in text and HTML ──────────────────────────────────────────────────────────


@pytest.mark.parametrize("make", [a_rich_digest, a_quiet_month])
def test_every_fact_of_the_html_stands_in_the_text(
    rendered: Rendered, context: render.Context, make: Callable[[], Digest]
) -> None:
    sources = (a_source(), a_source(SourceStatus.STALE), a_source(SourceStatus.NOT_CONFIGURED))
    against = dataclasses.replace(context, sources=sources)
    message = rendered(make(), context=against)
    text = normal(text_of(message)).casefold()
    page = Parsed(html_of(message))
    assert len(page.chunks) > 20
    assert [chunk for chunk in page.chunks if chunk.casefold() not in text] == []
    for _, attributes in page.tags:
        assert normal(attributes.get("alt") or "").casefold() in text
        link = attributes.get("href") or ""
        assert link.removeprefix("mailto:").casefold() in text


@pytest.mark.parametrize(
    "sentence",
    [
        "What is new near HG4 1HS and HG4 2AB",
        "At HG4 1HS, your own postcode.",
        "From Moderate to High, because of a new record.",
        "26/00001: Old Ripon Auction Mart, North Road",
        "About 130 m (± 130 m) to the north-east of HG4 1HS.",
        "Received on 3 November 2026.",
        "it is within 500 m of HG4 1HS, as you asked. It is flagged, for the reasons above.",
        "The council's record: https://planning.example.gov.uk/26/00001",
        "Its page on our site: https://ripon.example.org/records/RS020/",
        "Not mapped: its place is not known well enough",
        (
            "WITH A DATE TO KEEP IN MIND 1. 26/00003: Auction Mart New planning application; at "
            "Old Ripon Auction Mart, a watched site Consultation date 5 December 2026; the "
            "council's record says until when comments are taken."
        ),
        "AT OLD RIPON AUCTION MART, A WATCHED SITE",
        "We told you of this on 9 June 2026. It was wrong: It lies in Thirsk.",
        "to the north-east of HG4 1HS; also within your radius of HG4 2AB.",
        "You had paused these e-mails; this tells what has come since 3 May 2026.",
    ],
)
def test_the_text_says_what_is_new_where_and_why(rendered: Rendered, sentence: str) -> None:
    assert sentence in normal(text_of(rendered(a_rich_digest())))


def test_a_consultation_date_is_said_once(rendered: Rendered) -> None:
    assert normal(text_of(rendered(a_rich_digest()))).count("5 December 2026") == 1


def test_a_link_that_is_no_web_page_is_left_out(rendered: Rendered) -> None:
    assert "javascript" not in rendered(a_rich_digest()).mime.decode()


def test_the_mail_says_what_is_recorded_at_the_readers_own_postcode(message: Message) -> None:
    text = normal(text_of(message))
    assert "WHAT IS RECORDED ABOUT THE GROUND AT HG4 1HS" in text
    assert "High: Class C, the gypsum belt (edge drawn to ± 500 m)." in text
    assert "Magdalen's Close house collapse (17 February 2014), about 110 m (± 190 m)." in text
    assert "Zones of 22 November 2026." in text


def test_a_mail_calls_the_rock_what_its_area_does(
    rendered: Rendered, context: render.Context
) -> None:
    them = a_subscriber(a_subscription(topics=frozenset({Topic.BELT})))
    for rock in ("gypsum", "chalk"):
        there = dataclasses.replace(context, area=dataclasses.replace(context.area, rock=rock))
        text = normal(text_of(rendered(a_quiet_month(subscriber=them), context=there)))
        wanted = f"what lies within 500 m of HG4 1HS: every planning application where {rock} is"
        assert f"We watch {wanted} present" in text
        assert f"You hear of {wanted} present" in text


def test_the_mail_has_limits_advice_source_contact_and_a_way_out(message: Message) -> None:
    text = normal(text_of(message))
    assert wording.LIMITS in text
    assert "ask a chartered engineer or geologist about ground stability" in text
    assert (
        "Recorded sinkholes: up to date. Data of 1 November 2026, last checked 20 November" in text
    )
    assert "The compilers. CC BY 4.0." in text
    assert "within 5 working days: corrections@example.org" in text
    for words, path in (
        ("Stop these e-mails (a page with one button)", r"u/[\w.-]+"),
        ("Change what you hear of, pause, move or erase", r"m/[\w.-]+"),
        ("How we choose what you hear of", "why"),
        ("What we keep about you", "privacy"),
    ):
        assert re.search(rf"{re.escape(words)}: https://ripon\.example\.org/{path}", text)
    assert "Or reply to this e-mail and ask us to stop." in text


@pytest.mark.parametrize(
    ("frequency", "words"),
    [
        (Frequency.AT_ONCE, "as soon as there is news"),
        (Frequency.DAILY, "once a day"),
        (Frequency.WEEKLY, "once a week"),
        (Frequency.MONTHLY, "once a month"),
    ],
)
def test_the_mail_says_what_was_asked_for(
    rendered: Rendered, frequency: Frequency, words: str
) -> None:
    both = a_subscriber(a_subscription(), another_subscription(), frequency=frequency)
    text = normal(text_of(rendered(a_digest(subscriber=both))))
    assert (
        f"On 3 May 2026 you asked for e-mails, {words}, about ground stability within 500 m of "
        "HG4 1HS and within 1,000 m of HG4 2AB."
    ) in text


def test_the_mail_says_what_is_heard_of_at_each_place(rendered: Rendered) -> None:
    other = another_subscription(topics=frozenset({Topic.RECORDS}))
    third = a_subscription(postcode="HG4 3CD", topics=frozenset())
    them = a_subscriber(a_subscription(), other, third)
    assessed = dict.fromkeys(("HG4 1HS", "HG4 2AB", "HG4 3CD"), an_assessment())
    text = normal(text_of(rendered(a_digest(subscriber=them), assessments=assessed)))
    assert (
        "You hear of what lies within 500 m of HG4 1HS: flagged planning applications, records of "
        "ground collapse, what becomes of planning applications and any change of the postcode's "
        "band; and within 1,000 m of HG4 2AB: records of ground collapse and any change of the "
        "postcode's band; and within 500 m of HG4 3CD: any change of the postcode's band."
    ) in text


def test_each_place_has_its_ground_and_its_advice(rendered: Rendered) -> None:
    both = a_subscriber(a_subscription(), another_subscription())
    other = dataclasses.replace(an_assessment("Class B, gypsum at depth."), band=Band.MODERATE)
    assessed = {"HG4 1HS": an_assessment(), "HG4 2AB": other}
    text = normal(text_of(rendered(a_digest(subscriber=both), assessments=assessed)))
    assert "WHAT IS RECORDED ABOUT THE GROUND AT YOUR PLACES HG4 1HS: High High: Class C" in text
    assert "HG4 2AB: Moderate Moderate: Class B, gypsum at depth." in text
    assert text.count("High means:") == text.count("Moderate means:") == 1
    assert "- At HG4 1HS: If you plan to build or buy here" in text
    assert "- At HG4 2AB: Look at the council's own map" in text


def test_advice_that_fits_every_place_is_given_once(rendered: Rendered) -> None:
    both = a_subscriber(a_subscription(), another_subscription())
    text = normal(text_of(rendered(a_digest(subscriber=both))))
    assert "- If you plan to build or buy here, ask a chartered engineer" in text
    assert text.count("High means:") == 1


def test_no_word_of_the_mail_frightens_or_promises(rendered: Rendered) -> None:
    for digest in (a_rich_digest(), a_quiet_month(), a_quiet_month(subscriber=a_subscriber())):
        message = rendered(digest)
        for form in (text_of(message), " ".join(Parsed(html_of(message)).chunks), message.subject):
            assert BANNED.findall(form) == []
            assert "all quiet" not in form.casefold()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (SourceStatus.STALE, "Recorded sinkholes: out of date. Data of 1 November 2026"),
        (
            SourceStatus.FAILED,
            "Recorded sinkholes: could not be read; the last good copy is in use",
        ),
    ],
)
def test_a_source_that_is_behind_is_announced_at_the_top(
    rendered: Rendered, context: render.Context, status: SourceStatus, words: str
) -> None:
    message = rendered(context=dataclasses.replace(context, sources=(a_source(status),)))
    before_items = normal(text_of(message)).partition("1. 26/00001")[0]
    assert f"! {words}" in before_items
    assert "What is new may be missing here." in before_items
    assert Parsed(html_of(message)).chunks[2].startswith(words)


def test_good_sources_raise_no_banner(message: Message) -> None:
    assert "\n! " not in text_of(message)
    assert "may be missing" not in html_of(message)


def test_what_to_do_fits_what_is_new(rendered: Rendered) -> None:
    record = rendered(a_digest(an_event(kind=EventKind.SINKHOLE_NEW)))
    assert "know more about a recorded place" in normal(text_of(record))
    assert "comment on it" not in normal(text_of(record))
    assert "comment on it" in normal(text_of(rendered()))


# ── Catch-ups, corrections, quiet months ─────────────────────────────────────────────────────


def test_a_catch_up_says_since_when_nothing_could_be_read(rendered: Rendered) -> None:
    text = normal(text_of(rendered(a_digest(an_event(silent_since=date(2026, 11, 10))))))
    assert "Planning applications could last be read on 10 November 2026; what has" in text


def a_correction() -> Alert:
    fixed = an_event(
        kind=EventKind.SINKHOLE_CORRECTED,
        title="Ure Bank collapse",
        happened="The record has been corrected: its position.",
    )
    return an_alert(fixed, told_on=date(2026, 5, 3))


def test_a_correction_opens_with_what_was_told(rendered: Rendered) -> None:
    text = normal(text_of(rendered(a_digest(a_correction(), kind=MailKind.CORRECTION))))
    assert "A correction to what we told you Something that we told you has been put right" in text
    assert (
        "On 3 May 2026 we told you of Ure Bank collapse. That has been corrected: its position."
    ) in text


def test_a_quiet_month_says_what_was_watched_and_claims_no_more(
    rendered: Rendered, context: render.Context
) -> None:
    sources = (a_planning_source(1), a_source())
    against = dataclasses.replace(context, sources=sources)  # type: ignore[arg-type]
    message = rendered(a_quiet_month(), context=against, pictures=[])
    text = normal(text_of(message))
    assert message.subject == "HG4 1HS: nothing to tell for October 2026"
    for sentence in (
        (
            "In what the sources below gave for October 2026 we found nothing to tell you. "
            "Something may still have happened that is not recorded yet."
        ),
        "We watch what lies within 500 m of HG4 1HS: flagged planning applications,",
        "Planning applications: up to date. Data of 1 November 2026, last checked 1 November 2026.",
        "Recorded sinkholes: up to date. Data of 1 November 2026, last checked 20 November 2026.",
    ):
        assert sentence in text
    assert "cannot say" not in text


def test_a_month_that_could_not_be_read_is_not_called_quiet(
    rendered: Rendered, context: render.Context
) -> None:
    sources = (a_planning_source(19, 10), a_source())
    against = dataclasses.replace(context, sources=sources)  # type: ignore[arg-type]
    message = rendered(a_quiet_month(), context=against, pictures=[])
    text = normal(text_of(message))
    assert message.subject == "HG4 1HS: what could not be read in October 2026"
    assert "! Planning applications: read only until then." in text
    assert "We cannot say that nothing happened in October 2026" in text
    assert "nothing to tell for" not in text


# ── Hostile text ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "told_on"), [(MailKind.DIGEST, None), (MailKind.CORRECTION, date(2026, 5, 3))]
)
@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_in_every_field_is_shown_and_never_obeyed(
    rendered: Rendered,
    context: render.Context,
    hostile: str,
    kind: MailKind,
    told_on: date | None,
) -> None:
    event = an_event(
        subject=hostile,
        version=hostile,
        title=hostile,
        happened=hostile,
        lines=(hostile,) * 3,
        url=f"https://example.org/{hostile}",
        site=hostile,
        anchor=hostile,
        deadline=date(2026, 12, 5),
    )
    source = a_source(SourceStatus.STALE, title=hostile, edition=hostile, attribution=hostile)
    assessed = {"HG4 1HS": an_assessment(hostile)}
    against = dataclasses.replace(
        context, sources=(source,), assessments=assessed, editions=(hostile,)
    )
    alert = an_alert(event, direction="north-east", told_on=told_on)
    message = rendered(a_digest(alert, kind=kind), context=against)
    page, benign = Parsed(html_of(message)), Parsed(html_of(rendered(a_rich_digest())))
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in benign.tags} | {"p", "ul", "li"}
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        assert (attributes.get("href") or "https:").startswith(("https:", "mailto:"))
        assert (attributes.get("src") or "cid:").startswith("cid:")
    said = wording.clean(hostile)[:60]
    assert any(said in chunk for chunk in page.chunks)
    assert said in normal(text_of(message))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", text_of(message))


def test_the_html_has_nothing_active_and_nothing_from_elsewhere(message: Message) -> None:
    html = html_of(message)
    tags = {tag for tag, _ in Parsed(html).tags}
    assert tags <= {
        "html", "head", "meta", "title", "body", "div", "p", "h1", "h2", "h3", "span", "ul", "li",
        "a", "img",
    }  # fmt: skip
    assert "url(" not in html
    assert "<style" not in html, "many clients drop style sheets: styles stand on the elements"


# ── Size ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("n", [50, 400])
def test_a_flood_fits_one_mail_and_says_what_it_leaves_out(rendered: Rendered, n: int) -> None:
    events = [
        an_event(
            subject=str(number),
            title=f"26/{number:05d} <&\"'> {'word ' * 60}",
            happened="<&\"'> " * 50,
            lines=tuple(f"{line} " + "<&\"'> " * 40 for line in range(20)),
        )
        for number in range(1, n + 1)
    ]
    message = rendered(a_digest(*events))
    html, text = html_of(message), normal(text_of(message))
    assert len(html.encode()) <= 100_000
    assert len(message.event_keys) == n
    n_told = len(set(re.findall(r"26/\d{5}", text)))
    left_out = re.search(r"And ([\d,]+) more changes?, too many for one e-mail", text)
    assert n_told + int(left_out[1].replace(",", "") if left_out else 0) == n
    assert n_told >= min(n, 60)
    numbers = [int(number) for number in re.findall(r"(?:^|\n)(\d+)\. 26/", text_of(message))]
    assert numbers == list(range(1, n_told + 1))
    assert "Stop these e-mails" in html


def test_a_mail_that_cannot_be_made_short_is_written_all_the_same(
    rendered: Rendered, context: render.Context
) -> None:
    against = dataclasses.replace(context, editions=("word " * 200,) * 120)
    message = rendered(context=against)
    assert len(html_of(message).encode()) > 100_000
    assert "1. 26/00001: Old Ripon Auction Mart" in text_of(message)


def test_a_usual_mail_is_far_from_the_limit(message: Message) -> None:
    assert len(html_of(message).encode()) < 30_000
