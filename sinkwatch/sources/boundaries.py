"""What makes a user's file the boundary of a site: one area of ground, whole, in Great Britain."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely
from shapely.geometry.base import BaseMultipartGeometry

from sinkwatch import geo, wording
from sinkwatch.dossier import words
from sinkwatch.errors import SchemaError
from sinkwatch.model import Place, PlaceKind
from sinkwatch.sources import boundary_files
from sinkwatch.sources.boundary_files import ENDINGS, MOST_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from shapely.geometry.base import BaseGeometry

__all__ = ["ENDINGS", "LARGEST_M2", "LEAST_M2", "MOST_BYTES", "MOST_CORNERS", "read"]

MOST_CORNERS: Final = 100_000
"""Most corners of a boundary (sinkwatch data gates)."""

LEAST_M2: Final = 1.0
"""Least ground that a boundary may enclose, m²: degrees taken for metres enclose less."""

LARGEST_M2: Final = 50_000_000.0
"""Most ground that a boundary may enclose, m²: ten times the city of Ripon."""

_MENDED_M2: Final = 0.01  # a boundary is mended only if that changes no ground to speak of
_SHOWN_SHA256: Final = 12  # hexadecimal digits, as elsewhere
_LABEL_LENGTH: Final = 120
_ID_LENGTH: Final = 64
_NAMES: Final = ("name", "title", "site_name", "label")
_REDRAW: Final = "Draw it as one closed area"


def read(path: Path, *, label: str = "") -> Place:
    """
    Read the boundary of a site from a file.

    Parameters
    ----------
    path
        A file on this machine with one polygon, of one or several parts: GeoJSON, GeoPackage,
        KML, or a shapefile, alone or in an archive; any CRS that it declares.
    label
        Name for people; the feature's own, or the file's, if it is empty.

    Returns
    -------
    place
        A site whose geometry is flat and valid, exteriors anticlockwise, EPSG:27700.

    Raises
    ------
    SchemaError
        If the file is missing or cannot be read, or does not hold one area of ground.
    CoverageError
        If it lies outside Great Britain.
    """
    name = boundary_files.shown(path)
    held = boundary_files.only(path)
    surface = _surface(held.shape, name)
    moved, accuracy_m = geo.shapes_to_bng(np.array([surface], dtype=object), held.crs, name=name)
    shape = _whole(moved[0], name)
    middle = shape.centroid
    inside = middle if shape.contains(middle) else shape.representative_point()
    code = words.fit(geo.name_of(held.crs))[:_LABEL_LENGTH]
    return Place(
        place_id=_slug(path.stem),
        label=_label(label, held.properties, path.stem),
        kind=PlaceKind.SITE,
        easting=inside.x,
        northing=inside.y,
        position_uncertainty_m=math.hypot(geo.BOUNDARY_UNCERTAINTY_M, accuracy_m),
        basis=_basis(name, held.sha256, code, accuracy_m, shape),
        geometry=shape,
    )


# ── Ground ───────────────────────────────────────────────────────────────────────────────────


def _surface(shape: BaseGeometry, name: str) -> shapely.MultiPolygon:
    """Return the parts of an area; refuse what encloses nothing, or cannot be placed."""
    parts = list(_pieces(shape))
    surfaces = [part for part in parts if isinstance(part, shapely.Polygon)]
    if len(surfaces) < len(parts):
        raise SchemaError(name, [f"it is a {shape.geom_type}, not an area"], _REDRAW)
    n_corners = int(shapely.get_num_coordinates(shape))
    if n_corners > MOST_CORNERS:
        raise SchemaError(
            name,
            [f"it has {n_corners:,} corners, more than {MOST_CORNERS:,}"],
            "Simplify it by a few centimetres",
        )
    if not np.isfinite(shapely.get_coordinates(shape)).all():
        raise SchemaError(name, ["it has coordinates that are NaN or infinite"], "Draw it again")
    return shapely.MultiPolygon(surfaces)


def _pieces(shape: BaseGeometry) -> Iterator[BaseGeometry]:
    """Yield what a shape is made of, collections in collections opened."""
    if isinstance(shape, BaseMultipartGeometry):
        for piece in shape.geoms:
            yield from _pieces(piece)
    else:
        yield shape


def _whole(moved: BaseGeometry, name: str) -> BaseGeometry:
    """Return ground whose outline does not cross itself, without corners that say nothing."""
    parts = [_wide(part) for part in _pieces(moved) if isinstance(part, shapely.Polygon)]
    trimmed = shapely.MultiPolygon([part for part in parts if _encloses(part.exterior)])
    mended: BaseGeometry = trimmed
    if not trimmed.is_valid:
        mended = shapely.make_valid(trimmed, method="structure", keep_collapsed=False)
        # A line that only touches itself is mended; where it crosses, nobody can say what is in.
        if abs(mended.area - trimmed.area) > _MENDED_M2:
            raise _crossed(trimmed, name)
    kept = [part for part in _pieces(mended) if isinstance(part, shapely.Polygon)]
    shape = kept[0] if len(kept) == 1 else shapely.MultiPolygon(kept)
    _refuse_size(shape.area, name)
    return shapely.orient_polygons(shape)


def _wide(part: shapely.Polygon) -> shapely.Polygon:
    """Leave out holes that are but a line, and corners that are there twice."""
    holes = [_trimmed(hole) for hole in part.interiors if _encloses(hole)]
    return shapely.Polygon(_trimmed(part.exterior), holes)


def _encloses(ring: shapely.LinearRing) -> bool:
    return bool(shapely.convex_hull(ring).area > 0)


def _trimmed(ring: shapely.LinearRing) -> shapely.LinearRing:
    return shapely.remove_repeated_points(ring) if _encloses(ring) else ring


def _crossed(shape: BaseGeometry, name: str) -> SchemaError:
    fault, _, at = shapely.is_valid_reason(shape).partition("[")
    easting, northing = (float(metres) for metres in at.rstrip("]").split())
    reference = geo.format_grid_reference(easting, northing, figures=10)
    rule = (
        f"its boundary crosses itself, or its parts overlap: {fault.lower()} at {reference} "
        f"(easting {easting:,.1f}, northing {northing:,.1f})"
    )
    return SchemaError(name, [rule], "Move the corners next to it until its lines cross nowhere")


def _refuse_size(area_m2: float, name: str) -> None:
    if area_m2 < LEAST_M2:
        raise SchemaError(
            name,
            [f"it encloses no ground: less than {LEAST_M2:g} m²"],
            "Draw it as an area, and check that the CRS it declares is the one it is in",
        )
    if area_m2 > LARGEST_M2:
        raise SchemaError(
            name,
            [f"it encloses {area_m2 / 1e6:,.1f} km², more than {LARGEST_M2 / 1e6:g} km²"],
            "Give the boundary of one site",
        )


# ── Words ────────────────────────────────────────────────────────────────────────────────────


def _label(given: str, properties: Mapping[str, object], stem: str) -> str:
    own = {key.casefold(): value for key, value in properties.items() if isinstance(value, str)}
    candidates = (given, *(own.get(key, "") for key in _NAMES), stem.replace("_", " "), "Boundary")
    label = next(fitted for fitted in map(words.fit, candidates) if fitted)
    return wording.trimmed(label, _LABEL_LENGTH)


def _slug(stem: str) -> str:
    plain = unicodedata.normalize("NFKD", words.fit(stem)).encode("ascii", "ignore").decode()
    slug = "-".join(re.findall(r"[a-z0-9]+", plain.lower()))[:_ID_LENGTH].strip("-")
    return slug or "boundary"


def _basis(name: str, sha256: str, code: str, accuracy_m: float, shape: BaseGeometry) -> str:
    n_parts = int(shapely.get_num_geometries(shape))
    parts = f", {n_parts} parts" if n_parts > 1 else ""
    moved = f", converted from there to {wording.plus_minus(accuracy_m)}" if accuracy_m else ""
    crs = code if re.fullmatch(r"[A-Z]+:\w+", code) else words.quoted(code)
    return (
        f"boundary from {words.quoted(name)} (sha256 {sha256[:_SHOWN_SHA256]}), {crs}{moved}{parts}"
    )
