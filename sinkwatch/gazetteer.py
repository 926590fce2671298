"""The only module that turns words into positions, each with how well it is known."""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pandas as pd
from shapely.geometry.base import BaseGeometry

from sinkwatch import geo
from sinkwatch.errors import CoverageError, PlaceError
from sinkwatch.model import Place, PlaceKind

if TYPE_CHECKING:
    import geopandas as gpd

    from sinkwatch.model import Area

# ASCII only: to Python the Kelvin sign is a letter K and an Arabic digit is a digit.
_FLAGS: Final = re.IGNORECASE | re.ASCII
_POSTCODE: Final = re.compile(r"([A-Z]{1,2}\d[A-Z\d]?)\s*(\d[A-Z]{2})", _FLAGS)
_POSTCODE_WITHIN: Final = re.compile(r"\b([A-Z]{1,2}\d[A-Z\d]?)\s*(\d[A-Z]{2})\b", _FLAGS)
_NUMBER: Final = r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)|[+-]?nan|[+-]?inf(?:inity)?)"
_PAIR: Final = re.compile(rf"{_NUMBER}\s*[,;\s]\s*{_NUMBER}", _FLAGS)

_MOST_DEGREES: Final = 180.0
_METRES_PER_DEGREE: Final = 111_320.0
_WAY_OUT: Final = (
    'Write a postcode, "easting,northing" or "latitude,longitude" in figures, a grid reference '
    'such as "SE 318 726", a site id or an application reference'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gazetteer:
    """
    The names that are held for an area.

    Attributes
    ----------
    area
        The area.
    postcodes, places, applications
        Frames of the schemas of those names, EPSG:27700.
    postcodes_edition
        Date of the postcode list, for the message when one is not in it.
    names, addresses
        Frames of the schemas of those names, EPSG:27700; None where no source gave them.
    """

    area: Area
    postcodes: gpd.GeoDataFrame
    places: gpd.GeoDataFrame
    applications: gpd.GeoDataFrame
    postcodes_edition: str
    names: gpd.GeoDataFrame | None = None
    addresses: gpd.GeoDataFrame | None = None


def find(gazetteer: Gazetteer, words: str) -> Place:
    """
    Turn words into a place.

    Parameters
    ----------
    gazetteer
        The names that are held.
    words
        A postcode, "easting,northing", "latitude,longitude", a grid reference, a site id, an
        application reference, the name of a street or settlement, or a UPRN as "uprn/1234".

    Returns
    -------
    place
        With EPSG:27700 metres and its uncertainty; without a position if the words are good
        but lie outside what is held for the area.

    Raises
    ------
    PlaceError
        If the words name nothing that is held, or are no number, or look exchanged.
    CoverageError
        If the position lies outside Great Britain.
    """
    text = " ".join(words.split())
    if not text:
        raise PlaceError("an empty place", "a place must be named", _WAY_OUT)
    if match := _PAIR.fullmatch(text):
        return _pair(gazetteer, text, match[1], match[2])
    if match := _POSTCODE.fullmatch(text):
        return _postcode(gazetteer, f"{match[1]} {match[2]}".upper())
    named = _named(gazetteer, text)
    if named is not None:
        return named
    reference = geo.parse_grid_reference(text)
    if reference is not None:
        return _position(text.upper(), *reference)
    raise PlaceError(f'"{text}"', _unknown_rule(gazetteer, text), _WAY_OUT)


def normalised_postcode(words: str) -> str | None:
    """
    Write a postcode in its usual form, or None if it has not the form of one.

    Parameters
    ----------
    words
        Such as "hg41hs".

    Returns
    -------
    postcode
        Such as "HG4 1HS".

    Examples
    --------
    >>> normalised_postcode(" hg41hs ")
    'HG4 1HS'
    """
    match = _POSTCODE.fullmatch(words.strip())
    return f"{match[1]} {match[2]}".upper() if match else None


def postcode_in(text: str) -> str | None:
    """
    Find a postcode in a text such as an address.

    Parameters
    ----------
    text
        Any text.

    Returns
    -------
    postcode
        The last one in its usual form; None if there is none.

    Examples
    --------
    >>> postcode_in("1 Example Terrace, Ripon HG4 1HS, North Yorkshire")
    'HG4 1HS'
    """
    found = _POSTCODE_WITHIN.findall(text)
    return f"{found[-1][0]} {found[-1][1]}".upper() if found else None


def postcode(gazetteer: Gazetteer, words: str) -> Place:
    """
    Turn a postcode into a place that is held.

    Parameters
    ----------
    gazetteer
        The names that are held.
    words
        The postcode, in any spacing and case.

    Returns
    -------
    place
        EPSG:27700 metres.

    Raises
    ------
    PlaceError
        If it has not the form of a postcode, or is not held.
    """
    wanted = normalised_postcode(words)
    if wanted is None:
        raise PlaceError(f'"{words}"', "has not the form of a postcode", "Write it like HG4 1HS")
    place = _postcode(gazetteer, wanted)
    if place.easting is None:
        raise PlaceError(
            wanted,
            f"lies outside {gazetteer.area.name}, the area held",
            f"sinkwatch here speaks for {', '.join(gazetteer.area.outcodes)} only",
        )
    return place


def _postcode(gazetteer: Gazetteer, postcode: str) -> Place:
    held = gazetteer.postcodes[gazetteer.postcodes["postcode"] == postcode]
    if len(held):
        row = held.iloc[0]
        centre = row["geometry"]
        return of_postcode(postcode, centre.x, centre.y, float(row["position_uncertainty_m"]))
    if not gazetteer.area.speaks_for(postcode):
        return _outside(postcode, PlaceKind.POSTCODE)
    raise PlaceError(
        postcode,
        f"is not in the list of postcodes held ({gazetteer.postcodes_edition}); "
        "newer ones are missing",
        'Check the spelling, try a neighbour\'s postcode, or give a grid reference ("SE 318 726")',
    )


def _outside(label: str, kind: PlaceKind) -> Place:
    return Place(
        place_id=label,
        label=label,
        kind=kind,
        easting=None,
        northing=None,
        position_uncertainty_m=math.inf,
        basis="outside the area held",
    )


def _pair(gazetteer: Gazetteer, text: str, first: str, second: str) -> Place:
    numbers = float(first), float(second)
    if not all(math.isfinite(number) for number in numbers):
        raise PlaceError(text, "a coordinate must be a finite number", _WAY_OUT)
    if all(abs(number) <= _MOST_DEGREES for number in numbers):
        return _latitude_longitude(gazetteer, text, first, second)
    return _easting_northing(gazetteer, text, *numbers)


def _latitude_longitude(gazetteer: Gazetteer, text: str, first: str, second: str) -> Place:
    latitude, longitude = float(first), float(second)
    easting, northing = (float(axis[0]) for axis in geo.to_bng(longitude, latitude))
    if not (math.isfinite(easting) and math.isfinite(northing)):
        swapped = geo.to_bng(latitude, longitude)
        looks_swapped = gazetteer.area.bounds.holds(float(swapped[0][0]), float(swapped[1][0]))
        raise (
            _swapped(text, f"{second},{first}", "latitude comes first")
            if looks_swapped
            else _not_in_britain(text)
        )
    uncertainty_m = max(geo.POSITION_FLOOR_M, _rounding_m(first, second))
    return _position(text, easting, northing, uncertainty_m)


def _rounding_m(latitude: str, longitude: str) -> float:
    """Return how far off a position may be for having been written with so few decimals."""
    half_m = [
        0.5 * 10.0 ** -len(decimals) * _METRES_PER_DEGREE
        for _, _, decimals in (latitude.partition("."), longitude.partition("."))
    ]
    return math.hypot(half_m[0], half_m[1] * math.cos(math.radians(float(latitude))))


def _easting_northing(gazetteer: Gazetteer, text: str, easting: float, northing: float) -> Place:
    if geo.swapped_into(gazetteer.area.bounds, easting, northing):
        raise _swapped(text, f"{northing:.10g},{easting:.10g}", "easting comes first")
    longitude, _ = geo.to_wgs84(easting, northing)
    if not (geo.on_grid(easting, northing) and math.isfinite(longitude[0])):
        raise _not_in_britain(text)
    return _position(text, easting, northing, geo.POSITION_FLOOR_M)


def _swapped(text: str, instead: str, rule: str) -> PlaceError:
    return PlaceError(
        text,
        f"{rule}; the other way round it would lie in the area",
        f"If you meant that, write {instead}; sinkwatch never exchanges them by itself",
    )


def _not_in_britain(text: str) -> CoverageError:
    return CoverageError(
        text, "lies outside Great Britain, where the National Grid is not defined", _WAY_OUT
    )


def _position(label: str, easting: float, northing: float, uncertainty_m: float) -> Place:
    return Place(
        place_id=geo.format_grid_reference(easting, northing, figures=10),
        label=label,
        kind=PlaceKind.POSITION,
        easting=easting,
        northing=northing,
        position_uncertainty_m=uncertainty_m,
        basis="as given",
    )


def _named(gazetteer: Gazetteer, text: str) -> Place | None:
    for column in ("place_id", "name", "short_name"):
        held = _called(gazetteer.places, column, text, key="place_id")
        if held is not None:
            return of_place(held)
    for column in ("application_key", "reference"):
        held = _called(gazetteer.applications, column, text, key="application_key")
        if held is not None:
            return of_application(held)
    return _on_the_map(gazetteer, text)


def _on_the_map(gazetteer: Gazetteer, text: str) -> Place | None:
    """Look in the lists of names and addresses, which are far longer than those of the area."""
    if gazetteer.addresses is not None:
        held = _called(gazetteer.addresses, "address_id", text, key="address_id")
        if held is not None and held["geometry"] is not None:
            return _of_address(held)
    if gazetteer.names is None:
        return None
    name, _, within = (part.strip() for part in text.partition(","))
    named = gazetteer.names[gazetteer.names["name"].str.casefold() == name.casefold()]
    if within:
        named = named[named["populated_place"].str.casefold() == within.casefold()]
    if len(named) > 1:
        places = sorted(f"{name}, {place}" for place in named["populated_place"].dropna())
        raise PlaceError(
            f'"{text}"',
            f"more than one goes by that: {'; '.join(places)}",
            "Name the place after a comma, or give a postcode or a grid reference",
        )
    return None if named.empty else _of_name(named.iloc[0])


def _called(frame: gpd.GeoDataFrame, column: str, text: str, *, key: str) -> pd.Series | None:
    wanted = text.casefold()
    held = frame.loc[[str(name).casefold() == wanted for name in frame[column]]]
    if len(held) > 1:
        keys = ", ".join(sorted(held[key]))
        raise PlaceError(f'"{text}"', f"more than one goes by that: {keys}", "Give one of those")
    return None if held.empty else held.iloc[0]


def of_postcode(postcode: str, easting: float, northing: float, uncertainty_m: float) -> Place:
    """
    Return the place of a postcode's centre.

    Parameters
    ----------
    postcode
        In its usual form.
    easting, northing
        Metres, EPSG:27700.
    uncertainty_m
        How well the centre stands for an address in it, metres.

    Returns
    -------
    place
        That says it is no house.
    """
    return Place(
        place_id=postcode,
        label=postcode,
        kind=PlaceKind.POSTCODE,
        easting=easting,
        northing=northing,
        position_uncertainty_m=uncertainty_m,
        basis="centre of the postcode unit, which has several addresses; not a house",
    )


def of_place(row: pd.Series) -> Place:
    """
    Return the place of one row of `schemas.PLACES`.

    Parameters
    ----------
    row
        The row.

    Returns
    -------
    place
        EPSG:27700 metres.
    """
    return Place(
        place_id=row["place_id"],
        label=row["name"],
        kind=PlaceKind(row["kind"]),
        easting=row["geometry"].x,
        northing=row["geometry"].y,
        position_uncertainty_m=float(row["position_uncertainty_m"]),
        basis=row["position_basis"],
    )


def of_application(row: pd.Series) -> Place:
    """
    Return the place of one row of `schemas.APPLICATIONS`.

    Parameters
    ----------
    row
        The row; it may have no position, and may have a `boundary` beside its point.

    Returns
    -------
    place
        EPSG:27700 metres; without a position if the row has none.
    """
    label = f"application {row['reference']}"
    if row["geometry"] is None or pd.isna(row["position_uncertainty_m"]):
        return Place(
            place_id=row["application_key"],
            label=label,
            kind=PlaceKind.APPLICATION,
            easting=None,
            northing=None,
            position_uncertainty_m=math.inf,
            basis=row["position_basis"],
        )
    return Place(
        place_id=row["application_key"],
        label=label,
        kind=PlaceKind.APPLICATION,
        easting=row["geometry"].x,
        northing=row["geometry"].y,
        position_uncertainty_m=extent_uncertainty_m(row),
        basis=row["position_basis"]
        if boundary_of(row) is None
        else "boundary given with the application",
        geometry=boundary_of(row),
    )


def _of_name(row: pd.Series) -> Place:
    is_street = "Road" in row["local_type"]
    within = f", {row['populated_place']}" if isinstance(row["populated_place"], str) else ""
    return Place(
        place_id=row["name_id"],
        label=f"{row['name']}{within}",
        kind=PlaceKind.STREET if is_street else PlaceKind.VILLAGE,
        easting=row["geometry"].x,
        northing=row["geometry"].y,
        position_uncertainty_m=float(row["position_uncertainty_m"]),
        basis="a point on it that stands for all of it; not a house",
    )


def _of_address(row: pd.Series) -> Place:
    return Place(
        place_id=row["address_id"],
        label=row["address"] if isinstance(row["address"], str) else row["address_id"],
        kind=PlaceKind.POSITION,
        easting=row["geometry"].x,
        northing=row["geometry"].y,
        position_uncertainty_m=float(row["position_uncertainty_m"]),
        basis="the point of an addressable location; it may be a plot or a building that is gone",
    )


def boundary_of(row: pd.Series) -> BaseGeometry | None:
    """
    Return the boundary of an application, if more than a point is known.

    Parameters
    ----------
    row
        One row of `schemas.APPLICATIONS`.

    Returns
    -------
    boundary
        Polygon, EPSG:27700; None if there is none.
    """
    boundary = row.get("boundary")
    return boundary if isinstance(boundary, BaseGeometry) else None


def extent_uncertainty_m(row: pd.Series) -> float:
    """
    Return how well the ground of an application is known: its boundary's edge, or its point.

    Parameters
    ----------
    row
        One row of `schemas.APPLICATIONS`.

    Returns
    -------
    uncertainty_m
        Metres; NaN if it is not mapped.
    """
    if boundary_of(row) is not None:
        return geo.BOUNDARY_UNCERTAINTY_M
    return float(row["position_uncertainty_m"])


def _unknown_rule(gazetteer: Gazetteer, text: str) -> str:
    names = gazetteer.places["place_id"].tolist()
    close = difflib.get_close_matches(text.casefold().replace(" ", "-"), names, n=3, cutoff=0.5)
    offered = f"; close to it are {', '.join(close)}" if close else ""
    return f"names no place that is held{offered}"
