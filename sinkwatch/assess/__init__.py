"""
Places, zones and inventory into bands: the one assessment behind every command.

Arrays go in and arrays come out; a frame is only a coat round them. Distances are planar on the
British National Grid and taken to the millimetre, and the edges of rings and tolerances count as
inside: 50.00000000001 m, as a subtraction leaves it, is 50 m.
"""

from __future__ import annotations

from sinkwatch.assess.answers import Assessed, points
from sinkwatch.assess.layers import NONE, SLACK_M, Hazard, prepare, radius_m
from sinkwatch.assess.measures import (
    combined_uncertainty_m,
    edge_distance_m,
    nominal_ring,
    ring_of,
)
from sinkwatch.assess.reach import Reach, difference, index_within, squares_of
from sinkwatch.assess.reasons import Ground, ground
from sinkwatch.assess.squares import Index, index, make_ready, squares_over
from sinkwatch.assess.tables import columns, score

__all__ = [
    "NONE",
    "SLACK_M",
    "Assessed",
    "Ground",
    "Hazard",
    "Index",
    "Reach",
    "columns",
    "combined_uncertainty_m",
    "difference",
    "edge_distance_m",
    "ground",
    "index",
    "index_within",
    "make_ready",
    "nominal_ring",
    "points",
    "prepare",
    "radius_m",
    "ring_of",
    "score",
    "squares_of",
    "squares_over",
]
