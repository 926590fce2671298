"""When a new copy of a whole data set must wait for a person before it is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

LEAST_SHARE: Final = 0.8
"""A set that shrinks below this share of the last good one waits (sinkwatch data gates)."""

GREATEST_SHARE: Final = 3.0
"""A set that grows beyond this share of the last good one waits (sinkwatch data gates)."""

FEW: Final = 20
"""Rows of the last good set below which its size is no measure: of four, one more is 25 %."""

MOST_REMOVED: Final = 10
"""Rows that may go missing from any set."""

MOST_REMOVED_SHARE: Final = 0.05
"""Share of the rows that may go missing from a large one (sinkwatch data gates)."""

FAR_M: Final = 100.0
"""Between two editions of a postcode list 95 % of the postcodes move by less than 71 m, metres."""

_RETIRED: Final = "is_retired"


def compared(before: pd.DataFrame, after: pd.DataFrame, key: str) -> tuple[str, ...]:
    """
    Compare a new set with the last good one, row by row and in all.

    Parameters
    ----------
    before
        The last good set; where it has a column `is_retired`, rows so marked are passed over.
    after
        The new one.
    key
        Column that identifies a row in both.

    Returns
    -------
    faults
        Why a person has to look, each a short sentence without its full stop; none if the new
        set may be used.
    """
    old, new = _live(before, key), _live(after, key)
    if not old:
        return ()
    return tuple(
        fault for fault in (_size_fault(len(old), len(new)), _loss_fault(old, new)) if fault
    )


def moved(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame, key: str) -> tuple[str, ...]:
    """
    Tell whether too many points of a new set lie elsewhere than in the last good one.

    Parameters
    ----------
    before
        The last good set: points, EPSG:27700.
    after
        The new one.
    key
        Column that identifies a row in both.

    Returns
    -------
    faults
        As `compared` returns them.
    """
    both = (
        before.set_index(key)
        .geometry.to_frame("was")
        .join(after.set_index(key).geometry.rename("now"), how="inner")
    )
    n_far = int((both["was"].distance(both["now"]) > FAR_M).sum()) if len(both) else 0
    if n_far <= max(MOST_REMOVED, MOST_REMOVED_SHARE * len(both)):
        return ()
    rule = f"{n_far:,} of {len(both):,} points lie more than {FAR_M:g} m from where they were"
    return (rule,)


def _live(frame: pd.DataFrame, key: str) -> frozenset[str]:
    live = frame[~frame[_RETIRED].astype(bool)] if _RETIRED in frame.columns else frame
    return frozenset(live[key])


def _size_fault(n_before: int, n_after: int) -> str:
    if n_after == 0:
        return f"it holds 0 rows where the last good copy holds {n_before:,}"
    least, greatest = LEAST_SHARE * n_before, GREATEST_SHARE * n_before
    if n_before < FEW or least <= n_after <= greatest:
        return ""
    bound = (
        f"fewer than {LEAST_SHARE:.0%}" if n_after < least else f"more than {GREATEST_SHARE:.0%}"
    )
    return f"it holds {n_after:,} rows, {bound} of the last good {n_before:,}"


def _loss_fault(before: frozenset[str], after: frozenset[str]) -> str:
    n_removed = len(before - after)
    most = max(MOST_REMOVED, MOST_REMOVED_SHARE * len(before))
    if n_removed <= most or not after:
        return ""
    return f"{n_removed:,} of the last good {len(before):,} rows are missing from it"
