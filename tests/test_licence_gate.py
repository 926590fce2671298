"""A marker in licensed geology, looked for in every byte that leaves the house."""

from __future__ import annotations

import base64
import binascii
import email
import email.policy
import math
import re
import struct
import zlib
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Final

import pytest
import shapely

from sinkwatch import geo, sources, survey
from sinkwatch.compose import Letters
from sinkwatch.errors import ConfigError
from sinkwatch.model import Findings, Surroundings
from sinkwatch.notify import picture
from sinkwatch.publish import site, terms
from tests.conftest import NOW
from tests.notify.builders import a_digest, a_subscription, an_event, an_item
from tests.sources.geology.geology_layers import file_of, geosure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sinkwatch.model import Area
    from sinkwatch.services import Services

MARKER: Final = (431_234.567, 471_765.432)
"""A corner of the licensed layer, 250 m from HG4 1HS; no other position has these decimals."""

MOVED: Final = (431_234.067, 471_765.932)
"""The same corner in a layer that is another: 0.7 m away, so that no sentence changes."""

DECIMALS: Final = (1, 2, 3)
DEGREE_DECIMALS: Final = (4, 5, 6, 7)
DATA_URI: Final = re.compile(rb"base64,([A-Za-z0-9+/=]{40,})")
HEADS: Final = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
"""How a stream packed by zlib begins: in PNG, in PDF, in anything."""


# ── What is looked for ───────────────────────────────────────────────────────────────────────


def numbers(easting: float, northing: float) -> set[bytes]:
    """Every way to write the marker in figures: metres and degrees, rounded and cut."""
    longitude, latitude = (float(each[0]) for each in geo.to_wgs84(easting, northing))
    written = {f"{value:.{n}f}" for value in (easting, northing) for n in DECIMALS}
    for value in (longitude, latitude):
        for n in DEGREE_DECIMALS:
            cut = math.trunc(value * 10**n) / 10**n
            written |= {f"{value:.{n}f}", f"{cut:.{n}f}"}
    return {text.encode() for text in written}


def doubles(easting: float, northing: float) -> set[bytes]:
    """The marker as machines write it, in WKB, GeoPackage or Parquet, either end first."""
    longitude, latitude = (float(each[0]) for each in geo.to_wgs84(easting, northing))
    values = (easting, northing, longitude, latitude)
    exact = {struct.pack(f"{end}d", value) for value in values for end in "<>"}
    return exact | {struct.pack(f"{end}d", round(value, 6)) for value in values for end in "<>"}


def layers_of(content: bytes) -> Iterator[bytes]:
    """Give the bytes, and whatever is packed or encoded in them, to any depth."""
    yield content
    for found in DATA_URI.finditer(content):
        try:
            yield from layers_of(base64.b64decode(found.group(1)))
        except binascii.Error:
            continue
    for found in HEADS.finditer(content):
        try:
            unpacked = zlib.decompressobj().decompress(content[found.start() :])
        except zlib.error:
            continue
        if len(unpacked) > 8:
            yield unpacked


@cache
def written(marker: tuple[float, float]) -> tuple[list[bytes], list[bytes]]:
    """Return the marker in figures, without their signs, and as machines write it."""
    figures = {text.removeprefix(b"-") for text in numbers(*marker)}
    return sorted(figures), sorted(doubles(*marker))


def traces(content: bytes, marker: tuple[float, float] = MARKER) -> set[str]:
    """Return every form of the marker that is in the bytes."""
    found: set[str] = set()
    figures, packed = written(marker)
    for layer in layers_of(content):
        # Whole numbers: four decimals of a degree begin many a longer one nearby.
        there = [re.escape(text) for text in figures if text in layer]
        if there:
            pattern = rb"(?<![\d.])-?(?:" + b"|".join(there) + rb")(?!\d)"
            found |= {text.decode() for text in re.findall(pattern, layer)}
        found |= {each.hex() for each in packed if each in layer}
    return found


@pytest.mark.parametrize(
    "hidden",
    [
        b"<text>431234.567</text>",
        b'{"coordinates":[431234.57,471765.4]}',
        f"{float(geo.to_wgs84(*MARKER)[0][0]):.6f}".encode(),
        f"{float(geo.to_wgs84(*MARKER)[1][0]):.4f}".encode(),
        shapely.to_wkb(shapely.Point(MARKER)),
        shapely.to_wkb(shapely.Point(MARKER), byte_order=0),
        zlib.compress(b"moveto 431234.567 471765.432"),
        b"data:image/png;base64," + base64.b64encode(b"431234.567 " * 9),
        b"data:image/png;base64," + base64.b64encode(zlib.compress(b"at 431234.6 " * 99)),
    ],
)
def test_the_search_finds_a_marker_in_whatever_form(hidden: bytes) -> None:
    assert traces(b"before " + hidden + b" after")


def test_the_search_finds_nothing_in_a_neighbour() -> None:
    assert not traces(b"431234.5671 9431234.567 -1.52345678 471765.43219")


