from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from PIL import Image

from sinkwatch import geo
from sinkwatch.model import EventKind, Evidence, GeologyClass
from sinkwatch.notify import ground, palette, picture
from tests.notify.builders import EASTING, NORTHING, a_subscription, an_item

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sinkwatch.model import Findings, Subscription
    from sinkwatch.notify.items import Item
    from sinkwatch.notify.scene import Scene

BANNED = ("safe", "no risk", "will collapse", "danger", "worth", "guarantee", "caused by")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """What a picture is of; a test changes the part that matters to it."""

    findings: Findings
    home: Subscription = dataclasses.field(default_factory=a_subscription)
    items: tuple[Item, ...] = ()

    def but(self, **changed: Any) -> Case:  # noqa: ANN401
        """Return it with other frames."""
        return dataclasses.replace(self, findings=dataclasses.replace(self.findings, **changed))

    def at(self, **changed: Any) -> Case:  # noqa: ANN401
        """Return it as seen from another place."""
        return dataclasses.replace(self, home=dataclasses.replace(self.home, **changed))

    def telling(self, *items: Item) -> Case:
        return dataclasses.replace(self, items=items)

    def painter(self) -> picture.Painter:
        return picture.Painter.of(self.findings)

    def scene(self) -> Scene:
        return self.painter().chart.scene(self.home, self.items)

    def drawn(self) -> picture.Picture:
        return self.painter().draw(self.home, self.items)

    def png(self) -> bytes:
        return self.drawn().png


@pytest.fixture(scope="module")
def case(ripon_findings: Findings) -> Case:
    return Case(findings=ripon_findings, items=(an_item(),))


@pytest.fixture(scope="module")
def bare(case: Case) -> Case:
    """Nothing but the reader's place on the middle of the gypsum belt."""
    found = case.findings
    return case.telling().but(
        edges=found.edges.iloc[:0], sinkholes=found.sinkholes.iloc[:0], places=found.places.iloc[:0]
    )


@pytest.fixture(scope="module")
def png(case: Case) -> bytes:
    return case.png()


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png))


def grey(png: bytes) -> NDArray[np.float64]:
    """Return the picture as a grey printer has it, at one pixel to a CSS pixel."""
    image = opened(png).convert("L").resize((560, 420), Image.Resampling.BOX)
    return np.asarray(image, dtype=np.float64)


def crowded(case: Case, n: int) -> Case:
    """Return the case with n records, n places and 60 pins at random places."""
    random = np.random.default_rng(2014)
    at = random.uniform(-450, 450, size=(2, n))
    grades = random.choice([str(grade) for grade in Evidence], size=n)
    sinkholes = geo.bng_frame(
        {
            "sinkhole_id": pd.Series([f"S{i:05d}" for i in range(n)], dtype="str"),
            "evidence": pd.Series(grades, dtype="str"),
            "is_drawn": np.ones(n, dtype=bool),
            "position_uncertainty_m": random.uniform(10, 400, size=n),
        },
        EASTING + at[0],
        NORTHING + at[1],
    )
    names = ["$x$ <b>Mart</b>", "☃ snow 🕳️ hole", "Very long name of a street " * 5, "a\nb"]
    places = geo.bng_frame(
        {
            "place_id": pd.Series([f"P{i:05d}" for i in range(n)], dtype="str"),
            "short_name": pd.Series([names[i % 4] for i in range(n)], dtype="str"),
            "label_rank": np.ones(n, dtype=int),
        },
        EASTING - at[1],
        NORTHING + at[0],
    )
    items = (
        an_item(i + 1, easting=EASTING + at[0, i], northing=NORTHING - at[1, i], title=names[i % 4])
        for i in range(60)
    )
    return case.but(sinkholes=sinkholes, places=places).telling(*items)


def test_the_picture_is_a_small_png_of_the_right_shape(png: bytes) -> None:
    image = opened(png)
    assert len(png) <= 40_000
    assert (image.format, image.mode) == ("PNG", "P")
    assert image.width / image.height == 560 / 420
    assert image.width >= 560 * 1.5, "sharp screens want more than one pixel to a CSS pixel"


