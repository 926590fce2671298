"""Every record, site and application has a page of its own that says all that is known of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from sinkwatch import events, wording
from sinkwatch.model import Entry, History
from sinkwatch.publish import locations, nearby, things
from sinkwatch.publish.pages import subjects, timeline
from sinkwatch.publish.publication import Imprint, Publication
from tests.publish.builders import HOSTILE_SHOWN, UNMAPPED, Page, without_applications

if TYPE_CHECKING:
    from sinkwatch.model import Findings

AT = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
CORRECTED = Entry(
    at=AT,
    on=date(2026, 11, 20),
    kind=events.SINKHOLE,
    subject="RS001",
    version="0" * 16,
    title="Hutton Bank chasm, 18 June 1834",
    happened="The record has been corrected: its date <b>.",
)


@pytest.fixture(scope="module")
def publication(findings: Findings) -> Publication:
    return Publication(
        findings=findings,
        things=things.gather(findings),
        imprint=Imprint(version="1", public_url="https://holes.example.org"),
        history=History(entries=(CORRECTED,), began_on=date(2026, 11, 1)),
    )


@pytest.fixture(scope="module")
def made(publication: Publication) -> dict[str, bytes]:
    return subjects.pages(publication)


def page_of(made: dict[str, bytes], folder: str) -> Page:
    return Page(made[f"{folder}/index.html"].decode())


def test_everything_with_an_identity_has_one_page_and_is_in_a_list(
    publication: Publication, made: dict[str, bytes]
) -> None:
    folders = [thing.folder for thing in publication.things.with_pages()]
    assert len(folders) == len(set(folders))
    lists = {locations.RECORDS, locations.SITES, locations.APPLICATIONS}
    pages = {path for path in made if path.endswith(".html")}
    assert pages == {locations.page_in(folder) for folder in {*folders, *lists}}
    for name in lists:
        linked = {tag.attributes["href"] for tag in page_of(made, name).all("a")}
        wanted = {f for f in folders if f.startswith(name)}
        assert {f"../{folder}/index.html" for folder in wanted} <= linked


def test_a_page_says_every_fact_reason_and_source(
    publication: Publication, made: dict[str, bytes]
) -> None:
    for thing in publication.things.with_pages():
        said = " ".join(page_of(made, thing.folder).text.split())
        told = [*(fact.text for fact in thing.facts), *(why.text for why in thing.reasons)]
        missing = [text for text in told if " ".join(text.split()) not in said]
        assert missing == []
        assert thing.url_title in said


def test_what_comes_from_outside_is_text_and_no_page_has_anything_active(
    made: dict[str, bytes],
) -> None:
    pages = [Page(content.decode()) for path, content in made.items() if path.endswith("html")]
    assert any(HOSTILE_SHOWN in page.text for page in pages)
    for page in pages:
        assert page.all("img", "iframe", "object", "form") == []
        scripts = [tag.attributes for tag in page.all("script")]
        assert all("src" in tag or tag["type"] == "application/ld+json" for tag in scripts)
        handlers = [name for tag in page.tags for name in tag.attributes if name.startswith("on")]
        assert handlers == []


def test_a_record_tells_its_own_changes_and_is_cited_by_their_day(
    made: dict[str, bytes],
) -> None:
    page = page_of(made, "records/RS001")
    assert "20 November 2026: The record has been corrected: its date <b>." in page.text
    address = "https://holes.example.org/records/RS001/"
    assert f"{address}#edition-2026-11-20" in page.text
    assert "edition-2026-11-20" in page.ids()
    (link,) = [tag for tag in page.all("link") if tag.attributes["rel"] == "canonical"]
    assert link.attributes["href"] == address


def test_what_it_says_to_programs_is_a_place_with_the_published_position(
    made: dict[str, bytes],
) -> None:
    (said,) = [
        tag.text
        for tag in page_of(made, "records/RS001").all("script")
        if tag.attributes.get("type") == "application/ld+json"
    ]
    place = json.loads(said)
    assert place["@type"] == "Place"
    assert place["geo"]["latitude"] == pytest.approx(54.14, abs=0.05)
    assert place["subjectOf"]["dateModified"] == "2026-11-20"


def test_a_change_of_one_record_changes_its_page_and_no_other(
    publication: Publication, made: dict[str, bytes]
) -> None:
    later = replace(CORRECTED, at=AT.replace(day=21), on=date(2026, 11, 21), version="1" * 16)
    history = replace(publication.history, entries=(later, CORRECTED))
    again = subjects.pages(replace(publication, history=history))
    differing = {path for path in made if made[path] != again[path]}
    lists = {f"{name}/index.html" for name in ("records", "sites", "applications")}
    assert differing - lists == {"records/RS001/index.html"}


def test_neighbours_are_the_same_both_ways_and_the_nearest_comes_first(
    publication: Publication,
) -> None:
    near = nearby.gather(publication.things.with_pages())
    assert near["sites/auction-mart"]
    for folder, neighbours in near.items():
        for each in neighbours:
            assert folder in {other.thing.folder for other in near[each.thing.folder]}
            assert each.thing.folder != folder


def test_a_long_list_is_parted_and_every_part_links_all(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subjects, "PER_PAGE", 8)
    made = subjects.pages(publication)
    parts = ["records", "records/page-2", "records/page-3"]
    rows = [len(page_of(made, part).all("tr")) - 1 for part in parts]
    assert rows == [8, 8, 3]
    for part in parts:
        hrefs = [tag.attributes["href"] for tag in page_of(made, part).all("a")]
        root = "../" * len(part.split("/"))
        assert {f"{root}{other}/index.html" for other in parts} <= set(hrefs)


def test_no_application_is_not_said_to_be_none_where_no_source_is_set_up(
    findings: Findings,
) -> None:
    bare = without_applications(findings)
    imprint = Imprint(version="1")
    empty = Publication(findings=bare, things=things.gather(bare), imprint=imprint)
    said = page_of(subjects.pages(empty), "applications").text
    assert "None are held" not in said
    assert "0 applications in the planning" in said


def test_the_timeline_has_every_event_once_the_newest_first(publication: Publication) -> None:
    page = Page(timeline.pages(publication)["timeline/index.html"].decode())
    shown = publication.things
    assert len(page.all("li")) - len(_links_of_frame(page)) == sum(
        map(len, (shown.records, shown.cases, shown.applications))
    )
    text = page.text
    assert text.index("2026") < text.index("1830s") < text.index("Day not known")
    assert all(wording.clean(record.name) in text for record in shown.records)


def _links_of_frame(page: Page) -> list[object]:
    """Return the entries of the two navigations, which every page has."""
    navigation = sum(tag.text.strip().count("\n") + 1 for tag in page.all("nav"))
    return [None] * navigation


def test_the_timeline_leaves_out_only_old_applications_and_says_how_many(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "MOST_APPLICATIONS", 1)
    page = Page(timeline.pages(publication)["timeline/index.html"].decode())
    assert "3 older applications not shown here" in page.text
    assert UNMAPPED in page.text
