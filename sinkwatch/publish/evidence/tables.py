"""A pack's facts as files: a table that no spreadsheet calculates, GeoJSON and a GeoPackage."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Final

from sinkwatch import geo, public, survey, wording
from sinkwatch.publish import geojson
from sinkwatch.publish.evidence import columns, geopackage, layers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sinkwatch.model import Dossier, Findings, SourceLine
    from sinkwatch.public import Row
    from sinkwatch.publish.evidence.layers import Layer

TABLE: Final = "evidence.csv"
GEOJSON: Final = "evidence.geojson"
GEOPACKAGE: Final = "evidence.gpkg"

_POSITIONS: Final = (
    f"Positions of records and past decisions are rounded to {public.ROUNDED_TO_M} m. Distances "
    "were measured before that: measured in these files they may differ by up to "
    f"{public.ROUNDING_ERROR_M:.0f} m."
)
_NOT_A_SURVEY: Final = "Not a location plan, not a survey."


def build(findings: Findings, dossier: Dossier, *, map_id: str, version: str) -> dict[str, bytes]:
    """
    Write the data files of a pack.

    Parameters
    ----------
    findings
        Of the run; zones are taken from it.
    dossier
        What is said of the place.
    map_id
        Of the pack, such as "SW-3F9A21C0".
    version
        Of sinkwatch.

    Returns
    -------
    files
        Name to bytes: evidence.csv, evidence.geojson and evidence.gpkg; the same for the same
        dossier, findings, map id and version.

    Raises
    ------
    PlaceError
        If the place has no position.
    StoreError
        If the folder for temporary files cannot be written to.
    """
    drawn = layers.gather(findings, dossier, map_id=map_id)
    pack = _pack(findings, dossier, map_id=map_id, version=version)
    return {
        TABLE: _table(layers.records(dossier, map_id=map_id)),
        GEOJSON: _geojson(drawn, {**pack, "crs": _crs(geo.WGS84)}, dossier.sources),
        GEOPACKAGE: geopackage.dumped(
            drawn,
            list(_about(drawn, {**pack, "crs": _crs(geo.BNG)}, dossier.sources)),
            made_on=dossier.made_on,
        ),
    }


# ── What is said of the files ────────────────────────────────────────────────────────────────


def _pack(findings: Findings, dossier: Dossier, *, map_id: str, version: str) -> dict[str, str]:
    said = {
        "title": dossier.title,
        "place": dossier.place.label,
        "map_id": map_id,
        "made_on": dossier.made_on.isoformat(),
        "program": f"sinkwatch {version}",
        "area": dossier.area_name,
        "headline": dossier.headline,
        "purpose": _NOT_A_SURVEY,
        "positions": _POSITIONS,
        "disclaimer": dossier.disclaimer,
        "limits": dossier.limits,
    }
    if why := survey.why_withheld(findings):
        said["zones"] = why
    return {item: wording.clean(text) for item, text in said.items()}


def _crs(code: str) -> str:
    names = {geo.BNG: "British National Grid, metres", geo.WGS84: "longitude and latitude, degrees"}
    return f"{code} ({names[code]})"


def _about(
    drawn: Sequence[Layer], pack: dict[str, str], lines: Sequence[SourceLine]
) -> Iterator[Row]:
    for item, text in pack.items():
        yield {"topic": "pack", "item": item, "said": text}
    for line in lines:
        source = _source(line)
        said = "; ".join(f"{name}: {text}" for name, text in source.items() if text)
        yield {"topic": "source", "item": wording.clean(line.name), "said": said}
    for layer in drawn:
        for column, meaning in columns.LAYERS[layer.name].items():
            yield {"topic": "column", "item": f"{layer.name}.{column}", "said": meaning}


def _source(line: SourceLine) -> dict[str, str]:
    said = {
        "title": line.title,
        "edition": line.edition,
        "licence": line.licence,
        "credit": line.credit,
        "retrieved": line.retrieved_text,
        "standing": line.standing,
        "sha256": line.sha256,
        "url": public.web_link(line.url),
    }
    return {name: wording.clean(text) for name, text in said.items()}


# ── Files ────────────────────────────────────────────────────────────────────────────────────


def _table(rows: Sequence[Row]) -> bytes:
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(columns.RECORDS)
    for row in rows:
        writer.writerow(_cell(row[column]) for column in columns.RECORDS)
    return target.getvalue().encode()


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case int() | float():
            return f"{value:.10g}"
        case _:
            return wording.spreadsheet_cell(str(value))


def _geojson(drawn: Sequence[Layer], pack: dict[str, str], lines: Sequence[SourceLine]) -> bytes:
    about = {
        **pack,
        "sources": [_source(line) for line in lines],
        "layers": {_one(layer): len(layer.features) for layer in drawn},
        "dictionary": {_one(layer): columns.LAYERS[layer.name] for layer in drawn},
    }
    features = [
        geojson.feature(feature.feature_id, feature.shape, {"layer": _one(layer), **feature.row})
        for layer in drawn
        for feature in layer.features
    ]
    each = ",\n".join(_dumps(feature) for feature in features)
    return (
        f'{{"type":"FeatureCollection","about":{_dumps(about)},"features":[\n{each}\n]}}\n'
    ).encode()


def _one(layer: Layer) -> str:
    return columns.SINGULAR.get(layer.name, layer.name)


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
