"""Records, sites, applications and decisions as marks, each with the words of its own card."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import shapely

from sinkwatch import style, wording
from sinkwatch.model import Evidence
from sinkwatch.publish.shapes import Shape

if TYPE_CHECKING:
    from sinkwatch.publish.things import Thing

ORDER: Final = {"application": 0, "site": 1, "record": 2, "case": 3}
"""Which mark keeps its place where several would overlap: the least goes first, flagged before."""

_FLAGGED_FIRST: Final = 10
_CARD_FACT_LENGTH: Final = 260
_CARD_FACTS: Final = frozenset(
    {"Date", "Evidence", "Size", "Place", "Address", "For", "Status", "Received", "Doubts"}
)
CIRCLE: Final = {
    "weight": 1,
    "opacity": 0.65,
    "dashArray": "3 4",
    "fillOpacity": 0.04,
    "interactive": False,
    "pane": "uncertainty",
}
"""How the circle is drawn within which a thing may truly lie."""

_OUTLINES: Final = {
    **{f"record-{evidence}": colour for evidence, colour in style.EVIDENCE_COLOURS.items()},
    # The fill of a possible record is too pale for a thin line.
    f"record-{Evidence.POSSIBLE}": style.EVIDENCE_COLOURS[Evidence.PROBABLE],
    "site": style.ACCENT,
    "application": style.ACCENT,
}


def uncertainties(things: Iterable[Thing]) -> list[Shape]:
    """
    Return a circle for each thing that is drawn, as wide as its place is uncertain.

    Parameters
    ----------
    things
        Records, sites or applications.

    Returns
    -------
    shapes
        Points, each with a style whose radius is in metres.
    """
    return [
        Shape(
            shape_id=f"around-{thing.anchor}",
            geometry=thing.geometry,
            style={
                **CIRCLE,
                "radius": round(thing.uncertainty_m),
                "color": _OUTLINES[thing.symbol],
                "fillColor": _OUTLINES[thing.symbol],
            },
        )
        for thing in things
        if thing.geometry is not None and thing.uncertainty_m is not None
    ]


def marks(things: Iterable[Thing]) -> list[Shape]:
    """
    Return a mark for each thing that is drawn.

    Parameters
    ----------
    things
        Records, sites or applications.

    Returns
    -------
    shapes
        Points, each with its `mark` and `card`.
    """
    return [
        Shape(
            shape_id=thing.anchor,
            geometry=thing.geometry,
            words={"mark": _mark(thing, f"{thing.name} ({thing.kind})"), "card": _card(thing)},
        )
        for thing in things
        if thing.geometry is not None
    ]


def case_marks(cases: Iterable[Thing]) -> list[Shape]:
    """
    Return one mark for each place with past decisions, its card listing them in order.

    Parameters
    ----------
    cases
        Past decisions.

    Returns
    -------
    shapes
        Points, each with its `mark` and `card`.
    """
    together: dict[tuple[float, float], list[Thing]] = {}
    for case in cases:
        if case.geometry is not None:
            together.setdefault((case.geometry.x, case.geometry.y), []).append(case)
    return [_case_mark(shapely.Point(at), group) for at, group in together.items()]


def _mark(thing: Thing, name: str) -> dict[str, object]:
    order = ORDER[thing.symbol.partition("-")[0]]
    made: dict[str, object] = {
        "symbol": thing.symbol,
        "colour": thing.style.colour if thing.style else None,
        "is_flagged": thing.is_flagged,
        "order": order - _FLAGGED_FIRST if thing.is_flagged else order,
        "name": name,
    }
    return made | {"number": thing.number} if thing.number else made


def _card(thing: Thing) -> dict[str, object]:
    card: dict[str, object] = {
        "title": thing.name,
        "kind": f"flagged {thing.kind}" if thing.is_flagged else thing.kind,
        "facts": [
            [fact.label, wording.trimmed(fact.text, _CARD_FACT_LENGTH)]
            for fact in thing.facts
            if fact.label in _CARD_FACTS
        ],
        "more": thing.anchor,
    }
    if thing.style:
        card["band"] = thing.style.band.key
    if thing.folder:
        card["folder"] = thing.folder
    if thing.headline:
        card["headline"] = thing.headline
    if thing.url:
        card |= {"url": thing.url, "url_title": thing.url_title}
    return card


def _case_mark(point: shapely.Point, cases: list[Thing]) -> Shape:
    first = cases[0]
    names = list(dict.fromkeys(case.name for case in cases))
    title = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    counted = wording.count_text(len(cases), "past planning decision")
    card = {
        "title": title,
        "kind": counted,
        "facts": [[case.fact("Date"), case.fact("Step")] for case in cases],
        "more": first.anchor,
    }
    return Shape(
        shape_id=first.anchor,
        geometry=point,
        words={
            "mark": _mark(first, f"{title} ({counted})"),
            "card": card,
            "holds": [case.anchor for case in cases],
        },
    )
