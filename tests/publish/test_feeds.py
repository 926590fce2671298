"""Feeds: valid Atom and GeoJSON, ids for ever, and text that stays text."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import feedparser
import pytest
import shapely

from sinkwatch import lint
from sinkwatch.publish import feeds
from tests.publish.builders import Page
from tests.publish.editions import AT, ENTRY, POSTCODES, an_edition, as_xml

if TYPE_CHECKING:
    from sinkwatch.model import Findings

ATOM = "{http://www.w3.org/2005/Atom}"


def test_feed_has_what_rfc_4287_asks_for(findings: Findings) -> None:
    made = feeds.pages(an_edition(findings, ENTRY, url="https://x.example"))
    feed = as_xml(made["feeds/all.atom"])
    for name in ("id", "title", "updated", "author/{http://www.w3.org/2005/Atom}name"):
        assert feed.findtext(ATOM + name)
    links = {each.get("rel"): each.get("href") for each in feed.findall(f"{ATOM}link")}
    assert links["self"] == "https://x.example/feeds/all.atom"
    (entry,) = feed.findall(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}updated") == "2026-11-20T06:00:00+00:00"
    link = entry.find(f"{ATOM}link")
    assert link is not None
    assert link.get("href") == "https://x.example/records/RS009/"


def test_outside_text_stays_text_without_what_xml_forbids(findings: Findings) -> None:
    entry = as_xml(feeds.pages(an_edition(findings, ENTRY))["feeds/all.atom"]).find(f"{ATOM}entry")
    assert entry is not None
    assert "<script>" in str(entry.findtext(f"{ATOM}title"))
    assert "\ufffe" not in str(entry.findtext(f"{ATOM}content"))


def test_ids_stay_when_a_later_entry_is_added(findings: Findings) -> None:
    later = replace(ENTRY, at=AT + timedelta(days=1), version="2")
    (first,) = feeds.told(an_edition(findings, ENTRY))
    newer, older = feeds.told(an_edition(findings, later, ENTRY))
    assert older.uid == first.uid
    assert newer.uid != first.uid


def test_postcodes_of_a_run_are_one_entry(findings: Findings) -> None:
    (told,) = feeds.told(an_edition(findings, *POSTCODES))
    assert told.entry.happened == "The band of 2 postcodes changed: HG4 1HS and HG4 2AB."
    assert told.folder == ""


def test_without_a_change_the_feed_keeps_the_first_day(findings: Findings) -> None:
    feed = as_xml(feeds.pages(an_edition(findings))["feeds/all.atom"])
    assert feed.findtext(f"{ATOM}updated") == "2026-11-01T00:00:00+00:00"
    assert feed.findall(f"{ATOM}entry") == []


def test_geojson_has_rounded_places_in_range_and_null_for_none(findings: Findings) -> None:
    made = feeds.pages(an_edition(findings, ENTRY, *POSTCODES))
    record, postcodes = json.loads(made["feeds/all.geojson"])["features"]
    longitude, latitude = record["geometry"]["coordinates"]
    assert -1.7 < longitude < -1.3
    assert 54.0 < latitude < 54.3
    assert postcodes["geometry"] is None


def test_a_site_hears_of_itself_and_of_what_lies_within_500_m_and_of_nothing_else(
    findings: Findings,
) -> None:
    edition = an_edition(findings)
    (site,) = [each for each in findings.sites if each.place.place_id == "auction-mart"]
    ground = site.place.geometry
    (thing,) = [each for each in edition.things.sites if each.key == "auction-mart"]
    here = ground if ground is not None else thing.geometry
    near = {
        record.key
        for record in edition.things.records
        if record.geometry is not None and here.distance(record.geometry) <= 500
    }
    assert 0 < len(near) < len(edition.things.records)
    entries = [
        *(replace(ENTRY, subject=record.key) for record in edition.things.records),
        replace(ENTRY, kind="site", subject="auction-mart"),
        replace(ENTRY, kind="site", subject="80-north-street"),
    ]
    made = feeds.pages(an_edition(findings, *entries))
    feed = as_xml(made["feeds/sites/auction-mart.atom"])
    links = [entry.find(f"{ATOM}link") for entry in feed.findall(f"{ATOM}entry")]
    assert sorted(str(link.get("href")) for link in links if link is not None) == sorted(
        [
            *(f"../../records/{key}/index.html" for key in near),
            "../../sites/auction-mart/index.html",
        ]
    )


# ── By postcode sector ───────────────────────────────────────────────────────────────────────


def _links(made: dict[str, bytes], path: str) -> list[str]:
    entries = as_xml(made[path]).findall(f"{ATOM}entry")
    links = [entry.find(f"{ATOM}link") for entry in entries]
    return [str(link.get("href")) for link in links if link is not None]


def test_each_postcode_sector_has_a_feed_even_if_nothing_was_told_of_it(
    findings: Findings,
) -> None:
    made = feeds.pages(an_edition(findings))
    sectors = {each[:-2].rstrip() for each in findings.postcodes["postcode"]}
    slugs = {each.lower().replace(" ", "-") for each in sectors}
    assert "hg4-1" in slugs
    for ending in (".atom", ".geojson"):
        assert {f"feeds/places/{slug}{ending}" for slug in slugs} == {
            path for path in made if path.startswith("feeds/places/") and path.endswith(ending)
        }


def test_a_sector_hears_of_what_lies_within_500_m_of_one_of_its_postcodes_and_of_nothing_else(
    findings: Findings,
) -> None:
    edition = an_edition(findings)
    (record,) = [each for each in edition.things.records if each.key == "RS009"]
    here = record.geometry
    assert here is not None
    moved = findings.postcodes.iloc[[0, -1]].copy()
    moved["postcode"] = ["HG4 1AA", "HG4 2AA"]
    moved.geometry = [shapely.Point(here.x + 500, here.y), shapely.Point(here.x, here.y + 500.5)]
    made = feeds.pages(an_edition(replace(findings, postcodes=moved), ENTRY))
    assert _links(made, "feeds/places/hg4-1.atom") == ["../../records/RS009/index.html"]
    assert _links(made, "feeds/places/hg4-2.atom") == []


def test_a_sector_hears_of_its_own_postcodes_and_not_of_others(findings: Findings) -> None:
    edition = an_edition(findings, *POSTCODES)
    made = feeds.pages(edition)
    (entry,) = as_xml(made["feeds/places/hg4-1.atom"]).findall(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}content") == "The band of 1 postcode changed: HG4 1HS."
    (feature,) = json.loads(made["feeds/places/hg4-1.geojson"])["features"]
    assert (feature["id"], feature["geometry"]) == (entry.findtext(f"{ATOM}id"), None)
    (whole,) = as_xml(made["feeds/all.atom"]).findall(f"{ATOM}entry")
    assert whole.findtext(f"{ATOM}id") != feature["id"]


def test_a_change_has_one_id_in_every_feed_and_wherever_the_site_lies(findings: Findings) -> None:
    ids = set()
    for url in ("", "https://a.example", "https://b.example/ripon"):
        made = feeds.pages(an_edition(findings, ENTRY, url=url))
        for path in ("feeds/all.atom", "feeds/places/hg4-1.atom", "feeds/sites/auction-mart.atom"):
            entry = as_xml(made[path]).find(f"{ATOM}entry")
            assert entry is not None
            ids.add(entry.findtext(f"{ATOM}id"))
    assert len(ids) == 1


def test_entries_stand_newest_first_and_no_more_than_a_hundred(findings: Findings) -> None:
    entries = [
        replace(ENTRY, at=AT - timedelta(hours=n), version=str(n), title=str(n)) for n in range(130)
    ]
    made = feeds.pages(an_edition(findings, *entries))
    for path in ("feeds/all", "feeds/places/hg4-1"):
        titles = [
            entry.findtext(f"{ATOM}title")
            for entry in as_xml(made[f"{path}.atom"]).findall(f"{ATOM}entry")
        ]
        assert titles == [str(n) for n in range(100)]
        features = json.loads(made[f"{path}.geojson"])["features"]
        assert [feature["properties"]["title"] for feature in features] == titles


def test_many_sectors_are_folded_away_by_their_first_half(findings: Findings) -> None:
    codes = findings.postcodes.iloc[:3].copy()
    codes["postcode"] = ["HG4 1AA", "HG3 2AA", "HG3 10<b>AA"]
    page = feeds.pages(an_edition(replace(findings, postcodes=codes)))["feeds/index.html"].decode()
    assert page.count("<details") == page.count("<summary>") == 2
    assert "HG3 10&lt;b&gt;" in page
    one = feeds.pages(an_edition(findings))["feeds/index.html"].decode()
    assert "<details" not in one


def test_without_postcodes_there_is_no_feed_by_postcode(findings: Findings) -> None:
    none = replace(findings, postcodes=findings.postcodes.iloc[:0])
    made = feeds.pages(an_edition(none, ENTRY, *POSTCODES))
    assert [path for path in made if path.startswith("feeds/places/")] == []
    assert "No postcodes are held." in made["feeds/index.html"].decode()


# ── As feed readers read them ────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module", params=["", "https://x.example/ripon"])
def read(request: pytest.FixtureRequest, findings: Findings) -> dict[str, Any]:
    entries = (ENTRY, replace(ENTRY, kind="site", subject="auction-mart"), *POSTCODES)
    made = feeds.pages(an_edition(findings, *entries, url=request.param))
    return {
        path: feedparser.parse(content, response_headers={"content-type": "application/atom+xml"})
        for path, content in made.items()
        if path.endswith(".atom")
    }


def test_every_feed_is_read_without_a_fault(read: dict[str, Any]) -> None:
    assert len(read) > 20
    assert {path: each.bozo_exception for path, each in read.items() if each.bozo} == {}
    assert {each.version for each in read.values()} == {"atom10"}


def test_every_feed_and_entry_has_what_readers_need(read: dict[str, Any]) -> None:
    for path, each in read.items():
        links = {link.rel: link.href for link in each.feed.links}
        assert links["self"].endswith(path.rpartition("/")[2])
        assert links["alternate"].rstrip("/").removesuffix("/index.html").endswith("changes")
        assert each.feed.id.startswith("urn:uuid:")
        assert each.feed.author
        assert each.feed.title.startswith("Ripon Sinkwatch: ")
        assert each.feed.updated_parsed
        assert "©" in each.feed.rights
        for entry in each.entries:
            assert entry.id.startswith("urn:uuid:")
            assert entry.updated_parsed
            assert entry.link
            assert entry.title
            assert entry.content[0].type == "text/plain"
    ids = [each.feed.id for each in read.values()]
    assert len(set(ids)) == len(ids)


def test_the_page_says_nothing_that_it_must_not(findings: Findings) -> None:
    page = Page(feeds.pages(an_edition(findings))["feeds/index.html"].decode())
    said = [tag.text for tag in page.all("p", "h2", "caption")]
    assert [fault for text in said for fault in lint.faults(text)] == []


def test_the_page_links_every_feed_that_there_is(findings: Findings) -> None:
    made = feeds.pages(an_edition(findings, ENTRY))
    page = made["feeds/index.html"].decode()
    for path in made:
        assert path.endswith(".html") or f'href="../{path}"' in page
