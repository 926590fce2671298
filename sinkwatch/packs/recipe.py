"""All that decides a pack before it is made, the key and the map id that follow from it."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import platform
from dataclasses import dataclass, field
from datetime import date
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

import shapely

from sinkwatch import __version__, dossier, public, wording
from sinkwatch.model import Paper
from sinkwatch.packs import inputs, manifest
from sinkwatch.packs.manifest import (
    FileEntry,
    Manifest,
    OutputEntry,
    ParametersEntry,
    Program,
    SheetEntry,
    SourceEntry,
    SubjectEntry,
)
from sinkwatch.publish.evidence.paper import Format

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sinkwatch.model import Place, Sheet, SourceState
    from sinkwatch.packs.basis import Basis
    from sinkwatch.packs.inputs import InputFile

_TOOLS: Final = (
    "typst",
    "pikepdf",
    "matplotlib",
    "pillow",
    "folium",
    "geopandas",
    "pyogrio",
    "shapely",
    "pandas",
    "numpy",
)
"""Libraries on whose version the bytes of a pack depend."""

_MAP_ID_LENGTH: Final = 8  # hexadecimal digits: enough to tell packs apart when read aloud


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """
    How a pack is to be made.

    Attributes
    ----------
    format
        Scale and paper.
    title
        The user's own; empty for the place's name.
    draft_limit
        Longest draft text, characters.
    is_archive
        Whether its PDFs are to be PDF/A-2a too.
    """

    format: Format = field(default_factory=Format)
    title: str = ""
    draft_limit: int = dossier.DRAFT_LIMIT
    is_archive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """
    What a pack is about.

    Attributes
    ----------
    words
        By which it was asked for, without the folder of a file.
    place
        What they name, EPSG:27700.
    boundary_files
        Files that its boundary was read from, the one named first; empty if there were none.
    """

    words: str
    place: Place
    boundary_files: tuple[InputFile, ...] = ()


@functools.cache
def program() -> Program:
    """
    Return what makes packs here.

    Returns
    -------
    program
        This version of sinkwatch, and those of its libraries.
    """
    tools = {name: importlib.metadata.version(name) for name in _TOOLS}
    return Program(version=__version__, python=platform.python_version(), tools=tools)


def order_of(said: Manifest) -> Order:
    """
    Return how a pack was to be made.

    Parameters
    ----------
    said
        Its manifest.

    Returns
    -------
    order
        As it was given.
    """
    asked = said.parameters
    return Order(
        format=Format(scale=asked.scale, paper=Paper(asked.paper), is_tiled=asked.is_tiled),
        title=asked.title,
        draft_limit=asked.draft_limit,
        is_archive=asked.is_archive,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """
    All that decides a pack, before it is made.

    Attributes
    ----------
    basis
        Area and sources.
    files
        Used besides: those of the area and of a boundary, and the basis written down.
    subject
        What it is about.
    order
        How it is to be made.
    made_on
        Day of the pack, in London.
    contact
        Where corrections go.
    program
        What makes it.
    """

    basis: Basis
    files: tuple[InputFile, ...]
    subject: Subject
    order: Order
    made_on: date
    contact: str
    program: Program

    @property
    def key(self) -> str:
        """SHA-256 of what decides the content, but the day and how fresh the sources were."""
        used = [
            (state.spec.name, state.snapshot.sha256 if state.snapshot else "")
            for state in self.basis.states
        ]
        files = [_file(each).model_dump() for each in self.files if each.name != inputs.BASIS]
        said = {
            "program": self.program.model_dump(mode="json"),
            "area_id": self.basis.area.area_id,
            "subject": _subject(self.subject).model_dump(mode="json"),
            "parameters": self._parameters().model_dump(mode="json"),
            "used": used,
            "files": files,
        }
        return hashlib.sha256(manifest.canonical(said)).hexdigest()

    @property
    def map_id(self) -> str:
        """Short name, another for every other content or day; printed on every page."""
        basis = [each.sha256 for each in self.files if each.name == inputs.BASIS]
        said = (self.key, self.made_on.isoformat(), basis)
        digest = hashlib.sha256(manifest.canonical(said)).hexdigest()
        return f"SW-{digest[:_MAP_ID_LENGTH].upper()}"

    def manifest(
        self, title: str, sheets: Iterable[Sheet], outputs: Mapping[str, bytes]
    ) -> Manifest:
        """
        Say what was made.

        Parameters
        ----------
        title
            As printed.
        sheets
            Of map.
        outputs
            Files of the pack, by name.

        Returns
        -------
        manifest
            Without itself among the outputs.
        """
        return Manifest(
            format=manifest.FORMAT,
            format_version=manifest.FORMAT_VERSION,
            map_id=self.map_id,
            key=self.key,
            made_on=self.made_on,
            program=self.program,
            area_id=self.basis.area.area_id,
            title=title,
            subject=_subject(self.subject),
            parameters=self._parameters(),
            sheets=tuple(map(_sheet, sheets)),
            sources=tuple(map(_source, self.basis.states)),
            files=tuple(map(_file, self.files)),
            outputs=tuple(_output(name, outputs[name]) for name in sorted(outputs)),
        )

    def _parameters(self) -> ParametersEntry:
        order, numbers = self.order, self.basis.area.parameters
        return ParametersEntry(
            scale=order.format.scale,
            paper=order.format.paper.value,
            is_tiled=order.format.is_tiled,
            is_archive=order.is_archive,
            title=order.title,
            draft_limit=order.draft_limit,
            rings_m=numbers.table.rings_m,
            records_within_m=dossier.RECORDS_WITHIN_M,
            default_radius_m=numbers.default_radius_m,
            flag_within_m=numbers.flag_within_m,
            contact=self.contact,
        )


def _subject(subject: Subject) -> SubjectEntry:
    place, files = subject.place, subject.boundary_files
    is_read = bool(files) and place.geometry is not None
    return SubjectEntry(
        words=wording.clean(subject.words),
        place_id=place.place_id,
        label=wording.clean(place.label),
        kind=place.kind.value,
        boundary_file=files[0].file if files else "",
        boundary_wkt=shapely.to_wkt(place.geometry, rounding_precision=2) or "" if is_read else "",
    )


def _sheet(sheet: Sheet) -> SheetEntry:
    frame = sheet.frame
    return SheetEntry(
        number=sheet.number,
        kind=sheet.kind.value,
        ratio=sheet.ratio,
        scale=sheet.scale,
        paper=sheet.paper.value,
        frame_m=(frame.min_easting, frame.min_northing, frame.max_easting, frame.max_northing),
    )


def _source(state: SourceState) -> SourceEntry:
    held = state.snapshot
    url = public.web_link(held.url) if held else ""
    return SourceEntry(
        name=state.spec.name,
        kind=state.spec.kind,
        title=wording.clean(state.spec.title),
        status=state.status.value,
        standing=wording.source_text(state),
        edition=wording.clean(held.edition) if held else "",
        licence=wording.clean(held.licence) if held else "",
        file="" if held is None or url else wording.clean(PurePath(held.url).name),
        url=url,
        sha256=held.sha256 if held else "",
        n_bytes=held.n_bytes if held else 0,
        n_rows=state.n_rows,
        retrieved_on=wording.london_date(held.retrieved_at) if held else None,
    )


def _file(file: InputFile) -> FileEntry:
    return FileEntry(name=file.name, file=file.file, sha256=file.sha256, n_bytes=file.n_bytes)


def _output(name: str, content: bytes) -> OutputEntry:
    digest = hashlib.sha256(content).hexdigest()
    return OutputEntry(file=name, sha256=digest, n_bytes=len(content))
