"""What a file was found to hold: one that has not changed is not read again on the same day."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from sinkwatch.sources.kinds import KINDS, ONLINE

if TYPE_CHECKING:
    import geopandas as gpd

    from sinkwatch.model import Area, Bounds, Snapshot, SourceSpec

_FRAMES_REMEMBERED: Final = 16
"""The files of three areas: five each for Ripon, together less than 1 MB."""


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """All that the reader of a file may look at; readings that are equal give the same frame."""

    kind: str
    source: str
    sha256: str
    ending: str
    url: str
    checked_on: date
    options: str
    bounds: Bounds
    area: str
    authority: str
    arguments: tuple[Snapshot, SourceSpec, Area] = field(compare=False)


def load(snapshot: Snapshot, spec: SourceSpec, area: Area) -> gpd.GeoDataFrame:
    """
    Return what a copy holds; a file's is remembered until anything about it is different.

    What a service gave is read every time: it changes, and may be large.

    Parameters
    ----------
    snapshot
        A copy whose bytes have just been found to have its SHA-256.
    spec
        The source.
    area
        The area.

    Returns
    -------
    frame
        As the source's own `load` returns it, EPSG:27700. Columns that the caller adds or
        changes are its own.

    Raises
    ------
    DataError
        As the source's own `load` does, every time anew.
    """
    if spec.kind in ONLINE:
        return KINDS[spec.kind].load(snapshot, spec, area)
    reading = _Reading(
        kind=spec.kind,
        source=snapshot.source,
        sha256=snapshot.sha256,
        ending=snapshot.path.suffix.lower(),
        url=snapshot.url,
        checked_on=snapshot.checked_at.date(),
        options=json.dumps(spec.options, sort_keys=True, default=repr),
        bounds=area.bounds,
        area=area.name,
        authority=area.authority,
        arguments=(snapshot, spec, area),
    )
    return _read(reading).copy(deep=False)


@lru_cache(maxsize=_FRAMES_REMEMBERED)
def _read(reading: _Reading) -> gpd.GeoDataFrame:
    return KINDS[reading.kind].load(*reading.arguments)
