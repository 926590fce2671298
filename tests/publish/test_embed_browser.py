"""Embedded in a page of somebody else: drawn, led on from, readable, and told to axe."""

from __future__ import annotations

import functools
import html
import http.server
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Literal

import pytest

from sinkwatch.model import History
from sinkwatch.publish import embed, locations, site, things, webmap
from sinkwatch.publish.publication import Imprint, Publication
from tests.web import pages as tools

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from sinkwatch.model import Findings

pytestmark = pytest.mark.browser

KINDS = (
    "embed",
    "embed/map",
    "embed/records/RS001",
    "embed/sites/auction-mart",
    "embed/as-at/2026-11-20",
)
AXE = "rules => axe.run({runOnly: rules, resultTypes: ['violations']}).then(r => r.violations)"
SETTLED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Marks take their places in the frame after the map is drawn."""

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
NARROW_PX = 320
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154"
    "789c6360000002000001e221bc330000000049454e44ae426082"
)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep the test's own output readable."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder, which may be empty yet; each server is an origin of its own."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def edition(findings: Findings) -> Publication:
    return Publication(
        findings=findings,
        things=things.gather(findings),
        imprint=Imprint(version="1"),
        history=History(began_on=date(2026, 11, 20)),
    )


@pytest.fixture(scope="module")
def served(
    edition: Publication, pages: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Publication]:
    """Serve the site with everything that may be embedded; return the edition that is there."""
    folder = tmp_path_factory.mktemp("maps")
    with serving(folder / "current") as address:
        here = replace(edition, imprint=Imprint(version="1", public_url=address))
        sketch = webmap.Sketch.of(here.findings, here.things)
        drawn = {locations.AREA_PICTURE: PIXEL, locations.AREA_DRAWING: b"<svg/>"}
        site.write({**pages, **drawn, **embed.pages(here, sketch, drawn)}, folder)
        yield here


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_breaks_a_rule_asks_elsewhere_or_is_wider_than_a_phone(
    chromium: Browser, served: Publication, scheme: Literal["light", "dark"]
) -> None:
    broken: list[tuple[str, str]] = []
    address = served.imprint.public_url
    context = chromium.new_context(
        viewport={"width": NARROW_PX, "height": 640}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.on("console", lambda said: broken.append((page.url, said.text)))
    page.on("pageerror", lambda error: broken.append((page.url, str(error))))
    page.on("request", lambda asked: _note_if_elsewhere(asked.url, address, broken))
    page.add_init_script(tools.tool("axe-core/axe.min.js").read_text(encoding="utf-8"))
    for kind in KINDS[scheme == "dark" :: 2]:
        page.goto(f"{address}/{kind}/index.html")
        page.locator("details").evaluate_all("all => all.forEach(d => d.open = true)")
        page.evaluate(SETTLED)
        broken += [(kind, fault) for fault in _faults(page)]
        if page.evaluate("document.documentElement.scrollWidth") > NARROW_PX:
            broken.append((kind, "wider than a phone"))
    context.close()
    assert broken == []


def _faults(page: Page) -> list[str]:
    found = [
        (rule["id"], node["html"]) for rule in page.evaluate(AXE, RULES) for node in rule["nodes"]
    ]
    # WCAG 2.2 lets marks lie as close as what they mark (understanding 2.5.8: pins on a map).
    return [
        f"{rule}: {element[:200]}"
        for rule, element in found
        if rule != "target-size" or "leaflet-marker-icon" not in element
    ]


def _note_if_elsewhere(url: str, own: str, broken: list[tuple[str, str]]) -> None:
    if not url.startswith((own, "data:")):
        broken.append((url, "is not ours"))


def test_pasted_into_another_site_the_map_is_drawn_and_leads_on_in_a_window_of_its_own(
    chromium: Browser, served: Publication, tmp_path: Path
) -> None:
    page_of_site = Publication(
        findings=served.findings, things=served.things, imprint=served.imprint
    )
    live = embed.Piece(
        folder=locations.EMBEDDED_MAP, full="", title="The map", height=560, is_scripted=True
    )
    pasted = embed.snippet(page_of_site, live)
    (tmp_path / "story.html").write_text(f"<!doctype html><title>A story</title>{pasted}")
    with serving(tmp_path) as newsroom:
        context = chromium.new_context(
            reduced_motion="reduce", viewport={"width": 700, "height": 700}
        )
        page = context.new_page()
        page.goto(f"{newsroom}/story.html")
        frame = page.frame_locator("iframe")
        frame.locator(".mark").first.wait_for()
        frame.locator(".mark[aria-label*='Hutton Bank chasm']").first.focus()
        page.keyboard.press("Enter")
        link = frame.locator(".card-links a", has_text="All that is known").first
        with context.expect_page() as opened:
            link.press("Enter")
        assert opened.value.url == f"{served.imprint.public_url}/records/RS001/index.html"
        assert page.url == f"{newsroom}/story.html"
        context.close()


def test_without_scripts_the_picture_stands_in_its_place(
    chromium: Browser, served: Publication
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{served.imprint.public_url}/embed/map/index.html")
    picture = page.locator("noscript img")
    assert picture.is_visible()
    assert "19 records" in (picture.get_attribute("alt") or "")
    context.close()


def test_a_snippet_is_copied_or_at_least_chosen(chromium: Browser, served: Publication) -> None:
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{served.imprint.public_url}/embed/index.html")
    snippet = page.locator("#live-frame").input_value()
    page.locator("#live-frame + button").click()
    page.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == snippet
    assert html.escape(snippet, quote=False) in page.content()
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    page.locator("#dated-frame + button").click()
    page.get_by_text("Press Ctrl+C").wait_for()
    assert _chosen(page) == page.locator("#dated-frame").input_value()
    context.close()


def _chosen(page: Page) -> str:
    chosen: str = page.evaluate("document.getSelection().toString()")
    return chosen
