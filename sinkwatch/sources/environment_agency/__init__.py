"""Rain, rivers and groundwater from the Environment Agency's gauges: context, and no alarm."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import pandas as pd

from sinkwatch import geo, schemas
from sinkwatch.errors import SchemaError
from sinkwatch.sources import snapshots
from sinkwatch.sources.environment_agency.asking import URLS, Asker, url_of
from sinkwatch.sources.environment_agency.kept import Kept, dumped, loaded, told
from sinkwatch.sources.environment_agency.near import near
from sinkwatch.sources.outside.politeness import HostRule

if TYPE_CHECKING:
    import geopandas as gpd

    from sinkwatch.model import Area, Snapshot, SourceSpec
    from sinkwatch.sources.errand import Errand

LOG = logging.getLogger(__name__)

BASE_URL: Final = URLS["base_url"]
"""Where the gauges of the last weeks answer, unless the area file says otherwise."""

RULE: Final = HostRule(spacing_s=1)
"""A second between requests; ten years of daily rain are about 1.5 MB, every gauge's latest value
about as much."""

SWEEP: Final = timedelta(minutes=15)
"""How often the gauges may be asked: they have nothing new more often (the service's own
reference)."""


def host_rules(spec: SourceSpec) -> dict[str, HostRule]:
    """
    Return the servers that a source asks, and how each may be asked.

    Parameters
    ----------
    spec
        The source; its options ``base_url`` and ``hydrology_url`` may name others than the
        Environment Agency's own.

    Returns
    -------
    rules
        By server, such as "environment.data.gov.uk".
    """
    return {urlsplit(url_of(spec, name)).netloc: RULE for name in URLS}


def fetch(spec: SourceSpec, errand: Errand) -> Snapshot:
    """
    Ask the gauges near an area, and put the months that were not held into those that were.

    Parameters
    ----------
    spec
        The source; its options ``latitude``, ``longitude`` (degrees, WGS84) and ``distance_km``
        say where; ``rainfall_station``, ``archive_station`` and ``groundwater_station`` which
        gauges, without them the nearest; ``river_stations`` which rivers, without it none.
    errand
        With the way out, and what is held.

    Returns
    -------
    snapshot
        What `environment_agency_kept.dumped` writes; the one held if it is less than 15 minutes
        old.

    Raises
    ------
    SourceError
        If they cannot be asked, or the answer is not whole.
    SchemaError
        If an answer is not as documented, or not what was asked for.
    ConfigError
        If an option is wrong.
    """
    held = errand.held
    if held is not None and timedelta(0) <= errand.now - held.checked_at < SWEEP:
        return held
    before = _before(spec, errand)
    asker = Asker(spec=spec, errand=errand, near=near(spec, errand.area))
    rain_day, rain = asker.rain(None if before is None else before.rain)
    kept = Kept(
        rain_day=rain_day,
        rivers=asker.rivers(),
        rain=rain,
        groundwater=asker.groundwater(None if before is None else before.groundwater),
    )
    return snapshots.answered(spec, errand, dumped(kept), ".json", url=url_of(spec, "base_url"))


def load(snapshot: Snapshot, spec: SourceSpec, area: Area) -> gpd.GeoDataFrame:
    """
    Read what was kept, a sentence each.

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
    context
        Frame of `schemas.CONTEXT`, EPSG:27700, ordered by `context_id`.

    Raises
    ------
    SchemaError
        If it is nothing that sinkwatch wrote.
    """
    del spec, area
    kept = loaded(snapshots.content(snapshot), name=snapshots.name_of(snapshot))
    rows = sorted(told(kept), key=lambda row: row.context_id)
    columns = {
        field: pd.Series([getattr(row, field) for row in rows], dtype="str")
        for field in ("context_id", "topic", "title", "text")
    }
    days = pd.to_datetime(pd.Series([row.observed_on for row in rows], dtype="object"))
    frame = geo.bng_frame(
        {**columns, "observed_on": days.astype("datetime64[s]")},
        [row.station.easting for row in rows],
        [row.station.northing for row in rows],
    )
    return schemas.CONTEXT.check(frame)


def _before(spec: SourceSpec, errand: Errand) -> Kept | None:
    """Return what is held; nothing if there is none that can be read."""
    if errand.held is None:
        return None
    try:
        return loaded(errand.held.path.read_bytes(), name=spec.name)
    except (OSError, SchemaError) as error:
        LOG.warning("%s: what was held is begun anew: %s", spec.name, error)
        return None
