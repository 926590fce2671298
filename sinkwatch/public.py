"""What may leave the house, and in which form: rounded positions, masked texts, plain links."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import shapely

from sinkwatch import geo, wording

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

ROUNDED_TO_M: Final = 50
"""Records lie in private gardens: their public positions, and those of past decisions about the
same places, are rounded to this, metres (privacy rule of the geology notes)."""

ROUNDING_ERROR_M: Final = 36.0
"""Furthest that rounding moves a record: half the diagonal of a 50 m square, metres, rounded up."""

DESCRIPTION_LENGTH: Final = 600
"""Longest planning description that is repeated; the council's record has the whole, characters."""

Row = Mapping[str, object]
"""One row of a frame: column to value, None where a value is missing."""

_ANCHOR: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_MONTH: Final = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])")


def rows(frame: pd.DataFrame) -> list[Row]:
    """
    Return a frame's rows as plain values, its geometry left out.

    Parameters
    ----------
    frame
        Any frame.

    Returns
    -------
    rows
        In the frame's order; None where a value is missing.
    """
    names = [str(name) for name in frame.columns if name != "geometry"]
    columns = [[_plain(value) for value in frame[name].tolist()] for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _plain(value: object) -> object:
    if value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    return value


def text(row: Row, column: str) -> str:
    """
    Return one cell as a person may be shown it; an absent column is an empty one.

    Parameters
    ----------
    row
        The row.
    column
        Its column.

    Returns
    -------
    text
        On one line, without control or direction-changing characters.
    """
    value = row.get(column)
    return "" if value is None else wording.clean(str(value))


def number(row: Row, column: str) -> float | None:
    """
    Return one cell as a number; an absent column is an empty one.

    Parameters
    ----------
    row
        The row.
    column
        Its column.

    Returns
    -------
    number
        None if it is missing or not finite.
    """
    value = row.get(column)
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def day(row: Row, column: str) -> date | None:
    """
    Return one cell as a date.

    Parameters
    ----------
    row
        The row.
    column
        Its column.

    Returns
    -------
    day
        None if it is missing.
    """
    value = row.get(column)
    return value.date() if isinstance(value, datetime) else None


def day_text(row: Row, column: str) -> str:
    """
    Return one cell as a date in words.

    Parameters
    ----------
    row
        The row.
    column
        Its column.

    Returns
    -------
    text
        Such as "17 February 2014"; empty if it is missing.
    """
    found = day(row, column)
    return wording.date_text(found) if found else ""


def description(row: Row) -> str:
    """
    Return what an application is for, with personal data masked and no longer than needed.

    Parameters
    ----------
    row
        Row of `schemas.APPLICATIONS`.

    Returns
    -------
    text
        As the council puts it, masked and trimmed.
    """
    masked = wording.mask_personal_data(text(row, "description"))
    return wording.trimmed(masked, DESCRIPTION_LENGTH)


def web_link(url: str) -> str:
    """
    Return a link only if it leads to a web page and hides nothing.

    Parameters
    ----------
    url
        From outside.

    Returns
    -------
    url
        The same if it is http or https and names a host; otherwise empty.
    """
    cleaned = wording.clean(url)
    if cleaned != url or " " in url:
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    return url if is_web else ""


def anchor(kind: str, key: str) -> str:
    """
    Return the id of one thing on the page, whatever characters its key holds.

    Parameters
    ----------
    kind
        What it is, such as "record".
    key
        Its key.

    Returns
    -------
    anchor
        Such as "record-RS009"; a hash stands in for a key that is not plain.
    """
    if _ANCHOR.fullmatch(key):
        return f"{kind}-{key}"
    return f"{kind}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def edition_text(edition: str) -> str:
    """
    Write an edition for people: a date in words where it is one.

    Parameters
    ----------
    edition
        As its maker gives it, such as "2014-08".

    Returns
    -------
    text
        Such as "August 2014"; anything else as it came.
    """
    cleaned = wording.clean(edition)
    try:
        if _DAY.fullmatch(cleaned):
            return wording.date_text(date.fromisoformat(cleaned))
        if _MONTH.fullmatch(cleaned):
            return f"{date.fromisoformat(f'{cleaned}-01'):%B %Y}"
    except ValueError:
        return cleaned
    return cleaned


def sinkholes(inventory: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """
    Return the inventory as it may be shown to all.

    Parameters
    ----------
    inventory
        Frame of `schemas.SINKHOLES`, EPSG:27700.

    Returns
    -------
    inventory
        Same rows ordered by id, positions rounded to 50 m; a record that may not be drawn has
        no position. EPSG:27700.
    """
    ordered = inventory.sort_values("sinkhole_id", ignore_index=True)
    return _rounded(ordered, ordered["is_drawn"].to_numpy(dtype=bool))


def cases(decisions: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """
    Return past decisions as they may be shown to all.

    Many stand at the very point of a record, which they would otherwise give away.

    Parameters
    ----------
    decisions
        Frame of `schemas.CASES`, EPSG:27700.

    Returns
    -------
    decisions
        Same rows ordered by id, positions rounded to 50 m. EPSG:27700.
    """
    ordered = decisions.sort_values("case_id", ignore_index=True)
    return _rounded(ordered, np.ones(len(ordered), dtype=bool))


def shown_uncertainty_m(position_uncertainty_m: float) -> float:
    """
    Return how well a record's rounded position is known.

    Parameters
    ----------
    position_uncertainty_m
        Of the position before rounding, metres.

    Returns
    -------
    uncertainty_m
        Metres; rounding is an error like any other and adds as one.
    """
    return math.hypot(position_uncertainty_m, ROUNDING_ERROR_M)


def points(frame: gpd.GeoDataFrame) -> list[shapely.Point | None]:
    """
    Return where each row lies.

    Parameters
    ----------
    frame
        Frame of points, EPSG:27700; a row may have none.

    Returns
    -------
    points
        In the frame's order.
    """
    return [shape if isinstance(shape, shapely.Point) else None for shape in frame.geometry]


def _rounded(frame: gpd.GeoDataFrame, is_placed: NDArray[np.bool_]) -> gpd.GeoDataFrame:
    columns = {str(name): frame[name] for name in frame.columns if name != "geometry"}
    eastings, northings = (
        np.where(is_placed, (metres / ROUNDED_TO_M).round() * ROUNDED_TO_M, np.nan)
        for metres in (frame.geometry.x, frame.geometry.y)
    )
    return geo.bng_frame(columns, eastings, northings)
