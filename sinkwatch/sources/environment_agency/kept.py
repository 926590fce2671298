"""What is kept of the gauges between runs, and the sentence that each comes to."""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Final

from pydantic import TypeAdapter, ValidationError

from sinkwatch import wording
from sinkwatch.errors import SchemaError
from sinkwatch.sources.environment_agency.readings import (  # pydantic needs them
    Month,  # noqa: TC001
    Reading,  # noqa: TC001
    Station,  # noqa: TC001
)

WHOLE_MONTH_DAYS: Final = 27
"""Days with a value from which on a month counts as measured whole (sinkwatch decision)."""

LEAST_MONTHS: Final = 24
"""Whole months that must be held before one is compared with the others (sinkwatch decision)."""

LEAST_GAP_MONTHS: Final = 12
"""A month that is the wettest of less than a year is nothing to tell (sinkwatch decision)."""

LEAST_YEARS: Final = 3
"""Years of which the same month must be held before a range is told (sinkwatch decision)."""

LEAST_OF_A_DAY: Final = 90
"""Readings of 15 minutes, of 96, from which on a day's rain counts as measured whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """
    What is told of one gauge as it stands now.

    Attributes
    ----------
    station
        Where it is.
    last
        Its newest reading; None if it gives none.
    """

    station: Station
    last: Reading | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RainDay:
    """
    Rain of the last day that a gauge has told of.

    Attributes
    ----------
    station
        Where it is.
    until
        Time of the newest reading, UTC; None if it gives none.
    n_readings
        How many readings of 15 minutes the 24 hours before that hold.
    total_mm
        Their sum, mm.
    """

    station: Station
    until: datetime | None
    n_readings: int
    total_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """
    An archive, month by month.

    Attributes
    ----------
    station
        Where it is measured.
    measure
        Id of what is measured.
    months
        Every month that has been asked for, in order.
    last
        The newest value fit for use; None if there is none.
    """

    station: Station
    measure: str
    months: tuple[Month, ...]
    last: Reading | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """
    All that is kept.

    Attributes
    ----------
    rain_day
        Rain of the last day.
    rivers
        Levels, in the area file's order.
    rain, groundwater
        Archives; no groundwater if it is measured nowhere near.
    """

    rain_day: RainDay
    rivers: tuple[Gauge, ...]
    rain: Series
    groundwater: Series | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """
    One row of the context.

    Attributes
    ----------
    context_id, topic, title, text, observed_on
        As `schemas.CONTEXT` has them.
    station
        Where it was measured.
    """

    context_id: str
    topic: str
    title: str
    text: str
    observed_on: date | None
    station: Station


_KEPT: Final = TypeAdapter(Kept)


def dumped(kept: Kept) -> bytes:
    """
    Write what is kept, equal values as equal bytes.

    Parameters
    ----------
    kept
        All of it.

    Returns
    -------
    content
        JSON.
    """
    return _KEPT.dump_json(kept, indent=1) + b"\n"


def loaded(content: bytes, *, name: str) -> Kept:
    """
    Read it again.

    Parameters
    ----------
    content
        What `dumped` returned.
    name
        What it is, for the message.

    Returns
    -------
    kept
        The same.

    Raises
    ------
    SchemaError
        If sinkwatch did not write it.
    """
    try:
        return _KEPT.validate_json(content)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "it"
        fault = f"it is nothing that sinkwatch wrote ({where}: {error.errors()[0]['msg']})"
        raise SchemaError(name, [fault], "Run again to ask anew") from error


def told(kept: Kept) -> Iterator[Told]:
    """
    Put into words what is kept: what was measured and when, and nothing beyond.

    Parameters
    ----------
    kept
        All of it.

    Yields
    ------
    told
        A sentence each.
    """
    yield _rain_day(kept.rain_day)
    yield from (_river(gauge) for gauge in kept.rivers)
    yield from _rain_month(kept.rain)
    if kept.groundwater is not None:
        yield from _groundwater(kept.groundwater)


def _rain_day(rain: RainDay) -> Told:
    title = rain.station.name
    if rain.until is None:
        text = f"{title} has told nothing these last days."
    elif rain.n_readings < LEAST_OF_A_DAY:
        text = f"{title} last told at {_time(rain.until)}, too little for the sum of a day."
    else:
        text = (
            f"{rain.total_mm:.1f} mm of rain fell in the 24 hours to {_time(rain.until)}: {title}."
        )
    return Told(
        context_id="rainfall-day",
        topic="rainfall",
        title="Rain of the last day",
        text=text,
        observed_on=None if rain.until is None else wording.london_date(rain.until),
        station=rain.station,
    )


def _river(gauge: Gauge) -> Told:
    station, last = gauge.station, gauge.last
    river = station.river if "river" in station.river.casefold() else f"River {station.river}"
    where = f"{river} at {station.name}" if station.river else station.name
    text = f"{where}: no level is given at present."
    if last is not None:
        scale = "above sea level" if last.measure.endswith("mAOD") else "on the gauge's own scale"
        text = f"{where} stood at {last.value:.2f} m {scale} at {_time(last.at)}."
    return Told(
        context_id=f"river-level-{station.rloi_id}",
        topic="river_level",
        title=where,
        text=text,
        observed_on=None if last is None else wording.london_date(last.at),
        station=station,
    )


def _time(moment: datetime) -> str:
    local = moment.astimezone(wording.LONDON)
    return f"{local:%H:%M} on {wording.date_text(local)}"


# ── Months ───────────────────────────────────────────────────────────────────────────────────


def _rain_month(series: Series) -> Iterator[Told]:
    whole = [month for month in series.months if month.n_days >= WHOLE_MONTH_DAYS]
    if not whole:
        return
    last = whole[-1]
    yield Told(
        context_id="rainfall-month",
        topic="rainfall",
        title=f"Rain in {_month_text(last.month)}",
        text=_wettest(series.months, whole, series.station.name)
        or f"In {_month_text(last.month)} {last.total:.0f} mm of rain fell at "
        f"{series.station.name}.",
        observed_on=_end_of(last.month),
        station=series.station,
    )


def _wettest(months: Sequence[Month], whole: Sequence[Month], place: str) -> str:
    """Say since when no month was wetter, if it can be known and is long ago; else nothing."""
    last = whole[-1]
    earlier = [month for month in months if month.month < last.month]
    # A month of which days are missing may already have been as wet without them.
    wetter = [month for month in earlier if month.total >= last.total]
    since = wetter[-1].month if wetter else whole[0].month
    between = [month for month in earlier if month.month > since]
    if len(whole) < LEAST_MONTHS or _n(last.month) - _n(since) < LEAST_GAP_MONTHS:
        return ""
    n_unknown = sum(month.n_days < WHOLE_MONTH_DAYS for month in between)
    gaps = f" ({wording.count_text(n_unknown, 'month')} between not measured whole)"
    what = (
        f"the wettest month since {_month_text(since)}"
        if wetter
        else f"the wettest month held, from {_month_text(since)} on,"
    )
    return (
        f"{_month_text(last.month)} was {what} at {place}: {last.total:.0f} mm"
        f"{gaps if n_unknown else ''}."
    )


def _groundwater(series: Series) -> Iterator[Told]:
    last = series.last
    if last is None:
        return
    day = last.at.date()
    yield Told(
        context_id="groundwater",
        topic="groundwater",
        title=f"Groundwater at {series.station.name}",
        text=f"Groundwater at {series.station.name} stood {last.value:.2f} m above sea level on "
        f"{wording.date_text(day)}{_usual(series.months, day)}.",
        observed_on=day,
        station=series.station,
    )


def _usual(months: Sequence[Month], day: date) -> str:
    """Say between what levels it stood in the same month of other years, if enough are held."""
    same = [
        month
        for month in months
        if month.month.endswith(f"-{day:%m}") and month.month[:4] != f"{day:%Y}" and month.n_days
    ]
    least = min((month.least for month in same if month.least is not None), default=0.0)
    most = max((month.most for month in same if month.most is not None), default=0.0)
    if len(same) < LEAST_YEARS:
        return ""
    years = [month.month[:4] for month in same]
    is_unbroken = all(int(b) - int(a) == 1 for a, b in pairwise(years))
    span = f"{years[0]} to {years[-1]}" if is_unbroken else ", ".join(years)
    return f"; in {calendar.month_name[day.month]} of {span}, from {least:.2f} to {most:.2f} m"


def _n(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:])


def _month_text(month: str) -> str:
    return f"{calendar.month_name[int(month[5:])]} {month[:4]}"


def _end_of(month: str) -> date:
    year, number = int(month[:4]), int(month[5:])
    return date(year, number, calendar.monthrange(year, number)[1])
