"""CSV tables, read whole or not at all, each column as its frame's contract says."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from sinkwatch import geo, schemas, wording
from sinkwatch.errors import SchemaError
from sinkwatch.sources import snapshots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import geopandas as gpd
    from numpy.typing import ArrayLike

    from sinkwatch.model import Area, Snapshot, SourceSpec
    from sinkwatch.sources.errand import Errand

_MOST_FAULTS: Final = 5
_BOOLEANS: Final = {"true": True, "false": False}
_POSITION: Final = ("easting", "northing")
_EARLIEST: Final = pd.Timestamp(1800, 1, 1)  # of any date (sinkwatch data gates)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointTable:
    """
    A kind of source: a CSV file of points with easting and northing.

    Attributes
    ----------
    schema
        Contract of the frame; its columns say how the cells are read.
    """

    schema: schemas.FrameSchema

    def fetch(self, spec: SourceSpec, errand: Errand) -> Snapshot:
        """
        Take a copy of the file; see `snapshots.take`.

        Parameters
        ----------
        spec
            The source.
        errand
            Where copies are kept, and the time of the run.

        Returns
        -------
        snapshot
            The copy.
        """
        return snapshots.take(spec, errand)

    def load(self, snapshot: Snapshot, spec: SourceSpec, area: Area) -> gpd.GeoDataFrame:
        """
        Read the copy.

        Parameters
        ----------
        snapshot
            CSV with the columns of the schema, and easting, northing (metres, EPSG:27700).
        spec
            The source.
        area
            The area; its bounds tell whether two axes were exchanged.

        Returns
        -------
        frame
            Frame of the schema, EPSG:27700, ordered by its key.

        Raises
        ------
        SchemaError
            If anything is not as promised; nothing of the file is used then.
        """
        del spec
        table = read_table(snapshot, [*self.schema.columns, *_POSITION])
        easting, northing = (numbers(table, name, snapshot) for name in _POSITION)
        _refuse_swapped(easting, northing, area, snapshot)
        columns = {
            name: self._read(table, name, snapshot)
            for name in table.columns
            if name not in (*_POSITION, "geometry")
        }
        frame = placed(columns, easting, northing)
        return self.schema.check(frame).sort_values(self.schema.key, ignore_index=True)

    def _read(self, table: pd.DataFrame, name: str, snapshot: Snapshot) -> pd.Series[Any]:
        column = self.schema.columns.get(name, schemas.Column(kind="text", is_optional=True))
        values = _READERS[column.kind](table, name, snapshot)
        if not column.is_optional:
            refuse_empty(table, name, snapshot)
        return values

    def empty(self) -> gpd.GeoDataFrame:
        """Return a frame of the schema without rows."""
        columns = {
            name: pd.Series([], dtype=_DTYPES[column.kind])
            for name, column in self.schema.columns.items()
        }
        return self.schema.check(geo.bng_frame(columns, [], []))


def read_table(snapshot: Snapshot, required: Iterable[str]) -> pd.DataFrame:
    """
    Read a CSV file whole or not at all, every value as text, empty as missing.

    Parameters
    ----------
    snapshot
        The copy to read, UTF-8.
    required
        Columns that must be there.

    Returns
    -------
    table
        Columns as named in the file, values cleaned of control characters; the index, named
        ``line``, says where in the file each row begins.

    Raises
    ------
    SchemaError
        If it is not UTF-8, lacks a column, or a row has too many or too few values, as the last
        row of a truncated file has.
    """
    try:
        with snapshot.path.open(encoding="utf-8-sig", newline="") as file:
            (_, titles), *rows = [*_rows(file)] or [(1, [])]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise refusal(snapshot, [f"it cannot be read as UTF-8 CSV ({error})"]) from error
    header = [name.strip() for name in titles]
    faults = [f"column {name} is missing" for name in required if name not in header]
    faults += [
        f"column {name} is there twice"
        for name in sorted({n for n in header if header.count(n) > 1})
    ]
    faults += _some(
        [
            f"line {line} has {len(row)} of {len(header)} values, as a truncated file has"
            for line, row in rows
            if len(row) != len(header)
        ]
    )
    if faults:
        raise refusal(snapshot, faults)
    cleaned = [[wording.clean(value) or None for value in row] for _, row in rows]
    lines = pd.Index([line for line, _ in rows], name="line", dtype="int64")
    return pd.DataFrame(cleaned, index=lines, columns=header, dtype="str")


def _rows(file: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Give each row that is not blank, and the line on which it begins."""
    reader = csv.reader(file, strict=True)
    begins = 1
    for row in reader:
        if row:
            yield begins, row
        begins = reader.line_num + 1


def refuse_empty(table: pd.DataFrame, name: str, snapshot: Snapshot) -> None:
    """
    Refuse a file that leaves a cell of a column empty.

    Parameters
    ----------
    table
        What `read_table` returns, or of its form.
    name
        The column.
    snapshot
        Where it came from, for the message.

    Raises
    ------
    SchemaError
        If a cell is empty; it names the lines.
    """
    lines = table.index[table[name].isna()]
    if len(lines):
        unit = table.index.name
        raise refusal(snapshot, _some([f"{unit} {line}: {name} is empty" for line in lines]))


def placed(
    columns: Mapping[str, pd.Series[Any]],
    easting: ArrayLike,
    northing: ArrayLike,
) -> gpd.GeoDataFrame:
    """
    Make a frame of points out of columns read from a table.

    Parameters
    ----------
    columns
        Column name to values, with the table's index, whatever it is.
    easting, northing
        Metres, EPSG:27700, shape (n,); NaN where the position is unknown.

    Returns
    -------
    frame
        Rows in the same order, counted from 0, EPSG:27700.
    """
    counted = {name: values.reset_index(drop=True) for name, values in columns.items()}
    return geo.bng_frame(counted, easting, northing)


