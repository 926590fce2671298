"""The look of linked pages, and what their two small scripts do."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from sinkwatch import style
from sinkwatch.publish import assets, frame
from tests.publish.builders import HOSTILE
from tests.publish.test_browser import _contrast, _lay_out

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

    from tests.publish.builders import Page

WORDS = "h1, h2, h3, p, small, caption, th, td, li, a, b, label, button, summary, dt, dd, .standing"
SEEN = f"""() => [...document.querySelectorAll({json.dumps(WORDS)})]
  .filter(e => e.checkVisibility() && e.textContent.trim() && !e.closest('.leaflet-container'))
  .map(e => {{
    let ground = e;
    while (getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)')
      ground = ground.parentElement || document.body;
    return [getComputedStyle(e).color, getComputedStyle(ground).backgroundColor];
  }})"""
TARGETS = """() => [...document.querySelectorAll(
    'nav a, .wordmark a, summary, button:not([hidden]), input')]
  .filter(e => e.checkVisibility() && !e.closest('.leaflet-container'))
  .map(e => [e.textContent, e.getBoundingClientRect().height])
  .filter(([, height]) => height < 24)"""

CHANGED = "2026-11-22"
ARTICLE = (
    "<main><h1>A page</h1></main><footer>"
    f'<section class="cite" id="edition-{CHANGED}" data-edition="{CHANGED}">'
    '<a href="../changes/index.html">what changed</a></section></footer>'
)
ROWS = (
    ("b <b>x</b>", "2020-03-01", "10"),
    ("A", "", "9"),
    ("c", "1834", "-2"),
    ("a", "2019-12-31", "10"),
)
TABLE = (
    "<table data-sortable><thead><tr><th>Name</th><th>Day</th><th>Size</th>"
    "<th data-unsorted>Source</th></tr></thead><tbody>"
    + "".join(
        f'<tr id="r{number}"><th>{name}</th><td data-value="{day}">a day</td>'
        f'<td data-value="{size}">about {size} m</td><td>s</td></tr>'
        for number, (name, day, size) in enumerate(ROWS)
    )
    + "</tbody></table>"
)


@pytest.fixture(scope="module")
def home(pages: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("look")
    for path in ("index.html", *(path for path in pages if path.startswith("assets/"))):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(pages[path])
    return (folder / "index.html").as_uri()


@pytest.fixture(scope="module")
def phone(chromium: Browser) -> Iterator[Tab]:
    """Return a tab of a narrow phone whose owner has asked for dark pages."""
    context = chromium.new_context(
        viewport={"width": 320, "height": 700}, color_scheme="dark", offline=True
    )
    yield context.new_page()
    context.close()


@pytest.fixture
def tab(phone: Tab) -> Tab:
    phone.goto("about:blank")
    return phone


def _dark_part() -> str:
    text = frame.styles().text
    return text[text.index("prefers-color-scheme: dark") : text.index("*, *::before")]


def test_every_colour_is_given_for_the_day_for_the_dark_and_again_for_maps() -> None:
    text, dark = frame.styles().text, _dark_part()
    for name, colour in style.SCREEN.items():
        assert text.count(f"--{name}: {colour};") == 2
        assert dark.count(f"--{name}: {colour};") == 1
        assert f"--{name}: {style.SCREEN_IN_THE_DARK[name]};" in dark
    assert set(re.findall(r"var\(--([a-z-]+)\)", text)) <= {
        *style.SCREEN,
        *("font", "point-left", "point-top"),
    }


def test_the_style_sheet_asks_for_nothing_and_nothing_printed_is_dark() -> None:
    text = frame.styles().text
    assert "url(" not in text
    assert "@import" not in text
    assert text.count("prefers-color-scheme") == text.count("@media screen and (prefers-color") == 1


def test_the_first_link_of_the_map_page_leads_past_the_map(index: Page) -> None:
    skip = index.all("a")[0]
    assert skip.attributes["href"] == "#flagged"
    assert skip.text == "Skip the map: go to the tables"


@pytest.mark.browser
def test_in_the_dark_the_page_is_dark_its_words_can_be_read_and_the_map_stays_paper(
    tab: Tab, home: str
) -> None:
    tab.goto(home)
    ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert _contrast(ground, "rgb(255, 255, 255)") > 15
    pairs = tab.evaluate(SEEN)
    assert len(pairs) > 100
    assert [pair for pair in pairs if _contrast(*pair) < 4.5] == []
    map_ground = tab.evaluate("getComputedStyle(document.querySelector('.map')).backgroundColor")
    assert map_ground == "rgb(255, 255, 255)"


@pytest.mark.browser
def test_on_a_narrow_phone_nothing_scrolls_sideways_and_every_target_can_be_hit(
    tab: Tab, home: str
) -> None:
    tab.goto(home)
    _lay_out(tab)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320
    assert tab.evaluate(TARGETS) == []


@pytest.mark.browser
def test_paper_is_white_also_for_those_who_read_in_the_dark(tab: Tab, home: str) -> None:
    tab.goto(home)
    tab.emulate_media(media="print")
    pairs = tab.evaluate("() => [getComputedStyle(document.body).backgroundColor]")
    tab.emulate_media(media="screen")
    assert pairs == ["rgb(255, 255, 255)"]


def _article(tmp_path: Path) -> str:
    script = assets.own("page.js", stem="page")
    page = tmp_path / "page.html"
    page.write_text(f'<!doctype html><meta charset="utf-8">{ARTICLE}{script.inline}')
    return page.as_uri()


@pytest.mark.browser
def test_a_link_to_another_edition_is_told_so_and_led_to_the_changes(
    tab: Tab, tmp_path: Path
) -> None:
    tab.goto(f"{_article(tmp_path)}#edition-2026-02-28")
    note = tab.locator("main > :first-child")
    assert note.inner_text() == (
        "You followed a link to the edition of 28 February 2026. "
        "This page was last changed on 22 November 2026. See what changed."
    )
    assert note.locator("a").get_attribute("href") == "../changes/index.html"


@pytest.mark.browser
@pytest.mark.parametrize(
    "anchor",
    ["", f"#edition-{CHANGED}", "#record-RS999", "#edition-2026-02-31", "#edition-<b>x", "#%"],
)
def test_any_other_link_changes_nothing(tab: Tab, tmp_path: Path, anchor: str) -> None:
    faults: list[str] = []
    tab.once("pageerror", lambda error: faults.append(str(error)))
    tab.goto(_article(tmp_path) + anchor)
    assert tab.locator("main").inner_html() == "<h1>A page</h1>"
    assert faults == []


@pytest.mark.browser
@pytest.mark.parametrize(
    ("head", "up", "down"),
    [
        ("Name", [1, 3, 0, 2], [2, 0, 1, 3]),
        ("Day", [2, 3, 0, 1], [0, 3, 2, 1]),
        ("Size", [2, 1, 0, 3], [0, 3, 1, 2]),
    ],
)
def test_a_table_is_put_in_the_order_of_a_column_and_rows_alike_keep_theirs(
    tab: Tab, head: str, up: list[int], down: list[int]
) -> None:
    tab.set_content(TABLE)
    tab.add_script_tag(content=assets.own("table.js", stem="table").text)
    assert tab.locator("button").all_inner_texts() == ["Name", "Day", "Size"]
    for order, said in ((up, "ascending"), (down, "descending"), (up, "ascending")):
        tab.get_by_role("button", name=head).click()
        ids = tab.locator("tbody tr").evaluate_all("rows => rows.map(row => row.id)")
        assert ids == [f"r{number}" for number in order]
        sorts = tab.locator("[aria-sort]")
        assert [sorts.inner_text(), sorts.get_attribute("aria-sort")] == [head, said]


@pytest.mark.browser
def test_sorting_keeps_hostile_text_as_text(tab: Tab) -> None:
    tab.set_content(TABLE)
    tab.locator("tbody th").first.evaluate("(e, text) => { e.textContent = text; }", HOSTILE)
    tab.add_script_tag(content=assets.own("table.js", stem="table").text)
    tab.get_by_role("button", name="Name").click()
    assert HOSTILE.replace("\u0000", "") in tab.locator("#r0 th").evaluate(
        "e => e.textContent"
    ).replace("\u0000", "")
    assert tab.evaluate("window.owned") is None
    assert tab.locator("img, svg, script[src]").count() == 0
