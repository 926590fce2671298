"""The rows of Code-Point Open: which are believed, and how well each says where a postcode is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import compute as pc
from pyarrow import csv

from sinkwatch.errors import SchemaError

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNCERTAINTY_M: Final[Mapping[int, float]] = {
    10: 100.0,
    20: 100.0,
    30: 150.0,
    40: 500.0,
    50: 500.0,
    60: 2_000.0,
}
"""How well a point stands for an address in its postcode, metres, by positional quality indicator.
A unit of some 15 addresses gives 100 m (sinkwatch position rules); 30 adds the 50 m within which
it was found. 50 is estimated from postcodes around it and 60 is the middle of a sector, several km
across: for these and the rare 40 OS states no distance, and ours are on the wide side."""

NO_POSITION: Final = 90
"""Positional quality indicator of a postcode that has no coordinates."""

COLUMNS: Final = (
    "postcode",
    "quality",
    "easting",
    "northing",
    "country",
    "region",
    "health_authority",
    "county",
    "district",
    "ward",
)
"""Of each file, none of which has a header."""

SCHEMA: Final = pa.schema(
    [
        pa.field("postcode", pa.string(), nullable=False),
        pa.field("easting", pa.int32(), nullable=False),
        pa.field("northing", pa.int32(), nullable=False),
        pa.field("quality", pa.int16(), nullable=False),
        pa.field("district_code", pa.string()),
    ]
)
"""Columns of what is read; easting and northing in metres, EPSG:27700."""

WAY_OUT: Final = "Nothing of it has been used; what is held stays in use"
"""What becomes of an archive that is refused."""

_READ: Final = ("postcode", "quality", "easting", "northing", "country", "district")
_COUNTRIES: Final = ("E92000001", "S92000003", "W92000004")  # Great Britain: England, Scotland…
_SPACE: Final = r"[ \t\n\r\f\v]*"
_POSTCODE: Final = rf"^{_SPACE}([A-Z]{{1,2}}[0-9][A-Z0-9]?){_SPACE}([0-9][A-Z]{{2}}){_SPACE}$"
_EAST_M: Final = 700_000  # reach of the National Grid's lettered squares
_NORTH_M: Final = 1_300_000
_METRES: Final = "^[0-9]{1,7}$"
_DISTRICT: Final = "^([EWS][0-9]{8})?$"
_MOST_WRONG: Final = 0.01  # share of rows that may be unreadable (data gates)
_MOST_NOWHERE: Final = 0.05  # share of rows that may lie outside Great Britain (data gates)
_MOST_TWICE: Final = 0.20  # share of rows that may be there twice (data gates)
_MOST_SHOWN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaRows:
    """
    The file of one postcode area.

    Attributes
    ----------
    area
        Such as "HG".
    table
        Columns of `SCHEMA`, each postcode once, ordered by it.
    n_rows
        Rows of the file, whatever they are.
    n_without_position
        Postcodes left out because they have no coordinates.
    wrong
        Why rows were left out, each with what was met in which row.
    n_twice
        Rows left out because their postcode had another that is known better.
    """

    area: str
    table: pa.Table
    n_rows: int
    n_without_position: int
    wrong: tuple[str, ...]
    n_twice: int


def normalised(postcodes: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
    """
    Write postcodes in their usual form: one space, before the last three characters.

    Parameters
    ----------
    postcodes
        Arrow array of strings, with any spacing and case; editions differ.

    Returns
    -------
    postcodes
        Null where one has not the form of a postcode; else as `gazetteer.normalised_postcode`.
    """
    upper = pc.ascii_upper(postcodes)
    usual = pc.replace_substring_regex(upper, _POSTCODE, r"\1 \2")
    return pc.if_else(pc.match_substring_regex(upper, _POSTCODE), usual, None)


def read_area(file: pa.BufferReader, area: str, *, name: str) -> AreaRows:
    """
    Read the file of one postcode area.

    Parameters
    ----------
    file
        CSV without a header, UTF-8, in the layout of any edition.
    area
        Its postcode area, such as "HG".
    name
        What it is, for the message.

    Returns
    -------
    rows
        Those that can be understood.

    Raises
    ------
    SchemaError
        If it is no such file, or more than 1 % of its rows cannot be understood, 5 % lie nowhere
        in Great Britain or 20 % are there twice.
    """
    table, n_broken = _parsed(file, name)
    n_rows = len(table) + n_broken
    postcodes = normalised(table["postcode"])
    is_without = _mask(pc.equal(table["quality"], str(NO_POSITION))) & _mask(pc.is_valid(postcodes))
    checks = _checks(table, postcodes, area)
    is_wrong = ~is_without & np.logical_or.reduce([wrong for _, _, wrong in checks])
    is_known = ~is_without & ~is_wrong
    known = _typed(table, postcodes, is_known)
    is_nowhere = _nowhere(known)
    once = _once(known.filter(pa.array(~is_nowhere)))
    n_twice = int((~is_nowhere).sum()) - len(once)
    wrong = _examples(table, checks, ~is_without, n_broken)
    _refuse_many(name, "cannot be understood", int(is_wrong.sum()) + n_broken, n_rows, wrong)
    nowhere = _where(known, is_nowhere)
    _refuse_many(name, "lie nowhere in Great Britain", int(is_nowhere.sum()), n_rows, nowhere)
    _refuse_many(name, "are there twice", n_twice, n_rows, ())
    return AreaRows(
        area=area,
        table=once,
        n_rows=n_rows,
        n_without_position=int(is_without.sum()),
        wrong=(*wrong, *nowhere),
        n_twice=n_twice,
    )


# ── Rows ─────────────────────────────────────────────────────────────────────────────────────


def _parsed(file: pa.BufferReader, name: str) -> tuple[pa.Table, int]:
    """Return the columns that are used, as text, and how many rows have not ten values."""
    n_broken = 0

    def pass_over(_: object) -> str:
        nonlocal n_broken
        n_broken += 1
        return "skip"

    try:
        table = csv.read_csv(
            file,
            read_options=csv.ReadOptions(column_names=COLUMNS, use_threads=False),
            parse_options=csv.ParseOptions(invalid_row_handler=pass_over),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(COLUMNS, pa.string()),
                strings_can_be_null=False,
                include_columns=_READ,
            ),
        )
    except pa.ArrowInvalid as error:
        raise SchemaError(
            name, [f"it cannot be read as UTF-8 CSV ({str(error)[:120]})"], WAY_OUT
        ) from error
    if not len(table) + n_broken:
        raise SchemaError(name, ["it holds no row"], WAY_OUT)
    return table, n_broken


_Check = tuple[str, str, "NDArray[np.bool_]"]


def _checks(table: pa.Table, postcodes: Any, area: str) -> list[_Check]:  # noqa: ANN401 - Arrow
    """Return each rule of a row: the column it is about, its words, and which rows break it."""
    of_area = pc.match_substring_regex(pc.fill_null(postcodes, ""), f"^{area}[0-9]")
    known = pa.array([str(quality) for quality in (*UNCERTAINTY_M, NO_POSITION)])
    rules = [
        ("postcode", "has not the form of a postcode", pc.is_valid(postcodes)),
        ("postcode", f"is none of {area}", pc.or_(of_area, pc.is_null(postcodes))),
        ("quality", "is no positional quality known", pc.is_in(table["quality"], known)),
        ("easting", "is no whole number of metres", _fits(table["easting"], _METRES)),
        ("northing", "is no whole number of metres", _fits(table["northing"], _METRES)),
        ("country", "is no country of it", pc.is_in(table["country"], pa.array(_COUNTRIES))),
        ("district", "is no code of a district", _fits(table["district"], _DISTRICT)),
    ]
    return [(column, rule, ~_mask(is_right)) for column, rule, is_right in rules]


def _fits(values: Any, pattern: str) -> Any:  # noqa: ANN401 - Arrow
    return pc.match_substring_regex(values, pattern)


def _mask(values: Any) -> NDArray[np.bool_]:  # noqa: ANN401 - Arrow
    return np.asarray(values.to_numpy(), dtype=np.bool_)


def _typed(table: pa.Table, postcodes: Any, is_known: NDArray[np.bool_]) -> pa.Table:  # noqa: ANN401
    district = pc.if_else(pc.equal(table["district"], ""), None, table["district"])
    columns = {
        "postcode": postcodes,
        **{name: table[name] for name in ("easting", "northing", "quality")},
        "district_code": district,
    }
    return pa.table(columns).filter(pa.array(is_known)).cast(SCHEMA)


def _nowhere(known: pa.Table) -> NDArray[np.bool_]:
    """Tell which rows lie off the National Grid, or at zero, where OS writes "not known"."""
    easting, northing = known["easting"].to_numpy(), known["northing"].to_numpy()
    is_there = (easting > 0) & (easting < _EAST_M) & (northing > 0) & (northing < _NORTH_M)
    return np.asarray(~is_there, dtype=np.bool_)


def _once(known: pa.Table) -> pa.Table:
    """Keep one row of each postcode, the best known, whatever their order in the file."""
    order = [(name, "ascending") for name in ("postcode", "quality", "easting", "northing")]
    ordered = known.sort_by(order).combine_chunks()
    postcodes = ordered["postcode"]
    if len(ordered) < 2:  # noqa: PLR2004 - two make a pair
        return ordered
    is_other = _mask(pc.not_equal(postcodes[1:], postcodes[:-1]))
    return ordered.filter(pa.array(np.concatenate(([True], is_other))))


# ── Gates ────────────────────────────────────────────────────────────────────────────────────

_MOST: Final = {
    "cannot be understood": _MOST_WRONG,
    "lie nowhere in Great Britain": _MOST_NOWHERE,
    "are there twice": _MOST_TWICE,
}


def _refuse_many(name: str, words: str, n: int, n_rows: int, examples: Iterable[str]) -> None:
    # File by file: in 1.7 million rows of the whole country those of one town would be lost.
    if n > _MOST[words] * n_rows:
        fault = f"{n:,} of {n_rows:,} rows {words}, more than {_MOST[words]:.0%}"
        raise SchemaError(name, [fault, *examples], WAY_OUT)


def _examples(
    table: pa.Table, checks: list[_Check], is_meant: NDArray[np.bool_], n_broken: int
) -> tuple[str, ...]:
    found = [f"{n_broken:,} rows have not {len(COLUMNS)} values"] if n_broken else []
    for column, rule, is_wrong in checks:
        (rows,) = np.nonzero(is_wrong & is_meant)
        if len(rows):
            value = table[column][int(rows[0])].as_py()
            # Of a postcode no more than says where in the country it is: this goes into logs.
            shown = f"{value[:4]}…" if column == "postcode" else value[:_MOST_SHOWN]
            found.append(f'row {rows[0] + 1}: {column} "{shown}" {rule} ({len(rows):,} such)')
    return tuple(found)


def _where(known: pa.Table, is_nowhere: NDArray[np.bool_]) -> tuple[str, ...]:
    (rows,) = np.nonzero(is_nowhere)
    if not len(rows):
        return ()
    first = known.slice(int(rows[0]), 1).to_pylist()[0]
    return (f"{len(rows):,} lie nowhere, such as {first['easting']}, {first['northing']}",)
