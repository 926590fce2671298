"""Why a place has its band: the reasons, in the sentences that every output repeats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypedDict

import numpy as np
import shapely

from sinkwatch import assess, geo, sites, wording
from sinkwatch.model import Assessment, Band, GeologyClass, PlaceKind, Reason, SinkholeId

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import geopandas as gpd
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from sinkwatch.model import Area, BandStyle, Parameters, Place

_NEAREST: Final = "Nearest record that counts"
_DECIDES: Final = "Record that decides"
_LISTED: Final = "Nearest record"

_Row = Mapping[str, Any]
"""Column to value; the columns are those of `schemas`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """
    What is known of an area, ready to be asked about one place after another.

    Attributes
    ----------
    area
        The area.
    hazard
        Zones and records as arrays.
    zones, sinkholes
        The frames they came from, in the order of the arrays, EPSG:27700.
    zone_rows, records
        The rows of these two: a frame takes a thousand times as long to give one of its own.
    editions
        What was used, a short sentence for each source.
    """

    area: Area
    hazard: assess.Hazard
    zones: gpd.GeoDataFrame
    sinkholes: gpd.GeoDataFrame
    zone_rows: tuple[_Row, ...]
    records: tuple[_Row, ...]
    editions: tuple[str, ...]


def prepare(
    area: Area,
    zones: gpd.GeoDataFrame,
    sinkholes: gpd.GeoDataFrame,
    editions: Iterable[str] = (),
) -> Knowledge:
    """
    Put zones and inventory in order once, so that places can be explained one by one.

    Parameters
    ----------
    area
        The area.
    zones
        Frame of `schemas.ZONES`, EPSG:27700.
    sinkholes
        Frame of `schemas.SINKHOLES`, EPSG:27700.
    editions
        What was used, a short sentence for each source.

    Returns
    -------
    knowledge
        For `place`.
    """
    ordered_zones = zones.sort_values("zone_id", ignore_index=True)
    ordered_sinkholes = sinkholes.sort_values("sinkhole_id", ignore_index=True)
    return Knowledge(
        area=area,
        hazard=assess.prepare(zones, sinkholes, area.parameters),
        zones=ordered_zones,
        sinkholes=ordered_sinkholes,
        zone_rows=_rows(ordered_zones),
        records=_rows(ordered_sinkholes),
        editions=tuple(editions),
    )


def _rows(frame: gpd.GeoDataFrame) -> tuple[_Row, ...]:
    names = [str(name) for name in frame.columns]
    values = zip(*(frame[name].tolist() for name in names), strict=True)
    return tuple(dict(zip(names, row, strict=True)) for row in values)


def place(knowledge: Knowledge, place: Place) -> Assessment:
    """
    Assess one place and give every reason.

    Parameters
    ----------
    knowledge
        What `prepare` returns.
    place
        A point with its uncertainty, or a boundary; a place without a position is not assessed.

    Returns
    -------
    assessment
        With reasons: ground, boundary, records that count, records left out and why, the number
        of recorded features, disagreement, how the position is known, and editions.
    """
    if place.easting is None or place.northing is None:
        return _without_position(knowledge, place)
    found = (
        _of_point(knowledge, place, place.easting, place.northing)
        if place.geometry is None
        else _of_polygon(knowledge, place, place.geometry)
    )
    reasons = (
        *_ground_reasons(knowledge, found),
        *_record_reasons(knowledge, found),
        *_conflict_reasons(knowledge, found),
        _position_reason(place),
        *_edition_reasons(knowledge),
    )
    return replace(found.assessment, reasons=reasons)


def is_flagged(assessment: Assessment, parameters: Parameters) -> bool:
    """
    Tell whether a place is flagged: band High or above, or close to a counted record.

    Parameters
    ----------
    assessment
        The assessment.
    parameters
        With the distance that is close.

    Returns
    -------
    flagged
        True if it is.
    """
    near = assessment.distance_m is not None and assessment.distance_m <= parameters.flag_within_m
    return assessment.band >= Band.HIGH or near


def headline(assessment: Assessment, styles: Mapping[Band, BandStyle]) -> str:
    """
    Say the band and what decided it in one sentence.

    Parameters
    ----------
    assessment
        With reasons.
    styles
        Label of each band.

    Returns
    -------
    sentence
        The band's label, the ground, and the record that decides, if there is one, with its date
        and distance.
    """
    label = styles[assessment.band].label
    ground = next(reason.text for reason in assessment.reasons if reason.code == "ground")
    deciding = next((r for r in assessment.reasons if r.facts.get("decides")), None)
    if deciding is None:
        return f"{label}: {ground}"
    facts = deciding.facts
    listed = _LISTED if assessment.band is Band.NOT_ASSESSED else _decided_by(assessment, facts)
    day = str(facts["date"]).replace(" (", ", ").replace(")", "")  # it stands in brackets already
    return f"{label}: {ground} {listed}: {facts['name']} ({day}), {facts['about']}."


