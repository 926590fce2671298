"""The whole site: the same findings, the same bytes, and no more known of anyone than there was."""

from __future__ import annotations

import hashlib
import html
import json
import os
import posixpath
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyogrio
import pytest

from sinkwatch.errors import ConfigError
from sinkwatch.publish import assets, locations, site
from tests.publish.builders import CONTACT, HOSTILE_SHOWN

if TYPE_CHECKING:
    from sinkwatch.model import Findings

ROOT = Path(__file__).parents[2]

BUILD_AND_HASH = """
import hashlib, json, sys
from datetime import UTC, datetime
from sinkwatch import config, sources
from sinkwatch.publish import site
from tests.publish import builders
area = config.load_area("ripon")
inputs = sources.recall(area, None, lambda _: None, now=datetime(2026, 11, 22, 9, 30, tzinfo=UTC))
found = builders.findings(area, inputs)
pages = site.build(found, site.Imprint(version="0.1.0", contact=builders.CONTACT))
json.dump({path: hashlib.sha256(page).hexdigest() for path, page in pages.items()}, sys.stdout)
"""


def test_another_process_with_another_hash_seed_builds_the_same_bytes(
    pages: dict[str, bytes],
) -> None:
    seed = "4711" if os.environ.get("PYTHONHASHSEED") != "4711" else "1"
    done = subprocess.run(
        [sys.executable, "-c", BUILD_AND_HASH],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed},
    )
    here = {path: hashlib.sha256(page).hexdigest() for path, page in pages.items()}
    assert json.loads(done.stdout) == here


def test_building_again_gives_the_same_bytes(findings: Findings, pages: dict[str, bytes]) -> None:
    assert site.build(findings, site.Imprint(version="0.1.0", contact=CONTACT)) == pages


def test_the_site_has_the_pages_the_files_and_the_licence(pages: dict[str, bytes]) -> None:
    assert list(pages) == sorted(pages)
    folders = {path.partition("/")[0] for path in pages if "/" in path}
    assert folders == {
        "accessibility",
        "applications",
        "assets",
        "changes",
        "check",
        "corrections",
        "data",
        "embed",
        "feeds",
        "method",
        "pictures",
        "privacy",
        "reading",
        "records",
        "sites",
        "status",
        "tiles",
        "timeline",
    }
    assert {path for path in pages if "/" not in path} == {
        ".nojekyll",
        "404.html",
        "_headers",
        "index.html",
        "llms.txt",
        "offline.html",
        "robots.txt",
    }
    assert {path for path in pages if path.startswith("data/")} == {
        "data/LICENCES.txt",
        "data/applications.csv",
        "data/cases.csv",
        "data/csv-metadata.json",
        "data/dictionary.csv",
        "data/flagged.csv",
        "data/index.html",
        "data/postcodes.csv",
        "data/sinkholes.csv",
        "data/sinkholes.geojson",
        "data/sinkwatch.gpkg",
        "data/sites.csv",
        "data/zones.geojson",
    }
    assert b"BSD 2-Clause" in pages["assets/leaflet-LICENSE.txt"]
    assert b"BSD 2-Clause" in pages["offline.html"]


def test_an_asset_is_named_by_what_it_holds_and_every_link_finds_its_file(
    pages: dict[str, bytes],
) -> None:
    for path, content in pages.items():
        if path.startswith("assets/") and path.endswith((".js", ".css")):
            assert hashlib.sha256(content).hexdigest()[:12] in path
    linked = {path for each in pages for path in _links_of(pages, each)}
    assert linked - set(pages) == set()
    unlinked = {path for path in pages if path.startswith("assets/")} - linked
    # A script fetches what draws tiles once there is something to draw.
    assert unlinked == {
        assets.LEAFLET_LICENCE,
        assets.PROTOMAPS_LICENCE,
        assets.SUPERCLUSTER_LICENCE,
        assets.protomaps_script().path,
    }


def _links_of(pages: dict[str, bytes], path: str) -> set[str]:
    """Return what a page links within the site, as paths from its top."""
    if not path.endswith(".html") or path == locations.ONE_FILE:
        return set()
    text = html.unescape(pages[path].decode())
    links = re.findall(r'(?:src|href)="([^":#?]+)"', text)
    top = "/" + posixpath.dirname(path)  # the page of what is not found names all from the top
    return {posixpath.normpath(posixpath.join(top, each)).removeprefix("/") for each in links}


def test_style_sheets_fetch_nothing(pages: dict[str, bytes]) -> None:
    for path, content in pages.items():
        if path.endswith(".css"):
            urls = re.findall(r"url\(([^)]*)\)", content.decode())
            assert set(urls) <= {"#default#VML"}
            assert b"@import" not in content


def test_no_exact_position_of_a_record_is_published(
    pages: dict[str, bytes], findings: Findings, tmp_path: Path
) -> None:
    text = "\n".join(
        text for path, text in _texts(pages).items() if not path.startswith("assets/leaflet")
    )
    # A watched site is a published point, which a record may share.
    watched = findings.places[findings.places["is_watched"]]
    public = set(zip(watched.geometry.x, watched.geometry.y, strict=True))
    exact = set(zip(findings.sinkholes.geometry.x, findings.sinkholes.geometry.y, strict=True))
    private = {at for at in exact - public if (at[0] % 50, at[1] % 50) != (0, 0)}
    assert len(private) >= 5
    for easting, northing in private:
        assert re.findall(rf"{easting:.0f}\D{{1,3}}{northing:.0f}", text) == []
    package = tmp_path / "sinkwatch.gpkg"
    package.write_bytes(pages["data/sinkwatch.gpkg"])
    drawn = pyogrio.read_dataframe(package, layer="records").geometry.dropna()
    assert len(drawn) > len(private)
    assert private.isdisjoint(zip(drawn.x, drawn.y, strict=True))


def _texts(pages: dict[str, bytes]) -> dict[str, str]:
    """Return what can be read of the site."""
    binary = (".gpkg", ".png", ".pmtiles")
    return {path: page.decode() for path, page in pages.items() if not path.endswith(binary)}


def test_the_record_known_only_to_5_km_is_in_no_geometry(pages: dict[str, bytes]) -> None:
    for text in _texts(pages).values():
        for line in text.splitlines():
            if "RS012" in line and '"geometry"' in line:
                assert '"geometry":null' in line
    script = next(content for path, content in pages.items() if path.startswith("assets/map-"))
    assert b"RS012" not in script
    assert b"RS009" in script


def test_text_from_outside_is_in_no_script_that_folium_made(pages: dict[str, bytes]) -> None:
    script = next(c.decode() for p, c in pages.items() if p.startswith("assets/map-"))
    assert HOSTILE_SHOWN[:20] not in script
    assert "owned" not in script


def test_a_script_that_could_end_its_own_tag_is_not_put_into_a_page() -> None:
    asset = assets.Asset(stem="x", suffix="js", text="var a = '</SCRIPT>';")
    with pytest.raises(ConfigError, match="closing tag"):
        _ = asset.inline


def test_a_package_without_its_browser_files_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(assets, "_LEAFLET", Path(assets.__file__).parent / "nowhere")
    with pytest.raises(ConfigError, match=r"nowhere/LICENSE: is not in .* Install sinkwatch again"):
        assets.leaflet_licence()
