"""The look-up: files that answer it, and a page that tells no server what was asked."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from sinkwatch import wording
from sinkwatch.model import Band
from sinkwatch.publish import nearby, shards, things
from sinkwatch.publish.pages import lookup
from sinkwatch.publish.publication import Imprint, Publication
from tests.publish.builders import HOSTILE, Page, with_nothing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from sinkwatch.model import Findings

NAME_OF_RS009 = "Collapse: Magdalen's Close house collapse"
ROUNDED_M = 7.1  # half the diagonal of a 10 m square


def _publication(findings: Findings) -> Publication:
    return Publication(
        findings=findings, things=things.gather(findings), imprint=Imprint(version="0.1.0")
    )


@pytest.fixture(scope="module")
def made(findings: Findings) -> dict[str, bytes]:
    return lookup.pages(_publication(findings))


@pytest.fixture(scope="module")
def held(made: dict[str, bytes]) -> dict[str, Any]:
    shard: dict[str, Any] = json.loads(made["check/HG4.json"])
    return shard


def _small(findings: Findings, postcode: str) -> Findings:
    """Return findings with one postcode and one record: RS009."""
    bands, centres, records = findings.postcode_bands, findings.postcodes, findings.sinkholes
    return replace(
        with_nothing(findings),
        postcode_bands=bands[bands["place_id"] == postcode],
        postcodes=centres[centres["postcode"] == postcode],
        sinkholes=records[records["sinkhole_id"] == "RS009"],
    )


def test_a_postcode_is_answered_with_its_band_and_what_lies_near(findings: Findings) -> None:
    files = shards.by_outcode(_publication(_small(findings, "HG4 1AD")))
    assert list(files) == ["check/HG4.json"]
    near = ["records/RS009/index.html", NAME_OF_RS009, "about 350 m (± 190 m)"]
    expected = {"band": "moderate", "easting": 431260, "northing": 471900, "near": [near]}
    assert json.loads(files["check/HG4.json"])["postcodes"] == {"HG4 1AD": expected}


def test_every_postcode_is_in_the_file_of_its_outcode(
    findings: Findings, held: dict[str, Any], made: dict[str, bytes]
) -> None:
    assert sorted(held["postcodes"]) == sorted(findings.postcode_bands["place_id"])
    assert {path for path in made if path.endswith(".json")} == {
        "check/HG4.json",
        "check/streets.json",
    }
    bands = dict(
        zip(findings.postcode_bands["place_id"], findings.postcode_bands["band"], strict=True)
    )
    said = {name: answer["band"] for name, answer in held["postcodes"].items()}
    assert said == {name: Band(band).key for name, band in bands.items()}


def test_each_outcode_has_a_file_of_its_own(findings: Findings) -> None:
    one = _small(findings, "HG4 1AD")
    moved = replace(
        one,
        postcode_bands=one.postcode_bands.assign(place_id="DL8 2AB"),
        postcodes=one.postcodes.assign(postcode="DL8 2AB"),
    )
    files = shards.by_outcode(_publication(moved))
    assert list(files) == ["check/DL8.json"]
    assert list(json.loads(files["check/DL8.json"])["postcodes"]) == ["DL8 2AB"]


def test_what_is_no_postcode_names_no_file(findings: Findings) -> None:
    one = _small(findings, "HG4 1AD")
    evil = replace(
        one,
        postcode_bands=one.postcode_bands.assign(place_id="../../index 1AA"),
        postcodes=one.postcodes.assign(postcode="../../index 1AA"),
    )
    assert shards.by_outcode(_publication(evil)) == {}


def test_a_band_says_what_it_means_once(findings: Findings, held: dict[str, Any]) -> None:
    style = findings.area.parameters.table.styles[Band.HIGH]
    expected = {"label": style.label, "meaning": style.meaning, "advice": style.advice}
    assert held["bands"]["high"] == expected
    assert set(held["bands"]) == {band.key for band in findings.area.parameters.table.styles}


def test_hostile_text_stays_text(findings: Findings, held: dict[str, Any]) -> None:
    titles = {near[1] for answer in held["postcodes"].values() for near in answer["near"]}
    hostile = next(title for title in titles if "24/00002" in title)
    start = f"Planning application: 24/00002/FUL{wording.clean(HOSTILE)}"
    assert start.startswith(hostile.rstrip("…"))
    assert len(hostile) <= 120
    places = findings.places.assign(name=HOSTILE)
    names = json.loads(shards.streets(replace(findings, places=places)))["streets"]
    assert "\u202e" not in names[0]["name"]
    assert names[0]["name"].startswith("=cmd|")


def test_every_link_of_an_answer_has_its_page(
    held: dict[str, Any], pages: dict[str, bytes]
) -> None:
    paths = {near[0] for answer in held["postcodes"].values() for near in answer["near"]}
    assert {path.split("/")[0] for path in paths} == {"records", "sites", "applications"}
    assert paths - set(pages) == set()


def test_streets_know_their_nearest_postcode(findings: Findings, made: dict[str, bytes]) -> None:
    streets = json.loads(made["check/streets.json"])["streets"]
    kinds = findings.places["kind"].isin(["street", "landmark", "village"])
    assert [street["name"] for street in streets] == sorted(findings.places["name"][kinds])
    centres = findings.postcodes.set_index("postcode").geometry
    unnear = 0
    for street in streets:
        away = centres.distance(shapely.Point(street["easting"], street["northing"]))
        if street["postcode"]:
            assert away[street["postcode"]] <= away.min() + 2 * ROUNDED_M
        else:
            assert away.min() > nearby.WITHIN_M - ROUNDED_M
            unnear += 1
    assert 0 < unnear < len(streets)


def test_an_area_without_postcodes_has_a_page_and_no_outcode(findings: Findings) -> None:
    made = lookup.pages(_publication(with_nothing(findings)))
    assert json.loads(made["check/streets.json"]) == {"streets": []}
    form = Page(made["check/index.html"].decode()).all("form")[0]
    assert form.attributes["data-outcodes"] == ""


def test_without_a_script_the_page_leads_to_the_list(made: dict[str, bytes]) -> None:
    page = Page(made["check/index.html"].decode())
    form = page.all("form")[0]
    assert "hidden" in form.attributes
    assert form.attributes["data-outcodes"] == "HG4"
    assert "The look-up needs JavaScript" in page.text
    assert "../data/postcodes.csv" in {tag.attributes.get("href") for tag in page.all("a")}
    assert "known to about 100 m" in page.text
    policy = next(t for t in page.all("meta") if "http-equiv" in t.attributes)
    assert "connect-src 'self'" in policy.attributes["content"]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep the test's own output readable."""


