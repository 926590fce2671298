"""The columns of every published table: what each means, holds and comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sinkwatch.model import ApplicationStatus, Band, Evidence, GeologyClass, PlaceKind

SINKHOLES: Final = {
    "sinkhole_id": "key of the record",
    "feature_id": "the hollow, hole or building: the same for records of one and the same feature",
    "name": "name of the record",
    "kind": "what was recorded",
    "evidence": "how sure it is that soluble ground took part: confirmed, probable, possible or "
    "not_an_event",
    "evidence_reason": "why that grade",
    "counts": "whether the record enters the assessment",
    "counts_reason": "why it counts or not",
    "is_drawn": "whether its place is known well enough to draw; if not, it has no position here",
    "observed": "date in EDTF (ISO 8601-2), 185X for the 1850s; empty if unknown",
    "date_text": "the date for readers",
    "easting": "metres, British National Grid (EPSG:27700), rounded to 50 m",
    "northing": "metres, British National Grid (EPSG:27700), rounded to 50 m",
    "position_uncertainty_m": "radius about 95 % sure to hold the true place, metres, before "
    "rounding; rounding moves a record by 36 m at most",
    "position_basis": "how the place was found",
    "length_m": "length, metres; empty if not given",
    "width_m": "width, metres; empty if not given",
    "depth_m": "depth, metres; empty if not given",
    "size_text": "sizes for readers, with those that conflict",
    "cause": "what the sources give as the cause, or that they give none",
    "consequence": "what followed, as reported",
    "doubts": "doubts on date, size, place and identity",
    "source_title": "main source",
    "source_url": "link to the main source",
}

ZONES: Final = {
    "zone_id": "key of the zone",
    "class": "class of the ground: C, B or A, the most susceptible first",
    "title": "what the zone is",
    "description": "how it was drawn and what it holds, where its source says so",
    "position_uncertainty_m": "how well its edge is known, metres, one number for simple use",
    "west_uncertainty_m": "the same for its west side; empty where that is the limit of drawing",
    "east_uncertainty_m": "the same for its east side",
    "north_uncertainty_m": "the same for its north side",
    "south_uncertainty_m": "the same for its south side",
    "confidence": "low, medium or high",
    "is_official_planning_area": "whether it is the council's own planning area",
    "nominal_scale": "scale at which it was drawn",
    "version": "version of the drawing",
    "attribution": "who must be named",
    "disclaimer": "what it is not",
}

_ASSESSED: Final = {
    "is_flagged": "whether it is on the list of flagged places",
    "band": "level of recorded evidence, for programs",
    "band_label": "the same, for people",
    "geology_class": "class of the ground at the place itself; OUTSIDE beyond the zones",
    "scored_as": "class it was scored as: higher where a zone's edge is within its uncertainty",
    "nearest_sinkhole_id": "the record that decides; empty if none counts",
    "nearest_text": "its distance and how well that is known",
    "n_features": "distinct recorded features within the last ring; not scored",
    "check_record": "whether ground and record disagree",
    "headline": "the band and what decided it, one sentence",
    "reasons": "every reason, parted by |",
}

_PLACED: Final = {
    "easting": "metres, British National Grid (EPSG:27700); empty if not mapped",
    "northing": "metres, British National Grid (EPSG:27700); empty if not mapped",
    "position_uncertainty_m": "radius about 95 % sure to hold the true place, metres",
    "position_basis": "how the place was found, or why it is not mapped",
}

SITES: Final = {
    "site_id": "key of the watched site",
    "name": "its name",
    **_ASSESSED,
    **_PLACED,
}

APPLICATIONS: Final = {
    "reference": "as the authority writes it",
    "authority": "the local planning authority",
    "address": "as published",
    "description": "as published, with personal data masked, shortened where it is long",
    "status": "undecided, approved, refused, withdrawn, appealed or other",
    "status_text": "the authority's own words",
    "received_on": "date, ISO 8601",
    "decided_on": "date, ISO 8601",
    "url": "the authority's record",
    **_ASSESSED,
    **_PLACED,
}

FLAGGED: Final = {
    "kind": "site or application",
    "key": "site_id, or the application's reference",
    "name": "name of the site, or address of the application",
    **_ASSESSED,
}

CASES: Final = {
    "case_id": "key of the step",
    "site_id": "watched site or place it concerns; empty if none",
    "title": "the site",
    "reference": "of the application, where it is known",
    "authority": "who decided",
    "step": "what happened",
    "outcome": "the same in one word",
    "decided": "date in EDTF (ISO 8601-2)",
    "date_text": "the date for readers",
    "homes": "number of homes, where given",
    "easting": "metres, British National Grid (EPSG:27700), rounded to 50 m; empty if not located",
    "northing": "metres, British National Grid (EPSG:27700), rounded to 50 m; empty if not located",
    "position_uncertainty_m": "radius about 95 % sure to hold the true place, metres, before "
    "rounding",
    "position_basis": "how the place was found, or that it was not",
    "ground": "what the source says about the ground",
    "doubts": "doubts on date, place and identity",
    "source_title": "source",
    "source_url": "link to the source",
}

POSTCODES: Final = {
    "postcode": "unit postcode",
    "band": "level of recorded evidence at its centre, which is taken to be known to 100 m",
    "band_label": "the same, for people",
}

BOREHOLES: Final = {
    "reference": "BGS's reference",
    "name": "name in BGS's index",
    "easting": "metres, British National Grid (EPSG:27700)",
    "northing": "metres, British National Grid (EPSG:27700)",
    "position_uncertainty_m": "how well BGS says the position is known, metres; empty if it does "
    "not",
    "length_m": "length drilled, metres; empty if not known",
    "year": "year of drilling; empty if not known",
    "url": "BGS's scan of the record; empty if there is none. This table says that a borehole was "
    "drilled, not what it found",
}

REGIONAL_GEOLOGY: Final = {
    "layer": "bedrock, superficial, fault or dyke",
    "name": "name of the unit or of the fault, as BGS gives it",
    "rock": "what it is made of; null if not given",
    "period": "geological period; null if not given",
    "licence": "licence of the feature",
    "attribution": "who must be named",
    "disclaimer": "what it is not",
}

DICTIONARY: Final = {
    "file": "name of the file",
    "column": "name of the column, or of the property in GeoJSON",
    "meaning": "what it holds",
    "type": "text, number, integer, boolean or date",
    "unit": "unit of a number, and its coordinate system",
    "allowed": "the only values it may have, where the list is closed",
    "empty": "what an empty cell means; empty if no cell is",
    "worked_out_by_us": "whether we work it out; if not, it stands as its source gives it, but for "
    "rounding, masking and shortening",
    "source": "the data it comes from, or is worked out from",
    "licence": "licence of those data",
    "attribution": "who must be named",
}

TERMS: Final = {
    "licence": "licence of the row's own facts",
    "attribution": "who must be named where the row is used",
    "caveat": "what the row cannot say; the same for every row, so that a copied one keeps it",
}
"""What the rows of every table end with: a spreadsheet's reader copies rows, not files."""

