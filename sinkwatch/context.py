"""What is known round a place that decides nothing: the wider rock, boreholes, designations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from sinkwatch import geocode, wording

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from shapely.geometry.base import BaseGeometry

    from sinkwatch.model import Place, Surroundings

BOREHOLES_WITHIN_M: Final = 250.0
"""Boreholes are counted this far round a place, metres: the ring in which a record flags it."""

BUILDINGS_WITHIN_M: Final = 50.0
"""Listed buildings are counted this far round a place, metres: the street it stands in."""

_LISTED: Final = "listed-building"
_LONGEST_NAME: Final = 120
_LAYERS: Final = ("bedrock", "superficial", "dyke")  # as one looks down from what lies deepest
_LITTLE_WORDS: Final = frozenset({"and", "in", "of", "or", "the", "to", "with"})
_ONLY_DRILLED: Final = "That one was drilled is recorded, not what it found."
_NOT_GROUND: Final = "Designations say nothing of the ground."
_PLATFORM: Final = "planning.data.gov.uk"


def of_place(place: Place, surroundings: Surroundings, rock: str) -> tuple[str, ...]:
    """
    Say what surrounds a place, for a reader who asks; no band rests on any of it.

    Parameters
    ----------
    place
        In the area for which the surroundings were asked; one that lies elsewhere would be told
        that there is no borehole where none was looked for.
    surroundings
        What the sources gave; where they gave nothing, nothing is said.
    rock
        What the area calls its rock, such as "gypsum".

    Returns
    -------
    remarks
        Each one or more sentences: street, rock, boreholes, designations. None for a place
        without a position.
    """
    if place.easting is None or place.northing is None:
        return ()
    point = shapely.Point(place.easting, place.northing)
    remarks = (
        _street(place, point, surroundings.names),
        _rocks(point, surroundings.rocks, rock),
        _boreholes(place, point, surroundings.boreholes),
        _designations(place, point, surroundings.designations),
    )
    return tuple(remark for remark in remarks if remark)


# ── Street ───────────────────────────────────────────────────────────────────────────────────


def _street(place: Place, point: shapely.Point, names: gpd.GeoDataFrame | None) -> str:
    name = geocode.nearest_street(point, names)
    is_itself = place.label.partition(",")[0].casefold() == name.casefold()
    return f"Near {name} (OS Open Names)." if name and not is_itself else ""


# ── Rock ─────────────────────────────────────────────────────────────────────────────────────


def _rocks(point: shapely.Point, rocks: gpd.GeoDataFrame | None, sought: str) -> str:
    if rocks is None:
        return ""
    shapes = rocks.geometry.to_numpy()
    # A line, such as a fault's, covers no place.
    is_here = (shapely.get_dimensions(shapes) == 2) & shapely.intersects(shapes, point)  # noqa: PLR2004
    here = rocks[is_here].sort_values("rock_id")
    shown = [_rock(row) for layer in _LAYERS for _, row in here[here["layer"] == layer].iterrows()]
    if not shown:
        return ""
    listed = "; ".join(dict.fromkeys(shown))
    return f"BGS's map at 1:625 000 shows here: {listed}. At that scale it cannot locate {sought}."


def _rock(row: pd.Series) -> str:
    name, rock = str(row["name"]), row["rock"]
    said = _uncapitalised(name) if row["layer"] == "superficial" else _as_a_name(name)
    is_said = not isinstance(rock, str) or rock.casefold() == name.casefold()
    made_of = "" if is_said else f", {_uncapitalised(rock)}"
    return f"{said}{made_of} ({row['layer']})"


def _as_a_name(text: str) -> str:
    """Write a formation's name, which BGS gives in capitals, as it is written in a sentence."""
    if not text.isupper():
        return text
    lower = text.lower().split(" ")
    return " ".join(word if word in _LITTLE_WORDS else word.capitalize() for word in lower)


def _uncapitalised(text: str) -> str:
    return text.lower() if text.isupper() else text


