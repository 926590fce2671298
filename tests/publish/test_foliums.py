"""What folium wrote once may stand in any map of the same names, and is never a template."""

from __future__ import annotations

from typing import TYPE_CHECKING

import folium

from sinkwatch.publish import foliums

if TYPE_CHECKING:
    from branca.element import Element

SQUARE = {
    "type": "Feature",
    "id": "a",
    "properties": {},
    "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [1, 1], [0, 0]]]},
}


def a_map() -> tuple[folium.Map, folium.FeatureGroup]:
    view = foliums.named(folium.Map(tiles=None), "area")
    return view, foliums.add(view, folium.FeatureGroup(name="Zones"), "zones")


def a_square() -> folium.GeoJson:
    return folium.GeoJson({"type": "FeatureCollection", "features": [SQUARE]})


def a_map_of(square: Element) -> folium.Map:
    view, layer = a_map()
    foliums.add(layer, square, "square")
    foliums.add(layer, folium.Circle((1, 2), radius=1), "after")
    return view


def test_what_was_written_before_is_in_its_place_and_is_all_that_folium_wrote() -> None:
    square = a_square()
    written = foliums.written(a_map_of(square), {"square": square})["square"]
    script = foliums.script(a_map_of(foliums.again(written)))
    assert script == foliums.script(a_map_of(a_square()))
    assert script.index("geo_json_square.addTo(feature_group_zones)") < script.index("L.circle(")


def test_two_editions_may_have_the_same_piece() -> None:
    scripts = [foliums.script(a_map_of(foliums.again("one();"))) for _ in range(2)]
    assert [script.count("one();") for script in scripts] == [1, 1]


def test_nothing_in_it_is_a_template() -> None:
    view, layer = a_map()
    foliums.add(layer, foliums.again("say('{{ 6 * 7 }}');\n\n  {% set x %}"), "words")
    assert "say('{{ 6 * 7 }}');\n{% set x %}\n" in foliums.script(view)