@pytest.fixture
def served(made: dict[str, bytes], pages: dict[str, bytes], tmp_path: Path) -> Iterator[str]:
    with _serving({**pages, **made}, tmp_path) as address:
        yield address


@contextlib.contextmanager
def _serving(pages: dict[str, bytes], tmp_path: Path) -> Iterator[str]:
    for path, content in pages.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/check/index.html"
        server.shutdown()
        thread.join()


@pytest.mark.browser
def test_the_browser_answers_and_no_server_learns_what_was_asked(
    chromium: Browser, served: str, made: dict[str, bytes]
) -> None:
    streets = json.loads(made["check/streets.json"])["streets"]
    street = next(each["name"] for each in streets if each["postcode"])
    page = chromium.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.goto(served)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    def answer(text: str, heading: str) -> str:
        page.get_by_label("Postcode, street or grid reference").fill(text)
        page.get_by_role("button", name="Look up").click()
        status = page.get_by_role("status")
        status.get_by_role("heading", name=heading, exact=True).wait_for()
        assert page.evaluate("document.activeElement.textContent") == heading
        return status.inner_text()

    said = answer("hg41ad", "HG4 1AD")
    assert "Band: Moderate." in said
    assert "Magdalen" in said
    assert "known to about 100 m" in said
    assert asked == [served.replace("index.html", "HG4.json")]
    assert "is not in the list we hold" in answer("HG4 9ZZ", "HG4 9ZZ")
    assert "is not in the list we hold" in answer("LS1 1AA", "LS1 1AA")
    near = "The nearest postcode we hold is HG4 1AD, under 10 m away."
    assert near in answer("431260 471900", "431260 471900")
    assert near in answer("SE 31260 71900", "SE 31260 71900")
    assert "no postcode held near it" in answer("TQ 300 800", "TQ 300 800")
    assert asked == [served.replace("index.html", "HG4.json")]
    assert "is not in the list we hold" in answer("<b>x</b>", "<b>x</b>")
    assert asked[1:] == [served.replace("index.html", "streets.json")]
    assert "The nearest postcode we hold to its middle is" in answer(street.lower(), street)
    assert "no postcode held near it" in answer("sharow", "Sharow")
    assert page.url == served
    assert faults == []


@pytest.mark.browser
def test_a_grid_reference_asks_for_the_outcodes_round_it_and_for_no_other(
    chromium: Browser,
    findings: Findings,
    pages: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a country of 2,900 outcodes; here of two, one of which lies in Cornwall."""
    monkeypatch.setattr(shards, "FEW", 1)
    near = findings.postcodes[findings.postcodes["postcode"] == "HG4 1AD"]
    far = near.assign(postcode="TR1 2AA", geometry=[shapely.Point(182_500, 44_800)])
    bands = findings.postcode_bands[findings.postcode_bands["place_id"] == "HG4 1AD"]
    both = replace(
        with_nothing(findings),
        postcodes=gpd.GeoDataFrame(pd.concat([near, far], ignore_index=True), crs=near.crs),
        postcode_bands=pd.concat([bands, bands.assign(place_id="TR1 2AA")], ignore_index=True),
    )
    made = lookup.pages(_publication(both))
    with _serving({**pages, **made}, tmp_path) as served:
        page = chromium.new_page()
        page.goto(served)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
        for text in ("182510 044790", "TQ 300 800"):
            page.get_by_label("Postcode, street or grid reference").fill(text)
            page.get_by_role("button", name="Look up").click()
            status = page.get_by_role("status")
            status.get_by_role("heading", name=text, exact=True).wait_for()
            is_near = "The nearest postcode we hold is TR1 2AA" in status.inner_text()
            assert is_near == (text != "TQ 300 800")
        assert asked == ["extents.json", "TR1.json"]
