"""What the Environment Agency's gauges say: read strictly, and kept month by month."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sinkwatch import wording
from sinkwatch.sources.environment_agency.items import MOST_WRONG, items, refusal, rows

_EARLIEST: Final = date(1800, 1, 1)
_AHEAD: Final = timedelta(days=1)  # further in the future no date can be right (data gates)
_MOST_TWICE: Final = 0.20  # share of rows that may be there twice (data gates)
_USABLE: Final = frozenset({"Good", "Estimated", "Unchecked"})
_LEFT_OUT: Final = frozenset({"Suspect", "Missing", ""})
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ?", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,150}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """
    A place where something is measured.

    Attributes
    ----------
    reference
        The service's own number of it.
    rloi_id
        Its number among "River levels on the internet"; empty if it has none.
    name, river
        As the service calls it; the river may be empty.
    easting, northing
        Metres, EPSG:27700; those of rain gauges are rounded to 100 m.
    measures
        Ids of what is measured there.
    is_closed
        Whether nothing is measured there any more.
    """

    reference: str
    rloi_id: str
    name: str
    river: str
    easting: float
    northing: float
    measures: tuple[str, ...]
    is_closed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    One value.

    Attributes
    ----------
    measure
        Id of what was measured.
    at
        When, UTC.
    value
        In the measure's unit.
    """

    measure: str
    at: datetime
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """
    What one month of an archive comes to; only values fit for use count.

    Attributes
    ----------
    month
        Such as "2026-10".
    n_days
        Days with a value.
    total, least, most
        Of those values; least and most are None if there is none.
    """

    month: str
    n_days: int
    total: float
    least: float | None
    most: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """
    What matters among many readings.

    Attributes
    ----------
    part
        Part of the ids of the measures that do.
    of
        Part that the id of every measure must have; empty if there may be any.
    most
        Greatest value that can be right, either side of 0.
    now
        Time of the run, UTC.
    """

    part: str
    of: str
    most: float
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """
    The stretch of an archive that is asked for.

    Attributes
    ----------
    first
        First day.
    end
        Day after the last; None for whatever is newest.
    now
        Time of the run, UTC.
    """

    first: date
    end: date | None
    now: datetime

    def months(self) -> list[str]:
        """Return every month that it touches, in order."""
        last = self.now.date() if self.end is None else self.end - timedelta(days=1)
        n_first, n_last = (day.year * 12 + day.month - 1 for day in (self.first, last))
        return [f"{n // 12}-{n % 12 + 1:02d}" for n in range(n_first, n_last + 1)]


def _first(value: object) -> object:
    """Take the first of several: a value of the service may be a list where one is meant."""
    return value[0] if isinstance(value, list) and value else value


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _id(value: object) -> object:
    """Return the last part of an address; it becomes part of ours, so only plain ones will do."""
    address = value.get("@id") if isinstance(value, dict) else value
    last = address.rstrip("/").rpartition("/")[2] if isinstance(address, str) else ""
    if not _ID.fullmatch(last):
        raise ValueError("is not the id of a measure")
    return last


def _plain(value: object) -> object:
    name = _first(value)
    if not isinstance(name, str) or not _ID.fullmatch(name):
        raise ValueError("is not a plain name")  # it becomes part of an address too
    return name


def _moment(value: object) -> object:
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise ValueError("is not a time like 2026-11-22T06:00:00Z")
    return datetime.fromisoformat(value.removesuffix("Z")).replace(tzinfo=UTC)


def _day(value: object) -> object:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError("is not a date like 2026-11-22")
    return date.fromisoformat(value)


_Text = Annotated[str, BeforeValidator(_first)]
_Number = Annotated[float, BeforeValidator(_first)]
_Id = Annotated[str, BeforeValidator(_id)]
_Name = Annotated[str, BeforeValidator(_plain)]
_Value = float | list[Any] | None  # of a list nobody can say which is meant: it is left out


