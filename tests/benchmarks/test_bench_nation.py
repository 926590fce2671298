"""The measurements go on where they were, and say who was not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.benchmarks import bench_nation, peers, tables

if TYPE_CHECKING:
    from pathlib import Path

PEER = "DuckDB spatial"


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bench_nation.Session:
    """Two million rows, of which nobody reads any: programs "run" and differ in two rows."""
    figures = {"wall_s": 2.0, "cpu_s": 3.0, "bytes": 4}
    stages = dict.fromkeys(("index_s", "squares_s", "points_s"), 1.0)

    for name in ("prepare", "ours", "theirs"):
        monkeypatch.setattr(bench_nation, name, lambda *_: None)
    monkeypatch.setattr(bench_nation, "differing", lambda *_: 2)
    monkeypatch.setattr(peers.Peer, "missing", lambda _: None)
    monkeypatch.setattr(peers.Peer, "version", lambda _: "1.5")
    monkeypatch.setattr(peers, "run", lambda *_: figures | stages)
    return bench_nation.Session(
        folder=tmp_path, rows=2_000_000, order="register", kept={}, keep=tmp_path / "kept.jsonl"
    )


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "run", lambda *_: pytest.fail("measured again"))


def test_each_result_is_kept_and_none_of_them_measured_again(
    session: bench_nation.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench_nation.measure(session, [PEER])
    kept = tables.read(session.keep)
    assert [name for _, _, name in kept] == [
        tables.DECODING,
        tables.ARRAYS,
        tables.OURS,
        tables.KEPT,
        PEER,
    ]
    found = kept[2_000_000, "register", PEER]
    assert (found.n_differ, found.version, found.own_cpu_s) == (2, "1.5", 3.0)
    forbid(monkeypatch)
    bench_nation.measure(session, [PEER])


def test_a_program_that_does_not_finish_is_said_to_and_the_others_go_on(
    session: bench_nation.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_before = peers.run
    ill = "".join(peers.PEERS["SedonaDB"].parts)
    monkeypatch.setattr(peers, "run", lambda p, *a: None if p == ill else as_before(p, *a))
    bench_nation.measure(session, ["SedonaDB", PEER])
    kept = tables.read(session.keep)
    assert kept[2_000_000, "register", "SedonaDB"].why == "did not finish"
    assert kept[2_000_000, "register", PEER].n_differ == 2


def test_a_peer_that_is_not_there_or_not_asked_is_named_but_not_kept(
    session: bench_nation.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        peers.Peer, "missing", lambda peer: "not installed" if peer.package == "duckdb" else None
    )
    bench_nation.measure(session, [PEER, tables.USUAL])
    said = {name: of.why for (_, _, name), of in session.kept.items() if of.why}
    assert said == {PEER: "not installed", tables.USUAL: "not asked beyond 1,000,000 rows"}
    assert len(tables.read(session.keep)) == 4


def test_of_a_small_file_the_middle_run_of_three_counts(
    session: bench_nation.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    took_s = iter((5.0, 1.0, 2.0))
    monkeypatch.setattr(peers, "run", lambda *_: {"cpu_s": next(took_s)})
    small = bench_nation.Session(
        folder=session.folder, rows=1_000, order="random", kept={}, keep=None
    )
    assert small.run("", "none") == {"cpu_s": 2.0}
