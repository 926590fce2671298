"""Backdrop and postcodes as vector tiles: files that a browser reads piece by piece, as it goes."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from sinkwatch import geo, style, wording
from sinkwatch.errors import StoreError
from sinkwatch.publish import assets, backdrop, layers
from sinkwatch.publish.kept import Kept

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sinkwatch.model import Findings
    from sinkwatch.publish.shapes import Shape
    from sinkwatch.publish.strata import Layer

FOLDER: Final = "tiles"
"""Where the files lie in the site; our own script looks for them there."""

LAST_ZOOM: Final = 14
"""Zoom past which a tile is drawn larger instead of being made once more. Each is drawn at twice
its size, and a step of its coordinates is half a pixel of the closest view."""

_FIRST_ZOOM: Final = 9  # drawn at twice its size: the furthest view of the map is 10
_STREETS_FROM: Final = 11
_LIMITS: Final = {"MAX_SIZE": "8000000", "MAX_FEATURES": "1000000"}
"""Far above any tile of ours: past its own limits GDAL leaves shapes out and says nothing."""

_COARSER: Final = {"SIMPLIFICATION": "3", "SIMPLIFICATION_MAX_ZOOM": "0"}
"""Corners may move by so many of a tile's 4,096 steps, but not in its closest zoom."""

_MISSING: Final = {
    "backdrop": "Streets and buildings could not be loaded here. Everything else on the map is "
    "complete.",
    "postcodes": "Postcodes could not be loaded here. The page “Look up” has them too.",
}


