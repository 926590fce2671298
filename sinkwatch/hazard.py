"""Geology into susceptibility zones, with the lines between them and how well each is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import geopandas as gpd
import numpy as np
import shapely

from sinkwatch import geo, schemas
from sinkwatch.errors import ConfigError, SchemaError
from sinkwatch.model import Bounds, GeologyClass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

_Ends: TypeAlias = "tuple[tuple[float, ...], tuple[float, ...]]"

_CLASSES: Final = {"A": GeologyClass.A, "B": GeologyClass.B, "C": GeologyClass.C}
_SIDES: Final = ("north", "east", "south", "west")
_WINDOW: Final = "drawn_within"
_SLACK_M: Final = 0.001  # a cut lies on its window to a rounding error


def zones(geology: gpd.GeoDataFrame, classes: Mapping[str, str]) -> gpd.GeoDataFrame:
    """
    Turn geology into zones of our own three classes.

    Parameters
    ----------
    geology
        Frame of `schemas.GEOLOGY`, EPSG:27700.
    classes
        The source's class to ours, such as ``{"E": "C", "D": "C", "C": "B"}``.

    Returns
    -------
    zones
        Frame of `schemas.ZONES`, EPSG:27700, ordered by `zone_id`, with the source's columns kept.

    Raises
    ------
    ConfigError
        If a class of ours in `classes` is none of A, B and C.
    SchemaError
        If the source holds a class that has no meaning here: it is never read as "no hazard".
    """
    schemas.GEOLOGY.check(geology)
    strangers = sorted(set(classes.values()) - set(_CLASSES))
    if strangers:
        raise ConfigError(
            f"class {', '.join(strangers)}",
            "is none of sinkwatch's classes",
            f"Under 'classes' in the area file, map to {', '.join(_CLASSES)}",
        )
    unknown = sorted(set(geology["source_class"]) - set(classes))
    if unknown:
        raise SchemaError(
            "geology",
            [f"class {', '.join(unknown)} has no meaning here"],
            f"Name it under 'classes' in the area file; known are {', '.join(sorted(classes))}",
        )
    codes = np.array([_CLASSES[classes[name]] for name in geology["source_class"]], dtype=np.int8)
    ordered = geology.assign(geology_class=codes).sort_values("zone_id", ignore_index=True)
    return schemas.ZONES.check(ordered)


def edges(zones: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """
    Find the lines round the zones that mean something in the ground.

    A side without an uncertainty is only where drawing stopped and is left out; a line that
    two zones share is given once, with the greater uncertainty of the two. Zones share a line
    where they share its vertices, as those that were cut from one drawing do. Neither is a line
    along which a zone was cut to the window in `drawn_within`, if there is such a column.

    Parameters
    ----------
    zones
        What `zones` returns, EPSG:27700.

    Returns
    -------
    edges
        Frame of `schemas.EDGES`, EPSG:27700: one row per zone and uncertainty.
    """
    lines: dict[tuple[str, float], list[_Ends]] = {}
    for ends, owner in _owners(zones).items():
        lines.setdefault(owner, []).append(ends)
    owners = sorted(lines)
    frame = gpd.GeoDataFrame(
        {
            "edge_id": [f"{zone_id}-{uncertainty_m:.10g}" for zone_id, uncertainty_m in owners],
            "zone_id": [zone_id for zone_id, _ in owners],
            "uncertainty_m": [uncertainty_m for _, uncertainty_m in owners],
        },
        geometry=[shapely.line_merge(shapely.multilinestrings(lines[owner])) for owner in owners],
        crs=geo.BNG,
    )
    return schemas.EDGES.check(frame)


def _owners(zones: gpd.GeoDataFrame) -> dict[_Ends, tuple[str, float]]:
    """Give each stretch of line to the zone that knows it worst, the first by id among equals."""
    owners: dict[_Ends, tuple[str, float]] = {}
    for zone_id, ends, uncertainty_m in _stretches(zones.sort_values("zone_id")):
        _, held_m = owners.get(ends, ("", 0.0))
        if uncertainty_m > held_m:
            owners[ends] = (zone_id, uncertainty_m)
    return owners


def _stretches(zones: gpd.GeoDataFrame) -> Iterator[tuple[str, _Ends, float]]:
    by_side = zones[[f"{side}_uncertainty_m" for side in _SIDES]].to_numpy(dtype=np.float64)
    windows = zones[_WINDOW] if _WINDOW in zones else [None] * len(zones)
    rows = zip(zones["zone_id"], zones.geometry.to_numpy(), by_side, windows, strict=True)
    for zone_id, geometry, uncertainties_m, window in rows:
        for ring in _rings(geometry):
            sides_m = np.where(_along(window, ring), np.nan, uncertainties_m[_sides(ring)])
            for first, second, uncertainty_m in zip(ring[:-1], ring[1:], sides_m, strict=True):
                if np.isfinite(uncertainty_m):
                    ends = sorted(tuple(np.round(end, 1).tolist()) for end in (first, second))
                    yield zone_id, (ends[0], ends[1]), float(uncertainty_m)


def _rings(geometry: shapely.Geometry) -> list[NDArray[np.float64]]:
    parts = shapely.get_parts(shapely.orient_polygons(geometry))
    return [shapely.get_coordinates(ring) for ring in shapely.get_rings(parts)]


def _along(window: object, ring: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which segments of a ring run along an edge of the window that cut its zone."""
    if not isinstance(window, Bounds):
        return np.zeros(len(ring) - 1, dtype=np.bool_)
    limits = np.array(window.as_tuple()).reshape(2, 1, 2)
    # By edge (south-west, north-east), corner of the ring, and axis.
    is_on = np.abs(ring[None, :, :] - limits) < _SLACK_M
    return np.asarray((is_on[:, :-1] & is_on[:, 1:]).any(axis=(0, 2)), dtype=np.bool_)


def _sides(ring: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the index in `_SIDES` that each segment of a ring looks out to."""
    # Outer rings run counter-clockwise and holes clockwise, so that the zone is to the left and
    # the outward normal of a segment (de, dn) is (dn, -de); its bearing is that from north.
    along = np.diff(ring, axis=0)
    bearing_degrees = np.degrees(np.arctan2(along[:, 1], -along[:, 0]))
    return np.round(bearing_degrees / 90).astype(np.int64) % len(_SIDES)
