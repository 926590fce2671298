"""What becomes of a postcode from one edition of Code-Point Open to the next."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import compute as pc
from pyarrow import parquet

from sinkwatch.errors import SchemaError
from sinkwatch.sources.ordnance_survey.code_point_rows import SCHEMA, UNCERTAINTY_M

if TYPE_CHECKING:
    from pathlib import Path

    from sinkwatch.model import Bounds

KEPT: Final = SCHEMA.append(pa.field("is_retired", pa.bool_(), nullable=False))
"""Columns of the list that is kept."""


_ROWS_A_GROUP: Final = 131_072


@dataclass(frozen=True, slots=True, kw_only=True)
class Editions:
    """
    How two editions differ.

    Attributes
    ----------
    added, removed
        Postcodes that only the later and only the earlier has, Arrow arrays, ordered.
    moved
        Table of the postcodes that lie elsewhere in the later: ``postcode`` and ``distance_m``.
    n_both
        Postcodes that both have.
    """

    added: Any
    removed: Any
    moved: pa.Table
    n_both: int

    def __str__(self) -> str:
        """Say it in one line."""
        distance_m = self.moved["distance_m"]
        furthest = f", the furthest {pc.max(distance_m).as_py():,.0f} m" if len(distance_m) else ""
        return (
            f"{len(self.added):,} added, {len(self.removed):,} removed, "
            f"{len(distance_m):,} moved{furthest}"
        )


def compared(before: pa.Table, after: pa.Table) -> Editions:
    """
    Compare two editions.

    Parameters
    ----------
    before, after
        Tables with the columns of `SCHEMA`, each postcode once.

    Returns
    -------
    editions
        How they differ.
    """
    at = pc.index_in(before["postcode"], value_set=after["postcode"])
    both = before.filter(pc.is_valid(at)).select(["postcode", "easting", "northing"])
    there = after.take(pc.drop_null(at))
    distance_m = np.hypot(
        *(
            there[name].to_numpy().astype(np.float64) - both[name].to_numpy()
            for name in ("easting", "northing")
        )
    )
    moved = pa.table({"postcode": both["postcode"], "distance_m": distance_m})
    is_new = pc.invert(pc.is_in(after["postcode"], value_set=before["postcode"]))
    return Editions(
        added=_ordered(after["postcode"].filter(is_new)),
        removed=_ordered(before["postcode"].filter(pc.is_null(at))),
        moved=moved.filter(pa.array(distance_m > 0)).sort_by("postcode"),
        n_both=len(both),
    )


def together(parts: Sequence[Editions]) -> Editions:
    """
    Put together what was compared area by area.

    Parameters
    ----------
    parts
        One for each postcode area, in the order of their names; at least one.

    Returns
    -------
    editions
        The same as if they had been compared all at once.
    """
    return Editions(
        added=_concatenated([part.added for part in parts]),
        removed=_concatenated([part.removed for part in parts]),
        moved=pa.concat_tables([part.moved for part in parts]),
        n_both=sum(part.n_both for part in parts),
    )


def of_area(table: pa.Table, area: str) -> pa.Table:
    """
    Return the postcodes of one area.

    Parameters
    ----------
    table
        Ordered by postcode.
    area
        Such as "HG".

    Returns
    -------
    table
        Those rows; nothing is copied.
    """
    postcodes = table["postcode"]

    def begins(least: str) -> int:
        return bisect_left(range(len(table)), least, key=lambda row: postcodes[row].as_py())

    begin = begins(f"{area}0")
    return table.slice(begin, begins(f"{area}:") - begin)  # the character that follows 9


def areas_of(table: pa.Table) -> frozenset[str]:
    """
    Return the postcode areas of a list.

    Parameters
    ----------
    table
        With the column ``postcode``.

    Returns
    -------
    areas
        Such as "HG".
    """
    found = pc.replace_substring_regex(table["postcode"], "[0-9].*", "")
    return frozenset(pc.unique(found).to_pylist())


def merged(before: pa.Table, after: pa.Table, bounds: Bounds) -> pa.Table:
    """
    Put a new edition in the place of the one held, and keep what has gone from it as retired.

    Parameters
    ----------
    before
        The list held, columns of `KEPT`; may have no row.
    after
        The new edition, columns of `SCHEMA`; those of its postcodes that lie outside the bounds
        matter only in that they are not gone.
    bounds
        Of the area.

    Returns
    -------
    merged
        Columns of `KEPT`, ordered by postcode, within the bounds. A postcode that comes back is
        retired no longer.
    """
    live = _where(after, within(after, bounds))
    gone = before.filter(pc.invert(pc.is_in(before["postcode"], value_set=after["postcode"])))
    gone = _where(gone, within(gone, bounds))
    parts = [
        part.select(SCHEMA.names).append_column(
            KEPT.field("is_retired"), pa.array(np.full(len(part), is_retired))
        )
        for part, is_retired in ((live, False), (gone, True))
    ]
    return pa.concat_tables(parts).cast(KEPT).sort_by("postcode")


def within(table: pa.Table, bounds: Bounds) -> Any:  # noqa: ANN401 - pyarrow has no types
    """
    Tell which rows lie in an area.

    Parameters
    ----------
    table
        With the columns ``easting`` and ``northing``, metres, EPSG:27700.
    bounds
        Of the area, edges included.

    Returns
    -------
    within
        Arrow array of booleans, shape (n,).
    """
    return pc.and_(
        _between(table["easting"], bounds.min_easting, bounds.max_easting),
        _between(table["northing"], bounds.min_northing, bounds.max_northing),
    )


def dumped(table: pa.Table) -> bytes:
    """
    Write a list down.

    Parameters
    ----------
    table
        Columns of `KEPT`.

    Returns
    -------
    content
        Parquet; the same list gives the same bytes.
    """
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, compression="zstd", row_group_size=_ROWS_A_GROUP)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def loaded(path: Path, *, name: str) -> pa.Table:
    """
    Read what `dumped` wrote.

    Parameters
    ----------
    path
        Where it lies.
    name
        What it is, for the message.

    Returns
    -------
    table
        Columns of `KEPT`.

    Raises
    ------
    SchemaError
        If it is no such list.
    """
    way_out = "Run again to make it anew"
    try:
        table = parquet.ParquetFile(path).read()
    except (OSError, pa.ArrowException) as error:
        fault = f"it cannot be read as Parquet ({type(error).__name__})"
        raise SchemaError(name, [fault], way_out) from error
    if table.schema.names != KEPT.names or table.schema.types != KEPT.types:
        raise SchemaError(name, [f"its columns are not {', '.join(KEPT.names)}"], way_out)
    faults = [
        f"{field.name} is missing in {table[field.name].null_count:,} rows"
        for field in KEPT
        if not field.nullable and table[field.name].null_count
    ]
    strange = set(pc.unique(table["quality"]).to_pylist()) - {None, *UNCERTAINTY_M}
    if strange:
        faults.append(f"it holds the positional quality {min(strange)}, which is not known")
    if faults:
        raise SchemaError(name, faults, way_out)
    return table


def _concatenated(parts: Iterable[Any]) -> Any:  # noqa: ANN401 - Arrow
    return pa.chunked_array([chunk for part in parts for chunk in part.chunks], pa.string())


def _where(table: pa.Table, is_kept: Any) -> pa.Table:  # noqa: ANN401 - Arrow
    """Return some rows of a table; without a copy of the whole country if that is all of them."""
    return table if pc.all(is_kept).as_py() else table.filter(is_kept)


def _ordered(values: Any) -> Any:  # noqa: ANN401 - Arrow
    return values.take(pc.array_sort_indices(values))


def _between(values: Any, least: float, greatest: float) -> Any:  # noqa: ANN401 - Arrow
    numbers = values.to_numpy()
    return pa.array((numbers >= least) & (numbers <= greatest))
