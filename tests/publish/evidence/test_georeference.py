"""GIS software finds each sheet's map on the ground, and the PDF stays what it was."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
import shapely

from sinkwatch.model import Bounds, Paper, Sheet, SheetKind
from sinkwatch.publish.evidence import georeference, manuscript
from sinkwatch.publish.evidence.paper import LAYOUTS
from sinkwatch.publish.evidence.typesetting import Standard, Template, Typesetter
from tests.dossiers import a_dossier
from tests.programs import program
from tests.publish.evidence import pdfs
from tests.publish.evidence.leaves import COLOPHON, a_drawn_sheet

if TYPE_CHECKING:
    from pathlib import Path


def sheets(paper: Paper = Paper.A4) -> tuple[Sheet, Sheet]:
    layout = LAYOUTS[paper]

    def frame(scale: int) -> Bounds:
        wide_m = layout.map_width_mm * scale / 1000
        high_m = layout.map_height_mm * scale / 1000
        return Bounds(
            min_easting=431_579.0 - wide_m / 2,
            min_northing=471_829.0 - high_m / 2,
            max_easting=431_579.0 + wide_m / 2,
            max_northing=471_829.0 + high_m / 2,
        )

    kinds = ((SheetKind.SITE, 2_500), (SheetKind.SURROUNDINGS, 15_000))
    first, second = (
        Sheet(kind=kind, number=number, n_sheets=2, scale=scale, paper=paper, frame=frame(scale))
        for number, (kind, scale) in enumerate(kinds, start=1)
    )
    return first, second


def pack(
    typesetter: Typesetter,
    placed: tuple[Sheet, ...],
    *,
    summary: tuple[str, ...] = ("Nothing.",),
    standard: Standard = Standard.ACCESSIBLE,
) -> bytes:
    dossier = a_dossier(summary=summary)
    words = manuscript.of(dossier, [a_drawn_sheet(sheet) for sheet in placed], COLOPHON)
    return typesetter.set(words).pdf(Template.PACK, made_on=dossier.made_on, standard=standard)


@pytest.mark.parametrize("paper", Paper)
def test_gdal_finds_each_map_within_a_tenth_of_a_metre(
    tmp_path: Path, typesetter: Typesetter, paper: Paper
) -> None:
    placed = sheets(paper)
    path = tmp_path / "pack.pdf"
    path.write_bytes(georeference.place(pack(typesetter, placed), placed))

    for page, sheet in ((1, placed[0]), (3, placed[1])):
        command = [program("gdalinfo", "gdal-bin"), "-json", f"PDF:{page}:{path}"]
        told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        neat = shapely.from_wkt(told["metadata"][""]["NEATLINE"])
        assert neat.bounds == pytest.approx(sheet.frame.as_tuple(), abs=0.1)
        assert neat.area == pytest.approx(shapely.box(*sheet.frame.as_tuple()).area, rel=1e-4)
        assert 'ID["EPSG",27700]' in told["coordinateSystem"]["wkt"]


def test_a_sheet_is_found_wherever_its_page_stands(typesetter: Typesetter) -> None:
    """A summary of several pages moves the sheet behind it to a page that nobody counts on."""
    placed = sheets()
    long = tuple(f"Sentence {n} of a summary that has no end." for n in range(120))
    document = pdfs.opened(georeference.place(pack(typesetter, placed, summary=long), placed))

    found = [index for index, page in enumerate(document.pages) if "/VP" in page]

    assert found[0] == 0
    assert found[1] > 2
    assert [str(document.pages[index].VP[0].Name) for index in found] == [
        "Map, sheet 1",
        "Map, sheet 2",
    ]


def test_the_neat_line_is_where_the_layout_has_it(typesetter: Typesetter) -> None:
    placed = sheets()
    document = pdfs.opened(georeference.place(pack(typesetter, placed), placed))
    layout = LAYOUTS[Paper.A4]

    box = [float(number) * pdfs.MM_PER_PT for number in document.pages[0].VP[0].BBox]

    left, bottom, right, top = box
    assert (left, layout.height_mm - top) == pytest.approx(
        (layout.map_left_mm, layout.map_top_mm), abs=0.01
    )
    assert (right - left, top - bottom) == pytest.approx(
        (layout.map_width_mm, layout.map_height_mm), abs=0.01
    )


def test_what_marks_the_pdf_as_accessible_and_archival_is_kept(typesetter: Typesetter) -> None:
    placed = sheets()
    before = pack(typesetter, placed, standard=Standard.ARCHIVE)
    document = pdfs.opened(georeference.place(before, placed))

    with document.open_metadata() as metadata:
        assert metadata["pdfuaid:part"] == "1"
        assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("2", "A")
    assert pdfs.heard(document) == pdfs.heard(pdfs.opened(before))
    assert bool(document.Root.MarkInfo.Marked)
    assert document.pdf_version == "1.7"


def test_the_same_sheets_give_the_same_bytes(typesetter: Typesetter) -> None:
    placed = sheets()
    before = pack(typesetter, placed)
    assert georeference.place(before, placed) == georeference.place(before, placed)
