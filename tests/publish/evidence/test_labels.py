"""Labels: none lies on another or on a mark, none runs out of the frame, and no number is lost."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.textpath import TextPath

from sinkwatch.model import Paper
from sinkwatch.publish.evidence import lettering, typeface, wayfinding
from sinkwatch.publish.evidence.canvas import BASELINE, Lettering
from sinkwatch.publish.evidence.ground import Ground
from sinkwatch.publish.evidence.labels import Board, box_of
from sinkwatch.publish.evidence.scene import Scene
from tests import dossiers, world
from tests.publish.evidence import sheets

if TYPE_CHECKING:
    import geopandas as gpd

    from sinkwatch.publish.evidence.labels import Label

EAST, NORTH = world.C
HOW = Lettering(colour="#000000", size_pt=10.0)
NEAT = shapely.box(0, 0, 100, 100)

steps = st.integers(-6, 6)
points = st.lists(st.tuples(steps, steps), max_size=25)
words = st.text("abcdeÉЖ里 ", min_size=1, max_size=30)


def written(
    places: list[tuple[tuple[int, int], str]] = [],  # noqa: B006 - read only
    records: list[tuple[int, int]] = [],  # noqa: B006 - as above
    steps_at: list[tuple[int, int]] = [],  # noqa: B006 - as above
    *,
    streets: gpd.GeoDataFrame | None = None,
    scale: int = 2_500,
) -> tuple[Scene, lettering.Written]:
    rows = [
        {
            "place_id": f"p{n}",
            "short_name": text,
            "easting": EAST + 31.0 * east,
            "northing": NORTH + 31.0 * north,
        }
        for n, ((east, north), text) in enumerate(places)
    ]
    held = Ground.of(sheets.findings(places=rows, backdrop=streets))
    dossier = sheets.a_dossier(
        records=tuple(
            sheets.a_record(n, 50.0 * east, 50.0 * north)
            for n, (east, north) in enumerate(records, start=1)
        ),
        history=tuple(
            dossiers.a_step(
                key=f"k{n}", position=shapely.Point(EAST + 50.0 * east, NORTH + 50.0 * north)
            )
            for n, (east, north) in enumerate(steps_at)
        ),
    )
    scene = Scene.of(held, dossier, sheets.a_sheet(dossier.place, scale, Paper.A4))
    return scene, lettering.write(held, dossier, scene)


def assert_apart(scene: Scene, labels: tuple[Label, ...]) -> None:
    for one, other in itertools.combinations(labels, 2):
        assert one.box.intersection(other.box).area < 1e-9, (one.text, other.text)
    for label in labels:
        assert scene.window.neat.contains(label.box), label.text
        for spot in scene.spots:
            assert not label.box.intersects(shapely.Point(spot.at).buffer(1.6)), label.text


@settings(max_examples=20)
@given(st.lists(st.tuples(st.tuples(steps, steps), words), max_size=20), points, points)
def test_labels_never_overlap_nor_leave_the_frame_and_no_number_is_lost(
    places: list[tuple[tuple[int, int], str]],
    records: list[tuple[int, int]],
    decided: list[tuple[int, int]],
) -> None:
    scene, found = written(places, records, decided)
    assert_apart(scene, found.labels)
    assert found.without_number == ()
    texts = [label.text for label in found.labels]
    for spot in scene.spots:
        assert lettering.runs(spot.numbers) in texts
    for group in scene.decisions:
        assert lettering.letter_runs(group.letters) in texts


def test_a_crowd_of_records_is_numbered_with_lines_to_the_marks() -> None:
    crowd = [(east, north) for east in range(-4, 5) for north in range(-4, 5)]
    scene, found = written(records=crowd, scale=25_000)
    assert_apart(scene, found.labels)
    assert found.without_number == ()
    led = [label for label in found.labels if label.leader is not None]
    assert len(led) > 20
    assert all(label.leader.length > 0 for label in led if label.leader is not None)


def test_a_name_without_room_is_left_out_and_counted() -> None:
    crowd = [((3, 3), f"Name {n}") for n in range(50)]
    _, found = written(crowd)
    n_written = len(found.names)
    assert 0 < n_written < 50
    assert found.n_names_left_out == 50 - n_written


def test_a_name_is_written_once_and_the_sites_own_is_not() -> None:
    _, found = written([((2, 2), "Mill Lane"), ((-3, 2), "MILL LANE")])
    assert len(found.names) == 1
    rows = [{"place_id": "old-yard", "short_name": "Old Yard", "easting": EAST, "northing": NORTH}]
    held, dossier = Ground.of(sheets.findings(places=rows)), sheets.a_dossier()
    scene = Scene.of(held, dossier, sheets.a_sheet())
    assert lettering.write(held, dossier, scene).names == ()


def test_a_street_is_named_along_its_line_whichever_way_it_was_drawn() -> None:
    there = shapely.LineString([(EAST - 150, NORTH + 40), (EAST + 150, NORTH + 140)])
    rows = [("road", there, "Mill Lane", "local"), ("road", there.reverse(), "Back Lane", "local")]
    for row in rows:
        _, found = written(streets=sheets.backdrop(row))
        label = next(label for label in found.labels if label.text == row[2])
        assert label.turned_deg == pytest.approx(18.43, abs=0.01)


def test_a_wide_sheet_names_villages_and_rivers_but_no_lanes() -> None:
    lane = shapely.LineString([(EAST - 900, NORTH + 600), (EAST + 900, NORTH + 600)])
    river = shapely.box(EAST - 1_500, NORTH - 900, EAST + 1_500, NORTH - 800)
    held = sheets.findings(
        names=sheets.names(
            ("Sharow", EAST + 900, NORTH, "Village"),
            ("Back Lane", EAST - 900, NORTH, "Named Road"),
        ),
        backdrop=sheets.backdrop(
            ("road", lane, "Mill Lane", "local"), ("water", river, "River Ure", None)
        ),
    )
    ground, dossier = Ground.of(held), sheets.a_dossier()
    texts = {
        scale: {
            label.text
            for label in lettering.write(
                ground, dossier, Scene.of(ground, dossier, sheets.a_sheet(scale=scale))
            ).labels
        }
        for scale in (5_000, 25_000)
    }
    assert {"Sharow", "River Ure"} < texts[25_000]
    assert not {"Mill Lane", "Back Lane"} & texts[25_000]


def test_without_streets_on_the_sheet_their_names_stand_at_their_points() -> None:
    held = sheets.findings(names=sheets.names(("Back Lane", EAST - 90, NORTH, "Named Road")))
    ground, dossier = Ground.of(held), sheets.a_dossier()
    scene = Scene.of(ground, dossier, sheets.a_sheet())
    assert [name.frame for name, _ in lettering.write(ground, dossier, scene).names] == ["names"]


def test_no_more_streets_are_named_than_help() -> None:
    rows = [
        (
            "road",
            shapely.LineString([(EAST - 200, NORTH + 5 * n), (EAST + 200, NORTH + 5 * n)]),
            f"Lane {n}",
            "local",
        )
        for n in range(-40, 40)
    ]
    scene, found = written(streets=sheets.backdrop(*rows))
    n_streets = sum(label.text.startswith("Lane") for label in found.labels)
    assert 0 < n_streets <= wayfinding.MOST_STREETS
    assert_apart(scene, found.labels)


@pytest.mark.parametrize("text", ["Ágjpqy Éclair", "(1–12)", "Жёлтый", "I"])
def test_the_ink_of_a_label_stays_in_its_box(text: str) -> None:
    size_mm = HOW.size_pt * 25.4 / 72
    low, left = 50 - BASELINE * size_mm, 50 - typeface.extent_mm(text, HOW.size_pt)[0] / 2
    outline = TextPath((left, low), text, size=size_mm, prop=typeface.face(text))
    ink = shapely.box(*outline.get_extents().extents)
    assert box_of(text, HOW, (50, 50)).contains(ink)


def test_a_full_board_says_that_a_number_found_no_room() -> None:
    board = Board(NEAT)
    board.take(NEAT)
    mark = shapely.Point(50, 50).buffer(2)
    assert board.must((mark,), "12", HOW) is None
    assert board.beside(mark, "12", HOW) is None


def test_a_leader_that_has_to_cross_something_is_taken_if_no_other_is_found() -> None:
    board = Board(NEAT)
    mark = shapely.Point(50, 50).buffer(2)
    board.take(mark)
    board.take(shapely.Point(50, 50).buffer(12).difference(shapely.Point(50, 50).buffer(2.2)))
    label = board.must((mark,), "12", HOW)
    assert label is not None
    assert label.leader is not None
    assert board.is_free(box_of("12", HOW, (90, 90)))


def test_a_label_keeps_off_a_line_if_it_can_and_lies_on_it_if_it_must() -> None:
    mark = shapely.Point(50, 50).buffer(1)
    right = shapely.LineString([(55, 0), (55, 100)])
    kept = Board(NEAT).beside(mark, "Long name", HOW, clear_of=right)
    assert kept is not None
    assert not kept.box.intersects(right)
    everywhere = NEAT.buffer(0)
    forced = Board(NEAT).beside(mark, "Long name", HOW, clear_of=everywhere)
    assert forced is not None


def test_a_street_is_not_named_across_the_sites_own_circle() -> None:
    across = shapely.LineString([(EAST - 90, NORTH + 10), (EAST - 70, NORTH + 10)])
    _, found = written(streets=sheets.backdrop(("road", across, "Lane", "local")))
    assert "Lane" not in [label.text for label in found.labels]


@pytest.mark.parametrize(
    ("names", "text"),
    [(("A",), "A"), (("A", "B"), "A, B"), (("A", "B", "C", "F"), "A–C, F"), (("Z", "AA"), "Z, AA")],
)
def test_letters_are_written_briefly(names: tuple[str, ...], text: str) -> None:
    assert lettering.letter_runs(names) == text
