"""What the headers of the published site allow a newsroom's page to do, in a real browser."""

from __future__ import annotations

import functools
import http.server
import threading
from typing import TYPE_CHECKING

import pytest

from sinkwatch.publish import site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.web.service import Service

pytestmark = pytest.mark.browser

# The least that can be drawn: one pixel.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4"
    "890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
PAGE = b"<!doctype html><title>x</title><p>Ours"
FILES = {
    "index.html": PAGE,
    "records/index.html": PAGE,
    "embed/map/index.html": PAGE,
    "embed/oembed/map.json": b"{}",
    "data/a.csv": b"a,b",
    "feeds/all.atom": b"<feed/>",
    "pictures/map.png": PIXEL,
    "tiles/backdrop.png": PIXEL,
}


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def newsroom(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "newsroom"
    folder.mkdir()
    (folder / "index.html").write_bytes(b"<!doctype html><title>News</title>")
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        # Another site than that of the service, not only another port of it.
        yield f"http://localhost:{server.server_port}/index.html"
        server.shutdown()
        thread.join()


FETCHED = "address => fetch(address).then(answer => answer.status, () => 'refused')"
DRAWN = """address => new Promise(done => {
    const image = new Image();
    image.onload = () => done('drawn');
    image.onerror = () => done('refused');
    image.src = address;
})"""
FRAMED = """address => new Promise(done => {
    const frame = document.createElement('iframe');
    frame.onload = () => done();
    frame.src = address;
    document.body.append(frame);
})"""


def test_a_newsroom_frames_what_is_for_that_and_fetches_what_is_data(
    chromium: Browser, service: Service, newsroom: str
) -> None:
    site.write(FILES, service.services.settings.maps_folder)
    page = chromium.new_page()
    page.goto(newsroom)
    assert {path: _framed(page, f"{service.address}/{path}") for path in ("", "embed/map/")} == {
        "": "",
        "embed/map/": "Ours",
    }
    fetched = {path: page.evaluate(FETCHED, f"{service.address}/{path}") for path in FILES}
    assert {path for path, status in fetched.items() if status == 200} == {
        "data/a.csv",
        "embed/oembed/map.json",
        "feeds/all.atom",
    }
    drawn = {
        path: page.evaluate(DRAWN, f"{service.address}/{path}")
        for path in FILES
        if path.endswith(".png")
    }
    assert drawn == {"pictures/map.png": "drawn", "tiles/backdrop.png": "refused"}
    page.context.close()


def _framed(page: Page, address: str) -> str:
    """Return what a frame of that address shows; nothing if the browser leaves it empty."""
    page.evaluate(FRAMED, address)
    frame = page.frames[-1]
    return frame.locator("body").inner_text() if frame.url == address else ""


def test_the_map_may_ask_where_its_reader_is_and_for_nothing_else(
    chromium: Browser, service: Service
) -> None:
    site.write(FILES, service.services.settings.maps_folder)
    page = chromium.new_page()
    page.goto(service.address)
    allowed = page.evaluate("document.featurePolicy.allowedFeatures()")
    assert {"geolocation", "camera", "microphone"} & set(allowed) == {"geolocation"}
    page.goto(f"{service.address}/subscribe")
    allowed = page.evaluate("document.featurePolicy.allowedFeatures()")
    assert {"geolocation", "camera", "microphone"} & set(allowed) == set()
    page.context.close()
