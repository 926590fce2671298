"""The layers of a pack as one GeoPackage, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import pandas as pd

from sinkwatch.publish import geopackage
from sinkwatch.publish.evidence import columns

if TYPE_CHECKING:
    from datetime import date

    from sinkwatch.public import Row
    from sinkwatch.publish.evidence.layers import Layer

ABOUT: Final = "about"
"""Table that says what the file is and what its columns mean."""

_WHOLE: Final = frozenset({"number"})
_NUMBERS: Final = frozenset({"easting", "northing"})


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
    """
    said = pd.DataFrame(list(about), columns=list(columns.ABOUT)).astype("str")
    tables = [*(_table(layer) for layer in layers), geopackage.Table(name=ABOUT, frame=said)]
    return geopackage.dumped(tables, made_on=made_on)


def _table(layer: Layer) -> geopackage.Table:
    cells = {
        column: geopackage.series(_kind(column), [each.row[column] for each in layer.features])
        for column in columns.LAYERS[layer.name]
    }
    shapes = [feature.shape for feature in layer.features]
    return geopackage.Table(
        name=layer.name,
        frame=geopackage.placed(pd.DataFrame(cells), shapes),
        geometry_type=layer.geometry_type,
    )


def _kind(column: str) -> str:
    if column in _WHOLE:
        return "integer"
    if column in _NUMBERS or column.endswith("_m"):
        return "number"
    return "boolean" if column.startswith("is_") else "text"
