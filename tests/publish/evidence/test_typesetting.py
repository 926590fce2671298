"""Pages true to scale, heard in order, set in two faces, whatever texts come from outside."""

from __future__ import annotations

import dataclasses
import functools
import html
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
import typst

from sinkwatch import lint
from sinkwatch.errors import DataError
from sinkwatch.model import Band, Dossier, Evidence, Paper, Place, Share, Sheet, SheetKind
from sinkwatch.publish.evidence import drawing, manuscript, paper
from sinkwatch.publish.evidence.manuscript import Drawn, Manuscript
from sinkwatch.publish.evidence.paper import LAYOUTS, Format
from sinkwatch.publish.evidence.typesetting import Standard, Template, Typesetter
from tests import world
from tests.dossiers import MADE_ON, a_dossier, a_record, a_site, a_source
from tests.publish.evidence import pdfs
from tests.publish.evidence.leaves import COLOPHON, a_drawn_sheet, an_entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinkwatch.publish.evidence.press import Press

    Maps = Callable[[int, Paper], tuple[Sheet, bytes, list[pdfs.Line]]]

SCALES: Final = (1_250, 2_500, 5_000, 10_000)

NASTY: Final = (
    '#read("/etc/passwd") #panic("no") #sys.inputs $x^2$ *b* _i_ `raw` <label> @ref \\ // /* \'"&'
    " <b>bold</b> \u202e שלום مرحبا 里本 \x00\x1b ﷽ "
)
WORD: Final = "W" * 300

KEPT: Final = frozenset({"slug", "colour", "hatch", "frame"})
"""What is no outside text: it is chosen by the program, or checked where it is read."""


def sheets(place: Place | None = None, **wanted: object) -> tuple[Sheet, ...]:
    made = paper.plan(place or a_site(), Format(**wanted), reach_m=1_000, ring_m=50)  # type: ignore[arg-type]
    return tuple(made)


def words(dossier: Dossier, drawn: list[Drawn]) -> Manuscript:
    return manuscript.of(dossier, drawn, COLOPHON)


def set_in(
    typesetter: Typesetter,
    dossier: Dossier,
    drawn: list[Drawn] | None = None,
    *,
    template: Template = Template.PACK,
    standard: Standard = Standard.ACCESSIBLE,
) -> bytes:
    leaves = [a_drawn_sheet(sheet) for sheet in sheets()] if drawn is None else drawn
    setting = typesetter.set(words(dossier, leaves))
    return setting.pdf(template, made_on=dossier.made_on, standard=standard)


@pytest.fixture(scope="module")
def pack(typesetter: Typesetter) -> bytes:
    share = Share(style=world.band_table().styles[Band.HIGH], share=0.62, text="62%")
    return set_in(typesetter, a_dossier(shares=(share,)), standard=Standard.ARCHIVE)


@pytest.fixture(scope="module")
def maps(press: Press) -> Maps:
    """Set the map of a yard at a scale on a paper, each once."""

    @functools.cache
    def a_map(scale: int, size: Paper) -> tuple[Sheet, bytes, list[pdfs.Line]]:
        dossier = a_dossier(place=a_site(position_uncertainty_m=20.0))
        sheet = sheets(dossier.place, scale=scale, paper=size)[0]
        map_svg = drawing.map_svg(press.ground, dossier, sheet)
        drawn = [a_drawn_sheet(sheet, map_svg=map_svg)]
        pdf = set_in(press.typesetter, dossier, drawn, template=Template.MAP)
        return sheet, pdf, pdfs.lines(pdf)

    return a_map


