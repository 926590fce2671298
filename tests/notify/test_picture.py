from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import geopandas as gpd
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import shapely
from PIL import Image

from sinkwatch import geo
from sinkwatch.model import EventKind, Evidence, GeologyClass
from sinkwatch.notify import marks, picture
from sinkwatch.notify.scene import pins_in, records_in, view_of
from tests.notify.builders import EASTING, NORTHING, a_digest, an_event

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sinkwatch.model import Findings

BANNED = ("safe", "no risk", "will collapse", "danger", "worth", "guarantee", "caused by")


def a_pin(number: int = 1, **changed: object) -> picture.Pin:
    values: dict[str, object] = {
        "number": number,
        "easting": 431_579.0,
        "northing": 471_829.0,
        "uncertainty_m": 80.0,
        "label": "Old Auction Mart",
    }
    return picture.Pin(**{**values, **changed})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def scene(ripon_findings: Findings) -> picture.Scene:
    return picture.scene_of(a_digest(), ripon_findings)


@pytest.fixture(scope="module")
def bare(scene: picture.Scene) -> picture.Scene:
    """Nothing but the reader's place on the middle of the gypsum belt."""
    return dataclasses.replace(
        scene,
        edges=scene.edges.iloc[:0],
        sinkholes=scene.sinkholes.iloc[:0],
        places=scene.places.iloc[:0],
        pins=(),
    )


@pytest.fixture(scope="module")
def png(scene: picture.Scene) -> bytes:
    return picture.png(scene)


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png))


def grey(png: bytes) -> NDArray[np.float64]:
    """Return the picture as a grey printer has it, at one pixel to a CSS pixel."""
    image = opened(png).convert("L").resize((560, 420), Image.Resampling.BOX)
    return np.asarray(image, dtype=np.float64)


def crowded(scene: picture.Scene, n: int) -> picture.Scene:
    """Return the scene with n records, n places and 60 pins at random places."""
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
    pins = tuple(
        a_pin(i + 1, easting=EASTING + at[0, i], northing=NORTHING - at[1, i], label=names[i % 4])
        for i in range(60)
    )
    return dataclasses.replace(scene, sinkholes=sinkholes, places=places, pins=pins)


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


def test_the_same_scene_gives_the_same_bytes(scene: picture.Scene, png: bytes) -> None:
    assert picture.png(scene) == png


def test_the_order_of_rows_never_matters(scene: picture.Scene, png: bytes) -> None:
    turned = dataclasses.replace(
        scene,
        zones=scene.zones.iloc[::-1],
        edges=scene.edges.iloc[::-1],
        sinkholes=scene.sinkholes.iloc[::-1],
        places=scene.places.iloc[::-1],
    )
    assert picture.png(turned) == png


def test_a_users_settings_of_matplotlib_do_not_alter_it(scene: picture.Scene, png: bytes) -> None:
    with mpl.rc_context({"font.size": 30, "hatch.linewidth": 9, "lines.antialiased": False}):
        assert picture.png(scene) == png


