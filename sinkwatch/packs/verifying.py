"""The verb that makes a pack again and says: the same, different and where, data changed since."""

from __future__ import annotations

import enum
import logging
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sinkwatch import dossier, survey
from sinkwatch.errors import DataError, SinkwatchError
from sinkwatch.packs import basis as bases
from sinkwatch.packs import (
    comparing,
    finding,
    inputs,
    making,
    manifest,
    recipe,
    retention,
    subjects,
)
from sinkwatch.packs.comparing import digest_text
from sinkwatch.publish import locations

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from sinkwatch.model import Inputs
    from sinkwatch.packs.basis import Basis
    from sinkwatch.packs.making import Pack
    from sinkwatch.packs.manifest import Manifest
    from sinkwatch.packs.recipe import Subject
    from sinkwatch.services import Services

LOG = logging.getLogger(__name__)

_MOST_BYTES: Final = 50_000_000
"""Largest output that is read to see where it differs, bytes: ten times what a pack may have."""

_MOST_NAMED: Final = 20  # files named that are no part of a pack

_NOTHING_OF_IT: Final = "nothing that the pack lists has changed"


class Outcome(enum.StrEnum):
    """What became of a pack that was made again."""

    SAME = "same"
    CHANGED_SINCE = "data changed since"
    UNPROVEN = "cannot be made again"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """
    What can be said of a pack.

    Attributes
    ----------
    folder
        Where it lies.
    title, map_id, made_on
        As its manifest has them.
    program
        In which versions what made it differs from what is here; empty if in none.
    outputs
        Files that are missing, changed or additional, with where they differ.
    inputs
        Copies that are gone or damaged.
    differences
        Files that came out otherwise when it was made again, and where.
    problem
        Why it was not made again; empty if it was.
    since
        What has changed since in the data, and in what it would say.
    """

    folder: Path
    title: str
    map_id: str
    made_on: date
    program: tuple[str, ...]
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    differences: tuple[str, ...]
    problem: str
    since: tuple[str, ...]

    @property
    def outcome(self) -> Outcome:
        """Return what all of it comes to."""
        if self.outputs or (self.differences and not self.program):
            return Outcome.DIFFERENT
        if self.problem or self.differences:
            return Outcome.UNPROVEN
        return Outcome.CHANGED_SINCE if self.since or self.inputs else Outcome.SAME


def verify(services: Services, folder: Path) -> Verdict:
    """
    Make a pack again of the very bytes that it was made of, and compare.

    Nothing is written but to a temporary folder, and nobody is asked.

    Parameters
    ----------
    services
        Of the installation that made it: it holds the copies.
    folder
        Of the pack; perhaps a stranger's.

    Returns
    -------
    verdict
        What was found.

    Raises
    ------
    DataError
        If it is no pack.
    """
    said = manifest.in_folder(folder)
    LOG.info("verify: %s of %s", said.map_id, said.made_on.isoformat())
    found = finding.find(services, said)
    with tempfile.TemporaryDirectory(prefix="sinkwatch-verify-") as scratch:
        again = _Again.of(said, found, Path(scratch))
        since = tuple(_since(services, said, again, Path(scratch)))
    files = again.pack.files if again.pack is not None else {}
    outputs = tuple(_faults(folder, said, files))
    touched = {line.partition(":")[0] for line in outputs}
    return Verdict(
        folder=folder,
        title=said.title,
        map_id=said.map_id,
        made_on=said.made_on,
        program=_program(said),
        outputs=outputs,
        inputs=found.faults,
        differences=tuple(_differences(folder, said, files, touched)),
        problem=again.problem,
        since=since,
    )


