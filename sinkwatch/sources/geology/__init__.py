"""Polygons of susceptible ground, from any product's vector file, gated and cut to an area."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from sinkwatch import geo, schemas
from sinkwatch.errors import SchemaError, SourceError
from sinkwatch.model import Bounds
from sinkwatch.sources import snapshots
from sinkwatch.sources.geology import archives as geology_archives
from sinkwatch.sources.geology import fields as geology_fields
from sinkwatch.sources.geology import files as geology_files
from sinkwatch.sources.geology.shapes import Gated, gated

if TYPE_CHECKING:
    from sinkwatch.model import Area, Snapshot, SourceSpec
    from sinkwatch.sources.errand import Errand

LOG = logging.getLogger(__name__)

BEYOND_M: Final = 2_000.0
"""Geology is kept this far round the area's bounds, metres: further than any line is uncertain."""

MOST_REJECTED: Final = 0.05
"""Share of zones with unusable shapes above which the file is refused (sinkwatch data gates)."""

MOST_REPEATED: Final = 0.2
"""Share of zones that are there twice above which it is refused (sinkwatch data gates)."""

_MOST_SHOWN: Final = 3
_ID_LENGTH: Final = 12  # hexadecimal digits: ample for the zones round one area


def fetch(spec: SourceSpec, errand: Errand) -> Snapshot:
    """
    Take a copy of the file; a shapefile's parts become one archive.

    Parameters
    ----------
    spec
        The source; its path may name a shapefile or the folder of one.
    errand
        Where copies are kept, and the time of the run.

    Returns
    -------
    snapshot
        The copy.

    Raises
    ------
    SourceError
        If it cannot be read or is too large.
    SchemaError
        If a folder holds no shapefile, or several and the area file names no ``layer``.
    """
    path = spec.path
    if path is None or not (path.is_dir() or (path.suffix.lower() == ".shp" and path.is_file())):
        return snapshots.take(spec, errand)
    try:
        if geology_archives.size_of(path) > snapshots.MOST_BYTES:
            raise SourceError(
                spec.name,
                f"{path} is larger than {snapshots.MOST_BYTES:,} bytes",
                "Cut it to the area first, such as with ogr2ogr -spat",
            )
        content = geology_archives.packed(path, layer=_layer_of(spec), name=spec.name)
    except OSError as error:
        raise SourceError(
            spec.name, f"{path} cannot be read ({error.strerror})", "Check its name and rights"
        ) from error
    return snapshots.answered(spec, errand, content, ".zip", url=path.name)


def load(snapshot: Snapshot, spec: SourceSpec, area: Area) -> gpd.GeoDataFrame:
    """
    Read the geology round an area.

    Parameters
    ----------
    snapshot
        Polygons in EPSG:4326 or EPSG:27700 with a class, and what the product has besides: a
        title, an id and an uncertainty, metres; `boundary_uncertainty_m` may hold one number
        for each side, null where drawing stopped. Without it every side is known as well as the
        polygon.
    spec
        The source; its options: ``product`` names one of `geology_fields.products`, ``layer``
        the layer of a file that holds several, ``columns`` maps our names to the file's,
        without regard to case, ``classes`` its classes to ours, and
        ``position_uncertainty_m`` says how well its lines are known where the file does not.
    area
        The area; zones are cut `BEYOND_M` beyond its bounds.

    Returns
    -------
    geology
        Frame of `schemas.GEOLOGY`, EPSG:27700, ordered by `zone_id`, with `our_class`
        (A, B or C) if a product is named, and `drawn_within` (Bounds or None) where zones were
        cut.

    Raises
    ------
    SchemaError
        If it cannot be read, a class is unknown, more than 5 % of its shapes cannot be used,
        nothing of it lies in the area, or anything else is not as promised.
    """
    name = f"{snapshot.source} ({snapshot.url})"
    within = _round(area)
    frame = geology_files.read(snapshot.path, within, layer=_layer_of(spec), name=name)
    said = geology_fields.attributes(
        pd.DataFrame(frame.drop(columns=frame.geometry.name)), spec, name
    )
    found = _placed(frame, within, name)
    _refuse_rejected(said, found, name)
    is_held = ~shapely.is_missing(found.shapes)
    if not is_held.any():
        rule = f"no zone of it lies within {BEYOND_M:,.0f} m of {area.name}"
        raise SchemaError(name, [rule], "Check that it is for this area; nothing has been used")
    geology = gpd.GeoDataFrame(
        said[is_held].reset_index(drop=True), geometry=list(found.shapes[is_held]), crs=geo.BNG
    )
    if found.is_cut[is_held].any():
        cut = [within if is_cut else None for is_cut in found.is_cut[is_held]]
        geology["drawn_within"] = pd.Series(cut, dtype=object)
    named = _identified(geology, name)
    return schemas.GEOLOGY.check(named).sort_values("zone_id", ignore_index=True)


