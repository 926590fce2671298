"""Vector files of geology, however they are packed: opened with care, read only round an area."""

from __future__ import annotations

import json
import struct
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pyarrow.parquet as pq
import pyogrio
import shapely

from sinkwatch import geo
from sinkwatch.errors import SchemaError
from sinkwatch.sources.geology.archives import (
    ENDINGS,
    MOST_UNPACKED,
    SHAPEFILE,
    WAY_OUT,
    count_text,
    opened,
    parts_beside,
)
from sinkwatch.sources.strict_json import strict_json

if TYPE_CHECKING:
    from sinkwatch.model import Bounds

MOST_JSON: Final = 50_000_000
"""Largest GeoJSON file, bytes: it is read whole (sinkwatch data gates)."""

MOST_ROWS: Final = 200_000
"""Most zones round one area (sinkwatch data gates)."""

_CONVERT: Final = (
    f"Convert it with: ogr2ogr -t_srs {geo.BNG} zones.gpkg YOURFILE; "
    f"sinkwatch itself converts only between {geo.BNG} and {geo.WGS84}"
)
# What a file of each kind begins with. GDAL goes by what it finds inside and not by the name: a
# "GeoPackage" that is an XML recipe would make it open whatever else the recipe names.
_BEGINS: Final = {
    ".gpkg": b"SQLite format 3\x00",
    ".fgb": b"fgb\x03",
    ".shp": b"\x00\x00\x27\x0a",
    ".parquet": b"PAR1",
    ".geoparquet": b"PAR1",
}
_READING_FAILED: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    shapely.errors.ShapelyError,
)
_MARGIN_DEGREES: Final = 0.02  # over a kilometre: a straight line in metres bends in degrees
_SHP_HEADER: Final = 100  # bytes; the length of the whole stands in it, in words of two
_DBF_HEADER: Final = struct.Struct("<4xIHH")

_MOST_SHOWN: Final = 5

_Rows = Callable[[tuple[float, float, float, float]], gpd.GeoDataFrame]


def read(path: Path, within: Bounds, *, layer: str, name: str) -> gpd.GeoDataFrame:
    """
    Read the rows of a vector file that may touch a window.

    Parameters
    ----------
    path
        Shapefile, alone or in an archive, GeoPackage, GeoJSON, FlatGeobuf or GeoParquet.
    within
        The window, EPSG:27700.
    layer
        Which layer of a file or archive that holds several; empty for the only one.
    name
        What it is, for the message.

    Returns
    -------
    frame
        In the file's own CRS, EPSG:27700 or EPSG:4326, as it stands there.

    Raises
    ------
    SchemaError
        If it cannot be read, declares no CRS or another one, holds no row in the window, or its
        axes look exchanged.
    """
    with opened(path, layer, name) as found:
        crs, rows = _layer(found, "" if found.suffix == ".shp" else layer, name)
        west, south, east, north = window(within, crs)
        frame = _in_reach(rows, (west, south, east, north), name)
        if frame.empty and not _in_reach(rows, (south, west, north, east), name).empty:
            raise SchemaError(name, ["its two coordinates look exchanged"], WAY_OUT)
    if frame.empty:
        rule = f"no zone of it lies in the area, easting and northing {within.as_tuple()}"
        raise SchemaError(name, [rule], "Check that it is for this area; nothing has been used")
    if not isinstance(frame, gpd.GeoDataFrame):
        raise SchemaError(name, ["it holds no geometry"], WAY_OUT)
    return frame.set_crs(crs, allow_override=True)


def window(within: Bounds, crs: str) -> tuple[float, float, float, float]:
    """
    Return a window in the CRS of a file, a little wider where that is in degrees.

    Parameters
    ----------
    within
        The window, EPSG:27700.
    crs
        EPSG:27700 or EPSG:4326.

    Returns
    -------
    bounds
        West, south, east, north, in metres or degrees.
    """
    if crs == geo.BNG:
        return within.as_tuple()
    west, south, east, north = geo.degrees_round(within)
    return (
        west - _MARGIN_DEGREES,
        south - _MARGIN_DEGREES,
        east + _MARGIN_DEGREES,
        north + _MARGIN_DEGREES,
    )


