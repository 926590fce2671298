"""What the tables of OS Open Names say: rows read and doubted, and streets put together again."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute as pc

from sinkwatch import geo, schemas, wording
from sinkwatch.sources.ordnance_survey.csv_stream import MOST_BROKEN, Layout, refuse_share, texts

if TYPE_CHECKING:
    import geopandas as gpd

    from sinkwatch.model import Bounds

LOG = logging.getLogger(__name__)

HEADER: Final = "OS_Open_Names_Header.csv"
"""Name of the document in the zip that names the columns; the tables do not."""

COLUMNS: Final = (
    "ID", "NAMES_URI", "NAME1", "NAME1_LANG", "NAME2", "NAME2_LANG", "TYPE", "LOCAL_TYPE",
    "GEOMETRY_X", "GEOMETRY_Y", "MOST_DETAIL_VIEW_RES", "LEAST_DETAIL_VIEW_RES",
    "MBR_XMIN", "MBR_YMIN", "MBR_XMAX", "MBR_YMAX", "POSTCODE_DISTRICT", "POSTCODE_DISTRICT_URI",
    "POPULATED_PLACE", "POPULATED_PLACE_URI", "POPULATED_PLACE_TYPE", "DISTRICT_BOROUGH",
    "DISTRICT_BOROUGH_URI", "DISTRICT_BOROUGH_TYPE", "COUNTY_UNITARY", "COUNTY_UNITARY_URI",
    "COUNTY_UNITARY_TYPE", "REGION", "REGION_URI", "COUNTRY", "COUNTRY_URI",
    "RELATED_SPATIAL_OBJECT", "SAME_AS_DBPEDIA", "SAME_AS_GEONAMES",
)  # fmt: skip
"""Of every table, in this order."""

KINDS: Final = {
    "Named Road": "transportNetwork",
    "Numbered Road": "transportNetwork",
    "Section Of Named Road": "transportNetwork",
    "Section Of Numbered Road": "transportNetwork",
    "City": "populatedPlace",
    "Town": "populatedPlace",
    "Village": "populatedPlace",
    "Hamlet": "populatedPlace",
    "Suburban Area": "populatedPlace",
    "Other Settlement": "populatedPlace",
}
"""Local types that are taken, each with its type; the whole road comes before its sections."""

OTHER_KINDS: Final = frozenset({
    "Airfield", "Airport", "Bus Station", "Coach Station", "Harbour", "Helicopter Station",
    "Heliport", "Passenger Ferry Terminal", "Port Consisting of Docks and Nautical Berthing",
    "Railway", "Railway Station", "Road User Services", "Tramway", "Vehicular Ferry Terminal",
    "Vehicular Rail Terminal",
})  # fmt: skip
"""Local types of the same two types that name no street and no settlement."""

TYPES: Final = frozenset(
    {"transportNetwork", "populatedPlace", "hydrography", "landform", "landcover", "other"}
)
"""Types there are."""

LEAST_M: Final = 25.0
"""Least uncertainty of a name, metres: a box is drawn round the middle line of a street, and its
houses stand beside it."""

MOST_M: Final = 100_000.0
"""Greatest diagonal of a box, metres: that round London measures 69 km."""

ASTRAY_M: Final = 100.0
"""How far a point may lie outside its own box, metres; OS puts it inside."""

MOST_MISPLACED: Final = 0.05
"""Share of rows that may lie elsewhere (sinkwatch data gates: place)."""

MOST_GARBLED: Final = 0.05
"""Share of names that may be garbled (sinkwatch data gates: text)."""

MOST_REPEATED: Final = 0.20
"""Share of rows that may be there twice (sinkwatch data gates: keys)."""

LAYOUT: Final = Layout(
    columns=COLUMNS,
    has_header=False,
    wanted=(
        "ID", "NAME1", "NAME2", "TYPE", "LOCAL_TYPE", "GEOMETRY_X", "GEOMETRY_Y", "MBR_XMIN",
        "MBR_YMIN", "MBR_XMAX", "MBR_YMAX", "POSTCODE_DISTRICT", "POPULATED_PLACE",
        "RELATED_SPATIAL_OBJECT",
    ),
)  # fmt: skip
"""How they are written, and what is read."""

_POINT: Final = {"GEOMETRY_X": "easting", "GEOMETRY_Y": "northing"}
_BOX: Final = {"MBR_XMIN": "west", "MBR_YMIN": "south", "MBR_XMAX": "east", "MBR_YMAX": "north"}
_GRID_M: Final = (700_000, 1_300_000)  # reach of the National Grid's lettered squares
_NUMBER: Final = r"[ABM]\d+(?:\(M\))?"  # of a road, such as A61
_DISTRICT: Final = r"(?:[A-Z]{1,2}[0-9][A-Z0-9]?)?"
_PLAIN: Final = "[!-~]+(?: [!-~]+)*"
_GARBLED: Final = "\ufffd|Ã[\u0080-¿]|â€"
_MOST_CHARACTERS: Final = 200
_MOST_EXAMPLES: Final = 3
_PARTS: Final = ["is_street", "name", "postcode_district", "populated_place", "alone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """
    The part of the country that a table covers.

    Attributes
    ----------
    name
        On the National Grid, such as "SE26".
    easting, northing
        Of its south-west corner, metres, EPSG:27700.
    side_m
        How long its sides are, metres.
    """

    name: str
    easting: int
    northing: int
    side_m: int


# ── Reading a table ──────────────────────────────────────────────────────────────────────────


def read(file: BinaryIO, square: Square, *, name: str) -> pd.DataFrame:
    """
    Read the streets and settlements of one table.

    Parameters
    ----------
    file
        The table, read forwards to its end.
    square
        What it covers.
    name
        What it is, for messages.

    Returns
    -------
    rows
        One for each row that can be used: `id`, `name`, `local_type`, `road` (the id of the road
        that it is, or is a section of), `postcode_district`, `populated_place` (empty where there
        is none), and `easting`, `northing`, `west`, `south`, `east`, `north`, metres, EPSG:27700.

    Raises
    ------
    SourceError
        If the file is damaged.
    SchemaError
        If the table is not as documented, or too many of its rows cannot be used.
    """
    rows = _known_kinds(_of_our_types(file, name), name)
    rows = _told(rows.assign(**_numbers(rows)), name)
    rows = _where_it_should_be(_with_box(rows, name), square, name)
    rows = rows.drop(columns=["NAME1", "NAME2", "TYPE", *_POINT, *_BOX, "RELATED_SPATIAL_OBJECT"])
    renamed = {column: column.lower() for column in rows.columns}
    return rows.rename(columns=renamed).reset_index(drop=True)


def _of_our_types(file: BinaryIO, name: str) -> pd.DataFrame:
    ours, known = pa.array(sorted(set(KINDS.values()))), pa.array(sorted(TYPES))
    n_rows = n_unknown = 0
    parts = []
    for rows in texts(file, LAYOUT, name=name):
        n_rows += rows.num_rows
        n_unknown += rows.num_rows - pc.sum(pc.is_in(rows["TYPE"], value_set=known)).as_py()
        parts.append(rows.filter(pc.is_in(rows["TYPE"], value_set=ours)))
    rule = f"have a TYPE that is none of {', '.join(sorted(TYPES))}"
    refuse_share(n_unknown, n_rows, MOST_BROKEN, rule, name=name)
    taken: pd.DataFrame = pa.Table.from_batches(parts).to_pandas()
    return taken.astype("str")


def _known_kinds(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    kind = rows["LOCAL_TYPE"]
    is_ours = kind.map(KINDS).eq(rows["TYPE"])
    strange = kind[~is_ours & ~kind.isin(OTHER_KINDS)]
    rule = f"have a LOCAL_TYPE that is not known{_examples(strange)}"
    refuse_share(len(strange), len(rows), MOST_BROKEN, rule, name=name)
    return rows[is_ours]


def _numbers(rows: pd.DataFrame) -> dict[str, pd.Series[float]]:
    given = {**_POINT, **_BOX}
    numbers = {
        ours: pd.to_numeric(rows[theirs], errors="coerce").astype("float64")
        for theirs, ours in given.items()
    }
    # A box that is left out altogether is a point; one that is half there is a fault.
    unboxed = (rows[list(_BOX)] == "").all(axis=1)
    for side, coordinate in (
        ("west", "easting"), ("south", "northing"), ("east", "easting"), ("north", "northing"),
    ):  # fmt: skip
        numbers[side] = numbers[side].mask(unboxed, numbers[coordinate])
    return numbers


def _told(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Keep the rows that say what is called how; a road that has but a number is passed over."""
    theirs = ["ID", "NAME1", "NAME2", "POSTCODE_DISTRICT", "POPULATED_PLACE"]
    on_one_line = ~rows[theirs].apply(lambda cells: cells.str.contains("[\r\n]")).any(axis=1)
    rows = rows.assign(**{column: _cleaned(rows[column]) for column in theirs})
    is_numbered = rows["NAME1"].str.fullmatch(_NUMBER)
    rows["name"] = rows["NAME1"].mask(is_numbered, rows["NAME2"])
    is_street = rows["TYPE"].eq("transportNetwork")
    has_name = rows["name"].ne("") & ~rows["name"].str.fullmatch(_NUMBER)
    wanted = rows[has_name | ~(is_street & is_numbered)]
    is_good = (
        on_one_line[wanted.index]
        & wanted["name"].str.len().between(1, _MOST_CHARACTERS)
        & wanted["ID"].str.len().between(1, _MOST_CHARACTERS)
        & wanted["POPULATED_PLACE"].str.len().le(_MOST_CHARACTERS)
        & wanted["POSTCODE_DISTRICT"].str.fullmatch(_DISTRICT)
    )
    rule = f"have no id, name, postcode district or place{_examples(wanted['NAME1'][~is_good])}"
    refuse_share(int((~is_good).sum()), len(wanted), MOST_BROKEN, rule, name=name)
    good = wanted[is_good]
    garbled = good["name"].str.contains(_GARBLED)
    rule = f"have a garbled name, as in another character set{_examples(good['name'][garbled])}"
    refuse_share(int(garbled.sum()), len(good), MOST_GARBLED, rule, name=name)
    kept: pd.DataFrame = good[~garbled]
    return kept.assign(road=_road)