def test_another_process_draws_the_same_bytes(png: bytes) -> None:
    program = """
import hashlib
from datetime import UTC, datetime
from sinkwatch import config, sources, survey
from sinkwatch.notify import picture
from tests.notify.builders import a_digest
area = config.load_area("ripon")
inputs = sources.recall(area, None, lambda _: None, now=datetime(2026, 11, 22, tzinfo=UTC))
scene = picture.scene_of(a_digest(), survey.findings(area, inputs))
print(hashlib.sha256(picture.png(scene)).hexdigest())
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
    scene: picture.Scene, n: int
) -> None:
    assert len(picture.png(crowded(scene, n))) <= 40_000


def test_a_record_that_is_not_to_be_drawn_leaves_no_trace(scene: picture.Scene, png: bytes) -> None:
    undrawn = scene.sinkholes[~scene.sinkholes["is_drawn"]]
    assert list(undrawn["sinkhole_id"]) == ["RS012"]
    without = dataclasses.replace(scene, sinkholes=scene.sinkholes.drop(undrawn.index))
    assert picture.png(without) == png


def test_records_are_drawn_no_finer_than_50_m_and_together_where_they_share_a_place(
    scene: picture.Scene,
) -> None:
    records = records_in(scene, view_of(scene))
    assert all(metres % 50 == 0 for record in records for metres in record.at)
    princess_close = next(record for record in records if record.at == (431_450, 471_700))
    assert princess_close.n_records == 3
    assert princess_close.uncertainties_m == (200.0,)


def test_the_best_evidence_at_a_place_gives_the_mark_and_lies_on_top(
    scene: picture.Scene,
) -> None:
    wide = dataclasses.replace(scene, radius_m=1_500.0)
    records = records_in(wide, view_of(wide))
    ure_bank = next(record for record in records if record.at == (431_700, 472_400))
    assert (ure_bank.evidence, ure_bank.n_records) == (Evidence.CONFIRMED, 4)
    assert records[-1].evidence is Evidence.CONFIRMED
    assert records[0].evidence is Evidence.NOT_AN_EVENT


def a_ground(bare: picture.Scene, kind: GeologyClass) -> picture.Scene:
    """Return a scene whose whole ground is of one class."""
    square = shapely.box(EASTING - 5_000, NORTHING - 5_000, EASTING + 5_000, NORTHING + 5_000)
    zone = gpd.GeoDataFrame(
        {"zone_id": ["only"], "geology_class": [int(kind)]}, geometry=[square], crs=geo.BNG
    )
    return dataclasses.replace(bare, zones=zone)


def test_the_three_patterns_can_be_told_apart_without_colour(bare: picture.Scene) -> None:
    """Lines run one way, a cross both ways, dots neither."""
    along, across = {}, {}
    for kind in (GeologyClass.A, GeologyClass.B, GeologyClass.C):
        pixels = np.asarray(
            opened(picture.png(a_ground(bare, kind))).convert("L"), dtype=np.float64
        )
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


def test_the_three_fills_differ_in_grey(bare: picture.Scene) -> None:
    fills = {
        kind: np.median(grey(picture.png(a_ground(bare, kind)))[20:100, 20:100])
        for kind in (GeologyClass.A, GeologyClass.B, GeologyClass.C)
    }
    assert fills[GeologyClass.C] < fills[GeologyClass.B] - 8
    assert fills[GeologyClass.C] < fills[GeologyClass.A] - 8


def test_the_edge_of_a_zone_is_a_broad_fading_and_no_line(
    bare: picture.Scene, scene: picture.Scene
) -> None:
    """The belt's western edge, 500 m either side: pale in the middle, by small steps."""
    west = dataclasses.replace(bare, edges=scene.edges, easting=430_400.0, radius_m=900.0)
    means = grey(picture.png(west))[20:60, 10:550].mean(axis=0)
    smooth = np.convolve(means, np.ones(24) / 24, mode="valid")
    assert smooth.max() > smooth[-1] + 20, "the edge is paler than the middle of the belt"
    assert np.abs(np.diff(smooth)).max() < 3, "and no single step is a line"


def test_pins_carry_the_numbers_of_the_items(ripon_findings: Findings) -> None:
    digest = a_digest(
        an_event(subject="own", kind=EventKind.BAND_CHANGED),
        an_event(subject="unmapped", easting=None, northing=None),
        an_event(subject="application", easting=431_501.0, northing=471_702.0),
        an_event(
            subject="RS099", kind=EventKind.SINKHOLE_NEW, easting=431_524.9, northing=471_725.0
        ),
    )
    pins = picture.scene_of(digest, ripon_findings).pins
    assert [(pin.number, pin.easting, pin.northing) for pin in pins] == [
        (3, 431_501.0, 471_702.0),
        (4, 431_500.0, 471_750.0),
    ]


