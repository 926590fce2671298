"""The area as a picture: what is on it, what it says, how heavy it is, and where it is shown."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from PIL import Image

from sinkwatch import geo, lint, schemas
from sinkwatch.model import (
    Entry,
    Evidence,
    History,
    SourceSpec,
    SourceState,
    SourceStatus,
    Surroundings,
)
from sinkwatch.publish import painting, pictures, things
from sinkwatch.publish.kept import Kept
from sinkwatch.publish.overview import MOST_MARKS, Overview
from sinkwatch.publish.publication import Imprint, Publication
from tests.publish.builders import HOSTILE, as_read, with_nothing

if TYPE_CHECKING:
    from sinkwatch.model import Area, Findings
    from sinkwatch.publish.things import Thing
    from tests.publish.builders import Page

BEGAN = date(2026, 11, 20)
EAST, NORTH = 431_500.0, 471_500.0
SVG = "{http://www.w3.org/2000/svg}"
RECORD_KEY = (
    "Record, confirmed",
    "Record, probable",
    "Record, possible",
    "Record that is not an event",
    "Within which it may truly lie; places rounded to 50 m",
)
GROUND_KEY = (
    "Class C: the gypsum belt, where gypsum is present and can dissolve",
    "Class A: no gypsum known beneath, west of the belt",
    "Fading: the edge may lie anywhere in this (± 500 to 1,000 m)",
    "Edge of a zone as drawn",
)


def published(findings: Findings, history: History | None = None) -> Publication:
    return Publication(
        findings=findings,
        things=things.gather(findings),
        imprint=Imprint(version="0.1.0"),
        history=history or History(began_on=BEGAN),
    )


def with_applications(publication: Publication, n: int) -> Publication:
    """Return the edition with so many copies of its first application, side by side."""
    held = publication.things
    first = held.applications[0]
    many = tuple(
        replace(
            first,
            key=f"{first.key}/{number:05}",
            is_flagged=number % 8 == 0,
            geometry=shapely.Point(
                EAST - 1_200 + number % 50 * 48, NORTH - 900 + number // 50 * 44
            ),
        )
        for number in range(n)
    )
    return replace(publication, things=replace(held, applications=many))


def seen(publication: Publication) -> Overview:
    return Overview.of(publication.findings, publication.things, size_mm=pictures.MAP_MM)


def texts(overview: Overview) -> tuple[str, ...]:
    return tuple(entry.text for entry in overview.key())


@pytest.fixture(scope="module")
def edition(findings: Findings) -> Publication:
    return published(findings)


@pytest.fixture(scope="module")
def made(edition: Publication) -> dict[str, bytes]:
    return pictures.pages(edition)


@pytest.fixture(scope="module")
def crowded(edition: Publication) -> Publication:
    return with_applications(edition, 2_000)


def test_there_is_a_picture_of_exact_size_and_a_drawing(made: dict[str, bytes]) -> None:
    assert sorted(made) == ["pictures/map.png", "pictures/map.svg"]
    with Image.open(io.BytesIO(made["pictures/map.png"])) as picture:
        assert picture.size == (pictures.WIDTH_PX, pictures.HEIGHT_PX) == (1_200, 900)


def test_two_thousand_applications_stay_light(crowded: Publication) -> None:
    heavy = pictures.pages(crowded)

    assert len(heavy["pictures/map.png"]) <= 250_000
    assert len(heavy["pictures/map.svg"]) <= 400_000


def test_the_drawing_says_what_it_shows_and_needs_nothing(
    edition: Publication, made: dict[str, bytes]
) -> None:
    root = ET.fromstring(made["pictures/map.svg"])  # noqa: S314 - our own
    names = {element.tag.removeprefix(SVG) for element in root.iter()}
    links = {
        value
        for element in root.iter()
        for name, value in element.attrib.items()
        if name.endswith("href")
    }

    assert root.attrib["role"] == "img"
    assert root.findtext(f"{SVG}title") == (
        "Recorded ground collapse and the gypsum belt around Ripon"
    )
    assert root.findtext(f"{SVG}desc") == pictures.alt(edition)
    assert names & {"script", "foreignObject", "a", "text", "image"} == set()
    assert all(link.startswith("#") for link in links)
    assert {link[1:] for link in links} <= {
        element.attrib["id"] for element in root.iter() if "id" in element.attrib
    }


def test_the_same_edition_gives_the_same_bytes_whenever_it_is_run(
    edition: Publication, made: dict[str, bytes]
) -> None:
    later = datetime(2026, 11, 25, tzinfo=UTC)
    checked = tuple(
        state
        if state.snapshot is None
        else replace(state, snapshot=replace(state.snapshot, checked_at=later))
        for state in edition.findings.sources
    )
    entry = Entry(
        at=later,
        on=later.date(),
        kind="site",
        subject="x",
        version="1",
        title="A site",
        happened="New.",
    )
    rerun = replace(edition, findings=replace(edition.findings, sources=checked))
    changed = replace(edition, history=History(entries=(entry,), began_on=BEGAN))

    assert pictures.pages(rerun) == made
    assert pictures.pages(changed)["pictures/map.png"] != made["pictures/map.png"]


def test_it_shows_everything_recorded_with_room_round_it(edition: Publication) -> None:
    overview = seen(edition)
    drawn = [each.geometry for each in edition.things.records if each.geometry is not None]
    west, south, east, north = shapely.total_bounds(drawn)
    frame = overview.window.frame

    assert len(overview.things.records) == len(drawn) == 18
    assert frame.min_easting + frame.max_easting == pytest.approx(west + east)
    assert frame.min_northing + frame.max_northing == pytest.approx(south + north)
    assert overview.window.size_mm == pytest.approx(pictures.MAP_MM)
    assert south - frame.min_northing >= 0.16 * (north - south)


def test_the_scale_bar_is_measured(edition: Publication) -> None:
    overview = seen(edition)
    metres, bar_mm = overview.bar
    frame = overview.window.frame
    share = metres / (frame.max_easting - frame.min_easting)

    assert metres == 500
    assert bar_mm == pytest.approx(share * pictures.MAP_MM[0])


def test_the_key_names_what_is_drawn_and_nothing_else(edition: Publication) -> None:
    assert texts(seen(edition)) == (
        *RECORD_KEY,
        "Watched site",
        "Planning application",
        "Within which an application may truly lie",
        "With a flag: on the list of flagged places",
        *GROUND_KEY,
    )
    assert [each.label for each in seen(edition).band_styles()] == ["High", "Moderate"]


def test_in_a_crowd_applications_are_dots_and_the_flagged_are_told_apart(
    crowded: Publication,
) -> None:
    told = texts(seen(crowded))

    assert "Planning application on the list of flagged places" in told
    assert "Within which an application may truly lie" not in told
    assert seen(with_applications(crowded, MOST_MARKS)).is_crowded is False
    assert seen(with_applications(crowded, MOST_MARKS + 1)).is_crowded is True


def test_of_an_area_with_nothing_recorded_the_ground_is_drawn(findings: Findings) -> None:
    empty = published(with_nothing(findings))

    assert set(texts(seen(empty))) <= {*GROUND_KEY, GROUND_KEY[0].replace("Class C", "Class B")}
    assert len(pictures.pages(empty)) == 2
    assert pictures.alt(empty).startswith(
        "Map of Ripon and its surroundings: no records in the data we hold and 0 planning "
    )


def test_each_grade_of_evidence_looks_different(edition: Publication) -> None:
    record = next(each for each in edition.things.records if each.geometry is not None)

    overview = seen(edition)

    def drawn(thing: Thing) -> bytes:
        alone = replace(edition.things, records=(thing,), sites=(), applications=())
        return replace(overview, things=alone).svg()

    pictured = {drawn(replace(record, symbol=f"record-{grade}")) for grade in Evidence}
    assert len(pictured) == len(Evidence) == 4


def test_the_backdrop_is_credited_named_and_bounded(findings: Findings) -> None:
    lanes = [shapely.LineString([(x, -400), (x + 30, 400)]) for x in range(-500, 500, 1)]
    blocks = [shapely.box(0, 0, 20, 20), shapely.box(100, 0, 300, 150), shapely.box(-300, 0, 0, 99)]
    shapes = [*lanes, *blocks]
    layers = [*["road"] * len(lanes), "building", "water", "woodland"]
    classes = [*["minor"] * len(lanes), None, None, None]
    wiggles = [shapely.segmentize(shape, 5) for shape in shapes]
    shown = on(findings, layers, wiggles, classes)
    overview = seen(published(shown))

    assert texts(overview)[-3:] == ("Main road", "Water", "Woodland")
    assert replace(overview, backdrop=None).svg() != overview.svg()
    assert overview.backdrop is not None
    assert shapely.get_num_coordinates(overview.backdrop.shapes).sum() <= 5_500
    assert pictures.credits_of(published(shown), ("backdrop",)) == HOSTILE_CREDIT


HOSTILE_CREDIT = "#panic(1) © Crown copyright 2026"


def on(
    findings: Findings,
    layers: list[str],
    shapes: list[shapely.Geometry],
    classes: list[str | None],
) -> Findings:
    """Return the findings on a backdrop, and the source that gave it."""
    columns = {
        "feature_id": pd.Series([f"F{number:05}" for number in range(len(layers))], dtype="str"),
        "layer": pd.Series(layers, dtype="str"),
        "name": pd.Series([HOSTILE] * len(layers), dtype="str"),
        "road_class": pd.Series(classes, dtype="str"),
    }
    moved = [shapely.transform(shape, lambda at: at + np.array([EAST, NORTH])) for shape in shapes]
    frame = schemas.BACKDROP.check(gpd.GeoDataFrame(columns, geometry=moved, crs=geo.BNG))
    spec = SourceSpec(
        name="openmap-local",
        kind="openmap-local",
        title="OS OpenMap Local",
        path=None,
        licence="OGL",
        attribution=HOSTILE_CREDIT,
    )
    state = as_read(SourceState(spec=spec, status=SourceStatus.GOOD, snapshot=None), len(frame))
    return replace(
        findings,
        sources=(*findings.sources, state),
        surroundings=Surroundings(backdrop=frame),
    )


def test_outside_text_is_set_as_it_is(ripon: Area, findings: Findings) -> None:
    named = f"#panic(1) $x$ *b* <l> @r \\ {HOSTILE}"
    hostile = published(replace(findings, area=replace(ripon, name=named)))

    drawn = pictures.pages(hostile)["pictures/map.svg"]

    root = ET.fromstring(drawn)  # noqa: S314 - our own
    assert "#panic(1)" in (root.findtext(f"{SVG}title") or "")
    assert b"<script" not in drawn


def test_its_words_say_what_is_recorded(edition: Publication) -> None:
    said = pictures.alt(edition)

    assert said == (
        "Map of Ripon and its surroundings: 19 records of ground collapse or subsidence from 1834 "
        "to 2023 (18 of them drawn, each with a circle of doubt), 19 watched sites and "
        "4 planning applications. Of sites and applications 12 are flagged. Zones of the ground "
        "fade where their edges are uncertain. The tables on this page hold the same facts."
    )
    assert lint.faults(said) == ()


def test_without_scripts_the_home_page_shows_it(edition: Publication, index: Page) -> None:
    (picture,) = index.all("img")

    assert index.all("noscript")
    assert picture.attributes == {
        "src": "pictures/map.png",
        "width": "1200",
        "height": "900",
        "alt": pictures.alt(edition),
        "loading": "lazy",
    }


def test_the_page_that_is_one_file_has_its_sentence_only(offline: Page) -> None:
    assert offline.all("img", "noscript") == []
    assert "This map is drawn by your browser with JavaScript." in offline.text


def test_a_page_that_was_painted_before_is_not_reduced_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reduced: list[tuple[bytes, bool]] = []

    def reduce(page: bytes, *, is_shaded: bool) -> bytes:
        reduced.append((page, is_shaded))
        return page + bytes([is_shaded])

    monkeypatch.setattr(painting, "_KEPT", Kept(most=8))
    monkeypatch.setattr(painting, "_reduced", reduce)
    monkeypatch.setattr(painting.Setting, "_set", lambda *_: [b"one", b"two"])
    setting = painting.Setting(template="card.typ", said={})
    for _ in range(2):
        assert setting.painted(ppi=96) == [b"one\0", b"two\0"]
        assert setting.painted(ppi=96, is_shaded=True) == [b"one\1", b"two\1"]
    assert reduced == [(b"one", False), (b"two", False), (b"one", True), (b"two", True)]
