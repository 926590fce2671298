"""Planning applications in columns: nothing lost, nothing that runs, and a few bytes for each."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sinkwatch import geo
from sinkwatch.publish import crowd, locations, things, webmap
from sinkwatch.publish.pages import home
from sinkwatch.publish.publication import Imprint, Publication
from tests.publish.builders import FAR, HOSTILE_SHOWN, UNMAPPED, without_applications

if TYPE_CHECKING:
    from sinkwatch.model import Findings
    from sinkwatch.publish.things import Thing, Things
    from tests.publish.builders import Page

MANY = 2_000
BYTES_EACH = 20
"""Compressed, of one application: a twentieth of what its words take."""


@pytest.fixture(scope="module")
def gathered(findings: Findings) -> Things:
    return things.gather(findings)


@pytest.fixture(scope="module")
def columns(findings: Findings, gathered: Things) -> dict[str, object]:
    return crowd.columns(findings, gathered, "")


def _many(gathered: Things) -> Things:
    """Two thousand, each at a place of its own round the first."""
    first = next(thing for thing in gathered.applications if thing.geometry is not None)
    rng = np.random.default_rng(6)
    ways = rng.normal(0, 1_500, (MANY, 2))
    return replace(gathered, applications=tuple(_another(first, *way) for way in ways))


def _another(first: Thing, east: float, north: float) -> Thing:
    assert first.geometry is not None
    number = f"26/{abs(_hash_of(east, north)):05d}/FUL"
    at = type(first.geometry)(first.geometry.x + east, first.geometry.y + north)
    return replace(
        first,
        name=number,
        key=f"North Yorkshire/{number}",
        geometry=at,
        folder=locations.of_application(f"North Yorkshire/{number}"),
    )


def _hash_of(east: float, north: float) -> int:
    """Return a number of five digits that belongs to a place."""
    return int(1_000 * (east + 2 * north)) % 100_000


def test_every_application_is_in_the_columns_those_not_drawn_last(
    columns: dict[str, object], gathered: Things
) -> None:
    references = columns["reference"]
    assert isinstance(references, list)
    assert sorted(references) == sorted(thing.name for thing in gathered.applications)
    assert references[-1] == UNMAPPED
    for name in ("longitude", "latitude", "known_m"):
        assert len(columns[name]) == len(references) - 1  # type: ignore[arg-type]
    for name in ("band", "status", "flagged", "decided", "year", "authority"):
        assert len(columns[name]) == len(references)  # type: ignore[arg-type]


def test_a_place_is_where_it_was_to_about_a_metre(
    columns: dict[str, object], gathered: Things
) -> None:
    references = columns["reference"]
    assert isinstance(references, list)
    far = next(thing for thing in gathered.applications if thing.name == FAR)
    assert far.geometry is not None
    (longitude,), (latitude,) = geo.to_wgs84(far.geometry.x, far.geometry.y)
    told = [list(accumulate(columns[name])) for name in ("longitude", "latitude")]  # type: ignore[call-overload]
    index = references.index(FAR)
    assert told[0][index] / crowd.DEGREE == pytest.approx(float(longitude), abs=1e-5)
    assert told[1][index] / crowd.DEGREE == pytest.approx(float(latitude), abs=1e-5)


def test_codes_and_flags_say_what_the_table_says(
    columns: dict[str, object], gathered: Things
) -> None:
    references, bands, statuses = (columns[name] for name in ("reference", "bands", "statuses"))
    by_name = {thing.name: thing for thing in gathered.applications}
    for index, name in enumerate(references):  # type: ignore[arg-type,var-annotated]
        thing, code = by_name[name], str(columns["band"])[index]
        band = None if code == "-" else bands[int(code)]  # type: ignore[index]
        assert band == (thing.style.band.key if thing.style else None)
        assert str(columns["flagged"])[index] == str(int(thing.is_flagged))
        status = statuses[int(str(columns["status"])[index])]  # type: ignore[index]
        assert thing.fact("Status").startswith(status)


def test_a_folder_can_be_made_again_or_is_named_in_full(gathered: Things) -> None:
    several = _many(gathered)
    parts = crowd._folders(several.applications[:3])  # noqa: SLF001 - what crowd.js takes apart
    assert parts["folders"] == {}
    assert parts["hash"] == "".join(thing.folder[-8:] for thing in several.applications[:3])
    odd = replace(several.applications[0], name="İ/1", folder="applications/plain")
    assert crowd._folders([odd])["folders"] == {"0": "plain"}  # noqa: SLF001 - as above


def test_hostile_text_is_a_value_and_cannot_end_the_script(
    findings: Findings, gathered: Things
) -> None:
    drawing = webmap.draw(webmap.Sketch.of(findings, gathered), tiles=None)
    assert not set(drawing.crowd) & set("<>&'\u2028\u2029")
    handed = json.loads(drawing.crowd.removeprefix("sinkwatch.crowd(").removesuffix(");\n"))
    assert any(HOSTILE_SHOWN in reference for reference in handed["reference"])
    assert not any("url" in name or "javascript" in str(handed[name]) for name in handed)


def test_without_an_application_the_columns_are_empty(findings: Findings) -> None:
    bare = without_applications(findings)
    columns = crowd.columns(bare, things.gather(bare), None)
    assert columns["longitude"] == columns["reference"] == columns["known_m"] == []
    assert columns["band"] == columns["hash"] == ""
    assert columns["root"] is None


def test_the_home_page_of_a_town_loads_less_than_350_kb(
    pages: dict[str, bytes], index: Page
) -> None:
    linked = [
        tag.attributes.get("src") or tag.attributes["href"]
        for tag in index.all("script", "link")
        if "src" in tag.attributes or tag.attributes.get("rel") == "stylesheet"
    ]
    assert len(linked) > 10
    weights = [len(gzip.compress(pages[path])) for path in ("index.html", *linked)]
    assert sum(weights) < 350_000


def test_an_application_more_weighs_a_few_bytes(findings: Findings, gathered: Things) -> None:
    def weight(shown: Things) -> int:
        publication = Publication(findings=findings, things=shown, imprint=Imprint(version="1"))
        made = home.pages(publication, webmap.Sketch.of(findings, shown))
        return sum(len(gzip.compress(made[path])) for path in made if path.endswith(".js"))

    crowded = _many(gathered)
    heavier = weight(crowded) - weight(replace(gathered, applications=()))
    assert heavier / MANY < BYTES_EACH
