"""A bar on the terminal while a large file comes, or while many things are made."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from sinkwatch.services import Services


LOG = logging.getLogger(__name__)


class Bar:
    """
    Shows one file at a time on standard error.

    Parameters
    ----------
    console
        Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextlib.contextmanager
    def showing(self, title: str, n_bytes: int | None) -> Iterator[Callable[[int], None]]:
        """
        Show one file while it comes.

        Parameters
        ----------
        title
            Source and file.
        n_bytes
            Its size; None if the server does not say.

        Yields
        ------
        advance
            To be told how many bytes more have come.
        """
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as shown:
            task = shown.add_task(title, total=n_bytes)
            yield lambda n_more: shown.advance(task, n_more)


def shown(services: Services) -> Services:
    """
    Let a person see large files come; a log, a pipe or a scheduler sees nothing of it.

    Parameters
    ----------
    services
        As opened.

    Returns
    -------
    services
        With a bar if standard error is a terminal.
    """
    if not sys.stderr.isatty():
        return services
    return replace(services, progress=Bar(Console(stderr=True)))


@contextlib.contextmanager
def counting(title: str, n: int) -> Iterator[Callable[[], None]]:
    """
    Let a person see how many of so many things are done; a log or a pipe sees nothing of it.

    Parameters
    ----------
    title
        What they are.
    n
        How many there are.

    Yields
    ------
    count
        To be called after each.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(title, total=n)
        yield lambda: bar.advance(task)


@contextlib.contextmanager
def rows(title: str) -> Iterator[Callable[[int, int | None], None]]:
    """
    Let a person see how many rows are done, how fast, and how long the rest will take.

    A log or a pipe gets one line when it begins, and one when it has ended.

    Parameters
    ----------
    title
        What is done with them.

    Yields
    ------
    count
        To be told how many are done, and how many there are where that is known.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        with _logged(title) as count:
            yield count
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed:,.0f} rows"),
        _Speed(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


@contextlib.contextmanager
def _logged(title: str) -> Iterator[Callable[[int, int | None], None]]:
    n_rows = 0

    def count(done: int, _of: int | None) -> None:
        nonlocal n_rows
        n_rows = done

    LOG.info("%s: begun", title)
    began_s = time.monotonic()
    yield count
    took_s = max(time.monotonic() - began_s, 0.001)
    LOG.info("%s: %d rows in %.1f s, %.0f rows/s", title, n_rows, took_s, n_rows / took_s)


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} rows/s" if task.speed else "")
