"""The page of downloads: each file with its size, licence and checksum, and how to cite it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sinkwatch import lint
from sinkwatch.publish import downloads, terms
from sinkwatch.publish.pages import data
from tests.publish.builders import Page
from tests.publish.editions import ENTRY, an_edition

if TYPE_CHECKING:
    from sinkwatch.model import Findings


@pytest.fixture(scope="module")
def made(findings: Findings) -> dict[str, bytes]:
    return data.pages(an_edition(findings, ENTRY, url="https://x.example"))


@pytest.fixture(scope="module")
def page(made: dict[str, bytes]) -> Page:
    return Page(made["data/index.html"].decode())


def test_every_file_is_there_and_linked(made: dict[str, bytes], page: Page) -> None:
    linked = {
        tag.attributes["href"].removeprefix("../")
        for tag in page.all("a")
        if "download" in tag.attributes
    }
    assert linked == {path for path in made if path != "data/index.html"} | {"offline.html"}


def test_every_file_stands_with_its_rows_its_size_and_its_licence(
    page: Page, findings: Findings
) -> None:
    cells = [tag.text for tag in page.all("td")]
    for file in downloads.gather(findings):
        at = cells.index(file.title[:1].upper() + file.title[1:])
        size, licence = cells[at + 1 : at + 3]
        rows = "" if file.n_rows is None else f", {file.n_rows} rows"
        assert size == f"{file.size_text}{rows}"
        assert licence == (file.licence or "by column: see dictionary.csv")


def test_its_checksums_are_those_of_the_files(page: Page, findings: Findings) -> None:
    names = [tag.text for tag in page.all("dt")]
    sums = dict(
        zip(names[-len(page.all("code")) :], (t.text for t in page.all("code")), strict=True)
    )
    assert sums == {file.name: file.sha256 for file in downloads.gather(findings)}


def test_it_says_how_to_cite_and_what_the_files_cannot_say(page: Page) -> None:
    assert "as published on 20 November 2026, https://x.example/data/" in page.text
    assert {terms.CAVEATS["sites.csv"], terms.CAVEATS["zones.geojson"]} <= {
        tag.text for tag in page.all("li")
    }
    said = [tag.text for tag in page.all("p", "li", "dd", "h2")]
    named = [text.replace("LICENCES.txt", "licences.txt") for text in said]
    assert [fault for text in named for fault in lint.faults(text)] == []
