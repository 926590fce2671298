"""Tables of OS Open Names, made small: streets and settlements as OS writes them."""

from __future__ import annotations

import csv
import io
import zlib
from typing import Final

from sinkwatch.sources.ordnance_survey.open_names_rows import COLUMNS

Cells = dict[str, str]

EAST: Final = 431_450
NORTH: Final = 471_702


def a_name(name: str = "Example Terrace", *at: int, **cells: str) -> Cells:
    """One row as OS writes it: a street of 60 m by 20 m round its point, metres from the middle."""
    east, north = at or (0, 0)
    easting, northing = EAST + east, NORTH + north
    written = {
        "ID": f"osgb{zlib.crc32(repr((name, at)).encode()):013}",
        "NAME1": name,
        "TYPE": "transportNetwork",
        "LOCAL_TYPE": "Named Road",
        "GEOMETRY_X": str(easting),
        "GEOMETRY_Y": str(northing),
        "MBR_XMIN": str(easting - 30),
        "MBR_YMIN": str(northing - 10),
        "MBR_XMAX": str(easting + 30),
        "MBR_YMAX": str(northing + 10),
        "POSTCODE_DISTRICT": "HG4",
        "POPULATED_PLACE": "Ripon",
        "COUNTRY": "England",
    }
    return dict.fromkeys(COLUMNS, "") | written | cells


def a_place(name: str, *at: int, **cells: str) -> Cells:
    kind = {"TYPE": "populatedPlace", "LOCAL_TYPE": "Village", "POPULATED_PLACE": ""}
    return a_name(name, *at, **kind | cells)


def a_postcode(code: str = "HG4 9ZZ") -> Cells:
    blank = dict.fromkeys(("MBR_XMIN", "MBR_YMIN", "MBR_XMAX", "MBR_YMAX", "POSTCODE_DISTRICT"), "")
    kind = {"ID": code.replace(" ", ""), "TYPE": "other", "LOCAL_TYPE": "Postcode"}
    return a_name(code, **kind | blank)


def table_of(rows: list[Cells], *, mark: str = "\ufeff", ending: str = "\r\n") -> bytes:
    out = io.StringIO(newline="")
    csv.DictWriter(out, COLUMNS, lineterminator=ending).writerows(rows)
    return (mark + out.getvalue()).encode()
