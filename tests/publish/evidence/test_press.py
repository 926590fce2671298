"""All files of a pack: complete, the same twice, no larger than portals take."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from sinkwatch.errors import DataError
from sinkwatch.model import Paper, SheetKind
from sinkwatch.publish.evidence import paper
from sinkwatch.publish.evidence.paper import Format
from tests.dossiers import a_dossier, a_site
from tests.publish.evidence import pdfs

if TYPE_CHECKING:
    from sinkwatch.model import Sheet
    from sinkwatch.publish.evidence.press import Press

MAP_ID = "SW-3F9A21C0"
FILES = {
    "evidence.pdf",
    "map.pdf",
    "map.png",
    "map.svg",
    "evidence.csv",
    "evidence.geojson",
    "evidence.gpkg",
    "offline.html",
}


def sheets(size: Paper = Paper.A4) -> tuple[Sheet, ...]:
    return paper.plan(a_site(), Format(scale=2_500, paper=size), reach_m=1_000, ring_m=50)


@pytest.fixture(scope="module")
def files(press: Press) -> dict[str, bytes]:
    return press.build(a_dossier(), sheets(), map_id=MAP_ID)


def test_a_pack_has_every_file_and_none_is_empty(files: dict[str, bytes]) -> None:
    assert set(files) == FILES
    assert all(len(body) > 500 for body in files.values())


def test_a_pack_is_well_under_what_portals_take(files: dict[str, bytes]) -> None:
    assert len(files["evidence.pdf"]) < 2_000_000
    assert sum(map(len, files.values())) < 8_000_000


def test_the_same_dossier_gives_the_same_bytes(press: Press, files: dict[str, bytes]) -> None:
    again = press.build(a_dossier(), sheets(), map_id=MAP_ID)
    assert {name for name, body in files.items() if body != again[name]} == set()


def test_each_sheet_of_the_pack_knows_where_it_lies(files: dict[str, bytes]) -> None:
    document = pdfs.opened(files["evidence.pdf"])
    assert ["/VP" in page for page in document.pages][:4] == [True, False, True, False]
    assert ["/VP" in page for page in pdfs.opened(files["map.pdf"]).pages] == [True]


@pytest.fixture(scope="module")
def tiled(press: Press) -> dict[str, bytes]:
    """Build an archived pack of two sheets of the site, with more words than they have room for."""
    first = sheets()[0]
    two = [replace(first, number=n, n_sheets=2, kind=SheetKind.SITE) for n in (1, 2)]
    wordy = a_dossier(disclaimer="A sentence of a disclaimer that is too long. " * 60)
    return press.build(wordy, two, map_id=MAP_ID, is_archive=True)


def test_an_archived_pack_keeps_to_both_standards(tiled: dict[str, bytes]) -> None:
    for name in ("evidence.pdf", "map.pdf"):
        with pdfs.opened(tiled[name]).open_metadata() as metadata:
            assert metadata["pdfuaid:part"] == "1"
            assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("2", "A")


def test_several_sheets_of_a_site_are_numbered(tiled: dict[str, bytes]) -> None:
    numbered = {"map-1.png", "map-2.png", "map-1.svg", "map-2.svg"}
    assert set(tiled) == FILES - {"map.png", "map.svg"} | numbered


def test_what_has_no_room_on_a_sheet_is_in_the_pdf_and_no_picture(tiled: dict[str, bytes]) -> None:
    assert ["/VP" in page for page in pdfs.opened(tiled["map.pdf"]).pages] == [True, True, False]
    assert ["/VP" in page for page in pdfs.opened(tiled["evidence.pdf"]).pages][:3] == [
        True,
        True,
        False,
    ]


def test_the_picture_is_a_sheet_at_300_dots_an_inch(files: dict[str, bytes]) -> None:
    with Image.open(io.BytesIO(files["map.png"])) as picture:
        picture.load()
        assert picture.size == (2_480, 3_508)  # 210 by 297 mm
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.01)


def test_the_drawing_is_one_drawing_as_large_as_the_paper(files: dict[str, bytes]) -> None:
    root = ET.fromstring(files["map.svg"])  # noqa: S314 - our own
    tags = [element.tag.rpartition("}")[2] for element in root.iter()]
    ids = [element.get("id") for element in root.iter() if element.get("id")]

    assert "image" not in tags
    assert tags.count("svg") >= 3  # itself, the map, the locator, the key
    assert len(ids) == len(set(ids))
    assert float(root.get("width", "").removesuffix("pt")) == pytest.approx(210 * 72 / 25.4)
    known = set(ids)
    links = [value for element in root.iter() for key, value in element.items() if "href" in key]
    # matplotlib writes the space, which has no outline, as a reference to none.
    assert {link.rpartition("-")[2] for link in links if link.removeprefix("#") not in known} <= {
        "1"
    }


def test_a_pdf_that_portals_do_not_take_is_refused(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sinkwatch.publish.evidence.press.MOST_BYTES", 50_000)
    with pytest.raises(
        DataError,
        match=r"evidence pack of old-yard: its PDF has 0\.\d MB with 2 sheets, more than the .* MB "
        r"that planning portals take\. Choose a coarser scale",
    ):
        press.build(a_dossier(), sheets(), map_id=MAP_ID)
