from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from sinkwatch.store import Store, throttles
from sinkwatch.store.throttles import ALL, Throttle

NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SLOW = Throttle(
    domain="slow.example",
    next_at=NOW + MINUTE,
    paused_until=NOW + 2 * MINUTE,
    width=1,
    problem="421 4.7.0 too fast",
)


def test_a_domain_of_which_nothing_is_noted_is_bound_by_the_width_alone(store: Store) -> None:
    with store.begin() as connection:
        throttles.keep(connection, SLOW)
        for look in (throttles.get, throttles.locked):
            assert look(connection, "example.org") == Throttle(domain="example.org", width=2)


def test_a_note_comes_back_whole_and_the_newest_stands(store: Store) -> None:
    with store.begin() as connection:
        throttles.keep(connection, SLOW)
        assert throttles.get(connection, "slow.example") == SLOW
        assert throttles.locked(connection, "slow.example") == SLOW
        anew = Throttle(domain="slow.example")
        throttles.keep(connection, anew)
        assert throttles.get(connection, "slow.example") == anew


@pytest.mark.parametrize(
    ("throttle", "stands"),
    [
        (Throttle(domain="x"), False),
        (Throttle(domain="x", next_at=NOW), False),
        (Throttle(domain="x", next_at=NOW + MINUTE), True),
        (Throttle(domain="x", paused_until=NOW), False),
        (Throttle(domain="x", paused_until=NOW + MINUTE), True),
        (Throttle(domain="x", next_at=NOW, paused_until=NOW + MINUTE), True),
    ],
)
def test_a_domain_stands_until_the_moment_noted(
    throttle: Throttle,
    stands: bool,  # noqa: FBT001 - a column of the table above
) -> None:
    assert throttle.stands(NOW) is stands


def test_what_is_paused_now_is_listed_the_whole_queue_first(store: Store) -> None:
    everything = Throttle(domain=ALL, paused_until=NOW + MINUTE, problem="535 5.7.8 refused")
    with store.begin() as connection:
        assert throttles.paused(connection, NOW) == ()
        for throttle in (
            SLOW,
            everything,
            Throttle(domain="a.example", paused_until=NOW),
            Throttle(domain="b.example", next_at=NOW + MINUTE),
        ):
            throttles.keep(connection, throttle)
        assert throttles.paused(connection, NOW) == (everything, SLOW)


def test_an_operator_lifts_every_pause(store: Store) -> None:
    with store.begin() as connection:
        throttles.keep(connection, SLOW)
        throttles.keep(connection, Throttle(domain=ALL, paused_until=NOW + MINUTE))
        assert throttles.lift(connection) == 2
        assert throttles.paused(connection, NOW) == ()
        assert throttles.lift(connection) == 0


def test_a_domain_that_takes_nothing_at_a_time_cannot_be_noted(store: Store) -> None:
    with pytest.raises(IntegrityError), store.begin() as connection:
        throttles.keep(connection, replace(SLOW, width=0))


def test_senders_that_note_two_domains_each_in_its_own_order_do_not_wait_for_ever(
    store: Store,
) -> None:
    start = threading.Barrier(2)
    faults: list[Exception] = []

    def note(domains: list[str]) -> None:
        start.wait()
        try:
            for n in range(5):
                with store.begin() as connection:
                    for domain in domains:
                        problem = f"{throttles.locked(connection, domain).problem}{n}"
                        throttles.keep(connection, Throttle(domain=domain, problem=problem))
        except Exception as error:  # noqa: BLE001 - a thread has nobody else to tell
            faults.append(error)

    orders = ["a", "b"], ["b", "a"]
    threads = [threading.Thread(target=note, args=(list(order),)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    with store.read() as connection:
        for domain in ("a", "b"):
            assert sorted(throttles.get(connection, domain).problem) == sorted("0123401234")
