"""Where an application lies: its point, or what its postcode, address or street gives."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from sinkwatch import gazetteer, geo

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry import Point

    from sinkwatch.model import Inputs

BORDER_M: Final = 500.0
"""A point is another authority's only if the nearest postcode of its own is this much further away
than the nearest of all, metres: postcode centres do not draw a border sharper than that."""

_APOSTROPHES: Final = re.compile("['’]")
_NO_LETTER: Final = re.compile(r"[^a-z0-9]+")
_ENDINGS: Final = {
    "ave": "avenue",
    "cl": "close",
    "cres": "crescent",
    "ct": "court",
    "dr": "drive",
    "gdns": "gardens",
    "la": "lane",
    "ln": "lane",
    "pl": "place",
    "rd": "road",
    "sq": "square",
    "st": "street",
    "ter": "terrace",
    "terr": "terrace",
}
"""Last words of a street's name as people shorten them; "St" before another word is a saint."""

_ELSEWHERE: Final = "the point given lies in another authority"


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """
    Where something is taken to lie.

    Attributes
    ----------
    point
        EPSG:27700 metres.
    uncertainty_m
        Radius about 95 % sure to hold the true place, metres.
    basis
        How it was found.
    """

    point: Point
    uncertainty_m: float
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Geocoder:
    """
    What positions are looked up in.

    Attributes
    ----------
    postcodes
        Frame of `schemas.POSTCODES`, EPSG:27700; its column `district_code` says in which
        district each lies, if it has one.
    addresses
        By text in the form of `normalised`: locations of addresses that have words and a point.
    streets
        By name in the same form: the rows of `schemas.NAMES` that go by it.
    districts
        By authority, the codes of its districts.
    """

    postcodes: gpd.GeoDataFrame
    addresses: Mapping[str, tuple[Location, ...]]
    streets: Mapping[str, tuple[pd.Series, ...]]
    districts: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, inputs: Inputs, districts: Mapping[str, tuple[str, ...]]) -> Geocoder:
        """
        Put what the sources gave in order, to be looked up.

        Parameters
        ----------
        inputs
            What the sources gave.
        districts
            By authority, the codes of its districts; empty to believe every point.

        Returns
        -------
        geocoder
            For `applications`.
        """
        return cls(
            postcodes=inputs.postcodes,
            addresses=_by_text(inputs.surroundings.addresses),
            streets=_by_name(inputs.surroundings.names),
            districts=districts,
        )


def normalised(text: str) -> str:
    """
    Write a name so that two spellings of it are equal.

    Parameters
    ----------
    text
        Of a street or an address.

    Returns
    -------
    normalised
        Lower case words between single spaces, without apostrophes, street words in full.

    Examples
    --------
    >>> normalised("Magdalen's Cl.")
    'magdalens close'
    """
    words = _NO_LETTER.sub(" ", _APOSTROPHES.sub("", text.casefold())).split()
    if words:
        words[-1] = _ENDINGS.get(words[-1], words[-1])
    return " ".join(words)


def applications(frame: gpd.GeoDataFrame, geocoder: Geocoder) -> gpd.GeoDataFrame:
    """
    Place applications by the best that is said of each, and drop none.

    A point given counts if it lies in the authority; then the postcode given, one in the
    address, the address itself, the street that it names.

    Parameters
    ----------
    frame
        Frame of `schemas.APPLICATIONS` with a `postcode` column, EPSG:27700.
    geocoder
        What to look positions up in.

    Returns
    -------
    applications
        New frame, same rows; what still has no position says so in `position_basis`.
    """
    strange = _elsewhere(frame, geocoder)
    shapes = frame.geometry.to_numpy().copy()
    uncertainty_m = frame["position_uncertainty_m"].to_numpy(copy=True)
    bases = frame["position_basis"].to_numpy(dtype=object).copy()
    for row in np.flatnonzero(frame.geometry.isna().to_numpy() | strange).tolist():
        found = _looked_up(frame.iloc[row], geocoder)
        shapes[row] = None if found is None else found.point
        uncertainty_m[row] = np.nan if found is None else found.uncertainty_m
        if found is not None or strange[row]:
            prefix = f"{_ELSEWHERE}; " if strange[row] else ""
            bases[row] = prefix + ("not mapped" if found is None else found.basis)
    return frame.assign(
        position_uncertainty_m=uncertainty_m,
        position_basis=pd.Series(bases, index=frame.index, dtype="str"),
    ).set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=geo.BNG))


def nearest_street(point: Point, names: gpd.GeoDataFrame | None) -> str:
    """
    Name the street or settlement that a point lies in or beside.

    Parameters
    ----------
    point
        EPSG:27700 metres.
    names
        Frame of `schemas.NAMES`, EPSG:27700; None if there is none.

    Returns
    -------
    name
        Of the one that reaches closest to it; empty if none reaches it within 100 m.
    """
    if names is None or names.empty:
        return ""
    beyond_m = shapely.distance(names.geometry.to_numpy(), point) - names["position_uncertainty_m"]
    best = np.lexsort((names["name_id"], names["position_uncertainty_m"], beyond_m.clip(lower=0)))
    index = int(best[0])
    return str(names["name"].iloc[index]) if beyond_m.iloc[index] <= _BESIDE_M else ""


_BESIDE_M: Final = 100.0