class TestScale:
    """Measured where the finished PDF puts its ink."""

    @pytest.mark.parametrize("size", Paper)
    @pytest.mark.parametrize("scale", SCALES)
    def test_lines_of_the_grid_lie_as_far_apart_as_the_scale_says(
        self, maps: Maps, scale: int, size: Paper
    ) -> None:
        sheet, _, lines = maps(scale, size)
        layout = LAYOUTS[size]
        whole = [
            line
            for line in lines
            if line.is_upright and line.length_mm == pytest.approx(layout.map_height_mm, abs=0.1)
        ]
        metre_mm = 1000 / scale
        # A line of the grid lies at a multiple of 50 m: near enough, to know of which one.
        placed = {
            round(line.start[0], 3): round(easting / 50) * 50
            for line in whole
            for easting in [
                sheet.frame.min_easting + (line.start[0] - layout.map_left_mm) * scale / 1000
            ]
            if abs(easting - round(easting / 50) * 50) * metre_mm < 0.2
        }

        assert len(placed) >= 2
        for (first_mm, first_m), (last_mm, last_m) in itertools.combinations(placed.items(), 2):
            true_mm = (last_m - first_m) * metre_mm
            assert last_mm - first_mm == pytest.approx(
                true_mm, abs=max(0.0005 * abs(true_mm), 0.01)
            )
        for at_mm, easting in placed.items():
            true_mm = layout.map_left_mm + (easting - sheet.frame.min_easting) * metre_mm
            assert at_mm == pytest.approx(true_mm, abs=0.05)

    @pytest.mark.parametrize("size", Paper)
    @pytest.mark.parametrize("scale", SCALES)
    def test_the_check_line_and_the_scale_bar_are_as_long_as_they_say(
        self, maps: Maps, scale: int, size: Paper
    ) -> None:
        _, pdf, lines = maps(scale, size)
        level = [line for line in lines if line.is_level]
        layout = LAYOUTS[size]
        in_panel = [
            line.length_mm
            for line in level
            if line.start[0] >= layout.panel_left_mm - 1
            and line.start[1] >= layout.panel_top_mm + 50
        ]

        assert min(abs(length - 100) for length in in_panel) < 0.05
        assert sum(abs(length - 20) < 0.01 for length in in_panel) >= 4
        shown = pdfs.said("pdftotext", "-", pdf=pdf)
        assert f"{80 * scale // 1000:,} m" in shown
        assert f"1:{scale}" in shown
        assert f"at {size.upper()}" in shown


class TestPages:
    def test_are_exactly_as_large_as_their_paper(self, typesetter: Typesetter) -> None:
        drawn = [a_drawn_sheet(sheet) for sheet in sheets(paper=Paper.A3)]
        document = pdfs.opened(set_in(typesetter, a_dossier(), drawn))

        sizes = [
            tuple(round(float(side) * pdfs.MM_PER_PT, 2) for side in page.mediabox[2:])
            for page in document.pages
        ]

        assert sizes[:3] == [(420, 297), (210, 297), (420, 297)]
        assert set(sizes[3:]) == {(210, 297)}

    def test_have_no_letter_under_seven_points(self, pack: bytes) -> None:
        sizes = {size for page in pdfs.opened(pack).pages for size in pdfs.letter_sizes_pt(page)}
        assert min(sizes) >= 7

    def test_are_set_in_two_faces_that_are_in_the_pdf(self, pack: bytes) -> None:
        rows = pdfs.said("pdffonts", pdf=pack).splitlines()[2:]
        faces = {row.split("+")[1].split("-")[0].split()[0] for row in rows}
        assert {"SourceSans3"} < faces | {"DejaVuSans"} == {"SourceSans3", "DejaVuSans"}
        assert all(row.split()[-5:-2] == ["yes", "yes", "yes"] for row in rows)

    def test_are_the_same_twice(self, typesetter: Typesetter, pack: bytes) -> None:
        dossier = a_dossier()
        assert set_in(typesetter, dossier) == set_in(typesetter, dossier)
        assert set_in(typesetter, dossier) != pack

    def test_bear_the_day_and_no_time(self, pack: bytes) -> None:
        assert "CreationDate:    Sun Nov 22 00:00:00 2026" in pdfs.said("pdfinfo", pdf=pack)
        document = pdfs.opened(pack)
        assert str(document.docinfo["/CreationDate"]).startswith("D:20261122000000")

    def test_are_numbered_through(self, pack: bytes) -> None:
        n_pages = len(pdfs.opened(pack).pages)
        shown = pdfs.said("pdftotext", "-", pdf=pack)
        for number in range(1, n_pages + 1):
            assert f"SW-3F9A21C0 · 22 November 2026 · page {number} of {n_pages}" in shown

    def test_are_set_without_a_warning(self, typesetter: Typesetter) -> None:
        leaves = [a_drawn_sheet(sheet) for sheet in sheets()]
        setting = typesetter.set(words(a_dossier(), leaves))
        _, warnings = setting.compiler.compile_with_warnings(format="pdf", pdf_standards=["ua-1"])
        assert warnings == []


