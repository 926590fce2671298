"""How the map of a mail is drawn: every line and word placed in CSS pixels, none over another."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
import numpy as np
import shapely
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Polygon, Rectangle
from PIL import Image

from sinkwatch import style, wording
from sinkwatch.notify import backdrop, key, marks
from sinkwatch.notify.scene import (
    HEIGHT_PX,
    KEY_PX,
    MAP_PX,
    WIDTH_PX,
    pins_in,
    records_in,
    view_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import geopandas as gpd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.text import Text

    from sinkwatch.notify.scene import Scene, View

    At = tuple[float, float]
    Box = tuple[float, float, float, float]

_CSS_DPI: Final = 96
_MOST_LABELS: Final = 7
_MOST_TRIED: Final = 60
_MOST_LABEL: Final = 30
_RIM_PX: Final = 3
_CORNER_PX: Final = 6
_MOST_SCALE_BAR_PX: Final = 130
_SCALE_BARS_M: Final = (50, 100, 200, 250, 500, 1_000, 2_000, 5_000, 10_000)

_CREDIT: Final = marks.Lettering(size_px=8, colour=style.MUTED)
_ABOVE: Final = 4

_MIDDLE: Final = (WIDTH_PX / 2, MAP_PX / 2)
_BESIDE: Final = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
_ROUND: Final = ((0, -1), (-1, 0), (1, 0), (0, 1), (-1, -1), (1, -1), (-1, 1), (1, 1))
_AT_CORNER: Final = ((1, 0.4), (1, -0.4), (-1, 0.4), (-1, -0.4))


def image(scene: Scene, scale: float) -> Image.Image:
    """
    Draw a scene.

    Parameters
    ----------
    scene
        The scene.
    scale
        Device pixels to a CSS pixel.

    Returns
    -------
    image
        RGB, 560 by 420 times the scale.
    """
    view = view_of(scene)
    with mpl.rc_context():
        # A user's matplotlibrc must not alter a picture.
        mpl.rcdefaults()
        figure = Figure(figsize=(WIDTH_PX / _CSS_DPI, HEIGHT_PX / _CSS_DPI), dpi=_CSS_DPI * scale)
        FigureCanvasAgg(figure)
        _draw_map(_Sheet(_axes(figure, KEY_PX, MAP_PX), scale), scene, view)
        key.draw(_axes(figure, 0, KEY_PX), scene, view)
        pixels = io.BytesIO()
        figure.savefig(pixels, format="raw", dpi="figure")
    size = round(WIDTH_PX * scale), round(HEIGHT_PX * scale)
    return Image.frombytes("RGBA", size, pixels.getvalue()).convert("RGB")


def _axes(figure: Figure, bottom_px: float, height_px: float) -> Axes:
    axes = figure.add_axes((0, bottom_px / HEIGHT_PX, 1, height_px / HEIGHT_PX))
    axes.set(xlim=(0, WIDTH_PX), ylim=(0, height_px))
    axes.set_axis_off()
    axes.add_patch(Rectangle((0, 0), WIDTH_PX, height_px, facecolor=style.PAPER, linewidth=0))
    return axes


class _Sheet:
    """The map's axes in CSS pixels, with the boxes that are taken already."""

    def __init__(self, axes: Axes, scale: float) -> None:
        self.axes = axes
        self._scale = scale
        self._taken: list[Box] = []

    def add(self, artist: Artist) -> None:
        artist.set_clip_on(True)
        self.axes.add_artist(artist)

    def take(self, boxes: Iterable[Box]) -> None:
        self._taken.extend(boxes)

    def is_free(self, box: Box) -> bool:
        is_inside = (
            min(box[:2]) >= _RIM_PX and box[2] <= WIDTH_PX - _RIM_PX and box[3] <= MAP_PX - _RIM_PX
        )
        return is_inside and not any(_overlap(box, other) for other in self._taken)

    def width_of(self, text: Text) -> float:
        """Return how wide words are, CSS pixels."""
        return float(text.get_window_extent().width) / self._scale

    def corner(self, width: float, height: float, order: Sequence[str]) -> At:
        """Return the lower left of the first free corner, or of the first if all are taken."""
        right, top = WIDTH_PX - width - _CORNER_PX, MAP_PX - height - _CORNER_PX
        south, west = _CORNER_PX, _CORNER_PX
        corners = {"sw": (west, south), "se": (right, south), "nw": (west, top), "ne": (right, top)}
        wanted = [corners[name] for name in order]
        free = (at for at in wanted if self.is_free((*at, at[0] + width, at[1] + height)))
        return next(free, wanted[0])

    def write(self, at: At, words: str, lettering: marks.Lettering, around: Sequence[At]) -> bool:
        """Write words at the first of several places where they cover nothing, else not at all."""
        text = marks.text(self.axes, at, words, lettering)
        extent = text.get_window_extent()
        half_width = extent.width / self._scale / 2 + 3
        half_height = extent.height / self._scale / 2 + 2
        for across, upward in around:
            middle = at[0] + across * (half_width + 8), at[1] + upward * (half_height + 8)
            if self.is_free(_box(middle, half_width, half_height)):
                text.set_position(middle)
                # A plain box under words, not a halo: legible over any pattern, and fewer bytes.
                text.set_bbox({"facecolor": style.PAPER, "linewidth": 0, "pad": 1.2})
                self.take([_box(middle, half_width + 1, half_height + 1)])
                return True
        text.remove()
        return False


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _box(middle: At, half_width: float, half_height: float) -> Box:
    return (
        middle[0] - half_width,
        middle[1] - half_height,
        middle[0] + half_width,
        middle[1] + half_height,
    )


