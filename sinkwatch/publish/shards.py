"""What the look-up is answered from: a file per outcode, so no server learns more than that."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from sinkwatch import gazetteer, public, wording
from sinkwatch.model import Band, PlaceKind
from sinkwatch.publish import locations, nearby

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd
    from numpy.typing import NDArray

    from sinkwatch.model import Findings
    from sinkwatch.public import Row
    from sinkwatch.publish.publication import Publication

STREETS: Final = f"{locations.LOOK_UP}/streets.json"
"""Path of the streets inside the site."""

EXTENTS: Final = f"{locations.LOOK_UP}/extents.json"
"""Path inside the site of where each outcode's postcodes lie: a grid reference then asks for the
few files round it, and not for all 2,900 of the country."""

FEW: Final = 10
"""Outcodes of which a grid reference simply asks for all; with more, there is `EXTENTS`."""

_ROUNDED_TO_M: Final = 10
"""Centres of postcodes and streets are known to no better than this, metres."""

_NAMED: Final = (PlaceKind.STREET, PlaceKind.LANDMARK, PlaceKind.VILLAGE)
_LONGEST: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class _Near:
    """What has a page and a published position, and where each of it lies."""

    paths: tuple[str, ...]
    titles: tuple[str, ...]
    at: NDArray[np.float64]
    uncertainty_m: NDArray[np.float64]


def by_outcode(publication: Publication) -> dict[str, bytes]:
    """
    Make the file of every outcode.

    Parameters
    ----------
    publication
        The edition.

    Returns
    -------
    files
        JSON by path inside the site; a postcode without the form of one is in none of them.
    """
    bands = _bands(publication.findings)
    return {
        path_of(outcode): _dumped({"bands": bands, "postcodes": answers})
        for outcode, answers in _answers(publication).items()
    }


def extents(publication: Publication) -> bytes:
    """
    Make the file that says where each outcode's postcodes lie.

    Parameters
    ----------
    publication
        The edition.

    Returns
    -------
    content
        JSON: by outcode, least easting and northing and greatest, metres, EPSG:27700.
    """
    boxes: dict[str, list[int]] = {}
    for postcode, centre in sorted(_centres(publication.findings.postcodes).items()):
        easting, northing = _rounded(*centre[:2]).values()
        outcode = postcode.partition(" ")[0]
        held = boxes.get(outcode, [easting, northing, easting, northing])
        least = [min(held[0], easting), min(held[1], northing)]
        boxes[outcode] = [*least, max(held[2], easting), max(held[3], northing)]
    return _dumped({"extents": boxes})


def path_of(outcode: str) -> str:
    """
    Return where the file of an outcode lies.

    Parameters
    ----------
    outcode
        Such as "HG4".

    Returns
    -------
    path
        Inside the site, such as "check/HG4.json".
    """
    return f"{locations.LOOK_UP}/{outcode}.json"


def streets(findings: Findings) -> bytes:
    """
    Make the file of streets, villages and landmarks.

    Parameters
    ----------
    findings
        Of one run.

    Returns
    -------
    content
        JSON: name, position and nearest postcode, which is empty if none lies near.
    """
    is_named = findings.places["kind"].isin(list(_NAMED))
    ordered = findings.places[is_named].sort_values(["name", "place_id"])
    centres = _centres(findings.postcodes)
    found = [
        {
            "name": wording.trimmed(public.text(row, "name"), _LONGEST),
            **_rounded(point.x, point.y),
            "postcode": _nearest(centres, (point.x, point.y)),
        }
        for row, point in zip(public.rows(ordered), public.points(ordered), strict=True)
        if point is not None
    ]
    return _dumped({"streets": found})


def _answers(publication: Publication) -> dict[str, dict[str, object]]:
    findings, near = publication.findings, _near(publication)
    centres = _centres(findings.postcodes)
    listed = _listed(centres, near)
    ordered = findings.postcode_bands.sort_values("place_id")
    answers: dict[str, dict[str, object]] = {}
    for row in public.rows(ordered):
        postcode = str(row["place_id"])
        # What has not the form of a postcode can be asked for by nobody, and may not name a file.
        if gazetteer.normalised_postcode(postcode) == postcode and postcode in centres:
            shard = answers.setdefault(postcode.partition(" ")[0], {})
            shard[postcode] = _answer(row, centres[postcode], near, listed[postcode])
    return answers


def _listed(centres: Mapping[str, tuple[float, float, float]], near: _Near) -> dict[str, list[int]]:
    """Return what may lie near each postcode: to measure all from all takes days for a country."""
    points = shapely.points([centre[:2] for centre in centres.values()] or np.empty((0, 2)))
    found: dict[str, list[int]] = {postcode: [] for postcode in centres}
    names = [*centres]
    tree = shapely.STRtree(np.asarray(shapely.points(near.at), dtype=object))
    # A metre more, so that the distances that are told decide.
    pairs = tree.query(points, predicate="dwithin", distance=nearby.WITHIN_M + 1)
    for which, other in pairs.T.tolist():
        found[names[which]].append(other)
    return found


def _answer(
    row: Row, centre: tuple[float, float, float], near: _Near, indices: list[int]
) -> dict[str, object]:
    easting, northing, uncertainty_m = centre
    away_m = np.hypot(*(near.at[indices].reshape(-1, 2) - (easting, northing)).T)
    listed = sorted(
        (round(float(metres), 3), near.paths[i], i)
        for metres, i in zip(away_m, indices, strict=True)
        if metres <= nearby.WITHIN_M
    )
    return {
        "band": Band(int(public.number(row, "band") or 0)).key,
        **_rounded(easting, northing),
        "near": [
            [path, near.titles[i], _words(distance_m, uncertainty_m, float(near.uncertainty_m[i]))]
            for distance_m, path, i in listed
        ],
    }


def _words(distance_m: float, of_postcode_m: float, of_thing_m: float) -> str:
    return wording.about(distance_m, math.hypot(of_postcode_m, of_thing_m))


def _near(publication: Publication) -> _Near:
    placed = [
        (thing, thing.geometry)
        for thing in publication.things.with_pages()
        if thing.geometry is not None
    ]
    return _Near(
        paths=tuple(locations.page_in(thing.folder) for thing, _ in placed),
        titles=tuple(
            wording.trimmed(f"{thing.kind.capitalize()}: {thing.name}", _LONGEST)
            for thing, _ in placed
        ),
        at=np.array([(point.x, point.y) for _, point in placed]).reshape(-1, 2),
        uncertainty_m=np.array([thing.uncertainty_m or 0.0 for thing, _ in placed]),
    )


def _centres(postcodes: gpd.GeoDataFrame) -> dict[str, tuple[float, float, float]]:
    return {
        str(row["postcode"]): (
            point.x,
            point.y,
            public.number(row, "position_uncertainty_m") or 0.0,
        )
        for row, point in zip(public.rows(postcodes), public.points(postcodes), strict=True)
        if point is not None
    }


def _nearest(centres: Mapping[str, tuple[float, float, float]], at: tuple[float, float]) -> str:
    """Return the postcode whose centre lies nearest; empty if none lies near."""
    away_m = {name: math.dist(centre[:2], at) for name, centre in centres.items()}
    found = min(away_m, key=lambda name: (away_m[name], name), default="")
    return found if found and away_m[found] <= nearby.WITHIN_M else ""


def _bands(findings: Findings) -> dict[str, dict[str, str]]:
    styles = findings.area.parameters.table.styles
    return {
        band.key: {
            "label": styles[band].label,
            "meaning": styles[band].meaning,
            "advice": styles[band].advice,
        }
        for band in sorted(styles)
    }


def _rounded(easting: float, northing: float) -> dict[str, int]:
    return {
        "easting": round(easting / _ROUNDED_TO_M) * _ROUNDED_TO_M,
        "northing": round(northing / _ROUNDED_TO_M) * _ROUNDED_TO_M,
    }


def _dumped(value: Mapping[str, object]) -> bytes:
    plain = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return f"{plain}\n".encode()
