"""The page of changes: by day, linked where there is a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinkwatch.publish import things
from sinkwatch.publish.pages import changes, data
from sinkwatch.publish.publication import Imprint, Publication
from tests.publish.builders import Page
from tests.publish.editions import ENTRY, POSTCODES, an_edition

if TYPE_CHECKING:
    from sinkwatch.model import Findings


def test_each_day_has_its_heading_and_each_change_its_page(findings: Findings) -> None:
    made = changes.pages(an_edition(findings, ENTRY, *POSTCODES))
    page = Page(made["changes/index.html"].decode())
    assert "2026-11-20" in page.ids()
    links = [tag.attributes["href"] for tag in page.all("a")]
    assert "../records/RS009/index.html" in links
    assert "first publication on 1 November 2026" in page.text
    assert all("onerror" not in tag.attributes for tag in page.tags)


def test_an_empty_history_is_said(findings: Findings) -> None:
    edition = Publication(
        findings=findings, things=things.gather(findings), imprint=Imprint(version="0.1.0")
    )
    page = Page(changes.pages(edition)["changes/index.html"].decode())
    assert "No change has been recorded yet." in page.text


def test_downloads_are_listed(findings: Findings) -> None:
    page = Page(data.pages(an_edition(findings))["data/index.html"].decode())
    links = [tag.attributes["href"] for tag in page.all("a")]
    assert {"../data/sinkholes.csv", "../data/LICENCES.txt", "../offline.html"} <= set(links)
