"""The map of a sheet: true to scale, explained by its key, credited by what is on it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import shapely

from sinkwatch import lint
from sinkwatch.errors import PlaceError
from sinkwatch.model import Bounds, Evidence, Paper, PlaceKind
from sinkwatch.publish.evidence import backdrop as streets
from sinkwatch.publish.evidence import drawing, grid, marks, paper
from sinkwatch.publish.evidence.canvas import Canvas, Stroke
from sinkwatch.publish.evidence.picture import Picture
from sinkwatch.publish.evidence.window import Window
from tests import dossiers, world
from tests.publish.evidence import sheets
from tests.publish.evidence.sheets import Drawing, a_dossier, a_record, a_sheet

if TYPE_CHECKING:
    from sinkwatch.model import Dossier, Findings, Sheet

EAST, NORTH = world.C
GRADES = {
    Evidence.CONFIRMED: "Record, confirmed, with its number",
    Evidence.PROBABLE: "Record, probable, with its number",
    Evidence.POSSIBLE: "Record, possible, with its number",
    Evidence.NOT_AN_EVENT: "Record that is not an event, with its number",
}
STREET = ("road", shapely.LineString([(EAST - 400, NORTH), (EAST + 400, NORTH)]), "", "local")
HOSTILE = (
    "<script>alert(1)</script>",
    "$x_1$ \\frac",
    "里本 Ripon",
    "--> <!-- &amp;",
    "\u202eevil\u0000",
    "A" * 10_000,
    "",
)


def ground(findings: Findings | None = None) -> drawing.Ground:
    return drawing.Ground.of(findings or sheets.plain())


def drawn(findings: Findings | None, dossier: Dossier, sheet: Sheet | None = None) -> Drawing:
    shown = sheet or a_sheet(dossier.place)
    return Drawing.of(drawing.map_svg(ground(findings), dossier, shown))


def key(findings: Findings | None, dossier: Dossier, sheet: Sheet | None = None) -> list[str]:
    shown = sheet or a_sheet(dossier.place)
    return [entry.text for entry in drawing.key(ground(findings), dossier, shown)]


def notes(findings: Findings | None, dossier: Dossier, sheet: Sheet | None = None) -> list[str]:
    return list(drawing.notes(ground(findings), dossier, sheet or a_sheet(dossier.place)))


def frames(findings: Findings | None, dossier: Dossier, sheet: Sheet | None = None) -> set[str]:
    return set(drawing.frames_drawn(ground(findings), dossier, sheet or a_sheet(dossier.place)))


@pytest.mark.parametrize(("radius_mm", "n_clipped"), [(39.4, 0), (39.6, 1)])
def test_only_what_may_lie_beyond_the_neat_line_is_clipped(
    radius_mm: float, n_clipped: int
) -> None:
    canvas = Canvas(100, 100)
    canvas.clip(shapely.box(10, 10, 90, 90))
    canvas.circle((50, 50), radius_mm, stroke=Stroke(colour="#000000", width_mm=1.0))
    assert canvas.svg().count(b"clip-path=") == n_clipped


@pytest.mark.parametrize("size", Paper)
@pytest.mark.parametrize("scale", paper.SCALES)
def test_a_hundred_millimetres_are_that_many_metres(scale: int, size: Paper) -> None:
    metres = scale / 10
    square = shapely.box(EAST, NORTH, EAST + metres, NORTH + metres)
    place = sheets.a_boundary(square)
    dossier = a_dossier(place, rings_m=(metres / 5,))
    found = drawn(None, dossier, a_sheet(place, scale, size))
    boundary = found.of_colour(sheets.SITE, 0.8)[0]
    assert np.ptp(boundary.corners, axis=0) == pytest.approx([100, 100], abs=0.05)
    ring = found.of_colour(sheets.SITE, 0.3)[0]
    assert np.ptp(ring.corners, axis=0) == pytest.approx([140, 140], abs=0.07)
    lines = found.of_colour(sheets.GRID, 0.13)[0]
    upright = np.unique([part[0, 0] for part in lines.parts if np.ptp(part[:, 0]) == 0])
    wide_mm = upright[-1] - upright[0]
    step_mm = grid.step_m(Window.of(a_sheet(place, scale, size))) * 1_000 / scale
    assert wide_mm == pytest.approx(step_mm * (len(upright) - 1), abs=0.0005 * wide_mm)


@pytest.mark.parametrize("size", Paper)
def test_the_drawing_is_the_map_and_its_collar_to_the_millimetre(size: Paper) -> None:
    dossier = a_dossier()
    layout = paper.LAYOUTS[size]
    found = drawn(None, dossier, a_sheet(dossier.place, 2_500, size))
    assert found.width_mm == pytest.approx(layout.map_width_mm + 2 * layout.collar_mm, abs=1e-4)
    assert found.height_mm == pytest.approx(layout.map_height_mm + 2 * layout.collar_mm, abs=1e-4)
    neat = found.of_colour(sheets.INK, 0.35)[-2].corners
    assert neat.min(axis=0) == pytest.approx([6, 6], abs=0.01)
    assert neat.max(axis=0) == pytest.approx(
        [6 + layout.map_width_mm, 6 + layout.map_height_mm], abs=0.01
    )


def test_a_grid_line_stands_at_the_metre_that_its_figure_names() -> None:
    sheet = a_sheet(scale=2_500)
    found = drawn(None, a_dossier(), sheet).of_colour(sheets.GRID, 0.13)[0]
    upright = sorted({part[0, 0] for part in found.parts if np.ptp(part[:, 0]) == 0})
    metres = [sheet.frame.min_easting + (at - 6) * 2.5 for at in upright]
    assert metres == pytest.approx([14_800, 14_900, 15_000, 15_100, 15_200], abs=0.02)


def test_a_record_stands_where_it_is_published_with_its_size_and_its_doubt() -> None:
    record = a_record(1, 50, 100, shown_uncertainty_m=100, radius_m=10)
    found = drawn(None, a_dossier(records=(record,)))
    mark = next(line for line in found.lines if line.fill == "#5c1a3b" and line.width_mm > 0.3)
    middle = (mark.corners.max(axis=0) + mark.corners.min(axis=0)) / 2
    assert middle == pytest.approx([6 + 89 + 20, 6 + 84 - 40], abs=0.02)
    for stroke, radius_mm in ((marks.DOUBT, 40.0), (marks.SIZE, 4.0)):
        circle = found.of_colour(stroke.colour, stroke.width_mm)[0].corners
        assert np.ptp(circle, axis=0) / 2 == pytest.approx([radius_mm, radius_mm], abs=0.02)


@pytest.mark.parametrize(("doubt_m", "n_seen"), [(300.0, 1), (700.0, 0)])
def test_of_a_doubt_wider_than_the_sheet_only_what_is_seen_is_drawn(
    doubt_m: float, n_seen: int
) -> None:
    record = a_record(1, 100.0, 0.0, shown_uncertainty_m=doubt_m)
    said = a_dossier(records=(record,), rings_m=(50.0,))
    sheet = drawn(None, said)
    reached = np.concatenate([line.corners for line in sheet.lines])
    assert len(sheet.of_colour(marks.DOUBT.colour, marks.DOUBT.width_mm)) == n_seen
    assert reached.min() > -10.0
    assert (reached.max(axis=0) < (sheet.width_mm + 10.0, sheet.height_mm + 10.0)).all()


def test_the_same_bytes_twice_whatever_the_order_of_the_rows() -> None:
    places = [{"place_id": f"p{n}", "easting": EAST + 30 * n, "northing": NORTH} for n in range(5)]
    held = sheets.findings(places=places, backdrop=sheets.backdrop(STREET, STREET))
    turned = replace(
        held,
        places=held.places.iloc[::-1],
        zones=held.zones.iloc[::-1],
        edges=held.edges.iloc[::-1],
        surroundings=replace(held.surroundings, backdrop=held.surroundings.backdrop.iloc[::-1]),
    )
    dossier = a_dossier(records=(a_record(1, 60, 60),), history=(dossiers.a_step(),))
    sheet = a_sheet(scale=25_000)
    once, again = (drawing.map_svg(ground(each), dossier, sheet) for each in (held, turned))
    assert once == again
    assert b"<!--" not in once
    assert b"date" not in once.lower()


def test_one_picture_serves_map_key_and_notes_but_not_another_dossier() -> None:
    held, sheet = ground(), a_sheet()
    full, bare = a_dossier(records=(a_record(1, 60, 60),)), a_dossier()
    assert drawing.frames_drawn(held, full, sheet) == {"geology", "sinkholes"}
    assert Picture.of(held, full, sheet) is Picture.of(held, full, sheet)
    assert drawing.frames_drawn(held, bare, sheet) == {"geology"}


@pytest.mark.parametrize("grade", Evidence)
def test_the_key_holds_the_grades_that_are_drawn_and_no_other(grade: Evidence) -> None:
    dossier = a_dossier(records=(a_record(1, 60, 60, evidence=grade),))
    found = key(None, dossier)
    assert [text for text in found if text in GRADES.values()] == [GRADES[grade]]
    assert "sinkholes" in frames(None, dossier)


def test_a_sheet_with_nothing_on_it_has_a_short_key() -> None:
    assert key(None, a_dossier(rings_m=(50.0, 5_000.0))) == [
        "Point known of the site, with its uncertainty, ± 80 m",
        "50 m from that point",
        "Class C: the gypsum belt",
        "British National Grid, lines every 100 m",
    ]
    assert frames(None, a_dossier()) == {"geology"}


def test_every_entry_of_a_key_has_a_swatch_of_its_size() -> None:
    held = sheets.findings(
        backdrop=sheets.backdrop(
            STREET,
            ("water", shapely.Point(EAST, NORTH + 50).buffer(20), "", None),
            ("water", shapely.LineString([(EAST, NORTH), (EAST, NORTH + 90)]), "", None),
            ("woodland", shapely.Point(EAST + 90, NORTH + 50).buffer(20), "", None),
            ("building", shapely.box(EAST + 10, NORTH + 10, EAST + 20, NORTH + 20), "", None),
            ("railway", shapely.LineString([(EAST, NORTH), (EAST + 90, NORTH + 90)]), "", None),
        )
    )
    step = dossiers.a_step(position=shapely.Point(EAST + 20, NORTH))
    records = tuple(
        a_record(n, 30 * n, 60, evidence=grade) for n, grade in enumerate(GRADES, start=1)
    )
    place = sheets.a_site((10_000.0, NORTH))
    for where, size in ((None, 2_500), (place, 25_000)):
        dossier = a_dossier(where, records=records, history=(step,))
        entries = drawing.key(ground(held), dossier, a_sheet(where, size))
        swatches = [Drawing.of(entry.svg) for entry in entries]
        assert {(round(s.width_mm, 3), round(s.height_mm, 3)) for s in swatches} == {(9.0, 4.5)}
        assert all(swatch.lines for swatch in swatches)
        assert len({entry.svg for entry in entries}) == len(entries)
        texts = [entry.text for entry in entries]
        assert len(set(texts)) == len(texts)
        if where is None:
            assert set(GRADES.values()) < set(texts)
            assert {"Building", "Street", "Railway", "Water", "Woodland"} < set(texts)
            assert "Application or past decision, with its letter" in texts
            assert "Size recorded, or taken where none is, to scale" in texts
        else:
            assert "Edge of a zone as drawn" in texts
            assert "Fading: the edge may lie anywhere in this, ± 500 m" in texts


def test_a_sheet_within_the_doubt_of_an_edge_says_so_and_is_paler() -> None:
    near, far = sheets.a_site((10_200.0, NORTH)), sheets.a_site()
    said = notes(None, a_dossier(near))
    assert "The whole sheet lies within ± 500 m of a drawn zone edge." in said
    assert "The zones were drawn at about 1:100 000 and are enlarged 40 times here." in said
    assert "Fading: the edge may lie anywhere in this, ± 500 m" in key(None, a_dossier(near))
    assert not [text for text in notes(None, a_dossier(far)) if "zone edge" in text]
    fills = [
        {line.fill for line in drawn(None, a_dossier(each)).lines if line.fill != "none"}
        for each in (near, far)
    ]
    assert fills[1] - fills[0] == set()
    assert len(fills[0]) > len(fills[1]) + 3


def test_a_wide_sheet_shows_edges_limits_and_blank_ground() -> None:
    place = sheets.a_site((10_000.0, 9_500.0))
    dossier, sheet = a_dossier(place), a_sheet(place, 25_000)
    found = key(None, dossier, sheet)
    assert "Edge of a zone as drawn" in found
    assert "Where drawing stopped; says nothing of the ground" in found
    assert {"Class C: the gypsum belt", "Class A: no gypsum known beneath"} < set(found)
    assert "A part of the sheet lies within ± 500 m of a drawn zone edge." in notes(
        None, dossier, sheet
    )
    assert any("without a pattern" in note for note in notes(None, dossier, sheet))


def test_edges_known_less_well_than_others_are_told_apart() -> None:
    strips = world.ground(
        world.a_zone("A", "A", shapely.box(0, 0, 5_000, 9_000), sides_m={"east": 500.0}),
        world.a_zone("C", "C", shapely.box(5_000, 0, 6_500, 9_000), sides_m={"west": 500.0}),
        world.a_zone("B", "B", shapely.box(6_500, 0, 9_000, 9_000), sides_m={"west": 750.0}),
    )
    place = sheets.a_site((5_750.0, 4_500.0))
    dossier, sheet = a_dossier(place), a_sheet(place, 25_000)
    found = key(sheets.findings(zones=strips), dossier, sheet)
    assert "Fading: the edge may lie anywhere in this, ± 500 to 750 m" in found
    texts = [
        label.text
        for label in Picture.of(
            ground(sheets.findings(zones=strips)), dossier, sheet
        ).written.labels
    ]
    assert {text for text in texts if "edge" in text} == {
        "zone edge as drawn, known to ± 500 m",
        "zone edge as drawn, known to ± 750 m",
    }


def test_withheld_outlines_are_said_to_be_so() -> None:
    held = sheets.findings(
        zones=sheets.STRIPS.iloc[:0], sources=(sheets.geology(is_restricted=True),)
    )
    assert notes(held, a_dossier())[0].startswith("The outlines of the ground's zones are licensed")
    assert not [text for text in key(held, a_dossier()) if text.startswith("Class")]
    assert "geology" not in frames(held, a_dossier())


def test_ground_without_zones_is_said_to_be_unassessed() -> None:
    place = sheets.a_site(world.OUTSIDE)
    assert "it is blank there, not assessed" in notes(None, a_dossier(place))[0]


def test_a_missing_backdrop_and_an_empty_one_are_two_things() -> None:
    far = sheets.backdrop(("building", shapely.box(0, 0, 10, 10), "", None))
    missing, empty = notes(None, a_dossier()), notes(sheets.findings(backdrop=far), a_dossier())
    assert "No street backdrop is held; grid lines and names serve to find one's way." in missing
    assert "The street backdrop that is held shows nothing on this sheet." in empty
    shown = sheets.findings(backdrop=sheets.backdrop(STREET))
    assert frames(shown, a_dossier()) == {"geology", "backdrop"}
    assert not [note for note in notes(shown, a_dossier()) if "backdrop" in note]


def test_a_backdrop_without_classes_of_roads_is_drawn() -> None:
    plain = sheets.backdrop(STREET).drop(columns="road_class")
    assert "Street" in key(sheets.findings(backdrop=plain), a_dossier())


def test_a_dense_backdrop_loses_its_smallest_buildings_and_stays_small() -> None:
    rng = np.random.default_rng(1)
    corners = rng.uniform(-3_000, 3_000, (12_000, 2)) + world.C
    sizes = rng.uniform(9, 30, 12_000)
    boxes = shapely.box(corners[:, 0], corners[:, 1], corners[:, 0] + sizes, corners[:, 1] + sizes)
    held = sheets.findings(backdrop=sheets.backdrop(*(("building", b, "", None) for b in boxes)))
    dossier, sheet = a_dossier(), a_sheet(scale=25_000)
    svg = drawing.map_svg(ground(held), dossier, sheet)
    assert len(svg) < 600_000
    assert "The smallest buildings are left out at this scale." in notes(held, dossier, sheet)
    shown = Drawing.of(svg).of_colour(streets.WALL.colour, streets.WALL.width_mm)[0]
    assert sum(len(part) for part in shown.parts) <= streets.MOST_CORNERS


def test_records_outside_the_frame_or_without_a_position_are_counted() -> None:
    records = (
        a_record(1, 60, 60),
        a_record(2, 900, 0),
        a_record(3, 0, 900),
        a_record(4, 0, 0, position=None, shown_uncertainty_m=None),
    )
    said = notes(None, a_dossier(records=records))
    assert "2 records within 1,000 m lie outside this sheet: nos 2, 3." in said
    assert "1 record has no published position and is not drawn: no. 4." in said


def test_records_at_one_rounded_point_share_the_mark_of_the_best_founded() -> None:
    records = (
        a_record(1, 60, 60, evidence=Evidence.POSSIBLE),
        a_record(2, 60, 60, evidence=Evidence.CONFIRMED),
    )
    dossier = a_dossier(records=records)
    assert "Record, confirmed, with its number" in key(None, dossier)
    assert "Record, possible, with its number" not in key(None, dossier)
    assert any("share a mark" in note for note in notes(None, dossier))


def test_decisions_and_applications_are_credited_to_their_own_frames() -> None:
    here = shapely.Point(EAST + 50, NORTH)
    past = dossiers.a_step(key="PC001", position=here)
    asked = dossiers.a_step(key="Small/24-1", position=here)
    held = sheets.findings(cases=["PC001"])
    assert frames(held, a_dossier(history=(past,))) == {"geology", "cases"}
    assert frames(held, a_dossier(history=(asked,))) == {"geology", "applications"}
    assert frames(held, a_dossier(history=(replace(past, position=None),))) == {"geology"}
    applied = sheets.a_site(kind=PlaceKind.APPLICATION)
    assert frames(held, a_dossier(applied)) == {"geology", "applications"}
    kept = sheets.findings(places=[{"place_id": "old-yard", "easting": EAST, "northing": NORTH}])
    assert frames(kept, a_dossier()) == {"geology", "places"}


def test_letters_go_on_after_z_and_skip_what_has_no_position() -> None:
    steps = [dossiers.a_step(key=f"k{n}") for n in range(28)]
    steps[1] = replace(steps[1], position=None)
    found = drawing.letters(steps)
    assert (found["k0"], found["k2"], found["k26"], found["k27"]) == ("A", "B", "Z", "AA")
    assert "k1" not in found


def test_a_site_in_parts_with_a_hole_keeps_every_edge() -> None:
    ring = shapely.box(EAST, NORTH, EAST + 150, NORTH + 150)
    hole = shapely.box(EAST + 50, NORTH + 50, EAST + 90, NORTH + 90)
    away = shapely.box(EAST + 200, NORTH, EAST + 230, NORTH + 30)
    place = sheets.a_boundary(shapely.MultiPolygon([ring.difference(hole), away]))
    found = drawn(None, a_dossier(place, rings_m=(10.0,)))
    assert len(found.of_colour(sheets.SITE, 0.8)[0].parts) == 3
    assert len(found.of_colour(sheets.SITE, 0.3)[0].parts) == 3
    assert key(None, a_dossier(place, rings_m=(10.0,)))[:2] == [
        "Site boundary",
        "10 m from the boundary",
    ]


def test_a_crowd_is_drawn_with_lines_from_its_marks_to_their_numbers() -> None:
    crowd = [(east, north) for east in (-50, 0, 50) for north in (-50, 0, 50)]
    records = tuple(a_record(n, *at, radius_m=1) for n, at in enumerate(crowd, start=1))
    found = drawn(None, a_dossier(records=records), a_sheet(scale=25_000))
    leaders = found.of_colour(sheets.INK, 0.2)
    assert leaders
    assert all(len(line.corners) == 2 for line in leaders)


def test_what_found_no_room_is_said() -> None:
    names = [{"place_id": f"p{n}", "easting": EAST + 99, "northing": NORTH + n} for n in range(3)]
    held = sheets.findings(places=names)
    assert "2 place names were left out for lack of room." in notes(held, a_dossier())
    frame = Bounds(
        min_easting=EAST + 100, min_northing=NORTH, max_easting=EAST + 110, max_northing=NORTH + 10
    )
    speck = replace(a_sheet(), frame=frame)
    records = (a_record(1, 105, 5, radius_m=1),)
    said = notes(None, a_dossier(records=records), speck)
    assert "For lack of room these numbers stand beside no mark: 1." in said
    assert drawn(None, a_dossier(records=records), speck).width_mm == pytest.approx(16)


def test_a_place_without_a_position_is_not_drawn() -> None:
    nowhere = sheets.a_site(easting=None)
    with pytest.raises(PlaceError, match="has no position"):
        drawing.map_svg(ground(), a_dossier(nowhere), a_sheet())


def test_rings_off_the_sheet_are_named() -> None:
    said = notes(None, a_dossier(rings_m=(50.0, 2_000.0, 3_000.0)))
    assert "The rings at 2,000 m and 3,000 m lie outside this sheet." in said


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_is_drawn_as_outlines_or_not_at_all(text: str) -> None:
    line = shapely.LineString([(EAST - 200, NORTH + 90), (EAST + 200, NORTH + 90)])
    place = {
        "place_id": "x",
        "short_name": text,
        "name": text,
        "easting": EAST + 99,
        "northing": NORTH,
    }
    held = sheets.findings(
        places=[place],
        names=sheets.names((text, EAST, NORTH + 40, "Village")),
        backdrop=sheets.backdrop(("road", line, text, "local")),
    )
    svg = drawing.map_svg(ground(held), a_dossier(title=text), a_sheet())
    found = Drawing.of(svg)
    assert b"script" not in svg
    assert b"<text" not in svg
    assert found.width_mm == pytest.approx(190)
    assert drawing.locator_svg(ground(held), a_dossier(title=text), a_sheet())


def test_what_a_screen_reader_is_told_is_short_and_quotes_what_is_not_ours() -> None:
    title = "Plan “B” by Mr A Smith, " + "very " * 200 + "long"
    sheet = a_sheet()
    said = drawing.alt(a_dossier(title=title, records=(a_record(1, 60, 60),)), sheet)
    assert len(said) <= 400
    assert said.startswith("Map of the site, “Plan 'B' by [removed], very very")
    assert "at 1:2500 at A4: a point known to ± 80 m, rings at 50 m, 250 m and 500 m, 1 rec" in said
    assert lint.faults(said) == ()
    wide = paper.plan(a_dossier().place, paper.Format(scale=2_500), reach_m=1_000, ring_m=50)[-1]
    boundary = sheets.a_boundary(shapely.box(EAST, NORTH, EAST + 9, NORTH + 9))
    assert "site and its surroundings" in drawing.alt(a_dossier(boundary), wide)
    assert "its boundary" in drawing.alt(a_dossier(boundary), wide)


def test_no_sentence_says_what_no_pack_may_say() -> None:
    records = (a_record(1, 60, 60), a_record(2, 60, 60), a_record(3, 5_000, 0))
    near = sheets.a_site((10_200.0, NORTH))
    for place in (None, near, sheets.a_site(world.OUTSIDE)):
        dossier = a_dossier(place, records=records)
        lint.check([*notes(None, dossier), *key(None, dossier)], what="sheet")


def test_the_locator_shows_the_sheet_where_it_is_and_rings_what_would_be_a_speck() -> None:
    held = sheets.findings(
        places=[
            {
                "place_id": "v",
                "short_name": "Nunwick",
                "kind": "village",
                "easting": EAST + 2_500,
                "northing": NORTH + 3_000,
            }
        ]
    )
    for scale, has_ring in ((1_250, True), (25_000, False)):
        sheet = a_sheet(sheets.a_site(position_uncertainty_m=50.0), scale)
        found = Drawing.of(drawing.locator_svg(ground(held), a_dossier(), sheet))
        assert (found.width_mm, found.height_mm) == pytest.approx((44, 44))
        lines = found.of_colour(sheets.SITE, 0.6)
        box = lines[0].corners
        wide_mm = 178 * scale / drawing.LOCATOR_SCALE
        assert np.ptp(box[:, 0]) == pytest.approx(wide_mm, abs=0.01)
        assert box.mean(axis=0) == pytest.approx([22, 22], abs=0.01 + wide_mm / 4)
        assert (len(lines) == 2) == has_ring
        dots = [line for line in found.lines if line.fill == sheets.INK]
        assert dots[0].corners.mean(axis=0) == pytest.approx([32, 10], abs=0.3)


def test_letters_stand_in_the_svg_as_outlines_seven_points_high_or_more() -> None:
    place = {"place_id": "x", "easting": EAST + 99, "northing": NORTH}
    svg = drawing.map_svg(ground(sheets.findings(places=[place])), a_dossier(), a_sheet())
    sizes = [float(size) * 100 for size in re.findall(rb"scale\(([\d.]+) -", svg)]
    assert len(sizes) > 10
    assert min(sizes) >= 7
