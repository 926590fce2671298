"""Every source of an area: fetched, loaded to a checked frame, or kept at its last good copy."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from sinkwatch.errors import ConfigError, DataError, SourceError
from sinkwatch.model import (
    ONLINE_KINDS,
    PLANNING_KINDS,
    Area,
    Inputs,
    Snapshot,
    SourceSpec,
    SourceState,
    SourceStatus,
    Surroundings,
)
from sinkwatch.sources import applications, geology, planit, snapshots, tables
from sinkwatch.sources.errand import Errand

if TYPE_CHECKING:
    import geopandas as gpd

    from sinkwatch.sources.download import Downloader
    from sinkwatch.sources.politeness import HostRule

LOG = logging.getLogger(__name__)

Held = Callable[[str], Snapshot | None]
"""Gives the last good snapshot of a source, or None if there never was one."""


class Source(Protocol):
    """A kind of source: a module or an object with these two functions."""

    def fetch(self, spec: SourceSpec, errand: Errand) -> Snapshot:
        """
        Take a copy of what the source gives now.

        Parameters
        ----------
        spec
            The source.
        errand
            Where copies are kept, the time of the run, the way out, and the copy held.
        """

    def load(self, snapshot: Snapshot, spec: SourceSpec, area: Area) -> gpd.GeoDataFrame:
        """
        Turn a copy into a checked frame, EPSG:27700.

        Parameters
        ----------
        snapshot
            The copy.
        spec
            The source.
        area
            The area.
        """


class OnlineSource(Source, Protocol):
    """A kind of source that asks servers outside."""

    def host_rules(self, spec: SourceSpec) -> Mapping[str, HostRule]:
        """
        Return the servers that a source asks, and how each may be asked.

        Parameters
        ----------
        spec
            The source.
        """


ONLINE: Final[Mapping[str, OnlineSource]] = {
    "planit": planit,
}
"""Kinds of source that ask a service on the internet."""

KINDS: Final[Mapping[str, Source]] = {
    **ONLINE,
    "geology": geology,
    "sinkholes": tables.SINKHOLES,
    "places": tables.PLACES,
    "postcodes": tables.POSTCODES,
    "cases": tables.CASES,
    "applications": applications,
}
"""Kinds of source that an area file may name."""

_MAY_BE_MISSING: Final = frozenset({"cases"}) | PLANNING_KINDS
_EMPTY: Final = {"cases": tables.CASES.empty, "applications": applications.empty}
_GIVES: Final = dict.fromkeys(PLANNING_KINDS, "applications")
"""Which frame a kind fills, where that is not the one of its own name."""
_AROUND: Final = tuple(found.name for found in fields(Surroundings))
_JOINED: Final = {"applications": applications.joined}
"""Frames that several sources may fill, and how two become one."""


def gather(
    area: Area,
    folder: Path,
    held: Held,
    *,
    now: datetime,
    downloader: Downloader | None = None,
) -> Inputs:
    """
    Ask every source of an area; keep the last good copy of one that fails.

    Parameters
    ----------
    area
        The area.
    folder
        Where copies are kept.
    held
        The last good snapshot of a source.
    now
        Time of the run, UTC.
    downloader
        The way out to the internet; None on an installation that asks nobody.

    Returns
    -------
    inputs
        With a state per source. A source that could not be read is failed or stale there,
        never silently an empty frame.

    Raises
    ------
    SourceError
        If a source that the assessment cannot do without fails and no copy is held.
    """

    def take(spec: SourceSpec) -> Snapshot:
        kept = held(spec.name)
        errand = Errand(
            area=area,
            folder=folder,
            now=now,
            downloader=downloader,
            held=kept if kept is not None and snapshots.is_whole(kept) else None,
        )
        return KINDS[spec.kind].fetch(spec, errand)

    return _gathered(area, lambda spec: _ask(spec, area, take, held(spec.name), now=now))


def recall(area: Area, folder: Path | None, held: Held, *, now: datetime) -> Inputs:
    """
    Use what is held and ask nobody; files that were never taken in are read as they are.

    Parameters
    ----------
    area
        The area.
    folder
        Where copies are kept of what was never taken in; None to read it in place and write
        nothing at all.
    held
        The last good snapshot of a source.
    now
        The present time, UTC, for the age of each source.

    Returns
    -------
    inputs
        With a state per source.

    Raises
    ------
    SourceError
        If a source that the assessment cannot do without is not held.
    """

    def take(spec: SourceSpec) -> Snapshot:
        if folder is None:
            return snapshots.in_place(spec, now=now)
        return KINDS[spec.kind].fetch(spec, Errand(area=area, folder=folder, now=now))

    def ask(spec: SourceSpec) -> _Answer:
        kept = held(spec.name)
        if spec.kind in ONLINE_KINDS:
            return _recalled_online(spec, area, kept, now=now)
        frame = None if _ships(spec) else _held_frame(spec, area, kept)
        if frame is None or kept is None:
            return _ask(spec, area, take, kept, now=now)
        return _Answer(frame=frame, state=_state(spec, area, kept, len(frame), now=now))

    return _gathered(area, ask)


def host_rules(area: Area) -> dict[str, HostRule]:
    """
    Return the servers that an area's sources ask, and how each may be asked.

    Parameters
    ----------
    area
        The area.

    Returns
    -------
    rules
        By server; no other is ever asked.
    """
    rules: dict[str, HostRule] = {}
    for spec in area.sources:
        if spec.kind in ONLINE and not spec.switched_off:
            rules |= ONLINE[spec.kind].host_rules(spec)
    return rules


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    frame: gpd.GeoDataFrame | None
    state: SourceState


def _gathered(area: Area, ask: Callable[[SourceSpec], _Answer]) -> Inputs:
    _check_known(area.sources)
    _check_kinds(area.sources)
    answers = [ask(spec) for spec in area.sources]
    frames: dict[str, gpd.GeoDataFrame] = {kind: make() for kind, make in _EMPTY.items()}
    # What the operator gives by hand comes last, so that it wins.
    for answer in sorted(answers, key=lambda a: a.state.spec.kind not in ONLINE_KINDS):
        kind = answer.state.spec.kind
        name = _GIVES.get(kind, kind)
        if answer.frame is not None:
            before = frames.get(name)
            if before is None or before.empty:
                frames[name] = answer.frame
            else:
                frames[name] = _JOINED[name](before, answer.frame)
    around = {name: frames.pop(name) for name in _AROUND if name in frames}
    return Inputs(
        geology=frames["geology"],
        sinkholes=frames["sinkholes"],
        places=frames["places"],
        postcodes=frames["postcodes"],
        cases=frames["cases"],
        applications=frames["applications"],
        states=tuple(answer.state for answer in answers),
        surroundings=Surroundings(**around),
    )


def _check_known(specs: Iterable[SourceSpec]) -> None:
    for spec in specs:
        if spec.kind not in KINDS:
            raise ConfigError(
                f"source {spec.name}",
                f"its kind {spec.kind} is not known",
                f"Use one of {', '.join(sorted(KINDS))}",
            )


def _check_kinds(specs: Iterable[SourceSpec]) -> None:
    """Refuse an area that names too few or too many, before anything is asked."""
    kinds = Counter(spec.kind for spec in specs)
    missing = sorted(set(KINDS) - set(kinds) - _MAY_BE_MISSING)
    if missing:
        raise SourceError(
            ", ".join(missing), "no source of this kind is named", "Add one to the area file"
        )
    repeated = sorted(
        kind for kind, n in kinds.items() if n > 1 and _GIVES.get(kind, kind) not in _JOINED
    )
    if repeated:
        raise ConfigError(
            f"source kind {', '.join(repeated)}",
            "two sources of this kind are named",
            "Name one in the area file",
        )


def _ask(
    spec: SourceSpec,
    area: Area,
    take: Callable[[SourceSpec], Snapshot],
    kept: Snapshot | None,
    *,
    now: datetime,
) -> _Answer:
    if spec.switched_off:
        return _not_set_up(spec, spec.switched_off)
    if spec.path is None and spec.kind not in ONLINE_KINDS:
        return _not_named(spec, area, kept, now=now)
    try:
        snapshot = take(spec)
        frame = KINDS[spec.kind].load(snapshot, spec, area)
        _refuse_sudden_emptiness(spec, frame, kept, area)
    except (DataError, SourceError) as error:
        LOG.warning("%s: %s", spec.name, error)
        return _fall_back(spec, area, kept, error)
    if kept is not None and kept.sha256 == snapshot.sha256:
        snapshot = snapshots.seen_again(kept, snapshot)
    LOG.info("%s: %d rows of %s", spec.name, len(frame), snapshot.edition or snapshot.url)
    return _Answer(frame=frame, state=_state(spec, area, snapshot, len(frame), now=now))


def _not_named(spec: SourceSpec, area: Area, kept: Snapshot | None, *, now: datetime) -> _Answer:
    frame = _held_frame(spec, area, kept)
    if frame is not None and kept is not None:
        return _Answer(frame=frame, state=_state(spec, area, kept, len(frame), now=now))
    if spec.kind not in _MAY_BE_MISSING:
        raise SourceError(spec.name, "no file is named", "Give its path in the area file")
    return _not_set_up(spec, "No file or service is named for it on this installation.")


def _not_set_up(spec: SourceSpec, problem: str) -> _Answer:
    state = SourceState(
        spec=spec, status=SourceStatus.NOT_CONFIGURED, snapshot=None, problem=problem
    )
    return _Answer(frame=None, state=state)


def _recalled_online(
    spec: SourceSpec, area: Area, kept: Snapshot | None, *, now: datetime
) -> _Answer:
    """Use the copy held of a service; one that was never asked has failed in nothing yet."""
    if spec.switched_off:
        return _not_set_up(spec, spec.switched_off)
    if kept is None:
        return _not_set_up(spec, "It has not been asked yet.")
    frame = _held_frame(spec, area, kept)
    if frame is None:
        problem = "The copy held is gone or cannot be used; the next run asks again."
        state = SourceState(spec=spec, status=SourceStatus.FAILED, snapshot=None, problem=problem)
        return _Answer(frame=None, state=state)
    return _Answer(frame=frame, state=_state(spec, area, kept, len(frame), now=now))


def _held_frame(spec: SourceSpec, area: Area, kept: Snapshot | None) -> gpd.GeoDataFrame | None:
    """Load the copy held; None if there is none, or it is not what was taken in any more."""
    if kept is None:
        return None
    if not snapshots.is_whole(kept):
        LOG.warning("%s: the copy held, %s, is gone or has changed", spec.name, kept.path)
        return None
    try:
        return KINDS[spec.kind].load(kept, spec, area)
    except DataError as error:  # taken in by another version, under other rules
        LOG.warning("%s: the copy held cannot be used: %s", spec.name, error)
        return None


def _ships(spec: SourceSpec) -> bool:
    """Tell whether the source is read afresh; a package that is no use vouches for nothing."""
    try:
        return snapshots.ships(spec)
    except SourceError:
        return False


def _fall_back(
    spec: SourceSpec, area: Area, kept: Snapshot | None, error: DataError | SourceError
) -> _Answer:
    frame = _held_frame(spec, area, kept)
    if frame is None:
        if spec.kind not in _MAY_BE_MISSING:
            raise SourceError(
                spec.name,
                f"{error.rule}. {error.way_out}",
                "No earlier copy is held, so nothing was done",
            ) from error
        state = SourceState(
            spec=spec, status=SourceStatus.FAILED, snapshot=None, problem=str(error)
        )
        return _Answer(frame=None, state=state)
    state = SourceState(
        spec=spec,
        status=SourceStatus.FAILED,
        snapshot=kept,
        problem=str(error),
        n_rows=len(frame),
    )
    return _Answer(frame=frame, state=state)


def _refuse_sudden_emptiness(
    spec: SourceSpec, frame: gpd.GeoDataFrame, kept: Snapshot | None, area: Area
) -> None:
    """Hold a data set that has lost every row: an empty file reads as "nothing near you"."""
    if len(frame):
        return
    before = _held_frame(spec, area, kept)
    n_before = 0 if before is None else len(before)
    if n_before:
        raise SourceError(
            spec.name,
            f"it holds 0 rows where the last good copy holds {n_before}",
            "The last good copy stays in use; if it really is empty, remove that copy",
        )


def _state(
    spec: SourceSpec, area: Area, snapshot: Snapshot, n_rows: int, *, now: datetime
) -> SourceState:
    days = area.parameters.stale_after_days.get(spec.name)
    is_stale = days is not None and now - snapshot.checked_at > timedelta(days=days)
    problem = f"Last checked more than {days} days ago." if is_stale else ""
    status = SourceStatus.STALE if is_stale else SourceStatus.GOOD
    return SourceState(spec=spec, status=status, snapshot=snapshot, problem=problem, n_rows=n_rows)
