"""What lies under the marks of every sheet of a run, made ready once: zones, streets, names."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from sinkwatch import public, survey, wording
from sinkwatch.model import GeologyClass, PlaceKind
from sinkwatch.publish import ground as shapes
from sinkwatch.publish import sources

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from sinkwatch.model import Area, Findings
    from sinkwatch.publish.evidence.picture import Picture

    Shapes = NDArray[np.object_]

KINDS: Final = (GeologyClass.A, GeologyClass.B, GeologyClass.C)
"""The classes that are drawn, the least susceptible first, so that the greatest lies above."""

_ROADS: Final = frozenset({"named road", "section of named road", "numbered road"})
"""Local types of OS Open Names that are streets; all others name places."""

_FAR: Final = 9
_RECENT: Final = 2
_RANKS: Final = {"city": 1, "town": 1, "village": 2, "hamlet": 3, "suburban area": 3}
_SIMPLIFIED: Final = 0.01
"""Detail left out of an edge, as a share of its uncertainty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """
    A name that helps to find one's way.

    Attributes
    ----------
    text
        As it is written, cleaned.
    at
        Easting and northing, metres, EPSG:27700.
    rank
        1 for the most important, 9 for the least.
    frame
        Which frame holds it: places or names.
    place_id
        Of a place; empty for other names.
    is_street
        Whether it is a street's.
    is_settlement
        Whether it is a village's or a town's.
    """

    text: str
    at: tuple[float, float]
    rank: int
    frame: str
    place_id: str
    is_street: bool
    is_settlement: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Streets:
    """
    The backdrop.

    Attributes
    ----------
    tree
        Its shapes, EPSG:27700.
    layers, classes, names
        Of each: its layer, the class of the road that it is, and its name, empty if it has none.
    """

    tree: shapely.STRtree
    layers: Shapes
    classes: Shapes
    names: Shapes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """
    The ground of one run, of which any sheet can be drawn.

    Attributes
    ----------
    area
        The area.
    zones
        One tree for each of `KINDS`, EPSG:27700.
    edges, uncertainties_m
        Lines between zones that mean something in the ground, EPSG:27700, and how well each is
        known, metres.
    limits
        Lines where drawing stopped, EPSG:27700.
    nominal_scale
        At which the zones were drawn, such as 100000; None if that is not said.
    why_withheld
        Why no outlines of zones are drawn although bands rest on them; empty if they are.
    streets
        The backdrop; None if none is held.
    names
        Places and names, the most important first.
    case_ids, place_ids
        Of past decisions and of places, to tell what a mark was made from.
    recent
        The last pictures that were made of it.
    """

    area: Area
    zones: tuple[shapely.STRtree, ...]
    edges: Shapes
    uncertainties_m: NDArray[np.float64]
    limits: BaseGeometry
    nominal_scale: int | None
    why_withheld: str
    streets: Streets | None
    names: tuple[Name, ...]
    case_ids: frozenset[str]
    place_ids: frozenset[str]
    recent: deque[Picture] = field(default_factory=lambda: deque(maxlen=_RECENT), repr=False)

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
            The same whatever the order of their rows.
        """
        edges = findings.edges.sort_values("edge_id")
        uncertainties_m = edges["uncertainty_m"].to_numpy(dtype=float)
        backdrop = findings.surroundings.backdrop
        return cls(
            area=findings.area,
            zones=tuple(_of_class(findings.zones, kind) for kind in KINDS),
            edges=_simplified(edges.geometry.to_numpy(), uncertainties_m),
            uncertainties_m=uncertainties_m,
            limits=shapes.limits(findings.zones, findings.edges),
            nominal_scale=_denominator(sources.nominal_scale(findings)),
            why_withheld=survey.why_withheld(findings),
            streets=None if backdrop is None else _streets(backdrop),
            names=_names(findings),
            case_ids=frozenset(findings.cases["case_id"]),
            place_ids=frozenset(findings.places["place_id"]),
        )


def _of_class(zones: gpd.GeoDataFrame, kind: GeologyClass) -> shapely.STRtree:
    rows = zones[zones["geology_class"] == int(kind)].sort_values("zone_id")
    return shapely.STRtree(rows.geometry.to_numpy())


def _simplified(lines: Shapes, uncertainties_m: NDArray[np.float64]) -> Shapes:
    return np.asarray(shapely.simplify(lines, _SIMPLIFIED * uncertainties_m), dtype=object)


def _denominator(scale: str) -> int | None:
    digits = re.sub(r"\D", "", scale.partition(":")[2])
    return int(digits) if digits else None


def _streets(backdrop: gpd.GeoDataFrame) -> Streets:
    rows = backdrop.sort_values("feature_id")
    local = np.full(len(rows), "local", dtype=object)
    given = rows["road_class"].fillna("local") if "road_class" in rows.columns else local
    named = rows["name"].fillna("").map(wording.clean)
    return Streets(
        tree=shapely.STRtree(rows.geometry.to_numpy()),
        layers=rows["layer"].to_numpy(dtype=object),
        classes=np.asarray(given, dtype=object),
        names=named.to_numpy(dtype=object),
    )


def _names(findings: Findings) -> tuple[Name, ...]:
    found = [*_of_places(findings.places), *_of_gazetteer(findings.surroundings.names)]
    return tuple(sorted(found, key=lambda name: (name.rank, name.text, name.at)))


def _of_places(places: gpd.GeoDataFrame) -> list[Name]:
    return [
        Name(
            text=public.text(row, "short_name"),
            at=(point.x, point.y),
            rank=int(public.number(row, "label_rank") or _FAR),
            frame="places",
            place_id=public.text(row, "place_id"),
            is_street=public.text(row, "kind") == PlaceKind.STREET,
            is_settlement=public.text(row, "kind") == PlaceKind.VILLAGE,
        )
        for row, point in zip(public.rows(places), public.points(places), strict=True)
        if point is not None
    ]


def _of_gazetteer(names: gpd.GeoDataFrame | None) -> list[Name]:
    if names is None:
        return []
    return [
        Name(
            text=public.text(row, "name"),
            at=(point.x, point.y),
            rank=_RANKS.get(public.text(row, "local_type").casefold(), _FAR),
            frame="names",
            place_id="",
            is_street=public.text(row, "local_type").casefold() in _ROADS,
            is_settlement=public.text(row, "local_type").casefold() in _RANKS,
        )
        for row, point in zip(public.rows(names), public.points(names), strict=True)
        if point is not None
    ]
