"""Each kind of page in a real browser: to axe, on the narrowest phone, by day and by night."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.publish.test_browser import chromium, folder, served
from tests.web import pages as tools

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

__all__ = ["chromium", "folder", "served"]

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
    site = served.removesuffix("/index.html")
    page = chromium.new_page(
        viewport={"width": NARROW_PX, "height": 640},
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    page.on("console", lambda said: broken.append((page.url, said.text)))
    page.on("request", lambda asked: _note_if_elsewhere(asked.url, site, broken))
    page.add_init_script(tools.tool("axe-core/axe.min.js").read_text(encoding="utf-8"))
    for kind in KINDS[scheme == "dark" :: 2]:
        page.goto(f"{site}/{kind}/index.html")
        page.locator("details").evaluate_all("all => all.forEach(d => d.open = true)")
        broken += [(kind, fault) for fault in _faults(page)]
    page.context.close()
    assert broken == []


def _note_if_elsewhere(url: str, site: str, broken: list[tuple[str, str]]) -> None:
    if not url.startswith((site, "data:")):
        broken.append((url, "is not ours"))


def _faults(page: Page) -> list[str]:
    faults = [
        f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in page.evaluate(AXE, RULES)
    ]
    if page.evaluate("document.documentElement.scrollWidth") > NARROW_PX:
        faults.append("wider than a phone")
    return faults


def test_a_reader_with_a_keyboard_alone_gets_from_the_map_to_a_site_s_page(
    chromium: Browser, served: str
) -> None:
    page = chromium.new_page(reduced_motion="reduce")
    page.goto(served)
    _tab_to(page, "Sites")
    page.keyboard.press("Enter")
    page.wait_for_url("**/sites/index.html")
    _tab_to(page, "Old Ripon Auction Mart")
    page.keyboard.press("Enter")
    page.wait_for_url("**/sites/auction-mart/index.html")
    assert "Auction Mart" in page.locator("h1").inner_text()
    page.context.close()


def _tab_to(page: Page, words: str) -> None:
    """Press Tab until the link of those words has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if words in page.evaluate("document.activeElement.textContent"):
            return
    pytest.fail(f"no link {words} within 60 steps of the keyboard")