def _looked_up(row: pd.Series, geocoder: Geocoder) -> Location | None:
    """Return where an application lies that has no point to go by; None if nothing says so."""
    address = row["address"] if isinstance(row["address"], str) else ""
    return (
        _by_postcode(row["postcode"], geocoder.postcodes)
        or _by_postcode(gazetteer.postcode_in(address), geocoder.postcodes)
        or _by_address(address, geocoder)
        or _by_street(address, row["postcode"], geocoder)
    )


def _by_postcode(given: object, postcodes: gpd.GeoDataFrame) -> Location | None:
    postcode = gazetteer.normalised_postcode(given) if isinstance(given, str) else None
    found = np.flatnonzero((postcodes["postcode"] == postcode).to_numpy())
    if postcode is None or not found.size:
        return None
    return Location(
        point=postcodes.geometry.to_numpy()[found[0]],
        uncertainty_m=float(postcodes["position_uncertainty_m"].to_numpy()[found[0]]),
        basis=f"centre of the postcode {postcode}",
    )


def _by_address(address: str, geocoder: Geocoder) -> Location | None:
    parts = [normalised(part) for part in address.split(",")]
    wanted = [" ".join(parts[:n]) for n in (2, 1)]
    found = [one for text in wanted for one in geocoder.addresses.get(text, ())]
    return found[0] if len(found) == 1 else None


def _by_street(address: str, postcode: object, geocoder: Geocoder) -> Location | None:
    """
    Return the street that an address names, unless several may be meant.

    A list of an area's streets holds one High Street and says nothing of those next door: where
    an address goes on after the street, it must name that one's place or postcode district.
    """
    parts = [normalised(part) for part in address.split(",")]
    district = _district(postcode) or _district(gazetteer.postcode_in(address))
    for position, part in enumerate(parts):
        streets = geocoder.streets.get(_LEADING.sub("", part), ())
        rest = parts[position + 1 :]
        named = [street for street in streets if _is_said(street, rest, district)]
        if len(named) == 1:
            return _street_location(named[0])
        if len(streets) == 1 and district is None and not any(rest):
            return _street_location(streets[0])
    return None


_LEADING: Final = re.compile(
    r"^(?:(?:land|site|plots?|garages?|adjacent|adj|adjoining|opposite|rear|front|junction|at|off|on"
    r"|of|to|the|and|flat|unit|no|\d+[a-z]?)\s+)+"
)
"""What leads the name of a street in an address, in the form of `normalised`."""


def _district(postcode: object) -> str | None:
    given = gazetteer.normalised_postcode(postcode) if isinstance(postcode, str) else None
    return None if given is None else given.partition(" ")[0]


def _is_said(street: pd.Series, rest: Sequence[str], district: str | None) -> bool:
    """Tell whether what follows a street in an address is that street's place or district."""
    if district is not None:
        return bool(street["postcode_district"] == district)
    place = street["populated_place"]
    return isinstance(place, str) and normalised(place) in rest


def _street_location(street: pd.Series) -> Location:
    return Location(
        point=street["geometry"],
        uncertainty_m=float(street["position_uncertainty_m"]),
        basis=f"the middle of {street['name']}, the street named in the address",
    )


def _by_text(addresses: gpd.GeoDataFrame | None) -> dict[str, tuple[Location, ...]]:
    found: dict[str, tuple[Location, ...]] = {}
    if addresses is None:
        return found
    usable = addresses[addresses["address"].notna() & addresses.geometry.notna()]
    for _, row in usable.iterrows():
        text = normalised(row["address"])
        location = Location(
            point=row["geometry"],
            uncertainty_m=float(row["position_uncertainty_m"]),
            basis="the address, as a list of addresses has it",
        )
        found[text] = (*found.get(text, ()), location)
    return found


def _by_name(names: gpd.GeoDataFrame | None) -> dict[str, tuple[pd.Series, ...]]:
    found: dict[str, tuple[pd.Series, ...]] = {}
    if names is None:
        return found
    for _, row in names[names["local_type"].str.contains("Road")].iterrows():
        name = normalised(row["name"])
        found[name] = (*found.get(name, ()), row)
    return found


def _elsewhere(frame: gpd.GeoDataFrame, geocoder: Geocoder) -> NDArray[np.bool_]:
    """Tell which points given lie in another authority than the one that the row names."""
    strange = np.zeros(len(frame), dtype=np.bool_)
    if "district_code" not in geocoder.postcodes.columns:
        return strange
    # A postcode whose district is not known speaks for no authority, its own no more than another.
    coded = geocoder.postcodes[geocoder.postcodes["district_code"].notna()]
    if coded.empty:
        return strange
    points = frame.geometry.to_numpy()
    nearest_m = _nearest_m(points, coded)
    for authority, codes in geocoder.districts.items():
        own = coded[coded["district_code"].isin(codes)]
        is_its = (frame["authority"] == authority).to_numpy() & ~shapely.is_missing(points)
        if is_its.any() and not own.empty:
            strange |= is_its & (_nearest_m(points, own) - nearest_m > BORDER_M)
    return strange


def _nearest_m(points: NDArray[np.object_], postcodes: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Return how far the nearest postcode is from each point, metres; NaN where there is none."""
    distance_m = np.full(len(points), np.nan)
    given, apart_m = shapely.STRtree(postcodes.geometry.to_numpy()).query_nearest(
        points, return_distance=True, all_matches=False
    )
    distance_m[given[0]] = apart_m
    return distance_m
