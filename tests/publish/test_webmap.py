"""The map's script: folium draws shapes and never reads a word from outside."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sinkwatch import geo, style
from sinkwatch.model import Band, GeologyClass
from sinkwatch.publish import layers, marks, things, webmap
from tests.publish.builders import HOSTILE_SHOWN, with_nothing

if TYPE_CHECKING:
    from sinkwatch.model import Findings
    from sinkwatch.publish.things import Things
    from sinkwatch.publish.webmap import Drawing


@pytest.fixture(scope="module")
def gathered(findings: Findings) -> Things:
    return things.gather(findings)


@pytest.fixture(scope="module")
def online(findings: Findings, gathered: Things) -> Drawing:
    sketch = webmap.Sketch.of(findings, gathered)
    return webmap.draw(sketch, tiles=webmap.OPENSTREETMAP, root="")


@pytest.fixture(scope="module")
def offline(findings: Findings, gathered: Things) -> Drawing:
    return webmap.draw(webmap.Sketch.of(findings, gathered), tiles=None)


def _said(drawing: Drawing) -> dict[str, dict[str, dict[str, object]]]:
    said: dict[str, dict[str, dict[str, object]]] = json.loads(
        drawing.words.removeprefix("sinkwatch.say(").removesuffix(");\n")
    )
    return said


def test_no_word_from_outside_reaches_folium_which_would_run_it_as_a_template(
    online: Drawing, findings: Findings
) -> None:
    names = [*findings.sinkholes["name"], *findings.places["name"], *findings.postcodes["postcode"]]
    assert [name for name in (*names, "cmd|", "owned", "7*7") if name in online.script] == []
    assert "{{" not in online.script
    assert "{%" not in online.script


def test_words_reach_our_own_script_as_they_are_and_cannot_end_it(online: Drawing) -> None:
    for script in (online.words, online.crowd):
        assert not set(script) & set("<>&'\u2028\u2029")
    handed = json.loads(online.crowd.removeprefix("sinkwatch.crowd(").removesuffix(");\n"))
    (hostile,) = [each for each in handed["reference"] if each.startswith("24/00002")]
    assert HOSTILE_SHOWN in hostile


def test_only_the_map_of_an_area_hands_over_a_crowd(online: Drawing, offline: Drawing) -> None:
    assert "application_marks" not in online.script
    assert "sinkwatch.fill(map_area,feature_group_applications)" in online.script
    assert '"root":""' in online.crowd
    assert '"root":null' in offline.crowd


def test_a_mark_of_several_decisions_names_every_row_it_stands_for(online: Drawing) -> None:
    shapes = _said(online)["shapes"].values()
    held = [anchor for shape in shapes for anchor in shape.get("holds", ())]
    drawn = sum(len(shape["card"]["facts"]) for shape in shapes if "holds" in shape)
    assert len(held) == len(set(held)) == drawn > 8


def test_the_same_findings_are_drawn_with_the_same_bytes(
    findings: Findings, gathered: Things, online: Drawing
) -> None:
    again = webmap.Sketch.of(findings, gathered)
    assert webmap.draw(again, tiles=webmap.OPENSTREETMAP, root="") == online


def test_a_background_is_offered_only_online_and_not_switched_on(
    online: Drawing, offline: Drawing
) -> None:
    assert online.script.count("L.tileLayer(") == 1
    assert "tile_layer_tiles.addTo" not in online.script
    assert "https://tile.openstreetmap.org/{z}/{x}/{y}.png" in online.script
    assert "OpenStreetMap contributors" in online.script
    assert "http" not in offline.script
    assert "tileLayer" not in offline.script


def test_the_layer_switch_lists_every_layer_by_a_name_of_ours(online: Drawing) -> None:
    (switch,) = re.findall(r"overlays :  ?\{(.*?)\}", online.script, re.DOTALL)
    assert re.findall(r'"(.*?)" :', switch) == [
        "Background map (asks openstreetmap.org)",
        "BGS bedrock, 1:50 000 (asks map.bgs.ac.uk)",
        "BGS superficial deposits, 1:50 000 (asks map.bgs.ac.uk)",
        "Indicative zones",
        "Postcodes by band",
        "Recorded events",
        "Planning applications",
        "Watched sites",
        "Past planning decisions",
        "Place names",
    ]


def test_postcodes_are_off_until_asked_for(online: Drawing) -> None:
    assert "feature_group_records.addTo(map_area)" in online.script
    assert "feature_group_postcodes.addTo(map_area)" not in online.script


def test_nothing_that_parses_html_or_needs_jquery_is_used(online: Drawing) -> None:
    assert re.findall(r"bindPopup|bindTooltip|divIcon|AwesomeMarkers|\$\(", online.script) == []


def test_the_map_does_not_open_past_what_its_zones_can_bear(offline: Drawing) -> None:
    assert f'"maxZoom": {webmap.MAX_ZOOM}' in offline.script
    assert webmap.MAX_ZOOM <= 17


def test_a_zone_has_a_pattern_a_plain_colour_behind_it_and_no_outline(findings: Findings) -> None:
    fades = layers.zone_fades(findings)
    assert {fade.style["fillColor"] for fade in fades} == {
        f"url(#zone-{geology_class.name.lower()}) {colour}"
        for geology_class, colour in style.ZONE_COLOURS.items()
    }
    assert not any(fade.style["stroke"] for fade in fades)
    assert len(fades) == 4 * 11


def test_a_zone_can_be_asked_what_it_is(findings: Findings) -> None:
    zones = {zone.shape_id: zone.words["card"] for zone in layers.zone_outlines(findings)}
    card = zones["zone-C-north"]
    assert isinstance(card, dict)
    assert card["facts"][1] == ["Edge", "drawn to ± 1,000 m, at about 1:100 000"]


def test_the_notice_names_the_scale_and_the_doubt(findings: Findings) -> None:
    assert layers.notice(findings) == (
        "Zones are drawn at about 1:100 000; their edge is uncertain by ± 500 to 1,000 m."
    )


def test_the_notice_says_less_where_less_is_known(findings: Findings) -> None:
    untitled = tuple(
        replace(state, spec=replace(state.spec, title="Geology")) for state in findings.sources
    )
    same = findings.edges[findings.edges["uncertainty_m"] == 500]
    plain = replace(findings, sources=untitled, edges=same)
    assert layers.notice(plain) == "Zones are drawn roughly; their edge is uncertain by ± 500 m."
    bare = replace(plain, edges=findings.edges.iloc[:0])
    assert layers.notice(bare) == "Zones are drawn roughly."
    assert layers.zone_limits(replace(findings, edges=_outline(findings))) == []


def _outline(findings: Findings) -> object:
    """Edges all the way round, so that nothing is a mere limit of drawing."""
    zones = findings.zones
    return zones.set_geometry(zones.geometry.boundary)[["zone_id", "geometry"]].assign(
        edge_id=zones["zone_id"], uncertainty_m=500.0
    )


def test_a_zone_that_names_its_own_scale_is_believed_before_its_title(findings: Findings) -> None:
    scaled = replace(findings, zones=findings.zones.assign(nominal_scale="1:50 000"))
    assert "1:50 000" in layers.notice(scaled)


def test_a_circle_is_as_wide_in_metres_as_its_record_is_uncertain(
    gathered: Things, online: Drawing
) -> None:
    circles = {each.shape_id: each.style for each in marks.uncertainties(gathered.records)}
    assert circles["around-record-RS009"]["radius"] == 154
    assert circles["around-record-RS004"]["radius"] == 801
    assert "around-record-RS012" not in circles
    assert "new L.circle(latlng, opts)" in online.script


def test_symbols_differ_in_shape_and_not_in_colour_alone(gathered: Things) -> None:
    drawn = [*gathered.records, *gathered.sites, *gathered.applications]
    shown = marks.marks(drawn) + marks.case_marks(gathered.cases)
    symbols = {shape.words["mark"]["symbol"] for shape in shown}  # type: ignore[index]
    assert symbols == {
        "record-confirmed",
        "record-probable",
        "record-possible",
        "record-not_an_event",
        "site",
        "application",
        "case",
    }


def test_decisions_at_one_place_share_a_mark_that_lists_them_in_order(gathered: Things) -> None:
    shown = marks.case_marks(gathered.cases)
    first = shown[0].words["card"]
    assert isinstance(first, dict)
    assert first["title"] == "Old Ripon Auction Mart, North Road"
    assert first["kind"] == "8 past planning decisions"
    assert first["facts"][0] == ["2001", "auction mart closed"]
    drawn = sum(case.geometry is not None for case in gathered.cases)
    assert sum(len(shape.words["card"]["facts"]) for shape in shown) == drawn  # type: ignore[index]
    several = next(s.words["card"] for s in shown if "Princess" in str(s.words["card"]))
    assert isinstance(several, dict)
    assert several["title"] == "Princess Close flats, first block and 2 more"


def test_every_postcode_lies_in_one_cell_with_its_band(findings: Findings) -> None:
    cells = layers.postcode_cells(findings)
    titles = [name for cell in cells for name in _title(cell).split(", ")]
    assert sorted(titles) == sorted(findings.postcodes["postcode"])
    bands = dict(
        zip(findings.postcode_bands["place_id"], findings.postcode_bands["band"], strict=True)
    )
    for cell in cells:
        name = _title(cell).split(", ")[0]
        assert str(cell.style["fillColor"]).startswith(f"url(#band-{Band(bands[name]).key}) #")


def _title(cell: layers.Shape) -> str:
    card = cell.words["card"]
    assert isinstance(card, dict)
    return str(card["title"])


def test_names_come_in_the_order_of_their_importance(findings: Findings) -> None:
    labels = [shape.words["label"] for shape in layers.place_names(findings)]
    ranks = [label["rank"] for label in labels]  # type: ignore[index]
    assert ranks == sorted(ranks)
    assert {"Cathedral", "Sharow", "Old Auction Mart"} <= {label["text"] for label in labels}  # type: ignore[index]


def test_shape_ids_are_unique_and_plain(findings: Findings, gathered: Things) -> None:
    shown = [
        *layers.zone_fades(findings),
        *layers.zone_outlines(findings),
        *layers.zone_limits(findings),
        *layers.postcode_cells(findings),
        *layers.place_names(findings),
        *marks.uncertainties((*gathered.records, *gathered.applications)),
        *marks.marks((*gathered.records, *gathered.sites, *gathered.applications)),
        *marks.case_marks(gathered.cases),
    ]
    ids = [shape.shape_id for shape in shown]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[A-Za-z0-9-]+", shape_id) for shape_id in ids)


def test_the_first_view_holds_what_is_recorded(online: Drawing, gathered: Things) -> None:
    (bounds,) = re.findall(r"fitBounds\(\s*(\[\[.*?\]\])", online.script, re.DOTALL)
    (south, west), (north, east) = json.loads(bounds)
    for record in gathered.records:
        if record.geometry is not None:
            (longitude,), (latitude,) = geo.to_wgs84(record.geometry.x, record.geometry.y)
            assert west - 1e-3 <= longitude <= east + 1e-3
            assert south - 1e-3 <= latitude <= north + 1e-3


def test_an_area_where_nothing_is_recorded_still_has_a_map(findings: Findings) -> None:
    empty = with_nothing(findings)
    drawing = webmap.draw(webmap.Sketch.of(empty, things.gather(empty)), tiles=None)
    assert "fitBounds" not in drawing.script
    assert "undefined" not in drawing.script
    assert set(style.ZONE_COLOURS) == {GeologyClass.A, GeologyClass.B, GeologyClass.C}
    assert "geo_json_fades" in drawing.script
