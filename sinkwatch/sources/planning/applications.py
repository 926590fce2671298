"""Planning applications, from a CSV or GeoJSON file with documented columns."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from sinkwatch import geo, schemas, wording
from sinkwatch.model import ApplicationStatus
from sinkwatch.sources import tables
from sinkwatch.sources.planning import idox_links
from sinkwatch.sources.snapshots import take as fetch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sinkwatch.model import Area, Snapshot, SourceSpec

__all__ = ["fetch", "load"]

LOG = logging.getLogger(__name__)

REQUIRED: Final = ("reference", "description", "status")
"""Columns that a file must have."""

OPTIONAL: Final = (
    "authority",
    "address",
    "postcode",
    "received_on",
    "decided_on",
    "consulted_on",
    "easting",
    "northing",
    "longitude",
    "latitude",
    "position_uncertainty_m",
    "boundary",
    "url",
)
"""Columns that a file may have; further ones are ignored."""

STATUSES: Final = {
    ApplicationStatus.UNDECIDED: (
        "undecided",
        "pending",
        "awaiting decision",
        "registered",
        "pending consideration",
        "under consideration",
        "validated",
    ),
    ApplicationStatus.APPROVED: (
        "approved",
        "permitted",
        "granted",
        "conditions",
        "approved with conditions",
        "granted with conditions",
        "permitted with conditions",
    ),
    ApplicationStatus.REFUSED: ("refused", "rejected"),
    ApplicationStatus.WITHDRAWN: ("withdrawn",),
    ApplicationStatus.APPEALED: ("appealed", "appeal lodged", "appeal in progress"),
}
"""Councils' words for each of ours; any other word is `other` and shown as it is."""

_OF_WORD: Final = {word: status for status, words in STATUSES.items() for word in words}
_SITE_POINT_UNCERTAINTY_M: Final = 100.0  # a council's point stands for a site, not for its edge
_MOST_WRONG: Final = 0.05  # share of positions outside the area above which the file is refused
_MOMENT: Final = "datetime64[us, UTC]"
_URL: Final = r"(?i:https?)://\S+"
_POLYGONS: Final = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
_DATES: Final = ("received_on", "decided_on", "consulted_on")
_MOST_TWICE: Final = 0.20  # share of rows that may be there twice (sinkwatch data gates)


def load(snapshot: Snapshot, spec: SourceSpec, area: Area) -> gpd.GeoDataFrame:
    """
    Read planning applications.

    A row without a usable position is kept: `position_basis` says why it is not mapped, and
    `postcode` may still place it.

    Parameters
    ----------
    snapshot
        CSV, or GeoJSON in EPSG:4326, with `REQUIRED` and any of `OPTIONAL`. The middle of a
        GeoJSON feature is its position; easting and northing go before all others.
    spec
        The source; see `idox_links.portals` for its option ``idox``.
    area
        The area; its authority stands in where a row names none.

    Returns
    -------
    applications
        Frame of `schemas.APPLICATIONS`, EPSG:27700, ordered by key, with the columns `postcode`,
        `boundary` (polygon or None), `consulted_on` (date) and `as_of` (time UTC at which a
        service last saw a change; missing for a file); texts are masked of personal data.

    Raises
    ------
    SchemaError
        If a column is missing, a row is truncated or has no reference, a date is none, axes look
        exchanged, more than 5 % of the positions lie outside the area, or more than 20 % of the
        rows are there twice.
    """
    return frame(idox_links.relinked(_table(snapshot), spec), snapshot, area)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """
    What a service says of its rows beyond what a file can say.

    Attributes
    ----------
    keys
        What identifies each application, with the table's index; None for authority and
        reference.
    as_of
        When it last saw each change, ISO 8601 UTC, with the table's index; None if not known.
    """

    keys: pd.Series[str] | None = None
    as_of: pd.Series[str] | None = None