class TestHearing:
    """What a screen reader is told."""

    def test_headings_are_nested_and_tables_have_header_cells(self, pack: bytes) -> None:
        heard = pdfs.heard(pdfs.opened(pack))
        levels = [int(each.kind[1]) for each in heard if each.kind in {"H1", "H2", "H3"}]
        assert levels[0] == 1
        assert set(levels) == {1, 2}
        assert sum(each.kind == "Table" for each in heard) == 5
        # Of the planning documents each group has a header cell of its own besides.
        assert sum(each.kind == "TH" for each in heard) == 6 + 3 + 5 + (2 + 2) + 4

    def test_every_figure_is_described(self, pack: bytes) -> None:
        figures = [each for each in pdfs.heard(pdfs.opened(pack)) if each.kind == "Figure"]
        assert [figure.alt for figure in figures] == [
            "Map of the yard, sheet 1.",
            "Where the sheet lies in Smallworld.",
            "Map of the yard, sheet 2.",
            "Where the sheet lies in Smallworld.",
        ]

    def test_title_language_and_author_are_told(self, pack: bytes) -> None:
        document = pdfs.opened(pack)
        assert str(document.Root.Lang).lower() == "en-gb"
        assert bool(document.Root.ViewerPreferences.DisplayDocTitle)
        with document.open_metadata() as metadata:
            assert metadata["dc:title"] == "Old Yard, North Road: evidence on unstable ground"
            assert metadata["dc:creator"] == ["sinkwatch"]
            assert (metadata["pdfuaid:part"], metadata["pdfaid:part"]) == ("1", "2")

    def test_text_comes_in_the_order_in_which_it_is_read(self, pack: bytes) -> None:
        told = pdfs.said("pdfinfo", "-struct-text", pdf=pack)
        parts = (
            'H1 "Old Yard, North Road"',
            'H1 "In short"',
            'H2 "How to check this pack"',
            'H2 "Limits and corrections"',
            'H1 "Within 1 km of Old Yard, North Road"',
            'H1 "What is recorded"',
            'H2 "Records within 1 km"',
            "Collapse at House 1",
            "The house was not surveyed.",
            "Collapse at House 2",
            'H2 "Share of the site in each band"',
            'H2 "Planning history',
            'H1 "What weakens this evidence"',
            "Only a point is known of the site",
            'H1 "Questions and gaps"',
            'H1 "Planning documents"',
            'H1 "Text to begin a representation with"',
            'H1 "How this was made"',
            'H2 "Sources"',
        )
        at = 0
        for part in parts:
            at = told.find(part, at)
            assert at >= 0, part


