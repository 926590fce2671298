"""A pack for each flagged place of the published site: which are wanted, kept, made and offered."""

from __future__ import annotations

import contextlib
import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sinkwatch import dossier, wording
from sinkwatch.errors import SinkwatchError
from sinkwatch.model import PlaceKind
from sinkwatch.packs import crew, fingerprint, inputs, offering
from sinkwatch.packs.basis import Basis
from sinkwatch.packs.crew import Job
from sinkwatch.packs.inputs import Cellar
from sinkwatch.packs.recipe import Order, Subject
from sinkwatch.packs.shelf import Shelf
from sinkwatch.packs.workshop import Task, Workshop
from sinkwatch.publish import locations
from sinkwatch.publish.evidence import paper

if TYPE_CHECKING:
    from datetime import date

    from sinkwatch.model import Dossier, Findings, Place, Sheet
    from sinkwatch.packs.offering import Packs
    from sinkwatch.packs.shelf import Kept
    from sinkwatch.services import Services
    from sinkwatch.survey import Surveyed

LOG = logging.getLogger(__name__)

Counting = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
"""Shows a person how many of so many things are done; what it gives is called after each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """
    What became of the packs of one edition of the site.

    Attributes
    ----------
    pdfs
        Where they lie in the site, that of the most telling place first.
    n_made, n_kept
        Made now, and kept since nothing of them has changed.
    failed
        Ids of the places whose pack could not be made, with the reason, one line each.
    """

    pdfs: tuple[str, ...]
    n_made: int
    n_kept: int
    failed: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """
    A flagged place that is to have a pack.

    Attributes
    ----------
    folder
        Of its files in the site.
    place
        The place.
    fingerprint
        Of what its pack would say; empty if that cannot be told.
    problem
        Why not; otherwise empty.
    """

    folder: str
    place: Place
    fingerprint: str
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    The packs of one edition of the site.

    Attributes
    ----------
    wanted
        One for each flagged place with a position, by folder.
    made_on
        Day of those that are made now, in London.
    contact
        Where corrections go.
    shelf
        Where packs lie ready.
    cellar
        Where copies of what they are made of are kept.
    basis, surveyed
        What they rest on, and all that can be said of it; None if it cannot be read.
    """

    wanted: tuple[Wanted, ...]
    made_on: date
    contact: str
    shelf: Shelf
    cellar: Cellar
    basis: Basis
    surveyed: Surveyed | None

    def at_hand(self) -> dict[str, Kept | None]:
        """Return what lies ready, each byte of it looked at."""
        return {
            one.folder: self.shelf.find(one.fingerprint) if one.fingerprint else None
            for one in self.wanted
        }

    def tidy(self, packs: Packs) -> None:
        """
        Remove the packs that neither this edition of the site nor a kept release has.

        Parameters
        ----------
        packs
            What this edition has, as it is published.
        """
        n_removed = self.shelf.prune({kept.folder for kept in packs.values() if kept is not None})
        if n_removed:
            LOG.info("packs: %d out of use removed", n_removed)


def plan(services: Services, findings: Findings, cellar: Cellar | None = None) -> Plan:
    """
    Decide which packs the site is to have; nothing is made yet.

    Parameters
    ----------
    services
        With clock and folders.
    findings
        What is to be published.
    cellar
        Where copies of what packs are made of go; None for that of the installation.

    Returns
    -------
    plan
        In which a place whose pack cannot be told of has its problem.
    """
    made_on = wording.london_date(services.clock())
    basis = Basis.of(services.area, findings.sources)
    surveyed: Surveyed | None = None
    wanted: tuple[Wanted, ...] = ()
    try:
        # Not the run's own: what somebody had looked up may be in that, and whoever checks a
        # pack makes it again of these copies.
        surveyed = basis.surveyed()
        common = fingerprint.of_all(basis, services.settings.contact)
        wanted = tuple(_wanted(surveyed, findings.flagged, common, made_on))
    except Exception as error:  # noqa: BLE001 - no fault in packs keeps the site from anyone
        problem = _told(error)
        LOG.error("packs: none can be made: %s", problem)  # noqa: TRY400 - its words may hold data
        wanted = tuple(
            Wanted(folder=folder, place=place, fingerprint="", problem=problem)
            for folder, place in _flagged(findings, findings.flagged)
        )
    return Plan(
        wanted=wanted,
        made_on=made_on,
        contact=services.settings.contact,
        shelf=Shelf.of(services),
        cellar=cellar or Cellar.of(services),
        basis=basis,
        surveyed=surveyed,
    )


def _wanted(
    surveyed: Surveyed, flagged: frozenset[str], common: str, made_on: date
) -> Iterator[Wanted]:
    for folder, place in _flagged(surveyed.findings, flagged):
        one = Wanted(folder=folder, place=place, fingerprint="")
        try:
            said, sheets = _drafted(surveyed, place, made_on)
            yield replace(one, fingerprint=fingerprint.of(said, sheets, common))
        except Exception as error:  # noqa: BLE001 - the others are made all the same
            yield replace(one, problem=_told(error))


