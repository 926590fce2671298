"""The files that packs are made of: how copies of them are kept, and found again by SHA-256."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import secrets
import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, BinaryIO, Final

from sinkwatch import config, wording
from sinkwatch.errors import SourceError, StoreError
from sinkwatch.packs import folders

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sinkwatch.packs.basis import Basis
    from sinkwatch.services import Services

AREA: Final = "area"
BASIS: Final = "basis"
BOUNDARY: Final = "boundary"
"""Names of inputs that are no sources."""

_NAMED_BY_AREA: Final = ("bands", "policies")
"""Entries of an area file that name a file beside it."""

_SHAPEFILE_PARTS: Final = frozenset({".shp", ".shx", ".dbf", ".prj", ".cpg"})
"""Files that are one shapefile (ESRI Shapefile Technical Description, 1998)."""

_ENDING: Final = re.compile(r"\.[a-z0-9]{1,12}")
_AT_ONCE: Final = 1 << 20  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """
    One file that a pack was made of.

    Attributes
    ----------
    name
        Of the source, or what it is: area, bands, policies, boundary, basis.
    file
        What it is called, without its folder.
    sha256
        Of its bytes, hexadecimal.
    n_bytes
        Its size.
    path
        Where it lies; None if it is not a file yet.
    content
        Its bytes, if it is not.
    """

    name: str
    file: str
    sha256: str
    n_bytes: int
    path: Path | None
    content: bytes = b""


def of_sources(basis: Basis) -> tuple[InputFile, ...]:
    """
    Return the copies of sources that a pack was made of.

    Parameters
    ----------
    basis
        What the pack rests on; its copies can be read.

    Returns
    -------
    inputs
        One for each source that has a copy in use.
    """
    return tuple(
        InputFile(
            name=held.source,
            file=f"{held.sha256}{held.path.suffix.lower()}",
            sha256=held.sha256,
            n_bytes=held.n_bytes,
            path=held.path,
        )
        for held in (state.snapshot for state in basis.states)
        if held is not None
    )


def of_basis(basis: Basis) -> InputFile:
    """
    Return what a pack rests on, written down.

    Parameters
    ----------
    basis
        Area and sources.

    Returns
    -------
    input
        That is no file yet.
    """
    content = basis.content()
    return InputFile(
        name=BASIS,
        file="basis.json",
        sha256=hashlib.sha256(content).hexdigest(),
        n_bytes=len(content),
        path=None,
        content=content,
    )


def of_area(services: Services) -> tuple[InputFile, ...]:
    """
    Return the files that say what the area is.

    Parameters
    ----------
    services
        With settings.

    Returns
    -------
    inputs
        The area file and those that it names.

    Raises
    ------
    SourceError
        If one of them cannot be read.
    """
    path = config.area_file(services.settings.area)
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(AREA, f"{path} cannot be read any more", "Restore it") from error
    beside = {name: said[name] for name in _NAMED_BY_AREA if said.get(name)}
    return (
        described(AREA, path),
        *(described(name, path.parent / file) for name, file in beside.items()),
    )


def of_boundary(path: Path) -> tuple[InputFile, ...]:
    """
    Return the files that a boundary was read from.

    Parameters
    ----------
    path
        The one that was named.

    Returns
    -------
    inputs
        That one first; a shapefile has others of the same name beside it.

    Raises
    ------
    SourceError
        If one cannot be read.
    """
    others: list[Path] = []
    if path.suffix.lower() == ".shp":
        others = sorted(
            found
            for found in path.parent.iterdir()
            if found.stem == path.stem
            and found.suffix.lower() in _SHAPEFILE_PARTS
            and found.name != path.name
        )
    return tuple(described(BOUNDARY, found) for found in (path, *others))


def described(name: str, path: Path) -> InputFile:
    """
    Describe a file as it is now.

    Parameters
    ----------
    name
        What it is.
    path
        Where it lies.

    Returns
    -------
    described
        With its SHA-256.

    Raises
    ------
    SourceError
        If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            n_bytes = file.tell()
    except OSError as error:
        raise SourceError(
            name, f"{path} cannot be read ({error.strerror})", "Check its name and rights"
        ) from error
    return InputFile(
        name=name, file=wording.clean(path.name) or name, sha256=digest, n_bytes=n_bytes, path=path
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cellar:
    """
    Copies of all that packs were made of, each under its SHA-256; `retention` says how long.

    Attributes
    ----------
    folder
        Readable by its owner alone: licensed data may lie in it.
    """

    folder: Path

    @classmethod
    def of(cls, services: Services) -> Cellar:
        """
        Return that of an installation.

        Parameters
        ----------
        services
            With the state folder.

        Returns
        -------
        cellar
            Its folder may not be there yet.
        """
        return cls(folder=services.settings.state_folder / "evidence" / "inputs")

    def place_of(self, sha256: str, file: str) -> Path:
        """
        Return where a copy lies, if there is one.

        Parameters
        ----------
        sha256
            Of its bytes.
        file
            What it was called: a reader goes by the ending.

        Returns
        -------
        path
            In the folder.
        """
        ending = PurePath(file).suffix.lower()
        return self.folder / f"{sha256}{ending if _ENDING.fullmatch(ending) else ''}"

    def open(self) -> None:
        """
        Make the folder, and that of the state, for their owner alone.

        Raises
        ------
        StoreError
            If it cannot be made.
        """
        try:
            for folder in (self.folder.parent.parent, self.folder.parent, self.folder):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error

    def keep(self, inputs: Iterable[InputFile]) -> None:
        """
        Keep a copy of each, so that what was made of them can be made again.

        Parameters
        ----------
        inputs
            Files as they were when the pack was made.

        Raises
        ------
        SourceError
            If one has changed since.
        StoreError
            If a copy cannot be written.
        """
        self.open()
        try:
            with folders.alone_in(self.folder):
                for found in inputs:
                    self._keep(found)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> StoreError:
        return StoreError(
            str(self.folder),
            f"copies of what a pack is made of cannot be kept there ({error.strerror})",
            "Free some space, or check the rights of state_folder; no pack was made",
        )

    def _keep(self, found: InputFile) -> None:
        target = self.place_of(found.sha256, found.file)
        if target.is_file() and described(found.name, target).sha256 == found.sha256:
            os.utime(target)  # in use again: the time for which it is kept begins anew
            return
        with written(target) as copy, _opened(found) as original:
            if _copied(original, copy) != found.sha256:
                raise SourceError(
                    found.name,
                    f"{found.path or found.file} changed while the pack was made",
                    "Make it again",
                )


@contextlib.contextmanager
def written(target: Path) -> Iterator[BinaryIO]:
    """
    Write a file for its owner alone, whole or not at all.

    Parameters
    ----------
    target
        Where it is to lie.

    Yields
    ------
    file
        Takes its place when the block ends well.

    Raises
    ------
    OSError
        If it cannot be written; what was there is there still.
    """
    part = target.with_name(f".{secrets.token_hex(8)}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()


def _opened(found: InputFile) -> BinaryIO:
    return io.BytesIO(found.content) if found.path is None else found.path.open("rb")


def _copied(original: BinaryIO, copy: BinaryIO) -> str:
    """Copy a file and return the SHA-256 of what was copied."""
    digest = hashlib.sha256()
    while block := original.read(_AT_ONCE):
        digest.update(block)
        copy.write(block)
    return digest.hexdigest()
