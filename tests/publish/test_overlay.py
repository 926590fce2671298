"""Overlays: off until asked for, from one server, with the credit, and no way to run a word."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any, Final

import folium
import pytest

from sinkwatch.errors import ConfigError
from sinkwatch.model import Overlay
from sinkwatch.publish import overlay

AREA_FILE: Final = """
[[overlay]]
title = "BGS bedrock, 1:50 000"
url = "https://map.bgs.ac.uk/arcgis/services/BGS_Detailed_Geology/MapServer/WMSServer"
layers = ["BGS.50k.Bedrock"]
credit = "Contains British Geological Survey materials © UKRI 2026"
credit_url = "https://www.bgs.ac.uk/bgs-intellectual-property-rights/"

[[overlay]]
title = "BGS superficial deposits, 1:50 000"
url = "https://map.bgs.ac.uk/arcgis/services/BGS_Detailed_Geology/MapServer/WMSServer"
layers = ["BGS.50k.Superficial.deposits", "BGS.50k.Artificial.ground"]
credit = "Contains British Geological Survey materials © UKRI 2026"
credit_url = "https://www.bgs.ac.uk/bgs-intellectual-property-rights/"
"""
GIVEN: Final[list[dict[str, Any]]] = tomllib.loads(AREA_FILE)["overlay"]


def an_overlay(**changes: Any) -> Overlay:  # noqa: ANN401 - any field
    return Overlay(**{**GIVEN[0], **changes})


@pytest.fixture(scope="module")
def both() -> list[Overlay]:
    return [an_overlay(**table) for table in GIVEN]


def drawn(*overlays: Overlay) -> str:
    """Draw a map with nothing else, and return folium's script."""
    view = folium.Map(tiles=None)
    for each in overlays:
        overlay.layer(each).add_to(view)
    folium.LayerControl().add_to(view)
    figure = view.get_root()
    figure.render()
    return str(figure.script.render())  # type: ignore[attr-defined]


def options(script: str) -> list[dict[str, Any]]:
    found = re.findall(r"L\.tileLayer\.wms\(\s*\"[^\"]+\",\s*(\{.*?\})\s*\);", script, re.DOTALL)
    return [json.loads(text) for text in found]


def test_the_layers_are_asked_for_as_pictures_to_see_through(
    both: list[Overlay],
) -> None:
    bedrock, superficial = options(drawn(*both))
    assert bedrock["layers"] == "BGS.50k.Bedrock"
    assert superficial["layers"] == "BGS.50k.Superficial.deposits,BGS.50k.Artificial.ground"
    assert {name: bedrock[name] for name in ("version", "format", "transparent", "opacity")} == {
        "version": "1.3.0", "format": "image/png", "transparent": True, "opacity": 0.6,
    }  # fmt: skip


def test_nobody_is_asked_before_it_is_switched_on(both: list[Overlay]) -> None:
    script = drawn(*both)
    assert script.count("L.tileLayer.wms(") == 2
    # Folium adds what is shown at first with `addTo`; what is not, it leaves to the switch.
    assert not re.search(r"wms_tile_layer\w*\.addTo", script)
    assert not any(overlay.layer(each).show for each in both)


def test_its_name_says_who_will_be_asked(both: list[Overlay]) -> None:
    assert overlay.layer(both[0]).layer_name == "BGS bedrock, 1:50 000 (asks map.bgs.ac.uk)"


def test_it_is_not_shown_closer_than_its_lines_can_bear(both: list[Overlay]) -> None:
    (given,) = options(drawn(both[0]))
    assert (given["minZoom"], given["maxZoom"]) == (12, 15)


def test_the_credit_is_a_link(both: list[Overlay]) -> None:
    (given,) = options(drawn(both[0]))
    assert given["attribution"] == (
        '<a href="https://www.bgs.ac.uk/bgs-intellectual-property-rights/" '
        'rel="noopener noreferrer nofollow">'
        "Contains British Geological Survey materials © UKRI 2026</a>"
    )


def test_the_page_need_allow_one_server_only_and_none_without_overlays(
    both: list[Overlay],
) -> None:
    assert overlay.origins(both) == ["https://map.bgs.ac.uk"]
    assert overlay.origins([]) == []


def test_an_ampersand_is_shown_as_one() -> None:
    found = an_overlay(title="Rock & till", credit="A & B")
    assert overlay.layer(found).layer_name == "Rock &amp; till (asks map.bgs.ac.uk)"
    (given,) = options(drawn(found))
    assert ">A &amp; B</a>" in given["attribution"]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("title", "", "title '': it is empty"),
        ("title", "<img src=x onerror=alert(1)>", "holds one of"),
        ("title", "{{ 7*7 }}", "holds one of"),
        ("title", "{% include 'x' %}", "holds one of"),
        ("title", "a\x00b", "holds one of"),
        ("title", "a\\", "holds one of"),
        ("credit", " ", "it is empty"),
        ("credit", "</a><script>", "holds one of"),
        ("url", "http://map.bgs.ac.uk/wms", "no plain https address"),
        ("url", "https://map.bgs.ac.uk/wms?x=</script>", "no plain https address"),
        ("url", "https://me@map.bgs.ac.uk/wms", "no plain https address"),
        ("url", "https://map.bgs.ac.uk'; script-src *", "no plain https address"),
        ("url", "javascript:alert(1)", "no plain https address"),
        ("url", "//map.bgs.ac.uk/wms", "no plain https address"),
        ("credit_url", "javascript:alert(1)", "no plain https address"),
        ("layers", [], "none is named"),
        ("layers", ["a b"], "no layer's name"),
        ("layers", ["a&request=GetFeatureInfo"], "no layer's name"),
    ],
)
def test_what_the_script_or_the_policy_could_not_bear_is_refused(
    key: str, value: object, reason: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(reason)):
        an_overlay(**{key: value})
