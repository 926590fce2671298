"""Small layers of geology in the shape of each product, saved in every format."""

from __future__ import annotations

import io
import json
import tempfile
import warnings
import zipfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import shapely

from sinkwatch import geo

if TYPE_CHECKING:
    from collections.abc import Sequence

SIDE_M: Final = 1_000
WEST, SOUTH = 430_000, 470_000


def square(number: int) -> shapely.Polygon:
    """The first square begins at 430,000 470,000; each next one lies east of the one before."""
    west = WEST + number * SIDE_M
    return shapely.box(west, SOUTH, west + SIDE_M, SOUTH + SIDE_M)


def a_layer(
    *classes: str, column: str = "CLASS", crs: str | None = geo.BNG, **columns: object
) -> gpd.GeoDataFrame:
    """A square for each class, side by side from the west, and nothing else but `columns`."""
    given = {
        column: list(classes),
        **{name: [value] * len(classes) for name, value in columns.items()},
    }
    shapes = [square(number) for number in range(len(classes))]
    return gpd.GeoDataFrame(given, geometry=shapes, crs=crs)


def geosure(*classes: str) -> gpd.GeoDataFrame:
    return a_layer(*classes, Legend="Soluble rocks, in our words", VERSION="8.0")


def file_of(layer: gpd.GeoDataFrame, ending: str, **options: Any) -> bytes:  # noqa: ANN401 - GDAL's
    """Return a layer as one file; a shapefile comes as an archive of its parts."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # That one has no CRS is what some tests are about.
        warnings.filterwarnings("ignore", "'crs' was not provided")
        path = Path(folder) / f"layer{'.shp' if ending == '.zip' else ending}"
        if ending == ".parquet":
            layer.to_parquet(path)
        else:
            layer.to_file(path, **options)
        if ending == ".zip":
            return zipped({part.name: part.read_bytes() for part in sorted(path.parent.iterdir())})
        return path.read_bytes()


@cache
def plain(ending: str) -> bytes:
    """Two zones of GeoSure, classes E and B, in one format."""
    return file_of(geosure("E", "B"), ending)


@cache
def parts() -> dict[str, bytes]:
    """The same as the files of a shapefile."""
    with zipfile.ZipFile(io.BytesIO(plain(".zip"))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: dict[str, bytes], names: Sequence[str] = ()) -> bytes:
    """An archive of those members, and of more that are empty."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
        for name in names:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Duplicate name")
                archive.writestr(zipfile.ZipInfo(name), b"")
    return target.getvalue()


def a_zone(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any member of a feature
    """A zone in our own columns, as GeoJSON; `geometry` and `properties` stand for the whole."""
    corners = [[-1.55, 54.12], [-1.53, 54.12], [-1.53, 54.13], [-1.55, 54.13], [-1.55, 54.12]]
    whole = {name: changes.pop(name) for name in ("geometry", "properties") if name in changes}
    return {
        "type": "Feature",
        "properties": {
            "zone_id": "Z1", "class": "C", "title": "Belt",
            "position_uncertainty_m": 500, **changes,
        },
        "geometry": {"type": "Polygon", "coordinates": [corners]},
        **whole,
    }  # fmt: skip


def a_collection(*features: object, **members: object) -> bytes:
    given = {"type": "FeatureCollection", **members, "features": list(features)}
    return json.dumps(given).encode()
