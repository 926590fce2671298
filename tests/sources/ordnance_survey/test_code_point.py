"""Code-Point Open: which rows are believed, what becomes of a postcode, and what is refused."""

from __future__ import annotations

import io
import logging
import struct
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from sinkwatch import alerts, gazetteer, geo, schemas
from sinkwatch.errors import SchemaError, SinkwatchError, SourceError
from sinkwatch.model import Bounds
from sinkwatch.sources import gates, snapshots
from sinkwatch.sources.errand import Errand
from sinkwatch.sources.ordnance_survey import code_point, code_point_archive, os_downloads
from sinkwatch.sources.ordnance_survey import code_point_editions as editions
from sinkwatch.sources.ordnance_survey import code_point_rows as rows
from tests.peers.hostile import ANSWERS, Hostile, a_downloader, ids
from tests.peers.os_downloads import BASE_PATH, OsDownloads, Release, ReleasedFile
from tests.peers.server import Notes, Peer
from tests.sources.ordnance_survey.code_point_zips import E, N, a_row, a_zip, metadata, units
from tests.sources.samples import a_spec
from tests.world import an_area

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import geopandas as gpd

    from sinkwatch.model import Snapshot, SourceSpec
    from tests.conftest import Clock

PRODUCT: Final = code_point.WANTED.product

Rows = "Mapping[str, Sequence[str]]"


class World:
    """An area with the OS Downloads API on loopback, and what runs have held."""

    def __init__(self, peer: Peer, service: OsDownloads, folder: Path, clock: Clock) -> None:
        self.peer, self.service, self.folder, self.clock = peer, service, folder, clock
        self.notes = Notes()
        self.held: Snapshot | None = None
        self.area = an_area()
        self.spec: SourceSpec = a_spec(
            "code-point-open", None, name="code-point", licence="OGL", attribution="OS",
            options={"base_url": peer.url(BASE_PATH)},
        )  # fmt: skip

    def release(self, version: str, content: bytes) -> None:
        self.service.releases[PRODUCT] = Release(
            version=version, files=[ReleasedFile(body=content)]
        )

    def errand(self) -> Errand:
        return Errand(
            area=self.area,
            folder=self.folder,
            now=self.clock(),
            downloader=a_downloader(self.peer, self.clock, self.notes),
            held=self.held,
        )

    def run(self, **step: float) -> Snapshot:
        self.clock.move(**step)
        self.held = code_point.fetch(self.spec, self.errand())
        return self.held

    def frame(self) -> gpd.GeoDataFrame:
        assert self.held is not None
        return code_point.load(self.held, self.spec, self.area)

    def edition(self, version: str, *found: str) -> gpd.GeoDataFrame:
        """Publish an edition of area SM, fetch it and load it."""
        self.release(version, a_zip({"SM": found}))
        self.run(days=90)
        return self.frame()


@pytest.fixture
def world(tmp_path: Path, clock: Clock) -> Iterator[World]:
    service = OsDownloads()
    with Peer(service).running() as peer:
        made = World(peer, service, tmp_path / "copies", clock)
        made.release("2026-08", a_zip())
        yield made


def read(*found: str | bytes, area: str = "SM") -> rows.AreaRows:
    """Read one file that holds these rows."""
    content = b"\n".join(row.encode() if isinstance(row, str) else row for row in found) + b"\n"
    return rows.read_area(pa.BufferReader(content), area, name="test")


def postcodes(frame: gpd.GeoDataFrame) -> list[str]:
    return frame["postcode"].tolist()


# ── From the service to the frame ────────────────────────────────────────────────────────────


def test_the_postcodes_of_the_area_become_a_frame(world: World) -> None:
    snapshot = world.run()
    frame = world.frame()
    assert postcodes(frame) == ["SM1 1AA", "SM1 1AB", "SM1 1AD", "SM1 1AE", "SM1 1AF"]
    assert frame.crs == geo.BNG
    assert list(frame.columns) == [
        "postcode", "position_uncertainty_m", "district_code", "quality", "is_retired", "geometry",
    ]  # fmt: skip
    first = frame.iloc[0]
    assert (first["geometry"].x, first["geometry"].y) == (E, N)
    assert first["position_uncertainty_m"] == alerts.POSTCODE_UNCERTAINTY_M == 100
    assert (first["district_code"], first["quality"]) == ("E06000065", 10)
    assert frame["quality"].dtype == "int64"
    assert frame["is_retired"].dtype == "bool"
    assert not frame["is_retired"].any()
    assert (snapshot.edition, snapshot.licence, snapshot.attribution) == ("2026-08", "OGL", "OS")
    assert snapshot.url.endswith("/products/CodePointOpen/downloads?area=GB&format=CSV&redirect")
    assert snapshot.path.suffix == ".parquet"


