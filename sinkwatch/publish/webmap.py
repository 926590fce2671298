"""The interactive map: folium draws it, our own page frames it, our own script says every word."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self

import folium
import shapely
from folium.features import Control
from folium.map import CustomPane
from folium.utilities import JsCode

from sinkwatch import geo
from sinkwatch.publish import assets, backdrop, crowd, foliums, layers, overlay, strata
from sinkwatch.publish import tiles as vector_tiles

if TYPE_CHECKING:
    from branca.element import Element

    from sinkwatch.model import Findings
    from sinkwatch.publish.strata import Focus, Layer
    from sinkwatch.publish.things import Things
    from sinkwatch.publish.tiles import Archive

MIN_ZOOM: Final = 10
"""Furthest view of the map of a town; that of a wider area goes as far back as shows it whole."""

MIN_ZOOM_OF_A_PLACE: Final = 13
"""Furthest view of the map of one place: zones are held no further than it shows."""

FIRST_ZOOM: Final = 14
MAX_ZOOM: Final = 17
"""Closest view, about 1:3 000: past that a zone drawn at 1:100 000 would say nothing at all."""

NOTICE_FINER_THAN: Final = 25_000
"""Scale past which the zones' own scale and doubt are shown over the map
(limits stated with the zones)."""

NOTICE_HEIGHT_PX: Final = 84
"""Room for that notice under the first view, pixels."""

_MARGIN_DEGREES: Final = 0.08
_WORLD_PX: Final = 256  # how wide the whole world is at zoom 0
_VIEW_PX: Final = 600  # as much of the map as most screens show
_PANES: Final = {"zones": 340, "postcodes": 360, "uncertainty": 380, "leaders": 580, "names": 590}
"""Ours, below Leaflet's marks at 600; by z-index."""

_DEAF_PANES: Final = frozenset({"leaders", "names", *backdrop.PANES})
"""Those that a pointer goes through."""

