"""Where answers can differ between two states of what is held: the ground to ask about again."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import shapely

from sinkwatch import grid
from sinkwatch.assess.layers import NONE, SLACK_M
from sinkwatch.assess.measures import dwithin
from sinkwatch.assess.squares import Index, index

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sinkwatch.assess.layers import Hazard

SIDE_M: Final = 1_000.0
"""Side of the squares by which places near changed ground are found, metres."""

_HALF: Final = 2**15  # squares to each side of the origin; beyond it all are taken for the last
_MOST_SQUARES: Final = 2**18  # over the ground to ask about again
_MOST_REDRAWN: Final = 1_000  # outlines beyond which comparing each takes longer than it saves
_MOST_CUT: Final = 200  # changes beyond which cutting out what lies near would take longer

_Pair = tuple["NDArray[np.int64]", "NDArray[np.int64]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """
    The ground where answers can differ: nothing differs beyond it.

    Attributes
    ----------
    shapes
        Shape (n,): what has changed, EPSG:27700.
    by_m
        Shape (n,): how far round each it can matter, metres.
    boxes
        Shape (n, 4): the extents of that, metres.
    squares
        Numbers of all the squares that these come into, ascending, as `squares_of` gives them.
    everywhere
        Whether all ground is meant, whatever the shapes.
    """

    shapes: NDArray[np.object_]
    by_m: NDArray[np.float64]
    boxes: NDArray[np.float64]
    squares: NDArray[np.uint32]
    everywhere: bool = False

    def holds(
        self, easting: NDArray[np.float64], northing: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """
        Tell which places lie on the ground where answers can differ.

        Parameters
        ----------
        easting, northing
            Metres, EPSG:27700, shape (n,).

        Returns
        -------
        held
            Shape (n,); a place that is no number is never held, as it has no answer.
        """
        known = np.isfinite(easting) & np.isfinite(northing)
        if self.everywhere:
            return known
        near = np.flatnonzero(known)
        near = near[np.isin(_squares(easting[near], northing[near]), self.squares)]
        held = np.zeros(len(known), dtype=np.bool_)
        at = np.asarray(shapely.points(easting[near], northing[near]), dtype=object)
        place, change = shapely.STRtree(np.asarray(shapely.box(*self.boxes.T), dtype=object)).query(
            at, "intersects"
        )
        within = dwithin(self.shapes[change], at[place], self.by_m[change] + SLACK_M)
        held[near[place[within]]] = True
        return held


def squares_of(easting: NDArray[np.float64], northing: NDArray[np.float64]) -> NDArray[np.uint32]:
    """
    Tell in which squares of `SIDE_M` places lie.

    Parameters
    ----------
    easting, northing
        Metres, EPSG:27700, shape (n,); what is no number lies in none.

    Returns
    -------
    squares
        Their numbers, ascending, each once.
    """
    known = np.isfinite(easting) & np.isfinite(northing)
    number = _squares(easting[known], northing[known])
    # Neighbours in a file are mostly neighbours on the ground: few are left to be sorted.
    differs = np.ones(len(number), dtype=np.bool_)
    differs[1:] = number[1:] != number[:-1]
    return np.unique(number[differs])


def _squares(easting: NDArray[np.float64], northing: NDArray[np.float64]) -> NDArray[np.uint32]:
    return (_step(northing) << np.uint32(16)) + _step(easting)


def _step(axis: NDArray[np.float64]) -> NDArray[np.uint32]:
    steps = np.clip(np.floor(axis / SIDE_M), -_HALF, _HALF - 1) + _HALF
    return steps.astype(np.uint32)


def difference(before: Hazard, now: Hazard) -> Reach:
    """
    Find the ground where two states of zones and records can give different answers.

    Zones and records are compared by their ids. A record that differs matters as far as it
    reaches from where it was and is; a zone whose outline differs, as far as any line is uncertain
    round what the two outlines do not have in common.

    Parameters
    ----------
    before, now
        What `prepare` returned.

    Returns
    -------
    reach
        At least all places whose answers differ, in anything but the numbers of records.
    """
    same_table = all(
        np.array_equal(getattr(before, name), getattr(now, name))
        for name in ("rings_m", "bands", "check_record")
    )
    zones = _matched(before.zone_ids, now.zone_ids)
    records = _matched(before.sinkhole_ids, now.sinkhole_ids)
    if not same_table or zones is None or records is None:
        return _reach([], [], everywhere=True)
    widest_m = max(np.max(each.zone_uncertainty_m, initial=0.0) for each in (before, now))
    shapes = _changed_ground(before, now, zones)
    circles, by_m = _changed_records(before, now, records)
    return _reach([*shapes, *circles], [*np.full(len(shapes), widest_m), *by_m])


def _reach(shapes: list[Any], by_m: list[Any], *, everywhere: bool = False) -> Reach:
    """Return changes that are prepared for being asked about places."""
    held = np.empty(len(shapes), dtype=object)
    held[:] = shapes
    shapely.prepare(held)
    # Several threads may ask: lines are sorted when they are first asked about, so here.
    shapely.dwithin(held, shapely.Point(0, 0), 0.0)
    distance_m = np.array(by_m, dtype=np.float64)
    outwards = np.array([-1.0, -1.0, 1.0, 1.0]) * (distance_m[:, None] + SLACK_M)
    boxes = shapely.bounds(held).reshape(-1, 4) + outwards
    squares = _squares_within(boxes)
    return Reach(shapes=held, by_m=distance_m, boxes=boxes, squares=squares, everywhere=everywhere)


def _squares_within(boxes: NDArray[np.float64]) -> NDArray[np.uint32]:
    west, south, east, north = (_step(side).tolist() for side in boxes.T)
    found = [np.empty(0, dtype=np.uint32)]
    for left, low, right, high in zip(west, south, east, north, strict=True):
        row, column = np.mgrid[low : high + 1, left : right + 1].astype(np.uint32)
        found.append(((row << 16) + column).ravel())
    return np.unique(np.concatenate(found))


def _matched(before: NDArray[np.object_], now: NDArray[np.object_]) -> _Pair | None:
    """Return indices of what both have, pair by pair; None if an id does not say which one."""
    if before is now or np.array_equal(before, now):
        both = np.arange(len(now))
        return both, both
    was, is_now = pd.Index(before), pd.Index(now)
    if not (was.is_unique and is_now.is_unique):
        return None
    at = was.get_indexer(is_now)
    held = np.flatnonzero(at != NONE)
    return at[held], held


def _others(n: int, common: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the indices that are not among the common ones."""
    is_other = np.ones(n, dtype=np.bool_)
    is_other[common] = False
    return np.flatnonzero(is_other)


