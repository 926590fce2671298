"""Any number of positions, from a file to a file: streamed, every row kept, none held in memory."""

from __future__ import annotations

import contextlib
import csv
import json
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from pyarrow import csv as pa_csv
from pyarrow import parquet

from sinkwatch import assess, geo
from sinkwatch.errors import ConfigError, SchemaError
from sinkwatch.model import Band, GeologyClass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sinkwatch.model import Bounds

CHUNK_ROWS: Final = 100_000
"""Rows in memory at a time; beyond this the assessment gains nothing from larger pieces."""

UNCERTAINTY_COLUMN: Final = "position_uncertainty_m"
"""Column that says how well each row's position is known, metres."""

_BNG_PAIRS: Final = (("easting", "northing"), ("x_coordinate", "y_coordinate"))
_WGS84_PAIRS: Final = (("longitude", "latitude"), ("lon", "lat"))
_BLOCK_BYTES: Final = 16_000_000
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
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    axes: Callable[[pa.RecordBatch], _Axes]  # as the file has them
    is_degrees: bool

    def placed(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> _Axes:
        """Return easting and northing, metres; NaN outside Great Britain."""
        return geo.to_bng(first, second) if self.is_degrees else (first, second)


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
        schema = pa.schema([*reading.schema, *_ADDED], metadata=reading.schema.metadata)
        with _WRITERS[kind](part, schema) as writer:
            report = _stream(hazard, bounds, reading, writer, uncertainty_m, progress)
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


def _stream(  # noqa: PLR0913, PLR0917 - the six belong to one loop
    hazard: assess.Hazard,
    bounds: Bounds,
    reading: _Reading,
    writer: _Writer,
    uncertainty_m: float,
    progress: Callable[[int], None],
) -> BulkReport:
    bands: Counter[int] = Counter()
    n_rows = n_unplaced = n_swapped = 0
    for batch in reading.batches:
        axes = reading.axes(batch)
        easting, northing = reading.placed(*axes)
        assessed = assess.points(hazard, easting, northing, _uncertainty(batch, uncertainty_m))
        writer.write_batch(_with_assessment(batch, hazard, assessed))
        n_rows += batch.num_rows
        n_unplaced += int((~(np.isfinite(easting) & np.isfinite(northing))).sum())
        inside = _inside(bounds, easting, northing)
        n_swapped += int((_inside(bounds, *reading.placed(*axes[::-1])) & ~inside).sum())
        bands.update(assessed.band.tolist())
        _refuse_swapped(n_swapped, n_rows)
        progress(n_rows)
    if not n_rows:
        raise SchemaError("the file", ["it holds no rows"], _WAY_OUT)
    return BulkReport(
        n_rows=n_rows,
        n_unplaced=n_unplaced,
        bands={band: bands[band] for band in sorted(Band, reverse=True)},
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


_ADDED: Final = (
    pa.field("band", pa.string()),
    pa.field("geology_class", pa.string()),
    pa.field("scored_as", pa.string()),
    pa.field("sinkhole_id", pa.string()),
    pa.field("sinkhole_distance_m", pa.float64()),
    pa.field("sinkhole_uncertainty_m", pa.float64()),
    pa.field("n_features", pa.int64()),
    pa.field("check_record", pa.bool_()),
)

_BAND_KEYS: Final = np.array([band.key for band in Band], dtype=object)
_CLASS_KEYS: Final = np.array(
    [row.name.lower() if row == 0 else row.name for row in GeologyClass], dtype=object
)


def _with_assessment(
    batch: pa.RecordBatch, hazard: assess.Hazard, assessed: assess.Assessed
) -> pa.RecordBatch:
    decides = assessed.sinkhole != assess.NONE
    sinkhole_ids = np.full(batch.num_rows, None, dtype=object)
    sinkhole_ids[decides] = hazard.sinkhole_ids[assessed.sinkhole[decides]]
    added = [
        pa.array(_BAND_KEYS[assessed.band], pa.string()),
        pa.array(_CLASS_KEYS[assessed.geology], pa.string()),
        pa.array(_CLASS_KEYS[assessed.scored_as], pa.string()),
        pa.array(sinkhole_ids, pa.string()),
        pa.array(np.round(assessed.distance_m, 2), pa.float64(), from_pandas=True),
        pa.array(np.round(assessed.uncertainty_m, 2), pa.float64(), from_pandas=True),
        pa.array(assessed.n_features, pa.int64()),
        pa.array(assessed.check_record, pa.bool_()),
    ]
    schema = pa.schema([*batch.schema, *_ADDED], metadata=batch.schema.metadata)
    return pa.RecordBatch.from_arrays([*batch.columns, *added], schema=schema)


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
    taken = sorted({field.name for field in _ADDED} & set(names))
    if taken:
        rule = f"it already has a column {', '.join(taken)}, which the assessment writes"
        raise SchemaError(source.name, [rule], "Rename or remove it; nothing was written")


def _read_parquet(source: Path) -> _Reading:
    file = parquet.ParquetFile(source)
    _refuse_added(source, file.schema_arrow.names)
    column, is_degrees = _geometry(source, file.schema_arrow)

    def axes(batch: pa.RecordBatch) -> _Axes:
        shapes = shapely.from_wkb(batch.column(column).to_numpy(zero_copy_only=False))
        is_point = shapely.get_type_id(shapes) == shapely.GeometryType.POINT
        if (~is_point & ~shapely.is_missing(shapes)).any():
            raise SchemaError(source.name, ["it holds geometry other than points"], _WAY_OUT)
        return shapely.get_x(shapes), shapely.get_y(shapes)

    return _Reading(
        schema=file.schema_arrow,
        batches=file.iter_batches(batch_size=CHUNK_ROWS),
        axes=axes,
        is_degrees=is_degrees,
    )


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

_WRITERS: Final[dict[str, Callable[[Path, pa.Schema], AbstractContextManager[_Writer]]]] = {
    ".csv": pa_csv.CSVWriter,
    ".parquet": parquet.ParquetWriter,
}
