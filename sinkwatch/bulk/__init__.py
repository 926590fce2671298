"""Any number of positions, from a file to a file: streamed, every row kept, none held in memory."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, TypeAlias

import pyarrow as pa
import shapely

from sinkwatch import grid
from sinkwatch.bulk import formats, manifest, parts, pieces, prepared, stream
from sinkwatch.bulk.request import Basis, BulkReport, Request
from sinkwatch.bulk.rows import unreadable
from sinkwatch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sinkwatch.bulk.rows import Reading

__all__ = ["Basis", "BulkReport", "Request", "assess_file"]

LOG = logging.getLogger(__name__)

_SAID: Final = ".manifest"
_BESIDE: Final = (_SAID, "-journal", "-wal", "-shm")  # what SQLite and we write beside a part

_AGAIN: Final = "Check that there is room and that it can be written, and run again"

Progress: TypeAlias = Callable[[int, int | None], None]
"""Told how many rows are done, and how many there are where the file says."""


def assess_file(
    basis: Basis,
    request: Request,
    *,
    kept: Path | None = None,
    progress: Progress = lambda _done, _of: None,
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
    _check_source(request)
    if is_folder(request.target):
        with _told_plainly(request):
            return parts.assess_in_parts(basis, request, kept=kept, progress=progress)
    kind = _writable(request)
    with _told_plainly(request), _whole(request.target) as part:
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
        written = manifest.described(part) | {"name": request.target.name}
        told = manifest.told(how, manifest.described(request.source), [written], report)
        _put_in_place(part, request.target, told)
    return report


def _put_in_place(part: Path, target: Path, told: str) -> None:
    """Move a file to its name, then its manifest: none ever stands beside what it does not tell."""
    beside = manifest.beside(target)
    said = part.with_name(part.name + _SAID)
    said.write_text(told, encoding="utf-8")
    for each in (part, said):
        _sync(each)
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


def is_folder(target: Path) -> bool:
    """
    Tell whether a result is a folder of parts rather than one file.

    Parameters
    ----------
    target
        Where it goes.

    Returns
    -------
    is_folder
        True if there is a folder of that name, or the name has no ending.
    """
    return target.is_dir() or not target.suffix


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


def _writable(request: Request) -> formats.Target:
    target = request.target
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


@contextmanager
def _told_plainly(request: Request) -> Iterator[None]:
    """Turn what libraries raise into what a person can act on."""
    try:
        yield
    except (pa.ArrowException, shapely.errors.ShapelyError, UnicodeDecodeError) as error:
        raise unreadable(request.source.name, error) from error
    except OSError as error:
        # Arrow tells of damaged data so too, but then without the number of a system's error.
        if error.errno is None:
            raise unreadable(request.source.name, error) from error
        is_source = error.filename == str(request.source)
        kept = "What is done is kept" if is_folder(request.target) else "Nothing was written"
        raise ConfigError(
            str(request.source if is_source else request.target),
            f"cannot be {'read' if is_source else 'written'} ({error.strerror or error})",
            f"{kept}. {_AGAIN}",
        ) from error


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
