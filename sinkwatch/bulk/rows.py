"""Rows as a file has them: their columns, and where each lies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, count
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

from sinkwatch import geo
from sinkwatch.errors import SchemaError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Axes: TypeAlias = "tuple[NDArray[np.float64], NDArray[np.float64]]"
"""First and second coordinate: easting and northing, or longitude and latitude."""

WAY_OUT: Final = "Nothing was written; mend the file and run again"

_LEAVE_OUT: Final = "Leave it out with --columns, or write GeoParquet"

_ONE_KIND: Final = (
    "Nothing was written; give points, or boundaries in a layer that is declared as polygons"
)

UNCERTAINTY_COLUMN: Final = "position_uncertainty_m"
"""Column that says how well each row's position is known, metres."""

_WKB_POINT: Final = (1, 1, 0, 0, 0)  # little-endian, and a point without height
_WKB_POINT_BYTES: Final = 21


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    A file as it is read, piece by piece.

    Attributes
    ----------
    name
        Of the file, for messages.
    schema
        Of its pieces.
    batches
        The pieces, once.
    axes
        Gives the coordinates of a piece as the file has them; NaN where there are none.
    is_degrees
        Whether these are longitude and latitude (EPSG:4326) rather than metres (EPSG:27700).
    geometry
        Column that holds the points as WKB; None where they stand in two columns of numbers.
    covering
        Column of the extents of the points, which only GeoParquet has a use for.
    n_rows
        How many rows there are; None where the file does not tell.
    is_ground
        Whether the geometry is boundaries rather than points.
    """

    name: str
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    axes: Callable[[pa.RecordBatch], Axes]
    is_degrees: bool
    geometry: str | None = None
    covering: str | None = None
    n_rows: int | None = None
    is_ground: bool = False

    def placed(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> Axes:
        """
        Return positions on the British National Grid.

        Parameters
        ----------
        first, second
            Coordinates as the file has them, shape (n,).

        Returns
        -------
        easting, northing
            Metres, EPSG:27700, shape (n,); NaN outside Great Britain.
        """
        return geo.to_bng(first, second) if self.is_degrees else (first, second)


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """
    How a kind of file holds the rows of another.

    Attributes
    ----------
    schema
        As written, the assessment's columns last.
    columns
        Gives the row's own columns of a piece; the assessment's are appended to them.
    geometry
        Column of points, for those kinds that must be told.
    crs
        Code of the system the points are in.
    kind
        Type of the geometry, for those kinds that must be told.
    """

    schema: pa.Schema
    columns: Callable[[pa.RecordBatch, Axes], list[pa.Array]]
    geometry: str = ""
    crs: str = ""
    kind: str = "Point"


def unreadable(name: str, error: Exception) -> SchemaError:
    """
    Return the refusal of a file that is damaged.

    Parameters
    ----------
    name
        Of the file.
    error
        What a library said of it.

    Returns
    -------
    error
        To be raised.
    """
    rule = " ".join(str(error).split())
    return SchemaError(name, [f"it cannot be read to its end ({rule})"], WAY_OUT)


def by_plain_name(names: list[str]) -> dict[str, int]:
    """
    Return where each column stands; one that is there twice is not told apart, so left out.

    Parameters
    ----------
    names
        Titles of columns.

    Returns
    -------
    places
        By title in small letters.
    """
    plain = [name.strip().casefold() for name in names]
    return {name: plain.index(name) for name in plain if plain.count(name) == 1}


def numbers(column: pa.Array) -> NDArray[np.float64]:
    """
    Read cells as numbers.

    Parameters
    ----------
    column
        Of numbers or of text, n cells.

    Returns
    -------
    numbers
        Shape (n,); NaN for what is none.
    """
    values = pd.to_numeric(pd.Series(column.to_pandas()), errors="coerce")
    return values.to_numpy(dtype=np.float64)


def point_axes(name: str, column: pa.Array) -> Axes:
    """
    Read the coordinates of points.

    Parameters
    ----------
    name
        Of the file, for messages.
    column
        WKB, n cells.

    Returns
    -------
    first, second
        Shape (n,); NaN for a row without a point.

    Raises
    ------
    SchemaError
        If there is geometry that is no point.
    """
    n = len(column)
    if not column.null_count and pa.types.is_binary(column.type):
        ends = np.frombuffer(column.buffers()[1], dtype=np.int32)[column.offset :][: n + 1]
        if (np.diff(ends) == _WKB_POINT_BYTES).all():
            # Nearly every file: the numbers stand where they are expected, no object is needed.
            raw = np.frombuffer(column.buffers()[2], dtype=np.uint8)[ends[0] : ends[-1]]
            rows = raw.reshape(n, _WKB_POINT_BYTES)
            if (rows[:, : len(_WKB_POINT)] == _WKB_POINT).all():
                at = np.ascontiguousarray(rows[:, len(_WKB_POINT) :]).view("<f8")
                return np.ascontiguousarray(at[:, 0]), np.ascontiguousarray(at[:, 1])
    shapes = shapely.from_wkb(column.to_numpy(zero_copy_only=False))
    is_point = shapely.get_type_id(shapes) == shapely.GeometryType.POINT
    if (~is_point & ~shapely.is_missing(shapes)).any():
        raise SchemaError(name, ["it holds geometry other than points"], _ONE_KIND)
    return shapely.get_x(shapes), shapely.get_y(shapes)


def wkb_points(first: NDArray[np.float64], second: NDArray[np.float64]) -> pa.Array:
    """
    Write points, without an object for each.

    Parameters
    ----------
    first, second
        Coordinates, shape (n,).

    Returns
    -------
    points
        WKB, n cells; null where a coordinate is no number.
    """
    n = len(first)
    rows = np.zeros((n, _WKB_POINT_BYTES), dtype=np.uint8)
    rows[:, : len(_WKB_POINT)] = _WKB_POINT
    at = np.column_stack([first, second]).astype("<f8")
    rows[:, len(_WKB_POINT) :] = at.view(np.uint8)
    ends = np.arange(0, _WKB_POINT_BYTES * (n + 1), _WKB_POINT_BYTES, dtype=np.int32)
    known = np.packbits(np.isfinite(at).all(axis=1), bitorder="little")
    buffers = [pa.py_buffer(known), pa.py_buffer(ends), pa.py_buffer(rows)]
    return pa.Array.from_buffers(pa.binary(), n, buffers)


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """
    Name a column that is added.

    Parameters
    ----------
    wanted
        What it is called if nothing else is.
    taken
        Names of the others.

    Returns
    -------
    name
        Not among them, in small letters or capitals.
    """
    held = {name.casefold() for name in taken}
    tried = chain([wanted], (f"{wanted}_{n}" for n in count(2)))
    return next(name for name in tried if name.casefold() not in held)


def refuse_taken(name: str, names: list[str], added: list[str]) -> None:
    """
    Refuse a file with columns called like those that are added to it.

    Parameters
    ----------
    name
        Of the file.
    names
        Its columns that are to be written.
    added
        Those that are added.

    Raises
    ------
    SchemaError
        If any is called so.
    """
    taken = sorted(set(added) & set(names))
    if taken:
        rule = f"it already has a column {', '.join(taken)}, which the assessment writes"
        raise SchemaError(
            name, [rule], "Rename it, or leave it out with --columns; nothing was written"
        )


def refuse_alike(name: str, names: list[str], kind: str) -> None:
    """
    Refuse a file with columns that the kind of file to be written cannot tell apart.

    Parameters
    ----------
    name
        Of the file.
    names
        Columns that are to be written, as that kind compares them.
    kind
        Of the target, for messages.

    Raises
    ------
    SchemaError
        If any two are alike.
    """
    alike = sorted({each for each in names if names.count(each) > 1})
    if alike:
        rule = f"several of its columns are called {', '.join(alike)}, which {kind} cannot hold"
        raise SchemaError(
            name, [rule], "Rename them, or leave them out with --columns; nothing was written"
        )


def plain(
    name: str, schema: pa.Schema, kind: str, held: Callable[[pa.DataType], pa.DataType | None]
) -> list[pa.Field]:
    """
    Return columns as a file of plain tables can hold them.

    Parameters
    ----------
    name
        Of the source, for messages.
    schema
        Its columns, without its geometry.
    kind
        Of the target, for messages.
    held
        Gives the type by which that holds another; None if it cannot.

    Returns
    -------
    fields
        With words in place of numbers for words.

    Raises
    ------
    SchemaError
        If a column cannot be held.
    """
    types = [held(unwrapped(field.type)) for field in schema]
    lost = [
        f"{field.name} ({field.type})"
        for field, other in zip(schema, types, strict=True)
        if other is None
    ]
    if lost:
        rule = f"{kind} cannot hold its column {', '.join(lost)}"
        raise SchemaError(name, [rule], f"{_LEAVE_OUT}; nothing was written")
    # What was said of a column's type belongs to the one that it had.
    return [pa.field(field.name, other) for field, other in zip(schema, types, strict=True)]


def unwrapped(kind: pa.DataType) -> pa.DataType:
    """
    Return the type of the values themselves, however they are kept.

    Parameters
    ----------
    kind
        Of a column.

    Returns
    -------
    kind
        Without a dictionary, run lengths, views or the name of an extension around it.
    """
    is_a = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return unwrapped(kind.storage_type)
    if is_a.is_dictionary(kind) or is_a.is_run_end_encoded(kind):
        return unwrapped(kind.value_type)
    if is_a.is_string_view(kind):
        return pa.string()
    return pa.binary() if is_a.is_binary_view(kind) else kind


def as_held(name: str, column: pa.Array, field: pa.Field) -> pa.Array:
    """
    Return a column in the type by which it is written.

    Parameters
    ----------
    name
        Of the file, for messages.
    column
        As it was read.
    field
        As it is written.

    Returns
    -------
    column
        The same values.

    Raises
    ------
    SchemaError
        If not all of them can be held.
    """
    if column.type == field.type:
        return column
    if isinstance(column, pa.ExtensionArray):
        return as_held(name, column.storage, field)
    try:
        return column.cast(field.type)
    except pa.ArrowException as error:
        rule = f"its column {field.name} cannot be held as {field.type} ({error})"
        raise SchemaError(name, [rule], f"{_LEAVE_OUT}; nothing was written") from error
