"""Records counted by squares of the National Grid, where they are too many to draw one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import shapely

from sinkwatch import geo, style, wording
from sinkwatch.model import Evidence
from sinkwatch.publish.shapes import Shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sinkwatch.publish.things import Thing

MOST_RECORDS: Final = 2_000
"""Records that one page draws and lists one by one. With 48,000 the page weighed 48 MB, its scripts
33 MB and the map as one file 80 MB, which no browser on a phone opens."""

NEWEST: Final = 100
"""Records that a page lists where it cannot list all, the newest; their own list has them all."""

SIDE_M: Final = 10_000
"""Side of a square, metres: all Great Britain has some 3,000 of them."""

_STEPS: Final = ((1, 0.25), (10, 0.4), (50, 0.55), (200, 0.7))
"""From how many records on a square is filled how densely: its card says the number."""

_FIGURES: Final = 2  # of the name of a square of that side
_LINE: Final = {"weight": 1, "opacity": 0.8}


def are_counted(records: tuple[Thing, ...]) -> bool:
    """
    Tell whether an area has too many records to draw and list one by one.

    Parameters
    ----------
    records
        All of them.

    Returns
    -------
    are_counted
        True if a page counts them by squares and lists the newest.
    """
    return len(records) > MOST_RECORDS


def shown(records: tuple[Thing, ...]) -> tuple[Thing, ...]:
    """
    Return the records that one page lists.

    Parameters
    ----------
    records
        All of them.

    Returns
    -------
    listed
        All, or the newest first where they are too many; of one day in the order of their ids.
    """
    if not are_counted(records):
        return records
    return tuple(sorted(records, key=lambda thing: thing.when, reverse=True)[:NEWEST])


def outlines(records: Iterable[Thing]) -> list[Shape]:
    """
    Count records by the squares in which they lie.

    Parameters
    ----------
    records
        Of which those are counted that are drawn.

    Returns
    -------
    shapes
        Squares that hold a record, EPSG:27700, each with its `card`, from the south-west.
    """
    held: dict[tuple[int, int], list[Thing]] = {}
    for thing in records:
        if thing.geometry is not None:
            middle = thing.geometry.centroid
            square = (int(middle.y // SIDE_M), int(middle.x // SIDE_M))
            held.setdefault(square, []).append(thing)
    return [_outline(*square, things) for square, things in sorted(held.items())]


def _outline(row: int, column: int, things: list[Thing]) -> Shape:
    west, south = column * SIDE_M, row * SIDE_M
    name = _name(west, south)
    return Shape(
        shape_id=f"square-{column}-{row}",
        geometry=shapely.box(west, south, west + SIDE_M, south + SIDE_M),
        style=_style(len(things)),
        words={
            "card": {
                "title": name,
                "kind": wording.count_text(len(things), "record"),
                "facts": [
                    *_by_evidence(things),
                    ["Counted", "in a square of 10 km: records follow where people look"],
                ],
            }
        },
    )


def _name(west: int, south: int) -> str:
    """Return the square's name on the National Grid; beyond the grid it has none."""
    if not geo.on_grid(west, south):
        return "Beyond the National Grid"
    reference = geo.format_grid_reference(west, south, figures=_FIGURES)
    return f"Square {reference.replace(' ', '')}"


def _by_evidence(things: list[Thing]) -> list[list[str]]:
    symbols = [thing.symbol for thing in things]
    counts = {each: symbols.count(f"record-{each}") for each in Evidence}
    return [
        [each.value.replace("_", " ").capitalize(), f"{count:,}"]
        for each, count in counts.items()
        if count
    ]


def _style(n_records: int) -> Mapping[str, object]:
    colour = style.EVIDENCE_COLOURS[Evidence.PROBABLE]
    density = [opacity for least, opacity in _STEPS if n_records >= least][-1]
    return {**_LINE, "color": colour, "fillColor": colour, "fillOpacity": density}
