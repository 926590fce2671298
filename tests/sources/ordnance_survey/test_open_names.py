"""OS Open Names: streets put together from their parts, and why a table is not believed."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinkwatch import geo, schemas
from sinkwatch.errors import ConfigError, DataError, SchemaError, SourceError
from sinkwatch.model import Bounds
from sinkwatch.sources.ordnance_survey import open_names, os_downloads
from sinkwatch.sources.ordnance_survey.open_names_rows import COLUMNS, KINDS, grouped
from tests.peers import hostile
from tests.peers.os_downloads import BASE_PATH
from tests.peers.server import Answer, Peer
from tests.sources.ordnance_survey.open_names_zips import (
    EAST,
    NORTH,
    Cells,
    a_name,
    a_place,
    a_postcode,
    table_of,
)
from tests.sources.ordnance_survey.os_products import ARCHIVES, AREA, CREDIT, Spoil, World, zipped
from tests.world import an_area

if TYPE_CHECKING:
    from pathlib import Path

SQUARE: Final = "Data/SE26.csv"


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with Peer(lambda _: Answer(status=404)).running() as running:
        yield running


@pytest.fixture
def world(peer: Peer, tmp_path: Path) -> World:
    return World(peer, open_names, "open-names", tmp_path / "copies")


@cache
def _plain_rows() -> tuple[tuple[tuple[str, str], ...], ...]:
    rows = [a_name(f"Street {i}", 10 * i, 5 * i) for i in range(200)]
    return tuple(tuple(row.items()) for row in rows)


def plain_rows() -> list[Cells]:
    """Two hundred streets that are whole and inside."""
    return [dict(row) for row in _plain_rows()]


def files_of(*rows: Cells, **squares: bytes) -> dict[str, bytes]:
    tables = {f"Data/{square}.csv": table for square, table in squares.items()}
    return {
        SQUARE: table_of(list(rows)),
        **tables,
        "Data/TQ28.csv": b"far away, and never read",
        "Doc/OS_Open_Names_Header.csv": f"\ufeff{','.join(COLUMNS)}\r\n".encode(),
        "Doc/licence.txt": "© Crown".encode("latin-1"),
        "README": b"Made up",
    }


def zip_of_rows(*rows: Cells) -> bytes:
    return zipped(files_of(*rows))


def with_rows(*rows: Cells) -> bytes:
    return zip_of_rows(*plain_rows(), *rows)


def changed(*, share: float = 1.0, **cells: str | Callable[[Cells], str]) -> bytes:
    """Return the plain table with cells of some of its rows changed."""
    rows = plain_rows()
    for row in rows[: round(share * len(rows))]:
        row |= {
            column: change if isinstance(change, str) else change(row)
            for column, change in cells.items()
        }
    return zip_of_rows(*rows)


def told(frame: Any) -> list[tuple[str, str, float]]:  # noqa: ANN401 - a frame
    return [
        (row["name"], row["local_type"], row["position_uncertainty_m"])
        for row in frame.to_dict("records")
    ]


# ── What is taken ────────────────────────────────────────────────────────────────────────────


def test_streets_and_settlements_become_names(world: World) -> None:
    street = a_name(ID="osgb1", NAMES_URI="http://data.example/id/1")
    village = a_place("Example Green", 1_000, 0, ID="osgb2", MBR_XMIN=str(EAST + 600))
    world.release(zip_of_rows(village, street, a_postcode()))
    frame = world.frame()
    assert frame.drop(columns="geometry").to_dict("records") == [
        {
            "name_id": "osgb1", "name": "Example Terrace", "local_type": "Named Road",
            "postcode_district": "HG4", "populated_place": "Ripon", "position_uncertainty_m": 32.0,
        },
        {
            "name_id": "osgb2", "name": "Example Green", "local_type": "Village",
            "postcode_district": "HG4", "populated_place": pytest.approx(math.nan, nan_ok=True),
            "position_uncertainty_m": 401.0,
        },
    ]  # fmt: skip
    assert [(p.x, p.y) for p in frame.geometry] == [(EAST, NORTH), (EAST + 1_000, NORTH)]
    assert frame.crs == geo.BNG
    assert schemas.NAMES.check(frame) is frame


def test_the_parts_of_a_street_become_one_row_that_holds_it_whole(world: World) -> None:
    #   west            middle of all                 east
    #    ├─ -130 … -70 ─┤ ├─ -30 … 30 ─┤ ├─ 270 … 330 ─┤      middle at 100
    parts = [
        a_name("Long Lane", at, 0, ID=f"osgb{i}", LOCAL_TYPE=kind)
        for i, at, kind in ((1, -100, "Section Of Named Road"), (2, 0, "Named Road"),
                            (3, 300, "Section Of Named Road"))
    ]  # fmt: skip
    (row,) = world.given(zip_of_rows(*parts)).to_dict("records")
    assert (row["name_id"], row["local_type"]) == ("osgb2", "Named Road")
    assert (row["geometry"].x, row["geometry"].y) == (EAST, NORTH)
    assert row["position_uncertainty_m"] == math.ceil(math.hypot(330, 10))


@pytest.mark.parametrize(
    "other",
    [{"NAME1": "Example Road"}, {"POSTCODE_DISTRICT": "HG3"}, {"POPULATED_PLACE": "Sharow"},
     {"POPULATED_PLACE": ""}],
    ids=["name", "postcode district", "settlement", "no settlement"],
)  # fmt: skip
def test_streets_that_differ_in_one_of_three_stay_apart(world: World, other: Cells) -> None:
    frame = world.given(zip_of_rows(a_name(), a_name("Example Terrace", 500, 0) | other))
    assert len(frame) == 2


def test_villages_of_one_name_stay_apart(world: World) -> None:
    frame = world.given(zip_of_rows(a_place("Newton", 0, 0), a_place("Newton", 2_000, 0)))
    assert told(frame) == [("Newton", "Village", 32.0)] * 2


def test_a_village_is_not_the_street_that_bears_its_name(world: World) -> None:
    street = a_name("Newton", POPULATED_PLACE="")
    assert len(world.given(zip_of_rows(street, a_place("Newton", 9, 0)))) == 2


def test_sections_are_known_by_their_road_because_their_own_ids_change(world: World) -> None:
    def section(number: int, place: str, at: int, **cells: str) -> Cells:
        given = {"LOCAL_TYPE": "Section Of Named Road", "POPULATED_PLACE": place}
        road = {"RELATED_SPATIAL_OBJECT": "http://data.example/id/osgb7"}
        return a_name("Long Lane", at, 0, ID=f"osgb{number}", **given | road | cells)

    first = [section(100, "Ripon", 0), section(101, "Sharow", 200)]
    later = [section(900, "Sharow", 200), section(901, "Ripon", 0)]
    ids = ["osgb7/HG4/Ripon", "osgb7/HG4/Sharow"]
    assert world.given(zip_of_rows(*first))["name_id"].tolist() == ids
    assert world.given(zip_of_rows(*later))["name_id"].tolist() == ids
    odd = section(902, "Ripon", 50, NAME1="Short Lane")
    assert world.given(zip_of_rows(*first, odd))["name_id"].tolist() == [
        "osgb7/HG4/Ripon/Long Lane", "osgb7/HG4/Ripon/Short Lane", "osgb7/HG4/Sharow",
    ]  # fmt: skip
    alone = section(5, "Ripon", 0, RELATED_SPATIAL_OBJECT="")
    assert world.given(zip_of_rows(alone))["name_id"].tolist() == ["osgb5/HG4/Ripon"]


def test_a_numbered_road_is_taken_under_its_name_if_it_has_one(world: World) -> None:
    rows = [
        a_name("A6108", ID="osgb1", LOCAL_TYPE="Numbered Road"),
        a_name("A61", ID="osgb2", LOCAL_TYPE="Numbered Road", NAME2="Example Way"),
        a_name("A1(M)", ID="osgb3", LOCAL_TYPE="Section Of Numbered Road", NAME2="A1"),
        a_name("Old Road", ID="osgb4", LOCAL_TYPE="Section Of Numbered Road"),
        a_name("B6265", ID="osgb5"),
    ]
    frame = world.given(zip_of_rows(*rows))
    assert sorted(frame["name"]) == ["Example Way", "Old Road"]


def test_a_point_without_a_box_is_known_to_the_least_distance(world: World) -> None:
    blank = dict.fromkeys(("MBR_XMIN", "MBR_YMIN", "MBR_XMAX", "MBR_YMAX"), "")
    assert told(world.given(zip_of_rows(a_name() | blank))) == [
        ("Example Terrace", "Named Road", 25.0)
    ]


def test_a_street_that_leaves_the_area_is_shown_where_it_is_inside(world: World) -> None:
    edge = int(AREA.bounds.max_easting) - EAST
    parts = [a_name("Long Lane", edge + step, 0) for step in (-300, 50, 100)]
    (row,) = world.given(zip_of_rows(*parts)).to_dict("records")
    assert row["geometry"].x == EAST + edge - 300
    assert row["position_uncertainty_m"] == math.ceil(math.hypot(430, 10))
    assert world.given(zip_of_rows(a_name(), a_name("Far Lane", edge + 1, 0)))["name"].tolist() == [
        "Example Terrace"
    ]


@settings(max_examples=15)
@given(
    parts=st.lists(
        st.tuples(*[st.integers(-3_000, 3_000)] * 2, *[st.integers(0, 400)] * 4),
        min_size=1, max_size=6,
    )
)  # fmt: skip
def test_the_whole_of_a_street_lies_within_its_uncertainty(
    parts: list[tuple[int, int, int, int, int, int]],
) -> None:
    rows = pd.DataFrame(
        [
            {
                "id": f"osgb{i}", "name": "Long Lane", "local_type": "Named Road",
                "road": f"osgb{i}", "postcode_district": "HG4", "populated_place": "Ripon",
                "easting": EAST + e, "northing": NORTH + n, "west": EAST + e - w,
                "south": NORTH + n - s, "east": EAST + e + x, "north": NORTH + n + y,
            }
            for i, (e, n, w, s, x, y) in enumerate(parts)
        ]
    )  # fmt: skip
    frame = grouped(rows, AREA.bounds, name="x")
    (row,) = frame.to_dict("records")
    at, reach_m = row["geometry"], row["position_uncertainty_m"]
    for part in rows.to_dict("records"):
        for corner in (
            (part[we], part[sn]) for we in ("west", "east") for sn in ("south", "north")
        ):
            assert math.dist((at.x, at.y), corner) <= reach_m
    assert reach_m >= 25
    assert grouped(rows[::-1], AREA.bounds, name="x").equals(frame)


def test_squares_are_named_after_the_national_grid() -> None:
    assert list(open_names.squares(AREA.bounds)) == ["SE26"]
    corner = Bounds(
        min_easting=439_000, min_northing=479_000, max_easting=441_000, max_northing=481_000
    )
    assert list(open_names.squares(corner)) == ["SE26", "SE28", "SE46", "SE48"]
    exact = Bounds(
        min_easting=420_000, min_northing=460_000, max_easting=440_000, max_northing=480_000
    )
    assert list(open_names.squares(exact)) == ["SE26"]
    assert len(open_names.squares(exact, edge_m=1)) == 9
    britain = Bounds(min_easting=0, min_northing=0, max_easting=700_000, max_northing=1_300_000)
    assert len(open_names.squares(britain, edge_m=1_000)) == 35 * 65


EASTERN: Final = an_area(
    bounds=Bounds(
        min_easting=430_000, min_northing=465_000, max_easting=441_000, max_northing=475_000
    )
)


def test_an_area_on_two_squares_reads_both(world: World) -> None:
    world.area = EASTERN
    over = a_name("Long Lane", 9_000, 0)
    frame = world.given(zipped(files_of(a_name(), SE46=table_of([over]))))
    assert sorted(frame["name"]) == ["Example Terrace", "Long Lane"]


def test_a_square_that_is_missing_is_a_fault_unless_it_is_said_to_be_sea(world: World) -> None:
    world.area = EASTERN
    with pytest.raises(SchemaError, match=r"no table of SE46\. .*name it under empty_squares"):
        world.given(zip_of_rows(a_name()))
    world.options["empty_squares"] = ["se46"]
    assert len(world.given(zip_of_rows(a_name()))) == 1


@pytest.mark.parametrize("value", ["SE46", [46], {"SE46": 1}, None])
def test_empty_squares_that_are_no_list_of_names_are_refused(world: World, value: object) -> None:
    world.options["empty_squares"] = value
    with pytest.raises(ConfigError, match="are no list of names"):
        world.given(zip_of_rows(a_name()))


def test_a_table_beside_the_area_is_read_as_far_as_it_may_stray(world: World) -> None:
    bounds = Bounds(
        min_easting=430_000, min_northing=465_000, max_easting=439_500, max_northing=475_000
    )
    world.area = an_area(bounds=bounds)
    astray = a_name("Stray Lane", 439_400 - EAST, 0, MBR_XMAX="440100")
    files = files_of(a_name(), SE46=table_of([astray]))
    assert sorted(world.given(zipped(files))["name"]) == ["Example Terrace", "Stray Lane"]


@pytest.mark.parametrize("folder", ["DATA/", "data/", "opname_csv_gb/Data/"])
def test_the_folder_is_written_in_any_way(world: World, folder: str) -> None:
    files = {name.replace("Data/", folder): at for name, at in files_of(a_name()).items()}
    assert len(world.given(zipped(files))) == 1


@pytest.mark.parametrize(
    "table",
    [
        table_of(plain_rows(), mark=""),
        table_of(plain_rows(), ending="\n"),
        table_of(plain_rows())[:-2],
        table_of(plain_rows()[::-1]),
        table_of([{k: f" {v}" if k == "NAME1" else v for k, v in r.items()} for r in plain_rows()]),
    ],
    ids=["no byte order mark", "LF", "no last line break", "backwards", "a space before"],
)
def test_what_is_only_written_otherwise_is_read_the_same(world: World, table: bytes) -> None:
    assert world.given(zipped({SQUARE: table})).equals(world.given(with_rows()))


def test_names_with_commas_quotes_and_accents_are_read_as_they_are(world: World) -> None:
    names = ['The "Old" Lane, East', "Heol y Frenhines Siân", "St Mary's  Gate\u200b"]
    frame = world.given(with_rows(*(a_name(name, 5, 5, ID=name[:4]) for name in names)))
    assert {'The "Old" Lane, East', "Heol y Frenhines Siân", "St Mary's Gate"} <= {*frame["name"]}


def test_a_few_rows_that_cannot_be_used_are_left_out_and_counted(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    bad = [
        a_name("One", 1, 1, LOCAL_TYPE="Named Tunnel"),
        a_name("Two", 2, 2, POSTCODE_DISTRICT="HG4 1AA"),
        a_name("Three", 3, 3, GEOMETRY_X="NaN"),
        a_name("Four", 100_000, 3),
        a_name("ZoÃ« Street", 4, 4),
        a_name("Six", 5, 5, TYPE="transport"),
        a_name("Street 3 again", 6, 6, ID=plain_rows()[3]["ID"]),
    ]
    rows = zipped({SQUARE: table_of([*plain_rows(), *bad]) + b"1,2,3\r\n"})
    with caplog.at_level(logging.WARNING):
        assert len(world.given(rows)) == 200
    reasons = [record.getMessage().partition("left out ")[2] for record in caplog.records]
    assert reasons == [
        "1 of 208 rows that have not 34 cells (3 of 34 cells in '1,2,3')",
        (
            "1 of 207 rows that have a TYPE that is none of hydrography, landcover, landform, "
            "other, populatedPlace, transportNetwork"
        ),
        '1 of 206 rows that have a LOCAL_TYPE that is not known (such as "Named Tunnel")',
        '1 of 205 rows that have no id, name, postcode district or place (such as "Two")',
        (
            "1 of 204 rows that have a garbled name, as in another character set "
            '(such as "ZoÃ« Street")'
        ),
        '1 of 203 rows that have no position, or a box that cannot be (such as "Three")',
        '1 of 202 rows that lie outside the square (such as "Four")',
        "1 of 201 rows that bear an id that another one bears",
    ]


def test_every_kind_of_street_and_settlement_is_taken_and_nothing_else(world: World) -> None:
    rows = [
        a_name(f"It {i}", 40 * i, 0, TYPE=theirs, LOCAL_TYPE=kind)
        for i, (kind, theirs) in enumerate(KINDS.items())
    ]
    rows += [a_name("Station", LOCAL_TYPE="Railway Station"), a_postcode()]
    rows += [a_name("Pond", TYPE="hydrography", LOCAL_TYPE="Inland Water")]
    frame = world.given(zip_of_rows(*rows))
    assert sorted(frame["local_type"]) == sorted(KINDS)


def test_provenance_is_that_of_the_release(world: World) -> None:
    world.release(with_rows())
    snapshot = world.fetch()
    assert (snapshot.edition, snapshot.path.suffix) == ("2026-08", ".parquet")
    assert snapshot.url.startswith(world.peer.url(f"{BASE_PATH}/products/OpenNames/downloads?"))
    assert (snapshot.licence, snapshot.attribution) == ("OGL", CREDIT)


def test_a_release_that_is_held_costs_one_question(world: World) -> None:
    world.release(with_rows())
    first = world.fetch()
    n_asked = len(world.peer.asked)
    again = world.fetch()
    assert world.asked()[n_asked:] == [f"{BASE_PATH}/products/OpenNames"]
    assert world.peer.asked[-1].headers["If-None-Match"]
    assert (again.sha256, again.path) == (first.sha256, first.path)
    assert again.checked_at > first.checked_at


def test_a_new_release_with_the_same_rows_makes_the_same_bytes(world: World) -> None:
    world.release(with_rows())
    first = world.fetch()
    world.release(zip_of_rows(*reversed(plain_rows())), version="2026-11")
    again = world.fetch()
    assert (again.edition, again.sha256) == ("2026-11", first.sha256)


def test_it_asks_the_servers_of_the_downloads_api(world: World) -> None:
    assert open_names.host_rules(world.spec()) == os_downloads.host_rules(world.spec())


@pytest.mark.parametrize("content", [b"", b"PAR1", b"name\n1\n"])
def test_a_copy_that_sinkwatch_did_not_write_is_refused(world: World, content: bytes) -> None:
    world.release(with_rows())
    snapshot = world.fetch()
    snapshot.path.write_bytes(content)
    with pytest.raises(SchemaError, match="no file that sinkwatch wrote"):
        open_names.load(snapshot, world.spec(), AREA)


# ── Hostile answers: each with its reason, and the last good copy untouched ──────────────────


@pytest.fixture(scope="module")
def first(peer: Peer, tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(peer, open_names, "open-names", tmp_path_factory.mktemp("first") / "copies")
    world.release(with_rows())
    world.fetch()
    return world


@pytest.fixture
def holding(first: World, world: World) -> World:
    """With a good copy held."""
    world.hold(first)
    world.release(with_rows())
    return world


def refusal(world: World) -> str:
    """Fetch what must be refused, check that nothing was lost by it, and return the reason."""
    before = world.held
    assert before is not None
    with pytest.raises((SourceError, DataError)) as refused:
        world.fetch()
    assert world.is_untouched(before)
    return str(refused.value)


@pytest.mark.parametrize("spoilt", hostile.ANSWERS, ids=hostile.ids(hostile.ANSWERS))
def test_an_answer_that_is_none_is_refused(holding: World, spoilt: hostile.Hostile) -> None:
    holding.peer.answers = lambda _: spoilt.answer()
    assert spoilt.reason in refusal(holding)


@pytest.mark.parametrize(("spoil", "reason"), ARCHIVES.values(), ids=ARCHIVES)
def test_a_zip_that_is_not_what_it_says_is_refused(
    holding: World, spoil: Spoil, reason: str
) -> None:
    holding.release(spoil(files_of(*plain_rows())), version="2026-10")
    assert reason in refusal(holding)


def of(table: bytes, **more: bytes) -> bytes:
    return zipped({**files_of(), SQUARE: table, **more})


def plain() -> bytes:
    return table_of(plain_rows())


def moved(step_m: int) -> bytes:
    columns = ("GEOMETRY_X", "MBR_XMIN", "MBR_XMAX")
    return changed(
        **{name: lambda row, name=name: str(int(row[name]) + step_m) for name in columns}
    )


def exchanged() -> bytes:
    pairs = {"GEOMETRY_X": "GEOMETRY_Y", "MBR_XMIN": "MBR_YMIN", "MBR_XMAX": "MBR_YMAX"}
    both = pairs | {theirs: ours for ours, theirs in pairs.items()}
    return changed(**{to: lambda row, at=at: dict(row)[at] for to, at in both.items()})


def header(names: tuple[str, ...]) -> bytes:
    return zipped(
        {**files_of(*plain_rows()), "Doc/OS_Open_Names_Header.csv": ",".join(names).encode()}
    )


NOWHERE: Final = "200 of 200 rows have no position, or a box that cannot be"
UNTOLD: Final = "rows have no id, name, postcode district or place"
STRANGE: Final = "200 of 200 rows have a LOCAL_TYPE that is not known"
OUTSIDE: Final = "200 of 200 rows lie outside the square"

HOSTILE: Final[dict[str, tuple[Callable[[], bytes], str]]] = {
    # No table
    "empty": (lambda: of(b""), "it holds no row"),
    "a mark only": (lambda: of(b"\xef\xbb\xbf"), "it holds no row"),
    "blank lines": (lambda: of(b"\r\n\r\n\r\n"), "it holds no row"),
    "a page": (lambda: of(b"<html>\n<h1>Sorry</h1>\n</html>\n"), "3 of 3 rows have not 34 cells"),
    "json": (lambda: of(b'{"message":\n "no"}\n'), "2 of 2 rows have not 34 cells"),
    "utf-16": (lambda: of(plain().decode().encode("utf-16")), "is not UTF-8"),
    "latin-1": (lambda: of(plain().replace(b"Street 7", b"Caf\xe9")), "is not UTF-8"),
    "cut character": (lambda: of(plain() + b"\xc3"), "is not UTF-8"),
    "a zip in it": (lambda: of(with_rows()), "is not UTF-8"),
    "a header in it": (
        lambda: of(table_of([dict(zip(COLUMNS, COLUMNS, strict=True)), a_name()])),
        "1 of 2 rows have a TYPE that is none of",
    ),
    "two tables of a square": (
        lambda: of(plain(), **{"More/Data/SE26.csv": b"x"}), "it holds 2 files Data/SE26.csv",
    ),
    "another square": (
        lambda: zipped({"Data/TQ28.csv": plain()}), "it has no table of SE26",
    ),
    "another product": (lambda: zipped({"Data/CSV/hg.csv": b"x"}), "it has no table of SE26"),
    "nothing within": (
        lambda: zip_of_rows(a_name("Far Lane", -8_000, 0)), "no name in it lies within",
    ),
    "postcodes only": (lambda: zip_of_rows(a_postcode()), "no name in it lies within"),
    # Not the columns documented
    "columns renamed": (lambda: header(("NAME", *COLUMNS[1:])), "its columns are no longer the 34"),
    "columns moved": (
        lambda: header((*COLUMNS[:2], COLUMNS[3], COLUMNS[2], *COLUMNS[4:])), "no longer the 34",
    ),
    "a column more": (lambda: header((*COLUMNS, "UPRN")), "no longer the 34"),
    "columns empty": (lambda: header(()), "no longer the 34"),
    "cells moved": (
        lambda: changed(TYPE="Named Road", LOCAL_TYPE="transportNetwork"), "have a TYPE that is",
    ),
    # Not whole
    "cut off": (lambda: of(plain()[:-40]), "its last row breaks off after"),
    "cells missing": (lambda: of(plain() + b"a,b,c\r\n" * 3), "3 of 203 rows have not 34 cells"),
    "cells too many": (
        lambda: of(plain() + b"," * 34 + b"\r\n" + b"," * 40 + b"\r\n" + b"1\r\n"),
        "3 of 203 rows have not 34 cells",
    ),
    "a quote without an end": (
        lambda: of(plain().replace(b"Street 90", b'"Street 90')), "rows have not 34 cells",
    ),
    "a line break in a name": (lambda: changed(NAME1="Long\r\nLane"), UNTOLD),
    "an endless row": (lambda: of(plain() + b"1" * 9_000_000), "a row longer than 4,194,304"),
    "semicolons": (lambda: of(plain().replace(b",", b";")), "200 of 200 rows have not 34 cells"),
    "tabs": (lambda: of(plain().replace(b",", b"\t")), "200 of 200 rows have not 34 cells"),
    # Kinds that nobody knows
    "an unknown type": (lambda: changed(TYPE="road"), "200 of 200 rows have a TYPE"),
    "a type in capitals": (lambda: changed(TYPE="TransportNetwork"), "have a TYPE that is none of"),
    "three of an unknown type": (
        lambda: changed(TYPE="road", share=0.015), "3 of 200 rows have a TYPE",
    ),
    "an unknown kind": (lambda: changed(LOCAL_TYPE="Way"), STRANGE),
    "a kind in small letters": (lambda: changed(LOCAL_TYPE="named road"), STRANGE),
    "a kind of another type": (lambda: changed(LOCAL_TYPE="Village"), STRANGE),
    "no kind": (lambda: changed(LOCAL_TYPE=""), STRANGE),
    # Nothing told
    "no name": (lambda: changed(NAME1=""), UNTOLD),
    "an invisible name": (lambda: changed(NAME1="\u200b\u202e"), UNTOLD),
    "an endless name": (lambda: changed(NAME1="x" * 201), UNTOLD),
    "no id": (lambda: changed(ID=""), UNTOLD),
    "an endless id": (lambda: changed(ID=lambda row: row["ID"] * 20), UNTOLD),
    "a postcode for a district": (lambda: changed(POSTCODE_DISTRICT="HG4 1AA"), UNTOLD),
    "a link for a district": (
        lambda: changed(POSTCODE_DISTRICT="http://data.example/id/HG4"), UNTOLD,
    ),
    "an endless place": (lambda: changed(POPULATED_PLACE="x" * 201), UNTOLD),
    "three without a name": (lambda: changed(NAME1="", share=0.015), f"3 of 200 {UNTOLD}"),
    "read in another character set": (
        lambda: changed(NAME1="Rue RenÃ©"), "200 of 200 rows have a garbled name",
    ),
    "replacement characters": (lambda: changed(NAME1="Caf\ufffd"), "have a garbled name"),
    "apostrophes garbled": (lambda: changed(NAME1="Stâ€™s", share=0.1), "20 of 200 rows have a g"),
    # Nowhere, or elsewhere
    "NaN": (lambda: changed(GEOMETRY_X="NaN"), NOWHERE),
    "infinite": (lambda: changed(GEOMETRY_Y="inf"), NOWHERE),
    "1e999": (lambda: changed(GEOMETRY_X="1e999"), NOWHERE),
    "no easting": (lambda: changed(GEOMETRY_X=""), NOWHERE),
    "words": (lambda: changed(GEOMETRY_Y="north"), NOWHERE),
    "negative": (lambda: changed(GEOMETRY_X="-431450"), NOWHERE),
    "off the grid": (lambda: changed(GEOMETRY_X="700000"), NOWHERE),
    "degrees": (lambda: changed(GEOMETRY_X="-1.52", GEOMETRY_Y="54.14"), NOWHERE),
    "half a box": (lambda: changed(MBR_XMIN=""), NOWHERE),
    "a box of words": (lambda: changed(MBR_YMAX="x"), NOWHERE),
    "a box of NaN": (lambda: changed(MBR_YMAX="nan"), NOWHERE),
    "a box without end": (lambda: changed(MBR_XMAX="1e999"), NOWHERE),
    "a box inside out": (
        lambda: changed(MBR_XMIN=lambda row: str(int(row["MBR_XMAX"]) + 1)), NOWHERE,
    ),
    "a box as wide as the country": (
        lambda: changed(MBR_XMIN="0", MBR_XMAX="600000"), NOWHERE,
    ),
    "a point outside its box": (
        lambda: changed(GEOMETRY_X=lambda row: str(int(row["MBR_XMAX"]) + 500)), NOWHERE,
    ),
    "one in ten nowhere": (
        lambda: changed(GEOMETRY_X="", share=0.1), "20 of 200 rows have no position",
    ),
    "the table of another square": (lambda: moved(100_000), OUTSIDE),
    "one square further": (lambda: moved(20_000), OUTSIDE),
    "axes exchanged": (exchanged, "easting and northing look exchanged"),
    # The same again
    "all the same": (lambda: changed(ID="osgb1"), "199 of 200 rows bear an id"),
    "one in four twice": (
        lambda: with_rows(*plain_rows()[:70]), "70 of 270 rows bear an id that another one bears",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_a_table_that_is_not_as_documented_is_refused(
    holding: World, spoil: Callable[[], bytes], reason: str
) -> None:
    holding.put(spoil())
    assert reason in refusal(holding)


def test_there_are_enough_hostile_answers() -> None:
    assert len(HOSTILE) >= 60
