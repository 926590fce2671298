"""Many pieces of work on several processes: each for itself, and no end but the end of all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sinkwatch.packs import crew
from sinkwatch.packs.crew import Job, Outcome
from tests.packs import hands

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


def jobs(folder: Path, *names: str) -> list[Job[hands.Task]]:
    return [Job(name=name, task=(name, folder)) for name in names]


def work(folder: Path, *names: str, n_workers: int, limit_s: float = 60) -> dict[str, str]:
    """Return what became of each piece."""
    outcomes = crew.work(jobs(folder, *names), hands.opened, n_workers=n_workers, limit_s=limit_s)
    told = list(outcomes)
    assert len({one.name for one in told}) == len(told)  # one outcome for each
    return {one.name: one.problem for one in told}


def done(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("n_workers", [1, 2])
def test_one_that_fails_keeps_no_other_from_being_done(tmp_path: Path, n_workers: int) -> None:
    found = work(tmp_path, "a", "refuse", "b", "fail", "c", n_workers=n_workers)
    assert found == {
        "a": "",
        "refuse": "refuse: is too large. Choose a coarser scale.",
        "b": "",
        "fail": "ValueError, a fault in sinkwatch",
        "c": "",
    }
    assert done(tmp_path) == {"a", "b", "c"}


def test_several_processes_do_the_work_and_none_of_them_is_this_one(tmp_path: Path) -> None:
    names = [f"{number}" for number in range(12)]
    assert set(work(tmp_path, *names, n_workers=2).values()) == {""}
    pids = {int(path.read_text()) for path in tmp_path.iterdir()}
    assert done(tmp_path) == set(names)
    assert 1 <= len(pids) <= 2
    assert os.getpid() not in pids


def test_one_worker_is_this_process(tmp_path: Path) -> None:
    work(tmp_path, "a", n_workers=1)
    assert (tmp_path / "a").read_text() == str(os.getpid())


def test_a_fault_of_ours_comes_with_its_trace_but_without_its_words(tmp_path: Path) -> None:
    (outcome,) = crew.work(jobs(tmp_path, "fail"), hands.opened, n_workers=1)
    assert "hands.py" in outcome.trace
    assert "stranger" not in f"{outcome.problem}{outcome.trace}"


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_workshop_that_cannot_be_opened_is_told_of_each_piece(
    tmp_path: Path, n_workers: int
) -> None:
    found = crew.work(jobs(tmp_path, "a", "b"), hands.broken, n_workers=n_workers)
    assert [one.problem for one in found] == ["ValueError, a fault in sinkwatch"] * 2


def test_a_piece_that_kills_its_process_is_found_out_and_all_others_are_done(
    tmp_path: Path,
) -> None:
    found = work(tmp_path, "a", "die", "b", "c", "d", n_workers=2)
    assert found.pop("die").startswith("the process that made it ended")
    assert found == dict.fromkeys("abcd", "")
    assert done(tmp_path) == set("abcd")


def test_a_piece_that_never_ends_is_ended(tmp_path: Path) -> None:
    found = work(tmp_path, "hang", n_workers=2, limit_s=0.5)
    assert found == {"hang": "the process that made it ended, or did nothing for 0.5 s"}


def test_when_process_after_process_ends_the_rest_is_left_for_the_next_time(
    tmp_path: Path,
) -> None:
    found = work(tmp_path, *(f"die-{number}" for number in range(5)), n_workers=2)
    assert [problem.partition(",")[0] for problem in found.values()] == [
        *["the process that made it ended"] * 3,
        *["left for the next time"] * 2,
    ]


def test_where_no_process_can_be_started_the_work_is_done_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(crew, "ProcessPoolExecutor", refused)
    assert work(tmp_path, "a", "b", "c", n_workers=2) == dict.fromkeys("abc", "")
    assert (tmp_path / "a").read_text() == str(os.getpid())


def test_pieces_are_put_together_when_their_turn_comes(tmp_path: Path) -> None:
    taken: list[str] = []

    def one_by_one() -> Iterator[Job[hands.Task]]:
        for job in jobs(tmp_path, *(f"{number}" for number in range(20))):
            taken.append(job.name)
            yield job

    outcomes = crew.work(one_by_one(), hands.opened, n_workers=2)
    first = next(outcomes)
    assert first == Outcome(name=first.name)
    assert len(taken) <= 3  # two at work and one ahead, not twenty
    assert len(list(outcomes)) == 19


def test_processes_end_with_whoever_started_them_however_that_ends(tmp_path: Path) -> None:
    program = f"""
        import sys
        from pathlib import Path
        sys.path.insert(0, {str(ROOT)!r})
        from sinkwatch.packs import crew
        from tests.packs import hands
        if __name__ == "__main__":
            folder = Path({str(tmp_path)!r})
            jobs = [crew.Job(name=name, task=(name, folder)) for name in ("a", "hang-1", "hang-2")]
            for outcome in crew.work(jobs, hands.opened, n_workers=2):
                print(outcome.name, flush=True)
    """
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(program))
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "a\n"
        os.kill(started.pid, signal.SIGKILL)
        # The pipe is theirs too: it ends when the last of them has ended.
        assert started.stdout.read() == ""


@pytest.mark.parametrize(
    ("n_jobs", "n_cores", "gigabytes", "n_workers"),
    [
        (0, 8, 64, 1),
        (2, 8, 64, 1),
        (3, 1, 64, 1),
        (3, 2, 64, 2),
        (100, 2, 64, 2),
        (3, 8, 64, 3),
        (100, 64, 64, 4),
        (100, 4, 1, 1),
        (100, 4, 5, 2),
    ],
)
def test_processes_are_started_only_where_they_are_worth_it_and_have_room(
    monkeypatch: pytest.MonkeyPatch, n_jobs: int, n_cores: int, gigabytes: int, n_workers: int
) -> None:
    sizes = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": gigabytes * 10**9 // 4096 + 1}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(n_cores)))
    assert crew.n_workers(n_jobs) == n_workers
