"""Pages of words: what may be concluded, how a band is made, corrections, privacy."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from sinkwatch import events, lint
from sinkwatch.model import Entry, History
from sinkwatch.publish import things
from sinkwatch.publish.pages import notices, reading, standing
from sinkwatch.publish.publication import Imprint, Publication
from tests.publish.builders import CONTACT, HOSTILE, Page

if TYPE_CHECKING:
    from sinkwatch.model import Findings

CORRECTED = Entry(
    at=datetime(2026, 11, 20, 6, 0, tzinfo=UTC),
    on=date(2026, 11, 20),
    kind=events.SINKHOLE,
    subject="RS001",
    version="0" * 16,
    title="Hutton Bank chasm, 18 June 1834",
    happened="The record has been corrected: its date.",
)
MOST_GRADE = 9.0
"""Flesch-Kincaid grade of a reader of fourteen."""


@pytest.fixture(scope="module")
def publication(findings: Findings) -> Publication:
    imprint = Imprint(
        version="1",
        contact=CONTACT,
        public_url="https://holes.example.org",
        signup_url="https://holes.example.org/subscribe",
    )
    return Publication(
        findings=findings,
        things=things.gather(findings),
        imprint=imprint,
        history=History(began_on=date(2026, 11, 1)),
    )


@pytest.fixture(scope="module")
def said(publication: Publication) -> dict[str, Page]:
    made = {
        **reading.pages(publication),
        **standing.pages(publication),
        **notices.pages(publication),
    }
    return {path.partition("/")[0]: Page(page.decode()) for path, page in made.items()}


def _sentences(page: Page) -> list[str]:
    (article,) = page.all("article")
    blocks = [line.strip() for line in article.text.splitlines() if line.strip()]
    return [s for block in blocks for s in re.split(r"(?<=[.!?:])\s+", block)]


def _grade(sentences: list[str]) -> float:
    words = [word for s in sentences for word in re.findall(r"[A-Za-z’']+", s)]
    syllables = sum(len(re.findall(r"[aeiouy]+", w.lower().removesuffix("e"))) or 1 for w in words)
    return 0.39 * len(words) / len(sentences) + 11.8 * syllables / len(words) - 15.59


@pytest.mark.parametrize("name", ["reading", "privacy", "corrections", "accessibility", "method"])
def test_a_reader_of_fourteen_can_read_it_and_it_says_nothing_that_we_may_not(
    said: dict[str, Page], name: str
) -> None:
    sentences = _sentences(said[name])
    assert _grade(sentences) <= MOST_GRADE
    assert [(s, lint.faults(s)) for s in sentences if lint.faults(s)] == []


def test_records_have_a_base_and_their_years(
    said: dict[str, Page], publication: Publication
) -> None:
    records = publication.things.records
    drawn = sum(record.geometry is not None for record in records)
    text = said["reading"].text
    assert f"{drawn} of the {len(records)} are known well enough to be drawn" in text
    assert "from 1834 to" in text


def test_the_method_names_every_ring_class_and_band(
    said: dict[str, Page], publication: Publication
) -> None:
    text = said["method"].text
    table = publication.findings.area.parameters.table
    assert "rings of 50, 250, 500 m" in text
    assert all(style.label in text for style in table.styles.values())
    assert all(note in text for note in publication.findings.area.class_notes.values())


def test_every_source_is_listed_with_its_standing(
    said: dict[str, Page], publication: Publication
) -> None:
    text = said["status"].text
    for state in publication.findings.sources:
        if state.snapshot is not None:
            assert state.spec.title in text


def test_without_a_correction_the_log_says_since_when_there_was_none(
    said: dict[str, Page],
) -> None:
    assert "taken out since 1 November 2026" in said["corrections"].text


def test_a_correction_is_dated_and_links_its_record_and_text_stays_text(
    publication: Publication,
) -> None:
    first = replace(CORRECTED, is_first=True, happened="FIRST")
    gone = replace(CORRECTED, subject="RS999", title=HOSTILE)
    history = replace(publication.history, entries=(CORRECTED, first, gone))
    made = standing.pages(replace(publication, history=history))
    page = Page(made["corrections/index.html"].decode())
    assert "20 November 2026: Hutton Bank chasm, 18 June 1834." in page.text
    assert "../records/RS001/index.html" in {tag.attributes["href"] for tag in page.all("a")}
    assert "FIRST" not in page.text
    assert page.all("img", "iframe") == []
    assert all("onload" not in tag.attributes for tag in page.tags)


def test_the_notice_of_the_mails_is_linked_only_where_there_are_mails(
    said: dict[str, Page], publication: Publication
) -> None:
    assert "notice of their own" in said["privacy"].text
    bare = replace(publication, imprint=Imprint(version="1"))
    page = Page(notices.pages(bare)["privacy/index.html"].decode())
    assert "notice of their own" not in page.text
