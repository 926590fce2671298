"""
Any number of positions, from a file to a file: streamed, every row kept, none held in memory.

One thread reads, one writes and others assess, so that no processor waits for another; a few
pieces are under way at a time, and they are written in the order in which they were read.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from pyarrow import csv as pa_csv
from pyarrow import parquet

from sinkwatch import assess, geo, grid
from sinkwatch.errors import ConfigError, SchemaError
from sinkwatch.model import Band, GeologyClass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sinkwatch.model import Bounds

CHUNK_ROWS: Final = 250_000
"""Rows in a piece, and in a row group: larger ones gain nothing, and take more memory."""

COVERING: Final = "bbox"
"""Column with the extent of each geometry, by which readers of GeoParquet pass over rows."""

UNCERTAINTY_COLUMN: Final = "position_uncertainty_m"
"""Column that says how well each row's position is known, metres."""

_BNG_PAIRS: Final = (("easting", "northing"), ("x_coordinate", "y_coordinate"))
_WGS84_PAIRS: Final = (("longitude", "latitude"), ("lon", "lat"))
_BLOCK_BYTES: Final = 16_000_000
_MOST_WORKERS: Final = 4  # more than these wait for the one that reads and writes
_AHEAD: Final = 3  # pieces under way beside the one that is written
_WKB_POINT: Final = (1, 1, 0, 0, 0)  # little-endian, and a point without height
_WKB_POINT_BYTES: Final = 21
_MOST_SWAPPED: Final = 0.05  # share of rows that look exchanged above which the file is refused
_WAY_OUT: Final = "Nothing was written; mend the file and run again"

_Axes: TypeAlias = "tuple[NDArray[np.float64], NDArray[np.float64]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkReport:
    """
    What one bulk assessment did.

    Attributes
    ----------
    n_rows
        Rows read and written.
    n_unplaced
        Rows without a usable position: kept, not assessed.
    bands
        Rows in each band.
    """

    n_rows: int
    n_unplaced: int
    bands: dict[Band, int]


