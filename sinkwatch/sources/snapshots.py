"""Copies of files as they were at one time, with their provenance."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sinkwatch.errors import SchemaError, SourceError
from sinkwatch.model import Snapshot

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sinkwatch.model import SourceSpec
    from sinkwatch.sources.errand import Errand

LOG = logging.getLogger(__name__)

PACKAGE_FILE: Final = "datapackage.json"
"""Frictionless Data Package that describes the files beside it."""

KEPT_FOR: Final = timedelta(days=90)
"""How long a copy or a raw answer is kept that is not in use (sinkwatch data gates)."""

_NAME_LENGTH: Final = 12  # hexadecimal digits of a SHA-256 that a copy is named by

MOST_BYTES: Final = 200_000_000
"""Greatest size of a file that is taken in, bytes (limit for geology; others are far smaller)."""


def take(spec: SourceSpec, errand: Errand) -> Snapshot:
    """
    Copy the file of a source into the folder of snapshots, once for each content.

    Parameters
    ----------
    spec
        The source; its file may stand beside a Data Package that vouches for it.
    errand
        Where copies are kept, and the time of the run.

    Returns
    -------
    snapshot
        With the provenance that the Data Package or the area file gives.

    Raises
    ------
    SourceError
        If the file cannot be read, is empty or too large, is not what its package says, or the
        copy cannot be written.
    """
    snapshot, content = _examined(spec, errand.now)
    return replace(snapshot, path=keep(spec, errand.folder, content, snapshot.path.suffix.lower()))


def in_place(spec: SourceSpec, *, now: datetime) -> Snapshot:
    """
    Describe the file of a source where it lies, and copy nothing.

    Parameters
    ----------
    spec
        The source; its file may stand beside a Data Package that vouches for it.
    now
        The present time, UTC.

    Returns
    -------
    snapshot
        With the file's own path.

    Raises
    ------
    SourceError
        If the file cannot be read, is empty or too large, or is not what its package says.
    """
    return _examined(spec, now)[0]


def _examined(spec: SourceSpec, now: datetime) -> tuple[Snapshot, bytes]:
    path = _named(spec)
    content = _read(spec, path)
    digest = sha256(content)
    described = _described(spec, path)
    _vouch(spec, digest, described)
    retrieved_at = _retrieved_at(spec, described) or now
    snapshot = Snapshot(
        source=spec.name,
        path=path,
        url=path.name,
        sha256=digest,
        n_bytes=len(content),
        retrieved_at=retrieved_at,
        checked_at=retrieved_at if described else now,
        edition=spec.edition or str(described.get("edition", "")),
        licence=spec.licence or _licence(described),
        attribution=spec.attribution or str(described.get("attribution", "")),
    )
    return snapshot, content


def ships(spec: SourceSpec) -> bool:
    """
    Tell whether the file of a source stands beside a Data Package that describes it.

    Parameters
    ----------
    spec
        The source.

    Returns
    -------
    ships
        True if it does: then it is read afresh, since an upgrade may have brought a new edition.

    Raises
    ------
    SourceError
        If there is a Data Package and it cannot be understood.
    """
    return spec.path is not None and bool(_described(spec, spec.path))


def is_whole(snapshot: Snapshot) -> bool:
    """
    Tell whether the copy that a snapshot speaks of is there, byte for byte.

    Parameters
    ----------
    snapshot
        As it was taken.

    Returns
    -------
    is_whole
        False if the file is gone, cannot be read or has changed.
    """
    try:
        with snapshot.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == snapshot.sha256
    except OSError:
        return False


def name_of(snapshot: Snapshot) -> str:
    """
    Return what a copy is called in messages.

    Parameters
    ----------
    snapshot
        The copy.

    Returns
    -------
    name
        Its source and its file.
    """
    return f"{snapshot.source} ({snapshot.path.name})"


def content(snapshot: Snapshot) -> bytes:
    """
    Read a copy of what a service gave.

    Parameters
    ----------
    snapshot
        The copy.

    Returns
    -------
    content
        Its bytes.

    Raises
    ------
    SchemaError
        If it cannot be read.
    """
    try:
        return snapshot.path.read_bytes()
    except OSError as error:
        fault = f"it cannot be read ({error.strerror})"
        raise SchemaError(name_of(snapshot), [fault], "Run again to ask anew") from error


def seen_again(kept: Snapshot, fresh: Snapshot) -> Snapshot:
    """
    Return the copy already held, checked anew.

    Parameters
    ----------
    kept
        The snapshot as first taken.
    fresh
        The same content, just taken.

    Returns
    -------
    snapshot
        First retrieved when it was, last checked now.
    """
    return replace(fresh, retrieved_at=kept.retrieved_at)


def _named(spec: SourceSpec) -> Path:
    if spec.path is None:
        raise SourceError(spec.name, "no file is named", "Give its path")
    return spec.path


def _read(spec: SourceSpec, path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SourceError(
                spec.name, f"{path} is larger than {MOST_BYTES:,} bytes", "Give a smaller file"
            )
        content = path.read_bytes()
    except OSError as error:
        raise SourceError(
            spec.name, f"{path} cannot be read ({error.strerror})", "Check its name and rights"
        ) from error
    if not content.strip():
        raise SourceError(spec.name, f"{path} is empty", "Fetch or export it again")
    return content


def _described(spec: SourceSpec, path: Path) -> Mapping[str, Any]:
    """Return what the Data Package beside a file says of it; nothing if there is none."""
    package = path.parent / PACKAGE_FILE
    if not package.is_file():
        return {}
    try:
        resources = json.loads(package.read_bytes())["resources"]
        return next((found for found in resources if found.get("path") == path.name), {})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourceError(
            spec.name,
            f"{package} cannot be understood ({type(error).__name__}: {error})",
            "Mend or remove it",
        ) from error


def _vouch(spec: SourceSpec, digest: str, described: Mapping[str, Any]) -> None:
    kind, _, expected = str(described.get("hash", f"sha256:{digest}")).rpartition(":")
    if kind != "sha256":
        raise SourceError(
            spec.name,
            f"{PACKAGE_FILE} vouches for {spec.path} with {kind or 'MD5'}",
            f"Write its SHA-256 there: sha256:{digest}",
        )
    if digest != expected.lower():
        raise SourceError(
            spec.name,
            f"{spec.path} has SHA-256 {digest[:12]}…, but {PACKAGE_FILE} says {expected[:12]}…",
            f"Restore the file, or write its new hash into {PACKAGE_FILE} if you changed it",
        )


def _licence(described: Mapping[str, Any]) -> str:
    return ", ".join(str(found["title"]) for found in described.get("licenses", []))


def _retrieved_at(spec: SourceSpec, described: Mapping[str, Any]) -> datetime | None:
    """Return the midnight, UTC, of the day on which the file was made or fetched, if it is said."""
    day = described.get("retrieved")
    if day is None:
        return None
    try:
        return datetime.combine(date.fromisoformat(day), time(), UTC)
    except (TypeError, ValueError) as error:
        raise SourceError(
            spec.name,
            f"{PACKAGE_FILE} says {spec.path} was retrieved on {day}, which is no date",
            "Write it like 2026-11-22",
        ) from error


def answered(
    spec: SourceSpec, errand: Errand, content: bytes, ending: str, *, url: str
) -> Snapshot:
    """
    Keep what was made of a service's answers, with its provenance.

    Parameters
    ----------
    spec
        The source.
    errand
        Where copies are kept, and the time of the run.
    content
        Its bytes; the same answers must give the same.
    ending
        Of its name, with the full stop.
    url
        Where it was asked.

    Returns
    -------
    snapshot
        Retrieved and checked now.

    Raises
    ------
    SourceError
        If it cannot be written.
    """
    return Snapshot(
        source=spec.name,
        path=keep(spec, errand.folder, content, ending),
        url=url,
        sha256=sha256(content),
        n_bytes=len(content),
        retrieved_at=errand.now,
        checked_at=errand.now,
        edition=spec.edition,
        licence=spec.licence,
        attribution=spec.attribution,
    )


def prune(folder: Path, kept: Collection[Path], *, now: datetime) -> int:
    """
    Remove copies and raw answers that nobody has a use for any more.

    Parameters
    ----------
    folder
        Where copies are kept.
    kept
        Those in use, or waiting for a person.
    now
        The present time, UTC.

    Returns
    -------
    n_removed
        Files removed: those last written more than `KEPT_FOR` ago.
    """
    n_removed = 0
    in_use = {path.resolve() for path in kept}
    oldest = (now - KEPT_FOR).timestamp()
    for path in sorted(found for found in folder.rglob("*") if found.is_file()):
        if path.resolve() in in_use or path.stat().st_mtime >= oldest:
            continue
        try:
            path.unlink()
        except OSError as error:
            LOG.warning("%s cannot be removed (%s)", path, error.strerror)
        else:
            n_removed += 1
    return n_removed


def copies_of(folder: Path, digests: Collection[str]) -> Iterator[Path]:
    """
    Find copies by the SHA-256 that their names begin with.

    Parameters
    ----------
    folder
        Where copies are kept.
    digests
        Hexadecimal.

    Yields
    ------
    path
        Of a copy, not looked into.
    """
    named = {digest[:_NAME_LENGTH] for digest in digests}
    yield from (path for path in sorted(folder.glob("*/*")) if path.stem in named)


def sha256(content: bytes) -> str:
    """
    Return the SHA-256 of a copy.

    Parameters
    ----------
    content
        Its bytes.

    Returns
    -------
    digest
        Hexadecimal.
    """
    return hashlib.sha256(content).hexdigest()


def keep(spec: SourceSpec, folder: Path, content: bytes, ending: str) -> Path:
    """
    Write a copy into the folder of a source, whole or not at all.

    Parameters
    ----------
    spec
        The source.
    folder
        Where copies are kept.
    content
        Its bytes, under which name it is kept.
    ending
        Of its name, with the full stop.

    Returns
    -------
    path
        Where it lies; the same for the same bytes.

    Raises
    ------
    SourceError
        If it cannot be written.
    """
    name = f"{sha256(content)[:_NAME_LENGTH]}{ending}"
    folder = folder / spec.name
    target = folder / name
    if target.is_file() and target.read_bytes() == content:
        return target
    part = folder / f".{name}.part"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise SourceError(
            spec.name, f"{folder} cannot be written ({error.strerror})", "Check its rights"
        ) from error
    return target
