"""The map of a mail on its backdrop: quiet, credited, and nothing of it where there is none."""

from __future__ import annotations

import dataclasses
import io
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from PIL import Image

from sinkwatch import geo, schemas
from sinkwatch.model import Surroundings
from sinkwatch.notify import backdrop, marks, picture
from sinkwatch.notify.scene import view_of
from tests.notify.builders import EASTING, NORTHING, a_digest, a_source

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sinkwatch.model import Findings

CREDIT: Final = "Contains OS data © Crown copyright and database right 2026"


def a_backdrop(*rows: tuple[str, shapely.Geometry, str | None]) -> gpd.GeoDataFrame:
    """Return rows of layer, shape (metres from the reader's place) and class of road."""
    layers, shapes, classes = zip(*rows, strict=True)
    frame = gpd.GeoDataFrame(
        {
            "feature_id": pd.Series([f"F{i:05}" for i in range(len(rows))], dtype="str"),
            "layer": pd.Series(layers, dtype="str"),
            "name": pd.Series(["Example <b>{{7*7}}</b>"] * len(rows), dtype="str"),
            "road_class": pd.Series(classes, dtype="str"),
        },
        geometry=[shapely.transform(s, lambda at: at + (EASTING, NORTHING)) for s in shapes],  # noqa: RUF005 - adds
        crs=geo.BNG,
    )
    return schemas.BACKDROP.check(frame)


def plain() -> gpd.GeoDataFrame:
    """One of everything, in the corners of a view of 500 m."""
    return a_backdrop(
        ("building", shapely.box(-700, 350, -600, 450), None),
        ("road", shapely.LineString([(-900, 300), (900, 300)]), "main"),
        ("road", shapely.LineString([(-900, -300), (900, -300)]), "minor"),
        ("road", shapely.LineString([(-700, -450), (-700, 450)]), "local"),
        ("railway", shapely.LineString([(-550, -450), (-550, 450)]), None),
        ("water", shapely.box(600, -450, 700, 450), None),
        ("water", shapely.LineString([(450, -450), (450, 450)]), None),
        ("woodland", shapely.box(750, -100, 850, 100), None),
    )


def town(n: int) -> gpd.GeoDataFrame:
    """Return n buildings and as many streets at random places."""
    random = np.random.default_rng(1771)
    at = random.uniform(-900, 900, size=(n, 2))
    ends = at + random.uniform(-200, 200, size=(n, 2))
    boxes = shapely.box(at[:, 0], at[:, 1], at[:, 0] + 12, at[:, 1] + 9)
    streets = [shapely.LineString(pair) for pair in zip(at, ends, strict=True)]
    return a_backdrop(
        *(("building", shape, None) for shape in boxes),
        *(("road", shape, "local") for shape in streets),
    )


@pytest.fixture(scope="module")
def scene(ripon_findings: Findings) -> picture.Scene:
    return picture.scene_of(a_digest(), ripon_findings)


def on(scene: picture.Scene, frame: gpd.GeoDataFrame | None, **changed: Any) -> picture.Scene:  # noqa: ANN401
    return dataclasses.replace(
        scene, backdrop=frame, credit=CREDIT if frame is not None else "", **changed
    )