class _Writer(Protocol):
    def write_batch(self, batch: pa.RecordBatch) -> None:
        """Append rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    schema: pa.Schema  # as it is written, without what the assessment adds
    batches: Iterator[pa.RecordBatch]
    axes: Callable[[pa.RecordBatch], _Axes]  # as the file has them
    is_degrees: bool
    n_rows: int = grid.MOST_SQUARES  # where the file tells; as many as any where it does not
    is_covered: bool = True  # false if the extents of its geometry are to be written too

    def placed(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> _Axes:
        """Return easting and northing, metres; NaN outside Great Britain."""
        return geo.to_bng(first, second) if self.is_degrees else (first, second)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    """What is the same for every piece of a file."""

    hazard: assess.Hazard
    indexed: assess.Index | None  # none for a single piece, which needs less than all that is held
    bounds: Bounds
    reading: _Reading
    uncertainty_m: float
    schema: pa.Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    batch: pa.RecordBatch
    n_unplaced: int
    n_swapped: int
    bands: NDArray[np.int64]  # rows by code of the band


def assess_file(  # noqa: PLR0913 - the command's arguments, and what it prepared
    hazard: assess.Hazard,
    bounds: Bounds,
    source: Path,
    target: Path,
    *,
    uncertainty_m: float,
    progress: Callable[[int], None],
) -> BulkReport:
    """
    Assess every row of a file and write the same rows with the assessment beside them.

    Parameters
    ----------
    hazard
        What `assess.prepare` returns.
    bounds
        The area's bounds, EPSG:27700, by which exchanged axes are noticed.
    source
        CSV with easting and northing (EPSG:27700) or longitude and latitude (EPSG:4326), or
        GeoParquet with points in either.
    target
        CSV or GeoParquet, of the same kind as the source.
    uncertainty_m
        How well a position is known where the row does not say, metres.
    progress
        Called with the number of rows done after each piece.

    Returns
    -------
    report
        Rows, and rows in each band.

    Raises
    ------
    ConfigError
        If the kinds of file do not match, or there is none of that name.
    SchemaError
        If the file cannot be read to its end, has no positions, or its axes look exchanged.
    """
    kind = _kind(source, target)
    part = target.with_name(f".{target.name}.part")
    try:
        reading = _READERS[kind](source)
        first = list(islice(reading.batches, 2))
        asking = _Asking(
            hazard=hazard,
            indexed=_index(hazard, reading) if len(first) > 1 else None,
            bounds=bounds,
            reading=reading,
            uncertainty_m=uncertainty_m,
            schema=pa.schema([*reading.schema, *_ADDED[kind]], metadata=reading.schema.metadata),
        )
        with _WRITERS[kind](part, asking.schema) as writer:
            report = _stream(asking, chain(first, reading.batches), writer, progress)
        part.replace(target)
    except (pa.ArrowException, shapely.errors.ShapelyError, UnicodeDecodeError) as error:
        raise _unreadable(source, error) from error
    except OSError as error:
        # Arrow tells of damaged data so too, but then without the number of a system's error.
        if error.errno is None:
            raise _unreadable(source, error) from error
        raise ConfigError(
            str(error.filename or target), f"cannot be used ({error.strerror or error})", _WAY_OUT
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return report


def _index(hazard: assess.Hazard, reading: _Reading) -> assess.Index:
    return assess.index(hazard, assess.squares_over(hazard, reading.n_rows))


def _unreadable(source: Path, error: Exception) -> SchemaError:
    rule = " ".join(str(error).split())
    return SchemaError(source.name, [f"it cannot be read to its end ({rule})"], _WAY_OUT)


def _kind(source: Path, target: Path) -> str:
    kinds = {path.suffix.lower() for path in (source, target)}
    if len(kinds) > 1 or not kinds <= set(_READERS):
        raise ConfigError(
            f"{source.name} to {target.name}",
            "both files must be CSV (.csv) or both GeoParquet (.parquet)",
            "Change the ending of the output",
        )
    if not source.is_file():
        raise ConfigError(str(source), "there is no such file", "Check its name")
    return kinds.pop()


def _stream(
    asking: _Asking,
    batches: Iterable[pa.RecordBatch],
    writer: _Writer,
    progress: Callable[[int], None],
) -> BulkReport:
    bands = np.zeros(len(Band), dtype=np.int64)
    n_rows = n_unplaced = n_swapped = 0
    workers = min(_MOST_WORKERS, os.cpu_count() or 1)
    with ThreadPoolExecutor(1) as ahead, ThreadPoolExecutor(workers) as pool:
        for piece in _in_turn(pool, partial(_assessed, asking), _read_ahead(ahead, batches)):
            writer.write_batch(piece.batch)
            n_rows += piece.batch.num_rows
            n_unplaced += piece.n_unplaced
            n_swapped += piece.n_swapped
            bands += piece.bands
            _refuse_swapped(n_swapped, n_rows)
            progress(n_rows)
    if not n_rows:
        raise SchemaError("the file", ["it holds no rows"], _WAY_OUT)
    return BulkReport(
        n_rows=n_rows,
        n_unplaced=n_unplaced,
        bands={band: int(bands[band]) for band in sorted(Band, reverse=True)},
    )


def _read_ahead(
    pool: ThreadPoolExecutor, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Read the next batch while something is done with this one."""
    reading = iter(batches)
    coming = pool.submit(next, reading, None)
    while (batch := coming.result()) is not None:
        coming = pool.submit(next, reading, None)
        yield batch


def _in_turn(
    pool: ThreadPoolExecutor,
    work: Callable[[pa.RecordBatch], _Piece],
    batches: Iterable[pa.RecordBatch],
) -> Iterator[_Piece]:
    """Work on a few batches at a time; give what comes of them in their order."""
    under_way: deque[Future[_Piece]] = deque()
    for batch in batches:
        under_way.append(pool.submit(work, batch))
        if len(under_way) > _AHEAD:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()


