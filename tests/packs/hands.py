"""What the processes of a crew are told to do in tests; it imports little, so that they start."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from sinkwatch.errors import DataError

Task = tuple[str, Path]
"""What to do, and the folder in which to leave a file of that name."""


def opened() -> Callable[[Task], None]:
    return do


def broken() -> Callable[[Task], None]:
    message = "the words of a stranger"
    raise ValueError(message)


def do(task: Task) -> None:
    """Do as the task says, then leave a note of which process did it."""
    what, folder = task
    if what.startswith("refuse"):
        raise DataError(what, "is too large", "Choose a coarser scale")
    if what.startswith("fail"):
        message = "the words of a stranger"
        raise ValueError(message)
    if what.startswith("die"):
        os.kill(os.getpid(), signal.SIGKILL)
    if what.startswith("hang"):
        time.sleep(600)
    (folder / what).write_text(str(os.getpid()))
