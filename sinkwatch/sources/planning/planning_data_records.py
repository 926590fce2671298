"""What planning.data.gov.uk says of an entity: read strictly, and checked against the question."""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

import numpy as np
import shapely
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sinkwatch import geo
from sinkwatch.sources.planning.planning_data_kept import Entity, refusal
from sinkwatch.sources.planning.planning_data_shapes import mended, point
from sinkwatch.sources.strict_json import strict_json

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from sinkwatch.model import Bounds

LOG = logging.getLogger(__name__)

_EARLIEST: Final = date(1800, 1, 1)
_AHEAD: Final = timedelta(days=1)  # further in the future no date can be right (data gates)
_MOST_FAULTY: Final = {"schema": 0.01, "place": 0.05, "date": 0.05}  # shares of rows (data gates)
_MOST_GARBLED: Final = 0.05  # share of rows with garbled text (data gates)
_MOST_SHOWN: Final = 3
_GARBLED: Final = re.compile("\ufffd|Ã[\u0080-\u00bf]|â€")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """
    What the platform is asked.

    Attributes
    ----------
    datasets
        Names of its datasets, such as "conservation-area".
    bounds
        Where, EPSG:27700.
    period
        Which of them: all or current.
    now
        Time of the run, UTC.
    """

    datasets: tuple[str, ...]
    bounds: Bounds
    period: str
    now: datetime

    def box(self) -> shapely.Polygon:
        """Return the bounds as a polygon, longitude and latitude, EPSG:4326."""
        corners = shapely.get_coordinates(shapely.box(*self.bounds.as_tuple()))
        return shapely.Polygon(np.column_stack(geo.to_wgs84(*corners.T)).round(6))

    def parameters(self) -> list[tuple[str, str]]:
        """Return the documented parameters; the platform passes over others without a word."""
        return [
            *(("dataset", name) for name in self.datasets),
            ("period", self.period),
            ("geometry", shapely.to_wkt(self.box(), rounding_precision=6)),
            # Its own default, within, would leave out what reaches across the edge.
            ("geometry_relation", "intersects"),
        ]


def _day(value: object) -> object:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError("is not a date like 2026-11-22")
    return date.fromisoformat(value)


def _text(value: object) -> object:
    return "" if value is None else value


def _number(value: object) -> object:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else _text(value)


_Day = Annotated[date | None, BeforeValidator(_day)]
_Text = Annotated[str, BeforeValidator(_text)]


