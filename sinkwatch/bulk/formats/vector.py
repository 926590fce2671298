"""GeoPackage and FlatGeobuf: layers that GDAL reads and writes, as streams of rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyogrio

from sinkwatch import geo
from sinkwatch.bulk.rows import Axes, Laid, Reading, plain, point_axes, unreadable, wkb_points
from sinkwatch.errors import SchemaError

if TYPE_CHECKING:
    from pathlib import Path

    from sinkwatch.bulk.request import Request

BATCH_ROWS: Final = 65_536
"""Rows in a piece."""

_GEOMETRY: Final = "geometry"
_DRIVERS: Final = {".gpkg": "GPKG", ".fgb": "FlatGeobuf"}
_OPTIONS: Final[dict[str, dict[str, str]]] = {
    ".gpkg": {},
    # With an index the rows would be put into another order, and all be held until the end.
    ".fgb": {"SPATIAL_INDEX": "NO"},
}
_FAULTS: Final = (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError)


@contextmanager
def read(request: Request) -> Iterator[Reading]:
    """
    Open one layer.

    Parameters
    ----------
    request
        With the file, and the name of the layer if it has several.

    Yields
    ------
    reading
        Points in EPSG:27700 or EPSG:4326.

    Raises
    ------
    SchemaError
        If it cannot be read, has several layers and none is named, or is not of points in a
        system that is known.
    """
    source = request.source
    try:
        layer = _layer(request)
        info = pyogrio.read_info(source, layer=layer, force_feature_count=True)
        opened = pyogrio.open_arrow(source, layer=layer, use_pyarrow=True, batch_size=BATCH_ROWS)
        with opened as (described, batches):
            yield _reading(source.name, described, batches, info["features"])
    except _FAULTS as error:
        raise unreadable(source.name, error) from error


def _layer(request: Request) -> str:
    name = request.source.name
    layers = [str(layer) for layer, kind in pyogrio.list_layers(request.source) if kind]
    if request.layer is not None and request.layer not in layers:
        rule = f"it has no layer {request.layer} with geometry, but {', '.join(layers) or 'none'}"
        raise SchemaError(name, [rule], "Name one of them with --layer; nothing was written")
    if request.layer is None and len(layers) != 1:
        rule = f"it has {len(layers)} layers with geometry: {', '.join(layers) or 'none'}"
        raise SchemaError(name, [rule], "Name one with --layer; nothing was written")
    return request.layer or layers[0]


def _reading(
    name: str, described: dict[str, object], batches: pa.RecordBatchReader, n_rows: int
) -> Reading:
    if described["crs"] is None:
        raise SchemaError(name, ["its CRS is not declared"], "Declare it; nothing was written")
    code = geo.known_code(name, described["crs"])
    column = str(described["geometry_name"] or "wkb_geometry")
    return Reading(
        name=name,
        schema=batches.schema,
        batches=iter(batches),
        axes=lambda batch: point_axes(name, batch.column(column)),
        is_degrees=code == geo.WGS84,
        geometry=column,
        n_rows=n_rows if n_rows >= 0 else None,
    )


def lay(reading: Reading, kept: pa.Schema) -> Laid:
    """
    Tell how a layer holds the rows of a file.

    Parameters
    ----------
    reading
        The file.
    kept
        Those of its columns that are written.

    Returns
    -------
    laid
        With a column of points in the file's own system.

    Raises
    ------
    SchemaError
        If a column cannot be held.
    """
    names = [name for name in kept.names if name not in {reading.geometry, reading.covering}]
    fields = plain(reading.name, pa.schema([kept.field(name) for name in names]), "such a file")

    def columns(batch: pa.RecordBatch, axes: Axes) -> list[pa.Array]:
        return [*(batch.column(name) for name in names), wkb_points(*axes)]

    return Laid(
        schema=pa.schema([*fields, pa.field(_GEOMETRY, pa.binary())]),
        columns=columns,
        geometry=_GEOMETRY,
        crs=geo.WGS84 if reading.is_degrees else geo.BNG,
    )


def write(path: Path, laid: Laid, batches: Iterable[pa.RecordBatch]) -> None:
    """
    Write rows as one layer.

    Parameters
    ----------
    path
        New file.
    laid
        With their schema, geometry and system.
    batches
        The rows.
    """
    ending = path.suffix.lower()
    failed: list[BaseException] = []

    def handed_over() -> Iterator[pa.RecordBatch]:
        # GDAL asks for the rows, and has no words for what goes wrong with them.
        try:
            yield from batches
        except BaseException as error:
            failed.append(error)
            raise

    try:
        pyogrio.write_arrow(
            pa.RecordBatchReader.from_batches(laid.schema, handed_over()),
            path,
            layer="assessed",
            driver=_DRIVERS[ending],
            geometry_name=laid.geometry,
            geometry_type="Point",
            crs=laid.crs,
            layer_options=_OPTIONS[ending],
        )
    except Exception:
        if failed:
            raise failed[0] from None
        raise
