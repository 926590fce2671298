"""The Environment Agency's two services as their pages document them, on loopback."""

from __future__ import annotations

import calendar
import hashlib
import json
import math
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from sinkwatch import geo
from tests.peers.server import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.peers.server import Asked

LIVE: Final = "http://environment.example/flood-monitoring"
ARCHIVE: Final = "http://environment.example/hydrology"
RAIN: Final = "049902-rainfall-tipping_bucket_raingauge-t-15_min-mm"
RAIN_A_DAY: Final = "11111111-1111-4111-8111-111111111111-rainfall-t-86400-mm-qualified"
DIPPED: Final = "22222222-2222-4222-8222-222222222222-gw-dipped-i-mAOD-qualified"
LOGGED: Final = "22222222-2222-4222-8222-222222222222-gw-logged-i-subdaily-mAOD-qualified"
STAGE: Final = "F2206-level-stage-i-15_min-mASD"


def a_station(notation: str, easting: int, northing: int, **changes: object) -> dict[str, Any]:
    """One station in the documented form, either service's."""
    longitude, latitude = geo.to_wgs84(easting, northing)
    return {
        "@id": f"{LIVE}/id/stations/{notation}",
        "label": "Rainfall station",
        "notation": notation,
        "stationReference": notation,
        "easting": easting,
        "northing": northing,
        "lat": round(float(latitude[0]), 6),
        "long": round(float(longitude[0]), 6),
        "gridReference": "SE2250070500",
        "measures": [],
        **changes,
    }


def measures(*ids: str) -> list[dict[str, str]]:
    return [{"@id": f"{LIVE}/id/measures/{name}", "unitName": "mm"} for name in ids]


def a_reading(measure: str, at: str, value: object) -> dict[str, Any]:
    return {
        "@id": f"{LIVE}/data/readings/{measure}/{at.replace(':', '-')}",
        "dateTime": at,
        "measure": f"{LIVE}/id/measures/{measure}",
        "value": value,
    }


def a_day(measure: str, day: date, value: object, **changes: object) -> dict[str, Any]:
    return {
        "measure": {"@id": f"{ARCHIVE}/id/measures/{measure}"},
        "date": day.isoformat(),
        "dateTime": f"{day}T00:00:00",
        "value": value,
        "completeness": "Complete",
        "quality": "Good",
        **changes,
    }


def days_of(month: str, total_mm: float, **changes: object) -> list[dict[str, Any]]:
    """A month in which it rained that much on the first, and not at all on the other days."""
    year, number = (int(part) for part in month.split("-"))
    n_days = calendar.monthrange(year, number)[1]
    return [
        a_day(RAIN_A_DAY, date(year, number, n + 1), 0 if n else total_mm, **changes)
        for n in range(n_days)
    ]


def envelope(items: object, limit: int | None = None) -> dict[str, Any]:
    meta = {
        "publisher": "Environment Agency",
        "licence": "http://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/",
        "version": "0.9",
        **({} if limit is None else {"limit": limit}),
    }
    return {"@context": f"{LIVE}/meta/context.jsonld", "meta": meta, "items": items}


@cache
def _rain_of_years() -> tuple[dict[str, Any], ...]:
    """Eight years, 60 mm a month but for the last; made once, so no test may write into it."""
    months = [f"{year}-{month:02}" for year in range(2019, 2027) for month in range(1, 13)]
    return tuple(
        day
        for month in months
        if month < "2026-11"
        for day in days_of(month, 182 if month == "2026-10" else 60)
    )


@cache
def _water_of_years() -> tuple[dict[str, Any], ...]:
    """A level on the third of each month, 10 cm higher each year."""
    return tuple(
        a_day(DIPPED, date(year, month, 3), 20 + (year - 2016) / 10)
        for year in range(2017, 2027)
        for month in range(1, 13)
        if (year, month) < (2026, 12)
    )


