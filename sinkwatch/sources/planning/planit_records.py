"""What PlanIt says of an application: read strictly, checked against the question, merged."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sinkwatch import geo
from sinkwatch.errors import SchemaError
from sinkwatch.sources.strict_json import strict_json

_EARLIEST: Final = date(1800, 1, 1)
_AHEAD: Final = timedelta(days=1)  # further in the future no date can be right (data gates)
_TARGET_AHEAD: Final = timedelta(days=5 * 366)  # a council's target date (data gates)
_MOST_WRONG: Final = 0.01  # share of records that may be unreadable (data gates)
_MOST_TWICE: Final = 0.20  # share of records that may be there twice (data gates)
_MOST_GARBLED: Final = 0.05  # share of records with garbled text (data gates)
_SLACK: Final = 1.02  # of the radius: theirs is measured on a sphere
_SAME_PLACE_M: Final = 500.0  # two points of one application lie no further apart
_MOST_FAULTS: Final = 3
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?", re.ASCII)
_GARBLED: Final = re.compile("\ufffd|Ã[\u0080-\u00bf]|â€")
_NOT_IN_A_REFERENCE: Final = re.compile(r"[^A-Z0-9]")
_WAY_OUT: Final = "Nothing of it has been used; the next run asks again"


class DisobeyedError(SchemaError):
    """The answer was not restricted to what had changed since the day asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """
    What PlanIt is asked.

    Attributes
    ----------
    latitude, longitude
        Centre, degrees, WGS84.
    radius_km
        Round it.
    changed_since
        First day of the changes wanted; None to read a window of start dates anew.
    recent_days
        Length of that window.
    now
        Time of the run, UTC.
    """

    latitude: float
    longitude: float
    radius_km: float
    changed_since: date | None
    recent_days: int
    now: datetime

    def parameters(self) -> dict[str, str]:
        """Return the documented parameters; PlanIt ignores others without a word."""
        window = (
            {"recent": str(self.recent_days)}
            if self.changed_since is None
            else {"different_start": self.changed_since.isoformat()}
        )
        return {
            "lat": f"{self.latitude:g}",
            "lng": f"{self.longitude:g}",
            "krad": f"{self.radius_km:g}",
            **window,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """
    One application as it is kept: what is needed of it, and no more.

    Attributes
    ----------
    name
        PlanIt's name of it, with the authority that lists it.
    known_as
        The name under which the application was first seen, whichever authority lists it later.
    authority, reference, address, postcode, description, state, url
        As PlanIt writes them.
    received_on, decided_on, consulted_on
        Dates, YYYY-MM-DD.
    longitude, latitude
        Degrees, WGS84.
    last_different
        When PlanIt noticed the last difference that is one of ours, UTC: indexing anew is none.
    """

    name: str
    known_as: str
    authority: str
    reference: str
    address: str | None
    postcode: str | None
    description: str | None
    state: str | None
    received_on: str | None
    decided_on: str | None
    longitude: float | None
    latitude: float | None
    url: str | None
    last_different: str
    consulted_on: str | None = None  # lists written before it was kept have none


def _day(value: object) -> object:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError("is not a date like 2026-11-22")
    return date.fromisoformat(value)


def _moment(value: object) -> object:
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise ValueError("is not a time like 2026-11-22T03:11:09.4471")
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


_Day = Annotated[date, BeforeValidator(_day)]
_Moment = Annotated[datetime, BeforeValidator(_moment)]
_Name = Annotated[str, Field(min_length=1, max_length=300)]


class _Row(BaseModel):
    """One record as documented; a key without a default must be there, if only as null."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    name: _Name
    uid: _Name
    area_name: _Name
    address: str | None
    description: str | None
    start_date: _Day | None
    location_x: float | None
    location_y: float | None
    last_different: _Moment
    reference: str | None = None
    postcode: str | None = None
    app_state: str | None = None
    decided_date: _Day | None = None
    consulted_date: _Day | None = None
    url: str | None = None

    def fault(self, now: datetime) -> str:
        """Say what cannot be right about it; nothing if all can."""
        if (self.location_x is None) is not (self.location_y is None):
            return "it has one coordinate of two"
        if self.last_different > now + _AHEAD:
            return f"last_different {self.last_different:%Y-%m-%d} lies in the future"
        days = (
            ("start_date", self.start_date, _AHEAD),
            ("decided_date", self.decided_date, _AHEAD),
            # Some councils give the day on which a consultation will end.
            ("consulted_date", self.consulted_date, _TARGET_AHEAD),
        )
        for name, day, ahead in days:
            if day is not None and not _EARLIEST <= day <= (now + ahead).date():
                return f"{name} {day} lies before 1800 or in the future"
        return ""

    def is_garbled(self) -> bool:
        return any(_GARBLED.search(text) for text in (self.address, self.description) if text)

    def record(self) -> Record:
        return Record(
            name=self.name,
            known_as=self.name,
            authority=self.area_name,
            reference=_said(self.reference) or self.uid,
            address=_said(self.address),
            postcode=_said(self.postcode),
            description=_said(self.description),
            state=_said(self.app_state),
            received_on=_iso(self.start_date),
            decided_on=_iso(self.decided_date),
            longitude=self.location_x,
            latitude=self.location_y,
            url=_said(self.url),
            last_different=self.last_different.isoformat(timespec="microseconds"),
            consulted_on=_iso(self.consulted_date),
        )


class _Envelope(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    records: list[dict[str, Any]]
    first: int | None = Field(default=None, alias="from", ge=0)
    total: int | None = Field(default=None, ge=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """
    One page of an answer.

    Attributes
    ----------
    records
        The readable ones, checked against the question.
    n_rows
        How many rows it held, readable or not.
    total
        How many rows there are in all, as PlanIt estimates; None if it does not say.
    """

    records: tuple[Record, ...]
    n_rows: int
    total: int | None


def _said(text: str | None) -> str | None:
    """Return a text, or None where PlanIt only points to the council."""
    is_said = text is not None and text.strip() and text.strip().casefold() != "see source"
    return text if is_said else None


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def read_page(content: bytes, question: Question, *, index: int, name: str) -> Page:
    """
    Read one page, and refuse one that does not answer the question.

    Parameters
    ----------
    content
        JSON.
    question
        What was asked.
    index
        First row asked for, from 0.
    name
        What it is, for the message.

    Returns
    -------
    page
        Its records.

    Raises
    ------
    SchemaError
        If it is not as documented, holds what was not asked for, or too much of it is unreadable,
        garbled or there twice.
    DisobeyedError
        If it holds what has not changed since the day asked for.
    """
    envelope = _envelope(strict_json(content, name=name), name)
    if envelope.first is not None and envelope.first != index and envelope.records:
        raise _refusal(name, f"it begins with row {envelope.first}, and row {index} was asked for")
    rows = _rows(envelope.records, question.now, name)
    _refuse_twice(rows, name)
    _refuse_garbled(rows, name)
    _refuse_elsewhere(rows, question, name)
    _refuse_other_days(rows, question, name)
    return Page(
        records=tuple(row.record() for row in rows),
        n_rows=len(envelope.records),
        total=envelope.total,
    )


def _refusal(name: str, *faults: str) -> SchemaError:
    return SchemaError(name, faults, _WAY_OUT)


def _envelope(document: object, name: str) -> _Envelope:
    if isinstance(document, dict) and "records" not in document:
        said = document.get("error", document.get("message", "nothing else"))
        raise _refusal(name, f'it holds no records; it says "{str(said)[:200]}"')
    try:
        return _Envelope.model_validate(document)
    except ValidationError as error:
        raise _refusal(name, _first_fault(error)) from error


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"]) or "it"
    return f"{where}: {fault['msg'].removeprefix('Value error, ')}"


def _rows(found: Sequence[Mapping[str, Any]], now: datetime, name: str) -> list[_Row]:
    """Read the rows; one in a hundred may be unreadable."""
    rows, faults = [], []
    for number, given in enumerate(found, 1):
        try:
            row = _Row.model_validate(given)
            fault = row.fault(now)
        except ValidationError as error:
            fault = _first_fault(error)
        if fault:
            faults.append(f'record {number} "{str(given.get("name"))[:80]}": {fault}')
        else:
            rows.append(row)
    if len(faults) > _MOST_WRONG * len(found):
        raise _refusal(name, *faults[:_MOST_FAULTS])
    return rows


def _refuse_twice(rows: Sequence[_Row], name: str) -> None:
    n_twice = len(rows) - len({row.name for row in rows})
    if n_twice > _MOST_TWICE * len(rows):
        raise _refusal(name, f"{n_twice} of {len(rows)} records are there twice")


def _refuse_garbled(rows: Sequence[_Row], name: str) -> None:
    n_garbled = sum(row.is_garbled() for row in rows)
    if n_garbled > _MOST_GARBLED * len(rows):
        raise _refusal(
            name, f"the text of {n_garbled} of {len(rows)} records is garbled (wrong charset)"
        )


def _refuse_elsewhere(rows: Sequence[_Row], question: Question, name: str) -> None:
    """Refuse the whole answer for one place outside: the question was not understood."""
    placed = [row for row in rows if row.location_x is not None]
    longitude = np.array([row.location_x for row in placed], dtype=np.float64)
    latitude = np.array([row.location_y for row in placed], dtype=np.float64)
    is_outside = ~_within(question, longitude, latitude)
    if not is_outside.any():
        return
    worst = placed[int(np.argmax(is_outside))]
    where = f'"{worst.name[:80]}" at longitude {worst.location_x}, latitude {worst.location_y}'
    if _within(question, latitude, longitude)[is_outside].any():
        raise _refusal(name, f"{where}: its coordinates look exchanged")
    raise _refusal(name, f"{where} lies outside the {question.radius_km:g} km asked for")


def _within(
    question: Question, longitude: np.ndarray[Any, Any], latitude: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    east, north = geo.to_bng(longitude, latitude)
    centre_east, centre_north = geo.to_bng([question.longitude], [question.latitude])
    apart_m = np.hypot(east - centre_east[0], north - centre_north[0])
    # NaN, outside Great Britain, is never less.
    return np.asarray(apart_m <= question.radius_km * 1000 * _SLACK, dtype=np.bool_)


def _refuse_other_days(rows: Sequence[_Row], question: Question, name: str) -> None:
    since = question.changed_since
    if since is not None:
        early = [row for row in rows if row.last_different.date() < since]
        if early:
            fault = (
                f'"{early[0].name[:80]}" last changed on {early[0].last_different:%Y-%m-%d}, '
                f"and changes since {since} were asked for"
            )
            raise DisobeyedError(name, [fault], _WAY_OUT)
        return
    # A day more: where the window begins depends on the hour at which theirs ends.
    first = question.now.date() - timedelta(days=question.recent_days + 1)
    early = [row for row in rows if row.start_date is not None and row.start_date < first]
    if early:
        raise _refusal(
            name,
            f'"{early[0].name[:80]}" starts on {early[0].start_date}, and the last '
            f"{question.recent_days} days were asked for",
        )


# ── Many answers, one list ───────────────────────────────────────────────────────────────────


def merged(held: Iterable[Record], fresh: Iterable[Record]) -> tuple[Record, ...]:
    """
    Put what is new into what is known.

    An answer that says less than the one before takes nothing away, and one that says the same
    changes nothing, so that a case indexed anew leaves the list as it was.

    Parameters
    ----------
    held
        What is known, no name twice.
    fresh
        What has been answered since, in any order.

    Returns
    -------
    records
        By name.
    """
    known = {record.name: record for record in held}
    names_of: dict[tuple[str, str], list[str]] = {}
    for name, record in known.items():
        names_of.setdefault(_case(record), []).append(name)
    for record in sorted(fresh, key=lambda r: (r.last_different, r.name)):
        before = known.get(record.name)
        if before is not None:
            known[record.name] = _renewed(before, record)
        else:
            others = [known[name] for name in names_of.get(_case(record), [])]
            same = next((other for other in others if _is_same(other, record)), record)
            known[record.name] = replace(record, known_as=same.known_as)
        names_of.setdefault(_case(known[record.name]), []).append(record.name)
    return tuple(known[name] for name in sorted(known))


def shown(records: Iterable[Record]) -> tuple[Record, ...]:
    """
    Take together what several authorities list of one application.

    The one that changed last tells how it stands; what it leaves out, the others tell.

    Parameters
    ----------
    records
        What `merged` returns.

    Returns
    -------
    records
        One for each application, by the name that it was first known by.
    """
    listed: dict[str, Record] = {}
    for record in sorted(records, key=lambda r: (r.last_different, r.name)):
        before = listed.get(record.known_as)
        listed[record.known_as] = record if before is None else _together(record, before)
    return tuple(listed[key] for key in sorted(listed))


def _together(record: Record, before: Record) -> Record:
    both = _filled(record, before)
    # Two lists that are not of one day would otherwise seem to consult again by turns.
    days = [r.consulted_on for r in (record, before) if r.consulted_on is not None]
    return replace(both, consulted_on=max(days, default=None))


def _case(record: Record) -> tuple[str, str]:
    """Return what one application has in common wherever it is listed."""
    reference = _NOT_IN_A_REFERENCE.sub("", record.reference.upper())
    return reference, record.received_on or record.name


def _is_same(known: Record, record: Record) -> bool:
    """Tell whether two of one case are one application: two councils may number alike."""
    if known.authority == record.authority or _case(known) != _case(record):
        return False
    pairs = [(r.longitude, r.latitude) for r in (known, record)]
    if any(longitude is None for longitude, _ in pairs):
        return True
    east, north = geo.to_bng(*np.array(pairs, dtype=np.float64).T)
    return bool(np.hypot(east[1] - east[0], north[1] - north[0]) <= _SAME_PLACE_M)


def _renewed(before: Record, record: Record) -> Record:
    if record.last_different < before.last_different:
        return before
    after = replace(_filled(record, before), known_as=before.known_as)
    is_same = replace(after, last_different=before.last_different) == before
    return before if is_same else after


def _filled(record: Record, from_other: Record) -> Record:
    """Let another say what a record leaves out."""
    said = {
        field.name: getattr(from_other, field.name)
        for field in fields(Record)
        if getattr(record, field.name) is None
    }
    return replace(record, **said)


# ── The list on disk ─────────────────────────────────────────────────────────────────────────


def dumped(records: Iterable[Record]) -> bytes:
    """
    Write the list, equal lists as equal bytes.

    Parameters
    ----------
    records
        What `merged` returns.

    Returns
    -------
    content
        JSON, a record a line.
    """
    lines = [
        json.dumps(asdict(record), ensure_ascii=False, sort_keys=True, allow_nan=False)
        for record in records
    ]
    return ('{"records": [\n' + ",\n".join(lines) + "\n]}\n").encode()


def loaded(content: bytes, *, name: str) -> tuple[Record, ...]:
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
    records
        In the same order.

    Raises
    ------
    SchemaError
        If it is not such a list.
    """
    document = strict_json(content, name=name)
    try:
        return tuple(Record(**row) for row in document["records"])
    except (TypeError, KeyError) as error:
        raise _refusal(name, f"it is no list that sinkwatch wrote ({error})") from error
