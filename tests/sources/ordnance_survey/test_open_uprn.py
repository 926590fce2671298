"""OS Open UPRN: which points are taken out of all of Britain, and why the rest is not believed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest

from sinkwatch import geo, schemas
from sinkwatch.errors import DataError, SchemaError, SourceError
from sinkwatch.sources.ordnance_survey import csv_stream, open_uprn, os_downloads
from tests.peers import hostile
from tests.peers.os_downloads import BASE_PATH
from tests.peers.server import Answer, Peer
from tests.sources.ordnance_survey.open_uprn_zips import (
    EAST,
    HEADER,
    NORTH,
    TABLE,
    a_row,
    files_of,
    table_of,
)
from tests.sources.ordnance_survey.os_products import ARCHIVES, AREA, CREDIT, Spoil, World, zipped

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with Peer(lambda _: Answer(status=404)).running() as running:
        yield running


@pytest.fixture
def world(peer: Peer, tmp_path: Path) -> World:
    return World(peer, open_uprn, "open-uprn", tmp_path / "copies")


@cache
def plain_rows(n: int = 300) -> tuple[str, ...]:
    """Points 10 m apart in the middle of the area, and one far away for each."""
    steps = 10.0 * np.arange(n)
    inside = [a_row(100_050_000_000 + i, EAST + step) for i, step in enumerate(steps.tolist())]
    outside = [a_row(200_000_000 + i, 320_000 + step, 310_000) for i, step in enumerate(steps)]
    return tuple(row for pair in zip(inside, outside, strict=True) for row in pair)


def zip_of_rows(*rows: str) -> bytes:
    return zipped(files_of(table_of(rows)))


def with_rows(*rows: str) -> bytes:
    return zip_of_rows(*plain_rows(), *rows)


def column_changed(column: int, change: Any, *, share: float = 1.0) -> bytes:  # noqa: ANN401 - text to text
    """Return the plain table with one of its cells changed in some of the rows."""
    rows = [row.split(",") for row in plain_rows()]
    for row in rows[: round(share * len(rows))]:
        row[column] = change(row[column])
    return zip_of_rows(*(",".join(row) for row in rows))


# ── What is taken ────────────────────────────────────────────────────────────────────────────


def test_the_points_within_the_bounds_become_addresses_without_words(world: World) -> None:
    world.release(
        zip_of_rows(
            a_row(100_059_999_999, 431_450, 471_702),
            a_row(7, 431_460.25, 471_702.5),
            a_row(10_000_000_000, 500_000, 471_702),
            a_row(100_059_999_998, 431_450, 500_000),
        )
    )
    frame = world.frame()
    assert frame["address_id"].tolist() == ["uprn/100059999999", "uprn/7"]
    assert [(p.x, p.y) for p in frame.geometry] == [(431_450.0, 471_702.0), (431_460.25, 471_702.5)]
    assert frame["position_uncertainty_m"].tolist() == [10.0, 10.0]
    assert frame[["address", "postcode"]].isna().all(axis=None)
    assert frame.crs == geo.BNG
    assert schemas.ADDRESSES.check(frame) is frame


def test_the_edges_of_the_area_belong_to_it(world: World) -> None:
    bounds = AREA.bounds
    edges = [
        (bounds.min_easting, bounds.min_northing), (bounds.max_easting, bounds.max_northing),
        (bounds.min_easting - 0.01, bounds.min_northing), (EAST, bounds.max_northing + 0.01),
    ]  # fmt: skip
    frame = world.given(zip_of_rows(*(a_row(i + 1, *edge) for i, edge in enumerate(edges))))
    assert frame["address_id"].tolist() == ["uprn/1", "uprn/2"]


def test_provenance_is_that_of_the_release(world: World) -> None:
    world.release(with_rows())
    snapshot = world.fetch()
    assert snapshot.edition == "2026-08"
    assert snapshot.url.startswith(world.peer.url(f"{BASE_PATH}/products/OpenUPRN/downloads?"))
    assert (snapshot.licence, snapshot.attribution) == ("OGL", CREDIT)
    assert (snapshot.retrieved_at.date(), snapshot.path.suffix) == (
        world.clock().date(),
        ".parquet",
    )


def test_a_release_that_is_held_costs_one_question(world: World) -> None:
    world.release(with_rows())
    first = world.fetch()
    n_asked = len(world.peer.asked)
    again = world.fetch()
    assert world.asked()[n_asked:] == [f"{BASE_PATH}/products/OpenUPRN"]
    assert world.peer.asked[-1].headers["If-None-Match"]
    assert (again.sha256, again.path) == (first.sha256, first.path)
    assert again.checked_at > first.checked_at


def test_a_new_release_with_the_same_rows_makes_the_same_bytes(world: World) -> None:
    world.release(with_rows())
    first = world.fetch()
    world.release(zip_of_rows(*reversed(plain_rows())), version="2026-10")
    again = world.fetch()
    assert (again.edition, again.sha256) == ("2026-10", first.sha256)


def test_a_zip_given_by_hand_is_read_and_nobody_is_asked(world: World) -> None:
    assert len(world.given(with_rows())) == 300
    assert world.asked() == []
    assert world.held is not None
    assert world.held.url == "given.zip"


@pytest.mark.parametrize(
    "table",
    [
        table_of(plain_rows()).replace(b"\xef\xbb\xbf", b""),
        table_of(plain_rows()).replace(b"\r\n", b"\n"),
        table_of(plain_rows())[:-2],
        table_of(plain_rows()).replace(b".00,", b",", 40),
        table_of([*plain_rows()[:300], "", *plain_rows()[300:]]),
    ],
    ids=["no byte order mark", "LF", "no last line break", "whole metres", "an empty line"],
)
def test_what_is_only_written_otherwise_is_read_the_same(world: World, table: bytes) -> None:
    assert world.given(zipped(files_of(table))).equals(world.given(with_rows()))


def test_the_table_may_lie_in_a_folder_and_be_called_in_capitals(world: World) -> None:
    table = table_of(plain_rows())
    assert len(world.given(zipped({"Any Folder/OSOPENUPRN_202608.CSV": table}))) == 300


def test_a_few_rows_that_cannot_be_used_are_left_out_and_counted(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    (longitude,), (latitude,) = geo.to_wgs84(EAST + 3, NORTH)
    bad = [
        "1,2,3",
        a_row(11, x="nowhere"),
        a_row(12, y="NaN"),
        a_row("0012", EAST + 1),
        a_row(13, EAST + 3, latitude=f"{latitude + 0.001:.7f}"),
        a_row(14, EAST + 3, longitude=f"{longitude:.7f}"),
    ]
    with caplog.at_level(logging.WARNING):
        frame = world.given(with_rows(*bad))
    assert len(frame) == 301
    assert "uprn/14" in frame["address_id"].tolist()
    told = [record.getMessage().partition("): ")[2] for record in caplog.records]
    assert told == [
        "left out 1 of 606 rows that have not 5 cells (3 of 5 cells in '1,2,3')",
        "left out 2 of 605 rows that have no position on the National Grid",
        (
            "left out 1 of 303 rows that have a UPRN that is no number of 1 to 12 figures "
            "(such as UPRN 0012)"
        ),
        (
            "left out 1 of 302 rows that have an easting and northing more than 2 m from their "
            "longitude and latitude, as another order or datum would (such as UPRN 13)"
        ),
    ]


def test_of_two_points_with_one_number_the_later_is_kept(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        frame = world.given(with_rows(a_row(5, EAST + 1), a_row(5, EAST + 2)))
    assert frame.geometry[frame["address_id"] == "uprn/5"].x.tolist() == [EAST + 2]
    assert "left out 1 of 302 rows that bear a UPRN that another one bears" in caplog.text


def test_all_of_britain_is_had_in_batches(world: World, tmp_path: Path) -> None:
    path = tmp_path / "given.zip"
    path.write_bytes(with_rows("1,nowhere,2,3,4"))
    (rows,) = open_uprn.batches(path, "open-uprn")
    assert rows.num_rows == 600
    assert rows.schema.names == ["uprn", "easting", "northing", "latitude", "longitude"]
    assert rows["uprn"].to_pylist()[:2] == ["100050000000", "200000000"]
    assert rows["easting"].to_pylist()[:4] == [EAST, 320_000.0, EAST + 10, 320_010.0]
    assert world.asked() == []


def test_a_table_larger_than_a_block_is_read_block_by_block(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_stream, "BLOCK_BYTES", 4_096)
    path = tmp_path / "given.zip"
    path.write_bytes(with_rows())
    parts = [rows.num_rows for rows in open_uprn.batches(path, "open-uprn")]
    assert len(parts) > 5
    assert sum(parts) == 600
    assert len(world.given(with_rows())) == 300


def test_it_asks_the_servers_of_the_downloads_api(world: World) -> None:
    assert open_uprn.host_rules(world.spec()) == os_downloads.host_rules(world.spec())


@pytest.mark.parametrize("content", [b"", b"PAR1", b"uprn\n1\n"])
def test_a_copy_that_sinkwatch_did_not_write_is_refused(world: World, content: bytes) -> None:
    world.release(with_rows())
    snapshot = world.fetch()
    snapshot.path.write_bytes(content)
    with pytest.raises(SchemaError, match="no file that sinkwatch wrote"):
        open_uprn.load(snapshot, world.spec(), AREA)


# ── Hostile answers: each with its reason, and the last good copy untouched ──────────────────


@cache
def good() -> bytes:
    return with_rows()


@pytest.fixture(scope="module")
def first(peer: Peer, tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(peer, open_uprn, "open-uprn", tmp_path_factory.mktemp("first") / "copies")
    world.release(good())
    world.fetch()
    return world


@pytest.fixture
def holding(first: World, world: World) -> World:
    """With a good copy held."""
    world.hold(first)
    world.release(good())
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


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"size": 10}, "not the 10 that its publisher states"),
        ({"size": 900_000}, "not the 900,000 that its publisher states"),
        ({"md5": "0" * 32}, "MD5"),
        ({"size": 0}, "size: "),
        ({"md5": ""}, "md5: "),
        ({"url": "http://127.0.0.1:9/file.zip"}, "no server on the list"),
    ],
    ids=["longer", "shorter", "another", "no size", "no check sum", "elsewhere"],
)
def test_a_file_that_is_not_the_one_announced_is_refused(
    holding: World, said: dict[str, object], reason: str
) -> None:
    holding.release(good() + b" ", version="2026-10")
    holding.service.releases["OpenUPRN"].files[0].said.update(said)
    assert reason in refusal(holding)


@pytest.mark.parametrize(("spoil", "reason"), ARCHIVES.values(), ids=ARCHIVES)
def test_a_zip_that_is_not_what_it_says_is_refused(
    holding: World, spoil: Spoil, reason: str
) -> None:
    holding.release(spoil(files_of(table_of(plain_rows()))), version="2026-10")
    assert reason in refusal(holding)


def negated(cell: str) -> str:
    return f"-{cell}"


def latin(header: str) -> bytes:
    return f"{header}\r\n{plain_rows()[0]}£\r\n".encode("latin-1")


def exchanged(first: int, second: int, *, far_too: bool = True) -> bytes:
    """Return the plain table with two columns exchanged."""
    rows = [row.split(",") for row in plain_rows()[:: 1 if far_too else 2]]
    for row in rows:
        row[first], row[second] = row[second], row[first]
    return zip_of_rows(*(",".join(row) for row in rows))


def both_exchanged() -> bytes:
    rows = [row.split(",") for row in plain_rows()]
    return zip_of_rows(*(f"{u},{n},{e},{lon},{lat}" for u, e, n, lat, lon in rows))


def of(table: bytes) -> bytes:
    return zipped(files_of(table))


NOWHERE: Final = "600 of 600 rows have no position on the National Grid"
APART: Final = "300 of 300 rows have an easting and northing more than 2 m from their longitude"
NO_UPRN: Final = "rows have a UPRN that is no number of 1 to 12 figures"

HOSTILE: Final = {
    # No table
    "empty": (lambda: of(b""), "it holds no row"),
    "a mark only": (lambda: of(b"\xef\xbb\xbf"), "it holds no row"),
    "no row": (lambda: of(table_of([])), "it holds no row"),
    "a page": (lambda: of(b"<html>\n<h1>Sorry</h1>\n"), 'its first row is "<html>", not'),
    "json": (lambda: of(b'{"message": "no"}'), "it holds no row"),
    "utf-16": (lambda: of(table_of(plain_rows()).decode().encode("utf-16")), "it is not UTF-8"),
    "latin-1": (lambda: of(latin(HEADER[1:])), "it is not UTF-8"),
    "a zip in it": (lambda: of(good()), "it is not UTF-8"),
    "two tables": (
        lambda: zipped({TABLE: table_of(plain_rows()), "osopenuprn_202607.csv": b"x" * 9}),
        "it holds 2 files osopenuprn_*.csv",
    ),
    "another product": (lambda: zipped({"Data/SE26.csv": b"x"}), "it holds no file osopenuprn"),
    # Not the table documented
    "no header": (lambda: of(table_of(plain_rows(), plain_rows()[0])), "its first row is"),
    "small letters": (lambda: of(table_of(plain_rows(), HEADER.lower())), "its first row is"),
    "columns in another order": (
        lambda: of(table_of(plain_rows(), "UPRN,Y_COORDINATE,X_COORDINATE,LATITUDE,LONGITUDE")),
        'its first row is "UPRN,Y_COORDINATE,X_COORDINATE',
    ),
    "a column more": (lambda: of(table_of(plain_rows(), f"{HEADER},USRN")), "its first row is"),
    "a column less": (
        lambda: of(table_of(plain_rows(), HEADER.rpartition(",")[0])), "its first row is",
    ),
    "a column twice": (
        lambda: of(table_of(plain_rows(), HEADER.replace("LATITUDE", "LONGITUDE"))),
        "its first row is",
    ),
    "semicolons": (
        lambda: of(table_of(plain_rows()).replace(b",", b";")), "its first row is",
    ),
    "tabs": (lambda: of(table_of(plain_rows()).replace(b",", b"\t")), "its first row is"),
    # Not whole
    "cut off": (lambda: of(table_of(plain_rows())[:-24]), "its last row breaks off after 3 of 5"),
    "cut off in its number": (
        lambda: of(table_of([*plain_rows(), "1000"])[:-2]), "its last row breaks off after 1 of 5",
    ),
    "cells missing": (lambda: with_rows(*["1,2,3,4"] * 7), "7 of 607 rows have not 5 cells"),
    "cells too many": (lambda: with_rows(*["1,2,3,4,5,6"] * 7), "7 of 607 rows have not 5 cells"),
    "an endless row": (lambda: with_rows("1" * 9_000_000), "a row longer than 4,194,304 bytes"),
    "no line breaks": (
        lambda: of(table_of(plain_rows()).replace(b"\r\n", b" ")), "it holds no row",
    ),
    # Nowhere, or elsewhere
    "NaN": (lambda: column_changed(1, lambda _: "NaN"), NOWHERE),
    "infinite": (lambda: column_changed(2, lambda _: "Infinity"), NOWHERE),
    "1e999": (lambda: column_changed(1, lambda _: "1e999"), NOWHERE),
    "no easting": (lambda: column_changed(1, lambda _: ""), NOWHERE),
    "words": (lambda: column_changed(2, lambda _: "north"), NOWHERE),
    "a formula": (lambda: column_changed(1, lambda cell: f"={cell}"), NOWHERE),
    "negative": (lambda: column_changed(1, negated), NOWHERE),
    "quoted": (lambda: column_changed(1, lambda cell: f'"{cell}"'), NOWHERE),
    "millimetres": (lambda: column_changed(1, lambda cell: f"{float(cell) * 1000:.0f}"), NOWHERE),
    "Arabic figures": (lambda: column_changed(1, lambda _: "٤٣١٤٥٠"), NOWHERE),
    "NUL": (lambda: column_changed(1, lambda cell: cell + "\0"), NOWHERE),
    "one in ten nowhere": (
        lambda: column_changed(1, lambda _: "", share=0.1),
        "60 of 600 rows have no position on the National Grid; more than 5% is too many",
    ),
    "comma for a point": (
        lambda: column_changed(1, lambda cell: cell.replace(".", ",")), "600 of 600 rows have not",
    ),
    "thousands marked": (
        lambda: column_changed(1, lambda cell: f"{float(cell):,.0f}"), "600 of 600 rows have not",
    ),
    "degrees for metres": (
        lambda: exchanged(1, 4), NOWHERE,
    ),
    "another part of the country": (
        lambda: zip_of_rows(*plain_rows()[1::2]), "no point in it lies within the area's bounds.",
    ),
    "all at zero": (
        lambda: column_changed(1, lambda _: "0"), "no point in it lies within the area's bounds.",
    ),
    "axes exchanged": (
        lambda: exchanged(1, 2), "its easting and northing look exchanged",
    ),
    "axes of both exchanged": (both_exchanged, "its easting and northing look exchanged"),
    # Two positions that are not one
    "degrees exchanged": (lambda: exchanged(3, 4), APART),
    "another datum": (
        lambda: column_changed(4, lambda cell: f"{float(cell) + 0.0016:.7f}"), APART,
    ),
    "a few metres off": (
        lambda: column_changed(3, lambda cell: f"{float(cell) + 0.00003:.7f}"), APART,
    ),
    "east of Greenwich": (lambda: column_changed(4, lambda cell: cell[1:]), APART),
    "no longitude": (lambda: column_changed(4, lambda _: ""), APART),
    "NaN for degrees": (lambda: column_changed(3, lambda _: "NaN"), APART),
    "1e999 degrees": (lambda: column_changed(3, lambda _: "1e999"), APART),
    "pole": (lambda: column_changed(3, lambda _: "90.0"), APART),
    "unknown as ONS writes it": (lambda: column_changed(3, lambda _: "99.999999"), APART),
    "one in ten apart": (
        lambda: column_changed(3, lambda _: "0", share=0.1),
        "30 of 300 rows have an easting and northing",
    ),
    # No number
    "no UPRN": (lambda: column_changed(0, lambda _: ""), NO_UPRN),
    "padded": (lambda: column_changed(0, lambda cell: cell.zfill(13)), NO_UPRN),
    "zero": (lambda: column_changed(0, lambda _: "0"), NO_UPRN),
    "thirteen figures": (lambda: column_changed(0, lambda cell: f"{cell}00"), NO_UPRN),
    "negative number": (lambda: column_changed(0, negated), NO_UPRN),
    "rounded by a spreadsheet": (lambda: column_changed(0, lambda _: "1.0005E+11"), NO_UPRN),
    "a script": (lambda: column_changed(0, lambda _: "<script>alert(1)</script>"), NO_UPRN),
    "superscripts": (lambda: column_changed(0, lambda _: "¹²³"), NO_UPRN),
    "quoted number": (lambda: column_changed(0, lambda cell: f'"{cell}"'), NO_UPRN),
    "two in a hundred": (
        lambda: column_changed(0, lambda _: "x", share=0.02), "6 of 300 rows have a UPRN",
    ),
    "all the same": (
        lambda: column_changed(0, lambda _: "1"), "299 of 300 rows bear a UPRN that another one",
    ),
    "one in four twice": (
        lambda: with_rows(*plain_rows()[:200]), "100 of 400 rows bear a UPRN that another one",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_a_table_that_is_not_as_documented_is_refused(
    holding: World, spoil: Spoil, reason: str
) -> None:
    holding.put(spoil())
    assert reason in refusal(holding)


def test_there_are_enough_hostile_answers() -> None:
    assert len(HOSTILE) + len(ARCHIVES) >= 60


def test_a_slow_answer_is_given_up_and_what_is_held_stays(holding: World) -> None:
    holding.peer.answers = hostile.slowly(holding.peer, first_byte=True)
    holding.whole_s = 0.1
    assert "had not answered whole" in refusal(holding)


def test_too_many_broken_rows_are_given_up_without_reading_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_stream, "MOST_BROKEN_ROWS", 3)
    with pytest.raises(SchemaError, match=r"cannot be read as CSV \(1 of 5 cells in 'x'\)"):
        world.given(with_rows(*["x"] * 9))
