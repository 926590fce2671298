from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sinkwatch.store import Store, jobs
from sinkwatch.store.jobs import JobRow

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_job_never_tried_is_unknown(store: Store) -> None:
    with store.read() as connection:
        assert jobs.get(connection, "run") is None
        assert jobs.last_success(connection, "run") is None


def test_a_success_is_remembered(store: Store) -> None:
    with store.begin() as connection:
        jobs.note_success(connection, "run", NOW)
        jobs.note_success(connection, "run", NOW + HOUR)
        assert jobs.last_success(connection, "run") == NOW + HOUR


def test_failures_are_counted_since_the_last_success_which_stays_known(store: Store) -> None:
    with store.begin() as connection:
        jobs.note_success(connection, "run", NOW)
        jobs.note_failure(connection, "run", NOW + HOUR, "no network")
        jobs.note_failure(connection, "run", NOW + 2 * HOUR, "disk full")
        assert jobs.get(connection, "run") == JobRow(
            job="run",
            last_success_at=NOW,
            last_attempt_at=NOW + 2 * HOUR,
            failures=2,
            last_problem="disk full",
        )


def test_a_job_that_only_ever_failed_has_no_success(store: Store) -> None:
    with store.begin() as connection:
        jobs.note_failure(connection, "run", NOW, "no network")
        row = jobs.get(connection, "run")
    assert row is not None
    assert (row.last_success_at, row.failures) == (None, 1)


def test_a_success_forgets_the_failures(store: Store) -> None:
    with store.begin() as connection:
        jobs.note_failure(connection, "run", NOW, "no network")
        jobs.note_success(connection, "run", NOW + HOUR)
        row = jobs.get(connection, "run")
    assert row is not None
    assert (row.failures, row.last_problem) == (0, "")


def test_jobs_do_not_mix(store: Store) -> None:
    with store.begin() as connection:
        jobs.note_success(connection, "run", NOW)
        jobs.note_failure(connection, "deliver", NOW, "no relay")
        assert jobs.last_success(connection, "run") == NOW
        assert jobs.last_success(connection, "deliver") is None
