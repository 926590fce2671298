"""GeoParquet: points as WKB, with the extent of each by which readers pass over rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from sinkwatch import geo
from sinkwatch.bulk import boundaries
from sinkwatch.bulk.addresses import Address
from sinkwatch.bulk.rows import (
    UNCERTAINTY_COLUMN,
    WAY_OUT,
    Axes,
    Laid,
    Reading,
    by_plain_name,
    free_name,
    point_axes,
    wkb_points,
)
from sinkwatch.errors import SchemaError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from sinkwatch.bulk.addresses import Location
    from sinkwatch.bulk.request import Request

CHUNK_ROWS: Final = 250_000
"""Rows in a piece, and in a row group: larger ones gain nothing, and take more memory."""

COVERING: Final = "bbox"
"""Column with the extent of each geometry, by which readers of GeoParquet pass over rows."""

_GEOMETRY: Final = "geometry"  # column for points that a file has as two numbers
_SIDES: Final = ("xmin", "ymin", "xmax", "ymax")
_COVERING_SINCE: Final = "1.1.0"


@contextmanager
def read(request: Request) -> Iterator[Reading]:
    """
    Open a GeoParquet file.

    Parameters
    ----------
    request
        With the file: points in EPSG:27700 or EPSG:4326.

    Yields
    ------
    reading
        Only the columns that are needed.

    Raises
    ------
    SchemaError
        If it is not GeoParquet, or not of points in a system that is known.
    """
    with opened(request.source) as file:
        yield reading(request.source.name, file, request.columns)


def opened(source: Location) -> parquet.ParquetFile:
    """
    Open a Parquet file, wherever it is.

    Parameters
    ----------
    source
        The file.

    Returns
    -------
    file
        To be closed.
    """
    if isinstance(source, Address):
        return parquet.ParquetFile(source.path, filesystem=source.files)
    return parquet.ParquetFile(source)


def reading(
    name: str, file: parquet.ParquetFile, columns: tuple[str, ...] | None, **some: object
) -> Reading:
    """
    Read an open file.

    Parameters
    ----------
    name
        Of the file, for messages.
    file
        GeoParquet.
    columns
        Those that are written; None for all.
    **some
        What `iter_batches` is told beside it, such as which row groups.

    Returns
    -------
    reading
        Only the columns that are needed.

    Raises
    ------
    SchemaError
        As for `read`.
    """
    schema = file.schema_arrow
    column, is_degrees, covering, is_ground = _geometry(name, schema)
    axes = boundaries.axes if is_ground else point_axes
    needed = None
    if columns is not None:
        held = by_plain_name(schema.names)
        known = [schema.names[held[UNCERTAINTY_COLUMN]]] if UNCERTAINTY_COLUMN in held else []
        needed = [each for each in schema.names if each in {*columns, *known, column}]
        # What pandas noted there tells of columns that are not read.
        metadata = {key: said for key, said in schema.metadata.items() if key != b"pandas"}
        schema = pa.schema([schema.field(each) for each in needed], metadata=metadata)
    told: dict[str, Any] = {"batch_size": CHUNK_ROWS, "use_threads": False, **some}
    return Reading(
        name=name,
        schema=schema,
        batches=file.iter_batches(columns=needed, **told),
        axes=lambda batch: axes(name, batch.column(column)),
        is_degrees=is_degrees,
        geometry=column,
        covering=covering,
        n_rows=file.metadata.num_rows,
        is_ground=is_ground,
    )


def _geometry(name: str, schema: pa.Schema) -> tuple[str, bool, str | None, bool]:
    """Return the column, whether it is in degrees, that of its extents, and if it is boundaries."""
    described = (schema.metadata or {}).get(b"geo")
    if described is None:
        raise SchemaError(
            name, ["it is Parquet without GeoParquet metadata"], "Save it as GeoParquet"
        )
    column, declared = _primary(name, described)
    if declared.get("encoding") != "WKB" or column not in schema.names:
        rule = f"its geometry is {column} in {declared.get('encoding')}, not a column of WKB"
        raise SchemaError(name, [rule], "Save it as GeoParquet 1.0; nothing was written")
    if "crs" in declared and declared["crs"] is None:
        raise SchemaError(name, ["its CRS is declared unknown"], "Declare it; nothing was written")
    # GeoParquet without a crs is by its specification longitude and latitude (OGC:CRS84).
    code = geo.known_code(name, declared["crs"]) if "crs" in declared else geo.WGS84
    covering = declared.get("covering", {}).get("bbox", {}).get("xmin", [None])[0]
    is_ground = boundaries.are_kept(declared.get("geometry_types", []))
    return column, code == geo.WGS84, covering if covering in schema.names else None, is_ground


def _primary(name: str, described: bytes) -> tuple[str, dict[str, Any]]:
    try:
        metadata = json.loads(described)
        column = str(metadata["primary_column"])
        return column, dict(metadata["columns"][column])
    except (ValueError, KeyError, TypeError) as error:
        raise SchemaError(
            name, [f"its GeoParquet metadata is damaged ({error!r})"], WAY_OUT
        ) from error


def lay(reading: Reading, kept: pa.Schema) -> Laid:
    """
    Tell how GeoParquet holds the rows of a file.

    Parameters
    ----------
    reading
        The file.
    kept
        Those of its columns that are written.

    Returns
    -------
    laid
        With a column of points, and one of their extents unless the file has one or uses its name.
    """
    schema, names = kept, list(kept.names)
    column = reading.geometry
    if column is not None and column not in names:
        schema, names = schema.append(reading.schema.field(column)), [*names, column]
    makes_points = column is None
    if column is None:
        column = free_name(_GEOMETRY, names)
        schema = schema.append(pa.field(column, pa.binary()))
    is_covered = reading.covering in schema.names or COVERING in schema.names
    schema = _described(schema, column, reading)
    if not is_covered:
        schema = _with_covering(schema, column)

    def columns(batch: pa.RecordBatch, axes: Axes) -> list[pa.Array]:
        own = [batch.column(name) for name in names]
        made = [wkb_points(*axes)] if makes_points else []
        if is_covered:
            return [*own, *made]
        sides: tuple[NDArray[np.float64], ...] = (*axes, *axes)
        if reading.is_ground:
            sides = boundaries.extents(reading.name, batch.column(column))
        return [*own, *made, _extents(sides)]

    return Laid(schema=schema, columns=columns, geometry=column)


def _described(schema: pa.Schema, column: str, reading: Reading) -> pa.Schema:
    """Return the schema with GeoParquet's metadata, of the columns that are written."""
    held = dict(reading.schema.metadata or {})
    if b"geo" not in held:  # a file of another kind
        return schema.with_metadata({b"geo": json.dumps(_of_points(column, reading)).encode()})
    told = json.loads(held[b"geo"])
    columns = {name: of for name, of in told["columns"].items() if name in schema.names}
    if reading.covering is not None and reading.covering not in schema.names:
        columns[column].pop("covering")
    elif columns == told["columns"]:
        return schema.with_metadata(held)
    return schema.with_metadata({**held, b"geo": json.dumps(told | {"columns": columns}).encode()})


