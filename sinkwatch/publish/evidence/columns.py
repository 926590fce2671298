"""The columns of a pack's data files and what each means: header and dictionary in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sinkwatch.publish import columns

RECORDS: Final = {
    "number": "on the sheets and in the pack, nearest first",
    "sinkhole_id": "key of the record",
    "name": "name of the record",
    "kind": "what was recorded",
    "evidence": "how sure it is that soluble ground took part: confirmed, probable, possible or "
    "not_an_event",
    "evidence_note": "what that grade means",
    "date_text": "when; empty if not known",
    "size_text": "how large, as published; empty if not known",
    "distance_text": "from the site's edge to the record's edge, with its uncertainty, measured "
    "before positions were rounded",
    "distance_m": "the same as a number, metres, no finer than it is known; 0 for under 5 m",
    "uncertainty_m": "of that distance, metres, rounded up",
    "bearing_text": "where it lies as seen from the site",
    "counts_text": "whether it counts in the assessment, and why",
    "doubts": "doubts on date, size, place and identity",
    "easting": "metres, British National Grid (EPSG:27700), rounded to 50 m; empty if the record "
    "may not be drawn",
    "northing": "metres, British National Grid (EPSG:27700), rounded to 50 m; empty if the record "
    "may not be drawn",
    "grid_reference": "of that position",
    "shown_uncertainty_m": "radius about 95 % sure to hold the true place, metres, rounding "
    "included",
    "radius_m": "of the recorded feature, metres; the area's default where its size is not known",
    "source_title": "main source",
    "source_url": "link to the main source",
    "licence": "licence of the row",
    "attribution": "who must be named",
    "map_id": "of the pack that the row was published with",
    "made_on": "day of that pack, ISO 8601",
}

SITE: Final = {
    "place_id": "key of the site or application",
    "title": "of the pack",
    "reference": "of the application; empty for a site",
    "authority": "the local planning authority; empty for a site",
    "address": "of the application, as published",
    "description": "of the application, as published, with personal data masked",
    "grid_reference": "of its middle",
    "position_uncertainty_m": "how well its boundary, or its point, is known, metres",
    "position_basis": "how its place was found",
    "band": "level of recorded evidence, for programs",
    "band_label": "the same, for people",
    "headline": "the band and what decided it, one sentence",
    "map_id": "of the pack",
    "made_on": "day of the pack, ISO 8601",
}

SITE_UNCERTAINTY: Final = {
    "place_id": "key of the site or application",
    "position_uncertainty_m": "metres; the site lies somewhere within this outline",
}

RINGS: Final = {
    "radius_m": "search distance from the site's edge, metres; no limit of anything in the ground"
}

RECORD_UNCERTAINTY: Final = {
    "number": "of the record",
    "sinkhole_id": "key of the record",
    "shown_uncertainty_m": "radius about 95 % sure to hold the true place, metres",
}

ZONES: Final = {
    **columns.ZONES,
    "is_cut": "whether the zone goes on beyond what is held in this file",
}

HISTORY: Final = {
    "letter": "on the sheets and in the pack; empty if it is not drawn",
    "key": "key of the application or of the past decision",
    "date_text": "when; empty if not known",
    "title": "what it is about, as published",
    "reference": "the authority's; empty if not found",
    "outcome": "where it stands, or how it ended",
    "where_text": "how far off it is, or that it is on the site",
    "ground": "what was said of the ground, as published; empty if nothing is known of that",
    "doubts": "what is uncertain about it",
    "source_title": "where it is published",
    "source_url": "link to that",
}

ABOUT: Final = {
    "topic": "pack, source or column",
    "item": "which one",
    "said": "what is said of it",
}

LAYERS: Final[Mapping[str, Mapping[str, str]]] = {
    "zones": ZONES,
    "rings": RINGS,
    "site_uncertainty": SITE_UNCERTAINTY,
    "record_uncertainty": RECORD_UNCERTAINTY,
    "site": SITE,
    "history": HISTORY,
    "records": RECORDS,
}
"""Every layer with its columns, in the order in which they are drawn."""

SINGULAR: Final = {"zones": "zone", "rings": "ring", "records": "record"}
"""What one feature of a layer is called, where that is not the layer's own name."""
