"""One table of headers for all hosts, and the site as it lies on a host that can set none."""

from __future__ import annotations

import posixpath
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from sinkwatch.cli import job
from sinkwatch.errors import ConfigError
from sinkwatch.publish import directory, hosting, locations
from sinkwatch.publish.hosting import Host
from sinkwatch.web import app, headers
from tests.publish.builders import Page
from tests.publish.editions import an_edition

if TYPE_CHECKING:
    from sinkwatch.model import Findings

PATHS = (
    "404.html",
    "_headers",
    "assets/leaflet-LICENSE.txt",
    "assets/map-0123456789ab.js",
    "data/index.html",
    "data/sinkholes.csv",
    "embed/map/index.html",
    "embed/oembed/map.json",
    "feeds/all.atom",
    "index.html",
    "pictures/map.png",
    "records/RS001/index.html",
)
MOST_RULES = 100
"""Cloudflare Pages reads no more of them."""


def _of(path: str) -> tuple[str, str, str | None, str]:
    found = hosting.headers_of(path)
    return (
        found["Content-Security-Policy"].removeprefix("frame-ancestors "),
        found["Cross-Origin-Resource-Policy"],
        found.get("Access-Control-Allow-Origin"),
        found["Cache-Control"].rpartition(", ")[2],
    )


def test_each_folder_says_who_may_frame_load_read_and_keep_it() -> None:
    assert {path: _of(path) for path in PATHS} == {
        "404.html": ("'none'", "same-origin", None, "no-cache"),
        "_headers": ("'none'", "same-origin", None, "no-cache"),
        "assets/leaflet-LICENSE.txt": ("'none'", "same-origin", None, "no-cache"),
        "assets/map-0123456789ab.js": ("'none'", "same-origin", None, "immutable"),
        "data/index.html": ("'none'", "cross-origin", "*", "no-cache"),
        "data/sinkholes.csv": ("'none'", "cross-origin", "*", "no-cache"),
        "embed/map/index.html": ("*", "cross-origin", None, "no-cache"),
        "embed/oembed/map.json": ("*", "cross-origin", "*", "no-cache"),
        "feeds/all.atom": ("'none'", "cross-origin", "*", "no-cache"),
        "index.html": ("'none'", "same-origin", None, "no-cache"),
        "pictures/map.png": ("'none'", "cross-origin", None, "no-cache"),
        "records/RS001/index.html": ("'none'", "same-origin", None, "no-cache"),
    }


@pytest.mark.parametrize(
    "path",
    [
        "embed",
        "embedded/index.html",
        "records/embed/index.html",
        "assets/map-0123456789.js",
        "data-0123456789ab.js",
        "assets/map-0123456789ab.js.html",
    ],
)
def test_what_only_looks_like_an_exception_is_none(path: str) -> None:
    assert _of(path) == ("'none'", "same-origin", None, "no-cache")


def test_the_rest_is_as_strict_as_the_pages_of_the_service() -> None:
    differs = {"Permissions-Policy"}
    assert differs < hosting.ALWAYS.keys() <= headers.EVERYWHERE.keys()
    for name in hosting.ALWAYS.keys() - differs:
        assert hosting.ALWAYS[name] == headers.EVERYWHERE[name]
    everywhere = headers.EVERYWHERE["Permissions-Policy"]
    assert hosting.ALWAYS["Permissions-Policy"] == everywhere.replace(
        "geolocation=()", "geolocation=(self)"
    )


# ── The file `_headers` ──────────────────────────────────────────────────────────────────────


def _joined(text: str, path: str) -> dict[str, str]:
    """Return the headers of a path as Netlify and Cloudflare Pages read them: values joined."""
    found: dict[str, list[str]] = {}
    applies = False
    for line in text.splitlines():
        if not line.startswith(" "):
            start, star, _ = line.partition("*")
            applies = f"/{path}".startswith(start) if star else f"/{path}" == line
        elif applies:
            name, _, value = line.strip().partition(": ")
            found.setdefault(name, []).append(value)
    return {name: ", ".join(values) for name, values in found.items()}


def test_static_hosts_that_join_what_two_rules_say_arrive_at_the_same() -> None:
    text = hosting.headers_file(reversed(PATHS)).decode()
    for path in PATHS:
        assert _joined(text, path) == hosting.headers_of(path), path
    assert _joined(text, "") == hosting.headers_of("index.html")
    assert _joined(text, "404") == hosting.headers_of("404.html")
    assert _joined(text, "records/RS002/evidence.pdf") == hosting.headers_of("records/x")


def test_the_site_has_that_file_for_all_that_it_holds(
    findings: Findings, pages: dict[str, bytes]
) -> None:
    text = directory.pages(an_edition(findings), pages)[locations.HEADERS].decode()
    for path in pages:
        if not path.startswith("."):
            assert _joined(text, path) == hosting.headers_of(path), path
    rules = [line for line in text.splitlines() if not line.startswith(" ")]
    assert len(rules) == len(set(rules)) < MOST_RULES
    assert max(map(len, text.splitlines())) < 2000


# ── Configurations ───────────────────────────────────────────────────────────────────────────


def _printed(host: Host, url: str = "https://x.example/r", folder: str = "/srv/my maps") -> str:
    return hosting.configuration(host, public_url=url, maps_folder=Path(folder))


