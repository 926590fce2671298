"""One page of an OGC API Features answer: what of it can be believed, and why the rest cannot."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import shapely
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sinkwatch import wording
from sinkwatch.errors import SchemaError
from sinkwatch.sources.strict_json import strict_json

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from sinkwatch.sources.bgs.ogc_box import Box

LOG = logging.getLogger(__name__)

MOST_VERTICES: Final = 100_000
"""Vertices of the largest shape that is taken (sinkwatch data gates)."""

MOST_MENDED: Final = 0.01
"""Share of its area by which mending a shape may change it (sinkwatch data gates)."""

_MOST_FAULTS: Final = 3
_MOST_SAID: Final = 200  # characters of what a service says instead of an answer
_GARBLED: Final = re.compile("\ufffd|Ã[\u0080-\u00bf]|â€")
_WAY_OUT: Final = "Nothing of it has been used; the next run asks again"


class Gate(Enum):
    """Why a feature is rejected, with the share of all that may be (sinkwatch data gates)."""

    AXES = ("look as if their axes were exchanged", 0.0)
    SCHEMA = ("are not as documented", 0.01)
    PLACE = ("lie elsewhere than asked for", 0.05)
    GEOMETRY = ("have no usable shape", 0.05)
    DATES = ("have a year that cannot be", 0.05)
    TEXT = ("have garbled text (wrong charset)", 0.05)
    KEYS = ("are there twice", 0.20)

    @property
    def words(self) -> str:
        """What is wrong with the features."""
        return str(self.value[0])

    @property
    def most(self) -> float:
        """Share of all features that it may concern."""
        return float(self.value[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """
    What is wrong with one feature.

    Attributes
    ----------
    gate
        Which rule it breaks.
    text
        The feature and the rule, in a few words without personal data.
    """

    gate: Gate
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """
    One feature that can be used.

    Attributes
    ----------
    feature_id
        Its name in its collection.
    properties
        What is said of it, the names in lower case.
    geometry
        Valid, longitude and latitude in degrees, EPSG:4326.
    """

    feature_id: str
    properties: Mapping[str, Any]
    geometry: BaseGeometry


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """
    One page.

    Attributes
    ----------
    features
        The usable ones.
    faults
        What is wrong with the others; garbled text is noted of usable ones too.
    ids
        The names of all whose name can be read.
    n_rows
        How many it held, usable or not.
    n_matched
        How many the whole answer holds, as the service says.
    asked_at
        When it was asked for, UTC.
    """

    features: tuple[Feature, ...]
    faults: tuple[Fault, ...]
    ids: frozenset[str]
    n_rows: int
    n_matched: int
    asked_at: datetime


class _Envelope(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    type: Literal["FeatureCollection"]
    features: list[Any]
    n_matched: int = Field(alias="numberMatched", ge=0)
    n_returned: int | None = Field(default=None, alias="numberReturned", ge=0)
    crs: Any = None


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    type: Literal["Feature"]
    id: str | int | float
    properties: dict[str, Any]
    geometry: dict[str, Any] | None

    def feature_id(self) -> str:
        """Return the name as text; services write whole numbers as 644.0 too."""
        if isinstance(self.id, float) and self.id.is_integer():
            return str(int(self.id))
        return wording.clean(str(self.id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """
    Which features are asked for.

    Attributes
    ----------
    collection
        Its id, as the server writes it.
    box
        The rectangle; the only condition that is left to the server, since one that does not
        know ``filter`` ignores it without a word.
    shapes
        Types of geometry that it may hold, such as ``Polygon``.
    """

    collection: str
    box: Box
    shapes: frozenset[str]


def read_page(content: bytes, question: Question, *, asked_at: datetime, name: str) -> Page:
    """
    Read one page.

    Parameters
    ----------
    content
        JSON.
    question
        What was asked for.
    asked_at
        When, UTC.
    name
        What it is, for the message.

    Returns
    -------
    page
        Its features, each as read or with what is wrong with it.

    Raises
    ------
    SchemaError
        If it is no page of features as documented, or does not say how many there are in all.
    """
    envelope = _envelope(strict_json(content, name=name), name)
    rows, faults, ids = _rows(envelope.features)
    usable, shape_faults = _with_shapes(rows, question.shapes)
    placed, place_faults = _within(usable, question.box)
    garbled = [
        Fault(gate=Gate.TEXT, text=f'feature "{_shown(feature.feature_id)}"')
        for feature in placed
        if _is_garbled(feature)
    ]
    return Page(
        features=tuple(placed),
        faults=(*faults, *shape_faults, *place_faults, *garbled),
        ids=frozenset(ids),
        n_rows=len(envelope.features),
        n_matched=envelope.n_matched,
        asked_at=asked_at,
    )


def refuse_too_many(faults: Sequence[Fault], *, n_rows: int, name: str) -> None:
    """
    Refuse a whole set of which too much is wrong; otherwise log what was left out.

    Parameters
    ----------
    faults
        Of all pages.
    n_rows
        How many features there were, usable or not.
    name
        What it is, for the message.

    Raises
    ------
    SchemaError
        If more features break one rule than its gate lets through.
    """
    refused: list[str] = []
    noted: list[str] = []
    for gate in Gate:
        found = [fault.text for fault in faults if fault.gate is gate]
        if found:
            shown = "; ".join(found[:_MOST_FAULTS])
            sentence = f"{len(found)} of {n_rows} features {gate.words}: {shown}"
            (refused if len(found) > gate.most * n_rows else noted).append(sentence)
    if refused:
        raise SchemaError(name, refused, _WAY_OUT)
    if noted:
        LOG.warning("%s: left out or noted: %s", name, "; ".join(noted))


# ── The envelope ─────────────────────────────────────────────────────────────────────────────


def _envelope(document: object, name: str) -> _Envelope:
    if isinstance(document, dict) and "features" not in document:
        raise SchemaError(name, [f'it holds no features; it says "{_said(document)}"'], _WAY_OUT)
    try:
        envelope = _Envelope.model_validate(document)
    except ValidationError as error:
        raise SchemaError(name, [_first_fault(error)], _WAY_OUT) from error
    n_rows = len(envelope.features)
    if envelope.n_returned not in (None, n_rows):
        fault = f"numberReturned is {envelope.n_returned}, and it holds {n_rows} features"
        raise SchemaError(name, [fault], _WAY_OUT)
    if envelope.crs is not None and "CRS84" not in json.dumps(envelope.crs):
        fault = f"its crs is {_shown(json.dumps(envelope.crs))}, and CRS84 was asked for"
        raise SchemaError(name, [fault], _WAY_OUT)
    return envelope


def _said(document: Mapping[str, Any]) -> str:
    """Return what a service says instead of an answer."""
    error = document.get("error")
    inner = error.get("message") if isinstance(error, dict) else error  # as ArcGIS has it
    said = document.get("description") or document.get("code") or inner or "nothing else"
    return wording.trimmed(wording.clean(str(said)), _MOST_SAID)


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"]) or "it"
    if where == "numberMatched" and fault["type"] == "missing":
        return "it does not say how many there are (numberMatched), so none can be known missing"
    return f"{where}: {fault['msg']}"


# ── The features ─────────────────────────────────────────────────────────────────────────────


def _rows(found: Sequence[Any]) -> tuple[dict[str, _Row], list[Fault], set[str]]:
    """Read what is said of each; of two by one name, the last."""
    rows: dict[str, _Row] = {}
    faults: list[Fault] = []
    for number, given in enumerate(found, 1):
        try:
            row = _Row.model_validate(given)
            feature_id = row.feature_id()
        except ValidationError as error:
            faults.append(Fault(gate=Gate.SCHEMA, text=f"feature {number}: {_first_fault(error)}"))
            continue
        if not feature_id or len({key.casefold() for key in row.properties}) < len(row.properties):
            fault = "a property is there twice" if feature_id else "its id is empty"
            faults.append(Fault(gate=Gate.SCHEMA, text=f"feature {number}: {fault}"))
            continue
        if feature_id in rows:
            faults.append(Fault(gate=Gate.KEYS, text=f'feature "{_shown(feature_id)}"'))
        rows[feature_id] = row
    return rows, faults, set(rows)


def _with_shapes(
    rows: Mapping[str, _Row], allowed: frozenset[str]
) -> tuple[list[Feature], list[Fault]]:
    features: list[Feature] = []
    faults: list[Fault] = []
    for feature_id, row in rows.items():
        shape = _shape(row.geometry, allowed)
        if isinstance(shape, str):
            text = f'feature "{_shown(feature_id)}" {shape}'
            faults.append(Fault(gate=Gate.GEOMETRY, text=text))
            continue
        said = {key.casefold(): value for key, value in row.properties.items()}
        features.append(Feature(feature_id=feature_id, properties=said, geometry=shape))
    return features, faults


def _shape(geometry: Mapping[str, Any] | None, allowed: frozenset[str]) -> BaseGeometry | str:
    """Return the shape, mended if need be; or why it cannot be used."""
    if geometry is None:
        return "has none"
    if geometry.get("type") not in allowed:
        return f"is {_shown(str(geometry.get('type')))}, not {' or '.join(sorted(allowed))}"
    read: Any = shapely.from_geojson(json.dumps(geometry), on_invalid="ignore")
    if read is None:
        return "cannot be read as GeoJSON"
    shape: BaseGeometry = shapely.force_2d(read)
    if shape.is_empty:
        return "is empty"
    n_vertices = int(shapely.get_num_coordinates(shape))
    if n_vertices > MOST_VERTICES:
        return f"has {n_vertices:,} vertices, more than {MOST_VERTICES:,}"
    return shape if shape.is_valid else _mended(shape)


def _mended(shape: BaseGeometry) -> BaseGeometry | str:
    """Untie a boundary that crosses itself, if hardly any ground is lost or won by it."""
    mended: BaseGeometry = shapely.make_valid(shape, method="structure", keep_collapsed=False)
    if mended.is_empty or abs(mended.area - shape.area) > MOST_MENDED * shape.area:
        return "crosses itself, and mending it would change its area by more than 1 %"
    return mended


def _within(features: Sequence[Feature], box: Box) -> tuple[list[Feature], list[Fault]]:
    bounds = np.array([feature.geometry.bounds for feature in features]).reshape(-1, 4)
    meets, meets_swapped = box.meets(bounds), box.meets(bounds[:, [1, 0, 3, 2]])
    faults = [
        Fault(
            gate=Gate.AXES if is_swapped else Gate.PLACE,
            text=f'feature "{_shown(feature.feature_id)}" from {west:g}, {south:g}',
        )
        for feature, (west, south), is_inside, is_swapped in zip(
            features, bounds[:, :2], meets, meets_swapped, strict=True
        )
        if not is_inside
    ]
    return [feature for feature, is_in in zip(features, meets, strict=True) if is_in], faults


def _is_garbled(feature: Feature) -> bool:
    texts: Iterable[Any] = feature.properties.values()
    return any(isinstance(text, str) and _GARBLED.search(text) for text in texts)


def _shown(text: str) -> str:
    return wording.trimmed(wording.clean(text), 80)
