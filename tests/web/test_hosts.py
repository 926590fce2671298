"""One contract for every host: our own service, nginx and Caddy with what `--for-host` prints."""

from __future__ import annotations

import gzip
import re
import ssl
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from sinkwatch import pipeline
from sinkwatch.publish import hosting, release
from sinkwatch.publish.hosting import Host
from tests.conftest import NOW, Clock, an_installation
from tests.peers import certificates, hosts
from tests.peers.smtp import free_port
from tests.web.service import PATIENCE_S, running

if TYPE_CHECKING:
    from collections.abc import Iterator

BELOW = "/maps/ripon"
TILES = bytes(range(256)) * 80
LONG = "x" * 2000

ADDED = {
    "embed/map/index.html": f"<!doctype html><title>map</title>{LONG}".encode(),
    "embed/oembed/map.json": f'{{"title":"{LONG}"}}'.encode(),
    "pictures/map.png": b"\x89PNG" + TILES,
    "pictures/map.svg": f"<svg><title>{LONG}</title></svg>".encode(),
    "tiles/backdrop.pmtiles": TILES,
    "data/sinkwatch.gpkg": b"SQLite" + TILES,
    "only/a/file.webmanifest": f'"{LONG}"'.encode(),
}


@dataclass(frozen=True, kw_only=True)
class Hosted:
    """A site behind a host."""

    name: str
    address: str
    maps: Path
    http: httpx.Client

    def get(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        """Ask without wanting compression, unless the test says so."""
        given = {"Accept-Encoding": "identity"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return self.http.request(method, f"{self.address}/{path}", headers=given)

    def raw(self, path: str, **headers: str) -> tuple[httpx.Response, bytes]:
        """Ask, and return the bytes as they came."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        with self.http.stream("GET", f"{self.address}/{path}", headers=given) as answer:
            return answer, b"".join(answer.iter_raw())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return a whole site as it is published, and files of every other kind."""
    folder = tmp_path_factory.mktemp("built")
    services = an_installation(folder, Clock(NOW))
    pipeline.run(services, offline=True)
    current = services.settings.maps_folder / release.CURRENT
    files = {
        path.relative_to(current).as_posix(): path.read_bytes()
        for path in current.rglob("*")
        if path.is_file() and path.name != release.MANIFEST
    }
    return files | ADDED


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificates:
    return certificates.made_in(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(
    scope="module",
    params=[(None, ""), *((host, base) for host in hosts.STARTED for base in ("", BELOW))],
    ids=lambda param: f"{param[0] or 'serve'}{param[1]}",
)
def hosted(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    built: dict[str, bytes],
) -> Iterator[Hosted]:
    host, base = request.param
    folder = tmp_path_factory.mktemp("hosted")
    address = f"https://localhost:{free_port()}{base}"
    proxied = {"public_url": address, "trusted_proxies": ("127.0.0.1",)}
    services = an_installation(folder, Clock(NOW), serve_hosts=("127.0.0.1",), **proxied)
    maps = services.settings.maps_folder
    release.write(built, maps)
    with running(services) as service:
        if host is None:
            yield Hosted(name="serve", address=service.address, maps=maps, http=service.http)
            return
        certs = request.getfixturevalue("certs")
        printed = hosting.configuration(host, public_url=address, maps_folder=maps)
        port = urlsplit(service.address).port
        with hosts.STARTED[host](folder, printed, certs.good, service=port), _client(certs) as http:
            yield Hosted(name=host, address=address, maps=maps, http=http)


@contextmanager
def _client(certs: certificates.Certificates) -> Iterator[httpx.Client]:
    trusted = ssl.create_default_context(cafile=str(certs.authority))
    with httpx.Client(verify=trusted, timeout=PATIENCE_S) as http:
        yield http


def test_every_file_comes_whole_with_its_kind_and_the_headers_of_its_folder(
    hosted: Hosted, built: dict[str, bytes]
) -> None:
    seen = set()
    for path, content in sorted(built.items()):
        kind = (path.partition("/")[0], Path(path).suffix)
        if path.startswith(".") or kind in seen:
            continue
        seen.add(kind)
        answer = hosted.get(path.removesuffix("index.html"))
        assert (answer.status_code, answer.content == content) == (200, True), path
        assert answer.headers["Content-Type"] == hosting.KINDS.get(kind[1], hosting.ANY_KIND)
        expected = hosting.headers_of(path)
        policy = answer.headers["Content-Security-Policy"]
        assert policy.rpartition("; ")[2] == expected.pop("Content-Security-Policy"), path
        assert {name: answer.headers.get_list(name) for name in expected} == {
            name: [value] for name, value in expected.items()
        }, path
        assert ("Access-Control-Allow-Origin" in answer.headers) == (
            path.startswith(("data/", "feeds/", "embed/oembed/"))
        )
        assert "X-Frame-Options" not in answer.headers
    assert len(seen) > 20


def test_only_pages_below_embed_may_stand_in_a_frame(hosted: Hosted) -> None:
    found = {
        path: hosted.get(path).headers["Content-Security-Policy"].rpartition("frame-ancestors ")[2]
        for path in ("", "embed/map/", "embed/nothing", "records/", "404.html", "offline.html")
    }
    assert found.pop("embed/map/") == "*"
    assert set(found.values()) == {"'none'"}


def test_what_is_named_by_its_hash_is_kept_and_the_rest_is_asked_for_again(
    hosted: Hosted, built: dict[str, bytes]
) -> None:
    lasting = [path for path in built if re.search(r"-[0-9a-f]{12}\.(css|js)$", path)]
    assert len(lasting) > 5
    for path in lasting:
        cached = hosted.get(path).headers["Cache-Control"]
        assert cached == "public, max-age=31536000, immutable"
    assert hosted.get("assets/leaflet-LICENSE.txt").headers["Cache-Control"] == "no-cache"
    first = hosted.get("records/")
    again = hosted.get("records/", If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")


def test_a_folder_without_its_slash_moves_to_the_one_with_it(hosted: Hosted) -> None:
    for path in ("records", "records/RS001"):
        answer = hosted.get(path)
        assert answer.status_code in {301, 308}
        place = urljoin(f"{hosted.address}/{path}", answer.headers["Location"])
        assert place == f"{hosted.address}/{path}/"
    if urlsplit(hosted.address).path:
        answer = hosted.get("../ripon")
        assert (answer.status_code, hosted.get("").status_code) == (308, 200)


def test_what_is_not_there_is_said_on_a_page(hosted: Hosted) -> None:
    for path in ("nothing", "records/nothing/", "only/", "only/a/", ".nojekyll"):
        answer = hosted.get(path)
        assert answer.status_code == 404, path
        assert "There is no such page" in answer.text, path
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Cache-Control"] in {"no-cache", "no-store"}
    for path in ("%2e%2e/releases/", "..%2f..%2fvar/sinkwatch.db", "data/%2e%2e/%2e%2e/%2e%2e/var"):
        assert hosted.get(path).status_code in {400, 404}, path


def test_a_part_of_a_file_can_be_asked_for(hosted: Hosted) -> None:
    answer, body = hosted.raw(
        "tiles/backdrop.pmtiles", Range="bytes=0-16383", Accept_Encoding="gzip"
    )
    assert (answer.status_code, body) == (206, TILES[:16384])
    assert answer.headers["Content-Range"] == f"bytes 0-16383/{len(TILES)}"
    assert "Content-Encoding" not in answer.headers
    last = hosted.get("tiles/backdrop.pmtiles", Range="bytes=-4")
    assert (last.status_code, last.content) == (206, TILES[-4:])
    beyond = hosted.get("tiles/backdrop.pmtiles", Range=f"bytes={len(TILES)}-")
    assert beyond.status_code == 416


def test_text_is_compressed_for_those_who_can_read_it(
    hosted: Hosted, built: dict[str, bytes]
) -> None:
    for path in ("index.html", "data/sinkholes.csv", "feeds/all.atom", "pictures/map.svg"):
        answer, body = hosted.raw(path, Accept_Encoding="br, gzip")
        assert answer.headers["Content-Encoding"] == "gzip", path
        assert "accept-encoding" in answer.headers["Vary"].lower()
        assert gzip.decompress(body) == built[path]
        assert len(body) < len(built[path])
        plain = hosted.get(path)
        assert "Content-Encoding" not in plain.headers
        assert (
            answer.headers["ETag"].startswith("W/")
            or answer.headers["ETag"] != plain.headers["ETag"]
        )
        again, nothing = hosted.raw(
            path, Accept_Encoding="gzip", If_None_Match=answer.headers["ETag"]
        )
        assert (again.status_code, nothing) == (304, b"")
    for path in ("pictures/map.png", "data/sinkwatch.gpkg", "tiles/backdrop.pmtiles"):
        answer, body = hosted.raw(path, Accept_Encoding="gzip")
        assert "Content-Encoding" not in answer.headers
        assert body == built[path]


def test_a_head_says_what_a_get_would(hosted: Hosted) -> None:
    for path in ("", "pictures/map.png"):
        answer, whole = hosted.get(path, "HEAD"), hosted.get(path)
        assert (answer.status_code, answer.content) == (200, b"")
        for name in ("ETag", "Content-Type", "Content-Length", "Cache-Control"):
            assert answer.headers[name] == whole.headers[name]


def test_nothing_is_written_to_the_site(hosted: Hosted) -> None:
    assert hosted.get("index.html", "PUT").status_code == 405
    assert hosted.get("records/", "DELETE").status_code == 405


def test_sign_up_is_there_and_what_is_for_the_operator_is_not(hosted: Hosted) -> None:
    answer, _ = hosted.raw("subscribe", Accept_Encoding="gzip")
    assert answer.status_code == 200
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    for path in ("why", "m/link", "privacy"):
        assert hosted.get(path).status_code == 200, path
    styles = re.search(r'href="/(static-[^"]+\.css)"', hosted.get("subscribe").text)
    assert styles is not None
    assert hosted.get(styles[1]).status_code == 200
    notices = hosted.get("privacy"), hosted.get("privacy/")
    assert notices[0].text != notices[1].text
    if hosted.name != "serve":
        assert {hosted.get(path).status_code for path in ("health", "metrics")} == {404}


def test_a_new_release_is_seen_at_once(hosted: Hosted, built: dict[str, bytes]) -> None:
    for said in (b"<!doctype html>one", b"<!doctype html>two", built["index.html"]):
        release.write({**built, "index.html": said}, hosted.maps)
        assert hosted.get("").content == said


@pytest.mark.parametrize("base", ["", BELOW])
def test_nginx_sends_plain_http_on(
    tmp_path: Path, certs: certificates.Certificates, base: str
) -> None:
    release.write({"index.html": b"home"}, tmp_path / "maps")
    address = f"https://localhost:{free_port()}{base}"
    printed = hosting.configuration(Host.NGINX, public_url=address, maps_folder=tmp_path / "maps")
    with hosts.nginx(tmp_path, printed, certs.good, service=free_port()) as plain:
        answer = httpx.get(f"http://localhost:{plain}{base}/records/?a=b", timeout=PATIENCE_S)
    assert (answer.status_code, answer.headers["Location"]) == (308, f"{address}/records/?a=b")
