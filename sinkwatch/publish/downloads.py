"""The same facts as files: CSV that no spreadsheet calculates, GeoJSON, licences, a dictionary."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import shapely

from sinkwatch import explain, public, survey, wording
from sinkwatch.model import FRAME_OF_KIND, Band, GeologyClass, PlaceKind
from sinkwatch.publish import columns, geojson, sources

if TYPE_CHECKING:
    import geopandas as gpd

    from sinkwatch.model import Assessment, Findings
    from sinkwatch.public import Row
    from sinkwatch.publish.publication import Publication

_ZONES: Final = "zones.geojson"
_BOREHOLES: Final = "boreholes.csv"
_ROCKS: Final = "regional-geology.geojson"

ROCKS_SIMPLIFIED_M: Final = 50.0
"""Detail left out of regional geology, metres: less than a tenth of a millimetre at 1:625 000."""

_NO_LOCATION: Final = "Drawn at 1:625 000: it cannot locate gypsum, and no band rests on it."
_TITLES: Final = {
    "sinkholes.csv": "every record, those that are not drawn included",
    "sinkholes.geojson": "the same for maps; a record that is not drawn has no geometry",
    _ZONES: "the indicative zones, with how well each edge is known",
    "sites.csv": "watched sites with their bands and reasons",
    "applications.csv": "planning applications with their bands and reasons",
    "flagged.csv": "flagged sites and applications in one list",
    "cases.csv": "past planning decisions where the ground mattered",
    "postcodes.csv": "postcodes by band",
    _BOREHOLES: "boreholes of BGS's index: that one was drilled, not what it found",
    _ROCKS: "BGS's map at 1:625 000, which cannot locate gypsum",
    "dictionary.csv": "what each column means",
}

_ABOUT_FILES: Final = (
    f"Positions of records and past decisions are rounded to {public.ROUNDED_TO_M} m. "
    "Columns are explained in dictionary.csv. An apostrophe before a cell keeps a spreadsheet "
    "from calculating it and is no part of the text."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """
    One file offered.

    Attributes
    ----------
    name
        File name.
    title
        What it holds.
    content
        Its bytes.
    """

    name: str
    title: str
    content: bytes

    @property
    def path(self) -> str:
        """Return its path inside the site."""
        return f"data/{self.name}"


def pages(publication: Publication) -> dict[str, bytes]:
    """
    Write every file that is offered.

    Parameters
    ----------
    publication
        The edition.

    Returns
    -------
    pages
        By path inside the site.
    """
    files = gather(publication.findings)
    return {
        "data/LICENCES.txt": licences(publication.findings),
        **{file.path: file.content for file in files},
    }


def gather(findings: Findings) -> tuple[Download, ...]:
    """
    Write every table of one run.

    Parameters
    ----------
    findings
        Of one run.

    Returns
    -------
    downloads
        In the order in which they are offered; without the zones if their licence forbids it,
        and without what no source gave.
    """
    inventory = public.sinkholes(findings.sinkholes)
    contents = {
        "sinkholes.csv": _table("sinkholes.csv", _placed(inventory)),
        "sinkholes.geojson": _sinkhole_features(inventory),
        _ZONES: _zone_features(findings),
        "sites.csv": _table("sites.csv", _sites(findings)),
        "applications.csv": _table("applications.csv", _applications(findings)),
        "flagged.csv": _table("flagged.csv", _flagged(findings)),
        "cases.csv": _table("cases.csv", _placed(public.cases(findings.cases))),
        "postcodes.csv": _table("postcodes.csv", _postcodes(findings)),
        _BOREHOLES: _table(_BOREHOLES, _boreholes(findings)),
        _ROCKS: _rock_features(findings),
        "dictionary.csv": _table("dictionary.csv", _dictionary(findings)),
    }
    return tuple(
        Download(name=name, title=_TITLES[name], content=content)
        for name, content in contents.items()
        if name in _offered(findings)
    )


def _offered(findings: Findings) -> Collection[str]:
    # No file rather than an empty one, which would read as "no zones".
    is_missing = {
        _ZONES: survey.withholds_outlines(findings),
        _BOREHOLES: findings.surroundings.boreholes is None,
        _ROCKS: findings.surroundings.rocks is None,
    }
    return columns.FILES.keys() - {name for name, missing in is_missing.items() if missing}


def licences(findings: Findings) -> bytes:
    """
    Write whose data these are, under which licence, and what they are not.

    Parameters
    ----------
    findings
        Of one run.

    Returns
    -------
    content
        Plain text, UTF-8.
    """
    paragraphs = [
        f"Data published by sinkwatch for {findings.area.name}",
        wording.DISCLAIMER,
        _ABOUT_FILES,
        *([survey.OUTLINES_WITHHELD] if survey.withholds_outlines(findings) else ()),
        *(_licence(source) for source in sources.gather(findings)),
        wording.LIMITS,
    ]
    return ("\n\n".join(paragraphs) + "\n").encode()


def _licence(source: sources.Source) -> str:
    lines = [
        source.title,
        f"  Edition: {source.edition or 'not given'}",
        f"  Retrieved: {source.retrieved.text if source.retrieved else 'never'}",
        f"  Standing: {source.status_text}",
        f"  Licence: {source.licence or 'not given'}",
        f"  Credit: {source.credit or 'none asked for'}",
    ]
    return "\n".join(lines)


def _table(name: str, rows: Iterable[Row]) -> bytes:
    """Write rows as CSV with the columns declared for that file; what a row lacks is empty."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(columns.FILES[name])
    for row in rows:
        writer.writerow(_cell(row.get(column)) for column in columns.FILES[name])
    return target.getvalue().encode()


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case float():
            return f"{value:.10g}"
        case datetime():
            return value.date().isoformat()
        case _:
            return wording.spreadsheet_cell(wording.clean(str(value)))


