"""What lies near each thing on the map, by the positions that are published."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import shapely

from sinkwatch import wording

if TYPE_CHECKING:
    from sinkwatch.publish.things import Thing

WITHIN_M: Final = 500.0
"""How far round a thing others are listed, metres: the widest ring of the assessment."""

MOST: Final = 60
"""Neighbours listed on one page, the nearest; the page says when there are more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """
    One thing near another.

    Attributes
    ----------
    thing
        What lies there.
    distance
        From centre to centre, in words, with how well it is known.
    """

    thing: Thing
    distance: str


Nearby: TypeAlias = Mapping[str, Sequence[Neighbour]]
"""Neighbours by the folder of the thing's page, the nearest first."""


def gather(things: Sequence[Thing]) -> dict[str, tuple[Neighbour, ...]]:
    """
    Find the neighbours of everything that is drawn.

    Parameters
    ----------
    things
        With or without a position.

    Returns
    -------
    nearby
        By the folder of each thing that is drawn.
    """
    drawn = [thing for thing in things if thing.geometry is not None]
    points = np.asarray([thing.geometry for thing in drawn], dtype=object)
    tree = shapely.STRtree(points)
    pairs = tree.query(points, predicate="dwithin", distance=WITHIN_M)
    found: dict[str, list[tuple[float, str, Neighbour]]] = {thing.folder: [] for thing in drawn}
    for here, there in zip(*pairs.tolist(), strict=True):
        if here != there:
            found[drawn[here].folder].append(_pair(drawn[here], drawn[there]))
    return {
        folder: tuple(neighbour for *_, neighbour in sorted(pairs, key=lambda one: one[:2]))
        for folder, pairs in found.items()
    }


def _pair(thing: Thing, other: Thing) -> tuple[float, str, Neighbour]:
    distance_m = float(shapely.distance(thing.geometry, other.geometry))
    known_m = math.hypot(thing.uncertainty_m or 0.0, other.uncertainty_m or 0.0)
    neighbour = Neighbour(thing=other, distance=wording.about(distance_m, known_m))
    return distance_m, other.folder, neighbour
