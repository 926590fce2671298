"""The entities of planning.data.gov.uk as they are kept: written and read again, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import shapely

from sinkwatch.errors import SchemaError
from sinkwatch.sources.strict_json import strict_json

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_WAY_OUT: Final = "Nothing of it has been used; the next run asks again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """
    One thing that the platform knows, as it is kept: what is needed of it, and no more.

    Attributes
    ----------
    entity
        Its number.
    dataset, reference, name, organisation, description, address, decision, link
        As the platform writes them; empty if it says nothing.
    started_on, decided_on
        Dates, YYYY-MM-DD; empty if not said.
    shape
        Point, polygon or several, longitude and latitude, EPSG:4326.
    """

    entity: int
    dataset: str
    reference: str
    name: str
    organisation: str
    description: str
    address: str
    decision: str
    link: str
    started_on: str
    decided_on: str
    shape: BaseGeometry


def refusal(name: str, *faults: str) -> SchemaError:
    """
    Say that an answer cannot be used.

    Parameters
    ----------
    name
        What it is.
    *faults
        Each a short sentence without its full stop.

    Returns
    -------
    error
        To be raised.
    """
    return SchemaError(name, faults, _WAY_OUT)


def dumped(entities: Iterable[Entity]) -> bytes:
    """
    Write the entities, equal ones as equal bytes.

    Parameters
    ----------
    entities
        What `checked` returns.

    Returns
    -------
    content
        GeoJSON, EPSG:4326, a feature a line.
    """
    lines = [
        json.dumps(
            {
                "type": "Feature",
                "properties": _properties(entity),
                "geometry": json.loads(shapely.to_geojson(entity.shape)),
            },
            ensure_ascii=False, sort_keys=True, allow_nan=False,
        )
        for entity in entities
    ]  # fmt: skip
    return ('{"type": "FeatureCollection", "features": [\n' + ",\n".join(lines) + "\n]}\n").encode()


def _properties(entity: Entity) -> dict[str, object]:
    names = [name for name in Entity.__dataclass_fields__ if name != "shape"]
    return {name: getattr(entity, name) for name in names}


def loaded(content: bytes, *, name: str) -> tuple[Entity, ...]:
    """
    Read the entities again.

    Parameters
    ----------
    content
        What `dumped` returned.
    name
        What it is, for the message.

    Returns
    -------
    entities
        In the same order.

    Raises
    ------
    SchemaError
        If sinkwatch did not write it.
    """
    document = strict_json(content, name=name)
    try:
        return tuple(
            Entity(
                **feature["properties"],
                shape=shapely.from_geojson(json.dumps(feature["geometry"])),
            )
            for feature in document["features"]
        )
    except (TypeError, KeyError, shapely.errors.ShapelyError) as error:
        raise refusal(name, f"it is no list that sinkwatch wrote ({error})") from error