def _placed(frame: gpd.GeoDataFrame) -> list[Row]:
    """Return a frame's rows with their positions as columns."""
    pairs = zip(public.rows(frame), public.points(frame), strict=True)
    return [{**row, **_safe_url(row), **_position(point)} for row, point in pairs]


def _safe_url(row: Row) -> Row:
    return {"source_url": public.web_link(str(row.get("source_url") or ""))}


def _position(point: shapely.Point | None) -> dict[str, object]:
    if point is None:
        return {"easting": None, "northing": None}
    return {"easting": point.x, "northing": point.y}


def _assessment(findings: Findings, assessment: Assessment | None) -> dict[str, object]:
    if assessment is None:
        return {}
    styles = findings.area.parameters.table.styles
    place = assessment.place
    return {
        "band": assessment.band.key,
        "band_label": styles[assessment.band].label,
        "geology_class": assessment.geology.name,
        "scored_as": assessment.scored_as.name,
        "nearest_sinkhole_id": assessment.sinkhole_id,
        "nearest_text": _nearest_text(assessment),
        "n_features": assessment.n_features,
        "check_record": assessment.check_record,
        "headline": explain.headline(assessment, styles),
        "reasons": " | ".join(reason.text for reason in assessment.reasons),
        "easting": place.easting,
        "northing": place.northing,
        "position_uncertainty_m": place.position_uncertainty_m,
        "position_basis": place.basis,
    }


def _nearest_text(assessment: Assessment) -> str:
    distance_m, uncertainty_m = assessment.distance_m, assessment.distance_uncertainty_m
    if distance_m is None or uncertainty_m is None:
        return ""
    return wording.about(distance_m, uncertainty_m)


def _sites(findings: Findings) -> list[Row]:
    return [
        {
            "site_id": assessment.place.place_id,
            "name": assessment.place.label,
            "is_flagged": assessment.place.place_id in findings.flagged,
            **_assessment(findings, assessment),
        }
        for assessment in findings.sites
    ]