def _draw_map(sheet: _Sheet, scene: Scene, view: View) -> None:
    """Draw from the ground up; whatever must be seen takes its place before the names do."""
    _draw_ground(sheet, scene, view)
    for artist in backdrop.artists(scene, view):
        sheet.add(artist)
    records, pins = records_in(scene, view), pins_in(scene, view)
    tips = [view.px(pin.easting, pin.northing) for pin in pins]
    for record in records:
        colour = marks.doubt_colour(style.EVIDENCE_COLOURS[record.evidence])
        for radius_m in record.uncertainties_m:
            _draw_doubt(sheet, view.px(*record.at), radius_m / view.m_per_px, colour)
    for pin, tip in zip(pins, tips, strict=True):
        colour = marks.doubt_colour(style.INK)
        _draw_doubt(sheet, tip, pin.uncertainty_m / view.m_per_px, colour)
    _draw_circles(sheet, scene, view)
    for record in records:
        sheet.add(marks.record(*view.px(*record.at), record.evidence))
    sheet.take(_box(view.px(*record.at), 7, 7) for record in records)
    sheet.take(_box(tip, 4, 4) for tip in tips)
    _draw_scale_bar(sheet, view)
    _draw_north(sheet)
    _write_credit(sheet, scene.credit)
    _draw_centre(sheet, scene)
    for pin, tip in zip(pins, tips, strict=True):
        _draw_pin(sheet, tip, pin.number)
    for record in records:
        if record.n_records > 1:
            sheet.write(view.px(*record.at), f"×{record.n_records}", marks.COUNT, _AT_CORNER)
    _write_places(sheet, scene, view)
    sheet.add(Rectangle((0, 0), WIDTH_PX, MAP_PX, fill=False, edgecolor=style.LINE, linewidth=1.5))


def _draw_ground(sheet: _Sheet, scene: Scene, view: View) -> None:
    """Draw the zones; colour and pattern fade towards a line, since nobody knows where it is."""
    ground = view.ground()
    zones = {
        kind: shapely.intersection(_of_class(scene.zones, kind), ground)
        for kind in marks.HATCH_COLOURS
    }
    for level, strength in enumerate(marks.FADING):
        share = 1 - level / len(marks.FADING)
        doubtful = _near(scene.edges, share) if level else ground
        for kind, zone in zones.items():
            shape = shapely.intersection(zone, doubtful)
            if not shape.is_empty:
                sheet.add(marks.zone(view.moved(shape), kind, strength))


def _of_class(zones: gpd.GeoDataFrame, kind: int) -> shapely.Geometry:
    return shapely.union_all(zones[zones["geology_class"] == int(kind)].geometry.to_numpy())


def _near(edges: gpd.GeoDataFrame, share: float) -> shapely.Geometry:
    """Return the ground within a share of each line's uncertainty, EPSG:27700."""
    widths_m = edges["uncertainty_m"].to_numpy() * share
    return shapely.union_all(shapely.buffer(edges.geometry.to_numpy(), widths_m))


def _draw_doubt(sheet: _Sheet, at: At, radius_px: float, colour: str) -> None:
    circle = marks.ring(at, radius_px, colour, 0.5)
    # Hard-edged: soft lines across a pattern double the picture's bytes.
    circle.set_antialiased(False)
    sheet.add(circle)


def _draw_circles(sheet: _Sheet, scene: Scene, view: View) -> None:
    sheet.add(marks.ring(_MIDDLE, scene.radius_m / view.m_per_px, style.ACCENT, 1.6))
    doubt = marks.ring(_MIDDLE, scene.uncertainty_m / view.m_per_px, style.ACCENT, 1.2)
    doubt.set_linestyle((0, (2.5, 2)))
    sheet.add(doubt)


