"""The same facts as files: CSV that no spreadsheet calculates, GeoJSON and a GeoPackage."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

import pandas as pd
import shapely

from sinkwatch import explain, public, survey, wording
from sinkwatch.model import Band, GeologyClass, PlaceKind
from sinkwatch.publish import columns, geojson, geopackage, terms

if TYPE_CHECKING:
    import geopandas as gpd
    from shapely.geometry.base import BaseGeometry

    from sinkwatch.model import Assessment, Findings
    from sinkwatch.public import Row

GEOPACKAGE: Final = "sinkwatch.gpkg"
LICENCES: Final = "LICENCES.txt"
FOR_PROGRAMS: Final = "csv-metadata.json"

_ZONES: Final = "zones.geojson"
_BOREHOLES: Final = "boreholes.csv"
_ROCKS: Final = "regional-geology.geojson"
_RECORDS: Final = "sinkholes.csv"
_RECORDS_DRAWN: Final = "sinkholes.geojson"
_DICTIONARY: Final = "dictionary.csv"

ROCKS_SIMPLIFIED_M: Final = 50.0
"""Detail left out of regional geology, metres: less than a tenth of a millimetre at 1:625 000."""

_TITLES: Final = {
    GEOPACKAGE: "everything below in one file, with the outlines, for mapping programs",
    _RECORDS: "every record, those that are not drawn included",
    _RECORDS_DRAWN: "the same for maps; a record that is not drawn has no geometry",
    _ZONES: "the indicative zones, with how well each edge is known",
    "sites.csv": "watched sites with their bands and reasons",
    "applications.csv": "planning applications with their bands and reasons",
    "flagged.csv": "flagged sites and applications in one list",
    "cases.csv": "past planning decisions where the ground mattered",
    "postcodes.csv": "postcodes by band",
    _BOREHOLES: "boreholes of BGS's index: that one was drilled, not what it found",
    _ROCKS: "BGS's map at 1:625 000, which cannot locate {rock}",
    _DICTIONARY: "what each column means, its unit, where it comes from and its licence",
    FOR_PROGRAMS: "the same for programs that read CSV on the Web",
    LICENCES: "every source with its edition, licence and credit",
}
_MEDIA_TYPES: Final = {
    "csv": "text/csv",
    "geojson": "application/geo+json",
    "gpkg": "application/geopackage+sqlite3",
    "json": "application/json",
    "txt": "text/plain",
}
_TYPES_OF_SHAPES: Final = {_ZONES: "MultiPolygon", _ROCKS: "Unknown"}
_WRITTEN: Final = frozenset({"text", "date"})
_KB: Final = 1_000
_MB: Final = 1_000_000
_NO_DAY: Final = date(1970, 1, 1)


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
    n_rows
        Rows or features; None for what has none.
    licence
        Of the facts in it; empty if it has several.
    """

    name: str
    title: str
    content: bytes
    n_rows: int | None = None
    licence: str = ""

    @property
    def path(self) -> str:
        """Return its path inside the site."""
        return path_of(self.name)

    @property
    def media_type(self) -> str:
        """Return what it is, as servers say it."""
        return media_type_of(self.name)

    @property
    def sha256(self) -> str:
        """Return the checksum of its bytes, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def size_text(self) -> str:
        """Return its size for readers."""
        n_bytes = len(self.content)
        return f"{n_bytes / _MB:.1f} MB" if n_bytes >= _MB else f"{n_bytes / _KB:.0f} kB"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """Rows of one file, and where each lies: none for a file that says nothing of places."""

    rows: Sequence[Row]
    shapes: Sequence[BaseGeometry | None] | None = None


def path_of(name: str) -> str:
    """
    Return where a file lies.

    Parameters
    ----------
    name
        Of the file.

    Returns
    -------
    path
        Inside the site.
    """
    return f"data/{name}"


def media_type_of(name: str) -> str:
    """
    Return what a file is.

    Parameters
    ----------
    name
        Of the file.

    Returns
    -------
    media_type
        As servers say it.
    """
    return _MEDIA_TYPES[name.rpartition(".")[2]]


def offered(findings: Findings) -> tuple[str, ...]:
    """
    Return the names of the files that are offered.

    Parameters
    ----------
    findings
        Of one run.

    Returns
    -------
    names
        In the order in which they are offered; without the zones if their licence forbids it,
        and without what no source gave.
    """
    files = _offered(findings)
    return tuple(name for name in _TITLES if name in files or name not in columns.FILES)


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
        As `offered` names them.

    Raises
    ------
    StoreError
        If the folder for temporary files cannot be written to.
    """
    files = _offered(findings)
    facts = {name: each for name, each in _facts(findings, files).items() if name in files}
    records = facts[_RECORDS]
    contents = {
        **{name: _table(findings, name, each.rows) for name, each in facts.items()},
        _RECORDS_DRAWN: _features(findings, _RECORDS_DRAWN, records, "sinkhole_id"),
        GEOPACKAGE: _geopackage(findings, facts),
        FOR_PROGRAMS: terms.for_programs(findings, files),
        LICENCES: terms.licences(findings),
    }
    for name, key in ((_ZONES, "zone_id"), (_ROCKS, "rock_id")):
        if name in facts:
            contents[name] = _features(findings, name, facts[name], key)
    counted = {**facts, _RECORDS_DRAWN: records}
    return tuple(
        Download(
            name=name,
            title=wording.of_rock(_TITLES[name], findings.area.rock),
            content=contents[name],
            n_rows=len(counted[name].rows) if name in counted else None,
            licence=terms.licence(findings, columns.frames_of(name)),
        )
        for name in offered(findings)
    )


