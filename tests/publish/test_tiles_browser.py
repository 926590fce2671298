"""Vector tiles as a browser draws them: under the zones, asked for, and missed without harm."""

from __future__ import annotations

import functools
import http.server
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from sinkwatch import geo
from sinkwatch.publish import backdrop, frame, tiles
from tests.publish.builders import HOSTILE, HOSTILE_SHOWN
from tests.publish.test_backdrop import CREDIT, EAST, NORTH, on, plain
from tests.publish.test_browser import _Quiet, _visit
from tests.publish.test_tiles import linked, with_postcodes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from sinkwatch.model import Findings
    from tests.publish.test_browser import Visit

pytestmark = pytest.mark.browser

BACKDROP: Final = "Streets, buildings, water and woods"
BUILDING: Final = backdrop.COLOURS["building"]
POSTCODES: Final = "Postcodes by band"
COUNTED: Final = """pane => {
  const found = {};
  document.querySelectorAll(`.leaflet-${pane}-pane canvas`).forEach(canvas => {
    const { width, height } = canvas;
    if (!width) { return; }
    const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const data = copy.getImageData(0, 0, width, height).data;
    for (let pixel = 0; pixel < data.length; pixel += 4) {
      if (data[pixel + 3] < 100) { continue; }
      const shade = "#" + Array.from(data.slice(pixel, pixel + 3), each =>
        each.toString(16).padStart(2, "0")).join("");
      found[shade] = (found[shade] || 0) + 1;
    }
  });
  return found;
}"""


@pytest.fixture(scope="module")
def folder(findings: Findings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the home page with all that it links, on a backdrop, with two postcodes."""
    found = linked(on(with_postcodes(findings, "HG4 1AA", HOSTILE), plain()))
    made: Path = tmp_path_factory.mktemp("maps")
    for path, content in {**found, **{a.path: a.text.encode() for a in frame.shared()}}.items():
        (made / path).parent.mkdir(exist_ok=True)
        (made / path).write_bytes(content)
    return made


@pytest.fixture(scope="module")
def by_pieces(folder: Path) -> Iterator[str]:
    app = Starlette(routes=[Mount("/", StaticFiles(directory=folder))])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/index.html"
    server.should_exit = True
    thread.join()


class _WithoutTiles(_Quiet):
    """Answers as a host where the folder of tiles was forgotten."""

    def do_GET(self) -> None:  # noqa: N802 - the standard library's name
        if self.path.startswith(f"/{tiles.FOLDER}/"):
            self.send_error(404)
        else:
            super().do_GET()


@contextmanager
def whole(folder: Path, handler: type[_Quiet]) -> Iterator[str]:
    """Serve as the simplest of hosts do, which know no ranges."""
    answers = functools.partial(handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()
        thread.join()


def look(page: Page, easting: float, northing: float, zoom: int) -> None:
    (longitude,), (latitude,) = geo.to_wgs84([easting], [northing])
    page.evaluate(
        "([latitude, longitude, zoom]) => {"
        " map_area.setView([latitude, longitude], zoom, { animate: false }); }",
        [float(latitude), float(longitude), zoom],
    )


def shades(page: Page, pane: str, *wanted: str) -> dict[str, int]:
    """Count the pixels of each colour in a pane, once the wanted ones are there."""
    for _ in range(100):
        found: dict[str, int] = page.evaluate(COUNTED, pane)
        if found and found.keys() >= {backdrop.COLOURS[name] for name in wanted}:
            return found
        page.wait_for_timeout(50)
    pytest.fail(f"never drawn: {wanted}")


def asked(visit: Visit, what: str) -> list[str]:
    return [url for url in visit.requests if what in url]


def test_the_backdrop_is_drawn_from_pieces_below_the_zones(
    chromium: Browser, by_pieces: str
) -> None:
    with _visit(chromium, by_pieces) as visit:
        page = visit.page
        look(page, EAST, NORTH + 100, 14)
        assert BUILDING not in shades(page, "backdrop", "water", "woodland")
        look(page, EAST, NORTH + 100, 16)
        assert shades(page, "backdrop", "water", "road", "building")[BUILDING] > 20
        assert CREDIT in page.locator(".leaflet-control-attribution").inner_text()
        page.get_by_role("checkbox", name=BACKDROP).uncheck()
        assert page.locator(".leaflet-backdrop-pane canvas").count() == 0
        assert asked(visit, "postcodes.pmtiles") == []
        assert visit.asked_elsewhere() == []
        assert visit.faults == []


def test_a_postcode_is_asked_for_when_wanted_and_opens_its_card(
    chromium: Browser, by_pieces: str
) -> None:
    with _visit(chromium, by_pieces) as visit:
        page = visit.page
        look(page, EAST + 400, NORTH - 1_500, 16)
        page.get_by_role("checkbox", name=POSTCODES).check()
        page.locator(".leaflet-postcodes-pane canvas.leaflet-tile-loaded").first.wait_for()
        # Colour is not the only sign of a band: its pattern has a second one.
        assert sum(times > 200 for times in shades(page, "postcodes").values()) > 1
        page.locator(".view").evaluate("view => view.scrollIntoView({ block: 'center' })")
        box = page.locator(".view").bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + box["width"] / 2 + 15, box["y"] + box["height"] / 2 + 15)
        card = page.get_by_role("dialog")
        card.wait_for()
        assert HOSTILE_SHOWN in (card.locator(".card-title").text_content() or "")
        assert card.locator(".card-kind").inner_text().lower() == "postcode"
        assert card.locator(".card-band").is_visible()
        assert card.locator("img, script").count() == 0
        assert page.evaluate("window.owned") is None
        page.keyboard.press("Escape")
        page.get_by_role("dialog").wait_for(state="detached")
        # Where no postcode is, the zone below is asked as ever.
        page.mouse.click(box["x"] + 60, box["y"] + box["height"] - 120)
        page.get_by_role("dialog").wait_for()
        assert "zone" in page.locator(".card-kind").inner_text().lower()
        assert visit.faults == []


def test_a_host_that_knows_no_ranges_gives_each_file_once(chromium: Browser, folder: Path) -> None:
    with whole(folder, _Quiet) as address, _visit(chromium, address) as visit:
        look(visit.page, EAST, NORTH + 100, 14)
        shades(visit.page, "backdrop", "water")
        look(visit.page, EAST, NORTH + 100, 16)
        shades(visit.page, "backdrop", "building")
        assert len(asked(visit, "backdrop.pmtiles")) == 1
        assert visit.faults == []


def test_without_the_files_the_map_goes_on_and_says_so(chromium: Browser, folder: Path) -> None:
    with whole(folder, _WithoutTiles) as address, _visit(chromium, address, width=390) as visit:
        said = visit.page.get_by_text("Streets and buildings could not be loaded here.")
        said.wait_for()
        assert said.get_attribute("role") == "status"
        assert visit.page.locator(".place-name:not(.is-hidden)").count() > 3
        assert [fault for fault in visit.faults if "404" not in fault] == []


def test_from_disk_it_says_so_and_asks_for_nothing(chromium: Browser, folder: Path) -> None:
    address = (folder / "index.html").resolve().as_uri()
    with _visit(chromium, address) as visit:
        assert visit.page.get_by_text("Streets and buildings could not be loaded").is_visible()
        visit.page.get_by_role("checkbox", name=POSTCODES).check()
        assert visit.page.get_by_text("Postcodes could not be loaded here.").is_visible()
        assert asked(visit, "pmtiles") == []
        assert visit.faults == []
