"""How many pieces of work of one kind are done on all cores, whatever becomes of one of them."""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sinkwatch.errors import SinkwatchError

LOG = logging.getLogger(__name__)

Task = TypeVar("Task")

LIMIT_S: Final = 180.0
"""Longest that nothing may be done by any process, its start included, seconds: sixty times what
one pack may take."""

MOST_WORKERS: Final = 4
"""Processes at most: more are no sooner ready than a small installation has packs for them."""

BYTES_A_WORKER: Final = 2_000_000_000
"""Memory of the machine for each process: 1.4 GB at most were measured while one of a hundred packs
was painted at 300 dpi (tests/benchmarks/bench_packs.py), and others want some."""

WORTH_A_CREW: Final = 3
"""Fewer pieces than this are done here sooner than processes start."""

_MOST_LOST: Final = 3
"""Pieces in a row that may cost a process its life before the rest is left for the next time."""

_LOST: Final = "the process that made it ended, or did nothing for {limit_s:g} s"
_LEFT: Final = "left for the next time, since the processes that make packs end one after another"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Generic[Task]):
    """
    One piece of work.

    Attributes
    ----------
    name
        By which it is known; no two have the same.
    task
        What the work is handed; pickled if another process does it.
    """

    name: str
    task: Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    What became of one piece.

    Attributes
    ----------
    name
        Of the job.
    problem
        Why it is not done, one line; empty if it is.
    trace
        Where in the program, if it is a fault of ours; without the error's own words, which may
        repeat data.
    """

    name: str
    problem: str = ""
    trace: str = ""


def n_workers(n_jobs: int) -> int:
    """
    Return how many processes are worth their start.

    Parameters
    ----------
    n_jobs
        Pieces of work.

    Returns
    -------
    n_workers
        1 to do them in this process.
    """
    if n_jobs < WORTH_A_CREW:
        return 1
    n_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    room = max(1, n_bytes // BYTES_A_WORKER)
    return min(len(os.sched_getaffinity(0)), n_jobs, room, MOST_WORKERS)


def work(
    jobs: Iterable[Job[Task]],
    opened: Callable[[], Callable[[Task], None]],
    *,
    n_workers: int,
    limit_s: float = LIMIT_S,
) -> Iterator[Outcome]:
    """
    Do many pieces of work, each for itself: one that fails keeps no other from being done.

    Parameters
    ----------
    jobs
        Taken one after another, one ahead of the work.
    opened
        Called once in each process; gives what does one piece. Pickled for other processes.
    n_workers
        Processes; 1 for this one.
    limit_s
        Longest that nothing may be done by any other process, seconds.

    Yields
    ------
    outcome
        One for each job, as they come.
    """
    if n_workers == 1:
        yield from _here(jobs, opened)
        return
    waiting, in_flight = iter(jobs), dict[str, Job[Task]]()
    try:
        yield from _Crew(opened, n_workers, limit_s).pieces(waiting, in_flight)
    except BrokenProcessPool:
        # Which of them did it cannot be told: one at a time, it can.
        LOG.warning("packs: a process was lost; the rest is made one by one")
        rest = itertools.chain(list(in_flight.values()), waiting)
        yield from _one_by_one(rest, _Crew(opened, 1, limit_s))
    except (OSError, NotImplementedError) as error:
        LOG.warning("packs: no processes can be started (%s); made in this one", error)
        yield from _here(itertools.chain(list(in_flight.values()), waiting), opened)


def _here(
    jobs: Iterable[Job[Task]], opened: Callable[[], Callable[[Task], None]]
) -> Iterator[Outcome]:
    bench = _Bench(opened)
    for job in jobs:
        yield bench.outcome(job)


def _one_by_one(waiting: Iterator[Job[Task]], crew: _Crew[Task]) -> Iterator[Outcome]:
    n_lost = 0
    while n_lost < _MOST_LOST:
        in_flight: dict[str, Job[Task]] = {}
        try:
            for outcome in crew.pieces(waiting, in_flight):
                n_lost = 0
                yield outcome
        except BrokenProcessPool:
            n_lost += 1
            for name in in_flight:
                yield Outcome(name=name, problem=_LOST.format(limit_s=crew.limit_s))
        else:
            return
    for job in waiting:
        yield Outcome(name=job.name, problem=_LEFT)


@dataclass(frozen=True, slots=True)
class _Crew(Generic[Task]):
    """Processes that work side by side; when one is lost, the others end with it."""

    opened: Callable[[], Callable[[Task], None]]
    n_workers: int
    limit_s: float

    def pieces(
        self, waiting: Iterator[Job[Task]], in_flight: dict[str, Job[Task]]
    ) -> Iterator[Outcome]:
        """Do all that waits; what is `in_flight` when a process is lost is not known to be done."""
        n_ahead = self.n_workers if self.n_workers == 1 else self.n_workers + 1
        asked: set[Future[Outcome]] = set()
        with self._at_work() as pool:
            while True:
                for job in itertools.islice(waiting, n_ahead - len(asked)):
                    in_flight[job.name] = job  # before it is handed over, which may fail
                    asked.add(pool.submit(_do, job))
                if not asked:
                    return
                done, asked = wait(asked, timeout=self.limit_s, return_when=FIRST_COMPLETED)
                if not done:
                    raise BrokenProcessPool
                # Those that are done are told of before one that is lost raises.
                for future in sorted(done, key=_is_lost):
                    outcome = future.result()
                    del in_flight[outcome.name]
                    yield outcome

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[ProcessPoolExecutor]:
        others = multiprocessing.active_children()
        # Not forked: locks that a thread of ours holds would be held there for ever.
        pool = ProcessPoolExecutor(
            self.n_workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_open,
            initargs=(self.opened,),
        )
        try:
            yield pool
        except BrokenProcessPool:
            for child in multiprocessing.active_children():
                if child not in others:
                    child.kill()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class _Bench(Generic[Task]):
    """Where one process works: opened for its first piece, so that a fault there is told too."""

    def __init__(self, opened: Callable[[], Callable[[Task], None]]) -> None:
        self._opened = functools.cache(opened)

    def outcome(self, job: Job[Task]) -> Outcome:
        try:
            self._opened()(job.task)
        except SinkwatchError as error:
            return Outcome(name=job.name, problem=str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are made all the same
            trace = "".join(traceback.format_tb(error.__traceback__))
            problem = f"{type(error).__name__}, a fault in sinkwatch"
            return Outcome(name=job.name, problem=problem, trace=trace)
        return Outcome(name=job.name)


def _is_lost(future: Future[Outcome]) -> bool:
    return future.exception() is not None


_AT_HAND: Final[list[_Bench[Any]]] = []
"""What does one piece, in a process of a crew."""


def _open(opened: Callable[[], Callable[[Any], None]]) -> None:
    """Get a process ready."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started us decides, and tells us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _AT_HAND[:] = [_Bench(opened)]


def _end_with_parent() -> None:
    """End when whoever started us was killed: it would be waited for without end otherwise."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(job: Job[Any]) -> Outcome:
    return _AT_HAND[0].outcome(job)
