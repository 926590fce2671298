"""The verbs of whoever looks after the sources: list, refresh, accept, hold."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sinkwatch import intake, sources
from sinkwatch.errors import ConfigError, SourceError
from sinkwatch.model import Hold, Snapshot, SourceSpec, SourceState
from sinkwatch.sources import inventory, snapshots

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import pandas as pd

    from sinkwatch.services import Services


def state(services: Services, name: str) -> SourceState:
    """
    Return how one source stands.

    Parameters
    ----------
    services
        With the area.
    name
        Of the source.

    Returns
    -------
    state
        As `intake.recall` has it.

    Raises
    ------
    ConfigError
        If the area has no such source.
    """
    spec = _named(services, name)
    states = intake.recall(services).states
    return next(found for found in states if found.spec.name == spec.name)


def remarks(services: Services, name: str) -> tuple[str, ...]:
    """
    Say what a person should look at in a source beyond how it stands.

    Parameters
    ----------
    services
        With the area.
    name
        Of the source.

    Returns
    -------
    remarks
        Of an inventory, what an operator's records add, correct and confirm, and which pairs may
        be one event; nothing of another source.
    """
    spec = _named(services, name)
    if spec.kind != "sinkholes":
        return ()
    kinds = [other for other in services.area.sources if other.kind == spec.kind]
    before, own = _frames(services, kinds[: kinds.index(spec)]), _frames(services, [spec])
    if not own:
        return ()
    if not before:
        return tuple(_twins(inventory.duplicates(own[0])))
    found = inventory.compared(functools.reduce(inventory.joined, before), own[0])
    return (*_changes(found), *_twins(found.proposals))


def _frames(services: Services, specs: Sequence[SourceSpec]) -> list[gpd.GeoDataFrame]:
    wanted = {spec.name for spec in specs}
    return [
        sources.KINDS[found.spec.kind].load(found.snapshot, found.spec, services.area)
        for found in intake.recall(services).states
        if found.spec.name in wanted and found.snapshot is not None
    ]


def _changes(found: inventory.Comparison) -> Iterator[str]:
    for added in found.added:
        yield f"Adds {added}"
    for row in found.corrections.to_dict("records"):
        change = f'{row["column"]} "{row["before"]}" to "{row["after"]}"'
        yield f"Corrects {row['sinkhole_id']}: {change}"
    for row in found.confirmed.to_dict("records"):
        yield f"{row['sinkhole_id']} repeats {row['other_id']} (feature {row['feature_id']})"


def _twins(proposals: pd.DataFrame) -> Iterator[str]:
    for row in proposals.to_dict("records"):
        yield f"Perhaps one event: {row['sinkhole_id']} and {row['other_id']}, {row['why']}"


def refresh(services: Services, names: Sequence[str] = ()) -> tuple[SourceState, ...]:
    """
    Ask sources now, and keep what passes the gates; nothing is alerted or published.

    What is news in it is told by the next run, which compares with what the last one recorded.

    Parameters
    ----------
    services
        Clock, store, area and the way out.
    names
        Of the sources; empty for all that are set up.

    Returns
    -------
    states
        How the sources that were asked stand now.

    Raises
    ------
    ConfigError
        If the area has no such source, or it is not asked on this installation.
    BusyError
        If a run is at work.
    """
    specs = [_asked_here(services, name) for name in names] or [
        spec for spec in services.area.sources if not spec.switched_off
    ]
    return intake.refresh(services, frozenset(spec.name for spec in specs))


def hold(services: Services, name: str) -> None:
    """
    Take nothing new from a source, and drop what waits, until a person accepts it again.

    Parameters
    ----------
    services
        Clock, store and area.
    name
        Of the source.

    Raises
    ------
    ConfigError
        If the area has no such source.
    """
    from sinkwatch.store import holds  # noqa: PLC0415 - with the store

    spec = _named(services, name)
    with services.lock(), services.store() as store, store.begin() as connection:
        holds.keep(connection, spec.name, Hold(since=services.clock(), rule=sources.BY_HAND))


def accept(services: Services, name: str) -> Snapshot | None:
    """
    Let a source off hold; what waits is in use from the next run.

    Parameters
    ----------
    services
        Clock, store and area.
    name
        Of the source.

    Returns
    -------
    accepted
        What waited; None if nothing did and the source is merely asked again.

    Raises
    ------
    ConfigError
        If the area has no such source, or it is not on hold.
    SourceError
        If what waits is gone or has changed since.
    """
    from sinkwatch.store import holds, runs  # noqa: PLC0415 - with the store

    spec = _named(services, name)
    with services.lock(), services.store() as store:
        held = intake.recollect(services, store).holds.get(spec.name)
        if held is None:
            raise ConfigError(
                f"source {name}", "is not on hold", "`sinkwatch sources list` says which are"
            )
        accepted = _usable(services, spec, held)
        with store.begin() as connection:
            if accepted is not None:
                runs.hold(connection, accepted)
            holds.lift(connection, spec.name)
    return accepted


def _usable(services: Services, spec: SourceSpec, held: Hold) -> Snapshot | None:
    """Return what waits, with the time at which it was asked for; refuse what is no use."""
    if held.candidate is None:
        return None
    if not snapshots.is_whole(held.candidate):
        raise SourceError(
            spec.name,
            f"{held.candidate.path}, which waits, is gone or has changed",
            f"Ask anew with `sinkwatch sources refresh {spec.name}`",
        )
    sources.KINDS[spec.kind].load(held.candidate, spec, services.area)
    return held.candidate


def _named(services: Services, name: str) -> SourceSpec:
    for spec in services.area.sources:
        if spec.name == name:
            return spec
    known = ", ".join(spec.name for spec in services.area.sources)
    raise ConfigError(
        f"source {name}", f"is none of area {services.area.area_id}", f"Use one of {known}"
    )


def _asked_here(services: Services, name: str) -> SourceSpec:
    spec = _named(services, name)
    if spec.switched_off:
        raise ConfigError(f"source {name}", spec.switched_off.rstrip("."), "See the README")
    return spec
