"""The data set as search engines of data read it: schema.org's own words, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch import geo
from sinkwatch.publish import dataset, downloads
from sinkwatch.publish.pages import data
from tests.publish.builders import HOSTILE, HOSTILE_SHOWN, Page, with_nothing, with_source
from tests.publish.editions import ENTRY, an_edition

if TYPE_CHECKING:
    from sinkwatch.model import Findings

URL = "https://sinkwatch.example/ripon"

CREATIVE_WORK = {
    *("name", "description", "url", "license", "creditText", "inLanguage", "keywords", "creator"),
    *("isAccessibleForFree", "spatialCoverage", "temporalCoverage", "isBasedOn", "dateModified"),
    "datePublished",
}
KNOWN = {
    "Dataset": CREATIVE_WORK | {"distribution"},
    "CreativeWork": CREATIVE_WORK,
    "DataDownload": CREATIVE_WORK | {"contentUrl", "contentSize", "encodingFormat", "sha256"},
    "Organization": {"name", "url"},
    "Place": {"name", "description", "geo", "url", "image", "subjectOf"},
    "GeoCoordinates": {"latitude", "longitude"},
    "GeoShape": {"box"},
    "WebPage": CREATIVE_WORK,
}
"""What schema.org 29 gives each type among what we use: each word is one of its own."""


def strangers(value: object) -> list[str]:
    """Types and properties that schema.org does not know."""
    if isinstance(value, list):
        return [found for each in value for found in strangers(each)]
    if not isinstance(value, dict):
        return []
    said = value.get("@type", "no type")
    unknown = set(value) - {"@context", "@type", "@id"} - KNOWN.get(said, set())
    inner = [found for each in value.values() for found in strangers(each)]
    return [*(f"{said}.{name}" for name in sorted(unknown)), *inner]


def of_page(findings: Findings, url: str = URL) -> dict[str, Any]:
    """What the page of downloads says to programs."""
    made = data.pages(an_edition(findings, ENTRY, url=url))
    (found,) = in_page(made["data/index.html"])
    return found


def in_page(content: bytes) -> list[dict[str, Any]]:
    """What a page says to programs."""
    scripts = Page(content.decode()).all("script")
    return [
        json.loads(tag.text)
        for tag in scripts
        if tag.attributes.get("type") == "application/ld+json"
    ]


@pytest.fixture(scope="module")
def said(findings: Findings) -> dict[str, Any]:
    return of_page(findings)


def test_it_has_what_search_engines_ask_for(said: dict[str, Any]) -> None:
    assert (said["@context"], said["@type"]) == ("https://schema.org", "Dataset")
    assert said["name"].startswith("Ripon Sinkwatch")
    assert 50 <= len(said["description"]) <= 5_000
    assert said["url"] == f"{URL}/data/"
    assert said["creator"] == {
        "@type": "Organization",
        "name": "Ripon Sinkwatch",
        "url": f"{URL}/",
    }
    assert said["dateModified"] == "2026-11-20"
    assert said["datePublished"] == "2026-11-01"
    assert said["temporalCoverage"] == "1834/.."
    assert {
        "@type": "CreativeWork",
        "name": "Open Government Licence v3.0",
        "url": "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/",
    } in said["license"]


def test_every_word_of_it_is_one_of_schema_org(said: dict[str, Any], findings: Findings) -> None:
    assert strangers(said) == []
    assert strangers(dataset.described(an_edition(findings), "")) == []
    assert strangers({"@type": "Dataset", "x": [{"@type": "Place", "y": 1}]}) == [
        "Dataset.x",
        "Place.y",
    ]


def test_each_file_is_named_with_its_size_and_its_checksum(
    said: dict[str, Any], findings: Findings
) -> None:
    files = downloads.gather(findings)
    assert said["distribution"] == [
        {
            "@type": "DataDownload",
            "name": file.name,
            "encodingFormat": file.media_type,
            "contentUrl": f"{URL}/data/{file.name}",
            "description": file.title,
            "contentSize": f"{len(file.content)} B",
            "sha256": file.sha256,
        }
        for file in files
    ]


def test_its_box_holds_the_whole_area(said: dict[str, Any], findings: Findings) -> None:
    box = said["spatialCoverage"]["geo"]["box"]
    south, west, north, east = (float(each) for each in box.split())
    min_e, min_n, max_e, max_n = findings.area.bounds.as_tuple()
    longitudes, latitudes = geo.to_wgs84([min_e, min_e, max_e, max_e], [min_n, max_n] * 2)
    assert west <= longitudes.min() + 1e-5
    assert longitudes.max() - 1e-5 <= east
    assert south <= latitudes.min() + 1e-5
    assert latitudes.max() - 1e-5 <= north


@pytest.mark.parametrize(("folder", "base"), [("", "./data/"), ("data", "../data/")])
def test_without_an_address_links_lead_from_the_page(
    findings: Findings, folder: str, base: str
) -> None:
    said = dataset.described(an_edition(findings), folder)
    assert not {"url", "@id"} & set(said)
    files = said["distribution"]
    assert isinstance(files, list)
    assert {each["contentUrl"] for each in files} == {
        f"{base}{name}" for name in downloads.offered(findings)
    }
    assert not any("sha256" in each for each in files)


def test_a_hostile_source_is_plain_text_in_it(findings: Findings) -> None:
    state = next(each for each in findings.sources if each.spec.kind == "applications")
    assert state.snapshot is not None
    lied = replace(state.snapshot, licence=HOSTILE, attribution=HOSTILE, url="javascript:alert(1)")
    found = of_page(with_source(findings, state.spec.name, snapshot=lied))
    (source,) = [
        each for each in found["isBasedOn"] if each["creditText"].startswith(HOSTILE_SHOWN)
    ]
    assert source["license"]["name"].startswith(HOSTILE_SHOWN)
    assert "url" not in source


def test_without_a_record_it_claims_no_period(findings: Findings) -> None:
    said = dataset.described(an_edition(with_nothing(findings)), "data")
    assert "temporalCoverage" not in said
    assert strangers(said) == []


def test_the_page_of_each_thing_that_is_drawn_says_which_place_it_is(
    pages: dict[str, bytes],
) -> None:
    folders = ("records/", "sites/", "applications/")
    own = {p: c for p, c in pages.items() if p.startswith(folders) and p.count("/") == 2}
    said = {path: in_page(content) for path, content in own.items() if path.endswith(".html")}
    assert strangers(list(said.values())) == []
    (place,) = said["records/RS009/index.html"]
    assert (place["@type"], place["name"][:10]) == ("Place", "Magdalen's")
    assert 54 < place["geo"]["latitude"] < 54.3
    assert said["records/RS012/index.html"] == []
