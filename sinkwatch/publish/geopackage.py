"""Tables as one GeoPackage: the same tables on the same day give the same bytes."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio

from sinkwatch import gdal, geo
from sinkwatch.errors import StoreError
from sinkwatch.publish.kept import Kept

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from shapely.geometry.base import BaseGeometry

_VERSION: Final = "1.2"  # of GeoPackage, of 2018: offices keep their programs for long

_TYPES: Final = {
    "text": "str",
    "number": "float64",
    "integer": "Int32",
    "boolean": "boolean",
}
"""What a column of each kind is made of, also where every cell of it is empty."""

_KEPT: Final = Kept(most=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """
    One layer, or one plain table.

    Attributes
    ----------
    name
        Plain, as programs have it.
    frame
        Its rows; of shapes in EPSG:27700 if it is a layer.
    geometry_type
        Of all its shapes; empty for a plain table.
    title, description
        What a program shows of it; empty if the name says enough.
    """

    name: str
    frame: pd.DataFrame
    geometry_type: str = ""
    title: str = ""
    description: str = ""


def series(kind: str, values: Sequence[object]) -> pd.Series:
    """
    Return a column of one type, also where it is empty.

    Parameters
    ----------
    kind
        One of text, number, integer and boolean.
    values
        Its cells; None where one is empty.

    Returns
    -------
    column
        As many cells.
    """
    return pd.Series(list(values), dtype=_TYPES[kind])


def placed(frame: pd.DataFrame, shapes: Sequence[BaseGeometry | None]) -> gpd.GeoDataFrame:
    """
    Return rows with their shapes.

    Parameters
    ----------
    frame
        The rows.
    shapes
        As many, EPSG:27700; None for what is listed and not drawn.

    Returns
    -------
    frame
        EPSG:27700.
    """
    drawn = np.empty(len(shapes), dtype=object)
    drawn[:] = shapes
    return gpd.GeoDataFrame(frame, geometry=gpd.GeoSeries(drawn, crs=geo.BNG), crs=geo.BNG)


def dumped(tables: Sequence[Table], *, made_on: date) -> bytes:
    """
    Write tables into one file.

    Parameters
    ----------
    tables
        In the order in which they are drawn; a plain table does not come first.
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
    said = (
        made_on,
        [(each.name, each.geometry_type, each.title, each.description) for each in tables],
    )
    return _KEPT.of((each.frame for each in tables), said, lambda: _written(tables, made_on))


def _written(tables: Sequence[Table], made_on: date) -> bytes:
    try:
        with (
            tempfile.TemporaryDirectory(prefix="sinkwatch-") as folder,
            gdal.told(gdal.dated(made_on.isoformat())),
        ):
            path = Path(folder) / "written.gpkg"
            for table in tables:
                _write(path, table)
            return path.read_bytes()
    except (OSError, RuntimeError) as error:  # of GDAL's, all are one or the other
        raise StoreError(
            tempfile.gettempdir(),
            "a GeoPackage cannot be written there",
            "Free some space, or name another folder in TMPDIR",
        ) from error


def _write(path: Path, table: Table) -> None:
    said = {"IDENTIFIER": table.title, "DESCRIPTION": table.description}
    pyogrio.write_dataframe(
        table.frame,
        path,
        layer=table.name,
        append=path.exists(),
        dataset_options={"VERSION": _VERSION},
        layer_options={name: text for name, text in said.items() if text},
        **({"geometry_type": table.geometry_type} if table.geometry_type else {}),
    )
