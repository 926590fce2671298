"""BGS's rocks and boreholes, zones from a server: what is asked, believed, and why not the rest."""

from __future__ import annotations

import gzip
import json
import math
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import shapely

from sinkwatch import schemas
from sinkwatch.errors import ConfigError, SchemaError, SinkwatchError, SourceError
from sinkwatch.sources import geology, snapshots
from sinkwatch.sources.bgs import bgs_features, bgs_records, geology_features, ogc_features
from sinkwatch.sources.bgs.bgs_features import BOREHOLES, ROCKS
from sinkwatch.sources.bgs.ogc_box import wider
from sinkwatch.sources.bgs.ogc_page import Fault, Feature, Gate
from tests.peers import pygeoapi
from tests.peers.ogc_api import (
    HERE,
    OgcApi,
    World,
    a_borehole,
    a_polygon,
    a_rock,
    an_error,
    as_json,
    collection,
)
from tests.peers.server import Answer, Asked, Peer, gzip_bomb
from tests.sources.samples import a_spec, an_errand
from tests.world import an_area

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import geopandas as gpd

    from sinkwatch.model import Area, Inputs
    from tests.conftest import Clock
    from tests.peers.pygeoapi import PyGeoApi

BEDROCK: Final = "bgsgeology625kbedrock"
SUPERFICIAL: Final = "bgsgeology625ksuperficial"
FAULTS: Final = "bgsgeology625kfaults"
DYKES: Final = "bgsgeology625kdykes"
INDEX: Final = "onshoreboreholeindex"
RIPON: Final = Path(__file__).parents[3] / "data" / "ripon" / "gypsum_zones.geojson"
EAST: Final = a_polygon(-1.5, 54.12, -1.47, 54.15)


def a_fault(number: float = 7.0, **said: object) -> dict[str, Any]:
    line = {"type": "MultiLineString", "coordinates": [[[-1.53, 54.12], [-1.5, 54.15]]]}
    properties = {"category": "625k", "feature_d": "Fault at rockhead", "fltname_d": " ", **said}
    return {"type": "Feature", "id": number, "geometry": line, "properties": properties}


def a_deposit(number: float = 3.0, **said: object) -> dict[str, Any]:
    properties = {"lex_d": "TILL", "rock_d": "DIAMICTON", "max_system": "QUATERNARY", **said}
    return {"type": "Feature", "id": number, "geometry": HERE, "properties": properties}


@pytest.fixture
def world(tmp_path: Path, clock: Clock) -> Iterator[World]:
    service = OgcApi()
    service.collections = {
        BEDROCK: [a_rock(644.0), a_rock(12.0, EAST, lex_d="ZECHSTEIN GROUP")],
        SUPERFICIAL: [a_deposit()],
        FAULTS: [a_fault()],
        DYKES: [],
        INDEX: [a_borehole()],
    }
    with Peer(service).running() as peer:
        yield World(peer, service, tmp_path / "copies", clock)


def said(frame: gpd.GeoDataFrame, *columns: str) -> list[tuple[object, ...]]:
    rows = frame[list(columns)].astype(object).where(frame[list(columns)].notna(), None)
    return [tuple(row) for row in rows.itertuples(index=False)]


# ── Rocks ────────────────────────────────────────────────────────────────────────────────────


def test_every_layer_becomes_rocks_in_one_frame(world: World) -> None:
    frame = world.frame(ROCKS)
    assert said(frame, "rock_id", "layer", "name", "rock", "period") == [
        ("bedrock/12", "bedrock", "ZECHSTEIN GROUP", "MUDSTONE", "PERMIAN"),
        ("bedrock/644", "bedrock", "EXAMPLE GROUP", "MUDSTONE", "PERMIAN"),
        ("fault/7", "fault", "Fault at rockhead", None, None),
        ("superficial/3", "superficial", "TILL", "DIAMICTON", "QUATERNARY"),
    ]
    assert schemas.ROCKS.check(frame) is frame
    assert frame.geometry.iloc[1].centroid.distance(shapely.Point(431_700, 471_100)) < 500


def test_only_the_layers_that_are_named_are_asked_for(world: World) -> None:
    world.service.collections["faults/of/mine"] = [a_fault(fltname_d="Coxwold Fault")]
    world.options["collections"] = {"fault": "faults/of/mine"}
    assert said(world.frame(ROCKS), "rock_id", "name") == [("fault/7", "Coxwold Fault")]
    assert [asked.path for asked in world.peer.asked] == [
        "/collections", "/collections/faults/of/mine/items",
    ]  # fmt: skip


@pytest.mark.parametrize("value", [{}, "bedrock", ["bedrock"], {"bedrok": BEDROCK}, None])
def test_layers_that_there_are_none_of_are_refused_before_anything_is_asked(
    world: World, value: object
) -> None:
    world.options["collections"] = value
    with pytest.raises(ConfigError, match="are not named bedrock, superficial, fault, dyke"):
        world.fetch(ROCKS)
    assert world.peer.asked == []


