"""The site in a real browser: below a folder of a host that sets no header, and on disk."""

from __future__ import annotations

import functools
import http.server
import threading
from typing import TYPE_CHECKING

import pytest

from tests.publish.test_browser import folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

__all__ = ["folder"]

REPOSITORY = "my-repository"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def below(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of the site as `https://user.github.io/repository/` has it."""
    top = tmp_path_factory.mktemp("pages")
    (top / REPOSITORY).symlink_to(folder.resolve())
    handler = functools.partial(_Quiet, directory=str(top))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/{REPOSITORY}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("where", ["below", "disk"])
def test_from_page_to_page_nothing_fails_and_nothing_outside_the_folder_is_asked(
    chromium: Browser, folder: Path, request: pytest.FixtureRequest, where: str
) -> None:
    on_disk = where == "disk"
    site = folder.resolve().as_uri() if on_disk else request.getfixturevalue("below")
    wrong: list[str] = []
    context = chromium.new_context(reduced_motion="reduce", offline=on_disk)
    page = context.new_page()
    page.on("console", lambda said: wrong.append(f"{page.url}: {said.text}"))
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    page.on("requestfailed", lambda asked: wrong.append(f"{page.url} lacks {asked.url}"))
    page.on(
        "request",
        lambda asked: (
            None if asked.url.startswith((f"{site}/", "data:")) else wrong.append(asked.url)
        ),
    )
    page.goto(f"{site}/index.html")
    page.locator(".leaflet-container").wait_for()
    for name, at in (("Look up", "check/"), ("Records", "records/"), ("Map", "")):
        page.get_by_role("link", name=name, exact=True).first.click()
        page.wait_for_url(f"{site}/{at}index.html")
    page.locator(".leaflet-container").wait_for()
    context.close()
    assert wrong == []
