"""Polygons of susceptible ground, from any vector file that GDAL reads with a declared CRS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio

from sinkwatch import geo, schemas
from sinkwatch.errors import SchemaError
from sinkwatch.sources.snapshots import take as fetch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sinkwatch.model import Area, Snapshot, SourceSpec

__all__ = ["fetch", "load"]

_SIDES: Final = ("west", "east", "north", "south")
_COLUMNS: Final = {
    "zone_id": "zone_id",
    "source_class": "class",
    "title": "title",
    "position_uncertainty_m": "position_uncertainty_m",
}
_OPTIONAL: Final = ("boundary_uncertainty_m", "version")
_WAY_OUT: Final = "Mend the file, or name its columns under 'columns' in the area file"


def load(snapshot: Snapshot, spec: SourceSpec, area: Area) -> gpd.GeoDataFrame:
    """
    Read the geology.

    Parameters
    ----------
    snapshot
        Polygons in EPSG:4326 or EPSG:27700 with a class, a title, an id and an uncertainty,
        metres; `boundary_uncertainty_m` may hold one number for each side, null where drawing
        stopped. Without it every side is known as well as the polygon.
    spec
        The source; its option ``columns`` maps our names to the file's, without regard to case.
    area
        The area.

    Returns
    -------
    geology
        Frame of `schemas.GEOLOGY`, EPSG:27700, ordered by `zone_id`.

    Raises
    ------
    SchemaError
        If it cannot be read, or anything is not as promised.
    CoverageError
        If a vertex lies outside Great Britain.
    """
    del area
    name = f"{snapshot.source} ({snapshot.url})"
    frame = geo.frame_to_bng(_read(snapshot, name), name=name)
    named = _named(frame, spec.options.get("columns"), name)
    texts = ("zone_id", "source_class", "title", "version")
    uncertainty_m = _numbers(named, named["position_uncertainty_m"], name)
    geology = gpd.GeoDataFrame(
        {
            **{column: named[column].astype("str") for column in texts if column in named},
            "position_uncertainty_m": uncertainty_m,
            **_sides(named, uncertainty_m, name),
        },
        geometry=frame.geometry,
        crs=geo.BNG,
    )
    return schemas.GEOLOGY.check(geology).sort_values("zone_id", ignore_index=True)


def _read(snapshot: Snapshot, name: str) -> gpd.GeoDataFrame:
    try:
        frame = gpd.read_file(snapshot.path)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise SchemaError(
            name, [f"it cannot be read as a map layer ({error})"], _WAY_OUT
        ) from error
    if not isinstance(frame, gpd.GeoDataFrame):
        raise SchemaError(name, ["it holds no geometry"], _WAY_OUT)
    return frame


def _named(frame: gpd.GeoDataFrame, columns: object, name: str) -> pd.DataFrame:
    """Return the columns that we read, under our names."""
    given = {str(ours): str(theirs) for ours, theirs in _mapping(columns).items()}
    wanted = {**_COLUMNS, **given}
    held = {str(column).casefold(): str(column) for column in frame.columns}
    faults = [
        f"'columns' names {ours}, which is none of {', '.join((*_COLUMNS, *_OPTIONAL))}"
        for ours in given
        if ours not in (*_COLUMNS, *_OPTIONAL)
    ]
    faults += [
        f"column {theirs} is missing" for theirs in wanted.values() if theirs.casefold() not in held
    ]
    if faults:
        raise SchemaError(name, faults, _WAY_OUT)
    wanted = {**{ours: ours for ours in _OPTIONAL if ours in held}, **wanted}
    return pd.DataFrame({ours: frame[held[theirs.casefold()]] for ours, theirs in wanted.items()})


def _mapping(value: object) -> Mapping[Any, Any]:
    return value if isinstance(value, dict) else {}


def _numbers(named: pd.DataFrame, values: pd.Series[Any], name: str) -> pd.Series[float]:
    """Read uncertainties, metres; NaN where there is none."""
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    wrong = values.notna() & ~np.isfinite(numbers)
    if wrong.any():
        faults = [
            f'zone {zone}: {values.name} "{value}" is not a number of metres'
            for zone, value in zip(named["zone_id"][wrong], values[wrong], strict=True)
        ]
        raise SchemaError(name, faults, _WAY_OUT)
    return numbers


def _sides(
    named: pd.DataFrame, uncertainty_m: pd.Series[float], name: str
) -> Mapping[str, pd.Series[float]]:
    """Return the uncertainty of each side, metres; NaN where drawing stopped."""
    if "boundary_uncertainty_m" not in named.columns:
        return {f"{side}_uncertainty_m": uncertainty_m for side in _SIDES}
    rows = zip(named["zone_id"], named["boundary_uncertainty_m"], uncertainty_m, strict=True)
    given = [_sides_of(zone, value, whole_m, name) for zone, value, whole_m in rows]
    return {
        f"{side}_uncertainty_m": _numbers(
            named,
            pd.Series([sides[side] for sides in given], index=named.index, name=side, dtype=object),
            name,
        )
        for side in _SIDES
    }


def _sides_of(zone: object, value: object, whole_m: float, name: str) -> Mapping[str, Any]:
    """Read one cell; an empty one says nothing of the sides, so each is as the whole."""
    if value is None or value != value:  # noqa: PLR0124 - NaN is not itself
        return dict.fromkeys(_SIDES, whole_m)
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        parsed = value
    # A side left out would read as "only where drawing stopped" and hide a line.
    if not isinstance(parsed, dict) or not set(_SIDES) <= set(parsed):
        fault = f'zone {zone}: boundary_uncertainty_m "{value}" does not give all four of '
        raise SchemaError(name, [f"{fault}{', '.join(_SIDES)}"], _WAY_OUT)
    return parsed