@pytest.mark.parametrize("blank", [None, "", " ", "UNKNOWN", "Not Applicable", "N/A", "-"])
def test_what_bgs_leaves_blank_is_missing_and_a_rock_goes_by_its_lithology(
    world: World, blank: str | None
) -> None:
    world.options["collections"] = {"bedrock": BEDROCK}
    world.service.collections[BEDROCK] = [a_rock(lex_d=blank, max_period=blank)]
    assert said(world.frame(ROCKS), "name", "rock", "period") == [("MUDSTONE", "MUDSTONE", None)]


def test_properties_may_be_written_in_capitals_as_in_the_files(world: World) -> None:
    rock = a_rock()
    rock["properties"] = {name.upper(): value for name, value in rock["properties"].items()}
    world.options["collections"] = {"bedrock": BEDROCK}
    world.service.collections[BEDROCK] = [rock]
    assert said(world.frame(ROCKS), "name", "rock") == [("EXAMPLE GROUP", "MUDSTONE")]


def test_a_polygon_from_coast_to_coast_is_cut_to_the_area_and_a_kilometre_round(
    world: World,
) -> None:
    around = a_polygon(-3.0, 53.5, -0.5, 55.0)
    world.options["collections"] = {"bedrock": BEDROCK}
    world.service.collections[BEDROCK] = [a_rock(1.0, around)]
    snapshot = world.fetch(ROCKS)
    assert snapshot.n_bytes < 1_000
    (shape,) = ROCKS.load(snapshot, world.spec(), an_area()).geometry
    assert shape.bounds == pytest.approx(wider(an_area().bounds))
    assert shape.area == pytest.approx((13_300 + 2_000) * (12_400 + 2_000))


def test_what_only_touches_the_area_is_no_part_of_it(world: World) -> None:
    ring = [[-3.0, 53.0], [-1.0, 53.0], [-1.0, 55.0], [-1.05, 53.05], [-3.0, 53.0]]
    around = {"type": "Polygon", "coordinates": [ring]}
    world.service.collections[BEDROCK].append(a_rock(1.0, around))
    assert "bedrock/1" not in world.frame(ROCKS)["rock_id"].tolist()


def test_a_polygon_cut_into_two_stays_one_rock(world: World) -> None:
    # A horseshoe whose bend lies north of the area.
    ring = [
        [-1.6, 54.0], [-1.6, 54.4], [-1.42, 54.4], [-1.42, 54.0],
        [-1.45, 54.0], [-1.45, 54.3], [-1.55, 54.3], [-1.55, 54.0], [-1.6, 54.0],
    ]  # fmt: skip
    world.options["collections"] = {"bedrock": BEDROCK}
    shoe = {"type": "Polygon", "coordinates": [ring]}
    world.service.collections[BEDROCK] = [a_rock(1.0, shoe)]
    (shape,) = world.frame(ROCKS).geometry
    assert (shape.geom_type, len(shape.geoms)) == ("MultiPolygon", 2)


def test_an_area_without_bedrock_is_hardly_to_be_believed(world: World) -> None:
    world.service.collections[BEDROCK] = []
    with pytest.raises(SourceError, match="has nothing at all here is hardly to be believed"):
        world.fetch(ROCKS)


def test_no_fault_and_no_dyke_is_an_answer(world: World) -> None:
    world.service.collections |= {FAULTS: [], SUPERFICIAL: []}
    assert world.frame(ROCKS)["layer"].unique().tolist() == ["bedrock"]
    world.options["collections"] = {"fault": FAULTS}
    assert world.frame(ROCKS, days=2).empty


# ── Provenance ───────────────────────────────────────────────────────────────────────────────


def test_the_snapshot_says_where_it_came_from_and_which_edition_it_is(world: World) -> None:
    world.options["collections"] = {"bedrock": BEDROCK}
    snapshot = world.fetch(ROCKS)
    assert snapshot.url == world.peer.url("")
    assert snapshot.edition == "version 5.18, released 23-04-2008"
    assert (snapshot.licence, snapshot.attribution) == ("OGL", "UKRI")
    assert snapshot.path.parent == world.folder / "bgs-features"
    assert {asked.headers["User-Agent"] for asked in world.peer.asked} == {"sinkwatch/test"}


def test_editions_that_differ_are_none(world: World) -> None:
    world.options["collections"] = {"bedrock": BEDROCK}
    world.service.collections[BEDROCK].append(a_rock(9.0, version="6"))
    assert world.fetch(ROCKS).edition == ""


def test_the_same_answers_in_another_order_are_the_same_bytes(world: World) -> None:
    first = world.fetch(ROCKS)
    world.service.collections[BEDROCK].reverse()
    second = world.fetch(ROCKS, days=2)
    assert (second.sha256, second.path) == (first.sha256, first.path)
    assert second.checked_at > first.checked_at + timedelta(days=1)


