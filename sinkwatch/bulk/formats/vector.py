"""GeoPackage and FlatGeobuf: layers that GDAL reads and writes, as streams of rows."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyogrio

from sinkwatch import gdal, geo
from sinkwatch.bulk import boundaries
from sinkwatch.bulk.addresses import on_this_machine
from sinkwatch.bulk.rows import (
    WAY_OUT,
    Axes,
    Laid,
    Reading,
    free_name,
    plain,
    point_axes,
    unreadable,
    wkb_points,
)
from sinkwatch.errors import SchemaError

if TYPE_CHECKING:
    from pathlib import Path

    from sinkwatch.bulk.request import Request

BATCH_ROWS: Final = 65_536
"""Rows in a piece."""

CHANGED_ON: Final = "2000-01-01"
"""Day of last change that every GeoPackage must name: one for all, that equal rows be equal bytes.

When it was made, and of what, is told by the manifest and by the system of files.
"""

_LAYER: Final = "assessed"
_GEOMETRY: Final = "geometry"
_NUMBERED: Final = "fid"  # column by which a GeoPackage numbers its rows
_DRIVERS: Final = {".gpkg": "GPKG", ".fgb": "FlatGeobuf"}
_TITLES: Final = {".gpkg": "GeoPackage", ".fgb": "FlatGeobuf"}
_MOST_DIGITS: Final = 15  # of a decimal that a number in double precision still tells apart
# The quicker way of reading FlatGeobuf fails on rows without geometry (GDAL 3.12).
_READ_ALL_ROWS: Final = {"OGR_FLATGEOBUF_STREAM_BASE_IMPL": "YES"}
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
    source = on_this_machine(request.source)
    with ExitStack() as opened:
        opened.enter_context(gdal.told(_READ_ALL_ROWS))
        try:
            layer = _layer(source, request)
            n_rows = pyogrio.read_info(source, layer=layer, force_feature_count=True)["features"]
            described, batches = opened.enter_context(
                pyogrio.open_arrow(source, layer=layer, use_pyarrow=True, batch_size=BATCH_ROWS)
            )
        except _FAULTS as error:
            raise unreadable(source.name, error) from error
        yield _reading(source.name, described, batches, n_rows)


def _to_the_end(
    name: str, batches: Iterable[pa.RecordBatch], n_rows: int
) -> Iterator[pa.RecordBatch]:
    """Give all pieces: of a file that is cut off GDAL gives what is left, without a word."""
    n_read = 0
    for batch in batches:
        n_read += batch.num_rows
        yield batch
    if n_read < n_rows:
        raise unreadable(name, EOFError(f"{n_read} of {n_rows} rows are there"))


def _layer(source: Path, request: Request) -> str:
    name = source.name
    layers = [str(layer) for layer, kind in pyogrio.list_layers(source) if kind]
    if not layers:
        raise SchemaError(name, ["it has no layer with geometry"], WAY_OUT)
    if request.layer is not None and request.layer not in layers:
        rule = f"it has no layer {request.layer} with geometry, but {', '.join(layers)}"
        raise SchemaError(name, [rule], "Name one of them with --layer; nothing was written")
    if request.layer is None and len(layers) != 1:
        rule = f"it has {len(layers)} layers with geometry: {', '.join(layers)}"
        raise SchemaError(name, [rule], "Name one with --layer; nothing was written")
    return request.layer or layers[0]


def _reading(
    name: str, described: dict[str, Any], batches: pa.RecordBatchReader, n_rows: int
) -> Reading:
    if described["crs"] is None:
        raise SchemaError(name, ["its CRS is not declared"], "Declare it; nothing was written")
    code = geo.known_code(name, described["crs"])
    column = str(described["geometry_name"] or "wkb_geometry")
    is_ground = boundaries.are_kept([str(described["geometry_type"])])
    axes = boundaries.axes if is_ground else point_axes
    return Reading(
        name=name,
        schema=batches.schema,
        batches=_to_the_end(name, batches, n_rows),
        axes=lambda batch: axes(name, batch.column(column)),
        is_degrees=code == geo.WGS84,
        geometry=column,
        n_rows=n_rows if n_rows >= 0 else None,
        is_ground=is_ground,
    )


def lay(reading: Reading, kept: pa.Schema, *, ending: str) -> Laid:
    """
    Tell how a layer holds the rows of a file.

    Parameters
    ----------
    reading
        The file.
    kept
        Those of its columns that are written.
    ending
        Of the file that is written.

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
    own = pa.schema([kept.field(name) for name in names])
    fields = plain(reading.name, own, _TITLES[ending], lambda kind: _held(kind, ending))
    geometry = free_name(_GEOMETRY, names)

    def columns(batch: pa.RecordBatch, axes: Axes) -> list[pa.Array]:
        own = [batch.column(name) for name in names]
        return [*own, batch.column(reading.geometry) if reading.is_ground else wkb_points(*axes)]

    return Laid(
        schema=pa.schema([*fields, pa.field(geometry, pa.binary())]),
        columns=columns,
        geometry=geometry,
        crs=geo.WGS84 if reading.is_degrees else geo.BNG,
        kind="Unknown" if reading.is_ground else "Point",  # polygons of one piece and of several
    )