def test_an_edition_that_has_not_changed_costs_one_request(world: World) -> None:
    first = world.run()
    world.peer.asked.clear()
    second = world.run(days=1)
    assert len(world.peer.asked) == 1
    assert second == replace(first, checked_at=second.checked_at)


def test_the_same_edition_made_twice_gives_the_same_bytes(world: World) -> None:
    first = world.run()
    world.held = None
    assert world.run(days=1).sha256 == first.sha256
    world.held = replace(world.held, edition="another")
    assert world.run(days=1).sha256 == first.sha256


def test_a_zip_given_by_hand_is_read_and_nobody_is_asked(world: World, tmp_path: Path) -> None:
    path = tmp_path / "codepo_gb.zip"
    path.write_bytes(a_zip())
    world.spec = replace(world.spec, path=path, edition="2026-05")
    snapshot = world.run()
    assert (snapshot.edition, snapshot.url, len(world.frame())) == ("2026-05", "codepo_gb.zip", 5)
    assert world.run(days=1).checked_at > snapshot.checked_at
    assert world.peer.asked == []
    assert code_point.host_rules(world.spec) == {}


def test_the_servers_are_those_of_the_api(world: World) -> None:
    assert code_point.host_rules(a_spec("code-point-open", None)) == {
        "api.os.uk": os_downloads.RULE
    }
    assert list(code_point.host_rules(world.spec)) == [world.peer.host]


def test_other_bounds_make_another_list_of_the_same_edition(world: World) -> None:
    world.run()
    bounds = Bounds(min_easting=E, min_northing=N, max_easting=E + 20, max_northing=N + 20)
    world.area = an_area(bounds=bounds)
    world.run(days=1)
    assert postcodes(world.frame()) == ["SM1 1AA", "SM1 1AB", "SM1 1AD"]
    world.area = an_area()
    world.run(days=1)
    assert len(world.frame()) == 5


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_both_layouts_and_line_endings_give_the_same_list(
    world: World, ending: str, bom: str
) -> None:
    new = units(5, "SM11 1")
    expected = world.edition("2025-11", *new)
    old = [bom + row.replace("SM11 1", "SM111") for row in new[:1]]
    old += [row.replace("SM11 1", "SM111") for row in new[1:]]
    world.release("2014-08", a_zip({"SM": old}, ending=ending))
    world.held = None
    world.run(days=1)
    pd.testing.assert_frame_equal(world.frame(), expected)


@pytest.mark.parametrize(
    ("written", "area", "meant"),
    [
        ("SM1 1AA", "SM", "SM1 1AA"),
        ("SM111AA", "SM", "SM11 1AA"),
        ("S1  1AA", "S", "S1 1AA"),
        ("S11AA", "S", "S1 1AA"),
        ("BD981GA", "BD", "BD98 1GA"),
        ("EC1A1BB", "EC", "EC1A 1BB"),
        ("W1A 1AA", "W", "W1A 1AA"),
        (" sm1 1aa ", "SM", "SM1 1AA"),
    ],
)
def test_a_postcode_is_written_in_its_usual_form(written: str, area: str, meant: str) -> None:
    assert read(a_row(written), area=area).table["postcode"].to_pylist() == [meant]


@given(st.text(alphabet="AZaz09 \t\r\f\vB1", max_size=10))
def test_every_text_is_read_as_the_gazetteer_reads_it(text: str) -> None:
    (found,) = rows.normalised(pa.array([text])).to_pylist()
    assert found == gazetteer.normalised_postcode(text)


@given(st.text(max_size=8))
def test_no_letter_or_space_of_another_script_is_read_as_one_of_ours(text: str) -> None:
    (found,) = rows.normalised(pa.array([text])).to_pylist()
    # The gazetteer cuts off spaces of any script around what a person writes; OS writes none.
    assert found in {None, gazetteer.normalised_postcode(text)}


# ── Rows ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("quality", "uncertainty_m"),
    [(10, 100), (20, 100), (30, 150), (40, 500), (50, 500), (60, 2_000)],
)
def test_how_a_position_was_found_says_how_well_it_is_known(
    world: World, quality: int, uncertainty_m: float
) -> None:
    frame = world.edition("2026-09", a_row(quality=quality))
    assert frame["position_uncertainty_m"].tolist() == [uncertainty_m]
    assert frame["quality"].tolist() == [quality]


