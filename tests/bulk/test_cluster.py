"""Parts made by a cluster are the very bytes that one machine makes, whatever ends on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import distributed
import geopandas as gpd
import numpy as np
import pytest
import shapely
from click.testing import CliRunner
from pyarrow import parquet

from sinkwatch import assess, bulk, geo
from sinkwatch.bulk import cluster, parts, prepared
from sinkwatch.cli import places
from sinkwatch.errors import ConfigError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sinkwatch.model import Area, Findings

N_ROWS, GROUP_ROWS = 4_000, 400
N_GROUPS = N_ROWS // GROUP_ROWS


@pytest.fixture(scope="module")
def basis(ripon: Area, ripon_findings: Findings) -> bulk.Basis:
    hazard = assess.prepare(ripon_findings.zones, ripon_findings.sinkholes, ripon.parameters)
    return bulk.Basis(hazard=hazard, bounds=ripon.bounds)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, ripon: Area) -> Path:
    west, south, east, north = ripon.bounds.as_tuple()
    rng = np.random.default_rng(7)
    path = tmp_path_factory.mktemp("given") / "given.parquet"
    a_file(path, shapely.points(rng.uniform((west, south), (east, north), (N_ROWS, 2))))
    return path


def a_file(path: Path, points: Any) -> None:  # noqa: ANN401 - an array of points
    layer = gpd.GeoDataFrame({"id": range(len(points))}, geometry=points, crs=geo.BNG)
    layer.to_parquet(path, row_group_size=GROUP_ROWS)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, source: Path, basis: bulk.Basis) -> Path:
    """Make the folder that one machine makes."""
    target = tmp_path_factory.mktemp("alone") / "made"
    bulk.assess_file(basis, bulk.Request(source=source, target=target))
    return target


@pytest.fixture(scope="module")
def client() -> Iterator[distributed.Client]:
    """Start two workers in processes of their own, that are replaced when they end."""
    with (
        cluster.own(2) as started,
        distributed.Client(started.scheduler_address, set_as_default=False) as connected,
    ):
        yield connected
        processes = connected.run(os.getpid).values()
        assert os.getpid() not in processes
    for pid in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.fixture
def workers(client: distributed.Client) -> Iterator[distributed.Client]:
    """Give a way to the workers, who are put right afterwards."""
    yield client
    client.wait_for_workers(2, timeout=120)
    client.run(put_right)


@pytest.fixture
def run(client: distributed.Client, basis: bulk.Basis) -> Callable[..., bulk.BulkReport]:
    def make(source: Any, target: Any, **more: Any) -> bulk.BulkReport:  # noqa: ANN401
        request = bulk.Request(source=source, target=target)
        in_parts = cluster.engine(request, client.scheduler.address)
        return bulk.assess_file(basis, request, in_parts=in_parts, **more)

    return make


def content(folder: Path) -> dict[str, object]:
    """Return all files by name; of the squares only their rows: they tell of a copy as another."""
    held: dict[str, object] = {path.name: path.read_bytes() for path in folder.iterdir()}
    if parts.SQUARES in held:
        held[parts.SQUARES] = parquet.read_table(folder / parts.SQUARES).to_pydict()
    return held


# ── What workers are told to do amiss ────────────────────────────────────────────────────────

RIGHT = parts.made


def put_right() -> None:
    parts.made = RIGHT


def held_up(folder: Path, at: str) -> None:
    """Say who is at a part, and wait there for leave."""

    def made(asking: Any, store: Any, part: parts.Part) -> parts.Done:  # noqa: ANN401
        if part.name >= at and not (folder / "leave").exists():
            (folder / f"{os.getpid()}.held").touch()
            while not (folder / "leave").exists():
                time.sleep(0.01)
        return RIGHT(asking, store, part)

    parts.made = made


def failing(times: int) -> None:
    left = [times]

    def made(asking: Any, store: Any, part: parts.Part) -> parts.Done:  # noqa: ANN401
        if left[0]:
            left[0] -= 1
            raise OSError(5, "Input/output error", part.name)
        return RIGHT(asking, store, part)

    parts.made = made


def deadly() -> None:
    def made(_asking: Any, _store: Any, part: parts.Part) -> parts.Done:  # noqa: ANN401
        raise distributed.KilledWorker(part.name, SimpleNamespace(address="tcp://a:1"), 3)

    parts.made = made


def n_under_way(dask_worker: distributed.Worker) -> int:
    return len(dask_worker.state.executing)


def held(folder: Path, n: int) -> list[int]:
    """Wait until so many are held up, and tell which processes they are."""
    for _ in range(2_000):
        found = [int(path.stem) for path in folder.glob("*.held")]
        if len(found) >= n:
            return found
        time.sleep(0.01)
    pytest.fail("no worker came to that part")


# ── The answers ──────────────────────────────────────────────────────────────────────────────


def test_two_workers_make_the_very_bytes_that_one_machine_makes(
    run: Callable[..., bulk.BulkReport], source: Path, alone: Path, tmp_path: Path
) -> None:
    told: list[tuple[int, int | None]] = []
    report = run(source, tmp_path / "made", progress=lambda done, of: told.append((done, of)))
    assert content(tmp_path / "made") == content(alone)
    assert told == [(n * GROUP_ROWS, N_ROWS) for n in range(1, N_GROUPS + 1)]
    assert report.n_rows == N_ROWS
    assert sum(report.bands.values()) == N_ROWS


def test_an_address_is_read_and_written_as_a_path_is(
    run: Callable[..., bulk.BulkReport], source: Path, alone: Path, tmp_path: Path
) -> None:
    given = bulk.location(f"fsspec+local://{source}")
    run(given, bulk.location(f"fsspec+local://{tmp_path}/made"))
    assert content(tmp_path / "made") == content(alone)


def test_layers_go_out_as_they_are_kept(
    run: Callable[..., bulk.BulkReport], source: Path, alone: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    for name in ("made", "with what is kept"):
        run(source, tmp_path / name, kept=kept)
        assert content(tmp_path / name) == content(alone)
    (damaged,) = kept.glob("*/row.npy")
    damaged.write_bytes(b"")
    run(source, tmp_path / "damaged", kept=kept)
    assert content(tmp_path / "damaged") == content(alone)


def test_what_is_sent_is_numbers_and_text(basis: bulk.Basis, tmp_path: Path) -> None:
    for _ in ("made", "kept"):
        sent = prepared.to_send(basis.hazard, tmp_path / "kept", N_ROWS)
        assert {array.dtype.kind for array in sent.values()} <= set("biufU")
        assert {type(array) for array in sent.values()} == {np.ndarray}


# ── What ends on the way ─────────────────────────────────────────────────────────────────────


def test_killed_workers_are_survived(
    run: Callable[..., bulk.BulkReport],
    workers: distributed.Client,
    source: Path,
    alone: Path,
    tmp_path: Path,
) -> None:
    for n_killed in (1, 2):  # one holds all that the other held; two take the layers with them
        folder = tmp_path / str(n_killed)
        folder.mkdir()
        workers.wait_for_workers(2, timeout=120)
        workers.run(held_up, folder, parts.part_name(2 * GROUP_ROWS))
        killer = Killer(folder, n_killed)
        killer.start()
        try:
            run(source, folder / "made")
        finally:
            killer.join()
        assert content(folder / "made") == content(alone)
        assert len(killer.killed) == n_killed
        assert killer.killed.isdisjoint(workers.run(os.getpid).values())


class Killer(threading.Thread):
    """Kills workers while they are at a part, and gives the others leave to go on."""

    def __init__(self, folder: Path, n: int) -> None:
        super().__init__()
        self.folder, self.n = folder, n
        self.killed: set[int] = set()

    def run(self) -> None:
        for pid in held(self.folder, 2)[: self.n]:
            os.kill(pid, signal.SIGKILL)
            self.killed.add(pid)
        (self.folder / "leave").touch()


def test_a_task_that_failed_is_tried_again(
    run: Callable[..., bulk.BulkReport],
    workers: distributed.Client,
    source: Path,
    alone: Path,
    tmp_path: Path,
) -> None:
    workers.run(failing, 1)
    run(source, tmp_path / "made")
    assert content(tmp_path / "made") == content(alone)


def test_a_task_that_never_succeeds_ends_the_work_and_what_is_done_stays(
    run: Callable[..., bulk.BulkReport],
    workers: distributed.Client,
    source: Path,
    alone: Path,
    tmp_path: Path,
) -> None:
    workers.run(failing, 1_000)
    with pytest.raises(ConfigError, match=r"made: cannot be written \(Input/output error\)"):
        run(source, tmp_path / "made")
    assert list(content(tmp_path / "made")) == [parts.PLAN]
    workers.run(put_right)
    run(source, tmp_path / "made")
    assert content(tmp_path / "made") == content(alone)


def test_a_row_group_that_ends_every_worker_is_named(
    run: Callable[..., bulk.BulkReport], workers: distributed.Client, source: Path, tmp_path: Path
) -> None:
    workers.run(deadly)
    with pytest.raises(ConfigError, match=r"4 workers ended while they made its parts .* memory"):
        run(source, tmp_path / "made")


def test_after_the_client_was_killed_it_goes_on_with_what_is_there(
    workers: distributed.Client, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    address = workers.scheduler.address
    words = ["assess", str(source), "made", "--engine", "dask", "--scheduler", address]
    workers.run(held_up, tmp_path, parts.part_name(4 * GROUP_ROWS))
    with subprocess.Popen([sys.executable, "-m", "sinkwatch", *words]) as begun:
        held(tmp_path, 2)
        begun.kill()
    folder = tmp_path / "made"
    # Whoever was at a part when the client went does not begin another one.
    (tmp_path / "leave").touch()
    while any(workers.run(n_under_way).values()):
        time.sleep(0.02)
    written = {path.name: path.stat().st_mtime_ns for path in folder.glob("part-*")}
    assert 4 <= len(written) < N_GROUPS
    assert (folder / parts.PLAN).is_file()
    answer = CliRunner().invoke(places.assess, words[1:], catch_exceptions=False)
    assert answer.output.startswith(f"{N_ROWS:,} rows written to made")
    assert (
        written.items()
        <= {path.name: path.stat().st_mtime_ns for path in folder.glob("part-*")}.items()
    )
    again = CliRunner().invoke(places.assess, [str(source), "alone"], catch_exceptions=False)
    assert again.exit_code == 0
    assert content(folder) == content(tmp_path / "alone")


# ── Refused ──────────────────────────────────────────────────────────────────────────────────


def test_data_with_a_fault_is_refused_and_nothing_is_left(
    run: Callable[..., bulk.BulkReport], tmp_path: Path
) -> None:
    swapped = tmp_path / "swapped.parquet"
    a_file(swapped, shapely.points(np.full((N_ROWS, 2), (471_829.0, 431_579.0))))
    with pytest.raises(SchemaError, match="with their two axes exchanged"):
        run(swapped, tmp_path / "made")
    assert content(tmp_path / "made") == {}


def test_a_damaged_row_group_is_refused(
    run: Callable[..., bulk.BulkReport], source: Path, tmp_path: Path
) -> None:
    damaged = bytearray(source.read_bytes())
    damaged[2_000:9_000] = bytes(7_000)
    (tmp_path / "damaged.parquet").write_bytes(damaged)
    with pytest.raises(SchemaError, match=r"damaged.parquet: it cannot be read to its end"):
        run(tmp_path / "damaged.parquet", tmp_path / "made")
    assert parts.MANIFEST not in content(tmp_path / "made")


def test_a_worker_that_does_not_see_the_files_is_named(
    run: Callable[..., bulk.BulkReport], basis: bulk.Basis, source: Path, alone: Path
) -> None:
    given, made = (bulk.location(f"memory://test/{name}") for name in ("given.parquet", "made"))
    assert isinstance(given, bulk.Address)
    assert isinstance(made, bulk.Address)
    with given.files.open_output_stream(given.path) as file:
        file.write(source.read_bytes())
    with pytest.raises(
        ConfigError,
        match=r"^memory://test/given.parquet: is not there.*worker tcp://127.0.0.1:\d+ sees it",
    ):
        run(given, made)
    assert cluster.Store.at(made).names() == []
    # This process alone does.
    bulk.assess_file(basis, bulk.Request(source=given, target=made))
    store = cluster.Store.at(made)
    assert {name: store.read_bytes(name) for name in store.names() if name.startswith("part-")} == {
        name: held for name, held in content(alone).items() if name.startswith("part-")
    }


def test_a_worker_that_sees_another_folder_of_that_name_is_named(
    workers: distributed.Client, source: Path, basis: bulk.Basis, tmp_path: Path
) -> None:
    request = bulk.Request(source=source, target=tmp_path / "made")
    job = cluster.Job(
        request=request,
        bounds=basis.bounds,
        flag_within_m=250.0,
        plan=parts.planned(basis, request),
        layers="",
    )
    with pytest.raises(ConfigError, match=r"made: does not hold this work .* as the worker tcp"):
        cluster.check_sight(workers, job)
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / parts.PLAN).write_text("{}")
    with pytest.raises(ConfigError, match=r"made: holds other work, as the worker tcp"):
        cluster.check_sight(workers, job)


def test_a_scheduler_that_does_not_answer_is_named(
    basis: bulk.Basis, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_S", 0.2)
    request = bulk.Request(source=source, target=tmp_path / "made")
    for address in ("tcp://127.0.0.1:9", "nowhere"):
        with pytest.raises(ConfigError, match=f"^{address}: no Dask scheduler answers there"):
            bulk.assess_file(basis, request, in_parts=cluster.engine(request, address))
    assert not (tmp_path / "made").exists()


def test_a_scheduler_without_workers_is_waited_for_only_so_long(
    basis: bulk.Basis, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "WORKERS_S", 0.2)
    request = bulk.Request(source=source, target=tmp_path / "made")
    with cluster.own(0) as empty:
        in_parts = cluster.engine(request, empty.scheduler_address)
        with pytest.raises(ConfigError, match="the scheduler has had no worker for"):
            bulk.assess_file(basis, request, in_parts=in_parts)
    assert not (tmp_path / "made").exists()


def test_a_scheduler_that_ends_is_named_and_the_work_can_go_on(
    basis: bulk.Basis, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = distributed.LocalCluster(
        n_workers=1,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address=None,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
    )
    monkeypatch.setattr(cluster, "check_sight", lambda _client, _job: started.close())
    request = bulk.Request(source=source, target=tmp_path / "made")
    in_parts = cluster.engine(request, started.scheduler_address)
    with started, pytest.raises(ConfigError, match=r"answers no longer .* it goes on with the pa"):
        bulk.assess_file(basis, request, in_parts=in_parts)
    assert list(content(tmp_path / "made")) == [parts.PLAN]


@pytest.mark.parametrize(
    ("where", "version", "said"),
    [
        ("tcp://a:1", "0.0.1", "tcp://a:1: sinkwatch is 0.0.1 there and 1.0 here"),
        ("tcp://a:1", None, "tcp://a:1: sinkwatch is missing there and 1.0 here"),
        ("the scheduler", "2.0", "the scheduler: sinkwatch is 2.0 there and 1.0 here"),
    ],
)
def test_other_programs_than_here_are_named(where: str, version: str | None, said: str) -> None:
    def told(version: str | None) -> dict[str, Any]:
        return {"packages": {"python": "3.11.7.final.0", "sinkwatch": version}}

    versions = {"client": told("1.0"), "scheduler": told("1.0"), "workers": {}}
    cluster.check_versions({**versions, "workers": {"tcp://b:1": told("1.0")}})
    if where == "the scheduler":
        versions["scheduler"] = told(version)
    else:
        versions["workers"] = {where: told(version)}
    with pytest.raises(ConfigError, match=said):
        cluster.check_versions(versions)


def test_without_the_extra_the_way_out_is_named(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match=r"needs the extra `scale`. pip install 'sinkwatch\[sc"):
        cluster.engine(bulk.Request(source=source, target=tmp_path / "made"), None)


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("a.csv", "made", "a cluster reads GeoParquet alone"),
        ("a.parquet", "made.parquet", "a cluster writes a folder of parts, not one file"),
    ],
)
def test_what_cannot_be_shared_out_is_refused(source: str, target: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        cluster.engine(bulk.Request(source=Path(source), target=Path(target)), None)


def test_a_scheduler_goes_with_its_engine() -> None:
    answer = CliRunner().invoke(places.assess, ["a.parquet", "made", "--scheduler", "tcp://a:1"])
    assert answer.exit_code == 2
    assert "--scheduler goes with --engine dask" in answer.output
