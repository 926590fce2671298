"""OS Open UPRN: a point for every addressable location, read in one pass without unpacking it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute as pc

from sinkwatch import geo, schemas, wording
from sinkwatch.errors import SchemaError
from sinkwatch.model import Bounds
from sinkwatch.sources import archives, frame_files, snapshots
from sinkwatch.sources.archives import ArchiveLimits
from sinkwatch.sources.ordnance_survey import os_downloads
from sinkwatch.sources.ordnance_survey.csv_stream import (
    MOST_BROKEN,
    WAY_OUT,
    Layout,
    refuse_share,
    texts,
)
from sinkwatch.sources.ordnance_survey.os_downloads import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd
    from numpy.typing import NDArray

    from sinkwatch.model import Area, Snapshot, SourceSpec
    from sinkwatch.sources.errand import Errand
    from sinkwatch.sources.outside.politeness import HostRule

BASE_URL: Final = os_downloads.BASE_URL
"""Where the OS Downloads API answers, unless the area file says otherwise."""

RULE: Final = os_downloads.RULE
"""How it may be asked."""

PRODUCT: Final = "OpenUPRN"
"""Its id there."""

MEMBER: Final = "osopenuprn_*.csv"
"""Name of the table in the zip; the stars stand for year and month."""

COLUMNS: Final = ("UPRN", "X_COORDINATE", "Y_COORDINATE", "LATITUDE", "LONGITUDE")
"""First row of the table."""

LIMITS: Final = ArchiveLimits(most_members=50, most_bytes=10_000_000_000)
"""The one table unpacks to some 2.3 GB and grows by a few per cent a year."""

UNCERTAINTY_M: Final = geo.POSITION_FLOOR_M
"""How well a point stands for its address, metres (sinkwatch position rules: address points)."""

AGREE_WITHIN_M: Final = 2.0
"""How far the two positions that a row gives may lie apart, metres. Both are OS's own, written to
0.01 m and to 0.0000001 degrees; another datum would put them 100 m apart, and a plain shift
between the two 1.6 m at Ripon."""

MOST_MISPLACED: Final = 0.05
"""Share of rows whose position may be of no use (sinkwatch data gates: place)."""

MOST_REPEATED: Final = 0.20
"""Share of rows that may be there twice (sinkwatch data gates: keys)."""

_LAYOUT: Final = Layout(columns=COLUMNS, has_header=True, is_quoted=False)
_TEXT: Final = pa.string()
_ROWS: Final = pa.schema(
    [
        ("uprn", _TEXT),
        ("easting", pa.float64()),
        ("northing", pa.float64()),
        ("latitude", _TEXT),
        ("longitude", _TEXT),
    ]
)
_GRID: Final = Bounds(min_easting=0, min_northing=0, max_easting=700_000, max_northing=1_300_000)
_UPRN: Final = "[1-9][0-9]{0,11}"
_MOST_EXAMPLES: Final = 3
_MOST_CHARACTERS: Final = 20  # of an example


def host_rules(spec: SourceSpec) -> dict[str, HostRule]:
    """
    Return the servers that a source asks, and how each may be asked.

    Parameters
    ----------
    spec
        The source.

    Returns
    -------
    rules
        By server.
    """
    return os_downloads.host_rules(spec)


def fetch(spec: SourceSpec, errand: Errand) -> Snapshot:
    """
    Ask for the edition, and fetch it if it is another than the one held.

    Parameters
    ----------
    spec
        The source. A zip fetched by hand is its `path`.
    errand
        With the way out, the area and the copy held.

    Returns
    -------
    snapshot
        GeoParquet of the points within the area's bounds.

    Raises
    ------
    SourceError
        If it cannot be asked, or the file is not whole.
    SchemaError
        If the file is not as documented, or holds no point within the bounds.
    """
    held = os_downloads.unchanged(spec, errand, PRODUCT)
    if held is not None:
        return held
    wanted = Wanted(product=PRODUCT, area="GB", file_format="CSV")
    found = os_downloads.fetched(spec, errand, wanted)
    name = f"{spec.name} ({found.path.name})"
    frame = _frame(_kept(found.path, spec.name, errand.area.bounds, name), name)
    snapshot = snapshots.answered(
        spec, errand, frame_files.dumped(frame), frame_files.ENDING, url=found.url
    )
    return replace(snapshot, edition=found.edition)


def load(snapshot: Snapshot, spec: SourceSpec, area: Area) -> gpd.GeoDataFrame:
    """
    Read the points.

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
    addresses
        Frame of `schemas.ADDRESSES`, EPSG:27700, ordered by `address_id`, such as
        "uprn/100059999999"; without words.

    Raises
    ------
    SchemaError
        If it is no file that `fetch` made.
    """
    del spec, area
    frame = frame_files.loaded(snapshot)
    return schemas.ADDRESSES.check(frame).sort_values("address_id", ignore_index=True)


def batches(path: Path, source: str) -> Iterator[pa.RecordBatch]:
    """
    Read the whole table out of its zip, a few megabytes at a time; nothing is unpacked to disk.

    Rows that have not five cells, or no position on the National Grid, are left out and counted.
    Nothing may be believed until the last batch is had: a file that is damaged or has too many
    such rows says so there.

    Parameters
    ----------
    path
        The zip, as OS gives it.
    source
        Name of the source, for messages.

    Yields
    ------
    rows
        `uprn`, `latitude` and `longitude` (degrees, ETRS89) as the text that stands there;
        `easting` and `northing` as finite float64, metres, EPSG:27700.

    Raises
    ------
    SourceError
        If the zip is damaged or is not as it says.
    SchemaError
        If the table is not as documented.
    """
    name = f"{source} ({path.name})"
    n_rows = n_nowhere = 0
    with archives.opened(path, source=source, limits=LIMITS) as archive:
        member = archive.only(MEMBER)
        with archive.reading(member) as file:
            for found in texts(file, _LAYOUT, name=name):
                rows = _placed(found)
                n_rows += found.num_rows
                n_nowhere += found.num_rows - rows.num_rows
                yield rows
    rule = "have no position on the National Grid"
    refuse_share(n_nowhere, n_rows, MOST_MISPLACED, rule, name=name)


def _placed(found: pa.RecordBatch) -> pa.RecordBatch:
    """Read the positions of a batch, and leave out the rows that have none."""
    easting, northing = _numbers(found.column(1)), _numbers(found.column(2))
    rows = pa.RecordBatch.from_arrays(
        [found.column(0), pa.array(easting), pa.array(northing), found.column(3), found.column(4)],
        schema=_ROWS,
    )
    known = _inside(_GRID, easting, northing)
    return rows if known.all() else rows.filter(pa.array(known))


def _numbers(cells: pa.StringArray) -> NDArray[np.float64]:
    """Read a column of numbers; NaN where a cell holds none."""
    try:
        values = pc.cast(cells, pa.float64()).to_numpy()
    except pa.ArrowInvalid:  # one bad cell spoils a batch for the fast way
        values = pd.to_numeric(cells.to_pandas(), errors="coerce").to_numpy(dtype="float64")
    return np.asarray(values, dtype=np.float64)


# ── What lies in the area ────────────────────────────────────────────────────────────────────


@dataclass(kw_only=True)
class _Net:
    """What is kept of batch after batch."""

    bounds: Bounds
    n_exchanged: int = 0

    def of(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        easting, northing = rows["easting"].to_numpy(), rows["northing"].to_numpy()
        self.n_exchanged += int(_inside(self.bounds, northing, easting).sum())
        return rows.filter(pa.array(_inside(self.bounds, easting, northing)))


def _inside(
    bounds: Bounds, easting: NDArray[np.float64], northing: NDArray[np.float64]
) -> NDArray[np.bool_]:
    return (
        (easting >= bounds.min_easting)
        & (easting <= bounds.max_easting)
        & (northing >= bounds.min_northing)
        & (northing <= bounds.max_northing)
    )


def _kept(path: Path, source: str, bounds: Bounds, name: str) -> pd.DataFrame:
    """Read the rows within the bounds; none at all is a fault, not an empty answer."""
    net = _Net(bounds=bounds)
    table = pa.Table.from_batches([net.of(rows) for rows in batches(path, source)], schema=_ROWS)
    if not table.num_rows:
        where = "no point in it lies within the area's bounds"
        exchanged = "; its easting and northing look exchanged" if net.n_exchanged else ""
        raise SchemaError(name, [where + exchanged], WAY_OUT)
    kept: pd.DataFrame = table.to_pandas()
    return kept


def _frame(rows: pd.DataFrame, name: str) -> gpd.GeoDataFrame:
    n_rows = len(rows)
    good = rows[rows["uprn"].str.fullmatch(_UPRN).astype(bool)]
    rule = f"have a UPRN that is no number of 1 to 12 figures{_examples(rows, good)}"
    refuse_share(n_rows - len(good), n_rows, MOST_BROKEN, rule, name=name)
    agreeing = good[_agree(good)]
    rule = (
        f"have an easting and northing more than {AGREE_WITHIN_M:g} m from their longitude and "
        f"latitude, as another order or datum would{_examples(good, agreeing)}"
    )
    refuse_share(len(good) - len(agreeing), len(good), MOST_MISPLACED, rule, name=name)
    # No row bears a date: of two with one number, the later in the file is taken for the newer.
    once = agreeing.drop_duplicates("uprn", keep="last")
    rule = f"bear a UPRN that another one bears{_examples(agreeing, once)}"
    refuse_share(len(agreeing) - len(once), len(agreeing), MOST_REPEATED, rule, name=name)
    return _addresses(once)


def _agree(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell of each row whether its two positions are one; NaN is no position."""
    longitude, latitude = (
        pd.to_numeric(rows[column], errors="coerce").to_numpy(dtype="float64")
        for column in ("longitude", "latitude")
    )
    easting, northing = geo.to_bng(longitude, latitude)
    apart_m = np.hypot(rows["easting"] - easting, rows["northing"] - northing)
    return np.asarray(apart_m <= AGREE_WITHIN_M)


def _examples(rows: pd.DataFrame, kept: pd.DataFrame) -> str:
    left_out = rows["uprn"][~rows.index.isin(kept.index)].head(_MOST_EXAMPLES)
    shown = [wording.trimmed(wording.clean(uprn), _MOST_CHARACTERS) for uprn in left_out]
    return f" (such as UPRN {', '.join(shown)})" if shown else ""


def _addresses(rows: pd.DataFrame) -> gpd.GeoDataFrame:
    rows = rows.sort_values("uprn", ignore_index=True)
    nothing = pd.Series(None, index=rows.index, dtype="str")
    columns = {
        "address_id": ("uprn/" + rows["uprn"]).astype("str"),
        "address": nothing,
        "postcode": nothing,
        "position_uncertainty_m": pd.Series(UNCERTAINTY_M, index=rows.index, dtype="float64"),
    }
    return schemas.ADDRESSES.check(geo.bng_frame(columns, rows["easting"], rows["northing"]))
