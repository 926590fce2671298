"""The contract of every frame that crosses a module boundary, and the one way to check it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from sinkwatch import geo
from sinkwatch.errors import SchemaError
from sinkwatch.model import ApplicationStatus, Evidence, PlaceKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

FrameT = TypeVar("FrameT", bound=pd.DataFrame)

POINT: Final = frozenset({"Point"})
POLYGON: Final = frozenset({"Polygon", "MultiPolygon"})
LINE: Final = frozenset({"LineString", "MultiLineString"})

_MOST_EXAMPLES: Final = 3
_WAY_OUT: Final = "Mend the source and run again; nothing of it has been used"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """
    What one column promises.

    Attributes
    ----------
    kind
        text, number, integer, boolean or date.
    is_optional
        Whether a value may be missing; the column itself never may.
    allowed
        The only values allowed, if the set is closed.
    minimum, maximum
        Bounds of a number, included.
    """

    kind: str
    is_optional: bool = False
    allowed: frozenset[str] | None = None
    minimum: float = -math.inf
    maximum: float = math.inf


def _is_text(values: pd.Series) -> bool:
    if isinstance(values.dtype, pd.StringDtype):
        return True
    # A column of objects may hold anything, numbers among them.
    return values.dtype == object and all(isinstance(value, str) for value in values.dropna())


_KIND_CHECKS: Final[Mapping[str, Callable[[pd.Series], bool]]] = {
    "text": _is_text,
    "number": pd.api.types.is_float_dtype,
    "integer": pd.api.types.is_integer_dtype,
    "boolean": pd.api.types.is_bool_dtype,
    "date": pd.api.types.is_datetime64_any_dtype,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSchema:
    """
    The contract of one kind of frame.

    Attributes
    ----------
    name
        What a row is, in the plural.
    key
        Column that identifies a row.
    columns
        Column name to its promise; further columns are allowed.
    geometry
        Geometry types allowed; empty for a plain table.
    geometry_optional
        Whether a row may have no geometry.
    """

    name: str
    key: str
    columns: Mapping[str, Column]
    geometry: frozenset[str] = frozenset()
    geometry_optional: bool = False

    def check(self, frame: FrameT) -> FrameT:
        """
        Return the very same frame, or raise one error that lists every fault.

        Parameters
        ----------
        frame
            The frame to check.

        Returns
        -------
        frame
            The same object.

        Raises
        ------
        SchemaError
            If anything is not as promised.
        """
        faults = [*self._faults_of_columns(frame), *self._faults_of_key(frame)]
        if self.geometry:
            faults += self._faults_of_geometry(frame)
        if faults:
            raise SchemaError(self.name, faults, _WAY_OUT)
        return frame

    def _faults_of_columns(self, frame: pd.DataFrame) -> list[str]:
        faults: list[str] = []
        for name, column in self.columns.items():
            if name not in frame.columns:
                faults.append(f"column {name} is missing")
            else:
                faults += _faults_of_column(name, column, frame[name])
        return faults

    def _faults_of_key(self, frame: pd.DataFrame) -> list[str]:
        if self.key not in frame.columns:
            return []
        repeated = frame[self.key][frame[self.key].duplicated()].unique().tolist()
        return [f"{self.key} is repeated: {_examples(repeated)}"] if repeated else []

    def _faults_of_geometry(self, frame: pd.DataFrame) -> list[str]:
        if not isinstance(frame, gpd.GeoDataFrame) or frame.active_geometry_name is None:
            return ["there is no geometry"]
        return [*_faults_of_crs(frame), *self._faults_of_shapes(frame)]

    def _faults_of_shapes(self, frame: gpd.GeoDataFrame) -> list[str]:
        shapes = frame.geometry.to_numpy()
        missing = np.asarray(shapely.is_missing(shapes) | shapely.is_empty(shapes))
        present = ~missing
        allowed = [shapely.GeometryType[name.upper()] for name in self.geometry]
        finite = _are_finite(shapes)
        rules = {
            "without geometry": missing & (not self.geometry_optional),
            f"not {' or '.join(sorted(self.geometry))}": present
            & ~np.isin(shapely.get_type_id(shapes), allowed),
            "with coordinates that are NaN or infinite": present & ~finite,
            "with a boundary that crosses itself": present & finite & ~shapely.is_valid(shapes),
        }
        keys = frame[self.key] if self.key in frame.columns else frame.index.to_series()
        return [
            f"{int(broken.sum())} of {len(frame)} {rule}: {_examples(keys[broken].tolist())}"
            for rule, broken in rules.items()
            if broken.any()
        ]


def _faults_of_crs(frame: gpd.GeoDataFrame) -> list[str]:
    if frame.crs is None:
        return ["no CRS is declared"]
    if not frame.crs.equals(geo.BNG):
        return [f"its CRS is {frame.crs.to_string()}, not {geo.BNG}"]
    return []


def _are_finite(shapes: NDArray[np.object_]) -> NDArray[np.bool_]:
    coordinates, owner = shapely.get_coordinates(shapes, return_index=True)
    finite = np.ones(len(shapes), dtype=np.bool_)
    finite[owner[~np.isfinite(coordinates).all(axis=1)]] = False
    return finite


def _faults_of_column(name: str, column: Column, values: pd.Series) -> list[str]:
    if len(values) and not _KIND_CHECKS[column.kind](values):
        return [f"column {name} holds {values.dtype}, not {column.kind}"]
    faults: list[str] = []
    missing = values.isna()
    if missing.any() and not column.is_optional:
        faults.append(f"column {name} is empty in {int(missing.sum())} of {len(values)} rows")
    present = values[~missing]
    if column.allowed is not None:
        strangers = sorted(set(present.tolist()) - column.allowed)
        if strangers:
            known = ", ".join(sorted(column.allowed))
            faults.append(f"column {name} holds {_examples(strangers)}, which is none of {known}")
    if column.kind in ("number", "integer"):
        outside = present[~present.between(column.minimum, column.maximum)].tolist()
        if outside:
            faults.append(
                f"column {name} holds {_examples(outside)}, "
                f"outside {column.minimum:g} to {column.maximum:g}"
            )
    return faults


def _examples(values: list[object]) -> str:
    shown = ", ".join(str(value)[:80] for value in values[:_MOST_EXAMPLES])
    more = len(values) - _MOST_EXAMPLES
    return f"{shown} and {more} more" if more > 0 else shown


_TEXT: Final = Column(kind="text")
_TEXT_OPTIONAL: Final = Column(kind="text", is_optional=True)
_UNCERTAINTY: Final = Column(kind="number", minimum=1, maximum=100_000)
_UNCERTAINTY_OPTIONAL: Final = Column(kind="number", is_optional=True, minimum=1, maximum=100_000)
_SIZE_OPTIONAL: Final = Column(kind="number", is_optional=True, minimum=0, maximum=1_000)

GEOLOGY: Final = FrameSchema(
    name="geology",
    key="zone_id",
    columns={
        "zone_id": _TEXT,
        "source_class": _TEXT,
        "title": _TEXT,
        "position_uncertainty_m": _UNCERTAINTY,
        "west_uncertainty_m": _UNCERTAINTY_OPTIONAL,
        "east_uncertainty_m": _UNCERTAINTY_OPTIONAL,
        "north_uncertainty_m": _UNCERTAINTY_OPTIONAL,
        "south_uncertainty_m": _UNCERTAINTY_OPTIONAL,
    },
    geometry=POLYGON,
)
"""Geology as a source gives it; a side without uncertainty is only where drawing stopped."""

ZONES: Final = FrameSchema(
    name="zones",
    key="zone_id",
    columns={
        **{name: GEOLOGY.columns[name] for name in ("zone_id", "title", "position_uncertainty_m")},
        "geology_class": Column(kind="integer", minimum=1, maximum=3),
    },
    geometry=POLYGON,
)
"""Susceptibility zones: one class of ground each."""

EDGES: Final = FrameSchema(
    name="zone edges",
    key="edge_id",
    columns={"edge_id": _TEXT, "zone_id": _TEXT, "uncertainty_m": _UNCERTAINTY},
    geometry=LINE,
)
"""The lines between zones that have a geological meaning, with how well each is known."""

SINKHOLES: Final = FrameSchema(
    name="sinkholes",
    key="sinkhole_id",
    columns={
        "sinkhole_id": _TEXT,
        "feature_id": _TEXT,
        "name": _TEXT,
        "kind": _TEXT,
        "evidence": Column(kind="text", allowed=frozenset(Evidence)),
        "evidence_reason": _TEXT,
        "counts": Column(kind="boolean"),
        "counts_reason": _TEXT,
        "is_drawn": Column(kind="boolean"),
        "observed": _TEXT_OPTIONAL,
        "date_text": _TEXT,
        "position_uncertainty_m": _UNCERTAINTY,
        "length_m": _SIZE_OPTIONAL,
        "width_m": _SIZE_OPTIONAL,
        "depth_m": _SIZE_OPTIONAL,
        "source_title": _TEXT,
        "source_url": _TEXT_OPTIONAL,
    },
    geometry=POINT,
)
"""The inventory: one recorded event or feature a row."""

PLACES: Final = FrameSchema(
    name="places",
    key="place_id",
    columns={
        "place_id": _TEXT,
        "name": _TEXT,
        "short_name": _TEXT,
        "kind": Column(kind="text", allowed=frozenset(PlaceKind)),
        "position_uncertainty_m": _UNCERTAINTY,
        "position_basis": _TEXT,
        "is_watched": Column(kind="boolean"),
        "label_rank": Column(kind="integer", minimum=1, maximum=9),
    },
    geometry=POINT,
)
"""Sites, streets, villages and landmarks."""

POSTCODES: Final = FrameSchema(
    name="postcodes",
    key="postcode",
    columns={"postcode": _TEXT, "position_uncertainty_m": _UNCERTAINTY},
    geometry=POINT,
)
"""Postcode unit centres."""

CASES: Final = FrameSchema(
    name="planning cases",
    key="case_id",
    columns={
        "case_id": _TEXT,
        "site_id": _TEXT_OPTIONAL,
        "title": _TEXT,
        "step": _TEXT,
        "outcome": _TEXT,
        "date_text": _TEXT,
        "ground": _TEXT,
        "position_uncertainty_m": _UNCERTAINTY_OPTIONAL,
        "position_basis": _TEXT,
        "source_title": _TEXT,
        "source_url": _TEXT_OPTIONAL,
    },
    geometry=POINT,
    geometry_optional=True,
)
"""Past decisions where the ground mattered; context, never an alert."""

APPLICATIONS: Final = FrameSchema(
    name="applications",
    key="application_key",
    columns={
        "application_key": _TEXT,
        "reference": _TEXT,
        "authority": _TEXT,
        "address": _TEXT_OPTIONAL,
        "description": _TEXT_OPTIONAL,
        "status": Column(kind="text", allowed=frozenset(ApplicationStatus)),
        "status_text": _TEXT_OPTIONAL,
        "received_on": Column(kind="date", is_optional=True),
        "decided_on": Column(kind="date", is_optional=True),
        "position_uncertainty_m": _UNCERTAINTY_OPTIONAL,
        "position_basis": _TEXT,
        "url": _TEXT_OPTIONAL,
    },
    geometry=POINT,
    geometry_optional=True,
)
"""Planning applications as a source gives them, mapped where they can be."""

NAMES: Final = FrameSchema(
    name="names",
    key="name_id",
    columns={
        "name_id": _TEXT,
        "name": _TEXT,
        "local_type": _TEXT,
        "postcode_district": _TEXT_OPTIONAL,
        "populated_place": _TEXT_OPTIONAL,
        "position_uncertainty_m": _UNCERTAINTY,
    },
    geometry=POINT,
)
"""Streets and settlements of a gazetteer, each once, with how far it reaches from its point."""

ADDRESSES: Final = FrameSchema(
    name="addresses",
    key="address_id",
    columns={
        "address_id": _TEXT,
        "address": _TEXT_OPTIONAL,
        "postcode": _TEXT_OPTIONAL,
        "position_uncertainty_m": _UNCERTAINTY_OPTIONAL,
    },
    geometry=POINT,
    geometry_optional=True,
)
"""Addressable locations: a point without words, words without a point, or both."""

BACKDROP: Final = FrameSchema(
    name="backdrop",
    key="feature_id",
    columns={
        "feature_id": _TEXT,
        "layer": Column(
            kind="text",
            allowed=frozenset({"building", "railway", "road", "water", "woodland"}),
        ),
        "name": _TEXT_OPTIONAL,
    },
    geometry=POLYGON | LINE,
)
"""What a map is drawn on: buildings, roads, railways, water and woods, clipped to the area."""

ROCKS: Final = FrameSchema(
    name="rocks",
    key="rock_id",
    columns={
        "rock_id": _TEXT,
        "layer": Column(
            kind="text", allowed=frozenset({"bedrock", "superficial", "fault", "dyke"})
        ),
        "name": _TEXT,
        "rock": _TEXT_OPTIONAL,
        "period": _TEXT_OPTIONAL,
    },
    geometry=POLYGON | LINE,
)
"""Regional geology, 1:625 000: it cannot locate gypsum and decides nothing."""

BOREHOLES: Final = FrameSchema(
    name="boreholes",
    key="borehole_id",
    columns={
        "borehole_id": _TEXT,
        "reference": _TEXT,
        "name": _TEXT_OPTIONAL,
        "length_m": Column(kind="number", is_optional=True, minimum=0, maximum=20_000),
        "year": Column(kind="number", is_optional=True, minimum=1700, maximum=2200),
        "position_uncertainty_m": _UNCERTAINTY_OPTIONAL,
        "url": _TEXT_OPTIONAL,
    },
    geometry=POINT,
)
"""Boreholes of a public index: that one was drilled, not what it found."""

DESIGNATIONS: Final = FrameSchema(
    name="designations",
    key="designation_id",
    columns={
        "designation_id": _TEXT,
        "dataset": _TEXT,
        "reference": _TEXT_OPTIONAL,
        "name": _TEXT_OPTIONAL,
        "url": _TEXT_OPTIONAL,
    },
    geometry=POLYGON | POINT,
)
"""Planning designations, such as conservation areas; they say nothing of the ground."""

CONTEXT: Final = FrameSchema(
    name="context",
    key="context_id",
    columns={
        "context_id": _TEXT,
        "topic": Column(
            kind="text",
            allowed=frozenset({"rainfall", "river_level", "groundwater", "regional_rating"}),
        ),
        "title": _TEXT,
        "text": _TEXT,
        "observed_on": Column(kind="date", is_optional=True),
    },
    geometry=POINT,
    geometry_optional=True,
)
"""What is measured or rated round the area, a sentence each; it never moves a band."""

ASSESSMENTS: Final = FrameSchema(
    name="assessments",
    key="place_id",
    columns={
        "place_id": _TEXT,
        "band": Column(kind="integer", minimum=0, maximum=5),
        "geology_class": Column(kind="integer", minimum=0, maximum=3),
        "scored_as": Column(kind="integer", minimum=0, maximum=3),
        "sinkhole_id": _TEXT_OPTIONAL,
        "sinkhole_distance_m": Column(kind="number", is_optional=True, minimum=0),
        "sinkhole_uncertainty_m": Column(kind="number", is_optional=True, minimum=0),
        "n_features": Column(kind="integer", minimum=0),
        "check_record": Column(kind="boolean"),
    },
)
"""One place's band and what decided it, at one run."""


def points(key: str) -> FrameSchema:
    """
    Return the contract of a frame of points to assess.

    Parameters
    ----------
    key
        Column that identifies a row.

    Returns
    -------
    schema
        Points, EPSG:27700, some perhaps without a position, with `position_uncertainty_m`.
    """
    return FrameSchema(
        name="places to assess",
        key=key,
        columns={key: _TEXT, "position_uncertainty_m": Column(kind="number", is_optional=True)},
        geometry=POINT,
        geometry_optional=True,
    )