def _offered(findings: Findings) -> Collection[str]:
    # No file rather than an empty one, which would read as "no zones".
    is_missing = {
        _ZONES: survey.withholds_outlines(findings),
        _BOREHOLES: findings.surroundings.boreholes is None,
        _ROCKS: findings.surroundings.rocks is None,
    }
    return columns.FILES.keys() - {name for name, missing in is_missing.items() if missing}


def _facts(findings: Findings, files: Collection[str]) -> dict[str, _Facts]:
    applications, sites = _applications(findings), _sites(findings)
    return {
        _RECORDS: _with_points(_placed(public.sinkholes(findings.sinkholes))),
        "sites.csv": _with_points(sites),
        "applications.csv": _with_points(applications),
        "flagged.csv": _Facts(rows=_flagged(applications, sites)),
        "cases.csv": _with_points(_placed(public.cases(findings.cases))),
        "postcodes.csv": _Facts(rows=_postcodes(findings)),
        _BOREHOLES: _with_points(_boreholes(findings)),
        _ZONES: _zones(findings),
        _ROCKS: _rocks(findings),
        _DICTIONARY: _Facts(rows=list(terms.dictionary(findings, files))),
    }


def _with_points(rows: Sequence[Row]) -> _Facts:
    return _Facts(rows=rows, shapes=[_point(row) for row in rows])


def _point(row: Row) -> shapely.Point | None:
    easting, northing = public.number(row, "easting"), public.number(row, "northing")
    return None if easting is None or northing is None else shapely.Point(easting, northing)


# ── Formats ──────────────────────────────────────────────────────────────────────────────────


