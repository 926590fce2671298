"""The shapes of OS OpenMap Local: checked, clipped, and no finer than a map can show."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from sinkwatch import geo, wording
from sinkwatch.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sinkwatch.model import Bounds

MOST_VERTICES: Final = 100_000
"""Corners of one shape (sinkwatch data gates)."""

MOST_REJECTED: Final = 0.05
"""Share of rows whose geometry may be of no use (sinkwatch data gates)."""

MOST_REPEATED: Final = 0.2
"""Share of rows that may be there twice within one layer (sinkwatch data gates)."""

MOST_REPAIRED: Final = 0.01
"""Share of its area by which the repair of a shape may change it (sinkwatch data gates)."""

GRID_M: Final = 0.1
"""Coordinates are kept to this, metres: OpenMap Local is drawn for 1:10 000, where a tenth of a
metre is a hundredth of a millimetre."""

_WAY_OUT: Final = "What is held stays in use; look at what has changed in it"
_ID: Final = re.compile(r"[\w{}.:-]{1,64}", re.ASCII)
_NAMES: Final = ("distname", "distinctivename", "distinctive_name", "name")
_CLASSES: Final = ("classifica", "classification")
_MAIN_ROADS: Final = ("motorway", "primary road", "a road", "b road")
_MINOR_ROADS: Final = ("minor road",)
_MOST_NAME: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """
    What one layer of OpenMap Local becomes.

    Attributes
    ----------
    layer
        Which layer of the backdrop.
    dimensions
        1 for lines, 2 for areas.
    detail_m
        Detail that may be left out, metres.
    """

    layer: str
    dimensions: int
    detail_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """
    The part of a layer that a map needs.

    Attributes
    ----------
    frame
        Columns of `schemas.BACKDROP` and `road_class` (main, minor or local; null for what is no
        road), EPSG:27700.
    n_rejected
        Rows left out for their geometry.
    n_repeated
        Rows left out since their id was there before.
    """

    frame: gpd.GeoDataFrame
    n_rejected: int
    n_repeated: int


def drawn(frame: gpd.GeoDataFrame, theme: Theme, bounds: Bounds, *, name: str) -> Drawn:
    """
    Make of a layer what a map needs of it.

    Parameters
    ----------
    frame
        The layer's rows that touch the area, columns in small letters, EPSG:27700.
    theme
        What it becomes.
    bounds
        What is kept, EPSG:27700 metres.
    name
        What the layer is called, for messages.

    Returns
    -------
    drawn
        Rows in the order of the file; a shape of which nothing is left is none.

    Raises
    ------
    SchemaError
        If too many rows are of no use, or there twice.
    """
    shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
    sound, is_usable = _sound(shapes, theme)
    _refuse_share(is_usable, name)
    ids = _ids(frame, shapes, theme)
    is_first = ~ids.duplicated().to_numpy()
    n_repeated = int((~is_first).sum())
    if n_repeated > MOST_REPEATED * len(frame):
        raise SchemaError(
            name, [f"{n_repeated:,} of its {len(frame):,} rows are there twice"], _WAY_OUT
        )
    kept = is_usable & is_first
    geometry = _clipped(sound[kept], theme, bounds)
    table = pd.DataFrame(
        {
            "feature_id": ids[kept].to_numpy(),
            "layer": theme.layer,
            "name": _names(frame)[kept].to_numpy(),
            "road_class": _road_classes(frame, theme)[kept].to_numpy(),
        },
        dtype="str",
    )
    left = ~shapely.is_empty(geometry)
    return Drawn(
        frame=gpd.GeoDataFrame(table[left], geometry=geometry[left], crs=geo.BNG),
        n_rejected=int((~is_usable).sum()),
        n_repeated=n_repeated,
    )


def _refuse_share(is_usable: NDArray[np.bool_], name: str) -> None:
    n_rejected = int((~is_usable).sum())
    if n_rejected > MOST_REJECTED * len(is_usable):
        fault = (
            f"{n_rejected:,} of its {len(is_usable):,} shapes are missing, of another kind, or "
            "cross themselves beyond repair"
        )
        raise SchemaError(name, [fault], _WAY_OUT)


def _sound(
    shapes: NDArray[np.object_], theme: Theme
) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """Return the shapes, repaired where that hardly changes them, and which can be used."""
    usable = (
        (shapely.get_dimensions(shapes) == theme.dimensions)  # missing or empty: -1
        & (shapely.get_type_id(shapes) != shapely.GeometryType.GEOMETRYCOLLECTION)
        & (shapely.get_num_coordinates(shapes) <= MOST_VERTICES)
        & np.isfinite(shapely.length(shapes))
    )
    crossed = usable & ~shapely.is_valid(shapes)
    if crossed.any():
        shapes = shapes.copy()
        before = shapely.area(shapes[crossed])
        repaired = _of_dimension(shapely.make_valid(shapes[crossed]), theme.dimensions)
        # A bow tie has no area of its own to speak of: it is not mended but drawn anew.
        usable[crossed] = np.abs(shapely.area(repaired) - before) <= MOST_REPAIRED * before
        shapes[crossed] = repaired
    return shapes, usable


def _clipped(shapes: NDArray[np.object_], theme: Theme, bounds: Bounds) -> NDArray[np.object_]:
    """Return what lies inside, at the detail that a map can show."""
    inside = shapely.make_valid(shapely.clip_by_rect(shapes, *bounds.as_tuple()))
    simpler = shapely.simplify(_of_dimension(inside, theme.dimensions), theme.detail_m)
    return _of_dimension(shapely.set_precision(simpler, GRID_M), theme.dimensions)


def _of_dimension(shapes: NDArray[np.object_], dimensions: int) -> NDArray[np.object_]:
    """Leave out what a cut or a repair has reduced to lines or points."""
    mixed = shapely.get_type_id(shapes) == shapely.GeometryType.GEOMETRYCOLLECTION
    wrong = shapely.get_dimensions(shapes) != dimensions
    joined = shapely.multipolygons if dimensions == 2 else shapely.multilinestrings  # noqa: PLR2004
    found = shapes.copy()
    for at in np.flatnonzero(mixed | wrong):
        parts = shapely.get_parts(shapely.get_parts(shapes[at]))
        found[at] = joined(parts[shapely.get_dimensions(parts) == dimensions])
    return found


def _ids(frame: gpd.GeoDataFrame, shapes: NDArray[np.object_], theme: Theme) -> pd.Series[Any]:
    """Return OS's own ids; a row without one is known by its shape, the same in every square."""
    given = _texts(frame, ("id",))
    known = given.str.fullmatch(_ID).fillna(value=False).astype(bool)
    ids = [
        text if is_known else f"{theme.layer}-{_digest(shape)}"
        for text, is_known, shape in zip(given, known, shapes, strict=True)
    ]
    return pd.Series(ids, index=frame.index, dtype="str")


def _digest(shape: shapely.Geometry | None) -> str:
    return hashlib.sha256(b"" if shape is None else shapely.to_wkb(shape)).hexdigest()[:16]


def _names(frame: gpd.GeoDataFrame) -> pd.Series[Any]:
    names = _texts(frame, _NAMES)
    return names.map(
        lambda text: wording.trimmed(wording.clean(text), _MOST_NAME) or None, na_action="ignore"
    ).astype("str")


def _road_classes(frame: gpd.GeoDataFrame, theme: Theme) -> pd.Series[Any]:
    classes = pd.Series(None, index=frame.index, dtype="str")
    if theme.layer != "road":
        return classes
    said = _texts(frame, _CLASSES).str.casefold().fillna("")
    classes[:] = "local"
    classes[said.str.startswith(_MINOR_ROADS)] = "minor"
    classes[said.str.startswith(_MAIN_ROADS)] = "main"
    return classes


def _texts(frame: gpd.GeoDataFrame, names: Sequence[str]) -> pd.Series[Any]:
    """Return the first of these columns that is there, as text; nothing if none is."""
    name = next((name for name in names if name in frame.columns), None)
    if name is None:
        return pd.Series(None, index=frame.index, dtype="str")
    return frame[name].astype("str")
