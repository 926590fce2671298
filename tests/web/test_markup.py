"""Every page is HTML without an error, as the Nu checker of the W3C sees it."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from tests.programs import program
from tests.web import pages

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.web.service import Service

BRISKLY = ("-XX:TieredStopAtLevel=1", "-Xss4m")
"""Compile no further than a call of two seconds is worth, which halves its time but takes a
deeper stack."""

EXCUSED = (
    # A file has no origin to compare 'self' with, and the checker computes no hash: whether the
    # published page keeps to its own policy is watched by Chromium, in tests/publish.
    "Content Security Policy",
    # Leaflet's own style sheet, which speaks to browsers older and newer than the checker.
    "“plus-lighter” is not a “mix-blend-mode” value",
    "Property “behavior” doesn't exist",
)
"""What the checker says of the published pages that is no fault of theirs."""


def _is_excused(said: dict[str, str]) -> bool:
    is_published = said["url"].endswith(("/index.html", "/offline.html"))
    return is_published and any(words in said["message"] for words in EXCUSED)


def test_every_page_of_the_service_and_of_the_published_site_is_clean(
    every_page: Mapping[str, str], watched: Service, tmp_path: Path
) -> None:
    java = program("java", "default-jre-headless")
    checker = pages.tool("vnu-jar/build/dist/vnu.jar")
    folder = tmp_path / "pages"
    folder.mkdir()
    found = {
        **every_page,
        **{name: watched.get(f"/{name}.html").text for name in ("index", "offline")},
    }
    for name, html in found.items():
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    style = found["form"].split('<link rel="stylesheet" href="')[1].split('"')[0]
    (folder / "pages.css").write_text(watched.get(style).text, encoding="utf-8")
    # One call for all: most of its time is Java's own beginning.
    words = [java, *BRISKLY, "-jar", str(checker), "--also-check-css", "--format", "json"]
    done = subprocess.run([*words, str(folder)], capture_output=True, check=False, text=True)
    said = json.loads(done.stderr)["messages"]
    wrong = [
        (one["url"].rsplit("/", 1)[1], one.get("lastLine"), one["message"], one.get("extract"))
        for one in said
        if (one["type"] != "info" or one.get("subType") == "warning") and not _is_excused(one)
    ]
    assert wrong == []
    assert len(found) > 25