def frame(
    table: pd.DataFrame, snapshot: Snapshot, area: Area, said: Given | None = None
) -> gpd.GeoDataFrame:
    """
    Turn rows of text into the frame of applications, whoever they came from.

    Parameters
    ----------
    table
        With `REQUIRED` and any of `OPTIONAL`; the name of its index is what a row is called.
    snapshot
        Where it came from, for the message.
    area
        The area; its authority stands in where a row names none.
    said
        What a service says beyond that; None for a file.

    Returns
    -------
    applications
        As `load` returns them; of rows with one key, the newest.

    Raises
    ------
    SchemaError
        If a row has no reference, a date is none, axes look exchanged, more than 5 % of the
        positions lie outside the area, or more than 20 % of the rows are there twice.
    """
    said = said or Given()
    tables.refuse_empty(table, "reference", snapshot)
    given = _positions(table, area, snapshot)
    uncertainty_m = tables.numbers(table, "position_uncertainty_m", snapshot)
    authority = _text(table, "authority").fillna(area.authority)
    status_text = table["status"].fillna("")
    url = _text(table, "url")
    columns = {
        "application_key": authority + "/" + table["reference"] if said.keys is None else said.keys,
        "reference": table["reference"],
        "authority": authority,
        "address": _text(table, "address").fillna("").map(wording.mask_personal_data),
        "description": table["description"].fillna("").map(wording.mask_personal_data),
        "status": status_text.map(_status).astype("str"),
        "status_text": status_text,
        **{name: tables.dates(table, name, snapshot) for name in _DATES},
        "position_uncertainty_m": uncertainty_m.fillna(_SITE_POINT_UNCERTAINTY_M).where(
            given.is_inside
        ),
        "position_basis": pd.Series(given.basis(), index=table.index, dtype="str"),
        "postcode": _text(table, "postcode"),
        "url": url.where(url.str.fullmatch(_URL, na=False)),
        "as_of": _moments(table.index, said.as_of),
        "boundary": _boundaries(table, given.is_inside, snapshot),
    }
    placed = tables.placed(columns, given.easting, given.northing)
    once = _newest(placed, snapshot)
    return schemas.APPLICATIONS.check(once).sort_values("application_key", ignore_index=True)


def _moments(index: pd.Index[Any], as_of: pd.Series[str] | None) -> pd.Series[Any]:
    if as_of is None:
        return pd.Series(pd.NaT, index=index, dtype=_MOMENT)
    return pd.to_datetime(as_of, format="ISO8601", utc=True).astype(_MOMENT)


def _newest(rows: gpd.GeoDataFrame, snapshot: Snapshot) -> gpd.GeoDataFrame:
    """Keep of each application the row with the latest date, of equals the last; count the rest."""
    is_twice = rows["application_key"].duplicated()
    n_twice = int(is_twice.sum())
    if not n_twice:
        return rows
    named = ", ".join(sorted(set(rows.loc[is_twice, "application_key"]))[:3])
    told = f"{n_twice} of {len(rows)} rows are of an application that is there twice: {named}"
    if n_twice > _MOST_TWICE * len(rows):
        raise tables.refusal(snapshot, [told])
    LOG.warning("%s: %s; the newest of each is used", snapshot.source, told)
    latest = rows[["decided_on", "received_on"]].max(axis=1)
    order = latest.sort_values(kind="stable", na_position="first").index
    return rows.loc[order].drop_duplicates("application_key", keep="last")


def empty() -> gpd.GeoDataFrame:
    """Return a frame of `schemas.APPLICATIONS` without rows."""
    bare = tables.PointTable(schema=schemas.APPLICATIONS).empty()
    further = {
        "postcode": "str",
        "consulted_on": "datetime64[s]",
        "as_of": _MOMENT,
        "boundary": "object",
    }
    return bare.assign(**{name: pd.Series([], dtype=kind) for name, kind in further.items()})


