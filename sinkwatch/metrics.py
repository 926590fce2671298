"""The figures that a Prometheus server collects: counts and times, and nobody's data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from sinkwatch import wording

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Metric

    from sinkwatch.services import Services
    from sinkwatch.store import Store
    from sinkwatch.store.vitals import Vitals

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Of what `exposition` returns."""


def exposition(services: Services, store: Store) -> bytes:
    """
    Write how the installation stands, for a Prometheus server.

    Parameters
    ----------
    services
        With the clock.
    store
        Open.

    Returns
    -------
    text
        In the text format, as of this moment.

    Raises
    ------
    StoreError
        If the database cannot be read.
    """
    from sinkwatch.store import vitals  # noqa: PLC0415 - with the store

    now = services.clock()
    with store.read() as connection:
        seen = vitals.take(connection, now, wording.london_date(now))
    # A registry of its own: the default one adds figures of the process that serves.
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(seen, now))
    return bytes(generate_latest(registry))


class _Figures(Collector):
    """What was seen, as figures; every label is one of our own words, never a person's."""

    def __init__(self, seen: Vitals, now: datetime) -> None:
        self._seen = seen
        self._now = now

    def collect(self) -> Iterator[Metric]:
        seen = self._seen
        yield _by("subscribers", "Subscribers by state.", "state", seen.subscribers.items())
        yield _by("messages", "Messages by what became of them.", "state", seen.messages.items())
        waits_s = (self._now - (seen.oldest_due_at or self._now)).total_seconds()
        yield _one("oldest_waiting_seconds", "How long the oldest due message waits.", waits_s)
        yield _by(
            "job_last_success_timestamp_seconds",
            "When each job last came to its end, as Unix time.",
            "job",
            ((row.job, _unix(row.last_success_at)) for row in seen.jobs if row.last_success_at),
        )
        yield _by(
            "job_failures",
            "How often each job has failed since it last came to its end.",
            "job",
            ((row.job, row.failures) for row in seen.jobs),
        )
        yield _by("sources", "Sources by status.", "status", seen.sources.items())
        yield _one("runs_waiting", "Runs that wait for approval.", len(seen.runs_waiting))
        yield _one("queue_stopped", "1 if no mail goes at all.", float(seen.stop is not None))


def _one(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"sinkwatch_{name}", help_text, value=value)


def _by(name: str, help_text: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(f"sinkwatch_{name}", help_text, labels=[label])
    for word, value in values:
        family.add_metric([str(word)], value)
    return family


def _unix(at: datetime) -> float:
    return at.astimezone(UTC).timestamp()
