"""The verb that makes an evidence pack of one place, and keeps what it was made of."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sinkwatch import dossier, intake, lint, survey, wording
from sinkwatch.packs import folders, inputs, manifest, recipe, retention, subjects
from sinkwatch.packs.basis import Basis
from sinkwatch.packs.recipe import Order, Recipe, Subject
from sinkwatch.publish.evidence import paper
from sinkwatch.publish.evidence.press import Press
from sinkwatch.sources import LOOK_UPS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path

    from sinkwatch.model import Dossier, Inputs, Sheet
    from sinkwatch.packs.inputs import InputFile
    from sinkwatch.packs.manifest import Program
    from sinkwatch.services import Services
    from sinkwatch.survey import Surveyed

__all__ = ["Bench", "Made", "Order", "Pack", "make"]

LOG = logging.getLogger(__name__)

FOLDER: Final = "evidence"
"""Where packs lie in the folder of maps unless another is named; it is not published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """
    A pack that lies nowhere yet.

    Attributes
    ----------
    dossier
        What it says.
    sheets
        Of map.
    recipe
        What decided it.
    files
        Name to bytes, the manifest among them.
    """

    dossier: Dossier
    sheets: tuple[Sheet, ...]
    recipe: Recipe
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """
    A pack that was made.

    Attributes
    ----------
    folder
        Where it lies.
    pack
        The pack.
    """

    folder: Path
    pack: Pack


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """
    All that packs of one day share, laid out once; what is made on it depends on nothing else.

    Attributes
    ----------
    surveyed
        All that is known.
    basis
        What that rests on.
    area_files
        Those that say what the area is.
    made_on
        Day of the packs, in London.
    contact
        Where corrections go.
    program
        What makes them.
    press
        Ready for these findings.
    """

    surveyed: Surveyed
    basis: Basis
    area_files: tuple[InputFile, ...]
    made_on: date
    contact: str
    program: Program
    press: Press

    @classmethod
    def of(  # noqa: PLR0913 - all that decides what is made, each by its name
        cls,
        surveyed: Surveyed,
        basis: Basis,
        area_files: tuple[InputFile, ...],
        *,
        made_on: date,
        contact: str,
        program: Program,
    ) -> Bench:
        """
        Lay out what packs share.

        Parameters
        ----------
        surveyed
            All that is known.
        basis
            What that rests on.
        area_files
            Those that say what the area is.
        made_on
            Day of the packs, in London.
        contact
            Where corrections go.
        program
            What makes them.

        Returns
        -------
        bench
            To make any number of packs on.
        """
        return cls(
            surveyed=surveyed,
            basis=basis,
            area_files=area_files,
            made_on=made_on,
            contact=contact,
            program=program,
            press=Press.of(surveyed.findings, version=program.version, contact=contact),
        )

    def recipe(self, subject: Subject, order: Order) -> Recipe:
        """
        Say what decides a pack, and by which id it goes.

        Parameters
        ----------
        subject
            What it is about.
        order
            How it is to be made.

        Returns
        -------
        recipe
            With its key and map id.
        """
        return Recipe(
            basis=self.basis,
            files=(*self.area_files, *subject.boundary_files, inputs.of_basis(self.basis)),
            subject=subject,
            order=order,
            made_on=self.made_on,
            contact=self.contact,
            program=self.program,
        )

    def pack(self, subject: Subject, order: Order) -> Pack:
        """
        Make a pack.

        Parameters
        ----------
        subject
            What it is about.
        order
            How it is to be made.

        Returns
        -------
        pack
            The same bytes for the same bench, subject and order.

        Raises
        ------
        SinkwatchError
            If it cannot be made; the message says why.
        """
        told = dossier.gather(
            self.surveyed,
            subject.place,
            made_on=self.made_on,
            title=order.title,
            draft_limit=order.draft_limit,
        )
        sheets = paper.plan(
            told.place, order.format, reach_m=told.records_within_m, ring_m=told.rings_m[0]
        )
        LOG.info("evidence: %s", wording.joined([sheet.ratio for sheet in sheets]))
        made_of = self.recipe(subject, order)
        files = self.press.build(told, sheets, map_id=made_of.map_id, is_archive=order.is_archive)
        listed = made_of.manifest(told.title, sheets, files)
        return Pack(
            dossier=told,
            sheets=sheets,
            recipe=made_of,
            files={**files, manifest.FILE: listed.content()},
        )


