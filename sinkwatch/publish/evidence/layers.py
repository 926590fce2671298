"""What of a pack can be drawn by others: each layer's rows and shapes, as published."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import shapely

from sinkwatch import public, survey, wording
from sinkwatch.errors import PlaceError
from sinkwatch.model import GeologyClass
from sinkwatch.publish.evidence import columns
from sinkwatch.publish.evidence.scene import letters

if TYPE_CHECKING:
    import numpy as np
    from shapely.geometry.base import BaseGeometry

    from sinkwatch.model import Dossier, Findings, NearbyRecord, PlanningStep
    from sinkwatch.public import Row

RING_SEGMENTS: Final = 32
"""Straight lines in a quarter of a ring: 0.3 m inside a circle of 1 km."""

CIRCLE_SEGMENTS: Final = 16
"""The same for circles of uncertainty, which nobody measures."""

_RECORDS: Final = "sinkholes"
_GROUND: Final = "geology"  # frames of the sources that records and zones come from
_DECIMALS: Final = 3  # of a metre


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """
    One row of a layer.

    Attributes
    ----------
    feature_id
        Unique in the pack.
    shape
        EPSG:27700; None for what is listed and not drawn.
    row
        The layer's columns: text, numbers and None.
    """

    feature_id: str
    shape: BaseGeometry | None
    row: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """
    One layer.

    Attributes
    ----------
    name
        One of `columns.LAYERS`.
    geometry_type
        Of all its shapes.
    features
        In their order; none if there is nothing of it near the place.
    """

    name: str
    geometry_type: str
    features: tuple[Feature, ...]


def gather(findings: Findings, dossier: Dossier, *, map_id: str) -> tuple[Layer, ...]:
    """
    Return every layer of a pack.

    Parameters
    ----------
    findings
        Of the run; zones are taken from it.
    dossier
        What is said of the place.
    map_id
        Of the pack.

    Returns
    -------
    layers
        In the order in which they are drawn; no zones if their licence forbids it.

    Raises
    ------
    PlaceError
        If the place has no position.
    """
    site = ground(dossier)
    named = letters(dossier.history)
    made = {"map_id": map_id, "made_on": dossier.made_on.isoformat()}
    features = {
        "zones": _zones(findings, dossier, site),
        "rings": _rings(dossier, site),
        "site_uncertainty": (_site_uncertainty(dossier, site),),
        "record_uncertainty": _record_uncertainty(dossier),
        "site": (_site(dossier, site, made),),
        "history": tuple(
            _step(number, step, named.get(step.key, ""))
            for number, step in enumerate(dossier.history, 1)
        ),
        "records": tuple(
            Feature(feature_id=f"record-{record.number}", shape=record.position, row=row)
            for record, row in zip(dossier.records, records(dossier, map_id=map_id), strict=True)
        ),
    }
    types = {
        "zones": "MultiPolygon",
        "site_uncertainty": "MultiPolygon",
        "rings": "MultiPolygon",
        "record_uncertainty": "Polygon",
        "site": site.geom_type,
    }
    withheld = {"zones"} if survey.withholds_outlines(findings) else set()
    return tuple(
        Layer(name=name, geometry_type=types.get(name, "Point"), features=features[name])
        for name in columns.LAYERS
        if name not in withheld
    )


def records(dossier: Dossier, *, map_id: str) -> tuple[Row, ...]:
    """
    Return the records near a place as rows of a table.

    Parameters
    ----------
    dossier
        What is said of the place.
    map_id
        Of the pack.

    Returns
    -------
    rows
        The columns of `columns.RECORDS`, nearest first.
    """
    terms = {
        "licence": _terms(dossier, _RECORDS, "licence", "; "),
        "attribution": _terms(dossier, _RECORDS, "credit", " "),
        "map_id": map_id,
        "made_on": dossier.made_on.isoformat(),
    }
    return tuple(_clean({**_record(record), **terms}) for record in dossier.records)


def ground(dossier: Dossier) -> BaseGeometry:
    """
    Return what is known of the ground that a place takes up.

    Parameters
    ----------
    dossier
        What is said of it.

    Returns
    -------
    ground
        Its boundary, or its point, EPSG:27700.

    Raises
    ------
    PlaceError
        If it has no position.
    """
    place = dossier.place
    if place.geometry is not None:
        return place.geometry
    if place.easting is None or place.northing is None:
        raise PlaceError(
            place.label, f"has no position ({place.basis})", "Give its boundary as a file"
        )
    return shapely.Point(place.easting, place.northing)


# ── The place ────────────────────────────────────────────────────────────────────────────────


def _site(dossier: Dossier, site: BaseGeometry, made: Row) -> Feature:
    row = {
        "place_id": dossier.place.place_id,
        "title": dossier.title,
        "reference": dossier.reference,
        "authority": dossier.authority,
        "address": dossier.address,
        "description": dossier.description,
        "grid_reference": dossier.grid_reference,
        "position_uncertainty_m": math.ceil(dossier.place.position_uncertainty_m),
        "position_basis": dossier.place.basis,
        "band": dossier.assessment.band.key,
        "band_label": dossier.style.label,
        "headline": dossier.headline,
        **made,
    }
    return Feature(feature_id="site", shape=_rounded(site), row=_clean(row))


def _site_uncertainty(dossier: Dossier, site: BaseGeometry) -> Feature:
    uncertainty_m = math.ceil(dossier.place.position_uncertainty_m)
    row = {"place_id": dossier.place.place_id, "position_uncertainty_m": uncertainty_m}
    shape = _surfaces(shapely.buffer(site, uncertainty_m, quad_segs=CIRCLE_SEGMENTS))
    return Feature(feature_id="site-uncertainty", shape=_rounded(shape), row=_clean(row))


def _rings(dossier: Dossier, site: BaseGeometry) -> tuple[Feature, ...]:
    return tuple(
        Feature(
            feature_id=f"ring-{radius_m:g}",
            shape=_rounded(_surfaces(shapely.buffer(site, radius_m, quad_segs=RING_SEGMENTS))),
            row={"radius_m": radius_m},
        )
        for radius_m in sorted(dossier.rings_m, reverse=True)
    )


def _zones(findings: Findings, dossier: Dossier, site: BaseGeometry) -> tuple[Feature, ...]:
    """Return the zones round a place, cut off beyond all that the pack speaks of."""
    west, south, east, north = shapely.bounds(site)
    reach_m = dossier.records_within_m + max(dossier.rings_m, default=0.0)
    window = shapely.box(west - reach_m, south - reach_m, east + reach_m, north + reach_m)
    near = findings.zones[findings.zones.geometry.intersects(window)]
    ordered = near.sort_values("zone_id", ignore_index=True)
    return tuple(
        Feature(
            feature_id=public.anchor("zone", public.text(row, "zone_id")),
            shape=_rounded(_surfaces(shapely.intersection(shape, window))),
            row=_zone(dossier, row, is_cut=not shape.within(window)),
        )
        for row, shape in zip(public.rows(ordered), ordered.geometry, strict=True)
    )


def _zone(dossier: Dossier, row: Row, *, is_cut: bool) -> Row:
    known = {
        **row,
        "class": GeologyClass(int(public.number(row, "geology_class") or 0)).name,
        "attribution": row.get("attribution") or _terms(dossier, _GROUND, "credit", " "),
        "disclaimer": row.get("disclaimer") or dossier.disclaimer,
        "is_cut": is_cut,
    }
    return _clean({column: known.get(column) for column in columns.ZONES})


def _terms(dossier: Dossier, frame: str, column: str, between: str) -> str:
    """Return licences or credits of one sort of data, for files that may be passed on alone."""
    held = [source for source in dossier.sources if source.frame == frame and source.sha256]
    named = (str(getattr(source, column)) for source in held)
    return between.join(dict.fromkeys(text for text in named if text))


# ── Records and history ──────────────────────────────────────────────────────────────────────


def _record(record: NearbyRecord) -> dict[str, object]:
    position, shown_m = record.position, record.shown_uncertainty_m
    return {
        "number": record.number,
        "sinkhole_id": record.sinkhole_id,
        "name": record.name,
        "kind": record.kind,
        "evidence": str(record.evidence),
        "evidence_note": record.evidence_note,
        "date_text": record.date_text,
        "size_text": record.size_text,
        "distance_text": record.about,
        "distance_m": _number(wording.distance_text(record.distance_m)),
        "uncertainty_m": _number(wording.plus_minus(record.uncertainty_m)),
        "bearing_text": record.bearing_text,
        "counts_text": record.counts_text,
        "doubts": record.doubts,
        "easting": None if position is None else position.x,
        "northing": None if position is None else position.y,
        "grid_reference": record.grid_reference,
        "shown_uncertainty_m": None if shown_m is None else math.ceil(shown_m),
        "radius_m": round(record.radius_m, 1),
        "source_title": record.source_title,
        "source_url": public.web_link(record.source_url),
    }


def _number(text: str) -> int:
    """
    Return the metres that a distance in words names.

    A finer number would contradict the words, and several of them would give away the position
    that was rounded.
    """
    return 0 if text.startswith("under") else int("".join(filter(str.isdigit, text)))


def _record_uncertainty(dossier: Dossier) -> tuple[Feature, ...]:
    return tuple(
        Feature(
            feature_id=f"record-uncertainty-{record.number}",
            shape=_rounded(shapely.buffer(record.position, shown_m, quad_segs=CIRCLE_SEGMENTS)),
            row=_clean(
                {
                    "number": record.number,
                    "sinkhole_id": record.sinkhole_id,
                    "shown_uncertainty_m": math.ceil(shown_m),
                }
            ),
        )
        for record in dossier.records
        if record.position is not None and (shown_m := record.shown_uncertainty_m) is not None
    )


def _step(number: int, step: PlanningStep, letter: str) -> Feature:
    row = {
        "letter": letter,
        "key": step.key,
        "date_text": step.date_text,
        "title": step.title,
        "reference": step.reference,
        "outcome": step.outcome,
        "where_text": step.where,
        "ground": step.ground,
        "doubts": step.doubts,
        "source_title": step.source_title,
        "source_url": public.web_link(step.source_url),
    }
    return Feature(feature_id=f"history-{number}", shape=step.position, row=_clean(row))


# ── Values ───────────────────────────────────────────────────────────────────────────────────


def _clean(row: Mapping[str, object]) -> Row:
    return {
        column: wording.clean(value) if isinstance(value, str) else value
        for column, value in row.items()
    }


def _surfaces(shape: BaseGeometry) -> shapely.MultiPolygon:
    """Return the areas of a shape; what only touches a window leaves lines and points as well."""
    parts = shapely.get_parts(shape)
    return shapely.MultiPolygon([part for part in parts if isinstance(part, shapely.Polygon)])


def _rounded(shape: BaseGeometry) -> BaseGeometry:
    def to_millimetres(coordinates: np.ndarray) -> np.ndarray:
        return coordinates.round(_DECIMALS)

    flat: BaseGeometry = shapely.transform(shapely.force_2d(shape), to_millimetres)
    return shapely.orient_polygons(flat)
