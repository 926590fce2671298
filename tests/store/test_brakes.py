from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from sinkwatch.errors import StoreError
from sinkwatch.store import Store, brakes, runs, tables
from sinkwatch.store.brakes import Brake

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def a_pulled_brake(store: Store, n_concerned: int = 21) -> Brake:
    with store.begin() as connection:
        run_id = runs.start(connection, NOW)
        rule = "more than 10% of 40 subscribers"
        brake = Brake(run_id=run_id, since=NOW, n_concerned=n_concerned, rule=rule)
        brakes.pull(connection, brake)
    return brake


def test_the_runs_that_wait_are_listed_oldest_first_and_whole(store: Store) -> None:
    with store.read() as connection:
        assert brakes.waiting(connection) == ()
    both = a_pulled_brake(store, 21), a_pulled_brake(store, 400)
    with store.read() as connection:
        assert brakes.waiting(connection) == both


@pytest.mark.parametrize("ending", ["approved", "discarded"])
def test_a_run_that_was_decided_on_waits_no_longer_and_keeps_the_decision(
    store: Store, ending: str
) -> None:
    first, second = a_pulled_brake(store), a_pulled_brake(store)
    with store.begin() as connection:
        brakes.end(connection, first.run_id, ending, NOW + HOUR)
        assert brakes.waiting(connection) == (second,)
        rows = connection.execute(select(tables.brakes).order_by(tables.brakes.c.run_id))
        assert [(row.ending, row.ended_at) for row in rows] == [(ending, NOW + HOUR), (None, None)]


def test_a_run_is_decided_on_once_and_only_if_it_waits(store: Store) -> None:
    brake = a_pulled_brake(store)
    with store.begin() as connection:
        brakes.end(connection, brake.run_id, "approved", NOW)
        for run_id in (brake.run_id, brake.run_id + 1):
            with pytest.raises(StoreError, match=f"run {run_id}: does not wait for approval"):
                brakes.end(connection, run_id, "discarded", NOW)


def test_any_other_decision_is_refused(store: Store) -> None:
    brake = a_pulled_brake(store)
    with pytest.raises(IntegrityError), store.begin() as connection:
        brakes.end(connection, brake.run_id, "forgotten", NOW)
    with store.read() as connection:
        assert brakes.waiting(connection) == (brake,)
