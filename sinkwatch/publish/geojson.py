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


def dump(features: Iterable[Feature]) -> bytes:
    """
    Write features as a file, one a line.

    Parameters
    ----------
    features
        In the order of the file.

    Returns
    -------
    content
        A feature collection, UTF-8.
    """
    lines = ",\n".join(_dumps(each) for each in features)
    return f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n'.encode()


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
