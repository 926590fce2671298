"""GeoJSON as RFC 7946 wants it: degrees with six decimals, exterior rings anticlockwise."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import shapely

from sinkwatch import geo

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

Feature: TypeAlias = dict[str, object]
Collection: TypeAlias = dict[str, object]

DECIMALS: Final = 6
"""Of a degree: about 0.1 m, and as many as RFC 7946 calls reasonable (section 11.2)."""


def feature(
    feature_id: str, geometry: BaseGeometry | None, properties: Mapping[str, object]
) -> Feature:
    """
    Return one feature.

    Parameters
    ----------
    feature_id
        Unique in its collection.
    geometry
        EPSG:27700; None for what is listed and not drawn.
    properties
        JSON-able values.

    Returns
    -------
    feature
        In EPSG:4326.
    """
    return {
        "type": "Feature",
        "id": feature_id,
        "geometry": _shape(geometry),
        "properties": dict(properties),
    }


def collection(features: Iterable[Feature]) -> Collection:
    """
    Return a feature collection.

    Parameters
    ----------
    features
        In the order in which they are drawn.

    Returns
    -------
    collection
        The features.
    """
    return {"type": "FeatureCollection", "features": list(features)}


def dump(features: Iterable[Feature], about: Mapping[str, object] | None = None) -> bytes:
    """
    Write features as a file, one a line.

    Parameters
    ----------
    features
        In the order of the file.
    about
        What the file says of itself before its features, JSON-able: RFC 7946 calls them foreign
        members (section 6.1), and a program that does not know them passes them over.

    Returns
    -------
    content
        A feature collection, UTF-8.
    """
    return written((line(each) for each in features), about)


def line(feature: Feature) -> str:
    """
    Write one feature.

    Parameters
    ----------
    feature
        The feature.

    Returns
    -------
    line
        Of a file.
    """
    return _dumps(feature)


def written(lines: Iterable[str], about: Mapping[str, object] | None = None) -> bytes:
    """
    Write a file of features that are written already: feeds share most of theirs.

    Parameters
    ----------
    lines
        As `line` returns them.
    about
        As `dump` has it.

    Returns
    -------
    content
        A feature collection, UTF-8.
    """
    members = "".join(f",{_dumps(name)}:{_dumps(value)}" for name, value in (about or {}).items())
    features = ",\n".join(lines)
    return f'{{"type":"FeatureCollection"{members},"features":[\n{features}\n]}}\n'.encode()


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _shape(geometry: BaseGeometry | None) -> dict[str, object] | None:
    if geometry is None or geometry.is_empty:
        return None
    shape: dict[str, object] = json.loads(_text(geometry))
    return shape


@functools.lru_cache(maxsize=20_000)  # each shape is drawn on both pages, and on the next day's
def _text(geometry: BaseGeometry) -> str:
    oriented = shapely.orient_polygons(shapely.transform(shapely.force_2d(geometry), _to_degrees))
    return str(shapely.to_geojson(oriented))


def _to_degrees(coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
    longitude, latitude = geo.to_wgs84(coordinates[:, 0], coordinates[:, 1])
    return np.column_stack([longitude, latitude]).round(DECIMALS)
