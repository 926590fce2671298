"""Every source of an area: fetched, loaded to a checked frame, or kept at its last good copy."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sinkwatch import gazetteer, wording
from sinkwatch.errors import ConfigError, DataError, SourceError
from sinkwatch.model import (
    ONLINE_KINDS,
    SWITCHED_OFF,
    Age,
    Area,
    Hold,
    Inputs,
    Snapshot,
    SourceSpec,
    SourceState,
    SourceStatus,
    Surroundings,
)
from sinkwatch.sources import gates, kinds, reading, snapshots
from sinkwatch.sources.errand import Errand
from sinkwatch.sources.kinds import KINDS, LOOK_UPS, ONLINE, Source

if TYPE_CHECKING:
    import geopandas as gpd

    from sinkwatch.sources.outside.download import Downloader
    from sinkwatch.sources.outside.politeness import HostRule

__all__ = [
    "KINDS",
    "LOOK_UPS",
    "ONLINE",
    "Source",
    "Wish",
    "gather",
    "host_rules",
    "recall",
    "replay",
]

LOG = logging.getLogger(__name__)

Held = Callable[[str], Snapshot | None]
"""Gives the last good snapshot of a source, or None if there never was one."""

BY_HAND: Final = "put on hold by hand"
"""Rule of a hold that a person made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """
    What this gathering is to do differently from a plain one.

    Attributes
    ----------
    holds
        Sources of which nothing new is to be used, by name.
    ask_now
        Names of the only sources to ask, although their last answer may still be good; empty to
        ask every one that is due.
    wanted
        Postcodes to look up that no list held has.
    """

    holds: Mapping[str, Hold] = field(default_factory=dict)
    ask_now: Collection[str] = ()
    wanted: tuple[str, ...] = ()


PLAIN: Final = Wish()
"""Nothing of the kind."""


def gather(  # noqa: PLR0913 - all that a gathering rests on, each by its name
    area: Area,
    folder: Path,
    held: Held,
    *,
    now: datetime,
    downloader: Downloader | None = None,
    wish: Wish = PLAIN,
) -> Inputs:
    """
    Ask every source of an area; keep the last good copy of one that fails or must wait.

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
    wish
        What is on hold, and what is to be asked in any case.

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
    gathering = _Gathering(
        area=area, folder=folder, held=held, now=now, downloader=downloader, wish=wish
    )
    return _gathered(area, gathering.ask)


def recall(
    area: Area,
    folder: Path | None,
    held: Held,
    *,
    now: datetime,
    holds: Mapping[str, Hold] | None = None,
) -> Inputs:
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
    holds
        Sources of which nothing new is used, by name.

    Returns
    -------
    inputs
        With a state per source.

    Raises
    ------
    SourceError
        If a source that the assessment cannot do without is not held.
    """
    recollection = _Recollection(area=area, folder=folder, held=held, now=now, holds=holds or {})
    return _gathered(area, recollection.ask)


def replay(area: Area, states: Iterable[SourceState]) -> Inputs:
    """
    Use exactly these copies again, whatever is held by now.

    Parameters
    ----------
    area
        The area as it was.
    states
        How each of its sources stood, in the area's order; its snapshot names the copy to read.

    Returns
    -------
    inputs
        With the states as given.

    Raises
    ------
    DataError
        If a copy cannot be read any more.
    SourceError
        If there is none of a source that the assessment cannot do without.
    """
    given = {state.spec.name: state for state in states}

    def ask(spec: SourceSpec, so_far: Mapping[str, _Answer]) -> _Answer:
        del so_far
        state = given[spec.name]
        frame = None if state.snapshot is None else reading.load(state.snapshot, spec, area)
        return _Answer(frame=frame, state=state)

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
            try:
                rules |= ONLINE[spec.kind].host_rules(spec)
            except ConfigError as error:  # it fails by itself, and the others are asked
                LOG.warning("%s: %s", spec.name, error)
    return rules


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    frame: gpd.GeoDataFrame | None
    state: SourceState