_KEPT: Final = Kept(most=8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """
    One file of tiles.

    Attributes
    ----------
    name
        Of the file, and of the one layer in each of its tiles.
    layer
        Name of the entry of the map's layer switch that it is drawn for.
    first_zoom
        Furthest zoom that has tiles; `LAST_ZOOM` is the closest.
    rows
        Shapes, EPSG:27700, with the columns that the map's script asks for.
    """

    name: str
    layer: str
    first_zoom: int
    rows: gpd.GeoDataFrame

    @property
    def path(self) -> str:
        """Return its path inside the site."""
        return f"{FOLDER}/{self.name}.pmtiles"


def archives(findings: Findings, drawn: Sequence[Layer]) -> list[Archive]:
    """
    Put together what goes into tiles.

    Parameters
    ----------
    findings
        Of one run.
    drawn
        Layers of the map of its area: one that has nothing in it needs no tiles.

    Returns
    -------
    archives
        From below; none without rows.
    """
    shown = {layer.name: layer for layer in drawn if any(part.shapes for part in layer.parts)}
    held = findings.surroundings.backdrop
    found = _backdrop(held) if held is not None and "backdrop" in shown else []
    if "postcodes" in shown:
        found.append(_postcodes([s for part in shown["postcodes"].parts for s in part.shapes]))
    return [each for each in found if len(each.rows)]


def pages(archives: Sequence[Archive]) -> dict[str, bytes]:
    """
    Write the tiles, and what draws them.

    Parameters
    ----------
    archives
        As the function of that name returns them.

    Returns
    -------
    pages
        By path inside the site; empty without archives.

    Raises
    ------
    StoreError
        If the folder for temporary files cannot be written to.
    """
    if not archives:
        return {}
    library = assets.protomaps_script()
    return {
        **{each.path: written(each) for each in archives},
        library.path: library.text.encode(),
        assets.PROTOMAPS_LICENCE: assets.protomaps_licence(),
    }


def said(findings: Findings, archives: Sequence[Archive]) -> dict[str, object]:
    """
    Return what our own script is told, which fills the layers that folium left empty.

    Parameters
    ----------
    findings
        Of one run.
    archives
        As the function of that name returns them.

    Returns
    -------
    said
        JSON-able; paths are seen from the folder of the scripts.
    """
    names = filled(archives)
    return {
        "library": f"../{assets.protomaps_script().path}",
        "lastZoom": LAST_ZOOM,
        "archives": {
            name: {each.name: f"../{each.path}" for each in archives if each.layer == name}
            for name in names
        },
        "missing": {name: _MISSING[name] for name in names},
        "colours": backdrop.COLOURS,
        "widths": backdrop.WIDTHS,
        "buildingsFrom": backdrop.BUILDINGS_FROM,
        "paper": style.PAPER,
        "ink": style.MUTED,
        "credit": backdrop.credit(findings) if "backdrop" in names else "",
        "bands": [each.band.key for each in findings.area.parameters.table.styles.values()],
        "opacity": layers.POSTCODE_OPACITY,
        "facts": layers.POSTCODE_FACTS,
    }


def filled(archives: Sequence[Archive]) -> list[str]:
    """
    Name the layers of the map that tiles fill.

    Parameters
    ----------
    archives
        As the function of that name returns them.

    Returns
    -------
    names
        Each once, in order.
    """
    return list(dict.fromkeys(each.layer for each in archives))


def written(archive: Archive) -> bytes:
    """
    Write one file of tiles; the same rows give the same bytes.

    Parameters
    ----------
    archive
        What is in it.

    Returns
    -------
    content
        PMTiles, version 3: Mapbox vector tiles in Web Mercator.

    Raises
    ------
    StoreError
        If the folder for temporary files cannot be written to.
    """
    said = archive.name, archive.first_zoom
    return _KEPT.of([archive.rows], said, lambda: _written(archive))


def _written(archive: Archive) -> bytes:
    options = {
        **_LIMITS,
        **(_COARSER if archive.first_zoom < LAST_ZOOM else {}),
        "MINZOOM": str(archive.first_zoom),
        "MAXZOOM": str(LAST_ZOOM),
        "NAME": archive.name,
        "TYPE": "overlay",
    }
    try:
        with tempfile.TemporaryDirectory(prefix="sinkwatch-") as folder:
            path = Path(folder) / f"{archive.name}.pmtiles"
            pyogrio.write_dataframe(
                _on_the_web(archive.rows),
                path,
                driver="PMTiles",
                layer=archive.name,
                dataset_options=options,
            )
            return path.read_bytes()
    except (OSError, RuntimeError) as error:  # of GDAL's, all are one or the other
        raise StoreError(
            tempfile.gettempdir(),
            f"the map's {archive.name} cannot be written there as tiles",
            "Free some space, or name another folder in TMPDIR",
        ) from error


def _backdrop(held: gpd.GeoDataFrame) -> list[Archive]:
    """Split it by the zoom from which it is drawn: far away a town's every street is a blot."""
    ordered = held.sort_values("feature_id", ignore_index=True)
    columns = {
        "layer": ordered["layer"],
        "road_class": pd.Series(backdrop.road_classes(ordered), dtype="str"),
        "name": _names(ordered),
    }
    rows = gpd.GeoDataFrame(columns, geometry=ordered.geometry.to_numpy(), crs=geo.BNG)
    is_building = (rows["layer"] == "building").to_numpy()
    is_street = ((rows["layer"] == "road") & (rows["road_class"] == "local")).to_numpy()
    split = (
        ("backdrop", _FIRST_ZOOM, ~is_building & ~is_street),
        ("streets", _STREETS_FROM, is_street),
        ("buildings", LAST_ZOOM, is_building),
    )
    return [
        Archive(name=name, layer="backdrop", first_zoom=first_zoom, rows=rows[chosen])
        for name, first_zoom, chosen in split
    ]


def _names(rows: gpd.GeoDataFrame) -> pd.Series:
    """Return names as plain text; buildings and woods need none."""
    is_named = rows["layer"].isin(["road", "water"]) & rows["name"].notna()
    named = rows["name"].where(is_named)
    return named.map(wording.clean, na_action="ignore").astype("str")


def _postcodes(cells: Sequence[Shape]) -> Archive:
    cards = [cast("Mapping[str, str]", cell.words["card"]) for cell in cells]
    columns = {
        "title": pd.Series([card["title"] for card in cards], dtype="str"),
        "kind": pd.Series([card["kind"] for card in cards], dtype="str"),
        "band": pd.Series([card["band"] for card in cards], dtype="str"),
    }
    shapes = [cell.geometry for cell in cells]
    rows = gpd.GeoDataFrame(columns, geometry=shapes, crs=geo.BNG)
    return Archive(name="postcodes", layer="postcodes", first_zoom=_FIRST_ZOOM, rows=rows)


def _on_the_web(rows: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return longitude and latitude, without what lies where these are not defined."""
    shapes = rows.geometry.to_numpy()
    corners, owners = shapely.get_coordinates(shapes, return_index=True)
    degrees = np.column_stack(geo.to_wgs84(*corners.T))
    lost = np.unique(owners[~np.isfinite(degrees).all(axis=1)])
    is_known = ~np.isin(np.arange(len(rows)), lost)
    moved = shapely.set_coordinates(shapes[is_known].copy(), degrees[is_known[owners]])
    known: gpd.GeoDataFrame = rows.loc[is_known].set_geometry(moved, crs=geo.WGS84)
    return known
