"""The published map on its backdrop: under everything, credited as text, and of bounded size."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from sinkwatch import geo, schemas
from sinkwatch.model import SourceSpec, SourceState, SourceStatus, Surroundings
from sinkwatch.publish import backdrop, site, things, webmap
from tests.publish.builders import HOSTILE, as_read, with_nothing

if TYPE_CHECKING:
    import pytest

    from sinkwatch.model import Findings
    from sinkwatch.publish.webmap import Drawing

CREDIT: Final = "Contains OS data © Crown copyright and database right 2026"
EAST, NORTH = 431_500.0, 471_500.0


def a_backdrop(*rows: tuple[str, shapely.Geometry, str | None]) -> gpd.GeoDataFrame:
    """Return rows of layer, shape (metres from the middle of Ripon) and class of road."""
    layers, shapes, classes = zip(*rows, strict=True)
    frame = gpd.GeoDataFrame(
        {
            "feature_id": pd.Series([f"F{i:05}" for i in range(len(rows))], dtype="str"),
            "layer": pd.Series(layers, dtype="str"),
            "name": pd.Series([HOSTILE] * len(rows), dtype="str"),
            "road_class": pd.Series(classes, dtype="str"),
        },
        geometry=[
            shapely.transform(shape, lambda at: at + np.array([EAST, NORTH])) for shape in shapes
        ],
        crs=geo.BNG,
    )
    return schemas.BACKDROP.check(frame)


def plain() -> gpd.GeoDataFrame:
    return a_backdrop(
        ("building", shapely.box(0, 0, 10, 10), None),
        ("building", shapely.box(20, 0, 30, 10), None),
        ("road", shapely.LineString([(-100, 20), (100, 20)]), "main"),
        ("road", shapely.LineString([(-100, 40), (100, 40)]), "minor"),
        ("road", shapely.LineString([(-100, 60), (100, 60)]), "local"),
        ("railway", shapely.LineString([(-100, 80), (100, 80)]), None),
        ("water", shapely.box(0, 100, 50, 150), None),
        ("water", shapely.LineString([(-100, 160), (100, 160)]), None),
        ("woodland", shapely.box(60, 100, 90, 150), None),
    )


def on(findings: Findings, frame: gpd.GeoDataFrame, credit: str = CREDIT) -> Findings:
    """Return the findings with a backdrop and the source that gave it."""
    spec = SourceSpec(
        name="openmap-local",
        kind="openmap-local",
        title="OS OpenMap Local",
        path=None,
        licence="OGL",
        attribution=credit,
    )
    state = as_read(SourceState(spec=spec, status=SourceStatus.GOOD, snapshot=None), len(frame))
    return replace(
        findings,
        sources=(*findings.sources, state),
        surroundings=Surroundings(backdrop=frame),
    )


def drawn(findings: Findings) -> Drawing:
    return webmap.draw(webmap.Sketch.of(findings, things.gather(findings)), tiles=None)


def parts(findings: Findings) -> dict[str, backdrop.Part]:
    return {part.name: part for part in backdrop.parts(findings, things.gather(findings))}


def test_without_a_backdrop_the_map_is_as_it_always_was(findings: Findings) -> None:
    script = drawn(findings).script
    assert parts(findings) == {}
    assert "ackdrop" not in script
    assert [name for name in backdrop.PANES if f'"{name}"' in script] == []


def test_every_layer_is_one_shape_below_the_zones(findings: Findings) -> None:
    found = parts(on(findings, plain()))
    assert [(name, part.pane) for name, part in found.items()] == [
        ("woods", "backdrop"), ("water", "backdrop"), ("streams", "backdrop"),
        ("local_roads", "roads"), ("minor_roads", "roads"), ("main_roads", "roads"),
        ("railways", "roads"), ("buildings", "buildings"),
    ]  # fmt: skip
    assert max(backdrop.PANES.values()) < 340
    (buildings,) = found["buildings"].shapes
    assert shapely.get_num_geometries(buildings.geometry) == 2
    assert not any(part.shapes[0].style["interactive"] for part in found.values())
    assert not any(part.shapes[0].words for part in found.values())


def test_it_can_be_switched_off_like_the_others(findings: Findings) -> None:
    script = drawn(on(findings, plain())).script
    assert '"Streets, buildings, water and woods" : feature_group_backdrop' in script
    assert "feature_group_backdrop.addTo(map_area)" in script


def test_no_word_of_it_reaches_folium_or_leaves_its_script(findings: Findings) -> None:
    script = drawn(on(findings, plain(), HOSTILE)).script
    folium_said, _, after = script.partition("function creditBackdrop(")
    # Only folium reads what it wrote as a template once more; what comes after it is never read.
    assert [mark for mark in ("{{", "{%", "onerror", "cmd|") if mark in folium_said] == []
    call = after.rpartition("drawBackdrop(")[2].splitlines()[0]
    assert not set(call) & set("<>&'")
    said, _ = json.JSONDecoder().raw_decode(call[call.index("},{") + 2 :])
    assert said["credit"].startswith("=cmd|")


def test_what_is_far_from_everything_is_left_out_and_what_reaches_there_is_cut(
    findings: Findings,
) -> None:
    far = ("building", shapely.box(9_000, 9_000, 9_010, 9_010), None)
    long = ("road", shapely.LineString([(0, 20), (20_000, 20)]), "main")
    found = parts(on(findings, a_backdrop(far, long)))
    assert "buildings" not in found
    assert found["main_roads"].shapes[0].geometry.length < 5_000


def test_a_larger_town_is_drawn_less_far_round(
    findings: Findings, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = [
        ("building", shapely.box(east, north, east + 10, north + 10), None)
        for east in range(-3_000, 3_000, 50)
        for north in range(-3_000, 3_000, 50)
    ]
    frame = a_backdrop(*grid)
    whole = parts(on(findings, frame))["buildings"].shapes[0].geometry
    monkeypatch.setattr(backdrop, "MOST_CORNERS", 20_000)
    less = parts(on(findings, frame))["buildings"].shapes[0].geometry
    assert 0 < shapely.get_num_coordinates(less) <= 20_000 < shapely.get_num_coordinates(whole)


def test_where_even_the_nearest_is_too_much_buildings_are_left_out(
    findings: Findings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backdrop, "MOST_CORNERS", 10)
    found = parts(on(findings, plain()))
    assert "buildings" not in found
    assert set(backdrop.ROADS) <= found.keys()


def test_a_page_on_a_full_backdrop_stays_under_3_mb(findings: Findings) -> None:
    angles = np.linspace(0, 6, 9)
    ring = np.column_stack([np.cos(angles), np.sin(angles)]) * 7
    grid = [
        ("building", shapely.Polygon(ring + (east, north)), None)  # noqa: RUF005 - adds
        for east in range(-1_500, 1_500, 30)
        for north in range(-1_500, 1_500, 30)
    ]
    pages = site.build(
        on(findings, a_backdrop(*grid)), site.Imprint(version="0.1.0", pictures=False)
    )
    assert len(pages["offline.html"]) < 3_000_000
    assert b"Contains OS data" in pages["offline.html"]
    assert b"Contains OS data" in pages["data/LICENCES.txt"]


def test_roads_without_a_class_are_local_streets(findings: Findings) -> None:
    found = parts(on(findings, plain().drop(columns="road_class")))
    assert [name for name in found if name in backdrop.ROADS] == ["local_roads"]


def test_where_nothing_is_marked_nothing_is_drawn_round_it(findings: Findings) -> None:
    bare = with_nothing(findings)
    assert parts(on(bare, plain())) == {}


def test_the_same_findings_are_drawn_with_the_same_bytes(findings: Findings) -> None:
    assert drawn(on(findings, plain())) == drawn(on(findings, plain()))
