"""A run of the small world to draw sheets of, and a reader of what was drawn."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from sinkwatch import geo, hazard
from sinkwatch.model import (
    Dossier,
    Findings,
    Paper,
    Place,
    SourceSpec,
    SourceState,
    SourceStatus,
    Surroundings,
)
from sinkwatch.publish.evidence import paper
from tests import dossiers, world

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from sinkwatch.model import Sheet

MM_PER_PT: Final = 25.4 / 72
SITE: Final = "#1b5e6b"
GRID: Final = "#6f7f86"
INK: Final = "#1d2a30"


STRIPS: Final = world.ground(
    world.a_zone("A-strip", "A", shapely.box(0, 0, 10_000, 10_000), sides_m={"east": 500.0}),
    world.a_zone("B-strip", "B", shapely.box(20_000, 0, 30_000, 10_000), sides_m={"west": 750.0}),
    world.a_zone(
        "C-strip",
        "C",
        shapely.box(10_000, 0, 20_000, 10_000),
        sides_m={"west": 500.0, "east": 750.0},
    ),
)
"""The strips of the small world, with the two lines between them."""

EDGES: Final = hazard.edges(STRIPS)


def findings(  # noqa: PLR0913 - each by its name
    *,
    zones: gpd.GeoDataFrame | None = None,
    places: Sequence[Mapping[str, object]] = (),
    cases: Sequence[str] = (),
    names: gpd.GeoDataFrame | None = None,
    backdrop: gpd.GeoDataFrame | None = None,
    sources: tuple[SourceState, ...] = (),
) -> Findings:
    ground = STRIPS if zones is None else zones
    decided = geo.bng_frame(
        {"case_id": pd.Series(list(cases), dtype="str")},
        np.full(len(cases), 1.0),
        np.full(len(cases), 1.0),
    )
    return Findings(
        area=world.an_area(map_centre=world.C),
        zones=ground,
        edges=EDGES if ground is STRIPS else hazard.edges(ground),
        sinkholes=world.inventory(),
        places=world.places(*places),
        postcodes=world.postcodes(),
        cases=decided,
        applications=world.applications(),
        sites=(),
        applied=(),
        postcode_bands=pd.DataFrame(),
        flagged=frozenset(),
        sources=sources,
        surroundings=Surroundings(names=names, backdrop=backdrop),
    )


def geology(title: str = "Zones drawn at 1:100 000", *, is_restricted: bool = False) -> SourceState:
    spec = SourceSpec(
        name="geology",
        kind="geology",
        title=title,
        path=Path("held"),
        licence="Open",
        attribution="© nobody",
        is_restricted=is_restricted,
    )
    return SourceState(spec=spec, status=SourceStatus.GOOD, snapshot=None, n_rows=1)


def backdrop(*rows: tuple[str, shapely.Geometry, str, str | None]) -> gpd.GeoDataFrame:
    """Each row: its layer, shape, name, class of road."""
    return gpd.GeoDataFrame(
        {
            "feature_id": pd.Series([f"f{n:06}" for n in range(len(rows))], dtype="str"),
            "layer": pd.Series([layer for layer, *_ in rows], dtype="str"),
            "name": pd.Series([name or None for _, _, name, _ in rows], dtype="str"),
            "road_class": pd.Series([road for *_, road in rows], dtype="str"),
        },
        geometry=gpd.GeoSeries([shape for _, shape, *_ in rows], crs=geo.BNG),
        crs=geo.BNG,
    )


def names(*rows: tuple[str, float, float, str]) -> gpd.GeoDataFrame:
    return geo.bng_frame(
        {
            "name_id": pd.Series([f"n{n}" for n in range(len(rows))], dtype="str"),
            "name": pd.Series([name for name, *_ in rows], dtype="str"),
            "local_type": pd.Series([kind for *_, kind in rows], dtype="str"),
        },
        np.array([east for _, east, _, _ in rows], dtype=float),
        np.array([north for _, _, north, _ in rows], dtype=float),
    )


def a_site(at: tuple[float, float] = world.C, **changes: Any) -> Place:  # noqa: ANN401 - whatever a place takes
    return dossiers.a_site(**{"easting": at[0], "northing": at[1], **changes})


def a_boundary(shape: shapely.Geometry, **changes: Any) -> Place:  # noqa: ANN401 - as above
    middle = shape.centroid
    known = {"position_uncertainty_m": 5.0, "geometry": shape, **changes}
    return a_site((middle.x, middle.y), **known)


def a_record(number: int, east: float, north: float, **changes: Any) -> Any:  # noqa: ANN401 - as above
    """A record so far from the middle of class C."""
    at = shapely.Point(world.C[0] + east, world.C[1] + north)
    return dossiers.a_record(number, **{"position": at, **changes})


def a_dossier(place: Place | None = None, **changes: Any) -> Dossier:  # noqa: ANN401 - as above
    bare: dict[str, Any] = {"records": (), "history": (), **changes}
    return dossiers.a_dossier(place=place or a_site(), **bare)


def a_sheet(place: Place | None = None, scale: int = 2_500, size: Paper = Paper.A4) -> Sheet:
    """The first sheet of a place."""
    wanted = paper.Format(scale=scale, paper=size)
    return paper.plan(place or a_site(), wanted, reach_m=1_000, ring_m=50)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One path of a drawing, its corners in millimetres from the upper left."""

    colour: str
    fill: str
    width_mm: float
    parts: tuple[NDArray[np.float64], ...]

    @property
    def corners(self) -> NDArray[np.float64]:
        return np.vstack(self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A drawing as its own coordinates say it is."""

    width_mm: float
    height_mm: float
    lines: tuple[Line, ...]

    @classmethod
    def of(cls, svg: bytes) -> Drawing:
        root = ET.fromstring(svg)  # noqa: S314 - drawn by us a moment ago
        ns = "{http://www.w3.org/2000/svg}"
        defined = {id(path) for defs in root.iter(f"{ns}defs") for path in defs.iter(f"{ns}path")}
        paths = (path for path in root.iter(f"{ns}path") if id(path) not in defined)
        return cls(
            width_mm=float(root.attrib["width"].removesuffix("pt")) * MM_PER_PT,
            height_mm=float(root.attrib["height"].removesuffix("pt")) * MM_PER_PT,
            lines=tuple(_line(path) for path in paths),
        )

    def of_colour(self, colour: str, width_mm: float) -> list[Line]:
        return [
            line
            for line in self.lines
            if line.colour == colour and abs(line.width_mm - width_mm) < 0.005
        ]


def _line(path: ET.Element) -> Line:
    style = dict(part.split(": ") for part in path.attrib.get("style", "").split("; ") if part)
    return Line(
        colour=style.get("stroke", ""),
        fill=style.get("fill", "#000000"),
        width_mm=float(style.get("stroke-width", 1)) * MM_PER_PT,
        parts=tuple(_part(part) for part in path.attrib["d"].split("M") if part.strip()),
    )


def _part(outline: str) -> NDArray[np.float64]:
    numbers = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", outline)]
    return np.reshape(numbers, (-1, 2)) * MM_PER_PT


@functools.cache
def plain() -> Findings:
    return findings(sources=(geology(),))
