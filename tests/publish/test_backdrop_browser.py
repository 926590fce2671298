"""The backdrop as a browser shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sinkwatch.publish import site
from tests.publish.test_backdrop import CREDIT, on, plain
from tests.publish.test_browser import _settle, _visit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from sinkwatch.model import Findings
    from tests.publish.test_browser import Visit

pytestmark = pytest.mark.browser

MARKUP = f'{CREDIT} <img src=x onerror="window.owned=1">'


@pytest.fixture(scope="module")
def address(findings: Findings, tmp_path_factory: pytest.TempPathFactory) -> str:
    pages = site.build(on(findings, plain(), MARKUP), site.Imprint(version="0.1.0", pictures=False))
    folder: Path = site.write(pages, tmp_path_factory.mktemp("maps")).path
    return (folder / "offline.html").resolve().as_uri()


@pytest.fixture(params=[390])  # the narrow page: what fits there fits anywhere
def visit(request: pytest.FixtureRequest, chromium: Browser, address: str) -> Iterator[Visit]:
    with _visit(chromium, address, width=request.param) as opened:
        yield opened


def zoomed(page: Page, way: str) -> None:
    page.locator(f".leaflet-control-zoom-{way}").click()
    page.wait_for_timeout(400)
    _settle(page)


def test_it_asks_for_nothing_and_has_no_fault(visit: Visit) -> None:
    zoomed(visit.page, "in")
    assert visit.requests == [visit.address]
    assert visit.faults == []
    assert visit.page.evaluate("window.owned") is None


def test_its_credit_is_read_as_text(visit: Visit) -> None:
    credits_shown = visit.page.locator(".leaflet-control-attribution")
    assert MARKUP in credits_shown.inner_text()
    assert credits_shown.locator("img").count() == 0


def test_buildings_come_only_where_they_can_be_told_apart(visit: Visit) -> None:
    buildings = visit.page.locator(".leaflet-buildings-pane")
    assert buildings.evaluate("e => getComputedStyle(e).display") == "none"
    zoomed(visit.page, "in")
    assert buildings.evaluate("e => getComputedStyle(e).display") == "block"
    zoomed(visit.page, "out")
    assert buildings.evaluate("e => getComputedStyle(e).display") == "none"


def test_streets_widen_with_the_scale_and_keep_their_edge(visit: Visit) -> None:
    def widths(pane: str) -> list[float]:
        found: list[float] = visit.page.locator(f".leaflet-{pane}-pane path").evaluate_all(
            "paths => paths.map(path => Number(path.getAttribute('stroke-width')))"
        )
        return sorted(width for width in found if width)

    before = widths("roads")
    zoomed(visit.page, "in")
    after = widths("roads")
    assert all(wider > narrow for narrow, wider in zip(before[1:], after[1:], strict=True))
    assert max(widths("backdrop")) > max(after)


def test_it_lies_below_the_zones_and_takes_no_click(visit: Visit) -> None:
    order = visit.page.evaluate(
        "() => ['backdrop', 'roads', 'buildings', 'zones'].map(name => Number("
        "getComputedStyle(document.querySelector(`.leaflet-${name}-pane`)).zIndex))"
    )
    assert order == sorted(order)
    assert visit.page.locator(".leaflet-backdrop-pane .leaflet-interactive").count() == 0


def test_it_can_be_switched_off(visit: Visit) -> None:
    paths = visit.page.locator(".leaflet-roads-pane path")
    assert paths.count() > 0
    if visit.page.viewport_size == {"width": 390, "height": 900}:
        visit.page.locator(".leaflet-control-layers").hover()
    visit.page.get_by_role("checkbox", name="Streets, buildings, water and woods").uncheck()
    assert paths.count() == 0


def test_the_scale_bar_is_not_behind_the_credits(visit: Visit) -> None:
    def box(selector: str) -> dict[str, float]:
        found = visit.page.locator(selector).first.bounding_box()
        assert found is not None
        return dict(found)

    bar, credits_box = box(".leaflet-control-scale"), box(".leaflet-control-attribution")
    beside = bar["x"] + bar["width"] <= credits_box["x"]
    above = bar["y"] + bar["height"] <= credits_box["y"] + 1
    assert beside or above
