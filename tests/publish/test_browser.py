"""The published map as a browser shows it: asks nobody, runs nothing from outside, has no traps."""

from __future__ import annotations

import functools
import http.server
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from sinkwatch.publish import site
from tests.publish.builders import HOSTILE_SHOWN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

READ_ON = "2026-11-25T12:00:00Z"
BACKGROUND = "Background map (asks openstreetmap.org)"


@dataclass
class Visit:
    """A page as opened, with everything it asked for and everything that went wrong."""

    page: Page
    address: str
    requests: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def asked_elsewhere(self) -> list[str]:
        """Return requests to any host but the page's own."""
        own = self.address.rsplit("/", 1)[0]
        return [url for url in self.requests if not url.startswith((own, "data:"))]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep the test's own output readable."""


@pytest.fixture(scope="module")
def folder(pages: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return site.write(pages, tmp_path_factory.mktemp("maps")).path


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()
        thread.join()


@contextmanager
def _visit(
    browser: Browser, address: str, *, width: int = 1280, scripts: bool = True, now: str = ""
) -> Iterator[Visit]:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        offline=address.startswith("file:"),
        reduced_motion="reduce",
        java_script_enabled=scripts,
    )
    page = context.new_page()
    visit = Visit(page=page, address=address)
    page.on("request", lambda request: visit.requests.append(request.url))
    page.on("pageerror", lambda error: visit.faults.append(str(error)))
    page.on("dialog", lambda dialog: (visit.faults.append(dialog.message), dialog.dismiss()))
    page.on(
        "console",
        lambda said: visit.faults.append(said.text) if said.type in ("error", "warning") else None,
    )
    # Nothing leaves this machine, whatever a page may try.
    page.route(
        lambda url: not url.startswith(("http://127.0.0.1", "file:", "data:")),
        lambda route: route.abort(),
    )
    if now:
        page.clock.set_fixed_time(now)
    page.goto(address)
    if scripts:
        page.locator(".mark").first.wait_for()
        _settle(page)
    try:
        yield visit
    finally:
        context.close()


def _settle(page: Page) -> None:
    """Wait until the map has arranged its marks and names: it does so before the next frame."""
    page.evaluate("() => new Promise(d => requestAnimationFrame(() => requestAnimationFrame(d)))")


def _lay_out(page: Page) -> None:
    """Lay out what the browser leaves until a reader comes near, so that it can be measured."""
    page.locator(".table, .fold").evaluate_all(
        "all => all.forEach(each => { each.style.contentVisibility = 'visible'; })"
    )


def _until(page: Page, met: str) -> None:
    """Ask again and again from outside: the page's own policy lets nothing inside it do so."""
    for _ in range(100):
        if page.evaluate(met):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"never met: {met}")


@pytest.fixture
def offline(chromium: Browser, folder: Path) -> Iterator[Visit]:
    with _visit(chromium, (folder / "offline.html").resolve().as_uri()) as visit:
        yield visit


@pytest.fixture(scope="module")
def first_view(chromium: Browser, folder: Path) -> Iterator[Page]:
    """For tests that only look: they press nothing, so one page does for all of them."""
    with _visit(chromium, (folder / "offline.html").resolve().as_uri()) as visit:
        yield visit.page


@pytest.fixture
def online(chromium: Browser, served: str) -> Iterator[Visit]:
    with _visit(chromium, served) as visit:
        yield visit


def test_the_one_file_map_asks_for_nothing_and_has_no_fault(offline: Visit) -> None:
    offline.page.get_by_role("checkbox", name="Postcodes by band").check()
    offline.page.locator(".leaflet-control-zoom-in").click()
    offline.page.wait_for_timeout(400)
    assert offline.requests == [offline.address]
    assert offline.faults == []
    assert offline.page.locator(".leaflet-control-layers").get_by_text(BACKGROUND).count() == 0


def test_the_map_opened_from_a_folder_works_as_the_served_one_does(
    chromium: Browser, folder: Path
) -> None:
    with _visit(chromium, (folder / "index.html").resolve().as_uri()) as visit:
        assert visit.faults == []
        assert visit.asked_elsewhere() == []
        assert visit.page.locator(".mark").count() > 40


def test_nobody_else_is_asked_until_the_reader_switches_the_background_on(online: Visit) -> None:
    assert online.asked_elsewhere() == []
    assert online.faults == []
    assert "OpenStreetMap contributors" not in online.page.locator(".view").inner_text()
    with online.page.expect_request("https://tile.openstreetmap.org/**"):
        online.page.get_by_role("checkbox", name=BACKGROUND).check()
    asked = online.asked_elsewhere()
    assert asked
    assert all(url.startswith("https://tile.openstreetmap.org/") for url in asked)
    assert "OpenStreetMap contributors" in online.page.locator(".view").inner_text()


