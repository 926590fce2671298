"""The ground under the marks, drawn square by square as views ask for it and kept for the next."""

from __future__ import annotations

import functools
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from sinkwatch import style
from sinkwatch.notify import palette
from sinkwatch.notify.backdrop import Backdrop
from sinkwatch.notify.raster import SIDE, Raster
from sinkwatch.notify.scene import MAP_PX, WIDTH_PX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import geopandas as gpd
    from numpy.typing import NDArray

    from sinkwatch.model import Findings, GeologyClass
    from sinkwatch.notify.scene import View

    Dots = NDArray[np.uint8]
    Places = NDArray[np.int_]

_MOST_SQUARES: Final = 128
"""How many squares are kept, the last used of them: 66 MB."""

_EFFORT: Final = 4
"""Of zlib, to learn how many bytes a square takes: about as many as it will in a picture."""

_REPEAT_PX: Final = 12
"""After how many CSS pixels a pattern repeats."""

_LINE_PX: Final = 0.8
_DOT_PX: Final = 0.9

_SHARES: Final = tuple(1 - level / len(palette.FADING) for level in range(len(palette.FADING)))
"""Within which share of an edge's uncertainty each step of the fading lies."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """
    The ground of one run, of which any view can be cut.

    Attributes
    ----------
    zones
        The zones' shapes of each class of `palette.KINDS`, EPSG:27700.
    doubtful
        The ground within each share of its uncertainty of an edge, from the second step on.
    backdrop
        What is drawn on it; None if there is nothing.
    """

    zones: tuple[shapely.STRtree, ...]
    doubtful: tuple[shapely.STRtree, ...]
    backdrop: Backdrop | None
    _square: Callable[[float, float, int, int], tuple[Dots, float]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Keep what has been drawn, so many squares of it."""
        kept = functools.lru_cache(maxsize=_MOST_SQUARES)(self._drawn)
        object.__setattr__(self, "_square", kept)

    @classmethod
    def of(cls, findings: Findings) -> Ground:
        """
        Make the ground ready.

        Parameters
        ----------
        findings
            The run's frames.

        Returns
        -------
        ground
            Of which nothing is drawn yet.
        """
        backdrop = findings.surroundings.backdrop
        return cls(
            zones=tuple(_of_class(findings.zones, kind) for kind in palette.KINDS),
            doubtful=tuple(_near(findings.edges, share) for share in _SHARES[1:]),
            backdrop=None if backdrop is None else Backdrop.of(backdrop),
        )

    def cut(self, view: View, scale: float) -> Dots:
        """
        Cut out what a view shows.

        Parameters
        ----------
        view
            The view.
        scale
            Dots to a CSS pixel.

        Returns
        -------
        dots
            New numbers of the palette, as many as the map has dots.
        """
        dots = np.empty(_size(scale), dtype=np.uint8)
        for square, _, down, right in self._squares(view, scale):
            part = square[max(-down, 0) :, max(-right, 0) :]
            into = dots[max(down, 0) :, max(right, 0) :][: part.shape[0], : part.shape[1]]
            into[:] = part[: into.shape[0], : into.shape[1]]
        return dots

    def n_bytes(self, view: View, scale: float) -> float:
        """
        Estimate what a view takes in a file.

        Parameters
        ----------
        view
            The view.
        scale
            Dots to a CSS pixel.

        Returns
        -------
        n_bytes
            Of the ground alone.
        """
        height, width = _size(scale)
        return sum(
            density
            * (min(down + SIDE, height) - max(down, 0))
            * (min(right + SIDE, width) - max(right, 0))
            for _, density, down, right in self._squares(view, scale)
        )

    def _squares(self, view: View, scale: float) -> Iterator[tuple[Dots, float, int, int]]:
        """Yield the squares a view is cut from, bytes a dot, and where each one's corner falls."""
        height, width = _size(scale)
        m_per_dot = view.m_per_px / scale
        left = round(view.easting / m_per_dot) - width // 2
        top = round(-view.northing / m_per_dot) - height // 2
        for row in range(top // SIDE, (top + height - 1) // SIDE + 1):
            for column in range(left // SIDE, (left + width - 1) // SIDE + 1):
                square = self._square(m_per_dot, scale, column, row)
                yield *square, row * SIDE - top, column * SIDE - left

    def _drawn(self, m_per_dot: float, scale: float, column: int, row: int) -> tuple[Dots, float]:
        """Draw one square of a grid that begins where British National Grid does."""
        side_m = SIDE * m_per_dot
        raster = Raster(west=column * side_m, north=-row * side_m, m_per_dot=m_per_dot)
        _draw_zones(raster, self.zones, self.doubtful, scale)
        if self.backdrop is not None:
            self.backdrop.draw(raster, scale)
        dots = raster.dots
        return dots, len(zlib.compress(dots.tobytes(), _EFFORT)) / dots.size


def sample(kind: GeologyClass, level: int, scale: float) -> Dots:
    """
    Return a square of ground of one class.

    Parameters
    ----------
    kind
        The class.
    level
        Which step of `palette.FADING`.
    scale
        Dots to a CSS pixel.

    Returns
    -------
    dots
        Numbers of the palette.
    """
    fills, hatches = palette.of_zone(kind)
    inked = _pattern(style.ZONE_PATTERNS[kind], scale)
    return np.asarray(np.where(inked, hatches[level], fills[level]))


def _size(scale: float) -> tuple[int, int]:
    """Return how many dots high and wide the map is."""
    return round(MAP_PX * scale), round(WIDTH_PX * scale)


def _of_class(zones: gpd.GeoDataFrame, kind: int) -> shapely.STRtree:
    rows = zones[zones["geology_class"] == int(kind)].sort_values("zone_id")
    return shapely.STRtree(rows.geometry.to_numpy())


def _near(edges: gpd.GeoDataFrame, share: float) -> shapely.STRtree:
    widths_m = edges["uncertainty_m"].to_numpy() * share
    return shapely.STRtree(shapely.buffer(edges.geometry.to_numpy(), widths_m))


def _draw_zones(
    raster: Raster,
    zones: tuple[shapely.STRtree, ...],
    doubtful: tuple[shapely.STRtree, ...],
    scale: float,
) -> None:
    """Draw the zones; colour and pattern fade towards a line, since nobody knows where it is."""
    kinds, levels = _filled(raster, zones), _filled(raster, doubtful)
    dots = np.full((SIDE, SIDE), palette.number(style.PAPER), dtype=np.uint8)
    for index, kind in enumerate(palette.KINDS, start=1):
        of_kind = kinds == index
        if of_kind.any():
            fills, hatches = palette.of_zone(kind)
            inked = _pattern(style.ZONE_PATTERNS[kind], scale)
            np.copyto(dots, np.where(inked, hatches[levels], fills[levels]), where=of_kind)
    raster.image.frombytes(dots.tobytes())


def _filled(raster: Raster, layers: tuple[shapely.STRtree, ...]) -> Dots:
    """Return which layer is uppermost at each dot, from 1; 0 where there is none."""
    own = Raster(west=raster.west, north=raster.north, m_per_dot=raster.m_per_dot)
    for index, tree in enumerate(layers, start=1):
        for shape in own.cut(tree.geometries[np.sort(tree.query(own.ground))]):
            # One by one: the hole of one must not be cut out of another.
            own.fill(np.array([shape]), index)
    return own.dots


@functools.cache
def _pattern(name: str, scale: float) -> NDArray[np.bool_]:
    """Tell which dots of a square bear the ink of a pattern."""
    repeat, thick = round(_REPEAT_PX * scale), max(1, round(_LINE_PX * scale))
    down, right = np.mgrid[:SIDE, :SIDE]
    rising, falling = (down + right) % repeat < thick, (down - right) % repeat < thick
    if name == "lines":
        return np.asarray(rising)
    if name == "cross":
        return np.asarray(rising | falling)
    half = repeat // 2
    return _dotted(down, right, repeat, scale) | _dotted(down - half, right - half, repeat, scale)


def _dotted(down: Places, right: Places, repeat: int, scale: float) -> NDArray[np.bool_]:
    """Tell which dots lie at a crossing of a net of so many dots' mesh."""
    off = [(at + repeat // 2) % repeat - repeat // 2 for at in (down, right)]
    return np.asarray(np.hypot(*off) < _DOT_PX * scale)