FILES: Final[Mapping[str, Mapping[str, str]]] = {
    "sinkholes.csv": {**SINKHOLES, **TERMS},
    "sinkholes.geojson": SINKHOLES,
    "zones.geojson": ZONES,
    "sites.csv": {**SITES, **TERMS},
    "applications.csv": {**APPLICATIONS, **TERMS},
    "flagged.csv": {**FLAGGED, **TERMS},
    "cases.csv": {**CASES, **TERMS},
    "postcodes.csv": {**POSTCODES, **TERMS},
    "boreholes.csv": {**BOREHOLES, **TERMS},
    "regional-geology.geojson": REGIONAL_GEOLOGY,
    "dictionary.csv": DICTIONARY,
}
"""Every data file with its columns, in order."""

LAYERS: Final[Mapping[str, str]] = {
    "zones": "zones.geojson",
    "regional_geology": "regional-geology.geojson",
    "boreholes": "boreholes.csv",
    "past_decisions": "cases.csv",
    "applications": "applications.csv",
    "sites": "sites.csv",
    "records": "sinkholes.csv",
    "postcodes": "postcodes.csv",
    "dictionary": "dictionary.csv",
}
"""Every table of the GeoPackage and the file whose columns it has, in the order of drawing."""

KEYS: Final[Mapping[str, str]] = {
    "sinkholes.csv": "sinkhole_id",
    "sites.csv": "site_id",
    "cases.csv": "case_id",
    "postcodes.csv": "postcode",
}
"""Which column tells the rows of a file apart, where one does."""

