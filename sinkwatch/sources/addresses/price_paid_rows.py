"""How a list of sales is read a block at a time, and which of its rows are addresses of an area."""

from __future__ import annotations

import csv
import hashlib
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from sinkwatch import gazetteer, wording
from sinkwatch.errors import SchemaError

if TYPE_CHECKING:
    from pathlib import Path

LOG = logging.getLogger(__name__)

BLOCK_BYTES: Final = 4_194_304
"""Bytes read at once; no row is longer."""

_N_CELLS: Final = 16
_BETWEEN_CELLS: Final = b'","'  # every cell is quoted
_POSTCODE: Final = 3
_ADDRESS: Final = slice(7, 12)  # PAON, SAON, street, locality, town
_STATUS: Final = 15
_COUNTS: Final = {"A": 1, "C": 1, "D": -1}  # added, changed, deleted
_MOST_WRONG: Final = 0.01  # share of rows that may be unreadable (data gates)
_MOST_GARBLED: Final = 0.05  # share of rows with garbled text (data gates)
_MOST_CHARACTERS: Final = 200
_GARBLED: Final = re.compile("\ufffd|Ã[\u0080-\u00bf]|â€")
_WAY_OUT: Final = "Nothing of it has been used; fetch the list again"


class Address(NamedTuple):
    """One address: a stable id of its words, the words, and its postcode."""

    address_id: str
    address: str
    postcode: str


@dataclass(kw_only=True)
class _Found:
    """What has been counted so far."""

    name: str
    n_rows: int = 0
    n_unreadable: int = 0
    n_matched: int = 0
    n_rejected: int = 0
    n_garbled: int = 0
    sales: Counter[Address] = field(default_factory=Counter)


def addresses_in(paths: Iterable[Path], outcodes: Sequence[str], *, name: str) -> list[Address]:
    """
    Read the addresses of some outcodes out of lists of sales.

    Only the postcode, the words of the address and the status of a row are looked at. An address
    goes with its last sale: as many rows that delete it as rows that add it.

    Parameters
    ----------
    paths
        The lists: no header, 16 cells, each quoted.
    outcodes
        First halves of the postcodes wanted.
    name
        What they are, for the message.

    Returns
    -------
    addresses
        Each once, by its id.

    Raises
    ------
    SchemaError
        If a list is not as documented, holds a status that is not known, no address of the area,
        or too much of it is unreadable or garbled.
    """
    found = _Found(name=name)
    for path in paths:
        for rows in _blocks(path, name):
            _count(rows, found)
            for outcode in outcodes:
                for line in _lines_with(rows, f'","{outcode} '.encode()):
                    _take(line, outcode, found)
    _refuse_bad(found, outcodes)
    return sorted(address for address, n_sales in found.sales.items() if n_sales > 0)


def _refusal(name: str, fault: str) -> SchemaError:
    return SchemaError(name, [fault], _WAY_OUT)


def _blocks(path: Path, name: str) -> Iterator[bytes]:
    """Give whole rows, a few megabytes at a time."""
    rest = b""
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            rows, line_break, last = (rest + block).rpartition(b"\n")
            if len(last) > BLOCK_BYTES:
                raise _refusal(name, f"it has a row longer than {BLOCK_BYTES:,} bytes")
            yield rows + line_break
            rest = last
    if not rest.strip():
        return
    if not _is_row(rest):
        raise _refusal(name, "its last row breaks off, as that of a truncated file does")
    yield rest


def _is_row(line: bytes) -> bool:
    row = line.rstrip(b"\r\n")
    return row.count(_BETWEEN_CELLS) == _N_CELLS - 1 and row.endswith(b'"')


def _count(rows: bytes, found: _Found) -> None:
    """Count the rows and those unreadable; row by row only where the sum of the cells is wrong."""
    n_rows = rows.count(b"\n") + (not rows.endswith(b"\n"))
    if not rows:
        return
    if rows.count(_BETWEEN_CELLS) != (_N_CELLS - 1) * n_rows:
        lines = [line for line in rows.splitlines() if line.strip()]
        n_rows = len(lines)
        found.n_unreadable += sum(not _is_row(line) for line in lines)
    found.n_rows += n_rows