# ── What leaves the house ────────────────────────────────────────────────────────────────────


@dataclass(kw_only=True)
class World:
    """Ripon on licensed geology of three zones, one corner of which is the marker."""

    area: Area
    surveyed: survey.Surveyed

    @property
    def findings(self) -> Findings:
        return self.surveyed.findings

    @cached_property
    def pages(self) -> dict[str, bytes]:
        return self.built(pictures=True)

    def built(self, *, pictures: bool) -> dict[str, bytes]:
        imprint = site.Imprint(
            version="0.1.0", contact="corrections@example.org", pictures=pictures
        )
        return site.build(self.findings, imprint)

    def mail(self, services: Services) -> bytes:
        letters = Letters.of(replace(services, area=self.area), self.surveyed)
        return letters.render(a_digest(an_event(), an_event(subject="x/2")), NOW).mime


def layer(corner: tuple[float, float]) -> bytes:
    """Zones of GeoSure, west to east: A, E and C; the corner lies between the first two."""
    west, middle, east = 424_000, 433_800, 439_000
    south, north = 463_000, 490_000
    line = [(431_230, south), (431_230, 471_760), corner, (431_230, 471_770), (431_230, north)]
    zones = geosure("A", "E", "C")
    zones.geometry = [
        shapely.Polygon([(west, south), *line, (west, north)]),
        shapely.Polygon([*line, (middle, north), (middle, south)]),
        shapely.box(middle, south, east, north),
    ]
    return file_of(zones, ".gpkg")


@pytest.fixture(scope="session")
def world(ripon: Area, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., World]:
    """Make a world on a layer with that corner, restricted or not; each is made once."""
    made: dict[tuple[tuple[float, float], bool], World] = {}

    def make(*, is_restricted: bool, corner: tuple[float, float] = MARKER) -> World:
        if (corner, is_restricted) not in made:
            path = tmp_path_factory.mktemp("licensed") / "soluble.gpkg"
            path.write_bytes(layer(corner))
            made[corner, is_restricted] = surveyed_on(ripon, path, is_restricted=is_restricted)
        return made[corner, is_restricted]

    return make


def surveyed_on(ripon: Area, path: Path, *, is_restricted: bool) -> World:
    licensed = {
        "path": path,
        "is_restricted": is_restricted,
        "title": "BGS GeoSure Soluble Rocks (1:50 000)",
        "options": {"product": "geosure-soluble-rocks"},
        "edition": "8.0",
    }
    area = replace(
        ripon,
        sources=tuple(
            replace(spec, **licensed) if spec.kind == "geology" else spec for spec in ripon.sources
        ),
    )
    inputs = sources.recall(area, None, lambda _: None, now=NOW)
    return World(area=area, surveyed=survey.surveyed(area, inputs))


def parts_of(mime: bytes) -> dict[str, bytes]:
    """Every part of a mail, decoded, and the headers."""
    message = email.message_from_bytes(mime, policy=email.policy.default)
    parts = {
        f"{number} {part.get_content_type()}": part.get_payload(decode=True) or b""
        for number, part in enumerate(message.walk())
        if not part.is_multipart()
    }
    return {"as sent": mime, "headers": str(message.items()).encode(), **parts}  # type: ignore[dict-item]


def test_no_file_of_the_site_holds_a_corner_of_a_restricted_layer(
    world: Callable[..., World],
) -> None:
    pages = world(is_restricted=True).pages
    assert len(pages) > 10
    found = {name: traces(content) for name, content in pages.items()}
    assert {name: forms for name, forms in found.items() if forms} == {}
    assert "data/zones.geojson" not in pages


def test_the_same_search_finds_it_where_the_layer_is_open(world: Callable[..., World]) -> None:
    pages = world(is_restricted=False).pages
    longitude, latitude = (f"{float(each[0]):.6f}" for each in geo.to_wgs84(*MARKER))
    assert traces(pages["data/zones.geojson"]) >= {longitude, latitude}
    found = {name for name, content in pages.items() if traces(content)}
    assert found >= {"data/zones.geojson", "offline.html"}


def test_no_part_of_a_mail_holds_it(world: Callable[..., World], services: Services) -> None:
    parts = parts_of(world(is_restricted=True).mail(services))
    assert {name.split(" ", 1)[-1] for name in parts} >= {"text/plain", "text/html", "image/png"}
    assert {name: traces(content) for name, content in parts.items() if traces(content)} == {}


def drawn(findings: Findings) -> picture.Picture:
    """Draw the map of a mail that tells of one thing."""
    return picture.Painter.of(findings).draw(a_subscription(), [an_item()])


def test_a_site_and_a_mail_are_the_same_wherever_a_restricted_line_runs(
    world: Callable[..., World],
) -> None:
    one, other = (world(is_restricted=True, corner=corner) for corner in (MARKER, MOVED))
    assert one.pages == other.pages
    assert drawn(one.findings).png == drawn(other.findings).png


