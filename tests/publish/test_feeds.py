"""Feeds: valid Atom and GeoJSON, ids for ever, and text that stays text."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from sinkwatch.model import Entry, History
from sinkwatch.publish import feeds, things
from sinkwatch.publish.publication import Imprint, Publication
from tests.publish.builders import HOSTILE

if TYPE_CHECKING:
    from sinkwatch.model import Findings

ATOM = "{http://www.w3.org/2005/Atom}"
AT = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
ENTRY = Entry(
    at=AT,
    on=date(2026, 11, 20),
    kind="sinkhole",
    subject="RS009",
    version="1",
    title=HOSTILE,
    happened=f"\ufffe{HOSTILE}",
)
POSTCODES = tuple(
    replace(ENTRY, kind="postcode", subject=name, version=name) for name in ("HG4 2AB", "HG4 1HS")
)


def _edition(findings: Findings, *entries: Entry, url: str = "") -> Publication:
    return Publication(
        findings=findings,
        things=things.gather(findings),
        imprint=Imprint(version="0.1.0", public_url=url),
        history=History(entries=entries, began_on=date(2026, 11, 1)),
    )


def _read(content: bytes) -> ET.Element:
    return ET.fromstring(content)  # noqa: S314 - our own


def test_feed_has_what_rfc_4287_asks_for(findings: Findings) -> None:
    made = feeds.pages(_edition(findings, ENTRY, url="https://x.example"))
    feed = _read(made["feeds/all.atom"])
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
    entry = _read(feeds.pages(_edition(findings, ENTRY))["feeds/all.atom"]).find(f"{ATOM}entry")
    assert entry is not None
    assert "<script>" in str(entry.findtext(f"{ATOM}title"))
    assert "\ufffe" not in str(entry.findtext(f"{ATOM}content"))


def test_ids_stay_when_a_later_entry_is_added(findings: Findings) -> None:
    later = replace(ENTRY, at=AT + timedelta(days=1), version="2")
    (first,) = feeds.told(_edition(findings, ENTRY))
    newer, older = feeds.told(_edition(findings, later, ENTRY))
    assert older.uid == first.uid
    assert newer.uid != first.uid


def test_postcodes_of_a_run_are_one_entry(findings: Findings) -> None:
    (told,) = feeds.told(_edition(findings, *POSTCODES))
    assert told.entry.happened == "The band of 2 postcodes changed: HG4 1HS and HG4 2AB."
    assert told.folder == ""


def test_without_a_change_the_feed_keeps_the_first_day(findings: Findings) -> None:
    feed = _read(feeds.pages(_edition(findings))["feeds/all.atom"])
    assert feed.findtext(f"{ATOM}updated") == "2026-11-01T00:00:00+00:00"
    assert feed.findall(f"{ATOM}entry") == []


def test_geojson_has_rounded_places_in_range_and_null_for_none(findings: Findings) -> None:
    made = feeds.pages(_edition(findings, ENTRY, *POSTCODES))
    record, postcodes = json.loads(made["feeds/all.geojson"])["features"]
    longitude, latitude = record["geometry"]["coordinates"]
    assert -1.7 < longitude < -1.3
    assert 54.0 < latitude < 54.3
    assert postcodes["geometry"] is None