def test_a_postcode_without_a_position_is_left_out_and_counted() -> None:
    nowhere = a_row("SM1 1ZZ", quality=90, easting=0, northing=0, country="", district="")
    found = read(a_row(), nowhere)
    assert (found.n_rows, found.n_without_position, found.wrong) == (2, 1, ())
    assert found.table["postcode"].to_pylist() == ["SM1 1AA"]


def test_a_district_that_is_not_said_is_missing(world: World) -> None:
    frame = world.edition("2026-09", a_row(district=""), a_row("SM1 1AB"))
    assert frame["district_code"].isna().tolist() == [True, False]


def test_a_postcode_there_twice_is_kept_where_it_is_known_best() -> None:
    others = units(20, "SM2 1")
    twice = [a_row(quality=50, easting=E + 1), a_row(quality=10, easting=E + 2)]
    found = read(*others, *twice)
    kept = {row["postcode"]: row["easting"] for row in found.table.to_pylist()}
    assert (found.n_twice, kept["SM1 1AA"]) == (1, E + 2)
    assert read(*reversed([*others, *twice])).table.equals(found.table)


BAD_ROWS: Final[dict[str, tuple[str | bytes, str]]] = {
    "no postcode": (a_row(""), 'postcode "…" has not the form of a postcode'),
    "half a postcode": (a_row("SM1 1"), 'postcode "SM1 …" has not the form of a postcode'),
    "words": (a_row("postcode"), "has not the form of a postcode"),
    "a look-alike": (a_row("SM1 1A\u0410"), "has not the form of a postcode"),
    "of another area": (a_row("YO1 7HH"), 'postcode "YO1 …" is none of SM'),
    "of a longer area": (a_row("S1 1AA"), "is none of SM"),
    "quality unknown": (a_row(quality=11), 'quality "11" is no positional quality known'),
    "quality a word": (a_row(quality="ten"), 'quality "ten" is no positional quality known'),
    "no easting": (a_row(easting=""), 'easting "" is no whole number of metres'),
    "easting NaN": (a_row(easting="NaN"), 'easting "NaN" is no whole number'),
    "easting infinite": (a_row(easting="inf"), 'easting "inf" is no whole number'),
    "easting 1e999": (a_row(easting="1e999"), 'easting "1e999" is no whole number'),
    "easting a fraction": (a_row(easting="431450.5"), 'easting "431450.5" is no whole number'),
    "easting negative": (a_row(easting=-431_450), 'easting "-431450" is no whole number'),
    "easting endless": (a_row(easting=10**30), "is no whole number of metres"),
    "easting in degrees": (a_row(easting="-1.5201"), 'easting "-1.5201" is no whole number'),
    "northing in Arabic figures": (a_row(northing="٤٧١"), "is no whole number of metres"),
    "northing a formula": (a_row(northing="=1+1"), 'northing "=1+1" is no whole number'),
    "country unknown": (a_row(country="X92000001"), 'country "X92000001" is no country of it'),
    "Northern Ireland": (a_row(country="N92000002"), "is no country of it"),
    "no country": (a_row(country=""), "is no country of it"),
    "district a word": (a_row(district="Ripon"), 'district "Ripon" is no code of a district'),
    "too few values": ('"SM1 1AA",10,431450', "1 rows have not 10 values"),
    "too many values": (a_row() + ",1", "1 rows have not 10 values"),
    "a header": (",".join(rows.COLUMNS), "has not the form of a postcode"),
    "off the grid east": (a_row(easting=9_999_999), "1 lie nowhere, such as 9999999, 471702"),
    "off the grid north": (a_row(northing=1_300_001), "1 lie nowhere, such as 431450, 1300001"),
    "at zero": (a_row(easting=0, northing=0), "1 lie nowhere, such as 0, 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_ROWS)
def test_one_bad_row_in_a_hundred_is_left_out_with_its_reason(name: str) -> None:
    bad, reason = BAD_ROWS[name]
    good = units(100, "SM2 1")
    found = read(bad, *good)
    assert found.n_rows == 101
    assert found.table["postcode"].to_pylist() == read(*good).table["postcode"].to_pylist()
    assert reason in "; ".join(found.wrong)


@pytest.mark.parametrize("name", BAD_ROWS)
def test_many_bad_rows_refuse_the_whole(name: str) -> None:
    bad, reason = BAD_ROWS[name]
    with pytest.raises(SchemaError, match="of 26 rows") as caught:
        read(*[bad] * 6, *units(20, "SM2 1"))
    assert reason.lstrip("1") in str(caught.value)


def test_what_is_said_of_bad_rows_names_no_whole_postcode(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sinkwatch")
    world.edition("2026-09", *units(300), a_row("YO9 9ZZ"), a_row("SM9 9ZZ", district="?"))
    line = next(r.getMessage() for r in caplog.records if "rows left out" in r.getMessage())
    assert line == (
        'code-point: rows left out: sm.csv, row 301: postcode "YO9 …" is none of SM (1 such); '
        'sm.csv, row 302: district "?" is no code of a district (1 such)'
    )


def test_a_long_list_of_bad_rows_is_cut_short(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    bad = [a_row("?"), a_row("YO9 9ZZ"), a_row("SM9 9ZZ", quality=7), a_row(country="")]
    world.edition("2026-09", *units(600), *bad)
    assert "and 1 more" in caplog.text


# ── The archive ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "ORDNANCE SURVEY\nDATASET VERSION NUMBER: 2014.3.0\n      AB\t16692\n       B\t41276\n",
        "ORDNANCE SURVEY\r\nDATASET VERSION NUMBER: 2014.3.0\r\n  AB  16,692\r\nB 41276 \r\n",
        "Dataset version number : 2014.3.0\nab\t16692\nb\t41276",
    ],
)
def test_the_metadata_of_every_edition_is_understood(text: str) -> None:
    said = code_point_archive.stated(text)
    assert said == code_point_archive.Stated(version="2014.3.0", n_rows={"AB": 16_692, "B": 41_276})


@pytest.mark.parametrize("text", ["", "\x00\xff", "AB\t" + "9" * 5_000, "ABC\t1\nAB -1\nAB 1.5"])
def test_metadata_that_says_nothing_is_no_error(text: str) -> None:
    assert code_point_archive.stated(text) == code_point_archive.Stated(version="", n_rows={})


def test_there_are_a_hundred_and_twenty_postcode_areas() -> None:
    assert len(code_point_archive.AREAS) == 120


def test_without_counts_every_area_of_the_country_must_be_there(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.area = an_area(outcodes=("HG4",))
    every = {a: [a_row(f"{a}1 1AA", easting=E)] for a in sorted(code_point_archive.AREAS)}
    world.release("2026-09", a_zip(every, members={"Doc/metadata.txt": None}))
    world.run()
    assert len(world.frame()) == 120
    assert "states no counts" in caplog.text
    assert postcodes(world.frame()) == sorted(postcodes(world.frame()))


def test_one_more_folder_and_names_in_another_case_do_no_harm(world: World) -> None:
    with zipfile.ZipFile(io.BytesIO(a_zip())) as archive:
        files = {f"codepo_gb/{name.upper()}": archive.read(name) for name in archive.namelist()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    world.release("2026-09", out.getvalue())
    world.run()
    assert len(world.frame()) == 5


# ── From one edition to the next ─────────────────────────────────────────────────────────────


def test_what_becomes_of_postcodes_from_one_edition_to_the_next(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sinkwatch")
    world.edition("2026-02", a_row("SM1 1AA"), a_row("SM1 1AB"), a_row("SM1 1AD"))
    frame = world.edition(
        "2026-05", a_row("SM1 1AA"), a_row("SM1 1AB", easting=E + 3, northing=N + 4),
        a_row("SM1 1AE"),
    )  # fmt: skip
    assert "2026-05 against the list held: 1 added, 1 removed, 1 moved, the furthest 5 m" in (
        caplog.text
    )
    retired = frame.set_index("postcode")["is_retired"]
    assert retired.to_dict() == {
        "SM1 1AA": False, "SM1 1AB": False, "SM1 1AD": True, "SM1 1AE": False,
    }  # fmt: skip
    gone = frame[frame["is_retired"]].iloc[0]
    assert (gone["geometry"].x, gone["geometry"].y) == (E, N)
    assert gone["position_uncertainty_m"] == 100


def test_a_retired_postcode_stays_known_and_may_come_back(world: World) -> None:
    world.edition("2026-02", *units(3))
    world.edition("2026-05", *units(2))
    assert world.edition("2026-08", *units(2))["is_retired"].tolist() == [False, False, True]
    assert world.edition("2026-10", *units(3))["is_retired"].tolist() == [False] * 3


def test_a_postcode_that_moves_out_of_the_area_is_not_retired(world: World) -> None:
    world.edition("2026-02", *units(3))
    frame = world.edition("2026-05", *units(2), a_row("SM1 1AD", easting=500_000))
    assert postcodes(frame) == ["SM1 1AA", "SM1 1AB"]
    assert not frame["is_retired"].any()


def test_a_fifth_fewer_postcodes_wait_for_a_person(world: World) -> None:
    before = world.edition("2026-02", *units(100))
    after = world.edition("2026-05", *units(79))
    assert len(after) == 100
    assert gates.compared(before, after, "postcode") == (
        "it holds 79 rows, fewer than 80% of the last good 100",
        "21 of the last good 100 rows are missing from it",
    )


def a_table(**places: tuple[int, int]) -> pa.Table:
    """Postcodes SM1 1<name> and where they lie."""
    found = [
        {"postcode": f"SM1 1{name}", "easting": e, "northing": n, "quality": 10}
        for name, (e, n) in sorted(places.items())
    ]
    return pa.Table.from_pylist(found, rows.SCHEMA)


def test_two_editions_are_compared_whole() -> None:
    before = a_table(AA=(0, 0), AB=(0, 0), AD=(0, 0), AE=(0, 0))
    after = a_table(AB=(0, 0), AD=(30, 40), AE=(300, 400), AF=(1, 1))
    found = editions.compared(before, after)
    assert found.added.to_pylist() == ["SM1 1AF"]
    assert found.removed.to_pylist() == ["SM1 1AA"]
    assert found.moved.to_pylist() == [
        {"postcode": "SM1 1AD", "distance_m": 50.0},
        {"postcode": "SM1 1AE", "distance_m": 500.0},
    ]
    assert found.n_both == 3
    assert str(found) == "1 added, 1 removed, 2 moved, the furthest 500 m"


def test_equal_editions_differ_in_nothing() -> None:
    same = editions.compared(a_table(AA=(1, 2)), a_table(AA=(1, 2)))
    assert str(same) == "0 added, 0 removed, 0 moved"
    nothing = editions.compared(a_table(), a_table())
    assert (str(nothing), nothing.n_both) == ("0 added, 0 removed, 0 moved", 0)


PLACES: Final = st.dictionaries(
    st.sampled_from(["S1 1AA", "S9 9ZZ", "SM1 1AA", "SM1 1AB", "SM2 1AA", "SW1A 1AA", "B1 1AA"]),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
)


@given(PLACES, PLACES)
def test_area_by_area_they_compare_and_merge_as_they_do_at_once(
    before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]
) -> None:
    def table(places: dict[str, tuple[int, int]]) -> pa.Table:
        found = [
            {"postcode": p, "easting": e, "northing": n, "quality": 10}
            for p, (e, n) in sorted(places.items())
        ]
        return pa.Table.from_pylist(found, rows.SCHEMA)

    old, new = table(before), table(after)
    bounds = Bounds(min_easting=3, min_northing=0, max_easting=9, max_northing=9)
    kept = old.append_column("is_retired", pa.array([False] * len(old)))
    areas = sorted({"B", "S", "SM", "SW"} | editions.areas_of(old))
    of = editions.of_area
    parts = editions.together([editions.compared(of(old, a), of(new, a)) for a in areas])
    whole = editions.compared(old, new)
    assert parts.added.to_pylist() == whole.added.to_pylist() == sorted(set(after) - set(before))
    assert parts.removed.to_pylist() == whole.removed.to_pylist()
    assert parts.moved.to_pylist() == whole.moved.to_pylist()
    assert parts.n_both == whole.n_both == len(set(before) & set(after))
    merged = pa.concat_tables([editions.merged(of(kept, a), of(new, a), bounds) for a in areas])
    assert merged.to_pylist() == editions.merged(kept, new, bounds).to_pylist()
    live = {row["postcode"] for row in merged.to_pylist() if not row["is_retired"]}
    assert live == {p for p, (e, _) in after.items() if e >= 3}


def test_a_list_held_that_was_spoilt_is_begun_anew(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.run()
    assert world.held is not None
    world.held.path.write_bytes(b"PAR1")
    world.release("2026-11", a_zip())
    world.run(days=1)
    assert "the list held is begun anew" in caplog.text
    assert len(world.frame()) == 5


# ── The copy ─────────────────────────────────────────────────────────────────────────────────


def spoilt(change: Callable[[pa.Table], pa.Table]) -> bytes:
    table = editions.merged(editions.KEPT.empty_table(), read(*units(3)).table, an_area().bounds)
    out = io.BytesIO()
    parquet.write_table(change(table), out)
    return out.getvalue()


def with_column(name: str, values: Sequence[object]) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        field = table.schema.field(name).with_nullable(nullable=True)
        made = pa.array(values, field.type)
        return table.set_column(table.schema.names.index(name), field, made)

    return change


COPIES: Final[dict[str, tuple[bytes, str]]] = {
    "empty": (b"", "cannot be read as Parquet"),
    "text": (b"postcode,easting\n", "cannot be read as Parquet"),
    "cut": (spoilt(lambda t: t)[:-9], "cannot be read as Parquet"),
    "a column gone": (spoilt(lambda t: t.drop_columns(["quality"])), "its columns are not"),
    "another type": (
        spoilt(lambda t: t.cast(pa.schema([f.with_type(pa.string()) for f in t.schema]))),
        "its columns are not",
    ),
    "no position": (
        spoilt(with_column("easting", [1, None, 3])), "easting is missing in 1 rows",
    ),
    "quality unknown": (
        spoilt(with_column("quality", [10, 11, 10])), "the positional quality 11, which is not",
    ),
    "a postcode twice": (
        spoilt(with_column("postcode", ["SM1 1AA", "SM1 1AA", "SM1 1AB"])), "postcode is repeated",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_that_is_no_such_list_is_refused(world: World, name: str) -> None:
    content, reason = COPIES[name]
    world.run()
    assert world.held is not None
    world.held.path.write_bytes(content)
    with pytest.raises(SchemaError, match=reason):
        world.frame()


# ── With a starter list ──────────────────────────────────────────────────────────────────────


def a_starter(*found: tuple[str, float, float], **columns: object) -> gpd.GeoDataFrame:
    """A list of the kind that ships with an area."""
    names, east, north = zip(*found, strict=True)
    table = {"postcode": list(names), "position_uncertainty_m": [100.0] * len(names), **columns}
    return schemas.POSTCODES.check(geo.bng_frame(table, east, north))


def test_code_point_open_wins_and_says_what_is_no_longer_in_use(world: World) -> None:
    current = world.edition("2026-09", *units(5), a_row("SM1 9ZZ", northing=N + 500))
    starter = a_starter(
        ("SM1 1AA", E - 50, N), ("SM1 1ZZ", E + 10, N + 10), ("SM1 8ZZ", E, N + 9_000),
        ("YO1 7HH", E + 10, N + 10), quality=["10", None, "50", "10"],
    )  # fmt: skip
    both = code_point.joined(current, starter)
    others = both[~both["postcode"].isin(current["postcode"])].set_index("postcode")
    assert others["quality"].to_dict() == {"SM1 1ZZ": 0, "SM1 8ZZ": 50, "YO1 7HH": 10}
    # Gone from ground that it covers; further off, or in another district, it does not say so.
    assert others["is_retired"].to_dict() == {"SM1 1ZZ": True, "SM1 8ZZ": False, "YO1 7HH": False}
    assert others["district_code"].isna().all()
    kept = both[both["postcode"].isin(current["postcode"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, current)
    assert postcodes(both) == sorted(postcodes(both))
    assert both.geometry.iloc[0].x == E
    pd.testing.assert_frame_equal(code_point.joined(starter, current), both)


def test_of_two_lists_of_one_kind_the_later_wins(world: World) -> None:
    first, second = a_starter(("SM1 1AA", 1, 1)), a_starter(("SM1 1AA", 2, 2), ("SM1 1AB", 3, 3))
    both = code_point.joined(first, second)
    assert both.geometry.x.tolist() == [2, 3]
    assert not both["is_retired"].any()
    current = world.edition("2026-09", *units(2))
    later = current.assign(quality=20)
    assert code_point.joined(current, later)["quality"].tolist() == [20, 20]


def test_a_list_without_anything_in_use_retires_nothing(world: World) -> None:
    current = world.edition("2026-09", *units(2)).assign(is_retired=True)
    both = code_point.joined(current, a_starter(("SM1 1ZZ", E, N)))
    assert both["is_retired"].tolist() == [True, True, False]


# ── Hostile answers ──────────────────────────────────────────────────────────────────────────


def refused(world: World, reason: str) -> None:
    """What came is refused in these words, and what was held stays as it is."""
    held = world.held
    assert held is not None
    before = held.path.read_bytes()
    with pytest.raises(SinkwatchError) as caught:
        world.run(hours=2)
    assert isinstance(caught.value, SourceError | SchemaError)
    assert reason in str(caught.value)
    assert world.held == held
    assert held.path.read_bytes() == before
    assert [path for path in held.path.parent.glob("*.parquet") if path != held.path] == []


@pytest.fixture(scope="module")
def good() -> bytes:
    """The list that every hostile answer must leave as it is."""
    table = editions.merged(editions.KEPT.empty_table(), read(*units(5)).table, an_area().bounds)
    return editions.dumped(table)


@pytest.fixture
def holding(world: World, good: bytes) -> World:
    """The world after a good run of an earlier edition."""
    spec, errand = world.spec, world.errand()
    made = snapshots.answered(spec, errand, good, ".parquet", url="https://a.example/")
    world.held = replace(made, edition="2026-05")
    return world


@pytest.mark.parametrize("hostile", ANSWERS, ids=ids(ANSWERS))
def test_an_answer_that_is_none_leaves_the_list_in_use(holding: World, hostile: Hostile) -> None:
    holding.peer.answers = lambda _: hostile.answer()
    refused(holding, hostile.reason)


def patched(content: bytes, old: bytes, new: bytes) -> bytes:
    assert old in content
    return content.replace(old, new)


def flag_encrypted(content: bytes) -> bytes:
    """Set the bit that says so, in the list and at every member."""
    made = bytearray(content)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := content.find(mark, at + 1)) >= 0:
            (flags,) = struct.unpack_from("<H", content, at + offset)
            struct.pack_into("<H", made, at + offset, flags | 1)
    return bytes(made)


def files(**changes: Sequence[str] | bytes) -> bytes:
    """An edition with one file otherwise; its metadata says how many rows there should be."""
    good_files: dict[str, Any] = {"SM": units(5), "YO": [a_row("YO1 7HH", easting=460_200)]}
    counts = {area: len(found) for area, found in good_files.items()}
    return a_zip({**good_files, **changes}, members={"Doc/metadata.txt": metadata(counts).encode()})


def adding(name: str, content: bytes = b"x") -> bytes:
    return a_zip(members={name: content})


CSV: Final = "\n".join(units(5)).encode()
SWAPPED: Final = units(5, easting=N, northing=E)

ARCHIVES: Final[dict[str, tuple[Callable[[], bytes], str]]] = {
    # No whole archive
    "html": (lambda: b"<!DOCTYPE html><h1>Service unavailable</h1>", "is no zip archive"),
    "a table": (lambda: CSV, "is no zip archive"),
    "gzip": (lambda: b"\x1f\x8b\x08" + b"\0" * 40, "is no zip archive"),
    "cut in half": (lambda: a_zip()[: len(a_zip()) // 2], "is no whole zip archive"),
    "cut at the end": (lambda: a_zip()[:-30], "is no whole zip archive"),
    "something before": (lambda: b"GIF89a" + a_zip(), "is no zip archive"),
    "nothing in it": (lambda: a_zip({})[-22:], "zip archive"),
    "damaged": (
        lambda: patched(a_zip({"SM": CSV * 9}), zipped_bytes(CSV * 9), b"\0" * 8), "is damaged",
    ),
    "encrypted": (lambda: flag_encrypted(a_zip()), "encrypted"),
    "climbing": (lambda: adding("../../etc/cron.d/x"), "leads out of its folder"),
    "at the root": (lambda: adding("/etc/passwd"), "begins at the root of a disk"),
    "on a disk": (lambda: adding("C:/x.csv"), "begins at the root of a disk"),
    "a backslash": (lambda: adding("Data\\CSV\\hg.csv"), "has a backslash in its name"),
    "a control character": (lambda: adding("Data/\x1b[2J"), "control characters in its name"),
    "too many": (
        lambda: a_zip(members={f"x/{i}": b"x" for i in range(300)}), "more than 200",
    ),
    "a bomb": (lambda: adding("Data/CSV/hg.csv", b"\n" * 30_000_000), "times its size"),
    # Not the product
    "no tables": (lambda: a_zip({}), "it holds no file Data/CSV/*.csv"),
    "tables elsewhere": (lambda: patched(a_zip(), b"Data/CSV", b"Data/TSV"), "it holds no file"),
    "an area gone": (
        lambda: a_zip({"YO": [a_row("YO1 7HH")]}), "it has no file of postcode area SM",
    ),
    "an area that is stated gone": (
        lambda: a_zip(members={"Data/CSV/yo.csv": None}), "it has no file of postcode area YO",
    ),
    "an area not stated": (
        lambda: adding("Data/CSV/hg.csv", a_row("HG4 1AA").encode()),
        "it has a file of postcode area HG, which is not its own",
    ),
    "an area there twice": (
        lambda: adding("more/Data/CSV/sm.csv", CSV), "sm.csv is there twice",
    ),
    "no metadata": (
        lambda: a_zip(members={"Doc/metadata.txt": None}), "it has no file of postcode area AB, AL",
    ),
    "metadata that states nothing": (
        lambda: a_zip(members={"Doc/metadata.txt": b"soon"}), "AB, AL, B and 1",
    ),
    "a file of words": (lambda: adding("Data/CSV/read me.csv"), "READ ME, which is not its own"),
    # Not whole
    "a fifth fewer rows": (lambda: files(SM=units(4)), "SM has 4 rows, and its metadata.txt says"),
    "rows of one area more": (lambda: files(SM=units(6)), "SM has 6 rows, and its metadata"),
    "an empty file": (lambda: files(SM=b""), "sm.csv: it cannot be read as UTF-8 CSV (Empty"),
    "blank lines": (lambda: files(SM=b"\n\n\n\n\n"), "sm.csv: it holds no row"),
    "a last row cut": (lambda: files(SM=CSV[:-70]), "1 of 5 rows cannot be understood"),
    "a quote never closed": (lambda: files(SM=b'"' + CSV), "cannot be understood"),
    "a page as a file": (lambda: files(SM=b"<html>\n" * 5), "5 of 5 rows cannot be understood"),
    "json as a file": (lambda: files(SM=b'{"a":1}'), "1 of 1 rows cannot be understood"),
    "a NUL in every row": (lambda: files(SM=CSV.replace(b"SM1", b"S\x001")), "5 of 5 rows cannot"),
    "latin-1": (lambda: files(SM=CSV.replace(b"SM1", b"SM\xa3")), "cannot be read as UTF-8 CSV"),
    "utf-16": (
        lambda: files(SM="\n".join(units(5)).encode("utf-16")), "cannot be read as UTF-8 CSV",
    ),
    "another delimiter": (lambda: files(SM=CSV.replace(b",", b";")), "5 rows have not 10 values"),
    "a column less": (
        lambda: files(SM=CSV.replace(b',"E05000000"', b"")), "5 rows have not 10 values",
    ),
    "columns exchanged": (
        lambda: files(SM=[a_row(quality=E, easting=10)] * 5), "is no positional quality known",
    ),
    # Not there
    "axes exchanged": (lambda: files(SM=SWAPPED), "easting and northing look exchanged: one of"),
    "one of them exchanged": (
        lambda: files(SM=[*units(4), a_row("SM1 1ZZ", easting=N, northing=E)]),
        f"easting and northing look exchanged: one of SM1 lies at {N}, {E}",
    ),
    "all at zero": (
        lambda: files(SM=units(5, easting=0, northing=0)), "lie nowhere in Great Britain",
    ),
    "in degrees": (lambda: files(SM=units(5, easting="-1.52", northing="54.14")), "whole number"),
    "off the grid": (lambda: files(SM=units(5, northing=1_400_000)), "lie nowhere in Great"),
    "all elsewhere": (
        lambda: files(SM=units(5, easting=200_000)),
        "none of its 6 rows lies in the bounds of Smallworld",
    ),
    "all without a position": (
        lambda: files(SM=units(5, quality=90)), "none of its 6 rows lies in the bounds",
    ),
    "half twice": (lambda: files(SM=[*units(3), *units(2)]), "2 of 5 rows are there twice"),
    "all one postcode": (lambda: files(SM=[a_row()] * 5), "4 of 5 rows are there twice"),
}  # fmt: skip


def zipped_bytes(content: bytes) -> bytes:
    """Return some of the bytes in the middle of the file of area SM as the zip holds it."""
    with zipfile.ZipFile(io.BytesIO(a_zip({"SM": content}))) as archive:
        info = archive.getinfo("Data/CSV/sm.csv")
        begin = info.header_offset + 30 + len(info.filename) + info.compress_size // 2
    return a_zip({"SM": content})[begin : begin + 8]


def test_there_are_at_least_sixty_hostile_answers() -> None:
    assert len(ARCHIVES) + len(ANSWERS) >= 60


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_hostile_archive_is_named_and_leaves_the_list_in_use(holding: World, name: str) -> None:
    make, reason = ARCHIVES[name]
    holding.release("2026-08", make())
    refused(holding, reason)


def test_a_file_far_larger_than_any_area_is_not_read(
    holding: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_point_archive, "MOST_BYTES_A_FILE", 300)
    refused(holding, "Data/CSV/sm.csv is larger than 300 bytes")


def test_a_few_postcodes_may_have_moved_far(world: World) -> None:
    world.edition("2026-02", *units(40))
    far = [a_row(row[1:8], northing=N + 900) for row in units(10)]
    assert len(world.edition("2026-05", *far, *units(40)[10:])) == 40
