"""The inventory of sinkholes: what ships, an operator's own records, and how two become one."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd

from sinkwatch import geo, schemas
from sinkwatch.errors import SchemaError
from sinkwatch.sources import tables
from sinkwatch.sources.inventory import rows as inventory_rows
from sinkwatch.sources.inventory.twins import duplicates
from sinkwatch.sources.snapshots import take as fetch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from sinkwatch.model import Area, Snapshot, SourceSpec

__all__ = ["Comparison", "compared", "duplicates", "fetch", "joined", "load"]

LOG = logging.getLogger(__name__)

MOST_OUTSIDE: Final = 0.05
"""Share of records outside the area above which a file is refused (sinkwatch data gates)."""

_POSITION: Final = "position"
_CHANGES: Final = ("sinkhole_id", "column", "before", "after")
_CONFIRMED: Final = ("sinkhole_id", "other_id", "feature_id")
_MOST_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """
    What an operator's records do to those that were there.

    Attributes
    ----------
    added
        Ids of new records.
    corrections
        Columns `sinkhole_id`, `column`, `before`, `after`: one row for each value that an
        operator's record of the same id changes.
    confirmed
        Columns `sinkhole_id`, `other_id`, `feature_id`: records that say by ``duplicate_of``
        which they repeat, and the feature that they join.
    proposals
        What `duplicates` finds among them, the operator's record first: nothing is done about
        these until ``duplicate_of`` confirms one.
    """

    added: tuple[str, ...]
    corrections: pd.DataFrame
    confirmed: pd.DataFrame
    proposals: pd.DataFrame


def load(snapshot: Snapshot, spec: SourceSpec, area: Area) -> gpd.GeoDataFrame:
    """
    Read an inventory.

    Parameters
    ----------
    snapshot
        CSV with the columns of `schemas.SINKHOLES`, and easting, northing (metres,
        EPSG:27700); or GeoJSON points with the same properties. A record may name by
        ``duplicate_of`` one that it repeats; without a feature it is one of its own.
    spec
        The source.
    area
        The area; what lies outside its bounds is left out and counted.

    Returns
    -------
    sinkholes
        Frame of `schemas.SINKHOLES`, EPSG:27700, ordered by `sinkhole_id`.

    Raises
    ------
    SchemaError
        If anything is not as promised, two axes look exchanged, or more than 5 % of the records
        lie outside the area; nothing of the file is used then.
    """
    del spec
    table = inventory_rows.table_of(snapshot)
    easting, northing = (tables.numbers(table, name, snapshot) for name in ("easting", "northing"))
    columns = {
        name: inventory_rows.cells(table, name, snapshot)
        for name in table.columns
        if name not in ("easting", "northing", "geometry")
    }
    is_inside = _inside(area, easting, northing, snapshot)
    kept = {name: values[is_inside] for name, values in columns.items()}
    frame = tables.placed(kept, easting[is_inside], northing[is_inside])
    return schemas.SINKHOLES.check(frame).sort_values("sinkhole_id", ignore_index=True)


def compared(first: gpd.GeoDataFrame, second: gpd.GeoDataFrame) -> Comparison:
    """
    Say what an operator's records do to those that are there.

    Parameters
    ----------
    first
        What is there: frame of `schemas.SINKHOLES`.
    second
        The operator's: frame of `schemas.SINKHOLES`.

    Returns
    -------
    comparison
        For people to look at.

    Raises
    ------
    SchemaError
        If ``duplicate_of`` names no record, the record itself, or one that repeats another.
    """
    own = set(second["sinkhole_id"])
    merged = _merged(first, second)
    whole, confirmed = _confirmed(merged)
    proposals = duplicates(whole)
    is_own = proposals["sinkhole_id"].isin(own) | proposals["other_id"].isin(own)
    return Comparison(
        added=tuple(sorted(own - set(first["sinkhole_id"]))),
        corrections=_corrections(first, merged[merged["sinkhole_id"].isin(own)]),
        confirmed=confirmed,
        proposals=_own_first(proposals[is_own], own),
    )


def joined(first: gpd.GeoDataFrame, second: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """
    Put an operator's records to those that are there; none of these is ever removed.

    A record of the same id is a correction: what it says goes before. A column that the
    operator's file does not have is left as it was. Records that look like one event both stay
    and are proposed as duplicates; one that says ``duplicate_of`` joins that record's feature,
    which counts once, with its own source beside the other.

    Parameters
    ----------
    first
        What is there: frame of `schemas.SINKHOLES`.
    second
        The operator's: frame of `schemas.SINKHOLES`.

    Returns
    -------
    sinkholes
        Frame of `schemas.SINKHOLES`, ordered by `sinkhole_id`.

    Raises
    ------
    SchemaError
        If ``duplicate_of`` names no record, the record itself, or one that repeats another.
    """
    whole, _ = _confirmed(_merged(first, second))
    _tell(compared(first, second))
    return schemas.SINKHOLES.check(whole).sort_values("sinkhole_id", ignore_index=True)


def _inside(
    area: Area, easting: pd.Series[float], northing: pd.Series[float], snapshot: Snapshot
) -> NDArray[np.bool_]:
    """Tell which records lie in the area; refuse a file that is for another, or turned round."""
    unit = easting.index.name
    pairs = list(zip(easting, northing, strict=True))
    swapped = [
        f"{unit} {line}: easting and northing look exchanged"
        for line, pair in zip(easting.index, pairs, strict=True)
        if geo.swapped_into(area.bounds, *pair)
    ]
    if swapped:
        raise tables.refusal(snapshot, swapped[:_MOST_SHOWN])
    unplaced = [f"{unit} {line}: its position is empty" for line in easting.index[
        easting.isna() | northing.isna()
    ]]  # fmt: skip
    if unplaced:
        raise tables.refusal(snapshot, unplaced[:_MOST_SHOWN])
    is_inside = np.array([area.bounds.holds(*pair) for pair in pairs], dtype=np.bool_)
    n_outside = int((~is_inside).sum())
    if n_outside:
        rule = f"{n_outside} of {len(pairs)} positions lie outside {area.name}"
        if n_outside > max(1, MOST_OUTSIDE * len(pairs)) or n_outside == len(pairs):
            raise tables.refusal(snapshot, [f"{rule}: is it for this area, and in its CRS?"])
        LOG.warning("%s (%s): %s and are left out", snapshot.source, snapshot.url, rule)
    return is_inside


# ── Two become one ───────────────────────────────────────────────────────────────────────────


def _merged(first: gpd.GeoDataFrame, second: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return what is there and then what is new, corrections in the place of what they correct."""
    is_known = second["sinkhole_id"].isin(first["sinkhole_id"])
    corrections = second[is_known].set_index("sinkhole_id")
    ids = first["sinkhole_id"]
    is_corrected = ids.isin(corrections.index)
    whole = first.copy()
    for name in corrections.columns:
        values = ids.map(corrections[name])
        if name in whole:
            whole[name] = whole[name].where(~is_corrected, values).astype(first[name].dtype)
        else:
            whole[name] = values
    both = pd.concat([whole, second[~is_known]], ignore_index=True)
    return gpd.GeoDataFrame(both, geometry="geometry", crs=geo.BNG)


