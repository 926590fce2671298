"""Code-Point Open: every postcode of Great Britain with a position, and those that once had one."""

from __future__ import annotations

import contextlib
import logging
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute as pc

from sinkwatch import geo, schemas
from sinkwatch.errors import SchemaError
from sinkwatch.sources import snapshots
from sinkwatch.sources.ordnance_survey import code_point_archive as archive
from sinkwatch.sources.ordnance_survey import code_point_editions as editions
from sinkwatch.sources.ordnance_survey import os_downloads
from sinkwatch.sources.ordnance_survey.code_point_rows import UNCERTAINTY_M, WAY_OUT, AreaRows

if TYPE_CHECKING:
    import geopandas as gpd

    from sinkwatch.model import Area, Snapshot, SourceSpec
    from sinkwatch.sources.errand import Errand
    from sinkwatch.sources.outside.politeness import HostRule

LOG = logging.getLogger(__name__)

WANTED: Final = os_downloads.Wanted(product="CodePointOpen", area="GB", file_format="CSV")
"""The file: 120 tables, one for each postcode area."""

_COLUMNS: Final = [
    "postcode",
    "position_uncertainty_m",
    "district_code",
    "quality",
    "is_retired",
    "geometry",
]
_MOST_EXAMPLES: Final = 3
_LETTERS: Final = re.compile("[A-Z]+")  # with which a postcode, and its area, begins


def host_rules(spec: SourceSpec) -> dict[str, HostRule]:
    """
    Return the servers that a source asks, and how each may be asked.

    Parameters
    ----------
    spec
        The source; see `os_downloads.host_rules`.

    Returns
    -------
    rules
        By server; none if the operator has fetched the file by hand.
    """
    return {} if spec.path is not None else os_downloads.host_rules(spec)


def fetch(spec: SourceSpec, errand: Errand) -> Snapshot:
    """
    Take the postcodes of the area out of the newest edition, and keep those gone from it.

    Parameters
    ----------
    spec
        The source; ``codepo_gb.zip``, if the operator has fetched it by hand.
    errand
        With the way out, and the list held.

    Returns
    -------
    snapshot
        The list, as Parquet; the same bytes if nothing has changed.

    Raises
    ------
    SourceError
        If it cannot be asked, or the archive is not whole.
    SchemaError
        If the archive is not as documented, or lacks rows that it says it has.
    """
    held = os_downloads.unchanged(spec, errand, WANTED.product)
    if held is not None:
        return held
    found = os_downloads.fetched(spec, errand, WANTED)
    content = editions.dumped(_merged(spec, errand, found))
    snapshot = snapshots.answered(spec, errand, content, ".parquet", url=found.url)
    return replace(snapshot, edition=found.edition)


def load(snapshot: Snapshot, spec: SourceSpec, area: Area) -> gpd.GeoDataFrame:
    """
    Read the list.

    Parameters
    ----------
    snapshot
        What `fetch` returned.
    spec
        The source.
    area
        The area.

    Returns
    -------
    postcodes
        Frame of `schemas.POSTCODES`, EPSG:27700, ordered by postcode, with ``district_code`` (str,
        null if not said), ``quality`` (int64, OS's positional quality indicator) and
        ``is_retired`` (bool: gone from the newest edition, and shown where it lay last).

    Raises
    ------
    SchemaError
        If it is no such list.
    """
    del spec, area
    table = editions.loaded(snapshot.path, name=snapshots.name_of(snapshot))
    quality = pd.Series(table["quality"].to_numpy().astype(np.int64))
    columns = {
        "postcode": _text(table["postcode"]),
        "position_uncertainty_m": quality.map(UNCERTAINTY_M).astype("float64"),
        "district_code": _text(table["district_code"]),
        "quality": quality,
        "is_retired": table["is_retired"].to_numpy(),
    }
    frame = geo.bng_frame(columns, table["easting"].to_numpy(), table["northing"].to_numpy())
    return schemas.POSTCODES.check(frame)


