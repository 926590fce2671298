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
from sinkwatch.notify import palette, picture
from tests.notify.builders import EASTING, NORTHING, a_source, a_subscription, an_item

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sinkwatch.model import Findings
    from sinkwatch.notify.items import Item

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


def on(findings: Findings, frame: gpd.GeoDataFrame | None, **changed: Any) -> Findings:  # noqa: ANN401
    """Return the findings on a backdrop, with the source that must be named for it."""
    sources = (*findings.sources, _os_source())
    around = Surroundings(backdrop=frame)
    return dataclasses.replace(findings, sources=sources, surroundings=around, **changed)


def _os_source() -> Any:  # noqa: ANN401 - a SourceState
    state = a_source(attribution=CREDIT)
    return dataclasses.replace(state, spec=dataclasses.replace(state.spec, kind="openmap-local"))


def drawn(findings: Findings, *items: Item) -> bytes:
    return picture.Painter.of(findings).draw(a_subscription(), items).png


def pixels(png: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def colours(png: bytes) -> set[str]:
    return {f"#{bytes(each).hex()}" for each in np.unique(pixels(png).reshape(-1, 3), axis=0)}


def test_without_a_backdrop_a_picture_is_as_it_always_was(ripon_findings: Findings) -> None:
    png = drawn(ripon_findings)
    assert not (set(palette.BACKDROP.values()) - {"#ffffff"}) & colours(png)
    assert drawn(on(ripon_findings, None)) == png


def test_the_backdrop_of_the_findings_comes_with_its_credit(ripon_findings: Findings) -> None:
    painter = picture.Painter.of(on(ripon_findings, plain()))
    assert painter.chart.scene(a_subscription(), ()).credit == CREDIT


def test_every_layer_is_drawn_in_its_colour_and_no_other_is_altered(
    ripon_findings: Findings,
) -> None:
    found = colours(drawn(on(ripon_findings, plain())))
    assert set(palette.BACKDROP.values()) <= found
    channels = palette.channels()
    assert found <= {f"#{channels[at : at + 3].hex()}" for at in range(0, len(channels), 3)}


def test_the_order_of_rows_and_what_lies_outside_the_view_never_matter(
    ripon_findings: Findings,
) -> None:
    far = a_backdrop(
        ("building", shapely.box(5_000, 5_000, 5_100, 5_100), None),
        ("water", shapely.box(-9_000, -9_000, -8_000, -8_000), None),
    ).assign(feature_id=["G1", "G2"])
    both = pd.concat([far, plain()], ignore_index=True)
    assert drawn(on(ripon_findings, both.iloc[::-1])) == drawn(on(ripon_findings, plain()))


def test_marks_lie_over_streets(ripon_findings: Findings) -> None:
    """A pin's head is as dark on a street as it is beside it."""
    item = an_item(easting=EASTING, northing=NORTHING + 300, position_uncertainty_m=5.0)
    found = on(ripon_findings, plain(), sinkholes=ripon_findings.sinkholes.iloc[:0])
    painter = picture.Painter.of(found)
    view = painter.chart.scene(a_subscription(), (item,)).view
    image = pixels(painter.draw(a_subscription(), (item,)).png)
    scale = image.shape[1] / 560
    right, up = view.px(EASTING, NORTHING + 300)
    row, column = round((344 - up) * scale), round(right * scale)
    assert image[row, column].max() < 80


def test_the_credit_stands_in_a_corner(ripon_findings: Findings) -> None:
    credited = on(ripon_findings, plain())
    uncredited = dataclasses.replace(credited, sources=ripon_findings.sources)
    with_it, without = pixels(drawn(credited)), pixels(drawn(uncredited))
    differs = np.argwhere((with_it != without).any(axis=2))
    scale = with_it.shape[1] / 560
    assert len(differs) > 500
    (top, left), (bottom, right) = differs.min(axis=0) / scale, differs.max(axis=0) / scale
    assert bottom - top < 16
    assert left > 200
    assert right < 560


@pytest.mark.parametrize("n", [200, 3_000])
def test_a_crowded_town_stays_within_the_limit(ripon_findings: Findings, n: int) -> None:
    assert len(drawn(on(ripon_findings, town(n)), an_item())) <= picture.MOST_BYTES_ON_BACKDROP


def test_the_same_findings_give_the_same_bytes(ripon_findings: Findings) -> None:
    assert drawn(on(ripon_findings, plain())) == drawn(on(ripon_findings, plain()))


def test_roads_without_a_class_are_drawn_as_local_streets(ripon_findings: Findings) -> None:
    local = plain().assign(road_class=pd.Series(["local"] * 8, dtype="str"))
    unknown = plain().drop(columns="road_class")
    assert drawn(on(ripon_findings, unknown)) == drawn(on(ripon_findings, local))


def test_nothing_within_the_view_is_no_fault(ripon_findings: Findings) -> None:
    far = a_backdrop(("building", shapely.box(9_000, 9_000, 9_010, 9_010), None))
    assert len(drawn(on(ripon_findings, far))) > 1_000


def test_a_building_keeps_its_court_and_what_stands_in_it(ripon_findings: Findings) -> None:
    court = shapely.Polygon(
        shapely.box(-700, -450, -400, -250).exterior,
        [shapely.box(-650, -400, -450, -300).exterior],
    )
    within = shapely.box(-520, -380, -470, -320)
    found = on(
        ripon_findings,
        a_backdrop(("building", within, None), ("building", court, None)),
        sinkholes=ripon_findings.sinkholes.iloc[:0],
        places=ripon_findings.places.iloc[:0],
    )
    painter = picture.Painter.of(found)
    image = pixels(painter.draw(a_subscription(), ()).png)
    scale = image.shape[1] / 560
    view = painter.chart.scene(a_subscription(), ()).view

    def at(east: float, north: float) -> str:
        right, up = view.px(EASTING + east, NORTHING + north)
        return f"#{bytes(image[round((344 - up) * scale), round(right * scale)]).hex()}"

    assert at(-425, -350) == palette.BACKDROP["building"]
    assert at(-600, -350) != palette.BACKDROP["building"]
    assert at(-495, -350) == palette.BACKDROP["building"]