_Ask = Callable[[SourceSpec, Mapping[str, _Answer]], _Answer]
"""Answers for one source, knowing the answers of those before it."""


def _gathered(area: Area, ask: _Ask) -> Inputs:
    _check_known(area.sources)
    _check_kinds(area.sources)
    answers: dict[str, _Answer] = {}
    # What looks up single postcodes is asked last: the others tell which are wanted.
    for spec in sorted(area.sources, key=lambda spec: spec.kind in kinds.LOOK_UPS):
        answers[spec.name] = ask(spec, answers)
    frames: dict[str, gpd.GeoDataFrame] = {}
    for spec in sorted(area.sources, key=_rank):
        frame, name = answers[spec.name].frame, kinds.frame_of(spec.kind)
        if frame is not None:
            frames[name] = _joined(name, frames.get(name), frame)
    for name in kinds.EMPTY.keys() - frames.keys():
        frames[name] = _nothing(name).copy(deep=False)
    for name in sorted(kinds.REQUIRED - set(frames)):
        raise SourceError(
            name, "no source of this could be read", "`sinkwatch sources list` says why"
        )
    return Inputs(
        geology=frames["geology"],
        sinkholes=frames["sinkholes"],
        places=frames["places"],
        postcodes=frames["postcodes"],
        cases=frames["cases"],
        applications=frames["applications"],
        states=tuple(answers[spec.name].state for spec in area.sources),
        surroundings=Surroundings(**{name: frames.get(name) for name in kinds.AROUND}),
    )


@cache
def _nothing(name: str) -> gpd.GeoDataFrame:
    return kinds.EMPTY[name]()


def _rank(spec: SourceSpec) -> bool:
    """Order sources for joining: what the operator gives by hand comes last, so that it wins."""
    return spec.kind not in ONLINE_KINDS


def _joined(
    name: str, before: gpd.GeoDataFrame | None, frame: gpd.GeoDataFrame
) -> gpd.GeoDataFrame:
    if before is None or before.empty:
        return frame
    return kinds.JOINED[name](before, frame)


def _check_known(specs: Iterable[SourceSpec]) -> None:
    for spec in specs:
        if spec.kind not in KINDS:
            raise ConfigError(
                f"source {spec.name}",
                f"its kind {spec.kind} is not known",
                f"Use one of {', '.join(sorted(KINDS))}",
            )
        # A misspelt `restricted` would let a licensed outline out of the house.
        unknown = sorted(set(spec.options) - kinds.OPTIONS.get(spec.kind, frozenset()))
        if unknown:
            known = sorted(kinds.OPTIONS.get(spec.kind, frozenset()))
            raise ConfigError(
                f"source {spec.name}",
                f"{', '.join(unknown)} is nothing that a source of kind {spec.kind} takes",
                f"Beside what every source has it takes {', '.join(known) or 'nothing'}",
            )


def _check_kinds(specs: Iterable[SourceSpec]) -> None:
    """Refuse an area that names too few or too many, before anything is asked."""
    filled = Counter(kinds.frame_of(spec.kind) for spec in specs)
    missing = sorted(kinds.REQUIRED - set(filled))
    if missing:
        raise SourceError(
            ", ".join(missing), "no source of this kind is named", "Add one to the area file"
        )
    repeated = sorted(name for name, n in filled.items() if n > 1 and name not in kinds.JOINED)
    if repeated:
        raise ConfigError(
            f"source kind {', '.join(repeated)}",
            "two sources of this kind are named",
            "Name one in the area file",
        )


