"""A site on disk: always one whole version, switched by one atomic rename, the last few kept."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from sinkwatch.errors import StoreError

KEPT: Final = 5
"""Releases kept, the present one among them, so that an operator can go back
(publishing rule of the safety notes)."""

NAME_LENGTH: Final = 12
"""Hexadecimal digits of a release's name: of the SHA-256 of its manifest."""

MANIFEST: Final = "manifest.json"
CURRENT: Final = "current"

_RELEASES: Final = "releases"
_FRESH: Final = ".new-"
_PUBLIC_FILE: Final = 0o644
_PUBLIC_FOLDER: Final = 0o755
_NO_LINKS: Final = frozenset(
    {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
)
"""How a file system says that this file can have no second name there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """
    What became of a site that was to be written.

    Attributes
    ----------
    release
        Its name, the same for the same content.
    changed
        Whether readers see something new.
    path
        Where readers find it.
    """

    release: str
    changed: bool
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """
    A file of a site that lies on disk already, so that its bytes need not be held.

    Attributes
    ----------
    path
        Where it lies; it is linked into the release, or copied where that is not possible. It must
        not be changed afterwards.
    sha256
        Of its bytes, hexadecimal, as its maker looked at them.
    """

    path: Path
    sha256: str


_NOTHING_READY: Final[Mapping[str, Ready]] = {}


def write(
    pages: Mapping[str, bytes], folder: Path, files: Mapping[str, Ready] = _NOTHING_READY
) -> Written:
    """
    Write a site and switch readers over to it.

    A reader meets the old version or the new one, never a mixture: files go to a folder of
    their own, each forced to disk, and one rename of a symbolic link makes them current.

    Parameters
    ----------
    pages
        Path inside the site to bytes.
    folder
        Where sites are kept: ``releases`` and the link ``current`` lie in it.
    files
        Path inside the site to files that lie ready; none of them is read whole.

    Returns
    -------
    written
        Unchanged if that very content is current already.

    Raises
    ------
    StoreError
        If the folder cannot be written; what is current stays.
    """
    manifest = manifest_of(pages, files)
    name = hashlib.sha256(manifest).hexdigest()[:NAME_LENGTH]
    try:
        return _write(_Site(pages={**pages, MANIFEST: manifest}, files=files), folder, name)
    except OSError as error:
        raise StoreError(
            str(folder),
            f"the site cannot be written there ({error.strerror or error})",
            "Check its rights and the space left, or name another maps_folder; "
            "what was published before stays as it is",
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    """All that goes into a release, its manifest among the pages."""

    pages: Mapping[str, bytes]
    files: Mapping[str, Ready]


def manifest_of(pages: Mapping[str, bytes], files: Mapping[str, Ready] = _NOTHING_READY) -> bytes:
    """
    List the SHA-256 of every file of a site.

    Parameters
    ----------
    pages
        Path inside the site to bytes.
    files
        Path inside the site to files that lie ready.

    Returns
    -------
    manifest
        JSON, by path.

    Raises
    ------
    StoreError
        If a path would leave the site, or two files have the same.
    """
    for path in (*pages, *files):
        _check(path)
    for path in sorted(pages.keys() & files.keys()):
        raise StoreError(path, "is the path of two files of the site", "Rename one of them")
    digests = {path: hashlib.sha256(content).hexdigest() for path, content in pages.items()}
    digests |= {path: ready.sha256 for path, ready in files.items()}
    return (json.dumps(digests, indent=1, sort_keys=True) + "\n").encode()


def _check(path: str) -> None:
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts or not parts or path == MANIFEST:
        raise StoreError(
            path, "is no path for a page: it must stay inside the site", "Rename the page"
        )


def _write(site: _Site, folder: Path, name: str) -> Written:
    releases = folder / _RELEASES
    releases.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    current, target = folder / CURRENT, releases / name
    is_whole = _is_whole(target, site)
    if is_whole and current.is_symlink() and current.resolve() == target.resolve():
        return Written(release=name, changed=False, path=current)
    if not is_whole:
        _place(site, target)
    _touch(target)
    _switch(folder, name)
    _prune(releases)
    return Written(release=name, changed=True, path=current)


def _is_whole(target: Path, site: _Site) -> bool:
    """Tell whether a release holds exactly these bytes; one damaged on disk is written anew."""
    return all(
        (target / path).is_file() and (target / path).read_bytes() == content
        for path, content in site.pages.items()
    ) and all(_is_the_same(target / path, ready) for path, ready in site.files.items())


def _is_the_same(placed: Path, ready: Ready) -> bool:
    """Tell whether a file was placed and is whole: what is linked is as whole as what is ready."""
    if not placed.is_file():
        return False
    return placed.samefile(ready.path) or sha256_of(placed) == ready.sha256


def sha256_of(path: Path) -> str:
    """
    Return the SHA-256 of a file, which is read bit by bit.

    Parameters
    ----------
    path
        Of the file.

    Returns
    -------
    sha256
        Hexadecimal.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _place(site: _Site, target: Path) -> None:
    fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=_FRESH))
    for path, content in site.pages.items():
        _put(fresh / path, content)
    for path, ready in site.files.items():
        _link(fresh / path, ready.path)
    folders = [fresh, *(each for each in fresh.rglob("*") if each.is_dir())]
    for each in folders:
        each.chmod(_PUBLIC_FOLDER)  # mkdtemp makes it private, but web servers must read it
        _sync(each)
    if target.exists():  # damaged: it would be in the way of the rename
        shutil.rmtree(target)
    fresh.rename(target)
    _sync(target.parent)


def _link(path: Path, ready: Path) -> None:
    """Give a file a second name, or copy it where the file system has no such thing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.hardlink_to(ready)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        with ready.open("rb") as source, path.open("wb") as copy:
            shutil.copyfileobj(source, copy)
            _settle(copy)


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        _settle(file)


def _settle(file: BinaryIO) -> None:
    """Force a file to disk, readable by web servers."""
    file.flush()
    os.fchmod(file.fileno(), _PUBLIC_FILE)
    os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _touch(target: Path) -> None:
    """Make a release the newest, also where the clock is coarse or was set back."""
    others = [each.stat().st_mtime_ns for each in _whole_releases(target.parent) if each != target]
    os.utime(target)
    newest = max([target.stat().st_mtime_ns, *(moment + 1 for moment in others)])
    os.utime(target, ns=(newest, newest))


def _switch(folder: Path, name: str) -> None:
    link = folder / f"{_FRESH}{CURRENT}"
    link.symlink_to(Path(_RELEASES, name), target_is_directory=True)
    link.replace(folder / CURRENT)
    _sync(folder)


def _prune(releases: Path) -> None:
    by_age = sorted(_whole_releases(releases), key=lambda each: each.stat().st_mtime_ns)
    for old in by_age[:-KEPT]:
        shutil.rmtree(old)


def _whole_releases(releases: Path) -> Iterable[Path]:
    return [each for each in releases.iterdir() if not each.name.startswith(_FRESH)]


def _sweep(folder: Path) -> None:
    """Remove what an earlier run left half-made; one runner at a time is the caller's promise."""
    (folder / f"{_FRESH}{CURRENT}").unlink(missing_ok=True)
    for left in (folder / _RELEASES).glob(f"{_FRESH}*"):
        shutil.rmtree(left)
