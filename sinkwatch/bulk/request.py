"""What one bulk assessment is asked for, and what it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sinkwatch import geo

if TYPE_CHECKING:
    from sinkwatch import assess
    from sinkwatch.bulk.addresses import Location
    from sinkwatch.model import Band, Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """
    What rows are assessed by.

    Attributes
    ----------
    hazard
        What `assess.prepare` returns.
    bounds
        The area's bounds, EPSG:27700, by which exchanged axes are noticed.
    flag_within_m
        A place this close to a counted record is flagged whatever its band, metres.
    editions
        What the assessment rests on, a sentence for each source.
    """

    hazard: assess.Hazard
    bounds: Bounds
    flag_within_m: float = 250.0
    editions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """
    One bulk assessment.

    Attributes
    ----------
    source
        File to read: CSV, GeoParquet, GeoPackage, FlatGeobuf, or the zip of OS Open UPRN; only
        GeoParquet by an address.
    target
        File to write, of any of these kinds but the last; or a folder, for GeoParquet in parts,
        by its address as well.
    uncertainty_m
        How well a position is known where the row does not say, metres.
    boundary_uncertainty_m
        The same for boundaries, metres.
    columns
        Those of the source's columns that are written; None for all.
    only_flagged
        Whether rows that are not flagged are left out.
    layer
        Which layer of a GeoPackage; None where it has only one.
    overwrite
        Whether what stands at the target may be replaced.
    update
        Whether a folder that is complete is to be brought up to date with what rows are assessed
        by now.
    """

    source: Location
    target: Location
    uncertainty_m: float = 10.0
    boundary_uncertainty_m: float = geo.BOUNDARY_UNCERTAINTY_M
    columns: tuple[str, ...] | None = None
    only_flagged: bool = False
    layer: str | None = None
    overwrite: bool = False
    update: bool = False

    @property
    def is_in_parts(self) -> bool:
        """Return whether the target is a folder: one is there, or its name has no ending."""
        return self.target.is_dir() or not self.target.suffix


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """
    What bringing a folder up to date took.

    Attributes
    ----------
    n_looked_at
        Rows that were assessed again: those on ground where answers can differ.
    n_changed
        Rows whose answer is another one.
    n_parts
        Parts that were written anew.
    """

    n_looked_at: int
    n_changed: int
    n_parts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkReport:
    """
    What one bulk assessment did.

    Attributes
    ----------
    n_rows
        Rows read.
    n_written
        Rows written: all of them, or those that are flagged.
    n_unplaced
        Rows without a usable position: kept, not assessed.
    bands
        Rows read in each band.
    n_misread
        Rows outside the area that would lie in it with their axes exchanged, or if metres were
        taken for degrees or degrees for metres: too few to refuse the file; kept, not assessed.
    updated
        What it took, if a folder was brought up to date.
    """

    n_rows: int
    n_written: int
    n_unplaced: int
    bands: dict[Band, int]
    n_misread: int = 0
    updated: Updated | None = None
