"""
Pieces passed from reader to kernel to writer, so that no processor waits for another.

One thread reads, one writes and others assess; a few pieces are under way at a time, and they are
written in the order in which they were read.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

MOST_WORKERS: Final = 4
"""More threads than these wait for the one that reads and the one that writes."""

_AHEAD: Final = 3  # pieces under way beside the one that is written

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


def in_turn(work: Callable[[_Given], _Made], given: Iterable[_Given]) -> Iterator[_Made]:
    """
    Work on a few pieces at a time; give what comes of them in their order.

    Parameters
    ----------
    work
        What is done with each, in a thread.
    given
        The pieces, read in a thread of their own.

    Yields
    ------
    made
        What comes of each.
    """
    workers = min(MOST_WORKERS, os.cpu_count() or 1)
    under_way: deque[Future[_Made]] = deque()
    with ThreadPoolExecutor(1) as ahead, ThreadPoolExecutor(workers) as pool:
        for piece in _read_ahead(ahead, given):
            under_way.append(pool.submit(work, piece))
            if len(under_way) > _AHEAD:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def _read_ahead(pool: ThreadPoolExecutor, given: Iterable[_Given]) -> Iterator[_Given]:
    """Read the next piece while something is done with this one."""
    reading = iter(given)
    coming = pool.submit(next, reading, None)
    while (piece := coming.result()) is not None:
        coming = pool.submit(next, reading, None)
        yield piece