def test_where_the_layer_is_open_both_show_where_its_line_runs(
    world: Callable[..., World],
) -> None:
    one, other = (
        world(is_restricted=False, corner=corner) for corner in (MARKER, (431_500, 471_800))
    )
    elsewhere = other.built(pictures=False)
    assert one.pages["data/zones.geojson"] != elsewhere["data/zones.geojson"]
    assert drawn(one.findings).png != drawn(other.findings).png


def test_no_picture_of_a_restricted_layer_shows_any_ground(world: Callable[..., World]) -> None:
    shut = drawn(world(is_restricted=True).findings)
    bare = world(is_restricted=False).findings
    emptied = replace(bare, zones=bare.zones.iloc[:0], edges=bare.edges.iloc[:0])
    states = world(is_restricted=True).findings.sources
    assert shut.png == drawn(replace(emptied, sources=states)).png


# ── What stays ───────────────────────────────────────────────────────────────────────────────


def test_bands_and_sentences_are_the_same_with_and_without_outlines(
    world: Callable[..., World], services: Services
) -> None:
    shut, opened = world(is_restricted=True), world(is_restricted=False)
    assert shut.findings.sites == opened.findings.sites
    assert shut.findings.postcode_bands.equals(opened.findings.postcode_bands)
    assert shut.findings.flagged == opened.findings.flagged
    mail = parts_of(shut.mail(services))
    text = next(part.decode() for name, part in mail.items() if name.endswith("text/plain"))
    assert "Class C, the gypsum belt" in " ".join(text.split())


def test_findings_hold_no_outline_and_knowledge_holds_them_all(
    world: Callable[..., World],
) -> None:
    shut = world(is_restricted=True)
    assert (len(shut.findings.zones), len(shut.findings.edges)) == (0, 0)
    assert len(shut.surveyed.knowledge.zones) == 3
    assert survey.withholds_outlines(shut.findings)
    opened = world(is_restricted=False)
    assert (len(opened.findings.zones), survey.withholds_outlines(opened.findings)) == (3, False)
    assert len(opened.findings.edges) > 0


def test_the_licence_file_says_why_there_are_no_outlines(world: Callable[..., World]) -> None:
    said = survey.OUTLINES_WITHHELD
    assert said in terms.licences(world(is_restricted=True).findings).decode()
    assert said not in terms.licences(world(is_restricted=False).findings).decode()


def test_the_dictionary_explains_no_file_that_is_not_there(world: Callable[..., World]) -> None:
    for is_restricted in (True, False):
        pages = world(is_restricted=is_restricted).pages
        assert (b"zones.geojson" in pages["data/dictionary.csv"]) is not is_restricted


# ── Other restricted sources ─────────────────────────────────────────────────────────────────


def restricted(ripon: Area, kind: str) -> Area:
    named = replace(ripon.sources[0], name="extra", kind=kind, is_restricted=True)
    return replace(ripon, sources=(*ripon.sources, named))


@pytest.mark.parametrize(
    "kind", ["sinkholes", "places", "postcodes", "cases", "applications", "planit"]
)
def test_what_is_published_place_by_place_cannot_be_restricted(
    ripon: Area, ripon_inputs: sources.Inputs, kind: str
) -> None:
    with pytest.raises(ConfigError, match=f"what a source of kind {kind} gives is published"):
        survey.findings(restricted(ripon, kind), ripon_inputs)


def test_surroundings_that_are_restricted_do_not_reach_the_findings(
    ripon: Area, ripon_inputs: sources.Inputs
) -> None:
    held = Surroundings(rocks=ripon_inputs.places, boreholes=ripon_inputs.places)
    inputs = replace(ripon_inputs, surroundings=held)
    found = survey.findings(restricted(ripon, "bgs-features"), inputs)
    assert found.surroundings.rocks is None
    assert found.surroundings.boreholes is ripon_inputs.places


def test_the_page_says_plainly_why_no_zones_are_drawn(world: Callable[..., World]) -> None:
    said = survey.OUTLINES_WITHHELD.encode().replace(b"'", b"&#39;")
    shut, opened = world(is_restricted=True).pages, world(is_restricted=False).pages
    assert said in shut["index.html"]
    assert said in shut["offline.html"]
    assert b"A zone fades" not in shut["index.html"]
    assert said not in opened["index.html"]


def test_a_mail_says_that_ground_is_not_shown_and_not_that_it_is_not_assessed(
    world: Callable[..., World], services: Services
) -> None:
    alt = drawn(world(is_restricted=True).findings).alt
    assert "Ground: its outlines are not shown." in alt
    assert "Ground: not held." not in alt
    letters = Letters.of(services, world(is_restricted=True).surveyed)
    assert b"the gypsum belt" in parts_of(letters.render(a_digest(), NOW).mime)["as sent"]


def test_findings_refuse_to_be_made_with_outlines_that_are_restricted(
    world: Callable[..., World],
) -> None:
    shut, opened = world(is_restricted=True).findings, world(is_restricted=False).findings
    with pytest.raises(ConfigError, match="findings must not hold its outlines"):
        replace(shut, zones=opened.zones)
