"""Dated copies of the map: what was published stays, whatever the site says afterwards."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

from sinkwatch import wording
from sinkwatch.errors import SinkwatchError, StoreError
from sinkwatch.packs import folders
from sinkwatch.publish import locations, release
from sinkwatch.publish.release import Ready

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from sinkwatch.services import Services

FOLDER: Final = "keepsakes"
"""Name of the folder of all copies, in the state folder and beside a back-up."""

_SUMS: Final = "sums.json"
_DIGEST_LENGTH: Final = 16
_FOLDER: Final = re.compile(rf"(\d{{4}}-\d\d-\d\d)-([0-9a-f]{{{_DIGEST_LENGTH}}})")
"""Day, and the SHA-256 of the list of sums, so that what the list says can be believed."""

_NAME: Final = re.compile(r"[a-z][a-z0-9-]*\.[a-z]+")
_FOLDER_MODE: Final = 0o700
"""Of the folder of all copies. What lies in it is public, and linked into the site: web servers
read it there."""

Copies: TypeAlias = Mapping[date, Mapping[str, Ready]]
"""By the day on which the site came to say it; then by path inside the site."""


def folder_of(services: Services) -> Path:
    """
    Return where an installation keeps them.

    Parameters
    ----------
    services
        With the state folder.

    Returns
    -------
    folder
        May not be there yet. A folder in it is one copy: whoever removes that folder by hand takes
        the copy out of the next edition, unless it is of the day of the newest change.
    """
    return services.settings.state_folder / FOLDER


def upto(folder: Path, day: date) -> dict[date, dict[str, Ready]]:
    """
    Return the copies kept until the end of a day.

    Parameters
    ----------
    folder
        Of all copies.
    day
        The last to be looked at, in London.

    Returns
    -------
    copies
        By day; one that is not whole is left out. Every byte is looked at, none is held.
    """
    found: dict[date, dict[str, Ready]] = {}
    for each in _by_age(folder):
        dated = _day_of(each)
        copy = _whole(each) if dated is not None and dated <= day else None
        if dated is not None and copy is not None:
            found[dated] = {
                f"{locations.as_at(dated)}/{name}": ready for name, ready in copy.items()
            }
    return dict(sorted(found.items()))


def settled(services: Services, moment: datetime) -> Copies:
    """
    Return the copies that an edition has beside its own.

    Parameters
    ----------
    services
        With the state folder.
    moment
        At which the edition is published, UTC.

    Returns
    -------
    copies
        Of the days before: the copy of a day that is not over is made anew with each edition.
    """
    return upto(folder_of(services), wording.london_date(moment) - timedelta(days=1))


def keep(folder: Path, pages: Mapping[str, bytes]) -> dict[str, Ready]:
    """
    Keep the dated copy that an edition of the site has, in place of any other of that day.

    An edition has one of its own only while none of its day is settled. So the last state of a day
    is kept, and once that day is over its copy stays as it is: somebody may have quoted it.

    Parameters
    ----------
    folder
        Of all copies.
    pages
        Of the edition, by path inside the site.

    Returns
    -------
    files
        What now lies ready, by path inside the site.

    Raises
    ------
    StoreError
        If it cannot be written; those that are there stay.
    """
    ready: dict[str, Ready] = {}
    for day, contents in _dated(pages).items():
        copy = _put(folder, day, contents)
        ready |= {f"{locations.as_at(day)}/{name}": each for name, each in copy.items()}
    return ready


def files(copies: Copies) -> dict[str, Ready]:
    """
    Return the files of copies, as the site has them.

    Parameters
    ----------
    copies
        By day.

    Returns
    -------
    files
        By path inside the site.
    """
    return {path: ready for copy in copies.values() for path, ready in copy.items()}


def copy_all(folder: Path, into: Path) -> None:
    """
    Copy what another folder of copies lacks, for a back-up or back from one.

    Parameters
    ----------
    folder
        Of all copies; it may not be there.
    into
        The other one.

    Raises
    ------
    StoreError
        If they cannot be read or written; those that are there stay.
    """
    there = upto(into, date.max)
    for day, copy in upto(folder, date.max).items():
        if day not in there:
            _put(into, day, {name: ready.path.read_bytes() for name, ready in _named(copy)})


def _named(copy: Mapping[str, Ready]) -> list[tuple[str, Ready]]:
    return [(path.rpartition("/")[2], ready) for path, ready in copy.items()]


def _dated(pages: Mapping[str, bytes]) -> dict[date, dict[str, bytes]]:
    """Return the dated copies among pages: their files by name, by day."""
    found: dict[date, dict[str, bytes]] = {}
    for path, content in pages.items():
        folder, _, name = path.rpartition("/")
        parent, _, day = folder.rpartition("/")
        if parent == locations.AS_AT:
            found.setdefault(date.fromisoformat(day), {})[name] = content
    return found


def _put(folder: Path, day: date, contents: Mapping[str, bytes]) -> dict[str, Ready]:
    """Add a copy, in place of any other of that day."""
    sums = release.manifest_of(contents)
    target = folder / f"{day.isoformat()}-{_digest(sums)}"
    try:
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        copy = _whole(target)
        if copy is None:
            shutil.rmtree(target, ignore_errors=True)
            folders.write({**contents, _SUMS: sums}, target)
            copy = {
                name: Ready(path=target / name, sha256=hashlib.sha256(content).hexdigest())
                for name, content in contents.items()
            }
        for other in folder.glob(f"{day.isoformat()}-{'?' * _DIGEST_LENGTH}"):
            if other != target:
                shutil.rmtree(other)
    except (OSError, SinkwatchError) as error:
        raise StoreError(
            str(folder),
            f"the dated copy of the map cannot be kept there ({error})",
            "Check the rights of state_folder and the space left; what is published stays as it is",
        ) from error
    return copy


def _by_age(folder: Path) -> list[Path]:
    """Return the folders of copies, the newest last: that of a day that has two counts."""
    try:
        found = [each for each in folder.iterdir() if _day_of(each) is not None]
        return sorted(found, key=lambda each: (each.stat().st_mtime_ns, each.name))
    except FileNotFoundError:
        return []


def _day_of(folder: Path) -> date | None:
    named = _FOLDER.fullmatch(folder.name)
    try:
        return date.fromisoformat(named[1]) if named else None
    except ValueError:  # nothing of ours
        return None


def _whole(folder: Path) -> dict[str, Ready] | None:
    """Return the files of a copy; None unless every one of them is there and whole."""
    try:
        content = (folder / _SUMS).read_bytes()
        if not folder.name.endswith(f"-{_digest(content)}"):
            return None
        sums = {str(name): str(sha256) for name, sha256 in json.loads(content).items()}
        if not all(_NAME.fullmatch(name) for name in sums):
            return None
        found = {name: release.sha256_of(folder / name) for name in sums}
    except (OSError, ValueError, AttributeError):
        return None
    if found != sums:
        return None
    return {name: Ready(path=folder / name, sha256=sha256) for name, sha256 in sums.items()}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGEST_LENGTH]
