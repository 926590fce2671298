"""planning.data.gov.uk: what is asked, what is believed, and the named reason for the rest."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
import shapely

from sinkwatch import schemas
from sinkwatch.errors import ConfigError, DataError, SchemaError, SourceError
from sinkwatch.sources.planning import designations, planning_data
from sinkwatch.sources.planning.planning_data_kept import loaded
from tests.conftest import NOW, Clock
from tests.peers import hostile
from tests.peers.planit import as_json
from tests.peers.planning_data import SQUARE, PlanningData, a_designation, an_entity
from tests.peers.server import Answer, Notes, Peer
from tests.sources.samples import a_spec, an_errand
from tests.world import an_area

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import geopandas as gpd

    from sinkwatch.model import Snapshot, SourceSpec
    from sinkwatch.sources.errand import Errand
    from tests.peers.server import Asked

    Kind = Any


class World:
    """The platform on loopback, and one source that asks it."""

    def __init__(self, peer: Peer, folder: Path, clock: Clock) -> None:
        self.peer, self.folder, self.clock = peer, folder, clock
        self.service = PlanningData(an_entity(), an_entity(7_099_999_902))
        peer.answers = self.service
        peer.asked.clear()
        self.kind: Kind = planning_data
        self.options: dict[str, object] = {"base_url": peer.url("")}

    def spec(self) -> SourceSpec:
        return a_spec("planning-data", None, options=self.options, licence="OGL")

    def errand(self, **changes: Any) -> Errand:  # noqa: ANN401 - any field
        way_out = hostile.a_downloader(self.peer, self.clock, Notes())
        return an_errand(self.folder, now=NOW, downloader=way_out, **changes)

    def fetch(self) -> Snapshot:
        snapshot: Snapshot = self.kind.fetch(self.spec(), self.errand())
        return snapshot

    def frame(self) -> gpd.GeoDataFrame:
        frame: gpd.GeoDataFrame = self.kind.load(self.fetch(), self.spec(), an_area())
        return frame

    def says(self, *entities: dict[str, Any]) -> None:
        self.service.entities = list(entities)

    def refused(self) -> str:
        with pytest.raises((DataError, SourceError)) as refused:
            self.frame()
        return str(refused.value)


@pytest.fixture(scope="module")
def server() -> Iterator[Peer]:
    with Peer(PlanningData()).running() as peer:
        yield peer


@pytest.fixture
def world(server: Peer, tmp_path: Path, clock: Clock) -> World:
    return World(server, tmp_path / "copies", clock)


# ── The question ─────────────────────────────────────────────────────────────────────────────


def test_the_question_is_the_box_of_the_area_in_documented_words(world: World) -> None:
    world.frame()
    listing, shapes = world.peer.asked
    assert (listing.path, shapes.path) == ("/entity.json", "/entity.geojson")
    box = shapely.from_wkt(listing.query["geometry"][0])
    west, south, east, north = box.bounds
    assert (round(west, 2), round(south, 2), round(east, 2), round(north, 2)) == (
        -1.62, 54.08, -1.42, 54.19,
    )  # fmt: skip
    assert {k: v for k, v in listing.query.items() if k != "geometry"} == {
        "dataset": ["planning-application"], "period": ["all"],
        "geometry_relation": ["intersects"], "limit": ["500"], "offset": ["0"],
        "exclude_field": ["geometry"],
    }  # fmt: skip


def test_pages_are_asked_for_by_row_and_no_link_is_followed(world: World) -> None:
    world.says(*(an_entity(n) for n in range(1, 1_102)))
    assert len(world.frame()) == 1_101
    spans = [(a.path[8:], a.query["offset"][0], a.query["limit"][0]) for a in world.peer.asked]
    assert spans == [
        ("json", "0", "500"), ("json", "500", "500"), ("json", "1000", "500"),
        ("geojson", "0", "500"), ("geojson", "500", "500"), ("geojson", "1000", "101"),
    ]  # fmt: skip


def test_short_pages_are_no_end(world: World) -> None:
    world.says(*(an_entity(n) for n in range(1, 701)))
    world.service.page_is_cut_at = 400
    assert len(world.frame()) == 700


def test_the_same_question_twice_brings_the_same_bytes_and_sends_none_again(world: World) -> None:
    first, second = world.fetch(), world.fetch()
    assert (first.sha256, first.path) == (second.sha256, second.path)
    assert all(asked.headers["If-None-Match"] for asked in world.peer.asked[2:])


def test_a_new_entry_of_the_same_facts_changes_no_byte(world: World) -> None:
    world.says(an_entity())
    first = world.fetch()
    world.says(an_entity(**{"entry-date": "2026-11-20", "quality": "authoritative"}))
    assert world.fetch().sha256 == first.sha256


def test_the_snapshot_says_where_it_came_from(world: World) -> None:
    snapshot = world.fetch()
    assert snapshot.url.startswith(world.peer.url("/entity.json?dataset=planning-application&"))
    assert (snapshot.retrieved_at, snapshot.licence) == (NOW, "OGL")


def test_the_server_is_the_platform_itself_unless_another_is_named(world: World) -> None:
    rules = planning_data.host_rules(a_spec("planning-data", None))
    assert rules == {"www.planning.data.gov.uk": planning_data.RULE}
    assert designations.host_rules(world.spec()).keys() == {world.peer.host}
    assert planning_data.RULE.spacing_s >= 1
    assert not planning_data.RULE.is_a_peer_of_tests


def test_without_a_way_out_it_is_a_failure_and_not_nothing(world: World) -> None:
    with pytest.raises(SourceError, match="no way out"):
        planning_data.fetch(world.spec(), replace(world.errand(), downloader=None))


# ── The frame of applications ────────────────────────────────────────────────────────────────


def test_an_entity_becomes_an_application_like_that_of_a_file(world: World) -> None:
    world.says(
        an_entity(**{"planning-decision": "approved", "decision-date": "2026-11-20"}),
    )
    (row,) = world.frame().to_dict("records")
    assert row["application_key"] == "Small Council/ZC26/99901/FUL"
    assert (row["status"], row["status_text"]) == ("approved", "Approved")
    assert (round(row["geometry"].x), round(row["geometry"].y)) == (431_579, 471_829)
    assert (row["position_uncertainty_m"], row["boundary"]) == (100, None)
    assert row["address"] == "Old Auction Mart, North Road, Ripon"
    assert row["received_on"].date().isoformat() == "2026-11-02"
    assert row["decided_on"].date().isoformat() == "2026-11-20"
    assert row["url"] == "https://www.planning.data.gov.uk/entity/7099999901"


@pytest.mark.parametrize(
    ("decision", "day", "status", "words"),
    [
        ("", "", "other", "No decision listed"),
        ("", "2026-11-20", "other", "Decided"),
        ("granted-with-conditions", "", "approved", "Granted with conditions"),
        ("Refused", "2026-11-20", "refused", "Refused"),
        ("withdrawn", "", "withdrawn", "Withdrawn"),
        ("prior-approval", "", "other", "Prior approval"),
    ],
)
def test_a_decision_that_is_not_listed_is_not_taken_for_undecided(
    world: World, decision: str, day: str, status: str, words: str
) -> None:
    world.says(an_entity(**{"planning-decision": decision, "decision-date": day}))
    (row,) = world.frame().to_dict("records")
    assert (row["status"], row["status_text"]) == (status, words)


def test_a_site_with_a_boundary_stands_at_its_middle(world: World) -> None:
    world.says(an_entity(geometry=SQUARE))
    (row,) = world.frame().to_dict("records")
    # 0.002° by 0.001° at 54.14° N is about 131 m by 111 m.
    assert row["boundary"].area == pytest.approx(130.6 * 111.3, rel=0.01)
    assert row["geometry"].distance(row["boundary"].centroid) < 0.1


def test_a_bow_tie_that_a_repair_would_change_is_left_out_of_many(world: World) -> None:
    bow_tie = (
        "POLYGON ((-1.519 54.141, -1.517 54.142, -1.517 54.141, -1.519 54.142, -1.519 54.141))"
    )
    world.says(*(an_entity(n) for n in range(1, 40)), an_entity(99, geometry=bow_tie))
    assert len(world.frame()) == 39


def test_a_site_across_the_edge_whose_middle_lies_beyond_is_left_out(world: World) -> None:
    across = "POLYGON ((-1.7 54.14, -1.61 54.14, -1.61 54.15, -1.7 54.15, -1.7 54.14))"
    world.says(an_entity(), an_entity(2, geometry=across))
    assert len(world.frame()) == 1


def test_authorities_are_named_by_the_operators_table(world: World) -> None:
    world.options["organisations"] = {"999": "North Yorkshire"}
    world.says(
        an_entity(1), an_entity(2, **{"organisation-entity": 999}),
        an_entity(3, **{"organisation-entity": 16}), an_entity(4, **{"organisation-entity": ""}),
    )  # fmt: skip
    assert sorted(set(world.frame()["authority"])) == [
        "North Yorkshire",
        "organisation  of planning.data.gov.uk",
        "organisation 16 of planning.data.gov.uk",
    ]


@pytest.mark.parametrize("option", ["North Yorkshire", ["x"], {"999": 3}])
def test_a_table_of_authorities_that_is_none_is_refused(world: World, option: object) -> None:
    world.options["organisations"] = option
    with pytest.raises(ConfigError, match="not a table of names"):
        world.frame()


def test_one_reference_under_two_numbers_is_one_application(world: World) -> None:
    world.says(
        *(an_entity(n) for n in range(1, 10)),
        an_entity(10, reference="ZC26/00001/FUL", **{"decision-date": "2026-11-19"}),
    )
    frame = world.frame()
    assert len(frame) == 9
    assert frame["decided_on"].notna().sum() == 1


def test_personal_data_is_masked_and_text_is_cleaned(world: World) -> None:
    world.says(an_entity(description="Call Mr A Smith\u202e on 01765 123456", name="x"))
    assert world.frame()["description"].tolist() == ["Call [removed] on [removed]"]


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("https://council.example/1", "https://council.example/1"),
        ("javascript:alert(1)", "https://www.planning.data.gov.uk/entity/1"),
    ],
)
def test_the_link_is_the_councils_page_or_the_platforms(
    world: World, link: str, shown: str
) -> None:
    world.says(an_entity(1, **{"documentation-url": link}))
    assert world.frame()["url"].tolist() == [shown]


def test_a_link_to_a_host_that_a_register_has_left_is_made_anew(world: World) -> None:
    world.options["idox"] = {"base_url": "https://new.example/a/", "retired_hosts": ["old.example"]}
    old = "https://OLD.example/b/applicationDetails.do?keyVal=ABCDEFGHIJK00"
    world.says(an_entity(1, **{"documentation-url": old}))
    assert world.frame()["url"].tolist() == [
        "https://new.example/a/applicationDetails.do?activeTab=summary&keyVal=ABCDEFGHIJK00"
    ]


def test_an_empty_answer_is_unknown_and_not_that_there_is_none(world: World) -> None:
    world.says()
    with pytest.raises(SourceError) as told:
        world.fetch()
    assert "it listed no application here; that is not to say there is none" in str(told.value)
    assert not told.value.retryable


def test_a_list_that_sinkwatch_did_not_write_is_refused(world: World) -> None:
    snapshot = world.fetch()
    for content in ('{"features": [1]}', '{"features": [{"properties": {}, "geometry": null}]}'):
        with pytest.raises(SchemaError, match="no list that sinkwatch wrote"):
            loaded(content.encode(), name="x")
    snapshot.path.unlink()
    with pytest.raises(SchemaError, match="cannot be read"):
        planning_data.load(snapshot, world.spec(), an_area())


# ── The frame of designations ────────────────────────────────────────────────────────────────


def test_designations_are_points_and_grounds_with_their_page(world: World) -> None:
    world.kind = designations
    world.says(
        a_designation(),
        a_designation(31, dataset="listed-building", geometry="", name="Mill for Mr A Smith"),
        a_designation(33, **{"end-date": "2001-01-01"}),
    )
    frame = world.frame()
    assert schemas.DESIGNATIONS.check(frame) is frame
    assert frame["designation_id"].tolist() == ["31", "44000001"]
    assert frame["dataset"].tolist() == ["listed-building", "conservation-area"]
    assert frame["name"].tolist() == ["Mill for [removed]", "Example Green"]
    assert frame["url"][1] == "https://www.planning.data.gov.uk/entity/44000001"
    assert frame.geometry.geom_type.tolist() == ["Point", "Polygon"]
    assert frame.geometry[0].distance(shapely.Point(431_579, 471_829)) < 1
    asked = world.peer.asked[0].query
    assert asked["dataset"] == list(designations.DATASETS)
    assert asked["period"] == ["current"]


def test_other_datasets_may_be_named(world: World) -> None:
    world.kind, world.options["datasets"] = designations, ["conservation-area"]
    world.says(a_designation(), a_designation(9, dataset="listed-building"))
    assert world.frame()["designation_id"].tolist() == ["44000001"]


@pytest.mark.parametrize("option", [[], "", 3, ["Listed Building"], ["a&b"], [7]])
def test_a_name_of_no_dataset_is_refused_before_anything_is_asked(
    world: World, option: object
) -> None:
    world.kind, world.options["datasets"] = designations, option
    with pytest.raises(ConfigError, match="not a list of dataset names"):
        world.frame()
    assert world.peer.asked == []


def test_a_dataset_that_the_platform_does_not_know_is_refused_by_it(world: World) -> None:
    world.kind, world.options["datasets"] = designations, ["sinkhole"]
    assert "status 422" in world.refused()


def test_no_designation_is_unknown_too(world: World) -> None:
    world.kind = designations
    assert "it listed no designation here; that is not to say" in world.refused()


# ── Hostile answers: each with its reason, and the last good copy untouched ──────────────────


def listing(*entities: object, **changes: object) -> Answer:
    return as_json({"entities": list(entities), "links": {}, "count": len(entities), **changes})


def row(**changes: object) -> Answer:
    return listing(an_entity(**{name.replace("_", "-"): v for name, v in changes.items()}))


def without(name: str) -> Answer:
    entity = an_entity()
    del entity[name]
    return listing(entity)


def layer(*features: object, **changes: object) -> Answer:
    return as_json({"type": "FeatureCollection", "features": list(features), **changes})


def feature(geometry: object, number: object = 7_099_999_901) -> dict[str, object]:
    return {"type": "Feature", "properties": {"entity": number}, "geometry": geometry}


def a_point(longitude: object, latitude: object) -> dict[str, object]:
    return {"type": "Point", "coordinates": [longitude, latitude]}


LISTINGS: Final[dict[str, tuple[Answer, str]]] = {
    # Not the documented listing
    "422": (as_json({"detail": []}, status=422), "status 422"),
    "422 with 200": (
        as_json({"detail": [{"loc": ["query", "limit"], "msg": "too large"}]}),
        'it holds no entities; it says [{"loc": ["query", "limit"]',
    ),
    "a list": (as_json([an_entity()]), "it: "),
    "merged into another": (as_json(an_entity()), "it holds no entities"),
    "entities a table": (as_json({"entities": {"1": {}}, "links": {}, "count": 1}), "entities: "),
    "entities null": (as_json({"entities": None, "links": {}, "count": 0}), "entities: "),
    "an entity a list": (listing([1]), "entities.0: "),
    "no count": (as_json({"entities": [], "links": {}}), "count: Field required"),
    "count a text": (listing(an_entity(), count="1"), "count: "),
    "count negative": (listing(an_entity(), count=-1), "count: "),
    "count true": (listing(an_entity(), count=True), "count: "),
    "no links": (as_json({"entities": [], "count": 0}), "links: Field required"),
    "links a list": (listing(an_entity(), links=["x"]), "links: "),
    # Not whole
    "more than it counts": (listing(an_entity(1), an_entity(2), count=1), "says that there are 1"),
    "fewer, and no next": (listing(an_entity(), count=2), "it ends after 1 of 2 entities"),
    "none of many": (listing(count=7), "it ends after 0 of 7 entities"),
    "none of many for ever": (
        listing(count=7, links={"next": "HOST/entity.json?offset=0"}), "is not at 127.0.0.1",
    ),
    "next elsewhere": (
        listing(an_entity(), count=2, links={"next": "https://evil.example/entity.json"}),
        'the page after it, "https://evil.example/entity.json", is not at 127.0.0.1',
    ),
    "next nowhere": (listing(an_entity(), count=2, links={"next": "http://[::"}), "is not at 127"),
    "too many": (listing(an_entity(), count=20_001), "more than one area can have"),
    "a page too long": (
        listing(*(an_entity(n) for n in range(1, 502)), count=501), "holds 501 entities and says",
    ),
    # Not an entity
    "no number": (without("entity"), "row 1: entity: Field required"),
    "no reference": (without("reference"), "reference: Field required"),
    "no point": (without("point"), "point: Field required"),
    "no organisation": (without("organisation-entity"), "organisation-entity: Field required"),
    "no dataset": (without("dataset"), "dataset: Field required"),
    "snake case": (
        listing({k.replace("-", "_"): v for k, v in an_entity().items()}), "Field required",
    ),
    "number a text": (row(entity="1"), "entity: "),
    "number true": (row(entity=True), "entity: "),
    "number a fraction": (row(entity=1.5), "entity: "),
    "number zero": (row(entity=0), "entity: "),
    "reference a number": (row(reference=7), "reference: "),
    "organisation a list": (row(organisation_entity=[1]), "organisation-entity: "),
    "organisation true": (row(organisation_entity=True), "organisation-entity: "),
    "description a table": (row(description={"en": "x"}), "description: "),
    "day British": (row(start_date="02/11/2026"), "is not a date like"),
    "day impossible": (row(start_date="2026-02-30"), "start-date: "),
    "day a number": (row(entry_date=20261105), "is not a date like"),
    "day ancient": (row(start_date="1066-10-14"), "start-date 1066-10-14 lies before 1800"),
    "day in future": (row(start_date="2027-01-01"), "start-date 2027-01-01 lies before"),
    "decided in future": (row(decision_date="2026-12-24"), "decision-date 2026-12-24 lies"),
    "entered in future": (row(entry_date="2036-11-22"), "entry-date 2036-11-22 lies before"),
    # Not what was asked for
    "another dataset": (row(dataset="tree"), 'is of "tree", and planning-application was asked'),
    "no place": (row(point=""), "neither a point nor a shape"),
    "point empty": (row(point="POINT EMPTY"), "neither a point nor a shape"),
    "point with words": (row(point="POINT (west north)"), "neither a point nor a shape"),
    "point nan": (row(point="POINT (nan nan)"), "neither a point nor a shape"),
    "point 1e999": (row(point="POINT (1e999 54)"), "neither a point nor a shape"),
    "point a polygon": (row(point=SQUARE), "neither a point nor a shape"),
    "point with height": (row(point="POINT Z (-1.5 54.1 3)"), "neither a point nor a shape"),
    "axes exchanged": (row(point="POINT (54.14134578 -1.51811846)"), "look exchanged"),
    "in metres": (row(point="POINT (431579 471829)"), "neither a point nor a shape"),
    "York": (row(point="POINT (-1.08 53.96)"), "lies outside the area asked for, at longitude"),
    "null island": (row(point="POINT (0 0)"), "lies outside the area asked for"),
    "sign lost": (row(point="POINT (1.518 54.141)"), "lies outside the area asked for"),
    # Too much of it wrong
    "one number twice": (listing(an_entity(), an_entity()), "entity 7099999901 is there 2 times"),
    "half one reference": (
        listing(*(an_entity(n, reference="A") for n in range(1, 4))), "2 of 3 rows are of an app",
    ),
    "two unreadable of a hundred": (
        listing(*(an_entity(n) for n in range(1, 99)), {}, {}), "row 99: entity: Field required",
    ),
    "six outside of a hundred": (
        listing(
            *(an_entity(n) for n in range(1, 95)),
            *(an_entity(n, point="POINT (-1.08 53.96)") for n in range(95, 101)),
        ),
        "entity 95: it lies outside",
    ),
    "garbled": (row(description="Caf\u00c3\u00a9"), "garbled"),
    "replaced": (row(address_text="North R\ufffdad"), "garbled"),
}  # fmt: skip

SHAPES: Final[dict[str, tuple[Answer, str]]] = {
    "404 html": (Answer(status=404, body=b"<html>"), "status 404"),
    "html with 200": (Answer(body=b"<html>"), "so it is no JSON"),
    "a listing": (listing(an_entity()), "no FeatureCollection"),
    "a list": (as_json([]), "no FeatureCollection"),
    "features a table": (as_json({"type": "FeatureCollection", "features": {}}), "no FeatureColl"),
    "another type": (layer(type="Topology"), "no FeatureCollection"),
    "a feature a number": (layer(7), "has no number of an entity"),
    "no number": (layer(feature(a_point(-1.5, 54.1), None)), "has no number of an entity"),
    "number true": (layer(feature(a_point(-1.5, 54.1), number=True)), "has no number of"),
    "never listed": (layer(feature(a_point(-1.5, 54.1), 5)), "entity 5, which was not listed"),
    "twice": (layer(*[feature(a_point(-1.518, 54.141))] * 2), "two shapes of one entity"),
    "coordinates text": (layer(feature(a_point("-1.5", "54"))), "cannot be read"),
    "unknown type": (layer(feature({"type": "Circle", "radius": 1})), "cannot be read"),
    "a shape a text": (layer(feature(SQUARE)), "cannot be read"),
    "open ring": (
        layer(feature({"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]})), "cannot be read",
    ),
    "a line": (
        layer(feature({"type": "LineString", "coordinates": [[-1.52, 54.1], [-1.5, 54.1]]})),
        "neither a point nor a shape",
    ),
    "bow tie": (
        layer(feature({"type": "Polygon", "coordinates": [
            [[-1.52, 54.1], [-1.5, 54.2], [-1.5, 54.1], [-1.52, 54.2], [-1.52, 54.1]]]})),
        "neither a point nor a shape",
    ),
    "too many corners": (
        layer(feature({"type": "MultiPolygon", "coordinates": [
            [[[-1.52, 54.1], [-1.51, 54.1], [-1.51, 54.11], [-1.52, 54.1]]]] * 25_001})),
        "neither a point nor a shape",
    ),
    "axes exchanged": (layer(feature(a_point(54.141, -1.518))), "coordinates look exchanged"),
    "elsewhere": (layer(feature(a_point(-0.1, 51.5))), "lies outside the area asked for"),
    "nan": (
        Answer(body=json.dumps({"type": "FeatureCollection", "features": [
            feature(a_point(float("nan"), 54.1))]}).encode()),
        "NaN is not a finite number",
    ),
}  # fmt: skip


def test_there_are_at_least_sixty_hostile_answers() -> None:
    assert len(LISTINGS) + len(SHAPES) >= 60


def refuses(world: World, answers: Callable[[Asked], Answer], reason: str) -> None:
    copy = world.fetch()
    content = copy.path.read_bytes()
    world.peer.answers = answers
    assert reason in world.refused()
    assert copy.path.read_bytes() == content


@pytest.mark.parametrize("name", LISTINGS)
def test_a_hostile_listing_is_named_and_leaves_the_last_good_copy(world: World, name: str) -> None:
    answer, reason = LISTINGS[name]

    def answers(asked: Asked) -> Answer:
        return answer if asked.path.endswith(".json") else layer()

    refuses(world, answers, reason)
    assert len(world.peer.asked) <= 2 + 3


@pytest.mark.parametrize("name", SHAPES)
def test_hostile_shapes_are_named_and_leave_the_last_good_copy(world: World, name: str) -> None:
    answer, reason = SHAPES[name]
    world.says(an_entity())

    def answers(asked: Asked) -> Answer:
        return world.service(asked) if asked.path.endswith(".json") else answer

    refuses(world, answers, reason)


@pytest.mark.parametrize("found", hostile.ANSWERS, ids=hostile.ids(hostile.ANSWERS))
@pytest.mark.parametrize("kind", [planning_data, designations], ids=["applications", "areas"])
def test_what_any_server_may_say_is_named(world: World, found: hostile.Hostile, kind: Kind) -> None:
    world.kind = kind
    world.peer.answers = lambda _: found.answer()
    assert found.reason in world.refused()
    assert not list(world.folder.glob("*/*.geojson"))


@pytest.mark.parametrize("first_byte", [True, False])
def test_a_slow_answer_is_given_up(tmp_path: Path, clock: Clock, *, first_byte: bool) -> None:
    with Peer(PlanningData()).running() as peer:
        world = World(peer, tmp_path, clock)
        peer.answers = hostile.slowly(peer, first_byte=first_byte)
        way_out = hostile.a_downloader(peer, clock, Notes(), whole_s=0.1)
        with pytest.raises(SourceError, match="had not answered whole after"):
            planning_data.fetch(world.spec(), replace(world.errand(), downloader=way_out))


def test_a_count_that_changes_while_it_is_read_is_not_whole(world: World) -> None:
    world.says(*(an_entity(n) for n in range(1, 601)))

    def answers(asked: Asked) -> Answer:
        if asked.query["offset"] == ["500"]:
            world.service.entities.append(an_entity(9_999))
        return world.service(asked)

    world.peer.answers = answers
    assert "its count went from 600 to 601 while it was read" in world.refused()


def test_the_same_page_for_ever_is_an_error_and_not_the_end(world: World) -> None:
    page = listing(*(an_entity(n) for n in range(1, 501)), count=1_500)
    assert isinstance(page.body, bytes)
    document = json.loads(page.body) | {"links": {"next": world.peer.url("/entity.json?offset=0")}}
    world.peer.answers = lambda a: as_json(document) if a.path.endswith(".json") else layer()
    assert "is there 3 times" in world.refused()
