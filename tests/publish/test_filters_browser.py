"""Filters, a link to the view and the reader's own place, in a browser, with hostile addresses."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.publish.test_browser import (
    _lay_out,
    _settle,
    _until,
    _visit,
    folder,
    served,
)
from tests.web import pages as tools

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.publish.test_browser import Visit

pytestmark = pytest.mark.browser

__all__ = ["folder", "served"]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
STATUS = ".filter-status"


@pytest.fixture(scope="module")
def visit(chromium: Browser, served: str) -> Iterator[Visit]:
    with _visit(chromium, served) as visit:
        # The map still glides to its first view, also where motion is to be reduced.
        _until(visit.page, "!map_area._panAnim || !map_area._panAnim._inProgress")
        visit.page.locator("#filters summary").click()
        _lay_out(visit.page)
        yield visit


@pytest.fixture
def page(visit: Visit) -> Iterator[Page]:
    yield visit.page
    visit.page.evaluate("history.replaceState(null, '', location.pathname)")
    clear = visit.page.locator("#filters .clear:enabled")
    if clear.count():
        clear.click()
    assert visit.faults == []


def _wish(page: Page, name: str) -> None:
    before = page.locator(STATUS).inner_text()
    page.locator("#filters").get_by_label(name, exact=True).click()
    _until(page, f"document.querySelector('{STATUS}').textContent !== {before!r}")
    _settle(page)


def test_a_wish_acts_on_marks_and_rows_and_is_said_in_numbers(page: Page) -> None:
    confirmed = page.locator('#records tr[data-evidence="confirmed"]').count()
    for name in ("Probable", "Possible", "Not an event"):
        _wish(page, name)
    assert page.locator("#records tbody tr:visible").count() == confirmed
    said = f"{confirmed} of 19 records, 4 of 4 applications"
    page.locator(STATUS, has_text=said).wait_for()
    assert f"{confirmed} of these 19 shown" in page.locator("#records caption").inner_text()
    symbols = page.locator('.mark use[href^="#mark-record"]').evaluate_all(
        "all => [...new Set(all.map(u => u.getAttribute('href')))]"
    )
    assert symbols == ["#mark-record-confirmed"]
    circles = "Object.values(map_area._layers).filter(l => l instanceof L.Circle).length"
    assert page.evaluate(circles) < 18
    page.get_by_role("button", name="Clear filters").click()
    page.locator(STATUS, has_text="Everything held is shown.").wait_for()
    assert page.locator("#records tbody tr:visible").count() == 19
    assert page.locator("#records caption .shown").inner_text() == ""


def test_kinds_status_flag_and_years_narrow_what_they_can_be_said_of(page: Page) -> None:
    _wish(page, "Undecided")
    page.locator(STATUS, has_text="19 of 19 records, 3 of 4 applications").wait_for()
    _wish(page, "Flagged sites and applications")
    page.locator(STATUS, has_text="19 of 19 records").wait_for()
    assert page.locator('tr[data-flagged="no"]:not([hidden])').count() == 0
    page.get_by_label("From year").fill("2015")
    _until(page, "document.querySelectorAll('#records tbody tr:not([hidden])').length < 19")
    years = page.locator("#records tbody tr:not([hidden])").evaluate_all(
        "rows => rows.map(r => Number(r.dataset.last))"
    )
    assert all(year >= 2015 for year in years)
    _wish(page, "Records")
    assert page.locator("#records tbody tr:not([hidden])").count() == 0


def test_the_view_stands_in_the_address_and_comes_back(
    page: Page, visit: Visit, chromium: Browser
) -> None:
    page.locator(".view").focus()
    page.keyboard.press("+")
    _wish(page, "Refused")
    _until(page, "location.hash.includes('status=')")
    address = page.url
    assert re.search(r"#map=\d+/54\.\d{4}/-1\.\d{4}&status=undecided,approved,other$", address)
    with _visit(chromium, address.replace("map=", "map=16/54.1370/-1.5200&was=")) as again:
        other = again.page
        assert other.evaluate("map_area.getZoom()") == 16
        assert other.locator(STATUS, has_text="3 of 4 applications").count() == 1
        other.evaluate("location.hash = '#map=15/54.1360/-1.5190&layers=records'")
        _until(other, "map_area.getZoom() === 15")
        assert not other.evaluate("map_area.hasLayer(feature_group_sites)")
        assert other.locator(STATUS, has_text="Everything held is shown.").count() == 1
        assert again.faults == visit.faults == []


@pytest.mark.parametrize(
    "fragment",
    [
        "#map=<img src=x onerror=window.owned=1>&layers=__proto__,constructor&kind=",
        "#map=99/999/999&layers=records&evidence=<script>&from=1e9&to=-5&flagged=1",
        "#map=12/0/0&layers=records,tiles&status=constructor",
        "#map=%E0%A4%A&&&=&map=1",
    ],
)
def test_a_hostile_address_moves_nothing_and_asks_nobody(
    page: Page, visit: Visit, fragment: str
) -> None:
    where = "[map_area.getCenter().lat.toFixed(4), map_area.getZoom()]"
    before = page.evaluate(where)
    page.evaluate("text => { location.hash = text; }", fragment)
    _settle(page)
    assert page.evaluate(where) == before
    assert page.evaluate("window.owned") is None
    assert visit.asked_elsewhere() == []
    page.evaluate("location.hash = '#map=1&kind=record,application,site,case'")
    _settle(page)


def test_a_link_to_a_row_or_an_edition_stays_as_it_is(page: Page) -> None:
    page.evaluate("location.hash = '#record-RS009'")
    page.locator(".view").focus()
    page.keyboard.press("-")
    page.wait_for_timeout(700)  # longer than the map waits before it writes an address
    assert page.evaluate("location.hash") == "#record-RS009"


def test_without_a_clipboard_the_address_stands_in_a_field(page: Page) -> None:
    page.evaluate(
        "Object.defineProperty(navigator, 'clipboard', {value: undefined, configurable: true})"
    )
    page.get_by_role("button", name="Link to this view").click()
    field = page.get_by_label("Address of this view")
    assert "#map=" in field.input_value()
    assert page.evaluate("document.activeElement.selectionEnd") == len(field.input_value())


@contextmanager
def _at(chromium: Browser, served: str, latitude: float, *, allowed: bool) -> Iterator[Page]:
    context = chromium.new_context(
        geolocation={"latitude": latitude, "longitude": -1.523, "accuracy": 30},
        permissions=["geolocation"] if allowed else [],
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(served)
    page.locator(".mark").first.wait_for()
    page.get_by_role("button", name="Show where I am").click()
    yield page
    context.close()


def test_the_reader_s_place_is_shown_when_asked_and_stands_in_no_address(
    chromium: Browser, served: str
) -> None:
    with _at(chromium, served, 54.136, allowed=True) as page:
        page.get_by_text("known to about 30 m. It stays in this browser.").wait_for()
        assert page.locator("path.here").count() == 1
        page.locator(".view").focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(700)
        assert page.evaluate("location.hash") == ""
        page.get_by_role("button", name="Stop showing where I am").click()
        assert page.locator("path.here").count() == 0


def test_outside_the_area_and_refused_are_said(chromium: Browser, served: str) -> None:
    with _at(chromium, served, 51.5, allowed=True) as page:
        page.get_by_text("You are outside the area of this map.").wait_for()
    with _at(chromium, served, 54.136, allowed=False) as page:
        page.get_by_text("Your browser did not tell this page where you are.").wait_for()


def test_the_form_breaks_no_rule_and_is_folded_on_a_phone(chromium: Browser, served: str) -> None:
    page = chromium.new_page(viewport={"width": 390, "height": 800}, reduced_motion="reduce")
    page.add_init_script(tools.tool("axe-core/axe.min.js").read_text(encoding="utf-8"))
    page.goto(served)
    page.locator(".mark").first.wait_for()
    assert page.locator("#filters details").get_attribute("open") is None
    page.locator("#filters summary").click()
    parts = ["#filters", "#view-controls", ".key"]
    found = page.evaluate(
        "([parts, rules]) => axe.run({include: parts}, {runOnly: rules}).then(r => r.violations)",
        [parts, RULES],
    )
    assert [(rule["id"], rule["nodes"][0]["html"][:160]) for rule in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.context.close()


def test_without_a_script_there_is_no_form(chromium: Browser, served: str) -> None:
    with _visit(chromium, served, scripts=False) as visit:
        assert visit.page.locator("#filters").is_hidden()
        assert visit.page.locator("#view-controls").is_hidden()
