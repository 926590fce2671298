"""CSV tables too large to be held: read block by block as text, with a word on every lost row."""

from __future__ import annotations

import codecs
import csv
import io
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Final

import pyarrow as pa
from pyarrow import csv as pa_csv

from sinkwatch.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator

LOG = logging.getLogger(__name__)

BLOCK_BYTES: Final = 4_194_304
"""Bytes read at once; no row is longer."""

MOST_BROKEN: Final = 0.01
"""Share of rows that may be unreadable (sinkwatch data gates: schema)."""

MOST_BROKEN_ROWS: Final = 1_000_000
"""Rows after which a table is given up, whatever its size: 1 % of the largest used here is less."""

WAY_OUT: Final = "Nothing of it has been used; what is held stays in use"
"""What is said of a table that cannot be believed."""

_NOTHING_PENDING: Final = (b"", 0)
_TAIL_BYTES: Final = 65_536  # longer than any last row
_EXAMPLE: Final = 80
_SHOWN: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """
    How a table is written.

    Attributes
    ----------
    columns
        Names in the order of the file.
    has_header
        Whether its first row must be these very names.
    is_quoted
        Whether a cell may stand in double quotes.
    wanted
        Names of the columns to give; all if empty.
    """

    columns: tuple[str, ...]
    has_header: bool
    is_quoted: bool = True
    wanted: tuple[str, ...] = ()


@dataclass(kw_only=True)
class _Broken:
    """Rows without the right number of cells."""

    n_rows: int = 0
    example: str = ""

    def skip(self, row: pa_csv.InvalidRow) -> str:
        # A quote that is never closed takes the lines after it along: each of them is lost.
        self.n_rows += row.text.count("\n") + 1
        self.example = self.example or (
            f"{row.actual_columns} of {row.expected_columns} cells in {row.text[:_EXAMPLE]!r}"
        )
        return "error" if self.n_rows > MOST_BROKEN_ROWS else "skip"


@dataclass(kw_only=True)
class _Tailed(io.RawIOBase):
    """A file of UTF-8 read forwards, of which the end is remembered."""

    file: BinaryIO
    tail: bytes = field(default=b"", init=False)
    # Checked before pyarrow sees it: that would only mutter about a broken row that is not UTF-8.
    decoder: codecs.IncrementalDecoder = field(
        default_factory=codecs.getincrementaldecoder("utf-8"), init=False
    )

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        chunk = self.file.read(size)
        if not (chunk and chunk.isascii() and self.decoder.getstate() == _NOTHING_PENDING):
            self.decoder.decode(chunk, final=not chunk)
        before = b"" if len(chunk) >= _TAIL_BYTES else self.tail
        self.tail = (before + chunk[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        return chunk

    def last_row(self) -> list[str]:
        """Return the cells of a last row that no line break ends; none if there is no such row."""
        _, _, rest = self.tail.replace(b"\r", b"\n").rpartition(b"\n")
        return next(csv.reader([rest.decode("utf-8", "replace")]), [])


def texts(file: BinaryIO, layout: Layout, *, name: str) -> Iterator[pa.RecordBatch]:
    """
    Read a table, a few megabytes at a time, every cell as text.

    Rows with too few or too many cells are left out and counted. Nothing may be believed until
    the last batch is had: a file that is damaged or cut off says so there.

    Parameters
    ----------
    file
        Binary, read forwards to its end; UTF-8, with or without a byte order mark, lines ended by
        CR LF or LF.
    layout
        How it is written.
    name
        What it is, for messages.

    Yields
    ------
    rows
        The columns wanted, as text, empty where a cell is; in the order of the file.

    Raises
    ------
    SchemaError
        If it is empty or not UTF-8, its header is another, its last row breaks off, or more than
        `MOST_BROKEN` of its rows have not as many cells as there are columns.
    """
    broken, tailed = _Broken(), _Tailed(file=file)
    n_rows = 0
    try:
        reader = _opened(tailed, layout, broken, name)
        for rows in reader:
            n_rows += rows.num_rows
            yield rows
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise SchemaError(name, [_reason(error, broken)], WAY_OUT) from error
    last = tailed.last_row()
    if last and len(last) != len(layout.columns):
        raise SchemaError(
            name, [f"its last row breaks off after {len(last)} of {len(layout.columns)} cells"],
            WAY_OUT,
        )  # fmt: skip
    refuse_share(
        broken.n_rows, n_rows + broken.n_rows, MOST_BROKEN,
        f"have not {len(layout.columns)} cells ({broken.example})", name=name,
    )  # fmt: skip
    if not n_rows:
        raise SchemaError(name, ["it holds no row"], WAY_OUT)


def refuse_share(n_bad: int, n_rows: int, most: float, rule: str, *, name: str) -> None:
    """
    Refuse a table of which too many rows had to be left out; say so if a few had.

    Parameters
    ----------
    n_bad
        Rows left out.
    n_rows
        Rows in all.
    most
        Share of rows that may be left out.
    rule
        What is wrong with them, as the end of a sentence that begins with their number.
    name
        What the table is, for messages.

    Raises
    ------
    SchemaError
        If it is more.
    """
    if n_bad > most * n_rows:
        fault = f"{n_bad:,} of {n_rows:,} rows {rule}; more than {most:.0%} is too many"
        raise SchemaError(name, [fault], WAY_OUT)
    if n_bad:
        LOG.warning("%s: left out %d of %d rows that %s", name, n_bad, n_rows, rule)


def _opened(file: _Tailed, layout: Layout, broken: _Broken, name: str) -> pa_csv.CSVStreamingReader:
    # `mode` is named: without it pyarrow takes a file that has no mode of its own for a sink.
    reader = pa_csv.open_csv(
        pa.PythonFile(file, mode="r"),
        read_options=pa_csv.ReadOptions(
            block_size=BLOCK_BYTES, column_names=None if layout.has_header else layout.columns
        ),
        parse_options=pa_csv.ParseOptions(
            quote_char='"' if layout.is_quoted else False, invalid_row_handler=broken.skip
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(layout.columns, pa.string()),
            include_columns=layout.wanted or None,
            strings_can_be_null=False,
            check_utf8=False,
        ),
    )
    if tuple(reader.schema.names) != (layout.wanted or layout.columns):
        found = ",".join(reader.schema.names)[:_SHOWN]
        fault = f'its first row is "{found}", not "{",".join(layout.columns)}"'
        raise SchemaError(name, [fault], WAY_OUT)
    return reader


def _reason(error: Exception, broken: _Broken) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    said = str(error)
    for words, reason in _REASONS.items():
        if words in said:
            return reason
    return f"it cannot be read as CSV ({broken.example or said[:_SHOWN]})"


_REASONS: Final = {
    "Empty CSV file": "it holds no row",
    "straddling object": f"it has a row longer than {BLOCK_BYTES:,} bytes",
}
"""What pyarrow says, in our words."""