def _in_reach(
    rows: _Rows, bounds: tuple[float, float, float, float], name: str
) -> gpd.GeoDataFrame:
    with _understood(name):
        frame = rows(bounds)
    if len(frame) > MOST_ROWS:
        raise SchemaError(name, [f"it has more than {MOST_ROWS:,} zones in the area"], WAY_OUT)
    return frame


@contextmanager
def _understood(name: str) -> Iterator[None]:
    try:
        yield
    except _READING_FAILED as error:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise SchemaError(name, [f"it cannot be read as a map layer ({said})"], WAY_OUT) from error


# ── Layers ───────────────────────────────────────────────────────────────────────────────────


def _layer(path: Path, layer: str, name: str) -> tuple[str, _Rows]:
    """Return a layer's CRS, and what reads its rows that touch given bounds."""
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        rule = f"it ends in {ending or 'nothing'}, which is none of {', '.join(ENDINGS)}"
        raise SchemaError(name, [rule], WAY_OUT)
    with _understood(name):
        _refuse_disguised(path, ending, name)
        if ending == ".shp":
            _refuse_torn(path, name)
        crs, rows = _OPENERS[ending](path, layer, name)
        return _known(crs, name), rows


def _refuse_disguised(path: Path, ending: str, name: str) -> None:
    begins = _BEGINS.get(ending, b"")
    with path.open("rb") as file:
        found = file.read(len(begins))
    if found != begins:
        rule = f"it ends in {ending}, but does not begin as such a file does"
        raise SchemaError(name, [f"it cannot be read as a map layer ({rule})"], WAY_OUT)


def _refuse_torn(path: Path, name: str) -> None:
    """Refuse a shapefile whose parts are not whole or not of one another: GDAL reads on."""
    parts = {part.suffix.lower(): part for part in parts_beside(path)}
    missing = [ending for ending in SHAPEFILE[:3] if ending not in parts]
    if missing:
        raise SchemaError(name, [f"its {ending} file is missing" for ending in missing], WAY_OUT)
    faults = [
        f"its {ending} file says it has {said:,} bytes and has {held:,}, as a truncated file does"
        for ending in (".shp", ".shx")
        if (said := _said_bytes(parts[ending])) != (held := parts[ending].stat().st_size)
    ]
    n_shapes = (parts[".shx"].stat().st_size - _SHP_HEADER) // 8
    with parts[".dbf"].open("rb") as file:
        n_rows, header, width = _DBF_HEADER.unpack(file.read(_DBF_HEADER.size))
    if parts[".dbf"].stat().st_size < header + n_rows * width:
        faults.append(f"its .dbf file is too short for its {n_rows:,} rows")
    if n_rows != n_shapes:
        faults.append(f"it has {n_shapes:,} shapes and {n_rows:,} rows")
    if faults:
        raise SchemaError(name, faults, WAY_OUT)


def _said_bytes(path: Path) -> int:
    with path.open("rb") as file:
        return 2 * int.from_bytes(file.read(_SHP_HEADER)[24:28], "big")


def _known(crs: object, name: str) -> str:
    if crs is None:
        rule = "no CRS is declared, so its coordinates cannot be placed"
        raise SchemaError(
            name,
            [rule],
            f"Save it with {geo.BNG} or {geo.WGS84} declared (a shapefile's .prj); "
            "sinkwatch never guesses",
        )
    code = geo.code_of(crs)
    if code not in (geo.BNG, geo.WGS84):
        raise SchemaError(name, [f"its CRS is {code}"], _CONVERT)
    return code