def _can_do_without(spec: SourceSpec, area: Area) -> bool:
    """Tell whether the assessment can be made without a source, or with another in its place."""
    name = kinds.frame_of(spec.kind)
    others = (
        other
        for other in area.sources
        if other is not spec and not other.switched_off and kinds.frame_of(other.kind) == name
    )
    return name not in kinds.REQUIRED or any(others)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gathering:
    """One round of asking."""

    area: Area
    folder: Path
    held: Held
    now: datetime
    downloader: Downloader | None
    wish: Wish

    def ask(self, spec: SourceSpec, so_far: Mapping[str, _Answer]) -> _Answer:
        kept, hold = self.held(spec.name), self.wish.holds.get(spec.name)
        if spec.switched_off:
            return _switched_off(spec, self.area, kept, now=self.now)
        if self.wish.ask_now and spec.name not in self.wish.ask_now:
            return self._remembered(spec, so_far)
        if spec.path is None and spec.kind not in ONLINE_KINDS:
            return _not_named(spec, self.area, kept, now=self.now)
        if hold is not None and hold.candidate is None:
            return _kept_back(spec, self.area, kept, hold, now=self.now)
        still = self._good_still(spec, kept, hold)
        if still is not None:
            return still
        wanted = _wanted(self.area, so_far) if spec.kind in kinds.LOOK_UPS else ()
        errand = self._errand(kept, so_far, (*self.wish.wanted, *wanted))
        return self._asked(spec, errand, kept, hold)

    def _remembered(self, spec: SourceSpec, so_far: Mapping[str, _Answer]) -> _Answer:
        recollection = _Recollection(
            area=self.area,
            folder=self.folder,
            held=self.held,
            now=self.now,
            holds=self.wish.holds,
        )
        return recollection.ask(spec, so_far)

    def _good_still(
        self, spec: SourceSpec, kept: Snapshot | None, hold: Hold | None
    ) -> _Answer | None:
        """Answer from what is held while the source need not be asked; None if it must be."""
        if kept is None or not self._is_good_still(spec, kept):
            return None
        frame = _held_frame(spec, self.area, kept)
        if frame is None:
            return None
        if hold is not None:
            return _kept_back(spec, self.area, kept, hold, now=self.now)
        return _answer(spec, self.area, kept, frame, now=self.now)

    def _is_good_still(self, spec: SourceSpec, kept: Snapshot) -> bool:
        age = self.now - kept.checked_at
        is_due = not timedelta(0) <= age < timedelta(days=spec.every_days)
        return not is_due and spec.name not in self.wish.ask_now

    def _asked(
        self, spec: SourceSpec, errand: Errand, kept: Snapshot | None, hold: Hold | None
    ) -> _Answer:
        try:
            snapshot = KINDS[spec.kind].fetch(spec, errand)
            frame = reading.load(snapshot, spec, self.area)
        except (ConfigError, DataError, SourceError) as error:
            LOG.warning("%s: %s", spec.name, error)
            return _fall_back(spec, self.area, kept, error, now=self.now)
        faults = self._faults(spec, kept, snapshot, frame)
        if faults:
            since = hold.since if hold is not None else self.now
            waiting = Hold(since=since, rule="; ".join(faults), candidate=snapshot)
            LOG.warning("%s: held: %s", spec.name, waiting.rule)
            return _kept_back(spec, self.area, kept, waiting, now=self.now)
        if kept is not None and kept.sha256 == snapshot.sha256:
            snapshot = snapshots.seen_again(kept, snapshot)
        LOG.info("%s: %d rows of %s", spec.name, len(frame), snapshot.edition or snapshot.url)
        return _answer(spec, self.area, snapshot, frame, now=self.now)

    def _errand(
        self, kept: Snapshot | None, so_far: Mapping[str, _Answer], wanted: tuple[str, ...]
    ) -> Errand:
        return Errand(
            area=self.area,
            folder=self.folder,
            now=self.now,
            downloader=self.downloader,
            held=kept if kept is not None and snapshots.is_whole(kept) else None,
            wanted=wanted,
            in_use={
                name: found.state.snapshot
                for name, found in so_far.items()
                if found.state.snapshot is not None
            },
        )

    def _faults(
        self,
        spec: SourceSpec,
        kept: Snapshot | None,
        snapshot: Snapshot,
        frame: gpd.GeoDataFrame,
    ) -> tuple[str, ...]:
        """Compare with the last good set; what ships was looked at before it was shipped."""
        if kept is None or kept.sha256 == snapshot.sha256 or _ships(spec):
            return ()
        before = _held_frame(spec, self.area, kept)
        if before is None or kinds.frame_of(spec.kind) in kinds.COMES_AND_GOES:
            return ()
        name = kinds.frame_of(spec.kind)
        key = kinds.SCHEMAS[name].key
        faults = gates.compared(before, frame, key)
        return faults + (gates.moved(before, frame, key) if name == "postcodes" else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recollection:
    """One round of remembering."""

    area: Area
    folder: Path | None
    held: Held
    now: datetime
    holds: Mapping[str, Hold]

    def ask(self, spec: SourceSpec, so_far: Mapping[str, _Answer]) -> _Answer:
        del so_far
        kept, hold = self.held(spec.name), self.holds.get(spec.name)
        if spec.switched_off:
            return _switched_off(spec, self.area, kept, now=self.now)
        if hold is not None:
            return _kept_back(spec, self.area, kept, hold, now=self.now)
        if spec.kind in ONLINE_KINDS:
            return _recalled_online(spec, self.area, kept, now=self.now)
        frame = None if _ships(spec) else _held_frame(spec, self.area, kept)
        if frame is not None and kept is not None:
            return _answer(spec, self.area, kept, frame, now=self.now)
        if spec.path is None:
            return _not_named(spec, self.area, kept, now=self.now)
        return self._read(spec, kept)

    def _read(self, spec: SourceSpec, kept: Snapshot | None) -> _Answer:
        try:
            snapshot = self._taken(spec)
            frame = reading.load(snapshot, spec, self.area)
        except (DataError, SourceError) as error:
            LOG.warning("%s: %s", spec.name, error)
            return _fall_back(spec, self.area, kept, error, now=self.now)
        if kept is not None and kept.sha256 == snapshot.sha256:
            snapshot = snapshots.seen_again(kept, snapshot)
        return _answer(spec, self.area, snapshot, frame, now=self.now)

    def _taken(self, spec: SourceSpec) -> Snapshot:
        if self.folder is None:
            return snapshots.in_place(spec, now=self.now)
        errand = Errand(area=self.area, folder=self.folder, now=self.now)
        return KINDS[spec.kind].fetch(spec, errand)


def _wanted(area: Area, so_far: Mapping[str, _Answer]) -> tuple[str, ...]:
    """Return the postcodes of applications that have no point, where no list has them."""
    frames = [
        (kinds.frame_of(found.state.spec.kind), found.frame)
        for found in so_far.values()
        if found.frame is not None
    ]
    known = {code for name, frame in frames if name == "postcodes" for code in frame["postcode"]}
    named = {
        gazetteer.normalised_postcode(given) if isinstance(given, str) else None
        for name, frame in frames
        if name == "applications"
        for given in frame.loc[frame.geometry.isna(), "postcode"]
    } | {
        gazetteer.postcode_in(address)
        for name, frame in frames
        if name == "applications"
        for address in frame.loc[frame.geometry.isna(), "address"].dropna()
    }
    return tuple(
        sorted(code for code in named if code and code not in known and area.speaks_for(code))
    )


def _not_named(spec: SourceSpec, area: Area, kept: Snapshot | None, *, now: datetime) -> _Answer:
    frame = _held_frame(spec, area, kept)
    if frame is not None and kept is not None:
        return _answer(spec, area, kept, frame, now=now)
    if not _can_do_without(spec, area):
        raise SourceError(spec.name, "no file is named", "Give its path in the area file")
    return _not_set_up(spec, "No file or service is named for it on this installation.")


def _switched_off(spec: SourceSpec, area: Area, kept: Snapshot | None, *, now: datetime) -> _Answer:
    """
    Go on with what a service gave before, if nobody is asked any more; forget what was opted into.

    A switch that took every application off the map, or put a postcode where an older list has it,
    would tell residents of changes that never were.
    """
    if spec.switched_off != SWITCHED_OFF or kept is None:
        return _not_set_up(spec, spec.switched_off)
    return _recalled_online(spec, area, kept, now=now)


def _not_set_up(spec: SourceSpec, problem: str) -> _Answer:
    state = SourceState(
        spec=spec, status=SourceStatus.NOT_CONFIGURED, snapshot=None, problem=problem
    )
    return _Answer(frame=None, state=state)


def _kept_back(
    spec: SourceSpec, area: Area, kept: Snapshot | None, hold: Hold, *, now: datetime
) -> _Answer:
    """Go on with the last good copy, and say what waits for a person."""
    frame = _held_frame(spec, area, kept)
    if frame is None and not _can_do_without(spec, area):
        way_out = f"No earlier copy is held; lift it with `sinkwatch sources accept {spec.name}`"
        raise SourceError(spec.name, f"it is on hold: {hold.rule}", way_out)
    since = wording.date_text(wording.london_date(hold.since))
    state = SourceState(
        spec=spec,
        status=SourceStatus.HELD,
        snapshot=kept if frame is not None else None,
        problem=f"On hold since {since}: {hold.rule}.",
        n_rows=0 if frame is None else len(frame),
        hold=hold,
        age=_age(spec, area, kept, now=now),
    )
    return _Answer(frame=frame, state=state)


def _recalled_online(
    spec: SourceSpec, area: Area, kept: Snapshot | None, *, now: datetime
) -> _Answer:
    """Use the copy held of a service; one that was never asked has failed in nothing yet."""
    if kept is None:
        return _not_set_up(spec, "It has not been asked yet.")
    frame = _held_frame(spec, area, kept)
    if frame is None:
        problem = "The copy held is gone or cannot be used; the next run asks again."
        state = SourceState(spec=spec, status=SourceStatus.FAILED, snapshot=None, problem=problem)
        return _Answer(frame=None, state=state)
    return _answer(spec, area, kept, frame, now=now)


def _held_frame(spec: SourceSpec, area: Area, kept: Snapshot | None) -> gpd.GeoDataFrame | None:
    """Load the copy held; None if there is none, or it is not what was taken in any more."""
    if kept is None:
        return None
    if not snapshots.is_whole(kept):
        LOG.warning("%s: the copy held, %s, is gone or has changed", spec.name, kept.path)
        return None
    try:
        return reading.load(kept, spec, area)
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
    spec: SourceSpec,
    area: Area,
    kept: Snapshot | None,
    error: ConfigError | DataError | SourceError,
    *,
    now: datetime,
) -> _Answer:
    frame = _held_frame(spec, area, kept)
    if frame is None and not _can_do_without(spec, area):
        raise SourceError(
            spec.name,
            f"{error.rule}. {error.way_out}",
            "No earlier copy is held, so nothing was done",
        ) from error
    state = SourceState(
        spec=spec,
        status=SourceStatus.FAILED,
        snapshot=kept if frame is not None else None,
        problem=str(error),
        n_rows=0 if frame is None else len(frame),
        age=_age(spec, area, kept, now=now),
    )
    return _Answer(frame=frame, state=state)


def _answer(
    spec: SourceSpec, area: Area, snapshot: Snapshot, frame: gpd.GeoDataFrame, *, now: datetime
) -> _Answer:
    age = _age(spec, area, snapshot, now=now)
    state = SourceState(
        spec=spec, status=SourceStatus.GOOD, snapshot=snapshot, n_rows=len(frame), age=age
    )
    if age is not Age.FRESH:
        days = area.parameters.stale_after_days[spec.name]
        problem = f"Last checked more than {days} days ago."
        state = replace(state, status=SourceStatus.STALE, problem=problem)
    return _Answer(frame=frame, state=state)


def _age(spec: SourceSpec, area: Area, snapshot: Snapshot | None, *, now: datetime) -> Age:
    if snapshot is None:
        return Age.FRESH
    since = now - snapshot.checked_at
    steps = (
        (Age.RED, area.parameters.red_after_days.get(spec.name)),
        (Age.AMBER, area.parameters.stale_after_days.get(spec.name)),
    )
    reached = (age for age, days in steps if days is not None and since > timedelta(days=days))
    return next(reached, Age.FRESH)
