"""What the mail says, in both its forms."""

from __future__ import annotations

import dataclasses
import re
from email import message_from_bytes, policy
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from sinkwatch import wording
from sinkwatch.model import Digest, EventKind, Message, SourceStatus
from sinkwatch.notify import letter
from tests.notify.builders import (
    a_digest,
    a_source,
    a_subscription,
    an_alert,
    an_assessment,
    an_event,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinkwatch.notify import render

    Rendered = Callable[..., Message]

BANNED = re.compile(
    r"\b(safe|no risk|will collapse|danger zone|unsafe property|worth|uninsurable|guarantee|"
    r"caused by|urgent)\b",
    re.IGNORECASE,
)
VOID = {"meta", "img", "br"}

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style></title></div><svg/onload=alert(1)>",
    "{{ 7 * 7 }} {% raw %} {# x #} ${7*7}",
    "&lt;b&gt; &amp;amp; &#x3C;script&#x3E;",
    "line\r\none\nBcc: victim@example.org\r\n\r\n<b>",
    "gnp.\u202ecod\u2066 \u200bzero\x00\x1b[31m",
    "🕳️ ﷽ Ünïcode",
    "=cmd|'/C calc'!A0",
    "word" * 3_000,
]


class Parsed(HTMLParser):
    """Every tag with its attributes, and the visible text of each element."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.chunks: list[str] = []
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, "every element is closed in its order"

    def handle_data(self, data: str) -> None:
        if data.strip() and not {"title", "style"} & set(self._open):
            self.chunks.append(normal(data))


def normal(text: str) -> str:
    return " ".join(text.split())


def text_of(message: Message) -> str:
    part = message_from_bytes(message.mime, policy=policy.default).get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def html_of(message: Message) -> str:
    part = message_from_bytes(message.mime, policy=policy.default).get_body(("html",))
    assert part is not None
    return str(part.get_content())


def a_rich_digest() -> Digest:
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
    )
    return a_digest(own, an_event(), record, unmapped)


# ── Subject ──────────────────────────────────────────────────────────────────────────────────


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
        ([{"easting": None, "northing": None}], "1 change not mapped"),
        (
            [{}, {"easting": None, "northing": None}, {"kind": EventKind.BAND_CHANGED}],
            "1 planning application near you, 1 change not mapped, your postcode's band changed",
        ),
    ],
)
def test_the_subject_counts_and_names_nothing_finer_than_the_postcode(
    events: list[dict[str, object]], expected: str
) -> None:
    digest = a_digest(*(an_event(subject=str(n), **event) for n, event in enumerate(events)))
    whole = f"HG4 1HS: {expected}"
    short = f"HG4 1HS: {len(events)} changes"
    assert letter.subject(digest) == (whole if len(whole) <= 78 else short)


def test_two_alerts_of_one_application_are_one_application_in_the_subject() -> None:
    digest = a_digest(an_event(), an_event(version="2", kind=EventKind.APPLICATION_DECIDED))
    assert letter.subject(digest) == "HG4 1HS: 1 planning application near you"


@pytest.mark.parametrize("postcode", HOSTILE)
def test_a_subject_is_one_line_of_78_characters_at_most(postcode: str) -> None:
    subject = letter.subject(a_digest(postcode=postcode))
    assert len(subject) <= 78
    assert subject.isprintable()


# ── The same facts in text and HTML ──────────────────────────────────────────────────────────


def test_every_fact_of_the_html_stands_in_the_text(
    rendered: Rendered, context: render.Context
) -> None:
    sources = (a_source(), a_source(SourceStatus.STALE), a_source(SourceStatus.NOT_CONFIGURED))
    message = rendered(a_rich_digest(), context=dataclasses.replace(context, sources=sources))
    text = normal(text_of(message)).casefold()
    page = Parsed(html_of(message))
    assert len(page.chunks) > 40
    assert [chunk for chunk in page.chunks if chunk.casefold() not in text] == []
    for _, attributes in page.tags:
        assert normal(attributes.get("alt") or "").casefold() in text
        link = attributes.get("href") or ""
        assert link.removeprefix("mailto:").casefold() in text


def test_the_text_says_what_is_new_where_and_why(rendered: Rendered) -> None:
    text = normal(text_of(rendered(a_rich_digest())))
    for sentence in (
        "What is new near HG4 1HS",
        "At HG4 1HS, your own postcode.",
        "From Moderate to High, because of a new record.",
        "2. 26/00001: Old Ripon Auction Mart, North Road",
        "About 130 m (± 130 m) to the north-east of HG4 1HS.",
        "Received on 3 November 2026.",
        "it is within 500 m of HG4 1HS, as you asked. It is flagged, for the reasons above.",
        "Public record: https://planning.example.gov.uk/26/00001",
        "Not mapped: its place is not known well enough",
    ):
        assert sentence.casefold() in text.casefold()
    assert "javascript" not in text


def test_the_mail_says_what_is_recorded_at_the_readers_own_postcode(message: Message) -> None:
    text = normal(text_of(message))
    assert "WHAT IS RECORDED ABOUT THE GROUND AT HG4 1HS" in text
    assert "High: Class C, the gypsum belt (edge drawn to ± 500 m)." in text
    assert "Magdalen's Close house collapse (17 February 2014), about 110 m (± 190 m)." in text
    assert "Zones of 22 November 2026." in text


def test_the_mail_has_limits_advice_source_contact_and_a_way_out(message: Message) -> None:
    text = normal(text_of(message))
    assert wording.LIMITS in text
    assert "ask a chartered engineer or geologist about ground stability" in text
    assert (
        "Recorded sinkholes: up to date. Data of 1 November 2026, last checked 20 November" in text
    )
    assert "The compilers. CC BY 4.0." in text
    assert "within 5 working days: corrections@example.org" in text
    assert re.search(r"Stop these e-mails .*: https://ripon\.example\.org/u/[\w.-]+", text)
    assert "Or reply to this e-mail and ask us to stop." in text
    assert "On 3 May 2026 you asked for e-mails" in text


def test_no_word_of_the_mail_frightens_or_promises(rendered: Rendered) -> None:
    message = rendered(a_rich_digest())
    for form in (text_of(message), " ".join(Parsed(html_of(message)).chunks), message.subject):
        assert BANNED.findall(form) == []
        assert not re.search(r"\b(?!WHAT|THE|HTML|HG4)[A-Z]{9,}\b!", form)


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


def test_a_source_that_is_not_set_up_is_not_the_same_as_none(
    rendered: Rendered, context: render.Context
) -> None:
    planning = a_source(SourceStatus.NOT_CONFIGURED, title="Planning applications")
    message = rendered(context=dataclasses.replace(context, sources=(planning,)))
    assert (
        "Planning applications: not set up here, so none are told. That is not the same as none."
        in normal(text_of(message))
    )


def test_a_source_that_failed_and_was_never_held_says_so(
    rendered: Rendered, context: render.Context
) -> None:
    never = dataclasses.replace(a_source(SourceStatus.FAILED), snapshot=None)
    message = rendered(context=dataclasses.replace(context, sources=(never,)))
    assert "Nothing has ever been held." in normal(text_of(message))


@pytest.mark.parametrize(
    ("edition", "words"),
    [
        ("2026-11-22", "Data of 22 November 2026,"),
        ("2014-08", "Data of August 2014,"),
        ("v1.0 of spring", "Data of v1.0 of spring,"),
        ("2026-13-01", "Data of 2026-13-01,"),
        ("", "Data of 1 November 2026,"),
    ],
)
def test_an_edition_is_written_as_people_write_dates(
    rendered: Rendered, context: render.Context, edition: str, words: str
) -> None:
    source = a_source(edition=edition)
    message = rendered(context=dataclasses.replace(context, sources=(source,)))
    assert words in normal(text_of(message))


def test_a_credit_that_two_sources_share_is_given_once(
    rendered: Rendered, context: render.Context
) -> None:
    sources = (a_source(title="One"), a_source(title="Two"))
    message = rendered(context=dataclasses.replace(context, sources=sources))
    assert normal(text_of(message)).count("The compilers. CC BY 4.0.") == 1


def test_what_to_do_fits_what_is_new(rendered: Rendered) -> None:
    record = rendered(a_digest(an_event(kind=EventKind.SINKHOLE_NEW)))
    assert "know more about a recorded place" in normal(text_of(record))
    assert "comment on it" not in normal(text_of(record))
    assert "comment on it" in normal(text_of(rendered()))


# ── Hostile text ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_in_every_field_is_shown_and_never_obeyed(
    rendered: Rendered, context: render.Context, hostile: str
) -> None:
    event = an_event(
        subject=hostile,
        version=hostile,
        title=hostile,
        happened=hostile,
        lines=(hostile,) * 3,
        url=f"https://example.org/{hostile}",
    )
    source = a_source(SourceStatus.STALE, title=hostile, edition=hostile, attribution=hostile)
    against = dataclasses.replace(
        context, sources=(source,), assessment=an_assessment(hostile), editions=(hostile,)
    )
    alert = an_alert(event, direction="north-east")
    digest = Digest(subscription=a_subscription(), alerts=(alert,))
    message = rendered(digest, context=against)
    page, benign = Parsed(html_of(message)), Parsed(html_of(rendered()))
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
    assert "Stop these e-mails" in html


def test_a_usual_mail_is_far_from_the_limit(message: Message) -> None:
    assert len(html_of(message).encode()) < 30_000