def test_the_served_page_breaks_no_rule_of_its_own_policy(online: Visit) -> None:
    online.page.evaluate(
        "window.broken = []; document.addEventListener("
        "'securitypolicyviolation', e => window.broken.push(e.violatedDirective))"
    )
    for layer in ("Postcodes by band", "Watched sites", "Place names"):
        box = online.page.get_by_role("checkbox", name=layer)
        box.set_checked(not box.is_checked())
    online.page.locator(".mark").first.click()
    online.page.locator(".leaflet-control-zoom-out").click()
    online.page.wait_for_timeout(400)
    assert online.page.evaluate("window.broken") == []
    assert online.faults == []


def test_the_policy_stops_a_script_that_got_into_the_page(online: Visit) -> None:
    online.page.evaluate(
        "() => { const s = document.createElement('script');"
        " s.textContent = 'window.owned = 1'; document.body.append(s);"
        " document.querySelector('h1').innerHTML = '<img src=x onerror=\"window.owned=1\">'; }"
    )
    for _ in range(100):  # the browser reports it in its own time
        online.page.wait_for_timeout(100)
        if any("Content Security Policy" in fault for fault in online.faults):
            break
    else:
        pytest.fail("the policy was never heard of")
    assert online.page.evaluate("window.owned") is None


def test_key_layers_scale_north_and_disclaimer_are_on_view(first_view: Page) -> None:
    for selector in (
        ".key",
        ".leaflet-control-layers-expanded",
        ".leaflet-control-scale",
        ".north",
    ):
        assert first_view.locator(selector).is_visible()
    assert first_view.locator(".key .swatch").count() == 4 + 6
    assert (
        "not a survey, a council map or a BGS product" in first_view.locator(".limits").inner_text()
    )
    assert first_view.locator(".leaflet-control-scale-line").inner_text().endswith(" m")


def test_a_hostile_application_is_shown_as_text_and_runs_nothing(offline: Visit) -> None:
    page = offline.page
    page.locator('.mark[aria-label^="24/00002"]').click()
    card = page.locator(".leaflet-popup .card")
    assert HOSTILE_SHOWN in card.inner_text().replace("\n", " ")
    assert card.locator("img, script, svg:not(.swatch), iframe").count() == 0
    row = page.locator("tr", has_text="24/00002")
    assert HOSTILE_SHOWN in row.inner_text().replace("\n", " ")
    page.wait_for_timeout(200)
    assert page.evaluate("window.owned") is None
    assert "owned" not in page.title()
    assert offline.faults == []


def test_the_card_of_a_record_says_what_when_how_sure_and_where_from(offline: Visit) -> None:
    offline.page.locator('.mark[aria-label^="Magdalen\'s Close house collapse"]').click()
    said = offline.page.locator(".leaflet-popup .card").inner_text()
    for expected in ("17 February 2014", "confirmed", "15 m", "known to ± 150 m", "BGS"):
        assert expected in said
    link = offline.page.locator(".leaflet-popup .card a").first
    assert link.get_attribute("rel") == "noopener noreferrer nofollow"
    more = offline.page.locator(".leaflet-popup .card a").last
    assert more.get_attribute("href") == "#record-RS009"


def test_where_pages_lie_beside_the_map_a_card_leads_to_its_own(online: Visit) -> None:
    online.page.locator('.mark[aria-label^="Magdalen\'s Close house collapse"]').click()
    links = online.page.locator(".leaflet-popup .card a").evaluate_all(
        "all => all.map(a => a.getAttribute('href'))"
    )
    assert links[-2:] == ["#record-RS009", "records/RS009/index.html"]


def test_the_card_of_a_site_names_its_band_in_words(offline: Visit) -> None:
    offline.page.locator('.mark[aria-label^="Old Ripon Auction Mart"]').first.click()
    said = offline.page.locator(".leaflet-popup .card").inner_text()
    assert "FLAGGED WATCHED SITE" in said.upper()
    assert "High" in said
    assert "about 80 m (± 170 m)" in said


def test_the_ground_says_what_it_is_when_asked(offline: Visit) -> None:
    view = offline.page.locator(".view")
    box = view.bounding_box()
    assert box is not None
    view.click(position={"x": 0.6 * box["width"], "y": box["height"] - 90})
    said = offline.page.locator(".leaflet-popup .card").inner_text()
    assert "Class C" in said
    assert "drawn to ± 500 m, at about 1:100 000" in said


