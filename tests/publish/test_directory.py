"""Site map, robots, plain index and the page for an address that leads nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinkwatch.publish import directory
from tests.publish.builders import Page
from tests.publish.editions import an_edition, as_xml

if TYPE_CHECKING:
    from sinkwatch.model import Findings

PAGES = {"index.html": b"", "sites/b/index.html": b"", "data/a.csv": b"", "offline.html": b""}


def test_site_map_lists_every_page_as_a_folder(findings: Findings) -> None:
    made = directory.pages(an_edition(findings, url="https://x.example/r"), PAGES)
    found = [each.text for each in as_xml(made["sitemap.xml"]).iter() if each.tag.endswith("loc")]
    assert found == ["https://x.example/r/", "https://x.example/r/sites/b/"]
    assert b"Sitemap: https://x.example/r/sitemap.xml\n" in made["robots.txt"]


def test_site_map_leaves_out_what_is_made_to_be_framed_elsewhere(findings: Findings) -> None:
    embeds = {"embed/index.html": b"", "embed/map/index.html": b"", "embed/as-at/x/index.html": b""}
    made = directory.pages(an_edition(findings, url="https://x.example"), embeds)
    assert made["sitemap.xml"].count(b"<loc>") == 1
    assert b"<loc>https://x.example/embed/</loc>" in made["sitemap.xml"]


def test_without_an_address_there_is_no_site_map(findings: Findings) -> None:
    made = directory.pages(an_edition(findings), PAGES)
    assert set(made) == {".nojekyll", "404.html", "_headers", "llms.txt", "robots.txt"}
    assert b"Sitemap" not in made["robots.txt"]


def test_plain_index_lists_pages_and_files_that_are_there(findings: Findings) -> None:
    text = directory.pages(an_edition(findings), PAGES)["llms.txt"].decode()
    assert "- [Map](index.html)" in text
    assert "- [data/a.csv](data/a.csv)" in text
    assert "Timeline" not in text


def test_not_found_links_from_the_root_of_the_site(findings: Findings) -> None:
    made = directory.pages(an_edition(findings, url="https://x.example/r"), PAGES)
    links = [tag.attributes["href"] for tag in Page(made["404.html"].decode()).all("a", "link")]
    assert all(link.startswith("/r/") for link in links)
    assert "/r/records/index.html" in links
