"""What a pack rests on: the area as it was set up, and the copy in use of each of its sources."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter, ValidationError

from sinkwatch import model, sources, survey, wording
from sinkwatch.errors import DataError
from sinkwatch.sources import LOOK_UPS

if TYPE_CHECKING:
    from sinkwatch.model import Area, Inputs, Snapshot, SourceSpec, SourceState

_NOON: Final = time(12, tzinfo=UTC)  # the same day in London, in summer as in winter


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """
    What a pack rests on, to the day: the same on the same day whenever it is asked for.

    Attributes
    ----------
    area
        The area with its settings, without what people had looked up: that tells where they are.
    states
        How each of its sources stood, in the area's order. Each time is the noon of its day in
        London.
    """

    area: Area
    states: tuple[SourceState, ...]

    @classmethod
    def of(cls, area: Area, states: Iterable[SourceState]) -> Basis:
        """
        Return what a pack rests on.

        Parameters
        ----------
        area
            The area.
        states
            How each of its sources stands.

        Returns
        -------
        basis
            To the day.
        """
        told = [state for state in states if state.spec.kind not in LOOK_UPS]
        return cls(
            area=replace(area, sources=tuple(state.spec for state in told)),
            states=tuple(_to_the_day(state) for state in told),
        )

    def inputs(self) -> Inputs:
        """
        Read the copies.

        Returns
        -------
        inputs
            With the states of this basis.

        Raises
        ------
        DataError
            If a copy cannot be read.
        SourceError
            If there is none of a source that the assessment cannot do without.
        """
        return sources.replay(self.area, self.states)

    def surveyed(self) -> survey.Surveyed:
        """
        Read the copies, and make of them all that can be said.

        Returns
        -------
        surveyed
            Findings and knowledge.

        Raises
        ------
        DataError
            If a copy cannot be read.
        SourceError
            If there is none of a source that the assessment cannot do without.
        """
        return survey.surveyed(self.area, self.inputs())

    def content(self) -> bytes:
        """
        Write it down, for this installation alone; no folder of this machine is in it.

        Returns
        -------
        content
            JSON, the same for the same basis.
        """
        specs = {spec.name: _without_folders(spec) for spec in self.area.sources}
        shown = Basis(
            area=replace(self.area, sources=tuple(specs.values())),
            states=tuple(
                replace(
                    state,
                    spec=specs[state.spec.name],
                    snapshot=state.snapshot and _named_by_content(state.snapshot),
                )
                for state in self.states
            ),
        )
        return _adapter().dump_json(shown, indent=1) + b"\n"

    def lying_in(self, folder: Path) -> Basis:
        """
        Say where the copies lie now.

        Parameters
        ----------
        folder
            In which each lies under the name that this basis has for it.

        Returns
        -------
        basis
            Whose copies can be read.
        """
        return replace(
            self,
            states=tuple(
                replace(
                    state,
                    snapshot=state.snapshot
                    and replace(state.snapshot, path=folder / state.snapshot.path.name),
                )
                for state in self.states
            ),
        )


def read(content: bytes) -> Basis:
    """
    Read what was written down.

    Parameters
    ----------
    content
        As `Basis.content` gave it.

    Returns
    -------
    basis
        Whose copies lie nowhere yet.

    Raises
    ------
    DataError
        If it is nothing of the kind.
    """
    try:
        return _adapter().validate_json(content)
    except ValidationError as error:
        raise DataError(
            "the basis that is kept of the pack",
            f"cannot be read by this version of sinkwatch ({error.error_count()} entries differ)",
            "Verify the pack with the version that made it",
        ) from error


@functools.cache
def _adapter() -> TypeAdapter[Basis]:
    adapter = TypeAdapter(Basis)
    # The model imports its own types for the type checker only: pydantic needs to be shown them.
    adapter.rebuild(_types_namespace={**vars(model), "Path": Path, "datetime": datetime})
    return adapter


def _to_the_day(state: SourceState) -> SourceState:
    hold = state.hold and replace(state.hold, since=_noon(state.hold.since), candidate=None)
    snapshot = state.snapshot
    if snapshot is not None:
        snapshot = replace(
            snapshot,
            retrieved_at=_noon(snapshot.retrieved_at),
            checked_at=_noon(snapshot.checked_at),
        )
    return replace(state, hold=hold, snapshot=snapshot)


def _noon(moment: datetime) -> datetime:
    return datetime.combine(wording.london_date(moment), _NOON)


def _without_folders(spec: SourceSpec) -> SourceSpec:
    return replace(spec, path=spec.path and Path(spec.path.name))


def _named_by_content(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, path=Path(f"{snapshot.sha256}{snapshot.path.suffix.lower()}"))