def _layer_of(spec: SourceSpec) -> str:
    return str(spec.options.get("layer", ""))


def _round(area: Area) -> Bounds:
    west, south, east, north = area.bounds.as_tuple()
    return Bounds(
        min_easting=west - BEYOND_M,
        min_northing=south - BEYOND_M,
        max_easting=east + BEYOND_M,
        max_northing=north + BEYOND_M,
    )


def _placed(frame: gpd.GeoDataFrame, within: Bounds, name: str) -> Gated:
    """Gate the shapes as the file has them, so that each can be placed, and again in metres."""
    crs = geo.code_of(frame.crs)
    first = gated(frame.geometry.to_numpy(), geology_files.window(within, crs))
    if crs == geo.BNG:
        return first
    is_held = ~shapely.is_missing(first.shapes)
    shapes = gpd.GeoDataFrame(geometry=gpd.GeoSeries(first.shapes[is_held], crs=frame.crs))
    moved = np.full(len(frame), None, dtype=object)
    moved[is_held] = geo.frame_to_bng(shapes, name=name).geometry.to_numpy()
    # A line cut in degrees lies a little outside the window, where it is cut in metres.
    second = gated(moved, within.as_tuple())
    return Gated(
        shapes=second.shapes,
        faults=np.where(is_held, second.faults, first.faults),
        is_cut=second.is_cut,
    )


def _refuse_rejected(said: pd.DataFrame, found: Gated, name: str) -> None:
    rejected = found.faults != ""
    n_rejected = int(rejected.sum())
    if not n_rejected:
        return
    ids = said["zone_id"].fillna("row " + said.index.astype("str").to_series(index=said.index))
    examples = [
        f"{label}: {fault}" for label, fault in zip(ids, found.faults, strict=True) if fault
    ]
    shown = "; ".join(examples[:_MOST_SHOWN])
    rule = f"{n_rejected} of {len(said)} zones have a shape that cannot be used ({shown})"
    if n_rejected > MOST_REJECTED * len(said):
        raise SchemaError(name, [rule], "Mend the file and run again; nothing of it has been used")
    LOG.warning("%s: %s", name, rule)


def _identified(geology: gpd.GeoDataFrame, name: str) -> gpd.GeoDataFrame:
    """Give zones of a file without ids one that rests on class and shape, and drop twins."""
    if geology["zone_id"].notna().any():
        return geology
    outlines = shapely.to_wkb(shapely.normalize(geology.geometry.to_numpy()))
    ids = [
        hashlib.sha256(f"{kind}\n".encode() + outline).hexdigest()[:_ID_LENGTH]
        for kind, outline in zip(geology["source_class"], outlines, strict=True)
    ]
    named = geology.assign(zone_id=pd.Series(ids, index=geology.index, dtype="str"))
    twins = named["zone_id"].duplicated()
    if twins.any():
        rule = f"{int(twins.sum())} of {len(named)} zones are there twice"
        if twins.mean() > MOST_REPEATED:
            raise SchemaError(name, [rule], "Mend the file; nothing of it has been used")
        LOG.warning("%s: %s", name, rule)
    return gpd.GeoDataFrame(named[~twins].reset_index(drop=True))