def test_a_pin_is_drawn(bare: picture.Scene) -> None:
    without = grey(picture.png(bare))
    pinned = grey(picture.png(dataclasses.replace(bare, pins=(a_pin(),))))
    # 99 m east and 79 m north of the middle of the map, at 3.4 m a pixel; the head above it.
    head = np.s_[105:165, 290:330]
    assert (pinned[head] < 60).sum() > 150
    assert (without[head] < 60).sum() == 0


def test_the_view_holds_the_readers_circle_and_every_pin_not_far_beyond(
    bare: picture.Scene,
) -> None:
    near = a_pin(1, easting=EASTING + 1_100)
    far = a_pin(2, easting=EASTING + 5_000)
    pinned = dataclasses.replace(bare, pins=(near, far))
    view = view_of(pinned)
    assert pins_in(pinned, view) == [near]
    for east, north in ((500, 0), (-500, 0), (0, 500), (0, -500)):
        assert view.holds(EASTING + east, NORTHING + north)


def test_a_small_radius_does_not_zoom_beyond_what_the_records_resolve(
    bare: picture.Scene,
) -> None:
    view = view_of(dataclasses.replace(bare, radius_m=10.0))
    assert view.width_m > 600


def test_the_words_for_the_picture_name_place_ground_records_and_pins(
    scene: picture.Scene,
) -> None:
    assert picture.alt(scene) == (
        "Map round HG4 1HS, 1,900 m from west to east. Ground: the gypsum belt. 9 records of "
        "collapse or subsidence. 1: 26/00001: Old Ripon Auction Mart, North…, 130 m north-east."
    )


def test_the_words_for_an_empty_picture_speak_of_records_and_not_of_hazard(
    bare: picture.Scene,
) -> None:
    outside = dataclasses.replace(bare, zones=bare.zones.iloc[:0])
    assert picture.alt(outside) == (
        "Map round HG4 1HS, 1,900 m from west to east. Ground: not held. "
        "Collapse or subsidence: no records in the data we hold."
    )
    assert len(picture.png(outside)) <= 40_000


def test_the_words_for_a_crowded_picture_stay_short_and_calm(scene: picture.Scene) -> None:
    said = picture.alt(crowded(scene, 200))
    assert len(said) <= 300
    assert said.endswith(".")
    assert not any(word in said.lower() for word in BANNED)


def test_ground_that_only_touches_the_picture_is_no_patch() -> None:
    line = shapely.LineString([(0, 0), (10, 10)])
    assert len(marks.zone(line, GeologyClass.C, 1.0).get_path().vertices) == 0


def test_ground_with_a_hole_is_drawn_with_its_hole(bare: picture.Scene) -> None:
    whole = a_ground(bare, GeologyClass.C)
    hole = shapely.box(EASTING - 900, NORTHING + 350, EASTING - 600, NORTHING + 550)
    holed = dataclasses.replace(
        whole, zones=whole.zones.set_geometry(whole.zones.geometry.difference(hole))
    )
    # The hole at 3.4 m a pixel, less a margin.
    inside = np.s_[20:60, 25:95]
    assert grey(picture.png(holed))[inside].min() > 245
    assert grey(picture.png(whole))[inside].mean() < 215


def test_every_colour_of_the_design_survives_in_the_picture(png: bytes) -> None:
    """Fewer colours must not turn one grade of evidence, or the reader's own mark, into another."""
    palette = marks.palette()
    assert len(palette) // 3 <= 256
    image = opened(png)
    found = {colour for _, colour in image.convert("RGB").getcolors(maxcolors=256) or []}
    allowed = {tuple(palette[at : at + 3]) for at in range(0, len(palette), 3)}
    assert found <= allowed
    for colour in ("#5c1a3b", "#8d3b63", "#b98aa2", "#8b9499", "#1b5e6b", "#1d2a30", "#fbfaf7"):
        assert tuple(bytes.fromhex(colour[1:])) in found
