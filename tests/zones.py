"""The time zone of this machine, as a process sees it."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def living_in(name: str) -> Iterator[Callable[[str], None]]:
    """Set the time zone of this process until the end; gives what moves it on elsewhere."""
    before = os.environ.get("TZ")
    try:
        _move(name)
        yield _move
    finally:
        _move(before)


def _move(name: str | None) -> None:
    if name is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = name
    time.tzset()