def joined(first: gpd.GeoDataFrame, second: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """
    Put the applications of two sources together; the later wins where both have one.

    A row of the later loses only if both say as of when they hold, and its own is the older.

    Parameters
    ----------
    first, second
        Frames of `schemas.APPLICATIONS`, with the further columns that `load` names.

    Returns
    -------
    applications
        Frame of `schemas.APPLICATIONS`, ordered by key.
    """
    seen = first.set_index("application_key")["as_of"].reindex(second["application_key"])
    # NaT, nothing said, is never less.
    current = second[~(second["as_of"].to_numpy() < seen.to_numpy())]
    both = pd.concat([first, current]).drop_duplicates("application_key", keep="last")
    whole = gpd.GeoDataFrame(both, geometry="geometry", crs=geo.BNG)
    return schemas.APPLICATIONS.check(whole.sort_values("application_key", ignore_index=True))


def _table(snapshot: Snapshot) -> pd.DataFrame:
    ending = snapshot.path.suffix.lower()
    if ending not in _READERS:
        rule = f"it ends in {ending or 'nothing'}, so it is neither CSV nor GeoJSON"
        raise tables.refusal(snapshot, [rule])
    return _READERS[ending](snapshot)


def _csv(snapshot: Snapshot) -> pd.DataFrame:
    return tables.read_table(snapshot, REQUIRED)


def _geojson(snapshot: Snapshot) -> pd.DataFrame:
    """Read features as rows of text, like those of a CSV file, and number them from 1."""
    features = _features(snapshot)
    rows = [_dict(feature.get("properties")) for feature in features]
    held = {name for row in rows for name in row}
    missing = [name for name in REQUIRED if rows and name not in held]
    if missing:
        raise tables.refusal(snapshot, [f"column {name} is missing" for name in missing])
    index = pd.RangeIndex(1, len(rows) + 1, name="feature")
    texts = {
        name: pd.Series([_as_text(row.get(name)) for row in rows], index=index, dtype="str")
        for name in (*REQUIRED, *OPTIONAL)
    }
    for name in _DATES:
        texts[name] = texts[name].map(_day, na_action="ignore")
    shapes = np.array([_shape(*one, snapshot) for one in enumerate(features, 1)], dtype=object)
    middles = shapely.centroid(shapes)
    is_ground = np.isin(shapely.get_type_id(shapes), _POLYGONS)
    outlines = [
        shapely.to_wkt(s, rounding_precision=-1) if ok else None
        for s, ok in zip(shapes, is_ground, strict=True)
    ]
    texts["boundary"] = texts["boundary"].fillna(pd.Series(outlines, index=index, dtype="str"))
    derived = {
        "longitude": shapely.get_x(middles),
        "latitude": shapely.get_y(middles),
    }
    for name, values in derived.items():
        texts[name] = texts[name].fillna(_number_texts(values, index))
    reach = pd.Series(reach_texts(shapes), index=index, dtype="str")
    texts["position_uncertainty_m"] = texts["position_uncertainty_m"].fillna(reach)
    return pd.DataFrame(texts)


def _features(snapshot: Snapshot) -> list[dict[str, Any]]:
    # Not through GDAL, which guesses a type for each column: it makes a date of the reference
    # 2026/01/05 and reads a number that is not finite as no position at all.
    try:
        document = _dict(
            json.loads(snapshot.path.read_bytes(), parse_constant=_finite, parse_float=_finite)
        )
    except (OSError, ValueError, RecursionError) as error:
        raise tables.refusal(snapshot, [f"it cannot be read as GeoJSON ({error})"]) from error
    features = document.get("features")
    if document.get("type") != "FeatureCollection" or not isinstance(features, list):
        raise tables.refusal(snapshot, ["it is JSON, but no FeatureCollection of GeoJSON"])
    declared = _dict(_dict(document.get("crs")).get("properties")).get("name", geo.WGS84)
    if _code_of(declared) != geo.WGS84:
        rule = f"its CRS is {declared}; GeoJSON holds longitude and latitude, {geo.WGS84}"
        raise tables.refusal(snapshot, [rule])
    return [_dict(feature) for feature in features]


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        message = f"{text} is not a finite number"
        raise ValueError(message)
    return value


def _code_of(crs: object) -> str:
    try:
        return geo.code_of(crs)
    except RuntimeError:  # PROJ's: it is no CRS at all
        return ""


def _as_text(value: object) -> str | None:
    return None if value is None else wording.clean(str(value)) or None


def _day(text: str) -> str:
    """Return the date of a date or time; a time with a zone is that of London."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (moment.date() if moment.tzinfo is None else wording.london_date(moment)).isoformat()


def _shape(number: int, feature: dict[str, Any], snapshot: Snapshot) -> shapely.Geometry | None:
    geometry = feature.get("geometry")
    if geometry is None:
        return None
    try:
        return shapely.from_geojson(json.dumps(geometry))
    except shapely.errors.ShapelyError as error:
        rule = f"feature {number}: its geometry cannot be read ({error})"
        raise tables.refusal(snapshot, [rule]) from error


def _boundaries(
    table: pd.DataFrame, is_inside: NDArray[np.bool_], snapshot: Snapshot
) -> pd.Series[Any]:
    """Read boundaries written as WKT in longitude and latitude; None where there is none."""
    texts = _text(table, "boundary").where(is_inside)
    shapes = shapely.from_wkt(
        [t if isinstance(t, str) else None for t in texts], on_invalid="ignore"
    )
    given = texts.notna().to_numpy(dtype=np.bool_)
    wrong = given & ~(np.isin(shapely.get_type_id(shapes), _POLYGONS) & shapely.is_valid(shapes))
    if wrong.any():
        name = table.index.name
        faults = [
            f"{name} {number}: its boundary is no polygon, or crosses itself"
            for number in table.index[wrong]
        ]
        raise tables.refusal(snapshot, faults)
    outlines = gpd.GeoDataFrame(geometry=gpd.GeoSeries(shapes[given], crs=geo.WGS84))
    placed = np.full(len(table), None, dtype=object)
    placed[given] = geo.frame_to_bng(outlines, name=snapshot.source).geometry.to_numpy()
    return pd.Series(placed, index=table.index, dtype="object")


def _reach_m(shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return how far each site reaches from its middle, metres; NaN if no more than a point's."""
    west, south, east, north = shapely.bounds(shapes).T
    corners = np.array(geo.to_bng(west, south)), np.array(geo.to_bng(east, north))
    reach_m = np.ceil(np.hypot(*(corners[1] - corners[0])) / 2)
    return np.where(reach_m > _SITE_POINT_UNCERTAINTY_M, reach_m, np.nan)


def reach_texts(shapes: NDArray[np.object_]) -> list[str | None]:
    """
    Return how far each site reaches from its middle, as the cells of a table hold it.

    Parameters
    ----------
    shapes
        Longitude and latitude, EPSG:4326.

    Returns
    -------
    texts
        Metres; None if it is no more than a council's point is known to.
    """
    return [None if np.isnan(reach_m) else repr(reach_m) for reach_m in _reach_m(shapes).tolist()]


def _number_texts(values: NDArray[np.float64], index: pd.Index[Any]) -> pd.Series[Any]:
    texts = [None if np.isnan(value) else repr(value) for value in values.tolist()]
    return pd.Series(texts, index=index, dtype="str")


def _text(table: pd.DataFrame, name: str) -> pd.Series[Any]:
    if name in table.columns:
        return table[name]
    return pd.Series([None] * len(table), index=table.index, dtype="str")


def _status(text: str) -> ApplicationStatus:
    return _OF_WORD.get(text.strip().casefold(), ApplicationStatus.OTHER)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """Positions as given: easting and northing, metres, EPSG:27700, NaN where not mapped."""

    easting: NDArray[np.float64]
    northing: NDArray[np.float64]
    is_given: NDArray[np.bool_]
    is_inside: NDArray[np.bool_]

    def basis(self) -> NDArray[np.str_]:
        """Say of each row how it is placed, or why it is not."""
        return np.select(
            [self.is_inside, self.is_given],
            [
                "point given with the application",
                "the point given lies outside the area; not mapped",
            ],
            "no point given; not mapped",
        )


def _positions(table: pd.DataFrame, area: Area, snapshot: Snapshot) -> _Given:
    """Place each row by its metres, else by its degrees; refuse what cannot be right."""
    metres = _pair(table, ("easting", "northing"), snapshot)
    degrees = _pair(table, ("longitude", "latitude"), snapshot)
    position = _placed(metres, degrees)
    is_inside = _inside(area, position)
    is_exchanged = _inside(area, _placed(metres[::-1], degrees[::-1])) & ~is_inside
    _refuse_exchanged(table.index[is_exchanged], snapshot)
    easting, northing = np.where(is_inside, position, np.nan)
    is_given = _is_known(metres) | _is_known(degrees)
    given = _Given(easting=easting, northing=northing, is_given=is_given, is_inside=is_inside)
    _refuse_elsewhere(given, area, snapshot)
    return given


def _pair(table: pd.DataFrame, names: tuple[str, str], snapshot: Snapshot) -> NDArray[np.float64]:
    return np.array([tables.numbers(table, name, snapshot) for name in names], dtype=np.float64)


def _placed(metres: NDArray[np.float64], degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return easting and northing, shape (2, n); NaN outside Great Britain or if none is given."""
    return np.where(_is_known(metres), metres, np.array(geo.to_bng(*degrees)))


def _is_known(pair: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(pair).all(axis=0), dtype=np.bool_)


def _inside(area: Area, position: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.array([area.bounds.holds(*pair) for pair in position.T.tolist()], dtype=np.bool_)


def _refuse_exchanged(rows: pd.Index[Any], snapshot: Snapshot) -> None:
    if len(rows):
        faults = [f"{rows.name} {row}: its two coordinates look exchanged" for row in rows[:5]]
        raise tables.refusal(snapshot, faults)


def _refuse_elsewhere(given: _Given, area: Area, snapshot: Snapshot) -> None:
    n_given, n_inside = int(given.is_given.sum()), int(given.is_inside.sum())
    if n_given - n_inside > max(1, _MOST_WRONG * n_given):
        rule = f"{n_given - n_inside} of {n_given} positions lie outside {area.name}"
        raise tables.refusal(snapshot, [f"{rule}: is it for this area, and in its CRS?"])


_READERS: Final = {".csv": _csv, ".geojson": _geojson, ".json": _geojson}
