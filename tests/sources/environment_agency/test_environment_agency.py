"""The Environment Agency's gauges: what is asked, what is told, and the reason for the rest."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from sinkwatch.errors import ConfigError, SchemaError, SinkwatchError, SourceError
from sinkwatch.sources import environment_agency
from sinkwatch.sources.environment_agency import kept as environment_agency_kept
from tests.conftest import NOW, Clock
from tests.peers import environment_agency as peers
from tests.peers.environment_agency import (
    DIPPED,
    LOGGED,
    RAIN,
    RAIN_A_DAY,
    STAGE,
    EnvironmentAgency,
    a_day,
    a_reading,
    a_station,
    days_of,
    envelope,
    measures,
)
from tests.peers.hostile import ANSWERS, Hostile, a_downloader, ids, slowly
from tests.peers.server import Answer, Asked, Notes, Peer
from tests.sources.samples import a_spec, an_errand
from tests.world import BANNED_WORDS, an_area

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import geopandas as gpd

    from sinkwatch.model import Snapshot, SourceSpec


class World:
    """The services on loopback, and what runs have held."""

    def __init__(self, peer: Peer, service: EnvironmentAgency, folder: Path, clock: Clock) -> None:
        self.peer, self.service, self.folder, self.clock = peer, service, folder, clock
        self.notes = Notes()
        self.held: Snapshot | None = None
        self.options: dict[str, object] = {
            "base_url": peer.url("/flood-monitoring"),
            "hydrology_url": peer.url("/hydrology"),
            "river_stations": ["8176", "8006"],
        }

    def spec(self) -> SourceSpec:
        return a_spec("environment-agency", None, options=self.options, attribution="EA")

    def fetch(self, *, whole_s: float = 5, **step: float) -> Snapshot:
        self.clock.move(**step)
        way_out = a_downloader(self.peer, self.clock, self.notes, whole_s=whole_s)
        errand = an_errand(self.folder, now=self.clock(), downloader=way_out, held=self.held)
        self.held = environment_agency.fetch(self.spec(), errand)
        return self.held

    def frame(self, **step: float) -> gpd.GeoDataFrame:
        return environment_agency.load(self.fetch(**step), self.spec(), an_area())

    def told(self, **step: float) -> dict[str, str]:
        frame = self.frame(**step)
        return dict(zip(frame["context_id"], frame["text"], strict=True))

    def asked(self, part: str) -> list[dict[str, str]]:
        return [
            {name: values[-1] for name, values in asked.query.items()}
            for asked in self.peer.asked
            if part in asked.path
        ]


@pytest.fixture
def world(tmp_path: Path, clock: Clock) -> Iterator[World]:
    service = EnvironmentAgency()
    with Peer(service).running() as peer:
        yield World(peer, service, tmp_path / "copies", clock)


# ── What is told ─────────────────────────────────────────────────────────────────────────────


def test_each_gauge_is_told_in_a_sentence_with_its_date(world: World) -> None:
    assert world.told() == {
        "groundwater": (
            "Groundwater at Example Farm stood 21.00 m above sea level on 3 November 2026; "
            "in November of 2017 to 2025, from 20.10 to 20.90 m."
        ),
        "rainfall-day": (
            "9.6 mm of rain fell in the 24 hours to 06:00 on 22 November 2026: "
            "Rain gauge Lumley Moor Reservoir."
        ),
        "rainfall-month": (
            "October 2026 was the wettest month held, from January 2019 on, "
            "at Lumley Moor Reservoir: 182 mm."
        ),
        "river-level-8006": (
            "River Skell at Alma Weir stood at 0.40 m on the gauge's own scale at 06:15 on "
            "22 November 2026."
        ),
        "river-level-8176": (
            "River Ure at Ure Bank stood at 0.85 m on the gauge's own scale at 06:00 on "
            "22 November 2026."
        ),
    }


def test_the_frame_says_what_when_and_where(world: World) -> None:
    frame = world.frame()
    assert frame["topic"].tolist() == [
        "groundwater", "rainfall", "rainfall", "river_level", "river_level",
    ]  # fmt: skip
    assert [str(day.date()) for day in frame["observed_on"]] == [
        "2026-11-03", "2026-11-22", "2026-10-31", "2026-11-22", "2026-11-22",
    ]  # fmt: skip
    assert [(p.x, p.y) for p in frame.geometry] == [
        (432_000, 475_000), (422_500, 470_500), (422_510, 470_480),
        (431_500, 470_900), (431_700, 472_700),
    ]  # fmt: skip
    assert frame["title"].tolist() == [
        "Groundwater at Example Farm", "Rain of the last day", "Rain in October 2026",
        "River Skell at Alma Weir", "River Ure at Ure Bank",
    ]  # fmt: skip


def test_no_sentence_speaks_of_the_ground_that_may_move(world: World) -> None:
    for text in world.told().values():
        assert not any(word in text.casefold() for word in BANNED_WORDS)
        assert not any(word in text for word in ("collapse", "sinkhole", "hazard", "warning"))


def test_the_wettest_month_since_is_counted_back_to_one_as_wet(world: World) -> None:
    world.service.wetter("2020-02", 190)
    assert world.told()["rainfall-month"] == (
        "October 2026 was the wettest month since February 2020 at Lumley Moor Reservoir: 182 mm."
    )


def test_a_month_as_wet_within_a_year_makes_no_record(world: World) -> None:
    world.service.wetter("2025-11", 182)
    assert world.told()["rainfall-month"] == (
        "In October 2026 182 mm of rain fell at Lumley Moor Reservoir."
    )


def test_under_two_years_of_whole_months_nothing_is_compared(world: World) -> None:
    world.service.days = [day for day in world.service.days if day["date"] >= "2024-12"]
    assert world.told()["rainfall-month"].startswith("In October 2026 182 mm")
    world.held = None
    world.service.days += days_of("2024-11", 60)
    assert "wettest" in world.told(hours=1)["rainfall-month"]


def test_a_patchy_month_between_is_said_and_one_already_as_wet_counts(world: World) -> None:
    world.service.wetter("2020-02", 190)
    world.service.days = [
        day for day in world.service.days if not "2023-05-05" < day["date"] < "2023-05-30"
    ]
    assert world.told()["rainfall-month"].endswith("182 mm (1 month between not measured whole).")
    world.held = None
    world.service.days.append(a_day(RAIN_A_DAY, date(2023, 5, 30), 200))
    world.service.days = [d for d in world.service.days if d["date"] != "2023-05-31"]
    assert "since May 2023" in world.told(hours=1)["rainfall-month"]


@pytest.mark.parametrize(
    "changes",
    [
        {"quality": "Suspect"},
        {"quality": "Missing"},
        {"quality": ""},
        {"completeness": "Incomplete"},
        {"value": None},
        {"value": [1.0, 2.0]},
    ],
    ids=str,
)
def test_days_not_fit_for_use_count_for_nothing(world: World, changes: dict[str, Any]) -> None:
    for day in world.service.days[-4:]:
        assert day["date"].startswith("2026-10")
    world.service.days[-5:] = [{**day, **changes} for day in world.service.days[-5:]]
    # 26 good days are no whole month: September is the last that can be told.
    assert world.told()["rainfall-month"].startswith("In September 2026 60 mm")


def test_without_a_whole_month_nothing_is_told_of_months(world: World) -> None:
    world.service.days = world.service.days[-9:]
    assert "rainfall-month" not in world.told()


def test_groundwater_is_not_compared_with_fewer_than_three_years(world: World) -> None:
    world.service.water = [day for day in world.service.water if day["date"] >= "2024"]
    assert world.told()["groundwater"].endswith("on 3 November 2026.")
    world.held = None
    world.service.water.append(a_day(DIPPED, date(2019, 11, 7), 19.5))
    assert world.told(hours=1)["groundwater"].endswith(
        "in November of 2019, 2024, 2025, from 19.50 to 20.90 m."
    )


def test_a_logger_is_read_a_year_back_where_nobody_dips(world: World) -> None:
    (farm,) = world.service.archive["groundwaterLevel"]
    farm["measures"] = measures(LOGGED)
    world.service.water = [
        a_day(LOGGED, date(2026, 11, 20), 21.5, dateTime=f"2026-11-20T0{n}:00:00") for n in range(9)
    ]
    assert "stood 21.50 m above sea level on 20 November" in world.told()["groundwater"]
    assert world.asked("gw-logged")[0]["mineq-date"] == "2025-11-01"


def test_a_gauge_that_is_silent_says_so_and_not_nothing(world: World) -> None:
    world.service.rain = []
    world.service.latest = world.service.latest[:1]
    told = world.told()
    assert told["rainfall-day"] == (
        "Rain gauge Lumley Moor Reservoir has told nothing these last days."
    )
    assert told["river-level-8006"] == "River Skell at Alma Weir: no level is given at present."


def test_a_day_with_gaps_has_no_sum(world: World) -> None:
    world.service.rain = world.service.rain[-89:]
    assert world.told()["rainfall-day"] == (
        "Rain gauge Lumley Moor Reservoir last told at 06:00 on 22 November 2026, too little for "
        "the sum of a day."
    )


@pytest.mark.parametrize("value", [[0.85, 0.9], None], ids=["two values", "none"])
def test_a_value_of_which_nobody_knows_which_is_meant_is_left_out(
    world: World, value: object
) -> None:
    world.service.latest[0]["value"] = value
    assert "no level is given" in world.told()["river-level-8176"]


def test_a_river_above_sea_level_is_said_to_be(world: World) -> None:
    measure = STAGE.replace("mASD", "mAOD")
    world.service.gauges["level"][0]["measures"] = measures(measure)
    world.service.latest[0] = a_reading(measure, "2026-11-22T06:00:00Z", 20.1)
    assert "20.10 m above sea level" in world.told()["river-level-8176"]


def test_a_single_item_may_stand_for_itself_and_a_list_for_one_value(world: World) -> None:
    (farm,) = world.service.archive["groundwaterLevel"]
    farm["label"] = ["Example Farm", "Example Farm 2"]
    whole = world.service

    def single(asked: Asked) -> Answer:
        answer = whole(asked)
        if asked.path != "/hydrology/id/stations.json":
            return answer
        assert isinstance(answer.body, bytes)
        document = json.loads(answer.body)
        (document["items"],) = document["items"]
        return Answer(body=json.dumps(document).encode())

    world.peer.answers = single
    assert "Example Farm stood" in world.told()["groundwater"]


def test_without_rivers_and_groundwater_rain_is_all_that_is_told(world: World) -> None:
    del world.options["river_stations"]
    world.service.archive["groundwaterLevel"] = []
    assert list(world.told()) == ["rainfall-day", "rainfall-month"]
    assert world.asked("/data/readings") == []


# ── What is asked ────────────────────────────────────────────────────────────────────────────


def test_one_call_brings_every_level_and_the_archive_comes_in_one(world: World) -> None:
    world.fetch()
    assert [asked.path for asked in world.peer.asked] == [
        "/flood-monitoring/id/stations",
        "/hydrology/id/stations.json",
        f"/hydrology/id/measures/{RAIN_A_DAY}/readings.json",
        "/flood-monitoring/id/stations/049902/readings",
        "/flood-monitoring/id/stations",
        "/flood-monitoring/data/readings",
        "/hydrology/id/stations.json",
        f"/hydrology/id/measures/{DIPPED}/readings.json",
    ]
    assert world.asked(RAIN_A_DAY) == [
        {"mineq-date": "2016-11-01", "max-date": "2026-11-01", "_limit": "100000"}
    ]
    assert world.asked("/data/readings") == [{"latest": "", "_limit": "10000"}]
    assert world.asked("/id/stations.json")[0] == {
        "observedProperty": "rainfall", "lat": "54.13839", "long": "-1.51936", "dist": "15",
    }  # fmt: skip
    apart = [after - before for (_, before), (_, after) in pairwise(world.notes.requests)]
    assert all(gap >= timedelta(seconds=1) for gap in apart)


def test_months_that_are_held_are_not_asked_for_again(world: World) -> None:
    world.fetch()
    world.fetch(days=1)
    assert len(world.asked(RAIN_A_DAY)) == 1
    world.service.days += days_of("2026-11", 33)
    assert world.told(days=8)["rainfall-month"].startswith("In November 2026 33 mm")
    assert world.asked(RAIN_A_DAY)[1]["mineq-date"] == "2026-11-01"
    assert world.asked(RAIN_A_DAY)[1]["max-date"] == "2026-12-01"


def test_a_month_that_came_late_is_asked_for_until_it_is_whole(world: World) -> None:
    late = world.service.days[-31:]
    world.service.days = world.service.days[:-31]
    assert "September 2026" in world.told()["rainfall-month"]
    world.service.days += late
    assert "October 2026" in world.told(days=1)["rainfall-month"]
    assert world.asked(RAIN_A_DAY)[1]["mineq-date"] == "2026-10-01"


def test_within_a_quarter_of_an_hour_nobody_is_asked_again(world: World) -> None:
    first = world.fetch()
    n_asked = len(world.peer.asked)
    assert world.fetch(minutes=14) is first
    assert len(world.peer.asked) == n_asked
    world.held = replace(first, checked_at=world.clock() + timedelta(days=9))
    assert world.fetch(minutes=1) is not first  # taken by a clock that was fast


def test_what_has_not_changed_gives_the_same_bytes_and_is_not_sent_again(world: World) -> None:
    first = world.fetch()
    second = world.fetch(hours=1)
    assert (second.sha256, second.path) == (first.sha256, first.path)
    assert second.checked_at > first.checked_at
    world.fetch(hours=1)  # the second time, no more than the last months of the archive were asked
    again = world.peer.asked[-7:]
    assert all(asked.headers["If-None-Match"] for asked in again)


def test_another_archive_gauge_is_begun_from_its_beginning(world: World) -> None:
    world.fetch()
    other = RAIN_A_DAY.replace("11111111", "33333333")
    world.service.archive["rainfall"].append(
        a_station("other", 430_000, 470_000, label="Other", measures=measures(other))
    )
    world.service.days = [{**day, "measure": {"@id": f"x/{other}"}} for day in world.service.days]
    world.options["archive_station"] = "other"
    assert "at Other: 182 mm" in world.told(days=1)["rainfall-month"]
    assert world.asked(other)[0]["mineq-date"] == "2016-11-01"


def test_a_copy_that_was_spoilt_is_begun_anew(world: World) -> None:
    world.fetch().path.write_text("{}")
    assert "182 mm" in world.told(days=1)["rainfall-month"]


def test_the_gauge_named_is_asked_though_another_is_nearer(world: World) -> None:
    world.options["rainfall_station"] = "056505"
    assert world.service.gauges["rainfall"][1]["notation"] == "056505"
    with pytest.raises(SourceError, match="status 404"):  # the peer tells of one gauge only
        world.fetch()
    assert world.peer.asked[-1].path == "/flood-monitoring/id/stations/056505/readings"


def test_a_gauge_far_from_the_archives_goes_by_its_own_number(world: World) -> None:
    world.service.archive["rainfall"][0]["easting"] += 2_000
    assert world.told()["rainfall-day"].endswith("Rain gauge 049902.")


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("latitude", "54", "its latitude 54 is not a number"),
        ("distance_km", True, "its distance_km True is not a number"),
        ("longitude", 120.0, "lies outside Great Britain"),
        ("river_stations", "8176", "its river_stations 8176 is not a list of texts"),
        ("river_stations", [8176], "is not a list of texts"),
    ],
)
def test_an_option_that_is_wrong_is_refused(
    world: World, option: str, value: object, reason: str
) -> None:
    world.options[option] = value
    with pytest.raises(ConfigError, match=reason):
        world.fetch()


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("rainfall_station", "1", "no gauge 1 is within 15 km"),
        ("archive_station", "1", "no gauge 1 is within 15 km"),
        ("groundwater_station", "1", "no gauge 1 is within 15 km"),
        ("river_stations", ["1"], "no gauge 1 is within 15 km; there are 8006, 8176"),
        ("distance_km", 1, "no gauge t-15_min-mm is within 1 km"),
    ],
)
def test_a_gauge_that_is_not_there_is_a_failure_with_a_way_out(
    world: World, option: str, value: object, reason: str
) -> None:
    world.options[option] = value
    with pytest.raises(SourceError, match=reason):
        world.fetch()


def test_the_servers_are_the_agencys_own_unless_others_are_named(world: World) -> None:
    rules = environment_agency.host_rules(a_spec("environment-agency", None))
    assert rules == {"environment.data.gov.uk": environment_agency.RULE}
    assert environment_agency.RULE.spacing_s >= 1
    assert environment_agency.host_rules(world.spec()) == {world.peer.host: environment_agency.RULE}


def test_without_a_way_out_it_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no way out"):
        environment_agency.fetch(a_spec("environment-agency", None), an_errand(tmp_path))


@pytest.mark.parametrize("content", ["[]", '{"rain": 1}', "<html>", ""])
def test_a_file_that_sinkwatch_did_not_write_is_refused(world: World, content: str) -> None:
    snapshot = world.fetch()
    snapshot.path.write_text(content)
    with pytest.raises(SchemaError, match="nothing that sinkwatch wrote"):
        environment_agency.load(snapshot, world.spec(), an_area())
    snapshot.path.unlink()
    with pytest.raises(SchemaError, match="cannot be read"):
        environment_agency.load(snapshot, world.spec(), an_area())


# ── Hostile answers: each with its reason, and what is held untouched ────────────────────────

STATIONS: Final = "/flood-monitoring/id/stations"
LATEST: Final = "/flood-monitoring/data/readings"
RAINS: Final = "/flood-monitoring/id/stations/049902/readings"
WELLS: Final = "/hydrology/id/stations.json"
DAYS: Final = f"/hydrology/id/measures/{RAIN_A_DAY}/readings.json"
WATER: Final = f"/hydrology/id/measures/{DIPPED}/readings.json"
NOVEMBER: Final = date(2026, 11, 5)


def said(items: object, limit: int | None = None) -> Callable[[], Answer]:
    return lambda: Answer(body=json.dumps(envelope(items, limit)).encode())


def gauge(**changes: object) -> Callable[[], Answer]:
    return said([{**a_station("049902", 422_500, 470_500, measures=measures(RAIN)), **changes}])


def level(value: object = 0.85, at: object = "2026-11-22T06:00:00Z") -> Callable[[], Answer]:
    return said([{**a_reading(STAGE, "2026-11-22T06:00:00Z", value), "dateTime": at}])


def day(value: object = 1.0, **changes: object) -> Callable[[], Answer]:
    return said([a_day(RAIN_A_DAY, NOVEMBER, value, **changes)])


def _without(item: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name != key}


OWN: Final = {
    STATIONS: (
        Hostile("a list", lambda: Answer(body=b"[]"), "it holds no items"),
        Hostile("an error", lambda: Answer(body=b'{"error": "busy"}'), "busy"),
        Hostile("items a number", said(7), "one of them is not an object"),
        Hostile("items a text", said(["x"]), "one of them is not an object"),
        Hostile("items null", said(None), "one of them is not an object"),
        Hostile("no gauge", said([]), "no gauge t-15_min-mm is within 15 km"),
        Hostile("no measures", gauge(measures=[]), "no gauge t-15_min-mm"),
        Hostile("cut at its limit", said([a_station("1", 422_500, 470_500)] * 2, 2), "cut off"),
        Hostile("no notation", said([{"label": "x"}]), "notation: Field required"),
        Hostile("no label", said([{"notation": "x"}]), "label: Field required"),
        Hostile("label a number", gauge(label=7), "label: "),
        Hostile("label an empty list", gauge(label=[]), "label: "),
        Hostile("easting a text", gauge(easting="422500"), "easting: "),
        Hostile("easting a boolean", gauge(easting=True), "easting: "),
        Hostile("measure with a path", gauge(measures=[{"@id": "x/a b"}]), "not the id of"),
        Hostile("measure with a query", gauge(measures=["x/a?b=c"]), "not the id of"),
        Hostile("measure endless", gauge(measures=["x" * 200]), "not the id of"),
        Hostile("measure a number", gauge(measures=[7]), "not the id of"),
        Hostile(
            "axes exchanged", gauge(easting=470_500, northing=422_500), "look exchanged"
        ),
        Hostile("null island", gauge(easting=0, northing=0), "lies outside the 15 km"),
        Hostile("London", gauge(easting=530_000, northing=180_000), "lies outside the 15 km"),
        Hostile("reference a path", gauge(stationReference="../../x?y"), "is not a plain name"),
    ),
    LATEST: (
        Hostile("nothing", said([]), "none of the 2 rivers asked for has a level"),
        Hostile("others only", said([a_reading(RAIN, "2026-11-22T06:00:00Z", 1)]), "none of the 2"),
        Hostile("cut at its limit", said([a_reading(RAIN, "x", 1)] * 500, 500), "cut off"),
        Hostile("of nothing", said([{"measure": 7}] * 3), "3 of 3 readings do not say of what"),
        Hostile("value a text", level("0.85"), "value"),
        Hostile("value a boolean", level(value=True), "value"),
        Hostile("value an object", level({"value": 1}), "value"),
        Hostile("value beyond belief", level(1e6), "lies outside -1000 to 1000"),
        Hostile("time a number", level(at=1764), "is not a time like"),
        Hostile("time a day", level(at="2026-11-22"), "is not a time like"),
        Hostile("time British", level(at="22/11/2026 06:00"), "is not a time like"),
        Hostile("time impossible", level(at="2026-02-30T06:00:00Z"), "dateTime: "),
        Hostile("time with zone", level(at="2026-11-22T06:00:00+09:00"), "is not a time like"),
        Hostile("in the future", level(at="2027-11-22T06:00:00Z"), "or in the future"),
        Hostile("ancient", level(at="1066-10-14T06:00:00Z"), "lies before 1800"),
        Hostile(
            "half twice", said([a_reading(STAGE, "2026-11-22T06:00:00Z", 1)] * 2), "there twice"
        ),
    ),
    RAINS: (
        Hostile("of another gauge", level(), 'and "049902" was asked for'),
        Hostile("of nothing", said([{"value": 1}]), "1 of 1 readings do not say of what"),
        Hostile("rain of a flood", said([a_reading(RAIN, "2026-11-22T06:00:00Z", 900)]), "900"),
        Hostile("no time", said([_without(a_reading(RAIN, "x", 1), "dateTime")]), "dateTime: "),
        Hostile(
            "cut at its limit",
            said([a_reading(RAIN, f"2026-11-22T06:00:0{n}Z", 1) for n in range(9)], 9), "cut off",
        ),
    ),
    DAYS: (
        Hostile("quality unknown", day(quality="Splendid"), 'quality "Splendid" is none of'),
        Hostile("quality a number", day(quality=1), "quality: "),
        Hostile("a day before", said([a_day(RAIN_A_DAY, date(2019, 1, 1), 1)]), "2019-01-01"),
        Hostile("a day after", said([a_day(RAIN_A_DAY, date(2026, 12, 1), 1)]), "2026-12-01"),
        Hostile("another measure", said([a_day(DIPPED, NOVEMBER, 1)]), "was asked for"),
        Hostile("date a number", day(date=20261105), "is not a date like"),
        Hostile("date impossible", day(date="2026-11-31"), "date: "),
        Hostile("date with time", day(date="2026-11-05T00:00:00"), "is not a date like"),
        Hostile("in the future", day(date="2036-11-05"), "or in the future"),
        Hostile("no date", said([_without(a_day(RAIN_A_DAY, NOVEMBER, 1), "date")]), "date: "),
        Hostile("no measure", said([_without(a_day(RAIN_A_DAY, NOVEMBER, 1), "measure")]), "mea"),
        Hostile("value a text", day("wet"), "value"),
        Hostile("value beyond belief", day(501.0), "lies outside -500 to 500"),
        Hostile("half twice", said([a_day(RAIN_A_DAY, NOVEMBER, 1)] * 2), "1 of 2 readings"),
        Hostile("cut at its limit", said(days_of("2026-11", 1), 30), "cut off"),
        Hostile(
            "two in a hundred",
            said([*days_of("2026-11", 1)[:28], a_day(RAIN_A_DAY, NOVEMBER, "x")]), "item 29: value",
        ),
    ),
    WATER: (
        Hostile("nothing where there was", said([]), "it holds no value from 2025-12 on"),
        Hostile("all suspect", said([a_day(DIPPED, NOVEMBER, 20, quality="Suspect")]), "no value"),
        Hostile("out of this world", said([a_day(DIPPED, NOVEMBER, 9e4)]), "lies outside -1000"),
    ),
    WELLS: (
        Hostile("no archive", said([]), "no gauge rainfall-t-86400-mm-qualified is within"),
    ),
}  # fmt: skip
HOSTILE: Final = [(STATIONS, hostile) for hostile in ANSWERS] + [
    (path, hostile) for path, found in OWN.items() for hostile in found
]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """What a first run has held, made once."""
    service = EnvironmentAgency()
    with Peer(service).running() as peer:
        return World(peer, service, tmp_path_factory.mktemp("kept"), Clock(NOW)).fetch()


def untouched(world: World, copy: Snapshot, content: bytes) -> bool:
    return world.held is copy and copy.path.read_bytes() == content


def test_there_are_at_least_sixty_hostile_answers() -> None:
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize(
    ("path", "hostile"), HOSTILE, ids=[f"{p.split('/')[-1]}-{h.name}" for p, h in HOSTILE]
)
def test_a_hostile_answer_is_named_and_leaves_what_is_held(
    world: World, kept: Snapshot, path: str, hostile: Hostile
) -> None:
    content = kept.path.read_bytes()
    copy = world.held = kept
    world.peer.answers = lambda asked: (
        hostile.answer() if asked.path in (path, "/again") else world.service(asked)
    )
    with pytest.raises(SinkwatchError) as refused:
        world.fetch(days=10)
    assert isinstance(refused.value, SourceError | SchemaError)
    assert hostile.reason in str(refused.value)
    assert untouched(world, copy, content)


@pytest.mark.parametrize("path", [STATIONS, LATEST, RAINS, WELLS, DAYS, WATER])
def test_each_of_the_questions_may_fail_and_takes_the_whole_with_it(
    world: World, path: str
) -> None:
    copy = world.fetch()
    world.peer.answers = lambda asked: (
        Answer(body=b"<html>busy</html>") if asked.path == path else world.service(asked)
    )
    with pytest.raises(SchemaError, match="so it is no JSON"):
        world.fetch(days=10)
    assert world.held is copy


@pytest.mark.parametrize("first_byte", [True, False])
def test_a_slow_answer_is_given_up(world: World, *, first_byte: bool) -> None:
    copy = world.fetch()
    world.peer.answers = slowly(world.peer, first_byte=first_byte)
    with pytest.raises(SourceError, match=r"had not answered whole after 0\.1 s"):
        world.fetch(days=1, whole_s=0.1)
    assert world.held is copy


def test_groundwater_that_is_gone_from_the_list_is_no_answer(world: World) -> None:
    world.fetch()
    world.service.archive["groundwaterLevel"] = []
    with pytest.raises(SourceError, match="Example Farm is not there any more"):
        world.fetch(days=1)


def test_a_first_archive_without_a_value_is_not_believed(world: World) -> None:
    world.service.days = []
    with pytest.raises(SourceError, match="holds no rain at Lumley Moor Reservoir from 2016-11"):
        world.fetch()


def test_wells_that_are_silent_or_measure_nothing_known_are_none(world: World) -> None:
    world.service.water = []
    assert "groundwater" not in world.told()
    world.service.archive["groundwaterLevel"][0]["measures"] = measures("x-gw-new-kind")
    assert "groundwater" not in world.told(days=1)


def test_a_gauge_that_was_closed_is_passed_over(world: World) -> None:
    closed = a_station(
        "old", 422_500, 470_500,
        label="Old", measures=measures(f"old{RAIN_A_DAY[36:]}"), dateClosed="2009-03-31",
    )  # fmt: skip
    world.service.archive["rainfall"].insert(0, closed)
    assert "Lumley Moor" in world.told()["rainfall-month"]


def test_a_series_without_any_value_is_no_sentence(world: World) -> None:
    kept = environment_agency_kept.loaded(world.fetch().path.read_bytes(), name="x")
    assert kept.groundwater is not None
    silent = replace(kept, groundwater=replace(kept.groundwater, last=None))
    assert "groundwater" not in [told.context_id for told in environment_agency_kept.told(silent)]


def test_one_bad_day_of_many_is_left_out_and_counted(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.service.days[0] = {**world.service.days[0], "value": "wet"}
    assert "182 mm" in world.told()["rainfall-month"]
    assert "1 of 2861 items left out: item 1: value" in caplog.text


def test_now_is_the_day_of_these_worlds() -> None:
    assert NOW.date() == date(2026, 11, 22)
    assert peers.RAIN.startswith("049902")
    assert ids(ANSWERS)[0] == "204"