def _differs(before: Hazard, now: Hazard, both: _Pair, names: tuple[str, ...]) -> Any:  # noqa: ANN401 - an array of truths
    """Tell which pairs differ in any of these numbers."""
    differs = np.zeros(len(both[0]), dtype=np.bool_)
    for name in names:
        was, is_now = getattr(before, name), getattr(now, name)
        if was is not is_now or both[0] is not both[1]:
            differs |= was[both[0]] != is_now[both[1]]
    return differs


def _changed_records(
    before: Hazard, now: Hazard, both: _Pair
) -> tuple[list[shapely.Geometry], list[float]]:
    """Return where records that differ were and are, and how far each reaches."""
    of_record = ("easting", "northing", "radius_m", "uncertainty_m", "ring_shift", "counts")
    differs = _differs(before, now, both, of_record)
    if _differs(before, now, both, ("feature",)).any():
        differs |= _first_of_feature(before, both[0]) != _first_of_feature(now, both[1])
    shapes: list[shapely.Geometry] = []
    by_m: list[float] = []
    for hazard, common in zip((before, now), both, strict=True):
        chosen = np.concatenate([common[differs], _others(len(hazard.counts), common)])
        # What does not count makes no difference.
        chosen = chosen[hazard.counts[chosen]]
        shapes += shapely.points(hazard.easting[chosen], hazard.northing[chosen]).tolist()
        by_m += hazard.reach_m[chosen].tolist()
    return shapes, by_m


def _first_of_feature(hazard: Hazard, records: NDArray[np.int64]) -> NDArray[np.int64]:
    """Name the feature of each record by its first record: numbers of features come and go."""
    _, first, of_record = np.unique(hazard.feature[records], return_index=True, return_inverse=True)
    return np.asarray(first[of_record])


def _changed_ground(before: Hazard, now: Hazard, both: _Pair) -> list[shapely.Geometry]:
    """Return zones that came, went or are another class, and what differs of the outlines."""
    replaced = _differs(before, now, both, ("zone_class", "zone_uncertainty_m"))
    redrawn = _redrawn(before, now, both) & ~replaced
    if redrawn.sum() > _MOST_REDRAWN:  # a new edition of it all, perhaps
        replaced |= redrawn
        redrawn[:] = False
    shapes: list[shapely.Geometry] = []
    for hazard, common in zip((before, now), both, strict=True):
        chosen = np.concatenate([common[replaced], _others(len(hazard.zone_class), common)])
        shapes += hazard.zone_geometry[chosen].tolist()
    for was, is_now in zip(both[0][redrawn], both[1][redrawn], strict=True):
        shapes += _between(before.zone_geometry[was], now.zone_geometry[is_now])
    return [shape for shape in shapes if not shapely.is_empty(shape)]