def _table(findings: Findings, name: str, rows: Iterable[Row]) -> bytes:
    """Write rows as CSV with the columns declared for that file; what a row lacks is empty."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(columns.FILES[name])
    own, ending = _columns(name), [_cell(text) for text in _terms(findings, name).values()]
    for row in rows:
        writer.writerow([*(_cell(row.get(column)) for column in own), *ending])
    return target.getvalue().encode()


def _columns(name: str) -> list[str]:
    """Return the columns of a file but for those that are the same in every row."""
    return [column for column in columns.FILES[name] if not _has_terms(name, column)]


def _has_terms(name: str, column: str) -> bool:
    return name in terms.CAVEATS and name.endswith(".csv") and column in columns.TERMS


def _terms(findings: Findings, name: str) -> dict[str, str]:
    is_ended = _has_terms(name, "caveat")
    return terms.of_rows(findings, name) if is_ended else {}


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


def _features(findings: Findings, name: str, facts: _Facts, key: str) -> bytes:
    shapes = facts.shapes if facts.shapes is not None else ()
    return geojson.dump(
        (
            geojson.feature(public.text(row, key), shape, _properties(name, row))
            for row, shape in zip(facts.rows, shapes, strict=True)
        ),
        terms.about(findings, name),
    )


def _properties(name: str, row: Row) -> Mapping[str, object]:
    """Return the declared columns of a row, but for those that its source does not have."""
    return {column: _value(row[column]) for column in columns.FILES[name] if column in row}


def _value(value: object) -> object:
    return wording.clean(value) if isinstance(value, str) else value


def _geopackage(findings: Findings, facts: Mapping[str, _Facts]) -> bytes:
    tables = [
        _layer(findings, layer, name, facts[name])
        for layer, name in columns.LAYERS.items()
        if name in facts
    ]
    return geopackage.dumped([*tables, _about(findings)], made_on=_made_on(findings))


def _layer(findings: Findings, layer: str, name: str, facts: _Facts) -> geopackage.Table:
    cells = {
        column: _series(column, [row.get(column) for row in facts.rows])
        for column in _columns(name)
    }
    ending = {
        column: geopackage.series("text", [_cell(text)] * len(facts.rows))
        for column, text in _terms(findings, name).items()
    }
    frame = pd.DataFrame({**cells, **ending})
    return geopackage.Table(
        name=layer,
        frame=frame if facts.shapes is None else geopackage.placed(frame, facts.shapes),
        geometry_type="" if facts.shapes is None else _TYPES_OF_SHAPES.get(name, "Point"),
        title=wording.of_rock(_TITLES[name], findings.area.rock),
        description=terms.caveat(findings, name),
    )


def _series(column: str, values: Sequence[object]) -> pd.Series:
    """Return a column of its declared type; as text if a source has something else there."""
    kind = columns.kind_of(column)
    is_as_declared = all(value is None or _fits(kind, value) for value in values)
    # A day is text too: programs differ in which moment of it they take.
    if kind in _WRITTEN or not is_as_declared:
        return geopackage.series("text", [_cell(value) or None for value in values])
    return geopackage.series(kind, values)


def _fits(kind: str, value: object) -> bool:
    match kind:
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        case _:
            return isinstance(value, int | float)


def _about(findings: Findings) -> geopackage.Table:
    said = [
        ("title", "", f"{findings.area.name} Sinkwatch"),
        *(("caveat", "", text) for text in terms.caveats(findings, "")),
        *(("source", title, text) for title, text in terms.by_source(findings)),
    ]
    rows = [
        {"topic": topic, "item": item, "said": wording.spreadsheet_cell(wording.clean(text))}
        for topic, item, text in said
    ]
    frame = pd.DataFrame(rows, columns=["topic", "item", "said"]).astype("str")
    return geopackage.Table(name="about", frame=frame, title="what these data are, and are not")


def _made_on(findings: Findings) -> date:
    """Return the newest day on which anything in the file was had: it moves with its facts only."""
    frames = {frame for name in columns.FILES for frame in columns.frames_of(name)}
    moments = [
        state.snapshot.retrieved_at
        for state in terms.held(findings, frames)
        if state.snapshot is not None
    ]
    return wording.london_date(max(moments)) if moments else _NO_DAY


# ── Rows ─────────────────────────────────────────────────────────────────────────────────────


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


def _flagged(applications: Sequence[Row], sites: Sequence[Row]) -> list[Row]:
    watched = [{**row, "kind": PlaceKind.SITE, "key": row["site_id"]} for row in sites]
    applied = [
        {
            **row,
            "kind": PlaceKind.APPLICATION,
            "key": row["reference"],
            "name": row["address"],
        }
        for row in applications
    ]
    return [row for row in (*applied, *watched) if row["is_flagged"]]


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
    ordered = frame.sort_values(["reference", "borehole_id"], ignore_index=True)
    return [
        {**row, **_position(point), "url": public.web_link(public.text(row, "url"))}
        for row, point in zip(public.rows(ordered), public.points(ordered), strict=True)
    ]


def _zones(findings: Findings) -> _Facts:
    ordered = findings.zones.sort_values("zone_id", ignore_index=True)
    rows = [{**row, "class": _class_of(row)} for row in public.rows(ordered)]
    return _Facts(rows=rows, shapes=list(ordered.geometry))


def _rocks(findings: Findings) -> _Facts:
    frame = findings.surroundings.rocks
    if frame is None:
        return _Facts(rows=())
    own = terms.of_rows(findings, _ROCKS)
    said = {
        "licence": own["licence"],
        "attribution": own["attribution"],
        "disclaimer": terms.caveat(findings, _ROCKS),
    }
    ordered = frame.sort_values("rock_id", ignore_index=True)
    return _Facts(
        rows=[{**row, **said} for row in public.rows(ordered)],
        shapes=list(shapely.simplify(ordered.geometry.to_numpy(), ROCKS_SIMPLIFIED_M)),
    )


def _class_of(row: Row) -> str:
    return GeologyClass(int(public.number(row, "geology_class") or 0)).name
