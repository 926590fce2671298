"""What other sites may frame: exact snippets, hostile names in them, copies that stay."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from sinkwatch import events, lint
from sinkwatch.model import Entry, History
from sinkwatch.publish import embed, frame, locations, pictures, things, webmap
from sinkwatch.publish.pages import home, subjects
from sinkwatch.publish.publication import Imprint, Publication
from tests.publish.builders import CONTACT, HOSTILE, Page, with_nothing, with_source

if TYPE_CHECKING:
    from sinkwatch.model import Findings
    from sinkwatch.publish.webmap import Sketch

SITE = "https://holes.example.org"
DAY = date(2026, 11, 20)
EARLIER = date(2026, 3, 1)
DRAWN = {locations.AREA_PICTURE: b"PNG of the area", locations.AREA_DRAWING: b"<svg>area</svg>"}
CORRECTED = Entry(
    at=datetime(2026, 11, 20, 6, 0, tzinfo=UTC),
    on=DAY,
    kind=events.SINKHOLE,
    subject="RS001",
    version="0" * 16,
    title="Hutton Bank chasm, 18 June 1834",
    happened="The record has been corrected: its date.",
)
TITLE = "Recorded ground collapse and the gypsum belt around Ripon"
MAP_FRAME = (
    f'<iframe src="{SITE}/embed/map/" title="{TITLE}" width="640" height="560" loading="lazy" '
    'sandbox="allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox" '
    'referrerpolicy="no-referrer" style="border:0;max-width:100%"></iframe>'
)
CAPTION = (
    f'<figcaption><a href="{SITE}/">{TITLE}</a>. Ripon Sinkwatch: sources, licences and limits '
    "are on that page.</figcaption>"
)
MAP_SNIPPET = f"<figure>\n{MAP_FRAME}\n{CAPTION}\n</figure>"
MOST_GRADE = 9.0
"""Flesch-Kincaid grade of a reader of fourteen."""


@pytest.fixture(scope="module")
def publication(findings: Findings) -> Publication:
    return Publication(
        findings=findings,
        things=things.gather(findings),
        imprint=Imprint(version="1", contact=CONTACT, public_url=SITE),
        history=History(entries=(CORRECTED,), began_on=date(2026, 11, 1)),
    )


@pytest.fixture(scope="module")
def sketch(publication: Publication) -> Sketch:
    return webmap.Sketch.of(publication.findings, publication.things)


@pytest.fixture(scope="module")
def made(publication: Publication, sketch: Sketch) -> dict[str, bytes]:
    return embed.pages(publication, sketch, DRAWN, [EARLIER])


def read(made: dict[str, bytes], folder: str) -> Page:
    return Page(made[f"{folder}/index.html"].decode())


def snippets(page: Page) -> dict[str, str]:
    return {tag.attributes["id"]: tag.text for tag in page.all("textarea")}


def test_the_map_each_record_each_site_and_each_day_has_its_page(
    publication: Publication, made: dict[str, bytes]
) -> None:
    subjects_shown = (*publication.things.records, *publication.things.sites)
    assert {path for path in made if path.endswith(".html")} == {
        "embed/index.html",
        "embed/map/index.html",
        "embed/as-at/2026-11-20/index.html",
        *(f"embed/{each.folder}/index.html" for each in subjects_shown),
    }
    assert {path for path in made if path.startswith(("assets/", "embed/"))} == set(made)


def test_the_snippets_are_what_a_newsroom_can_paste(made: dict[str, bytes]) -> None:
    said = snippets(read(made, "embed"))
    assert said["live-frame"] == MAP_SNIPPET
    assert said["live-picture"] == (
        f'<figure>\n<a href="{SITE}/"><img src="{SITE}/pictures/map.png" alt="{TITLE}" '
        f'width="{pictures.WIDTH_PX}" height="{pictures.HEIGHT_PX}" loading="lazy" '
        f'style="max-width:100%;height:auto"></a>\n{CAPTION}\n</figure>'
    )
    assert (
        f'<iframe src="{SITE}/embed/as-at/2026-11-20/" title="{TITLE}, as ' in said["dated-frame"]
    )
    assert f'<iframe src="{SITE}/embed/records/RS001/" title="' in said["card-1-frame"]
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in said["card-1-frame"]
    assert len(said) == 3 + sum(path.startswith(("embed/records", "embed/sites")) for path in made)


def test_without_an_address_there_is_no_snippet_and_no_oembed_and_it_says_so(
    publication: Publication, sketch: Sketch
) -> None:
    nowhere = replace(publication, imprint=Imprint(version="1"))
    made = embed.pages(nowhere, sketch, DRAWN)
    page = read(made, "embed")
    assert snippets(page) == {}
    assert "This copy of the site has no web address of its own yet" in page.text
    assert [path for path in made if "oembed" in path] == []
    assert not any(b"oembed" in content for content in made.values())
    assert embed.snippet(nowhere, embed.Piece(folder="a", full="", title="b", height=1)) == ""


def test_days_are_listed_the_newest_first(made: dict[str, bytes]) -> None:
    page = read(made, "embed")
    days = [tag for tag in page.all("a") if "as-at" in tag.attributes["href"]]
    assert [(tag.text, tag.attributes["href"]) for tag in days] == [
        ("20 November 2026", "../embed/as-at/2026-11-20/index.html"),
        ("1 March 2026", "../embed/as-at/2026-03-01/index.html"),
    ]


def test_a_site_that_never_changed_has_no_dated_copy(
    publication: Publication, sketch: Sketch
) -> None:
    unread = replace(with_nothing(publication.findings), sources=())
    new = replace(publication, findings=unread, things=things.gather(unread), history=History())
    made = embed.pages(new, sketch, DRAWN)
    assert not any(path.startswith("embed/as-at") for path in made)
    said = read(made, "embed").text
    assert "No dated copy is kept yet." in said
    assert "There are no records in the data we hold." in said


def test_a_dated_copy_needs_nothing_but_its_own_folder_and_knows_no_other_day(
    publication: Publication, sketch: Sketch, made: dict[str, bytes]
) -> None:
    folder = "embed/as-at/2026-11-20"
    page = read(made, folder)
    used = [
        *(tag.attributes["src"] for tag in page.all("img", "script", "iframe")),
        *(
            tag.attributes["href"]
            for tag in page.all("link")
            if not tag.attributes["href"].startswith("data:")
        ),
    ]
    assert used == ["map.png", "style.css"]
    assert made[f"{folder}/map.png"] == DRAWN[locations.AREA_PICTURE]
    assert made[f"{folder}/map.svg"] == DRAWN[locations.AREA_DRAWING]
    assert b"url(" not in made[f"{folder}/style.css"]
    assert "as published on 20 November 2026" in page.text
    assert {tag.attributes["href"] for tag in page.all("a")} == {
        "map.png",
        "map.svg",
        "../../../index.html",
    }
    later = with_source(publication.findings, "sinkholes", n_rows=999)
    checked = tuple(
        replace(
            state,
            snapshot=state.snapshot
            and replace(state.snapshot, checked_at=datetime(2027, 1, 5, tzinfo=UTC)),
        )
        for state in later.sources
    )
    next_run = replace(publication, findings=replace(later, sources=checked))
    again = embed.pages(next_run, sketch, DRAWN)
    assert {path: again[path] for path in again if path.startswith(folder)} == {
        path: made[path] for path in made if path.startswith(folder)
    }


def test_a_card_says_what_when_where_how_sure_by_whom_and_since_when(
    publication: Publication, made: dict[str, bytes]
) -> None:
    thing = publication.things.records[0]
    page = read(made, "embed/records/RS001")
    assert thing.geometry is not None
    said = dict(
        zip((t.text for t in page.all("dt")), (d.text for d in page.all("dd")), strict=True)
    )
    at = f"{thing.geometry.x:.0f} E, {thing.geometry.y:.0f} N on the British National Grid, "
    assert said == {
        "When": "18 June 1834",
        "What": thing.fact("Size"),
        "Where": at + thing.fact("Place"),
        "How sure": f"Confirmed: {thing.fact('Grade')}",
        "Source": thing.url_title,
    }
    assert [tag.text for tag in page.all("h1")] == [thing.name]
    assert "It has said this since 20 November 2026." in page.text
    assert page.all("script", "img") == []
    assert "It has said this since 1 November 2026." in read(made, "embed/records/RS002").text


def test_a_card_of_a_site_says_its_band_in_words(
    publication: Publication, made: dict[str, bytes]
) -> None:
    for thing in publication.things.sites:
        page = read(made, f"embed/{thing.folder}")
        assert thing.style is not None
        assert thing.style.label in page.text
        assert thing.headline in page.text


def test_all_links_of_framed_pages_open_beside_the_page_that_frames_them(
    made: dict[str, bytes],
) -> None:
    framed = [path for path in made if path.endswith(".html") and path != "embed/index.html"]
    for path in framed:
        for tag in Page(made[path].decode()).all("a"):
            if "download" in tag.attributes or tag.attributes["href"].startswith("#"):
                continue
            assert tag.attributes["target"] == "_blank"
            assert "noopener" in tag.attributes["rel"].split()


def test_links_within_the_site_lead_to_pages_and_files_that_it_has(
    made: dict[str, bytes], pages: dict[str, bytes]
) -> None:
    there = {*pages, *made, *DRAWN, "embed/as-at/2026-03-01/index.html"}
    for path in (each for each in made if each.endswith(".html")):
        text = made[path].decode()
        links = re.findall(r'(?:src|href)="([^"#:]+)"', text)
        found = {posixpath.normpath(posixpath.join(posixpath.dirname(path), e)) for e in links}
        assert found - there == set()


def test_oembed_says_all_that_the_standard_asks_for(made: dict[str, bytes]) -> None:
    assert json.loads(made["embed/oembed/map.json"]) == {
        "type": "rich",
        "version": "1.0",
        "title": TITLE,
        "provider_name": "Ripon Sinkwatch",
        "provider_url": f"{SITE}/",
        "html": MAP_FRAME,
        "width": 640,
        "height": 560,
        "thumbnail_url": f"{SITE}/pictures/map.png",
        "thumbnail_width": pictures.WIDTH_PX,
        "thumbnail_height": pictures.HEIGHT_PX,
        "cache_age": 86400,
    }
    record = json.loads(made["embed/oembed/records/RS001.json"])
    assert record["thumbnail_url"] == f"{SITE}/pictures/cards/records/RS001.png"
    assert (record["thumbnail_width"], record["thumbnail_height"]) == frame.CARD_PX
    assert "embed/oembed/as-at/2026-03-01.json" in made


def test_the_map_and_each_page_of_a_record_or_site_lead_programs_to_it(
    publication: Publication, sketch: Sketch, made: dict[str, bytes]
) -> None:
    site = {**home.pages(publication, sketch), **subjects.pages(publication)}
    led = {}
    for path in (each for each in site if each.endswith(".html")):
        for tag in Page(site[path].decode()).all("link"):
            if tag.attributes.get("type") == "application/json+oembed":
                led[path] = tag.attributes["href"].removeprefix(f"{SITE}/")
    subjects_shown = (*publication.things.records, *publication.things.sites)
    assert led == {
        "index.html": "embed/oembed/map.json",
        **{
            f"{each.folder}/index.html": f"embed/oembed/{each.folder}.json"
            for each in subjects_shown
        },
    }
    assert set(led.values()) < set(made)


def test_a_hostile_name_is_a_name_in_html_in_json_in_html(
    publication: Publication, sketch: Sketch
) -> None:
    (first, *others) = publication.things.records
    shown = things.Things(
        records=(replace(first, name=HOSTILE, kind=HOSTILE, url_title=HOSTILE), *others),
        sites=(),
        applications=(),
        cases=(),
    )
    made = embed.pages(replace(publication, things=shown), sketch, DRAWN)
    told = json.loads(made[f"embed/oembed/{first.folder}.json"])
    parsed = Page(told["html"])
    assert [tag.name for tag in parsed.tags] == ["iframe"]
    assert parsed.tags[0].attributes["title"] == HOSTILE
    assert set(parsed.tags[0].attributes) == {
        "src", "title", "width", "height", "loading", "sandbox", "referrerpolicy", "style",
    }  # fmt: skip
    page = read(made, "embed")
    pasted = Page(snippets(page)["card-1-frame"])
    assert [tag.name for tag in pasted.tags] == ["figure", "iframe", "figcaption", "a"]
    for path in ("embed/index.html", f"embed/{first.folder}/index.html"):
        read_back = Page(made[path].decode())
        assert read_back.all("iframe", "img", "object") == []
        assert all("src" in tag.attributes for tag in read_back.all("script"))
        handlers = [name for tag in read_back.tags for name in tag.attributes if name[:2] == "on"]
        assert handlers == []


def test_what_it_says_is_plain_and_says_nothing_that_we_may_not(made: dict[str, bytes]) -> None:
    page = read(made, "embed")
    said = [" ".join(tag.text.split()) for tag in page.all("p", "li") if tag.text.strip()]
    body = [text for text in said if text.endswith(".") and "Ripon Sinkwatch" not in text]
    sentences = [each for text in body for each in re.split(r"(?<=[.:?])\s+", text)]
    assert len(sentences) > 15
    assert [(each, lint.faults(each)) for each in sentences if lint.faults(each)] == []
    words = [word for each in sentences for word in re.findall(r"[A-Za-z’']+", each)]
    syllables = sum(len(re.findall(r"[aeiouy]+", w.lower().removesuffix("e"))) or 1 for w in words)
    grade = 0.39 * len(words) / len(sentences) + 11.8 * syllables / len(words) - 15.59
    assert grade <= MOST_GRADE


def test_the_same_edition_gives_the_same_bytes(
    publication: Publication, sketch: Sketch, made: dict[str, bytes]
) -> None:
    assert embed.pages(publication, sketch, DRAWN, [EARLIER]) == made
    for path, content in made.items():
        if path.startswith("assets/") and path.endswith((".js", ".css")):
            assert hashlib.sha256(content).hexdigest()[:12] in path


def test_a_record_s_card_does_not_know_of_a_change_to_another(
    publication: Publication, sketch: Sketch, made: dict[str, bytes]
) -> None:
    other = replace(CORRECTED, subject="RS002", on=date(2026, 12, 1))
    later = replace(
        publication, history=History(entries=(other, CORRECTED), began_on=date(2026, 11, 1))
    )
    again = embed.pages(later, sketch, DRAWN)
    changed = {path for path in made if "/records/" in path and again.get(path) != made[path]}
    assert changed == {"embed/records/RS002/index.html"}