def made_again(services: Services, said: Manifest) -> Mapping[str, bytes]:
    """
    Make a pack again of the very bytes that it was made of.

    Parameters
    ----------
    services
        Of the installation that made it: it holds the copies.
    said
        Its manifest.

    Returns
    -------
    files
        Name to bytes, the manifest among them; whether they are those of then is not looked at.

    Raises
    ------
    DataError
        If it cannot be made again; the message says why.
    """
    found = finding.find(services, said)
    with tempfile.TemporaryDirectory(prefix="sinkwatch-again-") as scratch:
        again = _Again.of(said, found, Path(scratch))
    if again.pack is None:
        raise DataError(f"the pack {said.map_id}", again.problem, "Nothing was made")
    return again.pack.files


def _program(said: Manifest) -> tuple[str, ...]:
    """Say in which versions what made the pack differs from what is here."""
    here, then = recipe.program(), said.program
    before = {"sinkwatch": then.version, "python": then.python, **then.tools}
    after = {"sinkwatch": here.version, "python": here.python, **here.tools}
    return tuple(
        f"{name} {before.get(name, 'was not there')} then, {after.get(name, 'is not there')} now"
        for name in [*after, *sorted(before.keys() - after.keys())]
        if before.get(name) != after.get(name)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Again:
    """A pack made again, as far as that was possible."""

    pack: Pack | None = None
    held: Inputs | None = None
    problem: str = ""

    @classmethod
    def of(cls, said: Manifest, found: finding.Found, scratch: Path) -> _Again:
        if found.missing:
            are = "is" if len(found.missing) == 1 else "are"
            return cls(
                problem=f"{len(found.missing)} of its inputs {are} not held any more; "
                f"{retention.KEPT}"
            )
        try:
            return cls._made(said, found, scratch)
        except SinkwatchError as error:
            return cls(problem=str(error).rstrip("."))

    @classmethod
    def _made(cls, said: Manifest, found: finding.Found, scratch: Path) -> _Again:
        basis = _basis(said, found, scratch)
        held = basis.inputs()
        subject = _subject(said.subject.words, basis, held, _boundary(said, found, scratch))
        bench = making.Bench.of(
            survey.surveyed(basis.area, held),
            basis,
            _area_files(said, found),
            made_on=said.made_on,
            contact=said.parameters.contact,
            program=said.program,
        )
        pack = bench.pack(subject, recipe.order_of(said))
        return cls(pack=pack, held=held)


def _basis(said: Manifest, found: finding.Found, scratch: Path) -> Basis:
    """Read what the pack rests on, and lay its copies out under the names that it has for them."""
    written = [each.sha256 for each in said.files if each.name == inputs.BASIS]
    if len(written) != 1:
        raise DataError(
            "the manifest", "does not name the basis of the pack", "Take the pack as it was made"
        )
    basis = bases.read(found.paths[written[0]].read_bytes())
    folder = scratch / "inputs"
    folder.mkdir()
    for held in (state.snapshot for state in basis.states if state.snapshot is not None):
        if held.sha256 not in found.paths:
            raise DataError(
                held.source,
                f"its copy, sha256 {digest_text(held.sha256)}, is not named by the manifest",
                "Take the pack as it was made",
            )
        (folder / held.path.name).symlink_to(found.paths[held.sha256].absolute())
    return basis.lying_in(folder)


def _area_files(said: Manifest, found: finding.Found) -> tuple[inputs.InputFile, ...]:
    return tuple(
        inputs.InputFile(
            name=each.name,
            file=each.file,
            sha256=each.sha256,
            n_bytes=each.n_bytes,
            path=found.paths[each.sha256],
        )
        for each in said.files
        if each.name not in (inputs.BASIS, inputs.BOUNDARY)
    )


def _boundary(said: Manifest, found: finding.Found, scratch: Path) -> Path | None:
    """Lay the files of a boundary out under their own names, as they were read."""
    files = [each for each in said.files if each.name == inputs.BOUNDARY]
    if not files:
        return None
    folder = scratch / "boundary"
    folder.mkdir()
    for each in files:
        shutil.copyfile(found.paths[each.sha256], folder / each.file)
    return folder / files[0].file


def _subject(words: str, basis: Basis, held: Inputs, boundary: Path | None) -> Subject:
    # A stranger's words must not have us read a file of this machine.
    if boundary is not None and words == boundary.name:
        return subjects.of_file(basis.area, boundary)
    return subjects.of_words(basis.area, held, words, boundary)


def _faults(folder: Path, said: Manifest, again: Mapping[str, bytes]) -> Iterator[str]:
    """Compare the files of a pack with what its manifest says of them."""
    listed = {each.file: each for each in said.outputs}
    for name, each in listed.items():
        try:
            digest = manifest.digest_of(folder / name)
        except OSError as error:
            yield f"{name}: is missing or cannot be read ({error.strerror})"
            continue
        if digest != each.sha256:
            place = _where(folder, name, again)
            yield (
                f"{name}: has sha256 {digest_text(digest)}, its manifest says "
                f"{digest_text(each.sha256)}{place}"
            )
    # On the published site the page that offers a pack lies beside its files.
    held = {found.name for found in folder.iterdir()} - {manifest.FILE, locations.INDEX}
    additional = sorted(held - listed.keys())
    for name in additional[:_MOST_NAMED]:
        yield f"{name}: is no part of the pack"
    if len(additional) > _MOST_NAMED:
        yield f"{len(additional) - _MOST_NAMED:,} more: are no part of the pack"


def _where(folder: Path, name: str, again: Mapping[str, bytes]) -> str:
    if name not in again:
        return ""
    content = _content(folder / name)
    if content is None or content == again[name]:
        return ""
    return f"; it differs {comparing.where(name, again[name], content)}"


def _content(path: Path) -> bytes | None:
    try:
        with manifest.opened(path) as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError:
        return None
    return content if len(content) <= _MOST_BYTES else None


def _differences(
    folder: Path, said: Manifest, again: Mapping[str, bytes], touched: set[str]
) -> Iterator[str]:
    """Compare a pack made again with the files that are as their manifest says."""
    if not again:
        return
    for name in sorted({each.file for each in said.outputs} | again.keys()):
        if name in touched or (name == manifest.FILE and touched):
            continue
        if name not in again:
            yield f"{name}: is not made any more"
            continue
        content = _content(folder / name)
        if content is None:
            yield f"{name}: is made now, and was not then"
        elif content != again[name]:
            yield f"{name}: comes out otherwise {comparing.where(name, content, again[name])}"


def _since(services: Services, said: Manifest, again: _Again, scratch: Path) -> Iterator[str]:
    """Say what has changed since in the data, and in what the pack would say for it."""
    files = finding.changed_files(services, said)
    yield from files
    try:
        basis, held = making.present(services, copies=scratch / "copies")
    except SinkwatchError as error:
        yield f"what the sources say now cannot be told: {str(error).rstrip('.')}"
        return
    changed = comparing.sources(said.sources, basis)
    yield from changed
    if again.pack is None or again.held is None or not (files or changed):
        return
    yield from comparing.rows(again.held, held)
    yield from _said_now(again.pack, basis, held, scratch) or (_NOTHING_OF_IT,)


def _said_now(pack: Pack, basis: Basis, held: Inputs, scratch: Path) -> tuple[str, ...]:
    """Gather what the pack would say for the data of now, as if it were still its day."""
    made_of = pack.recipe
    files = made_of.subject.boundary_files
    boundary = scratch / "boundary" / files[0].file if files else None
    try:
        subject = _subject(made_of.subject.words, basis, held, boundary)
        told = dossier.gather(
            survey.surveyed(basis.area, held),
            subject.place,
            made_on=made_of.made_on,
            title=made_of.order.title,
            draft_limit=made_of.order.draft_limit,
        )
    except SinkwatchError as error:
        return (f"no pack of the place could be made now: {str(error).rstrip('.')}",)
    return comparing.said(pack.dossier, told)
