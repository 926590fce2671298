"""A result in parts: each is whole or not there, so that what was killed goes on where it was."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from sinkwatch import assess, grid
from sinkwatch.bulk import faults, formats, manifest, pieces, prepared, stream
from sinkwatch.bulk.formats import geoparquet
from sinkwatch.bulk.store import HALFWAY, Store
from sinkwatch.errors import ConfigError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from sinkwatch.bulk.request import Basis, BulkReport, Request

PART_ROWS: Final = 50_000
"""Rows in a part at most: few enough that one is soon made again, many enough to be read fast."""

PLAN: Final = "_plan.json"
"""What parts are made of, while not all of them are there."""

MANIFEST: Final = "_manifest.json"
"""What they were made of, when all of them are."""

SQUARES: Final = "_squares.parquet"
"""Which parts have rows in which squares of the map."""

UPDATING: Final = "_updating.json"
"""The manifest as it was, while parts are brought up to date."""

CHANGED: Final = "_changed.parquet"
"""Rows whose answers the last update has changed."""

_OF_INPUT: Final = ("input", "part_rows", "bounds")  # in a plan, what says how rows were read


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """
    Some rows of the source, one after another.

    Attributes
    ----------
    name
        Of the file that they come to be.
    batch
        The rows; None if that file is there already.
    """

    name: str
    batch: pa.RecordBatch | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """
    A part that is there.

    Attributes
    ----------
    described
        Name, size in bytes and SHA-256.
    noticed
        Counts of the rows read for it.
    squares
        Squares of the map that these lie in, as `assess.squares_of` gives them.
    """

    described: dict[str, Any]
    noticed: pieces.Noticed
    squares: NDArray[np.uint32]


def assess_in_parts(
    basis: Basis,
    request: Request,
    *,
    kept: Path | None,
    progress: Callable[[int, int | None], None],
) -> BulkReport:
    """
    Assess every row of a file, and write a folder of GeoParquet.

    Parameters
    ----------
    basis
        What rows are assessed by.
    request
        What is asked for; parts that are there and belong to it are not made again.
    kept
        Folder in which prepared layers are kept for the next time; None to keep none.
    progress
        Told after each part.

    Returns
    -------
    report
        Rows, and rows in each band.

    Raises
    ------
    ConfigError
        If the folder is there and does not belong to this request.
    SchemaError
        If the file cannot be read to its end, has no positions, or its axes look exchanged.
    """
    store = Store.at(request.target)
    plan = planned(basis, request)
    with (
        faults.told_plainly(request),
        formats.of(request.source, formats.SOURCES).read(request) as reading,
    ):
        n_rows = grid.MOST_SQUARES if reading.n_rows is None else reading.n_rows
        asking = pieces.Asking(
            basis=basis,
            indexed=prepared.index(basis.hazard, kept, n_rows),
            reading=reading,
            laid=pieces.laid_out(formats.TARGETS[".parquet"], reading, request),
            request=request,
        )
        with _cleared_of_faults(store), manifest.described_beside(request.source) as source:
            # What can be told of the source has been by now: for a bad one nothing is removed.
            there = begun(store, plan, overwrite=request.overwrite)
            done: list[Done] = []
            noticed = pieces.Noticed()
            with faults.told_plainly(request):
                for each in stream.in_turn(partial(made, asking, store), cut(asking, there)):
                    done.append(each)
                    noticed += each.noticed
                    noticed.check(reading.name, reading.n_rows)
                    progress(noticed.n_rows, reading.n_rows)
            report = noticed.complete(reading.name).report
            finish(store, plan, source.result(), done, report)
    return report


@contextmanager
def _cleared_of_faults(store: Store) -> Iterator[None]:
    """Leave nothing of a source with a fault, which says that nothing was written."""
    was_there = store.is_there()
    try:
        yield
    except SchemaError:
        clear(store)
        if not was_there:
            store.unmake()
        raise


def planned(basis: Basis, request: Request) -> dict[str, Any]:
    """
    Tell what parts are made of: those of another plan do not belong together.

    Parameters
    ----------
    basis, request
        The work.

    Returns
    -------
    plan
        To be compared; the source by size and time of last change, which costs nothing.
    """
    status = request.source.stat()
    source = {
        "name": request.source.name,
        "bytes": status.st_size,
        "changed_ns": status.st_mtime_ns,
    }
    return {
        **manifest.asked(basis, request),
        "input": source,
        "part_rows": PART_ROWS,
        "bounds": list(basis.bounds.as_tuple()),
    }


def begun(store: Store, plan: dict[str, Any], *, overwrite: bool) -> frozenset[str]:
    """
    Begin a folder, or go on with one.

    Parameters
    ----------
    store
        The folder.
    plan
        What its parts are to be made of.
    overwrite
        Whether parts of another plan may be removed.

    Returns
    -------
    there
        Names of parts that belong to the plan and are there.

    Raises
    ------
    ConfigError
        If the folder holds anything else.
    """
    names = store.names()
    if PLAN in names and store.read_bytes(PLAN) == _written(plan):
        return frozenset(name for name in names if _is_part(name) and store.is_whole(name))
    if names and not overwrite:
        rule = "is there already, and is not this work half done"
        raise ConfigError(store.path, rule, "Name another folder, or add --overwrite")
    clear(store)
    if left := store.names():
        rule = f"holds what sinkwatch has not written: {', '.join(left[:3])}"
        raise ConfigError(store.path, rule, "Name an empty folder")
    store.make()
    store.write_bytes(PLAN, _written(plan))
    return frozenset()


def _written(plan: dict[str, Any]) -> bytes:
    return json.dumps(plan, indent=2).encode()


def _is_part(name: str) -> bool:
    return name.startswith("part-") and name.endswith(".parquet")


def clear(store: Store) -> None:
    """
    Remove what was written for a request, and nothing else.

    Parameters
    ----------
    store
        The folder.
    """
    ours = (PLAN, MANIFEST, SQUARES, UPDATING, CHANGED)
    for name in store.names():
        if name in ours or _is_part(name) or name.startswith(HALFWAY):
            store.remove(name)


def first_row(name: str) -> int:
    """
    Tell which row of the source a part begins with.

    Parameters
    ----------
    name
        Of the part.

    Returns
    -------
    first_row
        Its number, from 0.
    """
    return int(name.removeprefix("part-").removesuffix(".parquet"))


def part_name(first_row: int) -> str:
    """
    Name a part.

    Parameters
    ----------
    first_row
        Number of its first row in the source, from 0.

    Returns
    -------
    name
        Such that the order of names is that of rows.
    """
    return f"part-{first_row:012}.parquet"


def cut(asking: pieces.Asking, there: frozenset[str]) -> Iterator[Part]:
    """
    Read the source in parts; what is there already is not decoded where that can be told.

    Parameters
    ----------
    asking
        What is the same for all parts.
    there
        Names of parts that need not be made.

    Yields
    ------
    part
        At most `PART_ROWS` rows of GeoParquet, or a piece of another kind of file.
    """
    source, columns = asking.request.source, asking.request.columns
    if source.suffix.lower() == ".parquet":
        with geoparquet.opened(source) as file:
            for group in enumerate(names_of(file.metadata)):
                yield from cut_group(file, columns, group, there)
        return
    first_row = 0
    for batch in asking.reading.batches:
        name = part_name(first_row)
        yield Part(name=name, batch=None if name in there else batch)
        first_row += batch.num_rows


def names_of(metadata: parquet.FileMetaData) -> list[list[str]]:
    """
    Name the parts that each row group comes to be.

    Parameters
    ----------
    metadata
        Of the file.

    Returns
    -------
    names
        By row group, in the order of rows.
    """
    sizes = [metadata.row_group(each).num_rows for each in range(metadata.num_row_groups)]
    edges = pairwise(accumulate(sizes, initial=0))
    return [[part_name(row) for row in range(*edge, PART_ROWS)] for edge in edges]


def cut_group(
    file: parquet.ParquetFile,
    columns: tuple[str, ...] | None,
    group: tuple[int, list[str]],
    there: frozenset[str],
) -> Iterator[Part]:
    """
    Read one row group of a GeoParquet file in parts.

    Parameters
    ----------
    file
        The file.
    columns
        Those that are written; None for all.
    group
        Number of the row group, and the names of its parts.
    there
        Names of parts that need not be made.

    Yields
    ------
    part
        At most `PART_ROWS` rows.
    """
    number, names = group
    if there.issuperset(names):
        yield from (Part(name=name, batch=None) for name in names)
        return
    read = geoparquet.reading("", file, columns, row_groups=[number], batch_size=PART_ROWS)
    for name, batch in zip(names, read.batches, strict=True):
        yield Part(name=name, batch=None if name in there else batch)


def made(asking: pieces.Asking, store: Store, part: Part) -> Done:
    """
    Assess one part and write it, unless it is there.

    Parameters
    ----------
    asking
        What is the same for all parts.
    store
        The folder.
    part
        The rows.

    Returns
    -------
    done
        What was written.
    """
    if part.batch is None:
        described, said = store.described(part.name)
        packed = base64.b64decode(said.pop("squares"))
        squares = np.frombuffer(packed, dtype="<u4").astype(np.uint32)
        return Done(described=described, noticed=pieces.Noticed.of(said), squares=squares)
    piece = pieces.assessed(asking, part.batch)
    squares = assess.squares_of(*piece.at)
    packed = base64.b64encode(squares.astype("<u4").tobytes())
    said = {**piece.noticed.said, "squares": packed.decode("ascii")}
    described = store.write(part.name, piece.batch, said)
    return Done(described=described, noticed=piece.noticed, squares=squares)


def finish(
    store: Store,
    plan: dict[str, Any],
    source: dict[str, Any],
    done: list[Done],
    report: BulkReport,
) -> None:
    """
    Say that all parts are there.

    Parameters
    ----------
    store
        The folder.
    plan
        What they were made of.
    source
        The file that was read, as `manifest.described`.
    done
        The parts.
    report
        Counts.
    """
    squares, part = _by_square(done)
    store_squares(store, pa.table({"square": squares, "part": part}), plan)
    complete(store, plan, source, [each.described for each in done], report)


def complete(
    store: Store,
    plan: dict[str, Any],
    source: dict[str, Any],
    output: list[dict[str, Any]],
    report: BulkReport,
) -> None:
    """
    Write the manifest, and remove what is there only until there is one.

    Parameters
    ----------
    store
        The folder.
    plan
        What its parts were made of.
    source
        The file that was read, as `manifest.described`.
    output
        The parts, as described.
    report
        Counts.
    """
    how = {name: value for name, value in plan.items() if name not in _OF_INPUT}
    store.write_bytes(MANIFEST, manifest.told(how, source, output, report).encode())
    for name in store.names():
        if name in (PLAN, UPDATING) or name.startswith(HALFWAY):
            store.remove(name)


def _by_square(done: list[Done]) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
    """Return squares, ascending, and the number of a part that has rows in each."""
    square = np.concatenate([each.squares for each in done])
    part = np.repeat(np.arange(len(done), dtype=np.int32), [len(each.squares) for each in done])
    order = np.argsort(square, kind="stable")
    return square[order], part[order]


def store_squares(store: Store, squares: pa.Table, plan: dict[str, Any]) -> None:
    """
    Write which parts have rows in which squares, and how the rows were read.

    Parameters
    ----------
    store
        The folder.
    squares
        Columns `square` and `part`, by square.
    plan
        What `planned` returned.
    """
    read = {name: plan[name] for name in _OF_INPUT}
    sink = pa.BufferOutputStream()
    table = squares.replace_schema_metadata({"sinkwatch": json.dumps(read)})
    parquet.write_table(table, sink, use_dictionary=False, compression="none")
    store.write_bytes(SQUARES, sink.getvalue())
