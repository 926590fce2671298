"""What a run has in hand: its inputs, and what it found in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sinkwatch.errors import ConfigError
from sinkwatch.model.sources import GEOLOGY_KINDS, SourceState

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from sinkwatch.model.area import Area
    from sinkwatch.model.ground import Assessment


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """
    What helps to find and show places, and decides no band; None where no source gave it.

    Attributes
    ----------
    names, addresses, backdrop, rocks, boreholes, designations, context
        Frames of the schemas of those names, EPSG:27700.
    looked_up
        Frame of `schemas.POSTCODES`, EPSG:27700: postcodes that somebody wanted and no list has.
        They tell where people are, so they are never published.
    """

    names: gpd.GeoDataFrame | None = None
    addresses: gpd.GeoDataFrame | None = None
    backdrop: gpd.GeoDataFrame | None = None
    rocks: gpd.GeoDataFrame | None = None
    boreholes: gpd.GeoDataFrame | None = None
    designations: gpd.GeoDataFrame | None = None
    context: gpd.GeoDataFrame | None = None
    looked_up: gpd.GeoDataFrame | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """
    What the sources of an area gave, each a checked frame in EPSG:27700.

    Attributes
    ----------
    geology, sinkholes, places, postcodes, cases, applications
        Frames of the schemas of those names.
    states
        How each source stands, in the area's order.
    surroundings
        What decides no band.
    """

    geology: gpd.GeoDataFrame
    sinkholes: gpd.GeoDataFrame
    places: gpd.GeoDataFrame
    postcodes: gpd.GeoDataFrame
    cases: gpd.GeoDataFrame
    applications: gpd.GeoDataFrame
    states: tuple[SourceState, ...]
    surroundings: Surroundings = field(default_factory=Surroundings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """
    Everything one run holds and found, ready to be published, mailed or asked.

    Attributes
    ----------
    area
        The area.
    zones, edges, sinkholes, places, postcodes, cases, applications
        Frames of the schemas of those names, EPSG:27700.
    sites
        Assessments of the watched sites, with reasons, highest band and nearest record first.
    applied
        Assessments of the applications that are mapped, with reasons, in the same order.
    postcode_bands
        Frame of `schemas.ASSESSMENTS`, one row per postcode.
    flagged
        Ids of the places that are flagged.
    sources
        How each source stands.
    surroundings
        What helps to find and show places, and decides no band.
    are_zones_too_many
        Whether there are so many zones that none is drawn: `zones` and `edges` are empty then.
    """

    area: Area
    zones: gpd.GeoDataFrame
    edges: gpd.GeoDataFrame
    sinkholes: gpd.GeoDataFrame
    places: gpd.GeoDataFrame
    postcodes: gpd.GeoDataFrame
    cases: gpd.GeoDataFrame
    applications: gpd.GeoDataFrame
    sites: tuple[Assessment, ...]
    applied: tuple[Assessment, ...]
    postcode_bands: pd.DataFrame
    flagged: frozenset[str]
    sources: tuple[SourceState, ...]
    surroundings: Surroundings = field(default_factory=Surroundings)
    are_zones_too_many: bool = False

    def __post_init__(self) -> None:
        """Refuse outlines that their licence keeps here: whatever is published is made of this."""
        grounds = [s for s in self.sources if s.spec.is_restricted and s.spec.kind in GEOLOGY_KINDS]
        if grounds and (len(self.zones) or len(self.edges)):
            raise ConfigError(
                f"source {grounds[0].spec.name}",
                "is restricted, so findings must not hold its outlines",
                "Make findings with survey.surveyed, which keeps them apart",
            )
