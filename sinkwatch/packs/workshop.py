"""Where the packs of the site are made: what a process is handed to make one after another."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sinkwatch.packs import manifest, recipe
from sinkwatch.packs.recipe import Order, Subject

if TYPE_CHECKING:
    from datetime import date

    from sinkwatch.packs.basis import Basis
    from sinkwatch.packs.inputs import InputFile
    from sinkwatch.packs.making import Bench
    from sinkwatch.packs.shelf import Shelf
    from sinkwatch.survey import Surveyed


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """
    One pack that is to be made.

    Attributes
    ----------
    fingerprint
        Under which it is kept.
    subject
        What it is about.
    """

    fingerprint: str
    subject: Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """
    What packs of one edition share: handed to each process that makes some, and opened there once.

    Attributes
    ----------
    surveyed
        All that is known.
    basis
        What that rests on.
    area_files
        Those that say what the area is.
    made_on
        Day of the packs, in London.
    contact
        Where corrections go.
    shelf
        Where they are put.
    """

    surveyed: Surveyed
    basis: Basis
    area_files: tuple[InputFile, ...]
    made_on: date
    contact: str
    shelf: Shelf

    def __call__(self) -> Callable[[Task], None]:
        """Get ready to make packs."""
        from sinkwatch.packs.making import Bench  # noqa: PLC0415 - slow to import, and only needed where one is made

        bench = Bench.of(
            self.surveyed,
            self.basis,
            self.area_files,
            made_on=self.made_on,
            contact=self.contact,
            program=recipe.program(),
        )
        return functools.partial(_make, bench, self.shelf)


def _make(bench: Bench, shelf: Shelf, task: Task) -> None:
    files = dict(bench.pack(task.subject, Order()).files)
    said = files.pop(manifest.FILE)
    shelf.put(task.fingerprint, said, files)