def _redrawn(before: Hazard, now: Hazard, both: _Pair) -> NDArray[np.bool_]:
    """Tell which zones have another outline, to the last bit."""
    was, is_now = before.zone_geometry[both[0]], now.zone_geometry[both[1]]
    if before.zone_geometry is now.zone_geometry and both[0] is both[1]:
        return np.zeros(len(was), dtype=np.bool_)
    differs = np.fromiter(
        (a is not b for a, b in zip(was, is_now, strict=True)), np.bool_, len(was)
    )
    differs[differs] = shapely.to_wkb(was[differs]) != shapely.to_wkb(is_now[differs])
    return differs


def _between(was: shapely.Geometry, is_now: shapely.Geometry) -> list[shapely.Geometry]:
    """Return the ground that only one of two outlines takes in, and lines that only one has."""
    # A distance is the same to the last bit only where it is measured to the same lines.
    first, second = _segments(was), _segments(is_now)
    own = np.concatenate([first[~_among(first, second)], second[~_among(second, first)]])
    lines = shapely.MultiLineString(list(own.reshape(-1, 2, 2)))
    return [shapely.symmetric_difference(was, is_now), lines]


def _segments(shape: shapely.Geometry) -> NDArray[np.float64]:
    """Return both ends of each line of an outline, shape (n, 4)."""
    rings = shapely.get_rings(shapely.get_parts(shape))
    ends = [shapely.get_coordinates(ring) for ring in rings]
    return np.concatenate([np.empty((0, 4)), *(np.hstack([at[:-1], at[1:]]) for at in ends)])


def _among(these: NDArray[np.float64], those: NDArray[np.float64]) -> NDArray[np.bool_]:
    whole = np.dtype((np.void, these.itemsize * 4))
    one, other = (np.ascontiguousarray(each).view(whole).ravel() for each in (these, those))
    return np.isin(one, other)


def index_within(hazard: Hazard, reach: Reach) -> Index:
    """
    Index what can matter to places that a reach holds; it answers for no others.

    Parameters
    ----------
    hazard
        What `prepare` returned: either of the two that were compared.
    reach
        What `difference` returned.

    Returns
    -------
    index
        Of those zones and records that lie near. They are fewer than the hazard's: what `points`
        answers with it counts records within ``index.hazard``, whose ids are the same.
    """
    if reach.everywhere:
        return index(hazard)
    widest_m = np.max(hazard.zone_uncertainty_m, initial=0.0) + SLACK_M
    boxes = reach.boxes
    near = _cut(hazard, boxes, widest_m) if len(boxes) <= _MOST_CUT else hazard
    corners = boxes if len(boxes) else np.zeros((1, 4))
    west, south = (corners[:, :2].min(axis=0) - widest_m).tolist()
    east, north = (corners[:, 2:].max(axis=0) + widest_m).tolist()
    return index(near, grid.Grid.over((west, south, east, north), _MOST_SQUARES))


def _cut(hazard: Hazard, boxes: NDArray[np.float64], widest_m: float) -> Hazard:
    """Leave out the zones and records that come near none of the boxes."""
    bounds = shapely.bounds(hazard.zone_geometry).reshape(-1, 4)
    at = np.column_stack([hazard.easting, hazard.northing])
    reach_m = hazard.reach_m[:, None]
    zones = _meet(bounds + np.array([-1, -1, 1, 1]) * widest_m, boxes)
    records = _meet(np.hstack([at - reach_m, at + reach_m]), boxes)
    arrays = {each.name: getattr(hazard, each.name) for each in fields(hazard)}
    of_zones = {name: array[zones] for name, array in arrays.items() if name.startswith("zone_")}
    names = ("easting", "northing", "radius_m", "uncertainty_m", "ring_shift", "counts", "feature")
    of_records = {name: arrays[name][records] for name in (*names, "sinkhole_ids")}
    return replace(hazard, **of_zones, **of_records)


def _meet(these: NDArray[np.float64], boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which of these extents meet any box."""
    meets = np.zeros(len(these), dtype=np.bool_)
    for west, south, east, north in boxes:
        meets |= (
            (these[:, 0] <= east)
            & (these[:, 2] >= west)
            & (these[:, 1] <= north)
            & (these[:, 3] >= south)
        )
    return meets
