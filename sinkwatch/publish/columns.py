"""The columns of every published table and what each means: header and dictionary in one."""

from __future__ import annotations

from typing import Final

SINKHOLES: Final = {
    "sinkhole_id": "key of the record",
    "feature_id": "the hollow, hole or building: the same for records of one and the same feature",
    "name": "name of the record",
    "kind": "what was recorded",
    "evidence": "how sure it is that soluble ground took part: confirmed, probable, possible or "
    "not_an_event",
    "evidence_reason": "why that grade",
    "counts": "whether the record enters the assessment",
    "counts_reason": "why it counts or not",
    "is_drawn": "whether its place is known well enough to draw; if not, it has no position here",
    "observed": "date in EDTF (ISO 8601-2), 185X for the 1850s; empty if unknown",
    "date_text": "the date for readers",
    "easting": "metres, British National Grid (EPSG:27700), rounded to 50 m",
    "northing": "metres, British National Grid (EPSG:27700), rounded to 50 m",
    "position_uncertainty_m": "radius about 95 % sure to hold the true place, metres, before "
    "rounding; rounding moves a record by 36 m at most",
    "position_basis": "how the place was found",
    "length_m": "length, metres; empty if not given",
    "width_m": "width, metres; empty if not given",
    "depth_m": "depth, metres; empty if not given",
    "size_text": "sizes for readers, with those that conflict",
    "cause": "what the sources give as the cause, or that they give none",
    "consequence": "what followed, as reported",
    "doubts": "doubts on date, size, place and identity",
    "source_title": "main source",
    "source_url": "link to the main source",
}

ZONES: Final = {
    "zone_id": "key of the zone",
    "class": "class of the ground: C, B or A, the most susceptible first",
    "title": "what the zone is",
    "description": "how it was drawn and what it holds, where its source says so",
    "position_uncertainty_m": "how well its edge is known, metres, one number for simple use",
    "west_uncertainty_m": "the same for its west side; empty where that is the limit of drawing",
    "east_uncertainty_m": "the same for its east side",
    "north_uncertainty_m": "the same for its north side",
    "south_uncertainty_m": "the same for its south side",
    "confidence": "low, medium or high",
    "is_official_planning_area": "whether it is the council's own planning area",
    "nominal_scale": "scale at which it was drawn",
    "version": "version of the drawing",
    "attribution": "who must be named",
    "disclaimer": "what it is not",
}

_ASSESSED: Final = {
    "is_flagged": "whether it is on the list of flagged places",
    "band": "level of recorded evidence, for programs",
    "band_label": "the same, for people",
    "geology_class": "class of the ground at the place itself; OUTSIDE beyond the zones",
    "scored_as": "class it was scored as: higher where a zone's edge is within its uncertainty",
    "nearest_sinkhole_id": "the record that decides; empty if none counts",
    "nearest_text": "its distance and how well that is known",
    "n_features": "distinct recorded features within the last ring; not scored",
    "check_record": "whether ground and record disagree",
    "headline": "the band and what decided it, one sentence",
    "reasons": "every reason, parted by |",
}

_PLACED: Final = {
    "easting": "metres, British National Grid (EPSG:27700); empty if not mapped",
    "northing": "metres, British National Grid (EPSG:27700); empty if not mapped",
    "position_uncertainty_m": "radius about 95 % sure to hold the true place, metres",
    "position_basis": "how the place was found, or why it is not mapped",
}

SITES: Final = {
    "site_id": "key of the watched site",
    "name": "its name",
    **_ASSESSED,
    **_PLACED,
}

APPLICATIONS: Final = {
    "reference": "as the authority writes it",
    "authority": "the local planning authority",
    "address": "as published",
    "description": "as published, with personal data masked, shortened where it is long",
    "status": "undecided, approved, refused, withdrawn, appealed or other",
    "status_text": "the authority's own words",
    "received_on": "date, ISO 8601",
    "decided_on": "date, ISO 8601",
    "url": "the authority's record",
    **_ASSESSED,
    **_PLACED,
}

FLAGGED: Final = {
    "kind": "site or application",
    "key": "site_id, or the application's reference",
    "name": "name of the site, or address of the application",
    **_ASSESSED,
}

CASES: Final = {
    "case_id": "key of the step",
    "site_id": "watched site or place it concerns; empty if none",
    "title": "the site",
    "reference": "of the application, where it is known",
    "authority": "who decided",
    "step": "what happened",
    "outcome": "the same in one word",
    "decided": "date in EDTF (ISO 8601-2)",
    "date_text": "the date for readers",
    "homes": "number of homes, where given",
    "easting": "metres, British National Grid (EPSG:27700), rounded to 50 m; empty if not located",
    "northing": "metres, British National Grid (EPSG:27700), rounded to 50 m; empty if not located",
    "position_uncertainty_m": "radius about 95 % sure to hold the true place, metres, before "
    "rounding",
    "position_basis": "how the place was found, or that it was not",
    "ground": "what the source says about the ground",
    "doubts": "doubts on date, place and identity",
    "source_title": "source",
    "source_url": "link to the source",
}

POSTCODES: Final = {
    "postcode": "unit postcode",
    "band": "level of recorded evidence at its centre, which is taken to be known to 100 m",
    "band_label": "the same, for people",
}

BOREHOLES: Final = {
    "reference": "BGS's reference",
    "name": "name in BGS's index",
    "easting": "metres, British National Grid (EPSG:27700)",
    "northing": "metres, British National Grid (EPSG:27700)",
    "position_uncertainty_m": "how well BGS says the position is known, metres; empty if it does "
    "not",
    "length_m": "length drilled, metres; empty if not known",
    "year": "year of drilling; empty if not known",
    "url": "BGS's scan of the record; empty if there is none. This table says that a borehole was "
    "drilled, not what it found",
    "licence": "licence of the row",
    "attribution": "who must be named",
}

REGIONAL_GEOLOGY: Final = {
    "layer": "bedrock, superficial, fault or dyke",
    "name": "name of the unit or of the fault, as BGS gives it",
    "rock": "what it is made of; null if not given",
    "period": "geological period; null if not given",
    "licence": "licence of the feature",
    "attribution": "who must be named",
    "disclaimer": "what it is not",
}

DICTIONARY: Final = {
    "file": "name of the file",
    "column": "name of the column, or of the property in GeoJSON",
    "meaning": "what it holds",
}

FILES: Final = {
    "sinkholes.csv": SINKHOLES,
    "sinkholes.geojson": SINKHOLES,
    "zones.geojson": ZONES,
    "sites.csv": SITES,
    "applications.csv": APPLICATIONS,
    "flagged.csv": FLAGGED,
    "cases.csv": CASES,
    "postcodes.csv": POSTCODES,
    "boreholes.csv": BOREHOLES,
    "regional-geology.geojson": REGIONAL_GEOLOGY,
    "dictionary.csv": DICTIONARY,
}
"""Every data file with its columns, in order."""
