"""One piece of a file: its rows with the assessment beside them, and what was noticed of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import shapely

from sinkwatch import assess, geo
from sinkwatch.bulk import boundaries
from sinkwatch.bulk.request import BulkReport
from sinkwatch.bulk.rows import (
    UNCERTAINTY_COLUMN,
    WAY_OUT,
    Axes,
    as_held,
    by_plain_name,
    numbers,
    refuse_alike,
    refuse_taken,
    unwrapped,
)
from sinkwatch.errors import SchemaError
from sinkwatch.model import Band, GeologyClass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sinkwatch.bulk.formats import Target
    from sinkwatch.bulk.request import Basis, Request
    from sinkwatch.bulk.rows import Laid, Reading
    from sinkwatch.model import Bounds

_MOST_MISREAD: Final = 0.05  # share of rows that look exchanged above which the file is refused
_MOST_DEGREES: Final = (180.0, 90.0)

_WORDS: Final = pa.dictionary(pa.int8(), pa.string())

ADDED: Final = (
    pa.field("band", _WORDS),
    pa.field("geology_class", _WORDS),
    pa.field("scored_as", _WORDS),
    pa.field("sinkhole_id", pa.string()),
    pa.field("sinkhole_distance_m", pa.float64()),
    pa.field("sinkhole_uncertainty_m", pa.float64()),
    pa.field("n_features", pa.int64()),
    pa.field("check_record", pa.bool_()),
)
"""Columns that are written beside a row's own."""

BAND_KEYS: Final = pa.array([band.key for band in Band])
"""Words for bands, by code."""

_CLASS_KEYS: Final = pa.array([row.name.lower() if row == 0 else row.name for row in GeologyClass])


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """
    Counts of rows, which add up.

    Attributes
    ----------
    n_rows, n_written, n_unplaced
        As in `BulkReport`.
    n_exchanged
        Rows that would lie in the area with their two axes exchanged.
    n_foreign
        Rows that would lie in the area if metres were degrees, or degrees metres.
    bands
        Rows in each band, by code, shape (n_bands,).
    """

    n_rows: int = 0
    n_written: int = 0
    n_unplaced: int = 0
    n_exchanged: int = 0
    n_foreign: int = 0
    bands: tuple[int, ...] = (0,) * len(Band)

    def __add__(self, other: Noticed) -> Noticed:
        """Return the counts of both together."""
        return Noticed(
            n_rows=self.n_rows + other.n_rows,
            n_written=self.n_written + other.n_written,
            n_unplaced=self.n_unplaced + other.n_unplaced,
            n_exchanged=self.n_exchanged + other.n_exchanged,
            n_foreign=self.n_foreign + other.n_foreign,
            bands=tuple(one + more for one, more in zip(self.bands, other.bands, strict=True)),
        )

    @property
    def said(self) -> dict[str, Any]:
        """Return the counts as JSON can hold them."""
        return asdict(self)

    @classmethod
    def of(cls, said: dict[str, Any]) -> Noticed:
        """
        Return the counts that were said.

        Parameters
        ----------
        said
            What `said` gave, read again.

        Returns
        -------
        noticed
            The counts.
        """
        return cls(**{**said, "bands": tuple(said["bands"])})

    @property
    def report(self) -> BulkReport:
        """Return what is told of it."""
        return BulkReport(
            n_rows=self.n_rows,
            n_written=self.n_written,
            n_unplaced=self.n_unplaced,
            bands={band: self.bands[band] for band in sorted(Band, reverse=True)},
            n_misread=self.n_exchanged + self.n_foreign,
        )

    def complete(self, name: str) -> Noticed:
        """
        Return the counts of a whole file, if it can be what it is taken for.

        Parameters
        ----------
        name
            Of the file.

        Returns
        -------
        noticed
            The counts.

        Raises
        ------
        SchemaError
            If it holds no rows, or as `check`.
        """
        if not self.n_rows:
            raise SchemaError(name, ["it holds no rows"], WAY_OUT)
        self.check(name, self.n_rows)
        return self

    def check(self, name: str, n_all: int | None) -> None:
        """
        Refuse a file whose positions are not what they are taken for, as soon as that is known.

        Parameters
        ----------
        name
            Of the file.
        n_all
            How many rows it has; None where that is not known yet, which tells nothing of a file
            that only begins badly.

        Raises
        ------
        SchemaError
            If more than one row in twenty would lie in the area if it were read otherwise.
        """
        for n, otherwise, way_out in (
            (self.n_exchanged, "with their two axes exchanged", "Exchange the two columns"),
            (
                self.n_foreign,
                "if metres were taken for degrees or degrees for metres",
                "Name the columns, or declare the CRS, as what they are",
            ),
        ):
            if n_all is not None and n > _MOST_MISREAD * n_all:
                rule = f"{n} of {self.n_rows} rows would lie in the area {otherwise}"
                raise SchemaError(name, [rule], f"{way_out}; nothing was written")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """
    What is the same for every piece of a file.

    Attributes
    ----------
    basis
        What rows are assessed by.
    indexed
        Index of its hazard; none for a single piece, which needs less than all that is held.
    reading
        The file.
    laid
        How its rows are written.
    request
        What was asked for.
    """

    basis: Basis
    indexed: assess.Index | None
    reading: Reading
    laid: Laid
    request: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """
    Rows as they are written, and what was noticed of those that were read.

    Attributes
    ----------
    batch
        The rows.
    noticed
        Counts.
    at
        Easting and northing of the rows that were read, metres, EPSG:27700.
    """

    batch: pa.RecordBatch
    noticed: Noticed
    at: Axes