class Row(BaseModel):
    """One entity of a listing as documented; its keys are in kebab-case, nulls are empty texts."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    entity: int = Field(gt=0)
    dataset: str = Field(min_length=1)
    reference: _Text
    name: _Text
    point: _Text
    organisation: Annotated[str, BeforeValidator(_number)] = Field(alias="organisation-entity")
    entered_on: _Day = Field(alias="entry-date")
    started_on: _Day = Field(alias="start-date")
    decided_on: _Day = Field(default=None, alias="decision-date")
    decision: _Text = Field(default="", alias="planning-decision")
    description: _Text = ""
    address: _Text = Field(default="", alias="address-text")
    link: _Text = Field(default="", alias="documentation-url")

    def fault_of_dates(self, now: datetime) -> str:
        """
        Say which date cannot be right.

        Parameters
        ----------
        now
            Time of the run, UTC.

        Returns
        -------
        fault
            Empty if all can be.
        """
        latest = (now + _AHEAD).date()
        days = {
            "entry-date": self.entered_on,
            "start-date": self.started_on,
            "decision-date": self.decided_on,
        }
        wrong = [name for name, day in days.items() if day and not _EARLIEST <= day <= latest]
        return f"{wrong[0]} {days[wrong[0]]} lies before 1800 or in the future" if wrong else ""

    def is_garbled(self) -> bool:
        """Tell whether a text was read in the wrong charset somewhere on its way."""
        return any(_GARBLED.search(text) for text in (self.name, self.description, self.address))

    def entity_at(self, shape: BaseGeometry) -> Entity:
        """
        Return what is kept of it.

        Parameters
        ----------
        shape
            Where it is, EPSG:4326.

        Returns
        -------
        entity
            With dates as text.
        """
        texts = ("dataset", "reference", "name", "organisation", "description", "address")
        days = ("started_on", "decided_on")
        return Entity(
            entity=self.entity,
            decision=self.decision,
            link=self.link,
            shape=shape,
            **{name: getattr(self, name) for name in texts},
            **{name: _iso(getattr(self, name)) for name in days},
        )


def _iso(day: date | None) -> str:
    return "" if day is None else day.isoformat()


class _Listing(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    entities: list[dict[str, Any]]
    links: dict[str, str]
    count: int = Field(ge=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """
    One page of a listing.

    Attributes
    ----------
    given
        Its entities as they came.
    count
        How many there are on all pages.
    has_next
        Whether it names a page after it.
    """

    given: tuple[Mapping[str, Any], ...]
    count: int
    has_next: bool


def read_page(content: bytes, *, host: str, name: str) -> Page:
    """
    Read one page of a listing.

    Parameters
    ----------
    content
        JSON.
    host
        Server that was asked: the page after this one is there too.
    name
        What it is, for the message.

    Returns
    -------
    page
        Its entities, not looked at yet.

    Raises
    ------
    SchemaError
        If it is not as documented, or leads to another server.
    """
    document = strict_json(content, name=name)
    if isinstance(document, dict) and "entities" not in document:
        said = json.dumps(document.get("detail", "nothing else"))
        raise refusal(name, f"it holds no entities; it says {said[:200]}")
    try:
        listing = _Listing.model_validate(document)
    except ValidationError as error:
        raise refusal(name, _first_fault(error)) from error
    following = listing.links.get("next", "")
    if following and _host_of(following) != host:
        raise refusal(name, f'the page after it, "{following[:100]}", is not at {host}')
    return Page(given=tuple(listing.entities), count=listing.count, has_next=bool(following))


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"]) or "it"
    return f"{where}: {fault['msg'].removeprefix('Value error, ')}"


# ── Rows and shapes into entities ────────────────────────────────────────────────────────────


def checked(
    given: Iterable[Mapping[str, Any]],
    shapes: Mapping[int, BaseGeometry],
    question: Question,
    *,
    name: str,
) -> tuple[Entity, ...]:
    """
    Put rows and shapes together, and refuse an answer that is not one to the question.

    Parameters
    ----------
    given
        Entities of all pages, as they came.
    shapes
        By number of the entity; one that is not there stands at its own point.
    question
        What was asked.
    name
        What it is, for the message.

    Returns
    -------
    entities
        Ordered by number. A row that cannot be right is left out and counted.

    Raises
    ------
    SchemaError
        If more rows than the data gates allow cannot be right, one is of another dataset, the
        text is garbled, or coordinates look exchanged.
    """
    rows, tally = _rows(given, name), _Tally()
    box = question.box()
    shapely.prepare(box)
    found = []
    for row in rows.good:
        shape = mended(shapes.get(row.entity) or point(row.point))
        kind, fault = _fault(row, shape, box, question)
        if fault or shape is None:
            tally.add(kind, f"entity {row.entity}: {fault}")
        else:
            found.append(row.entity_at(shape))
    _refuse_other_datasets(rows.good, question, name)
    _refuse_exchanged(rows.good, shapes, box, name)
    _refuse_garbled(rows.good, name)
    for fault in rows.faults:
        tally.add("schema", fault)
    tally.refuse(len(rows.good) + len(rows.faults), name)
    return tuple(sorted(found, key=lambda entity: entity.entity))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    good: list[Row]
    faults: list[str]


def _rows(given: Iterable[Mapping[str, Any]], name: str) -> _Rows:
    rows = _Rows(good=[], faults=[])
    for number, entity in enumerate(given, 1):
        try:
            rows.good.append(Row.model_validate(entity))
        except ValidationError as error:
            rows.faults.append(f"row {number}: {_first_fault(error)}")
    seen = Counter(row.entity for row in rows.good)
    repeated = [number for number, n in seen.items() if n > 1]
    if repeated:
        raise refusal(name, f"entity {repeated[0]} is there {seen[repeated[0]]} times")
    return rows


class _Tally:
    """Rows that were left out, by what is wrong with them."""

    def __init__(self) -> None:
        self._faults: dict[str, list[str]] = {}

    def add(self, kind: str, fault: str) -> None:
        self._faults.setdefault(kind, []).append(fault)

    def refuse(self, n_rows: int, name: str) -> None:
        for kind, faults in self._faults.items():
            if len(faults) > _MOST_FAULTY[kind] * n_rows:
                raise refusal(name, *faults[:_MOST_SHOWN])
            LOG.warning(
                "%s: %d of %d rows left out: %s",
                name, len(faults), n_rows, "; ".join(faults[:_MOST_SHOWN]),
            )  # fmt: skip


def _fault(
    row: Row, shape: BaseGeometry | None, box: shapely.Polygon, question: Question
) -> tuple[str, str]:
    """Say what is wrong with a row, and of which kind that is."""
    if shape is None:
        return "place", "it has neither a point nor a shape that can be used"
    if not box.intersects(shape):
        return "place", f"it lies outside the area asked for, at {_where(shape)}"
    return "date", row.fault_of_dates(question.now)


def _where(shape: BaseGeometry) -> str:
    middle = shapely.centroid(shape)
    return f"longitude {middle.x:g}, latitude {middle.y:g}"


def _refuse_other_datasets(rows: Iterable[Row], question: Question, name: str) -> None:
    strange = [row for row in rows if row.dataset not in question.datasets]
    if strange:
        wanted = ", ".join(question.datasets)
        raise refusal(
            name,
            f'entity {strange[0].entity} is of "{strange[0].dataset[:60]}", and {wanted} was '
            "asked for",
        )


def _refuse_exchanged(
    rows: Iterable[Row],
    shapes: Mapping[int, BaseGeometry],
    box: shapely.Polygon,
    name: str,
) -> None:
    for row in rows:
        shape = shapes.get(row.entity) or point(row.point)
        if shape is None or box.intersects(shape):
            continue
        turned = shapely.transform(shapely.force_2d(shape), lambda pairs: pairs[:, ::-1])
        if box.intersects(turned):
            raise refusal(name, f"entity {row.entity}: its coordinates look exchanged")


def _refuse_garbled(rows: list[Row], name: str) -> None:
    n_garbled = sum(row.is_garbled() for row in rows)
    if n_garbled > _MOST_GARBLED * len(rows):
        rule = f"the text of {n_garbled} of {len(rows)} entities is garbled (wrong charset)"
        raise refusal(name, rule)