def _held(kind: pa.DataType, ending: str) -> pa.DataType | None:
    """
    Return the type by which a layer holds the values of another, whole.

    GDAL itself would round large integers, cut fractions of a millisecond and, in FlatGeobuf,
    forget time zones, all without a word.
    """
    is_a = pa.types
    if is_a.is_nested(kind) or is_a.is_duration(kind) or is_a.is_interval(kind):
        return None
    if is_a.is_uint64(kind):
        return pa.int64()
    if is_a.is_timestamp(kind) and (kind.tz is None or ending == ".gpkg"):
        return pa.timestamp("ms", kind.tz)
    if is_a.is_decimal(kind) and kind.precision <= _MOST_DIGITS:
        return pa.float64()
    as_text = (is_a.is_null, is_a.is_time, is_a.is_timestamp, is_a.is_decimal, is_a.is_large_string)
    return pa.string() if any(is_it(kind) for is_it in as_text) else kind


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

    Raises
    ------
    OSError
        If it cannot be written to its end.
    """
    failed: list[BaseException] = []
    n_rows = 0

    def handed_over() -> Iterator[pa.RecordBatch]:
        # GDAL asks for the rows, and has no words for what goes wrong with them.
        nonlocal n_rows
        try:
            for batch in batches:
                n_rows += batch.num_rows
                yield batch
        except BaseException as error:
            failed.append(error)
            raise

    try:
        _write(path, laid, pa.RecordBatchReader.from_batches(laid.schema, handed_over()))
        if path.suffix.lower() == ".fgb":
            _check_complete(path, n_rows)
    except Exception as error:
        if failed:
            raise failed[0] from None
        if isinstance(error, _FAULTS):
            raise OSError(errno.EIO, " ".join(str(error).split()), str(path)) from error
        raise


def _write(path: Path, laid: Laid, rows: pa.RecordBatchReader) -> None:
    ending = path.suffix.lower()
    options = {
        ".gpkg": {
            "FID": free_name(_NUMBERED, laid.schema.names),
            "GEOMETRY_NAME": laid.geometry,
        },
        # With an index the rows would be put into another order, and all be held until the end.
        ".fgb": {"SPATIAL_INDEX": "NO"},
    }
    with gdal.told(gdal.dated(CHANGED_ON)):
        pyogrio.write_arrow(
            rows,
            path,
            layer=_LAYER,
            driver=_DRIVERS[ending],
            geometry_name=laid.geometry,
            geometry_type=laid.kind,
            crs=laid.crs,
            layer_options=options[ending],
        )


def _check_complete(path: Path, n_rows: int) -> None:
    """Count the rows: of a disk that is full while FlatGeobuf is written GDAL says nothing."""
    quickly = dict.fromkeys(_READ_ALL_ROWS, "NO")  # without geometry it reads them all, and tells
    chosen: dict[str, Any] = {"columns": [], "read_geometry": False, "return_fids": True}
    try:
        with gdal.told(quickly), pyogrio.open_arrow(path, use_pyarrow=True, **chosen) as opened:
            n_there = sum(batch.num_rows for batch in opened[1])
    except (OSError, *_FAULTS) as error:
        raise pyogrio.errors.DataLayerError(str(error)) from error
    if n_there != n_rows:
        raise pyogrio.errors.DataLayerError(f"{n_there} of {n_rows} rows are there")