def joined(first: gpd.GeoDataFrame, second: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """
    Make one list of two, such as a starter list that ships with an area and Code-Point Open.

    Code-Point Open wins wherever it has the postcode. Where it covers the ground, a postcode that
    only the other list has is one that is in use no longer; elsewhere it stays as it is. Between
    two lists of one kind the second wins.

    Parameters
    ----------
    first, second
        Frames of `schemas.POSTCODES`, EPSG:27700. Those of Code-Point Open, and they alone, have
        the column ``is_retired``.

    Returns
    -------
    postcodes
        As `load` returns them; ``quality`` is 0 where a list does not say it.
    """
    lesser, greater = sorted((first, second), key=lambda frame: "is_retired" in frame.columns)
    others = _completed(lesser[~lesser["postcode"].isin(greater["postcode"])])
    if "is_retired" in greater.columns:
        live = greater[~greater["is_retired"]]
        others["is_retired"] |= _covered(others, live)
    both = pd.concat([_completed(greater), others], ignore_index=True)
    return schemas.POSTCODES.check(both.sort_values("postcode", ignore_index=True))


def _completed(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the columns of `load`, whatever a list lacks or says in words."""
    made = frame.reset_index(drop=True)
    n = len(made)
    quality = pd.to_numeric(made.get("quality", pd.Series(np.zeros(n))), errors="coerce")
    made["quality"] = quality.fillna(0).astype("int64")
    made["district_code"] = made.get("district_code", pd.Series([None] * n)).astype("str")
    made["is_retired"] = made.get("is_retired", pd.Series(np.zeros(n))).astype("bool")
    return made[_COLUMNS]


def _covered(frame: gpd.GeoDataFrame, by: gpd.GeoDataFrame) -> pd.Series[bool]:
    """Tell which rows a list would hold if they were still in use: by district and by place."""
    west, south, east, north = by.total_bounds  # NaN, which nothing is between, if it is empty
    is_there = frame.geometry.x.between(west, east) & frame.geometry.y.between(south, north)
    return is_there & _outcodes(frame).isin(_outcodes(by).unique())


def _outcodes(frame: gpd.GeoDataFrame) -> pd.Series[str]:
    return frame["postcode"].str.slice(stop=-4)


def _text(values: Any) -> pd.Series[Any]:  # noqa: ANN401 - Arrow
    return pd.Series(values.to_pandas(), dtype="str")


# ── The archive ──────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True, kw_only=True)
class _Tally:
    """What was met on the way through the files."""

    n_files: int = 0
    n_rows: int = 0
    n_without_position: int = 0
    n_twice: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, rows: AreaRows) -> None:
        self.n_files += 1
        self.n_rows += rows.n_rows
        self.n_without_position += rows.n_without_position
        self.n_twice += rows.n_twice
        self.wrong += [f"{rows.area.lower()}.csv, {words}" for words in rows.wrong]

    def __str__(self) -> str:
        return (
            f"{self.n_rows:,} rows in {self.n_files} files, {self.n_without_position:,} without "
            f"a position, {self.n_twice:,} twice"
        )


def _merged(spec: SourceSpec, errand: Errand, found: os_downloads.Fetched) -> pa.Table:
    """
    Merge the edition with the list held, one postcode area after the other.

    So neither the country's 1.7 million rows nor an index of them is in memory more than once.
    """
    name, before = f"{spec.name} ({found.edition})", _held(spec, errand)
    own = {match[0] for code in errand.area.outcodes if (match := _LETTERS.match(code))}
    needed = editions.areas_of(before) | own
    merged, differences, tally = [], [], _Tally()
    with contextlib.closing(archive.areas(found.path, spec.name, needed, name=name)) as areas:
        for rows in areas:
            tally.add(rows)
            _refuse_swapped(rows.table, errand.area, name)
            was = editions.of_area(before, rows.area)
            after = _near(rows.table, was, errand.area)
            merged.append(editions.merged(was, after, errand.area.bounds))
            differences.append(editions.compared(was.filter(pc.invert(was["is_retired"])), after))
    table = pa.concat_tables(merged)
    _tell(spec, tally)
    if not pc.any(pc.invert(table["is_retired"])).as_py():
        fault = f"none of its {tally.n_rows:,} rows lies in the bounds of {errand.area.name}"
        raise SchemaError(name, [fault], WAY_OUT)
    if len(before):
        difference = editions.together(differences)
        LOG.info("%s: %s against the list held: %s", spec.name, found.edition, difference)
    return table


def _near(table: pa.Table, was: pa.Table, area: Area) -> pa.Table:
    """Return the rows of the area, and those of postcodes held that lie elsewhere now."""
    is_near = editions.within(table, area.bounds)
    if len(was):
        is_near = pc.or_(is_near, pc.is_in(table["postcode"], value_set=was["postcode"]))
    return table.filter(is_near)


def _refuse_swapped(table: pa.Table, area: Area, name: str) -> None:
    """
    Refuse an edition whose axes were exchanged.

    Only postcodes that the area calls its own can tell: with its axes exchanged, Ripon lies in
    the East Riding, where postcodes lie rightly.
    """
    outcodes = pc.utf8_slice_codeunits(table["postcode"], 0, -4)
    mine = pa.array(area.outcodes, pa.string())
    own = table.filter(pc.is_in(outcodes, value_set=mine)) if area.outcodes else table
    away = own.filter(pc.invert(editions.within(own, area.bounds)))
    for row in away.select(["postcode", "easting", "northing"]).to_pylist():
        if geo.swapped_into(area.bounds, row["easting"], row["northing"]):
            outcode, where = row["postcode"][:-4], f"{row['easting']}, {row['northing']}"
            fault = f"easting and northing look exchanged: one of {outcode} lies at {where}"
            raise SchemaError(name, [fault], WAY_OUT)


def _tell(spec: SourceSpec, tally: _Tally) -> None:
    LOG.info("%s: %s", spec.name, tally)
    if tally.wrong:
        more = len(tally.wrong) - _MOST_EXAMPLES
        LOG.warning(
            "%s: rows left out: %s%s",
            spec.name,
            "; ".join(tally.wrong[:_MOST_EXAMPLES]),
            f" and {more} more" if more > 0 else "",
        )


def _held(spec: SourceSpec, errand: Errand) -> pa.Table:
    """Return the list held; nothing if there is none that can be read."""
    if errand.held is not None:
        try:
            return editions.loaded(errand.held.path, name=spec.name)
        except SchemaError as error:
            LOG.warning("%s: the list held is begun anew: %s", spec.name, error)
    return editions.KEPT.empty_table()