def _flagged(found: Findings, flagged: frozenset[str]) -> Iterator[tuple[str, Place]]:
    """Give the flagged places that have a position, each with its folder."""
    for assessment in (*found.sites, *found.applied):
        place = assessment.place
        if place.place_id in flagged and place.easting is not None:
            is_application = place.kind is PlaceKind.APPLICATION
            locate = locations.of_application if is_application else locations.of_site
            yield locate(place.place_id), place


def _drafted(surveyed: Surveyed, place: Place, made_on: date) -> tuple[Dossier, tuple[Sheet, ...]]:
    said = dossier.gather(surveyed, place, made_on=made_on)
    sheets = paper.plan(
        place, Order().format, reach_m=said.records_within_m, ring_m=said.rings_m[0]
    )
    return said, sheets


def _told(error: Exception) -> str:
    """Say what went wrong: an error that is not ours without its words, which may repeat data."""
    if isinstance(error, SinkwatchError):
        return str(error)
    LOG.error("packs: a fault in sinkwatch\n%s", "".join(traceback.format_tb(error.__traceback__)))
    return f"{type(error).__name__}, a fault in sinkwatch"


@contextlib.contextmanager
def uncounted(title: str, n: int) -> Iterator[Callable[[], None]]:
    """
    Show nothing: where nobody looks on.

    Parameters
    ----------
    title
        What is done.
    n
        How many there are.

    Yields
    ------
    count
        Does nothing.
    """
    del title, n
    yield lambda: None


_STOPPED: Final = "sinkwatch was told to stop before it was made; the next run makes it"


def make(
    services: Services,
    planned: Plan,
    packs: Packs,
    *,
    counting: Counting = uncounted,
) -> tuple[dict[str, Kept | None], Report]:
    """
    Make the packs that are not at hand, on all cores; one that fails keeps no other back.

    Parameters
    ----------
    services
        With the clock, and the files of the area.
    planned
        What is wanted.
    packs
        What is at hand.
    counting
        Shows how far it is.

    Returns
    -------
    packs, report
        What is at hand now, and what was done.
    """
    began = services.clock()
    problems = {one.folder: one.problem for one in planned.wanted if one.problem}
    missing = [one for one in planned.wanted if not one.problem and packs[one.folder] is None]
    if missing:
        LOG.info("packs: %d to make, %d kept", len(missing), len(packs) - len(missing))
        problems |= _made(services, planned, missing, counting)
    now = {**packs, **{one.folder: planned.shelf.find(one.fingerprint) for one in missing}}
    if services.is_stopping():
        problems = {**{one.folder: _STOPPED for one in missing}, **problems}
    report = _report(planned, packs, now, problems)
    for place_id, problem in report.failed:
        LOG.error("packs: none of %s: %s", place_id, problem)
    LOG.info(
        "packs: %d made in %d s, %d kept, %d failed",
        report.n_made,
        (services.clock() - began).total_seconds(),
        report.n_kept,
        len(report.failed),
    )
    return now, report


def _report(planned: Plan, before: Packs, now: Packs, problems: Mapping[str, str]) -> Report:
    failed = tuple(
        (one.place.place_id, problems.get(one.folder) or "it is not whole on disk")
        for one in planned.wanted
        if now[one.folder] is None
    )
    n_kept = sum(kept is not None for kept in before.values())
    return Report(
        pdfs=tuple(f"{one.folder}/{offering.PDF}" for one in planned.wanted if now[one.folder]),
        n_made=len(now) - n_kept - len(failed),
        n_kept=n_kept,
        failed=failed,
    )


def _made(
    services: Services,
    planned: Plan,
    missing: list[Wanted],
    counting: Counting,
) -> dict[str, str]:
    """Make packs; return what went wrong, by folder."""
    surveyed = planned.surveyed
    if surveyed is None:
        return {}
    try:
        area_files = inputs.of_area(services)
        basis_file = inputs.of_basis(planned.basis)
        planned.cellar.keep((*inputs.of_sources(planned.basis), *area_files, basis_file))
    except SinkwatchError as error:
        return dict.fromkeys((one.folder for one in missing), str(error))
    workshop = Workshop(
        surveyed=surveyed,
        basis=planned.basis,
        area_files=area_files,
        made_on=planned.made_on,
        contact=planned.contact,
        shelf=planned.shelf,
    )
    problems: dict[str, str] = {}
    with counting("Evidence packs", len(missing)) as count:
        # Told to end, it begins no other: those left over are made the next time.
        jobs = (_job(one) for one in missing if not services.is_stopping())
        for outcome in crew.work(jobs, workshop, n_workers=crew.n_workers(len(missing))):
            count()
            if outcome.trace and outcome.problem not in problems.values():  # told once
                LOG.error("packs: a fault in sinkwatch\n%s", outcome.trace)
            problems[outcome.name] = outcome.problem
    return problems


def _job(one: Wanted) -> Job[Task]:
    subject = Subject(words=one.place.place_id, place=one.place)
    return Job(name=one.folder, task=Task(fingerprint=one.fingerprint, subject=subject))
