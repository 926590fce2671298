"""What a pack may be about: a site, an application, or the ground inside a boundary file."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import shapely

from sinkwatch import gazetteer, lint, survey, wording
from sinkwatch.errors import CoverageError, PlaceError, WordingError
from sinkwatch.model import PlaceKind
from sinkwatch.packs import inputs
from sinkwatch.packs.recipe import Subject
from sinkwatch.sources import boundaries

if TYPE_CHECKING:
    from sinkwatch.model import Area, Inputs, Place

ENDINGS: Final = frozenset({".geojson", ".json", ".gpkg", ".shp", ".zip", ".kml"})
"""How the names of boundary files end."""

APART_M: Final = 250.0
"""Furthest that a site's published point and its boundary may lie apart beyond what is uncertain,
metres: a council's point may stand at a gate or on the street (sinkwatch geocoding notes)."""

_KINDS: Final = frozenset({PlaceKind.SITE, PlaceKind.APPLICATION})

_NOT_FOR_HOUSES: Final = "packs are for sites and applications, not for houses"
_WAY_OUT: Final = (
    "Give a site id, an application reference or a boundary file; "
    "`sinkwatch check` answers for any place"
)


def is_boundary_file(words: str) -> bool:
    """
    Tell whether words are meant for a file.

    Parameters
    ----------
    words
        As given.

    Returns
    -------
    is_file
        True if they end as such a file does, or there is a file of that name.
    """
    path = Path(words)
    try:
        return path.suffix.lower() in ENDINGS or path.is_file()
    except (OSError, ValueError):  # too long for a name, or with a character that none has
        return False


def find(area: Area, held: Inputs, words: str, boundary: Path | None = None) -> Subject:
    """
    Find what a pack is to be about.

    Parameters
    ----------
    area
        The area.
    held
        What its sources gave.
    words
        A site id, an application reference, or the path of a boundary file.
    boundary
        File with the ground of the site or application named; None for what is held of it.

    Returns
    -------
    subject
        With a position inside the area.

    Raises
    ------
    PlaceError
        If the words name nothing that a pack is made for, it has no position, or the boundary
        lies elsewhere.
    CoverageError
        If it lies outside the area, or partly.
    SinkwatchError
        If the boundary cannot be read.
    """
    if not is_boundary_file(words):
        found = of_words(area, held, words, boundary)
        # By whatever name it was asked for: the pack of a place is one pack, with one map id.
        return replace(found, words=found.place.place_id)
    if boundary is not None:
        raise PlaceError(
            Path(words).name,
            "is a boundary already, and --boundary names another",
            "Give one of them, or name the site first",
        )
    return of_file(area, Path(words))


def of_file(area: Area, path: Path) -> Subject:
    """
    Take the ground inside a boundary file for a site.

    Parameters
    ----------
    area
        The area.
    path
        Of the file.

    Returns
    -------
    subject
        With a position inside the area.

    Raises
    ------
    CoverageError
        If it lies outside the area, or partly.
    SinkwatchError
        If the boundary cannot be read.
    """
    place = _fit_to_print(boundaries.read(path), path)
    _check_position(area, place)
    name = wording.clean(path.name)
    return Subject(words=name, place=place, boundary_files=inputs.of_boundary(path))


def _fit_to_print(place: Place, path: Path) -> Place:
    """Take the name that a file gives its ground only if we may print it; else the file's own."""
    for name in (place.label, path.stem):
        with contextlib.suppress(WordingError):
            return replace(place, label=lint.title(name))
    return replace(place, label="Site of the boundary given")


def of_words(area: Area, held: Inputs, words: str, boundary: Path | None = None) -> Subject:
    """
    Find a site or an application; the words are never taken for a file.

    Parameters
    ----------
    area
        The area.
    held
        What its sources gave.
    words
        A site id or an application reference.
    boundary
        File with its ground; None for what is held of it.

    Returns
    -------
    subject
        With a position inside the area.

    Raises
    ------
    PlaceError
        If the words name nothing that a pack is made for, it has no position, or the boundary
        lies elsewhere.
    CoverageError
        If it lies outside the area, or partly.
    SinkwatchError
        If the boundary cannot be read.
    """
    subject = Subject(words=words, place=_named(area, held, words))
    if boundary is not None:
        subject = _with_boundary(subject, boundary)
    _check_position(area, subject.place)
    return subject


def _named(area: Area, held: Inputs, words: str) -> Place:
    if gazetteer.normalised_postcode(words) is not None:
        raise PlaceError(words.strip().upper(), f"is a postcode; {_NOT_FOR_HOUSES}", _WAY_OUT)
    try:
        place = gazetteer.find(survey.names(area, held), words)
    except PlaceError as error:  # it would have a postcode tried
        raise PlaceError(error.value, error.rule, _WAY_OUT) from error
    watched = held.places.loc[held.places["is_watched"], "place_id"]
    if place.kind not in _KINDS and place.place_id not in set(watched):
        raise PlaceError(place.label, f"is a {place.kind.value}; {_NOT_FOR_HOUSES}", _WAY_OUT)
    return place


def _with_boundary(named: Subject, path: Path) -> Subject:
    place, ground = named.place, boundaries.read(path)
    _check_near(place, ground)
    return replace(
        named,
        place=replace(
            place,
            easting=ground.easting,
            northing=ground.northing,
            position_uncertainty_m=ground.position_uncertainty_m,
            basis=ground.basis,
            geometry=ground.geometry,
        ),
        boundary_files=inputs.of_boundary(path),
    )


def _check_near(place: Place, ground: Place) -> None:
    """Refuse the boundary of another site: nothing else would tell that it is the wrong file."""
    if place.easting is None or place.northing is None:
        return
    known = place.geometry or shapely.Point(place.easting, place.northing)
    apart_m = float(shapely.distance(known, ground.geometry))
    if apart_m > place.position_uncertainty_m + ground.position_uncertainty_m + APART_M:
        about = wording.about(apart_m, place.position_uncertainty_m)
        raise PlaceError(
            place.label,
            f"is published {about} from the ground of that boundary",
            "Check the file; or give it alone, without the site, for a pack of that ground",
        )


def _check_position(area: Area, place: Place) -> None:
    if place.easting is None or place.northing is None:
        raise PlaceError(
            place.label,
            f"has no position ({place.basis})",
            "Give its ground as a file with --boundary",
        )
    west, south, east, north = (
        (place.easting, place.northing) * 2 if place.geometry is None else place.geometry.bounds
    )
    is_inside = area.bounds.holds(west, south) and area.bounds.holds(east, north)
    if not is_inside:
        partly = " partly" if area.bounds.holds(place.easting, place.northing) else ""
        raise CoverageError(
            place.label,
            f"lies{partly} outside {area.name}, the area held",
            "No pack can be made where nothing is held; check its position",
        )