def test_what_has_not_changed_is_not_sent_again(world: World) -> None:
    world.service.has_etags = True
    first = world.fetch(ROCKS)
    n_asked = len(world.peer.asked)
    second = world.fetch(ROCKS, days=2)
    again = world.peer.asked[n_asked:]
    pages = [asked for asked in again if asked.path.endswith("/items")]
    assert len(pages) == 4
    assert all(asked.headers["If-None-Match"] for asked in pages)
    assert second.sha256 == first.sha256


def test_within_a_day_nobody_is_asked_and_the_copy_says_how_old_it_is(world: World) -> None:
    first = world.fetch(ROCKS)
    n_asked = len(world.peer.asked)
    second = world.fetch(ROCKS, hours=12)
    assert len(world.peer.asked) == n_asked
    assert (second.sha256, second.checked_at) == (first.sha256, first.checked_at)


def test_the_server_is_bgs_s_own_unless_another_is_named(world: World) -> None:
    spec = a_spec("bgs-features", None)
    for source in (ROCKS, BOREHOLES):
        assert source.host_rules(spec) == {"ogcapi.bgs.ac.uk": bgs_features.RULE}
        assert source.host_rules(world.spec()) == {world.peer.host: bgs_features.RULE}
    assert bgs_features.RULE.spacing_s >= 1
    assert bgs_features.RULE.most_bytes == 200_000_000
    assert not bgs_features.RULE.is_a_peer_of_tests


def test_without_a_way_out_it_is_a_failure_and_not_nothing(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="online = true"):
        ROCKS.fetch(a_spec("bgs-features", None), an_errand(tmp_path))


@pytest.mark.parametrize(
    "content",
    [
        b'{"features": [{"id": "bedrock/1", "properties": {}}]}',
        b'{"features": [{"id": "bedrock/1", "properties": 7, "geometry": null}]}',
        b'{"features": [{"id": "b", "properties": {}, "geometry": {"type": "Hole"}}]}',
        b'{"rows": []}',
        b"[]",
    ],
)
def test_a_file_that_sinkwatch_did_not_write_is_refused(world: World, content: bytes) -> None:
    snapshot = world.fetch(ROCKS)
    snapshot.path.write_bytes(content)
    with pytest.raises(SchemaError, match="it is no file that sinkwatch wrote"):
        ROCKS.load(snapshot, world.spec(), an_area())


def test_a_file_that_is_gone_is_named(world: World) -> None:
    snapshot = world.fetch(ROCKS)
    snapshot.path.unlink()
    with pytest.raises(SchemaError, match="it cannot be read"):
        ROCKS.load(snapshot, world.spec(), an_area())


# ── Boreholes ────────────────────────────────────────────────────────────────────────────────


def boreholes(world: World, *found: dict[str, Any]) -> gpd.GeoDataFrame:
    world.service.collections[INDEX] = list(found)
    return world.frame(BOREHOLES)


def test_an_entry_of_the_index_becomes_a_borehole_where_its_own_numbers_say(world: World) -> None:
    frame = boreholes(world, a_borehole())
    assert frame.drop(columns="geometry").to_dict("records") == [
        {
            "borehole_id": "borehole/1063247",
            "reference": "SE37SW1063247",
            "name": "NORTH ROAD RIPON 2",
            "length_m": 32.5,
            "year": 1972.0,
            "position_uncertainty_m": 10.0,
            "url": "https://api.bgs.ac.uk/sobi-scans/v1/borehole/scans/items/1063247",
        }
    ]
    assert frame.geometry.iloc[0] == shapely.Point(431_579, 471_829)
    assert schemas.BOREHOLES.check(frame) is frame


@pytest.mark.parametrize("length", [-1, -1.0, -2.0, None])
def test_a_length_below_nothing_is_not_known(world: World, length: float | None) -> None:
    (found,) = boreholes(world, a_borehole(length=length))["length_m"]
    assert math.isnan(found)


@pytest.mark.parametrize(
    ("text", "metres"),
    [
        ("± 10 METRES", 10.0),
        ("± METRE", 10.0),  # the floor of every position
        ("± 100 METRES", 100.0),
        ("± KILOMETRE", 1_000.0),
        ("+/- 50 m", 50.0),
        ("100", 100.0),
        (250, 250.0),
        ("NOT AVAILABLE", None),
        ("± 0 METRES", None),
        ("± 900 KILOMETRES", None),
        ("±", None),
        ("about here", None),
        (None, None),
    ],
)
def test_precision_is_read_where_it_is_a_number(
    world: World, text: object, metres: float | None
) -> None:
    (found,) = boreholes(world, a_borehole(precision=text))["position_uncertainty_m"]
    assert found == metres or (metres is None and math.isnan(found))


