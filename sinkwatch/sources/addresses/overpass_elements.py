"""What an Overpass server says of house numbers: whole or not at all, and put into words."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sinkwatch import gazetteer, wording
from sinkwatch.errors import SchemaError
from sinkwatch.sources.strict_json import strict_json

LOG = logging.getLogger(__name__)

_MOST_WRONG: Final = 0.01  # share of elements that may be unreadable (data gates)
_MOST_TWICE: Final = 0.20  # share of elements that may be there twice (data gates)
_MOST_OUTSIDE: Final = 0.05  # share of elements that may lie outside the box (data gates)
_MOST_GARBLED: Final = 0.05  # share of elements with garbled text (data gates)
_AHEAD: Final = timedelta(days=1)
_MOST_FAULTS: Final = 3
_MOST_CHARACTERS: Final = 255  # of a tag's value: OpenStreetMap's own limit
_EDGE_DEGREES: Final = 0.02  # the middle of a building on the edge may lie outside
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_GARBLED: Final = re.compile("\ufffd|Ã[\u0080-\u00bf]|â€")
_WAY_OUT: Final = "What is held stays in use; the next run asks again"
_WORDS: Final = ("housenumber", "housename", "street", "city", "postcode")


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """
    A rectangle of degrees.

    Attributes
    ----------
    south, west, north, east
        Its sides, degrees, WGS84.
    """

    south: float
    west: float
    north: float
    east: float

    def holds(self, longitude: float, latitude: float) -> bool:
        """
        Tell whether a position lies inside, or hardly outside.

        Parameters
        ----------
        longitude, latitude
            Degrees, WGS84.

        Returns
        -------
        inside
            True if it does.
        """
        return (
            self.west - _EDGE_DEGREES <= longitude <= self.east + _EDGE_DEGREES
            and self.south - _EDGE_DEGREES <= latitude <= self.north + _EDGE_DEGREES
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """
    One house number, as far as it is kept.

    Attributes
    ----------
    kind
        node, way or relation.
    number
        OpenStreetMap's id among those.
    longitude, latitude
        Of the node, or the middle of the others, degrees, WGS84.
    housenumber, housename, street, city, postcode
        As mapped; empty where they are not.
    """

    kind: str
    number: int
    longitude: float
    latitude: float
    housenumber: str
    housename: str
    street: str
    city: str
    postcode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    A whole answer.

    Attributes
    ----------
    elements
        By kind and number.
    edition
        When OpenStreetMap stood like that.
    """

    elements: tuple[Element, ...]
    edition: str


class Address(NamedTuple):
    """One address with its place, degrees, WGS84."""

    address_id: str
    address: str
    postcode: str | None
    longitude: float
    latitude: float


def _moment(value: object) -> object:
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise ValueError("is not a time like 2026-11-22T00:00:00Z")
    return datetime.fromisoformat(value.removesuffix("Z")).replace(tzinfo=UTC)