def laid_out(kind: Target, reading: Reading, request: Request) -> Laid:
    """
    Tell how a kind of file holds the rows and their assessment.

    Parameters
    ----------
    kind
        Of the target.
    reading
        The source.
    request
        With the columns that are wanted.

    Returns
    -------
    laid
        With the columns of the assessment.

    Raises
    ------
    SchemaError
        If a column that is wanted is not there, or cannot be written.
    """
    kept = _kept(reading, request.columns)
    fields = [*ADDED, *(boundaries.SHARES if reading.is_ground else ())]
    added = [field.name for field in fields]
    refuse_taken(reading.name, kept.names, added)
    if kind.is_alike is not None:
        names = [kind.is_alike(name) for name in (*kept.names, *added) if name != reading.geometry]
        refuse_alike(reading.name, names, kind.title)
    laid = kind.lay(reading, kept)
    # What writes plain tables has no use for numbers in place of words.
    if not kind.has_words:
        fields = [field.with_type(unwrapped(field.type)) for field in fields]
    schema = pa.schema([*laid.schema, *fields], metadata=laid.schema.metadata)
    return replace(laid, schema=schema)


def _kept(reading: Reading, wanted: tuple[str, ...] | None) -> pa.Schema:
    schema = reading.schema
    if wanted is None:
        return schema
    missing = [name for name in wanted if name not in schema.names]
    if missing:
        rule = f"it has no column {', '.join(missing)}, but {', '.join(schema.names)}"
        raise SchemaError(reading.name, [rule], "Name columns that it has; nothing was written")
    fields = [field for field in schema if field.name in wanted]
    return pa.schema(fields, metadata=schema.metadata)


def assessed(asking: Asking, batch: pa.RecordBatch) -> Piece:
    """
    Assess the rows of one piece.

    Parameters
    ----------
    asking
        What is the same for all pieces.
    batch
        The rows as they were read.

    Returns
    -------
    piece
        The rows as they are written, and what was noticed.
    """
    reading, hazard = asking.reading, asking.basis.hazard
    axes = reading.axes(batch)
    easting, northing = reading.placed(*axes)
    if reading.is_ground:
        found, shares, is_placed = _of_ground(asking, batch)
    else:
        doubt_m = uncertainty_m(batch, asking.request.uncertainty_m)
        found = assess.points(hazard, easting, northing, doubt_m, asking.indexed)
        shares, is_placed = [], np.isfinite(easting) & np.isfinite(northing)
    schema = asking.laid.schema
    columns = [*asking.laid.columns(batch, axes), *answers(hazard, found), *shares]
    columns = [
        as_held(reading.name, column, field) for column, field in zip(columns, schema, strict=True)
    ]
    written = pa.RecordBatch.from_arrays(columns, schema=schema)
    if asking.request.only_flagged:
        written = written.filter(pa.array(is_flagged(asking.basis, found)))
    is_elsewhere = ~inside(asking.basis.bounds, easting, northing)
    return Piece(
        batch=written,
        noticed=Noticed(
            n_rows=batch.num_rows,
            n_written=written.num_rows,
            n_unplaced=int((~is_placed).sum()),
            bands=tuple(np.bincount(found.band, minlength=len(Band)).tolist()),
            **_misread(asking, axes[0][is_elsewhere], axes[1][is_elsewhere]),
        ),
        at=(easting, northing),
    )