def _cleaned(cells: pd.Series[str]) -> pd.Series[str]:
    plain = cells.str.fullmatch(_PLAIN) | cells.eq("")
    return cells.where(plain, cells[~plain].map(wording.clean)).astype("str")


def _road(rows: pd.DataFrame) -> pd.Series[str]:
    """Return the id of the whole road: that of a section changes from edition to edition."""
    whole = rows["RELATED_SPATIAL_OBJECT"].str.extract("([^/]*)$", expand=False).str.strip()
    is_section = rows["LOCAL_TYPE"].str.startswith("Section")
    return rows["ID"].mask(is_section & whole.str.fullmatch("[!-~]{1,100}"), whole)


def _with_box(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    width, height = rows["east"] - rows["west"], rows["north"] - rows["south"]
    # NaN fails every one of these.
    is_good = (
        rows["easting"].between(0, _GRID_M[0], inclusive="left")
        & rows["northing"].between(0, _GRID_M[1], inclusive="left")
        & (width >= 0)
        & (height >= 0)
        & (np.hypot(width, height) <= MOST_M)
        & rows["easting"].between(rows["west"] - ASTRAY_M, rows["east"] + ASTRAY_M)
        & rows["northing"].between(rows["south"] - ASTRAY_M, rows["north"] + ASTRAY_M)
    )
    rule = f"have no position, or a box that cannot be{_examples(rows['name'][~is_good])}"
    refuse_share(int((~is_good).sum()), len(rows), MOST_MISPLACED, rule, name=name)
    return rows[is_good]


def _where_it_should_be(rows: pd.DataFrame, square: Square, name: str) -> pd.DataFrame:
    """Keep the rows that touch the square: that of a street may have its point outside."""
    sides = ("west", "south", "east", "north")
    is_there = _touches(square, *(rows[side] for side in sides))
    is_there |= _touches(square, *(rows[side] for side in ("easting", "northing") * 2))
    exchanged = _touches(square, *(rows[side] for side in ("northing", "easting") * 2))
    rule = f"lie outside the square{_examples(rows['name'][~is_there])}"
    if exchanged.sum() > is_there.sum():
        rule += "; easting and northing look exchanged"
    refuse_share(int((~is_there).sum()), len(rows), MOST_MISPLACED, rule, name=name)
    return rows[is_there]


def _touches(
    square: Square,
    west: pd.Series[float],
    south: pd.Series[float],
    east: pd.Series[float],
    north: pd.Series[float],
) -> pd.Series[bool]:
    return (
        west.le(square.easting + square.side_m)
        & east.ge(square.easting)
        & south.le(square.northing + square.side_m)
        & north.ge(square.northing)
    )


def _examples(values: pd.Series[str]) -> str:
    shown = [
        f'"{wording.trimmed(wording.clean(value), 40)}"' for value in values.head(_MOST_EXAMPLES)
    ]
    return f" (such as {', '.join(shown)})" if shown else ""


# ── Putting streets together ─────────────────────────────────────────────────────────────────


def grouped(rows: pd.DataFrame, bounds: Bounds, *, name: str) -> gpd.GeoDataFrame:
    """
    Make one row of all the parts of a street, and one of each settlement.

    Streets are one if they share name, postcode district and settlement. The point is that of the
    part within the bounds that lies nearest the middle of all; how well it stands for the street
    is the distance to the farthest corner of the box round all, so the whole street lies within.

    Parameters
    ----------
    rows
        As `read` returns them, of one or several squares.
    bounds
        The area's, EPSG:27700; what has no point within them is left out.
    name
        What the tables are, for messages.

    Returns
    -------
    names
        Frame of `schemas.NAMES`, EPSG:27700, ordered by `name_id`; empty if none lies within.

    Raises
    ------
    SchemaError
        If more than `MOST_REPEATED` of the rows bear an id that another bears.
    """
    rows = rows.sort_values(["id", *_BOX.values()]).reset_index(drop=True)
    once = rows.drop_duplicates("id", keep="last")
    rule = "bear an id that another one bears"
    refuse_share(len(rows) - len(once), len(rows), MOST_REPEATED, rule, name=name)
    is_street = once["local_type"].map(KINDS).eq("transportNetwork")
    parts = once.assign(is_street=is_street, alone=once["id"].mask(is_street, ""))
    whole = parts.assign(group=parts.groupby(_PARTS, sort=True).ngroup())
    return _names(_nearest(whole, bounds), _called(whole))


def _nearest(parts: pd.DataFrame, bounds: Bounds) -> pd.DataFrame:
    """Return the point of each group that has one within the bounds, and how far all reaches."""
    groups = parts.groupby("group")
    box = groups.agg(west=("west", "min"), south=("south", "min"), east=("east", "max"))
    box["north"] = groups["north"].max()
    inside = parts[
        parts["easting"].between(bounds.min_easting, bounds.max_easting)
        & parts["northing"].between(bounds.min_northing, bounds.max_northing)
    ][["group", "id", "easting", "northing"]]
    points = inside.join(box, on="group")
    from_middle = np.hypot(
        points["easting"] - (points["west"] + points["east"]) / 2,
        points["northing"] - (points["south"] + points["north"]) / 2,
    )
    ranked = points.assign(from_middle=from_middle).sort_values(["group", "from_middle", "id"])
    chosen = ranked.drop_duplicates("group").set_index("group")
    reach_m = np.hypot(
        np.maximum(chosen["east"] - chosen["easting"], chosen["easting"] - chosen["west"]),
        np.maximum(chosen["north"] - chosen["northing"], chosen["northing"] - chosen["south"]),
    )
    # Rounded up to a whole metre: the last bits of a root differ between machines.
    return chosen.assign(reach_m=np.ceil(np.maximum(reach_m, LEAST_M)))


def _called(parts: pd.DataFrame) -> pd.DataFrame:
    """Return what each group is called, and by which id it is known from edition to edition."""
    order = parts["local_type"].map({kind: i for i, kind in enumerate(KINDS)})
    first = parts.assign(order=order).sort_values(["group", "order", "road"])
    first = first.drop_duplicates("group").set_index("group")
    # The road of a section may have others in other places, so the place is part of their ids.
    is_section = first["local_type"].str.startswith("Section")
    place = ("/" + first["postcode_district"] + "/" + first["populated_place"]).where(
        is_section, ""
    )
    named = first["road"] + place
    return first.assign(
        name_id=named.mask(named.duplicated(keep=False), named + "/" + first["name"])
    )


def _names(points: pd.DataFrame, called: pd.DataFrame) -> gpd.GeoDataFrame:
    found = points[["easting", "northing", "reach_m"]].join(
        called.drop(columns=["easting", "northing"])
    )
    found = found.sort_values("name_id", ignore_index=True)
    columns = {
        "name_id": found["name_id"].astype("str"),
        "name": found["name"].astype("str"),
        "local_type": found["local_type"].astype("str"),
        "postcode_district": found["postcode_district"].replace("", None).astype("str"),
        "populated_place": found["populated_place"].replace("", None).astype("str"),
        "position_uncertainty_m": found["reach_m"].astype("float64"),
    }
    frame = geo.bng_frame(columns, found["easting"], found["northing"])
    return schemas.NAMES.check(frame)