def _draw_centre(sheet: _Sheet, scene: Scene) -> None:
    sheet.add(marks.centre(*_MIDDLE))
    sheet.take([_box(_MIDDLE, 7, 7)])
    around = [(reach * east, reach * north) for reach in (1, 1.6, 2.4, 4) for east, north in _ROUND]
    sheet.write(_MIDDLE, wording.trimmed(scene.label, _MOST_LABEL), marks.CENTRE, around)


def _draw_pin(sheet: _Sheet, tip: At, number: int) -> None:
    """Draw a numbered head on a stem, away from what stands there already."""
    heads = [
        (tip[0] + reach * math.sin(turn), tip[1] + reach * math.cos(turn))
        for reach in (24, 40, 58, 80, 104)
        for turn in map(math.radians, (0, 40, -40, 80, -80, 120, -120, 180))
    ]
    head = next((head for head in heads if sheet.is_free(_box(head, 12, 12))), heads[0])
    stem = Line2D([tip[0], head[0]], [tip[1], head[1]], color=style.INK)
    stem.set_linewidth(1.8 * marks.POINT)
    sheet.add(stem)
    for at, radius_px in ((tip, 3), (head, 11)):
        disc = Circle(at, radius_px, facecolor=style.INK, edgecolor=style.PAPER)
        disc.set_linewidth(1.3 * marks.POINT)
        sheet.add(disc)
    # Half a pixel down: figures sit a little high in their line.
    marks.text(sheet.axes, (head[0], head[1] - 0.5), str(number), marks.NUMBER)
    sheet.take([_box(head, 12, 12)])


def _draw_scale_bar(sheet: _Sheet, view: View) -> None:
    fitting = [m for m in _SCALE_BARS_M if m / view.m_per_px <= _MOST_SCALE_BAR_PX]
    metres = fitting[-1]
    length = metres / view.m_per_px
    width, height = max(length + 14, 50), 27
    left, bottom = sheet.corner(width, height, ("sw", "se", "nw", "ne"))
    sheet.add(Rectangle((left, bottom), width, height, facecolor=style.PAPER, linewidth=0))
    start = left + (width - length) / 2
    for half, colour in ((0, style.INK), (1, style.PAPER)):
        bar = Rectangle((start + half * length / 2, bottom + 6), length / 2, 4, facecolor=colour)
        bar.set(edgecolor=style.INK, linewidth=0.9 * marks.POINT)
        sheet.add(bar)
    marks.text(sheet.axes, (left + width / 2, bottom + 19), f"{metres:,} m", marks.KEY)
    sheet.take([(left, bottom, left + width, bottom + height)])


def _draw_north(sheet: _Sheet) -> None:
    left, bottom = sheet.corner(36, 36, ("ne", "nw", "se", "sw"))
    right, up = left + 18, bottom + 18
    sheet.add(Circle((right, up), 18, facecolor=style.PAPER, linewidth=0))
    arrow = [(right, up + 5), (right - 5, up - 11), (right, up - 7), (right + 5, up - 11)]
    sheet.add(Polygon(arrow, closed=True, facecolor=style.INK, linewidth=0))
    marks.text(sheet.axes, (right, up + 11), "N", marks.NORTH)
    sheet.take([_box((right, up), 18, 18)])


def _write_credit(sheet: _Sheet, credit: str) -> None:
    """Name who made the backdrop, small, in a corner."""
    if not credit:
        return
    text = marks.text(sheet.axes, (0, 0), credit, _CREDIT)
    width, height = sheet.width_of(text) + 6, 13
    left, bottom = sheet.corner(width, height, ("se", "sw", "nw", "ne"))
    sheet.add(Rectangle((left, bottom), width, height, facecolor=style.PAPER, linewidth=0))
    text.set_position((left + width / 2, bottom + height / 2))
    # Above the box that was added after it.
    text.set_zorder(_ABOVE)
    sheet.take([(left, bottom, left + width, bottom + height)])


def _write_places(sheet: _Sheet, scene: Scene, view: View) -> None:
    """Write the names that help to find one's way: the best known first, then the nearest."""
    places = scene.places
    away_m = np.hypot(places.geometry.x - scene.easting, places.geometry.y - scene.northing)
    in_order = places.assign(away_m=away_m).sort_values(["label_rank", "away_m", "place_id"])
    in_view = [
        (view.px(easting, northing), wording.trimmed(name, _MOST_LABEL))
        for name, easting, northing in zip(
            in_order["short_name"], in_order.geometry.x, in_order.geometry.y, strict=True
        )
        if view.holds(easting, northing)
    ]
    n_written = 0
    for at, label in in_view[:_MOST_TRIED]:
        if n_written < _MOST_LABELS:
            n_written += sheet.write(at, label, marks.PLACE, _BESIDE)
