"""Layers as one GeoPackage: the same layers on the same day give the same bytes."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio

from sinkwatch import geo
from sinkwatch.errors import StoreError
from sinkwatch.publish.evidence import columns

if TYPE_CHECKING:
    from datetime import date

    from sinkwatch.public import Row
    from sinkwatch.publish.evidence.layers import Layer

ABOUT: Final = "about"
"""Table that says what the file is and what its columns mean."""

_VERSION: Final = "1.2"  # of GeoPackage, of 2018: offices keep their programs for long

_WHOLE: Final = frozenset({"number"})
_NUMBERS: Final = frozenset({"easting", "northing"})
_CONFIG_IS_SHARED: Final = threading.Lock()  # by all threads: GDAL's options are the process's


def dumped(layers: Sequence[Layer], about: Sequence[Row], *, made_on: date) -> bytes:
    """
    Write layers and what is said of them.

    Parameters
    ----------
    layers
        In the order in which they are drawn.
    about
        Rows of `columns.ABOUT`.
    made_on
        Day that the file names as its last change.

    Returns
    -------
    content
        A GeoPackage, EPSG:27700.

    Raises
    ------
    StoreError
        If the folder for temporary files cannot be written to.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="sinkwatch-") as folder, _as_of(made_on):
            path = Path(folder) / "evidence.gpkg"
            _write(path, layers, about)
            return path.read_bytes()
    except (OSError, RuntimeError) as error:  # of GDAL's, all are one or the other
        raise StoreError(
            tempfile.gettempdir(),
            "a GeoPackage cannot be written there",
            "Free some space, or name another folder in TMPDIR",
        ) from error


def _write(path: Path, layers: Sequence[Layer], about: Sequence[Row]) -> None:
    for layer in layers:
        pyogrio.write_dataframe(
            _frame(layer),
            path,
            layer=layer.name,
            geometry_type=layer.geometry_type,
            append=path.exists(),
            dataset_options={"VERSION": _VERSION},
        )
    said = pd.DataFrame(list(about), columns=list(columns.ABOUT)).astype("str")
    pyogrio.write_dataframe(said, path, layer=ABOUT, append=path.exists())


@contextmanager
def _as_of(made_on: date) -> Iterator[None]:
    """Have GDAL write that day instead of the present moment, and wait for no disk."""
    wanted = {
        "OGR_CURRENT_DATE": f"{made_on.isoformat()}T00:00:00.000Z",
        "OGR_SQLITE_SYNCHRONOUS": "OFF",
    }
    with _CONFIG_IS_SHARED:
        before = {name: pyogrio.get_gdal_config_option(name) for name in wanted}
        pyogrio.set_gdal_config_options(wanted)
        try:
            yield
        finally:
            pyogrio.set_gdal_config_options(before)


def _frame(layer: Layer) -> gpd.GeoDataFrame:
    table = {
        column: _series(column, [feature.row[column] for feature in layer.features])
        for column in columns.LAYERS[layer.name]
    }
    shapes = np.array([feature.shape for feature in layer.features], dtype=object)
    return gpd.GeoDataFrame(table, geometry=gpd.GeoSeries(shapes, crs=geo.BNG), crs=geo.BNG)


def _series(column: str, values: list[object]) -> pd.Series:
    """Return a column of one type, also where it is empty."""
    if column in _WHOLE:
        return pd.Series(values, dtype="int32")
    if column in _NUMBERS or column.endswith("_m"):
        return pd.Series(values, dtype="float64")
    if column.startswith("is_"):
        return pd.Series(values, dtype="boolean")
    return pd.Series(values, dtype="str")
