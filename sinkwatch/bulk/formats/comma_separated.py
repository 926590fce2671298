"""CSV: every cell is written as it was read; positions stand in two columns."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
from pyarrow import csv as pa_csv

from sinkwatch.bulk.addresses import on_this_machine
from sinkwatch.bulk.rows import (
    Axes,
    Laid,
    Reading,
    by_plain_name,
    numbers,
    plain,
    refuse_taken,
    unreadable,
)
from sinkwatch.errors import SchemaError
from sinkwatch.sources import archives
from sinkwatch.sources.ordnance_survey import open_uprn

if TYPE_CHECKING:
    from pathlib import Path

    from sinkwatch.bulk.request import Request

BLOCK_BYTES: Final = 16_000_000
"""Bytes in a piece."""

_ALIKE_M: Final = 1.0  # columns of whole metres beside exact points are common
_ALIKE_DEGREES: Final = 1e-5
_BNG_PAIRS: Final = (("easting", "northing"), ("x_coordinate", "y_coordinate"))
_WGS84_PAIRS: Final = (("longitude", "latitude"), ("lon", "lat"))


@contextmanager
def read(request: Request) -> Iterator[Reading]:
    """
    Open a CSV file.

    Parameters
    ----------
    request
        With the file: easting and northing, or longitude and latitude, among its columns.

    Yields
    ------
    reading
        Every cell as text.

    Raises
    ------
    SchemaError
        If it has no positions, or a quotation mark without its other half.
    """
    source = on_this_machine(request.source)
    try:
        header = _checked_header(source)
    except csv.Error as error:
        raise unreadable(source.name, error) from error
    with source.open("rb") as file:
        yield _reading(source.name, file, header)


@contextmanager
def read_open_uprn(request: Request) -> Iterator[Reading]:
    """
    Open the table in the zip of OS Open UPRN, without unpacking it.

    Parameters
    ----------
    request
        With the zip.

    Yields
    ------
    reading
        Every cell as text.

    Raises
    ------
    SchemaError
        If it is not as documented.
    """
    source = on_this_machine(request.source)
    with archives.opened(source, source="OS Open UPRN", limits=open_uprn.LIMITS) as archive:
        member = archive.only(open_uprn.MEMBER)
        with archive.reading(member) as file:
            yield _reading(source.name, file, list(open_uprn.COLUMNS))


def _reading(name: str, file: IO[bytes], header: list[str]) -> Reading:
    pair, is_degrees = _pair(name, header)
    reader = pa_csv.open_csv(
        file,
        read_options=pa_csv.ReadOptions(block_size=BLOCK_BYTES),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            # Everything is written as it was read: no number is reformatted, no zero is lost.
            column_types=dict.fromkeys(header, pa.string()),
            strings_can_be_null=False,
        ),
    )
    if reader.schema.names != header:
        rule = f"its first row is {', '.join(reader.schema.names)}, not {', '.join(header)}"
        raise SchemaError(name, [rule], "Check that it is the file meant; nothing was written")

    def axes(batch: pa.RecordBatch) -> Axes:
        first, second = (numbers(batch.column(index)) for index in pair)
        return first, second

    return Reading(
        name=name, schema=reader.schema, batches=iter(reader), axes=axes, is_degrees=is_degrees
    )


def _checked_header(source: Path) -> list[str]:
    """
    Return the titles of the columns.

    A quotation mark without its other half would take the rest of the file into one cell without
    a word. Counting them costs little; only where one is left over is the file read to find it.
    """
    n_quotes = 0
    with source.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            n_quotes += block.count(b'"')
    with source.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, strict=True)
        header = next((row for row in rows if row), [])
        if n_quotes % 2:
            deque(rows, maxlen=0)
    return header


def _pair(name: str, header: list[str]) -> tuple[tuple[int, int], bool]:
    held = by_plain_name(header)
    for pairs, is_degrees in ((_BNG_PAIRS, False), (_WGS84_PAIRS, True)):
        for first, second in pairs:
            if first in held and second in held:
                return (held[first], held[second]), is_degrees
    named = ", ".join(header) or "nothing"
    rule = f"it has neither easting and northing nor longitude and latitude once, but {named}"
    raise SchemaError(name, [rule], "Name the two columns so; nothing was written")


def lay(reading: Reading, kept: pa.Schema) -> Laid:
    """
    Tell how CSV holds the rows of a file.

    Parameters
    ----------
    reading
        The file.
    kept
        Those of its columns that are written.

    Returns
    -------
    laid
        Points as two columns of numbers, in the file's own system.

    Raises
    ------
    SchemaError
        If a column or boundaries cannot be held, or a column is called like one that is added.
    """
    if reading.is_ground:
        way_out = "Write GeoParquet, GeoPackage or FlatGeobuf; nothing was written"
        raise SchemaError(reading.name, ["it holds boundaries, which CSV cannot"], way_out)
    left_out = {reading.geometry, reading.covering}
    wanted = set(kept.names) - left_out
    # By place, not by name: several columns may be called the same, and all are kept.
    places = [place for place, name in enumerate(reading.schema.names) if name in wanted]
    chosen = pa.schema([reading.schema.field(place) for place in places])
    names, fields = chosen.names, plain(reading.name, chosen, "CSV", _held)
    own = _WGS84_PAIRS[0] if reading.is_degrees else _BNG_PAIRS[0]
    held = by_plain_name(names)
    has_own = reading.geometry is not None and held.keys() >= set(own)
    pair = () if reading.geometry is None or has_own else own
    refuse_taken(reading.name, [name.strip().casefold() for name in names], list(pair))

    def columns(batch: pa.RecordBatch, axes: Axes) -> list[pa.Array]:
        kept = [batch.column(place) for place in places]
        if has_own:
            _check_alike(reading, own, [kept[held[title]] for title in own], axes)
        return [*kept, *(pa.array(axis, from_pandas=True) for axis in axes if pair)]

    return Laid(
        schema=pa.schema([*fields, *(pa.field(name, pa.float64()) for name in pair)]),
        columns=columns,
    )


def _check_alike(
    reading: Reading, titles: tuple[str, str], given: list[pa.Array], axes: Axes
) -> None:
    """Refuse columns that pass for the positions and are not: in CSV they would become them."""
    within = _ALIKE_DEGREES if reading.is_degrees else _ALIKE_M
    for column, axis in zip(given, axes, strict=True):
        if not np.allclose(numbers(column), axis, rtol=0, atol=within, equal_nan=True):
            rule = f"its columns {' and '.join(titles)} are not where its points are"
            raise SchemaError(
                reading.name,
                [rule],
                "Rename them, or leave them out with --columns; nothing was written",
            )


def _held(kind: pa.DataType) -> pa.DataType | None:
    is_a = pa.types
    no_text = (
        is_a.is_nested,
        is_a.is_binary,
        is_a.is_large_binary,
        is_a.is_fixed_size_binary,
        is_a.is_duration,
        is_a.is_interval,
    )
    return None if any(is_it(kind) for is_it in no_text) else kind


def write(path: Path, laid: Laid, batches: Iterable[pa.RecordBatch]) -> None:
    """
    Write rows.

    Parameters
    ----------
    path
        New file.
    laid
        With their schema.
    batches
        The rows.
    """
    with pa_csv.CSVWriter(path, laid.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