def test_layers_are_switched_off_and_on(offline: Visit) -> None:
    page = offline.page
    records = page.locator('.mark:has(use[href^="#mark-record"])')
    assert records.count() == 18
    page.get_by_role("checkbox", name="Recorded events").uncheck()
    _settle(page)
    assert records.count() == 0
    page.get_by_role("checkbox", name="Recorded events").check()
    _settle(page)
    assert records.count() == 18
    assert page.locator(".leaflet-postcodes-pane path").count() == 0
    page.get_by_role("checkbox", name="Postcodes by band").check()
    _settle(page)
    assert page.locator(".leaflet-postcodes-pane path").count() > 100


def test_zones_are_drawn_with_patterns_and_without_a_line(first_view: Page) -> None:
    paths = first_view.locator(".leaflet-zones-pane path")
    fills = {paths.nth(i).get_attribute("fill") for i in range(paths.count())}
    assert {"url(#zone-c) #b98a3e", "url(#zone-b) #c9b98f", "url(#zone-a) #b9c4bf"} <= fills
    strokes = {paths.nth(i).get_attribute("stroke") for i in range(paths.count())}
    dashes = {paths.nth(i).get_attribute("stroke-dasharray") for i in range(paths.count())}
    assert strokes == {"none", "#5b6b73"}
    assert dashes == {None, "1 6"}


def test_a_circle_is_as_wide_on_the_ground_as_is_said(first_view: Page) -> None:
    widths = first_view.evaluate(
        "() => { const wide = []; map_area.eachLayer(l => { if (l instanceof L.Circle)"
        " wide.push([l.getRadius(), map_area.distance(l.getBounds().getNorthWest(),"
        " l.getBounds().getNorthEast())]); }); return wide; }"
    )
    assert len(widths) == 18 + 3
    for radius, across in widths:
        assert across == pytest.approx(2 * radius, rel=0.01)


def test_names_can_be_read_and_none_lies_over_another_or_over_a_mark(first_view: Page) -> None:
    shown = first_view.evaluate(
        "() => [...document.querySelectorAll('.place-name:not(.is-hidden)')].map(e => {"
        " const b = e.getBoundingClientRect();"
        " return [e.textContent, b.left, b.top, b.right, b.bottom]; })"
    )
    assert {"Sharow", "Old Auction Mart", "Cathedral"} <= {name for name, *_ in shown}
    marks = first_view.evaluate(
        "() => [...document.querySelectorAll('.mark')].map(e => {"
        " const b = e.getBoundingClientRect();"
        " return ['mark', b.left + 3, b.top + 3, b.right - 3, b.bottom - 3]; })"
    )
    for index, one in enumerate(shown):
        for other in shown[index + 1 :] + marks:
            assert not _overlap(one, other), (one, other)


def test_marks_do_not_hide_one_another_in_the_first_view(first_view: Page) -> None:
    marks = first_view.evaluate(
        "() => [...document.querySelectorAll('.mark')].map(e => {"
        " const b = e.getBoundingClientRect();"
        " return [e.ariaLabel, b.left + 4, b.top + 4, b.right - 4, b.bottom - 4]; })"
    )
    hidden = [
        (one[0], other[0])
        for index, one in enumerate(marks)
        for other in marks[index + 1 :]
        if _overlap(one, other)
    ]
    assert hidden == []


def _overlap(one: list[float], other: list[float]) -> bool:
    return one[1] < other[3] and other[1] < one[3] and one[2] < other[4] and other[2] < one[4]


def test_closer_than_1_to_25_000_the_zones_own_scale_is_shown(offline: Visit) -> None:
    notice = offline.page.locator(".notice")
    assert notice.is_visible()
    assert notice.inner_text() == (
        "Zones are drawn at about 1:100 000; their edge is uncertain by ± 500 to 1,000 m."
    )
    offline.page.evaluate("map_area.setZoom(13, {animate: false})")
    assert notice.is_hidden()


def test_the_view_cannot_come_closer_than_the_zones_can_bear(offline: Visit) -> None:
    offline.page.evaluate("map_area.setZoom(19, {animate: false})")
    assert offline.page.evaluate("map_area.getZoom()") == 17


def test_the_keyboard_reaches_a_mark_opens_its_card_and_comes_back(offline: Visit) -> None:
    page = offline.page
    page.bring_to_front()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    mark = page.locator('.mark[aria-label^="Magdalen\'s Close house collapse"]')
    mark.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Magdalen's Close house collapse")
    assert dialog.is_visible()
    assert page.evaluate("document.activeElement.getAttribute('role')") == "dialog"
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    assert "Magdalen's Close" in page.evaluate("document.activeElement.ariaLabel")