class TestWords:
    def test_say_all_that_every_pack_has_to_and_nothing_it_may_not(self, pack: bytes) -> None:
        shown = " ".join(pdfs.said("pdftotext", "-raw", "-", pdf=pack).split())
        lint.check_required(shown, what="evidence.pdf")
        assert "Corrections: maps@example.org" in shown
        assert "sinkwatch verify" in shown
        # Only our own words here: those that others wrote come with the dossier, and are quoted.
        quoted = shown.replace("“", "(").replace("”", ")")
        assert [fault for fault in lint.faults(quoted) if "refuse" not in fault] == []

    def test_name_the_credit_of_what_a_sheet_draws_and_of_nothing_else(
        self, typesetter: Typesetter
    ) -> None:
        credit = "Contains made-up backdrop © nobody 2026."
        dossier = a_dossier(sources=(a_source("geology"), a_source("backdrop", credit=credit)))
        drawn = [a_drawn_sheet(sheets()[0], frames=frozenset({"geology"}))]
        pdf = set_in(typesetter, dossier, drawn, template=Template.MAP)
        shown = " ".join(pdfs.said("pdftotext", "-raw", "-", pdf=pdf).split())
        assert "Made-up geology: Contains made-up data © nobody 2026. Open" in shown
        assert "backdrop" not in shown

    def test_say_so_where_nothing_is_held(self, typesetter: Typesetter) -> None:
        empty = a_dossier(records=(), history=(), policies=(), shares=(), sources=())
        shown = pdfs.said("pdftotext", "-raw", "-", pdf=set_in(typesetter, empty))
        shown = " ".join(shown.split())
        assert "Within this distance there are no records in the data we hold." in shown
        assert "No application or past decision" in shown
        assert "None is listed for this area." in shown
        assert "No share is given: it needs the site's boundary, and none is held." in shown

    def test_that_find_no_room_on_a_sheet_follow_behind(self, typesetter: Typesetter) -> None:
        notes = tuple(
            f"Note {n} of a sheet of which there is far too much to say." for n in range(60)
        )
        key = tuple(an_entry(f"Entry {n} of a key that has no end") for n in range(30))
        drawn = [a_drawn_sheet(sheets()[0], notes=notes, key=key)]
        pdf = set_in(typesetter, a_dossier(), drawn, template=Template.MAP)

        pages = [
            " ".join(pdfs.said("pdftotext", "-f", f"{n}", "-l", f"{n}", "-", pdf=pdf).split())
            for n in (1, 2)
        ]

        assert "More notes are on page 2" in pages[0] or "and notes, are on page 2" in pages[0]
        assert "What had no room on the sheets" in pages[1]
        for text in (*notes, *(entry.text for entry in key)):
            assert (text in pages[0]) != (text in pages[1])
        assert_inside_the_panel(pdf)

    def test_of_a_map_that_all_find_room_need_no_second_page(self, typesetter: Typesetter) -> None:
        drawn = [a_drawn_sheet(sheets()[0])]
        pdf = set_in(typesetter, a_dossier(), drawn, template=Template.MAP)
        assert len(pdfs.opened(pdf).pages) == 1


def boxes(pdf: bytes, page: int) -> list[tuple[tuple[float, ...], str]]:
    """Return each word of a page and its box, millimetres from the upper left corner."""
    shown = pdfs.said("pdftotext", "-bbox", "-f", f"{page}", "-l", f"{page}", "-", pdf=pdf)
    return [
        (tuple(float(side) * pdfs.MM_PER_PT for side in sides), html.unescape(word))
        for *sides, word in pdfs.WORD.findall(shown)
    ]


def assert_inside_the_panel(pdf: bytes, size: Paper = Paper.A4, page: int = 1) -> None:
    layout = LAYOUTS[size]
    found = boxes(pdf, page)
    assert found
    for (left, top, right, bottom), word in found:
        assert left >= layout.panel_left_mm - 0.5, word
        assert right <= layout.panel_left_mm + layout.panel_width_mm + 0.5, word
        assert top >= layout.panel_top_mm - 2.5, word
        assert bottom <= layout.height_mm - 2, word


