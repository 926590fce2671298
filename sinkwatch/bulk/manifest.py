"""What stands beside a result: what it was made of, by what, and how to tell it from another."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING, Any, Final

from sinkwatch import __version__
from sinkwatch.bulk import prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from sinkwatch.bulk.addresses import Location
    from sinkwatch.bulk.request import Basis, BulkReport, Request

_BLOCK_BYTES: Final = 1_000_000  # summed between two looks at whether anybody waits for it


def beside(target: Path) -> Path:
    """
    Name the manifest of a file.

    Parameters
    ----------
    target
        The result.

    Returns
    -------
    path
        Beside it.
    """
    return target.with_name(f"{target.name}.manifest.json")


def described(path: Location) -> dict[str, Any]:
    """
    Describe a file so that another can be told from it.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    described
        Its name, size in bytes and SHA-256.
    """
    return _summed(path, lambda: False)


@contextmanager
def described_beside(path: Location) -> Iterator[Future[dict[str, Any]]]:
    """
    Describe a file while something else is done with it.

    Parameters
    ----------
    path
        The file.

    Yields
    ------
    described
        As `described`; given up where the context ends without it, so that no error waits for it.
    """
    is_given_up = Event()
    with ThreadPoolExecutor(1) as beside:
        try:
            yield beside.submit(_summed, path, is_given_up.is_set)
        finally:
            is_given_up.set()


def _summed(path: Location, is_given_up: Callable[[], bool]) -> dict[str, Any]:
    summed = hashlib.sha256()
    with path.open("rb") as file:
        while not is_given_up() and (block := file.read(_BLOCK_BYTES)):
            summed.update(block)
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": summed.hexdigest()}


def asked(basis: Basis, request: Request) -> dict[str, Any]:
    """
    Tell what decides the answers beside the rows themselves.

    Parameters
    ----------
    basis
        What rows are assessed by.
    request
        What was asked for.

    Returns
    -------
    asked
        Version, digest of the layers, and options.
    """
    return {
        "sinkwatch": __version__,
        "layers_sha256": prepared.digest(basis.hazard),
        "editions": list(basis.editions),
        "rings_m": basis.hazard.rings_m.tolist(),
        "uncertainty_m": request.uncertainty_m,
        "boundary_uncertainty_m": request.boundary_uncertainty_m,
        "columns": None if request.columns is None else list(request.columns),
        "only_flagged": request.only_flagged,
        "flag_within_m": basis.flag_within_m,
        "layer": request.layer,
    }


def told(
    how: dict[str, Any],
    source: dict[str, Any],
    written: Sequence[dict[str, Any]],
    report: BulkReport,
) -> str:
    """
    Write a manifest; the same work gives the same text.

    Parameters
    ----------
    how
        What `asked` returned.
    source
        The file that was read, as `described`.
    written
        The files that were written.
    report
        Counts.

    Returns
    -------
    text
        JSON.
    """
    content = {
        **how,
        "input": source,
        "output": list(written),
        "rows": report.n_rows,
        "written": report.n_written,
        "unplaced": report.n_unplaced,
        "misread": report.n_misread,
        "bands": {band.key: n for band, n in report.bands.items()},
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
