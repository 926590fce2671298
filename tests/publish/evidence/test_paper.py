"""Which sheets a place needs: the right scale, its edge seen whole, a way out if too large."""

from __future__ import annotations

import itertools

import pytest
import shapely

from sinkwatch.errors import ConfigError, PlaceError
from sinkwatch.model import Bounds, Paper, Place, Sheet, SheetKind
from sinkwatch.publish.evidence import paper
from sinkwatch.publish.evidence.paper import LAYOUTS, SCALES, Format
from tests import world
from tests.publish.evidence.sheets import a_boundary, a_site

EAST, NORTH = world.C


def plan(place: Place, wanted: Format | None = None, **asked: float) -> tuple[Sheet, ...]:
    reach = {"reach_m": 1_000.0, "ring_m": 50.0} | asked
    return paper.plan(place, wanted or Format(), **reach)


def square(side_m: float) -> Place:
    return a_boundary(shapely.box(EAST, NORTH, EAST + side_m, NORTH + side_m))


def ground(frame: Bounds) -> shapely.Polygon:
    return shapely.box(*frame.as_tuple())


@pytest.mark.parametrize("size", Paper)
def test_nothing_of_a_layout_runs_off_the_paper_or_over_the_map(size: Paper) -> None:
    layout = LAYOUTS[size]
    left, top = layout.map_left_mm - layout.collar_mm, layout.map_top_mm - layout.collar_mm
    sheet = shapely.box(10, 10, layout.width_mm - 10, layout.height_mm - 10)
    drawing = shapely.box(
        left,
        top,
        left + layout.map_width_mm + 2 * layout.collar_mm,
        top + layout.map_height_mm + 2 * layout.collar_mm,
    )
    panel = shapely.box(
        layout.panel_left_mm,
        layout.panel_top_mm,
        layout.panel_left_mm + layout.panel_width_mm,
        layout.panel_top_mm + layout.panel_height_mm,
    )
    assert sheet.covers(drawing)
    assert sheet.covers(panel)
    assert not drawing.intersects(panel)


@pytest.mark.parametrize("size", Paper)
@pytest.mark.parametrize("scale", SCALES)
def test_a_frame_is_exactly_the_ground_that_the_map_holds(scale: int, size: Paper) -> None:
    sheet = plan(square(50), Format(scale=scale, paper=size))[0]
    layout = LAYOUTS[size]
    west, south, east, north = sheet.frame.as_tuple()
    assert (east - west) * 1_000 / scale == pytest.approx(layout.map_width_mm)
    assert (north - south) * 1_000 / scale == pytest.approx(layout.map_height_mm)
    assert sheet.ratio == f"1:{scale} at {size.upper()}"


def test_a_site_and_what_lies_round_it_are_two_sheets() -> None:
    first, last = plan(square(80))
    assert [first.kind, last.kind] == [SheetKind.SITE, SheetKind.SURROUNDINGS]
    assert [(s.number, s.n_sheets) for s in (first, last)] == [(1, 2), (2, 2)]
    assert (first.scale, last.scale) == (1_250, 15_000)
    around = shapely.box(EAST - 1_000, NORTH - 1_000, EAST + 1_080, NORTH + 1_080)
    assert ground(last.frame).contains(around)


def test_one_sheet_is_enough_that_holds_all() -> None:
    only = plan(square(100), Format(scale=25_000))
    assert [(sheet.kind, sheet.n_sheets) for sheet in only] == [(SheetKind.SITE, 1)]


@pytest.mark.parametrize(
    ("side_m", "scale"),
    [(90, 1_250), (120, 2_500), (190, 2_500), (300, 5_000), (380, 5_000), (400, 5_000)],
)
def test_the_finest_scale_is_chosen_at_which_the_first_ring_fits_too(
    side_m: float, scale: int
) -> None:
    # On A4, 152 mm inside the margins are 190, 380 and 760 m.
    assert plan(square(side_m))[0].scale == scale


def test_a_ring_that_fits_no_sheet_does_not_keep_the_site_from_its_own() -> None:
    assert plan(square(100), ring_m=50_000.0)[0].scale == 1_250


def test_a_point_is_shown_with_the_circle_of_its_doubt() -> None:
    sheet = plan(a_site(position_uncertainty_m=300.0))[0]
    assert ground(sheet.frame).contains(shapely.Point(EAST, NORTH).buffer(300))


def test_reach_beyond_the_widest_sheet_is_drawn_at_the_coarsest_scale() -> None:
    assert plan(square(100), reach_m=9_000.0)[-1].scale == 25_000


def test_a_site_too_large_names_the_scales_that_fit() -> None:
    with pytest.raises(ConfigError) as caught:
        plan(square(600), Format(scale=2_500))
    assert str(caught.value) == (
        "Old Yard, North Road at 1:2500, A4: is too large for one sheet: 600 m by 600 m with its "
        "uncertainty. It fits 1:5000 at A4 or 1:2500 at A3; or add --sheets for several numbered "
        "sheets."
    )
    with pytest.raises(ConfigError, match=r"uncertainty\. Add --sheets for several"):
        plan(square(20_000))


def test_a_scale_that_is_none_of_ours_names_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"scale 2000: .* Use 1250, 2500, 5000, 10000, 25000"):
        plan(square(100), Format(scale=2_000))


def test_a_place_without_a_position_has_no_sheets() -> None:
    nowhere = a_site()
    with pytest.raises(PlaceError, match="has no position"):
        plan(Place(**{n: getattr(nowhere, n) for n in Place.__slots__} | {"easting": None}))


@pytest.mark.parametrize("size", Paper)
def test_tiles_cover_a_large_site_overlap_and_are_numbered(size: Paper) -> None:
    place = square(900)
    sheets = plan(place, Format(scale=2_500, paper=size, is_tiled=True))
    tiles = [sheet for sheet in sheets if sheet.kind is SheetKind.SITE]
    assert [sheet.number for sheet in sheets] == list(range(1, len(sheets) + 1))
    assert {sheet.n_sheets for sheet in sheets} == {len(sheets)}
    covered = shapely.union_all([ground(tile.frame) for tile in tiles])
    margin_m = paper.MARGIN_MM * 2.5
    assert covered.buffer(1).contains(place.geometry.buffer(margin_m, join_style="mitre"))
    for one, other in itertools.pairwise(tiles):
        if one.frame.min_northing == other.frame.min_northing:
            shared_m = one.frame.max_easting - other.frame.min_easting
            assert shared_m >= 10 * 2.5 - 1
    norths = [tile.frame.max_northing for tile in tiles]
    assert norths == sorted(norths, reverse=True)


def test_a_site_in_two_parts_takes_no_sheet_of_what_lies_between() -> None:
    far = shapely.box(EAST + 3_000, NORTH, EAST + 3_050, NORTH + 50)
    place = a_boundary(shapely.union(shapely.box(EAST, NORTH, EAST + 50, NORTH + 50), far))
    tiles = plan(place, Format(scale=1_250, is_tiled=True))[:-1]
    assert len(tiles) == 2
    assert shapely.union_all([ground(tile.frame) for tile in tiles]).covers(place.geometry)


def test_more_sheets_than_a_pack_bears_are_refused_before_they_are_made() -> None:
    with pytest.raises(ConfigError, match=r"takes \d\d sheets, more than the 40 of a pack"):
        plan(square(1_500), Format(scale=1_250, is_tiled=True))
    with pytest.raises(ConfigError, match="takes over 10,000 sheets"):
        plan(square(700_000), Format(scale=1_250, is_tiled=True))
