"""What postcodes.io says of one postcode: read strictly, and kept with the day it was asked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sinkwatch import gazetteer, geo
from sinkwatch.errors import SchemaError
from sinkwatch.sources.strict_json import strict_json

ModelT = TypeVar("ModelT", bound=BaseModel)

UNCERTAINTY_M: Final[Mapping[int, float]] = {
    1: 100.0,
    2: 100.0,
    3: 100.0,
    4: 100.0,
    5: 500.0,
    6: 2_000.0,
    8: 500.0,
}
"""How well the centre of a unit stands for an address in it, metres, by its quality: 1 to 4 as
every postcode (sinkwatch alert rules), 5 imputed and 6 mean of the sector as Code-Point Open's 50
and 60, 8 terminated as imputed, since nobody says how it was placed."""

_NOWHERE: Final = 9  # no grid reference
_TERMINATED: Final = 8
_TENS: Final = 10  # Code-Point Open says 10 where postcodes.io says 1
_IN_GREAT_BRITAIN: Final = frozenset({"England", "Wales", "Scotland"})
_ELSEWHERE: Final = frozenset({"Northern Ireland", "Isle of Man", "Channel Islands"})
_SAME_PLACE_M: Final = 100.0  # the two positions of one answer are the same point
_WAY_OUT: Final = "What is held stays in use; the next run asks again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """
    What is known of one postcode.

    Attributes
    ----------
    postcode
        In its usual form.
    asked_at
        When, UTC.
    easting, northing
        Centre of the unit, metres, EPSG:27700; None if there is no such postcode, or none with a
        position in Great Britain.
    uncertainty_m
        How well that stands for an address in it, metres; None without a position.
    quality
        In the tens of Code-Point Open; 90 without a position.
    district_code
        Code of the authority's district; None if it is not said.
    is_retired
        Whether the postcode is in use no more.
    """

    postcode: str
    asked_at: datetime
    easting: float | None
    northing: float | None
    uncertainty_m: float | None
    quality: int
    district_code: str | None
    is_retired: bool


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class _Live(_Answer):
    postcode: str
    quality: int
    eastings: int | None
    northings: int | None
    longitude: float | None
    latitude: float | None
    country: str
    codes: dict[str, Any] = Field(default_factory=dict)


class _Terminated(_Answer):
    postcode: str
    year_terminated: int
    month_terminated: int
    longitude: float | None
    latitude: float | None


def unknown(postcode: str, *, now: datetime) -> Known:
    """
    Remember that a postcode is not known, or has no position.

    Parameters
    ----------
    postcode
        In its usual form.
    now
        When it was asked for, UTC.

    Returns
    -------
    known
        Without a position.
    """
    return Known(
        postcode=postcode,
        asked_at=now,
        easting=None,
        northing=None,
        uncertainty_m=None,
        quality=_NOWHERE * _TENS,
        district_code=None,
        is_retired=False,
    )


def read_live(content: bytes, postcode: str, *, now: datetime, name: str) -> Known:
    """
    Read the answer of ``/postcodes/{postcode}``.

    Parameters
    ----------
    content
        JSON.
    postcode
        What was asked for.
    now
        Time of the run, UTC.
    name
        What it is, for the message; it must not name the postcode.

    Returns
    -------
    known
        Without a position if it has none, or none in Great Britain.

    Raises
    ------
    SchemaError
        If it is not as documented, tells of another postcode, or of two places at once.
    """
    found = _result(content, _Live, name)
    _refuse_another(found.postcode, postcode, name)
    if found.country not in _IN_GREAT_BRITAIN | _ELSEWHERE:
        raise _refusal(name, f'country "{found.country[:40]}" is not known')
    if found.quality not in {*UNCERTAINTY_M, _NOWHERE}:
        raise _refusal(name, f"quality {found.quality} is not known")
    is_elsewhere = found.country in _ELSEWHERE or found.quality == _NOWHERE
    if is_elsewhere or found.eastings is None or found.northings is None:
        return unknown(postcode, now=now)
    _refuse_two_places(found, float(found.eastings), float(found.northings), name)
    code = found.codes.get("admin_district")
    return Known(
        postcode=postcode,
        asked_at=now,
        easting=float(found.eastings),
        northing=float(found.northings),
        uncertainty_m=UNCERTAINTY_M[found.quality],
        quality=found.quality * _TENS,
        district_code=code if isinstance(code, str) and code else None,
        is_retired=found.quality == _TERMINATED,
    )


def _refuse_two_places(found: _Live, easting: float, northing: float, name: str) -> None:
    """Refuse a grid reference that is not where longitude and latitude are."""
    if found.longitude is None or found.latitude is None:
        raise _refusal(name, "it has a grid reference, and no longitude or latitude")
    by_degrees = _placed(found.longitude, found.latitude, name)
    if math.dist(by_degrees, (northing, easting)) <= _SAME_PLACE_M:
        raise _refusal(name, "its eastings and northings look exchanged")
    if math.dist(by_degrees, (easting, northing)) > _SAME_PLACE_M:
        raise _refusal(name, "its grid reference is not where its longitude and latitude are")


def read_terminated(content: bytes, postcode: str, *, now: datetime, name: str) -> Known:
    """
    Read the answer of ``/terminated_postcodes/{postcode}``.

    Parameters
    ----------
    content
        JSON.
    postcode
        What was asked for.
    now
        Time of the run, UTC.
    name
        What it is, for the message; it must not name the postcode.

    Returns
    -------
    known
        Retired; without a position if it has none.

    Raises
    ------
    SchemaError
        If it is not as documented, or tells of another postcode.
    """
    found = _result(content, _Terminated, name)
    _refuse_another(found.postcode, postcode, name)
    month = (found.year_terminated, found.month_terminated)
    if not ((1970, 1) <= month <= (now.year, now.month) and 1 <= month[1] <= 12):  # noqa: PLR2004
        raise _refusal(name, f"terminated in {month[0]}-{month[1]} cannot be right")
    if found.longitude is None or found.latitude is None:
        return unknown(postcode, now=now)
    easting, northing = _placed(found.longitude, found.latitude, name)
    return Known(
        postcode=postcode,
        asked_at=now,
        easting=round(easting),
        northing=round(northing),
        uncertainty_m=UNCERTAINTY_M[_TERMINATED],
        quality=_TERMINATED * _TENS,
        district_code=None,
        is_retired=True,
    )


def read_validity(content: bytes, *, name: str) -> bool:
    """
    Read the answer of ``/postcodes/{postcode}/validate``.

    Parameters
    ----------
    content
        JSON.
    name
        What it is, for the message.

    Returns
    -------
    is_valid
        Whether there is such a postcode.

    Raises
    ------
    SchemaError
        If it is not as documented.
    """
    result = _envelope(content, name)
    if not isinstance(result, bool):
        raise _refusal(name, "result: it is neither true nor false")
    return result


def _placed(longitude: float, latitude: float, name: str) -> tuple[float, float]:
    east, north = (float(axis[0]) for axis in geo.to_bng(longitude, latitude))
    if math.isfinite(east) and math.isfinite(north):
        return east, north
    swapped = geo.to_bng(latitude, longitude)
    if math.isfinite(float(swapped[0][0])):
        raise _refusal(name, "its longitude and latitude look exchanged")
    raise _refusal(
        name, f"longitude {longitude:g}, latitude {latitude:g} lies outside Great Britain"
    )


def _refuse_another(found: str, postcode: str, name: str) -> None:
    if gazetteer.normalised_postcode(found) != postcode:
        raise _refusal(name, "it tells of another postcode than was asked for")


def _result(content: bytes, kind: type[ModelT], name: str) -> ModelT:
    result = _envelope(content, name)
    try:
        return kind.model_validate(result)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(("result", *(str(part) for part in fault["loc"])))
        raise _refusal(name, f"{where}: {fault['msg']}") from error


def _envelope(content: bytes, name: str) -> object:
    document = strict_json(content, name=name)
    if not isinstance(document, dict) or "result" not in document:
        raise _refusal(name, "it holds no result")
    if document.get("status") != 200 or isinstance(document.get("status"), bool):  # noqa: PLR2004
        raise _refusal(name, f"it says status {str(document.get('status'))[:40]}, not 200")
    return document["result"]


def _refusal(name: str, fault: str) -> SchemaError:
    return SchemaError(name, [fault], _WAY_OUT)


# ── The list on disk ─────────────────────────────────────────────────────────────────────────


_LIST: Final = TypeAdapter(list[Known])


def dumped(known: Mapping[str, Known]) -> bytes:
    """
    Write the list, equal lists as equal bytes.

    Parameters
    ----------
    known
        By postcode.

    Returns
    -------
    content
        JSON.
    """
    return _LIST.dump_json([known[postcode] for postcode in sorted(known)], indent=1) + b"\n"


def loaded(content: bytes, *, name: str) -> dict[str, Known]:
    """
    Read the list again.

    Parameters
    ----------
    content
        What `dumped` returned.
    name
        What it is, for the message.

    Returns
    -------
    known
        By postcode.

    Raises
    ------
    SchemaError
        If sinkwatch did not write it.
    """
    try:
        return {row.postcode: row for row in _LIST.validate_json(content)}
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "it"
        fault = f"it is nothing that sinkwatch wrote ({where}: {error.errors()[0]['msg']})"
        raise SchemaError(name, [fault], "Run again to ask anew") from error