@pytest.mark.parametrize(
    ("text", "year"), [("1859", 1859.0), ("UNKNOWN", None), (None, None), ("1960s", None)]
)
def test_a_year_is_read_where_it_is_one(world: World, text: object, year: float | None) -> None:
    (found,) = boreholes(world, a_borehole(year_known=text))["year"]
    assert found == year or (year is None and math.isnan(found))


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.bgs.ac.uk/GeoRecords",
        "Not Available",
        "https://bgs.ac.uk.evil.example/scan",
        "https://evilbgs.ac.uk/scan",
        "https://bgs.ac.uk@evil.example/scan",
        "https://me:secret@bgs.ac.uk/scan",
        "https://api.bgs.ac.uk:8443/scan",
        "https://api.bgs.ac.uk:port/scan",
        "https://[bgs.ac.uk/scan",
        "javascript:alert(1)",
        "//api.bgs.ac.uk/scan",
        None,
    ],
)
def test_a_link_that_does_not_lead_to_bgs_is_left_out(world: World, url: object) -> None:
    frame = boreholes(world, a_borehole(scan_url=url))
    assert frame["url"].isna().all()


def test_a_person_s_name_is_not_shown(world: World) -> None:
    (name,) = boreholes(world, a_borehole(name="WELL FOR Mr A Smith, 01765 123456"))["name"]
    assert "Smith" not in name
    assert "123456" not in name


def test_without_easting_and_northing_the_point_is_converted(world: World) -> None:
    frame = boreholes(world, a_borehole(easting=None))
    assert frame.geometry.iloc[0].distance(shapely.Point(431_579, 471_829)) < 100


def test_a_borehole_in_the_corner_beyond_the_margin_is_left_out(world: World) -> None:
    # The box is askew to the grid: its corners reach further than a kilometre.
    far = a_borehole(2.0, easting=None)
    far["geometry"] = {"type": "Point", "coordinates": [-1.6378, 54.1999]}
    frame = boreholes(world, a_borehole(), far)
    assert frame["borehole_id"].tolist() == ["borehole/1063247"]


def test_an_area_without_boreholes_is_hardly_to_be_believed(world: World) -> None:
    with pytest.raises(SourceError, match="nothing at all here"):
        boreholes(world)


# ── A real pygeoapi ──────────────────────────────────────────────────────────────────────────


def _written(folder: Path, name: str, features: list[dict[str, Any]]) -> Path:
    path = folder / f"{name}.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PyGeoApi]:
    """Serve our zones, a layer like BGS's bedrock, its faults and some boreholes."""
    folder = tmp_path_factory.mktemp("pygeoapi")
    strips = [a_polygon(-1.65 + n / 20, 54.05, -1.6 + n / 20, 54.25) for n in range(5)]
    rocks = [a_rock(float(n), strip) for n, strip in enumerate(strips)]
    holes = [a_borehole(float(n)) for n in range(7)]
    files = {
        "zones": (RIPON, "zone_id"),
        BEDROCK: (_written(folder, "rocks", rocks), "mslink"),
        "geology/faults": (_written(folder, "faults", [a_fault()]), "mslink"),
        INDEX: (_written(folder, "holes", holes), "bgs_id"),
    }
    with pygeoapi.running(folder, files) as service:
        yield service


@pytest.fixture
def really(real: PyGeoApi, tmp_path: Path, clock: Clock) -> World:
    """A world whose service is the real one."""
    peer = Peer(OgcApi())
    peer.host = real.host
    peer._server.server_close()  # noqa: SLF001 - never started
    real.asked.clear()
    return World(peer, OgcApi(), tmp_path / "copies", clock)


def test_pygeoapi_gives_rocks_two_at_a_time_until_none_is_missing(
    really: World, real: PyGeoApi
) -> None:
    really.options["collections"] = {"bedrock": BEDROCK, "fault": "geology/faults"}
    frame = really.frame(ROCKS)
    assert frame["rock_id"].tolist() == [
        "bedrock/0", "bedrock/1", "bedrock/2", "bedrock/3", "bedrock/4", "fault/7",
    ]  # fmt: skip
    assert [
        (asked.path, asked.query.get("offset")) for asked in real.asked if "offset" in asked.query
    ] == [
        (f"/collections/{BEDROCK}/items", ["0"]),
        (f"/collections/{BEDROCK}/items", ["2"]),
        (f"/collections/{BEDROCK}/items", ["4"]),
        ("/collections/geology/faults/items", ["0"]),
    ]
    assert {asked.agent for asked in real.asked} == {"sinkwatch/test"}
    # Five strips side by side leave no gap.
    bedrock = frame[frame["layer"] == "bedrock"].union_all()
    assert bedrock.area == pytest.approx((13_300 + 2_000) * (12_400 + 2_000), rel=0.001)


def test_pygeoapi_gives_boreholes(really: World) -> None:
    frame = really.frame(BOREHOLES)
    assert frame["borehole_id"].tolist() == [f"borehole/{n}" for n in range(7)]


def test_pygeoapi_asked_again_another_day_gives_the_same_bytes(really: World) -> None:
    assert really.fetch(BOREHOLES).sha256 == really.fetch(BOREHOLES, days=2).sha256


def test_pygeoapi_has_no_such_collection(really: World) -> None:
    with pytest.raises(SourceError, match=f"no collection {SUPERFICIAL}; among its 4 are"):
        really.fetch(ROCKS)


