"""Feeds: valid Atom and GeoJSON, ids for ever, and text that stays text."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sinkwatch.publish import feeds
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
