"""What a dead man's switch is told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from sinkwatch import health, mailroom, reminders, safekeeping, timetable
from sinkwatch.model import Outcome
from sinkwatch.store import brakes, jobs, tables, throttles
from sinkwatch.store.brakes import Brake
from sinkwatch.store.throttles import Throttle
from tests.conftest import NOW, Clock
from tests.standing import ADDRESS, a_mail, a_run, daily_run, write

if TYPE_CHECKING:
    from sinkwatch.health import Beat
    from sinkwatch.services import Services


def looked(services: Services) -> dict[str, Beat]:
    return {beat.check: beat for beat in health.examine(services)}


def test_jobs_are_watched_by_the_names_that_others_give_them() -> None:
    assert {safekeeping.JOB, mailroom.TIDY, reminders.ASKING} < health.EVERY_DAY


def test_an_installation_that_works_is_well_in_every_point(services: Services) -> None:
    write(services, daily_run())
    found = looked(services)
    assert list(found) == ["job daily-run", "outbox", "queue", "runs"]
    assert all(beat.is_ok for beat in found.values())
    assert found["job daily-run"].says == "last ended 22 November 2026 at 09:30"


def test_one_that_never_ran_is_not_well(services: Services) -> None:
    (beat,) = health.examine(services)
    assert (beat.check, beat.is_ok) == ("database", False)
    assert not services.database_file().exists()


def test_a_job_that_was_never_tried_is_not_well(services: Services) -> None:
    write(services, lambda connection: jobs.note_success(connection, "backup", NOW))
    found = looked(services)
    assert not found["job daily-run"].is_ok
    assert found["job backup"].is_ok


@pytest.mark.parametrize(
    ("silence", "is_ok"),
    [
        (timedelta(), True),
        (timedelta(hours=26), True),
        (timedelta(hours=26, seconds=1), False),
        (timedelta(hours=-1), True),
        (timedelta(hours=-3), False),
    ],
)
def test_a_job_may_be_silent_for_26_hours(
    services: Services,
    silence: timedelta,
    is_ok: bool,  # noqa: FBT001 - a column of the table above
) -> None:
    write(services, daily_run(NOW - silence))
    assert looked(services)["job daily-run"].is_ok is is_ok


def test_a_failure_is_told_before_it_is_a_silence_and_without_an_address(
    services: Services, clock: Clock
) -> None:
    write(
        services,
        daily_run(),
        lambda connection: jobs.note_failure(
            connection, timetable.DAILY_RUN, NOW, f"550 <{ADDRESS}> no such user"
        ),
    )
    clock.move(hours=25)
    beat = looked(services)["job daily-run"]
    assert beat.is_ok
    assert beat.says.endswith("since then: 550 [address] no such user")


@pytest.mark.parametrize(("minutes", "is_ok"), [(60, True), (61, False)])
def test_a_job_that_is_done_when_needed_may_be_silent_but_not_undone(
    services: Services,
    clock: Clock,
    minutes: int,
    is_ok: bool,  # noqa: FBT001 - a column of the table above
) -> None:
    write(
        services,
        daily_run(NOW + timedelta(hours=1)),
        lambda connection: jobs.note_success(connection, "idle", NOW - timedelta(days=90)),
        lambda connection: jobs.note_failure(connection, "wipe", NOW, "bytes are left"),
    )
    clock.move(minutes=minutes)
    found = looked(services)
    assert found["job idle"].is_ok
    assert found["job wipe"].is_ok is is_ok
    assert found["job wipe"].says == "not done since 22 November 2026 at 09:30: bytes are left"


def test_a_job_that_only_ever_failed_is_not_well(services: Services) -> None:
    write(
        services,
        lambda connection: jobs.note_failure(connection, timetable.DAILY_RUN, NOW, "disk full"),
    )
    beat = looked(services)["job daily-run"]
    assert (beat.is_ok, beat.says) == (
        False,
        "has never come to its end; since then: disk full",
    )


@pytest.mark.parametrize(
    ("state", "waits", "is_ok"),
    [
        (Outcome.CREATED, timedelta(hours=2), True),
        (Outcome.CREATED, timedelta(hours=2, seconds=1), False),
        (Outcome.TEMPORARY_FAILURE, timedelta(hours=3), False),
        (Outcome.SENDING, timedelta(hours=3), False),
        (Outcome.SENT, timedelta(hours=3), True),
        (Outcome.PARKED, timedelta(hours=3), True),
        (Outcome.EXPIRED, timedelta(hours=3), True),
        (Outcome.CREATED, timedelta(hours=-3), True),
    ],
)
def test_a_due_message_may_wait_for_two_hours(
    services: Services,
    state: Outcome,
    waits: timedelta,
    is_ok: bool,  # noqa: FBT001 - as above
) -> None:
    held = {"claimed_until": NOW - waits if state is Outcome.SENDING else None}
    sent = {"sent_at": NOW if state is Outcome.SENT else None}
    write(
        services,
        daily_run(),
        a_mail(at=NOW - waits),
        lambda connection: connection.execute(
            update(tables.messages).values(state=state, **held, **sent)
        ),
    )
    assert looked(services)["outbox"].is_ok is is_ok


def test_a_message_on_its_way_is_not_stuck(services: Services) -> None:
    claimed = {"state": Outcome.SENDING, "claimed_until": NOW + timedelta(minutes=15)}
    write(
        services,
        daily_run(),
        a_mail(at=NOW - timedelta(hours=5)),
        lambda connection: connection.execute(update(tables.messages).values(claimed)),
    )
    assert looked(services)["outbox"].is_ok


def test_a_stopped_queue_is_told_with_its_reason_and_a_paused_domain_is_no_fault(
    services: Services,
) -> None:
    later = NOW + timedelta(minutes=10)
    slow = Throttle(domain="example.org", paused_until=later, problem="421 slow down")
    write(services, daily_run(), lambda connection: throttles.keep(connection, slow))
    queue = looked(services)["queue"]
    assert (queue.is_ok, queue.says) == (True, "open; 1 recipient domain paused")
    problem = f"535 log-in of {ADDRESS} refused"
    stop = Throttle(domain=throttles.ALL, paused_until=later, problem=problem)
    write(services, lambda connection: throttles.keep(connection, stop))
    queue = looked(services)["queue"]
    assert (queue.is_ok, queue.says) == (False, "stopped: 535 log-in of [address] refused")


def test_a_run_that_waits_for_a_person_is_told(services: Services) -> None:
    brake = Brake(run_id=1, since=NOW, n_concerned=80, rule="80 of 100 subscribers")
    write(services, daily_run(), a_run, lambda connection: brakes.pull(connection, brake))
    beat = looked(services)["runs"]
    assert not beat.is_ok
    assert "run 1 since 22 November 2026 at 09:30 (80 of 100 subscribers)" in beat.says
    assert "sinkwatch outbox approve" in beat.says


def test_a_database_that_cannot_be_read_is_not_well(services: Services) -> None:
    services.database_file().parent.mkdir()
    services.database_file().write_bytes(b"no database" * 500)
    (beat,) = health.examine(services)
    assert (beat.check, beat.is_ok) == ("database", False)