def test_our_zones_from_pygeoapi_are_our_zones_from_the_file(
    really: World, ripon: Area, ripon_inputs: Inputs
) -> None:
    really.options["collection"] = "zones"
    snapshot = really.fetch(geology_features)  # type: ignore[arg-type]
    found, ours = geology_features.load(snapshot, really.spec(), ripon), ripon_inputs.geology
    columns = [*schemas.GEOLOGY.columns]
    assert found[columns].equals(ours[columns])
    assert found.geometry.geom_equals_exact(ours.geometry, 0.001).all()


# ── Zones from a server ──────────────────────────────────────────────────────────────────────


ZONE: Final = {"zone_id": "C-1", "class": "C", "title": "Belt", "position_uncertainty_m": 500}


def a_zone(**changes: object) -> dict[str, Any]:
    properties = {**ZONE, **changes}
    return {
        "type": "Feature", "id": properties["zone_id"], "geometry": HERE, "properties": properties,
    }  # fmt: skip


@pytest.fixture
def zones(world: World) -> World:
    world.service.collections = {"Zones": [a_zone(), a_zone(zone_id="A-1", **{"class": "A"})]}
    world.options["collection"] = "zones"
    return world


def test_zones_are_read_as_those_of_a_file_are(zones: World) -> None:
    frame = zones.frame(geology_features)  # type: ignore[arg-type]
    assert said(frame, "zone_id", "source_class") == [("A-1", "A"), ("C-1", "C")]
    assert geology_features.load is geology.load


def test_columns_may_be_named_in_the_area_file(zones: World) -> None:
    zones.service.collections["Zones"] = [a_zone(Rating="E")]
    zones.options["columns"] = {"source_class": "RATING"}
    frame = zones.frame(geology_features)  # type: ignore[arg-type]
    assert frame["source_class"].tolist() == ["E"]


def test_zones_are_not_cut_since_an_edge_means_something(zones: World) -> None:
    around = a_polygon(-3.0, 53.5, -0.5, 55.0)
    zones.service.collections["Zones"] = [{**a_zone(), "geometry": around}]
    snapshot = zones.fetch(geology_features)  # type: ignore[arg-type]
    (zone,) = json.loads(snapshot.path.read_bytes())["features"]
    assert shapely.from_geojson(json.dumps(zone["geometry"])).bounds == (-3.0, 53.5, -0.5, 55.0)


def test_hidden_characters_in_a_title_are_taken_out(zones: World) -> None:
    zones.service.collections["Zones"] = [a_zone(title="Be\u202elt\u0000")]
    assert zones.frame(geology_features)["title"].tolist() == ["Belt"]  # type: ignore[arg-type]


def test_no_zone_at_all_is_no_answer(zones: World) -> None:
    zones.service.collections["Zones"] = []
    with pytest.raises(SourceError, match="holds no zone that meets the area"):
        zones.fetch(geology_features)  # type: ignore[arg-type]


@pytest.mark.parametrize("option", ["base_url", "collection"])
def test_a_server_of_zones_must_be_named(zones: World, option: str) -> None:
    del zones.options[option]
    with pytest.raises(ConfigError, match=f"its {option} "):
        zones.fetch(geology_features)  # type: ignore[arg-type]


def test_the_server_of_zones_is_asked_as_politely(zones: World) -> None:
    assert geology_features.host_rules(zones.spec()) == {zones.peer.host: ogc_features.RULE}


# ── Hostile answers: each with its reason, and the last good copy untouched ──────────────────


def text(content: str) -> Answer:
    return Answer(body=content.encode())


def edited(old: str, new: str) -> Answer:
    assert old in WHOLE
    return text(WHOLE.replace(old, new, 1))


def rock(**said: object) -> Answer:
    return as_json(collection(a_rock(**said)))  # type: ignore[arg-type]


def shaped(geometry: object) -> Answer:
    return as_json(collection(a_rock(644.0, geometry)))  # type: ignore[arg-type]


def of_many(bad: object, n: int = 19) -> Answer:
    """A page of good features and a bad one."""
    return as_json(collection(*(a_rock(float(i)) for i in range(n)), bad))


def without(name: str) -> Answer:
    feature = a_rock()
    del feature[name]
    return as_json(collection(feature))


def to(url: str) -> Answer:
    return Answer(status=302, headers={"Location": url})


WHOLE: Final = json.dumps(collection(a_rock()))
DEEP: Final = '{"type": "FeatureCollection", "features": ' + "[" * 99 + "]" * 99 + "}"
SPIRAL: Final = [[-1.53, 54.12], [-1.5, 54.15], [-1.5, 54.12], [-1.53, 54.15], [-1.53, 54.12]]
SWAPPED: Final = a_polygon(54.12, -1.53, 54.15, -1.5)
METRES: Final = a_polygon(430_000, 470_000, 432_000, 472_000)

