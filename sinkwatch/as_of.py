"""The verb that builds the site of a past day again, and says whether every byte is the same."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sinkwatch import history, survey, wording
from sinkwatch.errors import ConfigError, DataError, SinkwatchError, StoreError
from sinkwatch.packs import basis as bases
from sinkwatch.packs import edition, finding, keepsakes, manifest, noting, verifying
from sinkwatch.packs.shelf import Shelf
from sinkwatch.publish import release
from sinkwatch.publish.site import Imprint
from sinkwatch.sources import snapshots
from sinkwatch.store import publications, states

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from sinkwatch.model import History, Transition
    from sinkwatch.packs.basis import Basis
    from sinkwatch.packs.shelf import Kept
    from sinkwatch.publish.release import Ready
    from sinkwatch.services import Services
    from sinkwatch.store import Store
    from sinkwatch.store.publications import Publication

LOG = logging.getLogger(__name__)

FOLDER: Final = "as-of"
"""Where sites of past days lie in the folder of maps unless another is named."""

_IMPRINT: Final = frozenset(each.name for each in fields(Imprint))
_RELEASES: Final = "releases"
_FRESH: Final = ".sinkwatch-as-of-"
_FOLDER_MODE: Final = 0o755
_NO_REASON: Final = (
    "sinkwatch and its libraries are those of then, and so are the copies: either this is a fault "
    "of sinkwatch, or what the database or the dated copies tell of the past was changed"
)
_KEPT: Final = f"copies out of use are kept for {snapshots.KEPT_FOR.days} days"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """
    What became of the site of a past day.

    Attributes
    ----------
    published_at
        When it was published, UTC.
    release
        SHA-256 of its manifest then, hexadecimal.
    now
        SHA-256 of the manifest of what was built now; empty if nothing could be.
    folder
        Where it was written; None unless it is the same.
    reasons
        Why it is not the same, one line each, without a full stop; empty if it is.
    differing
        Paths of the files that differ, are additional or are missing; None if the release of then
        is not kept any more, so that nobody can tell.
    """

    published_at: datetime
    release: str
    now: str
    folder: Path | None
    reasons: tuple[str, ...] = ()
    differing: tuple[str, ...] | None = None

    @property
    def is_same(self) -> bool:
        """Return whether every byte is as it was."""
        return self.now == self.release


def rebuild(services: Services, day: date, folder: Path | None = None) -> Rebuilt:
    """
    Build the site again as readers saw it last on a day; what is published stays as it is.

    Nobody is asked, and nothing of today is used: area, sources, history and packs are those of
    then. What comes out otherwise is not written, so that no folder says what it is not.

    Parameters
    ----------
    services
        Of the installation that published it.
    day
        In London.
    folder
        Where it goes: it must not be there, be empty, or hold such a site; None for one in the
        folder of maps.

    Returns
    -------
    rebuilt
        Whether it is the same, and otherwise why not.

    Raises
    ------
    BusyError
        If a run is at work.
    ConfigError
        If the folder holds something else.
    DataError
        If there is no such day: it has not been yet, or nothing is noted of it.
    StoreError
        If it cannot be written.
    """
    today = wording.london_date(services.clock())
    if day > today:
        raise DataError(
            day.isoformat(), "has not been yet", f"Name {today.isoformat()} or an earlier day"
        )
    target = folder or services.settings.maps_folder / FOLDER / day.isoformat()
    _check_free(target)
    if not services.has_store():
        raise _nothing_noted(day)
    with services.lock(), services.store() as store:
        found = _published(store, day)
        with tempfile.TemporaryDirectory(prefix="sinkwatch-as-of-") as scratch:
            past = _Past(services=services, store=store, found=found, scratch=Path(scratch))
            return past.rebuilt(target)


def _published(store: Store, day: date) -> Publication:
    """Return what readers saw last by the end of a day."""
    with store.read() as connection:
        found = publications.upto(connection, _end_of(day))
        noted = publications.listing(connection) if found is None else ()
    if found is not None:
        return found
    if not noted:
        raise _nothing_noted(day)
    first = wording.london_date(noted[0].published_at).isoformat()
    raise DataError(
        day.isoformat(),
        f"is before the first edition of the site that is noted, which is of {first}; "
        f"editions are noted for as long as {_KEPT}",
        f"Name {first} or a later day",
    )


def _nothing_noted(day: date) -> DataError:
    return DataError(
        day.isoformat(),
        "no edition of the site is noted in the database",
        "Editions are noted from the next `sinkwatch run` on, or the next `sinkwatch publish` "
        "after one",
    )


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), wording.LONDON).astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    """One edition of the past, and where it is built."""

    services: Services
    store: Store
    found: Publication
    scratch: Path

    def rebuilt(self, target: Path) -> Rebuilt:
        noted = self.found.edition
        told = Rebuilt(
            published_at=self.found.published_at, release=noted.release, now="", folder=None
        )
        missing = self._missing()
        if missing:
            return replace(told, reasons=missing)
        try:
            pages, files = self._content()
        except SinkwatchError as error:
            return replace(told, reasons=(*self._versions(), str(error).rstrip(".")))
        content = release.manifest_of(pages, files)
        now = hashlib.sha256(content).hexdigest()
        if now != noted.release:
            differing = self._differing(json.loads(content))
            return replace(told, now=now, reasons=self._why(), differing=differing)
        _write(pages, files, target)
        return replace(told, now=now, folder=target)

    def _content(self) -> tuple[dict[str, bytes], dict[str, Ready]]:
        noted = self.found.edition
        basis = self._basis()
        findings = survey.surveyed(basis.area, basis.inputs()).findings
        told: History = history.gather(self._transitions(), basis.area.parameters)
        copies = keepsakes.settled(self.services, noted.built_at)
        return edition.content(findings, self._imprint(), self._packs(), told, copies)

    def _imprint(self) -> Imprint:
        """Read who published it; what this version has beside is as it is by default."""
        noted = self.found.edition.imprint
        return Imprint(**{name: noted[name] for name in _IMPRINT & noted.keys()})

    def _basis(self) -> Basis:
        """Read what the edition rests on, and say where its copies lie now."""
        basis = bases.read(self.found.edition.basis.encode())
        paths = finding.copies(self.services, self.found.edition.copies)
        stood = []
        for state in basis.states:
            path = paths.get(state.spec.name)
            snapshot = state.snapshot
            if snapshot is not None and path is not None:
                snapshot = replace(snapshot, path=path)
            stood.append(replace(state, snapshot=snapshot))
        return replace(basis, states=tuple(stood))

    def _transitions(self) -> tuple[Transition, ...]:
        with self.store.read() as connection:
            return states.transitions(connection, until_run=self.found.run_id or 0)

    def _packs(self) -> dict[str, Kept | None] | None:
        noted = self.found.edition.packs
        if noted is None:
            return None
        return {folder: self._pack(folder, one) if one else None for folder, one in noted.items()}

    def _pack(self, folder: str, noted: Mapping[str, str]) -> Kept:
        """Return a pack from the shelf or, if it is gone from there, made again."""
        # The name of its folder begins as its fingerprint does.
        fingerprint = noted[noting.FOLDER].partition("-")[0]
        kept = Shelf.of(self.services).find(fingerprint)
        if kept is None or kept.folder != noted[noting.FOLDER]:
            shelf = Shelf(folder=self.scratch / "packs")
            files = dict(self._made_again(folder, noted))
            shelf.put(fingerprint, files.pop(manifest.FILE), files)
            kept = shelf.find(fingerprint)
        if kept is None or kept.files[manifest.FILE].sha256 != noted[noting.SHA256]:
            raise DataError(
                f"the evidence pack {folder}",
                "is no longer held, and comes out otherwise when it is made again",
                "Look at its difference with `sinkwatch verify`, if you have a copy of it",
            )
        return kept

    def _made_again(self, folder: str, noted: Mapping[str, str]) -> Mapping[str, bytes]:
        sha256 = noted[noting.SHA256]
        path = finding.copies(self.services, {noting.MANIFEST: sha256})[noting.MANIFEST]
        if path is None:
            raise DataError(
                f"the evidence pack {folder}", f"is no longer held: {_KEPT}", "Name a later day"
            )
        LOG.info("as of: the pack %s is made again", folder)
        return verifying.made_again(self.services, manifest.read(path.read_bytes(), folder))

    def _missing(self) -> tuple[str, ...]:
        """Say which copies are gone, and from which day on they are all there."""
        gone = _gone(self.services, self.found)
        if not gone:
            return ()
        lines = [
            f"source {name}: its copy of then, sha256 {self.found.edition.copies[name][:12]}…, "
            f"is no longer held; {_KEPT}"
            for name in gone
        ]
        return (*lines, self._first_whole())

    def _first_whole(self) -> str:
        with self.store.read() as connection:
            noted = publications.listing(connection)
        for each in noted:
            if each.publication_id > self.found.publication_id and not _gone(self.services, each):
                day = wording.london_date(each.published_at)
                return f"the first later day that can be built again is {day.isoformat()}"
        return "no later edition can be built again either; the next run publishes a new one"

    def _versions(self) -> tuple[str, ...]:
        """Say in which versions what built the site then differs from what is here."""
        then, here = self.found.edition.program, noting.program()
        return tuple(
            f"{name} was {then.get(name, 'not there')} then and is "
            f"{here.get(name, 'not there')} now"
            for name in [*here, *sorted(then.keys() - here.keys())]
            if then.get(name) != here.get(name)
        )

    def _why(self) -> tuple[str, ...]:
        return self._versions() or (_NO_REASON,)

    def _differing(self, now: Mapping[str, str]) -> tuple[str, ...] | None:
        """Compare with the release of then, if it is still among those kept."""
        maps, name = self.services.settings.maps_folder, self.found.edition.release
        path = maps / _RELEASES / name[: release.NAME_LENGTH] / release.MANIFEST
        try:
            content = path.read_bytes()
        except OSError:
            return None
        if hashlib.sha256(content).hexdigest() != name:
            return None
        then = json.loads(content)
        return tuple(
            sorted(path for path in then.keys() | now.keys() if then.get(path) != now.get(path))
        )


def _gone(services: Services, found: Publication) -> tuple[str, ...]:
    """Return the sources of which no copy as it was then is held any more."""
    paths = finding.copies(services, found.edition.copies)
    return tuple(name for name, path in paths.items() if path is None)


def _check_free(folder: Path) -> None:
    """Refuse to write where anything but a site lies: what is there is replaced."""
    if not folder.exists() and not folder.is_symlink():
        return
    problem = ""
    if folder.is_symlink() or not folder.is_dir():
        problem = "is no folder"
    elif any(folder.iterdir()) and not _is_site(folder):
        problem = "holds something that is no site of sinkwatch, or more than one"
    if problem:
        raise ConfigError(
            str(folder), problem, "Name another folder with --into; nothing was replaced"
        )


def _is_site(folder: Path) -> bool:
    """Tell whether a folder holds what its manifest lists and nothing else."""
    try:
        listed = json.loads((folder / release.MANIFEST).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    held = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    return type(listed) is dict and held <= {*listed, release.MANIFEST}


def _write(pages: Mapping[str, bytes], files: Mapping[str, Ready], target: Path) -> None:
    """Put a whole site where none is, or in the place of one."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=_FRESH))
        try:
            written = release.write(pages, fresh, files)
            if target.exists():
                shutil.rmtree(target)
            (fresh / _RELEASES / written.release).rename(target)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        raise StoreError(
            str(target),
            f"the site cannot be written there ({error.strerror or error})",
            "Check its rights and the space left, or name another folder with --into",
        ) from error
