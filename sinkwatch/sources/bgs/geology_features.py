"""Polygons of susceptible ground, from a council's or operator's own OGC API Features server."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import shapely

from sinkwatch import wording
from sinkwatch.errors import ConfigError
from sinkwatch.sources import snapshots
from sinkwatch.sources.bgs import ogc_features
from sinkwatch.sources.bgs.ogc_box import box_round
from sinkwatch.sources.bgs.ogc_page import Feature, Question, refuse_too_many
from sinkwatch.sources.geology import load

if TYPE_CHECKING:
    from sinkwatch.model import Snapshot, SourceSpec
    from sinkwatch.sources.errand import Errand
    from sinkwatch.sources.outside.politeness import HostRule

__all__ = ["fetch", "host_rules", "load"]

SHAPES: Final = frozenset({"Polygon", "MultiPolygon"})
"""What a zone may be."""

MARGIN_M: Final = 3_000.0
"""How far round the area is asked for, metres: further than `load` keeps zones, so that each
edge of the area is drawn from all that lies there."""


def host_rules(spec: SourceSpec) -> dict[str, HostRule]:
    """
    Return the servers that a source asks, and how each may be asked.

    Parameters
    ----------
    spec
        The source; its option ``base_url`` names the server.

    Returns
    -------
    rules
        By server.
    """
    return ogc_features.host_rules(ogc_features.base_url(spec))


def fetch(spec: SourceSpec, errand: Errand) -> Snapshot:
    """
    Ask for every zone that meets the area, whole: where one is cut off, it would seem to end.

    Parameters
    ----------
    spec
        The source; its options ``base_url`` and ``collection`` say what is asked.
    errand
        With the way out.

    Returns
    -------
    snapshot
        GeoJSON, longitude and latitude, as `load` reads it; as old as its oldest page.

    Raises
    ------
    SourceError
        If it cannot be asked, or the answer is not whole or empty.
    SchemaError
        If the answer is not as documented, or too much of it is wrong.
    ConfigError
        If an option is missing or wrong.
    """
    base_url = ogc_features.base_url(spec)
    wanted = _wanted(spec)
    service = ogc_features.service(spec, errand, base_url)
    with service.trusted():
        collection = service.collection(wanted)
        question = Question(
            collection=collection, box=box_round(errand.area.bounds, MARGIN_M), shapes=SHAPES
        )
        pages = [*service.pages(question)]
        faults = [fault for page in pages for fault in page.faults]
        n_rows = sum(page.n_rows for page in pages)
        refuse_too_many(faults, n_rows=n_rows, name=f"{spec.name} ({collection})")
        features = [feature for page in pages for feature in page.features]
        if not features:
            raise service.refusal(f"{collection} holds no zone that meets the area")
    url = f"{base_url}/collections/{collection}"
    asked_at = min(page.asked_at for page in pages)
    snapshot = snapshots.answered(spec, errand, _dumped(features), ".geojson", url=url)
    return replace(snapshot, retrieved_at=asked_at, checked_at=asked_at)


def _wanted(spec: SourceSpec) -> str:
    collection = spec.options.get("collection")
    if not isinstance(collection, str) or not collection:
        raise ConfigError(
            f"source {spec.name}",
            f'its collection "{collection}" is no name',
            "Write the id of the collection of zones in the area file",
        )
    return collection


def _dumped(features: list[Feature]) -> bytes:
    """Write zones, equal zones as equal bytes, with everything that is said of them."""
    lines = [
        json.dumps(
            {
                "type": "Feature",
                "id": feature.feature_id,
                "properties": {name: _clean(value) for name, value in feature.properties.items()},
                "geometry": shapely.geometry.mapping(feature.geometry),
            },
            ensure_ascii=False,
            allow_nan=False,
            sort_keys=True,
        )
        for feature in sorted(features, key=lambda feature: feature.feature_id)
    ]
    body = ",\n".join(lines)
    return f'{{"type": "FeatureCollection", "features": [\n{body}\n]}}\n'.encode()


def _clean(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    return wording.clean(value) if isinstance(value, str) else value