class _Row(BaseModel):
    """What is ours of one item; keys that we do not know are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class _StationRow(_Row):
    notation: _Name
    label: _Text
    reference: _Name | None = Field(default=None, alias="stationReference")
    rloi_id: _Text = Field(default="", alias="RLOIid")
    river: _Text = Field(default="", alias="riverName")
    easting: _Number | None = None
    northing: _Number | None = None
    closed_on: Any = Field(default=None, alias="dateClosed")
    measures: Annotated[list[_Id], BeforeValidator(_listed)] = Field(default_factory=list)


class _LiveRow(_Row):
    measure: _Id
    at: Annotated[datetime, BeforeValidator(_moment)] = Field(alias="dateTime")
    value: _Value = None


class _ArchiveRow(_Row):
    measure: _Id
    day: Annotated[date, BeforeValidator(_day)] = Field(alias="date")
    at: str = Field(default="", alias="dateTime")
    value: _Value = None
    quality: str = ""
    completeness: str = "Complete"


def read_stations(content: bytes, *, name: str) -> list[Station]:
    """
    Read the stations of either service.

    Parameters
    ----------
    content
        JSON.
    name
        What it is, for the message.

    Returns
    -------
    stations
        Those with a position, by reference.

    Raises
    ------
    SchemaError
        If it is not as documented.
    """
    read = rows(items(content, name=name), _StationRow, name, lambda _: "")
    found = {
        row.reference or row.notation: Station(
            reference=row.reference or row.notation,
            rloi_id=row.rloi_id,
            name=wording.clean(row.label),
            river=wording.clean(row.river),
            easting=row.easting,
            northing=row.northing,
            measures=tuple(row.measures),
            is_closed=bool(row.closed_on),
        )
        for row in read
        if row.easting is not None and row.northing is not None
    }
    return [found[reference] for reference in sorted(found)]


def read_live(content: bytes, sought: Sought, *, name: str) -> list[Reading]:
    """
    Read what is measured now.

    Parameters
    ----------
    content
        JSON.
    sought
        What of it matters; of the rest nothing is read.
    name
        What it is, for the message.

    Returns
    -------
    readings
        The usable ones, oldest first.

    Raises
    ------
    SchemaError
        If it is not as documented, tells of another station, or too much of it is unreadable or
        there twice.
    """
    given = items(content, name=name)
    measures = [_measure(item) for item in given]
    _refuse_strangers(measures, sought, name)
    wanted = [item for item, m in zip(given, measures, strict=True) if m and sought.part in m]
    read = rows(
        wanted,
        _LiveRow,
        name,
        lambda row: _fault(row.value, sought.most, row.at.date(), sought.now),
    )
    _refuse_twice(len(read), len({(row.measure, row.at) for row in read}), name)
    found = {(row.measure, row.at): row.value for row in read if isinstance(row.value, float)}
    readings = [Reading(measure=m, at=at, value=value) for (m, at), value in found.items()]
    return sorted(readings, key=lambda reading: (reading.at, reading.measure))


def _measure(item: dict[str, Any]) -> str:
    """Return the id of an item's measure; nothing if it has none."""
    try:
        return str(_id(item.get("measure")))
    except ValueError:
        return ""


def _refuse_strangers(measures: Sequence[str], sought: Sought, name: str) -> None:
    """Refuse readings of nothing or of another station: they would pass for a gauge's silence."""
    n_nameless = measures.count("")
    if n_nameless > MOST_WRONG * len(measures):
        raise refusal(name, f"{n_nameless} of {len(measures)} readings do not say of what")
    strange = [m for m in measures if m and sought.of not in m]
    if strange:
        raise refusal(name, f'it holds "{strange[0][:80]}", and "{sought.of}" was asked for')


def read_archive(
    content: bytes, span: Span, *, measure: str, most: float, name: str
) -> tuple[list[Month], Reading | None]:
    """
    Read a stretch of the archive, and sum it up.

    Parameters
    ----------
    content
        JSON.
    span
        What was asked for.
    measure
        Of which measure.
    most
        Greatest value that can be right, either side of 0.
    name
        What it is, for the message.

    Returns
    -------
    months
        Every month of the span, in order, those without a value among them.
    last
        The newest value fit for use; None if there is none.

    Raises
    ------
    SchemaError
        If it is not as documented or not what was asked for, holds a quality that is not known,
        or too much of it is unreadable or there twice.
    """
    read = rows(
        items(content, name=name),
        _ArchiveRow,
        name,
        lambda row: _fault(row.value, most, row.day, span.now),
    )
    _refuse_others(read, span, measure, name)
    _refuse_twice(len(read), len({(row.day, row.at) for row in read}), name)
    days: dict[date, list[float]] = {}
    of_month: dict[str, list[list[float]]] = {}
    for row in read:
        is_usable = row.quality in _USABLE and row.completeness == "Complete"
        if is_usable and isinstance(row.value, float):
            if row.day not in days:
                of_month.setdefault(row.day.isoformat()[:7], []).append(
                    days.setdefault(row.day, [])
                )
            days[row.day].append(row.value)
    last = None
    if days:
        newest = max(days)
        at = datetime(newest.year, newest.month, newest.day, tzinfo=UTC)
        last = Reading(measure=measure, at=at, value=days[newest][-1])
    return [_month(month, of_month.get(month, [])) for month in span.months()], last


def _month(month: str, found: Sequence[Sequence[float]]) -> Month:
    return Month(
        month=month,
        n_days=len(found),
        total=round(math.fsum(values[-1] for values in found), 3),
        least=min((min(values) for values in found), default=None),
        most=max((max(values) for values in found), default=None),
    )


def _refuse_others(read: Sequence[_ArchiveRow], span: Span, measure: str, name: str) -> None:
    """Refuse the whole answer for one row that was not asked for: a filter was ignored."""
    for row in read:
        if row.measure != measure:
            raise refusal(name, f'it holds "{row.measure[:80]}", and "{measure}" was asked for')
        if row.day < span.first or (span.end is not None and row.day >= span.end):
            asked = f"{span.first} to before {span.end or 'now'}"
            raise refusal(name, f"it holds {row.day}, and {asked} was asked for")
        if row.quality not in _USABLE | _LEFT_OUT:
            known = ", ".join(sorted(_USABLE | _LEFT_OUT - {""}))
            raise refusal(name, f'quality "{row.quality[:40]}" is none of {known}')


def _fault(value: object, most: float, day: date, now: datetime) -> str:
    if not _EARLIEST <= day <= (now + _AHEAD).date():
        return f"{day} lies before 1800 or in the future"
    if isinstance(value, float) and not -most <= value <= most:
        return f"value {value:g} lies outside {-most:g} to {most:g}"
    return ""


def _refuse_twice(n_rows: int, n_different: int, name: str) -> None:
    n_twice = n_rows - n_different
    if n_twice > _MOST_TWICE * n_rows:
        raise refusal(name, f"{n_twice} of {n_rows} readings are there twice")