def _decided_by(assessment: Assessment, deciding: Mapping[str, Any]) -> str:
    """Call the record that decides the nearest only if it is: a possible one counts further out."""
    counted = [reason.facts for reason in assessment.reasons if reason.code == "sinkhole"]
    is_nearest = all(_metres(deciding) <= _metres(facts) for facts in counted)
    return _NEAREST if is_nearest else _DECIDES


def _metres(facts: Mapping[str, Any]) -> float:
    return float(facts["distance_m"])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    assessment: Assessment
    zone: int
    boundary_m: float
    boundary_uncertainty_m: float
    distance_m: NDArray[np.float64]
    uncertainty_m: NDArray[np.float64]
    ring: NDArray[np.int64]


def _without_position(knowledge: Knowledge, place: Place) -> Assessment:
    # An application that nobody could map is not known to lie elsewhere.
    where = (
        f"The position of {place.label} is not known ({place.basis})"
        if place.kind is PlaceKind.APPLICATION
        else f"{place.label} lies outside the ground that sinkwatch holds for {knowledge.area.name}"
    )
    ground = Reason(code="ground", text=f"{where}, so nothing can be said either way.")
    return Assessment(
        place=place,
        band=Band.NOT_ASSESSED,
        geology=GeologyClass.OUTSIDE,
        scored_as=GeologyClass.OUTSIDE,
        sinkhole_id=None,
        distance_m=None,
        distance_uncertainty_m=None,
        n_features=0,
        check_record=False,
        reasons=(ground, *_edition_reasons(knowledge)),
    )


def _of_point(knowledge: Knowledge, place: Place, easting: float, northing: float) -> _Found:
    hazard = knowledge.hazard
    assessed = assess.points(
        hazard,
        np.array([easting]),
        np.array([northing]),
        np.array([place.position_uncertainty_m]),
    )
    ground = assess.ground(hazard, np.array([easting]), np.array([northing]))
    sinkhole = int(assessed.sinkhole[0])
    decides = sinkhole != assess.NONE
    centre_m = np.hypot(hazard.easting - easting, hazard.northing - northing)
    assessment = Assessment(
        place=place,
        band=Band(int(assessed.band[0])),
        geology=GeologyClass(int(assessed.geology[0])),
        scored_as=GeologyClass(int(assessed.scored_as[0])),
        sinkhole_id=SinkholeId(hazard.sinkhole_ids[sinkhole]) if decides else None,
        distance_m=float(assessed.distance_m[0]) if decides else None,
        distance_uncertainty_m=float(assessed.uncertainty_m[0]) if decides else None,
        n_features=int(assessed.n_features[0]),
        check_record=bool(assessed.check_record[0]),
    )
    return _Found(
        assessment=assessment,
        zone=int(ground.zone[0]),
        boundary_m=float(ground.boundary_m[0]),
        boundary_uncertainty_m=float(ground.boundary_uncertainty_m[0]),
        **_to_every_record(hazard, centre_m, place.position_uncertainty_m),
    )


def _of_polygon(knowledge: Knowledge, place: Place, boundary: BaseGeometry) -> _Found:
    hazard = knowledge.hazard
    assessed = sites.assess_polygon(hazard, boundary, place.position_uncertainty_m)
    decides = assessed.sinkhole != assess.NONE
    centre_m = np.asarray(shapely.distance(boundary, hazard.centres), dtype=np.float64)
    assessment = Assessment(
        place=place,
        band=assessed.band,
        geology=assessed.geology,
        scored_as=assessed.scored_as,
        sinkhole_id=SinkholeId(hazard.sinkhole_ids[assessed.sinkhole]) if decides else None,
        distance_m=assessed.distance_m if decides else None,
        distance_uncertainty_m=assessed.uncertainty_m if decides else None,
        n_features=assessed.n_features,
        check_record=assessed.check_record,
        shares=assessed.shares,
    )
    return _Found(
        assessment=assessment,
        zone=assessed.zone,
        boundary_m=assessed.boundary_m,
        boundary_uncertainty_m=assessed.boundary_uncertainty_m,
        **_to_every_record(hazard, centre_m, place.position_uncertainty_m),
    )


