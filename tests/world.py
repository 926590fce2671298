"""A small world that one can draw on paper, and builders that name only what matters to a case."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from sinkwatch import geo, wording
from sinkwatch.model import (
    Area,
    Band,
    BandStyle,
    BandTable,
    Bounds,
    GeologyClass,
    Parameters,
    Place,
    PlaceKind,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BANDS_FILE: Final = Path(__file__).parents[1] / "data" / "bands.toml"

# The hand-drawn world: three strips, 10 km wide and 10 km high, the south-west corner at 0, 0.
#
#   easting    0            10,000         20,000         30,000
#              │  A (± 500) │  C (± 500)   │  B (± 750)   │        nothing is held beyond
#
# The A/C line is known to ± 500 m and the C/B line to ± 750 m: the worse of its two sides.
A: Final = (5_000.0, 5_000.0)
"""Middle of class A, easting and northing; 5 km from any line."""
C: Final = (15_000.0, 5_000.0)
"""Middle of class C."""
B: Final = (25_000.0, 5_000.0)
"""Middle of class B."""
OUTSIDE: Final = (-5_000.0, 5_000.0)
"""West of everything that is held."""
MIDDLES: Final = {"A": A, "B": B, "C": C, "outside": OUTSIDE}

BANNED_WORDS: Final = (
    "safe",
    "no risk",
    "will collapse",
    "danger zone",
    "unsafe property",
    "worth",
    "uninsurable",
    "guarantee",
    "caused by",
)
"""Never said to people, whatever the finding."""


@cache
def band_table() -> BandTable:
    raw = tomllib.loads(BANDS_FILE.read_text(encoding="utf-8"))
    return BandTable(
        rings_m=tuple(float(ring) for ring in raw["rings_m"]),
        bands={
            GeologyClass[name]: tuple(Band.from_key(key) for key in keys)
            for name, keys in raw["bands"].items()
        },
        check_record={GeologyClass[name]: tuple(row) for name, row in raw["check_record"].items()},
        styles={
            Band.from_key(entry["band"]): BandStyle(
                **{
                    **entry,
                    "band": Band.from_key(entry["band"]),
                    "meaning": wording.of_rock(entry["meaning"], "gypsum"),
                }
            )
            for entry in raw["style"]
        },
    )


def parameters(**changes: Any) -> Parameters:  # noqa: ANN401 - whatever `Parameters` takes
    return replace(Parameters(table=band_table()), **changes)


def an_area(**changes: Any) -> Area:  # noqa: ANN401 - whatever `Area` takes
    area = Area(
        area_id="smallworld",
        name="Smallworld",
        ground="gypsum belt",
        rock="gypsum",
        authority="Small Council",
        outcodes=("SM1",),
        bounds=Bounds(
            min_easting=424_800, min_northing=464_900, max_easting=438_100, max_northing=477_300
        ),
        map_centre=(431_500, 471_500),
        parameters=parameters(),
        sources=(),
        class_notes={
            GeologyClass.A: "no gypsum known beneath",
            GeologyClass.B: "gypsum expected at depth",
            GeologyClass.C: "the gypsum belt",
        },
    )
    return replace(area, **changes)


def a_zone(
    zone_id: str,
    geology: str,
    shape: shapely.Geometry,
    *,
    uncertainty_m: float = 500.0,
    sides_m: Mapping[str, float] | None = None,
) -> dict[str, object]:
    """One zone; `sides_m` names the sides that have an uncertainty, none the artificial ones."""
    sides = dict.fromkeys(("north", "east", "south", "west"), np.nan) | dict(sides_m or {})
    return {
        "zone_id": zone_id,
        "source_class": geology,
        "title": f"Zone {zone_id}",
        "position_uncertainty_m": float(uncertainty_m),
        **{f"{side}_uncertainty_m": value for side, value in sides.items()},
        "geology_class": GeologyClass[geology].value,
        "geometry": shape,
    }


def ground(*zones: Mapping[str, object]) -> gpd.GeoDataFrame:
    """Zones, as `hazard.zones` would give them, in the order given."""
    columns = list(a_zone("X", "A", shapely.box(0, 0, 1, 1)))
    frame = pd.DataFrame([dict(zone) for zone in zones], columns=columns)
    shapes = frame.pop("geometry")
    return gpd.GeoDataFrame(
        frame.astype(
            {"zone_id": "str", "source_class": "str", "title": "str", "geology_class": "int8"}
            | {name: float for name in columns if name.endswith("_m")}
        ),
        geometry=gpd.GeoSeries(list(shapes), crs=geo.BNG),
        crs=geo.BNG,
    )


def strips() -> gpd.GeoDataFrame:
    return ground(
        a_zone("A-strip", "A", shapely.box(0, 0, 10_000, 10_000)),
        a_zone("B-strip", "B", shapely.box(20_000, 0, 30_000, 10_000), uncertainty_m=750),
        a_zone("C-strip", "C", shapely.box(10_000, 0, 20_000, 10_000)),
    )


def a_sinkhole(easting: float, northing: float, **changes: object) -> dict[str, object]:
    """One confirmed, counted record of unknown size, placed to 10 m."""
    row: dict[str, object] = {
        "sinkhole_id": "S1",
        "name": "Mill Lane hole",
        "kind": "collapse",
        "evidence": "confirmed",
        "evidence_reason": "A collapse with a known day, reported by a survey.",
        "counts": True,
        "counts_reason": "Counted: a confirmed collapse.",
        "is_drawn": True,
        "observed": "2014-02-17",
        "date_text": "17 February 2014",
        "position_uncertainty_m": 10.0,
        "length_m": np.nan,
        "width_m": np.nan,
        "depth_m": np.nan,
        "source_title": "The Smallworld Gazette",
        "source_url": "https://gazette.example/hole",
        "easting": float(easting),
        "northing": float(northing),
        **changes,
    }
    return {"feature_id": f"feature-of-{row['sinkhole_id']}", **row}


def inventory(*records: Mapping[str, object]) -> gpd.GeoDataFrame:
    columns = list(a_sinkhole(0, 0))
    frame = pd.DataFrame([dict(record) for record in records], columns=columns)
    numbers = [name for name in columns if name.endswith("_m")]
    flags = ["counts", "is_drawn"]
    texts = [name for name in columns if name not in {*numbers, *flags, "easting", "northing"}]
    frame = frame.astype(
        dict.fromkeys(texts, "str") | dict.fromkeys(numbers, float) | dict.fromkeys(flags, bool)
    )
    return geo.bng_frame(
        {name: frame[name] for name in (*texts, *numbers, *flags)},
        frame["easting"].astype(float),
        frame["northing"].astype(float),
    )


def a_place(
    easting: float | None,
    northing: float | None,
    **changes: Any,  # noqa: ANN401 - whatever `Place` takes
) -> Place:
    place = Place(
        place_id="mill-lane",
        label="Mill Lane",
        kind=PlaceKind.SITE,
        easting=easting,
        northing=northing,
        position_uncertainty_m=10.0,
        basis="published grid reference",
    )
    return replace(place, **changes)


def places(*rows: Mapping[str, object]) -> gpd.GeoDataFrame:
    """Frame of `schemas.PLACES`; each row needs an id, a position and what matters to the case."""
    defaults = {
        "kind": "site",
        "position_uncertainty_m": 80.0,
        "position_basis": "published point",
        "is_watched": True,
        "label_rank": 1,
    }
    filled = [
        {"name": row["place_id"], "short_name": row["place_id"]} | defaults | dict(row)
        for row in rows
    ]
    return _points(filled, ("place_id", "name", "short_name", *defaults, "easting", "northing"))


def postcodes(*rows: tuple[str, float, float]) -> gpd.GeoDataFrame:
    filled = [
        {"postcode": name, "position_uncertainty_m": 100.0, "easting": east, "northing": north}
        for name, east, north in rows
    ]
    return _points(filled, ("postcode", "position_uncertainty_m", "easting", "northing"))


def applications(*rows: Mapping[str, object]) -> gpd.GeoDataFrame:
    """Frame of `schemas.APPLICATIONS`; a row without easting and northing is not mapped."""
    defaults = {
        "authority": "Small Council",
        "address": "Mill Lane",
        "description": "Six homes",
        "status": "undecided",
        "status_text": "Awaiting decision",
        "received_on": pd.Timestamp("2026-11-02"),
        "decided_on": pd.NaT,
        "position_uncertainty_m": 5.0,
        "position_basis": "the point that the council gives",
        "url": "https://council.example/application",
        "easting": np.nan,
        "northing": np.nan,
    }
    filled = [defaults | dict(row) for row in rows]
    for row in filled:
        row.setdefault("application_key", f"{row['authority']}/{row['reference']}")
    frame = _points(filled, ("application_key", "reference", *defaults))
    for name in ("received_on", "decided_on"):
        frame[name] = pd.to_datetime(frame[name])
    return frame


def _points(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> gpd.GeoDataFrame:
    frame = pd.DataFrame(rows, columns=list(columns))
    easting, northing = (frame.pop(name).astype(float) for name in ("easting", "northing"))
    return geo.bng_frame({name: frame[name] for name in frame.columns}, easting, northing)
