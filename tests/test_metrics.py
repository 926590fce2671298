"""What a Prometheus server is told."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert, update

from sinkwatch import health, metrics
from sinkwatch.model import Outcome
from sinkwatch.store import brakes, jobs, tables, throttles
from sinkwatch.store.brakes import Brake
from sinkwatch.store.throttles import Throttle
from tests.conftest import NOW, Clock
from tests.standing import ADDRESS, a_mail, a_person, a_run, daily_run, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinkwatch.services import Services


def figures(services: Services) -> dict[str, float]:
    with services.store() as store:
        text = metrics.exposition(services, store).decode()
    return dict(samples(text))


def samples(text: str) -> Iterator[tuple[str, float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(sample.labels.values())
            yield f"{sample.name.removeprefix('sinkwatch_')} {labels}".strip(), sample.value


def test_an_empty_installation_has_every_figure_at_nought(services: Services) -> None:
    found = figures(services)
    assert set(found.values()) == {0.0}
    assert {name for name in found if name.startswith("messages")} == {
        f"messages {outcome}" for outcome in Outcome
    }
    assert "runs_waiting" in found
    assert "queue_stopped" in found


def test_the_figures_are_those_of_the_database(services: Services, clock: Clock) -> None:
    asked = {"email": ADDRESS, "purpose": "subscribe", "wanted": [], "consent": {}}
    stop = Throttle(domain=throttles.ALL, paused_until=NOW + timedelta(days=1), problem="535")
    brake = Brake(run_id=1, since=NOW, n_concerned=80, rule="80 of 100")
    state = {"source": "planit", "problem": "", "changed_at": NOW, "n_rows": 1}
    paused = update(tables.subscribers).where(tables.subscribers.c.subscriber_id == "s1")
    write(
        services,
        daily_run(),
        lambda connection: jobs.note_failure(connection, "backup", NOW, "disk full"),
        a_person(1),
        a_person(2),
        a_person(3),
        lambda connection: connection.execute(
            paused.values(paused_until=NOW.date() + timedelta(days=9))
        ),
        lambda connection: connection.execute(
            insert(tables.signups).values(signup_id="q", created_at=NOW, **asked)
        ),
        a_mail(1),
        a_mail(2, NOW + timedelta(minutes=1)),
        lambda connection: throttles.keep(connection, stop),
        a_run,
        lambda connection: brakes.pull(connection, brake),
        lambda connection: connection.execute(
            insert(tables.source_states).values(status="stale", **state)
        ),
    )
    clock.move(minutes=2)
    found = {name: value for name, value in figures(services).items() if value}
    assert found == {
        "subscribers active": 2.0,
        "subscribers paused": 1.0,
        "subscribers unconfirmed": 1.0,
        "messages created": 2.0,
        "oldest_waiting_seconds": 120.0,
        "job_last_success_timestamp_seconds daily-run": NOW.timestamp(),
        "job_failures backup": 1.0,
        "sources stale": 1.0,
        "runs_waiting": 1.0,
        "queue_stopped": 1.0,
    }


def test_nobody_can_be_found_in_what_is_published(services: Services) -> None:
    slow = Throttle(domain="example.org", paused_until=NOW + timedelta(days=1), problem=ADDRESS)
    write(services, a_person(1), a_mail(), lambda connection: throttles.keep(connection, slow))
    with services.store() as store:
        text = metrics.exposition(services, store).decode()
    said = text + json.dumps([beat.says for beat in health.examine(services)])
    for private in (ADDRESS, "example.org", "HG4", "s1", "p1", "python_info", "process_"):
        assert private not in said
