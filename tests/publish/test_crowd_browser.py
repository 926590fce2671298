"""Six hundred applications as a reader meets them: numbers to open, cards, a keyboard, a link."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import shapely

from sinkwatch.publish import frame, locations, site, things, webmap
from sinkwatch.publish.pages import home
from sinkwatch.publish.publication import Imprint, Publication
from tests.publish.builders import AUCTION_MART, HOSTILE_SHOWN
from tests.publish.test_browser import _settle, _until, _visit, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from sinkwatch.model import Findings
    from sinkwatch.publish.things import Thing, Things
    from tests.publish.test_browser import Visit

pytestmark = pytest.mark.browser

__all__ = ["served"]

MANY = 600  # six times what the table lists
AT_ONE_PLACE = 30
CROWDED = (430_000.0, 470_000.0)
ADDRESS = "Land behind <b>North Road</b>"
PAGE = f"""<!doctype html><main><p class="headline">High: a record lies near.</p>
<section aria-labelledby="known-title"><dl class="facts">
<div><dt>Address</dt><dd>{ADDRESS.replace("<", "&lt;")}</dd></div>
<div><dt>For</dt><dd>60 homes</dd></div></dl><script>window.owned=1</script>
<a href="javascript:window.owned=1" rel="nofollow">The council</a></section></main>"""


def _crowd(gathered: Things) -> Things:
    """Six hundred round the town, thirty of them on one point; the rest is left out."""
    first = next(thing for thing in gathered.applications if thing.name == AUCTION_MART)
    ways = np.random.default_rng(6).normal((431_300, 471_300), 660, (MANY, 2)).round()
    ways[:AT_ONE_PLACE] = CROWDED
    hostile = [thing for thing in gathered.applications if thing.name.startswith("24/00002")]
    made = tuple(_another(first, index, *way) for index, way in enumerate(ways.tolist()))
    return replace(gathered, applications=(*made, *hostile))


def _another(first: Thing, index: int, easting: float, northing: float) -> Thing:
    key = f"North Yorkshire/26/{index:05d}/FUL"
    return replace(
        first,
        name=f"26/{index:05d}/FUL",
        key=key,
        anchor=f"application-{index}",
        folder=locations.of_application(key),
        geometry=shapely.Point(easting, northing),
        is_flagged=index % 100 == 0,
    )


@pytest.fixture(scope="module")
def folder(findings: Findings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    shown = _crowd(things.gather(findings))
    publication = Publication(findings=findings, things=shown, imprint=Imprint(version="1"))
    pages = home.pages(publication, webmap.Sketch.of(findings, shown))
    pages |= {each.path: each.text.encode() for each in frame.shared()}
    pages |= {locations.page_in(each.folder): PAGE.encode() for each in shown.applications}
    return site.write(pages, tmp_path_factory.mktemp("crowd")).path


@pytest.fixture(scope="module")
def crowd(chromium: Browser, served: str) -> Iterator[Visit]:
    with _visit(chromium, served) as visit:
        yield visit


def _go(visit: Visit, easting: float, northing: float, zoom: int) -> None:
    from sinkwatch import geo  # noqa: PLC0415 - only where there is a browser

    (longitude,), (latitude,) = geo.to_wgs84(easting, northing)
    _close(visit)
    visit.page.evaluate(f"map_area.setView([{latitude}, {longitude}], {zoom})")
    _settle(visit.page)


def _close(visit: Visit) -> None:
    """Close the card and wait until it has faded."""
    visit.page.evaluate("map_area.closePopup()")
    _until(visit.page, "!document.querySelector('.leaflet-popup')")


def _stated(visit: Visit) -> int:
    """Add up what the numbers on the map say, and the marks that stand alone."""
    numbers = visit.page.locator(".cluster span").all_inner_texts()
    alone = visit.page.locator('.mark[aria-label*="planning application)"]').count()
    return sum(int(number.replace(",", "")) for number in numbers) + alone


def test_from_afar_every_application_is_in_a_number_and_few_marks_are_drawn(crowd: Visit) -> None:
    _go(crowd, 431_300, 471_300, 11)
    assert _stated(crowd) == MANY + 1
    assert crowd.page.locator(".cluster").count() < 60
    assert crowd.faults == []


def test_a_number_says_what_it_holds_and_the_keyboard_opens_it(crowd: Visit) -> None:
    page = crowd.page
    _go(crowd, 431_300, 471_300, 12)
    cluster = page.locator('.cluster[aria-label*="flagged"]').first
    said = cluster.get_attribute("aria-label") or ""
    assert " planning applications, " in said
    assert said.endswith(" flagged: show them")
    assert cluster.locator(".flag").count() == 1
    page.bring_to_front()
    cluster.focus()
    page.keyboard.press("Enter")
    _until(page, "map_area.getZoom() > 12")
    assert "leaflet-container" in page.evaluate("document.activeElement.className")


def test_what_is_out_of_sight_is_not_drawn(crowd: Visit) -> None:
    _go(crowd, 431_300, 471_300, 17)
    assert 0 < _stated(crowd) < MANY / 4


def test_where_many_stand_alone_only_the_one_that_is_asked_has_its_circle(crowd: Visit) -> None:
    circles = "map_area.getPane('uncertainty').querySelectorAll('path[stroke=\"#1b5e6b\"]').length"
    page = crowd.page
    _go(crowd, 431_300, 471_300, 16)
    assert page.evaluate(circles) == 0
    page.locator('.mark[aria-label*=" (planning application)"]').last.dispatch_event("click")
    assert page.evaluate(circles) == 1
    page.keyboard.press("Escape")
    _until(page, f"{circles} === 0")


def test_many_at_one_point_are_listed_with_links(crowd: Visit) -> None:
    _go(crowd, *CROWDED, 17)
    name = f"{AT_ONE_PLACE} planning applications, 1 flagged at one place: list them"
    crowd.page.get_by_role("button", name=name).click()
    links = crowd.page.locator(".leaflet-popup li a")
    assert links.count() == AT_ONE_PLACE
    assert "flagged planning application" in links.first.inner_text()


def test_a_card_takes_its_words_from_the_table_s_row(crowd: Visit) -> None:
    page = crowd.page
    _close(crowd)
    page.locator("details").evaluate_all("all => all.forEach(d => d.open = true)")
    page.locator('[data-show="application-50"]').click()
    card = page.locator(".leaflet-popup .card")
    card.wait_for()
    said = card.inner_text()
    for expected in (
        "26/00050/FUL",
        "Awaiting decision",
        "known to ± 80 m",
        "North Road",
        "Every reason",
    ):
        assert expected in said
    assert card.locator('a[href="#application-50"]').count() == 1
    page_link = card.locator('a[href^="applications/"]')
    href = page_link.get_attribute("href") or ""
    assert href.startswith("applications/north-yorkshire-26-00050-ful-")


def test_other_cards_ask_their_own_page_and_take_only_text_from_it(crowd: Visit) -> None:
    page, asked = crowd.page, len(crowd.requests)
    _go(crowd, 431_300, 471_300, 17)
    far = page.evaluate(
        "[...document.querySelectorAll('.mark')].map(e => e.ariaLabel)"
        f".find(n => / \\(planning/.test(n) && Number(n.slice(3, 8)) >= {home.MOST_APPLICATIONS})"
    )
    page.locator(f'.mark[aria-label="{far}"]').focus()
    page.keyboard.press("Enter")
    page.get_by_text(ADDRESS).wait_for()
    card = page.locator(".leaflet-popup .card")
    assert "High: a record lies near." in card.inner_text()
    assert card.locator("b, script").count() == 0
    assert card.locator('a[href^="javascript"]').count() == 0
    assert page.evaluate("window.owned") is None
    (own,) = crowd.requests[asked:]
    assert "/applications/north-yorkshire-26-" in own
    assert crowd.faults == []


def test_from_a_folder_a_card_says_where_its_words_are(chromium: Browser, folder: Path) -> None:
    with _visit(chromium, (folder / "index.html").resolve().as_uri()) as visit:
        page = visit.page
        _go(visit, 431_300, 471_300, 17)
        page.locator('.mark[aria-label*=" (planning application)"]').last.dispatch_event("click")
        said = page.locator(".leaflet-popup .card").inner_text()
        assert "its own page" in said
        assert page.locator("#locate").is_hidden()
        assert visit.faults == []


def test_a_hostile_reference_is_text_in_a_mark_s_name_and_card(crowd: Visit) -> None:
    page = crowd.page
    _go(crowd, 431_300, 471_300, 17)
    mark = page.locator('.mark[aria-label^="24/00002"]')
    mark.focus()
    page.keyboard.press("Enter")
    card = page.locator(".leaflet-popup .card")
    card.wait_for()
    assert HOSTILE_SHOWN in card.inner_text().replace("\n", " ")
    assert card.locator("img, script, iframe").count() == 0
    assert page.evaluate("window.owned") is None