def numbers(table: pd.DataFrame, name: str, snapshot: Snapshot) -> pd.Series[float]:
    """
    Read a column of numbers.

    Parameters
    ----------
    table
        What `read_table` returns.
    name
        The column; one that is not there is all missing.
    snapshot
        Where it came from, for the message.

    Returns
    -------
    values
        As float64, with the table's index; NaN where the cell is empty.

    Raises
    ------
    SchemaError
        If a cell is not a finite number.
    """
    if name not in table.columns:
        return pd.Series(np.nan, index=table.index, dtype="float64")
    values = pd.to_numeric(table[name], errors="coerce").astype("float64")
    wrong = table[name].notna() & ~np.isfinite(values)
    if wrong.any():
        raise refusal(snapshot, _cell_faults(table, name, wrong, "a finite number"))
    return values


def booleans(table: pd.DataFrame, name: str, snapshot: Snapshot) -> pd.Series[bool]:
    """
    Read a column of ``true`` and ``false``.

    Parameters
    ----------
    table
        What `read_table` returns.
    name
        The column.
    snapshot
        Where it came from, for the message.

    Returns
    -------
    values
        As bool, with the table's index.

    Raises
    ------
    SchemaError
        If a cell is neither.
    """
    values = table[name].str.lower().map(_BOOLEANS)
    wrong = values.isna()
    if wrong.any():
        raise refusal(snapshot, _cell_faults(table, name, wrong, "true or false"))
    return values.astype("bool")


def dates(table: pd.DataFrame, name: str, snapshot: Snapshot) -> pd.Series[Any]:
    """
    Read a column of dates written YYYY-MM-DD.

    Parameters
    ----------
    table
        What `read_table` returns.
    name
        The column; one that is not there is all missing.
    snapshot
        Where it came from, for the message.

    Returns
    -------
    values
        As datetime64, with the table's index; NaT where the cell is empty.

    Raises
    ------
    SchemaError
        If a cell is no such date, or one before 1800.
    """
    if name not in table.columns:
        return pd.Series(pd.NaT, index=table.index, dtype="datetime64[s]")
    values = pd.to_datetime(table[name], format="%Y-%m-%d", errors="coerce")
    wrong = table[name].notna() & ~(values >= _EARLIEST)
    if wrong.any():
        rule = "a date like 2026-11-22, from 1800 on"
        raise refusal(snapshot, _cell_faults(table, name, wrong, rule))
    return values.astype("datetime64[s]")


def _cell_faults(table: pd.DataFrame, name: str, wrong: pd.Series[bool], rule: str) -> list[str]:
    unit = table.index.name
    faults = [
        f'{unit} {line}: {name} "{cell if isinstance(cell, str) else ""}" is not {rule}'
        for line, cell in table.loc[wrong, name].items()
    ]
    return _some(faults)


def _some(faults: list[str]) -> list[str]:
    more = len(faults) - _MOST_FAULTS
    return [*faults[:_MOST_FAULTS], f"and {more} more"] if more > 0 else faults


def refusal(snapshot: Snapshot, faults: list[str]) -> SchemaError:
    """
    Say that a file cannot be used.

    Parameters
    ----------
    snapshot
        The copy of it.
    faults
        Every fault, each a short sentence without its full stop.

    Returns
    -------
    error
        To be raised.
    """
    return SchemaError(
        f"{snapshot.source} ({snapshot.url})",
        faults,
        "Mend the file and run again; nothing of it has been used",
    )


def _texts(table: pd.DataFrame, name: str, snapshot: Snapshot) -> pd.Series[Any]:
    del snapshot
    return table[name]


def _integers(table: pd.DataFrame, name: str, snapshot: Snapshot) -> pd.Series[Any]:
    values = numbers(table, name, snapshot)
    wrong = values.isna() | (values % 1 != 0)
    if wrong.any():
        raise refusal(snapshot, _cell_faults(table, name, wrong, "a whole number"))
    return values.astype("int64")


_READERS: Final[dict[str, Callable[[pd.DataFrame, str, Snapshot], pd.Series[Any]]]] = {
    "text": _texts,
    "number": numbers,
    "integer": _integers,
    "boolean": booleans,
    "date": dates,
}

_DTYPES: Final = {
    "text": "str",
    "number": "float64",
    "integer": "int64",
    "boolean": "bool",
    "date": "datetime64[s]",
}


def _refuse_swapped(
    easting: pd.Series[float], northing: pd.Series[float], area: Area, snapshot: Snapshot
) -> None:
    """Refuse a file whose axes were exchanged: its points would lie inside the other way round."""
    faults = [
        f"line {line}: easting and northing look exchanged"
        for line, east, north in zip(easting.index, easting, northing, strict=True)
        if geo.swapped_into(area.bounds, east, north)
    ]
    if faults:
        raise refusal(snapshot, _some(faults))


SINKHOLES: Final = PointTable(schema=schemas.SINKHOLES)
"""The inventory of recorded sinkholes."""

PLACES: Final = PointTable(schema=schemas.PLACES)
"""Sites, streets, villages and landmarks."""

POSTCODES: Final = PointTable(schema=schemas.POSTCODES)
"""Postcode unit centres."""

CASES: Final = PointTable(schema=schemas.CASES)
"""Past planning decisions where the ground mattered."""
