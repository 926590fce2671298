"""PlanIt as its pages document it, on loopback: same parameters, envelope, paging and silences."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from tests.peers.server import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.peers.server import Asked

PATH: Final = "/api/applics/json"
_EARTH_KM: Final = 6371.0
_LATITUDES: Final = (48.0, 62.0)


def a_case(uid: str = "ZC26/01234/FUL", **changes: object) -> dict[str, Any]:
    """One record in the documented form, on the Old Auction Mart; name only what matters."""
    area = changes.get("area_name", "North Yorkshire")
    point = (changes.get("location_x", -1.51811846), changes.get("location_y", 54.14134578))
    return {
        "name": f"{area}/{uid}",
        "uid": uid,
        "area_name": area,
        "area_id": 344,
        "address": "Old Auction Mart, North Road, Ripon",
        "postcode": None,
        "description": "Erection of 20 dwellings with piled foundations",
        "app_type": "Full",
        "app_state": "Undecided",
        "app_size": "Medium",
        "start_date": "2026-11-02",
        "consulted_date": None,
        "decided_date": None,
        "location_x": point[0],
        "location_y": point[1],
        "location": None if point[0] is None else {"type": "Point", "coordinates": list(point)},
        "url": f"https://council.example/applicationDetails.do?keyVal={uid}",
        "link": f"https://www.planit.example/planapplic/{area}/{uid}/",
        "reference": None,
        "altid": [uid, "PP-09999999"],
        "associated_id": None,
        "last_different": "2026-11-21T03:11:09.4471",
        "last_changed": "2026-11-21T03:11:09.4471",
        "last_scraped": "2026-11-22T02:40:00",
        "scraper_name": "NorthYorkshire",
        "rec_type": "PlanApplic",
        "other_fields": {"applicant_name": "See source", "case_officer": "See source"},
        **changes,
    }


class PlanIt:
    """
    The service.

    `cases` is what it knows; `today` its date; `ignores` names documented parameters that it does
    not understand, which it passes over like any other it does not know.
    """

    def __init__(self, today: date, *cases: Mapping[str, Any]) -> None:
        self.today = today
        self.cases = [dict(case) for case in cases]
        self.ignores: frozenset[str] = frozenset()
        self.page_is_cut_at: int | None = None
        self.has_etags = True

    def __call__(self, asked: Asked) -> Answer:
        if asked.path != PATH:
            return Answer(status=404, body=b"<html>Not found</html>")
        query = {
            name: values[-1] for name, values in asked.query.items() if name not in self.ignores
        }
        if "lat" in query and not _LATITUDES[0] <= float(query["lat"]) <= _LATITUDES[1]:
            return as_json({"error": "lat must be between 48 and 62"}, status=400)
        return self._fresh_or_not(asked, self.envelope(query))

    def envelope(self, query: Mapping[str, str]) -> dict[str, Any]:
        found = self._found(query)
        index, size = int(query.get("index", 0)), int(query.get("pg_sz", 300))
        rows = found[index : index + size][: self.page_is_cut_at]
        return {
            "records": rows,
            "from": index if rows else None,
            "to": index + len(rows) - 1 if rows else None,
            "total": len(found),
            "pg_sz": size,
            "secs_taken": 1.6,
        }

    def _found(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        found = [dict(case) for case in self.cases]
        if {"lat", "lng", "krad"} <= query.keys():
            for case in found:
                case["distance"] = _distance_km(case, float(query["lat"]), float(query["lng"]))
            found = [case for case in found if case["distance"] <= float(query["krad"])]
        if "different_start" in query:
            found = [c for c in found if c["last_different"][:10] >= query["different_start"]]
        if "recent" in query:
            first = (self.today - timedelta(days=int(query["recent"]))).isoformat()
            found = [case for case in found if (case["start_date"] or first) >= first]
        for name in reversed([name for name in query.get("sort", "").split(",") if name]):
            key = name.removeprefix("-")
            found.sort(key=lambda case: case[key], reverse=name.startswith("-"))
        return found

    def _fresh_or_not(self, asked: Asked, envelope: dict[str, Any]) -> Answer:
        answer = as_json(envelope)
        if not self.has_etags:
            return answer
        assert isinstance(answer.body, bytes)
        etag = f'"{hashlib.sha256(answer.body).hexdigest()[:16]}"'
        if asked.headers["If-None-Match"] == etag:
            return Answer(status=304)
        return Answer(headers={**answer.headers, "ETag": etag}, body=answer.body)


def as_json(value: object, *, status: int = 200) -> Answer:
    body = json.dumps(value).encode()
    return Answer(status=status, headers={"Content-Type": "application/json"}, body=body)


def envelope(*records: object, **changes: object) -> dict[str, Any]:
    """A page that holds these records and is the only one."""
    n = len(records)
    whole = {"from": 0, "to": n - 1, "total": n, "pg_sz": 100, "secs_taken": 0.2}
    return {"records": list(records), **whole, **changes}


def _distance_km(case: Mapping[str, Any], latitude: float, longitude: float) -> float:
    if case["location_x"] is None:
        return 0.0  # it knows the place by its postcode
    east, north = math.radians(case["location_x"]), math.radians(case["location_y"])
    to_east, to_north = math.radians(longitude), math.radians(latitude)
    haversine = (
        math.sin((to_north - north) / 2) ** 2
        + math.cos(north) * math.cos(to_north) * math.sin((to_east - east) / 2) ** 2
    )
    return 2 * _EARTH_KM * math.asin(math.sqrt(haversine))