def test_the_map_itself_moves_by_the_keyboard(offline: Visit) -> None:
    page = offline.page
    page.bring_to_front()  # a page behind another has no focus to give, and its keys are lost
    page.locator(".view").focus()
    _until(page, "map_area.keyboard._focused")
    before = page.evaluate("map_area.getCenter().lng")
    # A key that comes while Leaflet still glides is not taken: like a reader, press it once more.
    for _ in range(20):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(200)
        if page.evaluate(f"map_area.getCenter().lng > {before}"):
            break
    _until(page, f"map_area.getCenter().lng > {before}")
    # Leaflet takes no key while it still glides from the last one.
    _until(page, "!map_area._panAnim || !map_area._panAnim._inProgress")
    zoom = page.evaluate("map_area.getZoom()")
    for _ in range(20):
        page.keyboard.press("-")
        page.wait_for_timeout(200)
        if page.evaluate(f"map_area.getZoom() < {zoom}"):
            break
    _until(page, f"map_area.getZoom() < {zoom}")


def test_a_table_row_leads_to_its_place_on_the_map_also_when_its_layer_is_off(
    offline: Visit,
) -> None:
    page = offline.page
    page.get_by_role("checkbox", name="Recorded events").uncheck()
    page.locator('button[data-show="record-RS010"]').click()
    card = page.locator(".leaflet-popup .card")
    card.wait_for()
    assert "Magdalen's Road back gardens" in card.inner_text()
    assert page.get_by_role("checkbox", name="Recorded events").is_checked()
    assert page.locator('button[data-show="record-RS012"]').count() == 0


def test_the_age_of_each_source_is_that_of_the_readers_day(chromium: Browser, folder: Path) -> None:
    address = (folder / "offline.html").resolve().as_uri()
    with _visit(chromium, address, now=READ_ON) as visit:
        ages = visit.page.locator(".age").all_text_contents()
        assert ages[:5] == ["3 days ago"] * 5
        assert ages[5] == "3 days ago: out of date, it should be checked every 2 days"
        stale = visit.page.locator(".age.is-stale")
        assert stale.count() == 1
        assert stale.evaluate("e => getComputedStyle(e).color") == "rgb(138, 75, 0)"


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_no_width_makes_the_page_scroll_sideways(
    chromium: Browser, folder: Path, width: int
) -> None:
    address = (folder / "offline.html").resolve().as_uri()
    with _visit(chromium, address, width=width) as visit:
        _lay_out(visit.page)
        visit.page.locator("details").evaluate_all("all => all.forEach(d => d.open = true)")
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_a_phone_the_layer_switch_is_folded_and_a_card_is_not_covered(
    chromium: Browser, folder: Path
) -> None:
    address = (folder / "offline.html").resolve().as_uri()
    with _visit(chromium, address, width=390) as visit:
        page = visit.page
        assert page.locator(".leaflet-control-layers-expanded").count() == 0
        assert page.locator(".leaflet-control-layers-toggle").is_visible()
        page.locator('button[data-show="record-RS009"]').click()
        page.locator(".leaflet-popup .card").wait_for()
        page.wait_for_timeout(300)
        close = page.locator(".leaflet-popup-close-button")
        close.click()
        page.locator(".leaflet-popup").wait_for(state="detached")


def test_without_a_script_everything_is_in_the_tables_and_the_page_says_so(
    chromium: Browser, folder: Path
) -> None:
    address = (folder / "offline.html").resolve().as_uri()
    with _visit(chromium, address, scripts=False) as visit:
        page = visit.page
        assert page.locator(".without").is_visible()
        assert page.locator("#records tbody tr").count() == 19
        assert page.locator(".show:visible").count() == 0
        assert page.locator(".key").is_visible()


def test_text_is_dark_enough_on_its_ground(offline: Visit) -> None:
    pairs = offline.page.evaluate(
        "() => ['p', 'small', 'caption', 'th', 'a', '.credit', '.note', '.age']"
        ".flatMap(s => [...document.querySelectorAll('main ' + s)].slice(0, 5))"
        ".map(e => { let b = e; while (getComputedStyle(b).backgroundColor === 'rgba(0, 0, 0, 0)')"
        " b = b.parentElement; return [e.tagName, getComputedStyle(e).color,"
        " getComputedStyle(b).backgroundColor]; })"
    )
    assert len(pairs) > 20
    assert [pair for pair in pairs if _contrast(pair[1], pair[2]) < 4.5] == []


def _contrast(one: str, other: str) -> float:
    """Return the contrast of two CSS colours, as WCAG 2.2 counts it."""
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    shares = [float(part) / 255 for part in colour.split("(")[1].rstrip(")").split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
