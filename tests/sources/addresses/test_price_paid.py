"""Price paid: addresses without prices, out of a list that may be larger than memory."""

from __future__ import annotations

import os
import resource
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinkwatch.errors import ConfigError, SchemaError, SinkwatchError, SourceError
from sinkwatch.sources.addresses import price_paid, price_paid_rows
from tests.peers.hostile import TRANSPORT, Hostile, a_downloader, slowly
from tests.peers.price_paid import Lists, a_sale
from tests.peers.server import Answer, Notes, Peer
from tests.sources.samples import a_spec, an_errand
from tests.world import an_area

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import geopandas as gpd

    from sinkwatch.model import Snapshot
    from tests.conftest import Clock

PRICE: Final = "987654"
ELSEWHERE: Final = a_sale(postcode="YO1 1AA")


class World:
    """An operator's file, and what runs have held."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder, self.clock = folder, clock
        self.path = folder / "pp-complete.csv"
        self.held: Snapshot | None = None

    def fetch(self, content: str | bytes, *, area: Any = None, **step: float) -> Snapshot:  # noqa: ANN401
        self.clock.move(**step)
        raw = content.encode() if isinstance(content, str) else content
        if not self.path.exists() or self.path.read_bytes() != raw:
            self.path.write_bytes(raw)
        spec = a_spec("price-paid", self.path)
        errand = an_errand(
            self.folder / "copies", now=self.clock(), held=self.held, area=area or an_area()
        )
        self.held = price_paid.fetch(spec, errand)
        return self.held

    def frame(self, content: str | bytes, **step: float) -> gpd.GeoDataFrame:
        spec = a_spec("price-paid", self.path)
        return price_paid.load(self.fetch(content, **step), spec, an_area())

    def addresses(self, *sales: str) -> list[str]:
        return sorted(self.frame("".join(sales))["address"])


@pytest.fixture
def world(tmp_path: Path, clock: Clock) -> World:
    return World(tmp_path, clock)


# ── The frame ────────────────────────────────────────────────────────────────────────────────


def test_a_sale_becomes_an_address_without_a_place(world: World) -> None:
    (row,) = world.frame(ELSEWHERE + a_sale()).to_dict("records")
    assert (row["address"], row["postcode"]) == ("1 Example Terrace, Smallworld", "SM1 9ZZ")
    assert (row["geometry"], str(row["position_uncertainty_m"])) == (None, "nan")
    assert row["address_id"].startswith("price-paid-")
    assert set(row) == {"address_id", "address", "postcode", "position_uncertainty_m", "geometry"}


def test_no_price_is_in_anything_that_is_kept(world: World) -> None:
    snapshot = world.fetch(a_sale(price=PRICE))
    kept = [path for path in (world.folder / "copies").rglob("*") if path.is_file()]
    assert kept == [snapshot.path]
    assert PRICE not in snapshot.path.read_text()
    assert "2026-01-01" not in snapshot.path.read_text()


@pytest.mark.parametrize(
    ("changes", "address"),
    [
        ({"saon": "FLAT 2A"}, "Flat 2A, 1 Example Terrace, Smallworld"),
        ({"paon": "ROSE COTTAGE"}, "Rose Cottage, Example Terrace, Smallworld"),
        ({"paon": "12A"}, "12A Example Terrace, Smallworld"),
        ({"paon": "1 - 5"}, "1 - 5 Example Terrace, Smallworld"),
        ({"locality": "SHARROW"}, "1 Example Terrace, Sharrow, Smallworld"),
        ({"locality": "SMALLWORLD"}, "1 Example Terrace, Smallworld"),
        ({"street": "", "paon": "THE MILL"}, "The Mill, Smallworld"),
        ({"street": "ST JOHN'S ROAD"}, "1 St John's Road, Smallworld"),
        ({"street": 'THE "OLD" ROAD'}, '1 The "old" Road, Smallworld'),
        ({"street": "EXAMPLE, TERRACE"}, "1 Example, Terrace, Smallworld"),
        ({"street": "EX\u202eAMPLE\x07 TERRACE"}, "1 Example Terrace, Smallworld"),
    ],
)
def test_its_cells_become_words(world: World, changes: dict[str, str], address: str) -> None:
    assert world.addresses(a_sale(**changes)) == [address]


def test_a_house_that_was_sold_twice_is_one_address(world: World) -> None:
    assert len(world.addresses(a_sale(), a_sale(), a_sale(paon="2"))) == 2


def test_a_deleted_sale_takes_its_address_along_unless_another_is_left(world: World) -> None:
    gone, other = a_sale(status="D"), a_sale(paon="2")
    assert world.addresses(a_sale(), gone, other) == ["2 Example Terrace, Smallworld"]
    assert world.addresses(gone, a_sale(), other) == ["2 Example Terrace, Smallworld"]
    assert len(world.addresses(a_sale(), gone, a_sale(), other)) == 2
    assert len(world.addresses(a_sale(status="C"), other)) == 2


def test_only_the_outcodes_of_the_area_count(world: World) -> None:
    sales = (a_sale(postcode=p) for p in ("SM11 1AA", "SM2 1AA", "", "XSM1 1AA", "SM1 1AB"))
    assert world.frame("".join(sales))["postcode"].tolist() == ["SM1 1AB"]


def test_both_line_ends_and_a_last_line_without_one_are_read(world: World) -> None:
    sales = a_sale() + a_sale(paon="2")
    assert len(world.addresses(sales.replace("\n", "\r\n"))) == 2
    assert len(world.addresses(sales.rstrip("\n"))) == 2


def test_a_row_across_two_blocks_is_one_row(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sales = [a_sale(paon=str(n)) for n in range(1, 60)]
    whole = world.addresses(*sales)
    for size in (200, 333, 1_000):
        monkeypatch.setattr(price_paid_rows, "BLOCK_BYTES", size)
        world.held = None
        assert world.addresses(*sales) == whole
    assert len(whole) == 59


@given(st.permutations([str(n) for n in range(1, 9)]))
def test_the_order_of_the_rows_never_matters(order: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pp.csv")
        path.write_text("".join(a_sale(paon=number) for number in order))
        found = price_paid_rows.addresses_in([path], ["SM1"], name="x")
    assert sorted(address.address[0] for address in found) == sorted(order)
    assert found == sorted(found)


# ── When it is read ──────────────────────────────────────────────────────────────────────────


def test_the_same_list_gives_the_same_bytes(world: World) -> None:
    first = world.fetch(a_sale() + a_sale(paon="2"))
    world.held = None
    second = world.fetch(a_sale(paon="2") + a_sale(), days=1)
    assert (second.sha256, second.path) == (first.sha256, first.path)


def test_a_file_that_was_read_is_not_read_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.fetch(a_sale())
    monkeypatch.setattr(price_paid, "addresses_in", pytest.fail)
    second = world.fetch(a_sale(), days=90)
    assert (second.sha256, second.edition) == (first.sha256, first.edition)
    assert second.checked_at == world.clock()


def test_a_file_that_changed_or_another_area_is_read_anew(world: World) -> None:
    world.fetch(a_sale())
    os.utime(world.path, (1, 1))
    assert "1 January 1970" in world.fetch(a_sale()).edition
    two = an_area(outcodes=("SM1", "YO1"))
    world.fetch(ELSEWHERE + a_sale(), area=two)
    assert world.fetch(ELSEWHERE + a_sale(), area=two).edition.endswith("bytes, SM1, YO1")
    assert len(world.frame(ELSEWHERE + a_sale())) == 1


def test_without_a_file_and_a_server_it_says_what_to_do(tmp_path: Path) -> None:
    spec = a_spec("price-paid", None)
    with pytest.raises(SourceError, match=r"Fetch pp-complete\.csv .* by hand") as refused:
        price_paid.fetch(spec, an_errand(tmp_path))
    assert "https" in str(refused.value)
    assert price_paid.host_rules(spec) == {}


def test_a_file_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    spec = a_spec("price-paid", tmp_path / "none.csv")
    with pytest.raises(SourceError, match="cannot be read"):
        price_paid.fetch(spec, an_errand(tmp_path))
    (tmp_path / "folder").mkdir()
    with pytest.raises(SourceError, match="cannot be read"):
        price_paid.fetch(a_spec("price-paid", tmp_path / "folder"), an_errand(tmp_path))


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "<html>", '"\n'])
def test_a_copy_that_sinkwatch_did_not_write_is_refused(world: World, content: str) -> None:
    snapshot = world.fetch(a_sale())
    snapshot.path.write_text(content)
    with pytest.raises(SchemaError, match=r"cannot be read|nothing that sinkwatch wrote"):
        price_paid.load(snapshot, a_spec("price-paid", world.path), an_area())
    snapshot.path.unlink()
    with pytest.raises(SchemaError, match="cannot be read"):
        price_paid.load(snapshot, a_spec("price-paid", world.path), an_area())


# ── From a server that the operator names ────────────────────────────────────────────────────


class Online:
    """A server with lists, and what runs have held."""

    def __init__(self, peer: Peer, folder: Path, clock: Clock) -> None:
        self.peer, self.folder, self.clock, self.notes = peer, folder, clock, Notes()
        self.held: Snapshot | None = None
        self.options: dict[str, object] = {"base_url": peer.url("")}

    def fetch(self, *, whole_s: float = 5, **step: float) -> Snapshot:
        self.clock.move(**step)
        way_out = a_downloader(self.peer, self.clock, self.notes, whole_s=whole_s)
        errand = an_errand(self.folder, now=self.clock(), downloader=way_out, held=self.held)
        self.held = price_paid.fetch(a_spec("price-paid", None, options=self.options), errand)
        return self.held


@pytest.fixture
def online(tmp_path: Path, clock: Clock) -> Iterator[Online]:
    lists = Lists({"pp-complete.csv": a_sale(), "pp-2026.csv": a_sale(paon="2")})
    with Peer(lists).running() as peer:
        yield Online(peer, tmp_path / "copies", clock)


def test_a_list_on_a_server_is_asked_for_once_a_month_and_not_kept(online: Online) -> None:
    first = online.fetch()
    assert first.edition == "pp-complete.csv as of 22 November 2026, SM1"
    assert first.url == online.peer.url("/pp-complete.csv")
    assert online.fetch(days=27) is first
    assert len(online.peer.asked) == 1
    assert online.fetch(days=2).sha256 == first.sha256
    assert len(online.peer.asked) == 2
    left = [path.name for path in online.folder.rglob("*.csv")]
    assert left == [first.path.name]


def test_several_lists_are_read_as_one(online: Online) -> None:
    online.options["files"] = ["pp-complete.csv", "pp-2026.csv"]
    assert online.fetch().path.read_text().count("Example Terrace") == 2


@pytest.mark.parametrize(
    "files", ["pp.csv", [], [7], ["../pp.csv"], ["/etc/x.csv"], ["x.zip"], [""]]
)
def test_names_that_are_none_are_refused(online: Online, files: object) -> None:
    online.options["files"] = files
    with pytest.raises(ConfigError, match="are not names of CSV files"):
        online.fetch()


def test_only_the_server_named_is_asked_and_politely(online: Online) -> None:
    spec = a_spec("price-paid", None, options=online.options)
    assert price_paid.host_rules(spec) == {online.peer.host: price_paid.RULE}
    assert price_paid.host_rules(a_spec("price-paid", Path("x.csv"), options=online.options)) == {}
    assert not price_paid.RULE.is_a_peer_of_tests


# ── Hostile lists: each with its reason, and the copy held untouched ─────────────────────────


def rows(*sales: str | bytes) -> Callable[[], Answer]:
    whole = b"".join(sale if isinstance(sale, bytes) else sale.encode() for sale in sales)
    return lambda: Answer(body=whole)


def bad(**changes: str) -> Callable[[], Answer]:
    return rows(a_sale(paon="7"), a_sale(**changes))


GOOD: Final = [a_sale(paon=str(n)) for n in range(1, 90)]
CELLS: Final = a_sale().rstrip("\n").split(",")
OWN: Final = (
    Hostile("blank", rows("\n\n\n"), "it holds no row"),
    Hostile("html", rows("<!DOCTYPE html>\n<h1>Service unavailable</h1>\n"), "16 quoted cells"),
    Hostile("html on a line", rows("<h1>Service unavailable</h1>"), "its last row breaks off"),
    Hostile("json", rows('{"rows": []}\n'), "16 quoted cells"),
    Hostile("xml", rows('<?xml version="1.0"?>\n<Error/>\n'), "16 quoted cells"),
    Hostile("zip", rows(b"PK\x03\x04" + b"\n" * 9 + b"\x00" * 99 + b"\n"), "16 quoted cells"),
    Hostile("not quoted", rows(a_sale().replace('"', "")), "16 quoted cells"),
    Hostile("single quotes", rows(a_sale().replace('"', "'")), "16 quoted cells"),
    Hostile("semicolons", rows(a_sale().replace(",", ";")), "16 quoted cells"),
    Hostile("tabs", rows(a_sale().replace(",", "\t")), "16 quoted cells"),
    Hostile("spaces between", rows(a_sale().replace(",", ", ")), "16 quoted cells"),
    Hostile("15 cells", rows(",".join(CELLS[:15]) + "\n"), "16 quoted cells"),
    Hostile("17 cells", rows(",".join([*CELLS, '"x"']) + "\n"), "16 quoted cells"),
    Hostile("utf-16", rows("".join(GOOD).encode("utf-16")), "breaks off"),
    Hostile("truncated in a cell", rows(*GOOD, a_sale()[:-9]), "its last row breaks off"),
    Hostile("truncated in a quote", rows(*GOOD, a_sale()[:-2]), "its last row breaks off"),
    Hostile("truncated at a cell", rows(*GOOD, ",".join(CELLS[:9])), "its last row breaks off"),
    Hostile("truncated at once", rows(a_sale()[:40]), "its last row breaks off"),
    Hostile("two in a hundred", rows(*GOOD, "x\n", "y\n"), "2 of 91 rows have not 16 quoted"),
    Hostile("old line ends", rows("".join(GOOD).replace("\n", "\r")), "breaks off"),
    Hostile("nothing here", rows(ELSEWHERE * 9), "it holds no address in SM1"),
    Hostile("all deleted", rows(a_sale(status="D")), "it holds no address in SM1"),
    Hostile("sold and deleted", rows(a_sale(), a_sale(status="D")), "no address in SM1"),
    Hostile("small letters", rows(a_sale(postcode="sm1 9zz")), "it holds no address in SM1"),
    Hostile("postcodes run together", rows(a_sale(postcode="SM19ZZ")), "no address in SM1"),
    Hostile("status unknown", bad(status="X"), 'status "X" is none of A, C, D'),
    Hostile("status empty", bad(status=""), 'status "" is none of A, C, D'),
    Hostile("status small", bad(status="a"), 'status "a" is none of A, C, D'),
    Hostile("status endless", bad(status="A" * 99), f'status "{"A" * 40}" is none of'),
    Hostile("postcode cut", bad(postcode="SM1 9"), "1 of 2 rows of the area cannot be read"),
    Hostile("postcode long", bad(postcode="SM1 9ZZZ"), "1 of 2 rows of the area cannot"),
    Hostile("postcode digits", bad(postcode="SM1 ٩ZZ"), "1 of 2 rows of the area cannot"),
    Hostile("no number", bad(paon=""), "1 of 2 rows of the area cannot be read as an address"),
    Hostile("no words", bad(street="", locality="", town=""), "1 of 2 rows of the area cannot"),
    Hostile("only signs", bad(paon="\u200b\x00"), "1 of 2 rows of the area cannot"),
    Hostile("street endless", bad(street="X" * 201), "1 of 2 rows of the area cannot"),
    Hostile("price endless", bad(price="9" * 9_999), "1 of 2 rows of the area cannot"),
    Hostile("latin-1", rows(GOOD[0], a_sale(street="CAFÉ ROAD").encode("latin-1")), "1 of 2 rows"),
    Hostile("garbled", bad(street="CAF\u00c3\u00a9 ROAD"), "1 of 2 rows of the area is garbled"),
    Hostile("replaced", bad(street="CAF\ufffd ROAD"), "1 of 2 rows of the area is garbled"),
    Hostile("a quote too many", rows(GOOD[0], a_sale().replace("EXAMPLE", 'EX"AMPLE')), "1 of 2"),
    Hostile("bytes without end", rows(b"\x00" * 1_900_000), "its last row breaks off"),
)  # fmt: skip
HOSTILE: Final = (*TRANSPORT, *OWN)


def test_there_are_at_least_sixty_hostile_answers() -> None:
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_a_hostile_list_is_named_and_leaves_the_copy_held(
    online: Online, hostile: Hostile, caplog: pytest.LogCaptureFixture
) -> None:
    copy = online.fetch()
    content = copy.path.read_bytes()
    online.peer.answers = lambda _: hostile.answer()
    with pytest.raises(SinkwatchError) as refused:
        online.fetch(days=30)
    assert isinstance(refused.value, SourceError | SchemaError)
    assert hostile.reason in str(refused.value)
    assert PRICE not in str(refused.value) + caplog.text
    assert "EXAMPLE" not in str(refused.value) + caplog.text
    assert (online.held, copy.path.read_bytes()) == (copy, content)
    assert [path.name for path in online.folder.rglob("*.csv")] == [copy.path.name]


@pytest.mark.parametrize("hostile", OWN, ids=lambda hostile: hostile.name)
def test_the_same_list_in_an_operators_hand_is_refused_as_well(
    world: World, hostile: Hostile
) -> None:
    body = hostile.answer().body
    assert isinstance(body, bytes)
    with pytest.raises(SchemaError) as refused:
        world.fetch(body)
    assert hostile.reason in str(refused.value)


def test_a_row_longer_than_a_block_is_not_read_to_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(price_paid_rows, "BLOCK_BYTES", 1_000)
    with pytest.raises(SchemaError, match="a row longer than 1,000 bytes"):
        world.fetch("x" * 5_000)


def test_one_bad_row_of_many_is_left_out_and_counted(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    many = [a_sale(paon=str(n)) for n in range(1, 200)]
    frame = world.frame("".join([*many, a_sale(postcode="SM1 9"), "x\n"]))
    assert len(frame) == 199
    assert "left out 1 of 201 rows without 16 cells, and 1 of the area" in caplog.text


@pytest.mark.parametrize("first_byte", [True, False])
def test_a_slow_answer_is_given_up(online: Online, *, first_byte: bool) -> None:
    online.peer.answers = slowly(online.peer, first_byte=first_byte)
    with pytest.raises(SourceError, match=r"had not answered whole after 0\.1 s"):
        online.fetch(whole_s=0.1)


@pytest.mark.benchmark
def test_a_list_of_a_gigabyte_is_read_in_bounded_memory(world: World) -> None:
    block = (ELSEWHERE * 20_000).encode()
    with world.path.open("wb") as file:
        for _ in range(400):
            file.write(block)
        file.write(a_sale().encode())
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (found,) = price_paid_rows.addresses_in([world.path], ["SM1"], name="x")
    assert found.postcode == "SM1 9ZZ"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 50_000
