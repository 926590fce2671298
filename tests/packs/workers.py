"""What the processes of a crew do in tests: importable, so that they can be told to."""

from __future__ import annotations

import functools
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sinkwatch.errors import DataError
from sinkwatch.packs import inputs, recipe, workshop
from sinkwatch.packs.recipe import Order, Recipe
from sinkwatch.packs.workshop import Workshop

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Quick(Workshop):
    """A workshop whose packs are three short files with a true manifest, unless one befalls it."""

    befalls: Mapping[str, str] = field(default_factory=dict)

    def __call__(self) -> Callable[[workshop.Task], None]:
        return functools.partial(_make_quickly, self)


def _make_quickly(shared: Quick, task: workshop.Task) -> None:
    place = task.subject.place
    if place.place_id in shared.befalls:
        do((shared.befalls[place.place_id], shared.shelf.folder))
    outputs = {
        name: f"{name} of {place.label} {shared.made_on}".encode()
        for name in ("evidence.pdf", "map.png", "evidence.csv")
    }
    made_of = Recipe(
        basis=shared.basis,
        files=(*shared.area_files, inputs.of_basis(shared.basis)),
        subject=task.subject,
        order=Order(),
        made_on=shared.made_on,
        contact=shared.contact,
        program=recipe.program(),
    )
    listed = made_of.manifest(place.label, (), outputs)
    shared.shelf.put(task.fingerprint, listed.content(), outputs)
