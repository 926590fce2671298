"""What the map draws and what it says of it, kept apart: folium is given shapes, never words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

Style: TypeAlias = Mapping[str, object]
Words: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """
    One thing on the map.

    Attributes
    ----------
    shape_id
        Unique on the map, of plain characters: it stands in a script.
    geometry
        EPSG:27700.
    style
        Leaflet's path options; empty for a mark or a name.
    words
        What our own script makes of it: `mark`, `card` or `label`, JSON-able. Text from outside
        stands nowhere else: folium's output is read as a template once more, which would run it.
    """

    shape_id: str
    geometry: BaseGeometry
    style: Style = field(default_factory=dict)
    words: Words = field(default_factory=dict)