def _lines_with(rows: bytes, words: bytes) -> Iterator[bytes]:
    """Give the lines that hold some bytes: a search, where reading every cell would take hours."""
    at = rows.find(words)
    while at >= 0:
        end = rows.find(b"\n", at)
        end = len(rows) if end < 0 else end
        yield rows[rows.rfind(b"\n", 0, at) + 1 : end]
        at = rows.find(words, end)


def _take(line: bytes, outcode: str, found: _Found) -> None:
    found.n_matched += 1
    cells = _cells(line)
    if cells is None:
        found.n_rejected += 1
        return
    postcode = gazetteer.normalised_postcode(cells[_POSTCODE])
    status = cells[_STATUS]
    if status not in _COUNTS:
        raise _refusal(found.name, f'status "{status[:40]}" is none of {", ".join(_COUNTS)}')
    address = _words(cells[_ADDRESS])
    if postcode is None or not postcode.startswith(f"{outcode} ") or not address:
        found.n_rejected += 1
        return
    found.n_garbled += bool(_GARBLED.search(" ".join(cells[_ADDRESS])))
    digest = hashlib.sha256(f"{postcode}\n{address.upper()}".encode()).hexdigest()
    found.sales[Address(f"price-paid-{digest[:16]}", address, postcode)] += _COUNTS[status]


def _cells(line: bytes) -> list[str] | None:
    """Return the cells of a row; None if they cannot be read."""
    try:
        (cells,) = csv.reader([line.decode("utf-8")], strict=True)
    except (UnicodeDecodeError, csv.Error, ValueError):
        return None
    is_whole = len(cells) == _N_CELLS and max(map(len, cells)) <= _MOST_CHARACTERS
    return cells if is_whole else None


def _words(cells: Sequence[str]) -> str:
    """Write an address as people do; nothing without a number, a name or a street."""
    number, within, street, locality, town = (_cased(wording.clean(cell)) for cell in cells)
    if not number or not (street or locality or town):
        return ""
    # "1, Example Terrace" would read as two things.
    line = f"{number} {street}" if street and number[0].isdigit() else f"{number}, {street}"
    parts = [within, line.strip(", "), locality, town]
    return ", ".join(part for part in dict.fromkeys(parts) if part)


def _cased(text: str) -> str:
    """Write in small letters what is all capitals; "12A" stays."""
    words = text.split(" ")
    return " ".join(word if any(map(str.isdigit, word)) else word.capitalize() for word in words)


def _refuse_bad(found: _Found, outcodes: Sequence[str]) -> None:
    if not found.n_rows:
        raise _refusal(found.name, "it holds no row")
    if found.n_unreadable > _MOST_WRONG * found.n_rows:
        raise _refusal(
            found.name,
            f"{found.n_unreadable:,} of {found.n_rows:,} rows have not {_N_CELLS} quoted cells",
        )
    if found.n_rejected > _MOST_WRONG * found.n_matched:
        raise _refusal(
            found.name,
            f"{found.n_rejected:,} of {found.n_matched:,} rows of the area cannot be read as an "
            "address",
        )
    if found.n_garbled > _MOST_GARBLED * found.n_matched:
        raise _refusal(
            found.name,
            f"the text of {found.n_garbled:,} of {found.n_matched:,} rows of the area is garbled "
            "(wrong charset)",
        )
    if not any(n_sales > 0 for n_sales in found.sales.values()):
        raise _refusal(found.name, f"it holds no address in {', '.join(outcodes)}")
    if found.n_unreadable or found.n_rejected:
        LOG.warning(
            "%s: left out %d of %d rows without %d cells, and %d of the area that are no address",
            found.name,
            found.n_unreadable,
            found.n_rows,
            _N_CELLS,
            found.n_rejected,
        )
