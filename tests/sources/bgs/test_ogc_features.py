"""OGC API Features: page after page, until nothing is missing; and a real pygeoapi to prove it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from sinkwatch import geo
from sinkwatch.errors import ConfigError, CoverageError, SchemaError, SourceError
from sinkwatch.model import Bounds
from sinkwatch.sources.bgs import ogc_features, ogc_page
from sinkwatch.sources.bgs.ogc_box import box_round, wider
from sinkwatch.sources.bgs.ogc_features import IncompleteError
from sinkwatch.sources.bgs.ogc_page import Page, Question, read_page
from tests.conftest import NOW, Clock
from tests.peers.ogc_api import (
    HERE,
    OgcApi,
    World,
    a_polygon,
    a_rock,
    an_error,
    as_json,
    collection,
)
from tests.peers.server import Answer, Asked, Peer, one_after_another
from tests.sources.samples import a_spec, an_errand
from tests.world import an_area

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLYGONS: Final = frozenset({"Polygon", "MultiPolygon"})
BOX: Final = box_round(an_area().bounds)


@pytest.fixture
def world(tmp_path: Path, clock: Clock) -> Iterator[World]:
    service = OgcApi(rocks=[a_rock(float(n)) for n in range(5)])
    with Peer(service).running() as peer:
        yield World(peer, service, tmp_path / "copies", clock)


def service_of(world: World, **step: float) -> ogc_features.Service:
    return ogc_features.service(world.spec(), world.errand(**step), world.peer.url(""))


def question(name: str = "rocks") -> Question:
    return Question(collection=name, box=BOX, shapes=POLYGONS)


def pages(world: World, name: str = "rocks", **step: float) -> list[Page]:
    service = service_of(world, **step)
    with service.trusted():
        return [*service.pages(question(name))]


def ids(found: list[Page]) -> list[str]:
    return [feature.feature_id for page in found for feature in page.features]


# ── Paging ───────────────────────────────────────────────────────────────────────────────────


def test_pages_are_asked_for_by_offset_in_the_area_s_box_a_second_apart(world: World) -> None:
    world.service.most = 2
    assert ids(pages(world)) == ["0", "1", "2", "3", "4"]
    assert [asked.path for asked in world.peer.asked] == ["/collections/rocks/items"] * 3
    assert [asked.query for asked in world.peer.asked] == [
        {"f": ["json"], "bbox": [BOX.query()], "limit": ["1000"], "offset": [offset]}
        for offset in ("0", "2", "4")
    ]
    assert world.waits == [1.0, 1.0]


def test_an_empty_collection_is_whole(world: World) -> None:
    world.service.collections["rocks"] = []
    assert [page.n_rows for page in pages(world)] == [0]


def test_what_there_is_must_not_change_while_it_is_read(world: World) -> None:
    world.peer.answers = one_after_another(
        as_json(collection(a_rock(1.0), matched=3)), as_json(collection(a_rock(2.0), matched=2))
    )
    with pytest.raises(IncompleteError, match="there were 3 features, and 2 a page later"):
        pages(world)


def test_fewer_than_there_are_is_not_whole(world: World) -> None:
    world.peer.answers = one_after_another(
        as_json(collection(a_rock(1.0), matched=3)), as_json(collection(matched=3))
    )
    with pytest.raises(IncompleteError, match="it ends after 1 of 3 features"):
        pages(world)


def test_a_page_that_brings_nothing_new_is_an_error_and_not_the_end(world: World) -> None:
    world.peer.answers = lambda _: as_json(collection(a_rock(1.0), matched=9))
    with pytest.raises(IncompleteError, match="page 2 brings nothing that was not had before"):
        pages(world)


def test_a_feature_on_two_pages_means_that_another_is_on_none(world: World) -> None:
    world.peer.answers = one_after_another(
        as_json(collection(a_rock(1.0), a_rock(2.0), matched=4)),
        as_json(collection(a_rock(2.0), a_rock(3.0), matched=4)),
    )
    with pytest.raises(IncompleteError, match="page 2 repeats 1 features, so as many are missing"):
        pages(world)


def test_more_than_there_are_is_not_believed(world: World) -> None:
    world.peer.answers = lambda _: as_json(collection(a_rock(1.0), a_rock(2.0), matched=1))
    with pytest.raises(IncompleteError, match="it holds 2 features and says 1"):
        pages(world)


def test_a_collection_given_in_crumbs_is_not_asked_for_to_the_end(world: World) -> None:
    world.peer.answers = lambda _: as_json(collection(a_rock(1.0), matched=201))
    with pytest.raises(IncompleteError, match="1 of 201 features at a time"):
        pages(world)
    assert len(world.peer.asked) == 1


def test_too_large_a_collection_is_refused_at_its_first_page(world: World) -> None:
    world.peer.answers = lambda _: as_json(collection(a_rock(1.0), matched=1_358_783))
    with pytest.raises(SchemaError, match="1,358,783 features, more than 200,000"):
        pages(world)
    assert len(world.peer.asked) == 1


def test_who_stops_half_way_has_not_the_whole_and_is_not_told_so(world: World) -> None:
    world.service.most = 2
    found = service_of(world).pages(question())
    assert next(found).n_matched == 5
    assert len(world.peer.asked) == 1


# ── Pages already held ───────────────────────────────────────────────────────────────────────


def test_an_answer_that_broke_off_goes_on_where_it_stopped(world: World) -> None:
    world.service.most = 2
    whole = world.service

    def throttled(asked: Asked) -> Answer:
        return whole(asked) if asked.query["offset"] == ["0"] else Answer(status=403)

    world.peer.answers = throttled
    with pytest.raises(SourceError, match="status 403"):
        pages(world)
    world.peer.answers = whole
    found = pages(world, hours=20)
    assert ids(found) == ["0", "1", "2", "3", "4"]
    assert world.offsets() == ["0", "2", "2", "4"]
    assert [(world.clock() - page.asked_at).total_seconds() // 3600 for page in found] == [20, 0, 0]


def test_after_a_day_pages_are_asked_for_again_and_not_sent_if_they_are_the_same(
    world: World,
) -> None:
    world.service.has_etags = True
    pages(world)
    pages(world, hours=23)
    assert len(world.peer.asked) == 1
    assert ids(pages(world, hours=2)) == ["0", "1", "2", "3", "4"]
    assert world.peer.asked[1].headers["If-None-Match"] is not None


def test_another_box_is_another_question(world: World) -> None:
    pages(world)
    service = service_of(world, hours=1)
    assert [*service.pages(replace(question(), box=replace(BOX, west=-1.7)))]
    assert len(world.peer.asked) == 2


@pytest.mark.parametrize("spoilt", ["page-0.json", "page-0.json.read.json"])
@pytest.mark.parametrize("content", [b"", b"[]", b'{"url": 1}', None])
def test_a_page_that_was_spoilt_on_disk_is_asked_for_again(
    world: World, spoilt: str, content: bytes | None
) -> None:
    pages(world)
    path = world.folder / "bgs-features" / "answer" / "rocks" / spoilt
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    assert len(ids(pages(world, hours=1))) == 5
    assert len(world.peer.asked) == 2


def test_a_page_from_the_future_is_asked_for_again(world: World) -> None:
    pages(world)
    pages(world, hours=-1)
    assert len(world.peer.asked) == 2


def test_pages_of_an_answer_that_was_not_whole_are_not_used_again(world: World) -> None:
    whole = world.service
    world.peer.answers = one_after_another(
        as_json(collection(a_rock(1.0), matched=2)), as_json(collection(matched=2))
    )
    with pytest.raises(IncompleteError):
        pages(world)
    world.peer.answers = whole
    assert len(ids(pages(world, hours=1))) == 5
    assert world.offsets() == ["0", "1", "0"]


def test_a_page_that_cannot_be_read_is_asked_for_again(world: World) -> None:
    whole = world.service
    world.peer.answers = lambda _: Answer(body=b"<html>firewall</html>")
    with pytest.raises(SchemaError):
        pages(world)
    world.peer.answers = whole
    assert len(ids(pages(world, minutes=5))) == 5


# ── Collections ──────────────────────────────────────────────────────────────────────────────


def test_a_collection_is_found_whatever_its_case(world: World) -> None:
    world.service.collections = {"BGSGeology625kBedrock": [], "rocks": []}
    assert service_of(world).collection("bgsgeology625kbedrock") == "BGSGeology625kBedrock"


def test_the_very_name_wins_over_another_case(world: World) -> None:
    world.service.collections = {"Rocks": [], "rocks": []}
    assert service_of(world).collection("rocks") == "rocks"


def test_a_name_with_a_slash_is_asked_for_as_it_is(world: World) -> None:
    world.service.collections = {"non-coal-mine-plans/plans": [a_rock()]}
    name = service_of(world).collection("non-coal-mine-plans/plans")
    assert len(ids(pages(world, name))) == 1
    assert world.peer.asked[-1].path == "/collections/non-coal-mine-plans/plans/items"


def test_a_collection_that_is_gone_is_named_with_those_like_it(world: World) -> None:
    world.service.collections = {"bgsgeology50kbedrock": [], "aeromag": []}
    with pytest.raises(SourceError, match=r"no collection bgsgeology625kbedrock.*50kbedrock"):
        service_of(world).collection("bgsgeology625kbedrock")
    world.service.collections["bgsgeology625kbedrock"] = []
    assert service_of(world, minutes=5).collection("bgsgeology625kbedrock")


@pytest.mark.parametrize(
    "answer",
    [
        as_json({"collections": {"id": "rocks"}}),
        as_json({"collections": ["rocks"]}),
        as_json({"collections": [{"title": "rocks"}]}),
        as_json({"collections": [{"id": 7}]}),
        as_json({"collections": [{"id": ""}]}),
        as_json([{"id": "rocks"}]),
        an_error("NoApplicableCode", "generic error", status=200),
    ],
)
def test_a_list_of_collections_in_another_form_is_refused(world: World, answer: Answer) -> None:
    world.peer.answers = lambda _: answer
    with pytest.raises(SchemaError, match="no list of collections, each with its id"):
        service_of(world).collection("rocks")


@pytest.mark.parametrize("url", [None, "", "ogcapi.bgs.ac.uk", 7])
def test_a_server_must_be_named_by_its_address(url: object) -> None:
    spec = a_spec("x", None, options={"base_url": url})
    with pytest.raises(ConfigError, match="is no web address"):
        ogc_features.base_url(spec)


def test_without_a_way_out_nothing_is_asked(tmp_path: Path) -> None:
    errand = an_errand(tmp_path)
    with pytest.raises(SourceError, match="online = true"):
        ogc_features.service(a_spec("x", None), errand, "https://x.example")


# ── The box ──────────────────────────────────────────────────────────────────────────────────


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_box_holds_every_point_of_the_area_and_its_margin(across: float, up: float) -> None:
    west, south, east, north = wider(an_area().bounds)
    (longitude,), (latitude,) = geo.to_wgs84(
        west + across * (east - west), south + up * (north - south)
    )
    assert BOX.west <= longitude <= BOX.east
    assert BOX.south <= latitude <= BOX.north


def test_the_box_is_hardly_larger_than_the_area() -> None:
    assert BOX.query() == "-1.6379,54.0695,-1.4021,54.2000"


def test_an_area_where_the_grid_is_not_defined_has_no_box() -> None:
    far = Bounds(min_easting=-900_000, min_northing=0, max_easting=0, max_northing=10)
    with pytest.raises(CoverageError, match="National Grid is not defined"):
        box_round(far)


def test_a_box_meets_what_touches_it_and_nothing_that_is_nowhere() -> None:
    bounds = [
        [BOX.east, BOX.north, 9, 60],
        [BOX.east + 0.001, BOX.south, 9, 60],
        [-9, 49, 3, 61],
        [np.nan, np.nan, np.nan, np.nan],
    ]
    assert BOX.meets(np.array(bounds)).tolist() == [True, False, True, False]


# ── One page ─────────────────────────────────────────────────────────────────────────────────


def read(*features: object, shapes: frozenset[str] = POLYGONS, **changes: object) -> Page:
    content = json.dumps(collection(*features, **changes)).encode()  # type: ignore[arg-type]
    asked = Question(collection="rocks", box=BOX, shapes=shapes)
    return read_page(content, asked, asked_at=NOW, name="rocks")


@pytest.mark.parametrize(
    ("given_id", "name"), [(644.0, "644"), (644, "644"), ("C-ripon", "C-ripon"), (6.5, "6.5")]
)
def test_whole_numbers_are_names_without_a_point(given_id: Any, name: str) -> None:  # noqa: ANN401
    assert read(a_rock(given_id)).ids == {name}


def test_properties_are_known_in_any_case() -> None:
    (feature,) = read(a_rock(LEX_X="as in the files")).features
    assert feature.properties["lex_x"] == "as in the files"


def test_of_two_by_one_name_the_last_is_kept_and_both_are_counted() -> None:
    page = read(a_rock(1.0), a_rock(1.0, lex_d="NEWER"))
    assert [f.properties["lex_d"] for f in page.features] == ["NEWER"]
    assert [fault.gate for fault in page.faults] == [ogc_page.Gate.KEYS]
    assert page.n_rows == 2


BOW_TIE: Final = [[-1.53, 54.12], [-1.5, 54.15], [-1.5, 54.12], [-1.53, 54.15], [-1.53, 54.12]]
SPIKE: Final = [
    [-1.53, 54.12], [-1.5, 54.12], [-1.5, 54.15], [-1.5, 54.16], [-1.5, 54.15],
    [-1.53, 54.15], [-1.53, 54.12],
]  # fmt: skip


def test_a_spike_is_cut_off_and_a_bow_tie_is_refused() -> None:
    spiked = {"type": "Polygon", "coordinates": [SPIKE]}
    tied = {"type": "Polygon", "coordinates": [BOW_TIE]}
    page = read(a_rock(1.0, spiked), a_rock(2.0, tied))
    (feature,) = page.features
    assert feature.geometry.is_valid
    assert feature.geometry.equals(shapely.from_geojson(json.dumps(HERE)))
    assert [fault.text for fault in page.faults] == [
        'feature "2" crosses itself, and mending it would change its area by more than 1 %'
    ]


def test_heights_are_left_out() -> None:
    ring = [[*pair, 31.5] for pair in HERE["coordinates"][0]]
    (feature,) = read(a_rock(1.0, {"type": "Polygon", "coordinates": [ring]})).features
    assert not feature.geometry.has_z


def test_a_shape_of_more_vertices_than_anyone_draws_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ogc_page, "MOST_VERTICES", 4)
    (fault,) = read(a_rock()).faults
    assert fault.text == 'feature "644" has 5 vertices, more than 4'


@pytest.mark.parametrize(
    ("geometry", "words"),
    [
        (None, "has none"),
        ({"type": "Polygon", "coordinates": []}, "is empty"),
        ({"type": "Point", "coordinates": [-1.5, 54.1]}, "is Point, not MultiPolygon or Polygon"),
        ({"type": "Polygon", "coordinates": [[[1, 2], [3, 4]]]}, "cannot be read as GeoJSON"),
        ({"type": "Polygon", "coordinates": [[["a", "b"]] * 4]}, "cannot be read as GeoJSON"),
        ({"type": "Polygon", "coordinates": [[[True, False]] * 4]}, "cannot be read as GeoJSON"),
        ({"type": "Polygon"}, "cannot be read as GeoJSON"),
        ({"type": "Feature", "geometry": HERE}, "is Feature, not"),
        ({}, "is None, not"),
    ],
)
def test_a_shape_that_is_none_is_named(geometry: dict[str, Any] | None, words: str) -> None:
    (fault,) = read(a_rock(644.0, geometry)).faults
    assert fault.gate is ogc_page.Gate.GEOMETRY
    assert words in fault.text


def test_a_polygon_whose_rectangle_alone_meets_the_box_is_an_honest_answer() -> None:
    ring = [[-3.0, 53.0], [-1.0, 53.0], [-1.0, 55.0], [-1.05, 53.05], [-3.0, 53.0]]
    around = {"type": "Polygon", "coordinates": [ring]}
    (feature,) = read(a_rock(1.0, around)).features
    assert not feature.geometry.intersects(BOX.shape())


def test_crs84_may_be_named_and_no_other() -> None:
    def named(crs: str) -> dict[str, object]:
        return {"type": "name", "properties": {"name": crs}}

    assert read(a_rock(), crs=named("urn:ogc:def:crs:OGC:1.3:CRS84")).features
    with pytest.raises(SchemaError, match="CRS84 was asked for"):
        read(a_rock(), crs=named("urn:ogc:def:crs:EPSG::27700"))


def test_what_a_gate_lets_through_is_logged_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    text = 'feature "7" is not as documented'
    one = ogc_page.Fault(gate=ogc_page.Gate.SCHEMA, text=text)
    ogc_page.refuse_too_many([one], n_rows=100, name="rocks")
    assert text in caplog.text
    with pytest.raises(SchemaError, match="2 of 199 features are not as documented"):
        ogc_page.refuse_too_many([one, one], n_rows=199, name="rocks")


def test_one_exchanged_pair_of_axes_refuses_everything() -> None:
    (fault,) = read(a_rock(1.0, a_polygon(54.12, -1.53, 54.15, -1.5))).faults
    with pytest.raises(SchemaError, match="axes were exchanged"):
        ogc_page.refuse_too_many([fault], n_rows=10_000, name="rocks")