def test_the_picture_does_not_say_when_or_by_what_it_was_made(png: bytes) -> None:
    chunks, at = [], 8
    while at < len(png):
        chunks.append(png[at + 4 : at + 8])
        at += 12 + int.from_bytes(png[at : at + 4])
    assert set(chunks) == {b"IHDR", b"PLTE", b"IDAT", b"IEND"}


def test_the_same_case_gives_the_same_bytes_whatever_was_drawn_before(
    case: Case, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Far more squares of ground than are kept are drawn in between, at every zoom."""
    monkeypatch.setattr(ground, "_MOST_SQUARES", 4)
    painter = case.painter()
    assert painter.draw(case.home, case.items).png == png
    for radius_m in (250.0, 1_000.0, 2_000.0):
        elsewhere = case.at(radius_m=radius_m, easting=EASTING - 2 * radius_m)
        painter.draw(elsewhere.home, ())
    assert painter.draw(case.home, case.items).png == png


def test_the_order_of_rows_never_matters(case: Case, png: bytes) -> None:
    names = ("zones", "edges", "sinkholes", "places")
    turned = case.but(**{name: getattr(case.findings, name).iloc[::-1] for name in names})
    assert turned.png() == png


def test_another_process_draws_the_same_bytes(png: bytes) -> None:
    program = """
import hashlib
from datetime import UTC, datetime
from sinkwatch import config, sources, survey
from sinkwatch.notify import picture
from tests.notify.builders import a_subscription, an_item
area = config.load_area("ripon")
inputs = sources.recall(area, None, lambda _: None, now=datetime(2026, 11, 22, tzinfo=UTC))
painter = picture.Painter.of(survey.findings(area, inputs))
print(hashlib.sha256(painter.draw(a_subscription(), [an_item()]).png).hexdigest())
"""
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == hashlib.sha256(png).hexdigest()


@pytest.mark.parametrize("n", [100, 500])
def test_a_crowded_scene_stays_within_the_limit_and_hostile_names_are_only_drawn(
    case: Case, n: int
) -> None:
    assert len(crowded(case, n).png()) <= 40_000


def test_a_record_that_is_not_to_be_drawn_leaves_no_trace(case: Case, png: bytes) -> None:
    sinkholes = case.findings.sinkholes
    undrawn = sinkholes[~sinkholes["is_drawn"]]
    assert list(undrawn["sinkhole_id"]) == ["RS012"]
    assert case.but(sinkholes=sinkholes.drop(undrawn.index)).png() == png


def test_records_are_drawn_no_finer_than_50_m_and_together_where_they_share_a_place(
    case: Case,
) -> None:
    records = case.scene().records
    assert all(metres % 50 == 0 for record in records for metres in record.at)
    princess_close = next(record for record in records if record.at == (431_450, 471_700))
    assert princess_close.n_records == 3
    assert princess_close.uncertainties_m == (200.0,)


def test_the_best_evidence_at_a_place_gives_the_mark_and_lies_on_top(
    case: Case,
) -> None:
    records = case.at(radius_m=1_500.0).scene().records
    ure_bank = next(record for record in records if record.at == (431_700, 472_400))
    assert (ure_bank.evidence, ure_bank.n_records) == (Evidence.CONFIRMED, 4)
    assert records[-1].evidence is Evidence.CONFIRMED
    assert records[0].evidence is Evidence.NOT_AN_EVENT


def a_ground(bare: Case, kind: GeologyClass) -> Case:
    """Return a case whose whole ground is of one class."""
    square = shapely.box(EASTING - 5_000, NORTHING - 5_000, EASTING + 5_000, NORTHING + 5_000)
    zone = gpd.GeoDataFrame(
        {"zone_id": ["only"], "geology_class": [int(kind)]}, geometry=[square], crs=geo.BNG
    )
    return bare.but(zones=zone)


def test_the_three_patterns_can_be_told_apart_without_colour(bare: Case) -> None:
    """Lines run one way, a cross both ways, dots neither."""
    along, across = {}, {}
    for kind in (GeologyClass.A, GeologyClass.B, GeologyClass.C):
        pixels = np.asarray(opened(a_ground(bare, kind).png()).convert("L"), dtype=np.float64)
        # The upper left corner of the map holds ground alone, at twice the CSS size.
        patch = pixels[40:200, 40:200]
        assert patch.std() > 8, "the pattern must stand out from its fill"
        ink = patch < (patch.max() + patch.min()) / 2
        rising = ink[:-8, 8:] & ink[8:, :-8]
        falling = ink[:-8, :-8] & ink[8:, 8:]
        along[kind] = rising.sum() / ink[:-8, 8:].sum()
        across[kind] = falling.sum() / ink[:-8, :-8].sum()
    assert along[GeologyClass.B] > 0.9
    assert across[GeologyClass.B] < 0.3
    assert min(along[GeologyClass.C], across[GeologyClass.C]) > 0.5
    assert max(along[GeologyClass.A], across[GeologyClass.A]) < 0.3


def test_the_three_fills_differ_in_grey(bare: Case) -> None:
    fills = {
        kind: np.median(grey(a_ground(bare, kind).png())[20:100, 20:100])
        for kind in (GeologyClass.A, GeologyClass.B, GeologyClass.C)
    }
    assert fills[GeologyClass.C] < fills[GeologyClass.B] - 8
    assert fills[GeologyClass.C] < fills[GeologyClass.A] - 8


def test_the_edge_of_a_zone_is_a_broad_fading_and_no_line(bare: Case, case: Case) -> None:
    """The belt's western edge, 500 m either side: pale in the middle, by small steps."""
    west = bare.but(edges=case.findings.edges).at(easting=430_400.0, radius_m=900.0)
    means = grey(west.png())[20:60, 10:550].mean(axis=0)
    smooth = np.convolve(means, np.ones(24) / 24, mode="valid")
    assert smooth.max() > smooth[-1] + 20, "the edge is paler than the middle of the belt"
    assert np.abs(np.diff(smooth)).max() < 3, "and no single step is a line"


def test_pins_carry_the_numbers_of_the_items(case: Case) -> None:
    told = case.telling(
        an_item(1, kind=EventKind.BAND_CHANGED),
        an_item(2, easting=None, northing=None),
        an_item(3, easting=431_501.0, northing=471_702.0),
        an_item(4, kind=EventKind.SINKHOLE_NEW, easting=431_524.9, northing=471_725.0),
        an_item(5, kind=EventKind.RETRACTED, easting=431_524.9, northing=471_725.0),
    )
    assert [(pin.number, pin.easting, pin.northing) for pin in told.scene().pins] == [
        (3, 431_501.0, 471_702.0),
        (4, 431_500.0, 471_750.0),
        (5, 431_500.0, 471_750.0),
    ]


def test_a_pin_is_drawn(bare: Case) -> None:
    without, pinned = grey(bare.png()), grey(bare.telling(an_item()).png())
    # 99 m east and 79 m north of the middle of the map, at 3.4 m a pixel; the head above it.
    head = np.s_[105:165, 290:330]
    assert (pinned[head] < 60).sum() > 150
    assert (without[head] < 60).sum() == 0


def test_a_ring_too_wide_to_show_is_left_out(bare: Case) -> None:
    known, vague = (
        bare.telling(an_item(position_uncertainty_m=metres)) for metres in (9_000.0, 1e12)
    )
    assert known.png() == vague.png()


def test_the_view_holds_the_readers_circle_and_every_pin_not_far_beyond(bare: Case) -> None:
    near = an_item(1, easting=EASTING + 1_100)
    far = an_item(2, easting=EASTING + 5_000)
    scene = bare.telling(near, far).scene()
    assert [pin.number for pin in scene.pins] == [1]
    for east, north in ((500, 0), (-500, 0), (0, 500), (0, -500)):
        assert scene.view.holds(EASTING + east, NORTHING + north)


@pytest.mark.parametrize(
    ("radius_m", "reach_m"), [(10, 300), (300, 300), (301, 400), (500, 500), (1_001, 1_400)]
)
def test_views_come_in_few_widths(bare: Case, radius_m: float, reach_m: float) -> None:
    """From the middle to a margin of 24 pixels at the top, and never finer than records are."""
    view = bare.at(radius_m=radius_m).scene().view
    assert view.m_per_px * 148 == pytest.approx(reach_m)


def test_the_words_for_the_picture_name_place_ground_records_and_pins(
    case: Case,
) -> None:
    assert case.drawn().alt == (
        "Map round HG4 1HS, 1,900 m from west to east. Ground: the gypsum belt. 9 records of "
        "collapse or subsidence. 1: 26/00001: Old Ripon Auction Mart, North…, 130 m north-east."
    )


def test_the_words_for_an_empty_picture_speak_of_records_and_not_of_hazard(
    bare: Case,
) -> None:
    outside = bare.but(zones=bare.findings.zones.iloc[:0]).drawn()
    assert outside.alt == (
        "Map round HG4 1HS, 1,900 m from west to east. Ground: not held. "
        "Collapse or subsidence: no records in the data we hold."
    )
    assert len(outside.png) <= 40_000


def test_the_words_for_a_crowded_picture_stay_short_and_calm(case: Case) -> None:
    said = crowded(case, 200).drawn().alt
    assert len(said) <= 300
    assert said.endswith(".")
    assert not any(word in said.lower() for word in BANNED)


def test_ground_with_a_hole_is_drawn_with_its_hole(bare: Case) -> None:
    whole = a_ground(bare, GeologyClass.C)
    hole = shapely.box(EASTING - 900, NORTHING + 350, EASTING - 600, NORTHING + 550)
    zones = whole.findings.zones
    holed = whole.but(zones=zones.set_geometry(zones.geometry.difference(hole)))
    # The hole at 3.4 m a pixel, less a margin.
    inside = np.s_[20:60, 25:95]
    assert grey(holed.png())[inside].min() > 245
    assert grey(whole.png())[inside].mean() < 215


def test_beyond_the_edge_of_what_is_held_there_is_paper(bare: Case) -> None:
    """The belt begins 150 m east of the reader: what is west of it is blank, and is said to be."""
    east = shapely.box(EASTING + 150, NORTHING - 5_000, EASTING + 5_000, NORTHING + 5_000)
    zones = a_ground(bare, GeologyClass.C).findings.zones
    at_edge = bare.but(zones=zones.set_geometry([east]))
    assert at_edge.scene().is_partly_blank
    shown = grey(at_edge.png())
    assert shown[20:60, 20:120].min() > 245
    assert shown[20:60, 440:500].mean() < 215


def test_ground_that_is_withheld_is_said_to_be_and_is_not_called_blank(case: Case) -> None:
    found = case.findings
    ground = next(state for state in found.sources if state.spec.kind == "geology")
    spec = dataclasses.replace(ground.spec, is_restricted=True)
    withheld = case.but(
        zones=found.zones.iloc[:0],
        edges=found.edges.iloc[:0],
        sources=(dataclasses.replace(ground, spec=spec),),
    )
    drawn = withheld.drawn()
    assert "Ground: its outlines are not shown." in drawn.alt
    blank = case.but(zones=found.zones.iloc[:0], edges=found.edges.iloc[:0]).drawn()
    # The map is the same; the key says why there is nothing on it.
    differs = np.argwhere(grey(drawn.png) != grey(blank.png))
    assert len(differs) > 100
    assert differs[:, 0].min() >= 344


def test_every_colour_of_the_design_survives_in_the_picture(png: bytes) -> None:
    """Fewer colours must not turn one grade of evidence, or the reader's own mark, into another."""
    colours = palette.channels()
    assert len(colours) // 3 < palette.NOTHING
    image = opened(png)
    found = {colour for _, colour in image.convert("RGB").getcolors(maxcolors=256) or []}
    allowed = {tuple(colours[at : at + 3]) for at in range(0, len(colours), 3)}
    assert found <= allowed
    for colour in ("#5c1a3b", "#8d3b63", "#b98aa2", "#8b9499", "#1b5e6b", "#1d2a30", "#fbfaf7"):
        assert tuple(bytes.fromhex(colour[1:])) in found