# ── Where a column comes from ────────────────────────────────────────────────────────────────

_SURVEYED: Final = ("geology", "sinkholes")

_FRAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "sinkholes.csv": ("sinkholes",),
    "sinkholes.geojson": ("sinkholes",),
    "zones.geojson": ("geology",),
    "sites.csv": ("places",),
    "applications.csv": ("applications",),
    "flagged.csv": ("applications", "places"),
    "cases.csv": ("cases",),
    "postcodes.csv": ("postcodes",),
    "boreholes.csv": ("boreholes",),
    "regional-geology.geojson": ("rocks",),
}
"""The sorts of data that a file's own facts come from."""


def frames_of(file: str) -> tuple[str, ...]:
    """
    Return the sorts of data that a file's own facts come from.

    Parameters
    ----------
    file
        One of `FILES`.

    Returns
    -------
    frames
        Such as "sinkholes"; none for the dictionary.
    """
    return _FRAMES.get(file, ())


def frames_behind(file: str, column: str) -> tuple[str, ...]:
    """
    Return the sorts of data that a column comes from or is worked out from.

    Parameters
    ----------
    file
        One of `FILES`.
    column
        One of its columns.

    Returns
    -------
    frames
        Such as "geology"; none for what describes the data alone.
    """
    if column in TERMS or column == "disclaimer":
        return ()
    return (*frames_of(file), *_SURVEYED) if column in _ASSESSED else frames_of(file)


def is_worked_out(file: str, column: str) -> bool:
    """
    Return whether a column is ours, rather than a source's.

    Parameters
    ----------
    file
        One of `FILES`.
    column
        One of its columns.

    Returns
    -------
    is_worked_out
        Whether no source has it.
    """
    is_term = column in TERMS and file.endswith(".csv")
    return is_term or column in _ASSESSED or not frames_of(file)


# ── What a cell may hold ─────────────────────────────────────────────────────────────────────

_INTEGERS: Final = frozenset({"n_features", "year"})
_NUMBERS: Final = frozenset({"easting", "northing"})
_BOOLEANS: Final = frozenset({"counts", "check_record", "worked_out_by_us"})
_DATES: Final = frozenset({"received_on", "decided_on"})

_CLASSES: Final = tuple(sorted(each.name for each in GeologyClass))
_ALLOWED: Final[Mapping[str, tuple[str, ...]]] = {
    "evidence": tuple(each.value for each in Evidence),
    "status": tuple(each.value for each in ApplicationStatus),
    "band": tuple(each.key for each in sorted(Band, reverse=True)),
    "geology_class": _CLASSES,
    "scored_as": _CLASSES,
    "class": tuple(name for name in _CLASSES if len(name) == 1),
    "confidence": ("low", "medium", "high"),
    "layer": ("bedrock", "superficial", "fault", "dyke"),
}
_KINDS_OF_FLAGGED: Final = (PlaceKind.SITE.value, PlaceKind.APPLICATION.value)

