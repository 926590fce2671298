"""The published site: one whole version at a time, nothing beside it, and its own strict policy."""

from __future__ import annotations

import re
import socket
from html import unescape
from typing import TYPE_CHECKING

import pytest

from sinkwatch.publish import site
from tests.web.service import HOST

if TYPE_CHECKING:
    from tests.web.service import Service


def test_a_page_may_load_what_its_own_rule_says_and_stand_in_no_frame(watched: Service) -> None:
    for path, name in (("/", "index.html"), ("/offline.html", "offline.html")):
        answer = watched.get(path)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        own = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', answer.text)
        assert own is not None
        policy = answer.headers.get_list("Content-Security-Policy")
        assert policy == [f"{unescape(own[1])}; frame-ancestors 'none'"], name
        assert answer.headers["Cache-Control"] == "no-cache"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_files_beside_the_page_come_with_their_kind_and_may_load_nothing(watched: Service) -> None:
    kinds = {
        "/data/LICENCES.txt": "text/plain; charset=utf-8",
        "/data/flagged.csv": "text/csv; charset=utf-8",
        "/data/sinkholes.geojson": "application/geo+json",
        "/manifest.json": "application/json",
    }
    for path, kind in kinds.items():
        answer = watched.get(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind), path
        policy = answer.headers["Content-Security-Policy"]
        assert policy == "default-src 'none'; frame-ancestors 'none'"


def test_what_has_not_changed_is_not_sent_again(watched: Service) -> None:
    first = watched.get("/")
    again = watched.get("/", **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    with watched.client() as client:
        head = client.head("/")
    assert (head.status_code, head.headers["ETag"]) == (200, first.headers["ETag"])


def test_a_new_release_is_served_from_the_moment_it_is_current(service: Service) -> None:
    folder = service.services.settings.maps_folder
    waiting = service.get("/")
    assert (waiting.status_code, "Nothing has been published" in waiting.text) == (503, True)
    assert waiting.headers["Retry-After"] == "3600"
    for said in (b"one", b"two"):
        site.write({"index.html": said}, folder)
        answer = service.get("/index.html")
        assert (answer.status_code, answer.content) == (200, said)
        policy = answer.headers["Content-Security-Policy"]
        assert policy == "default-src 'none'; frame-ancestors 'none'"  # it names none of its own


@pytest.mark.parametrize(
    "path",
    [
        "/../../var/sinkwatch.db",
        "/%2e%2e/%2e%2e/var/sinkwatch.db",
        "/..%2f..%2fvar/sinkwatch.db",
        "/data/../../../../var/secret",
        "/data/..\\..\\secret",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/data//LICENCES.txt",
        "//",
        "//records",
        "//evil.example/records",
        "/records//",
        "/records/..",
        "/records\\",
        "/\\records",
        "/.hidden",
        "/index.html/",
        "/index.html%00.txt",
        "/index.html%0d%0aSet-Cookie:x",
        "/con:",
        "/" + "x" * 5000,
        "/%ff",
        "/link",
        "/inside/link",
    ],
)
def test_nothing_but_a_file_of_the_release_is_found(watched: Service, path: str) -> None:
    current = watched.services.settings.maps_folder / "current"
    link = current.resolve() / "link"
    if not link.is_symlink():
        link.symlink_to(watched.services.database_file())
    host, _, port = watched.address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        ask = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
        connection.sendall(ask.encode("latin-1"))
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"SQLite" not in answer
    assert b"set-cookie" not in answer.lower()


def test_nothing_is_written_to_the_site(watched: Service) -> None:
    answer = watched.post("/index.html", {"a": "b"})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


# ── Folders with a page of their own ─────────────────────────────────────────────────────────

FOLDERS = {
    "index.html": b"home",
    "records/index.html": b"all records",
    "records/RS001/index.html": b"one record",
    "data/only.csv": b"a,b",
}


@pytest.fixture
def with_folders(service: Service) -> Service:
    site.write(FOLDERS, service.services.settings.maps_folder)
    return service


def test_a_folder_stands_for_its_page(with_folders: Service) -> None:
    for path, said in (
        ("/", b"home"),
        ("/records/", b"all records"),
        ("/records/RS001/", b"one record"),
        ("/records/RS001/index.html", b"one record"),
    ):
        answer = with_folders.get(path)
        assert (answer.status_code, answer.content) == (200, said), path
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        again = with_folders.get(path, **{"If-None-Match": answer.headers["ETag"]})
        assert again.status_code == 304
    for path in ("/data/", "/data", "/records/RS002/"):
        assert with_folders.get(path).status_code == 404, path
    assert with_folders.get("/" + "/".join("a" * 2000)).status_code == 404


def test_a_folder_without_its_slash_moves_to_the_one_with_it(with_folders: Service) -> None:
    with with_folders.client() as client:
        for path, place in (
            ("/records", "records/"),
            ("/records/RS001?next=//evil.example", "RS001/"),
        ):
            for method in ("GET", "HEAD"):
                answer = client.request(method, path, follow_redirects=False)
                assert (answer.status_code, answer.headers["Location"]) == (308, place)
                assert answer.content == b""
                policy = answer.headers["Content-Security-Policy"]
                assert policy == "default-src 'none'; frame-ancestors 'none'"


def test_each_kind_of_file_is_named_and_a_part_of_one_can_be_asked_for(service: Service) -> None:
    kinds = {
        "news.atom": "application/atom+xml",
        "sitemap.xml": "application/xml",
        "ground.pmtiles": "application/vnd.pmtiles",
        "site.webmanifest": "application/manifest+json",
        "data/index.json": "application/json",
    }
    hidden = {".nojekyll": b""}
    site.write(dict.fromkeys(kinds, b"0123456789") | hidden, service.services.settings.maps_folder)
    for path, kind in kinds.items():
        answer = service.get(f"/{path}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind), path
        policy = answer.headers["Content-Security-Policy"]
        assert policy == "default-src 'none'; frame-ancestors 'none'"
    part = service.get("/ground.pmtiles", Range="bytes=2-4")
    assert (part.status_code, part.content) == (206, b"234")
    assert part.headers["Content-Range"] == "bytes 2-4/10"
    assert service.get("/.nojekyll").status_code == 404
