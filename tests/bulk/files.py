"""Files of positions, as the tests of what assesses them make and read them."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from pyarrow import parquet

from sinkwatch import bulk, geo
from sinkwatch.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sinkwatch.model import Area


ADDED = [
    "band",
    "geology_class",
    "scored_as",
    "sinkhole_id",
    "sinkhole_distance_m",
    "sinkhole_uncertainty_m",
    "n_features",
    "check_record",
]
MART = (431_579.0, 471_829.0)  # the old auction mart
ELSEWHERE = (530_000.0, 180_000.0)  # London
DEFAULT_M = 25.0

Assess: TypeAlias = "Callable[..., bulk.BulkReport]"


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def random_positions(n: int, ripon: Area, seed: int = 7) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    west, south, east, north = ripon.bounds.as_tuple()
    return rng.uniform(west - 500, east + 500, n), rng.uniform(south - 500, north + 500, n)


def a_layer(
    positions: Sequence[tuple[float, float] | None], crs: str | None = geo.BNG, **columns: object
) -> gpd.GeoDataFrame:
    points = np.array([p if p is None else shapely.Point(p) for p in positions], dtype=object)
    return gpd.GeoDataFrame(dict(columns), geometry=gpd.GeoSeries(points, crs=crs), crs=crs)


def nothing_left(folder: Path, *files: Path) -> bool:
    """Tell whether a folder holds these files and nothing half done."""
    beside = {path.with_name(f"{path.name}.manifest.json") for path in files}
    return set(folder.iterdir()) - beside == set(files)


def retold(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the GeoParquet metadata of a file."""
    table = parquet.read_table(path)
    metadata = dict(table.schema.metadata)
    told = json.loads(metadata[b"geo"])
    change(told)
    metadata[b"geo"] = json.dumps(told).encode()
    parquet.write_table(table.replace_schema_metadata(metadata), path)


def refused(
    run: Assess,
    source: Path,
    target: Path,
    kind: type[Exception] = SchemaError,
    **asked: Any,  # noqa: ANN401 - what `Request` takes
) -> str:
    """Return the message, having seen that the folder holds the source alone."""
    before = target.read_bytes() if target.exists() else None
    with pytest.raises(kind) as error:
        run(source, target, **asked)
    assert (target.read_bytes() if target.exists() else None) == before
    kept = [path for path in (source, target) if path.exists()]
    assert nothing_left(source.parent, *kept)
    assert "\n" not in str(error.value)
    return str(error.value)


# ── Every kind of file ───────────────────────────────────────────────────────────────────────


def a_file(
    path: Path,
    positions: Sequence[tuple[float, float] | None],
    crs: str = geo.BNG,
    **columns: Sequence[object],
) -> Path:
    """Write positions, in a system of coordinates, and other columns as the kind that is named."""
    if path.suffix == ".zip":
        return _open_uprn(path, positions)
    layer = a_layer(positions, crs, **columns)
    if path.suffix == ".csv":
        titles = ["easting", "northing"] if crs == geo.BNG else ["longitude", "latitude"]
        plain = pd.DataFrame(layer.drop(columns="geometry"))
        plain[titles] = np.column_stack([layer.geometry.x, layer.geometry.y])
        plain.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        layer.to_parquet(path)
    else:
        more = {"SPATIAL_INDEX": "NO"} if path.suffix == ".fgb" else {}
        pyogrio.write_dataframe(layer, path, layer="given", geometry_type="Point", **more)
    return path


def _open_uprn(path: Path, positions: Sequence[tuple[float, float] | None]) -> Path:
    lines = ["UPRN,X_COORDINATE,Y_COORDINATE,LATITUDE,LONGITUDE"]
    for uprn, at in enumerate(positions, start=100):
        lines.append(f"{uprn},,,," if at is None else f"{uprn},{at[0]!r},{at[1]!r},0,0")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("osopenuprn_202611.csv", "\ufeff" + "\r\n".join(lines) + "\r\n")
    return path


def read_back(path: Path) -> pd.DataFrame:
    """Read any result, as other programs do; without a geometry from CSV."""
    if path.suffix == ".csv":
        return pd.read_csv(path)
    if path.suffix in {".parquet", ""}:
        return gpd.read_parquet(path)
    return gpd.read_file(path)


def answers(path: Path) -> list[tuple[object, ...]]:
    """Read what was assessed, alike from every kind of file."""
    frame = pd.DataFrame(read_back(path))[ADDED].astype(object)
    return [tuple(row) for row in frame.where(frame.notna(), None).to_numpy()]