def hostile(value: object, text: str) -> object:
    """Put a text before every text that a dossier holds."""
    if type(value) is str:
        return text + value
    if isinstance(value, tuple):
        return tuple(hostile(each, text) for each in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changes = {
            each.name: hostile(getattr(value, each.name), text)
            for each in dataclasses.fields(value)
            if each.name not in KEPT
        }
        return replace(value, **changes)
    return value


@pytest.fixture(scope="module")
def nasty(typesetter: Typesetter) -> bytes:
    dossier = hostile(a_dossier(), f"{NASTY}{WORD} ")
    assert isinstance(dossier, Dossier)
    drawn = [
        a_drawn_sheet(
            sheet, alt=NASTY, key=(an_entry(NASTY + WORD),) * 14, notes=(NASTY + WORD,) * 8
        )
        for sheet in sheets()
    ]
    return set_in(typesetter, dossier, drawn, standard=Standard.ARCHIVE)


class TestHostileTexts:
    def test_are_shown_as_they_are_written(self, nasty: bytes) -> None:
        shown = pdfs.said("pdftotext", "-raw", "-f", "2", "-l", "2", "-", pdf=nasty)
        assert '#read("/etc/passwd") #panic("no") #sys.inputs $x^2$ *b* _i_ `raw` <label>' in shown
        assert "<b>bold</b>" in shown
        assert "root:" not in shown
        assert "[…]" in shown

    def test_never_leave_the_page(self, nasty: bytes) -> None:
        for number, page in enumerate(pdfs.opened(nasty).pages, start=1):
            width_mm, height_mm = (float(side) * pdfs.MM_PER_PT for side in page.mediabox[2:])
            for (left, top, right, bottom), word in boxes(nasty, number):
                assert 0 < left < right < width_mm - 9, (number, word)
                assert 0 < top < bottom < height_mm - 2, (number, word)

    def test_never_leave_the_panel_of_a_sheet(self, nasty: bytes) -> None:
        assert_inside_the_panel(nasty)

    def test_a_word_of_300_letters_is_broken(self, nasty: bytes) -> None:
        shown = pdfs.said("pdftotext", "-raw", "-", pdf=nasty).replace("\u200b", "")
        assert WORD not in shown
        assert WORD in "".join(shown.split())

    @pytest.mark.parametrize("size", Paper)
    def test_a_title_of_10000_letters_stays_where_titles_stand(
        self, typesetter: Typesetter, size: Paper
    ) -> None:
        dossier = a_dossier(title="A name without an end " * 450)
        drawn = [a_drawn_sheet(sheet) for sheet in sheets(paper=size)]
        pdf = set_in(typesetter, dossier, drawn, template=Template.MAP)
        assert_inside_the_panel(pdf, size)

    def test_a_record_longer_than_a_page_goes_on_to_the_next(self, typesetter: Typesetter) -> None:
        doubts = " ".join(f"Doubt {n}." for n in range(1_500))
        dossier = a_dossier(records=(a_record(1, doubts=doubts, evidence=Evidence.PROBABLE),))
        shown = pdfs.said("pdftotext", "-raw", "-", pdf=set_in(typesetter, dossier))
        assert "Doubt 0." in shown
        assert "Doubt 1499." in " ".join(shown.split())


def test_a_fault_of_the_templates_names_the_template(typesetter: Typesetter) -> None:
    setting = typesetter.set(Manuscript(data="{}", art={}))
    with pytest.raises(DataError, match=r"evidence pack, map\.typ: could not be set: .*report it"):
        setting.drawings(Template.MAP)
    with pytest.raises(DataError, match=r"evidence pack, pack\.typ"):
        setting.pdf(Template.PACK, made_on=MADE_ON, standard=Standard.ACCESSIBLE)
    with pytest.raises(DataError) as raised:
        setting.pictures(Template.MAP)
    assert isinstance(raised.value.__cause__, typst.TypstError)


def test_several_sheets_are_several_pictures(typesetter: Typesetter) -> None:
    first = sheets()[0]
    drawn = [
        a_drawn_sheet(replace(first, number=number, n_sheets=2, kind=SheetKind.SITE))
        for number in (1, 2)
    ]
    setting = typesetter.set(words(a_dossier(), drawn))
    assert len(setting.drawings(Template.MAP)) == 2
    assert len(setting.pictures(Template.MAP)) == 2
