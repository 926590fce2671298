"""What BGS says of rocks, faults and boreholes, in the words and units of our own frames."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from sinkwatch import geo, wording
from sinkwatch.errors import SchemaError
from sinkwatch.sources.bgs.ogc_page import Fault, Gate
from sinkwatch.sources.strict_json import strict_json

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from sinkwatch.schemas import FrameSchema
    from sinkwatch.sources.bgs.ogc_page import Feature

_BLANK: Final = frozenset(
    {
        "",
        "-",
        "n/a",
        "no parent",
        "none",
        "not applicable",
        "not available",
        "not entered",
        "null",
        "unknown",
    }
)
"""What BGS writes where it has nothing to say."""

_MOST_CHARACTERS: Final = 200
_EARLIEST_YEAR: Final = 1800  # of any date (sinkwatch data gates)
_MOST_LENGTH_M: Final = 20_000.0
_SAME_PLACE_M: Final = 200.0  # BGS's two positions of one borehole lie no further apart
_YEAR: Final = re.compile(r"\d{4}", re.ASCII)
_PRECISION: Final = re.compile(
    r"(?:±|\+/-)?\s*(?P<number>\d+(?:\.\d+)?)?\s*(?P<unit>(?:KILO)?METRES?|K?M)?",
    re.ASCII | re.IGNORECASE,
)
_POSITION: Final = ("easting", "northing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """
    One feature as it is kept: what is needed of it, and no more.

    Attributes
    ----------
    key
        Its layer and its name there.
    said
        Column to value: text, number or None.
    geometry
        Longitude and latitude, degrees, EPSG:4326.
    edition
        Version and day of release, as far as it says them; empty otherwise.
    """

    key: str
    said: Mapping[str, str | float | None]
    geometry: BaseGeometry
    edition: str = ""


def rock(layer: str, feature: Feature, today: date) -> Record | Fault:
    """
    Read a polygon of bedrock, superficial deposits or a dyke.

    Parameters
    ----------
    layer
        Which of the three.
    feature
        As it came.
    today
        Not needed.

    Returns
    -------
    record
        Or what is wrong with it: it must have a name, if only that of its rock.
    """
    del today
    return _named(
        layer,
        feature,
        {
            "name": ("lex_d", "rcs_d", "rock_d"),
            "rock": ("rcs_d", "rock_d"),
            "period": ("max_period", "max_system"),
        },
    )


def fault(layer: str, feature: Feature, today: date) -> Record | Fault:
    """
    Read the line of a fault; hardly any has a name, but each says of what kind it is.

    Parameters
    ----------
    layer
        That of the faults.
    feature
        As it came.
    today
        Not needed.

    Returns
    -------
    record
        Or what is wrong with it.
    """
    del today
    return _named(layer, feature, {"name": ("fltname_d", "feature_d", "lex_d")})


def borehole(layer: str, feature: Feature, today: date) -> Record | Fault:
    """
    Read an entry of the borehole index.

    Its own easting and northing are used, which need no conversion; they must agree with its
    longitude and latitude.

    Parameters
    ----------
    layer
        That of the boreholes.
    feature
        As it came, a point.
    today
        Of the run: no borehole is drilled after it.

    Returns
    -------
    record
        Or what is wrong with it.
    """
    try:
        reference = _text(feature, "reference")
        length_m = _number(feature, "length")
        year = _year(_text(feature, "year_known"))
        given = (_number(feature, "easting"), _number(feature, "northing"))
        name, precision = _text(feature, "name"), _text(feature, "precision")
        url = _link(_text(feature, "scan_url"))
    except TypeError as error:
        return _fault(Gate.SCHEMA, feature, str(error))
    if reference is None:
        return _fault(Gate.SCHEMA, feature, "has no reference")
    if length_m is not None and length_m > _MOST_LENGTH_M:
        return _fault(Gate.SCHEMA, feature, f"is {length_m:g} m long")
    if year is not None and not _EARLIEST_YEAR <= year <= today.year:
        return _fault(Gate.DATES, feature, f"is of the year {year:g}")
    position = _position(feature, *given)
    if isinstance(position, Fault):
        return position
    easting, northing = position
    said = {
        "reference": reference,
        "name": None if name is None else wording.mask_personal_data(name),
        # A length below nothing is how BGS writes that it is not known.
        "length_m": length_m if length_m is not None and length_m >= 0 else None,
        "year": year,
        "position_uncertainty_m": _uncertainty_m(precision),
        "url": url,
        "easting": easting,
        "northing": northing,
    }
    return Record(key=f"{layer}/{feature.feature_id}", said=said, geometry=feature.geometry)


def _named(layer: str, feature: Feature, wanted: Mapping[str, tuple[str, ...]]) -> Record | Fault:
    """Read columns, each from the first property that says anything."""
    try:
        said = {
            ours: next(filter(None, (_text(feature, name) for name in theirs)), None)
            for ours, theirs in wanted.items()
        }
        edition = _edition(_text(feature, "version"), _text(feature, "released"))
    except TypeError as error:
        return _fault(Gate.SCHEMA, feature, str(error))
    if said["name"] is None:
        return _fault(Gate.SCHEMA, feature, f"has no name ({', '.join(wanted['name'])})")
    return Record(
        key=f"{layer}/{feature.feature_id}",
        said={"layer": layer, "rock": None, "period": None, **said},
        geometry=feature.geometry,
        edition=edition,
    )


def _edition(version: str | None, released: str | None) -> str:
    said = (version and f"version {version}", released and f"released {released}")
    return ", ".join(filter(None, said))


# ── One property ─────────────────────────────────────────────────────────────────────────────


def _fault(gate: Gate, feature: Feature, text: str) -> Fault:
    shown = wording.trimmed(feature.feature_id, 80)
    return Fault(gate=gate, text=f'feature "{shown}" {text}')


def _text(feature: Feature, name: str) -> str | None:
    """Return a text; None if it is blank. A number stands for itself."""
    value = feature.properties.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError(f"has a {name} that is no text")
    text = wording.clean(str(value))
    return None if text.casefold() in _BLANK else wording.trimmed(text, _MOST_CHARACTERS)


def _number(feature: Feature, name: str) -> float | None:
    value = feature.properties.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"has a {name} that is no number")
    return float(value)


def _year(text: str | None) -> float | None:
    """Return a year; the index also has words there."""
    return float(text) if text is not None and _YEAR.fullmatch(text) else None


def _uncertainty_m(precision: str | None) -> float | None:
    """Read a precision such as "± 10 METRES", "± METRE" or "100"; metres, None if it says none."""
    match = _PRECISION.fullmatch(precision or "")
    if match is None or not (match["number"] or match["unit"]):
        return None
    metres = float(match["number"] or 1)
    if (match["unit"] or "").upper().startswith("K"):
        metres *= 1_000
    is_one = 0 < metres <= 100_000  # noqa: PLR2004 - 100 km: more says nothing
    return max(metres, geo.POSITION_FLOOR_M) if is_one else None


def _link(text: str | None) -> str | None:
    """Return a link to BGS; the index also has words and shops there."""
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        is_plain = not (parts.username or parts.password or parts.port)
    except ValueError:
        return None
    host = parts.hostname or ""
    is_theirs = host == "bgs.ac.uk" or host.endswith(".bgs.ac.uk")
    return text if parts.scheme == "https" and is_plain and is_theirs else None


def _position(
    feature: Feature, easting: float | None, northing: float | None
) -> tuple[float, float] | Fault:
    """Return easting and northing, metres; those given if they are where the point is."""
    point: Any = feature.geometry
    (east,), (north,) = geo.to_bng(point.x, point.y)
    if easting is None or northing is None:
        return float(east), float(north)
    if np.hypot(easting - east, northing - north) <= _SAME_PLACE_M:
        return easting, northing
    where = f"gives easting {easting:g}, northing {northing:g}, and its point lies elsewhere"
    is_swapped = np.hypot(northing - east, easting - north) <= _SAME_PLACE_M
    return _fault(Gate.AXES if is_swapped else Gate.PLACE, feature, where)


# ── The file ─────────────────────────────────────────────────────────────────────────────────


def dumped(records: Iterable[Record]) -> bytes:
    """
    Write records as GeoJSON, equal records as equal bytes.

    Parameters
    ----------
    records
        In any order; none twice.

    Returns
    -------
    content
        A feature a line, by key.
    """
    lines = [
        json.dumps(
            {
                "type": "Feature",
                "id": record.key,
                "properties": dict(record.said),
                "geometry": shapely.geometry.mapping(record.geometry),
            },
            ensure_ascii=False,
            allow_nan=False,
            sort_keys=True,
        )
        for record in sorted(records, key=lambda r: r.key)
    ]
    body = ",\n".join(lines)
    return f'{{"type": "FeatureCollection", "features": [\n{body}\n]}}\n'.encode()


def loaded(content: bytes, schema: FrameSchema, *, name: str) -> gpd.GeoDataFrame:
    """
    Read records again.

    Parameters
    ----------
    content
        What `dumped` returned.
    schema
        Contract of the frame that they are for; columns that are not of text are numbers.
    name
        What it is, for the message.

    Returns
    -------
    frame
        In the same order, EPSG:4326, with the columns of the schema, easting and northing.

    Raises
    ------
    SchemaError
        If it is no such file.
    """
    numbers = [column for column, its in schema.columns.items() if its.kind == "number"]
    kinds = dict.fromkeys(schema.columns, "str") | dict.fromkeys([*numbers, *_POSITION], "float64")
    try:
        features = strict_json(content, name=name)["features"]
        rows = [{**feature["properties"], schema.key: feature["id"]} for feature in features]
        table = pd.DataFrame(rows, dtype="object").reindex(columns=[*kinds]).astype(kinds)
        shapes = shapely.from_geojson([json.dumps(feature["geometry"]) for feature in features])
    except (TypeError, KeyError, ValueError, shapely.errors.GEOSException) as error:
        fault = f"it is no file that sinkwatch wrote ({type(error).__name__})"
        raise SchemaError(name, [fault], "Run again to ask anew") from error
    return gpd.GeoDataFrame(table, geometry=gpd.GeoSeries(shapes, crs=geo.WGS84), crs=geo.WGS84)
