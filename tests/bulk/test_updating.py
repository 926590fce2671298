"""A folder brought up to date: the bytes of one that is made anew, and no more work than needed."""

from __future__ import annotations

import os
import signal
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from pyarrow import parquet

from sinkwatch import assess, bulk, geo
from sinkwatch.bulk import parts, pieces, prepared, updating
from sinkwatch.bulk.store import Store
from sinkwatch.errors import ConfigError
from sinkwatch.model import Bounds
from tests import world
from tests.test_assess import LAW, Point, arrays
from tests.test_reach import changes

N_ROWS, PART_ROWS = 600, 50
EAST, NORTH = 400_000.0, 300_000.0
"""Where the hand-drawn world is put: in England, for degrees to mean something."""

BASIS = {
    "bounds": Bounds(
        min_easting=EAST, min_northing=NORTH, max_easting=EAST + 30_000, max_northing=NORTH + 10_000
    )
}

Record = dict[str, Any]
Contents = dict[str, bytes]


def a_record(easting: float, northing: float, **changes: object) -> Record:
    return world.a_sinkhole(EAST + easting, NORTH + northing, **changes)


def records() -> list[Record]:
    """Records all over the hand-drawn world, so that each matters to some rows."""
    rng = np.random.default_rng(3)
    at = np.round(rng.uniform((0, 0), (30_000, 10_000), (30, 2)), 1)
    at[:2] = (15_000, 5_000), (15_150, 5_150)  # among the houses of a village
    return [
        a_record(
            *at[number].tolist(),
            sinkhole_id=f"S{number:02}",
            feature_id=f"F{number // 2:02}",
            evidence=str(rng.choice(["confirmed", "possible"])),
            position_uncertainty_m=float(rng.choice([10.0, 100.0, 300.0])),
        )
        for number in range(len(at))
    ]


def strips() -> gpd.GeoDataFrame:
    zones = world.strips()
    return zones.set_geometry(zones.translate(EAST, NORTH))


def hazard_of(rows: list[Record], zones: gpd.GeoDataFrame | None = None) -> assess.Hazard:
    ground = strips() if zones is None else zones
    return assess.prepare(ground, world.inventory(*rows), world.parameters())


BEFORE = hazard_of(records())
MOVED = hazard_of(
    [records()[0] | {"easting": EAST + 12_000, "northing": NORTH + 3_000}, *records()[1:]]
)


def places() -> gpd.GeoDataFrame:
    """Rows in the order of a register: near in the file, mostly near on the ground."""
    rng = np.random.default_rng(7)
    easting = np.sort(rng.uniform(-500, 30_500, N_ROWS))
    easting[::20] = rng.permutation(easting[::20])
    northing = rng.uniform(-200, 10_200, N_ROWS)
    easting[320:370], northing[320:370] = rng.normal((15_000, 5_000), 200, (50, 2)).T
    points = shapely.points(EAST + easting, NORTH + northing)
    points[5], points[77] = None, shapely.Point()
    known_m = rng.choice([10.0, 200.0, np.nan], N_ROWS)
    words = pd.Categorical(rng.choice(["flat", "house"], N_ROWS))
    columns = {
        "uprn": np.arange(N_ROWS),
        "position_uncertainty_m": known_m,
        "kind": words.astype(str),
    }
    return gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries(points, crs=geo.BNG), crs=geo.BNG)


@dataclass(frozen=True)
class Work:
    """A file, and the folder that its assessment goes to."""

    source: Path
    folder: Path

    def full(self, hazard: assess.Hazard, folder: Path | None = None, **asked: Any) -> None:  # noqa: ANN401
        request = bulk.Request(source=self.source, target=folder or self.folder, **asked)
        bulk.assess_file(bulk.Basis(hazard=hazard, **BASIS), request, kept=self.kept)

    def update(self, hazard: assess.Hazard, **asked: Any) -> bulk.Updated:  # noqa: ANN401
        request = bulk.Request(source=self.source, target=self.folder, update=True, **asked)
        report = bulk.assess_file(bulk.Basis(hazard=hazard, **BASIS), request, kept=self.kept)
        assert report.updated is not None
        return report.updated

    def anew(self, hazard: assess.Hazard, **asked: Any) -> Contents:  # noqa: ANN401
        """What a new folder holds."""
        folder = self.folder.with_name("anew")
        self.full(hazard, folder, overwrite=True, **asked)
        return contents(folder)

    @property
    def kept(self) -> Path:
        return self.folder.with_name("kept")


