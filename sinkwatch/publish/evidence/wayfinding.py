"""Names that help to find one's way: places at their points, streets along their lines."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from sinkwatch import style, wording
from sinkwatch.publish.evidence import typeface
from sinkwatch.publish.evidence.canvas import Lettering
from sinkwatch.publish.evidence.typeface import Weight

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from sinkwatch.model import Dossier
    from sinkwatch.publish.evidence.backdrop import Backdrop
    from sinkwatch.publish.evidence.canvas import At
    from sinkwatch.publish.evidence.ground import Ground, Name
    from sinkwatch.publish.evidence.labels import Board, Label
    from sinkwatch.publish.evidence.scene import Scene

PLACE: Final = Lettering(colour=style.INK, size_pt=7.5, weight=Weight.SEMIBOLD)
STREET: Final = Lettering(colour=style.MUTED, size_pt=7.0)
WATER: Final = Lettering(colour="#3d6478", size_pt=7.0)

MOST_NAMES: Final = 40
MOST_STREETS: Final = 50
"""Labels of a sheet: more are no help to find one's way, and hide the ground."""

DETAILED_TO: Final = 5_000
"""Coarsest scale at which streets and small places are named."""

DOT_MM: Final = 0.45
"""Radius of the dot at a place."""

_CHARACTERS: Final = 32
_STRAIGHT: Final = 0.97
_PIECES: Final = 3
_WIDE_RANK: Final = 2


def candidates(ground: Ground, dossier: Dossier, scene: Scene) -> Iterator[tuple[Name, At, str]]:
    """
    Find the names inside the frame that its scale can bear.

    Parameters
    ----------
    ground
        Of the run.
    dossier
        What is shown: its own place is labelled otherwise.
    scene
        What the sheet shows of it.

    Yields
    ------
    name, at, text
        Each once, the most important first; where it falls, millimetres, and as it is written.
    """
    seen: set[str] = set()
    is_detailed = scene.window.scale <= DETAILED_TO
    has_streets = scene.backdrop is not None and "road" in scene.backdrop.drawn
    for name in ground.names:
        if not scene.window.frame.holds(*name.at) or name.place_id == dossier.place.place_id:
            continue
        if not (is_detailed or name.is_settlement or name.rank <= _WIDE_RANK):
            continue
        if name.is_street and (has_streets or not is_detailed):
            continue
        text = typeface.label(wording.trimmed(name.text, _CHARACTERS))
        if text and text.casefold() not in seen:
            seen.add(text.casefold())
            yield name, scene.window.mm(*name.at), text


def places(
    board: Board, candidates: list[tuple[Name, At, str]], lines: BaseGeometry
) -> Iterator[tuple[Name, At, Label]]:
    """
    Write names beside their points, as many as there is room for.

    Parameters
    ----------
    board
        The sheet's room.
    candidates
        As `candidates` finds them.
    lines
        What a name had better not cross, millimetres.

    Yields
    ------
    name, at, label
        Those written.
    """
    for name, at, text in candidates[:MOST_NAMES]:
        dot = shapely.Point(at).buffer(DOT_MM + 0.15, quad_segs=2)
        if not board.is_free(dot):
            continue
        label = board.beside(dot, text, PLACE, clear_of=lines)
        if label is not None:
            board.take(dot)
            yield name, at, label


def streets(board: Board, scene: Scene, taken: set[str], lines: BaseGeometry) -> Iterator[Label]:
    """
    Write along streets and rivers what they are called, the longest first.

    Parameters
    ----------
    board
        The sheet's room.
    scene
        What the sheet shows.
    taken
        Names that are written already.
    lines
        What a name may not cross, millimetres.

    Yields
    ------
    label
        Those written.
    """
    drawn = scene.backdrop
    if drawn is None:
        return
    is_detailed = scene.window.scale <= DETAILED_TO
    wanted = (drawn.layers == "water") | (
        (drawn.layers == "road") & (is_detailed | (drawn.classes != "local"))
    )
    wanted &= drawn.names != ""
    named = _named_lines(drawn, wanted)
    ordered = sorted(named.items(), key=lambda item: (-shapely.length(item[1][0]), item[0]))
    n_written = 0
    for name, (line, layer) in ordered:
        text = typeface.label(wording.trimmed(name, _CHARACTERS))
        if n_written >= MOST_STREETS or text in taken:
            continue
        how = WATER if layer == "water" else STREET
        label = board.first(text, how, along(line, text, how), clear_of=lines)
        if label is not None:
            n_written += 1
            yield label


def _named_lines(drawn: Backdrop, wanted: NDArray[np.bool_]) -> dict[str, tuple[BaseGeometry, str]]:
    by_name: dict[tuple[str, str], list[BaseGeometry]] = {}
    rows = zip(drawn.names[wanted], drawn.layers[wanted], drawn.shapes[wanted], strict=True)
    for name, layer, shape in rows:
        middle = shape if shapely.get_dimensions(shape) == 1 else shapely.boundary(shape)
        by_name.setdefault((name, layer), []).append(middle)
    return {
        name: (shapely.line_merge(shapely.union_all(parts)), layer)
        for (name, layer), parts in by_name.items()
    }


def along(
    line: BaseGeometry, text: str, how: Lettering, *, off_mm: float = 0.0
) -> Iterator[tuple[At, float]]:
    """
    Find places for a text on the straight stretches of a line.

    Parameters
    ----------
    line
        Millimetres.
    text
        As `typeface.label` returns it.
    how
        How it is set.
    off_mm
        How far beside the line it stands, millimetres.

    Yields
    ------
    at, turned_deg
        Its middle, and the direction of the line there, the longest stretch first.
    """
    width = typeface.extent_mm(text, how.size_pt, how.weight)[0]
    parts = shapely.get_parts(line)
    longest = sorted(parts, key=lambda part: -shapely.length(part))[:_PIECES]
    for part, share in itertools.product(longest, (0.5, 0.35, 0.65, 0.2, 0.8)):
        middle = share * shapely.length(part)
        if width / 2 > min(middle, shapely.length(part) - middle):
            continue
        steps = np.linspace(middle - width / 2, middle + width / 2, 3)
        first, centre, last = shapely.get_coordinates(shapely.line_interpolate_point(part, steps))
        right, up = last - first
        if math.hypot(right, up) < _STRAIGHT * width:
            continue
        if right < 0:
            right, up = -right, -up
        turned = math.atan2(up, right)
        at = ((first + last) / 2 + centre) / 2
        yield (
            (
                float(at[0] - off_mm * math.sin(turned)),
                float(at[1] + off_mm * math.cos(turned)),
            ),
            math.degrees(turned),
        )
