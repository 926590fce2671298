"""Each kind of page in a real browser: to axe, on the narrowest phone, by day and by night."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from sinkwatch.publish import site
from sinkwatch.publish.things import Offer
from tests.publish.test_browser import folder, served
from tests.web import pages as tools

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from sinkwatch.model import Findings

pytestmark = pytest.mark.browser

__all__ = ["folder", "served"]

KINDS = (
    "accessibility",
    "applications",
    "changes",
    "check",
    "corrections",
    "data",
    "feeds",
    "method",
    "privacy",
    "reading",
    "records",
    "records/RS001",
    "sites/auction-mart",
    "status",
    "timeline",
)
AXE = "rules => axe.run({runOnly: rules, resultTypes: ['violations']}).then(r => r.violations)"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
NARROW_PX = 320


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_kind_of_page_breaks_a_rule_asks_elsewhere_or_is_wider_than_a_phone(
    chromium: Browser, served: str, scheme: str
) -> None:
    broken: list[tuple[str, str]] = []
    top = served.removesuffix("/index.html")
    page = chromium.new_page(
        viewport={"width": NARROW_PX, "height": 640},
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    page.on("console", lambda said: broken.append((page.url, said.text)))
    page.on("request", lambda asked: _note_if_elsewhere(asked.url, top, broken))
    page.add_init_script(tools.tool("axe-core/axe.min.js").read_text(encoding="utf-8"))
    for kind in KINDS[scheme == "dark" :: 2]:
        page.goto(f"{top}/{kind}/index.html")
        page.locator("details").evaluate_all("all => all.forEach(d => d.open = true)")
        broken += [(kind, fault) for fault in _faults(page)]
    page.context.close()
    assert broken == []


def _note_if_elsewhere(url: str, top: str, broken: list[tuple[str, str]]) -> None:
    if not url.startswith((top, "data:")):
        broken.append((url, "is not ours"))


def _faults(page: Page) -> list[str]:
    faults = [
        f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in page.evaluate(AXE, RULES)
    ]
    if page.evaluate("document.documentElement.scrollWidth") > NARROW_PX:
        faults.append("wider than a phone")
    return faults


FACTS = """
() => [...document.querySelectorAll("main :is(h1, h2, h3, p, dt, dd, td, th, li, caption)")]
  .filter(each => !each.closest("[role=status], .tools, .view, .without, form, [hidden]"))
  .map(each => {
    const copy = each.cloneNode(true);
    copy.querySelectorAll("[data-since], .show, .sort").forEach(made => made.remove());
    return copy.textContent.replace(/\\s+/g, " ").trim();
  })
"""
"""What a page says, without the age of a source, which a script counts from the reader's day."""


def test_without_javascript_every_fact_is_still_there(chromium: Browser, served: str) -> None:
    top = served.removesuffix("/index.html")
    withscripts, without = (
        chromium.new_context(java_script_enabled=each).new_page() for each in (True, False)
    )
    for kind in ("", *(f"{each}/" for each in KINDS)):
        said = []
        for page in (withscripts, without):
            page.goto(f"{top}/{kind}index.html")
            said.append([each for each in page.evaluate(FACTS) if each])
        assert set(said[0]) - set(said[1]) == set(), kind
        assert len(said[1]) >= len(said[0]) > 2, kind
    withscripts.context.close()
    without.context.close()


def test_a_reader_with_a_keyboard_alone_gets_from_the_map_to_an_evidence_pack(
    chromium: Browser, findings: Findings, tmp_path: Path
) -> None:
    folder, pdf = "sites/auction-mart", "sites/auction-mart/evidence.pdf"
    offer = Offer(pdf=pdf, picture=f"{folder}/map.png", made_on=date(2026, 11, 22))
    imprint = site.Imprint(version="0.1.0", pictures=False)
    pages = site.build(findings, imprint, offers={folder: offer})
    site.write({**pages, pdf: b"%PDF-1.7", offer.picture: b""}, tmp_path)
    page = chromium.new_page(reduced_motion="reduce")
    page.goto((tmp_path / "current" / "index.html").as_uri())
    _tab_to(page, "Sites")
    page.keyboard.press("Enter")
    page.wait_for_url("**/sites/index.html")
    _tab_to(page, "Old Ripon Auction Mart")
    page.keyboard.press("Enter")
    page.wait_for_url("**/sites/auction-mart/index.html")
    assert "Auction Mart" in page.locator("h1").inner_text()
    _tab_to(page, "PDF")
    assert page.evaluate("document.activeElement.href").endswith(pdf)
    with page.expect_download() as asked:
        page.keyboard.press("Alt+Enter")  # saves what a link leads to, in Chromium
    assert asked.value.suggested_filename == "evidence.pdf"
    page.context.close()


def _tab_to(page: Page, words: str) -> None:
    """Press Tab until the link of those words has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if words in page.evaluate("document.activeElement.textContent"):
            return
    pytest.fail(f"no link {words} within 60 steps of the keyboard")
