"""What lies over what on the map: shapes that are drawn alike, in layers that one can switch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import folium
import shapely
from folium.utilities import JsCode

from sinkwatch import survey
from sinkwatch.publish import backdrop, geojson, layers, marks, squares

if TYPE_CHECKING:
    from sinkwatch.model import Bounds, Findings
    from sinkwatch.publish.geojson import Feature
    from sinkwatch.publish.shapes import Shape
    from sinkwatch.publish.things import Things

CROWD: Final = "applications"
"""Name of the layer that our own script fills on the map of an area."""

MOST_POSTCODES: Final = 20_000
"""Postcodes that the map shades: with 100,000 the map as one file weighed 73 MB."""

_ZONE_CORNER_M: Final = 15.0
"""How far a zone's line may be moved to save corners on the map of one place, metres: 0.15 mm at
about 1:100 000, thinner than a line drawn at that scale."""

_BACKDROP_TITLE: Final = "Streets, buildings, water and woods"


@dataclass(frozen=True, slots=True, kw_only=True)
class Focus:
    """
    The one place that a map is about.

    Attributes
    ----------
    outlines
        Its boundary; empty where only a point is known.
    rings, ring_names
        Search rings round it, as lines and as names.
    bounds
        What is to be seen at first, EPSG:27700.
    held
        As far as zones are held in the file, EPSG:27700: further than one can move the map.
    reach
        How much of the backdrop is drawn round it.
    """

    outlines: Sequence[Shape]
    rings: Sequence[Shape]
    ring_names: Sequence[Shape]
    bounds: Bounds
    held: Bounds
    reach: backdrop.Reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """
    Shapes that are drawn alike, and what folium makes of them.

    Attributes
    ----------
    name
        Of plain characters: it stands in a script.
    shapes
        What is drawn.
    make
        Makes folium's element of them.
    """

    name: str
    shapes: Sequence[Shape]
    make: Callable[[], folium.GeoJson]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """
    One entry of the layer switch.

    Attributes
    ----------
    name
        Of plain characters: it stands in a script.
    title
        As the reader sees it.
    parts
        What is in it, from below.
    is_shown
        Whether it is switched on at first.
    """

    name: str
    title: str
    parts: Sequence[Part]
    is_shown: bool = True


def of_an_area(findings: Findings, things: Things, below: Sequence[backdrop.Part]) -> list[Layer]:
    """
    Put together the map of an area.

    Parameters
    ----------
    findings
        Of one run.
    things
        What `things.gather` returns for them.
    below
        The backdrop.

    Returns
    -------
    layers
        From below.
    """
    return [*_backdrop_layers(below), *_layers(findings, things)]


def round_a_place(
    findings: Findings, things: Things, below: Sequence[backdrop.Part], focus: Focus
) -> list[Layer]:
    """
    Put together the map of one place.

    Parameters
    ----------
    findings
        Of one run.
    things
        What is drawn; `sites` holds that place alone.
    below
        The backdrop.
    focus
        The place.

    Returns
    -------
    layers
        From below; only those that have something in them.
    """
    return [*_backdrop_layers(below), *_layers_round(findings, things, focus)]


def _backdrop_layers(below: Sequence[backdrop.Part]) -> list[Layer]:
    parts = [_outlines(part.name, part.shapes, part.pane) for part in below]
    return [Layer(name="backdrop", title=_BACKDROP_TITLE, parts=parts)] if parts else []


def _layers(findings: Findings, things: Things) -> list[Layer]:
    return [
        *_ground(findings),
        *_postcodes(findings),
        _counted(things) if squares.are_counted(things.records) else _records(things),
        # The crowd fills it: thousands would not fit as shapes with words.
        Layer(name=CROWD, title="Planning applications", parts=[]),
        Layer(
            name="sites",
            title="Watched sites",
            parts=[_points("site_marks", marks.marks(things.sites), "mark")],
        ),
        _cases(things),
        _names(findings),
    ]


def _postcodes(findings: Findings) -> list[Layer]:
    """Leave out the cells of more postcodes than a page can carry: the look-up answers for each."""
    if len(findings.postcodes) > MOST_POSTCODES:
        return []
    cells = _outlines("cells", layers.postcode_cells(findings), "postcodes")
    return [Layer(name="postcodes", title="Postcodes by band", parts=[cells], is_shown=False)]


def _layers_round(findings: Findings, things: Things, focus: Focus) -> list[Layer]:
    rings = Layer(
        name="rings",
        title="Search rings",
        parts=[
            _outlines("rings", focus.rings, "uncertainty"),
            _points("ring_names", focus.ring_names, "label"),
        ],
    )
    site = Layer(
        name="sites",
        title="Site",
        parts=[
            _outlines("site_outlines", focus.outlines, "uncertainty"),
            _circles("around_sites", () if focus.outlines else marks.uncertainties(things.sites)),
            _points("site_marks", marks.marks(things.sites), "mark"),
        ],
    )
    others = (_records(things), _applications(things), _cases(things), _names(findings))
    filled = (
        replace(layer, parts=[part for part in layer.parts if part.shapes])
        for layer in (*_ground(findings, focus), rings, site, *others)
    )
    return [layer for layer in filled if layer.parts]


def _ground(findings: Findings, focus: Focus | None = None) -> list[Layer]:
    if survey.withholds_outlines(findings):
        return []
    drawn = {
        "fades": layers.zone_fades(findings),
        "limits": layers.zone_limits(findings),
        "zones": layers.zone_outlines(findings),
    }
    cut = {name: _cut(shapes, focus) if focus else shapes for name, shapes in drawn.items()}
    parts = [_outlines(name, shapes, "zones") for name, shapes in cut.items()]
    return [Layer(name="ground", title="Indicative zones", parts=parts)]


def _cut(shapes: Sequence[Shape], focus: Focus) -> list[Shape]:
    """Leave out what lies further off than anybody can see, and corners that nobody can."""
    near = (
        replace(shape, geometry=shapely.clip_by_rect(shape.geometry, *focus.held.as_tuple()))
        for shape in shapes
    )
    coarse = (replace(shape, geometry=shape.geometry.simplify(_ZONE_CORNER_M)) for shape in near)
    return [shape for shape in coarse if not shape.geometry.is_empty]


def _records(things: Things) -> Layer:
    parts = [
        _circles("around_records", marks.uncertainties(things.records)),
        _points("record_marks", marks.marks(things.records), "mark"),
    ]
    return Layer(name="records", title="Recorded events", parts=parts)


def _counted(things: Things) -> Layer:
    """Count the records of a country by squares: its map cannot carry a mark for each."""
    counted = _outlines("record_squares", squares.outlines(things.records), "uncertainty")
    return Layer(name="records", title="Recorded events by square", parts=[counted])


def _applications(things: Things) -> Layer:
    parts = [
        _circles("around_applications", marks.uncertainties(things.applications)),
        _points("application_marks", marks.marks(things.applications), "mark"),
    ]
    return Layer(name=CROWD, title="Planning applications", parts=parts)


def _cases(things: Things) -> Layer:
    parts = [_points("case_marks", marks.case_marks(things.cases), "mark")]
    return Layer(name="cases", title="Past planning decisions", parts=parts)


def _names(findings: Findings) -> Layer:
    parts = [_points("labels", layers.place_names(findings), "label")]
    return Layer(name="names", title="Place names", parts=parts)


def _outlines(name: str, shapes: Sequence[Shape], pane: str) -> Part:
    return Part(name=name, shapes=shapes, make=partial(_geojson, shapes, pane=pane))


def _circles(name: str, shapes: Sequence[Shape]) -> Part:
    def make() -> folium.GeoJson:
        return _geojson(shapes, marker=folium.Circle(radius=1))

    return Part(name=name, shapes=shapes, make=make)


def _points(name: str, shapes: Sequence[Shape], function: str) -> Part:
    maker = JsCode(f"sinkwatch.{function}")
    return Part(name=name, shapes=shapes, make=partial(_geojson, shapes, point_to_layer=maker))


def _geojson(
    shapes: Sequence[Shape],
    *,
    pane: str | None = None,
    marker: folium.Circle | None = None,
    point_to_layer: JsCode | None = None,
) -> folium.GeoJson:
    styles = {shape.shape_id: shape.style for shape in shapes}

    def style_of(feature: Feature) -> dict[str, object]:
        return dict(styles[str(feature["id"])])

    features = [geojson.feature(shape.shape_id, shape.geometry, {}) for shape in shapes]
    return folium.GeoJson(
        geojson.collection(features),
        style_function=style_of if any(styles.values()) else None,
        on_each_feature=JsCode("sinkwatch.bind"),
        marker=marker,
        pane=pane,
        point_to_layer=point_to_layer,
    )