def _confirmed(whole: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Let each record that says which it repeats join that one's feature."""
    if "duplicate_of" not in whole:
        return whole, pd.DataFrame({name: [] for name in _CONFIRMED}, dtype="str")
    said = whole["duplicate_of"]
    _refuse_impossible(whole)
    feature = whole.set_index("sinkhole_id")["feature_id"]
    joining = whole[said.notna()]
    confirmed = pd.DataFrame(
        {
            "sinkhole_id": joining["sinkhole_id"],
            "other_id": joining["duplicate_of"],
            "feature_id": joining["duplicate_of"].map(feature),
        }
    ).reset_index(drop=True)
    features = said.map(feature).fillna(whole["feature_id"]).astype("str")
    return whole.assign(feature_id=features), confirmed


def _refuse_impossible(whole: gpd.GeoDataFrame) -> None:
    said = whole.set_index("sinkhole_id")["duplicate_of"].dropna()
    known = set(whole["sinkhole_id"])
    faults = [
        f"{sinkhole_id}: duplicate_of {other[:80]} is {_why_not(sinkhole_id, other, known)}"
        for sinkhole_id, other in said.items()
        if other not in known or other in said.index
    ]
    if faults:
        raise SchemaError(
            "sinkholes",
            faults[:_MOST_SHOWN],
            "Name the record that is repeated; nothing of the file has been used",
        )


def _why_not(sinkhole_id: object, other: str, known: set[str]) -> str:
    if other not in known:
        return "no record that is held"
    return "the record itself" if other == sinkhole_id else "itself said to repeat another"


# ── What changed ─────────────────────────────────────────────────────────────────────────────


def _corrections(first: gpd.GeoDataFrame, second: gpd.GeoDataFrame) -> pd.DataFrame:
    before = {row["sinkhole_id"]: row for row in first.to_dict("records")}
    changes = [
        (row["sinkhole_id"], column, was, now)
        for row in second.to_dict("records")
        if row["sinkhole_id"] in before
        for column, was, now in _differences(before[row["sinkhole_id"]], row)
    ]
    return pd.DataFrame(changes, columns=list(_CHANGES), dtype="str")


def _differences(
    before: Mapping[Any, object], after: Mapping[Any, object]
) -> list[tuple[str, str, str]]:
    pairs = [
        (_POSITION if name == "geometry" else str(name), _shown(before.get(name)), _shown(value))
        for name, value in after.items()
    ]
    return [(name, was, now) for name, was, now in pairs if was != now]


def _shown(value: object) -> str:
    if value is None or value is pd.NA or value != value:  # noqa: PLR0124 - NaN is not itself
        return ""
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.10g}"
    easting, northing = getattr(value, "x", None), getattr(value, "y", None)
    return str(value) if easting is None else f"{easting:.10g}, {northing:.10g}"


def _own_first(proposals: pd.DataFrame, own: set[str]) -> pd.DataFrame:
    """Name the operator's record first: it is the one that can say ``duplicate_of``."""
    turned = proposals["other_id"].isin(own) & ~proposals["sinkhole_id"].isin(own)
    ordered = proposals.assign(
        sinkhole_id=proposals["sinkhole_id"].where(~turned, proposals["other_id"]),
        other_id=proposals["other_id"].where(~turned, proposals["sinkhole_id"]),
    )
    return ordered.sort_values(["sinkhole_id", "other_id"], ignore_index=True)


def _tell(found: Comparison) -> None:
    if found.added:
        LOG.info("sinkholes: %d records added by the operator", len(found.added))
    for sinkhole_id, changes in found.corrections.groupby("sinkhole_id"):
        columns = ", ".join(changes["column"])
        LOG.warning("sinkholes: %s is corrected by the operator: %s", sinkhole_id, columns)
    for row in found.proposals.to_dict("records"):
        LOG.warning(
            "sinkholes: %s may repeat %s (%s); say so by duplicate_of",
            row["sinkhole_id"],
            row["other_id"],
            row["why"],
        )