def make(
    services: Services,
    words: str,
    order: Order,
    *,
    boundary: Path | None = None,
    output: Path | None = None,
) -> Made:
    """
    Make the pack of a place from what is held, and write it to a folder.

    Parameters
    ----------
    services
        Clock, area and folders; nobody is asked.
    words
        A site id, an application reference, or the path of a boundary file.
    order
        How it is to be made.
    boundary
        File with the ground of the site or application named; None for what is held of it.
    output
        Where it is to lie; None for its own folder among the maps.

    Returns
    -------
    made
        The pack, whole on disk; a copy of all that it was made of is kept, for years.

    Raises
    ------
    PlaceError
        If the words name nothing that a pack is made for.
    CoverageError
        If it lies outside the area.
    ConfigError
        If it does not fit the sheets asked for, or something else lies where it is to lie.
    DataError
        If the title or the boundary cannot be used, or the pack would be too large.
    SourceError
        If a source is missing that the assessment cannot do without.
    StoreError
        If it cannot be written; nothing is half done then.
    """
    asked = replace(order, title=lint.title(order.title)) if order.title else order
    if output is not None:
        folders.check_free(output)
    cellar = inputs.Cellar.of(services)
    cellar.open()
    basis, held = present(services, copies=services.snapshots())
    subject = subjects.find(basis.area, held, words, boundary)
    folder = output or of_place(services, subject)
    folders.check_free(folder)
    LOG.info("evidence: %s", subject.place.label)
    bench = lay_out(services, basis, held)
    pack = bench.pack(subject, asked)
    cellar.keep((*inputs.of_sources(basis), *pack.recipe.files))
    retention.note(services, pack.recipe.map_id, pack.files[manifest.FILE])
    folders.write(pack.files, folder)
    LOG.info("evidence: %d files, %s", len(pack.files), pack.recipe.map_id)
    return Made(folder=folder, pack=pack)


def present(services: Services, *, copies: Path) -> tuple[Basis, Inputs]:
    """
    Return what is held now, to the day.

    Parameters
    ----------
    services
        Clock, area and state folder.
    copies
        Where copies are kept of what was never taken in.

    Returns
    -------
    basis
        What a pack made now would rest on.
    held
        What its copies hold.

    Raises
    ------
    SourceError
        If a source is missing that the assessment cannot do without.
    """
    # What people had looked up tells where they are: no pack rests on it.
    told = tuple(spec for spec in services.area.sources if spec.kind not in LOOK_UPS)
    asked = replace(services, area=replace(services.area, sources=told))
    held = intake.recall(asked, copies=copies)
    basis = Basis.of(asked.area, held.states)
    return basis, replace(held, states=basis.states)


def lay_out(services: Services, basis: Basis, held: Inputs) -> Bench:
    """
    Lay out what packs share that are made now.

    Parameters
    ----------
    services
        Clock and settings.
    basis
        What they rest on.
    held
        What its copies hold.

    Returns
    -------
    bench
        Of today.
    """
    return Bench.of(
        survey.surveyed(basis.area, held),
        basis,
        inputs.of_area(services),
        made_on=wording.london_date(services.clock()),
        contact=services.settings.contact,
        program=recipe.program(),
    )


def of_place(services: Services, subject: Subject) -> Path:
    """
    Return where the pack of a place lies unless another folder is named.

    Parameters
    ----------
    services
        With the folder of maps.
    subject
        What it is about.

    Returns
    -------
    folder
        Beside what is published, not in it.
    """
    return services.settings.maps_folder / FOLDER / dossier.slug_of(subject.place.place_id)
