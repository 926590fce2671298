"""Where the very bytes lie that a pack was made of, found by their SHA-256 and by nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sinkwatch.errors import SinkwatchError
from sinkwatch.packs import inputs
from sinkwatch.packs.comparing import digest_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sinkwatch.packs.manifest import Manifest
    from sinkwatch.services import Services

_DIGITS: Final = 12  # of a SHA-256, as the names of snapshots begin


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """
    What is left of the inputs of a pack.

    Attributes
    ----------
    paths
        Where each lies, by SHA-256.
    missing
        Names of those of which no copy is held any more.
    faults
        One line for each copy that is gone or is not what it was.
    """

    paths: Mapping[str, Path]
    missing: tuple[str, ...]
    faults: tuple[str, ...]


def find(services: Services, said: Manifest) -> Found:
    """
    Find all that a pack was made of.

    Parameters
    ----------
    services
        Of the installation that made it.
    said
        Its manifest; no path in it is believed.

    Returns
    -------
    found
        With every copy read once.
    """
    search = _Search.of(services)
    paths: dict[str, Path] = {}
    missing: list[str] = []
    faults: list[str] = []
    for name, sha256 in _wanted(said):
        faults += search.damaged(name, sha256)
        path = search.first(name, sha256)
        if path is not None:
            paths[sha256] = path
            continue
        missing.append(name)
        faults.append(f"{name}: no copy with sha256 {digest_text(sha256)} is held any more")
    return Found(paths=paths, missing=tuple(missing), faults=tuple(dict.fromkeys(faults)))


def copies(services: Services, wanted: Mapping[str, str]) -> dict[str, Path | None]:
    """
    Find copies by what they are.

    Parameters
    ----------
    services
        Of the installation that kept them.
    wanted
        SHA-256 of each, by name.

    Returns
    -------
    paths
        Where a whole copy of each lies, by name; None if there is none any more.
    """
    search = _Search.of(services)
    return {name: search.first(name, sha256) for name, sha256 in wanted.items()}


def changed_files(services: Services, said: Manifest) -> tuple[str, ...]:
    """
    Say which of the files that say what the area is are not what they were.

    Parameters
    ----------
    services
        With settings.
    said
        What a pack was made of.

    Returns
    -------
    lines
        One for each such file.
    """
    here = {each.name: each for each in _area_files(services)}
    then = {
        each.name: each for each in said.files if each.name not in (inputs.BASIS, inputs.BOUNDARY)
    }
    lines = [
        f"{name}: {then[name].file} is not there any more" for name in then.keys() - here.keys()
    ] + [f"{name}: {here[name].file} was not there then" for name in here.keys() - then.keys()]
    different = [
        f"{name}: {here[name].file} has sha256 {digest_text(here[name].sha256)} now, the pack was "
        f"made from {digest_text(then[name].sha256)}"
        for name in then.keys() & here.keys()
        if then[name].sha256 != here[name].sha256
    ]
    return tuple(sorted([*lines, *different]))


def _wanted(said: Manifest) -> Iterator[tuple[str, str]]:
    for source in said.sources:
        if source.sha256:
            yield source.name, source.sha256
    for file in said.files:
        yield file.name, file.sha256


def _area_files(services: Services) -> tuple[inputs.InputFile, ...]:
    try:
        return inputs.of_area(services)
    except SinkwatchError:
        return ()  # gone: every one of them is told to be


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """The places where copies lie."""

    cellar: inputs.Cellar
    snapshots: Path
    present: Mapping[str, Path]

    @classmethod
    def of(cls, services: Services) -> _Search:
        given = {spec.name: spec.path for spec in services.area.sources if spec.path is not None}
        files = {each.name: each.path for each in _area_files(services) if each.path is not None}
        return cls(
            cellar=inputs.Cellar.of(services),
            snapshots=services.snapshots(),
            present={**given, **files},
        )

    def damaged(self, name: str, sha256: str) -> Iterator[str]:
        """Name each copy kept for packs that is not what its name promises."""
        for path in sorted(self.cellar.folder.glob(f"{sha256}*")):
            digest = _digest(path)
            if digest != sha256:
                has = f"has sha256 {digest_text(digest)}" if digest else "cannot be read"
                yield (
                    f"{name}: the copy kept of it {has}, the pack was made from "
                    f"{digest_text(sha256)}"
                )

    def first(self, name: str, sha256: str) -> Path | None:
        """Return the first copy that is whole."""
        candidates = [
            *sorted(self.cellar.folder.glob(f"{sha256}*")),
            *sorted(self.snapshots.glob(f"*/{sha256[:_DIGITS]}.*")),
            *([self.present[name]] if name in self.present else []),
        ]
        return next((path for path in candidates if _digest(path) == sha256), None)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