def _assessed(asking: _Asking, batch: pa.RecordBatch) -> _Piece:
    reading, hazard = asking.reading, asking.hazard
    axes = reading.axes(batch)
    easting, northing = reading.placed(*axes)
    doubt_m = _uncertainty(batch, asking.uncertainty_m)
    found = assess.points(hazard, easting, northing, doubt_m, asking.indexed)
    is_elsewhere = ~_inside(asking.bounds, easting, northing)
    exchanged = reading.placed(*(axis[is_elsewhere] for axis in axes[::-1]))
    columns = [*batch.columns, *_covering(reading, axes), *_columns(hazard, found)]
    columns = [
        # What writes text has no use for numbers in place of words.
        column if column.type == kind else column.cast(kind)
        for column, kind in zip(columns, asking.schema.types, strict=True)
    ]
    return _Piece(
        batch=pa.RecordBatch.from_arrays(columns, schema=asking.schema),
        n_unplaced=int((~(np.isfinite(easting) & np.isfinite(northing))).sum()),
        n_swapped=int(_inside(asking.bounds, *exchanged).sum()),
        bands=np.bincount(found.band, minlength=len(Band)),
    )


def _inside(
    bounds: Bounds, easting: NDArray[np.float64], northing: NDArray[np.float64]
) -> NDArray[np.bool_]:
    least_easting, least_northing, greatest_easting, greatest_northing = bounds.as_tuple()
    return np.asarray(
        (easting >= least_easting)
        & (easting <= greatest_easting)
        & (northing >= least_northing)
        & (northing <= greatest_northing)
    )


def _refuse_swapped(n_swapped: int, n_rows: int) -> None:
    if n_swapped > _MOST_SWAPPED * n_rows:
        rule = f"{n_swapped} of {n_rows} rows would lie in the area with their two axes exchanged"
        raise SchemaError("positions", [rule], "Exchange the two columns; nothing was written")


def _uncertainty(batch: pa.RecordBatch, default_m: float) -> NDArray[np.float64]:
    held = _by_plain_name(batch.schema.names)
    if UNCERTAINTY_COLUMN not in held:
        return np.full(batch.num_rows, default_m)
    given = _numbers(batch.column(held[UNCERTAINTY_COLUMN]))
    return np.where(np.isfinite(given) & (given > 0), given, default_m)


def _by_plain_name(names: list[str]) -> dict[str, int]:
    """Return where each column stands; one that is there twice is not told apart, so left out."""
    plain = [name.strip().casefold() for name in names]
    return {name: plain.index(name) for name in plain if plain.count(name) == 1}


def _numbers(column: pa.Array) -> NDArray[np.float64]:
    values = pd.to_numeric(pd.Series(column.to_pandas()), errors="coerce")
    return values.to_numpy(dtype=np.float64)


_WORDS: Final = pa.dictionary(pa.int8(), pa.string())

_PARQUET_ADDED: Final = (
    pa.field("band", _WORDS),
    pa.field("geology_class", _WORDS),
    pa.field("scored_as", _WORDS),
    pa.field("sinkhole_id", pa.string()),
    pa.field("sinkhole_distance_m", pa.float64()),
    pa.field("sinkhole_uncertainty_m", pa.float64()),
    pa.field("n_features", pa.int64()),
    pa.field("check_record", pa.bool_()),
)

_ADDED: Final[dict[str, tuple[pa.Field, ...]]] = {
    ".csv": tuple(
        pa.field(field.name, pa.string()) if pa.types.is_dictionary(field.type) else field
        for field in _PARQUET_ADDED
    ),
    ".parquet": _PARQUET_ADDED,
}

_BAND_KEYS: Final = pa.array([band.key for band in Band])
_CLASS_KEYS: Final = pa.array([row.name.lower() if row == 0 else row.name for row in GeologyClass])


