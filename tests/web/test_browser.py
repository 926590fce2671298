"""The service in a real browser: with and without scripts, by keyboard, on a phone, to axe."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch.store import subscribers
from tests.conftest import NOW, Clock, an_installation
from tests.web import pages
from tests.web.conftest import SETTINGS
from tests.web.service import link, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Browser, Page, Route

    from tests.web.service import Service

pytestmark = pytest.mark.browser

AXE = "rules => axe.run({runOnly: rules, resultTypes: ['violations']}).then(r => r.violations)"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("kept")
    with running(an_installation(folder, Clock(NOW), **SETTINGS)) as service:
        yield service


@contextmanager
def tab(browser: Browser, service: Service, **options: Any) -> Iterator[Page]:  # noqa: ANN401 - Playwright's own
    """Open a tab that fails the test if a page breaks its own policy or asks elsewhere."""
    broken: list[str] = []
    client = service.headers()["X-Forwarded-For"]
    context = browser.new_context(
        base_url=service.address, extra_http_headers={"X-Forwarded-For": client}, **options
    )
    page = context.new_page()
    page.on("console", lambda said: broken.append(said.text) if "Policy" in said.text else None)
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on(
        "request",
        lambda asked: None if asked.url.startswith(service.address) else broken.append(asked.url),
    )
    yield page
    assert broken == []
    context.close()


def test_a_resident_signs_up_on_a_phone_without_scripts_and_leaves_again(
    chromium: Browser, service: Service
) -> None:
    phone = {"width": 320, "height": 640}
    with tab(chromium, service, java_script_enabled=False, viewport=phone) as page:
        page.goto("/subscribe")
        page.get_by_label("Postcode", exact=True).fill("hg4 1hs")
        page.get_by_role("button", name="Show what I would get").click()
        page.get_by_role("heading", name="Near HG4 1HS, within 500 m").wait_for()
        assert page.get_by_role("img", name="Map round HG4 1HS").is_visible()
        page.get_by_label("Once a week").check()
        page.get_by_label("Your e-mail address").fill("ann@example.org")
        page.get_by_role("button", name="Subscribe").click()
        assert page.get_by_role("alert").get_by_role("link").all_inner_texts() == [
            "Tick the box if you agree to be sent e-mails; without it we may not send any"
        ]
        page.get_by_label("I agree to be sent").check()
        service.services.clock.move(seconds=5)  # type: ignore[attr-defined]
        page.get_by_role("button", name="Subscribe").click()
        page.get_by_role("heading", name="Look into your inbox").wait_for()
        page.goto(link(service.work()[-1], "confirm"))
        assert "once a week" in page.get_by_role("main").inner_text()
        page.get_by_role("button", name="Yes, send me these e-mails").click()
        page.get_by_role("link", name="Your own page").click()
        page.get_by_role("heading", name="Your e-mails").wait_for()
        page.get_by_text("Another postcode in the same mails").click()
        page.locator("#add-postcode").fill("HG4 2QE")
        page.get_by_role("button", name="Add this place").click()
        assert "Saved" in page.get_by_role("status").inner_text()
        page.get_by_role("link", name="Stop and erase").click()
        page.get_by_role("button", name="Erase everything").click()
        page.get_by_role("heading", name="The e-mails have stopped").wait_for()
    with service.store.read() as connection:
        assert subscribers.count(connection) == 0


def test_all_of_it_by_keyboard_alone(chromium: Browser, service: Service) -> None:
    with tab(chromium, service) as page:
        page.goto("/subscribe")
        press = page.keyboard.press
        press("Tab")
        assert _focused(page) == "Skip to the content"
        press("Enter")
        press("Tab")
        page.keyboard.type("HG4 1HS")
        press("Tab")
        press("ArrowRight")  # 1,000 m
        for _ in range(4):
            press("Tab")  # the four topics
        press("Tab")
        press("ArrowDown")  # once a day
        press("Tab")
        press("Space")  # quiet nights
        press("Tab")
        assert _focused(page) == "Show what I would get"
        press("Tab")
        page.keyboard.type("ann@example.org")
        press("Tab")
        press("Space")
        press("Tab")
        assert _focused(page) == "Subscribe"  # the trap is not on the way
        assert page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
        service.services.clock.move(seconds=5)  # type: ignore[attr-defined]
        press("Enter")
        page.get_by_role("heading", name="Look into your inbox").wait_for()
    service.post(link(service.work()[-1], "confirm"))
    with service.store.read() as connection:
        (person,) = subscribers.all_of(connection)
    (place,) = person.subscriptions
    assert (place.radius_m, person.frequency, person.is_quiet_at_night) == (1000.0, "daily", True)


def _focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.textContent.trim()"))


def test_a_fault_takes_the_reader_to_its_list_and_from_there_to_the_field(
    chromium: Browser, kept: Service
) -> None:
    with tab(chromium, kept) as page:
        page.goto("/subscribe")
        page.get_by_role("button", name="Subscribe").click()
        page.locator("[role=alert]:focus").wait_for()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.keyboard.type("HG4 1HS")
        assert page.locator("#postcode").input_value() == "HG4 1HS"
        assert page.locator("#postcode").get_attribute("aria-invalid") == "true"
        described = page.locator("#postcode").get_attribute("aria-describedby") or ""
        assert "Enter a whole postcode" in page.locator(f"#{described.split()[-1]}").inner_text()


def test_no_page_breaks_a_rule_of_accessibility_or_is_wider_than_a_phone(
    chromium: Browser, every_page: Mapping[str, str], watched: Service
) -> None:
    axe = pages.tool("axe-core/axe.min.js").read_text(encoding="utf-8")
    broken = []
    phone = {"width": 320, "height": 640}
    with tab(chromium, watched, viewport=phone, reduced_motion="reduce") as page:
        page.route("**/*.test", lambda route: _fulfil(route, every_page))
        page.add_init_script(axe)
        for scheme, name in zip(itertools.cycle(("light", "dark")), every_page, strict=False):
            page.emulate_media(color_scheme=scheme)
            page.goto(f"/{name}.test")
            page.locator("details").evaluate_all("all => all.forEach(d => d.open = true)")
            if page.evaluate("document.documentElement.scrollWidth") > 320:
                broken.append((name, "wider than 320 px", []))
            answer = page.evaluate(AXE, RULES)
            broken += [
                (name, rule["id"], [node["html"][:120] for node in rule["nodes"]])
                for rule in answer
            ]
    assert broken == []


def test_a_scanner_that_runs_scripts_and_follows_every_link_changes_no_row(
    chromium: Browser, service: Service
) -> None:
    own = service.subscribed("ann@example.org")
    service.services.clock.move(minutes=20)  # type: ignore[attr-defined]
    waiting = service.confirmation("bob@example.org")
    before, found = service.dump(), set[str]()
    with tab(chromium, service) as page:
        for path in (own, waiting, f"{own}/erase", service.leaving()):
            page.goto(path)
            links = page.locator("a[href]").evaluate_all("all => all.map(a => a.href)")
            found |= {one for one in links if one.startswith(service.address)}
        for address in sorted(found):
            page.goto(address)
    assert service.dump() == before


def test_a_page_stands_in_no_frame_of_another(chromium: Browser, kept: Service) -> None:
    frame = {"outer": '<iframe src="/subscribe" title="x"></iframe>'}
    context = chromium.new_context(base_url=kept.address)
    page = context.new_page()
    page.route("**/*.test", lambda route: _fulfil(route, frame))
    with page.expect_console_message(lambda said: "frame-ancestors" in said.text):
        page.goto("/outer.test")
    assert "Hear of changes" not in page.frames[1].content()
    context.close()


def _fulfil(route: Route, pages_by_name: Mapping[str, str]) -> None:
    """Answer with a page that was fetched before."""
    name = route.request.url.rsplit("/", 1)[1].removesuffix(".test")
    route.fulfill(body=pages_by_name[name], content_type="text/html; charset=utf-8")