def test_the_command_offers_every_host() -> None:
    assert tuple(Host) == job._HOSTS  # noqa: SLF001 - written out there so that --help is quick


@pytest.mark.parametrize("host", Host)
def test_it_names_the_address_and_the_folder_and_is_the_same_again(host: Host) -> None:
    printed = _printed(host)
    assert printed == _printed(host)
    assert printed.startswith("# ")
    assert f"printed by `sinkwatch publish --for-host {host}`" in printed
    assert "https://x.example/r" in printed.splitlines()[0]
    assert '"/srv/my maps/current' in printed
    assert printed.endswith("\n")
    assert not re.search(r"[ \t]+$|\n\n\n|[{]%", printed, re.MULTILINE)


def test_netlify_and_github_can_read_theirs() -> None:
    netlify = tomllib.loads(_printed(Host.NETLIFY))
    assert netlify["build"]["publish"] == "/srv/my maps/current"
    workflow = yaml.safe_load(_printed(Host.GITHUB_PAGES))
    steps = workflow["jobs"]["publish"]["steps"]
    assert steps[2]["with"] == {"path": "site"}
    assert workflow["jobs"]["publish"]["environment"]["url"].startswith("${{ steps.")


def test_github_pages_is_said_to_be_open_to_frames() -> None:
    assert "Any other site can show any page in a frame" in _printed(Host.GITHUB_PAGES)


@pytest.mark.parametrize("host", Host)
@pytest.mark.parametrize(
    ("setting", "changed"),
    [
        ("maps_folder", {"folder": "/srv/$uri"}),
        ("maps_folder", {"folder": '/srv/"; include /etc/passwd; "'}),
        ("maps_folder", {"folder": "/srv/{env.SECRET}"}),
        ("maps_folder", {"folder": "/srv/a\nb"}),
        ("public_url", {"url": "https://x.example;}/"}),
        ("public_url", {"url": "https://x.example/{r}"}),
        ("public_url", {"url": 'https://x.example/"r'}),
    ],
)
def test_what_would_mean_something_else_there_is_refused(
    host: Host, setting: str, changed: dict[str, str]
) -> None:
    with pytest.raises(ConfigError, match=f"^{setting}: "):
        _printed(host, **changed)


def test_every_page_of_the_service_is_handed_on_but_those_for_the_operator() -> None:
    routes = {route.path for router in app._ROUTERS for route in router.routes}  # noqa: SLF001
    kept = {path for path in routes if not _is_handed_on(path)}
    assert kept == {"/health", "/metrics"}


def _is_handed_on(path: str) -> bool:
    return path.startswith(hosting.SERVICE) or path in hosting.SERVICE_PAGES


def test_no_page_of_the_site_is_hidden_by_one_of_the_service(pages: dict[str, bytes]) -> None:
    assert [path for path in pages if _is_handed_on(f"/{path}")] == []


# ── Any folder of any host, and no host at all ───────────────────────────────────────────────


def test_every_link_leads_to_a_file_of_the_site_from_wherever_it_lies(
    pages: dict[str, bytes],
) -> None:
    read = {path: Page(page.decode()) for path, page in pages.items() if path.endswith(".html")}
    ids = {path: set(page.ids()) for path, page in read.items()}
    wrong, n_links = [], 0
    for path, page in read.items():
        if path == locations.NOT_FOUND:  # shown at any address, it begins at the top
            continue
        for link in _links(page):
            n_links += 1
            address = urlsplit(link)
            folder = posixpath.dirname(path)
            target = posixpath.normpath(posixpath.join(folder, unquote(address.path)))
            target = target if address.path else path
            is_inside = not link.startswith("/") and target in {*pages, "manifest.json"}
            known = ids.get(target)
            # A fragment with a sign in it is a state of the map, which its script reads.
            is_place = bool(address.fragment) and "=" not in address.fragment
            if not is_inside or (is_place and known and address.fragment not in known):
                wrong.append((path, link))
    assert n_links > 1000
    assert wrong == []


def _links(page: Page) -> list[str]:
    """Return what a page links or loads that is not an address of its own."""
    found = [
        tag.attributes[name]
        for tag in page.tags
        for name in ("href", "src", "action", "poster", "data", "srcset")
        if name in tag.attributes
    ]
    return [link for link in found if not re.match(r"[a-z][a-z0-9+.-]*:", link)]


def test_no_script_or_style_of_ours_begins_an_address_at_the_top(pages: dict[str, bytes]) -> None:
    ours = [
        (path, content.decode())
        for path, content in pages.items()
        if path.endswith((".js", ".css")) and not path.startswith("assets/leaflet-")
    ]
    assert len(ours) > 4
    for path, text in ours:
        assert re.findall(r"""(?:fetch|url|URL|import)\(\s*["'`]?/""", text) == [], path


def test_the_page_of_what_is_not_there_links_from_below_the_address(
    findings: Findings, pages: dict[str, bytes]
) -> None:
    made = directory.pages(an_edition(findings, url="https://user.example/repo"), pages)
    links = _links(Page(made[locations.NOT_FOUND].decode()))
    assert len(links) > 5
    assert {link.removeprefix("/repo/") for link in links} <= set(pages)
    assert all(link.startswith("/repo/") for link in links)