_SCRIPT_ESCAPES: Final = {
    ord(character): f"\\u{ord(character):04x}" for character in "<>&'\u2028\u2029"
}
"""What could end a script or a line of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiles:
    """
    A background map that the reader may switch on.

    Attributes
    ----------
    title
        Its name in the layer switch; says that it asks an outside server.
    url
        Address of a tile, in Leaflet's notation.
    origin
        Scheme and host, for the page's policy.
    credit, credit_url
        Who must be named, and where that leads.
    """

    title: str
    url: str
    origin: str
    credit: str
    credit_url: str


OPENSTREETMAP: Final = Tiles(
    title="Background map (asks openstreetmap.org)",
    url="https://tile.openstreetmap.org/{z}/{x}/{y}.png",
    origin="https://tile.openstreetmap.org",
    credit="© OpenStreetMap contributors",
    credit_url="https://www.openstreetmap.org/copyright",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """
    A map, ready for a page that has loaded Leaflet and our own script.

    Attributes
    ----------
    element_id
        Id of the element that it fills.
    words
        Script that hands over what is said of each shape; runs first.
    script
        Folium's script, which draws the shapes.
    crowd
        Script that hands over the planning applications in columns; runs after the words. Empty
        for the map of one place, which draws its few as shapes.
    """

    element_id: str
    words: str
    script: str
    crowd: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """
    All that is to be drawn, cut, placed and written once for both editions of the page.

    Attributes
    ----------
    findings, things
        Of one run.
    below
        The backdrop.
    layers
        What lies over it, from below.
    written
        What folium writes for each part of them, by the part's name.
    focus
        The place that it is about; None for a whole area.
    """

    findings: Findings
    things: Things
    below: Sequence[backdrop.Part]
    layers: Sequence[Layer]
    written: Mapping[str, str]
    focus: Focus | None = None

    @classmethod
    def of(cls, findings: Findings, things: Things, focus: Focus | None = None) -> Self:
        """
        Put together what is to be drawn.

        Parameters
        ----------
        findings
            Of one run.
        things
            What `things.gather` returns for them; with a focus, `sites` holds that place alone.
        focus
            The place that it is about; None for a whole area.

        Returns
        -------
        sketch
            For `draw`.
        """
        if focus is None:
            below = backdrop.parts(findings, things)
            drawn = strata.of_an_area(findings, things, below)
        else:
            alone = replace(things, records=(), applications=(), cases=())
            below = backdrop.parts(findings, alone, focus.reach)
            drawn = strata.round_a_place(findings, things, below, focus)
        return cls(
            findings=findings,
            things=things,
            below=below,
            layers=drawn,
            written=_written(_map(findings, focus), drawn),
            focus=focus,
        )


def _written(view: folium.Map, drawn: Sequence[Layer]) -> dict[str, str]:
    """Let folium write every part in a map that has nothing else."""
    made: dict[str, folium.GeoJson] = {}
    for layer in drawn:
        group = foliums.add(view, folium.FeatureGroup(name=layer.title), layer.name)
        for part in layer.parts:
            made[part.name] = foliums.add(group, part.make(), part.name)
    return foliums.written(view, made)


def draw(sketch: Sketch, *, tiles: Tiles | None, root: str | None = None) -> Drawing:
    """
    Draw the map.

    Parameters
    ----------
    sketch
        What is to be drawn.
    tiles
        A background to offer, off at first; None for a map that can make no request.
    root
        Way from the page to the site's own folder, such as "../../"; None for a page that is one
        file.

    Returns
    -------
    drawing
        The same for the same input: folium's random names are replaced.
    """
    findings, below = sketch.findings, sketch.below
    view = _map(findings, sketch.focus)
    for name, z_index in (_PANES | (backdrop.PANES if below else {})).items():
        pane = CustomPane(name, z_index=z_index, pointer_events=name not in _DEAF_PANES)
        foliums.add(view, pane, f"pane_{name}")
    if tiles is not None:
        foliums.add(view, _background(tiles), "tiles")
        for number, each in enumerate(findings.area.overlays, start=1):
            foliums.add(view, overlay.layer(each), f"overlay_{number}")
    archives = vector_tiles.archives(findings, sketch.layers) if root is not None else []
    drawn = _without(sketch.layers, {each.layer for each in archives})
    for layer in drawn:
        group = folium.FeatureGroup(name=layer.title, show=layer.is_shown)
        foliums.add(view, group, layer.name)
        for part in layer.parts:
            foliums.add(group, foliums.again(sketch.written[part.name]), part.name)
    for name, control in _controls(sketch).items():
        foliums.add(view, control, name)
    script = foliums.script(view)
    if archives:
        script += _tiles_script(findings, archives)
    elif below:
        script += _backdrop_script(findings, below)
    return Drawing(
        element_id=view.get_name(),
        words=_words(findings, drawn, root),
        script=script + _beginning(sketch),
        crowd="" if sketch.focus else _crowd(sketch, root),
    )


def _crowd(sketch: Sketch, root: str | None) -> str:
    columns = crowd.columns(sketch.findings, sketch.things, root)
    return f"sinkwatch.crowd({_script_json(columns)});\n"


def _beginning(sketch: Sketch) -> str:
    """Return what hands the drawn map of an area to our own scripts; a place's needs none."""
    if sketch.focus:
        return ""
    named = ",".join(f"{layer.name}:feature_group_{layer.name}" for layer in sketch.layers)
    return f"sinkwatch.fill(map_area,feature_group_{strata.CROWD});sinkwatch.begin({{{named}}});\n"


def _without(drawn: Sequence[Layer], names: Collection[str]) -> list[Layer]:
    """Leave layers empty that tiles fill."""
    return [replace(layer, parts=()) if layer.name in names else layer for layer in drawn]


def _tiles_script(findings: Findings, archives: Sequence[Archive]) -> str:
    """Return what comes after folium's script where tiles fill the layers."""
    groups = ",".join(f"{name}:feature_group_{name}" for name in vector_tiles.filled(archives))
    said = _script_json(vector_tiles.said(findings, archives))
    ours = "".join(assets.own(name, stem="").text for name in ("credit.js", "tiles.js"))
    return f"{ours}drawTiles(map_area,{{{groups}}},{said});\n"


def policy(findings: Findings) -> dict[str, tuple[str, ...]]:
    """
    Return what a page with the map may load beyond what every page may.

    Parameters
    ----------
    findings
        With the area.

    Returns
    -------
    policy
        Sources by directive: outside maps that a reader may switch on.
    """
    origins = overlay.origins(findings.area.overlays)
    return {"img-src": ("'self'", "data:", OPENSTREETMAP.origin, *origins)}


def _backdrop_script(findings: Findings, below: Sequence[backdrop.Part]) -> str:
    """Return what comes after folium's script, by the names that folium gives what it draws."""
    held = {part.name for part in below} & backdrop.ROADS.keys()
    roads = ",".join(f"{name}:geo_json_{name}" for name in backdrop.ROADS if name in held)
    paper = {
        "classes": backdrop.ROADS,
        "widths": backdrop.WIDTHS,
        "colours": backdrop.COLOURS,
        "buildingsFrom": backdrop.BUILDINGS_FROM,
        "credit": backdrop.credit(findings),
    }
    ours = "".join(assets.own(name, stem="").text for name in ("credit.js", "backdrop.js"))
    call = f"drawBackdrop(map_area,feature_group_backdrop,{{{roads}}},{_script_json(paper)});\n"
    return ours + call


