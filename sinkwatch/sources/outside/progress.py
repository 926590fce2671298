"""Who is told, while a large file comes, how much of it has come."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Final, Protocol, Self

Advance = Callable[[int], None]
"""Told how many bytes more have come."""

FROM_BYTES: Final = 5_000_000
"""Smaller files come before anyone wonders; about a second on a slow line."""


class Progress(Protocol):
    """Shows a person that something goes on: a bar on a terminal, or nothing."""

    def showing(self, title: str, n_bytes: int | None) -> AbstractContextManager[Advance]:
        """
        Show one file while it comes.

        Parameters
        ----------
        title
            Source and file, in plain words.
        n_bytes
            Its size; None if the server does not say.
        """


class _Quiet:
    """Shows nothing."""

    @contextlib.contextmanager
    def showing(self, title: str, n_bytes: int | None) -> Iterator[Advance]:
        """Take notice of nothing."""
        del title, n_bytes
        yield lambda _: None


QUIET: Final[Progress] = _Quiet()
"""Where nobody looks on: a scheduled run, a test."""


class Meter:
    """
    Counts the bytes of one file, and shows them if they are many.

    Parameters
    ----------
    progress
        Where to show them.
    title
        Of the file.
    n_bytes
        Its size; None if the server does not say.
    """

    def __init__(self, progress: Progress, title: str, n_bytes: int | None) -> None:
        self._progress = progress
        self._title = title
        self._n_bytes = n_bytes
        self._n_unshown = 0
        self._advance: Advance | None = None
        self._showing = ExitStack()

    def __enter__(self) -> Self:
        """Begin to count."""
        return self

    def __exit__(self, *error: object) -> None:
        """Show no longer."""
        self._showing.close()

    def count(self, n_bytes: int) -> None:
        """
        Count bytes that have come.

        Parameters
        ----------
        n_bytes
            How many more.
        """
        if self._advance is not None:
            self._advance(n_bytes)
            return
        self._n_unshown += n_bytes
        if max(self._n_unshown, self._n_bytes or 0) > FROM_BYTES:
            shown = self._progress.showing(self._title, self._n_bytes)
            self._advance = self._showing.enter_context(shown)
            self._advance(self._n_unshown)