class EnvironmentAgency:
    """Both services; what they know may be changed between two questions."""

    def __init__(self) -> None:
        self.gauges = {
            "rainfall": [
                a_station("049902", 422_500, 470_500, measures=measures(RAIN)),
                a_station("056505", 441_000, 466_000, measures=measures(f"056505{RAIN[6:]}")),
            ],
            "level": [
                a_station(
                    "F2206", 431_700, 472_700,
                    label="Ure Bank", RLOIid="8176", riverName="River Ure",
                    measures=measures(STAGE),
                ),
                a_station(
                    "F2207", 431_500, 470_900,
                    label="Alma Weir", RLOIid="8006", riverName="Skell",
                    measures=measures(STAGE.replace("F2206", "F2207")),
                ),
            ],
        }  # fmt: skip
        self.archive = {
            "rainfall": [
                a_station(
                    "11111111-1111-4111-8111-111111111111", 422_510, 470_480,
                    label="Lumley Moor Reservoir", measures=measures(RAIN_A_DAY),
                ),
            ],
            "groundwaterLevel": [
                a_station(
                    "22222222-2222-4222-8222-222222222222", 432_000, 475_000,
                    label="Example Farm", stationGuid=["22222222-2222-4222-8222-222222222222"],
                    measures=measures(DIPPED),
                ),
            ],
        }  # fmt: skip
        self.latest = [
            a_reading(STAGE, "2026-11-22T06:00:00Z", 0.85),
            a_reading(STAGE.replace("F2206", "F2207"), "2026-11-22T06:15:00Z", 0.4),
        ]
        start = datetime(2026, 11, 20, 6, 15, tzinfo=UTC)
        self.rain = [
            a_reading(RAIN, f"{start + timedelta(minutes=15) * n:%Y-%m-%dT%H:%M:%SZ}", 0.1)
            for n in range(192)
        ]
        self.days = list(_rain_of_years())
        self.water = list(_water_of_years())

    def wetter(self, month: str, total_mm: float) -> None:
        """Let it have rained that much in a month."""
        kept = [day for day in self.days if not day["date"].startswith(month)]
        self.days = [*kept, *days_of(month, total_mm)]

    def __call__(self, asked: Asked) -> Answer:
        service, _, path = asked.path.removeprefix("/").partition("/")
        query = {name: values[-1] for name, values in asked.query.items()}
        found = self._found(service, path, query)
        if found is None:
            return Answer(status=404, body=b"<html>Not found</html>")
        body = json.dumps(envelope(found, int(query.get("_limit", 500)))).encode()
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if asked.headers["If-None-Match"] == etag:
            return Answer(status=304)
        return Answer(headers={"Content-Type": "application/json", "ETag": etag}, body=body)

    def _found(
        self, service: str, path: str, query: Mapping[str, str]
    ) -> list[dict[str, Any]] | None:
        if (service, path) == ("flood-monitoring", "id/stations"):
            return _within(self.gauges[query["parameter"]], query)
        if (service, path) == ("flood-monitoring", "data/readings") and "latest" in query:
            return _some(self.latest, query)
        if service == "flood-monitoring" and path == "id/stations/049902/readings":
            since = query.get("since", "")
            found = [reading for reading in self.rain if reading["dateTime"] >= since]
            return _some(found[::-1] if "_sorted" in query else found, query)
        if (service, path) == ("hydrology", "id/stations.json"):
            return _within(self.archive[query["observedProperty"]], query)
        if service == "hydrology" and path.endswith("/readings.json"):
            measure = path.split("/")[2]
            found = [
                day
                for day in (*self.days, *self.water)
                if day["measure"]["@id"].endswith(measure)
                and query.get("mineq-date", "") <= day["date"] < query.get("max-date", "9")
            ]
            return _some(found, query)
        return None


def _some(found: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    return found[: int(query.get("_limit", 500))]


def _within(stations: Iterable[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    east, north = geo.to_bng(float(query["long"]), float(query["lat"]))
    return [
        station
        for station in stations
        if math.hypot(station["easting"] - east[0], station["northing"] - north[0])
        <= float(query["dist"]) * 1000
    ]