class _Said(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class _Point(_Said):
    lon: float = Field(ge=-180, le=180)
    lat: float = Field(ge=-90, le=90)


_Value = Annotated[str, Field(max_length=_MOST_CHARACTERS)]


class _Tags(_Said):
    housenumber: Annotated[_Value, Field(alias="addr:housenumber", min_length=1)]
    housename: _Value = Field(default="", alias="addr:housename")
    street: _Value = Field(default="", alias="addr:street")
    city: _Value = Field(default="", alias="addr:city")
    postcode: _Value = Field(default="", alias="addr:postcode")


class _Row(_Said):
    kind: Literal["node", "way", "relation"] = Field(alias="type")
    number: int = Field(alias="id", ge=1)
    lon: float | None = None
    lat: float | None = None
    center: _Point | None = None
    tags: _Tags

    def element(self) -> Element:
        at = self.center
        if self.kind == "node":
            at = _Point.model_validate({"lon": self.lon, "lat": self.lat})
        if at is None:
            raise ValueError("it has no center")
        return Element(
            kind=self.kind,
            number=self.number,
            longitude=at.lon,
            latitude=at.lat,
            **{word: getattr(self.tags, word) for word in _WORDS},
        )


class _State(_Said):
    at: Annotated[datetime, BeforeValidator(_moment)] = Field(alias="timestamp_osm_base")


class _Envelope(_Said):
    osm3s: _State
    elements: list[dict[str, Any]]
    remark: Any = None


def read_answer(content: bytes, box: Box, *, now: datetime, name: str) -> Answer:
    """
    Read an answer, and refuse one that is not whole.

    Parameters
    ----------
    content
        JSON.
    box
        What was asked for.
    now
        Time of the run, UTC.
    name
        What it is, for the message.

    Returns
    -------
    answer
        Its elements.

    Raises
    ------
    SchemaError
        If it is not as documented, was given up part of the way, holds nothing, or too much of
        it is unreadable, outside the box, garbled or there twice.
    """
    envelope = _envelope(strict_json(content, name=name), name)
    if envelope.remark is not None:
        said = wording.trimmed(wording.clean(str(envelope.remark)), 120)
        raise _refusal(name, f'it was given up part of the way; it says "{said}"')
    if envelope.osm3s.at > now + _AHEAD:
        raise _refusal(name, f"its time {envelope.osm3s.at:%Y-%m-%d} lies in the future")
    if not envelope.elements:
        raise _refusal(name, "it holds no house number, which is hardly to be believed")
    elements = list(_elements(envelope.elements, name))
    _refuse_elsewhere(elements, box, name)
    _refuse_garbled(elements, name)
    found = {(element.kind, element.number): element for element in elements}
    if len(elements) - len(found) > _MOST_TWICE * len(elements):
        n_twice = len(elements) - len(found)
        raise _refusal(name, f"{n_twice} of {len(elements)} elements are there twice")
    return Answer(
        elements=tuple(found[key] for key in sorted(found) if box.holds(*_place(found[key]))),
        edition=f"OpenStreetMap as of {wording.date_text(envelope.osm3s.at)}",
    )


def _refusal(name: str, *faults: str) -> SchemaError:
    return SchemaError(name, faults, _WAY_OUT)


def _envelope(document: object, name: str) -> _Envelope:
    try:
        return _Envelope.model_validate(document)
    except ValidationError as error:
        raise _refusal(name, _first_fault(error)) from error


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"]) or "it"
    return f"{where}: {fault['msg'].removeprefix('Value error, ')}"


def _elements(given: Sequence[dict[str, Any]], name: str) -> Iterator[Element]:
    """Read the elements; one in a hundred may be unreadable."""
    faults = []
    for number, item in enumerate(given, 1):
        try:
            yield _Row.model_validate(item).element()
        except ValidationError as error:
            faults.append(f"element {number}: {_first_fault(error)}")
        except ValueError as error:
            faults.append(f"element {number}: {error}")
    if len(faults) > _MOST_WRONG * len(given):
        raise _refusal(name, *faults[:_MOST_FAULTS])
    if faults:
        LOG.warning("%s: left out %d of %d elements: %s", name, len(faults), len(given), faults[0])


def _place(element: Element) -> tuple[float, float]:
    return element.longitude, element.latitude


def _refuse_elsewhere(elements: Sequence[Element], box: Box, name: str) -> None:
    outside = [element for element in elements if not box.holds(*_place(element))]
    for element in outside:
        longitude, latitude = _place(element)
        if box.holds(latitude, longitude):
            where = f"{element.kind} {element.number} at {longitude:g}, {latitude:g}"
            raise _refusal(name, f"{where}: longitude and latitude look exchanged")
    if len(outside) > _MOST_OUTSIDE * len(elements):
        raise _refusal(
            name, f"{len(outside)} of {len(elements)} elements lie outside the box asked for"
        )
    if outside:
        LOG.warning("%s: left out %d elements outside the box", name, len(outside))


def _refuse_garbled(elements: Sequence[Element], name: str) -> None:
    n_garbled = sum(bool(_GARBLED.search(_line(element))) for element in elements)
    if n_garbled > _MOST_GARBLED * len(elements):
        raise _refusal(
            name, f"the text of {n_garbled} of {len(elements)} elements is garbled (wrong charset)"
        )


def _line(element: Element) -> str:
    """Write an address as people do."""
    house = f"{element.housenumber} {element.street}".strip()
    parts = (wording.clean(part) for part in (element.housename, house, element.city))
    return wording.mask_personal_data(", ".join(part for part in parts if part))


def addresses(elements: Iterable[Element]) -> list[Address]:
    """
    Put elements into words.

    Parameters
    ----------
    elements
        What `read_answer` returned.

    Returns
    -------
    addresses
        One each; several of the same words, a shop in a house, stay several.
    """
    return [
        Address(
            address_id=f"osm-{element.kind}-{element.number}",
            address=_line(element),
            postcode=gazetteer.normalised_postcode(element.postcode),
            longitude=element.longitude,
            latitude=element.latitude,
        )
        for element in elements
    ]


def dumped(elements: Iterable[Element]) -> bytes:
    """
    Write elements, equal ones as equal bytes.

    Parameters
    ----------
    elements
        In order.

    Returns
    -------
    content
        JSON, an element a line.
    """
    lines = (json.dumps(asdict(e), ensure_ascii=False, allow_nan=False) for e in elements)
    return ('{"elements": [\n' + ",\n".join(lines) + "\n]}\n").encode()


def loaded(content: bytes, *, name: str) -> tuple[Element, ...]:
    """
    Read elements again.

    Parameters
    ----------
    content
        What `dumped` returned.
    name
        What it is, for the message.

    Returns
    -------
    elements
        In the same order.

    Raises
    ------
    SchemaError
        If sinkwatch did not write it.
    """
    document = strict_json(content, name=name)
    try:
        return tuple(Element(**row) for row in document["elements"])
    except (TypeError, KeyError) as error:
        fault = f"it is nothing that sinkwatch wrote ({error})"
        raise SchemaError(name, [fault], "Run again to ask anew") from error