def _columns(hazard: assess.Hazard, found: assess.Assessed) -> list[pa.Array]:
    decides = found.sinkhole != assess.NONE
    # Only ids that decide somewhere in the piece: all of a country's would outweigh its rows.
    sinkholes, codes = np.unique(found.sinkhole[decides], return_inverse=True)
    which = np.zeros(len(decides), dtype=np.int64)
    which[decides] = codes
    ids = pa.array(hazard.sinkhole_ids[sinkholes], pa.string())
    words = pa.DictionaryArray.from_arrays
    return [
        words(found.band, _BAND_KEYS),
        words(found.geology, _CLASS_KEYS),
        words(found.scored_as, _CLASS_KEYS),
        ids.take(pa.array(which, mask=~decides)),
        pa.array(np.round(found.distance_m, 2), from_pandas=True),
        pa.array(np.round(found.uncertainty_m, 2), from_pandas=True),
        pa.array(found.n_features),
        pa.array(found.check_record),
    ]


def _read_csv(source: Path) -> _Reading:
    try:
        header = _checked_header(source)
    except csv.Error as error:
        raise _unreadable(source, error) from error
    pair, is_degrees = _pair(source, header)
    _refuse_added(source, header)
    reader = pa_csv.open_csv(
        source,
        read_options=pa_csv.ReadOptions(block_size=_BLOCK_BYTES),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            # Everything else is written as it was read: no number is reformatted, no zero is lost.
            column_types=dict.fromkeys(header, pa.string()),
            strings_can_be_null=False,
        ),
    )

    def axes(batch: pa.RecordBatch) -> _Axes:
        first, second = (_numbers(batch.column(index)) for index in pair)
        return first, second

    return _Reading(schema=reader.schema, batches=iter(reader), axes=axes, is_degrees=is_degrees)


def _checked_header(source: Path) -> list[str]:
    """
    Return the titles of the columns.

    A quotation mark without its other half would take the rest of the file into one cell without
    a word. Counting them costs little; only where one is left over is the file read to find it.
    """
    n_quotes = 0
    with source.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            n_quotes += block.count(b'"')
    with source.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, strict=True)
        header = next((row for row in rows if row), [])
        if n_quotes % 2:
            deque(rows, maxlen=0)
    return header


def _pair(source: Path, header: list[str]) -> tuple[tuple[int, int], bool]:
    held = _by_plain_name(header)
    for pairs, is_degrees in ((_BNG_PAIRS, False), (_WGS84_PAIRS, True)):
        for first, second in pairs:
            if first in held and second in held:
                return (held[first], held[second]), is_degrees
    named = ", ".join(header) or "nothing"
    rule = f"it has neither easting and northing nor longitude and latitude once, but {named}"
    raise SchemaError(source.name, [rule], "Name the two columns so; nothing was written")


def _refuse_added(source: Path, names: list[str]) -> None:
    taken = sorted({field.name for field in _PARQUET_ADDED} & set(names))
    if taken:
        rule = f"it already has a column {', '.join(taken)}, which the assessment writes"
        raise SchemaError(source.name, [rule], "Rename or remove it; nothing was written")


def _read_parquet(source: Path) -> _Reading:
    file = parquet.ParquetFile(source)
    _refuse_added(source, file.schema_arrow.names)
    column, is_degrees = _geometry(source, file.schema_arrow)

    def axes(batch: pa.RecordBatch) -> _Axes:
        return _point_axes(source, batch.column(column))

    schema = _with_covering(file.schema_arrow, column)
    return _Reading(
        schema=schema,
        batches=file.iter_batches(batch_size=CHUNK_ROWS, use_threads=False),
        axes=axes,
        is_degrees=is_degrees,
        n_rows=file.metadata.num_rows,
        is_covered=len(schema) == len(file.schema_arrow),
    )


def _point_axes(source: Path, column: pa.Array) -> _Axes:
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
        raise SchemaError(source.name, ["it holds geometry other than points"], _WAY_OUT)
    return shapely.get_x(shapes), shapely.get_y(shapes)


_SIDES: Final = ("xmin", "ymin", "xmax", "ymax")


