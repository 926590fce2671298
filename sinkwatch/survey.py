"""What the sources gave, turned into everything that can be published, mailed or asked."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from sinkwatch import assess, explain, gazetteer, geocode, hazard, schemas, wording
from sinkwatch.errors import ConfigError
from sinkwatch.model import (
    FRAME_OF_KIND,
    GEOLOGY_KINDS,
    POSTCODE_KINDS,
    Area,
    Assessment,
    Findings,
    Inputs,
    Place,
    SourceSpec,
    SourceState,
    SourceStatus,
    Surroundings,
)

OUTLINES_WITHHELD: Final = (
    "The outlines of the ground's zones are licensed to this installation and are not shown; "
    "bands rest on them."
)
"""What every page and file says that has no zones for their licence's sake."""

MOST_CORNERS: Final = 200_000
"""Corners of zones that are drawn: with a country's five million, a page or the line round each
zone would take minutes and gigabytes to make, and no browser would open it."""

OUTLINES_TOO_MANY: Final = (
    "The outlines of the ground's zones are too many to draw and are not shown; bands rest on them."
)
"""What every page and file says that has no zones because they cover a country in detail."""

_AROUND: Final = frozenset(part.name for part in fields(Surroundings))
_DECIDING: Final = GEOLOGY_KINDS | POSTCODE_KINDS | {"sinkholes"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyed:
    """
    All that one run knows, in two parts.

    Attributes
    ----------
    findings
        What may be published and mailed; no restricted shape is in it.
    knowledge
        What places are asked against; it holds every shape and is handed to no renderer.
    postcodes
        Frame of `schemas.POSTCODES`, EPSG:27700: those that are published and those that somebody
        had looked up.
    """

    findings: Findings
    knowledge: explain.Knowledge
    postcodes: gpd.GeoDataFrame


def findings(area: Area, inputs: Inputs) -> Findings:
    """
    Turn what the sources gave into everything that can be published, mailed or asked.

    Parameters
    ----------
    area
        The area.
    inputs
        What the sources gave.

    Returns
    -------
    findings
        Zones that may be shown, assessments and flags.

    Raises
    ------
    ConfigError
        If a source is restricted of which sinkwatch cannot withhold the shapes.
    """
    return surveyed(area, inputs).findings


def surveyed(area: Area, inputs: Inputs) -> Surveyed:
    """
    Turn what the sources gave into findings, with what else can be asked about a place.

    Parameters
    ----------
    area
        The area.
    inputs
        What the sources gave.

    Returns
    -------
    surveyed
        Findings to hand on, and knowledge to keep.

    Raises
    ------
    ConfigError
        If a source is restricted of which sinkwatch cannot withhold the shapes.
    """
    knowledge = know(area, inputs)
    located = located_applications(area, inputs)
    applications = touch_sites(located, inputs.places)
    sites = _explained(knowledge, _watched(inputs.places))
    applied = _explained(knowledge, _mapped(applications))
    flagged = _flagged(area, sites, applied, applications)
    zones = _outlines(area, knowledge.zones)
    found = Findings(
        area=area,
        zones=zones,
        edges=hazard.edges(zones),
        sinkholes=knowledge.sinkholes,
        places=inputs.places,
        postcodes=inputs.postcodes,
        cases=inputs.cases,
        applications=applications,
        sites=sites,
        applied=applied,
        postcode_bands=assess.score(knowledge.hazard, inputs.postcodes, key="postcode"),
        flagged=flagged,
        sources=inputs.states,
        surroundings=_released(area, inputs.surroundings),
        are_zones_too_many=_are_too_many(knowledge.zones),
    )
    return Surveyed(findings=found, knowledge=knowledge, postcodes=every_postcode(inputs))


def every_postcode(inputs: Inputs) -> gpd.GeoDataFrame:
    """
    Return the postcodes of the lists, and those that somebody had looked up.

    Parameters
    ----------
    inputs
        What the sources gave.

    Returns
    -------
    postcodes
        Frame of `schemas.POSTCODES`, EPSG:27700; never to be published.
    """
    looked_up = inputs.surroundings.looked_up
    if looked_up is None:
        return inputs.postcodes
    more = looked_up[~looked_up["postcode"].isin(inputs.postcodes["postcode"])]
    both = pd.concat([inputs.postcodes, more.reindex(columns=inputs.postcodes.columns)])
    return schemas.POSTCODES.check(
        gpd.GeoDataFrame(both, geometry="geometry", crs=inputs.postcodes.crs).reset_index(drop=True)
    )


def withholds_outlines(findings: Findings) -> bool:
    """
    Tell whether the zones' outlines are kept from whoever is shown the rest.

    Parameters
    ----------
    findings
        What is to be shown.

    Returns
    -------
    is_withheld
        True if the findings hold no zones for that reason, or because they are too many to draw;
        bands rest on them all the same.
    """
    return bool(why_withheld(findings))


def why_withheld(findings: Findings) -> str:
    """
    Say why no outlines of the ground are shown although bands rest on them.

    Parameters
    ----------
    findings
        What is to be shown.

    Returns
    -------
    sentence
        Empty if they are shown, or if no geology is held.
    """
    if any(_is_withheld(state.spec) for state in findings.sources):
        return OUTLINES_WITHHELD
    return OUTLINES_TOO_MANY if findings.are_zones_too_many else ""


def _is_withheld(spec: SourceSpec) -> bool:
    return spec.is_restricted and spec.kind in GEOLOGY_KINDS


# One gate: pages, files, pictures and mails are made of findings alone, so what is not in these
# cannot leave the house by any of those ways.


def _outlines(area: Area, zones: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the zones that are shown: none where their licence or their number forbids it."""
    is_shown = not (any(map(_is_withheld, area.sources)) or _are_too_many(zones))
    return zones if is_shown else zones.iloc[:0]


def _are_too_many(zones: gpd.GeoDataFrame) -> bool:
    return int(shapely.get_num_coordinates(zones.geometry.to_numpy()).sum()) > MOST_CORNERS


def _released(area: Area, surroundings: Surroundings) -> Surroundings:
    """Leave out what is restricted; refuse what is shown point by point and cannot be left out."""
    restricted = [
        spec for spec in area.sources if spec.is_restricted and spec.kind not in GEOLOGY_KINDS
    ]
    for spec in restricted:
        if FRAME_OF_KIND[spec.kind] not in _AROUND:
            raise ConfigError(
                f"source {spec.name}",
                f"is restricted, but what a source of kind {spec.kind} gives is published "
                "place by place",
                "Leave the source out of the area file, or 'restricted' if its licence allows it",
            )
    withheld = {FRAME_OF_KIND[spec.kind] for spec in restricted} | {"looked_up"}
    return replace(surroundings, **dict.fromkeys(withheld))


def know(area: Area, inputs: Inputs) -> explain.Knowledge:
    """
    Put zones and inventory in order, with the editions that every answer names.

    Parameters
    ----------
    area
        The area.
    inputs
        What the sources gave.

    Returns
    -------
    knowledge
        For `explain.place`.
    """
    spec = next(spec for spec in area.sources if spec.kind in GEOLOGY_KINDS)
    classes = _classes(inputs.geology, spec.options.get("classes"))
    zones = hazard.zones(inputs.geology, classes)
    return explain.prepare(area, zones, inputs.sinkholes, editions(inputs.states))


def editions(states: Iterable[SourceState]) -> tuple[str, ...]:
    """
    Say which editions an assessment rests on.

    Parameters
    ----------
    states
        How each source stands.

    Returns
    -------
    editions
        A short sentence for each source that decides about the ground.
    """
    return tuple(
        f"{state.spec.title}: {edition_text(state)}."
        for state in states
        if state.spec.kind in _DECIDING and state.status is not SourceStatus.NOT_CONFIGURED
    )


def _classes(geology: gpd.GeoDataFrame, option: object) -> dict[str, str]:
    """Return the source's classes to ours: as it was read by, else as the area file says."""
    if "our_class" in geology:
        return dict(zip(geology["source_class"], geology["our_class"], strict=True))
    given = option.items() if isinstance(option, dict) else ()
    return {str(theirs): str(ours) for theirs, ours in given}


def edition_text(state: SourceState) -> str:
    """
    Say which edition of a source is in use, and how it stands.

    Parameters
    ----------
    state
        The source.

    Returns
    -------
    text
        Such as "edition of 2026-11-22".
    """
    if state.snapshot is None:
        return wording.source_text(state)
    edition = state.snapshot.edition
    retrieved = wording.date_text(wording.london_date(state.snapshot.retrieved_at))
    text = f"edition {edition}" if edition else f"retrieved {retrieved}"
    return text if state.status is SourceStatus.GOOD else f"{text} ({wording.source_text(state)})"


def located_applications(area: Area, inputs: Inputs) -> gpd.GeoDataFrame:
    """
    Place every application that can be placed.

    Parameters
    ----------
    area
        The area; it says which districts are whose.
    inputs
        What the sources gave.

    Returns
    -------
    applications
        As `geocode.applications` returns them.
    """
    geocoder = geocode.Geocoder.of(inputs, area.districts)
    return geocode.applications(
        inputs.applications, replace(geocoder, postcodes=every_postcode(inputs))
    )


def touch_sites(applications: gpd.GeoDataFrame, places: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """
    Add to each application the watched site that it touches.

    A site known as a point touches an application if the two may be the same ground: if they
    lie no further apart than their uncertainties added. An application with a boundary is
    measured from its edge.

    Parameters
    ----------
    applications
        Frame of `schemas.APPLICATIONS`, EPSG:27700.
    places
        Frame of `schemas.PLACES`, EPSG:27700.

    Returns
    -------
    applications
        New frame with `site_id`, the nearest such site; empty if there is none.
    """
    sites = places[places["is_watched"]].reset_index(drop=True)
    if sites.empty or applications.empty:
        return applications.assign(site_id=pd.Series("", index=applications.index, dtype="str"))
    rows = [row for _, row in applications.iterrows()]
    grounds = np.array(
        [gazetteer.boundary_of(row) or row["geometry"] for row in rows], dtype=object
    )
    apart_m = shapely.distance(grounds[:, None], sites.geometry.to_numpy()[None, :])
    reach_m = np.add.outer(
        np.array([gazetteer.extent_uncertainty_m(row) for row in rows]),
        sites["position_uncertainty_m"].to_numpy(),
    )
    touching = np.where(apart_m <= reach_m, apart_m, np.inf)
    nearest = np.argmin(touching, axis=1)
    found = np.isfinite(touching[np.arange(len(nearest)), nearest])
    site_ids = np.where(found, sites["place_id"].to_numpy(dtype=object)[nearest], "")
    return applications.assign(site_id=pd.Series(site_ids, index=applications.index, dtype="str"))


def _watched(places: gpd.GeoDataFrame) -> list[Place]:
    watched = places[places["is_watched"]]
    return [gazetteer.of_place(row) for _, row in watched.iterrows()]


def _mapped(applications: gpd.GeoDataFrame) -> list[Place]:
    mapped = applications[applications.geometry.notna()]
    return [gazetteer.of_application(row) for _, row in mapped.iterrows()]


def _explained(knowledge: explain.Knowledge, places: Iterable[Place]) -> tuple[Assessment, ...]:
    found = [explain.place(knowledge, place) for place in places]
    return tuple(sorted(found, key=_most_telling_first))


def _most_telling_first(assessment: Assessment) -> tuple[int, float, str]:
    distance_m = math.inf if assessment.distance_m is None else assessment.distance_m
    return (-assessment.band, distance_m, assessment.place.place_id)


def _flagged(
    area: Area,
    sites: Iterable[Assessment],
    applied: Iterable[Assessment],
    applications: gpd.GeoDataFrame,
) -> frozenset[str]:
    by_ground = {
        assessment.place.place_id
        for assessment in (*sites, *applied)
        if explain.is_flagged(assessment, area.parameters)
    }
    on_sites = applications.loc[applications["site_id"] != "", "application_key"]
    return frozenset(by_ground | set(on_sites))


def names(area: Area, inputs: Inputs) -> gazetteer.Gazetteer:
    """
    Return the names that are held for an area.

    Parameters
    ----------
    area
        The area.
    inputs
        What the sources gave.

    Returns
    -------
    gazetteer
        For `gazetteer.find`.
    """
    lists = [state for state in inputs.states if state.spec.kind in POSTCODE_KINDS]
    return gazetteer.Gazetteer(
        area=area,
        postcodes=every_postcode(inputs),
        places=inputs.places,
        applications=located_applications(area, inputs),
        postcodes_edition="; ".join(edition_text(state) for state in lists if state.snapshot),
        names=inputs.surroundings.names,
        addresses=inputs.surroundings.addresses,
    )