def _of_ground(
    asking: Asking, batch: pa.RecordBatch
) -> tuple[assess.Assessed, list[pa.Array], NDArray[np.bool_]]:
    """Assess boundaries; give the answers, the shares of ground, and which bound any."""
    reading = asking.reading
    column = batch.column(reading.geometry)
    shapes = boundaries.on_grid(reading.name, column, is_degrees=reading.is_degrees)
    doubt_m = uncertainty_m(batch, asking.request.boundary_uncertainty_m)
    found, shares = boundaries.assessed(asking.basis.hazard, shapes, doubt_m)
    return found, shares, ~shapely.is_missing(shapes)


def _misread(
    asking: Asking, first: NDArray[np.float64], second: NDArray[np.float64]
) -> dict[str, int]:
    """Count the rows outside the area that would lie in it if they were read otherwise."""
    reading, bounds = asking.reading, asking.basis.bounds
    exchanged = reading.placed(second, first)
    if reading.is_degrees:
        foreign: tuple[Axes, ...] = ((first, second),)
    else:
        small = (np.abs(first) <= max(_MOST_DEGREES)) & (np.abs(second) <= max(_MOST_DEGREES))
        east, north = first[small], second[small]
        foreign = (geo.to_bng(east, north), geo.to_bng(north, east))
    return {
        "n_exchanged": int(inside(bounds, *exchanged).sum()),
        "n_foreign": sum(int(inside(bounds, *axes).sum()) for axes in foreign),
    }


def inside(
    bounds: Bounds, easting: NDArray[np.float64], northing: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """
    Tell which places lie within bounds.

    Parameters
    ----------
    bounds
        EPSG:27700.
    easting, northing
        Metres, EPSG:27700, shape (n,).

    Returns
    -------
    inside
        Shape (n,); their edges count, and what is no number does not.
    """
    least_easting, least_northing, greatest_easting, greatest_northing = bounds.as_tuple()
    return np.asarray(
        (easting >= least_easting)
        & (easting <= greatest_easting)
        & (northing >= least_northing)
        & (northing <= greatest_northing)
    )


def uncertainty_m(batch: pa.RecordBatch, default_m: float) -> NDArray[np.float64]:
    """
    Return how well each row's position is known.

    Parameters
    ----------
    batch
        Rows, n of them, with `UNCERTAINTY_COLUMN` or without.
    default_m
        For rows that do not say, metres.

    Returns
    -------
    uncertainty_m
        Metres, shape (n,).
    """
    held = by_plain_name(batch.schema.names)
    if UNCERTAINTY_COLUMN not in held:
        return np.full(batch.num_rows, default_m)
    given = numbers(batch.column(held[UNCERTAINTY_COLUMN]))
    return np.where(np.isfinite(given) & (given > 0), given, default_m)


def is_flagged(basis: Basis, found: assess.Assessed) -> NDArray[np.bool_]:
    """
    Tell which places are flagged: band High or above, or close to a counted record.

    Parameters
    ----------
    basis
        With the distance that is close.
    found
        The assessment of n places.

    Returns
    -------
    flagged
        Shape (n,).
    """
    return np.asarray((found.band >= Band.HIGH) | (found.distance_m <= basis.flag_within_m))


def answers(hazard: assess.Hazard, found: assess.Assessed) -> list[pa.Array]:
    """
    Lay an assessment out as the columns of `ADDED`.

    Parameters
    ----------
    hazard
        What was asked.
    found
        What it answered, n places.

    Returns
    -------
    columns
        Each of n cells.
    """
    decides = found.sinkhole != assess.NONE
    # Only ids that decide somewhere in the piece: all of a country's would outweigh its rows.
    sinkholes, codes = np.unique(found.sinkhole[decides], return_inverse=True)
    which = np.zeros(len(decides), dtype=np.int64)
    which[decides] = codes
    ids = pa.array(hazard.sinkhole_ids[sinkholes], pa.string())
    words = pa.DictionaryArray.from_arrays
    return [
        words(found.band, BAND_KEYS),
        words(found.geology, _CLASS_KEYS),
        words(found.scored_as, _CLASS_KEYS),
        ids.take(pa.array(which, mask=~decides)),
        pa.array(np.round(found.distance_m, 2), from_pandas=True),
        pa.array(np.round(found.uncertainty_m, 2), from_pandas=True),
        pa.array(found.n_features),
        pa.array(found.check_record),
    ]
