"""Rows of an inventory, from CSV or GeoJSON, each cell as its column promises."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import shapely

from sinkwatch import geo, schemas, wording
from sinkwatch.sources import tables
from sinkwatch.sources.strict_json import strict_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinkwatch.model import Snapshot

POSITION: Final = ("easting", "northing")
"""Columns of a CSV file that place a record, metres, EPSG:27700."""

EARLIEST: Final = date(1800, 1, 1)
"""Of any date (sinkwatch data gates)."""

_LINKS: Final = frozenset({"source_url", "url"})
_KEYS: Final = frozenset({"sinkhole_id", "feature_id", "duplicate_of", "observed", "evidence"})
_ONE_DATE: Final = re.compile(r"(\d{3}[\dX])(?:-(\d{2})(?:-(\d{2}))?)?[?~%]?", re.ASCII)
_A_DAY: Final = timedelta(days=1)
_MOST_SHOWN: Final = 5
_DECEMBER: Final = 12


def table_of(snapshot: Snapshot) -> pd.DataFrame:
    """
    Read an inventory as rows of text.

    Parameters
    ----------
    snapshot
        CSV, or GeoJSON.

    Returns
    -------
    table
        With the columns of `schemas.SINKHOLES` and `POSITION`; the name of the index is what a
        row is called.

    Raises
    ------
    SchemaError
        If it is neither, is not whole, or lacks a column.
    """
    ending = snapshot.path.suffix.lower()
    if ending not in _READERS:
        rule = f"it ends in {ending or 'nothing'}, so it is neither CSV nor GeoJSON"
        raise tables.refusal(snapshot, [rule])
    table = _READERS[ending](snapshot)
    return table.assign(feature_id=table["feature_id"].fillna(table["sinkhole_id"]))


def cells(table: pd.DataFrame, name: str, snapshot: Snapshot) -> pd.Series[Any]:
    """
    Read one column as it promises.

    Parameters
    ----------
    table
        What `table_of` returns.
    name
        The column; one that no contract names is text.
    snapshot
        Where it came from, for the message.

    Returns
    -------
    values
        With the table's index; words for people are masked of personal data.

    Raises
    ------
    SchemaError
        If a cell is empty or not what it should be.
    """
    column = schemas.SINKHOLES.columns.get(name, schemas.Column(kind="text", is_optional=True))
    if not column.is_optional:
        tables.refuse_empty(table, name, snapshot)
    if name == "observed":
        _refuse_dates(table[name], snapshot)
    reader = _CELLS.get(column.kind)
    if reader is not None:
        return reader(table, name, snapshot)
    if name in _LINKS | _KEYS:
        return table[name]
    return table[name].map(wording.mask_personal_data, na_action="ignore").astype("str")


def dates_of(observed: object) -> tuple[date, date] | None:
    """
    Return the first and the last day that a date in EDTF may mean.

    Parameters
    ----------
    observed
        Such as "2014-02-17", "2014-02", "2014", "185X" or "1850/1860"; anything else has none.

    Returns
    -------
    days
        First and last, both included; None if it is no such date.

    Examples
    --------
    >>> dates_of("2014-02")
    (datetime.date(2014, 2, 1), datetime.date(2014, 2, 28))
    """
    if not isinstance(observed, str):
        return None
    spans = [_span(part) for part in observed.split("/", 1)]
    known = [span for span in spans if span is not None]
    if len(known) < len(spans) or known[0][0] > known[-1][1]:
        return None
    return known[0][0], known[-1][1]


def _span(text: str) -> tuple[date, date] | None:
    found = _ONE_DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day = found.groups()
    try:
        if day:
            only = date(int(year), int(month), int(day))
            return only, only
        if month:
            first = date(int(year), int(month), 1)
            follows = (first.year + first.month // _DECEMBER, first.month % _DECEMBER + 1, 1)
            return first, date(*follows) - _A_DAY
        return date(int(year.replace("X", "0")), 1, 1), date(int(year.replace("X", "9")), 12, 31)
    except ValueError:
        return None


def _refuse_dates(observed: pd.Series[str], snapshot: Snapshot) -> None:
    latest = snapshot.checked_at.date() + _A_DAY
    unit = observed.index.name
    faults = []
    for row, text in observed.dropna().items():
        days = dates_of(text)
        if days is None:
            faults.append(
                f'{unit} {row}: observed "{text[:40]}" is no date like 2014-02-17 or 185X'
            )
        elif days[1] < EARLIEST:
            faults.append(f'{unit} {row}: observed "{text}" lies before {EARLIEST.year}')
        elif days[0] > latest:
            faults.append(f'{unit} {row}: observed "{text}" lies in the future')
    if faults:
        raise tables.refusal(snapshot, faults[:_MOST_SHOWN])


# ── GeoJSON ──────────────────────────────────────────────────────────────────────────────────


def _csv(snapshot: Snapshot) -> pd.DataFrame:
    required = [name for name in schemas.SINKHOLES.columns if name != "feature_id"]
    table = tables.read_table(snapshot, [*required, *POSITION])
    return _with_features(table)


def _geojson(snapshot: Snapshot) -> pd.DataFrame:
    """Read features as rows of text, like those of a CSV file, and number them from 1."""
    features, code = _features(snapshot)
    rows = [_dict(feature.get("properties")) for feature in features]
    names = list(dict.fromkeys(str(name).strip() for row in rows for name in row))
    required = [name for name in schemas.SINKHOLES.columns if name != "feature_id"]
    missing = [name for name in required if rows and name not in names]
    if missing:
        raise tables.refusal(snapshot, [f"column {name} is missing" for name in missing])
    index = pd.RangeIndex(1, len(rows) + 1, name="feature")
    columns = list(dict.fromkeys([*names, *required]))
    texts = {
        name: pd.Series([_as_text(row.get(name)) for row in rows], index=index, dtype="str")
        for name in columns
    }
    placed = _points(features, code, snapshot)
    for name, metres in zip(POSITION, placed, strict=True):
        texts[name] = pd.Series(
            [repr(value) for value in metres.tolist()], index=index, dtype="str"
        )
    return _with_features(pd.DataFrame(texts, index=index))


def _with_features(table: pd.DataFrame) -> pd.DataFrame:
    if "feature_id" in table:
        return table
    return table.assign(feature_id=pd.Series(None, index=table.index, dtype="str"))


def _features(snapshot: Snapshot) -> tuple[list[Mapping[str, Any]], str]:
    """Return the features and the CRS of their points."""
    name = f"{snapshot.source} ({snapshot.url})"
    document = strict_json(snapshot.path.read_bytes(), name=name)
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list) or document.get("type") != "FeatureCollection":
        raise tables.refusal(snapshot, ["it is JSON, but no FeatureCollection of GeoJSON"])
    declared = _dict(_dict(document.get("crs")).get("properties")).get("name", geo.WGS84)
    try:
        code = geo.code_of(declared)
    except RuntimeError:  # PROJ's: it is no CRS at all
        code = ""
    if code not in (geo.WGS84, geo.BNG):
        rule = f"its CRS is {str(declared)[:40]}, neither {geo.WGS84} nor {geo.BNG}"
        raise tables.refusal(snapshot, [rule])
    return [_dict(feature) for feature in features], code


def _points(
    features: list[Mapping[str, Any]], code: str, snapshot: Snapshot
) -> tuple[np.ndarray[Any, np.dtype[np.float64]], ...]:
    """Return easting and northing of every feature, metres; refuse what cannot be placed."""
    shapes = np.array(
        [None, *(_shape(*each, snapshot) for each in enumerate(features, 1))], dtype=object
    )[1:]
    first, second = shapely.get_x(shapes), shapely.get_y(shapes)
    if code == geo.BNG:
        return first, second
    easting, northing = geo.to_bng(first, second)
    turned, _ = geo.to_bng(second, first)
    lost = [number for number, metres in enumerate(easting, 1) if not np.isfinite(metres)]
    if lost:
        looks = "its two coordinates look exchanged"
        faults = [
            f"feature {number}: {looks if np.isfinite(turned[number - 1]) else _ABROAD}"
            for number in lost[:_MOST_SHOWN]
        ]
        raise tables.refusal(snapshot, faults)
    return easting, northing


def _shape(number: int, feature: Mapping[str, Any], snapshot: Snapshot) -> shapely.Point:
    try:
        shape = shapely.from_geojson(json.dumps(feature.get("geometry")))
    except shapely.errors.ShapelyError as error:
        rule = f"feature {number}: its geometry cannot be read ({error})"
        raise tables.refusal(snapshot, [rule]) from error
    if not isinstance(shape, shapely.Point) or shape.is_empty:
        raise tables.refusal(snapshot, [f"feature {number}: its geometry is no point"])
    return shape


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _as_text(value: object) -> str | None:
    if value is None:
        return None
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return wording.clean(text) or None


_ABROAD: Final = "it lies outside Great Britain, where the National Grid is not defined"
_READERS: Final = {".csv": _csv, ".geojson": _geojson, ".json": _geojson}
_CELLS: Final[Mapping[str, Callable[[pd.DataFrame, str, Snapshot], pd.Series[Any]]]] = {
    "number": tables.numbers,
    "boolean": tables.booleans,
}