def _of_gdal(path: Path, layer: str, name: str) -> tuple[object, _Rows]:
    layers = {
        str(found): kind for found, kind in pyogrio.list_layers(path).tolist() if kind is not None
    }
    held = [each for each in layers if not layer or each.casefold() == layer.casefold()]
    if len(held) != 1:
        shown = ", ".join(sorted(layers)[:_MOST_SHOWN]) or "nothing with geometry"
        raise SchemaError(
            name,
            [f"{count_text(held, layer)} could be meant; it holds {shown}"],
            "Name one under 'layer' in the area file",
        )

    about = pyogrio.read_info(path, layer=held[0], force_feature_count=True)
    if about["features"] <= MOST_ROWS:
        # Whole, since what looks for rows in a window passes over those without a shape.
        frame = _quietly(path, layer=held[0])
        return about["crs"], lambda bounds: _touching(frame, bounds)
    return about["crs"], lambda bounds: _quietly(
        path, layer=held[0], bbox=bounds, max_features=MOST_ROWS + 1
    )


def _quietly(path: Path, **wanted: Any) -> gpd.GeoDataFrame:  # noqa: ANN401 - as GDAL's reader
    with warnings.catch_warnings():
        # Measures that are left out, rings that are not closed: the shapes are checked later.
        warnings.simplefilter("ignore")
        frame: gpd.GeoDataFrame = pyogrio.read_dataframe(path, **wanted)
        return frame


def _of_parquet(path: Path, layer: str, name: str) -> tuple[object, _Rows]:
    del layer
    footer = pq.read_metadata(path)
    n_bytes = sum(footer.row_group(i).total_byte_size for i in range(footer.num_row_groups))
    if n_bytes > MOST_UNPACKED:
        rule = f"it unpacks to {n_bytes:,} bytes, more than {MOST_UNPACKED:,}"
        raise SchemaError(name, [rule], WAY_OUT)
    if footer.metadata is None or b"geo" not in footer.metadata:
        raise SchemaError(name, ["it holds no geometry"], WAY_OUT)
    frame = gpd.read_parquet(path)
    return frame.crs, lambda bounds: _touching(frame, bounds)


def _of_geojson(path: Path, layer: str, name: str) -> tuple[object, _Rows]:
    # Not through GDAL, which guesses a type for each column and reads NaN as no position at all.
    del layer
    if path.stat().st_size > MOST_JSON:
        rule = f"GeoJSON of more than {MOST_JSON:,} bytes is not read"
        raise SchemaError(name, [rule], "Save it as a GeoPackage; nothing has been used")
    document = strict_json(path.read_bytes(), name=name)
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list) or document.get("type") != "FeatureCollection":
        raise SchemaError(name, ["it is JSON, but no FeatureCollection of GeoJSON"], WAY_OUT)
    shapes = [_shape(number, _dict(each), name) for number, each in enumerate(features, 1)]
    properties = [_dict(_dict(each).get("properties")) for each in features]
    frame = gpd.GeoDataFrame(properties, geometry=np.array([*shapes, None], dtype=object)[:-1])
    declared = _dict(_dict(document.get("crs")).get("properties")).get("name", geo.WGS84)
    return declared, lambda bounds: _touching(frame, bounds)


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _shape(number: int, feature: Mapping[str, Any], name: str) -> shapely.Geometry | None:
    geometry = feature.get("geometry")
    if geometry is None:
        return None
    try:
        return shapely.from_geojson(json.dumps(geometry))
    except shapely.errors.ShapelyError as error:
        rule = f"feature {number}: its geometry cannot be read ({error})"
        raise SchemaError(name, [rule], WAY_OUT) from error


def _touching(
    frame: gpd.GeoDataFrame, bounds: tuple[float, float, float, float]
) -> gpd.GeoDataFrame:
    """Return the rows that may touch bounds, those without a shape among them."""
    west, south, east, north = bounds
    own = frame.geometry.bounds
    apart = (
        (own["maxx"] < west) | (own["minx"] > east) | (own["maxy"] < south) | (own["miny"] > north)
    )
    return frame[~apart].reset_index(drop=True)


_OPENERS: Final = {
    ".shp": _of_gdal,
    ".gpkg": _of_gdal,
    ".fgb": _of_gdal,
    ".parquet": _of_parquet,
    ".geoparquet": _of_parquet,
    ".geojson": _of_geojson,
    ".json": _of_geojson,
}