def pixels(png: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def colours(png: bytes) -> set[str]:
    return {f"#{bytes(each).hex()}" for each in np.unique(pixels(png).reshape(-1, 3), axis=0)}


def test_without_a_backdrop_a_picture_is_as_it_always_was(
    scene: picture.Scene, ripon_findings: Findings
) -> None:
    assert (scene.backdrop, scene.credit) == (None, "")
    png = picture.png(scene)
    assert not (set(backdrop.COLOURS.values()) - {"#ffffff"}) & colours(png)
    credited = dataclasses.replace(ripon_findings, sources=(*ripon_findings.sources, _os_source()))
    assert picture.png(picture.scene_of(a_digest(), credited)) == png


def _os_source() -> Any:  # noqa: ANN401 - a SourceState
    state = a_source(attribution=CREDIT)
    return dataclasses.replace(state, spec=dataclasses.replace(state.spec, kind="openmap-local"))


def test_the_backdrop_of_the_findings_comes_with_its_credit(ripon_findings: Findings) -> None:
    frame = plain()
    findings = dataclasses.replace(
        ripon_findings,
        sources=(*ripon_findings.sources, _os_source()),
        surroundings=Surroundings(backdrop=frame),
    )
    scene = picture.scene_of(a_digest(), findings)
    assert scene.backdrop is frame
    assert scene.credit == CREDIT


def test_every_layer_is_drawn_in_its_colour_and_no_other_is_altered(scene: picture.Scene) -> None:
    drawn = colours(picture.png(on(scene, plain())))
    assert set(backdrop.COLOURS.values()) <= drawn
    palette = [*marks.palette(), *backdrop.palette()]
    allowed = {f"#{bytes(palette[at : at + 3]).hex()}" for at in range(0, len(palette), 3)}
    assert drawn <= allowed


def test_the_order_of_rows_and_what_lies_outside_the_view_never_matter(
    scene: picture.Scene,
) -> None:
    far = a_backdrop(
        ("building", shapely.box(5_000, 5_000, 5_100, 5_100), None),
        ("water", shapely.box(-9_000, -9_000, -8_000, -8_000), None),
    )
    both = pd.concat([far, plain()], ignore_index=True)
    assert picture.png(on(scene, both.iloc[::-1])) == picture.png(on(scene, plain()))


def test_marks_lie_over_streets(scene: picture.Scene) -> None:
    """A pin's head is as dark on a street as it is beside it."""
    pin = picture.Pin(
        number=1, easting=EASTING, northing=NORTHING + 300, uncertainty_m=5, label="x"
    )
    pinned = on(scene, plain(), pins=(pin,), sinkholes=scene.sinkholes.iloc[:0])
    image = pixels(picture.png(pinned))
    scale = image.shape[1] / 560
    right, up = view_of(pinned).px(pin.easting, pin.northing)
    row, column = round((344 - up) * scale), round(right * scale)
    assert image[row, column].max() < 80


def test_the_credit_stands_in_a_corner(scene: picture.Scene) -> None:
    with_it = pixels(picture.png(on(scene, plain())))
    without = pixels(picture.png(dataclasses.replace(on(scene, plain()), credit="")))
    differs = np.argwhere((with_it != without).any(axis=2))
    scale = with_it.shape[1] / 560
    assert len(differs) > 500
    (top, left), (bottom, right) = differs.min(axis=0) / scale, differs.max(axis=0) / scale
    assert bottom - top < 16
    assert left > 200
    assert right < 560


@pytest.mark.parametrize("n", [200, 3_000])
def test_a_crowded_town_stays_within_the_limit(scene: picture.Scene, n: int) -> None:
    assert len(picture.png(on(scene, town(n)))) <= picture.MOST_BYTES_ON_BACKDROP


def test_the_same_scene_gives_the_same_bytes(scene: picture.Scene) -> None:
    assert picture.png(on(scene, plain())) == picture.png(on(scene, plain()))


def test_roads_without_a_class_are_drawn_as_local_streets(scene: picture.Scene) -> None:
    local = plain().assign(road_class=pd.Series(["local"] * 8, dtype="str"))
    unknown = plain().drop(columns="road_class")
    assert picture.png(on(scene, unknown)) == picture.png(on(scene, local))


def test_nothing_within_the_view_is_no_fault(scene: picture.Scene) -> None:
    far = a_backdrop(("building", shapely.box(9_000, 9_000, 9_010, 9_010), None))
    assert len(picture.png(on(scene, far))) > 1_000


def test_a_building_keeps_its_court(scene: picture.Scene) -> None:
    court = shapely.Polygon(
        shapely.box(-700, -450, -400, -250).exterior,
        [shapely.box(-650, -400, -450, -300).exterior],
    )
    bare = dataclasses.replace(
        scene, sinkholes=scene.sinkholes.iloc[:0], places=scene.places.iloc[:0]
    )
    image = pixels(picture.png(on(bare, a_backdrop(("building", court, None)), pins=())))
    scale = image.shape[1] / 560
    view = view_of(bare)

    def at(east: float, north: float) -> str:
        right, up = view.px(EASTING + east, NORTHING + north)
        return f"#{bytes(image[round((344 - up) * scale), round(right * scale)]).hex()}"

    assert at(-425, -350) == backdrop.COLOURS["building"]
    assert at(-550, -350) != backdrop.COLOURS["building"]