HOSTILE: Final[dict[str, tuple[Answer, str]]] = {
    # No answer at all
    "400": (an_error("InvalidParameterValue", "bbox", status=400), "status 400"),
    "401": (Answer(status=401), "status 401"),
    "403 firewall": (Answer(status=403, body=b"<html>Request rejected</html>"), "status 403"),
    "404": (an_error("NotFound", "Collection not found", status=404), "status 404"),
    "406": (Answer(status=406), "status 406"),
    "408": (Answer(status=408), "status 408"),
    "410": (Answer(status=410), "status 410"),
    "429 seconds": (Answer(status=429, headers={"Retry-After": "60"}), "left alone"),
    "429 date": (
        Answer(status=429, headers={"Retry-After": "Wed, 25 Nov 2026 08:00:00 GMT"}),
        "left alone",
    ),
    "429 bare": (Answer(status=429), "left alone"),
    "500": (an_error("NoApplicableCode", "query error", status=500), "status 500"),
    "502": (Answer(status=502), "status 502"),
    "503": (Answer(status=503), "status 503"),
    "503 later": (Answer(status=503, headers={"Retry-After": "60"}), "left alone"),
    "504": (Answer(status=504), "status 504"),
    "204": (Answer(status=204), "status 204"),
    "206": (Answer(status=206, body=WHOLE.encode()), "status 206"),
    "no http": (Answer(raw=b"SSH-2.0-OpenSSH\r\n"), "the connection failed"),
    # Elsewhere
    "loopback": (to("http://127.0.0.1:9/"), "no server on"),
    "private": (to("http://10.0.0.1/"), "no server on"),
    "metadata": (to("http://169.254.169.254/latest/"), "no server on"),
    "other host": (to("https://bgs.evil.example/"), "no server on"),
    "file": (to("file:///etc/passwd"), "no server on"),
    "nowhere": (Answer(status=302), "does not say where"),
    "in circles": (to(f"/collections/{BEDROCK}/items"), "more than 3"),
    # No file
    "empty": (Answer(), "its answer is empty"),
    "bomb": (
        Answer(body=gzip_bomb(3_000_000), headers={"Content-Encoding": "gzip"}),
        "larger than 2,000,000 bytes",
    ),
    "said too large": (Answer(headers={"Content-Length": "60000000"}), "larger than 2,000,000"),
    "cut body": (Answer(body=b"{", headers={"Content-Length": "900"}), "breaks off"),
    "cut gzip": (
        Answer(body=gzip.compress(WHOLE.encode())[:-20], headers={"Content-Encoding": "gzip"}),
        "breaks off",
    ),
    "no gzip": (
        Answer(body=WHOLE.encode(), headers={"Content-Encoding": "gzip"}), "gzip is damaged",
    ),
    "brotli": (Answer(body=b"x", headers={"Content-Encoding": "br"}), '"br" was not asked for'),
    # No JSON, or not one meaning
    "html with 200": (text("<!DOCTYPE html><h1>Web page blocked</h1>"), "so it is no JSON"),
    "xml": (text("<?xml version='1.0'?><ows:ExceptionReport/>"), "so it is no JSON"),
    "zip": (Answer(body=b"PK\x03\x04../../etc/passwd"), "so it is no JSON"),
    "truncated": (text(WHOLE[:-30]), "not whole JSON"),
    "twice": (text(WHOLE + WHOLE), "not whole JSON"),
    "latin-1": (Answer(body=WHOLE.replace("EXAMPLE", "£").encode("latin-1")), "is not UTF-8"),
    "utf-16": (Answer(body=WHOLE.encode("utf-16")), "so it is no JSON"),
    "nan": (edited("54.12", "NaN"), "NaN is not a finite number"),
    "infinity": (edited("54.12", "-Infinity"), "-Infinity is not a finite number"),
    "1e999": (edited("54.12", "1e999"), "1e999 is not a finite number"),
    "duplicate key": (edited('"lex":', '"lex_d": "x", "lex":'), 'key "lex_d" is there twice'),
    "deep": (text(DEEP), "nested deeper than 64"),
    "very deep": (text("[" * 200_000), "nested deeper than 64"),
    "long text": (rock(lex_d="x" * 10_001), "a text of 10,001 characters"),
    "half a character": (edited("EXAMPLE", "\\ud83d"), "half of a character"),
    # Not the documented envelope
    "a list": (as_json([a_rock()]), "it: "),
    "error with 200": (an_error("NoApplicableCode", "query error", status=200), '"query error"'),
    "error of arcgis": (
        as_json({"error": {"code": 400, "message": "Unable to complete"}}), "Unable to complete",
    ),
    "one feature": (as_json(a_rock()), 'it says "nothing else"'),
    "features null": (as_json({**collection(), "features": None}), "features: "),
    "features a dict": (as_json({**collection(), "features": {"0": a_rock()}}), "features: "),
    "another type": (as_json({**collection(), "type": "Topology"}), "type: "),
    "matched missing": (
        text(WHOLE.replace('"numberMatched": 1, ', "")), "does not say how many there are",
    ),
    "matched null": (as_json({**collection(), "numberMatched": None}), "numberMatched: "),
    "matched a word": (as_json({**collection(), "numberMatched": "1"}), "numberMatched: "),
    "matched a boolean": (as_json({**collection(), "numberMatched": True}), "numberMatched: "),
    "matched negative": (as_json({**collection(), "numberMatched": -1}), "numberMatched: "),
    "returned less": (
        as_json({**collection(a_rock()), "numberReturned": 0}), "numberReturned is 0, and it holds",
    ),
    "on the grid, as it says": (
        as_json(collection(a_rock(), crs={"properties": {"name": "EPSG:27700"}})),
        "CRS84 was asked for",
    ),
    # Not whole
    "nothing": (as_json(collection()), "hardly to be believed"),
    "nothing of many": (as_json(collection(matched=7)), "it ends after 0 of 7"),
    "the same for ever": (
        as_json(collection(a_rock(), a_rock(2.0), matched=99)), "brings nothing that was not had",
    ),
    "more than all": (as_json(collection(a_rock(), a_rock(2.0), matched=1)), "and says 1"),
    "the whole of Britain": (as_json(collection(a_rock(), matched=1_358_783)), "than 200,000"),
    "in crumbs": (as_json(collection(a_rock(), matched=900)), "more than 200 pages"),
    # Not a feature
    "no id": (without("id"), "1 of 1 features are not as documented: feature 1: id"),
    "no geometry member": (without("geometry"), "geometry: Field required"),
    "no properties": (without("properties"), "properties: Field required"),
    "properties null": (as_json(collection({**a_rock(), "properties": None})), "properties: "),
    "a feature a list": (as_json(collection([1, 2])), "feature 1: it"),
    "a feature of another type": (as_json(collection({**a_rock(), "type": "Rock"})), "type: "),
    "id null": (as_json(collection({**a_rock(), "id": None})), "feature 1: id"),
    "id a boolean": (as_json(collection({**a_rock(), "id": True})), "feature 1: id"),
    "id of nothing": (as_json(collection({**a_rock(), "id": "\u200b"})), "its id is empty"),
    "property twice": (rock(LEX_D="x"), "a property is there twice"),
    "half twice": (
        as_json(collection(*(a_rock(float(i // 2)) for i in range(6)))),
        "3 of 6 features are there twice",
    ),
    "no name": (rock(lex_d=" ", rcs_d="UNKNOWN"), "has no name (lex_d, rcs_d, rock_d)"),
    "name a list": (rock(lex_d=["EXAMPLE"]), "has a lex_d that is no text"),
    "name a boolean": (rock(lex_d=True), "has a lex_d that is no text"),
    "one nameless of twenty": (of_many(a_rock(99.0, lex_d=7.5, rcs_d={})), "1 of 20 features"),
    "garbled": (rock(lex_d="CAF\u00c3\u00a9 GROUP"), "garbled text"),
    "replaced": (rock(lex_d="EX\ufffdMPLE"), "garbled text"),
    # Not a shape
    "no shape": (shaped(None), "have no usable shape"),
    "empty shape": (shaped({"type": "Polygon", "coordinates": []}), "is empty"),
    "a point": (shaped({"type": "Point", "coordinates": [-1.5, 54.1]}), "is Point, not"),
    "a circle": (shaped({"type": "Circle", "coordinates": [-1.5, 54.1]}), "is Circle, not"),
    "a collection": (shaped({"type": "GeometryCollection", "geometries": []}), "GeometryColl"),
    "open ring": (
        shaped({"type": "Polygon", "coordinates": [SPIRAL[:-1]]}), "cannot be read as GeoJSON",
    ),
    "words for degrees": (
        shaped({"type": "Polygon", "coordinates": [[["w", "n"]] * 4]}), "cannot be read as GeoJSON",
    ),
    "bow-tie": (shaped({"type": "Polygon", "coordinates": [SPIRAL]}), "crosses itself"),
    "too many vertices": (
        shaped({"type": "Polygon", "coordinates": [[SPIRAL[0]] * 25_001] * 4}),
        "has 100,004 vertices",
    ),
    "one shapeless of ten": (of_many(a_rock(99.0, None), 9), "1 of 10 features have no usable"),
    # Not here
    "axes exchanged": (shaped(SWAPPED), "axes were exchanged"),
    "one of many exchanged": (of_many(a_rock(99.0, SWAPPED), 199), "axes were exchanged"),
    "metres": (shaped(METRES), "lie elsewhere than asked for"),
    "null island": (shaped(a_polygon(0, 0, 0.1, 0.1)), "lie elsewhere than asked for"),
    "York": (shaped(a_polygon(-1.1, 53.9, -1.0, 54.0)), "lie elsewhere than asked for"),
    "sign lost": (shaped(a_polygon(1.5, 54.12, 1.53, 54.15)), "lie elsewhere than asked for"),
    "box ignored": (
        as_json(collection(a_rock(), *(a_rock(i + 0.5, METRES) for i in range(3)))),
        "3 of 4 features lie elsewhere",
    ),
}  # fmt: skip


def hole(**changes: object) -> Answer:
    return as_json(collection(a_borehole(**changes)))  # type: ignore[arg-type]


HOSTILE_HOLES: Final[dict[str, tuple[Answer, str]]] = {
    "no reference": (hole(reference=" "), "has no reference"),
    "reference a list": (hole(reference=[1]), "has a reference that is no text"),
    "length a text": (hole(length="32.5"), "has a length that is no number"),
    "length a boolean": (hole(length=True), "has a length that is no number"),
    "to the core": (hole(length=6_371_000), "is 6.371e+06 m long"),
    "year to come": (hole(year_known="2031"), "is of the year 2031"),
    "year of kings": (hole(year_known="1066"), "is of the year 1066"),
    "easting and northing exchanged": (
        hole(easting=471_829.0, northing=431_579.0), "axes were exchanged",
    ),
    "easting elsewhere": (hole(easting=531_579.0), "its point lies elsewhere"),
    "easting a text": (hole(easting="431579"), "has a easting that is no number"),
    "null easting": (hole(easting=0.0, northing=0.0), "its point lies elsewhere"),
    "a polygon": (
        as_json(collection({**a_borehole(), "geometry": HERE})), "is Polygon, not Point",
    ),
    "none": (as_json(collection()), "hardly to be believed"),
}  # fmt: skip


def test_there_are_at_least_sixty_hostile_answers() -> None:
    assert len(HOSTILE) >= 60


def refused(world: World, source: Any, answer: Answer) -> str:  # noqa: ANN401 - any kind of source
    """Fetch, then be answered so, and return why that is refused; the copy must be untouched."""
    whole: Callable[[Asked], Answer] = world.service
    world.rule = replace(world.rule, most_bytes=2_000_000)
    good = world.fetch(source)
    content = good.path.read_bytes()
    world.peer.answers = lambda asked: whole(asked) if asked.path == "/collections" else answer
    with pytest.raises(SinkwatchError) as refusal:
        world.fetch(source, days=2)
    assert snapshots.is_whole(good)
    assert good.path.read_bytes() == content
    assert len([*good.path.parent.glob("*.*json")]) == 1
    return str(refusal.value)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_is_named_and_leaves_the_last_good_copy_untouched(
    world: World, name: str
) -> None:
    answer, reason = HOSTILE[name]
    world.options["collections"] = {"bedrock": BEDROCK}
    assert reason in refused(world, ROCKS, answer)
    assert len(world.peer.asked) <= 2 + 5


@pytest.mark.parametrize("name", HOSTILE_HOLES)
def test_a_hostile_borehole_is_named_and_leaves_the_last_good_copy_untouched(
    world: World, name: str
) -> None:
    answer, reason = HOSTILE_HOLES[name]
    assert reason in refused(world, BOREHOLES, answer)


@pytest.mark.parametrize("name", ["html with 200", "nothing of many", "axes exchanged", "bow-tie"])
def test_hostile_zones_are_named_too(zones: World, name: str) -> None:
    answer, reason = HOSTILE[name]
    assert reason in refused(zones, geology_features, answer)


@pytest.mark.parametrize("where", ["body", "silence"])
def test_a_slow_answer_is_given_up(world: World, where: str) -> None:
    def slow(_: object) -> Answer:
        if where == "silence":
            world.peer.closing.wait(3)
        return Answer(body=world.peer.drip())

    world.peer.answers = slow
    world.rule = replace(world.rule, whole_s=0.1)
    with pytest.raises(SourceError, match=r"had not answered whole after 0\.1 s"):
        world.fetch(ROCKS)


@pytest.mark.parametrize("name", ["nothing", "nothing of many", "axes exchanged", "504", "bomb"])
def test_the_next_run_after_a_hostile_answer_asks_again_and_recovers(
    world: World, name: str
) -> None:
    world.options["collections"] = {"bedrock": BEDROCK}
    refused(world, ROCKS, HOSTILE[name][0])
    world.peer.answers = world.service
    assert len(world.frame(ROCKS, minutes=5)) == 2


def test_few_bad_features_are_left_out_and_counted(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.options["collections"] = {"bedrock": BEDROCK}
    good = [a_rock(float(n)) for n in range(99)]
    world.service.collections[BEDROCK] = [*good, a_rock(99.0, lex_d=" ", rcs_d=" ")]
    assert len(world.frame(ROCKS)) == 99
    assert '1 of 100 features are not as documented: feature "99" has no name' in caplog.text


def test_a_record_says_what_is_wrong_and_of_which_rule() -> None:
    point = shapely.Point(-1.518123, 54.141346)
    properties = a_borehole(year_known="2031")["properties"]
    feature = Feature(feature_id="7", properties=properties, geometry=point)
    found = bgs_records.borehole("borehole", feature, date(2026, 11, 22))
    assert found == Fault(gate=Gate.DATES, text='feature "7" is of the year 2031')
