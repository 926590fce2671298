"""
Sites known by their boundary: the highest band their ground touches, and the share of each.

Arrays go in and arrays come out, as for points; each site is asked only of the zones and records
that lie near it, and is cut only where its ground is of more than one kind.
"""

from __future__ import annotations

from sinkwatch.sites.answers import AssessedSites, Layers, is_boundary, polygons
from sinkwatch.sites.one import AssessedSite, assess_polygon

__all__ = [
    "AssessedSite",
    "AssessedSites",
    "Layers",
    "assess_polygon",
    "is_boundary",
    "polygons",
]