class _Records(TypedDict):
    distance_m: NDArray[np.float64]
    uncertainty_m: NDArray[np.float64]
    ring: NDArray[np.int64]


def _to_every_record(
    hazard: assess.Hazard, centre_m: NDArray[np.float64], place_uncertainty_m: float
) -> _Records:
    distance_m = assess.edge_distance_m(centre_m, hazard.radius_m)
    uncertainty_m = assess.combined_uncertainty_m(hazard.uncertainty_m, place_uncertainty_m)
    ring = assess.ring_of(hazard, distance_m, uncertainty_m, np.arange(len(centre_m)))
    return {"distance_m": distance_m, "uncertainty_m": uncertainty_m, "ring": ring}


def _ground_reasons(knowledge: Knowledge, found: _Found) -> Iterator[Reason]:
    yield _ground_reason(knowledge, found)
    if np.isfinite(found.boundary_m):
        yield _boundary_reason(found)
    if found.assessment.shares:
        yield _shares_reason(knowledge, found.assessment.shares)


def _ground_reason(knowledge: Knowledge, found: _Found) -> Reason:
    if found.zone == assess.NONE:
        return Reason(
            code="ground",
            text=f"Outside the geology that sinkwatch holds for {knowledge.area.name}, "
            "so nothing can be said either way.",
        )
    zone = knowledge.zone_rows[found.zone]
    uncertainty_m = float(zone["position_uncertainty_m"])
    scored_as = found.assessment.scored_as
    called = "Class" if scored_as is found.assessment.geology else "Scored as class"
    return Reason(
        code="ground",
        text=f"{called} {scored_as.name}, {knowledge.area.class_notes[scored_as]} "
        f"(edge drawn to {wording.plus_minus(uncertainty_m)}).",
        facts={
            "class": scored_as.name,
            "zone_id": zone["zone_id"],
            "title": zone["title"],
            "position_uncertainty_m": uncertainty_m,
        },
    )


def _boundary_reason(found: _Found) -> Reason:
    geology, scored_as = found.assessment.geology.name, found.assessment.scored_as.name
    return Reason(
        code="boundary",
        text=f"{geology}/{scored_as} boundary: the place lies on class {geology} ground, but the "
        f"line is {wording.about(found.boundary_m, found.boundary_uncertainty_m)} away, closer "
        f"than it is known; scored as class {scored_as}.",
        facts={
            "distance_m": round(found.boundary_m, 2),
            "uncertainty_m": round(found.boundary_uncertainty_m, 2),
        },
    )


def _shares_reason(knowledge: Knowledge, shares: Mapping[Band, float]) -> Reason:
    styles = knowledge.area.parameters.table.styles
    listed = ", ".join(
        f"{wording.share_text(share)} {styles[band].label.lower()}"
        for band, share in shares.items()
    )
    return Reason(
        code="shares",
        text=f"A site has the highest band that any of its ground has. Share in each: {listed}.",
        facts={band.key: round(share, 4) for band, share in shares.items()},
    )


def _record_reasons(knowledge: Knowledge, found: _Found) -> Iterator[Reason]:
    hazard = knowledge.hazard
    order = np.lexsort((np.arange(len(found.distance_m)), found.distance_m, found.ring))
    counted = [int(i) for i in order if found.ring[i] < hazard.n_rings]
    last_ring = f"{hazard.rings_m[-1]:g} m"
    for index in counted:
        yield _counted_reason(knowledge, found, index)
    if not counted:
        yield Reason(
            code="no_record", text=f"Within {last_ring}: {wording.NO_RECORDS} that count here."
        )
    features = wording.count_text(found.assessment.n_features, "distinct recorded feature")
    yield Reason(
        code="density",
        text=f"{features} within {last_ring}. "
        "The number is not scored: records follow where people look.",
        facts={"n_features": found.assessment.n_features},
    )
    left_out = sorted(set(range(len(found.ring))) - set(counted), key=lambda i: found.distance_m[i])
    for index in left_out:
        why = _why_left_out(knowledge, found, index)
        if why:
            yield _left_out_reason(knowledge, found, index, why)


def _counted_reason(knowledge: Knowledge, found: _Found, index: int) -> Reason:
    rings_m = knowledge.hazard.rings_m
    row = knowledge.records[index]
    distance_m, uncertainty_m = float(found.distance_m[index]), float(found.uncertainty_m[index])
    ring_m = float(rings_m[found.ring[index]])
    assessment = found.assessment
    facts = {
        **_record_facts(row, distance_m, uncertainty_m),
        "ring_m": ring_m,
        "decides": assessment.sinkhole_id == row["sinkhole_id"],
    }
    scored = "counts in" if found.zone != assess.NONE else "listed, not scored, in"
    text = (
        f"{row['name']}, {row['date_text']} ({row['evidence']}): {facts['about']}"
        f"{_direction(assessment.place, row, uncertainty_m)}; {scored} the {ring_m:g} m ring"
        f"{_doubt_about_ring(rings_m, distance_m, uncertainty_m)}. Source: {row['source_title']}."
    )
    return Reason(code="sinkhole", text=text, facts=facts)