def contents(folder: Path) -> Contents:
    """What a folder holds but the list of what changed, which only an update has."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != parts.CHANGED}


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", PART_ROWS)


@pytest.fixture
def work(tmp_path: Path) -> Work:
    source = tmp_path / "places.parquet"
    places().to_parquet(source, row_group_size=150)
    return Work(source, tmp_path / "made")


# ── The same bytes ───────────────────────────────────────────────────────────────────────────


def widened(name: str) -> gpd.GeoDataFrame:
    zones = strips()
    is_it = zones["zone_id"] == name
    return zones.set_geometry(zones.geometry.where(~is_it, zones.geometry.buffer(300.0)))


def otherwise(name: str, **columns: object) -> gpd.GeoDataFrame:
    zones = strips()
    for column, value in columns.items():
        zones.loc[zones["zone_id"] == name, column] = value
    return zones


CHANGES = {
    "nothing": BEFORE,
    "moved": MOVED,
    "gone": hazard_of(records()[2:]),
    "come, before all others": hazard_of(
        [*records(), a_record(9_000, 9_000, sinkhole_id="A", feature_id="A")]
    ),
    "another feature": hazard_of([records()[0] | {"feature_id": "F99"}, *records()[1:]]),
    "wider zone": hazard_of(records(), widened("C-strip")),
    "another class": hazard_of(records(), otherwise("A-strip", geology_class=2)),
    "better known": hazard_of(records(), otherwise("B-strip", position_uncertainty_m=100.0)),
    "no zone": hazard_of(records(), strips().iloc[1:]),
    "rings": replace(BEFORE, rings_m=np.array([50.0, 300.0, 500.0])),
}


@pytest.mark.parametrize("now", CHANGES.values(), ids=CHANGES)
def test_a_folder_brought_up_to_date_is_one_made_anew(work: Work, now: assess.Hazard) -> None:
    work.full(BEFORE)
    before = contents(work.folder)
    took = work.update(now)
    assert contents(work.folder) == work.anew(now)
    is_same = contents(work.folder) == before
    assert (took.n_changed == 0) == (took.n_parts == 0) == is_same == (now is BEFORE)


@pytest.mark.parametrize(
    "asked",
    [
        {"columns": ("uprn",)},  # without the uncertainty, which only the source then tells
        {"only_flagged": True},
        {"uncertainty_m": 50.0},
        {"columns": ("kind", "position_uncertainty_m")},
    ],
    ids=str,
)
def test_whatever_was_asked_for_is_kept_to(work: Work, asked: dict[str, Any]) -> None:
    work.full(BEFORE, **asked)
    assert work.update(MOVED, **asked).n_parts > 0
    assert contents(work.folder) == work.anew(MOVED, **asked)


@pytest.mark.parametrize("kind", ["csv", "words", "degrees", "dots"])
def test_whatever_kind_of_file_it_came_from(work: Work, kind: str, tmp_path: Path) -> None:
    frame, source = places(), work.source
    if kind == "csv":
        source = tmp_path / "places.csv"
        at = {"easting": frame.geometry.x, "northing": frame.geometry.y}
        pd.DataFrame(frame.drop(columns="geometry")).assign(**at).to_csv(source, index=False)
    if kind == "words":
        frame.assign(kind=frame["kind"].astype("category")).to_parquet(source)
    if kind == "degrees":
        frame.to_crs(geo.WGS84).to_parquet(source)
    if kind == "dots":
        lists = [[n, None] if n % 3 else None for n in range(N_ROWS)]
        stamps = pd.date_range("2026-01-01", periods=N_ROWS, freq="ns")
        more = {"a.b": frame["uprn"], "lists": lists, "when": stamps, "band.x": ["x", None] * 300}
        frame.assign(**more).to_parquet(source)
    work = Work(source, work.folder)
    work.full(BEFORE)
    assert work.update(MOVED).n_changed > 0
    assert contents(work.folder) == work.anew(MOVED)


def test_one_update_follows_another(work: Work) -> None:
    work.full(BEFORE)
    for name in ("moved", "another class", "no zone"):
        work.update(CHANGES[name])
    assert contents(work.folder) == work.anew(CHANGES["no zone"])


@settings(LAW, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes())
def test_whatever_changes_in_whatever_world(
    tmp_path: Path, drawn: tuple[assess.Hazard, assess.Hazard, list[Point]]
) -> None:
    before, now, points = drawn
    easting, northing, known_m = arrays(points)
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        work = Work(Path(folder) / "places.parquet", Path(folder) / "made")
        shapes = gpd.GeoSeries(shapely.points(easting, northing), crs=geo.BNG)
        frame = gpd.GeoDataFrame({"position_uncertainty_m": known_m}, geometry=shapes, crs=geo.BNG)
        frame.to_parquet(work.source, row_group_size=3)
        work.full(before)
        work.update(now)
        assert contents(work.folder) == work.anew(now)


# ── No more work than needed, and what came of it ────────────────────────────────────────────


def answers(folder: Path) -> list[Record]:
    written = parquet.read_table(folder)
    rows: list[Record] = written.select([field.name for field in pieces.ADDED]).to_pylist()
    return rows


def test_only_parts_with_another_answer_are_written_and_the_rows_are_listed(work: Work) -> None:
    work.full(BEFORE)
    before = answers(work.folder)
    held = {path.name: path.stat().st_ino for path in work.folder.glob("part-*")}
    took = work.update(MOVED)
    now = answers(work.folder)
    is_new = {
        path.name for path in work.folder.glob("part-*") if path.stat().st_ino != held[path.name]
    }
    rows = [row for row in range(N_ROWS) if before[row] != now[row]]
    listed = pd.read_parquet(work.folder / parts.CHANGED)
    assert listed["row"].tolist() == rows
    assert listed["part"].tolist() == [parts.part_name(row - row % PART_ROWS) for row in rows]
    assert listed["band_before"].tolist() == [before[row]["band"] for row in rows]
    assert listed["band"].tolist() == [now[row]["band"] for row in rows]
    assert set(listed["part"]) == is_new
    assert took == bulk.Updated(
        n_looked_at=took.n_looked_at, n_changed=len(rows), n_parts=len(is_new)
    )
    assert 0 < len(rows) <= took.n_looked_at < N_ROWS / 4
    assert 0 < len(is_new) < N_ROWS / PART_ROWS


def test_the_list_is_that_of_the_last_update(work: Work) -> None:
    work.full(BEFORE)
    work.update(MOVED)
    work.update(MOVED)
    assert not len(pd.read_parquet(work.folder / parts.CHANGED))
    work.full(BEFORE, overwrite=True)
    assert not (work.folder / parts.CHANGED).exists()


def test_readers_of_the_folder_pass_over_what_is_beside_the_parts(work: Work) -> None:
    work.full(BEFORE)
    work.update(MOVED)
    assert len(parquet.read_table(work.folder)) == N_ROWS


def test_the_layers_before_may_be_at_hand(work: Work) -> None:
    work.full(BEFORE)
    request = bulk.Request(source=work.source, target=work.folder, update=True)
    seen: list[int] = []
    updating.update(
        bulk.Basis(hazard=MOVED, **BASIS),
        request,
        kept=None,
        progress=lambda done, _: seen.append(done),
        layers=BEFORE,
    )
    assert contents(work.folder) == work.anew(MOVED)
    assert seen == sorted(seen)
    assert seen


# ── Killed, failed, altered ──────────────────────────────────────────────────────────────────


def is_killed(work: Work, moment: int, hazard: assess.Hazard) -> bool:
    """Update in a process of its own, which is killed while it writes a file for the nth time."""
    child = os.fork()
    if not child:
        times = iter(range(1, moment))
        write = Store.write_bytes

        def write_or_die(store: Store, name: str, content: bytes) -> None:
            if next(times, None) is None:
                Path(store.place(f"_part-{name}")).write_bytes(bytes(content)[:100])
                os.kill(os.getpid(), signal.SIGKILL)
            write(store, name, content)

        Store.write_bytes = write_or_die  # type: ignore[method-assign]
        try:
            work.update(hazard)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def test_killed_at_any_moment_the_same_command_finishes(work: Work) -> None:
    work.full(BEFORE)
    begun = contents(work.folder)
    anew, at_once = work.anew(MOVED), work.update(MOVED)
    listed = (work.folder / parts.CHANGED).read_bytes()
    moment = 0
    is_left = True
    while is_left:
        moment += 1
        for path in work.folder.iterdir():
            path.unlink()
        for name, content in begun.items():
            (work.folder / name).write_bytes(content)
        is_left = is_killed(work, moment, MOVED)
        if is_left:
            assert not (work.folder / parts.MANIFEST).exists()
            with pytest.raises(ConfigError, match="is not this work half done"):
                work.full(MOVED)
            assert work.update(MOVED).n_changed == at_once.n_changed
        assert contents(work.folder) == anew
        assert (work.folder / parts.CHANGED).read_bytes() == listed
    assert moment == at_once.n_parts + 3  # the list and the manifest are written too


def test_layers_may_change_again_between_a_kill_and_the_next_update(work: Work) -> None:
    work.full(BEFORE)
    assert is_killed(work, 3, MOVED)
    work.update(CHANGES["wider zone"])
    assert contents(work.folder) == work.anew(CHANGES["wider zone"])


def test_a_full_disk_leaves_what_the_same_command_goes_on_with(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.full(BEFORE)

    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Store, "write_bytes", no_room)
        with pytest.raises(ConfigError, match="No space left on device"):
            work.update(MOVED)
    assert not (work.folder / parts.MANIFEST).exists()
    work.update(MOVED)
    assert contents(work.folder) == work.anew(MOVED)


def test_a_manifest_that_was_written_just_before_a_kill_is_true(work: Work) -> None:
    work.full(BEFORE)
    told = (work.folder / parts.MANIFEST).read_bytes()
    work.update(MOVED)
    (work.folder / parts.UPDATING).write_bytes(told)
    work.update(CHANGES["gone"])
    assert contents(work.folder) == work.anew(CHANGES["gone"])


@pytest.mark.parametrize("damage", ["altered", "gone"])
def test_a_part_that_is_not_what_was_written_is_made_anew(work: Work, damage: str) -> None:
    work.full(BEFORE)
    work.update(MOVED)
    (name,) = pd.read_parquet(work.folder / parts.CHANGED)["part"].unique()[:1]
    if damage == "gone":
        (work.folder / name).unlink()
    else:
        (work.folder / name).write_bytes(b"PAR1")
    work.update(BEFORE)
    assert contents(work.folder) == work.anew(BEFORE)


# ── Refused, with the folder as it was ───────────────────────────────────────────────────────


def refused(work: Work, hazard: assess.Hazard = MOVED, **asked: Any) -> str:  # noqa: ANN401
    before = contents(work.folder) if work.folder.is_dir() else None
    with pytest.raises(ConfigError) as error:
        work.update(hazard, **asked)
    assert (contents(work.folder) if work.folder.is_dir() else None) == before
    return str(error.value)


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        ({"uncertainty_m": 11.0}, "was made with uncertainty_m 10.0, not 11.0. Ask for the same"),
        ({"only_flagged": True}, "was made with only_flagged False, not True"),
        ({"columns": ("uprn",)}, "was made with columns None, not ['uprn']"),
    ],
)
def test_other_options_are_refused(work: Work, asked: dict[str, Any], rule: str) -> None:
    work.full(BEFORE)
    assert rule in refused(work, **asked)
    assert "run without --update and with --overwrite" in refused(work, **asked)


def test_another_version_or_size_of_parts_is_refused(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.full(BEFORE)
    with monkeypatch.context() as patched:
        patched.setattr(parts, "PART_ROWS", 60)
        assert "was made with other part_rows" in refused(work)
    monkeypatch.setattr("sinkwatch.bulk.manifest.__version__", "0.0")
    assert "was made with sinkwatch" in refused(work)


def test_another_input_is_refused_and_one_that_was_only_touched_is_not(work: Work) -> None:
    work.full(BEFORE)
    os.utime(work.source, ns=(0, 0))
    work.update(MOVED)
    assert contents(work.folder) == work.anew(MOVED)
    places().iloc[::-1].to_parquet(work.source, row_group_size=150)
    assert "was made of another places.parquet" in refused(work, BEFORE)


def test_layers_that_are_no_longer_kept_are_told(work: Work) -> None:
    work.full(BEFORE)
    for path in work.kept.glob("*/easting.npy"):
        path.write_bytes(path.read_bytes()[:-8] + bytes(8))
    assert "was made with layers that are no longer kept to compare with" in refused(work)
    for path in work.kept.iterdir():
        path.rename(path.with_name("elsewhere"))
    assert "Assess it anew: run without --update and with --overwrite" in refused(work)


def test_what_is_no_finished_folder_is_refused(work: Work) -> None:
    assert "holds no finished assessment to update. Run without --update first" in refused(work)
    work.full(BEFORE)
    (work.folder / parts.MANIFEST).rename(work.folder / parts.PLAN)
    assert "holds no finished assessment" in refused(work)
    one = replace(work, folder=work.folder.with_suffix(".parquet"))
    assert "is one file, of which no part can be brought up to date" in refused(one)


# ── What is kept for the next time ───────────────────────────────────────────────────────────


def test_layers_are_told_apart_by_any_number_and_summed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hazard = hazard_of(records())
    assert prepared.digest(hazard) == prepared.digest(BEFORE) != prepared.digest(MOVED)
    with monkeypatch.context() as patched:
        patched.setattr(prepared, "_packed", {}.__getitem__)  # which would fail
        assert prepared.digest(replace(hazard)) == prepared.digest(BEFORE)
    held = set(prepared._digests)  # noqa: SLF001 - that no array is held for ever
    del hazard
    assert len(set(prepared._digests)) < len(held)  # noqa: SLF001


def test_layers_are_kept_without_an_index_for_the_next_update(work: Work) -> None:
    work.full(BEFORE)
    work.update(MOVED)
    (place,) = work.kept.glob("*-layers")
    prepared.keep(MOVED, work.kept)
    found = prepared.layers(work.kept, prepared.digest(MOVED))
    assert found is not None
    assert prepared.digest(found) == prepared.digest(MOVED)
    assert not (place / "row.npy").exists()
    assert prepared.layers(work.kept, "0" * 64) is None
