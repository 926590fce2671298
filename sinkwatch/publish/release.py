"""
A site on disk: always one whole version, switched by one atomic rename, the last few kept.

A file that is the same as in the release before gets a second name instead of being written: a
daily run then takes as much room and as many writes as what has changed since the day before.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from sinkwatch.errors import DataError, StoreError

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
    n_written
        Its files that were new to the disk. Its manifest counts nowhere: it is new if anything is.
    n_kept
        Its files that were there already, as whole as they should be.
    """

    release: str
    changed: bool
    path: Path
    n_written: int
    n_kept: int


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
    their own, each forced to disk, and one rename of a symbolic link makes them current. A file
    that the present release has, and has whole, is linked from there.

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
    with _in_one_line(folder):
        return _write(_Site(pages={**pages, MANIFEST: manifest}, files=files), folder, name)


def rollback(folder: Path) -> Written:
    """
    Switch readers back to the release before the present one.

    The release that is left becomes the oldest: going back once more goes further back, and it is
    the first to be removed when new ones come.

    Parameters
    ----------
    folder
        Where sites are kept, as for `write`.

    Returns
    -------
    written
        The release that readers now see.

    Raises
    ------
    DataError
        If no other release is there, or none that is whole; what is current stays.
    StoreError
        If the folder cannot be written; what is current stays.
    """
    current, releases = folder / CURRENT, folder / _RELEASES
    with _in_one_line(folder):
        found = _by_age(releases) if releases.is_dir() else []
        others = [each for each in found if each != _target_of(current)]
        before = next((each for each in reversed(others) if _is_as_listed(each)), None)
        if before is None:
            raise DataError(
                str(current),
                "no whole release is kept beside the present one, so there is none to go back to",
                "Publish anew with `sinkwatch publish`; what is published stays as it is",
            )
        # First, so that a crash before the switch cannot make it the next one to go back to.
        _age(_target_of(current), others)
        _sweep(folder)
        _switch(folder, before.name)
    n_kept = len(_listed(before))
    return Written(release=before.name, changed=True, path=current, n_written=0, n_kept=n_kept)


@contextlib.contextmanager
def _in_one_line(folder: Path) -> Iterator[None]:
    """Say in one line what the disk refused."""
    try:
        yield
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

    def __len__(self) -> int:
        """Return the number of its files without its manifest."""
        return len(self.pages) + len(self.files) - 1


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
    if is_whole and _target_of(current) == target.resolve():
        return Written(release=name, changed=False, path=current, n_written=0, n_kept=len(site))
    n_kept = len(site) if is_whole else _place(site, target, current)
    _touch(target)
    _switch(folder, name)
    _prune(releases)
    n_written = len(site) - n_kept
    return Written(release=name, changed=True, path=current, n_written=n_written, n_kept=n_kept)


def _target_of(current: Path) -> Path | None:
    """Return the release that is current, if one is: a real folder of that name is none."""
    return current.resolve() if current.is_symlink() else None


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


def _place(site: _Site, target: Path, current: Path) -> int:
    """Put a release in its place and return how many of its files were taken from the present."""
    fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=_FRESH))
    kept = _kept(site, current)
    for path, content in site.pages.items():
        if path in kept:
            _link(fresh / path, kept[path])
        else:
            _put(fresh / path, content)
    for path, ready in site.files.items():
        _link(fresh / path, kept.get(path, ready.path))
    folders = [fresh, *(each for each in fresh.rglob("*") if each.is_dir())]
    for each in folders:
        each.chmod(_PUBLIC_FOLDER)  # mkdtemp makes it private, but web servers must read it
        _sync(each)
    if target.exists():  # damaged: it would be in the way of the rename
        shutil.rmtree(target)
    fresh.rename(target)
    _sync(target.parent)
    return len(kept)


def _kept(site: _Site, current: Path) -> dict[str, Path]:
    """Return the files of the present release that the site has too, each looked at once."""
    present = _target_of(current)
    if present is None:
        return {}
    listed = _listed(present)
    wanted = {path: hashlib.sha256(content).hexdigest() for path, content in site.pages.items()}
    wanted |= {path: ready.sha256 for path, ready in site.files.items()}
    same = (path for path, sha256 in wanted.items() if listed.get(path) == sha256)
    return {path: present / path for path in same if _is_sound(present / path, wanted[path])}


def _listed(release: Path) -> dict[str, str]:
    """Return what the manifest of a release lists; nothing if it cannot be read."""
    try:
        listed = json.loads((release / MANIFEST).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return {path: str(digest) for path, digest in listed.items()} if type(listed) is dict else {}


def _is_sound(placed: Path, sha256: str) -> bool:
    """Tell whether a file is there, is no link to elsewhere, and holds what it should."""
    if placed.is_symlink() or not placed.is_file():
        return False
    try:
        return sha256_of(placed) == sha256
    except OSError:  # a bad sector, or rights taken away: it is written anew
        return False


def _is_as_listed(release: Path) -> bool:
    """Tell whether a release holds all that its manifest lists."""
    listed = _listed(release)
    return bool(listed) and all(_is_sound(release / path, listed[path]) for path in listed)


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


def _age(target: Path | None, others: Iterable[Path]) -> None:
    """Make a release the oldest; one that is gone needs no age."""
    if target is not None and target.is_dir():
        oldest = min(each.stat().st_mtime_ns for each in others) - 1
        os.utime(target, ns=(oldest, oldest))


def _switch(folder: Path, name: str) -> None:
    link = folder / f"{_FRESH}{CURRENT}"
    link.symlink_to(Path(_RELEASES, name), target_is_directory=True)
    link.replace(folder / CURRENT)
    _sync(folder)


def _prune(releases: Path) -> None:
    for old in _by_age(releases)[:-KEPT]:
        shutil.rmtree(old)


def _by_age(releases: Path) -> list[Path]:
    """Return the releases kept, the oldest first."""
    found = [each.resolve() for each in _whole_releases(releases)]
    return sorted(found, key=lambda each: each.stat().st_mtime_ns)


def _whole_releases(releases: Path) -> Iterable[Path]:
    return [each for each in releases.iterdir() if not each.name.startswith(_FRESH)]


def _sweep(folder: Path) -> None:
    """Remove what an earlier run left half-made; one runner at a time is the caller's promise."""
    (folder / f"{_FRESH}{CURRENT}").unlink(missing_ok=True)
    for left in (folder / _RELEASES).glob(f"{_FRESH}*"):
        shutil.rmtree(left)
