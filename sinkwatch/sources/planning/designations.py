"""Planning designations of the area, from planning.data.gov.uk; they say nothing of the ground."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import pandas as pd

from sinkwatch import geo, schemas, wording
from sinkwatch.errors import ConfigError, SourceError
from sinkwatch.sources import snapshots
from sinkwatch.sources.planning import planning_data
from sinkwatch.sources.planning.planning_data import host_rules
from sinkwatch.sources.planning.planning_data_kept import dumped
from sinkwatch.sources.planning.planning_data_records import Question

if TYPE_CHECKING:
    from sinkwatch.model import Area, Snapshot, SourceSpec
    from sinkwatch.sources.errand import Errand

__all__ = ["fetch", "host_rules", "load"]

DATASETS: Final = ("article-4-direction-area", "conservation-area", "listed-building")
"""Datasets that are asked for, unless the area file names others."""

_NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)


def fetch(spec: SourceSpec, errand: Errand) -> Snapshot:
    """
    Ask for the designations in force in the area.

    Parameters
    ----------
    spec
        The source; its option ``datasets`` may name others than `DATASETS`.
    errand
        With the area and the way out.

    Returns
    -------
    snapshot
        GeoJSON of what is needed of each; the same bytes if nothing has changed.

    Raises
    ------
    SourceError
        If it cannot be asked, the answer is not whole, or it lists nothing.
    SchemaError
        If the answer is not as documented, or not what was asked for.
    ConfigError
        If an option is wrong.
    """
    names = _datasets(spec)
    question = Question(datasets=names, bounds=errand.area.bounds, period="current", now=errand.now)
    found = planning_data.asked(spec, errand, question)
    url = f"{spec.address(planning_data.BASE_URL)}/entity.json"
    if not found:
        raise SourceError(
            spec.name,
            "it listed no designation here; that is not to say there is none",
            "What is held stays in use",
            url=url,
        )
    return snapshots.answered(spec, errand, dumped(found), ".geojson", url=url)


def load(snapshot: Snapshot, spec: SourceSpec, area: Area) -> gpd.GeoDataFrame:
    """
    Read the designations.

    Parameters
    ----------
    snapshot
        What `fetch` returned.
    spec
        The source.
    area
        The area.

    Returns
    -------
    designations
        Frame of `schemas.DESIGNATIONS`, EPSG:27700, ordered by key.

    Raises
    ------
    SchemaError
        If it is no such list.
    CoverageError
        If a shape reaches outside Great Britain.
    """
    del spec, area
    found = planning_data.held(snapshot)
    columns = {
        "designation_id": [str(e.entity) for e in found],
        "dataset": [e.dataset for e in found],
        "reference": [wording.clean(e.reference) or None for e in found],
        "name": [_shown(e.name) for e in found],
        "url": [planning_data.entity_url(e.entity) for e in found],
    }
    table = pd.DataFrame(columns, dtype="str")
    shapes = gpd.GeoSeries([e.shape for e in found], crs=geo.WGS84)
    frame = geo.frame_to_bng(gpd.GeoDataFrame(table, geometry=shapes), name=snapshot.source)
    return schemas.DESIGNATIONS.check(frame.sort_values("designation_id", ignore_index=True))


def _shown(name: str) -> str | None:
    return wording.mask_personal_data(wording.clean(name)) or None


def _datasets(spec: SourceSpec) -> tuple[str, ...]:
    option: Any = spec.options.get("datasets", DATASETS)
    names = list(option) if isinstance(option, list | tuple) else [option]
    if not names or not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
        raise ConfigError(
            f"source {spec.name}",
            f"its option datasets is {str(option)[:80]}, not a list of dataset names",
            'Write datasets = ["conservation-area"], in the names of planning.data.gov.uk',
        )
    return tuple(sorted(set(names)))