def _with_covering(schema: pa.Schema, geometry: str) -> pa.Schema:
    """Return the schema with a column of extents, unless the file has one or uses its name."""
    told = json.loads(schema.metadata[b"geo"])
    if "covering" in told["columns"][geometry] or COVERING in schema.names:
        return schema
    told["columns"][geometry]["covering"] = {"bbox": {side: [COVERING, side] for side in _SIDES}}
    told["version"] = max(str(told.get("version", "")), _COVERING_SINCE)
    extents = pa.field(COVERING, pa.struct([(side, pa.float32()) for side in _SIDES]))
    metadata = {**schema.metadata, b"geo": json.dumps(told).encode()}
    return pa.schema([*schema, extents], metadata=metadata)


_COVERING_SINCE: Final = "1.1.0"


def _covering(reading: _Reading, axes: _Axes) -> list[pa.Array]:
    """Return the extents of points in single precision, rounded outwards; null without a place."""
    if reading.is_covered:
        return []
    west, south = axes
    least, greatest = zip(*map(_singles_round, (west, south)), strict=True)
    sides = [pa.array(side) for side in (*least, *greatest)]
    missing = pa.array(np.isnan(axes[0]) | np.isnan(axes[1]))
    return [pa.StructArray.from_arrays(sides, names=_SIDES, mask=missing)]


def _geometry(source: Path, schema: pa.Schema) -> tuple[str, bool]:
    described = (schema.metadata or {}).get(b"geo")
    if described is None:
        raise SchemaError(
            source.name, ["it is Parquet without GeoParquet metadata"], "Save it as GeoParquet"
        )
    column, declared = _primary(source, described)
    if declared.get("encoding") != "WKB" or column not in schema.names:
        rule = f"its geometry is {column} in {declared.get('encoding')}, not a column of WKB"
        raise SchemaError(source.name, [rule], "Save it as GeoParquet 1.0; nothing was written")
    if "crs" in declared and declared["crs"] is None:
        raise SchemaError(
            source.name, ["its CRS is declared unknown"], "Declare it; nothing was written"
        )
    # GeoParquet without a crs is by its specification longitude and latitude (OGC:CRS84).
    code = _code_of(source, declared["crs"]) if "crs" in declared else geo.WGS84
    if code not in (geo.BNG, geo.WGS84):
        raise SchemaError(
            source.name,
            [f"its CRS is {code}"],
            f"Convert it to {geo.BNG} or {geo.WGS84}; nothing was written",
        )
    return column, code == geo.WGS84


def _code_of(source: Path, crs: object) -> str:
    try:
        return geo.code_of(crs)
    except RuntimeError as error:  # PROJ's
        raise SchemaError(
            source.name, [f"its CRS cannot be understood ({error})"], _WAY_OUT
        ) from error


def _primary(source: Path, described: bytes) -> tuple[str, dict[str, Any]]:
    try:
        metadata = json.loads(described)
        column = str(metadata["primary_column"])
        return column, dict(metadata["columns"][column])
    except (ValueError, KeyError, TypeError) as error:
        raise SchemaError(
            source.name, [f"its GeoParquet metadata is damaged ({error!r})"], _WAY_OUT
        ) from error


_READERS: Final[dict[str, Callable[[Path], _Reading]]] = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}


def _singles_round(axis: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the nearest numbers in single precision that are not above, and not below."""
    least = axis.astype(np.float32)
    greatest = least.copy()
    np.nextafter(least, np.float32(-np.inf), out=least, where=least > axis)
    np.nextafter(greatest, np.float32(np.inf), out=greatest, where=greatest < axis)
    return least, greatest


def _write_parquet(path: Path, schema: pa.Schema) -> AbstractContextManager[_Writer]:
    # Numbers and geometry hardly repeat: to look for words in them costs more than all the rest.
    repeats = (pa.types.is_dictionary, pa.types.is_string, pa.types.is_large_string)
    worded = [field.name for field in schema if any(is_it(field.type) for is_it in repeats)]
    writer: AbstractContextManager[_Writer] = parquet.ParquetWriter(
        path, schema, use_dictionary=[*worded, "sinkhole_uncertainty_m", "n_features"]
    )
    return writer


_WRITERS: Final[dict[str, Callable[[Path, pa.Schema], AbstractContextManager[_Writer]]]] = {
    ".csv": pa_csv.CSVWriter,
    ".parquet": _write_parquet,
}