def _map(findings: Findings, focus: Focus | None) -> folium.Map:
    extent = _extent(findings, 0 if focus else _MARGIN_DEGREES)
    west, south, east, north = extent
    (longitude,), (latitude,) = geo.to_wgs84(*findings.area.map_centre)
    view = folium.Map(
        location=(round(float(latitude), 6), round(float(longitude), 6)),
        tiles=None,
        zoom_start=FIRST_ZOOM,
        # In Leaflet's spelling: folium keeps its own min_zoom and max_zoom for tiles.
        minZoom=MIN_ZOOM_OF_A_PLACE if focus else _furthest(extent),
        maxZoom=MAX_ZOOM,
        max_bounds=True,
        min_lat=south,
        max_lat=north,
        min_lon=west,
        max_lon=east,
    )
    # The page has loaded Leaflet; nothing else that folium would link to is used.
    view.default_js, view.default_css = [], []
    return foliums.named(view, "area")


def _extent(findings: Findings, margin: float) -> tuple[float, float, float, float]:
    west, south, east, north = geo.degrees_round(findings.area.bounds)
    return (
        round(west - margin, 4),
        round(south - margin, 4),
        round(east + margin, 4),
        round(north + margin, 4),
    )


def _furthest(extent: tuple[float, float, float, float]) -> int:
    """Return the closest zoom, `MIN_ZOOM` at most, at which the whole extent can be seen."""
    west, south, east, north = extent
    up = [math.asinh(math.tan(math.radians(degrees))) for degrees in (south, north)]
    turns = max((east - west) / 360, (up[1] - up[0]) / math.tau)
    return min(MIN_ZOOM, math.floor(math.log2(_VIEW_PX / (_WORLD_PX * turns))))


def _background(tiles: Tiles) -> folium.TileLayer:
    link = f'<a href="{html.escape(tiles.credit_url)}" rel="noopener noreferrer nofollow">'
    return folium.TileLayer(
        tiles=tiles.url,
        attr=f"{link}{html.escape(tiles.credit)}</a>",
        name=tiles.title,
        overlay=True,
        show=False,
        max_zoom=MAX_ZOOM,
    )


def _controls(sketch: Sketch) -> dict[str, Element]:
    switch = folium.LayerControl()
    # Folium writes this as script, though its types do not say so.
    switch.options["collapsed"] = JsCode("sinkwatch.isNarrow()")  # type: ignore[assignment]
    controls: dict[str, Element] = {
        # No `position` here: folium 0.20 would put its list of positions in front of the options.
        "scale": Control("Scale", imperial=False, max_width=140),
        "north": Control("North"),
        "notice": Control("Notice", finer_than=NOTICE_FINER_THAN),
        "switch": switch,
    }
    seen = sketch.focus.bounds.as_tuple() if sketch.focus else _drawn(sketch.things)
    if seen:
        controls["first_view"] = folium.FitBounds(
            _corners(*seen),
            max_zoom=MAX_ZOOM if sketch.focus else FIRST_ZOOM,
            padding_top_left=(24, 24),
            padding_bottom_right=(24, NOTICE_HEIGHT_PX),
        )
    return controls


def _drawn(things: Things) -> tuple[float, float, float, float] | None:
    """Return west, south, east and north of what is recorded and drawn, EPSG:27700."""
    drawn = [thing.geometry for thing in things.records if thing.geometry is not None]
    if not drawn:
        return None
    west, south, east, north = shapely.total_bounds(drawn).tolist()
    return west, south, east, north


def _corners(west: float, south: float, east: float, north: float) -> list[list[float]]:
    """Return south-west and north-east as latitude and longitude."""
    longitudes, latitudes = geo.to_wgs84([west, east], [south, north])
    corners = zip(latitudes.tolist(), longitudes.tolist(), strict=True)
    return [[round(latitude, 6), round(longitude, 6)] for latitude, longitude in corners]


def _words(findings: Findings, drawn: Sequence[Layer], root: str | None) -> str:
    shapes = (shape for layer in drawn for part in layer.parts for shape in part.shapes)
    said = {shape.shape_id: shape.words for shape in shapes if shape.words}
    styles = findings.area.parameters.table.styles
    bands = {
        style.band.key: {"label": style.label, "meaning": style.meaning, "advice": style.advice}
        for style in styles.values()
    }
    handed = {"shapes": said, "bands": bands, "notice": layers.notice(findings), "root": root}
    return f"sinkwatch.say({_script_json(handed)});\n"


def _script_json(value: object) -> str:
    plain = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return plain.translate(_SCRIPT_ESCAPES)
