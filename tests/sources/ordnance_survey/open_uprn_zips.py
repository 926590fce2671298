"""Tables of OS Open UPRN, made small: rows as OS writes them, and the files round them."""

from __future__ import annotations

from typing import Final

from sinkwatch import geo

HEADER: Final = "\ufeffUPRN,X_COORDINATE,Y_COORDINATE,LATITUDE,LONGITUDE"
TABLE: Final = "osopenuprn_202608.csv"
EAST: Final = 431_500.0
NORTH: Final = 471_500.0


def a_row(uprn: object, easting: float = EAST, northing: float = NORTH, **cells: str) -> str:
    """One line of the table, as OS writes it; any cell may be put in other words."""
    (longitude,), (latitude,) = geo.to_wgs84(easting, northing)
    written = {
        "uprn": str(uprn), "x": f"{easting:.2f}", "y": f"{northing:.2f}",
        "latitude": f"{latitude:.7f}", "longitude": f"{longitude:.7f}",
    }  # fmt: skip
    return ",".join((written | cells).values())


def table_of(rows: list[str] | tuple[str, ...], header: str = HEADER) -> bytes:
    return "".join(f"{line}\r\n" for line in (header, *rows)).encode()


def files_of(table: bytes) -> dict[str, bytes]:
    return {TABLE: table, "licence.txt": "© Crown".encode("latin-1"), "README": b"Made up"}
