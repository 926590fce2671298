"""Two hundred texts that mean harm in every field of every source: all become plain text."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from sinkwatch.publish import embed, pictures, site, things, webmap
from sinkwatch.publish.publication import Publication
from tests.publish import hostile
from tests.publish.builders import CONTACT
from tests.publish.editions import as_xml
from tests.publish.test_browser import served

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from sinkwatch.model import Area, Inputs

__all__ = ["served"]

_ADDRESS: Final = "https://sinkwatch.example/ripon"
_CALCULATED: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

_ACTIVE: Final = r"""
async paths => {
  const parser = new DOMParser(), found = [];
  const schemes = /^(https?:|mailto:|data:image\/svg\+xml,)/i, scheme = /^[^/?#]*:/;
  const links = ["href", "src", "action", "formaction", "data", "poster", "srcset", "xlink:href"];
  const never = ["iframe", "frame", "object", "embed", "applet", "base", "style", "math",
                 "template", "audio", "video", "marquee"].join();
  for (const path of paths) {
    const text = await fetch(path).then(answer => answer.text());
    const page = parser.parseFromString(text, "text/html");
    const say = (what, each) => found.push(`${path}: ${what}: ${each.outerHTML.slice(0, 160)}`);
    page.querySelectorAll(never).forEach(each => {
      if (path !== "offline.html" || each.localName !== "style") { say("never", each); }
    });
    page.querySelectorAll("noscript:not(.without > noscript)").forEach(each => say("never", each));
    page.querySelectorAll("script").forEach(each => {
      if (each.type === "application/ld+json") { JSON.parse(each.textContent); return; }
      if (path === "offline.html" && !each.attributes.length) { return; }
      if (each.textContent || /[:\\]|\/\//.test(each.getAttribute("src"))) { say("script", each); }
    });
    page.querySelectorAll("meta[http-equiv]").forEach(each => {
      if (each.httpEquiv !== "Content-Security-Policy") { say("meta", each); }
    });
    page.querySelectorAll("*").forEach(each => {
      for (const { name, value } of each.attributes) {
        if (/^on|^style$|^srcdoc$/.test(name)) { say(name, each); }
        if (!links.includes(name)) { continue; }
        if (scheme.test(value) && !schemes.test(value)) { say(name, each); }
        if (/^[\\/]{2}/.test(value)) { say(name, each); }
      }
    });
  }
  return found;
}
"""
"""What of pages would do something, as the browser itself reads them; nothing of it is run."""


@pytest.fixture(scope="module")
def attacked(ripon: Area, ripon_inputs: Inputs) -> dict[str, bytes]:
    """The site of a world in which everybody lies; all of it but the cards that are painted."""
    found, told = hostile.findings(ripon, ripon_inputs), hostile.history()
    imprint = site.Imprint(version="0.1.0", contact=CONTACT, public_url=_ADDRESS, pictures=False)
    publication = Publication(
        findings=found,
        things=things.gather(found),
        imprint=replace(imprint, pictures=True),
        history=told,
    )
    drawn = pictures.pages(publication)
    framed = embed.pages(publication, webmap.Sketch.of(found, publication.things), drawn)
    return {**site.build(found, imprint, history=told), **drawn, **framed}


def _of_kind(pages: dict[str, bytes], *endings: str) -> dict[str, str]:
    """Return the text of the files that end so; at least one of each must be there."""
    assert all(any(path.endswith(each) for path in pages) for each in endings)
    return {path: page.decode() for path, page in pages.items() if path.endswith(endings)}


def test_every_text_is_there_on_a_page_of_its_own(attacked: dict[str, bytes]) -> None:
    for folder in ("records", "sites", "applications"):
        n_pages = sum(path.startswith(f"{folder}/") and path.count("/") == 2 for path in attacked)
        assert n_pages >= len(hostile.TEXTS)


def test_no_file_is_called_what_a_source_says(attacked: dict[str, bytes]) -> None:
    plain = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./")
    assert [path for path in attacked if not plain.issuperset(path) or ".." in path] == []


@pytest.fixture(scope="module")
def folder(attacked: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return site.write(attacked, tmp_path_factory.mktemp("attacked")).path


@pytest.mark.browser
def test_no_page_has_anything_in_it_that_acts(
    chromium: Browser, attacked: dict[str, bytes], served: str
) -> None:
    page = chromium.new_page()
    page.goto(served.replace("index.html", "llms.txt"))  # asks as a page of the site, runs nothing
    found = page.evaluate(_ACTIVE, [*_of_kind(attacked, ".html")])
    page.context.close()
    assert found == []


@pytest.mark.browser
def test_nothing_of_it_runs_where_scripts_draw_it(chromium: Browser, folder: Path) -> None:
    page = chromium.new_page()
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    for name in ("offline.html", "index.html", "check/index.html"):
        page.goto((folder / name).as_uri())
        page.locator("body").press("Tab")
        assert page.evaluate("window.owned") is None
    page.context.close()
    assert faults == []


def test_no_cell_of_a_table_is_calculated(attacked: dict[str, bytes]) -> None:
    for path, text in _of_kind(attacked, ".csv").items():
        cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
        assert cells, path
        risky = [cell for cell in cells if cell.lstrip().startswith(_CALCULATED)]
        assert [cell for cell in risky if not _is_number(cell)] == [], path


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_no_cell_of_a_geopackage_is_calculated(attacked: dict[str, bytes], tmp_path: Path) -> None:
    packages = [path for path in attacked if path.endswith(".gpkg")]
    assert packages
    for number, path in enumerate(packages):
        file = tmp_path / f"{number}.gpkg"
        file.write_bytes(attacked[path])
        assert [cell for cell in _texts(file) if cell.lstrip().startswith(_CALCULATED)] == [], path


def _texts(file: Path) -> list[str]:
    """Return every text of every table of features."""
    with sqlite3.connect(file) as connection:
        names = connection.execute("select table_name from gpkg_contents").fetchall()
        return [
            cell
            for (name,) in names
            for row in connection.execute(f'select * from "{name}"')  # noqa: S608 - our own name
            for cell in row
            if isinstance(cell, str)
        ]


def test_every_feed_and_list_is_what_it_says_it_is(attacked: dict[str, bytes]) -> None:
    for path, text in _of_kind(attacked, ".atom", ".xml").items():
        root = as_xml(text.encode())
        for each in root.iter():
            assert "script" not in str(each.tag), path
            assert each.get("type") not in {"html", "xhtml"}, path
            assert not (each.get("href") or "https:").lower().startswith(("javascript:", "data:"))
    for text in _of_kind(attacked, ".json", ".geojson").values():
        json.loads(text)


def test_no_picture_holds_more_than_a_drawing(attacked: dict[str, bytes]) -> None:
    for path, text in _of_kind(attacked, ".svg").items():
        for each in as_xml(text.encode()).iter():
            assert not str(each.tag).endswith(("script", "foreignObject", "iframe")), path
            assert [name for name in each.keys() if name.startswith("on")] == [], path  # noqa: SIM118
            links = [value for name, value in each.items() if name.endswith("href")]
            assert all(link.startswith(("#", "data:image/png;")) for link in links), path


def test_no_script_is_ended_by_what_it_holds(attacked: dict[str, bytes]) -> None:
    ours = {path: text for path, text in _of_kind(attacked, ".js").items() if "leaflet" not in path}
    for path, text in ours.items():
        assert "window.owned=1</script" not in text, path
        assert "\u2028{" not in text, path


def test_no_line_of_a_plain_file_is_begun_by_a_source(attacked: dict[str, bytes]) -> None:
    for path, text in _of_kind(attacked, ".txt").items():
        assert "Set-Cookie: a=b" not in text.splitlines(), path
