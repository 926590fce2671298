"""Any number of positions, from a file to a file: streamed, every row kept, none held in memory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from sinkwatch import grid
from sinkwatch.bulk import faults, formats, manifest, parts, pieces, prepared, stream, updating
from sinkwatch.bulk.addresses import Address, location, on_this_machine
from sinkwatch.bulk.request import Basis, BulkReport, Request, Updated
from sinkwatch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from sinkwatch.bulk.rows import Reading

__all__ = [
    "Address",
    "Basis",
    "BulkReport",
    "InParts",
    "Request",
    "Updated",
    "assess_file",
    "location",
]

_SAID: Final = ".manifest"
_BESIDE: Final = (_SAID, "-journal", "-wal", "-shm")  # what SQLite and we write beside a part

Progress: TypeAlias = Callable[[int, int | None], None]
"""Told how many rows are done, and how many there are where the file says."""


class InParts(Protocol):
    """What writes a folder of parts, as `parts.assess_in_parts` does."""

    def __call__(
        self, basis: Basis, request: Request, *, kept: Path | None, progress: Progress
    ) -> BulkReport:
        """Assess every row of a file, and write a folder of GeoParquet."""


def assess_file(
    basis: Basis,
    request: Request,
    *,
    kept: Path | None = None,
    progress: Progress = lambda _done, _of: None,
    in_parts: InParts = parts.assess_in_parts,
) -> BulkReport:
    """
    Assess every row of a file and write the same rows with the assessment beside them.

    Beside the file comes a manifest: what it was made of, and the SHA-256 of both.

    Parameters
    ----------
    basis
        What rows are assessed by.
    request
        What is asked for.
    kept
        Folder in which prepared layers are kept for the next time; None to keep none.
    progress
        Told after each piece.
    in_parts
        What makes the parts of a folder: this machine, or a cluster.

    Returns
    -------
    report
        Rows, and rows in each band.

    Raises
    ------
    ConfigError
        If a kind of file is not known, there is none of that name, or the target is there.
    SchemaError
        If the file cannot be read to its end, has no positions, or its axes look exchanged.
    """
    with faults.told_plainly(request):
        _check_source(request)
        if request.update:
            return _update(basis, request, kept=kept, progress=progress)
        if request.is_in_parts:
            return in_parts(basis, request, kept=kept, progress=progress)
        return _assess_whole(basis, request, kept=kept, progress=progress)


def _update(basis: Basis, request: Request, *, kept: Path | None, progress: Progress) -> BulkReport:
    if not request.is_in_parts:
        rule = "is one file, of which no part can be brought up to date"
        raise ConfigError(str(request.target), rule, "Name a folder of parts")
    return updating.update(basis, request, kept=kept, progress=progress)


def _assess_whole(
    basis: Basis, request: Request, *, kept: Path | None, progress: Progress
) -> BulkReport:
    target = on_this_machine(request.target)
    kind = _writable(target, request)
    # It takes about as long as reading does, and can be done at the same time.
    with _whole(target) as part, manifest.described_beside(request.source) as source:
        with formats.of(request.source, formats.SOURCES).read(request) as reading:
            first = list(islice(reading.batches, 2))
            n_rows = grid.MOST_SQUARES if reading.n_rows is None else reading.n_rows
            asking = pieces.Asking(
                basis=basis,
                indexed=prepared.index(basis.hazard, kept, n_rows) if len(first) > 1 else None,
                reading=reading,
                laid=pieces.laid_out(kind, reading, request),
                request=request,
            )
            counted = _Counted(reading, progress)
            found = stream.in_turn(partial(pieces.assessed, asking), chain(first, reading.batches))
            kind.write(part, asking.laid, counted.passed(found))
        report = counted.complete().report
        how = manifest.asked(basis, request)
        with manifest.described_beside(part) as written:
            _sync(part)
            described = written.result() | {"name": target.name}
        told = manifest.told(how, source.result(), [described], report)
        _put_in_place(part, target, told)
    return report


def _put_in_place(part: Path, target: Path, told: str) -> None:
    """Move what is on the disk to its name, then its manifest, which never tells of another."""
    beside = manifest.beside(target)
    said = part.with_name(part.name + _SAID)
    said.write_text(told, encoding="utf-8")
    _sync(said)
    beside.unlink(missing_ok=True)
    part.replace(target)
    said.replace(beside)
    _sync(target.parent)


def _sync(path: Path) -> None:
    """Wait until what was written would outlast a cut in the power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_source(request: Request) -> None:
    source = request.source
    if source.is_dir():
        rule, way_out = "is a folder, not a file", "Name one file in it"
        raise ConfigError(str(source), rule, way_out)
    if not source.is_file():
        raise ConfigError(str(source), "there is no such file", "Check its name")
    kind = formats.of(source, formats.SOURCES)
    if request.layer is not None and not kind.has_layers:
        rule = f"cannot be chosen, since {kind.title} has no layers"
        raise ConfigError(f"--layer {request.layer}", rule, "Leave --layer out")


def _writable(target: Path, request: Request) -> formats.Target:
    kind = formats.of(target, formats.TARGETS)
    if not target.parent.is_dir():
        raise ConfigError(str(target.parent), "there is no such folder", "Make it, or name another")
    if target.exists() and not request.overwrite:
        raise ConfigError(str(target), "is there already", "Name another file, or add --overwrite")
    return kind


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """Give a name to write under, of which nothing is left whatever happens."""
    part = target.with_name(f".{target.stem}.part{target.suffix}")
    try:
        # GDAL would append to what another attempt has left.
        _remove(part)
        yield part
    finally:
        for left in (part, *(part.with_name(part.name + more) for more in _BESIDE)):
            _remove(left)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


class _Counted:
    """Counts the rows of pieces while they pass, and refuses those that are misread."""

    def __init__(self, reading: Reading, progress: Progress) -> None:
        self._reading, self._progress = reading, progress
        self._noticed = pieces.Noticed()

    def passed(self, found: Iterable[pieces.Piece]) -> Iterator[pa.RecordBatch]:
        for piece in found:
            yield piece.batch
            self._noticed += piece.noticed
            self._noticed.check(self._reading.name, self._reading.n_rows)
            self._progress(self._noticed.n_rows, self._reading.n_rows)

    def complete(self) -> pieces.Noticed:
        """Return the counts, if there is anything counted."""
        return self._noticed.complete(self._reading.name)