def _of_points(column: str, reading: Reading) -> dict[str, Any]:
    # Of points that come from elsewhere it is not known here whether they have heights.
    kinds = ["Point"] if reading.geometry is None else []
    described: dict[str, Any] = {"encoding": "WKB", "geometry_types": kinds}
    if not reading.is_degrees:  # by the specification they are taken for degrees otherwise
        described["crs"] = geo.bng_projjson()
    return {"version": _COVERING_SINCE, "primary_column": column, "columns": {column: described}}


def _with_covering(schema: pa.Schema, geometry: str) -> pa.Schema:
    told = json.loads(schema.metadata[b"geo"])
    described = told["columns"][geometry]
    described["covering"] = {"bbox": {side: [COVERING, side] for side in _SIDES}}
    told["version"] = max(str(told.get("version", "")), _COVERING_SINCE)
    extents = pa.field(COVERING, pa.struct([(side, pa.float32()) for side in _SIDES]))
    metadata = {**schema.metadata, b"geo": json.dumps(told).encode()}
    return pa.schema([*schema, extents], metadata=metadata)


def _extents(given: tuple[NDArray[np.float64], ...]) -> pa.Array:
    """Return extents in single precision, rounded outwards; null without a place."""
    least = [_singles_round(side)[0] for side in given[:2]]
    greatest = [_singles_round(side)[1] for side in given[2:]]
    sides = [pa.array(side) for side in (*least, *greatest)]
    missing = pa.array(np.isnan(given[0]) | np.isnan(given[1]))
    return pa.StructArray.from_arrays(sides, names=_SIDES, mask=missing)


def _singles_round(axis: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the nearest numbers in single precision that are not above, and not below."""
    with np.errstate(over="ignore"):  # what is too great for single precision is infinite there
        nearest = axis.astype(np.float32)
    back = nearest.astype(np.float64)
    # Numbers of one sign follow one another as their bits do: what `nextafter` gives, in a sixth
    # of its time.
    bits = nearest.view(np.int32)
    away = np.where(bits < 0, np.int32(-1), np.int32(1))
    return (bits - away * (back > axis)).view(np.float32), (bits + away * (back < axis)).view(
        np.float32
    )


def write(path: Path, laid: Laid, batches: Iterable[pa.RecordBatch]) -> None:
    """
    Write rows, each piece as a row group.

    Parameters
    ----------
    path
        New file.
    laid
        With their schema.
    batches
        The rows.
    """
    with parquet.ParquetWriter(path, laid.schema, use_dictionary=repeated(laid.schema)) as writer:
        for batch in batches:
            writer.write_batch(batch)


def repeated(schema: pa.Schema) -> list[str]:
    """
    Name the columns whose values repeat, which are written once and numbered.

    Parameters
    ----------
    schema
        Of the file.

    Returns
    -------
    names
        To look for words in numbers and geometry, which hardly repeat, costs more than all else.
    """
    repeats = (pa.types.is_dictionary, pa.types.is_string, pa.types.is_large_string)
    worded = [field.name for field in schema if any(is_it(field.type) for is_it in repeats)]
    return [*worded, "sinkhole_uncertainty_m", "n_features"]