def _left_out_reason(knowledge: Knowledge, found: _Found, index: int, why: str) -> Reason:
    row = knowledge.records[index]
    distance_m, uncertainty_m = float(found.distance_m[index]), float(found.uncertainty_m[index])
    facts = {**_record_facts(row, distance_m, uncertainty_m), "why": why}
    return Reason(
        code="left_out",
        text=f"Left out: {row['name']}, {row['date_text']}. {why[0].upper()}{why[1:]}. "
        f"Source: {row['source_title']}.",
        facts=facts,
    )


def _record_facts(row: _Row, distance_m: float, uncertainty_m: float) -> dict[str, object]:
    return {
        "sinkhole_id": row["sinkhole_id"],
        "name": row["name"],
        "date": row["date_text"],
        "evidence": row["evidence"],
        "distance_m": round(distance_m, 2),
        "uncertainty_m": round(uncertainty_m, 2),
        "about": wording.about(distance_m, uncertainty_m),
        "source_title": row["source_title"],
        "source_url": row["source_url"] if isinstance(row["source_url"], str) else "",
    }


def _direction(place: Place, row: _Row, uncertainty_m: float) -> str:
    if place.geometry is not None or place.easting is None or place.northing is None:
        return ""
    centre = row["geometry"]
    # Nearer than its uncertainty, a record may lie on any side.
    if np.hypot(centre.x - place.easting, centre.y - place.northing) <= uncertainty_m:
        return ""
    towards = geo.compass_point(place.easting, place.northing, centre.x, centre.y)
    return f" to the {towards}"


def _doubt_about_ring(rings_m: NDArray[np.float64], distance_m: float, uncertainty_m: float) -> str:
    nearest = np.searchsorted(rings_m, max(0.0, distance_m - uncertainty_m), side="left")
    furthest = np.searchsorted(rings_m, distance_m + uncertainty_m, side="left")
    if nearest == furthest:
        return ""
    near = f"within {rings_m[nearest]:g} m"
    beyond = furthest == len(rings_m)
    far = f"more than {rings_m[-1]:g} m away" if beyond else f"as far as {rings_m[furthest]:g} m"
    return f", though it may have been {near} or {far}"


def _why_left_out(knowledge: Knowledge, found: _Found, index: int) -> str:
    """Return why a record that may lie within the last ring does not count; empty if it is far."""
    distance_m, uncertainty_m = float(found.distance_m[index]), float(found.uncertainty_m[index])
    last_m = float(knowledge.hazard.rings_m[-1])
    if distance_m - uncertainty_m > last_m:
        return ""
    row = knowledge.records[index]
    if not knowledge.hazard.counts[index]:
        reason = row["evidence_reason"] if row["counts"] else row["counts_reason"]
        return str(reason).rstrip(".")
    if uncertainty_m > last_m:
        within = wording.distance_text(distance_m + uncertainty_m)
        return (
            f"somewhere within about {within}, known only to {wording.plus_minus(uncertainty_m)}, "
            f"wider than the {last_m:g} m ring"
        )
    about = wording.about(distance_m, uncertainty_m)
    if distance_m <= last_m:
        return (
            f"{about}, but only a possible record, which counts one ring further out, "
            f"beyond {last_m:g} m"
        )
    return f"{about}, beyond the {last_m:g} m ring"


def _conflict_reasons(knowledge: Knowledge, found: _Found) -> Iterator[Reason]:
    if found.assessment.check_record:
        note = knowledge.area.class_notes[found.assessment.scored_as]
        yield Reason(
            code="conflict",
            text=f"Check the record: it does not fit this ground ({note}). The line, the record's "
            "place or what it is put down to may be wrong.",
        )


def _position_reason(place: Place) -> Reason:
    return Reason(
        code="position",
        text=f"Position of {place.label}: {place.basis} "
        f"({wording.plus_minus(place.position_uncertainty_m)}).",
        facts={"position_uncertainty_m": place.position_uncertainty_m},
    )


def _edition_reasons(knowledge: Knowledge) -> Iterator[Reason]:
    for edition in knowledge.editions:
        yield Reason(code="edition", text=edition)