_NOT_GIVEN: Final = "its source does not give it"
_NOT_PLACED: Final = "the place is not mapped, so it is not assessed"
_EMPTY: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            *("observed", "length_m", "width_m", "depth_m", "cause", "consequence", "doubts"),
            *("source_url", "url", "address", "status_text", "received_on", "source"),
            *("reference", "authority", "decided", "homes", "year", "name", "confidence"),
            *("nominal_scale", "version", "disclaimer", "rock", "period", "title", "description"),
            *("date_text", "size_text", "position_uncertainty_m", "position_basis"),
        ),
        _NOT_GIVEN,
    ),
    **dict.fromkeys((*_ASSESSED,), _NOT_PLACED),
    **dict.fromkeys(
        ("west_uncertainty_m", "east_uncertainty_m", "north_uncertainty_m", "south_uncertainty_m"),
        "on that side the zone ends where drawing stopped",
    ),
    "easting": "not mapped, or not known well enough to draw",
    "northing": "not mapped, or not known well enough to draw",
    "nearest_sinkhole_id": "not mapped, or no record that counts is near in the data we hold",
    "nearest_text": "not mapped, or no record that counts is near in the data we hold",
    "decided_on": "not decided, or its source does not say when",
    "site_id": "it concerns no watched site",
    "licence": "none is named",
    "attribution": "nobody asks to be named",
    "unit": "it has none",
    "allowed": "any value of its type",
    "empty": "no cell is empty",
}
_NEVER_EMPTY: Final[Mapping[str, frozenset[str]]] = {
    "sites.csv": frozenset({"site_id", "name", "is_flagged"}),
    "applications.csv": frozenset({"reference", "authority", "is_flagged"}),
    "flagged.csv": frozenset({*FLAGGED} - {"name", "nearest_sinkhole_id", "nearest_text"}),
    "sinkholes.csv": frozenset({"name", "date_text", "position_uncertainty_m"}),
    "sinkholes.geojson": frozenset({"name", "date_text", "position_uncertainty_m"}),
    "zones.geojson": frozenset({"title", "position_uncertainty_m"}),
    "cases.csv": frozenset({"title", "date_text", "position_basis"}),
    "postcodes.csv": frozenset({*POSTCODES}),
}


def kind_of(column: str) -> str:
    """
    Return what sort of value a column holds.

    Parameters
    ----------
    column
        Its name.

    Returns
    -------
    kind
        One of text, number, integer, boolean and date.
    """
    if column in _INTEGERS:
        return "integer"
    if column in _NUMBERS or column.endswith("_m"):
        return "number"
    if column in _BOOLEANS or column.startswith("is_"):
        return "boolean"
    return "date" if column in _DATES else "text"


def unit_of(column: str) -> str:
    """
    Return the unit of a column, and the coordinate system of a position.

    Parameters
    ----------
    column
        Its name.

    Returns
    -------
    unit
        Empty for what has none.
    """
    if column in _NUMBERS:
        return "metres, EPSG:27700"
    return "metres" if column.endswith("_m") else ""


def allowed_in(file: str, column: str) -> tuple[str, ...]:
    """
    Return the only values that a column may have.

    Parameters
    ----------
    file
        One of `FILES`.
    column
        One of its columns.

    Returns
    -------
    values
        None if the list is open.
    """
    if kind_of(column) == "boolean":
        return ("true", "false")
    if (file, column) == ("flagged.csv", "kind"):
        return _KINDS_OF_FLAGGED
    return _ALLOWED.get(column, ())


def empty_means(file: str, column: str) -> str:
    """
    Say what an empty cell of a column means.

    Parameters
    ----------
    file
        One of `FILES`.
    column
        One of its columns.

    Returns
    -------
    meaning
        Nothing if none of its cells is.
    """
    if column in _NEVER_EMPTY.get(file, ()):
        return ""
    return _EMPTY.get(column, "")
