"""The page without its script: everything is there, and nothing from outside is markup."""

from __future__ import annotations

import html
import re
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from sinkwatch import wording
from sinkwatch.model import SourceStatus
from sinkwatch.publish import site
from tests.publish.builders import (
    CONTACT,
    HOSTILE,
    HOSTILE_SHOWN,
    IMAGE,
    SCRIPT,
    Page,
    with_nothing,
    with_source,
    without_applications,
)

if TYPE_CHECKING:
    from sinkwatch.model import Findings

BANNED = (
    "safe",
    "no risk",
    "will collapse",
    "danger zone",
    "unsafe property",
    "worth",
    "uninsurable",
    "guarantee",
    "caused by",
)


def _built(findings: Findings, **options: str) -> Page:
    return Page(
        site.build(findings, site.Imprint(version="0.1.0", pictures=False, **options))[
            "index.html"
        ].decode()
    )


@pytest.fixture(scope="module", params=["index.html", "offline.html"])
def page(request: pytest.FixtureRequest, pages: dict[str, bytes]) -> Page:
    return Page(pages[request.param].decode())


def test_the_page_offers_e_mails_only_where_somebody_can_subscribe(findings: Findings) -> None:
    url = "https://alerts.holes.example/subscribe"
    told = site.build(findings, site.Imprint(version="0.1.0", pictures=False, signup_url=url))[
        "index.html"
    ].decode()
    assert f'<a href="{url}">Get an e-mail when something changes near your postcode</a>' in told
    assert (
        "Get an e-mail"
        not in site.build(findings, site.Imprint(version="0.1.0", pictures=False))[
            "index.html"
        ].decode()
    )


def test_every_record_site_application_decision_and_source_is_in_the_tables(
    page: Page, findings: Findings
) -> None:
    said = " ".join(page.text.split())
    listed = [
        *findings.sinkholes["name"],
        *findings.sinkholes["date_text"],
        *findings.cases["step"].str[1:],
        *(assessment.place.label for assessment in findings.sites),
        *(state.spec.title for state in wording.bearing(findings.sources)),
        *(wording.clean(text) for text in findings.applications["reference"]),
        *(reason.text for site in findings.sites for reason in site.reasons),
    ]
    assert [text for text in listed if " ".join(wording.clean(text).split()) not in said] == []


def test_text_from_outside_stands_on_the_page_as_text(page: Page) -> None:
    assert HOSTILE_SHOWN in page.text
    assert not set(page.text) & set("\u202e\u2066\u200b\u0000\u0007")


def test_no_element_comes_from_outside(page: Page) -> None:
    assert {tag.name for tag in page.tags} & {"iframe", "object", "embed", "form"} == set()
    assert {tag.attributes["src"] for tag in page.all("img")} <= {"pictures/map.png"}
    assert all("owned" not in value for tag in page.tags for value in tag.attributes.values())
    handlers = [name for tag in page.tags for name in tag.attributes if name.startswith("on")]
    assert handlers == []


@pytest.mark.parametrize("name", ["index.html", "offline.html"])
def test_a_template_in_a_text_is_not_run(pages: dict[str, bytes], name: str) -> None:
    text = pages[name].decode()
    assert "{{7*7}}" in html.unescape(text)
    assert SCRIPT not in text
    assert IMAGE not in text
    assert HOSTILE not in text


def test_no_script_or_style_stands_in_the_linked_page(index: Page) -> None:
    said = [tag for tag in index.all("script", "style") if tag.text]
    assert {tag.attributes.get("type") for tag in said} <= {"application/ld+json"}
    assert [tag for tag in index.tags if "style" in tag.attributes] == []


def test_the_policy_of_the_linked_page_names_itself_and_the_servers_of_maps_to_lay_over_it(
    index: Page,
) -> None:
    policy = _policy(index)
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["style-src"] == "'self'"
    assert policy["img-src"] == (
        "'self' data: https://tile.openstreetmap.org https://map.bgs.ac.uk"
    )
    assert policy["connect-src"] == "'self'"
    assert policy["base-uri"] == "'none'"
    assert policy["form-action"] == "'none'"


def test_the_policy_of_the_one_file_page_lets_nothing_be_asked_for(offline: Page) -> None:
    policy = _policy(offline)
    assert policy["default-src"] == "'none'"
    assert policy["img-src"] == "data:"
    assert "connect-src" not in policy
    for kind, tag in (("script-src", "script"), ("style-src", "style")):
        allowed = policy[kind].split()
        assert len(allowed) == len(offline.all(tag))
        assert all(source.startswith("'sha256-") for source in allowed)


def _policy(page: Page) -> dict[str, str]:
    (meta,) = [t for t in page.all("meta") if "http-equiv" in t.attributes]
    assert meta.attributes["http-equiv"] == "Content-Security-Policy"
    rules = (rule.split(" ", 1) for rule in meta.attributes["content"].split("; "))
    return dict(rules)  # type: ignore[arg-type]


def test_nothing_is_loaded_from_elsewhere(page: Page) -> None:
    loaded = [
        tag.attributes.get(attribute, "")
        for tag in page.tags
        for attribute in ("src", "href", "srcset", "data", "poster", "action", "xlink:href")
        if tag.name != "a"
    ]
    assert [url for url in loaded if re.match(r"[a-z]+:|//", url) and "data:" not in url] == []


def test_the_one_file_page_needs_no_file_beside_it(offline: Page) -> None:
    assert [t for t in offline.all("link", "script") if t.attributes.get("src")] == []
    links = [tag.attributes["href"] for tag in offline.all("a")]
    assert [link for link in links if not link.startswith(("#", "http://", "https://"))] == []


