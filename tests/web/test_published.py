"""The published site: one whole version at a time, nothing beside it, and its own strict policy."""

from __future__ import annotations

import re
import socket
from html import unescape
from typing import TYPE_CHECKING

import pytest

from sinkwatch.publish import hosting, site
from sinkwatch.web import headers
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


# ── Fewer bytes for those who can read them ──────────────────────────────────────────────────

LONG = b"<p>" + b"gypsum " * 200


@pytest.fixture
def with_kinds(service: Service) -> Service:
    files = {
        "index.html": LONG,
        "short.html": LONG[: hosting.LEAST_COMPRESSED - 1],
        "long.css": b"x" * 300_000,
        "map.png": LONG,
    }
    site.write(files, service.services.settings.maps_folder)
    return service


@pytest.mark.parametrize(
    ("accepted", "is_compressed"),
    [
        ("gzip", True),
        ("gzip;q=0.5, br", True),
        ("br,gzip ; q=0.001", True),
        ("", False),
        ("identity", False),
        ("br, *", False),
        ("gzip;q=0", False),
        ("gzip ; q=0.000, identity", False),
        ("gzipped", False),
        (";;,,gzip;q=", True),
    ],
)
def test_only_who_says_so_is_sent_gzip(
    with_kinds: Service, accepted: str, *, is_compressed: bool
) -> None:
    answer = with_kinds.get("/", **{"Accept-Encoding": accepted})
    assert answer.headers.get("Content-Encoding") == ("gzip" if is_compressed else None)
    assert answer.headers.get_list("Vary") == ["Accept-Encoding"]
    assert answer.headers["ETag"].startswith('W/"' if is_compressed else '"')
    assert answer.content == LONG


def test_what_is_short_or_packed_already_is_sent_as_it_is(with_kinds: Service) -> None:
    for path in ("/short.html", "/map.png"):
        answer = with_kinds.get(path, **{"Accept-Encoding": "gzip"})
        assert "Content-Encoding" not in answer.headers
        assert "Vary" not in answer.headers
        assert answer.headers["ETag"].startswith('"')
    long = with_kinds.get("/long.css", **{"Accept-Encoding": "gzip"})
    assert (long.headers["Content-Encoding"], len(long.content)) == ("gzip", 300_000)
    assert long.num_bytes_downloaded < 3_000


def test_a_part_is_one_of_the_file_itself_and_joined_to_no_compressed_copy(
    with_kinds: Service,
) -> None:
    packed = with_kinds.get("/", **{"Accept-Encoding": "gzip"})
    part = with_kinds.get("/", **{"Accept-Encoding": "gzip", "Range": "bytes=0-2"})
    assert (part.status_code, part.content) == (206, b"<p>")
    assert "Content-Encoding" not in part.headers
    for mark, status in ((packed.headers["ETag"], 200), (part.headers["ETag"], 206)):
        given = {"Accept-Encoding": "gzip", "Range": "bytes=0-2", "If-Range": mark}
        assert with_kinds.get("/", **given).status_code == status


def test_a_copy_is_good_however_it_was_sent_and_a_head_says_what_a_get_would(
    with_kinds: Service,
) -> None:
    packed, plain = (
        with_kinds.get("/", **{"Accept-Encoding": each}) for each in ("gzip", "identity")
    )
    for mark in (packed.headers["ETag"], plain.headers["ETag"]):
        again = with_kinds.get("/", **{"Accept-Encoding": "gzip", "If-None-Match": mark})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == packed.headers["ETag"]
        assert again.headers.get_list("Vary") == ["Accept-Encoding"]
        assert "Content-Encoding" not in again.headers
    with with_kinds.client(**{"Accept-Encoding": "gzip"}) as client:
        long = client.head("/long.css")  # sent bit by bit: its length is not known before its end
        assert (long.headers["Content-Encoding"], long.content) == ("gzip", b"")
        head = client.head("/")  # by the same connection, in which nothing was left
    for name in ("ETag", "Vary", "Content-Encoding", "Content-Length"):
        assert head.headers[name] == packed.headers[name]


def test_pages_that_hold_a_reader_s_own_are_never_compressed(watched: Service) -> None:
    for path in ("/subscribe", "/m/link", "/u/token", "/confirm/token", "/why", "/nothing"):
        answer = watched.get(path, **{"Accept-Encoding": "gzip"})
        assert len(answer.content) > hosting.LEAST_COMPRESSED
        assert "Content-Encoding" not in answer.headers, path


# ── Who may frame a page, and read a file ────────────────────────────────────────────────────


OF_A_DRAWING = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
"""It has its colours in it, and needs nothing else."""


def test_a_page_below_embed_keeps_its_own_rule_and_may_stand_in_any_frame(
    service: Service,
) -> None:
    page = b'<meta http-equiv="Content-Security-Policy" content="default-src \'self\'">'
    files = {"embed/map/index.html": page, "index.html": page, "embed/map.svg": b"<svg/>"}
    site.write(files, service.services.settings.maps_folder)
    found = {
        path: service.get(path).headers.get_list("Content-Security-Policy")
        for path in ("/embed/map/", "/embed/map", "/", "/embed/map.svg", "/embed/", "/embed/no/")
    }
    assert found == {
        "/embed/map/": ["default-src 'self'; frame-ancestors *"],
        "/embed/map": ["default-src 'none'; frame-ancestors *"],
        "/": ["default-src 'self'; frame-ancestors 'none'"],
        "/embed/map.svg": [f"{OF_A_DRAWING}; frame-ancestors *"],
        "/embed/": [headers.PAGE_POLICY],
        "/embed/no/": [headers.PAGE_POLICY],
    }
