"""The shapes of planning.data.gov.uk: read from GeoJSON, mended a little or not used at all."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import shapely

from sinkwatch.sources.planning.planning_data_kept import refusal
from sinkwatch.sources.strict_json import strict_json

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

MOST_VERTICES: Final = 100_000
"""Corners that one shape may have (sinkwatch data gates)."""

_MOST_REPAIRED: Final = 0.01  # share of its area by which a repair may change a shape (data gates)
_POINT: Final = re.compile(
    r"POINT ?\((-?\d{1,3}(?:\.\d{1,20})?) (-?\d{1,3}(?:\.\d{1,20})?)\)", re.ASCII
)
_GROUNDS: Final = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


def read_shapes(content: bytes, *, name: str) -> dict[int, BaseGeometry]:
    """
    Read the shapes of one page of a listing.

    Parameters
    ----------
    content
        GeoJSON, longitude and latitude.
    name
        What it is, for the message.

    Returns
    -------
    shapes
        By number of the entity.

    Raises
    ------
    SchemaError
        If it is no FeatureCollection, or a feature has no number or no shape that can be read.
    """
    document = strict_json(content, name=name)
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list) or document.get("type") != "FeatureCollection":
        raise refusal(name, "it is JSON, but no FeatureCollection of GeoJSON")
    found = [_shape(feature, name) for feature in features]
    if len({number for number, _ in found}) < len(found):
        raise refusal(name, "it holds two shapes of one entity")
    return dict(found)


def _shape(feature: object, name: str) -> tuple[int, BaseGeometry]:
    given = feature if isinstance(feature, dict) else {}
    properties = given.get("properties")
    number = properties.get("entity") if isinstance(properties, dict) else None
    if not isinstance(number, int) or isinstance(number, bool):
        raise refusal(name, f"a feature has no number of an entity: {str(feature)[:80]}")
    try:
        shape = shapely.from_geojson(json.dumps(given.get("geometry")))
    except (shapely.errors.ShapelyError, TypeError) as error:
        raise refusal(name, f"the shape of entity {number} cannot be read ({error})") from error
    return number, shape


def point(text: str) -> shapely.Point | None:
    """
    Read a point written as WKT.

    Parameters
    ----------
    text
        Such as "POINT (-1.5201 54.1402)".

    Returns
    -------
    point
        EPSG:4326; None if it is anything else.
    """
    found = _POINT.fullmatch(text.strip())
    return None if found is None else shapely.Point(float(found[1]), float(found[2]))


def mended(shape: BaseGeometry | None) -> BaseGeometry | None:
    """
    Return a shape that does not cross itself.

    Parameters
    ----------
    shape
        As it came, EPSG:4326.

    Returns
    -------
    shape
        Point or ground; None if it is neither, is empty or too large, or would change by more
        than 1 % of its area.
    """
    if shape is None or shape.is_empty or shapely.get_num_coordinates(shape) > MOST_VERTICES:
        return None
    flat = shapely.force_2d(shape)
    if flat.geom_type == "Point" or (_is_ground(flat) and flat.is_valid):
        return flat
    return _repaired(flat) if _is_ground(flat) else None


def _is_ground(shape: BaseGeometry) -> bool:
    return not shape.is_empty and shapely.get_type_id(shape) in _GROUNDS


def _repaired(shape: BaseGeometry) -> BaseGeometry | None:
    made = shapely.make_valid(shape, method="structure", keep_collapsed=False)
    change = abs(made.area - shape.area)
    return made if _is_ground(made) and change <= _MOST_REPAIRED * made.area else None