def test_links_out_leave_no_trace_and_are_web_links(page: Page) -> None:
    out = [tag for tag in page.all("a") if ":" in tag.attributes["href"]]
    assert len(out) > 20
    assert {tag.attributes["rel"] for tag in out} == {"noopener noreferrer nofollow"}
    assert all(re.match(r"https?://", tag.attributes["href"]) for tag in out)


def test_links_within_the_page_lead_somewhere_and_no_id_is_given_twice(page: Page) -> None:
    ids = page.ids()
    assert len(ids) == len(set(ids))
    within = {t.attributes["href"][1:] for t in page.tags if _is_within(t.attributes.get("href"))}
    assert within - set(ids) == set()
    shown = {tag.attributes["data-show"] for tag in page.tags if "data-show" in tag.attributes}
    assert shown - set(ids) == set()


def _is_within(href: str | None) -> bool:
    return href is not None and href.startswith("#")


def test_headings_run_in_order_and_tables_have_captions_and_scoped_headers(page: Page) -> None:
    levels = [int(tag.name[1]) for tag in page.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert len(page.all("caption")) == len(page.all("table")) == 6
    assert {tag.attributes.get("scope") for tag in page.all("th")} == {"col", "row"}


def test_the_page_has_landmarks_a_language_and_a_way_past_the_map(page: Page) -> None:
    for name in ("header", "main", "footer", "aside"):
        assert len(page.all(name)) == 1
    labels = [tag.attributes["aria-label"] for tag in page.all("nav")]
    assert labels
    assert len(labels) == len(set(labels))
    assert page.all("html")[0].attributes["lang"] == "en-GB"
    skip = page.all("a")[0]
    assert skip.attributes["href"] in ("#main", "#flagged")
    regions = [tag for tag in page.tags if tag.attributes.get("role") == "region"]
    assert "arrow keys" in regions[0].attributes["aria-label"]


def test_the_page_says_what_it_is_not(page: Page) -> None:
    assert wording.disclaimer("gypsum") in page.text
    assert wording.LIMITS in page.text
    assert CONTACT in page.text
    assert "rounded to 50 m" in page.text


@pytest.mark.parametrize("word", BANNED)
def test_no_word_is_used_that_would_frighten_or_promise(page: Page, word: str) -> None:
    assert re.findall(rf"\b{word}\b", page.text, re.IGNORECASE) == []


def test_colour_and_hatch_of_every_band_come_from_the_table(
    pages: dict[str, bytes], findings: Findings
) -> None:
    text = pages["index.html"].decode()
    for band, band_style in findings.area.parameters.table.styles.items():
        (pattern,) = re.findall(rf'<pattern id="band-{band.key}".*?</pattern>', text, re.DOTALL)
        assert f'fill="{band_style.colour}"' in pattern
        marks = {"none": 0, "dots": 2, "lines": 1, "cross": 1, "dense": 1}
        assert len(re.findall(r"<(?:circle|path)", pattern)) == marks[band_style.hatch]
        for said in (band_style.label, band_style.meaning, band_style.advice):
            assert said in html.unescape(text)


def test_every_pattern_and_mark_that_is_referred_to_is_defined(pages: dict[str, bytes]) -> None:
    text = pages["offline.html"].decode()
    referred = set(re.findall(r"url\(#([\w-]+)\)", text)) - {"default"}
    used = set(re.findall(r'href="#(mark-[\w-]+)"', text))
    defined = set(re.findall(r'id="([\w-]+)"', text))
    assert {"zone-c", "zone-b", "zone-a", "band-high", "fade"} <= referred
    assert (referred | used) - defined == set()


def test_a_source_that_is_out_of_date_is_named_at_the_head_of_the_page(
    findings: Findings,
) -> None:
    stale = with_source(
        findings, "sinkholes", status=SourceStatus.STALE, problem="checked 90 days ago"
    )
    (warning,) = [tag for tag in _built(stale).tags if tag.attributes.get("class") == "warning"]
    assert "Recorded sinkholes" in warning.text
    assert "out of date: checked 90 days ago" in warning.text
    assert "Last checked 22 November 2026" in warning.text


def test_the_age_of_a_source_is_left_to_the_reader_so_that_bytes_stay_the_same(
    index: Page,
) -> None:
    ages = [tag for tag in index.tags if "data-since" in tag.attributes]
    assert len(ages) == 6
    assert {tag.attributes["data-since"] for tag in ages} == {"2026-11-22"}
    assert {tag.text for tag in ages} == {""}
    limits = [tag.attributes["data-stale-after-days"] for tag in ages]
    assert limits == ["400", "400", "800", "5000", "400", "2"]


def test_a_missing_planning_source_is_said_plainly(findings: Findings) -> None:
    bare = with_source(
        without_applications(findings),
        "planning",
        status=SourceStatus.NOT_CONFIGURED,
        snapshot=None,
    )
    assert "applications are not shown; this is not the same as none." in _built(bare).text


def test_an_area_with_nothing_in_it_still_makes_a_whole_page(findings: Findings) -> None:
    page = _built(with_nothing(findings))
    assert "No place is flagged in this edition." in page.text
    assert "No past decisions are held for this area." in page.text
    assert "0 records" in page.text
    assert "whoever runs this installation" in page.text


def test_a_record_that_is_not_drawn_is_listed_as_such(index: Page) -> None:
    (row,) = [tag for tag in index.tags if tag.attributes.get("id") == "record-RS012"]
    assert "not drawn" in row.text
    assert "Show on the map" not in row.text