def _applications(findings: Findings) -> list[Row]:
    assessed = {assessment.place.place_id: assessment for assessment in findings.applied}
    return [
        {
            **row,
            "description": public.description(row),
            "url": public.web_link(str(row.get("url") or "")),
            "is_flagged": row["application_key"] in findings.flagged,
            **_assessment(findings, assessed.get(str(row["application_key"]))),
        }
        for row in public.rows(findings.applications.sort_values("application_key"))
    ]


def _flagged(findings: Findings) -> list[Row]:
    sites = [{**row, "kind": PlaceKind.SITE, "key": row["site_id"]} for row in _sites(findings)]
    applications = [
        {
            **row,
            "kind": PlaceKind.APPLICATION,
            "key": row["reference"],
            "name": row["address"],
        }
        for row in _applications(findings)
    ]
    return [row for row in (*applications, *sites) if row["is_flagged"]]


def _postcodes(findings: Findings) -> list[Row]:
    styles = findings.area.parameters.table.styles
    ordered = findings.postcode_bands.sort_values("place_id")
    return [
        {
            "postcode": row["place_id"],
            "band": Band(int(public.number(row, "band") or 0)).key,
            "band_label": styles[Band(int(public.number(row, "band") or 0))].label,
        }
        for row in public.rows(ordered)
    ]


def _boreholes(findings: Findings) -> list[Row]:
    frame = findings.surroundings.boreholes
    if frame is None:
        return []
    terms = _terms(findings, "boreholes")
    ordered = frame.sort_values(["reference", "borehole_id"], ignore_index=True)
    return [
        {**row, **_position(point), "url": public.web_link(public.text(row, "url")), **terms}
        for row, point in zip(public.rows(ordered), public.points(ordered), strict=True)
    ]


def _terms(findings: Findings, frame: str) -> Row:
    """Return licence and credit of one sort of data, for files that may be passed on alone."""
    licences = (
        state.snapshot.licence
        for state in findings.sources
        if FRAME_OF_KIND[state.spec.kind] == frame and state.snapshot is not None
    )
    return {
        "licence": "; ".join(dict.fromkeys(licences)),
        "attribution": sources.credit(findings, frame),
    }


def _dictionary(findings: Findings) -> list[Row]:
    return [
        {"file": name, "column": column, "meaning": meaning}
        for name, meanings in columns.FILES.items()
        if name in _offered(findings)
        for column, meaning in meanings.items()
    ]


def _sinkhole_features(inventory: gpd.GeoDataFrame) -> bytes:
    return geojson.dump(
        geojson.feature(
            public.text(row, "sinkhole_id"),
            point,
            _properties("sinkholes.geojson", {**row, **_safe_url(row), **_position(point)}),
        )
        for row, point in zip(public.rows(inventory), public.points(inventory), strict=True)
    )


def _zone_features(findings: Findings) -> bytes:
    ordered = findings.zones.sort_values("zone_id", ignore_index=True)
    return geojson.dump(
        geojson.feature(
            public.text(row, "zone_id"),
            geometry,
            _properties(_ZONES, {**row, "class": _class_of(row)}),
        )
        for row, geometry in zip(public.rows(ordered), ordered.geometry, strict=True)
    )


def _rock_features(findings: Findings) -> bytes:
    frame = findings.surroundings.rocks
    if frame is None:
        return b""
    terms = {**_terms(findings, "rocks"), "disclaimer": _NO_LOCATION}
    ordered = frame.sort_values("rock_id", ignore_index=True)
    shapes = shapely.simplify(ordered.geometry.to_numpy(), ROCKS_SIMPLIFIED_M)
    return geojson.dump(
        geojson.feature(public.text(row, "rock_id"), shape, _properties(_ROCKS, {**row, **terms}))
        for row, shape in zip(public.rows(ordered), shapes, strict=True)
    )


def _class_of(row: Row) -> str:
    return GeologyClass(int(public.number(row, "geology_class") or 0)).name


def _properties(name: str, row: Row) -> Mapping[str, object]:
    """Return the declared columns of a row, but for those that its source does not have."""
    return {column: _value(row[column]) for column in columns.FILES[name] if column in row}


def _value(value: object) -> object:
    return wording.clean(value) if isinstance(value, str) else value
