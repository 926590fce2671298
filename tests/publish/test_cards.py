"""Social cards: one for each record, site, band and the area, that no outside text can run."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from sinkwatch import events, lint
from sinkwatch.errors import DataError
from sinkwatch.model import Band, Entry, History
from sinkwatch.publish import cards, frame, things
from sinkwatch.publish.frame import CARD_PX, Sheet
from sinkwatch.publish.pages import subjects
from sinkwatch.publish.painting import Setting
from sinkwatch.publish.publication import Imprint, Publication
from tests.publish.builders import HOSTILE, Page

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sinkwatch.model import Findings
    from sinkwatch.publish.things import Thing

AREA = "pictures/cards/area.png"
BEGAN = date(2026, 11, 20)
LATER = datetime(2026, 11, 25, 6, tzinfo=UTC)
EDGE_PX = 72
MAP_BEGINS_PX = 666
URL = "https://sink.example"


@pytest.fixture(scope="module")
def edition(findings: Findings) -> Publication:
    return Publication(
        findings=findings,
        things=things.gather(findings),
        imprint=Imprint(version="0.1.0", public_url=URL),
        history=History(began_on=BEGAN),
    )


@pytest.fixture(scope="module")
def small(edition: Publication) -> Publication:
    """Return the edition with one record and one site."""
    return only(edition, edition.things.records[:1], edition.things.sites[:1])


@pytest.fixture(scope="module")
def made(small: Publication) -> dict[str, bytes]:
    return cards.pages(small)


def only(
    publication: Publication, records: tuple[Thing, ...], sites: tuple[Thing, ...] = ()
) -> Publication:
    held = replace(publication.things, records=records, sites=sites)
    return replace(publication, things=held)


def changed(publication: Publication, kind: str, subject: str) -> Publication:
    """Return the edition with one change of one subject."""
    entry = Entry(
        at=LATER,
        on=LATER.date(),
        kind=kind,
        subject=subject,
        version="1",
        title="A subject",
        happened="Corrected.",
    )
    return replace(publication, history=History(entries=(entry,), began_on=BEGAN))


def ink(png: bytes) -> NDArray[np.bool_]:
    """Tell which pixels are not paper."""
    with Image.open(io.BytesIO(png)) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    different: NDArray[np.bool_] = np.abs(pixels - pixels[2, 2]).max(axis=2) > 40
    return different


def test_each_record_site_and_band_has_a_card_and_so_has_the_area(
    small: Publication, made: dict[str, bytes]
) -> None:
    (record,), (site,) = small.things.records, small.things.sites
    bands = sorted(band.key for band in small.findings.area.parameters.table.styles)

    assert sorted(made) == sorted(
        [
            AREA,
            f"pictures/cards/{record.folder}.png",
            f"pictures/cards/{site.folder}.png",
            *(f"pictures/cards/applications/{band}.png" for band in bands),
            "pictures/cards/applications/unassessed.png",
        ]
    )
    assert bands == sorted(band.key for band in Band)


def test_cards_have_the_size_that_is_said_and_are_light(made: dict[str, bytes]) -> None:
    for path, png in made.items():
        with Image.open(io.BytesIO(png)) as picture:
            assert picture.size == CARD_PX == (1_200, 630)
        assert len(png) <= (120_000 if path == AREA else 60_000)


def test_a_card_changes_with_its_subject_alone(small: Publication, made: dict[str, bytes]) -> None:
    (record,) = small.things.records
    path = f"pictures/cards/{record.folder}.png"

    after = cards.pages(changed(small, events.SINKHOLE, record.key))

    assert {name for name in made if after[name] != made[name]} == {path, AREA}


def test_what_is_written_is_drawn_and_never_run(edition: Publication) -> None:
    titles = ("2", "#(1+1)", f"#panic(1) $x$ *b* <l> @r \\ {HOSTILE}")
    records = tuple(
        replace(edition.things.records[0], name=title, folder=f"records/{number}")
        for number, title in enumerate(titles)
    )

    made = cards.pages(only(edition, records))

    assert len({made[f"pictures/cards/{record.folder}.png"] for record in records}) == len(titles)


def test_a_long_name_stays_inside_its_card(edition: Publication) -> None:
    record = edition.things.records[0]
    endless = replace(record, name="Wolkenkratzer" * 200, url_title="Quelle " * 200)
    wordy = replace(record, name="A hole in the ground " * 200, folder="records/wordy")

    made = cards.pages(only(edition, (endless, wordy)))

    for thing in (endless, wordy):
        written = ink(made[f"pictures/cards/{thing.folder}.png"])
        assert written[:, EDGE_PX : CARD_PX[0] - EDGE_PX].any()
        assert not written[:, : EDGE_PX - 4].any()
        assert not written[:, CARD_PX[0] - EDGE_PX + 8 :].any()
        assert not written[-8:].any()
        # Between title and foot nothing runs into the rule.
        assert not written[480:494].any()


def test_the_area_shows_its_map_with_its_words_beside_it(made: dict[str, bytes]) -> None:
    written = ink(made[AREA])

    assert not written[:, EDGE_PX + 500 : MAP_BEGINS_PX - 8].any()
    assert written[:, MAP_BEGINS_PX:].mean() > 0.05
    assert not written[-8:, : MAP_BEGINS_PX - 8].any()


def test_the_card_of_an_application_names_none(edition: Publication) -> None:
    hostile = next(each for each in edition.things.applications if each.key.endswith(HOSTILE))
    cards_of = {cards.of_thing(edition, each) for each in edition.things.applications}

    assert cards.of_thing(edition, replace(hostile, style=None)).path == (
        "pictures/cards/applications/unassessed.png"
    )
    for card in cards_of:
        assert card.alt.startswith("A planning application near Ripon. ")
        assert "24/0000" not in card.alt
        assert lint.faults(card.alt) == ()


def test_every_card_that_a_page_names_is_made(small: Publication, made: dict[str, bytes]) -> None:
    named = {cards.of_thing(small, thing).path for thing in small.things.with_pages()}

    assert named <= set(made)


def test_the_words_of_a_card_say_what_is_on_it(small: Publication) -> None:
    (record,) = small.things.records

    assert cards.of_thing(small, record).alt == (
        "Hutton Bank chasm (Sharow Ox Close). "
        "18 June 1834 · evidence confirmed · place known to ± 350 m"
    )


def test_a_page_with_an_address_has_the_card_of_its_subject(small: Publication) -> None:
    (record,) = small.things.records
    page = Page(subjects.pages(small)[f"{record.folder}/index.html"].decode())
    said = {
        tag.attributes.get("property") or tag.attributes["name"]: tag.attributes["content"]
        for tag in page.all("meta")
        if {"property", "name"} & tag.attributes.keys()
    }
    (place,) = [
        json.loads(tag.text)
        for tag in page.all("script")
        if tag.attributes.get("type") == "application/ld+json"
    ]

    card = cards.of_thing(small, record)
    assert said["og:image"] == place["image"] == f"{URL}/{card.path}"
    assert (said["og:image:width"], said["og:image:height"]) == ("1200", "630")
    assert said["og:image:alt"] == card.alt
    assert said["twitter:card"] == "summary_large_image"


def test_a_page_about_nothing_in_particular_has_the_card_of_the_area(small: Publication) -> None:
    sheet = Sheet(folder="x", template="404.html", title="Nothing", description="Nothing here.")
    plain = replace(small, imprint=replace(small.imprint, public_url=""))

    (with_address,) = frame.render(small, replace(sheet, template="privacy.html")).values()
    (without,) = frame.render(plain, replace(sheet, template="privacy.html")).values()

    assert f'content="{URL}/{AREA}"'.encode() in with_address
    assert b"og:image" not in without


def test_a_template_that_fails_is_a_fault_of_ours() -> None:
    broken = Setting(template="card.typ", said={"cards": [{"mark": ""}], "site": "x"})

    with pytest.raises(DataError, match="could not be set"):
        broken.painted(ppi=72)
