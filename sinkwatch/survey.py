"""What the sources gave, turned into everything that can be published, mailed or asked."""

from __future__ import annotations

import math
from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from sinkwatch import assess, explain, gazetteer, geo, hazard, wording
from sinkwatch.model import (
    Area,
    Assessment,
    Findings,
    Inputs,
    Place,
    SourceState,
    SourceStatus,
)


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
        Zones, assessments and flags.
    """
    knowledge = know(area, inputs)
    located = locate(inputs.applications, inputs.postcodes)
    applications = touch_sites(located, inputs.places)
    sites = _explained(knowledge, _watched(inputs.places))
    applied = _explained(knowledge, _mapped(applications))
    flagged = _flagged(area, sites, applied, applications)
    return Findings(
        area=area,
        zones=knowledge.zones,
        edges=hazard.edges(knowledge.zones),
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
    )


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
    spec = next(spec for spec in area.sources if spec.kind == "geology")
    zones = hazard.zones(inputs.geology, _classes(spec.options.get("classes")))
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
        if state.spec.kind in ("geology", "sinkholes", "postcodes")
    )


def _classes(option: object) -> dict[str, str]:
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


def locate(applications: gpd.GeoDataFrame, postcodes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """
    Place applications that give no point by their postcode, or by one in their address.

    Parameters
    ----------
    applications
        Frame of `schemas.APPLICATIONS` with a `postcode` column, EPSG:27700.
    postcodes
        Frame of `schemas.POSTCODES`, EPSG:27700.

    Returns
    -------
    applications
        New frame, same rows; what still has no position says so in `position_basis`.
    """
    centres = postcodes.set_index("postcode")
    wanted = pd.Series(
        [
            gazetteer.normalised_postcode(given) if isinstance(given, str) else found
            for given, found in zip(
                applications["postcode"],
                applications["address"].map(gazetteer.postcode_in, na_action="ignore"),
                strict=True,
            )
        ],
        index=applications.index,
        dtype="str",
    )
    by_postcode = applications.geometry.isna() & wanted.isin(centres.index)
    placed = centres.reindex(wanted[by_postcode])
    located = applications.copy()
    shapes = located.geometry.to_numpy().copy()
    shapes[by_postcode.to_numpy()] = placed.geometry.to_numpy()
    located = located.set_geometry(gpd.GeoSeries(shapes, index=located.index, crs=geo.BNG))
    uncertainty_m = located["position_uncertainty_m"].to_numpy(copy=True)
    uncertainty_m[by_postcode.to_numpy()] = placed["position_uncertainty_m"].to_numpy()
    located["position_uncertainty_m"] = uncertainty_m
    located.loc[by_postcode, "position_basis"] = "centre of the postcode " + wanted[by_postcode]
    return located


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
    postcodes = next(state for state in inputs.states if state.spec.kind == "postcodes")
    return gazetteer.Gazetteer(
        area=area,
        postcodes=inputs.postcodes,
        places=inputs.places,
        applications=locate(inputs.applications, inputs.postcodes),
        postcodes_edition=edition_text(postcodes),
    )
