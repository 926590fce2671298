"""Which gauges of the Environment Agency are asked, what for, and how far back."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from sinkwatch.errors import ConfigError, SchemaError, SourceError
from sinkwatch.sources.environment_agency.kept import WHOLE_MONTH_DAYS, Gauge, RainDay, Series
from sinkwatch.sources.environment_agency.readings import (
    Reading,
    Sought,
    Span,
    Station,
    read_archive,
    read_live,
    read_stations,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sinkwatch.model import SourceSpec
    from sinkwatch.sources.environment_agency.near import Near
    from sinkwatch.sources.environment_agency.readings import Month
    from sinkwatch.sources.errand import Errand

LOG = logging.getLogger(__name__)

URLS: Final = {
    "base_url": "https://environment.data.gov.uk/flood-monitoring",
    "hydrology_url": "https://environment.data.gov.uk/hydrology",
}
"""Where the gauges of the last weeks and the archive answer, by the option that says otherwise."""

ARCHIVE_YEARS: Final = 10
"""How far back an archive is read where nothing is held."""

LOGGED_YEARS: Final = 1
"""The same for one with a value every 15 minutes: 35,000 a year."""

RECENT_MONTHS: Final = 12
"""How many of the last months are asked for again while days of them are missing."""

_LIMIT: Final = 10_000
_ARCHIVE_LIMIT: Final = 100_000
_RECENT: Final = timedelta(days=3)
_NAMED_ALIKE_M: Final = 500.0  # two services' positions of one gauge, one rounded to 100 m
_MOST_RAIN_MM: Final = 500.0  # the most of one day in the United Kingdom is 341 mm
_MOST_LEVEL_M: Final = 1_000.0  # above sea level; no ground of England is higher
_STAGE: Final = "-level-stage-"
_RAIN: Final = "-t-15_min-mm"
_RAIN_A_DAY: Final = "-rainfall-t-86400-mm-qualified"
_DIPPED: Final = "-gw-dipped-i-mAOD-qualified"
_LOGGED: Final = "-gw-logged-i-subdaily-mAOD-qualified"
_KEPT: Final = "What is held stays in use; the next run asks again"


def url_of(spec: SourceSpec, name: str) -> str:
    """
    Return where a service answers.

    Parameters
    ----------
    spec
        The source.
    name
        One of `URLS`.

    Returns
    -------
    url
        Without a slash at its end.
    """
    return str(spec.options.get(name, URLS[name])).rstrip("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """
    Asks the two services for one run.

    Attributes
    ----------
    spec
        The source.
    errand
        With the way out.
    near
        Where gauges are looked for.
    """

    spec: SourceSpec
    errand: Errand
    near: Near

    def rain(self, held: Series | None) -> tuple[RainDay, Series]:
        """
        Ask for the rain of the last days, and for the months that are not held.

        Parameters
        ----------
        held
            The months held; None if there are none.

        Returns
        -------
        rain_day, series
            Of the gauge that is named, or else the nearest, and of the archive's gauge nearest to
            it.

        Raises
        ------
        SourceError
            If it cannot be asked, or the answer is not whole.
        SchemaError
            If the answer is not what was asked for.
        """
        live = self._chosen(
            self._stations("base_url", {"parameter": "rainfall"}),
            "rainfall_station",
            (_RAIN,),
            self.near,
        )
        archived = self._chosen(
            self._stations("hydrology_url", {"observedProperty": "rainfall"}),
            "archive_station",
            (_RAIN_A_DAY,),
            live,
        )
        series = self._series(archived, (_RAIN_A_DAY,), held, most=_MOST_RAIN_MM)
        if _is_silent(series):
            raise self._not_whole(
                f"it holds no rain at {archived.name} from {series.months[0].month} on",
                "hydrology_url",
            )
        apart_m = math.hypot(live.easting - archived.easting, live.northing - archived.northing)
        name = archived.name if apart_m <= _NAMED_ALIKE_M else live.reference
        return self._rain_day(replace(live, name=f"Rain gauge {name}")), series

    def rivers(self) -> tuple[Gauge, ...]:
        """
        Ask how high the rivers stand.

        Returns
        -------
        gauges
            Those that the area file names, in its order.

        Raises
        ------
        SourceError
            If one of them is not there, or none gives a level.
        """
        ids = self._river_ids()
        if not ids:
            return ()
        found = self._stations("base_url", {"parameter": "level"})
        stations = {station.rloi_id: station for station in found}
        missing = [rloi_id for rloi_id in ids if rloi_id not in stations]
        if missing:
            raise self._no_station("river_stations", missing[0], [s for s in stations if s])
        latest = self._latest()
        gauges = tuple(_gauge(stations[rloi_id], latest) for rloi_id in ids)
        if all(gauge.last is None for gauge in gauges):
            raise self._not_whole(f"none of the {len(ids)} rivers asked for has a level")
        return gauges

    def groundwater(self, held: Series | None) -> Series | None:
        """
        Ask how high the water in the ground stands, if that is measured anywhere near.

        Parameters
        ----------
        held
            The months held; None if there are none.

        Returns
        -------
        series
            Of the gauge that is named, or else the nearest.

        Raises
        ------
        SourceError
            If what was measured before is not there any more.
        """
        measures = (_DIPPED, _LOGGED)
        stations = self._stations("hydrology_url", {"observedProperty": "groundwaterLevel"})
        if not _usable(stations, measures):
            if held is not None:
                raise self._not_whole(f"{held.station.name} is not there any more, nor another")
            LOG.info("%s: groundwater is measured nowhere near", self.spec.name)
            return None
        station = self._chosen(stations, "groundwater_station", measures, self.near)
        series = self._series(station, measures, held, most=_MOST_LEVEL_M)
        if _is_silent(series):
            LOG.info("%s: %s has told nothing for years", self.spec.name, station.name)
            return None
        return series

    def _river_ids(self) -> list[str]:
        value: Any = self.spec.options.get("river_stations", [])
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise ConfigError(
                f"source {self.spec.name}",
                f"its river_stations {value} is not a list of texts",
                'Write it like ["8176", "8006"] in the area file',
            )
        return value

    # ── Stations ─────────────────────────────────────────────────────────────────────────────

    def _stations(self, service: str, query: dict[str, str]) -> list[Station]:
        suffix = ".json" if service == "hydrology_url" else ""
        path = f"/id/stations{suffix}?{urlencode({**query, **self.near.query()})}"
        what = f"{service.removesuffix('_url')}-{'-'.join(query.values())}"
        name, content = self._ask(service, path, what)
        stations = read_stations(content, name=name)
        for station in stations:
            if faults := self.near.faults(station):
                raise SchemaError(name, faults, _KEPT)
        return stations

    def _chosen(
        self,
        stations: Sequence[Station],
        option: str,
        measures: tuple[str, ...],
        centre: Station | Near,
    ) -> Station:
        """Return the station that an option names, or else the nearest that measures that."""
        found = _usable(stations, measures)
        named = str(self.spec.options.get(option, ""))
        if named:
            found = [station for station in found if named == station.reference]
        if not found:
            raise self._no_station(option, named or measures[0].strip("-"), [])
        return min(
            found,
            key=lambda s: (
                math.hypot(s.easting - centre.easting, s.northing - centre.northing),
                s.reference,
            ),
        )

    def _no_station(self, option: str, wanted: str, there: Sequence[str]) -> SourceError:
        others = f"; there are {', '.join(sorted(there)[:9])}" if there else ""
        return SourceError(
            self.spec.name,
            f"no gauge {wanted} is within {self.near.distance_km:g} km{others}",
            f"Set {option} or distance_km in the area file",
            url=url_of(self.spec, "base_url"),
        )

    # ── Readings ─────────────────────────────────────────────────────────────────────────────

    def _latest(self) -> list[Reading]:
        """Ask for every gauge's latest value at once, as the service asks one to do."""
        name, content = self._ask("base_url", f"/data/readings?latest&_limit={_LIMIT}", "latest")
        sought = Sought(part=_STAGE, of="", most=_MOST_LEVEL_M, now=self.errand.now)
        return read_live(content, sought, name=name)

    def _rain_day(self, station: Station) -> RainDay:
        since = f"{self.errand.now - _RECENT:%Y-%m-%d}T00:00:00Z"
        path = f"/id/stations/{station.reference}/readings?_sorted&since={since}&_limit={_LIMIT}"
        name, content = self._ask("base_url", path, "rain")
        sought = Sought(
            part=_measure(station, (_RAIN,)),
            of=station.reference,
            most=_MOST_RAIN_MM,
            now=self.errand.now,
        )
        readings = read_live(content, sought, name=name)
        until = readings[-1].at if readings else None
        day = [r.value for r in readings if until and r.at > until - timedelta(days=1)]
        return RainDay(
            station=station,
            until=until,
            n_readings=len(day),
            total_mm=round(math.fsum(day), 3),
        )

    def _series(
        self, station: Station, measures: tuple[str, ...], held: Series | None, *, most: float
    ) -> Series:
        """Ask for the months that are not held, or of which days are missing."""
        measure = _measure(station, measures)
        is_same = held is not None and held.measure == measure
        months, last = (held.months, held.last) if held is not None and is_same else ((), None)
        span = self._span(measure, months)
        if span is not None:
            fresh, newest = self._archive(measure, span, most)
            self._refuse_less(fresh, months)
            kept = (month for month in months if month.month < fresh[0].month)
            months, last = (*kept, *fresh), newest or last
        return Series(station=station, measure=measure, months=months, last=last)

    def _span(self, measure: str, months: Sequence[Month]) -> Span | None:
        """Return what is not held; rain only by whole months, so that an answer stays the same."""
        now = self.errand.now
        this = date(now.year, now.month, 1)
        years = LOGGED_YEARS if measure.endswith(_LOGGED) else ARCHIVE_YEARS
        first = date(this.year - years, this.month, 1)
        if months:
            patchy = [m.month for m in months[-RECENT_MONTHS:] if m.n_days < WHOLE_MONTH_DAYS]
            after = date.fromisoformat(f"{months[-1].month}-28") + timedelta(days=4)
            first = date.fromisoformat(f"{min([*patchy, f'{after:%Y-%m}'])}-01")
        if measure.endswith(_RAIN_A_DAY):
            return Span(first=first, end=this, now=now) if first < this else None
        return Span(first=min(first, this), end=None, now=now)

    def _archive(self, measure: str, span: Span, most: float) -> tuple[list[Month], Reading | None]:
        until = f"&max-date={span.end}" if span.end else ""
        path = (
            f"/id/measures/{measure}/readings.json"
            f"?mineq-date={span.first}{until}&_limit={_ARCHIVE_LIMIT}"
        )
        name, content = self._ask("hydrology_url", path, measure)
        return read_archive(content, span, measure=measure, most=most, name=name)

    def _refuse_less(self, fresh: Sequence[Month], months: Sequence[Month]) -> None:
        """Refuse an answer without a single value where there were some."""
        lost = [m for m in months if m.month >= fresh[0].month and m.n_days]
        if lost and not any(month.n_days for month in fresh):
            raise self._not_whole(f"it holds no value from {fresh[0].month} on", "hydrology_url")

    # ── The way out ──────────────────────────────────────────────────────────────────────────

    def _ask(self, service: str, path: str, what: str) -> tuple[str, bytes]:
        """Return what to call an answer, and the answer."""
        target = self.errand.folder / self.spec.name / "answer" / f"{what}.json"
        url = url_of(self.spec, service) + path
        download = self.errand.way_out(self.spec).get(self.spec.name, url, target)
        return f"{self.spec.name} ({what})", download.path.read_bytes()

    def _not_whole(self, rule: str, service: str = "base_url") -> SourceError:
        return SourceError(
            self.spec.name,
            f"its answer is not whole: {rule}",
            _KEPT,
            url=url_of(self.spec, service),
            retryable=True,
        )


def _usable(stations: Sequence[Station], measures: Sequence[str]) -> list[Station]:
    return [s for s in stations if _measure(s, measures) and not s.is_closed]


def _is_silent(series: Series) -> bool:
    return not any(month.n_days for month in series.months)


def _measure(station: Station, endings: Sequence[str]) -> str:
    """Return what a station measures of that kind, the better first; nothing if none of it."""
    found = [m for ending in endings for m in sorted(station.measures) if m.endswith(ending)]
    return found[0] if found else ""


def _gauge(station: Station, latest: Sequence[Reading]) -> Gauge:
    found = [r for r in latest if r.measure in station.measures]
    return Gauge(station=station, last=found[-1] if found else None)