# ── Boreholes ────────────────────────────────────────────────────────────────────────────────


def _boreholes(place: Place, point: shapely.Point, boreholes: gpd.GeoDataFrame | None) -> str:
    if boreholes is None:
        return ""
    apart_m = shapely.distance(boreholes.geometry.to_numpy(), place.geometry or point)
    n_near = int((apart_m <= BOREHOLES_WITHIN_M).sum())
    radius = wording.distance_text(BOREHOLES_WITHIN_M)
    if not n_near:
        return f"BGS's index lists no borehole within {radius}."
    first = int(np.lexsort((boreholes["borehole_id"], apart_m))[0])
    nearest = boreholes.iloc[first]
    subject = "it" if n_near == 1 else "the nearest"
    away = _away(float(apart_m[first]), place, float(nearest["position_uncertainty_m"]))
    return (
        f"BGS's index lists {wording.count_text(n_near, 'borehole')} within {radius}; "
        f"{subject} is {away} ({', '.join(_borehole(nearest))}). {_ONLY_DRILLED}"
    )


def _away(distance_m: float, place: Place, uncertainty_m: float) -> str:
    """Say how far off a borehole is, and how well that is known if the index says so."""
    if math.isfinite(uncertainty_m):
        both_m = math.hypot(place.position_uncertainty_m, uncertainty_m)
        return f"{wording.about(distance_m, both_m)} away"
    text = wording.distance_text(distance_m)
    return f"{text} away" if text.startswith("under") else f"about {text} away"


def _borehole(row: pd.Series) -> Iterator[str]:
    yield str(row["reference"])
    if row["length_m"] >= 1:
        yield f"{row['length_m']:,.0f} m deep"
    if math.isfinite(row["year"]):
        yield f"{row['year']:.0f}"


# ── Designations ─────────────────────────────────────────────────────────────────────────────


def _designations(place: Place, point: shapely.Point, designations: gpd.GeoDataFrame | None) -> str:
    if designations is None:
        return ""
    ground = place.geometry or point
    is_listed = designations["dataset"] == _LISTED
    found = (
        *_lies_in(ground, place.position_uncertainty_m, designations[~is_listed]),
        *_listed_near(ground, designations[is_listed]),
    )
    return " ".join((*found, _NOT_GROUND)) if found else ""


def _lies_in(
    ground: BaseGeometry, uncertainty_m: float, designations: gpd.GeoDataFrame
) -> Iterator[str]:
    """Name what a place lies in; where its own position leaves that open, say so."""
    shapes = designations.geometry.to_numpy()
    is_here = (shapely.get_dimensions(shapes) == 2) & shapely.intersects(shapes, ground)  # noqa: PLR2004
    may_be = shapely.buffer(ground, uncertainty_m)
    for _, row in designations[is_here].sort_values("designation_id").iterrows():
        where = "in" if shapely.covers(row["geometry"], may_be) else "in or at the edge of"
        yield f"The place lies {where} {_called(row)} ({_PLATFORM})."


def _called(row: pd.Series) -> str:
    kind = str(row["dataset"]).replace("-", " ")
    if not isinstance(row["name"], str):
        return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
    name = wording.trimmed(row["name"], _LONGEST_NAME)
    says_kind = kind.removesuffix(" area") in name.casefold()
    return f"the {name}" if says_kind else f"the {name} {kind}"


def _listed_near(ground: BaseGeometry, listed: gpd.GeoDataFrame) -> Iterator[str]:
    apart_m = shapely.distance(listed.geometry.to_numpy(), ground)
    n_near = int((apart_m <= BUILDINGS_WITHIN_M).sum())
    if n_near:
        counted = wording.count_text(n_near, "listed building")
        verb = "lies" if n_near == 1 else "lie"
        radius = wording.distance_text(BUILDINGS_WITHIN_M)
        yield f"{counted} {verb} within {radius} ({_PLATFORM})."
