"""Shapefiles, GeoPackages and the zips that they come in, made small and in memory."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import pyogrio

from sinkwatch import geo

if TYPE_CHECKING:
    import pandas as pd
    from shapely import Geometry

# As OS writes it beside its shapefiles: without a code to know it by.
PRJ: Final = (
    b'PROJCS["British_National_Grid",GEOGCS["GCS_OSGB_1936",DATUM["D_OSGB_1936",SPHEROID['
    b'"Airy_1830",6377563.396,299.3249646]],PRIMEM["Greenwich",0.0],UNIT["Degree",'
    b'0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER["False_Easting",400000.0],'
    b'PARAMETER["False_Northing",-100000.0],PARAMETER["Central_Meridian",-2.0],PARAMETER['
    b'"Scale_Factor",0.9996012717],PARAMETER["Latitude_Of_Origin",49.0],UNIT["Meter",1.0]]'
)
Files = Mapping[str, bytes]


def a_layer(shapes: Iterable[Geometry | None], **columns: Any) -> gpd.GeoDataFrame:  # noqa: ANN401
    return gpd.GeoDataFrame(columns, geometry=list(shapes), crs=geo.BNG)


def shapefile(stem: str, layer: gpd.GeoDataFrame, **options: Any) -> dict[str, bytes]:  # noqa: ANN401
    """Return the files of a shapefile by name."""
    with tempfile.TemporaryDirectory() as folder:
        layer.to_file(f"{folder}/{stem}.shp", **options)
        files = {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}
    return files | {f"{stem}.prj": PRJ}


def geopackage(**tables: pd.DataFrame) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "it.gpkg"
        for name, table in tables.items():
            pyogrio.write_dataframe(table, path, layer=name, driver="GPKG")
        return path.read_bytes()


def zipped(files: Files, *, folder: str = "Any Folder/data/") -> bytes:
    """Return a zip of files; those that say where they lie are left there."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            place = name if "/" in name or "\\" in name else folder + name
            archive.writestr(zipfile.ZipInfo(place), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def zip_of(*members: tuple[zipfile.ZipInfo | str, bytes]) -> bytes:
    """Return a zip of members as they are, twice the same if it is given twice."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, content in members:
            archive.writestr(info, content)
    return buffer.getvalue()


def a_link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = 0o120777 << 16
    return info
